package logs

import (
	"math"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// Bounds of one document.
const (
	maxFields     = 256 // attributes that are kept of a line
	maxCollected  = 4 * maxFields
	maxDepth      = 8   // of nested objects that are flattened; deeper ones stay JSON text
	maxKey        = 256 // bytes of an attribute's name
	maxWrapped    = 2   // JSON objects inside strings inside JSON objects
	minJSONObject = 2
)

// field is one value of a flattened document. Its level is how many strings it
// was wrapped in: what is further in was written by the application, what is
// further out by those who carried it.
type field struct {
	key   string
	val   any // string, int64, float64, bool, []any
	level int8
}

// document is a flattened JSON object. It is reused from line to line.
type document struct {
	parsers [maxWrapped + 1]fastjson.Parser
	fields  []field
	dropped int
	depth   int8 // the innermost level seen

	keys map[string]string // names seen: most lines have the same ones
	name []byte            // scratch
}

// maxNames bounds the names that are remembered.
const maxNames = 4096

// key returns the name of a member of the object prefix.
func (d *document) key(prefix string, k []byte) string {
	d.name = d.name[:0]
	if prefix != "" {
		d.name = append(append(d.name, prefix...), '.')
	}
	d.name = append(d.name, k...)
	if s, ok := d.keys[string(d.name)]; ok {
		return s
	}
	s := string(d.name)
	if d.keys == nil || len(d.keys) >= maxNames {
		d.keys = make(map[string]string, 64)
	}
	if len(s) <= maxKey {
		d.keys[s] = s
	}
	return s
}

// parse flattens a line of JSON. The text is copied.
func (d *document) parse(line []byte) error {
	v, err := d.parsers[0].ParseBytes(line)
	if err != nil {
		return err
	}
	return d.take(v)
}

// take flattens a parsed object.
func (d *document) take(v *fastjson.Value) error {
	d.reset()
	o, err := v.Object()
	if err != nil {
		return err
	}
	d.object("", o, 0, 0)
	return nil
}

func (d *document) reset() {
	clear(d.fields)
	d.fields, d.dropped, d.depth = d.fields[:0], 0, 0
}

func (d *document) object(prefix string, o *fastjson.Object, depth int, level int8) {
	o.Visit(func(k []byte, v *fastjson.Value) {
		d.value(d.key(prefix, k), v, depth, level)
	})
}

func (d *document) value(key string, v *fastjson.Value, depth int, level int8) {
	switch v.Type() {
	case fastjson.TypeNull:
		return // absent is absent
	case fastjson.TypeObject:
		if o := v.GetObject(); depth < maxDepth && o.Len() > 0 {
			d.object(key, o, depth+1, level)
			return
		}
		d.add(key, string(v.MarshalTo(nil)), level)
	case fastjson.TypeString:
		b := v.GetStringBytes()
		if level < maxWrapped && wraps(key) && looksLikeObject(b) && d.unwrap(b, level+1) {
			return
		}
		d.add(key, string(b), level)
	default:
		d.add(key, plain(v, depth), level)
	}
}

// wraps reports whether a string under the key may be the application's own
// line: what Docker and Kubernetes call log, and shippers message.
func wraps(key string) bool {
	switch key {
	case "log", "message", "msg", "MESSAGE", "line", "event.original":
		return true
	}
	return false
}

func looksLikeObject(b []byte) bool {
	i, j := 0, len(b)
	for i < j && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	for j > i && (b[j-1] == '\n' || b[j-1] == '\r' || b[j-1] == ' ') {
		j--
	}
	return j-i >= minJSONObject && b[i] == '{' && b[j-1] == '}'
}

// unwrap takes in the members of a JSON object that was a string.
func (d *document) unwrap(b []byte, level int8) bool {
	v, err := d.parsers[level].ParseBytes(b)
	if err != nil {
		return false
	}
	o, err := v.Object()
	if err != nil || o.Len() == 0 {
		return false
	}
	d.depth = max(d.depth, level)
	d.object("", o, 0, level)
	return true
}

func (d *document) add(key string, v any, level int8) {
	if len(d.fields) >= maxCollected {
		d.dropped++
		return
	}
	if len(key) > maxKey {
		key = strings.ToValidUTF8(key[:maxKey], "")
	}
	d.fields = append(d.fields, field{key, v, level})
}

// plain returns a value as Go has it. Numbers stay exact: an integer that does
// not fit stays text.
func plain(v *fastjson.Value, depth int) any {
	switch v.Type() {
	case fastjson.TypeNumber:
		return number(string(v.MarshalTo(nil)))
	case fastjson.TypeTrue:
		return true
	case fastjson.TypeFalse:
		return false
	case fastjson.TypeString:
		return string(v.GetStringBytes())
	case fastjson.TypeArray:
		if depth >= maxDepth {
			return string(v.MarshalTo(nil))
		}
		list := v.GetArray()
		out := make([]any, 0, len(list))
		for _, e := range list {
			out = append(out, plain(e, depth+1))
		}
		return out
	case fastjson.TypeObject:
		if depth >= maxDepth {
			return string(v.MarshalTo(nil))
		}
		out := map[string]any{}
		v.GetObject().Visit(func(k []byte, e *fastjson.Value) { out[string(k)] = plain(e, depth+1) })
		return out
	default:
		return nil
	}
}

func number(s string) any {
	if !strings.ContainsAny(s, ".eE") {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || (math.Abs(f) >= 1<<63 && !strings.ContainsAny(s, ".eE")) {
		return s
	}
	return f
}

// text returns a scalar as a string.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
