package api

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/export"
	"github.com/pitot-dev/pitot/internal/llm"
)

// Details reads what lists of Calls leave out. At most events.MaxDetails Calls
// at once.
type Details interface {
	// WithContent returns the Calls with their content; those that are gone are
	// left out.
	WithContent(ctx context.Context, calls []*llm.Call) ([]*llm.Call, error)
	// Judgements returns what was said of each Call.
	Judgements(ctx context.Context, calls []*llm.Call) ([][]events.Feedback, error)
}

// contentColumns come after those of callTable in an export with content.
func contentColumns() []export.Column {
	return []export.Column{{Name: "input"}, {Name: "output"}, {Name: "tools"}}
}

// jsonText is v as the text of a cell; nothing is absent.
func jsonText(v any) export.Value {
	b, err := encode(v)
	if err != nil || string(b) == "null\n" {
		return export.Value{} // messages always encode
	}
	return export.Str(string(b[:len(b)-1]))
}

// withContent reads the content of the Calls of batches, few at once.
func (s *server) withContent(batches events.CallBatches) events.CallBatches {
	return func(ctx context.Context, yield func([]*llm.Call) error) error {
		return batches(ctx, func(calls []*llm.Call) error {
			for few := range slices.Chunk(calls, events.MaxDetails) {
				full, err := s.Details.WithContent(ctx, few)
				if err != nil {
					return err
				}
				for _, c := range full { // the sender's own attributes may repeat what the columns have
					c.Attributes, c.Resource, c.Events, c.Links = nil, nil, nil, nil
				}
				if err := yield(full); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// chatMessage is a message as OpenAI's chat API and its fine-tuning files have it.
type chatMessage struct {
	Role       string         `json:"role"`
	Name       string         `json:"name,omitempty"`
	Content    *string        `json:"content,omitempty"`
	Refusal    string         `json:"refusal,omitempty"`
	ToolCalls  []chatToolCall `json:"tool_calls,omitempty"`
	ToolCallID string         `json:"tool_call_id,omitempty"`
}

type chatToolCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// chatMessages turns messages into those of the chat API; false where one holds
// what is not kept, such as an image.
func chatMessages(messages []llm.Message) ([]chatMessage, bool) {
	out := make([]chatMessage, 0, len(messages))
	for i := range messages {
		ms, ok := chatOf(&messages[i])
		if !ok {
			return nil, false
		}
		out = append(out, ms...)
	}
	return out, true
}

// chatOf is one message; answers of tools become messages of their own.
func chatOf(m *llm.Message) ([]chatMessage, bool) {
	var out []chatMessage
	msg := chatMessage{Role: m.Role, Name: m.Name}
	add := func(text string) {
		if msg.Content != nil {
			text = *msg.Content + "\n" + text
		}
		msg.Content = &text
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		switch p.Type {
		case llm.PartText:
			add(p.Content)
		case llm.PartRefusal:
			msg.Refusal = p.Content
		case llm.PartReasoning: // models do not take it back
		case llm.PartToolCall:
			c := chatToolCall{ID: p.ID, Type: "function"}
			c.Function.Name, c.Function.Arguments = p.ToolName, p.Arguments
			msg.ToolCalls = append(msg.ToolCalls, c)
		case llm.PartToolCallResponse:
			text := p.Content
			if text == "" {
				text = rawText(p.Response)
			}
			out = append(out, chatMessage{Role: "tool", ToolCallID: p.ID, Content: &text})
		default:
			return nil, false
		}
	}
	if msg.Content != nil || msg.Refusal != "" || len(msg.ToolCalls) > 0 {
		out = append(out, msg)
	}
	return out, true
}

// rawText is a JSON string as text, and any other JSON as it is.
func rawText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
