package journal

import (
	"bytes"
	"runtime"
	"testing"
	"time"
	"weak"
)

// nowhere is a Log that takes all and keeps nothing.
type nowhere struct{}

func (nowhere) Log(...[]byte) error                     { return nil }
func (nowhere) Sync() error                             { return nil }
func (nowhere) NextSegmentSync() (int, error)           { return 1, nil }
func (nowhere) LastSegmentAndOffset() (int, int, error) { return 1, 1, nil }
func (nowhere) Close() error                            { return nil }

// After a stall all that has waited is one large group. Its buffer must go when
// groups are small again, and must not be kept by the list of its records.
func TestBuffersOfLargeGroupsAreLetGo(t *testing.T) {
	w := writer{wl: nowhere{}, segment: 1, synced: func(float64) {}}
	group := func(n int) {
		t.Helper()
		recs := make([][]byte, n)
		for i := range recs {
			recs[i] = bytes.Repeat([]byte{'x'}, 1<<10)
		}
		if err := w.write(1, time.Now(), recs); err != nil {
			t.Fatal(err)
		}
	}
	group(4 << 10)
	if cap(w.buf) < 4<<20 {
		t.Fatalf("the buffer has %d bytes: nothing is tested", cap(w.buf))
	}
	large := weak.Make(&w.buf[:1][0])
	group(1)
	group(1)
	if cap(w.buf) > 1<<20 {
		t.Errorf("the buffer still has %d bytes", cap(w.buf))
	}
	runtime.GC()
	if large.Value() != nil {
		t.Error("the buffer of a large group is still in memory")
	}
	runtime.KeepAlive(&w)
}
