package explain

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxDetails      = 3
	minDetailCalls  = 20
	detailShare     = 0.25 // of the cause's Calls
	detailRise      = 0.2  // more than before
	outcomeShare    = 0.6  // of the failures
	maxKinds        = 6
	maxExemplars    = 3
	exemplarOfMixAt = 0.5
)

// complete fills in what else is to be said of a finding. It is called before
// the Calls of the finding are taken out of its view.
func (a *analysis) complete(f *finding) {
	c := &f.cause
	st := a.when(f)
	c.Since, c.Until = st.since, st.until
	a.outcome(f)
	a.same(f)
	a.details(f)
	c.Exemplars = a.exemplars(f.rows[window], c)
	c.Filter = a.filter(c)
}

// amountOf is what a Call counts for in shares: amounts for volumes.
func (a *analysis) amountOf(s int, i int32) float64 {
	p := &a.f.parts[s]
	if a.info.family == famVolume {
		return float64(p.weight[i]) * float64(p.x[i])
	}
	return float64(p.weight[i])
}

// byValue adds up the Calls of rows by the value of a dimension.
func (a *analysis) byValue(s, dim int, rows []int32, of func(s int, i int32) float64) (sums []float64, total float64) {
	sums = make([]float64, len(a.f.dicts[dim].values))
	col := a.f.parts[s].cols[dim]
	for _, i := range rows {
		x := of(s, i)
		sums[col[i]] += x
		total += x
	}
	return sums, total
}

// outcome finds the kind of failure that most of the cause's failures are.
func (a *analysis) outcome(f *finding) {
	if a.info.metric != ErrorRate && a.info.metric != Errors {
		return
	}
	failed := func(s int, i int32) float64 {
		return float64(a.f.parts[s].weight[i]) * float64(a.f.parts[s].x[i])
	}
	c := &f.cause
	share := 0.0
	for _, d := range []Dim{DimHTTPStatus, DimErrorType} {
		sums, total := a.byValue(window, int(d), f.rows[window], failed)
		best := 0
		for code := codeOther + 1; code < len(sums); code++ {
			if sums[code] > sums[best] || best <= codeOther {
				best = code
			}
		}
		if best <= codeOther || best >= len(sums) || total <= 0 || sums[best]/total < outcomeShare {
			continue
		}
		c.Outcome = append(c.Outcome, Condition{d.String(), a.f.dicts[d].values[best]})
		if share == 0 || sums[best]/total < share {
			share = sums[best] / total
		}
		if _, all := a.byValue(window, int(d), a.f.parts[window].rowsOf(nil), failed); all > 0 {
			x := opt(sums[best] / all)
			if old, ok := c.EventShare.Get(); !ok || x.Or(0) < old {
				c.EventShare = x
			}
		}
	}
	if share > 0 {
		c.OutcomeShare = opt(share)
	}
}

// same finds other names for a cause of one condition.
func (a *analysis) same(f *finding) {
	if len(f.conds) != 1 {
		return
	}
	k := f.conds[0]
	for d := range numContext {
		if d == k.dim || d == int(DimInputBand) || len(f.rows[window]) == 0 {
			continue
		}
		code := a.f.parts[window].cols[d][f.rows[window][0]]
		if code <= codeOther {
			continue
		}
		alike := true
		for s := range f.rows {
			col, own := a.f.parts[s].cols[d], a.f.parts[s].cols[k.dim]
			for i, c := range col {
				if (c == code) != (own[i] == k.code) {
					alike = false
					break
				}
			}
		}
		if alike {
			f.cause.Same = append(f.cause.Same, Condition{a.f.dicts[d].name, a.f.dicts[d].values[code]})
		}
	}
}

// details finds what there is more of within the Calls of the cause than before.
func (a *analysis) details(f *finding) {
	if len(f.rows[window]) < minDetailCalls {
		return
	}
	var found []Detail
	for d := range a.f.dicts {
		if slices.ContainsFunc(f.conds, func(k cond) bool { return k.dim == d }) || !a.f.usable(d) {
			continue
		}
		outcome := d < NumDims && Dim(d).Outcome()
		if outcome && (Dim(d) != DimFinishReason || a.info.family == famRatio) {
			continue
		}
		w, nw := a.byValue(window, d, f.rows[window], a.amountOf)
		b, nb := a.byValue(baseline, d, f.rows[baseline], a.amountOf)
		for code := codeOther + 1; code < len(w); code++ {
			now, before := w[code]/nw, 0.0
			if nb > 0 {
				before = b[code] / nb
			}
			if now >= detailShare && (now-before >= detailRise || nb == 0 && now >= exemplarOfMixAt) {
				found = append(found, Detail{Dimension: a.f.dicts[d].name, Value: a.f.dicts[d].values[code], WindowShare: now, BaselineShare: before, New: len(f.rows[baseline]) < minBlockCalls})
			}
		}
	}
	if len(f.rows[baseline]) < minBlockCalls {
		// With nothing to compare with, only what nearly all have in common says something.
		found = slices.DeleteFunc(found, func(d Detail) bool { return d.WindowShare < 0.9 || slices.Contains(trivial(), d.Dimension) })
	}
	slices.SortStableFunc(found, func(x, y Detail) int {
		return cmp.Compare(y.WindowShare-y.BaselineShare, x.WindowShare-x.BaselineShare)
	})
	f.cause.Details = found[:min(len(found), maxDetails)]
}

// trivial are dimensions that many Calls have in common without meaning.
func trivial() []string {
	return []string{DimEnvironment.String(), DimOperation.String(), DimSource.String(), DimStream.String(), DimFinishReason.String(), DimDialect.String()}
}

// filter selects the Calls behind a cause elsewhere.
func (a *analysis) filter(c *Cause) Filter {
	sel := a.req.Window.with(c.Conditions...).with(c.Outcome...)
	if a.info.metric == ErrorRate || a.info.metric == Errors {
		sel = sel.with(Condition{DimStatus.String(), "error"})
	}
	if a.info.metric == TruncationRate {
		sel = sel.with(Condition{DimFinishReason.String(), "length"})
	}
	r := span(a.req.Window.Ranges)
	if c.Since != nil {
		r.Start = *c.Since
	}
	if c.Until != nil && c.Until.After(r.Start) {
		r.End = *c.Until
	}
	v := sel.Params(r)
	a.order(v)
	return Filter{LogsQL: sel.LogsQL(), Query: v.Encode(), Start: r.Start, End: r.End}
}

// order puts the telling Calls first.
func (a *analysis) order(v url.Values) {
	switch {
	case a.info.num == NumDuration && a.info.family != famRatio, a.info.num == NumTTFT, a.info.num == NumTPOT:
		v.Set("order", "slowest")
	case a.info.num == NumCost:
		v.Set("order", "costliest")
	}
}

// exemplars are Calls of the window that show the cause: the failed ones, spread
// over time, or those with the most telling numbers.
func (a *analysis) exemplars(rows []int32, c *Cause) []Exemplar {
	p := &a.f.parts[window]
	pick := make([]int32, 0, len(rows))
	for _, i := range rows {
		switch {
		case p.tally[i], p.ids[i] == "":
		case c != nil && c.Since != nil && p.time[i] < c.Since.UnixNano():
		case a.info.family == famRatio && p.x[i] == 0, a.info.metric == Errors && p.x[i] == 0:
		case c != nil && !a.hasOutcome(i, c.Outcome):
		default:
			pick = append(pick, i)
		}
	}
	byTime := func(i, j int32) int {
		return cmp.Or(cmp.Compare(p.time[i], p.time[j]), strings.Compare(p.ids[i], p.ids[j]))
	}
	switch {
	case a.info.family == famRatio || a.info.num == NumOne || a.info.num == NumErrors:
		slices.SortFunc(pick, byTime)
		if n := len(pick); n > maxExemplars {
			pick = []int32{pick[0], pick[n/2], pick[n-1]}
		}
	default:
		sign := float32(1)
		if a.info.badDown {
			sign = -1
		}
		slices.SortFunc(pick, func(i, j int32) int {
			return cmp.Or(cmp.Compare(sign*p.x[j], sign*p.x[i]), byTime(i, j))
		})
		pick = pick[:min(len(pick), maxExemplars)]
	}
	out := make([]Exemplar, 0, len(pick))
	for _, i := range pick {
		e := Exemplar{ID: p.ids[i], TraceID: p.traces[i], Time: time.Unix(0, p.time[i]).UTC()}
		if a.info.family == famRatio || a.info.num == NumOne || a.info.num == NumErrors {
			e.Error = a.f.dicts[DimErrorType].values[p.cols[DimErrorType][i]]
		} else {
			e.Value = opt(float64(p.x[i]))
		}
		out = append(out, e)
	}
	return out
}

func (a *analysis) hasOutcome(i int32, outcome []Condition) bool {
	for _, o := range outcome {
		d, ok := ParseDim(o.Dimension)
		if ok && a.f.dicts[d].values[a.f.parts[window].cols[d][i]] != o.Value {
			return false
		}
	}
	return true
}

// kinds lists the errors by what they were.
func (a *analysis) kinds() {
	if a.info.metric != ErrorRate && a.info.metric != Errors {
		return
	}
	var out []Kind
	for _, d := range []Dim{DimErrorType, DimHTTPStatus} {
		var sums [2][]float64
		var total [2]float64
		for s := range sums {
			sums[s], total[s] = a.byValue(s, int(d), a.f.parts[s].rowsOf(nil), func(s int, i int32) float64 {
				return float64(a.f.parts[s].weight[i]) * float64(a.f.parts[s].x[i])
			})
		}
		for code := codeOther + 1; code < len(sums[window]); code++ {
			if n := sums[window][code]; n > 0 {
				k := Kind{Dimension: d.String(), Value: a.f.dicts[d].values[code], Errors: math.Round(n * a.f.parts[window].scale), WindowShare: n / total[window]}
				if total[baseline] > 0 {
					k.BaselineShare = sums[baseline][code] / total[baseline]
				}
				out = append(out, k)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y Kind) int { return cmp.Compare(y.Errors, x.Errors) })
	a.out.Kinds = out[:min(len(out), maxKinds)]
}
