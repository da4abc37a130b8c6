package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when tests happen.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fakeSink keeps what is submitted, once for each id, as the pipeline does.
type fakeSink struct {
	mu       sync.Mutex
	fail     func(n int) error // n counts the submissions; nil never fails
	n        int
	accepted []string // ids, repeated ones too
	logs     map[string]*llm.Log
	calls    map[string]*llm.Call
	order    []string
}

func newSink() *fakeSink {
	return &fakeSink{logs: map[string]*llm.Log{}, calls: map[string]*llm.Call{}}
}

func (s *fakeSink) Submit(ctx context.Context, recs []llm.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.fail != nil {
		if err := s.fail(s.n); err != nil {
			for _, r := range recs { // the pipeline owns them: it may do anything to them
				if r.Log != nil {
					clear(r.Log.Attributes)
				}
			}
			return err
		}
	}
	for _, r := range recs {
		switch {
		case r.Log != nil:
			id := r.Log.ID
			if id == "" {
				return errors.New("a log without an id")
			}
			s.accepted = append(s.accepted, id)
			if _, ok := s.logs[id]; !ok {
				s.logs[id] = r.Log
				s.order = append(s.order, id)
			}
		case r.Call != nil:
			id := r.Call.ID
			if id == "" {
				id = fmt.Sprint("unnamed", len(s.calls))
			}
			s.calls[id] = r.Call
		}
	}
	return nil
}

// messages returns the messages of the logs in the order of their arrival.
func (s *fakeSink) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.order))
	for _, id := range s.order {
		out = append(out, s.logs[id].Message)
	}
	return out
}

func (s *fakeSink) all() []*llm.Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*llm.Log, 0, len(s.order))
	for _, id := range s.order {
		out = append(out, s.logs[id])
	}
	return out
}

func (s *fakeSink) allCalls() []*llm.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.calls), func(a, b *llm.Call) int { return a.Time.Compare(b.Time) })
}

// overload is what the pipeline says when it takes no more.
type overload struct{ after time.Duration }

func (o overload) Error() string             { return "full" }
func (o overload) RetryAfter() time.Duration { return o.after }
func (o overload) Retryable() bool           { return true }

// mapJSON maps one line.
func mapJSON(t testing.TB, raw string, o origin) []llm.Record {
	t.Helper()
	m := newMapper(Config{}, NewMetrics())
	if o.arrival.IsZero() {
		o.arrival = noon
	}
	if err := m.doc.parse([]byte(raw)); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return m.json(nil, []byte(raw), &o)
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// discard takes everything.
type discard struct{}

func (discard) Submit(context.Context, []llm.Record) error { return nil }

// countingSink calls done once it has what it wants.
type countingSink struct {
	n, want int
	done    func()
}

func (s *countingSink) Submit(_ context.Context, recs []llm.Record) error {
	if s.n += len(recs); s.n >= s.want {
		s.done()
	}
	return nil
}
