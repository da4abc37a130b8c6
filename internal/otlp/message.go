package otlp

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// message says of which fields of a protobuf message, by number, the contents are
// messages that attributes can be in. It is all that must be known of OTLP's
// schema to check how deep values are nested, and far cheaper than decoding.
type message struct {
	sub   [16]*message
	value bool // an AnyValue: one level of nesting
	leaf  bool // a span, a log record or a data point
}

// What decoding makes of a message, about, in bytes of memory: of each message in
// it, of each leaf (its record included), and of a byte of text.
const (
	messageCost = 150
	leafCost    = 2 << 10
	textCost    = 2
	// numberCost is for metrics: a count in a histogram has one byte on the wire and
	// eight in memory.
	numberCost = 8
)

var (
	errNoTelemetry = errors.New("nothing in it is telemetry")
	errWire        = errors.New("its bytes are not protobuf")
	errFat         = errors.New("it would take too much memory: it has too many parts")
	errNested      = fmt.Errorf("values are nested deeper than %d levels", maxNesting)
)

func anyValue() *message {
	v := &message{value: true}
	kv := &message{}
	kv.sub[2] = v
	array, list := &message{}, &message{}
	array.sub[1] = v
	list.sub[1] = kv
	v.sub[5], v.sub[6] = array, list
	return v
}

// with returns a message with the fields, given as pairs of number and message.
func with(pairs ...any) *message {
	m := &message{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.sub[pairs[i].(int)] = pairs[i+1].(*message)
	}
	return m
}

func attributes() *message { return anyValue().sub[6].sub[1] }

// requestMessage is the shape that the export requests of all signals share.
func requestMessage(leaf *message) *message {
	resource := with(1, attributes())
	scope := with(3, attributes())
	return with(1, with(1, resource, 2, with(1, scope, 2, leaf)))
}

func spanMessage() *message {
	return with(9, attributes(), 11, with(3, attributes()), 13, with(4, attributes())).asLeaf()
}

func logMessage() *message { return with(5, anyValue(), 6, attributes()).asLeaf() }

func (m *message) asLeaf() *message {
	m.leaf = true
	return m
}

func metricMessage() *message {
	exemplar := with(7, attributes())
	number := with(1, with(7, attributes(), 5, exemplar).asLeaf())
	histogram := with(1, with(9, attributes(), 8, exemplar).asLeaf())
	exponential := with(1, with(1, attributes(), 11, exemplar).asLeaf())
	summary := with(1, with(7, attributes()).asLeaf())
	return with(5, number, 7, number, 9, histogram, 10, exponential, 11, summary, 12, attributes())
}

// measure estimates what decoding a message takes in memory, besides its text. Its
// error says what keeps it from being decoded: that its bytes are not protobuf, or
// that it is nested too deep.
func (m *message) measure(b []byte) (cost int64, err error) {
	err = m.walk(b, 0, &cost)
	return cost, err
}

func (m *message) walk(b []byte, depth int, cost *int64) error {
	*cost += messageCost
	if m.leaf {
		*cost += leafCost
	}
	if m.value {
		if depth++; depth > maxNesting {
			return errNested
		}
	}
	for len(b) > 0 {
		num, typ, field, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		if typ != protowire.BytesType || num >= len(m.sub) || m.sub[num] == nil {
			continue
		}
		sub := m.sub[num]
		if sub.value && len(field) >= 2 && field[0] == 1<<3|byte(protowire.BytesType) && int(field[1]) == len(field)-2 && field[1] < 0x80 {
			*cost += messageCost // a short text, as most values are: nothing is in it
			continue
		}
		if err := sub.walk(field, depth, cost); err != nil {
			return err
		}
	}
	return nil
}

// nextField splits the first field off b. Of a field of bytes it returns the
// contents, of others the bytes of the value.
func nextField(b []byte) (num int, typ protowire.Type, field, rest []byte, err error) {
	var tag uint64
	if b[0] < 0x80 {
		tag, b = uint64(b[0]), b[1:]
	} else {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return 0, 0, nil, nil, errWire
		}
		tag, b = v, b[n:]
	}
	typ = protowire.Type(tag & 7)
	if tag>>3 == 0 || tag>>3 > uint64(protowire.MaxValidNumber) {
		return 0, 0, nil, nil, errWire
	}
	num = int(tag >> 3)
	if typ == protowire.BytesType {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 || v > uint64(len(b)-n) {
			return 0, 0, nil, nil, errWire
		}
		return num, typ, b[n : n+int(v)], b[n+int(v):], nil
	}
	n := protowire.ConsumeFieldValue(protowire.Number(num), typ, b)
	if n < 0 {
		return 0, 0, nil, nil, errWire
	}
	return num, typ, b[:n], b[n:], nil
}
