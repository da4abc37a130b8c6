package events

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TraceListQuery asks for a page of traces. The conditions hold together for
// one Call or Span of a trace; those that only Calls have find Calls. But
// MinDuration and MaxDuration are of the whole trace.
type TraceListQuery struct {
	CallFilter
	Name   string // of a Call or Span
	Kind   string // call, or a llm.SpanKind
	Order  string // OrderNewest, OrderSlowest or OrderCostly
	Limit  int
	Cursor string // NextCursor of the page before, with the same filter and order
}

// TraceRecords are the Calls and Spans of one trace in the order of time. In a
// list they are without content, settings and attributes.
type TraceRecords struct {
	ID      string
	Records []llm.Record
	Partial bool // there are more than could be read
	Missing int  // how many more; not counted in a list
}

// TracePage is one page of traces. It may be shorter than the limit before the
// last one.
type TracePage struct {
	Traces     []TraceRecords
	NextCursor string
}

const (
	defaultTraces = 50
	durationBatch = 500
	// maxExamined bounds how many traces are looked at for one page where only
	// their records tell whether they are in it.
	maxExamined = 2000
	// traceReach is how far from a record that matches the others of its trace
	// are looked for.
	traceReach = 6 * time.Hour
)

// treeFields are the fields that tell the shape and the sums of a trace.
var treeFields = fieldList([]string{
	"id", "_time", "kind", "source", "service", "trace_id", "span_id", "parent_span_id", fieldSpanName, "span_kind",
	"provider", "operation", "request_model", "response_model", "status", "error_type", "duration_seconds",
	"usage.input_tokens", "usage.output_tokens", "cost.usd", "cost.state", "agent", "workflow", "user", "session", fieldExact,
})

// TraceList returns a page of traces.
func (s *Store) TraceList(ctx context.Context, q TraceListQuery) (TracePage, error) {
	limit, err := checkLimit(q.Limit, defaultTraces, maxTraces)
	if err != nil {
		return TracePage{}, err
	}
	p, err := s.tracePager(&q)
	if err != nil {
		return TracePage{}, err
	}
	batch := limit
	if q.MinDuration > 0 || q.MaxDuration > 0 {
		batch = max(limit, durationBatch) // few of them may last as long
	}
	var page TracePage
	for examined := 0; ; {
		keys, more, err := p.next(ctx, batch)
		if err != nil {
			return TracePage{}, err
		}
		traces, read, err := s.tracesOf(ctx, p, keys)
		if err != nil {
			return TracePage{}, err
		}
		more = more || read < len(keys)
		for i, k := range keys[:read] {
			if len(page.Traces) == limit {
				more = true
				break
			}
			if t := traces[i]; len(t.Records) > 0 && q.lasts(&t) { // retention may have taken it meanwhile
				page.Traces = append(page.Traces, t)
			}
			p.from = p.after(k)
		}
		if !more {
			return page, nil
		}
		if examined += read; len(page.Traces) == limit || examined >= maxExamined || read < len(keys) {
			page.NextCursor = p.from.String()
			return page, nil
		}
	}
}

func (s *Store) tracePager(q *TraceListQuery) (*keyPager, error) {
	if err := q.validate(); err != nil {
		return nil, err
	}
	if q.MaxDuration > 0 && q.MinDuration > q.MaxDuration {
		return nil, &QueryError{Param: "min_duration", Message: "is above max_duration"}
	}
	p := &keyPager{
		s: s, op: "list traces", filter: q.logsql(), user: q.userFilters(), field: "trace_id", r: s.resolveOpen(q.Range),
	}
	switch q.Order {
	case "", OrderNewest:
	case OrderSlowest:
		p.rank, p.where, p.top = "max(duration_seconds)", "duration_seconds:*", "duration_seconds"
	case OrderCostly:
		p.rank, p.where = `sum("cost.usd")`, `kind:="call" "cost.usd":*`
	default:
		return nil, &QueryError{Param: "order", Message: strconv.Quote(q.Order) + " is unknown; allowed are " +
			strings.Join([]string{OrderNewest, OrderSlowest, OrderCostly}, ", ")}
	}
	p.hash = hashOf("traces", p.filter, p.user, q.Order, q.MinDuration, q.MaxDuration, formatTime(q.Start), formatTime(q.End))
	var err error
	if q.Cursor != "" {
		p.from, err = parseCursor(q.Cursor, p.hash)
	}
	return p, err
}

// logsql is the filter for the records that q asks for.
func (q *TraceListQuery) logsql() string {
	c := q.CallFilter
	c.MinDuration, c.MaxDuration = 0, 0
	var f filterBuilder
	kinds := []string{kindCall, kindSpan}
	switch q.Kind {
	case "":
	case kindCall:
		kinds = kinds[:1]
	default:
		kinds = kinds[1:]
	}
	f.add(c.filter(streamIn(kinds, c.Service, c.Environment)))
	f.is(fieldSpanName, q.Name)
	switch q.Kind {
	case "", kindCall:
	case string(llm.KindOther):
		f.add(`(span_kind:="` + string(llm.KindOther) + `" or span_kind:="")`)
	default:
		f.is("span_kind", q.Kind)
	}
	return f.String()
}

// lasts says whether a trace lasts as long as q asks for.
func (q *TraceListQuery) lasts(t *TraceRecords) bool {
	if q.MinDuration == 0 && q.MaxDuration == 0 {
		return true
	}
	d := t.extent()
	return d >= q.MinDuration && (q.MaxDuration == 0 || d <= q.MaxDuration)
}

// extent is the time from the start of the first record to the end of the last.
func (t *TraceRecords) extent() time.Duration {
	var start, end time.Time
	for i, r := range t.Records {
		at := recordTime(r)
		var d time.Duration
		switch {
		case r.Call != nil:
			d = r.Call.Duration
		case r.Span != nil:
			d = r.Span.Duration
		}
		if i == 0 {
			start = at // they are in order
		}
		if e := at.Add(d); e.After(end) {
			end = e
		}
	}
	return end.Sub(start)
}

// tracesOf reads the records of the traces of keys, one for each of the first
// read keys: not for all where they have too many records.
func (s *Store) tracesOf(ctx context.Context, p *keyPager, keys []keyed) (traces []TraceRecords, read int, err error) {
	if len(keys) == 0 {
		return nil, 0, nil
	}
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	r := p.reach(keys)
	byTrace, rows, err := s.treeRecords(ctx, ids, r)
	if err != nil {
		return nil, 0, err
	}
	partial := false
	if rows >= s.limits.traceRows {
		if ids, err = s.fitting(ctx, ids, r); err != nil {
			return nil, 0, err
		}
		if byTrace, rows, err = s.treeRecords(ctx, ids, r); err != nil {
			return nil, 0, err
		}
		partial = rows >= s.limits.traceRows // a single trace is too long
	}
	for _, id := range ids {
		traces = append(traces, TraceRecords{ID: id, Records: byTrace[id], Partial: partial})
	}
	return traces, len(ids), nil
}

// reach is where the records of the traces of keys are looked for.
func (p *keyPager) reach(keys []keyed) Range {
	r := Range{p.r.Start, p.end()}
	if p.rank == "" {
		newest, oldest := slices.MinFunc(keys, compareKeyed).at, slices.MaxFunc(keys, compareKeyed).at
		r = Range{oldest, newest}
	}
	return p.s.resolve(Range{r.Start.Add(-traceReach), r.End.Add(traceReach)})
}

// treeRecords returns the records of traces by trace, in order, and how many
// rows there were.
func (s *Store) treeRecords(ctx context.Context, ids []string, r Range) (map[string][]llm.Record, int, error) {
	out := make(map[string][]llm.Record, len(ids))
	rows := 0
	err := s.each(ctx, request{
		op:    "read traces",
		query: spanStreams + " trace_id:" + in(ids) + " status:* | fields " + treeFields + " | limit " + itoa(s.limits.traceRows),
		r:     r,
	}, func(m row) error {
		rows++
		rec, err := decodeRecord(m)
		if err == nil {
			out[m["trace_id"]] = append(out[m["trace_id"]], rec)
		}
		return err
	})
	for _, recs := range out {
		slices.SortFunc(recs, func(a, b llm.Record) int {
			return cmp.Or(recordTime(a).Compare(recordTime(b)), strings.Compare(recordID(a), recordID(b)))
		})
	}
	return out, rows, err
}

// fitting returns the first of the traces that have together no more records
// than a page may have; one at least.
func (s *Store) fitting(ctx context.Context, ids []string, r Range) ([]string, error) {
	counts, err := s.countRecords(ctx, ids, r)
	sum := 0
	for i, id := range ids {
		if sum += counts[id]; sum >= s.limits.traceRows && i > 0 {
			return ids[:i], err
		}
	}
	return ids, err
}
