package server

import (
	"log/slog"
	"maps"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/alert/slo"
)

// alertsOf are the alerts of a rule file, as the engine would send them.
func alertsOf(t *testing.T, content []byte) []manager.Alert {
	t.Helper()
	var doc struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(content, &doc); err != nil {
		t.Fatal(err)
	}
	var out []manager.Alert
	for _, g := range doc.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			labels := map[string]string{"alertname": r.Alert}
			maps.Copy(labels, r.Labels)
			out = append(out, manager.Alert{Labels: labels, Annotations: r.Annotations, Expr: r.Expr, StartsAt: time.Now()})
		}
	}
	return out
}

// explainedBy is the metric that the explanation of an alert is about.
func (s *Server) explainedBy(a *manager.Alert) string {
	req, ok := s.alertRequest([]manager.Alert{*a}, time.Now())
	if !ok {
		return ""
	}
	return string(req.Metric)
}

// TestAlertsAreExplainedTogether: by the earliest, and by what they share; times
// are told in the server's zone, as in the rest of the notification.
func TestAlertsAreExplainedTogether(t *testing.T) {
	now := time.Now()
	one := manager.Alert{Labels: map[string]string{"alertname": "HighErrorRate", "model": "a", "service": "s"}, StartsAt: now.Add(-time.Minute)}
	two := manager.Alert{Labels: map[string]string{"alertname": "HighErrorRate", "model": "b", "service": "s"}, StartsAt: now.Add(-time.Hour)}
	req, ok := (&Server{}).alertRequest([]manager.Alert{one, two}, now)
	if !ok || req.Window.String() != "service=s" || !req.Window.Ranges[0].Start.Before(two.StartsAt) || req.Location != time.Local {
		t.Errorf("%+v", req)
	}
}

// What an alert of a pack measures, whatever it is called.
func TestAlertsOfPacksAreExplainedByWhatTheyMeasure(t *testing.T) {
	r, err := rules.New(rules.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"HighErrorRate": "error_rate", "ErrorSpike": "error_rate", "ErrorRateAnomaly": "error_rate",
		"HighLatency": "latency_p95", "HighInferenceLatency": "latency_p99", "LatencyAnomaly": "latency_p95",
		"SlowFirstToken": "ttft_p95", "FirstTokenAnomaly": "ttft_p95", "SlowTokenGeneration": "tokens_per_second",
		"HighTokenUsage": "tokens", "TokensAnomaly": "tokens", "CostAnomaly": "cost", "TrafficAnomaly": "requests", "LowQualityScore": "quality",
	}
	s := &Server{}
	seen := 0
	for _, f := range r.Files() {
		for _, a := range alertsOf(t, f.Content) {
			name := a.Labels["alertname"]
			if got := s.explainedBy(&a); got != want[name] {
				t.Errorf("%s (%s): explained by %q, want %q", name, a.Expr, got, want[name])
			}
			if want[name] != "" {
				seen++
			}
		}
	}
	if seen < len(want) {
		t.Errorf("%d alerts seen", seen)
	}
}

func TestAlertsOfObjectivesAreExplainedByTheirKind(t *testing.T) {
	config, err := slo.Parse([]byte(`
- {name: up, objective: 99.9, sli: {availability: {}}}
- {name: fast, objective: 99, sli: {latency: {threshold: 5s}}}
- {name: mostly-fast, objective: 95, sli: {latency: {threshold: 5s}}}
- {name: half-fast, objective: 50, sli: {latency: {threshold: 5s}}}
- {name: first-token, objective: 95, sli: {ttft: {threshold: 1s}}}
- {name: per-token, objective: 95, sli: {tpot: {threshold: 100ms}}}
- {name: streams, objective: 99, sli: {error_free_streams: {}}}
- {name: cheap, objective: 95, sli: {cost_per_request: {threshold: 0.05}}}
- {name: good, objective: 90, sli: {quality: {above: 0.5}}}
- {name: own-cost, objective: 90, sli: {error_ratio: 'sum(rate(llm_token_cost_per_request_bucket[$window]))'}}
- {name: own-other, objective: 90, sli: {events: {errors: 'http_requests_total{code="500"}', total: http_requests_total}}}
- {name: said, objective: 99, sli: {latency: {threshold: 5s}}, alerting: {annotations: {pitot_metric: requests}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := slo.Load(config, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{}
	s.slos.Store(set)
	want := map[string]string{
		"up": "error_rate", "fast": "latency_p99", "mostly-fast": "latency_p95", "half-fast": "latency_p50", "first-token": "ttft_p95", "per-token": "tpot_p95",
		"streams": "error_rate", "cheap": "cost_per_call", "good": "quality", "own-cost": "cost_per_call", "own-other": "", "said": "requests",
	}
	seen := map[string]bool{}
	for _, f := range set.RuleFiles() {
		for _, a := range alertsOf(t, f.Content) {
			name := a.Labels["slo"]
			w, ours := want[name]
			if !ours {
				continue // a default objective
			}
			seen[name] = true
			if got := s.explainedBy(&a); got != w {
				t.Errorf("%s: explained by %q, want %q", name, got, w)
			}
		}
	}
	if len(seen) != len(want) {
		t.Errorf("seen: %v", seen)
	}
}

func TestAlertsOfBudgetsSayWhatTheyCount(t *testing.T) {
	s := &Server{}
	for unit, want := range map[budget.Unit]string{budget.USD: "cost", budget.Tokens: "tokens"} {
		a := budgetAlert(&budget.Alert{Budget: "team", Unit: unit, Threshold: 80, Spent: 81, Limit: 100, Dimension: "user", Account: "ann", Description: "of the team", At: time.Now()}, "http://localhost:1")
		if got := s.explainedBy(&a); got != want {
			t.Errorf("%s: explained by %q, want %q", unit, got, want)
		}
		if a.Annotations["summary"] == "" || a.Annotations["summary_zh"] == "" || a.Annotations["summary"] == a.Annotations["summary_zh"] {
			t.Errorf("%v", a.Annotations)
		}
	}
}
