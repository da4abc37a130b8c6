package pitot

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// OTLP as JSON is made from OTLP as protobuf by the tables below, so that there
// is one encoder to be right. It follows the protobuf mapping for JSON, but for
// what OTLP says otherwise: ids in hex, enumerations as numbers.

// otlpKind is how a field is written, as otlpSchema names it.
type otlpKind string

const (
	otlpText    otlpKind = "text"
	otlpHex     otlpKind = "hex"    // bytes that are an id
	otlpBase64  otlpKind = "base64" // other bytes
	otlpBool    otlpKind = "bool"
	otlpNumber  otlpKind = "number" // varint or fixed32 of 32 bits, enumerations
	otlpZigzag  otlpKind = "zigzag" // sint32
	otlpSigned  otlpKind = "signed" // int64 or sfixed64, as a string
	otlpUint64  otlpKind = "uint64" // fixed64, as a string
	otlpDouble  otlpKind = "double"
	otlpUints   otlpKind = "uints"  // packed varints, uint64
	otlpFixeds  otlpKind = "fixeds" // packed fixed64
	otlpDoubles otlpKind = "doubles"
	otlpOne     otlpKind = "one" // a message
	otlpList    otlpKind = "list"
)

// otlpSchema are the messages of OTLP: after a name the fields, in the order in
// which they are written, as number, kind, name and, of messages, the type.
const otlpSchema = `
Traces: 1 list resourceSpans ResourceSpans
ResourceSpans: 1 one resource Resource, 2 list scopeSpans ScopeSpans, 3 text schemaUrl
ScopeSpans: 1 one scope Scope, 2 list spans Span, 3 text schemaUrl
Metrics: 1 list resourceMetrics ResourceMetrics
ResourceMetrics: 1 one resource Resource, 2 list scopeMetrics ScopeMetrics, 3 text schemaUrl
ScopeMetrics: 1 one scope Scope, 2 list metrics Metric, 3 text schemaUrl
Logs: 1 list resourceLogs ResourceLogs
ResourceLogs: 1 one resource Resource, 2 list scopeLogs ScopeLogs, 3 text schemaUrl
ScopeLogs: 1 one scope Scope, 2 list logRecords LogRecord, 3 text schemaUrl
Resource: 1 list attributes KeyValue
Scope: 1 text name, 2 text version, 3 list attributes KeyValue
KeyValue: 1 text key, 2 one value AnyValue
AnyValue: 1 text stringValue, 2 bool boolValue, 3 signed intValue, 4 double doubleValue, 5 one arrayValue Array, 6 one kvlistValue Map, 7 base64 bytesValue
Array: 1 list values AnyValue
Map: 1 list values KeyValue
Span: 1 hex traceId, 2 hex spanId, 3 text traceState, 4 hex parentSpanId, 16 number flags, 5 text name, 6 number kind, 7 uint64 startTimeUnixNano, 8 uint64 endTimeUnixNano, 9 list attributes KeyValue, 10 number droppedAttributesCount, 11 list events Event, 12 number droppedEventsCount, 13 list links Link, 14 number droppedLinksCount, 15 one status Status
Event: 1 uint64 timeUnixNano, 2 text name, 3 list attributes KeyValue, 4 number droppedAttributesCount
Link: 1 hex traceId, 2 hex spanId, 3 text traceState, 4 list attributes KeyValue, 5 number droppedAttributesCount, 6 number flags
Status: 2 text message, 3 number code
LogRecord: 1 uint64 timeUnixNano, 11 uint64 observedTimeUnixNano, 2 number severityNumber, 3 text severityText, 5 one body AnyValue, 6 list attributes KeyValue, 7 number droppedAttributesCount, 8 number flags, 9 hex traceId, 10 hex spanId, 12 text eventName
Metric: 1 text name, 2 text description, 3 text unit, 5 one gauge Points, 7 one sum Sum, 9 one histogram Histograms, 10 one exponentialHistogram Exponentials, 11 one summary Summaries
Points: 1 list dataPoints Point
Sum: 1 list dataPoints Point, 2 number aggregationTemporality, 3 bool isMonotonic
Histograms: 1 list dataPoints Histogram, 2 number aggregationTemporality
Exponentials: 1 list dataPoints Exponential, 2 number aggregationTemporality
Summaries: 1 list dataPoints Summary
Point: 7 list attributes KeyValue, 2 uint64 startTimeUnixNano, 3 uint64 timeUnixNano, 4 double asDouble, 6 signed asInt, 5 list exemplars Exemplar
Histogram: 9 list attributes KeyValue, 2 uint64 startTimeUnixNano, 3 uint64 timeUnixNano, 4 uint64 count, 5 double sum, 6 fixeds bucketCounts, 7 doubles explicitBounds, 8 list exemplars Exemplar, 11 double min, 12 double max
Exponential: 1 list attributes KeyValue, 2 uint64 startTimeUnixNano, 3 uint64 timeUnixNano, 4 uint64 count, 5 double sum, 6 zigzag scale, 7 uint64 zeroCount, 8 one positive Buckets, 9 one negative Buckets, 11 list exemplars Exemplar, 12 double min, 13 double max, 14 double zeroThreshold
Buckets: 1 zigzag offset, 2 uints bucketCounts
Summary: 7 list attributes KeyValue, 2 uint64 startTimeUnixNano, 3 uint64 timeUnixNano, 4 uint64 count, 5 double sum, 6 list quantileValues Quantile
Quantile: 1 double quantile, 2 double value
Exemplar: 7 list filteredAttributes KeyValue, 2 uint64 timeUnixNano, 3 double asDouble, 6 signed asInt, 4 hex spanId, 5 hex traceId
`

type otlpField struct {
	num     int
	name    string
	kind    otlpKind
	message *otlpShape
}

// otlpShape is a message's fields in the order in which they are written.
type otlpShape struct{ fields []otlpField }

// otlpShapes are the shapes of the three requests.
type otlpShapes struct{ traces, metrics, logs *otlpShape }

// newOTLPShapes reads otlpSchema.
func newOTLPShapes() *otlpShapes {
	messages := map[string]*otlpShape{}
	message := func(name string) *otlpShape {
		if messages[name] == nil {
			messages[name] = &otlpShape{}
		}
		return messages[name]
	}
	for line := range strings.SplitSeq(strings.TrimSpace(otlpSchema), "\n") {
		name, fields, _ := strings.Cut(line, ": ")
		m := message(name)
		for field := range strings.SplitSeq(fields, ", ") {
			words := strings.Fields(field)
			f := otlpField{kind: otlpKind(words[1]), name: words[2]}
			f.num, _ = strconv.Atoi(words[0]) // a test reads every field
			if len(words) > 3 {
				f.message = message(words[3])
			}
			m.fields = append(m.fields, f)
		}
	}
	return &otlpShapes{traces: messages["Traces"], metrics: messages["Metrics"], logs: messages["Logs"]}
}

var errWire = errors.New("not a message")

// wireField is one field of a message in protobuf.
type wireField struct {
	num, wire int
	n         uint64 // of varint, fixed32, fixed64
	b         []byte // of bytes
}

// nextField reads the first field of b.
func nextField(b []byte) (f wireField, rest []byte, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return f, nil, errWire
	}
	b = b[n:]
	f.num, f.wire = int(tag>>3), int(tag&7)
	switch f.wire {
	case wireVarint:
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return f, nil, errWire
		}
		f.n, b = v, b[n:]
	case wireFixed64:
		if len(b) < 8 {
			return f, nil, errWire
		}
		f.n, b = binary.LittleEndian.Uint64(b), b[8:]
	case wireFixed32:
		if len(b) < 4 {
			return f, nil, errWire
		}
		f.n, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
	case wireBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return f, nil, errWire
		}
		b = b[n:]
		f.b, b = b[:size], b[size:]
	default:
		return f, nil, errWire
	}
	return f, b, nil
}

// appendOTLPJSON appends the message msg as JSON.
func appendOTLPJSON(out []byte, shape *otlpShape, msg []byte) ([]byte, error) {
	found := make([][]wireField, len(shape.fields))
	for len(msg) > 0 {
		f, rest, err := nextField(msg)
		if err != nil {
			return out, err
		}
		msg = rest
		for i := range shape.fields {
			if shape.fields[i].num == f.num {
				found[i] = append(found[i], f)
			}
		}
	}
	out = append(out, '{')
	first := true
	for i := range shape.fields {
		field := &shape.fields[i]
		if len(found[i]) == 0 {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, '"')
		out = append(out, field.name...)
		out = append(out, '"', ':')
		var err error
		if field.kind != otlpList {
			out, err = appendOTLPJSONValue(out, field, found[i][len(found[i])-1])
		} else {
			out, err = appendOTLPJSONList(out, field, found[i])
		}
		if err != nil {
			return out, err
		}
	}
	return append(out, '}'), nil
}

func appendOTLPJSONList(out []byte, field *otlpField, values []wireField) ([]byte, error) {
	out = append(out, '[')
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendOTLPJSONValue(out, field, v); err != nil {
			return out, err
		}
	}
	return append(out, ']'), nil
}

func appendOTLPJSONValue(out []byte, field *otlpField, v wireField) ([]byte, error) {
	switch field.kind {
	case otlpOne, otlpList:
		return appendOTLPJSON(out, field.message, v.b)
	case otlpText:
		return appendOTLPJSONText(out, string(v.b)), nil
	case otlpHex:
		return otlpQuoted(out, func(b []byte) []byte { return hex.AppendEncode(b, v.b) }), nil
	case otlpBase64:
		return otlpQuoted(out, func(b []byte) []byte { return base64.StdEncoding.AppendEncode(b, v.b) }), nil
	case otlpBool:
		return strconv.AppendBool(out, v.n != 0), nil
	case otlpNumber:
		return strconv.AppendUint(out, v.n, 10), nil
	case otlpZigzag:
		return strconv.AppendInt(out, int64(int32(uint32(v.n)>>1)^-int32(uint32(v.n)&1)), 10), nil
	case otlpSigned:
		return otlpQuoted(out, func(b []byte) []byte { return strconv.AppendInt(b, int64(v.n), 10) }), nil
	case otlpUint64:
		return otlpQuoted(out, func(b []byte) []byte { return strconv.AppendUint(b, v.n, 10) }), nil
	case otlpDouble:
		return appendOTLPJSONDouble(out, math.Float64frombits(v.n)), nil
	case otlpUints, otlpFixeds, otlpDoubles:
		return appendOTLPJSONPacked(out, field.kind, v.b)
	}
	return out, errWire
}

func otlpQuoted(out []byte, write func([]byte) []byte) []byte {
	return append(write(append(out, '"')), '"')
}

func appendOTLPJSONPacked(out []byte, kind otlpKind, b []byte) ([]byte, error) {
	out = append(out, '[')
	for first := true; len(b) > 0; first = false {
		if !first {
			out = append(out, ',')
		}
		var v uint64
		if kind == otlpUints {
			x, n := binary.Uvarint(b)
			if n <= 0 {
				return out, errWire
			}
			v, b = x, b[n:]
		} else {
			if len(b) < 8 {
				return out, errWire
			}
			v, b = binary.LittleEndian.Uint64(b), b[8:]
		}
		if kind == otlpDoubles {
			out = appendOTLPJSONDouble(out, math.Float64frombits(v))
		} else {
			out = otlpQuoted(out, func(b []byte) []byte { return strconv.AppendUint(b, v, 10) })
		}
	}
	return append(out, ']'), nil
}

func appendOTLPJSONDouble(out []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(out, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(out, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(out, `"-Infinity"`...)
	}
	return strconv.AppendFloat(out, v, 'g', -1, 64)
}

func appendOTLPJSONText(out []byte, s string) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				out = append(out, s[start:i]...)
				out = append(out, "\uFFFD"...)
				i++
				start = i
				continue
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		out = append(out, s[start:i]...)
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		start = i
	}
	out = append(out, s[start:]...)
	return append(out, '"')
}
