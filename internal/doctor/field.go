package doctor

// field is a part of a Call that senders are asked for.
type field struct {
	name string
	what string // for people
	// absent is how bad it is when the field never comes; empty where that may be
	// right, and only the knowledge of an instrumentation can tell.
	absent Severity
	// why says what follows from the lack.
	why string
}

// The names of fields that rules speak of.
const (
	fInput      = "input"
	fOutput     = "output"
	fInTokens   = "input_tokens"
	fOutTokens  = "output_tokens"
	fCacheRead  = "cache_read_tokens"
	fCacheWrite = "cache_write_tokens"
	fReasoning  = "reasoning_tokens"
	fTTFT       = "ttft"
	fTimeline   = "timeline"
	fUser       = "user"
	fSession    = "session"
	fAgent      = "agent"
	fParams     = "params"
	fTools      = "tools"
	fErrorType  = "error_type"
	fFinish     = "finish_reasons"
	fReqModel   = "request_model"
	fRespModel  = "response_model"
	fRespID     = "response_id"
	fProvider   = "provider"
	fStream     = "stream"
	fPrompt     = "prompt_name"
	fWorkflow   = "workflow"
	fCost       = "cost_reported"
	fTrace      = "trace_id"
	fParent     = "parent_span_id"
)

// fields are all fields, in the order in which they are shown.
func fields() []field {
	return []field{
		{fProvider, "the provider", WrongNumbers, "calls cannot be priced by provider"},
		{fReqModel, "the requested model", WrongNumbers, "calls cannot be priced or grouped by model"},
		{fRespModel, "the model that answered", Cosmetic, "an alias is priced by its own name"},
		{fRespID, "the provider's response id", Missing, "the same call seen by the gateway can only be recognised by its trace"},
		{fInTokens, "input tokens", WrongNumbers, "tokens and cost are estimated or unknown"},
		{fOutTokens, "output tokens", WrongNumbers, "tokens and cost are estimated or unknown"},
		{fCacheRead, "cached input tokens", "", "cached input is priced in full"},
		{fCacheWrite, "cache writes", "", "cache writes are priced as ordinary input"},
		{fReasoning, "reasoning tokens", "", "the share of reasoning is unknown"},
		{fCost, "the cost", "", "cost is computed from tokens and prices"},
		{fStream, "whether it streamed", "", "streams are not told apart"},
		{fTTFT, "the time to first token", Missing, "streams have no time to first token and no time per output token"},
		{fTimeline, "the time of each chunk", "", "stalls cannot be seen"},
		{fFinish, "finish reasons", Missing, "truncated and filtered answers cannot be found"},
		{fErrorType, "the type of errors", Missing, "errors cannot be told apart"},
		{fUser, "the user", Missing, "cost and use by user are unknown"},
		{fSession, "the session", Missing, "conversations cannot be followed"},
		{fAgent, "the agent", "", "use by agent is unknown"},
		{fWorkflow, "the workflow", "", "use by workflow is unknown"},
		{fPrompt, "the prompt's name", "", "versions of prompts cannot be compared"},
		{fInput, "the prompt", Missing, "prompts cannot be read or searched"},
		{fOutput, "the answer", Missing, "answers cannot be read or searched"},
		{fParams, "the request's settings", Cosmetic, "temperature and limits are unknown"},
		{fTools, "tool definitions", "", "the tools that were offered are unknown"},
		{fTrace, "a trace id", Missing, "calls cannot be joined to what surrounds them"},
		{fParent, "a parent span", "", "calls stand alone in their traces"},
	}
}

// FieldNames are the names of all fields, in the order of reports.
func FieldNames() []string {
	var out []string
	for _, f := range fields() {
		out = append(out, f.name)
	}
	return out
}
