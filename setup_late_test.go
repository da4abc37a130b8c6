package pitot_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/llm"
)

// TestWhatIsMadeBeforeSetupComesAlive: a transport, a handler, a log handler, a
// wrapper and a metrics handler from before Setup do nothing but their work,
// come alive with it, and are as before after the shutdown.
func TestWhatIsMadeBeforeSetupComesAlive(t *testing.T) {
	got, backend := otlpServer(t, false)
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"r1","object":"chat.completion","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`)
	}))
	defer model.Close()
	host, err := url.Parse(model.URL)
	if err != nil {
		t.Fatal(err)
	}

	base := &http.Transport{}
	defer base.CloseIdleConnections()
	client := &http.Client{Transport: pitot.Transport(base)}
	logger := slog.New(pitot.LogHandler(slog.NewTextHandler(t.Output(), nil)))
	metrics := pitot.MetricsHandler()
	tool := pitot.ToolFunc("ask", func(ctx context.Context, question string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, model.URL+"/v1/chat/completions", strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"`+question+`"}]}`))
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		logger.InfoContext(ctx, "asked")
		return string(b), err
	})
	handler := pitot.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer, err := tool(req.Context(), "why?")
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, answer)
	}))
	use := func() (scraped int) {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ask", http.NoBody))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"content":"hi"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		w = httptest.NewRecorder()
		metrics.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
		return w.Code
	}

	if code := use(); code != http.StatusServiceUnavailable {
		t.Errorf("off, /metrics answers %d", code)
	}
	shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true), pitot.WithEndpoint(backend.URL), pitot.WithHost(host.Host, "openai"))
	if err != nil {
		t.Fatal(err)
	}
	if code := use(); code != http.StatusOK {
		t.Errorf("on, /metrics answers %d", code)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := use(); code != http.StatusServiceUnavailable {
		t.Errorf("after the shutdown, /metrics answers %d", code)
	}

	got.mu.Lock()
	defer got.mu.Unlock()
	var calls, spans, logs []string
	for _, r := range got.records {
		switch {
		case r.Call != nil:
			calls = append(calls, r.Call.RequestModel)
			if n, _ := r.Call.Usage.OutputTokens.Get(); n != 2 || r.Call.Status != llm.StatusOK {
				t.Errorf("%+v", r.Call)
			}
		case r.Span != nil:
			spans = append(spans, r.Span.Name)
		case r.Log != nil:
			logs = append(logs, r.Log.Message)
		}
	}
	if strings.Join(calls, ",") != "m" || len(spans) != 2 || strings.Join(logs, ",") != "asked" {
		t.Errorf("calls %q, spans %q, logs %q: want those of the one use while it was on", calls, spans, logs)
	}
	if names := strings.Join(got.metrics, " "); !strings.Contains(names, "gen_ai.client.token.usage") {
		t.Errorf("metrics %s", names)
	}
}

// TestAFailedAttemptIsExportedAtTheEnd: a call whose client might have tried
// again is complete when the program ends.
func TestAFailedAttemptIsExportedAtTheEnd(t *testing.T) {
	got, backend := otlpServer(t, false)
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":{"type":"overloaded","message":"busy"}}`)
	}))
	defer model.Close()
	shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true), pitot.WithEndpoint(backend.URL), pitot.WithHost(strings.TrimPrefix(model.URL, "http://"), "openai"))
	if err != nil {
		t.Fatal(err)
	}
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, model.URL+"/v1/chat/completions", strings.NewReader(`{"model":"m","messages":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Stainless-Retry-Count", "0") // a client that tries again
	resp, err := pitot.Transport(base).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // as such a client leaves an answer that it will not use
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	if len(got.records) != 1 || got.records[0].Call == nil || got.records[0].Call.Status != llm.StatusError {
		t.Errorf("%d records", len(got.records))
	}
}
