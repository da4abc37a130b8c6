//go:build unix

package e2e

import (
	"bufio"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// stream begins a stream of that many chunks, 100 ms apart, and reads until the
// first ones have come.
func stream(t *testing.T, s *server, chunks string) (*http.Response, *bufio.Reader, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.gateway+"/openai/v1/chat/completions",
		strings.NewReader(`{"model":"gpt-4o-mini","stream":true,`+chatMessages+`}`))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"X-Fake-Status": "200", "X-Fake-Tool": "none", "X-Fake-Delay": "10ms", "X-Fake-Chunks": chunks, "X-Fake-Chunk-Interval": "100ms"} {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	r := bufio.NewReader(resp.Body)
	var head strings.Builder
	for range 6 {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		head.WriteString(line)
	}
	return resp, r, head.String()
}

// TestDrainIsSeen tells the server to stop in the middle of a stream: the stream
// goes on to its end, while the gateway takes nothing new and the API port says
// that it is not ready.
func TestDrainIsSeen(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{})
	s := serve(t, setup{config: upstreamConfig(up.url), args: []string{"--drain-timeout", "1m"}}).ready()
	if status, body := s.get("/-/ready/gateway", nil); status != http.StatusOK {
		t.Errorf("before: %d %s", status, body)
	}
	_, r, head := stream(t, s, "60")
	ended := make(chan error, 1)
	go func() { ended <- s.Stop() }()
	seen := false
	testkit.Eventually(t, "the gateway is not ready", func() bool {
		status, body, err := s.try(http.MethodGet, s.api+"/-/ready/gateway", nil)
		seen = seen || err == nil && status == http.StatusServiceUnavailable && strings.Contains(string(body), "stopping")
		return seen
	})
	testkit.Eventually(t, "the gateway takes no new call", func() bool {
		_, _, err := s.try(http.MethodGet, s.gateway+"/openai/v1/models", nil)
		return err != nil
	})
	if status, body := s.get("/-/ready", nil); status != http.StatusServiceUnavailable {
		t.Errorf("/-/ready while it stops: %d %s", status, body)
	}
	if status, _ := s.get("/-/healthy", nil); status != http.StatusOK {
		t.Errorf("/-/healthy while it stops: %d: it would be killed", status)
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	if body := head + string(rest); strings.Count(body, `"content":"`) < 60 || !strings.HasSuffix(strings.TrimSpace(body), "data: [DONE]") {
		t.Errorf("the stream ends with %q", body[max(0, len(body)-80):])
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// TestDrainHasAnEnd has a stream that lasts longer than it may.
func TestDrainHasAnEnd(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{})
	s := serve(t, setup{config: upstreamConfig(up.url), args: []string{"--drain-timeout", "1s"}}).ready()
	_, r, _ := stream(t, s, "3000")
	begin := time.Now()
	if err := s.Stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v to stop", took)
	}
	if _, err := io.ReadAll(r); err == nil {
		t.Error("the stream looks whole")
	}
	if out := s.Output(); !strings.Contains(out, "requests were cut when the server stopped") {
		t.Errorf("nothing says that a call was cut:\n%s", out)
	}
}

// TestDebugPages asks for a profile and a trace, from this machine and as a
// proxy would.
func TestDebugPages(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{args: []string{"--debug.flight"}})
	for path, want := range map[string]string{"/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/flight": "go 1."} {
		status, body, err := s.try(http.MethodGet, s.api+path, nil)
		if err != nil || status != http.StatusOK || !strings.HasPrefix(string(body), want) {
			t.Errorf("%s: %d %v %.60q", path, status, err, body)
		}
		if status, body, err := s.try(http.MethodGet, s.api+path, nil, "X-Forwarded-For", "203.0.113.9"); err != nil || status != http.StatusForbidden {
			t.Errorf("%s for another machine: %d %v %.60q", path, status, err, body)
		}
	}
	if status, _, err := s.try(http.MethodGet, s.api+"/debug/flight?seconds=0", nil); err != nil || status != http.StatusBadRequest {
		t.Errorf("seconds=0: %d %v", status, err)
	}
	s.stop()
	other := serve(t, setup{})
	if status, body, err := other.try(http.MethodGet, other.api+"/debug/flight?seconds=1", nil); err != nil || status != http.StatusOK || !strings.HasPrefix(string(body), "go 1.") {
		t.Errorf("a trace on demand: %d %v %.60q", status, err, body)
	}
	other.stop()
}

// TestDebugPagesAreForAdministrators asks for them where people log in: from this
// machine, too, nobody else gets them.
func TestDebugPagesAreForAdministrators(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	all := bearer(key(t, data, "all-but-admin", "--scope=ingest,feedback,query,content,gateway"))
	admin := bearer(key(t, data, "admin", "--scope=admin"))
	tenant := bearer(key(t, data, "admin-of-acme", "--scope=admin", "--for-tenant=acme"))
	s := serve(t, setup{data: data, config: "auth: {enabled: true, tenants: [acme]}\n", args: []string{"--debug", "--debug.flight"}})
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=1", "/debug/flight"} {
		for _, who := range []struct {
			cred []string
			want int
		}{{nil, http.StatusUnauthorized}, {all, http.StatusForbidden}, {tenant, http.StatusForbidden}, {admin, http.StatusOK}} {
			status, body, err := s.try(http.MethodGet, s.api+path, nil, who.cred...)
			if err != nil || status != who.want {
				t.Errorf("%s as %v: %d, want %d: %v %.60q", path, len(who.cred), status, who.want, err, body)
			}
		}
	}
	s.stop()
}
