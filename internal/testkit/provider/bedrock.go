package provider

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// converseFormat is Bedrock's converse and converse-stream.
type converseFormat struct{ plainFormat }

func (converseFormat) name() string                 { return "converse" }
func (converseFormat) tools(*exchange) bool         { return true }
func (converseFormat) family() family               { return familyBedrock }
func (converseFormat) contentType(*exchange) string { return eventStreamType }
func (converseFormat) reasons(x *exchange) bool     { return x.ctl.Reasoning.Known() }
func (converseFormat) showsReasoning(*exchange) bool {
	return true
}

func converseStop(finish string) string {
	switch finish {
	case "stop":
		return "end_turn"
	case "length":
		return "max_tokens"
	case "tool_calls":
		return "tool_use"
	case "content_filter":
		return "content_filtered"
	}
	return finish
}

// usage appends metrics and usage. Like Anthropic's, its inputTokens leave out
// the cache.
func (converseFormat) usage(x *exchange) {
	p, j := &x.plan, &x.out
	j.s(`"metrics":{"latencyMs":`).i(ms(x.s.cfg.Now().Sub(x.t.Start)))
	j.s(`}`)
	if !p.reported {
		return
	}
	j.s(`,"usage":{"inputTokens":`).i(p.input - p.cacheRead - p.cacheWrite).s(`,"outputTokens":`).i(p.output)
	j.s(`,"totalTokens":`).i(p.input + p.output)
	if p.cacheRead+p.cacheWrite > 0 {
		j.s(`,"cacheReadInputTokens":`).i(p.cacheRead).s(`,"cacheWriteInputTokens":`).i(p.cacheWrite)
	}
	j.s(`}`)
}

func (f converseFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	x.t.ID, x.t.Answered = "", "" // Bedrock says neither in the body
	p.finish = converseStop(p.finish)
	j.s(`{"output":{"message":{"role":"assistant","content":[`)
	n := 0
	sep := func() {
		if n++; n > 1 {
			j.s(`,`)
		}
	}
	if !p.thought.empty() {
		sep()
		j.s(`{"reasoningContent":{"reasoningText":{"text":"`).s(p.thought.escaped()).s(`","signature":"` + signature + `"}}}`)
	}
	if !p.text.empty() {
		sep()
		j.s(`{"text":"`).s(p.text.escaped()).s(`"}`)
	}
	if !p.tool.empty() {
		sep()
		j.s(`{"toolUse":{"toolUseId":"tooluse_`).s(x.id).s(`","name":`).q(p.name).s(`,"input":`).s(p.tool.raw).s(`}}`)
	}
	j.s(`]}},"stopReason":`).q(p.finish).s(`,`)
	f.usage(x)
	j.s(`}`)
}

func (converseFormat) begin(x *exchange) {
	x.t.ID, x.t.Answered = "", ""
	mark := len(x.out.b)
	x.out.s(`{"role":"assistant","p":"abcdefgh"}`)
	bedrockEvent(x, mark, "messageStart")
}

// open: only a tool call announces its block.
func (converseFormat) open(x *exchange, k kind) {
	if k != kindTool {
		return
	}
	mark := len(x.out.b)
	x.out.s(`{"contentBlockIndex":`).i(int64(x.block)).s(`,"start":{"toolUse":{"name":`).q(x.plan.name).s(`,"toolUseId":"tooluse_`).s(x.id).s(`"}},"p":"abcd"}`)
	bedrockEvent(x, mark, "contentBlockStart")
}

func (converseFormat) delta(x *exchange, k kind, piece string) {
	mark := len(x.out.b)
	x.out.s(`{"contentBlockIndex":`).i(int64(x.block)).s(`,"delta":{`)
	switch k {
	case kindReasoning:
		x.out.s(`"reasoningContent":{"text":"`).s(piece).s(`"}`)
	case kindText:
		x.out.s(`"text":"`).s(piece).s(`"`)
	case kindTool:
		x.out.s(`"toolUse":{"input":"`).s(piece).s(`"}`)
	}
	x.out.s(`},"p":"abcdefghijkl"}`)
	bedrockEvent(x, mark, "contentBlockDelta")
}

func (converseFormat) closeBlock(x *exchange, _ kind) {
	mark := len(x.out.b)
	x.out.s(`{"contentBlockIndex":`).i(int64(x.block)).s(`,"p":"ab"}`)
	bedrockEvent(x, mark, "contentBlockStop")
	x.block++
}

func (f converseFormat) end(x *exchange) {
	p := &x.plan
	p.finish = converseStop(p.finish)
	x.t.Finish = p.finish
	mark := len(x.out.b)
	x.out.s(`{"stopReason":`).q(p.finish).s(`,"p":"abc"}`)
	bedrockEvent(x, mark, "messageStop")
	mark = len(x.out.b)
	x.out.s(`{`)
	f.usage(x)
	x.out.s(`,"p":"abcde"}`)
	bedrockEvent(x, mark, "metadata")
}

func (converseFormat) fail(x *exchange, e *failure) { bedrockException(x, e) }

// invokeFormat is Bedrock's invoke: the body is the model's own. Known are
// Anthropic's, Titan's and Llama's.
type invokeFormat struct{}

func (invokeFormat) name() string                 { return "invoke" }
func (invokeFormat) family() family               { return familyBedrock }
func (invokeFormat) idPrefix() string             { return "msg_bdrk_" }
func (invokeFormat) contentType(*exchange) string { return eventStreamType }
func (f invokeFormat) tools(x *exchange) bool     { return f.native(x) == nativeAnthropic }
func (invokeFormat) reasons(x *exchange) bool     { return x.req.anthropic && x.req.think }
func (invokeFormat) showsReasoning(*exchange) bool {
	return true
}

// The bodies that invoke knows.
const (
	nativeAnthropic = "anthropic"
	nativeLlama     = "llama"
	nativeTitan     = "titan"
)

// native is whose body the model of x speaks.
func (f invokeFormat) native(x *exchange) string {
	switch {
	case x.req.anthropic || strings.Contains(x.req.model, "anthropic."):
		return nativeAnthropic
	case strings.Contains(x.req.model, "meta."):
		return nativeLlama
	}
	return nativeTitan
}

func titanFinish(finish string) string {
	if finish == "length" {
		return "LENGTH"
	}
	return "FINISH"
}

func (f invokeFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	h := x.w.Header()
	if p.reported {
		h["X-Amzn-Bedrock-Input-Token-Count"] = []string{strconv.FormatInt(p.input-p.cacheRead-p.cacheWrite, 10)}
		h["X-Amzn-Bedrock-Output-Token-Count"] = []string{strconv.FormatInt(p.output, 10)}
	}
	h["X-Amzn-Bedrock-Invocation-Latency"] = []string{strconv.FormatInt(ms(x.s.cfg.Now().Sub(x.t.Start)), 10)}
	switch f.native(x) {
	case nativeAnthropic:
		messagesFormat{}.unary(x)
	case nativeLlama:
		x.t.ID, x.t.Answered = "", ""
		j.s(`{"generation":"`).s(p.text.escaped()).s(`"`)
		if p.reported {
			j.s(`,"prompt_token_count":`).i(p.input).s(`,"generation_token_count":`).i(p.output)
		}
		j.s(`,"stop_reason":`).q(p.finish).s(`}`)
	default:
		x.t.ID, x.t.Answered = "", ""
		x.t.Reported = true // Titan cannot leave it out
		p.finish = titanFinish(p.finish)
		j.s(`{"inputTextTokenCount":`).i(p.input).s(`,"results":[{"tokenCount":`).i(p.output)
		j.s(`,"outputText":"`).s(p.text.escaped()).s(`","completionReason":`).q(p.finish).s(`}]}`)
	}
}

// frame wraps what was appended since mark as base64 into a chunk event.
func (invokeFormat) frame(x *exchange, mark int) {
	enc := base64.StdEncoding.EncodeToString(x.out.b[mark:])
	x.out.b = x.out.b[:mark]
	x.out.s(`{"bytes":"`).s(enc).s(`","p":"abcdefghijklm"}`)
	bedrockEvent(x, mark, "chunk")
}

func (f invokeFormat) event(x *exchange, typ string, body func(j *jsonbuf)) {
	mark := len(x.out.b)
	x.out.s(`{"type":"`).s(typ).s(`"`)
	body(&x.out)
	x.out.s(`}`)
	f.frame(x, mark)
}

func (f invokeFormat) begin(x *exchange) {
	if f.native(x) == nativeAnthropic {
		anthropicBegin(x, f.event)
		return
	}
	x.t.ID, x.t.Answered = "", ""
}

func (f invokeFormat) open(x *exchange, k kind) {
	if f.native(x) == nativeAnthropic {
		anthropicOpen(x, k, f.event)
	}
}

func (f invokeFormat) delta(x *exchange, k kind, piece string) {
	mark := len(x.out.b)
	switch f.native(x) {
	case nativeAnthropic:
		anthropicDelta(x, k, piece, f.event)
		return
	case nativeLlama:
		x.seq++ // Llama counts as it goes
		x.out.s(`{"generation":"`).s(piece).s(`","prompt_token_count":null`)
		if x.plan.reported {
			x.out.s(`,"generation_token_count":`).i(min(x.seq*int64(max(x.model.TokensPerChunk, 1)), x.plan.output))
		}
		x.out.s(`,"stop_reason":null}`)
	default:
		x.out.s(`{"outputText":"`).s(piece).s(`","index":0,"totalOutputTextTokenCount":null,"completionReason":null,"inputTextTokenCount":null}`)
	}
	f.frame(x, mark)
}

func (f invokeFormat) closeBlock(x *exchange, k kind) {
	if f.native(x) == nativeAnthropic {
		anthropicClose(x, k, f.event)
	}
}

func (f invokeFormat) end(x *exchange) {
	p, j := &x.plan, &x.out
	m := jsonbuf{}
	if p.reported {
		m.s(`,"amazon-bedrock-invocationMetrics":{"inputTokenCount":`).i(p.input - p.cacheRead - p.cacheWrite).s(`,"outputTokenCount":`).i(p.output)
		m.s(`,"invocationLatency":`).i(ms(x.s.cfg.Now().Sub(x.t.Start))).s(`,"firstByteLatency":`).i(ms(x.t.TTFT))
		if p.cacheRead+p.cacheWrite > 0 {
			m.s(`,"cacheReadInputTokenCount":`).i(p.cacheRead).s(`,"cacheWriteInputTokenCount":`).i(p.cacheWrite)
		}
		m.s(`}`)
	}
	metrics := string(m.b)
	mark := len(j.b)
	switch f.native(x) {
	case nativeAnthropic:
		anthropicEnd(x, f.event, metrics)
		return
	case nativeLlama:
		j.s(`{"generation":""`)
		if p.reported {
			j.s(`,"prompt_token_count":`).i(p.input).s(`,"generation_token_count":`).i(p.output)
		}
		j.s(`,"stop_reason":`).q(p.finish).s(metrics).s(`}`)
	default:
		x.t.Reported = true
		p.finish = titanFinish(p.finish)
		x.t.Finish = p.finish
		j.s(`{"outputText":"","index":0,"totalOutputTextTokenCount":`).i(p.output).s(`,"completionReason":`).q(p.finish)
		j.s(`,"inputTextTokenCount":`).i(p.input).s(metrics).s(`}`)
	}
	f.frame(x, mark)
}

func (invokeFormat) fail(x *exchange, e *failure) { bedrockException(x, e) }
