package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestDocsListThePacks keeps the table of docs/rules.md as the packs are.
func TestDocsListThePacks(t *testing.T) {
	path := filepath.Join(testkit.RepoRoot(t), "docs", "rules.md")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin := strings.Index(string(doc), "<!-- packs:")
	end := strings.Index(string(doc), "<!-- /packs -->")
	if begin < 0 || end < begin {
		t.Fatal("docs/rules.md has no place for the packs")
	}
	begin += strings.Index(string(doc)[begin:], "\n") + 1
	var b strings.Builder
	b.WriteString("\n| pack | for | alerts |\n|---|---|---|\n")
	for _, p := range Describe(DefaultConfig()) {
		var links []string
		for _, a := range p.Alerts {
			links = append(links, fmt.Sprintf("[%s](runbooks.md#%s)", a, strings.ToLower(a)))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.Name, p.Doc, strings.Join(links, ", "))
	}
	b.WriteString("\n| threshold | default | |\n|---|---|---|\n")
	for _, p := range Describe(DefaultConfig()) {
		for _, th := range p.Thresholds {
			fmt.Fprintf(&b, "| `%s.%s` | %s | %s |\n", p.Name, th.Name, th.Default, th.Doc)
		}
	}
	b.WriteString("\n")
	if *update {
		if err := os.WriteFile(path, []byte(string(doc)[:begin]+b.String()+string(doc)[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(b.String(), string(doc)[begin:end]); d != "" {
		t.Errorf("docs/rules.md is not as the packs are; run the test with -update:\n%s", d)
	}
}

// TestEveryPackIsDescribedInChinese: the UI shows the packs in the user's language.
func TestEveryPackIsDescribedInChinese(t *testing.T) {
	han := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
	for _, p := range Describe(DefaultConfig()) {
		if !han(p.DocZH) {
			t.Errorf("%s: %q has no Chinese text", p.Name, p.Doc)
		}
		for _, th := range p.Thresholds {
			if !han(th.DocZH) {
				t.Errorf("%s.%s: %q has no Chinese text", p.Name, th.Name, th.Doc)
			}
		}
	}
}

// TestChartHasThePack keeps the rules of the Helm chart as the pack pitot is.
func TestChartHasThePack(t *testing.T) {
	packs, err := Packs(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, f := range packs {
		if strings.HasSuffix(f.Name, "pitot.yaml") {
			want = f.Content
		}
	}
	if len(want) == 0 {
		t.Fatal("there is no pack pitot")
	}
	path := filepath.Join(testkit.RepoRoot(t), "deploy", "helm", "pitot", "rules", "pitot.yaml")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("the chart's rules are not as the pack is; run the test with -update:\n%s", d)
	}
}
