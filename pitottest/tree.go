package pitottest

import (
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// node is a record in its trace.
type node struct {
	line     string
	children []*node
}

// Tree is what ended, as text: a line a span, indented beneath its parent, in
// the order of their starts.
//
//	workflow answer
//	  retrieval docs
//	  agent planner
//	    chat gpt-4o-mini
//	    tool search: error timeout
//
// A line begins with what the span is: the operation and the model of a call,
// else the kind and the name. What failed says so, with its type of error.
func (r *Recorder) Tree() string {
	recs := r.records()
	byID := map[string]*node{}
	nodes := make([]*node, len(recs))
	for i, rec := range recs {
		nodes[i] = &node{line: line(rec)}
		byID[idOf(rec)] = nodes[i]
	}
	var roots []*node
	for i, rec := range recs {
		if parent := byID[parentOf(rec)]; parent != nil && parent != nodes[i] {
			parent.children = append(parent.children, nodes[i])
		} else {
			roots = append(roots, nodes[i])
		}
	}
	var b strings.Builder
	var write func(n *node, depth int)
	write = func(n *node, depth int) {
		b.WriteString(strings.Repeat("  ", depth) + n.line + "\n")
		for _, c := range n.children {
			write(c, depth+1)
		}
	}
	for _, n := range roots {
		write(n, 0)
	}
	return b.String()
}

func idOf(r llm.Record) string {
	if r.Call != nil {
		return r.Call.TraceID + r.Call.SpanID
	}
	return r.Span.TraceID + r.Span.SpanID
}

func parentOf(r llm.Record) string {
	if r.Call != nil {
		return r.Call.TraceID + r.Call.ParentSpanID
	}
	return r.Span.TraceID + r.Span.ParentSpanID
}

func line(r llm.Record) string {
	var what, errType string
	var failed bool
	if c := r.Call; c != nil {
		what, errType, failed = strings.TrimSpace(string(c.Operation)+" "+c.RequestModel), c.ErrorType, c.Status == llm.StatusError
	} else {
		s := spanOf(r.Span)
		what, errType, failed = s.Name, s.ErrorType, s.Failed
		if r.Span.Kind != llm.KindOther && r.Span.Kind != "" {
			what = s.Kind + " " + s.label()
		}
	}
	if failed {
		what += ": error"
		if errType != "" && errType != "error" {
			what += " " + errType
		}
	}
	return what
}

// WantTree compares Tree with what is expected. Space around want and the
// indentation that all of its lines have in common do not count, so that it can
// stand indented in a raw string; tabs and two spaces are one level each. A line
// "..." stands for any number of lines.
func (r *Recorder) WantTree(want string) {
	r.t.Helper()
	got := r.Tree()
	if !matches(lines(got), lines(want)) {
		r.t.Errorf("pitottest: the tree is\n%swant\n%s", got, strings.Join(lines(want), "\n"))
	}
}

// lines are the lines of a tree with their indentation in pairs of spaces.
func lines(s string) []string {
	var out []string
	least := -1
	for l := range strings.Lines(s) {
		l = strings.TrimRight(strings.ReplaceAll(l, "\t", "  "), " \r\n")
		if l == "" {
			continue
		}
		if in := len(l) - len(strings.TrimLeft(l, " ")); least < 0 || in < least {
			least = in
		}
		out = append(out, l)
	}
	for i := range out {
		out[i] = out[i][max(0, least):]
	}
	return out
}

// matches compares lines; "..." stands for any number of them.
func matches(got, want []string) bool {
	i := slices.IndexFunc(want, func(l string) bool { return strings.TrimSpace(l) == "..." })
	if i < 0 {
		return slices.Equal(got, want)
	}
	if len(got) < i || !slices.Equal(got[:i], want[:i]) {
		return false
	}
	for skip := i; skip <= len(got); skip++ {
		if matches(got[skip:], want[i+1:]) {
			return true
		}
	}
	return false
}
