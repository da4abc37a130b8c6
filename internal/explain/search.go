package explain

import (
	"cmp"
	"math"
	"slices"
)

// cond says that a dimension has the value of a code.
type cond struct {
	dim  int
	code uint16
}

// candidate is a set of Calls that may be a cause.
type candidate struct {
	conds []cond
	w, b  cell
	judged
	score float64 // llr less the price of its conditions
}

// Width of the beam at each depth, and the most of one dimension in it.
const (
	beamOne   = 12
	beamTwo   = 6
	beamOfDim = 3
)

// leastOfBest is the part of the best score that a set must have to be split
// further, and hopeless the score below which a search for further causes does
// not look at conjunctions.
const (
	leastOfBest = 0.01
	hopeless    = 8
)

// deeper is the factor on the score for each condition more: of two nearly equal
// explanations the simpler one is better.
const deeper = 0.995

// searcher looks for the sets of Calls that changed.
type searcher struct {
	v      *view
	dims   []int
	price  []float64 // of a condition, by dimension
	tables [2][][]cell
	looked int
	seen   map[string]bool
}

func newSearcher(v *view, dims []int) *searcher {
	s := &searcher{v: v, dims: dims, price: make([]float64, len(v.f.dicts))}
	for _, d := range dims {
		s.price[d] = 1 + 0.5*math.Log(float64(len(v.f.dicts[d].values)))
	}
	s.tables = s.tabulate([2][]int32{}, true)
	return s
}

// tabulate adds up Calls by the value of every dimension: all of them, or those
// of rows.
func (s *searcher) tabulate(rows [2][]int32, all bool) (t [2][][]cell) {
	for side := range t {
		t[side] = make([][]cell, len(s.v.f.dicts))
	}
	parallel(2*len(s.dims), func(i int) {
		side, d := i%2, s.dims[i/2]
		cells := make([]cell, len(s.v.f.dicts[d].values))
		col, obs := s.v.f.parts[side].cols[d], s.v.rows[side]
		if all {
			for j, c := range col {
				cells[c].add(&obs[j])
			}
		} else {
			for _, j := range rows[side] {
				cells[col[j]].add(&obs[j])
			}
		}
		t[side][d] = cells
	})
	return t
}

// run returns candidates, best first. again says that a cause has been found
// before.
func (s *searcher) run(maxDepth int, again bool) []candidate {
	s.seen = map[string]bool{}
	level := s.expand(nil, s.tables)
	all := slices.Clone(level)
	if again && (len(all) == 0 || all[0].score < hopeless) {
		return all
	}
	for depth := 2; depth <= maxDepth && len(level) > 0; depth++ {
		width := beamOne
		if depth > 2 {
			width = beamTwo
		}
		var next []candidate
		least := max(2, leastOfBest*level[0].llr)
		for i := range beam(level, width, least) {
			parent := &level[i]
			next = append(next, s.expand(parent, s.tabulate(s.v.f.rowsOf(parent.conds), false))...)
		}
		byScore(next)
		level = next
		all = append(all, next...)
	}
	byScore(all)
	return all
}

func byScore(c []candidate) {
	slices.SortStableFunc(c, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), compareConds(a.conds, b.conds))
	})
}

func compareConds(a, b []cond) int {
	return slices.CompareFunc(a, b, func(x, y cond) int {
		return cmp.Or(cmp.Compare(x.dim, y.dim), cmp.Compare(x.code, y.code))
	})
}

// beam moves the candidates to go on with to the front and returns them: the
// best, but not all of one dimension.
func beam(level []candidate, width int, least float64) []candidate {
	count := map[int]int{}
	n := 0
	for i := range level {
		if n == width || level[i].llr <= least {
			break
		}
		d := level[i].conds[0].dim
		if count[d] == beamOfDim {
			continue
		}
		count[d]++
		c := level[i]
		copy(level[n+1:i+1], level[n:i])
		level[n] = c
		n++
	}
	return level[:n]
}

// expand makes the candidates that have one condition more than parent.
func (s *searcher) expand(parent *candidate, t [2][][]cell) []candidate {
	var out []candidate
	for _, d := range s.dims {
		if parent != nil && slices.ContainsFunc(parent.conds, func(c cond) bool { return c.dim == d }) {
			continue
		}
		for code := codeOther + 1; code < len(s.v.f.dicts[d].values); code++ {
			w, b := t[window][d][code], t[baseline][d][code]
			if !s.v.supported(w, b) {
				continue
			}
			if parent != nil && w.n >= 0.995*parent.w.n && b.n >= 0.995*parent.b.n {
				continue // the same Calls
			}
			s.looked++
			c := candidate{conds: []cond{{d, uint16(code)}}, w: w, b: b}
			if parent != nil {
				c.conds = append(slices.Clone(parent.conds), c.conds...)
				slices.SortFunc(c.conds, func(a, b cond) int { return cmp.Compare(a.dim, b.dim) })
				key := condsKey(c.conds)
				if s.seen[key] {
					continue
				}
				s.seen[key] = true
			}
			c.judged = s.v.judge(w, b)
			if c.llr > 2 {
				c.score = s.scoreOf(&c)
				out = append(out, c)
			}
		}
	}
	byScore(out)
	// Users and tags may have thousands of values: only the best can matter.
	return out[:min(len(out), 400)]
}

func (s *searcher) scoreOf(c *candidate) float64 {
	score := c.llr * math.Pow(deeper, float64(max(len(c.conds)-1, 0)))
	for _, k := range c.conds {
		score -= s.price[k.dim]
	}
	return score
}

func condsKey(cs []cond) string {
	b := make([]byte, 0, 3*len(cs))
	for _, c := range cs {
		b = append(b, byte(c.dim), byte(c.code), byte(c.code>>8))
	}
	return string(b)
}

// rowsOf are the Calls that fulfil all conditions.
func (f *frame) rowsOf(conds []cond) (rows [2][]int32) {
	parallel(2, func(side int) { rows[side] = f.parts[side].rowsOf(conds) })
	return rows
}

func (p *part) rowsOf(conds []cond) []int32 {
	rows := make([]int32, 0, p.n/4+1)
	if len(conds) == 0 {
		for i := range p.n {
			rows = append(rows, int32(i))
		}
		return rows
	}
	first, rest := conds[0], conds[1:]
next:
	for i, c := range p.cols[first.dim] {
		if c != first.code {
			continue
		}
		for _, k := range rest {
			if p.cols[k.dim][i] != k.code {
				continue next
			}
		}
		rows = append(rows, int32(i))
	}
	return rows
}

// A value changed as the candidate did where its effect is at least alikeEffect
// of the candidate's and itself beyond chance.
const (
	alikeEffect = 0.2
	alikeZ      = 2
	alikeShare  = 0.7 // of the Calls that are left out
	fewCalls    = 0.1 // of the candidate's
	sameCalls   = 0.01
)

// generalise drops conditions as long as most of what they leave out changed as
// well: what adds a delay to every answer shows most in the short ones, and is
// not about short answers.
func (s *searcher) generalise(c candidate) candidate {
	for len(c.conds) > 0 {
		best, found := candidate{}, false
		for i := range c.conds {
			p := candidate{conds: slices.Delete(slices.Clone(c.conds), i, i+1)}
			t := s.tables
			p.w, p.b = s.v.root[window], s.v.root[baseline]
			if len(p.conds) > 0 {
				rows := s.v.f.rowsOf(p.conds)
				t = s.tabulate(rows, false)
				p.w, p.b = s.v.sum(rows)
			}
			if !s.alike(&c, &p, c.conds[i], t) {
				continue
			}
			p.judged = s.v.judge(p.w, p.b)
			p.score = s.scoreOf(&p)
			if !found || p.llr > best.llr {
				best, found = p, true
			}
		}
		if !found {
			return c
		}
		c = best
	}
	return c
}

// alike reports whether what a condition of c leaves out of the wider set p
// changed as c did.
func (s *searcher) alike(c, p *candidate, k cond, t [2][][]cell) bool {
	v := s.v
	rest := [2]cell{p.w.minus(c.w), p.b.minus(c.b)}
	size := func(w, b cell) float64 {
		if v.mode == modeVolume {
			return max(w.o, b.o)
		}
		return w.n
	}
	total, own := size(rest[window], rest[baseline]), size(c.w, c.b)
	if total < sameCalls*own {
		return !(c.b.n == 0 && p.b.n > 0) // the same Calls; a new value says more than an old one
	}
	if total < fewCalls*own {
		// Too few to show it by themselves: they are taken along where they may have
		// changed, too.
		return !v.contradicts(c.stat, c.effect, rest[window], rest[baseline])
	}
	if !s.changedAs(c, rest[window], rest[baseline]) {
		return false
	}
	var told, same float64
	for code := range t[window][k.dim] {
		if uint16(code) == k.code {
			continue
		}
		w, b := t[window][k.dim][code], t[baseline][k.dim][code]
		if !v.supported(w, b) {
			continue
		}
		switch n := size(w, b); {
		case s.changedAs(c, w, b):
			same += n
			told += n
		case v.contradicts(c.stat, c.effect, w, b):
			told += n
		}
	}
	if told < 0.3*total {
		return true // no single value can be told, but all together did change
	}
	return same >= alikeShare*told
}

// changedAs reports whether a set changed beyond chance, and in good part as
// much as c.
func (s *searcher) changedAs(c *candidate, w, b cell) bool {
	if !s.v.supported(w, b) {
		return false
	}
	e, z := s.v.effectOf(c.stat, w, b)
	return e*sign(c.effect) >= alikeEffect*math.Abs(c.effect) && z*sign(c.effect) >= alikeZ
}

// sum adds up the Calls of rows.
func (v *view) sum(rows [2][]int32) (w, b cell) {
	for _, i := range rows[window] {
		w.add(&v.rows[window][i])
	}
	for _, i := range rows[baseline] {
		b.add(&v.rows[baseline][i])
	}
	return w, b
}
