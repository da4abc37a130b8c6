package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

const ollamaDone = `{"model":"llama3","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":4000000000,"load_duration":1500000000,"prompt_eval_count":21,"prompt_eval_duration":250000000,"eval_count":9,"eval_duration":2000000000}`

var ollamaLines = []string{
	`{"model":"llama3","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}`,
	`{"model":"llama3","message":{"role":"assistant","content":"Hi"},"done":false}`,
	`{"model":"llama3","message":{"role":"assistant","content":" there"},"done":false}`,
	`{"model":"llama3","message":{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"index":0,"name":"f","arguments":{"a":1}}}]},"done":false}`,
}

func ollamaBody(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

func TestOllamaStream(t *testing.T) {
	c := exchange{rt: routeOllama, ctype: "application/x-ndjson", body: ollamaBody(append(ollamaLines, ollamaDone)...)}.check(t)
	wantCall(t, c, "ok||stop|")
	wantUsage(t, c, llm.Usage{InputTokens: some(21), OutputTokens: some(9), Source: llm.UsageReported})
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "hm"},
		{Type: llm.PartText, Content: "Hi there"},
		{Type: llm.PartToolCall, ID: "c1", ToolName: "f", Arguments: `{"a":1}`},
	}})
	want := map[string]any{
		"ollama.total_duration_seconds": 4.0, "ollama.load_duration_seconds": 1.5,
		"ollama.prompt_eval_duration_seconds": 0.25, "ollama.eval_duration_seconds": 2.0,
	}
	if d := cmp.Diff(want, c.Attributes); d != "" {
		t.Errorf("attributes (-want +got):\n%s", d)
	}
	if c.ResponseModel != "llama3" || c.Timeline.Chunks() != 5 {
		t.Errorf("model %q, %d chunks", c.ResponseModel, c.Timeline.Chunks())
	}
}

func TestOllamaCachedPrompt(t *testing.T) {
	c := exchange{rt: routeOllama, ctype: "application/json", body: strings.Replace(ollamaDone, `"prompt_eval_count":21,`, "", 1)}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(0), OutputTokens: some(9), Source: llm.UsageReported})
	// Loading a model evaluates nothing, so nothing is known to be cached.
	c = exchange{rt: routeOllama, ctype: "application/json", body: `{"model":"llama3","message":{"role":"assistant","content":""},"done_reason":"load","done":true}`}.check(t)
	wantCall(t, c, "ok||load|")
	wantUsage(t, c, llm.Usage{Source: llm.UsageUnknown})
}

func TestOllamaBreaks(t *testing.T) {
	for name, tt := range map[string]struct {
		x    exchange
		want string
	}{
		"cut":        {exchange{ctype: "application/x-ndjson", body: ollamaBody(ollamaLines...)}, "ok|||stream_cut"},
		"cut line":   {exchange{ctype: "application/x-ndjson", body: ollamaBody(ollamaLines...) + ollamaDone[:50]}, "ok|||stream_cut"},
		"mid-stream": {exchange{ctype: "application/x-ndjson", body: ollamaBody(ollamaLines[1], `{"error":"llama runner process has terminated"}`)}, "error|server_error||"},
		"404":        {exchange{status: 404, ctype: "application/json", body: `{"error":"model 'x' not found"}`}, "error|not_found||"},
		"busy":       {exchange{status: 503, ctype: "application/json", body: `{"error":"server busy, please try again"}`}, "error|overloaded||"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.x.rt = routeOllama
			c := tt.x.check(t)
			wantCall(t, c, tt.want)
			wantUsage(t, c, llm.Usage{Source: llm.UsageUnknown})
		})
	}
}

func TestOllamaEmbeddings(t *testing.T) {
	rt := Route{Dialect: Ollama, API: apiOllamaEmbed, Operation: llm.OpEmbeddings}
	c := exchange{rt: rt, ctype: "application/json", body: `{"model":"all-minilm","embeddings":[[0.1,0.2]],"total_duration":14000000,"load_duration":1000000,"prompt_eval_count":8}`}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(8), OutputTokens: some(0), Source: llm.UsageReported})
	if c.ResponseModel != "all-minilm" {
		t.Errorf("model %q", c.ResponseModel)
	}
	c = exchange{rt: rt, ctype: "application/json", body: `{"embedding":[0.1,0.2]}`}.check(t)
	wantUsage(t, c, llm.Usage{Source: llm.UsageUnknown})
}

func TestOllamaRequests(t *testing.T) {
	c := request(routeOllama, `{"model":"llama3","format":"","keep_alive":null,"think":true,"options":{"seed":42,"num_predict":7,"stop":["x"]},"tools":[{"type":"function","function":{"name":"f"}}],
	"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi","images":["AAAA"]},{"role":"assistant","content":"","thinking":"hm","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","tool_name":"f","content":"ok"}]}`)
	wantInput(t, c, llm.Text("system", "s"),
		llm.Message{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "hi"}, {Type: llm.PartBlob, Modality: "image", Data: "AAAA"}}},
		llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartToolCall, ToolName: "f", Arguments: `{"a":1}`}}},
		llm.Message{Role: "tool", Name: "f", Parts: []llm.Part{{Type: llm.PartToolCallResponse, Response: []byte(`"ok"`)}}})
	if d := cmp.Diff(map[string]any{"seed": 42.0, "max_tokens": 7.0, "stop_sequences": []any{"x"}, "think": true}, c.Params); d != "" {
		t.Errorf("params (-want +got):\n%s", d)
	}
	if !c.Stream || c.RequestModel != "llama3" || len(c.Tools) == 0 {
		t.Errorf("stream %v (the default streams), model %q, tools %s", c.Stream, c.RequestModel, c.Tools)
	}
	generate := Route{Dialect: Ollama, API: apiOllamaGenerate}
	if c = request(generate, `{"model":"llama3","prompt":"hi","system":"s","stream":false}`); c.Stream {
		t.Error("told not to stream")
	}
	wantInput(t, c, llm.Text("system", "s"), llm.Text("user", "hi"))
	embed := Route{Dialect: Ollama, API: apiOllamaEmbed}
	c = request(embed, `{"model":"m","input":["a","b"]}`)
	wantInput(t, c, llm.Message{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "a"}, {Type: llm.PartText, Content: "b"}}})
	if c.Stream {
		t.Error("embeddings do not stream")
	}
}
