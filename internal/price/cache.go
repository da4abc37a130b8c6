package price

// CacheEffect is what a provider's cache did to the cost of input, in US dollars.
// What a provider charges for keeping a cache by the hour is not in it: no Call
// reports that.
type CacheEffect struct {
	InputUSD      float64 // what the input cost as it was
	UncachedUSD   float64 // what the same input would have cost without a cache
	ReadSavedUSD  float64 // what reads cost less than uncached input
	WriteExtraUSD float64 // what writes cost more than uncached input
}

// NetUSD is what the cache saved after all; negative where it cost more than it
// saved. It is UncachedUSD less InputUSD.
func (e CacheEffect) NetUSD() float64 { return round12(e.ReadSavedUSD - e.WriteExtraUSD) }

// Add adds the effect of other Calls.
func (e *CacheEffect) Add(o CacheEffect) {
	e.InputUSD = round12(e.InputUSD + o.InputUSD)
	e.UncachedUSD = round12(e.UncachedUSD + o.UncachedUSD)
	e.ReadSavedUSD = round12(e.ReadSavedUSD + o.ReadSavedUSD)
	e.WriteExtraUSD = round12(e.WriteExtraUSD + o.WriteExtraUSD)
}

// CacheEffect says what the cache did to the cost of the input of q, which may
// be that of many Calls; inputOfOne is how much input each of these had, which
// decides on the tier of long contexts. Where it cannot be priced, reason says
// why.
func (t *Table) CacheEffect(q Query, inputOfOne int64) (e CacheEffect, reason string) {
	in, known := q.Usage.InputTokens.Get()
	if !known {
		return e, ReasonUnknownUsage
	}
	m := t.match(q)
	if m.rule == nil {
		return e, ReasonUnknownModel
	}
	d := m.rule.at(q.At)
	var p pick
	d.choose(q.At, inputOfOne, q.ServiceTier, m.region(q.Region), &p)
	var b bill
	b.input(&p, in, &q.Usage)
	if b.reason != "" {
		return e, b.reason
	}
	for _, it := range b.items[:b.n] {
		e.InputUSD += it.usd
		plain := Input
		switch it.kind {
		case CacheReadAudio:
			plain = InputAudio
		case CacheRead, CacheWrite, CacheWrite1h:
		default:
			e.UncachedUSD += it.usd
			continue
		}
		unit, _, ok := p.rates.lookup(plain)
		if !ok {
			return CacheEffect{}, ReasonUnknownPrice
		}
		usd := it.count * unit * p.factor / kinds[plain].per
		e.UncachedUSD += usd
		if it.kind == CacheWrite || it.kind == CacheWrite1h {
			e.WriteExtraUSD += it.usd - usd
		} else {
			e.ReadSavedUSD += usd - it.usd
		}
	}
	e.InputUSD, e.UncachedUSD = round12(e.InputUSD), round12(e.UncachedUSD)
	e.ReadSavedUSD, e.WriteExtraUSD = round12(e.ReadSavedUSD), round12(e.WriteExtraUSD)
	return e, ""
}
