package pipeline

import (
	"math"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// worthy reports whether a record, and with it its trace, is kept whatever the
// rate. rare says that its model is.
func (c SamplingConfig) worthy(r llm.Record, rare bool) bool {
	switch {
	case r.Call != nil:
		usd, priced := r.Call.Cost.USD.Get()
		return rare || r.Call.Status == llm.StatusError || c.Slow > 0 && r.Call.Duration >= c.Slow ||
			c.Cost > 0 && priced && usd >= c.Cost
	case r.Span != nil:
		return r.Span.Status == llm.StatusError || c.Slow > 0 && r.Span.Duration >= c.Slow
	case r.Feedback != nil:
		return true // somebody has said something about it
	}
	return false
}

// draws decides on a record of which nothing special is known. The decision
// hangs on the trace where there is one, so that a trace is kept whole or not at
// all, and falls the same way in every replica and on every attempt.
func (c SamplingConfig) draws(h header) bool {
	if c.Rate >= 1 || h.kind != kindCall && h.kind != kindSpan {
		return true
	}
	id := h.id
	if h.trace != "" {
		id = h.trace
	}
	return float64(xxhash.Sum64String(id)) < c.Rate*math.MaxUint64
}

// delay is how long the decision waits for what comes of a trace.
func (c SamplingConfig) delay() time.Duration {
	if c.Rate >= 1 {
		return 0
	}
	return c.Wait
}

// maxKept bounds the traces that are remembered as kept.
const maxKept = 1 << 16

// traceSet is a bounded set of traces, by their hashes; the oldest are forgotten
// first.
type traceSet struct {
	mu   sync.Mutex
	m    map[uint64]struct{}
	ring []uint64
	next int
	max  int
}

func newTraceSet(traces int) *traceSet { return &traceSet{m: map[uint64]struct{}{}, max: traces} }

func (s *traceSet) add(trace uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.m[trace]; ok {
		return
	}
	if len(s.ring) < s.max {
		s.ring = append(s.ring, trace)
	} else {
		delete(s.m, s.ring[s.next])
		s.ring[s.next] = trace
		s.next = (s.next + 1) % s.max
	}
	s.m[trace] = struct{}{}
}

func (s *traceSet) has(trace uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.m[trace]
	return ok
}

// KeepTrace keeps a trace from being sampled, as far as that is not decided
// yet: somebody has said something about it.
func (p *Pipeline) KeepTrace(traceID string) {
	fixID(&traceID)
	if traceID != "" {
		p.kept.add(p.tree.trace(traceID))
	}
}

const (
	// maxModels bounds the models whose calls are counted. Further ones are not rare.
	maxModels = 4096
	// rareBuckets of rareBucket each make the hour in which a model is rare.
	rareBuckets = 6
	rareBucket  = 10 * time.Minute
)

// modelCounts counts the calls of each model in the last hour, to ten minutes.
type modelCounts struct {
	mu sync.Mutex
	m  map[string]*modelCount
}

type modelCount struct {
	last    int64 // number of the newest bucket
	buckets [rareBuckets]uint32
}

// rare counts a call and reports whether its model had fewer than n before it.
func (m *modelCounts) rare(model string, now time.Time, n int) bool {
	at := now.Unix() / int64(rareBucket/time.Second)
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.m[model]
	if c == nil {
		if len(m.m) >= maxModels {
			m.forget(at)
		}
		if len(m.m) >= maxModels {
			return false
		}
		c = &modelCount{last: at}
		if m.m == nil {
			m.m = map[string]*modelCount{}
		}
		m.m[model] = c
	}
	for ; c.last < at; c.last++ {
		if at-c.last >= rareBuckets {
			*c = modelCount{last: at}
			break
		}
		c.buckets[(c.last+1)%rareBuckets] = 0
	}
	var seen uint32
	for _, b := range c.buckets {
		seen += b
	}
	c.buckets[c.last%rareBuckets]++
	return int64(seen) < int64(n)
}

// forget removes the models without a call in the last hour. m.mu is held.
func (m *modelCounts) forget(at int64) {
	for model, c := range m.m {
		if at-c.last >= rareBuckets {
			delete(m.m, model)
		}
	}
}
