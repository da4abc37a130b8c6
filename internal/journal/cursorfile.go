package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
)

const (
	cursorPrefix = "cursor."
	cursorMagic  = "PJC1"
	slotSize     = 4 + 8 + 8 + 8 + 8 + 4
	slotStride   = 4096
)

// cursorFile keeps a Position on disk. Its two slots are written in turn, in
// place: a torn write costs the newer slot and leaves the older one, and no new
// disk blocks are needed once both exist.
type cursorFile struct {
	f   *os.File
	gen uint64
}

// openCursorFile opens a cursor file or makes one. corrupt says that the file
// had content but no valid position.
func openCursorFile(name string) (c *cursorFile, pos Position, corrupt bool, err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, Position{}, false, err
	}
	buf := make([]byte, slotStride+slotSize)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		f.Close()
		return nil, Position{}, false, err
	}
	c = &cursorFile{f: f}
	var ok bool
	c.gen, pos, ok = decodeSlots(buf[:n])
	return c, pos, !ok && n > 0, nil
}

// decodeSlots returns the newest valid position of a cursor file's content.
func decodeSlots(b []byte) (gen uint64, pos Position, ok bool) {
	for _, off := range []int{0, slotStride} {
		if len(b) < off+slotSize {
			continue
		}
		if g, p, valid := decodeSlot(b[off : off+slotSize]); valid && (!ok || g > gen) {
			gen, pos, ok = g, p, true
		}
	}
	return gen, pos, ok
}

func encodeSlot(gen uint64, pos Position) []byte {
	b := make([]byte, 0, slotSize)
	b = append(b, cursorMagic...)
	b = binary.BigEndian.AppendUint64(b, gen)
	b = binary.BigEndian.AppendUint64(b, uint64(pos.Segment))
	b = binary.BigEndian.AppendUint64(b, uint64(pos.Offset))
	b = binary.BigEndian.AppendUint64(b, pos.Seq)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeSlot(b []byte) (gen uint64, pos Position, ok bool) {
	if len(b) != slotSize || string(b[:4]) != cursorMagic {
		return 0, Position{}, false
	}
	sum := crc32.Checksum(b[:slotSize-4], castagnoli)
	if binary.BigEndian.Uint32(b[slotSize-4:]) != sum {
		return 0, Position{}, false
	}
	seg, off := binary.BigEndian.Uint64(b[12:]), binary.BigEndian.Uint64(b[20:])
	if seg > math.MaxInt32 || off > math.MaxInt64 {
		return 0, Position{}, false
	}
	pos = Position{Segment: int(seg), Offset: int64(off), Seq: binary.BigEndian.Uint64(b[28:])}
	return binary.BigEndian.Uint64(b[4:]), pos, true
}

// save makes pos durable.
func (c *cursorFile) save(pos Position) error {
	off := int64(0)
	if c.gen%2 == 0 {
		off = slotStride
	}
	if _, err := c.f.WriteAt(encodeSlot(c.gen+1, pos), off); err != nil {
		return err
	}
	if err := c.f.Sync(); err != nil {
		return err
	}
	c.gen++
	return nil
}

// loadCursors opens all cursor files of the directory: a cursor that nobody has
// opened yet must hold its records too.
func (j *Journal) loadCursors() error {
	names, err := filepath.Glob(filepath.Join(j.opts.Dir, cursorPrefix+"*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := j.loadCursor(strings.TrimPrefix(filepath.Base(name), cursorPrefix)); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) loadCursor(name string) error {
	file, pos, corrupt, err := openCursorFile(filepath.Join(j.opts.Dir, cursorPrefix+name))
	if err != nil {
		return err
	}
	if corrupt {
		j.metrics.corruptCursors.Inc()
		j.log.Error("journal cursor is damaged: its consumer starts over at the oldest record", "cursor", name)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.segs) > 0 && pos.Segment < j.segs[0].index {
		// Segments go only after every cursor has passed them: this position is an
		// old one, because saving a newer one failed.
		pos.Segment, pos.Offset = j.segs[0].index, 0
		pos.Seq = max(pos.Seq, j.firstSeq-1)
	}
	j.cursors[name] = &cursorState{file: file, committed: pos}
	// When all segments are gone, the cursors alone remember the numbers given.
	j.lastSeq = max(j.lastSeq, pos.Seq)
	return nil
}

func (j *Journal) closeCursors() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.cursors {
		c.file.f.Close()
	}
}
