package rules

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Report is what Check or Test found.
type Report struct {
	Files []FileReport `json:"files"`
}

// FileReport is what was found in one file.
type FileReport struct {
	File     string    `json:"file"`
	Checked  int       `json:"checked"` // rules, or test cases
	What     string    `json:"what"`    // rules or tests
	Problems []Problem `json:"problems,omitempty"`
}

// OK says whether nothing is broken. Warnings are not.
func (r Report) OK() bool {
	for _, f := range r.Files {
		if !f.OK() {
			return false
		}
	}
	return true
}

// OK says whether nothing in the file is broken.
func (f FileReport) OK() bool {
	for _, p := range f.Problems {
		if !p.Warning {
			return false
		}
	}
	return true
}

// Write writes the report as text.
func (r Report) Write(w io.Writer) error {
	var b bytes.Buffer
	for _, f := range r.Files {
		verdict := "ok"
		if !f.OK() {
			verdict = "FAILED"
		}
		fmt.Fprintf(&b, "%s: %s, %d %s\n", f.File, verdict, f.Checked, f.What)
		for _, p := range f.Problems {
			place, kind := "", ""
			if p.Line > 0 {
				place = fmt.Sprintf("line %d: ", p.Line)
			}
			if p.Warning {
				kind = "warning: "
			}
			unit := ""
			if p.File != "" && p.File != f.File {
				unit = strings.TrimPrefix(p.File, f.File) + ": "
			}
			fmt.Fprintf(&b, "  %s%s%s%s\n", unit, place, kind, strings.ReplaceAll(p.Reason, "\n", "\n    "))
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
