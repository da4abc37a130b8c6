package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pitot-dev/pitot/test/interop/senders/harness"
)

// checkAll asks Pitot about every run.
func checkAll(ctx context.Context, p *pitot, attempts []*attempt) {
	until := time.Now().Add(30 * time.Second)
	for _, a := range attempts {
		if a.err == nil {
			a.err = a.check(ctx, p, until)
		}
	}
	for _, a := range attempts {
		if a.err == nil {
			a.err = a.recount(ctx, p)
		}
	}
}

// recount looks for calls that were recorded after the run was checked.
func (a *attempt) recount(ctx context.Context, p *pitot) error {
	got, err := p.calls(ctx, a.id)
	a.recorded = len(got)
	if len(got) > a.expected() {
		a.find(finding{"once", wrong, surplus(got, len(a.want.Calls))})
	}
	return err
}

func surplus(got []call, made int) string {
	var who []string
	for _, g := range got {
		who = append(who, strings.TrimSpace(g.Source+" "+g.Dialect+" "+g.Scope+" "+g.ResponseID))
	}
	return fmt.Sprintf("%d calls recorded, %d were made: %s", len(got), made, strings.Join(who, ", "))
}

// expected is how many calls a run should show.
func (a *attempt) expected() int {
	if a.want.Cannot[harness.FieldCall] != "" && !a.gateway {
		return 0
	}
	return len(a.want.Calls)
}

// check waits, until the given time, until Pitot shows the calls of a run and compares them.
func (a *attempt) check(ctx context.Context, p *pitot, until time.Time) error {
	var got []call
	for {
		var err error
		if got, err = p.calls(ctx, a.id); err != nil {
			return err
		}
		if len(got) >= a.expected() || time.Now().After(until) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	if len(got) > a.expected() {
		a.find(finding{"once", wrong, surplus(got, len(a.want.Calls))})
	} else {
		a.find(finding{"once", right, ""})
	}
	for i, g := range pair(a.want.Calls, got) {
		if g == nil {
			a.find(finding{"call", missing, fmt.Sprintf("call %d of %d", i+1, len(a.want.Calls))})
			continue
		}
		a.find(finding{"call", right, ""})
		a.find(check(a.want.Calls[i], *g, a.ran)...)
		f, err := checkContent(ctx, p, a.want.Calls[i], *g)
		if err != nil {
			return err
		}
		a.find(f...)
	}
	return a.checkMetrics(ctx, p, got, until)
}

// checkMetrics wants the metrics to count the calls that are shown. They are written
// every few seconds.
func (a *attempt) checkMetrics(ctx context.Context, p *pitot, got []call, until time.Time) error {
	var input int64
	for _, g := range got {
		if g.Usage.Input != nil {
			input += *g.Usage.Input
		}
	}
	for {
		n, err := p.query(ctx, fmt.Sprintf("sum(llm_requests_total{service=%q})", a.id))
		if err != nil {
			return err
		}
		counted, err := p.query(ctx, fmt.Sprintf("sum(llm_tokens_total{service=%q,type=\"input\"})", a.id))
		if err != nil {
			return err
		}
		if n == 0 {
			if other, err := p.query(ctx, `sum(llm_requests_total{service="__other__"})`); err != nil || other > 0 {
				return err // there are more services than labels: the total tells
			}
		}
		calls, tokens := same("metrics", len(got), int(n)), same("metrics", input, int64(counted))
		if calls.state <= right && tokens.state <= right || time.Now().After(until) {
			a.find(calls, tokens)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (a *attempt) find(f ...finding) { a.findings = append(a.findings, f...) }

// checkTotal wants the metrics to count all calls that were recorded.
func checkTotal(ctx context.Context, p *pitot, attempts []*attempt) error {
	recorded := 0
	for _, a := range attempts {
		recorded += a.recorded
	}
	return p.eventually(ctx, func() error {
		n, err := p.query(ctx, `sum(llm_requests_total{origin=""})`)
		if err == nil && int(n) != recorded {
			err = fmt.Errorf("the metrics count %d calls, %d were recorded", int(n), recorded)
		}
		return err
	})
}

// worst is the state of a field over all findings.
func worst(findings []finding, field string) finding {
	out := finding{field: field}
	for _, f := range findings {
		if f.field == field && f.state > out.state {
			out = f
		}
	}
	return out
}

// unlinked are what a run through the gateway loses where the client passes no trace
// context on: the gateway's record came first, and what the call was for is in the
// sender's.
var unlinked = []string{"user", "session", "agent", "workflow", "tree"}

// known says why a field is not delivered in this run, where that is known, and
// whether it is Pitot that could do better. The gateway sees the call itself and
// makes good for what the sender does not say of it.
func (a *attempt) known(f finding) (why string, open bool) {
	in, field := a.scenario.Name, f.field
	if a.gateway {
		in = "gateway"
		switch {
		case field == "status" && strings.Contains(f.say, "client_closed_request"):
			return "the client leaves behind the last event, before the end of the body, and is taken to have left early", true
		case a.sender.Propagates:
		case slices.Contains(unlinked, field):
			return "the client passes no trace context on to the gateway", true
		case field == "once" && a.scenario.Fails():
			return "the client passes no trace context on to the gateway, and a failed call has no response id", true
		}
	}
	for _, key := range []string{in + "/" + field, field} {
		if a.gateway && key == field && !slices.Contains(unlinked, field) {
			continue
		}
		if why := a.sender.Cannot[key]; why != "" {
			return why, false
		}
		if why := a.sender.Open[key]; why != "" {
			return why, true
		}
	}
	return "", false
}

// report prints what failed and a table of senders and fields, and says whether
// all is as it is known to be.
func report(out io.Writer, attempts []*attempt, verbose bool) bool {
	ok := true
	for _, a := range attempts {
		if a.err != nil {
			ok = false
			fmt.Fprintf(out, "FAIL %s: %v\n%s", a, a.err, a.output)
			continue
		}
		for _, field := range fields {
			f := worst(a.findings, field)
			why, open := a.known(f)
			switch {
			case f.state <= right:
			case why == "":
				ok = false
				fmt.Fprintf(out, "FAIL %s: %s %s: %s\n", a, field, f.state, f.say)
			case open:
				fmt.Fprintf(out, "open %s: %s %s: %s\n", a, field, f.state, why)
			case verbose:
				fmt.Fprintf(out, "known %s: %s %s: %s (%s)\n", a, field, f.state, f.say, why)
			}
		}
	}
	for _, s := range outdated(attempts) {
		ok = false
		fmt.Fprintln(out, "FAIL", s)
	}
	table(out, attempts)
	return ok
}

// byChance are fields that may be right once though they are wrong: they depend on
// when something happens.
var byChance = []string{"ttft", "duration", "metrics"}

// outdated finds what is said not to be delivered and now is, each time.
func outdated(attempts []*attempt) []string {
	delivered := map[string]bool{} // by sender and key
	for _, a := range attempts {
		if a.err != nil {
			continue
		}
		in := a.scenario.Name
		if a.gateway {
			in = "gateway"
		}
		for _, known := range []map[string]string{a.sender.Cannot, a.sender.Open} {
			for key := range known {
				scenario, field, scoped := strings.Cut(key, "/")
				if !scoped && !a.gateway {
					scenario, field = in, key
				}
				f := worst(a.findings, field)
				if scenario != in || f.state == absent || slices.Contains(byChance, field) {
					continue
				}
				id := a.sender.Name + " is said not to deliver " + key + ", and does"
				before, seen := delivered[id]
				delivered[id] = f.state == right && (before || !seen)
			}
		}
	}
	var out []string
	for id, all := range delivered {
		if all {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (s state) String() string {
	return [...]string{"·", "yes", "missing", "WRONG"}[s]
}

// table prints senders by fields, of the runs that did not go through the gateway.
func table(out io.Writer, attempts []*attempt) {
	rows := map[string][]finding{}
	var names []string
	for _, a := range attempts {
		name := a.sender.Name
		if a.gateway {
			name += "+gateway"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		rows[name] = append(rows[name], a.findings...)
	}
	slices.Sort(names)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	short := strings.NewReplacer("_tokens", "", "request_model", "model", "response_", "resp_", "_reasons", "", "cache_", "c_", "operation", "op", "reasoning", "reason")
	fmt.Fprint(w, "\nsender")
	for _, f := range fields {
		fmt.Fprint(w, "\t", short.Replace(f))
	}
	fmt.Fprintln(w)
	for _, n := range names {
		fmt.Fprint(w, n)
		for _, field := range fields {
			fmt.Fprint(w, "\t", mark(rows[n], field))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	fmt.Fprintln(out, "y: delivered and true; part: in some scenarios; -: not delivered; WRONG: delivered and not true at least once; empty: nothing to deliver")
}

func mark(findings []finding, field string) string {
	n := map[state]int{}
	for _, f := range findings {
		if f.field == field {
			n[f.state]++
		}
	}
	switch {
	case n[wrong] > 0:
		return "WRONG"
	case n[right] > 0 && n[missing] > 0:
		return "part"
	case n[right] > 0:
		return "y"
	case n[missing] > 0:
		return "-"
	}
	return ""
}
