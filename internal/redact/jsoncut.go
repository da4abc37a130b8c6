package redact

import (
	"strings"
	"unicode/utf8"
)

// cutJSON shortens a valid JSON text to limit characters such that it stays
// valid: long strings are cut first, so that the fields around them survive;
// where that is not enough, members at the end are left out. It returns how
// many characters were cut.
func cutJSON(src string, limit int) (string, int) {
	if len(src) <= limit {
		return src, 0
	}
	total := utf8.RuneCountInString(src)
	if total <= limit {
		return src, 0
	}
	for strMax := limit / 2; strMax >= 32; strMax /= 4 {
		c := jsonCutter{src: src, strMax: strMax, budget: limit}
		if c.value(skipSpace(src, 0)); c.budget >= 0 {
			out := c.b.String()
			return out, total - utf8.RuneCountInString(out)
		}
	}
	if i := skipSpace(src, 0); isDigit(src[i]) || src[i] == '-' { // a number of absurd length
		src = `"` + strings.TrimRight(src[i:], " \n\t\r") + `"`
	}
	strMax := 32
	if src[skipSpace(src, 0)] == '"' {
		strMax = limit - 2
	}
	c := jsonCutter{src: src, strMax: min(strMax, limit), budget: limit, drop: true}
	c.value(skipSpace(src, 0))
	out := c.b.String()
	return out, total - utf8.RuneCountInString(out)
}

// jsonCutter copies a valid JSON text while the budget of characters lasts.
type jsonCutter struct {
	src    string
	b      strings.Builder
	strMax int  // characters kept of a string
	budget int  // characters left; negative: did not fit
	drop   bool // leave out what does not fit, instead of giving up
}

func (c *jsonCutter) write(s string) {
	c.budget -= utf8.RuneCountInString(s)
	if c.budget >= 0 {
		c.b.WriteString(s)
	}
}

// fits reports whether n more characters may be written; with drop set, the
// closing brackets were set aside when the opening ones were written.
func (c *jsonCutter) fits(n int) bool { return !c.drop || c.budget >= n }

// value copies the value at i and returns its end.
func (c *jsonCutter) value(i int) int {
	if c.budget < 0 {
		return len(c.src)
	}
	switch c.src[i] {
	case '"':
		end, _, _ := stringEnd(c.src, i)
		c.str(c.src[i+1 : end-1])
		return end
	case '{':
		return c.container(i, '}')
	case '[':
		return c.container(i, ']')
	}
	end := i
	for end < len(c.src) && strings.IndexByte(",]} \n\t\r", c.src[end]) < 0 {
		end++
	}
	c.write(c.src[i:end])
	return end
}

// str copies the inside of a string token, cut to strMax and to the budget.
func (c *jsonCutter) str(raw string) {
	n := c.strMax
	if c.drop {
		n = min(n, c.budget-2)
	}
	c.write(`"` + cutEscaped(raw, max(n, 0)) + `"`)
}

// container copies an object or array. With drop set, a member that does not
// fit, and all after it, are left out.
func (c *jsonCutter) container(i int, closing byte) int {
	c.budget -= 2
	if c.budget < 0 {
		return len(c.src)
	}
	c.b.WriteByte(c.src[i])
	first := true
	i = skipSpace(c.src, i+1)
	for c.budget >= 0 && c.src[i] != closing {
		if c.src[i] == ',' {
			i = skipSpace(c.src, i+1)
			continue
		}
		end := c.member(i, closing, first)
		if end < 0 {
			c.b.WriteByte(closing)
			return c.skip(i)
		}
		first = false
		i = skipSpace(c.src, end)
	}
	if c.budget < 0 {
		return len(c.src)
	}
	c.b.WriteByte(closing)
	return i + 1
}

// member copies one member of a container, with the comma before it; it
// returns -1 where it does not fit.
func (c *jsonCutter) member(i int, closing byte, first bool) int {
	prefix := ""
	if !first {
		prefix = ","
	}
	if closing == '}' {
		end, _, _ := stringEnd(c.src, i)
		prefix += c.src[i:end] + ":"
		i = skipSpace(c.src, skipSpace(c.src, end)+1)
	}
	if !c.fits(utf8.RuneCountInString(prefix) + c.least(i)) {
		return -1
	}
	c.write(prefix)
	return c.value(i)
}

// least is the fewest characters that the value at i can be cut to.
func (c *jsonCutter) least(i int) int {
	switch c.src[i] {
	case '"', '{', '[':
		return 2
	}
	n := 0
	for i+n < len(c.src) && strings.IndexByte(",]} \n\t\r", c.src[i+n]) < 0 {
		n++
	}
	return n
}

// skip returns the end of the container whose member at i was left out.
func (c *jsonCutter) skip(i int) int {
	depth := 1
	for i < len(c.src) {
		switch c.src[i] {
		case '"':
			end, _, _ := stringEnd(c.src, i)
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
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
