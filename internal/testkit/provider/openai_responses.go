package provider

// responsesFormat is OpenAI's responses, with its typed events.
type responsesFormat struct{ plainFormat }

func (responsesFormat) name() string                 { return "responses" }
func (responsesFormat) tools(*exchange) bool         { return true }
func (responsesFormat) idPrefix() string             { return "resp_" }
func (responsesFormat) contentType(*exchange) string { return "text/event-stream; charset=utf-8" }
func (responsesFormat) reasons(*exchange) bool       { return true }
func (responsesFormat) showsReasoning(x *exchange) bool {
	return x.req.thoughts
}

// object appends the response. status is in_progress, completed, incomplete or
// failed.
func (f responsesFormat) object(x *exchange, status string, e *failure) {
	p, j := &x.plan, &x.out
	j.s(`{"id":`).q(x.id).s(`,"object":"response","created_at":`).i(x.created).s(`,"status":`).q(status).s(`,"background":false,"error":`)
	if e == nil {
		j.s(`null`)
	} else {
		j.s(`{"code":`).q(e.typ).s(`,"message":`).q(e.message).s(`}`)
	}
	j.s(`,"incomplete_details":`)
	if status == "incomplete" {
		j.s(`{"reason":"max_output_tokens"}`)
	} else {
		j.s(`null`)
	}
	j.s(`,"instructions":null,"max_output_tokens":null,"model":`).q(x.model2).s(`,"output":[`)
	if status == "completed" || status == "incomplete" {
		f.items(x)
	}
	j.s(`],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"service_tier":"default","store":true,` +
		`"temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":`)
	if (status == "completed" || status == "incomplete") && p.reported {
		j.s(`{"input_tokens":`).i(p.input).s(`,"input_tokens_details":{"cached_tokens":`).i(p.cacheRead).s(`},"output_tokens":`).i(p.output)
		j.s(`,"output_tokens_details":{"reasoning_tokens":`).i(p.reasoning).s(`},"total_tokens":`).i(p.input + p.output).s(`}`)
	} else {
		j.s(`null`)
	}
	j.s(`,"user":null,"metadata":{}}`)
}

// items appends the finished output items.
func (f responsesFormat) items(x *exchange) {
	p, j := &x.plan, &x.out
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
		f.item(x, b.k, b.text, true)
	}
}

// item appends one output item, without its content where it is not done.
func (responsesFormat) item(x *exchange, k kind, text *pieces, done bool) {
	j := &x.out
	status, body := "in_progress", ""
	if done {
		status, body = "completed", text.escaped()
	}
	tail := x.id[len(x.id)-12:]
	switch k {
	case kindReasoning:
		j.s(`{"id":"rs_`).s(tail).s(`","type":"reasoning","summary":[`)
		if done {
			j.s(`{"type":"summary_text","text":"`).s(body).s(`"}`)
		}
		j.s(`]}`)
	case kindText:
		j.s(`{"id":"msg_`).s(tail).s(`","type":"message","status":"`).s(status).s(`","content":[`)
		if done {
			j.s(`{"type":"output_text","annotations":[],"logprobs":[],"text":"`).s(body).s(`"}`)
		}
		j.s(`],"role":"assistant"}`)
	case kindTool:
		j.s(`{"id":"fc_`).s(tail).s(`","type":"function_call","status":"`).s(status).s(`","arguments":"`).s(body)
		j.s(`","call_id":"call_`).s(tail).s(`","name":`).q(x.plan.name).s(`}`)
	}
}

func (f responsesFormat) unary(x *exchange) { f.object(x, f.status(x), nil) }

func (responsesFormat) status(x *exchange) string {
	if x.plan.finish == "length" {
		return "incomplete"
	}
	return "completed"
}

// event starts a typed event; what follows must close its object.
func (responsesFormat) event(x *exchange, typ string) *jsonbuf {
	j := &x.out
	j.s("event: ").s(typ).s("\ndata: ").s(`{"type":"`).s(typ).s(`","sequence_number":`).i(x.seq)
	x.seq++
	return j
}

func (f responsesFormat) begin(x *exchange) {
	for _, typ := range [...]string{"response.created", "response.in_progress"} {
		f.event(x, typ).s(`,"response":`)
		f.object(x, "in_progress", nil)
		x.out.s("}\n\n")
	}
}

func (f responsesFormat) open(x *exchange, k kind) {
	f.event(x, "response.output_item.added").s(`,"output_index":`).i(int64(x.block)).s(`,"item":`)
	f.item(x, k, nil, false)
	x.out.s("}\n\n")
	switch k {
	case kindText:
		f.event(x, "response.content_part.added")
		f.where(x, "msg_").s(`,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}}`).s("\n\n")
	case kindReasoning:
		f.event(x, "response.reasoning_summary_part.added")
		f.where(x, "rs_").s(`,"summary_index":0,"part":{"type":"summary_text","text":""}}`).s("\n\n")
	case kindTool: // the item says it all
	}
}

func (responsesFormat) where(x *exchange, prefix string) *jsonbuf {
	return x.out.s(`,"item_id":"`).s(prefix).s(x.id[len(x.id)-12:]).s(`","output_index":`).i(int64(x.block))
}

func (f responsesFormat) delta(x *exchange, k kind, piece string) {
	switch k {
	case kindReasoning:
		f.event(x, "response.reasoning_summary_text.delta")
		f.where(x, "rs_").s(`,"summary_index":0`)
	case kindText:
		f.event(x, "response.output_text.delta")
		f.where(x, "msg_").s(`,"content_index":0,"logprobs":[]`)
	case kindTool:
		f.event(x, "response.function_call_arguments.delta")
		f.where(x, "fc_")
	}
	x.out.s(`,"delta":"`).s(piece).s("\"}\n\n")
}

func (f responsesFormat) closeBlock(x *exchange, k kind) {
	p, j := &x.plan, &x.out
	text := &p.text
	switch k {
	case kindReasoning:
		text = &p.thought
		f.event(x, "response.reasoning_summary_text.done")
		f.where(x, "rs_").s(`,"summary_index":0,"text":"`).s(text.escaped()).s("\"}\n\n")
		f.event(x, "response.reasoning_summary_part.done")
		f.where(x, "rs_").s(`,"summary_index":0,"part":{"type":"summary_text","text":"`).s(text.escaped()).s("\"}}\n\n")
	case kindText:
		f.event(x, "response.output_text.done")
		f.where(x, "msg_").s(`,"content_index":0,"logprobs":[],"text":"`).s(text.escaped()).s("\"}\n\n")
		f.event(x, "response.content_part.done")
		f.where(x, "msg_").s(`,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"`).s(text.escaped()).s("\"}}\n\n")
	case kindTool:
		text = &p.tool
		f.event(x, "response.function_call_arguments.done")
		f.where(x, "fc_").s(`,"arguments":"`).s(text.escaped()).s("\"}\n\n")
	}
	f.event(x, "response.output_item.done").s(`,"output_index":`).i(int64(x.block)).s(`,"item":`)
	f.item(x, k, text, true)
	j.s("}\n\n")
	x.block++
}

func (f responsesFormat) end(x *exchange) {
	status := f.status(x)
	f.event(x, "response."+status).s(`,"response":`)
	f.object(x, status, nil)
	x.out.s("}\n\n")
}

func (f responsesFormat) fail(x *exchange, e *failure) {
	f.event(x, "response.failed").s(`,"response":`)
	f.object(x, "failed", e)
	x.out.s("}\n\n")
}
