package journal

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{300, 3000} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			j := open(b, Options{Dir: b.TempDir(), MaxBytes: 8 << 30})
			c := cursor(b, j, "c")
			rec := make([]byte, size)
			batch := make([][]byte, 64)
			for i := range batch {
				batch[i] = rec
			}
			var wg sync.WaitGroup
			room := make(chan struct{}, 200)
			n := 0
			b.SetBytes(int64(size * len(batch)))
			b.ReportAllocs()
			for b.Loop() {
				wg.Add(1)
				room <- struct{}{}
				j.AppendFunc(batch, func(err error) {
					if err != nil {
						b.Error(err)
					}
					<-room
					wg.Done()
				})
				n += len(batch)
			}
			wg.Wait()
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
			b.StopTimer()
			_ = c
		})
	}
}

// BenchmarkAppendWaiting is many senders of which each waits for its sync.
func BenchmarkAppendWaiting(b *testing.B) {
	j := open(b, Options{Dir: b.TempDir(), MaxBytes: 8 << 30, CommitInterval: 2 * time.Millisecond})
	rec := make([]byte, 1000)
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := j.Append(b.Context(), [][]byte{rec}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkRead(b *testing.B) {
	j := open(b, Options{Dir: b.TempDir(), MaxBytes: 8 << 30})
	recs := make([][]byte, 1000)
	for i := range recs {
		recs[i] = make([]byte, 1000)
	}
	for range 50 {
		if err := j.Append(b.Context(), recs); err != nil {
			b.Fatal(err)
		}
	}
	c := cursor(b, j, "c")
	var batch Batch
	b.SetBytes(50_000 * 1000)
	b.ReportAllocs()
	for b.Loop() {
		c.Rewind()
		for c.last < 50_000 {
			batch.Reset()
			if err := c.Next(b.Context(), &batch, 1000, 4<<20); err != nil {
				b.Fatal(err)
			}
		}
	}
}
