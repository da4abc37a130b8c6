package logs

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
)

func callOf(t *testing.T, line string) (*llm.Log, *llm.Call) {
	t.Helper()
	recs := mapJSON(t, line, origin{id: []string{"file", "1"}})
	if recs[0].Log == nil {
		t.Fatal("the line is not kept as a log")
	}
	if len(recs) == 1 {
		return recs[0].Log, nil
	}
	return recs[0].Log, recs[1].Call
}

var callOptions = cmp.Options{
	cmpopts.IgnoreFields(llm.Call{}, "ID", "Attributes"),
	cmp.AllowUnexported(llm.Opt[int64]{}, llm.Opt[float64]{}, llm.Opt[time.Duration]{}, llm.Timeline{}),
}

func TestCallOfASuccess(t *testing.T) {
	l, c := callOf(t, `{"timestamp":"2026-11-21T10:00:02.500Z","level":"INFO","event":"llm_request_success","request_id":"chatcmpl-abc","model":"gpt-4o",
		"latency":1.5,"input_tokens":120,"output_tokens":"34","cached_tokens":100,"cost_usd":0.002,"provider":"OpenAI","user":"u1","session_id":"s1","stream":true,"ttft_ms":300,
		"service":"checkout","environment":"prod","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","finish_reason":"end_turn","prompt":"hello","response":"hi","custom":"x"}`)
	want := &llm.Call{
		Time: time.Date(2026, 11, 21, 10, 0, 1, 0, time.UTC), Source: llm.SourceLogs, Service: "checkout", Environment: "prod",
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7",
		Provider: "openai", Operation: llm.OpChat, RequestModel: "gpt-4o", ResponseID: "chatcmpl-abc", Stream: true, Status: llm.StatusOK,
		FinishReasons: []string{"stop"}, Duration: 1500 * time.Millisecond, TTFT: llm.Some(300 * time.Millisecond),
		Usage: llm.Usage{InputTokens: llm.Some[int64](120), OutputTokens: llm.Some[int64](34), CacheReadTokens: llm.Some[int64](100), Source: llm.UsageReported},
		Cost:  llm.Cost{USD: llm.Some(0.002), State: llm.CostReported}, User: "u1", Session: "s1",
		Input: []llm.Message{llm.Text("user", "hello")}, Output: []llm.Message{llm.Text("assistant", "hi")},
	}
	if diff := cmp.Diff(want, c, callOptions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"request_id": "chatcmpl-abc", "custom": "x", "cached_tokens": int64(100)}, c.Attributes); diff != "" {
		t.Error(diff)
	}
	if l.Event != EventSuccess || l.Attributes["prompt"] != nil || l.Attributes["model"] != "gpt-4o" {
		t.Errorf("log: %+v", l)
	}
}

func TestCallOfAnError(t *testing.T) {
	l, c := callOf(t, `{"timestamp":"2026-11-21T10:00:02Z","level":"ERROR","event":"llm_request_error","request_id":"r1","model":"m","duration_ms":2000,"error_type":"timeout","error_message":"took too long","status_code":504}`)
	want := &llm.Call{
		Time: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Source: llm.SourceLogs, Operation: llm.OpChat, RequestModel: "m",
		Status: llm.StatusError, ErrorType: "timeout", ErrorMessage: "took too long", HTTPStatus: 504, Duration: 2 * time.Second,
	}
	if diff := cmp.Diff(want, c, callOptions); diff != "" {
		t.Error(diff)
	}
	if l.Level != "error" {
		t.Error(l.Level)
	}
}

func TestCallOfARateLimit(t *testing.T) {
	_, c := callOf(t, `{"timestamp":"2026-11-21T10:00:02Z","level":"WARNING","event":"rate_limit","model":"m","error_message":"slow down"}`)
	if c == nil || c.Status != llm.StatusError || c.ErrorType != "rate_limit" || c.ErrorMessage != "slow down" || c.Duration != 0 {
		t.Fatalf("%+v", c)
	}
	if c.Usage.InputTokens.Known() || c.Cost.USD.Known() || c.HTTPStatus != 0 {
		t.Error("what the line does not say is made up")
	}
}

func TestLinesThatAreNoCalls(t *testing.T) {
	for _, line := range []string{
		`{"event":"llm_request_start","model":"m","request_id":"r"}`,
		`{"event":"trace_complete","model":"m"}`,
		`{"message":"llm_request_success"}`,
		`{"call_type":"acompletion","message":"m"}`,
		`{"call_type":"incoming","startTime":"2026-11-21T10:00:00Z"}`,
	} {
		if _, c := callOf(t, line); c != nil {
			t.Errorf("%s: %+v", line, c)
		}
	}
	no := false
	m := newMapper(Config{Calls: &no}, NewMetrics())
	line := []byte(`{"event":"llm_request_success","model":"m"}`)
	if err := m.doc.parse(line); err != nil {
		t.Fatal(err)
	}
	if recs := m.json(nil, line, &origin{arrival: noon}); len(recs) != 1 {
		t.Error("calls: false is not heeded")
	}
}

// TestCallOfOneRequestIsOneCall checks that a line which comes by two ways, or
// twice without an id, is one Call, and that two calls of one request are two.
func TestCallOfOneRequestIsOneCall(t *testing.T) {
	id := func(line string, o origin) string { return mapJSON(t, line, o)[1].Call.ID }
	a := `{"timestamp":"2026-11-21T10:00:02.000001Z","event":"llm_request_success","request_id":"r1","model":"m","latency":1,"input_tokens":1,"output_tokens":2}`
	b := strings.Replace(a, "02.000001Z", "03.000001Z", 1)
	if id(a, origin{}) != id(a, origin{id: []string{"file", "x"}}) {
		t.Error("one line has two ids")
	}
	if id(a, origin{}) == id(b, origin{}) {
		t.Error("two calls of one request have one id")
	}
	if c := mapJSON(t, `{"event":"llm_request_success","model":"m"}`, origin{}); c[1].Call.ID != "" {
		t.Error("a line that nothing identifies has an id of its own making")
	}
}

const liteLLMSuccess = `{"id":"chatcmpl-123","trace_id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","call_type":"acompletion","stream":true,"cache_hit":null,
	"response_cost":0.00123,"status":"success","custom_llm_provider":"azure","total_tokens":30,"prompt_tokens":10,"completion_tokens":20,
	"startTime":1795255200.25,"endTime":1795255202.75,"completionStartTime":1795255200.75,"model":"gpt-4o-2024-08-06","model_id":"x","model_group":"gpt-4o","api_base":"https://example.invalid",
	"metadata":{"user_api_key_alias":"team-key","user_api_key_team_alias":"search","user_api_key_user_id":"u0","usage_object":{"prompt_tokens_details":{"cached_tokens":4}}},
	"request_tags":["feature-x","User-Agent: python"],"end_user":"u1","messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"hello"},{"type":"image_url","image_url":{"url":"https://example.invalid/a.png"}}]}],
	"response":{"id":"chatcmpl-123","model":"gpt-4o-2024-08-06","choices":[{"finish_reason":"tool_calls","message":{"role":"assistant","content":"hi","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{}"}}]}}]},
	"error_str":null,"model_parameters":{"temperature":0.2}}`

func TestLiteLLMSuccess(t *testing.T) {
	l, c := callOf(t, liteLLMSuccess)
	if c == nil {
		t.Fatal("no call")
	}
	want := &llm.Call{
		Time: time.Date(2026, 11, 21, 10, 0, 0, 250e6, time.UTC), Source: llm.SourceLogs, Dialect: "litellm",
		TraceID: "3f2504e04f8911d39a0c0305e82c3301", Session: "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
		Provider: llm.ProviderAzureOpenAI, Operation: llm.OpChat, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", ResponseID: "chatcmpl-123",
		Stream: true, Status: llm.StatusOK, FinishReasons: []string{"tool_call"}, Duration: 2500 * time.Millisecond, TTFT: llm.Some(500 * time.Millisecond),
		Usage: llm.Usage{InputTokens: llm.Some[int64](10), OutputTokens: llm.Some[int64](20), CacheReadTokens: llm.Some[int64](4), Source: llm.UsageReported},
		Cost:  llm.Cost{USD: llm.Some(0.00123), State: llm.CostReported}, User: "u1",
		Tags: map[string]string{"team": "search", "key_alias": "team-key", "request_tags": "feature-x"},
		Input: []llm.Message{
			llm.Text("system", "be brief"),
			{Role: "user", Parts: []llm.Part{
				{Type: llm.PartText, Content: "hello"},
				{Type: llm.PartOther, Response: []byte(`{"image_url":{"url":"https://example.invalid/a.png"},"type":"image_url"}`)},
			}},
		},
		Output: []llm.Message{{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
			{Type: llm.PartText, Content: "hi"}, {Type: llm.PartToolCall, ID: "t1", ToolName: "f", Arguments: "{}"},
		}}},
	}
	if diff := cmp.Diff(want, c, callOptions); diff != "" {
		t.Error(diff)
	}
	if l.Message != "litellm acompletion gpt-4o success" || strings.Contains(mustJSON(t, l), "hello") {
		t.Errorf("log: %s", mustJSON(t, l))
	}
}

func TestLiteLLMFailure(t *testing.T) {
	l, c := callOf(t, `{"id":"f1","call_type":"aembedding","status":"failure","custom_llm_provider":"openai","prompt_tokens":0,"completion_tokens":0,"response_cost":0,
		"startTime":1795255200.25,"endTime":1795255200.5,"model":"text-embedding-3-small","error_str":"litellm.RateLimitError: slow down","error_information":{"error_code":"429","error_class":"RateLimitError","llm_provider":"openai"}}`)
	if c == nil {
		t.Fatal("no call")
	}
	if c.Status != llm.StatusError || c.ErrorType != "RateLimitError" || c.HTTPStatus != 429 || !strings.Contains(c.ErrorMessage, "slow down") || c.Operation != llm.OpEmbeddings {
		t.Errorf("%+v", c)
	}
	if c.Usage.InputTokens.Known() || c.Cost.USD.Known() {
		t.Error("zeros of a failed call are shown as known")
	}
	if l.Level != "error" {
		t.Error(l.Level)
	}
}
