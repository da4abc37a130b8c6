package robot

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Language of the texts that are not the operator's.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

// Check says whether the language is known; the empty one is.
func (l Language) Check() error {
	switch l {
	case "", English, Chinese:
		return nil
	}
	return fmt.Errorf("language %q: must be en or zh", string(l))
}

// Or returns the language, or another one where it is not set.
func (l Language) Or(other Language) Language {
	if l == "" {
		return other
	}
	return l
}

// Link leads somewhere.
type Link struct{ Name, URL string }

// Message is a notification for a chat.
type Message struct {
	Title    string
	Text     string // Markdown
	Firing   bool
	Severity string // of the worst alert that fires
	Links    []Link
	Mention  bool // people are to be named
}

// separator is between merged messages.
const separator = "\n\n---\n\n"

// Merge makes one message of several. The text has at most limit bytes: what
// does not fit is cut, and messages that do not fit at all are listed by title.
func Merge(messages []Message, language Language, limit int) Message {
	if len(messages) == 1 {
		m := messages[0]
		m.Text = Truncate(m.Text, limit)
		return m
	}
	merged := Message{Title: mergedTitle(messages, language)}
	var text strings.Builder
	var left []string
	for _, m := range messages {
		merged.Firing = merged.Firing || m.Firing
		merged.Mention = merged.Mention || m.Mention
		if m.Firing && rank(m.Severity) > rank(merged.Severity) {
			merged.Severity = m.Severity
		}
		part := "### " + m.Title + "\n\n" + strings.TrimSpace(m.Text)
		if text.Len()+len(separator)+len(part) > limit*3/4 {
			left = append(left, m.Title)
			continue
		}
		if text.Len() > 0 {
			text.WriteString(separator)
		}
		text.WriteString(part)
	}
	if len(left) > 0 {
		text.WriteString(separator + also(language, len(left)) + "\n\n- " + strings.Join(left, "\n- "))
	}
	merged.Text = Truncate(strings.TrimPrefix(text.String(), separator), limit)
	return merged
}

func mergedTitle(messages []Message, language Language) string {
	firing := 0
	for _, m := range messages {
		if m.Firing {
			firing++
		}
	}
	if language == Chinese {
		return fmt.Sprintf("%d 条通知（%d 条告警中）：%s 等", len(messages), firing, messages[0].Title)
	}
	return fmt.Sprintf("%d notifications (%d firing): %s, ...", len(messages), firing, messages[0].Title)
}

func also(language Language, n int) string {
	if language == Chinese {
		return fmt.Sprintf("另有 %d 条：", n)
	}
	return fmt.Sprintf("And %d more:", n)
}

// Truncate cuts a text to at most limit bytes, between characters.
func Truncate(s string, limit int) string {
	const mark = "…"
	if len(s) <= limit {
		return s
	}
	cut := max(0, limit-len(mark))
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + mark
}

// rank orders severities, as they are commonly named.
func rank(severity string) int {
	switch strings.ToLower(severity) {
	case "critical", "page", "emergency", "fatal", "disaster", "p0", "p1":
		return 4
	case "error", "major", "high", "p2":
		return 3
	case "warning", "warn", "ticket", "minor", "p3":
		return 2
	case "":
		return 0
	default:
		return 1
	}
}

// Color is how urgent a message looks.
type Color string

// The colours, by what they stand for.
const (
	ColorCritical Color = "critical"
	ColorError    Color = "error"
	ColorWarning  Color = "warning"
	ColorInfo     Color = "info"
	ColorResolved Color = "resolved"
)

// Color of a message, by its state and severity.
func (m Message) Color() Color {
	if !m.Firing {
		return ColorResolved
	}
	switch rank(m.Severity) {
	case 4:
		return ColorCritical
	case 3:
		return ColorError
	case 2:
		return ColorWarning
	case 0: // without a severity, an alert is taken as seriously as most are
		return ColorWarning
	default:
		return ColorInfo
	}
}
