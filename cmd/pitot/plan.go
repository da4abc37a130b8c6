package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/capacity"
)

type planCmd struct {
	Server       string  `help:"Start from what this server has seen." placeholder:"URL"`
	CallsPerDay  float64 `help:"Calls of models a day; with --server by default what it has seen." placeholder:"N"`
	InputTokens  float64 `help:"Of a call, on average." default:"800"`
	OutputTokens float64 `help:"Of a call, on average." default:"250"`
	Spans        float64 `help:"Further spans a call: agents, tools, HTTP." default:"1"`
	LogsPerDay   float64 `help:"Log lines a day." placeholder:"N"`
	LogBytes     float64 `help:"Of a log line, on average." default:"300"`
	NoContent    bool    `help:"Prompts and answers are not kept (capture.content: metrics)."`
	Combinations float64 `help:"Combinations of service, model and operation." default:"20"`
	Peak         float64 `help:"How much more comes in the busiest minute than on average." default:"4"`
	Streams      float64 `help:"Streams that are open at once at most." default:"200"`
	Retention    string  `help:"How long events stay in the event store." default:"30d"`
	Cold         string  `help:"How long they stay in cold storage after that." default:"0d"`
	Metrics      string  `name:"metrics-retention" help:"How long metrics stay." default:"90d"`
	JSON         bool    `name:"json" help:"Print JSON."`
}

// Run prints what is needed.
func (c *planCmd) Run(ctx context.Context, s *streams) error {
	t := capacity.Traffic{
		CallsPerDay: c.CallsPerDay, InputTokens: c.InputTokens, OutputTokens: c.OutputTokens, SpansPerCall: c.Spans,
		LogsPerDay: c.LogsPerDay, LogBytes: c.LogBytes, Content: !c.NoContent, Combinations: c.Combinations, PeakFactor: c.Peak, Streams: c.Streams,
	}
	for _, d := range []struct {
		flag, text string
		to         *time.Duration
	}{{"retention", c.Retention, &t.Hot}, {"cold", c.Cold, &t.Cold}, {"metrics-retention", c.Metrics, &t.Metrics}} {
		v, err := model.ParseDuration(d.text)
		if err != nil {
			return usageError{fmt.Errorf("--%s: %w: use a duration such as 30d", d.flag, err)}
		}
		*d.to = time.Duration(v)
	}
	var seen capacity.Observed
	if c.Server != "" {
		var err error
		if seen, err = observe(ctx, &remote{Server: c.Server}); err != nil {
			return err
		}
		if t.CallsPerDay == 0 && seen.Days > 0 {
			t.CallsPerDay = seen.Calls / seen.Days
		}
	}
	if t.CallsPerDay <= 0 {
		return usageError{errors.New("say how many calls come a day with --calls-per-day, or name a server that has seen some with --server")}
	}
	p := t.Plan(seen)
	if c.JSON {
		return printJSON(s.out, p)
	}
	fmt.Fprintf(s.out, "for %.0f calls a day, kept for %s", t.CallsPerDay, c.Retention)
	if t.Cold > 0 {
		fmt.Fprintf(s.out, " and %s more in cold storage", c.Cold)
	}
	fmt.Fprintln(s.out)
	widths := []int{34, -12}
	for _, l := range []struct {
		what string
		n    float64
	}{
		{"events, a day", p.EventBytesPerDay},
		{"events, hot", p.HotBytes},
		{"events, cold", p.ColdBytes},
		{"metrics, " + c.Metrics, p.MetricBytes},
		{"journal", p.JournalBytes},
		{"local disk to have", p.DiskBytes},
		{"memory, server and engine", p.MemoryBytes},
	} {
		row(s.out, widths, l.what, gigabytes(l.n))
	}
	row(s.out, widths, "cores that are busy at the peak", strconv.FormatFloat(p.Cores, 'f', 2, 64))
	fmt.Fprintln(s.out, "\nassumptions; a real load is within a factor of two where they hold:\n  - "+strings.Join(p.Assumptions, "\n  - "))
	return nil
}

func gigabytes(n float64) string {
	if n < 1e9 {
		return fmt.Sprintf("%.1f MB", n/1e6)
	}
	return fmt.Sprintf("%.1f GB", n/1e9)
}

// observe reads what a server has stored.
func observe(ctx context.Context, r *remote) (capacity.Observed, error) {
	var o capacity.Observed
	var rep api.DataReport
	if err := r.getJSON(ctx, "/api/pitot/v1/admin/data", nil, &rep); err != nil {
		return o, err
	}
	var first time.Time
	for _, st := range rep.Rows {
		if st.Kind == "call" || st.Kind == "tally" {
			o.Calls += float64(st.Rows)
			if first.IsZero() || st.Day.Before(first) {
				first = st.Day
			}
		}
	}
	for _, d := range rep.Days {
		o.EventBytes += float64(d.Bytes)
	}
	if !first.IsZero() {
		// The first and the last day are seldom whole: at least half a day.
		o.Days = max(rep.Time.Sub(first).Hours()/24, 0.5)
	}
	var ts struct {
		Data struct {
			Head struct {
				Series float64 `json:"numSeries"`
			} `json:"headStats"`
		} `json:"data"`
	}
	if err := r.getJSON(ctx, "/api/v1/status/tsdb", url.Values{"limit": {"1"}}, &ts); err != nil {
		return o, err
	}
	o.Series = ts.Data.Head.Series
	return o, nil
}
