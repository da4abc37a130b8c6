package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// TestJaegerGolden compares whole answers with files.
func TestJaegerGolden(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	for name, url := range map[string]string{
		"services":           "/jaeger/api/services",
		"service_operations": "/jaeger/api/services/checkout/operations",
		"operations":         "/jaeger/api/operations?service=checkout&spanKind=server",
		"trace":              "/jaeger/api/traces/" + traceID,
		"traces":             "/jaeger/api/traces?service=checkout",
		"dependencies":       "/jaeger/api/dependencies?endTs=1795255200000&lookback=604800000",
	} {
		var b bytes.Buffer
		if err := json.Indent(&b, wantOK(t, a.get(url)).Body.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "jaeger", name+".json"), b.Bytes())
	}
}

// wantJaegerError returns the message of an error in Jaeger's own shape.
func wantJaegerError(t *testing.T, w *httptest.ResponseRecorder, status int) string {
	t.Helper()
	body := decode[struct {
		Data   any
		Errors []struct {
			Code int
			Msg  string
		}
	}](t, w.Body.Bytes())
	if w.Code != status || body.Data != nil || len(body.Errors) != 1 || body.Errors[0].Code != status || body.Errors[0].Msg == "" {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	return body.Errors[0].Msg
}

func TestJaegerErrors(t *testing.T) {
	a := newAPI(t)
	for target, message := range map[string]string{
		"/jaeger/api/operations":         "the name of a service",
		"/jaeger/api/traces/xyz":         "32 hex digits",
		"/jaeger/api/traces?traceID=xyz": "32 hex digits",
		"/jaeger/api/traces?traceID=" + strings.Repeat("1&traceID=", 100) + "1": "at most 100 ids",
		"/jaeger/api/traces?start=x":                            "Unix microseconds",
		"/jaeger/api/traces?start=-5":                           "Unix microseconds",
		"/jaeger/api/traces?end=9223372036854775807":            "Unix microseconds",
		"/jaeger/api/traces?start=5&end=5":                      "before end",
		"/jaeger/api/traces?lookback=soon":                      "such as 1h",
		"/jaeger/api/traces?lookback=0s":                        "such as 1h",
		"/jaeger/api/traces?minDuration=5":                      "100ms or 1.2s",
		"/jaeger/api/traces?maxDuration=-5s":                    "100ms or 1.2s",
		"/jaeger/api/traces?minDuration=2s&maxDuration=1s":      "up to maxDuration",
		"/jaeger/api/traces?limit=0":                            "1 to 1000",
		"/jaeger/api/traces?limit=many":                         "1 to 1000",
		"/jaeger/api/traces?tags=error":                         "JSON object",
		"/jaeger/api/traces?tags=" + url.QueryEscape(`{"a":1}`): "JSON object",
		"/jaeger/api/traces?tag=error":                          "name:value",
		"/jaeger/api/traces?service=%zz":                        "percent-encoded",
		"/jaeger/api/dependencies?endTs=x":                      "Unix milliseconds",
		"/jaeger/api/dependencies?lookback=-1":                  "milliseconds",
		"/jaeger/api/dependencies?lookback=99999999999999":      "a year",
	} {
		if msg := wantJaegerError(t, a.get(target), http.StatusBadRequest); !strings.Contains(msg, message) {
			t.Errorf("%s: %q, want %q in it", target, msg, message)
		}
	}
	wantJaegerError(t, a.get("/jaeger/api/metrics/calls"), http.StatusNotFound)
	w := a.post("/jaeger/api/services", "")
	wantJaegerError(t, w, http.StatusMethodNotAllowed)
	if allow := w.Header().Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("Allow: %q", allow)
	}

	urls := []string{"/services", "/services/x/operations", "/operations?service=x", "/traces", "/traces/" + traceID, "/traces?traceID=" + traceID, "/dependencies"}
	for status, err := range map[int]error{
		http.StatusServiceUnavailable:  &events.UnavailableError{Op: "x", Err: errors.New("refused")},
		http.StatusGatewayTimeout:      context.DeadlineExceeded,
		http.StatusBadRequest:          &events.QueryError{Param: "minDuration", Message: "cannot be negative"},
		http.StatusInternalServerError: errors.New("bug"),
	} {
		a.events.failing(err)
		for _, u := range urls {
			wantJaegerError(t, a.get("/jaeger/api"+u), status)
		}
	}
	a.events.failing(events.ErrNotFound)
	wantJaegerError(t, a.get("/jaeger/api/traces/"+traceID), http.StatusNotFound)
}

func TestJaegerSearch(t *testing.T) {
	hourAgo := events.Range{Start: now.Add(-hour), End: now}
	for query, want := range map[string]events.TraceQuery{
		"": {Range: hourAgo, Limit: 20},
		"service=checkout&operation=all&raw=true&limit=1500":             {Range: hourAgo, Service: "checkout", Limit: 1000},
		"service=checkout&operation=chat+gpt-4o&lookback=custom&limit=5": {Range: hourAgo, Service: "checkout", Operation: "chat gpt-4o", Limit: 5},
		"lookback=2d": {Range: events.Range{Start: now.Add(-48 * hour), End: now}, Limit: 20},
		"start=1795251600000001&end=1795255200000000&lookback=5m": {Range: events.Range{Start: now.Add(-hour).Add(time.Microsecond), End: now}, Limit: 20},
		"end=1795251600000000":                                         {Range: events.Range{Start: now.Add(-2 * hour), End: now.Add(-hour)}, Limit: 20},
		"minDuration=100ms&maxDuration=1.2s":                           {Range: hourAgo, MinDuration: 100 * time.Millisecond, MaxDuration: 1200 * time.Millisecond, Limit: 20},
		"tag=url:http://x&tags=" + url.QueryEscape(`{"error":"true"}`): {Range: hourAgo, Tags: map[string]string{"error": "true", "url": "http://x"}, Limit: 20},
		"tag=a:": {Range: hourAgo, Tags: map[string]string{"a": ""}, Limit: 20},
	} {
		a := newAPI(t)
		var got events.TraceQuery
		a.events.traces = func(_ context.Context, q events.TraceQuery) ([]events.TraceRecords, error) {
			got = q
			return []events.TraceRecords{{Records: fullTrace()}, {Records: []llm.Record{{Log: &llm.Log{}}}}, {}}, nil
		}
		w := wantOK(t, a.get("/jaeger/api/traces?"+query))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
		if n := decode[jaegerAnswer](t, w.Body.Bytes()).Total; n != 1 {
			t.Errorf("%q: %d traces", query, n)
		}
	}
}

// TestJaegerWarns: Jaeger's clients show the warnings of a trace.
func TestJaegerWarns(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	for _, path := range []string{"/jaeger/api/traces/" + traceID, "/jaeger/api/traces?traceID=" + traceID, "/jaeger/api/traces?service=x"} {
		got := decode[struct{ Data []jaegerTrace }](t, wantOK(t, a.get(path)).Body.Bytes())
		if len(got.Data) != 1 || len(got.Data[0].Warnings) != 1 || !strings.Contains(got.Data[0].Warnings[0], "3 more spans") {
			t.Errorf("%s: %+v", path, got.Data)
		}
	}
}

// TestJaegerIDs: Jaeger's clients leave leading zeros out.
func TestJaegerIDs(t *testing.T) {
	a := newAPI(t)
	var asked []string
	a.events.trace = func(_ context.Context, id string, _ events.Range) (events.TraceRecords, error) {
		asked = append(asked, id)
		if id == strings.Repeat("0", 31)+"1" {
			return events.TraceRecords{}, events.ErrNotFound
		}
		return events.TraceRecords{Records: fullTrace()}, nil
	}
	wantOK(t, a.get("/jaeger/api/traces/8448EB211C80319C"))
	w := wantOK(t, a.get("/jaeger/api/traces?traceID=8448eb211c80319c&traceID=1&traceID="+traceID))
	padded := "0000000000000000" + "8448eb211c80319c"
	if diff := cmp.Diff([]string{padded, padded, strings.Repeat("0", 31) + "1", traceID}, asked); diff != "" {
		t.Error(diff)
	}
	if n := decode[jaegerAnswer](t, w.Body.Bytes()).Total; n != 2 {
		t.Errorf("%d traces", n)
	}
}

func TestJaegerNamesAndDependencies(t *testing.T) {
	a := newAPI(t)
	var service string
	var rng events.Range
	a.events.services = func(_ context.Context, r events.Range) ([]string, error) { rng = r; return nil, nil }
	a.events.operations = func(_ context.Context, s string, _ events.Range) ([]string, error) {
		service = s
		return []string{"b", "a"}, nil
	}
	a.events.dependencies = func(_ context.Context, r events.Range) ([]events.Dependency, error) { rng = r; return nil, nil }
	if w := wantOK(t, a.get("/jaeger/api/services")); !strings.Contains(w.Body.String(), `"data":[]`) || rng != (events.Range{Start: now.Add(-48 * hour), End: now}) {
		t.Errorf("%s in %v", w.Body, rng)
	}
	if w := wantOK(t, a.get("/jaeger/api/services/a%2Fb%20c/operations")); !strings.Contains(w.Body.String(), `["a","b"]`) || service != "a/b c" {
		t.Errorf("%q: %s", service, w.Body)
	}
	if w := wantOK(t, a.get("/jaeger/api/operations?service=x")); !strings.Contains(w.Body.String(), `{"name":"a","spanKind":""}`) || service != "x" {
		t.Errorf("%q: %s", service, w.Body)
	}
	if w := wantOK(t, a.get("/jaeger/api/dependencies?endTs=1795251600000&lookback=60000")); !strings.Contains(w.Body.String(), `"data":[]`) {
		t.Errorf("%s", w.Body)
	}
	if want := (events.Range{Start: now.Add(-hour - time.Minute), End: now.Add(-hour)}); rng != want {
		t.Errorf("range %v, want %v", rng, want)
	}
}

// TestJaegerDurations: microseconds are exact.
func TestJaegerDurations(t *testing.T) {
	c := fullCall()
	for us := range 5000 {
		c.Duration = time.Second + time.Duration(us)*time.Microsecond
		if got := toJaeger(traceID, &events.TraceRecords{Records: []llm.Record{{Call: c}}}).Spans[0].Duration; got != c.Duration.Microseconds() {
			t.Fatalf("%s is %d µs", c.Duration, got)
		}
	}
}

func TestJaegerTagValues(t *testing.T) {
	var l tagList
	for _, v := range []any{"s", "", true, 3, int64(4), 1.5, nil, []string{"<a>", "b"}, map[string]any{"k": 1}, func() {}} {
		l.add("k", v)
	}
	l[len(l)-1].Value = "a function" // whose address differs
	want := tagList{
		{"k", "string", "s"},
		{"k", "bool", true},
		{"k", "int64", int64(3)},
		{"k", "int64", int64(4)},
		{"k", "float64", 1.5},
		{"k", "string", `["<a>","b"]`},
		{"k", "string", `{"k":1}`},
		{"k", "string", "a function"},
	}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Error(diff)
	}
}
