package provider

import (
	"sync"

	"github.com/cespare/xxhash/v2"
)

const (
	cacheBlock      = 128            // tokens; what OpenAI counts in
	cacheBlockBytes = cacheBlock * 4 // as requests are counted
	cacheEntries    = 1 << 14        // blocks remembered before the oldest half is forgotten
)

// prefixCache remembers the beginnings of prompts, by model, in blocks.
type prefixCache struct {
	mu       sync.Mutex
	new, old map[uint64]struct{} // two generations
}

// lookup returns how many tokens of x's prompt were seen before, and how many
// were written. Formats that cache on request only (Anthropic) read and write
// nothing without the mark; only they report writes.
func (c *prefixCache) lookup(x *exchange) (read, written int64) {
	explicit := x.format.family() == familyAnthropic || x.format.family() == familyBedrock
	if explicit && !x.req.cacheMark {
		return 0, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	h := xxhash.Sum64String(x.model.Name)
	h = c.walk(h, x.req.system, &read, &written)
	c.walk(h, x.req.prompt, &read, &written)
	if !explicit {
		written = 0
	}
	return read, written
}

func (c *prefixCache) walk(h uint64, b []byte, read, written *int64) uint64 {
	for len(b) >= cacheBlockBytes {
		h = h*0x9e3779b97f4a7c15 ^ xxhash.Sum64(b[:cacheBlockBytes])
		b = b[cacheBlockBytes:]
		if c.seen(h) && *written == 0 {
			*read += cacheBlock
		} else {
			*written += cacheBlock
		}
	}
	return h
}

// seen reports whether block h was seen before, and remembers it.
func (c *prefixCache) seen(h uint64) bool {
	if _, ok := c.new[h]; ok {
		return true
	}
	_, ok := c.old[h]
	if len(c.new) >= cacheEntries/2 || c.new == nil {
		c.old, c.new = c.new, make(map[uint64]struct{}, cacheEntries/2)
	}
	c.new[h] = struct{}{}
	return ok
}
