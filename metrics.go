package pitot

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/pitot-dev/pitot/internal/llm"
)

// instruments are the metric families of the SDK and what else is told of a
// call that ended.
type instruments struct {
	r        *core
	newNames bool
	llm      callFamilies
	genAI    genAIFamilies
	labels   *labelCache
	steps    *stepLabels
	gaps     *gapHistograms // nil: gaps between chunks go through instruments

	scraper scraper
	hooks   *hooks
	slow    *slowLog
	own     metric.Registration // of the process' own metrics
}

// newInstruments creates the instruments of a core. It is the last part to be
// built: it needs the others.
func newInstruments(r *core) (*instruments, error) {
	r.warn = ownLogger(r.warn)
	b := &builder{m: r.meter}
	m := &instruments{
		r: r, newNames: r.cfg.newNames, gaps: r.gaps,
		llm: newCallFamilies(b), genAI: newGenAIFamilies(b, r.cfg.newNames),
		labels: newLabelCache(), steps: newStepLabels(),
	}
	m.hooks = newHooks(r, b)
	m.slow = newSlowLog(r)
	m.own = b.process()
	m.readTotals(b)
	if b.err != nil {
		return nil, b.err
	}
	r.stop = append(r.stop, m.close)
	return m, nil
}

// close delivers what hooks wait for and stops their goroutines. The totals of
// calls stay registered: the last collection of a MeterProvider of the program
// comes after this.
func (m *instruments) close(ctx context.Context) error {
	err := m.hooks.close(ctx)
	if m.own != nil {
		if e := m.own.Unregister(); err == nil {
			err = e
		}
	}
	return err
}

// started and ended keep the number of calls in flight. Both read the labels
// that are known at the start: provider, request model and operation.
func (m *instruments) started(ctx context.Context, c *llm.Call) {
	m.atStart(c).active.add(1)
	m.r.logStart(ctx, c)
}

func (m *instruments) ended(_ context.Context, c *llm.Call) {
	m.atStart(c).active.add(-1)
}

func (m *instruments) atStart(c *llm.Call) *llmLabels {
	return m.labels.at(callKey{provider: c.Provider, model: c.RequestModel, method: string(c.Operation)}).llm
}

// slow are the thresholds that a Call passed.
type slow uint8

const (
	slowRequest slow = 1 << iota
	slowTokenRate
)

// minRatedTokens is the least output for which a rate of tokens says something
// about generation: below it the time is that of the prompt and the network.
const minRatedTokens = 20

// slowness says which thresholds of the settings the Call passed. The rate of
// tokens is judged for answers in text that did not fail, whose output tokens
// are known and at least minRatedTokens.
func (r *core) slowness(c *llm.Call) slow {
	var s slow
	if t := r.cfg.slowRequest; t > 0 && c.Duration >= t {
		s |= slowRequest
	}
	if t := r.cfg.slowTokenRate; t > 0 && c.Status != llm.StatusError && isInference(c.Operation) {
		if rate, ok := c.TokensPerSecond().Get(); ok && rate < t && c.Usage.OutputTokens.Or(0) >= minRatedTokens {
			s |= slowTokenRate
		}
	}
	return s
}

// isInference says whether an operation generates text.
func isInference(op llm.Operation) bool {
	switch op {
	case llm.OpChat, llm.OpTextCompletion, llm.OpGenerateContent, llm.OpResponses:
		return true
	default:
		return false
	}
}

// observe counts an ended Call: instruments (with exemplars from ctx, which holds
// its span), the window of the local summary, the log line of a slow call, the
// hooks. It is called once a Call, by endCall, before the span ends. It fills
// in the Call's cost where the program has prices.
func (r *core) observe(ctx context.Context, c *llm.Call, s slow) {
	m := r.meters
	m.price(c, s)
	m.record(ctx, c)
	r.window.add(c, s)
	if t := tallyOf(ctx); t != nil {
		t.inferences.Add(1)
	}
	if s != 0 {
		m.slow.log(ctx, c, s)
	}
	r.logEnd(ctx, c)
	m.hooks.called(ctx, c, s)
}

// price asks the program for the cost of a Call whose provider did not state it.
func (m *instruments) price(c *llm.Call, s slow) {
	if c.Cost.USD.Known() {
		return
	}
	c.Cost = llm.Cost{State: llm.CostUnpriced, Reason: "no_price"}
	price := m.r.cfg.numbers.prices
	if price == nil {
		return
	}
	u := &c.Usage
	if u.Source != llm.UsageReported && u.Source != llm.UsageEstimated {
		c.Cost.Reason = "unknown_usage"
		return
	}
	usd, ok := m.priced(price, c, s)
	switch {
	case !ok || !(usd >= 0 && usd < 1e9):
		c.Cost.Reason = "unknown_model"
	case u.Source == llm.UsageReported:
		c.Cost = llm.Cost{USD: llm.Some(usd), State: llm.CostComputed}
	default:
		c.Cost = llm.Cost{USD: llm.Some(usd), State: llm.CostEstimated}
	}
}

// priced calls the program's function; a panic there is no price.
func (m *instruments) priced(price func(CallInfo) (float64, bool), c *llm.Call, s slow) (usd float64, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			usd, ok = 0, false
			m.hooks.panicked("prices", p)
		}
	}()
	return price(newCallInfo(c, s))
}

// record counts a Call in the instruments. Only the families whose exemplars
// somebody looks at get the context with the span: an exemplar costs as much as
// the observation.
func (m *instruments) record(ctx context.Context, c *llm.Call) {
	l := m.labels.of(c)
	plain := context.Background()
	failed := c.Status == llm.StatusError
	genAI := l.genAI.record
	if failed {
		e, g := m.labels.errored(l, c.ErrorType)
		genAI = g
		l.llm.failed.add(1)
		e.add(1)
	} else {
		l.llm.ok.add(1)
	}
	if c.Stream {
		l.llm.streams[streamState(c, failed)].add(1)
	}
	if c.Duration > 0 {
		m.latency(ctx, c, l, genAI, failed)
	}
	m.chunks(ctx, c, l)
	m.usage(plain, c, l, failed)
	m.cost(plain, c, l.llm, failed)
}

// streamState tells streams that broke off, and those that the program left, from
// the others.
func streamState(c *llm.Call, failed bool) int {
	switch {
	case slices.Contains(c.Notes, "client_gone"):
		return streamLeft
	case failed:
		return streamFailed
	case slices.Contains(c.Notes, "stream_cut"):
		return streamCut
	default:
		return streamOK
	}
}

func (m *instruments) latency(ctx context.Context, c *llm.Call, l *callLabels, genAI records, failed bool) {
	plain := context.Background()
	seconds := c.Duration.Seconds()
	m.llm.duration.Record(ctx, seconds, l.llm.record...)
	if m.newNames && isInference(c.Operation) {
		m.genAI.inference.Record(plain, seconds, genAI...)
	} else {
		m.genAI.duration.Record(plain, seconds, genAI...)
	}
	if ttft, ok := c.TTFT.Get(); ok {
		m.llm.ttft.Record(ctx, ttft.Seconds(), l.llm.record...)
	}
	if failed {
		return // speed of generation is that of answers that were finished
	}
	if tpot, ok := c.TPOT().Get(); ok {
		m.llm.tpot.Record(ctx, tpot.Seconds(), l.llm.record...)
	}
	if tps, ok := c.TokensPerSecond().Get(); ok {
		m.llm.tokensPerSecond.Record(plain, tps, l.llm.record...)
	}
	if out, ok := c.Usage.OutputTokens.Get(); ok && out > 0 {
		m.llm.generation.Record(plain, float64(out)/seconds, l.llm.record...)
	}
}

// chunks counts the gaps between chunks with content. A chunk without content
// (a role, usage, a keep-alive) is no output and ends no gap.
func (m *instruments) chunks(ctx context.Context, c *llm.Call, l *callLabels) {
	plain := context.Background()
	if c.Timeline.Chunks() == 0 {
		if ttft, ok := c.TTFT.Get(); ok {
			m.genAI.firstChunk.Record(plain, ttft.Seconds(), l.genAI.record...)
		}
		return
	}
	if m.gaps != nil {
		if first, ok := m.gaps.observe(ctx, c, l); ok {
			m.genAI.firstChunk.Record(plain, first.Seconds(), l.genAI.record...)
		}
		return
	}
	first, open := true, false
	var last time.Duration
	for tick := range c.Timeline.Ticks() {
		if first {
			first = false
			m.genAI.firstChunk.Record(plain, tick.At.Seconds(), l.genAI.record...)
		}
		if tick.Bytes == 0 {
			continue
		}
		if open {
			gap := (tick.At - last).Seconds()
			m.llm.itl.Record(plain, gap, l.llm.record...)
			m.genAI.outputChunk.Record(plain, gap, l.genAI.record...)
		}
		last, open = tick.At, true
	}
}

func (m *instruments) usage(ctx context.Context, c *llm.Call, l *callLabels, failed bool) {
	u := &c.Usage
	for i, n := range [tokenTypes]llm.Opt[int64]{u.InputTokens, u.OutputTokens, u.CacheReadTokens, u.CacheWriteTokens, u.ReasoningTokens} {
		if v, ok := n.Get(); ok && v >= 0 { // a counter does not go back
			l.llm.tokens[i].add(v)
		}
	}
	if m.newNames {
		m.newUsage(ctx, u, l.genAI, failed)
		return
	}
	if n, ok := u.InputTokens.Get(); ok && n >= 0 {
		m.genAI.tokenUsage.Record(ctx, n, l.genAI.input...)
	}
	if n, ok := u.OutputTokens.Get(); ok && n >= 0 {
		m.genAI.tokenUsage.Record(ctx, n, l.genAI.output...)
	}
}

// newUsage counts tokens under the convention's newer names, also those of
// operations that are no inference: the name says inference, the attribute
// gen_ai.operation.name tells them apart, and there is no other name for them.
func (m *instruments) newUsage(ctx context.Context, u *llm.Usage, l *genAILabels, failed bool) {
	if !u.InputTokens.Known() && !u.OutputTokens.Known() {
		if failed { // the convention's: a failed call adds nothing, but the series is there
			m.genAI.input.Add(ctx, 0, l.modality[modalityUnknown]...)
			m.genAI.output.Add(ctx, 0, l.modality[modalityUnknown]...)
		}
		return
	}
	if n, ok := u.InputTokens.Get(); ok && n >= 0 {
		m.genAI.inputDistribution.Record(ctx, n, l.record...)
		split(ctx, m.genAI.input, l, n, u.InputAudioTokens, u.InputImageTokens)
	}
	if n, ok := u.OutputTokens.Get(); ok && n >= 0 {
		m.genAI.outputDistribution.Record(ctx, n, l.record...)
		split(ctx, m.genAI.output, l, n, u.OutputAudioTokens, u.OutputImageTokens)
	}
	if n, ok := u.CacheReadTokens.Get(); ok && n >= 0 {
		split(ctx, m.genAI.cacheRead, l, n, u.CacheReadAudioTokens, llm.Opt[int64]{})
	}
	if n, ok := u.CacheWriteTokens.Get(); ok && n >= 0 {
		split(ctx, m.genAI.cacheWrite, l, n, llm.Opt[int64]{}, llm.Opt[int64]{})
	}
	if n, ok := u.ReasoningTokens.Get(); ok && n >= 0 {
		split(ctx, m.genAI.reasoning, l, n, llm.Opt[int64]{}, llm.Opt[int64]{})
	}
}

// split adds tokens by modality. Where the provider splits them, what is
// neither audio nor image is text; where it does not, the modality is unknown.
func split(ctx context.Context, to metric.Int64Counter, l *genAILabels, total int64, audio, image llm.Opt[int64]) {
	if !audio.Known() && !image.Known() {
		to.Add(ctx, total, l.modality[modalityUnknown]...)
		return
	}
	rest := total
	for i, part := range [2]llm.Opt[int64]{audio, image} {
		n := min(max(part.Or(0), 0), rest)
		if n == 0 {
			continue
		}
		rest -= n
		to.Add(ctx, n, l.modality[[2]int{modalityAudio, modalityImage}[i]]...)
	}
	to.Add(ctx, rest, l.modality[modalityText]...)
}

func (m *instruments) cost(ctx context.Context, c *llm.Call, l *llmLabels, failed bool) {
	usd, ok := c.Cost.USD.Get()
	if !ok {
		// A failed Call costs nothing where no usage was reported: only the others
		// are missing from the sum.
		if !failed {
			m.labels.unpriced(l, c.Cost.Reason).add(1)
		}
		return
	}
	if !(usd >= 0) {
		return
	}
	state := costReported
	switch c.Cost.State {
	case llm.CostComputed:
		state = costComputed
	case llm.CostEstimated:
		state = costEstimated
	case llm.CostReported, llm.CostUnpriced:
	}
	l.cost[state].add(usd)
	m.llm.costPerRequest.Record(ctx, usd, l.record...)
}

// observeFeedback counts a judgement of an answer and its score, where it has
// one, on a scale of 0 to 1. Which model gave the answer is not known here: the
// judgement names a trace or a response. Pitot's server finds out.
func (r *core) observeFeedback(ctx context.Context, evaluator, label string, score llm.Opt[float64]) {
	m := r.meters
	l := m.labels.evaluated(evaluator, label)
	m.llm.feedback.Add(ctx, 1, l.add...)
	if v, ok := score.Get(); ok && v == v { // not NaN
		m.llm.quality.Record(ctx, min(max(v, 0), 1), l.record...)
	}
}
