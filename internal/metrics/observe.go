package metrics

import (
	"slices"
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

	o := observation{call: call, llm: h.llm, genAI: h.genAI, at: at, errType: errType, weight: weightOf(call)}
	o.outcome()
	o.latency()
	o.chunks()
	o.usage()
	o.cost(c)
}

// maxWeight bounds how many calls one may stand for: a sender that claims to
// record one of more than a million is taken for broken.
const maxWeight = 1e6

// weightOf is how many calls this one stands for.
func weightOf(call *llm.Call) float64 {
	if w := call.Count(); w <= maxWeight { // not NaN
		return w
	}
	return maxWeight
}

// observation is one Call on its way into its series, whose locks are held.
type observation struct {
	call       *llm.Call
	llm, genAI *series
	at         int64 // Unix milliseconds
	errType    string
	weight     float64
}

// observe counts v in a histogram of the Call's label set, with the Call's
// weight.
func (o *observation) observe(s *series, fam familyID, own string, v float64, trace string) {
	s.histogram(fam, own, o.at).observeN(v, o.weight, trace, o.at)
}

func (o *observation) outcome() {
	status := statusSuccess
	if o.errType != "" {
		status = statusError
		o.llm.counter(famErrors, o.errType, o.at).value += o.weight
	}
	// Both outcomes exist from the first Call on: a ratio of errors is then 0 and
	// not absent while there are none.
	o.llm.counter(famRequests, statusSuccess, o.at)
	o.llm.counter(famRequests, statusError, o.at)
	o.llm.counter(famRequests, status, o.at).value += o.weight
	if o.call.Stream {
		o.llm.counter(famStreams, streamStatus(o.call, status), o.at).value += o.weight
	}
}

// streamStatus tells streams that broke off, and those whose client left, from
// the others.
func streamStatus(c *llm.Call, status string) string {
	switch {
	case slices.Contains(c.Notes, "client_gone"):
		return statusClientGone
	case status == statusSuccess && slices.Contains(c.Notes, "stream_cut"):
		return statusCut
	default:
		return status
	}
}

func (o *observation) latency() {
	if o.call.Duration <= 0 {
		return // unknown: senders of telemetry may leave it out
	}
	trace := o.call.TraceID
	o.observe(o.llm, famDuration, "", o.call.Duration.Seconds(), trace)
	o.observe(o.genAI, famGenAIDuration, o.errType, o.call.Duration.Seconds(), "")
	if ttft, ok := o.call.TTFT.Get(); ok {
		o.observe(o.llm, famTTFT, "", ttft.Seconds(), trace)
	}
	if o.errType != "" {
		return // speed of generation is that of answers that were finished
	}
	if tpot, ok := o.call.TPOT().Get(); ok {
		o.observe(o.llm, famTPOT, "", tpot.Seconds(), trace)
	}
	if tps, ok := o.call.TokensPerSecond().Get(); ok {
		o.observe(o.llm, famTokensPerSecond, "", tps, "")
	}
	if out, ok := o.call.Usage.OutputTokens.Get(); ok && out > 0 {
		o.observe(o.llm, famGenerationRate, "", float64(out)/o.call.Duration.Seconds(), "")
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
			o.observe(o.genAI, famGenAITimeToFirstChunk, "", tick.At.Seconds(), "")
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
		itl.observeN(gap, o.weight, o.call.TraceID, o.at)
		perChunk.observeN(gap, o.weight, "", o.at)
	}
	if !first {
		return
	}
	if ttft, ok := o.call.TTFT.Get(); ok { // telemetry has no timeline but may know this
		o.observe(o.genAI, famGenAITimeToFirstChunk, "", ttft.Seconds(), "")
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
		o.observe(o.genAI, famGenAITokenUsage, tokenInput, float64(n), "")
	}
	if n, ok := u.OutputTokens.Get(); ok {
		o.observe(o.genAI, famGenAITokenUsage, tokenOutput, float64(n), "")
	}
}

func (o *observation) tokens(kind string, n llm.Opt[int64]) {
	if v, ok := n.Get(); ok && v >= 0 { // a counter does not go back
		o.llm.counter(famTokens, kind, o.at).value += float64(v) * o.weight
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
			o.llm.counter(famUnpriced, c.reasons.admit(reason), o.at).value += o.weight
		}
		return
	}
	if usd >= 0 {
		o.llm.counter(famCost, string(cost.State), o.at).value += usd * o.weight
		o.observe(o.llm, famCostPerRequest, "", usd, "")
	}
}
