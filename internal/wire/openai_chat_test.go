package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func reported(in, out int64) llm.Usage {
	return llm.Usage{InputTokens: some(in), OutputTokens: some(out), Source: llm.UsageReported}
}

// text is an answer of nothing but text.
func text(s string) []llm.Message {
	return []llm.Message{{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{{Type: llm.PartText, Content: s}}}}
}

func TestChatUnary(t *testing.T) {
	c := exchange{rt: routeChat, ctype: jsonType, body: `{"id":"c1","object":"chat.completion","model":"m-2","service_tier":"flex","choices":[
		{"index":1,"message":{"role":"assistant","content":"two"},"finish_reason":"length"},
		{"index":0,"message":{"role":"assistant","content":null,"refusal":"no","reasoning":"hm","tool_calls":[
			{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
			{"id":"b","type":"custom","custom":{"name":"g","input":"raw"}}]},"finish_reason":"tool_calls"}],
		"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,
			"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2,"audio_tokens":1},
			"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":3}}}`}.check(t)
	wantCall(t, c, "ok||tool_call,length|")
	want := reported(10, 20)
	want.CacheReadTokens, want.CacheWriteTokens, want.ReasoningTokens = some(4), some(2), some(5)
	want.InputAudioTokens, want.OutputAudioTokens = some(1), some(3)
	wantUsage(t, c, want)
	wantOutput(t, c,
		llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
			{Type: llm.PartReasoning, Content: "hm"},
			{Type: llm.PartRefusal, Content: "no"},
			{Type: llm.PartToolCall, ID: "a", ToolName: "f", Arguments: `{"x":1}`},
			{Type: llm.PartToolCall, ID: "b", ToolName: "g", Arguments: "raw"},
		}},
		llm.Message{Role: "assistant", FinishReason: "length", Parts: []llm.Part{{Type: llm.PartText, Content: "two"}}})
	if c.ResponseID != "c1" || c.ResponseModel != "m-2" || c.ServiceTier != "flex" {
		t.Errorf("id %q, model %q, tier %q", c.ResponseID, c.ResponseModel, c.ServiceTier)
	}
}

func TestChatStreamVariants(t *testing.T) {
	const stop = `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]`
	for name, tc := range map[string]struct {
		docs []string
		use  llm.Usage
		out  []llm.Message
	}{
		"azure's first chunk has no choices": {
			[]string{`{"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[{}]}`, chunk("hi", ""), stop + "}"},
			llm.Usage{Source: llm.UsageUnknown},
			text("hi"),
		},
		"groq": {
			[]string{`{"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}],"x_groq":{"id":"r"}}`, stop + `,"x_groq":{"id":"r","usage":{"prompt_tokens":3,"completion_tokens":4,"total_time":0.1}}}`},
			reported(3, 4), text("hi"),
		},
		"moonshot has usage in the choice": {
			[]string{chunk("hi", ""), `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":9,"completion_tokens":2,"cached_tokens":8}}]}`},
			llm.Usage{InputTokens: some(9), OutputTokens: some(2), CacheReadTokens: some(8), Source: llm.UsageReported},
			text("hi"),
		},
		"deepseek": {
			[]string{
				`{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}`, `{"id":"c","choices":[{"index":0,"delta":{"reasoning_content":null,"content":"hi"}}]}`,
				stop + `,"usage":{"prompt_tokens":32,"completion_tokens":4,"prompt_cache_hit_tokens":30,"prompt_cache_miss_tokens":2}}`,
			},
			llm.Usage{InputTokens: some(32), OutputTokens: some(4), CacheReadTokens: some(30), Source: llm.UsageReported},
			[]llm.Message{{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartText, Content: "hi"}}}},
		},
		"the same reasoning under both names": {
			[]string{`{"id":"c","choices":[{"index":0,"delta":{"reasoning":"hm","reasoning_content":"hm","content":"hi"}}]}`, stop + "}"},
			llm.Usage{Source: llm.UsageUnknown},
			[]llm.Message{{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartText, Content: "hi"}}}},
		},
		"mistral's content is a list": {
			[]string{`{"id":"c","choices":[{"index":0,"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}}]}`, `{"id":"c","choices":[{"index":0,"delta":{"content":[{"type":"text","text":"h"},{"type":"text","text":"i"}]}}]}`, stop + "}"},
			llm.Usage{Source: llm.UsageUnknown},
			[]llm.Message{{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartText, Content: "hi"}}}},
		},
		"together repeats content as text": {
			[]string{`{"id":"c","choices":[{"index":0,"text":"hi","delta":{"content":"hi"}}]}`, stop + "}"},
			llm.Usage{Source: llm.UsageUnknown},
			text("hi"),
		},
		"writer has message and delta": {
			[]string{`{"id":"c","choices":[{"index":0,"message":{"content":"hi"},"delta":{"content":"hi"}}]}`, stop + "}"},
			llm.Usage{Source: llm.UsageUnknown},
			text("hi"),
		},
		"usage null and then usage": {
			[]string{`{"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}],"usage":null}`, stop + `,"usage":null}`, `{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`},
			reported(1, 2), text("hi"),
		},
		"usage that grows": {
			[]string{`{"id":"c","choices":[{"index":0,"delta":{"content":"hi"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}`, stop + `,"usage":{"prompt_tokens":5,"completion_tokens":2}}`},
			reported(5, 2), text("hi"),
		},
		"xai counts reasoning apart": {
			[]string{chunk("hi", "stop"), `{"id":"c","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":303,"completion_tokens_details":{"reasoning_tokens":290}}}`},
			llm.Usage{InputTokens: some(12), OutputTokens: some(291), ReasoningTokens: some(290), Source: llm.UsageReported},
			text("hi"),
		},
		"llama.cpp without usage": {
			[]string{chunk("hi", ""), stop + `,"timings":{"cache_n":10,"prompt_n":5,"predicted_n":7,"predicted_ms":1.5}}`},
			llm.Usage{InputTokens: some(15), OutputTokens: some(7), CacheReadTokens: some(10), Source: llm.UsageReported},
			text("hi"),
		},
		"old llama.cpp does not say what was cached": {
			[]string{chunk("hi", ""), stop + `,"timings":{"prompt_n":5,"predicted_n":7}}`},
			llm.Usage{OutputTokens: some(7), Source: llm.UsageReported},
			text("hi"),
		},
		"counts that cannot be": {
			[]string{chunk("hi", "stop"), `{"id":"c","choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":1e300,"prompt_tokens_details":{"cached_tokens":1.5},"completion_tokens_details":{"reasoning_tokens":"7"}}}`},
			llm.Usage{Source: llm.UsageUnknown},
			text("hi"),
		},
		"counts as floats": {
			[]string{chunk("hi", "stop"), `{"id":"c","choices":[],"usage":{"prompt_tokens":3.0,"completion_tokens":1e2}}`},
			reported(3, 100), text("hi"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: routeChat, ctype: sseType, body: sse(append(tc.docs, "[DONE]")...)}.check(t)
			wantCall(t, c, "ok||stop|")
			wantUsage(t, c, tc.use)
			wantOutput(t, c, tc.out...)
		})
	}
}

func TestChatToolCallFragments(t *testing.T) {
	frag := func(s string) string {
		return `{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[` + s + `]}}]}`
	}
	want := func(t *testing.T, docs ...string) {
		t.Helper()
		docs = append(docs, `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`, "[DONE]")
		c := exchange{rt: routeChat, ctype: sseType, body: sse(docs...)}.check(t)
		wantCall(t, c, "ok||tool_call|")
		wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
			{Type: llm.PartToolCall, ID: "a", ToolName: "f", Arguments: `{"x":1}`},
			{Type: llm.PartToolCall, ID: "b", ToolName: "g", Arguments: `{"y":2}`},
		}})
	}
	t.Run("by index, interleaved", func(t *testing.T) {
		want(t, frag(`{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}},{"index":1,"id":"b","function":{"name":"g","arguments":""}}`),
			frag(`{"index":0,"function":{"arguments":"{\"x\""}},{"index":1,"function":{"arguments":"{\"y\":"}}`),
			frag(`{"index":1,"function":{"arguments":"2}"}},{"index":0,"function":{"arguments":":1}"}}`))
	})
	t.Run("all with index 0", func(t *testing.T) { // Gemini's compatible API
		want(t, frag(`{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}`), frag(`{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}`))
	})
	t.Run("without an index", func(t *testing.T) {
		want(t, frag(`{"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","function":{"name":"g","arguments":"{\"y\""}}`), frag(`{"function":{"arguments":":2}"}}`))
	})
	t.Run("arguments as an object", func(t *testing.T) {
		want(t, frag(`{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}`), frag(`{"index":1,"id":"b","function":{"name":"g","arguments":{"y":2}}}`))
	})
}

func TestChatFunctionCallAndAudio(t *testing.T) {
	c := exchange{rt: routeChat, ctype: sseType, body: sse(
		`{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","function_call":{"name":"f","arguments":""}}}]}`,
		`{"id":"c","choices":[{"index":0,"delta":{"function_call":{"arguments":"{}"}}}]}`,
		`{"id":"c","choices":[{"index":0,"delta":{"audio":{"id":"x","transcript":"hi"}}}]}`,
		`{"id":"c","choices":[{"index":0,"delta":{"audio":{"data":"AAAAAAAA"}}}]}`,
		`{"id":"c","choices":[{"index":0,"delta":{"audio":{"data":"AAAA"}},"finish_reason":"function_call"}]}`, "[DONE]")}.check(t)
	wantCall(t, c, "ok||tool_call|")
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
		{Type: llm.PartToolCall, ToolName: "f", Arguments: "{}"},
		{Type: llm.PartText, Content: "hi"},
		{Type: llm.PartBlob, Modality: "audio", Size: 9},
	}})
	var bytes []int
	for tick := range c.Timeline.Ticks() {
		bytes = append(bytes, tick.Bytes)
	}
	if d := cmp.Diff([]int{0, 2, 2, 6, 3}, bytes); d != "" {
		t.Errorf("content bytes (-want +got):\n%s", d)
	}
}

func TestChatErrorsInsideAnswers(t *testing.T) {
	for name, tc := range map[string]struct{ ctype, body, want, msg string }{
		"stream": {
			sseType, sse(chunk("hi", ""), `{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}`),
			"error|server_error||", "The server had an error",
		},
		"stream with a code": {
			sseType, sse(chunk("hi", ""), `{"error":{"message":"Rate limit","type":"requests","code":"rate_limit_exceeded"}}`, "[DONE]"),
			"error|rate_limit_exceeded||", "Rate limit",
		},
		"openrouter": {
			sseType, sse(`{"id":"c","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"Provider returned error"}}`),
			"error|bad_gateway|error|", "Provider returned error",
		},
		"groq":       {sseType, sse(chunk("hi", ""), `{"id":"c","choices":[],"x_groq":{"error":"over capacity"}}`), "error|server_error||", "over capacity"},
		"vllm":       {sseType, sse(`{"object":"error","message":"too long","type":"BadRequestError","code":400}`, "[DONE]"), "error|BadRequestError||", "too long"},
		"event name": {sseType, "event: error\ndata: {\"error\":{\"message\":\"x\",\"type\":\"overloaded\"}}\n\n", "error|overloaded||", "x"},
		"unary 200":  {jsonType, `{"error":{"message":"filtered","code":"content_filter","status":400}}`, "error|content_filter||", "filtered"},
		"array":      {jsonType, `[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]`, "error|invalid_argument||", "no"},
		"null error": {jsonType, `{"id":"c","error":null,"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}`, "ok||stop|", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: routeChat, ctype: tc.ctype, body: tc.body}.check(t)
			wantCall(t, c, tc.want)
			if c.ErrorMessage != tc.msg {
				t.Errorf("message = %q, want %q", c.ErrorMessage, tc.msg)
			}
		})
	}
}

func TestReportedCost(t *testing.T) {
	for usage, want := range map[string]float64{
		`{"prompt_tokens":1,"completion_tokens":1,"cost":0.5}`:                                                               0.5,
		`{"prompt_tokens":1,"completion_tokens":1,"cost":0}`:                                                                 0,
		`{"prompt_tokens":1,"completion_tokens":1,"cost":0.25,"is_byok":true,"cost_details":{"upstream_inference_cost":1}}`:  1.25,
		`{"prompt_tokens":1,"completion_tokens":1,"cost":0.25,"is_byok":false,"cost_details":{"upstream_inference_cost":1}}`: 0.25,
		`{"prompt_tokens":1,"completion_tokens":1,"cost":{"input_tokens_cost":0.1,"total_cost":0.75}}`:                       0.75,
		`{"prompt_tokens":1,"completion_tokens":1,"cost_in_usd_ticks":5000000000}`:                                           0.5,
		`{"prompt_tokens":1,"completion_tokens":1,"cost":"0.5"}`:                                                             0.5,
		`{"prompt_tokens":1,"completion_tokens":1,"cost":-1}`:                                                                -1, // none
		`{"prompt_tokens":1,"completion_tokens":1}`:                                                                          -1,
	} {
		c := exchange{rt: routeChat, ctype: jsonType, body: `{"id":"c","choices":[],"usage":` + usage + `}`}.check(t)
		got, known := c.Cost.USD.Get()
		if known != (want >= 0) || known && (got != want || c.Cost.State != llm.CostReported) {
			t.Errorf("%s: %v", usage, c.Cost)
		}
	}
}

func TestGeminiCompatibleThoughts(t *testing.T) {
	usage := `"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":100}}`
	c := exchange{rt: routeChat, ctype: jsonType, body: `{"model":"models/gemini-2.5-pro","choices":[],` + usage}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(10), OutputTokens: some(90), ReasoningTokens: some(85), Source: llm.UsageReported})
	c = exchange{rt: routeChat, ctype: jsonType, body: `{"model":"other","choices":[],` + usage}.check(t)
	wantUsage(t, c, reported(10, 5))
}

func TestCompletions(t *testing.T) {
	c := exchange{rt: routeText, ctype: sseType, body: sse(
		`{"id":"c","object":"text_completion","model":"m","choices":[{"text":"a","index":1,"finish_reason":null},{"text":"b","index":0,"finish_reason":"length"}]}`,
		`{"id":"c","choices":[{"text":"c","index":1,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`, "[DONE]")}.check(t)
	wantCall(t, c, "ok||length,stop|")
	wantUsage(t, c, reported(1, 2))
	if got := outputText(c); got != "bac" {
		t.Errorf("text = %q", got)
	}
}

func FuzzOpenAIChatAnswer(f *testing.F) {
	fuzzAnswers(f, routeChat, sseType,
		sse(chunk("hi", ""), `{"choices":[{"index":3,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}],"audio":{"data":"AAAA"},"function_call":{"arguments":{}}}}],"usage":{"prompt_tokens":1,"cost":{"total_cost":1}}}`, "[DONE]"),
		`{"id":"x","choices":[{"message":{"content":[{"type":"text","text":"a"}],"images":[{"image_url":{"url":"data:image/png;base64,AA"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9},"timings":{"prompt_n":1}}`,
		`{"error":{"message":"x","code":"y"}}`, sse(`{"value":"x"}`))
}

func FuzzOpenAIResponsesAnswer(f *testing.F) {
	fuzzAnswers(f, routeResponses, sseType, responsesStream, responsesUnary, sse(`{"type":"error","code":"x","message":"y"}`))
}

func FuzzOpenAIMediaAnswer(f *testing.F) {
	f.Add([]byte(`{"data":[{"b64_json":"AAAA","revised_prompt":"x"}],"usage":{"input_tokens":1}}`), uint8(0))
	f.Add([]byte(`{"model":"m","data":[{"embedding":[0.1,-2e-3]}],"usage":{"total_tokens":4}}`), uint8(1))
	f.Add([]byte(`{"text":"x","duration":1.5,"usage":{"type":"duration","seconds":2}}`), uint8(2))
	f.Add([]byte(`{"results":[{"index":0,"relevance_score":0.5}],"meta":{"billed_units":{"search_units":1}}}`), uint8(3))
	f.Add([]byte(`{"id":"m","results":[{"flagged":true}]}`), uint8(4))
	f.Add([]byte(sse(`{"type":"transcript.text.delta","delta":"x"}`, `{"type":"image_generation.completed","b64_json":"AAAA"}`)), uint8(5))
	apis := []string{apiImages, apiEmbeddings, apiAudioTranscription, apiRerank, apiModerations, apiAudioSpeech}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		rt := Route{Dialect: OpenAI, API: apis[int(which)%len(apis)]}
		x := exchange{rt: rt, ctype: jsonType, body: string(body)}
		c := x.decode(0)
		for _, n := range c.Notes {
			if n == "decoder_failed" {
				t.Error("a decoder panicked")
			}
		}
		if d := cmp.Diff(c, x.decode(3), callOptions); d != "" {
			t.Errorf("the split matters (-whole +split):\n%s", d)
		}
	})
}

func stream50() string {
	docs := []string{`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}`}
	for range 50 {
		docs = append(docs, `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" some words"},"logprobs":null,"finish_reason":null}],"usage":null}`)
	}
	docs = append(docs, `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}`,
		`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":100,"total_tokens":119,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}}`, "[DONE]")
	return sse(docs...)
}

func BenchmarkOpenAIStream50(b *testing.B) {
	benchmarkAnswer(b, exchange{rt: routeChat, ctype: sseType, body: stream50()})
}

func benchmarkUnary(b *testing.B, size int) {
	body := `{"id":"c1","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"TEXT"},"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}}`
	text := strings.Repeat("word ", max(0, size-len(body))/5)
	benchmarkAnswer(b, exchange{rt: routeChat, ctype: jsonType, body: strings.Replace(body, "TEXT", text, 1)})
}

func BenchmarkOpenAIUnary300B(b *testing.B) { benchmarkUnary(b, 300) }
func BenchmarkOpenAIUnary2KB(b *testing.B)  { benchmarkUnary(b, 2048) }
