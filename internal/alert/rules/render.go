package rules

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// Formats of Render.
const (
	FormatPrometheus     = "prometheus"     // one rule file
	FormatPrometheusRule = "prometheusrule" // resources for the Prometheus operator
	FormatGrafana        = "grafana"        // a provisioning file of Grafana's alerting
)

// RenderOptions configure Render.
type RenderOptions struct {
	// Format is one of the Format constants.
	Format string
	// Namespace and Labels are those of the resources.
	Namespace string
	Labels    map[string]string
	// ExternalURL is where links of alerts point to: Grafana would put its own
	// address there.
	ExternalURL string
	// Datasource is the uid of Grafana's data source for Pitot's metrics.
	Datasource string
	// Folder is Grafana's folder of the alerts.
	Folder string
}

// Render writes files in a format that other systems read: what Pitot
// evaluates can be evaluated there instead.
func Render(w io.Writer, files []File, o RenderOptions) error {
	parsed := make([]renderFile, 0, len(files))
	for _, f := range files {
		units, problems := parseFile(f.Name, f.Content)
		for _, u := range units {
			problems = append(problems, u.problems...)
			parsed = append(parsed, renderFile{name: shortName(u.name), groups: u.groups})
		}
		for _, p := range problems {
			if !p.Warning {
				return fmt.Errorf("render: %s", p)
			}
		}
	}
	switch o.Format {
	case FormatPrometheus:
		return renderPrometheus(w, parsed)
	case FormatPrometheusRule:
		return renderResources(w, parsed, o)
	case FormatGrafana:
		return renderGrafana(w, parsed, o)
	default:
		return fmt.Errorf("render: format %q: there are %s, %s and %s", o.Format, FormatPrometheus, FormatPrometheusRule, FormatGrafana)
	}
}

type renderFile struct {
	name   string // short
	groups []rulefmt.RuleGroup
}

// shortName is the last part of a file's name without its ending.
func shortName(name string) string {
	base, unit, _ := strings.Cut(name, "#")
	short := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(base), ".yaml"), ".yml")
	if unit != "" {
		short += "-" + unit
	}
	return short
}

// uniqueNames makes the names of groups of several files distinct.
func uniqueNames(files []renderFile) func(file, group string) string {
	count := map[string]int{}
	for _, f := range files {
		for _, g := range f.groups {
			count[g.Name]++
		}
	}
	used := map[string]bool{}
	return func(file, group string) string {
		name := group
		if count[group] > 1 {
			name = file + "/" + group
		}
		for i := 2; used[name]; i++ {
			name = fmt.Sprintf("%s/%s/%d", file, group, i)
		}
		used[name] = true
		return name
	}
}

func renderPrometheus(w io.Writer, files []renderFile) error {
	unique := uniqueNames(files)
	var out rulefmt.RuleGroups
	for _, f := range files {
		for _, g := range f.groups {
			g.Name = unique(f.name, g.Name)
			out.Groups = append(out.Groups, g)
		}
	}
	return write(w, out, "Rules of Pitot for Prometheus: name this file under rule_files.")
}

// prometheusRule is the resource of the Prometheus operator.
type prometheusRule struct {
	APIVersion string             `yaml:"apiVersion"`
	Kind       string             `yaml:"kind"`
	Metadata   resourceMeta       `yaml:"metadata"`
	Spec       rulefmt.RuleGroups `yaml:"spec"`
}

type resourceMeta struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace,omitempty"`
	Labels    map[string]string `yaml:"labels,omitempty"`
}

var notDNS = regexp.MustCompile(`[^a-z0-9]+`)

// maxResourceName is the limit on names of resources.
const maxResourceName = 253

func renderResources(w io.Writer, files []renderFile, o RenderOptions) error {
	used := map[string]bool{}
	for i, f := range files {
		name := "pitot-" + strings.Trim(notDNS.ReplaceAllString(strings.ToLower(f.name), "-"), "-")
		name = strings.TrimRight(name[:min(len(name), maxResourceName-8)], "-")
		for n, base := 2, name; used[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		used[name] = true
		if i > 0 {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return fmt.Errorf("write rules: %w", err)
			}
		}
		r := prometheusRule{
			APIVersion: apiGroup, Kind: "PrometheusRule",
			Metadata: resourceMeta{Name: name, Namespace: o.Namespace, Labels: o.Labels}, Spec: rulefmt.RuleGroups{Groups: f.groups},
		}
		if err := write(w, r, ""); err != nil {
			return err
		}
	}
	return nil
}

func write(w io.Writer, v any, comment string) error {
	text, err := encode(v, comment)
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}
