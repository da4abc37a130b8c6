package redact

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// minBase64 is the least length of a run of base64 in text that is taken for
// media. Shorter ones are tokens, hashes and signatures.
const minBase64 = 1024

// digest is what is kept of media.
type digest struct {
	size int64
	sum  string // SHA-256 in hex
}

// digestBase64 decodes base64 of either alphabet, with or without padding,
// line breaks and JSON's escaped slashes, without holding it decoded.
func digestBase64(s string) digest {
	h := sha256.New()
	var in [4096]byte
	var out [3072]byte
	var size int64
	n := 0
	flush := func(b []byte) {
		m, _ := base64.RawStdEncoding.Decode(out[:], b)
		h.Write(out[:m])
		size += int64(m)
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-':
			in[n] = '+'
		case c == '_':
			in[n] = '/'
		case isAlnum(c) || c == '+' || c == '/':
			in[n] = c
		default:
			continue
		}
		if n++; n == len(in) {
			flush(in[:])
			n = 0
		}
	}
	if n%4 == 1 { // a cut stream: the last character carries no whole byte
		n--
	}
	flush(in[:n])
	return digest{size: size, sum: hex.EncodeToString(h.Sum(nil))}
}

// describe is what stands in a text in the place of media.
func describe(mime string, d digest) string {
	return "[" + mime + ", " + strconv.FormatInt(d.size, 10) + " bytes, sha256:" + d.sum + "]"
}

// dataURI splits "data:image/png;base64,AAAA" at s[:]; ok is false where s is
// no such URI.
func dataURI(s string) (mime, payload string, ok bool) {
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		return "", "", false
	}
	head, _, ok := strings.Cut(rest[:min(len(rest), 256)], ",")
	if !ok {
		return "", "", false
	}
	params, ok := strings.CutSuffix(head, ";base64")
	if !ok {
		return "", "", false
	}
	payload = rest[len(head)+1:]
	mime, _, _ = strings.Cut(params, ";")
	if mime == "" {
		mime = "text/plain"
	}
	return mime, payload, true
}

// replaceMedia returns s with inline media replaced by its type, size and
// hash: data URIs of any size, and bare base64 from minBase64 on.
func replaceMedia(s string) string {
	if len(s) < 24 {
		return s
	}
	s = replaceDataURIs(s)
	if len(s) < minBase64 {
		return s
	}
	return replaceBase64(s)
}

func replaceDataURIs(s string) string {
	const mark = ";base64,"
	var b strings.Builder
	last, from := 0, 0
	for {
		k := strings.Index(s[from:], mark)
		if k < 0 {
			break
		}
		at := from + k
		from = at + len(mark)
		start := strings.LastIndex(s[max(last, at-200):at], "data:")
		if start < 0 {
			continue
		}
		start += max(last, at-200)
		head := s[start+len("data:") : at]
		if strings.ContainsAny(head, " \n\"'<>,") {
			continue
		}
		end := base64End(s, from)
		mime, _, _ := strings.Cut(head, ";")
		if mime = strings.ReplaceAll(mime, `\`, ""); mime == "" {
			mime = "text/plain"
		}
		b.WriteString(s[last:start])
		b.WriteString(describe(mime, digestBase64(s[from:end])))
		last, from = end, end
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

// base64End returns the end of the base64 at s[i], over JSON's escaped slashes
// and percent-encoded signs.
func base64End(s string, i int) int {
	for i < len(s) {
		switch {
		case isBase64(s[i]):
			i++
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '/':
			i += 2
		default:
			return i
		}
	}
	return i
}

// replaceBase64 looks at one byte in every minBase64/2: a run that is long
// enough to matter holds at least one of them. Around each it widens to the
// whole run, which in prose ends after a few letters.
func replaceBase64(s string) string {
	var b strings.Builder
	last := 0
	for i := minBase64 / 2; i < len(s); i += minBase64 / 2 {
		if i < last || !isBase64(s[i]) {
			continue
		}
		start := i
		for start > last && isBase64(s[start-1]) {
			start--
		}
		end := run(s, i, len(s), isBase64)
		// Lines of at least 60 characters go on, as mail and PEM wrap them.
		for end-start >= 60 {
			nl := lineBreak(s, end)
			e := run(s, end+nl, len(s), isBase64)
			if nl == 0 || e == end+nl {
				break
			}
			short := e-end-nl < 60
			end = e
			if short {
				break
			}
		}
		for start-last > 60 {
			nl := lineBreakBefore(s, start)
			p := start - nl
			for p > last && isBase64(s[p-1]) {
				p--
			}
			if nl == 0 || start-nl-p < 60 {
				break
			}
			start = p
		}
		if end-start >= minBase64 && base64Like(s[start:end]) {
			b.WriteString(s[last:start])
			b.WriteString(describe("base64", digestBase64(s[start:end])))
			last = end
		}
		i = max(i, end/(minBase64/2)*(minBase64/2))
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

func lineBreak(s string, i int) int {
	switch {
	case i < len(s) && s[i] == '\n':
		return 1
	case i+1 < len(s) && s[i] == '\r' && s[i+1] == '\n':
		return 2
	}
	return 0
}

func lineBreakBefore(s string, i int) int {
	switch {
	case i >= 2 && s[i-1] == '\n' && s[i-2] == '\r':
		return 2
	case i >= 1 && s[i-1] == '\n':
		return 1
	}
	return 0
}

// base64Like tells encoded bytes from a long word, a path or repeated letters:
// both cases, digits and most of the alphabet occur within the first characters.
func base64Like(s string) bool {
	var seen [256]bool
	distinct := 0
	var digit, upper, lower bool
	for i := range min(len(s), 512) {
		c := s[i]
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		digit = digit || isDigit(c)
		upper = upper || isUpper(c)
		lower = lower || isLower(c)
	}
	return digit && upper && lower && distinct >= 24
}
