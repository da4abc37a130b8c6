package semconv

import (
	"math"
	"strconv"
	"strings"
)

// maxWeight bounds what one recorded call may stand for: a sender's slip must
// not turn one call into a billion.
const maxWeight = 1e6

// weightOf is how many calls this one stands for where its sender recorded only
// a share of them: 1/p, 0 where it does not say or p is 1.
func (sc *scratch) weightOf(traceState string) float64 {
	if p, ok := stateProbability(traceState); ok {
		return weight(1 / p)
	}
	if h := &sc.hits[fWeightRatio]; h.rank != 0 && h.f > 0 {
		return weight(1 / h.f)
	}
	if h := &sc.hits[fWeightCount]; h.rank != 0 {
		return weight(h.f)
	}
	if h := &sc.hits[fSamplerParam]; h.rank != 0 && h.f > 0 && sc.str(fSamplerType) == "probabilistic" {
		return weight(1 / h.f)
	}
	return 0
}

func weight(w float64) float64 {
	if !(w > 1) || w > maxWeight {
		return 0
	}
	return w
}

// stateProbability reads the probability with which a trace was sampled from
// OpenTelemetry's entry of a W3C tracestate: th, the threshold of consistent
// probability sampling (56 bits in hex without trailing zeros: p = 1 − th/2^56),
// or p of the older draft (p = 2^−p; 63 means never).
func stateProbability(traceState string) (float64, bool) {
	if traceState == "" {
		return 0, false
	}
	for entry := range strings.SplitSeq(traceState, ",") {
		list, ok := strings.CutPrefix(strings.TrimSpace(entry), "ot=")
		if !ok {
			continue
		}
		for kv := range strings.SplitSeq(list, ";") {
			key, value, _ := strings.Cut(kv, ":")
			switch key {
			case "th":
				if len(value) == 0 || len(value) > 14 {
					return 0, false
				}
				th, err := strconv.ParseUint(value+strings.Repeat("0", 14-len(value)), 16, 64)
				if err != nil {
					return 0, false
				}
				return 1 - float64(th)/(1<<56), true
			case "p":
				n, err := strconv.ParseUint(value, 10, 8)
				if err != nil || n > 62 {
					return 0, false
				}
				return math.Ldexp(1, -int(n)), true
			}
		}
	}
	return 0, false
}
