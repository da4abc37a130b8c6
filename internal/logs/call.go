package logs

import (
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The kinds of lines that describe a request to a model.
const (
	callEvent   = "event"
	callLiteLLM = "litellm"
)

// The events that describe a finished request to a model.
const (
	EventSuccess   = "llm_request_success"
	EventError     = "llm_request_error"
	EventRateLimit = "rate_limit"
)

// values are the scalar fields of a line by name in lower case; inner names win.
type values map[string]any

func (m *mapper) values() values {
	v := make(values, len(m.doc.fields))
	for level := int8(0); level <= m.doc.depth; level++ {
		for i := range m.doc.fields {
			if f := &m.doc.fields[i]; f.level == level {
				v[strings.ToLower(f.key)] = f.val
			}
		}
	}
	return v
}

func (v values) text(names ...string) string {
	for _, n := range names {
		if s, ok := text(v[n]); ok && s != "" {
			return s
		}
	}
	return ""
}

func (v values) number(names ...string) (float64, bool) {
	for _, n := range names {
		if f, ok := toNumber(v[n]); ok {
			return f, true
		}
	}
	return 0, false
}

func (v values) bool(names ...string) bool {
	for _, n := range names {
		switch b := v[n].(type) {
		case bool:
			return b
		case string:
			return strings.EqualFold(b, "true")
		}
	}
	return false
}

func (v values) count(names ...string) llm.Opt[int64] {
	if f, ok := v.number(names...); ok && f >= 0 && f < math.MaxInt64 && f == math.Trunc(f) {
		return llm.Some(int64(f))
	}
	return llm.Opt[int64]{}
}

// seconds reads a duration from fields in seconds, else from fields in
// milliseconds.
func (v values) seconds(inSeconds, inMillis []string) llm.Opt[time.Duration] {
	f, ok := v.number(inSeconds...)
	if !ok {
		f, ok = v.number(inMillis...)
		f /= 1000
	}
	if !ok || !(f >= 0 && f < 1e6) {
		return llm.Opt[time.Duration]{}
	}
	return llm.Some(time.Duration(math.Round(f * float64(time.Second))))
}

func toNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case string:
		s := strings.TrimSpace(v)
		if n, ok := strings.CutSuffix(s, "ms"); ok { // 820ms, 1.2s: as loggers print durations
			f, err := strconv.ParseFloat(n, 64)
			return f / 1000, err == nil
		}
		f, err := strconv.ParseFloat(strings.TrimSuffix(s, "s"), 64)
		return f, err == nil
	}
	return 0, false
}

// call returns the Call that the line describes, or nil. l is its Log, from
// which the content of the conversation is moved to the Call.
func (m *mapper) call(l *llm.Log, found *[canonicals]candidates, o *origin) (*llm.Call, string) {
	switch l.Event {
	case EventSuccess, EventError, EventRateLimit:
		return m.eventCall(l, o), callEvent
	}
	if found[toCallType].n > 0 {
		if c := m.liteLLM(l, o); c != nil {
			return c, callLiteLLM
		}
	}
	return nil, ""
}

func newCall(l *llm.Log) *llm.Call {
	return &llm.Call{
		Time: l.Time, Source: llm.SourceLogs, Service: l.Service, Environment: l.Environment,
		TraceID: l.TraceID, SpanID: l.SpanID, Scope: l.Scope, Status: llm.StatusOK, Resource: maps.Clone(l.Resource),
	}
}

// eventCall reads a line in the form of Pitot's SDK and of the field's tutorials.
func (m *mapper) eventCall(l *llm.Log, o *origin) *llm.Call {
	v := m.values()
	c := newCall(l)
	c.RequestModel = v.text("model", "request_model", "gen_ai.request.model", "llm.model", "llm_model", "model_name")
	c.ResponseModel = v.text("response_model", "gen_ai.response.model")
	c.Provider = llm.CanonicalProvider(v.text("provider", "gen_ai.provider.name", "gen_ai.system", "llm.provider", "vendor"))
	c.Operation = operation(v.text("operation", "gen_ai.operation.name", "method", "call_type", "request_type"))
	c.Stream = v.bool("stream", "streaming", "is_streaming")
	request := v.text("request_id", "requestid", "request.id", "req_id")
	c.ResponseID = responseID(v.text("response_id", "gen_ai.response.id", "completion_id"), request)
	if d, ok := v.seconds(
		[]string{"latency", "latency_seconds", "latency_s", "duration", "duration_seconds", "duration_s", "response_time", "elapsed", "elapsed_seconds"},
		[]string{"latency_ms", "duration_ms", "response_time_ms", "elapsed_ms", "latencyms", "durationms", "total_latency_ms"},
	).Get(); ok {
		c.Duration = d
		// The line is written when the request has ended.
		c.Time = l.Time.Add(-d)
	}
	c.TTFT = v.seconds(
		[]string{"ttft", "ttft_seconds", "time_to_first_token", "time_to_first_token_seconds"},
		[]string{"ttft_ms", "time_to_first_token_ms", "first_token_ms"},
	)
	usageOf(c, v)
	costOf(c, v, "cost", "cost_usd", "usd", "response_cost", "gen_ai.usage.cost", "total_cost")
	if f, ok := v.number("status_code", "http_status", "http.response.status_code", "http_status_code"); ok && f >= 100 && f < 600 {
		c.HTTPStatus = int(f)
	}
	if s := v.text("finish_reason", "stop_reason", "gen_ai.response.finish_reason"); s != "" {
		c.FinishReasons = []string{llm.FinishReason(s)}
	}
	c.User = v.text("user", "user_id", "userid", "end_user", "user.id", "enduser.id")
	c.Session = v.text("session", "session_id", "sessionid", "session.id", "conversation_id", "thread_id", "gen_ai.conversation.id")
	c.Feature = v.text("feature", "use_case")
	c.PromptName, c.PromptVersion = v.text("prompt_name"), v.text("prompt_version")
	c.Agent, c.Workflow = v.text("agent", "agent_name", "gen_ai.agent.name"), v.text("workflow", "workflow_name")
	switch l.Event {
	case EventError:
		c.SetError(orElse(v.text("error_type", "error.type", "error_code", "error.code", "exception", "exc_type"), "error"),
			v.text("error_message", "error.message", "error", "err", "exc_info", "exception_message", "message"))
	case EventRateLimit:
		c.SetError(orElse(v.text("error_type", "error.type", "error_code"), "rate_limit"), v.text("error_message", "error.message", "error", "message"))
	}
	m.moveText(c, l, v)
	m.finish(c, l, o, request)
	return c
}

// moveText takes prompt and answer where they are text.
func (m *mapper) moveText(c *llm.Call, l *llm.Log, v values) {
	for _, k := range []string{"prompt", "input", "response", "completion", "output"} {
		s, ok := v[k].(string)
		if !ok || s == "" {
			continue
		}
		switch k {
		case "prompt", "input":
			c.Input = append(c.Input, llm.Text("user", s))
		default:
			c.Output = append(c.Output, llm.Text("assistant", s))
		}
		delete(l.Attributes, k)
	}
}

// finish gives the Call its id and the attributes of the line that are none of
// its fields.
func (m *mapper) finish(c *llm.Call, l *llm.Log, o *origin, request string) {
	c.Attributes = maps.Clone(l.Attributes)
	for _, k := range ownFields() {
		delete(c.Attributes, k)
	}
	switch {
	case request != "":
		// A request has one outcome at one time: the same line that came by two
		// ways, or twice without an `_id`, is one Call.
		c.ID = derivedID(c.Time, "request", c.Service, request, l.Event, l.Time.Format(time.RFC3339Nano), c.RequestModel,
			strconv.FormatInt(c.Usage.InputTokens.Or(-1), 10), strconv.FormatInt(c.Usage.OutputTokens.Or(-1), 10), c.Duration.String())
	case o.id != nil:
		c.ID = derivedID(c.Time, append([]string{"call"}, o.id...)...)
	}
}

// ownFields are the attributes that a Call has as fields.
func ownFields() []string {
	return []string{
		attrModel, "provider", "operation", "method", "stream", "latency", "latency_ms", "duration", "duration_ms", "ttft", "ttft_ms",
		"input_tokens", "output_tokens", "prompt_tokens", "completion_tokens", "total_tokens", "cost", "cost_usd", "response_cost",
		"error_type", "error_message", "status_code", "http_status", "finish_reason", "user", "user_id", "end_user",
		"session", "session_id", "feature", "response_id", "call_type", "starttime", "endtime", "startTime", "endTime",
	}
}

func usageOf(c *llm.Call, v values) {
	u := &c.Usage
	u.InputTokens = v.count("input_tokens", "prompt_tokens", "usage.input_tokens", "usage.prompt_tokens", "tokens.input", "tokens_input",
		"gen_ai.usage.input_tokens", "inputtokens", "tokens_in")
	u.OutputTokens = v.count("output_tokens", "completion_tokens", "usage.output_tokens", "usage.completion_tokens", "tokens.output", "tokens_output",
		"gen_ai.usage.output_tokens", "outputtokens", "tokens_out")
	u.CacheReadTokens = v.count("cache_read_tokens", "cached_tokens", "cache_read_input_tokens", "usage.prompt_tokens_details.cached_tokens", "usage.cache_read_tokens")
	u.CacheWriteTokens = v.count("cache_write_tokens", "cache_creation_input_tokens", "usage.cache_write_tokens")
	u.ReasoningTokens = v.count("reasoning_tokens", "usage.completion_tokens_details.reasoning_tokens", "usage.reasoning_tokens")
	if u.InputTokens.Known() || u.OutputTokens.Known() {
		u.Source = llm.UsageReported
	}
}

func costOf(c *llm.Call, v values, names ...string) {
	if usd, ok := v.number(names...); ok && usd >= 0 {
		c.Cost = llm.Cost{USD: llm.Some(usd), State: llm.CostReported}
	}
}

// responseID returns the provider's id of an answer: the field for it, else
// the first request id that looks like one.
func responseID(id string, requests ...string) string {
	if id != "" {
		return id
	}
	for _, r := range requests {
		for _, prefix := range []string{"chatcmpl-", "cmpl-", "resp_", "msg_", "gen-"} {
			if strings.HasPrefix(r, prefix) {
				return r
			}
		}
	}
	return ""
}

// operation reads the name of an operation, LiteLLM's call types included. What
// is called an LLM request and says no more is a chat.
func operation(s string) llm.Operation {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "litellm."), "/v1/")
	switch s {
	case "", "post", "get", "completion", "acompletion", "chat", "chat_completion", "chat.completion", "chat.completions", "chat_completions",
		"chat/completions", "completions", "messages", "anthropic_messages", "invoke", "generate":
		return llm.OpChat
	case "text_completion", "atext_completion":
		return llm.OpTextCompletion
	case "generate_content", "agenerate_content", "generate_content_stream", "agenerate_content_stream":
		return llm.OpGenerateContent
	case "responses", "aresponses":
		return llm.OpResponses
	case "embedding", "aembedding", "embeddings", "embed":
		return llm.OpEmbeddings
	case "rerank", "arerank":
		return llm.OpRerank
	case "image_generation", "aimage_generation", "images":
		return llm.OpImage
	case "speech", "aspeech", "tts":
		return llm.OpSpeech
	case "transcription", "atranscription":
		return llm.OpTranscription
	case "moderation", "amoderation":
		return llm.OpModeration
	}
	return llm.OpChat
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
