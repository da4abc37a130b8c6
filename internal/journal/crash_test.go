package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// childEnv makes the test binary the child of the crash test: it appends to the
// journal in the directory that it names and prints every acknowledged number.
const childEnv = "PITOT_JOURNAL_TEST_CHILD"

func childMain() int {
	o := small(os.Getenv(childEnv))
	o.MaxBytes = 1 << 30
	j, err := Open(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	first, err := strconv.Atoi(os.Getenv("PITOT_JOURNAL_TEST_FIRST"))
	if err != nil {
		return 1
	}
	var mu sync.Mutex
	next := first
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				mu.Lock()
				n := next
				next += 3
				done := make(chan error, 1)
				// Under the lock, so that the order of numbers is that of appends.
				j.AppendFunc([][]byte{payload(n), payload(n + 1), payload(n + 2)}, func(err error) { done <- err })
				mu.Unlock()
				if err := <-done; err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				os.Stdout.WriteString(strconv.Itoa(n) + "\n")
			}
		})
	}
	wg.Wait()
	return 1
}

// runUntilKilled runs a child that appends from next on, notes what it
// acknowledges, and kills it after a number of acknowledgements.
func runUntilKilled(t *testing.T, dir string, next, left int, acked map[int]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprint("PITOT_JOURNAL_TEST_FIRST=", next))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Kill after a random number of acknowledgements.
	sc := bufio.NewScanner(out)
	for ; sc.Scan(); left-- {
		n, err := strconv.Atoi(sc.Text())
		if err != nil {
			t.Fatalf("child printed %q", sc.Text())
		}
		acked[n], acked[n+1], acked[n+2] = true, true, true
		if left == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
}

func TestKillsLoseNoAcknowledgedRecord(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	o := small(dir)
	o.MaxBytes = 1 << 30
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	acked := map[int]bool{}
	next, read := 0, -1
	for range kills {
		runUntilKilled(t, dir, next, rng.IntN(60), acked)
		j, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		c, err := j.Cursor("check")
		if err != nil {
			t.Fatal(err)
		}
		var b Batch
		for c.last < j.Stats().LastSeq {
			if err := c.Next(context.Background(), &b, 1<<20, 1<<30); err != nil {
				t.Fatal(err)
			}
		}
		if b.Lost > 0 {
			t.Fatalf("%d records lost", b.Lost)
		}
		for _, r := range b.Records {
			n := number(t, r.Data)
			if n <= read {
				t.Fatalf("record %d came after %d", n, read)
			}
			for k := read + 1; k < n; k++ {
				if acked[k] {
					t.Fatalf("acknowledged record %d is missing", k)
				}
			}
			read = n
		}
		for k := range acked {
			if k > read {
				t.Fatalf("acknowledged record %d is missing at the end", k)
			}
		}
		if len(b.Records) > 0 {
			if err := c.Commit(b.Records[len(b.Records)-1].Pos); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		next = read + 1
	}
	t.Logf("%d kills, %d records acknowledged", kills, len(acked))
}
