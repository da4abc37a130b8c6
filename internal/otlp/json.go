package otlp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxJSONDepth is how deep brackets may be nested in a JSON message. Around
// attribute values there are at most 16; each level of values takes three.
const maxJSONDepth = 16 + 3*maxNesting

func oneOf(key string, keys [2]string) bool { return key == keys[0] || key == keys[1] }

func isNull(v []byte) bool { return string(v) == "null" }

// comma appends a comma where another element goes before.
func comma(dst []byte) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '[' && dst[n-1] != '{' {
		dst = append(dst, ',')
	}
	return dst
}

var errJSONEnd = errors.New("the JSON ends early")

func jsonError(at int, what string) error {
	return fmt.Errorf("wrong JSON at byte %d: %s", at, what)
}

// jsonShape is what can be seen of a JSON value without decoding it.
type jsonShape struct {
	depth   int // how deep brackets are nested
	objects int
	leaves  int // objects at the depth of leaves
}

// shapeOf looks at one JSON value. It does not recurse.
func shapeOf(b []byte, leafDepth int) (jsonShape, error) {
	i := skipSpace(b, 0)
	end, shape, err := skipJSON(b, i, leafDepth)
	if err != nil {
		return shape, err
	}
	if end = skipSpace(b, end); end < len(b) {
		return shape, jsonError(end, "something follows the message")
	}
	return shape, nil
}

// skipJSON returns the end of the value that starts at i. It looks at brackets
// and strings only; what else is wrong, decoding finds.
func skipJSON(b []byte, i, leafDepth int) (end int, shape jsonShape, err error) {
	var open []byte
	for {
		if i = skipSpace(b, i); i >= len(b) {
			return i, shape, errJSONEnd
		}
		switch c := b[i]; c {
		case '{', '[':
			open = append(open, c+2) // the closing bracket comes two after the opening one
			shape.depth = max(shape.depth, len(open))
			if c == '{' {
				shape.objects++
				if len(open) == leafDepth {
					shape.leaves++
				}
			}
			i++
		case '}', ']':
			if len(open) == 0 || open[len(open)-1] != c {
				return i, shape, jsonError(i, "a bracket is closed that was not opened")
			}
			open = open[:len(open)-1]
			i++
		case '"':
			if i, err = skipString(b, i); err != nil {
				return i, shape, err
			}
		case ',', ':':
			if len(open) == 0 {
				return i, shape, jsonError(i, "a value is missing")
			}
			i++
			continue // the value is not at its end
		default:
			for i++; i < len(b) && !delimiter(b[i]); i++ {
			}
		}
		if len(open) == 0 {
			return i, shape, nil
		}
	}
}

func delimiter(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
		return true
	}
	return false
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString returns the end of the string that starts at i.
func skipString(b []byte, i int) (int, error) {
	for i++; ; i++ {
		end := bytes.IndexByte(b[i:], '"')
		if end < 0 {
			return len(b), errJSONEnd
		}
		// The quote ends the string unless an odd number of backslashes is before it.
		start := i
		i += end
		back := i
		for back > start && b[back-1] == '\\' {
			back--
		}
		if (i-back)%2 == 0 {
			return i + 1, nil
		}
	}
}

// eachMember calls f for the members of an object, values as they stand.
func eachMember(b []byte, f func(key string, value []byte) error) error {
	return eachPart(b, '{', func(i int) (int, error) {
		if i >= len(b) || b[i] != '"' {
			return i, jsonError(i, "a name is missing")
		}
		end, err := skipString(b, i)
		if err != nil {
			return end, err
		}
		var key string
		if err := json.Unmarshal(b[i:end], &key); err != nil {
			return end, jsonError(i, "not a name")
		}
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return i, jsonError(i, "a colon is missing")
		}
		i = skipSpace(b, i+1)
		if end, _, err = skipJSON(b, i, 0); err != nil {
			return end, err
		}
		return end, f(key, b[i:end])
	})
}

// eachElement calls f for the elements of an array, as they stand.
func eachElement(b []byte, f func(value []byte) error) error {
	return eachPart(b, '[', func(i int) (int, error) {
		end, _, err := skipJSON(b, i, 0)
		if err != nil {
			return end, err
		}
		return end, f(b[i:end])
	})
}

// eachPart goes through what is between the brackets of b. f takes one part that
// starts at i and returns its end.
func eachPart(b []byte, opening byte, f func(i int) (int, error)) error {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != opening {
		return jsonError(i, map[byte]string{'{': "an object is expected", '[': "a list is expected"}[opening])
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == opening+2 {
		return nil
	}
	for {
		end, err := f(skipSpace(b, i))
		if err != nil {
			return err
		}
		i = skipSpace(b, end)
		switch {
		case i >= len(b):
			return errJSONEnd
		case b[i] == opening+2:
			return nil
		case b[i] != ',':
			return jsonError(i, "a comma is missing")
		}
		i++
	}
}
