package events

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxTraces is the most traces that one search returns.
const maxTraces = 1000

// traceCallFields are the fields of Calls in traces: those of lists, the
// settings and what the sender added.
var traceCallFields = listFields + `,params.*,"params_rest",attributes.*,"attributes_rest",resource.*,"resource_rest",events,links,"verbatim","` + fieldApart + `"`

// Trace returns the Spans, whole, and the Calls, without content, of one trace
// in the order of time. A zero Range searches all. The answer is empty where
// there is no such trace. Of a trace with too many of either the first are
// returned, and the answer says how many are missing.
func (s *Store) Trace(ctx context.Context, traceID string, r Range) (TraceRecords, error) {
	if traceID == "" {
		return TraceRecords{}, nil
	}
	found, err := s.traceRecords(ctx, []string{traceID}, s.resolveOpen(r))
	if err != nil || len(found) == 0 {
		return TraceRecords{ID: traceID}, err
	}
	return found[0], nil
}

// traceRecords returns the records of the traces that have any, in the order of
// ids.
func (s *Store) traceRecords(ctx context.Context, ids []string, r Range) ([]TraceRecords, error) {
	byTrace := map[string][]llm.Record{}
	limit := s.limits.traceRecords * min(len(ids), 10)
	cut := false
	for _, q := range []struct {
		filter, fields string
		content        bool
	}{
		{callStream, " | fields " + traceCallFields, false},
		{stream(kindSpan, "", ""), "", true},
	} {
		rows := []row{}
		err := s.each(ctx, request{
			op: "get trace", query: q.filter + " trace_id:" + in(ids) + " status:*" + q.fields + " | sort by (_time, id) limit " + itoa(limit+1), r: r,
		}, func(m row) error {
			if len(rows) == limit {
				cut = true
				return nil
			}
			rows = append(rows, m)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if err := s.joinContents(ctx, rows, q.content); err != nil {
			return nil, err
		}
		for _, m := range rows {
			rec, err := decodeRecord(m)
			if err != nil {
				return nil, err
			}
			byTrace[m["trace_id"]] = append(byTrace[m["trace_id"]], rec)
		}
	}
	var there map[string]int
	if cut {
		var err error
		if there, err = s.countRecords(ctx, ids, r); err != nil {
			return nil, err
		}
	}
	var out []TraceRecords
	for _, id := range ids {
		recs := byTrace[id]
		missing := max(there[id]-len(recs), 0)
		if len(recs) == 0 && missing == 0 {
			continue
		}
		slices.SortFunc(recs, func(a, b llm.Record) int {
			return cmp.Or(recordTime(a).Compare(recordTime(b)), strings.Compare(recordID(a), recordID(b)))
		})
		out = append(out, TraceRecords{ID: id, Records: recs, Partial: missing > 0, Missing: missing})
	}
	return out, nil
}

// countRecords is how many Calls and Spans traces have.
func (s *Store) countRecords(ctx context.Context, ids []string, r Range) (map[string]int, error) {
	counts := map[string]int{}
	err := s.each(ctx, request{
		op: "count the records of traces", query: spanStreams + " trace_id:" + in(ids) + " status:* | stats by (trace_id) count() n", r: r,
	}, func(m row) error {
		rr := newRowReader(m)
		counts[m["trace_id"]] = rr.int("n")
		return rr.err
	})
	return counts, err
}

func recordTime(r llm.Record) time.Time {
	switch {
	case r.Call != nil:
		return r.Call.Time
	case r.Span != nil:
		return r.Span.Time
	case r.Log != nil:
		return r.Log.Time
	}
	return time.Time{}
}

func recordID(r llm.Record) string {
	switch {
	case r.Call != nil:
		return r.Call.ID
	case r.Span != nil:
		return r.Span.ID
	case r.Log != nil:
		return r.Log.ID
	}
	return ""
}

// Span returns one Span with its content, or ErrNotFound.
func (s *Store) Span(ctx context.Context, id string) (*llm.Span, error) {
	if id == "" || len(id) > maxFieldName {
		return nil, ErrNotFound
	}
	rows, err := s.rows(ctx, request{
		op: "get span", query: stream(kindSpan, "", "") + " id:=" + quote(id) + " | limit 1", r: s.rangeOfID(id),
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	if err := s.joinContent(ctx, rows[0]); err != nil {
		return nil, err
	}
	return decodeSpan(rows[0])
}

// Traces returns the records of the traces that match, newest trace first.
func (s *Store) Traces(ctx context.Context, q TraceQuery) ([]TraceRecords, error) {
	limit, err := checkLimit(q.Limit, 20, maxTraces)
	if err != nil {
		return nil, err
	}
	if q.MinDuration < 0 || q.MaxDuration < 0 {
		return nil, &QueryError{Param: "minDuration", Message: "cannot be negative"}
	}
	r := s.resolveOpen(q.Range)
	rows, err := s.rows(ctx, request{
		op: "search traces",
		query: q.logsql() + " | fields _time, trace_id | stats by (trace_id) max(_time) newest" +
			" | sort by (newest desc) limit " + itoa(limit),
		r: r,
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, m := range rows {
		ids[i] = m["trace_id"]
	}
	// A trace may have begun before, or go on after, the span that was found.
	r.Start, r.End = r.Start.Add(-time.Hour), r.End.Add(time.Hour)
	return s.traceRecords(ctx, ids, r)
}

// logsql is the filter for the spans that q asks for.
func (q *TraceQuery) logsql() string {
	var f filterBuilder
	if q.Service != "" {
		f.add(`{kind in ("call","span"),service=` + quote(q.Service) + `}`)
	} else {
		f.add(spanStreams)
	}
	f.add("status:* trace_id:*")
	f.is(fieldSpanName, q.Operation)
	if q.MinDuration > 0 {
		f.add("duration_seconds:>=" + formatSeconds(q.MinDuration))
	}
	if q.MaxDuration > 0 {
		f.add("duration_seconds:<=" + formatSeconds(q.MaxDuration))
	}
	for _, k := range sortedKeys(q.Tags) {
		f.add(tagCondition(k, q.Tags[k]))
	}
	return f.String()
}

// tagFields maps the names of tags that are fields of ours.
var tagFields = map[string]string{
	"gen_ai.provider.name":        "provider",
	"gen_ai.system":               "provider",
	"gen_ai.operation.name":       "operation",
	"gen_ai.request.model":        "request_model",
	"gen_ai.response.model":       "response_model",
	"gen_ai.response.id":          "response_id",
	"gen_ai.agent.name":           "agent",
	"gen_ai.tool.name":            "tool",
	"gen_ai.workflow.name":        "workflow",
	"gen_ai.prompt.name":          "prompt_name",
	"gen_ai.prompt.version":       "prompt_version",
	"gen_ai.conversation.id":      "session",
	"session.id":                  "session",
	"user.id":                     "user",
	"error.type":                  "error_type",
	"span.kind":                   "otel_kind",
	"service.name":                "service",
	"deployment.environment":      "environment",
	"deployment.environment.name": "environment",
	"http.status_code":            "http_status",
	"http.response.status_code":   "http_status",
	"otel.scope.name":             "scope",
	"otel.scope.version":          "scope_version",
	"otel.library.name":           "scope",
	"otel.library.version":        "scope_version",
	"pitot.call.id":               "id",
	"pitot.span.kind":             "span_kind",
	"pitot.dialect":               "dialect",
}

// tagCondition finds a tag wherever a record may have it.
func tagCondition(key, value string) string {
	v := ":=" + quote(value)
	switch {
	case key == "error" && value == "true", key == "otel.status_code" && strings.EqualFold(value, "error"):
		return `status:="error"`
	case key == "error" && value == "false":
		return `status:!="error"`
	case key == "span.kind" && value == "client":
		return `(kind:="call" or otel_kind:="client")` // a Call is one, whoever saw it
	}
	conds := []string{quote("attributes."+key) + v, quote("resource."+key) + v, quote("tags."+key) + v}
	if f := tagFields[key]; f != "" {
		conds = append(conds, quote(f)+v)
	} else {
		conds = append(conds, quote(key)+v)
	}
	return "(" + strings.Join(conds, " or ") + ")"
}

// maxNames bounds lists of services and operations.
const maxNames = 10_000

// Services returns the names of the services that have Spans or Calls.
func (s *Store) Services(ctx context.Context, r Range) ([]string, error) {
	return s.names(ctx, "list services", spanStreams+" service:*", "service", r)
}

// Operations returns the names of the spans of a service, of all services
// where it is empty.
func (s *Store) Operations(ctx context.Context, service string, r Range) ([]string, error) {
	q := TraceQuery{Service: service}
	return s.names(ctx, "list operations", q.logsql()+" "+fieldSpanName+":*", fieldSpanName, r)
}

func (s *Store) names(ctx context.Context, op, filter, field string, r Range) ([]string, error) {
	names := []string{}
	err := s.each(ctx, request{
		op: op, query: filter + " | uniq by (" + field + ") limit " + itoa(maxNames), r: s.resolveOpen(r),
	}, func(m row) error {
		names = append(names, m[field])
		return nil
	})
	slices.Sort(names)
	return names, err
}

// dependencySpans is how many of the newest spans Dependencies looks at.
const dependencySpans = 200_000

// Dependencies returns which services call which, as the parents of the newest
// spans of the range tell, and which providers their Calls go to.
func (s *Store) Dependencies(ctx context.Context, r Range) ([]Dependency, error) {
	r = s.resolveOpen(r)
	type span struct{ trace, id string }
	type child struct {
		parent  span
		service string
	}
	services := map[span]string{}
	var children []child
	counts := map[Dependency]int64{}
	err := s.each(ctx, request{
		op: "list dependencies",
		query: spanStreams + " status:* service:* span_id:* | fields _time, kind, trace_id, span_id, parent_span_id, service, provider" +
			" | sort by (_time desc) limit " + itoa(dependencySpans),
		r: r,
	}, func(m row) error {
		services[span{m["trace_id"], m["span_id"]}] = m["service"]
		if p := m["parent_span_id"]; p != "" {
			children = append(children, child{span{m["trace_id"], p}, m["service"]})
		}
		if m["kind"] == kindCall && m["provider"] != "" {
			counts[Dependency{Parent: m["service"], Child: m["provider"]}]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range children {
		if parent, ok := services[c.parent]; ok && parent != c.service {
			counts[Dependency{Parent: parent, Child: c.service}]++
		}
	}
	out := make([]Dependency, 0, len(counts))
	for d, n := range counts {
		d.Calls = n
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Dependency) int {
		return cmp.Or(strings.Compare(a.Parent, b.Parent), strings.Compare(a.Child, b.Child))
	})
	return out, nil
}
