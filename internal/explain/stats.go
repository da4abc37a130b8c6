package explain

import "math"

// poisson is the log-likelihood ratio of o events where e were expected,
// against as many as there were.
func poisson(o, e float64) float64 {
	if e <= 0 {
		return 0
	}
	if o <= 0 {
		return e
	}
	return max(o*math.Log(o/e)-(o-e), 0)
}

// binomial is poisson for events of which each of n Calls has one at most: it
// knows that a Call without one says something, too.
func binomial(o, e, n float64) float64 {
	if e <= 0 || e >= n || o > n {
		return poisson(o, e)
	}
	llr := 0.0
	if o > 0 {
		llr += o * math.Log(o/e)
	}
	if o < n {
		llr += (n - o) * math.Log((n-o)/(n-e))
	}
	return max(llr, 0)
}

// twoPoisson is the log-likelihood ratio of two rates of events, o1 and o2,
// relative to expectations e1 and e2, against one common rate.
func twoPoisson(o1, e1, o2, e2 float64) float64 {
	if e1 <= 0 || e2 <= 0 || o1+o2 <= 0 {
		return 0
	}
	rho := (o1 + o2) / (e1 + e2)
	return poisson(o1, rho*e1) + poisson(o2, rho*e2)
}

// tailP is the chance that a standard normal number is further from 0 than z.
func tailP(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// llrP is the chance of a log-likelihood ratio with one degree of freedom.
func llrP(llr float64) float64 { return tailP(math.Sqrt(2 * max(llr, 0))) }

// The histogram of a number: bins by a constant factor.
const (
	histMin  = 1e-7
	histBins = 1600
)

var (
	histStep = math.Log(1.02) // bins are 2 % wide
	histLow  = math.Log(histMin)
)

// histogram counts values by size. The first bin is for 0 and what is smaller
// than histMin.
type histogram struct {
	counts [histBins]float64
	n      float64
	sum    float64
}

func bin(x float64) int {
	if x <= histMin {
		return 0
	}
	return min(1+int((math.Log(x)-histLow)/histStep), histBins-1)
}

func (h *histogram) add(x, w float64) {
	h.counts[bin(x)] += w
	h.n += w
	h.sum += w * x
}

// blend adds another histogram times a factor.
func (h *histogram) blend(o *histogram, factor float64) {
	for i, c := range &o.counts {
		h.counts[i] += factor * c
	}
	h.n += factor * o.n
	h.sum += factor * o.sum
}

// quantile is the middle of the bin of the quantile.
func (h *histogram) quantile(q float64) (float64, bool) {
	if h.n <= 0 {
		return 0, false
	}
	rank, seen := q*h.n, 0.0
	for i, c := range &h.counts {
		seen += max(c, 0)
		if seen >= rank && c > 0 {
			if i == 0 {
				return 0, true
			}
			return math.Exp(histLow + (float64(i)-0.5)*histStep), true
		}
	}
	return 0, false
}

// value is the metric of what the histogram holds.
func (h *histogram) value(m *metricInfo) (float64, bool) {
	if h.n <= 0 {
		return 0, false
	}
	if m.family == famQuantile {
		return h.quantile(m.quantile)
	}
	return h.sum / h.n, true
}
