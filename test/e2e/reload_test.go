//go:build unix

package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// reload asks for a reload and returns the status and the error of the answer.
func (s *server) reload() (int, string, string) {
	s.tb.Helper()
	status, body, err := s.try(http.MethodPost, s.api+"/-/reload", nil)
	if err != nil {
		s.tb.Fatalf("reload: %v", err)
	}
	var a struct {
		Error struct{ Code, Message, Hint string }
	}
	if err := json.Unmarshal(body, &a); err != nil {
		s.tb.Fatalf("reload: %v: %s", err, body)
	}
	return status, a.Error.Code, a.Error.Message
}

const reloadChat = `{"model":"house-model",` + chatMessages + `}`

func houseUpstream(name, base string) string {
	return "    - {name: " + name + ", base_url: \"" + base + "\"}\n"
}

// TestReload changes a configuration under a running server.
func TestReload(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	head := "gateway:\n  upstreams:\n" + houseUpstream("one", up.url)
	s := serve(t, setup{config: head}).ready()
	usage := []string{"X-Fake-Usage", "input=1000,output=100", "X-Fake-Status", "200", "X-Fake-Tool", "none"}
	send := func(path, session string) int {
		status, _ := s.post(path, reloadChat, append([]string{"X-Pitot-Session", session}, usage...)...)
		return status
	}
	if got := send("/one/v1/chat/completions", "before"); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	if got := send("/two/v1/chat/completions", "absent"); got != http.StatusNotFound {
		t.Errorf("an upstream that does not exist answers %d, want 404", got)
	}

	// A new upstream and a price, by POST.
	prices := "prices:\n  overrides:\n    - {model: house-model, input: 3, output: 10}\n"
	good := head + houseUpstream("two", up.url) + prices
	write(t, s.file, good)
	if status, code, msg := s.reload(); status != http.StatusOK {
		t.Fatalf("reload: %d %s %s", status, code, msg)
	}
	if got := send("/two/v1/chat/completions", "after"); got != http.StatusOK {
		t.Errorf("the new upstream answers %d", got)
	}

	// Another price, by SIGHUP.
	digest := s.status().ConfigDigest
	write(t, s.file, strings.Replace(good, "input: 3", "input: 6", 1))
	if err := s.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "SIGHUP reloads", func() bool { return s.status().ConfigDigest != digest })
	send("/two/v1/chat/completions", "hangup")

	for _, x := range []struct {
		session, state string
		usd            float64
	}{{"before", "unpriced", 0}, {"after", "computed", 0.004}, {"hangup", "computed", 0.007}} {
		c := s.waitCalls(1, url.Values{"session": {x.session}})[0]
		switch {
		case c.Cost.State != x.state:
			t.Errorf("%s: cost %s, want %s", x.session, c.Cost.State, x.state)
		case x.usd > 0 && (c.Cost.USD == nil || !closeTo(*c.Cost.USD, x.usd)):
			t.Errorf("%s: cost %v, want %v", x.session, c.Cost.USD, x.usd)
		}
	}
}

// TestBadReloadChangesNothing gives a running server configurations that it must
// refuse, each with the place and the remedy.
func TestBadReloadChangesNothing(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	good := "gateway:\n  upstreams:\n" + houseUpstream("one", up.url)
	s := serve(t, setup{config: good}).ready()
	digest := s.status().ConfigDigest
	for _, x := range []struct {
		name, config, want string
	}{
		{"misspelt field", good + "capture:\n  contents: full\n", `pitot\.yml:5:3: capture\.contents: unknown field: did you mean "content"\?`},
		{"wrong type", good + "capture:\n  max_chars: many\n", `pitot\.yml:5:14: capture\.max_chars: expected a whole number, got "many"`},
		{"bad upstream", good + "    - {name: two, base_url: 'not a url'}\n", `pitot\.yml:4:\d+: gateway\.upstreams\[1\]\.base_url: "not a url" has no scheme: write http://`},
		{"bad YAML", good + "capture: [\n", `pitot\.yml:\d+`},
		{"bad scrape", good + "prometheus:\n  scrape_configs:\n    - job_name: x\n      scrape_intervall: 5s\n", `pitot\.yml:7(:\d+)?: prometheus: .*scrape_intervall`},
		{"disk", good + "storage: {journal: {max_disk: 1KiB}}\n", `pitot\.yml:4:\d+: storage\.journal\.max_disk: 1KiB is too small: use at least 64MiB`},
	} {
		write(t, s.file, x.config)
		status, code, msg := s.reload()
		if status != http.StatusUnprocessableEntity || code != "reload_failed" || !regexp.MustCompile(x.want).MatchString(msg) {
			t.Errorf("%s: %d %s: %s\nwant %s", x.name, status, code, msg, x.want)
		}
		st := s.status()
		if st.ConfigDigest != digest || st.State == "ok" || st.LastReloadError == "" {
			t.Errorf("%s: the status does not say that the old configuration is in force: %+v", x.name, st)
		}
		if got, _ := s.post("/one/v1/chat/completions", reloadChat, "X-Fake-Status", "200"); got != http.StatusOK {
			t.Errorf("%s: the gateway answers %d afterwards", x.name, got)
		}
	}

	write(t, s.file, good+"storage: {journal: {max_disk: 128MiB}, events: {retention: 7d}}\n")
	status, _, msg := s.reload()
	if status != http.StatusUnprocessableEntity || !strings.Contains(msg, "storage.journal.max_disk") || !strings.Contains(msg, "storage.events.retention") || !strings.Contains(msg, "restart") {
		t.Errorf("what needs a restart: %d %s", status, msg)
	}

	write(t, s.file, good)
	if status, _, msg := s.reload(); status != http.StatusOK {
		t.Errorf("the good configuration is refused: %s", msg)
	}
	if st := s.status(); st.State != "ok" || st.LastReloadError != "" {
		t.Errorf("after a good reload the status is %+v", st)
	}
}

// TestStreamOutlivesReload changes the configuration in the middle of a stream.
func TestStreamOutlivesReload(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{})
	head := "gateway:\n  upstreams:\n"
	s := serve(t, setup{config: head + houseUpstream("one", up.url)}).ready()
	got := make(chan string, 1)
	go func() {
		_, body, err := s.try(http.MethodPost, s.gateway+"/one/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true,`+chatMessages+`}`),
			"X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "1ms", "X-Fake-Chunks", "30", "X-Fake-Chunk-Interval", "40ms")
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(body)
	}()
	active := regexp.MustCompile(`^llm_active_requests\{.* 1$`)
	testkit.Eventually(t, "the stream runs", func() bool { v, _ := s.metric(active); return v == 1 })
	write(t, s.file, head+houseUpstream("two", up.url))
	if status, _, msg := s.reload(); status != http.StatusOK {
		t.Fatalf("reload: %s", msg)
	}
	body := <-got
	if n := strings.Count(body, `"content":"`); n < 30 || !strings.HasSuffix(strings.TrimSpace(body), "[DONE]") {
		t.Errorf("the stream was hurt by the reload: %q", body)
	}
	if status, _ := s.post("/one/v1/chat/completions", reloadChat); status != http.StatusNotFound {
		t.Errorf("the removed upstream answers %d", status)
	}
}
