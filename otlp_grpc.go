package pitot

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gRPC over net/http: one unary call is a POST over HTTP/2 whose body is a
// prefix of five bytes (compressed or not, length) and the message, and whose
// outcome is in the trailers.

const grpcPrefix = 5

func putGRPCPrefix(b []byte, compressed bool) {
	b[0] = byte(boolBit(compressed))
	binary.BigEndian.PutUint32(b[1:grpcPrefix], uint32(len(b)-grpcPrefix))
}

// The codes of gRPC that mean something here.
const (
	grpcOK                = 0
	grpcCancelled         = 1
	grpcUnknown           = 2
	grpcDeadlineExceeded  = 4
	grpcPermissionDenied  = 7
	grpcResourceExhausted = 8
	grpcAborted           = 10
	grpcOutOfRange        = 11
	grpcUnimplemented     = 12
	grpcUnavailable       = 14
	grpcDataLoss          = 15
	grpcUnauthenticated   = 16
)

// attemptGRPC calls the signal's service once.
func (c *otlpClient) attemptGRPC(ctx context.Context, body *sendBuffer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header = c.cfg.headers.Clone()
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set("Grpc-Accept-Encoding", "identity")
	if c.cfg.gzip {
		req.Header.Set("Grpc-Encoding", "gzip")
	}
	if deadline, ok := ctx.Deadline(); ok {
		req.Header.Set("Grpc-Timeout", grpcTimeout(time.Until(deadline)))
	}
	c.body(req, body)
	resp, err := c.http.Do(req)
	if err != nil {
		if text := err.Error(); strings.Contains(text, "malformed HTTP") || strings.Contains(text, "frame header") || strings.Contains(text, "ALPN") {
			return &otlpRefusal{status: "not HTTP/2", message: errNotGRPC.Error()}
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, readErr := readAnswer(resp)
	if resp.StatusCode != http.StatusOK {
		return httpRefusal(c.signal, resp, answer, time.Now())
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/grpc") {
		return &otlpRefusal{status: resp.Status, message: errNotGRPC.Error()}
	}
	status := resp.Trailer
	if status.Get("Grpc-Status") == "" {
		status = resp.Header // an answer of trailers only
	}
	code, err := strconv.Atoi(status.Get("Grpc-Status"))
	if err != nil {
		if readErr != nil {
			return readErr // broken off on the way
		}
		code = grpcUnknown
	}
	if code != grpcOK {
		return grpcRefusal(c.signal, code, status)
	}
	if len(answer) >= grpcPrefix && answer[0] == 0 {
		c.partialProto(answer[grpcPrefix:])
	}
	return nil
}

// grpcTimeout is a duration as gRPC writes it: at most eight digits and a unit.
func grpcTimeout(d time.Duration) string {
	return strconv.FormatInt(min(max(d.Milliseconds(), 1), 99999999), 10) + "m"
}

func grpcRefusal(s otlpSignal, code int, status http.Header) error {
	message := status.Get("Grpc-Message")
	if plain, err := url.PathUnescape(message); err == nil {
		message = plain
	}
	r := &otlpRefusal{status: "gRPC status " + strconv.Itoa(code), message: shortAnswer(message)}
	after, asked := retryInfo(status.Get("Grpc-Status-Details-Bin"))
	r.after = after
	switch code {
	case grpcCancelled, grpcDeadlineExceeded, grpcAborted, grpcOutOfRange, grpcUnavailable, grpcDataLoss:
		r.retry = true
	case grpcResourceExhausted: // for good, unless the backend says when to come again
		r.retry = asked
	case grpcPermissionDenied, grpcUnauthenticated:
		r.hint = "check OTEL_EXPORTER_OTLP_HEADERS"
	case grpcUnimplemented:
		r.hint = "if the backend takes no " + s.String() + ", set OTEL_" + s.variable() + "_EXPORTER=none"
	}
	return r
}

// retryInfo finds google.rpc.RetryInfo among the details of a google.rpc.Status:
// details is the Status' field 3, an Any of a type (1) and a value (2); the
// RetryInfo's field 1 is a Duration of seconds (1) and nanoseconds (2).
func retryInfo(header string) (after time.Duration, ok bool) {
	if header == "" {
		return 0, false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(header, "="))
	if err != nil {
		return 0, false
	}
	for _, detail := range wireFields(raw, 3) {
		var kind string
		for _, t := range wireFields(detail.b, 1) {
			kind = string(t.b)
		}
		if !strings.HasSuffix(kind, "/google.rpc.RetryInfo") {
			continue
		}
		ok = true
		for _, value := range wireFields(detail.b, 2) {
			for _, delay := range wireFields(value.b, 1) {
				after = rpcDuration(delay.b)
			}
		}
	}
	return after, ok
}

func rpcDuration(b []byte) time.Duration {
	var d time.Duration
	for _, f := range wireFields(b, 1) {
		d += time.Duration(min(f.n, 86400)) * time.Second
	}
	for _, f := range wireFields(b, 2) {
		d += time.Duration(min(f.n, uint64(time.Second)))
	}
	return d
}

// fieldsOf are the fields of a message with that number, as far as it can be read.
func wireFields(b []byte, num int) []wireField {
	var out []wireField
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return out
		}
		if f.num == num {
			out = append(out, f)
		}
		b = rest
	}
	return out
}
