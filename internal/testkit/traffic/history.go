package traffic

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// History passes to emit the Calls and Spans of the load from start to end, as
// a gateway and an SDK would have recorded them, roughly in order of time.
// Costs are left to the pipeline. Tasks that would not be over by end are left
// out: a history does not reach into the future. It stops at the first error
// of emit and returns it.
func (g *Generator) History(start, end time.Time, emit func(llm.Record) error) error {
	h := &historian{}
	h.rng = rand.New(&h.pcg)
	for t := range g.Tasks(start, end) {
		h.pcg.Seed(t.seed, 0)
		h.task, h.trace = t, h.hex(16)
		h.records = h.records[:0]
		over := h.step(t.Root, t.At, "")
		if h.err != nil {
			return h.err
		}
		if over.After(end) {
			continue
		}
		for _, r := range h.records {
			if err := emit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// historian writes down one task after the other.
type historian struct {
	records []llm.Record // of the task
	err     error
	pcg     rand.PCG
	rng     *rand.Rand
	task    *Task
	trace   string
}

func (h *historian) hex(n int) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], h.rng.Uint64()|1)
	binary.BigEndian.PutUint64(b[8:], h.rng.Uint64()|1)
	return hex.EncodeToString(b[:n])
}

func (h *historian) ulid(t time.Time) string {
	var u ulid.ULID
	binary.BigEndian.PutUint64(u[8:], h.rng.Uint64())
	binary.BigEndian.PutUint16(u[6:], uint16(h.rng.Uint32()))
	if err := u.SetTime(ulid.Timestamp(t)); err != nil { // past the year 10889
		h.err = err
	}
	return u.String()
}

func (h *historian) send(r llm.Record) { h.records = append(h.records, r) }

// step writes down a step that began at a moment and returns when it ended.
func (h *historian) step(s *Step, at time.Time, parent string) time.Time {
	if s.Call != nil {
		return h.call(s.Call, at, parent)
	}
	span := newSpan(h.task, s, at)
	span.ID, span.TraceID, span.SpanID, span.ParentSpanID = h.ulid(at), h.trace, h.hex(8), parent
	end := at.Add(s.Before)
	for _, c := range s.Children {
		end = h.step(c, end, span.SpanID)
	}
	end = end.Add(s.After)
	span.Duration = end.Sub(at)
	h.send(llm.Record{Span: span})
	return end
}

// newSpan makes the span of a step, without its ids and duration.
func newSpan(t *Task, s *Step, at time.Time) *llm.Span {
	span := &llm.Span{
		Time: at.UTC(), Source: llm.SourceSDK, Name: s.Name, Kind: s.Kind, OTelKind: s.OTelKind,
		Service: t.Service, Environment: t.Environment, Status: llm.StatusOK, Agent: s.Agent, Tool: s.Tool,
		User: t.User, Session: t.Session, Scope: "simulation", Input: s.Input, Output: s.Output, Attributes: s.Attributes,
	}
	if s.ErrorType != "" {
		span.Status, span.ErrorType = llm.StatusError, s.ErrorType
	}
	return span
}

func (h *historian) call(c *Call, at time.Time, parent string) time.Time {
	t, m := h.task, c.Model
	r := &llm.Call{
		ID: h.ulid(at), Time: at.UTC(), Source: llm.SourceGateway, Service: t.Service, Environment: t.Environment, Upstream: m.Upstream,
		TraceID: h.trace, SpanID: h.hex(8), ParentSpanID: parent,
		Provider: m.Provider, Operation: c.Operation, RequestModel: m.Name, Stream: c.Stream, Status: llm.StatusOK, HTTPStatus: 200,
		User: t.User, Session: t.Session, Feature: t.Feature, PromptName: t.Prompt, PromptVersion: t.PromptVersion,
		Tags:            map[string]string{"team": t.Team},
		GatewayOverhead: llm.Some(time.Duration(40+h.rng.IntN(60)) * time.Microsecond),
		Input:           input(c),
	}
	if c.Operation != llm.OpEmbeddings && c.Operation != llm.OpModeration && c.Operation != llm.OpRerank {
		r.Params = map[string]any{"temperature": c.Temperature, "max_tokens": c.MaxTokens}
	}
	if c.Status != 0 {
		r.HTTPStatus, r.Duration = c.Status, c.TTFT
		r.SetError(errorType(m.api, c.Status), errorMessage(c.Status))
		r.Usage.Source = llm.UsageUnknown
	} else {
		h.answer(r, c)
	}
	h.send(llm.Record{Call: r})
	return at.Add(r.Duration)
}

// answer fills in what came back.
func (h *historian) answer(r *llm.Call, c *Call) {
	m := c.Model
	r.ResponseModel = m.Answers
	r.Duration = c.Duration()
	switch m.api {
	case apiChat:
		r.ResponseID = "chatcmpl-" + h.hex(12)
	case apiResponses:
		r.ResponseID = "resp_" + h.hex(12)
	case apiMessages:
		r.ResponseID = "msg_" + h.hex(12)
	default: // these answers have no id
	}
	if c.Stream {
		chunks, whole := h.timeline(r, c)
		if !whole {
			r.Usage.Source = llm.UsageUnknown
			r.Output = output(c, c.Answer[:cut(c.Answer, chunks, c.Chunks())], "")
			return
		}
	}
	setUsage(r, c)
	if c.Finish != "" && (c.Answer != "" || c.Tool != "") {
		finish := llm.FinishReason(c.Finish)
		r.FinishReasons = []string{finish}
		r.Output = output(c, c.Answer, finish)
	}
}

// timeline draws the arrival of the chunks and where the stream ends. It
// returns how many came and whether these are all.
func (h *historian) timeline(r *llm.Call, c *Call) (int, bool) {
	n := c.Chunks()
	whole := true
	switch {
	case c.CutAfter > 0 && c.CutAfter < n:
		n, whole = c.CutAfter, false
		r.SetError("stream_cut", "the connection ended before the answer")
		r.Note("stream_cut")
	case c.LeaveAfter > 0:
		n, whole = max(1, int(c.LeaveAfter*float64(n))), false
		r.Note("client_gone")
	}
	r.TTFT = llm.Some(c.TTFT)
	at := c.TTFT
	gap := float64(tokensPerChunk * c.PerToken)
	bytes := len(c.Answer) / max(c.Chunks(), 1)
	for i := range n {
		r.Timeline.Add(at, bytes)
		if i < n-1 {
			at += time.Duration(gap * (0.5 + h.rng.Float64()))
		}
	}
	r.Duration = at + time.Millisecond
	return n, whole
}

// cut is the length of the first n of total equal parts of s, never inside a
// character.
func cut(s string, n, total int) int {
	at := len(s) * min(n, total) / max(total, 1)
	for at > 0 && at < len(s) && s[at]&0xC0 == 0x80 {
		at--
	}
	return at
}

func setUsage(r *llm.Call, c *Call) {
	u := &r.Usage
	u.Source = llm.UsageReported
	switch c.Operation {
	case llm.OpModeration:
		u.Source = llm.UsageUnknown
		return
	case llm.OpRerank:
		u.Searches = llm.Some[int64](1)
		return
	default: // tokens, as below
	}
	u.InputTokens, u.OutputTokens = llm.Some(c.Input), llm.Some(c.Output)
	if c.Model.caches {
		u.CacheReadTokens = llm.Some(c.CacheRead)
	}
	if c.Model.marks {
		u.CacheWriteTokens, u.CacheWrite5mTokens = llm.Some(c.CacheWrite), llm.Some(c.CacheWrite)
	}
	if c.Model.reasoning > 0 {
		u.ReasoningTokens = llm.Some(c.Reasoning)
	}
}

func input(c *Call) []llm.Message {
	in := make([]llm.Message, 0, 4)
	if c.System != "" {
		in = append(in, llm.Text("system", c.System))
	}
	in = append(in, llm.Text("user", c.Prompt))
	if c.CalledTool != "" {
		response, err := json.Marshal(c.ToolResult)
		if err != nil {
			response = nil
		}
		in = append(in,
			llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartToolCall, ID: "call_1", ToolName: c.CalledTool, Arguments: c.CalledArgs}}},
			llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "call_1", Response: response}}})
	}
	return in
}

func output(c *Call, text, finish string) []llm.Message {
	m := llm.Message{Role: "assistant", FinishReason: finish}
	if text != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartText, Content: text})
	}
	if c.Tool != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartToolCall, ID: "call_1", ToolName: c.Tool, Arguments: c.Args})
	}
	if len(m.Parts) == 0 {
		return nil
	}
	return []llm.Message{m}
}

// errorType is the provider's own word for a status, as the gateway records it.
func errorType(a api, status int) string {
	switch a {
	case apiMessages:
		switch status {
		case 400:
			return "invalid_request_error"
		case 429:
			return "rate_limit_error"
		case 529:
			return "overloaded_error"
		}
		return "api_error"
	case apiGemini:
		switch status {
		case 400:
			return "invalid_argument"
		case 429:
			return "resource_exhausted"
		case 529:
			return "unavailable"
		}
		return "internal"
	case apiOllama, apiRerank:
		if status == 400 {
			return "invalid_request"
		}
	default: // OpenAI's words, as below
	}
	switch status {
	case 400:
		return "invalid_value"
	case 429:
		return "rate_limit_exceeded"
	case 529:
		return "overloaded"
	}
	return "server_error"
}

func errorMessage(status int) string {
	switch status {
	case 400:
		return "The request could not be understood: a parameter has an invalid value."
	case 429:
		return "Rate limit reached for requests per minute. Please try again later."
	case 529:
		return "The service is overloaded. Please try again later."
	}
	return "The server had an error while processing your request."
}
