package pitot

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestWithoutBackend: a Setup that exports nothing measures, sums up, serves and
// logs all the same, through the public entry points alone.
func TestWithoutBackend(t *testing.T) {
	for _, signal := range []string{"TRACES", "METRICS", "LOGS"} {
		t.Setenv("OTEL_"+signal+"_EXPORTER", "none")
	}
	var logs bytes.Buffer
	shutdown, err := Setup(t.Context(), WithEnabled(true), WithService("app", "1"), WithoutGlobals(), WithCallLogs(slog.New(CallLogHandler(&logs, nil))),
		WithPrices(func(CallInfo) (float64, bool) { return 0.25, true }), WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan CallInfo, 1)
	OnCall(func(_ context.Context, c CallInfo) { told <- c })
	var line bytes.Buffer
	logger := slog.New(LogHandler(slog.NewJSONHandler(&line, nil)))
	answer, err := Agent(t.Context(), "planner", func(ctx context.Context) (string, error) {
		ctx, call := StartCall(ctx, OpChat, "openai", "gpt-x", User("u1"), Feature("search"))
		defer call.End()
		call.Response("resp-9", "gpt-x-1")
		call.Usage(Usage{InputTokens: 10, OutputTokens: 20})
		logger.InfoContext(ctx, "thinking")
		return "42", nil
	})
	if err != nil || answer != "42" {
		t.Fatalf("%q, %v", answer, err)
	}
	select {
	case c := <-told:
		if c.CostUSD != 0.25 || c.CostState != "computed" || c.Agent != "planner" {
			t.Errorf("told of %+v", c)
		}
	case <-time.After(10 * time.Second):
		t.Error("the hook is not called")
	}
	if r := Summary(time.Hour, ByUser("u1"), ByFeature("search"), ByModel("gpt-x")); r.Requests != 1 || *r.OutputTokens != 20 || r.Cost.Computed != 0.25 {
		t.Errorf("summary: %v", r)
	}
	body, contentType := scrapeOf(t, MetricsHandler(), acceptOpenMetrics)
	p := parse(t, body, contentType)
	for series, want := range map[string]float64{
		`{__name__="llm_active_requests", method="chat", model="gpt-x", provider="openai", service="app"}`:                  0,
		`{__name__="llm_requests_total", method="chat", model="gpt-x", provider="openai", service="app", status="success"}`: 1,
		`{__name__="llm_cost_usd_total", method="chat", model="gpt-x", provider="openai", service="app", state="computed"}`: 0.25,
		`{__name__="gen_ai_invoke_agent_inference_calls_sum", gen_ai_agent_name="planner", service_name="app"}`:             1,
		`{__name__="gen_ai_invoke_agent_duration_seconds_count", gen_ai_agent_name="planner", service_name="app"}`:          1,
	} {
		if got, ok := p.samples[series]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", series, got, ok, want)
		}
	}
	if m := lines(t, line.Bytes())[0]; m["response_id"] != "resp-9" || m["service"] != "app" || m["trace_id"] == nil {
		t.Errorf("logged %v", m)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	events := logs.String()
	if strings.Count(events, `"event":"llm_request_success"`) != 1 || strings.Count(events, `"event":"llm_request_start"`) != 1 {
		t.Errorf("call logs:\n%s", events)
	}
	if s := Summary(time.Hour); s.Requests != 0 {
		t.Errorf("after shutdown: %v", s)
	}
}
