package otlp

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// estimate is about how much memory a message of n bytes takes at its peak: the
// bytes themselves, and what is decoded of them at once. It is a guess, taken
// before there is anything to look at; codec.each knows better.
func estimate(n int) int64 { return int64(n) + min(5*int64(n), chunkCost) }

// budget bounds the memory of all requests under way.
type budget struct {
	sem  *semaphore.Weighted // first come, first served: a large message is not starved
	size int64
	wait time.Duration
	used atomic.Int64
}

func newBudget(size int64, wait time.Duration) *budget {
	return &budget{sem: semaphore.NewWeighted(size), size: size, wait: wait}
}

// lease is what one request has of the budget.
type lease struct {
	b *budget
	n int64
}

// grow makes the lease at least n bytes, or all there are, or fails when there is
// no room within the budget's wait.
func (l *lease) grow(ctx context.Context, n int64) error {
	want := min(n, l.b.size) - l.n
	if want <= 0 {
		return nil
	}
	if !l.b.sem.TryAcquire(want) {
		wait, cancel := context.WithTimeout(ctx, l.b.wait)
		defer cancel()
		if err := l.b.sem.Acquire(wait, want); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return tooMuch(l.b.wait)
		}
	}
	l.n += want
	l.b.used.Add(want)
	return nil
}

// tooMuch tells a sender that waited in vain to come back.
func tooMuch(waited time.Duration) *failure {
	return &failure{
		status: http.StatusTooManyRequests, retry: max(2*waited, time.Second),
		message: "too much telemetry is under way: send again later, in smaller batches, or raise otlp.max_in_flight",
	}
}

// shrink gives back what is above n bytes.
func (l *lease) shrink(n int64) {
	if surplus := l.n - n; surplus > 0 {
		l.n = n
		l.b.used.Add(-surplus)
		l.b.sem.Release(surplus)
	}
}

// release gives everything back.
func (l *lease) release() { l.shrink(0) }
