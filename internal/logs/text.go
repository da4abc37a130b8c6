package logs

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"
)

func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// leadingTime reads the timestamp that a line of text starts with; zero where
// it starts with none.
func leadingTime(line []byte, now time.Time) time.Time {
	if len(line) < 10 {
		return time.Time{}
	}
	if line[0] == '[' {
		line = line[1:]
	}
	if c := line[0]; (c < '0' || c > '9') && !startsWithMonth(line) {
		return time.Time{}
	}
	head := string(line[:min(len(line), 40)])
	if i := strings.IndexAny(head, "]\t"); i >= 0 {
		head = head[:i]
	}
	words := strings.SplitN(head, " ", 4)
	for n := min(len(words), 3); n > 0; n-- {
		s := strings.Join(words[:n], " ")
		if len(s) < 10 || !strings.ContainsAny(s, ":T") {
			continue
		}
		if t, ok := parseTimeText(strings.TrimSuffix(s, ":"), now); ok {
			return t
		}
	}
	return time.Time{}
}

func startsWithMonth(line []byte) bool {
	switch string(line[:3]) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

// levelWords are the words that are taken for a level where they stand in
// capitals near the start of a line of text.
func levelWords() []string {
	return []string{"TRACE", "DEBUG", "INFO", "NOTICE", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "PANIC"}
}

// levelOfText reads the level of a line of text: a word in capitals among the
// first 64 bytes, or the letter of a klog line such as E1122.
func levelOfText(line []byte) string {
	if len(line) > 5 && digits(string(line[1:5])) && (line[5] == ' ') {
		switch line[0] {
		case 'I', 'W', 'E', 'F':
			return levelWord(strings.ToLower(string(line[:1])))
		}
	}
	head := line[:min(len(line), 64)]
	best, at := "", len(head)
	for _, w := range levelWords() {
		i := bytes.Index(head[:at], []byte(w))
		if i >= 0 && alone(head, i, len(w)) {
			best, at = w, i
		}
	}
	if best == "" {
		return ""
	}
	return levelWord(strings.ToLower(best))
}

// alone reports whether head[i:i+n] is a word.
func alone(head []byte, i, n int) bool {
	letter := func(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' }
	return (i == 0 || !letter(head[i-1])) && (i+n >= len(head) || !letter(head[i+n]))
}
