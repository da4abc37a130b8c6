package harness

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func post(t *testing.T, url, contentType string, body []byte, header ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+fakeKey)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestWantIsWhatTheProviderAnswered(t *testing.T) {
	p, err := StartProviders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := ScenarioOf("agent")
	if err != nil {
		t.Fatal(err)
	}
	p.Begin("one", s)
	p.Begin("other", s)
	base, _ := p.BaseURLs("one", "")
	tools := `,"tools":[{"type":"function","function":{"name":"weather"}}]`
	for range 3 {
		if status := post(t, base+"/chat/completions", "application/json", []byte(`{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]`+tools+`}`)); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	w := WantOf(s, p.Truth("one"))
	if len(w.Calls) != 3 || len(p.Truth("other")) != 0 {
		t.Fatalf("%d calls, and %d of the other run", len(w.Calls), len(p.Truth("other")))
	}
	first, inTool := w.Calls[0], w.Calls[1]
	if *first.InputTokens != 100 || *first.OutputTokens != 20 || !cmp.Equal(first.Tools, []string{Tool}) || !cmp.Equal(first.FinishReasons, []string{"tool_call"}) {
		t.Errorf("first call: %+v", first)
	}
	if want := 100*0.15e-6 + 20*0.6e-6; first.CostUSD == nil || *first.CostUSD-want > 1e-12 || want-*first.CostUSD > 1e-12 {
		t.Errorf("cost %v, want %v", first.CostUSD, want)
	}
	if !cmp.Equal(inTool.Tree, []string{Workflow, Agent, Tool}) || inTool.Session != Session || inTool.User != User {
		t.Errorf("call in the tool: %+v", inTool)
	}
}

func TestInputText(t *testing.T) {
	for body, want := range map[string]string{
		`{"messages":[{"role":"system","content":"x"},{"role":"user","content":"hi"}]}`: "hi",
		`{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`:        "hi",
		`{"input":"hi"}`:   "hi",
		`{"input":["hi"]}`: "hi",
		`{"input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]}`: "hi",
		`{"input":7}`: "",
		`no`:          "",
	} {
		if got := inputText([]byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}

func TestWantOfAFailedCall(t *testing.T) {
	p, err := StartProviders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := ScenarioOf("error_4xx")
	if err != nil {
		t.Fatal(err)
	}
	p.Begin("run", s)
	base, _ := p.BaseURLs("run", "")
	if status := post(t, base+"/chat/completions", "application/json", []byte(`{"model":"gpt-4o-mini","messages":[]}`)); status != http.StatusTooManyRequests {
		t.Fatalf("status %d", status)
	}
	c := WantOf(s, p.Truth("run")).Calls[0]
	if c.Status != "error" || c.HTTPStatus != http.StatusTooManyRequests || c.ErrorType == "" || c.InputTokens != nil || c.CostUSD != nil {
		t.Errorf("%+v", c)
	}
}

func traces() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	rs.Resource().Attributes().PutStr("host.name", "some-machine")
	rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("chat")
	return td
}

func TestReceiverTakesEveryEncoding(t *testing.T) {
	r, err := StartReceiver(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	url, addr := r.Addresses()
	q := ptraceotlp.NewExportRequestFromTraces(traces())
	proto, err := q.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	text, err := q.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(proto)
	z.Close()
	post(t, url+"/v1/traces", "application/x-protobuf", proto)
	post(t, url+"/api/public/otel/v1/traces", "application/json; charset=utf-8", text)
	post(t, url+"/v1/traces", "application/x-protobuf", zipped.Bytes(), "Content-Encoding", "gzip")
	if status := post(t, url+"/v1/traces", "application/x-protobuf", []byte("no")); status != http.StatusBadRequest {
		t.Errorf("garbage: status %d", status)
	}
	post(t, url+"/api/public/ingestion", "application/json", []byte("{}"))
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := ptraceotlp.NewGRPCClient(conn).Export(context.WithoutCancel(t.Context()), q); err != nil {
		t.Fatal(err)
	}
	got, other := r.Got()
	if len(got) != 4 || len(other) != 1 {
		t.Fatalf("%d kept, %d others", len(got), len(other))
	}
	for _, g := range got {
		if g.Signal != "traces" || !bytes.Equal(g.Body, text) {
			t.Errorf("%s %s: %s", g.Signal, g.Path, g.Body)
		}
		for k, v := range g.Headers {
			if strings.Contains(v, fakeKey) {
				t.Errorf("header %s keeps a key", k)
			}
		}
	}
}

func TestScrubLeavesNothingOfTheMachine(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	body := `{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},{"key":"host.name","value":{"stringValue":"h"}},` +
		`{"key":"process.pid","value":{"intValue":"7"}},{"key":"os.type","value":{"stringValue":"linux"}}]},` +
		`"spans":[{"startTimeUnixNano":"1795319469000000001","attributes":[{"key":"code.path","value":{"stringValue":"` + filepath.Join(root, "x.js") + `"}},` +
		`{"key":"home","value":{"stringValue":"` + filepath.Join(home, "x") + `"}},` +
		`{"key":"exception.stacktrace","value":{"stringValue":"Error: <no>\n at a (/opt/me/node_modules/openai/a.js:1)\n at b\n at c\n at d"}}]}]}`
	got, err := NewScrubber(root).Scrub([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	for _, never := range []string{root, "host.name", "process.", "os.type", "/opt/me", "at c"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is left in %s", never, text)
		}
	}
	for _, keep := range []string{"shop", "1795319469000000001", "/app/node_modules/openai/a.js", "Error: <no>", "/app/x.js"} {
		if !strings.Contains(text, keep) {
			t.Errorf("%q is gone from %s", keep, text)
		}
	}
}

func TestManifest(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadManifest(filepath.Join(root, "test", "interop", "senders"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range m {
		if names[s.Name] || s.Name == "" || len(s.Command) == 0 || s.Package == "" || s.Dialect == "" {
			t.Errorf("%q: without a name of its own, a command, a package or a dialect", s.Name)
		}
		names[s.Name] = true
		for _, name := range s.Scenarios {
			if _, err := ScenarioOf(name); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
	s := Sender{Cannot: map[string]string{"ttft": "a", "plain/cost": "b", "tool/cost": "c"}}
	if diff := cmp.Diff(map[string]string{"ttft": "a", "cost": "b"}, s.CannotIn("plain")); diff != "" {
		t.Error(diff)
	}
}

func TestSenderEndsWithItsTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := RunSender(ctx, Sender{Command: []string{"sleep", "60"}, Dir: "."}, os.Environ()); err == nil {
		t.Error("a sender outlived its time")
	}
}
