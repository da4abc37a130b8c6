package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/pitot-dev/pitot/internal/explain"
)

type explainCmd struct {
	remote
	Metric       string `required:"" help:"What changed: error_rate, requests, latency_p95, ttft_p95, tpot_p95, tokens, cost, cost_per_call, ..."`
	From         string `help:"Start of the window: a time, or how long ago, such as 30m." default:"1h"`
	To           string `help:"End of the window; now where it is empty."`
	Select       string `help:"Conditions on the calls, such as 'provider=openai model=gpt-4o'."`
	Query        string `help:"A LogsQL filter on the calls."`
	BaselineFrom string `help:"Start of the baseline. Default: the time before, and the same time of days before."`
	BaselineTo   string `help:"End of the baseline."`
	Baseline     string `help:"Conditions on the calls of the baseline, where they are others."`
	Direction    string `help:"Only rises (up) or falls (down)." enum:"up,down,"  default:""`
	JSON         bool   `name:"json" help:"Print JSON."`
}

// Run prints what changed and which calls changed it.
func (c *explainCmd) Run(ctx context.Context, s *streams) error {
	q := url.Values{"metric": {c.Metric}}
	set(q, "start", ago(c.From))
	set(q, "end", ago(c.To))
	set(q, "select", c.Select)
	set(q, "query", c.Query)
	set(q, "baseline_start", ago(c.BaselineFrom))
	set(q, "baseline_end", ago(c.BaselineTo))
	set(q, "baseline", c.Baseline)
	set(q, "direction", c.Direction)
	var e explain.Explanation
	if err := c.getJSON(ctx, "/api/pitot/v1/explain", q, &e); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, e)
	}
	fmt.Fprintln(s.out, strings.TrimSpace(e.String()))
	return nil
}

// ago is a time as the API takes it: 30m is -30m.
func ago(t string) string {
	if t != "" && t[0] >= '0' && t[0] <= '9' && strings.ContainsAny(t[len(t)-1:], "smhdwy") {
		return "-" + t
	}
	return t
}
