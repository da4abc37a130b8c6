package events

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// callRef is what a judgement takes from the Call that it is of.
type callRef struct {
	tenant                                        string
	id, trace, span, response, session            string
	service, provider, model                      string
	operation, feature, promptName, promptVersion string
	at                                            time.Time
	trail                                         [refKeys]uint64 // the hashes that it is found by
	before                                        [refKeys]int64  // numbers of the Calls before it with the same hashes
}

// What a Call is found by.
const (
	byCallID = iota
	byResponse
	bySpan
	byTrace
	bySession
	refKeys
)

const (
	// recentCalls is how many Calls are remembered, about 600 bytes each.
	recentCalls = 1 << 14
	// maxOfOne bounds the Calls of a trace or a session that are looked at.
	maxOfOne = 200
)

// callIndex remembers the last Calls: a judgement comes a moment after its
// Call, and the store takes a while to show that.
type callIndex struct {
	seed maphash.Seed

	mu   sync.Mutex
	ring []callRef
	next int64 // number of the next Call; its place is next modulo len(ring)
	last map[uint64]int64
}

func newCallIndex(calls int) *callIndex {
	return &callIndex{seed: maphash.MakeSeed(), ring: make([]callRef, 0, calls), last: map[uint64]int64{}}
}

func (x *callIndex) hash(kind byte, tenant, id string) uint64 {
	if id == "" {
		return 0
	}
	if tenant != llm.DefaultTenant {
		id = tenant + "\x00" + id
	}
	return maphash.String(x.seed, id) ^ uint64(kind)<<56 | 1
}

// add remembers a Call.
func (x *callIndex) add(c *llm.Call) {
	r := callRef{tenant: c.Tenant, at: c.Time}
	// One string for all: the Call's own may be parts of a long body.
	fields := [...]struct {
		to   *string
		from string
	}{
		{&r.id, c.ID},
		{&r.trace, c.TraceID},
		{&r.span, c.SpanID},
		{&r.response, c.ResponseID},
		{&r.session, c.Session},
		{&r.service, c.Service},
		{&r.provider, c.Provider},
		{&r.model, c.Model()},
		{&r.operation, string(c.Operation)},
		{&r.feature, c.Feature},
		{&r.promptName, c.PromptName},
		{&r.promptVersion, c.PromptVersion},
	}
	var b strings.Builder
	n := 0
	for _, f := range fields {
		n += len(f.from)
	}
	b.Grow(n)
	for _, f := range fields {
		b.WriteString(f.from)
	}
	all := b.String()
	for _, f := range fields {
		*f.to, all = all[:len(f.from)], all[len(f.from):]
	}
	hash := func(kind byte, id string) uint64 { return x.hash(kind, r.tenant, id) }
	r.trail = [refKeys]uint64{hash(byCallID, r.id), hash(byResponse, r.response), 0, hash(byTrace, r.trace), hash(bySession, r.session)}
	if r.trace != "" {
		r.trail[bySpan] = hash(bySpan, r.span)
	}

	x.mu.Lock()
	defer x.mu.Unlock()
	number := x.next
	x.next++
	if len(x.ring) < cap(x.ring) {
		x.ring = append(x.ring, callRef{})
	} else {
		gone := &x.ring[number%int64(len(x.ring))]
		for _, h := range gone.trail {
			if at, ok := x.last[h]; ok && at == number-int64(len(x.ring)) {
				delete(x.last, h)
			}
		}
	}
	for i, h := range r.trail {
		r.before[i] = -1
		if h == 0 {
			continue
		}
		if was, ok := x.last[h]; ok {
			r.before[i] = was
		}
		x.last[h] = number
	}
	x.ring[number%int64(cap(x.ring))] = r
}

// find returns the Calls that a judgement is of, newest first, and whether it is
// of exactly that one.
func (x *callIndex) find(f *Feedback) (refs []callRef, exact bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	one := func(kind int, is func(*callRef) bool, id string) bool {
		refs = x.walk(kind, f.Tenant, id, 1, is)
		return len(refs) > 0
	}
	switch {
	case f.CallID != "":
		return refs, one(byCallID, func(r *callRef) bool { return r.id == f.CallID }, f.CallID)
	case f.ResponseID != "":
		return refs, one(byResponse, func(r *callRef) bool { return r.response == f.ResponseID }, f.ResponseID)
	case f.TraceID != "" && f.SpanID != "" &&
		one(bySpan, func(r *callRef) bool { return r.trace == f.TraceID && r.span == f.SpanID }, f.SpanID):
		return refs, true
	case f.TraceID != "":
		return x.walk(byTrace, f.Tenant, f.TraceID, maxOfOne, func(r *callRef) bool { return r.trace == f.TraceID }), false
	case f.SessionID != "":
		return x.walk(bySession, f.Tenant, f.SessionID, maxOfOne, func(r *callRef) bool { return r.session == f.SessionID }), false
	}
	return nil, false
}

// walk follows the Calls with one id back in time. x.mu is held.
func (x *callIndex) walk(kind int, tenant, id string, limit int, is func(*callRef) bool) []callRef {
	var out []callRef
	number, ok := x.last[x.hash(byte(kind), tenant, id)]
	for steps := 0; ok && steps < maxOfOne && len(out) < limit; steps++ {
		if number < 0 || number < x.next-int64(len(x.ring)) {
			break // forgotten
		}
		r := &x.ring[number%int64(len(x.ring))]
		if r.tenant == tenant && is(r) {
			out = append(out, *r)
		}
		number = r.before[kind]
	}
	return out
}

// fill completes a judgement from its Calls, newest first. A dimension in which
// they differ stays unknown.
func fill(f *Feedback, refs []callRef, exact bool) {
	if len(refs) == 0 {
		return
	}
	same := func(to *string, of func(*callRef) string) {
		if *to != "" {
			return
		}
		v := of(&refs[0])
		for i := range refs {
			if of(&refs[i]) != v {
				return
			}
		}
		*to = v
	}
	same(&f.Service, func(r *callRef) string { return r.service })
	same(&f.Provider, func(r *callRef) string { return r.provider })
	same(&f.Model, func(r *callRef) string { return r.model })
	same((*string)(&f.Operation), func(r *callRef) string { return r.operation })
	same(&f.Feature, func(r *callRef) string { return r.feature })
	same(&f.PromptName, func(r *callRef) string { return r.promptName })
	same(&f.PromptVersion, func(r *callRef) string { return r.promptVersion })
	if !exact {
		return
	}
	r := &refs[0]
	for _, id := range []struct{ to, from *string }{
		{&f.CallID, &r.id}, {&f.TraceID, &r.trace}, {&f.SpanID, &r.span}, {&f.ResponseID, &r.response}, {&f.SessionID, &r.session},
	} {
		if *id.to == "" {
			*id.to = *id.from
		}
	}
}
