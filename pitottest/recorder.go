package pitottest

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
)

// Recorder holds what the SDK emitted during a test. Its methods are safe for
// concurrent use.
type Recorder struct {
	t     testing.TB
	spans *tracetest.SpanRecorder
	logs  logRecorder
	norm  *semconv.Normalizer

	mu     sync.Mutex
	passed int // spans before the last Reset
}

// Start turns the SDK on until the test ends and records what it emits. Content
// is kept in full, every trace is recorded, nothing leaves the process; options
// come after that and may change it. Start fails the test where an option is
// wrong or the SDK is on already, and, like testing.T.Setenv, where the test is
// parallel.
func Start(t testing.TB, opts ...pitot.Option) *Recorder {
	t.Helper()
	for name, value := range map[string]string{
		// What the developer has set for real runs is not for tests.
		"OTEL_SDK_DISABLED": "false", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "none",
		"TELEMETRY_SAMPLE_RATE": "", "OTEL_TRACES_SAMPLER": "", "PROMETHEUS_PORT": "", "OTEL_SEMCONV_STABILITY_OPT_IN": "",
		"MONITORING_TRACE_CONTENT_MODE": "", "MONITORING_TRACE_MAX_CHARS": "", "MONITORING_TRACE_MAX_ITEMS": "",
	} {
		t.Setenv(name, value) // which also puts back what was there
		if value == "" {
			if err := os.Unsetenv(name); err != nil {
				t.Fatalf("pitottest: %v", err)
			}
		}
	}
	r := &Recorder{t: t, spans: tracetest.NewSpanRecorder(), norm: semconv.New(semconv.Options{})}
	res := resource.NewSchemaless(attribute.String("service.name", "test"))
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans), sdktrace.WithResource(res))
	logs := sdklog.NewLoggerProvider(sdklog.WithProcessor(&r.logs), sdklog.WithResource(res))
	own := []pitot.Option{
		pitot.WithEnabled(true), pitot.WithService("test", ""), pitot.WithTracerProvider(traces), pitot.WithLoggerProvider(logs),
		pitot.WithContent(pitot.ContentFull, 0, 0), pitot.WithoutGlobals(), pitot.WithLogger(slog.New(slog.DiscardHandler)),
	}
	shutdown, err := pitot.Setup(t.Context(), append(own, opts...)...)
	if err != nil {
		t.Fatalf("pitottest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			t.Errorf("pitottest: %v", err)
		}
		_ = traces.Shutdown(ctx)
		_ = logs.Shutdown(ctx)
	})
	return r
}

// Reset forgets what was recorded so far.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed = len(r.spans.Ended())
	r.logs.reset()
}

// ended are the spans that ended since the last Reset, in the order of their
// starts.
func (r *Recorder) ended() []sdktrace.ReadOnlySpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	spans := slices.Clone(r.spans.Ended()[r.passed:])
	slices.SortStableFunc(spans, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	return spans
}

// records are the ended spans as Pitot's receiver understands them.
func (r *Recorder) records() []llm.Record {
	spans := r.ended()
	res := r.norm.Traces(traces(spans))
	if res.Rejected > 0 {
		r.t.Errorf("pitottest: Pitot's receiver rejects %d spans: %s", res.Rejected, strings.Join(res.Reasons, "; "))
	}
	recs := res.Records
	slices.SortStableFunc(recs, func(a, b llm.Record) int { return startOf(a).Compare(startOf(b)) })
	return recs
}

func startOf(r llm.Record) time.Time {
	if r.Call != nil {
		return r.Call.Time
	}
	return r.Span.Time
}

// Calls are the model calls that ended, in the order of their starts.
func (r *Recorder) Calls() []Call {
	var out []Call
	for _, rec := range r.records() {
		if rec.Call != nil {
			out = append(out, callOf(rec.Call))
		}
	}
	return out
}

// Call is the i-th of Calls. The test fails where there are not so many.
func (r *Recorder) Call(i int) Call {
	r.t.Helper()
	calls := r.Calls()
	if i < 0 || i >= len(calls) {
		r.t.Fatalf("pitottest: there is no call %d: %d calls ended:\n%s", i, len(calls), r.Tree())
	}
	return calls[i]
}

// WaitCalls waits until n calls have ended and returns all that have. A stream's
// call ends when its body was read to the end or closed. The test fails after
// 10 seconds.
func (r *Recorder) WaitCalls(n int) []Call {
	r.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if calls := r.Calls(); len(calls) >= n {
			return calls
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("pitottest: %d of %d calls ended within 10 s:\n%s", len(r.Calls()), n, r.Tree())
		}
	}
}

// Spans are the spans other than model calls that ended (workflows, agents,
// tasks, tools, retrievals, handlers), in the order of their starts.
func (r *Recorder) Spans() []Span {
	var out []Span
	for _, rec := range r.records() {
		if rec.Span != nil {
			out = append(out, spanOf(rec.Span))
		}
	}
	return out
}

// Span is the first of Spans with that name: of the tool, agent or workflow, or
// the whole name of the span. The test fails where there is none.
func (r *Recorder) Span(name string) Span {
	r.t.Helper()
	for _, s := range r.Spans() {
		if s.Name == name || s.label() == name {
			return s
		}
	}
	r.t.Fatalf("pitottest: no span %q ended:\n%s", name, r.Tree())
	return Span{}
}

// Log is a log record or an event that the SDK sent.
type Log struct {
	Time       time.Time
	Level      string // the severity's text
	Event      string // event name, such as gen_ai.evaluation.result
	Message    string
	TraceID    string
	SpanID     string
	Attributes map[string]any
}

// Logs are the log records and events that were sent, in their order.
func (r *Recorder) Logs() []Log { return r.logs.all() }

// Metrics are the metrics of the SDK in Prometheus' text format, as a scrape
// would have them.
func (r *Recorder) Metrics() string {
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, "/metrics", http.NoBody)
	pitot.MetricsHandler().ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		r.t.Errorf("pitottest: metrics: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// logRecorder keeps log records.
type logRecorder struct {
	mu   sync.Mutex
	logs []Log
}

// Enabled implements sdklog.Processor.
func (*logRecorder) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit implements sdklog.Processor.
func (l *logRecorder) OnEmit(_ context.Context, rec *sdklog.Record) error {
	out := Log{
		Time: rec.Timestamp(), Level: cmp.Or(rec.SeverityText(), rec.Severity().String()), Event: rec.EventName(),
		Attributes: map[string]any{},
	}
	if rec.Body().Type() == attribute.STRING {
		out.Message = rec.Body().AsString()
	}
	if rec.TraceID().IsValid() {
		out.TraceID, out.SpanID = rec.TraceID().String(), rec.SpanID().String()
	}
	rec.WalkAttributes(func(kv attribute.KeyValue) bool {
		out.Attributes[string(kv.Key)] = kv.Value.AsInterface()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs = append(l.logs, out)
	return nil
}

// Shutdown implements sdklog.Processor.
func (*logRecorder) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdklog.Processor.
func (*logRecorder) ForceFlush(context.Context) error { return nil }

func (l *logRecorder) all() []Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.logs)
}

func (l *logRecorder) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs = nil
}
