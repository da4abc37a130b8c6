package metrics

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

func TestBuiltinRulesAreValid(t *testing.T) {
	files := BuiltinRules(DefaultInfrastructurePrices())
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		if err := ValidateRules(f.Content); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	// All of the vocabulary is made by some preset, and nothing else is.
	made := map[vocabulary]bool{}
	for _, p := range presets() {
		for _, m := range p.maps {
			made[m.to] = true
			_ = m.to.family() // panics for a name that is not in the vocabulary
		}
	}
	for _, f := range ServerFamilies() {
		if !made[vocabulary(f.Name)] {
			t.Errorf("no preset makes %s", f.Name)
		}
	}
}

func TestBuiltinRulesStay(t *testing.T) {
	m := startStore(t)
	n := len(m.rules.RuleGroups())
	if n < 9 {
		t.Fatalf("%d groups", n)
	}
	own := RuleFile{Name: "own", Content: []byte("groups: [{name: own, rules: [{record: a, expr: '1'}]}]")}
	if err := m.SetRules([]RuleFile{own}); err != nil {
		t.Fatal(err)
	}
	if got := len(m.rules.RuleGroups()); got != n+1 {
		t.Errorf("%d groups with one more, want %d", got, n+1)
	}
	if err := m.SetRules(nil); err != nil {
		t.Fatal(err)
	}
	if got := len(m.rules.RuleGroups()); got != n {
		t.Errorf("%d groups, want %d", got, n)
	}
	own.Name = builtinPrefix + "gpu"
	if err := m.SetRules([]RuleFile{own}); err == nil || !strings.Contains(err.Error(), "shipped") {
		t.Errorf("the error is %v", err)
	}
}

// counterAt stores a counter that grows evenly over an hour.
func counterAt(t *testing.T, m *Metrics, name string, perSecond float64, labels []*dto.LabelPair, end time.Time) {
	t.Helper()
	a := newFamilyAppender(targetLabelsOf("k8s", "node"))
	for i := range 121 {
		v := perSecond * float64(i) * 30
		f := []*dto.MetricFamily{{Name: &name, Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{Label: labels, Counter: &dto.Counter{Value: &v}}}}}
		store(t, m, a, f, end.Add(time.Duration(i-120)*30*time.Second))
	}
}

// TestCostPerMillionTokens: 4 cores at 0.05, 1.5 GPUs at 2.5 and 2 million
// tokens an hour are (0.2 + 3.75) / 2 dollars a million.
func TestCostPerMillionTokens(t *testing.T) {
	for name, gpu := range map[string]string{"kubernetes": "gpu_duty_cycle", "no kubernetes": "llm_gpu_utilization_percent"} {
		m := startStore(t)
		now := time.Now()
		evalRules(t, m, now.Add(-time.Minute))
		if n := len(query(t, m, "llm_cost_per_million_tokens", now)); n != 0 {
			t.Errorf("%s: a cost without machines and tokens", name)
		}
		counterAt(t, m, "llm_tokens_total", 2e6/3600/2, []*dto.LabelPair{pair("type", "input")}, now)
		counterAt(t, m, "llm_tokens_total", 2e6/3600/2, []*dto.LabelPair{pair("type", "output")}, now)
		counterAt(t, m, "llm_tokens_total", 5e6/3600, []*dto.LabelPair{pair("type", "cache_read")}, now) // a part of input
		want := 3.75 / 2
		f := gaugeFamily(gpu, 75)
		f[0].Metric = append(f[0].Metric, &dto.Metric{Label: []*dto.LabelPair{pair("gpu_id", "1")}, Gauge: &dto.Gauge{Value: new(75.0)}})
		if name == "kubernetes" {
			counterAt(t, m, "container_cpu_usage_seconds_total", 4, []*dto.LabelPair{pair("pod", "llm-7")}, now)
			counterAt(t, m, "container_cpu_usage_seconds_total", 9, []*dto.LabelPair{pair("pod", "web-1")}, now)
			want = (0.2 + 3.75) / 2
			for i, metric := range f[0].Metric {
				metric.Label = append(metric.Label, pair("pod", fmt.Sprint("llm-", i)))
			}
		}
		store(t, m, newFamilyAppender(targetLabelsOf("gpus", "node")), f, now)
		evalRules(t, m, now)
		got := value1(t, m, "llm_cost_per_million_tokens", now)
		if math.Abs(got-want) > 0.02*want {
			t.Errorf("%s: %v USD a million tokens, want %v", name, got, want)
		}
	}
}
