package rules

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit"
)

func reportText(t *testing.T, r Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUnitTestFormat(t *testing.T) {
	r := Test(t.Context(), []string{"testdata/promtool/good.test.yaml"}, TestOptions{})
	if !r.OK() || r.Files[0].Checked != 4 {
		t.Error(reportText(t, r))
	}
	r = Test(t.Context(), []string{"testdata/promtool/bad.test.yaml"}, TestOptions{})
	if r.OK() || len(r.Files[0].Problems) != r.Files[0].Checked {
		t.Error("a test that must fail did not")
	}
	testkit.Golden(t, *update, "promtool/bad.golden", []byte(reportText(t, r)))
	r = Test(t.Context(), []string{"testdata/promtool/bad.test.yaml"}, TestOptions{Run: regexp.MustCompile("^wrong value$")})
	if r.Files[0].Checked != 1 || len(r.Files[0].Problems) != 1 || r.Files[0].Problems[0].Line != 8 {
		t.Errorf("only one was asked for: %+v", r.Files)
	}
}

func TestUnitTestFilesThatAreBroken(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "rules.yaml"), brokenRules)
	f := func(text, want string) {
		t.Helper()
		path := filepath.Join(dir, "x.test.yaml")
		put(t, path, text)
		r := Test(t.Context(), []string{path}, TestOptions{})
		if got := reportText(t, r); r.OK() || !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	f("tests: [", "line 1: did not find expected node content")
	f("test: []", "line 1: field test not found")
	f("rule_files: [rules.yaml]", "line 5: ")
	f("rule_files: [absent.yaml]", "no such file")
	f("rule_files: ['absent*.yaml']", "no file matches")
	f("evaluation_interval: soon", "not a valid duration string")
	f("group_eval_order: [a, a]", `"a" is there twice`)
	f("tests: [{start_timestamp: never}]", "expected RFC 3339 or Unix seconds")
	f("tests: [{input_series: [{series: x, values: '1'}, {series: x, values: '1'}], promql_expr_test: [{expr: x}]}]", "it is there twice")
	if r := Test(t.Context(), []string{filepath.Join(dir, "nothing.yaml")}, TestOptions{}); r.OK() {
		t.Error("an absent file passed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := Test(ctx, []string{"testdata/promtool/good.test.yaml"}, TestOptions{}); r.OK() {
		t.Error("went on after its context had ended")
	}
}

func FuzzDecodeTests(f *testing.F) {
	for _, p := range []string{"good", "bad"} {
		b, err := os.ReadFile("testdata/promtool/" + p + ".test.yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, content []byte) {
		tests, err := decodeTests(content)
		if err != nil {
			return
		}
		for _, c := range tests.Tests {
			_ = c.end()
			_ = c.alertTimes()
		}
	})
}
