package provider

// completionsFormat is OpenAI's older text completions.
type completionsFormat struct{ plainFormat }

func (completionsFormat) name() string                 { return "completions" }
func (completionsFormat) idPrefix() string             { return "cmpl-" }
func (completionsFormat) contentType(*exchange) string { return "text/event-stream; charset=utf-8" }

func (completionsFormat) head(x *exchange) {
	x.out.s(`{"id":`).q(x.id).s(`,"object":"text_completion","created":`).i(x.created).s(`,"model":`).q(x.model2).s(`,"choices":[`)
}

func (f completionsFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	f.head(x)
	j.s(`{"text":"`).s(p.text.escaped()).s(`","index":0,"logprobs":null,"finish_reason":`).q(p.finish).s(`}]`)
	if p.reported {
		j.s(`,"usage":`)
		x.chatUsage()
	}
	j.s(`}`)
}

func (f completionsFormat) begin(x *exchange) {
	x.t.Reported = x.plan.reported && x.req.includeUsage
}

func (completionsFormat) open(*exchange, kind)       {}
func (completionsFormat) closeBlock(*exchange, kind) {}

func (f completionsFormat) delta(x *exchange, _ kind, piece string) {
	x.out.s("data: ")
	f.head(x)
	x.out.s(`{"text":"`).s(piece).s(`","index":0,"logprobs":null,"finish_reason":null}]`).s("}\n\n")
}

func (f completionsFormat) end(x *exchange) {
	x.out.s("data: ")
	f.head(x)
	x.out.s(`{"text":"","index":0,"logprobs":null,"finish_reason":`).q(x.plan.finish).s(`}]`).s("}\n\n")
	if x.t.Reported {
		x.out.s("data: ")
		f.head(x)
		x.out.s(`],"usage":`)
		x.chatUsage()
		x.out.s("}\n\n")
	}
	x.out.s("data: [DONE]\n\n")
}

func (completionsFormat) fail(x *exchange, e *failure) { chatFormat{}.fail(x, e) }
