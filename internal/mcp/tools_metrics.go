package mcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

func metricTools() []tool {
	return []tool{
		{
			name: "list_metrics", title: "List metrics", needs: PermissionQuery,
			about: "Metrics with their type and meaning. With metric, the labels of that metric and their values, which PromQL selectors need.",
			params: []param{
				{name: "search", kind: text, about: "Part of a name, such as llm_ or duration."},
				{name: "metric", kind: text, about: "The exact name of one metric."},
				limitParam("Most metrics.", 100, 1000),
			},
			run: listMetrics,
		},
		{
			name: "query_metrics", title: "Query metrics (instant)", foreign: true, needs: PermissionQuery,
			about: "Evaluates PromQL at one moment. Example: sum by (model) (rate(llm_errors_total[5m])). Histograms have classic buckets (NAME_bucket, le) and native ones (histogram_quantile over NAME).",
			params: []param{
				{name: "query", kind: text, required: true, about: "PromQL."},
				{name: "time", kind: text, about: "RFC 3339, or a time ago such as -1h. Default: now."},
				limitParam("Most series.", 50, 1000),
			},
			run: queryInstant,
		},
		{
			name: "query_metrics_range", title: "Query metrics (range)", foreign: true, needs: PermissionQuery,
			about: "Evaluates PromQL over a range. values are pairs of Unix time and value.",
			params: append(
				[]param{{name: "query", kind: text, required: true, about: "PromQL."}},
				append(
					rangeParams("1h"),
					param{name: "step", kind: text, about: "Resolution, such as 1m. Default: 60 points over the range. At most 1,000 points."},
					limitParam("Most series.", 20, 200),
				)...,
			),
			run: queryRange,
		},
	}
}

// prometheus asks the Prometheus API and returns its data.
func (s *Server) prometheus(ctx context.Context, path string, q url.Values) (any, map[string]any, error) {
	o, err := s.object(ctx, path, q)
	if err != nil {
		return nil, nil, err
	}
	more := map[string]any{}
	for _, name := range []string{"warnings", "infos"} {
		if v, ok := o[name]; ok {
			more[name] = v
		}
	}
	return o["data"], more, nil
}

func queryInstant(ctx context.Context, s *Server, a *args) (*answer, error) {
	at, err := s.moment("time", a.text("time"), s.Now())
	if err != nil {
		return nil, err
	}
	data, more, err := s.prometheus(ctx, "/api/v1/query", url.Values{"query": {a.text("query")}, "time": {unix(at)}})
	if err != nil {
		return nil, err
	}
	return series(data, more)
}

// maxPoints is the most points of a series.
const maxPoints = 1000

func queryRange(ctx context.Context, s *Server, a *args) (*answer, error) {
	end, err := s.moment("end", a.text("end"), s.Now())
	if err != nil {
		return nil, err
	}
	start, err := s.moment("start", a.text("start"), end.Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	length := end.Sub(start)
	if length <= 0 {
		return nil, errors.New("start must be before end")
	}
	step := max(time.Second, (length / 60).Round(time.Second))
	if text := a.text("step"); text != "" {
		d, err := model.ParseDuration(text)
		if err != nil || d < model.Duration(time.Second) {
			return nil, errors.New("argument step: allowed is a duration of at least 1s, such as 1m")
		}
		step = time.Duration(d)
	}
	if points := length / step; points > maxPoints {
		least := model.Duration((length / maxPoints).Round(time.Second) + time.Second)
		return nil, fmt.Errorf("%d points a series are too many: allowed are %d; use a step of %s or more", points, maxPoints, least)
	}
	q := url.Values{"query": {a.text("query")}, "start": {unix(start)}, "end": {unix(end)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}}
	data, more, err := s.prometheus(ctx, "/api/v1/query_range", q)
	if err != nil {
		return nil, err
	}
	more["step_seconds"] = step.Seconds()
	return series(data, more)
}

// series makes an answer of the result of a query.
func series(data any, more map[string]any) (*answer, error) {
	d, ok := data.(map[string]any)
	if !ok {
		return nil, errors.New("the Prometheus API answered no result")
	}
	more["result_type"] = d["resultType"]
	rows, ok := d["result"].([]any)
	if t := d["resultType"]; !ok || t == "scalar" || t == "string" {
		more["result"] = d["result"]
		return &answer{object: more}, nil
	}
	return &answer{object: more, list: "result", rows: rows, hint: "aggregate with sum by (...) or topk(...), or use a longer step"}, nil
}

func listMetrics(ctx context.Context, s *Server, a *args) (*answer, error) {
	if name := a.text("metric"); name != "" {
		return metricLabels(ctx, s, name)
	}
	data, _, err := s.prometheus(ctx, "/api/v1/label/__name__/values", nil)
	if err != nil {
		return nil, err
	}
	all, ok := data.([]any)
	if !ok {
		return nil, errors.New("the Prometheus API answered no names")
	}
	meta, _, err := s.prometheus(ctx, "/api/v1/metadata", nil)
	if err != nil {
		return nil, err
	}
	about, _ := meta.(map[string]any)
	search := strings.ToLower(a.text("search"))
	var rows []any
	for _, v := range all {
		name, _ := v.(string)
		if !strings.Contains(strings.ToLower(name), search) {
			continue
		}
		row := map[string]any{"name": name}
		if entries, ok := about[family(name, about)].([]any); ok && len(entries) > 0 {
			if m, ok := entries[0].(map[string]any); ok {
				row["type"], row["help"] = m["type"], m["help"]
			}
		}
		rows = append(rows, row)
	}
	return &answer{list: "metrics", rows: rows, hint: "pass search with a part of the name"}, nil
}

// family is the name under which a series' metadata stands.
func family(name string, about map[string]any) string {
	if _, ok := about[name]; ok {
		return name
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum", "_total"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return base
		}
	}
	return name
}

const (
	// maxSeries is how many series are looked at for their labels.
	maxSeries = 2000
	// maxValues is how many values of a label are shown.
	maxValues = 30
)

// metricLabels lists the labels of a metric with their values.
func metricLabels(ctx context.Context, s *Server, name string) (*answer, error) {
	if !model.LegacyValidation.IsValidMetricName(name) {
		return nil, fmt.Errorf("argument metric: %q is not the name of a metric; search finds names by a part of them", name)
	}
	data, more, err := s.prometheus(ctx, "/api/v1/series", url.Values{"match[]": {name}, "limit": {itoa(maxSeries)}})
	if err != nil {
		return nil, err
	}
	all, _ := data.([]any)
	values := map[string]map[string]bool{}
	for _, v := range all {
		labels, _ := v.(map[string]any)
		for label, value := range labels {
			if label == "__name__" {
				continue
			}
			if values[label] == nil {
				values[label] = map[string]bool{}
			}
			if text, ok := value.(string); ok {
				values[label][text] = true
			}
		}
	}
	more["metric"], more["series"] = name, len(all)
	var rows []any
	for label, set := range values {
		list := make([]string, 0, len(set))
		for v := range set {
			list = append(list, v)
		}
		slices.Sort(list)
		row := map[string]any{"label": label, "values": anys(list[:min(len(list), maxValues)])}
		if len(list) > maxValues {
			row["values_found"] = len(list)
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b any) int {
		return cmp.Compare(fmt.Sprint(only(a, "label")), fmt.Sprint(only(b, "label")))
	})
	return &answer{object: more, list: "labels", rows: rows}, nil
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// moment reads a time: RFC 3339, Unix seconds, now, or a time ago.
func (s *Server) moment(name, value string, def time.Time) (time.Time, error) {
	switch value {
	case "":
		return def, nil
	case "now":
		return s.Now(), nil
	}
	if ago, ok := strings.CutPrefix(value, "-"); ok {
		if d, err := model.ParseDuration(ago); err == nil {
			return s.Now().Add(-time.Duration(d)), nil
		}
	}
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return t, nil
	}
	if f, err := strconv.ParseFloat(value, 64); err == nil && f >= 0 && f < 1e11 {
		return time.UnixMilli(int64(math.Round(f * 1e3))), nil
	}
	return time.Time{}, fmt.Errorf("argument %s: %q is not a time: allowed is RFC 3339, Unix seconds, now, or a time ago such as -1h", name, value)
}

func unix(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64)
}

func itoa(n int) string { return strconv.Itoa(n) }

// segment checks an id that becomes a part of a path.
func segment(name, id string) (string, error) {
	if id == "" || len(id) > 64 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "", fmt.Errorf("argument %s: allowed are letters and digits", name)
	}
	return id, nil
}
