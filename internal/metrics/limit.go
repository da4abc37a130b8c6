package metrics

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Other is the label value under which everything past a limit is counted.
const Other = "__other__"

// maxLabelValue is the longest label value in bytes; longer ones are cut.
const maxLabelValue = 200

// Limits bound the label values of the catalogue. Zero takes the default.
type Limits struct {
	Models     int // distinct model names; 500
	Services   int // 200
	Providers  int // 100
	Methods    int // 50
	ErrorTypes int // 100
	Reasons    int // reasons why a Call is unpriced; 50
	Evaluators int // 100
	Feedbacks  int // labels of feedback; 100
	Dimension  int // values of each configured label; 100
	// LabelSets is how many distinct combinations of the shared labels there
	// are; 1000. One costs up to 250 series.
	LabelSets int
	// Judged is the same for judgements, which have an evaluator besides; 5000. One
	// costs up to 14 series.
	Judged int
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Models, 500)
	def(&l.Services, 200)
	def(&l.Providers, 100)
	def(&l.Methods, 50)
	def(&l.ErrorTypes, 100)
	def(&l.Reasons, 50)
	def(&l.Evaluators, 100)
	def(&l.Feedbacks, 100)
	def(&l.Dimension, 100)
	def(&l.LabelSets, 1000)
	def(&l.Judged, 5000)
	return l
}

// limiter admits the first max distinct values of one label.
type limiter struct {
	label string
	max   int

	mu       sync.Mutex
	seen     map[string]struct{}
	overflow uint64 // values replaced by Other
}

func newLimiter(label string, limit int) *limiter {
	return &limiter{label: label, max: limit, seen: make(map[string]struct{})}
}

// admit returns v cleaned up, or Other past the limit. The empty value is the
// absence of the label and is always admitted.
func (l *limiter) admit(v string) string {
	v = cleanLabel(v)
	if v == "" || v == Other {
		return v
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.seen[v]; ok {
		return v
	}
	if len(l.seen) >= l.max {
		l.overflow++
		return Other
	}
	v = strings.Clone(v) // do not hold on to the request that it was cut from
	l.seen[v] = struct{}{}
	return v
}

// has says whether v was admitted before.
func (l *limiter) has(v string) bool {
	v = cleanLabel(v)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.seen[v]
	return ok
}

func (l *limiter) replaced() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.overflow
}

// cleanLabel makes v a legal label value of bounded length.
func cleanLabel(v string) string {
	if len(v) > maxLabelValue {
		v = v[:maxLabelValue]
		for i := 0; i < utf8.UTFMax && len(v) > 0; i++ { // undo a cut through a character
			if r, n := utf8.DecodeLastRuneInString(v); r != utf8.RuneError || n > 1 {
				break
			}
			v = v[:len(v)-1]
		}
	}
	return strings.ToValidUTF8(v, "�")
}
