package dashboard

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/metrics"
)

var variableName = regexp.MustCompile(`\$(\w+)`)

// substitute replaces variables and macros as Grafana does where everything is
// chosen.
func substitute(t testing.TB, d Dashboard, expr string) string {
	t.Helper()
	return variableName.ReplaceAllStringFunc(expr, func(m string) string {
		switch name := m[1:]; name {
		case "__rate_interval":
			return "1m"
		case "__range":
			return "30m"
		default:
			if !slices.ContainsFunc(d.Variables, func(v Variable) bool { return v.Name == name }) {
				t.Errorf("%s: the dashboard has no variable %s: %s", d.ID, name, expr)
			}
			return ".*"
		}
	})
}

func parse(t testing.TB, expr string) parser.Expr {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return e
}

// wanted are the labels that a query of a metric matches by variables.
func wanted(metric string) []string {
	switch {
	case metric == "llm_cost_per_million_tokens":
		return nil // one for all
	case strings.HasPrefix(metric, "llm_server_"):
		return []string{"server", "model"}
	case strings.HasPrefix(metric, "llm_gpu_"):
		return []string{"gpu_id"}
	case strings.HasPrefix(metric, "llm_agent_cli_"):
		return []string{"product"}
	case strings.HasPrefix(metric, "llm_"):
		return []string{"service", "provider", "model"}
	case strings.HasPrefix(metric, "slo:"):
		return []string{"slo", "service", "provider", "model"}
	case strings.HasPrefix(metric, "pitot_budget_"):
		return []string{"job"} // budgets are few, and there to be seen together
	case strings.HasPrefix(metric, "pitot_"):
		return []string{"job", "instance"}
	default:
		return nil // process_*, up, ALERTS: of all targets
	}
}

func TestEveryQueryFollowsTheVariables(t *testing.T) {
	eachPanel(func(d Dashboard, p Panel) {
		for _, target := range p.Targets {
			e := parse(t, substitute(t, d, target.Expr))
			parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
				s, ok := n.(*parser.VectorSelector)
				if !ok || s.Name == "llm_gpu_utilization_percent" && p.ID == "cost_gpu_use" { // of all, as its price is
					return nil
				}
				for _, label := range wanted(s.Name) {
					if !slices.ContainsFunc(s.LabelMatchers, func(m *labels.Matcher) bool { return m.Name == label }) {
						t.Errorf("%s/%s %s: %s is not matched by %s", d.ID, p.ID, target.Ref, s.Name, label)
					}
				}
				return nil
			})
		}
	})
}

// TestVariablesAreUsed: a choice that changes nothing misleads.
func TestVariablesAreUsed(t *testing.T) {
	for _, d := range Dashboards() {
		var all strings.Builder
		for _, r := range d.Rows {
			for _, p := range r.Panels {
				for _, target := range p.Targets {
					all.WriteString(target.Expr + "\n")
				}
				if p.Trace != nil {
					all.WriteString(p.Trace.Service + "\n")
				}
			}
		}
		for _, v := range d.Variables {
			if v.Kind == VarLabel && !strings.Contains(all.String(), "$"+v.Name) {
				t.Errorf("%s: $%s is used by no query", d.ID, v.Name)
			}
			if v.Kind == VarLabel {
				parse(t, substitute(t, d, v.Selector))
			}
		}
	}
}

// family strips the suffix of a histogram's series.
func family(name string, histograms func(string) bool) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && histograms(base) {
			return base
		}
	}
	return name
}

// TestMetricsExist compares the names in queries with the tables and rules that
// make the series.
func TestMetricsExist(t *testing.T) {
	known := map[string]bool{
		"up": true, "ALERTS": true, "process_resident_memory_bytes": true, "llm_cost_per_million_tokens": true,
		"llm_gpu_utilization_percent": true, "llm_gpu_memory_used_bytes": true, "llm_gpu_memory_total_bytes": true,
		"llm_gpu_power_watts": true, "llm_gpu_temperature_celsius": true,
	}
	histograms := map[string]bool{"pitot_gateway_overhead_seconds": true}
	for _, f := range metrics.Families() {
		known[f.Name], histograms[f.Name] = true, f.Type == metrics.TypeHistogram
	}
	for _, f := range metrics.ServerFamilies() {
		known[f.Name], histograms[f.Name] = true, f.Type == metrics.TypeHistogram
	}
	for _, f := range metrics.DerivedFamilies() {
		known[f.Name] = true
	}
	set, err := slo.Load(slo.DefaultConfig(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range set.RuleFiles() {
		for _, m := range regexp.MustCompile(`record: (\S+)`).FindAllSubmatch(f.Content, -1) {
			known[string(m[1])] = true
		}
	}
	source := ownNames(t)
	eachPanel(func(d Dashboard, p Panel) {
		for _, target := range p.Targets {
			parser.Inspect(parse(t, substitute(t, d, target.Expr)), func(n parser.Node, _ []parser.Node) error {
				if s, ok := n.(*parser.VectorSelector); ok {
					name := family(s.Name, func(base string) bool { return histograms[base] })
					if !known[name] && !source(name) {
						t.Errorf("%s/%s: nobody makes %s", d.ID, p.ID, s.Name)
					}
				}
				return nil
			})
		}
	})
}

// ownNames says whether Pitot's source has a pitot_* metric: as a whole, or as a
// prefix with the rest beside it.
func ownNames(t *testing.T) func(string) bool {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "../dashboard") {
			return err
		}
		b, err := os.ReadFile(path)
		text.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := text.String()
	prefixes := regexp.MustCompile(`"(pitot_[a-z]+_)"\+`).FindAllStringSubmatch(all, -1)
	return func(name string) bool {
		if !strings.HasPrefix(name, "pitot_") {
			return false
		}
		if strings.Contains(all, `"`+name+`"`) {
			return true
		}
		for _, p := range prefixes {
			if rest, ok := strings.CutPrefix(name, p[1]); ok && strings.Contains(all, `"`+rest+`"`) {
				return true
			}
		}
		return false
	}
}

// TestLabelsExist: a sum by a label that a family has not is one nameless line.
func TestLabelsExist(t *testing.T) {
	families := map[string]metrics.Family{}
	for _, f := range metrics.Families() {
		families[f.Name] = f
	}
	eachPanel(func(d Dashboard, p Panel) {
		for _, target := range p.Targets {
			parser.Inspect(parse(t, substitute(t, d, target.Expr)), func(n parser.Node, _ []parser.Node) error {
				agg, ok := n.(*parser.AggregateExpr)
				if !ok {
					return nil
				}
				parser.Inspect(agg.Expr, func(n parser.Node, _ []parser.Node) error {
					s, ok := n.(*parser.VectorSelector)
					if !ok {
						return nil
					}
					name := family(s.Name, func(base string) bool { return families[base].Type == metrics.TypeHistogram })
					f, ok := families[name]
					for _, label := range agg.Grouping {
						if ok && label != "le" && !slices.Contains(f.Labels, label) {
							t.Errorf("%s/%s: %s has no label %s", d.ID, p.ID, name, label)
						}
					}
					return nil
				})
				return nil
			})
		}
	})
}

var (
	quantileLegend = regexp.MustCompile(`^p(\d+)$`)
	quantileExpr   = regexp.MustCompile(`histogram_quantile\((0\.\d+),`)
)

func TestLegendsNameTheirQuantiles(t *testing.T) {
	n := 0
	eachPanel(func(d Dashboard, p Panel) {
		for _, target := range p.Targets {
			legend := quantileLegend.FindStringSubmatch(target.Legend.EN)
			if legend == nil {
				continue
			}
			n++
			want, err := strconv.ParseFloat(legend[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			m := quantileExpr.FindStringSubmatch(target.Expr)
			if m == nil {
				t.Errorf("%s/%s: %s of %s", d.ID, p.ID, legend[0], target.Expr)
				continue
			}
			if q, err := strconv.ParseFloat(m[1], 64); err != nil || math.Abs(q*100-want) > 1e-9 {
				t.Errorf("%s/%s: %s of the quantile %s", d.ID, p.ID, legend[0], m[1])
			}
		}
	})
	if n < 10 {
		t.Errorf("only %d quantiles", n)
	}
}
