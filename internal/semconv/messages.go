package semconv

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxMessages bounds one list of messages.
const maxMessages = 4096

// messageReader reads JSON of messages, in the shapes of OpenTelemetry, of the
// providers' requests and answers, and of the frameworks, into one shape. The
// differences between those are additions, so that one reader takes them all.
type messageReader struct {
	role string // of what names none: user for input, assistant for output
	out  []llm.Message
	// nothing says that the document is of a known shape and holds no text: an
	// empty list, or tokens instead of text, which say nothing to a reader.
	nothing bool
}

// readMessages reads text that may be JSON of messages. What is no JSON (cut
// attributes often are not) is kept as the text that it is.
func (sc *scratch) readMessages(text, role string) []llm.Message {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return nil
	}
	if c := trimmed[0]; c == '[' || c == '{' || c == '"' {
		if v, err := sc.parser.Parse(clean(trimmed)); err == nil {
			r := messageReader{role: role}
			r.root(v)
			if len(r.out) > 0 || r.nothing {
				return r.out
			}
		}
	}
	return []llm.Message{llm.Text(role, clean(text))}
}

// readValue reads content that is text, JSON or structured.
func (sc *scratch) readValue(v pcommon.Value, role string) []llm.Message {
	return sc.readMessages(sc.jsonOf(v), role)
}

// jsonOf is text as it is, and a structured value as JSON.
func (sc *scratch) jsonOf(v pcommon.Value) string {
	if v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return textOf(v)
}

// contentParts reads the content of one message: text, or JSON of parts.
func (sc *scratch) contentParts(v pcommon.Value) []llm.Part {
	text := sc.jsonOf(v)
	if text == "" {
		return nil
	}
	if len(text) > 1 && text[0] == '[' && strings.Contains(text, `"type"`) {
		if j, err := sc.parser.Parse(clean(text)); err == nil {
			if parts := partsOf(j); len(parts) > 0 {
				return parts
			}
		}
	}
	return []llm.Part{{Type: llm.PartText, Content: clean(text)}}
}

func (r *messageReader) add(m llm.Message) {
	if (len(m.Parts) > 0 || m.FinishReason != "") && len(r.out) < maxMessages {
		r.out = append(r.out, m)
	}
}

func (r *messageReader) addText(s string) {
	if s != "" {
		r.add(llm.Text(r.role, s))
	}
}

// root reads a whole document.
func (r *messageReader) root(v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeString:
		r.inner(string(v.GetStringBytes()))
	case fastjson.TypeArray:
		r.array(v.GetArray())
	case fastjson.TypeObject:
		r.object(v)
	default:
		r.addText(string(v.MarshalTo(nil)))
	}
}

// inner reads JSON that stands in a JSON string, once.
func (r *messageReader) inner(text string) {
	if t := strings.TrimSpace(text); t != "" && (t[0] == '[' || t[0] == '{') {
		if v, err := fastjson.Parse(t); err == nil {
			r.root2(v)
			return
		}
	}
	r.addText(text)
}

// root2 reads a document that stood in another's string: strings in it are text.
func (r *messageReader) root2(v *fastjson.Value) {
	switch v.Type() {
	case fastjson.TypeArray:
		r.array(v.GetArray())
	case fastjson.TypeObject:
		r.object(v)
	default:
		r.addText(jsonText(v))
	}
}

// array reads a list of messages, of parts of one message, or of texts.
func (r *messageReader) array(list []*fastjson.Value) {
	if len(list) == 0 || isNumbers(list) {
		r.nothing = true
		return
	}
	if isParts(list) {
		m := llm.Message{Role: r.role}
		for _, x := range list {
			if p, ok := partOf(x); ok {
				m.Parts = append(m.Parts, p)
			}
		}
		r.add(m)
		return
	}
	for _, x := range list {
		switch x.Type() {
		case fastjson.TypeObject:
			r.message(x)
		case fastjson.TypeArray: // LangChain: a batch of lists of messages
			r.array(x.GetArray())
		default:
			r.addText(jsonText(x))
		}
	}
}

// isNumbers says whether a list is tokens or a vector.
func isNumbers(list []*fastjson.Value) bool {
	for _, x := range list {
		if x.Type() != fastjson.TypeNumber {
			return false
		}
	}
	return true
}

// isParts says whether a list holds the parts of one message instead of messages.
func isParts(list []*fastjson.Value) bool {
	texts := 0
	for _, x := range list {
		switch x.Type() {
		case fastjson.TypeString, fastjson.TypeNumber:
			texts++
		case fastjson.TypeObject:
			if x.Exists("role") || x.Exists("kwargs") || x.Exists("message") || x.Exists("event.name") || x.Exists("generationInfo") ||
				x.Exists("generation_info") || isLangChainType(str(x, "type")) && x.Exists("content") && !x.Exists("parts") {
				return false
			}
			if itemRole(str(x, "type")) != "" || str(x, "type") == "message" || x.Exists("parts") || x.Exists("finish_reason") || x.Get("content").Exists("parts") {
				return false
			}
		default:
			return false
		}
	}
	return texts == 0 || texts == len(list)
}

func isLangChainType(t string) bool {
	switch t {
	case "human", "ai", "system", "tool", "function", "chat":
		return true
	}
	return false
}

// itemRole is who says an item of OpenAI's responses API.
func itemRole(typ string) string {
	switch typ {
	case "function_call", "custom_tool_call", "mcp_call":
		return "assistant"
	case "function_call_output", "custom_tool_call_output", "computer_call_output", "local_shell_call_output":
		return "tool"
	}
	return ""
}

// object reads a document that is one object: a request, an answer, a message.
func (r *messageReader) object(v *fastjson.Value) {
	if sys := v.Get("system"); sys != nil {
		r.system(sys)
	} else if sys := v.Get("instructions"); sys != nil && v.Exists("input") {
		r.system(sys)
	} else if sys := v.Get("systemInstruction"); sys != nil {
		r.system(sys)
	} else if sys := v.Get("config", "system_instruction"); sys != nil {
		r.system(sys)
	}
	for _, key := range [...]string{"messages", "contents", "choices", "candidates", "generations", "output"} {
		if x := v.Get(key); x != nil && x.Type() == fastjson.TypeArray {
			r.array(x.GetArray())
			return
		}
	}
	if x := v.Get("kwargs"); x != nil && x.Type() == fastjson.TypeObject && v.Exists("args") { // a decorated function
		if x.Exists("messages") || x.Exists("prompt") || x.Exists("input") {
			r.object(x)
			return
		}
	}
	if x := v.Get("message"); x != nil && x.Type() == fastjson.TypeObject && !v.Exists("role") {
		m := messageOf(x, r.role)
		if reason := firstString(v, "finishReason", "finish_reason", "done_reason"); reason != "" {
			m.FinishReason = llm.FinishReason(reason)
		}
		r.add(m)
		return
	}
	if v.Exists("role") || v.Exists("parts") {
		r.message(v)
		return
	}
	for _, key := range [...]string{"prompt", "input", "inputs"} {
		if x := v.Get(key); x != nil && (x.Type() == fastjson.TypeString || x.Type() == fastjson.TypeArray) {
			r.nothing = true
			r.root2(x)
			return
		}
	}
	if x := v.Get("content"); x != nil && (v.Exists("candidates") || v.Exists("stop_reason") || v.Exists("finishReason") || x.Type() == fastjson.TypeArray || x.Exists("parts")) {
		r.message(v)
		return
	}
	if v.Exists("tool_calls") || str(v, "type") == "constructor" {
		r.message(v)
		return
	}
	if r.media(v) {
		return
	}
	r.addText(string(v.MarshalTo(nil)))
}

// media reads answers of APIs that are no conversation: images, transcripts.
func (r *messageReader) media(v *fastjson.Value) bool {
	if x := v.Get("text"); x != nil && x.Type() == fastjson.TypeString && !v.Exists("type") {
		r.addText(jsonText(x))
		return true
	}
	data := v.GetArray("data")
	if len(data) == 0 || !data[0].Exists("url") && !data[0].Exists("b64_json") {
		return false
	}
	m := llm.Message{Role: r.role}
	for _, x := range data[:min(len(data), maxParts)] {
		if u := str(x, "url"); u != "" {
			m.Parts = append(m.Parts, urlPart(u, "image"))
		} else if b := str(x, "b64_json"); b != "" {
			m.Parts = append(m.Parts, llm.Part{Type: llm.PartBlob, Modality: "image", Data: b})
		}
	}
	r.add(m)
	return true
}

// system adds instructions that stand beside the messages.
func (r *messageReader) system(v *fastjson.Value) {
	if parts := partsOf(v); len(parts) > 0 {
		r.add(llm.Message{Role: "system", Parts: parts})
	}
}

// message reads one element of a list of messages.
func (r *messageReader) message(v *fastjson.Value) {
	if x := v.Get("message"); x != nil && x.Type() == fastjson.TypeObject { // a choice, a generation, an event
		m := messageOf(x, r.role)
		if reason := firstString(v, "finish_reason", "finishReason"); reason != "" {
			m.FinishReason = llm.FinishReason(reason)
		}
		if x := v.Get("generation_info", "finish_reason"); x != nil && m.FinishReason == "" {
			m.FinishReason = llm.FinishReason(jsonText(x))
		}
		r.add(m)
		return
	}
	if v.Exists("index") && v.Exists("text") && !v.Exists("type") || v.Exists("text") && v.Exists("finish_reason") { // a completion's choice
		m := llm.Text(r.role, jsonText(v.Get("text")))
		if reason := firstString(v, "finish_reason"); reason != "" {
			m.FinishReason = llm.FinishReason(reason)
		}
		r.add(m)
		return
	}
	if x := v.Get("content"); x != nil && x.Type() == fastjson.TypeObject && x.Exists("parts") { // a candidate of Gemini
		m := messageOf(x, r.role)
		if reason := firstString(v, "finishReason", "finish_reason"); reason != "" {
			m.FinishReason = llm.FinishReason(reason)
		}
		r.add(m)
		return
	}
	r.add(messageOf(v, r.role))
}

// messageRole maps the names of roles to OpenTelemetry's.
func messageRole(role string) string {
	switch role = strings.ToLower(role); role {
	case "developer", "system":
		return "system"
	case "function", "toolmessage":
		return "tool"
	case "human", "humanmessage", "humanmessagechunk":
		return "user"
	case "ai", "model", "bot", "aimessage", "aimessagechunk", "chatbot":
		return "assistant"
	case "systemmessage":
		return "system"
	}
	return clean(role)
}

// messageOf reads one message.
func messageOf(v *fastjson.Value, def string) llm.Message {
	if k := v.Get("kwargs"); k != nil && k.Type() == fastjson.TypeObject { // LangChain's constructor form
		if ids := v.GetArray("id"); len(ids) > 0 {
			def = messageRole(jsonText(ids[len(ids)-1]))
		}
		v = k
	}
	role := str(v, "role")
	typ := str(v, "type")
	if role == "" && isLangChainType(typ) {
		role = typ
	}
	if role == "" {
		role = itemRole(typ)
	}
	if role == "" {
		role = eventRole(str(v, "event.name"))
	}
	if role == "" {
		role = def
	}
	m := llm.Message{Role: messageRole(role), Name: str(v, "name")}
	if reason := firstString(v, "finish_reason", "finishReason", "stop_reason"); reason != "" {
		m.FinishReason = llm.FinishReason(reason)
	}
	if itemRole(typ) != "" || typ == "reasoning" {
		if p, ok := partOf(v); ok {
			m.Parts = append(m.Parts, p)
		}
		m.Name = ""
		return m
	}
	if s := firstString(v, "reasoning_content", "reasoning", "thinking"); s != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartReasoning, Content: s})
	}
	if parts := v.Get("parts"); parts != nil {
		m.Parts = append(m.Parts, partsOf(parts)...)
	} else if m.Role == "tool" && v.Get("content") != nil && !hasToolResults(v.Get("content")) {
		m.Parts = append(m.Parts, llm.Part{
			Type: llm.PartToolCallResponse, ID: firstString(v, "tool_call_id", "id", "toolCallId"), Response: rawJSON(v.Get("content")),
		})
		return m
	} else {
		m.Parts = append(m.Parts, partsOf(v.Get("content"))...)
	}
	if s := str(v, "refusal"); s != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartRefusal, Content: s})
	}
	calls := v.GetArray("tool_calls")
	if len(calls) == 0 {
		calls = v.GetArray("toolCalls")
	}
	if len(calls) == 0 {
		calls = v.GetArray("additional_kwargs", "tool_calls")
	}
	for _, c := range calls {
		if c.Type() == fastjson.TypeObject {
			m.Parts = append(m.Parts, toolCall(c))
		}
	}
	if a := v.Get("audio"); a != nil && a.Type() == fastjson.TypeObject {
		if s := str(a, "transcript"); s != "" {
			m.Parts = append(m.Parts, llm.Part{Type: llm.PartText, Content: s})
		}
		if s := str(a, "data"); s != "" {
			m.Parts = append(m.Parts, llm.Part{Type: llm.PartBlob, Modality: "audio", Data: s})
		}
	}
	if f := v.Get("function_call"); f != nil && f.Type() == fastjson.TypeObject {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartToolCall, ToolName: str(f, "name"), Arguments: jsonText(f.Get("arguments"))})
	}
	return m
}

// eventRole is the role that the name of an event of 1.28 says.
func eventRole(name string) string {
	switch name {
	case "gen_ai.system.message":
		return "system"
	case "gen_ai.user.message", "gen_ai.content.prompt":
		return "user"
	case "gen_ai.assistant.message", "gen_ai.choice", "gen_ai.content.completion":
		return "assistant"
	case "gen_ai.tool.message":
		return "tool"
	}
	return ""
}

// hasToolResults says whether a tool's message is a list that names the calls
// which it answers, as Vercel's.
func hasToolResults(v *fastjson.Value) bool {
	list := v.GetArray()
	return len(list) > 0 && (str(list[0], "type") == "tool-result" || str(list[0], "type") == "tool_result" || list[0].Exists("toolResponse"))
}

// jsonText is a string's text, or another value's JSON.
func jsonText(v *fastjson.Value) string {
	switch {
	case v == nil || v.Type() == fastjson.TypeNull:
		return ""
	case v.Type() == fastjson.TypeString:
		return string(v.GetStringBytes())
	}
	return string(v.MarshalTo(nil))
}

func str(v *fastjson.Value, key string) string { return string(v.GetStringBytes(key)) }

func firstString(v *fastjson.Value, keys ...string) string {
	for _, k := range keys {
		if s := v.GetStringBytes(k); len(s) > 0 {
			return string(s)
		}
	}
	return ""
}

// rawJSON is a copy of the value as JSON. The parser takes control characters
// within strings that encoding/json does not.
func rawJSON(v *fastjson.Value) json.RawMessage {
	if v == nil || v.Type() == fastjson.TypeNull {
		return nil
	}
	b := v.MarshalTo(nil)
	if !json.Valid(b) {
		return appendString(nil, string(b))
	}
	return b
}

// rawText is text as JSON: itself where it is JSON, else a string of it.
func rawText(s string) json.RawMessage {
	s = clean(s)
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return appendString(nil, s)
}

// rawOf is a tool's answer as JSON. Text that a tool answered stays text, even
// where it looks like a number.
func rawOf(s string, t pcommon.ValueType) json.RawMessage {
	if t == pcommon.ValueTypeStr {
		return appendString(nil, s)
	}
	return rawText(s)
}

func appendNumber(dst []byte, f float64) []byte { return strconv.AppendFloat(dst, f, 'g', -1, 64) }

// urlPart is media by reference or, for a data URL, inline.
func urlPart(u, modality string) llm.Part {
	rest, isData := strings.CutPrefix(u, "data:")
	if !isData {
		return llm.Part{Type: llm.PartURI, Modality: modality, URI: u}
	}
	head, data, _ := strings.Cut(rest, ",")
	mime, _, _ := strings.Cut(head, ";")
	return llm.Part{Type: llm.PartBlob, Modality: modality, MIMEType: mime, Data: data}
}
