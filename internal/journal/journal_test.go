package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

// small are options with which a few hundred records fill several segments.
func small(dir string) Options {
	return Options{Dir: dir, SegmentSize: 4 * pageSize, MaxBytes: 64 * pageSize, CommitInterval: time.Millisecond}
}

func open(t testing.TB, o Options) *Journal {
	t.Helper()
	j, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func cursor(t testing.TB, j *Journal, name string) *Cursor {
	t.Helper()
	c, err := j.Cursor(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// payload n has a length between 1 byte and about 1.5 pages, and says n.
func payload(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	size := 20 + r.IntN(400)
	if n%37 == 0 {
		size = pageSize + r.IntN(pageSize/2)
	}
	return fmt.Appendf(nil, "%08d %s", n, strings.Repeat(string(rune('a'+n%26)), size))
}

func number(t testing.TB, data []byte) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(string(data[:min(8, len(data))]), "%08d", &n); err != nil {
		t.Fatalf("record %.20q: %v", data, err)
	}
	if d := cmp.Diff(string(payload(n)), string(data)); d != "" {
		t.Fatalf("record %d is damaged:\n%s", n, d)
	}
	return n
}

func appendRange(t testing.TB, j *Journal, from, to int) {
	t.Helper()
	for n := from; n < to; n += 7 {
		var recs [][]byte
		for k := n; k < min(n+7, to); k++ {
			recs = append(recs, payload(k))
		}
		if err := j.Append(t.Context(), recs); err != nil {
			t.Fatalf("append %d: %v", n, err)
		}
	}
}

// readN reads n records and returns their numbers and the last position.
func readN(t testing.TB, c *Cursor, n int) ([]int, Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var b Batch
	for len(b.Records) < n {
		if err := c.Next(ctx, &b, n, 1<<30); err != nil {
			t.Fatalf("after %d of %d records: %v", len(b.Records), n, err)
		}
	}
	var got []int
	for _, r := range b.Records {
		got = append(got, number(t, r.Data))
	}
	return got, b.Records[len(b.Records)-1].Pos
}

func seq(from, to int) []int {
	var s []int
	for n := from; n < to; n++ {
		s = append(s, n)
	}
	return s
}

func atEnd(t testing.TB, c *Cursor) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b Batch
	if err := c.Next(ctx, &b, 1, 1); !errors.Is(err, context.Canceled) || len(b.Records) > 0 || b.Lost > 0 {
		t.Fatalf("at the end: err %v, %d records, %d lost", err, len(b.Records), b.Lost)
	}
}

func TestRecordsComeBackInOrderOverSegmentsAndRestarts(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	appendRange(t, j, 0, 300)
	c := cursor(t, j, "store")
	got, pos := readN(t, c, 300)
	if d := cmp.Diff(seq(0, 300), got); d != "" {
		t.Fatal(d)
	}
	atEnd(t, c)
	if s := j.Stats(); s.Segments < 3 || s.LastSeq != 300 || s.Cursors[0].Lag != 300 {
		t.Errorf("stats before commit: %+v", s)
	}
	if err := c.Commit(pos); err != nil {
		t.Fatal(err)
	}
	if s := j.Stats(); s.Segments != 1 || s.Cursors[0].Lag != 0 || s.Cursors[0].OldestAge != 0 {
		t.Errorf("stats after commit: %+v", s)
	}
	appendRange(t, j, 300, 400)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), [][]byte{{1}}); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	j = open(t, o)
	c = cursor(t, j, "store")
	got, pos = readN(t, c, 100)
	if d := cmp.Diff(seq(300, 400), got); d != "" {
		t.Fatal(d)
	}
	if pos.Seq != 400 {
		t.Errorf("numbers do not go on after a restart: %+v", pos)
	}
	c.Rewind()
	if got, _ = readN(t, c, 100); got[0] != 300 {
		t.Errorf("after rewind: %d", got[0])
	}
}

func TestNumbersSurviveTheLossOfAllSegments(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	appendRange(t, j, 0, 10)
	c := cursor(t, j, "c")
	_, pos := readN(t, c, 10)
	if err := c.Commit(pos); err != nil {
		t.Fatal(err)
	}
	for range 3 { // every open begins a segment and deletes consumed ones
		j.Close()
		j = open(t, o)
	}
	if s := j.Stats(); s.LastSeq != 10 || s.Segments != 1 || s.Bytes != 0 {
		t.Errorf("stats: %+v", s)
	}
	appendRange(t, j, 10, 20)
	if got, _ := readN(t, cursor(t, j, "c"), 10); got[0] != 10 {
		t.Errorf("got %v", got)
	}
}

func TestASecondOpenIsRefused(t *testing.T) {
	o := small(t.TempDir())
	open(t, o)
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("err = %v", err)
	}
}

func TestTheSlowestCursorHoldsTheSegments(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	fast, slow := cursor(t, j, "fast"), cursor(t, j, "slow")
	appendRange(t, j, 0, 300)
	_, pos := readN(t, fast, 300)
	if err := fast.Commit(pos); err != nil {
		t.Fatal(err)
	}
	if s := j.Stats(); s.Segments < 3 {
		t.Errorf("segments deleted under the slow cursor: %+v", s)
	}
	if got, _ := readN(t, slow, 300); len(got) != 300 {
		t.Errorf("slow cursor got %d", len(got))
	}
	slow.Close()
	if err := j.RemoveCursor("slow"); err != nil {
		t.Fatal(err)
	}
	if s := j.Stats(); s.Segments != 1 {
		t.Errorf("segments kept for a removed cursor: %+v", s)
	}
}

func TestAFullJournalRefusesAndTakesAgain(t *testing.T) {
	o := small(t.TempDir())
	o.MaxBytes = 4 * o.SegmentSize
	j := open(t, o)
	c := cursor(t, j, "c")
	n := 0
	var err error
	for ; n < 100000; n++ {
		if err = j.Append(t.Context(), [][]byte{payload(n)}); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d records: %v", n, err)
	}
	if s := j.Stats(); s.Bytes > o.MaxBytes {
		t.Errorf("%d bytes on disk, at most %d", s.Bytes, o.MaxBytes)
	}
	if v := testutil.ToFloat64(j.metrics.failures.WithLabelValues("full")); v != 1 {
		t.Errorf("failures{full} = %v", v)
	}
	got, pos := readN(t, c, n)
	if d := cmp.Diff(seq(0, n), got); d != "" {
		t.Fatal(d)
	}
	if err := c.Commit(pos); err != nil {
		t.Fatal(err)
	}
	appendRange(t, j, n, n+50)
	if got, _ := readN(t, c, 50); got[49] != n+49 {
		t.Errorf("last = %d", got[49])
	}
}

func TestOversizedAppendsAreRefused(t *testing.T) {
	o := small(t.TempDir())
	o.MaxPending = 3 * pageSize
	j := open(t, o)
	if err := j.Append(t.Context(), [][]byte{make([]byte, o.SegmentSize/2)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := j.Append(t.Context(), nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
	if err := j.Append(t.Context(), [][]byte{{}}); err != nil {
		t.Errorf("empty record: %v", err)
	}
}

func TestOptionsAreValidated(t *testing.T) {
	f := func(o Options, want string) {
		t.Helper()
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: err = %v, want %q", o, err, want)
		}
	}
	f(Options{}, "no directory")
	f(Options{Dir: t.TempDir(), SegmentSize: 1000}, "multiple of")
	f(Options{Dir: t.TempDir(), SegmentSize: 1 << 20, MaxBytes: 1 << 20}, "four segments")
	f(Options{Dir: t.TempDir(), CommitInterval: -1}, "negative")
	j := open(t, small(t.TempDir()))
	if _, err := j.Cursor("../x"); err == nil {
		t.Error("a cursor name with a path is taken")
	}
}

func TestManyAppendersShareSyncs(t *testing.T) {
	o := Options{Dir: t.TempDir(), CommitInterval: 5 * time.Millisecond}
	j := open(t, o)
	var wg sync.WaitGroup
	const appenders, each = 50, 40
	for a := range appenders {
		wg.Go(func() {
			for i := range each {
				if err := j.Append(t.Context(), [][]byte{payload(a*each + i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, _ := readN(t, cursor(t, j, "c"), appenders*each)
	next := make([]int, appenders)
	for _, n := range got {
		if a, i := n/each, n%each; next[a] != i {
			t.Fatalf("appender %d: record %d came when %d was due", a, i, next[a])
		} else {
			next[a]++
		}
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(j.metrics.fsync)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if syncs := families[0].Metric[0].Histogram.GetSampleCount(); syncs == 0 || syncs > appenders*each/5 {
		t.Errorf("%d syncs for %d appends", syncs, appenders*each)
	}
}

func TestSegmentsAreOrdinaryWlogSegments(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	appendRange(t, j, 0, 200)
	r, err := wlog.NewSegmentsReader(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for rd := wlog.NewReader(r); rd.Next(); {
		d, err := decodeRecord(rd.Record())
		if err != nil {
			t.Fatal(err)
		}
		if !d.header {
			if got := number(t, d.payload); got != n {
				t.Fatalf("record %d is %d", n, got)
			}
			n++
		}
	}
	if n != 200 {
		t.Errorf("%d records", n)
	}
}

func TestReadersWaitForNewRecords(t *testing.T) {
	j := open(t, small(t.TempDir()))
	c := cursor(t, j, "c")
	got := make(chan int)
	go func() {
		defer close(got)
		var b Batch
		for {
			b.Reset()
			if err := c.Next(context.Background(), &b, 1000, 1<<20); err != nil {
				if !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				return
			}
			for _, r := range b.Records {
				got <- int(r.Pos.Seq)
			}
		}
	}()
	for n := range 50 {
		if err := j.Append(t.Context(), [][]byte{payload(n)}); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != n+1 {
			t.Fatalf("got %d, want %d", s, n+1)
		}
	}
	j.Close()
	if s, ok := <-got; ok {
		t.Errorf("got %d after close", s)
	}
}

func TestMetricsAreRegisteredAndConsistent(t *testing.T) {
	o := small(t.TempDir())
	reg := prometheus.NewPedanticRegistry()
	o.Registerer = reg
	j := open(t, o)
	cursor(t, j, "store")
	appendRange(t, j, 0, 20)
	want := `
# HELP pitot_journal_cursor_lag_records Durable records that the consumer has not finished.
# TYPE pitot_journal_cursor_lag_records gauge
pitot_journal_cursor_lag_records{cursor="store"} 20
# HELP pitot_journal_records_appended_total Records made durable in the journal.
# TYPE pitot_journal_records_appended_total counter
pitot_journal_records_appended_total 20
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "pitot_journal_cursor_lag_records", "pitot_journal_records_appended_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	j.Close()
	open(t, o) // fails if the metrics were not given back
}

func TestReason(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := Reason(fmt.Errorf("write: %w", err)); got != want {
			t.Errorf("Reason(%v) = %q, want %q", err, got, want)
		}
	}
	f(ErrFull, "full")
	f(ErrBusy, "busy")
	f(ErrTooLarge, "too_large")
	f(ErrClosed, "closed")
	f(&os.PathError{Err: syscall.ENOSPC}, "no_space")
	f(errors.New("x"), "io")
}

// stuckLog does not get through a sync until it is let go.
type stuckLog struct {
	inner
	free chan struct{}
}

func (l *stuckLog) Sync() error {
	<-l.free
	return l.inner.Sync()
}

func TestASlowDiskBoundsWhatIsPending(t *testing.T) {
	o := small(t.TempDir())
	o.MaxPending = 2 * pageSize
	free := make(chan struct{})
	o.Wrap = func(l Log) Log { return &stuckLog{l, free} }
	j := open(t, o)
	results := make(chan error, 100)
	for range 100 {
		j.AppendFunc([][]byte{make([]byte, 4000)}, func(err error) { results <- err })
	}
	busy := 0
	for len(results) > 0 { // refused at once
		if err := <-results; !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
		busy++
	}
	if busy < 80 {
		t.Errorf("%d refused", busy)
	}
	close(free)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(results) != 100-busy {
		t.Errorf("flush returned before %d of %d appends were answered", 100-busy-len(results), 100-busy)
	}
	for range 100 - busy {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestMaxAppendFits(t *testing.T) {
	f := func(o Options, n int) {
		t.Helper()
		o.Dir = t.TempDir()
		j := open(t, o)
		recs := make([][]byte, n)
		for i := range recs {
			recs[i] = make([]byte, j.MaxAppend(n)/n)
		}
		for range 3 {
			if err := j.Append(t.Context(), recs); err != nil {
				t.Errorf("%d records of %d bytes: %v", n, len(recs[0]), err)
			}
		}
	}
	f(Options{}, 1)
	f(Options{}, 1000)
	f(small(""), 1)
	f(small(""), 500)
}
