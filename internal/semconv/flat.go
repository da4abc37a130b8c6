package semconv

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Bounds of flattened lists. The index of an attribute's name is a sender's
// word: it must not make us allocate.
const (
	maxFlat      = 2000 // messages, tools, documents, texts
	maxFlatParts = 500  // parts or tool calls of one message
)

// flatList is a list of messages whose every part came as an attribute of its
// own, in any order: OpenInference's llm.input_messages.N.message.*,
// OpenLLMetry's gen_ai.prompt.N.*, and their completions' texts.
type flatList []flatMessage

type flatMessage struct {
	index   int
	role    string
	name    string
	content pcommon.Value // text, or JSON of parts
	has     bool          // content is set
	think   string
	reason  string // finish reason
	callID  string // which tool call this answers
	parts   []flatPart
	calls   []flatCall
	fn      flatCall // the old function_call
}

type flatPart struct {
	index          int
	typ, text, url string
	mime, data     string
}

type flatCall struct {
	index          int
	id, name, args string
}

// flatIndex splits "12.rest" into its number and the rest.
func flatIndex(s string) (n int, rest string, ok bool) {
	i := 0
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		n = n*10 + int(s[i]-'0')
		if n > 1<<20 {
			return 0, "", false
		}
	}
	if i == 0 || i < len(s) && s[i] != '.' {
		return 0, "", false
	}
	if i < len(s) {
		i++
	}
	return n, s[i:], true
}

func (l *flatList) reset() {
	clear(*l)
	*l = (*l)[:0]
}

func (l *flatList) at(index int) *flatMessage {
	for i := len(*l) - 1; i >= 0; i-- {
		if (*l)[i].index == index {
			return &(*l)[i]
		}
	}
	if len(*l) >= maxFlat {
		return nil
	}
	*l = append(*l, flatMessage{index: index})
	return &(*l)[len(*l)-1]
}

// add takes one attribute, and says whether it is of this form.
func (l *flatList) add(name string, v pcommon.Value) bool {
	n, rest, ok := flatIndex(name)
	if !ok {
		return false
	}
	m := l.at(n)
	if m == nil {
		return true
	}
	rest = strings.TrimPrefix(rest, "message.")
	switch rest {
	case "role":
		m.role = textOf(v)
	case "content", "prompt.text", "completion.text", "text":
		m.content, m.has = v, true
	case "name":
		m.name = textOf(v)
	case "finish_reason":
		m.reason = textOf(v)
	case "tool_call_id":
		m.callID = textOf(v)
	case "reasoning", "reasoning_content", "thinking":
		m.think = textOf(v)
	case "function_call_name", "function_call.name":
		m.fn.name = textOf(v)
	case "function_call_arguments_json", "function_call.arguments":
		m.fn.args = textOf(v)
	case "user", "system", "assistant": // Vertex of old OpenLLMetry: the role is the name
		m.role, m.content, m.has = rest, v, true
	default:
		m.nested(rest, v)
	}
	return true
}

// nested takes contents.M.* and tool_calls.M.*.
func (m *flatMessage) nested(rest string, v pcommon.Value) {
	if s, ok := strings.CutPrefix(rest, "tool_calls."); ok {
		i, key, ok := flatIndex(s)
		c := m.call(i)
		if !ok || c == nil {
			return
		}
		switch strings.TrimPrefix(key, "tool_call.") {
		case "id":
			c.id = textOf(v)
		case "name", "function.name":
			c.name = textOf(v)
		case "arguments", "function.arguments":
			c.args = textOf(v)
		}
		return
	}
	s, ok := strings.CutPrefix(rest, "contents.")
	if !ok {
		return
	}
	i, key, ok := flatIndex(s)
	p := m.part(i)
	if !ok || p == nil {
		return
	}
	switch strings.TrimPrefix(key, "message_content.") {
	case "type":
		p.typ = textOf(v)
	case "text":
		p.text = textOf(v)
	case "image.image.url", "image.url", "audio.audio.url", "audio.url":
		p.url = textOf(v)
	case "audio.audio.mime_type", "mime_type":
		p.mime = textOf(v)
	case "audio.audio.data", "data":
		p.data = textOf(v)
	}
}

func (m *flatMessage) call(index int) *flatCall {
	for i := range m.calls {
		if m.calls[i].index == index {
			return &m.calls[i]
		}
	}
	if len(m.calls) >= maxFlatParts {
		return nil
	}
	m.calls = append(m.calls, flatCall{index: index})
	return &m.calls[len(m.calls)-1]
}

func (m *flatMessage) part(index int) *flatPart {
	for i := range m.parts {
		if m.parts[i].index == index {
			return &m.parts[i]
		}
	}
	if len(m.parts) >= maxFlatParts {
		return nil
	}
	m.parts = append(m.parts, flatPart{index: index})
	return &m.parts[len(m.parts)-1]
}

// messages are the messages in their order.
func (l flatList) messages(sc *scratch, role string) []llm.Message {
	if len(l) == 0 {
		return nil
	}
	slices.SortStableFunc(l, func(a, b flatMessage) int { return cmp.Compare(a.index, b.index) })
	out := make([]llm.Message, 0, len(l))
	for i := range l {
		if m := l[i].message(sc, role); len(m.Parts) > 0 || m.FinishReason != "" {
			out = append(out, m)
		}
	}
	return out
}

func (m *flatMessage) message(sc *scratch, role string) llm.Message {
	out := llm.Message{Role: messageRole(cmp.Or(m.role, role)), Name: clean(m.name)}
	if m.reason != "" {
		out.FinishReason = llm.FinishReason(clean(m.reason))
	}
	if m.think != "" {
		out.Parts = append(out.Parts, llm.Part{Type: llm.PartReasoning, Content: clean(m.think)})
	}
	switch {
	case m.has && out.Role == "tool":
		out.Parts = append(out.Parts, llm.Part{Type: llm.PartToolCallResponse, ID: clean(m.callID), Response: rawOf(textOf(m.content), m.content.Type())})
	case m.has:
		out.Parts = append(out.Parts, sc.contentParts(m.content)...)
	}
	slices.SortStableFunc(m.parts, func(a, b flatPart) int { return cmp.Compare(a.index, b.index) })
	for i := range m.parts {
		if p, ok := m.parts[i].part(); ok && (!m.has || p.Type != llm.PartText) {
			out.Parts = append(out.Parts, p)
		}
	}
	if m.fn.name != "" {
		m.calls = append(m.calls, m.fn)
	}
	slices.SortStableFunc(m.calls, func(a, b flatCall) int { return cmp.Compare(a.index, b.index) })
	for _, c := range m.calls {
		out.Parts = append(out.Parts, llm.Part{Type: llm.PartToolCall, ID: clean(c.id), ToolName: clean(c.name), Arguments: clean(c.args)})
	}
	return out
}

func (p *flatPart) part() (llm.Part, bool) {
	switch {
	case p.url != "":
		return urlPart(clean(p.url), cmp.Or(p.typ, "image")), true
	case p.data != "":
		return llm.Part{Type: llm.PartBlob, Modality: cmp.Or(p.typ, "audio"), MIMEType: p.mime, Data: p.data}, true
	case p.text != "" && (p.typ == "reasoning" || p.typ == "thinking"):
		return llm.Part{Type: llm.PartReasoning, Content: clean(p.text)}, true
	case p.text != "":
		return llm.Part{Type: llm.PartText, Content: clean(p.text)}, true
	}
	return llm.Part{}, false
}

// flatTools are tool definitions, one an attribute or one a group of them.
type flatTools []flatTool

type flatTool struct {
	index             int
	schema            string // the whole definition
	name, description string
	parameters        string
}

func (l *flatTools) add(name string, v pcommon.Value) bool {
	n, rest, ok := flatIndex(name)
	if !ok {
		return false
	}
	i := slices.IndexFunc(*l, func(t flatTool) bool { return t.index == n })
	if i < 0 {
		if len(*l) >= maxFlat {
			return true
		}
		*l = append(*l, flatTool{index: n})
		i = len(*l) - 1
	}
	t := &(*l)[i]
	switch rest {
	case "tool.json_schema":
		t.schema = textOf(v)
	case "name", "tool.name":
		t.name = textOf(v)
	case "description", "tool.description":
		t.description = textOf(v)
	case "parameters", "input_schema", "arguments":
		t.parameters = textOf(v)
	}
	return true
}

// json is the array of definitions as a request would have it.
func (l flatTools) json() json.RawMessage {
	slices.SortStableFunc(l, func(a, b flatTool) int { return cmp.Compare(a.index, b.index) })
	out := []byte{'['}
	for i := range l {
		t := &l[i]
		if len(out) > 1 {
			out = append(out, ',')
		}
		if t.schema != "" {
			out = append(out, rawText(t.schema)...)
			continue
		}
		out = appendString(append(out, `{"type":"function","function":{"name":`...), t.name)
		if t.description != "" {
			out = appendString(append(out, `,"description":`...), t.description)
		}
		if t.parameters != "" {
			out = append(append(out, `,"parameters":`...), rawText(t.parameters)...)
		}
		out = append(out, '}', '}')
	}
	if len(out) == 1 {
		return nil
	}
	return append(out, ']')
}

// flatDocs are the documents of a retrieval or a reranking.
type flatDocs []flatDoc

type flatDoc struct {
	index             int
	id, content, meta string
	score             string
}

func (l *flatDocs) add(name string, v pcommon.Value) bool {
	n, rest, ok := flatIndex(name)
	if !ok {
		return false
	}
	i := slices.IndexFunc(*l, func(d flatDoc) bool { return d.index == n })
	if i < 0 {
		if len(*l) >= maxFlat {
			return true
		}
		*l = append(*l, flatDoc{index: n})
		i = len(*l) - 1
	}
	d := &(*l)[i]
	switch rest {
	case "document.id":
		d.id = textOf(v)
	case "document.content":
		d.content = textOf(v)
	case "document.score":
		if f, ok := amountOf(v); ok {
			d.score = string(appendNumber(nil, f))
		}
	case "document.metadata":
		d.meta = textOf(v)
	}
	return true
}

// json is the documents as an array, "" where there are none.
func (l flatDocs) json() string {
	if len(l) == 0 {
		return ""
	}
	slices.SortStableFunc(l, func(a, b flatDoc) int { return cmp.Compare(a.index, b.index) })
	out := []byte{'['}
	for i := range l {
		d := &l[i]
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(append(out, `{"content":`...), d.content)
		if d.id != "" {
			out = appendString(append(out, `,"id":`...), d.id)
		}
		if d.score != "" {
			out = append(append(out, `,"score":`...), d.score...)
		}
		if d.meta != "" {
			out = append(append(out, `,"metadata":`...), rawText(d.meta)...)
		}
		out = append(out, '}')
	}
	return string(append(out, ']'))
}

// flatTexts are the texts of an embedding.
type flatTexts []flatText

type flatText struct {
	index int
	text  string
}

func (l *flatTexts) add(name string, v pcommon.Value) bool {
	n, rest, ok := flatIndex(name)
	if !ok {
		return false
	}
	if strings.HasSuffix(rest, ".text") && len(*l) < maxFlat {
		*l = append(*l, flatText{n, textOf(v)})
	}
	return true // vectors say nothing to a reader
}

func (l flatTexts) message() (llm.Message, bool) {
	if len(l) == 0 {
		return llm.Message{}, false
	}
	slices.SortStableFunc(l, func(a, b flatText) int { return cmp.Compare(a.index, b.index) })
	m := llm.Message{Role: "user", Parts: make([]llm.Part, 0, len(l))}
	for _, t := range l {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartText, Content: clean(t.text)})
	}
	return m, true
}
