package pitot

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the queues in bytes, as estimated from the texts in them.
const (
	maxQueueBytes = 64 << 20 // of one signal
	maxBatchBytes = 3 << 20  // below what gRPC servers accept by default, 4 MiB
)

// batchSettings are those of OTEL_BSP_* and OTEL_BLRP_*.
type batchSettings struct {
	queue   int           // most items that wait
	batch   int           // most items of an export
	delay   time.Duration // between two exports
	timeout time.Duration // of an export
}

// batcher hands items to export in batches, by one goroutine of its own. What
// does not fit into the queue is dropped and counted; put never waits.
type batcher[T any] struct {
	cfg    batchSettings
	size   func(*T) int
	export func(ctx context.Context, items []T) error
	full   func(dropped uint64) // says that items were dropped; may be nil
	failed func(error)          // says what went wrong in export itself; may be nil

	dropped atomic.Uint64 // queue full
	lost    atomic.Uint64 // exports that failed
	// The goroutine's own.
	told       uint64 // of dropped
	spare      []T    // for items, in turn
	spareSizes []int

	mu       sync.Mutex
	items    []T
	sizes    []int
	bytes    int
	inFlight int // items taken from items, not yet exported
	closed   bool

	wake    chan struct{}
	flushes chan chan struct{}
	stop    chan struct{}
	done    chan struct{}
	cancel  context.CancelFunc
}

// startBatcher starts the goroutine of b, of which cfg, size and export are set.
func startBatcher[T any](b *batcher[T]) *batcher[T] {
	ctx, cancel := context.WithCancel(context.Background()) //nolint:gosec // close calls it
	b.cancel = cancel
	b.wake, b.flushes = make(chan struct{}, 1), make(chan chan struct{})
	b.stop, b.done = make(chan struct{}), make(chan struct{})
	go b.run(ctx)
	return b
}

// put queues an item.
func (b *batcher[T]) put(item T) {
	size := b.size(&item)
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	if len(b.items)+b.inFlight >= b.cfg.queue || b.bytes+size > maxQueueBytes {
		b.mu.Unlock()
		b.dropped.Add(1)
		return
	}
	b.items = append(b.items, item)
	b.sizes = append(b.sizes, size)
	b.bytes += size
	full := len(b.items) >= b.cfg.batch || b.bytes >= maxBatchBytes
	b.mu.Unlock()
	if full {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

func (b *batcher[T]) run(ctx context.Context) {
	defer close(b.done)
	tick := time.NewTicker(b.cfg.delay)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.drain(ctx)
			b.tellDrops()
		case <-b.wake:
			b.drain(ctx)
		case flushed := <-b.flushes:
			b.drain(ctx)
			close(flushed)
		case <-b.stop:
			b.drain(ctx)
			return
		}
	}
}

// drain exports what waits. Once the program wants to end it gives up at the
// first batch that fails: the backend is away.
func (b *batcher[T]) drain(ctx context.Context) {
	b.mu.Lock()
	items, sizes := b.items, b.sizes
	b.items, b.sizes = b.spare, b.spareSizes
	b.inFlight = len(items)
	b.mu.Unlock()
	b.spare, b.spareSizes = items[:0], sizes[:0] // cleared below
	for len(items) > 0 {
		n, bytes := 0, 0
		for n < len(items) && n < b.cfg.batch && (n == 0 || bytes+sizes[n] <= maxBatchBytes) {
			bytes += sizes[n]
			n++
		}
		err := b.exportBatch(ctx, items[:n])
		if err != nil {
			b.lost.Add(uint64(n))
		}
		clear(items[:n])
		items, sizes = items[n:], sizes[n:]
		b.mu.Lock()
		b.inFlight -= n
		b.bytes -= bytes
		ending := b.closed
		if ending && err != nil {
			b.inFlight = 0
		}
		b.mu.Unlock()
		if ending && err != nil {
			b.lost.Add(uint64(len(items)))
			clear(items)
			return
		}
	}
}

func (b *batcher[T]) exportBatch(ctx context.Context, items []T) (err error) {
	defer func() { // an error of ours must not end the program
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
			if b.failed != nil {
				b.failed(err)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, b.cfg.timeout)
	defer cancel()
	return b.export(ctx, items)
}

// tellDrops says that the queue was full since it was asked last.
func (b *batcher[T]) tellDrops() {
	if n := b.dropped.Load(); n > b.told {
		if b.full != nil {
			b.full(n - b.told)
		}
		b.told = n
	}
}

// flush exports what was put before it.
func (b *batcher[T]) flush(ctx context.Context) error {
	flushed := make(chan struct{})
	select {
	case b.flushes <- flushed:
	case <-b.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close takes nothing more, exports what waits and ends the goroutine; when ctx
// ends, what is left is lost, and counted.
func (b *batcher[T]) close(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.stop)
	}
	b.mu.Unlock()
	select {
	case <-b.done:
		b.cancel()
		return nil
	case <-ctx.Done():
		b.cancel()
		<-b.done
		return ctx.Err()
	}
}
