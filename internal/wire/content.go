package wire

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Bounds of one answer: real ones stay far below.
const (
	maxMessages = 128
	maxParts    = 4096
)

// content accumulates the answer of a Call within a budget of bytes: a
// message builder for each choice, each with its parts in order of arrival.
// It also owns the parser that all frames of a response share.
type content struct {
	call   *llm.Call
	left   int  // bytes of content that may still be kept
	skip   bool // keep nothing
	ended  bool // set by the handler: the proper end was seen
	quiet  bool // no notes on malformed frames: the last one may be cut
	msgs   []*message
	parser *fastjson.Parser // nil until the first document; released at the end
	most   int              // the longest document that it parsed
}

func newContent(c *llm.Call, o Options) *content {
	return &content{call: c, left: o.MaxContent, skip: o.SkipContent}
}

// parse parses one JSON document; nil where it is none, which is noted.
// The value is valid until the next parse.
func (a *content) parse(b []byte) *fastjson.Value {
	if a.parser == nil {
		a.parser = borrowParser()
	}
	a.most = max(a.most, len(b))
	v, err := a.parser.ParseBytes(b)
	if err != nil {
		if !a.quiet {
			a.call.Note("malformed_response")
		}
		return nil
	}
	return v
}

// release gives the parser back: no value of it may be in use any more.
func (a *content) release() {
	returnParser(a.parser, a.most)
	a.parser = nil
}

// message builds one message of the answer.
type message struct {
	acc    *content
	index  int
	role   string
	name   string
	reason string // finish reason as the provider said it
	parts  []*part
}

// part builds one llm.Part. Text, reasoning, refusal and tool arguments grow
// through write; the other fields are set in meta.
type part struct {
	acc  *content
	key  int // keyed parts; -1 for those that follow the order of arrival
	meta llm.Part
	buf  strings.Builder
	seen int // bytes taken in, kept or not
	cut  int // characters over the budget
}

// at returns the builder of the message with this index (choice, candidate),
// creating it. Indexes out of bounds share the last message.
func (a *content) at(index int) *message {
	for _, m := range a.msgs {
		if m.index == index {
			return m
		}
	}
	if len(a.msgs) >= maxMessages || index < 0 {
		a.call.MarkTruncated("output")
		if len(a.msgs) > 0 {
			return a.msgs[len(a.msgs)-1]
		}
		index = 0
	}
	m := &message{acc: a, index: index, role: "assistant"}
	a.msgs = append(a.msgs, m)
	return m
}

// text appends text; a run of text is one part. It returns the bytes taken in,
// whether they are kept or not, as all writers do.
func (m *message) text(s []byte) int { return m.run(llm.PartText, s) }

// reasoning appends reasoning.
func (m *message) reasoning(s []byte) int { return m.run(llm.PartReasoning, s) }

// refusal appends a refusal.
func (m *message) refusal(s []byte) int { return m.run(llm.PartRefusal, s) }

func (m *message) run(typ string, s []byte) int {
	if len(s) == 0 {
		return 0
	}
	if m.acc.skip {
		return len(s)
	}
	if n := len(m.parts); n > 0 {
		if p := m.parts[n-1]; p.key < 0 && p.meta.Type == typ {
			return p.write(s)
		}
	}
	return m.add(-1, typ).write(s)
}

// part returns the part with this key, creating it with the type. Keys are the
// provider's own (tool call index, content block index) and not negative.
func (m *message) part(key int, typ string) *part {
	for _, v := range slices.Backward(m.parts) {
		if v.key == key {
			return v
		}
	}
	return m.add(key, typ)
}

// lookup returns the part with this key or nil.
func (m *message) lookup(key int) *part {
	for _, v := range slices.Backward(m.parts) {
		if v.key == key {
			return v
		}
	}
	return nil
}

// add appends a new part.
func (m *message) add(key int, typ string) *part {
	if len(m.parts) >= maxParts {
		m.acc.call.MarkTruncated("output")
		return &part{acc: m.acc, key: key, meta: llm.Part{Type: typ}}
	}
	p := &part{acc: m.acc, key: key, meta: llm.Part{Type: typ}}
	m.parts = append(m.parts, p)
	return p
}

// append adds a complete part, whose Content, Arguments, Response and Data
// count against the budget. It returns their size.
func (m *message) append(lp llm.Part) int {
	n := len(lp.Content) + len(lp.Arguments) + len(lp.Response) + len(lp.Data)
	if m.acc.skip {
		return n
	}
	p := m.add(-1, lp.Type)
	p.key = -2 // never grown by run
	p.meta = lp
	if n > m.acc.left {
		p.cut += utf8.RuneCountInString(lp.Content) + utf8.RuneCountInString(lp.Arguments)
		p.meta.Content, p.meta.Arguments, p.meta.Response, p.meta.Data = "", "", nil, ""
		m.acc.call.MarkTruncated("output")
		return n
	}
	m.acc.left -= n
	return n
}

// finish sets the reason as the provider spells it; a later empty one is ignored.
func (m *message) finish(reason string) {
	if reason != "" {
		m.reason = reason
	}
}

// write appends to the part's text within the budget and returns len(s).
func (p *part) write(s []byte) int {
	n := len(s)
	p.seen += n
	if p.acc.skip || n == 0 {
		return n
	}
	if n > p.acc.left {
		keep := s[:p.acc.left]
		for len(keep) > 0 && !utf8.Valid(keep[len(keep)-min(len(keep), utf8.UTFMax):]) && !utf8.RuneStart(s[len(keep)]) {
			keep = keep[:len(keep)-1]
		}
		p.cut += utf8.RuneCount(s[len(keep):])
		p.acc.call.MarkTruncated("output")
		// Nothing may follow a gap.
		p.acc.left = 0
		p.buf.Write(keep)
		return n
	}
	p.acc.left -= n
	p.buf.Write(s)
	return n
}

// replace makes s the part's whole text, for providers that repeat a finished
// item in full. It returns the bytes that are new.
func (p *part) replace(s []byte) int {
	n := len(s) - p.seen
	if n <= 0 {
		return 0
	}
	if p.acc.skip || p.cut > 0 {
		p.seen = len(s)
		return n
	}
	p.acc.left += p.buf.Len()
	p.buf.Reset()
	p.seen = 0
	p.write(s)
	return n
}

// id and tool set a tool call's identity once it is known.
func (p *part) id(b []byte) {
	if len(b) > 0 && !p.acc.skip {
		p.meta.ID = string(b)
	}
}

func (p *part) tool(b []byte) {
	if len(b) > 0 && !p.acc.skip {
		p.meta.ToolName = string(b)
	}
}

// finish hands the answer over to the Call.
func (a *content) finish() {
	slices.SortStableFunc(a.msgs, func(x, y *message) int { return x.index - y.index })
	for _, m := range a.msgs {
		if m.reason != "" {
			a.call.FinishReasons = append(a.call.FinishReasons, llm.FinishReason(m.reason))
		}
		if a.skip {
			continue
		}
		if out, ok := m.build(); ok {
			a.call.Output = append(a.call.Output, out)
		}
	}
	a.msgs = nil
}

func (m *message) build() (llm.Message, bool) {
	out := llm.Message{Role: m.role, Name: m.name}
	if m.reason != "" {
		out.FinishReason = llm.FinishReason(m.reason)
	}
	out.Parts = make([]llm.Part, 0, len(m.parts))
	for _, p := range m.parts {
		lp := p.meta
		if s := p.buf.String(); s != "" {
			if !utf8.ValidString(s) {
				s = strings.ToValidUTF8(s, "\uFFFD")
			}
			if lp.Type == llm.PartToolCall {
				lp.Arguments = s
			} else {
				lp.Content = s
			}
		} else if lp.Type == llm.PartText && lp.Content == "" && p.cut == 0 {
			continue
		}
		lp.TruncatedChars += p.cut
		out.Parts = append(out.Parts, lp)
	}
	return out, len(out.Parts) > 0 || m.reason != ""
}

// blob sets inline media (base64) within the budget; past it only its size is
// kept. It returns the size of the media.
func (p *part) blob(b64 []byte) int {
	size := len(b64) / 4 * 3
	p.meta.Size = int64(size)
	if p.acc.skip {
		return size
	}
	if len(b64) > p.acc.left {
		p.acc.call.MarkTruncated("output")
		return size
	}
	p.acc.left -= len(b64)
	p.meta.Data = string(b64)
	return size
}
