package otlp

import (
	"encoding/json"
	"fmt"
)

// salvageJSON is salvageProto for JSON. Its error says that the message is not
// even JSON of the right outline.
func (c *codec[T]) salvageJSON(body []byte) (clean []byte, rej rejects, kept int, err error) {
	if _, err := shapeOf(body, 0); err != nil {
		return nil, rej, 0, err
	}
	s := jsonSalvage[T]{c: c}
	clean = append(make([]byte, 0, len(body)), `{"`+c.rootKeys[0]+`":[`...)
	err = eachMember(body, func(key string, value []byte) error {
		if !oneOf(key, c.rootKeys) || isNull(value) {
			return nil
		}
		return s.list(value, "a resource", func(v []byte) {
			clean = s.resource(comma(clean), v)
		})
	})
	return append(clean, "]}"...), s.rej, s.kept, err
}

type jsonSalvage[T any] struct {
	c    *codec[T]
	rej  rejects
	kept int
}

// list calls f for the elements of an array that are objects.
func (s *jsonSalvage[T]) list(array []byte, what string, f func(v []byte)) error {
	return eachElement(array, func(v []byte) error {
		if v[0] != '{' {
			s.rej.reject(1, what+" is not an object")
			return nil
		}
		f(v)
		return nil
	})
}

// resource appends the telemetry of one resource, filtered.
func (s *jsonSalvage[T]) resource(dst, b []byte) []byte {
	return s.filter(dst, b, s.c.scopeKeys, "a resource", func(member []byte) []byte {
		return []byte(`{"` + s.c.rootKeys[0] + `":[{` + string(member) + `}]}`)
	}, s.scope)
}

// scope appends the telemetry of one scope, filtered.
func (s *jsonSalvage[T]) scope(dst, b []byte) []byte {
	return s.filter(dst, b, s.c.leafKeys, "an instrumentation scope", func(member []byte) []byte {
		return []byte(`{"` + s.c.rootKeys[0] + `":[{"` + s.c.scopeKeys[0] + `":[{` + string(member) + `}]}]}`)
	}, s.leaf)
}

// filter appends the object b: the elements of its list filtered by each, and of
// its other members those that can be decoded when wrapped.
func (s *jsonSalvage[T]) filter(dst, b []byte, listKeys [2]string, what string, wrap func([]byte) []byte, each func(dst, v []byte) []byte) []byte {
	dst = append(dst, '{')
	err := eachMember(b, func(key string, value []byte) error {
		if oneOf(key, listKeys) {
			if isNull(value) {
				return nil
			}
			dst = append(comma(dst), `"`+listKeys[0]+`":[`...)
			err := s.list(value, what+"'s entry", func(v []byte) { dst = each(comma(dst), v) })
			dst = append(dst, ']')
			return err
		}
		member, err := json.Marshal(key)
		if err != nil {
			return err
		}
		member = append(append(member, ':'), value...)
		if err := s.try(wrap(member)); err != nil {
			s.rej.say(fmt.Sprintf("%q of %s cannot be decoded and is lost: %s", clip(key, 40), what, plainError(err)))
			return nil
		}
		dst = append(comma(dst), member...)
		return nil
	})
	if err != nil {
		s.rej.reject(1, what+": "+plainError(err))
	}
	return append(dst, '}')
}

// leaf appends a span, log record or metric, if it can be decoded.
func (s *jsonSalvage[T]) leaf(dst, b []byte) []byte {
	err := s.try([]byte(`{"` + s.c.rootKeys[0] + `":[{"` + s.c.scopeKeys[0] + `":[{"` + s.c.leafKeys[0] + `":[` + string(b) + `]}]}]}`))
	if err == nil {
		s.kept++
		return append(dst, b...)
	}
	s.rej.reject(1, s.c.describeJSON(b, err))
	if n := len(dst) - 1; dst[n] == ',' {
		dst = dst[:n]
	}
	return dst
}

func (s *jsonSalvage[T]) try(request []byte) error {
	cost, err := s.c.measureJSON(request)
	if err != nil {
		return err
	}
	if cost > s.c.maxLeaf {
		return errFat
	}
	_, err = s.c.json(request)
	return err
}

// describeJSON says which leaf is rejected and why.
func (c *codec[T]) describeJSON(leaf []byte, err error) string {
	why := plainError(err)
	ids := map[string]idField{
		"traceId": {"traceId", 32}, "trace_id": {"trace_id", 32}, "spanId": {"spanId", 16}, "span_id": {"span_id", 16},
		"parentSpanId": {"parentSpanId", 16}, "parent_span_id": {"parent_span_id", 16},
	}
	var name string
	_ = eachMember(leaf, func(key string, value []byte) error { // as far as it can be read
		var text string
		if len(value) > 1<<10 || json.Unmarshal(value, &text) != nil {
			return nil
		}
		if key == "name" {
			name = text
		}
		if id, ok := ids[key]; ok && text != "" && len(text) != id.size {
			why = fmt.Sprintf("its %s has %d characters and must have %d hexadecimal digits", id.name, len(text), id.size)
		}
		return nil
	})
	return c.named(name, why)
}

// emptyJSON says whether a message without telemetry is one on purpose: an empty
// object, or one with an empty list.
func (c *codec[T]) emptyJSON(body []byte) bool {
	members, known := 0, false
	err := eachMember(body, func(key string, _ []byte) error {
		members++
		known = known || oneOf(key, c.rootKeys)
		return nil
	})
	return err == nil && (members == 0 || known)
}

// splitJSON is splitProto for JSON.
func (c *codec[T]) splitJSON(body []byte, rej *rejects, emit func([]byte) error) error {
	s := jsonSplit[T]{c: c, rej: rej, emit: emit}
	err := eachMember(body, func(key string, value []byte) error {
		if !oneOf(key, c.rootKeys) || isNull(value) {
			return nil
		}
		return eachElement(value, func(resource []byte) error {
			return s.object(&s.head[0], resource, c.scopeKeys, func(scope []byte) error {
				if err := s.object(&s.head[1], scope, c.leafKeys, s.leaf); err != nil {
					return err
				}
				s.endScope()
				return nil
			})
		})
	})
	if err != nil {
		return err
	}
	return s.flush()
}

type jsonSplit[T any] struct {
	c      *codec[T]
	rej    *rejects
	emit   func([]byte) error
	head   [2][]byte // members of the resource, of the scope
	leaves []byte
	chunk  []byte
	cost   int64
}

// object puts the members of b into head, but for a list, whose elements go to f.
func (s *jsonSplit[T]) object(head *[]byte, b []byte, listKeys [2]string, f func([]byte) error) error {
	var lists [][]byte
	*head = (*head)[:0]
	err := eachMember(b, func(key string, value []byte) error {
		if oneOf(key, listKeys) {
			if !isNull(value) {
				lists = append(lists, value)
			}
			return nil
		}
		name, err := json.Marshal(key)
		if err != nil {
			return err
		}
		*head = append(append(append(*head, name...), ':'), value...)
		*head = append(*head, ',')
		return nil
	})
	if err != nil {
		s.rej.reject(1, "an entry: "+err.Error())
		return nil
	}
	for _, list := range lists {
		if err := eachElement(list, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *jsonSplit[T]) leaf(b []byte) error {
	cost, err := s.c.measureDepth(b, 1)
	if err == nil && cost > s.c.maxLeaf {
		err = errFat
	}
	if err != nil {
		s.rej.reject(1, s.c.describeJSON(b, err))
		return nil
	}
	if s.cost > 0 && s.cost+cost > chunkCost {
		s.endScope()
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.cost += cost
	if len(s.leaves) > 0 {
		s.leaves = append(s.leaves, ',')
	}
	s.leaves = append(s.leaves, b...)
	return nil
}

// endScope puts the leaves into the chunk.
func (s *jsonSplit[T]) endScope() {
	if len(s.leaves) == 0 {
		return
	}
	if len(s.chunk) == 0 {
		s.chunk = append(s.chunk, `{"`+s.c.rootKeys[0]+`":[`...)
	} else {
		s.chunk = append(s.chunk, ',')
	}
	s.chunk = append(append(s.chunk, '{'), s.head[0]...)
	s.chunk = append(append(s.chunk, `"`+s.c.scopeKeys[0]+`":[{`...), s.head[1]...)
	s.chunk = append(append(s.chunk, `"`+s.c.leafKeys[0]+`":[`...), s.leaves...)
	s.chunk = append(s.chunk, `]}]}`...)
	s.cost += int64(len(s.head[0])+len(s.head[1])) * textCost * 4
	s.leaves = s.leaves[:0]
}

func (s *jsonSplit[T]) flush() error {
	if len(s.chunk) == 0 {
		return nil
	}
	err := s.emit(append(s.chunk, `]}`...))
	s.chunk, s.cost = s.chunk[:0], 0
	return err
}
