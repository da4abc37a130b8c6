package explain

import (
	"math"
	"time"
)

const (
	timeBins   = 180
	leastGain  = 8.0 // log-likelihood that a change in time must bring
	beforeMost = 2   // window lengths of the baseline that are looked at, too
)

// timeline is how a set behaves over time, in equal steps.
type timeline struct {
	start time.Time
	step  time.Duration
	n, s  []float64 // Calls, and how far they are from what was expected
	q     float64
}

// stretch is when a set behaved otherwise.
type stretch struct{ since, until *time.Time }

// when finds the stretch of the window in which a finding happened. An end that
// is not in sight is nil.
func (a *analysis) when(f *finding) stretch {
	w := span(a.req.Window.Ranges)
	from := w.Start
	for _, r := range a.req.Baseline.Ranges {
		if r.End.Equal(w.Start) {
			from = w.Start.Add(-min(r.Length(), beforeMost*w.Length()))
		}
	}
	t := a.timelineOf(f, from, w.End)
	i, j, gain := t.bestStretch(f.effect > 0)
	if gain < leastGain {
		return stretch{}
	}
	var out stretch
	at := func(k int) *time.Time {
		x := t.start.Add(time.Duration(k) * t.step).UTC()
		return &x
	}
	if i > 0 {
		out.since = at(i)
		if s := a.firstEvent(f, *out.since, t.step); s != nil {
			out.since = s
		}
	}
	// What looks like an end in the last few steps may be a lull.
	if j < len(t.n)-3 {
		out.until = at(j)
	}
	return out
}

func (a *analysis) timelineOf(f *finding, from, to time.Time) *timeline {
	t := &timeline{start: from, step: to.Sub(from) / timeBins, n: make([]float64, timeBins), s: make([]float64, timeBins)}
	if t.step <= 0 {
		return t
	}
	v := f.view
	for s := range f.rows {
		p := &a.f.parts[s]
		for _, i := range f.rows[s] {
			k := (p.time[i] - from.UnixNano()) / int64(t.step)
			if k < 0 || k >= timeBins {
				continue
			}
			o := &v.rows[s][i]
			switch {
			case v.mode == modeVolume:
				t.s[k] += float64(o.o)
			case v.counts(f.stat):
				happened, expected := v.event(o, f.stat)
				d := happened - expected
				t.s[k] += d
				t.n[k] += float64(o.n)
				t.q += d * d
			default:
				t.s[k] += float64(o.s)
				t.n[k] += float64(o.n)
				t.q += float64(o.s) * float64(o.s)
			}
		}
	}
	if v.mode == modeVolume {
		for k := range t.n {
			t.n[k] = 1
			t.q += t.s[k] * t.s[k]
		}
	}
	if f.stat != statMean && a.info.badDown && v.mode == modeMean {
		for k := range t.s {
			t.s[k] = -t.s[k]
		}
	}
	return t
}

// bestStretch is the half-open range of steps that differs most from the rest,
// in one direction.
func (t *timeline) bestStretch(up bool) (from, to int, gain float64) {
	bins := len(t.n)
	n, s := make([]float64, bins+1), make([]float64, bins+1)
	for i := range bins {
		n[i+1], s[i+1] = n[i]+t.n[i], s[i]+t.s[i]
	}
	all, sum := n[bins], s[bins]
	if all < 4 {
		return 0, bins, 0
	}
	best := 0.0
	for i := range bins {
		for j := i + 2; j <= bins; j++ {
			in := n[j] - n[i]
			out := all - in
			if in < 2 || out < 2 {
				continue
			}
			d := (s[j]-s[i])/in - (sum-s[j]+s[i])/out
			if d > 0 != up {
				continue
			}
			if g := d * d * in * out / all; g > best {
				best, from, to = g, i, j
			}
		}
	}
	// What is left of the squares is the noise.
	rest := t.q - sum*sum/all - best
	sigma2 := max(rest/max(all-2, 1), 1e-9)
	return from, to, best / (2 * sigma2)
}

// firstEvent is the first failure, or number in the tail, in a step.
func (a *analysis) firstEvent(f *finding, from time.Time, step time.Duration) *time.Time {
	if f.view.mode != modeRate {
		return nil
	}
	first := int64(math.MaxInt64)
	lo, hi := from.UnixNano(), from.Add(2*step).UnixNano()
	for s := range f.rows {
		p := &a.f.parts[s]
		for _, i := range f.rows[s] {
			if f.view.rows[s][i].o > 0 && p.time[i] >= lo && p.time[i] < min(hi, first) {
				first = p.time[i]
			}
		}
	}
	if first == math.MaxInt64 {
		return nil
	}
	t := time.Unix(0, first).UTC()
	return &t
}
