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

func crashPipeline(dir string) (*Pipeline, *journal.Journal, *fileStore, error) {
	s, err := openFileStore(dir, 600*time.Millisecond)
	if err != nil {
		return nil, nil, nil, err
	}
	j, err := journal.Open(journal.Options{Dir: filepath.Join(dir, "journal"), SegmentSize: 256 << 10, MaxBytes: 64 << 20, CommitInterval: 5 * time.Millisecond})
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := New(Options{
		Config: DefaultConfig(), Journal: j, Store: s, Redactor: fakeRedactor{}, Encoder: testEncoder,
		SafeAge: 800 * time.Millisecond,
	})
	return p, j, s, err
}

func childMain() int {
	p, _, s, err := crashPipeline(os.Getenv(childEnv))
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
				if err := p.Submit(context.Background(), recs(n, n+3, llm.SourceOTLP)); err != nil {
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
func runUntilKilled(t *testing.T, dir string, next int, acked, open map[int]bool) int {
	t.Helper()
	var again []string
	for n := range open {
		again = append(again, strconv.Itoa(n))
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprint("PITOT_PIPELINE_TEST_FIRST=", next),
		"PITOT_PIPELINE_TEST_AGAIN="+strings.Join(again, " "))
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

func TestKillsLoseNothingAndRepeatNothing(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	acked, open := map[int]bool{}, map[int]bool{}
	next := 0
	for range kills {
		next = runUntilKilled(t, dir, next, acked, open)
	}

	p, j, s, err := crashPipeline(dir)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); j.Stats().Cursors[0].Lag > 0; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("the journal does not empty: %+v", j.Stats())
		}
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range p.Ledger() {
		if e.Received != e.Stored || e.Restored != e.Received || e.InFlight != 0 {
			t.Errorf("ledger of the last run: %+v", e)
		}
	}
	j.Close()
	s.close()
	b, err := os.ReadFile(filepath.Join(dir, "rows"))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range bytes.Lines(b) {
		count[rowID(line)]++
	}
	for n := range acked {
		for _, id := range ids(n, n+3) {
			if count[id] != 1 {
				t.Errorf("acknowledged %s is stored %d times", id, count[id])
			}
		}
	}
	for id, n := range count {
		if n > 1 {
			t.Errorf("%s is stored %d times", id, n)
		}
	}
	t.Logf("%d kills, %d records acknowledged, %d stored", kills, 3*len(acked), len(count))
	if len(acked) == 0 {
		t.Error("nothing was acknowledged: the test tests nothing")
	}
}
