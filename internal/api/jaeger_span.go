package api

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

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

// toJaeger turns the records of a trace into Jaeger's form.
func toJaeger(id string, found *events.TraceRecords) jaegerTrace {
	t := jaegerTrace{TraceID: id, Spans: []jaegerSpan{}, Processes: map[string]jaegerProcess{}}
	processes := map[string]string{}
	if found.Partial {
		t.Warnings = []string{fmt.Sprintf("The trace has %d more spans than are shown: these are the first.", found.Missing)}
	}
	spans, _ := traceSpans(found.Records)
	for _, s := range spans {
		service := cmp.Or(s.Service, "unknown")
		tags := tagList{}
		tags.attributes(s.resource())
		key := fmt.Sprint(service, "\x00", tags)
		pid, ok := processes[key]
		if !ok {
			pid = "p" + strconv.Itoa(len(processes)+1)
			processes[key] = pid
			t.Processes[pid] = jaegerProcess{ServiceName: service, Tags: tags}
		}
		js := jaegerSpan{
			TraceID: id, SpanID: s.SpanID, OperationName: s.Name, References: []jaegerRef{}, StartTime: s.Start.UnixMicro(),
			Duration: s.duration.Microseconds(), ProcessID: pid, Logs: []jaegerLog{},
		}
		if s.ParentSpanID != "" {
			js.References = append(js.References, jaegerRef{"CHILD_OF", id, s.ParentSpanID})
		}
		if s.Call != nil {
			js.fromCall(s.Call)
		} else {
			js.fromSpan(s.Span)
		}
		t.Spans = append(t.Spans, js)
	}
	return t
}

func (js *jaegerSpan) fromCall(c *llm.Call) {
	var tags tagList
	tags.call(c)
	js.Tags = tags
	if ttft, ok := c.TTFT.Get(); ok {
		js.Logs = append(js.Logs, jaegerLog{c.Time.Add(ttft).UnixMicro(), []jaegerTag{{"event", "string", "first_token"}}})
	}
	js.eventsAndLinks(c.Events, c.Links)
}

func (js *jaegerSpan) fromSpan(s *llm.Span) {
	var tags tagList
	tags.span(s)
	js.Tags = tags
	js.eventsAndLinks(s.Events, s.Links)
}

func (js *jaegerSpan) eventsAndLinks(events []llm.SpanEvent, links []llm.SpanLink) {
	for _, l := range links {
		js.References = append(js.References, jaegerRef{"FOLLOWS_FROM", l.TraceID, l.SpanID})
	}
	for _, e := range events {
		fields := tagList{{"event", "string", e.Name}}
		fields.attributes(e.Attributes)
		js.Logs = append(js.Logs, jaegerLog{e.Time.UnixMicro(), fields})
	}
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
	case int:
		*l = append(*l, jaegerTag{key, "int64", int64(x)})
	case int64:
		*l = append(*l, jaegerTag{key, "int64", x})
	case float64:
		*l = append(*l, jaegerTag{key, "float64", x})
	case nil:
	default:
		text, err := encode(x)
		if err != nil {
			text = fmt.Append(nil, x)
		}
		*l = append(*l, jaegerTag{key, "string", strings.TrimSpace(string(text))})
	}
}

func (l *tagList) count(key string, n llm.Opt[int64]) {
	if v, ok := n.Get(); ok {
		l.add(key, v)
	}
}

func (l *tagList) attributes(m map[string]any) {
	for _, k := range sortedKeys(m) {
		l.add(k, m[k])
	}
}

// resource is what the sender said of the process.
func (s *TraceSpan) resource() map[string]any {
	if s.Call != nil {
		return s.Call.Resource
	}
	return s.Span.Resource
}

// more adds the sender's own attributes but those that are there already.
func (l *tagList) more(m map[string]any) {
	there := make(map[string]bool, len(*l))
	for _, t := range *l {
		there[t.Key] = true
	}
	for _, k := range sortedKeys(m) {
		if !there[k] {
			l.add(k, m[k])
		}
	}
}

// call adds a Call's fields under the names of OpenTelemetry's GenAI conventions,
// and where those have none under the names that the store finds them by.
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
	l.add("cost.state", string(c.Cost.State))
	if ttft, ok := c.TTFT.Get(); ok {
		l.add("gen_ai.response.time_to_first_chunk", ttft.Seconds())
	}
	l.add("gen_ai.request.stream", c.Stream)
	if c.HTTPStatus != 0 {
		l.add("http.response.status_code", int64(c.HTTPStatus))
	}
	l.add("user.id", c.User)
	l.add("session.id", c.Session)
	l.add("feature", c.Feature)
	l.add("gen_ai.prompt.name", c.PromptName)
	l.add("gen_ai.prompt.version", c.PromptVersion)
	l.add("gen_ai.agent.name", c.Agent)
	l.add("gen_ai.workflow.name", c.Workflow)
	l.add("otel.scope.name", c.Scope)
	l.add("otel.scope.version", c.ScopeVersion)
	l.add("pitot.dialect", c.Dialect)
	l.add("deployment.environment.name", c.Environment)
	for _, k := range sortedKeys(c.Tags) {
		l.add("tags."+k, c.Tags[k])
	}
	l.add("pitot.call.id", c.ID)
	l.failed(c.Status, c.ErrorType, c.ErrorMessage)
	l.more(c.Attributes)
}

func (l *tagList) span(s *llm.Span) {
	l.add("span.kind", cmp.Or(s.OTelKind, "internal"))
	l.add("pitot.span.kind", string(s.Kind))
	l.add("gen_ai.agent.name", s.Agent)
	l.add("gen_ai.workflow.name", s.Workflow)
	l.add("gen_ai.tool.name", s.Tool)
	l.add("user.id", s.User)
	l.add("session.id", s.Session)
	l.add("otel.scope.name", s.Scope)
	l.add("otel.scope.version", s.ScopeVersion)
	l.add("pitot.dialect", s.Dialect)
	l.add("deployment.environment.name", s.Environment)
	l.failed(s.Status, s.ErrorType, s.ErrorMessage)
	l.more(s.Attributes)
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
