package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// ringOfKeys are virtual keys by their text. Texts that begin with vk- have the
// form of one.
type ringOfKeys map[string]*VirtualKey

func (r ringOfKeys) Lookup(text string) *VirtualKey { return r[text] }
func (ringOfKeys) IsKey(text string) bool           { return strings.HasPrefix(text, "vk-") }

// witness is an upstream that remembers what it got.
type witness struct {
	mu      sync.Mutex
	headers []http.Header
	queries []string
	url     string
}

func newWitness(t *testing.T) *witness {
	w := &witness{}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.mu.Lock()
		w.headers, w.queries = append(w.headers, r.Header.Clone()), append(w.queries, r.URL.RawQuery)
		w.mu.Unlock()
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":60,"completion_tokens":40}}`)
	}))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

func (w *witness) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.headers)
}

func (w *witness) last() (http.Header, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.headers[len(w.headers)-1], w.queries[len(w.queries)-1]
}

func startKeys(t *testing.T, mode string, ring ringOfKeys, w *witness) *fixture {
	t.Helper()
	f := &fixture{recorder: newRecorder(), reg: prometheus.NewRegistry()}
	up := func(name string, d wire.Dialect) Upstream {
		return Upstream{Name: name, BaseURL: w.url, Dialect: d, APIKey: "operators-" + name, Headers: map[string]string{"X-Extra": "e"}}
	}
	g, err := New(Options{
		Config: Config{Keys: mode, Upstreams: []Upstream{up("oai", wire.OpenAI), up("claude", wire.Anthropic), up("gem", wire.Gemini), up("az", wire.Azure), {Name: "plain", BaseURL: w.url, Headers: map[string]string{"authorization": "Bearer configured"}}}},
		Sink:   f.recorder, Keys: ring, Logger: slog.New(slog.DiscardHandler), Registerer: f.reg,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.g = g
	srv := httptest.NewServer(g)
	f.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

const (
	chatOf   = `{"model":"m","messages":[{"role":"user","content":"q"}]}`
	claudeOf = `{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"q"}]}`
	gemOf    = `{"contents":[{"role":"user","parts":[{"text":"q"}]}]}`
)

// TestVirtualKeyIsExchanged: wherever a dialect puts the key, the upstream gets
// the operator's and never the client's.
func TestVirtualKeyIsExchanged(t *testing.T) {
	w := newWitness(t)
	f := startKeys(t, KeysRequired, ringOfKeys{"vk-1": {ID: "id1", Tenant: "acme", Service: "checkout", User: "u", Tags: map[string]string{"team": "red"}}}, w)
	for _, c := range []struct {
		path, body        string
		headers           []string
		wantName, wantVal string
	}{
		{"/oai/v1/chat/completions", chatOf, []string{"Authorization", "Bearer vk-1"}, "Authorization", "Bearer operators-oai"},
		{"/claude/v1/messages", claudeOf, []string{"X-Api-Key", "vk-1"}, "X-Api-Key", "operators-claude"},
		{"/claude/v1/messages", claudeOf, []string{"Authorization", "Bearer vk-1"}, "X-Api-Key", "operators-claude"},
		{"/gem/v1beta/models/m:generateContent", gemOf, []string{"X-Goog-Api-Key", "vk-1"}, "X-Goog-Api-Key", "operators-gem"},
		{"/gem/v1beta/models/m:generateContent?alt=json&key=vk-1&x=1", gemOf, nil, "X-Goog-Api-Key", "operators-gem"},
		{"/gem/v1beta/models/m:generateContent?%6bey=vk-1", gemOf, nil, "X-Goog-Api-Key", "operators-gem"},
		{"/claude/v1/messages", claudeOf, []string{"Authorization", "Basic another", "X-Api-Key", "vk-1"}, "X-Api-Key", "operators-claude"},
		{"/az/openai/deployments/m/chat/completions?api-version=1", chatOf, []string{"Api-Key", "vk-1"}, "Api-Key", "operators-az"},
		{"/plain/v1/chat/completions", chatOf, []string{"Authorization", "Bearer vk-1"}, "Authorization", "Bearer configured"},
	} {
		resp, body := do(t, "POST", f.url+c.path, c.body, append(c.headers, "X-Pitot-Service", "a lie", "X-Pitot-Tag-Key", "a lie")...)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", c.path, resp.StatusCode, body)
		}
		h, query := w.last()
		if h.Get(c.wantName) != c.wantVal {
			t.Errorf("%s: %s is %q, want %q", c.path, c.wantName, h.Get(c.wantName), c.wantVal)
		}
		if all := fmt.Sprint(h, query); strings.Contains(all, "vk-1") {
			t.Errorf("%s: the upstream got the client's key: %s", c.path, all)
		}
		if strings.Contains(c.path, "alt=json") && query != "alt=json&x=1" {
			t.Errorf("query %q", query)
		}
		call := f.next(t)
		if call.Tenant != "acme" || call.Service != "checkout" || call.User != "u" || call.Tags["team"] != "red" || call.Tags["key"] != "id1" {
			t.Errorf("%s: %+v %v", c.path, call, call.Tags)
		}
	}
}

// TestKeysOffChangesNothing is promise 1: what the client sends goes on as it is.
func TestKeysOffChangesNothing(t *testing.T) {
	w := newWitness(t)
	up := Upstream{Name: "up", BaseURL: w.url}
	f := startGuarded(t, Config{Upstreams: []Upstream{up}}, nil)
	do(t, "POST", f.url+"/up/v1/chat/completions?key=abc", chatOf, "Authorization", "Bearer vk-x", "X-Api-Key", "a", "Api-Key", "b")
	h, query := w.last()
	if h.Get("Authorization") != "Bearer vk-x" || h.Get("X-Api-Key") != "a" || h.Get("Api-Key") != "b" || query != "key=abc" {
		t.Errorf("%v %s", h, query)
	}
	f.next(t)
}

func TestKeysAreRequiredOrOptional(t *testing.T) {
	w := newWitness(t)
	f := startKeys(t, KeysRequired, ringOfKeys{"vk-1": {ID: "id1"}}, w)
	for name, headers := range map[string][]string{"none": nil, "a provider's": {"Authorization", "Bearer sk-" + strings.Repeat("x", 40)}, "a revoked one": {"Authorization", "Bearer vk-old"}} {
		for path, want := range map[string]string{
			"/oai/v1/chat/completions": `"type":"authentication_error"`, "/claude/v1/messages": `"type":"authentication_error"`, "/gem/v1beta/models/m:generateContent": `"status":"UNAUTHENTICATED"`, "/": `"code":"invalid_api_key"`, "/oai/v1/models": `"code":"invalid_api_key"`,
		} {
			resp, body := do(t, "POST", f.url+path, chatOf, headers...)
			if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, want) {
				t.Errorf("%s, %s: %d %s", name, path, resp.StatusCode, body)
			}
		}
	}
	if w.seen() != 0 {
		t.Errorf("%d requests went upstream", w.seen())
	}
	// The listing names base URLs.
	if _, body := do(t, "GET", f.url+"/", ""); strings.Contains(body, w.url) {
		t.Errorf("nobody is told where upstreams are: %s", body)
	}

	o := startKeys(t, KeysOptional, ringOfKeys{"vk-1": {ID: "id1"}}, w)
	do(t, "POST", o.url+"/plain/v1/chat/completions", chatOf, "Authorization", "Bearer mine")
	if h, _ := w.last(); h.Get("Authorization") != "Bearer mine" {
		t.Errorf("a client's own key was replaced by %q", h.Get("Authorization"))
	}
	o.next(t)
	do(t, "POST", o.url+"/oai/v1/chat/completions", chatOf)
	if h, _ := w.last(); h.Get("Authorization") != "" {
		t.Errorf("a client without a key got the operator's: %q", h.Get("Authorization"))
	}
	o.next(t)
	n := w.seen()
	if resp, _ := do(t, "POST", o.url+"/oai/v1/chat/completions", chatOf, "Authorization", "Bearer vk-old"); resp.StatusCode != http.StatusUnauthorized || w.seen() != n {
		t.Errorf("a revoked key: %d", resp.StatusCode)
	}
	// Probes need none.
	rec := httptest.NewRecorder()
	Inside(f.g).ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/oai/v1/chat/completions", strings.NewReader(chatOf)))
	if h, _ := w.last(); rec.Code != http.StatusOK || h.Get("Authorization") != "Bearer operators-oai" {
		t.Errorf("from inside: %d %v", rec.Code, h)
	}
	f.next(t)
}

func TestKeysMayCallWhatTheyMay(t *testing.T) {
	w := newWitness(t)
	f := startKeys(t, KeysRequired, ringOfKeys{"vk-1": {ID: "id1", Upstreams: []string{"oai"}, Models: []string{"m", "gpt-4o*"}}}, w)
	ask := func(method, path, body string, headers ...string) (int, string) {
		resp, b := do(t, method, f.url+path, body, append(headers, "Authorization", "Bearer vk-1")...)
		return resp.StatusCode, b
	}
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"allowed":            {"POST", "/oai/v1/chat/completions", chatOf, 200},
		"by pattern":         {"POST", "/oai/v1/chat/completions", strings.Replace(chatOf, `"m"`, `"gpt-4o-mini"`, 1), 200},
		"another model":      {"POST", "/oai/v1/chat/completions", strings.Replace(chatOf, `"m"`, `"o3"`, 1), 403},
		"two models":         {"POST", "/oai/v1/chat/completions", `{"model":"m","model":"o3","messages":[]}`, 403},
		"two models by case": {"POST", "/oai/v1/chat/completions", `{"model":"m","MODEL":"o3","messages":[]}`, 403},
		"no model":           {"POST", "/oai/v1/chat/completions", `{"messages":[]}`, 403},
		"nonsense":           {"POST", "/oai/v1/chat/completions", `{{{`, 403},
		"nested is no model": {"POST", "/oai/v1/chat/completions", `{"metadata":{"model":"o3"},"model":"m","messages":[]}`, 200},
		"another upstream":   {"POST", "/claude/v1/messages", claudeOf, 403},
		"a list":             {"GET", "/oai/v1/models", "", 200},
		"a batch":            {"POST", "/oai/v1/batches", `{}`, 403},
		"a file":             {"POST", "/oai/v1/files", `{}`, 403},
		"models to fall to":  {"POST", "/oai/v1/chat/completions", `{"model":"m","models":["o3"],"messages":[]}`, 403},
		"by the path":        {"POST", "/oai/openai/deployments/m/chat/completions", chatOf, 200},
		"another, escaped":   {"POST", "/oai/openai/%64eployments/o3/chat/completions", chatOf, 403},
		"another, by dots":   {"POST", "/oai/openai/deployments/m/../o3/chat/completions", chatOf, 403},
		"another path":       {"POST", "/oai/openai/deployments/o3/chat/completions", chatOf, 403}, // where the body's model is nobody's
	} {
		if got, b := ask(c.method, c.path, c.body); got != c.want {
			t.Errorf("%s: %d %s", name, got, b)
		}
	}
	// What cannot be read cannot be checked.
	if got, _ := ask("POST", "/oai/v1/chat/completions", chatOf, "Content-Encoding", "gzip"); got != http.StatusForbidden {
		t.Errorf("a compressed body: %d", got)
	}
	if got, _ := ask("POST", "/oai/v1/audio/transcriptions", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--\r\n", "Content-Type", "multipart/form-data; boundary=b"); got != http.StatusForbidden {
		t.Errorf("a form: %d", got)
	}
	if got, _ := ask("GET", "/oai/v1/realtime?model=o3", "", "Connection", "Upgrade", "Upgrade", "websocket"); got != http.StatusForbidden {
		t.Errorf("a websocket: %d", got)
	}
}

// TestOurKeyIsNotSentOn: where keys are optional one of ours must not leave beside
// a provider's.
func TestOurKeyIsNotSentOn(t *testing.T) {
	w := newWitness(t)
	f := startKeys(t, KeysOptional, ringOfKeys{"vk-1": {ID: "id1"}}, w)
	for name, headers := range map[string][]string{
		"in another header":        {"Authorization", "Bearer sk-clients", "X-Api-Key", "vk-1"},
		"revoked, another header":  {"Authorization", "Bearer sk-clients", "X-Api-Key", "vk-gone"},
		"in the query, too":        {"Authorization", "Bearer sk-clients", "query", "?key=vk-1"},
		"in the query, other form": {"Authorization", "Bearer sk-clients", "query", "?k%65y=vk-1"},
	} {
		query := ""
		if headers[2] == "query" {
			query, headers = headers[3], headers[:2]
		}
		before := w.seen()
		resp, body := do(t, "POST", f.url+"/oai/v1/chat/completions"+query, chatOf, headers...)
		if w.seen() == before {
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, resp.StatusCode, body)
			}
			continue
		}
		h, q := w.last()
		if all := fmt.Sprint(h, q); strings.Contains(all, "vk-") {
			t.Errorf("%s: the upstream got the client's key: %s", name, all)
		}
		f.next(t)
	}
}

// TestPagesSpendNothing: a page that somebody visits can send requests to the
// gateway of his machine, where keys are off. The operator's key is not for it.
func TestPagesSpendNothing(t *testing.T) {
	w := newWitness(t)
	f := startKeys(t, KeysOff, ringOfKeys{}, w)
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"a page elsewhere":        {[]string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"}, 403},
		"an old browser":          {[]string{"Origin", "https://evil.example"}, 403},
		"a sandboxed frame":       {[]string{"Origin", "null"}, 403},
		"a link or an image":      {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"a name that looks local": {[]string{"Origin", "http://localhost.evil.example"}, 403},
		"a program":               {nil, 200},
		"a desktop app":           {[]string{"Origin", "app://chat", "Sec-Fetch-Site", "cross-site"}, 200},
		"an extension":            {[]string{"Origin", "chrome-extension://abcdef", "Sec-Fetch-Site", "cross-site"}, 200},
		"a page of this machine":  {[]string{"Origin", "http://localhost:3000", "Sec-Fetch-Site", "cross-site"}, 200},
		"the gateway's own":       {[]string{"Origin", f.url, "Sec-Fetch-Site", "same-origin"}, 200},
	} {
		for _, up := range []string{"oai", "plain"} {
			before := w.seen()
			resp, body := do(t, "POST", f.url+"/"+up+"/v1/chat/completions", chatOf, c.headers...)
			if resp.StatusCode != c.want || (w.seen() > before) != (c.want == http.StatusOK) {
				t.Errorf("%s, %s: %d %s", name, up, resp.StatusCode, body)
			}
			if resp.StatusCode == http.StatusOK {
				f.next(t)
			}
		}
	}
	// With keys of its own a page may.
	f = startKeys(t, KeysRequired, ringOfKeys{"vk-1": {ID: "id1"}}, w)
	if resp, body := do(t, "POST", f.url+"/oai/v1/chat/completions", chatOf, "Origin", "https://app.example", "Authorization", "Bearer vk-1"); resp.StatusCode != http.StatusOK {
		t.Errorf("with a key: %d %s", resp.StatusCode, body)
	}
	f.next(t)
}

// revocable is one key, until it is revoked.
type revocable struct{ gone atomic.Bool }

func (r *revocable) Lookup(text string) *VirtualKey {
	if text != "vk-1" || r.gone.Load() {
		return nil
	}
	return &VirtualKey{ID: "id1"}
}
func (*revocable) IsKey(text string) bool { return strings.HasPrefix(text, "vk-") }

// TestWebsocketsEndWithTheirKey: what is said on them would go on for hours.
func TestWebsocketsEndWithTheirKey(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		_, _ = io.Copy(conn, rw) // an echo
	}))
	t.Cleanup(up.Close)
	ring := &revocable{}
	g, err := New(Options{Config: Config{Keys: KeysRequired, Upstreams: []Upstream{{Name: "up", BaseURL: up.URL, APIKey: "operators"}}}, Sink: newRecorder(), Keys: ring, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(func() {
		srv.Close()
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(conn, "GET /up/v1/realtime?model=m HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer vk-1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	br := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", resp, err)
	}
	got := make([]byte, 4)
	_, _ = io.WriteString(conn, "ping")
	if _, err := io.ReadFull(br, got); err != nil || string(got) != "ping" {
		t.Fatalf("echo %q %v", got, err)
	}
	ring.gone.Store(true)
	if _, err := br.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the key was revoked: %v", err)
	}
}

// TestCallsAreCallsInEveryForm: neither an offer of another protocol nor another
// way to write the path gets a call past the records and what depends on them.
func TestCallsAreCallsInEveryForm(t *testing.T) {
	w := newWitness(t)
	f := startKeys(t, KeysRequired, ringOfKeys{"vk-1": {ID: "id1", TokensPerMinute: 1e6}}, w)
	for name, c := range map[string]struct {
		path    string
		headers []string
	}{
		"an offer of h2c":      {"/oai/v1/chat/completions", []string{"Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "Http2-Settings", "AAMAAABkAAQAAP__"}},
		"a made-up protocol":   {"/oai/v1/chat/completions", []string{"Connection", "Upgrade", "Upgrade", "x"}},
		"an escaped letter":    {"/oai/v1/chat/%63ompletions", nil},
		"an escaped slash":     {"/oai/v1/chat%2Fcompletions", nil},
		"a dot at the end":     {"/oai/v1/chat/completions/.", nil},
		"there and back again": {"/oai/v1/chat/completions/x/..", nil},
		"two slashes":          {"/oai/v1/chat//completions//", nil},
	} {
		resp, body := do(t, "POST", f.url+c.path, chatOf, append(c.headers, "Authorization", "Bearer vk-1")...)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
			continue
		}
		if call := f.next(t); call.RequestModel != "m" || call.Tags["key"] != "id1" {
			t.Errorf("%s: %+v", name, call)
		}
		if h, _ := w.last(); h.Get("Upgrade") != "" {
			t.Errorf("%s: the upstream was asked for %s", name, h.Get("Upgrade"))
		}
	}
}

func TestKeysHaveLimits(t *testing.T) {
	w := newWitness(t)
	f := startKeys(t, KeysRequired, ringOfKeys{"vk-r": {ID: "r", RequestsPerMinute: 2}, "vk-t": {ID: "t", TokensPerMinute: 150}, "vk-free": {ID: "f"}}, w)
	ask := func(key, path, body string) *http.Response {
		resp, _ := do(t, "POST", f.url+path, body, "Authorization", "Bearer "+key)
		return resp
	}
	for i, want := range []int{200, 200, 429} {
		resp := ask("vk-r", "/oai/v1/chat/completions", chatOf)
		if resp.StatusCode != want {
			t.Errorf("request %d: %d", i, resp.StatusCode)
		}
		f.next(t)
		if want == 429 {
			if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || s < 1 || s > 31 {
				t.Errorf("Retry-After %q", resp.Header.Get("Retry-After"))
			}
		}
	}
	resp, body := do(t, "POST", f.url+"/claude/v1/messages", claudeOf, "X-Api-Key", "vk-r")
	if resp.StatusCode != http.StatusTooManyRequests || !strings.Contains(body, `"type":"rate_limit_error"`) {
		t.Errorf("for Anthropic's clients: %d %s", resp.StatusCode, body)
	}
	f.next(t)
	// 100 tokens a call: the second one takes the bucket below zero.
	for i, want := range []int{200, 200, 429} {
		if resp := ask("vk-t", "/oai/v1/chat/completions", chatOf); resp.StatusCode != want {
			t.Errorf("call %d: %d", i, resp.StatusCode)
		}
		if c := f.next(t); want == 429 && (c.ErrorType != errorTypeLimit || c.Tags["key"] != "t") {
			t.Errorf("%+v", c)
		}
	}
	for range 5 {
		if resp := ask("vk-free", "/oai/v1/chat/completions", chatOf); resp.StatusCode != http.StatusOK {
			t.Errorf("another key: %d", resp.StatusCode)
		}
		f.next(t)
	}
}

func TestBucketsFill(t *testing.T) {
	var l keyLimits
	k := &VirtualKey{ID: "k", RequestsPerMinute: 60, TokensPerMinute: 600}
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for range 60 {
		if v := l.take(k, now); v != nil {
			t.Fatal(v.msg)
		}
	}
	v := l.take(k, now)
	if v == nil || v.retry != time.Second {
		t.Fatalf("%+v", v)
	}
	if v := l.take(k, now.Add(time.Second)); v != nil {
		t.Error(v.msg)
	}
	l.used(k, 1200, now.Add(time.Minute))
	if v := l.take(k, now.Add(time.Minute)); v == nil || v.retry < time.Minute || v.retry > 62*time.Second {
		t.Errorf("%+v", v)
	}
	if v := l.take(k, now.Add(3*time.Minute)); v != nil {
		t.Error(v.msg)
	}
	if v := l.take(k, now.Add(-time.Hour)); v != nil {
		t.Errorf("a clock that was set back: %s", v.msg)
	}
}

// raw sends bytes to the gateway and returns what comes back.
func raw(t *testing.T, url, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(conn)
	return string(b)
}

// TestRequestsAreNotSmuggled sends requests whose end two readers could see in
// different places. The upstream, which reads bytes, must see one request with
// one length, or none.
func TestRequestsAreNotSmuggled(t *testing.T) {
	var mu sync.Mutex
	var got []string
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for {
					var head []string
					length := 0
					for {
						line, err := br.ReadString('\n')
						if err != nil {
							return
						}
						if line = strings.TrimRight(line, "\r\n"); line == "" {
							break
						}
						head = append(head, line)
						if name, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "Content-Length") {
							length, _ = strconv.Atoi(strings.TrimSpace(v))
						}
					}
					body := make([]byte, length)
					if _, err := io.ReadFull(br, body); err != nil {
						return
					}
					mu.Lock()
					got = append(got, strings.Join(head, "\n")+"\n\n"+string(body))
					mu.Unlock()
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
				}
			}()
		}
	}()
	f := startGuarded(t, Config{Upstreams: []Upstream{{Name: "up", BaseURL: "http://" + l.Addr().String()}}}, nil)
	const path = "POST /up/v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
	smuggled := "GET /up/v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, text := range map[string]string{
		"two lengths":                path + "Content-Length: 2\r\nContent-Length: 45\r\n\r\n{}" + smuggled,
		"length and chunks":          path + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 12+len(smuggled)) + smuggled,
		"hidden chunks":              path + "Content-Length: 2\r\nTransfer-Encoding: xchunked\r\n\r\n{}" + smuggled,
		"space before the colon":     path + "Content-Length : 2\r\nContent-Length: 2\r\n\r\n{}" + smuggled,
		"sign in the length":         path + "Content-Length: +2\r\n\r\n{}" + smuggled,
		"length by Connection":       strings.Replace(path, "Connection: close", "Connection: close, Content-Length", 1) + "Content-Length: 2\r\n\r\n{}" + smuggled,
		"line folding":               path + "X-A: b\r\n Content-Length: 9\r\nContent-Length: 2\r\n\r\n{}" + smuggled,
		"bare line feeds":            path + "X-A: b\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n" + smuggled,
		"chunk extension with break": path + "Transfer-Encoding: chunked\r\n\r\n2;a=\nb\r\n{}\r\n0\r\n\r\n" + smuggled,
	} {
		mu.Lock()
		got = nil
		mu.Unlock()
		answer := raw(t, f.url, text)
		if strings.Count(answer, "HTTP/1.1 ") > 1 {
			t.Errorf("%s: more than one answer: %s", name, answer)
		}
		mu.Lock()
		seen := slices.Clone(got)
		mu.Unlock()
		if len(seen) > 1 {
			t.Errorf("%s: the upstream saw %d requests: %q", name, len(seen), seen)
		}
		for _, s := range seen {
			head, body, _ := strings.Cut(s, "\n\n")
			lower := strings.ToLower(head)
			if strings.Contains(s, "smuggled") || strings.Count(lower, "\ncontent-length:") > 1 || strings.Contains(lower, "\ntransfer-encoding") || body != "{}" && body != "" {
				t.Errorf("%s: the upstream saw %q", name, s)
			}
		}
	}
}

// TestRedirectsAreNotFollowed: a redirect goes to the client, and no key goes
// where it leads.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newWitness(t)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.url+"/stolen", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(up.Close)
	f := startGuarded(t, Config{Upstreams: []Upstream{{Name: "up", BaseURL: up.URL, APIKey: "operators"}}}, nil)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, path := range []string{"/up/v1/chat/completions", "/up/v1/files"} {
		resp, err := client.Post(f.url+path, "application/json", strings.NewReader(chatOf))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	f.next(t)
	if elsewhere.seen() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestMetadataAddressesAreRefused is request forgery through an upstream whose
// name leads to where clouds keep the secrets of a machine.
func TestMetadataAddressesAreRefused(t *testing.T) {
	for _, address := range []string{"169.254.169.254:80", "169.254.170.2:80", "[fd00:ec2::254]:80", "100.100.100.200:80", "192.0.0.192:80", "168.63.129.16:80", "[fe80::1%eth0]:80", "[::ffff:169.254.169.254]:80"} {
		if denyMetadata("models.example")("tcp", address, nil) == nil {
			t.Errorf("%s is let through", address)
		}
	}
	for _, address := range []string{"127.0.0.1:80", "10.0.0.1:80", "8.8.8.8:443", "[::1]:80", "192.168.1.1:80"} {
		if err := denyMetadata("models.example")("tcp", address, nil); err != nil {
			t.Error(err)
		}
	}
	if err := denyMetadata("169.254.169.254")("tcp", "169.254.169.254:80", nil); err != nil {
		t.Errorf("what the configuration itself names: %v", err)
	}
	u, err := newUpstream(Upstream{Name: "x", BaseURL: "http://models.example", Dialect: wire.OpenAI, Provider: "x", Proxy: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if u.fast.dialer.Control == nil || u.fast.dialer.Control("tcp", "169.254.169.254:80", nil) == nil {
		t.Error("the fast transport dials metadata addresses")
	}
}

// TestPathsStayAtTheUpstream: no path leads to another host or above the base URL.
func TestPathsStayAtTheUpstream(t *testing.T) {
	u, err := newUpstream(Upstream{Name: "x", BaseURL: "http://models.example/base", Dialect: wire.OpenAI, Provider: "x", Proxy: "none"})
	if err != nil {
		t.Fatal(err)
	}
	for _, rest := range []string{"/@evil.example/", "//evil.example/x", "/\\evil.example", "/v1/..%2f..%2fadmin", "/%2e%2e/%2e%2e/admin", "/v1?x=http://evil.example", "/.evil.example", ":80@evil.example/"} {
		got := u.target(rest, "", false)
		if got.Host != "models.example" || got.Scheme != "http" || got.User != nil || !strings.HasPrefix(got.EscapedPath(), "/base") {
			t.Errorf("%s leads to %s", rest, got)
		}
	}
}

func FuzzModelNames(f *testing.F) {
	for _, s := range []string{`{"model":"a"}`, `{"a":{"model":1},"model":"b","Model":"c"}`, `[`, `{"model"`, `{"a":[{"b":1}],"model":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := modelNames(b); n < 0 {
			t.Error(n)
		}
	})
}

func BenchmarkKeyAdmits(b *testing.B) {
	var l keyLimits
	k := &VirtualKey{ID: "k", Tenant: "acme", RequestsPerMinute: 1 << 40, TokensPerMinute: 1 << 40, Models: []string{"m"}}
	body := []byte(chatOf)
	b.ReportAllocs()
	for b.Loop() {
		c := llm.Call{}
		k.apply(&c)
		if k.mayUse("", "m", body) != nil || l.take(k, time.Now()) != nil {
			b.Fatal("refused")
		}
	}
}
