package forward

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/journal"
)

// childEnv makes the test binary the child of the crash test: it forwards the
// journal in the directory that it names to the two addresses of the others,
// until it is killed, and appends records of its own meanwhile.
const childEnv = "PITOT_FORWARD_TEST_CHILD"

func childMain() int {
	first, err := strconv.Atoi(os.Getenv("PITOT_FORWARD_TEST_FIRST"))
	if err != nil {
		return 1
	}
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	j, err := journal.Open(journal.Options{
		Dir: os.Getenv(childEnv), MaxBytes: 256 << 20, SegmentSize: 128 << 10, CommitInterval: time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return fail(err)
	}
	f, err := New(options(j, crashConfig(os.Getenv("PITOT_FORWARD_TEST_ES"), os.Getenv("PITOT_FORWARD_TEST_OTLP"))))
	if err != nil {
		return fail(err)
	}
	go func() {
		if err := f.Run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	for n := first; ; n++ {
		row, err := events.AppendRow(nil, testLog(n))
		if err != nil {
			return fail(err)
		}
		if err := j.Append(context.Background(), [][]byte{row}); err != nil {
			return fail(err)
		}
		os.Stdout.WriteString(strconv.Itoa(n) + "\n")
	}
}

func crashConfig(es, otlp string) Config {
	a, b := esDestination(es), otlpDestination("http://"+otlp, ProtocolGRPC)
	for _, d := range []*Destination{&a, &b} {
		d.Batch = Batch{MaxRecords: 20, Wait: model.Duration(time.Millisecond)}
	}
	return Config{a, b}
}

// TestKillsLoseNothing kills a forwarding process again and again: every record
// that its journal had acknowledged arrives, in Elasticsearch exactly once.
func TestKillsLoseNothing(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 3
	}
	es, otlp := newFakeES(t), newFakeOTLP()
	// Answers that come late, or never, make for more that is under way when it dies.
	es.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n%7 == 0 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
		}
		return n%7 == 0
	}
	esURL, otlpAddr, dir := es.start().URL, otlp.serveGRPC(t), t.TempDir()
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	acked := 0 // numbers below have been acknowledged
	for range kills {
		acked = runChild(t, dir, esURL, otlpAddr, acked, 20+rng.IntN(200))
	}
	j, err := journal.Open(journal.Options{Dir: dir, MaxBytes: 256 << 20, SegmentSize: 128 << 10, CommitInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r := newRigOn(t, j, crashConfig(esURL, otlpAddr))
	r.settled("es")
	r.settled("otlp")
	r.shut()
	again := 0
	for n := range acked {
		id := fmt.Sprintf("log-%06d", n)
		if es.created[id] != 1 {
			t.Errorf("elasticsearch has %s %d times", id, es.created[id])
		}
		if otlp.ids[id] == 0 {
			t.Errorf("the OTLP receiver has no %s", id)
		}
		again += max(otlp.ids[id]-1, 0)
	}
	t.Logf("%d records, %d kills; over OTLP %d came more than once", acked, kills, again)
}

// runChild runs a child that appends from first on, kills it after left
// acknowledgements, and returns the number after the last one acknowledged.
func runChild(t *testing.T, dir, es, otlp string, first, left int) (next int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, "PITOT_FORWARD_TEST_ES="+es, "PITOT_FORWARD_TEST_OTLP="+otlp, fmt.Sprint("PITOT_FORWARD_TEST_FIRST=", first))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	next = first
	for sc := bufio.NewScanner(out); sc.Scan(); left-- {
		n, err := strconv.Atoi(sc.Text())
		if err != nil {
			t.Fatalf("the child printed %q", sc.Text())
		}
		next = n + 1
		if left == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
	if next == first {
		t.Fatal("the child has appended nothing")
	}
	return next
}
