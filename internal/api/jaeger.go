package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// The Jaeger query API: the JSON that Jaeger's own UI and Grafana's Jaeger data
// source read. Times and durations are in microseconds.
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

type jaegerTrace struct {
	TraceID   string                   `json:"traceID"`
	Spans     []jaegerSpan             `json:"spans"`
	Processes map[string]jaegerProcess `json:"processes"`
	Warnings  []string                 `json:"warnings"`
}

type jaegerSpan struct {
	TraceID       string      `json:"traceID"`
	SpanID        string      `json:"spanID"`
	OperationName string      `json:"operationName"`
	References    []jaegerRef `json:"references"`
	StartTime     int64       `json:"startTime"`
	Duration      int64       `json:"duration"`
	Tags          []jaegerTag `json:"tags"`
	Logs          []jaegerLog `json:"logs"`
	ProcessID     string      `json:"processID"`
	Warnings      []string    `json:"warnings"`
}

type jaegerRef struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

type jaegerTag struct {
	Key   string `json:"key"`
	Type  string `json:"type"` // string, bool, int64, float64
	Value any    `json:"value"`
}

type jaegerLog struct {
	Timestamp int64       `json:"timestamp"`
	Fields    []jaegerTag `json:"fields"`
}

type jaegerProcess struct {
	ServiceName string      `json:"serviceName"`
	Tags        []jaegerTag `json:"tags"`
}

func (s *server) jaegerRoutes() {
	for path, h := range map[string]func(*http.Request) (any, int, error){
		"/services":                      s.jaegerServices,
		"/services/{service}/operations": s.jaegerServiceOperations,
		"/operations":                    s.jaegerOperations,
		"/traces":                        s.jaegerTraces,
		"/traces/{id}":                   s.jaegerTrace,
	} {
		s.mux.HandleFunc("GET /jaeger/api"+path, func(w http.ResponseWriter, r *http.Request) {
			data, total, err := h(r)
			if err != nil {
				jaegerFail(w, err)
				return
			}
			writeJSON(w, http.StatusOK, jaegerAnswer{Data: data, Total: total})
		})
	}
	s.mux.HandleFunc("GET /jaeger/api/dependencies", s.jaegerDependencies)
}

func jaegerFail(w http.ResponseWriter, err error) {
	e := toError(err)
	msg := e.Message
	if e.Hint != "" {
		msg += " (" + e.Hint + ")"
	}
	writeJSON(w, e.Status, jaegerAnswer{Errors: []jaegerError{{e.Status, msg}}})
}

// jaegerLookback is how far back names are collected.
const jaegerLookback = 48 * time.Hour

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
	service := r.URL.Query().Get("service")
	if service == "" {
		return nil, 0, badParameter("service", "", "the name of a service")
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
	id := strings.ToLower(r.PathValue("id"))
	if len(id) < 32 && id != "" { // Jaeger's clients leave leading zeros out
		id = strings.Repeat("0", 32-len(id)) + id
	}
	if !validID(id, 32) {
		return nil, 0, badParameter("trace id", r.PathValue("id"), "up to 32 hex digits")
	}
	records, err := s.Events.Trace(r.Context(), id, events.Range{})
	if err != nil && !errors.Is(err, events.ErrNotFound) {
		return nil, 0, err
	}
	if len(records) == 0 {
		return nil, 0, notFound("trace", id, "")
	}
	return []jaegerTrace{toJaeger(id, records)}, 1, nil
}

func (s *server) jaegerTraces(r *http.Request) (any, int, error) {
	values := r.URL.Query()
	if ids := values["traceID"]; len(ids) > 0 {
		return s.jaegerByIDs(r, ids)
	}
	q, err := s.jaegerQuery(values.Get)
	if err != nil {
		return nil, 0, err
	}
	found, err := s.Events.Traces(r.Context(), q)
	if err != nil {
		return nil, 0, err
	}
	out := make([]jaegerTrace, 0, len(found))
	for _, records := range found {
		if id := traceIDOf(records); id != "" {
			out = append(out, toJaeger(id, records))
		}
	}
	return out, len(out), nil
}

func (s *server) jaegerByIDs(r *http.Request, ids []string) (any, int, error) {
	out := []jaegerTrace{}
	for _, id := range ids[:min(len(ids), 100)] {
		if !validID(id, 32) {
			return nil, 0, badParameter("traceID", id, "32 hex digits")
		}
		records, err := s.Events.Trace(r.Context(), strings.ToLower(id), events.Range{})
		if err != nil && !errors.Is(err, events.ErrNotFound) {
			return nil, 0, err
		}
		if len(records) > 0 {
			out = append(out, toJaeger(id, records))
		}
	}
	return out, len(out), nil
}

// jaegerQuery reads the parameters of a search.
func (s *server) jaegerQuery(get func(string) string) (events.TraceQuery, error) {
	q := events.TraceQuery{Service: get("service"), Operation: get("operation"), Limit: 20}
	if q.Operation == "all" {
		q.Operation = ""
	}
	now := s.Now()
	q.Start, q.End = now.Add(-hour), now
	if lb := get("lookback"); lb != "" && lb != "custom" {
		d, ok := parseDuration(lb)
		if !ok || d <= 0 {
			return q, badParameter("lookback", lb, "a duration such as 1h")
		}
		q.Start = now.Add(-d)
	}
	for name, t := range map[string]*time.Time{"start": &q.Start, "end": &q.End} {
		if v := get(name); v != "" {
			us, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return q, badParameter(name, v, "Unix microseconds")
			}
			*t = time.UnixMicro(us).UTC()
		}
	}
	for name, d := range map[string]*time.Duration{"minDuration": &q.MinDuration, "maxDuration": &q.MaxDuration} {
		if v := get(name); v != "" {
			var err error
			if *d, err = time.ParseDuration(v); err != nil {
				return q, badParameter(name, v, "a duration such as 100ms or 1.2s")
			}
		}
	}
	if v := get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1500 {
			return q, badParameter("limit", v, "1 to 1500")
		}
		q.Limit = n
	}
	if v := get("tags"); v != "" {
		if err := json.Unmarshal([]byte(v), &q.Tags); err != nil {
			return q, badParameter("tags", v, `a JSON object of strings, such as {"error":"true"}`)
		}
	}
	if !q.Start.Before(q.End) {
		return q, badParameter("start", get("start"), "a time before end")
	}
	return q, nil
}

func (s *server) jaegerDependencies(w http.ResponseWriter, r *http.Request) {
	end := s.Now()
	if v := r.URL.Query().Get("endTs"); v != "" {
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			jaegerFail(w, badParameter("endTs", v, "Unix milliseconds"))
			return
		}
		end = time.UnixMilli(ms).UTC()
	}
	lookback := jaegerLookback
	if v := r.URL.Query().Get("lookback"); v != "" {
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil || ms <= 0 {
			jaegerFail(w, badParameter("lookback", v, "milliseconds"))
			return
		}
		lookback = time.Duration(ms) * time.Millisecond
	}
	deps, err := s.Events.Dependencies(r.Context(), events.Range{Start: end.Add(-lookback), End: end})
	if err != nil {
		jaegerFail(w, err)
		return
	}
	writeJSON(w, http.StatusOK, jaegerAnswer{Data: orEmpty(deps), Total: len(deps)})
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

// toJaeger turns the records of a trace into Jaeger's form.
func toJaeger(id string, records []llm.Record) jaegerTrace {
	t := jaegerTrace{TraceID: id, Spans: []jaegerSpan{}, Processes: map[string]jaegerProcess{}}
	processes := map[string]string{}
	for _, r := range records {
		s, ok := traceSpan(r)
		if !ok {
			continue
		}
		service := cmp.Or(s.Service, "unknown")
		pid, ok := processes[service]
		if !ok {
			pid = fmt.Sprintf("p%d", len(processes)+1)
			processes[service] = pid
			t.Processes[pid] = jaegerProcess{ServiceName: service, Tags: []jaegerTag{}}
		}
		js := jaegerSpan{
			TraceID: id, SpanID: s.SpanID, OperationName: s.Name, References: []jaegerRef{}, StartTime: s.Start.UnixMicro(),
			Duration: int64(s.DurationSeconds * 1e6), ProcessID: pid, Logs: []jaegerLog{},
		}
		if s.ParentSpanID != "" {
			js.References = append(js.References, jaegerRef{"CHILD_OF", id, s.ParentSpanID})
		}
		var tags tagList
		if s.Call != nil {
			tags.call(s.Call)
			if ttft, ok := s.Call.TTFT.Get(); ok {
				js.Logs = append(js.Logs, jaegerLog{s.Start.Add(ttft).UnixMicro(), []jaegerTag{{"event", "string", "first_token"}}})
			}
		} else {
			tags.span(s.Span)
			for _, e := range s.Span.Events {
				fields := tagList{{"event", "string", e.Name}}
				fields.attributes(e.Attributes)
				js.Logs = append(js.Logs, jaegerLog{e.Time.UnixMicro(), fields})
			}
		}
		js.Tags = tags
		t.Spans = append(t.Spans, js)
	}
	return t
}

type tagList []jaegerTag

func (l *tagList) add(key string, v any) {
	switch x := v.(type) {
	case string:
		if x != "" {
			*l = append(*l, jaegerTag{key, "string", x})
		}
	case bool:
		*l = append(*l, jaegerTag{key, "bool", x})
	case int64:
		*l = append(*l, jaegerTag{key, "int64", x})
	case float64:
		*l = append(*l, jaegerTag{key, "float64", x})
	case nil:
	default:
		*l = append(*l, jaegerTag{key, "string", string(mustJSON(x))})
	}
}

func (l *tagList) count(key string, n llm.Opt[int64]) {
	if v, ok := n.Get(); ok {
		l.add(key, v)
	}
}

func (l *tagList) attributes(m map[string]any) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		l.add(k, m[k])
	}
}

// call adds a Call's fields under the names of OpenTelemetry's GenAI conventions.
func (l *tagList) call(c *llm.Call) {
	l.add("span.kind", "client")
	l.add("gen_ai.operation.name", string(c.Operation))
	l.add("gen_ai.provider.name", c.Provider)
	l.add("gen_ai.request.model", c.RequestModel)
	l.add("gen_ai.response.model", c.ResponseModel)
	l.add("gen_ai.response.id", c.ResponseID)
	if len(c.FinishReasons) > 0 {
		l.add("gen_ai.response.finish_reasons", c.FinishReasons)
	}
	l.count("gen_ai.usage.input_tokens", c.Usage.InputTokens)
	l.count("gen_ai.usage.output_tokens", c.Usage.OutputTokens)
	l.count("gen_ai.usage.cache_read.input_tokens", c.Usage.CacheReadTokens)
	l.count("gen_ai.usage.cache_write.input_tokens", c.Usage.CacheWriteTokens)
	l.count("gen_ai.usage.reasoning.output_tokens", c.Usage.ReasoningTokens)
	if usd, ok := c.Cost.USD.Get(); ok {
		l.add("gen_ai.usage.cost", usd)
	}
	l.add("pitot.cost.state", string(c.Cost.State))
	if ttft, ok := c.TTFT.Get(); ok {
		l.add("gen_ai.response.time_to_first_chunk", ttft.Seconds())
	}
	l.add("gen_ai.request.stream", c.Stream)
	if c.HTTPStatus != 0 {
		l.add("http.response.status_code", int64(c.HTTPStatus))
	}
	l.add("user.id", c.User)
	l.add("session.id", c.Session)
	l.add("pitot.feature", c.Feature)
	l.add("gen_ai.prompt.name", c.PromptName)
	l.add("gen_ai.prompt.version", c.PromptVersion)
	l.add("pitot.call.id", c.ID)
	l.failed(c.Status, c.ErrorType, c.ErrorMessage)
	l.attributes(c.Attributes)
}

func (l *tagList) span(s *llm.Span) {
	l.add("span.kind", cmp.Or(s.OTelKind, "internal"))
	l.add("pitot.span.kind", string(s.Kind))
	l.add("gen_ai.agent.name", s.Agent)
	l.add("gen_ai.tool.name", s.Tool)
	l.add("user.id", s.User)
	l.add("session.id", s.Session)
	l.add("otel.scope.name", s.Scope)
	l.failed(s.Status, s.ErrorType, s.ErrorMessage)
	l.attributes(s.Attributes)
}

func (l *tagList) failed(st llm.Status, typ, msg string) {
	if st != llm.StatusError {
		return
	}
	l.add("error", true)
	l.add("error.type", typ)
	l.add("otel.status_code", "ERROR")
	l.add("otel.status_description", msg)
}
