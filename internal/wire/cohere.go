package wire

import (
	"net/http"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// cohereV1 decodes Cohere's first API (chat, generate) and embeddings of both.
type cohereV1 struct {
	api  string
	call *llm.Call
	acc  *content
}

func newCohereV1(rt Route, c *llm.Call, acc *content) handler { return newCohere1(rt.API, c, acc) }

func newCohere1(api string, c *llm.Call, acc *content) *cohereV1 {
	return &cohereV1{api: api, call: c, acc: acc}
}

func (h *cohereV1) unary(body []byte) {
	if h.api == apiCohereEmbed {
		h.embeddings(body)
		return
	}
	if v := h.acc.parse(body); v != nil {
		h.whole(v)
	}
}

func (h *cohereV1) whole(v *fastjson.Value) { h.answer(v) }

// answer takes a complete answer, or a chunk without event type. It returns
// the bytes of content that it brought.
func (h *cohereV1) answer(v *fastjson.Value) int {
	h.identify(v)
	n := 0
	m := h.acc.at(0)
	n += m.text(bstr(v, "text"))
	for _, t := range v.GetArray("tool_calls") {
		n += m.append(cohereToolCallV1(t))
	}
	m.finish(str(v, "finish_reason"))
	for i, g := range v.GetArray("generations") {
		gm := h.acc.at(i)
		n += gm.text(bstr(g, "text"))
		gm.finish(str(g, "finish_reason"))
	}
	cohereUsage(h.call, v.Get("meta"))
	return n
}

func (h *cohereV1) identify(v *fastjson.Value) {
	if h.call.ResponseID != "" {
		return
	}
	for _, key := range [...]string{"response_id", "generation_id", "id"} {
		if id := str(v, key); id != "" {
			h.call.ResponseID = id
			return
		}
	}
}

func (h *cohereV1) event(f frame) int {
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	return h.value(v)
}

// value takes one event. The last one repeats the whole answer: of it only the
// numbers are new.
func (h *cohereV1) value(v *fastjson.Value) int {
	m := h.acc.at(0)
	switch string(bstr(v, "event_type")) {
	case "stream-start":
		return 0
	case "text-generation":
		return h.generated(v)
	case "tool-calls-chunk":
		return m.reasoning(bstr(v, "text")) + h.toolChunk(m, v.Get("tool_call_delta"))
	case "tool-calls-generation":
		return h.toolCalls(m, v)
	case "stream-end":
		h.end(v)
		return 0
	case "stream-error":
		h.call.SetError("stream_error", str(v, "err"))
		return 0
	case "": // Bedrock streams some models without event types
		n := h.answer(v)
		if v.GetBool("is_finished") || v.Exists("finish_reason") {
			h.acc.ended = true
		}
		return n
	}
	return 0
}

func (h *cohereV1) generated(v *fastjson.Value) int {
	i := v.GetInt("index") // of the generation, where several were asked for
	return h.acc.at(max(i, 0)).text(bstr(v, "text"))
}

func (h *cohereV1) toolChunk(m *message, d *fastjson.Value) int {
	if d == nil {
		return 0
	}
	p := m.part(clampIndex(d.GetInt("index")), llm.PartToolCall)
	p.tool(bstr(d, "name"))
	return p.write(bstr(d, "parameters"))
}

// toolCalls takes the complete calls, which follow their chunks if there were any.
func (h *cohereV1) toolCalls(m *message, v *fastjson.Value) int {
	if m.lookup(0) != nil {
		return 0
	}
	n := 0
	for _, t := range v.GetArray("tool_calls") {
		n += m.append(cohereToolCallV1(t))
	}
	return n
}

func (h *cohereV1) end(v *fastjson.Value) {
	h.acc.ended = true
	r := v.Get("response")
	h.identify(r)
	if h.call.ResponseID == "" {
		h.identify(v)
	}
	if gens := r.GetArray("generations"); len(gens) > 0 {
		for i, g := range gens {
			h.acc.at(i).finish(str(g, "finish_reason"))
		}
	} else {
		h.acc.at(0).finish(str(v, "finish_reason"))
		h.acc.at(0).finish(str(r, "finish_reason"))
	}
	cohereUsage(h.call, r.Get("meta"))
}

func (h *cohereV1) finish(bool) {}

// embeddings takes an answer of /embed without building its vectors.
func (h *cohereV1) embeddings(body []byte) {
	var small fastjson.Parser
	ok := topLevel(body, func(key, raw []byte) {
		switch string(key) {
		case "id", "meta":
		default:
			return
		}
		v, err := small.ParseBytes(raw)
		if err != nil {
			return
		}
		if string(key) == "id" {
			h.call.ResponseID = str(v)
			return
		}
		cohereUsage(h.call, v)
	})
	if !ok {
		h.call.Note("malformed_response")
	}
	if h.call.Usage.InputTokens.Known() {
		h.call.Usage.OutputTokens = llm.Some[int64](0)
	}
}

// cohereUsage reads meta (v1) or usage (v2). The billed units are the
// canonical counts, as OpenTelemetry wants; what the model processed, which
// includes Cohere's own prompt, is kept beside them. cached_tokens counts that
// too, and may be larger than what is billed: it is no part of it.
func cohereUsage(c *llm.Call, v *fastjson.Value) {
	if v == nil {
		return
	}
	billed, tokens := v.Get("billed_units"), v.Get("tokens")
	from := billed
	if !count(billed, "input_tokens").Known() && !count(billed, "output_tokens").Known() {
		from = tokens
	}
	override(&c.Usage.InputTokens, count(from, "input_tokens"))
	override(&c.Usage.OutputTokens, count(from, "output_tokens"))
	override(&c.Usage.Searches, count(billed, "search_units"))
	if from == tokens {
		override(&c.Usage.CacheReadTokens, count(v, "cached_tokens"))
		return
	}
	for _, k := range [...]struct {
		name string
		n    llm.Opt[int64]
	}{
		{"cohere.tokens.input_tokens", count(tokens, "input_tokens")},
		{"cohere.tokens.output_tokens", count(tokens, "output_tokens")},
		{"cohere.tokens.cached_tokens", count(v, "cached_tokens")},
	} {
		if n, ok := k.n.Get(); ok {
			setAttribute(c, k.name, n)
		}
	}
}

func cohereToolCallV1(t *fastjson.Value) llm.Part {
	return llm.Part{Type: llm.PartToolCall, ToolName: str(t, "name"), Arguments: argumentsOf(t.Get("parameters"))}
}

// clampIndex brings an index from the wire into bounds.
func clampIndex(i int) int { return min(max(i, 0), maxParts) }

// cohereError reads {"message":"…"}: Cohere has no codes.
func cohereError(_ int, _ http.Header, body []byte) (typ, msg string) {
	var p fastjson.Parser
	v, err := p.ParseBytes(body)
	if err != nil {
		return "", plainError(body)
	}
	return errorFields(v)
}
