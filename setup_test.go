package pitot

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/global"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// clearEnvironment makes Setup see none of the tester's variables.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"ENABLE_TELEMETRY", "PITOT_ENABLED", "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_SERVICE_NAME", "SERVICE_NAME", "TELEMETRY_SAMPLE_RATE", "PROMETHEUS_PORT", "OTEL_PROPAGATORS", "JAEGER_ENDPOINT", "OTEL_TRACES_EXPORTER",
	} {
		t.Setenv(name, "")
	}
	t.Cleanup(resetGlobals)
	resetGlobals()
}

func resetGlobals() {
	otel.SetTracerProvider(tracenoop.NewTracerProvider())
	otel.SetMeterProvider(noop.NewMeterProvider())
	global.SetLoggerProvider(lognoop.NewLoggerProvider())
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
}

// collector is a backend that counts what arrives.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	names   []string
	metrics int
	logs    []string
	service string
	down    atomic.Bool
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil || c.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch req.URL.Path {
	case "/v1/traces":
		r := ptraceotlp.NewExportRequest()
		if r.UnmarshalProto(body) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, rs := range r.Traces().ResourceSpans().All() {
			if v, ok := rs.Resource().Attributes().Get("service.name"); ok {
				c.service = v.AsString()
			}
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					c.names = append(c.names, s.Name())
				}
			}
		}
	case "/v1/metrics":
		r := pmetricotlp.NewExportRequest()
		if r.UnmarshalProto(body) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.metrics += r.Metrics().DataPointCount()
	case "/v1/logs":
		r := plogotlp.NewExportRequest()
		if r.UnmarshalProto(body) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, rl := range r.Logs().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, l := range sl.LogRecords().All() {
					c.logs = append(c.logs, l.Body().AsString())
				}
			}
		}
	}
}

func (c *collector) spans() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.names, " ")
}

// emit makes one record of each signal.
func emit(t *testing.T, name string) {
	t.Helper()
	r := current()
	if r == nil {
		t.Fatal("off")
	}
	_, s := r.tracer.Start(t.Context(), name)
	s.End()
	counter, err := r.meter.Int64Counter("test.count")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 1)
	var rec otellog.Record
	rec.SetBody(attribute.StringValue(name))
	r.logger.Emit(t.Context(), rec)
}

func quiet() Option { return WithLogger(slog.New(slog.DiscardHandler)) }

func TestSetupIsOffByDefault(t *testing.T) {
	clearEnvironment(t)
	shutdown, err := Setup(t.Context())
	if err != nil || current() != nil {
		t.Fatalf("on without being told: %v", err)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSetupExportsAllThreeSignals(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	t.Setenv("ENABLE_TELEMETRY", "true")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("SERVICE_NAME", "svc")
	shutdown, err := Setup(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	emit(t, "one")
	_, s := otel.Tracer("the program's").Start(t.Context(), "global")
	s.End()
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.spans() != "one global" || c.metrics == 0 || strings.Join(c.logs, " ") != "one" || c.service != "svc" {
		t.Errorf("spans %q, %d metric points, logs %q, service %q", c.spans(), c.metrics, c.logs, c.service)
	}
	if current() != nil {
		t.Error("on after the shutdown")
	}
	if err := shutdown(t.Context()); err != nil {
		t.Errorf("the second shutdown: %v", err)
	}
}

func TestASecondSetupSaysSo(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	on := []Option{WithEnabled(true), WithEndpoint(c.URL), quiet()}
	shutdown, err := Setup(t.Context(), on...)
	if err != nil {
		t.Fatal(err)
	}
	first := current()
	second, err := Setup(t.Context(), on...)
	if !errors.Is(err, ErrActive) || second == nil || current() != first {
		t.Errorf("%v", err)
	}
	if err := second(t.Context()); err != nil || current() != first {
		t.Errorf("the shutdown of a Setup that failed ends the first: %v", err)
	}
	emit(t, "a")
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	// After the shutdown it can be set up again, and does not take its own old providers for the program's.
	again, err := Setup(t.Context(), WithEnabled(true), quiet())
	if err != nil {
		t.Fatal(err)
	}
	r := current()
	if r.reader == nil {
		t.Error("took the first Setup's provider")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	_ = again(ctx) // nobody listens on the default port here, or perhaps somebody does
	if c.spans() != "a" {
		t.Errorf("spans %q", c.spans())
	}
}

func TestConcurrentSetups(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	var wg sync.WaitGroup
	var won atomic.Int32
	for range 8 {
		wg.Go(func() {
			shutdown, err := Setup(t.Context(), WithEnabled(true), WithEndpoint(c.URL), quiet())
			if err == nil {
				won.Add(1)
				defer func() { _ = shutdown(t.Context()) }()
			} else if !errors.Is(err, ErrActive) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() == 0 || current() != nil {
		t.Errorf("%d won, left on: %v", won.Load(), current() != nil)
	}
}

func TestBadSettingsKeepItOff(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("ENABLE_TELEMETRY", "true")
	t.Setenv("TELEMETRY_SAMPLE_RATE", "7")
	shutdown, err := Setup(t.Context())
	if err == nil || !strings.Contains(err.Error(), `TELEMETRY_SAMPLE_RATE="7"`) || current() != nil {
		t.Errorf("%v", err)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheProgramsOwnProviders(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	rec := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	logs := &logRecorder{}
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(logs))

	given := []Option{WithTracerProvider(tp), WithMeterProvider(mp), WithLoggerProvider(lp)}
	for name, tc := range map[string]struct {
		opts   []Option
		global bool
		theirs bool // the program's providers are used, and nothing else is exported
	}{
		"given":                            {append(given, WithEndpoint(c.URL)), false, true},
		"global":                           {nil, true, true},
		"global, but an endpoint is given": {[]Option{WithEndpoint(c.URL)}, true, false},
		"none":                             {[]Option{WithEndpoint(c.URL)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			resetGlobals()
			rec.Reset()
			c.names, c.metrics, c.logs, logs.records = nil, 0, nil, nil
			if tc.global {
				otel.SetTracerProvider(tp)
				otel.SetMeterProvider(mp)
				global.SetLoggerProvider(lp)
			}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL) // the environment of the program's own exporters
			shutdown, err := Setup(t.Context(), append(tc.opts, WithEnabled(true), quiet())...)
			if err != nil {
				t.Fatal(err)
			}
			emit(t, "x")
			if err := shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			theirs, ours := len(rec.Ended()) == 1 && len(logs.all()) == 1, c.spans() == "x" && c.metrics > 0 && len(c.logs) == 1
			if theirs != tc.theirs || ours == tc.theirs {
				t.Errorf("program's: %d spans, %d logs; ours: %q, %d points, %d logs", len(rec.Ended()), len(logs.all()), c.spans(), c.metrics, len(c.logs))
			}
			if tc.global && (otel.GetTracerProvider() != tp || otel.GetMeterProvider() != mp || global.GetLoggerProvider() != lp) {
				t.Error("a global provider of the program was replaced")
			}
			// The program's providers work on: the shutdown is not theirs.
			_, s := tp.Tracer("x").Start(t.Context(), "after")
			if !s.IsRecording() {
				t.Error("the program's provider was shut down")
			}
			s.End()
		})
	}
}

func TestGlobalsAreLeftAloneWhereAsked(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	before := otel.GetTracerProvider()
	shutdown, err := Setup(t.Context(), WithEnabled(true), WithEndpoint(c.URL), WithoutGlobals(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	if otel.GetTracerProvider() != before || len(otel.GetTextMapPropagator().Fields()) != 0 {
		t.Error("globals were changed")
	}
	if len(current().propagator.Fields()) == 0 {
		t.Error("the SDK has no propagator")
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPropagators(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	setup := func(opts ...Option) (fields []string, logged string) {
		t.Helper()
		var b syncBuffer
		shutdown, err := Setup(t.Context(), append(opts, WithEnabled(true), WithEndpoint(c.URL), WithLogger(slog.New(slog.NewTextHandler(&b, nil))))...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = shutdown(t.Context()) }()
		return current().propagator.Fields(), b.String()
	}
	has := func(fields []string, want string) bool { return strings.Contains(strings.Join(fields, " "), want) }
	if f, _ := setup(); !has(f, "traceparent") || !has(f, "baggage") {
		t.Errorf("default: %v", f)
	}
	t.Setenv("OTEL_PROPAGATORS", "baggage,b3")
	if f, logged := setup(); has(f, "traceparent") || !has(f, "baggage") || !strings.Contains(logged, "b3") || strings.Count(logged, "\n") != 1 {
		t.Errorf("%v, logged %s", f, logged)
	}
	t.Setenv("OTEL_PROPAGATORS", "none")
	if f, logged := setup(); len(f) != 0 || logged != "" {
		t.Errorf("none: %v, logged %s", f, logged)
	}
	if f, _ := setup(WithPropagator(propagation.TraceContext{})); !has(f, "traceparent") || has(f, "baggage") {
		t.Errorf("given: %v", f)
	}
	otel.SetTextMapPropagator(propagation.Baggage{})
	if f, _ := setup(); has(f, "traceparent") || !has(f, "baggage") {
		t.Errorf("the program's: %v", f)
	}
}

// TestABackendThatIsAwayIsNotNoticed: load on an SDK whose backend refuses
// connections. Nothing waits, the queue is bounded, there is one warning, and
// what was lost is said at the end.
func TestABackendThatIsAwayIsNotNoticed(t *testing.T) {
	clearEnvironment(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close() // nobody listens there now
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "64")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "50")
	var b syncBuffer
	shutdown, err := Setup(t.Context(), WithEnabled(true), WithEndpoint("http://"+addr), WithLogger(slog.New(slog.NewTextHandler(&b, nil))))
	if err != nil {
		t.Fatal(err)
	}
	r := current()
	const goroutines, each = 8, 2000
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				ctx, s := r.tracer.Start(t.Context(), "x")
				_, child := r.tracer.Start(ctx, "y")
				child.SetStatus(codes.Error, "z")
				child.End()
				s.End()
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(b.String(), "cannot be delivered"); {
		if time.Now().After(deadline) {
			t.Fatal("no warning")
		}
		<-time.After(5 * time.Millisecond)
	}
	start := time.Now()
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > flushLimit {
		t.Errorf("the shutdown took %v", took)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "cannot be delivered") || !strings.Contains(lines[1], "telemetry was lost") || !strings.Contains(lines[1], "spans_dropped=") {
		t.Errorf("logged %d lines:\n%s", len(lines), b.String())
	}
}

func TestShutdownKeepsToItsDeadline(t *testing.T) {
	clearEnvironment(t)
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}))
	defer hangs.Close()
	defer close(release)
	shutdown, err := Setup(t.Context(), WithEnabled(true), WithEndpoint(hangs.URL), quiet())
	if err != nil {
		t.Fatal(err)
	}
	emit(t, "x")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestNothingCrashesAfterTheShutdown(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	shutdown, err := Setup(t.Context(), WithEnabled(true), WithEndpoint(c.URL), quiet())
	if err != nil {
		t.Fatal(err)
	}
	r := current()
	ctx, open := r.tracer.Start(t.Context(), "open")
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	open.SetStatus(codes.Error, "late")
	open.End()
	_, s := r.tracer.Start(ctx, "late")
	s.End()
	counter, err := r.meter.Int64Counter("late")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(ctx, 1)
	r.logger.Emit(ctx, otellog.Record{})
	if c.spans() != "" {
		t.Errorf("spans %q", c.spans())
	}
}

func TestPrometheusServer(t *testing.T) {
	clearEnvironment(t)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	c := newCollector(t)
	opts := []Option{WithEnabled(true), WithEndpoint(c.URL), WithPrometheusAddr(addr), quiet()}
	if _, err := Setup(t.Context(), opts...); err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "PROMETHEUS_PORT") || current() != nil {
		t.Errorf("a port that is taken: %v", err)
	}
	_ = l.Close()
	shutdown, err := Setup(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	emit(t, "x")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "test_count_total") {
		t.Errorf("%d %v\n%.500s", resp.StatusCode, err, body)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(req); err == nil {
		t.Error("served after the shutdown")
	}
	if c.metrics == 0 {
		t.Error("metrics that are scraped are not exported")
	}
}

func TestTheBackendComesBack(t *testing.T) {
	clearEnvironment(t)
	c := newCollector(t)
	c.down.Store(true)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "20")
	var b syncBuffer
	shutdown, err := Setup(t.Context(), WithEnabled(true), WithEndpoint(c.URL), WithLogger(slog.New(slog.NewTextHandler(&b, nil))))
	if err != nil {
		t.Fatal(err)
	}
	r := current()
	until := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !done(); {
			if time.Now().After(deadline) {
				t.Fatalf("never %s: %s", what, b.String())
			}
			_, s := r.tracer.Start(t.Context(), "x")
			s.End()
			<-time.After(5 * time.Millisecond)
		}
	}
	until("warned", func() bool { return strings.Contains(b.String(), "cannot be delivered") })
	c.down.Store(false)
	until("back", func() bool { return strings.Contains(b.String(), "delivered again") })
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "level=WARN"); n > 2 || !strings.Contains(b.String(), "spans_undelivered") || c.spans() == "" {
		t.Errorf("logged %s", b.String())
	}
}
