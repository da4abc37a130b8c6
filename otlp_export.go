package pitot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// pipeline is what Setup built for the export: the providers that the program
// did not bring itself, with queues and clients behind them.
type pipeline struct {
	log     *slog.Logger
	links   map[string]*backendLink
	shapes  *otlpShapes   // made where something is written as JSON
	closing chan struct{} // closed when the program begins to end

	transports []*http.Transport
	spans      *batcher[endedSpan]
	filter     *spanFilter
	logs       *batcher[sdklog.Record]

	// nil where the program brought its own.
	traceProvider *sdktrace.TracerProvider
	meterProvider *sdkmetric.MeterProvider
	logProvider   *sdklog.LoggerProvider
	reader        sdkmetric.Reader
	gaps          *gapHistograms // nil where readers differ in what they want
}

// newPipeline builds providers for the signals that own names.
func newPipeline(s *settings, log *slog.Logger, own [signalCount]bool) *pipeline {
	p := &pipeline{log: log, links: map[string]*backendLink{}, closing: make(chan struct{})}
	res := newResource(s)
	if own[signalTraces] {
		p.buildTraces(s, res)
	}
	if own[signalMetrics] {
		p.buildMetrics(s, res)
	}
	if own[signalLogs] {
		p.buildLogs(s, res)
	}
	return p
}

// client is the way out of a signal; nil where it has none.
func (p *pipeline) client(s *settings, sig otlpSignal) *otlpClient {
	cfg := s.export.signals[sig]
	if !cfg.otlp && !cfg.console {
		return nil
	}
	if p.shapes == nil && (cfg.console || cfg.protocol == HTTPJSON) {
		p.shapes = newOTLPShapes()
	}
	c := &otlpClient{signal: sig, cfg: cfg, shapes: p.shapes, closing: p.closing}
	if cfg.console {
		c.console = os.Stdout
	}
	if !cfg.otlp {
		c.link = newBackendLink("console", p.log)
		return c
	}
	transport := cfg.transport()
	p.transports = append(p.transports, transport)
	c.http = &http.Client{Transport: transport, CheckRedirect: noRedirect}
	where := shownURL(cfg.url)
	if p.links[where] == nil {
		p.links[where] = newBackendLink(where, p.log)
	}
	c.link = p.links[where]
	return c
}

func (p *pipeline) buildTraces(s *settings, res *resource.Resource) {
	opts := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithSampler(newShareSampler(s.sampleRate, s.export.parents)),
	}
	if c := p.client(s, signalTraces); c != nil {
		p.spans = startBatcher(&batcher[endedSpan]{
			cfg: s.export.spans, size: spanSize,
			export: func(ctx context.Context, spans []endedSpan) error {
				return c.send(ctx, func(b []byte) []byte { return pbTraces(b, spans) })
			},
			full:   func(n uint64) { c.link.full(signalTraces, n, "OTEL_BSP_MAX_QUEUE_SIZE") },
			failed: func(err error) { c.link.refused(signalTraces, err) },
		})
		p.filter = &spanFilter{out: p.spans}
		opts = append(opts, sdktrace.WithSpanProcessor(p.filter))
	}
	p.traceProvider = sdktrace.NewTracerProvider(opts...)
}

func (p *pipeline) buildMetrics(s *settings, res *resource.Resource) {
	m := &s.export.metrics
	opts := []sdkmetric.Option{sdkmetric.WithResource(res)}
	c := p.client(s, signalMetrics)
	if !m.ownReader {
		p.gaps = newGapHistograms(s.newNames)
	}
	if c != nil {
		readerOpts := []sdkmetric.PeriodicReaderOption{sdkmetric.WithInterval(m.interval), sdkmetric.WithTimeout(m.timeout)}
		if p.gaps != nil {
			readerOpts = append(readerOpts, sdkmetric.WithProducer(p.gaps))
		}
		periodic := sdkmetric.NewPeriodicReader(&metricExporter{client: c, cfg: m}, readerOpts...)
		opts = append(opts, sdkmetric.WithReader(periodic))
		if !m.ownReader {
			p.reader = periodic // one aggregation for both ways out
		}
	}
	if p.reader == nil {
		var readerOpts []sdkmetric.ManualReaderOption
		if p.gaps != nil {
			readerOpts = append(readerOpts, sdkmetric.WithProducer(p.gaps))
		}
		p.reader = sdkmetric.NewManualReader(readerOpts...)
		opts = append(opts, sdkmetric.WithReader(p.reader))
	}
	p.meterProvider = sdkmetric.NewMeterProvider(opts...)
}

func (p *pipeline) buildLogs(s *settings, res *resource.Resource) {
	opts := []sdklog.LoggerProviderOption{sdklog.WithResource(res)}
	if c := p.client(s, signalLogs); c != nil {
		p.logs = startBatcher(&batcher[sdklog.Record]{
			cfg: s.export.logs, size: logSize,
			export: func(ctx context.Context, records []sdklog.Record) error {
				return c.send(ctx, func(b []byte) []byte { return pbLogs(b, records) })
			},
			full:   func(n uint64) { c.link.full(signalLogs, n, "OTEL_BLRP_MAX_QUEUE_SIZE") },
			failed: func(err error) { c.link.refused(signalLogs, err) },
		})
		opts = append(opts, sdklog.WithProcessor(&logQueue{p.logs}))
	}
	p.logProvider = sdklog.NewLoggerProvider(opts...)
}

// close exports what waits, within ctx, and says what could not be.
func (p *pipeline) close(ctx context.Context) error {
	close(p.closing)
	var wg sync.WaitGroup
	var errs [signalCount]error
	wg.Go(func() {
		// Spans first: Pitot makes its numbers of them, and takes a program's metrics
		// for all there is of a service whose spans it has not seen.
		if p.traceProvider != nil {
			errs[signalTraces] = p.traceProvider.Shutdown(ctx)
		}
		if p.meterProvider != nil {
			errs[signalMetrics] = p.meterProvider.Shutdown(ctx)
		}
	})
	if p.logProvider != nil {
		wg.Go(func() { errs[signalLogs] = p.logProvider.Shutdown(ctx) })
	}
	wg.Wait()
	// Providers do not ask their processors where ctx has ended already.
	if p.spans != nil {
		_ = p.spans.close(ctx)
	}
	if p.logs != nil {
		_ = p.logs.close(ctx)
	}
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
	p.tell()
	if err := errors.Join(errs[:]...); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// tell says what was lost.
func (p *pipeline) tell() {
	var args []any
	add := func(name string, n uint64) {
		if n > 0 {
			args = append(args, name, n)
		}
	}
	if p.spans != nil {
		add("spans_dropped", p.spans.dropped.Load())
		add("spans_undelivered", p.spans.lost.Load())
		add("ancestors_forgotten", p.filter.kept.forgotten.Load())
	}
	if p.logs != nil {
		add("log_records_dropped", p.logs.dropped.Load())
		add("log_records_undelivered", p.logs.lost.Load())
	}
	if len(args) > 0 {
		p.log.Warn("telemetry was lost", args...)
	}
}

// OnStart does nothing.
func (*spanFilter) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// ForceFlush exports the spans that ended.
func (f *spanFilter) ForceFlush(ctx context.Context) error { return f.out.flush(ctx) }

// Shutdown exports the spans that ended and takes no more.
func (f *spanFilter) Shutdown(ctx context.Context) error { return f.out.close(ctx) }

// logQueue is a log processor that hands records to a batcher.
type logQueue struct{ out *batcher[sdklog.Record] }

// Enabled takes everything.
func (*logQueue) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit queues a copy of the record.
func (q *logQueue) OnEmit(_ context.Context, r *sdklog.Record) error {
	q.out.put(r.Clone())
	return nil
}

// ForceFlush exports the records that were emitted.
func (q *logQueue) ForceFlush(ctx context.Context) error { return q.out.flush(ctx) }

// Shutdown exports the records that were emitted and takes no more.
func (q *logQueue) Shutdown(ctx context.Context) error { return q.out.close(ctx) }

// metricExporter sends what a PeriodicReader collected.
type metricExporter struct {
	client *otlpClient
	cfg    *metricExport
}

// Temporality is what the settings say.
func (e *metricExporter) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return e.cfg.temporality(k)
}

// Aggregation is what the settings say.
func (e *metricExporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return e.cfg.aggregation(k)
}

// Export sends metrics. It reports no error: the client has warned, and
// OpenTelemetry's handler would once more, every time.
func (e *metricExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	defer func() {
		if p := recover(); p != nil {
			e.client.link.refused(signalMetrics, fmt.Errorf("internal error: %v", p))
		}
	}()
	_ = e.client.send(ctx, func(b []byte) []byte {
		out, n := pbMetrics(b, rm)
		if n == 0 {
			return b[:0]
		}
		return out
	})
	return nil
}

// ForceFlush does nothing: nothing is held.
func (*metricExporter) ForceFlush(context.Context) error { return nil }

// Shutdown does nothing: the pipeline closes the connections.
func (*metricExporter) Shutdown(context.Context) error { return nil }

// spanSize is about how many bytes a span takes.
func spanSize(s *endedSpan) int {
	n := 256
	for _, kv := range s.Attributes() {
		n += len(kv.Key) + valueSize(&kv.Value)
	}
	for _, e := range s.Events() {
		n += 32 + len(e.Name)
		for _, kv := range e.Attributes {
			n += len(kv.Key) + valueSize(&kv.Value)
		}
	}
	return n
}

func logSize(r *sdklog.Record) int {
	body := r.Body()
	n := 128 + valueSize(&body)
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		n += len(kv.Key) + valueSize(&kv.Value)
		return true
	})
	return n
}

func valueSize(v *attribute.Value) int {
	switch v.Type() {
	case attribute.STRING:
		return 8 + len(v.AsString())
	case attribute.BOOL, attribute.INT64, attribute.FLOAT64, attribute.EMPTY:
		return 8
	case attribute.STRINGSLICE:
		n := 8
		for _, s := range v.AsStringSlice() {
			n += 8 + len(s)
		}
		return n
	case attribute.BYTESLICE:
		return 8 + len(v.AsByteSlice())
	case attribute.SLICE:
		n := 8
		for _, x := range v.AsSlice() {
			n += valueSize(&x)
		}
		return n
	case attribute.MAP:
		n := 8
		for _, kv := range v.AsMap() {
			n += len(kv.Key) + valueSize(&kv.Value)
		}
		return n
	default: // slices of numbers
		return 64
	}
}
