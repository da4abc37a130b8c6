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

// laterChunks is how many times longer than for its first chunk Submit waits for
// room for the others.
const laterChunks = 5

// Submit takes records and their ownership and returns nil when they are
// durable. Records that can never be stored (too old, too large, duplicates of
// durable ones) count as taken: the ledger says what became of them. On overload
// it returns an *OverloadError: the sender should send all records again later;
// those that were taken meanwhile are then recognised by their ids. When ctx
// ends first, records may or may not become durable.
func (p *Pipeline) Submit(ctx context.Context, recs []llm.Record) error {
	if t := llm.TenantOf(ctx); t != llm.DefaultTenant {
		for _, r := range recs {
			own(r, t)
		}
	}
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
	if p.keepsRoom() {
		p.ledger.dropAll(received, DropRefused)
		return &OverloadError{Delay: 10 * time.Second, Err: journal.ErrFull}
	}
	var outcomes []*outcome
	var js []joined
	for rest := recs; len(rest) > 0; {
		n, size := p.chunk(rest)
		patience := p.opts.SubmitWait
		if len(rest) < len(recs) {
			patience *= laterChunks // what is done of it would be done again
		}
		if err := p.enterSubmit(ctx, patience, n, size); err != nil {
			var left counts
			for _, r := range rest {
				left.add(sourceOf(r), 1)
			}
			p.ledger.dropAll(left, DropRefused)
			return err
		}
		if js == nil {
			// All at once: who is counted hangs on relatives in other chunks.
			js = p.join(recs, make([]joined, 0, len(recs)))
		}
		at := len(recs) - len(rest)
		own, foreign := p.processChunk(rest[:n], js[at:at+n], size, true)
		<-p.process
		outcomes = append(append(outcomes, own...), foreign...)
		rest = rest[n:]
	}
	return awaitAll(ctx, outcomes)
}

// keepsRoom says whether the rest of the journal is for the gateway: its calls
// have passed and cannot be sent again, as what is submitted can.
func (p *Pipeline) keepsRoom() bool {
	s := p.journal.Stats()
	return s.Bytes > s.MaxBytes/10*9
}

// awaitAll waits until all batches are durable or one is not.
func awaitAll(ctx context.Context, outcomes []*outcome) error {
	for _, o := range outcomes {
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

// enterSubmit waits for room in the queue and for a processor.
func (p *Pipeline) enterSubmit(ctx context.Context, patience time.Duration, records int, size int64) error {
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if p.budget.submit(wait, int64(records), size) == nil {
		select {
		case p.process <- struct{}{}:
			return nil
		case <-wait.Done():
			p.budget.give(int64(records), size, true)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &OverloadError{Delay: 2 * time.Second, Err: ErrQueueFull}
}

// processChunk sends records to the journal. own are the outcomes of their
// batches, foreign those of the batches with records that they duplicate.
func (p *Pipeline) processChunk(recs []llm.Record, js []joined, size int64, submitted bool) (own, foreign []*outcome) {
	b := p.newBatch(submitted)
	own = append(own, b.outcome)
	for i, r := range recs {
		if p.full(b) {
			p.send(b)
			b = p.newBatch(submitted)
			own = append(own, b.outcome)
		}
		// The room was taken for all together: the last record gives back what is left.
		share := size / int64(len(recs)-i)
		size -= share
		if pending := p.add(b, r, js[i], sourceOf(r), share); pending != nil {
			foreign = append(foreign, pending)
		}
	}
	p.send(b)
	return own, foreign
}
