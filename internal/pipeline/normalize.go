package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// maxFuture is how far ahead of ours a sender's clock may be.
	maxFuture = 24 * time.Hour
	// maxName bounds names and dimensions, in bytes: what people group by.
	maxName = 1024
	// maxDepth bounds the nesting of attribute values.
	maxDepth = 32
)

// normalize brings a record into the form that all later steps rely on: a
// source, a time, an id, valid UTF-8, and numbers that can be encoded. It
// repairs rather than refuses, and notes on a Call what it had to repair.
func normalize(r llm.Record, now time.Time) {
	fixIDs(r)
	switch {
	case r.Call != nil:
		normalizeCall(r.Call, now)
	case r.Span != nil:
		normalizeSpan(r.Span, now)
	case r.Log != nil:
		normalizeLog(r.Log, now)
	case r.Feedback != nil:
		normalizeFeedback(r.Feedback, now)
	}
	setID(r)
}

func normalizeCall(c *llm.Call, now time.Time) {
	c.Source = source(c.Source)
	var note string
	if c.Time, note = clampTime(c.Time, now); note != "" {
		c.Note(note)
	}
	if c.Duration < 0 {
		c.Duration = 0
		c.Note("bad_duration")
	}
	if d, ok := c.TTFT.Get(); ok && d < 0 {
		c.TTFT = llm.Opt[time.Duration]{}
		c.Note("bad_duration")
	}
	if c.Status != llm.StatusOK && c.Status != llm.StatusError {
		c.Status = llm.StatusOK
		if c.ErrorType != "" || c.HTTPStatus >= 400 {
			c.Status = llm.StatusError
		}
	}
	normalizeUsage(c)
	if usd, ok := c.Cost.USD.Get(); ok && (math.IsNaN(usd) || math.IsInf(usd, 0) || usd < 0) {
		c.Cost = llm.Cost{}
		c.Note("bad_cost")
	}
	c.Provider = llm.CanonicalProvider(c.Provider)
	for _, s := range []*string{
		&c.ID, &c.Service, &c.Environment, &c.Upstream, &c.Provider, &c.SpanName, &c.Agent, &c.Workflow, &c.Dialect, &c.Scope, &c.ScopeVersion,
		&c.RequestModel, &c.ResponseModel, &c.ResponseID, &c.ServiceTier, &c.Region, &c.ErrorType,
		&c.User, &c.Session, &c.Feature, &c.PromptName, &c.PromptVersion,
	} {
		fixName(s)
	}
	fixText(&c.ErrorMessage)
	c.ErrorMessage = cut(c.ErrorMessage, llm.MaxErrorMessage)
	for _, list := range [][]string{c.FinishReasons, c.Notes, c.Truncated} {
		for i := range list {
			fixName(&list[i])
		}
	}
	c.Tags = fixTags(c.Tags)
	if math.IsNaN(c.Weight) || math.IsInf(c.Weight, 0) || c.Weight < 0 {
		c.Weight = 0
		c.Note("bad_weight")
	}
	fixMap(c.Params)
	fixMap(c.Attributes)
	fixMap(c.Resource)
	fixEvents(c.Events, c.Links, now)
	fixMessages(c.Input)
	fixMessages(c.Output)
	c.Tools = fixJSON(c.Tools)
}

func normalizeUsage(c *llm.Call) {
	u := &c.Usage
	bad := false
	for _, n := range []*llm.Opt[int64]{
		&u.InputTokens, &u.OutputTokens, &u.CacheReadTokens, &u.CacheWriteTokens, &u.ReasoningTokens,
		&u.CacheWrite5mTokens, &u.CacheWrite1hTokens, &u.InputAudioTokens, &u.InputImageTokens, &u.InputVideoTokens,
		&u.OutputAudioTokens, &u.OutputImageTokens, &u.CacheReadAudioTokens, &u.Images, &u.Characters, &u.Searches,
	} {
		if v, ok := n.Get(); ok && v < 0 {
			*n, bad = llm.Opt[int64]{}, true
		}
	}
	if s, ok := u.AudioSeconds.Get(); ok && !(s >= 0 && s < math.MaxInt64) { // also NaN
		u.AudioSeconds, bad = llm.Opt[float64]{}, true
	}
	if bad {
		c.Note("bad_usage")
	}
	if u.Source == "" {
		u.Source = llm.UsageUnknown
		if u.InputTokens.Known() || u.OutputTokens.Known() {
			u.Source = llm.UsageReported
		}
	}
}

func normalizeSpan(s *llm.Span, now time.Time) {
	s.Source = source(s.Source)
	s.Time, _ = clampTime(s.Time, now)
	s.Duration = max(s.Duration, 0)
	for _, p := range []*string{
		&s.ID, &s.Name, &s.OTelKind, &s.Service, &s.Environment,
		&s.ErrorType, &s.Agent, &s.Workflow, &s.Tool, &s.User, &s.Session, &s.Dialect, &s.Scope, &s.ScopeVersion,
	} {
		fixName(p)
	}
	fixText(&s.ErrorMessage)
	s.ErrorMessage = cut(s.ErrorMessage, llm.MaxErrorMessage)
	fixText(&s.Input)
	fixText(&s.Output)
	fixMap(s.Attributes)
	fixMap(s.Resource)
	fixEvents(s.Events, s.Links, now)
}

func fixEvents(events []llm.SpanEvent, links []llm.SpanLink, now time.Time) {
	for i := range events {
		events[i].Time, _ = clampTime(events[i].Time, now)
		fixName(&events[i].Name)
		fixMap(events[i].Attributes)
	}
	for i := range links {
		fixName(&links[i].TraceID)
		fixName(&links[i].SpanID)
		fixMap(links[i].Attributes)
	}
}

func normalizeLog(l *llm.Log, now time.Time) {
	l.Source = source(l.Source)
	l.Time, _ = clampTime(l.Time, now)
	for _, p := range []*string{&l.ID, &l.Service, &l.Environment, &l.Level, &l.Event, &l.Scope} {
		fixName(p)
	}
	fixID(&l.TraceID)
	fixID(&l.SpanID)
	fixText(&l.Message)
	fixMap(l.Attributes)
	fixMap(l.Resource)
}

func normalizeFeedback(f *llm.Feedback, now time.Time) {
	f.Time, _ = clampTime(f.Time, now)
	f.Received, _ = clampTime(f.Received, now)
	if s, ok := f.Score.Get(); ok && !(s >= 0 && s <= 1) { // also NaN
		f.Score = llm.Opt[float64]{}
	}
	for _, p := range []*string{
		&f.ID, &f.RowID, &f.Supersedes, &f.CallID, &f.ResponseID, &f.SessionID, &f.Name, &f.Label, &f.Evaluator, &f.User,
		&f.Service, &f.Provider, &f.Model, (*string)(&f.Operation), &f.Feature, &f.PromptName, &f.PromptVersion,
	} {
		fixName(p)
	}
	fixID(&f.TraceID)
	fixID(&f.SpanID)
	fixText(&f.Comment)
	f.Metadata = fixJSON(f.Metadata)
}

// source makes sure that a source can be a label value.
func source(s llm.Source) llm.Source {
	if s == "" || len(s) > 64 || !utf8.ValidString(string(s)) {
		return unknownSource
	}
	return s
}

// sourceOf returns the source of a record that may not be normalised yet.
func sourceOf(r llm.Record) string {
	switch {
	case r.Call != nil:
		return string(source(r.Call.Source))
	case r.Span != nil:
		return string(source(r.Span.Source))
	case r.Log != nil:
		return string(source(r.Log.Source))
	case r.Feedback != nil:
		return string(llm.SourceFeedback)
	}
	return unknownSource
}

// clampTime returns a time that makes sense, in UTC, and what was wrong with t.
func clampTime(t, now time.Time) (time.Time, string) {
	switch {
	case t.IsZero() || t.UnixNano() == 0:
		return now.UTC(), "no_time"
	case t.After(now.Add(maxFuture)):
		return now.UTC(), "clock_ahead"
	case t.Year() < 1971: // seconds or milliseconds taken for nanoseconds
		return now.UTC(), "bad_time"
	}
	return t.UTC(), ""
}

func fixText(s *string) {
	if !utf8.ValidString(*s) {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
}

func fixName(s *string) {
	if *s == "" {
		return
	}
	fixText(s)
	*s = cut(*s, maxName)
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func lowerHex(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'F' {
			return strings.ToLower(s)
		}
	}
	return s
}

func fixTags(m map[string]string) map[string]string {
	for k, v := range m {
		k2, v2 := k, v
		fixName(&k2)
		fixName(&v2)
		if k2 != k {
			delete(m, k)
		}
		if k2 != k || v2 != v {
			m[k2] = v2
		}
	}
	return m
}

// fixMap makes the values of m encodable, in place.
func fixMap(m map[string]any) {
	for k, v := range m {
		k2 := k
		fixName(&k2)
		if k2 != k {
			delete(m, k)
			m[k2] = fixValue(v, 0)
			continue
		}
		switch v := v.(type) {
		case bool, int, int64, nil:
		case string:
			if !utf8.ValidString(v) {
				m[k] = fixValue(v, 0)
			}
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				m[k] = fixValue(v, 0)
			}
		default:
			m[k] = fixValue(v, 0)
		}
	}
}

func fixValue(v any, depth int) any {
	if depth > maxDepth {
		return "..."
	}
	switch v := v.(type) {
	case string:
		fixText(&v)
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v) // JSON has no form for it
		}
		return v
	case float32:
		return fixValue(float64(v), depth)
	case map[string]any:
		for k, e := range v {
			k2 := k
			fixText(&k2)
			if k2 != k {
				delete(v, k)
			}
			v[k2] = fixValue(e, depth+1)
		}
		return v
	case []any:
		for i := range v {
			v[i] = fixValue(v[i], depth+1)
		}
		return v
	case []string:
		for i := range v {
			fixText(&v[i])
		}
		return v
	case []float64:
		for _, f := range v {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Sprint(v)
			}
		}
		return v
	case json.RawMessage:
		return fixJSON(v)
	default:
		return v
	}
}

func fixMessages(ms []llm.Message) {
	for i := range ms {
		m := &ms[i]
		fixName(&m.Role)
		fixName(&m.Name)
		fixName(&m.FinishReason)
		for j := range m.Parts {
			p := &m.Parts[j]
			fixText(&p.Content)
			fixText(&p.Arguments)
			fixName(&p.Type)
			fixName(&p.ID)
			fixName(&p.ToolName)
			fixName(&p.Modality)
			fixName(&p.MIMEType)
			fixText(&p.URI)
			fixName(&p.FileID)
			p.Response = fixJSON(p.Response)
		}
	}
}

// fixJSON returns b if it is JSON, else its text as a JSON string: one broken
// member must not cost the record.
func fixJSON(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	if json.Valid(b) && utf8.Valid(b) {
		return b
	}
	s, err := json.Marshal(strings.ToValidUTF8(string(b), "\uFFFD"))
	if err != nil {
		return nil
	}
	return s
}
