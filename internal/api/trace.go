package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Trace is a trace as the calls API returns it: its spans in order of time,
// with totals over its calls.
type Trace struct {
	TraceID         string    `json:"trace_id"`
	Start           time.Time `json:"start"`
	DurationSeconds float64   `json:"duration_seconds"`
	Calls           int       `json:"calls"`
	Errors          int       `json:"errors"`
	// Totals over calls alone: containers repeat what their calls report.
	InputTokens   int64       `json:"input_tokens"`
	OutputTokens  int64       `json:"output_tokens"`
	CostUSD       float64     `json:"cost_usd"`
	UnpricedCalls int         `json:"unpriced_calls,omitempty"`
	Spans         []TraceSpan `json:"spans"`
}

// TraceSpan is one span of a Trace: a Call, or another span.
type TraceSpan struct {
	SpanID       string `json:"span_id"`
	ParentSpanID string `json:"parent_span_id,omitempty"`
	// TreeParent is the parent to draw it under: ParentSpanID where that span is
	// part of the trace, else empty.
	TreeParent      string     `json:"tree_parent,omitempty"`
	Name            string     `json:"name"`
	Kind            string     `json:"kind"` // call, or a llm.SpanKind
	Service         string     `json:"service,omitempty"`
	Start           time.Time  `json:"start"`
	OffsetSeconds   float64    `json:"offset_seconds"` // since the start of the trace
	DurationSeconds float64    `json:"duration_seconds"`
	Status          llm.Status `json:"status"`
	ErrorType       string     `json:"error_type,omitempty"`
	Call            *llm.Call  `json:"call,omitempty"`
	Span            *llm.Span  `json:"span,omitempty"`
}

// buildTrace orders the records of a trace and adds them up.
func buildTrace(id string, records []llm.Record) Trace {
	t := Trace{TraceID: id, Spans: make([]TraceSpan, 0, len(records))}
	var end time.Time
	known := map[string]bool{}
	for _, r := range records {
		s, ok := traceSpan(r)
		if !ok {
			continue
		}
		known[s.SpanID] = true
		if t.Start.IsZero() || s.Start.Before(t.Start) {
			t.Start = s.Start
		}
		if e := s.Start.Add(time.Duration(s.DurationSeconds * float64(time.Second))); e.After(end) {
			end = e
		}
		if s.Status == llm.StatusError {
			t.Errors++
		}
		if c := s.Call; c != nil {
			t.Calls++
			t.InputTokens += c.Usage.InputTokens.Or(0)
			t.OutputTokens += c.Usage.OutputTokens.Or(0)
			usd, priced := c.Cost.USD.Get()
			t.CostUSD += usd
			if !priced {
				t.UnpricedCalls++
			}
		}
		t.Spans = append(t.Spans, s)
	}
	if len(t.Spans) > 0 {
		t.DurationSeconds = end.Sub(t.Start).Seconds()
	}
	slices.SortStableFunc(t.Spans, func(a, b TraceSpan) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.DurationSeconds, a.DurationSeconds))
	})
	for i := range t.Spans {
		s := &t.Spans[i]
		s.OffsetSeconds = s.Start.Sub(t.Start).Seconds()
		if known[s.ParentSpanID] && s.ParentSpanID != s.SpanID {
			s.TreeParent = s.ParentSpanID
		}
	}
	return t
}

func traceSpan(r llm.Record) (TraceSpan, bool) {
	switch {
	case r.Call != nil:
		c := r.Call
		return TraceSpan{
			SpanID: c.SpanID, ParentSpanID: c.ParentSpanID, Name: callSpanName(c), Kind: "call", Service: c.Service, Start: c.Time,
			DurationSeconds: c.Duration.Seconds(), Status: c.Status, ErrorType: c.ErrorType, Call: c,
		}, true
	case r.Span != nil:
		s := r.Span
		return TraceSpan{
			SpanID: s.SpanID, ParentSpanID: s.ParentSpanID, Name: s.Name, Kind: string(s.Kind), Service: s.Service, Start: s.Time,
			DurationSeconds: s.Duration.Seconds(), Status: s.Status, ErrorType: s.ErrorType, Span: s,
		}, true
	}
	return TraceSpan{}, false
}

// callSpanName is the span name that OpenTelemetry's GenAI conventions give a
// Call: operation and requested model.
func callSpanName(c *llm.Call) string {
	op := cmp.Or(string(c.Operation), "call")
	if m := cmp.Or(c.RequestModel, c.ResponseModel); m != "" {
		return op + " " + m
	}
	return op
}
