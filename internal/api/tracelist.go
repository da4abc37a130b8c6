package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// TraceSummary is a trace in a list. Its numbers are those of Trace.
type TraceSummary struct {
	TraceID string `json:"trace_id"`
	// Name, Kind, Service and Status are those of the root: the first record
	// without a parent in the trace.
	Name            string     `json:"name"`
	Kind            string     `json:"kind"`
	Service         string     `json:"service,omitempty"`
	Services        []string   `json:"services,omitempty"`
	Start           time.Time  `json:"start"`
	DurationSeconds float64    `json:"duration_seconds"`
	Status          llm.Status `json:"status,omitempty"`
	Spans           int        `json:"spans"` // calls among them
	Calls           int        `json:"calls"`
	Errors          int        `json:"errors"`
	// ErrorType is the root's, else that of the first record that failed.
	ErrorType     string         `json:"error_type,omitempty"`
	InputTokens   llm.Opt[int64] `json:"input_tokens,omitzero"`
	OutputTokens  llm.Opt[int64] `json:"output_tokens,omitzero"`
	CostUSD       float64        `json:"cost_usd"`
	UnpricedCalls int            `json:"unpriced_calls,omitempty"`
	Models        []string       `json:"models,omitempty"`
	Agents        []string       `json:"agents,omitempty"`
	User          string         `json:"user,omitempty"`
	Session       string         `json:"session,omitempty"`
	// Partial says that the trace has more records than were read.
	Partial bool `json:"partial,omitempty"`
}

// maxListed is how many values of a dimension a summary lists.
const maxListed = 20

// spanKinds are the kinds of the spans of a trace.
func spanKinds() []string {
	return []string{
		"call", string(llm.KindWorkflow), string(llm.KindAgent), string(llm.KindTask), string(llm.KindTool), string(llm.KindRetrieval),
		string(llm.KindLLM), string(llm.KindOther),
	}
}

func (s *server) traces(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.TraceListQuery{
		CallFilter: p.filter(hour),
		Name:       p.get("name"),
		Kind:       p.oneOf("kind", append([]string{""}, spanKinds()...)...),
		Order:      p.oneOf("order", events.OrderNewest, events.OrderSlowest, events.OrderCostly),
		Limit:      p.count("limit", 50, 200),
	}
	p.page(&q.Range, &q.Cursor)
	if err := p.check(); err != nil {
		return nil, err
	}
	page, err := s.Events.TraceList(r.Context(), q)
	if err != nil {
		return nil, err
	}
	out := struct {
		Traces     []TraceSummary `json:"traces"`
		NextCursor string         `json:"next_cursor,omitempty"`
	}{Traces: make([]TraceSummary, 0, len(page.Traces))}
	for i := range page.Traces {
		t := buildTrace(page.Traces[i].ID, page.Traces[i].Records)
		if len(t.Spans) == 0 {
			continue
		}
		sum := t.summary()
		sum.Partial = page.Traces[i].Partial
		out.Traces = append(out.Traces, sum)
	}
	if page.NextCursor != "" {
		out.NextCursor = cursor{q.Start, q.End, page.NextCursor}.String()
	}
	return out, nil
}

// summary says what a list shows of a trace that has spans.
func (t *Trace) summary() TraceSummary {
	root := t.root()
	out := TraceSummary{
		TraceID: t.TraceID, Name: root.Name, Kind: root.Kind, Service: root.Service, Start: t.Start, DurationSeconds: t.DurationSeconds,
		Status: root.Status, Spans: len(t.Spans), Calls: t.Calls, Errors: t.Errors, ErrorType: root.ErrorType,
		InputTokens: t.InputTokens, OutputTokens: t.OutputTokens, CostUSD: t.CostUSD, UnpricedCalls: t.UnpricedCalls,
	}
	services, models, agents := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range t.Spans {
		s := &t.Spans[i]
		services[s.Service] = true
		if s.Status == llm.StatusError {
			out.ErrorType = cmp.Or(out.ErrorType, s.ErrorType)
		}
		if c := s.Call; c != nil {
			models[c.Model()], agents[c.Agent] = true, true
			out.User, out.Session = cmp.Or(out.User, c.User), cmp.Or(out.Session, c.Session)
		}
		if sp := s.Span; sp != nil {
			agents[sp.Agent] = true
			out.User, out.Session = cmp.Or(out.User, sp.User), cmp.Or(out.Session, sp.Session)
		}
	}
	out.Services, out.Models, out.Agents = listed(services), listed(models), listed(agents)
	return out
}

// root is the first span without a parent in the trace. There is one: of spans
// that are each other's ancestors the first is the top.
func (t *Trace) root() *TraceSpan {
	for i := range t.Spans {
		if t.Spans[i].TreeParent == "" {
			return &t.Spans[i]
		}
	}
	return &t.Spans[0]
}

// listed are the first of the values, in order.
func listed(values map[string]bool) []string {
	delete(values, "")
	out := slices.Sorted(maps.Keys(values))
	return out[:min(len(out), maxListed)]
}
