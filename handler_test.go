package pitot

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestHandlerSpan(t *testing.T) {
	_, rec := testCore(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /items/{id}", func(w http.ResponseWriter, req *http.Request) {
		_, _ = Tool(req.Context(), "t", okWork)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
	})
	req := httptest.NewRequest(http.MethodPost, "http://shop.example:8080/items/7?token=x", strings.NewReader("body"))
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	req.Header.Set("Baggage", "user.id=u%201,session.id=s1,pitot.tag.caf%C3%A9=ol%C3%A9,pitot.feature=f,other=x")
	req.Header.Set("X-Pitot-Session", "s2")
	req.Header.Set("X-Pitot-Tag-Team", "red")
	req.Header.Set("X-Pitot-Prompt", "p")
	req.Header.Set("X-Pitot-Prompt-Version", "2")
	req.Header.Set("X-Pitot-Tenant", "acme")
	req.Header.Set("User-Agent", "test")
	w := httptest.NewRecorder()
	Handler(mux).ServeHTTP(w, req)
	if w.Code != http.StatusCreated || w.Body.String() != "made" {
		t.Errorf("answer %d %q", w.Code, w.Body)
	}
	s := rec.Span(t, "POST /items/{id}")
	if s.SpanKind != trace.SpanKindServer || s.SpanContext.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || s.Parent.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("span %v under %v", s.SpanContext, s.Parent)
	}
	wantSpanAttrs(t, s, map[string]any{
		"http.request.method": "POST", "http.route": "/items/{id}", "url.path": "/items/7", "url.scheme": "http", "server.address": "shop.example",
		"server.port": 8080, "http.response.status_code": 201, "http.response.body.size": 4, "http.request.body.size": 4, "user_agent.original": "test",
		"network.protocol.version": "1.1", "user.id": "u 1", "session.id": "s2", "pitot.feature": "f", "pitot.tag.team": "red", "tenant.id": "acme",
		"gen_ai.prompt.name": "p", "gen_ai.prompt.version": "2", "url.query": nil, "error.type": nil, "pitot.stream": nil,
	})
	tool := rec.Span(t, "execute_tool t")
	if tool.Parent.SpanID() != s.SpanContext.SpanID() {
		t.Error("the tool is not under the request")
	}
	wantSpanAttrs(t, tool, map[string]any{"user.id": "u 1", "gen_ai.conversation.id": "s2", "tenant.id": "acme", "pitot.tag.team": "red", "pitot.tag.café": "olé"})
}

func TestHandlerRoutesAndFilters(t *testing.T) {
	_, rec := testCore(t)
	t.Setenv("MONITORING_FASTAPI_EXCLUDED_URLS", "^/health, ^/metrics$")
	h := Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/set" {
			SetRoute(req.Context(), "/set/:id")
		}
	}), nil, HandlerInclude("/agent", "set", "("), HandlerExclude("secret"), HandlerFilter(func(r *http.Request) bool { return r.Method != http.MethodHead }),
		HandlerRoute(func(r *http.Request) string {
			if r.URL.Path == "/agent/panic" {
				panic("mine")
			}
			return "/agent/:x"
		}))
	for _, path := range []string{"/agent/run", "/agent/panic", "/set", "/health/agent", "/metrics", "/other", "/agent/secret"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodHead, "/agent/run", nil))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/agent/run", nil))
	var names []string
	for _, s := range rec.Spans() {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, "|"); got != "GET /agent/:x|GET|GET /set/:id|HTTP /agent/:x" {
		t.Error(got)
	}
	wantSpanAttrs(t, rec.Span(t, "HTTP /agent/:x"), map[string]any{"http.request.method": "_OTHER", "http.request.method_original": "BREW"})
}

func TestHandlerPublicBelievesNobody(t *testing.T) {
	_, rec := testCore(t)
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	req.Header.Set("Baggage", "user.id=evil")
	req.Header.Set("X-Pitot-User", "evil")
	Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { _, _ = Task(req.Context(), "t", okWork) }), HandlerPublic()).ServeHTTP(httptest.NewRecorder(), req)
	s := rec.Span(t, "GET")
	if s.Parent.IsValid() || s.SpanContext.TraceID().String() == "0af7651916cd43dd8448eb211c80319c" || len(s.Links) != 1 {
		t.Errorf("parent %v, links %v", s.Parent, s.Links)
	}
	wantSpanAttrs(t, s, map[string]any{"user.id": nil})
	wantSpanAttrs(t, rec.Span(t, "t"), map[string]any{"user.id": nil})
}

func TestHandlerUnderAnotherMiddleware(t *testing.T) {
	_, rec := testCore(t)
	own := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(own)).Tracer("otelhttp")
	inner := Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { _, _ = Task(req.Context(), "t", okWork) }))
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("X-Pitot-User", "u")
	http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, span := tracer.Start(req.Context(), "otelhttp")
		inner.ServeHTTP(w, req.WithContext(ctx))
		span.End()
	}).ServeHTTP(httptest.NewRecorder(), req)
	if len(rec.Spans()) != 1 {
		t.Fatalf("%d spans: a second server span was begun", len(rec.Spans()))
	}
	outer := tracetest.SpanStubsFromReadOnlySpans(own.Ended())[0]
	wantSpanAttrs(t, outer, map[string]any{"user.id": "u"})
	wantSpanAttrs(t, rec.Span(t, "t"), map[string]any{"user.id": "u"})
	// Handler in Handler is one span as well.
	Handler(Handler(http.NotFoundHandler())).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if len(rec.Spans()) != 2 {
		t.Errorf("%d spans", len(rec.Spans()))
	}
}

func TestHandlerOutcomes(t *testing.T) {
	serve := func(t *testing.T, h http.HandlerFunc) (s tracetest.SpanStub, panicked any) {
		t.Helper()
		_, rec := testCore(t)
		func() {
			defer func() { panicked = recover() }()
			Handler(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}()
		return rec.Span(t, "GET"), panicked
	}
	t.Run("500", func(t *testing.T) {
		s, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		wantSpanAttrs(t, s, map[string]any{"error.type": "502", "http.response.status_code": 502})
	})
	t.Run("404 is no error of the server", func(t *testing.T) {
		s, _ := serve(t, http.NotFound)
		wantSpanAttrs(t, s, map[string]any{"error.type": nil, "http.response.status_code": 404})
		if s.Status.Code != codes.Unset {
			t.Error(s.Status)
		}
	})
	t.Run("nothing written", func(t *testing.T) {
		s, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
		wantSpanAttrs(t, s, map[string]any{"http.response.status_code": 200})
	})
	t.Run("panic", func(t *testing.T) {
		s, p := serve(t, func(http.ResponseWriter, *http.Request) { panic("boom") })
		if p != "boom" || len(s.Events) != 1 || s.Events[0].Name != "exception" {
			t.Errorf("panicked %v, events %v", p, s.Events)
		}
		wantSpanAttrs(t, s, map[string]any{"error.type": "panic", "http.response.status_code": 500})
	})
	t.Run("panic after the header", func(t *testing.T) {
		s, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted); panic("boom") })
		wantSpanAttrs(t, s, map[string]any{"error.type": "panic", "http.response.status_code": 202})
	})
	t.Run("abort", func(t *testing.T) {
		s, p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("part"))
			panic(http.ErrAbortHandler)
		})
		if err, _ := p.(error); !errors.Is(err, http.ErrAbortHandler) || len(s.Events) != 0 {
			t.Errorf("panicked %v, events %v", p, s.Events)
		}
		wantSpanAttrs(t, s, map[string]any{"error.type": "aborted", "http.response.status_code": 200})
	})
	t.Run("goexit", func(t *testing.T) {
		_, rec := testCore(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		})
		wg.Wait()
		wantSpanAttrs(t, rec.Span(t, "GET"), map[string]any{"error.type": "goexit"})
	})
	t.Run("client gone", func(t *testing.T) {
		_, rec := testCore(t)
		ctx, cancel := context.WithCancel(t.Context())
		Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		wantSpanAttrs(t, rec.Span(t, "GET"), map[string]any{"pitot.notes": "[client_gone]", "error.type": nil})
	})
	t.Run("metrics mode hides panics' words", func(t *testing.T) {
		_, rec := testCore(t, WithContent(ContentMetrics, 0, 0))
		func() {
			defer func() { _ = recover() }()
			Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("what was said") })).
				ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}()
		if s := fmt.Sprintf("%+v", rec.Spans()); strings.Contains(s, "what was said") {
			t.Error(s)
		}
	})
}

// TestHandlerOnARealServer runs over connections of HTTP/1 and HTTP/2: streams,
// flushes, deadlines, hijacked connections, files.
func TestHandlerOnARealServer(t *testing.T) {
	_, rec := testCore(t)
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/sse", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		if err := rc.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error("SetWriteDeadline:", err)
		}
		_, _ = io.WriteString(w, "data: 1\n\n")
		if err := rc.Flush(); err != nil {
			t.Error("Flush:", err)
		}
		select {
		case <-release:
		case <-req.Context().Done():
		}
		_, _ = io.WriteString(w, "data: 2\n\n")
	})
	mux.HandleFunc("/copy", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, strings.NewReader(strings.Repeat("x", 1<<20)))
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n\r\n")
		_ = rw.Flush()
		_ = c.Close()
	})
	srv := httptest.NewUnstartedServer(Handler(mux))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	two := srv.Client()
	one := &http.Client{Transport: &http.Transport{TLSClientConfig: two.Transport.(*http.Transport).TLSClientConfig.Clone(), TLSNextProto: nil}}
	one.Transport.(*http.Transport).TLSClientConfig.NextProtos = []string{"http/1.1"}
	defer one.CloseIdleConnections()
	defer two.CloseIdleConnections()
	for i, client := range []*http.Client{one, two} {
		resp, err := client.Get(srv.URL + "/sse")
		if err != nil {
			t.Fatal(err)
		}
		if resp.ProtoMajor != i+1 {
			t.Errorf("protocol %s", resp.Proto)
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		if err != nil || line != "data: 1\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if n := len(rec.Spans()); n != i*2 {
			t.Errorf("%d spans ended while the stream goes on", n-i*2)
		}
		release <- struct{}{}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		waitSpans(t, rec, i*2+1)
		resp, err = client.Get(srv.URL + "/copy")
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := io.Copy(io.Discard, resp.Body); n != 1<<20 {
			t.Errorf("%d bytes", n)
		}
		_ = resp.Body.Close()
		waitSpans(t, rec, i*2+2)
	}
	wantSpanAttrs(t, rec.Span(t, "GET /sse"), map[string]any{"pitot.stream": true, "http.response.body.size": 18, "http.response.status_code": 200})
	wantSpanAttrs(t, rec.Span(t, "GET /copy"), map[string]any{"pitot.stream": nil, "http.response.body.size": 1 << 20})
	resp, err := one.Get(srv.URL + "/hijack")
	if err == nil {
		_ = resp.Body.Close()
	}
	waitSpans(t, rec, 5)
	wantSpanAttrs(t, rec.Span(t, "GET /hijack"), map[string]any{"pitot.hijacked": true, "http.response.status_code": nil})

	// A client that leaves in the middle of a stream.
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/sse", nil)
	resp, err = one.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = resp.Body.Close()
	waitSpans(t, rec, 6)
	wantSpanAttrs(t, rec.Spans()[5], map[string]any{"pitot.notes": "[client_gone]"})
}

func waitSpans(t *testing.T, rec *recorded, n int) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(rec.Spans()) < n {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%d spans ended, want %d", len(rec.Spans()), n)
		}
	}
}

// ablest is a writer that can do everything.
type ablest struct {
	http.ResponseWriter
	did []string
}

func (a *ablest) Flush() { a.did = append(a.did, "flush") }
func (a *ablest) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.did = append(a.did, "hijack")
	return nil, nil, errors.New("no connection")
}

func (a *ablest) ReadFrom(r io.Reader) (int64, error) {
	a.did = append(a.did, "read")
	return io.Copy(io.Discard, r)
}

func (a *ablest) Push(string, *http.PushOptions) error {
	a.did = append(a.did, "push")
	return nil
}

func (a *ablest) CloseNotify() <-chan bool {
	a.did = append(a.did, "close")
	return nil
}

func TestResponseWriterCanDoWhatTheServersCan(t *testing.T) {
	for can := range 32 {
		under := &ablest{ResponseWriter: httptest.NewRecorder()}
		w := (&response{ResponseWriter: under}).able(can)
		f, isF := w.(http.Flusher)
		h, isH := w.(http.Hijacker)
		r, isR := w.(io.ReaderFrom)
		p, isP := w.(http.Pusher)
		c, isC := w.(http.CloseNotifier) //nolint:staticcheck // gin uses it
		if isF != (can&canFlush != 0) || isH != (can&canHijack != 0) || isR != (can&canReadFrom != 0) || isP != (can&canPush != 0) || isC != (can&canCloseNotify != 0) {
			t.Errorf("%05b: %v %v %v %v %v", can, isF, isH, isR, isP, isC)
		}
		var want []string
		if isF {
			f.Flush()
			want = append(want, "flush")
		}
		if isH {
			_, _, _ = h.Hijack()
			want = append(want, "hijack")
		}
		if isR {
			_, _ = r.ReadFrom(strings.NewReader("x"))
			want = append(want, "read")
		}
		if isP {
			_ = p.Push("/", nil)
			want = append(want, "push")
		}
		if isC {
			_ = c.CloseNotify()
			want = append(want, "close")
		}
		if fmt.Sprint(under.did) != fmt.Sprint(want) {
			t.Errorf("%05b: did %v, want %v", can, under.did, want)
		}
		if w.(interface{ Unwrap() http.ResponseWriter }).Unwrap() != http.ResponseWriter(under) {
			t.Errorf("%05b: Unwrap", can)
		}
		if _, ok := w.(io.StringWriter); !ok {
			t.Errorf("%05b: no WriteString", can)
		}
	}
	// The writer of a recorder and that of http.TimeoutHandler are what they are.
	plain := struct{ http.ResponseWriter }{httptest.NewRecorder()}
	if _, ok := (&response{ResponseWriter: plain}).wrap().(http.Flusher); ok {
		t.Error("a writer that cannot flush was given Flush")
	}
	if _, ok := (&response{ResponseWriter: httptest.NewRecorder()}).wrap().(http.Flusher); !ok {
		t.Error("a recorder lost Flush")
	}
}

// The ways in which routers and frameworks stand around net/http.

// ginWriter is how gin wraps a writer: it asserts what it needs, unchecked.
type ginWriter struct {
	http.ResponseWriter
	size int
}

func (w *ginWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.size += n
	return n, err
}
func (w *ginWriter) Flush() { w.ResponseWriter.(http.Flusher).Flush() }
func (w *ginWriter) CloseNotify() <-chan bool {
	return w.ResponseWriter.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // as gin does
}

func (w *ginWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

// echoResponse is how echo does: through http.ResponseController and Unwrap.
type echoResponse struct{ Writer http.ResponseWriter }

func (r *echoResponse) Header() http.Header         { return r.Writer.Header() }
func (r *echoResponse) Write(b []byte) (int, error) { return r.Writer.Write(b) }
func (r *echoResponse) WriteHeader(code int)        { r.Writer.WriteHeader(code) }
func (r *echoResponse) Unwrap() http.ResponseWriter { return r.Writer }
func (r *echoResponse) Flush() {
	if err := http.NewResponseController(r.Writer).Flush(); err != nil {
		panic(err)
	}
}

func TestHandlerWithFrameworks(t *testing.T) {
	_, rec := testCore(t)
	stream := func(w http.ResponseWriter, req *http.Request) {
		_, _ = Task(req.Context(), "inside", okWork)
		for range 3 {
			_, _ = w.Write([]byte("x"))
			w.(http.Flusher).Flush()
		}
	}
	engines := map[string]http.Handler{
		// gin: pitot.Handler around the engine, which wraps the writer and serves.
		"gin": Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			gw := &ginWriter{ResponseWriter: w}
			_ = gw.CloseNotify()
			SetRoute(req.Context(), "/gin/:id") // what a one-line gin middleware does with c.FullPath()
			stream(gw, req)
		})),
		// echo: echo.WrapMiddleware calls the middleware with the response of its context.
		"echo": http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			outer := &echoResponse{w}
			Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				SetRoute(req.Context(), "/echo/:id")
				stream(&echoResponse{w}, req)
			})).ServeHTTP(outer, req)
		}),
		// chi: Use(pitot.Handler) inside the router, which sets Pattern on the request that it was given.
		"chi": http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				req.Pattern = "/chi/{id}"
				stream(w, req)
			})).ServeHTTP(w, req)
		}),
		// connect: a handler of its own that flushes each message.
		"connect": Handler(http.StripPrefix("/api", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			SetRoute(req.Context(), "/svc.v1.Chat/Stream")
			w.Header().Set("Content-Type", "application/connect+json")
			stream(w, req)
		}))),
	}
	for name, h := range engines {
		srv := httptest.NewServer(h)
		resp, err := http.Get(srv.URL + "/api/x")
		if err != nil {
			t.Fatal(name, err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		srv.Close()
		if string(b) != "xxx" {
			t.Errorf("%s: %q", name, b)
		}
		n := len(rec.Spans())
		s := rec.Spans()[n-1]
		if rec.Spans()[n-2].Parent.SpanID() != s.SpanContext.SpanID() {
			t.Errorf("%s: the task is not under the request", name)
		}
		if !strings.Contains(s.Name, "GET /") || spanAttrMap(s)["pitot.stream"] != true {
			t.Errorf("%s: %s %v", name, s.Name, spanAttrMap(s))
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestHandlerOffAndNil(t *testing.T) {
	var got http.ResponseWriter
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got != http.ResponseWriter(w) {
		t.Error("the writer was wrapped while the SDK is off")
	}
	testCore(t)
	Handler(nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/nowhere", nil))
	if w.Code != http.StatusNotFound {
		t.Error(w.Code)
	}
}

func TestHandlerBadRequests(t *testing.T) {
	_, rec := testCore(t)
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = Task(req.Context(), "t", okWork)
		_, _ = w.Write(nil)
	}))
	for _, header := range []http.Header{
		{"Baggage": {strings.Repeat("user.id=x,", 5000)}},
		{"Baggage": {"user.id=%zz,=,;;,pitot.tag.%zz=1,pitot.tag.=x"}},
		{"Traceparent": {"00-zz"}},
		{"X-Pitot-User": {strings.Repeat("é", 4000)}, "X-Pitot-Tag-": {"x"}, "X-Pitot-Tag-A": {"\xff"}, "X-Pitot-": {"x"}},
	} {
		req := httptest.NewRequest(http.MethodGet, "/%FF%FE", nil)
		req.Header = header
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	if n := len(rec.Spans()); n != 8 {
		t.Fatalf("%d spans", n)
	}
	for _, s := range rec.Spans() {
		for _, kv := range s.Attributes {
			if kv.Value.Type() == attribute.STRING && (len(kv.Value.AsString()) > 600 || !bytes.Equal(bytes.ToValidUTF8([]byte(kv.Value.AsString()), nil), []byte(kv.Value.AsString()))) {
				t.Errorf("%s = %q", kv.Key, kv.Value.AsString())
			}
		}
	}
}
