package redact

import "strings"

// redactedPrefix opens what stands in the place of something masked. No
// detector matches through it, which makes masking idempotent.
const redactedPrefix = "[REDACTED:"

// kind is a set of detectors.
type kind uint8

const (
	secrets kind = 1 << iota
	email
	phone
	card
	cnID
	ip
)

var kindOf = map[string]kind{
	KindSecrets: secrets, KindEmail: email, KindPhone: phone,
	KindCard: card, KindCNID: cnID, KindIP: ip,
}

// label is what a replacement names: a secret is one whatever its form.
func (k kind) label() string {
	switch k {
	case secrets:
		return "secret"
	case email:
		return KindEmail
	case phone:
		return KindPhone
	case card:
		return KindCard
	case cnID:
		return KindCNID
	default:
		return KindIP
	}
}

// hit is a stretch s[start:end] to be replaced; the zero hit is none.
type hit struct {
	start, end int
	kind       kind
}

// anchor is a class of bytes at which a detector looks around. They are chosen
// to be rare in prose: looking at every letter that a secret may begin with
// would be several times slower than looking at the dash within "sk-".
type anchor uint8

const (
	none     anchor = iota
	atToken         // - and _: prefixes of tokens, PEM
	atUpper         // A, J: AKIA, ASIA, AIza, ABSK, JWT
	atScheme        // B, b: Bearer, Basic
	atAssign        // = and : : assignments, userinfo in URLs, IPv6
	atWide          // first byte of a full-width colon
	atDot           // Zhipu and Google tokens
	atSign          // @ and %: e-mail
	atDigit         // numbers
	atPlus          // E.164
)

// masker finds and replaces in one pass over a text. It is immutable.
type masker struct {
	kinds    kind
	class    [256]anchor
	patterns []pattern
}

func newMasker(kinds kind, patterns []pattern) *masker {
	m := &masker{kinds: kinds, patterns: patterns}
	set := func(a anchor, bytes string) {
		for i := range len(bytes) {
			m.class[bytes[i]] = a
		}
	}
	if kinds&secrets != 0 {
		set(atToken, "-_")
		set(atUpper, "AJ")
		set(atScheme, "Bb")
		set(atAssign, "=:")
		set(atWide, "\xEF")
		set(atDot, ".")
	}
	if kinds&ip != 0 {
		set(atAssign, ":")
	}
	if kinds&email != 0 {
		set(atSign, "@%")
	}
	if kinds&(phone|card|cnID|ip) != 0 {
		set(atDigit, "0123456789")
	}
	if kinds&phone != 0 {
		set(atPlus, "+")
	}
	return m
}

// maxPasses bounds the passes over one text. A replacement can uncover what
// its neighbour hid (a boundary appears); two passes settle nearly all texts.
const maxPasses = 4

// mask returns s with everything replaced that a detector or pattern finds; s
// itself where there is nothing.
func (m *masker) mask(s string) string {
	for range maxPasses {
		out, changed := m.pass(s)
		for _, p := range m.patterns {
			if p.re.MatchString(out) {
				out = p.re.ReplaceAllString(out, p.replace)
				changed = changed || out != s
			}
		}
		if !changed || out == s {
			return out
		}
		s = out
	}
	return s
}

// pass replaces what the built-in detectors find.
func (m *masker) pass(s string) (string, bool) {
	if m.kinds == 0 {
		return s, false
	}
	var b strings.Builder
	last := 0 // s[:last] is written
	for i := 0; i < len(s); {
		a := m.class[s[i]]
		if a == none {
			i++
			continue
		}
		h, next := m.at(a, s, i, last)
		if h.end <= h.start {
			i = next
			continue
		}
		if last == 0 {
			b.Grow(len(s) + 32)
		}
		b.WriteString(s[last:h.start])
		b.WriteString(redactedPrefix)
		b.WriteString(h.kind.label())
		b.WriteByte(']')
		last, i = h.end, h.end
	}
	if last == 0 {
		return s, false
	}
	b.WriteString(s[last:])
	return b.String(), true
}

// at asks the detectors of the anchor at s[i]. No hit begins before lo. next is
// where to go on where there is no hit.
func (m *masker) at(a anchor, s string, i, lo int) (h hit, next int) {
	next = i + 1
	switch a {
	case atToken:
		h = tokenAt(s, i, lo)
		if h.end == 0 && s[i] == '-' {
			h = pemAt(s, i, lo)
		}
	case atUpper:
		h = upperAt(s, i, lo)
	case atScheme:
		h = schemeAt(s, i, lo)
	case atAssign:
		if m.kinds&secrets != 0 {
			h = assignAt(s, i, lo)
		}
		if h.end == 0 && m.kinds&ip != 0 && s[i] == ':' {
			h = ipv6At(s, i, lo)
		}
	case atWide:
		if strings.HasPrefix(s[i:], "：") {
			h = assignAt(s, i, lo)
			next = i + len("：")
		}
	case atDot:
		h = dotAt(s, i, lo)
	case atSign:
		h = emailAt(s, i, lo)
	case atDigit:
		h, next = m.numberAt(s, i, lo)
	case atPlus:
		h = plusAt(s, i)
	case none:
	}
	return h, next
}

func isDigit(c byte) bool { return c-'0' < 10 }
func isLower(c byte) bool { return c-'a' < 26 }
func isUpper(c byte) bool { return c-'A' < 26 }
func isAlpha(c byte) bool { return (c|0x20)-'a' < 26 }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isHex(c byte) bool   { return isDigit(c) || (c|0x20)-'a' < 6 }

// isToken reports whether c may stand within a token: letters, digits, - and _.
func isToken(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

// boundary reports whether a word may begin at s[i]: the byte before is no
// letter, digit or underscore, or it is the letter of a JSON escape (\n).
func boundary(s string, i int) bool {
	if i == 0 {
		return true
	}
	c := s[i-1]
	if !isAlnum(c) && c != '_' {
		return true
	}
	return escapeEnds(s, i)
}

// escapeEnds reports whether an escape sequence of a JSON string ends before
// s[i]: \n, \t, \r, \u003c. JSON within text is common in prompts.
func escapeEnds(s string, i int) bool {
	if i >= 2 && s[i-2] == '\\' {
		switch s[i-1] {
		case 'n', 't', 'r', 'b', 'f':
			return true
		}
	}
	return i >= 6 && s[i-6] == '\\' && s[i-5] == 'u' &&
		isHex(s[i-4]) && isHex(s[i-3]) && isHex(s[i-2]) && isHex(s[i-1])
}

// run returns the end of the longest s[i:] of at most limit bytes that all
// satisfy ok.
func run(s string, i, limit int, ok func(byte) bool) int {
	end := min(len(s), i+limit)
	for i < end && ok(s[i]) {
		i++
	}
	return i
}

// foldEq reports whether a and b are equal but for ASCII case; b is lower case.
func foldEq(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		c := a[i]
		if isUpper(c) {
			c |= 0x20
		}
		if c != b[i] {
			return false
		}
	}
	return true
}
