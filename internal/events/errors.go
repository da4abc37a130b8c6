package events

import (
	"errors"
	"fmt"
)

// ErrNotFound says that nothing is stored under an id.
var ErrNotFound = errors.New("events: not found")

// ErrTooLarge says that a record cannot be stored because a part of it that
// cannot be stored apart is over the limit of a row.
var ErrTooLarge = errors.New("events: record is too large to store")

// QueryError says that the user's query is wrong, as opposed to the store.
type QueryError struct {
	Param   string // the parameter at fault
	Message string // what is wrong and what is allowed
}

// Error implements error.
func (e *QueryError) Error() string { return fmt.Sprintf("%s: %s", e.Param, e.Message) }

// UnavailableError says that the engine cannot answer now.
type UnavailableError struct {
	Op  string
	Err error
}

// Error implements error.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s: the event engine does not answer: %v", e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// NotSent says whether the engine surely carried nothing out.
func (e *UnavailableError) NotSent() bool {
	n, ok := errors.AsType[interface {
		error
		NotSent() bool
	}](e.Err)
	return ok && n.NotSent()
}

// RejectedError says that Insert took none of its rows, because some of them
// can never be stored.
type RejectedError struct {
	Rows   int    // how many
	Reason string // outside_retention, malformed
}

// Error implements error.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("insert events: %d rows cannot be stored: %s", e.Rows, e.Reason)
}

// Permanent says that trying again does not help.
func (e *RejectedError) Permanent() bool { return true }
