package manager

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/cli"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite golden files")

// What the test binary is when it is started again.
const (
	amtoolEnv  = "PITOT_TEST_AMTOOL"
	crashEnv   = "PITOT_TEST_CRASH_DIR"
	replicaEnv = "PITOT_TEST_REPLICA"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(amtoolEnv) != "":
		cli.Execute() // the real amtool
		return
	case os.Getenv(crashEnv) != "":
		crashChild(os.Getenv(crashEnv))
		return
	case os.Getenv(replicaEnv) != "":
		replicaChild(os.Getenv(replicaEnv))
		return
	}
	goleak.VerifyTestMain(m)
}

// call is a request that a stand-in received.
type call struct {
	Method, Path string
	Query        string
	Header       http.Header
	Body         string
}

// json decodes the body.
func (c call) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(c.Body), &v); err != nil {
		t.Fatalf("%s: not JSON: %v: %s", c.Path, err, c.Body)
	}
	return v
}

// standIn records what it receives and answers as told.
type standIn struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer func(call) (int, string)
}

func newStandIn(t testing.TB, answer func(call) (int, string)) *standIn {
	t.Helper()
	s := &standIn{answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ok answers everything with success.
func ok(call) (int, string) { return http.StatusOK, "ok" }

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := call{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header, Body: string(body)}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	answer := s.answer
	s.mu.Unlock()
	code, text := answer(c)
	if strings.HasPrefix(text, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

func (s *standIn) set(answer func(call) (int, string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.calls = answer, nil
}

// at returns the calls to paths with a prefix.
func (s *standIn) at(prefix string) []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []call
	for _, c := range s.calls {
		if strings.HasPrefix(c.Path, prefix) {
			out = append(out, c)
		}
	}
	return out
}

// wait returns the calls to a prefix when there are n.
func (s *standIn) wait(t testing.TB, prefix string, n int) []call {
	t.Helper()
	eventually(t, prefix+" is called", func() bool { return len(s.at(prefix)) >= n })
	return s.at(prefix)
}

// eventually polls cond until it holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func testOptions(t testing.TB, section string) Options {
	t.Helper()
	return Options{
		Config: Config{Section: []byte(section), Dir: t.TempDir()}, Dir: t.TempDir(),
		ExternalURL: "http://pitot.example:4400", Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}
}

// start runs a Manager that ends with the test.
func start(t testing.TB, section string, change ...func(*Options)) *Manager {
	t.Helper()
	o := testOptions(t, section)
	for _, f := range change {
		f(&o)
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return m
}

// serve mounts the API on loopback.
func serve(t testing.TB, m *Manager) string {
	t.Helper()
	srv := httptest.NewServer(m.Handler())
	t.Cleanup(srv.Close)
	return srv.URL
}

// firing is an alert that a rule reports now.
func firing(name string, labels ...string) Alert {
	a := Alert{
		Labels: map[string]string{"alertname": name, "severity": "critical", "service": "checkout"},
		Annotations: map[string]string{
			"summary": "Errors of checkout", "description": "12 % of the calls fail",
			"explanation":       "94 % of the errors are 429 of provider X",
			"explanation_links": "the calls: http://pitot.example:4400/calls?status=error",
			"runbook_url":       "https://runbooks.example/errors",
		},
		StartsAt: time.Now().Add(-time.Minute), EndsAt: time.Now().Add(4 * time.Minute), GeneratorURL: "http://pitot.example:4400/graph",
	}
	for i := 0; i+1 < len(labels); i += 2 {
		a.Labels[labels[i]] = labels[i+1]
	}
	return a
}

func resolved(name string, labels ...string) Alert {
	a := firing(name, labels...)
	a.Resolved, a.EndsAt = true, time.Now()
	return a
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with -update", err)
	}
	if string(want) != got {
		t.Fatalf("%s is not up to date (run with -update):\n%s", path, got)
	}
}

// fast notifies at once.
const fast = `
route:
  receiver: all
  group_by: [alertname]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
`

// group30s is more than the Alertmanager's own group_wait.
const group30s = 30 * time.Second

// lockedBuffer is written to by loggers.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
