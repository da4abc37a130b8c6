package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	hour         = time.Hour
	maxRange     = 10 * 365 * 24 * time.Hour
	maxPageLimit = 1000
)

// filter reads the parameters that select Calls.
func (p *params) filter(def time.Duration) events.CallFilter {
	start, end := p.timeRange(def)
	f := events.CallFilter{
		Range: events.Range{Start: start, End: end}, Query: p.get("query"), Search: p.get("search"), Service: p.get("service"),
		Environment: p.get("environment"), Provider: p.get("provider"), Model: p.get("model"), Operation: p.get("operation"),
		Status: p.oneOf("status", "", "ok", "error"), User: p.get("user"), Session: p.get("session"), Feature: p.get("feature"),
		PromptName: p.get("prompt_name"), ErrorType: p.get("error_type"), Source: p.oneOf("source", "", "gateway", "otlp", "sdk"),
		TraceID: p.get("trace_id"), MinDuration: p.duration("min_duration", 0, 0, maxRange), MaxDuration: p.duration("max_duration", 0, 0, maxRange),
	}
	for name := range p.q {
		if tag, ok := strings.CutPrefix(name, "tags."); ok {
			if f.Tags == nil {
				f.Tags = map[string]string{}
			}
			f.Tags[tag] = p.get(name)
		}
	}
	return f
}

func (s *server) calls(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.CallQuery{
		CallFilter: p.filter(hour),
		Order:      p.oneOf("order", events.OrderNewest, events.OrderOldest, events.OrderSlowest, events.OrderCostly, events.OrderTokens),
		Limit:      p.int("limit", events.DefaultLimit, 1, maxPageLimit),
		Cursor:     p.get("cursor"),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	page, err := s.Events.Calls(r.Context(), q)
	if page.Calls == nil {
		page.Calls = []*llm.Call{}
	}
	return page, err
}

// callDetail is a Call with what was said of it.
type callDetail struct {
	call     *llm.Call
	feedback []events.Feedback
}

// MarshalJSON adds the feedback to the Call's own fields.
func (d callDetail) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(d.call)
	if err != nil || len(d.feedback) == 0 {
		return b, err
	}
	fb, err := json.Marshal(d.feedback)
	if err != nil {
		return nil, err
	}
	b = append(b[:len(b)-1], `,"feedback":`...)
	return append(append(b, fb...), '}'), nil
}

func (s *server) call(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	if err := p.check(); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if !validID(id, 26) {
		return nil, badParameter("id", id, "the id of a call: 26 letters and digits")
	}
	d, err := s.Events.Call(r.Context(), id)
	if errors.Is(err, events.ErrNotFound) {
		return nil, notFound("call", id, "it may be older than the retention, or not stored yet: a call shows within a few seconds")
	}
	if err != nil {
		return nil, err
	}
	return callDetail{d.Call, d.Feedback}, nil
}

// facetFields are the dimensions that can be counted and grouped by.
var facetFields = []string{
	"service", "environment", "provider", "upstream", "operation", "request_model", "response_model", "model", "status", "error_type", "http_status",
	"user", "session", "feature", "prompt_name", "prompt_version", "stream", "source", "finish_reasons", "cost.state", "usage.source", "service_tier", "tags.*",
}

func (s *server) facets(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.FacetQuery{
		CallFilter: p.filter(hour),
		Fields:     p.list("fields", nil, facetFields),
		Limit:      p.int("limit", 20, 1, events.MaxFacetLimit),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	f, err := s.Events.Facets(r.Context(), q)
	return map[string]any{"facets": orEmpty(f)}, err
}

func (s *server) summary(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	// queries.md §8 asks for the last N minutes: minutes is short for start.
	minutes := p.int("minutes", 60, 1, 60*24*366)
	f := p.filter(time.Duration(minutes) * time.Minute)
	if err := p.check(); err != nil {
		return nil, err
	}
	return s.Events.Summary(r.Context(), f)
}

func (s *server) timeline(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.TimelineQuery{
		CallFilter: p.filter(hour),
		Step:       p.duration("step", 0, time.Second, 366*24*time.Hour),
		By:         p.get("by"),
		Limit:      p.int("limit", 10, 1, 100),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return s.Events.Timeline(r.Context(), q)
}

func (s *server) models(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	f := p.filter(24 * hour)
	if err := p.check(); err != nil {
		return nil, err
	}
	m, err := s.Events.Models(r.Context(), f)
	return map[string]any{"models": orEmpty(m)}, err
}

func (s *server) costs(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.CostQuery{
		CallFilter: p.filter(24 * hour),
		By:         p.list("by", nil, facetFields),
		Step:       p.duration("step", 0, time.Minute, 366*24*time.Hour),
		Limit:      p.int("limit", 1000, 1, 10_000),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	g, err := s.Events.Costs(r.Context(), q)
	return map[string]any{"groups": orEmpty(g)}, err
}

func (s *server) trace(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	rng := events.Range{Start: p.time("start", time.Time{}), End: p.time("end", time.Time{})}
	if err := p.check(); err != nil {
		return nil, err
	}
	id := strings.ToLower(r.PathValue("id"))
	if !validID(id, 32, 16) {
		return nil, badParameter("id", id, "a trace id: 32 hex digits")
	}
	records, err := s.Events.Trace(r.Context(), id, rng)
	if err != nil && !errors.Is(err, events.ErrNotFound) {
		return nil, err
	}
	if len(records) == 0 {
		return nil, notFound("trace", id, "it may be older than the retention, or not stored yet: a span shows within a few seconds")
	}
	return buildTrace(id, records), nil
}

func (s *server) ledger(*http.Request) (any, error) {
	return map[string]any{"sources": orEmpty(s.Ledger())}, nil
}

func (s *server) status(r *http.Request) (any, error) {
	return s.Status(r.Context()), nil
}

const maxFeedbackBody = 64 << 10

func (s *server) feedback(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFeedbackBody+1))
	if err != nil || len(body) > maxFeedbackBody {
		return nil, &Error{http.StatusBadRequest, CodeBadBody, "the body cannot be read or is over 64 KiB", "send one JSON object"}
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	var f events.Feedback
	if err := dec.Decode(&f); err != nil {
		return nil, &Error{
			http.StatusBadRequest, CodeBadBody, "feedback: " + err.Error(),
			`send {"call_id" or "trace_id" or "response_id", "score": 0 to 1 or "label", "name", "comment", "evaluator", "user"}`,
		}
	}
	if f.CallID == "" && f.TraceID == "" && f.ResponseID == "" {
		return nil, &Error{http.StatusBadRequest, CodeBadBody, "feedback names nothing", "set call_id, trace_id or response_id"}
	}
	score, scored := f.Score.Get()
	if !scored && f.Label == "" && f.Comment == "" {
		return nil, &Error{http.StatusBadRequest, CodeBadBody, "feedback says nothing", "set score, label or comment"}
	}
	if scored && (score < 0 || score > 1) {
		return nil, badParameter("score", string(mustJSON(f.Score)), "0 to 1")
	}
	if err := s.Events.InsertFeedback(r.Context(), &f); err != nil {
		return nil, err
	}
	if s.Feedback != nil {
		s.Feedback(&f)
	}
	return f, nil
}

func mustJSON(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

// orEmpty makes an absent list an empty one in JSON.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
