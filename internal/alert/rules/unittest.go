package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// TestOptions configure Test.
type TestOptions struct {
	// Run selects test cases by name; nil runs all.
	Run *regexp.Regexp
	// Files are rule files in memory, which rule_files may name too: the shipped
	// packs as packs/NAME.yaml.
	Files []File
}

// Test runs unit tests in the format of promtool test rules. Paths are test
// files, patterns of them, or directories.
func Test(ctx context.Context, paths []string, o TestOptions) Report {
	var out Report
	for _, s := range expand(paths) {
		if s.err != nil {
			out.Files = append(out.Files, FileReport{File: s.name, What: "tests", Problems: []Problem{{File: s.name, Reason: s.err.Error()}}})
			continue
		}
		out.Files = append(out.Files, testFile(ctx, s, o))
	}
	return out
}

// unitTests is a file of tests.
type unitTests struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	GroupEvalOrder     []string       `yaml:"group_eval_order"`
	Tests              []testCase     `yaml:"tests"`
	FuzzyCompare       bool           `yaml:"fuzzy_compare"`
}

// testCase is a set of series and what is expected of them.
type testCase struct {
	Name           string            `yaml:"name"`
	Interval       model.Duration    `yaml:"interval"`
	InputSeries    []inputSeries     `yaml:"input_series"`
	AlertRuleTest  []alertTest       `yaml:"alert_rule_test"`
	PromqlExprTest []exprTest        `yaml:"promql_expr_test"`
	ExternalLabels map[string]string `yaml:"external_labels"`
	ExternalURL    string            `yaml:"external_url"`
	StartTimestamp startTime         `yaml:"start_timestamp"`
}

type inputSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertTest struct {
	EvalTime  model.Duration  `yaml:"eval_time"`
	Alertname string          `yaml:"alertname"`
	ExpAlerts []expectedAlert `yaml:"exp_alerts"`
}

type expectedAlert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

type exprTest struct {
	Expr       string           `yaml:"expr"`
	EvalTime   model.Duration   `yaml:"eval_time"`
	ExpSamples []expectedSample `yaml:"exp_samples"`
}

type expectedSample struct {
	Labels    string  `yaml:"labels"`
	Value     float64 `yaml:"value"`
	Histogram string  `yaml:"histogram"`
}

// startTime is RFC 3339 or seconds since 1970; without one, tests start at 0.
type startTime struct{ time.Time }

// UnmarshalYAML reads either form.
func (s *startTime) UnmarshalYAML(n *yaml.Node) error {
	if f, err := strconv.ParseFloat(n.Value, 64); err == nil {
		s.Time = time.UnixMilli(int64(f * 1e3)).UTC()
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, n.Value)
	if err != nil {
		return fmt.Errorf("line %d: start_timestamp: %q: expected RFC 3339 or Unix seconds", n.Line, n.Value)
	}
	s.Time = t.UTC()
	return nil
}

func testFile(ctx context.Context, s source, o TestOptions) FileReport {
	out := FileReport{File: s.name, What: "tests"}
	fail := func(line int, reason string) {
		out.Problems = append(out.Problems, Problem{File: s.name, Line: line, Reason: reason})
	}
	tests, err := decodeTests(s.content)
	if err != nil {
		line, reason := splitLine(err.Error())
		fail(line, reason)
		return out
	}
	files, problems := tests.load(filepath.Dir(s.name), o.Files)
	if out.Problems = append(out.Problems, problems...); !out.OK() {
		return out
	}
	for i, t := range tests.Tests {
		if t.Name == "" {
			t.Name = fmt.Sprintf("unnamed#%d", i)
		}
		if o.Run != nil && !o.Run.MatchString(t.Name) {
			continue
		}
		out.Checked++
		if err := t.run(ctx, tests, files); err != nil {
			fail(tests.Tests[i].line(s.content), "test "+strconv.Quote(t.Name)+": "+err.Error())
		}
	}
	return out
}

// line finds the test by its name: decoding does not keep it.
func (t *testCase) line(content []byte) int {
	if t.Name == "" {
		return 0
	}
	n := 0
	for l := range bytes.Lines(content) {
		n++
		if bytes.Contains(l, []byte("name:")) && bytes.Contains(l, []byte(t.Name)) {
			return n
		}
	}
	return 0
}

// decodeTests reads a test file strictly.
func decodeTests(content []byte) (*unitTests, error) {
	var t unitTests
	dec := yaml.NewDecoder(bytes.NewReader(content))
	dec.KnownFields(true)
	if err := dec.Decode(&t); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if t.EvaluationInterval == 0 {
		t.EvaluationInterval = model.Duration(defaultInterval)
	}
	if t.EvaluationInterval < 0 {
		return nil, errors.New("evaluation_interval: must be above 0")
	}
	seen := map[string]bool{}
	for _, g := range t.GroupEvalOrder {
		if seen[g] {
			return nil, fmt.Errorf("group_eval_order: %q is there twice", g)
		}
		seen[g] = true
	}
	return &t, nil
}

// load reads the rule files that the tests name, relative to their own file.
func (t *unitTests) load(dir string, inMemory []File) ([]File, []Problem) {
	var out []File
	var problems []Problem
	for _, name := range t.RuleFiles {
		if i := slices.IndexFunc(inMemory, func(f File) bool { return f.Name == name }); i >= 0 {
			out = append(out, inMemory[i])
			continue
		}
		for _, s := range expand([]string{under(dir, name)}) {
			if s.err != nil {
				problems = append(problems, Problem{File: s.name, Reason: s.err.Error()})
				continue
			}
			units, bad := parseFile(s.name, s.content)
			problems = append(problems, bad...)
			for _, u := range units {
				problems = append(problems, u.problems...)
				if !u.broken() {
					out = append(out, File{Name: u.name, Content: u.content})
				}
			}
		}
	}
	// One file that two patterns name is loaded once.
	seen := map[string]bool{}
	out = slices.DeleteFunc(out, func(f File) bool {
		twice := seen[f.Name]
		seen[f.Name] = true
		return twice
	})
	return out, problems
}

// run evaluates the rules over the series and compares.
func (t *testCase) run(ctx context.Context, tests *unitTests, files []File) (err error) {
	interval := time.Duration(tests.EvaluationInterval)
	e, err := newEvaluator(files, evaluatorOptions{
		interval: interval, externalLabels: t.ExternalLabels, externalURL: t.ExternalURL, order: tests.GroupEvalOrder,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	e.trustState()

	start := t.StartTimestamp.Time
	if start.IsZero() {
		start = time.Unix(0, 0).UTC()
	}
	step := time.Duration(t.Interval)
	if step == 0 {
		step = interval
	}
	input, err := newInput(t.InputSeries, start, step)
	if err != nil {
		return err
	}
	c := comparison{test: t, fuzzy: tests.FuzzyCompare, evaluator: e, start: start}
	waiting := slices.Sorted(maps.Keys(t.alertTimes()))
	for at := start; !at.After(start.Add(t.end())); at = at.Add(interval) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := input.appendUntil(e.appender(ctx), at); err != nil {
			return err
		}
		if err := e.eval(ctx, at); err != nil {
			return fmt.Errorf("at %s: %w", model.Duration(at.Sub(start)), err)
		}
		for len(waiting) > 0 && time.Duration(waiting[0]) < at.Add(interval).Sub(start) {
			c.alerts(waiting[0])
			waiting = waiting[1:]
		}
	}
	for _, x := range t.PromqlExprTest {
		c.expr(ctx, x)
	}
	if len(c.failures) > 0 {
		return errors.New(strings.Join(c.failures, "\n"))
	}
	return nil
}

func (t *testCase) alertTimes() map[model.Duration]bool {
	out := map[model.Duration]bool{}
	for _, a := range t.AlertRuleTest {
		out[a.EvalTime] = true
	}
	return out
}

// end is the last moment that is looked at.
func (t *testCase) end() time.Duration {
	var out model.Duration
	for _, a := range t.AlertRuleTest {
		out = max(out, a.EvalTime)
	}
	for _, x := range t.PromqlExprTest {
		out = max(out, x.EvalTime)
	}
	return time.Duration(out)
}
