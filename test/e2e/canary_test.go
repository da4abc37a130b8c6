//go:build unix

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// canaries are made-up secrets, each for the one place where it is planted, so
// that a find says where it leaked from.
type canaries struct {
	mu    sync.Mutex
	place map[string]string // by value
	index map[[4]byte][][2]string
	of    int // canaries in index
}

func (c *canaries) add(place, value string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.place[value]; ok && old != place {
		panic("the canaries of " + old + " and " + place + " are the same")
	}
	c.place[value] = place
	return value
}

// digits are decimal digits that belong to a place.
func digits(place string, n int) string {
	sum := sha256.Sum256([]byte("canary of " + place))
	out := make([]byte, n)
	for i := range out {
		out[i] = '0' + sum[i]%10
	}
	return string(out)
}

// plain is a secret without a form that a detector could know: for places that
// must never be stored at all.
func (c *canaries) plain(place string) string {
	sum := sha256.Sum256([]byte("canary of " + place))
	return c.add(place, "fakecanary"+hex.EncodeToString(sum[:12]))
}

// key is an API key by its form.
func (c *canaries) key(place string) string {
	sum := sha256.Sum256([]byte("canary of " + place))
	return c.add(place+": API key", "sk-"+"FakeCanary"+hex.EncodeToString(sum[:16]))
}

func (c *canaries) email(place string) string {
	return c.add(place+": e-mail address", "canary."+digits(place, 8)+"@"+"example.com")
}

// text has a secret of every kind in it.
func (c *canaries) text(place string) string {
	n := digits(place, 24)
	return fmt.Sprintf("controlword my key is %s and the header Authorization: Bearer %s mail %s phone %s card %s id %s host %s end",
		c.key(place), c.plain(place+": bearer"), c.email(place),
		c.add(place+": phone", "138"+n[:8]),
		c.add(place+": card", card("411111"+n[:9])),
		c.add(place+": identity number", cnID("110105"+fmt.Sprintf("%d%02d%02d", 1900+atoi(n[16:18]), 1+atoi(n[18:20])%12, 1+atoi(n[20:22])%28)+n[8:11])),
		c.add(place+": IP address", "198."+fmt.Sprintf("1%d.%d.%d", 8+int(n[11]-'0')%2, 100+atoi(n[12:14]), 100+atoi(n[14:16]))))
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// card completes a card number by its check digit.
func card(s string) string {
	sum := 0
	for i := range s {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return s + strconv.Itoa((10-sum%10)%10)
}

// cnID completes a Chinese identity number by its check character.
func cnID(s string) string {
	weights := []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += int(s[i]-'0') * w
	}
	return s + string("10X98765432"[sum%11])
}

// forms are the ways in which a canary may be written: as it is, in lower case,
// percent-encoded or in base64.
func forms(value string) []string {
	return []string{value, strings.ToLower(value), url.QueryEscape(value), base64.StdEncoding.EncodeToString([]byte(value))}
}

// indexed returns every form of every canary by its first four bytes.
func (c *canaries) indexed() map[[4]byte][][2]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.index) > 0 && c.of == len(c.place) {
		return c.index
	}
	out := map[[4]byte][][2]string{}
	for value, place := range c.place {
		for _, form := range forms(value) {
			k := [4]byte([]byte(form))
			out[k] = append(out[k], [2]string{form, place})
		}
	}
	c.index, c.of = out, len(c.place)
	return out
}

// find reports every place whose canary is in b.
func (c *canaries) find(t *testing.T, where string, b []byte) {
	t.Helper()
	index, seen := c.indexed(), map[string]bool{}
	for i := 0; i+4 <= len(b); i++ {
		for _, x := range index[[4]byte(b[i:])] {
			if form, place := x[0], x[1]; !seen[place] && bytes.HasPrefix(b[i:], []byte(form)) {
				seen[place] = true
				t.Errorf("%s has the canary of %s: %q", where, place, b[max(0, i-80):min(len(b), i+len(form)+20)])
			}
		}
	}
}

// leakyProvider answers in the OpenAI format with secrets in all parts.
func leakyProvider(t *testing.T, c *canaries) string {
	t.Helper()
	text, args := c.text("answer"), c.text("tool call arguments")
	errorText := c.text("error message")
	streamed := c.text("streamed answer")
	cookie := c.plain("cookie of the provider")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Set-Cookie", "session="+cookie)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Header.Get("X-Case") == "error":
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
				"message": "Incorrect API key provided: " + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + ". " + errorText,
				"type":    "invalid_request_error", "code": "invalid_api_key",
			}})
		case r.Header.Get("X-Case") == "html":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html>"+errorText+"</html>")
		case bytes.Contains(body, []byte(`"stream":true`)):
			w.Header().Set("Content-Type", "text/event-stream")
			for i := 0; i < len(streamed); i += 5 {
				piece, _ := json.Marshal(streamed[i:min(i+5, len(streamed))])
				fmt.Fprintf(w, "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", piece)
				_ = http.NewResponseController(w).Flush()
			}
			_, _ = io.WriteString(w, "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
		default:
			arguments, _ := json.Marshal(map[string]any{"note": args, "api_key": args})
			_ = json.NewEncoder(w).Encode(map[string]any{
				"id": "c2", "model": "m", "usage": map[string]any{"prompt_tokens": 10, "completion_tokens": 20},
				"choices": []any{map[string]any{"finish_reason": "tool_calls", "message": map[string]any{
					"role": "assistant", "content": text, "reasoning_content": text, "refusal": nil,
					"tool_calls": []any{map[string]any{"id": "t1", "type": "function", "function": map[string]any{"name": "save", "arguments": string(arguments)}}},
				}}},
			})
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// canaryHeaders are all headers that carry credentials, and more.
func canaryHeaders(c *canaries, request string) []string {
	at := func(name string) string { return c.plain(request + ": header " + name) }
	return []string{
		"Authorization", "Bearer " + c.key(request+": header Authorization"),
		"X-Api-Key", at("X-Api-Key"), "Api-Key", at("Api-Key"), "X-Goog-Api-Key", at("X-Goog-Api-Key"),
		"Cookie", "session=" + at("Cookie"), "Proxy-Authorization", "Basic " + at("Proxy-Authorization"),
		"X-Amz-Security-Token", at("X-Amz-Security-Token"), "X-Internal-Secret", at("X-Internal-Secret"),
		"Openai-Organization", at("Openai-Organization"), "User-Agent", at("User-Agent"), "Referer", "http://127.0.0.1/?token=" + at("Referer"),
	}
}

// canaryRequest is a request with canaries.
type canaryRequest struct {
	name, path string
	body       any
	headers    []string
}

func canaryRequests(c *canaries) []canaryRequest {
	chat := func(name string, more map[string]any) map[string]any {
		m := map[string]any{
			"model": "gpt-4o-mini", "user": c.email(name + ": user"), "stop": []string{c.key(name + ": stop")},
			"messages": []any{
				map[string]any{"role": "system", "content": c.text(name + ": system message")},
				map[string]any{"role": "user", "name": c.key(name + ": name of the message"), "content": []any{map[string]any{"type": "text", "text": c.text(name + ": user message")}}},
				map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"id": "t0", "type": "function", "function": map[string]any{
					"name": "look", "arguments": `{"password":"` + c.plain(name+": argument named password") + `","note":"` + c.text(name+": argument") + `"}`,
				}}}},
				map[string]any{"role": "tool", "tool_call_id": "t0", "content": c.text(name + ": tool result")},
			},
			"tools": []any{map[string]any{"type": "function", "function": map[string]any{
				"name": "look", "description": c.text(name + ": tool description"),
				"parameters": map[string]any{"type": "object", "properties": map[string]any{"token": map[string]any{"type": "string", "default": c.key(name + ": default of a tool")}}},
			}}},
			"metadata":        map[string]any{"team": c.text(name + ": metadata"), "api_key": c.plain(name + ": metadata named api_key")},
			"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "x", "description": c.text(name + ": response format")}},
			"extra_body":      map[string]any{"access_token": c.plain(name + ": unknown field named access_token"), "note": c.text(name + ": unknown field")},
		}
		maps.Copy(m, more)
		return m
	}
	text := func(place string) string { return url.QueryEscape(c.text(place)) }
	quick := []string{"X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "0", "X-Fake-Chunk-Interval", "0"}
	return []canaryRequest{
		{name: "chat", path: "/leaky/v1/chat/completions", body: chat("chat", nil)},
		{name: "stream", path: "/leaky/v1/chat/completions?api_key=" + c.plain("query of an OpenAI request"), body: chat("stream", map[string]any{"stream": true})},
		{name: "refused", path: "/leaky/v1/chat/completions", body: chat("refused", nil), headers: []string{"X-Case", "error"}},
		{name: "html", path: "/leaky/v1/chat/completions", body: chat("html", nil), headers: []string{"X-Case", "html"}},
		{name: "broken", path: "/leaky/v1/chat/completions", body: json.RawMessage(`{"model":"gpt-4o","messages":[{"role":"user","content":"` + c.text("broken body"))},
		{name: "responses", path: "/openai/v1/responses", headers: append(quick, "X-Fake-Text", text("answer of responses")), body: map[string]any{
			"model": "gpt-4.1", "instructions": c.text("instructions"), "input": c.text("input"), "metadata": map[string]any{"k": c.text("responses metadata")},
			"safety_identifier": c.email("safety identifier"), "prompt_cache_key": c.key("prompt cache key"),
		}},
		{name: "embeddings", path: "/openai/v1/embeddings", headers: quick, body: map[string]any{"model": "text-embedding-3-small", "input": []string{c.text("embedding input")}, "user": c.email("embedding user")}},
		{name: "messages", path: "/anthropic/v1/messages", headers: append(quick, "X-Fake-Text", text("answer of messages")), body: map[string]any{
			"model": "claude-3-5-haiku-20241022", "max_tokens": 100, "stream": true, "system": []any{map[string]any{"type": "text", "text": c.text("anthropic system")}},
			"metadata": map[string]any{"user_id": c.email("anthropic user")}, "messages": []any{map[string]any{"role": "user", "content": c.text("anthropic message")}},
			"mcp_servers": []any{map[string]any{"type": "url", "url": "https://mcp.example.com/", "authorization_token": c.plain("token of an MCP server")}},
		}},
		{name: "gemini", path: "/gemini/v1beta/models/gemini-2.0-flash:generateContent?key=" + c.plain("query of Gemini"), headers: append(quick, "X-Fake-Text", text("answer of Gemini")), body: map[string]any{
			"systemInstruction": map[string]any{"parts": []any{map[string]any{"text": c.text("gemini system")}}}, "contents": []any{map[string]any{"role": "user", "parts": []any{map[string]any{"text": c.text("gemini message")}}}},
		}},
		{name: "gemini stream", path: "/gemini/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse&key=" + c.plain("query of a Gemini stream"), headers: append(quick, "X-Fake-Text", text("streamed answer of Gemini")), body: map[string]any{
			"contents": []any{map[string]any{"role": "user", "parts": []any{map[string]any{"text": c.text("gemini stream message")}}}},
		}},
		{name: "ollama", path: "/ollama/api/generate", headers: append(quick, "X-Fake-Text", text("answer of Ollama")), body: map[string]any{"model": "llama3.2", "prompt": c.text("prompt"), "system": c.text("ollama system")}},
		{name: "cohere", path: "/cohere/v2/chat", headers: append(quick, "X-Fake-Text", text("answer of Cohere")), body: map[string]any{"model": "command-r-plus-08-2024", "messages": []any{map[string]any{"role": "user", "content": c.text("cohere message")}}, "documents": []string{c.text("document")}}},
		{name: "converse", path: "/bedrock/model/amazon.nova-lite-v1:0/converse", headers: append(quick, "X-Fake-Text", text("answer of Bedrock")), body: map[string]any{
			"system": []any{map[string]any{"text": c.text("bedrock system")}}, "messages": []any{map[string]any{"role": "user", "content": []any{map[string]any{"text": c.text("bedrock message")}}}}, "requestMetadata": map[string]any{"k": c.text("bedrock metadata")},
		}},
		{name: "unreachable", path: "/nowhere/v1beta/models/gemini-2.0-flash:generateContent?key=" + c.plain("query to an upstream that is down"), body: map[string]any{"contents": []any{map[string]any{"parts": []any{map[string]any{"text": c.text("unreachable message")}}}}}},
		{name: "no call", path: "/openai/v1/files?key=" + c.plain("query of what is no call"), body: map[string]any{"note": c.text("body of what is no call")}},
		{name: "no upstream", path: "/" + c.key("name of an upstream that does not exist") + "/v1/chat/completions?key=" + c.plain("query to no upstream"), body: chat("no upstream", nil)},
		{name: "secret model", path: "/openai/v1/chat/completions", headers: quick, body: map[string]any{"model": c.key("model name"), "messages": []any{map[string]any{"role": "user", "content": c.text("message to a secret model")}}}},
		{name: "secret service", path: "/openai/v1/chat/completions", headers: append(quick, "X-Pitot-Service", c.key("X-Pitot-Service"), "X-Pitot-Environment", c.key("X-Pitot-Environment")), body: chat("secret service", nil)},
		{name: "dimensions", path: "/openai/v1/chat/completions", headers: append(quick,
			"X-Pitot-User", c.email("X-Pitot-User"), "X-Pitot-Session", c.key("X-Pitot-Session"), "X-Pitot-Feature", c.key("X-Pitot-Feature"),
			"X-Pitot-Prompt", c.key("X-Pitot-Prompt"), "X-Pitot-Prompt-Version", c.key("X-Pitot-Prompt-Version"), "X-Pitot-Tag-Owner", c.email("X-Pitot-Tag-Owner"),
			"X-Pitot-Tag-"+strings.ToUpper(c.add("name of a tag", "sk-"+"fakecanary"+digits("tag name", 30))), "x",
			"X-Pitot-Tag-Password", c.plain("X-Pitot-Tag-Password"), "X-Pitot-Unknown", c.plain("X-Pitot-Unknown")), body: chat("dimensions", nil)},
	}
}

// TestSecretsStayOut plants canaries in every place that a request, an answer
// and the configuration have, and then searches every byte of the data
// directory, compressed blocks included, the logs, and the answers of every
// API for each of them.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	c := &canaries{place: map[string]string{}}
	leaky := leakyProvider(t, c)
	up := simulate(t, provider.Config{})
	config := upstreamConfig(up.url) + fmt.Sprintf(`    - {name: leaky, base_url: %q, headers: {Authorization: "Bearer ${CANARY_ENV}", X-Upstream-Secret: %q}}
    - {name: nowhere, dialect: gemini, base_url: "http://%s:%s@%s"}
capture: {content: full, redact: [secrets, email, phone, card, cn_id, ip], salt: %q, hash_users: true}
labels: {feature: {max: 10}, owner: {from: tag.owner}}
prometheus:
  scrape_configs:
    - job_name: guarded
      authorization: {credentials: %q}
      static_configs: [{targets: ["127.0.0.1:9"]}]
`, leaky, c.plain("header of an upstream"), "user", c.plain("password of an upstream"), testkit.FreeAddr(t), c.plain("salt"), c.plain("credentials of a scrape"))
	s := serve(t, setup{config: config, level: "debug", env: []string{"CANARY_ENV=" + c.key("environment")}}).ready()
	live := follow(t, s)

	requests := canaryRequests(c)
	for _, x := range requests {
		body, err := json.Marshal(x.body)
		if raw, ok := x.body.(json.RawMessage); ok {
			body, err = raw, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := s.post(x.path, string(body), append(canaryHeaders(c, x.name), x.headers...)...); status == http.StatusBadRequest && bytes.Contains(answer, []byte("X-Fake-")) {
			t.Fatalf("%s: %s", x.name, answer)
		}
	}
	sent := canaryTelemetry(t, s, c)
	const noCalls = 2 // files and the unknown upstream
	calls := s.waitCalls(len(requests)-noCalls+sent, nil)
	s.waitPromQL("sum(llm_requests_total)", float64(len(calls)))

	feedback, err := json.Marshal(map[string]any{
		"call_id": calls[0].ID, "score": 0.5, "label": c.key("label of feedback"), "comment": c.text("comment"), "user": c.email("user of feedback"),
		"evaluator": c.key("evaluator"), "name": c.key("name of feedback"), "metadata": map[string]any{"note": c.text("metadata of feedback"), "api_key": c.plain("metadata of feedback named api_key")},
	})
	if err != nil {
		t.Fatal(err)
	}
	status, body, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/feedback", bytes.NewReader(feedback))
	if err != nil || status != http.StatusOK {
		t.Fatalf("feedback: %v, %d: %s", err, status, body)
	}
	c.find(t, "the answer to feedback", body)
	testkit.Eventually(t, "the feedback is there", func() bool {
		_, detail := s.get("/api/pitot/v1/calls/"+calls[0].ID, nil)
		return strings.Contains(detail, `"feedback":[`)
	})

	answers := canaryAnswers(t, s, calls)
	for name, body := range answers {
		c.find(t, name, []byte(body))
	}
	c.find(t, "the live stream of calls", live())
	stdout, stderr, _ := pitot(t, []string{"CANARY_ENV=" + c.key("environment")}, "check", "-v", s.file)
	c.find(t, "pitot check -v", []byte(stdout+stderr))
	c.find(t, "the log", []byte(s.Output()))
	searchData(t, c, "running", s.data)
	s.stop()
	c.find(t, "the log at the end", []byte(s.Output()))

	// The search itself is no good unless it finds what is there: a word that
	// stands beside the canaries.
	if n := searchData(t, c, "stopped", s.data); n == 0 {
		t.Error("the control word is nowhere in the data: the search cannot find anything")
	}
	found := 0
	for _, body := range answers {
		if strings.Contains(body, "controlword") && strings.Contains(body, "[REDACTED:email]") {
			found++
		}
	}
	if found < 2*len(calls)/3 {
		t.Errorf("the control word is in %d answers: content is not kept, so that the search proves nothing", found)
	}
	t.Logf("%d canaries in %d requests", len(c.place), len(requests))
}

// follow collects the live stream of calls; the returned function ends it.
func follow(t *testing.T, s *server) func() []byte {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.api+"/api/pitot/v1/calls/follow", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer resp.Body.Close()
		_, _ = io.Copy(&buf, bufio.NewReader(resp.Body))
	}()
	return func() []byte {
		cancel()
		<-done
		if !bytes.Contains(buf.Bytes(), []byte("data:")) {
			t.Error("the live stream of calls brought nothing")
		}
		return buf.Bytes()
	}
}

// canaryAnswers asks every API for everything.
func canaryAnswers(t *testing.T, s *server, calls []call) map[string]string {
	t.Helper()
	out := map[string]string{}
	ask := func(path string, q url.Values) {
		status, body := s.get(path, q)
		name := withQuery(path, q)
		out[name] = body
		if status != http.StatusOK {
			t.Errorf("GET %s: status %d: %s", name, status, body)
		}
	}
	for _, path := range []string{
		"/", "/metrics", "/api/pitot/v1/calls", "/api/pitot/v1/facets", "/api/pitot/v1/summary", "/api/pitot/v1/models", "/api/pitot/v1/costs",
		"/api/pitot/v1/timeline", "/api/pitot/v1/ledger", "/api/pitot/v1/status", "/jaeger/api/services",
		"/api/pitot/v1/senders", "/jaeger/api/traces/" + traceID(77).String(),
		"/api/v1/labels", "/api/v1/targets", "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/metadata",
	} {
		ask(path, nil)
	}
	all := url.Values{"match[]": {`{__name__=~".+"}`}}
	ask("/api/v1/series", all)
	ask("/federate", all)
	ask("/api/v1/query_exemplars", url.Values{"query": {`{__name__=~"llm_.+"}`}, "start": {strconv.FormatInt(calls[len(calls)-1].Time.Unix()-60, 10)}, "end": {strconv.FormatInt(calls[0].Time.Unix()+600, 10)}})
	ask("/select/logsql/query", url.Values{"query": {"*"}, "start": {"1h"}, "limit": {"10000"}})
	ask("/select/logsql/field_names", url.Values{"query": {"*"}, "start": {"1h"}})
	ask("/api/pitot/v1/facets", url.Values{"fields": {"service,user,session,feature,environment,model,error_type,prompt_name,prompt_version"}, "limit": {"100"}})
	services := map[string]bool{}
	for i := range calls {
		ask("/api/pitot/v1/calls/"+calls[i].ID, nil)
		if id := calls[i].TraceID; id != "" { // a log line that is a call may have none
			ask("/api/pitot/v1/traces/"+id, nil)
			ask("/jaeger/api/traces/"+id, nil)
		}
		if sv := calls[i].Service; sv != "" && !services[sv] {
			services[sv] = true
			ask("/jaeger/api/traces", url.Values{"service": {sv}, "limit": {"100"}})
		}
	}
	return out
}

// zstdMagic begins each compressed block of the engine's files.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// searchData searches every file under dir, as it is and with compressed blocks
// unpacked. It returns in how many pieces the control word is.
func searchData(t *testing.T, c *canaries, state, dir string) int {
	t.Helper()
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	control, blocks := 0, 0
	look := func(where string, b []byte) {
		c.find(t, where, b)
		if bytes.Contains(b, []byte("controlword")) {
			control++
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // the engine merges files meanwhile
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		look("the file "+rel+" ("+state+")", b)
		if !slices.Contains(strings.Split(rel, string(filepath.Separator)), "events") {
			return nil
		}
		for rest := b; ; {
			i := bytes.Index(rest, zstdMagic)
			if i < 0 {
				return nil
			}
			rest = rest[i:]
			// The blocks lie one after the other; what follows a block is cut off
			// by the next magic number at the latest.
			for end := nextMagic(rest, len(zstdMagic)); ; end = nextMagic(rest, end+1) {
				if plain, err := unpack(dec, rest[:end]); err == nil || end == len(rest) {
					blocks++
					look(fmt.Sprintf("a compressed block of %s (%s)", rel, state), plain)
					break
				}
			}
			rest = rest[len(zstdMagic):]
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("data directory (%s): %d compressed blocks, the control word in %d pieces", state, blocks, control)
	return control
}

func nextMagic(b []byte, from int) int {
	if from >= len(b) {
		return len(b)
	}
	if i := bytes.Index(b[from:], zstdMagic); i >= 0 {
		return from + i
	}
	return len(b)
}

// unpack decodes the frame that b begins with; what follows it is no frame, so
// that the decoder ends with an error after it.
func unpack(dec *zstd.Decoder, b []byte) ([]byte, error) {
	if err := dec.Reset(bytes.NewReader(b)); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err := io.Copy(&out, dec)
	if out.Len() > 0 {
		return out.Bytes(), nil
	}
	return nil, err
}
