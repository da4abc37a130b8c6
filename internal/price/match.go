package price

import (
	"strings"
	"sync"

	"github.com/pitot-dev/pitot/internal/llm"
)

// subject is what a price depends on that is a name: the cache's key.
type subject struct {
	provider, request, response string
}

// match is the answer to a subject. It is immutable.
type match struct {
	rule      *rule  // nil: no price is known
	model     string // the model name that matched, as the Call has it
	how       string // matchExact, ...
	form      string // the name or pattern in the table
	alias     string // the alias's target, where one was followed
	maker     bool   // the maker's price stands in for the provider's
	geography string // of a Bedrock inference profile
}

// resolve finds the rule for a subject, without the cache.
func (t *Table) resolve(s subject) match {
	provider := t.provider(s.provider)
	// The model that answered says more than the one that was asked for (a
	// snapshot behind an alias, a model behind a deployment); except at Bedrock,
	// whose request names the inference profile, which has the price.
	models := [2]string{s.response, s.request}
	if provider == llm.ProviderBedrock {
		models[0], models[1] = s.request, s.response
	}
	if models[1] == models[0] {
		models[1] = ""
	}
	for _, m := range models {
		if to, ok := t.aliases[fold(clean(m))]; ok && m != "" {
			if found := t.resolveAlias(provider, m, to); found.rule != nil {
				return found
			}
		}
	}
	for _, find := range []func(provider, model string) match{t.findOverride, t.findOwn, t.findMaker} {
		for _, m := range models {
			if m == "" {
				continue
			}
			if found := find(provider, clean(m)); found.rule != nil {
				found.model = m
				return found
			}
		}
	}
	return match{}
}

// resolveAlias looks for the target of an alias: at the provider that it
// names, at the Call's, and at the maker of the model.
func (t *Table) resolveAlias(provider, model, to string) match {
	target := clean(to)
	type place struct{ provider, model string }
	places := []place{{provider, target}}
	if p, m, ok := strings.Cut(target, "/"); ok {
		if p = t.provider(p); t.groups[p] != nil || t.overrides[p] != nil {
			places = []place{{p, m}, {provider, target}}
		}
	}
	for _, at := range places {
		for _, find := range []func(provider, model string) match{t.findOverride, t.findOwn} {
			if found := find(at.provider, at.model); found.rule != nil {
				found.model, found.alias = model, to
				return found
			}
		}
	}
	found := t.findAtMaker(target, true) // the user named it: whoever hosts
	found.model, found.alias = model, to
	return found
}

// findOverride looks among the user's own prices: those for the provider, then
// those for any.
func (t *Table) findOverride(provider, model string) match {
	for _, p := range [2]string{provider, ""} {
		if x := t.overrides[p]; x != nil {
			if m := t.findIn(x, model); m.rule != nil {
				return m
			}
		}
	}
	return match{}
}

// findOwn looks among the provider's prices in the table.
func (t *Table) findOwn(provider, model string) match {
	return t.findIn(t.table[provider], model)
}

// findIn looks a model up as it is, without its geography and without the
// vendor before it.
func (t *Table) findIn(x *index, model string) match {
	if x == nil {
		return match{}
	}
	if r, how, form := x.find(model); r != nil {
		return match{rule: r, how: how, form: form}
	}
	geography, rest := cutGeography(model)
	if geography != "" {
		if r, how, form := x.find(rest); r != nil {
			return match{rule: r, how: how, form: form, geography: geography}
		}
	}
	if vendor, bare := cutVendor(rest, t.isVendor); vendor != "" {
		if r, how, form := x.find(bare); r != nil {
			return match{rule: r, how: how, form: form, geography: geography}
		}
	}
	return match{}
}

// findMaker looks among the prices of the model's maker, as far as they hold
// at the provider.
func (t *Table) findMaker(provider, model string) match {
	host := hostingOf(provider)
	if host == hostSelf {
		return match{}
	}
	return t.findAtMaker(model, host == hostRouter)
}

func (t *Table) findAtMaker(model string, any bool) match {
	geography, rest := cutGeography(model)
	vendor, bare := cutVendor(rest, t.isVendor)
	if strings.HasSuffix(bare, ":free") {
		return match{} // a router's own offer
	}
	at := func(maker string) match {
		if !any && !t.groups[maker].ownsFamily(fold(bare)) {
			return match{}
		}
		r, how, form := t.table[maker].find(bare)
		return match{rule: r, how: how, form: form, maker: true, geography: geography}
	}
	if vendor != "" {
		return at(t.vendors[vendor])
	}
	if i := strings.LastIndexByte(bare, '/'); i >= 0 {
		bare = bare[i+1:] // an unknown vendor or a router's own prefix
	}
	for _, maker := range t.makers {
		if t.groups[maker].ownsFamily(fold(bare)) {
			if m := at(maker); m.rule != nil {
				return m
			}
		}
	}
	return match{}
}

func (t *Table) isVendor(name string) bool {
	_, ok := t.vendors[name]
	return ok
}

// provider returns the name under which the table has a provider.
func (t *Table) provider(name string) string {
	n := llm.CanonicalProvider(name)
	if to, ok := t.providerNames[n]; ok {
		return to
	}
	if u := strings.ReplaceAll(n, "-", "_"); t.groups[n] == nil && t.groups[u] != nil {
		return u
	}
	return n
}

// maxCached bounds each of the two generations of the cache. There are tens of
// models in use, not thousands; a client that makes names up costs a lookup
// each and no memory.
const maxCached = 2048

// matchCache remembers matches. When the young generation is full it becomes
// the old one: what is still in use moves back at its next use.
type matchCache struct {
	mu         sync.RWMutex
	young, old map[subject]*match
}

func (c *matchCache) get(s subject) *match {
	c.mu.RLock()
	m, ok := c.young[s]
	if !ok {
		m = c.old[s]
	}
	c.mu.RUnlock()
	if !ok && m != nil {
		c.put(s, m)
	}
	return m
}

func (c *matchCache) put(s subject, m *match) {
	// The names may be parts of a request's body, which must not live on.
	s = subject{strings.Clone(s.provider), strings.Clone(s.request), strings.Clone(s.response)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= maxCached || c.young == nil {
		c.old, c.young = c.young, make(map[subject]*match)
	}
	c.young[s] = m
}

// lookup is resolve with the cache.
func (t *Table) lookup(s subject) *match {
	if m := t.cache.get(s); m != nil {
		return m
	}
	m := t.resolve(s)
	m.model = strings.Clone(m.model)
	if len(s.provider) <= maxName && len(s.request) <= maxName && len(s.response) <= maxName {
		t.cache.put(s, &m)
	}
	return &m
}
