package redact

import "strings"

// strength is how surely a name says that its value is a credential.
type strength uint8

const (
	harmless strength = iota
	weak              // token, key in a query: the value must look like a secret
	strong            // password, api_key: any value counts
)

// secretName is the end of a name, in lower case without -, _ and spaces.
type secretName struct {
	text     string
	strength strength
}

// secretNames are the names by their last letter: most names are told harmless
// by one look.
var secretNames = [26][]secretName{
	'd' - 'a': {{"password", strong}, {"passwd", strong}, {"pwd", strong}, {"accesskeyid", weak}},
	'e' - 'a': {{"passphrase", strong}, {"passcode", strong}, {"cookie", strong}},
	't' - 'a': {{"secret", strong}},
	'y' - 'a': {
		{"apikey", strong},
		{"secretkey", strong},
		{"accesskey", strong},
		{"privatekey", strong},
		{"accountkey", strong},
		{"signingkey", strong},
		{"encryptionkey", strong},
		{"subscriptionkey", strong},
		{"authkey", strong},
	},
	'n' - 'a': {
		{"accesstoken", strong},
		{"refreshtoken", strong},
		{"authtoken", strong},
		{"bearertoken", strong},
		{"sessiontoken", strong},
		{"securitytoken", strong},
		{"token", weak},
		{"authorization", strong},
	},
	'l' - 'a': {{"credential", weak}},
	's' - 'a': {{"credentials", weak}},
}

// queryNames are names that carry a credential when they stand in a URL.
var queryNames = []string{
	"key", "sig", "signature", "auth", "access_key", "x-amz-signature", "x-amz-credential",
	"x-goog-signature", "x-goog-credential", "code_verifier", "subscription-key", "token", "secret",
}

// nameEndsWith reports whether the identifier s[lo:end] ends with the
// normalised name, ignoring case, -, _ and one space; it returns where the
// name begins.
func nameEndsWith(s string, lo, end int, name string) (int, bool) {
	j := end
	for n := len(name) - 1; n >= 0; n-- {
		for j > lo && j < end && (s[j-1] == '_' || s[j-1] == '-' || s[j-1] == ' ' && j-1 > lo && isAlpha(s[j-2])) {
			j--
		}
		if j == lo {
			return 0, false
		}
		c := s[j-1]
		if isUpper(c) {
			c |= 0x20
		}
		if c != name[n] {
			return 0, false
		}
		j--
	}
	return j, true
}

// classifyName says what the name that ends at s[end] promises of its value.
func classifyName(s string, lo, end int) strength {
	if end <= lo {
		return harmless
	}
	if !isAlpha(s[end-1]) {
		return harmless
	}
	best := harmless
	for _, n := range secretNames[s[end-1]|0x20-'a'] {
		start, ok := nameEndsWith(s, lo, end, n.text)
		if !ok || n.strength <= best {
			continue
		}
		// "nextPageToken" and "stop_token" carry no credential.
		if n.text == "token" && harmlessToken(s, lo, start) {
			continue
		}
		best = n.strength
	}
	return best
}

var harmlessTokens = []string{"page", "next", "stop", "eos", "bos", "pad", "unk", "sep", "mask", "per", "max", "first", "last", "special"}

func harmlessToken(s string, lo, start int) bool {
	for start > lo && (s[start-1] == '_' || s[start-1] == '-' || s[start-1] == ' ') {
		start--
	}
	for _, w := range harmlessTokens {
		if _, ok := nameEndsWith(s, lo, start, w); ok {
			return true
		}
	}
	return false
}

// assignAt finds `name = value`, `name: value` and `"name": "value"` at the
// sign at s[i], and userinfo in URLs; it covers the value.
func assignAt(s string, i, lo int) hit {
	if strings.HasPrefix(s[i:], "://") {
		return userinfoAt(s, i+3, lo)
	}
	end := i
	for n := 0; n < 2 && end > lo && s[end-1] == ' '; n++ {
		end--
	}
	for n := 0; n < 4 && end > lo && (s[end-1] == '"' || s[end-1] == '\'' || s[end-1] == '\\' || s[end-1] == '`' || s[end-1] == '*'); n++ {
		end--
	}
	if end <= lo {
		return hit{}
	}
	if s[end-1] >= 0x80 {
		if !chineseName(s[lo:end]) {
			return hit{}
		}
		return valueAt(s, i, strong, false)
	}
	if s[i] == '=' {
		if h := queryAt(s, i, lo); h.end > 0 {
			return h
		}
	}
	st := classifyName(s, max(lo, end-64), end)
	if st == harmless {
		return hit{}
	}
	_, auth := nameEndsWith(s, max(lo, end-64), end, "authorization")
	_, cookie := nameEndsWith(s, max(lo, end-64), end, "cookie")
	return valueAt(s, i, st, auth || cookie)
}

func chineseName(s string) bool {
	for _, n := range []string{"密码", "口令", "密钥", "密钥是", "密码是", "令牌"} {
		if strings.HasSuffix(s, n) {
			return true
		}
	}
	return false
}

// queryAt finds the credential of a URL's query at the = at s[i].
func queryAt(s string, i, lo int) hit {
	start := i
	for start > lo && i-start < 24 && isToken(s[start-1]) {
		start--
	}
	if start == 0 || s[start-1] != '?' && s[start-1] != '&' && !strings.HasSuffix(s[:start], `\u0026`) {
		return hit{}
	}
	for _, n := range queryNames {
		if !foldEq(s[start:i], n) {
			continue
		}
		end := run(s, i+1, maxToken, func(c byte) bool {
			return c > ' ' && c < 0x7F && c != '&' && c != '#' && c != '"' && c != '\'' && c != '<' && c != '>' && c != '\\' && c != ')'
		})
		if end-i-1 >= 6 && !strings.HasPrefix(s[i+1:], redactedPrefix) && !placeholder(s[i+1:end]) {
			return hit{i + 1, end, secrets}
		}
	}
	return hit{}
}

// userinfoAt finds the password in scheme://user:password@host, given where
// the user begins.
func userinfoAt(s string, start, lo int) hit {
	colon, at := -1, -1
	limit := min(len(s), start+256)
	for j := start; j < limit; j++ {
		switch c := s[j]; {
		case c == ':' && colon < 0:
			colon = j
		case c == '@':
			at = j
		case c == '/' && colon >= 0 && at < 0:
			// A password may hold a slash, a port may not.
			if colon+1 < j && isDigit(s[colon+1]) && run(s, colon+1, 6, isDigit) == j {
				return hit{}
			}
		case c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' || c == '\\' || c == '/' || c == '?' || c == '#':
			limit = j
		}
	}
	if colon < 0 || at <= colon+1 || colon+1 < lo || strings.HasPrefix(s[colon+1:], redactedPrefix) || placeholder(s[colon+1:at]) {
		return hit{}
	}
	return hit{colon + 1, at, secrets}
}

// valueAt covers the value after the sign at s[i]. whole says that the value
// is a header's: it goes on to the end of the line.
func valueAt(s string, i int, st strength, whole bool) hit {
	v := i + 1
	if s[i] == 0xEF {
		v = i + len("：")
	}
	if v < len(s) && (s[v] == '=' || s[v] == '>') { // :=, =>, and == in code
		if s[i] == '=' && s[v] == '=' {
			return hit{}
		}
		v++
	}
	spaced := v
	v = run(s, v, 4, func(c byte) bool { return c == ' ' || c == '\t' })
	spaced = v - spaced
	for v < len(s) && s[v] == '*' { // **Password:** in Markdown
		v++
	}
	v = run(s, v, 1, func(c byte) bool { return c == ' ' })
	if v >= len(s) {
		return hit{}
	}
	esc := s[v] == '\\'
	if esc && v+1 < len(s) {
		v++
	}
	if q := s[v]; q == '"' || q == '\'' || q == '`' {
		return quotedValue(s, v, esc, st)
	}
	if esc {
		return hit{}
	}
	return bareValue(s, i, v, st, whole, spaced > 0)
}

// quotedValue covers what stands between the quote at s[v] and its twin.
func quotedValue(s string, v int, esc bool, st strength) hit {
	q := s[v]
	start := v + 1
	limit := min(len(s), start+maxToken)
	end := start
	for ; end < limit; end++ {
		c := s[end]
		if c == q && !esc {
			break
		}
		if c == '\\' {
			if esc && end+1 < limit && s[end+1] == q {
				break
			}
			if !esc && end+1 < limit {
				end++
			}
			continue
		}
		if c == '\n' {
			break
		}
	}
	end = min(end, len(s))
	val := s[start:end]
	if val == "" || placeholder(val) || isWord(val) {
		return hit{}
	}
	if st == weak && (!looksSecret(val) || strings.ContainsAny(val, " \t")) {
		return hit{}
	}
	if st == strong && strings.Count(val, " ") > 3 { // a sentence, as in a schema's description
		return hit{}
	}
	return hit{start, end, secrets}
}

// bareValue covers an unquoted value that begins at s[v].
func bareValue(s string, i, v int, st strength, whole, spaced bool) hit {
	if whole {
		return headerValue(s, v)
	}
	end := run(s, v, maxToken, func(c byte) bool {
		return c > ' ' && c < 0x7F && c != ',' && c != ';' && c != '"' && c != '\'' && c != '`' && c != '&' &&
			c != '<' && c != '>' && c != '(' && c != '[' && c != '{' && c != ')' && c != ']' && c != '}' && c != '\\'
	})
	val := s[v:end]
	if len(val) < 4 || placeholder(val) {
		return hit{}
	}
	if end < len(s) && (s[end] == '(' || s[end] == '[' || s[end] == '{') && strings.IndexByte(val, '!') < 0 {
		return hit{} // code: os.getenv(, environ[
	}
	val = strings.TrimRight(val, ".?:")
	end = v + len(val)
	if len(val) < 4 {
		return hit{}
	}
	if looksSecret(val) && !reference(val) {
		return hit{v, end, secrets}
	}
	if st == weak || reference(val) || isWord(val) {
		return hit{}
	}
	// "password: hunter" at the end of a line is a value, "password: must be ..."
	// is a sentence.
	if spaced || s[i] != '=' {
		rest := strings.TrimLeft(s[end:min(len(s), end+8)], " .!?")
		if rest != "" && (isAlpha(rest[0]) || isDigit(rest[0])) {
			return hit{}
		}
	}
	return hit{v, end, secrets}
}

// headerValue covers the value of an Authorization or Cookie header, leaving
// the scheme readable: one token after a scheme that has one, else everything
// to the end of the line.
func headerValue(s string, v int) hit {
	inLine := func(c byte) bool {
		return c >= ' ' && c < 0x7F && c != '"' && c != '\'' && c != '`' && c != '\\' || c == '\t'
	}
	for _, scheme := range []string{"bearer ", "basic ", "token "} {
		if len(s)-v > len(scheme) && foldEq(s[v:v+len(scheme)], scheme) {
			v += len(scheme)
			inLine = isCredential
			break
		}
	}
	end := run(s, v, maxToken, inLine)
	for end > v && (s[end-1] == ' ' || s[end-1] == '.' || s[end-1] == '\t') {
		end--
	}
	val := s[v:end]
	if len(val) < 4 || placeholder(val) {
		return hit{}
	}
	first, _, more := strings.Cut(val, " ")
	if !looksSecret(first) && (more || isWord(first)) && !strings.Contains(first, "=") {
		return hit{} // prose
	}
	return hit{v, end, secrets}
}

// placeholder reports whether a value stands for one: ${KEY}, <your key>,
// {{ key }}, %s, ***, [REDACTED:...].
func placeholder(s string) bool {
	switch s[0] {
	case '$', '<', '{', '[', '%', '(':
		return true
	}
	return strings.Trim(s, "*") == "" || strings.Trim(s, ".") == ""
}

// reference reports whether a value is an expression of a programming language:
// settings.API_KEY, self.token, api_key.
func reference(s string) bool {
	dot := false
	for i := range len(s) {
		c := s[i]
		dot = dot || c == '.' || c == '_'
		if !isAlpha(c) && c != '.' && c != '_' {
			return false
		}
	}
	return dot
}

// words are values of a field named password that are no password.
var words = []string{
	"required", "optional", "string", "must", "none", "null", "nil", "true", "false", "empty", "hidden", "invalid",
	"incorrect", "redacted", "type", "please", "reset", "changed", "missing", "wrong", "expired", "undefined", "example",
	"text", "password", "secret", "token", "value", "enter", "protected", "encrypted", "masked", "forgotten", "number", "boolean", "object",
}

func isWord(s string) bool {
	for _, w := range words {
		if foldEq(s, w) {
			return true
		}
	}
	return false
}
