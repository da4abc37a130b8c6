package metrics

import (
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// unknownErrorType is the label of an error that has no type: the convention's
// fallback.
const unknownErrorType = "_OTHER"

// ObserveCall counts a Call that has ended in every family. It keeps nothing
// of the Call but its trace id.
func (c *Catalogue) ObserveCall(call *llm.Call) {
	h := c.handle(call)
	at := c.now().UnixMilli()
	errType := ""
	if call.Status == llm.StatusError {
		if errType = call.ErrorType; errType == "" {
			errType = unknownErrorType
		}
		errType = c.errorTypes.admit(errType)
	}
	// Both locks are held for the chunks; always in this order.
	h.llm.mu.Lock()
	defer h.llm.mu.Unlock()
	h.genAI.mu.Lock()
	defer h.genAI.mu.Unlock()

	o := observation{call: call, llm: h.llm, genAI: h.genAI, at: at, errType: errType}
	o.outcome()
	o.latency()
	o.chunks()
	o.usage()
	o.cost(c)
}

// observation is one Call on its way into its series, whose locks are held.
type observation struct {
	call       *llm.Call
	llm, genAI *series
	at         int64 // Unix milliseconds
	errType    string
}

func (o *observation) outcome() {
	status := statusSuccess
	if o.errType != "" {
		status = statusError
		o.llm.counter(famErrors, o.errType, o.at).value++
	}
	// Both outcomes exist from the first Call on: a ratio of errors is then 0 and
	// not absent while there are none.
	o.llm.counter(famRequests, statusSuccess, o.at)
	o.llm.counter(famRequests, statusError, o.at)
	o.llm.counter(famRequests, status, o.at).value++
}

func (o *observation) latency() {
	if o.call.Duration <= 0 {
		return // unknown: senders of telemetry may leave it out
	}
	trace := o.call.TraceID
	o.llm.histogram(famDuration, "", o.at).observe(o.call.Duration.Seconds(), trace, o.at)
	o.genAI.histogram(famGenAIDuration, o.errType, o.at).observe(o.call.Duration.Seconds(), "", o.at)
	if ttft, ok := o.call.TTFT.Get(); ok {
		o.llm.histogram(famTTFT, "", o.at).observe(ttft.Seconds(), trace, o.at)
	}
	if o.errType != "" {
		return // speed of generation is that of answers that were finished
	}
	if tpot, ok := o.call.TPOT().Get(); ok {
		o.llm.histogram(famTPOT, "", o.at).observe(tpot.Seconds(), trace, o.at)
	}
	if tps, ok := o.call.TokensPerSecond().Get(); ok {
		o.llm.histogram(famTokensPerSecond, "", o.at).observe(tps, "", o.at)
	}
	if out, ok := o.call.Usage.OutputTokens.Get(); ok && out > 0 {
		o.llm.histogram(famGenerationRate, "", o.at).observe(float64(out)/o.call.Duration.Seconds(), "", o.at)
	}
}

// chunks counts the gaps between chunks with content. A chunk without content
// (a role, usage, a keep-alive) is no output and ends no gap.
func (o *observation) chunks() {
	var itl, perChunk *dualHistogram
	var last time.Duration
	first := true
	for tick := range o.call.Timeline.Ticks() {
		if first {
			first = false
			o.genAI.histogram(famGenAITimeToFirstChunk, "", o.at).observe(tick.At.Seconds(), "", o.at)
		}
		if tick.Bytes == 0 {
			continue
		}
		if itl == nil {
			if last == 0 {
				last = max(tick.At, 1) // the first with content opens the first gap
				continue
			}
			itl = o.llm.histogram(famITL, "", o.at)
			perChunk = o.genAI.histogram(famGenAITimePerOutputChunk, "", o.at)
		}
		gap := max(tick.At-last, 0).Seconds()
		last = tick.At
		itl.observe(gap, o.call.TraceID, o.at)
		perChunk.observe(gap, "", o.at)
	}
	if !first {
		return
	}
	if ttft, ok := o.call.TTFT.Get(); ok { // telemetry has no timeline but may know this
		o.genAI.histogram(famGenAITimeToFirstChunk, "", o.at).observe(ttft.Seconds(), "", o.at)
	}
}

func (o *observation) usage() {
	u := &o.call.Usage
	o.tokens(tokenInput, u.InputTokens)
	o.tokens(tokenOutput, u.OutputTokens)
	o.tokens(tokenCacheRead, u.CacheReadTokens)
	o.tokens(tokenCacheWrite, u.CacheWriteTokens)
	o.tokens(tokenReasoning, u.ReasoningTokens)
	if n, ok := u.InputTokens.Get(); ok {
		o.genAI.histogram(famGenAITokenUsage, tokenInput, o.at).observe(float64(n), "", o.at)
	}
	if n, ok := u.OutputTokens.Get(); ok {
		o.genAI.histogram(famGenAITokenUsage, tokenOutput, o.at).observe(float64(n), "", o.at)
	}
}

func (o *observation) tokens(kind string, n llm.Opt[int64]) {
	if v, ok := n.Get(); ok && v >= 0 { // a counter does not go back
		o.llm.counter(famTokens, kind, o.at).value += float64(v)
	}
}

func (o *observation) cost(c *Catalogue) {
	cost := &o.call.Cost
	usd, ok := cost.USD.Get()
	if !ok {
		// A failed Call costs nothing where no usage was reported: only the
		// others are missing from the sum.
		if o.errType == "" {
			reason := cost.Reason
			if reason == "" {
				reason = "unknown"
			}
			o.llm.counter(famUnpriced, c.reasons.admit(reason), o.at).value++
		}
		return
	}
	if usd >= 0 {
		o.llm.counter(famCost, string(cost.State), o.at).value += usd
		o.llm.histogram(famCostPerRequest, "", o.at).observe(usd, "", o.at)
	}
}
