package harness

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what gRPC senders compress with
	"google.golang.org/grpc/metadata"
)

// Received is one OTLP request: a line of a recording.
type Received struct {
	Signal  string            `json:"signal"` // traces, logs or metrics
	Path    string            `json:"path"`   // of the URL; the full method of gRPC
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"` // OTLP JSON
}

// Receiver takes OTLP by HTTP and gRPC and keeps it.
type Receiver struct {
	http  *http.Server
	grpc  *grpc.Server
	wg    sync.WaitGroup
	httpL net.Listener
	grpcL net.Listener

	mu    sync.Mutex
	got   []Received
	other []string
}

// maxBody bounds one OTLP request.
const maxBody = 64 << 20

// StartReceiver listens on two loopback ports until Close.
func StartReceiver(ctx context.Context) (*Receiver, error) {
	r := &Receiver{}
	var lc net.ListenConfig
	var err error
	if r.httpL, err = lc.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start receiver: %w", err)
	}
	if r.grpcL, err = lc.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		r.httpL.Close()
		return nil, fmt.Errorf("start receiver: %w", err)
	}
	r.http = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	r.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(maxBody))
	ptraceotlp.RegisterGRPCServer(r.grpc, &grpcTraces{r: r})
	plogotlp.RegisterGRPCServer(r.grpc, &grpcLogs{r: r})
	pmetricotlp.RegisterGRPCServer(r.grpc, &grpcMetrics{r: r})
	r.wg.Go(func() { _ = r.http.Serve(r.httpL) })
	r.wg.Go(func() { _ = r.grpc.Serve(r.grpcL) })
	return r, nil
}

// Close ends the receiver.
func (r *Receiver) Close() {
	_ = r.http.Close()
	r.grpc.Stop()
	r.wg.Wait()
}

// Addresses are where the receiver takes OTLP.
func (r *Receiver) Addresses() (httpURL, grpcAddr string) {
	return "http://" + r.httpL.Addr().String(), r.grpcL.Addr().String()
}

// Got is what was received so far, in order, and the other requests that came.
func (r *Receiver) Got() (got []Received, other []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Received(nil), r.got...), append([]string(nil), r.other...)
}

func (r *Receiver) keep(signal, path, contentType, agent string, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, Received{
		Signal: signal, Path: path, Headers: map[string]string{"content-type": contentType, "user-agent": agent}, Body: body,
	})
}

// ServeHTTP takes OTLP at every path that ends as OTLP's do, and says yes to
// everything else, as a vendor's server would.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	signal := ""
	for _, s := range []string{"traces", "logs", "metrics"} {
		if strings.HasSuffix(strings.TrimSuffix(q.URL.Path, "/"), "/v1/"+s) {
			signal = s
		}
	}
	body, err := readBody(q)
	if signal == "" || err != nil {
		r.mu.Lock()
		r.other = append(r.other, fmt.Sprintf("%s %s %s", q.Method, q.URL.Path, q.Header.Get("Content-Type")))
		r.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
		return
	}
	contentType, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type"))
	isJSON := contentType == "application/json"
	text, err := toJSON(signal, body, isJSON)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.keep(signal, q.URL.Path, contentType, q.UserAgent(), text)
	w.Header().Set("Content-Type", contentType)
	if isJSON {
		_, _ = io.WriteString(w, "{}")
	}
}

func readBody(q *http.Request) ([]byte, error) {
	var body io.Reader = q.Body
	if q.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(q.Body)
		if err != nil {
			return nil, err
		}
		body = z
	}
	return io.ReadAll(io.LimitReader(body, maxBody))
}

// request is what the three kinds of OTLP request have in common.
type request interface {
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
	MarshalJSON() ([]byte, error)
}

func toJSON(signal string, body []byte, isJSON bool) ([]byte, error) {
	var q request
	switch signal {
	case "traces":
		t := ptraceotlp.NewExportRequest()
		q = &t
	case "logs":
		l := plogotlp.NewExportRequest()
		q = &l
	default:
		m := pmetricotlp.NewExportRequest()
		q = &m
	}
	var err error
	if isJSON {
		err = q.UnmarshalJSON(body)
	} else {
		err = q.UnmarshalProto(body)
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", signal, err)
	}
	return q.MarshalJSON()
}

func (r *Receiver) keepGRPC(ctx context.Context, signal, method string, q request) error {
	text, err := q.MarshalJSON()
	if err != nil {
		return err
	}
	md, _ := metadata.FromIncomingContext(ctx)
	r.keep(signal, method, strings.Join(md.Get("content-type"), ""), strings.Join(md.Get("user-agent"), ""), text)
	return nil
}

type grpcTraces struct {
	ptraceotlp.UnimplementedGRPCServer
	r *Receiver
}

// Export takes spans.
func (g *grpcTraces) Export(ctx context.Context, q ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), g.r.keepGRPC(ctx, "traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", &q)
}

type grpcLogs struct {
	plogotlp.UnimplementedGRPCServer
	r *Receiver
}

// Export takes log records.
func (g *grpcLogs) Export(ctx context.Context, q plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), g.r.keepGRPC(ctx, "logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export", &q)
}

type grpcMetrics struct {
	pmetricotlp.UnimplementedGRPCServer
	r *Receiver
}

// Export takes metrics.
func (g *grpcMetrics) Export(ctx context.Context, q pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), g.r.keepGRPC(ctx, "metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", &q)
}
