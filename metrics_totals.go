package pitot

import (
	"context"
	"math"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
)

// intCell is one series of a counter. It is there from the first addition on,
// also of 0.
type intCell struct {
	labels observes
	n      atomic.Int64
	used   atomic.Bool
}

func (c *intCell) add(n int64) {
	if n != 0 {
		c.n.Add(n)
	}
	if !c.used.Load() {
		c.used.Store(true)
	}
}

func (c *intCell) observe(o metric.Observer, i metric.Int64Observable) {
	if c.used.Load() {
		o.ObserveInt64(i, c.n.Load(), c.labels...)
	}
}

// floatCell is likewise.
type floatCell struct {
	labels observes
	bits   atomic.Uint64
	used   atomic.Bool
}

func (c *floatCell) add(v float64) {
	for {
		old := c.bits.Load()
		if c.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			break
		}
	}
	c.used.Store(true)
}

func (c *floatCell) observe(o metric.Observer, i metric.Float64Observable) {
	if c.used.Load() {
		o.ObserveFloat64(i, math.Float64frombits(c.bits.Load()), c.labels...)
	}
}

// readTotals has the counters read at each collection.
func (m *instruments) readTotals(b *builder) {
	f := &m.llm
	_, err := b.m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, l := range m.labels.llm.all() {
			l.observe(o, f)
		}
		return nil
	}, f.requests, f.errors, f.streams, f.unpriced, f.tokens, f.cost, f.active)
	b.fail(err)
}

func (l *llmLabels) observe(o metric.Observer, f *callFamilies) {
	if l.ok.used.Load() || l.failed.used.Load() {
		// Both outcomes exist from the first call on: a ratio of errors is then 0 and
		// not absent while there are none.
		l.ok.used.Store(true)
		l.failed.used.Store(true)
	}
	l.ok.observe(o, f.requests)
	l.failed.observe(o, f.requests)
	for i := range l.streams {
		l.streams[i].observe(o, f.streams)
	}
	l.active.observe(o, f.active)
	for i := range l.tokens {
		l.tokens[i].observe(o, f.tokens)
	}
	for i := range l.cost {
		l.cost[i].observe(o, f.cost)
	}
	for _, c := range l.errors.all() {
		c.observe(o, f.errors)
	}
	for _, c := range l.unpriced.all() {
		c.observe(o, f.unpriced)
	}
}
