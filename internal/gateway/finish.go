package gateway

import (
	"context"
	"runtime"
	"sync"
)

// finishers decode unary answers and hand Calls over, away from the goroutines
// that serve clients.
type finishers struct {
	queue chan *exchange
	mu    sync.RWMutex // guards closed against a send on the closed queue
	done  bool
	wg    sync.WaitGroup
}

// finishQueue bounds the exchanges that wait. When it is full the goroutine that
// served the client does the work itself, after the answer has been sent.
const finishQueue = 1024

func newFinishers() *finishers {
	f := &finishers{queue: make(chan *exchange, finishQueue)}
	for range runtime.GOMAXPROCS(0) {
		f.wg.Go(func() {
			for x := range f.queue {
				x.finish()
			}
		})
	}
	return f
}

func (f *finishers) submit(x *exchange) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.done {
		select {
		case f.queue <- x:
			return
		default:
		}
	}
	x.finish()
}

func (f *finishers) close(ctx context.Context) error {
	f.mu.Lock()
	if !f.done {
		f.done = true
		close(f.queue)
	}
	f.mu.Unlock()
	idle := make(chan struct{})
	go func() { f.wg.Wait(); close(idle) }()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
