package explain

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// LogsQL is the selection as a LogsQL filter, without its ranges; `*` where it
// selects all. The Query of the selection comes last, in parentheses.
func (s Selection) LogsQL() string {
	parts := make([]string, 0, len(s.Terms)+1)
	for _, t := range s.Terms {
		parts = append(parts, t.logsql())
	}
	if q := strings.TrimSpace(s.Query); q != "" && q != "*" {
		parts = append(parts, "("+q+")")
	}
	if len(parts) == 0 {
		return "*"
	}
	return strings.Join(parts, " ")
}

func (t *Term) logsql() string {
	if n, ok := numberOf(t.Name); ok {
		v, err := n.parse(t.Values[0])
		if err != nil {
			return "!*" // check has refused it before
		}
		text := strconv.FormatFloat(v, 'f', -1, 64)
		field := quoteField(n.field)
		switch t.Op {
		case OpIs:
			return field + ":=" + text
		case OpIsNot:
			return "!" + field + ":=" + text
		default: // as below
		}
		return field + ":" + string(t.Op) + text
	}
	conds := make([]string, len(t.Values))
	for i, v := range t.Values {
		conds[i] = conditionLogsQL(t.Name, v)
	}
	s := conds[0]
	if len(conds) > 1 || t.Op == OpIsNot {
		s = "(" + strings.Join(conds, " or ") + ")"
	}
	if t.Op == OpIsNot {
		return "!" + s
	}
	return s
}

func quoteField(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == "" {
		return name
	}
	return strconv.Quote(name)
}

// conditionLogsQL is a filter for a value of a dimension, as the event store
// has it.
func conditionLogsQL(name, value string) string {
	exactly := func(field, v string) string { return quoteField(field) + ":=" + strconv.Quote(v) }
	if strings.HasPrefix(name, tagPrefix) {
		return exactly(name, value)
	}
	d, ok := ParseDim(name)
	if !ok {
		return "!*"
	}
	switch d {
	case DimInputBand:
		lo, hi, _ := bandBounds(value)
		field := quoteField(dimTable[d].field)
		if hi == 0 {
			return field + ":>=" + strconv.Itoa(lo)
		}
		return field + ":range[" + strconv.Itoa(lo) + ", " + strconv.Itoa(hi) + ")"
	case DimPromptVersion:
		if prompt, version, qualified := splitVersion(value); qualified {
			return "(" + exactly("prompt_name", prompt) + " " + exactly("prompt_version", version) + ")"
		}
	case DimStream:
		if value != "true" {
			return `!stream:="true"` // a Call that does not stream has no such field
		}
	case DimFinishReason:
		// The field is the text of a JSON array, whose first counts.
		return quoteField(dimTable[d].field) + `:=` + strconv.Quote(`[`+strconv.Quote(value)) + "*"
	default: // as below
	}
	return exactly(dimTable[d].field, value)
}

// Params is the query string of GET /api/pitot/v1/calls that selects the same
// Calls in a range: parameters where there are some, a LogsQL filter for the
// rest.
func (s Selection) Params(r Range) url.Values {
	v := url.Values{}
	if !r.Start.IsZero() {
		v.Set("start", r.Start.UTC().Format(time.RFC3339Nano))
	}
	if !r.End.IsZero() {
		v.Set("end", r.End.UTC().Format(time.RFC3339Nano))
	}
	rest := Selection{Query: s.Query}
	for _, t := range s.Terms {
		param := ""
		if t.Op == OpIs && len(t.Values) == 1 && t.Values[0] != "" {
			param = paramOf(t.Name)
		}
		if param == "" || v.Has(param) {
			rest.Terms = append(rest.Terms, t)
			continue
		}
		v.Set(param, t.Values[0])
	}
	if q := rest.LogsQL(); q != "*" {
		v.Set("query", q)
	}
	return v
}

func paramOf(name string) string {
	if strings.HasPrefix(name, tagPrefix) {
		return name
	}
	if d, ok := ParseDim(name); ok {
		return dimTable[d].param
	}
	return ""
}
