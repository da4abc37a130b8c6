package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

var geminiChunks = []string{
	`{"candidates":[{"content":{"parts":[{"text":"Plan ","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":15,"totalTokenCount":15},"modelVersion":"gemini-2.5-flash-001","responseId":"r1"}`,
	`{"candidates":[{"content":{"parts":[{"text":"Hello [{\"} "}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":15,"candidatesTokenCount":2,"thoughtsTokenCount":20,"totalTokenCount":37},"modelVersion":"gemini-2.5-flash-001","responseId":"r1"}`,
	`{"candidates":[{"content":{"parts":[{"text":"world"},{"functionCall":{"id":"c1","name":"f","args":{"a":[1,2]}}},{"executableCode":{"language":"PYTHON","code":"1"}},{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"1"}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}],"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":9,"thoughtsTokenCount":20,"toolUsePromptTokenCount":50,"cachedContentTokenCount":600,"totalTokenCount":1079,"promptTokensDetails":[{"modality":"TEXT","tokenCount":700},{"modality":"AUDIO","tokenCount":200},{"modality":4,"tokenCount":1},{"modality":"IMAGE","tokenCount":99}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":150}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":5}],"serviceTier":"STANDARD","trafficType":"ON_DEMAND"}}`,
}

func TestGeminiStream(t *testing.T) {
	want := llm.Usage{
		InputTokens: some(1050), OutputTokens: some(29), CacheReadTokens: some(600), ReasoningTokens: some(20),
		InputAudioTokens: some(201), InputImageTokens: some(99), OutputImageTokens: some(5), CacheReadAudioTokens: some(150),
		Source: llm.UsageReported,
	}
	array := routeGemini
	array.Stream = true
	for name, x := range map[string]exchange{
		"sse":   {rt: routeGemini, ctype: "text/event-stream", body: sse(geminiChunks...)},
		"array": {rt: array, ctype: "application/json", body: "[" + strings.Join(geminiChunks, "\r\n,\r\n") + "]"},
	} {
		t.Run(name, func(t *testing.T) {
			c := x.check(t)
			wantCall(t, c, "ok||length|")
			wantUsage(t, c, want)
			wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "length", Parts: []llm.Part{
				{Type: llm.PartReasoning, Content: "Plan "},
				{Type: llm.PartText, Content: `Hello [{"} world`},
				{Type: llm.PartToolCall, ID: "c1", ToolName: "f", Arguments: `{"a":[1,2]}`},
				{Type: llm.PartToolCall, ToolName: "code_execution", Arguments: `{"language":"PYTHON","code":"1"}`},
				{Type: llm.PartToolCallResponse, ToolName: "code_execution", Response: []byte(`{"outcome":"OUTCOME_OK","output":"1"}`)},
				{Type: llm.PartBlob, MIMEType: "image/png", Modality: "image", Data: "AAAA"},
			}})
			if c.ResponseID != "r1" || c.ResponseModel != "gemini-2.5-flash-001" || c.ServiceTier != "standard" || !c.Stream || c.Timeline.Chunks() != 3 {
				t.Errorf("id %q, model %q, tier %q, stream %v, %d chunks", c.ResponseID, c.ResponseModel, c.ServiceTier, c.Stream, c.Timeline.Chunks())
			}
		})
	}
}

func TestGeminiCutStream(t *testing.T) {
	c := exchange{rt: routeGemini, ctype: "text/event-stream", body: sse(geminiChunks[0])}.check(t)
	wantCall(t, c, "ok|||stream_cut")
	// A total equal to the prompt says that nothing came out only at the end.
	wantUsage(t, c, llm.Usage{InputTokens: some(15), Source: llm.UsageReported})
}

func TestGeminiUnary(t *testing.T) {
	for name, tt := range map[string]struct {
		body, call string
		usage      llm.Usage
	}{
		"blocked prompt": {
			`{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}`,
			"ok||content_filter|",
			llm.Usage{InputTokens: some(4), OutputTokens: some(0), Source: llm.UsageReported},
		},
		"numbered enumerations": {
			`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":1},{"content":{"parts":[{"text":"b"}]},"finishReason":2,"index":1},{"finishReason":77,"index":2}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}`,
			"ok||stop,length,other|",
			llm.Usage{InputTokens: some(1), OutputTokens: some(2), Source: llm.UsageReported},
		},
		"only thoughts": {
			`{"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS","index":0}],"usageMetadata":{"promptTokenCount":5,"totalTokenCount":104,"thoughtsTokenCount":99}}`,
			"ok||length|",
			llm.Usage{InputTokens: some(5), OutputTokens: some(99), ReasoningTokens: some(99), Source: llm.UsageReported},
		},
		"absurd counts": {
			`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":-3,"candidatesTokenCount":2.5}}`,
			"ok||stop|",
			llm.Usage{Source: llm.UsageUnknown},
		},
		"error in a 200": {
			`{"error":{"code":503,"message":"try later","status":"UNAVAILABLE"}}`,
			"error|unavailable||",
			llm.Usage{Source: llm.UsageUnknown},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: routeGemini, ctype: "application/json", body: tt.body}.check(t)
			wantCall(t, c, tt.call)
			wantUsage(t, c, tt.usage)
		})
	}
}

func TestGeminiErrors(t *testing.T) {
	c := exchange{
		rt: routeGemini, status: 429, ctype: "application/json",
		body: `[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]`,
	}.check(t)
	wantCall(t, c, "error|resource_exhausted||")
	c = exchange{
		rt: routeGemini, ctype: "text/event-stream",
		body: sse(geminiChunks[0], `{"error":{"code":500,"message":"boom","status":"INTERNAL"}}`),
	}.check(t)
	wantCall(t, c, "error|internal||")
}

func TestGeminiPartialArguments(t *testing.T) {
	piece := func(f string) string {
		return `{"candidates":[{"content":{"parts":[{"functionCall":` + f + `}],"role":"model"}}]}`
	}
	c := exchange{rt: routeGemini, ctype: "text/event-stream", body: sse(
		piece(`{"name":"f","id":"c1","willContinue":true}`),
		piece(`{"partialArgs":[{"jsonPath":"$.items[0].name","stringValue":"red ","willContinue":true}],"willContinue":true}`),
		piece(`{"partialArgs":[{"jsonPath":"$.items[0].name","stringValue":"apple"},{"jsonPath":"$['items'][1].price","numberValue":0.5}],"willContinue":true}`),
		piece(`{"partialArgs":[{"jsonPath":"$.ok","boolValue":true},{"jsonPath":"$.items[99999999]","numberValue":1},{"jsonPath":"no path","stringValue":"x"}],"willContinue":true}`),
		piece(`{}`),
		piece(`{"name":"g","willContinue":true}`), // never ended
		`{"candidates":[{"finishReason":"STOP"}]}`)}.check(t)
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{
		{Type: llm.PartToolCall, ID: "c1", ToolName: "f", Arguments: `{"items":[{"name":"red apple"},{"price":0.5}],"ok":true}`},
		{Type: llm.PartToolCall, ToolName: "g", Arguments: `{}`},
	}})
}

func TestGeminiVectors(t *testing.T) {
	embed := Route{Dialect: Gemini, API: apiEmbedContent, Operation: llm.OpEmbeddings}
	c := exchange{rt: embed, ctype: "application/json", body: `{"embeddings":[{"values":[0.1,0.2]}],"usageMetadata":{"promptTokenCount":6}}`}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(6), OutputTokens: some(0), Source: llm.UsageReported})
	c = exchange{rt: embed, ctype: "application/json", body: `{"embedding":{"values":[0.1]}}`}.check(t)
	wantUsage(t, c, llm.Usage{Source: llm.UsageUnknown})

	predict := Route{Dialect: Gemini, API: apiPredict, Operation: llm.OpEmbeddings}
	c = exchange{rt: predict, ctype: "application/json", body: `{"predictions":[{"embeddings":{"statistics":{"token_count":5},"values":[1]}},{"embeddings":{"statistics":{"token_count":6}}}],"metadata":{"billableCharacterCount":35}}`}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(11), OutputTokens: some(0), Characters: some(35), Source: llm.UsageReported})

	predict.Operation = llm.OpImage
	c = exchange{rt: predict, ctype: "application/json", body: `{"predictions":[{"bytesBase64Encoded":"AAAA"},{"bytesBase64Encoded":"BBBB"}]}`}.check(t)
	wantUsage(t, c, llm.Usage{Images: some(2), Source: llm.UsageUnknown})
}

func TestGeminiInteractionStream(t *testing.T) {
	rt := routeGemini
	rt.Model = ""
	c := exchange{rt: rt, ctype: "text/event-stream", body: sse(
		`{"event_type":"interaction.created","interaction":{"id":"v1_a","status":"in_progress","object":"interaction","model":"gemini-x"}}`,
		`{"event_type":"step.start","index":0,"step":{"type":"thought"}}`,
		`{"event_type":"step.delta","index":0,"delta":{"type":"thought_signature","signature":"s"}}`,
		`{"event_type":"step.start","index":1,"step":{"type":"function_call","id":"c1","name":"f"}}`,
		`{"event_type":"step.delta","index":1,"delta":{"type":"arguments_delta","arguments":"{\"a\":1}"}}`,
		`{"event_type":"step.start","index":2,"step":{"type":"model_output"}}`,
		`{"event_type":"step.delta","index":2,"delta":{"type":"text","text":"Hi"}}`,
		`{"event_type":"interaction.completed","interaction":{"id":"v1_a","status":"requires_action","object":"interaction","model":"gemini-x","service_tier":"flex","usage":{"total_input_tokens":7,"total_tool_use_tokens":3,"total_output_tokens":26,"total_thought_tokens":115,"total_cached_tokens":2}}}`,
	)}.check(t)
	wantCall(t, c, "ok||tool_call|")
	wantUsage(t, c, llm.Usage{InputTokens: some(10), OutputTokens: some(141), CacheReadTokens: some(2), ReasoningTokens: some(115), Source: llm.UsageReported})
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
		{Type: llm.PartToolCall, ID: "c1", ToolName: "f", Arguments: `{"a":1}`}, {Type: llm.PartText, Content: "Hi"},
	}})
	if c.ResponseID != "v1_a" || c.ResponseModel != "gemini-x" || c.ServiceTier != "flex" {
		t.Errorf("id %q, model %q, tier %q", c.ResponseID, c.ResponseModel, c.ServiceTier)
	}
}

func TestGeminiInteractionWhole(t *testing.T) {
	c := exchange{rt: routeGemini, ctype: "application/json", body: `{"id":"v1_a","model":"gemini-x","object":"interaction","status":"incomplete","steps":[
	 {"type":"thought","summary":[{"type":"text","text":"hm"}]},
	 {"type":"google_search_call","id":"g1","arguments":{"queries":["q"]}},
	 {"type":"google_search_result","call_id":"g1","result":[{"a":1}]},
	 {"type":"model_output","content":[{"type":"text","text":"Hi"},{"type":"image","mime_type":"image/png","data":"AAAA"},{"type":"audio","mime_type":"audio/wav","uri":"gs://b/a"}]}],
	 "usage":{"total_input_tokens":7,"total_output_tokens":2,"input_tokens_by_modality":[{"modality":"audio","tokens":4}]}}`}.check(t)
	wantCall(t, c, "ok||length|")
	wantUsage(t, c, llm.Usage{InputTokens: some(7), OutputTokens: some(2), InputAudioTokens: some(4), Source: llm.UsageReported})
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "length", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "hm"},
		{Type: llm.PartToolCall, ID: "g1", ToolName: "google_search", Arguments: `{"queries":["q"]}`},
		{Type: llm.PartToolCallResponse, ID: "g1", Response: []byte(`[{"a":1}]`)},
		{Type: llm.PartText, Content: "Hi"},
		{Type: llm.PartBlob, MIMEType: "image/png", Modality: "image", Data: "AAAA"},
		{Type: llm.PartURI, MIMEType: "audio/wav", Modality: "audio", URI: "gs://b/a"},
	}})
}

func TestGeminiRequest(t *testing.T) {
	c := request(routeGemini, `{"systemInstruction":{"parts":[{"text":"Be brief."}]},"labels":{"team":"a","user":"u1"},
	"generationConfig":{"temperature":0,"maxOutputTokens":5,"topK":40.0,"thinkingConfig":{"thinkingBudget":1}},
	"tools":[{"functionDeclarations":[{"name":"f"}]}],
	"contents":[
	 {"role":"user","parts":[{"text":"hi"},{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}},{"file_data":{"mime_type":"application/pdf","file_uri":"gs://b/f"}}]},
	 {"role":"model","parts":[{"text":"hm","thought":true},{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"s"}]},
	 {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"r":2}}}]},
	 {"parts":[{"thoughtSignature":"s"}]}]}`)
	wantInput(t, c,
		llm.Text("system", "Be brief."),
		llm.Message{Role: "user", Parts: []llm.Part{
			{Type: llm.PartText, Content: "hi"},
			{Type: llm.PartBlob, Modality: "audio", MIMEType: "audio/wav", Data: "AAAA"},
			{Type: llm.PartURI, Modality: "document", MIMEType: "application/pdf", URI: "gs://b/f"},
		}},
		llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartToolCall, ToolName: "f", Arguments: `{"a":1}`}}},
		llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ToolName: "f", Response: []byte(`{"r":2}`)}}},
	)
	want := map[string]any{"temperature": 0.0, "max_tokens": 5.0, "top_k": 40.0, "thinking": map[string]any{"thinkingBudget": 1.0}}
	if d := cmp.Diff(want, c.Params); d != "" {
		t.Errorf("params (-want +got):\n%s", d)
	}
	if c.RequestModel != "gemini-2.5-flash" || c.User != "u1" || c.Tags["team"] != "a" || len(c.Tools) == 0 {
		t.Errorf("model %q, user %q, tags %v, tools %s", c.RequestModel, c.User, c.Tags, c.Tools)
	}
	interactions := Route{Dialect: Gemini, API: apiGenerateContent}
	c = request(interactions, `{"model":"models/gemini-x","stream":true,"input":[{"type":"text","text":"hi"}],"system_instruction":"Be brief."}`)
	wantInput(t, c, llm.Text("system", "Be brief."), llm.Text("user", "hi"))
	turns := request(interactions, `{"input":[{"role":"user","content":"hi"},{"role":"model","content":[{"type":"function_call","id":"c","name":"f","arguments":{}}]},{"type":"function_result","call_id":"c","result":"ok"},{"type":"image","mime_type":"image/png","data":"AAAA"}]}`)
	wantInput(t, turns, llm.Text("user", "hi"),
		llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartToolCall, ID: "c", ToolName: "f", Arguments: "{}"}}},
		llm.Message{Role: "user", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "c", Response: []byte(`"ok"`)}, {Type: llm.PartBlob, MIMEType: "image/png", Modality: "image", Data: "AAAA"}}})
	if c.RequestModel != "gemini-x" || !c.Stream {
		t.Errorf("model %q, stream %v", c.RequestModel, c.Stream)
	}
}
