package provider

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// formats are all text formats with a reader each.
func formats() []struct {
	name, path, streamPath, body, model string
	read                                func(*testing.T, []byte, bool) answer
} {
	const chat = `"messages":[{"role":"user","content":"Where is my order?"}]`
	converse := `{"messages":[{"role":"user","content":[{"text":"Where is my order?"}]}]}`
	gemini := `{"contents":[{"role":"user","parts":[{"text":"Where is my order?"}]}]}`
	return []struct {
		name, path, streamPath, body, model string
		read                                func(*testing.T, []byte, bool) answer
	}{
		{"chat", "/openai/v1/chat/completions", "", `{"model":"gpt-4o-mini",` + chat + `,"stream_options":{"include_usage":true},"stream":STREAM}`, "gpt-4o-mini", readChat},
		{"deepseek", "/deepseek/v1/chat/completions", "", `{"model":"deepseek-reasoner",` + chat + `,"stream":STREAM}`, "deepseek-reasoner", readChat},
		{"azure", "/openai/deployments/gpt-4o/chat/completions", "", `{` + chat + `,"stream_options":{"include_usage":true},"stream":STREAM}`, "gpt-4o", readChat},
		{"completions", "/v1/completions", "", `{"model":"gpt-4o-mini","prompt":"Say","stream_options":{"include_usage": true},"stream":STREAM}`, "gpt-4o-mini", readCompletions},
		{"responses", "/v1/responses", "", `{"model":"gpt-5-mini","input":"Where?","reasoning":{"summary":"auto"},"stream":STREAM}`, "gpt-5-mini", readResponses},
		{"messages", "/v1/messages", "", `{"model":"claude-sonnet-4-20250514","max_tokens":4000,"thinking":{"type":"enabled"},` + chat + `,"stream":STREAM}`, "claude-sonnet-4-20250514", readMessages},
		{"gemini sse", "/v1beta/models/gemini-2.5-flash:generateContent", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", gemini, "gemini-2.5-flash", readGemini},
		{"gemini array", "/v1beta/models/gemini-2.0-flash:generateContent", "/v1beta/models/gemini-2.0-flash:streamGenerateContent", gemini, "gemini-2.0-flash", readGemini},
		{"ollama chat", "/api/chat", "", `{"model":"llama3.2",` + chat + `,"stream":STREAM}`, "llama3.2", readOllama},
		{"ollama generate", "/api/generate", "", `{"model":"llama3.2","prompt":"Why?","stream":STREAM}`, "llama3.2", readOllama},
		{"cohere", "/v2/chat", "", `{"model":"command-r-plus-08-2024",` + chat + `,"stream":STREAM}`, "command-r-plus-08-2024", readCohere},
		{"converse", "/model/amazon.nova-lite-v1:0/converse", "/model/amazon.nova-lite-v1:0/converse-stream", converse, "amazon.nova-lite-v1:0", readConverse},
		{
			"invoke anthropic", "/model/anthropic.claude-3-5-sonnet-20240620-v1:0/invoke", "/model/anthropic.claude-3-5-sonnet-20240620-v1:0/invoke-with-response-stream",
			`{"anthropic_version":"bedrock-2023-05-31","max_tokens":900,` + chat + `}`, "anthropic.claude-3-5-sonnet-20240620-v1:0", readInvokeAnthropic,
		},
		{"invoke llama", "/model/meta.llama3-70b-instruct-v1:0/invoke", "/model/meta.llama3-70b-instruct-v1:0/invoke-with-response-stream", `{"prompt":"Why?"}`, "meta.llama3-70b-instruct-v1:0", readInvokeNative},
		{"invoke titan", "/model/amazon.titan-text-express-v1/invoke", "/model/amazon.titan-text-express-v1/invoke-with-response-stream", `{"inputText":"Why?"}`, "amazon.titan-text-express-v1", readInvokeNative},
	}
}

type client struct {
	t   *testing.T
	srv *httptest.Server
}

func newClient(t *testing.T, s *Server) *client {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return &client{t, srv}
}

// post sends a body with headers given as pairs.
func (c *client) post(path, body string, headers ...string) (*http.Response, []byte, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.srv.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.srv.Client().Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

// check compares what a reader made of an answer with what the server says it
// sent.
func check(t *testing.T, a answer, tr Truth) {
	t.Helper()
	want := answer{
		text: tr.Text, tool: tr.Tool, finish: tr.Finish, id: tr.ID, model: tr.Answered, usage: tr.Reported,
		input: tr.Input, output: tr.Output, read: tr.CacheRead, write: tr.CacheWrite, reasoningTokens: tr.Reasoning,
	}
	if !tr.Reported {
		want.input, want.output, want.read, want.write, want.reasoningTokens = 0, 0, 0, 0, 0
	}
	if tr.Format == "responses" {
		want.finish = "" // these have a status instead
	}
	switch tr.Format {
	case "messages", "converse", "invoke", "ollama_chat", "ollama_generate": // these do not count reasoning apart
		want.reasoningTokens = 0
	}
	got := a
	got.args, got.reasoning = "", ""
	if got != want {
		if got.text == want.text {
			got.text, want.text = "(same)", "(same)"
		}
		t.Errorf("%s: read\n%+v\nthe server says it sent\n%+v", tr.Format, got, want)
	}
	if a.tool != "" && !json.Valid([]byte(a.args)) {
		t.Errorf("%s: arguments %q are not JSON", tr.Format, a.args)
	}
	if a.tool == "" && a.args != "" && a.args != "null" {
		t.Errorf("%s: arguments %q without a tool", tr.Format, a.args)
	}
}

func TestEveryFormatSaysWhatItSent(t *testing.T) {
	for _, f := range formats() {
		for _, stream := range []bool{false, true} {
			name := f.name + " unary"
			if stream {
				name = f.name + " stream"
			}
			t.Run(name, func(t *testing.T) {
				s := New(Config{Seed: 7, Pace: NoPace})
				c := newClient(t, s)
				path, body := f.path, strings.ReplaceAll(f.body, "STREAM", map[bool]string{false: "false", true: "true"}[stream])
				if stream && f.streamPath != "" {
					path = f.streamPath
				}
				for _, headers := range [][]string{
					nil,
					{"X-Fake-Lang", "zh", "X-Fake-Tokens", "33"},
					{"X-Fake-Chunks", "50", "X-Fake-Usage", "input=5000,output=321,cache_read=1024,cache_write=256"},
					{"X-Fake-Text", `He said "no"%0A` + strings.Repeat("%E4%BD%A0", 40) + `\`},
					{"X-Fake-Usage", "none"},
					{"X-Fake-Bytes", "300", "X-Fake-Split", "7"},
					{"X-Fake-Finish", "length"},
					{"X-Fake-Tool", "find_order"},
					{"X-Fake-Encoding", "zstd"},
				} {
					if f.name == "invoke titan" && len(headers) == 2 && headers[1] == "none" {
						continue // Titan cannot leave it out
					}
					tool := len(headers) > 0 && headers[0] == "X-Fake-Tool"
					if tool && (strings.Contains(f.name, "completions") || strings.Contains(f.name, "generate") || strings.Contains(f.name, "invoke llama") || strings.Contains(f.name, "titan")) {
						continue // these have no tools
					}
					resp, b, err := c.post(path, body, headers...)
					if err != nil || resp.StatusCode != http.StatusOK {
						t.Fatalf("%v: %v, %s", headers, err, b)
					}
					if enc := resp.Header.Get("Content-Encoding"); enc != "" {
						b = decompress(t, enc, b)
					}
					truths := s.Truth()
					tr := truths[len(truths)-1]
					if tr.Stream != stream || tr.Model != f.model || tr.Bytes != int64(len(b)) || tr.RequestID != resp.Header.Get("X-Request-Id") {
						t.Errorf("%v: truth %+v does not describe the answer of %d bytes", headers, tr, len(b))
					}
					a := f.read(t, b, stream)
					check(t, a, tr)
					if a.text == "" && a.tool == "" {
						t.Errorf("%v: empty answer", headers)
					}
					if len(headers) > 1 && headers[0] == "X-Fake-Chunks" && stream && tr.Chunks-chunksOf(tr, a) != 50 {
						t.Errorf("%d chunks, want 50", tr.Chunks)
					}
				}
			})
		}
	}
}

// chunksOf is the number of chunks of shown reasoning.
func chunksOf(tr Truth, a answer) int {
	if a.reasoning == "" {
		return 0
	}
	return tr.Chunks - 50
}
