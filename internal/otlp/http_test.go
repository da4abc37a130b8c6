package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pitot-dev/pitot/internal/semconv"
)

// prefixes are what senders of other products put before /v1/traces.
var prefixes = []string{
	"", "/", "/api/public/otel", "/otel", "/api/v1/otel", "/api/v1/private/otel", "/opik/api/v1/private/otel", "/api/otel",
}

func TestEveryEncodingSignalAndPrefix(t *testing.T) {
	h := start(t, nil)
	for _, prefix := range prefixes {
		for _, enc := range []encoding{encodingProto, encodingJSON} {
			for _, compression := range []string{"", "identity", "gzip", "zstd", "deflate", "raw deflate", "snappy", "snappy block"} {
				for s, v := range map[signal]any{signalTraces: traces("a", "b"), signalLogs: logs("a", "b"), signalMetrics: points("a", "b")} {
					h.sink.names = nil
					name, _, _ := strings.Cut(strings.TrimPrefix(compression, "raw "), " ")
					r := post(t, h.url+prefix+"/v1/"+s.String(), compress(t, compression, encode(t, v, enc)),
						"Content-Type", contentType(enc)+"; charset=utf-8", "Content-Encoding", name,
						"Authorization", "Basic "+strings.Repeat("x", 20))
					if r.status != http.StatusOK {
						t.Fatalf("%s/v1/%s %s %s: %d %q", prefix, s, contentType(enc), compression, r.status, r.body)
					}
					wantNames(t, h.sink.got(), "a", "b")
					if got := r.header.Get("Content-Type"); got != contentType(enc) {
						t.Errorf("answer is %q, want %q", got, contentType(enc))
					}
					if enc == encodingProto && len(r.body) != 0 {
						t.Errorf("full success has a body: %q", r.body)
					}
				}
			}
		}
	}
	if n := h.metric(t, "pitot_otlp_in_flight_bytes"); n != 0 {
		t.Errorf("%v bytes are in flight when nothing is", n)
	}
	if n, want := h.metric(t, "pitot_otlp_received_total", "signal", "traces"), float64(2*len(prefixes)*2*8); n != want {
		t.Errorf("received %v spans, want %v", n, want)
	}
}

func TestLangfuseBasePathTakesTraces(t *testing.T) {
	h := start(t, nil)
	for _, path := range []string{"/api/public/otel", "/api/public/otel/"} {
		if r := post(t, h.url+path, encode(t, traces("a"), encodingProto), "Content-Type", typeProto); r.status != http.StatusOK {
			t.Errorf("%s: %d %q", path, r.status, r.body)
		}
	}
	wantNames(t, h.sink.got(), "a", "a")
}

func TestJSONAsSendersWriteIt(t *testing.T) {
	h := start(t, nil)
	// Enumerations as numbers and names, 64-bit numbers as texts and numbers, both
	// spellings of names, fields that are not known.
	r := post(t, h.url+"/v1/traces", []byte(`{"resource_spans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"x"}}]},"scopeSpans":[{"spans":[
		{"traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"0102030405060708","name":"a","kind":3,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":1700000001000000000,"attributes":[{"key":"n","value":{"intValue":"12"}},{"key":"m","value":{"intValue":12}},{"key":"d","value":{"doubleValue":1}}],"brandNew":{"a":[1]}},
		{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060709","name":"b","kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR"}}]}]}]}`), "Content-Type", "application/json")
	if n, msg := partial(t, r); r.status != http.StatusOK || n != 0 || msg != "" {
		t.Fatalf("%d, %d rejected: %s", r.status, n, msg)
	}
	wantNames(t, h.sink.got(), "a", "b")
	s := h.norm.last.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	if s.At(0).Kind() != s.At(1).Kind() || s.At(1).Status().Code().String() != "Error" || s.At(0).EndTimestamp() != 1700000001000000000 {
		t.Errorf("spans are not as written: %v %v", s.At(0).Kind(), s.At(1).Status().Code())
	}
}

// statusOf decodes the google.rpc.Status of an answer.
func statusOf(t *testing.T, r reply) *spb.Status {
	t.Helper()
	st := &spb.Status{}
	var err error
	switch r.header.Get("Content-Type") {
	case typeJSON:
		err = protojson.Unmarshal(r.body, st)
	case typeProto:
		err = proto.Unmarshal(r.body, st)
	default:
		err = errors.New("type " + r.header.Get("Content-Type"))
	}
	if err != nil {
		t.Fatalf("%v in %q", err, r.body)
	}
	return st
}

func TestRefusals(t *testing.T) {
	h := start(t, func(o *Options, _ *fakeSink) { o.Config.MaxMessage = 1 << 20 })
	good := encode(t, traces("a"), encodingProto)
	goodJSON := encode(t, traces("a"), encodingJSON)
	big := bytes.Repeat([]byte{0x0a, 0}, 1<<19+1)
	for _, c := range []struct {
		name, path, contentType, compression string
		body                                 []byte
		status                               int
		says                                 []string
	}{
		{"wrong type", "/v1/traces", "text/plain", "", good, 415, []string{"text/plain", typeProto, typeJSON}},
		{"form", "/v1/traces", "application/x-www-form-urlencoded", "", goodJSON, 415, []string{"application/json"}},
		{"no type", "/v1/traces", "", "", good, 415, []string{"Content-Type is missing"}},
		{"too large", "/v1/traces", typeProto, "", big, 413, []string{"1MiB", "max_message", "smaller batches"}},
		{"unknown compression", "/v1/traces", typeProto, "br", good, 415, []string{`"br"`, "gzip, zstd"}},
		{"not gzip", "/v1/traces", typeProto, "gzip", good, 400, []string{"not valid gzip"}},
		{"not zstd", "/v1/traces", typeJSON, "zstd", good, 400, []string{"not valid zstd"}},
		{"not deflate", "/v1/traces", typeProto, "deflate", []byte("\xff\xff\xff\xff"), 400, []string{"not valid deflate"}},
		{"not snappy", "/v1/traces", typeProto, "snappy", []byte("\xff\xff\xff\xff\xff\xff\xff\xff"), 400, []string{"not valid snappy"}},
		{"cut gzip", "/v1/traces", typeProto, "gzip", compress(t, "gzip", good)[:20], 400, []string{"not valid gzip"}},
		{"JSON as protobuf", "/v1/traces", typeProto, "", goodJSON, 400, []string{"looks like JSON", typeJSON}},
		{"protobuf as JSON", "/v1/traces", typeJSON, "", good, 400, []string{"does not look like JSON", typeProto}},
		{"gzip unsaid", "/v1/traces", typeProto, "", compress(t, "gzip", good), 400, []string{"Content-Encoding: gzip"}},
		{"zstd unsaid", "/v1/traces", typeJSON, "", compress(t, "zstd", good), 400, []string{"Content-Encoding: zstd"}},
		{"gRPC frame", "/v1/traces", typeProto, "", grpcFrame(0, good), 400, []string{"gRPC"}},
		{"garbage", "/v1/traces", typeProto, "", []byte("\x07garbage\xff\xff"), 400, []string{"not an OTLP traces message"}},
		{"other protobuf", "/v1/traces", typeProto, "", []byte("\x12\x03abc"), 400, []string{"nothing in it is telemetry"}},
		{"wrong JSON", "/v1/traces", typeJSON, "", []byte(`{"resourceSpans":[{]}`), 400, []string{"wrong JSON at byte 19"}},
		{"cut JSON", "/v1/traces", typeJSON, "", goodJSON[:len(goodJSON)/2], 400, []string{"ends early"}},
		{"two JSON", "/v1/traces", typeJSON, "", append(bytes.Clone(goodJSON), goodJSON...), 400, []string{"something follows"}},
		{"logs as traces", "/v1/traces", typeJSON, "", encode(t, logs("a"), encodingJSON), 400, []string{"resourceLogs", "/v1/logs"}},
		{"logs as traces, protobuf", "/v1/traces", typeProto, "", encode(t, logs("a"), encodingProto), 400, []string{"1 span was rejected"}},
		{"Zipkin", "/v1/traces", typeJSON, "", []byte(`[{"traceId":"1","id":"1"}]`), 400, []string{"/api/v2/spans"}},
		{"spans are no list", "/v1/traces", typeJSON, "", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}`), 400, []string{"a list is expected"}},
		{"no path", "/", typeProto, "", good, 404, []string{"/v1/traces"}},
		{"unknown path", "/v1/trace", typeProto, "", good, 404, []string{"/v1/trace", "/v1/traces"}},
		{"profiles", "/v1development/profiles", typeProto, "", good, 501, []string{"profiles"}},
		{"Zipkin v1", "/api/v1/spans", typeJSON, "", []byte("[]"), 501, []string{"/api/v2/spans"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := []string{"Content-Encoding", c.compression}
			if c.contentType != "" {
				headers = append(headers, "Content-Type", c.contentType)
			}
			r := post(t, h.url+c.path, c.body, headers...)
			if r.status != c.status {
				t.Fatalf("status %d, want %d: %q", r.status, c.status, r.body)
			}
			message := string(r.body)
			if !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") {
				message = statusOf(t, r).GetMessage()
			}
			wantText(t, message, c.says...)
			if r.header.Get("Retry-After") != "" {
				t.Error("what can never be taken must not be sent again")
			}
		})
	}
	if got := h.sink.got(); len(got) != 0 {
		t.Errorf("stored %q", got)
	}
}

func TestGetSaysWhatThePortTakes(t *testing.T) {
	h := start(t, nil)
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/": {200, "/v1/traces"}, "/v1/traces": {405, "POST"}, "/v1/logs": {405, "POST"}, "/favicon.ico": {404, "/v1/traces"}, "/api/traces": {405, "POST"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r := do(t, req)
		if r.status != want.status {
			t.Errorf("GET %s: %d, want %d", path, r.status, want.status)
		}
		if r.status == 405 && r.header.Get("Allow") != "POST" {
			t.Errorf("GET %s: Allow is %q", path, r.header.Get("Allow"))
		}
		wantText(t, string(r.body), want.says)
	}
}

func TestEmptyMessagesAreFine(t *testing.T) {
	h := start(t, nil)
	for body, ct := range map[string]string{"": typeProto, "{}": typeJSON, `{"resourceSpans":[]}`: typeJSON, ` {"resourceSpans" : null } `: typeJSON} {
		if r := post(t, h.url+"/v1/traces", []byte(body), "Content-Type", ct); r.status != http.StatusOK {
			t.Errorf("%q: %d %q", body, r.status, r.body)
		}
	}
	if h.sink.submits != 0 {
		t.Error("nothing was submitted as something")
	}
}

func TestBombsAreDefused(t *testing.T) {
	h := start(t, func(o *Options, _ *fakeSink) { o.Config.MaxMessage = 1 << 20; o.Config.MaxInFlight = 16 << 20 })
	bomb := make([]byte, 64<<20)
	for _, compression := range []string{"gzip", "zstd", "deflate", "raw deflate", "snappy", "snappy block"} {
		name, _, _ := strings.Cut(strings.TrimPrefix(compression, "raw "), " ")
		body := compress(t, compression, bomb)
		r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto, "Content-Encoding", name)
		if r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s bomb of %d bytes: %d %q", compression, len(body), r.status, r.body)
		}
	}
	if n := h.metric(t, "pitot_otlp_in_flight_bytes"); n != 0 {
		t.Errorf("%v bytes are still in flight", n)
	}
}

// A message of exactly the limit is taken: compressed, plain, and in pieces.
func TestMessagesUpToTheLimit(t *testing.T) {
	const limit = 4 << 20
	h := start(t, func(o *Options, _ *fakeSink) { o.Config.MaxMessage = limit; o.Config.MaxInFlight = 64 << 20 })
	td := traces("fat")
	attr := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	attr.PutStr("text", "")
	attr.PutStr("text", strings.Repeat("x", limit-len(encode(t, td, encodingProto))-64))
	for len(encode(t, td, encodingProto)) < limit {
		v, _ := attr.Get("text")
		v.SetStr(v.Str() + "x")
	}
	body := encode(t, td, encodingProto)
	if len(body) != limit {
		t.Skipf("the body has %d bytes", len(body))
	}
	for _, c := range []string{"", "gzip", "zstd"} {
		if r := post(t, h.url+"/v1/traces", compress(t, c, body), "Content-Type", typeProto, "Content-Encoding", c); r.status != http.StatusOK {
			t.Errorf("%q: %d %q", c, r.status, r.body)
		}
	}
	wantNames(t, h.sink.got(), "fat", "fat", "fat")
}

// A large message is decoded in pieces, and nothing of it is lost or doubled.
func TestLargeMessagesAreTakenInPieces(t *testing.T) {
	h := start(t, nil)
	const n = 30_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("span", i)
	}
	td := traces(names[:n/2]...)
	traces(names[n/2:]...).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	for _, enc := range []encoding{encodingProto, encodingJSON} {
		h.sink.names, h.sink.submits = nil, 0
		r := post(t, h.url+"/v1/traces", encode(t, td, enc), "Content-Type", contentType(enc))
		if r.status != http.StatusOK {
			t.Fatalf("%d %q", r.status, r.body)
		}
		if rejected, msg := partial(t, r); rejected != 0 || msg != "" {
			t.Errorf("%d rejected: %s", rejected, msg)
		}
		wantNames(t, h.sink.got(), names...)
		if h.sink.submits < 2 {
			t.Errorf("%d submits: it was not taken in pieces", h.sink.submits)
		}
		rs := h.norm.last.ResourceSpans().At(0)
		if v, ok := rs.Resource().Attributes().Get("service.name"); !ok || v.Str() != "shop" || rs.ScopeSpans().At(0).Scope().Name() != "test.scope" {
			t.Error("a piece lost its resource or scope")
		}
	}
}

func TestEvaluationsAreHandedOnOnceDurable(t *testing.T) {
	var got []string
	h := start(t, func(o *Options, _ *fakeSink) {
		o.Evaluations = func(_ context.Context, evals []semconv.Evaluation) {
			for _, e := range evals {
				got = append(got, e.Name)
			}
		}
	})
	ld := logs("good answer")
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetEventName("gen_ai.evaluation.result")
	body := encode(t, ld, encodingProto)
	h.sink.fail = overload{}
	post(t, h.url+"/v1/logs", body, "Content-Type", typeProto)
	if len(got) != 0 {
		t.Errorf("got %q though the records were not taken", got)
	}
	h.sink.fail = nil
	post(t, h.url+"/v1/logs", body, "Content-Type", typeProto)
	wantNames(t, got, "good answer")
}

func TestAPanicIsAnAnswer(t *testing.T) {
	h := start(t, nil)
	if r := post(t, h.url+"/v1/traces", encode(t, traces("panic"), encodingProto), "Content-Type", typeProto); r.status != http.StatusInternalServerError {
		t.Errorf("status %d", r.status)
	}
	if r := post(t, h.url+"/v1/traces", encode(t, traces("a"), encodingProto), "Content-Type", typeProto); r.status != http.StatusOK {
		t.Errorf("afterwards: status %d", r.status)
	}
}

func TestCredentialsAreNotLogged(t *testing.T) {
	var buf bytes.Buffer
	h := start(t, func(o *Options, s *fakeSink) {
		o.Logger = slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug}))
		s.fail = errors.New("disk on fire")
	})
	secret := strings.Repeat("s3cr3t", 4)
	r := post(t, h.url+"/api/public/otel/v1/traces", encode(t, traces("a"), encodingProto), "Content-Type", typeProto, "Authorization", "Basic "+secret)
	if r.status != http.StatusInternalServerError {
		t.Errorf("status %d", r.status)
	}
	if !strings.Contains(buf.String(), "disk on fire") {
		t.Error("the refusal is not in the log")
	}
	if strings.Contains(buf.String(), secret) || bytes.Contains(r.body, []byte(secret)) {
		t.Error("the credential is in the log or the answer")
	}
}

// A request that breaks off is no message.
func TestTruncatedRequest(t *testing.T) {
	h := start(t, nil)
	body := encode(t, traces("a", "b"), encodingProto)
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", typeProto, len(body))
	if _, err := conn.Write(body[:len(body)/2]); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if len(h.sink.got()) != 0 || bytes.Contains(answer, []byte("200 OK")) {
		t.Errorf("half a request was taken: %q", answer)
	}
}

func TestPartialSuccessInJSON(t *testing.T) {
	h := start(t, nil)
	td := traces("a", "none")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).SetTraceID([16]byte{})
	r := post(t, h.url+"/v1/traces", encode(t, td, encodingJSON), "Content-Type", typeJSON)
	var got struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"`
			ErrorMessage  string      `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if err := json.Unmarshal(r.body, &got); err != nil {
		t.Fatalf("%v: %q", err, r.body)
	}
	if got.PartialSuccess.RejectedSpans != "1" || got.PartialSuccess.ErrorMessage != "1 span was rejected: a span has no trace id" {
		t.Errorf("answer %s", r.body)
	}
	if n := h.metric(t, "pitot_otlp_rejected_total", "signal", "traces", "reason", "invalid"); n != 1 {
		t.Errorf("%v rejections counted", n)
	}
}
