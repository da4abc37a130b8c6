package explain

import (
	"math"
	"slices"
)

// mode is how sets of Calls are scored.
type mode uint8

const (
	modeRate   mode = iota // events against expected events
	modeMean               // shift of a number, and of its tail
	modeVolume             // an amount against the baseline's, for the same time
)

// view is one way to look at the frame: what each Call brings, and the scale of
// the scores.
type view struct {
	f    *frame
	mode mode
	rows [2][]obs
	root [2]cell
	dir  int // 1: only rises count, -1: only falls, 0: both

	sigma2 float64 // variance of a number around what was expected
	tail   float64 // share of the baseline's numbers that are in the tail
	far    float64 // and far out in it
	growth float64 // amount expected for each unit of the baseline
	unit   float64 // of the amount: as much as one independent event brings
	amount float64 // what one unit of o of the window is, in true amounts

	allBursts struct {
		known bool
		value float64
	}

	// For a change of mix: what the mean level of a Call is in the baseline, by how
	// much the mix changes it, and how many Calls the window has.
	mixBase, mixTotal, mixCalls float64
}

// The statistics of modeMean.
const (
	statMean = iota
	statTail
	statFar
)

// event is what a Call brings to a statistic of events: in modeMean the fields
// of obs hold the numbers in the tail and those far out in it.
func (v *view) event(o *obs, stat int) (happened, expected float64) {
	switch {
	case v.mode != modeMean:
		return float64(o.o), float64(o.e)
	case stat == statFar:
		return float64(o.e), float64(o.n) * v.far
	}
	return float64(o.o), float64(o.n) * v.tail
}

// events is event for a set.
func (v *view) events(c cell, stat int) cell {
	switch {
	case v.mode != modeMean:
		return c
	case stat == statFar:
		return cell{n: c.n, o: c.e, e: c.n * v.far}
	}
	return cell{n: c.n, o: c.o, e: c.n * v.tail}
}

// counts reports whether a statistic is one of events.
func (v *view) counts(stat int) bool {
	return v.mode == modeRate || v.mode == modeMean && stat != statMean
}

// weights are what each Call of a side counts for. Calls that stand for several
// are no more evidence than one: weights are scaled so that their sum is the
// effective number of Calls. unit is what they were divided by.
func (p *part) weights() (w []float32, unit float64) {
	var sum, squares float64
	for _, v := range p.weight {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	if sum == 0 {
		return p.weight, p.scale
	}
	kish := squares / sum
	w = make([]float32, p.n)
	for i, v := range p.weight {
		w[i] = v / float32(kish)
	}
	return w, kish * p.scale
}

// newRateView looks at events: x is 0 or 1.
func newRateView(f *frame) *view {
	v := &view{f: f, mode: modeRate}
	m := f.fitModel(f.parts[baseline].x, true)
	for s := range f.parts {
		p := &f.parts[s]
		w, _ := p.weights()
		pred := make([]float32, p.n)
		m.predict(p, pred)
		v.rows[s] = make([]obs, p.n)
		for i := range v.rows[s] {
			e := min(math.Exp(float64(pred[i])), 0.98)
			v.rows[s][i] = obs{w[i], 0, w[i] * p.x[i], w[i] * float32(e)}
		}
	}
	v.sumRoot()
	// The product of factors need not add up to the events that there were.
	if b := v.root[baseline]; b.e > 0 {
		k := float32((b.o + 0.5) / (b.e + 0.5))
		for s := range v.rows {
			for i := range v.rows[s] {
				v.rows[s][i].e *= k
			}
		}
	}
	v.sumRoot()
	return v
}

// tailQuantile is where the tail of the numbers begins, and clampAt how many
// standard deviations a number counts at most: beyond it is for the tail.
const (
	tailQuantile = 0.975
	farQuantile  = 0.9975
	clampAt      = 4
)

// newMeanView looks at numbers. pred are the predictions that it made, on the
// scale of the numbers.
func newMeanView(f *frame) (v *view, pred [2][]float32) {
	v = &view{f: f, mode: modeMean}
	var y [2][]float32
	for s := range f.parts {
		y[s] = make([]float32, f.parts[s].n)
		for i, x := range f.parts[s].x {
			y[s][i] = float32(f.metric.scaled(x))
		}
	}
	m := f.fitModel(y[baseline], false)
	for s := range f.parts {
		pred[s] = make([]float32, f.parts[s].n)
		m.predict(&f.parts[s], pred[s])
	}
	residuals := make([]float32, len(y[baseline]))
	for i := range residuals {
		residuals[i] = y[baseline][i] - pred[baseline][i]
	}
	b := spread(residuals, f.metric.badDown)
	var sum, squares, n float64
	for s := range f.parts {
		p := &f.parts[s]
		w, _ := p.weights()
		v.rows[s] = make([]obs, p.n)
		for i := range v.rows[s] {
			r := y[s][i] - pred[s][i]
			o := obs{n: w[i]}
			if b.beyond(r, b.tail) {
				o.o = w[i]
			}
			if b.beyond(r, b.far) {
				o.e = w[i]
			}
			r = min(max(r, b.lo), b.hi)
			o.s = w[i] * r
			v.rows[s][i] = o
			if s == baseline {
				sum += float64(w[i] * r)
				squares += float64(w[i]*r) * float64(r)
				n += float64(w[i])
			}
		}
	}
	v.sumRoot()
	if n > 1 {
		v.sigma2 = max(squares/n-(sum/n)*(sum/n), 1e-6)
	} else {
		v.sigma2 = 1
	}
	base := v.root[baseline]
	v.tail, v.far = max(base.o/max(base.n, 1), 1e-3), max((base.e+0.5)/max(base.n, 1), 1e-4)
	return v, pred
}

// bounds are where residuals count in full, and where their bad tail begins.
type bounds struct {
	lo, hi, tail, far float32
	down              bool
}

func (b *bounds) beyond(r, limit float32) bool { return !b.down && r > limit || b.down && r < limit }

// spread finds the bounds of residuals.
func spread(r []float32, badDown bool) bounds {
	if len(r) == 0 {
		return bounds{-1, 1, 1, 1, badDown}
	}
	s := make([]float32, 0, min(len(r), 40_000))
	for i := 0; i < len(r); i += max(1, len(r)/40_000) {
		s = append(s, r[i])
	}
	slices.Sort(s)
	at := func(q float64) float32 {
		if badDown {
			q = 1 - q
		}
		return s[min(int(q*float64(len(s))), len(s)-1)]
	}
	sd := max(float32(math.Abs(float64(at(0.84)-at(0.16))))/2, 0.02)
	median := at(0.5)
	return bounds{median - clampAt*sd, median + clampAt*sd, at(tailQuantile), at(farQuantile), badDown}
}

// newVolumeView looks at amounts: sums over time, expected in proportion to
// exposure, which is how long, or how many Calls, the window is for each unit of
// the baseline.
func newVolumeView(f *frame, amounts [2][]float32, exposure float64) *view {
	v := &view{f: f, mode: modeVolume, growth: 1}
	var sum, squares float64
	var units [2]float64
	for s := range f.parts {
		p := &f.parts[s]
		w, unit := p.weights()
		units[s] = unit
		v.rows[s] = make([]obs, p.n)
		for i := range v.rows[s] {
			a := w[i] * amounts[s][i]
			v.rows[s][i] = obs{n: w[i], o: a}
			sum += float64(a)
			squares += float64(a) * float64(amounts[s][i])
		}
	}
	v.amount = units[window]
	scale := float32(exposure * units[baseline] / units[window])
	for i := range v.rows[baseline] {
		v.rows[baseline][i].o *= scale
	}
	v.unit = 1
	if sum > 0 {
		v.unit = squares / sum
	}
	v.sumRoot()
	return v
}

func (v *view) sumRoot() {
	v.allBursts.known = false
	for s := range v.rows {
		v.root[s] = cell{}
		for i := range v.rows[s] {
			v.root[s].add(&v.rows[s][i])
		}
	}
}

// remove takes the Calls of a found cause out of the view.
func (v *view) remove(rows [2][]int32) {
	for s := range rows {
		for _, i := range rows[s] {
			v.rows[s][i] = obs{}
		}
	}
	v.sumRoot()
}

// The baseline's own deviation from what was expected is taken over into the
// window; with few Calls it is partly chance, and shrunk.
const (
	calibrateMean = 20.0
	calibrateRate = 8.0
)

// tailDiscount is what a change of the tail alone counts, as against one of the
// whole: how heavy tails are differs more from set to set.
const tailDiscount = 0.75

// judged is how a set of Calls scores.
type judged struct {
	llr    float64
	effect float64 // of stat, by Call: shift, excess of events, or logarithm of the ratio
	stat   int
}

// judge scores a set of Calls.
func (v *view) judge(w, b cell) judged {
	switch v.mode {
	case modeRate:
		if w.n <= 0 {
			return judged{}
		}
		return v.directed(rateOf(w, b))
	case modeVolume:
		e := v.growth*b.o + v.unit/2
		j := judged{poisson(w.o, e) / v.unit, math.Log((w.o + v.unit/2) / e), statMean}
		if v.mixTotal == 0 {
			return v.directed(j)
		}
		part := v.mixPart(w, b)
		if part < leastMixPart {
			part = 0
		}
		j.llr *= min(part, 1)
		return j
	default: // as below
	}
	if w.n <= 0 {
		return judged{}
	}
	shift := w.s/w.n - b.s/(b.n+calibrateMean)
	mean := v.directed(judged{w.n * shift * shift / (2 * v.sigma2), shift, statMean})
	best := mean
	for _, stat := range [...]int{statTail, statFar} {
		tail := rateOf(v.events(w, stat), v.events(b, stat))
		tail.stat = stat
		if v.f.metric.badDown {
			tail.effect = -tail.effect
		}
		tail.llr *= tailDiscount
		if tail = v.directed(tail); tail.llr > best.llr {
			best = tail
		}
	}
	return best
}

func rateOf(w, b cell) judged {
	e := w.e * (b.o + calibrateRate) / (b.e + calibrateRate)
	return judged{binomial(w.o, e, w.n), (w.o - e) / w.n, statMean}
}

func (v *view) directed(j judged) judged {
	if v.dir > 0 && j.effect < 0 || v.dir < 0 && j.effect > 0 {
		return judged{0, j.effect, j.stat}
	}
	return j
}

// effectOf is the effect of one statistic, with its z score.
func (v *view) effectOf(stat int, w, b cell) (effect, z float64) {
	switch {
	case v.mode == modeVolume:
		e := v.growth*b.o + v.unit/2
		return math.Log((w.o + v.unit/2) / e), (w.o - e) / math.Sqrt(max(e, w.o)*v.unit)
	case v.counts(stat):
		w, b = v.events(w, stat), v.events(b, stat)
		j := rateOf(w, b)
		if v.mode == modeMean && v.f.metric.badDown {
			j.effect = -j.effect
		}
		return j.effect, j.effect * w.n / math.Sqrt(max(w.o, w.e, 1))
	}
	shift := w.s/w.n - b.s/(b.n+calibrateMean)
	return shift, shift * math.Sqrt(w.n/v.sigma2)
}

// contradicts reports whether a set is unlikely to have changed as much as an
// effect says.
func (v *view) contradicts(stat int, effect float64, w, b cell) bool {
	const unlikely = 2
	switch {
	case v.mode == modeVolume:
		e := (v.growth*b.o + v.unit/2) * math.Exp(effect)
		z := (e - w.o) / math.Sqrt(max(e, w.o)*v.unit)
		return z*sign(effect) > unlikely
	case w.n <= 0:
		return false
	}
	e, _ := v.effectOf(stat, w, b)
	variance := v.sigma2
	if v.counts(stat) {
		p := math.Abs(effect)
		variance = max(p*(1-p), 1/max(w.n, 1)*0.25)
	}
	return (effect-e)*sign(effect)*math.Sqrt(w.n/variance) > unlikely
}

func sign(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}

// supported reports whether a set is large enough to be looked at.
func (v *view) supported(w, b cell) bool {
	switch v.mode {
	case modeVolume:
		return max(w.o, b.o) >= 8*v.unit
	case modeRate:
		return w.n >= 5 && (w.o >= 3 || w.e >= 3)
	default: // as below
	}
	return w.n >= 8
}
