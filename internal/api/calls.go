package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	hour         = time.Hour
	day          = 24 * hour
	maxRange     = 365 * day
	maxPageLimit = 1000
)

// filter reads the parameters that select Calls.
func (p *params) filter(def time.Duration) events.CallFilter {
	f := p.fields()
	f.Start, f.End = p.timeRange(def)
	f.Query, f.Search = p.get("query"), p.get("search")
	return f
}

// fields reads the parameters that select Calls by what is in the Call itself.
func (p *params) fields() events.CallFilter {
	f := events.CallFilter{
		Service: p.get("service"), Environment: p.get("environment"), Provider: p.get("provider"), Model: p.get("model"),
		Operation: p.get("operation"), Status: p.oneOf("status", "", "ok", "error"), User: p.get("user"), Session: p.get("session"),
		Feature: p.get("feature"), Agent: p.get("agent"), Dialect: p.get("dialect"), PromptName: p.get("prompt_name"), ErrorType: p.get("error_type"),
		Source: p.oneOf("source", "", "gateway", "otlp", "sdk", "logs"), TraceID: p.traceID("trace_id"), Tags: p.tags(),
		MinDuration: p.duration("min_duration", 0), MaxDuration: p.duration("max_duration", 0),
	}
	if f.MaxDuration > 0 && f.MinDuration > f.MaxDuration {
		p.fail(&Error{http.StatusBadRequest, CodeBadParameter, "min_duration is above max_duration", "allowed: min_duration <= max_duration"})
	}
	return f
}

func (s *server) calls(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.CallQuery{
		CallFilter: p.filter(hour),
		Order:      p.oneOf("order", events.OrderNewest, events.OrderOldest, events.OrderSlowest, events.OrderCostly, events.OrderTokens),
		Limit:      p.count("limit", events.DefaultLimit, maxPageLimit),
	}
	p.cursor(&q)
	if err := p.check(); err != nil {
		return nil, err
	}
	page, err := s.Events.Calls(r.Context(), q)
	if err != nil {
		return nil, err
	}
	page.Calls = orEmpty(page.Calls)
	if page.NextCursor != "" {
		page.NextCursor = cursor{q.Start, q.End, page.NextCursor}.String()
	}
	return page, nil
}

// callDetail is a Call with what was said of it.
type callDetail struct {
	call     *llm.Call
	feedback []events.Feedback
	ticks    bool // with its timeline decoded
}

// MarshalJSON adds the feedback and the ticks to the Call's own fields.
func (d callDetail) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(d.call)
	if err != nil {
		return nil, err
	}
	more := struct {
		Feedback []events.Feedback `json:"feedback,omitempty"`
		Ticks    []tick            `json:"timeline_ticks,omitempty"`
	}{Feedback: d.feedback}
	if d.ticks {
		for t := range d.call.Timeline.Ticks() {
			more.Ticks = append(more.Ticks, tick(t))
		}
	}
	return mergeJSON(b, more)
}

// mergeJSON appends the members of v, an object, to those of another one.
func mergeJSON(object []byte, v any) ([]byte, error) {
	more, err := json.Marshal(v)
	if err != nil || len(more) <= len("{}") {
		return object, err
	}
	return append(append(object[:len(object)-1], ','), more[1:]...), nil
}

// tick is a chunk of a stream as a pair: milliseconds since the start of the
// call, and the bytes of content that it brought.
type tick llm.Tick

// MarshalJSON writes the pair.
func (t tick) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]float64{float64(t.At.Microseconds()) / 1e3, float64(t.Bytes)})
}

func (s *server) call(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	ticks := p.flag("timeline_ticks")
	if err := p.check(); err != nil {
		return nil, err
	}
	id, ok := parseCallID(r.PathValue("id"))
	if !ok {
		return nil, badParameter("id", r.PathValue("id"), callIDForm)
	}
	d, err := s.Events.Call(r.Context(), id)
	if errors.Is(err, events.ErrNotFound) {
		return nil, notFound("call", id, "it may be older than the retention, or not stored yet: a call shows within a few seconds")
	}
	if err != nil {
		return nil, err
	}
	return callDetail{d.Call, d.Feedback, ticks}, nil
}

// facetFields are the dimensions that can be counted, besides tags.
func facetFields() []string {
	fields := events.FacetFields()
	for _, f := range events.GroupFields() {
		if !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

func (s *server) facets(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.FacetQuery{
		CallFilter: p.filter(hour),
		Fields:     p.dimensions("fields", facetFields()),
		Limit:      p.count("limit", 20, events.MaxFacetLimit),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	f, err := s.Events.Facets(r.Context(), q)
	return map[string]any{"facets": orEmpty(f)}, err
}

func (s *server) summary(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	// People ask for the last N minutes: minutes is short for start.
	minutes := p.count("minutes", 60, 60*24*366)
	f := p.filter(time.Duration(minutes) * time.Minute)
	if p.q.Has("minutes") && p.q.Has("start") {
		p.fail(&Error{http.StatusBadRequest, CodeBadParameter, "minutes and start are both given", "allowed: one of them"})
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return s.Events.Summary(r.Context(), f)
}

func (s *server) timeline(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.TimelineQuery{
		CallFilter: p.filter(hour),
		Step:       p.duration("step", time.Second),
		By:         p.dimension("by", events.GroupFields()),
		Limit:      p.count("limit", 10, 100),
		Quantiles:  p.flag("quantiles"),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return s.Events.Timeline(r.Context(), q)
}

func (s *server) models(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	f := p.filter(day)
	if err := p.check(); err != nil {
		return nil, err
	}
	m, err := s.Events.Models(r.Context(), f)
	return map[string]any{"models": orEmpty(m)}, err
}

func (s *server) costs(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.CostQuery{
		CallFilter: p.filter(day),
		By:         p.dimensions("by", events.GroupFields()),
		Step:       p.duration("step", time.Minute),
		Limit:      p.count("limit", events.DefaultGroups, events.MaxLimit),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	g, err := s.Events.Costs(r.Context(), q)
	return map[string]any{"groups": orEmpty(g)}, err
}

func (s *server) trace(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	rng := p.openRange()
	if err := p.check(); err != nil {
		return nil, err
	}
	id, ok := parseTraceID(r.PathValue("id"))
	if !ok {
		return nil, badParameter("id", r.PathValue("id"), traceIDForm)
	}
	found, err := s.records(r, id, rng)
	if err != nil {
		return nil, err
	}
	t := buildTrace(id, found.Records)
	t.Partial, t.MissingRecords = found.Partial, found.Missing
	if len(t.Spans) == 0 {
		return nil, notFound("trace", id, "it may be older than the retention, or not stored yet: a span shows within a few seconds")
	}
	return t, nil
}

// records returns the records of a trace; none where there is no such trace.
func (s *server) records(r *http.Request, id string, rng events.Range) (events.TraceRecords, error) {
	found, err := s.Events.Trace(r.Context(), id, rng)
	if errors.Is(err, events.ErrNotFound) {
		return events.TraceRecords{ID: id}, nil
	}
	if s.withheld(r) {
		found.Records = withholdRecords(found.Records)
	}
	return found, err
}

func (s *server) ledger(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	return map[string]any{"sources": orEmpty(s.Ledger())}, nil
}

func (s *server) status(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	st := s.Status(r.Context())
	st.Components, st.Ledger = orEmpty(st.Components), orEmpty(st.Ledger)
	return st, nil
}

// orEmpty makes an absent list an empty one in JSON.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
