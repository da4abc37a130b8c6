package pitot

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/pitot-dev/pitot/internal/llm"
)

// ContentMode says how much content of messages, inputs and outputs is kept.
// Content is what people and models wrote; numbers and names are kept in every
// mode.
type ContentMode string

// The content modes.
const (
	ContentFull    ContentMode = "full"    // everything, each text up to the limit of characters
	ContentSummary ContentMode = "summary" // the first and last messages, shortened; the names of tools
	ContentMetrics ContentMode = "metrics" // numbers and names alone: no content, no error messages
)

const (
	// lookahead is how many bytes beyond a limit are masked before the cut: more
	// than the longest private key, so that no half of a secret stays because its
	// other half was cut off.
	lookahead = 8192
	// maxScan is how much of one text is looked at in all, in bytes. Media that go
	// on beyond it are described by what was seen of them.
	maxScan  = 4 << 20
	minLimit = 16
	// metricsAttributeBytes is the longest text attribute that metrics mode keeps:
	// names are shorter, content is longer.
	metricsAttributeBytes = 256
	maskFailed            = "[REDACTED:mask_failed]"
)

// contentPolicy decides what content leaves the program. It is immutable, and
// nothing that it does panics: not on cyclic values, nor where a program's own
// MarshalJSON or mask does.
type contentPolicy struct {
	mode      ContentMode
	textLimit int // characters kept of a text
	jsonLimit int // characters kept of tool arguments and results
	maxItems  int // messages and list items kept; 0: all
	masker    *masker
	names     *masker // for ids and names: secrets alone
	own       func(string) string
}

func newContentPolicy(s *settings) *contentPolicy {
	kinds := maskSecrets
	if s.structure.redact != nil {
		kinds = *s.structure.redact
	}
	p := &contentPolicy{mode: s.contentMode, textLimit: max(s.maxChars, minLimit), masker: newMasker(kinds), names: newMasker(kinds & maskSecrets), own: s.mask}
	if s.maxChars <= 0 {
		p.textLimit = defaultMaxChars
	}
	p.jsonLimit = p.textLimit
	if p.mode == ContentSummary {
		p.jsonLimit = max(p.textLimit/4, minLimit)
		p.maxItems = s.maxItems
		if p.maxItems <= 0 {
			p.maxItems = defaultMaxItems
		}
	}
	return p
}

// keeps reports whether content is kept at all. Where it is not, nothing needs
// to be made into text.
func (p *contentPolicy) keeps() bool { return p.mode != ContentMetrics }

// call applies the policy to a Call in place.
func (p *contentPolicy) call(c *llm.Call) {
	for _, f := range [...]*string{&c.User, &c.Session, &c.Feature, &c.PromptName, &c.PromptVersion, &c.RequestModel, &c.ResponseModel, &c.ResponseID, &c.Agent, &c.Workflow, &c.ErrorType} {
		*f = p.label(*f)
	}
	c.ErrorMessage = p.errorText(c.ErrorMessage)
	c.Tags = p.tags(c.Tags)
	c.Attributes = p.attributes(c.Attributes)
	for i := range c.Events {
		c.Events[i].Attributes = p.attributes(c.Events[i].Attributes)
	}
	if !p.keeps() {
		c.Params = settingsOf(c.Params)
		c.Input, c.Output, c.Tools = nil, nil, nil
		return
	}
	for k, v := range c.Params {
		if s, ok := v.(string); ok {
			c.Params[k] = p.text(s, 0)
		} else if structured(v) {
			if s, _, ok := p.content(v); ok && json.Valid([]byte(s)) {
				c.Params[k] = json.RawMessage(s)
			}
		}
	}
	c.Input = p.conversation(c, "input", c.Input)
	c.Output = p.conversation(c, "output", c.Output)
	if len(c.Tools) == 0 {
		return
	}
	if p.mode == ContentSummary {
		c.Tools = toolNames(c.Tools)
	}
	tools, cut := p.rawJSON(c.Tools, p.textLimit)
	if c.Tools = tools; cut > 0 {
		c.MarkTruncated("tools")
	}
}

func structured(v any) bool {
	switch v.(type) {
	case nil, bool, int, int64, float64, json.Number:
		return false
	}
	return true
}

// conversation applies the policy to one direction of a Call: in summary mode
// the first and the last messages stay.
func (p *contentPolicy) conversation(c *llm.Call, name string, msgs []llm.Message) []llm.Message {
	cut := false
	if kept, omitted := middleOut(msgs, p.maxItems); omitted > 0 {
		msgs, cut = kept, true
		attrs := make(map[string]any, len(c.Attributes)+1)
		maps.Copy(attrs, c.Attributes)
		attrs["pitot."+name+".messages_omitted"] = omitted
		c.Attributes = attrs
	}
	for i := range msgs {
		m := &msgs[i]
		m.Name = p.label(m.Name)
		kept, omitted := middleOut(m.Parts, p.maxItems)
		m.Parts, cut = kept, cut || omitted > 0
		for k := range m.Parts {
			was := m.Parts[k].TruncatedChars
			p.part(&m.Parts[k])
			cut = cut || m.Parts[k].TruncatedChars > was
		}
	}
	if cut {
		c.MarkTruncated(name)
	}
	return msgs
}

func (p *contentPolicy) part(pt *llm.Part) {
	var cut int
	if pt.Content != "" {
		pt.Content, cut = p.shorten(pt.Content, p.textLimit)
		pt.TruncatedChars += cut
	}
	if pt.Arguments != "" {
		pt.Arguments, cut = p.jsonOrText(pt.Arguments, p.jsonLimit)
		pt.TruncatedChars += cut
	}
	if len(pt.Response) > 0 {
		pt.Response, cut = p.rawJSON(pt.Response, p.jsonLimit)
		pt.TruncatedChars += cut
	}
	pt.ID, pt.ToolName, pt.FileID = p.label(pt.ID), p.label(pt.ToolName), p.label(pt.FileID)
	if pt.Data != "" {
		blob(pt, pt.Data)
	}
	if strings.HasPrefix(pt.URI, "data:") {
		if _, _, ok := dataURI(pt.URI); ok {
			blob(pt, pt.URI)
			pt.URI = ""
		}
	}
	if pt.URI != "" {
		pt.URI, _ = p.shorten(pt.URI, p.textLimit)
	}
}

// value is an input or output of a wrapped function as text under the policy;
// ok is false where nothing may be kept.
func (p *contentPolicy) value(v any) (s string, ok bool) {
	s, _, ok = p.content(v)
	return s, ok
}

// content is value with the number of characters that were cut.
func (p *contentPolicy) content(v any) (s string, cut int, ok bool) {
	if !p.keeps() || v == nil {
		return "", 0, false
	}
	defer func() {
		if recover() != nil { // a MarshalJSON of the program's own
			s, cut, ok = "", 0, false
		}
	}()
	switch v := v.(type) {
	case string:
		s = v
	case []byte:
		if !textBytes(v) {
			return describeMedia("binary", digestBytes(v)), 0, true
		}
		s, cut = string(v[:min(len(v), maxScan)]), max(len(v)-maxScan, 0)
	case json.RawMessage:
		s, cut = string(v[:min(len(v), maxScan)]), max(len(v)-maxScan, 0)
	case error:
		s = v.Error()
	default:
		e := valueEncoder{budget: p.textLimit + lookahead, items: p.maxItems}
		e.value(v)
		s = string(e.b)
		cut = e.omitted
	}
	if len(s) > maxScan {
		s, cut = s[:maxScan], cut+len(s)-maxScan
	}
	s, more := p.jsonOrText(s, p.textLimit)
	return s, cut + more, s != ""
}

// textBytes reports whether bytes are text, by as many as are looked at.
func textBytes(b []byte) bool {
	if len(b) <= maxScan {
		return utf8.Valid(b)
	}
	b = b[:maxScan]
	for n := 0; n < utf8.UTFMax && !utf8.RuneStart(b[len(b)-1]); n++ {
		b = b[:len(b)-1]
	}
	return utf8.Valid(b[:len(b)-1])
}

// text masks and shortens a text to max characters (0: the policy's limit). It
// does not ask whether content is kept; see keeps and errorText.
func (p *contentPolicy) text(s string, max int) string {
	if max <= 0 {
		max = p.textLimit
	}
	s, _ = p.shorten(s, max)
	return s
}

// errorText is the message of an error under the policy, at most
// llm.MaxErrorMessage bytes; empty in metrics mode, since messages quote what was
// sent.
func (p *contentPolicy) errorText(s string) string {
	if s == "" || !p.keeps() {
		return ""
	}
	s, _ = p.shorten(s, llm.MaxErrorMessage)
	return clip(s, llm.MaxErrorMessage)
}

// label masks an id or a name: secrets alone, since digits in it are no phone
// number.
func (p *contentPolicy) label(s string) string {
	if len(s) < 8 {
		return s
	}
	return p.names.mask(s)
}

// shorten replaces media, masks and cuts; it returns how many characters were
// cut.
func (p *contentPolicy) shorten(s string, limit int) (string, int) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	s = replaceMedia(s)
	head, beyond := s, 0
	if len(s) > limit {
		head, beyond = cutText(s, limit+lookahead)
	}
	out, cut := cutText(p.mask(head), limit)
	return out, cut + beyond
}

// mask applies the built-in masks, then the program's own.
func (p *contentPolicy) mask(s string) string {
	s = p.masker.mask(s)
	if p.own == nil || s == "" {
		return s
	}
	return p.ownMask(s)
}

// ownMask fails closed: where the program's function panics nothing is kept.
func (p *contentPolicy) ownMask(s string) (out string) {
	defer func() {
		if recover() != nil {
			out = maskFailed
		}
	}()
	if out = p.own(s); !utf8.ValidString(out) {
		out = strings.ToValidUTF8(out, "\uFFFD")
	}
	return out
}

// jsonOrText treats s as JSON where it is an object or array, and as text
// otherwise.
func (p *contentPolicy) jsonOrText(s string, limit int) (string, int) {
	if looksJSON(s) {
		if out, cut, ok := p.json(s, limit); ok {
			return out, cut
		}
	}
	return p.shorten(s, limit)
}

// rawJSON is json for raw messages. What is no JSON becomes a JSON string.
func (p *contentPolicy) rawJSON(raw json.RawMessage, limit int) (json.RawMessage, int) {
	s := string(raw)
	out, cut, ok := p.json(s, limit)
	if !ok {
		out, cut = p.shorten(s, limit)
		return appendQuoted(nil, out), cut
	}
	if out == s {
		return raw, 0
	}
	return json.RawMessage(out), cut
}

// attribute applies the policy to one attribute.
func (p *contentPolicy) attribute(kv attribute.KeyValue) attribute.KeyValue {
	switch kv.Value.Type() {
	case attribute.STRING:
		s := kv.Value.AsString()
		if out := p.attributeText(string(kv.Key), s); out != s {
			kv.Value = attribute.StringValue(out)
		}
	case attribute.STRINGSLICE:
		list := kv.Value.AsStringSlice()
		list, _ = middleOut(list, p.maxItems)
		for i, s := range list {
			list[i] = p.attributeText(string(kv.Key), s)
		}
		kv.Value = attribute.StringSliceValue(list)
	default:
	}
	return kv
}

// attributeText is the text of an attribute under the policy. In metrics mode
// texts under the names of content and long ones become empty.
func (p *contentPolicy) attributeText(key, s string) string {
	if !p.keeps() && (len(s) > metricsAttributeBytes || contentKey(key)) {
		return ""
	}
	if secretValue(s, credentialName(key)) {
		return maskedSecret
	}
	s, _ = p.jsonOrText(s, p.textLimit)
	return s
}

// attributes applies the policy to a map, which it copies before a change:
// contexts and calls share them.
func (p *contentPolicy) attributes(m map[string]any) map[string]any {
	out, copied := m, false
	for k, v := range m {
		s, text := v.(string)
		if !text {
			continue
		}
		masked := p.attributeText(k, s)
		if masked == s {
			continue
		}
		if !copied {
			out, copied = maps.Clone(m), true
		}
		if out[k] = masked; masked == "" {
			delete(out, k)
		}
	}
	return out
}

func (p *contentPolicy) tags(m map[string]string) map[string]string {
	out, copied := m, false
	for k, v := range m {
		masked := p.mask(v)
		if credentialName(k) == surely && v != "" {
			masked = maskedSecret
		}
		if masked == v {
			continue
		}
		if !copied {
			out, copied = maps.Clone(m), true
		}
		out[k] = masked
	}
	return out
}

// contentKey reports whether an attribute of this name carries content.
func contentKey(k string) bool {
	switch k {
	case attrPromptName, attrPromptVersion:
		return false
	}
	switch k[strings.LastIndexByte(k, '.')+1:] {
	case "content", "contents", "message", "messages", "text", "body", "prompt", "completion", "input", "inputs", "output", "outputs",
		"arguments", "args", "result", "query", "question", "answer", "response", "value", "documents", "reasoning", "stacktrace",
		"system_instructions", "definitions", "explanation", "statement", "comment":
		return true
	}
	return strings.HasPrefix(k, "gen_ai.prompt.variable.")
}

// textParams are settings of requests whose value is content or a person,
// whatever it looks like.
var textParams = map[string]bool{
	"stop": true, "stop_sequences": true, "user": true, "suffix": true, "prompt": true, "instructions": true, "system": true, "metadata": true,
	"safety_identifier": true, "prompt_cache_key": true, "input": true, "query": true, "preamble": true, "prediction": true, "context": true,
	"user_id": true, "previous_response_id": true,
}

// settingsOf keeps of a request's settings the numbers, switches and short
// names.
func settingsOf(params map[string]any) map[string]any {
	if params == nil {
		return nil
	}
	out := make(map[string]any, len(params))
	for k, v := range params {
		if textParams[strings.ToLower(k)] {
			continue
		}
		switch v := v.(type) {
		case nil, bool, int, int64, float64, json.Number:
			out[k] = v
		case string:
			if len(v) <= 64 && run(v, 0, len(v), func(c byte) bool { return isToken(c) || c == '.' || c == ':' }) == len(v) {
				out[k] = v
			}
		}
	}
	return out
}

// toolNames reduces tool definitions to their names and types. What it cannot
// read stays, to be cut like other JSON.
func toolNames(tools json.RawMessage) json.RawMessage {
	var v any
	if json.Unmarshal(tools, &v) != nil {
		return tools
	}
	out, err := json.Marshal(keepNames(v, 0))
	if err != nil {
		return tools
	}
	return out
}

// keepNames leaves the fields that lead to a tool's name in the dialects of
// OpenAI, Anthropic, Gemini, Bedrock and Cohere.
func keepNames(v any, depth int) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = keepNames(v[i], depth)
		}
	case map[string]any:
		if depth > 3 {
			return nil
		}
		for k, x := range v {
			switch k {
			case "name", "type", "function", "functionDeclarations", "function_declarations", "toolSpec", "server_label":
				v[k] = keepNames(x, depth+1)
			default:
				delete(v, k)
			}
		}
	}
	return v
}

// middleOut keeps the first and last of more than limit items: how a
// conversation began and where it stands say most. A limit of 0 keeps all.
func middleOut[T any](items []T, limit int) (kept []T, omitted int) {
	if limit <= 0 || len(items) <= limit {
		return items, 0
	}
	head := limit / 2
	kept = make([]T, 0, limit)
	kept = append(kept, items[:head]...)
	kept = append(kept, items[len(items)-(limit-head):]...)
	return kept, len(items) - limit
}

// cutText cuts s to limit characters and returns how many were cut.
func cutText(s string, limit int) (string, int) {
	if len(s) <= limit {
		return s, 0
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i], utf8.RuneCountInString(s[i:])
		}
		n++
	}
	return s, 0
}

// omittedItems stands in a list for the items that were left out.
func omittedItems(n int) string { return "[" + strconv.Itoa(n) + " more]" }
