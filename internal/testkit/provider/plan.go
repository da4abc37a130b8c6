package provider

import (
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/testkit/corpus"
)

// kind is the kind of a block of content.
type kind int

const (
	kindReasoning kind = iota
	kindText
	kindTool
)

// plan is everything about an answer, decided before its first byte.
type plan struct {
	input, output, cacheRead, cacheWrite, reasoning int64 // inclusive
	reported                                        bool

	text    pieces
	thought pieces // shown reasoning
	tool    pieces // the arguments of the tool call
	name    string // the tool

	finish string // in OpenAI's words

	ttft, interval                 time.Duration
	paced                          bool // interval is dictated, not drawn
	errAfter, cutAfter, stallAfter int  // in chunks of content; -1 never
	stall                          time.Duration
	failure                        *failure // what errAfter sends
}

// pieces is a text and how it is cut into chunks. Exactly one of passage and
// raw is used.
type pieces struct {
	passage corpus.Passage
	raw     string // not escaped
	chunks  int
}

func (p *pieces) empty() bool { return p.chunks == 0 }

// at returns chunk i, escaped for a JSON string.
func (p *pieces) at(i int) string {
	if p.raw == "" {
		n := p.passage.Tokens()
		return p.passage.Slice(i*n/p.chunks, (i+1)*n/p.chunks)
	}
	piece := p.raw[p.cut(i):p.cut(i+1)]
	if !mustEscape(piece) {
		return piece
	}
	return string(appendEscaped(nil, piece))
}

// cut is where chunk i of raw starts, never inside a character.
func (p *pieces) cut(i int) int {
	at := i * len(p.raw) / p.chunks
	for at > 0 && at < len(p.raw) && !utf8.RuneStart(p.raw[at]) {
		at--
	}
	return at
}

// escaped returns the whole text, escaped for a JSON string.
func (p *pieces) escaped() string {
	if p.raw == "" {
		return p.passage.String()
	}
	if !mustEscape(p.raw) {
		return p.raw
	}
	return string(appendEscaped(nil, p.raw))
}

// plain returns the first n chunks as they are.
func (p *pieces) plain(n int) string {
	if p.chunks == 0 {
		return ""
	}
	n = min(n, p.chunks)
	if p.raw == "" {
		return p.passage.Slice(0, n*p.passage.Tokens()/p.chunks)
	}
	return p.raw[:p.cut(n)]
}

func mustEscape(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return true
		}
	}
	return !utf8.ValidString(s)
}

// makePlan decides the answer to x.
func (x *exchange) makePlan() {
	p, m, c := &x.plan, x.model, &x.ctl
	*p = plan{errAfter: -1, cutAfter: -1, stallAfter: -1, reported: true, finish: "stop"}
	x.planContent()
	x.planUsage()
	perChunk := max(m.TokensPerChunk, 1)
	p.interval = seconds(m.Gap.Sample(x.rng))
	if v, ok := c.Interval.Get(); ok {
		p.interval, p.paced = v, true
	}
	p.ttft = seconds(m.TTFT.Sample(x.rng))
	if hidden := p.reasoning; hidden > 0 && p.thought.empty() {
		p.ttft += time.Duration(hidden) / time.Duration(perChunk) * p.interval
	}
	if f := x.s.cfg.Trouble; f != nil {
		if slow, _ := f(m.Name); slow > 0 {
			p.ttft = seconds(slow * p.ttft.Seconds())
		}
	}
	if v, ok := c.Delay.Get(); ok {
		p.ttft = v
	}
	p.cutAfter = c.CutAfter.Or(-1)
	p.stallAfter, p.stall = c.StallAfter.Or(-1), c.Stall
	if n, ok := c.ErrorAfter.Get(); ok {
		status := c.Status.Or(500)
		if status < 400 {
			status = 500
		}
		p.errAfter, p.failure = n, newFailure(status, c.ErrorType, x.format.family())
	}
}

// planContent decides what is said.
func (x *exchange) planContent() {
	p, m, c := &x.plan, x.model, &x.ctl
	perChunk := max(m.TokensPerChunk, 1)
	lang := corpus.English()
	if c.Chinese.Or(x.req.chinese || m.Chinese > 0 && x.rng.Float64() < m.Chinese) {
		lang = corpus.Chinese()
	}
	switch tool := c.Tool; {
	case tool == "none" || !x.format.tools(x):
	case tool != "":
		p.name = tool
	case x.req.tool != "" && !x.req.toolResult && x.rng.Float64() < m.ToolRate:
		p.name = x.req.tool
	}
	tokens := c.Tokens.Or(-1)
	if tokens < 0 {
		tokens = max(int(m.Output.Sample(x.rng)), 1)
		if p.name != "" {
			tokens = 0 // most tool calls come without a text
		}
	}
	if c.Finish != "" {
		p.finish = c.Finish
	} else if x.req.maxTokens > 0 && tokens > x.req.maxTokens {
		tokens, p.finish = x.req.maxTokens, "length"
	}
	switch n, ok := c.Chunks.Get(); {
	case c.Text != "":
		p.text = pieces{raw: c.Text, chunks: min(max(c.Chunks.Or((len(c.Text)+15)/16), 1), len(c.Text))}
	case c.Bytes.Known():
		size := min(c.Bytes.Or(0), 1<<20)
		p.text = pieces{raw: textOf(x.rng, size), chunks: min(c.Chunks.Or((size+15)/16), size)}
	case ok:
		p.text = pieces{passage: lang.Draw(x.rng, n*perChunk), chunks: n}
	case tokens > 0:
		p.text = pieces{passage: lang.Draw(x.rng, tokens), chunks: (min(tokens, corpus.MaxTokens) + perChunk - 1) / perChunk}
	}
	if p.name != "" {
		p.finish = "tool_calls"
		query := strings.TrimSpace(lang.Draw(x.rng, 6).String())
		p.tool = pieces{raw: `{"query":"` + query + `","limit":5}`, chunks: 4}
		if c.ToolArgs != "" {
			p.tool.raw = c.ToolArgs
		}
		if f := x.format.family(); f == familyGemini || f == familyOllama {
			p.tool.chunks = 1 // these send a tool call whole
		}
	}
	if n := c.Reasoning.Or(int(m.Reasoning.Sample(x.rng))); n > 0 && x.format.reasons(x) {
		p.reasoning = int64(n)
		if x.format.showsReasoning(x) {
			p.thought = pieces{passage: lang.Draw(x.rng, n), chunks: (min(n, corpus.MaxTokens) + perChunk - 1) / perChunk}
		}
	}
}

// textOf returns English prose of exactly n bytes.
func textOf(r *rand.Rand, n int) string {
	s := corpus.English().Draw(r, corpus.MaxTokens).String()
	if n > len(s) {
		s = strings.Repeat(s, n/len(s)+1)
	}
	return s[:n]
}

// planUsage decides what is counted.
func (x *exchange) planUsage() {
	p, u := &x.plan, &x.ctl.Usage
	p.reported = !u.none
	p.reasoning = u.reasoning.Or(p.reasoning)
	out := int64(p.text.passage.Tokens())
	if p.text.raw != "" {
		out = int64(len(p.text.raw)+3) / 4
	}
	if p.name != "" {
		out += 20
	}
	p.output = u.output.Or(out*int64(x.req.n) + p.reasoning)
	p.reasoning = min(p.reasoning, p.output)
	p.input = u.input.Or(x.req.inputTokens())
	f := x.format.family()
	invoke, isInvoke := x.format.(invokeFormat)
	switch {
	case f == familyOllama || f == familyCohere || isInvoke && invoke.native(x) != nativeAnthropic: // they say nothing of caches
	case u.cacheRead.Known() || u.cacheWrite.Known() || u.input.Known():
		p.cacheRead, p.cacheWrite = u.cacheRead.Or(0), u.cacheWrite.Or(0)
	case x.model.Cache > 0 && p.input >= int64(x.model.Cache):
		p.cacheRead, p.cacheWrite = x.s.cache.lookup(x)
	}
	if _, ok := x.format.(responsesFormat); ok || f == familyGemini {
		p.cacheWrite = 0 // these do not report writes
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
