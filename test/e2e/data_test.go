//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// spokenSpans are OTLP spans of calls with content, and of a tool beneath each.
func spokenSpans(day time.Time, word string, calls int) string {
	var spans []string
	for i := range calls {
		at := day.Add(time.Duration(i) * time.Minute)
		trace := fmt.Sprintf("%016x%016x", day.Unix(), i+1)
		spans = append(spans, fmt.Sprintf(
			`{"traceId":"%s","spanId":"%016x","name":"chat m","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[`+
				`{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},`+
				`{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"100"}},`+
				`{"key":"gen_ai.usage.output_tokens","value":{"intValue":"50"}},{"key":"gen_ai.conversation.id","value":{"stringValue":"session-%d"}},`+
				`{"key":"gen_ai.input.messages","value":{"stringValue":"[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"%sprompt here\"}]}]"}},`+
				`{"key":"gen_ai.output.messages","value":{"stringValue":"[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"%sanswer there\"}]}]"}}]}`,
			trace, 2*i+1, at.UnixNano(), at.Add(time.Second).UnixNano(), day.Unix(), word, word,
		), fmt.Sprintf(
			`{"traceId":"%s","spanId":"%016x","parentSpanId":"%016x","name":"execute_tool search","kind":1,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[`+
				`{"key":"gen_ai.operation.name","value":{"stringValue":"execute_tool"}},{"key":"gen_ai.tool.name","value":{"stringValue":"search"}},`+
				`{"key":"gen_ai.tool.call.arguments","value":{"stringValue":"{\"q\":\"%sargument\"}"}},{"key":"gen_ai.tool.call.result","value":{"stringValue":"%sresult"}}]}`,
			trace, 2*i+2, 2*i+1, at.UnixNano(), at.Add(time.Second).UnixNano(), word, word,
		))
	}
	return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"spoken"}}]},"scopeSpans":[{"spans":[` + strings.Join(spans, ",") + `]}]}]}`
}

// spokenCall is a call as the API shows it.
type spokenCall struct {
	ID      string           `json:"id"`
	TraceID string           `json:"trace_id"`
	Input   []map[string]any `json:"input"`
	Output  []map[string]any `json:"output"`
	Removed []string         `json:"content_removed"`
	Usage   struct {
		Input  float64 `json:"input_tokens"`
		Output float64 `json:"output_tokens"`
	} `json:"usage"`
	Duration float64 `json:"duration_seconds"`
}

// TestContentHasAnAgeOfItsOwn: a server that removes content after two days, and
// calls after thirty.
func TestContentHasAnAgeOfItsOwn(t *testing.T) {
	t.Parallel()
	config := "storage: {events: {retention: 30d, ages: {content: {retention: 2d}}}}\n"
	s := serve(t, setup{config: config}).ready()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	old, young := today.AddDate(0, 0, -6), today.AddDate(0, 0, -1)
	const calls = 30
	for day, word := range map[time.Time]string{old: "canaryold", young: "canaryyoung"} {
		if status, body, err := s.try(http.MethodPost, s.otlp+"/v1/traces", strings.NewReader(spokenSpans(day, word, calls))); err != nil || status != http.StatusOK {
			t.Fatalf("spans: %v %d %s", err, status, body)
		}
	}
	at := func(day time.Time, kv ...string) url.Values {
		q := url.Values{"start": {day.Format(time.RFC3339)}, "end": {day.Add(24*time.Hour - 1).Format(time.RFC3339)}}
		for i := 0; i < len(kv); i += 2 {
			q.Set(kv[i], kv[i+1])
		}
		return q
	}
	first := s.waitCalls(calls, at(old))[0]
	s.waitCalls(calls, at(young))
	get := func(id string) (c spokenCall) {
		t.Helper()
		s.getJSON("/api/pitot/v1/calls/"+id, nil, &c)
		return c
	}
	if c := get(first.ID); len(c.Input) != 1 || len(c.Output) != 1 || c.Removed != nil {
		t.Fatalf("before: %+v", c)
	}
	if got := s.calls(at(old, "search", "canaryoldprompt canaryoldanswer")); len(got) != calls {
		t.Errorf("search finds %d calls of %d", len(got), calls)
	}
	query := `{kind="call"} id:in({kind="content"} text:canaryoldprompt | fields call_id) | stats count() n`
	if status, b := s.get("/select/logsql/query", at(old, "query", query)); status != http.StatusOK || !strings.Contains(b, fmt.Sprintf(`"n":"%d"`, calls)) {
		t.Errorf("LogsQL: status %d: %s", status, b)
	}
	export := func(day time.Time) string {
		t.Helper()
		_, body := s.get("/api/pitot/v1/datasets/export", at(day, "format", "jsonl"))
		return body
	}
	if got := strings.Count(export(old), "canaryoldanswer"); got != calls {
		t.Errorf("the data set has %d examples of %d", got, calls)
	}
	_, before := s.get("/api/pitot/v1/costs", at(old, "by", "service,model"))
	words := []string{"canaryoldprompt", "canaryoldanswer", "canaryoldargument", "canaryoldresult"}
	inFiles := func() map[string]bool {
		hits, _, err := residue.Find(filepath.Join(s.data, "events"), append([]string{"canaryyoungprompt"}, words...)...)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, h := range hits {
			found[h.Needle] = true
		}
		return found
	}
	testkit.Eventually(t, "all words are in files", func() bool { return len(inFiles()) == len(words)+1 })
	data := s.data
	s.stop()

	// It looks once an hour, and when it starts.
	s = serve(t, setup{config: config, data: data}).ready()
	testkit.Eventually(t, "the old content is gone from the files", func() bool {
		found := inFiles()
		return len(found) == 1 && found["canaryyoungprompt"]
	})
	c := get(first.ID)
	if c.Input != nil || c.Output != nil || len(c.Removed) < 2 || c.Usage.Input != 100 || c.Usage.Output != 50 || c.Duration != 1 {
		t.Errorf("after it: %+v", c)
	}
	if got := s.calls(at(old, "search", "canaryoldprompt")); len(got) != 0 {
		t.Errorf("search still finds %d calls", len(got))
	}
	if _, after := s.get("/api/pitot/v1/costs", at(old, "by", "service,model")); after != before {
		t.Errorf("costs changed from %s to %s", before, after)
	}
	_, trace := s.get("/api/pitot/v1/traces/"+first.TraceID, nil)
	if !strings.Contains(trace, `"content_removed"`) || strings.Contains(trace, "canaryold") || !strings.Contains(trace, "execute_tool search") {
		t.Errorf("the trace: %s", trace)
	}
	if got := export(old); strings.Contains(got, "canary") {
		t.Errorf("the data set still has %s", got)
	}
	if young := s.calls(at(young, "search", "canaryyoungprompt")); len(young) != calls {
		t.Errorf("search finds %d young calls of %d", len(young), calls)
	}
	if out, stderr, code := pitot(t, nil, "data", "clean", "--server", s.api, "--older-than", "0s", "--kind", "content", "--yes"); code != 0 || !strings.Contains(out, "content") {
		t.Errorf("clean of content: exit %d: %s%s", code, out, stderr)
	}
	if got := len(s.calls(at(young))); got != calls {
		t.Errorf("%d calls are left of %d", got, calls)
	}
	s.stop()
}

// TestErasureThatIsCut kills the engine, and then the server, in the midst of
// erasures: they are finished, say so, and nothing else is gone.
func TestErasureThatIsCut(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{TruthSize: 1 << 14})
	config := upstreamConfig(up.url)
	s := serve(t, setup{config: config}).ready()
	send := func(s *server, user string, n int) {
		t.Helper()
		for range n {
			if status, b := s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Pitot-Service", "cut", "X-Pitot-User", user, "X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "1ms", "X-Fake-Chunk-Interval", "1ms"); status != http.StatusOK {
				t.Fatalf("status %d: %s", status, b)
			}
		}
	}
	const each = 15
	for _, user := range []string{"engine-goes", "server-goes", "stays"} {
		send(s, user, each)
	}
	s.waitCalls(3*each, nil)
	begin := func(s *server, user string) *exec.Cmd {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary, "data", "erase", "--server", s.api, "--user", user, "--yes")
		cmd.Env = environment()
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { out.Close() })
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "the erasure has begun", func() bool {
			_, err := os.Stat(filepath.Join(s.data, "erasing.json"))
			return err == nil
		})
		return cmd
	}
	text := func(cmd *exec.Cmd) string {
		b, err := os.ReadFile(cmd.Stdout.(*os.File).Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}

	cmd := begin(s, "engine-goes")
	killEngine(t, s)
	send(s, "stays", each) // the gateway does not notice
	if err := cmd.Wait(); err != nil {
		t.Fatalf("erase: %v: %s", err, text(cmd))
	}
	if out := text(cmd); !strings.Contains(out, "restarted in the midst") {
		t.Errorf("the command does not say what happened: %s", out)
	}
	count := func(s *server, user string) int { return len(s.calls(url.Values{"user": {user}, "start": {"-1h"}})) }
	s.waitCalls(2*each, url.Values{"user": {"stays"}})
	if gone, left := count(s, "engine-goes"), count(s, "server-goes"); gone != 0 || left != each {
		t.Errorf("after the engine's end %d calls are left of him, and %d of another", gone, left)
	}

	cmd = begin(s, "server-goes")
	killServer(t, s)
	_ = cmd.Wait() // the connection is cut
	s2 := serve(t, setup{config: config, data: s.data}).ready()
	testkit.Eventually(t, "the erasure is finished", func() bool {
		_, err := os.Stat(filepath.Join(s.data, "erasing.json"))
		return os.IsNotExist(err) && count(s2, "server-goes") == 0 && strings.Contains(s2.Output(), "an erasure that was cut is finished")
	})
	if out := s2.Output(); !strings.Contains(out, "an erasure was cut and is resumed") || strings.Contains(out, "server-goes") {
		t.Errorf("the log: %s", out)
	}
	s2.waitCalls(2*each, url.Values{"user": {"stays"}})
	if got := count(s2, "stays"); got != 2*each {
		t.Errorf("%d calls of another are left of %d", got, 2*each)
	}
	s2.stop()
}

// TestCleanMetrics removes the samples of a service, which stay gone.
func TestCleanMetrics(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{TruthSize: 1 << 12})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	for i := range 20 {
		if status, b := s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Pitot-Service", fmt.Sprint("metric", i%2), "X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "1ms", "X-Fake-Chunk-Interval", "1ms"); status != http.StatusOK {
			t.Fatalf("status %d: %s", status, b)
		}
	}
	s.waitCalls(20, nil)
	services := func(s *server, at time.Time) string {
		t.Helper()
		status, body := s.get("/api/v1/query", url.Values{"query": {`count by (service) (count_over_time(llm_requests_total[1h]))`}, "time": {fmt.Sprint(at.Unix())}})
		if status != http.StatusOK {
			t.Fatalf("query: %d %s", status, body)
		}
		return body
	}
	testkit.Eventually(t, "both services have samples", func() bool {
		b := services(s, time.Now())
		return strings.Contains(b, "metric0") && strings.Contains(b, "metric1")
	})
	out, stderr, code := pitot(t, nil, "data", "clean", "--server", s.api, "--older-than", "0s", "--service", "metric0", "--metrics")
	if code != 0 || !strings.Contains(services(s, time.Now()), "metric0") {
		t.Errorf("a dry run removed metrics: exit %d: %s%s", code, out, stderr)
	}
	end := time.Now()
	out, stderr, code = pitot(t, nil, "data", "clean", "--server", s.api, "--older-than", "0s", "--service", "metric0", "--metrics", "--yes")
	if code != 0 || !strings.Contains(out, "metrics of that time, too") {
		t.Fatalf("clean: exit %d: %s%s", code, out, stderr)
	}
	check := func(s *server, when string) {
		t.Helper()
		if b := services(s, end.Truncate(time.Second)); strings.Contains(b, "metric0") || !strings.Contains(b, "metric1") {
			t.Errorf("%s: %s", when, b)
		}
		if got := len(s.calls(url.Values{"start": {"-1h"}})); got != 10 {
			t.Errorf("%s: %d calls, want 10", when, got)
		}
	}
	check(s, "while it runs")
	s.stop()
	s = serve(t, setup{config: upstreamConfig(up.url), data: s.data}).ready()
	check(s, "after a restart")
	killServer(t, s)
	s = serve(t, setup{config: upstreamConfig(up.url), data: s.data}).ready()
	check(s, "after a kill") // the write-ahead log is read again
	s.stop()
}
