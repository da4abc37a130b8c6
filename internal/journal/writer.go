package journal

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/pitot-dev/pitot/internal/durable"
)

// Log is what the journal needs of a log to write to; *wlog.WL is one. It is
// used by one goroutine at a time.
type Log interface {
	Log(recs ...[]byte) error
	Sync() error
	NextSegmentSync() (int, error)
	LastSegmentAndOffset() (segment, offset int, err error)
	Close() error
}

var _ Log = (*wlog.WL)(nil)

// writer puts groups of records on disk. It belongs to the commit goroutine.
//
// wlog.WL takes a failed write badly: the page that it was filling stays in
// memory half written, and a segment that it leaves is synced in the background
// with the error only logged. So the writer changes segments itself, only
// between groups, when all is synced; and after any failure it gives the WL up:
// cuts the file back to the last durable record and starts a new WL, which
// begins a new segment.
type writer struct {
	dir     string
	wrap    func(Log) Log
	open    func() (Log, error)
	wl      Log
	failed  bool // wl must be given up before the next write
	synced  func(seconds float64)
	retryAt time.Time
	last    error // why the last attempt to reopen failed

	segment int   // the one being written
	end     int64 // behind its last durable record

	buf    []byte
	frames [][]byte
	cuts   []int
}

// reopenInterval bounds how often a writer on a full or broken disk tries again.
const reopenInterval = 100 * time.Millisecond

// ready makes sure that there is a log to write to.
func (w *writer) ready(now time.Time) error {
	if w.wl != nil && !w.failed {
		return nil
	}
	if now.Before(w.retryAt) {
		return w.last
	}
	if err := w.reopen(); err != nil {
		w.last = fmt.Errorf("journal cannot write: %w", err)
		w.retryAt = now.Add(reopenInterval)
		return w.last
	}
	return nil
}

// reopen gives a failed log up and starts a new one behind the last durable record.
func (w *writer) reopen() error {
	if w.wl != nil {
		// Cut first: on a full disk that makes the room that Close needs to flush
		// its page. Cut again after: what Close flushed is not a record.
		if err := w.cut(); err != nil {
			return err
		}
		if err := w.wl.Close(); err != nil {
			return err
		}
		w.wl = nil
	}
	if w.segment >= 0 {
		if err := w.cut(); err != nil {
			return err
		}
	}
	wl, err := w.open()
	if err != nil {
		return err
	}
	w.wl, w.failed = wl, false
	if w.wrap != nil {
		w.wl = w.wrap(wl)
	}
	seg, _, err := w.wl.LastSegmentAndOffset()
	if err == nil {
		err = durable.SyncDir(w.dir)
	}
	if err != nil {
		w.failed = true
		return err
	}
	w.segment, w.end = seg, 0
	return nil
}

// cut removes what follows the last durable record, for good: a leftover with
// the numbers of records that are written again later would shadow them.
func (w *writer) cut() error {
	if w.segment < 0 {
		return nil
	}
	segs, err := listSegments(w.dir)
	if err != nil {
		return err
	}
	for _, s := range segs {
		if s <= w.segment {
			continue
		}
		if err := os.Remove(wlog.SegmentName(w.dir, s)); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(wlog.SegmentName(w.dir, w.segment), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) && w.end == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() <= w.end {
		return err
	}
	if err := f.Truncate(w.end); err != nil {
		return err
	}
	return f.Sync()
}

// roll begins a new segment. All that was written is synced.
func (w *writer) roll() error {
	seg, err := w.wl.NextSegmentSync()
	if err != nil {
		w.failed = true
		return fmt.Errorf("begin segment: %w", err)
	}
	if err := durable.SyncDir(w.dir); err != nil {
		w.failed = true
		return fmt.Errorf("begin segment: %w", err)
	}
	w.segment, w.end = seg, 0
	return nil
}

// write puts records on disk and syncs them. first is the number of the first.
// After an error none of them is there.
func (w *writer) write(first uint64, now time.Time, recs [][]byte) error {
	w.buf, w.cuts, w.frames = w.buf[:0], w.cuts[:0], w.frames[:0]
	if w.end == 0 {
		w.buf = appendHeader(w.buf)
		w.cuts = append(w.cuts, len(w.buf))
	}
	for i, r := range recs {
		w.buf = appendData(w.buf, first+uint64(i), now.UnixNano(), r)
		w.cuts = append(w.cuts, len(w.buf))
	}
	start := 0
	for _, c := range w.cuts {
		w.frames = append(w.frames, w.buf[start:c])
		start = c
	}
	defer w.shrink()
	if err := w.wl.Log(w.frames...); err != nil {
		w.failed = true
		return fmt.Errorf("write: %w", err)
	}
	if err := w.sync(); err != nil {
		// The kernel may have dropped the pages: what a failed sync leaves in the
		// file counts for nothing.
		w.failed = true
		return fmt.Errorf("sync: %w", err)
	}
	seg, end, err := w.wl.LastSegmentAndOffset()
	if err == nil && seg != w.segment {
		err = fmt.Errorf("log went on to segment %d by itself", seg)
	}
	if err != nil {
		w.failed = true
		return err
	}
	w.end = int64(end)
	return nil
}

func (w *writer) sync() error {
	start := time.Now()
	err := w.wl.Sync()
	w.synced(time.Since(start).Seconds())
	return err
}

// shrink lets go of a buffer that larger groups made. The frames point into it,
// and those past the end of a smaller group's would keep it for good: one buffer
// for each large group that there ever was.
func (w *writer) shrink() {
	clear(w.frames)
	if cap(w.buf) > 1<<20 && len(w.buf) < cap(w.buf)/4 {
		w.buf = nil
	}
}

func (w *writer) close() error {
	if w.wl == nil {
		return nil
	}
	if w.failed {
		if err := w.cut(); err != nil {
			return err
		}
	}
	err := w.wl.Close()
	if w.failed {
		err = errors.Join(err, w.cut())
	}
	w.wl = nil
	return err
}

// openWL opens a wlog for writing; it begins a new segment.
func openWL(o *Options) (Log, error) {
	// Twice the size at which the writer changes segments, so that the log never
	// does so by itself. Its own metrics carry names of Prometheus' TSDB: left out.
	return wlog.NewSize(o.Logger, nil, o.Dir, int(2*o.SegmentSize), compression.None)
}
