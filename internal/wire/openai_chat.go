package wire

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Keys of parts within a choice; tool calls have keyTool + their index.
const (
	keyFunctionCall = 1
	keyAudio        = 2
	keyTool         = 1000
)

// openAIChat decodes chat completions and completions of OpenAI, Azure and the
// many servers that speak their language. The differences between those are
// additions, so one reader takes them all:
//
//   - Groq: usage of streams in x_groq.usage
//   - DeepSeek, Qwen, Zhipu, xAI, vLLM: reasoning_content; OpenRouter, Groq: reasoning
//   - Mistral: content as a list of text and thinking parts
//   - Moonshot: usage of streams within the choice
//   - Azure: a first chunk with prompt_filter_results and no choices
//   - Writer: a message next to the delta; completions stream as {"value": text}
//   - Together: the delta's content once more as text
//   - llama.cpp: timings instead of usage
type openAIChat struct {
	call    *llm.Call
	acc     *content
	reasons int // choices that have ended
	timings timings
	same    chunkTemplate
}

// timings are llama.cpp's counts.
type timings struct{ prompt, cached, predicted llm.Opt[int64] }

func newOpenAIChat(_ Route, c *llm.Call, acc *content) handler {
	return &openAIChat{call: c, acc: acc}
}

func (h *openAIChat) unary(body []byte) {
	if v := h.acc.parse(body); v != nil {
		h.document(v)
		h.settle()
	}
}

var done = []byte("[DONE]")

func (h *openAIChat) event(f frame) int {
	if bytes.HasPrefix(f.data, done) {
		h.acc.ended = true
		return -1
	}
	if text, ok := h.same.match(f.data); ok {
		return h.acc.at(h.same.index).text(text)
	}
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	h.same.learn(f.data, v) // before v is read: reading may use the parser again
	return h.document(v)
}

func (h *openAIChat) finish(cut bool) {
	if cut && h.reasons > 0 && h.reasons >= len(h.acc.msgs) {
		h.acc.ended = true // some servers send no [DONE]
	}
	h.settle()
}

// settle uses llama.cpp's timings where there was no usage.
func (h *openAIChat) settle() {
	u := &h.call.Usage
	if u.InputTokens.Known() || u.OutputTokens.Known() {
		return
	}
	u.OutputTokens = h.timings.predicted
	// prompt_n counts only what was processed: without cache_n the whole is unknown.
	if h.timings.cached.Known() {
		u.InputTokens = addCounts(h.timings.prompt, h.timings.cached)
		u.CacheReadTokens = h.timings.cached
	}
}

// document reads one answer or one chunk of it.
func (h *openAIChat) document(v *fastjson.Value) int {
	c := h.call
	o, err := v.Object()
	if err != nil {
		if v.Type() == fastjson.TypeArray && isSet(v.Get("0", "error")) {
			setOpenAIError(c, v)
			h.acc.ended = true
		}
		return 0
	}
	if e := o.Get("error"); isSet(e) {
		setOpenAIError(c, v)
		h.acc.ended = true
	} else if isErrorObject(v) {
		setOpenAIError(c, v)
		h.acc.ended = true
		return 0
	}
	if c.ResponseID == "" {
		c.ResponseID = string(o.Get("id").GetStringBytes())
	}
	if c.ResponseModel == "" {
		c.ResponseModel = string(o.Get("model").GetStringBytes())
	}
	if tier := o.Get("service_tier").GetStringBytes(); len(tier) > 0 && c.ServiceTier != string(tier) {
		c.ServiceTier = string(tier)
	}
	n := 0
	for _, choice := range o.Get("choices").GetArray() {
		n += h.choice(choice)
	}
	if x := o.Get("value"); x != nil && x.Type() == fastjson.TypeString {
		n += h.acc.at(0).text(x.GetStringBytes())
	}
	if groq := o.Get("x_groq"); groq != nil {
		openAIUsage(groq.Get("usage"), c)
		if e := groq.Get("error"); isSet(e) {
			setOpenAIError(c, groq)
		}
	}
	if usage := o.Get("usage"); isSet(usage) {
		openAIUsage(usage, c)
		if t := o.Get("time_info"); t != nil { // Cerebras
			secondsPhases(t, &c.Phases)
		}
	}
	if t := o.Get("timings"); t != nil {
		h.timings = timings{count(t, "prompt_n"), count(t, "cache_n"), count(t, "predicted_n")}
		setPhase(&c.Phases.Prefill, t, "prompt_ms", time.Millisecond)
		setPhase(&c.Phases.Decode, t, "predicted_ms", time.Millisecond)
	}
	return n
}

// isErrorObject recognises errors that have no error member: Mistral, vLLM.
func isErrorObject(v *fastjson.Value) bool {
	return string(v.GetStringBytes("object")) == "error"
}

func (h *openAIChat) choice(v *fastjson.Value) int {
	m := h.acc.at(v.GetInt("index"))
	n := 0
	delta := object(v, "delta")
	if delta == nil {
		delta = object(v, "message")
	}
	if delta != nil {
		n += h.delta(m, delta)
	}
	if len(delta.GetStringBytes("content")) == 0 { // Together repeats the delta's content as text
		n += m.text(v.GetStringBytes("text"))
	}
	if reason := v.GetStringBytes("finish_reason"); len(reason) > 0 {
		if m.reason == "" {
			h.reasons++
		}
		m.finish(string(reason))
	}
	openAIUsage(v.Get("usage"), h.call)
	return n
}

// delta reads a message or a part of one.
func (h *openAIChat) delta(m *message, v *fastjson.Value) int {
	n := 0
	if role := v.GetStringBytes("role"); len(role) > 0 && m.role != string(role) {
		m.role = string(role)
	}
	// Some servers send the same reasoning under both names.
	if r := v.GetStringBytes("reasoning_content"); len(r) > 0 {
		n += m.reasoning(r)
	} else if r := v.GetStringBytes("reasoning"); len(r) > 0 {
		n += m.reasoning(r)
	}
	if x := v.Get("content"); x != nil {
		n += contentInto(m, x)
	}
	n += m.refusal(v.GetStringBytes("refusal"))
	for _, call := range v.GetArray("tool_calls") {
		n += toolCallInto(m, call)
	}
	if f := object(v, "function_call"); f != nil {
		p := m.part(keyFunctionCall, llm.PartToolCall)
		p.tool(f.GetStringBytes("name"))
		n += p.write(f.GetStringBytes("arguments"))
	}
	if a := object(v, "audio"); a != nil {
		n += audioInto(m, a)
	}
	for _, img := range v.GetArray("images") {
		n += m.append(urlPart(img.GetStringBytes("image_url", "url"), "image"))
	}
	return n
}

// contentInto reads content that is a string or, as Mistral's, a list of parts.
func contentInto(m *message, v *fastjson.Value) int {
	if v.Type() != fastjson.TypeArray {
		return m.text(v.GetStringBytes())
	}
	n := 0
	for _, p := range v.GetArray() {
		switch string(p.GetStringBytes("type")) {
		case "thinking":
			for _, t := range p.GetArray("thinking") {
				n += m.reasoning(t.GetStringBytes("text"))
			}
		case "refusal":
			n += m.refusal(p.GetStringBytes("refusal"))
		default:
			n += m.text(p.GetStringBytes("text"))
		}
	}
	return n
}

// toolCallInto reads a tool call or a fragment of one.
func toolCallInto(m *message, v *fastjson.Value) int {
	key := keyTool
	id := v.GetStringBytes("id")
	if x := v.Get("index"); x != nil {
		key += max(0, x.GetInt())
	} else if len(id) > 0 {
		key += len(m.parts) // whole calls without an index: each is new
	} else if len(m.parts) > 0 && m.parts[len(m.parts)-1].key >= keyTool {
		key = m.parts[len(m.parts)-1].key
	}
	p := m.part(key, llm.PartToolCall)
	if p.meta.ID != "" && len(id) > 0 && p.meta.ID != string(id) {
		// Gemini's compatible API gives every call index 0. The newer part is
		// found first by the fragments that follow.
		p = m.add(key, llm.PartToolCall)
	}
	p.id(id)
	f := object(v, "function")
	if f == nil {
		f = object(v, "custom")
	}
	if f == nil {
		return 0
	}
	p.tool(f.GetStringBytes("name"))
	args := f.Get("arguments")
	if args == nil {
		args = f.Get("input")
	}
	if args == nil || args.Type() == fastjson.TypeNull {
		return 0
	}
	if args.Type() == fastjson.TypeString {
		return p.write(args.GetStringBytes())
	}
	return p.write(args.MarshalTo(nil))
}

// audioInto reads spoken output: its transcript as text, its data by size.
func audioInto(m *message, v *fastjson.Value) int {
	n := m.text(v.GetStringBytes("transcript"))
	data := v.GetStringBytes("data")
	if len(data) == 0 {
		return n
	}
	size := len(data) / 4 * 3
	if !m.acc.skip {
		p := m.part(keyAudio, llm.PartBlob)
		p.meta.Modality = "audio"
		p.meta.Size += int64(size)
	}
	return n + size
}
