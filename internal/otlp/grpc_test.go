package otlp

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcencoding "google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// zstdCompressor is what a sender that compresses with zstd has.
type zstdCompressor struct{}

func (zstdCompressor) Name() string { return "zstd" }
func (zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
}

func (zstdCompressor) Decompress(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
}

func dial(t testing.TB, addr string, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestGRPCTakesAllSignals(t *testing.T) {
	grpcencoding.RegisterCompressor(zstdCompressor{})
	h := start(t, nil)
	conn := dial(t, h.addr)
	for _, compression := range []string{"", gzip.Name, "zstd"} {
		var opts []grpc.CallOption
		if compression != "" {
			opts = append(opts, grpc.UseCompressor(compression))
		}
		tr, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(traces("a")), opts...)
		if err != nil || tr.PartialSuccess().RejectedSpans() != 0 || tr.PartialSuccess().ErrorMessage() != "" {
			t.Fatalf("%q traces: %v %v", compression, tr.PartialSuccess().ErrorMessage(), err)
		}
		if _, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs("b")), opts...); err != nil {
			t.Fatalf("%q logs: %v", compression, err)
		}
		if _, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(points("c")), opts...); err != nil {
			t.Fatalf("%q metrics: %v", compression, err)
		}
	}
	wantNames(t, h.sink.got(), "a", "b", "c", "a", "b", "c", "a", "b", "c")
	if n := h.metric(t, "pitot_otlp_requests_total", "transport", "grpc", "code", "OK"); n != 9 {
		t.Errorf("%v requests counted", n)
	}
}

func TestGRPCLargeMessage(t *testing.T) {
	h := start(t, nil)
	td := traces("fat")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("text", strings.Repeat("prompt ", 6<<20))
	conn := dial(t, h.addr)
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		t.Fatal(err)
	}
	wantNames(t, h.sink.got(), "fat")
}

func TestGRPCPartialSuccess(t *testing.T) {
	h := start(t, nil)
	td := traces("a", "none")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).SetTraceID([16]byte{})
	resp, err := ptraceotlp.NewGRPCClient(dial(t, h.addr)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
	if err != nil || resp.PartialSuccess().RejectedSpans() != 1 {
		t.Fatalf("%d rejected, %v", resp.PartialSuccess().RejectedSpans(), err)
	}
	wantText(t, resp.PartialSuccess().ErrorMessage(), "no trace id")
}

// retryDelay is what a gRPC error says of sending again; 0 is never.
func retryDelay(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func TestGRPCErrors(t *testing.T) {
	h := start(t, func(o *Options, _ *fakeSink) { o.Config.MaxMessage = 1 << 20 })
	conn := dial(t, h.addr)
	client := ptraceotlp.NewGRPCClient(conn)
	fat := traces("fat")
	fat.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("text", strings.Repeat("x", 1<<20))
	for name, compression := range map[string]string{"plain": "identity", "gzip": gzip.Name} {
		_, err := client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(fat), grpc.UseCompressor(compression))
		if status.Code(err) != codes.ResourceExhausted || retryDelay(err) != 0 {
			t.Errorf("too large, %s: %v", name, err)
		}
		wantText(t, status.Convert(err).Message(), "max_message")
	}
	h.sink.fail = overload{}
	_, err := client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(traces("a")))
	if status.Code(err) != codes.Unavailable || retryDelay(err) != 7*time.Second {
		t.Errorf("overload: %v, again after %v", err, retryDelay(err))
	}
	h.sink.fail = io.ErrShortWrite
	_, err = client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(traces("a")))
	if status.Code(err) != codes.Internal || retryDelay(err) != 0 {
		t.Errorf("refused for good: %v", err)
	}
	for method, says := range map[string]string{
		"/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export": "profiles are not taken",
		"/jaeger.api_v2.CollectorService/PostSpans":                                    "/api/traces",
		"/no.Such/Method": "/no.Such/Method",
	} {
		err := conn.Invoke(t.Context(), method, &grpc_health_v1.HealthCheckRequest{}, &grpc_health_v1.HealthCheckResponse{})
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s: %v", method, err)
		}
		wantText(t, status.Convert(err).Message(), says)
	}
}

func TestGRPCHealth(t *testing.T) {
	h := start(t, nil)
	resp, err := grpc_health_v1.NewHealthClient(dial(t, h.addr)).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || resp.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("%v %v", resp, err)
	}
}

// rawGRPC calls over HTTP/2 with bytes that no client library would send.
func rawGRPC(t *testing.T, h *harness, method string, body []byte, headers ...string) (code, message string) {
	t.Helper()
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &p}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+method, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", typeGRPC)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
}

func TestGRPCBadFrames(t *testing.T) {
	h := start(t, nil)
	good := encode(t, traces("a"), encodingProto)
	for _, c := range []struct {
		name    string
		body    []byte
		headers []string
		code    string
		says    string
	}{
		{"good", grpcFrame(0, good), nil, "0", ""},
		{"empty", nil, nil, "3", "ended early"},
		{"cut head", []byte{0, 0}, nil, "3", "ended early"},
		{"cut", grpcFrame(0, good)[:40], nil, "3", "ended early"},
		{"flag", grpcFrame(7, good), nil, "3", "not a gRPC message"},
		{"compressed by nothing", grpcFrame(1, good), nil, "13", "grpc-encoding"},
		{"unknown compression", grpcFrame(1, good), []string{"Grpc-Encoding", "lz4"}, "12", "lz4"},
		{"not gzip", grpcFrame(1, good), []string{"Grpc-Encoding", "gzip"}, "3", "not valid gzip"},
		{"deflate", grpcFrame(1, compress(t, "deflate", good)), []string{"Grpc-Encoding", "deflate"}, "0", ""},
		{"huge", []byte{0, 0xff, 0xff, 0xff, 0xff}, nil, "8", "max_message"},
		{"garbage", grpcFrame(0, []byte("\x07garbage")), nil, "3", "not an OTLP"},
		{"JSON", grpcFrame(0, encode(t, traces("a"), encodingJSON)), nil, "3", "JSON"},
	} {
		code, message := rawGRPC(t, h, methodTraces, c.body, c.headers...)
		if code != c.code {
			t.Errorf("%s: code %s, want %s: %s", c.name, code, c.code, message)
		}
		wantText(t, message, c.says)
	}
	wantNames(t, h.sink.got(), "a", "a")
}

func TestGRPCOverHTTP1SaysWhatIsWrong(t *testing.T) {
	h := start(t, nil)
	r := post(t, h.url+methodTraces, grpcFrame(0, nil), "Content-Type", "application/grpc+proto")
	if r.status != http.StatusHTTPVersionNotSupported {
		t.Errorf("status %d", r.status)
	}
	wantText(t, string(r.body), "HTTP/2")
}

func TestGRPCTimeout(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"10S": 10 * time.Second, "250m": 250 * time.Millisecond, "1H": time.Hour, "99999999n": 99999999, "": 0, "S": 0, "1x": 0, "-1S": 0, "99999999H": 0, "999999999S": 0,
	} {
		if got, ok := grpcTimeout(in); got != want || ok != (want != 0) {
			t.Errorf("grpcTimeout(%q) = %v %v", in, got, ok)
		}
	}
}

func TestEscapeMessage(t *testing.T) {
	if got, want := escapeMessage("100% für\n"), "100%25 f%C3%BCr%0A"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
