package pitot

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The events of the log lines about calls.
const (
	eventStart   = "llm_request_start"
	eventSuccess = "llm_request_success"
	eventError   = "llm_request_error"
	eventLimit   = "rate_limit"
	eventTrace   = "trace_complete"
)

// CallLogHandler writes log records as JSON lines with the keys that log
// pipelines of language models know: timestamp, level, and the attributes, for
// WithCallLogs. level is the least that is written, nil for DEBUG.
func CallLogHandler(w io.Writer, level slog.Leveler) slog.Handler {
	if level == nil {
		level = slog.LevelDebug
	}
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) > 0 {
			return a
		}
		switch a.Key {
		case slog.TimeKey:
			a.Key = "timestamp"
		case slog.MessageKey:
			a.Key = "message"
		case slog.LevelKey:
			if a.Value.String() == slog.LevelWarn.String() {
				a.Value = slog.StringValue("WARNING")
			}
		}
		return a
	}})
}

// logStart writes the line of a call that begins.
func (r *core) logStart(ctx context.Context, c *llm.Call) {
	if l := r.cfg.numbers.callLogs; l != nil && l.Enabled(ctx, slog.LevelDebug) {
		l.LogAttrs(ctx, slog.LevelDebug, eventStart, callLogAttrs(r.content, c, eventStart)...)
	}
}

// logEnd writes the line of a call that ended.
func (r *core) logEnd(ctx context.Context, c *llm.Call) {
	l := r.cfg.numbers.callLogs
	if l == nil {
		return
	}
	switch {
	case c.Status != llm.StatusError:
		if l.Enabled(ctx, slog.LevelInfo) {
			l.LogAttrs(ctx, slog.LevelInfo, eventSuccess, callLogAttrs(r.content, c, eventSuccess)...)
		}
	case rateLimited(c):
		l.LogAttrs(ctx, slog.LevelWarn, eventLimit, callLogAttrs(r.content, c, eventLimit)...)
	default:
		l.LogAttrs(ctx, slog.LevelError, eventError, callLogAttrs(r.content, c, eventError)...)
	}
}

func rateLimited(c *llm.Call) bool {
	return c.HTTPStatus == http.StatusTooManyRequests || strings.Contains(c.ErrorType, "rate_limit") || c.ErrorType == "RESOURCE_EXHAUSTED" || c.ErrorType == "ThrottlingException"
}

// callLogAttrs are the attributes of a call's line; what is unknown is left out.
func callLogAttrs(p *contentPolicy, c *llm.Call, event string) []slog.Attr {
	id := c.ResponseID // what the provider knows it by, and what makes it the same call in other logs
	if id == "" {
		id = c.ID
	}
	a := make([]slog.Attr, 0, 16)
	text := func(key, v string) {
		if v != "" {
			a = append(a, slog.String(key, v))
		}
	}
	text("event", event)
	text("request_id", id)
	text("provider", c.Provider)
	text("model", c.Model())
	text("operation", string(c.Operation))
	text("trace_id", c.TraceID)
	text("span_id", c.SpanID)
	if event == eventStart {
		return a
	}
	if c.Duration > 0 {
		a = append(a, slog.Float64("latency", c.Duration.Seconds()))
	}
	if v, ok := c.TTFT.Get(); ok {
		a = append(a, slog.Float64("ttft", v.Seconds()))
	}
	if v, ok := c.Usage.InputTokens.Get(); ok {
		a = append(a, slog.Int64("input_tokens", v))
	}
	if v, ok := c.Usage.OutputTokens.Get(); ok {
		a = append(a, slog.Int64("output_tokens", v))
	}
	if c.Status == llm.StatusError {
		t := c.ErrorType
		if t == "" {
			t = unknownErrorType
		}
		text("error_type", t)
		if p.keeps() { // a provider's message quotes what was sent
			text("error_message", p.text(c.ErrorMessage, defaultLogChars))
		}
	}
	return a
}

// traceEnded is told of every span that ends and writes the line of a trace whose
// first span in this program it was.
func traceEnded(s sdktrace.ReadOnlySpan) {
	if parent := s.Parent(); parent.IsValid() && !parent.IsRemote() {
		return
	}
	if r := current(); r != nil {
		r.traceComplete(s)
	}
}

// traceComplete writes the line.
func (r *core) traceComplete(s sdktrace.ReadOnlySpan) {
	l := r.cfg.numbers.callLogs
	ctx := context.Background()
	if l == nil || !l.Enabled(ctx, slog.LevelInfo) {
		return
	}
	status := "ok"
	if s.Status().Code == codes.Error {
		status = "error"
	}
	attrs := []slog.Attr{
		slog.String("event", eventTrace), slog.String("trace_id", s.SpanContext().TraceID().String()), slog.String("span_id", s.SpanContext().SpanID().String()),
		slog.String("name", s.Name()), slog.String("status", status), slog.Float64("latency", s.EndTime().Sub(s.StartTime()).Seconds()),
	}
	if i := slices.IndexFunc(s.Attributes(), func(kv attribute.KeyValue) bool { return kv.Key == "error.type" }); i >= 0 {
		attrs = append(attrs, slog.String("error_type", s.Attributes()[i].Value.AsString()))
	}
	l.LogAttrs(ctx, slog.LevelInfo, eventTrace, attrs...)
}

// The rate of lines about slow calls: a burst, then one now and again. Where
// everything is slow the first lines say so.
const (
	slowLogBurst = 10
	slowLogEvery = 10 * time.Second
)

// slowLog writes the lines about slow calls.
type slowLog struct {
	r *core

	mu      sync.Mutex
	tokens  int
	refill  time.Time
	skipped int
}

func newSlowLog(r *core) *slowLog {
	return &slowLog{r: r, tokens: slowLogBurst, refill: time.Now()}
}

// admit says whether a line may be written, and how many were not since the last.
func (s *slowLog) admit(now time.Time) (skipped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := int(now.Sub(s.refill) / slowLogEvery); n > 0 {
		s.tokens = min(s.tokens+n, slowLogBurst)
		s.refill = s.refill.Add(time.Duration(n) * slowLogEvery)
	}
	if s.tokens == 0 {
		s.skipped++
		return 0, false
	}
	s.tokens--
	skipped, s.skipped = s.skipped, 0
	return skipped, true
}

func (s *slowLog) log(ctx context.Context, c *llm.Call, why slow) {
	skipped, ok := s.admit(time.Now())
	if !ok {
		return
	}
	a := callLogAttrs(s.r.content, c, "slow_call")
	if why&slowRequest != 0 {
		a = append(a, slog.Float64("threshold_seconds", s.r.cfg.slowRequest.Seconds()))
	}
	if why&slowTokenRate != 0 {
		a = append(a, slog.Float64("tokens_per_second", c.TokensPerSecond().Or(0)), slog.Float64("threshold_tokens_per_second", s.r.cfg.slowTokenRate))
	}
	if skipped > 0 {
		a = append(a, slog.Int("lines_skipped", skipped))
	}
	s.r.warn.LogAttrs(ctx, slog.LevelWarn, "slow call of a model", a...)
}
