package metrics

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// emit appends a point of each series that the request changed.
func (c *collapser) emit(md pmetric.Metrics) {
	type place struct{ resource, scope string }
	scopes := make(map[place]pmetric.ScopeMetrics)
	metrics := make(map[place]map[string]pmetric.Metric)
	for _, o := range c.touched {
		o.dirty = false
		at := place{o.resKey, o.scope}
		sm, ok := scopes[at]
		if !ok {
			rm := md.ResourceMetrics().AppendEmpty()
			o.resource.CopyTo(rm.Resource().Attributes())
			sm = rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName(o.scope)
			sm.Scope().SetVersion(o.scopeVer)
			scopes[at], metrics[at] = sm, make(map[string]pmetric.Metric)
		}
		key := o.name + "\xff" + o.unit + "\xff" + o.kind.String()
		m, ok := metrics[at][key]
		if !ok {
			m = sm.Metrics().AppendEmpty()
			m.SetName(o.name)
			m.SetUnit(o.unit)
			m.SetDescription(o.help)
			metrics[at][key] = m
		}
		o.write(m)
	}
	c.touched = c.touched[:0]
}

// write appends the series' point to a metric, which has its kind or none yet.
func (o *collapseOutput) write(m pmetric.Metric) {
	// Never earlier than the point before, or at the same time: senders' clocks
	// differ, and a total must not seem to fall.
	o.ts = max(o.next, o.ts+pcommon.Timestamp(time.Millisecond))
	o.next = o.ts
	if o.start == 0 {
		o.start = o.ts
	}
	const cumulative = pmetric.AggregationTemporalityCumulative
	isNew := m.Type() == pmetric.MetricTypeEmpty
	switch o.kind {
	case pmetric.MetricTypeGauge:
		if isNew {
			m.SetEmptyGauge()
		}
		o.total.writeNumber(m.Gauge().DataPoints().AppendEmpty(), o)
	case pmetric.MetricTypeSum:
		if isNew {
			m.SetEmptySum().SetAggregationTemporality(cumulative)
			m.Sum().SetIsMonotonic(o.monotonic)
		}
		o.total.writeNumber(m.Sum().DataPoints().AppendEmpty(), o)
	case pmetric.MetricTypeHistogram:
		if isNew {
			m.SetEmptyHistogram().SetAggregationTemporality(cumulative)
		}
		o.total.writeHistogram(m.Histogram().DataPoints().AppendEmpty(), o)
	case pmetric.MetricTypeExponentialHistogram:
		if isNew {
			m.SetEmptyExponentialHistogram().SetAggregationTemporality(cumulative)
		}
		o.total.writeExponential(m.ExponentialHistogram().DataPoints().AppendEmpty(), o)
	case pmetric.MetricTypeSummary:
		if isNew {
			m.SetEmptySummary()
		}
		p := m.Summary().DataPoints().AppendEmpty()
		p.SetStartTimestamp(o.start)
		p.SetTimestamp(o.ts)
		o.attrs.CopyTo(p.Attributes())
		p.SetCount(o.total.count)
		p.SetSum(o.total.num)
	default:
	}
}

func (v *pointValue) writeNumber(p pmetric.NumberDataPoint, o *collapseOutput) {
	p.SetStartTimestamp(o.start)
	p.SetTimestamp(o.ts)
	o.attrs.CopyTo(p.Attributes())
	p.SetDoubleValue(v.num)
}

func (v *pointValue) writeHistogram(p pmetric.HistogramDataPoint, o *collapseOutput) {
	p.SetStartTimestamp(o.start)
	p.SetTimestamp(o.ts)
	o.attrs.CopyTo(p.Attributes())
	p.SetCount(v.count)
	p.SetSum(v.num)
	if v.hist != nil {
		p.ExplicitBounds().FromRaw(v.hist.bounds)
		p.BucketCounts().FromRaw(v.hist.counts)
	}
}

func (v *pointValue) writeExponential(p pmetric.ExponentialHistogramDataPoint, o *collapseOutput) {
	p.SetStartTimestamp(o.start)
	p.SetTimestamp(o.ts)
	o.attrs.CopyTo(p.Attributes())
	p.SetCount(v.count)
	p.SetSum(v.num)
	if v.expo == nil {
		return
	}
	p.SetScale(v.expo.scale)
	p.SetZeroCount(v.expo.zero)
	p.SetZeroThreshold(v.expo.zeroThreshold)
	v.expo.positive.write(p.Positive())
	v.expo.negative.write(p.Negative())
}

func (b *expoBuckets) write(out pmetric.ExponentialHistogramDataPointBuckets) {
	out.SetOffset(b.offset)
	out.BucketCounts().FromRaw(b.counts)
}
