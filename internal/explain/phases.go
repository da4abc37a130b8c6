package explain

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Positions in part.nums, in the order of phaseNums.
const (
	colDuration = iota
	colTTFT
	colTPOT
	colInput
	colOutput
	colConnect
	colQueue
	colLoad
	colPrefill
	colDecode
	colStall
)

const (
	phaseCalls    = 30  // Calls that must have a time for it to count
	phaseKnown    = 0.5 // part of the Calls that must have it
	phaseDominant = 0.5
	leastChange   = 0.01 // seconds
	stallSample   = 400
	slowDecode    = 0.3
)

// phases says where the time of the first cause's Calls went, or of all Calls.
func (a *analysis) phases(ctx context.Context, src Source) error {
	if !a.info.timed() || a.info.family == famRatio {
		return nil
	}
	of, rows := -1, [2][]int32{a.f.parts[window].rowsOf(nil), a.f.parts[baseline].rowsOf(nil)}
	if len(a.found) > 0 && a.found[0].cause.Kind == Behaviour && len(a.found[0].rows[baseline]) >= phaseCalls {
		of, rows = 0, a.found[0].rows
	} else if !a.overall.significant {
		return nil
	}
	w := &phaseWork{a: a, rows: rows, out: &Phases{Of: of}}
	w.stream()
	if len(w.out.Parts) == 0 {
		w.unary()
	}
	if i := slices.IndexFunc(w.out.Parts, func(p PhaseChange) bool { return p.Phase == PhaseDecode }); i >= 0 && w.out.Parts[i].Share > 0.2 {
		if err := w.stalls(ctx, src, i); err != nil {
			return err
		}
	}
	w.dominant()
	if len(w.out.Parts) > 0 {
		a.out.Phases = w.out
	}
	return nil
}

type phaseWork struct {
	a    *analysis
	rows [2][]int32
	out  *Phases
	// change is that of the time in question, in seconds.
	change float64
	// slowAll says that decoding became slower as well: the server as a whole did,
	// and its first token does not tell why.
	slowAll bool
}

// mean is the mean of a time over those of the Calls that use has chosen, and
// which part of them has it.
func (w *phaseWork) mean(side, col int, use func(p *part, i int32) bool) (mean, known, n float64) {
	p := &w.a.f.parts[side]
	var sum, have float64
	for _, i := range w.rows[side] {
		if !use(p, i) {
			continue
		}
		n++
		if x := float64(p.nums[col][i]); !math.IsNaN(x) {
			sum += x
			have++
		}
	}
	if have == 0 {
		return 0, 0, n
	}
	return sum / have, have / n, n
}

// known reports whether a number is one: what is not known is NaN.
func known(x float32) bool { return !math.IsNaN(float64(x)) }

func streamed(p *part, i int32) bool {
	return known(p.nums[colTTFT][i]) && known(p.nums[colDuration][i]) && known(p.nums[colOutput][i]) && p.nums[colOutput][i] >= 2
}

// add adds a phase whose change counts.
func (w *phaseWork) add(phase string, now, before float64, evidence string) {
	w.out.Parts = append(w.out.Parts, PhaseChange{Phase: phase, Window: now, Baseline: before, Share: (now - before) / w.change, Evidence: evidence})
}

// stream takes streams apart: what was before the first token, and after.
func (w *phaseWork) stream() {
	var d, t, out [2]float64
	for s := range d {
		var n float64
		d[s], _, n = w.mean(s, colDuration, streamed)
		t[s], _, _ = w.mean(s, colTTFT, streamed)
		out[s], _, _ = w.mean(s, colOutput, streamed)
		if n < phaseCalls {
			return
		}
	}
	gen := [2]float64{d[0] - t[0], d[1] - t[1]}
	perToken := gen[baseline] / max(out[baseline]-1, 1)
	longer := (out[window] - out[baseline]) * perToken
	slower := gen[window] - gen[baseline] - longer
	switch w.a.info.num {
	case NumTTFT:
		w.change = t[window] - t[baseline]
	case NumTPOT, NumTokensPerSecond:
		w.change = slower
	default:
		w.change = d[window] - d[baseline]
	}
	if w.change < leastChange {
		return
	}
	w.slowAll = gen[baseline] > 0 && slower > slowDecode*gen[baseline]
	if w.a.info.num == NumTTFT || w.a.info.num == NumDuration {
		w.beforeFirst(t)
	}
	if w.a.info.num != NumTTFT {
		w.add(PhaseDecode, gen[baseline]+slower, gen[baseline], "measured")
	}
	if w.a.info.num == NumDuration {
		w.add(PhaseLength, longer, 0, "measured")
	}
}

// beforeFirst takes the time to the first token apart.
func (w *phaseWork) beforeFirst(t [2]float64) {
	rest := t
	for _, ph := range []struct {
		name string
		col  int
	}{{PhaseConnect, colConnect}, {PhaseQueue, colQueue}, {PhaseLoad, colLoad}, {PhasePrefill, colPrefill}} {
		var m [2]float64
		ok := true
		for s := range m {
			mean, have, _ := w.mean(s, ph.col, streamed)
			m[s] = mean * min(have, 1)
			ok = ok && have >= phaseKnown
			if have >= phaseKnown {
				m[s] = mean
			}
		}
		if ok {
			w.add(ph.name, m[window], m[baseline], "measured")
			rest[window] -= m[window]
			rest[baseline] -= m[baseline]
		}
	}
	left := rest[window] - rest[baseline]
	if left < 0.2*w.change && len(w.out.Parts) > 0 {
		return
	}
	name, evidence := w.infer()
	w.add(name, rest[window], rest[baseline], evidence)
}

// infer tells a queue from prefill where nobody measured them: a queue delays
// all prompts alike, prefill the long ones more.
func (w *phaseWork) infer() (name, evidence string) {
	var line [2]fitted
	for s := range line {
		line[s] = w.line(s)
		if !line[s].ok {
			return PhaseWait, "rest"
		}
	}
	tokens := (line[window].mean + line[baseline].mean) / 2
	slope := (line[window].slope - line[baseline].slope) * tokens
	noise := 3 * (line[window].se + line[baseline].se) * tokens
	constant := line[window].at0 - line[baseline].at0
	total := slope + constant
	switch {
	case total <= 0 || w.slowAll:
		return PhaseWait, "rest"
	case math.Abs(slope) <= max(0.25*total, min(noise, 0.5*total)):
		return PhaseQueue, "inferred"
	case slope >= 0.65*total && slope > noise:
		return PhasePrefill, "inferred"
	}
	return PhaseWait, "rest"
}

// fitted is a line of the time to the first token by the length of the prompt.
type fitted struct {
	at0, slope, se, mean float64
	ok                   bool
}

func (w *phaseWork) line(s int) (l fitted) {
	p := &w.a.f.parts[s]
	var n, sx, sy, sxx, sxy, syy float64
	for _, i := range w.rows[s] {
		x, y := float64(p.nums[colInput][i]), float64(p.nums[colTTFT][i])
		if math.IsNaN(x) || math.IsNaN(y) {
			continue
		}
		n++
		sx, sy, sxx, sxy, syy = sx+x, sy+y, sxx+x*x, sxy+x*y, syy+y*y
	}
	if n < phaseCalls {
		return l
	}
	vx, vy, cov := sxx/n-sx/n*sx/n, syy/n-sy/n*sy/n, sxy/n-sx/n*sy/n
	l.mean = sx / n
	if vx <= 0.04*l.mean*l.mean {
		return l // all prompts are of about one length
	}
	l.slope = cov / vx
	l.at0 = sy/n - l.slope*l.mean
	l.se = math.Sqrt(max(vy-cov*cov/vx, 0) / (n * vx))
	l.ok = true
	return l
}

// unary takes answers apart that came at once, as far as the server said.
func (w *phaseWork) unary() {
	any := func(p *part, i int32) bool { return known(p.nums[colDuration][i]) }
	var d [2]float64
	for s := range d {
		var n float64
		if d[s], _, n = w.mean(s, colDuration, any); n < phaseCalls {
			return
		}
	}
	if w.change = d[window] - d[baseline]; w.change < leastChange {
		return
	}
	rest := d
	for _, ph := range []struct {
		name string
		col  int
	}{{PhaseConnect, colConnect}, {PhaseQueue, colQueue}, {PhaseLoad, colLoad}, {PhasePrefill, colPrefill}, {PhaseDecode, colDecode}} {
		var m [2]float64
		ok := true
		for s := range m {
			var have float64
			m[s], have, _ = w.mean(s, ph.col, any)
			ok = ok && have >= phaseKnown
		}
		if ok {
			w.add(ph.name, m[window], m[baseline], "measured")
			rest[window] -= m[window]
			rest[baseline] -= m[baseline]
		}
	}
	var out [2]float64
	var have [2]float64
	for s := range out {
		out[s], have[s], _ = w.mean(s, colOutput, any)
	}
	decoded := slices.ContainsFunc(w.out.Parts, func(p PhaseChange) bool { return p.Phase == PhaseDecode })
	if min(have[0], have[1]) >= phaseKnown && out[baseline] > 0 && !decoded {
		// As much longer as the answers became, at the old speed at most.
		longer := (out[window]/out[baseline] - 1) * rest[baseline]
		if longer > 0.2*w.change {
			longer = min(longer, rest[window]-rest[baseline])
			w.add(PhaseLength, longer, 0, "inferred")
			rest[window] -= longer
		}
	}
	if left := rest[window] - rest[baseline]; math.Abs(left) > 0.1*w.change {
		w.add(PhaseUnknown, rest[window], rest[baseline], "rest")
	}
}

// stalls takes the gaps in streams out of the decode phase: measured of all
// Calls, or of a sample whose timelines are asked for.
func (w *phaseWork) stalls(ctx context.Context, src Source, decode int) error {
	var m [2]float64
	for s := range m {
		mean, have, _ := w.mean(s, colStall, streamed)
		m[s] = mean
		if have >= phaseKnown {
			continue
		}
		mean, n, err := w.sampleStalls(ctx, src, s)
		if err != nil {
			return err
		}
		if n < phaseCalls {
			w.a.f.notes.add("Stalls are not told apart from decoding: too few timelines of the streams are kept.", "无法区分卡顿与解码：保留的流式时间线太少。")
			return nil
		}
		m[s] = mean
	}
	p := &w.out.Parts[decode]
	stalled := PhaseChange{Phase: PhaseStalls, Window: m[window], Baseline: m[baseline], Share: (m[window] - m[baseline]) / w.change, Evidence: "measured"}
	p.Window -= m[window]
	p.Baseline -= m[baseline]
	p.Share = (p.Window - p.Baseline) / w.change
	w.out.Parts = slices.Insert(w.out.Parts, decode+1, stalled)
	return nil
}

// sampleStalls asks the source for some timelines.
func (w *phaseWork) sampleStalls(ctx context.Context, src Source, side int) (mean, n float64, err error) {
	sel, from := w.a.req.Window, w.a.req.Window.Ranges
	if side == baseline {
		sel, from = w.a.req.Baseline, w.a.req.Baseline.Ranges
	}
	if w.out.Of >= 0 {
		c := &w.a.found[w.out.Of].cause
		sel = sel.with(c.Conditions...)
		if side == window && c.Since != nil {
			r := span(from)
			from = []Range{{*c.Since, r.End}}
		}
	}
	var sum float64
	for _, r := range from {
		left := stallSample - int(n)
		if left <= 0 {
			break
		}
		q := Query{Range: r, Selection: Selection{Terms: sel.Terms, Query: sel.Query}, Timelines: true, Limit: left}
		err := src.Scan(ctx, q, func(row *Row) bool {
			if x := row.Nums[NumStall]; !math.IsNaN(x) {
				sum += x
				n++
			}
			return int(n) < stallSample
		})
		if err != nil {
			return 0, 0, fmt.Errorf("explain: read timelines: %w", err)
		}
	}
	return sum / max(n, 1), n, nil
}

// dominant names the phase that makes most of the change.
func (w *phaseWork) dominant() {
	for _, p := range w.out.Parts {
		if p.Share >= phaseDominant && p.Phase != PhaseUnknown {
			w.out.Dominant = p.Phase
		}
	}
}
