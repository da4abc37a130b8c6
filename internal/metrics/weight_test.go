package metrics

import (
	"math"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestWeights: a Call that its sender recorded as one of several counts as
// that many.
func TestWeights(t *testing.T) {
	for _, tc := range []struct {
		share float64
		calls int
	}{{1, 10}, {0.5, 11}, {0.1, 100}, {0.3, 1000}, {1.0 / 7, 333}, {0.07, 1}} {
		c := newTestCatalogue(t, CatalogueOptions{})
		for i := range tc.calls {
			call := streamCall("m", i)
			call.Weight = 1 / tc.share
			c.ObserveCall(call)
		}
		want := float64(tc.calls) / tc.share
		close := func(name string, labels map[string]string, per float64) {
			t.Helper()
			if got := counterValue(t, c, name, labels); math.Abs(got-want*per) > 1e-9*want*per {
				t.Errorf("share %v: %s%v is %v, want %v", tc.share, name, labels, got, want*per)
			}
		}
		close("llm_requests_total", map[string]string{"status": "success"}, 1)
		close("llm_tokens_total", map[string]string{"type": "input"}, 120)
		close("llm_cost_usd_total", nil, 0.0021)
		close("llm_total_tokens_total", map[string]string{"type": "output"}, 11)
		for name, per := range map[string]float64{
			"llm_request_duration_seconds": 1, "llm_inter_token_latency_seconds": 9, "gen_ai_client_operation_duration_seconds": 1, "llm_time_to_first_token_seconds": 1,
		} {
			h := find(t, c, name, nil).Histogram
			if n := float64(h.GetSampleCount()); math.Abs(n-math.Floor(want*per+1e-6)) > 0 {
				t.Errorf("share %v: %s counts %v, want %v", tc.share, name, n, math.Floor(want*per+1e-6))
			}
			var native uint64
			var last int64
			for _, d := range h.PositiveDelta {
				last += d
				native += uint64(last)
			}
			if len(h.PositiveSpan) > 0 && native != h.GetSampleCount() {
				t.Errorf("share %v: %s: %d in native buckets, %d in all", tc.share, name, native, h.GetSampleCount())
			}
			if b := h.Bucket[len(h.Bucket)-1].GetCumulativeCount(); b != h.GetSampleCount() {
				t.Errorf("share %v: %s: %d in the last bucket, %d in all", tc.share, name, b, h.GetSampleCount())
			}
		}
		if sum := find(t, c, "llm_request_duration_seconds", nil).Histogram.GetSampleSum(); math.Abs(sum-1.3*want) > 1e-6*want {
			t.Errorf("share %v: the sum is %v, want %v", tc.share, sum, 1.3*want)
		}
	}
}

func TestWeightsOfFailures(t *testing.T) {
	c := newTestCatalogue(t, CatalogueOptions{})
	for _, w := range []float64{4, 0, math.NaN(), -3, 0.5} { // all but the first are read as 1
		call := failedCall("m")
		call.Weight = w
		c.ObserveCall(call)
	}
	u := unaryCall()
	u.Weight = 2.5
	c.ObserveCall(u)
	if got := counterValue(t, c, "llm_errors_total", nil); got != 8 {
		t.Errorf("errors are %v, want 8", got)
	}
	if got := counterValue(t, c, "llm_unpriced_requests_total", nil); got != 2.5 {
		t.Errorf("unpriced requests are %v, want 2.5", got)
	}
	if got := weightOf(&llm.Call{Weight: math.Inf(1)}); got != maxWeight {
		t.Errorf("an infinite weight counts as %v", got)
	}
}
