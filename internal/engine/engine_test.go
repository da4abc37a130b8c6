package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

// The test binary is its own engine child, and its own short-lived parent.
const (
	childEnv  = "PITOT_TEST_ENGINE"
	parentEnv = "PITOT_TEST_PARENT_DIR"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(Main(nil))
	}
	if o := os.Getenv(nodeEnv); o != "" {
		os.Exit(nodeMain(o))
	}
	if dir := os.Getenv(parentEnv); dir != "" {
		os.Exit(parentMain(dir))
	}
	// The engine's libraries start goroutines when they are loaded.
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// parentMain starts an engine, says where it is, and waits to be killed.
func parentMain(dir string) int {
	s, err := Start(context.Background(), testOptions(dir))
	if err == nil {
		err = s.Ready(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("child", s.Status().PID)
	select {}
}

func testOptions(dir string) Options {
	return Options{Dir: dir, Args: []string{}, Env: []string{childEnv + "=1"}, Memory: 256 << 20, MinFreeDisk: 1}
}

func startEngine(t *testing.T, opt Options) *Supervisor {
	t.Helper()
	s, err := Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func waitReady(t *testing.T, s *Supervisor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Fatal(err, s.Status())
	}
}

// eventually polls until ok or half a minute has gone.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("gave up waiting: " + what)
		}
	}
}

func post(t *testing.T, s *Supervisor, path, contentType, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", path, resp.StatusCode, b, err)
	}
	return string(b)
}

func insertRow(t *testing.T, s *Supervisor, id string) {
	t.Helper()
	post(t, s, "/insert/jsonline?_stream_fields=kind", "application/json",
		fmt.Sprintf(`{"_time":%q,"kind":"t","id":%q,"_msg":"m"}`+"\n", time.Now().Format(time.RFC3339Nano), id))
	post(t, s, "/internal/force_flush", "application/json", "")
}

func findRow(t *testing.T, s *Supervisor, id string) bool {
	t.Helper()
	q := url.Values{"query": {fmt.Sprintf("id:=%q | fields id", id)}, "start": {"1h"}}
	return strings.Contains(post(t, s, "/select/logsql/query", "application/x-www-form-urlencoded", q.Encode()), id)
}

func TestEngineStoresAndFinds(t *testing.T) {
	reg := prometheus.NewRegistry()
	opt := testOptions(t.TempDir())
	opt.Registerer = reg
	begun := time.Now()
	s := startEngine(t, opt)
	waitReady(t, s)
	insertRow(t, s, "row1")
	if !findRow(t, s, "row1") {
		t.Error("the row is not found")
	}
	st, err := s.Stats(t.Context())
	t.Logf("resident %d MB, started in %v", s.Status().RSSBytes>>20, s.Status().Since.Sub(begun))
	if err != nil || st.Rows != 1 || st.DiskBytes == 0 || st.FreeDiskBytes == 0 {
		t.Errorf("stats = %+v, %v", st, err)
	}
	got, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 8 {
		t.Errorf("%d metric families, want 8", len(got))
	}
}

func TestEngineIsPrivate(t *testing.T) {
	s := startEngine(t, testOptions(t.TempDir()))
	waitReady(t, s)
	addr := s.conn.current.Load().addr
	for _, auth := range []string{"", "Bearer ", "Bearer wrong", "Basic Og=="} {
		for _, path := range []string{"/metrics", "/select/logsql/query?query=*", "/insert/ready", "/"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", auth)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s with %q answers %d", path, auth, resp.StatusCode)
			}
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.Status().PID))
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.Status().PID))
	if err != nil {
		t.Fatal(err)
	}
	_, password, _ := strings.Cut(s.conn.current.Load().authorization, " ")
	if password == "" || bytes.Contains(cmdline, []byte(password)) || bytes.Contains(environ, []byte(password)) {
		t.Error("the password is missing, or shows in the command line or environment")
	}
}

func TestEngineIsRestartedAfterKill(t *testing.T) {
	s := startEngine(t, testOptions(t.TempDir()))
	epochs, cancel := s.Subscribe()
	defer cancel()
	waitReady(t, s)
	if got := <-epochs; got != 1 || s.Epoch() != 1 {
		t.Fatalf("first epoch = %d, Epoch() = %d", got, s.Epoch())
	}
	insertRow(t, s, "before")
	eventually(t, "the row to be on disk", func() bool { return onDisk(t, s.opt.Dir) })
	p, err := os.FindProcess(s.Status().PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := <-epochs; got != 2 {
		t.Fatalf("epoch after the kill = %d", got)
	}
	waitReady(t, s)
	if st := s.Status(); st.Restarts != 1 || !strings.Contains(st.LastExit, "killed") {
		t.Errorf("status = %+v", st)
	}
	if !findRow(t, s, "before") {
		t.Error("a row that was on disk is gone")
	}
	insertRow(t, s, "after")
	if !findRow(t, s, "after") {
		t.Error("the restarted engine does not store")
	}
}

// onDisk reports whether a part under dir is in the list of those that an engine
// opens when it starts: a crash before takes even one whose files are whole.
func onDisk(t *testing.T, dir string) bool {
	t.Helper()
	hasParts := func(kind string) bool {
		lists, err := filepath.Glob(filepath.Join(dir, "partitions", "*", kind, "parts.json"))
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(lists, func(name string) bool {
			var parts []string
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return json.Unmarshal(b, &parts) == nil && len(parts) > 0
		})
	}
	return hasParts("datadb") && hasParts("indexdb")
}

func TestStopFlushes(t *testing.T) {
	dir := t.TempDir()
	s := startEngine(t, testOptions(dir))
	waitReady(t, s)
	insertRow(t, s, "kept")
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); !errors.Is(err, ErrDown) {
		t.Errorf("Ready after Stop = %v", err)
	}
	if _, err := s.Client().Get(s.URL() + "/metrics"); !errors.Is(err, ErrDown) {
		t.Errorf("request after Stop = %v", err)
	}
	s = startEngine(t, testOptions(dir))
	waitReady(t, s)
	if !findRow(t, s, "kept") {
		t.Error("a row accepted before Stop is gone")
	}
}

func TestCorruptDataIsReported(t *testing.T) {
	dir := t.TempDir()
	s := startEngine(t, testOptions(dir))
	waitReady(t, s)
	insertRow(t, s, "r")
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "partitions", "*", "datadb", "*", "metadata.json"))
	if err != nil || len(parts) == 0 {
		t.Fatal("no part was written", err)
	}
	if err := os.WriteFile(parts[0], []byte("not json"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	opt := testOptions(dir)
	opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s = startEngine(t, opt)
	eventually(t, "a hint in the status", func() bool { return s.Status().Hint != "" })
	st := s.Status()
	if !strings.Contains(st.Hint, dir) || !strings.Contains(strings.Join(st.LastLog, "\n"), "metadata.json") {
		t.Errorf("status does not say what is wrong: %+v", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Ready(ctx); err == nil || !strings.Contains(err.Error(), "last exit") {
		t.Errorf("Ready = %v", err)
	}
	if !strings.Contains(log.String(), "metadata.json") {
		t.Errorf("the log does not say what is wrong: %s", log.String())
	}
}

func TestChildDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "child %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	eventually(t, "the orphan to end", func() bool { return residentBytes(pid) == 0 })
}

func TestMainByHandSaysSo(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "started by `pitot serve`") {
		t.Errorf("output %q, err %v", out, err)
	}
	if n := bytes.Count(out, []byte("\n")); n != 1 {
		t.Errorf("%d lines of output, want 1: the libraries print when they are loaded: %q", n, out)
	}
}

// The order of initialisation is what package quiet counts on.
func TestQuietIsInitialisedBeforeTheLibraries(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1", "GODEBUG=inittrace=1")
	out, _ := cmd.CombinedOutput() // it ends with a complaint about its stdin
	quietAt := bytes.Index(out, []byte("init github.com/pitot-dev/pitot/internal/engine/quiet "))
	libraryAt := bytes.Index(out, []byte("init github.com/VictoriaMetrics/metrics "))
	ownAt := bytes.Index(out, []byte("init github.com/pitot-dev/pitot/internal/engine "))
	if quietAt < 0 || libraryAt < quietAt {
		t.Errorf("quiet is initialised at %d, the libraries at %d:\n%s", quietAt, libraryAt, out)
	}
	if ownAt >= 0 && ownAt < libraryAt {
		t.Errorf("engine is initialised before its libraries:\n%s", out)
	}
}

func TestStartRejectsBadOptions(t *testing.T) {
	for _, opt := range []Options{{}, {Dir: "x", Retention: -1}, {Dir: "x", MaxDisk: -1}} {
		if _, err := Start(t.Context(), opt); err == nil {
			t.Errorf("Start(%+v) succeeds", opt)
		}
	}
}

func TestParseLogLine(t *testing.T) {
	for _, c := range []struct {
		line  string
		level slog.Level
		msg   string
	}{
		{`{"level":"info","caller":"x:1","msg":"opened"}`, slog.LevelDebug, "opened"},
		{`{"level":"warn","caller":"x:1","msg":"slow"}`, slog.LevelWarn, "slow"},
		{`{"level":"panic","caller":"x:1","msg":"FATAL: no"}`, slog.LevelError, "FATAL: no"},
		{`goroutine 1 [running]:`, slog.LevelWarn, "goroutine 1 [running]:"},
		{`{broken`, slog.LevelWarn, "{broken"},
		{`{"level":"warn","msg":"jsonline: cannot read line #1: bad; line contents: \"{secret\""}`, slog.LevelWarn, "jsonline: cannot read line #1: bad; line contents [row not shown]"},
		{`{"level":"warn","msg":"skipping; log entry: {secret}"}`, slog.LevelWarn, "skipping; log entry [row not shown]"},
		{`{"level":"warn","msg":"dropping log line with 2000 fields; it exceeds -insert.maxFieldsPerLine=1000; {secret}"}`, slog.LevelWarn, "dropping log line with 2000 fields; it exceeds -insert.maxFieldsPerLine=1000; [row not shown]"},
	} {
		level, msg := parseLogLine(c.line)
		if level != c.level || msg != c.msg {
			t.Errorf("parseLogLine(%s) = %v, %q", c.line, level, msg)
		}
	}
}

func TestJitter(t *testing.T) {
	for range 1000 {
		if d := jitter(time.Second); d < 800*time.Millisecond || d > 1200*time.Millisecond {
			t.Fatalf("jitter(1s) = %v", d)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
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
