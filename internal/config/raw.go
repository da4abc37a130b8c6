package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Raw is a section that is kept as it was written, comments and all, for the
// package that understands it. Nothing in it is expanded: $1 and ${name} mean
// there what they mean to its owner.
type Raw struct {
	// Text is the section's YAML with the indentation that it has in the file,
	// so that columns agree.
	Text []byte
	// Line is the line of the file at which Text begins.
	Line int
}

// IsZero reports whether the section is absent or empty.
func (r Raw) IsZero() bool { return len(r.Text) == 0 }

// String says how long the section is: it may hold secrets.
func (r Raw) String() string {
	if r.IsZero() {
		return ""
	}
	return "<verbatim section>"
}

// rawSection cuts the value of a top-level key out of the file. next is the
// line of the key after it, 0 where it is the last.
func (d *decoder) rawSection(key, value *yaml.Node, next int, flow bool) Raw {
	if value.Tag == "!!null" {
		return Raw{}
	}
	if flow || value.Kind == yaml.AliasNode { // it has no lines of its own
		text, err := yaml.Marshal(resolve(value))
		if err != nil {
			d.errorAt(value, key.Value, err.Error())
		}
		return Raw{Text: text, Line: value.Line}
	}
	if next == 0 {
		next = len(d.lines) + 1
	}
	var b strings.Builder
	first := key.Line + 1
	if value.Line == key.Line {
		first = key.Line
		line := []rune(d.line(first)) // YAML counts columns in characters
		col := min(value.Column-1, len(line))
		b.WriteString(strings.Repeat(" ", col) + string(line[col:]) + "\n")
	}
	for n := key.Line + 1; n < next; n++ {
		line := d.line(n)
		if strings.HasPrefix(line, "...") || strings.HasPrefix(line, "---") {
			break
		}
		b.WriteString(line + "\n")
	}
	return Raw{Text: []byte(strings.TrimRight(b.String(), "\n ") + "\n"), Line: first}
}
