package pitot

import (
	"log/slog"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/global"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// programProviders are the providers that the program has: given by options,
// or installed as global ones. own says for which signals it has none.
func programProviders(s *settings) (p providers, own [signalCount]bool) {
	p = providers{traces: s.tracerProvider, metrics: s.meterProvider, logs: s.loggerProvider, propagator: s.propagator}
	if s.export.option.endpoint == "" {
		if g := otel.GetTracerProvider(); p.traces == nil && installed(g) {
			p.traces = g
		}
		if g := otel.GetMeterProvider(); p.metrics == nil && installed(g) {
			p.metrics = g
		}
		if g := global.GetLoggerProvider(); p.logs == nil && installed(g) {
			p.logs = g
		}
	}
	own[signalTraces], own[signalMetrics], own[signalLogs] = p.traces == nil, p.metrics == nil, p.logs == nil
	if p.propagator == nil {
		g := otel.GetTextMapPropagator()
		if _, ours := g.(*ownPropagator); !ours && len(g.Fields()) > 0 {
			p.propagator = g
		} else {
			p.propagator = newPropagator(s.export.propagators, ownLogger(s.logger))
		}
	}
	return p, own
}

// fill adds the pipeline's providers to those of the program.
func (x *pipeline) fill(p *providers) {
	if x.traceProvider != nil {
		p.traces = x.traceProvider
	}
	if x.meterProvider != nil {
		p.metrics, p.reader, p.gaps = x.meterProvider, x.reader, x.gaps
	}
	if x.logProvider != nil {
		p.logs = x.logProvider
	}
}

// installed reports whether a global provider is one that a program installed,
// and neither OpenTelemetry's placeholder nor a no-op.
func installed(provider any) bool {
	t := reflect.TypeOf(provider)
	if t == nil {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	path := t.PkgPath()
	return !strings.HasPrefix(path, "go.opentelemetry.io/otel") || (!strings.HasSuffix(path, "/noop") && !strings.HasSuffix(path, "/internal/global"))
}

// ownPropagator marks a propagator of ours among global ones.
type ownPropagator struct{ propagation.TextMapPropagator }

// newPropagator is what OTEL_PROPAGATORS names; W3C trace context and baggage
// where it names nothing.
func newPropagator(names []string, log *slog.Logger) propagation.TextMapPropagator {
	if len(names) == 0 {
		names = []string{"tracecontext", "baggage"}
	}
	var list []propagation.TextMapPropagator
	for _, name := range names {
		switch name {
		case "tracecontext":
			list = append(list, propagation.TraceContext{})
		case "baggage":
			list = append(list, propagation.Baggage{})
		case "none":
		default:
			log.Warn("OTEL_PROPAGATORS names a propagator that is not supported, and is passed over: give one to WithPropagator",
				"propagator", name, "supported", "tracecontext, baggage, none")
		}
	}
	return &ownPropagator{propagation.NewCompositeTextMapPropagator(list...)}
}

// globals are what installGlobals installed; nil is not installed.
type globals struct {
	traces     *sdktrace.TracerProvider
	metrics    *sdkmetric.MeterProvider
	logs       *sdklog.LoggerProvider
	propagator *ownPropagator
}

// installGlobals makes Setup's own providers and propagator OpenTelemetry's
// global ones, where the program has installed none.
func installGlobals(s *settings, p propagation.TextMapPropagator, x *pipeline) *globals {
	g := &globals{}
	if s.withoutGlobals {
		return g
	}
	if x.traceProvider != nil && !installed(otel.GetTracerProvider()) {
		g.traces = x.traceProvider
		otel.SetTracerProvider(g.traces)
	}
	if x.meterProvider != nil && !installed(otel.GetMeterProvider()) {
		g.metrics = x.meterProvider
		otel.SetMeterProvider(g.metrics)
	}
	if x.logProvider != nil && !installed(global.GetLoggerProvider()) {
		g.logs = x.logProvider
		global.SetLoggerProvider(g.logs)
	}
	if own, ok := p.(*ownPropagator); ok {
		g.propagator = own
		otel.SetTextMapPropagator(own)
	}
	return g
}

// remove puts no-ops in the place of what is still installed, so that a later
// Setup does not take its predecessor's providers for the program's.
func (g *globals) remove() {
	if g.traces != nil && otel.GetTracerProvider() == trace.TracerProvider(g.traces) {
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
	}
	if g.metrics != nil && otel.GetMeterProvider() == metric.MeterProvider(g.metrics) {
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
	}
	if g.logs != nil && global.GetLoggerProvider() == otellog.LoggerProvider(g.logs) {
		global.SetLoggerProvider(lognoop.NewLoggerProvider())
	}
	if own, ok := otel.GetTextMapPropagator().(*ownPropagator); ok && own == g.propagator {
		otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
	}
}
