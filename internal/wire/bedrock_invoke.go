package wire

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// bedrockInvoke decodes answers of invoke and invoke-with-response-stream,
// whose body is the model's own. The first answer's shape says whose it is.
type bedrockInvoke struct {
	rt      Route
	call    *llm.Call
	acc     *content
	native  nativeDecoder
	openai  handler // for bodies in OpenAI's shape, which parses by itself
	chunk   []byte  // the decoded payload of a stream frame, reused
	metrics llm.Usage
	action  bool // a guardrail intervened
}

// nativeDecoder takes one JSON document of a model: a whole answer or one
// event of a stream, as last was told.
type nativeDecoder interface {
	whole(v *fastjson.Value)
	value(v *fastjson.Value) int
	finish(cut bool)
}

func newBedrockInvoke(rt Route, c *llm.Call, acc *content) handler {
	return &bedrockInvoke{rt: rt, call: c, acc: acc}
}

func (h *bedrockInvoke) unary(body []byte) {
	if h.call.Operation == llm.OpEmbeddings {
		h.embeddings(body)
		return
	}
	v := h.acc.parse(body)
	if v == nil {
		return
	}
	h.common(v)
	h.choose(v)
	if h.openai != nil {
		h.openai.unary(body)
	} else {
		h.native.whole(v)
	}
	h.finish(false)
}

func (h *bedrockInvoke) event(f frame) int {
	data, ok := h.payload(f.data)
	if !ok {
		h.call.Note("malformed_response")
		return 0
	}
	v := h.acc.parse(data)
	if v == nil {
		return 0
	}
	h.common(v)
	if h.native == nil && h.openai == nil {
		h.choose(v)
	}
	if h.openai != nil {
		return h.openai.event(frame{data: data})
	}
	return h.native.value(v)
}

// payload decodes {"bytes":"BASE64"}. The frame is flat and its text has no
// escapes, so that it needs no parser; fixtures hold the payload itself.
func (h *bedrockInvoke) payload(b []byte) ([]byte, bool) {
	const key = `"bytes":`
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return b, true
	}
	if j := bytes.IndexByte(b, ':'); j != i+len(key)-1 {
		v := h.acc.parse(b)
		text := bstr(v, "bytes")
		if text == nil {
			return b, true // the name stands somewhere inside the payload
		}
		return h.decode(text)
	}
	text := bytes.TrimLeft(b[i+len(key):], " \t")
	if len(text) == 0 || text[0] != '"' {
		return nil, false
	}
	end := bytes.IndexByte(text[1:], '"')
	if end < 0 {
		return nil, false
	}
	return h.decode(text[1 : 1+end])
}

func (h *bedrockInvoke) decode(text []byte) ([]byte, bool) {
	var err error
	h.chunk, err = base64.StdEncoding.AppendDecode(h.chunk[:0], text)
	return h.chunk, err == nil
}

// common takes what Bedrock adds to any model's answer.
func (h *bedrockInvoke) common(v *fastjson.Value) {
	if m := v.Get("amazon-bedrock-invocationMetrics"); m != nil {
		in := count(m, "inputTokenCount")
		read, write := count(m, "cacheReadInputTokenCount"), count(m, "cacheWriteInputTokenCount")
		if in.Known() {
			h.metrics.InputTokens = addCounts(in, read, write)
		}
		h.metrics.OutputTokens = count(m, "outputTokenCount")
		h.metrics.CacheReadTokens, h.metrics.CacheWriteTokens = read, write
		if ms, ok := amount(m, "invocationLatency").Get(); ok {
			setAttribute(h.call, "aws.bedrock.latency_seconds", ms/1000)
			if d, ok := phase(ms, time.Millisecond); ok {
				h.call.Phases.Server = llm.Some(d)
			}
		}
		// Only the last chunk has them.
		h.acc.ended = true
	}
	if v.Exists("amazon-bedrock-trace") { // after an intervention nothing follows
		h.acc.ended = true
	}
	if string(bstr(v, "amazon-bedrock-guardrailAction")) == "INTERVENED" && !h.action {
		h.action = true
		setAttribute(h.call, "aws.bedrock.guardrail.action", "INTERVENED")
	}
}

// choose picks the decoder by the shape of the first document.
func (h *bedrockInvoke) choose(v *fastjson.Value) {
	content := v.Get("content")
	switch {
	case v.Exists("completion"), v.Exists("type"), content != nil && content.Type() == fastjson.TypeArray:
		if isCohereV2Event(v) {
			h.native = newCohere2(h.call, h.acc)
			return
		}
		h.native = newAnthropic(h.call, h.acc)
	case v.Exists("output", "message"), v.Exists("messageStart"), v.Exists("contentBlockDelta"), v.Exists("contentBlockStart"):
		h.native = newConverse(h.call, h.acc)
	case v.Exists("event_type"), v.Exists("generations"), v.Exists("text"):
		h.native = newCohere1(apiCohereChatV1, h.call, h.acc)
	case object(v, "message") != nil:
		h.native = newCohere2(h.call, h.acc)
	case v.Exists("choices") && !v.Exists("choices", "0", "stop_reason"):
		h.openai = newOpenAIChat(h.rt, h.call, h.acc)
	default:
		h.native = &bedrockNative{call: h.call, acc: h.acc}
	}
}

// isCohereV2Event tells the two dialects apart that name their events by type.
func isCohereV2Event(v *fastjson.Value) bool {
	return string(bstr(v, "type")) == "message-start" || v.Exists("delta", "message")
}

// embeddings takes counts alone; Cohere's stand in a header.
func (h *bedrockInvoke) embeddings(body []byte) {
	var small fastjson.Parser
	ok := topLevel(body, func(key, raw []byte) {
		switch string(key) {
		case "inputTextTokenCount":
			if v, err := small.ParseBytes(raw); err == nil {
				h.call.Usage.InputTokens = countOf(v)
			}
		case "id":
			if v, err := small.ParseBytes(raw); err == nil {
				h.call.ResponseID = str(v)
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

func (h *bedrockInvoke) finish(cut bool) {
	if h.native != nil {
		h.native.finish(cut)
	}
	if h.openai != nil {
		h.openai.finish(cut)
	}
	u := &h.call.Usage
	fill(&u.InputTokens, h.metrics.InputTokens)
	fill(&u.OutputTokens, h.metrics.OutputTokens)
	fill(&u.CacheReadTokens, h.metrics.CacheReadTokens)
	fill(&u.CacheWriteTokens, h.metrics.CacheWriteTokens)
	if h.action && h.acc.at(0).reason == "" {
		h.acc.at(0).finish("guardrail_intervened")
	}
}

// bedrockHeaderUsage completes the usage of an invocation from response
// headers. Like Anthropic's, their input count leaves the cache out.
func bedrockHeaderUsage(h http.Header, u *llm.Usage) {
	read := headerCount(h, "X-Amzn-Bedrock-Cache-Read-Input-Token-Count")
	write := headerCount(h, "X-Amzn-Bedrock-Cache-Write-Input-Token-Count")
	if in := headerCount(h, "X-Amzn-Bedrock-Input-Token-Count"); in.Known() && !u.InputTokens.Known() {
		u.InputTokens = addCounts(in, read, write)
	}
	fill(&u.OutputTokens, headerCount(h, "X-Amzn-Bedrock-Output-Token-Count"))
	fill(&u.CacheReadTokens, read)
	fill(&u.CacheWriteTokens, write)
}

// fill sets a count that is unknown.
func fill(dst *llm.Opt[int64], v llm.Opt[int64]) {
	if !dst.Known() {
		*dst = v
	}
}
