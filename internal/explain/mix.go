package explain

import (
	"context"
	"math"
	"slices"
)

// leastMix is the part of a change that a different mix must make to be looked
// into, and leastMixPart the part of that which one set must make.
const (
	leastMix     = 0.25
	leastMixPart = 0.25
	maxMixCauses = 2
)

// levels are what the model expects of each Call, on the metric's own scale.
type levels [2][]float32

// mixOf is the part of the metric's change that is there when every Call of the
// window goes as such Calls did in the baseline.
func (a *analysis) mixOf(v *view, pred [2][]float32) (share float64, lv levels) {
	o := &a.overall
	for s := range lv {
		lv[s] = make([]float32, a.f.parts[s].n)
	}
	if v.mode == modeRate {
		var mean [2]float64
		for s := range v.rows {
			for i := range v.rows[s] {
				lv[s][i] = v.rows[s][i].e / max(v.rows[s][i].n, 1e-9)
			}
			mean[s] = v.root[s].e / max(v.root[s].n, 1)
		}
		return (mean[window] - mean[baseline]) / (o.value[window] - o.value[baseline]), lv
	}
	// The residuals of the baseline, put on the predictions of either side.
	base := &a.f.parts[baseline]
	residual := make([]float32, base.n)
	for i, x := range base.x {
		residual[i] = float32(a.info.scaled(x)) - pred[baseline][i]
	}
	var h [2]*histogram
	for s := range h {
		h[s] = &histogram{}
		for i, y := range pred[s] {
			r := residual[(i*7919)%len(residual)]
			if s == baseline {
				r = residual[i]
			}
			x := float64(y + r)
			lv[s][i] = y
			if a.info.log {
				x = math.Exp(x)
				lv[s][i] = float32(math.Exp(float64(y)))
			}
			h[s].add(x, float64(a.f.parts[s].weight[i]))
		}
	}
	w, okW := h[window].value(a.info)
	b, okB := h[baseline].value(a.info)
	if !okW || !okB {
		return 0, lv
	}
	if a.info.log && w > 0 && b > 0 && o.ratio > 0 {
		return math.Log(w/b) / math.Log(o.ratio), lv
	}
	return (w - b) / (o.value[window] - o.value[baseline]), lv
}

// mix looks for Calls that there are more or fewer of.
func (a *analysis) mix(ctx context.Context) {
	if !a.overall.significant || !(a.mixShare >= leastMix) {
		return
	}
	v := a.mixView()
	if v == nil {
		return
	}
	dims := a.candidateDims()
	for round := range maxMixCauses {
		if ctx.Err() != nil {
			return
		}
		s := newSearcher(v, dims)
		cands := s.run(a.req.MaxDepth, round > 0)
		a.looked += s.looked
		f := a.pick(s, cands)
		if f == nil {
			return
		}
		a.found = append(a.found, f)
		v.remove(f.rows)
	}
}

// mixView looks at the number of Calls, for those whose level makes the metric
// change.
func (a *analysis) mixView() *view {
	var ones [2][]float32
	var calls [2]float64
	for s := range ones {
		p := &a.f.parts[s]
		ones[s] = slices.Repeat([]float32{1}, p.n)
		for _, w := range p.weight {
			calls[s] += float64(w) * p.scale
		}
	}
	v := newVolumeView(a.f, ones, calls[window]/calls[baseline])
	var mean [2]float64
	for s := range v.rows {
		for i := range v.rows[s] {
			v.rows[s][i].s = v.rows[s][i].n * a.levels[s][i]
		}
	}
	v.sumRoot()
	for s := range mean {
		mean[s] = v.root[s].s / max(v.root[s].n, 1)
	}
	v.mixBase, v.mixTotal = mean[baseline], mean[window]-mean[baseline]
	v.mixCalls = v.root[window].o
	if v.mixTotal == 0 || math.Signbit(v.mixTotal) != (a.overall.sign < 0) {
		return nil
	}
	v.growth = a.commonGrowth(newSearcher(v, a.candidateDims()))
	return v
}

// mixPart is the part of the effect of the mix that a set makes.
func (v *view) mixPart(w, b cell) float64 {
	n := w.n + b.n
	if n <= 0 || v.mixCalls <= 0 {
		return 0
	}
	level := (w.s + b.s) / n
	return (w.o - v.growth*b.o) * (level - v.mixBase) / (v.mixCalls * v.mixTotal)
}
