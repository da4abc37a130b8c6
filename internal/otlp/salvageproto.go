package otlp

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// The field numbers that the requests of all signals have in common.
const (
	fieldResources = 1 // of the request
	fieldResource  = 1 // of the spans, logs or metrics of one resource
	fieldScopes    = 2
	fieldScope     = 1 // of the spans, logs or metrics of one scope
	fieldLeaves    = 2
)

// salvageProto goes through a request that could not be decoded, and writes it
// again without what cannot be. kept is how many spans, log records or metrics are
// in the result. broken says that the request ends in something that is no
// protobuf, so that nobody knows what else it would have held.
func (c *codec[T]) salvageProto(body []byte) (clean []byte, rej rejects, kept int, broken error) {
	s := protoSalvage[T]{c: c}
	clean = make([]byte, 0, len(body))
	broken = eachField(body, func(num int, typ protowire.Type, field []byte) {
		if num == fieldResources && typ == protowire.BytesType {
			clean = appendBytes(clean, fieldResources, s.resource(field))
		}
	})
	if broken != nil && (s.kept > 0 || s.rej.n > 0) {
		s.rej.reject(1, "the message breaks off or is damaged: what follows the damage could not be read")
	}
	return clean, s.rej, s.kept, broken
}

type protoSalvage[T any] struct {
	c    *codec[T]
	rej  rejects
	kept int
}

// resource filters the telemetry of one resource.
func (s *protoSalvage[T]) resource(b []byte) []byte {
	out := make([]byte, 0, len(b))
	err := eachField(b, func(num int, typ protowire.Type, field []byte) {
		switch {
		case num == fieldResource && typ == protowire.BytesType:
			// The telemetry is worth more than the resource that it came from.
			if err := s.try(appendBytes(nil, fieldResources, appendBytes(nil, fieldResource, field))); err != nil {
				s.rej.say("a resource cannot be decoded and its attributes are lost: " + plainError(err))
				return
			}
			out = appendBytes(out, fieldResource, field)
		case num == fieldScopes && typ == protowire.BytesType:
			out = appendBytes(out, fieldScopes, s.scope(field))
		case num == 3 && typ == protowire.BytesType: // schema_url
			out = appendBytes(out, 3, field)
		}
	})
	s.damaged(err, "a resource's "+s.c.signal.String())
	return out
}

// scope filters the telemetry of one scope.
func (s *protoSalvage[T]) scope(b []byte) []byte {
	out := make([]byte, 0, len(b))
	err := eachField(b, func(num int, typ protowire.Type, field []byte) {
		switch {
		case num == fieldScope && typ == protowire.BytesType:
			scoped := appendBytes(nil, fieldScope, field)
			if err := s.try(appendBytes(nil, fieldResources, appendBytes(nil, fieldScopes, scoped))); err != nil {
				s.rej.say("an instrumentation scope cannot be decoded and its name is lost: " + plainError(err))
				return
			}
			out = append(out, scoped...)
		case num == fieldLeaves && typ == protowire.BytesType:
			leaf := appendBytes(nil, fieldLeaves, field)
			if err := s.try(appendBytes(nil, fieldResources, appendBytes(nil, fieldScopes, leaf))); err != nil {
				s.rej.reject(s.c.leafCount(field), s.c.describeProto(field, err))
				return
			}
			s.kept++
			out = append(out, leaf...)
		case num == 3 && typ == protowire.BytesType: // schema_url
			out = appendBytes(out, 3, field)
		}
	})
	s.damaged(err, "a scope's "+s.c.signal.String())
	return out
}

func (s *protoSalvage[T]) damaged(err error, what string) {
	if err != nil {
		s.rej.reject(1, what+" are damaged: what follows the damage could not be read")
	}
}

// try says whether a request can be decoded.
func (s *protoSalvage[T]) try(request []byte) error {
	cost, err := s.c.measureProto(request)
	if err != nil {
		return err
	}
	if cost > s.c.maxLeaf {
		return errFat
	}
	_, err = s.c.proto(request)
	return err
}

// splitProto cuts a request into requests that each take about chunkCost. What
// would take too much by itself is rejected.
func (c *codec[T]) splitProto(body []byte, rej *rejects, emit func([]byte) error) error {
	s := protoSplit[T]{c: c, rej: rej, emit: emit}
	s.each(body, fieldResources, func(resource []byte) {
		s.head[0] = head(s.head[0][:0], resource, fieldScopes)
		s.each(resource, fieldScopes, func(scope []byte) {
			s.head[1] = head(s.head[1][:0], scope, fieldLeaves)
			s.each(scope, fieldLeaves, s.leaf)
			s.endScope()
		})
	})
	s.flush()
	return s.err
}

type protoSplit[T any] struct {
	c      *codec[T]
	rej    *rejects
	emit   func([]byte) error
	err    error
	head   [2][]byte // of the resource, of the scope
	leaves []byte
	chunk  []byte
	cost   int64
}

// each calls f for the messages in a field, until something fails.
func (s *protoSplit[T]) each(b []byte, field int, f func([]byte)) {
	_ = eachField(b, func(num int, typ protowire.Type, v []byte) { // the message was found well
		if s.err == nil && num == field && typ == protowire.BytesType {
			f(v)
		}
	})
}

// head appends all fields of b but one.
func head(dst, b []byte, but int) []byte {
	for len(b) > 0 {
		num, _, _, rest, err := nextField(b)
		if err != nil { // the message was found well
			return dst
		}
		if num != but {
			dst = append(dst, b[:len(b)-len(rest)]...)
		}
		b = rest
	}
	return dst
}

func (s *protoSplit[T]) leaf(b []byte) {
	cost, err := s.c.leaf.measure(b)
	cost += s.c.textCost * int64(len(b))
	if err == nil && cost > s.c.maxLeaf {
		err = errFat
	}
	if err != nil {
		s.rej.reject(s.c.leafCount(b), s.c.describeProto(b, err))
		return
	}
	if s.cost > 0 && s.cost+cost > chunkCost {
		s.endScope()
		s.flush()
	}
	s.cost += cost
	s.leaves = appendBytes(s.leaves, fieldLeaves, b)
}

// endScope puts the leaves into the chunk.
func (s *protoSplit[T]) endScope() {
	if len(s.leaves) == 0 {
		return
	}
	scope := append(slices.Clip(s.head[1]), s.leaves...)
	resource := appendBytes(slices.Clip(s.head[0]), fieldScopes, scope)
	s.cost += int64(len(s.head[0])+len(s.head[1])) * messageCost / 8 // attributes have some ten bytes each at least
	s.chunk = appendBytes(s.chunk, fieldResources, resource)
	s.leaves = s.leaves[:0]
}

func (s *protoSplit[T]) flush() {
	if len(s.chunk) > 0 && s.err == nil {
		s.err = s.emit(s.chunk)
	}
	s.chunk, s.cost = s.chunk[:0], 0
}

// eachField calls f for the fields of a message up to the first that is broken.
func eachField(b []byte, f func(num int, typ protowire.Type, field []byte)) error {
	for len(b) > 0 {
		num, typ, field, rest, err := nextField(b)
		if err != nil {
			return err
		}
		f(num, typ, field)
		b = rest
	}
	return nil
}

func appendBytes(dst []byte, num protowire.Number, field []byte) []byte {
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	return protowire.AppendBytes(dst, field)
}

// leafCount is how many things a rejected leaf stands for: a metric stands for its
// data points, as far as they can be counted.
func (c *codec[T]) leafCount(leaf []byte) int {
	if c.signal != signalMetrics {
		return 1
	}
	n := 0
	_ = eachField(leaf, func(num int, typ protowire.Type, field []byte) { // what is broken cannot be counted
		if num >= len(c.leaf.sub) || num == 12 || c.leaf.sub[num] == nil || typ != protowire.BytesType {
			return
		}
		_ = eachField(field, func(num int, typ protowire.Type, _ []byte) {
			if num == 1 && typ == protowire.BytesType {
				n++
			}
		})
	})
	return max(n, 1)
}

// describeProto says which leaf is rejected and why.
func (c *codec[T]) describeProto(leaf []byte, err error) string {
	why := plainError(err)
	if why == errWire.Error() {
		why = "its bytes are not protobuf"
	}
	nameField, ids := 0, map[int]idField(nil)
	switch c.signal {
	case signalTraces:
		nameField = 5
		ids = map[int]idField{1: {"trace_id", 16}, 2: {"span_id", 8}, 4: {"parent_span_id", 8}}
	case signalLogs:
		ids = map[int]idField{9: {"trace_id", 16}, 10: {"span_id", 8}}
	default:
		nameField = 1
	}
	var name string
	_ = eachField(leaf, func(num int, typ protowire.Type, field []byte) { // as far as it can be read
		if num == nameField && typ == protowire.BytesType {
			name = string(field)
		}
		id, ok := ids[num]
		switch {
		case !ok:
		case typ != protowire.BytesType:
			why = fmt.Sprintf("field %d is not a %s: is this really a %s?", num, id.name, c.signal.unit())
		case len(field) != 0 && len(field) != id.size:
			why = fmt.Sprintf("its %s has %d bytes and must have %d", id.name, len(field), id.size)
		}
	})
	return c.named(name, why)
}

type idField struct {
	name string
	size int
}

func (c *codec[T]) named(name, why string) string {
	what := map[signal]string{signalTraces: "span", signalLogs: "log record", signalMetrics: "metric"}[c.signal]
	if name != "" {
		what += fmt.Sprintf(" %q", clip(name, 64))
	}
	return what + ": " + why
}
