package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Pricer computes the cost of a Call. It is called from many goroutines.
type Pricer interface {
	Price(*llm.Call) llm.Cost
}

// Redactor applies the content policy, in place. It is called from many
// goroutines, once for every record, before the record is kept or shown.
type Redactor interface {
	Call(*llm.Call)
	Span(*llm.Span)
	Log(*llm.Log)
	Feedback(*llm.Feedback)
}

// Observer counts Calls. It is called from many goroutines, once for every Call
// that is not a duplicate, after pricing and before redaction. It must not keep
// or change the Call.
type Observer interface {
	ObserveCall(*llm.Call)
}

// Encoder appends a record as one row of the store, as JSON. It is called from
// many goroutines. An error drops the record.
type Encoder func(dst []byte, r llm.Record) ([]byte, error)

// Store keeps rows. All its methods but Epoch may take long and honour ctx. They
// are called from one goroutine.
type Store interface {
	// Insert stores rows; they are valid during the call only. nil says that the
	// store has all of them, though a crash of the store may lose what it took in
	// the last few seconds (Options.SafeAge). An error that is permanent (its chain
	// has a method Permanent() bool that returns true) says that the store looked
	// at the rows, refused at least one of them for what it is, and has none of
	// them; anything else is tried again for ever.
	Insert(ctx context.Context, rows [][]byte) error
	// Present says which of the ids have a row whose time is between from and to,
	// both inclusive. It sees every row whose Insert ended before the call, well or
	// not: an implementation that answers from an index makes fresh rows visible
	// first.
	Present(ctx context.Context, ids []string, from, to time.Time) (map[string]bool, error)
	// Ready reports whether the store answers now. It asks the store itself.
	Ready(ctx context.Context) error
	// Epoch names the run of the store that a call made now would reach. It
	// changes before a store that may have lost rows takes the next call. A store
	// that loses nothing returns a constant.
	Epoch() string
}

// OverloadError says that records were not taken, that none of them will be
// stored unless they are sent again, and when that may succeed. Those of them
// that were taken all the same are recognised as duplicates then.
type OverloadError struct {
	Delay time.Duration
	Err   error
}

// Error implements error.
func (e *OverloadError) Error() string { return "not accepted, try again: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OverloadError) Unwrap() error { return e.Err }

// RetryAfter is the delay to suggest to the sender.
func (e *OverloadError) RetryAfter() time.Duration { return e.Delay }

// Retryable says that the same records may be accepted later.
func (e *OverloadError) Retryable() bool { return true }

// Causes of an OverloadError besides those of the journal.
var (
	// ErrQueueFull means that too much waits for the journal.
	ErrQueueFull = errors.New("pipeline queue is full: raise queue.max_bytes or send less")
	// ErrClosed means that Pitot is stopping.
	ErrClosed = errors.New("pitot is shutting down")
)

// permanent reports whether a store will never take the rows.
func permanent(err error) bool {
	p, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](err)
	return ok && p.Permanent()
}
