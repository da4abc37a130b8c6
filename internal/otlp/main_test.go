package otlp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSink keeps what it is given, or fails.
type fakeSink struct {
	mu      sync.Mutex
	names   []string // of spans, bodies of logs, names of metrics
	submits int
	fail    error
	block   chan struct{} // if not nil, Submit waits for it
	entered chan struct{} // if not nil, told of each Submit
}

func (s *fakeSink) Submit(ctx context.Context, recs []llm.Record) error {
	if s.entered != nil {
		s.entered <- struct{}{}
	}
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.submits++
	if s.fail != nil {
		return s.fail
	}
	for _, r := range recs {
		if r.Span != nil {
			s.names = append(s.names, r.Span.Name)
		} else {
			s.names = append(s.names, r.Log.Message)
		}
	}
	return nil
}

func (s *fakeSink) Metrics(_ context.Context, md pmetric.Metrics) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				s.names = append(s.names, m.Name())
			}
		}
	}
	return nil
}

func (s *fakeSink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// overload is how the pipeline says that it has no room.
type overload struct{}

func (overload) Error() string             { return "queue is full" }
func (overload) Retryable() bool           { return true }
func (overload) RetryAfter() time.Duration { return 7 * time.Second }

// plainNormalizer makes a record of everything that has a name, keeping the last
// telemetry it saw.
type plainNormalizer struct {
	mu   sync.Mutex
	last ptrace.Traces
}

func (n *plainNormalizer) Traces(td ptrace.Traces) (res semconv.Result) {
	n.mu.Lock()
	n.last = td
	n.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if s.Name() == "panic" {
					panic("asked for")
				}
				if s.TraceID().IsEmpty() {
					res.Rejected++
					res.Reasons = append(res.Reasons, "a span has no trace id")
					continue
				}
				res.Records = append(res.Records, llm.Record{Span: &llm.Span{Name: s.Name()}})
			}
		}
	}
	return res
}

func (n *plainNormalizer) Logs(ld plog.Logs) (res semconv.Result) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				res.Records = append(res.Records, llm.Record{Log: &llm.Log{Message: r.Body().AsString()}})
				if r.EventName() == "gen_ai.evaluation.result" {
					res.Evaluations = append(res.Evaluations, semconv.Evaluation{Name: r.Body().AsString()})
				}
			}
		}
	}
	return res
}

type harness struct {
	*Receiver
	sink *fakeSink
	norm *plainNormalizer
	reg  *prometheus.Registry
	url  string
	addr string
}

// start serves a receiver on loopback.
func start(t testing.TB, change func(*Options, *fakeSink)) *harness {
	t.Helper()
	h := &harness{sink: &fakeSink{}, norm: &plainNormalizer{}, reg: prometheus.NewRegistry()}
	o := Options{Sink: h.sink, Normalizer: h.norm, Registerer: h.reg}
	if change != nil {
		change(&o, h.sink)
	}
	var err error
	if h.Receiver, err = New(o); err != nil {
		t.Fatal(err)
	}
	h.addr = serveOn(t, h.HTTPHandler())
	h.url = "http://" + h.addr
	return h
}

func serveOn(t testing.TB, handler http.Handler) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	srv := &http.Server{Handler: handler, Protocols: &p, ReadHeaderTimeout: 10 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	return ln.Addr().String()
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

// post sends a body; headers are pairs of name and value.
func post(t testing.TB, url string, body []byte, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req, headers...)
}

func do(t testing.TB, req *http.Request, headers ...string) reply {
	t.Helper()
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, b}
}

func contentType(enc encoding) string {
	return map[encoding]string{encodingProto: typeProto, encodingJSON: typeJSON}[enc]
}

// traces builds spans with the names.
func traces(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("test.scope")
	for i, name := range names {
		s := ss.Spans().AppendEmpty()
		s.SetName(name)
		s.SetTraceID(traceID(1, uint64(i+1)))
		s.SetSpanID(spanID(uint64(i + 1)))
		s.SetKind(ptrace.SpanKindClient)
		s.SetStartTimestamp(1_700_000_000_000_000_000)
		s.SetEndTimestamp(1_700_000_001_000_000_000)
		s.Attributes().PutStr("gen_ai.request.model", "gpt-4o")
		s.Attributes().PutInt("gen_ai.usage.input_tokens", 12)
	}
	return td
}

func logs(bodies ...string) plog.Logs {
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	for _, b := range bodies {
		r := sl.LogRecords().AppendEmpty()
		r.Body().SetStr(b)
		r.SetTraceID(traceID(1, 2))
		r.SetSpanID(spanID(3))
	}
	return ld
}

func points(names ...string) pmetric.Metrics {
	md := pmetric.NewMetrics()
	sm := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	for _, n := range names {
		m := sm.Metrics().AppendEmpty()
		m.SetName(n)
		dps := m.SetEmptyGauge().DataPoints()
		for i := range 3 {
			p := dps.AppendEmpty()
			p.SetIntValue(int64(i))
			p.Attributes().PutStr("a", "b")
		}
	}
	return md
}

// encode makes a request of ptrace.Traces, plog.Logs or pmetric.Metrics.
func encode(t testing.TB, v any, enc encoding) []byte {
	t.Helper()
	var m interface {
		MarshalProto() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
	switch v := v.(type) {
	case ptrace.Traces:
		m = ptraceotlp.NewExportRequestFromTraces(v)
	case plog.Logs:
		m = plogotlp.NewExportRequestFromLogs(v)
	case pmetric.Metrics:
		m = pmetricotlp.NewExportRequestFromMetrics(v)
	default:
		t.Fatalf("%T is no telemetry", v)
	}
	b, err := m.MarshalProto()
	if enc == encodingJSON {
		b, err = m.MarshalJSON()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compress writes b in an encoding that HTTP knows.
func compress(t testing.TB, encoding string, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "", "identity":
		return b
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "zstd":
		z, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	case "deflate":
		w = zlib.NewWriter(&buf)
	case "raw deflate":
		f, err := flate.NewWriter(&buf, 5)
		if err != nil {
			t.Fatal(err)
		}
		w = f
	case "snappy":
		w = snappy.NewBufferedWriter(&buf)
	case "snappy block":
		return snappy.Encode(nil, b)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// partial reads the partial success of a traces answer.
func partial(t testing.TB, r reply) (int64, string) {
	t.Helper()
	resp := ptraceotlp.NewExportResponse()
	var err error
	if r.header.Get("Content-Type") == typeJSON {
		err = resp.UnmarshalJSON(r.body)
	} else {
		err = resp.UnmarshalProto(r.body)
	}
	if err != nil {
		t.Fatalf("%v: %q", err, r.body)
	}
	return resp.PartialSuccess().RejectedSpans(), resp.PartialSuccess().ErrorMessage()
}

// metric is the sum of a counter's or gauge's values whose labels include the pairs.
func (h *harness) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			have := map[string]string{}
			for _, l := range m.GetLabel() {
				have[l.GetName()] = l.GetValue()
			}
			match := true
			for i := 0; i+1 < len(labels); i += 2 {
				match = match && have[labels[i]] == labels[i+1]
			}
			if match {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func grpcFrame(compressed byte, msg []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{compressed}, uint32(len(msg))), msg...)
}

func wantNames(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
}

func wantText(t testing.TB, got string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("%q does not say %q", got, p)
		}
	}
}
