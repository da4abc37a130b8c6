package slo

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
)

// noDefaults turns the default objectives off.
const noDefaults = "- {name: availability, disabled: true}\n- {name: latency, disabled: true}\n"

// start is the time at which simulations begin: the first of a month.
var start = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

func load(t testing.TB, text string) *Set {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	set, err := Load(c, t.TempDir())
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return set
}

// sim runs the rules of a Set over simulated counters on Prometheus' own engine.
type sim struct {
	t      testing.TB
	db     *teststorage.TestStorage
	engine *promql.Engine
	set    *Set
	groups []*rules.Group
	now    time.Time
	sums   map[string]float64
	refs   map[string]storage.SeriesRef
	lsets  map[string]labels.Labels
	scrape time.Duration
	// tickets is how often the groups of tickets are evaluated, where not as
	// often as they say: their long windows are what takes time here.
	tickets time.Duration
}

func newSim(t testing.TB, text string) *sim {
	t.Helper()
	s := &sim{
		t: t, db: teststorage.New(t), engine: promqltest.NewTestEngine(t, false, 5*time.Minute, 50_000_000),
		set: load(t, noDefaults+text), now: start, scrape: 15 * time.Second,
		sums: map[string]float64{}, refs: map[string]storage.SeriesRef{}, lsets: map[string]labels.Labels{},
	}
	t.Cleanup(func() { _ = s.db.Close() })
	m := rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		Appendable:           s.db, Queryable: s.db, QueryFunc: rules.EngineQueryFunc(s.engine, s.db),
		NotifyFunc:  func(context.Context, string, ...*rules.Alert) {},
		Context:     t.Context(),
		ExternalURL: &url.URL{}, Logger: slog.New(slog.DiscardHandler), Parser: parser.NewParser(parser.Options{}),
	})
	dir := t.TempDir()
	var names []string
	for _, f := range s.set.RuleFiles() {
		name := filepath.Join(dir, strings.ReplaceAll(f.Name, "/", "_")+".yml")
		if err := os.WriteFile(name, f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	groups, errs := m.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, names...)
	for _, err := range errs {
		t.Fatal(err)
	}
	for _, g := range groups {
		s.groups = append(s.groups, g)
	}
	slices.SortFunc(s.groups, func(a, b *rules.Group) int { return int(a.Interval() - b.Interval()) })
	return s
}

// rates are events per second by series.
type rates map[string]float64

// run advances the time by d; feed says what happens at each moment, and each
// is called after every evaluation.
func (s *sim) run(d time.Duration, feed func(at time.Time) rates, each func(at time.Time)) {
	s.t.Helper()
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(s.scrape)
		app := s.db.Appender(s.t.Context())
		for name, v := range feed(s.now) {
			if _, ok := s.lsets[name]; !ok {
				l, err := parser.NewParser(parser.Options{}).ParseMetric(name)
				if err != nil {
					s.t.Fatal(err)
				}
				s.lsets[name] = l
			}
			s.sums[name] += v * s.scrape.Seconds()
			ref, err := app.Append(s.refs[name], s.lsets[name], s.now.UnixMilli(), s.sums[name])
			if err != nil {
				s.t.Fatal(err)
			}
			s.refs[name] = ref
		}
		if err := app.Commit(); err != nil {
			s.t.Fatal(err)
		}
		evaluated := false
		for _, g := range s.groups {
			every := g.Interval()
			if every == ticketStep {
				every = max(every, s.tickets)
			}
			if s.now.Sub(start)%every == 0 {
				g.Eval(s.t.Context(), s.now)
				evaluated = true
			}
		}
		if evaluated && each != nil {
			each(s.now)
		}
	}
	for _, g := range s.groups {
		for _, r := range g.Rules() {
			if r.LastError() != nil {
				s.t.Fatalf("rule %s: %v", r.Name(), r.LastError())
			}
		}
	}
}

// fast advances the time like run, without alerts: it records only what all else
// is made from, with one range query for hours of it.
func (s *sim) fast(d time.Duration, feed func(at time.Time) rates) {
	s.t.Helper()
	groups := s.groups
	s.groups = nil
	for d > 0 {
		piece := min(d, 6*time.Hour)
		d -= piece
		from := s.now
		s.run(piece, feed, nil)
		for i := range s.set.slos {
			all := generator{SLO: &s.set.slos[i]}.groups()
			for _, r := range all[0].Rules[:2] {
				s.recordRange(r, from, step)
			}
			for _, r := range all[2].Rules[:2] {
				s.recordRange(r, from, tile)
			}
		}
	}
	s.groups = groups
}

func (s *sim) recordRange(r rule, from time.Time, every time.Duration) {
	s.t.Helper()
	q, err := s.engine.NewRangeQuery(s.t.Context(), s.db, nil, r.Expr, from.Add(every), s.now, every)
	if err != nil {
		s.t.Fatal(err)
	}
	defer q.Close()
	m, err := q.Exec(s.t.Context()).Matrix()
	if err != nil {
		s.t.Fatal(err)
	}
	app := s.db.Appender(s.t.Context())
	for _, series := range m {
		b := labels.NewBuilder(series.Metric).Set("__name__", r.Record)
		for name, v := range r.Labels {
			b.Set(name, v)
		}
		for _, p := range series.Floats {
			if _, err := app.Append(0, b.Labels(), p.T, p.F); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		s.t.Fatal(err)
	}
}

// firing are the levels whose alert fires.
func (s *sim) firing() string {
	var out []string
	for _, g := range s.groups {
		for _, r := range g.Rules() {
			if a, ok := r.(*rules.AlertingRule); ok && a.State() == rules.StateFiring {
				out = append(out, a.Labels().Get("slo_severity"))
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// Query implements Querier.
func (s *sim) Query(ctx context.Context, expr string, at time.Time) ([]Sample, error) {
	q, err := s.engine.NewInstantQuery(ctx, s.db, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, res.Err
	}
	v, err := res.Vector()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	out := make([]Sample, len(v))
	for i, smp := range v {
		out[i] = Sample{Labels: smp.Metric.Map(), Value: smp.F}
	}
	return out, nil
}

// value is the one value of an expression; false where it has none.
func (s *sim) value(expr string) (float64, bool) {
	s.t.Helper()
	v, err := s.Query(s.t.Context(), expr, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(v) > 1 {
		s.t.Fatalf("%s: %d values", expr, len(v))
	}
	if len(v) == 0 {
		return 0, false
	}
	return v[0].Value, true
}

// traffic is calls at a rate of which a share fails.
func traffic(perSecond, failing float64) rates {
	return rates{
		`llm_requests_total{status="success"}`: perSecond * (1 - failing),
		`llm_requests_total{status="error"}`:   perSecond * failing,
	}
}

func always(r rates) func(time.Time) rates { return func(time.Time) rates { return r } }

func TestGeneratedRulesAreGolden(t *testing.T) {
	set := load(t, `
- name: checkout
  description: Checkout answers.
  service: checkout
  objective: 99.5
  window: 28d
  sli: availability
  labels: {team: shop}
  alerting: {labels: {channel: shop}, annotations: {runbook_url: "https://runbooks.example/checkout"}}
`)
	var b bytes.Buffer
	for _, f := range set.RuleFiles() {
		fmt.Fprintf(&b, "# %s\n%s", f.Name, f.Content)
	}
	golden(t, "rules.golden", b.Bytes())
}
