package slo

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// TestSameAsSlothAndPyrra evaluates the expressions that Sloth v0.12.0 and Pyrra
// v0.9.5 generate for the same objective over the same series. Both compute
// every short window from the raw counters; Pyrra's latency is 1 - good/total.
// Their commands, run on a declaration of 99.9 % of http_requests_total without
// code 5xx: `sloth generate -i slo.yml`, `pyrra generate --config-files=...`.
func TestSameAsSlothAndPyrra(t *testing.T) {
	const text = `
- name: http
  objective: 99.9
  sli: {events: {errors: 'http_requests_total{code=~"5.."}', total: http_requests_total}}
- name: fine
  objective: 99.9
  resolution: 1m
  sli: {events: {errors: 'sum(rate(http_requests_total{code=~"5.."}[$window]))', total: 'sum(rate(http_requests_total[{{.window}}]))'}}
- name: lat
  objective: 99
  sli: {latency: {threshold: 2s}}
`
	theirs := func(w string) string {
		return fmt.Sprintf(`sum(rate(http_requests_total{code=~"5.."}[%s])) / sum(rate(http_requests_total[%s]))`, w, w)
	}
	theirLatency := func(w string) string {
		return fmt.Sprintf(`(sum(rate(llm_request_duration_seconds_count[%s])) - sum(rate(llm_request_duration_seconds_bucket{le="2.0"}[%s]))) / sum(rate(llm_request_duration_seconds_count[%s]))`, w, w, w)
	}
	feed := func(bad float64) rates {
		return rates{
			`http_requests_total{code="200"}`: 10 * (1 - bad), `http_requests_total{code="404"}`: 1,
			`http_requests_total{code="500"}`: 6 * bad, `http_requests_total{code="503"}`: 4 * bad,
			"llm_request_duration_seconds_count": 10, `llm_request_duration_seconds_bucket{le="2.0"}`: 10 * (1 - bad),
		}
	}
	s := newSim(t, text)
	compare := func(when string, tolerance float64, windows ...string) {
		t.Helper()
		for _, w := range windows {
			for slo, expr := range map[string]string{"http": theirs(w), "fine": theirs(w), "lat": theirLatency(w)} {
				want, _ := s.value(expr)
				got, ok := s.value(fmt.Sprintf(`slo:sli_error:ratio_rate%s{slo=%q}`, w, slo))
				if !ok || math.Abs(got-want) > tolerance*want+1e-12 {
					t.Errorf("%s: %s over %s: %v, theirs %v", when, slo, w, got, want)
				}
			}
		}
	}
	s.run(4*time.Hour, always(feed(0.01)), nil)
	compare("steady", 1e-9, "5m", "30m", "1h", "2h", "6h", "1d", "3d")
	// Sloth's ratio over the objective's window is the mean of ratios: the same
	// where traffic is even.
	mean := `sum_over_time(slo:sli_error:ratio_rate5m{slo="http"}[30d]) / count_over_time(slo:sli_error:ratio_rate5m{slo="http"}[30d])`
	want, _ := s.value(mean)
	if got, _ := s.value(`slo:sli_error:ratio_rate30d{slo="http"}`); math.Abs(got-want) > 1e-9 {
		t.Errorf("30d: %v, Sloth %v", got, want)
	}
	s.run(10*time.Minute, always(feed(0.5)), nil)
	s.run(45*time.Minute, always(feed(0.01)), nil)
	compare("after ten bad minutes", 0.03, "5m", "30m", "1h", "2h", "6h")

	// Thresholds: Sloth compares with 14.4 * (1 - 0.999).
	for i, f := range slothFacts()["30d"] {
		a := BurnAlerts(Window{Length: month})[i]
		if got, want := ErrorThreshold(a.Factor, 0.999), f*(1-0.999); math.Abs(got-want) > 1e-12 {
			t.Errorf("threshold %d is %v, Sloth's %v", i, got, want)
		}
	}
}
