package wire

import (
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// ollama decodes Ollama's own API: chat, generate and embeddings.
type ollama struct {
	api  string
	call *llm.Call
	acc  *content
}

func newOllama(rt Route, c *llm.Call, acc *content) handler {
	return &ollama{api: rt.API, call: c, acc: acc}
}

func (h *ollama) unary(body []byte) {
	if h.api == apiOllamaEmbed {
		h.embeddings(body)
		return
	}
	if v := h.acc.parse(body); v != nil {
		h.value(v)
	}
}

func (h *ollama) event(f frame) int {
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	return h.value(v)
}

// value takes one line; a unary answer is a stream of one.
func (h *ollama) value(v *fastjson.Value) int {
	if e := v.Get("error"); isSet(e) {
		_, msg := errorFields(v)
		h.call.SetError(errorType("", ollamaStatus(msg)), msg)
		return 0
	}
	if h.call.ResponseModel == "" {
		h.call.ResponseModel = str(v, "model")
	}
	m := h.acc.at(0)
	n := m.reasoning(bstr(v, "thinking"))
	n += m.text(bstr(v, "response"))
	if msg := v.Get("message"); msg != nil {
		n += m.reasoning(bstr(msg, "thinking"))
		n += m.text(bstr(msg, "content"))
		for _, t := range msg.GetArray("tool_calls") {
			n += m.append(ollamaToolCall(t))
		}
	}
	if v.GetBool("done") {
		h.done(v)
	}
	return n
}

// done takes the counts, which stand in the last line alone.
func (h *ollama) done(v *fastjson.Value) {
	h.acc.ended = true
	h.acc.at(0).finish(str(v, "done_reason"))
	u := &h.call.Usage
	u.OutputTokens = count(v, "eval_count")
	u.InputTokens = count(v, "prompt_eval_count")
	if !u.InputTokens.Known() && u.OutputTokens.Known() {
		// Ollama leaves the count out when the whole prompt was cached: none
		// of it was evaluated.
		u.InputTokens = llm.Some[int64](0)
	}
	h.durations(v)
}

// durations keeps what the server measured itself.
func (h *ollama) durations(v *fastjson.Value) {
	p := &h.call.Phases
	setPhase(&p.Load, v, "load_duration", time.Nanosecond)
	setPhase(&p.Prefill, v, "prompt_eval_duration", time.Nanosecond)
	setPhase(&p.Decode, v, "eval_duration", time.Nanosecond)
	setPhase(&p.Server, v, "total_duration", time.Nanosecond)
	for _, name := range [...]string{"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"} {
		if ns, ok := count(v, name).Get(); ok {
			setAttribute(h.call, "ollama."+name+"_seconds", float64(ns)/1e9)
		}
	}
}

// embeddings takes an answer of /api/embed or /api/embeddings without
// building its vectors. The older API counts nothing.
func (h *ollama) embeddings(body []byte) {
	var small fastjson.Parser
	ok := topLevel(body, func(key, raw []byte) {
		switch string(key) {
		case "embedding", "embeddings":
			return
		}
		v, err := small.ParseBytes(raw)
		if err != nil {
			return
		}
		switch string(key) {
		case "model":
			h.call.ResponseModel = str(v)
		case "prompt_eval_count":
			h.call.Usage.InputTokens = countOf(v)
		case "error":
			h.call.SetError(errorType("", ollamaStatus(str(v))), str(v))
		case "total_duration", "load_duration":
			if ns, ok := countOf(v).Get(); ok {
				setAttribute(h.call, "ollama."+string(key)+"_seconds", float64(ns)/1e9)
				if key[0] == 'l' {
					h.call.Phases.Load = llm.Some(time.Duration(ns))
				} else {
					h.call.Phases.Server = llm.Some(time.Duration(ns))
				}
			}
		}
	})
	if !ok {
		h.call.Note("malformed_response")
	}
	if h.call.Usage.InputTokens.Known() {
		h.call.Usage.OutputTokens = llm.Some[int64](0)
	}
}

func (h *ollama) finish(bool) {}

// ollamaToolCall decodes a tool call, whose arguments are an object.
func ollamaToolCall(t *fastjson.Value) llm.Part {
	f := t.Get("function")
	return llm.Part{Type: llm.PartToolCall, ID: str(t, "id"), ToolName: str(f, "name"), Arguments: argumentsOf(f.Get("arguments"))}
}

// ollamaError reads {"error":"…"}.
func ollamaError(_ int, _ http.Header, body []byte) (typ, msg string) {
	var p fastjson.Parser
	v, err := p.ParseBytes(body)
	if err != nil {
		return "", plainError(body)
	}
	return errorFields(v)
}

// ollamaStatus guesses the status of an error inside an answer of 200 from its
// message: Ollama has no codes.
func ollamaStatus(msg string) int {
	switch {
	case strings.Contains(msg, "not found"):
		return http.StatusNotFound
	case strings.Contains(msg, "does not support"), strings.Contains(msg, "invalid"):
		return http.StatusBadRequest
	case strings.Contains(msg, "server busy"):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

var ollamaOptions = []paramName{
	{"temperature", "temperature"},
	{"top_p", "top_p"},
	{"top_k", "top_k"},
	{"min_p", "min_p"},
	{"seed", "seed"},
	{"stop", "stop_sequences"},
	{"num_predict", "max_tokens"},
	{"num_ctx", "num_ctx"},
	{"repeat_penalty", "repeat_penalty"},
	{"presence_penalty", "presence_penalty"},
	{"frequency_penalty", "frequency_penalty"},
}

// decodeOllamaRequest reads a body of Ollama's own API, which streams unless
// it is told not to.
func decodeOllamaRequest(rt Route, v *fastjson.Value, c *llm.Call) {
	if m := str(v, "model"); m != "" {
		c.RequestModel = m
	}
	if rt.API != apiOllamaEmbed {
		s := v.Get("stream")
		c.Stream = s == nil || s.Type() != fastjson.TypeFalse
	}
	if o := object(v, "options"); o != nil {
		renameParams(c, o, ollamaOptions)
	}
	setParams(c, v, "format", "keep_alive", "think", "raw", "truncate", "dimensions")
	for _, name := range [...]string{"format", "keep_alive"} {
		if c.Params[name] == "" { // the client's default, not a setting
			delete(c.Params, name)
		}
	}
	setTools(c, v.Get("tools"))

	if s := str(v, "system"); s != "" {
		c.Input = append(c.Input, llm.Text("system", s))
	}
	for _, m := range v.GetArray("messages") {
		addMessage(c, ollamaMessage(m))
	}
	prompt := partsOf(v.Get("prompt"), ollamaNoPart)
	prompt = append(prompt, partsOf(v.Get("input"), ollamaNoPart)...)
	prompt = appendOllamaImages(prompt, v.GetArray("images"))
	addMessage(c, llm.Message{Role: "user", Parts: prompt})
}

func ollamaNoPart(*fastjson.Value) (llm.Part, bool) { return llm.Part{}, false }

func ollamaMessage(m *fastjson.Value) llm.Message {
	out := llm.Message{Role: str(m, "role"), Name: str(m, "name")}
	text := str(m, "content")
	if out.Role == "tool" {
		if out.Name == "" {
			out.Name = str(m, "tool_name")
		}
		out.Parts = append(out.Parts, llm.Part{Type: llm.PartToolCallResponse, ID: str(m, "tool_call_id"), Response: rawJSON(m.Get("content"))})
		return out
	}
	if t := str(m, "thinking"); t != "" {
		out.Parts = append(out.Parts, llm.Part{Type: llm.PartReasoning, Content: t})
	}
	if text != "" {
		out.Parts = append(out.Parts, textPart(text))
	}
	for _, t := range m.GetArray("tool_calls") {
		out.Parts = append(out.Parts, ollamaToolCall(t))
	}
	out.Parts = appendOllamaImages(out.Parts, m.GetArray("images"))
	return out
}

// appendOllamaImages adds images, which come as bare base64 without a type.
func appendOllamaImages(parts []llm.Part, images []*fastjson.Value) []llm.Part {
	for _, img := range images {
		parts = append(parts, llm.Part{Type: llm.PartBlob, Modality: "image", Data: str(img)})
	}
	return parts
}
