package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/testkit/fleet"
	"github.com/pitot-dev/pitot/internal/testkit/traffic"
)

var places = demoPlaces{providers: "http://127.0.0.1:1", fleet: "127.0.0.1:2", sink: "http://127.0.0.1:3"}

// TestDemoSections: whatever the rate and the history, the parts take the demo's
// sections.
func TestDemoSections(t *testing.T) {
	for _, x := range []struct {
		rate    float64
		history time.Duration
	}{{3, 3 * time.Hour}, {0, 0}, {0.01, time.Minute}, {140, 7 * 24 * time.Hour}, {3, 10*time.Minute + 7*time.Second}} {
		demo, err := demoSections(places, x.rate, x.history)
		if err != nil {
			t.Fatalf("%+v: %v", x, err)
		}
		cfg := config.Default()
		overlay(cfg, demo, places)
		objectives, err := slo.Parse(cfg.SLOs.Text)
		if err != nil {
			t.Fatal(err)
		}
		if set, err := slo.Load(objectives, "."); err != nil || len(set.SLOs()) < 5 {
			t.Errorf("objectives: %v", err)
		}
		budgets, err := budget.Parse(cfg.Budgets.Text)
		if err == nil {
			err = budgets.Validate()
		}
		if err != nil || len(budgets.Budgets) < 4 {
			t.Errorf("%+v: budgets: %v", x, err)
		}
		for _, b := range budgets.Budgets {
			if b.Enforce != "" && b.Enforce != budget.Off {
				t.Errorf("budget %s refuses calls", b.Name)
			}
		}
		if err := manager.ValidateConfig(manager.Config{Section: cfg.Alertmanager.Text, Dir: "."}); err != nil {
			t.Errorf("alertmanager: %v", err)
		}
		if err := metrics.ValidateModelServers(cfg.ModelServers.Text, "."); err != nil {
			t.Errorf("model servers: %v", err)
		}
		for what, err := range map[string]error{
			"infrastructure": cfg.Infrastructure.Validate(), "probes": cfg.Probes.Validate(), "quality": cfg.Quality.Validate(), "rules": cfg.Rules.Validate(),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if probes := len(cfg.Probes.Targets); (probes == 0) != (x.rate == 0) {
			t.Errorf("%+v: %d probes", x, probes)
		}
	}
}

// TestDemoKeepsWhatTheUserConfigured: a section that is in the file stays.
func TestDemoKeepsWhatTheUserConfigured(t *testing.T) {
	own, err := config.Parse("own.yml", []byte(`
gateway: {upstreams: [{name: openai, base_url: "http://127.0.0.1:9"}]}
slos: [{name: mine, objective: 99, sli: availability}]
probes: {targets: [{name: mine, upstream: openai, model: m}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	demo, err := demoSections(places, 3, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	overlay(own, demo, places)
	if !strings.Contains(string(own.SLOs.Text), "mine") || len(own.Probes.Targets) != 1 {
		t.Errorf("objectives %q, %d probes", own.SLOs.Text, len(own.Probes.Targets))
	}
	if own.Budgets.IsZero() || own.Alertmanager.IsZero() {
		t.Error("what the file does not say is not filled")
	}
	var openai []gateway.Upstream
	for _, u := range own.Gateway.Upstreams {
		if u.Name == "openai" {
			openai = append(openai, u)
		}
	}
	if len(openai) != 1 || openai[0].BaseURL != "http://127.0.0.1:9" {
		t.Errorf("upstreams %+v", openai)
	}
	for _, u := range traffic.Upstreams() {
		if !slices.ContainsFunc(own.Gateway.Upstreams, func(g gateway.Upstream) bool {
			return g.Name == u.Name && g.Region == u.Region && g.BaseURL == places.providers
		}) {
			t.Errorf("no upstream %s", u.Name)
		}
	}
}

// TestModelServersAreScraped: the demo's targets are those of the fleet, with the
// labels under which their history is written.
func TestModelServersAreScraped(t *testing.T) {
	demo, err := demoSections(places, 3, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := metrics.ParseModelServers(demo.ModelServers.Text)
	if err != nil {
		t.Fatal(err)
	}
	targets := fleet.New(fleet.Config{}).Targets()
	if len(targets) != len(servers) {
		t.Errorf("%d targets, %d in the configuration", len(targets), len(servers))
	}
	for _, x := range targets {
		if !slices.ContainsFunc(servers, func(s metrics.ModelServer) bool {
			return s.Name == x.Job && s.Path == x.Path && s.Labels["instance"] == x.Instance && s.Labels["cluster"] == x.Cluster
		}) {
			t.Errorf("%+v is not scraped", x)
		}
	}
}

func TestSink(t *testing.T) {
	s := newSink()
	for path, body := range map[string]string{"/oncall": `{"status":"firing"}`, "/chat": `{}`} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body)))
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oncall", strings.NewReader("hello")))
	if w.Code != http.StatusBadRequest {
		t.Errorf("what is no JSON: %d", w.Code)
	}
	for range 3 * keptNotifications {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oncall", strings.NewReader(`{}`)))
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if body := w.Body.String(); !strings.Contains(body, `"counts":{"chat":1,"oncall":151}`) || strings.Count(body, `"receiver"`) != keptNotifications {
		t.Errorf("shows %.300s", body)
	}
}

// TestProbePast: probes fail where the model does, and one that is told nothing
// is wrong.
func TestProbePast(t *testing.T) {
	demo, err := demoSections(places, 3, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	gen := traffic.New(traffic.Config{Seed: 1, Rich: true, Shift: traffic.DemoNow().Sub(now), Incidents: traffic.DemoIncidents()})
	p := newProbePast(demo.Probes.Targets, gen, 1)
	failed := map[string]int{}
	for at := now.Add(-time.Hour); at.Before(now); at = at.Add(15 * time.Second) {
		for _, f := range p.families(at) {
			if f.GetName() != "pitot_probe_success" {
				continue
			}
			for _, m := range f.Metric {
				if m.Gauge.GetValue() == 0 {
					for _, l := range m.Label {
						if l.GetName() == "probe" {
							failed[l.GetValue()]++
						}
					}
				}
			}
		}
	}
	if failed["deepseek-chat"] == 0 || failed["qwen3-8b"] == 0 || failed["gpt-4o-mini"] != 0 {
		t.Errorf("failed: %v", failed)
	}
	for _, x := range p.probes {
		if wrong := x.runs["wrong"] > 0; wrong != (x.Name == "acme-7b") {
			t.Errorf("%s: %v", x.Name, x.runs)
		}
	}
}
