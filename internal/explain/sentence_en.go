package explain

import (
	"fmt"
	"strings"
)

// describeEN names the Calls of a condition.
func (c Condition) describeEN() string {
	switch c.Dimension {
	case DimStream.String():
		if c.Value == "true" {
			return "streamed answers"
		}
		return "answers without streaming"
	case DimInputBand.String():
		return "prompts of " + c.Value + " tokens"
	case DimPrompt.String():
		return "prompt " + c.Value
	case DimPromptVersion.String():
		return "prompt version " + c.Value
	case DimServiceTier.String():
		return "service tier " + c.Value
	}
	if tag, ok := strings.CutPrefix(c.Dimension, tagPrefix); ok {
		return tag + " " + c.Value
	}
	return c.Dimension + " " + c.Value
}

// whoEN names the Calls of a cause.
func whoEN(conds []Condition) string {
	if len(conds) == 0 {
		return "all calls alike"
	}
	parts := make([]string, len(conds))
	for i, c := range conds {
		parts[i] = c.describeEN()
	}
	return strings.Join(parts, " and ")
}

// leadEN says what the metric is and was.
func (a *analysis) leadEN() string {
	o := &a.overall
	if !o.known[window] {
		return a.info.en + " (unknown now)"
	}
	if a.info.family == famVolume && a.byCalls {
		return a.info.en + ", these calls against those of the baseline"
	}
	s := a.info.en + " " + a.info.text(o.value[window])
	if o.known[baseline] {
		s += " (" + a.info.text(o.value[baseline]) + " " + a.before + ")"
	}
	return s
}

// causeEN is a cause in words, without what the metric is.
func (a *analysis) causeEN(f *finding) string {
	c := &f.cause
	who := whoEN(c.Conditions)
	var b strings.Builder
	switch {
	case len(c.Outcome) > 0 && c.EventShare.Known():
		fmt.Fprintf(&b, "%s of the errors are %s of %s", percent(c.EventShare.Or(0)), outcomeText(c.Outcome), who)
		if v, ok := c.Window.Get(); ok && len(c.Conditions) > 0 && a.info.family == famRatio {
			fmt.Fprintf(&b, ", %s of whose calls fail%s", percent(v), a.insteadEN(c))
		}
	case c.Kind == Volume && a.byCalls:
		fmt.Fprintf(&b, "%s: %s of the whole (%s %s)", who, percent(c.WindowShare.Or(0)), percent(c.BaselineShare.Or(0)), a.before)
	case c.Kind == Volume:
		fmt.Fprintf(&b, "%s: %s%s, %s of the whole (%s %s)", who, a.value(c.Window), a.insteadEN(c), percent(c.WindowShare.Or(0)), percent(c.BaselineShare.Or(0)), a.before)
	case c.Kind == Mix:
		fmt.Fprintf(&b, "%s: %s of the calls (%s %s)", who, percent(c.WindowShare.Or(0)), percent(c.BaselineShare.Or(0)), a.before)
		if c.Window.Known() {
			fmt.Fprintf(&b, ", with %s %s", a.info.en, a.value(c.Window))
		}
	default:
		fmt.Fprintf(&b, "%s: %s", who, a.value(c.Window))
		if c.New {
			fmt.Fprintf(&b, ", new, %s of the calls", percent(c.WindowShare.Or(0)))
		} else {
			b.WriteString(a.insteadEN(c))
		}
	}
	if v, ok := c.Contribution.Get(); ok && a.overall.significant && v >= 0.05 && (len(c.Outcome) == 0 || !c.EventShare.Known()) && len(c.Conditions) > 0 {
		fmt.Fprintf(&b, ", %s of the change", percent(min(v, 1)))
	}
	ref := span(a.req.Window.Ranges).End
	if c.Since != nil {
		b.WriteString(", since " + clock(*c.Since, ref, a.req.Location))
	}
	if c.Until != nil {
		b.WriteString(" until " + clock(*c.Until, ref, a.req.Location))
	}
	for i, d := range c.Details {
		if i == 2 {
			break
		}
		b.WriteString("; " + d.Text)
	}
	return b.String()
}

func (a *analysis) detailEN(d *Detail) string {
	what := "calls"
	switch a.info.num {
	case NumCost:
		what = "cost"
	case NumInputTokens, NumOutputTokens, NumTotalTokens:
		what = "tokens"
	case NumOne:
		what = "requests"
	default: // as below
	}
	if a.info.family != famVolume && a.info.family != famRatio {
		what = "calls"
	}
	if a.info.family == famRatio {
		what = "requests"
	}
	if d.New {
		return fmt.Sprintf("%s of its %s are with %s", percent(d.WindowShare), what, Condition{d.Dimension, d.Value}.describeEN())
	}
	return fmt.Sprintf("%s makes %s of its %s (%s %s)", Condition{d.Dimension, d.Value}.describeEN(), percent(d.WindowShare), what, percent(d.BaselineShare), a.before)
}

func (a *analysis) insteadEN(c *Cause) string {
	if v, ok := c.Baseline.Get(); ok {
		return " instead of " + a.info.text(v)
	}
	return ""
}

// summaryEN is the whole result in a sentence or two.
func (a *analysis) summaryEN() string {
	lead := a.leadEN()
	switch a.out.Verdict {
	case Unknown:
		return capital(lead) + ": too few calls to say why."
	case Unchanged:
		return capital(lead) + ": no change beyond chance."
	case Uniform:
		if len(a.found) == 0 {
			return capital(lead) + ": all parts of the traffic changed alike; none stands out."
		}
	case Unexplained:
		return capital(lead) + ": it changed, but no part of the traffic stands out."
	default: // as below
	}
	s := capital(lead) + ": " + a.causeEN(a.found[0])
	if p := a.out.Phases; p != nil && p.Text != "" && p.Of <= 0 {
		s += "; " + p.Text
	}
	s += "."
	if len(a.found) > 1 {
		s += " Also: " + a.causeEN(a.found[1]) + "."
	}
	return s
}

// phasesEN says which phase grew.
func (p *Phases) phasesEN() string {
	if p.Dominant == "" {
		return ""
	}
	for _, c := range p.Parts {
		if c.Phase != p.Dominant {
			continue
		}
		name := map[string]string{
			PhaseConnect: "connecting", PhaseQueue: "waiting in the queue", PhaseLoad: "loading the model", PhasePrefill: "processing prompts",
			PhaseWait: "the queue or processing prompts", PhaseDecode: "generating more slowly", PhaseStalls: "stalls of the stream", PhaseLength: "longer answers",
		}[c.Phase]
		s := fmt.Sprintf("%s of it is %s (+%s on average)", percent(min(c.Share, 1)), name, seconds(c.Window-c.Baseline))
		if c.Evidence == "inferred" {
			s += ", as far as prompt lengths tell"
		}
		return s
	}
	return ""
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' || len(s) > 2 && s[0] == 'p' && s[1] >= '0' && s[1] <= '9' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// outcomeText is a kind of failure: 429 rate_limit_exceeded.
func outcomeText(cs []Condition) string {
	parts := make([]string, len(cs))
	for i, c := range cs {
		parts[i] = c.Value
	}
	return strings.Join(parts, " ")
}
