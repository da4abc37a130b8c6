package explain

import "math"

// evidence is how sure a change of a set of Calls is.
type evidence struct {
	llr float64 // with the variance of the set itself, and from one time to another
	p   float64 // chance of it, before correction for the number of candidates
}

// minBlockCalls is how many Calls a stretch of time must have to count.
const minBlockCalls = 4

// weigh says how sure it is that a set of Calls changed. Unlike judge, which
// ranks, it counts how much the set varies within and from one stretch of the
// baseline to the next.
func (v *view) weigh(rows [2][]int32, stat int) evidence {
	if v.mode == modeVolume {
		return v.weighVolume(rows)
	}
	val := func(o *obs) float64 {
		if v.counts(stat) {
			happened, expected := v.event(o, stat)
			return happened - expected
		}
		return float64(o.s)
	}
	var m [2]moments
	for s := range rows {
		for _, i := range rows[s] {
			o := &v.rows[s][i]
			if o.n > 0 {
				m[s].add(val(o)/float64(o.n), float64(o.n))
			}
		}
	}
	w, b := v.sum(rows)
	if v.counts(stat) {
		w, b = v.events(w, stat), v.events(b, stat)
	}
	tau2 := v.betweenBlocks(rows[baseline], val)
	variance := v.sigma2
	if v.counts(stat) {
		variance = max(w.e/max(w.n, 1), 1e-6)
	}
	nb := max(m[baseline].n, calibrateMean)
	se0 := max(m[window].variance(), 0.25*variance)/max(m[window].n, 1) + max(m[baseline].variance(), 0.25*variance)/nb
	blocks := tau2 * (1/float64(max(v.f.parts[window].blocks, 1)) + 1/float64(max(v.f.parts[baseline].blocks, 1)))
	var llr float64
	if v.counts(stat) {
		if llr = twoPoisson(w.o, w.e, b.o, b.e); b.n < minBlockCalls {
			llr = poisson(w.o, w.e+1) / 2
		}
	} else {
		d := m[window].mean() - m[baseline].mean()*m[baseline].n/nb
		llr = d * d / (2 * se0)
	}
	llr *= se0 / (se0 + blocks)
	return evidence{llr, llrP(llr)}
}

// moments are the weighted mean and variance of numbers.
type moments struct{ n, s, q float64 }

func (m *moments) add(x, w float64) {
	m.n += w
	m.s += w * x
	m.q += w * x * x
}

func (m *moments) mean() float64 {
	if m.n == 0 {
		return 0
	}
	return m.s / m.n
}

func (m *moments) variance() float64 {
	if m.n < 2 {
		return 0
	}
	mean := m.s / m.n
	return max(m.q/m.n-mean*mean, 0) * m.n / (m.n - 1)
}

// betweenBlocks is how much the mean of a set varies from one stretch of the
// baseline to the next, beyond what the number of Calls in each explains. Where
// the set has too few Calls it is that of all Calls.
func (v *view) betweenBlocks(rows []int32, val func(*obs) float64) float64 {
	p := &v.f.parts[baseline]
	if p.block == nil {
		return 0
	}
	var blocks [maxBlocks]moments
	each := func(i int32) {
		if o := &v.rows[baseline][i]; o.n > 0 {
			blocks[p.block[i]].add(val(o)/float64(o.n), float64(o.n))
		}
	}
	for _, i := range rows {
		each(i)
	}
	if t, ok := between(blocks[:p.blocks]); ok {
		return t
	}
	blocks = [maxBlocks]moments{}
	for i := range p.n {
		each(int32(i))
	}
	t, _ := between(blocks[:p.blocks])
	return t
}

// between is the variance between groups by the method of moments.
func between(groups []moments) (float64, bool) {
	var n, n2, s, within, k float64
	for i := range groups {
		if groups[i].n < minBlockCalls {
			continue
		}
		k++
		n += groups[i].n
		n2 += groups[i].n * groups[i].n
		s += groups[i].s
		within += groups[i].variance() * (groups[i].n - 1)
	}
	if k < 4 {
		return 0, false
	}
	mean, sigma2, q := s/n, within/max(n-k, 1), 0.0
	for i := range groups {
		if groups[i].n >= minBlockCalls {
			d := groups[i].mean() - mean
			q += groups[i].n * d * d
		}
	}
	return max(q-(k-1)*sigma2, 0) / (n - n2/n), true
}

// weighVolume says how sure it is that the amount of a set changed.
func (v *view) weighVolume(rows [2][]int32) evidence {
	w, b := v.sum(rows)
	var squares, sum float64
	for s := range rows {
		for _, i := range rows[s] {
			o := &v.rows[s][i]
			if o.n > 0 {
				a := float64(o.o) / float64(o.n)
				sum += float64(o.o)
				squares += float64(o.o) * a
			}
		}
	}
	unit := v.unit
	if sum > 0 {
		unit = max(squares/sum, v.unit*0.01)
	}
	e := v.growth * b.o
	llr := twoPoisson(w.o/unit, 1, e/unit, 1)
	total := w.o + e
	if total <= 0 {
		return evidence{0, 1}
	}
	// Relative variances of what is counted, and from one stretch to the next.
	counting := unit/max(w.o, e, unit) + unit/max(e, unit)
	p := &v.f.parts[baseline]
	tau2 := v.bursts(rows[baseline], unit)
	if len(rows[baseline]) < p.n {
		// Of few Calls one sees little of how they vary: as all of them do, or
		// somewhat more.
		tau2 = min(tau2, max(4*v.burstsOfAll(), leastBursts))
	}
	other := tau2 * (1/float64(max(v.f.parts[window].blocks, 1)) + 1/float64(max(p.blocks, 1)))
	llr *= counting / (counting + other)
	if math.IsNaN(llr) {
		llr = 0
	}
	return evidence{llr, llrP(llr)}
}

// leastBursts is the relative variance, from one stretch of time to the next,
// that the amount of a part of the Calls is always granted.
const leastBursts = 0.05

// bursts is how much the amount of a set varies from one stretch of the baseline
// to the next, beyond counting noise, relative to its mean.
func (v *view) bursts(rows []int32, unit float64) float64 {
	p := &v.f.parts[baseline]
	if p.block == nil || p.blocks < 4 {
		return 0
	}
	var blocks [maxBlocks]float64
	for _, i := range rows {
		blocks[p.block[i]] += float64(v.rows[baseline][i].o)
	}
	return bursts(blocks[:p.blocks], unit)
}

// burstsOfAll is bursts of all Calls, which many sets are compared with.
func (v *view) burstsOfAll() float64 {
	p := &v.f.parts[baseline]
	if p.block == nil || p.blocks < 4 {
		return 0
	}
	if !v.allBursts.known {
		var blocks [maxBlocks]float64
		for i := range v.rows[baseline] {
			blocks[p.block[i]] += float64(v.rows[baseline][i].o)
		}
		v.allBursts.known, v.allBursts.value = true, bursts(blocks[:p.blocks], v.unit)
	}
	return v.allBursts.value
}

func bursts(blocks []float64, unit float64) float64 {
	var m moments
	for _, a := range blocks {
		m.add(a, 1)
	}
	mean := m.mean()
	if mean <= 0 {
		return 0
	}
	return min(max(m.variance()/(mean*mean)-unit/mean, 0), 1)
}
