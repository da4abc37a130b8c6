package fleet

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/testing/protocmp"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func value(t *testing.T, families []*dto.MetricFamily, name string, i int) float64 {
	t.Helper()
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		m := f.Metric[i]
		switch {
		case m.Gauge != nil:
			return m.Gauge.GetValue()
		case m.Counter != nil:
			return m.Counter.GetValue()
		case m.Histogram != nil:
			return m.Histogram.GetSampleSum() / max(float64(m.Histogram.GetSampleCount()), 1)
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

func TestTheSameWhateverTheSteps(t *testing.T) {
	cfg := Config{Seed: 3, Start: start}
	once, often := New(cfg), New(cfg)
	end := start.Add(20 * time.Minute)
	once.Advance(end)
	for at := start; at.Before(end); at = at.Add(700 * time.Millisecond) {
		often.Advance(at)
		often.Families("/r1/metrics") // looking changes nothing
	}
	often.Advance(end)
	for _, x := range once.Targets() {
		if d := cmp.Diff(once.Families(x.Path), often.Families(x.Path), protocmp.Transform()); d != "" {
			t.Errorf("%s:\n%.1000s", x.Path, d)
		}
	}
	other := New(Config{Seed: 4, Start: start})
	other.Advance(end)
	if cmp.Equal(once.Families("/acme/metrics"), other.Families("/acme/metrics"), protocmp.Transform()) {
		t.Error("another seed gives the same figures")
	}
}

// TestOverload drives a server into what an incident is about and out again.
func TestOverload(t *testing.T) {
	began, ended := start.Add(30*time.Minute), start.Add(38*time.Minute)
	f := New(Config{Seed: 1, Start: start, Incident: func(name string, at time.Time) bool {
		return name == "saturated-gpu" && !at.Before(began) && at.Before(ended)
	}})
	type figures struct{ waiting, kv, util, preemptions, queued float64 }
	worst := func(from, to time.Time) (x figures) {
		before := f.Families("/qwen3-a/metrics")
		for at := from; at.Before(to); at = at.Add(5 * time.Second) {
			f.Advance(at)
			m := f.Families("/qwen3-a/metrics")
			x.waiting = max(x.waiting, value(t, m, "vllm:num_requests_waiting", 0))
			x.kv = max(x.kv, value(t, m, "vllm:kv_cache_usage_perc", 0))
			x.util = max(x.util, value(t, f.Families("/gpu-a/metrics"), "DCGM_FI_DEV_GPU_UTIL", 0))
		}
		after := f.Families("/qwen3-a/metrics")
		x.preemptions = value(t, after, "vllm:num_preemptions_total", 0) - value(t, before, "vllm:num_preemptions_total", 0)
		x.queued = value(t, after, "vllm:request_queue_time_seconds", 0)
		return x
	}
	calm := worst(start.Add(5*time.Minute), began)
	storm := worst(began, ended)
	after := worst(ended.Add(4*time.Minute), ended.Add(20*time.Minute))
	if calm.waiting > 20 || calm.kv > 0.9 || calm.preemptions > 0 {
		t.Errorf("already at the usual load: %+v", calm)
	}
	if storm.waiting < 80 || storm.kv < 0.95 || storm.util < calm.util+10 || storm.preemptions < 1 || storm.queued < 2*calm.queued {
		t.Errorf("in the incident: %+v, before %+v", storm, calm)
	}
	if after.waiting > 20 || after.preemptions > 0 {
		t.Errorf("after the incident: %+v", after)
	}
}

// TestLoadIsFollowed compares a quiet with a busy hour.
func TestLoadIsFollowed(t *testing.T) {
	tokens := func(load float64) float64 {
		f := New(Config{Seed: 1, Start: start, Load: func(time.Time) float64 { return load }})
		f.Advance(start.Add(30 * time.Minute))
		return value(t, f.Families("/r1/metrics"), "sglang:generation_tokens_total", 0)
	}
	if quiet, busy := tokens(0.5), tokens(1.5); busy < 2*quiet || quiet == 0 {
		t.Errorf("%.0f tokens at half the load, %.0f at one and a half", quiet, busy)
	}
}

// TestScrape reads every exporter as a scraper does.
func TestScrape(t *testing.T) {
	now := start.Add(10 * time.Minute)
	f := New(Config{Seed: 1, Start: start, Now: func() time.Time { return now }})
	srv := httptest.NewServer(f)
	defer srv.Close()
	for _, x := range f.Targets() {
		resp, err := http.Get(srv.URL + x.Path)
		if err != nil {
			t.Fatal(err)
		}
		p := expfmt.NewTextParser(model.UTF8Validation)
		families, err := p.TextToMetricFamilies(resp.Body)
		resp.Body.Close()
		if err != nil || len(families) < 5 {
			t.Errorf("%s: %d families, %v", x.Path, len(families), err)
		}
		for name, m := range families {
			for _, h := range m.Metric {
				b := h.GetHistogram().GetBucket()
				for i := 1; i < len(b); i++ {
					if b[i].GetCumulativeCount() < b[i-1].GetCumulativeCount() {
						t.Errorf("%s: buckets of %s fall", x.Path, name)
					}
				}
			}
		}
	}
	resp, err := http.Get(srv.URL + "/nothing/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown path: %s", resp.Status)
	}
}

func BenchmarkAdvance(b *testing.B) {
	f := New(Config{Seed: 1, Start: start})
	at := start
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(15 * time.Second)
		f.Advance(at)
	}
}
