package server

import (
	"sync"
	"time"
)

// cache keeps one value for a while. The zero cache is ready to use.
type cache[T any] struct {
	mu    sync.Mutex
	value T
	at    time.Time
}

// get returns the value, made anew where it is older than age. Only one caller
// makes it.
func (c *cache[T]) get(age time.Duration, fill func() T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) > age {
		c.value = fill()
		c.at = time.Now()
	}
	return c.value
}
