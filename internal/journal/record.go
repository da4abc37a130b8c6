package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

const (
	// pageSize is wlog's page; it does not export it.
	pageSize = 32 << 10
	// fragmentHeader is what wlog puts before every fragment of a record.
	fragmentHeader = 7

	formatVersion = 1
	magic         = "PITOTJNL"

	typeHeader = 0x00
	typeData   = 0x01

	headerSize = 1 + len(magic) + 1
	prefixSize = 1 + 8 + 8
)

// castagnoli is the checksum of wlog's fragments and of cursor files.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errNewerFormat stops Open: a newer Pitot wrote this journal, and what it
// holds must not be thrown away.
var errNewerFormat = errors.New("was written by a newer version of pitot: run that version, or move the journal away")

// Position is a place in the journal: behind the record with number Seq, which
// ends at Offset in Segment. The zero Position is before the first record.
type Position struct {
	Segment int
	Offset  int64
	Seq     uint64
}

// Record is a record as a Cursor reads it.
type Record struct {
	Pos  Position  // behind this record: commit it to say that it was consumed
	Time time.Time // of the append
	Data []byte
}

// appendHeader appends the record that opens a segment.
func appendHeader(dst []byte) []byte {
	dst = append(dst, typeHeader)
	dst = append(dst, magic...)
	return append(dst, formatVersion)
}

// appendData appends a data record.
func appendData(dst []byte, seq uint64, unixNano int64, payload []byte) []byte {
	dst = append(dst, typeData)
	dst = binary.BigEndian.AppendUint64(dst, seq)
	dst = binary.BigEndian.AppendUint64(dst, uint64(unixNano))
	return append(dst, payload...)
}

// decoded is a wlog record taken apart.
type decoded struct {
	header   bool
	seq      uint64
	unixNano int64
	payload  []byte // aliases the input
}

// decodeRecord takes a wlog record apart.
func decodeRecord(b []byte) (decoded, error) {
	if len(b) == 0 {
		return decoded{}, errors.New("empty record")
	}
	switch b[0] {
	case typeHeader:
		if len(b) < headerSize || string(b[1:1+len(magic)]) != magic {
			return decoded{}, errors.New("not a segment of a journal")
		}
		if v := b[1+len(magic)]; v != formatVersion {
			return decoded{}, fmt.Errorf("format %d: %w", v, errNewerFormat)
		}
		return decoded{header: true}, nil
	case typeData:
		if len(b) < prefixSize {
			return decoded{}, errors.New("record cut short")
		}
		seq := binary.BigEndian.Uint64(b[1:])
		if seq == 0 {
			return decoded{}, errors.New("record without number")
		}
		return decoded{seq: seq, unixNano: int64(binary.BigEndian.Uint64(b[9:])), payload: b[prefixSize:]}, nil
	default:
		return decoded{}, fmt.Errorf("record of unknown type %d", b[0])
	}
}

// encodedSize is at most what a payload of n bytes takes in a segment.
func encodedSize(n int) int64 {
	n += prefixSize
	fragments := n/(pageSize-fragmentHeader) + 2
	// A page that ends within a fragment header's size of its end is padded.
	return int64(n + fragments*fragmentHeader + fragmentHeader)
}
