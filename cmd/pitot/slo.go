package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/api"
)

type sloCmd struct {
	remote
	JSON bool `name:"json" help:"Print JSON."`
}

var sloWidths = []int{30, 14, -10, 8, 10, -12, -12, 30}

// Run prints how the objectives are doing.
func (c *sloCmd) Run(ctx context.Context, s *streams) error {
	var r api.SLOReport
	if err := c.getJSON(ctx, "/api/pitot/v1/slos", nil, &r); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, r)
	}
	p := newPaint(s.out)
	row(s.out, sloWidths, "SLO", "INDICATOR", "OBJECTIVE", "WINDOW", "STATE", "ATTAINMENT", "BUDGET LEFT", "LABELS")
	for i := range r.SLOs {
		st := &r.SLOs[i]
		state := string(st.State)
		switch st.State {
		case slo.StateOK:
			state = p.green(state)
		case slo.StateBurning, slo.StateExhausted, slo.StateError:
			state = p.red(state)
		default:
		}
		var labels []string
		for k, v := range st.Labels {
			labels = append(labels, k+"="+v)
		}
		row(
			s.out, sloWidths, clean(st.Name, 30), st.Indicator, percent(&st.Objective), st.Window, state,
			percent(st.Attainment), percent(st.BudgetRemaining), clean(strings.Join(labels, " "), 60),
		)
		if st.Error != "" {
			fmt.Fprintf(s.out, "  %s\n", p.dim(clean(st.Error, 200)))
		}
	}
	return nil
}

// percent is a ratio in percent, as exact as an objective needs.
func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(100**v, 'g', 6, 64) + " %"
}

type budgetsCmd struct {
	remote
	JSON bool `name:"json" help:"Print JSON."`
}

var budgetWidths = []int{26, 20, 10, -14, -14, -8, -14, -9}

// Run prints how the budgets stand.
func (c *budgetsCmd) Run(ctx context.Context, s *streams) error {
	var r api.BudgetReport
	if err := c.getJSON(ctx, "/api/pitot/v1/budgets", nil, &r); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s.out, r)
	}
	if len(r.Budgets) == 0 {
		fmt.Fprintln(s.err, "no budgets: define some under budgets: of the configuration")
		return nil
	}
	p := newPaint(s.out)
	row(s.out, budgetWidths, "BUDGET", "ACCOUNT", "PERIOD", "SPENT", "LIMIT", "USED", "FORECAST", "UNPRICED")
	for i := range r.Budgets {
		b := &r.Budgets[i]
		for _, a := range b.Top {
			used := strconv.FormatFloat(100*a.Ratio, 'f', 0, 64) + " %"
			if a.Ratio >= 1 {
				used = p.red(used)
			}
			forecast := "-"
			if a.Forecast != nil {
				forecast = amount(*a.Forecast, string(b.Unit))
			}
			row(
				s.out, budgetWidths, clean(b.Name, 26), clean(orDash(a.Account), 20), b.Period, amount(a.Spent, string(b.Unit)), amount(b.Limit, string(b.Unit)),
				used, forecast, strconv.FormatInt(a.Unpriced, 10),
			)
		}
		if len(b.Top) == 0 {
			row(s.out, budgetWidths, clean(b.Name, 26), "-", b.Period, amount(0, string(b.Unit)), amount(b.Limit, string(b.Unit)), "0 %", "-", "0")
		}
		if b.Incomplete {
			fmt.Fprintf(s.out, "  %s\n", p.dim("still being filled from the stored calls"))
		}
	}
	return nil
}

func amount(v float64, unit string) string {
	if unit == "tokens" {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return "$" + strconv.FormatFloat(v, 'f', 4, 64)
}
