package price

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// rule is the price of one model over time.
type rule struct {
	provider string  // canonical name; empty for any provider
	id       string  // model name, or the pattern of an override
	origin   string  // originTable or originOverride
	dated    []dated // ascending; never empty
	also     []string
}

// Where a rule comes from.
const (
	originTable    = "table"
	originOverride = "override"
)

// dated is the price of a model from a time on.
type dated struct {
	since    time.Time
	name     string // what Cost.Rule says
	entry    *Override
	set      priceSet
	marginal bool
	services []service
	hours    []window
	regions  map[string]float64
}

// priceSet is the prices of one service: for short requests, and for those
// past each threshold.
type priceSet struct {
	base  rates
	tiers []tier // ascending
}

type tier struct {
	above int64
	rates rates // complete: laid over the base
}

type service struct {
	name string
	set  priceSet
}

type window struct {
	from, to int // minutes since midnight, UTC
	rates    rates
}

func (w window) covers(minute int) bool {
	if w.from < w.to {
		return w.from <= minute && minute < w.to
	}
	return minute >= w.from || minute < w.to
}

// at returns the price in force at a time: the last one that began by then.
// A time before the first price gets the first: what was charged before the
// table begins is likelier that than nothing.
func (r *rule) at(t time.Time) *dated {
	for i := len(r.dated) - 1; i > 0; i-- {
		if !t.Before(r.dated[i].since) {
			return &r.dated[i]
		}
	}
	return &r.dated[0]
}

// defaults are what a group of entries shares.
type defaults struct {
	factor   float64 // US dollars per unit of the group's currency
	services map[string]ServicePrice
	regions  map[string]float64
	search   *float64 // per thousand web searches of a model that generates
}

// newDated compiles a validated entry.
func newDated(o *Override, d defaults) dated {
	since, _ := parseSince(o.Since) // validated
	base := o.Prices.rates(d.factor)
	if d.search != nil && !base.has(Search) && base.has(Output) {
		base.put(Search, *d.search*d.factor)
	}
	out := dated{since: since, entry: o, marginal: o.TierMode == TierMarginal, regions: o.Regions}
	out.set = priceSet{base: base, tiers: newTiers(o.Tiers, base, d.factor)}
	if out.regions == nil {
		out.regions = d.regions
	}
	for name, s := range o.Services {
		out.services = append(out.services, newService(name, s, out.set, d.factor))
	}
	for name, s := range d.services {
		if _, own := o.Services[name]; !own && base.hasTokens() {
			out.services = append(out.services, newService(name, s, out.set, d.factor))
		}
	}
	slices.SortFunc(out.services, func(a, b service) int { return cmp.Compare(a.name, b.name) })
	for _, h := range o.Hours {
		from, _ := parseClock(h.From) // validated
		to, _ := parseClock(h.To)
		out.hours = append(out.hours, window{from, to, base.over(h.Prices.rates(d.factor))})
	}
	return out
}

func newTiers(in []ContextTier, base rates, factor float64) []tier {
	out := make([]tier, 0, len(in))
	for i := range in {
		out = append(out, tier{in[i].Above, base.over(in[i].Prices.rates(factor))})
	}
	return out
}

func newService(name string, s ServicePrice, standard priceSet, factor float64) service {
	mul := s.Multiplier
	if mul == 0 {
		mul = 1
	}
	own := s.Prices.rates(factor)
	out := service{name: serviceTier(name)}
	out.set.base = standard.base.times(mul).over(own)
	if len(s.Tiers) > 0 {
		out.set.tiers = newTiers(s.Tiers, out.set.base, factor)
		return out
	}
	for _, t := range standard.tiers {
		out.set.tiers = append(out.set.tiers, tier{t.above, t.rates.times(mul)})
	}
	return out
}

// times returns r with every price that factors apply to multiplied.
func (r rates) times(f float64) rates {
	if f == 1 {
		return r
	}
	for k := range Kind(kindCount) {
		if r.has(k) && k.discounted() {
			r.usd[k] *= f
		}
	}
	return r
}

// newRule joins the entries of one model, in any order of time.
func newRule(provider, id, origin string, entries []dated) *rule {
	slices.SortStableFunc(entries, func(a, b dated) int { return a.since.Compare(b.since) })
	name := id
	if provider != "" {
		name = provider + "/" + id
	}
	if origin == originOverride {
		name = "override:" + name
	}
	for i := range entries {
		entries[i].name = name
		if s := entries[i].entry.Since; s != "" {
			entries[i].name = name + "@" + s
		}
	}
	return &rule{provider: provider, id: id, origin: origin, dated: entries}
}

// pick is how a price was chosen among those of a rule.
type pick struct {
	rates    rates
	factor   float64 // of the region
	above    int64   // the context threshold that was passed, or 0
	service  string  // the service tier that was priced, or ""
	unserved string  // a service tier that has no price of its own
	offPeak  bool    // one of the entry's hours applied
	blended  bool    // marginal tier
}

// choose finds the prices for a request at a time, with that many input
// tokens, from a service tier and a region.
func (d *dated) choose(at time.Time, input int64, tierName, region string, p *pick) {
	p.factor = 1
	set := &d.set
	if name := serviceTier(tierName); name != "" {
		p.unserved = name
		for i := range d.services {
			if d.services[i].name == name {
				set, p.service, p.unserved = &d.services[i].set, name, ""
				break
			}
		}
	}
	p.rates = set.base
	if p.service == "" && len(d.hours) > 0 {
		u := at.UTC()
		minute := u.Hour()*60 + u.Minute()
		for i := range d.hours {
			if d.hours[i].covers(minute) {
				p.rates, p.offPeak = d.hours[i].rates, true
				break
			}
		}
	}
	if d.marginal {
		set.blend(input, p)
	} else {
		for _, v := range slices.Backward(set.tiers) {
			if input > v.above {
				p.rates, p.above = v.rates, v.above
				break
			}
		}
	}
	if len(d.regions) > 0 {
		p.factor = regionFactor(d.regions, region)
	}
}

// blend makes p's input prices the average over the brackets that the input
// fills, so that the tokens past a threshold alone bear its price.
func (s *priceSet) blend(input int64, p *pick) {
	if len(s.tiers) == 0 || input <= s.tiers[0].above {
		return
	}
	p.blended = true
	base := p.rates
	share := float64(min(input, s.tiers[0].above)) / float64(input)
	for k := range Kind(kindCount) {
		if base.has(k) && k.isInput() {
			p.rates.usd[k] = base.usd[k] * share
		}
	}
	for i := range s.tiers {
		t := &s.tiers[i]
		if input <= t.above {
			break
		}
		end := input
		if i+1 < len(s.tiers) {
			end = min(end, s.tiers[i+1].above)
		}
		share := float64(end-t.above) / float64(input)
		p.above = t.above
		for k := range Kind(kindCount) {
			if !k.isInput() || !t.rates.has(k) {
				continue
			}
			if !base.has(k) { // a price that only the tier has: below it, what stands in
				below, _, _ := base.lookup(k)
				base.put(k, below)
				p.rates.put(k, below*(1-share))
			}
			p.rates.usd[k] += t.rates.usd[k] * share
		}
	}
}

// serviceTier normalises a provider's name for a tier of service; the
// standard one, and what is billed at its price, is "".
func serviceTier(name string) string {
	switch n := strings.ToLower(name); n {
	case "", "default", "standard", "standard_only", "on_demand", "on-demand", "ondemand", "auto", "scale", "provisioned", "reserved":
		return ""
	case "batches", "batch_api":
		return "batch"
	default:
		return n
	}
}

// regionFactor is the factor of a region: its own, that of the part before its
// first dash, or that of *.
func regionFactor(m map[string]float64, region string) float64 {
	if region == "" {
		return 1
	}
	region = strings.ToLower(region)
	if f, ok := m[region]; ok {
		return f
	}
	rest := region
	for {
		i := strings.LastIndexByte(rest, '-')
		if i < 0 {
			break
		}
		rest = rest[:i]
		if f, ok := m[rest]; ok {
			return f
		}
	}
	if f, ok := m["*"]; ok {
		return f
	}
	return 1
}
