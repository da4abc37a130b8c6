package pitot

import (
	"maps"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Operation is what is asked of a model: the values of gen_ai.operation.name.
type Operation string

// The operations.
const (
	OpChat            Operation = "chat"
	OpTextCompletion  Operation = "text_completion"
	OpGenerateContent Operation = "generate_content"
	OpResponses       Operation = "responses"
	OpEmbeddings      Operation = "embeddings"
	OpRerank          Operation = "rerank"
	OpImage           Operation = "image_generation"
	OpSpeech          Operation = "speech"
	OpTranscription   Operation = "transcription"
	OpModeration      Operation = "moderation"
)

// Usage is what a call consumed. InputTokens includes cache reads and writes,
// OutputTokens includes reasoning. 0 means that it is not known, except that a
// call whose input tokens are known and whose operation answers with none
// (embeddings, rerank, moderation) has 0 output tokens.
type Usage struct {
	InputTokens      int64
	OutputTokens     int64
	CacheReadTokens  int64 // part of InputTokens
	CacheWriteTokens int64 // part of InputTokens
	ReasoningTokens  int64 // part of OutputTokens

	// Units that are priced by themselves.
	Images       int64   // images generated
	AudioSeconds float64 // audio transcribed, in seconds
	Characters   int64   // text spoken
	Searches     int64   // rerank or web searches

	// Estimated says that the program counted, not the provider.
	Estimated bool
}

// llm is the usage of a Call.
func (u Usage) llm() llm.Usage {
	out := llm.Usage{
		InputTokens: known(u.InputTokens), OutputTokens: known(u.OutputTokens), CacheReadTokens: known(u.CacheReadTokens),
		CacheWriteTokens: known(u.CacheWriteTokens), ReasoningTokens: known(u.ReasoningTokens), Images: known(u.Images),
		AudioSeconds: known(u.AudioSeconds), Characters: known(u.Characters), Searches: known(u.Searches), Source: llm.UsageUnknown,
	}
	if out != (llm.Usage{Source: llm.UsageUnknown}) {
		out.Source = llm.UsageReported
		if u.Estimated {
			out.Source = llm.UsageEstimated
		}
	}
	return out
}

func known[T int64 | float64](n T) llm.Opt[T] {
	if n > 0 {
		return llm.Some(n)
	}
	return llm.Opt[T]{}
}

// publicUsage is the usage of a Call as programs see it.
func publicUsage(u *llm.Usage) Usage {
	return Usage{
		InputTokens: u.InputTokens.Or(0), OutputTokens: u.OutputTokens.Or(0), CacheReadTokens: u.CacheReadTokens.Or(0),
		CacheWriteTokens: u.CacheWriteTokens.Or(0), ReasoningTokens: u.ReasoningTokens.Or(0), Images: u.Images.Or(0),
		AudioSeconds: u.AudioSeconds.Or(0), Characters: u.Characters.Or(0), Searches: u.Searches.Or(0), Estimated: u.Source == llm.UsageEstimated,
	}
}

// CallInfo is a finished model call as hooks see it: who was asked for what,
// how it went and what it took. It holds no message content. It is a copy:
// hooks may keep and change it.
type CallInfo struct {
	// Time is the start of the call, UTC.
	Time time.Time
	// TraceID and SpanID are hex digits, 32 and 16; empty where there is no trace.
	TraceID, SpanID string

	Provider      string // gen_ai.provider.name: openai, anthropic, aws.bedrock, ...
	Operation     Operation
	RequestModel  string
	ResponseModel string
	ResponseID    string
	ServiceTier   string
	Region        string
	Stream        bool
	Retries       int // attempts before the last one, where the client shows them

	// Failed says whether the call failed; ErrorType is its class (of low
	// cardinality) and ErrorMessage what was said, at most 2000 bytes.
	Failed        bool
	ErrorType     string
	ErrorMessage  string
	HTTPStatus    int // 0 where there was no answer over HTTP
	FinishReasons []string

	// Usage is what the provider counted; UsageKnown is false where it did not.
	Usage      Usage
	UsageKnown bool

	// CostUSD is in US dollars, and CostState says how far it can be trusted:
	// reported, computed or estimated; unpriced, with 0, where it is not known.
	CostUSD   float64
	CostState string

	Duration time.Duration
	// TTFT is the time to the first content of a stream, 0 where it is not known.
	TTFT time.Duration
	// TokensPerSecond is output tokens over the time of generating them, 0 where
	// it is not known.
	TokensPerSecond float64
	Chunks          int // of a stream

	User, Session, Tenant, Feature string
	PromptName, PromptVersion      string
	Agent, Workflow                string
	Tags                           map[string]string

	// Slow says whether a threshold was passed: the whole request's or the rate's.
	SlowRequest, SlowTokenRate bool
	// Notes are remarks on the record: client_gone, stream_cut, body_leaked, ...
	Notes []string
}

// newCallInfo makes the public view of an ended Call.
func newCallInfo(c *llm.Call, s slow) CallInfo {
	in := CallInfo{
		Time: c.Time, TraceID: c.TraceID, SpanID: c.SpanID,
		Provider: c.Provider, Operation: Operation(c.Operation), RequestModel: c.RequestModel, ResponseModel: c.ResponseModel,
		ResponseID: c.ResponseID, ServiceTier: c.ServiceTier, Region: c.Region, Stream: c.Stream, Retries: resends(c),
		Failed: c.Status == llm.StatusError, ErrorType: c.ErrorType, ErrorMessage: c.ErrorMessage, HTTPStatus: c.HTTPStatus,
		FinishReasons: slices.Clone(c.FinishReasons), Usage: publicUsage(&c.Usage),
		UsageKnown: c.Usage.Source == llm.UsageReported || c.Usage.Source == llm.UsageEstimated,
		CostUSD:    c.Cost.USD.Or(0), CostState: string(c.Cost.State),
		Duration: c.Duration, TTFT: c.TTFT.Or(0), TokensPerSecond: c.TokensPerSecond().Or(0), Chunks: c.Timeline.Chunks(),
		User: c.User, Session: c.Session, Tenant: tenantOf(c), Feature: c.Feature, PromptName: c.PromptName, PromptVersion: c.PromptVersion,
		Agent: c.Agent, Workflow: c.Workflow, Tags: maps.Clone(c.Tags),
		SlowRequest: s&slowRequest != 0, SlowTokenRate: s&slowTokenRate != 0, Notes: slices.Clone(c.Notes),
	}
	return in
}

// resendCount is OpenTelemetry's name for how often a request was sent again.
const resendCount = "http.request.resend_count"

func resends(c *llm.Call) int {
	n, _ := c.Attributes[resendCount].(int64)
	return int(n)
}

func tenantOf(c *llm.Call) string {
	t, _ := c.Attributes["tenant.id"].(string)
	return t
}
