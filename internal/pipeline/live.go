package pipeline

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxSubscribers bounds the live subscriptions.
const maxSubscribers = 256

// live passes Calls on to those who watch.
type live struct {
	active atomic.Int32
	missed prometheus.Counter

	mu   sync.Mutex
	subs map[chan *llm.Call]struct{}
}

// subscribe returns a channel of Calls and a function that ends it. Past
// maxSubscribers, and after close, the channel is closed from the start.
func (l *live) subscribe(buffer int) (<-chan *llm.Call, func()) {
	ch := make(chan *llm.Call, max(buffer, 1))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs == nil || len(l.subs) >= maxSubscribers {
		close(ch)
		return ch, func() {}
	}
	l.subs[ch] = struct{}{}
	l.active.Store(int32(len(l.subs)))
	return ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, ok := l.subs[ch]; ok {
			delete(l.subs, ch)
			close(ch)
			l.active.Store(int32(len(l.subs)))
		}
	}
}

// publish gives Calls to all subscribers; who is slow misses some.
func (l *live) publish(calls []*llm.Call) {
	if len(calls) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for ch := range l.subs {
		for _, c := range calls {
			select {
			case ch <- c:
			default:
				l.missed.Inc()
			}
		}
	}
}

// close ends all subscriptions.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ch := range l.subs {
		close(ch)
	}
	l.subs = nil
	l.active.Store(0)
}
