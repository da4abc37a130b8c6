package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The states of the engine.
const (
	StateStarting = "starting" // the child runs and opens its data
	StateReady    = "ready"
	StateBackoff  = "backoff" // the child ended; the next start is due
	StateStopped  = "stopped"
)

// Back-off between starts: doubled from the first to the last, and reset after
// a child has been ready for steadyAfter.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = time.Minute
	steadyAfter  = 30 * time.Second
)

// failuresForHint is the number of starts in a row that must fail before
// Status says that this is no accident.
const failuresForHint = 3

// Status is what is known of the engine, for the status page.
type Status struct {
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	Epoch    uint64    `json:"epoch"`
	PID      int       `json:"pid,omitempty"`
	RSSBytes int64     `json:"rss_bytes,omitempty"`
	Restarts int       `json:"restarts"`
	// LastExit says how the last child ended; LastLog are its last lines.
	LastExit string   `json:"last_exit,omitempty"`
	LastLog  []string `json:"last_log,omitempty"`
	// Hint says what to do when the engine does not start.
	Hint string `json:"hint,omitempty"`
}

// Supervisor runs the engine's child process and restarts it when it ends.
type Supervisor struct {
	opt  Options
	log  *slog.Logger
	conn *transport

	cancel context.CancelFunc // ends the run loop
	done   chan struct{}      // closed when the run loop has ended

	mu       sync.Mutex
	status   Status
	failures int           // starts in a row that did not become ready
	changed  chan struct{} // closed and replaced on every change of state
	tail     []string      // last log lines of the current child
	subs     map[chan uint64]struct{}
}

// Start begins to run the engine and returns at once; Ready waits for it. It
// fails only for options that cannot work. The engine stops when ctx ends, or
// by Stop.
func Start(ctx context.Context, opt Options) (*Supervisor, error) {
	if err := opt.setDefaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("engine: create data directory: %w", err)
	}
	s := &Supervisor{
		opt:     opt,
		log:     opt.Logger.With("component", "engine"),
		conn:    newTransport(),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		subs:    map[chan uint64]struct{}{},
		status:  Status{State: StateStarting, Since: time.Now()},
	}
	if opt.Registerer != nil {
		if err := opt.Registerer.Register(newCollector(s)); err != nil {
			return nil, fmt.Errorf("engine: register metrics: %w", err)
		}
	}
	ctx, s.cancel = context.WithCancel(ctx)
	go s.run(ctx)
	return s, nil
}

// URL is the engine's base URL. It stays the same over restarts; only Client
// can reach it.
func (s *Supervisor) URL() string { return baseURL }

// Client reaches the engine, wherever its current child listens, and proves
// that it may. While no child is ready its requests fail at once with ErrDown.
func (s *Supervisor) Client() *http.Client { return &http.Client{Transport: s.conn} }

// Epoch counts the times that a child became ready; 0 before the first.
func (s *Supervisor) Epoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status.Epoch
}

// Status returns what is known of the engine now.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	st.LastLog = append([]string(nil), st.LastLog...)
	if st.PID != 0 {
		st.RSSBytes = residentBytes(st.PID)
	}
	return st
}

// Ready waits until the engine answers. It returns ErrDown when the engine has
// been stopped, or ctx's error with what keeps the engine from starting.
func (s *Supervisor) Ready(ctx context.Context) error {
	for {
		s.mu.Lock()
		st, changed := s.status, s.changed
		s.mu.Unlock()
		switch st.State {
		case StateReady:
			return nil
		case StateStopped:
			return ErrDown
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if st.LastExit != "" {
				return fmt.Errorf("engine: not ready: %w (last exit: %s)", ctx.Err(), st.LastExit)
			}
			return fmt.Errorf("engine: not ready: %w", ctx.Err())
		}
	}
}

// Subscribe returns a channel that gets the new epoch each time a child
// becomes ready. A slow reader misses older epochs, never the newest. Call
// cancel when done.
func (s *Supervisor) Subscribe() (epochs <-chan uint64, cancel func()) {
	ch := make(chan uint64, 1)
	s.mu.Lock()
	s.subs[ch] = struct{}{}
	s.mu.Unlock()
	return ch, func() {
		s.mu.Lock()
		delete(s.subs, ch)
		s.mu.Unlock()
	}
}

// Stop lets the child flush and exit, and kills it when ctx ends before that.
func (s *Supervisor) Stop(ctx context.Context) error {
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	pid := s.status.PID
	s.mu.Unlock()
	if pid != 0 {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill() // fails only where the child has ended by itself
		}
	}
	<-s.done
	return fmt.Errorf("engine: killed, it did not stop in time: %w", ctx.Err())
}

// update changes the status and wakes those who wait for a change.
func (s *Supervisor) update(f func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.status.State
	f(&s.status)
	if s.status.State != before {
		s.status.Since = time.Now()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// run keeps a child alive until ctx ends.
func (s *Supervisor) run(ctx context.Context) {
	defer close(s.done)
	defer s.conn.CloseIdleConnections()
	backoff := firstBackoff
	for ctx.Err() == nil {
		s.update(func(st *Status) { st.State = StateStarting })
		readyFor, err := s.runChild(ctx)
		if ctx.Err() != nil {
			break
		}
		if readyFor >= steadyAfter {
			backoff = firstBackoff
		}
		wait := jitter(backoff)
		backoff = min(backoff*2, lastBackoff)
		s.childEnded(err, readyFor > 0, wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	s.update(func(st *Status) { st.State, st.PID = StateStopped, 0 })
}

func (s *Supervisor) childEnded(err error, wasReady bool, wait time.Duration) {
	s.mu.Lock()
	if wasReady {
		s.failures = 0
	} else {
		s.failures++
	}
	failures, tail := s.failures, s.tail
	s.mu.Unlock()
	s.log.Error("engine ended and will be restarted", "err", err, "failures", failures, "restart_in", wait)
	s.update(func(st *Status) {
		st.State, st.PID = StateBackoff, 0
		st.Restarts++
		st.LastExit, st.LastLog, st.Hint = err.Error(), tail, ""
		if failures >= failuresForHint {
			st.Hint = fmt.Sprintf("the event engine does not start on %s; Pitot keeps trying, calls keep flowing and wait in the journal. "+
				"See last_log. If the data is corrupt, stop Pitot, move the partition that the log names out of %s, and start again.",
				s.opt.Dir, filepath.Join(s.opt.Dir, "partitions"))
		}
	})
}

// childReady publishes the new epoch.
func (s *Supervisor) childReady() {
	s.update(func(st *Status) {
		st.State, st.Hint = StateReady, ""
		for ch := range s.subs {
			select {
			case <-ch: // drop the epoch that was not read
			default:
			}
			ch <- st.Epoch
		}
	})
}

// jitter spreads d by a fifth to either side.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}

// errNoReason stands for a child that ended without an error status.
var errNoReason = errors.New("exited by itself with status 0")
