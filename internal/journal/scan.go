package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// scanResult is what a scan of a segment's bytes found.
type scanResult struct {
	goodEnd int64 // behind the last record before the first damage
	damage  error // the first one
	resync  int   // data records found behind the damage; 0 with damage is a torn tail
	header  bool  // a header was seen
	newer   error // set when the segment's format is newer than ours
}

// The types of wlog's fragments, and the bits that hold them.
const (
	fragmentPad    = 0
	fragmentFull   = 1
	fragmentFirst  = 2
	fragmentMiddle = 3
	fragmentLast   = 4
	fragmentType   = 0x07
)

// scan walks over the records of a segment and calls visit for every data
// record that is whole, with the offset behind it. wlog's own Reader stops at
// the first damage; scan goes on with the next page, at the first record that
// starts there: a flipped bit costs the rest of its page and the records that
// reach into that. The payloads that visit gets are valid during the call.
func scan(data []byte, visit func(d decoded, end int64)) scanResult {
	var res scanResult
	s := scanner{res: &res, visit: visit}
	for off := 0; off < len(data) && res.newer == nil; {
		page := data[off:min((off/pageSize+1)*pageSize, len(data))]
		n, err := s.fragment(page, int64(off))
		if err != nil {
			s.damage(err)
			off = (off/pageSize + 1) * pageSize
			continue
		}
		off += n
	}
	if s.open {
		s.damage(errors.New("last record is cut short"))
	}
	return res
}

type scanner struct {
	res     *scanResult
	visit   func(d decoded, end int64)
	partial []byte
	open    bool // partial is the start of a record
}

func (s *scanner) damage(err error) {
	s.open = false
	if s.res.damage == nil {
		s.res.damage = err
	}
}

// fragment takes the fragment at the start of page, the rest of a page, and
// returns its length. An error says that the page cannot be followed further.
func (s *scanner) fragment(page []byte, off int64) (int, error) {
	typ := page[0] & fragmentType
	if page[0] == fragmentPad {
		for _, b := range page {
			if b != 0 {
				return 0, errors.New("unexpected byte in the padding of a page")
			}
		}
		return len(page), nil
	}
	if page[0] != typ || typ > fragmentLast {
		return 0, fmt.Errorf("unexpected fragment type %#x", page[0])
	}
	if len(page) < fragmentHeader {
		return 0, errors.New("fragment header is cut short")
	}
	n := fragmentHeader + int(binary.BigEndian.Uint16(page[1:]))
	if n > len(page) {
		return 0, errors.New("fragment is cut short")
	}
	part := page[fragmentHeader:n]
	if crc32.Checksum(part, castagnoli) != binary.BigEndian.Uint32(page[3:]) {
		return 0, errors.New("checksum does not match")
	}
	starts := typ == fragmentFull || typ == fragmentFirst
	if starts == s.open {
		s.damage(errors.New("fragments do not follow each other"))
		if !starts {
			return n, nil // of a record whose start is lost
		}
	}
	if starts {
		s.partial = s.partial[:0]
	}
	s.partial = append(s.partial, part...)
	s.open = typ == fragmentFirst || typ == fragmentMiddle
	if !s.open {
		s.record(off + int64(n))
	}
	return n, nil
}

// record takes the record that partial now is.
func (s *scanner) record(end int64) {
	d, err := decodeRecord(s.partial)
	switch {
	case errors.Is(err, errNewerFormat):
		s.res.newer = err
		return
	case err != nil:
		s.damage(err)
		return
	case s.res.damage == nil:
		s.res.goodEnd = end
	}
	if d.header {
		s.res.header = true
		return
	}
	if s.res.damage != nil {
		s.res.resync++
	}
	s.visit(d, end)
}

// readInto reads a whole file, reusing buf.
func readInto(name string, buf []byte) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if int64(cap(buf)) < st.Size() {
		buf = make([]byte, st.Size())
	}
	buf = buf[:st.Size()]
	if _, err := io.ReadFull(f, buf); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return buf, nil
}
