package pitot

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// minMedia is the least length of a run of base64 in text that is taken for
// media. Shorter ones are tokens, hashes and signatures.
const minMedia = 1024

// digest is what is kept of media.
type digest struct {
	size int64
	sum  string // SHA-256 in hex
}

// digestBytes leaves the hash out where there is so much that it would take
// seconds.
func digestBytes(b []byte) digest {
	if len(b) > 4*maxScan {
		return digest{size: int64(len(b))}
	}
	sum := sha256.Sum256(b)
	return digest{int64(len(b)), hex.EncodeToString(sum[:])}
}

// digestBase64 decodes base64 of either alphabet, with or without padding and
// line breaks, without holding it decoded.
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
	if n%4 == 1 { // cut: the last character carries no whole byte
		n--
	}
	flush(in[:n])
	return digest{size: size, sum: hex.EncodeToString(h.Sum(nil))}
}

// describeMedia is what stands in a text in the place of media.
func describeMedia(mime string, d digest) string {
	s := "[" + mime + ", " + strconv.FormatInt(d.size, 10) + " bytes"
	if d.sum != "" {
		s += ", sha256:" + d.sum
	}
	return s + "]"
}

// blob replaces inline media by what describes it.
func blob(pt *llm.Part, data string) {
	if mime, payload, ok := dataURI(data); ok {
		data = payload
		if pt.MIMEType == "" {
			pt.MIMEType = mime
		}
	}
	d := digestBase64(data)
	pt.Data, pt.Size, pt.SHA256 = "", d.size, d.sum
	if pt.Type == llm.PartURI {
		pt.Type = llm.PartBlob
	}
}

// dataURI splits "data:image/png;base64,AAAA".
func dataURI(s string) (mime, payload string, ok bool) {
	rest, ok := strings.CutPrefix(s, "data:")
	if !ok {
		return "", "", false
	}
	head, _, ok := strings.Cut(rest[:min(len(rest), 256)], ",")
	params, base := strings.CutSuffix(head, ";base64")
	if !ok || !base {
		return "", "", false
	}
	if mime, _, _ = strings.Cut(params, ";"); mime == "" {
		mime = "text/plain"
	}
	return mime, rest[len(head)+1:], true
}

// replaceMedia returns s with inline media replaced by its type, size and hash:
// data URIs of any size, and bare base64 from minMedia on.
func replaceMedia(s string) string {
	if len(s) < 24 {
		return s
	}
	if s = replaceDataURIs(s); len(s) < minMedia {
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
		back := max(last, at-200)
		start := strings.LastIndex(s[back:at], "data:")
		if start < 0 {
			continue
		}
		start += back
		head := s[start+len("data:") : at]
		if strings.ContainsAny(head, " \n\"'<>,") {
			continue
		}
		end := from
		for end < len(s) && (isBase64(s[end]) || s[end] == '\\' && end+1 < len(s) && s[end+1] == '/') {
			end++
		}
		mime, _, _ := strings.Cut(strings.ReplaceAll(head, `\`, ""), ";")
		if mime == "" {
			mime = "text/plain"
		}
		b.WriteString(s[last:start])
		b.WriteString(describeMedia(mime, digestBase64(s[from:end])))
		last, from = end, end
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

// replaceBase64 looks at one byte in every minMedia/2: a run that is long enough
// to matter holds at least one of them. Lines of at least 60 characters go on,
// as mail wraps them.
func replaceBase64(s string) string {
	var b strings.Builder
	last := 0
	for i := minMedia / 2; i < len(s); i += minMedia / 2 {
		if i < last || !isBase64(s[i]) {
			continue
		}
		start := i
		for start > last && (isBase64(s[start-1]) || s[start-1] == '\n' && wrapped(s, last, start-1)) {
			start--
		}
		end := i
		for {
			e := run(s, end, len(s), isBase64)
			line := e - max(start, strings.LastIndexByte(s[:e], '\n')+1)
			end = e
			if end+1 >= len(s) || s[end] != '\n' || line < 60 || !isBase64(s[end+1]) {
				break
			}
			end++
		}
		if end-start >= minMedia && base64Like(s[start:end]) {
			b.WriteString(s[last:start])
			b.WriteString(describeMedia("base64", digestBase64(s[start:end])))
			last = end
		}
		i = max(i, end/(minMedia/2)*(minMedia/2))
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

// wrapped reports whether the line that ends at s[nl] is a full line of base64.
func wrapped(s string, lo, nl int) bool {
	n := nl
	for n > lo && nl-n < 60 && isBase64(s[n-1]) {
		n--
	}
	return nl-n >= 60
}

// base64Like tells encoded bytes from a long word, a path or repeated letters.
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
		digit, upper, lower = digit || isDigit(c), upper || isUpper(c), lower || isLower(c)
	}
	return digit && upper && lower && distinct >= 24
}
