package pipeline

import (
	"context"
	"sync"
)

// budget bounds what is between receipt and journal, in records and in bytes.
// Offered and submitted records share it, but submitted ones get at most half:
// their senders can wait and try again, the gateway cannot.
type budget struct {
	maxRecords, maxBytes int64

	mu             sync.Mutex
	records, bytes int64 // all
	subRecords     int64 // submitted ones
	subBytes       int64
	freed          chan struct{} // closed and replaced when something is given back
}

func newBudget(c QueueConfig) *budget {
	return &budget{maxRecords: int64(c.MaxRecords), maxBytes: c.MaxBytes, freed: make(chan struct{})}
}

// offer takes room for one record if there is any. A record larger than all
// the room passes when nothing else is there.
func (b *budget) offer(bytes int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.records > 0 && (b.records >= b.maxRecords || b.bytes+bytes > b.maxBytes) {
		return false
	}
	b.records++
	b.bytes += bytes
	return true
}

// take takes room whether there is any or not, for records that are bounded
// elsewhere.
func (b *budget) take(records, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records += records
	b.bytes += bytes
}

// submit takes room for records, and waits for it until ctx ends.
func (b *budget) submit(ctx context.Context, records, bytes int64) error {
	for {
		b.mu.Lock()
		fits := b.records+records <= b.maxRecords && b.bytes+bytes <= b.maxBytes &&
			b.subRecords+records <= b.maxRecords/2 && b.subBytes+bytes <= b.maxBytes/2
		if fits || b.records == 0 {
			b.records += records
			b.bytes += bytes
			b.subRecords += records
			b.subBytes += bytes
			b.mu.Unlock()
			return nil
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// give returns room.
func (b *budget) give(records, bytes int64, submitted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records -= records
	b.bytes -= bytes
	if submitted {
		b.subRecords -= records
		b.subBytes -= bytes
	}
	close(b.freed)
	b.freed = make(chan struct{})
}

func (b *budget) used() (records, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.records, b.bytes
}
