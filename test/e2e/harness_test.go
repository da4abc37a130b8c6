//go:build unix

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// binary is the pitot that is tested.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of the time these tests wait for processes: more at once than there
	// are processors.
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == f.DefValue {
		_ = f.Value.Set("6")
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	if binary = os.Getenv("PITOT_BIN"); binary != "" {
		abs, err := filepath.Abs(binary)
		if err != nil {
			fmt.Fprintln(os.Stderr, "PITOT_BIN:", err)
			return 1
		}
		binary = abs
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "pitot-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "pitot")
	build := exec.Command("go", "build", "-o", binary, "github.com/pitot-dev/pitot/cmd/pitot")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build pitot: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// environment is the test's own without what would change Pitot's defaults.
func environment(extra ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PITOT_") })
	return append(append(env, "NO_COLOR=1", "TZ=UTC"), extra...)
}

// setup is how a server is started. Empty fields are chosen.
type setup struct {
	config string // text of the configuration file; empty for none
	file   string // or the configuration file itself
	data   string // data directory
	args   []string
	env    []string
	level  string // of the log; default info
	binary string // default the one that is tested
}

// server is a running `pitot serve`.
type server struct {
	*testkit.Process
	tb           testing.TB
	api, gateway string // base URLs
	otlp         string // base URL of OTLP over HTTP
	grpc         string // address of OTLP over gRPC
	data, file   string
}

var upLine = regexp.MustCompile(`msg="pitot is up" .*?\bapi=(\S+) gateway=(\S+) otlp_grpc=(\S+) otlp_http=(\S+)`)

// serve starts a server on free ports and waits until it listens.
func serve(tb testing.TB, o setup) *server {
	tb.Helper()
	if o.data == "" {
		o.data = filepath.Join(tb.TempDir(), "data")
	}
	if o.config != "" {
		o.file = filepath.Join(tb.TempDir(), "pitot.yml")
		write(tb, o.file, o.config)
	}
	if o.level == "" {
		o.level = "info"
	}
	args := []string{
		"serve", "--data", o.data, "--listen.api", "127.0.0.1:0", "--listen.gateway", "127.0.0.1:0",
		"--listen.otlp-grpc", "127.0.0.1:0", "--listen.otlp-http", "127.0.0.1:0", "--log.level", o.level,
	}
	if o.file != "" {
		args = append(args, "--config", o.file)
	}
	cmd := exec.Command(cmp.Or(o.binary, binary), append(args, o.args...)...)
	cmd.Env = environment(o.env...)
	s := &server{Process: testkit.Start(tb, cmd), tb: tb, data: o.data, file: o.file}
	m := s.WaitLine(upLine)
	s.api, s.gateway = "http://"+m[1], "http://"+m[2]
	s.grpc, s.otlp = m[3], "http://"+m[4]
	return s
}

// ready waits until calls can be recorded and queried.
func (s *server) ready() *server {
	s.tb.Helper()
	testkit.Eventually(s.tb, "the server is ready", func() bool {
		status, _, err := s.try(http.MethodGet, s.api+"/-/ready", nil)
		return err == nil && status == http.StatusOK
	})
	return s
}

// stop ends the server in order and fails the test if it did not end well.
func (s *server) stop() {
	s.tb.Helper()
	if err := s.Stop(); err != nil {
		s.tb.Errorf("the server ended with %v:\n%s", err, s.Output())
	}
}

func write(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// client keeps connections apart from those of other tests and has no limit
// but the test's.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// try sends a request and reads the whole answer.
func (s *server) try(method, target string, body io.Reader, headers ...string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(s.tb.Context(), testkit.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return 0, nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// get returns the answer of the API, whatever its status.
func (s *server) get(path string, q url.Values) (int, string) {
	s.tb.Helper()
	status, b, err := s.try(http.MethodGet, s.api+withQuery(path, q), nil)
	if err != nil {
		s.tb.Fatalf("GET %s: %v", path, err)
	}
	return status, string(b)
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// getJSON decodes a good answer of the API.
func (s *server) getJSON(path string, q url.Values, v any) {
	s.tb.Helper()
	status, body := s.get(path, q)
	if status != http.StatusOK {
		s.tb.Fatalf("GET %s: status %d: %s", withQuery(path, q), status, body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		s.tb.Fatalf("GET %s: %v: %s", path, err, body)
	}
}

// post sends a request through the gateway; headers come in pairs.
func (s *server) post(path, body string, headers ...string) (int, []byte) {
	s.tb.Helper()
	status, b, err := s.try(http.MethodPost, s.gateway+path, strings.NewReader(body), headers...)
	if err != nil {
		s.tb.Fatalf("POST %s: %v", path, err)
	}
	return status, b
}

// call is a Call as the API documents it.
type call struct {
	ID            string    `json:"id"`
	Time          time.Time `json:"time"`
	Source        string    `json:"source"`
	Service       string    `json:"service"`
	Upstream      string    `json:"upstream"`
	TraceID       string    `json:"trace_id"`
	SpanID        string    `json:"span_id"`
	ParentSpanID  string    `json:"parent_span_id"`
	Provider      string    `json:"provider"`
	Operation     string    `json:"operation"`
	RequestModel  string    `json:"request_model"`
	ResponseModel string    `json:"response_model"`
	ResponseID    string    `json:"response_id"`
	Stream        bool      `json:"stream"`
	Status        string    `json:"status"`
	ErrorType     string    `json:"error_type"`
	HTTPStatus    int       `json:"http_status"`
	FinishReasons []string  `json:"finish_reasons"`
	Usage         struct {
		Input      *int64 `json:"input_tokens"`
		Output     *int64 `json:"output_tokens"`
		CacheRead  *int64 `json:"cache_read_tokens"`
		CacheWrite *int64 `json:"cache_write_tokens"`
		Reasoning  *int64 `json:"reasoning_tokens"`
		Source     string `json:"source"`
	} `json:"usage"`
	Cost struct {
		USD   *float64 `json:"usd"`
		State string   `json:"state"`
	} `json:"cost"`
	Duration float64           `json:"duration_seconds"`
	TTFT     *float64          `json:"ttft_seconds"`
	Chunks   int               `json:"chunks"`
	User     string            `json:"user"`
	Session  string            `json:"session"`
	Feature  string            `json:"feature"`
	Tags     map[string]string `json:"tags"`
	Notes    []string          `json:"notes"`
	Input    json.RawMessage   `json:"input"`
	Output   json.RawMessage   `json:"output"`
}

// calls returns all calls that q selects, page by page.
func (s *server) calls(q url.Values) []call {
	s.tb.Helper()
	q = cloneValues(q)
	if q.Get("limit") == "" {
		q.Set("limit", "1000")
	}
	var all []call
	for {
		var page struct {
			Calls []call `json:"calls"`
			Next  string `json:"next_cursor"`
		}
		s.getJSON("/api/pitot/v1/calls", q, &page)
		all = append(all, page.Calls...)
		if page.Next == "" || len(page.Calls) == 0 {
			return all
		}
		q.Set("cursor", page.Next)
	}
}

func cloneValues(q url.Values) url.Values {
	out := url.Values{}
	for k, v := range q {
		out[k] = slices.Clone(v)
	}
	return out
}

// waitCalls waits until n calls are there, and returns them.
func (s *server) waitCalls(n int, q url.Values) []call {
	s.tb.Helper()
	var got []call
	testkit.Eventually(s.tb, fmt.Sprintf("%d calls with %v", n, q), func() bool {
		got = s.calls(q)
		return len(got) >= n
	})
	if len(got) != n {
		s.tb.Fatalf("%d calls with %v, want %d", len(got), q, n)
	}
	return got
}

// account is the ledger's entry of one source.
type account struct {
	Source                                          string
	Received, Restored, Stored, InFlight, Journaled uint64
	Dropped                                         map[string]uint64
}

func (a account) dropped() (n uint64) {
	for _, v := range a.Dropped {
		n += v
	}
	return n
}

// ledger returns the account of a source, which must balance.
func (s *server) ledger(source string) account {
	s.tb.Helper()
	var l struct {
		Sources []struct {
			Source    string            `json:"source"`
			Received  uint64            `json:"received"`
			Restored  uint64            `json:"restored"`
			Stored    uint64            `json:"stored"`
			InFlight  uint64            `json:"in_flight"`
			Journaled uint64            `json:"journaled"`
			Dropped   map[string]uint64 `json:"dropped"`
		} `json:"sources"`
	}
	s.getJSON("/api/pitot/v1/ledger", nil, &l)
	found := account{Source: source}
	for _, e := range l.Sources {
		a := account(e)
		if a.Received != a.Stored+a.dropped()+a.InFlight {
			s.tb.Errorf("the ledger of %s does not balance: %+v", a.Source, a)
		}
		if a.Source == source {
			found = a
		}
	}
	return found
}

// metric returns the sum of the samples of /metrics whose line matches.
func (s *server) metric(line *regexp.Regexp) (sum float64, found bool) {
	s.tb.Helper()
	_, body := s.get("/metrics", nil)
	for l := range strings.Lines(body) {
		if l = strings.TrimSpace(l); !line.MatchString(l) {
			continue
		}
		fields := strings.Fields(l)
		var v float64
		if _, err := fmt.Sscan(fields[len(fields)-1], &v); err == nil {
			sum, found = sum+v, true
		}
	}
	return sum, found
}

// promQL evaluates an expression to its one value; false while it has none.
func (s *server) promQL(expr string) (float64, bool) {
	s.tb.Helper()
	var a struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	s.getJSON("/api/v1/query", url.Values{"query": {expr}}, &a)
	if len(a.Data.Result) != 1 {
		return 0, false
	}
	text, _ := a.Data.Result[0].Value[1].(string)
	var v float64
	_, err := fmt.Sscan(text, &v)
	return v, err == nil
}

// waitPromQL waits until an expression has a value.
func (s *server) waitPromQL(expr string, want float64) {
	s.tb.Helper()
	var got float64
	var ok bool
	defer func() {
		if s.tb.Failed() {
			s.tb.Logf("%s: last value %v (%v), want %v", expr, got, ok, want)
		}
	}()
	testkit.Eventually(s.tb, fmt.Sprintf("%s is %v", expr, want), func() bool {
		got, ok = s.promQL(expr)
		return ok && closeTo(got, want)
	})
}

func closeTo(a, b float64) bool {
	d := a - b
	return d < 1e-9 && d > -1e-9
}

// logsQL returns the rows that a query selects.
func (s *server) logsQL(query string) []map[string]string {
	s.tb.Helper()
	status, body := s.get("/select/logsql/query", url.Values{"query": {query}, "start": {"1h"}, "limit": {"100000"}})
	if status != http.StatusOK {
		s.tb.Fatalf("LogsQL %s: status %d: %s", query, status, body)
	}
	var rows []map[string]string
	for line := range strings.Lines(body) {
		row := map[string]string{}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			s.tb.Fatalf("LogsQL %s: %v: %s", query, err, line)
		}
		rows = append(rows, row)
	}
	return rows
}

// component is a part of the server in the status answer.
type component struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

type status struct {
	State           string      `json:"state"`
	Components      []component `json:"components"`
	ConfigDigest    string      `json:"config_digest"`
	LastReloadError string      `json:"last_reload_error"`
}

func (s *server) status() (st status) {
	s.tb.Helper()
	s.getJSON("/api/pitot/v1/status", nil, &st)
	return st
}

// upstream is a simulated provider of this test process.
type upstream struct {
	*provider.Server
	url string
}

func simulate(tb testing.TB, cfg provider.Config) *upstream {
	tb.Helper()
	p := provider.New(cfg)
	srv := httptest.NewServer(p)
	tb.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return &upstream{p, srv.URL}
}

// dialects are the upstreams of upstreamConfig: name, which is the provider's
// too, and dialect.
var dialects = [][2]string{
	{"openai", "openai"},
	{"deepseek", "openai"},
	{"anthropic", "anthropic"},
	{"gemini", "gemini"},
	{"ollama", "ollama"},
	{"cohere", "cohere"},
	{"bedrock", "bedrock"},
}

// upstreamConfig sends all dialects to one simulation.
func upstreamConfig(base string) string {
	var b strings.Builder
	b.WriteString("gateway:\n  upstreams:\n")
	for _, d := range dialects {
		fmt.Fprintf(&b, "    - {name: %s, dialect: %s, base_url: %q}\n", d[0], d[1], base)
	}
	return b.String()
}

// pitot runs a command to its end.
func pitot(tb testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), testkit.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(env...), &out, &errs
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited || ctx.Err() != nil {
			tb.Fatalf("pitot %s: %v\n%s", strings.Join(args, " "), err, errs.String())
		}
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
