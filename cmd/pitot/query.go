package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type queryCmd struct {
	remote
	Expr   string `arg:"" help:"PromQL expression, such as 'sum by (model) (rate(llm_requests_total[5m]))'."`
	Time   string `help:"Moment to evaluate at: RFC 3339 or Unix seconds; default now."`
	Range  string `help:"Evaluate over this much time back from now, such as 1h, and show the course."`
	Step   string `help:"Step of a range, such as 30s; default a sixtieth of the range."`
	Format string `short:"o" help:"table or json." enum:"table,json" default:"table"`
}

// promAnswer is the answer of the Prometheus API.
type promAnswer struct {
	Data struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	} `json:"data"`
	Warnings []string `json:"warnings"`
	Infos    []string `json:"infos"`
}

type promSeries struct {
	Metric    map[string]string    `json:"metric"`
	Value     [2]json.RawMessage   `json:"value"`
	Values    [][2]json.RawMessage `json:"values"`
	Histogram []json.RawMessage    `json:"histogram"`
}

// Run evaluates an expression.
func (c *queryCmd) Run(ctx context.Context, s *streams) error {
	q := url.Values{"query": {c.Expr}}
	path := "/api/v1/query"
	set(q, "time", c.Time)
	if c.Range != "" {
		d, err := time.ParseDuration(c.Range)
		if err != nil || d <= 0 {
			return usageError{fmt.Errorf("--range: %q is not a duration such as 1h", c.Range)}
		}
		end := time.Now()
		path = "/api/v1/query_range"
		q.Set("start", strconv.FormatFloat(float64(end.Add(-d).UnixMilli())/1e3, 'f', 3, 64))
		q.Set("end", strconv.FormatFloat(float64(end.UnixMilli())/1e3, 'f', 3, 64))
		q.Set("step", strconv.FormatFloat(max(d.Seconds()/60, 1), 'f', 0, 64))
		set(q, "step", c.Step)
	}
	if c.Format == "json" {
		resp, err := c.get(ctx, path, q)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(s.out, resp.Body)
		fmt.Fprintln(s.out)
		return err
	}
	var a promAnswer
	if err := c.getJSON(ctx, path, q, &a); err != nil {
		return err
	}
	for _, w := range append(a.Warnings, a.Infos...) {
		fmt.Fprintln(s.err, "note:", w)
	}
	return printProm(s, &a)
}

func printProm(s *streams, a *promAnswer) error {
	if a.Data.ResultType == "scalar" || a.Data.ResultType == "string" {
		var v [2]json.RawMessage
		if err := json.Unmarshal(a.Data.Result, &v); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		fmt.Fprintln(s.out, sampleText(v[1]))
		return nil
	}
	var series []promSeries
	if err := json.Unmarshal(a.Data.Result, &series); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if len(series) == 0 {
		fmt.Fprintln(s.err, "no series: nothing matched at this time")
		return nil
	}
	width := 0
	for i := range series {
		width = max(width, len(labelText(series[i].Metric)))
	}
	for i := range series {
		m := &series[i]
		value := sampleText(m.Value[1])
		switch {
		case len(m.Values) > 0:
			value = spark(m.Values) + "  " + sampleText(m.Values[len(m.Values)-1][1])
		case len(m.Histogram) == 2:
			var h struct{ Count, Sum string }
			if json.Unmarshal(m.Histogram[1], &h) == nil {
				value = "histogram: count " + h.Count + ", sum " + h.Sum
			}
		}
		row(s.out, []int{min(width, 100)}, labelText(m.Metric), value)
	}
	return nil
}

func sampleText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

func labelText(m map[string]string) string {
	names := make([]string, 0, len(m))
	for k := range m {
		if k != "__name__" {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(m["__name__"])
	b.WriteByte('{')
	for i, k := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s=%q", k, m[k])
	}
	b.WriteByte('}')
	return b.String()
}

// spark draws the course of a series with block characters.
func spark(values [][2]json.RawMessage) string {
	const blocks = "▁▂▃▄▅▆▇█"
	steps := []rune(blocks)
	nums := make([]float64, 0, len(values))
	for _, v := range values {
		f, err := strconv.ParseFloat(sampleText(v[1]), 64)
		if err == nil && f == f {
			nums = append(nums, f)
		}
	}
	if len(nums) == 0 {
		return ""
	}
	lo, hi := slices.Min(nums), slices.Max(nums)
	var b strings.Builder
	for _, f := range nums {
		i := 0
		if hi > lo {
			i = int((f - lo) / (hi - lo) * float64(len(steps)-1))
		}
		b.WriteRune(steps[min(max(i, 0), len(steps)-1)])
	}
	return b.String()
}
