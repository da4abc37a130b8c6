package events

import (
	"math"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The least numbers of observations on both sides that a verdict is given for.
const (
	fewestCalls  = 30
	fewestTail   = 100 // for a 95th percentile
	fewestScores = 10
)

// fewestRelative is the least relative difference that matters: the quantiles
// come from buckets, and among a million Calls every difference is certain.
const fewestRelative = 0.02

// versus compares a group with the baseline in every measure that both have.
// The p-values are not corrected yet.
func (g *compared) versus(base *compared) []Versus {
	var out []Versus
	add := func(measure string, value, against float64, enough bool, p func() float64) {
		v := Versus{Measure: measure, Verdict: VerdictTooFew, Difference: llm.Some(value - against)}
		if against != 0 {
			v.Relative = llm.Some((value - against) / math.Abs(against))
		}
		if enough {
			v.Verdict, v.PValue = VerdictSame, llm.Some(p())
		}
		out = append(out, v)
	}
	n, m := g.effective(), base.effective()
	add("error_rate", g.errorRate(), base.errorRate(), min(n, m) >= fewestCalls, func() float64 {
		return twoProportions(g.errorRate()*n, n, base.errorRate()*m, m)
	})
	for _, d := range []struct {
		measure, field string
		q, fewest      float64
	}{
		{"latency_p50", "duration_seconds", 0.5, fewestCalls},
		{"latency_p95", "duration_seconds", 0.95, fewestTail},
		{"ttft_p50", "ttft_seconds", 0.5, fewestCalls},
		{"ttft_p95", "ttft_seconds", 0.95, fewestTail},
		{"tpot_p50", "tpot_seconds", 0.5, fewestCalls},
	} {
		a, b := g.durs.sketch[d.field], base.durs.sketch[d.field]
		if a.count() == 0 || b.count() == 0 {
			continue
		}
		va, vb := a.quantile(d.q), b.quantile(d.q)
		na, nb := g.effectiveOf(a.count()), base.effectiveOf(b.count())
		add(d.measure, va, vb, min(na, nb) >= d.fewest, func() float64 {
			p, above := quantileTest(a, b, d.q, na, nb)
			if above != (va > vb) {
				return 1 // the two speak against each other
			}
			return p
		})
	}
	if a, b := g.costs(), base.costs(); a.n > 0 && b.n > 0 {
		add("cost_per_call", a.mean, b.mean, min(a.n, b.n) >= fewestCalls, func() float64 { return welch(a, b) })
	}
	if a, b := &g.quality, &base.quality; a.n > 0 && b.n > 0 {
		add("quality", a.mean(), b.mean(), min(a.n, b.n) >= fewestScores, func() float64 { return a.test(b) })
	}
	return out
}

// adjust corrects the p-values of all comparisons together, and gives the
// verdicts.
func (c *Comparison) adjust() {
	var all []*Versus
	for i := range c.Groups {
		for j := range c.Groups[i].Versus {
			if v := &c.Groups[i].Versus[j]; v.PValue.Known() {
				all = append(all, v)
			}
		}
	}
	ps := make([]*float64, len(all))
	for i, v := range all {
		p := v.PValue.Or(1)
		ps[i] = &p
	}
	holm(ps)
	c.Comparisons = len(all)
	for i, v := range all {
		v.PAdjusted = llm.Some(*ps[i])
		diff := v.Difference.Or(0)
		if *ps[i] >= alpha || diff == 0 || math.Abs(v.Relative.Or(1)) < fewestRelative {
			continue
		}
		v.Verdict = VerdictWorse
		if (diff > 0) == (v.Measure == "quality") {
			v.Verdict = VerdictBetter
		}
	}
}
