package explain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

// world is a made-up company whose calls the tests explain: correlated
// dimensions, skewed users, models of different speed and price, providers that
// drift and fail a little all the time, traffic with a daily shape and bursts.
type world struct {
	r             *rand.Rand
	models        []wModel
	features      []wFeature
	users         []wUser
	cumUser       []float64
	cumFeat       []float64
	usageOfErrors bool    // failed calls have token counts
	evenErrors    bool    // every provider fails alike
	phases        bool    // servers say how long calls queued
	growth        float64 // of the traffic in the window
	driftSD       float64
	drift         map[string]map[int]float64
}

type wModel struct {
	name, provider, upstream, region, answers     string
	ttft, perIn, tpot, errRate, inPrice, outPrice float64
	share                                         float64
}

type wFeature struct {
	name, service, env, prompt, team, agent string
	version                                 int
	models                                  []int // preferred first
	stream                                  float64
	in, out, share                          float64
	maxTokens                               float64
}

type wUser struct {
	name, key string
	share     float64
	feature   int // preferred
	bad       float64
}

// call is a row and what the generator knows of it.
type call struct {
	row          Row
	model        *wModel
	feature      *wFeature
	in, out      float64
	ttft, perTok float64
	queue, stall float64
	fail         string // error type
	failStatus   int
	stream       bool
	length       bool
	quality      float64
	inWindow     bool
}

func newWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 77))
	w := &world{r: r, usageOfErrors: r.IntN(2) == 0, phases: r.IntN(3) == 0, growth: 1, driftSD: 0.04, drift: map[string]map[int]float64{}}
	providers := []string{"openai", "anthropic", "deepseek", "ollama", "gemini"}[:2+r.IntN(4)]
	regions := []string{"eu-west", "us-east", "ap-south"}
	for _, p := range providers {
		up := p
		region := regions[r.IntN(3)]
		for m := range 1 + r.IntN(3) {
			if m > 0 && r.IntN(4) == 0 {
				up = p + "-b"
			}
			if r.IntN(3) == 0 {
				region = regions[r.IntN(3)]
			}
			price := math.Exp(r.NormFloat64()) * 1e-6
			w.models = append(w.models, wModel{
				name: fmt.Sprintf("%s-m%d", p, m), answers: fmt.Sprintf("%s-m%d-2026-05-01", p, m), provider: p, upstream: up, region: region,
				ttft: 0.15 * math.Exp(0.5*r.NormFloat64()), perIn: 6e-5 * math.Exp(0.4*r.NormFloat64()), tpot: 0.02 * math.Exp(0.4*r.NormFloat64()),
				errRate: 0.002 + 0.012*r.Float64(), inPrice: price, outPrice: 4 * price, share: math.Exp(0.7 * r.NormFloat64()),
			})
		}
	}
	services := []string{"chat", "search", "code", "docs", "support"}[:2+r.IntN(4)]
	for f := range 5 + r.IntN(7) {
		s := services[r.IntN(len(services))]
		ft := wFeature{
			name: fmt.Sprintf("f%d", f), service: s, env: "prod", prompt: fmt.Sprintf("p%d", f), version: 1 + r.IntN(3), team: "team-" + s[:2],
			stream: []float64{0, 0.5, 0.95, 1}[r.IntN(4)], in: 400 * math.Exp(0.8*r.NormFloat64()), out: 120 * math.Exp(0.6*r.NormFloat64()),
			share: math.Exp(0.6 * r.NormFloat64()), maxTokens: 4096,
		}
		if r.IntN(3) == 0 {
			ft.agent = "agent-" + ft.name
		}
		if r.IntN(8) == 0 {
			ft.env = "staging"
		}
		ft.models = r.Perm(len(w.models))
		w.features = append(w.features, ft)
	}
	n := 30 + r.IntN(300)
	for u := range n {
		w.users = append(w.users, wUser{name: fmt.Sprintf("u%d", u), key: fmt.Sprintf("k%d", u%9), share: 1 / math.Pow(float64(u+2), 0.9), feature: r.IntN(len(w.features)), bad: 0.004 * r.ExpFloat64()})
	}
	w.index()
	return w
}

func (w *world) index() {
	w.cumUser, w.cumFeat = nil, nil
	t := 0.0
	for _, u := range w.users {
		t += u.share
		w.cumUser = append(w.cumUser, t)
	}
	t = 0
	for _, f := range w.features {
		t += f.share
		w.cumFeat = append(w.cumFeat, t)
	}
}

func pickFrom(cum []float64, x float64) int {
	x *= cum[len(cum)-1]
	lo, hi := 0, len(cum)-1
	for lo < hi {
		if mid := (lo + hi) / 2; cum[mid] < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// driftOf is how a provider fares at a time: a factor that wanders.
func (w *world) driftOf(p string, t time.Time) float64 {
	if w.drift[p] == nil {
		w.drift[p] = map[int]float64{}
	}
	k := int(t.Unix() / 300)
	v, ok := w.drift[p][k]
	if !ok {
		prev := w.drift[p][k-1]
		v = 0.7*prev + w.driftSD*w.r.NormFloat64()
		w.drift[p][k] = v
	}
	return math.Exp(v)
}

// draw makes a call as it would be on a good day.
func (w *world) draw(t time.Time) *call {
	r := w.r
	c := &call{quality: math.NaN()}
	u := &w.users[pickFrom(w.cumUser, r.Float64())]
	fi := pickFrom(w.cumFeat, r.Float64())
	if r.Float64() < 0.5 {
		fi = u.feature
	}
	c.feature = &w.features[fi]
	mi := c.feature.models[0]
	if x := r.Float64(); x > 0.75 && len(c.feature.models) > 1 {
		mi = c.feature.models[1]
		if x > 0.93 {
			mi = r.IntN(len(w.models))
		}
	}
	c.model = &w.models[mi]
	c.in = min(max(c.feature.in*math.Exp(0.8*r.NormFloat64()), 3), 120_000)
	c.out = max(c.feature.out*math.Exp(0.7*r.NormFloat64()), 2)
	c.stream = r.Float64() < c.feature.stream
	d := w.driftOf(c.model.provider, t)
	c.ttft = (c.model.ttft*math.Exp(0.35*r.NormFloat64()) + c.in*c.model.perIn*math.Exp(0.3*r.NormFloat64())) * d
	c.perTok = c.model.tpot * math.Exp(0.2*r.NormFloat64()) * d
	c.queue = 0.01 * r.ExpFloat64()
	c.quality = min(max(0.8+0.15*r.NormFloat64(), 0), 1)
	if c.out > c.feature.maxTokens {
		c.out, c.length = c.feature.maxTokens, true
	}
	if r.Float64() < 0.01 {
		c.length = true
	}
	rate := c.model.errRate
	if w.evenErrors {
		rate = 0.008
	}
	switch x := r.Float64(); {
	case x < rate*0.5:
		c.fail, c.failStatus = "rate_limit_exceeded", 429
	case x < rate*0.8:
		c.fail, c.failStatus = "server_error", 500
	case x < rate:
		c.fail, c.failStatus = "timeout", 0
	case !w.evenErrors && r.Float64() < u.bad:
		c.fail, c.failStatus = "invalid_value", 400
	}
	c.row.Time = t
	c.row.Values[DimUser] = u.name
	c.row.Tags = []Tag{{"key", u.key}, {"team", c.feature.team}}
	return c
}

var nextID atomic.Int64

// finish makes the row.
func (w *world) finish(c *call) Row {
	r := &c.row
	nums := r.Values
	tags, t := r.Tags, r.Time
	r.Reset()
	r.Values, r.Tags, r.Time = nums, tags, t
	id := nextID.Add(1)
	r.ID = fmt.Sprintf("01TEST%020d", id)
	r.TraceID = strconv.FormatUint(uint64(id)*0x9E3779B97F4A7C15, 16)
	m, f, v := c.model, c.feature, &r.Values
	v[DimProvider], v[DimModel], v[DimUpstream], v[DimRegion] = m.provider, m.name, m.upstream, m.region
	v[DimService], v[DimEnvironment], v[DimFeature], v[DimPrompt], v[DimPromptVersion] = f.service, f.env, f.name, f.prompt, strconv.Itoa(f.version)
	v[DimAgent], v[DimOperation], v[DimSource] = f.agent, "chat", "gateway"
	v[DimStream] = strconv.FormatBool(c.stream)
	v[DimStatus], v[DimHTTPStatus] = "ok", "200"
	if c.fail != "" {
		v[DimStatus], v[DimErrorType], v[DimHTTPStatus] = "error", c.fail, ""
		if c.failStatus != 0 {
			v[DimHTTPStatus] = strconv.Itoa(c.failStatus)
		}
		r.Nums[NumDuration] = c.queue + 0.05 + 0.1*w.r.ExpFloat64()
		if c.fail == "timeout" {
			r.Nums[NumDuration] = 30
		}
		if w.usageOfErrors {
			r.Nums[NumInputTokens] = math.Round(c.in)
		}
		return *r
	}
	v[DimResponseModel] = m.answers
	v[DimFinishReason] = "stop"
	if c.length {
		v[DimFinishReason] = "length"
	}
	ttft := c.ttft + c.queue
	out := math.Round(c.out)
	total := ttft + (out-1)*c.perTok + c.stall
	n := &r.Nums
	n[NumDuration], n[NumInputTokens], n[NumOutputTokens] = total, math.Round(c.in), out
	n[NumCost] = c.in*m.inPrice + out*m.outPrice
	n[NumQuality] = c.quality
	n[NumTokensPerSecond] = out / total
	if c.stream {
		n[NumTTFT] = ttft
		n[NumTPOT] = (total - ttft) / max(out-1, 1)
		n[NumTokensPerSecond] = 1 / n[NumTPOT]
		n[NumStall] = c.stall
	}
	if w.phases {
		n[NumQueue], n[NumPrefill] = c.queue, c.ttft
	}
	return *r
}

// epoch is when the windows of the tests begin.
var epoch = time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)

// times draws when calls arrive: with a daily shape, minutes that are busier
// than others, and clumps.
func (w *world) times(from, to time.Time, perSecond float64) []time.Time {
	var out []time.Time
	level := 0.0
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		hour := float64(t.Hour()) + float64(t.Minute())/60
		day := 1 + 0.5*math.Sin((hour-8)/24*2*math.Pi)
		level = 0.7*level + 0.12*w.r.NormFloat64()
		step := min(to.Sub(t), time.Minute)
		n := w.poisson(perSecond * day * math.Exp(level) * step.Seconds() / 1.3)
		for range n {
			at := t.Add(time.Duration(w.r.Float64() * float64(step)))
			out = append(out, at)
			for w.r.Float64() < 0.23 {
				at = at.Add(time.Duration(w.r.IntN(1000)) * time.Millisecond)
				if at.Before(to) {
					out = append(out, at)
				}
			}
		}
	}
	return out
}

func (w *world) poisson(mean float64) int {
	if mean > 50 {
		return max(int(math.Round(mean+math.Sqrt(mean)*w.r.NormFloat64())), 0)
	}
	n, p, l := 0, 1.0, math.Exp(-mean)
	for {
		p *= w.r.Float64()
		if p < l {
			return n
		}
		n++
	}
}

// scenario is a question with a known answer.
type scenario struct {
	kind   string
	metric Metric
	truth  [][]Condition // any of these is right; nil where nothing is to be found
	// affected says which calls the incident hit, for equivalence.
	affected map[string]bool
	phase    string
	since    time.Time
	rows     Rows
	req      Request
}

// build makes the calls of a scenario: from the ranges of its baseline and its
// window, with the incident applied to calls from since on.
func (w *world) build(s *scenario, windowLen time.Duration, perSecond float64, apply func(*call) bool, extra func(from, to time.Time) []*call) {
	win := Range{epoch, epoch.Add(windowLen)}
	info, _ := s.metric.info()
	s.req = Request{Metric: s.metric, Window: Selection{Ranges: []Range{win}}}
	s.affected = map[string]bool{}
	for _, r := range DefaultBaseline(info.family == famVolume, win) {
		for _, t := range w.times(r.Start, r.End, perSecond) {
			s.rows = append(s.rows, w.finish(w.draw(t)))
		}
	}
	if s.since.IsZero() {
		s.since = win.Start
	}
	for _, t := range w.times(win.Start, win.End, perSecond*w.growth) {
		c := w.draw(t)
		c.inWindow = true
		hit := !t.Before(s.since) && apply != nil && apply(c)
		row := w.finish(c)
		if hit {
			s.affected[row.ID] = true
		}
		s.rows = append(s.rows, row)
	}
	if extra != nil {
		for _, c := range extra(s.since, win.End) {
			row := w.finish(c)
			s.affected[row.ID] = true
			s.rows = append(s.rows, row)
		}
	}
}
