package otlp

import (
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestZipkinSpans(t *testing.T) {
	h := start(t, nil)
	body := testdata(t, "zipkin.json")
	r := post(t, h.url+"/api/v2/spans", compress(t, "gzip", body), "Content-Type", "application/json; charset=utf-8", "Content-Encoding", "gzip")
	if r.status != http.StatusAccepted || len(r.body) != 0 {
		t.Fatalf("%d %q", r.status, r.body)
	}
	wantNames(t, h.sink.got(), "chat gpt-4o", "handle", "no times")
	for _, rs := range h.norm.last.ResourceSpans().All() { // tags come in any order
		for _, s := range rs.ScopeSpans().At(0).Spans().All() {
			sortAttributes(s)
		}
	}
	golden(t, "zipkin.otlp.json", h.norm.last)
}

// sortAttributes puts the attributes of a span in order.
func sortAttributes(s ptrace.Span) {
	raw := s.Attributes().AsRaw()
	keys := make([]string, 0, len(raw))
	for k := range raw {
		keys = append(keys, k)
	}
	s.Attributes().Clear()
	for len(keys) > 0 {
		i := 0
		for j := range keys {
			if keys[j] < keys[i] {
				i = j
			}
		}
		if err := s.Attributes().PutEmpty(keys[i]).FromRaw(raw[keys[i]]); err != nil {
			panic(err)
		}
		keys = append(keys[:i], keys[i+1:]...)
	}
}

func TestBrokenZipkinSpansDoNotRejectTheirBatch(t *testing.T) {
	h := start(t, nil)
	good := `{"traceId":"1","id":"2","name":"a"}`
	for broken, says := range map[string]string{
		`{"traceId":"x","id":"2","name":"bad"}`:                               `span "bad": its traceId must be`,
		`{"traceId":"` + strings.Repeat("1", 33) + `","id":"2","name":"bad"}`: "its traceId must be",
		`{"traceId":"1","name":"bad"}`:                                        "its id must be",
		`{"traceId":"1","id":"2","parentId":"zz","name":"bad"}`:               "its parentId must be",
		`{"traceId":1}`: "not a Zipkin v2 span",
		`{"traceId":"1","id":"2","tags":` + strings.Repeat("[", 90) + strings.Repeat("]", 90) + `}`: "nested deeper",
		`5`: "not a Zipkin v2 span",
		`{"traceId":"1","id":"2","timestamp":"now"}`: "not a Zipkin v2 span",
	} {
		h.sink.names = nil
		r := post(t, h.url+"/api/v2/spans", []byte("["+good+","+broken+","+good+"]"), "Content-Type", typeJSON)
		if r.status != http.StatusAccepted {
			t.Errorf("%s: %d %q", broken, r.status, r.body)
		}
		wantText(t, string(r.body), "1 span was rejected", says)
		wantNames(t, h.sink.got(), "a", "a")
	}
}

func TestZipkinRefusals(t *testing.T) {
	h := start(t, nil)
	for body, says := range map[string]string{`{"traceId":"1"}`: "a list is expected", `[{]`: "wrong JSON", `[`: "ends early", `[{"traceId":"x"}]`: "its traceId", ``: "ends early"} {
		r := post(t, h.url+"/api/v2/spans", []byte(body), "Content-Type", typeJSON)
		if r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", body, r.status)
		}
		wantText(t, string(r.body), says)
	}
	if r := post(t, h.url+"/api/v2/spans", nil, "Content-Type", typeProto); r.status != http.StatusUnsupportedMediaType {
		t.Errorf("protobuf: %d", r.status)
	}
	if r := post(t, h.url+"/api/v2/spans", []byte("[]"), "Content-Type", typeJSON); r.status != http.StatusAccepted {
		t.Errorf("nothing: %d", r.status)
	}
}

func FuzzZipkin(f *testing.F) {
	f.Add(testdata(f, "zipkin.json"))
	f.Add([]byte(`[{"traceId":"1","id":"2","timestamp":1e3,"duration":"7","tags":{"a":null,"b":[1,{"c":2}]}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		td, rej, err := decodeZipkin(body)
		if err != nil {
			return
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					if s.EndTimestamp() < s.StartTimestamp() && s.EndTimestamp() != 0 {
						t.Errorf("a span ends before it starts: %v", rej)
					}
				}
			}
		}
	})
}
