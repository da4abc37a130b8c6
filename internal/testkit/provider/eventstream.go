package provider

import (
	"encoding/binary"
	"hash/crc32"
)

// eventHeader is a header of an AWS event stream message, of type string.
type eventHeader struct{ name, value string }

// appendEvent appends one message of the AWS event stream
// (application/vnd.amazon.eventstream): two lengths and their checksum, the
// headers, the payload, and a checksum of all.
func appendEvent(dst []byte, payload []byte, headers ...eventHeader) []byte {
	start := len(dst)
	size := 0
	for _, h := range headers {
		size += 1 + len(h.name) + 1 + 2 + len(h.value)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(12+size+len(payload)+4))
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
	for _, h := range headers {
		dst = append(dst, byte(len(h.name)))
		dst = append(dst, h.name...)
		dst = append(dst, 7) // string
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.value)))
		dst = append(dst, h.value...)
	}
	dst = append(dst, payload...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}

const eventStreamType = "application/vnd.amazon.eventstream"

// bedrockEvent replaces what was appended to x.out since mark by an event with
// that payload.
func bedrockEvent(x *exchange, mark int, typ string) {
	payload := append([]byte(nil), x.out.b[mark:]...)
	x.out.b = appendEvent(x.out.b[:mark], payload,
		eventHeader{":event-type", typ},
		eventHeader{":content-type", "application/json"},
		eventHeader{":message-type", "event"})
}

func bedrockException(x *exchange, e *failure) {
	x.t.ErrorType = exceptionType(e.typ)
	mark := len(x.out.b)
	e.body(&x.out, familyBedrock, "")
	payload := append([]byte(nil), x.out.b[mark:]...)
	x.out.b = appendEvent(x.out.b[:mark], payload,
		eventHeader{":exception-type", x.t.ErrorType},
		eventHeader{":content-type", "application/json"},
		eventHeader{":message-type", "exception"})
}

// exceptionType is an exception's name inside a stream: it starts small.
func exceptionType(name string) string {
	if name == "" {
		return name
	}
	return string(name[0]|0x20) + name[1:]
}
