//go:build unix

package rules

import (
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// benchStart is when the benchmark's series begin.
func benchStart() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// benchSeries is a series that grows by step every 15 seconds from a start: of
// a service that is well.
type benchSeries struct {
	labels      labels.Labels
	start, step float64
}

// healthySeries are the families that shipped rules read, with so many label
// sets of each, fewer of histograms. Calls take 0.6 to 4 seconds.
func healthySeries(sets, histograms int) []benchSeries {
	var out []benchSeries
	rng := rand.New(rand.NewPCG(1, 2))
	add := func(start, step float64, name string, kv ...string) {
		out = append(out, benchSeries{labels.FromStrings(append([]string{model.MetricNameLabel, name, "job", "pitot", "instance", "pitot"}, kv...)...), start, step})
	}
	buckets := map[string][]float64{
		"llm_request_duration_seconds":    {0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 30, 60, 120, 300},
		"llm_time_to_first_token_seconds": {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30},
		"llm_token_generation_rate":       {1, 2.5, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000},
	}
	for i := range sets {
		kv := []string{"service", "service-" + strconv.Itoa(i%25), "provider", "provider-" + strconv.Itoa(i%5), "model", "model-" + strconv.Itoa(i/25), "method", "chat"}
		with := func(more ...string) []string { return append(append([]string(nil), kv...), more...) }
		calls := float64(20 + rng.IntN(20))
		add(0, calls, "llm_requests_total", with("status", "success")...)
		add(0, calls/1000, "llm_requests_total", with("status", "error")...)
		for _, s := range []string{"input", "output", "cache_read"} {
			add(0, 200*calls, "llm_tokens_total", with("type", s)...)
		}
		add(0, calls/100, "llm_cost_usd_total", with("state", "computed")...)
		add(0, 10, "llm_response_quality_score_count", with("evaluator", "user")...)
		add(0, 8, "llm_response_quality_score_sum", with("evaluator", "user")...)
		for name, bounds := range buckets {
			if i >= histograms {
				break
			}
			unit := map[string]float64{"llm_request_duration_seconds": 0.4, "llm_time_to_first_token_seconds": 0.1, "llm_token_generation_rate": 15}[name]
			add(0, calls, name+"_count", kv...)
			for _, b := range append(bounds, math.Inf(1)) {
				add(0, calls*(1-math.Exp(-b*b/unit/unit/4)), name+"_bucket", with("le", strconv.FormatFloat(b, 'g', -1, 64))...)
			}
		}
		add(80, 0, "llm_gpu_utilization_percent", "gpu_id", strconv.Itoa(i))
		add(1e8, 1, "process_resident_memory_bytes", "pod", strconv.Itoa(i))
		add(1, 0, "llm_server_requests_waiting", "server", "vllm", "target", strconv.Itoa(i))
		add(0.5, 0, "llm_server_kv_cache_usage_ratio", "server", "vllm", "target", strconv.Itoa(i))
		add(1, 0, "up", "target", strconv.Itoa(i))
	}
	return out
}

// fillBench stores samples every 15 seconds for so long.
func fillBench(b testing.TB, e *evaluator, series []benchSeries, length time.Duration) {
	b.Helper()
	refs := make([]storage.SeriesRef, len(series))
	for at := time.Duration(0); at <= length; at += 15 * time.Second {
		app := e.appender(b.Context())
		for i, s := range series {
			ref, err := app.Append(refs[i], s.labels, benchStart().Add(at).UnixMilli(), s.start+s.step*float64(at/(15*time.Second)))
			if err != nil {
				b.Fatal(err)
			}
			refs[i] = ref
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRound evaluates all groups of all shipped packs once, beside each
// other as the engine does, with 15 seconds between samples: over 500 series of
// each family, where a histogram has 14 to 19 series a label set, and over 500
// label sets. Of the groups, anomaly_bands is due every 5 minutes, anomalies
// every minute and the others every 15 seconds: "regular" is a round of the last.
func BenchmarkRound(b *testing.B) {
	for _, bc := range []struct {
		name          string
		sets, buckets int
		regular       bool
	}{
		{"500_series/all_due", 250, 36, false},
		{"500_series/regular", 250, 36, true},
		{"500_sets/all_due", 500, 500, false},
		{"500_sets/regular", 500, 500, true},
	} {
		b.Run(bc.name, func(b *testing.B) {
			e, err := newEvaluator(packFiles(b, DefaultConfig()), evaluatorOptions{interval: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := e.close(); err != nil {
					b.Error(err)
				}
			}()
			series := healthySeries(bc.sets, bc.buckets)
			fillBench(b, e, series, 30*time.Minute)
			fillHistory(b, e, bc.sets)
			at := benchStart().Add(30 * time.Minute)
			e.mustEval(b, at, false) // makes the series of the records
			b.ReportAllocs()
			used := cpuTime(b)
			for b.Loop() {
				at = at.Add(time.Second)
				e.mustEval(b, at, bc.regular)
			}
			// Of a machine with other work the time of the wall says little.
			b.ReportMetric(float64((cpuTime(b)-used).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(len(series)), "series")
		})
	}
}

// cpuTime is what the process has used, garbage collection included.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillHistory gives the anomaly bands a day of their summaries, every 5 minutes.
func fillHistory(b testing.TB, e *evaluator, sets int) {
	b.Helper()
	var series []labels.Labels
	for i := range sets {
		for _, s := range signals(anomaliesPack().values(DefaultConfig())) {
			for _, name := range []string{"llm:signal:p50_1h", "llm:signal:spread_1h"} {
				series = append(series, labels.FromStrings(model.MetricNameLabel, name, "signal", s.name,
					"service", "service-"+strconv.Itoa(i%25), "provider", "provider-"+strconv.Itoa(i%5), "model", "model-"+strconv.Itoa(i/25)))
			}
		}
	}
	refs := make([]storage.SeriesRef, len(series))
	for at := benchStart().Add(-24 * time.Hour); at.Before(benchStart()); at = at.Add(5 * time.Minute) {
		app := e.appender(b.Context())
		for i, ls := range series {
			ref, err := app.Append(refs[i], ls, at.UnixMilli(), 5+float64(i%7))
			if err != nil {
				b.Fatal(err)
			}
			refs[i] = ref
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	e.db.ForceHeadMMap()
}

func (e *evaluator) mustEval(b testing.TB, at time.Time, regular bool) {
	b.Helper()
	var wg sync.WaitGroup
	for _, g := range e.groups {
		if !regular || g.Interval() <= 15*time.Second {
			wg.Go(func() { g.Eval(b.Context(), at) })
		}
	}
	wg.Wait()
	for _, g := range e.groups {
		for _, r := range g.Rules() {
			if r.LastError() != nil {
				b.Fatalf("%s: %v", r.Name(), r.LastError())
			}
		}
	}
}
