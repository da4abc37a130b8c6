package wire

import (
	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// bedrockNative decodes the bodies of models that only Bedrock serves in this
// way: Titan, Llama, Mistral, AI21 Jurassic, DeepSeek, and images. Their
// streams are series of answers, each with more of the text.
type bedrockNative struct {
	call *llm.Call
	acc  *content
}

func (h *bedrockNative) whole(v *fastjson.Value) { h.value(v) }

func (h *bedrockNative) finish(bool) {}

func (h *bedrockNative) value(v *fastjson.Value) int {
	if h.call.ResponseID == "" {
		h.call.ResponseID = str(v, "id")
	}
	u := &h.call.Usage
	n := 0
	switch {
	case v.Exists("outputText") || v.Exists("results") || v.Exists("inputTextTokenCount"):
		n = h.titan(v)
	case v.Exists("generation"):
		m := h.acc.at(0)
		n = m.text(bstr(v, "generation"))
		m.finish(str(v, "stop_reason"))
		override(&u.InputTokens, count(v, "prompt_token_count"))
		override(&u.OutputTokens, count(v, "generation_token_count"))
	case v.Exists("completions"):
		for i, x := range v.GetArray("completions") {
			m := h.acc.at(i)
			n += m.text(bstr(x, "data", "text"))
			m.finish(jurassicReason(str(x, "finishReason", "reason")))
		}
	case v.Exists("outputs"):
		n = h.texts(v.GetArray("outputs"))
	case v.Exists("choices"):
		n = h.texts(v.GetArray("choices"))
	case v.Exists("images") || v.Exists("artifacts"):
		images := int64(len(v.GetArray("images")) + len(v.GetArray("artifacts")))
		u.Images = llm.Some(images)
	}
	return n
}

// titan decodes an answer of Titan, or a chunk of its stream, which counts
// under other names.
func (h *bedrockNative) titan(v *fastjson.Value) int {
	u := &h.call.Usage
	override(&u.InputTokens, count(v, "inputTextTokenCount"))
	override(&u.OutputTokens, count(v, "totalOutputTextTokenCount"))
	if !v.Exists("results") {
		m := h.acc.at(clampIndex(v.GetInt("index")))
		m.finish(str(v, "completionReason"))
		return m.text(bstr(v, "outputText"))
	}
	n := 0
	var out llm.Opt[int64]
	for i, r := range v.GetArray("results") {
		m := h.acc.at(i)
		n += m.text(bstr(r, "outputText"))
		m.finish(str(r, "completionReason"))
		out = addCounts(out, count(r, "tokenCount"))
	}
	override(&u.OutputTokens, out)
	return n
}

// texts decodes [{"text","stop_reason"}] of Mistral and DeepSeek; Mistral's
// chat has a message instead of the text.
func (h *bedrockNative) texts(outputs []*fastjson.Value) int {
	n := 0
	for i, x := range outputs {
		if k := x.Get("index"); k != nil {
			i = clampIndex(k.GetInt())
		}
		m := h.acc.at(i)
		n += m.reasoning(bstr(x, "reasoning_content"))
		n += m.text(bstr(x, "text"))
		n += m.text(bstr(x, "message", "content"))
		for _, t := range x.GetArray("message", "tool_calls") {
			n += m.append(cohereToolCall(t)) // the same form
		}
		m.finish(str(x, "stop_reason"))
	}
	return n
}

// jurassicReason maps AI21's own word.
func jurassicReason(r string) string {
	if r == "endoftext" {
		return "stop"
	}
	return r
}
