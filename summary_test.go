package pitot

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestSketch: quantiles are within sketchError of the exact ones, whatever the
// distribution, also of a sum of sketches.
func TestSketch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"uniform":     func() float64 { return 0.001 + rng.Float64()*10 },
		"exponential": func() float64 { return 0.0002 + rng.ExpFloat64()*3 },
		"lognormal":   func() float64 { return math.Exp(rng.NormFloat64()*1.5 - 1) },
		"two modes":   func() float64 { return []float64{0.2, 40}[rng.IntN(2)] * (1 + rng.Float64()/10) },
		"one value":   func() float64 { return 1.234 },
	} {
		for _, n := range []int{1, 2, 10, 999, 20000} {
			values := make([]float64, n)
			parts := make([]sketch, 7)
			sum := 0.0
			for i := range values {
				values[i] = min(draw(), sketchCeil)
				parts[i%7].add(values[i])
				sum += values[i]
			}
			slices.Sort(values)
			var d distribution
			for i := range parts {
				d.add(&parts[i])
			}
			for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.95, 0.99, 1} {
				want := values[max(int(math.Ceil(q*float64(n)))-1, 0)]
				if got := d.quantile(q); math.Abs(got-want) > sketchError*want*1.0001 {
					t.Errorf("%s, %d values: quantile %v is %v, exactly %v: %.2f %% off", name, n, q, got, want, 100*(got/want-1))
				}
			}
			if int(d.n) != n || math.Abs(d.sum-sum) > 1e-6*sum || d.min != values[0] || d.max != values[n-1] {
				t.Errorf("%s: n %d sum %v min %v max %v", name, d.n, d.sum, d.min, d.max)
			}
		}
	}
}

// TestSketchExtremes: what is out of range counts at its end, what is no number
// not at all.
func TestSketchExtremes(t *testing.T) {
	var s sketch
	for _, v := range []float64{0, 1e-9, 1e9, math.Inf(1), math.NaN(), -1} {
		s.add(v)
	}
	var d distribution
	d.add(&s)
	if d.n != 4 || d.quantile(0.25) > sketchFloor || d.quantile(1) < sketchCeil*0.97 {
		t.Errorf("n %d, quantiles %v and %v", d.n, d.quantile(0.25), d.quantile(1))
	}
	if n := len(s.counts) * 2; n > 1000 {
		t.Errorf("the sketch has %d bytes", n)
	}
	for range math.MaxUint16 + 10 {
		s.add(1)
	}
	if s.n != math.MaxUint16+14 {
		t.Errorf("%d values", s.n)
	}
	if (&distribution{}).quantile(0.5) != 0 {
		t.Error("an empty distribution has a median")
	}
}

// later lets d go by, in a bubble where time is not real.
func later(d time.Duration) { <-time.After(d) }

// callOf makes a call of a model for a user that took d.
func callOf(model, user string, d time.Duration) *llm.Call {
	return &llm.Call{
		Provider: "openai", Operation: llm.OpChat, RequestModel: model, User: user, Feature: "f-" + user, Status: llm.StatusOK, Duration: d,
		Usage: llm.Usage{InputTokens: llm.Some[int64](10), OutputTokens: llm.Some[int64](20), Source: llm.UsageReported},
		Cost:  llm.Cost{USD: llm.Some(0.01), State: llm.CostComputed},
	}
}

// TestSummary: the figures over the window, for all and for what filters choose.
func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(defaultSettings())
		for i := 1; i <= 100; i++ {
			c := callOf([]string{"a", "b"}[i%2], []string{"u1", "u2", "u3", "u4"}[i%4], time.Duration(i)*100*time.Millisecond)
			if i%10 == 0 {
				c.SetError([]string{"timeout", "rate_limit"}[i/10%2], "")
			}
			c.TTFT = llm.Some(time.Duration(i) * 10 * time.Millisecond)
			w.add(c, slow(i%2))
			later(10 * time.Second)
		}
		all := w.report(30*time.Minute, nil)
		if all.Requests != 100 || all.Errors != 10 || *all.SuccessRate != 0.9 || all.Slow != 50 || all.Folded {
			t.Errorf("%+v", all)
		}
		if diff := cmp.Diff(map[string]int64{"timeout": 5, "rate_limit": 5}, all.ErrorTypes); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
		near := func(got, want time.Duration) bool { return math.Abs(float64(got-want)) <= 0.021*float64(want) }
		if l := all.Latency; l.Count != 100 || !near(l.P50, 5*time.Second) || !near(l.P95, 9500*time.Millisecond) || !near(l.P99, 9900*time.Millisecond) || l.Average.Round(time.Millisecond) != 5050*time.Millisecond {
			t.Errorf("latency %+v", l)
		}
		if !near(all.TTFT.P50, 500*time.Millisecond) || *all.InputTokens != 1000 || *all.OutputTokens != 2000 || math.Abs(all.Cost.Computed-1) > 1e-9 || all.Unpriced != 0 {
			t.Errorf("%+v %+v", all.TTFT, all.Figures)
		}
		if len(all.Models) != 2 || all.Models[0].Requests != 50 || all.Models[0].Model != "a" {
			t.Errorf("models %+v", all.Models)
		}
		if r := w.report(30*time.Minute, []Filter{ByModel("a"), ByUser("u1")}); r.Requests != 25 {
			t.Errorf("%v: %d", r.Filters, r.Requests)
		}
		for want, f := range map[int64]Filter{50: ByModel("b"), 25: ByFeature("f-u2"), 100: ByProvider("openai"), 0: ByUser("nobody")} {
			if r := w.report(time.Hour, []Filter{f}); r.Requests != want {
				t.Errorf("%v: %d requests, want %d", f, r.Requests, want)
			}
		}
		// The window moves: of the last 5 minutes there are 30 calls, one more or less.
		if r := w.report(5*time.Minute, nil); r.Requests < 29 || r.Requests > 31 || r.To.Sub(r.From) < 5*time.Minute {
			t.Errorf("5 minutes: %d in %v", r.Requests, r.To.Sub(r.From))
		}
		later(50 * time.Minute)
		if r := w.report(0, nil); r.Requests >= 100 || r.Requests == 0 {
			t.Errorf("after 50 minutes: %d", r.Requests)
		}
		later(time.Hour)
		if r := w.report(0, nil); r.Requests != 0 || r.SuccessRate != nil || r.Latency != nil || len(r.Models) != 0 {
			t.Errorf("after two hours: %+v", r)
		}
	})
}

// TestSummaryShows: as JSON and as a table, unknown things left out.
func TestSummaryShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(defaultSettings())
		later(time.Minute)
		c := callOf("a", "u", 1234*time.Millisecond)
		c.SetError("timeout", "")
		c.Usage, c.Cost = llm.Usage{}, llm.Cost{}
		w.add(callOf("a", "u", 2*time.Second), 0)
		w.add(c, 0)
		r := w.report(time.Hour, []Filter{ByModel("a")})
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		latency := got["latency_seconds"].(map[string]any)
		models := got["models"].([]any)
		if got["requests"] != 2.0 || got["success_rate"] != 0.5 || got["ttft_seconds"] != nil || latency["avg"] != 1.617 || models[0].(map[string]any)["model"] != "a" ||
			got["cost"].(map[string]any)["usd"] != 0.01 || got["error_types"].(map[string]any)["timeout"] != 1.0 || got["filters"].(map[string]any)["model"] != "a" {
			t.Errorf("JSON is %s", b)
		}
		for _, line := range []string{
			"2 requests in 1m0s of model=a\n", "success rate         50.0 %\n", "time to first token  -\n", "tokens in, out       10, 20\n", "cost                 $0.01\n",
			"error timeout        1\n", "openai/a  2         50.0 %",
		} {
			if !strings.Contains(r.String(), line) {
				t.Errorf("no %q in\n%s", line, r)
			}
		}
		if s := (Report{}).String(); !strings.Contains(s, "0 requests") {
			t.Errorf("an empty report is %q", s)
		}
	})
}

// TestSummaryIsBounded: with any number of users, models and errors memory has
// the limit that it states, totals stay right, and the report says what it
// does not tell apart.
func TestSummaryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(defaultSettings())
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		const slots, each = windowSlots + 20, 120
		for s := range slots {
			for i := range each {
				c := callOf(fmt.Sprint("m", s, i%90), fmt.Sprint("u", s, i), time.Duration(i+1)*300*time.Millisecond)
				c.SetError(fmt.Sprint("e", i), "")
				w.add(c, 0)
			}
			later(w.slot)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if n := int64(after.HeapAlloc) - int64(before.HeapAlloc); n > 28<<20 {
			t.Errorf("the window holds %d bytes", n)
		}
		for i := range w.slots {
			if n := len(w.slots[i].cells); n > maxFolded+1 {
				t.Fatalf("a slot has %d cells", n)
			}
		}
		r := w.report(0, nil)
		if want := int64(windowSlots * each); r.Requests != want || !r.Folded || len(r.Models) > maxModels+1 || len(r.ErrorTypes) > maxErrorTypes+1 {
			t.Errorf("%d requests, want %d; %d models, %d error types", r.Requests, want, len(r.Models), len(r.ErrorTypes))
		}
		var errs int64
		for _, n := range r.ErrorTypes {
			errs += n
		}
		if errs != r.Errors {
			t.Errorf("%d errors by type, %d in all", errs, r.Errors)
		}
		if !strings.Contains(r.String(), "filters may miss") {
			t.Error("the table does not say that filters may miss calls")
		}
	})
}

func TestSummaryOff(t *testing.T) {
	if r := Summary(time.Hour, ByModel("x")); r.Requests != 0 || len(r.Filters) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestSummaryWindowOption: what is remembered, and its resolution.
func TestSummaryWindowOption(t *testing.T) {
	for d, ok := range map[time.Duration]bool{time.Second: false, time.Minute: true, 24 * time.Hour: true, 25 * time.Hour: false} {
		s := defaultSettings()
		if err := WithSummaryWindow(d)(s); (err == nil) != ok {
			t.Errorf("%v: %v", d, err)
		}
		if ok {
			if w := newWindow(s); w.slot < time.Second || time.Duration(len(w.slots)-1)*w.slot < d {
				t.Errorf("%v: %d slots of %v", d, len(w.slots), w.slot)
			}
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	w := newWindow(defaultSettings())
	c := streamed()
	b.ReportAllocs()
	for b.Loop() {
		w.add(c, 0)
	}
}

func BenchmarkSummary(b *testing.B) {
	w := newWindow(defaultSettings())
	now := time.Now()
	for s := range windowSlots {
		w.now = func() time.Time { return now.Add(time.Duration(s) * w.slot) }
		for i := range 40 {
			w.add(callOf("m", fmt.Sprint("u", i), time.Duration(i+1)*100*time.Millisecond), 0)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = w.report(time.Hour, nil)
	}
}
