package provider

import "time"

// ollamaFormat is what Ollama's chat and generate share: lines of JSON.
type ollamaFormat struct{ plainFormat }

func (ollamaFormat) family() family               { return familyOllama }
func (ollamaFormat) contentType(*exchange) string { return "application/x-ndjson" }
func (ollamaFormat) reasons(x *exchange) bool     { return x.req.think }
func (ollamaFormat) showsReasoning(*exchange) bool {
	return true
}

func (ollamaFormat) start(x *exchange) *jsonbuf {
	j := &x.out
	j.s(`{"model":`).q(x.model2).s(`,"created_at":"`)
	j.b = x.s.cfg.Now().UTC().AppendFormat(j.b, time.RFC3339Nano)
	return j.s(`",`)
}

// done appends the last line's own fields and ends it.
func (ollamaFormat) done(x *exchange) {
	p, j := &x.plan, &x.out
	reason := p.finish
	if reason == "tool_calls" {
		reason = "stop"
	}
	p.finish, x.t.Finish = reason, reason
	j.s(`"done":true,"done_reason":`).q(reason)
	total := x.s.cfg.Now().Sub(x.t.Start)
	prefill := min(p.ttft, total)
	j.s(`,"total_duration":`).i(int64(total)).s(`,"load_duration":`).i(int64(prefill / 10))
	if p.reported {
		j.s(`,"prompt_eval_count":`).i(p.input).s(`,"prompt_eval_duration":`).i(int64(prefill))
		j.s(`,"eval_count":`).i(p.output).s(`,"eval_duration":`).i(int64(total - prefill))
	}
	j.s("}")
}

// begin sends nothing: the first line is content. The format has no id.
func (ollamaFormat) begin(x *exchange)          { x.t.ID = "" }
func (ollamaFormat) open(*exchange, kind)       {}
func (ollamaFormat) closeBlock(*exchange, kind) {}

func (ollamaFormat) fail(x *exchange, e *failure) {
	e.body(&x.out, familyOllama, "")
	x.out.s("\n")
}

// ollamaChatFormat is /api/chat.
type ollamaChatFormat struct{ ollamaFormat }

func (ollamaChatFormat) name() string         { return "ollama_chat" }
func (ollamaChatFormat) tools(*exchange) bool { return true }

func (f ollamaChatFormat) message(x *exchange, content, thinking string, tool bool) {
	j := f.start(x).s(`"message":{"role":"assistant","content":"`).s(content).s(`"`)
	if thinking != "" {
		j.s(`,"thinking":"`).s(thinking).s(`"`)
	}
	if tool {
		j.s(`,"tool_calls":[{"function":{"name":`).q(x.plan.name).s(`,"arguments":`).s(x.plan.tool.raw).s(`}}]`)
	}
	j.s(`},`)
}

func (f ollamaChatFormat) unary(x *exchange) {
	p := &x.plan
	x.t.ID = ""
	f.message(x, p.text.escaped(), p.thought.escaped(), !p.tool.empty())
	f.done(x)
}

func (f ollamaChatFormat) delta(x *exchange, k kind, piece string) {
	switch k {
	case kindReasoning:
		f.message(x, "", piece, false)
	case kindText:
		f.message(x, piece, "", false)
	case kindTool:
		f.message(x, "", "", true)
	}
	x.out.s("\"done\":false}\n")
}

func (f ollamaChatFormat) end(x *exchange) {
	f.message(x, "", "", false)
	f.done(x)
	x.out.s("\n")
}

// ollamaGenerateFormat is /api/generate.
type ollamaGenerateFormat struct{ ollamaFormat }

func (ollamaGenerateFormat) name() string { return "ollama_generate" }

func (f ollamaGenerateFormat) unary(x *exchange) {
	x.t.ID = ""
	f.start(x).s(`"response":"`).s(x.plan.text.escaped()).s(`",`)
	f.done(x)
}

func (f ollamaGenerateFormat) delta(x *exchange, k kind, piece string) {
	if k == kindReasoning {
		f.start(x).s(`"response":"","thinking":"`).s(piece).s("\",\"done\":false}\n")
		return
	}
	f.start(x).s(`"response":"`).s(piece).s("\",\"done\":false}\n")
}

func (f ollamaGenerateFormat) end(x *exchange) {
	f.start(x).s(`"response":"",`)
	f.done(x)
	x.out.s("\n")
}

// ollamaEmbedFormat is /api/embed.
type ollamaEmbedFormat struct{ plainFormat }

func (ollamaEmbedFormat) name() string   { return "ollama_embed" }
func (ollamaEmbedFormat) family() family { return familyOllama }

func (ollamaEmbedFormat) unary(x *exchange) {
	j := &x.out
	x.noText()
	x.t.Answered, x.t.Output, x.t.CacheRead = x.model2, 0, 0
	j.s(`{"model":`).q(x.model2).s(`,"embeddings":[`)
	for i := range x.req.inputs {
		if i > 0 {
			j.s(`,`)
		}
		x.vector(max(x.req.dimensions, 64), false)
	}
	j.s(`],"total_duration":14143917,"load_duration":1019500`)
	if x.plan.reported {
		j.s(`,"prompt_eval_count":`).i(x.plan.input)
	}
	j.s(`}`)
}
