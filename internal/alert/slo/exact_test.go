package slo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// bursty is traffic that changes by the hour, with errors in bursts: what is
// hard for sums of samples.
func bursty(seed uint64) func(at time.Time) rates {
	rnd := rand.New(rand.NewPCG(seed, 7))
	var burst time.Time
	share := 0.0
	return func(at time.Time) rates {
		if at.After(burst) {
			share = 0.0002
			if rnd.IntN(200) == 0 { // about one in an hour
				burst, share = at.Add(time.Duration(rnd.IntN(900))*time.Second), rnd.Float64()
			}
		}
		perSecond := 5 + 4*math.Sin(float64(at.Unix())/86400*2*math.Pi) + rnd.Float64()
		return traffic(perSecond, share)
	}
}

// TestLongWindowsAreExact compares what is recorded with a count of all events
// of the window.
func TestLongWindowsAreExact(t *testing.T) {
	s := newSim(t, "- {name: a, objective: 99, window: 7d, sli: availability}\n")
	type moment struct {
		at         time.Time
		bad, total float64
	}
	var history []moment
	feed := bursty(1)
	count := func(at time.Time) rates {
		r := feed(at)
		bad, good := r[`llm_requests_total{status="error"}`]*s.scrape.Seconds(), r[`llm_requests_total{status="success"}`]*s.scrape.Seconds()
		history = append(history, moment{at, bad, bad + good})
		return r
	}
	s.fast(7*day+4*time.Hour, count)
	s.run(30*time.Minute, count, nil)
	exact := func(w time.Duration) (bad, total float64) {
		for _, m := range history {
			if m.at.After(s.now.Add(-w)) {
				bad, total = bad+m.bad, total+m.total
			}
		}
		return bad, total
	}
	for _, tt := range []struct {
		w         time.Duration
		tolerance float64 // of the ratio
	}{
		{7 * day, 0.001}, {1008 * time.Minute, 0.01}, {336 * time.Minute, 0.01}, {84 * time.Minute, 0.05},
	} {
		bad, total := exact(tt.w)
		want := bad / total
		got, ok := s.value(fmt.Sprintf(`slo:sli_error:ratio_rate%s{slo="a"}`, promDuration(tt.w)))
		if !ok || math.Abs(got-want) > tt.tolerance*want {
			t.Errorf("error ratio over %v: %v, exactly %v: off by %.2f %%", tt.w, got, want, 100*math.Abs(got-want)/want)
		}
		t.Logf("%v: recorded %.6f, exact %.6f", tt.w, got, want)
	}
	bad, total := exact(7 * day)
	st := s.set.Status(t.Context(), s, s.now)
	if len(st) != 1 {
		t.Fatalf("%d statuses", len(st))
	}
	near := func(name string, got *float64, want, tolerance float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > tolerance*math.Abs(want) {
			t.Errorf("%s is %v, want %v", name, deref(got), want)
		}
	}
	near("attainment", st[0].Attainment, 1-bad/total, 1e-4)
	near("events", st[0].Events, total, 0.001)
	near("bad events", st[0].BadEvents, bad, 0.001)
	near("remaining", st[0].BudgetRemaining, 1-bad/total/0.01, 0.01)
}

func deref(v *float64) any {
	if v == nil {
		return "unknown"
	}
	return *v
}

// TestCalendarMonth begins three hours before a month ends: the errors of the old month are not the
// new one's.
func TestCalendarMonth(t *testing.T) {
	s := newSim(t, "- {name: a, objective: 99, window: month, sli: availability}\n")
	s.scrape = 30 * time.Second
	s.now = start.Add(29*day + 21*time.Hour)
	s.run(3*time.Hour-tile, always(traffic(1, 0.5)), nil) // the last day of September
	if got, ok := s.value(recRatio + `_month{slo="a"}`); !ok || math.Abs(got-0.5) > 0.01 {
		t.Errorf("error ratio in September: %v %v, want 0.5", got, ok)
	}
	s.run(tile, always(traffic(1, 0.5)), nil)
	s.run(6*time.Hour, always(traffic(1, 0.001)), nil)
	got, ok := s.value(recRatio + `_month{slo="a"}`)
	if !ok || math.Abs(got-0.001) > 0.0005 { // a minute of resolution at the border
		t.Errorf("error ratio in October: %v, want 0.001", got)
	}
	st := s.set.Status(t.Context(), s, s.now)
	if len(st) != 1 || st[0].Events == nil || math.Abs(*st[0].Events-6*3600) > 600 {
		t.Errorf("status %+v, want events of 6 hours", st[0])
	}
	if st[0].Window != "month" || st[0].State != StateOK {
		t.Errorf("window %s, state %s", st[0].Window, st[0].State)
	}
}

func TestLatencyQuantile(t *testing.T) {
	s := newSim(t, "- {name: lat, objective: 99, window: 7d, sli: {latency: {threshold: 2s}}}\n")
	cumulative := map[string]float64{"1.0": 90, "2.0": 98, "2.5": 99, "5.0": 100, "+Inf": 100}
	r := rates{"llm_request_duration_seconds_count": 100}
	for le, v := range cumulative {
		r[`llm_request_duration_seconds_bucket{le="`+le+`"}`] = v
	}
	s.run(6*time.Hour, always(r), nil)
	if got, _ := s.value(`slo:latency:p99{slo="lat"}`); math.Abs(got-2.5) > 1e-6 {
		t.Errorf("slo:latency:p99 is %v, want 2.5", got)
	}
	if got, _ := s.value(`slo:sli_error:ratio_rate7d{slo="lat"}`); math.Abs(got-0.02) > 1e-9 {
		t.Errorf("error ratio is %v, want 0.02", got)
	}
}
