package rules

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// selected are the metrics that an expression reads.
func selected(e parser.Expr) []string {
	var out []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			out = append(out, v.Name)
		}
		return nil
	})
	return out
}

func render(t *testing.T, files []File, o RenderOptions) string {
	t.Helper()
	var b strings.Builder
	if err := Render(&b, files, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// rulesOf are the rules of files, as text.
func rulesOf(t *testing.T, units []unitFile) []string {
	t.Helper()
	var out []string
	for _, u := range units {
		if u.broken() {
			t.Fatal(u.problems)
		}
		for _, g := range u.groups {
			for _, r := range g.Rules {
				text, err := yaml.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, g.Interval.String()+string(text))
			}
		}
	}
	return out
}

// TestRenderedRulesAreTheSame reads what was written.
func TestRenderedRulesAreTheSame(t *testing.T) {
	files := packFiles(t, everyPack())
	files = append(files, File{Name: "/etc/pitot/errors.yaml", Content: []byte("groups: [{name: errors, rules: [{record: a, expr: b}]}]"), Source: SourceFile})
	var want []string
	for _, f := range files {
		units, _ := parseFile(f.Name, f.Content)
		want = append(want, rulesOf(t, units)...)
	}
	for _, format := range []string{FormatPrometheus, FormatPrometheusRule} {
		text := render(t, files, RenderOptions{Format: format, Namespace: "ai", Labels: map[string]string{"release": "prometheus"}})
		units, problems := parseFile("out.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatalf("%s: %v", format, problems)
		}
		if got := rulesOf(t, units); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %d rules became %d, or others", format, len(want), len(got))
		}
		if format == FormatPrometheus {
			if _, errs := rulefmt.Parse([]byte(text), false, model.UTF8Validation, newParser(), quiet()); len(errs) > 0 {
				t.Errorf("Prometheus does not take it: %v", errs)
			}
		} else if len(units) != len(files) {
			t.Errorf("%d resources of %d files", len(units), len(files))
		}
	}
}

func TestRenderGolden(t *testing.T) {
	files := []File{
		{Name: "packs/memory.yaml", Content: packFiles(t, onlyPacks("memory"))[0].Content},
		{Name: "mine.yaml", Content: []byte(`groups:
  - name: mine
    interval: 15s
    labels: {team: a}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: job:up:sum < 1 and on (job) wanted
        for: 5m
        annotations: {summary: 'only {{ $value }} of {{ $labels.job }}, $values stay', link: '{{ $externalURL }}/x'}
      - alert: Any
        expr: up == 0 or absent(up)
        keep_firing_for: 10m
`)},
	}
	for _, format := range Formats() {
		o := RenderOptions{Format: format, Namespace: "ai", Labels: map[string]string{"release": "prometheus"}, ExternalURL: "https://pitot.example/"}
		testkit.Golden(t, *update, "render."+format+".golden", []byte(render(t, files, o)))
	}
}

// TestGrafanaTakesEveryAlert checks the structure of the provisioning file and
// that nothing of Prometheus' own templates is left.
func TestGrafanaTakesEveryAlert(t *testing.T) {
	files := packFiles(t, everyPack())
	text := render(t, files, RenderOptions{Format: FormatGrafana, ExternalURL: "https://pitot.example"})
	var out grafanaFile
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, p := range packs() {
		for _, g := range p.text(everyPack().withDefaults()).Groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					want++
				}
			}
		}
	}
	titles, ids, n := map[string]bool{}, map[string]bool{}, 0
	for _, g := range out.Groups {
		for _, r := range g.Rules {
			n++
			if titles[r.Title] || ids[r.UID] || r.UID == "" || len(r.UID) > 40 {
				t.Errorf("title %q or id %q is not unique or good", r.Title, r.UID)
			}
			titles[r.Title], ids[r.UID] = true, true
			last := r.Data[len(r.Data)-1]
			if last.RefID != r.Condition || last.Model["type"] != "threshold" {
				t.Errorf("%s: the condition is %+v", r.Title, last)
			}
			for _, q := range r.Data[:len(r.Data)-1] {
				if _, err := newParser().ParseExpr(q.Model["expr"].(string)); err != nil {
					t.Errorf("%s: %v", r.Title, err)
				}
			}
			for k, v := range r.Annotations {
				for _, bad := range []string{"toTime", "with query", "$value ", "$externalURL", "urlQueryEscape"} {
					if strings.Contains(v, bad) {
						t.Errorf("%s: %s has %s: %s", r.Title, k, bad, v)
					}
				}
			}
		}
	}
	if n != want || n == 0 {
		t.Errorf("%d alerts of %d", n, want)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestRenderFails(t *testing.T) {
	if err := Render(io.Discard, nil, RenderOptions{Format: "xml"}); err == nil || !strings.Contains(err.Error(), "there are prometheus, prometheusrule and grafana") {
		t.Error(err)
	}
	if err := Render(io.Discard, []File{{Name: "x", Content: []byte(brokenRules)}}, RenderOptions{Format: FormatPrometheus}); err == nil || !strings.Contains(err.Error(), "x:5:") {
		t.Error(err)
	}
	for _, format := range Formats() {
		if err := Render(failingWriter{}, []File{{Name: "x", Content: []byte(goodRules)}}, RenderOptions{Format: format}); err == nil {
			t.Errorf("%s: a full disk went unnoticed", format)
		}
	}
}
