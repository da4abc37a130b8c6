package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	anthropicStart = `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":300,"cache_read_input_tokens":2000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1,"service_tier":"priority","inference_geo":"us"}}}`
	anthropicStop  = `{"type":"message_stop"}`
)

var anthropicStream = sse(
	anthropicStart,
	`{"type":"ping"}`,
	`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"think."}}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}`,
	`{"type":"content_block_stop","index":0}`,
	`{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"AAAA"}}`,
	`{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Grüß "}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Gott 你好"}}`,
	`{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://example.com"}}}`,
	`{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"srv_1","name":"web_search","input":{}}}`,
	`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"query\":"}}`,
	`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":" \"x\"}"}}`,
	`{"type":"content_block_start","index":4,"content_block":{"type":"web_search_tool_result","tool_use_id":"srv_1","content":[{"type":"web_search_result","title":"T"}]}}`,
	`{"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}`,
	`{"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":""}}`,
	`{"type":"content_block_delta","index":5,"delta":{"type":"input_json_delta","partial_json":"{}"}}`,
	`{"type":"content_block_stop","index":5}`,
	`{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":7}}`,
	`{"type":"message_delta","delta":{},"usage":{"input_tokens":11,"cache_read_input_tokens":null,"output_tokens":42,"output_tokens_details":{"thinking_tokens":5},"server_tool_use":{"web_search_requests":1}}}`,
	anthropicStop,
)

func TestAnthropicStream(t *testing.T) {
	c := exchange{rt: routeMessages, ctype: "text/event-stream", body: anthropicStream}.check(t)
	wantCall(t, c, "ok||tool_call|")
	wantUsage(t, c, llm.Usage{
		InputTokens: some(11 + 300 + 2000), OutputTokens: some(42), // the last ones; null says nothing
		CacheReadTokens: some(2000), CacheWriteTokens: some(300),
		CacheWrite5mTokens: some(100), CacheWrite1hTokens: some(200),
		ReasoningTokens: some(5), Searches: some(1), Source: llm.UsageReported,
	})
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "Let me think."},
		{Type: llm.PartOther, Response: []byte(`{"type":"redacted_thinking"}`)},
		{Type: llm.PartText, Content: "Grüß Gott 你好"},
		{Type: llm.PartOther, Response: []byte(`{"type":"web_search_result_location","url":"https://example.com"}`)},
		{Type: llm.PartToolCall, ID: "srv_1", ToolName: "web_search", Arguments: `{"query": "x"}`},
		{Type: llm.PartToolCallResponse, ID: "srv_1", Response: []byte(`[{"type":"web_search_result","title":"T"}]`)},
		{Type: llm.PartToolCall, ID: "toolu_1", ToolName: "f", Arguments: `{}`},
	}})
	if c.ResponseID != "msg_1" || c.ResponseModel != "claude-x" || c.ServiceTier != "priority" || c.Region != "us" || !c.Stream || !c.TTFT.Known() {
		t.Errorf("id %q, model %q, tier %q, region %q, stream %v, ttft %v", c.ResponseID, c.ResponseModel, c.ServiceTier, c.Region, c.Stream, c.TTFT)
	}
	want := "0,0,7,6,0,0,0,0,7,11,0,0,9,5,0,0,0,2,0,0,0,0"
	if got := ticks(c); got != want { // the server's search result is no content
		t.Errorf("content of the chunks = %s, want %s", got, want)
	}
	if n := c.Timeline.Chunks(); n != 22 { // all but the ping
		t.Errorf("%d chunks", n)
	}
}

func TestAnthropicCutStream(t *testing.T) {
	body := sse(anthropicStart,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"half"}}`)
	c := exchange{rt: routeMessages, ctype: "text/event-stream", body: body, err: errReset}.check(t)
	wantCall(t, c, "error|connection_error||stream_cut")
	// The output count of message_start is a placeholder: unknown, not 1.
	if c.Usage.OutputTokens.Known() || c.Usage.InputTokens.Or(0) != 2310 {
		t.Errorf("usage %+v", c.Usage)
	}
	wantOutput(t, c, llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartText, Content: "half"}}})
}

func TestAnthropicErrors(t *testing.T) {
	overloaded := `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`
	for name, tt := range map[string]struct {
		x    exchange
		want string
	}{
		"mid-stream": {exchange{ctype: "text/event-stream", body: sse(anthropicStart, overloaded)}, "error|overloaded_error||"},
		"unary 529":  {exchange{status: 529, ctype: "application/json", body: overloaded}, "error|overloaded_error||"},
		"in a 200":   {exchange{ctype: "application/json", body: overloaded}, "error|overloaded_error||"},
		"vertex 404": {exchange{status: 404, body: `[{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}]`}, "error|not_found||"},
		"proxy page": {exchange{status: 502, ctype: "text/html", body: "<html><title>Bad Gateway</title></html>"}, "error|bad_gateway||"},
		"empty":      {exchange{status: 500}, "error|server_error||"},
		"not json":   {exchange{ctype: "application/json", body: `{"type":"message",`}, "ok|||malformed_response"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.x.rt = routeMessages
			c := tt.x.check(t)
			wantCall(t, c, tt.want)
			if c.Usage.OutputTokens.Known() {
				t.Errorf("an error has no output: %+v", c.Usage)
			}
		})
	}
}

func TestAnthropicIterations(t *testing.T) {
	const body = `{"type":"message","id":"m","model":"claude-x","role":"assistant","content":[{"type":"compaction","content":"sum"},{"type":"text","text":"hi"}],"stop_reason":"end_turn",
	"usage":{"input_tokens":612,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2819,"iterations":[
	 {"type":"compaction","input_tokens":100,"cache_creation_input_tokens":55096,"output_tokens":131},
	 {"type":"message","input_tokens":612,"output_tokens":2819},
	 {"type":"advisor_message","model":"claude-y","input_tokens":5,"output_tokens":9}]}}`
	c := exchange{rt: routeMessages, ctype: "application/json", body: body}.check(t)
	wantCall(t, c, "ok||stop|advisor_usage_excluded")
	wantUsage(t, c, llm.Usage{
		InputTokens: some(712 + 55096), OutputTokens: some(2819 + 131), CacheReadTokens: some(0), CacheWriteTokens: some(55096),
		CacheWrite5mTokens: llm.Opt[int64]{}, Source: llm.UsageReported,
	})
	if got := c.Attributes["anthropic.advisor.output_tokens"]; got != int64(9) {
		t.Errorf("advisor output = %v", got)
	}
}

func TestAnthropicFallbackNamesTheModelThatAnswered(t *testing.T) {
	c := exchange{rt: routeMessages, ctype: "text/event-stream", body: sse(anthropicStart,
		`{"type":"content_block_start","index":0,"content_block":{"type":"fallback","from":{"model":"claude-x"},"to":{"model":"claude-y"}}}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}`, anthropicStop)}.check(t)
	if c.ResponseModel != "claude-y" {
		t.Errorf("model %q", c.ResponseModel)
	}
}

func TestAnthropicComplete(t *testing.T) {
	c := exchange{rt: routeComplete, ctype: "text/event-stream", body: sse(
		`{"type":"completion","id":"compl_1","completion":" Light","stop_reason":null,"model":"claude-2.1"}`,
		`{"type":"ping"}`,
		`{"type":"completion","id":"compl_1","completion":" scatters","stop_reason":"stop_sequence","model":"claude-2.1","stop":"\n\nHuman:"}`)}.check(t)
	wantCall(t, c, "ok||stop|")
	wantUsage(t, c, llm.Usage{Source: llm.UsageUnknown}) // the legacy API counts nothing
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{{Type: llm.PartText, Content: " Light scatters"}}})
}

func TestAnthropicRequest(t *testing.T) {
	c := request(routeMessages, `{"model":"claude-x","max_tokens":100,"stream":true,"temperature":0.5,"stop_sequences":["END"],
	"metadata":{"user_id":"user_abc_account__session_0f0f"},
	"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
	"tools":[{"name":"f"}],
	"messages":[
	 {"role":"user","content":"hi"},
	 {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}]},
	 {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"ok"}]},
	 {"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"document","source":{"type":"file","file_id":"file_1"}},{"type":"image","source":{"type":"url","url":"https://example.com/i.png"}}]}]}`)
	wantInput(t, c,
		llm.Text("system", "Be brief."),
		llm.Text("user", "hi"),
		llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartToolCall, ID: "t1", ToolName: "f", Arguments: `{"a":1}`}}},
		llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "t1", Response: []byte(`"ok"`)}}},
		llm.Message{Role: "user", Parts: []llm.Part{
			{Type: llm.PartBlob, Modality: "image", MIMEType: "image/png", Data: "AAAA"},
			{Type: llm.PartFile, Modality: "document", FileID: "file_1"},
			{Type: llm.PartURI, Modality: "image", URI: "https://example.com/i.png"},
		}},
	)
	if c.RequestModel != "claude-x" || !c.Stream || c.User != "user_abc_account_" || c.Session != "0f0f" || string(c.Tools) != `[{"name":"f"}]` {
		t.Errorf("model %q, stream %v, user %q, session %q, tools %s", c.RequestModel, c.Stream, c.User, c.Session, c.Tools)
	}
	want := map[string]any{"max_tokens": 100.0, "temperature": 0.5, "stop_sequences": []any{"END"}}
	if d := cmp.Diff(want, c.Params); d != "" {
		t.Errorf("params (-want +got):\n%s", d)
	}
}

func TestAnthropicUserID(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"metadata":{"user_id":"u1"}}`: {"u1", ""},
		`{"metadata":{"user_id":"{\"device_id\":\"d\",\"account_uuid\":\"a\",\"session_id\":\"s\"}"}}`: {"a", "s"},
		`{"metadata":{"user_id":"{broken"}}`: {"{broken", ""},
		`{"metadata":{"user_id":7}}`:         {"", ""},
	} {
		if c := request(routeMessages, body); c.User != want[0] || c.Session != want[1] {
			t.Errorf("%s: user %q, session %q", body, c.User, c.Session)
		}
	}
	c := &llm.Call{User: "header"}
	DecodeRequest(routeMessages, nil, []byte(`{"metadata":{"user_id":"u1"}}`), c)
	if c.User != "header" {
		t.Errorf("the header's user was replaced by %q", c.User)
	}
}

func TestAnthropicOnVertexKeepsThePathsModel(t *testing.T) {
	rt, ok := Match(Gemini, "POST", "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@20250101:rawPredict")
	if !ok {
		t.Fatal("not matched")
	}
	c := request(rt, `{"anthropic_version":"vertex-2023-10-16","messages":[{"role":"user","content":"hi"}],"max_tokens":5}`)
	if c.RequestModel != "claude-x@20250101" || len(c.Input) != 1 {
		t.Errorf("model %q, input %v", c.RequestModel, c.Input)
	}
}
