package events

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// latencySums are sketches and sums of durations of a group of Calls.
type latencySums struct {
	sketch map[string]sketch
	sum    map[string]float64
}

func newLatencySums() *latencySums {
	l := &latencySums{sketch: map[string]sketch{}, sum: map[string]float64{}}
	for _, f := range latencyFields {
		l.sketch[f] = sketch{}
	}
	return l
}

// addRollup adds a rollup row.
func (l *latencySums) addRollup(m row) error {
	r := newRowReader(m)
	for _, f := range latencyFields {
		l.sum[f] += r.sum(f)
		if err := l.sketch[f].addText(m[f+sketchSuffix]); err != nil {
			return err
		}
	}
	return r.err
}

// addLive adds a row of the engine's own histograms.
func (l *latencySums) addLive(m row) error {
	r := newRowReader(m)
	w := r.weight()
	for _, f := range latencyFields {
		l.sum[f] += r.sum(f) * w
		sk, err := parseEngineHistogram(m[f+sketchSuffix])
		if err != nil {
			return err
		}
		sk.scale(w)
		l.sketch[f].add(sk)
	}
	return r.err
}

// stepKey names a group of a step of time; Unix nanoseconds, 0 without steps.
type stepKey struct {
	at  int64
	key string // as groupKey makes it
}

// latencies returns the durations of Calls by dimensions. exact says that the
// quantiles come from the Calls themselves.
func (s *Store) latencies(ctx context.Context, f CallFilter, by []string) (dist map[string]map[string]*Distribution, exact bool, err error) {
	f.Range = s.resolve(f.Range)
	p, err := s.planRange(ctx, f.Range, 0, f.family(by, true))
	if err != nil {
		return nil, false, err
	}
	dist = map[string]map[string]*Distribution{}
	if len(p.parts) == 0 {
		exact, err = s.exactLatencies(ctx, f, by, 0, func(k stepKey, d map[string]*Distribution) { dist[k.key] = d })
		if err != nil || exact {
			return dist, exact, err
		}
		clear(dist)
	}
	merged, err := s.sketches(ctx, f, p, by, 0)
	for k, l := range merged {
		dist[k.key] = l.distributions()
	}
	return dist, false, err
}

// distributions describes the durations.
func (l *latencySums) distributions() map[string]*Distribution {
	out := make(map[string]*Distribution, len(latencyFields))
	for _, field := range latencyFields {
		out[field] = l.sketch[field].distribution(l.sum[field])
	}
	return out
}

// sketches returns the sketches of durations of Calls by dimensions and steps of
// time, from where p says.
func (s *Store) sketches(ctx context.Context, f CallFilter, p *plan, by []string, step time.Duration) (map[stepKey]*latencySums, error) {
	merged := map[stepKey]*latencySums{}
	at := func(m row) (*latencySums, error) {
		k, err := stepKeyOf(m, by, step)
		if merged[k] == nil {
			merged[k] = newLatencySums()
		}
		return merged[k], err
	}
	if len(p.live) > 0 {
		if err := s.each(ctx, request{
			op:      "measure calls",
			query:   f.counted() + timeFilter(p.live) + " | stats " + byWeight(by, step) + sums(latencyFields) + histograms(latencyFields),
			filters: f.userFilters(), r: span(p.live),
		}, func(m row) error {
			l, err := at(m)
			return cmp.Or(err, l.addLive(m))
		}); err != nil {
			return nil, err
		}
	}
	fields := append(sketchColumns(), by...)
	if step > 0 {
		fields = append(fields, "_time")
	}
	for _, part := range p.parts {
		if err := s.each(ctx, request{
			op:    "measure rollups",
			query: f.rollupFilter(part) + " | fields " + fieldList(fields),
			r:     part.r,
		}, func(m row) error {
			l, err := at(m)
			return cmp.Or(err, l.addRollup(m))
		}); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// stepKeyOf is the group that a row belongs to.
func stepKeyOf(m row, by []string, step time.Duration) (stepKey, error) {
	k := stepKey{key: groupKey(m, by)}
	if step == 0 {
		return k, nil
	}
	t, err := time.Parse(time.RFC3339Nano, m["_time"])
	k.at = t.UnixNano() - mod(t.UnixNano(), int64(step))
	return k, err
}

// byWeight groups by steps, fields and the weight.
func byWeight(by []string, step time.Duration) string {
	return "by (" + stepField(step) + fieldList(append(slices.Clone(by), fieldWeight)) + ") "
}

// exactLatencies lets the engine compute the quantiles. It reports false where
// some Calls stand for several: the engine has no weighted quantiles.
func (s *Store) exactLatencies(ctx context.Context, f CallFilter, by []string, step time.Duration,
	add func(stepKey, map[string]*Distribution),
) (exact bool, err error) {
	exact = true
	var exprs []string
	for _, field := range latencyFields {
		cond := " if (" + field + ":*) "
		exprs = append(exprs,
			"count()"+cond+field+"_n", "sum("+field+")"+cond+field+"_sum",
			"quantile(0.5,"+field+")"+cond+field+"_p50", "quantile(0.95,"+field+")"+cond+field+"_p95", "quantile(0.99,"+field+")"+cond+field+"_p99")
	}
	err = s.each(ctx, request{
		op:      "measure calls",
		query:   f.counted() + " | stats " + byWeight(by, step) + strings.Join(exprs, ", "),
		filters: f.userFilters(), r: f.Range,
	}, func(m row) error {
		if m[fieldWeight] != "" {
			exact = false
			return nil
		}
		r := newRowReader(m)
		d := map[string]*Distribution{}
		for _, field := range latencyFields {
			n := int64(math.Round(r.sum(field + "_n")))
			if n == 0 {
				continue
			}
			d[field] = &Distribution{
				Count: n, Avg: r.sum(field+"_sum") / float64(n),
				P50: r.sum(field + "_p50"), P95: r.sum(field + "_p95"), P99: r.sum(field + "_p99"),
			}
		}
		k, err := stepKeyOf(m, by, step)
		add(k, d)
		return cmp.Or(err, r.err)
	})
	return exact, err
}

// Summary says what happened in a range.
func (s *Store) Summary(ctx context.Context, f CallFilter) (*Summary, error) {
	f.Range = s.resolve(f.Range)
	groups, err := s.totals(ctx, totalsQuery{f: f, by: []string{"status", "error_type"}})
	if err != nil {
		return nil, err
	}
	sum := &Summary{Start: f.Start, End: f.End, Errors: []FacetValue{}}
	sum.Totals.ByState = map[llm.CostState]StateTotal{}
	for _, g := range groups {
		sum.Totals.add(&g.Totals)
		if g.Totals.Errors > 0 {
			sum.Errors = append(sum.Errors, FacetValue{Value: cmp.Or(g.Values["error_type"], "unknown"), Count: g.Totals.Errors})
		}
	}
	slices.SortFunc(sum.Errors, func(a, b FacetValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	if n := sum.Totals.Calls; n > 0 {
		sum.SuccessRate = llm.Some(float64(n-sum.Totals.Errors) / float64(n))
	}
	dist, exact, err := s.latencies(ctx, f, nil)
	if err != nil {
		return nil, err
	}
	d := dist[""]
	sum.Latency, sum.TTFT, sum.TPOT = d["duration_seconds"], d["ttft_seconds"], d["tpot_seconds"]
	sum.Approximate = !exact
	return sum, nil
}

// add adds o to t.
func (t *Totals) add(o *Totals) {
	t.Calls += o.Calls
	t.Errors += o.Errors
	t.InputTokens += o.InputTokens
	t.OutputTokens += o.OutputTokens
	t.CacheReadTokens += o.CacheReadTokens
	t.CacheWriteTokens += o.CacheWriteTokens
	t.ReasoningTokens += o.ReasoningTokens
	t.CostUSD += o.CostUSD
	t.DurationSeconds += o.DurationSeconds
	for state, v := range o.ByState {
		st := t.ByState[state]
		st.Calls += v.Calls
		st.CostUSD += v.CostUSD
		t.ByState[state] = st
	}
}

// Models returns what is known of each model, the most used first.
func (s *Store) Models(ctx context.Context, f CallFilter) ([]ModelStat, error) {
	by := []string{"provider", "model"}
	f.Range = s.resolve(f.Range)
	groups, err := s.totals(ctx, totalsQuery{f: f, by: by})
	if err != nil {
		return nil, err
	}
	dist, _, err := s.latencies(ctx, f, by)
	if err != nil {
		return nil, err
	}
	out := make([]ModelStat, 0, len(groups))
	for key, g := range groups {
		d := dist[key]
		out = append(out, ModelStat{
			Provider: g.Values["provider"], Model: g.Values["model"], Totals: g.Totals,
			Latency: d["duration_seconds"], TTFT: d["ttft_seconds"], LastSeen: g.last,
		})
	}
	slices.SortFunc(out, func(a, b ModelStat) int {
		return cmp.Or(cmp.Compare(b.Totals.Calls, a.Totals.Calls), strings.Compare(a.Provider, b.Provider), strings.Compare(a.Model, b.Model))
	})
	return out, nil
}
