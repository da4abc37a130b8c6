package forward

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// otlpGRPC is OTLP over gRPC.
type otlpGRPC struct {
	conn    *grpc.ClientConn
	spans   ptraceotlp.GRPCClient
	records plogotlp.GRPCClient
	header  metadata.MD
	timeout time.Duration
}

func newGRPC(d *Destination, userAgent string) (*otlpGRPC, error) {
	addr, secure, err := d.hostPort()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	creds := insecure.NewCredentials()
	if secure {
		t, err := tlsOf(d.TLS)
		if err != nil {
			return nil, err
		}
		creds = credentials.NewTLS(t)
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithUserAgent(userAgent),
		// The service config would be looked up in the DNS, and the retries are ours.
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
	}
	if d.Compression == compressGzip {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	if d.Proxy == proxyNone {
		opts = append(opts, grpc.WithNoProxy())
	}
	conn, err := grpc.NewClient("dns:///"+addr, opts...)
	if err != nil {
		return nil, err
	}
	md := metadata.MD{}
	for k, v := range headersOf(d, userAgent) {
		if k = strings.ToLower(k); k != "user-agent" {
			md.Set(k, v...)
		}
	}
	return &otlpGRPC{
		conn: conn, spans: ptraceotlp.NewGRPCClient(conn), records: plogotlp.NewGRPCClient(conn), header: md, timeout: time.Duration(d.Timeout),
	}, nil
}

func (t *otlpGRPC) context(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(metadata.NewOutgoingContext(ctx, t.header), t.timeout)
}

func (t *otlpGRPC) traces(ctx context.Context, r ptraceotlp.ExportRequest) (refused int64, message string, err error) {
	ctx, cancel := t.context(ctx)
	defer cancel()
	resp, err := t.spans.Export(ctx, r)
	if err != nil {
		return 0, "", err
	}
	return resp.PartialSuccess().RejectedSpans(), resp.PartialSuccess().ErrorMessage(), nil
}

func (t *otlpGRPC) logs(ctx context.Context, r plogotlp.ExportRequest) (refused int64, message string, err error) {
	ctx, cancel := t.context(ctx)
	defer cancel()
	resp, err := t.records.Export(ctx, r)
	if err != nil {
		return 0, "", err
	}
	return resp.PartialSuccess().RejectedLogRecords(), resp.PartialSuccess().ErrorMessage(), nil
}

func (t *otlpGRPC) close() { _ = t.conn.Close() } // it is closed either way

func (t *otlpGRPC) failed(items []*item, err error) answer {
	st := status.Convert(err)
	shown := fmt.Errorf("answer %s: %s", st.Code(), excerpt([]byte(st.Message())))
	a := answer{err: shown, class: again}
	asked := false
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			asked = true
			a.after = min(max(info.GetRetryDelay().AsDuration(), 0), maxRetryAfter)
		}
	}
	switch st.Code() {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists:
		settle(items, dropped, reasonRejected)
		return answer{refusal: shown}
	case codes.ResourceExhausted:
		if !asked && strings.Contains(st.Message(), "larger than max") {
			a.class = split // grpc servers take 4 MiB unless told otherwise
		}
	case codes.Unauthenticated, codes.PermissionDenied:
		a.err = fmt.Errorf("%w: check the credentials and what they allow", shown)
	case codes.Unimplemented:
		a.err = fmt.Errorf("%w: check the url and the protocol of the destination", shown)
	case codes.Internal, codes.Unknown, codes.NotFound:
		if !asked {
			a.class = few
		}
	default: // Unavailable, DeadlineExceeded, Canceled, Aborted, OutOfRange, DataLoss: as the protocol has it
	}
	return a
}
