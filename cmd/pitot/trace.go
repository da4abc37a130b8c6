package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/llm"
)

type traceCmd struct {
	remote
	ID    string `arg:"" help:"Trace id (32 hex digits), or the id of a call."`
	Width int    `help:"Width of the bars." default:"60"`
}

// Run draws a trace.
func (c *traceCmd) Run(ctx context.Context, s *streams) error {
	id := c.ID
	if len(id) == 26 { // a call's ULID
		var call llm.Call
		if err := c.getJSON(ctx, "/api/pitot/v1/calls/"+id, nil, &call); err != nil {
			return err
		}
		if call.TraceID == "" {
			return errors.New("this call belongs to no trace")
		}
		id = call.TraceID
	}
	var t api.Trace
	if err := c.getJSON(ctx, "/api/pitot/v1/traces/"+id, nil, &t); err != nil {
		return err
	}
	drawTrace(s, &t, max(c.Width, 10))
	return nil
}

func drawTrace(s *streams, t *api.Trace, bars int) {
	p := newPaint(s.out)
	total := time.Duration(t.DurationSeconds * float64(time.Second))
	fmt.Fprintf(s.out, "%s  %s  %d spans, %d calls, %d errors\n", p.bold("trace "+t.TraceID), fmtDuration(llm.Some(total)), len(t.Spans), t.Calls, t.Errors)
	fmt.Fprintf(s.out, "tokens in %s, out %s  cost %s%s\n", fmtCount(t.InputTokens), fmtCount(t.OutputTokens), fmtUSD(t.CostUSD), unpricedNote(t.UnpricedCalls))
	if t.Partial {
		fmt.Fprintln(s.out, p.red(fmt.Sprintf("partial: %d more calls and spans are not shown, nor in the totals", t.MissingRecords)))
	}
	fmt.Fprintln(s.out)
	children := map[string][]*api.TraceSpan{}
	for i := range t.Spans {
		sp := &t.Spans[i]
		children[sp.TreeParent] = append(children[sp.TreeParent], sp)
	}
	nameWidth := 0
	var walk func(parent, indent string, draw func(*api.TraceSpan, string))
	walk = func(parent, indent string, draw func(*api.TraceSpan, string)) {
		for _, sp := range children[parent] {
			draw(sp, indent)
			if sp.SpanID != "" && sp.SpanID != parent {
				walk(sp.SpanID, indent+"  ", draw)
			}
		}
	}
	walk("", "", func(sp *api.TraceSpan, indent string) { nameWidth = max(nameWidth, width(indent+sp.Name)) })
	nameWidth = min(nameWidth, 48)
	walk("", "", func(sp *api.TraceSpan, indent string) {
		name := clean(indent+sp.Name, nameWidth)
		row(s.out, []int{nameWidth, -8, bars + 2}, name, fmtDuration(llm.Some(time.Duration(sp.DurationSeconds*float64(time.Second)))), "│"+bar(p, t, sp, bars)+"│", spanNote(p, sp))
	})
}

func unpricedNote(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d calls unpriced)", n)
}

// bar places a span on the time axis; the part before the first token is light.
func bar(p paint, t *api.Trace, sp *api.TraceSpan, width int) string {
	if t.DurationSeconds <= 0 {
		return strings.Repeat("█", width)
	}
	at := func(sec float64) int { return min(max(int(sec/t.DurationSeconds*float64(width)), 0), width) }
	from := min(at(sp.OffsetSeconds), width-1)
	to := max(at(sp.OffsetSeconds+sp.DurationSeconds), from+1)
	first := from
	if sp.Call != nil {
		if ttft, ok := sp.Call.TTFT.Get(); ok {
			first = min(at(sp.OffsetSeconds+ttft.Seconds()), to)
		}
	}
	body := strings.Repeat("█", to-first)
	if sp.Status == llm.StatusError {
		body = p.red(body)
	}
	return strings.Repeat(" ", from) + strings.Repeat("░", first-from) + body + strings.Repeat(" ", width-to)
}

func spanNote(p paint, sp *api.TraceSpan) string {
	var parts []string
	if c := sp.Call; c != nil {
		parts = append(parts, c.Model(), fmt.Sprintf("%s→%s tok", fmtCount(c.Usage.InputTokens), fmtCount(c.Usage.OutputTokens)), fmtCost(c.Cost))
	} else if sp.Kind != "" && sp.Kind != string(llm.KindOther) {
		parts = append(parts, p.dim(sp.Kind))
	}
	if sp.Status == llm.StatusError {
		parts = append(parts, p.red("error "+sp.ErrorType))
	}
	return strings.Join(parts, "  ")
}
