package metrics

import (
	"strings"
	"testing"
)

func TestBuiltinRulesAreValid(t *testing.T) {
	files := BuiltinRules(DefaultInfrastructurePrices())
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		if err := ValidateRules(f.Content); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	// All of the vocabulary is made by some preset, and nothing else is.
	made := map[vocabulary]bool{}
	for _, p := range presets() {
		for _, m := range p.maps {
			made[m.to] = true
			_ = m.to.family() // panics for a name that is not in the vocabulary
		}
	}
	for _, f := range ServerFamilies() {
		if !made[vocabulary(f.Name)] {
			t.Errorf("no preset makes %s", f.Name)
		}
	}
}

func TestBuiltinRulesStay(t *testing.T) {
	m := startStore(t)
	n := len(m.rules.RuleGroups())
	if n < 9 {
		t.Fatalf("%d groups", n)
	}
	own := RuleFile{Name: "own", Content: []byte("groups: [{name: own, rules: [{record: a, expr: '1'}]}]")}
	if err := m.SetRules([]RuleFile{own}); err != nil {
		t.Fatal(err)
	}
	if got := len(m.rules.RuleGroups()); got != n+1 {
		t.Errorf("%d groups with one more, want %d", got, n+1)
	}
	if err := m.SetRules(nil); err != nil {
		t.Fatal(err)
	}
	if got := len(m.rules.RuleGroups()); got != n {
		t.Errorf("%d groups, want %d", got, n)
	}
	own.Name = builtinPrefix + "gpu"
	if err := m.SetRules([]RuleFile{own}); err == nil || !strings.Contains(err.Error(), "shipped") {
		t.Errorf("the error is %v", err)
	}
}
