package events

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// StreamCalls passes the answer to a query for stored Calls, line by line: JSON
// objects whose values are strings, as the engine writes them. It selects the
// Calls of [start, end), and those of which only a tally was kept; filter is
// LogsQL that users may have written, `*` for all; pipes follow it and begin
// with a bar. A line may be used until each returns.
func (s *Store) StreamCalls(ctx context.Context, start, end time.Time, filter, pipes string, each func(line []byte) error) error {
	q := request{op: "stream calls", query: countedStream + " status:* " + pipes, r: Range{Start: start, End: end.Add(-1)}}
	if f := strings.TrimSpace(filter); f != "" && f != "*" {
		q.filters = []string{f}
	}
	return s.eachLine(ctx, q, func(line []byte) error {
		if line[0] != '{' { // an error in the middle of an answer is a line of text
			return &UnavailableError{Op: q.op, Err: errors.New(prefix(string(line), 500))}
		}
		return each(line)
	})
}

// EachCall yields the stored Calls that started in a range, without content, in
// no order. It ends with the first error.
func (s *Store) EachCall(ctx context.Context, r Range) iter.Seq2[*llm.Call, error] {
	return func(yield func(*llm.Call, error) bool) {
		q := request{op: "each call", query: callStream + " id:* | fields " + listFields, r: r}
		err := s.each(ctx, q, func(m row) error {
			c, err := decodeCall(m)
			if err != nil {
				return err
			}
			if !yield(c, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// EachCounted yields what totals count of a range: the stored Calls, and those of
// which only a tally was kept.
func (s *Store) EachCounted(ctx context.Context, r Range) iter.Seq2[*llm.Call, error] {
	return func(yield func(*llm.Call, error) bool) {
		q := request{op: "each counted call", query: countedStream + " status:* | fields " + listFields, r: r, whole: true}
		err := s.each(ctx, q, func(m row) error {
			c, err := decodeCall(m)
			if err != nil {
				return err
			}
			if !yield(c, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// errEnough ends a query whose reader wants no more.
var errEnough = errors.New("enough")
