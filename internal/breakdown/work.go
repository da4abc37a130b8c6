package breakdown

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// work is a breakdown being made. The Call is cut into stretches whose lengths
// are known; the parts of each add up to it.
type work struct {
	e       Evidence
	c       *llm.Call
	b       Breakdown
	gateway bool // Pitot's gateway saw the call
	streams bool // the moment of the first token is known
	first   []*part
	stream  []*part
	last    time.Duration // of the last chunk
}

// part is a phase whose bounds are being narrowed.
type part struct {
	Phase
	said bool // its lower bound is somebody's statement, which may be wrong
}

func newWork(e Evidence) *work {
	c := e.Call
	w := &work{e: e, c: c, gateway: c.Source == llm.SourceGateway}
	w.b = Breakdown{CallID: c.ID, Duration: c.Duration, Total: c.Duration}
	ttft, ok := c.TTFT.Get()
	w.streams = ok && ttft >= 0 && ttft <= c.Duration
	if ok && !w.streams {
		w.note("the time to first token lies outside of the duration and is not used")
	}
	return w
}

func exactly(name string, d time.Duration, s Source, evidence string) *part {
	return &part{Phase: Phase{Name: name, Min: d, Max: d, Source: s, Evidence: evidence}}
}

func upTo(name string, most time.Duration, s Source, evidence string) *part {
	return &part{Phase: Phase{Name: name, Max: most, Source: s, Evidence: evidence}}
}

func said(name string, d time.Duration) *part {
	p := exactly(name, max(d, 0), SourceServer, "said by the server")
	p.said = true
	return p
}

// firstPart cuts the time until the first token, or the whole of an answer that
// came at once.
func (w *work) firstPart() {
	w.first = append(w.first, w.overhead(), w.connect())
	w.first = append(w.first, w.waiting()...)
	if d, ok := w.c.Phases.Load.Get(); ok {
		w.first = append(w.first, said(PhaseLoad, d))
	}
	w.first = append(w.first, w.prefill())
	length := w.c.Duration
	if w.streams {
		length = w.c.TTFT.Or(0)
	} else {
		w.first = append(w.first, w.unaryDecode(), w.unaryTail())
		if w.c.Stream {
			w.say("prefill and decode are not told apart: the sender recorded no time to first token")
		} else {
			w.say("the answer came at once: there is no first token that would part waiting, prefill and decode")
		}
	}
	w.first = slices.DeleteFunc(w.first, func(p *part) bool { return p == nil })
	w.settle(w.first, length)
}

// overhead is Pitot's own part. Most of it is spent before the request goes out.
func (w *work) overhead() *part {
	if d, ok := w.c.GatewayOverhead.Get(); ok {
		p := exactly(PhaseGateway, d, SourceGateway, "measured by the gateway")
		if w.streams {
			// What is spent on later chunks is not told apart from what is spent
			// before the first.
			p.Min = 0
		}
		return p
	}
	return nil
}

func (w *work) connect() *part {
	if d, ok := w.c.Phases.Connect.Get(); ok {
		evidence := "measured by the gateway"
		if d == 0 {
			evidence = "measured by the gateway: the connection was open already"
		}
		return exactly(PhaseConnect, d, SourceGateway, evidence)
	}
	if w.gateway {
		return upTo(PhaseConnect, unbounded, SourceRest, "not measured for this call")
	}
	return nil
}

// waiting is the network and the queue, apart where somebody tells them apart.
func (w *work) waiting() []*part {
	what := "what the other phases leave over"
	if !w.gateway && !w.c.Phases.Connect.Known() {
		what += "; it includes the connection, which nobody measured"
	}
	if d, ok := w.c.Phases.Queue.Get(); ok {
		return []*part{upTo(PhaseNetwork, unbounded, SourceRest, what), said(PhaseQueue, d)}
	}
	if net, ok := w.network(); ok {
		queue := upTo(PhaseQueue, unbounded, SourceRest, what)
		w.observe(queue, w.e.Queue)
		return []*part{net, queue}
	}
	p := upTo(PhaseWait, unbounded, SourceRest, what)
	if o := w.e.Queue; o != nil {
		// The histogram knows nothing of the network: it bounds from below only.
		p.Min = o.Min
		w.cite(p, o)
	}
	return []*part{p}
}

// network is the way to the server and back, where the server says how long it
// worked until it began to answer.
func (w *work) network() (*part, bool) {
	server, ok := w.c.Phases.Server.Get()
	if !ok {
		return nil, false
	}
	until, measured := w.c.Duration, "the whole duration"
	headers, seen := w.c.Phases.Headers.Get()
	switch {
	case w.c.Phases.Decode.Known(): // said at the end, of all of its work
	case seen && (!w.streams || server <= headers):
		until, measured = headers, "the arrival of the answer's header"
	case w.streams && !seen:
		return nil, false // until when it worked is not known
	}
	rest := until - server - w.c.Phases.Connect.Or(0)
	overhead := w.c.GatewayOverhead.Or(0)
	if rest < 0 {
		w.note("the server says that it worked for %v, which is longer than it took until %s", server, measured)
		return nil, false
	}
	p := &part{said: true, Phase: Phase{
		Name: PhaseNetwork, Min: max(rest-overhead, 0), Max: rest, Source: SourceServer,
		Evidence: "the server's own processing time, taken from " + measured,
	}}
	if !w.c.Phases.Connect.Known() {
		p.Min = 0 // it may have gone into a connection
	}
	return p, true
}

func (w *work) prefill() *part {
	if d, ok := w.c.Phases.Prefill.Get(); ok {
		return said(PhasePrefill, d)
	}
	p := upTo(PhasePrefill, unbounded, SourceRest, "what the other phases leave over")
	w.observe(p, w.e.Prefill)
	return p
}

// observe bounds a part by what a histogram counted.
func (w *work) observe(p *part, o *Observed) {
	if o == nil {
		return
	}
	p.Min = o.Min
	if o.Max > 0 {
		p.Max = o.Max
	}
	w.cite(p, o)
}

func (w *work) cite(p *part, o *Observed) {
	p.said = true
	p.Source = SourceMetrics
	p.Typical = &Typical{P50: o.P50, P95: o.P95, Count: o.Count}
	p.Evidence = fmt.Sprintf("model server's %s: p50–p95 of %d calls at that time %v–%v", o.Metric, o.Count, round(o.P50), round(o.P95))
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond / 10) }

func (w *work) unaryDecode() *part {
	if d, ok := w.c.Phases.Decode.Get(); ok {
		return said(PhaseDecode, d)
	}
	return upTo(PhaseDecode, unbounded, SourceRest, "what the other phases leave over")
}

// unaryTail is the time in which the body arrived. A server may send the header
// of its answer long before it has the answer.
func (w *work) unaryTail() *part {
	h, ok := w.c.Phases.Headers.Get()
	if !ok || h > w.c.Duration {
		return nil
	}
	return upTo(PhaseTail, w.c.Duration-h, SourceGateway, "measured by the gateway: from the answer's header to its end at most")
}

// streamPart cuts the time from the first token on.
func (w *work) streamPart() {
	if !w.streams {
		return
	}
	ttft := w.c.TTFT.Or(0)
	var gaps []time.Duration
	var at []time.Duration
	prev := ttft
	w.last = ttft
	for t := range w.c.Timeline.Ticks() {
		now := min(t.At, w.c.Duration) // rounding may push the last one over the end
		if now > prev {
			gaps, at = append(gaps, now-prev), append(at, prev)
			prev = now
		}
		w.last = max(w.last, now)
	}
	const measured = "measured: arrival of the chunks"
	if len(gaps) == 0 {
		w.stream = []*part{upTo(PhaseDecode, w.c.Duration-ttft, SourceTimeline, "from the first token to the end")}
		w.stream[0].Min = w.stream[0].Max
		w.say("stalls and tail are not told apart from decode: there is no timeline of the chunks")
		return
	}
	stalled := w.stalls(gaps, at)
	decode := exactly(PhaseDecode, w.last-ttft-stalled, SourceTimeline, measured)
	stalls := exactly(PhaseStalls, stalled, SourceTimeline, "measured: gaps between chunks over 1 s and ten times the median")
	tail := exactly(PhaseTail, w.c.Duration-w.last, SourceTimeline, "measured: from the last chunk to the end")
	if lost := w.c.Timeline.Chunks() - ticks(&w.c.Timeline); lost > 0 {
		rest := tail.Max
		decode.Max, stalls.Max, tail.Min = decode.Max+rest, stalls.Max+rest, 0
		w.say("the timeline holds the first chunks only: how the last %v part into decode, stalls and tail is unknown", round(rest))
	}
	w.stream = []*part{decode, stalls, tail}
}

func ticks(t *llm.Timeline) int {
	n := 0
	for range t.Ticks() {
		n++
	}
	return n
}

// Stalls are gaps over stallLeast that are stallTimes as long as the median.
const (
	stallLeast = time.Second
	stallTimes = 10
	maxStalls  = 20
)

// stalls finds the gaps and returns what they add up to beyond an ordinary gap.
func (w *work) stalls(gaps, at []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(gaps))
	median := sorted[len(sorted)/2]
	limit := max(stallLeast, stallTimes*median)
	var sum time.Duration
	for i, g := range gaps {
		if g > limit {
			sum += g - median
			w.b.Stalls = append(w.b.Stalls, Stall{at[i], g})
		}
	}
	if len(w.b.Stalls) > maxStalls {
		slices.SortFunc(w.b.Stalls, func(a, b Stall) int { return cmp.Compare(b.Duration, a.Duration) })
		w.b.Stalls = w.b.Stalls[:maxStalls]
		slices.SortFunc(w.b.Stalls, func(a, b Stall) int { return cmp.Compare(a.At, b.At) })
	}
	return sum
}

// finish brings the parts into the form of phases.
func (w *work) finish() {
	if w.streams {
		w.shareOverhead()
	}
	for _, p := range append(w.first, w.stream...) {
		w.b.Phases = append(w.b.Phases, p.Phase)
	}
	if !w.gateway {
		w.say("the connection and the gateway: the call did not pass through Pitot's gateway")
	}
}

// shareOverhead settles what of the gateway's own time fell into the stream: up
// to all that was not spent before the first token.
func (w *work) shareOverhead() {
	total, ok := w.c.GatewayOverhead.Get()
	if !ok || len(w.stream) == 0 || w.first[0].Name != PhaseGateway {
		return
	}
	g, decode := w.first[0], w.stream[0]
	late := total - g.Min // at most this was spent on chunks
	if late > decode.Min {
		// A client that takes its chunks slowly: what it held up shows in any gap.
		decode.Min = 0
		g.Max = min(total, g.Max+w.c.Duration-w.c.TTFT.Or(0))
		return
	}
	decode.Min -= late
	g.Min, g.Max = total, total
}

// client adds the caller's own time around the Call.
func (w *work) client() {
	cl := w.e.Client
	if cl == nil {
		w.say("the client's own time and the way to it: no span of the caller is in the trace")
		return
	}
	d := cl.Duration - w.c.Duration
	name := cmp.Or(cl.Name, "its span")
	if cl.Service != "" {
		name += " of " + cl.Service
	}
	if d < 0 {
		w.note("the caller's span (%s) is shorter than the call: it is not counted", name)
		return
	}
	w.b.Total = cl.Duration
	w.b.Phases = slices.Insert(w.b.Phases, 0, Phase{
		Name: PhaseClient, Min: d, Max: d, Source: SourceSpan,
		Evidence: fmt.Sprintf("the caller's span (%s) lasted that much longer: its own work and the network to it", name),
	})
}
