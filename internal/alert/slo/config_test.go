package slo

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"
)

func TestEveryIndicatorIsPromQL(t *testing.T) {
	text := `
- {name: i1, objective: 99.9, sli: availability}
- {name: i2, objective: 99.9, sli: {availability: }, service: [a, b], by: [model]}
- {name: i3, objective: 99%, sli: {latency: {threshold: 2s}}, provider: openai, model: "~gpt-4.*"}
- {name: i4, objective: 99, sli: {latency: {threshold: 3s, native: true}}, match: 'team="x", region=~"eu-.+"', by: [service, model]}
- {name: i5, objective: 99, sli: {ttft: {threshold: 0.75}}, window: 4w}
- {name: i6, objective: 99, sli: {tpot: {threshold: 75ms}}, window: 7d}
- {name: i7, objective: 99, sli: error_free_streams, window: month}
- {name: i8, objective: 95, sli: {cost_per_request: {threshold: 0.05}}}
- {name: i9, objective: 90, sli: {quality: {evaluator: judge, above: 0.6}}}
- {name: i10, objective: 99, sli: {events: {good: 'good_total{a="b"}', total: 'sum(all_total)'}}}
- {name: i11, objective: 99, sli: {events: {errors: 'sum by (x) (rate(bad_total[5m]))', total: 'sum by (x) (rate(all_total[5m]))'}}}
- {name: i12, objective: 99, sli: {error_ratio: 'avg(avg_over_time(some_ratio[$window]))'}}
`
	set := load(t, text)
	if n := len(set.RuleFiles()); n != 14 { // and the two defaults
		t.Errorf("%d files, want 14", n)
	}
	for _, f := range set.RuleFiles() {
		if err := validRules(f.Content); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestExpressionsOfEvents(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		got, err := countExpr(in, "6h")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
	f(`x_total`, `sum(rate(x_total[6h]))`)
	f(`sum(x_total{a="b"})`, `(sum(rate(x_total{a="b"}[6h])))`)
	f(`sum by (c) (x_total) - sum by (c) (y_total)`, `(sum by (c) (rate(x_total[6h])) - sum by (c) (rate(y_total[6h])))`)
	f(`sum(rate(x_total[5m]))`, `(sum(rate(x_total[6h])))`)
	f(`sum(rate(x_total[$window]))`, `(sum(rate(x_total[6h])))`)
	f(`sum(rate(x_total[${window}])) * sum(increase(y[1m]))`, `(sum(rate(x_total[6h])) * sum(increase(y[1m])))`)
	f(`sum(rate(x_total[{{ .window }}]))`, `(sum(rate(x_total[6h])))`)
	f(`sum(rate(x_total[5m])) - sum(rate(y_total[1m]))`, `error: has ranges of different length: write $window where the window of the objective is`)
	f(`x_total[5m]`, `error: is a range vector: write an expression of an instant vector, such as a counter's selector`)
	f(``, `error: is missing: write a PromQL expression`)
}

// TestBadDeclarations are mistakes and what is said about them.
func TestBadDeclarations(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Parse([]byte(text))
		if err == nil {
			t.Errorf("%s: no error, want %q", text, want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %q in it", text, err, want)
		}
	}
	f(`name: a`, `must be a list`)
	f(`- {name: a`, `did not find`)
	f(`- 7`, `cannot unmarshal`)
	f(`- {name: a, objektive: 99}`, `slos[0].objektive: unknown key: there is`)
	f(`- {name: a, objective: 99, sli: {latency: {treshold: 2s}}}`, `slos[0].sli.latency.treshold: unknown key: there is native, threshold`)
	f(`- {objective: 99, sli: availability}`, `slos[0].name: "": use 1 to 63`)
	f(`- {name: "a/b", objective: 99, sli: availability}`, `"a/b": use 1 to 63`)
	f(`- {name: a, sli: availability}`, `.objective: is missing`)
	f(`- {name: a, objective: 0.999, sli: availability}`, `0.999 is a ratio, not a percentage: write 99.9`)
	f(`- {name: a, objective: 100, sli: availability}`, `at 100 there is no error budget`)
	f(`- {name: a, objective: -3, sli: availability}`, `must be over 0`)
	f(`- {name: a, objective: NaN, sli: availability}`, `must be over 0`)
	f(`- {name: a, objective: often, sli: availability}`, `"often" is not a percentage: write 99.9`)
	f(`- {name: a, objective: 99, window: 3h, sli: availability}`, `a rolling window is 7d to 90d`)
	f(`- {name: a, objective: 99, window: soon, sli: availability}`, `"soon" is not a window: write 30d, 28d, 7d or month`)
	f(`- {name: a, objective: 99}`, `has 0 indicators: write exactly one of availability`)
	f(`- {name: a, objective: 99, sli: {latency: {threshold: 2s}, availability: {}}}`, `has 2 indicators`)
	f(`- {name: a, objective: 99, sli: uptime}`, `sli: "uptime": write availability`)
	f(`- {name: a, objective: 99, sli: {latency: {threshold: 3s}}}`, `3s is not the bound of a bucket of llm_request_duration_seconds: choose 2.5s or 5s, or set native: true`)
	f(`- {name: a, objective: 99, sli: {latency: {threshold: 10m}}}`, `10m0s is not the bound of a bucket of llm_request_duration_seconds: choose 5m0s, or`)
	f(`- {name: a, objective: 99, sli: {latency: {}}}`, `threshold: is missing`)
	f(`- {name: a, objective: 99, sli: {latency: {threshold: quick}}}`, `"quick" is not a duration`)
	f(`- {name: a, objective: 99, sli: {tpot: {threshold: 80ms}}}`, `choose 75ms or 100ms`)
	f(`- {name: a, objective: 99, sli: {cost_per_request: {threshold: 0.07}}}`, `0.07 is not the bound of a bucket of llm_token_cost_per_request: choose 0.05 or 0.1`)
	f(`- {name: a, objective: 99, sli: {quality: {above: 0.65}}}`, `choose 0.6 or 0.7`)
	f(`- {name: a, objective: 99, sli: {quality: {above: 1}}}`, `must be from 0 up to 0.9`)
	f(`- {name: a, objective: 99, sli: {events: {total: x}}}`, `write either good or errors`)
	f(`- {name: a, objective: 99, sli: {events: {good: "sum(", total: x}}}`, `.sli.events.good: no PromQL`)
	f(`- {name: a, objective: 99, service: s, sli: {error_ratio: x}}`, `do not change your own PromQL`)
	f(`- {name: a, objective: 99, match: 'a="', sli: availability}`, `are no PromQL matchers`)
	f(`- {name: a, objective: 99, match: 'a="b"} or y{', sli: availability}`, `are no PromQL matchers`)
	f(`- {name: a, objective: 99, labels: {slo: x}, sli: availability}`, `"slo" cannot be a label here`)
	f(`- {name: a, objective: 99, by: [le], sli: availability}`, `"le" cannot be a label here`)
	f(`- {name: a, objective: 99, resolution: 10s, sli: availability}`, `must be 30s to 5m`)
	f(`- {name: a, objective: 99, alerting: {min_errors: -1}, sli: availability}`, `must not be negative`)
	f("- {name: a, objective: 99, sli: availability}\n- {name: a, objective: 98, sli: availability}", `slos[1] (a).name: another objective has this name`)
	f(strings.Repeat("#", maxText+1), `bytes: at most`)
}

// TestAllProblemsAreNamed with the lines that they are in.
func TestAllProblemsAreNamed(t *testing.T) {
	c, err := Parse([]byte("- {name: good, objective: 99, sli: availability}\n- {name: a, objective: 0.9, sli: availability}\n- {name: b, wat: 1}\n"))
	var lines []int
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		if ce, ok := errors.AsType[*ConfigError](e); ok {
			lines = append(lines, ce.Line)
		}
	}
	if d := cmp.Diff([]int{3, 2}, lines); d != "" {
		t.Errorf("lines of problems: %s\n%v", d, err)
	}
	set, err := Load(c, ".")
	if err == nil {
		t.Error("no error")
	}
	var names []string
	for _, s := range set.SLOs() {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{"availability", "latency", "good"}, names); d != "" {
		t.Errorf("the good ones: %s", d)
	}
}

func TestDefaultsAreReplacedAndDropped(t *testing.T) {
	set := load(t, "- {name: latency, objective: 95, sli: {latency: {threshold: 5s}}}\n- {name: availability, disabled: true}\n")
	if len(set.SLOs()) != 1 || set.SLOs()[0].Objective != 95 {
		t.Errorf("objectives: %+v", set.SLOs())
	}
	if set := load(t, ""); len(set.SLOs()) != 2 {
		t.Errorf("%d objectives without a section, want 2", len(set.SLOs()))
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

// TestBucketsAreTheCatalogues reads the reference of metrics, which is made from
// the catalogue.
func TestBucketsAreTheCatalogues(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(text), "\n### `")[1:] {
		name, rest, _ := strings.Cut(part, "`")
		sections[name], _, _ = strings.Cut(rest, "\n## ")
	}
	for _, name := range []string{famDuration, famTTFT, famTPOT, famCost, famQuality} {
		bounds := make([]string, len(buckets(name)))
		for i, b := range buckets(name) {
			bounds[i] = plain(b)
		}
		if want := "Buckets: " + strings.Join(bounds, ", ") + "."; !strings.Contains(sections[name], want) {
			t.Errorf("%s does not say %q:%s", name, want, sections[name])
		}
	}
	for _, name := range []string{famDuration, famTTFT, famTPOT} {
		if !strings.Contains(sections[name], "native") {
			t.Errorf("%s has no native histogram", name)
		}
	}
	for _, name := range []string{famRequests, famErrors, famStreams} {
		if sections[name] == "" {
			t.Errorf("%s is not in the catalogue", name)
		}
	}
}

func TestWindowsReadBack(t *testing.T) {
	for in, want := range map[string]string{"30d": "30d", "4w": "28d", "720h": "30d", "month": "month", "7d12h": "180h"} {
		var w Window
		if err := yaml.Unmarshal([]byte(in), &w); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if w.String() != want {
			t.Errorf("%s reads back as %s, want %s", in, w, want)
		}
		out, err := yaml.Marshal(w)
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s is written as %s, %v", in, out, err)
		}
	}
	out, err := yaml.Marshal(Duration(1500 * time.Millisecond))
	if err != nil || strings.TrimSpace(string(out)) != "1.5s" {
		t.Errorf("duration is written as %s, %v", out, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("- {name: a, objective: 99, window: 28d, sli: {latency: {threshold: 2s}}}\n"))
	f.Add([]byte("- {name: a, objective: 99%, sli: {events: {good: 'x{a=\"b\"}', total: 'sum(rate(y[$window]))'}}}\n"))
	f.Add([]byte("- &a {name: a}\n- *a\n- {sli: [1], by: {}, labels: [x]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		set, lerr := Load(Config{SLOs: dropFiles(c.SLOs)}, t.TempDir())
		if err == nil && lerr != nil {
			t.Errorf("Parse accepts what Load refuses: %v", lerr)
		}
		for _, f := range set.RuleFiles() {
			if err := validRules(f.Content); err != nil {
				t.Errorf("%s: %v\n%s", f.Name, err, f.Content)
			}
		}
	})
}

// validRules checks a rule file as any Prometheus would: without experimental
// functions.
func validRules(content []byte) error {
	_, errs := rulefmt.Parse(content, false, model.UTF8Validation, newParser(), slog.New(slog.DiscardHandler))
	return errors.Join(errs...)
}

func dropFiles(all []SLO) []SLO {
	var out []SLO
	for _, s := range all {
		if s.OpenSLO == "" {
			out = append(out, s)
		}
	}
	return out
}
