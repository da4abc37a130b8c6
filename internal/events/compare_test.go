package events

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
)

// arm is a model with known properties.
type arm struct {
	model                  string
	calls                  int
	errors                 float64 // share
	latency                float64 // median, seconds
	usd                    float64
	score                  float64 // share of good scores; none where negative
	weight                 float64
	unpriced, withoutUsage bool
}

func (a *arm) make(r *rand.Rand, start time.Time, service string) (out []*llm.Call, judged []llm.Record) {
	for i := range a.calls {
		at := start.Add(time.Duration(r.Int64N(int64(time.Hour))))
		c := &llm.Call{
			ID: newID(at, r), Time: at, Source: llm.SourceGateway, Service: service, Provider: "p", Operation: llm.OpChat, RequestModel: a.model,
			Region: []string{"eu", "us"}[i%2], Status: llm.StatusOK, Stream: true, Weight: a.weight,
			Duration: time.Duration(a.latency * math.Exp(0.7*r.NormFloat64()) * float64(time.Second)),
			Usage:    llm.Usage{InputTokens: llm.Some[int64](100), OutputTokens: llm.Some(50 + r.Int64N(100)), Source: llm.UsageReported},
			Cost:     llm.Cost{USD: llm.Some(a.usd * (0.5 + r.Float64())), State: llm.CostComputed},
		}
		c.TTFT = llm.Some(c.Duration / 5)
		if r.Float64() < a.errors {
			c.SetError("server_error", "")
			c.TTFT = llm.Opt[time.Duration]{}
		}
		if a.unpriced && i%4 == 0 {
			c.Cost = llm.Cost{State: llm.CostUnpriced}
		}
		if a.withoutUsage {
			c.Usage, c.Cost = llm.Usage{Source: llm.UsageUnknown}, llm.Cost{State: llm.CostUnpriced}
		}
		out = append(out, c)
		if a.score >= 0 && i%5 == 0 {
			score := 0.0
			if r.Float64() < a.score {
				score = 1
			}
			judged = append(judged, llm.Record{Feedback: &llm.Feedback{
				ID: newID(at, r), Time: at, CallID: c.ID, Name: "helpful", Score: llm.Some(score), Service: service, Provider: c.Provider, Model: a.model,
			}})
		}
	}
	return out, judged
}

// verdicts are the verdicts of a group by measure.
func verdicts(g *ComparedGroup) map[string]Verdict {
	out := map[string]Verdict{}
	for _, v := range g.Versus {
		out[v.Measure] = v.Verdict
	}
	return out
}

func groupOf(t *testing.T, c *Comparison, values ...string) *ComparedGroup {
	t.Helper()
	for i := range c.Groups {
		same := true
		for j, f := range c.By {
			same = same && c.Groups[i].Values[f] == values[j]
		}
		if same {
			return &c.Groups[i]
		}
	}
	t.Fatalf("no group %v", values)
	return nil
}

func TestCompare(t *testing.T) {
	s, _ := rollupStore(t)
	r := newRand(8)
	start := time.Now().UTC().Add(-30 * time.Hour).Truncate(time.Hour)
	all := map[string][]*llm.Call{}
	var judged []llm.Record
	for _, a := range []arm{
		{model: "base", calls: 1500, errors: 0.05, latency: 2, usd: 0.01, score: 0.7},
		{model: "alike", calls: 1200, errors: 0.05, latency: 2, usd: 0.01, score: 0.7, unpriced: true},
		{model: "worse", calls: 900, errors: 0.15, latency: 3, usd: 0.02, score: 0.3},
		{model: "better", calls: 900, errors: 0.005, latency: 1.2, usd: 0.004, score: 0.97},
		{model: "rare", calls: 12, errors: 0.5, latency: 9, usd: 0.5, score: -1},
		{model: "sampled", calls: 40, errors: 0.05, latency: 2, usd: 0.01, weight: 10, score: -1},
		{model: "blind", calls: 60, errors: 0.05, latency: 2, withoutUsage: true, score: -1},
	} {
		cs, js := a.make(r, start, "compared")
		all[a.model] = cs
		judged = append(judged, js...)
		insert(t, s, calls(cs)...)
	}
	insert(t, s, judged...)
	q := CompareQuery{CallFilter: CallFilter{Range: Range{start, start.Add(time.Hour)}, Service: "compared"}, By: []string{"model"}}
	c, err := s.Compare(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if c.Baseline["model"] != "base" || len(c.Groups) != 7 || !groupOf(t, c, "base").IsBaseline || len(groupOf(t, c, "base").Versus) != 0 {
		t.Fatalf("baseline %v, %d groups", c.Baseline, len(c.Groups))
	}
	for model, cs := range all {
		checkGroup(t, c, groupOf(t, c, model), cs, judged)
	}
	every := func(v Verdict) map[string]Verdict {
		out := map[string]Verdict{}
		for _, m := range []string{"error_rate", "latency_p50", "latency_p95", "ttft_p50", "ttft_p95", "tpot_p50", "cost_per_call", "quality"} {
			out[m] = v
		}
		return out
	}
	for model, want := range map[string]map[string]Verdict{"alike": every(VerdictSame), "worse": every(VerdictWorse), "better": every(VerdictBetter)} {
		if d := cmp.Diff(want, verdicts(groupOf(t, c, model))); d != "" {
			t.Errorf("verdicts of %s (-want +got):\n%s", model, d)
		}
	}
	for measure, v := range verdicts(groupOf(t, c, "rare")) {
		if v != VerdictTooFew {
			t.Errorf("%s of twelve calls is %s", measure, v)
		}
	}
	if v := verdicts(groupOf(t, c, "sampled")); v["latency_p95"] != VerdictTooFew || v["latency_p50"] != VerdictSame {
		t.Errorf("forty calls that stand for ten each: %v", v)
	}
	tests := 0
	for _, g := range c.Groups {
		for _, v := range g.Versus {
			if v.PValue.Known() {
				tests++
			}
			if v.PAdjusted.Or(1) < v.PValue.Or(0) || v.PValue.Known() != v.PAdjusted.Known() || v.PValue.Known() == (v.Verdict == VerdictTooFew) {
				t.Errorf("%+v", v)
			}
		}
	}
	if c.Comparisons != tests || tests < 20 {
		t.Errorf("%d comparisons, %d tests", c.Comparisons, tests)
	}
}

// checkGroup compares a group with what its Calls tell.
func checkGroup(t *testing.T, c *Comparison, g *ComparedGroup, cs []*llm.Call, judged []llm.Record) {
	t.Helper()
	model := cs[0].RequestModel
	w := cs[0].Count()
	n := float64(len(cs))
	want := ComparedGroup{Values: map[string]string{"model": model}, IsBaseline: g.IsBaseline, Calls: int64(n * w), EffectiveCalls: n}
	var durations, costs []float64
	var okSeconds float64
	var okTokens, pricedTokens int64
	for _, call := range cs {
		durations = append(durations, call.Duration.Seconds())
		out := call.Usage.OutputTokens.Or(0)
		want.InputTokens += int64(w) * call.Usage.InputTokens.Or(0)
		want.OutputTokens += int64(w) * out
		if usd, ok := call.Cost.USD.Get(); ok {
			want.CostUSD += w * usd
			costs = append(costs, usd)
			pricedTokens += out
		} else {
			want.UnpricedCalls += int64(w)
		}
		if call.Status == llm.StatusError {
			want.Errors += int64(w)
		} else {
			okSeconds += call.Duration.Seconds()
			okTokens += out
		}
	}
	want.InputTokensPerCall, want.OutputTokensPerCall = float64(want.InputTokens)/(n*w), float64(want.OutputTokens)/(n*w)
	low, high := wilson(float64(want.Errors)/w, n)
	want.ErrorRate = Interval{float64(want.Errors) / (n * w), llm.Some(low), llm.Some(high)}
	if okTokens > 0 {
		want.TokensPerSecond = llm.Some(float64(okTokens) / okSeconds)
	}
	if pricedTokens > 0 {
		want.CostPer1kOutputToken = llm.Some(want.CostUSD / w * 1000 / float64(pricedTokens))
	}
	if len(costs) > 0 {
		i := momentsOfValues(costs...).interval()
		i.Low = llm.Some(max(0, i.Low.Or(0)))
		want.CostPerCall = &i
	}
	var sc scores
	for _, j := range judged {
		if j.Feedback.Model == model {
			sc.add(j.Feedback.Score.Or(0))
		}
	}
	want.Quality = sc.describe()
	if d := cmp.Diff(want, *g, cmpopts.EquateApprox(1e-6, 0), cmp.AllowUnexported(llm.Opt[float64]{}),
		cmpopts.IgnoreFields(ComparedGroup{}, "Latency", "TTFT", "TPOT", "Versus")); d != "" {
		t.Errorf("%s (-want +got):\n%s", model, d)
	}
	slices.Sort(durations)
	for at, q := range map[float64]Interval{0.5: g.Latency.P50, 0.9: g.Latency.P90, 0.95: g.Latency.P95} {
		i := int(at * n)
		if below, above := durations[max(0, i-1)], durations[min(i+1, len(durations)-1)]; q.Value < below*0.87 || q.Value > above*1.14 {
			t.Errorf("%s: quantile %v is %v, between %v and %v", model, at, q.Value, below, above)
		}
		if q.Low.Or(q.Value) > q.Value || q.High.Or(q.Value) < q.Value {
			t.Errorf("%s: quantile %v outside of its bounds: %v", model, at, q)
		}
	}
	var counted int64
	for i, k := range g.Latency.Counts {
		counted += k
		inside := 0
		for _, d := range durations {
			if d > c.Bounds.Latency[i] && d <= c.Bounds.Latency[i+1] {
				inside++
			}
		}
		if math.Abs(float64(inside)*w-float64(k)) > 2*w { // the bounds are rounded
			t.Errorf("%s: bucket %d has %d, should have %v", model, i, k, float64(inside)*w)
		}
	}
	if counted != want.Calls || len(g.Latency.Counts)+1 != len(c.Bounds.Latency) {
		t.Errorf("%s: %d in %d buckets with %d bounds", model, counted, len(g.Latency.Counts), len(c.Bounds.Latency))
	}
}

// TestCompareByTwo chooses a baseline among pairs, and limits the groups.
func TestCompareByTwo(t *testing.T) {
	s, _ := rollupStore(t)
	r := newRand(9)
	start := time.Now().UTC().Add(-33 * time.Hour).Truncate(time.Hour)
	var judged []llm.Record
	for i, n := range []int{400, 300, 200} {
		a := arm{model: fmt.Sprint("m", i), calls: n, latency: 1, usd: 0.01, score: 0.5}
		cs, js := a.make(r, start, "pairs")
		insert(t, s, calls(cs)...)
		judged = append(judged, js...)
	}
	insert(t, s, judged...)
	q := CompareQuery{
		CallFilter: CallFilter{Range: Range{start, start.Add(time.Hour)}, Service: "pairs"}, By: []string{"model", "region"},
		Baseline: []string{"m2", "us"}, Limit: 3,
	}
	c, err := s.Compare(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 3 || c.OmittedGroups != 3 || !groupOf(t, c, "m2", "us").IsBaseline || c.Baseline["region"] != "us" || len(c.Groups[0].Versus) == 0 {
		t.Errorf("%d groups, %d omitted, baseline %v", len(c.Groups), c.OmittedGroups, c.Baseline)
	}
	// Judgements know no regions: their calls do. Every fifth call is judged.
	if g := groupOf(t, c, "m0", "eu"); g.Calls != 200 || g.Quality == nil || g.Quality.Count != 40 {
		t.Errorf("m0 in eu: %d calls, quality %v", g.Calls, g.Quality)
	}
	// What rules failed is no share of what they judged.
	var failures []llm.Record
	for i := range 50 {
		failures = append(failures, llm.Record{Feedback: &llm.Feedback{ID: fmt.Sprintf("rule%d", i), Time: start.Add(time.Minute), CallID: fmt.Sprint("none", i), Evaluator: "refusal", Name: "refusal", Score: llm.Some(0.0), Service: "pairs", Model: "m0"}})
	}
	insert(t, s, failures...)
	q.By, q.Baseline = []string{"model"}, nil
	for _, without := range [][]string{nil, {"empty", "refusal"}} {
		q.Without = without
		c, err = s.Compare(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		g := groupOf(t, c, "m0")
		if n := g.Quality.Count; (n == 80) != (without != nil) || (n == 130) != (without == nil) || len(c.QualityWithout) != len(without) {
			t.Errorf("without %v: %d judgements, %v", without, n, c.QualityWithout)
		}
	}
	q.By, q.Without = []string{"model", "region"}, nil
	q.Baseline, q.Judgement = []string{"m9", "us"}, "another"
	c, err = s.Compare(t.Context(), q)
	if err != nil || c.Baseline != nil || c.Comparisons != 0 || c.Groups[0].Quality != nil || len(c.Groups[0].Versus) != 0 {
		t.Errorf("a baseline without calls: %+v, %v", c, err)
	}
	q.Service = "none"
	c, err = s.Compare(t.Context(), q)
	if err != nil || c.Groups == nil || len(c.Groups) != 0 || c.Bounds.Latency == nil {
		t.Errorf("no calls: %+v, %v", c, err)
	}
	for param, q := range map[string]CompareQuery{
		"by":       {By: []string{"odd"}},
		"baseline": {By: []string{"model"}, Baseline: []string{"a", "b"}},
		"limit":    {By: []string{"model"}, Limit: MaxCompared + 1},
	} {
		_, err := s.Compare(t.Context(), q)
		mustFail(t, err, param)
	}
	for _, by := range [][]string{nil, {"model", "model"}, {"model", "region", "user"}} {
		_, err := s.Compare(t.Context(), CompareQuery{By: by})
		mustFail(t, err, "by")
	}
}

// TestCompareRollups gets the same from rollups as from Calls.
func TestCompareRollups(t *testing.T) {
	s, _ := rollupStore(t)
	r := newRand(10)
	end := time.Now().UTC().Truncate(time.Hour)
	for h := range 20 {
		for i := range 3 {
			a := arm{model: fmt.Sprint("m", i), calls: 30, errors: 0.1, latency: 1 + float64(i), usd: 0.01, score: -1, weight: float64(i * 4)}
			cs, _ := a.make(r, end.Add(-time.Duration(h+2)*time.Hour), "rolled")
			insert(t, s, calls(cs)...)
		}
	}
	if rollup(t, s) == 0 {
		t.Fatal("nothing was rolled up")
	}
	q := CompareQuery{CallFilter: CallFilter{Range: Range{end.Add(-22 * time.Hour), end}}, By: []string{"model"}}
	if p, err := s.planRange(t.Context(), q.Range, 0, q.family(q.By, true)); err != nil || len(p.parts) == 0 {
		t.Fatal(p, err)
	}
	rolled, err := s.Compare(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	q.MinDuration = 1 // rollups do not know durations
	live, err := s.Compare(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(live, rolled, cmpopts.EquateApprox(1e-9, 1e-12), cmp.AllowUnexported(llm.Opt[float64]{})); d != "" {
		t.Errorf("(-live +rolled):\n%s", d)
	}
}
