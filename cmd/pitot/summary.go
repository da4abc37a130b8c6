package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

type summaryCmd struct {
	remote
	Minutes int    `help:"Length of the range that ends now." default:"60"`
	Service string `help:"Only this service."`
	Model   string `help:"Only this model."`
	User    string `help:"Only this user."`
	Feature string `help:"Only this feature."`
	Format  string `short:"o" help:"table or json." enum:"table,json" default:"table"`
}

// Run prints the summary.
func (c *summaryCmd) Run(ctx context.Context, s *streams) error {
	q := url.Values{"minutes": {strconv.Itoa(c.Minutes)}}
	set(q, "service", c.Service)
	set(q, "model", c.Model)
	set(q, "user", c.User)
	set(q, "feature", c.Feature)
	var sum events.Summary
	if err := c.getJSON(ctx, "/api/pitot/v1/summary", q, &sum); err != nil {
		return err
	}
	if c.Format == "json" {
		return printJSON(s.out, sum)
	}
	t := &sum.Totals
	line := func(name, value string) { row(s.out, []int{18}, name, value) }
	line("requests", strconv.FormatInt(t.Calls, 10))
	success := unknown
	if r, ok := sum.SuccessRate.Get(); ok {
		success = fmt.Sprintf("%.2f %%", r*100)
	}
	line("success rate", success)
	dist := func(name string, d *events.Distribution) {
		if d == nil {
			line(name, unknown)
			return
		}
		sec := func(f float64) string { return fmtDuration(llm.Some(time.Duration(f * float64(time.Second)))) }
		line(name, fmt.Sprintf("avg %s  p50 %s  p95 %s  p99 %s", sec(d.Avg), sec(d.P50), sec(d.P95), sec(d.P99)))
	}
	dist("latency", sum.Latency)
	dist("first token", sum.TTFT)
	dist("per output token", sum.TPOT)
	line("tokens", fmt.Sprintf("in %d (cached %d)  out %d (reasoning %d)", t.InputTokens, t.CacheReadTokens, t.OutputTokens, t.ReasoningTokens))
	cost := fmtUSD(t.CostUSD)
	if n := t.ByState[llm.CostUnpriced].Calls; n > 0 {
		cost += fmt.Sprintf("  and %d calls unpriced", n)
	}
	line("cost", cost)
	for _, e := range sum.Errors {
		line("error", fmt.Sprintf("%-28s %d", e.Value, e.Count))
	}
	return nil
}
