package rules

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Check reads rule files, patterns of them, and directories, and reports what
// is broken or suspicious in them.
func Check(paths []string) Report {
	var out Report
	for _, s := range expand(paths) {
		if s.err != nil {
			out.Files = append(out.Files, FileReport{File: s.name, What: "rules", Problems: []Problem{{File: s.name, Reason: s.err.Error()}}})
			continue
		}
		out.Files = append(out.Files, CheckContent(s.name, s.content))
	}
	return out
}

// CheckContent is Check for text; name is what the report calls it.
func CheckContent(name string, content []byte) FileReport {
	f := FileReport{File: name, What: "rules"}
	units, problems := parseFile(name, content)
	f.Problems = problems
	for _, u := range units {
		for _, g := range u.groups {
			f.Checked += len(g.Rules)
		}
		f.Problems = append(f.Problems, u.problems...)
		if !u.broken() {
			f.Problems = append(f.Problems, u.lint()...)
		}
	}
	sortProblems(f.Problems)
	f.Problems = slices.Compact(f.Problems)
	return f
}

// expand makes sources of what a command line names.
func expand(paths []string) []source {
	var c Config
	for _, p := range paths {
		if found, err := ruleFilesIn(p); err == nil {
			c.Files = append(c.Files, found...)
			continue
		}
		c.Files = append(c.Files, p)
	}
	sources, problems := readSources(c, "")
	for _, p := range problems {
		sources = append(sources, source{name: p.File, err: problemError(p.Reason)})
	}
	matched := map[string]bool{}
	for _, s := range sources {
		matched[s.name] = true
	}
	// A pattern of a command line that matches nothing is a mistake.
	for _, p := range c.Files {
		if strings.ContainsAny(p, `*?[\`) {
			if found, err := filepath.Glob(p); err == nil && len(found) == 0 && !matched[p] {
				sources = append(sources, source{name: p, err: problemError("no file matches this pattern")})
			}
		}
	}
	return sources
}

type problemError string

func (e problemError) Error() string { return string(e) }

// lint looks for expressions that are valid and do not say what was meant.
func (u *unitFile) lint() []Problem {
	p := newParser()
	var out []Problem
	for i, g := range u.groups {
		for j, r := range g.Rules {
			expr, err := p.ParseExpr(r.Expr)
			if err != nil {
				continue // reported before
			}
			line := 0
			if i < len(u.lines) && j < len(u.lines[i].rules) {
				line = u.lines[i].rules[j].expr
			}
			for _, reason := range suspicions(expr) {
				out = append(out, Problem{File: u.name, Line: line, Reason: "rule " + r.Alert + r.Record + ": " + reason, Warning: true})
			}
		}
	}
	return out
}

// suspicions are the two mistakes that are written most often.
func suspicions(expr parser.Expr) []string {
	var out []string
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		b, ok := n.(*parser.BinaryExpr)
		if !ok {
			return nil
		}
		if b.Op == parser.DIV && alwaysOne(b) {
			out = append(out, "this ratio is always 1: each series is divided by itself, since both sides keep the label that the left one selects; aggregate both sides, as in sum without (status) (...) / sum without (status) (...)")
		}
		if b.Op.IsComparisonOperator() {
			if v, ok := unparen(b.LHS).(*parser.VectorSelector); ok && histogramFamily(v.Name) && mentions(b.RHS, v.Name) {
				out = append(out, v.Name+" is a histogram, which has no such sample: compare histogram_quantile(0.95, ...) of the last minutes with its mean over a day")
			}
		}
		return nil
	})
	return out
}

func unparen(e parser.Expr) parser.Expr {
	for {
		p, ok := e.(*parser.ParenExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// alwaysOne says whether both sides are the same selection but for matchers on
// labels that both keep.
func alwaysOne(b *parser.BinaryExpr) bool {
	if b.VectorMatching != nil && (b.VectorMatching.On || len(b.VectorMatching.MatchingLabels) > 0) {
		return false
	}
	left, ok := rateOf(b.LHS)
	if !ok {
		return false
	}
	right, ok := rateOf(b.RHS)
	if !ok || left.Name == "" || left.Name != right.Name {
		return false
	}
	narrower := false
	for _, m := range left.LabelMatchers {
		same := slices.ContainsFunc(right.LabelMatchers, func(o *labels.Matcher) bool { return o.String() == m.String() })
		narrower = narrower || m.Name != model.MetricNameLabel && m.Type == labels.MatchEqual && !same
	}
	return narrower
}

// rateOf is the selection under a rate or increase, or a plain one.
func rateOf(e parser.Expr) (*parser.VectorSelector, bool) {
	switch e := unparen(e).(type) {
	case *parser.Call:
		if (e.Func.Name == "rate" || e.Func.Name == "increase" || e.Func.Name == "irate") && len(e.Args) == 1 {
			return rateOf(e.Args[0])
		}
	case *parser.MatrixSelector:
		v, ok := e.VectorSelector.(*parser.VectorSelector)
		return v, ok
	case *parser.VectorSelector:
		return e, true
	}
	return nil, false
}

// histogramFamily says whether a name is that of one of the histograms of the
// catalogue, or of an older name of one.
func histogramFamily(name string) bool {
	switch name {
	case "llm_request_duration_seconds", "llm_request_latency_seconds", "llm_operation_duration_seconds", "llm_time_to_first_token_seconds",
		"llm_time_per_output_token_seconds", "llm_inter_token_latency_seconds", "llm_tokens_per_second", "llm_token_generation_rate",
		"llm_token_cost_per_request", "llm_response_quality_score":
		return true
	default:
		return false
	}
}

func mentions(e parser.Expr, name string) bool {
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && v.Name == name {
			found = true
		}
		return nil
	})
	return found
}
