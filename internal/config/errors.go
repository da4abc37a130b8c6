package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	File    string
	Line    int    // from 1; 0 where the error has no place
	Column  int    // from 1; 0 where only the line is known
	Path    string // the field: gateway.upstreams[0].base_url
	Message string // what is wrong and what was expected
	Source  string // the line of the file
}

// Error returns the message in the form that editors and terminals link:
// file:line:column: path: message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, ":%d", e.Column)
		}
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Snippet returns the line of the file with a mark under the column, or
// nothing where the place is unknown.
func (e *Error) Snippet() string {
	if e.Source == "" || e.Column == 0 {
		return ""
	}
	pad := make([]rune, 0, e.Column)
	for i, r := range []rune(e.Source) {
		if i == e.Column-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		pad = append(pad, r)
	}
	return fmt.Sprintf("%5d | %s\n      | %s^", e.Line, e.Source, string(pad))
}

// Errors are all things wrong with a configuration, in the order of the file.
type Errors []*Error

// Error returns the messages, one a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, x := range e {
		out[i] = x
	}
	return out
}

// sorted brings errors into the order of the file.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}

// SectionError is an error within a verbatim section.
type SectionError struct {
	Line, Column int // within the section, from 1; 0: unknown
	Err          error
}

// Error returns the message with its line within the section.
func (e *SectionError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *SectionError) Unwrap() error { return e.Err }

// suggest returns the candidate that word was probably meant to be, empty
// where none is near.
func suggest(word string, candidates []string) string {
	best, least := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if n := distance(strings.ToLower(word), c, least); n < least {
			best, least = c, n
		}
	}
	return best
}

// distance is the number of edits (insert, delete, replace, swap neighbours)
// between a and b, or limit where it is not less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	var before []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return min(prev[len(b)], limit)
}
