package events

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// row is a row as the engine returns it: every value is text.
type row map[string]string

// decodeRecord turns a row into the record that it was.
func decodeRecord(r row) (llm.Record, error) {
	switch r["kind"] {
	case kindCall:
		c, err := decodeCall(r)
		return llm.Record{Call: c}, err
	case kindSpan:
		s, err := decodeSpan(r)
		return llm.Record{Span: s}, err
	case kindLog:
		l, err := decodeLog(r)
		return llm.Record{Log: l}, err
	case kindFeedback:
		f, err := decodeFeedback(r)
		return llm.Record{Feedback: &f}, err
	}
	return llm.Record{}, fmt.Errorf("decode row %q: unknown kind %q", r["id"], r["kind"])
}

// rowReader reads typed values and keeps the first error.
type rowReader struct {
	r        row
	verbatim map[string]bool
	err      error
}

func newRowReader(r row) *rowReader {
	rr := &rowReader{r: r}
	if exact := rr.strs(fieldExact); len(exact)%2 == 0 {
		for i := 0; i < len(exact); i += 2 {
			if _, ok := r[exact[i]]; ok { // lists leave fields out
				r[exact[i]] = exact[i+1]
			}
		}
	}
	for _, name := range rr.strs(fieldVerbatim) {
		if rr.verbatim == nil {
			rr.verbatim = map[string]bool{}
		}
		rr.verbatim[name] = true
	}
	return rr
}

func (r *rowReader) fail(name string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("decode row %q: field %s: %w", r.r["id"], name, err)
	}
}

func (r *rowReader) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, r.r[name])
	if err != nil {
		r.fail(name, err)
	}
	return t
}

func (r *rowReader) int(name string) int {
	v, _ := r.optInt(name).Get()
	return int(v)
}

func (r *rowReader) optInt(name string) llm.Opt[int64] {
	s := r.r[name]
	if s == "" {
		return llm.Opt[int64]{}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		r.fail(name, err)
		return llm.Opt[int64]{}
	}
	return llm.Some(v)
}

func (r *rowReader) optFloat(name string) llm.Opt[float64] {
	s := r.r[name]
	if s == "" {
		return llm.Opt[float64]{}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		r.fail(name, err)
		return llm.Opt[float64]{}
	}
	return llm.Some(cleanFloat(v))
}

func (r *rowReader) optSeconds(name string) llm.Opt[time.Duration] {
	if v, ok := r.optFloat(name).Get(); ok {
		return llm.Some(seconds(v))
	}
	return llm.Opt[time.Duration]{}
}

func (r *rowReader) seconds(name string) time.Duration {
	return r.optSeconds(name).Or(0)
}

func (r *rowReader) strs(name string) []string {
	s := r.r[name]
	if s == "" {
		return nil
	}
	var v []string
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		r.fail(name, err)
	}
	return v
}

func (r *rowReader) json(name string, v any) {
	if s := r.r[name]; s != "" {
		if err := json.Unmarshal([]byte(s), v); err != nil {
			r.fail(name, err)
		}
	}
}

func (r *rowReader) messages(name string) []llm.Message {
	s := r.r[name]
	if s == "" {
		return nil
	}
	var v []llm.Message
	if err := json.Unmarshal(restoreJSON(s), &v); err != nil {
		r.fail(name, err)
	}
	return v
}

func (r *rowReader) stringMap(prefix string) map[string]string {
	var m map[string]string
	set := func(k, v string) {
		if m == nil {
			m = map[string]string{}
		}
		m[k] = v
	}
	for name, v := range r.r {
		if k, ok := strings.CutPrefix(name, prefix+"."); ok {
			set(k, v)
		}
	}
	var rest map[string]string
	r.json(prefix+restSuffix, &rest)
	for k, v := range rest {
		set(k, v)
	}
	return m
}

func (r *rowReader) anyMap(prefix string) map[string]any {
	var m map[string]any
	set := func(k string, v any) {
		if m == nil {
			m = map[string]any{}
		}
		m[k] = v
	}
	for name, v := range r.r {
		if k, ok := strings.CutPrefix(name, prefix+"."); ok {
			set(k, r.value(name, v))
		}
	}
	var rest map[string]any
	r.json(prefix+restSuffix, &rest)
	for k, v := range rest {
		set(k, v)
	}
	return m
}

// value reads the text of one member of a map.
func (r *rowReader) value(name, text string) any {
	if text == "" || r.verbatim[name] || plainString(text) {
		return text
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return text
	}
	if f, ok := v.(float64); ok {
		if f >= 1<<53 || f <= -1<<53 {
			if i, err := strconv.ParseInt(text, 10, 64); err == nil {
				return i // a float64 would lose its last digits
			}
		}
		return cleanFloat(f)
	}
	return v
}

func (r *rowReader) status() llm.Status {
	if s := r.r["status"]; s != statusUnset {
		return llm.Status(s)
	}
	return ""
}

func decodeCall(m row) (*llm.Call, error) {
	r := newRowReader(m)
	c := &llm.Call{
		ID: m["id"], Time: r.time("_time"), Source: llm.Source(m["source"]), Tenant: m[fieldTenant],
		Service: m["service"], Environment: m["environment"], Upstream: m["upstream"],
		TraceID: m["trace_id"], SpanID: m["span_id"], ParentSpanID: m["parent_span_id"],
		Provider: m["provider"], Operation: llm.Operation(m["operation"]),
		RequestModel: m["request_model"], ResponseModel: m["response_model"], ResponseID: m["response_id"],
		ServiceTier: m["service_tier"], Region: m["region"],
		Stream: m["stream"] == "true", Status: r.status(),
		ErrorType: m["error_type"], ErrorMessage: m["error_message"], HTTPStatus: r.int("http_status"),
		FinishReasons: r.strs("finish_reasons"),
		Usage:         r.usage(),
		Cost: llm.Cost{
			USD: r.optFloat("cost.usd"), State: llm.CostState(m["cost.state"]),
			Rule: m["cost.rule"], Reason: m["cost.reason"],
		},
		Duration: r.seconds("duration_seconds"), TTFT: r.optSeconds("ttft_seconds"),
		GatewayOverhead: r.optSeconds("gateway_overhead_seconds"),
		Phases: llm.Phases{
			Connect: r.optSeconds("phases.connect_seconds"), Headers: r.optSeconds("phases.headers_seconds"),
			Queue: r.optSeconds("phases.queue_seconds"), Load: r.optSeconds("phases.load_seconds"),
			Prefill: r.optSeconds("phases.prefill_seconds"), Decode: r.optSeconds("phases.decode_seconds"),
			Server: r.optSeconds("phases.server_seconds"),
		},
		Weight: r.optFloat("weight").Or(0),
		User:   m["user"], Session: m["session"], Feature: m["feature"],
		Agent: m["agent"], Workflow: m["workflow"],
		Dialect: m["dialect"], Scope: m["scope"], ScopeVersion: m["scope_version"],
		PromptName: m["prompt_name"], PromptVersion: m["prompt_version"],
		Tags: r.stringMap("tags"), Params: r.anyMap("params"),
		Input: r.messages("input"), Output: r.messages("output"),
		Truncated: r.strs("truncated"), Notes: r.strs("notes"),
		Attributes: r.anyMap("attributes"), Resource: r.anyMap("resource"),
	}
	r.json("events", &c.Events)
	r.json("links", &c.Links)
	c.Attributes, c.Params = r.merge(c.Attributes, apartAttributes), r.merge(c.Params, apartParams)
	c.ContentRemoved = r.strs(fieldRemoved)
	if name := m[fieldSpanName]; name != CallName(c) {
		c.SpanName = name
	}
	if t := m["tools"]; t != "" {
		c.Tools = restoreJSON(t)
	}
	tl, err := llm.ParseTimeline(m["timeline"])
	if err != nil {
		r.fail("timeline", err)
	}
	tl.SetChunks(r.int("chunks"))
	c.Timeline = tl
	return c, r.err
}

func (r *rowReader) usage() llm.Usage {
	return llm.Usage{
		InputTokens:          r.optInt("usage.input_tokens"),
		OutputTokens:         r.optInt("usage.output_tokens"),
		CacheReadTokens:      r.optInt("usage.cache_read_tokens"),
		CacheWriteTokens:     r.optInt("usage.cache_write_tokens"),
		ReasoningTokens:      r.optInt("usage.reasoning_tokens"),
		CacheWrite5mTokens:   r.optInt("usage.cache_write_5m_tokens"),
		CacheWrite1hTokens:   r.optInt("usage.cache_write_1h_tokens"),
		InputAudioTokens:     r.optInt("usage.input_audio_tokens"),
		InputImageTokens:     r.optInt("usage.input_image_tokens"),
		InputVideoTokens:     r.optInt("usage.input_video_tokens"),
		OutputAudioTokens:    r.optInt("usage.output_audio_tokens"),
		OutputImageTokens:    r.optInt("usage.output_image_tokens"),
		CacheReadAudioTokens: r.optInt("usage.cache_read_audio_tokens"),
		Images:               r.optInt("usage.images"),
		AudioSeconds:         r.optFloat("usage.audio_seconds"),
		Characters:           r.optInt("usage.characters"),
		Searches:             r.optInt("usage.searches"),
		Source:               llm.UsageSource(r.r["usage.source"]),
	}
}

func decodeSpan(m row) (*llm.Span, error) {
	r := newRowReader(m)
	s := &llm.Span{
		ID: m["id"], Time: r.time("_time"), Source: llm.Source(m["source"]), Tenant: m[fieldTenant],
		TraceID: m["trace_id"], SpanID: m["span_id"], ParentSpanID: m["parent_span_id"],
		Name: m[fieldSpanName], Kind: llm.SpanKind(m["span_kind"]), OTelKind: m["otel_kind"],
		Service: m["service"], Environment: m["environment"],
		Duration: r.seconds("duration_seconds"), Status: r.status(),
		ErrorType: m["error_type"], ErrorMessage: m["error_message"],
		Agent: m["agent"], Workflow: m["workflow"], Tool: m["tool"], User: m["user"], Session: m["session"],
		Dialect: m["dialect"], Scope: m["scope"], ScopeVersion: m["scope_version"],
		Input: m["input"], Output: m["output"],
		Attributes: r.anyMap("attributes"), Resource: r.anyMap("resource"),
	}
	r.json("events", &s.Events)
	r.json("links", &s.Links)
	s.Attributes = r.merge(s.Attributes, apartAttributes)
	s.ContentRemoved = r.strs(fieldRemoved)
	return s, r.err
}

func decodeLog(m row) (*llm.Log, error) {
	r := newRowReader(m)
	l := &llm.Log{
		ID: m["id"], Time: r.time("_time"), Source: llm.Source(m["source"]), Tenant: m[fieldTenant],
		Service: m["service"], Environment: m["environment"],
		Level: m["level"], Message: m["_msg"], Event: m["event"],
		TraceID: m["trace_id"], SpanID: m["span_id"], Scope: m["scope"],
		Attributes: r.anyMap("attributes"), Resource: r.anyMap("resource"),
	}
	if m["no_message"] != "" {
		l.Message = ""
	}
	if text, ok := m["message"]; ok { // joined from content rows
		l.Message = text
	}
	for name, v := range m {
		if reservedInLog(name) {
			continue
		}
		if l.Attributes == nil {
			l.Attributes = map[string]any{}
		}
		l.Attributes[name] = r.value(name, v)
	}
	return l, r.err
}

// seconds turns stored seconds into a duration, to the nanosecond.
func seconds(v float64) time.Duration {
	return time.Duration(math.Round(v * float64(time.Second)))
}
