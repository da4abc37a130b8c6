package explain

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Explain compares the window of a Request with its baseline over the Calls of
// a Source and says what changed. Its error is a *RequestError, the Source's, or
// that of ctx; that nothing can be told is no error but a Verdict.
func Explain(ctx context.Context, req Request, src Source) (*Explanation, error) {
	start := time.Now()
	req, info, err := req.prepare()
	if err != nil {
		return nil, err
	}
	f, err := load(ctx, req, info, src)
	if err != nil {
		return nil, err
	}
	a := newAnalysis(req, f)
	a.run(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := a.phases(ctx, src); err != nil {
		return nil, err
	}
	a.say()
	a.out.Took = time.Since(start)
	return a.out, nil
}

// minCalls is the least number of Calls with the metric's number on each side.
var minCalls = [2]int{window: 10, baseline: 20}

// analysis is one question on its way to its answer.
type analysis struct {
	req  Request
	f    *frame
	info *metricInfo
	out  *Explanation

	exposure float64 // of the window for each unit of the baseline
	byCalls  bool    // exposure is a number of Calls, not a time
	// before is what the baseline is called.
	before, beforeZH string
	overall          overall
	dir              int
	found            []*finding
	looked           int

	effective   [2]float64 // Calls, as evidence
	volumeTotal float64    // of the baseline, for the window's time
	mixShare    float64
	levels      levels
}

// finding is a cause with what the sentences need.
type finding struct {
	conds []cond
	rows  [2][]int32
	view  *view
	judged
	evidence
	cause Cause
}

func newAnalysis(req Request, f *frame) *analysis {
	a := &analysis{req: req, f: f, info: f.metric}
	a.out = &Explanation{
		Metric: req.Metric, Unit: f.metric.unit,
		Window:   f.side(window, req.Window),
		Baseline: f.side(baseline, req.Baseline),
		Causes:   []Cause{}, Exemplars: []Exemplar{},
	}
	a.exposure, a.byCalls = f.exposure(req)
	a.before, a.beforeZH = "before", "此前"
	if !span(req.Baseline.Ranges).Start.Before(span(req.Window.Ranges).Start) || a.byCalls {
		a.before, a.beforeZH = "in the baseline", "基线"
	}
	return a
}

// side describes one side.
func (f *frame) side(s int, sel Selection) Side {
	p := &f.parts[s]
	out := Side{Ranges: sel.Ranges, Filter: sel.String()}
	for _, w := range p.weight {
		out.Calls += float64(w) * p.scale
	}
	if p.scale > 1 {
		out.SampledOneIn = p.scale
		f.notes.add("Only one in %.0f calls of the %s was looked at: there are more than the limit.", "%[2]s的调用超过上限，只分析了其中的 1/%.0[1]f。",
			p.scale, [2]string{"window", "baseline"}[s])
	}
	if u := f.unknown[s]; u > 0 && s == window {
		all := out.Calls + u*p.scale
		f.notes.add("%s of the window's calls have no such number and are left out.", "窗口中 %s 的调用没有该数值，已略去。", percent(u*p.scale/all))
	}
	return out
}

// exposure is how long the window is for each second of the baseline; where the
// two are not the same Calls at another time, how many Calls.
func (f *frame) exposure(req Request) (exposure float64, byCalls bool) {
	sameCalls := req.Window.String() == req.Baseline.String() && req.Window.Query == req.Baseline.Query
	if sameCalls {
		var length [2]float64
		for i, r := range req.Baseline.Ranges {
			if f.parts[baseline].inRange[i] > 0 || f.parts[baseline].seen == 0 {
				length[baseline] += r.Length().Seconds()
			}
		}
		for _, r := range req.Window.Ranges {
			length[window] += r.Length().Seconds()
		}
		if length[baseline] > 0 {
			return length[window] / length[baseline], false
		}
	}
	var calls [2]float64
	for s := range f.parts {
		for _, w := range f.parts[s].weight {
			calls[s] += float64(w) * f.parts[s].scale
		}
	}
	if calls[baseline] == 0 {
		return 1, true
	}
	return calls[window] / calls[baseline], true
}

// run finds the causes.
func (a *analysis) run(ctx context.Context) {
	a.measure()
	if a.out.Verdict == Unknown {
		return
	}
	a.dir = a.req.Direction
	if a.dir == 0 && a.overall.significant {
		a.dir = a.overall.sign
	}
	var v *view
	var pred [2][]float32
	switch a.info.family {
	case famRatio:
		v = newRateView(a.f)
	case famVolume:
		v = newVolumeView(a.f, [2][]float32{a.f.parts[0].x, a.f.parts[1].x}, a.exposure)
	default:
		v, pred = newMeanView(a.f)
	}
	v.dir = a.dir
	a.effective = [2]float64{v.root[window].n, v.root[baseline].n}
	a.volumeTotal = v.root[baseline].o
	if a.info.family != famVolume && a.overall.significant {
		a.mixShare, a.levels = a.mixOf(v, pred)
		a.out.Change.MixShare = opt(min(max(a.mixShare, 0), 1))
	}
	a.search(ctx, v)
	if a.info.family != famVolume {
		a.mix(ctx)
	}
	a.rank()
	a.verdict()
	a.kinds()
	a.out.Candidates = a.looked
}

// candidateDims are the dimensions of which causes are made.
func (a *analysis) candidateDims() []int {
	var dims []int
	for d := range a.f.dicts {
		if d < NumDims && Dim(d).Outcome() || !a.f.usable(d) {
			continue
		}
		if a.f.dicts[d].over {
			a.f.notes.add("%s has more values than are looked at.", "%s 的取值超过分析上限。", a.f.dicts[d].name)
		}
		if a.info.family == famRatio && a.missesEvents(d) {
			// Failed calls often have no usage: that they lack a value is an effect.
			continue
		}
		if d == int(DimInputBand) && (a.info.num == NumInputTokens || a.info.num == NumTotalTokens) && a.info.family != famVolume {
			continue // the metric itself
		}
		dims = append(dims, d)
	}
	return dims
}

// missesEvents reports whether a dimension is known of Calls without the event
// much more often than of those with it.
func (a *analysis) missesEvents(d int) bool {
	var have, all [2]float64
	for s := range a.f.parts {
		p := &a.f.parts[s]
		for i, c := range p.cols[d] {
			k := 0
			if p.x[i] > 0 {
				k = 1
			}
			all[k]++
			if c != codeUnknown {
				have[k]++
			}
		}
	}
	return all[1] > 0 && all[0] > 0 && have[1]/all[1] < 0.8*have[0]/all[0]
}

// maxTries is how many candidates are weighed before a search gives up.
const maxTries = 25

// claimP is the chance of a false claim that is accepted for one question, after
// correction; where the metric as a whole did not change, quietP.
const (
	claimP = 0.01
	quietP = 0.001
)

// search finds causes in a view, one after the other.
func (a *analysis) search(ctx context.Context, v *view) {
	if v.mode == modeVolume {
		v.growth = a.growthOf(v)
		a.overall.growth = v.growth
	}
	dims := a.candidateDims()
	for round := range a.req.MaxCauses {
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
		if len(f.conds) == 0 {
			return // all Calls: nothing is left
		}
		v.remove(f.rows)
	}
}

// pick returns the best candidate that stands up to scrutiny.
func (a *analysis) pick(s *searcher, cands []candidate) *finding {
	tried := map[string]bool{}
	for i := range min(len(cands), maxTries) {
		c := s.generalise(cands[i])
		c = s.preferNew(c, cands)
		c = s.preferName(c, cands)
		key := condsKey(c.conds)
		if tried[key] {
			continue
		}
		tried[key] = true
		f := &finding{conds: c.conds, rows: a.f.rowsOf(c.conds), view: s.v, judged: c.judged}
		if len(c.conds) == 0 && s.v.mode == modeVolume && a.info.num != NumErrors {
			continue
		}
		f.evidence = s.v.weigh(f.rows, c.stat)
		f.p = min(f.p*float64(max(a.looked, 1)), 1)
		if a.describe(f, c.w, c.b) {
			a.complete(f)
			return f
		}
	}
	return nil
}

// preferNew takes a value that is new over one that selects the same Calls of
// the window but is not.
func (s *searcher) preferNew(c candidate, cands []candidate) candidate {
	if c.b.n < minBlockCalls {
		return c
	}
	for i := range min(len(cands), 100) {
		o := &cands[i]
		if o.b.n < minBlockCalls && len(o.conds) <= max(len(c.conds), 1) && o.effect*c.effect > 0 &&
			math.Abs(o.w.n-c.w.n) <= 0.02*c.w.n && o.llr >= 0.5*c.llr {
			return *o
		}
	}
	return c
}

// preferName takes the first dimension of those that select the same Calls.
func (s *searcher) preferName(c candidate, cands []candidate) candidate {
	if len(c.conds) != 1 {
		return c
	}
	near := func(x, y float64) bool { return math.Abs(x-y) <= 0.005*max(math.Abs(x), math.Abs(y)) }
	for i := range min(len(cands), 100) {
		o := &cands[i]
		if len(o.conds) == 1 && o.conds[0].dim < c.conds[0].dim && near(o.w.n, c.w.n) && near(o.b.n, c.b.n) && near(o.w.o, c.w.o) && near(o.w.s, c.w.s) {
			c = *o
		}
	}
	return c
}

// growthOf is how much of the amount is to be expected for each unit of the
// baseline. Failures grow with the Calls; that they grow faster is the question.
func (a *analysis) growthOf(v *view) float64 {
	if a.info.num != NumErrors {
		return a.commonGrowth(newSearcher(v, a.candidateDims()))
	}
	var ones [2][]float32
	for s := range ones {
		ones[s] = slices.Repeat([]float32{1}, a.f.parts[s].n)
	}
	calls := newVolumeView(a.f, ones, a.exposure)
	return a.commonGrowth(newSearcher(calls, a.candidateDims()))
}

// commonGrowth is by how much the amount grew in most of the traffic: the median
// over the values of a dimension, of the dimension that says the least growth.
// What grew with all the rest is no cause.
func (a *analysis) commonGrowth(s *searcher) float64 {
	v := s.v
	w, b := v.root[window], v.root[baseline]
	if b.o <= 0 || w.o <= 0 {
		return 1
	}
	all := math.Log(w.o / b.o)
	best := all
	for _, d := range s.dims {
		type ratio struct{ r, weight float64 }
		var rs []ratio
		var total, fewW, fewB float64
		for code := range s.tables[window][d] {
			cw, cb := s.tables[window][d][code].o, s.tables[baseline][d][code].o
			if total += cb; cb < 8*v.unit {
				// The ratio of a few says little, and less than 1 on average.
				if cb > 0 {
					fewW, fewB = fewW+cw, fewB+cb
				}
				continue
			}
			rs = append(rs, ratio{math.Log((cw + v.unit/2) / (cb + v.unit/2)), cb})
		}
		if fewB > 0 {
			rs = append(rs, ratio{math.Log((fewW + v.unit/2) / (fewB + v.unit/2)), fewB})
		}
		if len(rs) < 2 {
			continue
		}
		slices.SortFunc(rs, func(x, y ratio) int {
			if x.r < y.r {
				return -1
			}
			return 1
		})
		var seen float64
		for _, r := range rs {
			if seen += r.weight; seen >= total/2 {
				if math.Abs(r.r) < math.Abs(best) {
					best = r.r
				}
				break
			}
		}
	}
	switch {
	case math.Abs(best) < 0.05:
		return 1
	case math.Abs(all-best) < leastGrowth:
		best = all // what the dimensions differ in is noise
	}
	return math.Exp(best)
}

// rank puts the causes in order: by how much of the change each makes.
func (a *analysis) rank() {
	weight := func(f *finding) float64 {
		c := f.cause.Contribution.Or(0)
		return min(max(c, 0), 1)
	}
	slices.SortStableFunc(a.found, func(x, y *finding) int {
		switch wx, wy := weight(x), weight(y); {
		case wx > wy+0.05:
			return -1
		case wy > wx+0.05:
			return 1
		}
		return 0
	})
	a.dropOverlaps()
	a.found = a.found[:min(len(a.found), a.req.MaxCauses)]
}

// dropOverlaps drops findings whose Calls are mostly those of one before: the
// two ways of looking at a change may both see it.
func (a *analysis) dropOverlaps() {
	taken := make([]bool, a.f.parts[window].n)
	a.found = slices.DeleteFunc(a.found, func(f *finding) bool {
		n := 0
		for _, i := range f.rows[window] {
			if taken[i] {
				n++
			}
		}
		if len(f.rows[window]) > 0 && 2*n > len(f.rows[window]) {
			return true
		}
		for _, i := range f.rows[window] {
			taken[i] = true
		}
		return false
	})
}

// verdict sums up.
func (a *analysis) verdict() {
	o := &a.overall
	switch {
	case len(a.found) > 0 && len(a.found[0].conds) == 0:
		a.out.Verdict = Uniform
	case len(a.found) > 0:
		a.out.Verdict = Explained
	case !o.significant:
		a.out.Verdict = Unchanged
	case a.info.family == famVolume && o.growth > 0 && math.Abs(math.Log(o.growth)) > 0.6*math.Abs(math.Log(o.ratio)):
		a.out.Verdict = Uniform
	default:
		a.out.Verdict = Unexplained
	}
}

// opt is a number that may not be one.
func opt(v float64) llm.Opt[float64] {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return llm.Opt[float64]{}
	}
	return llm.Some(v)
}
