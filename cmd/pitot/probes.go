package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/probe"
)

type probesCmd struct {
	remote
	Now  string `name:"run" help:"Run the probe of that name now." placeholder:"NAME"`
	JSON bool   `name:"json" help:"Print JSON."`
}

var probeWidths = []int{24, 14, 26, 8, -9, -9, -9, -10, -8}

// Run prints how the probes fare.
func (c *probesCmd) Run(ctx context.Context, s *streams) error {
	var report api.ProbesReport
	if c.Now != "" {
		var st probe.Status
		if err := c.postJSON(ctx, "/api/pitot/v1/probes/"+url.PathEscape(c.Now), nil, &st); err != nil {
			return err
		}
		report.Probes = []probe.Status{st}
	} else if err := c.getJSON(ctx, "/api/pitot/v1/probes", nil, &report); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, report)
	}
	if len(report.Probes) == 0 {
		fmt.Fprintln(s.err, "no probes: define some under probes.targets of the configuration")
		return nil
	}
	p := newPaint(s.out)
	row(s.out, probeWidths, "PROBE", "UPSTREAM", "MODEL", "STATE", "TTFT", "TPOT", "DURATION", "SPENT USD", "FAILED")
	for i := range report.Probes {
		st := &report.Probes[i]
		state := st.State
		switch state {
		case probe.StateOK:
			state = p.green(state)
		case probe.StateWrong, probe.StateFailed:
			state = p.red(state)
		}
		row(
			s.out, probeWidths, clean(st.Name, 24), clean(st.Upstream, 14), clean(st.Model, 26), state, probeSeconds(st.TTFTSeconds), probeSeconds(st.TPOTSeconds),
			probeSeconds(st.DurationSeconds), strconv.FormatFloat(st.SpentTodayUSD, 'f', 4, 64), strconv.FormatInt(st.Counts[probe.StateFailed]+st.Counts[probe.StateWrong], 10),
		)
		if st.Detail != "" {
			fmt.Fprintf(s.out, "  %s\n", p.dim(clean(st.Detail, 200)))
		}
	}
	return nil
}

func probeSeconds(v llm.Opt[float64]) string {
	if f, ok := v.Get(); ok {
		return strconv.FormatFloat(f, 'f', 3, 64) + " s"
	}
	return "-"
}
