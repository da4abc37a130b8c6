package redact

import (
	"encoding/base64"
	"strings"
)

// maxToken bounds one token: a longer run of token characters is no key.
const maxToken = 4096

// maxJudged is how much of a token is looked at to tell whether it is a key.
const maxJudged = 160

// tokenPrefix is the beginning of a kind of API key that ends in - or _.
type tokenPrefix struct {
	text string
	min  int // least characters after it
}

// dashPrefixes and barPrefixes are the keys that are known by how they begin.
// A new one is one line here and one in testdata/secrets.txt.
var (
	dashPrefixes = []tokenPrefix{
		{"sk-", 16},      // OpenAI, Anthropic, DeepSeek, DashScope, Moonshot, OpenRouter, LiteLLM, Langfuse
		{"glpat-", 16},   // GitLab
		{"xoxb-", 10},    // Slack
		{"xoxp-", 10},    // Slack
		{"xoxa-", 10},    // Slack
		{"xoxe-", 10},    // Slack
		{"xoxr-", 10},    // Slack
		{"xoxs-", 10},    // Slack
		{"xapp-", 10},    // Slack
		{"pplx-", 20},    // Perplexity
		{"xai-", 20},     // xAI
		{"nvapi-", 20},   // NVIDIA
		{"GOCSPX-", 20},  // Google OAuth client
		{"tvly-", 16},    // Tavily
		{"ark-", 30},     // Volcengine
		{"PMAK-", 20},    // Postman
		{"lin-api-", 20}, // Linear
	}
	barPrefixes = []tokenPrefix{
		{"ghp_", 20}, {"gho_", 20}, {"ghu_", 20}, {"ghs_", 20}, {"ghr_", 20}, {"github_pat_", 22}, // GitHub
		{"hf_", 20},                        // Hugging Face
		{"gsk_", 20},                       // Groq
		{"r8_", 20},                        // Replicate
		{"npm_", 30},                       // npm
		{"sk_live_", 16}, {"sk_test_", 16}, // Stripe
		{"rk_live_", 16}, {"rk_test_", 16}, // Stripe
		{"whsec_", 20},                     // webhook signing
		{"fw_", 20},                        // Fireworks
		{"tgp_v1_", 20},                    // Together
		{"lsv2_pt_", 20}, {"lsv2_sk_", 20}, // LangSmith
		{"glsa_", 20},   // Grafana
		{"dop_v1_", 20}, // DigitalOcean
		{"shpat_", 20},  // Shopify
		{"jina_", 20},   // Jina
		{"sntrys_", 20}, // Sentry
		{"csk_", 20},    // Cerebras style
		{"sbp_", 20},    // Supabase
		{"pypi_", 30},   // PyPI
	}
)

// tokenAt finds keys whose prefix ends at the - or _ at s[i].
func tokenAt(s string, i, lo int) hit {
	prefixes := dashPrefixes
	if s[i] == '_' {
		prefixes = barPrefixes
	}
	if i-lo < 2 {
		return hit{}
	}
	// Every prefix is told apart by the character before its last.
	c := s[i-1]
	for _, p := range prefixes {
		n := len(p.text)
		if p.text[n-2] != c || i+1-lo < n || s[i+1-n:i+1] != p.text {
			continue
		}
		start := i + 1 - n
		if start > 0 && isAlnum(s[start-1]) && !escapeEnds(s, start) {
			continue
		}
		// Judged by its beginning: a text of many prefixes and no key must not
		// be read over and over.
		head := run(s, i+1, maxJudged, isToken)
		if head-i-1 >= p.min && keyLike(s[i+1:head]) {
			return hit{start, run(s, head, maxToken, isToken), secrets}
		}
	}
	return hit{}
}

// keyLike tells a key from words joined by dashes: it has a digit, or capitals
// among small letters, or a long stretch without a dash.
func keyLike(s string) bool {
	stretch, longest := 0, 0
	var digit, upper, lower bool
	for i := range len(s) {
		c := s[i]
		if c == '-' || c == '_' {
			stretch = 0
			continue
		}
		stretch++
		longest = max(longest, stretch)
		digit = digit || isDigit(c)
		upper = upper || isUpper(c)
		lower = lower || isLower(c)
	}
	return (digit || upper && lower) && longest >= 8 || longest >= 16
}

// pemAt finds a private key in PEM form whose first dash is s[i]. A key whose
// end is missing is masked to the end of the text.
func pemAt(s string, i, lo int) hit {
	const begin = "-----BEGIN "
	if i < lo || !strings.HasPrefix(s[i:], begin) {
		return hit{}
	}
	head := s[i+len(begin) : min(len(s), i+len(begin)+64)]
	k := strings.Index(head, "PRIVATE KEY")
	if k < 0 || strings.Contains(head[:k], "\n") {
		return hit{}
	}
	body := i + len(begin) + k + len("PRIVATE KEY")
	e := strings.Index(s[body:], "-----END ")
	if e < 0 {
		return hit{i, len(s), secrets}
	}
	end := body + e + len("-----END ")
	if d := strings.Index(s[end:min(len(s), end+64)], "-----"); d >= 0 {
		end += d + len("-----")
	}
	return hit{i, end, secrets}
}

// upperAt finds Amazon and Google keys and JSON web tokens.
func upperAt(s string, i, lo int) hit {
	if s[i] == 'J' {
		return jwtAt(s, i, lo)
	}
	if i > 0 && isAlnum(s[i-1]) && !escapeEnds(s, i) || len(s)-i < 20 {
		return hit{}
	}
	switch s[i : i+4] {
	case "AKIA", "ASIA":
		end := run(s, i+4, 64, func(c byte) bool { return isUpper(c) || isDigit(c) })
		if end-i == 20 && (end == len(s) || !isAlnum(s[end])) {
			return hit{i, end, secrets}
		}
	case "AIza":
		if end := run(s, i+4, 128, isToken); end-i >= 34 {
			return hit{i, end, secrets}
		}
	case "ABSK":
		if end := run(s, i+4, maxToken, isBase64); end-i >= 44 {
			return hit{i, end, secrets}
		}
	}
	return hit{}
}

// jwtAt finds a JSON web token: eyJ and a second part.
func jwtAt(s string, i, lo int) hit {
	start := i - 2
	if start < lo || s[start:i] != "ey" || start > 0 && isAlnum(s[start-1]) && !escapeEnds(s, start) {
		return hit{}
	}
	dot := run(s, i+1, 1024, isToken)
	if dot-start < 12 || dot >= len(s) || s[dot] != '.' {
		return hit{}
	}
	end := run(s, dot+1, 1<<15, func(c byte) bool { return isToken(c) || c == '.' })
	for end > dot && s[end-1] == '.' {
		end--
	}
	if end-dot < 9 {
		return hit{}
	}
	return hit{start, end, secrets}
}

// schemeAt finds "Bearer TOKEN" and "Basic BASE64" at the B of the scheme and
// covers the credential, not the scheme.
func schemeAt(s string, i, lo int) hit {
	if i+14 > len(s) {
		return hit{}
	}
	switch s[i+1] | 0x20 {
	case 'e':
		if !foldEq(s[i:i+7], "bearer ") || !boundary(s, i) {
			return hit{}
		}
		v := run(s, i+7, 4, func(c byte) bool { return c == ' ' })
		end := run(s, v, maxToken, isCredential)
		for end > v && s[end-1] == '.' {
			end--
		}
		if v >= lo && end-v >= 8 && looksSecret(s[v:end]) {
			return hit{v, end, secrets}
		}
	case 'a':
		if !foldEq(s[i:i+6], "basic ") || !boundary(s, i) {
			return hit{}
		}
		v := i + 6
		end := run(s, v, maxToken, isBase64)
		if v >= lo && end-v >= 8 && decodesToUserinfo(s[v:end]) {
			return hit{v, end, secrets}
		}
	}
	return hit{}
}

// isCredential reports whether c may stand in the token of an Authorization
// header (RFC 7235's token68).
func isCredential(c byte) bool {
	return isToken(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '='
}

func isBase64(c byte) bool { return isToken(c) || c == '+' || c == '/' || c == '=' }

func decodesToUserinfo(s string) bool {
	var buf [96]byte
	s = strings.TrimRight(s, "=")
	s = s[:min(len(s), 128)]
	n, _ := base64.RawStdEncoding.Decode(buf[:], []byte(s[:len(s)/4*4]))
	if tail := len(s) % 4; n < len(buf)-3 && tail > 1 {
		m, _ := base64.RawStdEncoding.Decode(buf[n:], []byte(s[len(s)-tail:]))
		n += m
	}
	colon := false
	for _, c := range buf[:n] {
		if c < 0x20 {
			return false
		}
		colon = colon || c == ':'
	}
	return colon
}

// dotAt finds tokens told by a dot within: Zhipu's 32 hex digits, dot, secret;
// Google's ya29.
func dotAt(s string, i, lo int) hit {
	if i-lo >= 4 && s[i-1] == '9' && s[i-4:i] == "ya29" && boundary(s, i-4) {
		if end := run(s, i+1, maxToken, isToken); end-i > 20 {
			return hit{i - 4, end, secrets}
		}
		return hit{}
	}
	if i-lo < 32 || i+17 > len(s) || !isHex(s[i-1]) || !isAlnum(s[i+1]) {
		return hit{}
	}
	var digit, alpha bool
	for j := i - 32; j < i; j++ {
		if !isHex(s[j]) || isUpper(s[j]) {
			return hit{}
		}
		digit = digit || isDigit(s[j])
		alpha = alpha || isAlpha(s[j])
	}
	if !digit || !alpha || !boundary(s, i-32) {
		return hit{}
	}
	end := run(s, i+1, 64, isAlnum)
	if end-i != 17 || !looksSecret(s[i+1:end]) {
		return hit{}
	}
	return hit{i - 32, end, secrets}
}

// looksSecret tells a credential from a word: eight characters or more with a
// digit or capitals within, or very long.
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
		digit = digit || isDigit(c)
		lower = lower || isLower(c)
		innerUpper = innerUpper || i > 0 && isUpper(c)
	}
	return digit || lower && innerUpper || len(s) >= 24
}
