package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/prometheus/prometheus/tsdb/wlog"
)

// cursorState is the durable part of a cursor.
type cursorState struct {
	saveMu    sync.Mutex // one save at a time; guards file
	file      *cursorFile
	committed Position // guarded by Journal.mu
	open      bool     // guarded by Journal.mu
}

// Cursor reads the records of a journal in order and remembers on disk how far
// its consumer has come. Next, Seq, Rewind and Close belong to one goroutine; Commit
// and Committed may be called from any.
type Cursor struct {
	j     *Journal
	name  string
	state *cursorState

	last    uint64 // number of the last record that Next gave
	segment int
	file    *os.File
	limit   *limitedFile
	reader  *wlog.LiveReader

	damaged  bool     // the segment turned out damaged: read from salvage
	salvaged int64    // the end up to which salvage was collected
	salvage  []Record // what is readable of it and was not given yet
}

// Batch collects the records of one or more calls of Next. Its Data slices are
// valid until Reset.
type Batch struct {
	Records []Record
	Bytes   int // of all Data
	// Lost counts records that could not be read: gaps in the numbers.
	Lost uint64

	buf []byte
}

// Reset empties the batch for another use.
func (b *Batch) Reset() {
	clear(b.Records)
	b.Records, b.Bytes, b.Lost, b.buf = b.Records[:0], 0, 0, b.buf[:0]
}

func (b *Batch) add(r Record) {
	if cap(b.buf)-len(b.buf) < len(r.Data) {
		// Earlier records keep the old array alive until Reset.
		b.buf = make([]byte, 0, max(2*cap(b.buf), len(r.Data), 64<<10))
	}
	n := len(b.buf)
	b.buf = append(b.buf, r.Data...)
	r.Data = b.buf[n:len(b.buf):len(b.buf)]
	b.Records = append(b.Records, r)
	b.Bytes += len(r.Data)
}

// cursorName keeps cursor names usable as parts of file names everywhere.
const cursorName = `^[a-z0-9_-]{1,64}$`

// Cursor opens the cursor with the name, behind the last record committed; a
// new one starts at the oldest record. A cursor can be open once at a time.
func (j *Journal) Cursor(name string) (*Cursor, error) {
	if !regexp.MustCompile(cursorName).MatchString(name) {
		return nil, fmt.Errorf("journal cursor %q: a name is 1 to 64 of a-z, 0-9, _ and -", name)
	}
	j.mu.Lock()
	_, known := j.cursors[name]
	closed := j.closed
	j.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if !known {
		if err := j.loadCursor(name); err != nil {
			return nil, fmt.Errorf("journal cursor %q: %w", name, err)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	st := j.cursors[name]
	if st.open {
		return nil, fmt.Errorf("journal cursor %q is open already", name)
	}
	st.open = true
	c := &Cursor{j: j, name: name, state: st}
	c.seek(st.committed)
	return c, nil
}

// RemoveCursor forgets a cursor that is not open, so that it holds no records
// any more.
func (j *Journal) RemoveCursor(name string) error {
	j.mu.Lock()
	st, ok := j.cursors[name]
	if ok && st.open {
		j.mu.Unlock()
		return fmt.Errorf("journal cursor %q is open", name)
	}
	delete(j.cursors, name)
	j.mu.Unlock()
	if !ok {
		return nil
	}
	st.file.f.Close()
	if err := os.Remove(filepath.Join(j.opts.Dir, cursorPrefix+name)); err != nil {
		return fmt.Errorf("remove journal cursor: %w", err)
	}
	j.deleteConsumed()
	return nil
}

// seek sets the reader behind pos. The number alone decides what is next; the
// segment only saves reading those before it.
func (c *Cursor) seek(pos Position) {
	c.leave()
	c.last, c.segment = pos.Seq, pos.Segment
}

// leave lets go of the segment file that is open.
func (c *Cursor) leave() {
	if c.file != nil {
		c.file.Close()
	}
	c.file, c.limit, c.reader = nil, nil, nil
	c.damaged, c.salvaged, c.salvage = false, 0, nil
}

// Next adds the next records to b: at least one, for which it waits, and then
// as many as are there, until b holds maxRecords or maxBytes; a single record
// may be larger. It also returns when records turned out to be lost. It ends
// with the error of ctx, or ErrClosed.
func (c *Cursor) Next(ctx context.Context, b *Batch, maxRecords, maxBytes int) error {
	records, lost := len(b.Records), b.Lost
	for {
		stopped := false
		select {
		case <-c.j.stopped:
			stopped = true
		default:
		}
		more, changed, err := c.read(b, maxRecords, maxBytes)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		switch {
		case more:
			continue
		case len(b.Records) > records || b.Lost > lost:
			return nil
		case stopped:
			return ErrClosed
		}
		select {
		case <-changed:
		case <-c.j.stopped:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read adds what the current segment has. more says that there may be more
// right away, else changed is closed when there is.
func (c *Cursor) read(b *Batch, maxRecords, maxBytes int) (more bool, changed <-chan struct{}, err error) {
	seg, last, changed, ok := c.locate()
	if !ok {
		return false, changed, nil
	}
	full := func() bool { return len(b.Records) >= max(maxRecords, 1) || (b.Bytes >= maxBytes && b.Bytes > 0) }
	if c.file == nil && c.last < seg.lastSeq {
		if err := c.enter(seg); err != nil {
			return false, changed, err
		}
	}
	for c.last < seg.lastSeq {
		if full() {
			return false, changed, nil
		}
		r, ok := c.one(seg)
		if !ok {
			c.lose(b, seg.lastSeq)
			break
		}
		if r.Pos.Seq > c.last+1 && c.last > 0 {
			c.lose(b, r.Pos.Seq-1)
		}
		c.last = r.Pos.Seq
		b.add(r)
	}
	if last {
		return false, changed, nil
	}
	return !full(), changed, nil
}

// lose notes that the records up to seq cannot be read.
func (c *Cursor) lose(b *Batch, seq uint64) {
	n := seq - c.last
	b.Lost += n
	c.j.metrics.lost.Add(float64(n))
	c.last = seq
}

// locate finds the segment that has the next record, or will have it.
func (c *Cursor) locate() (seg segment, last bool, changed <-chan struct{}, ok bool) {
	j := c.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segs) == 0 {
		return segment{}, false, j.changed, false
	}
	// The numbers alone decide: they survive whatever happens to the files.
	i := 0
	for i < len(j.segs)-1 && j.segs[i].lastSeq <= c.last {
		i++
	}
	if j.segs[i].index != c.segment {
		c.leave()
	}
	c.segment = j.segs[i].index
	return j.segs[i], i == len(j.segs)-1, j.changed, true
}

func (c *Cursor) enter(seg segment) error {
	f, err := os.Open(wlog.SegmentName(c.j.opts.Dir, seg.index))
	if errors.Is(err, os.ErrNotExist) {
		// Somebody removed it: its records are lost, the others are not.
		f, err = os.Open(os.DevNull)
	}
	if err != nil {
		return err
	}
	c.file = f
	c.limit = &limitedFile{f: f}
	c.reader = wlog.NewLiveReader(c.j.log, c.j.metrics.live, c.limit)
	return nil
}

// one reads the next data record of the segment. ok is false when no more can
// be read though there should be more.
func (c *Cursor) one(seg segment) (r Record, ok bool) {
	c.limit.end = seg.end
	for !c.damaged {
		if !c.reader.Next() {
			// The end counts as damage too: there should be another record.
			c.setDamaged(seg, c.reader.Err())
			break
		}
		d, err := decodeRecord(c.reader.Record())
		if err != nil {
			c.setDamaged(seg, err)
			break
		}
		if d.header || d.seq <= c.last {
			continue
		}
		return Record{
			Pos:  Position{Segment: seg.index, Offset: c.reader.Offset(), Seq: d.seq},
			Time: unixTime(d.unixNano), Data: d.payload,
		}, true
	}
	if seg.end > c.salvaged {
		c.salvageSegment(seg)
	}
	for len(c.salvage) > 0 {
		r = c.salvage[0]
		c.salvage = c.salvage[1:]
		if r.Pos.Seq > c.last {
			return r, true
		}
	}
	return Record{}, false
}

func (c *Cursor) setDamaged(seg segment, cause error) {
	c.damaged = true
	c.j.metrics.corrupt.Inc()
	c.j.log.Error("journal segment is damaged: what is readable is read", "segment", seg.index, "err", cause)
}

// salvageSegment collects what can be read of a segment that is damaged. This
// is the slow way, for disks that go bad while Pitot runs.
func (c *Cursor) salvageSegment(seg segment) {
	data := make([]byte, seg.end)
	for off := int64(0); off < seg.end; off += pageSize {
		page := data[off:min(off+pageSize, seg.end)]
		if n, err := c.file.ReadAt(page, off); err != nil {
			clear(page[n:]) // an unreadable page is an empty one; the numbers show the gap
		}
	}
	c.salvaged, c.salvage = seg.end, c.salvage[:0]
	scan(data, func(d decoded, end int64) {
		if d.seq > c.last && d.seq <= seg.lastSeq {
			c.salvage = append(c.salvage, Record{
				Pos:  Position{Segment: seg.index, Offset: end, Seq: d.seq},
				Time: unixTime(d.unixNano), Data: bytes.Clone(d.payload),
			})
		}
	})
}

// Commit says that all records up to pos are consumed, makes that durable, and
// deletes the segments that no cursor needs. pos must come from a record that
// this cursor gave; going back is not possible. The records count as consumed,
// and their room is freed, even when saving fails: on a full disk nothing else
// would ever free it. After a crash they are then read again.
func (c *Cursor) Commit(pos Position) error {
	c.state.saveMu.Lock()
	defer c.state.saveMu.Unlock()
	c.j.mu.Lock()
	if pos.Seq <= c.state.committed.Seq {
		c.j.mu.Unlock()
		return nil
	}
	c.state.committed = pos
	closed := c.j.closed
	c.j.mu.Unlock()
	if closed {
		return ErrClosed
	}
	err := c.state.file.save(pos)
	c.j.deleteConsumed()
	if err != nil {
		return fmt.Errorf("save journal cursor %q: %w", c.name, err)
	}
	return nil
}

// Seq returns the number of the last record that Next gave or found lost.
func (c *Cursor) Seq() uint64 { return c.last }

// Committed returns the position of the last Commit.
func (c *Cursor) Committed() Position {
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	return c.state.committed
}

// Rewind goes back to behind the last record committed.
func (c *Cursor) Rewind() { c.seek(c.Committed()) }

// Close lets another Cursor of the same name be opened.
func (c *Cursor) Close() {
	c.leave()
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	c.state.open = false
}

// limitedFile is a file up to the last durable record.
type limitedFile struct {
	f   *os.File
	pos int64
	end int64
}

// Read implements io.Reader.
func (l *limitedFile) Read(p []byte) (int, error) {
	if l.pos >= l.end {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), l.end-l.pos)]
	n, err := l.f.ReadAt(p, l.pos)
	l.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
