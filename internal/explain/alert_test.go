package explain

import (
	"testing"
	"time"
)

func TestFromAlert(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 42, 0, 0, time.UTC)
	f := func(name, annotation, expr string, want Metric, dir int) {
		t.Helper()
		labels := map[string]string{"alertname": name, "provider": "openai", "method": "chat", "user": "__other__", "severity": "critical"}
		ann := map[string]string{}
		if annotation != "" {
			ann[MetricAnnotation] = annotation
		}
		r, err := FromAlert(labels, ann, expr, at, at.Add(3*time.Minute))
		if err != nil {
			t.Errorf("%s %s: %v", name, expr, err)
			return
		}
		if r.Metric != want || r.Direction != dir {
			t.Errorf("%s %s: %s %d, want %s %d", name, expr, r.Metric, r.Direction, want, dir)
		}
		if got := r.Window.String(); got != "provider=openai operation=chat" {
			t.Errorf("%s: selection %q", name, got)
		}
		if w := r.Window.Ranges[0]; !w.Start.Before(at) || !w.End.Equal(at.Add(3*time.Minute)) {
			t.Errorf("%s: window %v", name, w)
		}
		if _, _, err := r.prepare(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("Anything", "cost_per_call", "up == 0", CostPerCall, 1)
	f("HighErrorRate", "", `sum without (status) (rate(llm_requests_total{status="error"}[5m])) / sum without (status) (rate(llm_requests_total[5m])) > 0.05`, ErrorRate, 1)
	f("HighErrorRate", "", `rate(llm_operation_errors_total[5m]) / rate(llm_requests_total[5m]) > 0.05`, ErrorRate, 1)
	f("HighLatency", "", `histogram_quantile(0.95, rate(llm_request_duration_seconds_bucket[5m])) > 5`, LatencyP95, 1)
	f("HighInferenceLatency", "", `histogram_quantile(0.99, sum by (le) (rate(llm_request_duration_seconds_bucket[5m]))) > 2`, LatencyP99, 1)
	f("MeanLatency", "", `rate(llm_operation_duration_seconds_sum[5m]) / rate(llm_operation_duration_seconds_count[5m]) > 3`, LatencyMean, 1)
	f("SlowFirstToken", "", `histogram_quantile(0.5, rate(llm_time_to_first_token_seconds_bucket[5m])) > 2`, TTFTP50, 1)
	f("SlowTokenGeneration", "", `histogram_quantile(0.50, rate(llm_token_generation_rate_bucket[5m])) < 5`, TokensPerSecond, -1)
	f("LowThroughput", "", `sum(rate(llm_requests_total[5m])) < 100`, Requests, -1)
	f("TooMuchTraffic", "", `sum(rate(llm_requests_total[5m])) > 100`, Requests, 1)
	f("HighTokenUsage", "", `sum(increase(llm_tokens_total[5m])) > 1000000`, TotalTokens, 1)
	f("InputTokens", "", `rate(llm_tokens_total{type="input"}[5m]) > 10`, InputTokens, 1)
	f("Spend", "", `sum(increase(llm_cost_usd_total[1d])) > 100`, Cost, 1)
	f("Quality", "", `avg(rate(llm_response_quality_score_sum[1h]) / rate(llm_response_quality_score_count[1h])) < 0.7`, Quality, -1)
	f("SLO", "", `slo:availability:ratio < 0.999`, ErrorRate, 1)
	f("SLO", "", `slo:latency:p99 > 2`, LatencyP99, 1)
	f("SLOErrorBudgetBurn", "latency_p99", `slo:sli_error:ratio_rate1h{slo="fast"} > 0.1`, LatencyP99, 1)
	f("SLOErrorBudgetBurn", "", `slo:sli_error:ratio_rate1h{slo="x"} > 0.1`, ErrorRate, 1)
	f("HighInferenceLatency", "", `llm:request_duration_seconds:p99_5m > 2`, LatencyP99, 1)
	f("FirstTokenAnomaly", "", `llm:signal:5m{signal="first_token"} > last_over_time(llm:signal:upper{signal="first_token"}[15m])`, TTFTP95, 1)
	f("BudgetAnomaly", "", `llm:signal:5m{signal="errors"} > last_over_time(llm:signal:upper{signal="errors"}[15m])`, ErrorRate, 1)
	f("TrafficAnomaly", "", `llm:signal:5m{signal="rate"} < last_over_time(llm:signal:lower{signal="rate"}[15m])`, Requests, -1)
	f("HighLatency", "", `team:slow_answers:ratio > 2`, LatencyP95, 1)
	f("HighErrorRate", "", "", ErrorRate, 1)
	f("SlowFirstToken", "", "", TTFTP95, 1)

	if _, err := FromAlert(map[string]string{"alertname": "DiskFull"}, nil, "node_filesystem_free_bytes < 1", at, at); err == nil {
		t.Error("an alert about something else is explained")
	}
	if _, err := FromAlert(map[string]string{"alertname": "DatabaseErrors"}, nil, "rate(pg_failures_total[5m]) > 1", at, at); err == nil {
		t.Error("an alert about something else is explained by its name")
	}
	if r, err := FromAlert(map[string]string{"alertname": "SLO"}, nil, `slo:sli_error:ratio_rate1h{slo="x"} > 0.1`, at, at); err != nil || r.Window.Ranges[0].Start != at.Add(-time.Hour-alertBefore) {
		t.Errorf("the window of an objective's alert: %v %v", r.Window.Ranges, err)
	}
	r, err := FromAlert(map[string]string{"alertname": "HighErrorRate"}, nil, "", at, at.Add(48*time.Hour))
	if err != nil || r.Window.Ranges[0].End.Sub(at) != alertMostAfter {
		t.Errorf("an old alert's window: %v %v", r.Window.Ranges, err)
	}
}
