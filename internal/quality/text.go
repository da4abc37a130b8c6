package quality

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// textOf is the text of a message: what its reader sees.
func textOf(m *llm.Message) string {
	switch n := len(m.Parts); {
	case n == 1 && m.Parts[0].Type == llm.PartText:
		return m.Parts[0].Content
	case n == 0:
		return ""
	}
	var b strings.Builder
	for i := range m.Parts {
		if m.Parts[i].Type == llm.PartText {
			b.WriteString(m.Parts[i].Content)
		}
	}
	return b.String()
}

// systemText is what the instructions say.
func systemText(in []llm.Message) string {
	var b strings.Builder
	for i := range in {
		if isSystem(in[i].Role) {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(textOf(&in[i]))
		}
	}
	return b.String()
}

// questionText is what the user said last.
func questionText(in []llm.Message) string {
	if i := lastQuestion(in); i >= 0 {
		return textOf(&in[i])
	}
	return ""
}

// prose calls f for each piece of a text that is neither code nor a quotation
// nor an address: what is in there has the language of where it comes from.
func prose(s string, f func(piece string)) {
	for s != "" {
		start, length, end := nextForeign(s)
		if length == 0 {
			f(s)
			return
		}
		f(s[:start])
		s = s[end:]
	}
}

// nextForeign finds the next piece that is not prose. length is 0 where there
// is none.
func nextForeign(s string) (start, length, end int) {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '`':
			fence := 1
			for i+fence < len(s) && s[i+fence] == '`' {
				fence++
			}
			rest := s[i+fence:]
			closing := strings.Index(rest, s[i:i+fence])
			switch {
			case closing >= 0:
				return i, fence, i + fence + closing + fence
			case fence >= 3:
				return i, fence, len(s) // a block that was cut
			}
			i += fence
		case c == '"':
			if n := strings.IndexAny(s[i+1:], "\"\n"); n >= 0 && s[i+1+n] == '"' {
				return i, 1, i + 1 + n + 1
			}
			i++
		case c == 'h' && (strings.HasPrefix(s[i:], "http://") || strings.HasPrefix(s[i:], "https://")):
			n := strings.IndexAny(s[i:], " \t\r\n)>\"")
			if n < 0 {
				n = len(s) - i
			}
			return i, 1, i + n
		case c == '>' && (i == 0 || s[i-1] == '\n'):
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				n = len(s) - i
			}
			return i, 1, i + n
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if closing := closingQuote(r); closing != "" {
				if k := strings.Index(s[i+n:], closing); k >= 0 && k < 2000 {
					return i, 1, i + n + k + len(closing)
				}
			}
			i += n
		}
	}
	return 0, 0, 0
}

func closingQuote(r rune) string {
	switch r {
	case '“':
		return "”"
	case '「':
		return "」"
	case '『':
		return "』"
	case '《':
		return "》"
	case '«':
		return "»"
	}
	return ""
}

// tokens calls f with the hash of each word: letters and digits up to the next
// other character, in lower case. Of scripts without spaces each character is a
// word, and a word of over maxWord bytes is several.
func tokens(s string, f func(hash uint64) bool) {
	const (
		offset  = 14695981039346656037
		prime   = 1099511628211
		maxWord = 16
	)
	h, n := uint64(offset), 0
	flush := func() bool {
		if n == 0 {
			return true
		}
		v := h
		h, n = offset, 0
		return f(v)
	}
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case 'A' <= c && c <= 'Z':
				c += 'a' - 'A'
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			default:
				if c == '\'' && n > 0 {
					continue
				}
				if !flush() {
					return
				}
				continue
			}
			h = (h ^ uint64(c)) * prime
			if n++; n == maxWord && !flush() {
				return
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case spaceless(r):
			if !flush() || !f((offset^uint64(r))*prime) {
				return
			}
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			h = (h ^ uint64(unicode.ToLower(r))) * prime
			if n += size; n >= maxWord && !flush() {
				return
			}
		case r == '’' && n > 0:
		default:
			if !flush() {
				return
			}
		}
	}
	flush()
}

// spaceless says whether a character is of a script that puts no spaces between
// words.
func spaceless(r rune) bool {
	return r >= 0x0E00 && (r <= 0x0EFF || // Thai, Lao
		r >= 0x3040 && r <= 0x30FF || // kana
		r >= 0x3400 && r <= 0x4DBF || r >= 0x4E00 && r <= 0x9FFF || r >= 0x20000 && r <= 0x323AF) // Han
}
