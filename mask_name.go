package pitot

import (
	"slices"
	"strings"
)

// credential is how surely a name says that its value is one.
type credential uint8

const (
	noCredential credential = iota
	mayBe                   // token: the value must look like a secret
	surely                  // password, api_key: any value counts
)

// Ends of names, in lower case without -, _ and spaces.
var (
	sureNames = [...]string{
		"password", "passwd", "pwd", "passphrase", "passcode", "cookie", "secret", "apikey", "secretkey", "accesskey", "privatekey",
		"accountkey", "signingkey", "encryptionkey", "subscriptionkey", "authkey", "accesstoken", "refreshtoken", "authtoken",
		"bearertoken", "sessiontoken", "securitytoken", "authorization",
	}
	likelyNames = [...]string{"token", "credential", "credentials", "accesskeyid"}
	// Names of counts and markers that end in "token".
	markTokens = [...]string{"page", "next", "stop", "eos", "bos", "pad", "unk", "sep", "mask", "per", "max", "first", "last", "special"}
	// Names that carry a credential in the query of a URL.
	queryNames = [...]string{"key", "sig", "signature", "auth", "token", "secret", "access_key", "x-amz-signature", "x-amz-credential", "x-goog-signature", "code_verifier"}
	// Values of a field named password that are none.
	plainWords = [...]string{
		"required", "optional", "string", "must", "none", "null", "nil", "true", "false", "empty", "hidden", "invalid", "incorrect", "redacted",
		"type", "please", "reset", "missing", "wrong", "expired", "undefined", "example", "text", "password", "secret", "token", "value", "number", "boolean", "object",
	}
)

// wideColon is the colon of Chinese text.
const wideColon = "："

// credentialName says what a name promises of its value. It looks at the last
// characters alone.
func credentialName(name string) credential {
	if name == "" {
		return noCredential
	}
	// All names end in one of these letters: most are told by one look.
	switch name[len(name)-1] | 0x20 {
	case 'd', 'e', 't', 'y', 'n', 'l', 's':
	default:
		return noCredential
	}
	var buf [32]byte
	at := len(buf)
	for i := len(name) - 1; i >= 0 && at > 0; i-- {
		c := name[i]
		switch {
		case isUpper(c):
			c |= 0x20
		case c == '_' || c == '-' || c == ' ':
			continue
		case !isAlnum(c):
			i = 0
			continue
		}
		at--
		buf[at] = c
	}
	norm := string(buf[at:])
	for _, n := range sureNames {
		if strings.HasSuffix(norm, n) {
			return surely
		}
	}
	for _, n := range likelyNames {
		before, ok := strings.CutSuffix(norm, n)
		if !ok {
			continue
		}
		if n == "token" && slices.ContainsFunc(markTokens[:], func(w string) bool { return strings.HasSuffix(before, w) }) {
			return noCredential
		}
		return mayBe
	}
	return noCredential
}

// assigned finds the value of `name = value`, `name: value` and `"name": "value"`
// at the sign s[i], and passwords in URLs.
func assigned(s string, i, lo int) stretch {
	if strings.HasPrefix(s[i:], "://") {
		return urlPassword(s, i+3)
	}
	end := i
	for n := 0; n < 6 && end > lo && strings.IndexByte(" \"'\\`*", s[end-1]) >= 0; n++ {
		end--
	}
	if end <= lo {
		return stretch{}
	}
	if s[i] == '=' {
		if h := queryValue(s, i, lo); h.end > 0 {
			return h
		}
	}
	if s[end-1] >= 0x80 {
		for _, n := range [...]string{"密码", "口令", "密钥", "密码是", "密钥是", "令牌"} {
			if strings.HasSuffix(s[lo:end], n) {
				return valueAfter(s, i, surely, false)
			}
		}
		return stretch{}
	}
	start := end
	for start > lo && end-start < 40 && (isToken(s[start-1]) || s[start-1] == ' ' && start-1 > lo && isAlpha(s[start-2])) {
		start--
	}
	kind := credentialName(s[start:end])
	if kind == noCredential {
		return stretch{}
	}
	header := strings.EqualFold(s[max(start, end-13):end], "authorization") || strings.EqualFold(s[max(start, end-6):end], "cookie")
	return valueAfter(s, i, kind, header)
}

// urlPassword finds the password in scheme://user:password@host.
func urlPassword(s string, start int) stretch {
	colon := -1
	for j := start; j < len(s) && j < start+256; j++ {
		switch c := s[j]; {
		case c == ':' && colon < 0:
			colon = j
		case c == '@':
			if colon < 0 || j == colon+1 || placeholder(s[colon+1:j]) {
				return stretch{}
			}
			return stretch{colon + 1, j, "secret"}
		case c <= ' ' || strings.IndexByte("\"'<>`\\/?#", c) >= 0:
			return stretch{}
		}
	}
	return stretch{}
}

// queryValue finds the credential of a URL's query at the = at s[i].
func queryValue(s string, i, lo int) stretch {
	start := i
	for start > lo && i-start < 24 && isToken(s[start-1]) {
		start--
	}
	if start == 0 || s[start-1] != '?' && s[start-1] != '&' {
		return stretch{}
	}
	for _, n := range queryNames {
		if !strings.EqualFold(s[start:i], n) {
			continue
		}
		end := run(s, i+1, maxSecret, func(c byte) bool {
			return c > ' ' && c < 0x7F && strings.IndexByte("&#\"'<>\\)", c) < 0
		})
		if end-i-1 >= 6 && !placeholder(s[i+1:end]) {
			return stretch{i + 1, end, "secret"}
		}
	}
	return stretch{}
}

// valueAfter covers the value after the sign at s[i]. header says that it may
// go on to the end of the line.
func valueAfter(s string, i int, kind credential, header bool) stretch {
	v := i + 1
	if s[i] == wideColon[0] {
		v = i + len(wideColon)
	}
	if v < len(s) && (s[v] == '=' || s[v] == '>') { // := and =>, not ==
		if s[i] == '=' && s[v] == '=' {
			return stretch{}
		}
		v++
	}
	spaced := v
	v = run(s, v, 6, func(c byte) bool { return c == ' ' || c == '\t' || c == '*' })
	spaced = v - spaced
	if v >= len(s) {
		return stretch{}
	}
	escaped := s[v] == '\\' && v+1 < len(s)
	if escaped {
		v++
	}
	if q := s[v]; q == '"' || q == '\'' || q == '`' {
		return quotedValue(s, v, escaped, kind)
	}
	if escaped {
		return stretch{}
	}
	if header {
		return headerValue(s, v)
	}
	end := run(s, v, maxSecret, func(c byte) bool {
		return c > ' ' && c < 0x7F && strings.IndexByte(",;\"'`&<>()[]{}\\", c) < 0
	})
	val := strings.TrimRight(s[v:end], ".?:")
	if len(val) < 4 || placeholder(val) || end < len(s) && strings.IndexByte("([{", s[end]) >= 0 {
		return stretch{} // code: os.Getenv(…
	}
	end = v + len(val)
	reference := strings.ContainsAny(val, "._") && strings.Trim(strings.ToLower(val), "abcdefghijklmnopqrstuvwxyz._") == ""
	if reference || !looksSecret(val) && (kind == mayBe || plainWord(val)) {
		return stretch{}
	}
	if !looksSecret(val) && (spaced > 0 || s[i] != '=') {
		// "password: hunter" at the end of a line is a value, "password: must be ..."
		// is a sentence.
		rest := strings.TrimLeft(s[end:min(len(s), end+8)], " .!?")
		if rest != "" && isAlnum(rest[0]) {
			return stretch{}
		}
	}
	return stretch{v, end, "secret"}
}

// quotedValue covers what stands between the quote at s[v] and its twin.
func quotedValue(s string, v int, escaped bool, kind credential) stretch {
	q, start := s[v], v+1
	end := start
	for end < len(s) && end < start+maxSecret && s[end] != q && s[end] != '\n' {
		if s[end] == '\\' {
			if escaped {
				break
			}
			end++
		}
		end++
	}
	end = min(end, len(s))
	val := s[start:end]
	if !secretValue(val, kind) {
		return stretch{}
	}
	return stretch{start, end, "secret"}
}

// secretValue reports whether a string under a name of this kind is a
// credential: not a word, a sentence, a placeholder.
func secretValue(val string, kind credential) bool {
	if kind == noCredential || val == "" || placeholder(val) || plainWord(val) {
		return false
	}
	if kind == mayBe {
		return looksSecret(val) && !strings.ContainsAny(val, " \t")
	}
	return strings.Count(val, " ") <= 3
}

// headerValue covers the value of an Authorization or Cookie header, leaving
// its scheme readable.
func headerValue(s string, v int) stretch {
	end := run(s, v, maxSecret, func(c byte) bool { return c >= ' ' && c < 0x7F && strings.IndexByte("\"'`\\", c) < 0 })
	for _, scheme := range [...]string{"bearer ", "basic ", "token "} {
		if len(s)-v > len(scheme) && strings.EqualFold(s[v:v+len(scheme)], scheme) {
			v += len(scheme)
			end = run(s, v, maxSecret, isCredential)
			break
		}
	}
	val := strings.TrimRight(s[v:end], " .")
	if len(val) < 4 || placeholder(val) {
		return stretch{}
	}
	first, _, more := strings.Cut(val, " ")
	if !looksSecret(first) && (more || plainWord(first)) && !strings.Contains(first, "=") {
		return stretch{} // prose
	}
	return stretch{v, v + len(val), "secret"}
}

// placeholder reports whether a value stands for one: ${KEY}, <your key>,
// {{ key }}, %s, ***, [REDACTED:secret].
func placeholder(s string) bool {
	return strings.IndexByte("$<{[%(", s[0]) >= 0 || strings.Trim(s, "*") == "" || strings.Trim(s, ".") == ""
}

func plainWord(s string) bool {
	return slices.ContainsFunc(plainWords[:], func(w string) bool { return strings.EqualFold(w, s) })
}
