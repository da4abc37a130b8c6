package rules

import (
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// Grafana's file provisioning of alerting, version 1.
type (
	grafanaFile struct {
		APIVersion int            `yaml:"apiVersion"`
		Groups     []grafanaGroup `yaml:"groups"`
	}
	grafanaGroup struct {
		OrgID    int           `yaml:"orgId"`
		Name     string        `yaml:"name"`
		Folder   string        `yaml:"folder"`
		Interval string        `yaml:"interval"`
		Rules    []grafanaRule `yaml:"rules"`
	}
	grafanaRule struct {
		UID           string            `yaml:"uid"`
		Title         string            `yaml:"title"`
		Condition     string            `yaml:"condition"`
		Data          []grafanaQuery    `yaml:"data"`
		NoDataState   string            `yaml:"noDataState"`
		ExecErrState  string            `yaml:"execErrState"`
		For           string            `yaml:"for"`
		KeepFiringFor string            `yaml:"keepFiringFor,omitempty"`
		Annotations   map[string]string `yaml:"annotations,omitempty"`
		Labels        map[string]string `yaml:"labels,omitempty"`
		IsPaused      bool              `yaml:"isPaused"`
	}
	grafanaQuery struct {
		RefID         string         `yaml:"refId"`
		TimeRange     grafanaRange   `yaml:"relativeTimeRange"`
		DatasourceUID string         `yaml:"datasourceUid"`
		Model         map[string]any `yaml:"model"`
	}
	grafanaRange struct {
		From int `yaml:"from"`
		To   int `yaml:"to"`
	}
)

const (
	defaultDatasource = "pitot-prometheus"
	defaultFolder     = "Pitot"
	expressionSource  = "__expr__"
	// grafanaInterval is the base of Grafana's scheduler, of which intervals
	// are multiples.
	grafanaInterval = 10 * time.Second
	maxTitle        = 190
)

// renderGrafana writes the alerts. The recording rules stay with Pitot: its
// data source has their series.
func renderGrafana(w io.Writer, files []renderFile, o RenderOptions) error {
	if o.Datasource == "" {
		o.Datasource = defaultDatasource
	}
	if o.Folder == "" {
		o.Folder = defaultFolder
	}
	out := grafanaFile{APIVersion: 1, Groups: []grafanaGroup{}}
	unique := uniqueNames(files)
	titles, ids := map[string]int{}, map[string]int{}
	for _, f := range files {
		for _, g := range f.groups {
			gg := grafanaGroup{OrgID: 1, Name: unique(f.name, g.Name), Folder: o.Folder, Interval: grafanaEvery(g.Interval)}
			for _, r := range g.Rules {
				if r.Alert == "" {
					continue
				}
				rule, err := grafanaAlert(r, g.Labels, o)
				if err != nil {
					return fmt.Errorf("render: alert %s: %w", r.Alert, err)
				}
				if titles[rule.Title]++; titles[rule.Title] > 1 { // unique in a folder
					rule.Title = fmt.Sprintf("%s (%d)", rule.Title, titles[rule.Title])
				}
				rule.UID = grafanaUID(f.name, g.Name, rule.Title)
				if ids[rule.UID]++; ids[rule.UID] > 1 {
					return fmt.Errorf("render: alert %s: its id is not unique: rename it", r.Alert)
				}
				gg.Rules = append(gg.Rules, rule)
			}
			if len(gg.Rules) > 0 {
				out.Groups = append(out.Groups, gg)
			}
		}
	}
	return write(w, out, "Alerts of Pitot for Grafana: put this file into provisioning/alerting. Pitot goes on to evaluate the recording rules.")
}

// grafanaEvery rounds an interval up to one that the scheduler takes.
func grafanaEvery(d model.Duration) string {
	every := time.Duration(d)
	if every == 0 {
		every = defaultInterval
	}
	every = (every + grafanaInterval - 1) / grafanaInterval * grafanaInterval
	return model.Duration(every).String()
}

func grafanaUID(parts ...string) string {
	h := fnv.New64a()
	_, _ = io.WriteString(h, strings.Join(parts, "\x00")) // a hash takes everything
	return fmt.Sprintf("pitot-%016x", h.Sum64())
}

func grafanaAlert(r rulefmt.Rule, groupLabels map[string]string, o RenderOptions) (grafanaRule, error) {
	out := grafanaRule{
		Title: r.Alert, Condition: "C", NoDataState: "OK", ExecErrState: "Error", For: r.For.String(),
		Labels: map[string]string{}, Annotations: map[string]string{},
	}
	if r.KeepFiringFor > 0 {
		out.KeepFiringFor = r.KeepFiringFor.String()
	}
	for _, k := range []string{"level", "direction"} {
		if v := r.Labels[k]; v != "" {
			out.Title += " " + v
		}
	}
	out.Title = out.Title[:min(len(out.Title), maxTitle)]
	maps.Copy(out.Labels, groupLabels)
	for k, v := range r.Labels {
		out.Labels[k] = grafanaTemplate(v, o)
	}
	for k, v := range r.Annotations {
		out.Annotations[k] = grafanaTemplate(v, o)
	}
	data, err := grafanaData(r.Expr, o)
	if err != nil {
		return out, err
	}
	out.Data = data
	return out, nil
}

// grafanaData splits an expression into a query and a threshold where its last
// step compares with a number: then Grafana draws the value and the line. Any
// other expression fires for whatever it returns, whichever value that has.
func grafanaData(expr string, o RenderOptions) ([]grafanaQuery, error) {
	parsed, err := newParser().ParseExpr(expr)
	if err != nil {
		return nil, err
	}
	query := func(ref, expr string) grafanaQuery {
		return grafanaQuery{RefID: ref, TimeRange: grafanaRange{From: 600}, DatasourceUID: o.Datasource, Model: map[string]any{
			"refId": ref, "expr": expr, "instant": true, "range": false, "intervalMs": 1000, "maxDataPoints": 43200,
		}}
	}
	if value, kind, limit, ok := thresholdOf(parsed); ok {
		return []grafanaQuery{query("A", value), grafanaThreshold("A", kind, limit)}, nil
	}
	return []grafanaQuery{query("A", expr), query("B", "group without () (\n"+expr+"\n)"), grafanaThreshold("B", "gt", 0)}, nil
}

func grafanaThreshold(ref, kind string, limit float64) grafanaQuery {
	return grafanaQuery{RefID: "C", TimeRange: grafanaRange{From: 600}, DatasourceUID: expressionSource, Model: map[string]any{
		"refId": "C", "type": "threshold", "expression": ref,
		"conditions": []any{map[string]any{"evaluator": map[string]any{"type": kind, "params": []float64{limit}}}},
	}}
}

// thresholdOf splits VALUE > NUMBER, where a guard may follow with `and` or
// `unless`.
func thresholdOf(e parser.Expr) (value, kind string, limit float64, ok bool) {
	b, isBinary := unparen(e).(*parser.BinaryExpr)
	if !isBinary {
		return "", "", 0, false
	}
	if b.Op == parser.LAND || b.Op == parser.LUNLESS {
		value, kind, limit, ok = thresholdOf(b.LHS)
		if !ok {
			return "", "", 0, false
		}
		guard := *b
		left, err := newParser().ParseExpr("(" + value + ")")
		if err != nil {
			return "", "", 0, false
		}
		guard.LHS = left
		return guard.String(), kind, limit, true
	}
	n, isNumber := unparen(b.RHS).(*parser.NumberLiteral)
	if !isNumber || b.ReturnBool {
		return "", "", 0, false
	}
	switch b.Op {
	case parser.GTR:
		kind = "gt"
	case parser.LSS:
		kind = "lt"
	default: // others came to Grafana late, or never
		return "", "", 0, false
	}
	return unparen(b.LHS).String(), kind, n.Val, true
}

var (
	// Templates that only Prometheus has: queries, and the time of evaluation.
	grafanaQueryBlock = regexp.MustCompile(`\{\{ with query .*?\{\{ end \}\}`)
	grafanaStart      = regexp.MustCompile(`start=\{\{ \(\(toTime now\)\.Add \(toDuration -(\d+)\)\)[^}]*\}\}`)
	grafanaEnd        = regexp.MustCompile(`end=\{\{ \(toTime now\)[^}]*\}\}`)
)

// grafanaTemplate writes a template of Prometheus in Grafana's terms.
func grafanaTemplate(s string, o RenderOptions) string {
	s = grafanaQueryBlock.ReplaceAllString(s, "")
	s = grafanaStart.ReplaceAllString(s, "start=-${1}s")
	s = grafanaEnd.ReplaceAllString(s, "end=now")
	s = strings.ReplaceAll(s, "urlQueryEscape .", ". | urlquery")
	if o.ExternalURL != "" {
		s = strings.ReplaceAll(s, "{{ $externalURL }}", strings.TrimRight(o.ExternalURL, "/"))
	}
	s = strings.ReplaceAll(s, "$externalURL", "externalURL")
	return valueOf.ReplaceAllString(s, "$$values.A.Value$1")
}

// valueOf finds $value but not $values.
var valueOf = regexp.MustCompile(`\$value\b()`)

// Formats lists what Render writes.
func Formats() []string {
	return slices.Clone([]string{FormatPrometheus, FormatPrometheusRule, FormatGrafana})
}
