package pitot

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
)

// The wire types of protobuf.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// Field numbers that the three signals share.
const (
	fieldResource = 1 // of ResourceSpans, ResourceMetrics, ResourceLogs
	fieldScopes   = 2
	fieldScope    = 1 // of ScopeSpans, ScopeMetrics, ScopeLogs
	fieldRecords  = 2
	fieldSchema   = 3 // of both
)

func pbTag(b []byte, field int, wire uint64) []byte {
	return binary.AppendUvarint(b, uint64(field)<<3|wire)
}

// openMessage starts an embedded message and leaves room for the length, which
// is known when the message is closed: reserve is the number of bytes that the
// length probably takes. at is where the message starts.
func openMessage(b []byte, field, reserve int) (out []byte, at int) {
	b = pbTag(b, field, wireBytes)
	b = append(b, "\x00\x00\x00\x00"[:reserve]...)
	return b, len(b)
}

// closeMessage writes the length of the message that starts at at, and moves the
// message where the length takes other than the reserved number of bytes.
func closeMessage(b []byte, at, reserve int) []byte {
	size := len(b) - at
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(size))
	if n > reserve {
		b = append(b, length[:n-reserve]...) // grown by any bytes
	}
	if n != reserve {
		copy(b[at-reserve+n:], b[at:at+size])
	}
	copy(b[at-reserve:], length[:n])
	return b[:at-reserve+n+size]
}

func pbVarint(b []byte, field int, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(pbTag(b, field, wireVarint), v)
}

// pbOneVarint writes v also where it is 0: a member of a oneof is there or
// not there.
func pbOneVarint(b []byte, field int, v uint64) []byte {
	return binary.AppendUvarint(pbTag(b, field, wireVarint), v)
}

func pbCount(b []byte, field, n int) []byte {
	return pbVarint(b, field, uint64(max(n, 0)))
}

func pbSint32(b []byte, field int, v int32) []byte {
	return pbVarint(b, field, uint64(uint32(v<<1)^uint32(v>>31)))
}

func pbBool(b []byte, field int, v bool) []byte {
	if !v {
		return b
	}
	return pbVarint(b, field, 1)
}

func pbFixed64(b []byte, field int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(pbTag(b, field, wireFixed64), v)
}

func pbFixed32(b []byte, field int, v uint32) []byte {
	if v == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint32(pbTag(b, field, wireFixed32), v)
}

func pbDouble(b []byte, field int, v float64) []byte {
	return pbFixed64(b, field, math.Float64bits(v))
}

func pbBytes(b []byte, field int, v []byte) []byte {
	b = pbTag(b, field, wireBytes)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// pbText writes a string, repaired where it is not UTF-8: decoders refuse
// a whole message for one bad byte.
func pbText(b []byte, field int, s string) []byte {
	if s == "" {
		return b
	}
	return pbOneText(b, field, s)
}

func pbOneText(b []byte, field int, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	b = pbTag(b, field, wireBytes)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// lengthBytes is how many bytes the length of a message with a text of n bytes
// probably takes.
func lengthBytes(n int) int {
	switch {
	case n < 1<<7-12:
		return 1
	case n < 1<<14-16:
		return 2
	default:
		return 3
	}
}

func pbAttributes(b []byte, field int, attrs []attribute.KeyValue) []byte {
	for i := range attrs {
		b = pbKeyValue(b, field, &attrs[i], 0)
	}
	return b
}

func pbSet(b []byte, field int, set attribute.Set) []byte {
	for it := set.Iter(); it.Next(); {
		kv := it.Attribute()
		b = pbKeyValue(b, field, &kv, 0)
	}
	return b
}

func pbKeyValue(b []byte, field int, kv *attribute.KeyValue, depth int) []byte {
	n := len(kv.Key)
	if kv.Value.Type() == attribute.STRING {
		n += len(kv.Value.AsString())
	}
	reserve := lengthBytes(n)
	b, at := openMessage(b, field, reserve)
	b = pbOneText(b, 1, string(kv.Key))
	b = pbAnyValue(b, 2, kv.Value, depth)
	return closeMessage(b, at, reserve)
}

// maxSentDepth bounds the nesting of values that are sent; receivers refuse
// messages that are nested too deep.
const maxSentDepth = 16

// The members of AnyValue.
const (
	valueString = 1
	valueBool   = 2
	valueInt    = 3
	valueDouble = 4
	valueArray  = 5
	valueMap    = 6
	valueBytes  = 7
)

func pbAnyValue(b []byte, field int, v attribute.Value, depth int) []byte {
	reserve := 1
	if v.Type() == attribute.STRING {
		reserve = lengthBytes(len(v.AsString()))
	}
	b, at := openMessage(b, field, reserve)
	switch v.Type() {
	case attribute.STRING:
		b = pbOneText(b, valueString, v.AsString())
	case attribute.BOOL:
		b = pbOneVarint(b, valueBool, boolBit(v.AsBool()))
	case attribute.INT64:
		b = pbOneVarint(b, valueInt, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		b = pbDouble(b, valueDouble, v.AsFloat64())
	case attribute.BYTESLICE:
		b = pbBytes(b, valueBytes, v.AsByteSlice())
	case attribute.MAP:
		b = pbMap(b, v, depth+1)
	case attribute.EMPTY: // no member: the empty value
	default:
		b = pbArray(b, v, depth+1)
	}
	return closeMessage(b, at, reserve)
}

func pbMap(b []byte, v attribute.Value, depth int) []byte {
	b, at := openMessage(b, valueMap, 2)
	if depth < maxSentDepth {
		for _, kv := range v.AsMap() {
			b = pbKeyValue(b, 1, &kv, depth)
		}
	}
	return closeMessage(b, at, 2)
}

func pbArray(b []byte, v attribute.Value, depth int) []byte {
	b, at := openMessage(b, valueArray, 2)
	switch v.Type() {
	case attribute.STRINGSLICE:
		for _, s := range v.AsStringSlice() {
			b = pbAnyValue(b, 1, attribute.StringValue(s), depth)
		}
	case attribute.BOOLSLICE:
		for _, x := range v.AsBoolSlice() {
			b = pbAnyValue(b, 1, attribute.BoolValue(x), depth)
		}
	case attribute.INT64SLICE:
		for _, x := range v.AsInt64Slice() {
			b = pbAnyValue(b, 1, attribute.Int64Value(x), depth)
		}
	case attribute.FLOAT64SLICE:
		for _, x := range v.AsFloat64Slice() {
			b = pbAnyValue(b, 1, attribute.Float64Value(x), depth)
		}
	case attribute.SLICE:
		if depth < maxSentDepth {
			for _, x := range v.AsSlice() {
				b = pbAnyValue(b, 1, x, depth)
			}
		}
	default:
	}
	return closeMessage(b, at, 2)
}

func boolBit(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

func pbResource(b []byte, res *resource.Resource) []byte {
	b, at := openMessage(b, fieldResource, 2)
	b = pbSet(b, 1, *res.Set())
	return closeMessage(b, at, 2)
}

func pbScope(b []byte, s *instrumentation.Scope) []byte {
	b, at := openMessage(b, fieldScope, 1)
	b = pbText(b, 1, s.Name)
	b = pbText(b, 2, s.Version)
	b = pbSet(b, 3, s.Attributes)
	return closeMessage(b, at, 1)
}
