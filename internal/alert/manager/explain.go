package manager

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
)

const (
	// maxExplaining bounds the explanations that run at once: they read many calls.
	maxExplaining = 2
	// maxExplained bounds what is remembered.
	maxExplained = 10_000
	// maxAnnotation bounds one annotation of an explanation, in bytes.
	maxAnnotation = 16 << 10
)

// explainer adds the reasons to alerts before the first notification of them. It
// is a stage of the pipeline, after muting: what nobody is told needs no reason.
type explainer struct {
	explain ExplainFunc
	timeout time.Duration
	results *prometheus.CounterVec
	logger  *slog.Logger
	slots   chan struct{}
	ctx     context.Context // of all explanations; ends with close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	known map[explainedKey]*explained
}

// explainedKey is an alert's occurrence.
type explainedKey struct {
	alert  model.Fingerprint
	starts int64
}

// explained is the outcome; without annotations where there is none, so that it
// is not asked for again.
type explained struct {
	annotations map[string]string
	at          time.Time
}

func newExplainer(f ExplainFunc, timeout time.Duration, results *prometheus.CounterVec, logger *slog.Logger) *explainer {
	e := &explainer{
		explain: f, timeout: timeout, results: results, logger: logger,
		slots: make(chan struct{}, maxExplaining), known: make(map[explainedKey]*explained),
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

func (e *explainer) close() {
	e.cancel()
	e.running.Wait()
}

// Exec implements notify.Stage.
func (e *explainer) Exec(ctx context.Context, _ *slog.Logger, alerts ...*alert.Alert) (context.Context, []*alert.Alert, error) {
	if e.explain == nil {
		return ctx, alerts, nil
	}
	fresh := make(map[string][]*alert.Alert)
	e.mu.Lock()
	for _, a := range alerts {
		if _, ok := e.known[keyOf(a)]; !ok && !a.Resolved() {
			fresh[a.Name()] = append(fresh[a.Name()], a)
		}
	}
	e.mu.Unlock()
	if len(fresh) > 0 {
		wait, cancel := context.WithTimeout(ctx, e.timeout)
		for _, name := range slices.Sorted(maps.Keys(fresh)) {
			e.ask(wait, fresh[name])
		}
		cancel()
	}
	out := make([]*alert.Alert, len(alerts))
	for i, a := range alerts {
		out[i] = e.with(a)
	}
	return ctx, out, nil
}

// ask has the alerts explained, and waits for that as long as the context lasts.
// A result that comes later is kept for the notifications that follow.
func (e *explainer) ask(wait context.Context, alerts []*alert.Alert) {
	e.remember(alerts, nil)
	select {
	case e.slots <- struct{}{}:
	case <-wait.Done():
		e.results.WithLabelValues("busy").Inc()
		return
	case <-e.ctx.Done():
		return
	}
	given := make([]Alert, len(alerts))
	for i, a := range alerts {
		given[i] = revert(a)
	}
	done := make(chan struct{})
	e.running.Go(func() {
		defer close(done)
		defer func() { <-e.slots }()
		ctx, cancel := context.WithTimeout(e.ctx, e.timeout)
		defer cancel()
		found, err := e.call(ctx, given)
		switch {
		case err != nil:
			e.results.WithLabelValues("panic").Inc()
			e.logger.Error("explanation of an alert failed", "alert", alerts[0].Name(), "error", err)
		case len(found) == 0:
			e.results.WithLabelValues("empty").Inc()
		default:
			e.results.WithLabelValues("ok").Inc()
			e.remember(alerts, found)
		}
	})
	select {
	case <-done:
	case <-wait.Done():
		e.results.WithLabelValues("timeout").Inc()
	}
}

func (e *explainer) call(ctx context.Context, alerts []Alert) (found map[string]string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	found = maps.Clone(e.explain(ctx, alerts))
	for k, v := range found {
		if len(v) > maxAnnotation {
			found[k] = v[:maxAnnotation]
		}
	}
	return found, nil
}

func keyOf(a *alert.Alert) explainedKey {
	return explainedKey{alert: a.Fingerprint(), starts: a.StartsAt.UnixNano()}
}

func (e *explainer) remember(alerts []*alert.Alert, annotations map[string]string) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range alerts {
		e.known[keyOf(a)] = &explained{annotations: annotations, at: now}
	}
	if len(e.known) > maxExplained {
		keys := slices.SortedFunc(maps.Keys(e.known), func(a, b explainedKey) int {
			return cmp.Compare(e.known[a].at.UnixNano(), e.known[b].at.UnixNano())
		})
		for _, k := range keys[:len(keys)/2] {
			delete(e.known, k)
		}
	}
}

// with returns the alert with what is known about it.
func (e *explainer) with(a *alert.Alert) *alert.Alert {
	e.mu.Lock()
	found := e.known[keyOf(a)]
	e.mu.Unlock()
	if found == nil || len(found.annotations) == 0 {
		return a
	}
	return annotated(a, found.annotations)
}

// annotate adds what is known to an alert that was reported again, so that the
// API shows it too.
func (e *explainer) annotate(a *alert.Alert) {
	if e.explain != nil {
		*a = *e.with(a)
	}
}
