package pitot

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// backend is an http.RoundTripper that answers as told.
type backend struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   [][]byte
	at       []time.Time
	answer   func(n int, req *http.Request) (*http.Response, error) // n from 1
}

func (b *backend) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	_ = req.Body.Close()
	b.mu.Lock()
	b.requests, b.bodies, b.at = append(b.requests, req), append(b.bodies, body), append(b.at, time.Now())
	n := len(b.requests)
	b.mu.Unlock()
	return b.answer(n, req)
}

func answered(status int, header map[string]string, body string) *http.Response {
	h := http.Header{}
	for k, v := range header {
		h.Set(k, v)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, Trailer: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func grpcAnswered(trailer map[string]string, message []byte) *http.Response {
	resp := answered(200, map[string]string{"Content-Type": "application/grpc"}, "")
	if message != nil {
		framed := append(make([]byte, 5), message...)
		putGRPCPrefix(framed, false)
		resp.Body = io.NopCloser(bytes.NewReader(framed))
	}
	for k, v := range trailer {
		resp.Trailer.Set(k, v)
	}
	return resp
}

// testClient is a client of traces to b, and what it logs.
func testClient(b *backend, change func(*signalConfig)) (*otlpClient, *syncBuffer) {
	logged := &syncBuffer{}
	cfg := signalConfig{otlp: true, url: "http://backend:4318/v1/traces", protocol: HTTPProtobuf, timeout: 10 * time.Second, headers: http.Header{"X-Test": {"1"}}}
	if change != nil {
		change(&cfg)
	}
	log := slog.New(slog.NewTextHandler(logged, nil))
	return &otlpClient{
		signal: signalTraces, cfg: cfg, http: &http.Client{Transport: b, CheckRedirect: noRedirect}, link: newBackendLink("http://backend:4318", log),
		shapes: newOTLPShapes(), closing: make(chan struct{}),
	}, logged
}

func oneSpan(b []byte) []byte {
	return pbTraces(b, []endedSpan{{tracetest.SpanStub{Name: "x", Resource: resource.Empty()}.Snapshot(), false}})
}

func TestHTTPRequest(t *testing.T) {
	b := &backend{answer: func(int, *http.Request) (*http.Response, error) { return answered(200, nil, ""), nil }}
	for _, tc := range []struct {
		name   string
		change func(*signalConfig)
		kind   string
	}{
		{"protobuf", nil, "application/x-protobuf"},
		{"gzip", func(c *signalConfig) { c.gzip = true }, "application/x-protobuf"},
		{"json", func(c *signalConfig) { c.protocol = HTTPJSON }, "application/json"},
		{"json and gzip", func(c *signalConfig) { c.protocol, c.gzip = HTTPJSON, true }, "application/json"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := testClient(b, tc.change)
			for range 2 { // the second with buffers and gzip writers of the first
				if err := c.send(t.Context(), oneSpan); err != nil {
					t.Fatal(err)
				}
			}
			req, body := b.requests[len(b.requests)-1], b.bodies[len(b.bodies)-1]
			if req.Method != http.MethodPost || req.URL.String() != c.cfg.url || req.Header.Get("X-Test") != "1" || req.Header.Get("Content-Type") != tc.kind {
				t.Errorf("%s %s %v", req.Method, req.URL, req.Header)
			}
			if req.ContentLength != int64(len(body)) {
				t.Errorf("content length %d of %d", req.ContentLength, len(body))
			}
			if c.cfg.gzip {
				if req.Header.Get("Content-Encoding") != "gzip" {
					t.Error("no content encoding")
				}
				z, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
			}
			r := ptraceotlp.NewExportRequest()
			var err error
			if c.cfg.protocol == HTTPJSON {
				err = r.UnmarshalJSON(body)
			} else {
				err = r.UnmarshalProto(body)
			}
			if err != nil || r.Traces().SpanCount() != 1 {
				t.Errorf("%d spans, %v", r.Traces().SpanCount(), err)
			}
		})
	}
}

func TestRetryUntilItIsTaken(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer *http.Response
		err    error
	}{
		{name: "connection refused", err: errors.New("connection refused")},
		{name: "503", answer: answered(503, nil, "")},
		{name: "429 with Retry-After", answer: answered(429, map[string]string{"Retry-After": "3"}, "")},
		{name: "502", answer: answered(502, nil, "<html>bad gateway</html>")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{answer: func(n int, _ *http.Request) (*http.Response, error) {
					if n <= 2 {
						return tc.answer, tc.err
					}
					return answered(200, nil, ""), nil
				}}
				c, logged := testClient(b, nil)
				if err := c.send(t.Context(), oneSpan); err != nil {
					t.Fatal(err)
				}
				if len(b.requests) != 3 || !bytes.Equal(b.bodies[0], b.bodies[2]) || len(b.bodies[2]) == 0 {
					t.Errorf("%d requests", len(b.requests))
				}
				if wait := b.at[1].Sub(b.at[0]); wait < minBackoff/2 || (strings.Contains(tc.name, "Retry-After") && wait < 3*time.Second) {
					t.Errorf("came again after %v", wait)
				}
				if logged.String() != "" {
					t.Errorf("logged %s", logged)
				}
			})
		})
	}
}

func TestRetriesEndWithTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(int, *http.Request) (*http.Response, error) { return answered(503, nil, ""), nil }}
		c, logged := testClient(b, func(s *signalConfig) { s.timeout = 4 * time.Second })
		start := time.Now()
		if err := c.send(t.Context(), oneSpan); err == nil {
			t.Error("delivered")
		}
		if took := time.Since(start); took > 4*time.Second || len(b.requests) < 3 {
			t.Errorf("%d requests in %v", len(b.requests), took)
		}
		if n := strings.Count(logged.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings: %s", n, logged)
		}
	})
}

func TestALongRetryAfterIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(int, *http.Request) (*http.Response, error) {
			return answered(503, map[string]string{"Retry-After": "3600"}, ""), nil
		}}
		c, _ := testClient(b, nil)
		start := time.Now()
		if err := c.send(t.Context(), oneSpan); err == nil || len(b.requests) != 1 || time.Since(start) != 0 {
			t.Errorf("%v, %d requests, %v", err, len(b.requests), time.Since(start))
		}
	})
}

func TestOneWarningWhileAwayOneLineWhenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := false
		b := &backend{answer: func(int, *http.Request) (*http.Response, error) {
			if up {
				return answered(200, nil, ""), nil
			}
			return nil, errors.New("dial tcp: connection refused")
		}}
		c, logged := testClient(b, nil)
		for range 5 {
			_ = c.send(t.Context(), oneSpan)
		}
		if n := strings.Count(logged.String(), "\n"); n != 1 || !strings.Contains(logged.String(), "level=WARN") || !strings.Contains(logged.String(), "http://backend:4318") {
			t.Errorf("%d lines: %s", n, logged)
		}
		up = true
		for range 3 {
			_ = c.send(t.Context(), oneSpan)
		}
		if n := strings.Count(logged.String(), "\n"); n != 2 || strings.Count(logged.String(), "delivered again") != 1 {
			t.Errorf("%d lines: %s", n, logged)
		}
		// It comes and goes: that is not told each time.
		for range 10 {
			up = !up
			_ = c.send(t.Context(), oneSpan)
		}
		if n := strings.Count(logged.String(), "level=WARN"); n > 2 || strings.Count(logged.String(), "delivered again") > n {
			t.Errorf("%d warnings: %s", n, logged)
		}
	})
}

func TestRefusalsAreNotRetried(t *testing.T) {
	for status, hint := range map[int]string{
		400: "invalid: the field", 401: "OTEL_EXPORTER_OTLP_HEADERS", 404: "OTEL_TRACES_EXPORTER=none", 413: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 415: "OTEL_EXPORTER_OTLP_PROTOCOL", 301: "OTEL_EXPORTER_OTLP_ENDPOINT",
	} {
		b := &backend{answer: func(int, *http.Request) (*http.Response, error) {
			return answered(status, map[string]string{"Content-Type": "application/json", "Location": "http://elsewhere/"}, `{"code":3,"message":"invalid: the field"}`), nil
		}}
		c, logged := testClient(b, nil)
		for range 3 {
			if err := c.send(t.Context(), oneSpan); err == nil {
				t.Errorf("%d: delivered", status)
			}
		}
		if len(b.requests) != 3 {
			t.Errorf("%d: %d requests for 3 messages", status, len(b.requests))
		}
		if n := strings.Count(logged.String(), "\n"); n != 1 || !strings.Contains(logged.String(), hint) {
			t.Errorf("%d: %d lines: %s", status, n, logged)
		}
	}
}

func TestPartialSuccessIsOneWarning(t *testing.T) {
	resp := ptraceotlp.NewExportResponse()
	resp.PartialSuccess().SetRejectedSpans(7)
	resp.PartialSuccess().SetErrorMessage("too old")
	proto, err := resp.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	text, err := resp.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		protocol Protocol
		answer   func() *http.Response
	}{
		"protobuf": {HTTPProtobuf, func() *http.Response {
			return answered(200, map[string]string{"Content-Type": "application/x-protobuf"}, string(proto))
		}},
		"json": {HTTPJSON, func() *http.Response {
			return answered(200, map[string]string{"Content-Type": "application/json"}, string(text))
		}},
		"grpc": {GRPC, func() *http.Response { return grpcAnswered(map[string]string{"Grpc-Status": "0"}, proto) }},
	} {
		t.Run(name, func(t *testing.T) {
			b := &backend{answer: func(int, *http.Request) (*http.Response, error) { return tc.answer(), nil }}
			c, logged := testClient(b, func(s *signalConfig) { s.protocol = tc.protocol })
			for range 3 {
				if err := c.send(t.Context(), oneSpan); err != nil {
					t.Fatal(err)
				}
			}
			if n := strings.Count(logged.String(), "\n"); n != 1 || !strings.Contains(logged.String(), "rejected=7") || !strings.Contains(logged.String(), "too old") {
				t.Errorf("%d lines: %s", n, logged)
			}
		})
	}
}

func TestGRPCRequest(t *testing.T) {
	for _, zipped := range []bool{false, true} {
		b := &backend{answer: func(int, *http.Request) (*http.Response, error) {
			return grpcAnswered(map[string]string{"Grpc-Status": "0"}, []byte{}), nil
		}}
		c, logged := testClient(b, func(s *signalConfig) { s.protocol, s.gzip = GRPC, zipped })
		if err := c.send(t.Context(), oneSpan); err != nil {
			t.Fatal(err, logged)
		}
		req, body := b.requests[0], b.bodies[0]
		if req.Header.Get("Content-Type") != "application/grpc" || req.Header.Get("Te") != "trailers" || !strings.HasSuffix(req.Header.Get("Grpc-Timeout"), "m") {
			t.Errorf("%v", req.Header)
		}
		if (body[0] == 1) != zipped || (req.Header.Get("Grpc-Encoding") == "gzip") != zipped {
			t.Errorf("flag %d, encoding %q", body[0], req.Header.Get("Grpc-Encoding"))
		}
		if n := int(body[1])<<24 | int(body[2])<<16 | int(body[3])<<8 | int(body[4]); n != len(body)-5 {
			t.Errorf("length %d of %d", n, len(body)-5)
		}
	}
}

// statusDetails is a google.rpc.Status with a RetryInfo of that many seconds.
func statusDetails(seconds uint64) string {
	delay := pbVarint(nil, 1, seconds)
	info := pbBytes(nil, 1, delay)
	detail := pbText(nil, 1, "type.googleapis.com/google.rpc.RetryInfo")
	detail = pbBytes(detail, 2, info)
	status := pbVarint(nil, 1, grpcResourceExhausted)
	status = pbBytes(status, 3, detail)
	return base64.RawStdEncoding.EncodeToString(status)
}

func TestGRPCStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		trailer  map[string]string
		requests int
		wait     time.Duration
		says     string
	}{
		"unavailable":                       {map[string]string{"Grpc-Status": "14", "Grpc-Message": "come%20again"}, 2, 0, ""},
		"resource exhausted":                {map[string]string{"Grpc-Status": "8", "Grpc-Message": "quota"}, 1, 0, "quota"},
		"resource exhausted with RetryInfo": {map[string]string{"Grpc-Status": "8", "Grpc-Status-Details-Bin": statusDetails(5)}, 2, 5 * time.Second, ""},
		"unauthenticated":                   {map[string]string{"Grpc-Status": "16"}, 1, 0, "OTEL_EXPORTER_OTLP_HEADERS"},
		"unimplemented":                     {map[string]string{"Grpc-Status": "12"}, 1, 0, "OTEL_TRACES_EXPORTER=none"},
		"invalid argument":                  {map[string]string{"Grpc-Status": "3", "Grpc-Message": "b%C3%A4d"}, 1, 0, "bäd"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &backend{answer: func(n int, _ *http.Request) (*http.Response, error) {
					if n == 1 {
						return grpcAnswered(tc.trailer, nil), nil
					}
					return grpcAnswered(map[string]string{"Grpc-Status": "0"}, nil), nil
				}}
				c, logged := testClient(b, func(s *signalConfig) { s.protocol = GRPC })
				err := c.send(t.Context(), oneSpan)
				if (err == nil) != (tc.requests > 1) || len(b.requests) != tc.requests {
					t.Errorf("%v after %d requests", err, len(b.requests))
				}
				if tc.wait > 0 && b.at[1].Sub(b.at[0]) < tc.wait {
					t.Errorf("came again after %v", b.at[1].Sub(b.at[0]))
				}
				if !strings.Contains(logged.String(), tc.says) {
					t.Errorf("logged %s", logged)
				}
			})
		})
	}
}

func TestGRPCAnswerOfTrailersOnly(t *testing.T) {
	b := &backend{answer: func(int, *http.Request) (*http.Response, error) {
		return answered(200, map[string]string{"Content-Type": "application/grpc", "Grpc-Status": "3"}, ""), nil
	}}
	c, logged := testClient(b, func(s *signalConfig) { s.protocol = GRPC })
	if err := c.send(t.Context(), oneSpan); err == nil || !strings.Contains(logged.String(), "gRPC status 3") {
		t.Errorf("%v %s", err, logged)
	}
}

func TestABackendThatDoesNotSpeakGRPC(t *testing.T) {
	b := &backend{answer: func(int, *http.Request) (*http.Response, error) {
		return answered(200, map[string]string{"Content-Type": "text/html"}, "<html>"), nil
	}}
	c, logged := testClient(b, func(s *signalConfig) { s.protocol = GRPC })
	if err := c.send(t.Context(), oneSpan); err == nil || !strings.Contains(logged.String(), "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf") {
		t.Errorf("%v %s", err, logged)
	}
}

func TestSecretsStayOutOfWarnings(t *testing.T) {
	secret := "sk-" + strings.Repeat("x", 40)
	b := &backend{answer: func(int, *http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }}
	c, logged := testClient(b, func(s *signalConfig) {
		s.url = "http://user:" + secret + "@backend/v1/traces?key=" + secret
		s.timeout = time.Millisecond
		s.headers.Set("Authorization", secret)
	})
	_ = c.send(t.Context(), oneSpan)
	if logged.String() == "" || strings.Contains(logged.String(), secret) {
		t.Errorf("logged %s", logged)
	}
	if shown := shownURL(c.cfg.url); shown != "http://backend" {
		t.Errorf("shown as %s", shown)
	}
}

func TestConsole(t *testing.T) {
	c, _ := testClient(nil, nil)
	var out bytes.Buffer
	c.http, c.console = nil, &out
	for range 2 {
		if err := c.send(t.Context(), oneSpan); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !json.Valid([]byte(lines[0])) || !strings.Contains(lines[1], `"name":"x"`) {
		t.Errorf("%q", lines)
	}
}

func TestClosingDoesNotWaitForABackendThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{answer: func(int, *http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }}
		c, _ := testClient(b, nil)
		close(c.closing)
		start := time.Now()
		if err := c.send(context.Background(), oneSpan); err == nil {
			t.Error("delivered")
		}
		if took := time.Since(start); took > time.Second || len(b.requests) != closingAttempts {
			t.Errorf("%d requests in %v", len(b.requests), took)
		}
		if err := c.send(context.Background(), oneSpan); err == nil || len(b.requests) != closingAttempts+1 {
			t.Errorf("%d requests: it was known to be away", len(b.requests))
		}
	})
}

func FuzzRetryInfo(f *testing.F) {
	f.Add(statusDetails(5))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, header string) {
		if d, _ := retryInfo(header); d < 0 || d > 25*time.Hour {
			t.Errorf("%v", d)
		}
	})
}
