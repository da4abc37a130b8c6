package metrics

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

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

// TestCostByModelAndPhase: two of three GPUs at 4 dollars serve the model, half
// of the time working; 1 million tokens an hour are read and 1 million written,
// and requests spend a quarter of their time in prefill. 8 dollars an hour over
// 2 million tokens are 4 a million: 2 idle, 0.5 prefill, 1.5 decode.
func TestCostByModelAndPhase(t *testing.T) {
	for name, tc := range map[string]struct {
		phases, server, cpu bool
		want                map[string]float64
	}{
		"a server that tells phases": {true, true, false, map[string]float64{"prefill": 0.5, "decode": 1.5, "idle": 2}},
		"a server that tells none":   {false, true, false, map[string]float64{"busy": 2, "idle": 2}},
		"tokens from calls alone":    {false, false, false, map[string]float64{"busy": 2, "idle": 2}},
		"with the CPU of containers": {true, true, true, map[string]float64{"prefill": 0.5 + 0.025, "decode": 1.5 + 0.075, "idle": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			mine := SelfHosted{Model: "llama", GPUs: map[string]string{"host": "a"}, GPUHour: new(4.0)}
			if tc.cpu {
				mine.CPUs = map[string]string{"pod": "llama-.*"}
			}
			m := startStore(t, func(o *Options) {
				o.Infrastructure = DefaultInfrastructurePrices()
				o.Infrastructure.Models = []SelfHosted{mine}
			})
			now := time.Now()
			evalRules(t, m, now.Add(-time.Minute))
			if n := len(query(t, m, costRecord, now)); n != 0 {
				t.Error("a cost without machines and tokens")
			}
			gpus := gaugeFamily("llm_gpu_utilization_percent", 0)
			gpus[0].Metric = nil
			for i, g := range []struct {
				host string
				use  float64
			}{{"a", 80}, {"a", 20}, {"b", 100}} {
				gpus[0].Metric = append(gpus[0].Metric, &dto.Metric{Label: []*dto.LabelPair{pair("gpu_id", fmt.Sprint(i)), pair("host", g.host)}, Gauge: &dto.Gauge{Value: new(g.use)}})
			}
			a := newFamilyAppender(targetLabelsOf("gpus", "node"))
			for i := range 13 {
				store(t, m, a, gpus, now.Add(time.Duration(i-12)*5*time.Minute))
			}
			model := []*dto.LabelPair{pair("model", "llama")}
			other := []*dto.LabelPair{pair("model", "other")}
			if tc.server {
				counterAt(t, m, "llm_server_prompt_tokens_total", 1e6/3600, model, now)
				counterAt(t, m, "llm_server_generation_tokens_total", 1e6/3600, model, now)
				counterAt(t, m, "llm_server_generation_tokens_total", 7e6/3600, other, now)
			} else {
				for _, typ := range []string{"input", "output"} {
					counterAt(t, m, "llm_tokens_total", 1e6/3600, []*dto.LabelPair{pair("model", "llama"), pair("type", typ)}, now)
				}
			}
			if tc.phases {
				counterAt(t, m, "llm_server_prefill_time_seconds_sum", 1, model, now)
				counterAt(t, m, "llm_server_decode_time_seconds_sum", 3, model, now)
			}
			if tc.cpu { // 4 cores at 0.05: 0.2 an hour, 0.1 a million tokens
				counterAt(t, m, "container_cpu_usage_seconds_total", 4, []*dto.LabelPair{pair("pod", "llama-1")}, now)
				counterAt(t, m, "container_cpu_usage_seconds_total", 40, []*dto.LabelPair{pair("pod", "web-1")}, now)
			}
			evalRules(t, m, now)
			got := map[string]float64{}
			for _, s := range query(t, m, costRecord, now) {
				if s.Labels["model"] != "llama" {
					t.Errorf("series %v", s.Labels)
				}
				got[s.Labels["phase"]] = s.Points[0].Value
			}
			if len(got) != len(tc.want) {
				t.Errorf("phases %v, want %v", got, tc.want)
			}
			for phase, want := range tc.want {
				if math.Abs(got[phase]-want) > 0.02*want {
					t.Errorf("%s: %v USD a million tokens, want %v", phase, got[phase], want)
				}
			}
		})
	}
}

func TestInfrastructureIsValidated(t *testing.T) {
	p := InfrastructurePrices{GPUHour: -1, Models: []SelfHosted{
		{Model: "a", GPUs: map[string]string{"bad-name": "x"}, GPUHour: new(-1.0)}, {Model: "a"}, {},
	}}
	err := p.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"must not be negative: 0 and -1", `models[0].gpus: "bad-name"`, "models[0]: -1", "models[1].model", "models[2].model"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %s in\n%v", want, err)
		}
	}
	broken := InfrastructurePrices{Models: []SelfHosted{{Model: "a", GPUs: map[string]string{"pod": "("}}}}
	if err := broken.Validate(); err == nil || !strings.Contains(err.Error(), "labels of machines") {
		t.Errorf("a broken expression: %v", err)
	}
}
