//go:build linux

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// times is how much of something a test does: what the environment says, or
// what is enough for each day.
func times(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, want a number", name, text)
	}
	return n
}

// span of time, likewise.
func duration(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s is %q, want a duration such as 10m", name, text)
	}
	return d
}

// memory is what a server and its engine use, pages that both share counted once.
func memory(tb testing.TB, s *server) uint64 {
	tb.Helper()
	return pss(s.PID()) + pss(enginePID(tb, s))
}

// pss is the proportional set size of a process; 0 where it cannot be read.
func pss(pid int) uint64 { return weigh(pid).total }

// TestOverload has telemetry senders send without a pause, far more than the
// machine can take. Those who are told to come again may do so; what was
// acknowledged must be there once, and the gateway must not fail a call.
func TestOverload(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long")
	}
	length := duration(t, "PITOT_OVERLOAD", 3*time.Second)
	up := simulate(t, provider.Config{Pace: provider.NoPace})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	calls := startLoad(t, s.gateway, "over")

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	const senders, batch = 64, 512
	var acked, refused atomic.Uint64
	var wg sync.WaitGroup
	var worst atomic.Uint64 // bytes of memory
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			worst.Store(max(worst.Load(), pss(s.PID())))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	for w := range senders {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				td := ptrace.NewTraces()
				ss := scope(td, "over")
				base := uint64(w)*1_000_000 + uint64(i)*batch // ids have eight digits
				for n := range uint64(batch) {
					span(ss, base+n+1, base+n+1, 0, "chat", chat())
				}
				switch status, _, err := s.tryExport(td); {
				case err != nil:
					t.Errorf("export: %v", err)
					return
				case status == http.StatusOK:
					acked.Add(batch)
				case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
					refused.Add(batch)
				default:
					t.Errorf("export: status %d", status)
					return
				}
			}
		})
	}
	wg.Wait()
	finished, failed := calls.end()
	if len(failed) > 0 || len(finished) == 0 {
		t.Errorf("%d calls went well and %d failed: %v", len(finished), len(failed), failed)
	}
	testkit.EventuallyIn(t, length+2*testkit.Patience, "the journal is stored", func() bool {
		return s.ledger("otlp").InFlight == 0 && s.ledger("gateway").InFlight == 0
	})
	a := s.ledger("otlp")
	for _, source := range []string{"otlp", "sdk"} {
		if l := s.ledger(source); l.dropped() != l.Dropped["refused"] {
			t.Errorf("acknowledged spans were dropped: %+v", l)
		}
	}
	var rows, distinct uint64
	testkit.Eventually(t, "every acknowledged span is there", func() bool {
		rows, distinct = s.count(`kind:=call service:="over"`)
		return rows >= acked.Load()
	})
	if rows != distinct || rows != acked.Load() {
		t.Errorf("%d rows of %d spans, %d were acknowledged: %+v", rows, distinct, acked.Load(), a)
	}
	// A call that was under way at the end may be there without its client.
	got := s.logsQL(`kind:call service:=crash status:ok | stats count() n, count_uniq(session) d`)
	n, _ := strconv.Atoi(got[0]["n"])
	g := s.ledger("gateway")
	if all := n + int(g.dropped()); got[0]["n"] != got[0]["d"] || all < len(finished) || all > len(finished)+loadWorkers {
		t.Errorf("%v calls of the gateway are there, %d were answered: %+v", got, len(finished), g)
	}
	if g.dropped() > 0 {
		t.Logf("records of the gateway that were dropped and counted: %v", g.Dropped)
	}
	t.Logf("%v: %d spans acknowledged (%.0f/s), %d told to come again; %d calls through the gateway, none failed; the server used %d MB at most",
		length, acked.Load(), float64(acked.Load())/length.Seconds(), refused.Load(), len(finished), worst.Load()>>20)
	s.stop()
}

// TestManyStreams holds many streams open at once: all must have begun before
// one may end.
func TestManyStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	n := times(t, "PITOT_STREAMS", 500)
	// Two connections a stream in the server, two here.
	files := syscall.Rlimit{Cur: uint64(2*n + 2000), Max: uint64(2*n + 2000)}
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		t.Fatal(err)
	}
	if files.Cur > now.Cur {
		files.Max = max(files.Max, now.Max)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
			t.Skipf("%d streams take %d open files: ulimit -n: %v", n, files.Cur, err)
		}
	}
	release := make(chan struct{})
	var open atomic.Int64
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		head, tail, _ := strings.Cut(fixedStream, "\n\n")
		_, _ = io.WriteString(w, head+"\n\n")
		_ = http.NewResponseController(w).Flush()
		open.Add(1)
		defer open.Add(-1)
		select {
		case <-release:
			_, _ = io.WriteString(w, tail)
		case <-r.Context().Done():
		}
	}))
	defer up.Close()
	s := serve(t, setup{config: upstreamConfig(up.URL)}).ready()
	before := memory(t, s)

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	turns := make(chan struct{}, 64) // connections that are being made
	var whole atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			begun := sync.OnceFunc(func() { <-turns })
			defer begun()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.gateway+"/openai/v1/chat/completions",
				strings.NewReader(`{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},`+chatMessages+`}`))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("X-Pitot-Service", "many")
			req.Header.Set("X-Pitot-Session", strconv.Itoa(i))
			resp, err := client.Do(req)
			if err != nil {
				t.Errorf("stream %d: %v", i, err)
				return
			}
			defer resp.Body.Close()
			r := bufio.NewReader(resp.Body)
			first, err := r.ReadString('\n')
			begun()
			rest, err2 := io.ReadAll(r)
			if err != nil || err2 != nil || first+string(rest) != fixedStream {
				t.Errorf("stream %d: status %d, %d bytes: %v, %v", i, resp.StatusCode, len(first)+len(rest), err, err2)
				return
			}
			whole.Add(1)
		})
	}
	testkit.EventuallyIn(t, 4*testkit.Patience, fmt.Sprintf("%d streams are open", n), func() bool { return open.Load() == int64(n) || t.Failed() })
	held := memory(t, s)
	if v, _ := s.metric(regexp.MustCompile(`^llm_active_requests\{`)); v != float64(n) {
		t.Errorf("llm_active_requests says %v with %d streams open", v, n)
	}
	close(release)
	wg.Wait()
	if whole.Load() != int64(n) {
		t.Errorf("%d of %d streams were whole", whole.Load(), n)
	}
	testkit.EventuallyIn(t, 2*testkit.Patience, "all are stored", func() bool { a := s.ledger("gateway"); return a.Stored == uint64(n) && a.InFlight == 0 })
	rows := s.logsQL(`kind:call service:=many status:ok | stats count_uniq(session) n`)
	if len(rows) != 1 || rows[0]["n"] != strconv.Itoa(n) {
		t.Errorf("%v sessions are there of %d", rows, n)
	}
	t.Logf("%d streams at once: %d MB, %d MB before: %d KB a stream", n, held>>20, before>>20, (held-min(held, before))>>10/uint64(n))
	s.stop()
}

// TestPoisonedEngine damages the event engine's files while the server is down,
// each in another way. Calls must flow, the status must say what to do, and after
// that nothing that was journaled meanwhile may be missing.
func TestPoisonedEngine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long")
	}
	for name, poison := range map[string]func(t *testing.T, partition string){
		"a part's header is garbage": func(t *testing.T, partition string) {
			spoil(t, filepath.Join(partition, "datadb", "*", "metadata.json"), func([]byte) []byte { return []byte("not json") })
		},
		"the list of parts is cut": func(t *testing.T, partition string) {
			spoil(t, filepath.Join(partition, "datadb", "parts.json"), func(b []byte) []byte { return b[:len(b)/2] })
		},
		"an index is gone": func(t *testing.T, partition string) {
			for _, f := range glob(t, filepath.Join(partition, "indexdb", "*", "metaindex.bin")) {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := simulate(t, provider.Config{Pace: provider.NoPace})
			data := filepath.Join(t.TempDir(), "data")
			o := setup{config: upstreamConfig(up.url), data: data}
			s := serve(t, o).ready()
			call := func(session string) {
				if status, body := s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`,
					"X-Pitot-Session", session, "X-Fake-Status", "200", "X-Fake-Tool", "none"); status != http.StatusOK {
					t.Fatalf("status %d: %s", status, body)
				}
			}
			call("before")
			s.waitCalls(1, url.Values{"session": {"before"}})
			s.stop()
			partitions := glob(t, filepath.Join(data, "events", "partitions", "*"))
			if len(partitions) == 0 {
				partitions = glob(t, filepath.Join(data, "events", "*", "partitions", "*"))
			}
			if len(partitions) != 1 {
				t.Fatalf("partitions: %v", partitions)
			}
			poison(t, partitions[0])

			s = serve(t, o)
			for i := range 20 {
				call(fmt.Sprintf("meanwhile-%d", i))
			}
			testkit.Eventually(t, "the status says what to do, and where", func() bool {
				return slices.ContainsFunc(s.status().Components, func(c component) bool {
					return c.Name == "event engine" && strings.Contains(c.Hint, filepath.Dir(partitions[0]))
				})
			})
			if status, _ := s.get("/-/healthy", nil); status != http.StatusOK {
				t.Errorf("/-/healthy answers %d", status)
			}
			// What the hint says.
			s.stop()
			if err := os.Rename(partitions[0], filepath.Join(t.TempDir(), "aside")); err != nil {
				t.Fatal(err)
			}
			s = serve(t, o).ready()
			call("after")
			for i := range 20 {
				s.waitCalls(1, url.Values{"session": {fmt.Sprintf("meanwhile-%d", i)}})
			}
			s.waitCalls(1, url.Values{"session": {"after"}})
			if a := s.ledger("gateway"); a.dropped() > a.Dropped["duplicate"] {
				t.Errorf("records were dropped: %+v", a)
			}
			s.stop()
		})
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// spoil changes all files of a pattern, of which there must be one at least.
func spoil(t *testing.T, pattern string, change func([]byte) []byte) {
	t.Helper()
	files := glob(t, pattern)
	if len(files) == 0 {
		t.Fatalf("no file is %s", pattern)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, change(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
