package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Sink that keeps what it gets.
type recorder struct {
	mu     sync.Mutex
	active map[string]int
	calls  chan *llm.Call
}

func newRecorder() *recorder {
	return &recorder{active: map[string]int{}, calls: make(chan *llm.Call, 4096)}
}

func (r *recorder) CallStarted(s, p, m, o string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[s+"|"+p+"|"+m+"|"+o]++
}

func (r *recorder) CallEnded(s, p, m, o string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[s+"|"+p+"|"+m+"|"+o]--
}

func (r *recorder) Record(c *llm.Call) { r.calls <- c }

func (r *recorder) next(t *testing.T) *llm.Call {
	t.Helper()
	select {
	case c := <-r.calls:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no call was recorded")
		return nil
	}
}

type fixture struct {
	*recorder
	g   *Gateway
	url string // of the gateway
	reg *prometheus.Registry
}

// start runs a gateway in front of an upstream handler called up.
func start(t *testing.T, h http.Handler, mod ...func(*Config)) *fixture {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	return startAt(t, up.URL, mod...)
}

func startAt(t *testing.T, base string, mod ...func(*Config)) *fixture {
	t.Helper()
	cfg := Config{Upstreams: []Upstream{{Name: "up", BaseURL: base, Provider: "openai"}}}
	for _, m := range mod {
		m(&cfg)
	}
	return startGuarded(t, cfg, nil)
}

func startGuarded(t *testing.T, cfg Config, guard Guard) *fixture {
	t.Helper()
	f := &fixture{recorder: newRecorder(), reg: prometheus.NewRegistry()}
	g, err := New(Options{Config: cfg, Sink: f.recorder, Guard: guard, Logger: slog.New(slog.DiscardHandler), Registerer: f.reg})
	if err != nil {
		t.Fatal(err)
	}
	f.g = g
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	srv := httptest.NewUnstartedServer(g)
	srv.Config.Protocols = &p
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	f.url = srv.URL
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func do(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the answer: %v", err)
	}
	return resp, string(b)
}

const (
	chatPath   = "/up/v1/chat/completions"
	chatBody   = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"user":"body-user"}`
	streamBody = `{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}`
	chatAnswer = `{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}}`
)

func chunkOf(text string) string {
	return fmt.Sprintf("data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", text)
}

const (
	lastChunk  = "data: {\"id\":\"c1\",\"model\":\"m1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
	usageChunk = "data: {\"id\":\"c1\",\"model\":\"m1\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3,\"total_tokens\":8}}\n\n"
	doneChunk  = "data: [DONE]\n\n"
)

func TestUnaryPassesUnchangedAndIsRecorded(t *testing.T) {
	type seen struct {
		path, query, body string
		header            http.Header
	}
	got := make(chan seen, 1)
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- seen{r.URL.EscapedPath(), r.URL.RawQuery, string(b), r.Header}
		w.Header().Set("X-Request-Id", "req_1")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, chatAnswer)
	}))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	resp, body := do(t, http.MethodPost, f.url+chatPath+"?api-version=1", chatBody,
		"Content-Type", "application/json", "Authorization", "Bearer not-a-key", "X-Pitot-Service", "checkout", "X-Pitot-User", "u1",
		"X-Pitot-Tag-Team", "a", "X-Pitot-Prompt", "p", "X-Pitot-Prompt-Version", "3", "Traceparent", parent, "User-Agent", "test/1")
	if body != chatAnswer || resp.StatusCode != http.StatusOK || resp.Header.Get("X-Request-Id") != "req_1" {
		t.Errorf("answer changed: %d %v %s", resp.StatusCode, resp.Header, body)
	}
	s := <-got
	if s.path != "/v1/chat/completions" || s.query != "api-version=1" || s.body != chatBody {
		t.Errorf("request changed: %+v", s)
	}
	for k := range s.header {
		if strings.HasPrefix(k, "X-Pitot-") || strings.HasPrefix(k, "X-Forwarded") {
			t.Errorf("header %s must not reach the upstream", k)
		}
	}
	if s.header.Get("Authorization") != "Bearer not-a-key" || s.header.Get("User-Agent") != "test/1" {
		t.Errorf("headers changed: %v", s.header)
	}
	c := f.next(t)
	if tp := s.header.Get("Traceparent"); tp != "00-0af7651916cd43dd8448eb211c80319c-"+c.SpanID+"-01" {
		t.Errorf("traceparent %q does not join span %s", tp, c.SpanID)
	}
	if c.TraceID != "0af7651916cd43dd8448eb211c80319c" || c.ParentSpanID != "b7ad6b7169203331" {
		t.Errorf("trace not joined: %s %s", c.TraceID, c.ParentSpanID)
	}
	if c.Service != "checkout" || c.User != "u1" || c.Tags["team"] != "a" || c.PromptName != "p" || c.PromptVersion != "3" {
		t.Errorf("dimensions: %+v", c)
	}
	if c.RequestModel != "gpt-4o-mini" || c.ResponseModel != "gpt-4o-mini-2024-07-18" || c.Status != llm.StatusOK || c.HTTPStatus != 200 {
		t.Errorf("call: %+v", c)
	}
	if c.Usage.InputTokens.Or(-1) != 8 || c.Usage.OutputTokens.Or(-1) != 2 || c.TTFT.Known() || c.Duration <= 0 || !c.GatewayOverhead.Known() {
		t.Errorf("numbers: %+v", c)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := f.active["checkout|openai|gpt-4o-mini|chat"]; !ok || n != 0 {
		t.Errorf("active calls: %v", f.active)
	}
}

func TestBodyUserIsUsedWhereNoHeaderNamesOne(t *testing.T) {
	f := start(t, answerWith("application/json", chatAnswer))
	do(t, http.MethodPost, f.url+chatPath, chatBody)
	if c := f.next(t); c.User != "body-user" {
		t.Errorf("user = %q", c.User)
	}
}

func answerWith(contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	})
}

// TestStreamIsNotBuffered lets the upstream send a piece only after the client
// has read the one before.
func TestStreamIsNotBuffered(t *testing.T) {
	read := make(chan struct{})
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for i := range 20 {
			select {
			case <-read:
			case <-r.Context().Done():
				return
			}
			_, _ = io.WriteString(w, chunkOf(fmt.Sprint("word", i, " ")))
			_ = http.NewResponseController(w).Flush()
		}
		<-read
		_, _ = io.WriteString(w, lastChunk+doneChunk)
	}), noAsk)
	resp, err := http.Post(f.url+chatPath, "application/json", strings.NewReader(streamBody))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	br := bufio.NewReader(resp.Body)
	for i := range 20 {
		read <- struct{}{}
		line, err := br.ReadString('\n')
		if err != nil || !strings.Contains(line, fmt.Sprint("word", i)) {
			t.Fatalf("piece %d: %q %v", i, line, err)
		}
		_, _ = br.ReadString('\n')
	}
	read <- struct{}{}
	if rest, err := io.ReadAll(br); err != nil || string(rest) != lastChunk+doneChunk {
		t.Fatalf("rest %q %v", rest, err)
	}
	c := f.next(t)
	if !c.Stream || !c.TTFT.Known() || c.Timeline.Chunks() < 20 || c.ResponseID != "c1" || len(c.FinishReasons) != 1 {
		t.Errorf("call: %+v", c)
	}
	if c.Usage.OutputTokens.Known() || c.Usage.Source == llm.UsageReported {
		t.Errorf("usage was not reported, so it must be unknown: %+v", c.Usage)
	}
}

func noAsk(c *Config) { off := false; c.AskUsage = &off }

func TestUsageIsAskedForAndTakenOutAgain(t *testing.T) {
	var sent []byte
	var encoding string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ = io.ReadAll(r.Body)
		encoding = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, chunkOf("a")+lastChunk+usageChunk+doneChunk)
	})
	f := start(t, h)
	_, body := do(t, http.MethodPost, f.url+chatPath, streamBody, "Accept-Encoding", "gzip")
	if body != chunkOf("a")+lastChunk+doneChunk {
		t.Errorf("client saw %q", body)
	}
	var req struct {
		Options struct {
			Include bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	if err := json.Unmarshal(sent, &req); err != nil || !req.Options.Include {
		t.Errorf("upstream got %s (%v)", sent, err)
	}
	if encoding != "identity" {
		t.Errorf("the extra chunk cannot be taken out of an encoded answer: Accept-Encoding %q", encoding)
	}
	if c := f.next(t); c.Usage.InputTokens.Or(0) != 5 || c.Usage.OutputTokens.Or(0) != 3 {
		t.Errorf("usage: %+v", c.Usage)
	}

	// A client that asks itself gets the chunk, and the body goes through as it is.
	asking := strings.Replace(streamBody, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	_, body = do(t, http.MethodPost, f.url+chatPath, asking)
	if body != chunkOf("a")+lastChunk+usageChunk+doneChunk || string(sent) != asking {
		t.Errorf("client that asks for usage: saw %q, sent %q", body, sent)
	}
	f.next(t)

	// Switched off, nothing is changed.
	f = start(t, h, noAsk)
	_, body = do(t, http.MethodPost, f.url+chatPath, streamBody)
	if string(sent) != streamBody || body != chunkOf("a")+lastChunk+usageChunk+doneChunk {
		t.Errorf("switched off: sent %q, saw %q", sent, body)
	}
	f.next(t)
}

func TestClientGoneCancelsUpstreamAtOnce(t *testing.T) {
	for _, fast := range []bool{true, false} {
		t.Run(fmt.Sprint("fast=", fast), func(t *testing.T) {
			gone := make(chan struct{})
			f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, chunkOf("partial answer"))
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
				close(gone)
			}))
			if !fast {
				f.g.table.Load().upstreams["up"].fast = nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, f.url+chatPath, strings.NewReader(streamBody))
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			cancel()
			resp.Body.Close()
			select {
			case <-gone:
			case <-time.After(10 * time.Second):
				t.Fatal("the upstream was not cancelled")
			}
			c := f.next(t)
			if c.ErrorType != errorTypeClientGone || len(c.Output) == 0 || !c.TTFT.Known() || c.Usage.OutputTokens.Known() {
				t.Errorf("call: %+v", c)
			}
		})
	}
}

func TestClientGoneBeforeTheFirstByte(t *testing.T) {
	entered, gone := make(chan struct{}), make(chan struct{})
	f := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(entered)
		<-r.Context().Done()
		close(gone)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, f.url+chatPath, strings.NewReader(chatBody))
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v", err)
	}
	<-gone
	if c := f.next(t); c.ErrorType != errorTypeClientGone || c.HTTPStatus != 499 || c.RequestModel != "gpt-4o-mini" {
		t.Errorf("call: %+v", c)
	}
}

func TestUpstreamUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // nothing listens there now
	for _, tc := range []struct {
		dialect wire.Dialect
		path    string
		want    string // key of the dialect's error
	}{
		{wire.OpenAI, "/up/v1/chat/completions", "error"},
		{wire.Anthropic, "/up/v1/messages", "error"},
		{wire.Gemini, "/up/v1beta/models/gemini-2.0-flash:generateContent", "error"},
		{wire.Ollama, "/up/api/chat", "error"},
		{wire.Cohere, "/up/v2/chat", "message"},
	} {
		f := startAt(t, "http://"+addr, func(c *Config) { c.Upstreams[0].Dialect = tc.dialect })
		resp, body := do(t, http.MethodPost, f.url+tc.path, `{"model":"m","messages":[]}`)
		var m map[string]any
		if err := json.Unmarshal([]byte(body), &m); err != nil || m[tc.want] == nil || resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d %s", tc.dialect, resp.StatusCode, body)
		}
		c := f.next(t)
		if c.Status != llm.StatusError || c.ErrorType != "upstream_unreachable" || c.HTTPStatus != http.StatusBadGateway || c.Usage.InputTokens.Known() {
			t.Errorf("%s: call %+v", tc.dialect, c)
		}
	}
}

func TestUpstreamTooSlow(t *testing.T) {
	f := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}), func(c *Config) {
		if err := c.Upstreams[0].Timeouts.ResponseHeader.Set("20ms"); err != nil {
			t.Fatal(err)
		}
	})
	resp, body := do(t, http.MethodPost, f.url+chatPath, chatBody)
	if resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, "upstream_timeout") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if c := f.next(t); c.ErrorType != "upstream_timeout" {
		t.Errorf("error type %q", c.ErrorType)
	}
}

// TestCutStreamStaysCut: the client must not take half an answer for a whole one.
func TestCutStreamStaysCut(t *testing.T) {
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, chunkOf("half"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	resp, err := http.Post(f.url+chatPath, "application/json", strings.NewReader(streamBody))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil || string(b) != chunkOf("half") {
		t.Errorf("client saw a clean end: %q %v", b, err)
	}
	c := f.next(t)
	if c.Status != llm.StatusError || c.Usage.OutputTokens.Known() || len(c.FinishReasons) != 0 {
		t.Errorf("call: %+v", c)
	}
}

func TestWhatIsNotACallPassesAndIsCounted(t *testing.T) {
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %d", r.Method, r.URL.EscapedPath(), r.URL.RawQuery, len(b))
	}))
	for _, tc := range []struct{ method, path, body, want string }{
		{http.MethodGet, "/v1/models", "", "GET /v1/models  0"},
		{http.MethodPost, "/v1/files?x=%20y", strings.Repeat("x", 1<<20), "POST /v1/files x=%20y 1048576"},
		{http.MethodGet, "/v1/files/a%2Fb%20c", "", "GET /v1/files/a%2Fb%20c  0"},
		{http.MethodDelete, "/v1/files/f", "", "DELETE /v1/files/f  0"},
	} {
		if _, body := do(t, tc.method, f.url+"/up"+tc.path, tc.body); body != tc.want {
			t.Errorf("%s: got %q, want %q", tc.path, body, tc.want)
		}
	}
	if n := testutil.ToFloat64(f.g.metrics.requests.WithLabelValues("up", "pass", "200")); n != 4 {
		t.Errorf("counted %v", n)
	}
	if len(f.calls) != 0 {
		t.Errorf("recorded as a call: %+v", <-f.calls)
	}
}

func TestUpgradePassesThrough(t *testing.T) {
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("X-Pitot-User") != "" {
			http.Error(w, "no upgrade", http.StatusBadRequest)
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.CopyN(conn, rw, 4) // an echo
	}))
	u, _ := url.Parse(f.url)
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /up/v1/realtime?model=m HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Pitot-User: u\r\n\r\n")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", resp, err)
	}
	_, _ = io.WriteString(conn, "ping")
	got := make([]byte, 4)
	if _, err := io.ReadFull(br, got); err != nil || string(got) != "ping" {
		t.Errorf("echo %q %v", got, err)
	}
}

func TestHTTP2OnBothSides(t *testing.T) {
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Proto", r.Proto)
		_, _ = io.WriteString(w, chatAnswer)
	}))
	up.EnableHTTP2 = true
	up.StartTLS()
	t.Cleanup(up.Close)
	f := startAt(t, up.URL, func(c *Config) { c.Upstreams[0].TLS.InsecureSkipVerify = true })
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &p}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Post(f.url+chatPath, "application/json", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.ProtoMajor != 2 || resp.Header.Get("X-Proto") != "HTTP/2.0" || string(b) != chatAnswer {
		t.Errorf("client side %s, upstream side %s, body %s", resp.Proto, resp.Header.Get("X-Proto"), b)
	}
	if c := f.next(t); c.Usage.InputTokens.Or(0) != 8 {
		t.Errorf("call: %+v", c)
	}
}

func TestBodiesOverTheLimitPassWhole(t *testing.T) {
	const limit = 64 << 10
	var got int
	answer := `{"id":"c1","model":"m","pad":"` + strings.Repeat("y", 3*limit) + `"}`
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = len(b)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}), func(c *Config) { c.MaxBody = limit })
	body := `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x", 5*limit) + `"}]}`
	_, back := do(t, http.MethodPost, f.url+chatPath, body)
	if got != len(body) || back != answer {
		t.Errorf("sent %d of %d bytes, got %d of %d", got, len(body), len(back), len(answer))
	}
	c := f.next(t)
	if fmt.Sprint(c.Truncated) != "[request_body response_body]" {
		t.Errorf("truncated = %v", c.Truncated)
	}
}

func TestBodyOfExactlyTheLimitIsWhole(t *testing.T) {
	f := start(t, answerWith("application/json", chatAnswer), func(c *Config) { c.MaxBody = units.Base2Bytes(len(chatAnswer)) })
	body := chatBody + strings.Repeat(" ", len(chatAnswer)-len(chatBody))
	do(t, http.MethodPost, f.url+chatPath, body)
	if c := f.next(t); len(c.Truncated) != 0 || c.Usage.OutputTokens.Or(0) != 2 {
		t.Errorf("truncated = %v, usage %+v", c.Truncated, c.Usage)
	}
}

func TestCompressedAnswerPassesAsItIs(t *testing.T) {
	var z bytes.Buffer
	zw := gzip.NewWriter(&z)
	_, _ = io.WriteString(zw, chatAnswer)
	zw.Close()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(z.Bytes())
	}))
	resp, body := do(t, http.MethodPost, f.url+chatPath, chatBody, "Accept-Encoding", "gzip")
	if resp.Header.Get("Content-Encoding") != "gzip" || body != z.String() {
		t.Errorf("the encoded answer was changed")
	}
	if c := f.next(t); c.Usage.OutputTokens.Or(0) != 2 {
		t.Errorf("call: %+v", c)
	}
}

func TestMalformedRequestsAndAnswersPass(t *testing.T) {
	for _, body := range []string{"", "{", "not json", `{"model":7,"messages":"x"}`, "\x00\xff"} {
		f := start(t, answerWith("application/json", "<html>oops"))
		resp, got := do(t, http.MethodPost, f.url+chatPath, body)
		if resp.StatusCode != http.StatusOK || got != "<html>oops" {
			t.Errorf("%q: %d %q", body, resp.StatusCode, got)
		}
		if c := f.next(t); c.Usage.InputTokens.Known() {
			t.Errorf("%q: usage was made up: %+v", body, c.Usage)
		}
	}
}

func TestUnknownUpstreamSaysWhatToDo(t *testing.T) {
	f := start(t, http.NotFoundHandler())
	for path, want := range map[string]string{
		"/opnai/v1/chat/completions": "/openai/",
		"/v1/chat/completions":       "/openai/v1 as base URL",
		"/nope/v1/models":            "gateway.upstreams",
	} {
		resp, body := do(t, http.MethodPost, f.url+path, "{}")
		if resp.StatusCode != http.StatusNotFound || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want a hint with %q", path, resp.StatusCode, body, want)
		}
	}
	if _, body := do(t, http.MethodGet, f.url+"/", ""); !strings.Contains(body, `"openai"`) {
		t.Errorf("the root lists upstreams: %s", body)
	}
}

func TestReloadKeepsTheOldOnError(t *testing.T) {
	f := start(t, answerWith("application/json", chatAnswer))
	if err := f.g.Reload(Config{Upstreams: []Upstream{{Name: "bad", BaseURL: "nowhere"}}}); err == nil {
		t.Fatal("a bad configuration was taken")
	}
	if resp, _ := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusOK {
		t.Errorf("the old routing is gone: %d", resp.StatusCode)
	}
	f.next(t)
	if err := f.g.Reload(Config{}); err != nil {
		t.Fatal(err)
	}
	if resp, _ := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the removed upstream still answers: %d", resp.StatusCode)
	}
}

func TestManySlowStreamsEndWithoutTrace(t *testing.T) {
	const streams = 200
	release := make(chan struct{})
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, chunkOf("first"))
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = io.WriteString(w, lastChunk+doneChunk)
	}))
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	var started, ended sync.WaitGroup
	started.Add(streams)
	for range streams {
		ended.Go(func() {
			resp, err := (&http.Client{Transport: tr}).Post(f.url+chatPath, "application/json", strings.NewReader(streamBody))
			if err != nil {
				started.Done()
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			_, _ = io.ReadFull(resp.Body, make([]byte, 10))
			started.Done()
			_, _ = io.Copy(io.Discard, resp.Body)
		})
	}
	started.Wait()
	f.mu.Lock()
	if n := f.active["|openai|gpt-4o-mini|chat"]; n != streams {
		t.Errorf("active = %d, want %d", n, streams)
	}
	f.mu.Unlock()
	close(release)
	ended.Wait()
	for range streams {
		if c := f.next(t); c.Status != llm.StatusOK {
			t.Fatalf("call: %+v", c)
		}
	}
}

func TestClientThatHasReadTheEndIsNotGone(t *testing.T) {
	released := make(chan struct{})
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // the connection stays open until the client hangs up
		close(released)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/up/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "data: [DONE]" {
	}
	cancel()
	_ = resp.Body.Close()
	<-released
	if c := f.next(t); c.Status != llm.StatusOK || c.ErrorType != "" || len(c.Notes) > 0 || len(c.FinishReasons) != 1 {
		t.Errorf("recorded as %s %q, notes %q, finish reasons %q", c.Status, c.ErrorType, c.Notes, c.FinishReasons)
	}
}
