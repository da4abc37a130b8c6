package pipeline

import (
	"hash/maphash"
	"math"
	"sync"

	"github.com/pitot-dev/pitot/internal/llm"
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
	index   slots[key]
	ring    []remembered // in the order of insertion; a circle once full
	next    int
	max     int
	sources []string // by their number in claims
}

type remembered struct {
	key   key
	claim claim
}

type key [2]uint64

type claim struct {
	outcome *outcome // of the batch that the record is in; nil once durable
	span    uint32   // part of the spanKey of a pair's owner; 0 if it has none
	refused bool
	source  uint8 // in sources: numbers make claims, of which there are many, small
}

// outcome is what became of a batch of records.
type outcome struct {
	done chan struct{} // closed when err is set
	err  error
}

func newOutcome() *outcome { return &outcome{done: make(chan struct{})} }

const (
	// defaultWindow is the number of keys that are remembered: up to three a record,
	// 40 bytes each.
	defaultWindow = 1 << 19
	// minResponseID is the length from which a provider's response id is taken to
	// be unique in itself. Some servers count from one, or always say the same.
	minResponseID = 16
	// responseSpan is the grid, in seconds, on which the starts of a call as two
	// sources saw it must be neighbours.
	responseSpan = 64
)

func newDedupe(window int) *dedupe {
	d := &dedupe{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, max: window}
	d.index.hash = func(k key) uint64 { return k[0] ^ k[1] }
	d.index.key = func(slot uint32) key { return d.ring[slot].key }
	return d
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
	// response are the response id at the record's time and just before and after,
	// for views of a call that share no trace: an application whose HTTP client
	// passes no trace context on to the gateway, a library that starts its own.
	response    [3]key
	hasResponse bool
	span        uint32
	source      string
}

func (d *dedupe) keysOf(h header, span spanKey) keys {
	k := keys{id: d.key('i', scoped(h.tenant, h.id)), source: h.source, span: uint32(span)}
	if pair := h.pair(); pair != "" {
		k.pair, k.hasPair = d.key('p', scoped(h.tenant, pair)), true
	}
	if len(h.response) >= minResponseID {
		at := h.time.Unix() / responseSpan
		for i, t := range [...]int64{at, at - 1, at + 1} {
			k.response[i] = d.key('r', scoped(h.tenant, h.response))
			k.response[i][1] ^= uint64(t)
		}
		k.hasResponse = true
	}
	return k
}

// answer is the answer to a claim.
type answer struct {
	duplicate bool
	pending   *outcome // of the record that it duplicates; nil when that is durable
	observed  bool     // claimed before, and refused: the metrics have it
	// another says that it is a span of its own of a Call that another source's
	// span is counted for. Only its id is claimed.
	another bool
}

// claim asks for a record to be the first with its keys.
//
// The same pair from the same source is two records: a server that answers from
// a cache repeats its response ids, and what one source saw twice happened
// twice. From two sources it is one call that both have seen.
func (d *dedupe) claim(k keys, o *outcome) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	var v answer
	source := d.number(k.source)
	if c := d.find(k.id); c != nil {
		if !c.refused {
			return answer{duplicate: true, pending: c.outcome}
		}
		v.observed = true
	}
	if k.hasPair {
		if c := d.find(k.pair); c != nil && c.source != source {
			switch {
			case !c.refused && (k.span == 0 || k.span == c.span):
				return answer{duplicate: true, pending: c.outcome}
			case !c.refused:
				v.another, k.hasPair, k.hasResponse = true, false, false
			default:
				v.observed = true
			}
		}
	}
	if k.hasResponse {
		if c := d.sameResponse(k, source); c != nil {
			switch {
			case !c.refused && (k.span == 0 || k.span == c.span):
				return answer{duplicate: true, pending: c.outcome}
			case !c.refused:
				v.another, k.hasPair, k.hasResponse = true, false, false
			default:
				v.observed = true
			}
		}
	}
	d.put(k.id, claim{outcome: o, source: source, span: k.span})
	if k.hasPair {
		d.put(k.pair, claim{outcome: o, source: source, span: k.span})
	}
	if k.hasResponse {
		d.put(k.response[0], claim{outcome: o, source: source, span: k.span})
	}
	return v
}

// sameResponse returns the claim of another call with the same response id at
// about the same time. Two exchanges that the gateway saw are two, whatever
// their ids; other senders tell of one call in two spans, without a link, when two
// libraries instrument it. d.mu is held.
func (d *dedupe) sameResponse(k keys, source uint8) *claim {
	for _, r := range k.response {
		if c := d.find(r); c != nil && (c.source != source || k.source != string(llm.SourceGateway)) {
			return c
		}
	}
	return nil
}

// has reports whether a record with the id is durable or on its way.
func (d *dedupe) has(tenant, id string) bool {
	k := d.key('i', scoped(tenant, id))
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.find(k)
	return c != nil && !c.refused
}

// seed remembers a record that is durable.
func (d *dedupe) seed(h header, span spanKey) {
	k := d.keysOf(h, span)
	d.mu.Lock()
	defer d.mu.Unlock()
	source := d.number(k.source)
	d.put(k.id, claim{source: source, span: k.span})
	if k.hasPair {
		d.put(k.pair, claim{source: source, span: k.span})
	}
	if k.hasResponse {
		d.put(k.response[0], claim{source: source, span: k.span})
	}
}

// settle says what became of the claims of a batch.
func (d *dedupe) settle(claims []keys, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	set := func(k key, source uint8, span uint32) {
		if c := d.find(k); c != nil { // else it was forgotten meanwhile
			*c = claim{refused: err != nil, source: source, span: span}
		}
	}
	for _, k := range claims {
		source := d.number(k.source)
		set(k.id, source, k.span)
		if k.hasPair {
			set(k.pair, source, k.span)
		}
		if k.hasResponse {
			set(k.response[0], source, k.span)
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

// find returns the claim of a key, nil if there is none; it is good until the next
// put. d.mu is held.
func (d *dedupe) find(k key) *claim {
	slot, ok := d.index.get(k)
	if !ok {
		return nil
	}
	return &d.ring[slot].claim
}

// put inserts or replaces a claim. d.mu is held.
func (d *dedupe) put(k key, c claim) {
	if old := d.find(k); old != nil {
		*old = c
		return
	}
	slot := d.next
	if len(d.ring) < d.max {
		slot = len(d.ring)
		if slot == cap(d.ring) { // not beyond what it may become
			d.ring = append(make([]remembered, 0, min(max(minPlaces, 2*slot), d.max)), d.ring...)
		}
		d.ring = d.ring[:slot+1]
	} else {
		d.index.remove(d.ring[slot].key)
		d.next = (d.next + 1) % d.max
	}
	d.ring[slot] = remembered{k, c}
	d.index.put(k, uint32(slot))
}
