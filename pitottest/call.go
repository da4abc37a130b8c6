package pitottest

import (
	"strings"
	"time"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/llm"
)

// Call is a model call as Pitot's receiver understands it.
type Call struct {
	TraceID, SpanID, ParentSpanID string

	Service       string
	Provider      string
	Operation     pitot.Operation
	RequestModel  string
	ResponseModel string
	ResponseID    string
	Stream        bool

	Failed        bool
	ErrorType     string
	ErrorMessage  string
	HTTPStatus    int
	FinishReasons []string

	Usage      pitot.Usage
	UsageKnown bool
	// CostUSD is what the provider or WithPrices said; CostKnown is false where
	// neither did: Pitot prices such calls by its own table.
	CostUSD   float64
	CostKnown bool

	Start    time.Time
	Duration time.Duration
	TTFT     time.Duration // 0 where it is not known
	Chunks   int

	User, Session, Feature, Agent, Workflow string
	PromptName, PromptVersion               string
	Tags                                    map[string]string

	// Input and Output are the text of the messages, a line each: "user: hi".
	// Tool calls stand as "assistant: [tool_call] name(arguments)".
	Input, Output string

	Events     []Event
	Attributes map[string]any // those that have no field above
}

// Event is an event of a span, such as an attempt that was repeated.
type Event struct {
	Name       string
	Time       time.Time
	Attributes map[string]any
}

// Span is a span that is not a model call.
type Span struct {
	TraceID, SpanID, ParentSpanID string

	Name string // of the span, such as "execute_tool search"
	// Kind is workflow, agent, task, tool, retrieval or other.
	Kind     string
	Service  string
	Start    time.Time
	Duration time.Duration

	Failed       bool
	ErrorType    string
	ErrorMessage string

	Tool, Agent, Workflow string
	User, Session         string
	Input, Output         string

	Events     []Event
	Attributes map[string]any
}

// label is the span's own name, without the operation before it.
func (s *Span) label() string {
	switch s.Kind {
	case string(llm.KindTool):
		return s.Tool
	case string(llm.KindAgent):
		return s.Agent
	case string(llm.KindWorkflow):
		return s.Workflow
	}
	return strings.TrimPrefix(s.Name, s.Kind+" ")
}

func callOf(c *llm.Call) Call {
	usd, priced := c.Cost.USD.Get()
	u := &c.Usage
	return Call{
		TraceID: c.TraceID, SpanID: c.SpanID, ParentSpanID: c.ParentSpanID, Service: c.Service, Provider: c.Provider,
		Operation: pitot.Operation(c.Operation), RequestModel: c.RequestModel, ResponseModel: c.ResponseModel, ResponseID: c.ResponseID, Stream: c.Stream,
		Failed: c.Status == llm.StatusError, ErrorType: c.ErrorType, ErrorMessage: c.ErrorMessage, HTTPStatus: c.HTTPStatus, FinishReasons: c.FinishReasons,
		Usage: pitot.Usage{
			InputTokens: u.InputTokens.Or(0), OutputTokens: u.OutputTokens.Or(0), CacheReadTokens: u.CacheReadTokens.Or(0),
			CacheWriteTokens: u.CacheWriteTokens.Or(0), ReasoningTokens: u.ReasoningTokens.Or(0), Images: u.Images.Or(0),
			AudioSeconds: u.AudioSeconds.Or(0), Characters: u.Characters.Or(0), Searches: u.Searches.Or(0), Estimated: u.Source == llm.UsageEstimated,
		},
		UsageKnown: u.InputTokens.Known() || u.OutputTokens.Known(), CostUSD: usd, CostKnown: priced,
		Start: c.Time, Duration: c.Duration, TTFT: c.TTFT.Or(0), Chunks: c.Timeline.Chunks(),
		User: c.User, Session: c.Session, Feature: c.Feature, Agent: c.Agent, Workflow: c.Workflow,
		PromptName: c.PromptName, PromptVersion: c.PromptVersion, Tags: c.Tags,
		Input: text(c.Input), Output: text(c.Output), Events: eventsOf(c.Events), Attributes: c.Attributes,
	}
}

func spanOf(s *llm.Span) Span {
	return Span{
		TraceID: s.TraceID, SpanID: s.SpanID, ParentSpanID: s.ParentSpanID, Name: s.Name, Kind: string(s.Kind), Service: s.Service, Start: s.Time, Duration: s.Duration,
		Failed: s.Status == llm.StatusError, ErrorType: s.ErrorType, ErrorMessage: s.ErrorMessage,
		Tool: s.Tool, Agent: s.Agent, Workflow: s.Workflow, User: s.User, Session: s.Session, Input: s.Input, Output: s.Output,
		Events: eventsOf(s.Events), Attributes: s.Attributes,
	}
}

func eventsOf(events []llm.SpanEvent) []Event {
	var out []Event
	for _, e := range events {
		out = append(out, Event{e.Name, e.Time, e.Attributes})
	}
	return out
}

// text is messages as lines.
func text(messages []llm.Message) string {
	var b strings.Builder
	for _, m := range messages {
		for _, p := range m.Parts {
			if b.Len() > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(m.Role)
			b.WriteString(": ")
			switch p.Type {
			case llm.PartText:
				b.WriteString(p.Content)
			case llm.PartToolCall:
				b.WriteString("[tool_call] " + p.ToolName + "(" + p.Arguments + ")")
			case llm.PartToolCallResponse:
				b.WriteString("[tool_call_response] " + string(p.Response))
			case llm.PartReasoning, llm.PartRefusal:
				b.WriteString("[" + p.Type + "] " + p.Content)
			default:
				b.WriteString("[" + p.Type + "]")
			}
		}
	}
	return b.String()
}
