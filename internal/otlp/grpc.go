package otlp

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// gRPC over net/http: a call is a POST whose body is one message behind five
// bytes (compressed or not, and its length); the status is in the trailers.

const typeGRPC = "application/grpc"

// frameHead is the length of what is before a message.
const frameHead = 5

func isGRPC(req *http.Request) bool {
	rest, ok := strings.CutPrefix(req.Header.Get("Content-Type"), typeGRPC)
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

func (r *Receiver) serveGRPC(w http.ResponseWriter, req *http.Request) {
	a := answer{signal: routeGRPC(req.URL.Path), transport: "grpc", asText: true}
	if req.ProtoMajor < 2 {
		r.refuse(w, req, a, fail(http.StatusHTTPVersionNotSupported, "gRPC needs HTTP/2: is a proxy in between that speaks HTTP/1.1 only? OTLP over HTTP works through it"))
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeGRPC)
	h.Set("Grpc-Accept-Encoding", "identity,gzip,zstd,deflate,snappy")
	h.Set("Trailer", "Grpc-Status, Grpc-Message, Grpc-Status-Details-Bin")
	rej, f := r.callGRPC(w, req, a.signal)
	if f != nil {
		r.refuseGRPC(w, a, f)
		return
	}
	message := rej.message(a.signal)
	if rej.n > 0 {
		r.report(a.signal, a.transport, message)
	}
	var resp []byte
	if a.signal == signalNone {
		resp = []byte{0x08, 0x01} // of the health service: SERVING
	} else {
		var err error
		if resp, err = exportResponse(a.signal, encodingProto, rej.n, message); err != nil {
			r.refuseGRPC(w, a, failureOf(req.Context(), err))
			return
		}
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 1, frameHead+len(resp)), uint32(len(resp)))
	r.metrics.requests.WithLabelValues(a.signal.String(), a.transport, codes.OK.String()).Inc()
	_, _ = w.Write(append(frame, resp...)) // an error means that the client is gone
	h.Set("Grpc-Status", "0")
}

func (r *Receiver) callGRPC(w http.ResponseWriter, req *http.Request, s signal) (rejects, *failure) {
	if s == signalNone && req.URL.Path != methodHealth {
		return rejects{}, fail(http.StatusNotImplemented, unknownMethod(req.URL.Path))
	}
	ctx := req.Context()
	if d, ok := grpcTimeout(req.Header.Get("Grpc-Timeout")); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	if f := r.enter(); f != nil {
		return rejects{}, f
	}
	defer r.leave()
	l := &lease{b: r.budget}
	defer l.release()
	body := paced(w, req.Body)
	msg, err := r.readFrame(ctx, l, body, req.Header.Get("Grpc-Encoding"))
	if err != nil {
		body.drain()
	}
	body.finish()
	if err != nil {
		return rejects{}, failureOf(ctx, err)
	}
	defer r.pools.putBuffer(msg)
	if s == signalNone {
		return rejects{}, nil
	}
	return r.export(ctx, l, s, encodingProto, msg)
}

// readFrame reads the message of a call.
func (r *Receiver) readFrame(ctx context.Context, l *lease, body io.Reader, encoding string) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(body, head[:]); err != nil {
		return nil, r.readFailure(ctx, err, "")
	}
	length := int64(binary.BigEndian.Uint32(head[1:]))
	switch head[0] {
	case 0:
		encoding = ""
	case 1:
		if encoding == "" {
			return nil, fail(http.StatusInternalServerError, "the message is marked as compressed, and grpc-encoding is missing")
		}
	default:
		return nil, fail(http.StatusBadRequest, "this is not a gRPC message")
	}
	frame := &io.LimitedReader{R: body, N: length}
	msg, err := r.readMessage(ctx, l, frame, encoding, length)
	if err != nil {
		return nil, err
	}
	if encoding == "" && int64(len(msg)) < length {
		r.pools.putBuffer(msg)
		return nil, r.readFailure(ctx, io.ErrUnexpectedEOF, "")
	}
	return msg, nil
}

// refuseGRPC answers with a failure, in the trailers.
func (r *Receiver) refuseGRPC(w http.ResponseWriter, a answer, f *failure) {
	r.metrics.requests.WithLabelValues(a.signal.String(), a.transport, f.code().String()).Inc()
	if f.retry == 0 && f.status != statusGone {
		r.report(a.signal, a.transport, f.message)
	}
	h := w.Header()
	h.Set("Grpc-Status", strconv.Itoa(int(f.code())))
	h.Set("Grpc-Message", escapeMessage(f.message))
	if details, err := proto.Marshal(f.proto()); err == nil {
		h.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
	}
}

// grpcTimeout parses a grpc-timeout header.
func grpcTimeout(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 { // eight digits at most, and a unit
		return 0, false
	}
	unit, ok := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if !ok || err != nil || n > uint64(24*time.Hour/unit) {
		return 0, false // longer than a day is as good as none
	}
	return time.Duration(n) * unit, true
}

// escapeMessage percent-encodes what a header cannot carry.
func escapeMessage(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
