package events

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Filters on streams.
const (
	callStream    = `{kind="call"}`
	countedStream = `{kind in ("call","tally")}` // what totals count
	recordStreams = `{kind in ("call","tally","span","log","feedback")}`
	spanStreams   = `{kind in ("call","span")}`
)

// quote makes s a string literal of LogsQL. Every value that comes from
// outside goes through it.
func quote(s string) string { return strconv.Quote(s) }

// in is a filter for any of the values, exactly.
func in(values []string) string {
	var b strings.Builder
	b.WriteString("in(")
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(v))
	}
	b.WriteByte(')')
	return b.String()
}

// filterBuilder joins conditions that must all hold.
type filterBuilder struct{ b strings.Builder }

func (f *filterBuilder) add(cond string) {
	if f.b.Len() > 0 {
		f.b.WriteByte(' ')
	}
	f.b.WriteString(cond)
}

// is adds field = value where value is not empty.
func (f *filterBuilder) is(field, value string) {
	if value != "" {
		f.add(quote(field) + ":=" + quote(value))
	}
}

func (f *filterBuilder) String() string { return f.b.String() }

// stream makes the stream filter for rows of a kind.
func stream(kind, service, environment string) string {
	return streamFilter(`=`+quote(kind), service, environment)
}

// streamIn makes the stream filter for rows of any of the kinds.
func streamIn(kinds []string, service, environment string) string {
	return streamFilter(` `+in(kinds), service, environment)
}

func streamFilter(kind, service, environment string) string {
	s := `{kind` + kind
	if service != "" {
		s += `,service=` + quote(service)
	}
	if environment != "" {
		s += `,environment=` + quote(environment)
	}
	return s + `}`
}

// dimensions adds the conditions that rollups know, too.
func (f *filterBuilder) dimensions(c *CallFilter) {
	f.is("provider", c.Provider)
	if c.Model != "" {
		m := quote(c.Model)
		f.add(`(model:=` + m + ` or response_model:=` + m + `)`)
	}
	f.is("operation", c.Operation)
	f.is("status", c.Status)
	f.is("user", c.User)
	f.is("feature", c.Feature)
	f.is("error_type", c.ErrorType)
}

// logsql is the filter for the Calls that c selects, without c.Query: those
// that are there to be looked at.
func (c *CallFilter) logsql() string { return c.filter(stream(kindCall, c.Service, c.Environment)) }

// counted is like logsql, with the Calls of which only a tally was kept.
func (c *CallFilter) counted() string {
	return c.filter(streamIn([]string{kindCall, kindTally}, c.Service, c.Environment))
}

func (c *CallFilter) filter(stream string) string {
	var f filterBuilder
	f.add(stream)
	f.add(`status:*`)
	f.dimensions(c)
	f.is("session", c.Session)
	f.is("agent", c.Agent)
	f.is("dialect", c.Dialect)
	f.is("prompt_name", c.PromptName)
	f.is("source", c.Source)
	f.is("trace_id", c.TraceID)
	for _, k := range sortedKeys(c.Tags) {
		f.is("tags."+k, c.Tags[k])
	}
	if c.MinDuration > 0 {
		f.add(`duration_seconds:>=` + formatSeconds(c.MinDuration))
	}
	if c.MaxDuration > 0 {
		f.add(`duration_seconds:<=` + formatSeconds(c.MaxDuration))
	}
	for word := range strings.FieldsSeq(c.Search) {
		w := containsWord(word)
		f.add(`(_msg:` + w + ` or input:` + w + ` or output:` + w + ` or error_message:` + w + ` or ` + inContent(w) + `)`)
	}
	return f.String()
}

// containsWord matches text with a word, in capitals or not. The engine's fast
// filter takes few capital letters only.
func containsWord(word string) string {
	capitals := 0
	for _, r := range word {
		if unicode.IsUpper(r) {
			capitals++
		}
	}
	if capitals > 4 {
		return `i(` + quote(word) + `)`
	}
	return `contains_common_case(` + quote(word) + `)`
}

// userFilters are the filters that the user wrote.
func (c *CallFilter) userFilters() []string {
	filters := userFilters(c.Query)
	if strings.TrimSpace(c.Search) == "" {
		return filters
	}
	for i, f := range filters {
		// The engine applies them to the search in rows of content, too. The line's
		// end ends a comment.
		filters[i] = `(kind:="` + kindContent + `" or (` + f + "\n))"
	}
	return filters
}

func userFilters(query string) []string {
	if q := strings.TrimSpace(query); q != "" && q != "*" {
		return []string{q}
	}
	return nil
}

// rollable reports whether rollups know all that c filters by.
func (c *CallFilter) rollable() bool {
	return c.userFilters() == nil && strings.TrimSpace(c.Search) == "" && c.Session == "" && c.PromptName == "" &&
		c.Agent == "" && c.Dialect == "" &&
		c.Source == "" && c.TraceID == "" && len(c.Tags) == 0 && c.MinDuration == 0 && c.MaxDuration == 0
}

// family is the smallest one that can answer for c by dimensions, or nil.
func (c *CallFilter) family(by []string, sketches bool) *family {
	if !c.rollable() {
		return nil
	}
	need := slices.Clone(by)
	for _, d := range []struct {
		value string
		names []string
	}{
		{c.Service, []string{"service"}},
		{c.Environment, []string{"environment"}},
		{c.Provider, []string{"provider"}},
		{c.Model, []string{"model", "response_model"}},
		{c.Operation, []string{"operation"}},
		{c.Status, []string{"status"}},
		{c.User, []string{"user"}},
		{c.Feature, []string{"feature"}},
		{c.ErrorType, []string{"error_type"}},
	} {
		if d.value != "" {
			need = append(need, d.names...)
		}
	}
	return familyFor(need, sketches)
}

// validate checks what the user chose from fixed sets.
func (c *CallFilter) validate() error {
	if c.Status != "" && c.Status != "ok" && c.Status != "error" {
		return &QueryError{Param: "status", Message: `allowed are "ok" and "error"`}
	}
	if !c.Start.IsZero() && !c.End.IsZero() && !c.End.After(c.Start) {
		return &QueryError{Param: "end", Message: "must be after start"}
	}
	if c.MinDuration < 0 || c.MaxDuration < 0 {
		return &QueryError{Param: "min_duration", Message: "cannot be negative"}
	}
	return nil
}

func formatSeconds(d time.Duration) string { return string(appendFloat(nil, d.Seconds())) }

// resolve fills in the bounds that were left open, and cuts those that reach
// further than rows can be.
func (s *Store) resolve(r Range) Range {
	now := s.now()
	oldest, newest := now.Add(-s.retention), now.Add(maxFuture)
	if r.Start.Before(oldest) {
		r.Start = oldest
	}
	if r.End.IsZero() {
		r.End = now
	}
	if r.End.After(newest) {
		r.End = newest
	}
	if r.End.Before(r.Start) {
		// Wholly past the retention: nothing is there, which is no fault of the range.
		r.End = r.Start.Add(1)
	}
	return r
}

// resolveOpen is like resolve, but an open end takes in records whose sender's
// clock is ahead.
func (s *Store) resolveOpen(r Range) Range {
	if r.End.IsZero() {
		r.End = s.now().Add(maxFuture)
	}
	return s.resolve(r)
}

// fieldList is a list of names for a pipe. Names that end in .* are prefixes.
func fieldList(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		if strings.HasSuffix(n, ".*") {
			out[i] = n
		} else {
			out[i] = quote(n)
		}
	}
	return strings.Join(out, ",")
}

// GroupFields are the dimensions that Costs and Timeline group by, besides
// tags (as tags.NAME).
func GroupFields() []string {
	return append(slices.Clone(rollupDimensions), "session", "prompt_name", "prompt_version", "source", "upstream", "agent", "workflow", "dialect", "region", "service_tier")
}

// checkGroupField returns an error for a name that cannot be grouped by.
func checkGroupField(name string) error {
	if tag, ok := strings.CutPrefix(name, "tags."); ok && tag != "" && len(name) <= maxFieldName {
		return nil
	}
	if slices.Contains(GroupFields(), name) {
		return nil
	}
	return &QueryError{Param: "by", Message: strconv.Quote(name) + " cannot be grouped by; allowed are tags.NAME, " + strings.Join(GroupFields(), ", ")}
}

// checkLimit returns the limit to use.
func checkLimit(limit, def, most int) (int, error) {
	switch {
	case limit == 0:
		return def, nil
	case limit < 0 || limit > most:
		return 0, &QueryError{Param: "limit", Message: "allowed are 1 to " + strconv.Itoa(most)}
	}
	return limit, nil
}

func itoa(n int) string { return strconv.Itoa(n) }
