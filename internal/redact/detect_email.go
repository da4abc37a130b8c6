package redact

// notTLDs are endings of file names that stand after an @ in retina images and
// packages; none is a top-level domain in use for mail.
var notTLDs = []string{"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "scss", "js", "mjs", "ts", "tsx", "json", "html", "yaml", "yml", "tgz", "service", "local"}

func isLocalPart(c byte) bool {
	return isAlnum(c) || c == '.' || c == '_' || c == '-' || c == '+' || c == '\'' || c == '%'
}

// emailAt finds an address whose @, or %40, is at s[i].
func emailAt(s string, i, lo int) hit {
	host := i + 1
	if s[i] == '%' {
		if i+3 > len(s) || s[i+1:i+3] != "40" {
			return hit{}
		}
		host = i + 3
	}
	start := i
	for start > lo && i-start < 64 && isLocalPart(s[start-1]) {
		start--
	}
	start = afterEscape(s, start, i)
	for start < i && !isAlnum(s[start]) { // quotes and dots before the address
		start++
	}
	if start == i || s[i-1] == '.' {
		return hit{}
	}
	end, tld := domainEnd(s, host)
	if tld == "" {
		return hit{}
	}
	for _, n := range notTLDs {
		if foldEq(tld, n) {
			return hit{}
		}
	}
	if s[start:i] == "git" && end < len(s) && s[end] == ':' {
		return hit{} // git@host:path is a repository
	}
	return hit{start, end, email}
}

// afterEscape moves start past the letter of a JSON escape that precedes an
// address: "\nann@example.org".
func afterEscape(s string, start, end int) int {
	if start == 0 || s[start-1] != '\\' {
		return start
	}
	switch s[start] {
	case 'n', 't', 'r', 'b', 'f':
		return start + 1
	case 'u':
		if start+5 <= end && isHex(s[start+1]) && isHex(s[start+2]) && isHex(s[start+3]) && isHex(s[start+4]) {
			return start + 5
		}
	}
	return start
}

// domainEnd returns where the host name at s[i] ends and its top-level domain,
// empty where it has none.
func domainEnd(s string, i int) (int, string) {
	end, tldStart, labels := i, -1, 0
	j := i
	for j < len(s) && j-i < 255 {
		start := j
		for j < len(s) && (isAlnum(s[j]) || s[j] == '-') {
			j++
		}
		if j == start || s[start] == '-' || s[j-1] == '-' || j-start > 63 {
			break
		}
		labels++
		if labels > 1 && tldLike(s[start:j]) {
			end, tldStart = j, start
		}
		if j >= len(s) || s[j] != '.' {
			break
		}
		j++
	}
	if tldStart < 0 {
		return i, ""
	}
	return end, s[tldStart:end]
}

func tldLike(s string) bool {
	if len(s) < 2 || len(s) > 24 {
		return false
	}
	if len(s) > 4 && s[:4] == "xn--" {
		return true
	}
	for i := range len(s) {
		if !isAlpha(s[i]) {
			return false
		}
	}
	return true
}
