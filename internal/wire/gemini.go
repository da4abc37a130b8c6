package wire

import (
	"net/http"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// gemini decodes answers of Gemini and Vertex: generateContent and its stream,
// embeddings, predictions of older models, and interactions.
type gemini struct {
	api   string
	call  *llm.Call
	acc   *content
	usage geminiUsage
	args  map[int]*argTree // tool calls whose arguments arrive in pieces, by candidate
}

func newGemini(rt Route, c *llm.Call, acc *content) handler {
	return &gemini{api: rt.API, call: c, acc: acc}
}

func (h *gemini) unary(body []byte) {
	if h.api == apiEmbedContent || h.api == apiPredict {
		h.vectors(body)
		return
	}
	v := h.acc.parse(body)
	if v == nil {
		return
	}
	if v.Type() == fastjson.TypeArray { // a stream that came in one piece
		for _, x := range v.GetArray() {
			h.value(x)
		}
	} else {
		h.value(v)
	}
	h.finish(false)
}

func (h *gemini) event(f frame) int {
	if string(f.data) == "[DONE]" {
		return -1
	}
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	return h.value(v)
}

// value takes one response object; a stream is a series of them.
func (h *gemini) value(v *fastjson.Value) int {
	switch {
	case v.Exists("candidates") || v.Exists("usageMetadata") || v.Exists("promptFeedback"):
		return h.response(v)
	case v.Exists("error"):
		h.fail(v)
		return 0
	case v.Exists("event_type"):
		return h.interactionEvent(v)
	case v.Exists("steps") || v.Exists("outputs") || string(bstr(v, "object")) == "interaction":
		h.interaction(v)
		return 0
	}
	return h.response(v)
}

func (h *gemini) response(v *fastjson.Value) int {
	if id := bstr(v, "responseId"); len(id) > 0 && h.call.ResponseID == "" {
		h.call.ResponseID = string(id)
	}
	if m := bstr(v, "modelVersion"); len(m) > 0 && h.call.ResponseModel == "" {
		h.call.ResponseModel = string(m)
	}
	n := 0
	for i, c := range v.GetArray("candidates") {
		if x := c.Get("index"); x != nil {
			i = clampIndex(x.GetInt())
		}
		n += h.candidate(i, c)
	}
	if live := v.Get("serverContent"); live != nil { // a turn of the live API
		n += h.acc.at(0).text(bstr(live, "outputTranscription", "text"))
		n += h.parts(0, live.Get("modelTurn"))
	}
	if reason := bstr(v, "promptFeedback", "blockReason"); len(reason) > 0 {
		h.acc.at(0).finish("content_filter")
		setAttribute(h.call, "gemini.block_reason", strings.ToLower(string(reason)))
		h.acc.ended = true
	}
	if u := v.Get("usageMetadata"); u != nil {
		h.usage.read(u, h.call)
	}
	if e := v.Get("error"); e != nil {
		h.fail(v)
	}
	return n
}

func (h *gemini) candidate(i int, c *fastjson.Value) int {
	n := h.parts(i, c.Get("content"))
	if reason := geminiFinish(c.Get("finishReason")); reason != "" {
		h.acc.at(i).finish(reason)
		h.acc.ended = true
	}
	return n
}

func (h *gemini) parts(i int, c *fastjson.Value) int {
	n := 0
	for _, p := range c.GetArray("parts") {
		n += h.part(i, p)
	}
	return n
}

func (h *gemini) part(i int, p *fastjson.Value) int {
	m := h.acc.at(i)
	if t := p.Get("text"); t != nil {
		if p.GetBool("thought") {
			return m.reasoning(bstr(t))
		}
		return m.text(bstr(t))
	}
	if f := p.Get("functionCall"); f != nil && (h.args[i] != nil || f.Exists("partialArgs") || f.GetBool("willContinue")) {
		return h.partialCall(i, m, f)
	}
	if lp, ok := geminiPart(p); ok {
		return generated(lp, m.append(lp))
	}
	return 0
}

// partialCall takes a piece of a tool call whose arguments stream as paths
// with values; a piece without willContinue ends it.
func (h *gemini) partialCall(i int, m *message, f *fastjson.Value) int {
	if h.args == nil {
		h.args = make(map[int]*argTree, 1)
	}
	t := h.args[i]
	if name := str(f, "name"); name != "" || t == nil {
		h.endCall(i, m)
		t = &argTree{part: llm.Part{Type: llm.PartToolCall, ID: str(f, "id"), ToolName: name}}
		h.args[i] = t
	}
	n := 0
	for _, a := range f.GetArray("partialArgs") {
		n += t.set(a)
	}
	if !f.GetBool("willContinue") {
		h.endCall(i, m)
	}
	return n
}

func (h *gemini) endCall(i int, m *message) {
	t := h.args[i]
	if t == nil {
		return
	}
	delete(h.args, i)
	t.part.Arguments = t.json()
	m.append(t.part)
}

func (h *gemini) fail(v *fastjson.Value) {
	typ, msg := geminiErrorFields(v)
	h.call.SetError(errorType(typ, max(v.GetInt("error", "code"), 400)), msg)
}

func (h *gemini) finish(bool) {
	for i := range h.args {
		h.endCall(i, h.acc.at(i))
	}
	h.usage.settle(h.call, h.acc.ended)
}

// geminiFinishNames are the finish reasons by their number in the protobuf
// enumeration, which `$alt=json;enum-encoding=int` asks for.
var geminiFinishNames = [...]string{
	"", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST",
	"PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL",
}

func geminiFinish(v *fastjson.Value) string {
	return geminiEnum(v, geminiFinishNames[:], "FINISH_REASON_UNSPECIFIED")
}

// geminiEnum reads an enumeration by name or by number.
func geminiEnum(v *fastjson.Value, names []string, unspecified string) string {
	if n, ok := countOf(v).Get(); ok {
		if n < int64(len(names)) {
			return names[n]
		}
		return "other"
	}
	if s := str(v); s != unspecified {
		return s
	}
	return ""
}

// geminiError reads Google's error body: an object, or an array of one where
// the request asked for a stream.
func geminiError(_ int, _ http.Header, body []byte) (typ, msg string) {
	var p fastjson.Parser
	v, err := p.ParseBytes(body)
	if err != nil {
		return "", plainError(body)
	}
	return geminiErrorFields(v)
}

func geminiErrorFields(v *fastjson.Value) (typ, msg string) {
	if v.Type() == fastjson.TypeArray {
		v = v.Get("0")
	}
	typ, msg = errorFields(v)
	if s := str(v, "error", "status"); s != "" {
		typ = s
	}
	return strings.ToLower(typ), msg
}
