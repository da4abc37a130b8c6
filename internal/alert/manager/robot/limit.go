package robot

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Rate allows Burst messages at once and then one each Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// Within returns the Rate that never lets more than n messages pass in any
// window of the given length: half of them at once, half spread evenly.
func Within(n int, window time.Duration) Rate {
	burst := max(1, n/2)
	return Rate{Burst: burst, Every: window / time.Duration(max(1, n-burst))}
}

// Limiter spaces the messages of one robot. It is shared by all receivers that
// send to the robot, and lives on over reloads, since the robot counts on.
type Limiter struct {
	mu      sync.Mutex
	buckets []bucket
	blocked time.Time // no message before
}

type bucket struct {
	rate Rate
	// free is when the bucket is, or was, full: each message moves it by
	// rate.Every. A message may pass while it is less than a burst ahead.
	free time.Time
}

// NewLimiter returns a Limiter that keeps all of the rates.
func NewLimiter(rates ...Rate) *Limiter {
	l := &Limiter{buckets: make([]bucket, len(rates))}
	for i, r := range rates {
		l.buckets[i].rate = r
	}
	return l
}

// Block lets nothing pass for a while: the robot said that it had too much.
func (l *Limiter) Block(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.blocked) {
		l.blocked = until
	}
}

// take takes a place, or says how long to wait for one.
func (l *Limiter) take(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := l.blocked.Sub(now)
	for _, b := range l.buckets {
		earliest := b.free.Add(-time.Duration(b.rate.Burst-1) * b.rate.Every)
		wait = max(wait, earliest.Sub(now))
	}
	if wait > 0 {
		return wait
	}
	for i := range l.buckets {
		b := &l.buckets[i]
		if b.free.Before(now) {
			b.free = now
		}
		b.free = b.free.Add(b.rate.Every)
	}
	return 0
}

// Wait returns when a message may be sent, or with an error when the context
// ends before that.
func (l *Limiter) Wait(ctx context.Context) error {
	for {
		wait := l.take(time.Now())
		if wait == 0 {
			return nil
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
			return fmt.Errorf("rate limit of the robot: the next message may be sent in %v", wait.Round(time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("rate limit of the robot: %w", context.Cause(ctx))
		case <-timer.C:
		}
	}
}

// Limits has a Limiter for each robot.
type Limits struct {
	mu sync.Mutex
	m  map[string]*Limiter
}

// maxRobots bounds the Limiters that are kept for robots of earlier
// configurations.
const maxRobots = 1000

// Of returns the Limiter of a robot, which key names, and makes it with the
// rates when there is none.
func (l *Limits) Of(key string, rates ...Rate) *Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.m[key]; ok {
		return have
	}
	if l.m == nil || len(l.m) >= maxRobots {
		l.m = make(map[string]*Limiter)
	}
	made := NewLimiter(rates...)
	l.m[key] = made
	return made
}
