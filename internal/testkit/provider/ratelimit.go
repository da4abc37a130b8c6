package provider

import (
	"sync"
	"time"
)

// bucket is the token bucket of one model.
type bucket struct {
	mu    sync.Mutex
	level float64
	last  time.Time
}

// take takes one request. Where none is left it returns how long until one is.
func (b *bucket) take(l RateLimit, now time.Time) (wait time.Duration, ok bool) {
	if l.Requests <= 0 || l.Per <= 0 {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	rate := float64(l.Requests) / l.Per.Seconds()
	if b.last.IsZero() {
		b.level = float64(l.Requests)
	} else if d := now.Sub(b.last); d > 0 {
		b.level = min(b.level+d.Seconds()*rate, float64(l.Requests))
	}
	b.last = now
	if b.level >= 1 {
		b.level--
		return 0, true
	}
	return seconds((1 - b.level) / rate), false
}
