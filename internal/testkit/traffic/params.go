package traffic

import "github.com/pitot-dev/pitot/internal/testkit/dist"

// fitted are the parameters that come from real traces. TestParametersFitTheTraces
// computes them again where the traces are at hand, compares, and prints them
// with -print-fit.
//
// Azure LLM inference traces of 2023 (Patel et al., Splitwise, ISCA 2024,
// CC-BY-4.0), one hour each of a conversation and a code service: quantiles of
// tokens in and out, and three numbers for the arrivals (see arrivals). Length
// of prompt and answer are drawn independently: their rank correlation is below
// 0.1 in both traces.
//
// Mooncake's conversation trace (FAST 2025, Apache-2.0), replayed through a
// prefix cache that forgets nothing: quantiles of the share of a prompt that
// was seen before.
//
// Four runs of vLLM on real GPUs (LLMServingSim, MIT): time of prefill over
// the run's linear fit by prompt length, and time per output token over the
// run's median, pooled; the slope of the fit; and the seconds in the queue of
// the run of Llama 3.1 8B on an RTX PRO 6000, which was saturated half of the
// time: what an overloaded server looks like.
type fitted struct {
	convInput, convOutput dist.Table // tokens
	codeInput, codeOutput dist.Table // tokens
	conv, code            arrivals
	cached                dist.Table // share of the prompt
	prefill, tpot         dist.Table // factors
	prefillPerToken       float64    // seconds
	queue                 dist.Table // seconds
}

// arrivals describe how uneven a service's load is.
type arrivals struct {
	// spread is the coefficient of variation of the rate from minute to
	// minute, beyond Poisson noise; memory its correlation with the minute
	// before.
	spread, memory float64
	// clump is the mean number of requests that come at once: editors and
	// agents fire several.
	clump float64
}

func parameters() *fitted {
	return &fitted{
		convInput:       dist.Table{2, 29, 181, 207, 387, 403, 703, 1020, 1071, 1130, 1315, 2734.5, 4083, 4142, 6179.1, 14050},
		convOutput:      dist.Table{7, 16, 41, 54, 77, 91, 103, 129, 177, 384, 400, 424, 451, 601, 954, 1000},
		codeInput:       dist.Table{3, 17, 75, 147, 385.6, 770, 1075, 1469, 1909, 2433, 3192.4, 5187.6, 7303.3, 7436, 7437, 7437},
		codeOutput:      dist.Table{6, 6, 6, 7, 8, 9, 11, 13, 16, 20, 29, 55, 90, 251.46, 825.27, 1899},
		conv:            arrivals{spread: 0.2131, memory: 0.8538, clump: 1.067},
		code:            arrivals{spread: 1.0379, memory: 0.1645, clump: 5.711},
		cached:          dist.Table{0, 0.0070909, 0.017659, 0.027613, 0.052033, 0.089919, 0.14591, 0.36261, 0.53716, 0.57313, 0.83569, 0.94815, 0.9756, 0.99939, 1, 1},
		prefill:         dist.Table{0.23473, 0.40159, 0.45697, 0.52876, 0.63262, 0.7292, 0.82122, 0.88265, 1.0202, 1.155, 1.3529, 1.5793, 1.8254, 2.218, 3.3671, 4.1263},
		tpot:            dist.Table{0.48276, 0.57425, 0.68731, 0.78789, 0.92052, 0.96111, 0.98456, 1, 1.0162, 1.04, 1.0652, 1.1021, 1.1415, 1.6587, 1.871, 2.0635},
		prefillPerToken: 5.86e-05,
		queue:           dist.Table{0, 0, 0, 0, 0, 0, 0.061284, 9.3354, 10.644, 11.172, 12.076, 16.753, 18.307, 19.667, 20.138, 20.178},
	}
}

// daily is the rate of each hour of the day over the day's mean. The traces
// span an hour, so this shape is not fit to them: it is the usual one of a
// service for people at work, with a shoulder in the evening.
func daily() [24]float64 {
	d := [24]float64{0.45, 0.38, 0.33, 0.31, 0.33, 0.42, 0.6, 0.85, 1.15, 1.4, 1.5, 1.48, 1.35, 1.42, 1.55, 1.55, 1.48, 1.35, 1.2, 1.15, 1.1, 0.95, 0.75, 0.58}
	var sum float64
	for _, v := range d {
		sum += v
	}
	for i := range d {
		d[i] *= 24 / sum
	}
	return d
}
