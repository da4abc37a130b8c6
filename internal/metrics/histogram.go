package metrics

import (
	"math"
	"slices"
	"sort"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// nativeSchema gives eight buckets per power of two: 9 % wide each.
	nativeSchema = 3
	// nativeMaxBuckets bounds one native histogram. With schema 3 it spans a
	// factor of a million; a wider range halves the resolution.
	nativeMaxBuckets = 160
	// nativeZeroThreshold is the convention's: smaller values are zero.
	nativeZeroThreshold = 0x1p-128
	// exemplarMinAge is how old a bucket's exemplar, in milliseconds, must be to
	// be replaced: new ones between two scrapes are not seen by anybody.
	exemplarMinAge = 1000
	// carryError is what rounding may have taken from weights that add up to a
	// whole number: 1/0.3 ten times is 33.333…, not a little less than that.
	carryError = 1e-9
	// nativeMaxExemplars bounds what a native histogram exposes at a time.
	nativeMaxExemplars = 10
)

// dualHistogram counts observations in classic buckets and, if asked, in native
// ones. It has no lock of its own: the series that it belongs to has one, so
// that a Call with a thousand chunks takes one lock and not a thousand.
type dualHistogram struct {
	upper     []float64 // of the family, shared
	counts    []uint64  // one more than upper: +Inf
	count     uint64
	sum       float64
	native    *nativeBuckets
	exemplars []traceExemplar // one a bucket; nil where the family has none
	// carry is the part of an observation that the weights so far leave over:
	// buckets count whole ones.
	carry float64
}

// traceExemplar is one observation with the trace that it came from.
type traceExemplar struct {
	traceID string
	value   float64
	at      int64 // Unix milliseconds
}

func newHistogram(f *Family) *dualHistogram {
	h := &dualHistogram{upper: f.Buckets, counts: make([]uint64, len(f.Buckets)+1)}
	if f.Native {
		h.native = &nativeBuckets{schema: nativeSchema}
		h.exemplars = make([]traceExemplar, len(f.Buckets)+1)
	}
	return h
}

// observe counts v. The exemplar is kept where traceID is not empty.
func (h *dualHistogram) observe(v float64, traceID string, at int64) {
	h.observeN(v, 1, traceID, at)
}

// observeN counts v as many times as weight says. The sum is exact. Buckets
// count whole observations: what is left over is carried to the next one, so
// that the count is never off by one or more.
func (h *dualHistogram) observeN(v, weight float64, traceID string, at int64) {
	if math.IsNaN(v) {
		return
	}
	n := uint64(1)
	if weight != 1 {
		whole := math.Floor(weight + h.carry + carryError)
		h.carry += weight - whole
		n = uint64(whole)
	}
	i := sort.SearchFloat64s(h.upper, v)
	h.counts[i] += n
	h.count += n
	h.sum += v * weight
	if h.native != nil && n > 0 {
		h.native.observe(v, n)
	}
	if traceID != "" && h.exemplars != nil {
		if e := &h.exemplars[i]; e.traceID == "" || at-e.at >= exemplarMinAge {
			// The id may be a part of a request that must not be held on to.
			*e = traceExemplar{traceID: strings.Clone(traceID), value: v, at: at}
		}
	}
}

// write returns the histogram in the exposition's form.
func (h *dualHistogram) write(created *timestamppb.Timestamp) *dto.Histogram {
	out := &dto.Histogram{
		SampleCount:      new(h.count),
		SampleSum:        new(h.sum),
		CreatedTimestamp: created,
		Bucket:           make([]*dto.Bucket, 0, len(h.upper)+1),
	}
	var cum uint64
	for i, n := range h.counts {
		cum += n
		le := math.Inf(1)
		if i < len(h.upper) {
			le = h.upper[i]
		}
		b := &dto.Bucket{CumulativeCount: new(cum), UpperBound: new(le)}
		if h.exemplars != nil {
			b.Exemplar = h.exemplars[i].write()
		}
		out.Bucket = append(out.Bucket, b)
	}
	if h.native != nil {
		h.native.write(out)
		h.writeNativeExemplars(out)
	}
	return out
}

// writeNativeExemplars adds the latest exemplars, oldest first.
func (h *dualHistogram) writeNativeExemplars(out *dto.Histogram) {
	for _, b := range out.Bucket {
		if b.Exemplar != nil {
			out.Exemplars = append(out.Exemplars, b.Exemplar)
		}
	}
	slices.SortFunc(out.Exemplars, func(a, b *dto.Exemplar) int {
		return a.Timestamp.AsTime().Compare(b.Timestamp.AsTime())
	})
	if n := len(out.Exemplars); n > nativeMaxExemplars {
		out.Exemplars = out.Exemplars[n-nativeMaxExemplars:]
	}
}

func (e *traceExemplar) write() *dto.Exemplar {
	if e.traceID == "" {
		return nil
	}
	return &dto.Exemplar{
		Label:     []*dto.LabelPair{{Name: new("trace_id"), Value: new(e.traceID)}},
		Value:     new(e.value),
		Timestamp: millisTimestamp(e.at),
	}
}

func millisTimestamp(ms int64) *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: ms / 1000, Nanos: int32(ms%1000) * 1e6}
}

// nativeBuckets are the exponential buckets of a native histogram of values
// that are not negative. Bucket i of schema s holds the values in
// (2^((i-1)/2^s), 2^(i/2^s)].
type nativeBuckets struct {
	schema int32
	zero   uint64
	first  int      // index of counts[0]
	counts []uint64 // dense from first on, at most nativeMaxBuckets
}

// nativeBounds are the upper bounds of the buckets of [0.5, 1) for nativeSchema.
var nativeBounds = func() []float64 {
	b := make([]float64, 1<<nativeSchema)
	for i := range b {
		b[i] = math.Exp2(float64(i)/float64(len(b))) / 2
	}
	return b
}()

// nativeIndex is the index of v's bucket in nativeSchema; v is positive.
func nativeIndex(v float64) int {
	frac, exp := math.Frexp(v)
	return sort.SearchFloat64s(nativeBounds, frac) + (exp-1)*len(nativeBounds)
}

func (n *nativeBuckets) observe(v float64, times uint64) {
	if v <= nativeZeroThreshold {
		n.zero += times // negative durations do not exist: what rounds below zero is zero
		return
	}
	i := nativeIndex(min(v, math.MaxFloat64))
	if math.IsInf(v, 1) {
		i++ // its bucket follows that of the largest number
	}
	i = coarsen(i, nativeSchema-n.schema)
	for !n.reach(i) {
		n.halve()
		i = coarsen(i, 1)
	}
	n.counts[i-n.first] += times
}

// coarsen maps a bucket's index to a schema that is lower by d.
func coarsen(i int, d int32) int {
	if d == 0 {
		return i
	}
	return ((i - 1) >> d) + 1 // -1, +1: upper bounds are inclusive
}

// reach makes counts include bucket i; false if that takes too many buckets.
func (n *nativeBuckets) reach(i int) bool {
	if len(n.counts) == 0 {
		n.first = i
		n.counts = append(n.counts, 0)
		return true
	}
	last := n.first + len(n.counts) - 1
	if max(i, last)-min(i, n.first) >= nativeMaxBuckets {
		return false
	}
	for ; last < i; last++ {
		n.counts = append(n.counts, 0)
	}
	if i < n.first {
		n.counts = slices.Insert(n.counts, 0, make([]uint64, n.first-i)...)
		n.first = i
	}
	return true
}

// halve lowers the resolution by merging pairs of buckets.
func (n *nativeBuckets) halve() {
	old, oldFirst := n.counts, n.first
	n.first = coarsen(oldFirst, 1)
	n.counts = make([]uint64, coarsen(oldFirst+len(old)-1, 1)-n.first+1)
	for k, c := range old {
		n.counts[coarsen(oldFirst+k, 1)-n.first] += c
	}
	n.schema--
}

// write adds the native part to a histogram in the exposition's form.
func (n *nativeBuckets) write(out *dto.Histogram) {
	out.Schema = new(n.schema)
	out.ZeroThreshold = new(nativeZeroThreshold)
	out.ZeroCount = new(n.zero)
	const maxGap = 2 // an empty bucket costs less than a span
	var prev int64
	end := 0 // first bucket past the last span, relative to n.first
	for k, c := range n.counts {
		if c == 0 {
			continue
		}
		switch {
		case len(out.PositiveSpan) == 0:
			out.PositiveSpan = append(out.PositiveSpan, span(n.first+k))
		case k-end > maxGap:
			out.PositiveSpan = append(out.PositiveSpan, span(k-end))
		default:
			for ; end < k; end++ {
				extend(out, -prev)
				prev = 0
			}
		}
		extend(out, int64(c)-prev)
		prev = int64(c)
		end = k + 1
	}
	if len(out.PositiveSpan) == 0 {
		out.PositiveSpan = append(out.PositiveSpan, span(0)) // marks it as native
	}
}

func span(offset int) *dto.BucketSpan {
	return &dto.BucketSpan{Offset: new(int32(offset)), Length: new(uint32(0))}
}

func extend(out *dto.Histogram, delta int64) {
	*out.PositiveSpan[len(out.PositiveSpan)-1].Length++
	out.PositiveDelta = append(out.PositiveDelta, delta)
}
