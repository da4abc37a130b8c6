package metrics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Backfiller writes history: Calls that are observed with it are counted in a
// catalogue of its own, which Commit stores as of a time in the past. The
// series are those of the live catalogue, so that charts run through.
//
// It is for one goroutine at a time.
type Backfiller struct {
	m          *Metrics
	catalogue  *Catalogue
	appender   *familyAppender
	scraped    map[string]*familyAppender // of other targets, by job and instance
	start, end time.Time
	step       time.Duration

	mu       sync.Mutex
	clock    time.Time // of the Call that was observed last
	last     time.Time // of the last Commit
	rejected int
}

// ErrNoRoom is returned by Backfill where the store has samples already for
// the whole of the time.
var ErrNoRoom = errors.New("metrics: the store has data for this time")

// Backfill prepares to write history from start to end, a commit each step.
// What the store has is not touched: history begins after its newest sample,
// and Start says when. Call it between Open and Start.
func (m *Metrics) Backfill(start, end time.Time, step time.Duration) (*Backfiller, error) {
	if step <= 0 || !end.After(start) {
		return nil, fmt.Errorf("metrics: backfill: from %s to %s in steps of %v is no time", start.Format(time.RFC3339), end.Format(time.RFC3339), step)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state != opened {
		return nil, errors.New("metrics: backfill: the store has started: history is written before live data")
	}
	if _, newest, ok := m.Range(); ok && newest.After(start) {
		start = newest.Add(time.Millisecond)
	}
	return m.backfiller(start, end, step)
}

// BackfillLate is Backfill for a store that may run: samples are written out of
// order, as far back as Options.OutOfOrder. What was in the store when it was
// opened is not touched. Stretches may be written in any order, each by a
// Backfiller of its own.
func (m *Metrics) BackfillLate(start, end time.Time, step time.Duration) (*Backfiller, error) {
	if step <= 0 || !end.After(start) {
		return nil, fmt.Errorf("metrics: backfill: from %s to %s in steps of %v is no time", start.Format(time.RFC3339), end.Format(time.RFC3339), step)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == closed {
		return nil, ErrClosed
	}
	if !m.storedUntil.Before(start) {
		start = m.storedUntil.Add(time.Millisecond)
	}
	b, err := m.backfiller(start, end, step)
	if err == nil {
		b.appender.zeros = true
	}
	return b, err
}

func (m *Metrics) backfiller(start, end time.Time, step time.Duration) (*Backfiller, error) {
	if !end.After(start) {
		return nil, ErrNoRoom
	}
	b := &Backfiller{m: m, appender: newFamilyAppender(m.targetLabels()), scraped: map[string]*familyAppender{}, start: start, end: end, step: step, clock: start}
	o := m.opts.Catalogue
	o.Now = b.now
	var err error
	b.catalogue, err = NewCatalogue(o)
	return b, err
}

// Start is when history begins: what was asked for, or later where the store
// had data.
func (b *Backfiller) Start() time.Time { return b.start }

// Times yields the times to commit at.
func (b *Backfiller) Times(yield func(time.Time) bool) {
	for t := b.start.Add(b.step); !t.After(b.end); t = t.Add(b.step) {
		if !yield(t) {
			return
		}
	}
}

func (b *Backfiller) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

// Catalogue is the private catalogue, for running Calls and feedback.
func (b *Backfiller) Catalogue() *Catalogue { return b.catalogue }

// ObserveCall counts a Call at the time at which it ended.
func (b *Backfiller) ObserveCall(call *llm.Call) {
	b.mu.Lock()
	if end := call.Time.Add(call.Duration); end.After(b.clock) {
		b.clock = end
	}
	b.mu.Unlock()
	b.catalogue.ObserveCall(call)
}

// Commit stores what was observed until now as of time t, which must be later
// than that of the commit before.
func (b *Backfiller) Commit(ctx context.Context, t time.Time) error {
	if !t.After(b.last) {
		return fmt.Errorf("metrics: backfill: %s is not after the last commit, %s", t.Format(time.RFC3339Nano), b.last.Format(time.RFC3339Nano))
	}
	app := b.m.db.AppenderV2(ctx)
	res, err := b.appender.append(app, b.catalogue.gather(true), t.UnixMilli())
	if err != nil {
		_ = app.Rollback() // err says more
		return fmt.Errorf("metrics: backfill: %w", err)
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("metrics: backfill: %w", err)
	}
	b.last = t
	b.rejected += res.rejected
	return nil
}

// Answer is what a target answered to a scrape.
type Answer struct {
	// Target are its labels, which must have job and instance.
	Target   map[string]string
	Families []*dto.MetricFamily
}

// Scraped stores what targets answered at time t, as scrapes would: with their
// labels, and with the series up. Times must grow.
func (b *Backfiller) Scraped(ctx context.Context, t time.Time, answers []Answer) error {
	app := b.m.db.AppenderV2(ctx)
	rejected := 0
	for _, x := range answers {
		key := x.Target[model.JobLabel] + "\xff" + x.Target[model.InstanceLabel]
		a := b.scraped[key]
		if a == nil {
			a = newFamilyAppender(labels.FromMap(x.Target))
			b.scraped[key] = a
		}
		families := slices.Clone(x.Families)
		up := &dto.MetricFamily{Name: new("up"), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: new(1.0)}}}}
		res, err := a.append(app, append(families, up), t.UnixMilli())
		if err != nil {
			_ = app.Rollback() // err says more
			return fmt.Errorf("metrics: backfill: %w", err)
		}
		rejected += res.rejected
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("metrics: backfill: %w", err)
	}
	b.rejected += rejected
	return nil
}

// Rejected is how many samples the store refused.
func (b *Backfiller) Rejected() int { return b.rejected }
