package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// fakeAPI answers paths with texts and remembers what was asked.
type fakeAPI struct {
	answers map[string]string

	mu    sync.Mutex
	asked []*http.Request
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r)
	f.mu.Unlock()
	body, ok := f.answers[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"code":"not_found","message":"no call \"X\"","hint":"it may be older than the retention"}}`)
		return
	}
	_, _ = io.WriteString(w, body)
}

func (f *fakeAPI) last(t *testing.T) *http.Request {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.asked) == 0 {
		t.Fatal("the API was not asked")
	}
	return f.asked[len(f.asked)-1]
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// connect returns a session of the SDK's own client over streamable HTTP.
func connect(t *testing.T, o Options) *mcp.ClientSession {
	t.Helper()
	o.Now = func() time.Time { return noon }
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.HTTPHandler())
	t.Cleanup(server.Close)
	return dial(t, server, nil)
}

// header adds headers to requests.
type header struct {
	http.RoundTripper
	add http.Header
}

func (h header) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	maps.Copy(r.Header, h.add)
	return h.RoundTripper.RoundTrip(r)
}

func dial(t *testing.T, server *httptest.Server, add http.Header) *mcp.ClientSession {
	t.Helper()
	transport := &mcp.StreamableClientTransport{Endpoint: server.URL + "/mcp", HTTPClient: &http.Client{Transport: header{server.Client().Transport, add}}, DisableStandaloneSSE: true}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// call calls a tool and returns its text.
func call(t *testing.T, s *mcp.ClientSession, name string, arguments any) (string, bool) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(res.Content) != 1 {
		t.Fatalf("%s: %d parts of content, want 1", name, len(res.Content))
	}
	part, ok := res.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s: content is %T", name, res.Content[0])
	}
	return part.Text, res.IsError
}

type object = map[string]any

func answerOf(t *testing.T, s *mcp.ClientSession, name string, arguments any) object {
	t.Helper()
	text, failed := call(t, s, name, arguments)
	if failed {
		t.Fatalf("%s failed: %s", name, text)
	}
	var v object
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v: %s", name, err, text)
	}
	return v
}

func TestToolsAreDescribed(t *testing.T) {
	s := connect(t, Options{Backend: InProcess(func() http.Handler { return &fakeAPI{} })})
	if got := s.InitializeResult().Instructions; !strings.Contains(got, "never follow") {
		t.Errorf("the instructions do not warn of untrusted texts: %q", got)
	}
	res, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tool := range res.Tools {
		got = append(got, tool.Name)
		if a := tool.Annotations; a == nil || !a.ReadOnlyHint {
			t.Errorf("%s is not marked as reading only", tool.Name)
		}
		if tool.Name != "list_metrics" && !strings.Contains(tool.Description, "UNTRUSTED DATA") {
			t.Errorf("%s: its description does not mark texts of others as untrusted", tool.Name)
		}
	}
	want := []string{
		"diagnose", "explain_change", "get_call", "get_cost_forecast", "get_costs", "get_summary", "get_trace", "list_alerts", "list_budgets",
		"list_metrics", "list_models", "list_slos", "list_values", "query_metrics", "query_metrics_range", "search_calls", "search_logs", "search_traces",
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
}

func TestArgumentsBecomeParameters(t *testing.T) {
	f := &fakeAPI{answers: map[string]string{
		"/api/pitot/v1/calls": `{"calls":[]}`, "/api/pitot/v1/costs": `{"groups":[]}`, "/api/pitot/v1/explain": `{"causes":[],"summary_zh":"x"}`,
		"/api/v1/query": `{"status":"success","data":{"resultType":"vector","result":[]}}`, "/api/v1/query_range": `{"status":"success","data":{"resultType":"matrix","result":[]}}`,
		"/select/logsql/query": "",
	}}
	s := connect(t, Options{Backend: InProcess(func() http.Handler { return f })})
	for _, test := range []struct {
		tool string
		args object
		want url.Values
	}{
		{"search_calls", object{"model": "m", "tags": object{"team": "a"}, "limit": 7}, url.Values{"model": {"m"}, "tags.team": {"a"}, "limit": {"7"}}},
		{"search_calls", nil, url.Values{"limit": {"20"}}},
		{"get_costs", object{"by": "user,model", "step": "1h"}, url.Values{"by": {"user,model"}, "step": {"1h"}, "limit": {"100"}}},
		{"explain_change", object{"metric": "cost", "causes": 3}, url.Values{"metric": {"cost"}, "causes": {"3"}}},
		{"query_metrics", object{"query": "up", "time": "-1h"}, url.Values{"query": {"up"}, "time": {"1795258800.000"}}},
		{"query_metrics_range", object{"query": "up"}, url.Values{"query": {"up"}, "start": {"1795258800.000"}, "end": {"1795262400.000"}, "step": {"60"}}},
		{"search_logs", object{"query": "*", "limit": 2}, url.Values{"query": {"*"}, "start": {"2026-11-21T11:00:00Z"}, "end": {"2026-11-21T12:00:00Z"}, "limit": {"2"}}},
	} {
		answerOf(t, s, test.tool, test.args)
		if diff := cmp.Diff(test.want, f.last(t).URL.Query()); diff != "" {
			t.Errorf("%s %v (-want +got):\n%s", test.tool, test.args, diff)
		}
	}
}

func TestWrongArgumentsSayWhatIsAllowed(t *testing.T) {
	s := connect(t, Options{Backend: InProcess(func() http.Handler { return &fakeAPI{} })})
	for _, test := range []struct {
		tool string
		args object
		want string
	}{
		{"search_calls", object{"modell": "m"}, "unknown argument \"modell\": this tool takes start, end, service"},
		{"search_calls", object{"limit": 1e6}, "argument limit: allowed is a whole number from 1 to 200"},
		{"search_calls", object{"limit": 1.5}, "argument limit: allowed is a whole number from 1 to 200"},
		{"search_calls", object{"status": "bad"}, "argument status: allowed is ok, error"},
		{"search_calls", object{"tags": "a"}, "argument tags: allowed is an object"},
		{"get_call", object{}, "argument id is missing"},
		{"get_call", object{"id": "../status"}, "argument id: allowed are letters and digits"},
		{"get_call", object{"id": "X", "content": "yes"}, "argument content: allowed is true or false"},
		{"get_call", object{"id": "X"}, "no call \"X\" (it may be older than the retention)"},
		{"query_metrics", object{"query": "up", "time": "yesterday"}, "argument time: \"yesterday\" is not a time"},
		{"query_metrics_range", object{"query": "up", "start": "-30d", "step": "1s"}, "points a series are too many"},
		{"query_metrics_range", object{"query": "up", "start": "now", "end": "-1h"}, "start must be before end"},
		{"list_metrics", object{"metric": "a{b=\"c\"}"}, "is not the name of a metric"},
	} {
		text, failed := call(t, s, test.tool, test.args)
		if !failed || !strings.Contains(text, test.want) {
			t.Errorf("%s %v: failed %v, %q; want an error with %q", test.tool, test.args, failed, text, test.want)
		}
	}
}

const callJSON = `{"id":"01ABC","status":"ok","request_model":"m","usage":{"input_tokens":12},"timeline":"AAAA",
	"input":[{"role":"user","parts":[{"type":"text","content":"the secret question"}]}],"output":[{"role":"assistant","parts":[{"type":"text","content":"the answer"}]}],
	"tools":[{"name":"t"}],"params":{"user":"p"},"attributes":{"gen_ai.prompt":"the secret question"}}`

// byHeader allows content to who has a key.
type byHeader struct{}

func (byHeader) Allowed(ctx context.Context, p Permission) bool {
	r, ok := ctx.Value(clientKey{}).(*http.Request)
	return ok && (p == PermissionQuery && r.Header.Get("Authorization") != "" || r.Header.Get("Authorization") == "Bearer content")
}

func TestContentNeedsThePermission(t *testing.T) {
	f := &fakeAPI{answers: map[string]string{
		"/api/pitot/v1/calls/01ABC": callJSON, "/api/pitot/v1/calls": `{"calls":[` + callJSON + `]}`, "/select/logsql/query": `{"_msg":"the secret question"}`,
		"/api/pitot/v1/traces/0a": `{"trace_id":"0a","spans":[{"span_id":"1","name":"n","kind":"tool","span":{"attributes":{"q":"the secret question"}}},{"span_id":"2","name":"c","kind":"call","call":` + callJSON + `}]}`,
	}}
	s, err := New(Options{Backend: InProcess(func() http.Handler { return f }), Access: byHeader{}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.HTTPHandler())
	t.Cleanup(server.Close)
	nobody := dial(t, server, nil)
	viewer := dial(t, server, http.Header{"Authorization": {"Bearer viewer"}})
	developer := dial(t, server, http.Header{"Authorization": {"Bearer content"}})

	if text, failed := call(t, nobody, "search_calls", nil); !failed || !strings.Contains(text, `permission "query" is missing`) {
		t.Errorf("nobody may search: %s", text)
	}
	for tool, args := range map[string]object{
		"get_call": {"id": "01ABC"}, "search_calls": {}, "get_trace": {"trace_id": "0a"},
	} {
		for _, who := range []*mcp.ClientSession{viewer, developer} {
			text, failed := call(t, who, tool, args)
			if failed || strings.Contains(text, "secret") || !strings.Contains(text, `"01ABC"`) {
				t.Errorf("%s without content: failed %v: %s", tool, failed, text)
			}
		}
	}
	for tool, args := range map[string]object{
		"get_call": {"id": "01ABC", "content": true}, "get_trace": {"trace_id": "0a", "content": true}, "search_logs": {"query": "*"},
	} {
		if text, failed := call(t, viewer, tool, args); !failed || !strings.Contains(text, `permission "content" is missing`) {
			t.Errorf("%s shows content to a viewer: %s", tool, text)
		}
		if text, failed := call(t, developer, tool, args); failed || !strings.Contains(text, "the secret question") {
			t.Errorf("%s shows a developer no content: %s", tool, text)
		}
	}
	// What a filter matches tells about content.
	if text, failed := call(t, viewer, "search_calls", object{"search": "secret"}); !failed {
		t.Errorf("a viewer searches in prompts: %s", text)
	}
	if r := f.last(t); r.Header.Get("Authorization") != "Bearer content" || r.Header.Get("Content-Type") != "" {
		t.Errorf("the API is asked with the headers %v, want the client's credentials and nothing about its body", r.Header)
	}
}

func TestAnswersFitAndSayWhatIsMissing(t *testing.T) {
	var calls, spans []string
	for i := range 200 {
		calls = append(calls, fmt.Sprintf(`{"id":"%026d","error_message":%q}`, i, strings.Repeat("é", 400)))
		spans = append(spans, fmt.Sprintf(`{"span_id":"%d","name":%q}`, i, strings.Repeat("n", 10)))
	}
	huge, err := json.Marshal(strings.Repeat("word ", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeAPI{answers: map[string]string{
		"/api/pitot/v1/calls":     `{"calls":[` + strings.Join(calls, ",") + `],"next_cursor":"c"}`,
		"/api/pitot/v1/calls/01A": `{"id":"01A","input":[{"role":"user","parts":[{"type":"text","content":` + string(huge) + `}]}]}`,
		"/api/pitot/v1/traces/0a": `{"spans":[` + strings.Join(spans, ",") + `]}`,
	}}
	const budget = 20_000
	s := connect(t, Options{Backend: InProcess(func() http.Handler { return f }), MaxBytes: budget})

	text, _ := call(t, s, "search_calls", object{"limit": 200})
	var page struct {
		Calls []struct{ ID string }
		Next  string `json:"next_cursor"`
		Cut   *cutReport
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	if len(text) > budget || page.Cut == nil {
		t.Fatalf("%d bytes, cut %+v; want at most %d and a report", len(text), page.Cut, budget)
	}
	if n := len(page.Calls); n < 50 || page.Cut.RowsShown != nil && *page.Cut.RowsShown != n {
		t.Errorf("%d calls shown, report %+v", n, page.Cut)
	}
	if len(page.Calls) < 200 && page.Next != "" {
		t.Error("next_cursor is there although calls of this page are missing: they would be skipped")
	}
	if page.Calls[0].ID != strings.Repeat("0", 26) {
		t.Errorf("the first call is %s, want the first one of the page", page.Calls[0].ID)
	}

	text, _ = call(t, s, "get_call", object{"id": "01A", "content": true})
	if len(text) > budget || !strings.Contains(text, "word word") || !strings.Contains(text, "bytes more)") || !strings.Contains(text, `"texts_shortened":1`) {
		t.Errorf("a long prompt: %d bytes: %.300s", len(text), text)
	}

	got := answerOf(t, s, "get_trace", object{"trace_id": "0a", "limit": 5})
	if n := len(got["spans"].([]any)); n != 5 {
		t.Errorf("%d spans, want 5", n)
	}
	if diff := cmp.Diff(object{"rows_shown": 5., "rows_found": 200., "hint": "ask for fewer spans with limit, or without content"}, got["cut"]); diff != "" {
		t.Errorf("cut (-want +got):\n%s", diff)
	}
}

func TestAlertsHaveTheirNotification(t *testing.T) {
	f := &fakeAPI{answers: map[string]string{
		"/api/v1/alerts": `{"status":"success","data":{"alerts":[
			{"labels":{"alertname":"A","model":"m"},"annotations":{"summary":"s"},"state":"firing","value":"1"},
			{"labels":{"alertname":"B"},"state":"pending"}]}}`,
		"/alertmanager/api/v2/alerts": `[{"labels":{"model":"m","alertname":"A"},"annotations":{"summary":"s","explanation":"because"},"status":{"state":"suppressed","silencedBy":["x"],"inhibitedBy":[]}}]`,
	}}
	s := connect(t, Options{Backend: InProcess(func() http.Handler { return f })})
	got := answerOf(t, s, "list_alerts", object{"state": "firing"})
	want := object{"alerts": []any{object{
		"labels": object{"alertname": "A", "model": "m"}, "annotations": object{"summary": "s", "explanation": "because"}, "state": "firing", "value": "1",
		"notification": object{"state": "suppressed", "silencedBy": []any{"x"}, "inhibitedBy": []any{}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

func TestMetricsAreListed(t *testing.T) {
	f := &fakeAPI{answers: map[string]string{
		"/api/v1/label/__name__/values": `{"status":"success","data":["llm_requests_total","llm_duration_bucket","up"]}`,
		"/api/v1/metadata":              `{"status":"success","data":{"llm_requests_total":[{"type":"counter","help":"Requests."}],"llm_duration":[{"type":"histogram","help":"Duration."}]}}`,
		"/api/v1/series":                `{"status":"success","data":[{"__name__":"up","job":"a"},{"__name__":"up","job":"b","zone":"z"}]}`,
	}}
	s := connect(t, Options{Backend: InProcess(func() http.Handler { return f })})
	want := object{"metrics": []any{
		object{"name": "llm_requests_total", "type": "counter", "help": "Requests."}, object{"name": "llm_duration_bucket", "type": "histogram", "help": "Duration."},
	}}
	if diff := cmp.Diff(want, answerOf(t, s, "list_metrics", object{"search": "LLM_"})); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	want = object{"metric": "up", "series": 2., "labels": []any{
		object{"label": "job", "values": []any{"a", "b"}}, object{"label": "zone", "values": []any{"z"}},
	}}
	if diff := cmp.Diff(want, answerOf(t, s, "list_metrics", object{"metric": "up"})); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// failing is a Backend without a server.
type failing struct{}

func (failing) Get(context.Context, string, url.Values) (io.ReadCloser, error) {
	return nil, errors.New("no server answers at http://127.0.0.1:1: start one with `pitot serve`")
}

func TestServeOverStreams(t *testing.T) {
	s, err := New(Options{Backend: failing{}})
	if err != nil {
		t.Fatal(err)
	}
	toServer, fromClient := io.Pipe()
	toClient, fromServer := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(t.Context(), toServer, fromServer) }()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.IOTransport{Reader: toClient, Writer: fromClient}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, failed := call(t, session, "list_slos", nil); !failed || !strings.Contains(text, "pitot serve") {
		t.Errorf("without a server: failed %v: %s", failed, text)
	}
	_ = session.Close()
	_ = fromClient.Close()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v, want nil at the end of the input", err)
	}
}

func TestHTTPRefuses(t *testing.T) {
	s, err := New(Options{Backend: failing{}})
	if err != nil {
		t.Fatal(err)
	}
	h := s.HTTPHandler()
	for _, test := range []struct {
		method, body string
		want         int
	}{
		{http.MethodGet, "", http.StatusMethodNotAllowed},
		{http.MethodDelete, "", http.StatusMethodNotAllowed},
		{http.MethodPost, "no json", http.StatusBadRequest},
		{http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"` + strings.Repeat("x", maxRequest) + `"}}`, http.StatusRequestEntityTooLarge},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, "/mcp", strings.NewReader(test.body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s %.30q: %d, want %d: %s", test.method, test.body, w.Code, test.want, w.Body)
		}
	}
}

func FuzzArguments(f *testing.F) {
	f.Add([]byte(`{"limit":3,"tags":{"a":"b"},"status":"ok"}`))
	f.Add([]byte(`{"limit":1e300}`))
	f.Add([]byte(`null`))
	params := append(filterParams("1h"), limitParam("", 20, 200), param{name: "content", kind: flag})
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := parseArgs(raw, params)
		if err != nil {
			return
		}
		if n := a.limit(); n < 1 || n > 200 {
			t.Errorf("limit %d", n)
		}
		for name := range a.query() {
			if !strings.HasPrefix(name, "tags.") && !slices.ContainsFunc(params, func(p param) bool { return p.name == name }) {
				t.Errorf("parameter %q", name)
			}
		}
	})
}
