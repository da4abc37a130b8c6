package pitot_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/global"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // the server takes gzip
	"google.golang.org/grpc/metadata"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/otlp"
	"github.com/pitot-dev/pitot/internal/semconv"
)

// otlpReceived is what Pitot's own receiver made of what the SDK sent.
type otlpReceived struct {
	mu      sync.Mutex
	records []llm.Record
	metrics []string
}

func (r *otlpReceived) Submit(_ context.Context, recs []llm.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, recs...)
	return nil
}

func (r *otlpReceived) Metrics(_ context.Context, md pmetric.Metrics) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				r.metrics = append(r.metrics, m.Name())
			}
		}
	}
	return nil
}

// otlpServer is Pitot's OTLP receiver on a port of its own.
func otlpServer(t *testing.T, tls bool) (*otlpReceived, *httptest.Server) {
	t.Helper()
	got := &otlpReceived{}
	rec, err := otlp.New(otlp.Options{
		Config: otlp.DefaultConfig(), Sink: got, Normalizer: semconv.New(semconv.Options{}), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(rec.HTTPHandler())
	if tls {
		server.EnableHTTP2 = true
		server.StartTLS()
	} else {
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
	}
	t.Cleanup(server.Close)
	return got, server
}

// certificateFile is the server's, as a file.
func certificateFile(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// emitOne makes a Call, a metric and a log record.
func emitOne(t *testing.T, name string) {
	t.Helper()
	ctx, s := otel.Tracer("app").Start(t.Context(), name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.provider.name", "openai"), attribute.String("gen_ai.request.model", "gpt-4o"),
		attribute.Int("gen_ai.usage.input_tokens", 12), attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop"}),
	))
	s.AddEvent("first")
	s.End()
	h, err := otel.Meter("app").Float64Histogram("app.latency")
	if err != nil {
		t.Fatal(err)
	}
	h.Record(ctx, 0.3)
	var rec otellog.Record
	rec.SetBody(attribute.StringValue("hello"))
	rec.SetSeverity(otellog.SeverityInfo)
	global.GetLoggerProvider().Logger("app").Emit(ctx, rec)
}

func TestPitotReceivesEveryProtocol(t *testing.T) {
	for _, protocol := range []pitot.Protocol{pitot.HTTPProtobuf, pitot.HTTPJSON, pitot.GRPC} {
		for _, tls := range []bool{false, true} {
			for _, compression := range []string{"none", "gzip"} {
				t.Run(fmt.Sprintf("%s,tls=%v,%s", protocol, tls, compression), func(t *testing.T) {
					got, server := otlpServer(t, tls)
					if tls {
						t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", certificateFile(t, server))
					}
					t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
					var logged strings.Builder
					shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true), pitot.WithEndpoint(server.URL), pitot.WithProtocol(protocol),
						pitot.WithService("svc", "1"), pitot.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
					if err != nil {
						t.Fatal(err)
					}
					emitOne(t, "chat gpt-4o")
					if err := shutdown(t.Context()); err != nil {
						t.Fatal(err)
					}
					if logged.String() != "" {
						t.Errorf("logged %s", logged.String())
					}
					got.mu.Lock()
					defer got.mu.Unlock()
					var call *llm.Call
					var log *llm.Log
					for _, r := range got.records {
						if r.Call != nil {
							call = r.Call
						}
						if r.Log != nil {
							log = r.Log
						}
					}
					if len(got.records) != 2 || call == nil || log == nil {
						t.Fatalf("%d records", len(got.records))
					}
					if n, _ := call.Usage.InputTokens.Get(); call.RequestModel != "gpt-4o" || call.Service != "svc" || n != 12 || len(call.Events) != 1 || call.Status != llm.StatusOK {
						t.Errorf("%+v", call)
					}
					if log.Message != "hello" || log.TraceID != call.TraceID {
						t.Errorf("%+v", log)
					}
					if !strings.Contains(strings.Join(got.metrics, " "), "app.latency") {
						t.Errorf("metrics %v", got.metrics)
					}
				})
			}
		}
	}
}

// TestWeightsAddUp: of a share of the calls the receiver counts as many as there
// were, and of the failed and the slow ones exactly as many.
func TestWeightsAddUp(t *testing.T) {
	got, server := otlpServer(t, false)
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100000")
	const share, n = 0.2, 6000
	shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true), pitot.WithEndpoint(server.URL), pitot.WithSampleRate(share))
	if err != nil {
		t.Fatal(err)
	}
	tracer := otel.Tracer("app")
	failed, slow := 0, 0
	for i := range n {
		ctx, root := tracer.Start(t.Context(), "handler")
		_, s := tracer.Start(ctx, "chat m", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.request.model", "m"), attribute.String("gen_ai.response.id", fmt.Sprint("r", i))))
		switch {
		case i%20 == 0:
			failed++
			s.SetStatus(codes.Error, "boom")
		case i%30 == 1:
			slow++
			s.SetAttributes(attribute.String("pitot.slow", "request"), attribute.Bool("test.slow", true))
		}
		s.End()
		root.End()
	}
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var calls, failedSeen, slowSeen float64
	for _, r := range got.records {
		if r.Call == nil {
			continue
		}
		calls += r.Call.Count()
		if r.Call.Status == llm.StatusError {
			failedSeen += r.Call.Count()
		}
		if r.Call.Attributes["test.slow"] == true {
			slowSeen += r.Call.Count()
		}
	}
	if failedSeen != float64(failed) || slowSeen != float64(slow) {
		t.Errorf("%v failed and %v slow of %d and %d", failedSeen, slowSeen, failed, slow)
	}
	sampled := float64(n - failed - slow)
	sigma := math.Sqrt(sampled*share*(1-share)) / share
	if math.Abs(calls-n) > 5*sigma || len(got.records) > n {
		t.Errorf("%v calls counted of %d (%d records)", calls, n, len(got.records))
	}
}

// officialServer is a server made with the official libraries.
type officialServer struct {
	ptraceotlp.UnimplementedGRPCServer
	mu     sync.Mutex
	spans  []string
	header metadata.MD
}

func (o *officialServer) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.header, _ = metadata.FromIncomingContext(ctx)
	for _, rs := range r.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				o.spans = append(o.spans, s.Name())
			}
		}
	}
	if _, ok := ctx.Deadline(); !ok {
		o.spans = append(o.spans, "without a deadline")
	}
	return ptraceotlp.NewExportResponse(), nil
}

func TestAnOfficialGRPCServerReceives(t *testing.T) {
	_, withTLS := otlpServer(t, true)
	for name, tc := range map[string]struct {
		scheme string
		opts   []grpc.ServerOption
	}{
		"h2c": {"http", nil},
		"tls": {"https", []grpc.ServerOption{grpc.Creds(credentials.NewTLS(withTLS.TLS.Clone()))}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			got := &officialServer{}
			server := grpc.NewServer(tc.opts...)
			ptraceotlp.RegisterGRPCServer(server, got)
			go func() { _ = server.Serve(l) }()
			defer server.Stop()
			t.Setenv("OTEL_METRICS_EXPORTER", "none")
			t.Setenv("OTEL_LOGS_EXPORTER", "none")
			t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
			t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", certificateFile(t, withTLS))
			var logged strings.Builder
			shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true), pitot.WithEndpoint(tc.scheme+"://"+l.Addr().String()), pitot.WithProtocol(pitot.GRPC),
				pitot.WithHeaders(map[string]string{"x-tenant": "a"}), pitot.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
			if err != nil {
				t.Fatal(err)
			}
			emitOne(t, "a")
			if err := shutdown(t.Context()); err != nil || logged.String() != "" {
				t.Fatalf("%v %s", err, logged.String())
			}
			if strings.Join(got.spans, " ") != "a" || strings.Join(got.header.Get("x-tenant"), "") != "a" {
				t.Errorf("spans %q, headers %v", got.spans, got.header)
			}
		})
	}
}

// TestTheWrongPort: HTTP/1 where gRPC is expected says what to change.
func TestTheWrongPort(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) }))
	defer server.Close()
	var logged strings.Builder
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
	shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true), pitot.WithEndpoint(server.URL), pitot.WithProtocol(pitot.GRPC),
		pitot.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
	if err != nil {
		t.Fatal(err)
	}
	emitOne(t, "a")
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf") {
		t.Errorf("logged %s", logged.String())
	}
}

func TestTheConsoleIsReadable(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "console")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true))
	if err != nil {
		t.Fatal(err)
	}
	emitOne(t, "shown")
	if err := shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	line, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
	if err != nil || td.SpanCount() != 1 {
		t.Errorf("%v: %s", err, line)
	}
}
