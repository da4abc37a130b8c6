package events

import (
	"math"
	"slices"

	"github.com/pitot-dev/pitot/internal/llm"
)

// What is said of samples is said with this confidence.
const (
	confidence = 0.95
	alpha      = 1 - confidence
	z95        = 1.959963984540054 // of the normal distribution, two-sided
)

// Interval is a value with the bounds that it lies between. A bound is unknown
// where there are too few observations for one.
type Interval struct {
	Value float64          `json:"value"`
	Low   llm.Opt[float64] `json:"low,omitzero"`
	High  llm.Opt[float64] `json:"high,omitzero"`
}

// wilson is Wilson's interval of a share of k in n.
func wilson(k, n float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	p, z2 := k/n, z95*z95
	mid := (p + z2/(2*n)) / (1 + z2/n)
	half := z95 / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return max(0, mid-half), min(1, mid+half)
}

// normalTail is the two-sided p-value of a standard normal z.
func normalTail(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// minExpected is the least count that one expects in a cell for the normal
// approximation to hold; below, the exact test is made.
const minExpected = 5

// twoProportions is the two-sided p-value of the shares k1 in n1 and k2 in n2
// being one: the z-test of the pooled share, or Fisher's exact test where
// counts are small.
func twoProportions(k1, n1, k2, n2 float64) float64 {
	k, n := k1+k2, n1+n2
	if n1 <= 0 || n2 <= 0 || k <= 0 || k >= n {
		return 1
	}
	if min(n1, n2)*min(k, n-k)/n < minExpected {
		round := func(v float64) int { return int(math.Round(v)) }
		return fisher(round(k1), round(n1), round(k2), round(n2))
	}
	p := k / n
	return normalTail((k1/n1 - k2/n2) / math.Sqrt(p*(1-p)*(1/n1+1/n2)))
}

// fisher is the two-sided p-value of Fisher's exact test: the sum of the
// probabilities of all tables that are no likelier than the given one.
func fisher(k1, n1, k2, n2 int) float64 {
	k := k1 + k2
	lo, hi := max(0, k-n2), min(k, n1)
	at := func(i int) float64 { return logChoose(n1, i) + logChoose(n2, k-i) - logChoose(n1+n2, k) }
	given := at(k1)
	sum := 0.0
	for i := lo; i <= hi; i++ {
		if l := at(i); l <= given+1e-7 {
			sum += math.Exp(l)
		}
	}
	return min(1, sum)
}

func logChoose(n, k int) float64 {
	g := func(v int) float64 {
		l, _ := math.Lgamma(float64(v) + 1)
		return l
	}
	return g(n) - g(k) - g(n-k)
}

// exactRanks is up to how many observations ranks come from the binomial
// distribution itself.
const exactRanks = 10_000

// quantileRanks are the ranks, of n observations in order, between which the
// q-th quantile lies, whatever the distribution is. low 0 and high n+1 mean that
// there is no observation to bound it.
func quantileRanks(n int, q float64) (low, high int) {
	if n > exactRanks {
		mid, half := float64(n)*q, z95*math.Sqrt(float64(n)*q*(1-q))
		return max(0, int(math.Floor(mid-half))), min(n+1, int(math.Ceil(mid+half))+1)
	}
	// The i-th observation is below the quantile with the probability that at
	// least i of n are: low is the last i for which that is nearly sure.
	sum, high := 0.0, n+1
	for i := range n + 1 {
		sum += math.Exp(logChoose(n, i) + float64(i)*math.Log(q) + float64(n-i)*math.Log1p(-q))
		if sum <= alpha/2 {
			low = i + 1
		}
		if sum >= 1-alpha/2 {
			high = i + 1
			break
		}
	}
	return low, high
}

// moments are the mean and variance of a sample.
type moments struct {
	n, mean, variance float64
}

// momentsOf takes the number of values, their sum and the sum of their squares.
// effective is how many independent values they are worth.
func momentsOf(n, sum, squares, effective float64) moments {
	m := moments{n: effective}
	if n <= 0 {
		return moments{}
	}
	m.mean = sum / n
	if v := squares/n - m.mean*m.mean; effective > 1 && v > 0 {
		m.variance = v * effective / (effective - 1)
	}
	return m
}

// interval is Student's interval of the mean.
func (m moments) interval() Interval {
	i := Interval{Value: m.mean}
	if m.n >= 2 {
		half := studentQuantile(m.n-1) * math.Sqrt(m.variance/m.n)
		i.Low, i.High = llm.Some(m.mean-half), llm.Some(m.mean+half)
	}
	return i
}

// welch is the two-sided p-value of two means being one, with unequal variances.
func welch(a, b moments) float64 {
	va, vb := a.variance/a.n, b.variance/b.n
	if a.n < 2 || b.n < 2 || va+vb == 0 {
		if a.mean == b.mean || a.n < 2 || b.n < 2 {
			return 1
		}
		return 0
	}
	t := (a.mean - b.mean) / math.Sqrt(va+vb)
	df := (va + vb) * (va + vb) / (va*va/(a.n-1) + vb*vb/(b.n-1))
	return studentTail(t, df)
}

// studentTail is the two-sided p-value of a t with df degrees of freedom.
func studentTail(t, df float64) float64 { return incompleteBeta(df/2, 0.5, df/(df+t*t)) }

// studentQuantile is the t beyond which lie alpha/2 on each side.
func studentQuantile(df float64) float64 {
	low, high := 0.0, 1000.0
	for range 100 {
		mid := (low + high) / 2
		if studentTail(mid, df) > alpha {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// incompleteBeta is the regularised incomplete beta function, by its continued
// fraction in the form of Lentz.
func incompleteBeta(a, b, x float64) float64 {
	if x <= 0 || x >= 1 {
		return min(max(x, 0), 1)
	}
	if x > (a+1)/(a+b+2) { // the fraction converges fast on the other side
		return 1 - incompleteBeta(b, a, 1-x)
	}
	lab, _ := math.Lgamma(a + b)
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log1p(-x)) / a
	const tiny = 1e-300
	nonZero := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	f, c, d := 1.0, 1.0, 0.0
	for i := range 500 {
		m := float64(i / 2)
		num := 1.0
		switch {
		case i == 0:
		case i%2 == 0:
			num = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			num = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		d = 1 / nonZero(1+num*d)
		c = nonZero(1 + num/c)
		f *= c * d
		if math.Abs(1-c*d) < 1e-14 {
			break
		}
	}
	return front * (f - 1)
}

// holm corrects p-values for their number, in place, so that the chance of any
// false finding among them stays below alpha.
func holm(ps []*float64) {
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b *float64) int {
		switch {
		case *a < *b:
			return -1
		case *a > *b:
			return 1
		}
		return 0
	})
	worst := 0.0
	for i, p := range sorted {
		worst = max(worst, min(1, *p*float64(len(sorted)-i)))
		*p = worst
	}
}

// quantileInterval is the q-th quantile of what s counts, of which there are
// effective independent observations.
func (s sketch) quantileInterval(q, effective float64) Interval {
	i := Interval{Value: s.quantile(q)}
	n := int(math.Round(effective))
	if n < 1 {
		return i
	}
	low, high := quantileRanks(n, q)
	if low > 0 {
		i.Low = llm.Some(min(i.Value, s.quantile(float64(low)/float64(n))))
	}
	if high <= n {
		i.High = llm.Some(max(i.Value, s.quantile(float64(high)/float64(n))))
	}
	return i
}

// quantileTest is the p-value of two distributions having one q-th quantile:
// Mood's median test, for any quantile. It compares which share of each lies
// above the quantile of both together. above says that more of a does.
func quantileTest(a, b sketch, q, effectiveA, effectiveB float64) (p float64, above bool) {
	na, nb := float64(a.count()), float64(b.count())
	if na == 0 || nb == 0 {
		return 1, false
	}
	both := sketch{}
	both.add(a)
	both.add(b)
	edge, best, seen := 0, math.Inf(1), 0.0
	for _, k := range sortedBuckets(both) {
		seen += float64(both[k])
		if off := math.Abs(seen/(na+nb) - q); seen < na+nb && off < best {
			edge, best = k, off
		}
	}
	if math.IsInf(best, 1) {
		return 1, false // all are in one bucket
	}
	sa, sb := a.shareAbove(edge), b.shareAbove(edge)
	return twoProportions(sa*effectiveA, effectiveA, sb*effectiveB, effectiveB), sa > sb
}

func (s sketch) shareAbove(edge int) float64 {
	above, all := 0.0, 0.0
	for k, n := range s {
		all += float64(n)
		if k > edge {
			above += float64(n)
		}
	}
	return above / all
}

func sortedBuckets(s sketch) []int {
	keys := make([]int, 0, len(s))
	for k := range s {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
