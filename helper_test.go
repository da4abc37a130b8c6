package pitot

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// recorded is what a core under test emitted.
type recorded struct {
	spans    *tracetest.SpanRecorder
	reader   *sdkmetric.ManualReader
	logs     logRecorder
	warnings syncBuffer
}

// testCore is an active core that records in memory. Tests that use it cannot
// run in parallel: what is active is global.
func testCore(t testing.TB, opts ...Option) (*core, *recorded) {
	t.Helper()
	rec := &recorded{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	s := defaultSettings()
	s.service = "test"
	s.logger = slog.New(slog.NewTextHandler(&rec.warnings, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := s.apply(opts); err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec.spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(rec.reader))
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(&rec.logs))
	r, err := newCore(s, providers{
		traces: tp, metrics: mp, logs: lp, reader: rec.reader,
		propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	before := active.Swap(r)
	t.Cleanup(func() {
		active.Store(before)
		ctx := context.WithoutCancel(t.Context())
		for _, stop := range r.stop {
			if err := stop(ctx); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
		_ = tp.Shutdown(ctx)
		_ = mp.Shutdown(ctx)
		_ = lp.Shutdown(ctx)
	})
	return r, rec
}

// Spans are the spans that ended, in the order of their ends.
func (r *recorded) Spans() tracetest.SpanStubs {
	return tracetest.SpanStubsFromReadOnlySpans(r.spans.Ended())
}

// Span is the first ended span of that name.
func (r *recorded) Span(t testing.TB, name string) tracetest.SpanStub {
	t.Helper()
	var names []string
	for _, s := range r.Spans() {
		if s.Name == name {
			return s
		}
		names = append(names, s.Name)
	}
	t.Fatalf("no span %q ended, only %q", name, names)
	return tracetest.SpanStub{}
}

// Metrics are the metrics of the SDK by name.
func (r *recorded) Metrics(t testing.TB) map[string]metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	out := map[string]metricdata.Metrics{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			out[m.Name] = m
		}
	}
	return out
}

// Logs are the log records and events that were emitted.
func (r *recorded) Logs() []sdklog.Record { return r.logs.all() }

// Warnings is what the SDK wrote to its logger, as text.
func (r *recorded) Warnings() string { return r.warnings.String() }

// logRecorder is a log processor that keeps records.
type logRecorder struct {
	mu      sync.Mutex
	records []sdklog.Record
}

func (l *logRecorder) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

func (l *logRecorder) OnEmit(_ context.Context, r *sdklog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r.Clone())
	return nil
}

func (l *logRecorder) Shutdown(context.Context) error   { return nil }
func (l *logRecorder) ForceFlush(context.Context) error { return nil }

func (l *logRecorder) all() []sdklog.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sdklog.Record(nil), l.records...)
}

// syncBuffer is a buffer that goroutines may share.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
