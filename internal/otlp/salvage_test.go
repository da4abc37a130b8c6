package otlp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
)

// wrap makes a request of leaves as they are.
func wrap(leaves ...[]byte) []byte {
	var scope []byte
	for _, l := range leaves {
		scope = appendBytes(scope, fieldLeaves, l)
	}
	return appendBytes(nil, fieldResources, appendBytes(nil, fieldScopes, scope))
}

// rawSpan is a span with ids of any length.
func rawSpan(name string, trace, span []byte) []byte {
	b := appendBytes(nil, 1, trace)
	b = appendBytes(b, 2, span)
	return appendBytes(b, 5, []byte(name))
}

var (
	goodTrace = bytes.Repeat([]byte{7}, 16)
	goodSpan  = bytes.Repeat([]byte{8}, 8)
)

// nested is an attribute whose value is lists in lists.
func nested(levels int) []byte {
	v := appendBytes(nil, 1, []byte("deep"))
	for range levels {
		v = appendBytes(nil, 5, appendBytes(nil, 1, v))
	}
	return appendBytes(appendBytes(nil, 1, []byte("k")), 2, v)
}

func TestBrokenSpansDoNotRejectTheirBatch(t *testing.T) {
	good := func(name string) []byte { return rawSpan(name, goodTrace, goodSpan) }
	for _, c := range []struct {
		name   string
		broken []byte
		says   string
	}{
		{"short trace id", rawSpan("bad", goodTrace[:8], goodSpan), `span "bad": its trace_id has 8 bytes and must have 16`},
		{"long span id", rawSpan("bad", goodTrace, goodTrace), `its span_id has 16 bytes and must have 8`},
		{"parent id", appendBytes(good("bad"), 4, []byte("x")), "its parent_span_id has 1 bytes and must have 8"},
		{"id of a wrong type", protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 5), "field 1 is not a trace_id"},
		{"cut field", append(good("bad"), 0x4a, 0x7f), `span "bad": its bytes are not protobuf`},
		{"wrong wire type", append(good("bad"), 0x0f), "its bytes are not protobuf"},
		{"link id", appendBytes(good("bad"), 13, appendBytes(nil, 1, []byte("x"))), `span "bad"`},
		{"nested too deep", appendBytes(good("bad"), 9, nested(1000)), "deeper than 64 levels"},
		{"random", []byte("\xff\xfe\xfd"), "its bytes are not protobuf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t, nil)
			body := wrap(good("a"), c.broken, good("b"))
			r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto)
			n, msg := partial(t, r)
			if r.status != http.StatusOK || n != 1 {
				t.Errorf("%d, %d rejected", r.status, n)
			}
			wantText(t, msg, "1 span was rejected", c.says)
			wantNames(t, h.sink.got(), "a", "b")
			if n := h.metric(t, "pitot_otlp_rejected_total", "reason", "undecodable"); n != 1 {
				t.Errorf("%v rejections counted", n)
			}
			// Over gRPC the same.
			if code, msg := rawGRPC(t, h, methodTraces, grpcFrame(0, body)); code != "0" {
				t.Errorf("gRPC: %s %s", code, msg)
			}
			wantNames(t, h.sink.got(), "a", "b", "a", "b")
		})
	}
}

func TestBrokenSpansInJSON(t *testing.T) {
	good := func(name string) string {
		return fmt.Sprintf(`{"traceId":"%032x","spanId":"%016x","name":%q}`, 1, 2, name)
	}
	for _, c := range []struct{ name, broken, says string }{
		{"short trace id", `{"traceId":"0102","spanId":"0102030405060708","name":"bad"}`, `span "bad": its traceId has 4 characters and must have 32 hexadecimal digits`},
		{"base64 id", `{"traceId":"AQIDBAUGBwgJCgsMDQ4PEA==","spanId":"AQIDBAUGBwg=","name":"bad"}`, "must have"},
		{"no hexadecimal", fmt.Sprintf(`{"traceId":%q,"name":"bad"}`, strings.Repeat("z", 32)), `span "bad"`},
		{"name of a wrong type", `{"name":{"a":1}}`, "span"},
		{"attributes of a wrong type", `{"name":"bad","attributes":{"a":1}}`, `span "bad"`},
		{"value of a wrong type", `{"name":"bad","attributes":[{"key":"a","value":{"intValue":"many"}}]}`, `span "bad"`},
		{"unknown kind", `{"name":"bad","kind":"SPAN_KIND_SIDEWAYS"}`, `span "bad"`},
		{"no object", `17`, "is not an object"},
		{"null", `null`, "a span has no trace id"},
		{"nested too deep", `{"name":"bad","attributes":[{"key":"a","value":` + strings.Repeat(`{"arrayValue":{"values":[`, 500) + `{}` + strings.Repeat(`]}}`, 500) + `}]}`, "deeper than 64 levels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := start(t, nil)
			body := `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},"schemaUrl":"u","scopeSpans":[{"scope":{"name":"x"},"spans":[` +
				good("a") + "," + c.broken + "," + good("b") + `]}]},{"scopeSpans":[{"spans":[` + c.broken + `]}]}]}`
			r := post(t, h.url+"/v1/traces", []byte(body), "Content-Type", typeJSON)
			if r.status != http.StatusOK {
				t.Fatalf("%d %s", r.status, r.body)
			}
			n, msg := partial(t, r)
			if n != 2 {
				t.Errorf("%d rejected", n)
			}
			wantText(t, msg, c.says)
			if strings.Contains(msg, "bigger context") {
				t.Errorf("the answer quotes the message: %s", msg)
			}
			wantNames(t, h.sink.got(), "a", "b")
			if v, ok := h.norm.last.ResourceSpans().At(0).Resource().Attributes().Get("service.name"); !ok || v.Str() != "s" {
				t.Error("the resource is lost")
			}
		})
	}
}

func TestBrokenLogRecordsAndMetrics(t *testing.T) {
	h := start(t, nil)
	record := func(text string) []byte { return appendBytes(nil, 5, appendBytes(nil, 1, []byte(text))) }
	body := wrap(record("a"), appendBytes(record("bad"), 9, []byte("short")), record("b"))
	if r := post(t, h.url+"/v1/logs", body, "Content-Type", typeProto); r.status != http.StatusOK || !bytes.Contains(r.body, []byte("its trace_id has 5 bytes")) {
		t.Errorf("logs: %d %q", r.status, r.body)
	}
	wantNames(t, h.sink.got(), "a", "b")
	h.sink.names = nil
	metric := func(name string) []byte { return appendBytes(nil, 1, []byte(name)) }
	gauge := func(b []byte) []byte { return appendBytes(b, 5, appendBytes(appendBytes(nil, 1, nil), 1, nil)) }
	body = wrap(gauge(metric("a")), append(gauge(metric("bad")), 0x0f), gauge(metric("b")))
	r := post(t, h.url+"/v1/metrics", body, "Content-Type", typeProto)
	resp := pmetricotlp.NewExportResponse()
	if err := resp.UnmarshalProto(r.body); err != nil {
		t.Fatal(err)
	}
	if n := resp.PartialSuccess().RejectedDataPoints(); n != 2 {
		t.Errorf("%d data points rejected, want the metric's 2: %q", n, r.body)
	}
	wantText(t, resp.PartialSuccess().ErrorMessage(), `metric "bad"`)
	wantNames(t, h.sink.got(), "a", "b")
	h.sink.names = nil
	r = post(t, h.url+"/v1/logs", []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}},{"severityNumber":"LOUD"}]}]}]}`), "Content-Type", typeJSON)
	if r.status != http.StatusOK || !bytes.Contains(r.body, []byte(`"rejectedLogRecords":"1"`)) {
		t.Errorf("JSON logs: %d %q", r.status, r.body)
	}
	wantNames(t, h.sink.got(), "a")
}

// A resource or scope that is broken costs its attributes, not its spans.
func TestBrokenResourceKeepsItsSpans(t *testing.T) {
	h := start(t, nil)
	span := rawSpan("a", goodTrace, goodSpan)
	scope := appendBytes(appendBytes(nil, fieldScope, []byte("\xff\xff")), fieldLeaves, span)
	resource := appendBytes(appendBytes(nil, fieldResource, []byte("\xff\xff")), fieldScopes, scope)
	r := post(t, h.url+"/v1/traces", appendBytes(nil, fieldResources, resource), "Content-Type", typeProto)
	n, msg := partial(t, r)
	if r.status != http.StatusOK || n != 0 {
		t.Errorf("%d, %d rejected", r.status, n)
	}
	wantText(t, msg, "everything was taken, but", "a resource cannot be decoded", "scope cannot be decoded")
	wantNames(t, h.sink.got(), "a")
	r = post(t, h.url+"/v1/traces", []byte(`{"resourceSpans":[{"resource":5,"scopeSpans":[{"scope":[],"spans":[{"name":"b","traceId":"`+strings.Repeat("1", 32)+`"}]}]}]}`), "Content-Type", typeJSON)
	if n, msg := partial(t, r); n != 0 || !strings.Contains(msg, `"resource" of a resource cannot be decoded`) {
		t.Errorf("JSON: %d %s", n, msg)
	}
	wantNames(t, h.sink.got(), "a", "b")
}

// A message that breaks off inside keeps what is before.
func TestDamagedMessageKeepsWhatIsBefore(t *testing.T) {
	h := start(t, nil)
	whole := append(wrap(rawSpan("a", goodTrace, goodSpan)), wrap(rawSpan("b", goodTrace, goodSpan))...)
	r := post(t, h.url+"/v1/traces", whole[:len(whole)-3], "Content-Type", typeProto)
	n, msg := partial(t, r)
	if n == 0 {
		t.Error("the loss is not said")
	}
	wantText(t, msg, "damage")
	wantNames(t, h.sink.got(), "a")
}

func TestInvalidUTF8IsKept(t *testing.T) {
	h := start(t, nil)
	r := post(t, h.url+"/v1/traces", encode(t, traces("caf\xe9"), encodingProto), "Content-Type", typeProto)
	if n, msg := partial(t, r); r.status != http.StatusOK || n != 0 || msg != "" {
		t.Errorf("%d, %d rejected: %s", r.status, n, msg)
	}
	wantNames(t, h.sink.got(), "caf\xe9")
	// In an answer it must be valid, or the sender cannot decode the answer.
	r = post(t, h.url+"/v1/traces", wrap(rawSpan("caf\xe9", goodTrace[:3], goodSpan)), "Content-Type", typeProto)
	wantText(t, statusOf(t, r).GetMessage(), "trace_id has 3 bytes")
}

// A span that is nothing but tiny parts takes far more memory than it has bytes.
func TestAmplifyingMessagesStayWithinBounds(t *testing.T) {
	h := start(t, func(o *Options, _ *fakeSink) { o.Config.MaxMessage = 4 << 20; o.Config.MaxInFlight = 32 << 20 })
	attrs := rawSpan("many attributes", goodTrace, goodSpan)
	for range 1 << 20 {
		attrs = append(attrs, 0x4a, 0)
	}
	r := post(t, h.url+"/v1/traces", wrap(attrs, rawSpan("a", goodTrace, goodSpan)), "Content-Type", typeProto)
	if n, msg := partial(t, r); n != 1 || !strings.Contains(msg, "too much memory") {
		t.Errorf("%d %q: %s", r.status, r.body, msg)
	}
	wantNames(t, h.sink.got(), "a")
	var spans []byte
	for range 1 << 20 {
		spans = append(spans, 0x12, 0)
	}
	body := appendBytes(nil, fieldResources, appendBytes(nil, fieldScopes, spans))
	old := debug.SetGCPercent(20)
	defer debug.SetGCPercent(old)
	peak := watchHeap(t, func() {
		if r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto); r.status != http.StatusOK {
			t.Errorf("status %d", r.status)
		}
	})
	if most := uint64(160 << 20); peak > most { // all at once it would be 600 MB and more
		t.Errorf("a million empty spans took %d MB", peak>>20)
	}
}

// watchHeap returns the growth of the heap that was seen while f ran.
func watchHeap(t *testing.T, f func()) uint64 {
	t.Helper()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	result := make(chan uint64)
	go func() {
		var peak uint64
		for {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
			select {
			case <-done:
				result <- peak - min(peak, before.HeapAlloc)
				return
			default:
				runtime.Gosched()
			}
		}
	}()
	f()
	close(done)
	return <-result
}

// Nesting without end must not overflow the stack, which would end the process.
func TestDeepNestingDoesNotEndTheProcess(t *testing.T) {
	h := start(t, nil)
	span := appendBytes(rawSpan("bad", goodTrace, goodSpan), 9, deepProto(1<<18))
	r := post(t, h.url+"/v1/traces", wrap(span, rawSpan("a", goodTrace, goodSpan)), "Content-Type", typeProto)
	if n, _ := partial(t, r); n != 1 {
		t.Errorf("%d %q", r.status, r.body)
	}
	body := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":` + strings.Repeat(`{"arrayValue":{"values":[`, 1<<17) + strings.Repeat(`]}}`, 1<<17) + `}]},{"name":"b"}]}]}]}`
	if r := post(t, h.url+"/v1/traces", []byte(body), "Content-Type", typeJSON); r.status != http.StatusOK {
		t.Errorf("%d %q", r.status, r.body)
	}
	wantNames(t, h.sink.got(), "a")
}

// deepProto is nested without copying each level: built from the inside, backwards.
func deepProto(levels int) []byte {
	size := 0
	var rev []byte
	for range levels {
		for _, tag := range []byte{0x0a, 0x2a} { // values of a list, a list of a value
			n := protowire.AppendVarint(nil, uint64(size))
			for _, b := range slices.Backward(n) {
				rev = append(rev, b)
			}
			rev = append(rev, tag)
			size = len(rev)
		}
	}
	slices.Reverse(rev)
	return appendBytes(nil, 2, rev)
}

// What salvaging leaves of a message without fault is the message.
func TestSalvageKeepsWhatIsWell(t *testing.T) {
	td := traces("a", "b")
	traces("c").ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	c := traceCodec(1 << 30)
	for _, enc := range []encoding{encodingProto, encodingJSON} {
		f := c.format(enc)
		body := encode(t, td, enc)
		clean, rej, kept, broken := f.salvage(body)
		if rej.n != 0 || len(rej.reasons) != 0 || kept != 3 || broken != nil {
			t.Errorf("%v %d %v", rej, kept, broken)
		}
		got, err := f.decode(clean)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encode(t, got, encodingProto), encode(t, td, encodingProto)) {
			t.Errorf("encoding %d: salvaging changed a good message: %s", enc, clean)
		}
	}
}

func TestSkipString(t *testing.T) {
	for in, want := range map[string]int{`"a"`: 3, `"a\"b"x`: 6, `"\\"`: 4, `"\\\""`: 6, `""`: 2, `"a`: -1, `"a\"`: -1, `"`: -1} {
		got, err := skipString([]byte(in), 0)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("skipString(%s) = %d, want %d", in, got, want)
		}
		if ok := json.Valid([]byte(in)) || strings.HasSuffix(in, "x"); ok != (want > 0) {
			t.Errorf("%s: the test is wrong", in)
		}
	}
}

// FuzzProto checks that no bytes are fatal, and that what is said to be kept can
// be decoded.
func FuzzProto(f *testing.F) {
	f.Add(encode(f, traces("a", "b"), encodingProto))
	f.Add(wrap(rawSpan("a", goodTrace, goodSpan), rawSpan("b", goodTrace[:2], goodSpan)))
	f.Add(wrap(appendBytes(nil, 9, nested(70))))
	f.Add(encode(f, points("a"), encodingProto))
	f.Add(encode(f, logs("a"), encodingProto))
	f.Fuzz(func(t *testing.T, body []byte) { fuzzEach(t, encodingProto, body) })
}

// FuzzJSON is FuzzProto for JSON.
func FuzzJSON(f *testing.F) {
	f.Add(encode(f, traces("a", "b"), encodingJSON))
	f.Add(encode(f, points("a"), encodingJSON))
	f.Add(encode(f, logs("a"), encodingJSON))
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1","name":"a\"\\"},null,[],{"kind":"x"}]}]},5]}`))
	f.Fuzz(func(t *testing.T, body []byte) { fuzzEach(t, encodingJSON, body) })
}

func fuzzEach(t *testing.T, enc encoding, body []byte) {
	room := func(int64) error { return nil }
	tc, lc, mc := traceCodec(1<<26), logCodec(1<<26), metricCodec(1<<26)
	var td ptrace.Traces
	n := 0
	rej, err := tc.each(enc, body, room, func(v ptrace.Traces) error { td = v; n++; return nil })
	if err == nil && n > 0 {
		// Both ways of decoding agree on a message without fault.
		f := tc.format(enc)
		if v, err := f.decode(body); err == nil && rej.n == 0 && len(rej.reasons) == 0 {
			if v.SpanCount() != td.SpanCount() {
				t.Errorf("%d spans, %d decoded at once", td.SpanCount(), v.SpanCount())
			}
			split := 0
			if _, err := f.measure(body); err == nil {
				var r rejects
				err := f.split(body, &r, func(b []byte) error {
					v, err := f.decode(b)
					split += v.SpanCount()
					return err
				})
				if err != nil || split+r.n != v.SpanCount() {
					t.Errorf("split: %d spans and %d rejected of %d: %v", split, r.n, v.SpanCount(), err)
				}
			}
		}
	}
	_, _ = lc.each(enc, body, room, func(plog.Logs) error { return nil })
	_, _ = mc.each(enc, body, room, func(pmetric.Metrics) error { return nil })
}
