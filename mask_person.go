package pitot

import "strings"

// emailAddress finds an address whose @ is at s[i].
func emailAddress(s string, i, lo int) stretch {
	start := i
	for start > lo && i-start < 64 && (isToken(s[start-1]) || strings.IndexByte(".+'%", s[start-1]) >= 0) {
		start--
	}
	if start > 0 && s[start-1] == '\\' && start < i { // the rest of an escape
		if strings.IndexByte("ntrbf", s[start]) >= 0 {
			start++
		} else if s[start] == 'u' && start+5 <= i && run(s, start+1, 4, isHex) == start+5 {
			start += 5
		}
	}
	for start < i && !isAlnum(s[start]) {
		start++
	}
	if start == i || s[i-1] == '.' {
		return stretch{}
	}
	end, labels := i+1, 0
	for j := end; j < len(s) && j-i < 255; {
		e := run(s, j, 63, func(c byte) bool { return isAlnum(c) || c == '-' })
		if e == j || s[j] == '-' || s[e-1] == '-' {
			break
		}
		labels++
		if labels > 1 && topLevel(s[j:e]) {
			end = e
		}
		if e >= len(s) || s[e] != '.' {
			break
		}
		j = e + 1
	}
	if end == i+1 || s[start:i] == "git" && end < len(s) && s[end] == ':' {
		return stretch{}
	}
	return stretch{start, end, "email"}
}

// topLevel reports whether a label can be a top-level domain, and is not the
// ending of a file such as a retina image.
func topLevel(s string) bool {
	if len(s) < 2 || len(s) > 24 {
		return false
	}
	if run(s, 0, len(s), isAlpha) != len(s) {
		return strings.HasPrefix(s, "xn--")
	}
	switch strings.ToLower(s) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "mjs", "ts", "tsx", "json", "html", "yaml", "yml", "tgz", "service", "local":
		return false
	}
	return true
}

// number looks at the number that begins at s[i]: a card, else a telephone
// number. next is the end of its first run of digits.
func (m *masker) number(s string, i, lo int) (h stretch, next int) {
	if s[i] == '+' {
		if m.kinds&maskPhone == 0 || i+1 >= len(s) || !isDigit(s[i+1]) || s[i+1] == '0' || i > 0 && isAlnum(s[i-1]) {
			return stretch{}, i + 1
		}
		if digits, end := groups(s, i+1, 15); digits >= 8 {
			return stretch{i, end, "phone"}, end
		}
		return stretch{}, i + 1
	}
	next = run(s, i, len(s), isDigit)
	if i > 0 && (isAlnum(s[i-1]) || s[i-1] == '_') && !wordBegins(s, i) || i >= 2 && s[i-1] == '.' && isDigit(s[i-2]) {
		return stretch{}, next
	}
	if m.kinds&maskCard != 0 {
		if end := cardNumber(s, i); end > 0 {
			return stretch{i, end, "card"}, end
		}
	}
	if m.kinds&maskPhone == 0 {
		return stretch{}, next
	}
	n := next - i
	switch {
	case n == 11 && s[i] == '1' && s[i+1] >= '3' && numberEnds(s, next) && !jsonNumber(s, i),
		n == 13 && strings.HasPrefix(s[i:], "861") && s[i+3] >= '3' && numberEnds(s, next) && !jsonNumber(s, i):
		return stretch{i, next, "phone"}, next // a Chinese mobile
	case n == 3 && s[i] == '1' && s[i+1] >= '3':
		if end := grouped(s, next, " -", 4, 4); end > 0 && (i < 2 || s[i-1] != ' ' || !isDigit(s[i-2])) && (end+1 >= len(s) || s[end] != ' ' || !isDigit(s[end+1])) {
			return stretch{i, end, "phone"}, end
		}
	case n == 3 && s[i] >= '2':
		start := i
		end := grouped(s, next, "-.", 3, 4)
		if end == 0 && next < len(s) && s[next] == ')' && i > lo && s[i-1] == '(' {
			j := run(s, next+1, 1, func(c byte) bool { return c == ' ' })
			if run(s, j, 4, isDigit) == j+3 {
				start, end = i-1, grouped(s, j+3, "-. ", 4)
			}
		}
		if end > 0 {
			return stretch{start, end, "phone"}, end
		}
	}
	if n >= 2 && phoneCue(s[max(lo, i-24):i]) {
		if digits, end := groups(s, i, 15); digits >= 7 {
			return stretch{i, end, "phone"}, end
		}
	}
	return stretch{}, next
}

// phoneCue reports whether the words before a number say that it is one to call.
func phoneCue(before string) bool {
	before = strings.ToLower(before)
	if k := strings.LastIndexAny(before, "0123456789\n"); k >= 0 {
		before = before[k+1:]
	}
	for _, cue := range [...]string{"phone", "mobile", "whatsapp", "fax", "电话", "手机"} {
		if strings.Contains(before, cue) {
			return true
		}
	}
	k := strings.LastIndex(before, "tel") // not of hotel or telemetry
	return k >= 0 && (k == 0 || !isAlpha(before[k-1])) && (k+3 == len(before) || !isAlpha(before[k+3]))
}

// jsonNumber reports whether the number at s[i] is a bare value in JSON: counts
// and times, not telephone numbers.
func jsonNumber(s string, i int) bool {
	t := strings.TrimRight(s[:i], " ")
	return strings.HasSuffix(t, `":`) || strings.HasSuffix(t, "=")
}

// groups counts digits from s[i] on, in groups parted by a space, dash, dot or
// bracket; it returns the end of the last group, or nothing where a word follows.
func groups(s string, i, most int) (digits, end int) {
	for i < len(s) {
		e := run(s, i, most-digits+1, isDigit)
		if e == i || digits+e-i > most {
			break
		}
		digits += e - i
		end, i = e, e
		for n := 0; n < 2 && i < len(s) && strings.IndexByte(" -.()/", s[i]) >= 0; n++ {
			i++
		}
		if i == e {
			break
		}
	}
	if end < len(s) && (isAlnum(s[end]) || s[end] == '_') {
		return 0, 0
	}
	return digits, end
}

// grouped returns the end of groups of digits of these sizes after s[i], each
// after the same one of seps; 0 where they are not there.
func grouped(s string, i int, seps string, sizes ...int) int {
	if i >= len(s) || strings.IndexByte(seps, s[i]) < 0 {
		return 0
	}
	sep := s[i]
	for _, size := range sizes {
		if i >= len(s) || s[i] != sep || run(s, i+1, size+1, isDigit) != i+1+size {
			return 0
		}
		i += 1 + size
	}
	if !numberEnds(s, i) {
		return 0
	}
	return i
}

func numberEnds(s string, i int) bool {
	if i >= len(s) {
		return true
	}
	if isAlnum(s[i]) || s[i] == '_' {
		return false
	}
	return s[i] != '.' || i+1 >= len(s) || !isDigit(s[i+1])
}

// cardNumber returns the end of the payment card number at s[i]: 13 to 19
// digits, plain or in groups of four, of a known issuer and with a right Luhn
// digit.
func cardNumber(s string, i int) int {
	if s[i] < '2' || s[i] > '6' {
		return 0
	}
	var d [19]byte
	n, end := 0, i
	for j := i; j < len(s); {
		e := run(s, j, 20, isDigit)
		if e == j || n+e-j > len(d) || j > i && e-j != 4 && e-j > 6 {
			break
		}
		n += copy(d[n:], s[j:e])
		end = e
		if e-i >= 13 && j == i || e >= len(s) || s[e] != ' ' && s[e] != '-' {
			break
		}
		j = e + 1
	}
	if n < 13 || !numberEnds(s, end) || !issued(d[:n]) || !luhn(d[:n]) {
		return 0
	}
	return end
}

// issued reports whether a card network issues numbers of this beginning and
// length; it keeps ids and times apart, which pass Luhn by chance.
func issued(d []byte) bool {
	two, n := int(d[0]-'0')*10+int(d[1]-'0'), len(d)
	switch {
	case d[0] == '4':
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, two >= 22 && two <= 27:
		return n == 16
	case two == 34 || two == 37:
		return n == 15
	case two == 30 || two == 36 || two == 38 || two == 39:
		return n == 14 || n == 16
	case two == 35, two == 60, two == 62, two == 64, two == 65:
		return n >= 16
	}
	return false
}

func luhn(d []byte) bool {
	sum, same := 0, true
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			v *= 2
			if v > 9 {
				v -= 9
			}
		}
		sum += v
		same = same && d[i] == d[0]
	}
	return sum%10 == 0 && !same
}
