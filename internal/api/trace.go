package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// Trace is a trace as the calls API returns it: its spans in order of time,
// with totals over its calls.
type Trace struct {
	TraceID         string    `json:"trace_id"`
	Start           time.Time `json:"start"`
	DurationSeconds float64   `json:"duration_seconds"`
	// Errors is the number of spans, calls among them, that failed.
	Errors int `json:"errors"`
	// Calls and the totals are over calls that hold no other calls: a container
	// repeats what its calls report.
	Calls int `json:"calls"`
	// Tokens are absent where no call tells them.
	InputTokens   llm.Opt[int64] `json:"input_tokens,omitzero"`
	OutputTokens  llm.Opt[int64] `json:"output_tokens,omitzero"`
	CostUSD       float64        `json:"cost_usd"`
	UnpricedCalls int            `json:"unpriced_calls,omitempty"`
	// Duplicates is the number of records left out because another one is of the
	// same span.
	Duplicates int `json:"duplicates,omitempty"`
	// Partial says that the trace has more records than were read: the first are
	// here, and the totals are theirs. MissingRecords is how many there are besides.
	Partial        bool `json:"partial,omitempty"`
	MissingRecords int  `json:"missing_records,omitempty"`

	Spans []TraceSpan `json:"spans"` // no two have the same SpanID
}

// TraceSpan is one span of a Trace: a Call, or another span.
type TraceSpan struct {
	SpanID       string `json:"span_id"`
	ParentSpanID string `json:"parent_span_id,omitempty"`
	// TreeParent is the parent to draw it under: ParentSpanID where that span is
	// part of the trace and not below this one, else empty. Following it always
	// ends.
	TreeParent      string     `json:"tree_parent,omitempty"`
	Name            string     `json:"name"`
	Kind            string     `json:"kind"` // call, or a llm.SpanKind
	Service         string     `json:"service,omitempty"`
	Start           time.Time  `json:"start"`
	OffsetSeconds   float64    `json:"offset_seconds"` // since the start of the trace
	DurationSeconds float64    `json:"duration_seconds"`
	Status          llm.Status `json:"status"`
	ErrorType       string     `json:"error_type,omitempty"`
	// Container says that this is a call above other calls, as where an
	// instrumented client calls through the gateway: the totals are without it.
	Container bool      `json:"container,omitempty"`
	Call      *llm.Call `json:"call,omitempty"`
	Span      *llm.Span `json:"span,omitempty"`

	duration time.Duration
}

// buildTrace orders the records of a trace and adds them up.
func buildTrace(id string, records []llm.Record) Trace {
	t := Trace{TraceID: id}
	t.Spans, t.Duplicates = traceSpans(records)
	if len(t.Spans) == 0 {
		return t
	}
	t.link()
	t.Start = t.Spans[0].Start
	end := t.Start
	for i := range t.Spans {
		s := &t.Spans[i]
		s.OffsetSeconds = s.Start.Sub(t.Start).Seconds()
		if e := s.Start.Add(s.duration); e.After(end) {
			end = e
		}
		if s.Status == llm.StatusError {
			t.Errors++
		}
		if s.Call != nil && !s.Container {
			t.count(s.Call)
		}
	}
	t.DurationSeconds = end.Sub(t.Start).Seconds()
	return t
}

func (t *Trace) count(c *llm.Call) {
	t.Calls++
	addKnown(&t.InputTokens, c.Usage.InputTokens)
	addKnown(&t.OutputTokens, c.Usage.OutputTokens)
	usd, priced := c.Cost.USD.Get()
	t.CostUSD += usd
	if !priced {
		t.UnpricedCalls++
	}
}

// addKnown adds a number to a sum that is unknown until one of them is known.
func addKnown(sum *llm.Opt[int64], n llm.Opt[int64]) {
	if v, ok := n.Get(); ok {
		*sum = llm.Some(sum.Or(0) + v)
	}
}

// traceSpans are the spans of a trace in order of time, longest first where
// several begin at once, and the number of records that were left out because
// they are there already. Of two records of one span the call stays, else the
// earlier one.
func traceSpans(records []llm.Record) (spans []TraceSpan, duplicates int) {
	all := make([]TraceSpan, 0, len(records))
	for _, r := range records {
		if s, ok := traceSpan(r); ok {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b TraceSpan) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.duration, a.duration))
	})
	keep := make(map[string]int, len(all))
	for i, s := range all {
		if j, ok := keep[s.SpanID]; !ok || all[j].Call == nil && s.Call != nil {
			keep[s.SpanID] = i
		}
	}
	spans = make([]TraceSpan, 0, len(all))
	for i, s := range all {
		if s.SpanID == "" || keep[s.SpanID] == i {
			spans = append(spans, s)
		}
	}
	return spans, len(all) - len(spans)
}

// link sets TreeParent and Container. Senders send parents that never arrive,
// and now and then spans that are their own ancestors: of such a circle the
// first span becomes the top.
func (t *Trace) link() {
	bySpan := make(map[string]*TraceSpan, len(t.Spans))
	for i := range t.Spans {
		if s := &t.Spans[i]; s.SpanID != "" {
			bySpan[s.SpanID] = s
		}
	}
	for i := range t.Spans {
		s := &t.Spans[i]
		if s.ParentSpanID != s.SpanID && bySpan[s.ParentSpanID] != nil {
			s.TreeParent = s.ParentSpanID
		}
	}
	done := make(map[*TraceSpan]bool, len(t.Spans)) // followed to the top
	for i := range t.Spans {
		s := &t.Spans[i]
		var path []*TraceSpan
		for s != nil && !done[s] {
			if at := slices.Index(path, s); at >= 0 {
				top := slices.MinFunc(path[at:], func(a, b *TraceSpan) int { return a.Start.Compare(b.Start) })
				top.TreeParent = ""
				break
			}
			path = append(path, s)
			s = bySpan[s.TreeParent]
		}
		for _, p := range path {
			done[p] = true
		}
	}
	for i := range t.Spans {
		if t.Spans[i].Call == nil {
			continue
		}
		for up := bySpan[t.Spans[i].TreeParent]; up != nil && !up.Container; up = bySpan[up.TreeParent] {
			up.Container = up.Call != nil
		}
	}
}

func traceSpan(r llm.Record) (TraceSpan, bool) {
	switch {
	case r.Call != nil:
		c := r.Call
		return TraceSpan{
			SpanID: c.SpanID, ParentSpanID: c.ParentSpanID, Name: events.CallName(c), Kind: "call", Service: c.Service, Start: c.Time,
			DurationSeconds: c.Duration.Seconds(), Status: c.Status, ErrorType: c.ErrorType, Call: c, duration: c.Duration,
		}, true
	case r.Span != nil:
		s := r.Span
		return TraceSpan{
			SpanID: s.SpanID, ParentSpanID: s.ParentSpanID, Name: s.Name, Kind: cmp.Or(string(s.Kind), string(llm.KindOther)), Service: s.Service,
			Start: s.Time, DurationSeconds: s.Duration.Seconds(), Status: s.Status, ErrorType: s.ErrorType, Span: s, duration: s.Duration,
		}, true
	}
	return TraceSpan{}, false
}
