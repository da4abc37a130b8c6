package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

type benchCmd struct {
	Duration time.Duration `help:"Length of one measurement." default:"3s"`
	Rounds   int           `help:"Rounds; each measures every side once, and medians count." default:"3"`
	Conns    int           `help:"Connections at once." default:"8"`
	Streams  int           `help:"Slow streams at once whose memory is measured; 0 for none." default:"1000"`
	OTLP     time.Duration `name:"otlp" help:"Length of each measurement of telemetry; 0 for none." default:"10s"`
	JSON     bool          `name:"json" help:"Print the result as JSON."`
}

// benchPartCmd is a process that a benchmark starts.
type benchPartCmd struct {
	Role   string        `arg:"" enum:"upstream,proxy,spans"`
	Target string        `arg:"" optional:""`
	For    time.Duration `help:"How long spans are sent."`
	Conns  int           `help:"Connections at once."`
}

// Run serves the part on a loopback port, prints the address, and ends with its
// standard input.
func (c *benchPartCmd) Run(ctx context.Context, s *streams) error {
	if c.Role == "spans" {
		return c.sendSpans(ctx, s)
	}
	var h http.Handler = provider.New(provider.Config{TruthSize: 1})
	if c.Role == "proxy" {
		target, err := url.Parse(c.Target)
		if err != nil {
			return err
		}
		h = &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/openai")
			},
			FlushInterval: -1,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
			ErrorLog:      log.New(io.Discard, "", 0), // broken answers are counted by the client
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, l.Addr())
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second}
	if c.Role == "upstream" {
		srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/openai") // measured directly, too
			h.ServeHTTP(w, r)
		})
	}
	go func() {
		_, _ = io.Copy(io.Discard, s.in)
		_ = srv.Close()
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// benchShape is a kind of request.
type benchShape struct {
	name  string
	conns int
	body  string
	head  []string
}

// benchResult is the median of one side at one shape.
type benchResult struct {
	Shape   string  `json:"shape"`
	Side    string  `json:"side"`
	PerSec  float64 `json:"per_second"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Against float64 `json:"against_reverse_proxy"` // ratio of PerSec
	Errors  int     `json:"errors"`                // answers that broke off
}

const (
	benchUnary  = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"How fast does it flow?"}]}`
	benchStream = `{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"How fast does it flow?"}]}`
)

// benchFast are the headers of an answer without errors and without pauses.
var benchFast = []string{"X-Fake-Status: 200", "X-Fake-Delay: 0s", "X-Fake-Chunk-Interval: 0s"}

// Run measures: no proxy, a bare httputil.ReverseProxy, and the gateway with
// everything on, each in a process of its own, in turn.
func (c *benchCmd) Run(ctx context.Context, s *streams) error {
	b, err := startBench(ctx, s)
	if err != nil {
		return err
	}
	defer b.stop()
	shapes := []benchShape{
		{"unary 0.3 KB", c.Conns, benchUnary, append([]string{"X-Fake-Bytes: 40"}, benchFast...)},
		{"unary 0.3 KB, 1 connection", 1, benchUnary, append([]string{"X-Fake-Bytes: 40"}, benchFast...)},
		{"stream of 50 chunks", c.Conns, benchStream, append([]string{"X-Fake-Chunks: 50", "X-Fake-Tool: none"}, benchFast...)},
	}
	samples := map[[2]string][]benchResult{}
	// First, while nothing else has grown the heaps.
	memory := ""
	if c.Streams > 0 {
		if memory, err = b.slowStreams(ctx, c.Streams); err != nil {
			return err
		}
		b.sent = c.Streams
	}
	for round := range c.Rounds {
		for i := range shapes {
			for _, side := range b.sides {
				r, n, err := measure(ctx, side.addr, &shapes[i], c.Duration)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", shapes[i].name, side.name, err)
				}
				if side.name == "pitot" {
					b.sent += n
				}
				k := [2]string{shapes[i].name, side.name}
				samples[k] = append(samples[k], r)
				if !c.JSON {
					fmt.Fprintf(s.err, "round %d: %-28s %-13s %8.0f/s  p50 %.3f ms\n", round+1, shapes[i].name, side.name, r.PerSec, r.P50)
				}
			}
		}
	}
	var out []benchResult
	for i := range shapes {
		var bare float64
		for _, side := range b.sides {
			r := medianOf(samples[[2]string{shapes[i].name, side.name}])
			r.Shape, r.Side = shapes[i].name, side.name
			if side.name == "reverse proxy" {
				bare = r.PerSec
			}
			if bare > 0 {
				r.Against = r.PerSec / bare
			}
			out = append(out, r)
		}
	}
	accuracy, err := b.accuracy(ctx)
	if err != nil {
		return err
	}
	b.sent += ttftStreams
	var telemetry []string
	if c.OTLP > 0 {
		if telemetry, err = b.otlpLoad(ctx, c.OTLP); err != nil {
			return fmt.Errorf("telemetry: %w", err)
		}
	}
	account, err := b.accountOf(ctx, "gateway", b.sent)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]any{"results": out, "slow_streams": memory, "accuracy": accuracy, "telemetry": telemetry, "ledger": account})
	}
	widths := []int{28, 14, -10, -10, -10, -6, -15}
	row(s.out, widths, "SHAPE", "SIDE", "PER SECOND", "P50 MS", "P99 MS", "ERRORS", "× REVERSE PROXY")
	for _, r := range out {
		ratio := ""
		if r.Against > 0 {
			ratio = fmt.Sprintf("%.2f", r.Against)
		}
		row(s.out, widths, r.Shape, r.Side, fmt.Sprintf("%.0f", r.PerSec), fmt.Sprintf("%.3f", r.P50), fmt.Sprintf("%.3f", r.P99), strconv.Itoa(r.Errors), ratio)
	}
	_, err = fmt.Fprintln(s.out, strings.Join(slices.Concat([]string{memory, accuracy}, telemetry, []string{account}), "\n"))
	return err
}

func medianOf(rs []benchResult) benchResult {
	med := func(f func(benchResult) float64) float64 {
		v := make([]float64, len(rs))
		for i, r := range rs {
			v[i] = f(r)
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	return benchResult{
		PerSec: med(func(r benchResult) float64 { return r.PerSec }), P50: med(func(r benchResult) float64 { return r.P50 }),
		P99: med(func(r benchResult) float64 { return r.P99 }), Errors: int(med(func(r benchResult) float64 { return float64(r.Errors) })),
	}
}

type benchSide struct{ name, addr string }

type bench struct {
	sides  []benchSide
	api    string
	otlp   string
	server int // process id
	sent   int // calls through the gateway
	dir    string
	procs  []*exec.Cmd
	pipes  []io.Closer
}

func startBench(ctx context.Context, s *streams) (b *bench, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b = &bench{}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	if b.dir, err = os.MkdirTemp("", "pitot-bench-"); err != nil {
		return nil, err
	}
	up, err := b.part(ctx, exe, s.err, "upstream")
	if err != nil {
		return nil, err
	}
	proxy, err := b.part(ctx, exe, s.err, "proxy", "http://"+up)
	if err != nil {
		return nil, err
	}
	cfg := filepath.Join(b.dir, "pitot.yml")
	text := "gateway: {upstreams: [{name: openai, dialect: openai, provider: openai, base_url: 'http://" + up + "'}]}\n"
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		return nil, err
	}
	gw, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	if b.api, err = freeAddr(ctx); err != nil {
		return nil, err
	}
	if b.otlp, err = freeAddr(ctx); err != nil {
		return nil, err
	}
	//nolint:gosec // this program itself
	cmd := exec.CommandContext(ctx, exe, "serve", "--config", cfg, "--data", filepath.Join(b.dir, "data"), "--listen.api", b.api, "--listen.gateway", gw, "--listen.otlp-grpc=", "--listen.otlp-http", b.otlp, "--log.level", "warn")
	cmd.Stderr = s.err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.procs, b.server = append(b.procs, cmd), cmd.Process.Pid
	b.sides = []benchSide{{"direct", up}, {"reverse proxy", proxy}, {"pitot", gw}}
	err = b.ready(ctx)
	return b, err
}

// part starts a process of this binary and reads the address that it prints.
func (b *bench) part(ctx context.Context, exe string, stderr io.Writer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, exe, append([]string{"bench-part"}, args...)...) //nolint:gosec // this program itself
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	b.procs, b.pipes = append(b.procs, cmd), append(b.pipes, in)
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line), err
}

func freeAddr(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// ready waits until the server says so.
func (b *bench) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	r := remote{Server: "http://" + b.api}
	for {
		resp, err := r.get(ctx, "/-/ready", nil)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the server did not become ready: %w", err)
		}
	}
}

// ledgerSource is the account of one source.
type ledgerSource struct {
	Source                      string
	Received, Stored, Journaled uint64
	InFlight                    uint64 `json:"in_flight"`
	Dropped                     map[string]uint64
}

// accountOf waits until everything that a source sent is accounted for, and
// says so.
func (b *bench) accountOf(ctx context.Context, source string, sent int) (string, error) {
	r := remote{Server: "http://" + b.api}
	from := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var l struct {
			Sources []ledgerSource `json:"sources"`
		}
		if err := r.getJSON(ctx, "/api/pitot/v1/ledger", nil, &l); err != nil {
			return "", err
		}
		for _, e := range l.Sources {
			if e.Source == source && (e.InFlight == 0 || time.Since(from) > 5*time.Minute) {
				what := fmt.Sprintf("%s: received %d, stored %d, in flight %d, dropped %v; all stored %.1f s after the last",
					source, e.Received, e.Stored, e.InFlight, e.Dropped, time.Since(from).Seconds())
				if sent > 0 {
					what = fmt.Sprintf("sent %d calls through the ", sent) + what
				}
				return what, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// slowStreams holds n streams of about 8 s open at once and reads the memory of
// the server's processes while they run.
func (b *bench) slowStreams(ctx context.Context, n int) (string, error) {
	idle := memoryOf(b.server)
	shape := benchShape{body: benchStream, conns: n, head: []string{"X-Fake-Status: 200", "X-Fake-Delay: 2s", "X-Fake-Chunks: 60", "X-Fake-Chunk-Interval: 100ms", "X-Fake-Tool: none"}}
	peak := make(chan int64, 1)
	watch, stop := context.WithCancel(ctx)
	go func() {
		var most int64
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most = max(most, memoryOf(b.server))
			case <-watch.Done():
				peak <- most
				return
			}
		}
	}()
	// One stream a connection: the deadline passes while the first one runs.
	r, done, err := measure(ctx, b.sides[len(b.sides)-1].addr, &shape, 100*time.Millisecond)
	stop()
	most := <-peak
	if err != nil {
		return "", err
	}
	if most == 0 {
		return fmt.Sprintf("%d slow streams: %d ended well; memory cannot be read on this system", n, done), nil
	}
	return fmt.Sprintf("%d slow streams at once: %d ended well, %d broke off; server and engine use %.0f MB at most (%.0f MB before), shared pages counted once",
		n, done, r.Errors, float64(most)/1e6, float64(idle)/1e6), nil
}

// memoryOf is the proportional set size of a process and its children, in
// bytes; 0 where the system does not tell.
func memoryOf(pid int) int64 {
	var sum int64
	for _, p := range append([]int{pid}, childrenOf(pid)...) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if kb, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")), 10, 64)
				sum += n << 10
			}
		}
	}
	return sum
}

func childrenOf(pid int) []int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var out []int
	for _, t := range tasks {
		b, _ := os.ReadFile(t)
		for f := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

func (b *bench) stop() {
	for _, p := range b.pipes {
		_ = p.Close()
	}
	for _, c := range slices.Backward(b.procs) {
		_ = c.Process.Signal(os.Interrupt)
		done := time.AfterFunc(20*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		done.Stop()
	}
	_ = os.RemoveAll(b.dir)
}

// maxBroken is how many connections a client gives up before it stops.
const maxBroken = 1000

// measure loads one side for d and returns its rate and quantiles.
func measure(ctx context.Context, addr string, shape *benchShape, d time.Duration) (benchResult, int, error) {
	var head strings.Builder
	fmt.Fprintf(&head, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", addr, len(shape.body))
	for _, h := range shape.head {
		head.WriteString(h + "\r\n")
	}
	request := []byte(head.String() + "\r\n" + shape.body)
	var (
		mu   sync.Mutex
		all  []time.Duration
		errs int
		wg   sync.WaitGroup
	)
	from := time.Now()
	end := from.Add(d)
	for range shape.conns {
		wg.Go(func() {
			var mine []time.Duration
			broken := 0
			for time.Now().Before(end) && broken < maxBroken {
				took, err := hammer(ctx, addr, request, end)
				mine = append(mine, took...)
				if err != nil {
					broken++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			errs += broken
		})
	}
	wg.Wait()
	elapsed := time.Since(from)
	if len(all) == 0 {
		return benchResult{}, 0, errors.New("no request succeeded")
	}
	slices.Sort(all)
	ms := func(q float64) float64 { return float64(all[int(float64(len(all)-1)*q)].Nanoseconds()) / 1e6 }
	return benchResult{PerSec: float64(len(all)) / elapsed.Seconds(), P50: ms(.5), P99: ms(.99), Errors: errs}, len(all), nil
}

// hammer sends one request after the other on one connection. It reads answers
// with as little work as can be, so that the client is not what is measured.
func hammer(ctx context.Context, addr string, request []byte, end time.Time) ([]time.Duration, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	br := bufio.NewReaderSize(conn, 64<<10)
	var took []time.Duration
	for time.Now().Before(end) && ctx.Err() == nil {
		from := time.Now()
		if _, err := conn.Write(request); err != nil {
			return took, err
		}
		if err := readAnswer(br); err != nil {
			return took, err
		}
		took = append(took, time.Since(from))
	}
	return took, nil
}

var (
	contentLength = []byte("content-length:")
	chunkedCoding = []byte("transfer-encoding: chunked")
)

func readAnswer(br *bufio.Reader) error {
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch lower := bytes.ToLower(line); {
		case first && !bytes.Contains(line, []byte(" 200")):
			return fmt.Errorf("the answer was %q", line)
		case bytes.HasPrefix(lower, contentLength):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(lower[len(contentLength):]))); err != nil {
				return err
			}
		case bytes.Equal(lower, chunkedCoding):
			chunked = true
		}
		if len(line) == 0 {
			break
		}
	}
	if !chunked {
		_, err := br.Discard(length)
		return err
	}
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return err
		}
		if _, err := br.Discard(int(n) + 2); err != nil || n == 0 {
			return err
		}
	}
}
