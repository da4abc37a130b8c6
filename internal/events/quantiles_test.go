package events

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// quantileOf is the exact quantile of a few durations.
func quantileOf(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

func TestTimelineQuantiles(t *testing.T) {
	s, _ := rollupStore(t)
	r := newRand(11)
	end := time.Now().UTC().Truncate(time.Hour)
	var all []*llm.Call
	for i := range 4000 {
		at := end.Add(-time.Duration(1+r.Int64N(int64(30*time.Hour))) - 2*time.Hour)
		if h := end.Sub(at) / time.Hour; h == 9 || h == 20 {
			continue // hours without calls
		}
		c := worldCall(r, at, "", "", i)
		c.Duration = time.Duration(math.Exp(0.6*r.NormFloat64()) * float64(time.Second))
		c.Stream, c.TTFT = false, llm.Opt[time.Duration]{}
		if i%5 < 2 {
			c.RequestModel = "model-0" // has most calls
		}
		if i%2 == 0 {
			c.Stream, c.TTFT = true, llm.Some(c.Duration/3)
		}
		all = append(all, c)
	}
	insert(t, s, calls(all)...)
	check := func(name string, q TimelineQuery, tolerance float64, value func(*llm.Call) string) {
		t.Helper()
		q.Step, q.Quantiles = time.Hour, true
		q.Range = Range{end.Add(-33 * time.Hour), end}
		tl, err := s.Timeline(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		seen, empty := 0, 0
		for _, sr := range tl.Series {
			for i, at := range tl.Times {
				var durations, first []float64
				for _, c := range all {
					if v := value(c); (v == sr.Value || sr.Value == OtherValue && v != "model-0") && !c.Time.Before(at) && c.Time.Before(at.Add(time.Hour)) {
						durations = append(durations, c.Duration.Seconds())
						if ttft, ok := c.TTFT.Get(); ok {
							first = append(first, ttft.Seconds())
						}
					}
				}
				if len(durations) != int(sr.Calls[i]) {
					t.Fatalf("%s: %s has %d calls at %v, want %d", name, sr.Value, sr.Calls[i], at, len(durations))
				}
				for _, d := range []struct {
					got    llm.Opt[float64]
					values []float64
					q      float64
				}{
					{sr.Latency.P50[i], durations, 0.5},
					{sr.Latency.P95[i], durations, 0.95},
					{sr.Latency.P99[i], durations, 0.99},
					{sr.TTFT.P50[i], first, 0.5},
					{sr.TTFT.P95[i], first, 0.95},
				} {
					got, ok := d.got.Get()
					if ok != (len(d.values) > 0) {
						t.Fatalf("%s: %s at %v of %d calls: %v", name, sr.Value, at, len(d.values), d.got)
					}
					if !ok {
						empty++
						continue
					}
					seen++
					// The quantile lies between two neighbours of so few values.
					low, high := quantileOf(d.values, max(0, d.q-1.5/float64(len(d.values)))), quantileOf(d.values, min(1, d.q+1.5/float64(len(d.values))))
					if got < low*(1-tolerance) || got > high*(1+tolerance) {
						t.Errorf("%s: %s at %v: %v of %d is %v, between %v and %v", name, sr.Value, at, d.q, len(d.values), got, low, high)
					}
				}
			}
		}
		if seen == 0 || empty == 0 {
			t.Fatalf("%s: %d steps with, %d without", name, seen, empty)
		}
	}
	one := func(*llm.Call) string { return "" }
	model := func(c *llm.Call) string { return c.RequestModel }
	check("exact", TimelineQuery{}, 1e-9, one)
	check("exact by model", TimelineQuery{By: "model"}, 1e-9, model)
	check("others", TimelineQuery{By: "model", Limit: 1}, 0.14, model)
	s.limits.exactQuantiles = 0
	check("buckets", TimelineQuery{}, 0.14, one)
	if rollup(t, s) == 0 {
		t.Fatal("nothing was rolled up")
	}
	s.limits.liveQuantiles = 0
	check("rollups", TimelineQuery{}, 0.14, one)
	check("rollups by model", TimelineQuery{By: "model"}, 0.14, model)
	plain, err := s.Timeline(t.Context(), TimelineQuery{CallFilter: CallFilter{Range: Range{end.Add(-33 * time.Hour), end}}})
	if err != nil || plain.Series[0].Latency != nil || plain.Series[0].TTFT != nil {
		t.Errorf("quantiles that nobody asked for: %v", err)
	}
}
