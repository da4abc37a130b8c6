package pipeline

import (
	"context"
	"fmt"
	"time"
)

// settleEvery is how often Settle looks.
const settleEvery = 5 * time.Millisecond

// Settle waits until every record that was received before it was called is in
// the journal and durable, or dropped and counted.
func (p *Pipeline) Settle(ctx context.Context) error {
	before, _ := p.ledger.progress()
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		// Records leave the queue about in the order in which they came.
		received, queued := p.ledger.progress()
		if queued == 0 || received-queued >= before {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for queued records: %w", ctx.Err())
		}
	}
	if err := p.journal.Flush(ctx); err != nil {
		return fmt.Errorf("wait for the journal: %w", err)
	}
	return nil
}

// progress sums up what was received and what of it is before the journal.
func (l *ledger) progress() (received, queued uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.m {
		received += a.received
		queued += a.queued
	}
	return received, queued
}
