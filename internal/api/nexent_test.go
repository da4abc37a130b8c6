package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
)

func TestNexentModels(t *testing.T) {
	a := newAPI(t)
	var asked events.CallFilter
	a.events.models = func(_ context.Context, f events.CallFilter) ([]events.ModelStat, error) {
		asked = f
		return []events.ModelStat{
			{Provider: "openai", Model: "text-embedding-3-small", Totals: events.Totals{Calls: 2, InputTokens: 40, DurationSeconds: 0.3}},
			{Provider: "vllm", Model: "Qwen/Qwen3-8B", Totals: events.Totals{Calls: 3, Errors: 1, InputTokens: 100, OutputTokens: 200, DurationSeconds: 9}, TTFT: &events.Distribution{Count: 2, Avg: 0.5}},
			{Provider: "openai", Totals: events.Totals{Calls: 1, Errors: 1}},
		}, nil
	}
	a.events.costs = func(_ context.Context, q events.CostQuery) ([]events.Group, error) {
		if diff := cmp.Diff([]string{"provider", "model", "operation"}, q.By); diff != "" || q.Range != asked.Range {
			t.Errorf("%v %s", q.Range, diff)
		}
		group := func(provider, model, op string, calls int64) events.Group {
			return events.Group{Values: map[string]string{"provider": provider, "model": model, "operation": op}, Totals: events.Totals{Calls: calls}}
		}
		return []events.Group{
			group("openai", "text-embedding-3-small", "chat", 1), group("openai", "text-embedding-3-small", "embeddings", 9), group("vllm", "Qwen/Qwen3-8B", "chat", 3),
		}, nil
	}
	type answer struct {
		Code    int
		Message string
		Data    []nexentModel
	}
	got := decode[answer](t, wantOK(t, a.get("/monitoring/models?time_range=7d")).Body.Bytes())
	qwen := nexentModel{
		ModelName: "Qwen/Qwen3-8B", ModelType: "llm", DisplayName: "Qwen3-8B", RequestCount: 3, ErrorRate: 33.33, AvgDuration: 3000, AvgTTFT: 500,
		TokenGenerationRate: 25, TotalTokens: 300, // 200 tokens in 9 s, of which 1 s was waiting
	}
	embedding := nexentModel{ModelName: "text-embedding-3-small", ModelType: "embedding", DisplayName: "text-embedding-3-small", RequestCount: 2, AvgDuration: 150, TotalTokens: 40}
	unknown := nexentModel{ModelType: "llm", DisplayName: "Unknown", RequestCount: 1, ErrorRate: 100}
	if diff := cmp.Diff(answer{0, "success", []nexentModel{qwen, embedding, unknown}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := (events.Range{Start: now.AddDate(0, 0, -7), End: now}); asked.Range != want {
		t.Errorf("range %v", asked.Range)
	}
	for query, want := range map[string][]nexentModel{
		"page=1&page_size=2": {qwen, embedding}, "page=2&page_size=2": {unknown}, "page=3&page_size=2": {}, "page=2147483647&page_size=100": {},
	} {
		got := decode[answer](t, wantOK(t, a.get("/monitoring/models?"+query)).Body.Bytes())
		if diff := cmp.Diff(want, got.Data); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for query, d := range map[string]time.Duration{"": day, "time_range=24h": day, "time_range=30d": 30 * day} {
		wantOK(t, a.get("/monitoring/models?"+query))
		if got := asked.End.Sub(asked.Start); got != d {
			t.Errorf("%q: %s", query, got)
		}
	}
}

func TestNexentErrors(t *testing.T) {
	a := newAPI(t)
	detail := func(w *httptest.ResponseRecorder, status int) string {
		t.Helper()
		if w.Code != status {
			t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
		}
		return decode[struct{ Detail string }](t, w.Body.Bytes()).Detail
	}
	for query, message := range map[string]string{
		"time_range=1h": "24h, 7d, 30d", "page=0": "1 to 2147483647", "page_size=101": "1 to 100", "page_size=x": "1 to 100", "model_type=llm": "page, page_size, time_range",
	} {
		if got := detail(a.get("/monitoring/models?"+query), http.StatusBadRequest); !strings.Contains(got, message) {
			t.Errorf("%s: %q", query, got)
		}
	}
	a.events.failing(&events.UnavailableError{Op: "x", Err: errors.New("refused")})
	detail(a.get("/monitoring/models"), http.StatusServiceUnavailable)
	a.events.full()
	a.events.costs = func(context.Context, events.CostQuery) ([]events.Group, error) {
		return nil, fmt.Errorf("x: %w", context.DeadlineExceeded)
	}
	detail(a.get("/monitoring/models"), http.StatusGatewayTimeout)
	detail(a.get("/monitoring/status?x=1"), http.StatusBadRequest)
}

func TestNexentStatus(t *testing.T) {
	a := newAPI(t)
	r := httptest.NewRequest(http.MethodGet, "http://pitot:4400/monitoring/status", http.NoBody)
	want := `{"code":0,"message":"success","data":{"telemetry_enabled":true,"provider":"pitot","dashboard_url":"http://pitot:4400/","dashboard_port":null,"dashboard_path":null}}`
	if got := strings.TrimSpace(wantOK(t, a.do(r)).Body.String()); got != want {
		t.Errorf("got %s", got)
	}
	r.Header.Set("X-Forwarded-Proto", "https")
	if got := wantOK(t, a.do(r)).Body.String(); !strings.Contains(got, `"https://pitot:4400/"`) {
		t.Errorf("got %s", got)
	}
}

func TestNexentTypes(t *testing.T) {
	for op, want := range map[string]string{
		"chat": "llm", "responses": "llm", "": "llm", "embeddings": "embedding", "rerank": "rerank", "speech": "tts", "transcription": "stt", "image_generation": "image",
	} {
		a := newAPI(t)
		a.events.full()
		a.events.costs = func(context.Context, events.CostQuery) ([]events.Group, error) {
			return []events.Group{{Values: map[string]string{"provider": "openai", "model": "gpt-4o", "operation": op}}}, nil
		}
		if got := wantOK(t, a.get("/monitoring/models")).Body.String(); !strings.Contains(got, `"model_type":"`+want+`"`) {
			t.Errorf("%s: %s", op, got)
		}
	}
}
