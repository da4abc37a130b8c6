package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// The Jaeger query API: the JSON that Jaeger's own UI and Grafana's Jaeger data
// source read. Times and durations are in microseconds, and its errors have its
// own shape. Parameters that it does not know are ignored, as Jaeger does.
// Source: https://www.jaegertracing.io/docs/latest/apis/ (internal HTTP JSON).

type jaegerAnswer struct {
	Data   any           `json:"data"`
	Total  int           `json:"total"`
	Limit  int           `json:"limit"`
	Offset int           `json:"offset"`
	Errors []jaegerError `json:"errors"`
}

type jaegerError struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

const (
	// jaegerLookback is how far back names are collected.
	jaegerLookback = 2 * day
	// maxJaegerTraces is the most traces of one search or one list of ids.
	maxJaegerTraces = 1000
	maxJaegerIDs    = 100
)

func (s *server) jaegerRoutes() {
	for path, h := range map[string]func(*http.Request) (any, int, error){
		"/services":                      s.jaegerServices,
		"/services/{service}/operations": s.jaegerServiceOperations,
		"/operations":                    s.jaegerOperations,
		"/traces":                        s.jaegerTraces,
		"/traces/{id}":                   s.jaegerTrace,
		"/dependencies":                  s.jaegerDependencies,
	} {
		routed{s}.HandleFunc("GET /jaeger/api"+path, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
			defer cancel()
			var cold events.Partial
			data, total, err := h(r.WithContext(events.WithCold(ctx, &cold)))
			partial(w, &cold)
			if err != nil {
				s.jaegerFail(w, r, err)
				return
			}
			answer := jaegerAnswer{Data: data, Total: total}
			answer.warn(&cold)
			s.writeJSON(w, r, http.StatusOK, answer)
		})
	}
	routed{s}.HandleFunc("/jaeger/api/", func(w http.ResponseWriter, r *http.Request) { s.jaegerFail(w, r, s.noRoute(w, r)) })
}

// warn says in Jaeger's way which days are missing: with each trace, and as an
// error beside the data where no trace is there to say so.
func (a *jaegerAnswer) warn(p *events.Partial) {
	text := p.String()
	if text == "" {
		return
	}
	traces, ok := a.Data.([]jaegerTrace)
	for i := range traces {
		traces[i].Warnings = append(traces[i].Warnings, text)
	}
	if !ok || len(traces) == 0 {
		a.Errors = append(a.Errors, jaegerError{http.StatusPartialContent, text})
	}
}

// jaegerRecords finds a trace, in days that are at hand first: by its id alone
// nobody knows its day.
func (s *server) jaegerRecords(r *http.Request, id string) (events.TraceRecords, error) {
	var later events.Partial
	found, err := s.records(r.WithContext(events.WithColdLater(r.Context(), &later)), id, events.Range{})
	if err != nil || len(found.Records) > 0 || !later.Wanted() {
		return found, err
	}
	return s.records(r, id, events.Range{})
}

func (s *server) jaegerFail(w http.ResponseWriter, r *http.Request, err error) {
	e := toError(err)
	if e.Status == http.StatusInternalServerError {
		s.Logger.Error("request failed", "path", r.URL.Path, "err", err)
	}
	msg := e.Message
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	s.writeJSON(w, r, e.Status, jaegerAnswer{Errors: []jaegerError{{e.Status, msg}}})
}

func (s *server) recent() events.Range {
	now := s.Now()
	return events.Range{Start: now.Add(-jaegerLookback), End: now}
}

func (s *server) jaegerServices(r *http.Request) (any, int, error) {
	names, err := s.Events.Services(r.Context(), s.recent())
	slices.Sort(names)
	return orEmpty(names), len(names), err
}

func (s *server) jaegerServiceOperations(r *http.Request) (any, int, error) {
	names, err := s.Events.Operations(r.Context(), r.PathValue("service"), s.recent())
	slices.Sort(names)
	return orEmpty(names), len(names), err
}

func (s *server) jaegerOperations(r *http.Request) (any, int, error) {
	p := newJaegerParams(r)
	service := p.q.Get("service")
	if service == "" {
		p.fail("service", "", "the name of a service")
	}
	if p.err != nil {
		return nil, 0, p.err
	}
	names, err := s.Events.Operations(r.Context(), service, s.recent())
	if err != nil {
		return nil, 0, err
	}
	type operation struct {
		Name     string `json:"name"`
		SpanKind string `json:"spanKind"`
	}
	slices.Sort(names)
	ops := make([]operation, 0, len(names))
	for _, n := range names {
		ops = append(ops, operation{Name: n})
	}
	return ops, len(ops), nil
}

func (s *server) jaegerTrace(r *http.Request) (any, int, error) {
	id, ok := parseTraceID(r.PathValue("id"))
	if !ok {
		return nil, 0, badParameter("trace id", r.PathValue("id"), traceIDForm)
	}
	found, err := s.jaegerRecords(r, id)
	if err != nil {
		return nil, 0, err
	}
	if len(found.Records) == 0 {
		return nil, 0, notFound("trace", id, "")
	}
	return []jaegerTrace{toJaeger(id, &found)}, 1, nil
}

func (s *server) jaegerTraces(r *http.Request) (any, int, error) {
	p := newJaegerParams(r)
	if ids := p.q["traceID"]; len(ids) > 0 && p.err == nil {
		return s.jaegerByIDs(r, ids)
	}
	q := p.traceQuery(s.Now())
	if p.err != nil {
		return nil, 0, p.err
	}
	found, err := s.Events.Traces(r.Context(), q)
	if err != nil {
		return nil, 0, err
	}
	out := make([]jaegerTrace, 0, len(found))
	for i := range found {
		if s.withheld(r) {
			found[i].Records = withholdRecords(found[i].Records)
		}
		if id := traceIDOf(found[i].Records); id != "" {
			out = append(out, toJaeger(id, &found[i]))
		}
	}
	return out, len(out), nil
}

func (s *server) jaegerByIDs(r *http.Request, ids []string) (any, int, error) {
	if len(ids) > maxJaegerIDs {
		return nil, 0, badParameter("traceID", strconv.Itoa(len(ids))+" ids", "at most "+strconv.Itoa(maxJaegerIDs)+" ids")
	}
	out := []jaegerTrace{}
	for _, given := range ids {
		id, ok := parseTraceID(given)
		if !ok {
			return nil, 0, badParameter("traceID", given, traceIDForm)
		}
		found, err := s.jaegerRecords(r, id)
		if err != nil {
			return nil, 0, err
		}
		if len(found.Records) > 0 {
			out = append(out, toJaeger(id, &found))
		}
	}
	return out, len(out), nil
}

func (s *server) jaegerDependencies(r *http.Request) (any, int, error) {
	p := newJaegerParams(r)
	end := p.unix("endTs", time.Millisecond, s.Now())
	lookback := jaegerLookback
	if v := p.q.Get("lookback"); v != "" {
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil || ms <= 0 || ms > maxRange.Milliseconds() {
			p.fail("lookback", v, "milliseconds, at most a year of them")
		}
		lookback = time.Duration(ms) * time.Millisecond
	}
	if p.err != nil {
		return nil, 0, p.err
	}
	deps, err := s.Events.Dependencies(r.Context(), events.Range{Start: end.Add(-lookback), End: end})
	return orEmpty(deps), len(deps), err
}

func traceIDOf(records []llm.Record) string {
	for _, r := range records {
		switch {
		case r.Call != nil && r.Call.TraceID != "":
			return r.Call.TraceID
		case r.Span != nil && r.Span.TraceID != "":
			return r.Span.TraceID
		}
	}
	return ""
}

// jaegerParams reads the parameters of the Jaeger API and remembers the first
// one that is wrong.
type jaegerParams struct {
	q   url.Values
	err error
}

func newJaegerParams(r *http.Request) *jaegerParams {
	q, err := url.ParseQuery(r.URL.RawQuery)
	p := &jaegerParams{q: q}
	if err != nil {
		p.err = newParams(r, time.Time{}).check()
	}
	return p
}

func (p *jaegerParams) fail(name, value, allowed string) {
	if p.err == nil {
		p.err = badParameter(name, value, allowed)
	}
}

// traceQuery reads the parameters of a search.
func (p *jaegerParams) traceQuery(now time.Time) events.TraceQuery {
	q := events.TraceQuery{Service: p.q.Get("service"), Operation: p.q.Get("operation"), Limit: 20}
	if q.Operation == "all" { // as Jaeger's UI has it
		q.Operation = ""
	}
	lookback := hour
	if v := p.q.Get("lookback"); v != "" && v != "custom" {
		d, ok := parseDuration(v)
		if !ok || d <= 0 || d > maxRange {
			p.fail("lookback", v, "a duration such as 1h or 2d, or custom")
		}
		lookback = d
	}
	q.End = p.unix("end", time.Microsecond, now)
	q.Start = p.unix("start", time.Microsecond, q.End.Add(-lookback))
	if !q.Start.Before(q.End) {
		p.fail("start", p.q.Get("start"), "a time before end")
	}
	q.MinDuration, q.MaxDuration = p.duration("minDuration"), p.duration("maxDuration")
	if q.MaxDuration > 0 && q.MinDuration > q.MaxDuration {
		p.fail("minDuration", p.q.Get("minDuration"), "a duration up to maxDuration")
	}
	if v := p.q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			p.fail("limit", v, "1 to "+strconv.Itoa(maxJaegerTraces))
		}
		q.Limit = min(n, maxJaegerTraces) // Jaeger's UI offers 1500
	}
	q.Tags = p.tags()
	return q
}

// tags reads tags, a JSON object, and tag, in the form name:value.
func (p *jaegerParams) tags() map[string]string {
	var tags map[string]string
	if v := p.q.Get("tags"); v != "" {
		if err := json.Unmarshal([]byte(v), &tags); err != nil {
			p.fail("tags", v, `a JSON object of strings, such as {"error":"true"}`)
		}
	}
	for _, v := range p.q["tag"] {
		name, value, ok := strings.Cut(v, ":")
		if !ok || name == "" {
			p.fail("tag", v, "name:value")
			continue
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[name] = value
	}
	return tags
}

// unix reads a time as a count of units since 1970.
func (p *jaegerParams) unix(name string, unit time.Duration, def time.Time) time.Time {
	v := p.q.Get(name)
	if v == "" {
		return def
	}
	perSecond := int64(time.Second / unit)
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 || n >= maxUnixSeconds*perSecond {
		p.fail(name, v, "Unix "+map[time.Duration]string{time.Microsecond: "microseconds", time.Millisecond: "milliseconds"}[unit])
		return def
	}
	return time.Unix(n/perSecond, n%perSecond*int64(unit)).UTC()
}

func (p *jaegerParams) duration(name string) time.Duration {
	v := p.q.Get(name)
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		p.fail(name, v, "a duration such as 100ms or 1.2s")
	}
	return d
}
