package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestCohereV2Stream(t *testing.T) {
	c := exchange{rt: routeCohere2, ctype: "text/event-stream", body: sse(
		`{"id":"r1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}`,
		`{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}`,
		`{"type":"tool-plan-delta","delta":{"message":{"tool_plan":" ask."}}}`,
		`{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t1","type":"function","function":{"name":"f","arguments":""}}}}}`,
		`{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\""}}}}}`,
		`{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":":1}"}}}}}`,
		`{"type":"tool-call-end","index":0}`,
		`{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}`,
		`{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}`,
		`{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}`,
		`{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Hi"}}}}`,
		`{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":46,"output_tokens":14},"tokens":{"input_tokens":1445,"output_tokens":43},"cached_tokens":704}}}`,
	) + "data: [DONE]\n\n"}.check(t)
	wantCall(t, c, "ok||tool_call|")
	// The billed units count; what was cached is no part of them.
	wantUsage(t, c, llm.Usage{InputTokens: some(46), OutputTokens: some(14), Source: llm.UsageReported})
	want := map[string]any{"cohere.tokens.input_tokens": int64(1445), "cohere.tokens.output_tokens": int64(43), "cohere.tokens.cached_tokens": int64(704)}
	if d := cmp.Diff(want, c.Attributes); d != "" {
		t.Errorf("attributes (-want +got):\n%s", d)
	}
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "I will ask."},
		{Type: llm.PartToolCall, ID: "t1", ToolName: "f", Arguments: `{"a":1}`},
		{Type: llm.PartReasoning, Content: "hm"},
		{Type: llm.PartText, Content: "Hi"},
	}})
	if c.ResponseID != "r1" || c.Timeline.Chunks() != 12 {
		t.Errorf("id %q, %d chunks", c.ResponseID, c.Timeline.Chunks())
	}
}

func TestCohereV1Stream(t *testing.T) {
	docs := []string{
		`{"is_finished":false,"event_type":"stream-start","generation_id":"g1"}`,
		`{"is_finished":false,"event_type":"text-generation","text":"Arr"}`,
		`{"is_finished":false,"event_type":"text-generation","text":", matey"}`,
		`{"is_finished":false,"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"a":1}}]}`,
		`{"is_finished":true,"event_type":"stream-end","response":{"response_id":"r1","text":"Arr, matey","generation_id":"g1","finish_reason":"COMPLETE","meta":{"billed_units":{"input_tokens":7,"output_tokens":115}}},"finish_reason":"COMPLETE"}`,
	}
	for name, x := range map[string]exchange{
		"ndjson": {ctype: "application/stream+json", body: strings.Join(docs, "\n") + "\n"},
		"sse":    {ctype: "text/event-stream", body: sse(docs...)},
	} {
		t.Run(name, func(t *testing.T) {
			x.rt = routeCohere1
			c := x.check(t)
			wantCall(t, c, "ok||stop|")
			wantUsage(t, c, llm.Usage{InputTokens: some(7), OutputTokens: some(115), Source: llm.UsageReported})
			wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{
				{Type: llm.PartText, Content: "Arr, matey"}, {Type: llm.PartToolCall, ToolName: "f", Arguments: `{"a":1}`},
			}})
			if c.ResponseID != "r1" || !c.Stream {
				t.Errorf("id %q, stream %v", c.ResponseID, c.Stream)
			}
		})
	}
	cut := exchange{rt: routeCohere1, ctype: "application/stream+json", body: strings.Join(docs[:3], "\n")}.check(t)
	wantCall(t, cut, "ok|||stream_cut")
	wantUsage(t, cut, llm.Usage{Source: llm.UsageUnknown})
}

func TestCohereEmbedAndGenerate(t *testing.T) {
	rt := Route{Dialect: Cohere, API: apiCohereEmbed, Operation: llm.OpEmbeddings}
	c := exchange{rt: rt, ctype: "application/json", body: `{"id":"e1","texts":["a"],"embeddings":{"float":[[0.1,0.2]]},"meta":{"billed_units":{"input_tokens":208}}}`}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(208), OutputTokens: some(0), Source: llm.UsageReported})
	if c.ResponseID != "e1" {
		t.Errorf("id %q", c.ResponseID)
	}
	rt = Route{Dialect: Cohere, API: apiCohereGenerate, Operation: llm.OpTextCompletion}
	c = exchange{rt: rt, ctype: "application/json", body: `{"id":"g0","generations":[{"id":"g1","text":"a","finish_reason":"COMPLETE"},{"id":"g2","text":"b","finish_reason":"MAX_TOKENS"}],"meta":{"billed_units":{"input_tokens":5,"output_tokens":57}}}`}.check(t)
	wantCall(t, c, "ok||stop,length|")
	wantUsage(t, c, llm.Usage{InputTokens: some(5), OutputTokens: some(57), Source: llm.UsageReported})
}

func TestCohereUsageWithoutBilledUnits(t *testing.T) {
	c := exchange{rt: routeCohere2, ctype: "application/json", body: `{"id":"r","message":{"role":"assistant","content":[{"type":"text","text":"hi"}]},"finish_reason":"COMPLETE","usage":{"billed_units":{"search_units":2},"tokens":{"input_tokens":100,"output_tokens":5},"cached_tokens":60}}`}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(100), OutputTokens: some(5), CacheReadTokens: some(60), Searches: some(2), Source: llm.UsageReported})
}

func TestCohereRerank(t *testing.T) {
	rt, ok := Match(Cohere, "POST", "/v2/rerank")
	if !ok {
		t.Fatal("not matched")
	}
	c := exchange{rt: rt, ctype: "application/json", body: `{"id":"r1","results":[{"index":1,"relevance_score":0.7}],"meta":{"billed_units":{"search_units":1}}}`}.check(t)
	if c.Usage.Searches != some(1) || c.ResponseID != "r1" || c.Operation != llm.OpRerank {
		t.Errorf("searches %v, id %q, operation %q", c.Usage.Searches, c.ResponseID, c.Operation)
	}
}

func TestCohereV1ToolChunks(t *testing.T) {
	c := exchange{rt: routeCohere1, ctype: "application/stream+json", body: strings.Join([]string{
		`{"event_type":"tool-calls-chunk","text":"I will"}`,
		`{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f"}}`,
		`{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"{\"a\":"}}`,
		`{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"parameters":"1}"}}`,
		`{"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"a":1}}]}`, // repeats them
		`{"event_type":"stream-end","finish_reason":"COMPLETE","response":{"response_id":"r"}}`,
	}, "\n")}.check(t)
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "I will"}, {Type: llm.PartToolCall, ToolName: "f", Arguments: `{"a":1}`},
	}})
}

func TestCohereErrors(t *testing.T) {
	c := exchange{rt: routeCohere2, status: 404, ctype: "application/json", body: `{"id":"x","message":"model 'command-r' was removed"}`}.check(t)
	wantCall(t, c, "error|not_found||")
	if c.ErrorMessage != "model 'command-r' was removed" {
		t.Errorf("message %q", c.ErrorMessage)
	}
	c = exchange{rt: routeCohere2, ctype: "text/event-stream", body: sse(`{"type":"message-end","delta":{"finish_reason":"ERROR","error":"boom"}}`)}.check(t)
	wantCall(t, c, "error|server_error|error|")
}

func TestCohereRequests(t *testing.T) {
	c := request(routeCohere1, `{"model":"command-r","message":"now","preamble":"Be brief.","p":0.5,"conversation_id":"s1","stream":true,
	"chat_history":[{"role":"USER","message":"hi"},{"role":"CHATBOT","message":"ho","tool_calls":[{"name":"f","parameters":{"a":1}}]}],
	"tool_results":[{"call":{"name":"f"},"outputs":[{"r":1}]}]}`)
	wantInput(t, c, llm.Text("system", "Be brief."), llm.Text("user", "hi"),
		llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartText, Content: "ho"}, {Type: llm.PartToolCall, ToolName: "f", Arguments: `{"a":1}`}}},
		llm.Text("user", "now"),
		llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ToolName: "f", Response: []byte(`[{"r":1}]`)}}})
	if c.RequestModel != "command-r" || !c.Stream || c.Session != "s1" || c.Params["top_p"] != 0.5 {
		t.Errorf("model %q, stream %v, session %q, params %v", c.RequestModel, c.Stream, c.Session, c.Params)
	}
	c = request(routeCohere2, `{"model":"command-a","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
	 {"role":"assistant","tool_plan":"p","tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t1","content":"ok"}]}`)
	wantInput(t, c, llm.Text("system", "s"),
		llm.Message{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "hi"}, {Type: llm.PartBlob, Modality: "image", MIMEType: "image/png", Data: "AAAA"}}},
		llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "p"}, {Type: llm.PartToolCall, ID: "t1", ToolName: "f", Arguments: "{}"}}},
		llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "t1", Response: []byte(`"ok"`)}}})
}
