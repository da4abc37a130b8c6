package provider

import "strings"

// geminiFormat is Gemini's generateContent and streamGenerateContent, the
// latter as SSE (alt=sse) or as one JSON array.
type geminiFormat struct{ plainFormat }

func (geminiFormat) name() string           { return "generate_content" }
func (geminiFormat) tools(*exchange) bool   { return true }
func (geminiFormat) family() family         { return familyGemini }
func (geminiFormat) reasons(*exchange) bool { return true }
func (geminiFormat) showsReasoning(x *exchange) bool {
	return x.req.thoughts
}

func (geminiFormat) sse(x *exchange) bool { return strings.Contains(x.r.URL.RawQuery, "alt=sse") }

func (f geminiFormat) contentType(x *exchange) string {
	if f.sse(x) {
		return "text/event-stream"
	}
	return "application/json; charset=UTF-8"
}

func geminiFinish(finish string) string {
	switch finish {
	case "length":
		return "MAX_TOKENS"
	case "content_filter":
		return "SAFETY"
	}
	return "STOP" // also for tool calls
}

// usage appends usageMetadata. Gemini counts thoughts apart from candidates.
func (geminiFormat) usage(x *exchange, output, thoughts int64) {
	p, j := &x.plan, &x.out
	j.s(`,"usageMetadata":{"promptTokenCount":`).i(p.input)
	if output > 0 {
		j.s(`,"candidatesTokenCount":`).i(output)
	}
	j.s(`,"totalTokenCount":`).i(p.input + output + thoughts)
	if p.cacheRead > 0 {
		j.s(`,"cachedContentTokenCount":`).i(p.cacheRead).s(`,"cacheTokensDetails":[{"modality":"TEXT","tokenCount":`).i(p.cacheRead).s(`}]`)
	}
	j.s(`,"promptTokensDetails":[{"modality":"TEXT","tokenCount":`).i(p.input).s(`}]`)
	if thoughts > 0 {
		j.s(`,"thoughtsTokenCount":`).i(thoughts)
	}
	j.s(`}`)
}

func (geminiFormat) part(x *exchange, k kind, escaped string) {
	j := &x.out
	switch k {
	case kindReasoning:
		j.s(`{"text":"`).s(escaped).s(`","thought":true}`)
	case kindText:
		j.s(`{"text":"`).s(escaped).s(`"}`)
	case kindTool:
		j.s(`{"functionCall":{"name":`).q(x.plan.name).s(`,"args":`).s(x.plan.tool.raw).s(`}}`)
	}
}

func (f geminiFormat) tail(x *exchange) {
	x.out.s(`,"modelVersion":`).q(x.model2).s(`,"responseId":`).q(x.id).s(`}`)
}

func (f geminiFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	p.finish = geminiFinish(p.finish)
	j.s(`{"candidates":[{"content":{"parts":[`)
	n := 0
	for _, b := range [...]struct {
		k    kind
		text *pieces
	}{{kindReasoning, &p.thought}, {kindText, &p.text}, {kindTool, &p.tool}} {
		if b.text.empty() {
			continue
		}
		if n++; n > 1 {
			j.s(`,`)
		}
		f.part(x, b.k, b.text.escaped())
	}
	j.s(`],"role":"model"},"finishReason":`).q(p.finish).s(`,"index":0}]`)
	if p.reported {
		f.usage(x, p.output-p.reasoning, p.reasoning)
	}
	f.tail(x)
}

// begin sends nothing: Gemini's first bytes are its first content.
func (f geminiFormat) begin(x *exchange) {
	if !f.sse(x) {
		x.out.s(`[`)
	}
}

// chunk frames one element of the stream, up to its content.
func (f geminiFormat) chunk(x *exchange) *jsonbuf {
	if f.sse(x) {
		x.out.s("data: ")
	} else if x.seq > 0 {
		x.out.s(",\r\n")
	}
	x.seq++
	return x.out.s(`{"candidates":[{"content":{"parts":[`)
}

func (f geminiFormat) endChunk(x *exchange) {
	f.tail(x)
	if f.sse(x) {
		x.out.s("\r\n\r\n")
	}
}

func (geminiFormat) open(*exchange, kind)       {}
func (geminiFormat) closeBlock(*exchange, kind) {}

func (f geminiFormat) delta(x *exchange, k kind, piece string) {
	f.chunk(x)
	f.part(x, k, piece)
	x.out.s(`],"role":"model"},"index":0}]`)
	if p := &x.plan; p.reported { // Gemini counts as it goes
		sent, all := x.seq-int64(p.thought.chunks), int64(p.text.chunks+p.tool.chunks)
		f.usage(x, (p.output-p.reasoning)*max(sent, 0)/max(all, 1), p.reasoning)
	}
	f.endChunk(x)
}

func (f geminiFormat) end(x *exchange) {
	p := &x.plan
	p.finish = geminiFinish(p.finish)
	x.t.Finish = p.finish
	f.chunk(x).s(`{"text":""}],"role":"model"},"finishReason":`).q(p.finish).s(`,"index":0}]`)
	if p.reported {
		f.usage(x, p.output-p.reasoning, p.reasoning)
	}
	f.endChunk(x)
	if !f.sse(x) {
		x.out.s("]")
	}
}

func (f geminiFormat) fail(x *exchange, e *failure) {
	if f.sse(x) {
		x.out.s("data: ")
		e.body(&x.out, familyGemini, "")
		x.out.s("\r\n\r\n")
		return
	}
	if x.seq > 0 {
		x.out.s(",\r\n")
	}
	e.body(&x.out, familyGemini, "")
	x.out.s("]")
}

// geminiEmbedFormat is embedContent and batchEmbedContents.
type geminiEmbedFormat struct {
	plainFormat
	batch bool
}

func (geminiEmbedFormat) name() string   { return "embed_content" }
func (geminiEmbedFormat) family() family { return familyGemini }

func (f geminiEmbedFormat) unary(x *exchange) {
	j := &x.out
	x.noText()
	x.t.Answered = ""
	x.t.Reported, x.t.Output = false, 0
	dims := max(x.req.dimensions, 64)
	if !f.batch {
		j.s(`{"embedding":{"values":`)
		x.vector(dims, false)
		j.s(`}}`)
		return
	}
	j.s(`{"embeddings":[`)
	for i := range x.req.inputs {
		if i > 0 {
			j.s(`,`)
		}
		j.s(`{"values":`)
		x.vector(dims, false)
		j.s(`}`)
	}
	j.s(`]}`)
}
