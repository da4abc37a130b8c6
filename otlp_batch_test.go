package pitot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type exported struct {
	mu      sync.Mutex
	batches [][]int
	fail    error
	hang    bool
	panics  bool
}

func (e *exported) export(ctx context.Context, items []int) error {
	e.mu.Lock()
	e.batches = append(e.batches, slices.Clone(items))
	fail, hang, panics := e.fail, e.hang, e.panics
	e.mu.Unlock()
	if panics {
		panic("a bug")
	}
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return fail
}

func (e *exported) all() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range e.batches {
		n += len(b)
	}
	return n
}

func testBatcher(e *exported, cfg batchSettings) *batcher[int] {
	return startBatcher(&batcher[int]{cfg: cfg, size: func(i *int) int { return *i }, export: e.export})
}

var smallBatches = batchSettings{queue: 10, batch: 4, delay: time.Second, timeout: 30 * time.Second}

func TestBatchesGoOutWhenFullAndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &exported{}
		b := testBatcher(e, smallBatches)
		b.put(1)
		synctest.Wait()
		if e.all() != 0 {
			t.Error("exported at once")
		}
		<-time.After(time.Second) // in the bubble
		synctest.Wait()
		if e.all() != 1 {
			t.Error("not exported in time")
		}
		for i := range 4 {
			b.put(i)
		}
		synctest.Wait()
		if e.all() != 5 {
			t.Error("a full batch waits")
		}
		b.put(7)
		if err := b.flush(t.Context()); err != nil || e.all() != 6 {
			t.Errorf("flushed %d, %v", e.all(), err)
		}
		b.put(8)
		if err := b.close(t.Context()); err != nil || e.all() != 7 {
			t.Errorf("closed with %d, %v", e.all(), err)
		}
		b.put(9)
		if err := errors.Join(b.flush(t.Context()), b.close(t.Context())); err != nil || e.all() != 7 {
			t.Errorf("after the end: %d, %v", e.all(), err)
		}
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &exported{hang: true}
		b := testBatcher(e, smallBatches)
		for range 100 {
			b.put(1)
		}
		synctest.Wait()
		for range 100 { // while an export hangs
			b.put(1)
		}
		if queued := uint64(len(b.items) + b.inFlight); queued > 10 || b.dropped.Load() != 200-queued {
			t.Errorf("%d queued, %d dropped", queued, b.dropped.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := b.close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if b.lost.Load()+b.dropped.Load() != 200 {
			t.Errorf("%d lost, %d dropped of 200", b.lost.Load(), b.dropped.Load())
		}
	})
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &exported{}
		b := testBatcher(e, batchSettings{queue: 1000, batch: 1000, delay: time.Hour, timeout: time.Second})
		b.put(maxBatchBytes / 2)
		b.put(maxBatchBytes/2 + 1)
		b.put(maxBatchBytes * 2)
		b.put(1)
		synctest.Wait()
		if len(e.batches) != 4 && len(e.batches) != 3 {
			t.Errorf("%d batches: a batch holds at most %d bytes", len(e.batches), maxBatchBytes)
		}
		for _, batch := range e.batches {
			if sum := batch[0]; len(batch) > 1 && sum+batch[1] > maxBatchBytes {
				t.Errorf("a batch of %v", batch)
			}
		}
		b.put(maxQueueBytes + 1)
		if b.dropped.Load() != 1 {
			t.Error("more than the bound was taken")
		}
		if err := b.close(t.Context()); err != nil || b.bytes != 0 {
			t.Errorf("%v, %d bytes left", err, b.bytes)
		}
	})
}

func TestDropsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &exported{}
		var told []uint64
		b := startBatcher(&batcher[int]{
			cfg: smallBatches, size: func(*int) int { return maxQueueBytes }, export: e.export, full: func(n uint64) { told = append(told, n) },
		})
		b.put(1)
		b.put(1)
		b.put(1)
		<-time.After(3 * time.Second) // in the bubble
		synctest.Wait()
		if err := b.close(t.Context()); err != nil || !slices.Equal(told, []uint64{2}) {
			t.Errorf("%v, told %v", err, told)
		}
	})
}

func TestTheEndDoesNotWaitForEveryBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &exported{fail: errors.New("away")}
		b := testBatcher(e, batchSettings{queue: 100, batch: 1, delay: time.Hour, timeout: time.Second})
		b.mu.Lock() // so that all wait when it closes
		b.items, b.sizes, b.bytes = make([]int, 50), make([]int, 50), 0
		b.mu.Unlock()
		if err := b.close(t.Context()); err != nil || len(e.batches) != 1 || b.lost.Load() != 50 {
			t.Errorf("%v, %d attempts, %d lost", err, len(e.batches), b.lost.Load())
		}
	})
}

func TestAPanicInExportIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &exported{panics: true}
		var told error
		b := startBatcher(&batcher[int]{cfg: smallBatches, size: func(*int) int { return 1 }, export: e.export, failed: func(err error) { told = err }})
		b.put(1)
		if err := b.flush(t.Context()); err != nil || told == nil || !strings.Contains(told.Error(), "a bug") || b.lost.Load() != 1 {
			t.Errorf("%v, told %v, %d lost", err, told, b.lost.Load())
		}
		if err := b.close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkPut(b *testing.B) {
	q := startBatcher(&batcher[int]{
		cfg: batchSettings{queue: 1 << 20, batch: 512, delay: time.Second, timeout: time.Second}, size: func(*int) int { return 1 },
		export: func(context.Context, []int) error { return nil },
	})
	b.ReportAllocs()
	for b.Loop() {
		q.put(1)
	}
	_ = q.close(context.Background())
}
