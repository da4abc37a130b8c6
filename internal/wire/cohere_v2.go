package wire

import (
	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// cohereV2 decodes answers of /v2/chat.
type cohereV2 struct {
	call *llm.Call
	acc  *content
}

func newCohereV2(_ Route, c *llm.Call, acc *content) handler { return newCohere2(c, acc) }

func newCohere2(c *llm.Call, acc *content) *cohereV2 { return &cohereV2{call: c, acc: acc} }

// The keys of a message's parts: blocks of content and tool calls count apart.
const cohereToolKeys = maxParts + 1

func (h *cohereV2) unary(body []byte) {
	if v := h.acc.parse(body); v != nil {
		h.whole(v)
	}
}

func (h *cohereV2) whole(v *fastjson.Value) {
	h.call.ResponseID = str(v, "id")
	msg := v.Get("message")
	if msg != nil && msg.Type() == fastjson.TypeString {
		h.call.SetError(errorType("", 500), str(msg))
		return
	}
	m := h.acc.at(0)
	m.reasoning(bstr(msg, "tool_plan"))
	for _, p := range partsOf(msg.Get("content"), coherePart) {
		m.append(p)
	}
	for _, t := range msg.GetArray("tool_calls") {
		m.append(cohereToolCall(t))
	}
	for _, cite := range msg.GetArray("citations") {
		m.append(otherPart(cite))
	}
	m.finish(str(v, "finish_reason"))
	cohereUsage(h.call, v.Get("usage"))
}

func (h *cohereV2) event(f frame) int {
	if string(f.data) == "[DONE]" {
		return -1
	}
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	return h.value(v)
}

func (h *cohereV2) value(v *fastjson.Value) int {
	m := h.acc.at(0)
	d := v.Get("delta")
	msg := d.Get("message")
	switch string(bstr(v, "type")) {
	case "content-delta", "content-start":
		c := msg.Get("content")
		key := clampIndex(v.GetInt("index"))
		if c.Exists("thinking") {
			return m.part(key, llm.PartReasoning).write(bstr(c, "thinking"))
		}
		return m.part(key, llm.PartText).write(bstr(c, "text"))
	case "tool-plan-delta":
		return m.reasoning(bstr(msg, "tool_plan"))
	case "tool-call-start", "tool-call-delta":
		t := msg.Get("tool_calls")
		p := m.part(cohereToolKeys+clampIndex(v.GetInt("index")), llm.PartToolCall)
		p.id(bstr(t, "id"))
		p.tool(bstr(t, "function", "name"))
		return p.write(bstr(t, "function", "arguments"))
	case "citation-start":
		if c := msg.Get("citations"); c != nil {
			m.append(otherPart(c))
		}
	case "message-start":
		if h.call.ResponseID == "" {
			h.call.ResponseID = str(v, "id")
		}
	case "message-end":
		h.acc.ended = true
		m.finish(str(d, "finish_reason"))
		cohereUsage(h.call, d.Get("usage"))
		if e := str(d, "error"); e != "" {
			h.call.SetError(errorType("", 500), e)
		}
	case "":
		if e := str(v, "message"); e != "" { // an error where an event was expected
			h.call.SetError(errorType("", 500), e)
		}
	}
	return 0
}

func (h *cohereV2) finish(bool) {}

// coherePart decodes one block of a message's content.
func coherePart(b *fastjson.Value) (llm.Part, bool) {
	switch str(b, "type") {
	case "text":
		return textPart(str(b, "text")), true
	case "thinking":
		return llm.Part{Type: llm.PartReasoning, Content: str(b, "thinking")}, true
	case "image_url":
		return dataURIPart(str(b, "image_url", "url"), "image"), true
	}
	return otherPart(b), true
}

func cohereToolCall(t *fastjson.Value) llm.Part {
	return llm.Part{
		Type: llm.PartToolCall, ID: str(t, "id"), ToolName: str(t, "function", "name"),
		Arguments: argumentsOf(t.Get("function", "arguments")),
	}
}
