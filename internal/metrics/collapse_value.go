package metrics

import (
	"slices"
	"sort"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// pointValue is the value of a point of any kind.
type pointValue struct {
	num   float64 // the number, or the sum of a histogram or summary
	count uint64
	hist  *explicitBuckets
	expo  *expoValue
}

type explicitBuckets struct {
	bounds []float64
	counts []uint64
}

func numberValue(p pmetric.NumberDataPoint) pointValue {
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		return pointValue{num: float64(p.IntValue())}
	}
	return pointValue{num: p.DoubleValue()}
}

func histogramValue(p pmetric.HistogramDataPoint) pointValue {
	v := pointValue{num: p.Sum(), count: p.Count()}
	if n := p.BucketCounts().Len(); n > 0 && n <= maxExplicitBuckets && n == p.ExplicitBounds().Len()+1 {
		v.hist = &explicitBuckets{bounds: p.ExplicitBounds().AsRaw(), counts: p.BucketCounts().AsRaw()}
	}
	return v
}

func exponentialValue(p pmetric.ExponentialHistogramDataPoint) pointValue {
	if p.Scale() < minExpoScale || p.Scale() > maxExpoScale || !sane(p.Positive()) || !sane(p.Negative()) {
		return pointValue{num: p.Sum(), count: p.Count()} // no histogram of this world
	}
	e := &expoValue{
		scale: p.Scale(), zero: p.ZeroCount(), zeroThreshold: p.ZeroThreshold(),
		positive: expoBuckets{offset: p.Positive().Offset(), counts: p.Positive().BucketCounts().AsRaw()},
		negative: expoBuckets{offset: p.Negative().Offset(), counts: p.Negative().BucketCounts().AsRaw()},
	}
	for len(e.positive.counts) > maxExpoBuckets || len(e.negative.counts) > maxExpoBuckets {
		e.lower(1) // it is remembered: one sender must not fill the memory
	}
	return pointValue{num: p.Sum(), count: p.Count(), expo: e}
}

func sane(b pmetric.ExponentialHistogramDataPointBuckets) bool {
	return b.BucketCounts().Len() <= 1<<16 && b.Offset() > -1<<30 && b.Offset() < 1<<30
}

func summaryValue(p pmetric.SummaryDataPoint) pointValue {
	return pointValue{num: p.Sum(), count: p.Count()}
}

// fellBelow says whether a cumulative value is less than it was: its source
// started again.
func (v *pointValue) fellBelow(last *pointValue) bool {
	if v.hist != nil || v.expo != nil || v.count != 0 || last.count != 0 {
		return v.count < last.count
	}
	return v.num < last.num
}

// add adds d.
func (v *pointValue) add(d *pointValue) {
	v.num += d.num
	v.count += d.count
	if d.hist != nil {
		if v.hist == nil {
			v.hist = d.hist.empty()
		}
		v.hist.add(d.hist)
	}
	if d.expo != nil {
		if v.expo == nil {
			v.expo = d.expo.empty()
		}
		v.expo.add(d.expo)
	}
}

// minus is what came since last, which is not more than v.
func (v *pointValue) minus(last *pointValue) pointValue {
	d := pointValue{num: v.num - last.num, count: v.count - last.count}
	if v.hist != nil {
		d.hist = v.hist.minus(last.hist)
	}
	if v.expo != nil {
		d.expo = v.expo.minus(last.expo)
	}
	return d
}

// empty has the bounds and no counts.
func (b *explicitBuckets) empty() *explicitBuckets {
	if b == nil {
		return nil
	}
	return &explicitBuckets{bounds: slices.Clone(b.bounds), counts: make([]uint64, len(b.counts))}
}

// add adds the counts of d. Where its bounds are others, a bucket of d is
// counted where its upper bound falls, so that no value seems smaller than it
// may have been.
func (b *explicitBuckets) add(d *explicitBuckets) {
	if slices.Equal(b.bounds, d.bounds) {
		for i, n := range d.counts {
			b.counts[i] += n
		}
		return
	}
	for i, n := range d.counts {
		at := len(b.bounds)
		if i < len(d.bounds) {
			at = sort.SearchFloat64s(b.bounds, d.bounds[i])
		}
		b.counts[at] += n
	}
}

// minus is the difference; where the bounds changed there is no difference and
// it is all of b.
func (b *explicitBuckets) minus(last *explicitBuckets) *explicitBuckets {
	d := &explicitBuckets{bounds: b.bounds, counts: slices.Clone(b.counts)}
	if last == nil || !slices.Equal(b.bounds, last.bounds) {
		return d
	}
	for i, n := range last.counts {
		d.counts[i] -= min(n, d.counts[i])
	}
	return d
}

// expoValue is an exponential histogram.
type expoValue struct {
	scale         int32
	zero          uint64
	zeroThreshold float64
	positive      expoBuckets
	negative      expoBuckets
}

type expoBuckets struct {
	offset int32
	counts []uint64
}

// The scales that OpenTelemetry allows.
const (
	minExpoScale = -10
	maxExpoScale = 20
)

// maxExplicitBuckets bounds the buckets that are remembered; of a histogram with
// more, the count and the sum are.
const maxExplicitBuckets = 500

// maxExpoBuckets bounds the buckets of one sign; a wider range halves the
// resolution. It is the OpenTelemetry SDKs' default.
const maxExpoBuckets = 160

func (e *expoValue) empty() *expoValue {
	if e == nil {
		return nil
	}
	return &expoValue{scale: e.scale, zeroThreshold: e.zeroThreshold}
}

// add adds the counts of d at the coarser scale of the two.
func (e *expoValue) add(d *expoValue) {
	e.zero += d.zero
	e.zeroThreshold = max(e.zeroThreshold, d.zeroThreshold)
	other := *d
	if e.scale > d.scale {
		e.lower(e.scale - d.scale)
	} else if d.scale > e.scale {
		other = *d.at(e.scale)
	}
	for !e.positive.fits(&other.positive) || !e.negative.fits(&other.negative) {
		e.lower(1)
		other = *other.at(e.scale)
	}
	e.positive.add(&other.positive)
	e.negative.add(&other.negative)
}

// at is a copy with a lower scale.
func (e *expoValue) at(scale int32) *expoValue {
	by := e.scale - scale
	return &expoValue{
		scale: scale, zero: e.zero, zeroThreshold: e.zeroThreshold,
		positive: e.positive.lowered(by), negative: e.negative.lowered(by),
	}
}

func (e *expoValue) lower(by int32) { *e = *e.at(e.scale - by) }

// minus is the difference at the coarser scale.
func (e *expoValue) minus(last *expoValue) *expoValue {
	if last == nil {
		return e.at(e.scale)
	}
	scale := min(e.scale, last.scale)
	d, l := e.at(scale), last.at(scale)
	d.zero -= min(d.zero, l.zero)
	d.positive.subtract(&l.positive)
	d.negative.subtract(&l.negative)
	return d
}

// lowered merges 2^by neighbours each; a copy in any case.
func (b *expoBuckets) lowered(by int32) expoBuckets {
	if len(b.counts) == 0 {
		return expoBuckets{}
	}
	by = min(by, 31)
	out := expoBuckets{offset: b.offset >> by}
	last := (b.offset + int32(len(b.counts)) - 1) >> by
	out.counts = make([]uint64, last-out.offset+1)
	for i, n := range b.counts {
		out.counts[((b.offset+int32(i))>>by)-out.offset] += n
	}
	return out
}

// span is the range of buckets of both.
func (b *expoBuckets) span(o *expoBuckets) (first, end int32) {
	switch {
	case len(b.counts) == 0:
		return o.offset, o.offset + int32(len(o.counts))
	case len(o.counts) == 0:
		return b.offset, b.offset + int32(len(b.counts))
	default:
		return min(b.offset, o.offset), max(b.offset+int32(len(b.counts)), o.offset+int32(len(o.counts)))
	}
}

func (b *expoBuckets) fits(o *expoBuckets) bool {
	first, end := b.span(o)
	return int64(end)-int64(first) <= maxExpoBuckets
}

func (b *expoBuckets) add(o *expoBuckets) {
	if len(o.counts) == 0 {
		return
	}
	first, end := b.span(o)
	if first != b.offset || int(end-first) != len(b.counts) {
		counts := make([]uint64, end-first)
		if len(b.counts) > 0 {
			copy(counts[b.offset-first:], b.counts)
		}
		b.offset, b.counts = first, counts
	}
	for i, n := range o.counts {
		b.counts[o.offset-first+int32(i)] += n
	}
}

func (b *expoBuckets) subtract(o *expoBuckets) {
	for i, n := range o.counts {
		k := int64(o.offset) + int64(i) - int64(b.offset)
		if k >= 0 && k < int64(len(b.counts)) {
			b.counts[k] -= min(n, b.counts[k])
		}
	}
}
