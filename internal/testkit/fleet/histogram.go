package fleet

import (
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// The bounds are those that vLLM has.
var (
	requestBounds = []float64{0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
	ttftBounds    = []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
	itlBounds     = []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
)

// histogram counts observations in buckets.
type histogram struct {
	bounds []float64
	counts []uint64 // one more than bounds
	sum    float64
}

func (h *histogram) observe(v float64) { h.observeMany(v, 1) }

func (h *histogram) observeMany(v float64, n uint64) {
	i, _ := slices.BinarySearch(h.bounds, v)
	h.counts[i] += n
	h.sum += v * float64(n)
}

func (h *histogram) proto() *dto.Histogram {
	out := &dto.Histogram{SampleSum: new(h.sum), Bucket: make([]*dto.Bucket, len(h.bounds))}
	var n uint64
	for i, b := range h.bounds {
		n += h.counts[i]
		out.Bucket[i] = &dto.Bucket{UpperBound: new(b), CumulativeCount: new(n)}
	}
	out.SampleCount = new(n + h.counts[len(h.bounds)])
	return out
}
