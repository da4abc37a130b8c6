package metrics

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/llm"
)

var update = flag.Bool("update", false, "rewrite golden files")

// childEnv makes the test binary the victim of the crash test.
const childEnv = "PITOT_METRICS_CRASH_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		crashChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// repoRoot walks up to the directory of go.mod.
func repoRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		t.Fatal("no go.mod above the package")
	}
}

// shared is a path in the shared test data; the test is skipped without it.
func shared(t testing.TB, path ...string) string {
	t.Helper()
	dir := os.Getenv("PITOT_SHARED")
	if dir == "" {
		dir = filepath.Join(repoRoot(t), "..", "shared")
	}
	p := filepath.Join(append([]string{dir, "data"}, path...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("shared data not found: %v", err)
	}
	return p
}

// testOptions are those of a store that scrapes only when a test says so.
func testOptions(t testing.TB) Options {
	return Options{
		Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), ScrapeInterval: time.Hour,
		ExternalURL: "http://127.0.0.1:4400", Version: "0.0.0-test",
	}
}

// openStore opens a store that is closed with the test.
func openStore(t testing.TB, change ...func(*Options)) *Metrics {
	t.Helper()
	o := testOptions(t)
	for _, f := range change {
		f(&o)
	}
	m, err := Open(t.Context(), o)
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

// startStore opens and starts a store.
func startStore(t testing.TB, change ...func(*Options)) *Metrics {
	t.Helper()
	m := openStore(t, change...)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	return m
}

// serve mounts a handler on loopback.
func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// eventually polls cond until it holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// query evaluates an expression that must not fail.
func query(t testing.TB, m *Metrics, expr string, at time.Time) []Series {
	t.Helper()
	r, err := m.Query(t.Context(), expr, at)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return r.Series
}

// value evaluates an expression that gives one series of one point.
func value1(t testing.TB, m *Metrics, expr string, at time.Time) float64 {
	t.Helper()
	s := query(t, m, expr, at)
	if len(s) != 1 || len(s[0].Points) != 1 {
		t.Fatalf("%s: %d series, want 1: %v", expr, len(s), s)
	}
	return s[0].Points[0].Value
}

// streamCall is a successful stream of a chat: ten chunks after a role chunk.
func streamCall(model string, i int) *llm.Call {
	c := &llm.Call{
		ID: fmt.Sprintf("call-%d", i), Time: time.Unix(1_800_000_000, 0).UTC(), Source: llm.SourceGateway,
		Service: "checkout", Environment: "prod", Provider: llm.ProviderOpenAI, Operation: llm.OpChat,
		RequestModel: model, ResponseModel: model + "-2026-01-01", Stream: true, Status: llm.StatusOK,
		TraceID:  fmt.Sprintf("%032x", i+1),
		Duration: 1300 * time.Millisecond, TTFT: llm.Some(300 * time.Millisecond),
		User: "u1", Feature: "search", Tags: map[string]string{"team": "a"},
		Usage: llm.Usage{
			InputTokens: llm.Some[int64](120), OutputTokens: llm.Some[int64](11),
			CacheReadTokens: llm.Some[int64](64), ReasoningTokens: llm.Some[int64](3), Source: llm.UsageReported,
		},
		Cost: llm.Cost{USD: llm.Some(0.0021), State: llm.CostComputed},
	}
	c.Timeline.Add(200*time.Millisecond, 0) // the role
	for k := range 10 {
		c.Timeline.Add(time.Duration(300+100*k)*time.Millisecond, 4)
	}
	c.Timeline.Add(1300*time.Millisecond, 0) // the usage
	return c
}

// failedCall was refused for its rate.
func failedCall(model string) *llm.Call {
	return &llm.Call{
		ID: "failed", Service: "checkout", Provider: llm.ProviderOpenAI, Operation: llm.OpChat, RequestModel: model,
		Status: llm.StatusError, ErrorType: "rate_limit_exceeded", HTTPStatus: 429, Duration: 40 * time.Millisecond,
		Cost: llm.Cost{State: llm.CostUnpriced, Reason: "unknown_usage"},
	}
}

// unaryCall is an embedding without a price.
func unaryCall() *llm.Call {
	return &llm.Call{
		ID: "unary", Service: "indexer", Provider: llm.ProviderOllama, Operation: llm.OpEmbeddings, RequestModel: "nomic",
		Status: llm.StatusOK, Duration: 80 * time.Millisecond,
		Usage: llm.Usage{InputTokens: llm.Some[int64](900), Source: llm.UsageReported},
		Cost:  llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"},
	}
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
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
	if string(want) == got {
		return
	}
	w, g := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			t.Fatalf("%s is not up to date at line %d (run with -update):\n got: %s\nwant: %s", path, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s is not up to date: %d lines, want %d (run with -update)", path, len(g), len(w))
}
