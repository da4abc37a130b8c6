package metrics

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// nativeView is what a native histogram says.
type nativeView struct {
	Schema    int32
	Zero      uint64
	Buckets   map[int]int64 // by index
	Classic   []uint64
	Count     uint64
	Threshold float64
}

func viewOf(h *dto.Histogram) nativeView {
	v := nativeView{
		Schema: h.GetSchema(), Zero: h.GetZeroCount(), Buckets: map[int]int64{},
		Count: h.GetSampleCount(), Threshold: h.GetZeroThreshold(),
	}
	var at int32
	var n int64
	deltas := h.PositiveDelta
	for _, s := range h.PositiveSpan {
		at += s.GetOffset()
		for range s.GetLength() {
			n += deltas[0]
			deltas = deltas[1:]
			if n != 0 {
				v.Buckets[int(at)] = n
			}
			at++
		}
	}
	for _, b := range h.Bucket {
		if !math.IsInf(b.GetUpperBound(), 1) {
			v.Classic = append(v.Classic, b.GetCumulativeCount())
		}
	}
	return v
}

// TestHistogramAgreesWithClientGolang uses the reference implementation as the
// oracle, over ranges that fit the resolution and over ranges that halve it.
func TestHistogramAgreesWithClientGolang(t *testing.T) {
	for name, spread := range map[string]float64{"latencies": 0.8, "wide": 20, "extreme": 300} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			ref := prometheus.NewHistogram(prometheus.HistogramOpts{
				Name: "x", Buckets: durationBuckets,
				NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 1 << 20,
			})
			f := Family{Buckets: durationBuckets, Native: true}
			h := newHistogram(&f)
			for range 5000 {
				v := math.Exp(rnd.NormFloat64() * spread)
				if rnd.IntN(50) == 0 {
					v = 0
				}
				if rnd.IntN(20) == 0 {
					v = math.Exp2(float64(rnd.IntN(12) - 6)) // on a bound
				}
				ref.Observe(v)
				h.observe(v, "", 0)
			}
			var m dto.Metric
			if err := ref.Write(&m); err != nil {
				t.Fatal(err)
			}
			want, got := viewOf(m.Histogram), viewOf(h.write(nil))
			if want.Schema != nativeSchema {
				t.Fatalf("the oracle has schema %d", want.Schema)
			}
			if len(h.native.counts) > nativeMaxBuckets {
				t.Errorf("%d buckets are kept", len(h.native.counts))
			}
			// The oracle keeps its resolution: lower it to ours.
			coarse := map[int]int64{}
			for i, n := range want.Buckets {
				coarse[coarsen(i, nativeSchema-got.Schema)] += n
			}
			want.Buckets, want.Schema = coarse, got.Schema
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-oracle +got:\n%s", d)
			}
			if (name == "latencies") != (got.Schema == nativeSchema) {
				t.Errorf("schema is %d", got.Schema)
			}
			if !math.IsInf(h.sum, 1) && math.Abs(h.sum-m.Histogram.GetSampleSum()) > 1e-9*h.sum {
				t.Errorf("sum is %v, want %v", h.sum, m.Histogram.GetSampleSum())
			}
		})
	}
}

func TestHistogramOddValues(t *testing.T) {
	f := Family{Buckets: durationBuckets, Native: true}
	h := newHistogram(&f)
	if got := h.write(nil); len(got.PositiveSpan) != 1 {
		t.Errorf("an empty native histogram is not marked as native: %v", got)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), -1, 0, math.SmallestNonzeroFloat64, math.MaxFloat64} {
		h.observe(v, "", 0)
	}
	if h.count != 5 {
		t.Errorf("count is %d, want 5: all but NaN", h.count)
	}
	if h.native.zero != 3 {
		t.Errorf("zero count is %d, want 3", h.native.zero)
	}
	if n := len(h.native.counts); n > nativeMaxBuckets {
		t.Errorf("%d native buckets", n)
	}
}

func TestExemplarsAreKeptPerBucket(t *testing.T) {
	f := Family{Buckets: []float64{1, 2}, Native: true}
	h := newHistogram(&f)
	h.observe(0.5, "a", 1000)
	h.observe(0.6, "b", 1500) // too soon to replace a
	h.observe(1.5, "c", 1500)
	h.observe(0.7, "d", 2000)
	got := map[string]float64{}
	for _, e := range h.write(nil).Exemplars {
		got[e.Label[0].GetValue()] = e.GetValue()
	}
	if d := cmp.Diff(map[string]float64{"c": 1.5, "d": 0.7}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	f := Family{Buckets: durationBuckets, Native: true}
	h := newHistogram(&f)
	b.ReportAllocs()
	v := 0.01
	for b.Loop() {
		h.observe(v, "", 0)
		if v *= 1.3; v > 100 {
			v = 0.01
		}
	}
}
