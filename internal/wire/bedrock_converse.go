package wire

import (
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// bedrockConverse decodes answers of converse and converse-stream. Amazon's
// own models speak the same language through invoke.
type bedrockConverse struct {
	call    *llm.Call
	acc     *content
	stopped bool // messageStop was seen: only metadata may follow
}

func newBedrockConverse(_ Route, c *llm.Call, acc *content) handler { return newConverse(c, acc) }

func newConverse(c *llm.Call, acc *content) *bedrockConverse {
	return &bedrockConverse{call: c, acc: acc}
}

func (h *bedrockConverse) unary(body []byte) {
	if v := h.acc.parse(body); v != nil {
		h.whole(v)
	}
}

func (h *bedrockConverse) whole(v *fastjson.Value) {
	m := h.acc.at(0)
	for _, b := range v.GetArray("output", "message", "content") {
		if p, ok := conversePart(b); ok {
			m.append(p)
		}
	}
	m.finish(str(v, "stopReason"))
	h.metadata(v)
}

func (h *bedrockConverse) event(f frame) int {
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	if f.event != "" && f.event != "chunk" {
		return h.named(f.event, v)
	}
	return h.value(v)
}

// value takes an event that stands under its own name: {"contentBlockDelta":{…}}.
func (h *bedrockConverse) value(v *fastjson.Value) int {
	o, err := v.Object()
	if err != nil {
		return 0
	}
	n := 0
	o.Visit(func(key []byte, x *fastjson.Value) { n += h.named(string(key), x) })
	return n
}

func (h *bedrockConverse) named(event string, v *fastjson.Value) int {
	switch event {
	case "contentBlockDelta":
		return h.delta(v)
	case "contentBlockStart":
		t := v.Get("start", "toolUse")
		if t == nil {
			return 0
		}
		p := h.acc.at(0).part(clampIndex(v.GetInt("contentBlockIndex")), llm.PartToolCall)
		p.id(bstr(t, "toolUseId"))
		p.tool(bstr(t, "name"))
	case "messageStop":
		h.acc.at(0).finish(str(v, "stopReason"))
		h.stopped = true
	case "metadata":
		h.metadata(v)
		// The last frame; what stops without it has no usage, so it was cut.
		h.acc.ended = true
	default:
		if strings.HasSuffix(event, "Exception") {
			h.call.SetError(errorType(event, 500), str(v, "message"))
		}
	}
	return 0
}

func (h *bedrockConverse) delta(v *fastjson.Value) int {
	m, key := h.acc.at(0), clampIndex(v.GetInt("contentBlockIndex"))
	d := v.Get("delta")
	if t := d.Get("text"); t != nil {
		return m.part(key, llm.PartText).write(bstr(t))
	}
	if t := d.Get("toolUse"); t != nil {
		return m.part(key, llm.PartToolCall).write(bstr(t, "input"))
	}
	if r := d.Get("reasoningContent"); r != nil {
		return m.part(key, llm.PartReasoning).write(bstr(r, "text"))
	}
	if c := d.Get("citation"); c != nil {
		m.append(otherPart(c))
	}
	return 0
}

// metadata takes usage, latency, tier and guardrail action of an answer or of
// the last frame.
func (h *bedrockConverse) metadata(v *fastjson.Value) {
	converseUsage(v.Get("usage"), &h.call.Usage)
	if ms, ok := amount(v, "metrics", "latencyMs").Get(); ok {
		setAttribute(h.call, "aws.bedrock.latency_seconds", ms/1000)
		if d, ok := phase(ms, time.Millisecond); ok {
			h.call.Phases.Server = llm.Some(d)
		}
	}
	if t := str(v, "serviceTier", "type"); t != "" {
		h.call.ServiceTier = t
	}
	if l := str(v, "performanceConfig", "latency"); l == "optimized" {
		h.call.ServiceTier = l
	}
	if m := str(v, "trace", "promptRouter", "invokedModelId"); m != "" {
		h.call.ResponseModel = m
	}
}

// converseUsage reads counts that exclude each other. The names of the cache
// counts differ between converse and Amazon's models through invoke.
func converseUsage(v *fastjson.Value, u *llm.Usage) {
	if v == nil {
		return
	}
	in := count(v, "inputTokens")
	read := count(v, "cacheReadInputTokens")
	if !read.Known() {
		read = count(v, "cacheReadInputTokenCount")
	}
	write := count(v, "cacheWriteInputTokens")
	if !write.Known() {
		write = count(v, "cacheWriteInputTokenCount")
	}
	if in.Known() {
		u.InputTokens = addCounts(in, read, write)
	}
	override(&u.OutputTokens, count(v, "outputTokens"))
	override(&u.CacheReadTokens, read)
	override(&u.CacheWriteTokens, write)
	for _, d := range v.GetArray("cacheDetails") {
		switch string(bstr(d, "ttl")) {
		case "5m":
			u.CacheWrite5mTokens = addCounts(u.CacheWrite5mTokens, count(d, "inputTokens"))
		case "1h":
			u.CacheWrite1hTokens = addCounts(u.CacheWrite1hTokens, count(d, "inputTokens"))
		}
	}
}

func (h *bedrockConverse) finish(bool) {}

// conversePart decodes one content block of a message, of a request or of a
// complete answer.
func conversePart(b *fastjson.Value) (llm.Part, bool) {
	if t := b.Get("text"); t != nil {
		return textPart(str(t)), true
	}
	if t := b.Get("toolUse"); t != nil {
		return llm.Part{Type: llm.PartToolCall, ID: str(t, "toolUseId"), ToolName: str(t, "name"), Arguments: argumentsOf(t.Get("input"))}, true
	}
	if t := b.Get("toolResult"); t != nil {
		return llm.Part{Type: llm.PartToolCallResponse, ID: str(t, "toolUseId"), Response: rawJSON(t.Get("content"))}, true
	}
	if r := b.Get("reasoningContent"); r != nil {
		if t := r.Get("reasoningText", "text"); t != nil {
			return llm.Part{Type: llm.PartReasoning, Content: str(t)}, true
		}
		return llm.Part{Type: llm.PartOther, Response: []byte(`{"type":"redacted_thinking"}`)}, true
	}
	if t := b.Get("guardContent", "text", "text"); t != nil {
		return textPart(str(t)), true
	}
	if c := b.Get("citationsContent"); c != nil {
		return otherPart(c), true
	}
	for _, kind := range [...]string{"image", "document", "video", "audio"} {
		if m := b.Get(kind); m != nil {
			return converseMedia(kind, m), true
		}
	}
	if b.Exists("cachePoint") { // a marker, no content
		return llm.Part{}, false
	}
	return otherPart(b), true
}

func converseMedia(kind string, m *fastjson.Value) llm.Part {
	mime := str(m, "format")
	if mime != "" {
		top := kind
		if kind == "document" {
			top = "application"
		}
		mime = top + "/" + mime
	}
	if uri := str(m, "source", "s3Location", "uri"); uri != "" {
		return llm.Part{Type: llm.PartURI, Modality: kind, MIMEType: mime, URI: uri}
	}
	return llm.Part{Type: llm.PartBlob, Modality: kind, MIMEType: mime, Data: str(m, "source", "bytes")}
}

// bedrockError reads Amazon's error. Its type stands in a header, as
// ValidationException:http://…, or in the body as namespace#Type.
func bedrockError(_ int, h http.Header, body []byte) (typ, msg string) {
	typ, _, _ = strings.Cut(h.Get("X-Amzn-Errortype"), ":")
	var p fastjson.Parser
	v, err := p.ParseBytes(body)
	if err != nil {
		return typ, plainError(body)
	}
	inner, msg := errorFields(v)
	if typ == "" {
		typ = inner
	}
	for _, key := range [...]string{"__type", "code"} {
		if typ == "" {
			typ = str(v, key)
			typ = typ[strings.LastIndexByte(typ, '#')+1:]
		}
	}
	return typ, msg
}
