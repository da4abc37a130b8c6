package metrics

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"
	promhist "github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// ruleStretch is how much time of a rule is evaluated at once, in steps.
const ruleStretch = 1000

// BackfillRules evaluates all rules over a time in the past and stores what they
// would have recorded then, with the states of alerts. It is for time that was
// backfilled, after that; nobody is notified. pace is called after each rule and
// may wait; nil does not.
func (m *Metrics) BackfillRules(ctx context.Context, start, end time.Time, pace func(context.Context) error) error {
	m.mu.Lock()
	if m.state != running {
		m.mu.Unlock()
		return fmt.Errorf("metrics: backfill of rules: %w", ErrClosed)
	}
	if !m.storedUntil.Before(start) {
		start = m.storedUntil.Add(time.Millisecond)
	}
	groups := m.rules.RuleGroups()
	m.mu.Unlock()
	for _, r := range inOrder(groups) {
		f := ruleFiller{m: m, ctx: ctx, rule: r.rule, step: r.step, open: map[uint64]*pastSeries{}}
		for from := start; from.Before(end); from = from.Add(ruleStretch * r.step) {
			to := from.Add((ruleStretch - 1) * r.step)
			if !to.Add(r.step).Before(end) {
				to = end
			}
			if err := f.fill(from, to, to.Equal(end)); err != nil {
				return fmt.Errorf("metrics: backfill of rule %s: %w", r.rule.Name(), err)
			}
		}
		if pace == nil {
			continue
		}
		if err := pace(ctx); err != nil {
			return err
		}
	}
	return nil
}

// pastRule is a rule with how often it is evaluated.
type pastRule struct {
	rule rules.Rule
	step time.Duration
}

// inOrder puts rules after those whose series they read.
func inOrder(groups []*rules.Group) []pastRule {
	var all []pastRule
	recorded := map[string][]int{}
	for _, g := range groups {
		for _, r := range g.Rules() {
			if _, ok := r.(*rules.RecordingRule); ok {
				recorded[r.Name()] = append(recorded[r.Name()], len(all))
			}
			all = append(all, pastRule{r, g.Interval()})
		}
	}
	out := make([]pastRule, 0, len(all))
	visited := make([]bool, len(all))
	var visit func(int)
	visit = func(i int) {
		if visited[i] { // done, or it reads what it records
			return
		}
		visited[i] = true
		for _, name := range metricNames(all[i].rule.Query()) {
			for _, j := range recorded[name] {
				visit(j)
			}
		}
		out = append(out, all[i])
	}
	for i := range all {
		visit(i)
	}
	return out
}

// metricNames are the metrics that an expression selects by their names.
func metricNames(e parser.Expr) []string {
	var out []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			for _, l := range s.LabelMatchers {
				if l.Name == model.MetricNameLabel && l.Type == labels.MatchEqual {
					out = append(out, l.Value)
				}
			}
		}
		return nil
	})
	return out
}

// ruleFiller evaluates one rule.
type ruleFiller struct {
	m    *Metrics
	ctx  context.Context //nolint:containedctx // It lives as long as one BackfillRules.
	rule rules.Rule
	step time.Duration
	open map[uint64]*pastSeries // by the hash of what the expression gave
}

// pastSeries is what a rule gave for one label set.
type pastSeries struct {
	lset      labels.Labels // as it is stored
	native    bool
	last      int64 // time of the newest sample
	active    int64 // of an alert: since when
	firing    bool
	unfired   labels.Labels // of an alert: as it is stored while pending
	forState  labels.Labels
	activeFor time.Duration
}

func (f *ruleFiller) fill(from, to time.Time, last bool) error {
	q, err := f.m.engine.NewRangeQuery(f.ctx, f.m.db, nil, f.rule.Query().String(), from, to, f.step)
	if err != nil {
		return err
	}
	defer q.Close()
	res := q.Exec(f.ctx)
	if res.Err != nil {
		return res.Err
	}
	matrix, err := res.Matrix()
	if err != nil {
		return err
	}
	app := f.m.db.AppenderV2(f.ctx)
	w := pastWriter{f: f, app: app}
	for i := range matrix {
		w.series(&matrix[i])
	}
	w.close(to.UnixMilli(), last)
	if w.err != nil {
		_ = app.Rollback() // err says more
		return w.err
	}
	return app.Commit()
}

// pastWriter writes one stretch.
type pastWriter struct {
	f   *ruleFiller
	app storage.AppenderV2
	err error
}

func (w *pastWriter) series(s *promql.Series) {
	key := s.Metric.Hash()
	p := w.f.open[key]
	if p == nil {
		p = w.f.newSeries(s.Metric)
		w.f.open[key] = p
	}
	for _, at := range s.Floats {
		w.point(p, at.T, at.F, nil)
	}
	for _, at := range s.Histograms {
		w.point(p, at.T, 0, at.H)
	}
}

func (f *ruleFiller) newSeries(metric labels.Labels) *pastSeries {
	b := labels.NewBuilder(metric)
	b.Del(model.MetricNameLabel)
	r, alerting := f.rule.(*rules.AlertingRule)
	f.rule.Labels().Range(func(l labels.Label) { b.Set(l.Name, l.Value) })
	if !alerting {
		b.Set(model.MetricNameLabel, f.rule.Name())
		return &pastSeries{lset: b.Labels(), last: math.MinInt64}
	}
	b.Set(model.AlertNameLabel, f.rule.Name())
	p := &pastSeries{last: math.MinInt64, activeFor: r.HoldDuration()}
	b.Set(model.MetricNameLabel, "ALERTS_FOR_STATE")
	p.forState = b.Labels()
	b.Set(model.MetricNameLabel, "ALERTS")
	b.Set("alertstate", rules.StatePending.String())
	p.unfired = b.Labels()
	b.Set("alertstate", rules.StateFiring.String())
	p.lset = b.Labels()
	return p
}

// point writes what the rule gave at a time.
func (w *pastWriter) point(p *pastSeries, t int64, v float64, h *promhist.FloatHistogram) {
	gap := p.last != math.MinInt64 && t-p.last > w.f.step.Milliseconds()
	if gap {
		w.end(p)
	}
	fresh := gap || p.last == math.MinInt64
	p.last, p.native = t, h != nil
	if p.unfired.IsEmpty() {
		w.append(p.lset, t, v, h)
		return
	}
	if fresh {
		p.active, p.firing = t, false
	}
	if !p.firing && time.Duration(t-p.active)*time.Millisecond >= p.activeFor {
		p.firing = true
		if t > p.active {
			w.append(p.unfired, t, math.Float64frombits(value.StaleNaN), nil)
		}
	}
	w.append(p.state(), t, 1, nil)
	w.append(p.forState, t, float64(p.active/1000), nil)
}

// state is the series of an alert's present state.
func (p *pastSeries) state() labels.Labels {
	if p.firing {
		return p.lset
	}
	return p.unfired
}

// end marks that a series has ended after its last sample.
func (w *pastWriter) end(p *pastSeries) {
	stale, at := math.Float64frombits(value.StaleNaN), p.last+w.f.step.Milliseconds()
	switch {
	case !p.unfired.IsEmpty():
		w.append(p.state(), at, stale, nil)
		w.append(p.forState, at, stale, nil)
	case p.native:
		w.append(p.lset, at, 0, &promhist.FloatHistogram{Sum: stale})
	default:
		w.append(p.lset, at, stale, nil)
	}
}

// close ends what ended before the stretch did, and at last all alerts: the rules
// that run know nothing of those, and begin anew.
func (w *pastWriter) close(to int64, last bool) {
	for key, p := range w.f.open {
		if to-p.last > w.f.step.Milliseconds() || last && !p.unfired.IsEmpty() {
			w.end(p)
			delete(w.f.open, key)
		}
	}
}

func (w *pastWriter) append(l labels.Labels, t int64, v float64, h *promhist.FloatHistogram) {
	if w.err != nil {
		return
	}
	if _, err := w.app.Append(0, l, 0, t, v, nil, h, storage.AOptions{}); err != nil && !isRejected(err) {
		w.err = err
	}
}
