package events

import "github.com/pitot-dev/pitot/internal/llm"

// fieldHas is the name of the field that says which parts a Call came with, as
// the sum of the bits below. It is for statistics of senders: to look into the
// parts themselves would read all content, and tallies have lost them.
const fieldHas = "has"

// The parts of a Call. They are stored: new ones go to the end, and none
// changes its place.
const (
	hasRequestModel uint64 = 1 << iota
	hasResponseModel
	hasResponseID
	hasProvider
	hasInputTokens
	hasOutputTokens
	hasCacheRead
	hasCacheWrite
	hasReasoning
	hasUsageEstimated // the token counts are Pitot's own guess
	hasCostReported
	hasTTFT
	hasTimeline // the times of more than one chunk
	hasFinishReasons
	hasUser
	hasSession
	hasAgent
	hasWorkflow
	hasPrompt
	hasInput
	hasOutput
	hasParams
	hasTools
	hasErrorType
	hasTrace
	hasParent
	hasStream // the Call is one, rather than having one
	hasError  // likewise
)

// has says which parts a Call has.
func has(c *llm.Call) uint64 {
	var m uint64
	set := func(bit uint64, is bool) {
		if is {
			m |= bit
		}
	}
	set(hasRequestModel, c.RequestModel != "")
	set(hasResponseModel, c.ResponseModel != "")
	set(hasResponseID, c.ResponseID != "")
	set(hasProvider, c.Provider != "")
	estimated := c.Usage.Source == llm.UsageEstimated
	set(hasInputTokens, c.Usage.InputTokens.Known() && !estimated)
	set(hasOutputTokens, c.Usage.OutputTokens.Known() && !estimated)
	set(hasCacheRead, c.Usage.CacheReadTokens.Known())
	set(hasCacheWrite, c.Usage.CacheWriteTokens.Known())
	set(hasReasoning, c.Usage.ReasoningTokens.Known())
	set(hasUsageEstimated, estimated)
	set(hasCostReported, c.Cost.State == llm.CostReported)
	set(hasTTFT, c.TTFT.Known())
	set(hasTimeline, c.Timeline.Chunks() > 1)
	set(hasFinishReasons, len(c.FinishReasons) > 0)
	set(hasUser, c.User != "")
	set(hasSession, c.Session != "")
	set(hasAgent, c.Agent != "")
	set(hasWorkflow, c.Workflow != "")
	set(hasPrompt, c.PromptName != "")
	set(hasInput, len(c.Input) > 0)
	set(hasOutput, len(c.Output) > 0)
	set(hasParams, len(c.Params) > 0)
	set(hasTools, len(c.Tools) > 0)
	set(hasErrorType, c.ErrorType != "")
	set(hasTrace, c.TraceID != "")
	set(hasParent, c.ParentSpanID != "")
	set(hasStream, c.Stream)
	set(hasError, c.Status == llm.StatusError)
	return m
}
