package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// inner is Log under a name that does not clash with its method.
type inner = Log

// faultyLog fails as a disk does: a write leaves a part of itself in the file.
type faultyLog struct {
	inner
	dir   string
	fault *faults
}

// faults says what fails next; shared by all logs of a journal.
type faults struct {
	mu           sync.Mutex
	rng          *rand.Rand
	write, sync_ float64 // probability
	err          error   // for all writes and syncs while set
	count        int
}

func (f *faults) next(p float64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		f.count++
		return f.err
	}
	if f.rng.Float64() < p {
		f.count++
		return syscall.EIO
	}
	return nil
}

func (f *faults) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (l *faultyLog) Log(recs ...[]byte) error {
	err := l.fault.next(l.fault.write)
	if err == nil {
		return l.inner.Log(recs...)
	}
	if werr := l.inner.Log(recs[:len(recs)/2]...); werr != nil {
		return werr
	}
	seg, _, _ := l.LastSegmentAndOffset()
	torn, oerr := os.OpenFile(wlog.SegmentName(l.dir, seg), os.O_WRONLY|os.O_APPEND, 0)
	if oerr != nil {
		return oerr
	}
	defer torn.Close()
	if _, werr := torn.Write([]byte{1, 0xff, 0xff, 3, 4, 5, 6, 7, 8}); werr != nil {
		return werr
	}
	return err
}

func (l *faultyLog) Sync() error {
	if err := l.fault.next(l.fault.sync_); err != nil {
		return err
	}
	return l.inner.Sync()
}

func (l *faultyLog) NextSegmentSync() (int, error) {
	if err := l.fault.next(l.fault.write); err != nil {
		return 0, err
	}
	return l.inner.NextSegmentSync()
}

func (l *faultyLog) Close() error {
	if err := l.fault.next(0); err != nil {
		return err
	}
	return l.inner.Close()
}

func withFaults(o *Options, seed uint64) *faults {
	f := &faults{rng: rand.New(rand.NewPCG(seed, 7))}
	o.Wrap = func(l Log) Log { return &faultyLog{inner: l, dir: o.Dir, fault: f} }
	return f
}

func TestRandomFaultsLoseNoAcknowledgedRecord(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			o := small(t.TempDir())
			o.CommitInterval = 100 * time.Microsecond
			f := withFaults(&o, seed)
			f.write, f.sync_ = 0.1, 0.1
			j := open(t, o)
			c := cursor(t, j, "c")
			var acked, got []int
			n, failed := 0, 0
			for range 120 {
				k := 1 + rng.IntN(6)
				var recs [][]byte
				for i := range k {
					recs = append(recs, payload(n+i))
				}
				err := j.Append(t.Context(), recs)
				switch {
				case err == nil:
					acked = append(acked, seq(n, n+k)...)
				case errors.Is(err, syscall.EIO):
					failed++
				default:
					t.Fatal(err)
				}
				n += k
				if rng.IntN(10) == 0 && len(acked) > len(got) {
					more, pos := readN(t, c, len(acked)-len(got))
					got = append(got, more...)
					if err := c.Commit(pos); err != nil {
						t.Fatal(err)
					}
				}
				if rng.IntN(25) == 0 {
					j.Close()
					j = open(t, o)
					c = cursor(t, j, "c")
				}
			}
			if len(acked) > len(got) {
				more, _ := readN(t, c, len(acked)-len(got))
				got = append(got, more...)
			}
			atEnd(t, c)
			if d := cmp.Diff(acked, got); d != "" {
				t.Errorf("(-acknowledged +read):\n%s", d)
			}
			if failed == 0 || len(acked) == 0 {
				t.Errorf("%d failed, %d acknowledged: the test tests nothing", failed, len(acked))
			}
		})
	}
}

func TestAFullDiskFailsAppendsUntilThereIsRoom(t *testing.T) {
	o := small(t.TempDir())
	f := withFaults(&o, 1)
	j := open(t, o)
	c := cursor(t, j, "c")
	appendRange(t, j, 0, 20)
	f.set(syscall.ENOSPC)
	for n := range 10 {
		if err := j.Append(t.Context(), [][]byte{payload(n)}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("append on a full disk: %v", err)
		}
	}
	if s := j.Stats(); s.Err == nil {
		t.Error("stats do not say that writing fails")
	}
	if v := testutil.ToFloat64(j.metrics.failures.WithLabelValues("no_space")); v != 10 {
		t.Errorf("failures{no_space} = %v", v)
	}
	if got, _ := readN(t, c, 20); got[19] != 19 {
		t.Errorf("reading on a full disk: %v", got)
	}
	f.set(nil)
	retry(t, func() error { return j.Append(t.Context(), [][]byte{payload(20)}) })
	if s := j.Stats(); s.Err != nil {
		t.Errorf("still failing: %v", s.Err)
	}
	if got, _ := readN(t, c, 1); got[0] != 20 {
		t.Errorf("got %v", got)
	}
}

func TestOpenOnAFullDiskServesReaders(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	appendRange(t, j, 0, 20)
	j.Close()
	full := atomic.Bool{}
	full.Store(true)
	o.Wrap = func(l Log) Log { return &refusing{inner: l, full: &full} }
	j = open(t, o)
	if got, _ := readN(t, cursor(t, j, "c"), 20); got[19] != 19 {
		t.Errorf("got %v", got)
	}
	if err := j.Append(t.Context(), [][]byte{payload(20)}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append: %v", err)
	}
	full.Store(false)
	retry(t, func() error { return j.Append(t.Context(), [][]byte{payload(20)}) })
}

type refusing struct {
	inner
	full *atomic.Bool
}

func (r *refusing) LastSegmentAndOffset() (int, int, error) {
	if r.full.Load() {
		return 0, 0, syscall.ENOSPC
	}
	return r.inner.LastSegmentAndOffset()
}

// retry calls f until it succeeds, for at most 20 seconds.
func retry(t testing.TB, f func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still failing: %v", err)
		}
		<-tick.C
	}
}

// copyDir copies the journal as a power cut could leave it: what follows the
// durable end of the last segment is cut or garbled.
func copyDir(t *testing.T, rng *rand.Rand, from, to string, lastSegment int, durable int64) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == filepath.Base(wlog.SegmentName(from, lastSegment)) {
			tail := b[durable:]
			switch rng.IntN(4) {
			case 0:
				b = b[:durable]
			case 1:
				b = b[:durable+int64(rng.IntN(len(tail)+1))]
			case 2:
				clear(tail[rng.IntN(len(tail)+1):])
			case 3:
				for range min(len(tail), 5) {
					tail[rng.IntN(len(tail))] ^= byte(1 + rng.IntN(255))
				}
				b = append(b, 1, 2, 3)
			}
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPowerCutLosesNoAcknowledgedRecord(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 30 {
		o := small(t.TempDir())
		j := open(t, o)
		n := 1 + rng.IntN(200)
		appendRange(t, j, 0, n)
		j.mu.Lock()
		last := j.segs[len(j.segs)-1]
		j.mu.Unlock()
		// More that the power cut may take away.
		extra := rng.IntN(30)
		fits := last.end+encodedSize(2*pageSize)*int64(extra) < o.SegmentSize
		if fits {
			appendRange(t, j, n, n+extra)
		}
		o2 := small(t.TempDir())
		copyDir(t, rng, o.Dir, o2.Dir, last.index, last.end)
		j2 := open(t, o2)
		c := cursor(t, j2, "c")
		got, _ := readN(t, c, n)
		if d := cmp.Diff(seq(0, n), got); d != "" {
			t.Fatal(d)
		}
		after := int(j2.Stats().LastSeq)
		if after > n { // what survived of the rest may stay, in order
			readN(t, c, after-n)
		}
		appendRange(t, j2, 5000, 5007)
		if got, _ := readN(t, c, 7); got[0] != 5000 {
			t.Fatalf("after the repair: %v", got)
		}
		j.Close()
		j2.Close()
	}
}

func TestATornTailIsCutAndCounted(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	appendRange(t, j, 0, 10)
	seg := j.Stats().Segments - 1
	j.Close()
	f, err := os.OpenFile(wlog.SegmentName(o.Dir, seg), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{1, 0, 200, 1, 2, 3, 4, 'x'}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	j = open(t, o)
	if v := testutil.ToFloat64(j.metrics.torn); v != 1 {
		t.Errorf("torn tails = %v", v)
	}
	if v := testutil.ToFloat64(j.metrics.corrupt); v != 0 {
		t.Errorf("corrupt segments = %v", v)
	}
	if got, _ := readN(t, cursor(t, j, "c"), 10); len(got) != 10 {
		t.Errorf("got %v", got)
	}
}

func TestADamagedSegmentIsSetAsideAndTheRestServed(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	appendRange(t, j, 0, 400)
	if j.Stats().Segments < 4 {
		t.Fatal("too few segments for the test")
	}
	j.Close()
	name := wlog.SegmentName(o.Dir, 1)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2+100] ^= 0x40
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	j = open(t, o)
	if v := testutil.ToFloat64(j.metrics.corrupt); v != 1 {
		t.Errorf("corrupt segments = %v", v)
	}
	if kept, err := os.ReadFile(name + corruptSuffix); err != nil || string(kept) != string(b) {
		t.Errorf("the damaged segment is not kept as it was: %v", err)
	}
	c := cursor(t, j, "c")
	var batch Batch
	for c.last < 400 {
		if err := c.Next(t.Context(), &batch, 1000, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	if batch.Lost == 0 || batch.Lost > 100 || len(batch.Records)+int(batch.Lost) != 400 {
		t.Errorf("%d read, %d lost", len(batch.Records), batch.Lost)
	}
	for _, r := range batch.Records {
		if n := number(t, r.Data); n != int(r.Pos.Seq)-1 {
			t.Fatalf("record %d has number %d", n, r.Pos.Seq)
		}
	}
	j.Close()
	j = open(t, o)
	if v := testutil.ToFloat64(j.metrics.corrupt); v != 0 {
		t.Errorf("repaired once, still corrupt: %v", v)
	}
}

// TestACutRepairLosesNoMore kills the process after a damaged segment was set
// aside: its readable records are read all the same.
func TestACutRepairLosesNoMore(t *testing.T) {
	lost := map[bool]uint64{}
	for _, cut := range []bool{false, true} {
		o := small(t.TempDir())
		j := open(t, o)
		appendRange(t, j, 0, 400)
		j.Close()
		name := wlog.SegmentName(o.Dir, 1)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2+100] ^= 0x40
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if cut {
			if err := setAside(name, b); err != nil {
				t.Fatal(err)
			}
		}
		c := cursor(t, open(t, o), "c")
		var batch Batch
		for c.last < 400 {
			if err := c.Next(t.Context(), &batch, 1000, 1<<30); err != nil {
				t.Fatal(err)
			}
		}
		lost[cut] = batch.Lost
		if kept, err := os.ReadFile(name + corruptSuffix); err != nil || string(kept) != string(b) {
			t.Errorf("the damaged segment is not kept as it was: %v", err)
		}
	}
	if lost[true] != lost[false] || lost[false] == 0 {
		t.Errorf("records lost: %d after a cut repair, else %d", lost[true], lost[false])
	}
}

func TestDamageWhileOpenCostsOnlyWhatItHit(t *testing.T) {
	o := small(t.TempDir())
	o.SegmentSize, o.MaxBytes = 16*pageSize, 64*pageSize
	j := open(t, o)
	c := cursor(t, j, "c")
	appendRange(t, j, 0, 200)
	name := wlog.SegmentName(o.Dir, 0)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xde, 0xad}, pageSize+pageSize/2); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var batch Batch
	for c.last < 200 {
		if err := c.Next(t.Context(), &batch, 50, 1<<30); err != nil {
			t.Fatal(err)
		}
		if len(batch.Records) >= 50 {
			batch.Records = batch.Records[:0] // the limit is on what a batch holds
		}
	}
	if batch.Lost == 0 || batch.Lost > 80 {
		t.Errorf("lost %d", batch.Lost)
	}
	// The segment is still written to: what follows is read.
	appendRange(t, j, 200, 230)
	if got, _ := readN(t, c, 30); got[0] != 200 || got[29] != 229 {
		t.Errorf("after the damage: %v", got)
	}
	atEnd(t, c)
}

func TestAMissingSegmentCostsItsRecordsOnly(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	appendRange(t, j, 0, 400)
	j.Close()
	if err := os.Remove(wlog.SegmentName(o.Dir, 1)); err != nil {
		t.Fatal(err)
	}
	j = open(t, o)
	c := cursor(t, j, "c")
	var batch Batch
	for c.last < 400 {
		if err := c.Next(t.Context(), &batch, 1000, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	if batch.Lost == 0 || len(batch.Records)+int(batch.Lost) != 400 {
		t.Errorf("%d read, %d lost", len(batch.Records), batch.Lost)
	}
}

func TestANewerFormatIsLeftAlone(t *testing.T) {
	o := small(t.TempDir())
	wl, err := wlog.NewSize(nil, nil, o.Dir, 4*pageSize, "none")
	if err != nil {
		t.Fatal(err)
	}
	h := appendHeader(nil)
	h[len(h)-1] = formatVersion + 1
	if err := errors.Join(wl.Log(h, []byte("who knows")), wl.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(wlog.SegmentName(o.Dir, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, errNewerFormat) {
		t.Errorf("err = %v", err)
	}
	after, err := os.ReadFile(wlog.SegmentName(o.Dir, 0))
	if err != nil || string(before) != string(after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestADamagedCursorStartsOver(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	c := cursor(t, j, "c")
	appendRange(t, j, 0, 20)
	_, pos := readN(t, c, 10)
	if err := c.Commit(pos); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if err := os.WriteFile(filepath.Join(o.Dir, "cursor.c"), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	j = open(t, o)
	if got, _ := readN(t, cursor(t, j, "c"), 20); got[0] != 0 {
		t.Errorf("got %v", got)
	}
	if v := testutil.ToFloat64(j.metrics.corruptCursors); v != 1 {
		t.Errorf("corrupt cursors = %v", v)
	}
}

func TestATornCursorWriteLeavesTheOlderPosition(t *testing.T) {
	name := filepath.Join(t.TempDir(), "cursor.c")
	f, _, _, err := openCursorFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := f.save(Position{Segment: i, Seq: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f.f.Close()
	for _, off := range []int{0, slotStride} {
		torn := append([]byte(nil), b...)
		torn[off+15] ^= 1
		_, pos, ok := decodeSlots(torn)
		if !ok || pos.Seq < 3 {
			t.Errorf("slot at %d torn: %+v %v", off, pos, ok)
		}
	}
}

func TestAStaleCursorBeforeTheOldestSegmentLosesNothing(t *testing.T) {
	o := small(t.TempDir())
	j := open(t, o)
	c := cursor(t, j, "c")
	appendRange(t, j, 0, 300)
	stale, err := os.ReadFile(filepath.Join(o.Dir, "cursor.c"))
	if err != nil {
		t.Fatal(err)
	}
	_, pos := readN(t, c, 250)
	if err := c.Commit(pos); err != nil {
		t.Fatal(err)
	}
	j.Close()
	// As if saving had failed on a full disk while deletion went on.
	if err := os.WriteFile(filepath.Join(o.Dir, "cursor.c"), stale, 0o600); err != nil {
		t.Fatal(err)
	}
	j = open(t, o)
	c = cursor(t, j, "c")
	var b Batch
	for c.last < 300 {
		if err := c.Next(t.Context(), &b, 1000, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	if first := number(t, b.Records[0].Data); first > 250 || b.Lost > 0 {
		t.Errorf("first %d, lost %d", first, b.Lost)
	}
}

func TestARealFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("cannot mount a small file system:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	o := small(filepath.Join(dir, "journal"))
	j := open(t, o)
	c := cursor(t, j, "c")
	ballast := filepath.Join(dir, "ballast")
	acked := 0
	for round := range 3 {
		err := os.WriteFile(ballast, make([]byte, 300<<10), 0o600)
		for n := 0; n < 5000 && err == nil; n++ {
			if err = j.Append(t.Context(), [][]byte{payload(acked)}); err == nil {
				acked++
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("round %d: after %d records: %v", round, acked, err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		retry(t, func() error { return j.Append(t.Context(), [][]byte{payload(acked)}) })
		acked++
		from := int(c.last)
		got, pos := readN(t, c, acked-from)
		if d := cmp.Diff(seq(from, acked), got); d != "" {
			t.Fatal(d)
		}
		if err := c.Commit(pos); err != nil {
			t.Fatal(err)
		}
	}
}
