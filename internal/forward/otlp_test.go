package forward

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // the server side of it
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// fakeOTLP is a receiver of OTLP, over HTTP and gRPC.
type fakeOTLP struct {
	mu       sync.Mutex
	requests int
	ids      map[string]int // how often each record came, by Pitot's id
	spans    []ptrace.Span
	logs     []plog.LogRecord
	header   http.Header
	md       metadata.MD

	// httpBefore and grpcBefore answer a request in the receiver's place.
	httpBefore func(n int, w http.ResponseWriter) bool
	grpcBefore func(n, items int) error
	refused    int64 // told as a partial success, once
	forgets    bool  // keeps nothing
}

func newFakeOTLP() *fakeOTLP { return &fakeOTLP{ids: map[string]int{}} }

func newFakeOTLPThatForgets() *fakeOTLP {
	f := newFakeOTLP()
	f.forgets = true
	return f
}

func (f *fakeOTLP) next() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	return f.requests
}

func (f *fakeOTLP) takeTraces(td ptrace.Traces) ptraceotlp.ExportResponse {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.forgets {
		return ptraceotlp.NewExportResponse()
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				id, _ := s.Attributes().Get("pitot.id")
				f.ids[id.Str()]++
				f.spans = append(f.spans, s)
			}
		}
	}
	resp := ptraceotlp.NewExportResponse()
	if f.refused > 0 {
		resp.PartialSuccess().SetRejectedSpans(f.refused)
		resp.PartialSuccess().SetErrorMessage("attribute too long")
		f.refused = 0
	}
	return resp
}

func (f *fakeOTLP) takeLogs(ld plog.Logs) plogotlp.ExportResponse {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.forgets {
		return plogotlp.NewExportResponse()
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, l := range sl.LogRecords().All() {
				id, _ := l.Attributes().Get("log.record.uid")
				f.ids[id.Str()]++
				f.logs = append(f.logs, l)
			}
		}
	}
	return plogotlp.NewExportResponse()
}

// ServeHTTP implements http.Handler.
func (f *fakeOTLP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := f.next()
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil || r.Header.Get("Content-Type") != protobufType {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.header = r.Header
	f.mu.Unlock()
	if f.httpBefore != nil && f.httpBefore(n, w) {
		return
	}
	var out interface{ MarshalProto() ([]byte, error) }
	switch r.URL.Path {
	case "/base/v1/traces":
		req := ptraceotlp.NewExportRequest()
		if err = req.UnmarshalProto(b); err == nil {
			out = f.takeTraces(req.Traces())
		}
	case "/base/v1/logs":
		req := plogotlp.NewExportRequest()
		if err = req.UnmarshalProto(b); err == nil {
			out = f.takeLogs(req.Logs())
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := out.MarshalProto()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", protobufType)
	_, _ = w.Write(answer)
}

type grpcTraces struct {
	ptraceotlp.UnimplementedGRPCServer
	f *fakeOTLP
}

// Export implements the trace service.
func (s *grpcTraces) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	n := s.f.next()
	s.f.mu.Lock()
	s.f.md, _ = metadata.FromIncomingContext(ctx)
	s.f.mu.Unlock()
	if s.f.grpcBefore != nil {
		if err := s.f.grpcBefore(n, r.Traces().SpanCount()); err != nil {
			return ptraceotlp.NewExportResponse(), err
		}
	}
	return s.f.takeTraces(r.Traces()), nil
}

type grpcLogs struct {
	plogotlp.UnimplementedGRPCServer
	f *fakeOTLP
}

// Export implements the log service.
func (s *grpcLogs) Export(_ context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	n := s.f.next()
	if s.f.grpcBefore != nil {
		if err := s.f.grpcBefore(n, r.Logs().LogRecordCount()); err != nil {
			return plogotlp.NewExportResponse(), err
		}
	}
	return s.f.takeLogs(r.Logs()), nil
}

func (f *fakeOTLP) serveGRPC(t testing.TB, opts ...grpc.ServerOption) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	ptraceotlp.RegisterGRPCServer(s, &grpcTraces{f: f})
	plogotlp.RegisterGRPCServer(s, &grpcLogs{f: f})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func otlpDestination(url, protocol string) Destination {
	return Destination{Name: "otlp", Type: TypeOTLP, URL: url, Protocol: protocol, Batch: Batch{Wait: model.Duration(time.Millisecond)}}
}

func mixed(n int) []llm.Record {
	var out []llm.Record
	for i := range n {
		out = append(out, testLog(3*i), testCall(3*i+1), testSpan(3*i+2))
	}
	return out
}

func TestOTLPGetsCallsAndSpansAsTracesAndLogsAsLogs(t *testing.T) {
	for _, protocol := range []string{ProtocolHTTP, ProtocolGRPC} {
		t.Run(protocol, func(t *testing.T) {
			f := newFakeOTLP()
			var url string
			if protocol == ProtocolHTTP {
				s := httptest.NewServer(f)
				t.Cleanup(s.Close)
				url = s.URL + "/base/"
			} else {
				url = "http://" + f.serveGRPC(t)
			}
			d := otlpDestination(url, protocol)
			d.Headers = map[string]string{"X-Tenant": "a"}
			d.BearerToken = "token-of-the-test"
			r := newRig(t, Config{d})
			r.add(testLog(1), testCall(2), testSpan(3))
			s := r.settled("otlp")
			if s.Sent[KindLogs] != 1 || s.Sent[KindCalls] != 1 || s.Sent[KindSpans] != 1 || len(s.Dropped) != 0 {
				t.Errorf("status %+v", s)
			}
			if len(f.spans) != 2 || len(f.logs) != 1 {
				t.Fatalf("%d spans, %d logs", len(f.spans), len(f.logs))
			}
			if v, _ := f.spans[0].Attributes().Get("gen_ai.usage.output_tokens"); v.Int() != 34 {
				t.Errorf("output tokens %v", v.AsString())
			}
			if f.logs[0].Body().Str() != "request done" {
				t.Errorf("body %q", f.logs[0].Body().Str())
			}
			if protocol == ProtocolHTTP {
				if f.header.Get("X-Tenant") != "a" || f.header.Get("Content-Encoding") != "gzip" || f.header.Get("Authorization") != "Bearer token-of-the-test" {
					t.Errorf("header %v", f.header)
				}
			} else if f.md.Get("x-tenant")[0] != "a" || f.md.Get("authorization")[0] != "Bearer token-of-the-test" || !strings.HasPrefix(f.md.Get("user-agent")[0], "pitot/test") {
				t.Errorf("metadata %v", f.md)
			}
		})
	}
}

func TestOTLPOverHTTPIsSentAgainWhereTheProtocolSaysSo(t *testing.T) {
	f := newFakeOTLP()
	statuses := []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusInternalServerError}
	f.httpBefore = func(n int, w http.ResponseWriter) bool {
		if n <= len(statuses) {
			w.WriteHeader(statuses[n-1])
		}
		return n <= len(statuses)
	}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	r := newRig(t, Config{otlpDestination(s.URL+"/base", "")})
	r.add(testCall(1))
	if st := r.settled("otlp"); st.Sent[KindCalls] != 1 || st.Retries != 5 {
		t.Errorf("status %+v", st)
	}
}

func TestTracesThatFailDoNotSendTheLogsTwice(t *testing.T) {
	f := newFakeOTLP()
	f.grpcBefore = func(n, _ int) error {
		if n == 1 { // the traces are the first
			return status.Error(codes.Unavailable, "not now")
		}
		return nil
	}
	r := newRig(t, Config{otlpDestination("http://"+f.serveGRPC(t), ProtocolGRPC)})
	r.add(mixed(5)...)
	r.settled("otlp")
	for id, n := range f.ids {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if len(f.ids) != 15 {
		t.Errorf("%d records", len(f.ids))
	}
}

func TestPartialSuccessIsCounted(t *testing.T) {
	f := newFakeOTLP()
	f.refused = 2
	r := newRig(t, Config{otlpDestination("http://"+f.serveGRPC(t), ProtocolGRPC)})
	r.add(testCall(1), testCall(2), testCall(3))
	s := r.settled("otlp")
	if s.Sent[KindCalls] != 1 || s.Dropped[reasonRejected] != 2 || !strings.Contains(s.LastError, "attribute too long") {
		t.Errorf("status %+v", s)
	}
}

func TestGRPCErrors(t *testing.T) {
	withRetry := func(c codes.Code, d time.Duration) error {
		st, err := status.New(c, "wait").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	for _, c := range []struct {
		name    string
		err     error
		sent    uint64
		reason  string
		retries uint64
	}{
		{"unavailable", status.Error(codes.Unavailable, "down"), 4, "", 1},
		{"exhausted with a delay", withRetry(codes.ResourceExhausted, 5*time.Millisecond), 4, "", 1},
		{"unauthenticated", status.Error(codes.Unauthenticated, "who"), 4, "", 1},
		{"unimplemented", status.Error(codes.Unimplemented, "what"), 4, "", 1},
		{"internal", status.Error(codes.Internal, "oops"), 4, "", 1},
		{"invalid", status.Error(codes.InvalidArgument, "no"), 0, reasonRejected, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeOTLP()
			f.grpcBefore = func(n, _ int) error {
				if n == 1 {
					return c.err
				}
				return nil
			}
			r := newRig(t, Config{otlpDestination("http://"+f.serveGRPC(t), ProtocolGRPC)})
			r.add(testCall(1), testCall(2), testCall(3), testCall(4))
			s := r.settled("otlp")
			if s.Sent[KindCalls] != c.sent || s.Retries != c.retries || s.Dropped[c.reason] != 4-c.sent {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestRetryInfoIsHonoured(t *testing.T) {
	f := newFakeOTLP()
	var first, second time.Time
	f.grpcBefore = func(n, _ int) error {
		if n > 1 {
			second = time.Now()
			return nil
		}
		first = time.Now()
		st, err := status.New(codes.Unavailable, "wait").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(700 * time.Millisecond)})
		if err != nil {
			return err
		}
		return st.Err()
	}
	r := newRig(t, Config{otlpDestination("http://"+f.serveGRPC(t), ProtocolGRPC)})
	r.add(testCall(1))
	r.settled("otlp")
	if wait := second.Sub(first); wait < 700*time.Millisecond {
		t.Errorf("it came back after %v", wait)
	}
}

func TestAMessageLargerThanTheServerTakesIsSplit(t *testing.T) {
	f := newFakeOTLP()
	r := newRig(t, Config{otlpDestination("http://"+f.serveGRPC(t, grpc.MaxRecvMsgSize(5000)), ProtocolGRPC)})
	big := testCall(100)
	big.Call.Input = []llm.Message{llm.Text("user", strings.Repeat("long ", 5000))}
	recs := []llm.Record{big}
	for i := range 20 {
		recs = append(recs, testCall(i))
	}
	r.add(recs...)
	if s := r.settled("otlp"); s.Sent[KindCalls] != 20 || s.Dropped[reasonTooLarge] != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestGRPCOverTLS(t *testing.T) {
	web := httptest.NewUnstartedServer(http.NotFoundHandler()) // for its certificate
	web.StartTLS()
	t.Cleanup(web.Close)
	_, ca := startTLS(t, http.NotFoundHandler())
	if _, err := os.Stat(ca); err != nil {
		t.Fatal(err)
	}
	f := newFakeOTLP()
	addr := f.serveGRPC(t, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})))
	trusted, blind, plain := otlpDestination("https://"+addr, ProtocolGRPC), otlpDestination("https://"+addr, ProtocolGRPC), otlpDestination("http://"+addr, ProtocolGRPC)
	trusted.TLS.CAFile = ca // all servers of httptest have one certificate
	blind.Name, plain.Name = "blind", "plain"
	r := newRig(t, Config{trusted, blind, plain})
	r.add(testCall(1))
	if s := r.settled("otlp"); s.Sent[KindCalls] != 1 {
		t.Errorf("status %+v", s)
	}
	for _, name := range []string{"blind", "plain"} {
		testkit.Eventually(t, name+" has failed", func() bool { return r.status(name).Retries > 0 })
		if s := r.status(name); len(s.Sent) != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
