package price

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Query is what a price depends on.
type Query struct {
	Provider      string
	Upstream      string // used where there is no provider
	RequestModel  string
	ResponseModel string
	Operation     llm.Operation
	At            time.Time
	Usage         llm.Usage
	ServiceTier   string
	Region        string
}

// QueryOf is the query that a Call poses.
func QueryOf(c *llm.Call) Query {
	return Query{
		Provider: c.Provider, Upstream: c.Upstream, RequestModel: c.RequestModel, ResponseModel: c.ResponseModel,
		Operation: c.Operation, At: c.Time, Usage: c.Usage, ServiceTier: c.ServiceTier, Region: c.Region,
	}
}

// Explanation says how a cost comes about.
type Explanation struct {
	Provider string    `json:"provider"`
	Model    string    `json:"model"`
	At       time.Time `json:"at"`
	Cost     llm.Cost  `json:"cost"`

	// Of the rule that matched; empty where none did.
	Rule         string      `json:"rule,omitempty"`
	RuleProvider string      `json:"rule_provider,omitempty"`
	RuleModel    string      `json:"rule_model,omitempty"`
	Origin       string      `json:"origin,omitempty"` // table, override
	Match        string      `json:"match,omitempty"`  // exact, snapshot, pattern
	MatchedModel string      `json:"matched_model,omitempty"`
	Alias        string      `json:"alias,omitempty"` // the target of the alias that was followed
	Since        string      `json:"since,omitempty"` // from when the price holds
	Source       string      `json:"source,omitempty"`
	Checked      string      `json:"checked,omitempty"`
	ContextAbove int64       `json:"context_above,omitempty"` // the threshold that the input passed
	TierMode     string      `json:"tier_mode,omitempty"`
	ServiceTier  string      `json:"service_tier,omitempty"`
	OffPeak      bool        `json:"off_peak,omitempty"`
	Region       string      `json:"region,omitempty"`
	RegionFactor float64     `json:"region_factor,omitzero"`
	Components   []Component `json:"components,omitempty"`
	Notes        []string    `json:"notes,omitempty"` // what a reader should know: fallbacks, stand-ins
}

// Component is one line of the bill.
type Component struct {
	Kind      Kind    `json:"kind"`
	Quantity  float64 `json:"quantity"`
	UnitPrice float64 `json:"unit_price"` // US dollars per Unit
	Unit      string  `json:"unit"`
	USD       float64 `json:"usd"`
	// PricedAs is the kind whose price stood in, where this one has none.
	PricedAs string `json:"priced_as,omitempty"`
}

// Explain prices as Price does and says how. A Usage without a source counts
// as reported, so that a question can be asked about counts alone.
func (t *Table) Explain(q Query) Explanation {
	if q.Usage.Source == "" && (q.Usage.InputTokens.Known() || q.Usage.OutputTokens.Known() || q.Usage.Images.Known() ||
		q.Usage.AudioSeconds.Known() || q.Usage.Characters.Known() || q.Usage.Searches.Known()) {
		q.Usage.Source = llm.UsageReported
	}
	c := llm.Call{
		Provider: q.Provider, Upstream: q.Upstream, RequestModel: q.RequestModel, ResponseModel: q.ResponseModel,
		Operation: q.Operation, Time: q.At, Usage: q.Usage, ServiceTier: q.ServiceTier, Region: q.Region,
	}
	s := t.subjectOf(&c)
	e := Explanation{Provider: s.provider, Model: cmp.Or(c.ResponseModel, c.RequestModel), At: q.At.UTC(), Cost: t.Price(&c), Region: q.Region}
	m := t.lookup(s)
	if m.rule == nil {
		e.noteUnknownModel(t.provider(s.provider))
		return e
	}
	d := m.rule.at(q.At)
	e.setRule(t, m, d)
	var p pick
	region := m.region(q.Region)
	d.choose(q.At, q.Usage.InputTokens.Or(0), q.ServiceTier, region, &p)
	e.setPick(&p, d, region)
	var b bill
	b.evaluate(&p, q.Operation, &q.Usage)
	for _, it := range b.items[:b.n] {
		comp := Component{Kind: it.kind, Quantity: it.count, UnitPrice: round12(it.unit), Unit: it.kind.Unit(), USD: round12(it.usd)}
		if it.source != it.kind {
			comp.PricedAs = it.source.String()
		}
		e.Components = append(e.Components, comp)
	}
	switch b.reason {
	case ReasonUnknownPrice:
		e.note("%s was used and the rule has no price for it (US dollars per %s): add it with prices.overrides", b.kind, b.kind.Unit())
	case ReasonUnknownUsage:
		if q.Usage.Source != llm.UsageReported && q.Usage.Source != llm.UsageEstimated {
			e.note("the usage is not known: the provider did not report it")
		} else {
			e.note("the number of %s tokens, or of what else the rule prices, is not known", b.kind)
		}
	}
	return e
}

func (e *Explanation) note(format string, args ...any) {
	e.Notes = append(e.Notes, fmt.Sprintf(format, args...))
}

func (e *Explanation) noteUnknownModel(provider string) {
	if hostingOf(provider) == hostSelf {
		e.note("%s runs on your own machines: it has the price that you set with prices.overrides, and no other", provider)
		return
	}
	e.note("no rule matches: set a price with prices.overrides, or name the model that it is with prices.aliases")
}

func (e *Explanation) setRule(t *Table, m *match, d *dated) {
	r := m.rule
	e.Rule, e.RuleProvider, e.RuleModel, e.Origin = d.name, r.provider, r.id, r.origin
	e.Match, e.MatchedModel, e.Alias, e.Since = m.how, m.model, m.alias, d.entry.Since
	if r.origin == originTable {
		if g := t.groups[r.provider]; g != nil {
			e.Source, e.Checked = g.info.URL, g.info.Checked
		}
	}
	if m.maker {
		e.note("%s has no price of its own for the model: its maker's list price stands in", e.Provider)
	}
	if e.At.Before(d.since) {
		e.note("the first known price begins at %s: it is used for the time before", d.since.Format(time.RFC3339))
	}
}

func (e *Explanation) setPick(p *pick, d *dated, region string) {
	e.ContextAbove, e.ServiceTier, e.OffPeak = p.above, p.service, p.offPeak
	if p.above > 0 {
		e.TierMode = TierWhole
		if d.marginal {
			e.TierMode = TierMarginal
		}
	}
	e.RegionFactor = p.factor
	if p.factor != 1 {
		e.Region = region
	}
	if p.unserved != "" {
		e.note("no price is known for the service tier %q: the standard price is used", p.unserved)
	}
}

// String writes the explanation for a terminal.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s, %s\n", orDash(e.Model), orDash(e.Provider), e.At.Format(time.RFC3339))
	if usd, ok := e.Cost.USD.Get(); ok {
		fmt.Fprintf(&b, "cost      $%s (%s)\n", number(usd), e.Cost.State)
	} else {
		fmt.Fprintf(&b, "cost      unpriced: %s\n", e.Cost.Reason)
	}
	if e.Rule != "" {
		e.writeRule(&b)
	}
	if len(e.Components) > 0 {
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "kind\tquantity\tunit price\tper\tUSD\t")
		for _, c := range e.Components {
			kind := c.Kind.String()
			if c.PricedAs != "" {
				kind += " (as " + c.PricedAs + ")"
			}
			fmt.Fprintf(w, "%s\t%s\t$%s\t%s\t$%s\t\n", kind, number(c.Quantity), number(c.UnitPrice), c.Unit, number(c.USD))
		}
		w.Flush() // to a strings.Builder: cannot fail
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "note      %s\n", n)
	}
	return b.String()
}

func (e *Explanation) writeRule(b *strings.Builder) {
	fmt.Fprintf(b, "rule      %s (%s match of %q", e.Rule, e.Match, e.MatchedModel)
	if e.Alias != "" {
		fmt.Fprintf(b, ", alias of %q", e.Alias)
	}
	b.WriteString(")\n")
	if e.Since != "" {
		fmt.Fprintf(b, "since     %s\n", e.Since)
	}
	if e.Source != "" {
		fmt.Fprintf(b, "source    %s, checked %s\n", e.Source, e.Checked)
	} else {
		fmt.Fprintf(b, "source    prices.overrides in the configuration\n")
	}
	if e.ContextAbove > 0 {
		fmt.Fprintf(b, "tier      more than %d input tokens, %s\n", e.ContextAbove, map[string]string{
			TierWhole: "the whole request at the tier's price", TierMarginal: "the tokens past it at the tier's price",
		}[e.TierMode])
	}
	if e.ServiceTier != "" {
		fmt.Fprintf(b, "service   %s\n", e.ServiceTier)
	}
	if e.OffPeak {
		fmt.Fprintf(b, "hours     the price at this time of day\n")
	}
	if e.RegionFactor != 1 {
		fmt.Fprintf(b, "region    %s: × %s\n", e.Region, number(e.RegionFactor))
	}
}

// number writes a number without an exponent and without needless zeros.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
