package explain

import (
	"math"

	"github.com/pitot-dev/pitot/internal/llm"
)

// overall is how the metric changed over all Calls.
type overall struct {
	value       [2]float64
	known       [2]bool
	ratio       float64
	sign        int
	p           float64
	significant bool
	growth      float64 // of most of the traffic, for volumes
	hist        [2]*histogram
}

// The least changes of the whole that are worth a word.
const (
	leastRatioOfTime   = 0.05  // relative, of times and money
	leastRatioOfVolume = 0.10  // relative, of amounts
	leastShare         = 0.003 // absolute, of shares of Calls
	leastScore         = 0.02  // absolute, of scores
)

// measure computes the metric on both sides and whether it changed.
func (a *analysis) measure() {
	o := &a.overall
	enough := true
	for s := range a.f.parts {
		p := &a.f.parts[s]
		enough = enough && p.n >= minCalls[s]
		o.hist[s] = a.f.histogram(s, nil)
		o.value[s], o.known[s] = a.valueOf(o.hist[s], s)
	}
	a.out.Window.Value, a.out.Baseline.Value = optIf(o.value[window], o.known[window]), optIf(o.value[baseline], o.known[baseline])
	if a.info.family == famVolume && a.f.parts[baseline].n >= minCalls[baseline] {
		enough = true // that there is nothing any more is a finding
	}
	if !enough {
		a.out.Verdict = Unknown
		a.f.notes.add("There are too few calls to tell: %d in the window and %d in the baseline have this number; at least %d and %d are needed.",
			"调用太少，无法判断：窗口 %d 次、基线 %d 次有该数值，至少需要 %d 次和 %d 次。", a.f.parts[window].n, a.f.parts[baseline].n, minCalls[window], minCalls[baseline])
		return
	}
	w, b := o.value[window], o.value[baseline]
	o.ratio = w / b
	a.out.Change.Absolute, a.out.Change.Ratio = opt(w-b), opt(o.ratio)
	if o.sign = 1; w < b {
		o.sign = -1
	}
	o.p = a.overallP()
	a.out.Change.P = opt(o.p)
	o.significant = o.p < claimP && a.matters(w, b)
	a.out.Change.Significant = o.significant
}

func optIf(v float64, ok bool) (o llm.Opt[float64]) {
	if !ok {
		return o
	}
	return opt(v)
}

// matters reports whether a change of the whole is large enough to speak of.
func (a *analysis) matters(w, b float64) bool {
	switch {
	case a.info.family == famRatio:
		return math.Abs(w-b) >= leastShare && math.Abs(w-b) >= 0.15*b
	case a.info.family == famVolume:
		return math.Abs(w-b) >= leastRatioOfVolume*b
	case a.info.log:
		return math.Abs(w-b) >= leastRatioOfTime*b
	}
	return math.Abs(w-b) >= leastScore
}

// overallP is the chance of the change of the whole.
func (a *analysis) overallP() float64 {
	v := &view{f: a.f, sigma2: 1, growth: 1, unit: 1}
	all := [2][]int32{a.f.parts[window].rowsOf(nil), a.f.parts[baseline].rowsOf(nil)}
	fill := func(of func(x float32) obs) {
		for s := range a.f.parts {
			w, _ := a.f.parts[s].weights()
			v.rows[s] = make([]obs, a.f.parts[s].n)
			for i, x := range a.f.parts[s].x {
				o := of(x)
				v.rows[s][i] = obs{w[i], o.s * w[i], o.o * w[i], o.e * w[i]}
			}
		}
		v.sumRoot()
	}
	switch a.info.family {
	case famRatio:
		v.mode = modeRate
		rate := float32(max(a.overall.value[baseline], 1e-4))
		fill(func(x float32) obs { return obs{o: x, e: rate} })
		return v.weigh(all, statMean).p
	case famVolume:
		return newVolumeView(a.f, [2][]float32{a.f.parts[0].x, a.f.parts[1].x}, a.exposure).weigh(all, statMean).p
	case famQuantile:
		v.mode = modeRate
		limit, _ := a.overall.hist[baseline].quantile(a.info.quantile)
		over := float32(1)
		if a.info.badDown {
			over = -1
		}
		fill(func(x float32) obs {
			o := obs{e: float32(max(1-a.info.quantile, 0.005))}
			if (x-float32(limit))*over > 0 {
				o.o = 1
			}
			return o
		})
		return v.weigh(all, statMean).p
	default: // as below
	}
	v.mode = modeMean
	fill(func(x float32) obs { return obs{s: float32(a.info.scaled(x))} })
	scaled := v.weigh(all, statMean).p
	fill(func(x float32) obs { return obs{s: x} })
	// Both the typical and the mean number are looked at.
	return min(2*min(scaled, v.weigh(all, statMean).p), 1)
}

// histogram counts the metric's number over some Calls of a side, or over all.
func (f *frame) histogram(s int, rows []int32) *histogram {
	h := &histogram{}
	p := &f.parts[s]
	if rows == nil {
		for i, x := range p.x {
			h.add(float64(x), float64(p.weight[i])*p.scale)
		}
		return h
	}
	for _, i := range rows {
		h.add(float64(p.x[i]), float64(p.weight[i])*p.scale)
	}
	return h
}

// valueOf is the metric of a histogram of a side.
func (a *analysis) valueOf(h *histogram, s int) (float64, bool) {
	if a.info.family == famVolume {
		seconds := a.seconds(s)
		return h.sum / seconds * a.info.per, seconds > 0
	}
	return h.value(a.info)
}

// seconds is how long a side is, for amounts by time. The baseline's length is
// that of as many of its units as the window has.
func (a *analysis) seconds(s int) float64 {
	var length float64
	for _, r := range a.req.Window.Ranges {
		length += r.Length().Seconds()
	}
	if s == baseline && a.exposure > 0 {
		return length / a.exposure
	}
	return length
}
