package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// childEnv makes the test binary the child of the crash test: it submits
// records to a pipeline in the directory that it names and prints what it sends
// and what was acknowledged.
const childEnv = "PITOT_PIPELINE_TEST_CHILD"

// fileStore keeps rows in a file. Like the engine it acknowledges rows that are
// in memory only, and writes them out a while later.
type fileStore struct {
	f             *os.File
	delay         time.Duration
	stop, stopped chan struct{}

	mu    sync.Mutex
	epoch int
	ids   map[string]bool
	tail  []pendingRow // not in the file yet
}

type pendingRow struct {
	id  string
	row []byte
	at  time.Time
}

func openFileStore(dir string, delay time.Duration) (*fileStore, error) {
	name := filepath.Join(dir, "rows")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(int64(bytes.LastIndexByte(b, '\n') + 1)); err != nil {
		return nil, err
	}
	s := &fileStore{f: f, delay: delay, ids: map[string]bool{}, stop: make(chan struct{}), stopped: make(chan struct{})}
	for line := range bytes.Lines(b) {
		if bytes.HasSuffix(line, []byte("\n")) {
			s.ids[rowID(line)] = true
		}
	}
	go s.flushLoop()
	return s, nil
}

// flushLoop is the engine's own clock: nothing that the pipeline asks makes rows
// durable any sooner.
func (s *fileStore) flushLoop() {
	defer close(s.stopped)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(s.delay)
		case <-s.stop:
			s.flush(0)
			return
		}
	}
}

// close ends the store as a clean stop does.
func (s *fileStore) close() {
	close(s.stop)
	<-s.stopped
	s.f.Close()
}

// flush writes out the rows that are at least as old as delay.
func (s *fileStore) flush(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	var out []byte
	for n < len(s.tail) && time.Since(s.tail[n].at) >= delay {
		out = append(append(out, s.tail[n].row...), '\n')
		n++
	}
	if n > 0 {
		if _, err := s.f.Write(out); err == nil {
			s.tail = s.tail[n:]
		}
	}
}

// crash forgets the rows that are not written out.
func (s *fileStore) crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.tail {
		delete(s.ids, r.id)
	}
	s.tail = nil
	s.epoch++
}

func (s *fileStore) Insert(_ context.Context, rows [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.ids[rowID(r)] = true
		s.tail = append(s.tail, pendingRow{rowID(r), bytes.Clone(r), time.Now()})
	}
	return nil
}

func (s *fileStore) Present(_ context.Context, ids []string, _, _ time.Time) (map[string]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]bool{}
	for _, id := range ids {
		if s.ids[id] {
			m[id] = true
		}
	}
	return m, nil
}

func (s *fileStore) Ready(context.Context) error { return nil }

func (s *fileStore) Epoch() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strconv.Itoa(s.epoch)
}

// What the child of a crash test submits, and how it is configured.
const (
	modePlain    = "plain"    // unrelated calls, and feedback
	modeJoin     = "join"     // traces in which one call is seen several times
	modeSampling = "sampling" // the same, half of the traces sampled out
)

// crashRecords are the records with the number n, in any order.
func crashRecords(mode string, n int) []llm.Record {
	if mode == modePlain {
		judged := &llm.Feedback{RowID: fmt.Sprintf("id-%06d", n+2), Time: time.Now(), TraceID: "t", Label: "good"}
		return append(recs(n, n+2, llm.SourceOTLP), llm.Record{Feedback: judged})
	}
	at := time.Unix(1_750_000_000, int64(n)).UTC()
	span := func(name, parent string) llm.Record {
		return llm.Record{Span: &llm.Span{
			ID: fmt.Sprintf("%s-%06d", name, n), Time: at, Source: llm.SourceOTLP, Status: llm.StatusOK,
			TraceID: fmt.Sprintf("trace-%06d", n), SpanID: name, ParentSpanID: parent, Name: name,
		}}
	}
	call := func(name, parent string) llm.Record {
		c := call(n, llm.SourceOTLP)
		c.ID, c.Time, c.TraceID, c.SpanID, c.ParentSpanID = fmt.Sprintf("%s-%06d", name, n), at, fmt.Sprintf("trace-%06d", n), name, parent
		return llm.Record{Call: c}
	}
	states := func(r llm.Record) llm.Record {
		r.Span.Aggregate = &llm.Call{Time: at, Status: llm.StatusOK, Operation: llm.OpChat, RequestModel: "m"}
		return r
	}
	// An agent over a framework's call over the library's, and one that alone says
	// what it used.
	rs := []llm.Record{states(span("agent", "")), call("framework", "agent"), span("http", "framework"), call("leaf", "http"), states(span("lone", ""))}
	rand.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] })
	return rs
}

func crashPipeline(dir, mode string) (*Pipeline, *journal.Journal, *fileStore, error) {
	s, err := openFileStore(dir, 600*time.Millisecond)
	if err != nil {
		return nil, nil, nil, err
	}
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), SegmentSize: 256 << 10, MaxBytes: 64 << 20, CommitInterval: 5 * time.Millisecond})
	if err != nil {
		return nil, nil, nil, err
	}
	c := DefaultConfig()
	if mode == modeSampling {
		c.Sampling = SamplingConfig{Rate: 0.5, Wait: 200 * time.Millisecond}
	}
	p, err := New(Options{
		Config: c, Journal: j, Store: s, Redactor: fakeRedactor{}, Encoder: testEncoder,
		SafeAge: 800 * time.Millisecond, Settle: 300 * time.Millisecond, Tally: testTally,
	})
	return p, j, s, err
}

func childMain() int {
	mode := os.Getenv("PITOT_PIPELINE_TEST_MODE")
	p, _, s, err := crashPipeline(os.Getenv(childEnv), mode)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	var again []int
	for f := range strings.FieldsSeq(os.Getenv("PITOT_PIPELINE_TEST_AGAIN")) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return 1
		}
		again = append(again, n)
	}
	next, err := strconv.Atoi(os.Getenv("PITOT_PIPELINE_TEST_FIRST"))
	if err != nil {
		return 1
	}
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if len(again) > 0 {
			n := again[0]
			again = again[1:]
			return n
		}
		next += 3
		return next - 3
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				n := take()
				fmt.Fprintf(os.Stdout, "s %d\n", n)
				if err := p.Submit(context.Background(), crashRecords(mode, n)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				fmt.Fprintf(os.Stdout, "a %d\n", n)
			}
		})
	}
	wg.Go(func() { // the engine dies on its own, too
		for {
			wait(context.Background(), time.Duration(200+rand.IntN(800))*time.Millisecond)
			s.crash()
		}
	})
	wg.Wait()
	return 1
}

// runUntilKilled runs a child that submits from next on, and first what open
// says was sent and not acknowledged; it kills it after a random time and
// returns what is next.
func runUntilKilled(t *testing.T, dir, mode string, next int, acked, open map[int]bool) int {
	t.Helper()
	var again []string
	for n := range open {
		again = append(again, strconv.Itoa(n))
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprint("PITOT_PIPELINE_TEST_FIRST=", next),
		"PITOT_PIPELINE_TEST_MODE="+mode, "PITOT_PIPELINE_TEST_AGAIN="+strings.Join(again, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(20+rand.IntN(2000))*time.Millisecond, func() { _ = cmd.Process.Kill() })
	for sc := bufio.NewScanner(out); sc.Scan(); {
		verb, num, _ := strings.Cut(sc.Text(), " ")
		n, err := strconv.Atoi(num)
		if err != nil {
			continue // cut by the kill
		}
		next = max(next, n+3)
		switch {
		case verb == "a":
			acked[n] = true
			delete(open, n)
		case !acked[n]:
			open[n] = true
		}
	}
	timer.Stop()
	_ = cmd.Wait() // it was killed
	return next
}

// afterKills kills children again and again, lets the last process finish its
// work, and returns what was acknowledged and the rows that are stored, by id.
func afterKills(t *testing.T, mode string, kills int) (acked map[int]bool, rows map[string][]string) {
	t.Helper()
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	acked, open := map[int]bool{}, map[int]bool{}
	next := 0
	for range kills {
		next = runUntilKilled(t, dir, mode, next, acked, open)
	}

	p, j, s, err := crashPipeline(dir, mode)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); j.Stats().Cursors[0].Lag > 0 || p.containers.size() > 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("the journal does not empty: %+v", j.Stats())
		}
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range p.Ledger() {
		if e.Received != e.Stored+e.Dropped[DropSampled] || e.InFlight != 0 || mode == modePlain && e.Restored != e.Received {
			t.Errorf("ledger of the last run: %+v", e)
		}
	}
	j.Close()
	s.close()
	b, err := os.ReadFile(filepath.Join(dir, "rows"))
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string][]string{}
	for line := range bytes.Lines(b) {
		rows[rowID(line)] = append(rows[rowID(line)], string(line))
	}
	for id, same := range rows {
		if len(same) > 1 {
			t.Errorf("%s is stored %d times", id, len(same))
		}
	}
	t.Logf("%d kills, %d submits acknowledged, %d records stored", kills, len(acked), len(rows))
	if len(acked) == 0 {
		t.Error("nothing was acknowledged: the test tests nothing")
	}
	return acked, rows
}

func TestKillsLoseNothingAndRepeatNothing(t *testing.T) {
	acked, rows := afterKills(t, modePlain, 25)
	for n := range acked {
		for _, id := range ids(n, n+3) {
			if len(rows[id]) != 1 {
				t.Errorf("acknowledged %s is stored %d times", id, len(rows[id]))
			}
		}
	}
}

// storedAs says what a row is: "call", "span", "demoted", or "tally".
func storedAs(rows []string) string {
	switch {
	case len(rows) != 1:
		return fmt.Sprint(len(rows), " rows")
	case strings.HasSuffix(rows[0], "|tally\n"):
		return "tally"
	case strings.Contains(rows[0], countedByKey):
		return "demoted"
	case strings.Contains(rows[0], `"usage":`):
		return "call"
	}
	return "span"
}

func TestKillsCountEveryCallOnce(t *testing.T) {
	acked, rows := afterKills(t, modeJoin, 12)
	containers := map[string]int{}
	for _, same := range rows {
		if strings.Contains(same[0], "container_usage") {
			_, trace, _ := strings.Cut(same[0], `"trace_id":"`)
			_, parent, _ := strings.Cut(same[0], `"parent_span_id":"`)
			containers[trace[:len("trace-000000")]+" "+parent[:4]]++
		}
	}
	for n := range acked {
		for name, want := range map[string]string{"agent": "span", "framework": "demoted", "http": "span", "leaf": "call", "lone": "span"} {
			if got := storedAs(rows[fmt.Sprintf("%s-%06d", name, n)]); got != want {
				t.Errorf("%s of %d is stored as %s, want %s", name, n, got, want)
			}
		}
		trace := fmt.Sprintf("trace-%06d", n)
		if containers[trace+" lone"] != 1 || containers[trace+" agen"] != 0 {
			t.Errorf("%s: the lone agent is counted %d times, the other %d", trace, containers[trace+" lone"], containers[trace+" agen"])
		}
	}
}

func TestKillsSampleEveryRecordOnce(t *testing.T) {
	acked, rows := afterKills(t, modeSampling, 12)
	kept, tallied := 0, 0
	for n := range acked {
		leaf := storedAs(rows[fmt.Sprintf("leaf-%06d", n)])
		want := map[string]string{"agent": "span", "framework": "demoted", "http": "span", "lone": "span"}
		switch leaf {
		case "call":
			kept++
		case "tally":
			tallied++
			want = map[string]string{"agent": "0 rows", "framework": "0 rows", "http": "0 rows", "lone": "0 rows"}
		default:
			t.Errorf("the call of %d is stored as %s", n, leaf)
		}
		for name, want := range want {
			if got := storedAs(rows[fmt.Sprintf("%s-%06d", name, n)]); got != want {
				t.Errorf("%s of %d is stored as %s, want %s", name, n, got, want)
			}
		}
	}
	if kept == 0 || tallied == 0 {
		t.Errorf("%d traces are kept, %d are not: the test tests nothing", kept, tallied)
	}
}
