//go:build unix

package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// long is how long things may take on a busy machine.
const long = 2 * time.Minute

// safeAge is the shortest that is allowed: tests wait for it often.
const safeAge = 12 * time.Second

func binary(tb testing.TB) string {
	tb.Helper()
	b := os.Getenv("PITOT_BIN")
	if b == "" {
		tb.Skip("PITOT_BIN is not set: run make cluster or make cluster-short")
	}
	abs, err := filepath.Abs(b)
	if err != nil {
		tb.Fatal(err)
	}
	return abs
}

// upstream is a program of somebody else's; empty where it is not built.
func upstream(name string) string {
	path := filepath.Join(os.Getenv("PITOT_UPSTREAM"), name)
	if os.Getenv("PITOT_UPSTREAM") == "" {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// freeAddr is an address that nobody listens on: processes that are restarted
// need theirs again.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// proc is a program that can be started again with the same data.
type proc struct {
	tb    testing.TB
	name  string
	addr  string // of its HTTP API
	path  string
	args  []string
	ready string // path that answers 200 when it is up
	*testkit.Process
}

func (p *proc) start() *proc {
	p.tb.Helper()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PITOT_") }), "NO_COLOR=1", "TZ=UTC")
	p.Process = testkit.Start(p.tb, cmd)
	return p
}

func (p *proc) url() string { return "http://" + p.addr }

func (p *proc) up() *proc {
	p.tb.Helper()
	testkit.EventuallyIn(p.tb, long, p.name+" is up", func() bool {
		if p.Err() != nil {
			p.tb.Fatalf("%s ended:\n%s", p.name, p.Output())
		}
		status, _, err := get(p.tb, p.url()+p.ready)
		return err == nil && status == http.StatusOK
	})
	return p
}

func (p *proc) restart() *proc { p.tb.Helper(); return p.start().up() }

// over says whether it has ended.
func (p *proc) over() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// end stops it in order.
func (p *proc) end() {
	p.tb.Helper()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		p.tb.Errorf("%s: %v", p.name, err)
	}
	select {
	case <-p.Done():
		if err := p.Err(); err != nil {
			p.tb.Errorf("%s ended with %v:\n%s", p.name, err, p.Output())
		}
	case <-time.After(long):
		p.tb.Errorf("%s did not end", p.name)
		p.Kill()
	}
}

var httpClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}

func get(tb testing.TB, u string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, u, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

func mustGet(tb testing.TB, u string) []byte {
	tb.Helper()
	status, b, err := get(tb, u)
	if err != nil || status != http.StatusOK {
		tb.Fatalf("GET %s: %d %s %v", u, status, b, err)
	}
	return b
}

func post(tb testing.TB, u, contentType string, body []byte, headers ...string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, u, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := httpClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// plan says what a cluster is made of.
type plan struct {
	captures, queries int
	store             string // prometheus, victoriametrics or pitot
	extra             string // more configuration
	cluster           string // more of storage.events.cluster
	netns             bool   // the third node in a network namespace
	slow              bool   // replicas reach the nodes through a network that can be slow
}

// stack is a running cluster.
type stack struct {
	tb        testing.TB
	dir       string
	plan      plan
	nodes     []*proc
	selects   []*proc
	metrics   *proc
	provider  *provider
	config    string
	captures  []*proc
	gateways  []string
	otlps     []string
	queries   []*proc
	cut, mend func()
	networks  []*slowNetwork
}

func newStack(tb testing.TB, pl plan) *stack {
	tb.Helper()
	s := &stack{tb: tb, dir: tb.TempDir(), plan: pl, provider: newProvider(tb)}
	token := filepath.Join(s.dir, "token")
	s.write("token", strings.Repeat("t", 24))
	for i := range 3 {
		s.nodes = append(s.nodes, s.node(i, token))
	}
	var addrs []string
	for _, n := range s.nodes {
		addrs = append(addrs, n.addr)
	}
	for i := range 2 {
		addr := freeAddr(tb)
		p := &proc{tb: tb, name: fmt.Sprintf("select%d", i), addr: addr, path: binary(tb), ready: "/health", args: []string{
			"engine", "--listen", addr, "--storage-node", strings.Join(addrs, ","), "--storage-node.token-file", token, "--auth.token-file", token,
		}}
		s.selects = append(s.selects, p.start())
	}
	s.metrics = s.metricStore(pl.store).start()
	for _, p := range slices.Concat(s.nodes, s.selects, []*proc{s.metrics}) {
		p.up()
	}
	s.config = s.write("pitot.yml", strings.ReplaceAll(s.configuration(), "GOSSIP", "{}"))
	for i := range pl.captures {
		s.addCapture(i)
	}
	for i := range pl.queries {
		s.addQuery(i)
	}
	for _, p := range slices.Concat(s.captures, s.queries) {
		p.up()
	}
	return s
}

func (s *stack) write(name, text string) string {
	s.tb.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.tb.Fatal(err)
	}
	return path
}

// node makes a storage node: the second is upstream's own where it is there, and
// the third may live in a network of its own.
func (s *stack) node(i int, token string) *proc {
	s.tb.Helper()
	name, data := fmt.Sprintf("node%d", i), filepath.Join(s.dir, fmt.Sprintf("node%d", i))
	if vl := upstream("victorialogs"); vl != "" && i == 1 {
		addr := freeAddr(s.tb)
		p := &proc{tb: s.tb, name: name + " (upstream)", addr: addr, path: vl, ready: "/health", args: []string{
			"-httpListenAddr=" + addr, "-storageDataPath=" + data, "-retentionPeriod=30d", "-memory.allowedBytes=200MB",
		}}
		return p.start()
	}
	args := []string{"engine", "--data", data, "--auth.token-file", token, "--memory", "512MiB", "--min-free-disk", "1MiB"}
	if s.plan.netns && i == 2 {
		addr, wrap := s.namespace()
		p := &proc{tb: s.tb, name: name + " (own network)", addr: addr, path: wrap[0], ready: "/health"}
		p.args = append(append(append([]string{}, wrap[1:]...), binary(s.tb)), append(args, "--listen", addr)...)
		return p.start()
	}
	addr := freeAddr(s.tb)
	return (&proc{tb: s.tb, name: name, addr: addr, path: binary(s.tb), ready: "/health", args: append(args, "--listen", addr)}).start()
}

// namespace makes a network that is joined to this one by a pair of interfaces.
func (s *stack) namespace() (addr string, wrap []string) {
	s.tb.Helper()
	id := strconv.Itoa(os.Getpid() % 10000)
	ns, host, inside := "pitot"+id, "ph"+id, "pn"+id
	run := func(args ...string) error { return exec.Command("ip", args...).Run() }
	steps := [][]string{
		{"netns", "add", ns},
		{"link", "add", host, "type", "veth", "peer", "name", inside},
		{"link", "set", inside, "netns", ns},
		{"addr", "add", "10.213.77.1/30", "dev", host},
		{"link", "set", host, "up"},
		{"-n", ns, "addr", "add", "10.213.77.2/30", "dev", inside},
		{"-n", ns, "link", "set", inside, "up"},
		{"-n", ns, "link", "set", "lo", "up"},
	}
	s.tb.Cleanup(func() {
		_ = run("netns", "del", ns)
		_ = run("link", "del", host)
	})
	for _, st := range steps {
		if err := run(st...); err != nil {
			s.tb.Skipf("network namespaces are not to be had: ip %s: %v", strings.Join(st, " "), err)
		}
	}
	s.cut = func() { _ = run("link", "set", host, "down") }
	s.mend = func() { _ = run("link", "set", host, "up") }
	ip, err := exec.LookPath("ip")
	if err != nil {
		s.tb.Skip(err)
	}
	return "10.213.77.2:9428", []string{ip, "netns", "exec", ns}
}

// metricStore makes the store of metrics.
func (s *stack) metricStore(kind string) *proc {
	s.tb.Helper()
	addr, data := freeAddr(s.tb), filepath.Join(s.dir, "metrics")
	switch path := upstream(kind); {
	case kind == "prometheus" && path != "":
		conf := s.write("prometheus.yml", "global: {}\nstorage: {tsdb: {out_of_order_time_window: 30m}}\n")
		return &proc{tb: s.tb, name: kind, addr: addr, path: path, ready: "/-/ready", args: []string{
			"--config.file=" + conf, "--storage.tsdb.path=" + data, "--web.listen-address=" + addr,
			"--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage", "--log.level=warn",
		}}
	case kind == "victoriametrics" && path != "":
		return &proc{tb: s.tb, name: kind, addr: addr, path: path, ready: "/health", args: []string{
			"-storageDataPath=" + data, "-httpListenAddr=" + addr, "-memory.allowedBytes=200MB", "-search.latencyOffset=0s", "-inmemoryDataFlushInterval=1s",
		}}
	case kind == "pitot":
		return &proc{tb: s.tb, name: "pitot as the metric store", addr: addr, path: binary(s.tb), ready: "/-/ready", args: []string{
			"serve", "--data", data, "--listen.api", addr, "--listen.gateway", "127.0.0.1:0", "--listen.otlp-grpc", "", "--listen.otlp-http", "", "--log.level", "warn",
		}}
	}
	s.tb.Skipf("%s is not built: run make cluster", kind)
	return nil
}

func (s *stack) configuration() string {
	quoted := func(ps []*proc) string {
		var out []string
		for _, p := range ps {
			out = append(out, strconv.Quote(p.url()))
		}
		return strings.Join(out, ", ")
	}
	inserts := quoted(s.nodes)
	if s.plan.slow {
		var out []string
		for _, n := range s.nodes {
			w := newSlowNetwork(s.tb, n.addr)
			s.networks = append(s.networks, w)
			out = append(out, strconv.Quote("http://"+w.addr))
		}
		inserts = strings.Join(out, ", ")
	}
	return fmt.Sprintf(`gateway: {upstreams: [{name: mock, dialect: openai, base_url: %q}]}
storage:
  events:
    cluster: {insert_urls: [%s], select_urls: [%s], bearer_token: %s, safe_age: %s%s}
  metrics:
    remote: {write_urls: ["%s/api/v1/write"], query_urls: [%q]}
%s
`, s.provider.URL, inserts, quoted(s.selects), strings.Repeat("t", 24), safeAge, s.plan.cluster, s.metrics.url(), s.metrics.url(), s.plan.extra)
}

func (s *stack) addCapture(i int) *proc {
	s.tb.Helper()
	api, gw, otlp := freeAddr(s.tb), freeAddr(s.tb), freeAddr(s.tb)
	name := fmt.Sprintf("capture%d", i)
	p := &proc{tb: s.tb, name: name, addr: api, path: binary(s.tb), ready: "/-/ready", args: []string{
		"serve", "--role", "capture", "--replica", name, "--config", s.config, "--data", filepath.Join(s.dir, name),
		"--listen.api", api, "--listen.gateway", gw, "--listen.otlp-http", otlp, "--listen.otlp-grpc", "",
		"--drain-delay", "1s", "--drain-timeout", "60s",
	}}
	s.captures, s.gateways, s.otlps = append(s.captures, p.start()), append(s.gateways, "http://"+gw), append(s.otlps, "http://"+otlp)
	return p
}

func (s *stack) addQuery(i int) *proc {
	s.tb.Helper()
	api := freeAddr(s.tb)
	name := fmt.Sprintf("query%d", i)
	config := s.config
	if s.plan.queries > 1 { // each needs an address for the gossip
		config = s.write(name+".yml", strings.ReplaceAll(s.configuration(), "GOSSIP", gossip(i)))
	}
	p := &proc{tb: s.tb, name: name, addr: api, path: binary(s.tb), ready: "/-/ready", args: []string{
		"serve", "--role", "query", "--replica", name, "--config", config, "--data", filepath.Join(s.dir, name), "--listen.api", api,
	}}
	s.queries = append(s.queries, p.start())
	return p
}

// api asks the first query replica.
func (s *stack) api(path string, q url.Values) []byte {
	s.tb.Helper()
	return mustGet(s.tb, s.queries[0].url()+path+"?"+q.Encode())
}

// rows runs LogsQL and returns the rows.
func (s *stack) rows(query string) []map[string]string {
	s.tb.Helper()
	var out []map[string]string
	status, b, err := get(s.tb, s.queries[0].url()+"/select/logsql/query?"+url.Values{"query": {query}, "start": {"24h"}}.Encode())
	if err != nil || status != http.StatusOK {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		m := map[string]string{}
		if json.Unmarshal([]byte(line), &m) != nil {
			return nil
		}
		out = append(out, m)
	}
	return out
}

// copies says how often each session of a run is stored: sessions are unique.
func (s *stack) copies(run string) map[string]int {
	s.tb.Helper()
	out := map[string]int{}
	for _, r := range s.rows(fmt.Sprintf(`{kind="call"} user:=%q | stats by (session) count() n`, run)) {
		n, _ := strconv.Atoi(r["n"])
		out[r["session"]] = n
	}
	return out
}

// onlyOnce waits until each of the sessions of a run is stored, and fails if one
// is there twice.
func (s *stack) onlyOnce(run string, want map[string]bool) {
	s.tb.Helper()
	var got map[string]int
	missing := func() (n int) {
		got = s.copies(run)
		for w := range want {
			if got[w] == 0 {
				n++
			}
		}
		return n
	}
	deadline := time.Now().Add(long)
	for missing() > 0 {
		if time.Now().After(deadline) {
			s.tb.Fatalf("%s: %d of %d records are missing", run, missing(), len(want))
		}
		pause(s.tb, 500*time.Millisecond)
	}
	for session, n := range got {
		if n != 1 {
			s.tb.Errorf("%s: %s is stored %d times", run, session, n)
		}
	}
}

// settled waits until the replicas' journals are empty: all was looked up.
func (s *stack) settled() {
	s.tb.Helper()
	testkit.EventuallyIn(s.tb, long, "everything is delivered and looked up", func() bool {
		for _, p := range s.captures {
			if p.over() {
				continue
			}
			if l, ok := ledger(s.tb, p); !ok || l.flight > 0 {
				return false
			}
		}
		return true
	})
}

type totals struct{ received, stored, dropped, flight int }

func ledger(tb testing.TB, p *proc) (t totals, ok bool) {
	status, b, err := get(tb, p.url()+"/api/pitot/v1/ledger")
	if err != nil || status != http.StatusOK {
		return t, false
	}
	var l struct {
		Sources []struct {
			Received, Stored int
			Dropped          map[string]int
			InFlight         int `json:"in_flight"`
		}
	}
	if json.Unmarshal(b, &l) != nil {
		return t, false
	}
	for _, e := range l.Sources {
		t.received, t.stored, t.flight = t.received+e.Received, t.stored+e.Stored, t.flight+e.InFlight
		for _, n := range e.Dropped {
			t.dropped += n
		}
	}
	return t, true
}

// pause waits; it ends early with the test.
func pause(tb testing.TB, d time.Duration) {
	select {
	case <-time.After(d):
	case <-tb.Context().Done():
	}
}

// provider stands for a model provider.
type provider struct {
	*httptest.Server
	calls atomic.Int64
}

// httpContext has no end: calls have a time limit of their own.
var httpContext = context.Background()

var durationOf = regexp.MustCompile(`"seed":(\d+)`)

func newProvider(tb testing.TB) *provider {
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := fmt.Sprintf("chatcmpl-%d", p.calls.Add(1))
		if !bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id":%q,"object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"well"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100}}`, id)
			return
		}
		// The seed says how long the stream takes, in milliseconds.
		ms := 0
		if m := durationOf.FindSubmatch(body); m != nil {
			ms, _ = strconv.Atoi(string(m[1]))
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for range 10 {
			fmt.Fprintf(w, `data: {"id":%q,"object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{"content":"word "}}]}`+"\n\n", id)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(time.Duration(ms/10) * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprintf(w, `data: {"id":%q,"object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n", id)
	}))
	tb.Cleanup(p.Close)
	return p
}

// call makes one call through a gateway, and says whether it came back whole.
func call(ctx context.Context, gateway, run, session string, streamMS int) error {
	body := `{"model":"gpt-4o","messages":[{"role":"user","content":"how are things"}]}`
	if streamMS > 0 {
		body = fmt.Sprintf(`{"model":"gpt-4o","stream":true,"seed":%d,"messages":[{"role":"user","content":"tell me"}]}`, streamMS)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, gateway+"/mock/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Pitot-User", run)
	req.Header.Set("X-Pitot-Session", session)
	req.Header.Set("X-Pitot-Service", "cluster-test")
	resp, err := httpClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d: %s", resp.StatusCode, b)
	case streamMS > 0 && !bytes.Contains(b, []byte("[DONE]")):
		return fmt.Errorf("the stream was cut after %d bytes", len(b))
	}
	return nil
}

func writeFile(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func contains(s, part string) bool { return strings.Contains(s, part) }

// number is the value of the only sample of an answer; 0 where there is none.
func number(b []byte) float64 {
	var v struct {
		Data struct{ Result []struct{ Value []any } }
	}
	if json.Unmarshal(b, &v) != nil || len(v.Data.Result) != 1 || len(v.Data.Result[0].Value) != 2 {
		return 0
	}
	text, _ := v.Data.Result[0].Value[1].(string)
	f, _ := strconv.ParseFloat(text, 64)
	return f
}
