package provider

// messagesFormat is Anthropic's messages.
type messagesFormat struct{}

func (messagesFormat) name() string                 { return "messages" }
func (messagesFormat) tools(*exchange) bool         { return true }
func (messagesFormat) family() family               { return familyAnthropic }
func (messagesFormat) idPrefix() string             { return "msg_" }
func (messagesFormat) contentType(*exchange) string { return "text/event-stream; charset=utf-8" }
func (messagesFormat) reasons(x *exchange) bool     { return x.req.think || x.ctl.Reasoning.Known() }

func (messagesFormat) showsReasoning(*exchange) bool {
	return true
}

// anthropicUsage appends the usage; its input_tokens are those neither read
// from the cache nor written to it.
func anthropicUsage(x *exchange, output int64) {
	p, j := &x.plan, &x.out
	j.s(`{"input_tokens":`).i(p.input - p.cacheRead - p.cacheWrite).s(`,"cache_creation_input_tokens":`).i(p.cacheWrite)
	j.s(`,"cache_read_input_tokens":`).i(p.cacheRead).s(`,"cache_creation":{"ephemeral_5m_input_tokens":`).i(p.cacheWrite)
	j.s(`,"ephemeral_1h_input_tokens":0},"output_tokens":`).i(output).s(`,"service_tier":"standard"}`)
}

func anthropicStop(finish string) string {
	switch finish {
	case "stop":
		return "end_turn"
	case "length":
		return "max_tokens"
	case "tool_calls":
		return "tool_use"
	case "content_filter":
		return "refusal"
	}
	return finish
}

// signature stands where Anthropic signs a thinking block.
const signature = "c2lnbmF0dXJlLW9mLWEtc2ltdWxhdGlvbg=="

func (f messagesFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	j.s(`{"id":`).q(x.id).s(`,"type":"message","role":"assistant","model":`).q(x.model2).s(`,"content":[`)
	n := 0
	sep := func() {
		if n++; n > 1 {
			j.s(`,`)
		}
	}
	if !p.thought.empty() {
		sep()
		j.s(`{"type":"thinking","thinking":"`).s(p.thought.escaped()).s(`","signature":"` + signature + `"}`)
	}
	if !p.text.empty() {
		sep()
		j.s(`{"type":"text","text":"`).s(p.text.escaped()).s(`"}`)
	}
	if !p.tool.empty() {
		sep()
		j.s(`{"type":"tool_use","id":"toolu_`).s(x.id[len(x.id)-12:]).s(`","name":`).q(p.name).s(`,"input":`).s(p.tool.raw).s(`}`)
	}
	p.finish = anthropicStop(p.finish)
	j.s(`],"stop_reason":`).q(p.finish).s(`,"stop_sequence":null`)
	if p.reported {
		j.s(`,"usage":`)
		anthropicUsage(x, p.output)
	}
	j.s(`}`)
}

// anthropicEvent is one event of the stream: SSE for Anthropic itself, a frame
// of base64 for Bedrock.
type anthropicEvent func(x *exchange, typ string, body func(j *jsonbuf))

func sseEvent(x *exchange, typ string, body func(j *jsonbuf)) {
	x.out.s("event: ").s(typ).s("\ndata: ").s(`{"type":"`).s(typ).s(`"`)
	body(&x.out)
	x.out.s("}\n\n")
}

func (messagesFormat) begin(x *exchange) { anthropicBegin(x, sseEvent) }

func anthropicBegin(x *exchange, event anthropicEvent) {
	event(x, "message_start", func(j *jsonbuf) {
		j.s(`,"message":{"id":`).q(x.id).s(`,"type":"message","role":"assistant","model":`).q(x.model2)
		j.s(`,"content":[],"stop_reason":null,"stop_sequence":null,"usage":`)
		if x.plan.reported {
			anthropicUsage(x, 1)
		} else {
			j.s(`{}`)
		}
		j.s(`}`)
	})
}

func (messagesFormat) open(x *exchange, k kind) {
	anthropicOpen(x, k, sseEvent)
	if x.block == 0 {
		x.out.s("event: ping\ndata: {\"type\": \"ping\"}\n\n")
	}
}

func anthropicOpen(x *exchange, k kind, event anthropicEvent) {
	event(x, "content_block_start", func(j *jsonbuf) {
		j.s(`,"index":`).i(int64(x.block)).s(`,"content_block":`)
		switch k {
		case kindReasoning:
			j.s(`{"type":"thinking","thinking":"","signature":""}`)
		case kindText:
			j.s(`{"type":"text","text":""}`)
		case kindTool:
			j.s(`{"type":"tool_use","id":"toolu_`).s(x.id[len(x.id)-12:]).s(`","name":`).q(x.plan.name).s(`,"input":{}}`)
		}
	})
}

func (messagesFormat) delta(x *exchange, k kind, piece string) { anthropicDelta(x, k, piece, sseEvent) }

func anthropicDelta(x *exchange, k kind, piece string, event anthropicEvent) {
	event(x, "content_block_delta", func(j *jsonbuf) {
		j.s(`,"index":`).i(int64(x.block)).s(`,"delta":`)
		switch k {
		case kindReasoning:
			j.s(`{"type":"thinking_delta","thinking":"`)
		case kindText:
			j.s(`{"type":"text_delta","text":"`)
		case kindTool:
			j.s(`{"type":"input_json_delta","partial_json":"`)
		}
		j.s(piece).s(`"}`)
	})
}

func (messagesFormat) closeBlock(x *exchange, k kind) { anthropicClose(x, k, sseEvent) }

func anthropicClose(x *exchange, k kind, event anthropicEvent) {
	if k == kindReasoning {
		event(x, "content_block_delta", func(j *jsonbuf) {
			j.s(`,"index":`).i(int64(x.block)).s(`,"delta":{"type":"signature_delta","signature":"` + signature + `"}`)
		})
	}
	event(x, "content_block_stop", func(j *jsonbuf) { j.s(`,"index":`).i(int64(x.block)) })
	x.block++
}

func (messagesFormat) end(x *exchange) { anthropicEnd(x, sseEvent, "") }

// anthropicEnd ends the message; metrics is what Bedrock adds to the last event.
func anthropicEnd(x *exchange, event anthropicEvent, metrics string) {
	p := &x.plan
	p.finish = anthropicStop(p.finish)
	x.t.Finish = p.finish
	event(x, "message_delta", func(j *jsonbuf) {
		j.s(`,"delta":{"stop_reason":`).q(p.finish).s(`,"stop_sequence":null}`)
		if p.reported {
			j.s(`,"usage":`)
			anthropicUsage(x, p.output)
		} else {
			j.s(`,"usage":{}`)
		}
	})
	event(x, "message_stop", func(j *jsonbuf) { j.s(metrics) })
}

func (messagesFormat) fail(x *exchange, e *failure) {
	x.out.s("event: error\ndata: ")
	e.body(&x.out, familyAnthropic, x.t.RequestID)
	x.out.s("\n\n")
}
