package wire

import (
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

const responsesUnary = `{"id":"r1","object":"response","status":"completed","model":"m-1","service_tier":"default","error":null,"conversation":{"id":"conv1"},
	"output":[
		{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"xxx"},
		{"type":"web_search_call","id":"ws","status":"completed","action":{"type":"search","query":"q"}},
		{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]},{"type":"refusal","refusal":"no"}]},
		{"type":"function_call","id":"fc","call_id":"call1","name":"f","arguments":"{}"}],
	"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":3,"cache_write_tokens":1},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":7},"total_tokens":30}}`

var responsesStream = sse(
	`{"type":"response.created","response":{"id":"r1","object":"response","status":"in_progress","model":"m-1","output":[],"usage":null}}`,
	`{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[]}}`,
	`{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"h"}`,
	`{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"m"}`,
	`{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"hm"}]}}`,
	`{"type":"response.output_item.added","output_index":1,"item":{"type":"web_search_call","id":"ws","status":"in_progress"}}`,
	`{"type":"response.web_search_call.searching","output_index":1}`,
	`{"type":"response.output_item.done","output_index":1,"item":{"type":"web_search_call","id":"ws","status":"completed","action":{"type":"search","query":"q"}}}`,
	`{"type":"response.output_item.added","output_index":3,"item":{"type":"message","id":"m","role":"assistant","content":[]}}`,
	`{"type":"response.content_part.added","output_index":3,"content_index":0,"part":{"type":"output_text","text":""}}`,
	`{"type":"response.output_text.delta","output_index":3,"content_index":0,"delta":"h"}`,
	`{"type":"response.output_text.delta","output_index":3,"content_index":0,"delta":"i"}`,
	`{"type":"response.output_text.done","output_index":3,"content_index":0,"text":"hi"}`,
	`{"type":"response.refusal.delta","output_index":3,"content_index":1,"delta":"no"}`,
	`{"type":"response.output_item.done","output_index":3,"item":{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"hi"},{"type":"refusal","refusal":"no"}]}}`,
	`{"type":"response.output_item.added","output_index":4,"item":{"type":"function_call","id":"fc","call_id":"call1","name":"f","arguments":""}}`,
	`{"type":"response.function_call_arguments.delta","output_index":4,"delta":"{}"}`,
	`{"type":"response.output_item.done","output_index":4,"item":{"type":"function_call","id":"fc","call_id":"call1","name":"f","arguments":"{}"}}`,
	`{"type":"response.completed","response":`+strings.ReplaceAll(responsesUnary, "\n", "")+`}`)

func wantResponses(t *testing.T, c *llm.Call) {
	t.Helper()
	wantCall(t, c, "ok||tool_call|")
	want := reported(10, 20)
	want.CacheReadTokens, want.CacheWriteTokens, want.ReasoningTokens, want.Searches = some(3), some(1), some(7), some(1)
	wantUsage(t, c, want)
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "hm"},
		{Type: llm.PartToolCall, ID: "ws", ToolName: "web_search", Arguments: `{"type":"search","query":"q"}`},
		{Type: llm.PartText, Content: "hi"},
		{Type: llm.PartRefusal, Content: "no"},
		{Type: llm.PartToolCall, ID: "call1", ToolName: "f", Arguments: "{}"},
	}})
	if c.ResponseID != "r1" || c.ResponseModel != "m-1" || c.ServiceTier != "default" || c.Session != "conv1" {
		t.Errorf("id %q, model %q, tier %q, session %q", c.ResponseID, c.ResponseModel, c.ServiceTier, c.Session)
	}
}

func TestResponsesUnary(t *testing.T) {
	wantResponses(t, exchange{rt: routeResponses, ctype: jsonType, body: responsesUnary}.check(t))
}

// A stream gives the same Call as the whole answer, though it says everything
// two or three times and numbers its items differently at the end.
func TestResponsesStream(t *testing.T) {
	c := exchange{rt: routeResponses, ctype: sseType, body: responsesStream}.check(t)
	wantResponses(t, c)
	content := 0
	for tick := range c.Timeline.Ticks() {
		content += tick.Bytes
	}
	if want := len("hm") + len(`{"type":"search","query":"q"}`) + len("hi") + len("no") + len("{}"); content != want {
		t.Errorf("%d bytes of content are counted, want %d", content, want)
	}
}

func TestResponsesEnds(t *testing.T) {
	created := `{"type":"response.created","response":{"id":"r1","status":"in_progress","model":"m-1","output":[]}}`
	delta := `{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"hi"}`
	for name, tc := range map[string]struct{ ctype, body, want string }{
		"cut":        {sseType, sse(created, delta), "ok|||stream_cut"},
		"incomplete": {sseType, sse(created, delta, `{"type":"response.incomplete","response":{"id":"r1","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[],"usage":{"input_tokens":1,"output_tokens":2}}}`), "ok||length|"},
		"failed":     {sseType, sse(created, `{"type":"response.failed","response":{"id":"r1","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"},"output":[]}}`), "error|rate_limit_exceeded|error|"},
		"error":      {sseType, sse(created, `{"type":"error","code":"server_error","message":"oops","param":null}`), "error|server_error||"},
		"nested":     {sseType, sse(created, `{"type":"error","error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"long"}}`), "error|context_length_exceeded||"},
		"background": {jsonType, `{"id":"r1","object":"response","status":"queued","output":[],"usage":null}`, "ok|||"},
		"cancelled":  {jsonType, `{"id":"r1","object":"response","status":"cancelled","output":[],"usage":null}`, "ok||cancelled|"},
		"chat":       {sseType, sse(chunk("hi", "stop"), "[DONE]"), "ok||stop|"},
		"unary 200":  {jsonType, `{"error":{"message":"x","type":"invalid_request_error"}}`, "error|invalid_request_error||"},
	} {
		t.Run(name, func(t *testing.T) {
			wantCall(t, exchange{rt: routeResponses, ctype: tc.ctype, body: tc.body}.check(t), tc.want)
		})
	}
}

func TestResponsesImage(t *testing.T) {
	c := exchange{rt: routeResponses, ctype: jsonType, body: `{"id":"r","object":"response","status":"completed","output":[{"type":"image_generation_call","id":"i","output_format":"webp","result":"AAAAAAAA"}],"usage":{"input_tokens":1,"output_tokens":2}}`}.check(t)
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{{Type: llm.PartBlob, Modality: "image", MIMEType: "image/webp", Size: 6, Data: "AAAAAAAA"}}})
	if c.Usage.Images.Or(0) != 1 {
		t.Errorf("images = %v", c.Usage.Images)
	}
}
