package pitot

import (
	"context"
	"log/slog"
	"sync/atomic"

	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"
)

// scope is the instrumentation scope of everything that the SDK emits. Pitot's
// receiver knows its own SDK by it.
const scope = "github.com/pitot-dev/pitot"

// active is what Setup built, nil while the SDK is off. It is the one piece of
// global state of the package: a program has one SDK as it has one logger.
var active atomic.Pointer[core]

// current returns the running SDK, nil while it is off.
func current() *core { return active.Load() }

// core is the SDK while it is on. It is immutable but for what its parts
// guard themselves.
type core struct {
	cfg        *settings
	tracer     trace.Tracer
	meter      metric.Meter
	logger     otellog.Logger // logs and evaluation events for the backend
	warn       *slog.Logger   // the SDK's own warnings, rate-limited by the caller
	propagator propagation.TextMapPropagator

	// reader collects the metrics of Setup's own MeterProvider, cumulative, for
	// MetricsHandler; nil where the program brought its own MeterProvider.
	reader sdkmetric.Reader
	// gaps is the producer that the readers of Setup's own MeterProvider were
	// given; nil where the program brought its own.
	gaps *gapHistograms

	content *contentPolicy // content.go
	calls   *callTracker   // call.go
	meters  *instruments   // metrics.go
	window  *window        // summary.go

	stop []func(context.Context) error // in order
}
