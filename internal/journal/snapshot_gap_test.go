//go:build unix

package journal

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/prometheus/prometheus/tsdb/wlog"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestSnapshotHasNoGap: segments that are deleted while the first one is copied
// left a gap behind it, whose records the restored journal counted as lost.
func TestSnapshotHasNoGap(t *testing.T) {
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
	payload := make([]byte, 3000)
	for range 200 {
		if err := j.Append(t.Context(), [][]byte{payload}); err != nil {
			t.Fatal(err)
		}
	}
	indexes, err := listSegments(dir)
	if err != nil || len(indexes) < 4 {
		t.Fatal(indexes, err)
	}
	var b Batch
	if err := c.Next(t.Context(), &b, 1<<20, 1<<30); err != nil {
		t.Fatal(err)
	}
	last := b.Records[len(b.Records)-1].Pos
	// The first segment is a pipe: who copies it waits until it is written.
	first := wlog.SegmentName(dir, indexes[0])
	content, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(first, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	to := filepath.Join(t.TempDir(), "snapshot")
	done := make(chan error, 1)
	go func() { done <- j.Snapshot(to) }()
	w, err := os.OpenFile(first, os.O_WRONLY, 0) // when the copy has opened it
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit(last); err != nil { // deletes all segments but the last
		t.Fatal(err)
	}
	testkit.Eventually(t, "segments are deleted", func() bool {
		left, err := listSegments(dir)
		return err == nil && len(left) == 1
	})
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	restored, err := Open(Options{Dir: to, SegmentSize: 4 * pageSize, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	rc, err := restored.Cursor("c")
	if err != nil {
		t.Fatal(err)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	n, lost := 0, uint64(0)
	for {
		b.Reset()
		if err := rc.Next(now, &b, 1<<20, 1<<30); err != nil {
			break
		}
		n, lost = n+len(b.Records), lost+b.Lost
	}
	if lost > 0 || n != 200 {
		t.Errorf("%d records are there, %d are lost", n, lost)
	}
}
