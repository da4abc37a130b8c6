package wire

import (
	"net/http"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// anthropicMessages decodes answers of /v1/messages and /v1/complete.
type anthropicMessages struct {
	call  *llm.Call
	acc   *content
	usage anthropicUsage
	base  int // added to block indexes: a second message_start counts anew
	next  int // the first block key that is free
}

func newAnthropicMessages(_ Route, c *llm.Call, acc *content) handler {
	return newAnthropic(c, acc)
}

func newAnthropic(c *llm.Call, acc *content) *anthropicMessages {
	return &anthropicMessages{call: c, acc: acc}
}

func (h *anthropicMessages) unary(body []byte) {
	if v := h.acc.parse(body); v != nil {
		h.whole(v)
	}
}

// whole takes a complete answer.
func (h *anthropicMessages) whole(v *fastjson.Value) {
	if v.Exists("error") {
		h.fail(v)
		return
	}
	h.identify(v)
	m := h.acc.at(0)
	if v.Exists("completion") {
		m.text(bstr(v, "completion"))
	}
	for _, b := range v.GetArray("content") {
		h.wholeBlock(m, b)
	}
	h.stop(v)
	h.usage.merge(v.Get("usage"), true)
	h.usage.settle(h.call)
}

// wholeBlock appends one complete content block.
func (h *anthropicMessages) wholeBlock(m *message, b *fastjson.Value) int {
	if string(bstr(b, "type")) == "fallback" {
		h.fallback(b)
	}
	p, ok := anthropicPart(b)
	if !ok {
		return 0
	}
	n := generated(p, m.append(p))
	for _, cite := range b.GetArray("citations") {
		m.append(otherPart(cite))
	}
	return n
}

func (h *anthropicMessages) event(f frame) int {
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	return h.value(v)
}

// value takes one event of a stream.
func (h *anthropicMessages) value(v *fastjson.Value) int {
	switch string(bstr(v, "type")) {
	case "content_block_delta":
		return h.delta(v)
	case "content_block_start":
		return h.startBlock(v)
	case "content_block_stop":
		return 0
	case "message_start":
		return h.start(v.Get("message"))
	case "message_delta":
		h.stop(v.Get("delta"))
		h.usage.merge(v.Get("usage"), true)
		return 0
	case "message_stop":
		h.acc.ended = true
		return 0
	case "ping":
		return -1
	case "error":
		h.fail(v)
		return 0
	case "message": // a whole answer where a stream was expected
		h.whole(v)
		h.acc.ended = true
		return 0
	}
	if v.Exists("error") {
		h.fail(v)
		return 0
	}
	if v.Exists("completion") { // the legacy API, with and without a type
		h.identify(v)
		n := h.acc.at(0).text(bstr(v, "completion"))
		if bstr(v, "stop_reason") != nil {
			h.stop(v)
			h.acc.ended = true
		}
		return n
	}
	return 0
}

// start takes message_start. Its output count is provisional unless the
// message is already complete.
func (h *anthropicMessages) start(m *fastjson.Value) int {
	if m == nil {
		return 0
	}
	h.base = h.next
	h.identify(m)
	h.usage.merge(m.Get("usage"), bstr(m, "stop_reason") != nil)
	n := 0
	for _, b := range m.GetArray("content") {
		n += h.wholeBlock(h.acc.at(0), b)
	}
	h.stop(m)
	return n
}

// identify takes id and model: the first ones, as a spliced stream may bring
// another message_start.
func (h *anthropicMessages) identify(v *fastjson.Value) {
	if h.call.ResponseID == "" {
		h.call.ResponseID = str(v, "id")
	}
	if h.call.ResponseModel == "" {
		h.call.ResponseModel = str(v, "model")
	}
}

func (h *anthropicMessages) stop(v *fastjson.Value) {
	if r := bstr(v, "stop_reason"); len(r) > 0 {
		h.acc.at(0).finish(string(r))
	}
}

// fallback notes that another model took over: it answers and sets the price.
func (h *anthropicMessages) fallback(b *fastjson.Value) {
	if to := str(b, "to", "model"); to != "" {
		h.call.ResponseModel = to
		h.call.Note("model_fallback")
	}
}

// key is the part's key for a block index. The index is the provider's: one
// that is out of bounds is brought back into them.
func (h *anthropicMessages) key(v *fastjson.Value) int {
	i := v.GetInt("index")
	if i < 0 || i > maxParts {
		i = 0
	}
	k := h.base + i
	h.next = max(h.next, k+1)
	return k
}

func (h *anthropicMessages) startBlock(v *fastjson.Value) int {
	b := v.Get("content_block")
	m, key := h.acc.at(0), h.key(v)
	switch typ := string(bstr(b, "type")); {
	case typ == "text":
		return m.part(key, llm.PartText).write(bstr(b, "text"))
	case typ == "thinking":
		return m.part(key, llm.PartReasoning).write(bstr(b, "thinking"))
	case typ == "compaction":
		p := m.part(key, llm.PartOther)
		p.meta.Response = []byte(`{"type":"compaction"}`)
		return p.write(bstr(b, "content"))
	case typ == "tool_use" || strings.HasSuffix(typ, "_tool_use"):
		p := m.part(key, llm.PartToolCall)
		p.id(bstr(b, "id"))
		p.tool(bstr(b, "name"))
		if in := object(b, "input"); in != nil {
			if o, err := in.Object(); err == nil && o.Len() > 0 {
				return p.write(in.MarshalTo(nil))
			}
		}
		return 0
	}
	return h.wholeBlock(m, b)
}

// delta takes content_block_delta, of which there is one for every few tokens.
func (h *anthropicMessages) delta(v *fastjson.Value) int {
	d := v.Get("delta")
	m := h.acc.at(0)
	switch string(bstr(d, "type")) {
	case "text_delta":
		return m.part(h.key(v), llm.PartText).write(bstr(d, "text"))
	case "thinking_delta":
		return m.part(h.key(v), llm.PartReasoning).write(bstr(d, "thinking"))
	case "input_json_delta":
		return m.part(h.key(v), llm.PartToolCall).write(bstr(d, "partial_json"))
	case "compaction_delta":
		return m.part(h.key(v), llm.PartOther).write(bstr(d, "content"))
	case "citations_delta":
		// A citation points into the text that is already there.
		if c := d.Get("citation"); c != nil {
			m.append(otherPart(c))
		}
	}
	return 0
}

func (h *anthropicMessages) fail(v *fastjson.Value) {
	typ, msg := errorFields(v)
	h.call.SetError(errorType(typ, anthropicStatus(typ)), msg)
}

func (h *anthropicMessages) finish(bool) { h.usage.settle(h.call) }

// anthropicStatus is the HTTP status that an error type would have had, for
// errors inside an answer of 200.
func anthropicStatus(typ string) int {
	switch typ {
	case "overloaded_error":
		return 529
	case "rate_limit_error":
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}

// anthropicError reads Anthropic's error body, or that of the cloud which
// carries it.
func anthropicError(_ int, _ http.Header, body []byte) (typ, msg string) {
	var p fastjson.Parser
	v, err := p.ParseBytes(body)
	if err != nil {
		return "", plainError(body)
	}
	return errorFields(v)
}

// errorFields reads {"error":{"type"|"status","message"}}, {"error":"…"} and
// {"message":"…"}, also as the only element of an array.
func errorFields(v *fastjson.Value) (typ, msg string) {
	if v.Type() == fastjson.TypeArray {
		v = v.Get("0")
	}
	e := v.Get("error")
	switch {
	case e == nil:
		msg = str(v, "message")
		if msg == "" {
			msg = str(v, "Message")
		}
		return "", msg
	case e.Type() == fastjson.TypeString:
		return "", str(e)
	}
	msg = str(e, "message")
	if typ = str(e, "type"); typ == "" {
		typ = strings.ToLower(str(e, "status"))
	}
	return typ, msg
}
