package logs

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/llm"
)

type esTest struct {
	*testing.T
	sink *fakeSink
	es   *Elasticsearch
	m    *Metrics
	now  time.Time
}

func newES(t *testing.T, c Config) *esTest {
	e := &esTest{T: t, sink: newSink(), m: NewMetrics(), now: noon}
	e.es = NewElasticsearch(Options{Config: c, Sink: e.sink, Metrics: e.m, Now: func() time.Time { return e.now }})
	return e
}

type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

// do sends a request, header pairs after the body.
func (e *esTest) do(method, target, body string, header ...string) answer {
	e.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if r.URL.Path != "/" && !Match(r) {
		e.Errorf("%s %s is not matched", method, target)
	}
	w := httptest.NewRecorder()
	e.es.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), body: w.Body.String()}
	if w.Header().Get("X-Elastic-Product") != "Elasticsearch" {
		e.Errorf("%s %s: no product header", method, target)
	}
	if a.body != "" && strings.Contains(w.Header().Get("Content-Type"), "json") && a.body[0] == '{' {
		if err := json.Unmarshal([]byte(a.body), &a.json); err != nil {
			e.Errorf("%s %s: %v: %s", method, target, err, a.body)
		}
	}
	return a
}

// statuses returns the status of each item, with its action.
func (a answer) statuses() []string {
	var out []string
	items, _ := a.json["items"].([]any)
	for _, it := range items {
		for action, v := range it.(map[string]any) {
			out = append(out, fmt.Sprint(action, " ", v.(map[string]any)["status"]))
		}
	}
	return out
}

const twoDocs = `{"index":{"_index":"llm-logs","_id":"a"}}
{"@timestamp":"2026-11-21T10:00:00Z","message":"one","level":"info"}
{"create":{"_index":"llm-logs","_id":"b"}}
{"@timestamp":"2026-11-21T10:00:01Z","message":"two","level":"error"}
`

func TestBulk(t *testing.T) {
	e := newES(t, Config{})
	a := e.do("POST", "/_bulk", twoDocs)
	if a.status != 200 || a.json["errors"] != false {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if diff := cmp.Diff([]string{"index 201", "create 201"}, a.statuses()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"one", "two"}, e.sink.messages()); diff != "" {
		t.Error(diff)
	}
	l := e.sink.all()[0]
	if l.Attributes["index"] != "llm-logs" || l.Source != llm.SourceLogs {
		t.Errorf("%+v", l)
	}
	// A sender that missed the answer sends the same again: nothing is stored twice.
	e.now = e.now.Add(time.Minute)
	if a := e.do("POST", "/_bulk", twoDocs); a.status != 200 {
		t.Error(a.body)
	}
	if len(e.sink.order) != 2 || len(e.sink.accepted) != 4 {
		t.Errorf("%d logs of %d", len(e.sink.order), len(e.sink.accepted))
	}
	if n := testutil.ToFloat64(e.m.received.WithLabelValues(inputElasticsearch)); n != 4 {
		t.Errorf("received %v", n)
	}
}

func TestBulkWithIDButWithoutTimeIsStoredOnce(t *testing.T) {
	e := newES(t, Config{})
	for range 3 {
		e.do("POST", "/_bulk", "{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"message\":\"m\"}\n")
		e.now = e.now.Add(time.Hour)
	}
	if len(e.sink.order) != 1 {
		t.Errorf("%d logs", len(e.sink.order))
	}
}

func TestBulkWithoutIDNamesTheRecord(t *testing.T) {
	e := newES(t, Config{})
	a := e.do("POST", "/i/_bulk", "{\"index\":{}}\n{\"message\":\"m\"}\n")
	if !strings.Contains(a.body, `"_id":"`+e.sink.all()[0].ID+`"`) || e.sink.all()[0].Attributes["index"] != "i" {
		t.Error(a.body)
	}
}

func TestOneBadLineCostsItselfAlone(t *testing.T) {
	e := newES(t, Config{MaxLine: 100})
	body := strings.Join([]string{
		`{"index":{"_index":"i"}}`, `{"message":"1"}`,
		`{"index":{"_index":"i"}}`, `{"message":`, // cut
		`{"index":{"_index":"i"}}`, `["no object"]`,
		`garbage`, `{"message":"lost with its action"}`,
		`{"index":{"_index":"i"}}`, `{"message":"2"}`,
		`{"upsert":{}}`, `{"index":{"_index":"i"}}`, `{"message":"3"}`, // an unknown action without a document
		`{"delete":{"_index":"i","_id":"x"}}`,
		`{"update":{"_index":"i","_id":"x"}}`, `{"doc":{"message":"4"},"doc_as_upsert":true}`,
		`{"update":{"_index":"i","_id":"x"}}`, `{"script":{"source":"1"}}`,
		`{"index":{"_index":"i"}}`, `{"message":"` + strings.Repeat("long", 50) + `"}`,
		``,
		`{"create":{"_index":"i","_id":5}}`, `{"message":"5"}`,
		`{"index":{"_index":"i"}}`,
	}, "\n") + "\n"
	a := e.do("POST", "/_bulk", body)
	want := []string{
		"index 201", "index 400", "index 400", "index 400", "index 201", "index 400", "index 201", "delete 400",
		"update 200", "update 400", "index 400", "create 201", "index 400",
	}
	if diff := cmp.Diff(want, a.statuses()); diff != "" {
		t.Errorf("%s\n%s", diff, a.body)
	}
	if a.status != 200 || a.json["errors"] != true || !strings.Contains(a.body, "logs.max_line") {
		t.Error(a.body)
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "4", "5"}, e.sink.messages()); diff != "" {
		t.Error(diff)
	}
	for reason, n := range map[string]float64{reasonBadJSON: 3, reasonBadAction: 2, reasonUnsupported: 2, reasonTooLong: 1} {
		if got := testutil.ToFloat64(e.m.rejected.WithLabelValues(reason)); got != n {
			t.Errorf("%s: %v, want %v", reason, got, n)
		}
	}
}

func TestOverload(t *testing.T) {
	e := newES(t, Config{})
	e.sink.fail = func(int) error { return fmt.Errorf("submit: %w", overload{2500 * time.Millisecond}) }
	a := e.do("POST", "/_bulk", twoDocs)
	if a.status != 429 || a.header.Get("Retry-After") != "3" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if diff := cmp.Diff([]string{"index 429", "create 429"}, a.statuses()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(a.body, "es_rejected_execution_exception") {
		t.Error(a.body)
	}
	one := e.do("POST", "/i/_doc", `{"message":"m"}`)
	if one.status != 429 || one.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", one.status, one.body)
	}
}

// TestOverloadInTheMiddle checks that what was taken before is told apart from
// what has to be sent again.
func TestOverloadInTheMiddle(t *testing.T) {
	e := newES(t, Config{})
	e.sink.fail = func(n int) error {
		if n == 2 {
			return overload{0}
		}
		return nil
	}
	var b strings.Builder
	for i := range 3 * batchRecords {
		fmt.Fprintf(&b, "{\"index\":{\"_id\":\"%d\"}}\n{\"message\":\"m\"}\n", i)
	}
	a := e.do("POST", "/i/_bulk", b.String())
	counts := map[string]int{}
	for _, s := range a.statuses() {
		counts[s]++
	}
	if diff := cmp.Diff(map[string]int{"index 201": batchRecords, "index 429": 2 * batchRecords}, counts); diff != "" || a.status != 200 {
		t.Error(a.status, diff)
	}
	if e.sink.n != 2 {
		t.Errorf("the sink was asked %d times", e.sink.n)
	}
}

func TestSinkThatFailsForGood(t *testing.T) {
	e := newES(t, Config{})
	e.sink.fail = func(int) error { return errors.New("no") }
	a := e.do("POST", "/_bulk", twoDocs)
	if diff := cmp.Diff([]string{"index 500", "create 500"}, a.statuses()); diff != "" || a.json["errors"] != true {
		t.Error(diff, a.body)
	}
	if strings.Contains(a.body, `"no"`) {
		t.Error("an internal error is shown to the sender")
	}
}

func TestTooManyRequestsAtOnce(t *testing.T) {
	c := Config{}
	c.Elasticsearch.MaxRequests = 1
	e := newES(t, c)
	pr, pw := io.Pipe()
	done := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		e.es.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/_bulk", pr))
		done <- w.Code
	}()
	fmt.Fprint(pw, twoDocs) // the first request has its place now
	if a := e.do("POST", "/_bulk", twoDocs); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	pw.Close()
	if code := <-done; code != 200 {
		t.Errorf("first: %d", code)
	}
	if a := e.do("POST", "/_bulk", twoDocs); a.status != 200 {
		t.Errorf("after: %d %s", a.status, a.body)
	}
}

func TestBodies(t *testing.T) {
	gz := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		w.Close()
		return b.String()
	}
	zl := func(s string) string {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		w.Close()
		return b.String()
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	zs := func(s string) string { return string(enc.EncodeAll([]byte(s), nil)) }
	bomb := strings.Repeat(twoDocs, 2000)
	c := Config{}
	c.Elasticsearch.MaxBody = 64 << 10
	for _, tc := range []struct {
		name, encoding, body string
		status               int
		taken                bool
	}{
		{"plain", "", twoDocs, 200, true},
		{"identity", "identity", twoDocs, 200, true},
		{"gzip", "gzip", gz(twoDocs), 200, true},
		{"zstd", "zstd", zs(twoDocs), 200, true},
		{"deflate", "deflate", zl(twoDocs), 200, true},
		{"no newline at the end", "", strings.TrimSpace(twoDocs), 200, true},
		{"carriage returns", "", strings.ReplaceAll(twoDocs, "\n", "\r\n"), 200, true},
		{"empty", "", "", 400, false},
		{"unknown encoding", "snappy", twoDocs, 415, false},
		{"no gzip", "gzip", twoDocs, 400, false},
		{"gzip cut", "gzip", gz(twoDocs)[:40], 400, false},
		{"no zstd", "zstd", twoDocs, 400, false},
		{"too large", "", bomb, 413, false},
		{"gzip bomb", "gzip", gz(bomb), 413, false},
		{"zstd bomb", "zstd", zs(bomb), 413, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newES(t, c)
			for range 2 { // the second uses what the first gave back
				a := e.do("POST", "/_bulk", tc.body, "Content-Encoding", tc.encoding)
				if a.status != tc.status {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			if tc.taken && len(e.sink.order) != 2 {
				t.Errorf("%d logs", len(e.sink.order))
			}
			if tc.status == 413 && !strings.Contains(e.do("POST", "/_bulk", tc.body, "Content-Encoding", tc.encoding).body, "max_body") {
				t.Error("the answer does not say which limit")
			}
		})
	}
}

func TestSingleDocuments(t *testing.T) {
	e := newES(t, Config{})
	for _, tc := range []struct {
		method, path, body string
		status             int
		id                 string
	}{
		{"POST", "/i/_doc", `{"message":"1"}`, 201, ""},
		{"PUT", "/i/_doc/x%2Fy", `{"message":"2"}`, 201, "x/y"},
		{"PUT", "/i/_create/z", `{"message":"3"}`, 201, "z"},
		{"POST", "/i/_update/u", `{"doc":{"message":"4"}}`, 200, "u"},
		{"POST", "/i/events", `{"message":"5"}`, 201, ""},
		{"PUT", "/i/events/7", `{"message":"6"}`, 201, "7"},
		{"POST", "/i/_doc", `{"message":`, 400, ""},
		{"POST", "/i/_doc", `[]`, 400, ""},
		{"POST", "/i/_doc", ``, 400, ""},
	} {
		a := e.do(tc.method, tc.path, tc.body, "Content-Type", "application/json")
		if a.status != tc.status || tc.id != "" && a.json["_id"] != tc.id {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, a.status, a.body)
		}
		if tc.status == 201 && a.json["result"] != "created" {
			t.Error(a.body)
		}
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "4", "5", "6"}, e.sink.messages()); diff != "" {
		t.Error(diff)
	}
}

func TestFilterPath(t *testing.T) {
	e := newES(t, Config{})
	bad := twoDocs + "{\"index\":{\"_index\":\"i\"}}\nnonsense\n"
	for _, tc := range []struct{ filter, body, want string }{
		{"errors", twoDocs, `{"errors":false}`},
		{"errors,items.*.error", twoDocs, `{"errors":false}`},
		{"errors,items.*.status", twoDocs, `{"errors":false,"items":[{"index":{"status":201}},{"create":{"status":201}}]}`},
		{"items.*.status,items.*.error.type", bad, `{"items":[{"index":{"status":201}},{"create":{"status":201}},{"index":{"status":400,"error":{"type":"document_parsing_exception"}}}]}`},
		{"**.error.type", bad, `{"items":[{"index":{"error":{"type":"document_parsing_exception"}}}]}`},
		{"errors,-items", bad, `{"errors":true}`},
		{"took", twoDocs, `{"took":0}`},
		{"items.create._id", twoDocs, `{"items":[{"index":{"_id":"a"}},{"create":{"_id":"b"}}]}`},
		{"none", twoDocs, `{}`},
	} {
		if a := e.do("POST", "/_bulk?filter_path="+tc.filter, tc.body); a.body != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.filter, a.body, tc.want)
		}
	}
}

func TestPodOfPitotIsNotThatOfSenders(t *testing.T) {
	sink := newSink()
	es := NewElasticsearch(Options{Sink: sink, Resource: map[string]string{ResourceCluster: "c", ResourcePod: "pitot-0"}})
	es.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/_bulk", strings.NewReader(twoDocs)))
	if diff := cmp.Diff(map[string]any{ResourceCluster: "c"}, sink.all()[0].Resource); diff != "" {
		t.Error(diff)
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		method, path string
		want         bool
	}{
		{"POST", "/_bulk", true},
		{"POST", "/_bulk/", true},
		{"POST", "//_bulk", true},
		{"PUT", "/llm-logs/_bulk", true},
		{"POST", "/llm-logs/event/_bulk", true},
		{"HEAD", "/_cat/health", true},
		{"GET", "/_nodes/http", true},
		{"HEAD", "/logstash", true},
		{"PUT", "/%3Clogstash-%7Bnow%2Fd%7D-000001%3E", true},
		{"GET", "/_ilm/policy/filebeat", true},
		{"GET", "/calls", false},
		{"POST", "/login", false},
		{"GET", "/api/v1/query", false},
		{"POST", "/api/v1/_bulk", false},
		{"PUT", "/api/_doc", false},
		{"POST", "/API/_bulk", false},
		{"GET", "/jaeger/api/traces", false},
		{"POST", "/select/logsql/query", false},
		{"GET", "/monitoring/status", false},
		{"GET", "/metrics", false},
		{"HEAD", "/metrics", false},
		{"HEAD", "/health", false},
		{"POST", "/-/reload", false},
		{"PUT", "/-/quit", false},
		{"HEAD", "/-/ready", false},
		{"POST", "/v1/traces", false},
		{"POST", "/otel/v1/traces", false},
		{"POST", "/alertmanager/api/v2/alerts", false},
		{"POST", "/insert/jsonline", false},
		{"GET", "/", false},
		{"GET", "/_unknown", false},
		{"GET", "/assets/_bulk", false},
	} {
		r := httptest.NewRequest(tc.method, "http://pitot"+tc.path, nil)
		r.Header.Set("Content-Type", "application/json")
		if got := Match(r); got != tc.want {
			t.Errorf("%s %s: %v", tc.method, tc.path, got)
		}
	}
	browser := httptest.NewRequest(http.MethodHead, "/calls", nil)
	browser.Header.Set("User-Agent", "Mozilla/5.0")
	if Match(browser) {
		t.Error("a browser's HEAD is taken for an index")
	}
	if len(Paths()) < 20 {
		t.Errorf("paths: %v", Paths())
	}
}

func TestWantsElasticsearch(t *testing.T) {
	for _, tc := range []struct {
		method, path, accept, agent string
		want                        bool
	}{
		{"GET", "/", "", "", true},
		{"HEAD", "/", "*/*", "curl/8", true},
		{"GET", "/", "application/json", "elasticsearch-ruby/8.0", true},
		{"GET", "/", "text/html,*/*", "curl/8", false},
		{"GET", "/", "*/*", "Mozilla/5.0 (X11)", false},
		{"POST", "/", "", "", false},
		{"GET", "/calls", "", "", false},
	} {
		r := httptest.NewRequest(tc.method, tc.path, nil)
		r.Header.Set("Accept", tc.accept)
		r.Header.Set("User-Agent", tc.agent)
		if got := WantsElasticsearch(r); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestInvalidTextInAnAnswer(t *testing.T) {
	e := newES(t, Config{})
	a := e.do("POST", "/_bulk", "{\"index\":{\"_index\":\"i\xff\\\"\\u0001\",\"_id\":\"\xfe\"}}\n{\"message\":\"\xff\"}\n")
	if a.status != 200 || a.json == nil {
		t.Error(a.body)
	}
}

func FuzzBulk(f *testing.F) {
	f.Add([]byte(twoDocs))
	f.Add([]byte("{\"index\":{}}\n{\"update\":{\"_id\":1}}\n{\"doc\":{}}\nx\ny\n{\"delete\":{}}"))
	sink := newSink()
	es := NewElasticsearch(Options{Config: Config{MaxLine: 200}, Sink: sink})
	f.Fuzz(func(t *testing.T, body []byte) {
		sink.logs, sink.calls, sink.order, sink.accepted = map[string]*llm.Log{}, map[string]*llm.Call{}, nil, nil
		w := httptest.NewRecorder()
		es.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/i/_bulk", bytes.NewReader(body)))
		var a struct {
			Errors bool `json:"errors"`
			Items  []map[string]struct{ Status int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
		taken, refused := 0, 0
		for _, it := range a.Items {
			for _, v := range it {
				if v.Status < 300 {
					taken++
				} else {
					refused++
				}
			}
		}
		if taken != len(sink.accepted) || a.Errors != (refused > 0) {
			t.Errorf("%d taken, %d in the sink, %d refused: %s", taken, len(sink.accepted), refused, w.Body)
		}
	})
}

func BenchmarkBulk(b *testing.B) {
	const lines = 1000
	var body bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&body, "{\"index\":{\"_index\":\"llm-logs\"}}\n"+
			`{"timestamp":"2026-11-21T10:00:00.%06dZ","level":"INFO","event":"trace_complete","message":"request finished","request_id":"req-%d","model":"gpt-4o","latency":1.234,"input_tokens":120,"output_tokens":340,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","kubernetes":{"pod_name":"api-1","namespace_name":"llm","labels":{"app":"api"}},"cluster_id":"c1"}`+"\n", i, i)
	}
	es := NewElasticsearch(Options{Sink: discard{}})
	b.ReportAllocs()
	b.SetBytes(int64(body.Len()))
	for b.Loop() {
		w := httptest.NewRecorder()
		es.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/_bulk?filter_path=errors", bytes.NewReader(body.Bytes())))
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
