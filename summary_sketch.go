package pitot

import "math"

// sketch is a histogram of durations in seconds whose buckets grow by a fixed
// factor, so that a quantile is wrong by at most sketchError of its value, from
// 0.1 ms to an hour. It holds the buckets between the smallest and the largest
// value seen, two bytes each: about 120 bytes where latencies differ by a
// factor of ten, and 0.9 KB at most.
type sketch struct {
	counts   []uint16
	base     int // of counts[0]
	n        uint64
	sum      float64
	min, max float64
}

const (
	sketchError = 0.02
	sketchFloor = 1e-4
	sketchCeil  = 3600
)

var (
	sketchGamma    = (1 + sketchError) / (1 - sketchError)
	sketchLogGamma = math.Log(sketchGamma)
	sketchLast     = sketchIndex(sketchCeil)
)

// sketchIndex is the bucket of a value: bucket i holds (floor·γ^(i-1), floor·γ^i].
func sketchIndex(v float64) int {
	switch {
	case !(v > sketchFloor):
		return 0
	case v > sketchCeil:
		v = sketchCeil
	}
	return int(math.Ceil(math.Log(v/sketchFloor) / sketchLogGamma))
}

// sketchValue is the value that stands for a bucket: it is within sketchError
// of everything in it.
func sketchValue(i int) float64 {
	if i == 0 {
		return sketchFloor
	}
	return sketchFloor * math.Pow(sketchGamma, float64(i)) * 2 / (1 + sketchGamma)
}

func (s *sketch) add(v float64) {
	if v < 0 || v != v {
		return
	}
	if s.n == 0 || v < s.min {
		s.min = v
	}
	s.max = max(s.max, v)
	s.n++
	s.sum += v
	i := sketchIndex(v)
	s.grow(i)
	if c := &s.counts[i-s.base]; *c < math.MaxUint16 { // more than that in one slot is one bucket's weight
		*c++
	}
}

// grow makes room for bucket i.
func (s *sketch) grow(i int) {
	switch {
	case len(s.counts) == 0:
		s.base = i
		s.counts = append(s.counts, 0)
	case i < s.base:
		next := make([]uint16, len(s.counts)+s.base-i)
		copy(next[s.base-i:], s.counts)
		s.counts, s.base = next, i
	case i >= s.base+len(s.counts):
		for len(s.counts) <= i-s.base {
			s.counts = append(s.counts, 0)
		}
	}
}

// distribution is the sum of sketches.
type distribution struct {
	counts   []uint64 // of all buckets, nil while empty
	n        uint64
	sum      float64
	min, max float64
}

func (d *distribution) add(s *sketch) {
	if s.n == 0 {
		return
	}
	if d.counts == nil {
		d.counts = make([]uint64, sketchLast+1)
	}
	if d.n == 0 || s.min < d.min {
		d.min = s.min
	}
	d.max = max(d.max, s.max)
	d.n += s.n
	d.sum += s.sum
	for i, c := range s.counts {
		d.counts[s.base+i] += uint64(c)
	}
}

// quantile is the value below which the share q of all values lies; 0 where
// there are none.
func (d *distribution) quantile(q float64) float64 {
	var total uint64
	for _, c := range d.counts {
		total += c
	}
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(total)))
	rank = min(max(rank, 1), total)
	var seen uint64
	for i, c := range d.counts {
		if seen += c; seen >= rank {
			return min(max(sketchValue(i), d.min), d.max)
		}
	}
	return d.max
}
