//go:build unix

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// TestLargeBodiesPassWhole sends more than is kept for recording, both ways.
func TestLargeBodiesPassWhole(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	answer := `{"id":"large","model":"m","choices":[{"message":{"role":"assistant","content":"` + strings.Repeat("large answer ", size/13) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`
	got := make(chan [32]byte, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- sha256.Sum256(b)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	s := serve(t, setup{config: "gateway:\n  max_body: 256KiB\n  upstreams:\n" + houseUpstream("big", srv.URL)}).ready()
	body := `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("large question ", size/15) + `"}]}`
	status, b := s.post("/big/v1/chat/completions", body)
	if status != http.StatusOK || string(b) != answer {
		t.Errorf("status %d, %d bytes, want the %d that were sent", status, len(b), len(answer))
	}
	if <-got != sha256.Sum256([]byte(body)) {
		t.Error("the provider got another body than was sent")
	}
	c := s.waitCalls(1, nil)[0]
	var detail struct{ Truncated []string }
	s.getJSON("/api/pitot/v1/calls/"+c.ID, nil, &detail)
	if fmt.Sprint(detail.Truncated) == "[]" {
		t.Error("the record is not marked as truncated")
	}
}

// TestParametersAreValidated gives every API parameters that it must refuse with
// what is allowed.
func TestParametersAreValidated(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	for _, x := range []struct{ path, param, value, hint string }{
		{"/api/pitot/v1/calls", "limit", "0", "1 to 1000"},
		{"/api/pitot/v1/calls", "limit", "many", "1 to 1000"},
		{"/api/pitot/v1/calls", "start", "yesterday", "RFC 3339"},
		{"/api/pitot/v1/calls", "status", "fine", "ok"},
		{"/api/pitot/v1/calls", "order", "best", "newest"},
		{"/api/pitot/v1/calls", "min_duration", "-1s", "duration"},
		{"/api/pitot/v1/calls", "cursor", "nonsense", "next_cursor"},
		{"/api/pitot/v1/calls", "query", "status:(", ""},
		{"/api/pitot/v1/calls", "query", "* | delete", ""},
		{"/api/pitot/v1/calls", "statsu", "ok", ""},
		{"/api/pitot/v1/facets", "fields", "input", "service"},
		{"/api/pitot/v1/summary", "minutes", "0", "1"},
		{"/api/pitot/v1/timeline", "step", "1ms", "duration"},
		{"/api/pitot/v1/costs", "by", "input", "service"},
	} {
		status, body := s.get(x.path, url.Values{x.param: {x.value}})
		var a struct {
			Error struct{ Code, Message, Hint string }
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatalf("%s: %v: %s", x.path, err, body)
		}
		e := a.Error
		if status != http.StatusBadRequest || e.Code == "" || e.Message == "" || !strings.Contains(e.Message+e.Hint, x.hint) {
			t.Errorf("%s?%s=%s: status %d: %s, want 400 and a hint with %q", x.path, x.param, x.value, status, body, x.hint)
		}
	}
	if status, body := s.get("/api/pitot/v1/nothing", nil); status != http.StatusNotFound || !strings.Contains(body, "openapi.yaml") {
		t.Errorf("an endpoint that does not exist: %d: %s", status, body)
	}
	// A page of another origin must not make a browser reload or write.
	for _, path := range []string{"/-/reload", "/api/pitot/v1/feedback", "/api/v1/write"} {
		status, body, err := s.try(http.MethodPost, s.api+path, strings.NewReader("{}"), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
		if err != nil || status != http.StatusForbidden {
			t.Errorf("POST %s from another origin: %v, %d: %s", path, err, status, body)
		}
	}
}
