package price

import (
	"cmp"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The kinds of suggestions.
const (
	SuggestAlias    = "alias"
	SuggestOverride = "override"
)

// Suggestion is a change of the configuration that would price what is unpriced.
type Suggestion struct {
	Kind string
	// Like is the model of the table whose price it takes, as provider/model;
	// empty where it takes none.
	Like       string
	Similarity float64 // of the names; 0 where there is no Like
	Prices     Prices
	Config     Config           // what to add
	WouldCost  llm.Opt[float64] // what the usage of the query would cost with it
}

// maxSuggestions is the most of Suggest's answer.
const maxSuggestions = 4

// Suggest says how the usage of q, which is unpriced for a reason, could get a
// price: the aliases to known models of a similar name, and a price of its own
// to fill in. It returns nothing where there is nothing to price.
func (t *Table) Suggest(q Query, reason string) []Suggestion {
	model := cmp.Or(q.RequestModel, q.ResponseModel)
	if model == "" || clean(model) == "" || strings.Contains(model, "*") {
		return nil
	}
	if reason == ReasonUnknownPrice {
		return t.complete(q, model)
	}
	if reason != ReasonUnknownModel {
		return nil
	}
	provider := t.subjectOf(&llm.Call{Provider: q.Provider, Upstream: q.Upstream, Region: q.Region}).provider
	near := t.Nearest(provider, model, q.At, maxSuggestions-1)
	var out []Suggestion
	for _, n := range near {
		out = append(out, Suggestion{
			Kind: SuggestAlias, Like: n.Name, Similarity: n.Similarity, Prices: n.Prices,
			Config:    Config{Aliases: map[string]string{model: n.Name}},
			WouldCost: wouldCost(&Override{Model: model, Prices: n.Prices}, q),
		})
	}
	o := Override{Provider: provider, Model: model}
	own := Suggestion{Kind: SuggestOverride}
	switch {
	case hostingOf(t.provider(provider)) == hostSelf || len(near) == 0:
		// Nobody sends a bill for one's own machines; and where nothing is known,
		// a zero is the one number that is plainly a place to fill in.
		o.Set(Input, 0)
		o.Set(Output, 0)
	default:
		own.Like, own.Similarity = near[0].Name, near[0].Similarity
		o.Prices = near[0].Prices
	}
	own.Prices, own.Config, own.WouldCost = o.Prices, Config{Overrides: []Override{o}}, wouldCost(&o, q)
	return append(out, own)
}

// complete suggests the price that a known model has, with the one that it
// lacks, as the nearest model that has one knows it.
func (t *Table) complete(q Query, model string) []Suggestion {
	row, ok := t.RowOf(q)
	if !ok {
		return nil
	}
	missing, lacks := t.Missing(q)
	if !lacks {
		return nil
	}
	for _, n := range t.Nearest(row.Provider, model, q.At, 50) {
		usd := n.Prices.Get(missing)
		if usd == nil {
			continue
		}
		o := Override{
			Provider: row.Provider, Model: model, Prices: row.Prices, Tiers: row.Tiers, TierMode: row.TierMode,
			Services: row.Services, Hours: row.Hours, Regions: row.Regions,
		}
		o.Set(missing, *usd)
		return []Suggestion{{
			Kind: SuggestOverride, Like: n.Name, Similarity: n.Similarity, Prices: o.Prices,
			Config: Config{Overrides: []Override{o}}, WouldCost: wouldCost(&o, q),
		}}
	}
	return nil
}

// wouldCost is what the usage of q would cost at the prices of an entry.
func wouldCost(o *Override, q Query) llm.Opt[float64] {
	d := newDated(o, defaults{factor: 1})
	var p pick
	d.choose(q.At, q.Usage.InputTokens.Or(0), q.ServiceTier, q.Region, &p)
	var b bill
	b.evaluate(&p, q.Operation, &q.Usage)
	if b.reason != "" {
		return llm.Opt[float64]{}
	}
	return llm.Some(b.usd)
}

// RowOf is the price that a Call such as q has, as List shows it.
func (t *Table) RowOf(q Query) (Row, bool) {
	m := t.match(q)
	if m.rule == nil {
		return Row{}, false
	}
	return t.row(m.rule, m.rule.at(q.At)), true
}

// Missing is the kind of usage of q that its rule has no price for.
func (t *Table) Missing(q Query) (Kind, bool) {
	m := t.match(q)
	if m.rule == nil {
		return 0, false
	}
	var p pick
	m.rule.at(q.At).choose(q.At, q.Usage.InputTokens.Or(0), q.ServiceTier, m.region(q.Region), &p)
	var b bill
	b.evaluate(&p, q.Operation, &q.Usage)
	return b.kind, b.reason == ReasonUnknownPrice
}

func (t *Table) match(q Query) *match {
	return t.lookup(t.subjectOf(&llm.Call{
		Provider: q.Provider, Upstream: q.Upstream, RequestModel: q.RequestModel, ResponseModel: q.ResponseModel, Region: q.Region,
	}))
}
