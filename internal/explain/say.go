package explain

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// value is a number of the metric in words.
func (a *analysis) value(v llm.Opt[float64]) string {
	x, ok := v.Get()
	if !ok {
		return "–"
	}
	return a.info.text(x)
}

// say writes the sentences and completes the answer.
func (a *analysis) say() {
	if p := a.out.Phases; p != nil {
		p.Text, p.TextZH = p.phasesEN(), p.phasesZH()
	}
	for _, f := range a.found {
		for i := range f.cause.Details {
			d := &f.cause.Details[i]
			d.Text, d.TextZH = a.detailEN(d), a.detailZH(d)
		}
		f.cause.Sentence, f.cause.SentenceZH = a.causeEN(f), a.causeZH(f)
		a.out.Causes = append(a.out.Causes, f.cause)
	}
	if len(a.found) == 0 && a.out.Verdict != Unknown && a.info.family != famVolume {
		a.out.Exemplars = a.exemplars(a.f.parts[window].rowsOf(nil), nil)
	}
	a.out.Summary, a.out.SummaryZH = a.summaryEN(), a.summaryZH()
	a.out.Notes, a.out.NotesZH = a.f.notes.en, a.f.notes.zh
	if a.out.Notes == nil {
		a.out.Notes, a.out.NotesZH = []string{}, []string{}
	}
}

// String is the answer as text for a terminal.
func (e *Explanation) String() string {
	var b strings.Builder
	b.WriteString(e.Summary + "\n")
	for i, c := range e.Causes {
		fmt.Fprintf(&b, "\n%d. %s\n", i+1, capital(c.Sentence))
		if len(c.Conditions) > 0 {
			fmt.Fprintf(&b, "   calls:     %s\n", Selection{}.with(c.Conditions...).with(c.Outcome...).String())
		}
		for _, s := range c.Same {
			fmt.Fprintf(&b, "   the same:  %s\n", s.String())
		}
		for _, d := range c.Details[min(2, len(c.Details)):] {
			fmt.Fprintf(&b, "   also:      %s\n", d.Text)
		}
		fmt.Fprintf(&b, "   LogsQL:    %s\n", c.Filter.LogsQL)
		writeExemplars(&b, c.Exemplars)
	}
	if e.Phases != nil && len(e.Phases.Parts) > 0 {
		b.WriteString("\nWhere the time goes (mean of a call, before → now):\n")
		for _, p := range e.Phases.Parts {
			fmt.Fprintf(&b, "   %-17s %9s → %-9s %6s of the change (%s)\n", p.Phase, seconds(p.Baseline), seconds(p.Window), percent(p.Share), p.Evidence)
		}
	}
	if len(e.Causes) == 0 {
		writeExemplars(&b, e.Exemplars)
	}
	for _, n := range e.Notes {
		b.WriteString("Note: " + n + "\n")
	}
	return b.String()
}

func writeExemplars(b *strings.Builder, es []Exemplar) {
	for _, x := range es {
		fmt.Fprintf(b, "   e.g.:      %s", x.ID)
		if x.TraceID != "" {
			b.WriteString(" trace " + x.TraceID)
		}
		if x.Error != "" {
			b.WriteString(" " + x.Error)
		}
		b.WriteByte('\n')
	}
}

// Links says where the Calls and traces behind an Explanation can be looked at.
type Links struct {
	// Base is the address of the UI and the API, without a slash at the end.
	Base string
	// Calls is the path before the query string of the list of Calls; default
	// /api/pitot/v1/calls.
	Calls string
	// Trace is the path before a trace id; default /jaeger/api/traces/.
	Trace string
}

// Annotations are for the alert's notification: explanation, explanation_zh and
// explanation_links, one "name: address" a line. Without a cause the first two say so.
func (e *Explanation) Annotations(l Links) map[string]string {
	if l.Calls == "" {
		l.Calls = "/api/pitot/v1/calls"
	}
	if l.Trace == "" {
		l.Trace = "/jaeger/api/traces/"
	}
	base := strings.TrimRight(l.Base, "/")
	out := map[string]string{"explanation": e.Summary, "explanation_zh": e.SummaryZH}
	var links []string
	exemplars := e.Exemplars
	if len(e.Causes) > 0 {
		links = append(links, "calls: "+base+l.Calls+"?"+e.Causes[0].Filter.Query)
		exemplars = e.Causes[0].Exemplars
	}
	for _, x := range exemplars {
		if x.TraceID != "" {
			links = append(links, "trace: "+base+l.Trace+url.PathEscape(x.TraceID))
		} else {
			links = append(links, "call: "+base+l.Calls+"/"+url.PathEscape(x.ID))
		}
	}
	if len(links) > 0 {
		out["explanation_links"] = strings.Join(links, "\n")
	}
	return out
}
