package slo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const openSLOv1 = `
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prom}
spec: {type: Prometheus, connectionDetails: {url: http://localhost}}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: checkout}
spec: {description: the shop}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: good-answers}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {metricSourceRef: prom, spec: {query: 'http_requests_total{code!~"5.."}'}}}
    total: {metricSource: {metricSourceRef: prom, spec: {query: http_requests_total}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-answers, labels: {team: [shop, other], "not a label": x}}
spec:
  description: Checkout answers.
  service: checkout
  indicatorRef: good-answers
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - {displayName: Good, target: 0.995}
    - {displayName: Very Good, targetPercent: 99.9}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: queue-is-short}
spec:
  service: checkout
  indicator:
    metadata: {name: queue}
    spec:
      thresholdMetric: {metricSource: {type: prometheus, spec: {query: max(queue_length)}}}
  timeWindow: [{duration: 1M, isRolling: false, calendar: {startTime: "2026-01-01 00:00:00", timeZone: UTC}}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 100, target: 0.99}]
`

const openSLOv1alpha = `
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: old, displayName: Old}
spec:
  description: An old one.
  service: api
  timeWindows: [{unit: Day, count: 30, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - target: 0.98
      ratioMetrics:
        incremental: true
        good: {source: prometheus, queryType: promql, query: 'sum(rate(ok_total[{{.window}}]))'}
        total: {source: prometheus, queryType: promql, query: 'sum(rate(all_total[{{.window}}]))'}
`

func TestOpenSLO(t *testing.T) {
	got, err := ParseOpenSLO([]byte(openSLOv1 + "---\n" + openSLOv1alpha))
	if err != nil {
		t.Fatal(err)
	}
	answers := SLI{Events: &Events{Good: `http_requests_total{code!~"5.."}`, Total: "http_requests_total"}}
	labels := map[string]string{"team": "shop", "service": "checkout"}
	want := []SLO{
		{Name: "checkout-answers-good", Description: "Checkout answers.", Objective: 99.5, Window: Window{Length: 28 * day}, SLI: answers, Labels: labels},
		{Name: "checkout-answers-very-good", Description: "Checkout answers.", Objective: 99.9, Window: Window{Length: 28 * day}, SLI: answers, Labels: labels},
		{
			Name: "queue-is-short", Objective: 99, Window: Window{Length: month, Calendar: true},
			SLI: SLI{ErrorRatio: "avg((max(queue_length)) > bool 100)"}, Labels: map[string]string{"service": "checkout"},
		},
		{
			Name: "old", Description: "An old one.", Objective: 98, Window: Window{Length: month},
			SLI:    SLI{Events: &Events{Good: "sum(rate(ok_total[{{.window}}]))", Total: "sum(rate(all_total[{{.window}}]))"}},
			Labels: map[string]string{"service": "api"},
		},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(SLO{}, Events{})); d != "" {
		t.Errorf("objectives (-want +got):\n%s", d)
	}
}

func TestOpenSLOFilesAreLoaded(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", openSLOv1)
	write("b.yaml", openSLOv1alpha)
	c, err := Parse([]byte(noDefaults + "- openslo: '*.yaml'\n"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := Load(c, dir)
	if err != nil || len(set.SLOs()) != 4 {
		t.Fatalf("%d objectives, %v", len(set.SLOs()), err)
	}
	for _, f := range set.RuleFiles() {
		if err := validRules(f.Content); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	// A broken file leaves the others alone.
	write("c.yaml", "apiVersion: openslo/v9\nkind: SLO\n")
	set, err = Load(c, dir)
	if err == nil || !strings.Contains(err.Error(), "c.yaml") || len(set.SLOs()) != 4 {
		t.Errorf("with a broken file: %d objectives, %v", len(set.SLOs()), err)
	}
	c.SLOs[len(c.SLOs)-1].OpenSLO = "nothing-*.yaml"
	if _, err := Load(c, dir); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: %v", err)
	}
}

func TestBadOpenSLO(t *testing.T) {
	doc := func(spec string) string {
		return "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: x}\nspec: " + spec + "\n"
	}
	f := func(text, want string) {
		t.Helper()
		_, err := ParseOpenSLO([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %q in it", text, err, want)
		}
	}
	f("{", "document 1")
	f("apiVersion: openslo/v2\nkind: SLO\n", `apiVersion "openslo/v2"`)
	f(doc(`{}`), "has no objectives")
	f(doc(`{budgetingMethod: Timeslices, objectives: [{target: 0.9}]}`), "only Occurrences is supported")
	f(doc(`{objectives: [{target: 0.9}]}`), "has no indicator")
	f(doc(`{indicatorRef: nobody, objectives: [{target: 0.9}]}`), "no SLI of this name")
	f(doc(`{timeWindow: [{duration: 1Q}], objectives: [{target: 0.9}]}`), "only 1M is supported")
	f(doc(`{timeWindow: [{duration: 1M, calendar: {timeZone: Europe/Rome}}], objectives: [{target: 0.9}]}`), "counted in UTC")
	f(doc(`{timeWindow: [{duration: 1h, isRolling: true}], objectives: [{target: 0.9}]}`), "7d to 90d")
	f(doc(`{indicator: {spec: {ratioMetric: {good: {metricSource: {type: Datadog, spec: {query: x}}}, total: {metricSource: {spec: {query: y}}}}}}, objectives: [{target: 0.9}]}`), "type Datadog: only Prometheus")
	f(doc(`{indicator: {spec: {ratioMetric: {total: {metricSource: {spec: {query: y}}}}}}, objectives: [{target: 0.9}]}`), "either good or bad")
	f(doc(`{indicator: {spec: {thresholdMetric: {metricSource: {spec: {query: y}}}}}, objectives: [{target: 0.9}]}`), "needs op")
	f(doc(`{indicator: {spec: {ratioMetric: {rawType: odd, raw: {metricSource: {spec: {query: y}}}}}}, objectives: [{target: 0.9}]}`), "must be success or failure")
	f(doc(`{indicator: {spec: {ratioMetric: {raw: {metricSource: {spec: {}}}}}}, objectives: [{target: 0.9}]}`), "has no query")
	f(doc(`{indicator: {spec: {ratioMetric: {raw: {metricSource: {spec: {query: y}}}}}}, objectives: [{target: 99}]}`), "must be over 0 and under 100")
	f(strings.Repeat("apiVersion: openslo/v1\nkind: Service\n---\n", maxDocuments+1), "more than")
}

func FuzzParseOpenSLO(f *testing.F) {
	f.Add([]byte(openSLOv1))
	f.Add([]byte(openSLOv1alpha))
	f.Fuzz(func(t *testing.T, text []byte) {
		slos, _ := ParseOpenSLO(text)
		for _, s := range slos {
			if err := (Config{SLOs: []SLO{s}}).Validate(); err != nil {
				t.Errorf("an objective that does not hold: %v", err)
			}
		}
	})
}
