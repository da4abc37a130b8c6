package events

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The kinds of rows, in the field `kind`.
const (
	kindCall     = "call"
	kindSpan     = "span"
	kindLog      = "log"
	kindFeedback = "feedback"
	kindContent  = "content" // long parts of a record
)

// Names of fields that are no members of a record.
const (
	fieldVerbatim = "verbatim"      // names of string values that read like other JSON
	fieldExact    = "exact"         // names and values of strings that the engine would change
	fieldApart    = "content_apart" // names of fields that are in content rows
	fieldModel    = "model"         // the model to group by
	fieldWeight   = "weight"        // of a Call that stands for several
	fieldSpanName = "name"          // the span name, of Calls too
	restSuffix    = "_rest"         // members of a map that are no fields
)

// statusUnset is stored where a record has no status: a row without one is a
// ghost that a deletion left behind.
const statusUnset = "unset"

// streamFields make up a row's stream. Rows of one stream are stored together,
// so these are few-valued and the ones that most queries filter by.
const streamFields = "kind,service,environment"

// maxRow bounds the line of one row, safely under what the engine takes.
const maxRow = 1800 << 10

// msgChars is how many bytes of a prompt are in a Call's `_msg`, which is what
// a log viewer shows and a bare word in LogsQL searches.
const msgChars = 120

// encoder holds the scratch space of AppendRow.
type encoder struct {
	w             rowWriter
	input, output []byte
	fields        []contentField
	tenant        string
	how           Encoding
	of, service   string // whose content it is: the kind and the service
	environment   string
	has           uint64 // of a Call with all its parts
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// AppendRow appends the stored form of a record: one or more lines of JSON,
// each with its newline, that belong together. The rows of long content come
// first, the record's own row last, so that a record that is found is whole.
// It returns ErrTooLarge where the record cannot be stored; dst is then as it
// was.
func AppendRow(dst []byte, r llm.Record) ([]byte, error) {
	return Encoding{}.AppendRow(dst, r)
}

// AppendRow is the function of that name, with the content where h says.
func (h Encoding) AppendRow(dst []byte, r llm.Record) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.how = h
	start := len(dst)
	e.w.buf = dst
	e.tenant = r.Tenant()
	var err error
	switch {
	case r.Call != nil:
		err = e.call(r.Call)
	case r.Span != nil:
		err = e.span(r.Span)
	case r.Log != nil:
		err = e.log(r.Log)
	case r.Feedback != nil:
		e.w.buf = appendFeedback(e.w.buf, r.Feedback)
	default:
		return dst, errors.New("encode row: the record is empty")
	}
	if err != nil {
		return e.w.buf[:start], err
	}
	return e.w.buf, nil
}

func (e *encoder) release() {
	const keep = 1 << 20
	e.w = rowWriter{verbatim: e.w.verbatim[:0], exact: e.w.exact[:0]}
	if cap(e.input) > keep || cap(e.output) > keep {
		e.input, e.output = nil, nil
	}
	e.input, e.output = e.input[:0], e.output[:0]
	clear(e.fields)
	e.fields = e.fields[:0]
	e.how, e.of, e.service, e.environment = Encoding{}, "", "", ""
	encoders.Put(e)
}

// finish ends the record's own row, moves rows of content before it and checks
// its size.
func (e *encoder) finish(start int, id string, t time.Time, apart []string) error {
	e.w.end()
	if len(e.w.buf)-start > maxRow {
		return ErrTooLarge
	}
	if len(apart) == 0 {
		return nil
	}
	own := bytes.Clone(e.w.buf[start:])
	e.w.buf = e.w.buf[:start]
	for _, f := range e.fields {
		for _, name := range apart {
			if f.name == name {
				e.appendParts(id, t, f)
			}
		}
	}
	e.w.buf = append(e.w.buf, own...)
	return nil
}

func (e *encoder) appendParts(id string, t time.Time, f contentField) {
	splitContent(f.text, contentPart, func(n int, part []byte) {
		w := rowWriter{buf: e.w.buf}
		w.begin(fmt.Sprintf("%s.%s.%d", id, f.name, n), t, kindContent)
		w.str(fieldTenant, e.tenant)
		w.str("service", e.service)
		w.str("environment", e.environment)
		w.str("call_id", id)
		w.str(fieldOf, e.of)
		w.str("field", f.name)
		w.name("part")
		w.buf = fmt.Appendf(w.buf, "%d", n)
		w.str("_msg", "content of "+id)
		w.bytes("text", part)
		w.end()
		e.w.buf = w.buf
	})
}

func (e *encoder) call(c *llm.Call) error {
	e.input = appendMessages(e.input[:0], c.Input)
	e.output = appendMessages(e.output[:0], c.Output)
	e.fields = append(e.fields[:0], contentField{"input", e.input}, contentField{"output", e.output})
	if len(c.Tools) > 0 {
		e.fields = append(e.fields, contentField{"tools", appendRaw(nil, c.Tools)})
	}
	e.of, e.service, e.environment, e.has = kindCall, c.Service, c.Environment, has(c)
	if e.how.ContentApart {
		c = e.callApart(c)
	}
	start := len(e.w.buf)
	err := e.callRow(c, start, true)
	if errors.Is(err, ErrTooLarge) {
		// These maps are the one part without a bound of its own.
		e.w = rowWriter{buf: e.w.buf[:start]}
		err = e.callRow(c, start, false)
	}
	return err
}

func (e *encoder) callRow(c *llm.Call, start int, whole bool) error {
	w := &e.w
	attributes, params, truncated := c.Attributes, c.Params, c.Truncated
	resource, events, links := c.Resource, c.Events, c.Links
	if !whole {
		attributes, params, resource, events, links = nil, nil, nil, nil, nil
		truncated = append(append([]string(nil), truncated...), "attributes", "params", "resource", "events", "links")
	}
	w.begin(c.ID, c.Time, kindCall)
	w.str(fieldTenant, c.Tenant)
	w.str("_msg", e.callMessage(c))
	w.str("source", string(c.Source))
	w.str("service", c.Service)
	w.str("environment", c.Environment)
	w.str("upstream", c.Upstream)
	w.str("trace_id", c.TraceID)
	w.str("span_id", c.SpanID)
	w.str("parent_span_id", c.ParentSpanID)
	w.str("provider", c.Provider)
	w.str("operation", string(c.Operation))
	w.str("request_model", c.RequestModel)
	w.str("response_model", c.ResponseModel)
	w.str(fieldModel, c.Model())
	w.str(fieldSpanName, CallName(c))
	w.str("response_id", c.ResponseID)
	w.str("service_tier", c.ServiceTier)
	w.str("region", c.Region)
	if c.Stream {
		w.name("stream")
		w.buf = append(w.buf, "true"...)
	}
	w.status(c.Status)
	w.str("error_type", c.ErrorType)
	w.str("error_message", c.ErrorMessage)
	w.int("http_status", int64(c.HTTPStatus))
	w.strs("finish_reasons", c.FinishReasons)
	w.usage(&c.Usage)
	w.optFloat("cost.usd", c.Cost.USD)
	w.str("cost.state", string(c.Cost.State))
	w.str("cost.rule", c.Cost.Rule)
	w.str("cost.reason", c.Cost.Reason)
	w.float("duration_seconds", c.Duration.Seconds())
	w.optSeconds("ttft_seconds", c.TTFT)
	w.optSeconds("tpot_seconds", c.TPOT())
	w.optFloat("tokens_per_second", c.TokensPerSecond())
	w.int("chunks", int64(c.Timeline.Chunks()))
	w.optSeconds("gateway_overhead_seconds", c.GatewayOverhead)
	w.phases(&c.Phases)
	if c.Weight > 1 {
		w.float(fieldWeight, c.Weight)
	}
	w.int(fieldHas, int64(e.has))
	w.str("user", c.User)
	w.str("session", c.Session)
	w.str("feature", c.Feature)
	w.str("prompt_name", c.PromptName)
	w.str("prompt_version", c.PromptVersion)
	w.str("agent", c.Agent)
	w.str("workflow", c.Workflow)
	w.str("dialect", c.Dialect)
	w.str("scope", c.Scope)
	w.str("scope_version", c.ScopeVersion)
	w.stringMap("tags", c.Tags)
	w.anyMap("params", params, nil)
	w.strs("truncated", truncated)
	w.strs("notes", c.Notes)
	w.anyMap("attributes", attributes, nil)
	w.anyMap("resource", resource, nil)
	if len(events) > 0 {
		w.jsonText("events", events)
	}
	if len(links) > 0 {
		w.jsonText("links", links)
	}
	if c.Timeline.Chunks() > 0 {
		w.name("timeline")
		w.buf = append(w.buf, '"')
		w.buf = c.Timeline.AppendText(w.buf)
		w.buf = append(w.buf, '"')
	}
	return e.finish(start, c.ID, c.Time, w.appendContent(e.fields, e.how.ContentApart))
}

func callOperation(c *llm.Call) string {
	if c.Operation == "" {
		return "call"
	}
	return string(c.Operation)
}

// CallName is the name of a Call as a span: its sender's, or the one that
// OpenTelemetry gives it: its operation and the model asked for.
func CallName(c *llm.Call) string {
	if c.SpanName != "" {
		return c.SpanName
	}
	if c.RequestModel == "" {
		return callOperation(c)
	}
	return callOperation(c) + " " + c.RequestModel
}

func (w *rowWriter) phases(p *llm.Phases) {
	if p.IsZero() {
		return
	}
	w.optSeconds("phases.connect_seconds", p.Connect)
	w.optSeconds("phases.headers_seconds", p.Headers)
	w.optSeconds("phases.queue_seconds", p.Queue)
	w.optSeconds("phases.load_seconds", p.Load)
	w.optSeconds("phases.prefill_seconds", p.Prefill)
	w.optSeconds("phases.decode_seconds", p.Decode)
	w.optSeconds("phases.server_seconds", p.Server)
}

func (w *rowWriter) status(s llm.Status) {
	if s == "" {
		s = statusUnset
	}
	w.str("status", string(s))
}

func (w *rowWriter) usage(u *llm.Usage) {
	w.optInt("usage.input_tokens", u.InputTokens)
	w.optInt("usage.output_tokens", u.OutputTokens)
	w.optInt("usage.cache_read_tokens", u.CacheReadTokens)
	w.optInt("usage.cache_write_tokens", u.CacheWriteTokens)
	w.optInt("usage.reasoning_tokens", u.ReasoningTokens)
	w.optInt("usage.cache_write_5m_tokens", u.CacheWrite5mTokens)
	w.optInt("usage.cache_write_1h_tokens", u.CacheWrite1hTokens)
	w.optInt("usage.input_audio_tokens", u.InputAudioTokens)
	w.optInt("usage.input_image_tokens", u.InputImageTokens)
	w.optInt("usage.input_video_tokens", u.InputVideoTokens)
	w.optInt("usage.output_audio_tokens", u.OutputAudioTokens)
	w.optInt("usage.output_image_tokens", u.OutputImageTokens)
	w.optInt("usage.cache_read_audio_tokens", u.CacheReadAudioTokens)
	w.optInt("usage.images", u.Images)
	w.optFloat("usage.audio_seconds", u.AudioSeconds)
	w.optInt("usage.characters", u.Characters)
	w.optInt("usage.searches", u.Searches)
	w.str("usage.source", string(u.Source))
}

// callMessage is the line that a log viewer shows for a Call.
func (e *encoder) callMessage(c *llm.Call) string {
	text := ""
	if c.Status == llm.StatusError {
		text = c.ErrorType
		if c.ErrorMessage != "" {
			text += ": " + c.ErrorMessage
		}
	} else if !e.how.ContentApart {
		text = lastUserText(c.Input)
	}
	model := c.Model()
	if model == "" {
		model = callOperation(c)
	}
	if text == "" {
		return model
	}
	return model + ": " + prefix(text, msgChars)
}

// lastUserText is what the user said last.
func lastUserText(messages []llm.Message) string {
	for _, message := range slices.Backward(messages) {
		if message.Role != "user" {
			continue
		}
		for _, p := range message.Parts {
			if p.Type == llm.PartText && p.Content != "" {
				return p.Content
			}
		}
	}
	return ""
}

// prefix cuts s to at most n bytes without splitting a UTF-8 sequence.
func prefix(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimRight(s[:n], " \n\t") + "..."
}

func (e *encoder) span(s *llm.Span) error {
	e.fields = append(e.fields[:0], contentField{"input", []byte(s.Input)}, contentField{"output", []byte(s.Output)})
	e.of, e.service, e.environment = kindSpan, s.Service, s.Environment
	if e.how.ContentApart {
		s = e.spanApart(s)
	}
	start := len(e.w.buf)
	err := e.spanRow(s, start, true)
	if errors.Is(err, ErrTooLarge) {
		e.w = rowWriter{buf: e.w.buf[:start]}
		err = e.spanRow(s, start, false)
	}
	return err
}

func (e *encoder) spanRow(s *llm.Span, start int, whole bool) error {
	w := &e.w
	w.begin(s.ID, s.Time, kindSpan)
	w.str(fieldTenant, s.Tenant)
	msg := s.Name
	if s.Status == llm.StatusError {
		msg += ": " + prefix(s.ErrorType+" "+s.ErrorMessage, msgChars)
	}
	if msg == "" {
		msg = "span"
	}
	w.str("_msg", msg)
	w.str("source", string(s.Source))
	w.str("trace_id", s.TraceID)
	w.str("span_id", s.SpanID)
	w.str("parent_span_id", s.ParentSpanID)
	w.str(fieldSpanName, s.Name)
	w.str("span_kind", string(s.Kind))
	w.str("otel_kind", s.OTelKind)
	w.str("service", s.Service)
	w.str("environment", s.Environment)
	w.float("duration_seconds", s.Duration.Seconds())
	w.status(s.Status)
	w.str("error_type", s.ErrorType)
	w.str("error_message", s.ErrorMessage)
	w.str("agent", s.Agent)
	w.str("workflow", s.Workflow)
	w.str("tool", s.Tool)
	w.str("user", s.User)
	w.str("session", s.Session)
	w.str("dialect", s.Dialect)
	w.str("scope", s.Scope)
	w.str("scope_version", s.ScopeVersion)
	if whole {
		w.anyMap("attributes", s.Attributes, nil)
		w.anyMap("resource", s.Resource, nil)
		if len(s.Events) > 0 {
			w.jsonText("events", s.Events)
		}
		if len(s.Links) > 0 {
			w.jsonText("links", s.Links)
		}
	} else {
		w.strs("truncated", []string{"attributes", "events", "links"})
	}
	return e.finish(start, s.ID, s.Time, w.appendContent(e.fields, e.how.ContentApart))
}

func (e *encoder) log(l *llm.Log) error {
	start := len(e.w.buf)
	e.of, e.service, e.environment = kindLog, l.Service, l.Environment
	e.fields = e.fields[:0]
	if len(l.Message) > maxInline {
		e.fields = append(e.fields, contentField{"message", []byte(l.Message)})
	}
	err := e.logRow(l, start, true)
	if errors.Is(err, ErrTooLarge) {
		e.w = rowWriter{buf: e.w.buf[:start]}
		err = e.logRow(l, start, false)
	}
	return err
}

// logPrefix is how much of a message that is stored apart is in the log's row.
const logPrefix = 16 << 10

func (e *encoder) logRow(l *llm.Log, start int, whole bool) error {
	w := &e.w
	w.begin(l.ID, l.Time, kindLog)
	w.str(fieldTenant, l.Tenant)
	msg := l.Message
	if len(e.fields) > 0 {
		msg = prefix(msg, logPrefix)
	} else if msg == "" {
		// The engine would put in a sentence of its own.
		w.name("no_message")
		w.buf = append(w.buf, "true"...)
		if msg = l.Event; msg == "" {
			msg = "log"
		}
	}
	w.str("_msg", msg)
	w.str("source", string(l.Source))
	w.str("service", l.Service)
	w.str("environment", l.Environment)
	w.str("level", l.Level)
	w.str("event", l.Event)
	w.str("trace_id", l.TraceID)
	w.str("span_id", l.SpanID)
	w.str("scope", l.Scope)
	if whole {
		w.anyMap("", l.Attributes, reservedInLog)
		w.anyMap("resource", l.Resource, nil)
	} else {
		w.strs("truncated", []string{"attributes"})
	}
	var apart []string
	if len(e.fields) > 0 {
		apart = []string{"message"}
		w.strs(fieldApart, apart)
	}
	return e.finish(start, l.ID, l.Time, apart)
}

// reservedInLog reports whether an attribute of a log must not be a field of
// the same name: the name is ours, the engine's, or would be read as ours.
func reservedInLog(name string) bool {
	switch name {
	case "id", "kind", "source", "service", "environment", "level", "event", "trace_id", "span_id", "scope",
		"truncated", "no_message", "message", fieldVerbatim, fieldExact, fieldApart, fieldRemoved, "_msg", "_time", "_stream", "_stream_id",
		"attributes" + restSuffix, "resource" + restSuffix:
		return true
	}
	return strings.HasPrefix(name, "resource.") || strings.HasPrefix(name, "attributes.") || name[:min(1, len(name))] == "_"
}

// RowID returns the id, the kind and the time of the record in rows made by one
// AppendRow, without decoding them.
func RowID(row []byte) (id string, t time.Time, ok bool) {
	row = bytes.TrimSuffix(row, []byte("\n"))
	if i := bytes.LastIndexByte(row, '\n'); i >= 0 {
		row = row[i+1:] // the record's own row is the last
	}
	rest, ok := bytes.CutPrefix(row, []byte(`{"id":"`))
	if !ok {
		return "", time.Time{}, false
	}
	idBytes, rest, ok := bytes.Cut(rest, []byte(`","_time":"`))
	if !ok {
		return "", time.Time{}, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return "", time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(rest[:end]))
	return string(idBytes), t, err == nil
}
