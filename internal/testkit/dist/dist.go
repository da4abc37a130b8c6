package dist

import (
	"math"
	"math/rand/v2"
	"slices"
)

// grid are the probabilities at which a table of quantiles is given. The tails
// are dense because they are what dashboards and alerts are about.
var grid = [...]float64{0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1}

// Points is the number of quantiles in a table.
const Points = len(grid)

// Grid returns the probabilities of a table's quantiles.
func Grid() []float64 { return grid[:] }

// Table is a distribution as its quantiles at Grid, in ascending order.
type Table [Points]float64

// Fit returns the Table of a sample, which it sorts. An empty sample gives the
// zero Table.
func Fit(sample []float64) Table {
	var t Table
	if len(sample) == 0 {
		return t
	}
	slices.Sort(sample)
	for i, p := range grid {
		t[i] = sorted(sample, p)
	}
	return t
}

func sorted(xs []float64, p float64) float64 {
	i := p * float64(len(xs)-1)
	lo := int(i)
	hi := min(lo+1, len(xs)-1)
	return xs[lo] + (xs[hi]-xs[lo])*(i-float64(lo))
}

// At returns the quantile at probability p, linear between the table's points.
func (t *Table) At(p float64) float64 {
	i, found := slices.BinarySearch(grid[:], p)
	switch {
	case found:
		return t[i]
	case i == 0:
		return t[0]
	case i == Points:
		return t[Points-1]
	}
	f := (p - grid[i-1]) / (grid[i] - grid[i-1])
	return t[i-1] + (t[i]-t[i-1])*f
}

// Mean is the mean of the distribution that At describes.
func (t *Table) Mean() float64 {
	var m float64
	for i := 1; i < Points; i++ {
		m += (grid[i] - grid[i-1]) * (t[i] + t[i-1]) / 2
	}
	return m
}

// Dist is a distribution of non-negative numbers. The zero Dist is always 0.
type Dist struct {
	table *Table
	scale float64 // factor of the table, median of the log-normal, or the constant
	sigma float64
	top   float64 // largest value, 0 for none
}

// Const is always v.
func Const(v float64) Dist { return Dist{scale: v} }

// LogNormal has the given median; sigma is the standard deviation of the
// logarithm. Values are cut at the 99.95 % quantile, so that one draw cannot
// hold up a run for minutes.
func LogNormal(median, sigma float64) Dist {
	return Dist{scale: median, sigma: sigma, top: median * math.Exp(3.29*sigma)}
}

// FromTable draws from a table of quantiles. The table is not copied.
func FromTable(t *Table) Dist { return Dist{table: t, scale: 1} }

// Scale returns d with every value multiplied by f.
func (d Dist) Scale(f float64) Dist {
	d.scale *= f
	d.top *= f
	return d
}

// IsZero reports whether d is always 0.
func (d Dist) IsZero() bool { return d.scale == 0 }

// At returns the quantile at probability p.
func (d Dist) At(p float64) float64 {
	switch {
	case d.table != nil:
		return d.scale * d.table.At(p)
	case d.sigma != 0:
		v := d.scale * math.Exp(d.sigma*math.Sqrt2*math.Erfinv(2*p-1))
		return min(v, d.top)
	}
	return d.scale
}

// Sample draws one value.
func (d Dist) Sample(r *rand.Rand) float64 {
	switch {
	case d.table != nil:
		return d.scale * d.table.At(r.Float64())
	case d.sigma != 0:
		return min(d.scale*math.Exp(d.sigma*r.NormFloat64()), d.top)
	}
	return d.scale
}
