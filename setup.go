package pitot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	otellog "go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// ErrActive is what a second Setup returns while the first is active.
var ErrActive = errors.New("pitot: Setup was called before and is active: call its shutdown first")

// flushLimit bounds a shutdown whose context has no deadline.
const flushLimit = 5 * time.Second

// Setup turns the SDK on, if the environment (ENABLE_TELEMETRY or PITOT_ENABLED)
// or WithEnabled says so; otherwise everything stays a no-op, and shutdown does
// nothing. It is called once, early in main; what was created before it, such as
// a Transport, a Handler or a LogHandler, comes alive with it.
//
//	shutdown, err := pitot.Setup(ctx)
//	if err != nil {
//		log.Print(err) // the program runs, without telemetry
//	}
//	defer shutdown(context.Background())
//
// Telemetry goes by OTLP to where OTEL_EXPORTER_OTLP_ENDPOINT and its relatives
// say, to Pitot on this host by default. A backend that cannot be reached costs
// the program one warning and nothing else.
//
// Where the program has its own OpenTelemetry, Setup uses it: the providers that
// options give, else the ones that are installed as global ones by then, which
// are taken to export to where the program wants. Only WithEndpoint makes Setup
// export by itself all the same. Nothing is exported twice, and a global
// provider of the program is never replaced.
//
// An error says which setting is wrong, what it is and what is allowed; the SDK
// stays off then. A second Setup returns ErrActive and leaves the first as it is.
//
// The returned shutdown turns the SDK off and exports what waits, within the
// deadline of its context, or 5 seconds where it has none. It is never nil, may
// be called more than once, and says in its error if the time was not enough.
// Setup may be called again after it.
func Setup(ctx context.Context, opts ...Option) (shutdown func(context.Context) error, err error) {
	off := func(context.Context) error { return nil }
	if ctx == nil {
		ctx = context.Background()
	}
	s, on, err := loadSettings(os.LookupEnv, opts)
	if err != nil {
		return off, fmt.Errorf("pitot: telemetry stays off: %w", err)
	}
	if !on {
		return off, nil
	}
	if current() != nil {
		return off, ErrActive
	}
	r, end, err := start(ctx, s)
	if err != nil {
		return off, fmt.Errorf("pitot: telemetry stays off: %w", err)
	}
	if !active.CompareAndSwap(nil, r) {
		_ = end(ctx) // another Setup was quicker: nothing is in the queues
		return off, ErrActive
	}
	return end, nil
}

// loadSettings reads options and environment; on says whether the SDK is on at all.
// While it is off nothing is checked but that.
func loadSettings(lookup func(string) (string, bool), opts []Option) (s *settings, on bool, err error) {
	first := defaultSettings()
	optErr := first.apply(opts)
	e := &environment{lookup: lookup, s: first}
	if e.disabled() {
		return nil, false, nil
	}
	if first.enabled != nil {
		on = *first.enabled
	} else {
		on = e.enabled()
	}
	if err := e.err(); err != nil || !on {
		return nil, false, err
	}
	if optErr != nil {
		return nil, false, optErr
	}
	s = defaultSettings()
	s.logger = first.logger
	e.s = s
	e.read()
	if err := s.apply(opts); err != nil { // once more: they win over the environment
		return nil, false, err
	}
	e.export()
	return s, true, e.err()
}

// apply applies options in order.
func (s *settings) apply(opts []Option) error {
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o(s); err != nil {
			return err
		}
	}
	return nil
}

// start builds a core that runs, and what ends it.
func start(ctx context.Context, s *settings) (*core, func(context.Context) error, error) {
	log := ownLogger(s.logger)
	p, own := programProviders(s)
	x := newPipeline(s, log, own)
	x.fill(&p)
	fail := func(err error) (*core, func(context.Context) error, error) {
		_ = x.close(ctx)
		return nil, nil, err
	}
	r, err := newCore(s, p)
	if err != nil {
		return fail(err)
	}
	var server *http.Server
	if s.prometheusAddr != "" {
		if server, err = serveMetricsAt(ctx, s.prometheusAddr, log); err != nil {
			_ = r.stopAll(ctx)
			return fail(err)
		}
	}
	run := &running{core: r, pipeline: x, globals: installGlobals(s, p.propagator, x), server: server}
	return r, run.end, nil
}

// running is what shutdown ends.
type running struct {
	core     *core
	pipeline *pipeline
	globals  *globals
	server   *http.Server // may be nil

	once sync.Once
	err  error
}

// end is the shutdown that Setup returns.
func (r *running) end(ctx context.Context) error {
	r.once.Do(func() {
		if ctx == nil {
			ctx = context.Background()
		}
		limit := flushLimit
		if deadline, ok := ctx.Deadline(); ok {
			limit = time.Until(deadline)
		}
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err := r.stop(limited); err != nil {
			r.err = fmt.Errorf("pitot: shutdown: %w", err)
		}
	})
	return r.err
}

func (r *running) stop(ctx context.Context) error {
	active.CompareAndSwap(r.core, nil)
	r.globals.remove()
	r.core.calls.flush()
	var err error
	if r.server != nil {
		err = r.server.Shutdown(ctx)
	}
	return errors.Join(err, r.core.stopAll(ctx), r.pipeline.close(ctx))
}

// stopAll stops the parts of the core.
func (r *core) stopAll(ctx context.Context) error {
	var errs []error
	for _, stop := range r.stop {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}

// serveMetricsAt serves MetricsHandler.
func serveMetricsAt(ctx context.Context, addr string, log *slog.Logger) (*http.Server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve metrics at %s: %w: set PROMETHEUS_PORT to a free port, or unset it", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", MetricsHandler())
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Warn("metrics are not served any more", "error", err.Error())
		}
	}()
	return server, nil
}

// providers are what a core emits through. What is nil is taken as a no-op.
type providers struct {
	traces     trace.TracerProvider
	metrics    metric.MeterProvider
	logs       otellog.LoggerProvider
	propagator propagation.TextMapPropagator
	reader     sdkmetric.Reader
	gaps       *gapHistograms // given to every reader with sdkmetric.WithProducer
}

// newCore assembles a core from settings and providers.
func newCore(s *settings, p providers) (*core, error) {
	if p.traces == nil {
		p.traces = tracenoop.NewTracerProvider()
	}
	if p.metrics == nil {
		p.metrics = metricnoop.NewMeterProvider()
	}
	if p.logs == nil {
		p.logs = lognoop.NewLoggerProvider()
	}
	if p.propagator == nil {
		p.propagator = propagation.NewCompositeTextMapPropagator()
	}
	version := sdkVersion()
	r := &core{
		cfg: s, warn: ownLogger(s.logger), propagator: p.propagator, reader: p.reader, gaps: p.gaps,
		tracer:  p.traces.Tracer(scope, trace.WithInstrumentationVersion(version)),
		meter:   p.metrics.Meter(scope, metric.WithInstrumentationVersion(version)),
		logger:  p.logs.Logger(scope, otellog.WithInstrumentationVersion(version)),
		content: newContentPolicy(s), calls: newCallTracker(), window: newWindow(s),
	}
	var err error
	if r.meters, err = newInstruments(r); err != nil {
		return nil, fmt.Errorf("create instruments: %w", err)
	}
	return r, nil
}
