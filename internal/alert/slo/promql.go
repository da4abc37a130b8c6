package slo

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// windowName is the window in people's expressions: $window and ${window}, and
// {{.window}} as Sloth writes it.
var windowName = regexp.MustCompile(`\$window\b|\$\{window\}|\{\{\s*\.window\s*\}\}`)

// stand is what the window is while an expression is parsed. Nobody writes it.
const stand = 7*time.Minute + 13*time.Second

// windowExpr is an expression with w where its window is: where $window stands,
// else in all its ranges, which have to be the same then.
func windowExpr(text, w string) (string, error) {
	e, _, err := parseWindowed(text, w)
	if err != nil {
		return "", err
	}
	return e.String(), nil
}

// countExpr is an expression of events per second over w. Selectors of counters
// without a range get a rate, and a sum where there is no aggregation.
func countExpr(text, w string) (string, error) {
	e, ranges, err := parseWindowed(text, w)
	if err != nil {
		return "", err
	}
	if ranges > 0 {
		return "(" + e.String() + ")", nil
	}
	d, err := model.ParseDuration(w)
	if err != nil {
		return "", fmt.Errorf("window: %w", err)
	}
	e = rated(e, time.Duration(d))
	if call, ok := e.(*parser.Call); ok { // the bare rate of one selector
		return fmt.Sprintf("sum(%s)", call), nil
	}
	return "(" + e.String() + ")", nil
}

// parseWindowed parses text and puts w in; ranges is how many ranges it has.
func parseWindowed(text, w string) (e parser.Expr, ranges int, err error) {
	if text == "" {
		return nil, 0, errors.New("is missing: write a PromQL expression")
	}
	named := windowName.MatchString(text)
	e, err = newParser().ParseExpr(windowName.ReplaceAllString(text, model.Duration(stand).String()))
	if err != nil {
		return nil, 0, fmt.Errorf("no PromQL: %w", err)
	}
	if t := e.Type(); t != parser.ValueTypeVector {
		return nil, 0, fmt.Errorf("is a %s: write an expression of an instant vector, such as a counter's selector", parser.DocumentedType(t))
	}
	d, err := model.ParseDuration(w)
	if err != nil {
		return nil, 0, fmt.Errorf("window: %w", err)
	}
	fixed := map[time.Duration]bool{}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.MatrixSelector:
			ranges++
			if n.Range == stand || !named {
				fixed[n.Range] = true
				n.Range = time.Duration(d)
			}
		case *parser.SubqueryExpr:
			ranges++
			if n.Range == stand {
				n.Range = time.Duration(d)
			}
		}
		return nil
	})
	if len(fixed) > 1 {
		return nil, 0, errors.New("has ranges of different length: write $window where the window of the objective is")
	}
	return e, ranges, nil
}

// rated puts a rate around each selector.
func rated(e parser.Expr, w time.Duration) parser.Expr {
	switch n := e.(type) {
	case *parser.VectorSelector:
		return &parser.Call{
			Func: parser.Functions["rate"],
			Args: parser.Expressions{&parser.MatrixSelector{VectorSelector: n, Range: w}},
		}
	case *parser.AggregateExpr:
		n.Expr = rated(n.Expr, w)
	case *parser.BinaryExpr:
		n.LHS, n.RHS = rated(n.LHS, w), rated(n.RHS, w)
	case *parser.ParenExpr:
		n.Expr = rated(n.Expr, w)
	case *parser.UnaryExpr:
		n.Expr = rated(n.Expr, w)
	case *parser.Call:
		for i, a := range n.Args {
			n.Args[i] = rated(a, w)
		}
	}
	return e
}
