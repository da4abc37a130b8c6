package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

const resource = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: llm
  namespace: ai
  labels: {team: a}
spec:
  groups:
    - name: g
      partial_response_strategy: abort
      rules:
        - alert: A
          expr: 1
          for: ""
          labels: {severity: page}
`

func TestWhatIsRead(t *testing.T) {
	f := func(name, text string, want ...string) {
		t.Helper()
		units, problems := parseFile("f.yaml", []byte(text))
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
		var got []string
		for _, u := range units {
			for _, p := range u.problems {
				if !p.Warning {
					t.Errorf("%s: %v", name, p)
				}
			}
			var rules []string
			for _, g := range u.groups {
				for _, r := range g.Rules {
					rules = append(rules, g.Name+"/"+r.Alert+r.Record)
				}
			}
			got = append(got, u.name+": "+strings.Join(rules, " "))
			if _, errs := rulefmt.Parse(u.content, false, model.UTF8Validation, newParser(), quiet()); len(errs) > 0 {
				t.Errorf("%s: the engine does not take it: %v", name, errs)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	f("a rule file", goodRules, "f.yaml: g/A")
	f("empty", "")
	f("only comments", "# nothing\n---\n# here\n")
	f("no groups yet", "groups: []\n", "f.yaml: ")
	f("a resource", resource, "f.yaml#ai/llm: g/A")
	f("several documents", resource+"---\n"+strings.Replace(resource, "llm", "two", 1)+"---\n"+otherRules, "f.yaml#ai/llm: g/A", "f.yaml#ai/two: g/A", "f.yaml: other/job:up:sum")
	f("a list", "apiVersion: v1\nkind: List\nitems:\n- "+strings.ReplaceAll(strings.TrimSpace(resource), "\n", "\n  ")+"\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n", "f.yaml#ai/llm: g/A")
	f("an API server's list", `{"kind":"PrometheusRuleList","items":[{"metadata":{"name":"x"},"spec":{"groups":[{"name":"g","rules":[{"record":"a:b","expr":"up"}]}]}}]}`, "f.yaml#x: g/a:b")
	f("other resources of a manifest", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n")
	f("anchors and merge keys", `groups:
  - name: g
    rules:
      - &base {alert: A, expr: up == 0, labels: &l {severity: page}}
      - {<<: *base, alert: B, labels: {<<: *l, team: x}}
`, "f.yaml: g/A g/B")
	f("windows line ends", strings.ReplaceAll(goodRules, "\n", "\r\n"), "f.yaml: g/A")
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		units, problems := parseFile("f", []byte(text))
		for _, u := range units {
			problems = append(problems, u.problems...)
		}
		var got []string
		for _, p := range problems {
			got = append(got, fmt.Sprintf("%d: %s", p.Line, p.Reason))
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
				return
			}
		}
	}
	f(brokenRules, `5: group "g", rule 1, "A": could not parse expression: 1:6: parse error: unexpected end of input`)
	f("groups: [", "1: not YAML: did not find expected node content")
	f("\tgroups: []", "0: not YAML: found character that cannot start any token")
	f("hello", "1: expected `groups:`, or a resource")
	f("- a\n- b", "1: expected `groups:`, or a resource")
	f("rules: []", `1: unknown field "rules" in a file`, "1: no groups")
	f("groups: 5", "1: groups: expected a list, got a value")
	f("groups:\n  - 5", "2: expected a group with")
	f("groups:\n  - name: g\n  - name: g", `3: group "g" is there twice`)
	f("groups:\n  - rules: []", "2: a group without a name")
	f("groups:\n  - name: g\n    intervall: 5s", `3: unknown field "intervall" in a group: known are name, interval,`)
	f("groups:\n  - name: g\n    interval: often", `3: interval: "often": expected a duration`)
	f("groups:\n  - name: g\n    limit: x", `3: limit: "x"`)
	f("groups:\n  - name: g\n    rules: {}", "3: rules: expected a list, got a mapping")
	f("groups:\n  - name: g\n    partial_response_strategy: warn", "3: unknown field")
	r := func(rule string) string { return "groups:\n  - name: g\n    rules:\n      - " + rule }
	f(r("5"), `4: group "g": expected a rule with`)
	f(r("{alert: A, exp: up}"), `4: group "g", rule 1, "A": unknown field "exp" in a rule`)
	f(r("{alert: A, alert: B, expr: up}"), `4: group "g", rule 1, "A": field "alert" is there twice`)
	f(r("{alert: A}"), `4: group "g", rule 1, "A": field 'expr' must be set`)
	f(r("{expr: up}"), `4: group "g", rule 1, "": one of 'record' or 'alert' must be set`)
	f(r("{alert: A, record: b, expr: up}"), `4: group "g", rule 1, "Ab": only one of`)
	f(r("{record: a, expr: up, for: 5m}"), `4: group "g", rule 1, "a": invalid field 'for' in recording rule`)
	f(r("{alert: A, expr: up, for: soon}"), `4: group "g", rule 1, "A": for: "soon": expected a duration`)
	f(r("alert: A\n        expr: up\n        labels:\n          severity: [a]"), `7: group "g", rule 1, "A": labels.severity: expected a single value`)
	f(r("alert: A\n        expr: up\n        annotations:\n          summary: '{{ $labels.x | nosuch }}'"), `4: group "g", rule 1, "A": annotation "summary": template`)
	f(strings.Replace(resource, "/v1\n", "/v2\n", 1), "1: apiVersion monitoring.coreos.com/v2: only monitoring.coreos.com/v1")
	f(strings.Replace(resource, "expr: 1", "expr: sum(", 1), `13: group "g", rule 1, "A": could not parse expression`)
	f("kind: PrometheusRule\nspec: {}", "1: a PrometheusRule without metadata.name")
	f("kind: PrometheusRule\nmetadata: {name: x}", "1: a PrometheusRule without spec")
	f(resource+"---\n"+resource, "0: this resource is there twice: the first is used")
	f(r("{alert: A, expr: up}\n      - {alert: A, expr: up}"), `5: group "g", rule 2, "A": the same as rule 1`)
}

func TestOneBrokenResourceLeavesTheOthers(t *testing.T) {
	text := resource + "---\n" + strings.Replace(strings.Replace(resource, "llm", "bad", 1), "expr: 1", "expr: sum(", 1)
	units, problems := parseFile("f", []byte(text))
	if len(problems) > 0 || len(units) != 2 || units[0].broken() || !units[1].broken() {
		t.Fatalf("%v %+v", problems, units)
	}
	if units[1].problems[0].Line != 29 {
		t.Errorf("line %d", units[1].problems[0].Line)
	}
}

func TestLimitsOfFiles(t *testing.T) {
	_, problems := parseFile("f", make([]byte, maxFileBytes+1))
	if len(problems) != 1 || !strings.Contains(problems[0].Reason, "split it") {
		t.Errorf("a file that is too large: %v", problems)
	}
	_, problems = parseFile("f", []byte(strings.Repeat("---\na: 1\n", maxDocuments+1)))
	if len(problems) != 1 || !strings.Contains(problems[0].Reason, "documents") {
		t.Errorf("too many documents: %d", len(problems))
	}
	var b strings.Builder
	b.WriteString("groups:\n- name: g\n  rules:\n")
	for i := range maxFileRules + 2 {
		fmt.Fprintf(&b, "  - {record: r%d, expr: up}\n", i)
	}
	units, _ := parseFile("f", []byte(b.String()))
	if len(units) != 1 || len(units[0].problems) != 1 || !strings.Contains(units[0].problems[0].Reason, "more than 10000 rules") {
		t.Errorf("too many rules: %v", units[0].problems)
	}
}

func FuzzParseFile(f *testing.F) {
	for _, s := range []string{goodRules, otherRules, brokenRules, resource, "a: &a [*a]", "<<: *x", "groups: &g [{name: a, <<: *g}]", "kind: List\nitems: [{}]", "x: &x {<<: *x}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		units, _ := parseFile("f", content)
		for _, u := range units {
			if u.broken() {
				continue
			}
			if _, errs := rulefmt.Parse(u.content, false, model.UTF8Validation, newParser(), quiet()); len(errs) > 0 {
				t.Errorf("%v\n%s", errs, u.content)
			}
		}
	})
}
