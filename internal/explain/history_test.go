package explain

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/traffic"
)

// history are the calls that the demo's load would have made.
func history(t *testing.T, seed uint64, rate float64, start, end time.Time, incidents []traffic.Incident) Rows {
	t.Helper()
	g := traffic.New(traffic.Config{Seed: seed, Rate: rate, MaxText: 16, Incidents: incidents})
	var rows Rows
	err := g.History(start, end, func(r llm.Record) error {
		if r.Call == nil {
			return nil
		}
		var row Row
		row.SetCall(r.Call)
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// The incidents of the demo are found by those who are woken by them.
func TestIncidentsOfTheDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("makes hours of load")
	}
	want := map[string]struct {
		metrics []Metric
		any     []Condition // one of these is among the conditions of the first cause, or the same by another name
	}{
		"slow-provider": {[]Metric{TTFTP95, LatencyP95}, []Condition{is(DimProvider, "anthropic")}},
		"rate-limit":    {[]Metric{ErrorRate}, []Condition{is(DimModel, "gpt-4o")}},
		"server-errors": {[]Metric{ErrorRate}, []Condition{is(DimProvider, "deepseek"), is(DimModel, "deepseek-chat")}},
		"runaway-user":  {[]Metric{Requests, InputTokens, TotalTokens}, []Condition{is(DimUser, "u-loop")}},
		"saturated-gpu": {[]Metric{TTFTP95}, []Condition{is(DimProvider, "ollama"), is(DimModel, "llama3.2")}},
	}
	right, all := 0, 0
	for seed := range uint64(4) {
		for _, in := range traffic.DefaultIncidents() {
			// One occurrence, within a day's load of which only it is at fault.
			start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Add(in.Offset)
			in.Every, in.Offset = 1000*time.Hour, 0
			from := start.Truncate(time.Minute)
			at := time.Unix(0, from.UnixNano()/int64(in.Every)*int64(in.Every))
			in.Offset = from.Sub(at)
			w := Range{from.Add(-5 * time.Minute), from.Add(in.Length)}
			rate := 1.5
			if in.Provider == "ollama" {
				rate = 6 // so that its few calls are enough to tell
			}
			rows := history(t, seed, rate, w.Start.Add(-3*time.Hour), w.End, []traffic.Incident{in})
			for _, m := range want[in.Name].metrics {
				req := Request{Metric: m, Window: Selection{Ranges: []Range{w}}, Baseline: Selection{Ranges: []Range{{w.Start.Add(-3 * time.Hour), w.Start}}}}
				e, err := Explain(t.Context(), req, rows)
				if err != nil {
					t.Fatal(err)
				}
				all++
				ok := len(e.Causes) > 0 && slices.ContainsFunc(append(slices.Clone(e.Causes[0].Conditions), e.Causes[0].Same...), func(c Condition) bool {
					return slices.Contains(want[in.Name].any, c)
				})
				if ok {
					right++
				}
				if !ok || seed == 0 {
					t.Logf("seed %d %s %s %v:\n%s", seed, in.Name, m, ok, e)
				}
			}
		}
	}
	t.Logf("right: %d of %d", right, all)
	if right < all*95/100 {
		t.Errorf("the cause is first in %d of %d", right, all)
	}
}

// An ordinary day of the demo claims nothing.
func TestAnOrdinaryDayOfTheDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("makes hours of load")
	}
	start := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	rows := history(t, 11, 1.5, start, start.Add(8*time.Hour), []traffic.Incident{})
	quiet, all := 0, 0
	for _, m := range []Metric{ErrorRate, LatencyP95, TTFTP95, TPOTP95, InputPerCall, OutputPerCall, StallRate, TruncationRate} {
		for k := range 4 {
			w := Range{start.Add(time.Duration(4+k) * time.Hour), start.Add(time.Duration(4+k)*time.Hour + 20*time.Minute)}
			e, err := Explain(context.Background(), Request{Metric: m, Window: Selection{Ranges: []Range{w}}}, rows)
			if err != nil {
				t.Fatal(err)
			}
			all++
			if len(e.Causes) == 0 {
				quiet++
			} else {
				t.Logf("%s at %v: %s (p=%g)", m, w.Start, e.Summary, e.Causes[0].P)
			}
		}
	}
	t.Logf("nothing is claimed in %d of %d", quiet, all)
	if quiet < all*9/10 {
		t.Errorf("nothing is claimed in %d of %d only", quiet, all)
	}
}
