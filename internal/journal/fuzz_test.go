package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/prometheus/tsdb/wlog"
)

func FuzzDecodeRecord(f *testing.F) {
	f.Add(appendHeader(nil))
	f.Add(appendData(nil, 7, 1, []byte("payload")))
	f.Add([]byte{typeData, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeRecord(b)
		if err != nil || d.header {
			return
		}
		if again := appendData(nil, d.seq, d.unixNano, d.payload); !bytes.Equal(again, b) {
			t.Errorf("%x decodes to what encodes as %x", b, again)
		}
	})
}

func FuzzDecodeSlots(f *testing.F) {
	two := make([]byte, slotStride+slotSize)
	copy(two, encodeSlot(3, Position{Segment: 1, Offset: 2, Seq: 3}))
	copy(two[slotStride:], encodeSlot(4, Position{Segment: 1, Offset: 9, Seq: 5}))
	f.Add(two)
	f.Add(two[:slotSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		gen, pos, ok := decodeSlots(b)
		if ok && !bytes.Contains(b, encodeSlot(gen, pos)) {
			t.Errorf("position %+v out of nowhere", pos)
		}
	})
}

// FuzzOpenDamagedSegment changes a segment at will: the journal opens, gives
// what it can read in order, and takes new records.
func FuzzOpenDamagedSegment(f *testing.F) {
	dir := f.TempDir()
	j, err := Open(small(dir))
	if err != nil {
		f.Fatal(err)
	}
	for n := range 40 {
		if err := j.Append(f.Context(), [][]byte{payload(n)}); err != nil {
			f.Fatal(err)
		}
	}
	j.Close()
	whole, err := os.ReadFile(wlog.SegmentName(dir, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(100), []byte{1, 2, 3}, uint32(len(whole)))
	f.Add(uint32(pageSize), []byte{0}, uint32(pageSize+10))
	f.Add(uint32(0), []byte{9}, uint32(len(whole)))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		b := bytes.Clone(whole)
		copy(b[int(at)%len(b):], patch)
		b = b[:min(int(size), len(b))]
		o := small(t.TempDir())
		if err := os.WriteFile(filepath.Join(o.Dir, "00000000"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(o)
		if err != nil {
			return // a newer version, by a patch of the version
		}
		defer j.Close()
		c, err := j.Cursor("c")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := j.Append(t.Context(), [][]byte{[]byte("new")}); err != nil {
			t.Fatal(err)
		}
		var batch Batch
		for last := uint64(0); ; {
			batch.Reset()
			if err := c.Next(t.Context(), &batch, 10, 1<<20); err != nil {
				t.Fatal(err)
			}
			for _, r := range batch.Records {
				if r.Pos.Seq <= last {
					t.Fatalf("record %d after %d", r.Pos.Seq, last)
				}
				last = r.Pos.Seq
				if string(r.Data) == "new" {
					return
				}
			}
		}
	})
}
