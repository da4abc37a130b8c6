package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

// Backfill is history that is made up while the server runs, so that lists and
// charts are full soon after it was started.
type Backfill struct {
	// Start and End are the time to fill. Nothing that came in otherwise may have
	// ended before End.
	Start, End time.Time
	// Stretch is how much is filled at once, the newest first; 0 means 30 minutes.
	Stretch time.Duration
	// Produce gives the records of a stretch to emit, roughly in their order of
	// time.
	Produce func(start, end time.Time, emit func(llm.Record) error) error
	// Scrape gives to emit what other targets answered in all of the time, in its
	// order; nil for none.
	Scrape func(start, end time.Time, emit ScrapedFunc) error
	// Share is the share of a processor that filling takes after the first stretch
	// of several; 0 means 0.6.
	Share float64
}

// ScrapedFunc takes what targets answered at a time.
type ScrapedFunc func(t time.Time, answers []metrics.Answer) error

const (
	backfillStep = 15 * time.Second
	// backfillBatch is how many records are submitted at once: each time waits for
	// the disk.
	backfillBatch = 2048
	// backfillLag is how long after its start a record may have ended and still
	// count at its time: steps are stored when all of them are there.
	backfillLag = time.Minute

	backfillStretch = 30 * time.Minute
	backfillShare   = 0.6
)

// The stages of a backfill, in status.
const (
	backfillNone     = ""
	backfillFilling  = "filling"
	backfillComplete = "complete"
	backfillFailed   = "failed"
)

// backfillStatus is how far a backfill has come.
type backfillStatus struct {
	mu      sync.Mutex
	stage   string
	start   time.Time
	end     time.Time
	reached time.Time // all after it is there
	rules   bool      // records are in, rules are evaluated
	err     error
}

func (b *backfillStatus) set(f func(*backfillStatus)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

// component is the status as the API shows it; false where nothing is filled.
func (b *backfillStatus) component() (api.Component, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := api.Component{Name: "history", State: api.StateOK}
	all := b.end.Sub(b.start).Round(time.Second)
	switch b.stage {
	case backfillNone:
		return c, false
	case backfillComplete:
		c.Detail = fmt.Sprintf("complete: %v", all)
	case backfillFailed:
		c.State, c.Detail, c.Hint = api.StateDegraded, b.err.Error(), "live data is not touched by this; start again to fill it"
	case backfillFilling:
		c.Detail = fmt.Sprintf("filling: %v of %v", b.end.Sub(b.reached).Round(time.Second), all)
		if b.rules {
			c.Detail = "filling: rules and alerts"
		}
	}
	return c, true
}

// Backfill stores records of the past while the server runs. It returns when all
// is stored, or ctx ends.
func (s *Server) Backfill(ctx context.Context, f Backfill) error {
	if f.Stretch <= 0 {
		f.Stretch = backfillStretch
	}
	if f.Share <= 0 || f.Share > 1 {
		f.Share = backfillShare
	}
	s.history.set(func(b *backfillStatus) {
		b.stage, b.start, b.end, b.reached = backfillFilling, f.Start, f.End, f.End
	})
	err := s.backfill(ctx, &f)
	s.history.set(func(b *backfillStatus) {
		b.stage = backfillComplete
		if err != nil {
			b.stage, b.err = backfillFailed, err
		}
	})
	return err
}

func (s *Server) backfill(ctx context.Context, f *Backfill) error {
	p := &pacer{share: 1, since: time.Now()}
	for end := f.End; end.After(f.Start); end = end.Add(-f.Stretch) {
		start := end.Add(-f.Stretch)
		if start.Before(f.Start) {
			start = f.Start
		}
		if err := s.fillStretch(ctx, f, start, end, p); err != nil {
			return err
		}
		s.history.set(func(b *backfillStatus) { b.reached = start })
		if f.End.Sub(f.Start) > f.Stretch {
			p.share = f.Share
		}
	}
	if err := s.fillScraped(ctx, f, p); err != nil {
		return err
	}
	s.history.set(func(b *backfillStatus) { b.rules = true })
	if err := s.waitRunning(ctx); err != nil {
		return err
	}
	return s.metrics.BackfillRules(ctx, f.Start, f.End, p.pace)
}

// waitRunning waits until the rules are loaded.
func (s *Server) waitRunning(ctx context.Context) error {
	for !s.running.Load() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *Server) fillStretch(ctx context.Context, f *Backfill, start, end time.Time, p *pacer) error {
	b, err := s.metrics.BackfillLate(start, end, backfillStep)
	if errors.Is(err, metrics.ErrNoRoom) {
		return nil // the data directory has this time already
	}
	if err != nil {
		return err
	}
	fl := &filler{ctx: ctx, s: s, b: b, pacer: p, next: b.Start().Add(backfillStep), past: s.newPast(b, f.End)}
	s.observer.past.Store(fl.past)
	defer s.observer.past.Store(nil)
	err = f.Produce(start, end, func(r llm.Record) error {
		began, ended := spanOf(r)
		if ended.Before(b.Start()) {
			return nil
		}
		fl.batch = append(fl.batch, r)
		if len(fl.batch) < backfillBatch {
			return nil
		}
		if err := fl.flush(); err != nil {
			return err
		}
		if upTo := began.Add(-backfillLag); upTo.Before(end) {
			return fl.commit(upTo)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return fl.finish(end)
}

// fillScraped writes what other targets answered.
func (s *Server) fillScraped(ctx context.Context, f *Backfill, p *pacer) error {
	if f.Scrape == nil {
		return nil
	}
	b, err := s.metrics.BackfillLate(f.Start, f.End, backfillStep)
	if errors.Is(err, metrics.ErrNoRoom) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Scrape(b.Start(), f.End, func(t time.Time, answers []metrics.Answer) error {
		if err := b.Scraped(ctx, t, answers); err != nil {
			return err
		}
		return p.pace(ctx)
	})
}

func spanOf(r llm.Record) (began, ended time.Time) {
	switch {
	case r.Call != nil:
		return r.Call.Time, r.Call.Time.Add(r.Call.Duration)
	case r.Span != nil:
		return r.Span.Time, r.Span.Time.Add(r.Span.Duration)
	case r.Feedback != nil:
		return r.Feedback.Time, r.Feedback.Received
	default:
		return r.Log.Time, r.Log.Time
	}
}

// pacer leaves processors to others: after some work it waits.
type pacer struct {
	share float64
	since time.Time
}

const (
	// paceEvery is how much work is done between two waits.
	paceEvery = 50 * time.Millisecond
	// paceMost bounds a wait: where processors are scarce, work takes long by itself.
	paceMost = 60 * time.Millisecond
)

func (p *pacer) pace(ctx context.Context) error {
	worked := time.Since(p.since)
	if p.share >= 1 || worked < paceEvery {
		return ctx.Err()
	}
	t := time.NewTimer(min(time.Duration(float64(worked)*(1-p.share)/p.share), paceMost))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.since = time.Now()
	return nil
}

// filler submits records and commits the counts at each step.
type filler struct {
	ctx   context.Context //nolint:containedctx // It lives as long as one stretch.
	s     *Server
	b     *metrics.Backfiller
	past  *past
	pacer *pacer
	next  time.Time
	batch []llm.Record
}

// commit counts what ended until a time, and stores the counts of each step.
func (f *filler) commit(upTo time.Time) error {
	for !f.next.After(upTo) {
		f.past.countUntil(f.next)
		if err := f.b.Commit(f.ctx, f.next); err != nil {
			return err
		}
		f.next = f.next.Add(backfillStep)
		if err := f.pacer.pace(f.ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish stores what is left. What ends after the stretch counts at its end.
func (f *filler) finish(end time.Time) error {
	if err := f.flush(); err != nil {
		return err
	}
	if err := f.commit(end.Add(-time.Millisecond)); err != nil {
		return err
	}
	f.past.countUntil(f.past.end)
	return f.b.Commit(f.ctx, end)
}

// flush submits the batch, and what rules have judged of it.
func (f *filler) flush() error {
	for len(f.batch) > 0 {
		batch := f.batch
		for _, r := range batch {
			if r.Feedback != nil {
				f.past.judged(r.Feedback)
			}
		}
		if err := f.submit(batch); err != nil {
			return err
		}
		f.batch = f.past.judgements()
	}
	return nil
}

// submit waits where the journal asks for it.
func (f *filler) submit(batch []llm.Record) error {
	for {
		err := f.s.pipeline.Submit(f.ctx, batch)
		var busy interface{ RetryAfter() time.Duration }
		if err == nil || !errors.As(err, &busy) {
			return err
		}
		select {
		case <-time.After(busy.RetryAfter()):
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
}

// swapObserver counts Calls in the live catalogue, and those of a stretch that
// is being backfilled in that of the past.
type swapObserver struct {
	live pipeline.Observer
	past atomic.Pointer[past]
}

func newSwapObserver(o pipeline.Observer) *swapObserver { return &swapObserver{live: o} }

// ObserveCall counts a Call where it belongs.
func (s *swapObserver) ObserveCall(c *llm.Call) {
	if p := s.past.Load(); p != nil && p.has(c) {
		p.ObserveCall(c)
		return
	}
	s.live.ObserveCall(c)
}

// presentOnly keeps Calls of the past from an observer that works on the
// present.
type presentOnly struct {
	pipeline.Observer
	swap *swapObserver
}

// ObserveCall tells the observer of a Call that is not of the past.
func (o presentOnly) ObserveCall(c *llm.Call) {
	if p := o.swap.past.Load(); p == nil || !p.has(c) {
		o.Observer.ObserveCall(c)
	}
}
