package explain

import (
	"math"
	"runtime"
	"sync"
)

// obs is what one Call brings to the scores of the sets that it is in.
type obs struct {
	n float32 // Calls that it counts for
	s float32 // how far its number is from what was expected
	o float32 // events: failures, numbers in the tail, or an amount
	e float32 // events expected
}

// cell adds up the Calls of a set.
type cell struct{ n, s, o, e float64 }

func (c *cell) add(o *obs) {
	c.n += float64(o.n)
	c.s += float64(o.s)
	c.o += float64(o.o)
	c.e += float64(o.e)
}

func (c cell) minus(d cell) cell { return cell{c.n - d.n, c.s - d.s, c.o - d.o, c.e - d.e} }

// The least numbers that logarithms are taken of.
func (m *metricInfo) floor() float64 {
	switch m.num {
	case NumInputTokens, NumOutputTokens, NumTotalTokens:
		return 1
	case NumCost:
		return 1e-7
	case NumTokensPerSecond:
		return 0.01
	default: // as below
	}
	return 1e-4
}

// scaled is the number on the scale on which it varies evenly.
func (m *metricInfo) scaled(x float32) float64 {
	if m.log {
		return math.Log(max(float64(x), m.floor()))
	}
	return float64(x)
}

const (
	fitRows       = 150_000 // Calls of the baseline that the model is fitted on
	fitSweeps     = 3
	meanShrinkage = 10.0 // Calls that an effect of 0 counts for
	rateShrinkage = 3.0  // expected events that a factor of 1 counts for
)

// adjustable are the dimensions whose mix the model takes into account, coarse
// ones first: of two that say the same the first gets the effect. The length of
// the input is left out, because longer prompts are a finding, not a background.
func (f *frame) adjustable() []int {
	dims := []int{}
	for _, d := range []Dim{
		DimProvider, DimModel, DimUpstream, DimRegion, DimService, DimEnvironment, DimOperation, DimStream,
		DimFeature, DimPrompt, DimAgent, DimWorkflow, DimServiceTier, DimSource, DimDialect,
	} {
		dims = append(dims, int(d))
	}
	for i := NumDims; i < len(f.dicts); i++ {
		dims = append(dims, i)
	}
	dims = append(dims, int(DimUser), int(DimPromptVersion))
	out := dims[:0]
	for _, d := range dims {
		if f.usable(d) {
			out = append(out, d)
		}
	}
	return out
}

// usable reports whether a dimension tells Calls apart, and not each from every
// other.
func (f *frame) usable(d int) bool {
	values := len(f.dicts[d].values) - 2
	total := f.parts[window].n + f.parts[baseline].n
	return values >= 1 && (values <= 50 || values*5 <= total)
}

// model says what a Call is expected to be like from its dimensions, by the
// Calls of the baseline: a sum of effects, or a product of factors.
type model struct {
	base    float64
	dims    []int
	effects [][]float32 // by position in dims, by code
}

// predict fills out with the sum of effects for each Call of a side.
func (m *model) predict(p *part, out []float32) {
	for i := range out {
		out[i] = float32(m.base)
	}
	for k, d := range m.dims {
		eff, col := m.effects[k], p.cols[d][:len(out)]
		for i, c := range col {
			out[i] += eff[c]
		}
	}
}

// fitModel fits the effects to the Calls of the baseline. Where rates is set, y
// are events, and effects are logarithms of factors on their rate.
func (f *frame) fitModel(y []float32, rates bool) *model {
	p := &f.parts[baseline]
	m := &model{dims: f.adjustable()}
	stride := max(1, (p.n+fitRows-1)/fitRows)
	var rows []int32
	for i := 0; i < p.n; i += stride {
		rows = append(rows, int32(i))
	}
	var sum, n float64
	for _, i := range rows {
		sum += float64(p.weight[i]) * float64(y[i])
		n += float64(p.weight[i])
	}
	if n == 0 {
		return m
	}
	m.base = sum / n
	if rates {
		m.base = math.Log((sum + 0.5) / (n + 1))
	}
	pred := make([]float32, len(rows))
	for i := range pred {
		pred[i] = float32(m.base)
	}
	for _, d := range m.dims {
		m.effects = append(m.effects, make([]float32, len(f.dicts[d].values)))
	}
	for range fitSweeps {
		for k, d := range m.dims {
			m.update(p, rows, y, pred, k, d, rates)
		}
	}
	return m
}

// update fits the effects of one dimension to what the others leave.
func (m *model) update(p *part, rows []int32, y, pred []float32, k, d int, rates bool) {
	eff, col := m.effects[k], p.cols[d]
	got, base := make([]float64, len(eff)), make([]float64, len(eff))
	for j, i := range rows {
		c, w := col[i], float64(p.weight[i])
		if rates {
			got[c] += w * float64(y[i])
			base[c] += w * math.Exp(float64(pred[j]))
		} else {
			got[c] += w * float64(y[i]-pred[j]+eff[c])
			base[c] += w
		}
	}
	change := make([]float32, len(eff))
	for c := range eff {
		var next float32
		if rates {
			// The factor so far is in base: the new one is on top of it.
			next = eff[c] + float32(math.Log((got[c]+rateShrinkage)/(base[c]+rateShrinkage)))
			next = min(max(next, -5), 7)
		} else {
			next = float32(got[c] / (base[c] + meanShrinkage))
		}
		change[c] = next - eff[c]
		eff[c] = next
	}
	for j, i := range rows {
		pred[j] += change[col[i]]
	}
}

// workers is how many goroutines share the work of one question.
func workers() int { return min(runtime.GOMAXPROCS(0), 4) }

// parallel calls do for 0 to n-1 from several goroutines.
func parallel(n int, do func(i int)) {
	k := min(workers(), n)
	if k <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range k {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	wg.Wait()
}
