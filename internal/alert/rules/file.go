package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Where a File comes from.
const (
	SourcePack       = "pack"       // shipped with Pitot
	SourceFile       = "file"       // a file that the configuration names
	SourceDirectory  = "directory"  // a file in a watched directory
	SourceKubernetes = "kubernetes" // a PrometheusRule resource of the cluster
	SourceExtra      = "extra"      // handed in by the caller: SLOs, budgets
)

// File is a file of Prometheus rule groups in memory. It is valid.
type File struct {
	Name    string // unique among the files of one list
	Content []byte // YAML
	Source  string // one of the Source constants
}

// Problem is something that is wrong with a rule file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"` // 0 where the file as a whole is meant
	Reason string `json:"reason"`
	// Kept says that the last good version of the file stays in force.
	Kept bool `json:"kept,omitempty"`
	// Warning says that the file is in force: it is suspicious, not broken.
	Warning bool `json:"warning,omitempty"`
}

// String returns the problem in one line.
func (p Problem) String() string {
	place := p.File
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Kept {
		return place + ": " + p.Reason + " (the last good version stays in force)"
	}
	return place + ": " + p.Reason
}

func sortProblems(p []Problem) {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Reason, b.Reason))
	})
}
