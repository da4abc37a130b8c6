package redact

import "strings"

// numberAt looks at the run of digits that begins at s[i]: identity number,
// card, IPv4 address or phone number, the most certain first. next is the end
// of the run.
func (m *masker) numberAt(s string, i, lo int) (hit, int) {
	next := run(s, i, len(s), isDigit)
	if i > 0 && isDigit(s[i-1]) || i < lo || !boundary(s, i) {
		return hit{}, next
	}
	if i >= 2 && (s[i-1] == '.' || s[i-1] == ',') && isDigit(s[i-2]) && s[i-1] == '.' {
		return hit{}, next // a fraction, or the rest of a version
	}
	n := next - i
	if n == 1 && (next == len(s) || s[next] == ' ' || s[next] == ',') {
		if next+1 >= len(s) || s[i] != '1' {
			return hit{}, next
		}
	}
	if m.kinds&ip != 0 && n <= 3 && next < len(s) && s[next] == '.' {
		if h := ipv4At(s, i); h.end > 0 {
			return h, next
		}
	}
	afterDash := i >= 2 && s[i-1] == '-' && isAlnum(s[i-2])
	if m.kinds&cnID != 0 && (n == 17 || n == 18) {
		if end := cnIDEnd(s, i); end > 0 {
			return hit{i, end, cnID}, next
		}
	}
	if m.kinds&card != 0 && (!afterDash || !isDigit(s[i-2])) {
		if end := cardEnd(s, i, next); end > 0 {
			return hit{i, end, card}, next
		}
	}
	if m.kinds&phone != 0 && !afterDash {
		if start, end := phoneAt(s, i, next, lo); end > 0 {
			return hit{start, end, phone}, next
		}
	}
	return hit{}, next
}

// ends reports whether a number may end before s[i]: no letter, digit or
// underscore follows, nor a fraction.
func ends(s string, i int) bool {
	if i >= len(s) {
		return true
	}
	if c := s[i]; isAlnum(c) || c == '_' {
		return false
	}
	return s[i] != '.' || i+1 >= len(s) || !isDigit(s[i+1])
}

// cnIDEnd returns the end of the Chinese identity number (GB 11643) at s[i]:
// region, date of birth, sequence, check character.
func cnIDEnd(s string, i int) int {
	if i+18 > len(s) || !ends(s, i+18) {
		return 0
	}
	id := s[i : i+18]
	for j := range 17 {
		if !isDigit(id[j]) {
			return 0
		}
	}
	year, month, day := atoi(id[6:10]), atoi(id[10:12]), atoi(id[12:14])
	if region := atoi(id[:2]); region < 11 || region > 91 || year < 1900 || year > 2099 ||
		month < 1 || month > 12 || day < 1 || day > 31 {
		return 0
	}
	if month == 2 && day > 29 || day == 31 && (month == 4 || month == 6 || month == 9 || month == 11) {
		return 0
	}
	// The weight of each place is 2 to the power of its distance from the end,
	// modulo 11.
	sum, weight := 0, 2
	for j := 16; j >= 0; j-- {
		sum += int(id[j]-'0') * weight
		weight = weight * 2 % 11
	}
	want := "10X98765432"[sum%11]
	last := id[17]
	if last == 'x' {
		last = 'X'
	}
	if last != want {
		return 0
	}
	return i + 18
}

func atoi(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// cardEnd returns the end of the payment card number at s[i], whose first run
// of digits ends at next: 13 to 19 digits, plain or in the groups that cards
// have, with a known issuer and a right Luhn digit.
func cardEnd(s string, i, next int) int {
	if s[i] < '2' || s[i] > '6' {
		return 0
	}
	var digits [19]byte
	n := next - i
	if n >= 13 && n <= 19 {
		if !ends(s, next) {
			return 0
		}
		copy(digits[:], s[i:next])
		if issuer(digits[:n]) && luhn(digits[:n]) {
			return next
		}
		return 0
	}
	if n != 4 || next >= len(s) || s[next] != ' ' && s[next] != '-' {
		return 0
	}
	// Groups: 4-4-4-4, 4-4-4-4-3, 4-6-5, 4-6-4.
	sep, end, groups, second := s[next], next, 1, 0
	n = copy(digits[:], s[i:next])
	for end+1 < len(s) && s[end] == sep && isDigit(s[end+1]) {
		e := run(s, end+1, 7, isDigit)
		size := e - end - 1
		if n+size > len(digits) || size > 6 || groups >= 2 && second == 4 && size > 4 {
			return 0
		}
		if groups == 1 {
			second = size
		}
		n += copy(digits[n:], s[end+1:e])
		groups++
		end = e
		if second == 6 && groups == 3 || second == 4 && size < 4 || groups == 5 {
			break
		}
		// Sixteen digits are whole unless three more follow in the same way.
		threeMore := end+4 <= len(s) && s[end] == sep && run(s, end+1, 4, isDigit) == end+4
		if n == 16 && !threeMore {
			break
		}
	}
	grouped := second == 4 && groups >= 4 || second == 6 && groups == 3
	if !grouped || n < 14 || !ends(s, end) || !issuer(digits[:n]) || !luhn(digits[:n]) {
		return 0
	}
	return end
}

// issuer reports whether a card network issues numbers of this beginning and
// length. It keeps ids and times, which often pass Luhn by chance, apart.
func issuer(d []byte) bool {
	four, n := atoi(string(d[:4])), len(d)
	switch two := four / 100; {
	case four/1000 == 4:
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return n == 16
	case four >= 2200 && four <= 2204: // Mir
		return n >= 16
	case two == 34 || two == 37:
		return n == 15
	case two == 36 || two == 38 || two == 39 || four >= 3000 && four <= 3059:
		return n == 14 || n == 16
	case four >= 3528 && four <= 3589: // JCB
		return n >= 16
	case four == 6011, four/10 >= 644 && four/10 <= 649, two == 65, two == 62, two == 60, two == 81:
		return n >= 16
	case two == 50, two >= 56 && two <= 59, two == 63, two == 67: // Maestro
		return n >= 13
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

// phoneAt finds a phone number whose first digits are s[i:next].
func phoneAt(s string, i, next, lo int) (start, end int) {
	n := next - i
	switch {
	case n == 11 && chineseMobile(s[i:next]),
		n == 13 && s[i:i+2] == "86" && chineseMobile(s[i+2:next]),
		n == 15 && s[i:i+4] == "0086" && chineseMobile(s[i+4:next]):
		if ends(s, next) && !countedBefore(s, i) {
			return i, next
		}
	case n == 3 && s[i] == '1' && s[i+1] >= '3':
		if end := grouped(s, next, " -", 4, 4); end > 0 && !amongNumbers(s, i, end) {
			return i, end
		}
	case n == 3 && s[i] == '0' || n == 4 && s[i] == '0': // Chinese landline
		if start, end := landline(s, i, next, lo); end > 0 {
			return start, end
		}
	case n == 3 && s[i] >= '2':
		if start, end := northAmerican(s, i, next, lo); end > 0 {
			return start, end
		}
	case n == 1 && s[i] == '1' && next+3 < len(s) && (s[next] == '-' || s[next] == ' ' || s[next] == '.'):
		j := next + 1
		if s[j] == '(' {
			j++
		}
		if k := run(s, j, 4, isDigit); k-j == 3 && s[j] >= '2' {
			if _, end := northAmerican(s, j, k, lo); end > 0 {
				return i, end
			}
		}
	}
	if n >= 2 {
		if digits, end := lenient(s, i, 15); digits >= 7 && cueBefore(s, i, lo) {
			return i, end
		}
	}
	return 0, 0
}

func chineseMobile(s string) bool { return s[0] == '1' && s[1] >= '3' }

// grouped returns the end of groups of digits of the given sizes after s[i],
// each after the same one of seps.
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
	if !ends(s, i) {
		return 0
	}
	return i
}

// amongNumbers reports whether the number s[i:end] is one of a list of numbers
// parted by spaces, as in a table.
func amongNumbers(s string, i, end int) bool {
	return i >= 2 && s[i-1] == ' ' && isDigit(s[i-2]) ||
		end+1 < len(s) && s[end] == ' ' && isDigit(s[end+1])
}

// landline finds 010-12345678, (0755)1234567.
func landline(s string, i, next, lo int) (start, end int) {
	start, end = i, next
	switch {
	case i-1 >= lo && i > 0 && s[i-1] == '(' && next < len(s) && s[next] == ')':
		start, end = i-1, next+1
		if end < len(s) && s[end] == ' ' {
			end++
		}
	case next < len(s) && s[next] == '-':
		end++
	default:
		return 0, 0
	}
	e := run(s, end, 9, isDigit)
	if d := e - end; d != 7 && d != 8 || s[end] < '2' || !ends(s, e) {
		return 0, 0
	}
	return start, e
}

// northAmerican finds 415-555-2671, 415.555.2671 and (415) 555-2671, given the
// area code s[i:next]. Spaces alone are not enough: they part any numbers.
func northAmerican(s string, i, next, lo int) (start, end int) {
	if next < len(s) && s[next] == ')' && i-1 >= lo && i > 0 && s[i-1] == '(' {
		j := run(s, next+1, 1, func(c byte) bool { return c == ' ' })
		k := run(s, j, 4, isDigit)
		if k-j != 3 || s[j] < '2' {
			return 0, 0
		}
		if e := grouped(s, k, "- .", 4); e > 0 {
			return i - 1, e
		}
		return 0, 0
	}
	if next+1 < len(s) && s[next+1] >= '2' {
		if e := grouped(s, next, "-.", 3, 4); e > 0 {
			return i, e
		}
	}
	return 0, 0
}

// plusAt finds a number in E.164 form at the + at s[i].
func plusAt(s string, i int) hit {
	if i+1 >= len(s) || s[i+1] < '1' || s[i+1] > '9' || i > 0 && isAlnum(s[i-1]) && !escapeEnds(s, i) {
		return hit{}
	}
	most := 15
	switch {
	case s[i+1] == '1':
		most = 11
	case strings.HasPrefix(s[i+1:], "86"):
		most = 13
	}
	if digits, end := lenient(s, i+1, most); digits >= 8 {
		return hit{i, end, phone}
	}
	return hit{}
}

// lenient counts digits from s[i] on, in groups parted by one space, dash, dot
// or bracket or two of them, up to most; it returns the end of the last group.
func lenient(s string, i, most int) (digits, end int) {
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

// phoneCues are words before a number that say what it is.
var phoneCues = []string{"phone", "tel", "mobile", "cell", "fax", "whatsapp", "电话", "手机", "座机", "传真", "联系方式"}

// cueBefore reports whether a phone cue stands shortly before s[i] with no
// other number between.
func cueBefore(s string, i, lo int) bool {
	from := i
	for from > lo && i-from < 32 && !isDigit(s[from-1]) && s[from-1] != '\n' {
		from--
	}
	w := s[from:i]
	for _, cue := range phoneCues {
		for j := 0; j+len(cue) <= len(w); j++ {
			if w[j]|0x20 != cue[0] && w[j] != cue[0] || !foldEq(w[j:j+len(cue)], cue) {
				continue
			}
			// "telemetry", "hotel": a cue is a word of its own, or ends a name (userPhone).
			after := j + len(cue)
			if isAlpha(cue[0]) && (after < len(w) && isAlpha(w[after]) && !strings.HasPrefix(w[after:], "Number") ||
				cue == "tel" && j > 0 && isAlpha(w[j-1])) {
				continue
			}
			return true
		}
	}
	return false
}

// countNames are ends of names whose value is a count, a time or an id, which
// may look like a phone number: duration_ns=13800138000.
var countNames = []string{"ns", "us", "ms", "nanos", "micros", "time", "timestamp", "ts", "duration", "latency", "bytes", "size", "count", "offset", "seq", "id", "total", "seed", "hash", "version"}

// countedBefore reports whether the number at s[i] is the value of a field
// that counts.
func countedBefore(s string, i int) bool {
	j := i
	for n := 0; n < 4 && j > 0 && (s[j-1] == ' ' || s[j-1] == '"' || s[j-1] == '\'' || s[j-1] == '\\'); n++ {
		j--
	}
	if j == 0 || s[j-1] != '=' && s[j-1] != ':' {
		return false
	}
	j--
	// A number in JSON: phone numbers are strings there, unless the key says so.
	if s[j] == ':' && j > 0 && s[j-1] == '"' && (s[i-1] == ':' || s[i-1] == ' ') {
		return !cueBefore(s, i, 0)
	}
	for n := 0; n < 4 && j > 0 && (s[j-1] == ' ' || s[j-1] == '"' || s[j-1] == '\'' || s[j-1] == '\\'); n++ {
		j--
	}
	for _, name := range countNames {
		start, ok := nameEndsWith(s, max(0, j-64), j, name)
		if ok && (start == 0 || !isLower(s[start-1]) || isUpper(s[start])) {
			return true
		}
	}
	return false
}
