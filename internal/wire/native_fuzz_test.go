package wire

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// fuzzBudget is the content budget of fuzzed decoders.
const fuzzBudget = 64

// holds checks what must be true of any Call, whatever came over the wire.
func holds(t *testing.T, c *llm.Call) {
	t.Helper()
	for _, n := range c.Notes {
		if n == "decoder_failed" {
			t.Error("a decoder panicked")
		}
	}
	u := c.Usage
	for name, n := range map[string]llm.Opt[int64]{
		"input": u.InputTokens, "output": u.OutputTokens, "cache read": u.CacheReadTokens,
		"cache write": u.CacheWriteTokens, "reasoning": u.ReasoningTokens, "searches": u.Searches, "images": u.Images,
	} {
		if n.Or(0) < 0 {
			t.Errorf("%s = %d", name, n.Or(0))
		}
	}
	if c.ErrorType != "" && !isIdentifier(c.ErrorType) {
		t.Errorf("error type %q", c.ErrorType)
	}
	if (c.Status == llm.StatusError) != (c.ErrorType != "") {
		t.Errorf("status %q with error type %q", c.Status, c.ErrorType)
	}
	kept, parts := 0, 0
	for _, m := range c.Output {
		parts += len(m.Parts)
		for _, p := range m.Parts {
			kept += len(p.Content) + len(p.Arguments) + len(p.Data) + len(p.Response)
		}
	}
	// Fixed markers of redacted and compacted blocks are outside the budget,
	// invalid UTF-8 grows when it is replaced.
	if limit := 3*fuzzBudget + 40*parts; kept > limit {
		t.Errorf("%d bytes kept, at most %d wanted", kept, limit)
	}
}

// fuzzAnswers fuzzes the answers of a route: as a stream, as a whole, as an
// error; in one piece and split.
func fuzzAnswers(f *testing.F, rt Route, ctype string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s), uint8(3))
		f.Add([]byte(s[:len(s)*2/3]), uint8(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, size uint8) {
		run := func(status int, ctype string, n int) *llm.Call {
			c := &llm.Call{Operation: rt.Operation}
			d := NewDecoder(rt, status, http.Header{"Content-Type": {ctype}}, c, Options{MaxContent: fuzzBudget})
			for b := body; len(b) > 0; {
				k := len(b)
				if n > 0 {
					k = min(k, n)
				}
				d.Write(b[:k], time.Millisecond)
				b = b[k:]
			}
			d.Close(time.Second, nil)
			return c
		}
		for _, form := range []struct {
			status int
			ctype  string
		}{{200, ctype}, {200, "application/json"}, {400, "application/json"}} {
			c := run(form.status, form.ctype, 0)
			holds(t, c)
			if d := cmp.Diff(c, run(form.status, form.ctype, max(int(size), 1)), callOptions); d != "" {
				t.Errorf("%d %s: split differs (-whole +split):\n%s", form.status, form.ctype, d)
			}
		}
	})
}

func fuzzRequests(f *testing.F, rt Route, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &llm.Call{}
		DecodeRequest(rt, nil, body, c)
		holds(t, c)
		for _, m := range c.Input {
			if len(m.Parts) == 0 {
				t.Errorf("a message without parts: %+v", m)
			}
		}
	})
}

func FuzzAnthropicAnswer(f *testing.F) {
	fuzzAnswers(f, routeMessages, "text/event-stream", anthropicStream,
		`{"type":"message","id":"m","model":"x","content":[{"type":"text","text":"hi","citations":[{}]},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2,"iterations":[{"type":"compaction","input_tokens":9}]}}`,
		`{"type":"error","error":{"type":"overloaded_error","message":"m"}}`)
}

func FuzzAnthropicRequest(f *testing.F) {
	fuzzRequests(f, routeMessages, `{"model":"m","system":[{"type":"text","text":"s"}],"metadata":{"user_id":"{\"session_id\":\"s\"}"},"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"A"}},{"type":"tool_result","content":[1]}]},{"role":"assistant","content":"x"}],"tools":[{}]}`)
}

func FuzzGeminiAnswer(f *testing.F) {
	fuzzAnswers(f, routeGemini, "text/event-stream", sse(geminiChunks...), "["+strings.Join(geminiChunks, ",\n")+"]",
		sse(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true,"partialArgs":[{"jsonPath":"$.a[0]['b']","stringValue":"x"}]}}]}}]}`),
		sse(`{"event_type":"step.start","index":1,"step":{"type":"function_call","id":"c","name":"f"}}`, `{"event_type":"interaction.completed","interaction":{"id":"v","status":"failed","usage":{"total_input_tokens":7}}}`),
		`{"predictions":[{"embeddings":{"statistics":{"token_count":5}}}],"metadata":{"billableCharacterCount":1}}`)
}

func FuzzGeminiRequest(f *testing.F) {
	fuzzRequests(f, routeGemini, `{"systemInstruction":"s","contents":[{"role":"user","parts":[{"text":"x"},{"functionResponse":{"response":{}}}]}],"generationConfig":{"topK":1},"instances":[{"prompt":"p"}],"requests":[{"content":{"parts":[{"text":"t"}]}}],"input":[{"role":"user","content":"x"}],"labels":{"a":"b"}}`)
}

func FuzzConverseAnswer(f *testing.F) {
	fuzzAnswers(f, routeConverse, awsStream, converseEvents+converseEnd, converseEvents+awsException("throttlingException", `{"message":"m"}`),
		`{"output":{"message":{"content":[{"text":"x"},{"toolUse":{"input":{}}}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":2}}`)
}

// fuzzFrames fuzzes the payloads of Amazon's frames, one a line: the checksums
// keep the fuzzer of whole bodies from reaching them.
func fuzzFrames(f *testing.F, rt Route, wrap func(payload string) string, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		var body strings.Builder
		for line := range strings.SplitSeq(lines, "\n") {
			body.WriteString(wrap(line))
		}
		c := exchange{rt: rt, ctype: awsStream, body: body.String()}.decode(0)
		for _, n := range c.Notes {
			if n == "decoder_failed" || n == "crc_mismatch" {
				t.Errorf("note %s", n)
			}
		}
	})
}

func FuzzInvokeFrames(f *testing.F) {
	fuzzFrames(f, routeInvoke, awsChunk,
		`{"outputText":"h","index":0,"inputTextTokenCount":13}`+"\n"+`{"completionReason":"FINISH",`+invokeMetrics+`}`,
		`{"type":"message_start","message":{"usage":{"input_tokens":1}}}`+"\n"+`{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}`,
		`{"contentBlockDelta":{"contentBlockIndex":1,"delta":{"toolUse":{"input":"x"}}}}`+"\n"+`{"metadata":{"usage":{"inputTokens":1}}}`,
		`{"event_type":"text-generation","text":"x"}`, `{"choices":[{"index":0,"message":{"content":"x"},"stop_reason":null}]}`,
		`{"generation":"x","prompt_token_count":1}`, `{"type":"message-start","id":"r"}`)
}

func FuzzConverseFrames(f *testing.F) {
	fuzzFrames(f, routeConverse, func(line string) string {
		name, payload, _ := strings.Cut(line, " ")
		return awsEvent(name, payload)
	}, `contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"t1"}}}`+"\n"+`contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{"}}}`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}`,
		`messageStop {"stopReason":"end_turn"}`+"\n"+`metadata {"usage":{"inputTokens":1,"cacheDetails":[{"ttl":"5m","inputTokens":1}]},"metrics":{"latencyMs":1}}`,
		`validationException {"message":"m"}`)
}

func FuzzInvokeAnswer(f *testing.F) {
	fuzzAnswers(f, routeInvoke, awsStream,
		awsChunk(`{"outputText":"h","index":0,"inputTextTokenCount":13}`)+awsChunk(`{"completionReason":"FINISH",`+invokeMetrics+`}`),
		awsChunk(`{"type":"message_start","message":{"usage":{"input_tokens":1}}}`),
		awsChunk(`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`),
		`{"generations":[{"text":"x","finish_reason":"COMPLETE"}]}`, `{"outputs":[{"text":"x","stop_reason":"stop"}]}`, `{"completions":[{"data":{"text":"x"}}]}`)
}

func FuzzBedrockRequest(f *testing.F) {
	for _, s := range []string{
		`{"inputText":"x","textGenerationConfig":{"topP":1}}`, `{"prompt":"x","max_gen_len":1}`,
		`{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"A"}}}]}]}`,
		`{"message":"m","chat_history":[{"role":"USER","message":"x"}]}`, `{"messages":[{"role":"user","content":"x"}]}`, `{"anthropic_version":"b","messages":[]}`,
	} {
		f.Add([]byte(s))
	}
	fuzzRequests(f, routeInvoke)
}

func FuzzCohereAnswer(f *testing.F) {
	fuzzAnswers(f, routeCohere2, "text/event-stream", sse(`{"id":"r","type":"message-start"}`, `{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"x"}}}}`,
		`{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t","function":{"name":"f","arguments":""}}}}}`, `{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":1}}}}`),
		`{"id":"r","message":{"content":[{"type":"text","text":"x"}]},"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":1}}}`)
}

func FuzzCohereV1Answer(f *testing.F) {
	fuzzAnswers(f, routeCohere1, "application/stream+json", `{"event_type":"text-generation","text":"x"}`+"\n"+`{"event_type":"tool-calls-chunk","tool_call_delta":{"index":0,"name":"f","parameters":"{"}}`+"\n"+`{"event_type":"stream-end","response":{"generations":[{"finish_reason":"COMPLETE"}],"meta":{"billed_units":{"input_tokens":1}}}}`,
		`{"text":"x","tool_calls":[{"name":"f","parameters":{}}],"meta":{"billed_units":{"input_tokens":1}}}`)
}

func FuzzCohereRequest(f *testing.F) {
	fuzzRequests(f, routeCohere2, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,A"}}]},{"role":"tool","content":"x"}],"chat_history":[{"role":"CHATBOT","tool_results":[{}]}],"texts":["a"],"inputs":[{"content":[{"type":"text"}]}]}`)
}

func FuzzOllamaAnswer(f *testing.F) {
	fuzzAnswers(f, routeOllama, "application/x-ndjson", ollamaBody(append(ollamaLines, ollamaDone)...), `{"error":"x"}`)
}

func FuzzOllamaEmbedAnswer(f *testing.F) {
	rt := Route{Dialect: Ollama, API: apiOllamaEmbed, Operation: llm.OpEmbeddings}
	fuzzAnswers(f, rt, "application/json", `{"model":"m","embeddings":[[0.1]],"prompt_eval_count":8,"total_duration":1}`, `{"embedding":[1]}`)
}

func FuzzOllamaRequest(f *testing.F) {
	fuzzRequests(f, routeOllama, `{"model":"m","messages":[{"role":"user","content":"x","images":["A"]},{"role":"tool","content":1}],"options":{"stop":["x"]},"prompt":["a"],"format":{"type":"object"}}`)
}

func benchmarkAnswer(b *testing.B, x exchange) {
	body := []byte(x.body)
	h := http.Header{"Content-Type": {x.ctype}}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		c := &llm.Call{Operation: x.rt.Operation}
		d := NewDecoder(x.rt, 200, h, c, Options{})
		d.Write(body, time.Millisecond)
		d.Close(time.Second, nil)
		if c.Status != llm.StatusOK || c.Usage.Source != llm.UsageReported {
			b.Fatalf("%+v", c)
		}
	}
}

func BenchmarkAnthropicStream50(b *testing.B) {
	docs := []string{anthropicStart, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`}
	for range 50 {
		docs = append(docs, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" some words"}}`)
	}
	docs = append(docs, `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":100}}`, anthropicStop)
	benchmarkAnswer(b, exchange{rt: routeMessages, ctype: "text/event-stream", body: sse(docs...)})
}

func BenchmarkGeminiStream50(b *testing.B) {
	var docs []string
	for range 50 {
		docs = append(docs, `{"candidates":[{"content":{"parts":[{"text":" some words"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":15,"candidatesTokenCount":2,"totalTokenCount":17,"promptTokensDetails":[{"modality":"TEXT","tokenCount":15}]},"modelVersion":"gemini-2.5-flash","responseId":"r1"}`)
	}
	docs = append(docs, `{"candidates":[{"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":15,"candidatesTokenCount":100}}`)
	benchmarkAnswer(b, exchange{rt: routeGemini, ctype: "text/event-stream", body: sse(docs...)})
}

func BenchmarkInvokeStream50(b *testing.B) {
	body := awsChunk(`{"type":"message_start","message":{"id":"m","model":"x","usage":{"input_tokens":12,"output_tokens":2}}}`)
	for range 50 {
		body += awsChunk(`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" some words"}}`)
	}
	body += awsChunk(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":100}}`) + awsChunk(`{"type":"message_stop",`+invokeMetrics+`}`)
	benchmarkAnswer(b, exchange{rt: routeInvoke, ctype: awsStream, body: body})
}

func BenchmarkOllamaStream50(b *testing.B) {
	var lines []string
	for range 50 {
		lines = append(lines, `{"model":"llama3","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":" some words"},"done":false}`)
	}
	benchmarkAnswer(b, exchange{rt: routeOllama, ctype: "application/x-ndjson", body: ollamaBody(append(lines, ollamaDone)...)})
}

func BenchmarkAnthropicUnary(b *testing.B) {
	benchmarkAnswer(b, exchange{
		rt: routeMessages, ctype: "application/json",
		body: `{"type":"message","id":"m","model":"claude-x","role":"assistant","content":[{"type":"text","text":"` + strings.Repeat("word ", 300) + `"}],"stop_reason":"end_turn","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":300}}`,
	})
}

func BenchmarkAnthropicRequest(b *testing.B) {
	body := []byte(`{"model":"claude-x","max_tokens":100,"system":"` + strings.Repeat("rule ", 100) + `","messages":[{"role":"user","content":"` + strings.Repeat("word ", 300) + `"}]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		c := &llm.Call{}
		DecodeRequest(routeMessages, nil, body, c)
		if len(c.Input) != 2 {
			b.Fatal("not decoded")
		}
	}
}
