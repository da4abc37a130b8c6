package provider

import (
	"net/url"
	"strconv"
	"unicode/utf8"
)

// jsonbuf builds JSON by hand. Encoding through reflection would cost more
// than all the rest of an answer.
type jsonbuf struct{ b []byte }

func (j *jsonbuf) reset() { j.b = j.b[:0] }

// s appends raw text.
func (j *jsonbuf) s(v string) *jsonbuf {
	j.b = append(j.b, v...)
	return j
}

// i appends a number.
func (j *jsonbuf) i(v int64) *jsonbuf {
	j.b = strconv.AppendInt(j.b, v, 10)
	return j
}

// f appends a number with a fraction.
func (j *jsonbuf) f(v float64) *jsonbuf {
	j.b = strconv.AppendFloat(j.b, v, 'g', -1, 64)
	return j
}

// q appends a quoted string.
func (j *jsonbuf) q(v string) *jsonbuf {
	j.b = append(j.b, '"')
	j.b = appendEscaped(j.b, v)
	j.b = append(j.b, '"')
	return j
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends s as it stands inside a JSON string. Invalid UTF-8
// becomes the replacement character, as JSON requires valid text.
func appendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

func unescape(v string) (string, error) { return url.PathUnescape(v) }
