package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is the type of an argument.
type kind string

const (
	text    kind = "string"
	integer kind = "integer"
	flag    kind = "boolean"
	words   kind = "object" // names with texts
)

// maxText is the longest text of an argument.
const maxText = 8 << 10

// param is an argument of a tool.
type param struct {
	name     string
	kind     kind
	about    string
	required bool
	enum     []string
	// Of integers.
	def, minimum, maximum int
}

// schema is the parameters as JSON Schema.
func schema(params []param) map[string]any {
	properties := map[string]any{}
	required := []string{}
	for i := range params {
		p := &params[i]
		s := map[string]any{"type": string(p.kind), "description": p.about}
		switch {
		case p.kind == integer:
			s["minimum"], s["maximum"], s["default"] = p.minimum, p.maximum, p.def
		case p.kind == words:
			s["additionalProperties"] = map[string]any{"type": "string"}
		case len(p.enum) > 0:
			s["enum"] = p.enum
		}
		properties[p.name] = s
		if p.required {
			required = append(required, p.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// args are the checked arguments of a call of a tool.
type args struct {
	params []param
	given  map[string]any // string, int, bool or map[string]string
}

// parseArgs reads arguments. Models guess names: an error says which there are.
func parseArgs(raw json.RawMessage, params []param) (args, error) {
	a := args{params: params, given: map[string]any{}}
	var in map[string]json.RawMessage
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && !bytes.Equal(trimmed, []byte("null")) {
		if err := json.Unmarshal(raw, &in); err != nil {
			return a, fmt.Errorf("the arguments are not a JSON object: %w", err)
		}
	}
	for name, value := range in {
		i := slices.IndexFunc(params, func(p param) bool { return p.name == name })
		if i < 0 {
			return a, fmt.Errorf("unknown argument %q: this tool takes %s", name, names(params))
		}
		v, err := params[i].parse(value)
		if err != nil {
			return a, err
		}
		if v != nil {
			a.given[name] = v
		}
	}
	for i := range params {
		if _, ok := a.given[params[i].name]; !ok && params[i].required {
			return a, fmt.Errorf("argument %s is missing: %s", params[i].name, params[i].about)
		}
	}
	return a, nil
}

func names(params []param) string {
	if len(params) == 0 {
		return "no arguments"
	}
	out := make([]string, len(params))
	for i := range params {
		out[i] = params[i].name
	}
	return strings.Join(out, ", ")
}

// parse reads a value; nil where it stands for none.
func (p *param) parse(raw json.RawMessage) (any, error) {
	if bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	switch p.kind {
	case integer:
		var f float64
		if err := json.Unmarshal(raw, &f); err != nil || f != math.Trunc(f) || f < float64(p.minimum) || f > float64(p.maximum) {
			return nil, fmt.Errorf("argument %s: allowed is a whole number from %d to %d", p.name, p.minimum, p.maximum)
		}
		return int(f), nil
	case flag:
		var b bool
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, fmt.Errorf("argument %s: allowed is true or false", p.name)
		}
		return b, nil
	case words:
		var m map[string]string
		if err := json.Unmarshal(raw, &m); err != nil || len(m) > 20 {
			return nil, fmt.Errorf("argument %s: allowed is an object of at most 20 texts", p.name)
		}
		return m, nil
	case text:
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil || len(s) > maxText || !utf8.ValidString(s) {
		return nil, fmt.Errorf("argument %s: allowed is a text of at most %d bytes", p.name, maxText)
	}
	if s = strings.TrimSpace(s); s == "" {
		return nil, nil
	}
	if len(p.enum) > 0 && !slices.Contains(p.enum, s) {
		return nil, fmt.Errorf("argument %s: allowed is %s", p.name, strings.Join(p.enum, ", "))
	}
	return s, nil
}

func (a *args) text(name string) string {
	s, _ := a.given[name].(string)
	return s
}

func (a *args) flag(name string) bool {
	b, _ := a.given[name].(bool)
	return b
}

// limit is the most rows; 0 where the tool has no such argument.
func (a *args) limit() int {
	if n, ok := a.given["limit"].(int); ok {
		return n
	}
	for i := range a.params {
		if a.params[i].name == "limit" {
			return a.params[i].def
		}
	}
	return 0
}

// query is the arguments as parameters of the API, but those named in without.
func (a *args) query(without ...string) url.Values {
	q := url.Values{}
	for name, v := range a.given {
		if slices.Contains(without, name) {
			continue
		}
		switch v := v.(type) {
		case string:
			q.Set(name, v)
		case int:
			q.Set(name, strconv.Itoa(v))
		case bool:
			q.Set(name, strconv.FormatBool(v))
		case map[string]string:
			for tag, value := range v {
				q.Set(name+"."+tag, value)
			}
		}
	}
	return q
}
