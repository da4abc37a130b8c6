package pitot_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// spanAttr is an attribute of a span as text.
func spanAttr(s sdktrace.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return ""
}

// TestAgainstSimulatedProviders makes real requests in every format, over
// HTTP/1.1 and HTTP/2, plain and compressed, and compares the spans with what
// the server says it sent.
func TestAgainstSimulatedProviders(t *testing.T) {
	const messages = `"messages":[{"role":"user","content":"Tell me about whales."}]`
	formats := []struct{ name, path, body, streamed string }{
		{"OpenAI", "/v1/chat/completions", `{"model":"gpt-4o",` + messages + `}`, `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},` + messages + `}`},
		{"responses", "/v1/responses", `{"model":"gpt-4o","input":"whales"}`, `{"model":"gpt-4o","stream":true,"input":"whales"}`},
		{"embeddings", "/v1/embeddings", `{"model":"text-embedding-3-small","input":"whales"}`, ""},
		{"Anthropic", "/v1/messages", `{"model":"claude-sonnet-4-5","max_tokens":100,` + messages + `}`, `{"model":"claude-sonnet-4-5","max_tokens":100,"stream":true,` + messages + `}`},
		{"Gemini", "/v1beta/models/gemini-2.5-flash:generateContent", `{"contents":[{"role":"user","parts":[{"text":"whales"}]}]}`, ""},
		{"Gemini, streamed", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "", `{"contents":[{"role":"user","parts":[{"text":"whales"}]}]}`},
		{"Bedrock", "/model/amazon.nova-lite-v1:0/converse", `{"messages":[{"role":"user","content":[{"text":"whales"}]}]}`, ""},
		{"Bedrock, streamed", "/model/amazon.nova-lite-v1:0/converse-stream", "", `{"messages":[{"role":"user","content":[{"text":"whales"}]}]}`},
		{"Cohere", "/v2/chat", `{"model":"command-r-plus",` + messages + `}`, `{"model":"command-r-plus","stream":true,` + messages + `}`},
		{"Ollama", "/api/chat", `{"model":"llama3.2","stream":false,` + messages + `}`, `{"model":"llama3.2",` + messages + `}`},
	}
	for _, http2 := range []bool{false, true} {
		sim := provider.New(provider.Config{Seed: 1, Pace: provider.NoPace})
		srv := httptest.NewUnstartedServer(sim)
		srv.EnableHTTP2 = http2
		srv.StartTLS()
		t.Cleanup(srv.Close)
		take := pitot.RecordForTest(t, pitot.WithContent(pitot.ContentFull, 0, 0))
		client := srv.Client()
		client.Transport = pitot.Transport(client.Transport)
		for _, f := range formats {
			for _, streamed := range []bool{false, true} {
				body := f.body
				if streamed {
					body = f.streamed
				}
				if body == "" {
					continue
				}
				for _, encoding := range []string{"", "gzip", "br", "zstd"} {
					name := f.name + ", streamed " + strconv.FormatBool(streamed) + ", HTTP/2 " + strconv.FormatBool(http2) + ", " + encoding
					req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+f.path, strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Content-Type", "application/json")
					req.Header.Set("X-Fake-Status", "200")
					if encoding != "" {
						req.Header.Set("X-Fake-Encoding", encoding)
						req.Header.Set("Accept-Encoding", encoding)
					}
					resp, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					answer, err := io.ReadAll(resp.Body)
					if err != nil || resp.StatusCode != http.StatusOK || resp.ProtoMajor != map[bool]int{false: 1, true: 2}[http2] {
						t.Fatalf("%s: %v, %s, %d bytes, %s", name, err, resp.Status, len(answer), resp.Proto)
					}
					_ = resp.Body.Close()
					truth := sim.Truth()
					sent := truth[len(truth)-1]
					spans := take()
					if len(spans) != 1 {
						t.Errorf("%s: %d spans", name, len(spans))
						continue
					}
					s := spans[0]
					if in, out := strconv.FormatInt(sent.Input, 10), strconv.FormatInt(sent.Output, 10); sent.Reported &&
						(spanAttr(s, "gen_ai.usage.input_tokens") != in || spanAttr(s, "gen_ai.usage.output_tokens") != out) {
						t.Errorf("%s: %s tokens in and %s out, sent were %s and %s", name,
							spanAttr(s, "gen_ai.usage.input_tokens"), spanAttr(s, "gen_ai.usage.output_tokens"), in, out)
					}
					if got := spanAttr(s, "gen_ai.request.stream"); (got == "true") != streamed {
						t.Errorf("%s: stream %q", name, got)
					}
					if streamed && (spanAttr(s, "gen_ai.response.time_to_first_chunk") == "" || spanAttr(s, "pitot.timeline") == "") {
						t.Errorf("%s: no time to first chunk or no timeline", name)
					}
					if notes := spanAttr(s, "pitot.notes"); notes != "" {
						t.Errorf("%s: notes %s", name, notes)
					}
				}
			}
		}
	}
}

// TestInformationalResponses: 1xx answers and Expect go by.
func TestInformationalResponses(t *testing.T) {
	const body = `{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}`
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		got, _ := io.ReadAll(r.Body) // the server answers 100 Continue here
		if string(got) != body {
			t.Errorf("got %q", got)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"1","model":"gpt-4o","choices":[{"message":{"role":"assistant","content":"y"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	}))
	t.Cleanup(srv.Close)
	take := pitot.RecordForTest(t)
	base := &http.Transport{ExpectContinueTimeout: 10 * time.Second}
	t.Cleanup(base.CloseIdleConnections)
	for _, once := range []bool{false, true} {
		var hints []int
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			hints = append(hints, code)
			return nil
		}})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/chat/completions", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		if once {
			req.GetBody = nil
		}
		req.Header.Set("Expect", "100-continue")
		resp, err := pitot.Transport(base).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if len(hints) != 2 {
			t.Errorf("informational answers %v", hints)
		}
		spans := take()
		if len(spans) != 1 || spanAttr(spans[0], "gen_ai.usage.input_tokens") != "1" || spanAttr(spans[0], "gen_ai.request.model") != "gpt-4o" {
			t.Errorf("spans %v", spans)
		}
	}
}

// TestCanceledOverTheNetwork cancels in the middle of a stream.
func TestCanceledOverTheNetwork(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	take := pitot.RecordForTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	resp, err := pitot.Transport(base).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = resp.Body.Read(make([]byte, 1000))
	cancel()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the caller saw no error")
	}
	_ = resp.Body.Close()
	spans := take()
	if len(spans) != 1 || spanAttr(spans[0], "error.type") != "client_closed_request" || spanAttr(spans[0], "pitot.chunks") != "1" {
		t.Fatalf("%d spans: %v", len(spans), spans)
	}
}
