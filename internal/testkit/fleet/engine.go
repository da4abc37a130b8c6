package fleet

import (
	"math"
	"math/rand/v2"
	"time"
)

// tick is the grain of the simulation.
const tick = time.Second

// engineSpec describes a model server.
type engineSpec struct {
	name, model string
	sglang      bool
	rate        float64 // mean of requests a second
	maxRunning  int     // requests in one batch
	kvTokens    float64 // tokens that the KV cache holds
	prompt      float64 // median tokens of a prompt
	output      float64 // median tokens of an answer
	tpot        float64 // seconds a token in an empty batch
	full        float64 // how many times slower a full batch is
	prefill     float64 // seconds a prompt token
	cached      float64 // mean share of a prompt in the prefix cache
	incident    string  // what makes it overflow
}

// request is one that the server has.
type request struct {
	arrived, admitted, first time.Time
	prompt, cached           float64
	wanted, done             float64 // tokens of output
}

// engine is the state of a model server.
type engine struct {
	spec    engineSpec
	r       *rand.Rand
	level   float64 // logarithm of the slow wandering of its load
	now     time.Time
	waiting []request
	running []request

	kv                         float64 // share in use
	busy                       float64 // share of the last tick's time that the GPU worked
	promptTokens, outputTokens float64
	cacheQueries, cacheHits    float64
	preemptions                float64
	stopped, cut               float64 // ended requests by reason
	queue, ttft, itl, e2e      histogram
	prefill, decode            histogram
}

func newEngine(s engineSpec, seed uint64, start time.Time) *engine {
	e := &engine{spec: s, r: rand.New(rand.NewPCG(seed, hash(s.name))), now: start}
	for h, bounds := range map[*histogram][]float64{
		&e.queue: requestBounds, &e.ttft: ttftBounds, &e.itl: itlBounds, &e.e2e: requestBounds, &e.prefill: requestBounds, &e.decode: requestBounds,
	} {
		*h = histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
	}
	return e
}

// hash spreads names over seeds (FNV-1a).
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// step lets one tick pass under a load of so many times the usual one.
func (e *engine) step(load float64) {
	e.now = e.now.Add(tick)
	// The load wanders by a fifth or so within minutes.
	e.level = 0.995*e.level + 0.02*e.r.NormFloat64()
	e.arrive(e.spec.rate * load * math.Exp(e.level))
	e.admit()
	e.work()
	e.preempt()
}

func (e *engine) arrive(mean float64) {
	for range poisson(e.r, mean) {
		q := request{
			arrived: e.now.Add(-time.Duration(e.r.Float64() * float64(tick))),
			prompt:  math.Min(e.spec.prompt*math.Exp(0.8*e.r.NormFloat64()), 16_000),
			wanted:  math.Max(2, math.Min(e.spec.output*math.Exp(0.7*e.r.NormFloat64()), 4_000)),
		}
		q.cached = math.Floor(q.prompt*math.Min(0.95, e.spec.cached*2*e.r.Float64())/16) * 16
		e.waiting = append(e.waiting, q)
	}
	// A load balancer would not send more than this to one server.
	if over := len(e.waiting) - maxWaiting; over > 0 {
		e.waiting = e.waiting[over:]
		e.cut += float64(over)
	}
}

const maxWaiting = 140

// admit starts what waits while the batch and the KV cache have room.
func (e *engine) admit() {
	used := e.used()
	for len(e.waiting) > 0 && len(e.running) < e.spec.maxRunning {
		q := e.waiting[0]
		if used+q.prompt > 0.98*e.spec.kvTokens {
			break
		}
		used += q.prompt
		e.waiting = e.waiting[1:]
		q.admitted = later(q.arrived.Add(time.Duration(e.r.Float64()*20)*time.Millisecond), e.now.Add(-tick))
		prefill := (q.prompt - q.cached) * e.spec.prefill * (0.8 + 0.4*e.r.Float64())
		prefill *= 1 + 0.5*e.fill() // prompts wait for the batch's steps
		q.first = q.admitted.Add(seconds(prefill))
		e.promptTokens += q.prompt
		e.cacheQueries += q.prompt
		e.cacheHits += q.cached
		e.queue.observe(q.admitted.Sub(q.arrived).Seconds())
		e.prefill.observe(prefill)
		e.ttft.observe(q.first.Sub(q.arrived).Seconds())
		e.running = append(e.running, q)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (e *engine) fill() float64 { return float64(len(e.running)) / float64(e.spec.maxRunning) }

func (e *engine) used() float64 {
	var n float64
	for i := range e.running {
		n += e.running[i].prompt + e.running[i].done
	}
	return n
}

// perToken is the time per output token of the present batch.
func (e *engine) perToken() float64 { return e.spec.tpot * (1 + (e.spec.full-1)*e.fill()) }

// work generates for a tick and takes out what is done.
func (e *engine) work() {
	per := e.perToken()
	kept := e.running[:0]
	e.busy = 0
	for _, q := range e.running {
		from := later(q.first, e.now.Add(-tick))
		span := e.now.Sub(from).Seconds()
		if span <= 0 {
			kept = append(kept, q)
			e.busy = 1
			continue
		}
		n := math.Min(span/per, q.wanted-q.done)
		q.done += n
		e.outputTokens += n
		e.busy = math.Max(e.busy, n*per/tick.Seconds())
		e.itl.observeMany(per*(0.85+0.3*e.r.Float64()), uint64(n+0.5))
		if q.done < q.wanted {
			kept = append(kept, q)
			continue
		}
		end := from.Add(seconds(n * per))
		e.e2e.observe(end.Sub(q.arrived).Seconds())
		e.decode.observe(end.Sub(q.first).Seconds())
		e.stopped++
	}
	e.running = kept
	e.busy *= 0.55 + 0.45*e.fill()
}

// preempt pushes the youngest out of a KV cache that is full.
func (e *engine) preempt() {
	used := e.used()
	for used > 0.985*e.spec.kvTokens && len(e.running) > 1 {
		last := len(e.running) - 1
		q := e.running[last]
		used -= q.prompt + q.done
		e.running = e.running[:last]
		q.prompt, q.wanted, q.done = q.prompt+q.done, q.wanted-q.done, 0
		e.waiting = append([]request{q}, e.waiting...)
		e.preemptions++
	}
	e.kv = math.Min(used/e.spec.kvTokens, 1)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// poisson draws the number of events of a Poisson process.
func poisson(r *rand.Rand, mean float64) int {
	n, p, limit := 0, r.Float64(), math.Exp(-math.Min(mean, 600))
	for p > limit {
		p *= r.Float64()
		n++
	}
	return n
}
