package events

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// rowWriter appends one row: a flat JSON object whose names are the paths of
// the API's form (usage.input_tokens), as the engine would flatten them. Empty
// values are left out: the engine has no difference between empty and absent.
type rowWriter struct {
	buf      []byte
	fields   int
	verbatim []string // names of string values that read like other JSON
	exact    []string // names and values of strings that the engine would change
	rest     map[string]map[string]any
}

// maxMapFields is how many members of one map become fields of their own; the
// others are kept together in one field, where queries do not see them by name.
const maxMapFields = 250

// maxFieldName is the engine's limit for the name of a field, in bytes.
const maxFieldName = 128

func (w *rowWriter) begin(id string, t time.Time, kind string) {
	w.buf = append(w.buf, `{"id":`...)
	w.buf = appendString(w.buf, id)
	w.buf = append(w.buf, `,"_time":"`...)
	w.buf = t.UTC().AppendFormat(w.buf, time.RFC3339Nano)
	w.buf = append(w.buf, `","kind":"`...)
	w.buf = append(w.buf, kind...)
	w.buf = append(w.buf, '"')
	w.fields = 3
}

func (w *rowWriter) end() {
	for _, name := range []string{"attributes", "params", "resource", "tags"} {
		if m := w.rest[name]; m != nil {
			if b, err := json.Marshal(m); err == nil {
				w.str(name+restSuffix, string(b))
			}
		}
	}
	if len(w.verbatim) > 0 {
		w.strs(fieldVerbatim, w.verbatim)
	}
	if len(w.exact) > 0 {
		w.strs(fieldExact, w.exact)
	}
	w.buf = append(w.buf, '}', '\n')
}

// name appends a name that needs no escaping.
func (w *rowWriter) name(n string) {
	w.fields++
	w.buf = append(w.buf, ',', '"')
	w.buf = append(w.buf, n...)
	w.buf = append(w.buf, '"', ':')
}

func (w *rowWriter) str(name, v string) {
	if v == "" {
		return
	}
	if changesInEngine(v) {
		w.exact = append(w.exact, name, v)
	}
	w.name(name)
	w.buf = appendString(w.buf, v)
}

func (w *rowWriter) bytes(name string, v []byte) {
	if len(v) == 0 {
		return
	}
	w.name(name)
	w.buf = appendString(w.buf, v)
}

func (w *rowWriter) int(name string, v int64) {
	if v == 0 {
		return
	}
	w.name(name)
	w.buf = strconv.AppendInt(w.buf, v, 10)
}

func (w *rowWriter) optInt(name string, o llm.Opt[int64]) {
	if v, ok := o.Get(); ok {
		w.name(name)
		w.buf = strconv.AppendInt(w.buf, v, 10)
	}
}

func (w *rowWriter) float(name string, v float64) {
	w.name(name)
	w.buf = appendFloat(w.buf, v)
}

func (w *rowWriter) optFloat(name string, o llm.Opt[float64]) {
	if v, ok := o.Get(); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
		w.float(name, v)
	}
}

func (w *rowWriter) optSeconds(name string, o llm.Opt[time.Duration]) {
	if v, ok := o.Get(); ok {
		w.float(name, v.Seconds())
	}
}

// strs appends a list of strings as the text of a JSON array.
func (w *rowWriter) strs(name string, v []string) {
	if len(v) == 0 {
		return
	}
	w.name(name)
	w.buf = append(w.buf, '"', '[')
	for i, s := range v {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		// The text of the array is itself a string: escape twice.
		w.buf = appendQuotedTwice(w.buf, s)
	}
	w.buf = append(w.buf, ']', '"')
}

// jsonText appends any value as JSON text; what cannot be encoded is left out.
func (w *rowWriter) jsonText(name string, v any) {
	if b, err := json.Marshal(v); err == nil {
		w.bytes(name, b)
	}
}

// stringMap appends a map whose values are strings.
func (w *rowWriter) stringMap(prefix string, m map[string]string) {
	n := 0
	for k, v := range m {
		if v == "" || n >= maxMapFields || !usableName(prefix, k) {
			w.keepRest(prefix, k, v)
			continue
		}
		n++
		if changesInEngine(v) {
			w.exact = append(w.exact, fieldName(prefix, k), v)
		}
		w.key(prefix, k)
		w.buf = appendString(w.buf, v)
	}
}

// anyMap appends a map of JSON values: numbers, booleans and strings as they
// are, lists and objects as JSON text. reserved says which names would clash
// where prefix is empty.
func (w *rowWriter) anyMap(prefix string, m map[string]any, reserved func(string) bool) {
	if len(m) == 0 {
		return
	}
	restName := prefix
	if restName == "" {
		restName = "attributes"
	}
	n := 0
	for k, v := range m {
		p := prefix
		if p == "" && reserved(k) {
			p = "attributes"
		}
		if n >= maxMapFields || !usableName(p, k) || !w.anyValue(p, k, v) {
			w.keepRest(restName, k, v)
			continue
		}
		n++
	}
}

// anyValue appends one member of a map; false means that it must be kept apart.
func (w *rowWriter) anyValue(prefix, key string, v any) bool {
	switch v := v.(type) {
	case string:
		if v == "" {
			return false
		}
		if !plainString(v) {
			w.verbatim = append(w.verbatim, fieldName(prefix, key))
		}
		if changesInEngine(v) {
			w.exact = append(w.exact, fieldName(prefix, key), v)
		}
		w.key(prefix, key)
		w.buf = appendString(w.buf, v)
	case bool:
		w.key(prefix, key)
		w.buf = strconv.AppendBool(w.buf, v)
	case int:
		w.key(prefix, key)
		w.buf = strconv.AppendInt(w.buf, int64(v), 10)
	case int64:
		w.key(prefix, key)
		w.buf = strconv.AppendInt(w.buf, v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return true // JSON has no form for it
		}
		w.key(prefix, key)
		w.buf = appendFloat(w.buf, v)
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return true // a value that JSON cannot hold cannot have come from JSON
		}
		if len(b) == 0 || b[0] == '"' {
			return false
		}
		w.key(prefix, key)
		w.buf = appendString(w.buf, b)
	}
	return true
}

func (w *rowWriter) key(prefix, key string) {
	w.fields++
	w.buf = append(w.buf, ',', '"')
	if prefix != "" {
		w.buf = append(w.buf, prefix...)
		w.buf = append(w.buf, '.')
	}
	w.buf = appendEscaped(w.buf, key)
	w.buf = append(w.buf, '"', ':')
}

func (w *rowWriter) keepRest(name, key string, v any) {
	if w.rest == nil {
		w.rest = map[string]map[string]any{}
	}
	if w.rest[name] == nil {
		w.rest[name] = map[string]any{}
	}
	w.rest[name][key] = v
}

func fieldName(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// usableName reports whether the engine takes the name as it is.
func usableName(prefix, key string) bool {
	return key != "" && len(prefix)+1+len(key) <= maxFieldName && utf8.ValidString(key)
}

// plainString reports whether a reader of the stored text takes it for the
// string that it is, rather than for a number, a list or the like.
func plainString(s string) bool {
	switch c := s[0]; {
	case c == '{', c == '[':
		return !json.Valid([]byte(s))
	case c == 't':
		return s != "true"
	case c == 'f':
		return s != "false"
	case c == 'n':
		return s != "null"
	case c == '-', c >= '0' && c <= '9':
		return !isNumber(s)
	}
	return true
}

// changesInEngine reports whether the engine may return another text: where all
// values of a field in a block are decimal numbers it stores them as such, and
// "1.10" comes back as "1.1".
func changesInEngine(s string) bool {
	if len(s) > 32 || len(s) < 3 || (s[0] < '0' || s[0] > '9') && s[0] != '-' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] == '.' {
			return true
		}
		if s[i] < '0' || s[i] > '9' {
			return s[i] == '_' // the engine takes 1_000 for a number, too
		}
	}
	return false
}

// isNumber reports whether s is a number in JSON's grammar.
func isNumber(s string) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	zero := i < len(s) && s[i] == '0'
	from := i
	if !digits() || zero && i-from > 1 {
		return false
	}
	if i < len(s) && s[i] == '.' {
		if i++; !digits() {
			return false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(s)
}

// appendFloat appends v as JSON, with no more digits than it takes and without
// an exponent where it can be: the engine stores numbers with one as text.
func appendFloat(dst []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-12 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// cleanFloat undoes the last digit that the engine's reading of decimals gets
// wrong: 0.3 comes back as 0.30000000000000004.
func cleanFloat(v float64) float64 {
	var buf [32]byte
	short, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], v, 'g', 15, 64)), 64)
	if err != nil || math.Abs(short-v) > 4*(math.Nextafter(math.Abs(v), math.Inf(1))-math.Abs(v)) {
		return v
	}
	return short
}

// appendString appends s as a JSON string.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// Classes of bytes for the escapers.
const (
	classPlain   = iota
	classEscape  // must be escaped in a JSON string
	classUnicode // starts a sequence whose validity must be checked
)

// classes is the class of every byte.
var classes = func() (t [256]uint8) {
	for i := range t {
		switch {
		case i < 0x20, i == '"', i == '\\':
			t[i] = classEscape
		case i >= utf8.RuneSelf:
			t[i] = classUnicode
		}
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendEscaped appends s as the inside of a JSON string. Bytes that are not
// UTF-8 become U+FFFD, as encoding/json does it.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch classes[c] {
		case classPlain:
			i++
			continue
		case classUnicode:
			r, size := decodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\uFFFD"...)
				i++
				start = i
				continue
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

func decodeRune[T string | []byte](s T) (rune, int) {
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s)])
}

// appendQuotedTwice appends s as a JSON string within a JSON string.
func appendQuotedTwice(dst []byte, s string) []byte {
	var scratch [64]byte
	inner := appendString(scratch[:0], s)
	return appendEscaped(dst, inner)
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
