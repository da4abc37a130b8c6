package pitot

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// maxJSONDepth bounds how deeply a JSON value may nest; a deeper one is handled
// as text.
const maxJSONDepth = 128

// json masks and cuts a JSON text such that it stays valid; ok is false where it
// is none.
func (p *contentPolicy) json(s string, limit int) (out string, cut int, ok bool) {
	w := jsonMasker{p: p, src: s}
	end, ok := w.value(skipSpace(s, 0), "", 0)
	if !ok || skipSpace(s, end) != len(s) {
		return s, 0, false
	}
	out = s
	if w.last > 0 {
		out = string(append(w.out, s[w.last:]...))
	}
	out, cut = cutJSON(out, limit)
	return out, cut, true
}

// jsonMasker rewrites a JSON text string by string, so that what stands behind
// an escape is seen as it is meant. It copies nothing until something changes.
type jsonMasker struct {
	p    *contentPolicy
	src  string
	out  []byte
	last int // src[:last] is in out
}

func (w *jsonMasker) replace(start, end int, by string) {
	w.out = append(w.out, w.src[w.last:start]...)
	w.out = appendQuoted(w.out, by)
	w.last = end
}

// value masks the value at i, which stands under key, and returns its end.
func (w *jsonMasker) value(i int, key string, depth int) (end int, ok bool) {
	if i >= len(w.src) || depth > maxJSONDepth {
		return 0, false
	}
	switch c := w.src[i]; {
	case c == '"':
		end, escaped, ok := stringEnd(w.src, i)
		if ok {
			w.text(i, end, escaped, key)
		}
		return end, ok
	case c == '{' || c == '[':
		return w.container(i, key, depth)
	case c == '-' || isDigit(c):
		return numberEnd(w.src, i)
	}
	for _, lit := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(w.src[i:], lit) {
			return i + len(lit), true
		}
	}
	return 0, false
}

func (w *jsonMasker) container(i int, key string, depth int) (end int, ok bool) {
	object := w.src[i] == '{'
	closing := w.src[i] + 2 // ] and } follow [ and { by two
	i = skipSpace(w.src, i+1)
	if i < len(w.src) && w.src[i] == closing {
		return i + 1, true
	}
	for {
		if object {
			end, escaped, ok := stringEnd(w.src, i)
			if !ok {
				return 0, false
			}
			key = w.src[i+1 : end-1]
			w.text(i, end, escaped, "")
			if i = skipSpace(w.src, end); i >= len(w.src) || w.src[i] != ':' {
				return 0, false
			}
			i = skipSpace(w.src, i+1)
		}
		if i, ok = w.value(i, key, depth+1); !ok {
			return 0, false
		}
		if i = skipSpace(w.src, i); i >= len(w.src) {
			return 0, false
		}
		switch w.src[i] {
		case closing:
			return i + 1, true
		case ',':
			i = skipSpace(w.src, i+1)
		default:
			return 0, false
		}
	}
}

// text masks the string src[i:end] under key: all of it where the key says that
// it is a credential.
func (w *jsonMasker) text(i, end int, escaped bool, key string) {
	raw := w.src[i+1 : end-1]
	if raw == "" {
		return
	}
	s := raw
	if escaped && json.Unmarshal([]byte(w.src[i:end]), &s) != nil {
		return
	}
	if secretValue(s, credentialName(key)) {
		w.replace(i, end, maskedSecret)
		return
	}
	if masked := w.p.mask(replaceMedia(s)); masked != s {
		w.replace(i, end, masked)
	} else if !utf8.ValidString(raw) {
		w.replace(i, end, strings.ToValidUTF8(s, "\uFFFD"))
	}
}

// cutJSON shortens a valid JSON text to limit characters such that it stays
// valid: long strings are cut first, so that the fields around them survive;
// where that is not enough, members at the end are left out.
func cutJSON(src string, limit int) (string, int) {
	if len(src) <= limit {
		return src, 0
	}
	total := utf8.RuneCountInString(src)
	if total <= limit {
		return src, 0
	}
	for longest := limit / 2; longest >= 32; longest /= 4 {
		c := jsonCutter{src: src, longest: longest, left: limit}
		if c.value(skipSpace(src, 0)); c.left >= 0 {
			return string(c.out), total - utf8.RuneCount(c.out)
		}
	}
	longest := 32
	if src[skipSpace(src, 0)] == '"' {
		longest = limit - 2
	}
	c := jsonCutter{src: src, longest: longest, left: limit, drop: true}
	c.value(skipSpace(src, 0))
	return string(c.out), total - utf8.RuneCount(c.out)
}

// jsonCutter copies a valid JSON text while there are characters left.
type jsonCutter struct {
	src     string
	out     []byte
	longest int  // characters kept of a string
	left    int  // negative: it did not fit
	drop    bool // leave out what does not fit, instead of giving up
}

func (c *jsonCutter) write(s string) {
	if c.left -= utf8.RuneCountInString(s); c.left >= 0 {
		c.out = append(c.out, s...)
	}
}

// value copies the value at i and returns its end.
func (c *jsonCutter) value(i int) int {
	if c.left < 0 {
		return len(c.src)
	}
	switch c.src[i] {
	case '"':
		end, _, _ := stringEnd(c.src, i)
		n := c.longest
		if c.drop {
			n = min(n, c.left-2)
		}
		c.write(`"` + cutEscaped(c.src[i+1:end-1], max(n, 0)) + `"`)
		return end
	case '{', '[':
		return c.container(i)
	}
	end := scalarEnd(c.src, i)
	if c.drop && end-i > c.left { // a number of absurd length at the top
		c.write("null")
		return end
	}
	c.write(c.src[i:end])
	return end
}

// container copies an object or array. With drop set, a member that does not
// fit and all after it are left out; room for the closing bracket was set aside.
func (c *jsonCutter) container(i int) int {
	closing := c.src[i] + 2
	if c.left -= 2; c.left < 0 {
		return len(c.src)
	}
	c.out = append(c.out, c.src[i])
	i = skipSpace(c.src, i+1)
	for first := true; c.src[i] != closing; first = false {
		if !first {
			i = skipSpace(c.src, i+1) // the comma
		}
		start, prefix := i, ""
		if !first {
			prefix = ","
		}
		if closing == '}' {
			end, _, _ := stringEnd(c.src, i)
			prefix += c.src[i:end] + ":"
			i = skipSpace(c.src, skipSpace(c.src, end)+1)
		}
		if c.drop && c.left < utf8.RuneCountInString(prefix)+leastOf(c.src, i) {
			c.out = append(c.out, closing)
			return skipMembers(c.src, start)
		}
		c.write(prefix)
		i = c.value(i)
		if c.left < 0 {
			return len(c.src)
		}
		i = skipSpace(c.src, i)
	}
	c.out = append(c.out, closing)
	return i + 1
}

func scalarEnd(s string, i int) int {
	for i < len(s) && strings.IndexByte(",]} \n\t\r", s[i]) < 0 {
		i++
	}
	return i
}

// leastOf is the fewest characters that the value at i can be cut to.
func leastOf(s string, i int) int {
	if c := s[i]; c == '"' || c == '{' || c == '[' {
		return 2
	}
	return scalarEnd(s, i) - i
}

// skipMembers returns the end of the container whose member begins at i.
func skipMembers(s string, i int) int {
	for depth := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			end, _, _ := stringEnd(s, i)
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

// cutEscaped cuts the inside of a JSON string to at most n characters without
// splitting an escape or a pair of surrogates.
func cutEscaped(raw string, n int) string {
	if len(raw) <= n {
		return raw
	}
	i, used := 0, 0
	for i < len(raw) {
		size, chars := 1, 1
		switch c := raw[i]; {
		case c == '\\' && raw[i+1] == 'u':
			size, chars = 6, 6
			if i+12 <= len(raw) && raw[i+6] == '\\' && raw[i+7] == 'u' && raw[i+2]|0x20 == 'd' && raw[i+3] >= '8' && raw[i+8]|0x20 == 'd' {
				size, chars = 12, 12
			}
		case c == '\\':
			size, chars = 2, 2
		case c >= utf8.RuneSelf:
			_, size = utf8.DecodeRuneInString(raw[i:])
		}
		if used+chars > n {
			break
		}
		i += size
		used += chars
	}
	return raw[:i]
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
			if s[i] == 'u' {
				if i+4 >= len(s) || run(s, i+1, 4, isHex) != i+5 {
					return 0, false, false
				}
				i += 4
			} else if strings.IndexByte(`"\/bfnrt`, s[i]) < 0 {
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
	if s[i] == '-' {
		i++
	}
	e := run(s, i, len(s), isDigit)
	if e == i || s[i] == '0' && e > i+1 {
		return 0, false
	}
	if i = e; i < len(s) && s[i] == '.' {
		if e = run(s, i+1, len(s), isDigit); e == i+1 {
			return 0, false
		}
		i = e
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
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

// appendQuoted appends s as a JSON string; HTML is left as it is.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	last := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[last:i]...)
				dst = append(dst, "\uFFFD"...)
				last = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[last:i]...)
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
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		last = i
	}
	dst = append(dst, s[last:]...)
	return append(dst, '"')
}
