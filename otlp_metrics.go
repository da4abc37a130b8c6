package pitot

import (
	"encoding/binary"
	"math"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// The kinds of a metric: members of Metric's oneof.
const (
	metricGauge       = 5
	metricSum         = 7
	metricHistogram   = 9
	metricExponential = 10
	metricSummary     = 11
)

// pbMetrics appends metrics as an ExportMetricsServiceRequest, and says how
// many there are.
func pbMetrics(b []byte, rm *metricdata.ResourceMetrics) (out []byte, n int) {
	b, at := openMessage(b, 1, 3)
	b = pbResource(b, rm.Resource)
	for i := range rm.ScopeMetrics {
		sm := &rm.ScopeMetrics[i]
		var scopeAt int
		b, scopeAt = openMessage(b, fieldScopes, 3)
		b = pbScope(b, &sm.Scope)
		for j := range sm.Metrics {
			before := len(b)
			if b = pbMetric(b, &sm.Metrics[j]); len(b) > before {
				n++
			}
		}
		b = pbText(b, fieldSchema, sm.Scope.SchemaURL)
		b = closeMessage(b, scopeAt, 3)
	}
	b = pbText(b, fieldSchema, rm.Resource.SchemaURL())
	return closeMessage(b, at, 3), n
}

// pbMetric appends nothing where the metric has no points.
func pbMetric(b []byte, m *metricdata.Metrics) []byte {
	start := len(b)
	b, at := openMessage(b, fieldRecords, 2)
	b = pbText(b, 1, m.Name)
	b = pbText(b, 2, m.Description)
	b = pbText(b, 3, m.Unit)
	empty := len(b)
	switch d := m.Data.(type) {
	case metricdata.Gauge[int64]:
		b = pbGauge(b, d)
	case metricdata.Gauge[float64]:
		b = pbGauge(b, d)
	case metricdata.Sum[int64]:
		b = pbSum(b, d)
	case metricdata.Sum[float64]:
		b = pbSum(b, d)
	case metricdata.Histogram[int64]:
		b = pbHistogram(b, d)
	case metricdata.Histogram[float64]:
		b = pbHistogram(b, d)
	case metricdata.ExponentialHistogram[int64]:
		b = pbExponential(b, d)
	case metricdata.ExponentialHistogram[float64]:
		b = pbExponential(b, d)
	case metricdata.Summary:
		b = pbSummary(b, d)
	}
	if len(b) == empty {
		return b[:start]
	}
	return closeMessage(b, at, 2)
}

func pbGauge[N int64 | float64](b []byte, d metricdata.Gauge[N]) []byte {
	if len(d.DataPoints) == 0 {
		return b
	}
	b, at := openMessage(b, metricGauge, 2)
	b = pbPoints(b, d.DataPoints)
	return closeMessage(b, at, 2)
}

func pbSum[N int64 | float64](b []byte, d metricdata.Sum[N]) []byte {
	if len(d.DataPoints) == 0 {
		return b
	}
	b, at := openMessage(b, metricSum, 2)
	b = pbPoints(b, d.DataPoints)
	b = pbTemporality(b, d.Temporality)
	b = pbBool(b, 3, d.IsMonotonic)
	return closeMessage(b, at, 2)
}

func pbPoints[N int64 | float64](b []byte, points []metricdata.DataPoint[N]) []byte {
	for i := range points {
		p := &points[i]
		var at int
		b, at = openMessage(b, 1, 2)
		b = pbTimes(b, p.StartTime, p.Time)
		b = pbNumber(b, 4, 6, p.Value)
		b = pbExemplars(b, 5, p.Exemplars)
		b = pbSet(b, 7, p.Attributes)
		b = closeMessage(b, at, 2)
	}
	return b
}

func pbHistogram[N int64 | float64](b []byte, d metricdata.Histogram[N]) []byte {
	if len(d.DataPoints) == 0 {
		return b
	}
	b, at := openMessage(b, metricHistogram, 2)
	for i := range d.DataPoints {
		p := &d.DataPoints[i]
		var pointAt int
		b, pointAt = openMessage(b, 1, 2)
		b = pbTimes(b, p.StartTime, p.Time)
		b = pbFixed64(b, 4, p.Count)
		b = pbDouble(b, 5, float64(p.Sum))
		b = pbPacked(b, 6, p.BucketCounts, func(v uint64) uint64 { return v })
		b = pbPacked(b, 7, p.Bounds, math.Float64bits)
		b = pbExemplars(b, 8, p.Exemplars)
		b = pbSet(b, 9, p.Attributes)
		b = pbExtrema(b, 11, p.Min)
		b = pbExtrema(b, 12, p.Max)
		b = closeMessage(b, pointAt, 2)
	}
	b = pbTemporality(b, d.Temporality)
	return closeMessage(b, at, 2)
}

func pbExponential[N int64 | float64](b []byte, d metricdata.ExponentialHistogram[N]) []byte {
	if len(d.DataPoints) == 0 {
		return b
	}
	b, at := openMessage(b, metricExponential, 2)
	for i := range d.DataPoints {
		p := &d.DataPoints[i]
		var pointAt int
		b, pointAt = openMessage(b, 1, 2)
		b = pbSet(b, 1, p.Attributes)
		b = pbTimes(b, p.StartTime, p.Time)
		b = pbFixed64(b, 4, p.Count)
		b = pbDouble(b, 5, float64(p.Sum))
		b = pbSint32(b, 6, p.Scale)
		b = pbFixed64(b, 7, p.ZeroCount)
		b = pbBuckets(b, 8, &p.PositiveBucket)
		b = pbBuckets(b, 9, &p.NegativeBucket)
		b = pbExemplars(b, 11, p.Exemplars)
		b = pbExtrema(b, 12, p.Min)
		b = pbExtrema(b, 13, p.Max)
		b = pbDouble(b, 14, p.ZeroThreshold)
		b = closeMessage(b, pointAt, 2)
	}
	b = pbTemporality(b, d.Temporality)
	return closeMessage(b, at, 2)
}

func pbBuckets(b []byte, field int, e *metricdata.ExponentialBucket) []byte {
	b, at := openMessage(b, field, 2)
	b = pbSint32(b, 1, e.Offset)
	if len(e.Counts) > 0 {
		var countsAt int
		b, countsAt = openMessage(b, 2, 2)
		for _, c := range e.Counts {
			b = binary.AppendUvarint(b, c)
		}
		b = closeMessage(b, countsAt, 2)
	}
	return closeMessage(b, at, 2)
}

func pbSummary(b []byte, d metricdata.Summary) []byte {
	if len(d.DataPoints) == 0 {
		return b
	}
	b, at := openMessage(b, metricSummary, 2)
	for i := range d.DataPoints {
		p := &d.DataPoints[i]
		var pointAt int
		b, pointAt = openMessage(b, 1, 2)
		b = pbTimes(b, p.StartTime, p.Time)
		b = pbFixed64(b, 4, p.Count)
		b = pbDouble(b, 5, p.Sum)
		for _, q := range p.QuantileValues {
			var qAt int
			b, qAt = openMessage(b, 6, 1)
			b = pbDouble(b, 1, q.Quantile)
			b = pbDouble(b, 2, q.Value)
			b = closeMessage(b, qAt, 1)
		}
		b = pbSet(b, 7, p.Attributes)
		b = closeMessage(b, pointAt, 2)
	}
	return closeMessage(b, at, 2)
}

func pbExemplars[N int64 | float64](b []byte, field int, exemplars []metricdata.Exemplar[N]) []byte {
	for i := range exemplars {
		e := &exemplars[i]
		var at int
		b, at = openMessage(b, field, 1)
		b = pbFixed64(b, 2, unixNanos(e.Time))
		b = pbNumber(b, 3, 6, e.Value)
		if len(e.SpanID) > 0 {
			b = pbBytes(b, 4, e.SpanID)
		}
		if len(e.TraceID) > 0 {
			b = pbBytes(b, 5, e.TraceID)
		}
		b = pbAttributes(b, 7, e.FilteredAttributes)
		b = closeMessage(b, at, 1)
	}
	return b
}

// pbNumber writes v as the member of a oneof that its type has.
func pbNumber[N int64 | float64](b []byte, doubleField, intField int, v N) []byte {
	switch v := any(v).(type) {
	case int64:
		return pbFixed64(b, intField, uint64(v))
	case float64:
		return pbDouble(b, doubleField, v)
	}
	return b
}

func pbExtrema[N int64 | float64](b []byte, field int, e metricdata.Extrema[N]) []byte {
	if v, ok := e.Value(); ok {
		return pbDouble(b, field, float64(v))
	}
	return b
}

func pbTimes(b []byte, start, end time.Time) []byte {
	if t := unixNanos(start); t != 0 {
		b = pbFixed64(b, 2, t)
	}
	return pbFixed64(b, 3, unixNanos(end))
}

func pbTemporality(b []byte, t metricdata.Temporality) []byte {
	switch t {
	case metricdata.DeltaTemporality:
		return pbVarint(b, 2, 1)
	case metricdata.CumulativeTemporality:
		return pbVarint(b, 2, 2)
	}
	return b
}

// pbPacked appends numbers of eight bytes each.
func pbPacked[N uint64 | float64](b []byte, field int, values []N, bits func(N) uint64) []byte {
	if len(values) == 0 {
		return b
	}
	b = pbTag(b, field, wireBytes)
	b = binary.AppendUvarint(b, uint64(8*len(values)))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, bits(v))
	}
	return b
}
