package events

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	defaultCompared = 20
	// MaxCompared is the most groups of a Comparison.
	MaxCompared = 50
	// maxMeasured is of how many Calls the cost of each is read, which rollups do
	// not know. Beyond, the cost per Call has no interval.
	maxMeasured = 5_000_000
)

// compared is a group that is being put together.
type compared struct {
	key     string
	values  map[string]string
	totals  Totals
	ok      Totals // of successful Calls
	priced  Totals
	durs    *latencySums
	worth   worth
	quality scores
}

// worth says how many independent Calls the Calls of a group are worth, by
// Kish's formula, and what is known of their costs one by one.
type worth struct {
	rows, weights, squares float64 // Calls, sum of their weights and of the squares of these
	priced                 worthCosts
}

type worthCosts struct{ weights, squares, sum, sumSquares float64 }

func effective(weights, squares float64) float64 {
	if squares == 0 {
		return 0
	}
	return weights * weights / squares
}

// Compare puts groups of Calls side by side.
func (s *Store) Compare(ctx context.Context, q CompareQuery) (*Comparison, error) {
	limit, err := checkLimit(q.Limit, defaultCompared, MaxCompared)
	if err != nil {
		return nil, err
	}
	if len(q.By) == 0 || len(q.By) > 2 || len(q.By) == 2 && q.By[0] == q.By[1] {
		return nil, &QueryError{Param: "by", Message: "one or two different dimensions are allowed"}
	}
	if len(q.Baseline) > 0 && len(q.Baseline) != len(q.By) {
		return nil, &QueryError{Param: "baseline", Message: fmt.Sprintf("has %d values for %d dimensions", len(q.Baseline), len(q.By))}
	}
	q.Range = s.resolve(q.Range)
	groups, total, err := s.comparedGroups(ctx, &q)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Start: q.Start, End: q.End, By: q.By, Confidence: confidence, QualityWithout: q.Without, Groups: []ComparedGroup{}}
	baseline := chooseBaseline(groups, &q)
	if len(groups) > limit {
		c.OmittedGroups = len(groups) - limit
		if i := slices.Index(groups, baseline); i >= limit {
			groups[limit-1] = baseline
		}
		groups = groups[:limit]
	}
	if len(groups) == 0 {
		c.Bounds = emptyBounds()
		return c, nil
	}
	byKey := make(map[string]*compared, len(groups))
	for _, g := range groups {
		byKey[g.key] = g
	}
	if err := s.measure(ctx, &q, total, byKey); err != nil {
		return nil, err
	}
	if baseline != nil {
		c.Baseline = baseline.values
	}
	c.fill(groups, baseline)
	return c, nil
}

// comparedGroups adds up the Calls of each group, the one with most Calls first,
// and of all.
func (s *Store) comparedGroups(ctx context.Context, q *CompareQuery) (groups []*compared, total int64, err error) {
	by := slices.Clone(q.By)
	for _, f := range []string{"status", "cost.state"} {
		if !slices.Contains(by, f) {
			by = append(by, f)
		}
	}
	parts, err := s.totals(ctx, totalsQuery{f: q.CallFilter, by: by})
	if err != nil {
		return nil, 0, err
	}
	byKey := map[string]*compared{}
	for _, p := range parts {
		key := groupKey(row(p.Values), q.By)
		g := byKey[key]
		if g == nil {
			g = &compared{key: key, values: map[string]string{}, durs: newLatencySums()}
			for _, t := range []*Totals{&g.totals, &g.ok, &g.priced} {
				t.ByState = map[llm.CostState]StateTotal{}
			}
			for _, f := range q.By {
				g.values[f] = p.Values[f]
			}
			byKey[key] = g
			groups = append(groups, g)
		}
		total += p.Totals.Calls
		g.totals.add(&p.Totals)
		if p.Values["status"] == string(llm.StatusOK) {
			g.ok.add(&p.Totals)
		}
		if state := llm.CostState(p.Values["cost.state"]); state != "" && state != llm.CostUnpriced {
			g.priced.add(&p.Totals)
		}
	}
	slices.SortFunc(groups, func(a, b *compared) int {
		return cmp.Or(cmp.Compare(b.totals.Calls, a.totals.Calls), strings.Compare(a.key, b.key))
	})
	return groups, total, nil
}

func chooseBaseline(groups []*compared, q *CompareQuery) *compared {
	if len(groups) == 0 || len(q.Baseline) == 0 {
		return first(groups)
	}
	for _, g := range groups {
		if !slices.ContainsFunc(q.By, func(f string) bool { return g.values[f] != q.Baseline[slices.Index(q.By, f)] }) {
			return g
		}
	}
	return nil
}

// first is the first group that has values; Calls without any are no model, no
// region.
func first(groups []*compared) *compared {
	for _, g := range groups {
		for _, v := range g.values {
			if v != "" {
				return g
			}
		}
	}
	return nil
}

// measure reads what totals do not tell.
func (s *Store) measure(ctx context.Context, q *CompareQuery, total int64, groups map[string]*compared) error {
	p, err := s.planRange(ctx, q.Range, 0, q.family(q.By, true))
	if err != nil {
		return err
	}
	merged, err := s.sketches(ctx, q.CallFilter, p, q.By, 0)
	if err != nil {
		return err
	}
	for k, l := range merged {
		if g := groups[k.key]; g != nil {
			g.durs = l
		}
	}
	if err := s.worths(ctx, q, total, groups); err != nil {
		return err
	}
	return s.addQuality(ctx, q, groups)
}

// worths reads the weights of Calls and their costs.
func (s *Store) worths(ctx context.Context, q *CompareQuery, total int64, groups map[string]*compared) error {
	query := q.counted()
	if total > maxMeasured {
		// Only those with a weight; all others count once.
		query += " " + fieldWeight + `:* | stats ` + byWeight(q.By, 0) + "count() n"
	} else {
		query += ` | math "cost.usd" * "cost.usd" as squared | stats ` + byWeight(q.By, 0) +
			`count() n, count("cost.usd") priced, sum("cost.usd") if ("cost.usd":*) usd, sum(squared) if ("cost.usd":*) squares`
	}
	err := s.each(ctx, request{op: "weigh calls", query: query, filters: q.userFilters(), r: q.Range}, func(m row) error {
		g := groups[groupKey(m, q.By)]
		if g == nil {
			return nil
		}
		r := newRowReader(m)
		w, n, priced := r.weight(), r.sum("n"), r.sum("priced")
		g.worth.rows += n
		g.worth.weights += w * n
		g.worth.squares += w * w * n
		c := &g.worth.priced
		c.weights += w * priced
		c.squares += w * w * priced
		c.sum += w * r.sum("usd")
		c.sumSquares += w * r.sum("squares")
		return r.err
	})
	if total > maxMeasured {
		for _, g := range groups {
			once := max(0, float64(g.totals.Calls)-g.worth.weights)
			g.worth.weights += once
			g.worth.squares += once
		}
	}
	return err
}

// fill describes the groups and compares them.
func (c *Comparison) fill(groups []*compared, baseline *compared) {
	c.Bounds = emptyBounds()
	edges := map[string]bucketRange{}
	for _, f := range latencyFields {
		edges[f] = bucketsOf(groups, f)
	}
	c.Bounds = ComparedBounds{
		Latency: edges["duration_seconds"].bounds(), TTFT: edges["ttft_seconds"].bounds(), TPOT: edges["tpot_seconds"].bounds(),
	}
	for _, g := range groups {
		c.Groups = append(c.Groups, g.describe(edges))
		if g == baseline {
			c.Groups[len(c.Groups)-1].IsBaseline = true
		}
	}
	if baseline == nil {
		return
	}
	for i, g := range groups {
		if g != baseline {
			c.Groups[i].Versus = g.versus(baseline)
		}
	}
	c.adjust()
}

func emptyBounds() ComparedBounds {
	return ComparedBounds{Latency: []float64{}, TTFT: []float64{}, TPOT: []float64{}}
}

func (g *compared) effective() float64 { return effective(g.worth.weights, g.worth.squares) }

// effectiveOf is how many independent observations count of the group's Calls
// are worth.
func (g *compared) effectiveOf(count int64) float64 {
	if g.totals.Calls == 0 {
		return 0
	}
	return float64(count) * min(1, g.effective()/float64(g.totals.Calls))
}

func (g *compared) errorRate() float64 {
	return ratio(float64(g.totals.Errors), float64(g.totals.Calls))
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// describe writes out a group.
func (g *compared) describe(edges map[string]bucketRange) ComparedGroup {
	t := &g.totals
	calls := float64(t.Calls)
	out := ComparedGroup{
		Values: g.values, Calls: t.Calls, Errors: t.Errors, EffectiveCalls: math.Round(g.effective()*10) / 10,
		Latency: g.duration("duration_seconds", edges), TTFT: g.duration("ttft_seconds", edges), TPOT: g.duration("tpot_seconds", edges),
		InputTokens: t.InputTokens, OutputTokens: t.OutputTokens,
		InputTokensPerCall: ratio(float64(t.InputTokens), calls), OutputTokensPerCall: ratio(float64(t.OutputTokens), calls),
		CostUSD: t.CostUSD, UnpricedCalls: t.Calls - g.priced.Calls, CostPerCall: g.costPerCall(), Quality: g.quality.describe(),
	}
	out.ErrorRate.Value = g.errorRate()
	if n := g.effective(); n > 0 {
		low, high := wilson(g.errorRate()*n, n)
		out.ErrorRate.Low, out.ErrorRate.High = llm.Some(low), llm.Some(high)
	}
	if g.ok.OutputTokens > 0 && g.ok.DurationSeconds > 0 {
		out.TokensPerSecond = llm.Some(float64(g.ok.OutputTokens) / g.ok.DurationSeconds)
	}
	if g.priced.OutputTokens > 0 {
		out.CostPer1kOutputToken = llm.Some(g.priced.CostUSD * 1000 / float64(g.priced.OutputTokens))
	}
	return out
}

func (g *compared) duration(field string, edges map[string]bucketRange) *ComparedDuration {
	sk := g.durs.sketch[field]
	n := sk.count()
	if n == 0 {
		return nil
	}
	eff := g.effectiveOf(n)
	return &ComparedDuration{
		Count: n, Avg: g.durs.sum[field] / float64(n),
		P50: sk.quantileInterval(0.5, eff), P90: sk.quantileInterval(0.9, eff), P95: sk.quantileInterval(0.95, eff), P99: sk.quantileInterval(0.99, eff),
		Counts: edges[field].counts(sk),
	}
}

// costs are the mean and variance of what priced Calls cost.
func (g *compared) costs() moments {
	c := &g.worth.priced
	return momentsOf(c.weights, c.sum, c.sumSquares, effective(c.weights, c.squares))
}

func (g *compared) costPerCall() *Interval {
	if m := g.costs(); m.n > 0 {
		i := m.interval()
		if low, ok := i.Low.Get(); ok {
			i.Low = llm.Some(max(0, low))
		}
		return &i
	}
	if g.priced.Calls > 0 {
		return &Interval{Value: g.priced.CostUSD / float64(g.priced.Calls)}
	}
	return nil
}

// bucketRange is the buckets that are drawn, from the first to the last.
type bucketRange struct{ first, last int }

// Shorter and longer durations are drawn in the outer buckets: 0.1 ms, a day.
const (
	firstDrawn = -4*bucketsPerDecade + 1
	lastDrawn  = 5 * bucketsPerDecade
)

func clampBucket(k int) int { return min(max(k, firstDrawn), lastDrawn) }

// bucketsOf are the buckets that any of the groups has something in.
func bucketsOf(groups []*compared, field string) bucketRange {
	r := bucketRange{1, 0}
	for _, g := range groups {
		for k := range g.durs.sketch[field] {
			if k = clampBucket(k); r.last < r.first {
				r = bucketRange{k, k}
			} else {
				r = bucketRange{min(r.first, k), max(r.last, k)}
			}
		}
	}
	return r
}

// bounds are the edges of the buckets.
func (r bucketRange) bounds() []float64 {
	out := []float64{}
	if r.last < r.first {
		return out
	}
	for k := r.first - 1; k <= r.last; k++ {
		out = append(out, roundDigits(math.Pow(10, float64(k)/bucketsPerDecade)))
	}
	return out
}

// roundDigits leaves six digits.
func roundDigits(v float64) float64 {
	scale := math.Pow(10, 5-math.Floor(math.Log10(v)))
	return math.Round(v*scale) / scale
}

func (r bucketRange) counts(s sketch) []int64 {
	out := make([]int64, r.last-r.first+1)
	for k, n := range s {
		out[clampBucket(k)-r.first] += n
	}
	return out
}
