package explain

import (
	"math"
)

// The least changes within a set that are worth a claim; and where the metric as
// a whole did not change.
const (
	leastExcess       = 0.005 // of events by Call
	leastExcessQuiet  = 0.05
	leastShift        = 0.095 // logarithm: 10 %
	leastShiftQuiet   = 0.26  // 30 %
	leastTail         = 0.02  // of Calls in the tail
	leastTailQuiet    = 0.06
	leastScoreShift   = 0.03
	leastScoreQuiet   = 0.1
	leastGrowth       = 0.22 // logarithm: 25 %
	leastContribution = 0.1
	leastOfTotal      = 0.05 // of the whole amount, where that did not change
	newContribution   = 0.2
	quietCalls        = 20
)

// describe fills in the cause of a finding and reports whether it may be claimed.
func (a *analysis) describe(f *finding, w, b cell) bool {
	v := f.view
	f.rows = v.live(f.rows)
	c := &f.cause
	c.Kind = Behaviour
	if v.mode == modeVolume {
		if c.Kind = Volume; v.mixTotal != 0 {
			c.Kind = Mix
		}
	}
	c.New = b.n < minBlockCalls && len(f.conds) > 0
	c.Score, c.P = f.evidence.llr, f.evidence.p
	if !a.claimable(f, w, b) {
		return false
	}
	c.Conditions = a.conditions(f.conds)
	c.WindowCalls, c.BaselineCalls = a.f.calls(window, f.rows[window]), a.f.calls(baseline, f.rows[baseline])
	var h [2]*histogram
	for s := range h {
		h[s] = a.f.histogram(s, f.rows[s])
		if a.f.rowsKnown(f.rows[s]) || a.info.family == famVolume {
			if x, ok := a.valueOf(h[s], s); ok {
				if s == window {
					c.Window = opt(x)
				} else if !c.New || a.info.family == famVolume {
					c.Baseline = opt(x)
				}
			}
		}
	}
	a.shares(c, h)
	contribution := a.contribution(f, w, b, h)
	c.Contribution = opt(contribution)
	if a.overall.significant {
		if c.New && c.Kind != Volume {
			return contribution >= newContribution
		}
		return contribution >= leastContribution
	}
	return true
}

// live are those of the rows that are not part of a cause that was found before.
func (v *view) live(rows [2][]int32) [2][]int32 {
	for s := range rows {
		out := make([]int32, 0, len(rows[s]))
		for _, i := range rows[s] {
			if v.rows[s][i].n > 0 {
				out = append(out, i)
			}
		}
		rows[s] = out
	}
	return rows
}

func (f *frame) rowsKnown(rows []int32) bool { return len(rows) > 0 }

func (f *frame) calls(s int, rows []int32) float64 {
	var n float64
	for _, i := range rows {
		n += float64(f.parts[s].weight[i])
	}
	return n * f.parts[s].scale
}

func (a *analysis) conditions(conds []cond) []Condition {
	out := make([]Condition, 0, len(conds))
	for _, k := range conds {
		d := a.f.dicts[k.dim]
		out = append(out, Condition{d.name, d.values[k.code]})
	}
	return out
}

// shares sets which part of the whole the cause is.
func (a *analysis) shares(c *Cause, h [2]*histogram) {
	for s := range h {
		part, whole := h[s].n, a.overall.hist[s].n
		if a.info.family == famVolume {
			part, whole = h[s].sum, a.overall.hist[s].sum
		}
		if whole <= 0 {
			continue
		}
		if s == window {
			c.WindowShare = opt(part / whole)
		} else {
			c.BaselineShare = opt(part / whole)
		}
	}
}

// claimable reports whether the change is beyond chance and large enough.
func (a *analysis) claimable(f *finding, w, b cell) bool {
	v, quiet := f.view, !a.overall.significant
	limit := claimP
	if quiet {
		limit = quietP
	}
	if f.evidence.p > limit {
		return false
	}
	pick := func(loud, still float64) float64 {
		if quiet {
			return still
		}
		return loud
	}
	switch {
	case v.mode == modeVolume && v.mixTotal != 0:
		return !quiet && math.Abs(f.effect) >= leastGrowth
	case v.mode == modeVolume:
		change := math.Abs(w.o - v.growth*b.o)
		return math.Abs(f.effect) >= leastGrowth && change >= leastOfTotal*v.growth*math.Max(a.volumeTotal, v.unit)
	case quiet && f.isNew(b) && !a.versionOnly(f):
		return false // that it is as it is need not be a change
	case quiet && (w.n < quietCalls || w.n < 0.003*a.effective[window]):
		return false
	case quiet && a.req.Direction == 0 && a.better(f):
		return false // nobody asks why all is well
	case v.mode == modeRate:
		expected := (w.o - f.effect*w.n) / w.n
		return math.Abs(f.effect) >= max(pick(leastExcess, leastExcessQuiet), 0.25*expected)
	case f.stat != statMean:
		return math.Abs(f.effect) >= pick(leastTail, leastTailQuiet)
	case !a.info.log:
		return math.Abs(f.effect) >= pick(leastScoreShift, leastScoreQuiet)
	}
	return math.Abs(f.effect) >= pick(leastShift, leastShiftQuiet)
}

// better reports whether a finding is an improvement.
func (a *analysis) better(f *finding) bool {
	return f.view.mode != modeVolume && (f.effect < 0) != a.info.badDown
}

// versionOnly reports whether the only condition is a version of a prompt: its
// other versions tell what it should be like.
func (a *analysis) versionOnly(f *finding) bool {
	return len(f.conds) == 1 && f.conds[0].dim == int(DimPromptVersion) && a.f.usable(int(DimPrompt))
}

func (f *finding) isNew(b cell) bool { return b.n < minBlockCalls && len(f.conds) > 0 }

// contribution is the part of the metric's change that is gone when the Calls of
// the finding are what they used to be.
func (a *analysis) contribution(f *finding, w, b cell, h [2]*histogram) float64 {
	v, o := f.view, &a.overall
	change := o.value[window] - o.value[baseline]
	if change == 0 {
		return math.NaN()
	}
	switch {
	case v.mode == modeVolume && v.mixTotal != 0:
		return min(v.mixPart(w, b), 1) * min(a.mixShare, 1)
	case v.mode == modeVolume:
		// In the metric's unit: amounts by time.
		x := (w.o - v.growth*b.o) * v.amount / a.seconds(window) * a.info.per
		return x / change
	case v.mode == modeRate:
		return f.effect * w.n / a.effective[window] / change
	}
	without := *o.hist[window]
	without.blend(h[window], -1)
	if h[baseline].n >= minBlockCalls {
		without.blend(h[baseline], h[window].n/h[baseline].n)
	}
	if len(f.conds) == 0 {
		return 1
	}
	x, ok := without.value(a.info)
	if !ok {
		return math.NaN()
	}
	return (o.value[window] - x) / change
}
