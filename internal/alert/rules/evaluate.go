package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// Bounds of one query in a test.
const (
	testMaxSamples = 50_000_000
	testTimeout    = 2 * time.Minute
)

// evaluator runs rule groups over a store of its own at times that the caller
// chooses, with the engine that the server uses.
type evaluator struct {
	dir    string
	db     *tsdb.DB
	engine *promql.Engine
	groups []*promrules.Group
}

// evaluatorOptions configure an evaluator.
type evaluatorOptions struct {
	interval       time.Duration // of groups without one, and of subqueries
	externalLabels map[string]string
	externalURL    string
	order          []string // names of groups that come first, in order
	notify         promrules.NotifyFunc
	outOfOrder     time.Duration
}

// newEvaluator makes a store in a temporary directory and loads the files,
// which must be valid.
func newEvaluator(files []File, o evaluatorOptions) (_ *evaluator, err error) {
	dir, err := os.MkdirTemp("", "pitot-rules-")
	if err != nil {
		return nil, fmt.Errorf("store of the test: %w", err)
	}
	e := &evaluator{dir: dir}
	defer func() {
		if err != nil {
			_ = e.close() // err says more
		}
	}()
	opts := tsdb.DefaultOptions()
	opts.WALSegmentSize = -1 // nothing has to survive
	opts.RetentionDuration = 0
	opts.MinBlockDuration = (365 * 24 * time.Hour).Milliseconds()
	opts.MaxBlockDuration = opts.MinBlockDuration
	opts.OutOfOrderTimeWindow = o.outOfOrder.Milliseconds()
	if e.db, err = tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, opts, nil); err != nil {
		return nil, fmt.Errorf("store of the test: %w", err)
	}
	e.db.DisableCompactions()
	e.engine = promql.NewEngine(promql.EngineOpts{
		MaxSamples: testMaxSamples, Timeout: testTimeout, EnableAtModifier: true, EnableNegativeOffset: true,
		EnableDelayedNameRemoval: true, NoStepSubqueryIntervalFn: func(int64) int64 { return o.interval.Milliseconds() },
		Parser: newParser(),
	})
	if err := e.load(files, o); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *evaluator) load(files []File, o evaluatorOptions) error {
	external, err := url.Parse(o.externalURL)
	if err != nil {
		return fmt.Errorf("external_url: %w", err)
	}
	notify := o.notify
	if notify == nil {
		notify = func(context.Context, string, ...*promrules.Alert) {}
	}
	loader := fileLoader{files: map[string][]byte{}, parser: newParser()}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name
		loader.files[f.Name] = f.Content
	}
	m := promrules.NewManager(&promrules.ManagerOptions{
		QueryFunc: promrules.EngineQueryFunc(e.engine, e.db), Appendable: e.db, Queryable: e.db, NotifyFunc: notify,
		Context: context.Background(), Logger: slog.New(slog.DiscardHandler), ExternalURL: external,
		GroupLoader: loader, Parser: loader.parser, OutageTolerance: time.Hour, ForGracePeriod: 10 * time.Minute, ResendDelay: time.Minute,
	})
	groups, errs := m.LoadGroups(o.interval, labels.FromMap(o.externalLabels), o.externalURL, nil, false, names...)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	place := func(g *promrules.Group) int {
		if i := slices.Index(o.order, g.Name()); i >= 0 {
			return i
		}
		return len(o.order)
	}
	for _, g := range groups {
		e.groups = append(e.groups, g)
	}
	// Groups that the order does not name come as in the files.
	slices.SortFunc(e.groups, func(a, b *promrules.Group) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		if d := slices.Index(names, a.File()) - slices.Index(names, b.File()); d != 0 {
			return d
		}
		return strings.Compare(a.Name(), b.Name())
	})
	return nil
}

// trustState has alerts write their state from the first evaluation on, as
// after a restoration.
func (e *evaluator) trustState() {
	for _, a := range e.alertingRules() {
		a.SetRestored(true)
	}
}

func (e *evaluator) alertingRules() []*promrules.AlertingRule {
	var out []*promrules.AlertingRule
	for _, g := range e.groups {
		out = append(out, g.AlertingRules()...)
	}
	return out
}

// eval evaluates all groups at a time and returns what failed.
func (e *evaluator) eval(ctx context.Context, at time.Time) error {
	var errs []error
	for _, g := range e.groups {
		g.Eval(ctx, at)
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				errs = append(errs, fmt.Errorf("rule %s: %w", r.Name(), err))
			}
		}
	}
	return errors.Join(errs...)
}

// query evaluates an expression at a time.
func (e *evaluator) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	return promrules.EngineQueryFunc(e.engine, e.db)(ctx, expr, at)
}

// appender opens a transaction on the store.
func (e *evaluator) appender(ctx context.Context) storage.Appender { return e.db.Appender(ctx) }

func (e *evaluator) close() error {
	var errs []error
	if e.engine != nil {
		errs = append(errs, e.engine.Close())
	}
	if e.db != nil {
		errs = append(errs, e.db.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(e.dir))...) //nolint:gosec // G703: it is the directory that newEvaluator made
}

// fileLoader reads files in memory.
type fileLoader struct {
	files  map[string][]byte
	parser parser.Parser
}

// Load implements promrules.GroupLoader.
func (l fileLoader) Load(name string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	return rulefmt.Parse(l.files[name], ignoreUnknown, scheme, l.parser, slog.New(slog.DiscardHandler))
}

// Parse implements promrules.GroupLoader.
func (l fileLoader) Parse(expr string) (parser.Expr, error) { return l.parser.ParseExpr(expr) }
