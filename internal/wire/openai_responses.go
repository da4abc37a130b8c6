package wire

import (
	"bytes"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// openAIResponses decodes OpenAI's responses API. All output items become
// parts of one assistant message, in their order. A stream brings each item
// piece by piece and once more in full, and at its end the whole response.
type openAIResponses struct {
	call  *llm.Call
	acc   *content
	tools bool // a function call is among the output
	items bool // the stream has brought output items
	// chat takes over where a server that does not know the API answers with
	// chat completions.
	chat *openAIChat
}

func newOpenAIResponses(_ Route, c *llm.Call, acc *content) handler {
	return &openAIResponses{call: c, acc: acc}
}

// The kinds of parts that one output item may have.
const (
	kindContent = iota
	kindSummary
	kindCall
)

// itemKey is the key of a part by output item, kind and index within it.
func itemKey(output, kind, index int) int {
	return (max(output, 0)&0xffff)<<16 | kind<<14 | max(index, 0)&0x3fff
}

func (h *openAIResponses) unary(body []byte) {
	v := h.acc.parse(body)
	if v == nil {
		return
	}
	if v.Get("choices") != nil {
		h.asChat().unary(body)
		return
	}
	h.response(v)
}

func (h *openAIResponses) asChat() *openAIChat {
	if h.chat == nil {
		h.chat = &openAIChat{call: h.call, acc: h.acc}
	}
	return h.chat
}

func (h *openAIResponses) finish(cut bool) {
	if h.chat != nil {
		h.chat.finish(cut)
	}
}

func (h *openAIResponses) event(f frame) int {
	if bytes.HasPrefix(f.data, done) {
		h.acc.ended = h.acc.ended || h.chat != nil
		return -1
	}
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	typ := v.GetStringBytes("type")
	if len(typ) == 0 {
		typ = []byte(f.event)
	}
	switch string(typ) {
	case "response.created", "response.in_progress", "response.queued":
		h.head(v.Get("response"))
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done":
		h.acc.ended = true
		h.response(v.Get("response"))
	case "response.output_item.added", "response.output_item.done":
		h.items = true
		return h.item(v.GetInt("output_index"), v.Get("item"))
	case "error", "response.error":
		h.acc.ended = true
		setOpenAIError(h.call, v)
	default:
		switch {
		case bytes.HasSuffix(typ, []byte(".delta")):
			return h.delta(string(typ), v)
		case isSet(v.Get("error")):
			h.acc.ended = true
			setOpenAIError(h.call, v)
		case v.Get("choices") != nil:
			return h.asChat().document(v)
		}
	}
	return 0
}

// delta takes one piece of an item.
func (h *openAIResponses) delta(typ string, v *fastjson.Value) int {
	m := h.acc.at(0)
	out := v.GetInt("output_index")
	piece := v.GetStringBytes("delta")
	switch typ {
	case "response.output_text.delta":
		return m.part(itemKey(out, kindContent, v.GetInt("content_index")), llm.PartText).write(piece)
	case "response.refusal.delta":
		return m.part(itemKey(out, kindContent, v.GetInt("content_index")), llm.PartRefusal).write(piece)
	case "response.reasoning_summary_text.delta", "response.reasoning_summary.delta":
		return m.part(itemKey(out, kindSummary, v.GetInt("summary_index")), llm.PartReasoning).write(piece)
	case "response.reasoning_text.delta", "response.reasoning.delta":
		return m.part(itemKey(out, kindContent, v.GetInt("content_index")), llm.PartReasoning).write(piece)
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta",
		"response.mcp_call_arguments.delta", "response.code_interpreter_call_code.delta":
		return m.part(itemKey(out, kindCall, 0), llm.PartToolCall).write(piece)
	case "response.audio.delta":
		return len(piece) / 4 * 3
	case "response.audio.transcript.delta":
		return m.text(piece)
	}
	return 0
}

// head reads what a response says of itself.
func (h *openAIResponses) head(v *fastjson.Value) {
	if v == nil {
		return
	}
	c := h.call
	if id := v.GetStringBytes("id"); len(id) > 0 && c.ResponseID != string(id) {
		c.ResponseID = string(id)
	}
	if m := v.GetStringBytes("model"); len(m) > 0 && c.ResponseModel != string(m) {
		c.ResponseModel = string(m)
	}
	if t := v.GetStringBytes("service_tier"); len(t) > 0 && c.ServiceTier != string(t) {
		c.ServiceTier = string(t)
	}
	if s := str(v, "conversation", "id"); s != "" {
		setOnce(&c.Session, s)
	}
}

// response reads a whole response: the unary answer or the end of a stream.
func (h *openAIResponses) response(v *fastjson.Value) {
	if v == nil {
		return
	}
	h.head(v)
	if !h.items { // else it repeats them, and may number them anew
		for i, item := range v.GetArray("output") {
			h.item(i, item)
		}
	}
	openAIUsage(v.Get("usage"), h.call)
	m := h.acc.at(0)
	if e := v.Get("error"); isSet(e) {
		setOpenAIError(h.call, v)
	}
	switch status := str(v, "status"); status {
	case "completed":
		m.finish("stop")
		if h.tools {
			m.finish("tool_calls")
		}
	case "incomplete":
		m.finish(firstString(v.Get("incomplete_details"), "reason"))
	case "failed":
		m.finish("error")
		h.call.SetError("server_error", "")
	case "cancelled":
		m.finish(status)
	}
}

// item reads one output item, as far as it is filled. What deltas have brought
// before is not added again.
func (h *openAIResponses) item(out int, v *fastjson.Value) int {
	if v == nil {
		return 0
	}
	m := h.acc.at(0)
	n := 0
	switch typ := str(v, "type"); typ {
	case "message", "reasoning":
		n += h.texts(m, out, v)
	case "function_call", "custom_tool_call", "mcp_call":
		h.tools = h.tools || typ != "mcp_call" // MCP calls are made by the server
		p := m.part(itemKey(out, kindCall, 0), llm.PartToolCall)
		id := v.GetStringBytes("call_id")
		if len(id) == 0 {
			id = v.GetStringBytes("id")
		}
		p.id(id)
		p.tool(v.GetStringBytes("name"))
		args := v.GetStringBytes("arguments")
		if len(args) == 0 {
			args = v.GetStringBytes("input")
		}
		n += p.replace(args)
	case "image_generation_call":
		n += h.image(m, out, v)
	case "compaction":
	default:
		n += h.hosted(m, out, typ, v)
	}
	return n
}

// texts reads the content of a message or of reasoning.
func (h *openAIResponses) texts(m *message, out int, v *fastjson.Value) int {
	n := 0
	for i, s := range v.GetArray("summary") {
		n += m.part(itemKey(out, kindSummary, i), llm.PartReasoning).replace(s.GetStringBytes("text"))
	}
	for i, p := range v.GetArray("content") {
		key := itemKey(out, kindContent, i)
		switch string(p.GetStringBytes("type")) {
		case "refusal":
			n += m.part(key, llm.PartRefusal).replace(p.GetStringBytes("refusal"))
		case "reasoning_text":
			n += m.part(key, llm.PartReasoning).replace(p.GetStringBytes("text"))
		case "output_audio":
			n += m.part(key, llm.PartText).replace(p.GetStringBytes("transcript"))
		default:
			n += m.part(key, llm.PartText).replace(p.GetStringBytes("text"))
		}
	}
	return n
}

// image reads a generated image, once it is there.
func (h *openAIResponses) image(m *message, out int, v *fastjson.Value) int {
	data := v.GetStringBytes("result")
	if len(data) == 0 {
		return 0
	}
	key := itemKey(out, kindCall, 0)
	if m.lookup(key) != nil {
		return 0
	}
	u := &h.call.Usage
	u.Images = llm.Some(u.Images.Or(0) + 1)
	p := m.part(key, llm.PartBlob)
	format := str(v, "output_format")
	if format == "" {
		format = "png"
	}
	p.meta.Modality, p.meta.MIMEType = "image", "image/"+format
	return p.blob(data)
}

// hosted reads the call of a tool that the server runs itself: web search,
// file search, code interpreter, computer, shell.
func (h *openAIResponses) hosted(m *message, out int, typ string, v *fastjson.Value) int {
	key := itemKey(out, kindCall, 0)
	p := m.lookup(key)
	if p == nil {
		p = m.part(key, llm.PartToolCall)
		if typ == "web_search_call" {
			u := &h.call.Usage
			u.Searches = llm.Some(u.Searches.Or(0) + 1)
		}
	}
	p.id(v.GetStringBytes("id"))
	p.tool([]byte(strings.TrimSuffix(typ, "_call")))
	for _, k := range [...]string{"action", "queries", "code", "arguments", "input"} {
		switch x := v.Get(k); {
		case x == nil || x.Type() == fastjson.TypeNull:
		case x.Type() == fastjson.TypeString:
			return p.replace(x.GetStringBytes())
		default:
			return p.replace(x.MarshalTo(nil))
		}
	}
	return 0
}
