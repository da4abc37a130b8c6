package breakdown

import (
	"math"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Evidence is what is known of the time of one Call. Only Call is required.
type Evidence struct {
	Call *llm.Call
	// Client is the span of the caller that made the request, in the Call's trace.
	Client *Client
	// Queue and Prefill are what the model server's histograms counted around the
	// Call, which is among what they count.
	Queue   *Observed
	Prefill *Observed
}

// Client is the caller's own view of the request.
type Client struct {
	Name     string
	Service  string
	Duration time.Duration
}

// Observed is what a histogram counted in the time of a Call. Whatever it counted
// lies between Min and Max.
type Observed struct {
	Metric   string
	Count    int64
	Min, Max time.Duration // Max 0: without bound
	P50, P95 time.Duration // estimates, within buckets
}

// Bucket is a bucket of a histogram: how many values were at most Le seconds.
type Bucket struct {
	Le    float64
	Count float64
}

// Observe reads what a histogram counted between two moments from its
// cumulative buckets at these; before may be empty. It returns nil where nothing
// was counted, or where the counter began anew in between, so that what was
// counted before that is lost.
func Observe(metric string, before, after []Bucket) *Observed {
	old := make(map[float64]float64, len(before))
	for _, b := range before {
		old[b.Le] = b.Count
	}
	bs := slices.Clone(after)
	slices.SortFunc(bs, func(a, b Bucket) int {
		switch {
		case a.Le < b.Le:
			return -1
		case a.Le > b.Le:
			return 1
		}
		return 0
	})
	for i := range bs {
		bs[i].Count -= old[bs[i].Le]
		if bs[i].Count < 0 {
			return nil
		}
	}
	if len(bs) == 0 || bs[len(bs)-1].Count < 1 {
		return nil
	}
	total := bs[len(bs)-1].Count
	o := &Observed{Metric: metric, Count: int64(math.Round(total))}
	lower := 0.0
	for i, b := range bs {
		if i > 0 {
			lower = bs[i-1].Le
		}
		if b.Count > 0 {
			o.Min = seconds(max(lower, 0))
			break
		}
	}
	for _, b := range bs {
		if b.Count >= total {
			if !math.IsInf(b.Le, 1) {
				o.Max = seconds(b.Le)
			}
			break
		}
	}
	o.P50, o.P95 = quantile(bs, 0.5), quantile(bs, 0.95)
	return o
}

// quantile interpolates within a bucket, as Prometheus does.
func quantile(bs []Bucket, q float64) time.Duration {
	rank := q * bs[len(bs)-1].Count
	lower, below := 0.0, 0.0
	for i, b := range bs {
		if b.Count >= rank {
			if math.IsInf(b.Le, 1) {
				return seconds(lower)
			}
			if n := b.Count - below; n > 0 {
				return seconds(lower + (b.Le-lower)*(rank-below)/n)
			}
			return seconds(b.Le)
		}
		if i < len(bs)-1 {
			lower, below = b.Le, b.Count
		}
	}
	return seconds(lower)
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }
