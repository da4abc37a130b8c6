package robot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// maxWaiting is how many notifications of one receiver wait for a place.
const maxWaiting = 256

// ErrFull is returned when too many notifications wait already.
var ErrFull = errors.New("too many notifications wait for the rate limit of the robot")

// SendFunc delivers messages as one. The flag says whether it is worth to try
// again.
type SendFunc func(ctx context.Context, messages []Message) (retry bool, err error)

// Sender delivers messages within a rate limit. Those that wait for the same
// place leave together, as one message.
type Sender struct {
	limiter *Limiter
	send    SendFunc

	// turn is held by the caller that waits for a place and sends for all.
	turn chan struct{}

	mu      sync.Mutex // guards waiting
	waiting []*entry
}

type entry struct {
	message Message
	done    chan result
}

type result struct {
	retry bool
	err   error
}

// NewSender returns a Sender.
func NewSender(limiter *Limiter, send SendFunc) *Sender {
	return &Sender{limiter: limiter, send: send, turn: make(chan struct{}, 1)}
}

// Send returns when the message was delivered, alone or with others, or not.
func (s *Sender) Send(ctx context.Context, m Message) (bool, error) {
	e := &entry{message: m, done: make(chan result, 1)}
	if !s.add(e) {
		return true, ErrFull
	}
	select {
	case r := <-e.done:
		return r.retry, r.err
	case <-ctx.Done():
		s.remove(e)
		return true, fmt.Errorf("waiting for the rate limit of the robot: %w", context.Cause(ctx))
	case s.turn <- struct{}{}:
	}
	defer func() { <-s.turn }()
	select {
	case r := <-e.done: // with the one before
		return r.retry, r.err
	default:
	}
	if err := s.limiter.Wait(ctx); err != nil {
		s.remove(e)
		return true, err
	}
	s.deliver(ctx)
	r := <-e.done
	return r.retry, r.err
}

// deliver sends all that waits. The caller holds the turn.
func (s *Sender) deliver(ctx context.Context) {
	s.mu.Lock()
	batch := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	messages := make([]Message, len(batch))
	for i, e := range batch {
		messages[i] = e.message
	}
	retry, err := s.send(ctx, messages)
	for _, e := range batch {
		e.done <- result{retry: retry, err: err}
	}
}

func (s *Sender) add(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= maxWaiting {
		return false
	}
	s.waiting = append(s.waiting, e)
	return true
}

func (s *Sender) remove(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(o *entry) bool { return o == e })
}
