package dist

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestFitAndAt(t *testing.T) {
	sample := make([]float64, 1001)
	for i := range sample {
		sample[1000-i] = float64(i)
	}
	tab := Fit(sample)
	for _, p := range []float64{0, 0.005, 0.05, 0.33, 0.5, 0.97, 0.9995, 1} {
		if got, want := tab.At(p), p*1000; math.Abs(got-want) > 1e-6 {
			t.Errorf("At(%v) = %v, want %v", p, got, want)
		}
	}
	if got := tab.Mean(); math.Abs(got-500) > 1e-6 {
		t.Errorf("Mean = %v, want 500", got)
	}
	if got := tab.At(-1); got != 0 {
		t.Errorf("At(-1) = %v, want the smallest", got)
	}
	if got := tab.At(2); got != 1000 {
		t.Errorf("At(2) = %v, want the largest", got)
	}
}

func TestSampleFollowsQuantiles(t *testing.T) {
	tab := Fit([]float64{1, 2, 3, 10, 50, 100, 400, 900})
	for name, d := range map[string]Dist{
		"table":     FromTable(&tab).Scale(2),
		"lognormal": LogNormal(0.3, 0.6).Scale(0.5),
		"const":     Const(7),
	} {
		r := rand.New(rand.NewPCG(1, 2))
		below := 0
		median := d.At(0.5)
		const n = 20000
		for range n {
			if d.Sample(r) <= median {
				below++
			}
		}
		want := 0.5
		if name == "const" {
			want = 1
		}
		if got := float64(below) / n; math.Abs(got-want) > 0.02 {
			t.Errorf("%s: %.3f of the draws are below the median, want %v", name, got, want)
		}
	}
}

func TestLogNormalIsBounded(t *testing.T) {
	d := LogNormal(1, 2)
	r := rand.New(rand.NewPCG(3, 4))
	top := math.Exp(3.29 * 2)
	for range 100000 {
		if v := d.Sample(r); v > top || v < 0 {
			t.Fatalf("drew %v, want 0..%v", v, top)
		}
	}
}

func BenchmarkSampleTable(b *testing.B) {
	tab := Fit([]float64{1, 2, 3, 10, 50, 100, 400, 900})
	d := FromTable(&tab)
	r := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		d.Sample(r)
	}
}
