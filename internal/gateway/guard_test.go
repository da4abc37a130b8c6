package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// userGuard refuses one user and warns another.
type userGuard struct {
	off   bool
	asked atomic.Int64
}

func (g *userGuard) Enforcing() bool { return !g.off }

func (g *userGuard) Admit(c *llm.Call) Verdict {
	g.asked.Add(1)
	switch c.User {
	case "broke":
		return Verdict{Deny: true, Message: "the budget b is used up", RetryAfter: 90*time.Second + time.Millisecond}
	case "near":
		return Verdict{Warning: "b: 81 % used"}
	}
	return Verdict{}
}

func guarded(t *testing.T, guard Guard) (f *fixture, sent *atomic.Int64) {
	t.Helper()
	sent = new(atomic.Int64)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`))
	}))
	t.Cleanup(up.Close)
	cfg := Config{Upstreams: []Upstream{
		{Name: "up", BaseURL: up.URL, Provider: "openai"}, {Name: "claude", BaseURL: up.URL, Provider: "anthropic", Dialect: wire.Anthropic},
	}}
	return startGuarded(t, cfg, guard), sent
}

func TestGuardRefusesInTheClientsDialect(t *testing.T) {
	f, sent := guarded(t, &userGuard{})
	// The user stands in the body: the decision needs the request.
	resp, body := do(t, "POST", f.url+"/up/v1/chat/completions", `{"model":"m","user":"broke","messages":[{"role":"user","content":"q"}]}`)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "91" || resp.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("answer: %d %v", resp.StatusCode, resp.Header)
	}
	if !strings.Contains(body, `"code":"budget_exceeded"`) || !strings.Contains(body, "the budget b is used up") {
		t.Errorf("body: %s", body)
	}
	c := f.next(t)
	if c.Status != llm.StatusError || c.ErrorType != "budget_exceeded" || c.HTTPStatus != 429 || c.User != "broke" || c.RequestModel != "m" {
		t.Errorf("call: %+v", c)
	}
	_, body = do(t, "POST", f.url+"/claude/v1/messages", `{"model":"m","metadata":{"user_id":"broke"},"max_tokens":1,"messages":[{"role":"user","content":"q"}]}`)
	if !strings.Contains(body, `"type":"rate_limit_error"`) {
		t.Errorf("body for Anthropic's clients: %s", body)
	}
	f.next(t)
	if sent.Load() != 0 {
		t.Errorf("%d refused calls went upstream", sent.Load())
	}
	if n := testutil.ToFloat64(f.g.metrics.refused.WithLabelValues("up")); n != 1 {
		t.Errorf("refused: %v", n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, n := range f.active {
		if n != 0 {
			t.Errorf("%s: %d still active", k, n)
		}
	}
}

func TestGuardWarnsAndLetsThrough(t *testing.T) {
	f, sent := guarded(t, &userGuard{})
	resp, _ := do(t, "POST", f.url+"/up/v1/chat/completions", `{"model":"m","user":"near","messages":[]}`)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Pitot-Budget-Warning") != "b: 81 % used" {
		t.Errorf("answer: %d %v", resp.StatusCode, resp.Header)
	}
	f.next(t)
	if resp, _ = do(t, "POST", f.url+"/up/v1/chat/completions", `{"model":"m","user":"rich","messages":[]}`); resp.Header.Get("X-Pitot-Budget-Warning") != "" {
		t.Error("a warning for someone whom nothing is wrong with")
	}
	f.next(t)
	if sent.Load() != 2 {
		t.Errorf("%d calls went upstream, want 2", sent.Load())
	}
}

func TestGuardThatEnforcesNothingIsNotAsked(t *testing.T) {
	g := &userGuard{off: true}
	f, sent := guarded(t, g)
	do(t, "POST", f.url+"/up/v1/chat/completions", `{"model":"m","user":"broke","messages":[]}`)
	f.next(t)
	if g.asked.Load() != 0 || sent.Load() != 1 {
		t.Errorf("asked %d times, %d sent", g.asked.Load(), sent.Load())
	}
}

func TestKeyID(t *testing.T) {
	request := func(header, value, query string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/x?"+query, http.NoBody)
		if header != "" {
			r.Header.Set(header, value)
		}
		return r
	}
	key := "fake-" + strings.Repeat("x", 20)
	want := keyID(request("Authorization", "Bearer "+key, ""))
	if !strings.HasPrefix(want, "k_") || strings.Contains(want, "fake") {
		t.Fatalf("id: %q", want)
	}
	for _, r := range []*http.Request{
		request("X-Api-Key", key, ""), request("Api-Key", key, ""), request("X-Goog-Api-Key", key, ""), request("", "", "key="+key), request("Authorization", "bearer  "+key, ""),
	} {
		if got := keyID(r); got != want {
			t.Errorf("%v %s: %q, want %q", r.Header, r.URL.RawQuery, got, want)
		}
	}
	if got := keyID(request("Authorization", "Bearer other", "")); got == want {
		t.Error("two keys have one id")
	}
	sig := func(s string) string {
		return keyID(request("Authorization", "AWS4-HMAC-SHA256 Credential=FAKEKEYID/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature="+s, ""))
	}
	if sig("aa") == "" || sig("aa") != sig("bb") {
		t.Error("the id of a signed request changes with its signature")
	}
	if got := keyID(request("", "", "")); got != "" {
		t.Errorf("no key: %q", got)
	}
}

func TestKeyIDsAreATagWhereAskedFor(t *testing.T) {
	f := start(t, answerWith("application/json", `{}`), func(c *Config) { c.KeyIDs = true })
	do(t, "POST", f.url+"/up/v1/chat/completions", `{"model":"m"}`, "Authorization", "Bearer fake", "X-Pitot-Tag-Key", "spoofed")
	if c := f.next(t); !strings.HasPrefix(c.Tags["key"], "k_") {
		t.Errorf("tags: %v", c.Tags)
	}
	f = start(t, answerWith("application/json", `{}`))
	do(t, "POST", f.url+"/up/v1/chat/completions", `{"model":"m"}`, "Authorization", "Bearer fake")
	if c := f.next(t); len(c.Tags) != 0 {
		t.Errorf("tags without being asked for: %v", c.Tags)
	}
}
