package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/pitot-dev/pitot/internal/llm"
)

// lookahead is how many characters beyond a limit are masked before the cut:
// more than the longest private key, so that no half of a secret stays because
// its other half was cut off.
const lookahead = 8192

// Policy applies a Config to records.
type Policy struct {
	mode      Mode
	textLimit int // characters kept of a text part
	jsonLimit int // characters kept of tool arguments and results
	maxItems  int // messages kept; 0: all
	masker    *masker
	labels    *masker // for ids and names: secrets alone
	salt      []byte  // nil: user ids are not hashed
}

// New checks the configuration and builds a Policy.
func New(cfg Config) (*Policy, error) {
	cfg = cfg.withDefaults()
	pats, err := cfg.compile()
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	if cfg.HashUsers && cfg.Salt == "" {
		return nil, errors.New("capture: hash_users: the salt is empty: set salt or put it into salt_file")
	}
	var kinds kind
	for _, k := range cfg.Redact {
		kinds |= kindOf[k]
	}
	p := &Policy{
		mode:      cfg.Content,
		textLimit: cfg.MaxChars,
		jsonLimit: cfg.MaxChars,
		masker:    newMasker(kinds, pats),
		labels:    newMasker(kinds&secrets, nil),
	}
	if cfg.Content == ModeSummary {
		p.textLimit = cfg.SummaryChars
		p.jsonLimit = max(cfg.SummaryChars/4, minChars)
		p.maxItems = cfg.MaxItems
	}
	if cfg.HashUsers {
		p.salt = []byte(cfg.Salt)
	}
	return p, nil
}

// Mode returns how much content the Policy keeps.
func (p *Policy) Mode() Mode { return p.mode }

// Text masks one text without cutting it, for what is kept outside records.
func (p *Policy) Text(s string) string { return p.maskText(s) }

// Record applies the policy to whatever the record holds.
func (p *Policy) Record(r *llm.Record) {
	switch {
	case r.Call != nil:
		p.Call(r.Call)
	case r.Span != nil:
		p.Span(r.Span)
	case r.Log != nil:
		p.Log(r.Log)
	case r.Feedback != nil:
		p.Feedback(r.Feedback)
	}
}

// Call applies the policy to a Call in place.
func (p *Policy) Call(c *llm.Call) {
	for _, f := range [...]*string{
		&c.ID, &c.Service, &c.Environment, &c.Upstream, &c.TraceID, &c.SpanID, &c.ParentSpanID,
		&c.Provider, &c.RequestModel, &c.ResponseModel, &c.ResponseID, &c.ServiceTier, &c.Region, &c.ErrorType,
		&c.Feature, &c.PromptName, &c.PromptVersion, &c.Cost.Rule, &c.Cost.Reason,
		&c.Agent, &c.Workflow, &c.Dialect, &c.Scope, &c.ScopeVersion,
		(*string)(&c.Source), (*string)(&c.Operation), (*string)(&c.Status), (*string)(&c.Cost.State), (*string)(&c.Usage.Source),
	} {
		*f = p.label(*f)
	}
	p.labelAll(c.FinishReasons)
	p.labelAll(c.Truncated)
	c.ContentRemoved = nil // only the store says so, of what it has
	p.labelAll(c.Notes)
	c.User = p.user(c.User)
	c.Session = p.maskText(c.Session)
	c.Tags = p.tags(c.Tags)
	c.ErrorMessage = p.errorMessage(c.ErrorMessage)

	c.SpanName, _ = p.text(c.SpanName, p.textLimit)
	attrs := values{p: p}
	c.Attributes = attrs.mapping(c.Attributes)
	c.Resource = attrs.mapping(c.Resource)
	p.eventsAndLinks(attrs, c.Events, c.Links)
	if attrs.cut {
		c.MarkTruncated("attributes")
	}
	if p.mode == ModeMetrics {
		c.Params = metricsParams(p, c.Params)
		c.Input, c.Output, c.Tools = nil, nil, nil
		return
	}
	params := values{p: p}
	c.Params = params.mapping(c.Params)
	if params.cut {
		c.MarkTruncated("params")
	}
	c.Input = p.conversation(c, "input", c.Input)
	c.Output = p.conversation(c, "output", c.Output)
	if len(c.Tools) > 0 {
		if p.mode == ModeSummary {
			c.Tools = toolNames(c.Tools)
		}
		tools, cut := p.rawJSON(c.Tools, p.textLimit)
		c.Tools = tools
		if cut > 0 {
			c.MarkTruncated("tools")
		}
	}
}

// conversation applies the policy to one direction of a Call.
func (p *Policy) conversation(c *llm.Call, name string, msgs []llm.Message) []llm.Message {
	cut := false
	if kept, omitted := middleOut(msgs, p.maxItems); omitted > 0 {
		msgs, cut = kept, true
		c.Attributes = with(c.Attributes, "pitot."+name+".messages_omitted", omitted)
	}
	for i := range msgs {
		cut = p.message(&msgs[i]) || cut
	}
	if cut {
		c.MarkTruncated(name)
	}
	return msgs
}

// message applies the policy to a message and reports whether it was cut.
func (p *Policy) message(m *llm.Message) (cut bool) {
	m.Role = p.label(m.Role)
	m.Name = p.maskText(m.Name)
	m.FinishReason = p.label(m.FinishReason)
	if kept, omitted := middleOut(m.Parts, p.maxItems); omitted > 0 {
		m.Parts, cut = kept, true
	}
	for i := range m.Parts {
		pt := &m.Parts[i]
		was := pt.TruncatedChars
		p.part(pt)
		cut = cut || pt.TruncatedChars > was
	}
	return cut
}

// part applies the policy to a part.
func (p *Policy) part(pt *llm.Part) {
	pt.Type = p.label(pt.Type)
	pt.ID = p.label(pt.ID)
	pt.ToolName = p.label(pt.ToolName)
	pt.FileID = p.label(pt.FileID)
	pt.Modality = p.label(pt.Modality)
	pt.MIMEType = p.label(pt.MIMEType)
	pt.SHA256 = p.label(pt.SHA256)
	if pt.Content != "" {
		var cut int
		pt.Content, cut = p.text(pt.Content, p.textLimit)
		pt.TruncatedChars += cut
	}
	if pt.Arguments != "" {
		var cut int
		pt.Arguments, cut = p.jsonOrText(pt.Arguments, p.jsonLimit)
		pt.TruncatedChars += cut
	}
	if len(pt.Response) > 0 {
		var cut int
		pt.Response, cut = p.rawJSON(pt.Response, p.jsonLimit)
		pt.TruncatedChars += cut
	}
	if pt.Data != "" {
		blob(pt, pt.Data)
	}
	if pt.URI != "" {
		if strings.HasPrefix(pt.URI, "data:") {
			if _, _, ok := dataURI(pt.URI); ok {
				blob(pt, pt.URI)
				pt.URI = ""
				return
			}
		}
		pt.URI, _ = p.text(pt.URI, p.textLimit)
	}
}

// blob replaces inline media by what describes it.
func blob(pt *llm.Part, data string) {
	if mime, payload, ok := dataURI(data); ok {
		data = payload
		if pt.MIMEType == "" {
			pt.MIMEType = mime
		}
	}
	d := digestBase64(data)
	pt.Data, pt.Size, pt.SHA256 = "", d.size, d.sum
	if pt.Type == llm.PartURI {
		pt.Type = llm.PartBlob
	}
}

// Span applies the policy to a Span in place.
func (p *Policy) Span(s *llm.Span) {
	for _, f := range [...]*string{
		&s.ID, &s.TraceID, &s.SpanID, &s.ParentSpanID, &s.OTelKind, &s.Service, &s.Environment, &s.ErrorType,
		&s.Agent, &s.Workflow, &s.Tool, &s.Dialect, &s.Scope, &s.ScopeVersion, (*string)(&s.Source), (*string)(&s.Kind), (*string)(&s.Status),
	} {
		*f = p.label(*f)
	}
	s.ContentRemoved = nil
	s.Name, _ = p.text(s.Name, p.textLimit)
	s.User = p.user(s.User)
	s.Session = p.maskText(s.Session)
	s.ErrorMessage = p.errorMessage(s.ErrorMessage)
	v := values{p: p}
	s.Attributes = v.mapping(s.Attributes)
	s.Resource = v.mapping(s.Resource)
	p.eventsAndLinks(v, s.Events, s.Links)
	if s.Aggregate != nil {
		p.Call(s.Aggregate)
	}
	if p.mode == ModeMetrics {
		s.Input, s.Output = "", ""
		return
	}
	s.Input = p.spanContent(s, "pitot.input.truncated_chars", s.Input)
	s.Output = p.spanContent(s, "pitot.output.truncated_chars", s.Output)
}

func (p *Policy) eventsAndLinks(v values, events []llm.SpanEvent, links []llm.SpanLink) {
	for i := range events {
		e := &events[i]
		e.Name = p.maskText(e.Name)
		e.Attributes = v.mapping(e.Attributes)
	}
	for i := range links {
		l := &links[i]
		l.TraceID, l.SpanID = p.label(l.TraceID), p.label(l.SpanID)
		l.Attributes = v.mapping(l.Attributes)
	}
}

func (p *Policy) spanContent(s *llm.Span, mark, content string) string {
	if content == "" {
		return ""
	}
	out, cut := p.jsonOrText(content, p.textLimit)
	if cut > 0 {
		s.Attributes = with(s.Attributes, mark, cut)
	}
	return out
}

// metricsLogChars is what metrics mode keeps of the message of an ordinary log
// record; of one that carries the content of a Call it keeps nothing.
const metricsLogChars = 200

// Log applies the policy to a Log in place.
func (p *Policy) Log(l *llm.Log) {
	for _, f := range [...]*string{
		&l.ID, &l.Service, &l.Environment, &l.Level, &l.Event, &l.TraceID, &l.SpanID, &l.Scope, (*string)(&l.Source),
	} {
		*f = p.label(*f)
	}
	v := values{p: p}
	limit := p.textLimit
	if p.mode == ModeMetrics {
		limit = metricsLogChars
		if carriesContent(l) {
			l.Message = ""
		}
	}
	var cut int
	if l.Message, cut = p.jsonOrText(l.Message, limit); cut > 0 {
		l.Attributes = with(l.Attributes, "pitot.message.truncated_chars", cut)
	}
	l.Attributes = v.mapping(l.Attributes)
	l.Resource = v.mapping(l.Resource)
}

// carriesContent reports whether a log record is an event of OpenTelemetry's
// GenAI conventions, whose body is a message.
func carriesContent(l *llm.Log) bool {
	if strings.HasPrefix(l.Event, "gen_ai.") || strings.HasPrefix(l.Event, "llm_") {
		return true
	}
	for k := range l.Attributes {
		if strings.HasPrefix(k, "gen_ai.") || strings.HasPrefix(k, "llm.") {
			return true
		}
	}
	return false
}

// errorMessage masks the message of an error and keeps its bound.
func (p *Policy) errorMessage(s string) string {
	if s == "" || p.mode == ModeMetrics {
		return ""
	}
	s, _ = p.text(s, llm.MaxErrorMessage)
	for len(s) > llm.MaxErrorMessage {
		n := llm.MaxErrorMessage
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = p.maskText(s[:n])
	}
	return s
}

// maskText replaces media and masks, without cutting.
func (p *Policy) maskText(s string) string {
	if len(s) < 4 {
		return s
	}
	return p.masker.mask(replaceMedia(s))
}

// text replaces media, masks and cuts; it returns how many characters were cut.
func (p *Policy) text(s string, limit int) (string, int) {
	s = replaceMedia(s)
	head, beyond := s, 0
	if len(s) > limit {
		head, beyond = cutText(s, limit+lookahead)
	}
	out, cut := cutText(p.masker.mask(head), limit)
	if cut += beyond; cut == 0 {
		return out, 0
	}
	// The cut may have bared something, such as the first sixteen digits of a
	// longer number.
	for range maxPasses {
		again, more := cutText(p.masker.mask(out), limit)
		if again == out {
			break
		}
		out, cut = again, cut+more
	}
	return out, cut
}

// jsonOrText treats s as JSON where it is an object or array, and as text
// otherwise.
func (p *Policy) jsonOrText(s string, limit int) (string, int) {
	if looksJSON(s) {
		if out, cut, ok := p.json(s, limit); ok {
			return out, cut
		}
	}
	return p.text(s, limit)
}

// json masks and cuts a JSON text; ok is false where it is none.
func (p *Policy) json(s string, limit int) (out string, cut int, ok bool) {
	out, ok = p.maskJSON(s)
	if !ok {
		return s, 0, false
	}
	if out, cut = cutJSON(out, limit); cut == 0 {
		return out, 0, true
	}
	for range maxPasses {
		again, _ := p.maskJSON(out)
		again, more := cutJSON(again, limit)
		if again == out {
			break
		}
		out, cut = again, cut+more
	}
	return out, cut, true
}

// rawJSON is json for raw messages. What is no JSON becomes a JSON string: one
// bad field must not make the whole record impossible to encode.
func (p *Policy) rawJSON(raw json.RawMessage, limit int) (json.RawMessage, int) {
	// The view is only read and the result copied where it differs.
	s := unsafe.String(unsafe.SliceData(raw), len(raw)) //nolint:gosec // read only, and not kept
	out, cut, ok := p.json(s, limit)
	if !ok {
		out, cut, _ = p.json(quote(strings.ToValidUTF8(s, "\uFFFD")), limit)
		return json.RawMessage(out), cut
	}
	if len(out) == len(s) && out == s {
		return raw, 0
	}
	return json.RawMessage(out), cut
}

// label masks an identifier: a model, a service, a trace id. Only secrets are
// looked for in what is formed like one; digits in it are no phone number.
func (p *Policy) label(s string) string {
	if len(s) < 8 {
		return s
	}
	if len(s) <= 128 && identifier(s) {
		return p.labels.mask(s)
	}
	return p.maskText(s)
}

func identifier(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isToken(c) && c != '.' && c != ':' && c != '/' {
			return false
		}
	}
	return true
}

func (p *Policy) labelAll(s []string) {
	for i := range s {
		s[i] = p.label(s[i])
	}
}

func (p *Policy) tags(tags map[string]string) map[string]string {
	out, copied := tags, false
	for k, v := range tags {
		nk, nv := p.label(k), ""
		switch {
		case p.salt != nil && userKey(k):
			nv = p.user(v)
		case p.dropAttribute(k):
			nv = droppedValue(v)
		default:
			nv = p.maskText(v)
		}
		if nk == k && nv == v {
			continue
		}
		if !copied {
			out, copied = maps.Clone(tags), true
		}
		delete(out, k)
		out[nk] = nv
	}
	return out
}

// numberKind says what a number is that must not be kept; 0: nothing.
func (p *Policy) numberKind(key, num string) kind {
	if len(num) < 7 || len(num) > 19 || !isDigit(num[0]) {
		return 0
	}
	if strings.ContainsAny(num, ".eE") {
		return 0
	}
	k := p.masker.kinds
	if k&cnID != 0 && len(num) == 18 && cnIDEnd(num, 0) > 0 {
		return cnID
	}
	if k&card != 0 && len(num) >= 13 && cardEnd(num, 0, len(num)) > 0 {
		return card
	}
	if k&phone != 0 && len(num) <= 15 && cueBefore(key, len(key), 0) {
		return phone
	}
	if classifyName(key, 0, len(key)) == strong {
		return secrets
	}
	return 0
}

// integer formats v where it is whole and long enough to matter.
func integer(v float64) (string, bool) {
	if v < 1e6 || v >= 1e19 || v != float64(uint64(v)) {
		return "", false
	}
	return strconv.FormatUint(uint64(v), 10), true
}
