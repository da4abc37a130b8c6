package provider

// cohereChatFormat is Cohere's chat, version 2.
type cohereChatFormat struct{ plainFormat }

func (cohereChatFormat) name() string                 { return "cohere_chat_v2" }
func (cohereChatFormat) tools(*exchange) bool         { return true }
func (cohereChatFormat) family() family               { return familyCohere }
func (cohereChatFormat) contentType(*exchange) string { return "text/event-stream" }

func cohereFinish(finish string) string {
	switch finish {
	case "length":
		return "MAX_TOKENS"
	case "tool_calls":
		return "TOOL_CALL"
	case "content_filter":
		return "ERROR_TOXIC"
	}
	return "COMPLETE"
}

func (cohereChatFormat) usage(x *exchange) {
	p := &x.plan
	x.out.s(`{"billed_units":{"input_tokens":`).i(p.input).s(`,"output_tokens":`).i(p.output)
	x.out.s(`},"tokens":{"input_tokens":`).i(p.input + 62).s(`,"output_tokens":`).i(p.output + 2).s(`}}`) // the template's own tokens are not billed
}

func (f cohereChatFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	x.id = x.uuid()
	x.t.ID, x.t.Answered = x.id, ""
	p.finish = cohereFinish(p.finish)
	j.s(`{"id":`).q(x.id).s(`,"message":{"role":"assistant"`)
	if !p.text.empty() {
		j.s(`,"content":[{"type":"text","text":"`).s(p.text.escaped()).s(`"}]`)
	}
	if !p.tool.empty() {
		j.s(`,"tool_calls":[{"id":"call_1","type":"function","function":{"name":`).q(p.name).s(`,"arguments":`).q(p.tool.raw).s(`}}]`)
	}
	j.s(`},"finish_reason":`).q(p.finish)
	if p.reported {
		j.s(`,"usage":`)
		f.usage(x)
	}
	j.s(`}`)
}

func (cohereChatFormat) event(x *exchange, typ string) *jsonbuf {
	return x.out.s("event: ").s(typ).s("\ndata: ").s(`{"type":"`).s(typ).s(`"`)
}

func (f cohereChatFormat) begin(x *exchange) {
	x.id = x.uuid()
	x.t.ID, x.t.Answered = x.id, ""
	f.event(x, "message-start").s(`,"id":`).q(x.id).s(`,"delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}`).s("\n\n")
}

func (f cohereChatFormat) open(x *exchange, k kind) {
	if k == kindTool {
		f.event(x, "tool-call-start").s(`,"index":0,"delta":{"message":{"tool_calls":{"id":"call_1","type":"function","function":{"name":`).q(x.plan.name).s(`,"arguments":""}}}}}`).s("\n\n")
		return
	}
	f.event(x, "content-start").s(`,"index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}`).s("\n\n")
}

func (f cohereChatFormat) delta(x *exchange, k kind, piece string) {
	if k == kindTool {
		f.event(x, "tool-call-delta").s(`,"index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"`).s(piece).s("\"}}}}}\n\n")
		return
	}
	f.event(x, "content-delta").s(`,"index":0,"delta":{"message":{"content":{"text":"`).s(piece).s("\"}}}}\n\n")
}

func (f cohereChatFormat) closeBlock(x *exchange, k kind) {
	typ := "content-end"
	if k == kindTool {
		typ = "tool-call-end"
	}
	f.event(x, typ).s(",\"index\":0}\n\n")
}

func (f cohereChatFormat) end(x *exchange) {
	p := &x.plan
	p.finish = cohereFinish(p.finish)
	x.t.Finish = p.finish
	f.event(x, "message-end").s(`,"delta":{"finish_reason":`).q(p.finish)
	if p.reported {
		x.out.s(`,"usage":`)
		f.usage(x)
	}
	x.out.s("}}\n\ndata: [DONE]\n\n")
}

func (f cohereChatFormat) fail(x *exchange, e *failure) {
	f.event(x, "message-end").s(`,"delta":{"error":`).q(e.message).s(`,"finish_reason":"ERROR"}}`).s("\n\n")
}

// cohereEmbedFormat is Cohere's embed.
type cohereEmbedFormat struct{ plainFormat }

func (cohereEmbedFormat) name() string   { return "cohere_embed" }
func (cohereEmbedFormat) family() family { return familyCohere }

func (cohereEmbedFormat) unary(x *exchange) {
	j := &x.out
	x.noText()
	x.id = x.uuid()
	x.t.ID, x.t.Answered, x.t.Output, x.t.CacheRead = x.id, "", 0, 0
	j.s(`{"id":`).q(x.id).s(`,"embeddings":{"float":[`)
	for i := range x.req.inputs {
		if i > 0 {
			j.s(`,`)
		}
		x.vector(64, false)
	}
	j.s(`]},"texts":[]`)
	if x.plan.reported {
		j.s(`,"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":`).i(x.plan.input).s(`}}`)
	}
	j.s(`,"response_type":"embeddings_by_type"}`)
}

// rerankFormat is the rerank of Cohere, which others imitate.
type rerankFormat struct{ plainFormat }

func (rerankFormat) name() string   { return "rerank" }
func (rerankFormat) family() family { return familyCohere }

func (rerankFormat) unary(x *exchange) {
	j := &x.out
	x.noText()
	x.id = x.uuid()
	x.t.ID, x.t.Answered, x.t.Reported = x.id, "", false
	j.s(`{"results":[`)
	for i := range x.req.inputs {
		if i > 0 {
			j.s(`,`)
		}
		j.s(`{"index":`).i(int64(i)).s(`,"relevance_score":`).f(1 / float64(i+2)).s(`}`)
	}
	j.s(`],"id":`).q(x.id).s(`,"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}}`)
}
