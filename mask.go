package pitot

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// maskKind is a set of things that are masked.
type maskKind uint8

const (
	maskSecrets maskKind = 1 << iota
	maskEmail
	maskPhone
	maskCard
)

// What WithRedact can mask.
const (
	RedactSecrets = "secrets" // API keys, tokens, passwords, private keys: the default
	RedactEmail   = "email"   // e-mail addresses
	RedactPhone   = "phone"   // telephone numbers
	RedactCard    = "card"    // payment card numbers
)

// WithRedact says what is masked in content, error messages and attributes
// before they leave the program: RedactSecrets, RedactEmail, RedactPhone,
// RedactCard. Without this option it is RedactSecrets alone; without arguments
// nothing is masked. What is masked reads [REDACTED:secret], [REDACTED:email]
// and so on, as Pitot's server writes it.
func WithRedact(kinds ...string) Option {
	return func(s *settings) error {
		var set maskKind
		for _, k := range kinds {
			switch k {
			case RedactSecrets:
				set |= maskSecrets
			case RedactEmail:
				set |= maskEmail
			case RedactPhone:
				set |= maskPhone
			case RedactCard:
				set |= maskCard
			default:
				return fmt.Errorf("WithRedact: unknown kind %q: use %s, %s, %s or %s", k, RedactSecrets, RedactEmail, RedactPhone, RedactCard)
			}
		}
		s.structure.redact = &set
		return nil
	}
}

// structureSettings are the settings of content and structure.
type structureSettings struct {
	redact    *maskKind // nil: secrets
	propagate []string  // hosts that baggage is sent to besides private ones
}

const (
	maskedPrefix = "[REDACTED:"
	maskedSecret = "[REDACTED:secret]"
)

// masker finds what must not leave the program. It is a compact form of what
// Pitot's server does on arrival: what it misses is masked there, and what it
// masked the server leaves alone. It is immutable.
type masker struct {
	kinds maskKind
	class [256]bool // bytes at which a detector looks around
}

func newMasker(kinds maskKind) *masker {
	m := &masker{kinds: kinds}
	var at string
	if kinds&maskSecrets != 0 {
		at += "-_AJBb=:.\xEF"
	}
	if kinds&maskEmail != 0 {
		at += "@"
	}
	if kinds&(maskPhone|maskCard) != 0 {
		at += "0123456789+"
	}
	for i := range len(at) {
		m.class[at[i]] = true
	}
	return m
}

// span is a stretch of a text that is to be masked; end 0 is none.
type stretch struct {
	start, end int
	label      string
}

// mask returns s with everything replaced that a detector finds; s itself where
// there is nothing, without allocating.
func (m *masker) mask(s string) string {
	if m.kinds == 0 || len(s) < 6 {
		return s
	}
	// A replacement can bare what its neighbour hid; two passes settle texts.
	for range 2 {
		out, changed := m.pass(s)
		if !changed {
			return s
		}
		s = out
	}
	return s
}

func (m *masker) pass(s string) (string, bool) {
	var b strings.Builder
	last := 0
	for i := 0; i < len(s); {
		if !m.class[s[i]] {
			i++
			continue
		}
		h, next := m.at(s, i, last)
		if h.end <= h.start {
			i = next
			continue
		}
		if last == 0 {
			b.Grow(len(s) + 32)
		}
		b.WriteString(s[last:h.start])
		b.WriteString(maskedPrefix)
		b.WriteString(h.label)
		b.WriteByte(']')
		last, i = h.end, h.end
	}
	if last == 0 {
		return s, false
	}
	b.WriteString(s[last:])
	return b.String(), true
}

// at asks the detectors of the byte s[i]; nothing before lo is touched. next is
// where to go on where there is nothing.
func (m *masker) at(s string, i, lo int) (h stretch, next int) {
	switch c := s[i]; c {
	case '-', '_':
		h = prefixedKey(s, i, lo)
		if h.end == 0 && c == '-' {
			h = privateKey(s, i)
		}
	case 'A', 'J':
		h = cloudKey(s, i, lo)
	case 'B', 'b':
		h = schemeCredential(s, i)
	case '=', ':':
		h = assigned(s, i, lo)
	case 0xEF: // the full-width colon of Chinese
		if strings.HasPrefix(s[i:], wideColon) {
			return assigned(s, i, lo), i + len(wideColon)
		}
	case '.':
		h = dottedKey(s, i, lo)
	case '@':
		h = emailAddress(s, i, lo)
	default:
		return m.number(s, i, lo)
	}
	return h, i + 1
}

func isDigit(c byte) bool { return c-'0' < 10 }
func isLower(c byte) bool { return c-'a' < 26 }
func isUpper(c byte) bool { return c-'A' < 26 }
func isAlpha(c byte) bool { return (c|0x20)-'a' < 26 }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }
func isHex(c byte) bool   { return isDigit(c) || (c|0x20)-'a' < 6 }

// isToken reports whether c may stand within a token: letters, digits, - and _.
func isToken(c byte) bool { return isAlnum(c) || c == '-' || c == '_' }

func isBase64(c byte) bool { return isToken(c) || c == '+' || c == '/' || c == '=' }

// isCredential reports whether c may stand in the token of an Authorization
// header.
func isCredential(c byte) bool { return isBase64(c) || c == '.' || c == '~' }

// run returns the end of the longest s[i:] of at most limit bytes that all
// satisfy ok.
func run(s string, i, limit int, ok func(byte) bool) int {
	end := min(len(s), i+limit)
	for i < end && ok(s[i]) {
		i++
	}
	return i
}

// wordBegins reports whether a word may begin at s[i]: after no letter or digit,
// or after the letter of an escape of JSON within text.
func wordBegins(s string, i int) bool {
	if i == 0 || !isAlnum(s[i-1]) {
		return true
	}
	if i >= 2 && s[i-2] == '\\' && strings.IndexByte("ntrbf", s[i-1]) >= 0 {
		return true
	}
	return i >= 6 && s[i-6] == '\\' && s[i-5] == 'u'
}

// maxSecret bounds one secret: a longer run of its characters is none.
const maxSecret = 4096

// keyPrefixes are the beginnings of API keys that end in - or _, each with the
// least number of characters that follow.
var keyPrefixes = [...]struct {
	text string
	min  int
}{
	{"sk-", 16},
	{"glpat-", 16},
	{"xoxb-", 10},
	{"xoxp-", 10},
	{"xoxa-", 10},
	{"xoxe-", 10},
	{"xoxr-", 10},
	{"xoxs-", 10},
	{"xapp-", 10},
	{"pplx-", 20},
	{"xai-", 20},
	{"nvapi-", 20},
	{"GOCSPX-", 20},
	{"tvly-", 16},
	{"ark-", 30},
	{"PMAK-", 20},
	{"lin-api-", 20},
	{"ghp_", 20},
	{"gho_", 20},
	{"ghu_", 20},
	{"ghs_", 20},
	{"ghr_", 20},
	{"github_pat_", 22},
	{"hf_", 20},
	{"gsk_", 20},
	{"r8_", 20},
	{"npm_", 30},
	{"sk_live_", 16},
	{"sk_test_", 16},
	{"rk_live_", 16},
	{"rk_test_", 16},
	{"whsec_", 20},
	{"fw_", 20},
	{"tgp_v1_", 20},
	{"lsv2_pt_", 20},
	{"lsv2_sk_", 20},
	{"glsa_", 20},
	{"dop_v1_", 20},
	{"shpat_", 20},
	{"jina_", 20},
	{"sntrys_", 20},
	{"csk_", 20},
	{"sbp_", 20},
	{"pypi_", 30},
}

// prefixedKey finds keys whose prefix ends at s[i].
func prefixedKey(s string, i, lo int) stretch {
	if i-lo < 2 || i+11 > len(s) {
		return stretch{}
	}
	for k := range keyPrefixes {
		p := &keyPrefixes[k]
		n := len(p.text)
		if p.text[n-1] != s[i] || p.text[n-2] != s[i-1] || i+1-lo < n || s[i+1-n:i+1] != p.text || !wordBegins(s, i+1-n) {
			continue
		}
		// Judged by its beginning, so that no text is read over and over.
		head := run(s, i+1, 160, isToken)
		if head-i-1 >= p.min && keyLike(s[i+1:head]) {
			return stretch{i + 1 - n, run(s, head, maxSecret, isToken), "secret"}
		}
	}
	return stretch{}
}

// keyLike tells a key from words joined by dashes.
func keyLike(s string) bool {
	part, longest := 0, 0
	var digit, upper, lower bool
	for i := range len(s) {
		c := s[i]
		if c == '-' || c == '_' {
			part = 0
			continue
		}
		part++
		longest = max(longest, part)
		digit, upper, lower = digit || isDigit(c), upper || isUpper(c), lower || isLower(c)
	}
	return longest >= 16 || longest >= 8 && (digit || upper && lower)
}

// privateKey finds a key in PEM form whose first dash is s[i]; one without its
// end goes on to the end of the text.
func privateKey(s string, i int) stretch {
	const begin, end = "-----BEGIN ", "-----END "
	if !strings.HasPrefix(s[i:], begin) {
		return stretch{}
	}
	head := s[i+len(begin) : min(len(s), i+len(begin)+64)]
	k := strings.Index(head, "PRIVATE KEY")
	if k < 0 || strings.Contains(head[:k], "\n") {
		return stretch{}
	}
	body := i + len(begin) + k
	e := strings.Index(s[body:], end)
	if e < 0 {
		return stretch{i, len(s), "secret"}
	}
	stop := body + e + len(end)
	if d := strings.Index(s[stop:min(len(s), stop+64)], "-----"); d >= 0 {
		stop += d + len("-----")
	}
	return stretch{i, stop, "secret"}
}

// cloudKey finds keys of Amazon and Google and JSON web tokens.
func cloudKey(s string, i, lo int) stretch {
	if s[i] == 'J' { // eyJ…
		start := i - 2
		if start < lo || s[start:i] != "ey" || !wordBegins(s, start) {
			return stretch{}
		}
		dot := run(s, i+1, 1024, isToken)
		if dot-start < 12 || dot >= len(s) || s[dot] != '.' {
			return stretch{}
		}
		end := run(s, dot+1, 1<<15, func(c byte) bool { return isToken(c) || c == '.' })
		for s[end-1] == '.' { // of the sentence
			end--
		}
		if end-dot < 9 {
			return stretch{}
		}
		return stretch{start, end, "secret"}
	}
	if len(s)-i < 20 || !wordBegins(s, i) {
		return stretch{}
	}
	switch s[i : i+4] {
	case "AKIA", "ASIA":
		end := run(s, i+4, 64, func(c byte) bool { return isUpper(c) || isDigit(c) })
		if end-i == 20 && (end == len(s) || !isAlnum(s[end])) {
			return stretch{i, end, "secret"}
		}
	case "AIza":
		if end := run(s, i+4, 128, isToken); end-i >= 34 {
			return stretch{i, end, "secret"}
		}
	case "ABSK":
		if end := run(s, i+4, maxSecret, isBase64); end-i >= 44 {
			return stretch{i, end, "secret"}
		}
	}
	return stretch{}
}

// schemeCredential finds "Bearer TOKEN" and "Basic BASE64" and covers the
// credential.
func schemeCredential(s string, i int) stretch {
	if i+14 > len(s) || !wordBegins(s, i) {
		return stretch{}
	}
	if strings.EqualFold(s[i:i+7], "bearer ") {
		v := run(s, i+7, 4, func(c byte) bool { return c == ' ' })
		end := run(s, v, maxSecret, isCredential)
		if looksSecret(s[v:end]) {
			return stretch{v, end, "secret"}
		}
		return stretch{}
	}
	if strings.EqualFold(s[i:i+6], "basic ") {
		v := i + 6
		end := run(s, v, maxSecret, isBase64)
		text := strings.TrimRight(s[v:min(end, v+160)], "=")
		b, err := base64.RawStdEncoding.DecodeString(text[:len(text)/4*4])
		if err == nil && end-v >= 8 && strings.Contains(string(b), ":") {
			return stretch{v, end, "secret"}
		}
	}
	return stretch{}
}

// dottedKey finds Zhipu's 32 hex digits, dot, 16 characters, and Google's ya29.
func dottedKey(s string, i, lo int) stretch {
	if i-lo >= 4 && s[i-4:i] == "ya29" && wordBegins(s, i-4) {
		if end := run(s, i+1, maxSecret, isToken); end-i > 20 {
			return stretch{i - 4, end, "secret"}
		}
		return stretch{}
	}
	if i-lo < 32 || i+17 > len(s) || !isHex(s[i-1]) || !wordBegins(s, i-32) {
		return stretch{}
	}
	if run(s, i-32, 32, func(c byte) bool { return isHex(c) && !isUpper(c) }) != i || strings.Trim(s[i-32:i], "0123456789") == "" {
		return stretch{}
	}
	if end := run(s, i+1, 64, isAlnum); end-i == 17 && looksSecret(s[i+1:end]) {
		return stretch{i - 32, end, "secret"}
	}
	return stretch{}
}

// looksSecret tells a credential from a word.
func looksSecret(s string) bool {
	if len(s) < 8 {
		return false
	}
	var digit, lower, innerUpper bool
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 { // words of other languages
			return false
		}
		digit, lower, innerUpper = digit || isDigit(c), lower || isLower(c), innerUpper || i > 0 && isUpper(c)
	}
	return digit || lower && innerUpper || len(s) >= 24
}
