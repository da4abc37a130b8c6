package price

import (
	"strings"
	"time"
)

// Filter selects rows of a List. Empty fields select all.
type Filter struct {
	Provider string    // exact, in any spelling
	Model    string    // a part of the model's name, or a pattern with *
	At       time.Time // only the price in force then; zero: every price over time
}

// Row is a price as List shows it.
type Row struct {
	Provider string   `json:"provider"` // empty: any
	Model    string   `json:"model"`
	Also     []string `json:"also,omitempty"`
	Origin   string   `json:"origin"` // table, override
	Since    string   `json:"since,omitempty"`
	Prices   Prices   `json:"prices"` // US dollars, with the defaults of the provider
	// What the prices vary with.
	Tiers    []ContextTier           `json:"tiers,omitempty"`
	TierMode string                  `json:"tier_mode,omitempty"`
	Services map[string]ServicePrice `json:"services,omitempty"`
	Hours    []HourPrice             `json:"hours,omitempty"`
	Regions  map[string]float64      `json:"regions,omitempty"`
	Source   string                  `json:"source,omitempty"`
	Checked  string                  `json:"checked,omitempty"`
}

// List returns the prices that the filter selects: the user's first, then the
// table's by provider.
func (t *Table) List(f Filter) []Row {
	provider := ""
	if f.Provider != "" {
		provider = t.provider(f.Provider)
	}
	pattern := fold(strings.ToLower(f.Model))
	if !strings.Contains(pattern, "*") {
		pattern = "*" + pattern + "*"
	}
	var out []Row
	for _, r := range t.rules {
		if provider != "" && r.provider != provider && r.provider != "" {
			continue
		}
		if !r.named(pattern) {
			continue
		}
		for i := range r.dated {
			d := &r.dated[i]
			if !f.At.IsZero() && r.at(f.At) != d {
				continue
			}
			out = append(out, t.row(r, d))
		}
	}
	return out
}

func (r *rule) named(pattern string) bool {
	if glob(pattern, fold(strings.ToLower(r.id))) {
		return true
	}
	for _, n := range r.also {
		if glob(pattern, fold(strings.ToLower(n))) {
			return true
		}
	}
	return false
}

// row shows the compiled prices, which are in dollars whatever the file's
// currency.
func (t *Table) row(r *rule, d *dated) Row {
	row := Row{
		Provider: r.provider, Model: r.id, Also: r.also, Origin: r.origin, Since: d.entry.Since,
		Prices: d.set.base.prices(), Regions: d.regions,
	}
	if g := t.groups[r.provider]; g != nil && r.origin == originTable {
		row.Source, row.Checked = g.info.URL, g.info.Checked
	}
	for _, x := range d.set.tiers {
		row.Tiers = append(row.Tiers, ContextTier{Above: x.above, Prices: x.rates.beyond(d.set.base)})
	}
	if len(row.Tiers) > 0 {
		row.TierMode = TierWhole
		if d.marginal {
			row.TierMode = TierMarginal
		}
	}
	for _, s := range d.services {
		if row.Services == nil {
			row.Services = map[string]ServicePrice{}
		}
		p := ServicePrice{Prices: s.set.base.prices()}
		for _, x := range s.set.tiers {
			p.Tiers = append(p.Tiers, ContextTier{Above: x.above, Prices: x.rates.beyond(s.set.base)})
		}
		row.Services[s.name] = p
	}
	for i, h := range d.hours {
		row.Hours = append(row.Hours, HourPrice{From: d.entry.Hours[i].From, To: d.entry.Hours[i].To, Prices: h.rates.beyond(d.set.base)})
	}
	return row
}

// prices is the public form of rates.
func (r rates) prices() Prices {
	var p Prices
	for k := range Kind(kindCount) {
		if r.has(k) {
			p.Set(k, round12(r.usd[k]))
		}
	}
	return p
}

// beyond is what r says other than base.
func (r rates) beyond(base rates) Prices {
	var p Prices
	for k := range Kind(kindCount) {
		if r.has(k) && (!base.has(k) || r.usd[k] != base.usd[k]) {
			p.Set(k, round12(r.usd[k]))
		}
	}
	return p
}
