package pipeline

import (
	"hash/maphash"
	"math"
	"sync"
)

// spanKey names a span by its trace and its own id. It is a hash with a secret
// seed, so that nobody can make two spans of others look like one; 0 is no span.
type spanKey uint64

// node is what is remembered of a span: 24 bytes, and about ten in the index.
type node struct {
	key    spanKey
	parent spanKey
	slot   uint32 // where the parent was when last looked at
	flags  uint8
	source uint8 // of the Call that was counted, by its number
}

const (
	nodeUsed    = 1 << iota // asked for since the hand last passed: not to be forgotten yet
	nodeBelow               // a Call beneath it is known
	nodeCounted             // a Call was counted for it
	nodeDemoted             // it is a Call that another one counts
	nodeHeld                // a container whose own usage waits
)

const (
	// defaultSpans is the number of spans that the tree remembers: 7 MB.
	defaultSpans = 200_000
	// minSpans keeps a span from being forgotten while it is linked.
	minSpans = 64
	// maxSteps bounds a walk to the root: what is nested deeper is not looked at.
	maxSteps = 512
)

// spanTree remembers which span is whose parent, and what was counted where, for
// the recent past. It is bounded: the spans that nobody has named as a parent
// are forgotten first.
//
// Parents come after their children as a rule, so a span is known from the
// first record that names it, its own or a child's. There are no cycles: a link
// that would close one is not made.
type spanTree struct {
	traceSeed, spanSeed maphash.Seed

	mu      sync.Mutex
	index   slots[spanKey] // in nodes
	nodes   []node
	hand    int
	max     int
	sources []string
	late    uint64 // links that came after both ends had been counted
}

func newSpanTree(spans int) *spanTree {
	t := &spanTree{traceSeed: maphash.MakeSeed(), spanSeed: maphash.MakeSeed(), max: max(spans, minSpans)}
	t.index.hash = func(k spanKey) uint64 { return uint64(k) }
	t.index.key = func(slot uint32) spanKey { return t.nodes[slot].key }
	return t
}

// trace is the hash of a trace id, the first part of its spans' keys.
func (t *spanTree) trace(id string) uint64 { return maphash.String(t.traceSeed, id) }

// key returns the key of a span; 0 for none.
func (t *spanTree) key(trace uint64, span string) spanKey {
	if span == "" {
		return 0
	}
	return max(spanKey(trace+maphash.String(t.spanSeed, span)), 1)
}

// size is the number of spans that are remembered.
func (t *spanTree) size() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(t.index.len())
}

// lateLinks is the number of links that came too late to count once.
func (t *spanTree) lateLinks() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.late
}

// put returns the slot of a span, which it makes if there is none. t.mu is held
// here and in all that follows.
func (t *spanTree) put(k spanKey) (slot uint32) {
	if i, ok := t.index.get(k); ok {
		return i
	}
	if len(t.nodes) < t.max {
		slot = uint32(len(t.nodes))
		t.nodes = append(t.nodes, node{key: k})
	} else {
		slot = t.evict()
		t.nodes[slot] = node{key: k}
	}
	t.index.put(k, slot)
	return slot
}

// evict forgets a span. Those in use get a second chance, and containers whose
// usage waits stay: they are few, and what is known of them decides.
func (t *spanTree) evict() uint32 {
	for range 2 * len(t.nodes) {
		n := &t.nodes[t.hand]
		if n.flags&(nodeUsed|nodeHeld) == 0 {
			break
		}
		n.flags &^= nodeUsed
		t.hand = (t.hand + 1) % len(t.nodes)
	}
	slot := t.hand
	t.hand = (t.hand + 1) % len(t.nodes)
	t.index.remove(t.nodes[slot].key)
	return uint32(slot)
}

// up returns the parent of a span, if it has one and that is known.
func (t *spanTree) up(i uint32) (uint32, bool) {
	n := &t.nodes[i]
	if n.parent == 0 {
		return 0, false
	}
	if t.nodes[n.slot].key == n.parent {
		return n.slot, true
	}
	slot, ok := t.index.get(n.parent)
	if ok {
		n.slot = slot
	}
	return slot, ok
}

// link notes a span and its parent. A Call marks all that is above it. A span
// without an id of its own marks what is above it and is not remembered.
func (t *spanTree) link(k, parent spanKey, call bool) {
	if k == 0 {
		if call && parent != 0 {
			i := t.put(parent)
			t.nodes[i].flags |= nodeUsed | nodeBelow
			t.markAbove(i)
		}
		return
	}
	i := t.put(k)
	if parent != 0 && parent != k && t.nodes[i].parent == 0 {
		t.attach(i, parent)
	}
	if call || t.nodes[i].flags&nodeBelow != 0 {
		t.markAbove(i)
	}
}

// attach makes parent the parent of the span in slot i unless that closes a
// cycle.
func (t *spanTree) attach(i uint32, parent spanKey) {
	unused := t.nodes[i].flags&nodeUsed == 0
	t.nodes[i].flags |= nodeUsed // not to be forgotten for its parent
	j := t.put(parent)
	if unused {
		t.nodes[i].flags &^= nodeUsed
	}
	t.nodes[j].flags |= nodeUsed
	counted := false
	at, ok := j, true
	for steps := 0; ok; steps++ {
		if at == i || steps == maxSteps {
			return
		}
		counted = counted || t.nodes[at].flags&nodeCounted != 0
		at, ok = t.up(at)
	}
	if counted && t.nodes[i].flags&nodeBelow != 0 {
		t.late++
	}
	t.nodes[i].parent, t.nodes[i].slot = parent, j
}

// markAbove notes on all spans above i that a Call is beneath them. What is
// above a marked span is marked already.
func (t *spanTree) markAbove(i uint32) {
	for {
		j, ok := t.up(i)
		if !ok {
			return
		}
		n := &t.nodes[j]
		marked := n.flags&nodeBelow != 0
		n.flags |= nodeBelow | nodeUsed
		if marked {
			return
		}
		i = j
	}
}

// countedFrom reports whether a Call was counted for the span in slot i or one
// above it.
func (t *spanTree) countedFrom(i uint32, ok bool) bool {
	for steps := 0; ok && steps < maxSteps; steps++ {
		if t.nodes[i].flags&nodeCounted != 0 {
			return true
		}
		i, ok = t.up(i)
	}
	return false
}

// depth is the number of known spans above a span.
func (t *spanTree) depth(k spanKey) int {
	i, ok := t.index.get(k)
	if !ok {
		return 0
	}
	for steps := range maxSteps {
		if i, ok = t.up(i); !ok {
			return steps
		}
	}
	return maxSteps
}

// number returns the number of a source; past 255 they share the last one.
func (t *spanTree) number(source string) uint8 {
	for i, s := range t.sources {
		if s == source {
			return uint8(i)
		}
	}
	if len(t.sources) > math.MaxUint8 {
		return math.MaxUint8
	}
	t.sources = append(t.sources, source)
	return uint8(len(t.sources) - 1)
}

// decide says whether the Call of a span is counted, once for ever: the same
// Call sent again gets the same answer.
func (t *spanTree) decide(k, parent spanKey, source string) verdict {
	if k == 0 {
		i, ok := t.index.get(parent)
		if parent != 0 && t.countedFrom(i, ok) {
			return underCall
		}
		return counted
	}
	i := t.put(k) // there already, unless it was forgotten since it was linked
	n := &t.nodes[i]
	above, known := t.up(i)
	switch {
	case n.flags&nodeCounted != 0:
		if n.source != t.number(source) {
			return sameSpan
		}
		return counted
	case n.flags&nodeBelow != 0:
		n.flags |= nodeDemoted
		return overCall
	case n.flags&nodeDemoted != 0 || t.countedFrom(above, known):
		n.flags |= nodeDemoted
		return underCall
	}
	n.flags |= nodeCounted
	n.source = t.number(source)
	return counted
}

// decideContainer says whether the usage that a container states of itself is
// needed: nothing beneath it was counted, and nothing above it.
func (t *spanTree) decideContainer(k, parent spanKey) verdict {
	i, ok := t.index.get(k)
	if !ok {
		i, ok = t.index.get(parent)
	} else if t.nodes[i].flags&nodeBelow != 0 {
		return overCall
	}
	if t.countedFrom(i, ok) {
		return underCall
	}
	return held
}

// countContainer notes that a container's own usage is counted, by a Call with
// the key child.
func (t *spanTree) countContainer(k, parent, child spanKey, source string) {
	if k == 0 {
		return
	}
	t.link(k, parent, false)
	t.link(child, k, true)
	n := t.number(source)
	for _, key := range [...]spanKey{k, child} {
		if i, ok := t.index.get(key); ok {
			t.nodes[i].flags |= nodeCounted
			t.nodes[i].source = n
		}
	}
}

// setHeld notes that a container's usage waits, or no more.
func (t *spanTree) setHeld(k spanKey, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.index.get(k); ok {
		t.nodes[i].flags &^= nodeHeld
		if on {
			t.nodes[i].flags |= nodeHeld
		}
	}
}

// seed remembers a record that is durable.
func (t *spanTree) seed(k, parent spanKey, h header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.link(k, parent, h.flags&flagCall != 0)
	mark := func(k spanKey, flags uint8) {
		if i, ok := t.index.get(k); ok {
			t.nodes[i].flags |= flags
			t.nodes[i].source = t.number(h.source)
		}
	}
	switch {
	case h.flags&flagCounted != 0:
		mark(k, nodeCounted)
	case h.flags&flagCall != 0:
		mark(k, nodeDemoted)
	}
	if h.flags&flagContainer != 0 {
		mark(parent, nodeCounted)
	}
}
