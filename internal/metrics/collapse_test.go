package metrics

import (
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

func total(b expoBuckets) (n uint64) {
	for _, c := range b.counts {
		n += c
	}
	return n
}

// TestExponentialBuckets: adding and subtracting at any scales and offsets
// loses no count, and what was added can be taken away again.
func TestExponentialBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func() *expoValue {
		e := &expoValue{scale: int32(rng.IntN(12) - 3), zero: uint64(rng.IntN(5))}
		for _, b := range []*expoBuckets{&e.positive, &e.negative} {
			b.offset = int32(rng.IntN(400) - 200)
			b.counts = make([]uint64, rng.IntN(20))
			for i := range b.counts {
				b.counts[i] = uint64(rng.IntN(100))
			}
		}
		return e
	}
	for range 2000 {
		sum := random()
		want, zero := total(sum.positive)+total(sum.negative), sum.zero
		for range 5 {
			d := random()
			want, zero = want+total(d.positive)+total(d.negative), zero+d.zero
			sum.add(d)
		}
		if got := total(sum.positive) + total(sum.negative); got != want || sum.zero != zero {
			t.Fatalf("%d counts and %d zeros, want %d and %d", got, sum.zero, want, zero)
		}
		if len(sum.positive.counts) > maxExpoBuckets || len(sum.negative.counts) > maxExpoBuckets {
			t.Fatalf("%d buckets", len(sum.positive.counts))
		}
		before := sum.at(sum.scale)
		d := random()
		sum.add(d)
		diff := sum.minus(before)
		if got, want := total(diff.positive)+total(diff.negative), total(d.positive)+total(d.negative); got != want {
			t.Fatalf("a difference of %d, want %d", got, want)
		}
	}
	// A value does not leave its bucket's bounds: 2^(i/2^scale).
	e := &expoValue{scale: 3, positive: expoBuckets{offset: -17, counts: []uint64{1}}}
	low := e.at(0)
	if low.positive.offset != -3 { // 2^(-17/8) lies in (2^-3, 2^-2]
		t.Errorf("index -17 of scale 3 is %d of scale 0", low.positive.offset)
	}
}

// TestHostileHistograms: what no SDK sends neither panics nor takes memory.
func TestHostileHistograms(t *testing.T) {
	s := newSenders(OTLPConfig{}, testOptions(t).Logger, func(string) bool { return false })
	at := time.Now()
	for i, scale := range []int32{math.MinInt32, math.MaxInt32, 20, -10, 0} {
		for j, offset := range []int32{math.MinInt32, math.MaxInt32, 1<<30 - 1, -1 << 29} {
			o := newSender("app", at, at.Add(time.Duration(10*i+j)*time.Second))
			o.exponential("e", "s", scale, offset, []uint64{1, math.MaxUint64}, math.Inf(1), map[string]any{"session.id": "a"})
			o.exponential("e", "s", scale, offset, nil, math.NaN(), map[string]any{"session.id": "b"})
			o.histogram("h", "s", []float64{math.NaN(), math.Inf(1)}, []uint64{1, 2, 3}, -1, map[string]any{"session.id": "a"})
			o.histogram("h", "s", []float64{1, 2}, []uint64{1}, 1, map[string]any{"session.id": "b"})
			s.prepare(o.md, nil)
		}
	}
	for _, o := range s.collapse.outputs {
		if o.total.expo != nil && len(o.total.expo.positive.counts) > maxExpoBuckets {
			t.Errorf("%d buckets", len(o.total.expo.positive.counts))
		}
	}
}

func FuzzPrepareOTLP(f *testing.F) {
	at := time.Unix(1_800_000_000, 0)
	o := genAISender("app", at, at)
	o.exponential("e", "s", 2, 3, []uint64{1, 2}, 4, map[string]any{"session.id": "a"})
	o.gauge("g", "", 1, map[string]any{"session.id": "a"})
	seed, err := pmetricotlp.NewExportRequestFromMetrics(o.md).MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	logger := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, b []byte) {
		req := pmetricotlp.NewExportRequest()
		if req.UnmarshalProto(b) != nil {
			return
		}
		s := newSenders(OTLPConfig{MaxValues: 3, MaxSets: 5}, logger, func(s string) bool { return s == "seen" })
		for range 2 {
			md := pmetric.NewMetrics()
			req.Metrics().CopyTo(md)
			s.prepare(md, deltaNames(md))
			if _, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto(); err != nil {
				t.Errorf("what was prepared cannot be written: %v", err)
			}
		}
	})
}

// BenchmarkPrepareOTLP is a request of 200 points: as it comes, and with a
// session in each point.
func BenchmarkPrepareOTLP(b *testing.B) {
	for name, attr := range map[string]string{"plain": "region", "sessions": "session.id"} {
		b.Run(name, func(b *testing.B) {
			s := newSenders(OTLPConfig{}, testOptions(b).Logger, func(string) bool { return false })
			start := time.Now()
			at := start
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(time.Second)
				o := newSender("app", start, at)
				for i := range 100 {
					attrs := map[string]any{attr: string(rune('a' + i%26)), "n": i}
					o.counter("work", "", 1, attrs)
					o.histogram("took", "s", genAITimeBuckets, make([]uint64, len(genAITimeBuckets)+1), 1, attrs)
				}
				s.prepare(o.md, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/point")
		})
	}
}
