package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

// poisonError is a refusal for good.
type poisonError struct{}

func (poisonError) Error() string   { return "row is not to my taste" }
func (poisonError) Permanent() bool { return true }

var errDown = errors.New("connection refused")

// fakeStore is a store that keeps rows in memory and, like the engine, loses
// what it took in the last flushAfter when it crashes.
type fakeStore struct {
	flushAfter time.Duration

	mu      sync.Mutex
	epoch   int
	rows    map[string]*fakeRow
	down    bool
	poison  func(id string) bool
	fail    func() error // before an insert
	lie     func() error // after an insert that succeeded
	slow    time.Duration
	inserts int
	asked   int // ids that Present was asked for
}

type fakeRow struct {
	at    time.Time
	count int
	row   string
}

func newFakeStore() *fakeStore {
	return &fakeStore{flushAfter: 4 * time.Second, rows: map[string]*fakeRow{}}
}

func rowID(row []byte) string {
	id, _, _ := bytes.Cut(row, []byte("|"))
	return string(id)
}

func (s *fakeStore) Insert(ctx context.Context, rows [][]byte) error {
	if s.slow > 0 && !wait(ctx, s.slow) {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errDown
	}
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if s.poison != nil && s.poison(rowID(r)) {
			return fmt.Errorf("insert: %w", poisonError{})
		}
	}
	s.inserts++
	for _, r := range rows {
		id := rowID(r)
		if s.rows[id] == nil {
			s.rows[id] = &fakeRow{}
		}
		s.rows[id].count++
		s.rows[id].at = time.Now()
		s.rows[id].row = string(r)
	}
	if s.lie != nil {
		return s.lie()
	}
	return nil
}

func (s *fakeStore) Present(_ context.Context, ids []string, from, to time.Time) (map[string]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errDown
	}
	if from.IsZero() || to.Before(from) {
		return nil, fmt.Errorf("bad range %v to %v", from, to)
	}
	s.asked += len(ids)
	m := map[string]bool{}
	for _, id := range ids {
		if s.rows[id] != nil {
			m[id] = true
		}
	}
	return m, nil
}

func (s *fakeStore) Ready(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errDown
	}
	return nil
}

func (s *fakeStore) Epoch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.epoch)
}

// crash stops the store; what is not flushed is lost.
func (s *fakeStore) crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	for id, r := range s.rows {
		if time.Since(r.at) < s.flushAfter {
			delete(s.rows, id)
		}
	}
}

func (s *fakeStore) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false
	s.epoch++
}

func (s *fakeStore) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// ids returns the ids stored, sorted; it fails on one that is stored twice.
func (s *fakeStore) ids(t testing.TB) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, r := range s.rows {
		if r.count != 1 {
			t.Errorf("%s is stored %d times", id, r.count)
		}
	}
	return slices.Sorted(maps.Keys(s.rows))
}

// row returns the row with the id.
func (s *fakeStore) row(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rows[id]; r != nil {
		return r.row
	}
	return ""
}

func testEncoder(dst []byte, r llm.Record) ([]byte, error) {
	h := headerOf(r)
	dst = append(dst, h.id...)
	dst = append(dst, '|')
	var v any = r.Call
	switch {
	case r.Span != nil:
		v = r.Span
	case r.Log != nil:
		v = r.Log
	case r.Feedback != nil:
		v = r.Feedback
	}
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

type fakeRedactor struct{}

func (fakeRedactor) Call(c *llm.Call) {
	if c.User != "" {
		c.User = "masked"
	}
}
func (fakeRedactor) Span(*llm.Span) {}
func (fakeRedactor) Log(*llm.Log)   {}
func (fakeRedactor) Feedback(f *llm.Feedback) {
	if f.User != "" {
		f.User = "masked"
	}
}

type fakePricer struct{}

func (fakePricer) Price(*llm.Call) llm.Cost {
	return llm.Cost{USD: llm.Some(0.5), State: llm.CostComputed}
}

type fakeObserver struct {
	mu    sync.Mutex
	calls map[string]int
	users []string
	spans map[string]int
}

func (o *fakeObserver) ObserveCall(c *llm.Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.calls == nil {
		o.calls, o.spans = map[string]int{}, map[string]int{}
	}
	o.calls[c.ID]++
	o.spans[c.SpanID]++
	o.users = append(o.users, c.User)
	if c.Cost.State != llm.CostComputed {
		panic("observed before it was priced")
	}
}

// rig is a pipeline with everything around it.
type rig struct {
	*Pipeline
	t        testing.TB
	dir      string
	journal  *journal.Journal
	jopts    journal.Options
	store    *fakeStore
	observer *fakeObserver
	opts     Options
}

func newRig(t testing.TB, mod ...func(*rig)) *rig {
	r := &rig{t: t, dir: t.TempDir(), store: newFakeStore(), observer: &fakeObserver{}}
	r.jopts = journal.Options{Dir: r.dir, SegmentSize: 256 << 10, MaxBytes: 64 << 20}
	r.opts = Options{
		Config: DefaultConfig(), Store: r.store, Redactor: fakeRedactor{}, Pricer: fakePricer{},
		Observer: r.observer, Encoder: testEncoder,
	}
	for _, m := range mod {
		m(r)
	}
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	j, err := journal.Open(r.jopts)
	if err != nil {
		r.t.Fatal(err)
	}
	r.journal = j
	r.opts.Journal = j
	if r.Pipeline, err = New(r.opts); err != nil {
		r.t.Fatal(err)
	}
}

// stop drains with little patience: what the store does not take at once stays
// in the journal.
func (r *rig) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := r.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		r.t.Error(err)
	}
	if err := r.journal.Close(); err != nil {
		r.t.Error(err)
	}
}

// checkBalance checks that every account adds up.
func (r *rig) checkBalance() {
	r.t.Helper()
	for _, e := range r.Ledger() {
		var dropped uint64
		for _, n := range e.Dropped {
			dropped += n
		}
		if e.Received != e.Stored+dropped+e.InFlight {
			r.t.Errorf("does not balance: %+v", e)
		}
		if e.InFlight > 1<<40 || e.Journaled > e.InFlight {
			r.t.Errorf("in flight makes no sense: %+v", e)
		}
	}
}

func (r *rig) entry(source string) Entry {
	for _, e := range r.Ledger() {
		if e.Source == source {
			return e
		}
	}
	return Entry{Source: source}
}

func call(n int, source llm.Source) *llm.Call {
	return &llm.Call{
		ID: fmt.Sprintf("id-%06d", n), Time: time.Now(), Source: source, Status: llm.StatusOK,
		Provider: "OpenAI", Operation: llm.OpChat, RequestModel: "m", Duration: time.Second,
		Usage: llm.Usage{InputTokens: llm.Some[int64](1), OutputTokens: llm.Some[int64](2)},
		Input: []llm.Message{llm.Text("user", "hello")}, User: "u1",
	}
}

func rec(n int, source llm.Source) llm.Record { return llm.Record{Call: call(n, source)} }

func recs(from, to int, source llm.Source) []llm.Record {
	var out []llm.Record
	for n := from; n < to; n++ {
		out = append(out, rec(n, source))
	}
	return out
}

func ids(from, to int) []string {
	var out []string
	for n := from; n < to; n++ {
		out = append(out, fmt.Sprintf("id-%06d", n))
	}
	return out
}
