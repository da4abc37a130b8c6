package rules

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	promrules "github.com/prometheus/prometheus/rules"

	"github.com/pitot-dev/pitot/internal/testkit"
)

var update = testkit.GoldenFlag()

// everyPack has all packs on, also those that are off by default.
func everyPack() Config {
	var names []string
	for _, p := range packs() {
		names = append(names, p.name)
	}
	return onlyPacks(names...)
}

func packFiles(t testing.TB, c Config) []File {
	t.Helper()
	files, err := Packs(c)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPacksAsTheirTestsSay runs the unit tests of the shipped rules, which are
// in promtool's format, with the runner that users have.
func TestPacksAsTheirTestsSay(t *testing.T) {
	report := Test(t.Context(), []string{"testdata/packs"}, TestOptions{Files: packFiles(t, everyPack())})
	if len(report.Files) < len(packs()) {
		t.Errorf("%d test files for %d packs", len(report.Files), len(packs()))
	}
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Error(b.String())
	}
}

// identity is what tells a shipped rule from others.
func ruleIdentity(r ruleText) string {
	id := r.Record
	if r.Alert != "" {
		id = "alert " + r.Alert
	}
	for _, k := range []string{"level", "direction", "signal", "band"} {
		if v := r.Labels[k]; v != "" {
			id += " " + k + "=" + v
		}
	}
	// The bounds of a signal have its name from what they read.
	if m := regexp.MustCompile(`^llm:signal:(margin|upper|lower)$`).FindString(id); m != "" {
		id += " signal=" + regexp.MustCompile(`signal="(\w+)"`).FindStringSubmatch(r.Expr)[1]
	}
	return id
}

// TestEveryShippedRuleIsTestedBothWays compares the rules with what the tests
// ask for: each has a test in which it fires, or has a value, and one in which
// it does not.
func TestEveryShippedRuleIsTestedBothWays(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	paths, err := filepath.Glob("testdata/packs/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`llm:[\w:]+`)
	label := regexp.MustCompile(`(alertname|level|direction|signal|band)="(\w+)"`)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tests, err := decodeTests(content)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, c := range tests.Tests {
			for _, x := range c.PromqlExprTest {
				l := map[string]string{}
				for _, m := range label.FindAllStringSubmatch(x.Expr, -1) {
					l[m[1]] = m[2]
				}
				id := name.FindString(x.Expr)
				if strings.Contains(x.Expr, "ALERTS") {
					id = "alert " + l["alertname"]
				}
				for _, k := range []string{"level", "direction", "signal", "band"} {
					// Of generic records any signal will do.
					generic := k == "signal" && regexp.MustCompile(`llm:signal:(p50_1h|spread_1h|mean_1d|deviation_1d|season|center)`).MatchString(id)
					if v := l[k]; v != "" && !generic {
						id += " " + k + "=" + v
					}
				}
				if len(x.ExpSamples) > 0 {
					fires[id] = true
				} else {
					silent[id] = true
				}
			}
		}
	}
	n := 0
	for _, p := range packs() {
		for _, g := range p.text(everyPack().withDefaults()).Groups {
			for _, r := range g.Rules {
				n++
				id := ruleIdentity(r)
				if !fires[id] {
					t.Errorf("%s: no test in which it fires or has a value", id)
				}
				if !silent[id] {
					t.Errorf("%s: no test in which it is silent or absent", id)
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d shipped rules were looked at", n)
	}
}

// TestAnnotations fires every alert of the packs' tests and keeps what people
// would read.
func TestAnnotations(t *testing.T) {
	if raceEnabled {
		t.Skip("many evaluations, in one goroutine")
	}
	got := map[string]string{}
	paths, err := filepath.Glob("testdata/packs/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := packFiles(t, everyPack())
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tests, err := decodeTests(content)
		if err != nil {
			t.Fatal(err)
		}
		named, problems := tests.load(filepath.Dir(path), files)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, c := range tests.Tests {
			fireAll(t, &c, tests, named, got)
		}
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(got)) {
		fmt.Fprintf(&b, "%s\n%s\n", k, got[k])
	}
	testkit.Golden(t, *update, "annotations.golden", []byte(b.String()))
	for _, bad := range []string{"<error expanding", "<no value>", "%!", "{{", "+Inf", "NaN"} {
		if i := strings.Index(b.String(), bad); i >= 0 {
			t.Errorf("an annotation has %q: %.200s", bad, b.String()[i:])
		}
	}
	for _, p := range packs() {
		for _, g := range p.text(everyPack().withDefaults()).Groups {
			for _, r := range g.Rules {
				if r.Alert == "" {
					continue
				}
				if !slices.Contains([]string{critical, warning, info}, r.Labels["severity"]) {
					t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
				}
				for _, a := range []string{"summary", "summary_zh", "description", "description_zh", "runbook_url"} {
					if r.Annotations[a] == "" {
						t.Errorf("%s has no %s", r.Alert, a)
					}
				}
				found := false
				for k := range got {
					found = found || strings.Contains(k, `alertname="`+r.Alert+`"`)
				}
				if !found {
					t.Errorf("%s never fired", r.Alert)
				}
			}
		}
	}
}

// fireAll keeps the first firing of each alert of a test.
func fireAll(t *testing.T, c *testCase, tests *unitTests, files []File, got map[string]string) {
	t.Helper()
	if c.end() > 24*time.Hour {
		return // summaries of days: no alerts
	}
	interval := time.Duration(tests.EvaluationInterval)
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	notify := func(_ context.Context, _ string, alerts ...*promrules.Alert) {
		for _, a := range alerts {
			if _, ok := got[a.Labels.String()]; ok || a.State != promrules.StateFiring {
				continue
			}
			var b strings.Builder
			for _, k := range slices.Sorted(maps.Keys(a.Annotations.Map())) {
				fmt.Fprintf(&b, "  %s: %s\n", k, a.Annotations.Get(k))
			}
			got[a.Labels.String()] = b.String()
		}
	}
	e, err := newEvaluator(files, evaluatorOptions{interval: interval, notify: notify, externalURL: "https://pitot.example"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	step := time.Duration(c.Interval)
	if step == 0 {
		step = interval
	}
	in, err := newInput(c.InputSeries, start, step)
	if err != nil {
		t.Fatal(err)
	}
	for at := start; !at.After(start.Add(c.end())); at = at.Add(interval) {
		if err := in.appendUntil(e.appender(t.Context()), at); err != nil {
			t.Fatal(err)
		}
		if err := e.eval(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunbooksCoverEveryAlert(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(testkit.RepoRoot(t), "docs", "runbooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs() {
		for _, a := range p.alertNames() {
			if !strings.Contains(string(doc), "\n## "+a+"\n") {
				t.Errorf("docs/runbooks.md has no section for %s", a)
			}
		}
	}
}
