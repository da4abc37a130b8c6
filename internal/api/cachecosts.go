package api

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/price"
)

// CacheReport is what the caches of providers did to costs.
type CacheReport struct {
	Start  time.Time    `json:"start"`
	End    time.Time    `json:"end"`
	By     []string     `json:"by"`
	Groups []CacheGroup `json:"groups"`
	Totals CacheGroup   `json:"totals"`
}

// CacheGroup is what caches did to the costs of one group of Calls. Amounts are
// absent where nothing could be priced.
type CacheGroup struct {
	Values           map[string]string `json:"values,omitempty"`
	Calls            int64             `json:"calls"`
	InputTokens      int64             `json:"input_tokens"`
	CacheReadTokens  int64             `json:"cache_read_tokens"`
	CacheWriteTokens int64             `json:"cache_write_tokens"`
	HitRatio         llm.Opt[float64]  `json:"hit_ratio,omitzero"`
	// Of the Calls that used a cache:
	CachedCalls   int64            `json:"cached_calls"`
	InputUSD      llm.Opt[float64] `json:"input_usd,omitzero"`
	UncachedUSD   llm.Opt[float64] `json:"uncached_usd,omitzero"`
	ReadSavedUSD  llm.Opt[float64] `json:"read_saved_usd,omitzero"`
	WriteExtraUSD llm.Opt[float64] `json:"write_extra_usd,omitzero"`
	NetUSD        llm.Opt[float64] `json:"net_usd,omitzero"`
	// What could not be priced is in none of the amounts.
	UnpricedCalls       int64 `json:"unpriced_calls"`
	UnpricedCacheTokens int64 `json:"unpriced_cache_tokens"`

	effect           price.CacheEffect
	priced           bool
	cached, unpriced float64
}

func (s *server) cacheCosts(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	f := p.filter(day)
	by := p.dimensions("by", events.GroupFields())
	limit := p.count("limit", events.DefaultGroups, events.MaxLimit)
	if err := p.check(); err != nil {
		return nil, err
	}
	if len(by) == 0 {
		by = []string{"provider", "model"}
	}
	totals, err := s.Events.Costs(r.Context(), events.CostQuery{CallFilter: f, By: by, Limit: events.MaxLimit})
	if err != nil {
		return nil, err
	}
	usages, err := s.Usages(r.Context(), events.UsageQuery{CallFilter: f, By: by, Cached: true})
	if err != nil {
		return nil, err
	}
	out := CacheReport{Start: f.Start, End: f.End, By: by, Groups: []CacheGroup{}}
	groups := map[string]*CacheGroup{}
	for i := range totals {
		t := &totals[i].Totals
		add := CacheGroup{Values: totals[i].Values, Calls: t.Calls, InputTokens: t.InputTokens, CacheReadTokens: t.CacheReadTokens, CacheWriteTokens: t.CacheWriteTokens}
		groups[valuesKey(by, add.Values)] = &add
		out.Totals.count(&add)
	}
	table := s.Prices()
	for i := range usages {
		u := &usages[i]
		key := valuesKey(by, u.Values)
		g := groups[key]
		if g == nil { // it came between the two queries, or is past the limit
			g = &CacheGroup{Values: u.Values}
			groups[key] = g
		}
		e, reason := table.CacheEffect(price.Query{
			Provider: u.Provider, Upstream: u.Upstream, RequestModel: u.RequestModel, ResponseModel: u.ResponseModel, Operation: u.Operation,
			At: u.First, Usage: u.Usage, ServiceTier: u.ServiceTier, Region: u.Region,
		}, u.InputOfOne)
		g.use(u, e, reason == "")
		out.Totals.use(u, e, reason == "")
	}
	for _, g := range groups {
		g.finish()
		out.Groups = append(out.Groups, *g)
	}
	out.Totals.finish()
	slices.SortFunc(out.Groups, func(a, b CacheGroup) int {
		return cmp.Or(cmp.Compare(math.Abs(b.NetUSD.Or(0)), math.Abs(a.NetUSD.Or(0))), cmp.Compare(b.CacheReadTokens, a.CacheReadTokens),
			cmp.Compare(b.Calls, a.Calls), strings.Compare(valuesKey(by, a.Values), valuesKey(by, b.Values)))
	})
	out.Groups = out.Groups[:min(limit, len(out.Groups))]
	return out, nil
}

// valuesKey joins values without ambiguity.
func valuesKey(by []string, values map[string]string) string {
	parts := make([]string, len(by))
	for i, b := range by {
		parts[i] = strings.ReplaceAll(values[b], "\x00", "\x00\x00")
	}
	return strings.Join(parts, "\x00,")
}

func (g *CacheGroup) count(o *CacheGroup) {
	g.Calls += o.Calls
	g.InputTokens += o.InputTokens
	g.CacheReadTokens += o.CacheReadTokens
	g.CacheWriteTokens += o.CacheWriteTokens
}

// use adds Calls that used a cache.
func (g *CacheGroup) use(u *events.UsageGroup, e price.CacheEffect, priced bool) {
	g.cached += u.Calls
	if !priced {
		g.unpriced += u.Calls
		g.UnpricedCacheTokens += u.Usage.CacheReadTokens.Or(0) + u.Usage.CacheWriteTokens.Or(0)
		return
	}
	g.priced = true
	g.effect.Add(e)
}

func (g *CacheGroup) finish() {
	if g.InputTokens > 0 {
		g.HitRatio = llm.Some(float64(g.CacheReadTokens) / float64(g.InputTokens))
	}
	g.CachedCalls, g.UnpricedCalls = int64(math.Round(g.cached)), int64(math.Round(g.unpriced))
	if !g.priced && g.cached > 0 {
		return
	}
	e := &g.effect
	g.InputUSD, g.UncachedUSD = llm.Some(e.InputUSD), llm.Some(e.UncachedUSD)
	g.ReadSavedUSD, g.WriteExtraUSD, g.NetUSD = llm.Some(e.ReadSavedUSD), llm.Some(e.WriteExtraUSD), llm.Some(e.NetUSD())
}
