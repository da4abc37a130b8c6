package redact

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deeply a JSON value may nest; a deeper one is handled as
// text.
const maxDepth = 256

// jsonMasker rewrites one JSON text, value by value, so that what stands behind
// an escape is seen as it is meant and the result is JSON again. It copies
// nothing until something changes.
type jsonMasker struct {
	p    *Policy
	src  string
	out  []byte
	last int // src[:last] is in out
}

// maskJSON masks within a JSON text. ok is false where src is no valid JSON.
func (p *Policy) maskJSON(src string) (out string, ok bool) {
	w := jsonMasker{p: p, src: src}
	end, ok := w.value(skipSpace(src, 0), "", 0)
	if !ok || skipSpace(src, end) != len(src) {
		return src, false
	}
	if w.last == 0 {
		return src, true
	}
	return string(append(w.out, src[w.last:]...)), true
}

func (w *jsonMasker) replace(start, end int, by string) {
	w.out = append(w.out, w.src[w.last:start]...)
	w.out = append(w.out, by...)
	w.last = end
}

// value masks the value at i, which stands under key, and returns its end.
func (w *jsonMasker) value(i int, key string, depth int) (int, bool) {
	if i >= len(w.src) || depth > maxDepth {
		return 0, false
	}
	switch c := w.src[i]; {
	case c == '"':
		return w.stringValue(i, key)
	case c == '{':
		return w.object(i, depth)
	case c == '[':
		return w.array(i, key, depth)
	case c == '-' || isDigit(c):
		return w.number(i, key)
	}
	for _, lit := range []string{"true", "false", "null"} {
		if strings.HasPrefix(w.src[i:], lit) {
			return i + len(lit), true
		}
	}
	return 0, false
}

func (w *jsonMasker) object(i, depth int) (int, bool) {
	i = skipSpace(w.src, i+1)
	if i < len(w.src) && w.src[i] == '}' {
		return i + 1, true
	}
	for {
		end, escaped, ok := stringEnd(w.src, i)
		if !ok {
			return 0, false
		}
		key := w.src[i+1 : end-1]
		w.stringAt(i, end, escaped, false)
		i = skipSpace(w.src, end)
		if i >= len(w.src) || w.src[i] != ':' {
			return 0, false
		}
		if i, ok = w.value(skipSpace(w.src, i+1), key, depth+1); !ok {
			return 0, false
		}
		i = skipSpace(w.src, i)
		if i >= len(w.src) {
			return 0, false
		}
		switch w.src[i] {
		case '}':
			return i + 1, true
		case ',':
			i = skipSpace(w.src, i+1)
		default:
			return 0, false
		}
	}
}

func (w *jsonMasker) array(i int, key string, depth int) (int, bool) {
	i = skipSpace(w.src, i+1)
	if i < len(w.src) && w.src[i] == ']' {
		return i + 1, true
	}
	for {
		var ok bool
		if i, ok = w.value(i, key, depth+1); !ok {
			return 0, false
		}
		i = skipSpace(w.src, i)
		if i >= len(w.src) {
			return 0, false
		}
		switch w.src[i] {
		case ']':
			return i + 1, true
		case ',':
			i = skipSpace(w.src, i+1)
		default:
			return 0, false
		}
	}
}

// stringValue masks the string at i. Under a name like "password" the whole
// value goes, under one like "token" if it looks like a secret.
func (w *jsonMasker) stringValue(i int, key string) (int, bool) {
	end, escaped, ok := stringEnd(w.src, i)
	if !ok {
		return 0, false
	}
	w.stringAt(i, end, escaped, w.p.dropValue(key, w.src[i+1:end-1]))
	return end, true
}

// stringAt masks the string token src[i:end].
func (w *jsonMasker) stringAt(i, end int, escaped, drop bool) {
	raw := w.src[i+1 : end-1]
	if drop {
		w.replace(i+1, end-1, redactedPrefix+secrets.label()+"]")
		return
	}
	if len(raw) < 4 {
		return
	}
	if !escaped {
		masked := w.p.maskText(raw)
		if masked == raw {
			return
		}
		if strings.ContainsAny(masked, "\"\\") { // an operator's replacement
			masked = quote(masked)
			masked = masked[1 : len(masked)-1]
		}
		w.replace(i+1, end-1, masked)
		return
	}
	var text string
	if json.Unmarshal([]byte(w.src[i:end]), &text) != nil {
		return
	}
	if masked := w.p.maskText(text); masked != text {
		w.replace(i, end, quote(masked))
	}
}

// number masks a number that is a card or an identity number, or a phone
// number by its name; the replacement is a string.
func (w *jsonMasker) number(i int, key string) (int, bool) {
	end, ok := numberEnd(w.src, i)
	if !ok {
		return 0, false
	}
	if k := w.p.numberKind(key, w.src[i:end]); k != 0 {
		w.replace(i, end, `"`+redactedPrefix+k.label()+`]"`)
	}
	return end, true
}

// quote encodes s as a JSON string without escaping HTML.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a string always encodes
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the end of the JSON string that begins at s[i], after its
// closing quote, and whether it holds escapes.
func stringEnd(s string, i int) (end int, escaped, ok bool) {
	if i >= len(s) || s[i] != '"' {
		return 0, false, false
	}
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1, escaped, true
		case c == '\\':
			escaped = true
			if i++; i >= len(s) {
				return 0, false, false
			}
			switch s[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) || !isHex(s[i+3]) || !isHex(s[i+4]) {
					return 0, false, false
				}
				i += 4
			default:
				return 0, false, false
			}
		case c < 0x20:
			return 0, false, false
		}
	}
	return 0, false, false
}

// numberEnd returns the end of the JSON number at s[i].
func numberEnd(s string, i int) (int, bool) {
	if i < len(s) && s[i] == '-' {
		i++
	}
	e := run(s, i, len(s), isDigit)
	if e == i || s[i] == '0' && e > i+1 {
		return 0, false
	}
	i = e
	if i < len(s) && s[i] == '.' {
		if e = run(s, i+1, len(s), isDigit); e == i+1 {
			return 0, false
		}
		i = e
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if e = run(s, i, len(s), isDigit); e == i {
			return 0, false
		}
		i = e
	}
	return i, true
}

// looksJSON reports whether s may be a JSON object or array.
func looksJSON(s string) bool {
	i := skipSpace(s, 0)
	return i < len(s) && (s[i] == '{' || s[i] == '[')
}

// cutText cuts s to limit characters and returns how many were cut.
func cutText(s string, limit int) (string, int) {
	if len(s) <= limit {
		return s, 0
	}
	n := 0
	for i := range s {
		if n == limit {
			return strings.ToValidUTF8(s[:i], "\uFFFD"), utf8.RuneCountInString(s[i:])
		}
		n++
	}
	return s, 0
}
