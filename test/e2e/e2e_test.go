//go:build unix

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// exchange is a request that the test sends. STREAM in body is replaced.
type exchange struct {
	name, path, streamPath, body string
	headers                      []string
	status                       int
}

const chatMessages = `"messages":[{"role":"user","content":"Where is my order?"}]`

// exchanges are model calls in every dialect.
func exchanges() []exchange {
	converse := `{"messages":[{"role":"user","content":[{"text":"Where is my order?"}]}]}`
	gemini := `{"contents":[{"role":"user","parts":[{"text":"Where is my order?"}]}]}`
	return []exchange{
		{name: "chat", path: "/openai/v1/chat/completions", body: `{"model":"gpt-4o-mini",` + chatMessages + `,"stream":STREAM}`},
		{name: "chat-cached", path: "/openai/v1/chat/completions", body: `{"model":"gpt-4o-mini",` + chatMessages + `,"stream":STREAM}`, headers: []string{"X-Fake-Usage", "input=5000,output=321,cache_read=1024"}},
		{name: "responses", path: "/openai/v1/responses", body: `{"model":"gpt-5-mini","input":"Where is my order?","stream":STREAM}`, headers: []string{"X-Fake-Reasoning", "64"}},
		{name: "completions", path: "/openai/v1/completions", body: `{"model":"gpt-4o-mini","prompt":"Say","stream":STREAM}`},
		{name: "deepseek", path: "/deepseek/v1/chat/completions", body: `{"model":"deepseek-reasoner",` + chatMessages + `,"stream":STREAM}`, headers: []string{"X-Fake-Reasoning", "40"}},
		{name: "messages", path: "/anthropic/v1/messages", body: `{"model":"claude-3-5-haiku-20241022","max_tokens":400,` + chatMessages + `,"stream":STREAM}`, headers: []string{"X-Fake-Usage", "input=4096,output=77,cache_read=1024,cache_write=512"}},
		{name: "gemini", path: "/gemini/v1beta/models/gemini-2.0-flash:generateContent", streamPath: "/gemini/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse", body: gemini},
		{name: "gemini-array", path: "/gemini/v1beta/models/gemini-2.0-flash:generateContent", streamPath: "/gemini/v1beta/models/gemini-2.0-flash:streamGenerateContent", body: gemini},
		{name: "ollama", path: "/ollama/api/chat", body: `{"model":"llama3.2",` + chatMessages + `,"stream":STREAM}`},
		{name: "cohere", path: "/cohere/v2/chat", body: `{"model":"command-r-plus-08-2024",` + chatMessages + `,"stream":STREAM}`},
		{name: "converse", path: "/bedrock/model/anthropic.claude-3-5-sonnet-20240620-v1:0/converse", streamPath: "/bedrock/model/anthropic.claude-3-5-sonnet-20240620-v1:0/converse-stream", body: converse},
		{name: "invoke", path: "/bedrock/model/anthropic.claude-3-5-sonnet-20240620-v1:0/invoke", streamPath: "/bedrock/model/anthropic.claude-3-5-sonnet-20240620-v1:0/invoke-with-response-stream", body: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":900,` + chatMessages + `}`},
		{name: "rate-limited", path: "/openai/v1/chat/completions", body: `{"model":"gpt-4o-mini",` + chatMessages + `,"stream":STREAM}`, headers: []string{"X-Fake-Status", "429"}, status: 429},
		{name: "overloaded", path: "/anthropic/v1/messages", body: `{"model":"claude-3-5-haiku-20241022","max_tokens":400,` + chatMessages + `,"stream":STREAM}`, headers: []string{"X-Fake-Status", "529"}, status: 529},
	}
}

// sent is an exchange that has taken place, with what the provider says it
// answered.
type sent struct {
	session string
	stream  bool
	truth   provider.Truth
	body    []byte
}

// sendAll sends every exchange, unary and streaming, one after the other.
func sendAll(t *testing.T, s *server, up *upstream) map[string]sent {
	t.Helper()
	out := map[string]sent{}
	for _, x := range exchanges() {
		for _, stream := range []bool{false, true} {
			path := x.path
			if stream && x.streamPath != "" {
				path = x.streamPath
			}
			name := x.name
			if stream {
				name += "-stream"
			}
			headers := append([]string{
				"X-Fake-Delay", "3ms", "X-Fake-Chunk-Interval", "100us", "X-Fake-Tool", "none", "X-Fake-Tokens", "24",
				"X-Pitot-Session", name, "X-Pitot-Service", "shop", "X-Pitot-User", "u-" + x.name, "X-Pitot-Tag-Team", "a",
			}, x.headers...)
			if x.status == 0 {
				x.status = http.StatusOK
				headers = append(headers, "X-Fake-Status", "200")
			}
			before := up.Answered()
			status, body := s.post(path, strings.ReplaceAll(x.body, "STREAM", strconv.FormatBool(stream)), headers...)
			if status != x.status {
				t.Fatalf("%s: status %d, want %d: %s", name, status, x.status, body)
			}
			testkit.Eventually(t, "the provider has noted "+name, func() bool { return up.Answered() == before+1 })
			all := up.Truth()
			out[name] = sent{session: name, stream: stream, truth: all[len(all)-1], body: body}
		}
	}
	return out
}

// TestEveryDialectIsRecorded sends calls through the gateway and finds each of
// them, with the provider's own numbers, behind every API, and again after a
// restart.
func TestEveryDialectIsRecorded(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Seed: 7, KeepRequests: true})
	prices := "prices:\n  overrides:\n    - {provider: openai, model: gpt-4o-mini, input: 2, output: 8, cache_read: 1}\n"
	s := serve(t, setup{config: upstreamConfig(up.url) + prices}).ready()
	want := sendAll(t, s, up)

	got := s.waitCalls(len(want), nil)
	checkCalls(t, got, want)
	checkRequests(t, want)
	checkLogsQL(t, s, want)
	checkJaeger(t, s, got)
	checkPromQL(t, s, want)
	testkit.Eventually(t, "everything is stored", func() bool { return s.ledger("gateway").Stored == uint64(len(want)) })
	if a := s.ledger("gateway"); a.dropped() != 0 || a.Received != uint64(len(want)) {
		t.Errorf("ledger %+v, want %d received and none dropped", a, len(want))
	}
	s.stop()

	again := serve(t, setup{file: s.file, data: s.data}).ready()
	checkCalls(t, again.waitCalls(len(want), nil), want)
	checkPromQL(t, again, want)
	if a := again.ledger("gateway"); a.Received != 0 {
		t.Errorf("after an orderly stop the journal still held records: %+v", a)
	}
	again.stop()
}

// checkCalls compares the calls API with what was sent.
func checkCalls(t *testing.T, got []call, want map[string]sent) {
	t.Helper()
	for i := range got {
		c := &got[i]
		x, ok := want[c.Session]
		if !ok {
			t.Errorf("call %s of the unknown session %q", c.ID, c.Session)
			continue
		}
		checkCall(t, c, &x)
		if i > 0 && c.Time.After(got[i-1].Time) {
			t.Errorf("call %d is newer than the one before: want the newest first", i)
		}
	}
}

func checkCall(t *testing.T, c *call, x *sent) {
	t.Helper()
	tr := &x.truth
	diff := func(what string, got, want any) {
		if got != want {
			t.Errorf("%s: %s is %v, want %v", x.session, what, got, want)
		}
	}
	diff("service", c.Service, "shop")
	diff("source", c.Source, "gateway")
	diff("tags", fmt.Sprint(c.Tags), "map[team:a]")
	diff("request_model", c.RequestModel, tr.Model)
	diff("http_status", c.HTTPStatus, tr.Status)
	diff("stream", c.Stream, x.stream)
	if tr.Status >= 400 {
		diff("status", c.Status, "error")
		diff("error_type", c.ErrorType, tr.ErrorType)
		diff("cost.state", c.Cost.State, "unpriced")
		return
	}
	diff("status", c.Status, "ok")
	if c.ResponseModel != "" { // some formats do not say it
		diff("response_model", c.ResponseModel, tr.Answered)
	}
	if c.ResponseID != "" || strings.Contains(string(x.body), tr.ID) {
		diff("response_id", c.ResponseID, tr.ID)
	}
	diff("usage.source", c.Usage.Source, "reported")
	diff("usage.input_tokens", number(c.Usage.Input), tr.Input)
	diff("usage.output_tokens", number(c.Usage.Output), tr.Output)
	diff("usage.cache_read_tokens", number(c.Usage.CacheRead), tr.CacheRead)
	diff("usage.cache_write_tokens", number(c.Usage.CacheWrite), tr.CacheWrite)
	if !slices.Contains([]string{"messages", "converse", "invoke", "ollama_chat"}, tr.Format) { // these do not count it
		diff("usage.reasoning_tokens", number(c.Usage.Reasoning), tr.Reasoning)
	}
	if len(c.FinishReasons) != 1 || c.FinishReasons[0] != llm.FinishReason(tr.Finish) {
		t.Errorf("%s: finish_reasons %q, want %q", x.session, c.FinishReasons, tr.Finish)
	}
	if x.stream == (c.TTFT == nil) {
		t.Errorf("%s: stream %v, ttft %v", x.session, x.stream, c.TTFT)
	}
	if x.stream && (*c.TTFT > c.Duration || *c.TTFT < 0.003 || c.Chunks < tr.Chunks) {
		t.Errorf("%s: ttft %v of %v, %d chunks of %d", x.session, *c.TTFT, c.Duration, c.Chunks, tr.Chunks)
	}
	if tr.Model == "gpt-4o-mini" {
		price := (2*float64(tr.Input-tr.CacheRead) + float64(tr.CacheRead) + 8*float64(tr.Output)) / 1e6
		diff("cost.state", c.Cost.State, "computed")
		if c.Cost.USD == nil || !closeTo(*c.Cost.USD, price) {
			t.Errorf("%s: cost %v, want %v", x.session, c.Cost.USD, price)
		}
	}
}

func number(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// checkRequests sees that only what is documented was changed on the way: Pitot's
// headers are gone, and usage was asked for and taken out again.
func checkRequests(t *testing.T, want map[string]sent) {
	t.Helper()
	for name, x := range want {
		for k := range x.truth.Header {
			if strings.HasPrefix(k, "X-Pitot-") {
				t.Errorf("%s: the header %s reached the provider", name, k)
			}
		}
		asked := strings.Contains(string(x.truth.Body), "include_usage")
		wants := x.stream && slices.Contains([]string{"chat_completions", "completions"}, x.truth.Format)
		if asked != wants {
			t.Errorf("%s: usage asked for: %v, want %v: %s", name, asked, wants, x.truth.Body)
		}
		if wants && x.truth.Status == http.StatusOK && strings.HasPrefix(name, "chat") && strings.Contains(string(x.body), `"usage":{`) {
			t.Errorf("%s: the client got a usage that it did not ask for", name)
		}
	}
}

func checkLogsQL(t *testing.T, s *server, want map[string]sent) {
	t.Helper()
	rows := s.logsQL("kind:call | fields session, response_id, status, usage.input_tokens, usage.output_tokens")
	if len(rows) != len(want) {
		t.Errorf("LogsQL: %d rows, want %d", len(rows), len(want))
	}
	for _, r := range rows {
		tr := want[r["session"]].truth
		if tr.Status < 400 && (r["usage.input_tokens"] != strconv.FormatInt(tr.Input, 10) || r["usage.output_tokens"] != strconv.FormatInt(tr.Output, 10)) {
			t.Errorf("LogsQL: %v, want %d and %d tokens", r, tr.Input, tr.Output)
		}
	}
	stats := s.logsQL("kind:call status:error | stats by (error_type) count() n")
	if len(stats) != 2 {
		t.Errorf("LogsQL: errors %v, want two types", stats)
	}
}

func checkJaeger(t *testing.T, s *server, calls []call) {
	t.Helper()
	var services struct{ Data []string }
	s.getJSON("/jaeger/api/services", nil, &services)
	if !slices.Contains(services.Data, "shop") {
		t.Errorf("Jaeger services %q, want shop among them", services.Data)
	}
	for i := range calls {
		c := &calls[i]
		var a struct {
			Data []struct {
				TraceID string
				Spans   []struct {
					SpanID string
					Tags   []struct {
						Key   string
						Value any
					}
				}
			}
		}
		s.getJSON("/jaeger/api/traces/"+c.TraceID, nil, &a)
		if len(a.Data) != 1 || len(a.Data[0].Spans) != 1 || a.Data[0].Spans[0].SpanID != c.SpanID {
			t.Errorf("Jaeger: trace of %s: %+v", c.Session, a)
			continue
		}
		tags := map[string]any{}
		for _, tag := range a.Data[0].Spans[0].Tags {
			tags[tag.Key] = tag.Value
		}
		if c.Usage.Input != nil && tags["gen_ai.usage.input_tokens"] != float64(*c.Usage.Input) {
			t.Errorf("Jaeger: %s has input tokens %v, want %d", c.Session, tags["gen_ai.usage.input_tokens"], *c.Usage.Input)
		}
	}
}

func checkPromQL(t *testing.T, s *server, want map[string]sent) {
	t.Helper()
	var input, output, errors, streams float64
	byModel := map[string]float64{}
	for _, x := range want {
		byModel[x.truth.Model]++
		if x.truth.Status >= 400 {
			errors++
			continue
		}
		input, output = input+float64(x.truth.Input), output+float64(x.truth.Output)
		if x.stream {
			streams++
		}
	}
	s.waitPromQL(`sum(llm_requests_total)`, float64(len(want)))
	s.waitPromQL(`sum(llm_requests_total{status="error"})`, errors)
	s.waitPromQL(`sum(llm_errors_total)`, errors)
	s.waitPromQL(`sum(llm_tokens_total{type="input"})`, input)
	s.waitPromQL(`sum(llm_tokens_total{type="output"})`, output)
	s.waitPromQL(`sum(llm_time_to_first_token_seconds_count)`, streams)
	s.waitPromQL(`sum(llm_request_duration_seconds_count)`, float64(len(want)))
	for _, model := range slices.Sorted(maps.Keys(byModel)) {
		s.waitPromQL(fmt.Sprintf(`sum(llm_requests_total{model=%q})`, model), byModel[model])
	}
}

// TestPages reads a list page by page with the default range, which moves on
// between two pages.
func TestPages(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	const n = 7
	for i := range n {
		s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Fake-Status", "200", "X-Pitot-Session", strconv.Itoa(i))
	}
	s.waitCalls(n, nil)
	for _, q := range []url.Values{
		{"limit": {"3"}}, {"limit": {"3"}, "start": {"-30m"}}, {"limit": {"3"}, "order": {"oldest"}}, {"limit": {"3"}, "order": {"slowest"}}, {"limit": {"3"}, "service": {""}},
	} {
		sessions := map[string]bool{}
		for _, c := range s.calls(q) {
			sessions[c.Session] = true
		}
		if len(sessions) != n {
			t.Errorf("pages of %v hold %d calls, want %d", q, len(sessions), n)
		}
	}
}

// TestTraceIsJoined sees that the caller's trace is continued to the provider.
func TestTraceIsJoined(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace, KeepRequests: true})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	trace, parent := strings.Repeat("a1", 16), strings.Repeat("b2", 8)
	s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "Traceparent", "00-"+trace+"-"+parent+"-01", "X-Fake-Status", "200")
	c := s.waitCalls(1, url.Values{"trace_id": {trace}})[0]
	if c.TraceID != trace || c.ParentSpanID != parent {
		t.Errorf("the call is in trace %s under %s, want %s under %s", c.TraceID, c.ParentSpanID, trace, parent)
	}
	if got, want := up.Truth()[0].Header.Get("Traceparent"), "00-"+trace+"-"+c.SpanID+"-01"; got != want {
		t.Errorf("traceparent %q reached the provider, want %q", got, want)
	}
	if _, body := s.get("/api/pitot/v1/traces/"+trace, nil); !strings.Contains(body, c.SpanID) {
		t.Errorf("the trace lacks the call: %s", body)
	}
}

// TestWhatIsNoCallPasses sees that other requests are counted and not recorded.
func TestWhatIsNoCallPasses(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	status, body, err := s.try(http.MethodGet, s.gateway+"/openai/v1/models", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(string(body), "gpt-4o-mini") {
		t.Fatalf("model list: %v, %d: %s", err, status, body)
	}
	s.post("/openai/v1/chat/completions", `this is no JSON`)
	c := s.waitCalls(1, nil)[0]
	if c.Status != "error" || c.HTTPStatus != http.StatusBadRequest {
		t.Errorf("the malformed request is recorded as %+v", c)
	}
	passed := regexp.MustCompile(`^pitot_gateway_requests_total\{.*kind="pass"`)
	testkit.Eventually(t, "the model list is counted", func() bool {
		_, found := s.metric(passed)
		return found
	})
	if a := s.ledger("gateway"); a.Received != 1 {
		t.Errorf("ledger %+v, want the one call", a)
	}
}

// TestDrainLetsAStreamEnd ends the server in the middle of a stream, which must
// reach its client whole and be recorded.
func TestDrainLetsAStreamEnd(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.gateway+"/openai/v1/chat/completions",
		strings.NewReader(`{"model":"gpt-4o-mini","stream":true,`+chatMessages+`}`))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"X-Fake-Status": "200", "X-Fake-Tool": "none", "X-Fake-Delay": "10ms", "X-Fake-Chunks": "40", "X-Fake-Chunk-Interval": "50ms"} {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	var body strings.Builder
	for range 6 { // a part of the stream has come
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		body.WriteString(line)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Stop() }()
	if _, err := io.Copy(&body, r); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if n := strings.Count(body.String(), `"content":"`); n < 40 || !strings.HasSuffix(strings.TrimSpace(body.String()), "data: [DONE]") {
		t.Errorf("the stream has %d chunks with content and ends with %q", n, body.String()[max(0, body.Len()-40):])
	}
	again := serve(t, setup{file: s.file, data: s.data}).ready()
	c := again.waitCalls(1, nil)[0]
	tr := up.Truth()[0]
	if c.Status != "ok" || number(c.Usage.Output) != tr.Output || c.ResponseID != tr.ID {
		t.Errorf("recorded as %+v, want %+v", c, tr)
	}
	again.stop()
}

// TestClientThatLeaves sees that the provider's work is cancelled and what was
// seen is recorded.
func TestClientThatLeaves(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.gateway+"/openai/v1/chat/completions",
		strings.NewReader(`{"model":"gpt-4o-mini","stream":true,`+chatMessages+`}`))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"X-Fake-Status": "200", "X-Fake-Tool": "none", "X-Fake-Delay": "1ms", "X-Fake-Chunks": "100", "X-Fake-Stall": "3:10m"} {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	testkit.Eventually(t, "the provider sees that the client is gone", func() bool {
		all := up.Truth()
		return len(all) == 1 && all[0].ClientGone
	})
	c := s.waitCalls(1, nil)[0]
	if c.ErrorType != "client_closed_request" || !slices.Contains(c.Notes, "client_gone") {
		t.Errorf("recorded as %+v", c)
	}
}
