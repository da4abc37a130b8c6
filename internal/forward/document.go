package forward

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// appendDocument appends a record as a document of Elasticsearch, on one line
// with its newline. The names are those of Pitot's API, with @timestamp for the
// time. Messages are JSON text, and so are lists and objects of a sender's own:
// as objects their fields would fill the index's mapping. A log's attributes are
// at the top, where the application had them.
func appendDocument(dst []byte, it *item) []byte {
	d := document{b: append(dst, `{"@timestamp":"`...), plain: it.plain}
	d.b = it.time.UTC().AppendFormat(d.b, time.RFC3339Nano)
	d.b = append(d.b, '"')
	d.str("id", it.id)
	switch {
	case it.rec.Call != nil:
		d.str("kind", "call")
		d.call(it.rec.Call)
	case it.rec.Span != nil:
		d.str("kind", "span")
		d.span(it.rec.Span)
	case it.rec.Log != nil:
		d.str("kind", "log")
		d.log(it.rec.Log)
	}
	return append(d.b, '}', '\n')
}

// document appends the members of an object.
type document struct {
	b     []byte
	plain bool
}

func (d *document) name(n string) {
	if last := d.b[len(d.b)-1]; last != '{' {
		d.b = append(d.b, ',')
	}
	d.b = appendJSONString(d.b, n)
	d.b = append(d.b, ':')
}

func (d *document) str(name, v string) {
	if v != "" {
		d.name(name)
		d.b = appendJSONString(d.b, v)
	}
}

func (d *document) strs(name string, v []string) {
	if len(v) == 0 {
		return
	}
	d.name(name)
	d.b = append(d.b, '[')
	for i, s := range v {
		if i > 0 {
			d.b = append(d.b, ',')
		}
		d.b = appendJSONString(d.b, s)
	}
	d.b = append(d.b, ']')
}

func (d *document) int(name string, v llm.Opt[int64]) {
	if n, ok := v.Get(); ok {
		d.name(name)
		d.b = strconv.AppendInt(d.b, n, 10)
	}
}

func (d *document) float(name string, v llm.Opt[float64]) {
	if f, ok := v.Get(); ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
		d.name(name)
		d.b = strconv.AppendFloat(d.b, f, 'g', -1, 64)
	}
}

func (d *document) seconds(name string, v llm.Opt[time.Duration]) {
	if s, ok := v.Get(); ok {
		d.float(name, llm.Some(s.Seconds()))
	}
}

// text writes a value as JSON text.
func (d *document) text(name string, v any) {
	if b, err := json.Marshal(v); err == nil {
		d.name(name)
		d.b = appendJSONString(d.b, b)
	}
}

// open and end write an object around what is written in between.
func (d *document) open(name string) {
	d.name(name)
	d.b = append(d.b, '{')
}

func (d *document) end() { d.b = append(d.b, '}') }

// object writes a map of a sender's: plainly as text, else as an object.
func (d *document) object(name string, m map[string]any) {
	switch {
	case len(m) == 0:
	case d.plain:
		d.text(name+"_text", m)
	default:
		d.open(name)
		for k, v := range m {
			d.value(k, v)
		}
		d.end()
	}
}

// value writes a member of a sender's map.
func (d *document) value(name string, v any) {
	if name == "" || name[0] == '.' || name[len(name)-1] == '.' {
		return // Elasticsearch refuses the whole document for such a name
	}
	switch v := v.(type) {
	case nil:
	case string:
		d.name(name)
		d.b = appendJSONString(d.b, v)
	case bool:
		d.name(name)
		d.b = strconv.AppendBool(d.b, v)
	case int64:
		d.int(name, llm.Some(v))
	case float64:
		d.float(name, llm.Some(v))
	case []any:
		if b, err := json.Marshal(v); err == nil && scalars(v) {
			d.name(name)
			d.b = append(d.b, b...)
			return
		}
		d.text(name, v)
	default:
		d.text(name, v)
	}
}

// scalars reports whether a list can be the values of one field.
func scalars(list []any) bool {
	for _, v := range list {
		switch v.(type) {
		case string:
			if _, same := list[0].(string); !same {
				return false
			}
		case float64:
			if _, same := list[0].(float64); !same {
				return false
			}
		case bool:
			if _, same := list[0].(bool); !same {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func (d *document) call(c *llm.Call) {
	d.str("source", string(c.Source))
	d.str("service", c.Service)
	d.str("environment", c.Environment)
	d.str("upstream", c.Upstream)
	d.str("trace_id", c.TraceID)
	d.str("span_id", c.SpanID)
	d.str("parent_span_id", c.ParentSpanID)
	d.str("provider", c.Provider)
	d.str("operation", string(c.Operation))
	d.str("request_model", c.RequestModel)
	d.str("response_model", c.ResponseModel)
	d.str("model", c.Model())
	d.str("response_id", c.ResponseID)
	d.str("service_tier", c.ServiceTier)
	d.str("region", c.Region)
	d.name("stream")
	d.b = strconv.AppendBool(d.b, c.Stream)
	d.str("status", string(c.Status))
	d.str("error_type", c.ErrorType)
	d.str("error_message", c.ErrorMessage)
	if c.HTTPStatus != 0 {
		d.int("http_status", llm.Some(int64(c.HTTPStatus)))
	}
	d.strs("finish_reasons", c.FinishReasons)
	d.usage(&c.Usage)
	d.open("cost")
	d.float("usd", c.Cost.USD)
	d.str("state", string(c.Cost.State))
	d.str("rule", c.Cost.Rule)
	d.str("reason", c.Cost.Reason)
	d.end()
	d.float("duration_seconds", llm.Some(c.Duration.Seconds()))
	d.seconds("ttft_seconds", c.TTFT)
	d.seconds("tpot_seconds", c.TPOT())
	d.float("tokens_per_second", c.TokensPerSecond())
	d.seconds("gateway_overhead_seconds", c.GatewayOverhead)
	if n := c.Timeline.Chunks(); n > 0 {
		d.int("chunks", llm.Some(int64(n)))
	}
	if c.Weight > 1 {
		d.float("weight", llm.Some(c.Weight))
	}
	d.str("user", c.User)
	d.str("session", c.Session)
	d.str("feature", c.Feature)
	d.str("prompt_name", c.PromptName)
	d.str("prompt_version", c.PromptVersion)
	d.str("agent", c.Agent)
	d.str("workflow", c.Workflow)
	d.str("name", c.SpanName)
	d.str("dialect", c.Dialect)
	d.str("scope", c.Scope)
	d.str("scope_version", c.ScopeVersion)
	d.tags(c.Tags)
	d.object("params", c.Params)
	if len(c.Input) > 0 {
		d.text("input", c.Input)
	}
	if len(c.Output) > 0 {
		d.text("output", c.Output)
	}
	d.str("tools", string(c.Tools))
	d.strs("truncated", c.Truncated)
	d.strs("notes", c.Notes)
	d.object("attributes", c.Attributes)
	d.object("resource", c.Resource)
}

func (d *document) usage(u *llm.Usage) {
	d.open("usage")
	d.int("input_tokens", u.InputTokens)
	d.int("output_tokens", u.OutputTokens)
	d.int("cache_read_tokens", u.CacheReadTokens)
	d.int("cache_write_tokens", u.CacheWriteTokens)
	d.int("reasoning_tokens", u.ReasoningTokens)
	d.int("input_audio_tokens", u.InputAudioTokens)
	d.int("output_audio_tokens", u.OutputAudioTokens)
	d.int("input_image_tokens", u.InputImageTokens)
	d.int("output_image_tokens", u.OutputImageTokens)
	d.int("images", u.Images)
	d.float("audio_seconds", u.AudioSeconds)
	d.int("characters", u.Characters)
	d.int("searches", u.Searches)
	d.str("source", string(u.Source))
	d.end()
}

func (d *document) tags(m map[string]string) {
	if len(m) == 0 {
		return
	}
	values := make(map[string]any, len(m))
	for k, v := range m {
		values[k] = v
	}
	d.object("tags", values)
}

func (d *document) span(s *llm.Span) {
	d.str("source", string(s.Source))
	d.str("trace_id", s.TraceID)
	d.str("span_id", s.SpanID)
	d.str("parent_span_id", s.ParentSpanID)
	d.str("name", s.Name)
	d.str("span_kind", string(s.Kind))
	d.str("otel_kind", s.OTelKind)
	d.str("service", s.Service)
	d.str("environment", s.Environment)
	d.float("duration_seconds", llm.Some(s.Duration.Seconds()))
	d.str("status", string(s.Status))
	d.str("error_type", s.ErrorType)
	d.str("error_message", s.ErrorMessage)
	d.str("agent", s.Agent)
	d.str("workflow", s.Workflow)
	d.str("tool", s.Tool)
	d.str("user", s.User)
	d.str("session", s.Session)
	d.str("dialect", s.Dialect)
	d.str("scope", s.Scope)
	d.str("scope_version", s.ScopeVersion)
	d.str("input", s.Input)
	d.str("output", s.Output)
	d.object("attributes", s.Attributes)
	d.object("resource", s.Resource)
	if len(s.Events) > 0 {
		d.text("events", s.Events)
	}
	if len(s.Links) > 0 {
		d.text("links", s.Links)
	}
}

// logFields are the names that a log's document has of its own. The names of
// Elasticsearch's metadata cannot be in a document.
var logFields = []string{
	"@timestamp", "id", "kind", "source", "service", "environment", "level", "message", "event", "trace_id", "span_id",
	"scope", "attributes", "attributes_text", "resource", "resource_text",
	"_id", "_index", "_source", "_type", "_routing", "_ignored", "_field_names", "_size", "_doc_count", "_meta", "_tier",
}

func (d *document) log(l *llm.Log) {
	d.str("source", string(l.Source))
	d.str("service", l.Service)
	d.str("environment", l.Environment)
	d.str("level", l.Level)
	d.str("message", l.Message)
	d.str("event", l.Event)
	d.str("trace_id", l.TraceID)
	d.str("span_id", l.SpanID)
	d.str("scope", l.Scope)
	if d.plain {
		d.object("attributes", l.Attributes)
	} else {
		var clash map[string]any
		for k, v := range l.Attributes {
			if slices.Contains(logFields, k) {
				if clash == nil {
					clash = map[string]any{}
				}
				clash[k] = v
				continue
			}
			d.value(k, v)
		}
		d.object("attributes", clash)
	}
	d.object("resource", l.Resource)
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			var buf [utf8.UTFMax]byte
			r, size := utf8.DecodeRune(buf[:copy(buf[:], s[i:])])
			if r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, "\uFFFD"...)
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
