package wire

import (
	"encoding/binary"
	"hash/crc32"
	"strconv"
)

// awsFramer splits Amazon's event stream encoding (vnd.amazon.eventstream):
//
//	uint32 total length | uint32 headers length | uint32 CRC of these 8 bytes
//	headers | payload | uint32 CRC of all before
//
// A wrong checksum means that lengths cannot be trusted: nothing after it is.
type awsFramer struct {
	emit      func(frame)
	oversized func()
	corrupt   func()
	buf       []byte
	skip      int // bytes of an oversized message still to pass over
	bad       bool
	headers   map[string]string
}

const (
	awsPrelude = 12
	awsTrailer = 4
)

func (a *awsFramer) write(p []byte) {
	if a.bad {
		return
	}
	if a.skip > 0 {
		n := min(a.skip, len(p))
		a.skip -= n
		p = p[n:]
	}
	if len(a.buf) > 0 {
		a.buf = append(a.buf, p...)
		rest := a.take(a.buf)
		n := copy(a.buf, rest)
		a.buf = a.buf[:n]
		return
	}
	a.buf = append(a.buf, a.take(p)...)
}

// take emits the complete messages of b and returns what is left.
func (a *awsFramer) take(b []byte) []byte {
	for len(b) >= awsPrelude {
		total := int(binary.BigEndian.Uint32(b))
		hlen := int(binary.BigEndian.Uint32(b[4:]))
		if crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]) ||
			total < awsPrelude+awsTrailer || hlen > total-awsPrelude-awsTrailer {
			a.fail()
			return nil
		}
		if total > maxFrame {
			a.oversized()
			if total > len(b) {
				a.skip = total - len(b)
				return nil
			}
			b = b[total:]
			continue
		}
		if len(b) < total {
			return b
		}
		msg := b[:total]
		if crc32.ChecksumIEEE(msg[:total-awsTrailer]) != binary.BigEndian.Uint32(msg[total-awsTrailer:]) {
			a.fail()
			return nil
		}
		if !a.readHeaders(msg[awsPrelude : awsPrelude+hlen]) {
			a.fail()
			return nil
		}
		event := a.headers[":event-type"]
		if event == "" {
			event = a.headers[":exception-type"]
		}
		a.emit(frame{event: event, data: msg[awsPrelude+hlen : total-awsTrailer], headers: a.headers})
		b = b[total:]
	}
	return b
}

func (a *awsFramer) fail() {
	a.bad = true
	a.buf = nil
	a.corrupt()
}

// readHeaders decodes name (1-byte length), type, value.
func (a *awsFramer) readHeaders(b []byte) bool {
	if a.headers == nil {
		a.headers = make(map[string]string, 4)
	}
	clear(a.headers)
	for len(b) > 0 {
		n := int(b[0])
		if len(b) < 1+n+1 {
			return false
		}
		name := b[1 : 1+n]
		typ := b[1+n]
		b = b[2+n:]
		value, rest, ok := awsValue(typ, b)
		if !ok {
			return false
		}
		a.headers[string(name)] = value
		b = rest
	}
	return true
}

// awsSizes are the sizes of header values by type: bool true and false, byte,
// short, integer, long; -1 for those with a length before them; timestamp, uuid.
var awsSizes = [...]int{0, 0, 1, 2, 4, 8, -1, -1, 8, 16}

func awsValue(typ byte, b []byte) (value string, rest []byte, ok bool) {
	if int(typ) >= len(awsSizes) {
		return "", nil, false
	}
	n := awsSizes[typ]
	if n < 0 {
		if len(b) < 2 {
			return "", nil, false
		}
		n = int(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) < n {
		return "", nil, false
	}
	v, rest := b[:n], b[n:]
	switch typ {
	case 0:
		value = "true"
	case 1:
		value = "false"
	case 2, 3, 4, 5, 8:
		var x int64
		for _, c := range v {
			x = x<<8 | int64(c)
		}
		value = strconv.FormatInt(x, 10)
	default:
		value = string(v)
	}
	return value, rest, true
}

func (a *awsFramer) close() {}
