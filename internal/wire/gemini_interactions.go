package wire

import (
	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// interaction takes a whole object of the interactions API.
func (h *gemini) interaction(v *fastjson.Value) {
	h.interactionHead(v)
	m := h.acc.at(0)
	for _, key := range [...]string{"steps", "outputs"} {
		for _, s := range v.GetArray(key) {
			h.step(m, s)
		}
	}
	if e := v.Get("error"); isSet(e) {
		h.fail(v)
	}
}

// interactionHead takes what stands beside the steps, which the last event of
// a stream has too.
func (h *gemini) interactionHead(v *fastjson.Value) {
	if id := str(v, "id"); id != "" {
		h.call.ResponseID = id
	}
	if m := str(v, "model"); m != "" {
		h.call.ResponseModel = m
	}
	if t := str(v, "service_tier"); t != "" {
		h.call.ServiceTier = t
	}
	switch status := str(v, "status"); status {
	case "in_progress", "":
	case "requires_action":
		h.acc.at(0).finish("tool_call")
	case "incomplete":
		h.acc.at(0).finish("length")
	default:
		h.acc.at(0).finish(status)
	}
	if u := v.Get("usage"); u != nil {
		h.usage.readInteraction(u)
	}
}

// readInteraction reads the usage of the interactions API. Its counts exclude
// each other, as those of usageMetadata do.
func (u *geminiUsage) readInteraction(v *fastjson.Value) {
	*u = geminiUsage{
		prompt:     count(v, "total_input_tokens"),
		toolUse:    count(v, "total_tool_use_tokens"),
		cached:     count(v, "total_cached_tokens"),
		candidates: count(v, "total_output_tokens"),
		thoughts:   count(v, "total_thought_tokens"),
		total:      count(v, "total_tokens"),
	}
	if !u.thoughts.Known() {
		u.thoughts = count(v, "total_reasoning_tokens")
	}
	geminiDetails(v.Get("input_tokens_by_modality"), &u.inAudio, &u.inImage, &u.inVideo)
	geminiDetails(v.Get("tool_use_tokens_by_modality"), &u.inAudio, &u.inImage, &u.inVideo)
	geminiDetails(v.Get("output_tokens_by_modality"), &u.outAudio, &u.outImage, nil)
	geminiDetails(v.Get("cached_tokens_by_modality"), &u.cAudio, nil, nil)
}

// step appends one finished step.
func (h *gemini) step(m *message, s *fastjson.Value) {
	switch typ := string(bstr(s, "type")); typ {
	case "model_output":
		for _, c := range s.GetArray("content") {
			if string(bstr(c, "type")) == "text" {
				m.text(bstr(c, "text"))
			} else {
				m.append(interactionMedia(c))
			}
		}
	case "text":
		m.text(bstr(s, "text"))
	case "thought":
		for _, c := range s.GetArray("summary") {
			m.reasoning(bstr(c, "text"))
		}
	default:
		if p, ok := interactionTool(s); ok {
			p.Arguments = argumentsOf(s.Get("arguments"))
			m.append(p)
		} else {
			m.append(interactionMedia(s))
		}
	}
}

// interactionTool decodes …_call and …_result steps; the arguments are the
// caller's, as they may stream.
func interactionTool(s *fastjson.Value) (llm.Part, bool) {
	typ := str(s, "type")
	if name, ok := cutSuffixStep(typ, "_call"); ok {
		if n := str(s, "name"); n != "" {
			name = n
		}
		return llm.Part{Type: llm.PartToolCall, ID: str(s, "id"), ToolName: name}, true
	}
	if _, ok := cutSuffixStep(typ, "_result"); ok {
		return llm.Part{Type: llm.PartToolCallResponse, ID: str(s, "call_id"), Response: rawJSON(s.Get("result"))}, true
	}
	return llm.Part{}, false
}

func cutSuffixStep(typ, suffix string) (string, bool) {
	if n := len(typ) - len(suffix); n > 0 && typ[n:] == suffix {
		return typ[:n], true
	}
	return "", false
}

func interactionMedia(c *fastjson.Value) llm.Part {
	mime := str(c, "mime_type")
	if data := str(c, "data"); data != "" {
		return blobPart(mime, data)
	}
	if uri := str(c, "uri"); uri != "" {
		return llm.Part{Type: llm.PartURI, MIMEType: mime, Modality: modalityOf(mime), URI: uri}
	}
	return otherPart(c)
}

// interactionEvent takes one event of a streamed interaction.
func (h *gemini) interactionEvent(v *fastjson.Value) int {
	m := h.acc.at(0)
	switch string(bstr(v, "event_type")) {
	case "step.delta", "content.delta":
		return h.stepDelta(m, clampIndex(v.GetInt("index")), v.Get("delta"))
	case "step.start", "content.start":
		if p, ok := interactionTool(v.Get("step")); ok {
			part := m.part(clampIndex(v.GetInt("index")), p.Type)
			part.meta = p
			// An empty object here holds the place of what the deltas bring.
			if args := argumentsOf(v.Get("step", "arguments")); args != "{}" {
				return part.write([]byte(args))
			}
		}
	case "interaction.created", "interaction.start":
		h.interactionHead(v.Get("interaction"))
	case "interaction.completed", "interaction.complete":
		h.acc.ended = true
		h.interactionHead(v.Get("interaction"))
	case "error":
		h.fail(v)
	}
	return 0
}

func (h *gemini) stepDelta(m *message, index int, d *fastjson.Value) int {
	switch typ := string(bstr(d, "type")); typ {
	case "text":
		return m.part(index, llm.PartText).write(bstr(d, "text"))
	case "thought", "thought_summary":
		if t := bstr(d, "text"); t != nil {
			return m.part(index, llm.PartReasoning).write(t)
		}
		return m.part(index, llm.PartReasoning).write(bstr(d, "content", "text"))
	case "thought_signature", "text_annotation_delta":
		return 0
	default:
		if a := d.Get("arguments"); a != nil {
			p := m.part(index, llm.PartToolCall)
			p.id(bstr(d, "id"))
			p.tool(bstr(d, "name"))
			return p.write([]byte(argumentsOf(a)))
		}
		if r := d.Get("result"); r != nil {
			m.part(index, llm.PartToolCallResponse).meta.Response = rawJSON(r)
			return 0
		}
		if bstr(d, "data") != nil || bstr(d, "uri") != nil {
			return m.append(interactionMedia(d))
		}
	}
	return 0
}
