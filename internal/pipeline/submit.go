package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// submitChunk is the most that Submit processes at once, in estimated bytes.
const submitChunk = 4 << 20

// Submit takes records and their ownership and returns nil when they are
// durable. Records that can never be stored (too old, too large, duplicates of
// durable ones) count as taken: the ledger says what became of them. On overload
// it returns an *OverloadError: the sender should send all records again later;
// those that were taken meanwhile are then recognised by their ids. When ctx
// ends first, records may or may not become durable.
func (p *Pipeline) Submit(ctx context.Context, recs []llm.Record) error {
	var received counts
	for _, r := range recs {
		received.add(sourceOf(r), 1)
	}
	p.intake.RLock()
	closed := p.closed
	if !closed {
		p.submits.Add(1)
	}
	p.intake.RUnlock()
	for _, c := range received {
		p.ledger.receive(c.source, c.n)
	}
	if closed {
		p.ledger.dropAll(received, DropRefused)
		return &OverloadError{Delay: 5 * time.Second, Err: ErrClosed}
	}
	defer p.submits.Done()
	for len(recs) > 0 {
		n, size := p.chunk(recs)
		if err := p.submitChunk(ctx, recs[:n], size); err != nil {
			var rest counts
			for _, r := range recs[n:] {
				rest.add(sourceOf(r), 1)
			}
			p.ledger.dropAll(rest, DropRefused)
			return err
		}
		recs = recs[n:]
	}
	return nil
}

// chunk returns how many of the records to process at once, and their size.
func (p *Pipeline) chunk(recs []llm.Record) (n int, size int64) {
	q := p.opts.Config.Queue
	maxRecords := min(maxBatchRecords, max(q.MaxRecords/4, 1))
	maxBytes := min(submitChunk, q.MaxBytes/4)
	for n < len(recs) && n < maxRecords {
		s := min(sizeOf(recs[n]), maxBytes)
		if n > 0 && size+s > maxBytes {
			break
		}
		size += s
		n++
	}
	return n, size
}

func (p *Pipeline) submitChunk(ctx context.Context, recs []llm.Record, size int64) error {
	if err := p.enterSubmit(ctx, recs, size); err != nil {
		var all counts
		for _, r := range recs {
			all.add(sourceOf(r), 1)
		}
		p.ledger.dropAll(all, DropRefused)
		return err
	}
	own, foreign := p.processChunk(recs, size)
	<-p.process
	for _, o := range append(own, foreign...) {
		select {
		case <-o.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case o.err == nil:
		case errors.Is(o.err, journal.ErrFull):
			return &OverloadError{Delay: 10 * time.Second, Err: o.err}
		default:
			return &OverloadError{Delay: time.Second, Err: o.err}
		}
	}
	return nil
}

// enterSubmit waits for room in the queue and for a processor.
func (p *Pipeline) enterSubmit(ctx context.Context, recs []llm.Record, size int64) error {
	wait, cancel := context.WithTimeout(ctx, p.opts.SubmitWait)
	defer cancel()
	if p.budget.submit(wait, int64(len(recs)), size) == nil {
		select {
		case p.process <- struct{}{}:
			return nil
		case <-wait.Done():
			p.budget.give(int64(len(recs)), size, true)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &OverloadError{Delay: 2 * time.Second, Err: ErrQueueFull}
}

// processChunk sends records to the journal. own are the outcomes of their
// batches, foreign those of the batches with records that they duplicate.
func (p *Pipeline) processChunk(recs []llm.Record, size int64) (own, foreign []*outcome) {
	b := p.newBatch(true)
	own = append(own, b.outcome)
	for i, r := range recs {
		if p.full(b) {
			p.send(b)
			b = p.newBatch(true)
			own = append(own, b.outcome)
		}
		// The room was taken for all together: the last record gives back what is left.
		share := size / int64(len(recs)-i)
		size -= share
		if pending := p.add(b, r, sourceOf(r), share); pending != nil {
			foreign = append(foreign, pending)
		}
	}
	p.send(b)
	return own, foreign
}
