package wire

import (
	"bytes"
	"math"
	"net/http"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxCount is the largest count that is believed.
const maxCount = 1e15

// count reads a token count: unknown where it is absent, null, negative,
// fractional or absurd.
func count(v *fastjson.Value, keys ...string) llm.Opt[int64] {
	return countOf(v.Get(keys...))
}

func countOf(v *fastjson.Value) llm.Opt[int64] {
	if v == nil || v.Type() != fastjson.TypeNumber {
		return llm.Opt[int64]{}
	}
	n, err := v.Int64()
	if err != nil {
		f, err := v.Float64()
		if err != nil || f != math.Trunc(f) || f < 0 || f > maxCount {
			return llm.Opt[int64]{}
		}
		n = int64(f)
	}
	if n < 0 || n > maxCount {
		return llm.Opt[int64]{}
	}
	return llm.Some(n)
}

// amount reads a non-negative number, of dollars or seconds; some providers
// write it as a string.
func amount(v *fastjson.Value, keys ...string) llm.Opt[float64] {
	x := v.Get(keys...)
	if x == nil {
		return llm.Opt[float64]{}
	}
	var f float64
	var err error
	switch x.Type() {
	case fastjson.TypeNumber:
		f, err = x.Float64()
	case fastjson.TypeString:
		f, err = strconv.ParseFloat(string(x.GetStringBytes()), 64)
	default:
		return llm.Opt[float64]{}
	}
	if err != nil || f < 0 || math.IsNaN(f) || f > maxCount {
		return llm.Opt[float64]{}
	}
	return llm.Some(f)
}

// str reads a string as a copy; "" where it is absent or no string.
func str(v *fastjson.Value, keys ...string) string {
	return string(v.GetStringBytes(keys...))
}

// bstr reads a string without a copy: valid until the next parse.
func bstr(v *fastjson.Value, keys ...string) []byte {
	return v.GetStringBytes(keys...)
}

// object returns the value if it is a JSON object, else nil.
func object(v *fastjson.Value, keys ...string) *fastjson.Value {
	x := v.Get(keys...)
	if x == nil || x.Type() != fastjson.TypeObject {
		return nil
	}
	return x
}

// isSet reports whether the value is there and neither null nor false.
func isSet(v *fastjson.Value) bool {
	return v != nil && v.Type() != fastjson.TypeNull && v.Type() != fastjson.TypeFalse
}

// rawJSON is a copy of a value as JSON text; nil for nil and null.
func rawJSON(v *fastjson.Value) []byte {
	if v == nil || v.Type() == fastjson.TypeNull {
		return nil
	}
	return v.MarshalTo(nil)
}

// goValue converts a small JSON value to Go's usual types.
func goValue(v *fastjson.Value) any {
	switch v.Type() {
	case fastjson.TypeString:
		return string(v.GetStringBytes())
	case fastjson.TypeNumber:
		f, err := v.Float64()
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil
		}
		return f
	case fastjson.TypeTrue:
		return true
	case fastjson.TypeFalse:
		return false
	case fastjson.TypeArray:
		vs, _ := v.Array()
		out := make([]any, 0, len(vs))
		for _, x := range vs {
			out = append(out, goValue(x))
		}
		return out
	case fastjson.TypeObject:
		o, _ := v.Object()
		out := make(map[string]any, o.Len())
		o.Visit(func(k []byte, x *fastjson.Value) { out[string(k)] = goValue(x) })
		return out
	default:
		return nil
	}
}

// headerCount reads a count from a response header.
func headerCount(h http.Header, key string) llm.Opt[int64] {
	s := h.Get(key)
	if s == "" {
		return llm.Opt[int64]{}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxCount {
		return llm.Opt[int64]{}
	}
	return llm.Some(n)
}

// addCounts adds counts of which some may be unknown; unknown if all are.
func addCounts(counts ...llm.Opt[int64]) llm.Opt[int64] {
	var sum int64
	known := false
	for _, c := range counts {
		if n, ok := c.Get(); ok {
			sum += n
			known = true
		}
	}
	if !known {
		return llm.Opt[int64]{}
	}
	return llm.Some(sum)
}

// override replaces *dst by a known value.
func override(dst *llm.Opt[int64], v llm.Opt[int64]) {
	if v.Known() {
		*dst = v
	}
}

// salvage makes a small document from an oversized one: the usage that stands
// in its last bytes, and the scalars that stand before its bulk.
func salvage(head, tail []byte) []byte {
	out := []byte{'{'}
	for _, key := range [...]string{"usage", "usageMetadata", "meta", "model", "id"} {
		quoted := []byte(`"` + key + `"`)
		raw := lastValue(tail, quoted)
		if raw == nil {
			raw = lastValue(head[:min(len(head), 1024)], quoted)
		}
		if raw == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, quoted...)
		out = append(out, ':')
		out = append(out, raw...)
	}
	return append(out, '}')
}

// lastValue returns the complete JSON value that follows the last occurrence
// of a quoted key, or nil.
func lastValue(b, quoted []byte) []byte {
	i := bytes.LastIndex(b, quoted)
	if i < 0 {
		return nil
	}
	b = bytes.TrimLeft(b[i+len(quoted):], " \t\r\n")
	if len(b) == 0 || b[0] != ':' {
		return nil
	}
	b = bytes.TrimLeft(b[1:], " \t\r\n")
	n := valueLen(b)
	if n <= 0 || fastjson.ValidateBytes(b[:n]) != nil {
		return nil
	}
	return b[:n]
}

// valueLen is the length of the JSON value that b begins with, found without
// building it: 0 where it does not end within b.
func valueLen(b []byte) int {
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		if inString {
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
				if depth == 0 {
					return i + 1
				}
			}
			continue
		}
		switch c {
		case '"':
			inString = true
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return 0
}

// topLevel calls visit for every member of the JSON object b with the raw
// value, without building it; bulk (vectors, images) is skipped, not parsed.
// It reports whether b is an object that ends.
func topLevel(b []byte, visit func(key, raw []byte)) bool {
	return members(b, func(key []byte, start, end int) { visit(key, b[start:end]) })
}

// members is topLevel with the places of the values instead of the values.
func members(b []byte, visit func(key []byte, start, end int)) bool {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	i++
	for {
		for i = skipSpace(b, i); i < len(b) && b[i] == ','; i = skipSpace(b, i+1) {
		}
		if i >= len(b) {
			return false
		}
		if b[i] == '}' {
			return true
		}
		if b[i] != '"' {
			return false
		}
		n := valueLen(b[i:])
		if n < 2 {
			return false
		}
		key := b[i+1 : i+n-1]
		if i = skipSpace(b, i+n); i >= len(b) || b[i] != ':' {
			return false
		}
		i = skipSpace(b, i+1)
		n = valueLen(b[i:])
		if n <= 0 {
			return false
		}
		visit(key, i, i+n)
		i += n
	}
}

// skipSpace is the index of the first byte from i on that is not white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}
