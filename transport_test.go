package pitot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// roundTripFunc is a base transport.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const (
	chatRequest = `{"model":"gpt-4o-mini","temperature":0.5,"messages":[{"role":"user","content":"Hello"}]}`
	chatAnswer  = `{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"Hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}`
	chatURL     = "https://api.openai.com/v1/chat/completions"
	chatStream  = "data: {\"id\":\"c1\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n" +
		"data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n" +
		"data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"}}]}\n\n" +
		"data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" +
		"data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n" +
		"data: [DONE]\n\n"
)

// answer is a response with these headers, in pairs.
func answer(status int, body io.Reader, length int64, header ...string) *http.Response {
	rc, ok := body.(io.ReadCloser)
	if !ok {
		rc = io.NopCloser(body)
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: rc, ContentLength: length, ProtoMajor: 1, ProtoMinor: 1}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

// serve is a base that reads the request and answers.
func serve(status int, body string, header ...string) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		if req.Body != nil {
			_, _ = io.Copy(io.Discard, req.Body)
			_ = req.Body.Close()
		}
		resp := answer(status, strings.NewReader(body), int64(len(body)), header...)
		resp.Request = req
		return resp, nil
	}
}

var asJSON = []string{"Content-Type", "application/json"}

func post(t testing.TB, url, body string, header ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

// send makes the call and reads the answer to its end.
func send(t testing.TB, rt http.RoundTripper, req *http.Request) string {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// attr is an attribute of a span as text; "" where there is none.
func attr(s tracetest.SpanStub, key string) string {
	for _, kv := range s.Attributes {
		if string(kv.Key) == key {
			return kv.Value.String()
		}
	}
	return ""
}

func wantAttrs(t *testing.T, s tracetest.SpanStub, want map[string]string) {
	t.Helper()
	for k, v := range want {
		if got := attr(s, k); got != v {
			t.Errorf("%s: %q, want %q", k, got, v)
		}
	}
}

// only is the one span that ended.
func (r *recorded) only(t testing.TB) tracetest.SpanStub {
	t.Helper()
	spans := r.Spans()
	if len(spans) != 1 {
		t.Fatalf("%d spans ended, want 1: %v", len(spans), spans)
	}
	return spans[0]
}

func TestTransportMeasuresAUnaryCall(t *testing.T) {
	_, rec := testCore(t, WithContent(ContentFull, 0, 0))
	got := send(t, Transport(serve(200, chatAnswer, asJSON...)), post(t, chatURL, chatRequest))
	if got != chatAnswer {
		t.Errorf("the caller got %q", got)
	}
	s := rec.only(t)
	if s.Name != "chat gpt-4o-mini" || s.SpanKind != trace.SpanKindClient || s.Status.Code != codes.Unset {
		t.Errorf("span %q, kind %v, status %v", s.Name, s.SpanKind, s.Status)
	}
	wantAttrs(t, s, map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
		"gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": "chatcmpl-1", "gen_ai.response.finish_reasons": `["stop"]`,
		"gen_ai.usage.input_tokens": "9", "gen_ai.usage.output_tokens": "3", "gen_ai.request.temperature": "0.5", "http.response.status_code": "200",
		"server.address": "api.openai.com", "server.port": "443", "gen_ai.request.stream": "", "error.type": "",
		"gen_ai.input.messages":  `[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]`,
		"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"Hi there"}],"finish_reason":"stop"}]`,
	})
}

func TestTransportMeasuresAStream(t *testing.T) {
	_, rec := testCore(t, WithContent(ContentFull, 0, 0))
	base := func(*http.Request) (*http.Response, error) {
		return answer(200, iotest.OneByteReader(strings.NewReader(chatStream)), -1, "Content-Type", "text/event-stream"), nil
	}
	if got := send(t, Transport(roundTripFunc(base)), post(t, chatURL, chatRequest)); got != chatStream {
		t.Errorf("the caller got %q", got)
	}
	s := rec.only(t)
	wantAttrs(t, s, map[string]string{
		"gen_ai.request.stream": "true", "gen_ai.usage.output_tokens": "2", "pitot.chunks": "5", "gen_ai.response.finish_reasons": `["stop"]`,
		"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"Hi there"}],"finish_reason":"stop"}]`,
	})
	if attr(s, "gen_ai.response.time_to_first_chunk") == "" || attr(s, "pitot.timeline") == "" {
		t.Error("no time to first chunk or no timeline")
	}
}

func TestTransportLeavesOtherRequestsAlone(t *testing.T) {
	_, rec := testCore(t)
	for _, req := range []*http.Request{
		post(t, "https://api.example.com/v1/things", `{"a":1}`),
		post(t, "https://graph.example.com/v1.0/me/messages", `{"subject":"hello","input":1}`),
		post(t, "https://api.openai.com/v1/files", `x`),
		post(t, "https://shop.example.com/api/chat", `{"text":"is there anybody"}`),
		post(t, "https://s3.us-east-1.amazonaws.com/model/x/invoke", `{}`),
	} {
		var seen *http.Request
		base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			seen = r
			return answer(200, strings.NewReader("ok"), 2), nil
		})
		if got := send(t, Transport(base), req); got != "ok" || seen != req {
			t.Errorf("%s: answer %q, the base saw another request: %v", req.URL, got, seen != req)
		}
	}
	get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, chatURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	send(t, Transport(serve(200, "{}")), get)
	if n := len(rec.Spans()); n != 0 {
		t.Errorf("%d spans for requests that are no model calls", n)
	}
}

// TestTransportSendsWhatItWasGiven compares what arrives: only the trace's
// headers are added, and the program's request is not changed.
func TestTransportSendsWhatItWasGiven(t *testing.T) {
	testCore(t)
	for name, mk := range map[string]func() io.Reader{
		"bytes": func() io.Reader { return bytes.NewReader([]byte(chatRequest)) },
		"stream": func() io.Reader {
			return io.MultiReader(strings.NewReader(chatRequest[:20]), strings.NewReader(chatRequest[20:]))
		},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, chatURL, mk())
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer x")
		before := req.Header.Clone()
		var got http.Header
		var body []byte
		base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			got = r.Header
			body, _ = io.ReadAll(r.Body)
			resp := answer(200, strings.NewReader(chatAnswer), int64(len(chatAnswer)), asJSON...)
			resp.Request = r
			return resp, nil
		})
		resp, err := Transport(base).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if string(body) != chatRequest || resp.Request != req {
			t.Errorf("%s: sent %q; the answer is to another request: %v", name, body, resp.Request != req)
		}
		if got.Get("Traceparent") == "" || got.Get("Authorization") != "Bearer x" || len(got) != len(before)+1 {
			t.Errorf("%s: sent headers %v", name, got)
		}
		if len(req.Header) != len(before) {
			t.Errorf("%s: the program's headers were changed: %v", name, req.Header)
		}
	}
}

func TestTransportEndsWithTheTruth(t *testing.T) {
	broken := errors.New("connection reset by peer")
	stream := func(n int, end error) roundTripFunc {
		return func(*http.Request) (*http.Response, error) {
			r := io.MultiReader(strings.NewReader(chatStream[:n]), iotest.ErrReader(end))
			return answer(200, r, -1, "Content-Type", "text/event-stream"), nil
		}
	}
	const first = 260 // into the second event
	for _, tc := range []struct {
		name  string
		base  roundTripFunc
		use   func(t *testing.T, resp *http.Response)
		typ   string
		notes string
		out   string
	}{
		{"read error", stream(first, broken), readAll, "connection_error", `["stream_cut"]`, ""},
		{"early close", stream(first, broken), readSome, "client_closed_request", `["client_gone"]`, ""},
		{"closed after the end", stream(len(chatStream), broken), func(_ *testing.T, resp *http.Response) {
			_, _ = io.ReadFull(resp.Body, make([]byte, len(chatStream)))
			_ = resp.Body.Close()
		}, "", "", "2"},
		{"stream never read", stream(first, broken), closeOnly, "client_closed_request", `["client_gone"]`, ""},
		{"unary never read", serve(200, chatAnswer, asJSON...), closeOnly, "", `["response_not_read"]`, ""},
		{"unary read to the last byte, not to the end", serve(200, chatAnswer, asJSON...), func(_ *testing.T, resp *http.Response) {
			_, _ = io.ReadFull(resp.Body, make([]byte, len(chatAnswer)))
			_ = resp.Body.Close()
		}, "", "", "3"},
		{"unary closed in the middle", serve(200, chatAnswer, asJSON...), readSome, "client_closed_request", `["response_cut","client_gone"]`, ""},
		{"no connection", func(*http.Request) (*http.Response, error) { return nil, broken }, nil, "connection_error", "", ""},
		{"neither response nor error", func(*http.Request) (*http.Response, error) { return nil, nil }, nil, "connection_error", "", ""},
		{"deadline", func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }, nil, "timeout", "", ""},
		{"rate limit", serve(429, `{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}`, asJSON...), readAll, "rate_limit_exceeded", "", ""},
		{"error never read", serve(500, `oops`), closeOnly, "server_error", `["response_not_read"]`, ""},
		{"no body", func(*http.Request) (*http.Response, error) { return answer(503, http.NoBody, 0), nil }, readAll, "overloaded", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, rec := testCore(t)
			resp, _ := Transport(tc.base).RoundTrip(post(t, chatURL, chatRequest))
			if tc.use != nil {
				tc.use(t, resp)
			}
			s := rec.only(t)
			wantAttrs(t, s, map[string]string{"error.type": tc.typ, "pitot.notes": tc.notes})
			if tc.out != "" {
				wantAttrs(t, s, map[string]string{"gen_ai.usage.output_tokens": tc.out})
			}
			if failed := s.Status.Code == codes.Error; failed != (tc.typ != "") {
				t.Errorf("status %v with error type %q", s.Status, tc.typ)
			}
		})
	}
}

func readAll(t *testing.T, resp *http.Response) {
	t.Helper()
	_, _ = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
}

func readSome(t *testing.T, resp *http.Response) {
	t.Helper()
	_, _ = io.ReadFull(resp.Body, make([]byte, 200))
	_ = resp.Body.Close()
}

func closeOnly(t *testing.T, resp *http.Response) {
	t.Helper()
	_ = resp.Body.Close()
}

func TestTransportSeesACanceledContext(t *testing.T) {
	_, rec := testCore(t)
	ctx, cancel := context.WithCancel(t.Context())
	pr, pw := io.Pipe()
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		context.AfterFunc(r.Context(), func() { pw.CloseWithError(r.Context().Err()) })
		return answer(200, pr, -1, "Content-Type", "text/event-stream"), nil
	})
	resp, err := Transport(base).RoundTrip(post(t, chatURL, chatRequest).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(pw, chatStream[:150])
		cancel()
	}()
	_, err = io.ReadAll(resp.Body)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the caller got %v", err)
	}
	wantAttrs(t, rec.only(t), map[string]string{"error.type": "client_closed_request", "pitot.notes": `["client_gone"]`})
}

// TestTransportNoticesALeakedBody drops a body unread and unclosed.
func TestTransportNoticesALeakedBody(t *testing.T) {
	_, rec := testCore(t)
	func() {
		resp, err := Transport(serve(200, chatAnswer, asJSON...)).RoundTrip(post(t, chatURL, chatRequest))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = resp.Body.Read(make([]byte, 10))
	}()
	deadline := time.Now().Add(20 * time.Second)
	for len(rec.Spans()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the span of a leaked body did not end")
		}
		runtime.GC()
		runtime.Gosched()
	}
	if notes := attr(rec.only(t), "pitot.notes"); !strings.Contains(notes, "body_leaked") {
		t.Errorf("notes %s", notes)
	}
}

func TestTransportTwiceCountsOnce(t *testing.T) {
	_, rec := testCore(t)
	inner := Transport(serve(200, chatAnswer, asJSON...))
	if Transport(inner) != inner {
		t.Error("a Transport was wrapped in another")
	}
	between := roundTripFunc(func(r *http.Request) (*http.Response, error) { return inner.RoundTrip(r) })
	send(t, Transport(between), post(t, chatURL, chatRequest))
	rec.only(t)
}

func TestNilTransportIsTheDefaultOne(t *testing.T) {
	if tr, ok := Transport(nil).(*transport); !ok || tr.base != http.DefaultTransport {
		t.Errorf("base %v", tr.base)
	}
	if HTTPClient().Transport == nil {
		t.Error("HTTPClient has no transport of ours, or is shared")
	}
	HTTPClient().CloseIdleConnections()
}

func TestTransportOffIsTheBase(t *testing.T) {
	before := active.Swap(nil)
	defer active.Store(before)
	req := post(t, chatURL, chatRequest)
	resp := answer(200, strings.NewReader("x"), 1)
	body := resp.Body
	got, err := Transport(roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if r != req {
			t.Error("another request")
		}
		return resp, nil
	})).RoundTrip(req)
	if err != nil || got != resp || got.Body != body {
		t.Error("another response")
	}
}

func TestPanickingBaseTransport(t *testing.T) {
	_, rec := testCore(t)
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v", p)
			}
		}()
		_, _ = Transport(roundTripFunc(func(*http.Request) (*http.Response, error) { panic("boom") })).RoundTrip(post(t, chatURL, chatRequest))
	}()
	s := rec.only(t)
	wantAttrs(t, s, map[string]string{"error.type": "panic"})
	if s.Status.Code != codes.Error {
		t.Errorf("status %v", s.Status)
	}
}

func TestCallsAfterShutdown(t *testing.T) {
	r, rec := testCore(t)
	resp, err := Transport(serve(200, chatAnswer, asJSON...)).RoundTrip(post(t, chatURL, chatRequest))
	if err != nil {
		t.Fatal(err)
	}
	active.Store(nil)
	r.calls.flush()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != chatAnswer {
		t.Errorf("%q, %v", b, err)
	}
	rec.only(t)
	if got := send(t, Transport(serve(200, chatAnswer, asJSON...)), post(t, chatURL, chatRequest)); got != chatAnswer {
		t.Errorf("%q", got)
	}
	rec.only(t)
}

func TestContextsWithoutValues(t *testing.T) {
	_, rec := testCore(t)
	req := post(t, chatURL, chatRequest)
	req = req.WithContext(context.Background())
	send(t, Transport(serve(200, chatAnswer, asJSON...)), req)
	bare := &http.Request{Method: http.MethodPost, URL: req.URL, Body: io.NopCloser(strings.NewReader(chatRequest))}
	send(t, Transport(serve(200, chatAnswer, asJSON...)), bare)
	if n := len(rec.Spans()); n != 2 {
		t.Errorf("%d spans", n)
	}
	if _, err := Transport(serve(200, "")).RoundTrip(&http.Request{}); err != nil {
		t.Error(err)
	}
}

func TestMalformedAnswers(t *testing.T) {
	for _, body := range []string{"", "{", "null", "[]", "data: {", `{"choices":"x","usage":{"prompt_tokens":-1}}`, strings.Repeat("\xff", 1000), "\x1f\x8b\x08garbage"} {
		_, rec := testCore(t)
		for _, header := range [][]string{asJSON, {"Content-Type", "text/event-stream"}, {"Content-Encoding", "gzip"}, {"Content-Encoding", "zstd"}} {
			if got := send(t, Transport(serve(200, body, header...)), post(t, chatURL, chatRequest)); got != body {
				t.Errorf("%q became %q", body, got)
			}
		}
		for _, s := range rec.Spans() {
			if attr(s, "gen_ai.usage.input_tokens") != "" {
				t.Errorf("%q: tokens out of nothing", body)
			}
		}
	}
}

// TestRequestBodies sends bodies of all sorts and sizes.
func TestRequestBodies(t *testing.T) {
	huge := `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"` + strings.Repeat("x", 9<<20) + `"}]}`
	large := `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"` + strings.Repeat("x", 1<<20) + `"}]}`
	for _, tc := range []struct {
		name, body, model, truncated string
		once                         bool
	}{
		{"small", chatRequest, "gpt-4o-mini", "", false},
		{"small, read once", chatRequest, "gpt-4o-mini", "", true},
		{"large", large, "gpt-4o-mini", "", false},
		{"large, read once", large, "gpt-4o-mini", "", true},
		{"huge", huge, "", "request_body", false},
		{"huge, read once", huge, "", "request_body", true},
		{"empty", "", "", "", false},
		{"no JSON", "hello", "", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, rec := testCore(t, WithContent(ContentMetrics, 0, 0))
			req := post(t, chatURL, tc.body)
			if tc.once {
				req.GetBody = nil
			}
			var got []byte
			base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
				got, _ = io.ReadAll(r.Body)
				return answer(200, strings.NewReader(chatAnswer), int64(len(chatAnswer)), asJSON...), nil
			})
			send(t, Transport(base), req)
			if string(got) != tc.body {
				t.Errorf("sent %d bytes of %d", len(got), len(tc.body))
			}
			s := rec.only(t)
			wantAttrs(t, s, map[string]string{"gen_ai.request.model": tc.model, "gen_ai.usage.input_tokens": "9"})
			if got := attr(s, "pitot.truncated"); strings.Contains(got, "request_body") != (tc.truncated != "") {
				t.Errorf("truncated %s", got)
			}
			if want := strings.TrimSpace("chat " + tc.model); s.Name != want {
				t.Errorf("name %q, want %q", s.Name, want)
			}
		})
	}
}

// TestBaggageStaysWithOurOwn: who a call is made for is no business of a
// provider on the Internet.
func TestBaggageStaysWithOurOwn(t *testing.T) {
	testCore(t)
	for url, want := range map[string]string{
		chatURL: "", "http://127.0.0.1:4401/openai/v1/chat/completions": "user.id=u1", "http://vllm.example.internal:8000/v1/chat/completions": "user.id=u1",
	} {
		var got http.Header
		base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			got = r.Header
			return answer(200, strings.NewReader(chatAnswer), int64(len(chatAnswer)), asJSON...), nil
		})
		send(t, Transport(base), post(t, url, chatRequest).WithContext(withBaggage(t, "user.id=u1")))
		if got.Get("Baggage") != want || got.Get("Traceparent") == "" {
			t.Errorf("%s: baggage %q, traceparent %q", url, got.Get("Baggage"), got.Get("Traceparent"))
		}
	}
}

func TestTransportIsSafeForConcurrentUse(t *testing.T) {
	_, rec := testCore(t)
	rt := Transport(serve(200, chatAnswer, asJSON...))
	var bad atomic.Int64
	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				resp, err := rt.RoundTrip(post(t, chatURL, chatRequest))
				if err != nil {
					bad.Add(1)
					continue
				}
				closed := make(chan struct{})
				go func() { // closed by another goroutine than reads
					_ = resp.Body.Close()
					close(closed)
				}()
				_, _ = io.Copy(io.Discard, resp.Body)
				<-closed
			}
		}()
	}
	for range 8 {
		<-done
	}
	if n := len(rec.Spans()); n != 400 || bad.Load() != 0 {
		t.Errorf("%d spans, %d errors", n, bad.Load())
	}
}

func withBaggage(t *testing.T, s string) context.Context {
	t.Helper()
	b, err := baggage.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return baggage.ContextWithBaggage(t.Context(), b)
}
