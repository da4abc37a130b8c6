package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/strutil"
)

// RuleFile is a file of Prometheus rule groups that is held in memory.
type RuleFile struct {
	Name    string // unique; the API shows it as the group's file
	Content []byte // YAML
}

// Alert is an alert that fires or has resolved.
type Alert struct {
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       time.Time // when it resolved, or until when it counts as firing
	Resolved     bool
	Value        float64
	Expr         string
	GeneratorURL string
}

// NotifyFunc receives the alerts of one rule. It is called from the rule's
// evaluation and must not block it.
type NotifyFunc func(ctx context.Context, alerts []Alert)

// alertQueue is how many alerts wait for an outside Alertmanager at most.
const alertQueue = 10_000

func (m *Metrics) buildRules(ctx context.Context) {
	m.notifier = notifier.NewManager(
		&notifier.Options{QueueCapacity: alertQueue, DrainOnShutdown: true, Registerer: m.registry},
		model.UTF8Validation, m.component("notifier"))
	m.rules = rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme: model.UTF8Validation,
		Appendable:           m.ruleAppendable(),
		Queryable:            m.ruleSamples(),
		QueryFunc:            m.ruleQuery(),
		NotifyFunc:           m.notify,
		Context:              ctx,
		ExternalURL:          m.externalURL,
		Registerer:           m.registry,
		Logger:               m.ruleLogger(),
		OutageTolerance:      time.Hour,
		ForGracePeriod:       10 * time.Minute,
		ResendDelay:          time.Minute,
		MaxConcurrentEvals:   4,
		GroupLoader:          m.ruleFiles,
		Parser:               m.ruleFiles.parser,
		DefaultRuleQueryOffset: func() time.Duration {
			return time.Duration(m.config.Load().GlobalConfig.RuleQueryOffset)
		},
	})
}

// notify hands alerts to Pitot's own alerting and to the Alertmanagers of the
// `alerting:` section.
func (m *Metrics) notify(ctx context.Context, expr string, alerts ...*rules.Alert) {
	if len(alerts) == 0 {
		return
	}
	rules.SendAlerts(m.notifier, m.externalURL.String())(ctx, expr, alerts...)
	if m.opts.Notify == nil {
		return
	}
	link := m.externalURL.String() + strutil.TableLinkForExpression(expr)
	out := make([]Alert, len(alerts))
	for i, a := range alerts {
		out[i] = Alert{
			Labels: a.Labels.Map(), Annotations: a.Annotations.Map(),
			StartsAt: a.FiredAt, EndsAt: a.ValidUntil, Value: a.Value, Expr: expr, GeneratorURL: link,
		}
		if !a.ResolvedAt.IsZero() {
			out[i].EndsAt, out[i].Resolved = a.ResolvedAt, true
		}
	}
	m.opts.Notify(ctx, out)
}

// SetRules replaces the rule files that are held in memory, but for the shipped
// ones. On an error the old ones stay.
func (m *Metrics) SetRules(files []RuleFile) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == closed {
		return ErrClosed
	}
	old := m.ruleFiles.all()
	if err := m.ruleFiles.set(files); err != nil {
		return fmt.Errorf("metrics: rules: %w", err)
	}
	if m.state != running {
		return nil
	}
	if err := m.applyRules(m.config.Load()); err != nil {
		return errors.Join(fmt.Errorf("metrics: rules: %w", err), m.ruleFiles.set(old))
	}
	return nil
}

// ValidateRules checks a file of rule groups.
func ValidateRules(content []byte) error {
	_, errs := rulefmt.Parse(content, false, model.UTF8Validation, newParser(), slog.New(slog.DiscardHandler))
	return errors.Join(errs...)
}

// memoryPrefix tells rule files in memory from those on disk.
const memoryPrefix = "pitot:"

// ruleLoader reads rule files from memory and from disk.
type ruleLoader struct {
	parser parser.Parser

	builtin []RuleFile // always there

	mu    sync.RWMutex
	files map[string][]byte
}

func newRuleLoader(builtin []RuleFile) *ruleLoader {
	return &ruleLoader{parser: newParser(), builtin: builtin, files: make(map[string][]byte)}
}

func (l *ruleLoader) set(files []RuleFile) error {
	next := make(map[string][]byte, len(files))
	for _, f := range files {
		if strings.HasPrefix(f.Name, builtinPrefix) {
			return fmt.Errorf("%s: a name that begins with %s is a shipped file's: choose another one", f.Name, builtinPrefix)
		}
		if err := ValidateRules(f.Content); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if _, ok := next[memoryPrefix+f.Name]; ok {
			return fmt.Errorf("%s: two files have this name", f.Name)
		}
		next[memoryPrefix+f.Name] = f.Content
	}
	for _, f := range l.builtin {
		next[memoryPrefix+f.Name] = f.Content
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = next
	return nil
}

func (l *ruleLoader) names() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Sorted(maps.Keys(l.files))
}

func (l *ruleLoader) all() []RuleFile {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []RuleFile
	for name, content := range l.files {
		if name = strings.TrimPrefix(name, memoryPrefix); !strings.HasPrefix(name, builtinPrefix) {
			out = append(out, RuleFile{Name: name, Content: content})
		}
	}
	return out
}

// Load implements rules.GroupLoader.
func (l *ruleLoader) Load(name string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	discard := slog.New(slog.DiscardHandler)
	if !strings.HasPrefix(name, memoryPrefix) {
		return rulefmt.ParseFile(name, ignoreUnknown, scheme, l.parser, discard)
	}
	l.mu.RLock()
	content, ok := l.files[name]
	l.mu.RUnlock()
	if !ok {
		return nil, []error{fmt.Errorf("%s: no such rules", name)}
	}
	return rulefmt.Parse(content, ignoreUnknown, scheme, l.parser, discard)
}

// Parse implements rules.GroupLoader.
func (l *ruleLoader) Parse(query string) (parser.Expr, error) { return l.parser.ParseExpr(query) }
