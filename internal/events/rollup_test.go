package events

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/llm"
)

// rollupStore is a Store over an engine of its own: rollups are of all Calls.
func rollupStore(t *testing.T) (*Store, *engine.Supervisor) {
	t.Helper()
	sup, err := engine.Start(t.Context(), engineOptions(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sup.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return newStore(t, sup, nil), sup
}

func rollup(t *testing.T, s *Store) int {
	t.Helper()
	n, err := s.Rollup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// checkRollups compares totals, costs and summary of many ranges and filters.
func checkRollups(t *testing.T, s *Store, all []*llm.Call, end time.Time) {
	t.Helper()
	day := end.Truncate(24 * time.Hour)
	for _, r := range []Range{
		{end.Add(-5 * 24 * time.Hour), end},
		{day.Add(-4 * 24 * time.Hour), day},
		{day.Add(-3*24*time.Hour + 90*time.Minute), end},
		{end.Add(-26 * time.Hour), end.Add(-3*time.Hour - 7*time.Minute)},
		{end.Add(-7 * time.Hour), end},
	} {
		for name, f := range map[string]CallFilter{
			"all": {}, "user": {User: "u1"}, "model": {Model: "gpt-4o"}, "errors": {Status: "error"}, "service": {Service: "a", Feature: "search"},
		} {
			t.Run(fmt.Sprintf("%s %v", name, r.End.Sub(r.Start)), func(t *testing.T) {
				f.Range = r
				want := where(all, func(c *llm.Call) bool {
					return !c.Time.Before(r.Start) && c.Time.Before(r.End) && (f.User == "" || c.User == f.User) &&
						(f.Model == "" || c.Model() == f.Model || c.RequestModel == f.Model) && (f.Status == "" || string(c.Status) == f.Status) &&
						(f.Service == "" || c.Service == f.Service) && (f.Feature == "" || c.Feature == f.Feature)
				})
				checkRange(t, s, f, want)
			})
		}
	}
}

func checkRange(t *testing.T, s *Store, f CallFilter, want []*llm.Call) {
	t.Helper()
	sum, err := s.Summary(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(oracleTotals(want), sum.Totals, nearly); d != "" {
		t.Fatalf("summary (-want +got):\n%s", d)
	}
	if len(want) > 0 {
		var d []float64
		for _, c := range want {
			d = append(d, c.Duration.Seconds())
		}
		slices.Sort(d)
		want := d[len(d)*95/100]
		if got := sum.Latency.P95; int64(len(d)) != sum.Latency.Count || len(d) > 100 && math.Abs(math.Log(got/want)) > 0.2 {
			t.Errorf("p95 = %v, want about %v; %d measured", got, want, sum.Latency.Count)
		}
	}
	checkFacets(t, s, f, want)
	for _, step := range []time.Duration{0, time.Hour, 24 * time.Hour} {
		groups, err := s.Costs(t.Context(), CostQuery{CallFilter: f, By: []string{"user", "model"}, Step: step, Limit: MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		oracle := map[string][]*llm.Call{}
		for _, c := range want {
			k := costKey(c.Time, step, c.User, c.Model())
			oracle[k] = append(oracle[k], c)
		}
		if len(groups) != len(oracle) {
			t.Errorf("step %v: %d groups, want %d", step, len(groups), len(oracle))
		}
		for _, g := range groups {
			if d := cmp.Diff(oracleTotals(oracle[costKey(g.Time, step, g.Values["user"], g.Values["model"])]), g.Totals, nearly); d != "" {
				t.Fatalf("step %v group %v (-want +got):\n%s", step, g.Values, d)
			}
		}
	}
}

func TestRollupsAgreeWithOracle(t *testing.T) {
	s, _ := rollupStore(t)
	end := time.Now().UTC()
	r := rand.New(rand.NewPCG(9, 9))
	var all []*llm.Call
	add := func(n int, from, to time.Time) {
		var cs []*llm.Call
		for range n {
			cs = append(cs, validCall(t, randomCall(r, from.Add(time.Duration(r.Int64N(int64(to.Sub(from))))), []string{"a", "b"}[r.IntN(2)])))
		}
		insert(t, s, calls(cs)...)
		all = append(all, cs...)
	}
	back := 5 * 24 * time.Hour
	if testing.Short() { // the race detector slows the engine down, too
		back = 3 * 24 * time.Hour
	}
	add(int(25*back.Hours()), end.Add(-back), end)
	if n := rollup(t, s); n < int(back.Hours())*5/6 {
		t.Errorf("%d periods were rolled up", n)
	}
	checkRollups(t, s, all, end)
	if n := rollup(t, s); n != 0 {
		t.Errorf("%d periods were rolled up again for nothing", n)
	}

	// Late Calls make their hours and days new, and count once.
	add(50, end.Add(-50*time.Hour), end.Add(-49*time.Hour))
	n := rollup(t, s)
	if n == 0 || n > 4 {
		t.Errorf("%d periods were rolled up for late calls", n)
	}
	checkRollups(t, s, all, end)

	// Another process, which knows nothing, finds nothing to do, and answers the same.
	other, err := New(s.ep, Options{Retention: s.retention})
	if err != nil {
		t.Fatal(err)
	}
	if n := rollup(t, other); n > 1 { // an hour may have ended meanwhile
		t.Errorf("%d periods were rolled up by a second process", n)
	}
	checkRollups(t, other, all, end)
}

func TestRollupUsesRollups(t *testing.T) {
	s, _ := rollupStore(t)
	end := time.Now().UTC()
	r := rand.New(rand.NewPCG(1, 9))
	var cs []*llm.Call
	for range 200 {
		cs = append(cs, validCall(t, randomCall(r, end.Add(-time.Duration(r.Int64N(int64(4*24*time.Hour)))), "a")))
	}
	insert(t, s, calls(cs)...)
	rollup(t, s)
	p, err := s.planRange(t.Context(), Range{end.Add(-4 * 24 * time.Hour), end}, 0, families[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(p.parts) != 2 || len(p.parts[0].labels) < 5 || len(p.parts[1].labels) < 2 || len(p.live) == 0 {
		t.Errorf("plan = %+v", p)
	}
	var live time.Duration
	for _, l := range p.live {
		live += l.End.Sub(l.Start)
	}
	// Hours without Calls have no rollup; with 200 Calls in 96 hours few are such.
	if live > 30*time.Hour {
		t.Errorf("%v of the range are answered from calls", live)
	}
}

func TestRangesAreCut(t *testing.T) {
	s := testStore(t)
	f := CallFilter{Service: "no such", Range: Range{time.Unix(0, 0), time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)}}
	sum, err := s.Summary(t.Context(), f)
	if err != nil || sum.Totals.Calls != 0 || sum.End.Sub(sum.Start) > 63*24*time.Hour {
		t.Errorf("summary of all time: %+v, %v", sum, err)
	}
}

func TestUnfinishedAndDamagedRollupsDoNotCount(t *testing.T) {
	s, _ := rollupStore(t)
	end := time.Now().UTC()
	hour := end.Add(-30 * time.Hour).Truncate(time.Hour)
	r := rand.New(rand.NewPCG(2, 9))
	var cs []*llm.Call
	for range 100 {
		cs = append(cs, validCall(t, randomCall(r, hour.Add(time.Duration(r.Int64N(int64(time.Hour)))), "a")))
	}
	insert(t, s, calls(cs)...)
	// Rows without their mark, as after a crash in the middle.
	w := rollupWriter{s: s, start: hour, label: "unmarked"}
	if err := w.write(t.Context(), "rollup_full_hour", row{"calls": "1000", "service": "a", "status": "ok"}); err != nil {
		t.Fatal(err)
	}
	if err := w.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A mark without its rows, as after a crash that lost them.
	w = rollupWriter{s: s, start: hour, label: "damaged"}
	if err := w.finish(t.Context(), mark{start: hour, calls: 100, label: "damaged", gen: 1, rows: 7}); err != nil {
		t.Fatal(err)
	}
	if n := rollup(t, s); n == 0 {
		t.Error("a damaged hour is not computed again")
	}
	checkRange(t, s, CallFilter{Range: Range{end.Add(-48 * time.Hour), end}}, cs)
}

func TestSketch(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	s := sketch{}
	var values []float64
	for range 10_000 {
		v := math.Exp(r.NormFloat64())
		values = append(values, v)
		s[int(math.Ceil(math.Log10(v)*bucketsPerDecade))]++
	}
	slices.Sort(values)
	for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
		want := values[min(int(q*10_000), 9999)]
		if got := s.quantile(q); math.Abs(math.Log(got/want)) > 0.13 {
			t.Errorf("quantile %v = %v, want about %v", q, got, want)
		}
	}
	back := sketch{}
	if err := back.addText(s.String()); err != nil || cmp.Diff(s, back) != "" {
		t.Errorf("round trip: %v", err)
	}
	for _, bad := range []string{"x", "1:", "1:x", ":1"} {
		if err := (sketch{}).addText(bad); err == nil {
			t.Errorf("addText(%q) succeeds", bad)
		}
	}
	h, err := parseEngineHistogram(`[{"vmrange":"0...1.000e-09","hits":1},{"vmrange":"8.799e-01...1.000e+00","hits":2},{"vmrange":"1.000e+18...+Inf","hits":3}]`)
	if err != nil || cmp.Diff(sketch{zeroBucket: 1, 0: 2, infBucket: 3}, h) != "" {
		t.Errorf("%v, %v", h, err)
	}
	if (sketch{}).distribution(0) != nil || !math.IsNaN((sketch{}).quantile(0.5)) {
		t.Error("nothing measured is not absent")
	}
	if (sketch{zeroBucket: 1}).quantile(0.5) != 0 {
		t.Error("zero is not zero")
	}
}

// TestRollupAfterAClockThatWasAhead: totals of a process whose clock was ahead must
// not win over those of the next one for ever, which computed them again and again.
func TestRollupAfterAClockThatWasAhead(t *testing.T) {
	s, _ := ownEngine(t)
	r := rand.New(rand.NewPCG(41, 42))
	at := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	insert(t, s, llm.Record{Call: randomCall(r, at, "svc")})
	s.now = func() time.Time { return time.Now().Add(20 * time.Hour) }
	if n, err := s.Rollup(t.Context()); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	next, err := New(s.ep, Options{})
	if err != nil {
		t.Fatal(err)
	}
	insert(t, next, llm.Record{Call: randomCall(r, at.Add(time.Minute), "svc")})
	if n, err := next.Rollup(t.Context()); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if n, err := next.Rollup(t.Context()); err != nil || n != 0 {
		t.Errorf("%d periods were computed again though nothing has changed: %v", n, err)
	}
	marks, err := next.marks(t.Context(), Range{at, at.Add(time.Hour)})
	if err != nil || marks.hours[at.Unix()].calls != 2 {
		t.Errorf("the hour counts %+v, %v; want 2 calls", marks.hours[at.Unix()], err)
	}
}
