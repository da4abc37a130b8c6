package provider

import "github.com/pitot-dev/pitot/internal/llm"

// chatFormat is OpenAI's chat completions, in the flavours of those who
// imitate it.
type chatFormat struct{ plainFormat }

func (chatFormat) name() string                 { return "chat_completions" }
func (chatFormat) tools(*exchange) bool         { return true }
func (chatFormat) idPrefix() string             { return "chatcmpl-" }
func (chatFormat) contentType(*exchange) string { return "text/event-stream; charset=utf-8" }
func (chatFormat) reasons(*exchange) bool       { return true }

// showsReasoning: OpenAI counts reasoning but keeps it to itself.
func (chatFormat) showsReasoning(x *exchange) bool {
	return x.flavour == llm.ProviderDeepSeek || x.flavour == llm.ProviderDashScope || x.flavour == "sglang"
}

func (x *exchange) fingerprint() {
	switch x.flavour {
	case llm.ProviderMistral:
	default:
		x.out.s(`,"system_fingerprint":"fp_0123456789"`)
	}
	if x.flavour == llm.ProviderOpenAI || x.flavour == "" {
		x.out.s(`,"service_tier":"default"`)
	}
}

// chatUsage appends the usage object.
func (x *exchange) chatUsage() {
	p, j := &x.plan, &x.out
	j.s(`{"prompt_tokens":`).i(p.input).s(`,"completion_tokens":`).i(p.output).s(`,"total_tokens":`).i(p.input + p.output)
	if x.flavour == llm.ProviderGroq {
		j.s(`,"queue_time":0.01,"prompt_time":0.02,"completion_time":0.1,"total_time":0.12`)
	}
	j.s(`,"prompt_tokens_details":{"cached_tokens":`).i(p.cacheRead)
	if p.cacheWrite > 0 {
		j.s(`,"cache_write_tokens":`).i(p.cacheWrite)
	}
	j.s(`,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":`).i(p.reasoning)
	j.s(`,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}`)
	switch x.flavour {
	case llm.ProviderDeepSeek:
		j.s(`,"prompt_cache_hit_tokens":`).i(p.cacheRead).s(`,"prompt_cache_miss_tokens":`).i(p.input - p.cacheRead)
	case llm.ProviderOpenRouter:
		j.s(`,"cost":`).f(float64(p.input+4*p.output) * 1e-6)
	}
	j.s(`}`)
}

func (f chatFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	j.s(`{"id":`).q(x.id).s(`,"object":"chat.completion","created":`).i(x.created).s(`,"model":`).q(x.model2).s(`,"choices":[`)
	for n := range x.req.n {
		if n > 0 {
			j.s(`,`)
		}
		j.s(`{"index":`).i(int64(n)).s(`,"message":{"role":"assistant","content":`)
		if p.text.empty() && p.name != "" {
			j.s(`null`)
		} else {
			j.s(`"`).s(p.text.escaped()).s(`"`)
		}
		if !p.thought.empty() {
			j.s(`,"reasoning_content":"`).s(p.thought.escaped()).s(`"`)
		}
		if p.name != "" {
			j.s(`,"tool_calls":[{"id":"call_`).s(x.id[len(x.id)-8:]).s(`","type":"function","function":{"name":`).q(p.name).s(`,"arguments":`).q(p.tool.raw).s(`}}]`)
		}
		j.s(`,"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":`).q(p.finish).s(`}`)
	}
	j.s(`]`)
	if p.reported {
		j.s(`,"usage":`)
		x.chatUsage()
	}
	x.fingerprint()
	if x.flavour == llm.ProviderGroq {
		j.s(`,"x_groq":{"id":`).q(x.t.RequestID).s(`}`)
	}
	j.s(`}`)
}

// usageAlways says whether a stream carries usage without being asked.
func usageAlways(flavour string) bool {
	switch flavour {
	case llm.ProviderDeepSeek, llm.ProviderMistral, llm.ProviderOpenRouter, llm.ProviderGroq:
		return true
	}
	return false
}

func (f chatFormat) begin(x *exchange) {
	j := &x.out
	if x.flavour == llm.ProviderOpenRouter {
		j.s(": OPENROUTER PROCESSING\n\n")
	}
	at := len(j.b)
	j.s(`data: {"id":`).q(x.id).s(`,"object":"chat.completion.chunk","created":`).i(x.created).s(`,"model":`).q(x.model2)
	x.fingerprint()
	x.head = string(j.b[at:])
	j.b = j.b[:at]
	if x.flavour == llm.ProviderAzureOpenAI {
		j.s(`data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}]}`).s("\n\n")
	}
	for n := range x.req.n {
		f.chunk(x, n, `"role":"assistant","content":""`, "", "")
	}
	if !x.plan.reported || !x.req.includeUsage && !usageAlways(x.flavour) {
		x.t.Reported = false
	}
}

// chunk appends one event: the inside of its delta, its finish reason, and
// what follows the choices.
func (chatFormat) chunk(x *exchange, index int, delta, finish, rest string) {
	j := &x.out
	j.s(x.head).s(`,"choices":[{"index":`).i(int64(index)).s(`,"delta":{`).s(delta).s(`},"logprobs":null,"finish_reason":`)
	if finish == "" {
		j.s(`null`)
	} else {
		j.q(finish)
	}
	j.s(`}]`).s(rest)
	if x.req.includeUsage && !usageAlways(x.flavour) {
		j.s(`,"usage":null`)
	}
	j.s("}\n\n")
}

func (f chatFormat) open(x *exchange, k kind) {
	if k != kindTool {
		return
	}
	for n := range x.req.n {
		f.chunk(x, n, `"tool_calls":[{"index":0,"id":"call_`+x.id[len(x.id)-8:]+`","type":"function","function":{"name":"`+
			string(appendEscaped(nil, x.plan.name))+`","arguments":""}}]`, "", "")
	}
}

func (f chatFormat) delta(x *exchange, k kind, piece string) {
	j := &x.out
	for n := range x.req.n {
		j.s(x.head).s(`,"choices":[{"index":`).i(int64(n)).s(`,"delta":{`)
		switch k {
		case kindReasoning:
			j.s(`"content":null,"reasoning_content":"`).s(piece).s(`"`)
		case kindText:
			j.s(`"content":"`).s(piece).s(`"`)
		case kindTool:
			j.s(`"tool_calls":[{"index":0,"function":{"arguments":"`).s(piece).s(`"}}]`)
		}
		j.s(`},"logprobs":null,"finish_reason":null}]`)
		if x.req.includeUsage && !usageAlways(x.flavour) {
			j.s(`,"usage":null`)
		}
		j.s("}\n\n")
	}
}

func (chatFormat) closeBlock(*exchange, kind) {}

func (f chatFormat) end(x *exchange) {
	p, j := &x.plan, &x.out
	for n := range x.req.n {
		rest := ""
		if n == x.req.n-1 && p.reported && usageAlways(x.flavour) {
			mark := len(j.b)
			j.s(`,"usage":`)
			if x.flavour == llm.ProviderGroq {
				j.b = j.b[:mark]
				j.s(`,"x_groq":{"id":`).q(x.t.RequestID).s(`,"usage":`)
			}
			x.chatUsage()
			if x.flavour == llm.ProviderGroq {
				j.s(`}`)
			}
			rest = string(j.b[mark:])
			j.b = j.b[:mark]
		}
		f.chunk(x, n, "", p.finish, rest)
	}
	if x.req.includeUsage && p.reported && !usageAlways(x.flavour) {
		j.s(x.head).s(`,"choices":[],"usage":`)
		x.chatUsage()
		j.s("}\n\n")
	}
	j.s("data: [DONE]\n\n")
}

func (chatFormat) fail(x *exchange, e *failure) {
	x.out.s(`data: `)
	e.body(&x.out, familyOpenAI, x.t.RequestID)
	x.out.s("\n\n")
}
