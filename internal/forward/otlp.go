package forward

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// otlp sends to an OTLP endpoint: calls and spans as traces, logs as logs.
type otlp struct {
	appendTraces func(ptrace.Traces, []llm.Record)
	appendLogs   func(plog.Logs, []llm.Record)
	transport    otlpTransport
}

// otlpTransport carries export requests. refused counts the spans or logs that
// the receiver did not take, and message says why.
type otlpTransport interface {
	traces(ctx context.Context, r ptraceotlp.ExportRequest) (refused int64, message string, err error)
	logs(ctx context.Context, r plogotlp.ExportRequest) (refused int64, message string, err error)
	// failed says what an error means for the items of the request.
	failed(items []*item, err error) answer
	close()
}

func newOTLP(d *Destination, o *Options) (*otlp, error) {
	s := &otlp{appendTraces: o.AppendTraces, appendLogs: o.AppendLogs}
	if d.Protocol == ProtocolGRPC {
		t, err := newGRPC(d, o.UserAgent)
		if err != nil {
			return nil, err
		}
		s.transport = t
		return s, nil
	}
	h, err := newHTTPSender(d, o.UserAgent)
	if err != nil {
		return nil, err
	}
	s.transport = otlpHTTP{h}
	return s, nil
}

func (s *otlp) close() { s.transport.close() }

func (s *otlp) send(ctx context.Context, items []*item) answer {
	var spans, logs []*item
	var spanRecs, logRecs []llm.Record
	for _, it := range items {
		if it.kind == KindLogs {
			logs, logRecs = append(logs, it), append(logRecs, it.rec)
		} else {
			spans, spanRecs = append(spans, it), append(spanRecs, it.rec)
		}
	}
	var a answer
	if len(spans) > 0 {
		td := ptrace.NewTraces()
		s.appendTraces(td, spanRecs)
		refused, message, err := s.transport.traces(ctx, ptraceotlp.NewExportRequestFromTraces(td))
		a.merge(s.booked(spans, refused, message, err))
	}
	if len(logs) > 0 {
		ld := plog.NewLogs()
		s.appendLogs(ld, logRecs)
		refused, message, err := s.transport.logs(ctx, plogotlp.NewExportRequestFromLogs(ld))
		a.merge(s.booked(logs, refused, message, err))
	}
	return a
}

// booked settles the items of one request. OTLP tells only how many were
// refused, not which: as many of the last ones are counted so.
func (s *otlp) booked(items []*item, refused int64, message string, err error) answer {
	if err != nil {
		return s.transport.failed(items, err)
	}
	n := int(min(max(refused, 0), int64(len(items))))
	settle(items[len(items)-n:], dropped, reasonRejected)
	settle(items, sent, "")
	if n > 0 {
		return answer{refusal: fmt.Errorf("the receiver took all but %d of %d: %s", n, len(items), excerpt([]byte(message)))}
	}
	return answer{}
}

// otlpHTTP is OTLP over HTTP, as protobuf.
type otlpHTTP struct{ http *httpSender }

const protobufType = "application/x-protobuf"

func (t otlpHTTP) traces(ctx context.Context, r ptraceotlp.ExportRequest) (refused int64, message string, err error) {
	body, err := r.MarshalProto()
	if err != nil {
		return 0, "", fmt.Errorf("encode traces: %w", err)
	}
	b, header, err := t.http.post(ctx, "/v1/traces", protobufType, body)
	if err != nil {
		return 0, "", err
	}
	resp := ptraceotlp.NewExportResponse()
	if isProtobuf(header) && resp.UnmarshalProto(b) == nil {
		refused, message = resp.PartialSuccess().RejectedSpans(), resp.PartialSuccess().ErrorMessage()
	}
	return refused, message, nil
}

func (t otlpHTTP) logs(ctx context.Context, r plogotlp.ExportRequest) (refused int64, message string, err error) {
	body, err := r.MarshalProto()
	if err != nil {
		return 0, "", fmt.Errorf("encode logs: %w", err)
	}
	b, header, err := t.http.post(ctx, "/v1/logs", protobufType, body)
	if err != nil {
		return 0, "", err
	}
	resp := plogotlp.NewExportResponse()
	if isProtobuf(header) && resp.UnmarshalProto(b) == nil {
		refused, message = resp.PartialSuccess().RejectedLogRecords(), resp.PartialSuccess().ErrorMessage()
	}
	return refused, message, nil
}

func (otlpHTTP) failed(items []*item, err error) answer { return failed(items, err) }

func (t otlpHTTP) close() { t.http.close() }

// isProtobuf reports whether an answer is what the protocol asks for. Receivers
// that take everything often answer something else.
func isProtobuf(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), protobufType)
}
