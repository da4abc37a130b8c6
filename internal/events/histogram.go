package events

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sketch counts durations in logarithmic buckets, 18 a decade, so that sketches
// of different hours add up to one. It is what the engine's histogram()
// function counts. The key k stands for (10^((k-1)/18), 10^(k/18)] seconds.
type sketch map[int]int64

// bucketsPerDecade is the engine's; a bucket is 13.6 % wide.
const bucketsPerDecade = 18

// Keys of the buckets without a bound on one side.
const (
	zeroBucket = -9*bucketsPerDecade - 1
	infBucket  = 18*bucketsPerDecade + 1
)

// parseEngineHistogram reads the result of the engine's histogram().
func parseEngineHistogram(text string) (sketch, error) {
	if text == "" {
		return nil, nil
	}
	var buckets []struct {
		VMRange string `json:"vmrange"`
		Hits    int64  `json:"hits"`
	}
	if err := json.Unmarshal([]byte(text), &buckets); err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	s := make(sketch, len(buckets))
	for _, b := range buckets {
		_, upper, ok := strings.Cut(b.VMRange, "...")
		v, err := strconv.ParseFloat(upper, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("histogram: bucket %q", b.VMRange)
		}
		k := infBucket
		switch {
		case strings.HasPrefix(b.VMRange, "0..."):
			k = zeroBucket
		case !math.IsInf(v, 0):
			k = int(math.Round(math.Log10(v) * bucketsPerDecade))
		}
		s[k] += b.Hits
	}
	return s, nil
}

// String is the stored form: key:count pairs in order.
func (s sketch) String() string {
	var b []byte
	for i, k := range slices.Sorted(maps.Keys(s)) {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(k), 10)
		b = append(b, ':')
		b = strconv.AppendInt(b, s[k], 10)
	}
	return string(b)
}

// addText adds a sketch in its stored form.
func (s sketch) addText(text string) error {
	for pair := range strings.FieldsSeq(text) {
		key, count, _ := strings.Cut(pair, ":")
		k, err := strconv.Atoi(key)
		if err != nil {
			return fmt.Errorf("sketch: %q", pair)
		}
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil {
			return fmt.Errorf("sketch: %q", pair)
		}
		s[k] += n
	}
	return nil
}

func (s sketch) add(o sketch) {
	for k, n := range o {
		s[k] += n
	}
}

// scale multiplies the counts.
func (s sketch) scale(w float64) {
	if w == 1 {
		return
	}
	for k, n := range s {
		s[k] = int64(math.Round(float64(n) * w))
	}
}

func (s sketch) count() int64 {
	var n int64
	for _, c := range s {
		n += c
	}
	return n
}

// quantile estimates the q-th quantile, interpolating within a bucket.
func (s sketch) quantile(q float64) float64 {
	total := s.count()
	if total == 0 {
		return math.NaN()
	}
	rank := q * float64(total)
	seen := 0.0
	keys := slices.Sorted(maps.Keys(s))
	for i, k := range keys {
		n := float64(s[k])
		if seen+n < rank && i < len(keys)-1 {
			seen += n
			continue
		}
		switch k {
		case zeroBucket:
			return 0
		case infBucket:
			return math.Pow(10, 18)
		}
		share := min(max((rank-seen)/n, 0), 1)
		return math.Pow(10, (float64(k-1)+share)/bucketsPerDecade)
	}
	return math.NaN()
}

// distribution describes what s counts; sum is the exact sum of it.
func (s sketch) distribution(sum float64) *Distribution {
	n := s.count()
	if n == 0 {
		return nil
	}
	return &Distribution{Count: n, Avg: sum / float64(n), P50: s.quantile(0.5), P95: s.quantile(0.95), P99: s.quantile(0.99)}
}
