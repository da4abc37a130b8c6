package journal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// TestSnapshotUnderLoad takes snapshots while records are appended and consumed:
// each must open, begin where the cursor was, and hold all that was
// acknowledged before it began.
func TestSnapshotUnderLoad(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir, SegmentSize: 4 * pageSize, MaxBytes: 64 << 20, CommitInterval: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	c, err := j.Cursor("c")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		var b Batch
		for {
			b.Reset()
			if err := c.Next(ctx, &b, 100, 1<<20); err != nil {
				return
			}
			if n := len(b.Records); n > 0 {
				_ = c.Commit(b.Records[n-1].Pos) // the snapshots show whether it did
			}
		}
	})
	payload := make([]byte, 3000)
	for i := range 600 {
		if err := j.Append(t.Context(), [][]byte{fmt.Appendf(nil, "%d %s", i, payload)}); err != nil {
			t.Fatal(err)
		}
		if i%100 != 99 {
			continue
		}
		acknowledged := j.Stats().LastSeq
		committed := j.Stats().Cursors[0].Committed.Seq
		to := filepath.Join(t.TempDir(), "snapshot")
		if err := j.Snapshot(to); err != nil {
			t.Fatal(err)
		}
		checkSnapshot(t, to, committed, acknowledged)
	}
	cancel()
	wg.Wait()
}

func checkSnapshot(t *testing.T, dir string, committed, acknowledged uint64) {
	t.Helper()
	j, err := Open(Options{Dir: dir, SegmentSize: 4 * pageSize, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	c, err := j.Cursor("c")
	if err != nil {
		t.Fatal(err)
	}
	from := c.Committed().Seq
	if from < committed {
		t.Errorf("the cursor is at %d, it was at %d", from, committed)
	}
	var seen []uint64
	now, cancel := context.WithCancel(t.Context())
	cancel()
	var b Batch
	for {
		b.Reset()
		if err := c.Next(now, &b, 1000, 1<<20); err != nil {
			break
		}
		if b.Lost > 0 {
			t.Errorf("%d records are lost", b.Lost)
		}
		for _, r := range b.Records {
			seen = append(seen, r.Pos.Seq)
		}
	}
	for i, n := range seen {
		if n != from+uint64(i)+1 {
			t.Fatalf("record %d follows %v from %d", n, seen[:i], from)
		}
	}
	last := from
	if len(seen) > 0 {
		last = slices.Max(seen)
	}
	if last < acknowledged {
		t.Errorf("it ends with %d, acknowledged was %d", last, acknowledged)
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	if used, err := InUse(dir); used || err != nil {
		t.Errorf("an empty directory: %v, %v", used, err)
	}
	j, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if used, err := InUse(dir); !used || err != nil {
		t.Errorf("open: %v, %v", used, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if used, err := InUse(dir); used || err != nil {
		t.Errorf("closed: %v, %v", used, err)
	}
}

func TestForgetLeavesNothingOnDisk(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	c, err := j.Cursor("slow")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "00000099.corrupt"), []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), [][]byte{[]byte("a canary sings")}); err != nil {
		t.Fatal(err)
	}
	holds := func() bool {
		t.Helper()
		hits, _, err := residue.Find(dir, "canary")
		if err != nil {
			t.Fatal(err)
		}
		return len(hits) > 0
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := j.Forget(ctx); err == nil || !strings.Contains(err.Error(), "slow") {
		t.Errorf("with a cursor behind: %v", err)
	}
	if !holds() {
		t.Fatal("a record that nobody has read is gone")
	}
	var b Batch
	if err := c.Next(t.Context(), &b, 10, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(b.Records[0].Pos); err != nil {
		t.Fatal(err)
	}
	if err := j.Forget(t.Context()); err != nil {
		t.Error(err)
	}
	if holds() {
		t.Error("the record is still on disk")
	}
	if err := j.Append(t.Context(), [][]byte{[]byte("next")}); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := c.Next(t.Context(), &b, 10, 1<<20); err != nil || len(b.Records) != 1 || b.Records[0].Pos.Seq != 2 || b.Lost != 0 {
		t.Errorf("the next record: %+v, %v", b, err)
	}
}
