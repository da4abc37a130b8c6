package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/doctor"
)

type doctorCmd struct {
	Senders sendersCmd `cmd:"" help:"Say what each telemetry sender delivers, what it does not, and the setting that would change that."`
}

type sendersCmd struct {
	remote
	Since  string `help:"How far to look back, such as 1h or 2d." default:"1h"`
	Sender string `help:"Only senders whose service, instrumentation or scope has this in its name."`
	Fields bool   `help:"Show every field of each sender, not only what is to say of it."`
	JSON   bool   `name:"json" help:"Print the report as JSON."`
}

// Run prints the report.
func (c *sendersCmd) Run(ctx context.Context, s *streams) error {
	since := strings.TrimPrefix(c.Since, "-")
	var report api.SendersReport
	if err := c.getJSON(ctx, "/api/pitot/v1/senders", url.Values{"start": {"-" + since}}, &report); err != nil {
		return err
	}
	report.Senders = c.selected(report.Senders)
	if c.JSON {
		return printJSON(s.out, report)
	}
	p := newPaint(s.out)
	if len(report.Senders) == 0 {
		fmt.Fprintf(s.err, "no model calls in the last %s: point a sender at Pitot (OTLP: http://<pitot>:4318), or look further back with --since=1d\n", since)
	} else {
		sendersTable(s.out, p, report.Senders)
	}
	for i := range report.Senders {
		c.sender(s.out, p, &report.Senders[i])
	}
	if len(report.Findings) > 0 {
		fmt.Fprintf(s.out, "\n%s\n", p.bold("Beyond single senders"))
		findings(s.out, p, report.Findings)
	}
	return nil
}

func (c *sendersCmd) selected(senders []doctor.SenderReport) []doctor.SenderReport {
	if c.Sender == "" {
		return senders
	}
	want := strings.ToLower(c.Sender)
	out := []doctor.SenderReport{}
	for _, r := range senders {
		if strings.Contains(strings.ToLower(r.Service+"\n"+r.Name+"\n"+r.Dialect+"\n"+r.Scope), want) {
			out = append(out, r)
		}
	}
	return out
}

var senderWidths = []int{20, 26, 24, -7, -6, -6, -8, -6, -6, -6, 14}

// sendersTable is one line a sender.
func sendersTable(w io.Writer, p paint, senders []doctor.SenderReport) {
	row(w, senderWidths, "SERVICE", "SENDER", "SCOPE", "CALLS", "TOKENS", "TTFT", "CONTENT", "USER", "SESS", "ERRORS", "VERDICT")
	for i := range senders {
		r := &senders[i]
		scope := r.Scope
		if r.ScopeVersion != "" {
			scope += " " + r.ScopeVersion
		}
		row(
			w, senderWidths, clean(orDash(r.Service), 20), clean(r.Name, 26), clean(orDash(scope), 24), strconv.FormatInt(r.Calls, 10),
			share(r, "output_tokens"), share(r, "ttft"), share(r, "input"), share(r, "user"), share(r, "session"), share(r, "error_type"), verdict(p, r),
		)
	}
}

func orDash(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

// share is how many percent of a sender's calls have a field.
func share(r *doctor.SenderReport, field string) string {
	for _, f := range r.Fields {
		if f.Field == field && f.Of > 0 {
			return strconv.FormatInt(f.Have*100/f.Of, 10) + "%"
		}
	}
	return unknown
}

func verdict(p paint, r *doctor.SenderReport) string {
	switch r.Worst() {
	case doctor.WrongNumbers:
		return p.red("wrong numbers")
	case doctor.Missing:
		return p.bold("incomplete")
	case doctor.Cosmetic:
	}
	return p.green("ok")
}

// sender is what is to say of one.
func (c *sendersCmd) sender(w io.Writer, p paint, r *doctor.SenderReport) {
	if len(r.Findings) == 0 && !c.Fields {
		return
	}
	fmt.Fprintf(w, "\n%s\n", p.bold(clean(orDash(r.Service)+", "+r.Name, 100)))
	if c.Fields {
		widths := []int{2, 20, 10, -8, -8}
		row(w, widths, "", "FIELD", "STATE", "HAVE", "OF")
		for _, f := range r.Fields {
			row(w, widths, "", f.Field, strings.ReplaceAll(string(f.State), "_", " "), strconv.FormatInt(f.Have, 10), strconv.FormatInt(f.Of, 10))
		}
	}
	findings(w, p, r.Findings)
}

func findings(w io.Writer, p paint, list []doctor.Finding) {
	for _, f := range list {
		mark := p.dim("·")
		switch f.Severity {
		case doctor.WrongNumbers:
			mark = p.red("✗")
		case doctor.Missing:
			mark = p.bold("!")
		case doctor.Cosmetic:
		}
		fmt.Fprintf(w, "  %s %s\n", mark, clean(f.Message, 400))
		if f.Setting != "" {
			fmt.Fprintf(w, "      set   %s\n", clean(f.Setting, 400))
		}
		if f.Note != "" {
			fmt.Fprintf(w, "      note  %s\n", clean(f.Note, 400))
		}
	}
}
