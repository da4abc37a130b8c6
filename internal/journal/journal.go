package journal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Journal is a durable queue on disk. Its methods may be called from any
// number of goroutines.
type Journal struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	w       writer // of the commit goroutine
	lock    *os.File

	wake    chan struct{} // 1: something is pending
	flush   chan struct{} // 1: enough is pending to commit before the interval is over
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed when the commit goroutine has ended

	mu           sync.Mutex // guards what follows
	closed       bool
	pending      []*request
	pendingBytes int64
	segs         []segment // ascending, without gaps; the last one may grow
	firstSeq     uint64    // of the oldest record that Open found; 1 when it found none
	lastSeq      uint64    // of the last durable record
	marks        marks
	cursors      map[string]*cursorState
	changed      chan struct{} // closed and replaced when a reader may find more
	err          error         // why the last group failed; nil after a success
}

// Open opens the journal in o.Dir and makes it if there is none. It repairs
// what a crash or a bad disk left, and reports that in its log and metrics. One
// process can have a journal open at a time. A disk that is full does not fail
// Open: reading works, and appends fail until there is room.
func Open(o Options) (*Journal, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{
		opts: o, log: o.Logger, lock: lock,
		wake: make(chan struct{}, 1), flush: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}),
		firstSeq: 1, changed: make(chan struct{}), cursors: map[string]*cursorState{},
	}
	j.metrics = newMetrics(j)
	err = j.load()
	if err == nil {
		err = j.loadCursors()
	}
	if err == nil {
		err = j.metrics.register(o.Registerer)
	}
	if err != nil {
		j.closeCursors()
		lock.Close()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j.w = writer{dir: o.Dir, wrap: o.Wrap, open: func() (Log, error) { return openWL(&j.opts) }, segment: -1, synced: j.metrics.fsync.Observe}
	if err := j.w.ready(time.Now()); err != nil {
		j.log.Error("journal opened for reading only until the disk allows writing", "err", err)
		j.err = err
	} else {
		j.noteSegment()
	}
	j.deleteConsumed()
	go j.commitLoop()
	return j, nil
}

// Append writes records and returns when they are durable, in one group with
// those of other callers. The journal reads recs until then; the caller must
// not change them, not even after ctx ended first. When ctx ends first, the
// records may or may not become durable.
func (j *Journal) Append(ctx context.Context, recs [][]byte) error {
	done := make(chan error, 1)
	j.AppendFunc(recs, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AppendFunc is Append that does not wait: done is called once, when the
// records are durable or have failed. It is called from the commit goroutine,
// which it must not hold up, or from within AppendFunc when the journal refuses
// the records at once. The journal reads recs until then.
func (j *Journal) AppendFunc(recs [][]byte, done func(error)) {
	r := &request{recs: recs, done: done}
	for _, rec := range recs {
		r.size += encodedSize(len(rec))
	}
	if err := j.enqueue(r); err != nil {
		j.metrics.failed(err, len(recs))
		done(err)
	}
}

// MaxAppend is the most bytes that n records of one append may have together.
func (j *Journal) MaxAppend(n int) int {
	overhead := encodedSize(0) * int64(n+1)
	// A fragment header for every page, and one to spare.
	return int((j.opts.maxGroup() - overhead) * (pageSize - 2*fragmentHeader) / pageSize)
}

func (j *Journal) enqueue(r *request) error {
	if len(r.recs) == 0 {
		r.done(nil)
		return nil
	}
	// The header of a fresh segment comes on top.
	if r.size+encodedSize(0) > j.opts.maxGroup() {
		return fmt.Errorf("%w: %d bytes in %d records, at most %d", ErrTooLarge, r.size, len(r.recs), j.opts.maxGroup())
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	if j.pendingBytes+r.size > j.opts.MaxPending && j.pendingBytes > 0 {
		return ErrBusy
	}
	j.pending = append(j.pending, r)
	j.pendingBytes += r.size
	signal(j.wake)
	if j.pendingBytes >= j.opts.maxGroup() {
		signal(j.flush)
	}
	return nil
}

// Flush waits until all that was appended before it is durable or has failed.
func (j *Journal) Flush(ctx context.Context) error {
	done := make(chan struct{})
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	// A request without records marks the place in the queue.
	j.pending = append(j.pending, &request{done: func(error) { close(done) }})
	signal(j.wake)
	signal(j.flush)
	j.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close makes what is pending durable and closes the files. Cursors that wait
// for records get ErrClosed.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		<-j.stopped
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	close(j.stop)
	<-j.stopped
	j.mu.Lock()
	j.notify()
	j.mu.Unlock()
	err := j.w.close()
	j.closeCursors()
	j.metrics.unregister(j.opts.Registerer)
	if cerr := j.lock.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Stats is the state of a Journal at one moment.
type Stats struct {
	Bytes    int64 // on disk, set-aside segments not counted
	MaxBytes int64
	Segments int
	LastSeq  uint64 // number of the last durable record
	Pending  int64  // bytes that wait for the disk
	// Err is why the last write failed; nil when the last one succeeded.
	Err     error
	Cursors []CursorStats
}

// CursorStats is the state of a cursor at one moment.
type CursorStats struct {
	Name      string
	Committed Position
	Lag       uint64        // durable records that are not committed
	LagBytes  int64         // about what they take on disk
	OldestAge time.Duration // of the oldest of them, to about a second; 0 without lag
}

// Stats returns the state of the journal.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{
		Bytes: j.bytesLocked(), MaxBytes: j.opts.MaxBytes, Segments: len(j.segs),
		LastSeq: j.lastSeq, Pending: j.pendingBytes, Err: j.err,
	}
	now := time.Now().UnixNano()
	for name, c := range j.cursors {
		cs := CursorStats{Name: name, Committed: c.committed}
		if j.lastSeq > c.committed.Seq {
			cs.Lag = j.lastSeq - c.committed.Seq
			for _, seg := range j.segs {
				switch {
				case seg.index > c.committed.Segment:
					cs.LagBytes += seg.end
				case seg.index == c.committed.Segment:
					cs.LagBytes += max(seg.end-c.committed.Offset, 0)
				}
			}
			if t, ok := j.marks.time(c.committed.Seq + 1); ok {
				cs.OldestAge = max(time.Duration(now-t), 0)
			}
		}
		s.Cursors = append(s.Cursors, cs)
	}
	return s
}

func (j *Journal) bytesLocked() int64 {
	var n int64
	for _, s := range j.segs {
		n += (s.end + pageSize - 1) / pageSize * pageSize
	}
	return n
}

// notify wakes the readers. j.mu is held.
func (j *Journal) notify() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// signal sets a flag that a channel of one place is.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
