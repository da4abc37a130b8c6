package rules

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// input are the series of a test, of which a part is in the store already.
type input struct {
	series []inputValues
	start  time.Time
	step   time.Duration
}

type inputValues struct {
	labels labels.Labels
	values []parser.SequenceValue
	next   int
}

func newInput(series []inputSeries, start time.Time, step time.Duration) (*input, error) {
	p := newParser()
	in := &input{start: start, step: step}
	seen := map[string]bool{}
	for _, s := range series {
		ls, values, err := p.ParseSeriesDesc(s.Series + " " + strings.Join(strings.Fields(s.Values), " "))
		if err != nil {
			return nil, fmt.Errorf("input series %s: %w", s.Series, err)
		}
		if seen[ls.String()] {
			return nil, fmt.Errorf("input series %s: it is there twice", s.Series)
		}
		seen[ls.String()] = true
		in.series = append(in.series, inputValues{labels: ls, values: values})
	}
	return in, nil
}

// appendUntil stores the samples up to a time.
func (in *input) appendUntil(app storage.Appender, at time.Time) error {
	for i := range in.series {
		s := &in.series[i]
		for ; s.next < len(s.values); s.next++ {
			t := in.start.Add(time.Duration(s.next) * in.step)
			if t.After(at) {
				break
			}
			v := s.values[s.next]
			if v.Omitted {
				continue
			}
			var err error
			if v.Histogram != nil {
				_, err = app.AppendHistogram(0, s.labels, timestamp.FromTime(t), nil, v.Histogram)
			} else {
				_, err = app.Append(0, s.labels, timestamp.FromTime(t), v.Value)
			}
			if err != nil {
				return errors.Join(fmt.Errorf("input series %s: %w", s.labels, err), app.Rollback())
			}
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("input series: %w", err)
	}
	return nil
}

// comparison collects what is not as a test expects.
type comparison struct {
	test      *testCase
	fuzzy     bool
	evaluator *evaluator
	start     time.Time
	failures  []string
}

func (c *comparison) fail(format string, args ...any) {
	c.failures = append(c.failures, fmt.Sprintf(format, args...))
}

// labelled is an alert as it is compared.
type labelled struct{ labels, annotations labels.Labels }

func (l labelled) compare(o labelled) int {
	if d := labels.Compare(l.labels, o.labels); d != 0 {
		return d
	}
	return labels.Compare(l.annotations, o.annotations)
}

// alerts compares the firing alerts of the last evaluation.
func (c *comparison) alerts(at model.Duration) {
	for _, want := range c.test.AlertRuleTest {
		if want.EvalTime != at {
			continue
		}
		if want.Alertname == "" {
			c.fail("alert_rule_test at %s: alertname is missing", at)
			continue
		}
		var got, exp []labelled
		for _, r := range c.evaluator.alertingRules() {
			if r.Name() != want.Alertname {
				continue
			}
			for _, a := range r.ActiveAlerts() {
				if a.State == promrules.StateFiring {
					got = append(got, labelled{a.Labels.Copy(), a.Annotations.Copy()})
				}
			}
		}
		for _, a := range want.ExpAlerts {
			b := labels.NewBuilder(labels.FromMap(a.Labels))
			b.Set(labels.AlertName, want.Alertname)
			exp = append(exp, labelled{b.Labels(), labels.FromMap(a.Annotations)})
		}
		slices.SortFunc(got, labelled.compare)
		slices.SortFunc(exp, labelled.compare)
		if !slices.EqualFunc(got, exp, func(a, b labelled) bool { return a.compare(b) == 0 }) {
			c.fail("alert %s at %s:\n  expected: %s\n  got:      %s", want.Alertname, at, showAlerts(exp), showAlerts(got))
		}
	}
}

func showAlerts(in []labelled) string {
	if len(in) == 0 {
		return "none"
	}
	var b strings.Builder
	for _, a := range in {
		b.WriteString("\n    " + a.labels.String())
		a.annotations.Range(func(l labels.Label) {
			fmt.Fprintf(&b, "\n      %s: %s", l.Name, l.Value)
		})
	}
	return b.String()
}

// evaluated is a sample as it is compared.
type evaluated struct {
	labels    labels.Labels
	value     float64
	histogram string
}

func (s evaluated) String() string {
	if s.histogram != "" {
		return s.labels.String() + " " + s.histogram
	}
	return fmt.Sprintf("%s %v", s.labels, s.value)
}

// expr compares the result of an expression.
func (c *comparison) expr(ctx context.Context, x exprTest) {
	vector, err := c.evaluator.query(ctx, x.Expr, c.start.Add(time.Duration(x.EvalTime)))
	if err != nil {
		c.fail("%s at %s: %v", x.Expr, x.EvalTime, err)
		return
	}
	var got, exp []evaluated
	for _, s := range vector {
		e := evaluated{labels: s.Metric.Copy(), value: s.F}
		if s.H != nil {
			e.histogram = s.H.TestExpression()
		}
		got = append(got, e)
	}
	for _, s := range x.ExpSamples {
		e, err := s.parse()
		if err != nil {
			c.fail("%s at %s: %v", x.Expr, x.EvalTime, err)
			return
		}
		exp = append(exp, e)
	}
	order := func(a, b evaluated) int { return labels.Compare(a.labels, b.labels) }
	slices.SortFunc(got, order)
	slices.SortFunc(exp, order)
	if !slices.EqualFunc(got, exp, c.same) {
		c.fail("%s at %s:\n  expected: %s\n  got:      %s", x.Expr, x.EvalTime, showSamples(exp), showSamples(got))
	}
}

// parse reads what is expected.
func (s expectedSample) parse() (evaluated, error) {
	p := newParser()
	out := evaluated{value: s.Value}
	var err error
	if strings.TrimSpace(s.Labels) != "" {
		if out.labels, err = p.ParseMetric(s.Labels); err != nil {
			return out, fmt.Errorf("labels %q: %w", s.Labels, err)
		}
	}
	if s.Histogram == "" {
		return out, nil
	}
	_, values, err := p.ParseSeriesDesc("{} " + s.Histogram)
	if err != nil {
		return out, fmt.Errorf("histogram %q: %w", s.Histogram, err)
	}
	if len(values) != 1 || values[0].Histogram == nil {
		return out, fmt.Errorf("histogram %q: expected one histogram", s.Histogram)
	}
	out.histogram = values[0].Histogram.TestExpression()
	return out, nil
}

func (c *comparison) same(a, b evaluated) bool {
	if !labels.Equal(a.labels, b.labels) || a.histogram != b.histogram {
		return false
	}
	if a.histogram != "" || a.value == b.value || math.IsNaN(a.value) && math.IsNaN(b.value) {
		return true
	}
	return c.fuzzy && (math.Nextafter(a.value, math.Inf(1)) == b.value || math.Nextafter(a.value, math.Inf(-1)) == b.value)
}

func showSamples(in []evaluated) string {
	if len(in) == 0 {
		return "none"
	}
	var b strings.Builder
	for _, s := range in {
		b.WriteString("\n    " + s.String())
	}
	return b.String()
}
