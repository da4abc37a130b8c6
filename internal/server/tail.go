package server

import (
	"context"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/logs"
)

// tail reads files. A new configuration gets a new tailer, which goes on where
// the old one stopped.
type tail struct {
	options logs.Options

	mu     sync.Mutex
	run    context.Context // nil before Run
	cancel context.CancelFunc
	tailer *logs.Tailer
	done   chan struct{} // closed when the tailer that runs has ended
}

func newTail(o logs.Options) (*tail, error) {
	t, err := logs.NewTailer(o)
	if err != nil {
		return nil, err
	}
	return &tail{options: o, tailer: t}, nil
}

// Run reads files until ctx ends.
func (t *tail) Run(ctx context.Context) {
	t.mu.Lock()
	t.run = ctx
	t.start()
	t.mu.Unlock()
	<-ctx.Done()
	t.mu.Lock()
	done := t.done
	t.mu.Unlock()
	<-done
}

// start runs the tailer. t.mu is held.
func (t *tail) start() {
	ctx, cancel := context.WithCancel(t.run)
	done, tailer := make(chan struct{}), t.tailer
	t.cancel, t.done = cancel, done
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := tailer.Run(ctx)
			if err == nil || ctx.Err() != nil {
				return
			}
			t.options.Log.Error("tailing stopped and is tried again", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(tailRetry):
			}
		}
	}()
}

// tailRetry is how long a tailer that failed, on a full disk for one, waits.
const tailRetry = 5 * time.Second

func (t *tail) reload(c logs.Config) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.options
	o.Config = c
	next, err := logs.NewTailer(o)
	if err != nil {
		return err
	}
	t.options, t.tailer = o, next
	if t.run != nil && t.run.Err() == nil {
		t.cancel()
		<-t.done
		t.start()
	}
	return nil
}
