package wire

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Bounds of arguments that arrive in pieces.
const (
	maxArgDepth = 32
	maxArgIndex = 1000
	maxArgNodes = 10_000
)

// argTree builds the arguments of a tool call from pieces {jsonPath, value}.
// Pieces of a string follow each other under the same path.
type argTree struct {
	part  llm.Part
	root  any // map[string]any, []any or a scalar
	nodes int
	bytes int
}

// set takes one piece and returns the bytes of its value.
func (t *argTree) set(a *fastjson.Value) int {
	path, ok := parseArgPath(str(a, "jsonPath"))
	if !ok {
		return 0
	}
	var value any
	n := 0
	switch {
	case a.Exists("stringValue"):
		s := str(a, "stringValue")
		value, n = s, len(s)
	case a.Exists("numberValue"):
		raw := rawJSON(a.Get("numberValue"))
		value, n = json.RawMessage(raw), len(raw)
	case a.Exists("boolValue"):
		value, n = a.GetBool("boolValue"), 1
	case a.Exists("nullValue"):
	default:
		return 0
	}
	if t.bytes += n; t.bytes > DefaultMaxContent {
		return n
	}
	t.root = t.put(t.root, path, value)
	return n
}

// put returns node with value at path, created as far as it is missing.
func (t *argTree) put(node any, path []string, value any) any {
	if t.nodes++; t.nodes > maxArgNodes {
		return node
	}
	if len(path) == 0 {
		if had, ok := node.(string); ok {
			if more, ok := value.(string); ok {
				return had + more
			}
		}
		return value
	}
	key := path[0]
	if index, ok := argIndex(key); ok {
		list, _ := node.([]any)
		for len(list) <= index {
			list = append(list, nil)
			t.nodes++
		}
		list[index] = t.put(list[index], path[1:], value)
		return list
	}
	object, ok := node.(map[string]any)
	if !ok {
		object = make(map[string]any, 4)
	}
	object[key] = t.put(object[key], path[1:], value)
	return object
}

// json is the arguments as far as they came.
func (t *argTree) json() string {
	if t.root == nil {
		return "{}"
	}
	b, err := json.Marshal(t.root)
	if err != nil {
		return ""
	}
	return string(b)
}

// argIndex reads a path element that is an index; parseArgPath marks them.
func argIndex(key string) (int, bool) {
	digits, ok := strings.CutPrefix(key, "[")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0 && n <= maxArgIndex
}

// parseArgPath splits $.a[0].b['c'] into a, [0, b, c: indexes keep their bracket.
func parseArgPath(s string) ([]string, bool) {
	s, ok := strings.CutPrefix(s, "$")
	if !ok {
		return nil, false
	}
	var path []string
	for s != "" {
		if len(path) == maxArgDepth {
			return nil, false
		}
		switch s[0] {
		case '.':
			s = s[1:]
			i := strings.IndexAny(s, ".[")
			if i < 0 {
				i = len(s)
			}
			path, s = append(path, s[:i]), s[i:]
		case '[':
			i := strings.IndexByte(s, ']')
			if i < 0 {
				return nil, false
			}
			elem := s[1:i]
			if quoted := strings.Trim(elem, `'"`); quoted != elem {
				path = append(path, quoted)
			} else if _, ok := argIndex("[" + elem); ok {
				path = append(path, "["+elem)
			} else {
				return nil, false
			}
			s = s[i+1:]
		default:
			return nil, false
		}
	}
	return path, true
}
