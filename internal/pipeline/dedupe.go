package pipeline

import (
	"hash/maphash"
	"math"
	"sync"
)

// dedupe remembers the records of the recent past: a bounded number of keys,
// the oldest forgotten first. Within that window it is exact: keys are 128-bit
// hashes with a secret seed, so that nobody can make another's record vanish.
//
// A record is claimed before it is journaled. Until then its claim is pending:
// who sends a duplicate of it must not be told "accepted" before it is. If the
// journal refuses it, the claim stays as refused, which lets the next attempt
// pass and remembers that the metrics have counted it.
type dedupe struct {
	seeds [2]maphash.Seed

	mu      sync.Mutex
	m       map[key]claim
	ring    []key // in the order of insertion; a circle once full
	next    int
	max     int
	sources []string // by their number in claims
}

type key [2]uint64

type claim struct {
	outcome *outcome // of the batch that the record is in; nil once durable
	refused bool
	source  uint8 // in sources: numbers make claims, of which there are many, small
}

// outcome is what became of a batch of records.
type outcome struct {
	done chan struct{} // closed when err is set
	err  error
}

func newOutcome() *outcome { return &outcome{done: make(chan struct{})} }

// defaultWindow is the number of keys that are remembered: up to two a record,
// about 60 bytes each.
const defaultWindow = 1 << 18

func newDedupe(window int) *dedupe {
	return &dedupe{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		m:     map[key]claim{}, max: window,
	}
}

func (d *dedupe) key(kind byte, s string) key {
	var k key
	for i, seed := range d.seeds {
		k[i] = maphash.String(seed, s)
	}
	k[0] ^= uint64(kind) // the same text as an id and as a pair are two things
	return k
}

// keys are those of one record.
type keys struct {
	id, pair key
	hasPair  bool
	source   string
}

func (d *dedupe) keysOf(h header) keys {
	k := keys{id: d.key('i', h.id), source: h.source}
	if h.pair != "" {
		k.pair, k.hasPair = d.key('p', h.pair), true
	}
	return k
}

// verdict is the answer to a claim.
type verdict struct {
	duplicate bool
	pending   *outcome // of the record that it duplicates; nil when that is durable
	observed  bool     // claimed before, and refused: the metrics have it
}

// claim asks for a record to be the first with its keys.
//
// The same pair from the same source is two records: a server that answers from
// a cache repeats its response ids, and what one source saw twice happened
// twice. From two sources it is one call that both have seen.
func (d *dedupe) claim(k keys, o *outcome) verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	var v verdict
	source := d.number(k.source)
	if c, ok := d.m[k.id]; ok {
		if !c.refused {
			return verdict{duplicate: true, pending: c.outcome}
		}
		v.observed = true
	}
	if k.hasPair {
		if c, ok := d.m[k.pair]; ok && c.source != source {
			if !c.refused {
				return verdict{duplicate: true, pending: c.outcome}
			}
			v.observed = true
		}
	}
	d.put(k.id, claim{outcome: o, source: source})
	if k.hasPair {
		d.put(k.pair, claim{outcome: o, source: source})
	}
	return v
}

// seed remembers a record that is durable.
func (d *dedupe) seed(h header) {
	k := d.keysOf(h)
	d.mu.Lock()
	defer d.mu.Unlock()
	source := d.number(k.source)
	d.put(k.id, claim{source: source})
	if k.hasPair {
		d.put(k.pair, claim{source: source})
	}
}

// settle says what became of the claims of a batch.
func (d *dedupe) settle(claims []keys, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	set := func(k key, source uint8) {
		if _, ok := d.m[k]; ok { // else it was forgotten meanwhile
			d.m[k] = claim{refused: err != nil, source: source}
		}
	}
	for _, k := range claims {
		source := d.number(k.source)
		set(k.id, source)
		if k.hasPair {
			set(k.pair, source)
		}
	}
}

// number returns the number of a source; past 255 they share the last one.
// d.mu is held.
func (d *dedupe) number(source string) uint8 {
	for i, s := range d.sources {
		if s == source {
			return uint8(i)
		}
	}
	if len(d.sources) > math.MaxUint8 {
		return math.MaxUint8
	}
	d.sources = append(d.sources, source)
	return uint8(len(d.sources) - 1)
}

// put inserts or replaces a claim. d.mu is held.
func (d *dedupe) put(k key, c claim) {
	if _, ok := d.m[k]; !ok {
		if len(d.ring) < d.max {
			d.ring = append(d.ring, k)
		} else {
			delete(d.m, d.ring[d.next])
			d.ring[d.next] = k
			d.next = (d.next + 1) % d.max
		}
	}
	d.m[k] = c
}
