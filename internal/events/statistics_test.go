package events

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestWilson compares with table I of Newcombe, Statistics in Medicine 17 (1998).
func TestWilson(t *testing.T) {
	for _, c := range []struct{ k, n, low, high float64 }{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
		{20, 20, 0.8389, 1},
		{0, 0, 0, 1},
	} {
		low, high := wilson(c.k, c.n)
		near(t, fmt.Sprintf("low of %v in %v", c.k, c.n), low, c.low, 5e-5)
		near(t, fmt.Sprintf("high of %v in %v", c.k, c.n), high, c.high, 5e-5)
	}
}

// TestFisher compares with fisher.test of R: the convictions of Fisher's twins,
// the lady who tastes tea, and a table that only one other is as unlikely as.
func TestFisher(t *testing.T) {
	near(t, "twins", fisher(2, 17, 10, 13), 0.0005367, 5e-8)
	near(t, "tea", fisher(3, 4, 1, 4), 0.4857, 5e-5)
	near(t, "all or nothing", fisher(0, 20, 20, 20), 1.451e-11, 5e-15)
	near(t, "alike", fisher(5, 10, 5, 10), 1, 1e-9)
}

// TestTwoProportions compares with prop.test(correct=FALSE) of R, and with
// fisher.test where counts are small.
func TestTwoProportions(t *testing.T) {
	for _, c := range []struct{ k1, n1, k2, n2, want, tolerance float64 }{
		{15, 50, 25, 50, 0.04123, 5e-6},
		{3, 4, 1, 4, 0.4857, 5e-5},
		{10, 1000, 10, 1000, 1, 1e-12},
		{0, 1000, 0, 1000, 1, 0},
		{1000, 1000, 10, 10, 1, 0},
		{0, 0, 5, 10, 1, 0},
		{0, 20, 20, 20, 2.540e-10, 5e-14},
	} {
		got := twoProportions(c.k1, c.n1, c.k2, c.n2)
		near(t, fmt.Sprint(c), got, c.want, c.tolerance)
		near(t, fmt.Sprint(c, " turned"), twoProportions(c.k2, c.n2, c.k1, c.n1), got, 1e-12)
	}
}

// TestQuantileRanks compares with the tables of the sign test.
func TestQuantileRanks(t *testing.T) {
	for _, c := range []struct {
		n         int
		q         float64
		low, high int
	}{
		{5, 0.5, 0, 6},
		{6, 0.5, 1, 6},
		{10, 0.5, 2, 9},
		{20, 0.5, 6, 15},
		{25, 0.5, 8, 18},
		{50, 0.5, 18, 33},
		{100, 0.5, 40, 61},
		{71, 0.95, 63, 72}, // 0.95^71 is above 0.025
		{72, 0.95, 64, 72},
		{367, 0.99, 359, 368},
		{368, 0.99, 360, 368},
	} {
		if low, high := quantileRanks(c.n, c.q); low != c.low || high != c.high {
			t.Errorf("ranks of the %v quantile of %d: %d to %d, want %d to %d", c.q, c.n, low, high, c.low, c.high)
		}
	}
	// The two ways to the ranks agree where they meet.
	for _, q := range []float64{0.5, 0.9, 0.95, 0.99} {
		lowA, highA := quantileRanks(exactRanks, q)
		lowB, highB := quantileRanks(exactRanks+1, q)
		if lowB-lowA > 2 || lowA-lowB > 2 || highB-highA > 2 || highA-highB > 2 {
			t.Errorf("ranks of the %v quantile jump from %d..%d to %d..%d", q, lowA, highA, lowB, highB)
		}
	}
}

func momentsOfValues(values ...float64) moments {
	var sum, squares float64
	for _, v := range values {
		sum += v
		squares += v * v
	}
	n := float64(len(values))
	return momentsOf(n, sum, squares, n)
}

// TestWelch compares with R on Student's own data: t.test(extra ~ group, sleep).
func TestWelch(t *testing.T) {
	a := momentsOfValues(0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2)
	b := momentsOfValues(1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)
	near(t, "p", welch(a, b), 0.07939, 5e-6)
	i := a.interval()
	near(t, "low", i.Low.Or(0), -0.5297804, 5e-7)
	near(t, "high", i.High.Or(0), 2.0297804, 5e-7)
	if p := welch(a, momentsOfValues(1)); p != 1 {
		t.Errorf("p against a single value = %v", p)
	}
	if p := welch(momentsOfValues(2, 2), momentsOfValues(2, 2)); p != 1 {
		t.Errorf("p of the same constant = %v", p)
	}
	if i := momentsOfValues(3).interval(); i.Low.Known() || i.High.Known() {
		t.Errorf("one value has the interval %v", i)
	}
}

func TestStudentQuantile(t *testing.T) {
	for df, want := range map[float64]float64{1: 12.7062, 2: 4.302653, 9: 2.262157, 30: 2.042272, 1000: 1.962339, 1e6: 1.959966} {
		near(t, fmt.Sprint(df, " degrees"), studentQuantile(df), want, 1e-4)
	}
}

// TestHolm compares with p.adjust(p, "holm") of R.
func TestHolm(t *testing.T) {
	for _, c := range []struct{ in, want []float64 }{
		{[]float64{0.01, 0.02, 0.03, 0.04, 0.05}, []float64{0.05, 0.08, 0.09, 0.09, 0.09}},
		{[]float64{0.04, 0.001, 0.9, 0.02}, []float64{0.08, 0.004, 0.9, 0.06}},
		{[]float64{0.6, 0.7}, []float64{1, 1}},
		{nil, nil},
	} {
		ps := make([]*float64, len(c.in))
		for i, v := range c.in {
			ps[i] = &v
		}
		holm(ps)
		for i, p := range ps {
			near(t, fmt.Sprintf("%v of %v", c.in[i], c.in), *p, c.want[i], 1e-12)
		}
	}
}

// sketchOf counts values as the engine does.
func sketchOf(values []float64) sketch {
	s := sketch{}
	for _, v := range values {
		s[int(math.Ceil(math.Log10(v)*bucketsPerDecade))]++
	}
	return s
}

func lognormal(r *rand.Rand, n int, median, sigma float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = median * math.Exp(sigma*r.NormFloat64())
	}
	return out
}

// TestQuantileIntervalCovers draws samples whose quantiles are known.
func TestQuantileIntervalCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const rounds = 500
	for _, c := range []struct{ q, z float64 }{{0.5, 0}, {0.9, 1.2815515655}, {0.95, 1.6448536270}} {
		truth, inside := 2*math.Exp(0.8*c.z), 0
		for range rounds {
			i := sketchOf(lognormal(r, 400, 2, 0.8)).quantileInterval(c.q, 400)
			if i.Low.Or(math.Inf(1)) <= truth && truth <= i.High.Or(0) {
				inside++
			}
		}
		if share := float64(inside) / rounds; share < 0.92 || share > 0.995 {
			t.Errorf("%v of the intervals hold the %v quantile", share, c.q)
		}
	}
	if i := sketchOf(lognormal(r, 50, 2, 0.8)).quantileInterval(0.99, 50); i.High.Known() || !i.Low.Known() {
		t.Errorf("fifty values bound their 99th percentile: %v", i)
	}
	if i := sketchOf([]float64{1, 2, 3, 4}).quantileInterval(0.5, 0); i.Low.Known() || i.High.Known() {
		t.Errorf("values that are worth nothing have an interval: %v", i)
	}
}

// TestQuantileTest counts false and true alarms.
func TestQuantileTest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const rounds = 400
	alarms := func(q, factor float64) float64 {
		n := 0
		for range rounds {
			a, b := sketchOf(lognormal(r, 300, 2*factor, 0.8)), sketchOf(lognormal(r, 900, 2, 0.8))
			p, above := quantileTest(a, b, q, 300, 900)
			if p < alpha && (factor == 1 || above == (factor > 1)) {
				n++
			}
		}
		return float64(n) / rounds
	}
	for _, q := range []float64{0.5, 0.95} {
		if share := alarms(q, 1); share > 0.08 {
			t.Errorf("false alarms about the %v quantile: %v", q, share)
		}
	}
	if share := alarms(0.5, 1.4); share < 0.9 {
		t.Errorf("medians that differ by 40 %% are told apart in %v of the cases", share)
	}
	if share := alarms(0.95, 0.5); share < 0.9 {
		t.Errorf("tails that differ by half are told apart in %v of the cases", share)
	}
	same := sketch{5: 100}
	if p, _ := quantileTest(same, same, 0.5, 100, 100); p != 1 {
		t.Errorf("p of one bucket = %v", p)
	}
	if p, _ := quantileTest(same, sketch{}, 0.5, 100, 0); p != 1 {
		t.Errorf("p against nothing = %v", p)
	}
}

func TestBucketBounds(t *testing.T) {
	g := &compared{durs: newLatencySums()}
	g.durs.sketch["ttft_seconds"] = sketch{zeroBucket: 2, 1: 5, 2: 7, infBucket: 1}
	r := bucketsOf([]*compared{g}, "ttft_seconds")
	bounds, counts := r.bounds(), r.counts(g.durs.sketch["ttft_seconds"])
	if len(bounds) != len(counts)+1 || !slices.IsSorted(bounds) {
		t.Fatalf("%d bounds of %d counts: %v", len(bounds), len(counts), bounds)
	}
	var sum int64
	for _, n := range counts {
		sum += n
	}
	if sum != 15 || counts[0] != 2 || counts[len(counts)-1] != 1 || bounds[0] != 1e-4 || bounds[len(bounds)-1] != 1e5 {
		t.Errorf("counts %v in %v", counts, bounds)
	}
	if empty := bucketsOf(nil, "ttft_seconds"); len(empty.bounds()) != 0 || len(empty.counts(sketch{})) != 0 {
		t.Errorf("no durations have the buckets %v", empty)
	}
}
