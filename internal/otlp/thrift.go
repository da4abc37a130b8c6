package otlp

import (
	"encoding/binary"
	"errors"
	"math"
)

// thrift reads Thrift's binary and compact encodings. The first error stays, and
// everything after it reads as nothing.
type thrift struct {
	b       []byte
	compact bool
	err     error
	depth   int
	begun   int  // structs, so far
	flag    bool // compact: the value of the boolean field that was just begun
	inField bool // compact: that value is in the field's head
}

// Types, as the binary encoding numbers them.
const (
	thriftStop   = 0
	thriftBool   = 2
	thriftByte   = 3
	thriftDouble = 4
	thriftI16    = 6
	thriftI32    = 8
	thriftI64    = 10
	thriftString = 11
	thriftStruct = 12
	thriftMap    = 13
	thriftSet    = 14
	thriftList   = 15
	thriftUUID   = 16
)

// compactTypes translates the compact encoding's numbers of types.
var compactTypes = [...]byte{
	thriftStop, thriftBool, thriftBool, thriftByte, thriftI16, thriftI32, thriftI64, thriftDouble,
	thriftString, thriftList, thriftSet, thriftMap, thriftStruct, thriftUUID,
}

var (
	errThriftEnd   = errors.New("it ends early")
	errThriftType  = errors.New("it has a type that there is not")
	errThriftSize  = errors.New("it announces more than it holds")
	errThriftDepth = errors.New("it is nested too deep")
)

// newThrift tells the encodings apart by the head of the first field: the binary
// one has a type of two to sixteen and the upper byte of the field's number, which
// is zero.
func newThrift(b []byte) *thrift {
	compact := len(b) >= 2 && b[1] != 0 || len(b) > 0 && b[0] > thriftUUID
	return &thrift{b: b, compact: compact}
}

func (t *thrift) fail(err error) {
	if t.err == nil {
		t.err = err
	}
	t.b = nil
}

// next takes n bytes.
func (t *thrift) next(n int) []byte {
	if n > len(t.b) {
		t.fail(errThriftEnd)
		return nil
	}
	v := t.b[:n]
	t.b = t.b[n:]
	return v
}

func (t *thrift) byte() byte {
	if v := t.next(1); v != nil {
		return v[0]
	}
	return 0
}

func (t *thrift) varint() uint64 {
	v, n := binary.Uvarint(t.b)
	if n <= 0 {
		t.fail(errThriftEnd)
		return 0
	}
	t.b = t.b[n:]
	return v
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// structure calls f for the fields of a struct; f must read or skip each.
func (t *thrift) structure(f func(id int16, typ byte)) {
	if t.depth++; t.depth > maxNesting {
		t.fail(errThriftDepth)
	}
	t.begun++
	var last int16
	for t.err == nil {
		var id int16
		head := t.byte()
		if t.err != nil || head == thriftStop {
			break
		}
		typ := head
		if t.compact {
			if int(head&15) >= len(compactTypes) {
				t.fail(errThriftType)
				break
			}
			typ = compactTypes[head&15]
			t.inField, t.flag = typ == thriftBool, head&15 == 1
			if delta := int16(head >> 4); delta != 0 {
				id = last + delta
			} else {
				id = int16(unzigzag(t.varint()))
			}
		} else if v := t.next(2); v != nil {
			id = int16(binary.BigEndian.Uint16(v))
		}
		last = id
		if t.err == nil {
			f(id, typ)
		}
	}
	t.depth--
}

// structs begins a list of structs and returns its length; elements of another
// type are skipped, and the length is 0.
func (t *thrift) structs() int {
	typ, n := t.listHead()
	if n == 0 || typ == thriftStruct {
		return n
	}
	for range n {
		t.skip(typ)
		if t.err != nil {
			break
		}
	}
	return 0
}

func (t *thrift) listHead() (typ byte, n int) {
	head := t.byte()
	size := uint64(0)
	typ = head
	if t.compact {
		if int(head&15) >= len(compactTypes) {
			t.fail(errThriftType)
			return 0, 0
		}
		typ = compactTypes[head&15]
		if size = uint64(head >> 4); size == 15 {
			size = t.varint()
		}
	} else if v := t.next(4); v != nil {
		size = uint64(binary.BigEndian.Uint32(v))
	}
	// Each element takes a byte at least: more cannot be there.
	if size > uint64(len(t.b)) {
		t.fail(errThriftSize)
		return 0, 0
	}
	t.inField = false
	return typ, int(size)
}

func (t *thrift) i32() int32 {
	if t.compact {
		return int32(unzigzag(t.varint()))
	}
	if v := t.next(4); v != nil {
		return int32(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (t *thrift) i64() int64 {
	if t.compact {
		return unzigzag(t.varint())
	}
	if v := t.next(8); v != nil {
		return int64(binary.BigEndian.Uint64(v))
	}
	return 0
}

func (t *thrift) double() float64 {
	v := t.next(8)
	switch {
	case v == nil:
		return 0
	case t.compact:
		return math.Float64frombits(binary.LittleEndian.Uint64(v))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(v))
}

func (t *thrift) boolean() bool {
	if t.compact && t.inField {
		t.inField = false
		return t.flag
	}
	return t.byte() == 1
}

// bytes returns a copy of a text or binary value.
func (t *thrift) bytes() []byte { return append([]byte(nil), t.raw()...) }

func (t *thrift) str() string { return string(t.raw()) }

func (t *thrift) raw() []byte {
	var n uint64
	if t.compact {
		n = t.varint()
	} else if v := t.next(4); v != nil {
		n = uint64(binary.BigEndian.Uint32(v))
	}
	if n > uint64(len(t.b)) {
		t.fail(errThriftSize)
		return nil
	}
	return t.next(int(n))
}

// skip reads over a value.
func (t *thrift) skip(typ byte) {
	switch typ {
	case thriftBool:
		t.boolean()
	case thriftByte:
		t.byte()
	case thriftDouble:
		t.next(8)
	case thriftI16:
		if t.compact {
			t.varint()
		} else {
			t.next(2)
		}
	case thriftI32:
		t.i32()
	case thriftI64:
		t.i64()
	case thriftString:
		t.raw()
	case thriftUUID:
		t.next(16)
	case thriftStruct:
		t.structure(func(_ int16, typ byte) { t.skip(typ) })
	case thriftList, thriftSet:
		t.nested(func() {
			elem, n := t.listHead()
			for range n {
				t.skip(elem)
				if t.err != nil {
					return
				}
			}
		})
	case thriftMap:
		t.nested(t.skipMap)
	default:
		t.fail(errThriftType)
	}
}

func (t *thrift) skipMap() {
	var key, value byte
	var n uint64
	if t.compact {
		if n = t.varint(); n > 0 {
			types := t.byte()
			if int(types>>4) >= len(compactTypes) || int(types&15) >= len(compactTypes) {
				t.fail(errThriftType)
				return
			}
			key, value = compactTypes[types>>4], compactTypes[types&15]
		}
	} else if v := t.next(6); v != nil {
		key, value, n = v[0], v[1], uint64(binary.BigEndian.Uint32(v[2:]))
	}
	if n > uint64(len(t.b)) {
		t.fail(errThriftSize)
		return
	}
	t.inField = false
	for range n {
		t.skip(key)
		t.skip(value)
		if t.err != nil {
			return
		}
	}
}

// nested bounds how deep containers are in each other.
func (t *thrift) nested(f func()) {
	if t.depth++; t.depth > maxNesting {
		t.fail(errThriftDepth)
	} else {
		f()
	}
	t.depth--
}
