package metrics

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// collapser adds up series that become one because an attribute was taken out
// of them or became __other__.
//
// A cumulative series cannot simply be written under the shared name: two
// senders' totals would take turns there, and each turn would look like a
// restart. So it keeps the last value of each source, adds what is new since
// then to the shared series, and writes that. A source that starts again is
// noticed by its falling value or its later start time.
//
// What a source counted before it was first seen is added only if it must be
// new: its points were deltas, it started after Pitot did, or another point of
// the same metric and resource was seen before. Otherwise its first value is
// where counting begins: after a restart of Pitot, whatever was counted before
// would be counted again.
//
// Gauges take the latest value, sums that may fall the sum of what is live,
// summaries lose their quantiles. It is not safe for concurrent use.
type collapser struct {
	cfg     OTLPConfig
	now     func() time.Time
	started pcommon.Timestamp
	count   func(reason string)

	metrics  map[string]*collapsedMetric
	tracked  int // values and sets that are remembered in all
	sources  map[uint64]*collapseSource
	families map[uint64]*collapseFamily
	outputs  map[uint64]*collapseOutput

	touched   []*collapseOutput
	lastSweep time.Time
}

// The limits of what is remembered. A source of a histogram is about 300 bytes.
const (
	maxTracked         = 200_000
	maxCollapseSources = 20_000
	maxCollapseOutputs = 20_000
	// collapseIdle is after how long a silent source or value is forgotten.
	collapseIdle  = time.Hour
	collapseSweep = time.Minute
	// collapseLive is how long the value of a source counts into a sum that may
	// fall; Prometheus calls a series stale after as long.
	collapseLive = 5 * time.Minute
)

// collapsedMetric is what is known of a metric's name.
type collapsedMetric struct {
	values map[string]map[string]time.Time // attribute → value → when it was seen last
	sets   map[uint64]time.Time
	// active says that a point of this metric was changed: from then on all its
	// points go this way, as an unchanged one may have the series of a changed.
	active bool
}

type collapseFamily struct {
	first pcommon.Timestamp // of its first point
	seen  time.Time
}

type collapseSource struct {
	out       *collapseOutput
	last      pointValue
	start, ts pcommon.Timestamp
	seen      time.Time
}

// collapseOutput is a series that the store gets.
type collapseOutput struct {
	resource  pcommon.Map
	resKey    string
	scope     string
	scopeVer  string
	name      string
	unit      string
	help      string
	kind      pmetric.MetricType
	monotonic bool
	attrs     pcommon.Map

	total pointValue
	start pcommon.Timestamp
	ts    pcommon.Timestamp // of the point that was written last
	next  pcommon.Timestamp // of the point to write
	dirty bool
	seen  time.Time
}

func newCollapser(cfg OTLPConfig, now func() time.Time, count func(string)) *collapser {
	return &collapser{
		cfg: cfg, now: now, count: count,
		started:  pcommon.NewTimestampFromTime(now()),
		metrics:  make(map[string]*collapsedMetric),
		sources:  make(map[uint64]*collapseSource),
		families: make(map[uint64]*collapseFamily),
		outputs:  make(map[uint64]*collapseOutput),
	}
}

// begin starts a request.
func (c *collapser) begin() {
	c.touched = c.touched[:0]
	if now := c.now(); now.Sub(c.lastSweep) >= collapseSweep {
		c.lastSweep = now
		c.sweep(now)
	}
}

// sweep forgets what was silent for long.
func (c *collapser) sweep(now time.Time) {
	for k, s := range c.sources {
		idle := now.Sub(s.seen)
		if !s.out.monotonic && s.out.kind == pmetric.MetricTypeSum && idle > collapseLive {
			s.out.total.num -= s.last.num
			delete(c.sources, k)
			continue
		}
		if idle > collapseIdle {
			delete(c.sources, k)
		}
	}
	maps.DeleteFunc(c.families, func(_ uint64, f *collapseFamily) bool { return now.Sub(f.seen) > collapseIdle })
	// An output may only go with its sources: they add to it.
	maps.DeleteFunc(c.outputs, func(_ uint64, o *collapseOutput) bool { return now.Sub(o.seen) > collapseIdle+collapseSweep })
	for _, m := range c.metrics {
		for _, values := range m.values {
			n := len(values)
			maps.DeleteFunc(values, func(_ string, seen time.Time) bool { return now.Sub(seen) > collapseIdle })
			c.tracked -= n - len(values)
		}
		n := len(m.sets)
		maps.DeleteFunc(m.sets, func(_ uint64, seen time.Time) bool { return now.Sub(seen) > collapseIdle })
		c.tracked -= n - len(m.sets)
	}
}

func (c *collapser) metricState(name string) *collapsedMetric {
	m := c.metrics[name]
	if m == nil {
		m = &collapsedMetric{values: make(map[string]map[string]time.Time), sets: make(map[uint64]time.Time)}
		c.metrics[strings.Clone(name)] = m
	}
	return m
}

// admit returns value, or Other if the attribute has limit other values.
func (c *collapser) admit(metric, attr, value string, limit int) string {
	m := c.metricState(metric)
	values := m.values[attr]
	if values == nil {
		values = make(map[string]time.Time)
		m.values[strings.Clone(attr)] = values
	}
	now := c.now()
	if _, ok := values[value]; ok {
		values[value] = now
		return value
	}
	if len(values) >= limit || c.tracked >= maxTracked {
		if attr == attrInstance {
			c.count("instance")
		} else {
			c.count("attribute")
		}
		return Other
	}
	c.tracked++
	values[strings.Clone(value)] = now
	return value
}

// limitAttrs puts Other in the place of values past their limits.
func (c *collapser) limitAttrs(metric string, attrs pcommon.Map) (changed bool) {
	for k, v := range attrs.All() {
		s := v.AsString()
		if len(s) > maxLabelValue {
			s = cleanLabel(s)
			v.SetStr(s)
			changed = true
		}
		if c.admit(metric, k, s, c.cfg.MaxValues) == Other && s != Other {
			v.SetStr(Other)
			changed = true
		}
	}
	m, key, now := c.metricState(metric), hashAttrs(0, attrs), c.now()
	if _, ok := m.sets[key]; ok {
		m.sets[key] = now
		return changed
	}
	if len(m.sets) < c.cfg.MaxSets && c.tracked < maxTracked {
		c.tracked++
		m.sets[key] = now
		return changed
	}
	c.count("sets")
	for k, v := range attrs.All() {
		if !keepsMeaning(k) {
			v.SetStr(Other)
		}
	}
	return true
}

// keepsMeaning names the attributes without which a sum means nothing. They
// have few values.
func keepsMeaning(attr string) bool {
	return slices.Contains([]string{"gen_ai.token.type", "type", "token_type", "status", "origin", "product"}, attr)
}

// metric takes those points out of m that do not become the series that their
// sender made them, and says whether none is left. drop takes attributes out.
func (c *collapser) metric(res *senderResource, scope pcommon.InstrumentationScope, m pmetric.Metric, delta bool, drop func(pcommon.Map) bool) (gone bool) {
	state := c.metricState(m.Name())
	id := sourceID{res: res, scope: scope, metric: m, delta: delta}
	take := func(attrs pcommon.Map, start, ts pcommon.Timestamp, value func() pointValue) bool {
		source := mix(res.source, hashString(m.Name()), hashString(scope.Name()), hashAttrs(uint64(m.Type()), attrs))
		changed := drop(attrs)
		changed = c.limitAttrs(m.Name(), attrs) || changed || res.changed
		if !changed && !state.active {
			return false
		}
		state.active = true
		c.add(id, source, attrs, start, ts, value())
		return true
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		m.Gauge().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool {
			return take(p.Attributes(), p.StartTimestamp(), p.Timestamp(), func() pointValue { return numberValue(p) })
		})
		return m.Gauge().DataPoints().Len() == 0
	case pmetric.MetricTypeSum:
		m.Sum().DataPoints().RemoveIf(func(p pmetric.NumberDataPoint) bool {
			return take(p.Attributes(), p.StartTimestamp(), p.Timestamp(), func() pointValue { return numberValue(p) })
		})
		return m.Sum().DataPoints().Len() == 0
	case pmetric.MetricTypeHistogram:
		m.Histogram().DataPoints().RemoveIf(func(p pmetric.HistogramDataPoint) bool {
			return take(p.Attributes(), p.StartTimestamp(), p.Timestamp(), func() pointValue { return histogramValue(p) })
		})
		return m.Histogram().DataPoints().Len() == 0
	case pmetric.MetricTypeExponentialHistogram:
		m.ExponentialHistogram().DataPoints().RemoveIf(func(p pmetric.ExponentialHistogramDataPoint) bool {
			return take(p.Attributes(), p.StartTimestamp(), p.Timestamp(), func() pointValue { return exponentialValue(p) })
		})
		return m.ExponentialHistogram().DataPoints().Len() == 0
	case pmetric.MetricTypeSummary:
		m.Summary().DataPoints().RemoveIf(func(p pmetric.SummaryDataPoint) bool {
			return take(p.Attributes(), p.StartTimestamp(), p.Timestamp(), func() pointValue { return summaryValue(p) })
		})
		return m.Summary().DataPoints().Len() == 0
	default:
		return false
	}
}

// sourceID is what the points of one metric have in common.
type sourceID struct {
	res    *senderResource
	scope  pcommon.InstrumentationScope
	metric pmetric.Metric
	delta  bool
}

func (id *sourceID) monotonic() bool {
	switch id.metric.Type() {
	case pmetric.MetricTypeSum:
		return id.metric.Sum().IsMonotonic()
	case pmetric.MetricTypeGauge:
		return false
	default:
		return true
	}
}

// add adds what is new in a source's point to its output.
func (c *collapser) add(id sourceID, source uint64, attrs pcommon.Map, start, ts pcommon.Timestamp, v pointValue) {
	now := c.now()
	s := c.sources[source]
	if s != nil && ts <= s.ts {
		return // sent again
	}
	var fresh bool
	if s == nil {
		if len(c.sources) >= maxCollapseSources {
			c.count("series")
			return
		}
		out := c.output(id, attrs)
		if out == nil {
			c.count("series")
			return
		}
		s = &collapseSource{out: out}
		c.sources[source] = s
		fresh = true
	}
	isNew := c.isNew(id, fresh, start, ts)
	restarted := !fresh && start > s.start && start >= s.ts
	out := s.out
	switch {
	case out.kind == pmetric.MetricTypeGauge:
		if ts >= out.next {
			out.total = v
		}
	case !out.monotonic:
		out.total.num += v.num - s.last.num
	case fresh && !isNew:
		out.total.add(&pointValue{hist: v.hist.empty(), expo: v.expo.empty()})
	case fresh || restarted || v.fellBelow(&s.last):
		out.total.add(&v)
	default:
		d := v.minus(&s.last)
		out.total.add(&d)
	}
	if fresh && isNew && start != 0 && (out.start == 0 || start < out.start) && out.ts == 0 {
		out.start = start
	}
	s.last, s.start, s.ts, s.seen = v, start, ts, now
	c.touch(out, ts, now)
}

// isNew says whether what a source counted before its first point was counted
// within the time that is seen.
func (c *collapser) isNew(id sourceID, fresh bool, start, ts pcommon.Timestamp) bool {
	key := mix(id.res.source, hashString(id.metric.Name()), hashString(id.scope.Name()))
	f := c.families[key]
	if f == nil {
		if len(c.families) >= maxCollapseSources {
			return id.delta
		}
		f = &collapseFamily{first: ts}
		c.families[key] = f
	}
	f.seen = c.now()
	return fresh && (id.delta || start >= c.started || ts > f.first)
}

// output finds or makes the series of a source; nil past the limit.
func (c *collapser) output(id sourceID, attrs pcommon.Map) *collapseOutput {
	m := id.metric
	key := mix(hashString(id.res.key()), hashString(m.Name()), hashString(m.Unit()), hashString(id.scope.Name()), hashAttrs(uint64(m.Type()), attrs))
	if o := c.outputs[key]; o != nil {
		return o
	}
	if len(c.outputs) >= maxCollapseOutputs {
		return nil
	}
	o := &collapseOutput{
		resource: pcommon.NewMap(), attrs: pcommon.NewMap(), resKey: id.res.key(),
		scope: strings.Clone(id.scope.Name()), scopeVer: strings.Clone(id.scope.Version()),
		name: strings.Clone(m.Name()), unit: strings.Clone(m.Unit()), help: strings.Clone(m.Description()),
		kind: m.Type(), monotonic: id.monotonic(), seen: c.now(),
	}
	id.res.attrs.CopyTo(o.resource)
	attrs.CopyTo(o.attrs)
	c.outputs[key] = o
	return o
}

func (c *collapser) touch(o *collapseOutput, ts pcommon.Timestamp, now time.Time) {
	// A sender whose clock is ahead must not push the series into the future.
	if limit := pcommon.NewTimestampFromTime(now); ts > limit {
		ts = limit
	}
	o.seen = now
	o.next = max(o.next, ts)
	if !o.dirty {
		o.dirty = true
		c.touched = append(c.touched, o)
	}
}
