package quality

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// What is copied of a Call, in bytes. What is longer is judged by its start, an
// answer also by its end.
const (
	maxAnswer   = 64 << 10
	maxQuestion = 16 << 10
	maxSystem   = 32 << 10
	maxContext  = 64 << 10
	maxTools    = 128 << 10
	maxSchema   = 64 << 10
)

// snapshot copies what is judged of a Call: the Call belongs to the pipeline,
// which masks it in place, and its strings may be parts of long bodies. context
// says that the whole conversation is wanted, for a judge.
func snapshot(c *llm.Call, context bool) *llm.Call {
	s := &llm.Call{
		ID: strings.Clone(c.ID), Time: c.Time, Source: c.Source, Tenant: c.Tenant, Duration: c.Duration, Status: c.Status, Stream: c.Stream,
		Service: strings.Clone(c.Service), Provider: strings.Clone(c.Provider), Operation: c.Operation,
		RequestModel: strings.Clone(c.RequestModel), ResponseModel: strings.Clone(c.ResponseModel), ResponseID: strings.Clone(c.ResponseID),
		TraceID: strings.Clone(c.TraceID), SpanID: strings.Clone(c.SpanID), Session: strings.Clone(c.Session),
		Feature: strings.Clone(c.Feature), PromptName: strings.Clone(c.PromptName), PromptVersion: strings.Clone(c.PromptVersion),
		FinishReasons: slices.Clone(c.FinishReasons), Truncated: slices.Clone(c.Truncated), Notes: slices.Clone(c.Notes),
		Usage: llm.Usage{OutputTokens: c.Usage.OutputTokens},
	}
	calls := false
	left := maxAnswer
	for i := range c.Output {
		m := copyMessage(&c.Output[i], &left, true)
		for _, p := range m.Parts {
			calls = calls || p.Type == llm.PartToolCall
		}
		s.Output = append(s.Output, m)
	}
	if left < 0 {
		s.MarkTruncated("output")
	}
	s.Input = copyInput(c.Input, context)
	if v, ok := expectedFormat(c.Params); ok {
		s.Params = map[string]any{formatParam: v}
	}
	if calls && len(c.Tools) <= maxTools {
		s.Tools = slices.Clone(c.Tools)
	}
	return s
}

// copyInput copies the instructions and the last question; with context all that
// came after the last answer but one, for there the retrieved texts are.
func copyInput(in []llm.Message, context bool) []llm.Message {
	var out []llm.Message
	left := maxSystem
	for i := range in {
		if isSystem(in[i].Role) {
			out = append(out, copyMessage(&in[i], &left, false))
		}
	}
	last := lastQuestion(in)
	if last < 0 {
		return out
	}
	left = maxQuestion
	if context {
		left = maxContext
		for i := max(0, last-4); i < len(in); i++ {
			if !isSystem(in[i].Role) {
				out = append(out, copyMessage(&in[i], &left, false))
			}
		}
		return out
	}
	return append(out, copyMessage(&in[last], &left, false))
}

// lastQuestion is the number of the last message of the user, or -1.
func lastQuestion(in []llm.Message) int {
	for i := len(in) - 1; i >= 0; i-- {
		if in[i].Role == "user" && hasText(&in[i]) {
			return i
		}
	}
	return -1
}

func isSystem(role string) bool { return role == "system" || role == "developer" }

func hasText(m *llm.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Type == llm.PartText && p.Content != "" })
}

// copyMessage copies the texts of a message, as far as left bytes go. With ends
// a long text keeps its start and its end, where loops are.
func copyMessage(m *llm.Message, left *int, ends bool) llm.Message {
	out := llm.Message{Role: m.Role, FinishReason: strings.Clone(m.FinishReason), Parts: make([]llm.Part, 0, len(m.Parts))}
	for i := range m.Parts {
		p := &m.Parts[i]
		q := llm.Part{Type: p.Type, TruncatedChars: p.TruncatedChars}
		switch p.Type {
		case llm.PartText, llm.PartRefusal:
			q.Content = take(p.Content, left, ends)
		case llm.PartToolCall:
			q.ToolName = strings.Clone(p.ToolName)
			q.Arguments = take(p.Arguments, left, false)
			if len(q.Arguments) < len(p.Arguments) {
				q.TruncatedChars++
			}
		case llm.PartToolCallResponse:
			q.Response = json.RawMessage(take(string(p.Response), left, false))
		}
		if len(q.Content) < len(p.Content) && q.Content != "" {
			q.TruncatedChars++
		}
		out.Parts = append(out.Parts, q)
	}
	return out
}

// take copies the start of s, and with ends its end too, as far as left goes.
func take(s string, left *int, ends bool) string {
	n := max(0, *left)
	*left -= len(s)
	if len(s) <= n {
		return strings.Clone(s)
	}
	if !ends || n < 1024 {
		return strings.Clone(prefix(s, n))
	}
	tail := s[len(s)-n/2:]
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	return prefix(s, n/2) + "\n" + tail
}

// prefix cuts s to at most n bytes without splitting a character.
func prefix(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
