package events

import (
	"context"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// addQuantiles adds the quantiles of durations to the series of tl. index is the
// place of each value of by among them.
func (s *Store) addQuantiles(ctx context.Context, tl *Timeline, q TimelineQuery, by []string, index map[string]int) error {
	n := len(tl.Times)
	var calls int64
	for i := range tl.Series {
		tl.Series[i].Latency, tl.Series[i].TTFT = newSeriesQuantiles(n), newSeriesQuantiles(n)
		for _, c := range tl.Series[i].Calls {
			calls += c
		}
	}
	if calls == 0 {
		return nil
	}
	series := make(map[string]*Series, len(index))
	for value, i := range index {
		series[groupKey(row{q.By: value}, by)] = &tl.Series[i]
	}
	place := func(k stepKey) (*Series, int) {
		i := int(time.Unix(0, k.at).Sub(tl.Times[0]) / q.Step)
		if i < 0 || i >= n {
			return nil, 0
		}
		return series[k.key], i
	}
	p := &plan{live: []Range{q.Range}}
	if calls > s.limits.liveQuantiles {
		var err error
		if p, err = s.planRange(ctx, q.Range, q.Step, q.family(by, true)); err != nil {
			return err
		}
	}
	// Several values make up the series of the others: only sketches add up.
	if len(p.parts) == 0 && calls <= s.limits.exactQuantiles && len(index) == len(tl.Series) {
		exact, err := s.exactLatencies(ctx, q.CallFilter, by, q.Step, func(k stepKey, d map[string]*Distribution) {
			if sr, i := place(k); sr != nil {
				sr.set(i, d)
			}
		})
		if err != nil || exact {
			return err
		}
	}
	merged, err := s.sketches(ctx, q.CallFilter, p, by, q.Step)
	if err != nil {
		return err
	}
	type cell struct {
		sr *Series
		i  int
	}
	cells := map[cell]*latencySums{}
	for k, l := range merged {
		sr, i := place(k)
		if sr == nil {
			continue
		}
		at := cell{sr, i}
		if cells[at] == nil {
			cells[at] = newLatencySums()
		}
		cells[at].merge(l)
	}
	for at, l := range cells {
		at.sr.set(at.i, l.distributions())
	}
	return nil
}

func newSeriesQuantiles(n int) *SeriesQuantiles {
	return &SeriesQuantiles{P50: make([]llm.Opt[float64], n), P95: make([]llm.Opt[float64], n), P99: make([]llm.Opt[float64], n)}
}

func (sr *Series) set(i int, d map[string]*Distribution) {
	sr.Latency.set(i, d["duration_seconds"])
	sr.TTFT.set(i, d["ttft_seconds"])
}

func (q *SeriesQuantiles) set(i int, d *Distribution) {
	if d != nil {
		q.P50[i], q.P95[i], q.P99[i] = llm.Some(d.P50), llm.Some(d.P95), llm.Some(d.P99)
	}
}

// merge adds the durations of another group.
func (l *latencySums) merge(o *latencySums) {
	for _, f := range latencyFields {
		l.sum[f] += o.sum[f]
		l.sketch[f].add(o.sketch[f])
	}
}
