package otlp

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var update = flag.Bool("update", false, "write the golden files anew")

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// golden compares traces with a file, as OTLP JSON.
func golden(t *testing.T, name string, td ptrace.Traces) {
	t.Helper()
	b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, b, "", " "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile("testdata/"+name, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(string(testdata(t, name)), got.String()); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func TestJaegerBatch(t *testing.T) {
	for _, enc := range []string{"binary", "compact"} {
		h := start(t, nil)
		body := testdata(t, "batch."+enc+".thrift")
		for _, url := range []string{h.url, "http://" + serveOn(t, h.JaegerHandler())} {
			for _, ct := range []string{"application/x-thrift", "application/vnd.apache.thrift." + enc} {
				r := post(t, url+"/api/traces?format=jaeger.thrift", compress(t, "gzip", body), "Content-Type", ct, "Content-Encoding", "gzip")
				if r.status != http.StatusAccepted || len(r.body) != 0 {
					t.Errorf("%s %s: %d %q", enc, ct, r.status, r.body)
				}
			}
		}
		if got := h.sink.got(); len(got) != 8 || got[0] != "chat gpt-4o" {
			t.Errorf("stored %q", got)
		}
		golden(t, "batch.json", h.norm.last)
	}
}

// Every cut of a batch is either refused or keeps spans from before the cut.
func TestJaegerBatchThatBreaksOff(t *testing.T) {
	for _, enc := range []string{"binary", "compact"} {
		whole := testdata(t, "batch."+enc+".thrift")
		kept := 0
		for n := range whole {
			td, rej, err := decodeJaeger(whole[:n])
			switch {
			case err != nil:
			case td.SpanCount() < 2 && rej.n == 0 && n > 1:
				t.Errorf("%s cut at %d: %d spans and nothing said", enc, n, td.SpanCount())
			default:
				kept = max(kept, td.SpanCount())
			}
		}
		if kept == 0 {
			t.Errorf("%s: no cut kept anything", enc)
		}
	}
}

func TestJaegerRefusals(t *testing.T) {
	h := start(t, func(o *Options, _ *fakeSink) {
		off := false
		o.Config.Zipkin = &off
	})
	good := testdata(t, "batch.binary.thrift")
	for _, c := range []struct {
		name, path, contentType string
		body                    []byte
		status                  int
		says                    string
	}{
		{"type", "/api/traces", "application/json", good, 415, "application/x-thrift"},
		{"garbage", "/api/traces", "application/x-thrift", []byte("\x0c\x00\x01garbage"), 400, "not a Jaeger batch"},
		{"OTLP", "/api/traces", "application/x-thrift", encode(t, traces("a"), encodingProto), 400, "not a Jaeger batch"},
		{"announces much", "/api/traces", "application/x-thrift", []byte("\x0f\x00\x02\x0c\x7f\xff\xff\xff"), 400, "announces more than it holds"},
		{"switched off", "/api/v2/spans", "application/json", []byte("[]"), 404, "otlp.zipkin"},
	} {
		r := post(t, h.url+c.path, c.body, "Content-Type", c.contentType)
		if r.status != c.status {
			t.Errorf("%s: %d %q", c.name, r.status, r.body)
		}
		wantText(t, string(r.body), c.says)
	}
	if r := post(t, "http://"+serveOn(t, h.JaegerHandler())+"/v1/traces", good, "Content-Type", "application/x-thrift"); r.status != http.StatusNotFound {
		t.Errorf("OTLP on Jaeger's port: %d", r.status)
	}
	h.sink.fail = overload{}
	if r := post(t, h.url+"/api/traces", good, "Content-Type", "application/x-thrift"); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "7" {
		t.Errorf("overload: %d", r.status)
	}
}

// Structs within structs without end must not overflow the stack.
func TestThriftNesting(t *testing.T) {
	for _, deep := range [][]byte{
		bytes.Repeat([]byte{thriftStruct, 0, 9}, 1<<20),                                  // binary structs
		bytes.Repeat([]byte{0x9c}, 1<<20),                                                // compact structs
		append([]byte{thriftList, 0, 9}, bytes.Repeat([]byte{15, 0, 0, 0, 1}, 1<<20)...), // binary lists
		append([]byte{0x99}, bytes.Repeat([]byte{0x19}, 1<<20)...),                       // compact lists
		append([]byte{thriftMap, 0, 9}, bytes.Repeat([]byte{13, 13, 0, 0, 0, 1}, 1<<20)...),
	} {
		if _, _, err := decodeJaeger(deep); err == nil {
			t.Errorf("%x... was decoded", deep[:8])
		}
		measureJaeger(deep)
	}
}

func FuzzJaeger(f *testing.F) {
	f.Add(testdata(f, "batch.binary.thrift"))
	f.Add(testdata(f, "batch.compact.thrift"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if cost := measureJaeger(body); cost < 0 || cost > int64(len(body))*(textCost+2*messageCost+leafCost)+1000 {
			t.Errorf("%d bytes cost %d", len(body), cost)
		}
		td, rej, err := decodeJaeger(body)
		if err == nil && td.SpanCount() > len(body) {
			t.Errorf("%d spans of %d bytes, %v", td.SpanCount(), len(body), rej)
		}
	})
}
