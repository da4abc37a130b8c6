package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

// swapObserver is the catalogue that Calls are counted in: the live one, or
// during a backfill the one that writes the past.
type swapObserver struct {
	p atomic.Pointer[pipeline.Observer]
}

func newSwapObserver(o pipeline.Observer) *swapObserver {
	s := new(swapObserver)
	s.set(o)
	return s
}

func (s *swapObserver) set(o pipeline.Observer) { s.p.Store(&o) }

// ObserveCall counts a Call in the catalogue in force.
func (s *swapObserver) ObserveCall(c *llm.Call) { (*s.p.Load()).ObserveCall(c) }

const (
	backfillStep  = 15 * time.Second
	backfillBatch = 512
)

// Backfill stores records of the past, in their order of time, so that lists
// and charts are full at once. Call it between New and Run: nothing else may
// come in meanwhile. progress is called with the share that is done.
func (s *Server) Backfill(ctx context.Context, start, end time.Time, produce func(emit func(llm.Record) error) error, progress func(float64)) error {
	b, err := s.metrics.Backfill(start, end, backfillStep)
	if errors.Is(err, metrics.ErrNoRoom) {
		return nil // the data directory has this time already
	}
	if err != nil {
		return err
	}
	s.observer.set(b)
	defer s.observer.set(s.metrics.Catalogue())
	f := &filler{ctx: ctx, s: s, b: b, next: b.Start().Add(backfillStep)}
	err = produce(func(r llm.Record) error {
		at := endOf(r)
		if at.Before(b.Start()) {
			return nil
		}
		for !at.Before(f.next) {
			if err := f.commit(); err != nil {
				return err
			}
			progress(min(f.next.Sub(start).Seconds()/end.Sub(start).Seconds(), 1))
		}
		f.batch = append(f.batch, r)
		if len(f.batch) >= backfillBatch {
			return f.flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	for !f.next.After(end) {
		if err := f.commit(); err != nil {
			return err
		}
	}
	return f.flush()
}

func endOf(r llm.Record) time.Time {
	switch {
	case r.Call != nil:
		return r.Call.Time.Add(r.Call.Duration)
	case r.Span != nil:
		return r.Span.Time.Add(r.Span.Duration)
	case r.Feedback != nil:
		return r.Feedback.Time
	default:
		return r.Log.Time
	}
}

// filler submits records and commits the counts at each step.
type filler struct {
	ctx   context.Context //nolint:containedctx // It lives as long as one Backfill.
	s     *Server
	b     *metrics.Backfiller
	next  time.Time
	batch []llm.Record
}

func (f *filler) commit() error {
	if err := f.flush(); err != nil {
		return err
	}
	if err := f.b.Commit(f.ctx, f.next); err != nil {
		return err
	}
	f.next = f.next.Add(backfillStep)
	return nil
}

// flush submits the batch, and waits where the journal asks for it.
func (f *filler) flush() error {
	if len(f.batch) == 0 {
		return nil
	}
	for {
		err := f.s.pipeline.Submit(f.ctx, f.batch)
		var busy interface{ RetryAfter() time.Duration }
		if err == nil || !errors.As(err, &busy) {
			f.batch = nil
			return err
		}
		select {
		case <-time.After(busy.RetryAfter()):
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
}
