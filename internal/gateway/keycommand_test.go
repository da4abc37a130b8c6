package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// helperArgs runs this test's own binary as the command of a secret store: it does
// what TestKeyCommandHelper makes of a file.
func helperArgs(file string) []string {
	return []string{os.Args[0], "-test.run=^TestKeyCommandHelper$", "-test.v=false", "--", file}
}

// TestKeyCommandHelper is no test: it is the command. The file's first line says
// what it does, the rest is what it prints.
func TestKeyCommandHelper(t *testing.T) {
	if len(os.Args) < 3 || os.Args[len(os.Args)-2] != "--" {
		t.Skip("it is the helper of other tests")
	}
	b, err := os.ReadFile(os.Args[len(os.Args)-1])
	if err != nil {
		os.Exit(3)
	}
	how, text, _ := strings.Cut(string(b), "\n")
	fmt.Print(text)
	switch how {
	case "hang":
		select {}
	case "fail":
		fmt.Fprint(os.Stderr, "half-a-secret")
		os.Exit(1)
	}
	os.Exit(0)
}

func TestRunKeyCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	for name, c := range map[string]struct {
		text, want, err string
	}{
		"a key":           {"ok\nkey-of-a-store\n", "key-of-a-store", ""},
		"no line's end":   {"ok\nkey-of-a-store", "key-of-a-store", ""},
		"nothing":         {"ok\n \n", "", "printed nothing"},
		"two lines":       {"ok\nkey\nX-Injected: yes\n", "", "no key"},
		"control":         {"ok\nkey\x00", "", "no key"},
		"no ASCII":        {"ok\nschlüssel", "", "no key"},
		"far too much":    {"ok\n" + strings.Repeat("x", maxKeyOutput+1), "", "more than"},
		"a failure":       {"fail\nkey-of-a-store", "", "exit status 1"},
		"one that hangs":  {"hang\nkey-of-a-store", "", "was ended"},
		"as much as may":  {"ok\n" + strings.Repeat("x", maxKeyOutput), strings.Repeat("x", maxKeyOutput), ""},
		"shell is no way": {"ok\n$(echo no)", "", "no key"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			limit := time.Minute
			if strings.HasPrefix(c.text, "hang") {
				limit = 200 * time.Millisecond
			}
			got, err := runKeyCommand(t.Context(), helperArgs(file), limit)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %.40q, %v", got, err)
			}
			if err != nil && (strings.Contains(err.Error(), "key-of-a-store") || strings.Contains(err.Error(), "half-a-secret")) {
				t.Errorf("the error tells what was printed: %v", err)
			}
		})
	}
	if _, err := runKeyCommand(t.Context(), []string{filepath.Join(t.TempDir(), "none")}, time.Minute); err == nil {
		t.Error("a program that is not there")
	}
}

type noSink struct{}

func (noSink) CallStarted(_, _, _, _ string) {}
func (noSink) CallEnded(_, _, _, _ string)   {}
func (noSink) Record(*llm.Call)              {}

// TestKeysOfACommand sends the key that a command prints, then the next one, and
// keeps that when the command fails, also over a reload.
func TestKeysOfACommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	printed := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := ""
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("X-Api-Key")
		_, _ = io.WriteString(w, "{}")
	}))
	defer up.Close()
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	cfg := Config{Upstreams: []Upstream{{Name: "a", BaseURL: up.URL, Dialect: wire.Anthropic, APIKeyCommand: helperArgs(file)}}}
	printed("fail\n")
	g, err := New(Options{Config: cfg, Sink: noSink{}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	ask := func() string {
		t.Helper()
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/a/v1/models", http.NoBody))
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return seen
	}
	count := func(result string) float64 {
		return testutil.ToFloat64(g.metrics.keyRefreshes.WithLabelValues("a", result))
	}
	if got := ask(); got != "" || count("failed") != 1 || !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("before there was a key: %q, %v failures, %s", got, count("failed"), log.String())
	}
	refresh := func() bool { return g.table.Load().refreshers[0].refresh(t.Context()) }
	printed("ok\nfirst-key\n")
	if !refresh() || ask() != "first-key" {
		t.Errorf("sent %q", seen)
	}
	printed("ok\nsecond-key\n")
	if !refresh() || ask() != "second-key" || count("ok") != 2 {
		t.Errorf("sent %q", seen)
	}
	printed("fail\nthird-key")
	if refresh() || ask() != "second-key" || count("failed") != 2 {
		t.Errorf("after a failure: sent %q", seen)
	}
	if err := g.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if ask() != "second-key" {
		t.Errorf("after a reload while the store is down: sent %q", seen)
	}
	for _, key := range []string{"first-key", "second-key", "third-key"} {
		if strings.Contains(log.String(), key) {
			t.Errorf("the log tells %s", key)
		}
	}
	for _, u := range g.Upstreams() {
		if len(u.APIKeyCommand) > 0 {
			t.Error("the status page tells the command's arguments")
		}
	}
	if !cfg.AddsCredentials() {
		t.Error("an upstream whose key a command prints adds none")
	}
}

func TestKeyCommandsAreChecked(t *testing.T) {
	for want, u := range map[string]Upstream{
		"begins with the program": {APIKeyCommand: []string{" "}},
		"keep one":                {APIKeyCommand: []string{"x"}, APIKey: "k"},
		"keep one of":             {APIKeyCommand: []string{"x"}, APIKeyFile: "f"},
		"alone":                   {APIKeyRefresh: 1e9},
		"at least":                {APIKeyCommand: []string{"x"}, APIKeyRefresh: 1e6},
	} {
		u.Name, u.BaseURL = "a", "http://127.0.0.1:1"
		if err := u.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
