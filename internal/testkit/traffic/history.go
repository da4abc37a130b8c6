package traffic

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
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
	return g.Past(start, end, end, emit)
}

// Past is History for a stretch of time that ends before now: tasks that began
// in it may be over later, until now. A rich load has feedback and log lines,
// too, which come with their task.
func (g *Generator) Past(start, end, now time.Time, emit func(llm.Record) error) error {
	h := &historian{rich: g.cfg.Rich, now: now}
	h.rng = rand.New(&h.pcg)
	for t := range g.Tasks(start, end) {
		h.pcg.Seed(t.seed, 0)
		h.task, h.trace = t, h.hex(16)
		h.records, h.events = h.records[:0], h.events[:0]
		over := h.step(t.Root, t.At, "")
		if h.err != nil {
			return h.err
		}
		if over.After(now) {
			continue
		}
		if h.rich {
			h.remarks(over)
		}
		if h.err != nil {
			return h.err
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
	rich    bool
	now     time.Time
	events  []event // of the task
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
	if h.rich {
		h.events = append(h.events, event{step: s, span: span.SpanID, began: at, ended: end})
	}
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
		ID: h.ulid(at), Time: at.UTC(), Source: llm.SourceGateway, Service: t.Service, Environment: t.Environment, Upstream: c.Upstream(), Region: c.region(),
		TraceID: h.trace, SpanID: h.hex(8), ParentSpanID: parent,
		Provider: m.Provider, Operation: c.Operation, RequestModel: m.Name, Stream: c.Stream, Status: llm.StatusOK, HTTPStatus: 200,
		User: t.User, Session: t.Session, Feature: t.Feature, PromptName: t.Prompt, PromptVersion: t.PromptVersion,
		Tags:            map[string]string{"team": t.Team},
		GatewayOverhead: llm.Some(time.Duration(40+h.rng.IntN(60)) * time.Microsecond),
		Input:           input(c),
	}
	if c.Operation != llm.OpEmbeddings && c.Operation != llm.OpModeration && c.Operation != llm.OpRerank {
		r.Params = map[string]any{"temperature": c.Temperature, "max_tokens": c.MaxTokens}
		if c.Schema != "" {
			r.Params["response_format"] = c.format()
		}
	}
	if h.rich {
		r.Tools = c.toolList()
	}
	if c.Status != 0 {
		r.HTTPStatus, r.Duration = c.Status, c.TTFT
		r.SetError(errorType(m.api, c.Status), errorMessage(c.Status))
		r.Usage.Source = llm.UsageUnknown
	} else {
		h.answer(r, c)
	}
	h.send(llm.Record{Call: r})
	if h.rich {
		h.events = append(h.events, event{call: c, record: r, span: r.SpanID, began: at, ended: at.Add(r.Duration), status: r.HTTPStatus})
	}
	return at.Add(r.Duration)
}

// remarks adds what was said and logged of the task.
func (h *historian) remarks(over time.Time) {
	for i := range h.task.Opinions {
		o := &h.task.Opinions[i]
		for j := range h.events {
			e := &h.events[j]
			if e.call != o.Call {
				continue
			}
			f := o.feedback(h.task, e.began, e.ended)
			if f.Received.After(h.now) {
				continue
			}
			if !o.Session {
				f.CallID, f.TraceID, f.SpanID, f.ResponseID, f.SessionID = e.record.ID, e.record.TraceID, e.record.SpanID, e.record.ResponseID, e.record.Session
				f.Provider, f.Model, f.Operation = e.record.Provider, e.record.Model(), e.record.Operation
			}
			f.ID = h.ulid(f.Received)
			h.send(llm.Record{Feedback: f})
		}
	}
	for _, l := range lines(h.rng, h.task, h.trace, h.events, h.task.At, over) {
		if !l.Time.After(h.now) {
			h.send(llm.Record{Log: l})
		}
	}
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
	stalled := c.Stall > 0
	gap := float64(tokensPerChunk * c.PerToken)
	total, of := len(c.Answer)+len(c.Thought), max(c.Chunks(), 1)
	for i := range n {
		if stalled && i == c.StallAfter {
			at += c.Stall
		}
		r.Timeline.Add(at, total*(i+1)/of-total*i/of) // all together they are the whole text
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
	in := make([]llm.Message, 0, 4+2*len(c.Said)+2*len(c.Rounds))
	if c.System != "" {
		in = append(in, llm.Text("system", c.System))
	}
	for _, t := range c.Said {
		in = append(in, llm.Text("user", t.User), llm.Text("assistant", t.Assistant))
	}
	switch {
	case len(c.Texts) > 0:
		parts := make([]llm.Part, len(c.Texts))
		for i, t := range c.Texts {
			parts[i] = llm.Part{Type: llm.PartText, Content: t}
		}
		in = append(in, llm.Message{Role: "user", Parts: parts})
	case c.Picture != "":
		in = append(in, llm.Message{Role: "user", Parts: []llm.Part{
			{Type: llm.PartText, Content: c.Prompt}, {Type: llm.PartURI, Modality: "image", URI: c.Picture},
		}})
	default:
		in = append(in, llm.Text("user", c.Prompt))
	}
	for i, t := range c.allRounds() {
		response, err := json.Marshal(t.Result)
		if err != nil {
			response = nil
		}
		in = append(in,
			llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartToolCall, ID: callID(i), ToolName: t.Tool, Arguments: t.Args}}},
			llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: callID(i), Response: response}}})
	}
	return in
}

// allRounds are the calls of tools that were made before.
func (c *Call) allRounds() []ToolRound {
	if c.CalledTool == "" {
		return nil
	}
	return append(slices.Clip(c.Rounds), ToolRound{Tool: c.CalledTool, Args: c.CalledArgs, Result: c.ToolResult})
}

func callID(i int) string { return "call_" + strconv.Itoa(i+1) }

// region is where the call is served.
func (c *Call) region() string {
	if c.upstream == upstreamEU {
		return regionEU
	}
	return c.Model.region
}

// format is what a request says of the schema that the answer is to follow.
func (c *Call) format() object {
	return object{"type": "json_schema", "json_schema": object{"name": "label", "strict": true, "schema": json.RawMessage(c.Schema)}}
}

// toolList are the tools that the call offers, as they are recorded.
func (c *Call) toolList() json.RawMessage {
	names := toolNames(c)
	if len(names) == 0 {
		return nil
	}
	list := make([]object, 0, len(names))
	for _, name := range names {
		list = append(list, object{"type": "function", "name": name, "description": describe(name), "parameters": toolSchema()})
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	return b
}

func output(c *Call, text, finish string) []llm.Message {
	m := llm.Message{Role: "assistant", FinishReason: finish}
	if c.Thought != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartReasoning, Content: c.Thought})
	}
	if text != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartText, Content: text})
	}
	if c.Tool != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartToolCall, ID: callID(len(c.allRounds())), ToolName: c.Tool, Arguments: c.Args})
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
