package events

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// totalsQuery asks for totals by dimensions and steps of time.
type totalsQuery struct {
	f    CallFilter
	by   []string
	step time.Duration
}

// group is a Group that is being added up.
type group struct {
	Group
	key  string
	last time.Time // newest Call
	acc  accumulator
}

// accumulator adds up what becomes Totals. Its counts are fractions, because a
// Call of a sender that records a share of them stands for the inverse of it.
type accumulator struct {
	calls, errors                               float64
	input, output, cacheRead, cacheWrite, think float64
	usd, duration                               float64
	byState                                     map[llm.CostState]stateSum
}

type stateSum struct{ calls, usd float64 }

// totals are the sums, with counts of whole things.
func (a *accumulator) totals() Totals {
	whole := func(v float64) int64 { return int64(math.Round(v)) }
	t := Totals{
		Calls: whole(a.calls), Errors: whole(a.errors),
		InputTokens: whole(a.input), OutputTokens: whole(a.output),
		CacheReadTokens: whole(a.cacheRead), CacheWriteTokens: whole(a.cacheWrite), ReasoningTokens: whole(a.think),
		CostUSD: a.usd, DurationSeconds: a.duration, ByState: make(map[llm.CostState]StateTotal, len(a.byState)),
	}
	for state, s := range a.byState {
		t.ByState[state] = StateTotal{Calls: whole(s.calls), CostUSD: s.usd}
	}
	return t
}

// totals adds up Calls, from rollups where these hold the whole of it.
func (s *Store) totals(ctx context.Context, q totalsQuery) (map[string]*group, error) {
	if err := q.f.validate(); err != nil {
		return nil, err
	}
	for _, b := range q.by {
		if err := checkGroupField(b); err != nil {
			return nil, err
		}
	}
	q.f.Range = s.resolve(q.f.Range)
	// Status and cost state are always told apart: errors, and how far the
	// money can be trusted, follow from them.
	by := slices.Clone(q.by)
	for _, f := range []string{"status", "cost.state"} {
		if !slices.Contains(by, f) {
			by = append(by, f)
		}
	}
	p, err := s.planRange(ctx, q.f.Range, q.step, q.f.family(by, false))
	if err != nil {
		return nil, err
	}
	groups := map[string]*group{}
	pipe := " | stats by (" + stepField(q.step) + fieldList(by)
	add := func(m row) error { return q.add(groups, m) }
	if len(p.live) > 0 {
		if err := s.each(ctx, request{
			op:      "add up calls",
			query:   q.f.counted() + timeFilter(p.live) + weighted(pipe) + "count() calls, max(_time) last, " + sums(sumFields),
			filters: q.f.userFilters(), r: span(p.live),
		}, add); err != nil {
			return nil, err
		}
	}
	for _, part := range p.parts {
		if err := s.each(ctx, request{
			op:    "add up rollups",
			query: q.f.rollupFilter(part) + pipe + ") sum(calls) calls, max(last) last, " + sums(sumFields),
			r:     part.r,
		}, add); err != nil {
			return nil, err
		}
	}
	for _, g := range groups {
		g.Totals = g.acc.totals()
	}
	return groups, nil
}

// weighted ends the list of fields that a pipe groups by with the weight: the
// engine has no weighted sums, but all Calls of one weight are multiplied alike.
// Weights are few, since each is a setting of a sender.
func weighted(pipe string) string { return pipe + ", " + fieldWeight + ") " }

// weight is how many Calls each Call of a row of sums stands for.
func (r *rowReader) weight() float64 { return max(r.optFloat(fieldWeight).Or(1), 1) }

// rollupFilter selects rollup rows as logsql selects Calls.
func (c *CallFilter) rollupFilter(p part) string {
	var f filterBuilder
	f.add(stream(p.kind, c.Service, c.Environment))
	f.add("label:" + in(p.labels))
	f.dimensions(c)
	return f.String()
}

// stepField groups by steps of time.
func stepField(step time.Duration) string {
	if step == 0 {
		return ""
	}
	return "_time:" + strconv.FormatInt(int64(step), 10) + "ns, "
}

// timeFilter restricts to several ranges; one range needs no filter.
func timeFilter(ranges []Range) string {
	if len(ranges) < 2 {
		return ""
	}
	conds := make([]string, len(ranges))
	for i, r := range ranges {
		conds[i] = "_time:[" + formatTime(r.Start) + "," + formatTime(r.End) + ")"
	}
	return " (" + strings.Join(conds, " or ") + ")"
}

// span is the range from the first to the last of ranges in order.
func span(ranges []Range) Range {
	return Range{ranges[0].Start, ranges[len(ranges)-1].End}
}

// add adds a row of sums to its group.
func (q *totalsQuery) add(groups map[string]*group, m row) error {
	r := newRowReader(m)
	var at time.Time
	key := groupKey(m, q.by)
	if q.step > 0 {
		at = r.time("_time").UTC()
		key = m["_time"] + " " + key
	}
	g := groups[key]
	if g == nil {
		g = &group{key: key, Group: Group{Time: at, Values: make(map[string]string, len(q.by))}}
		g.acc.byState = map[llm.CostState]stateSum{}
		for _, b := range q.by {
			g.Values[b] = m[b]
		}
		groups[key] = g
	}
	w := r.weight()
	a := &g.acc
	calls := r.sum("calls") * w
	a.calls += calls
	if m["status"] == string(llm.StatusError) {
		a.errors += calls
	}
	a.input += r.sum("usage.input_tokens") * w
	a.output += r.sum("usage.output_tokens") * w
	a.cacheRead += r.sum("usage.cache_read_tokens") * w
	a.cacheWrite += r.sum("usage.cache_write_tokens") * w
	a.think += r.sum("usage.reasoning_tokens") * w
	a.duration += r.sum("duration_seconds") * w
	usd := r.sum("cost.usd") * w
	a.usd += usd
	state := cmp.Or(llm.CostState(m["cost.state"]), llm.CostUnpriced)
	st := a.byState[state]
	st.calls += calls
	st.usd += usd
	a.byState[state] = st
	if last := m["last"]; last != "" {
		if at := r.time("last"); at.After(g.last) {
			g.last = at
		}
	}
	return r.err
}

// sum reads the result of sum(): NaN, the sum of nothing, is 0.
func (r *rowReader) sum(name string) float64 {
	if r.r[name] == "NaN" {
		return 0
	}
	return r.optFloat(name).Or(0)
}

// DefaultGroups is the most groups that Costs returns where no limit is given.
const DefaultGroups = 1000

// maxSteps bounds the steps of one query.
const maxSteps = 11_000

// Costs returns totals by dimensions and steps of time, in the order of time,
// then costliest first.
func (s *Store) Costs(ctx context.Context, q CostQuery) ([]Group, error) {
	limit, err := checkLimit(q.Limit, DefaultGroups, MaxLimit*10)
	if err != nil {
		return nil, err
	}
	r := s.resolve(q.Range)
	if err := checkStep(q.Step, r); err != nil {
		return nil, err
	}
	groups, err := s.totals(ctx, totalsQuery{f: q.CallFilter, by: q.By, step: q.Step})
	if err != nil {
		return nil, err
	}
	out := make([]Group, 0, len(groups))
	for _, g := range byCost(groups) {
		out = append(out, g.Group)
	}
	slices.SortStableFunc(out, func(a, b Group) int { return a.Time.Compare(b.Time) })
	return out[:min(limit, len(out))], nil
}

func checkStep(step time.Duration, r Range) error {
	if step < 0 || step > 0 && step < time.Second {
		return &QueryError{Param: "step", Message: "must be at least 1s"}
	}
	if step > 0 && r.End.Sub(r.Start)/step > maxSteps {
		return &QueryError{Param: "step", Message: fmt.Sprintf("is too small for the range: more than %d steps", maxSteps)}
	}
	return nil
}

// byCost orders groups: costliest first, then most Calls, then by name.
func byCost(groups map[string]*group) []*group {
	out := make([]*group, 0, len(groups))
	for _, g := range groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.Totals.CostUSD, a.Totals.CostUSD), cmp.Compare(b.Totals.Calls, a.Totals.Calls), strings.Compare(a.key, b.key))
	})
	return out
}

// timelineSteps are the steps that Timeline chooses from.
var timelineSteps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
	time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// Timeline returns Calls, errors, tokens and cost over time.
func (s *Store) Timeline(ctx context.Context, q TimelineQuery) (*Timeline, error) {
	limit, err := checkLimit(q.Limit, 10, 100)
	if err != nil {
		return nil, err
	}
	q.Range = s.resolve(q.Range)
	if q.Step == 0 {
		want := q.End.Sub(q.Start) / 60
		i, _ := slices.BinarySearch(timelineSteps, want)
		q.Step = timelineSteps[min(i, len(timelineSteps)-1)]
	}
	if err := checkStep(q.Step, q.Range); err != nil {
		return nil, err
	}
	var by []string
	if q.By != "" {
		by = []string{q.By}
	}
	groups, err := s.totals(ctx, totalsQuery{f: q.CallFilter, by: by, step: q.Step})
	if err != nil {
		return nil, err
	}
	tl := &Timeline{Step: q.Step.Seconds()}
	first := q.Start.UTC().Truncate(0)
	first = time.Unix(0, first.UnixNano()-mod(first.UnixNano(), int64(q.Step))).UTC()
	for t := first; t.Before(q.End); t = t.Add(q.Step) {
		tl.Times = append(tl.Times, t)
	}
	index := tl.fill(groups, q.By, limit, first, q.Step)
	if q.Quantiles {
		if err := s.addQuantiles(ctx, tl, q, by, index); err != nil {
			return nil, err
		}
	}
	return tl, nil
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// fill puts groups into series: one for each of the values with most Calls,
// and one for the others. It returns the place of each value among the series.
func (tl *Timeline) fill(groups map[string]*group, by string, limit int, first time.Time, step time.Duration) map[string]int {
	calls := map[string]int64{}
	for _, g := range groups {
		calls[g.Values[by]] += g.Totals.Calls
	}
	values := sortedKeys(calls)
	slices.SortStableFunc(values, func(a, b string) int { return cmp.Compare(calls[b], calls[a]) })
	index := map[string]int{}
	add := func(value string) int {
		n := len(tl.Times)
		tl.Series = append(tl.Series, Series{
			Value: value, Calls: make([]int64, n), Errors: make([]int64, n),
			InputTokens: make([]int64, n), OutputTokens: make([]int64, n), CostUSD: make([]float64, n),
		})
		return len(tl.Series) - 1
	}
	other := -1
	for i, v := range values {
		if i < limit {
			index[v] = add(v)
			continue
		}
		if other < 0 {
			other = add(OtherValue)
		}
		index[v] = other
	}
	for _, g := range groups {
		i := int(g.Time.Sub(first) / step)
		if i < 0 || i >= len(tl.Times) {
			continue
		}
		sr := &tl.Series[index[g.Values[by]]]
		sr.Calls[i] += g.Totals.Calls
		sr.Errors[i] += g.Totals.Errors
		sr.InputTokens[i] += g.Totals.InputTokens
		sr.OutputTokens[i] += g.Totals.OutputTokens
		sr.CostUSD[i] += g.Totals.CostUSD
	}
	return index
}
