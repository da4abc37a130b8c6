//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// certainAfter is how long after its answer a call is surely in the journal:
// the journal syncs every 50 ms, and the machine may be busy. A record of the
// gateway has no acknowledgement that a client could wait for, so this is what
// "accepted" means for it from outside.
const certainAfter = time.Second

// finished is a call that its client has the whole answer of.
type finished struct {
	session string
	at      time.Time
}

// load sends calls through a gateway until it is stopped.
type load struct {
	gateway  string
	done     atomic.Int64
	mu       sync.Mutex
	finished []finished
	failed   []error
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

const loadWorkers = 6

// startLoad begins to send calls, half of them streams; prefix makes their
// sessions unique.
func startLoad(tb testing.TB, gateway, prefix string) *load {
	ctx, cancel := context.WithCancel(tb.Context())
	l := &load{gateway: gateway, stop: cancel}
	tb.Cleanup(func() { l.end() })
	for w := range loadWorkers {
		l.wg.Go(func() {
			// Connections of its own: a killed server must not fail other rounds.
			tr := &http.Transport{MaxIdleConnsPerHost: 1}
			defer tr.CloseIdleConnections()
			for i := 0; ctx.Err() == nil; i++ {
				session := fmt.Sprintf("%s-%d-%d", prefix, w, i)
				err := l.send(ctx, tr, session, i%2 == 1)
				l.mu.Lock()
				switch {
				case err == nil:
					l.finished = append(l.finished, finished{session, time.Now()})
				case ctx.Err() == nil:
					l.failed = append(l.failed, fmt.Errorf("%s: %w", session, err))
				}
				l.mu.Unlock()
				if err == nil {
					l.done.Add(1)
				} else if len(l.failures()) > 100 {
					return // the server is gone
				}
			}
		})
	}
	return l
}

func (l *load) send(ctx context.Context, tr *http.Transport, session string, stream bool) error {
	body := `{"model":"gpt-4o-mini","stream":` + strconv.FormatBool(stream) + `,` + chatMessages + `}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.gateway+"/openai/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	for k, v := range map[string]string{
		"X-Pitot-Session": session, "X-Pitot-Service": "crash", "X-Fake-Status": "200", "X-Fake-Tool": "none",
		"X-Fake-Delay": "8ms", "X-Fake-Chunk-Interval": "1ms", "X-Fake-Tokens": "10",
	} {
		req.Header.Set(k, v)
	}
	resp, err := tr.RoundTrip(req)
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
	case stream && !bytes.HasSuffix(bytes.TrimSpace(b), []byte("[DONE]")):
		return fmt.Errorf("the stream is not whole: %q", b)
	}
	return nil
}

func (l *load) failures() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// end stops the load and returns what was finished and what failed.
func (l *load) end() ([]finished, []error) {
	l.stop()
	l.wg.Wait()
	return l.finished, l.failed
}

// children lists the processes that a process started, with their arguments.
func children(tb testing.TB, parent int) map[int]string {
	tb.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		tb.Fatal(err)
	}
	out := map[int]string{}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		ppid, state := parentOf(pid)
		if ppid != parent || state == "Z" {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		out[pid] = strings.ReplaceAll(strings.TrimRight(string(args), "\x00"), "\x00", " ")
	}
	return out
}

// parentOf returns the parent and the state of a process; 0 where it is gone.
func parentOf(pid int) (parent int, state string) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	// The name in parentheses may hold anything: the last ) ends it.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 2 {
		return 0, ""
	}
	parent, _ = strconv.Atoi(f[1])
	return parent, f[0]
}

// enginePID is the process of the server's event engine, 0 while none runs.
func enginePID(tb testing.TB, s *server) int {
	tb.Helper()
	for pid, args := range children(tb, s.PID()) {
		if strings.HasSuffix(args, " engine") {
			return pid
		}
	}
	return 0
}

// killEngine kills the engine child alone.
func killEngine(tb testing.TB, s *server) {
	tb.Helper()
	var pid int
	testkit.Eventually(tb, "the engine runs", func() bool { pid = enginePID(tb, s); return pid != 0 })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		tb.Fatalf("kill the engine: %v", err)
	}
	testkit.Eventually(tb, "the engine is dead", func() bool {
		_, state := parentOf(pid)
		return state == "" || state == "Z"
	})
}

// killServer kills the server alone: the engine must notice by itself.
func killServer(tb testing.TB, s *server) {
	tb.Helper()
	engine := enginePID(tb, s)
	if err := s.Signal(syscall.SIGKILL); err != nil {
		tb.Fatalf("kill the server: %v", err)
	}
	<-s.Done()
	if engine != 0 {
		testkit.Eventually(tb, "the engine of the killed server ends", func() bool {
			_, state := parentOf(engine)
			return state == "" || state == "Z"
		})
	}
}

// kills is how often the crash test kills: every kind equally often.
func kills(t *testing.T) int {
	if testing.Short() {
		return 3
	}
	return times(t, "PITOT_KILLS", 6)
}

// killsOnce is how many kills one data directory sees: what one query answers
// about is bounded.
const killsOnce = 50

// TestKill kills the server and its engine at random moments under load. What
// was certainly accepted must be there once afterwards, and nothing twice; with
// the engine dead the gateway must not fail a single call.
func TestKill(t *testing.T) {
	t.Parallel()
	n := kills(t)
	for from := 0; from < n; from += killsOnce {
		t.Run(fmt.Sprintf("from %d", from+1), func(t *testing.T) { killSome(t, min(killsOnce, n-from)) })
	}
}

func killSome(t *testing.T, rounds int) {
	up := simulate(t, provider.Config{TruthSize: 1 << 17})
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	data := filepath.Join(t.TempDir(), "data")
	config := upstreamConfig(up.url)

	certain := map[string]bool{}
	note := func(l []finished, until time.Time) {
		for _, f := range l {
			if f.at.Before(until) {
				certain[f.session] = true
			}
		}
	}
	s := serve(t, setup{config: config, data: data})
	for round := range rounds {
		from := time.Now()
		l := startLoad(t, s.gateway, fmt.Sprintf("r%d", round))
		// The moment: after a random number of calls, and late enough that some of
		// them are certain.
		target := int64(20 + rng.IntN(300))
		busy := func(what string, n int64, d time.Duration) {
			testkit.Eventually(t, what, func() bool { return l.done.Load() >= n && time.Since(from) > d })
		}
		busy("the load runs", target, certainAfter*3/2)
		kind := [...]string{"server", "engine", "both"}[round%3]
		if kind != "server" {
			before := l.done.Load()
			killEngine(t, s)
			busy("calls flow on", before+int64(rng.IntN(150)), 0)
		}
		if kind == "engine" {
			fin, failed := l.end()
			if len(failed) > 0 {
				t.Errorf("round %d: with the engine killed, %d calls failed: %v", round, len(failed), failed[0])
			}
			// Nothing is lost with the engine, and the next kill of the server is
			// more than certainAfter away.
			note(fin, time.Now())
			testkit.Eventually(t, "all calls are journaled", func() bool {
				a := s.ledger("gateway")
				return a.InFlight == a.Journaled
			})
			continue
		}
		killed := time.Now()
		killServer(t, s)
		fin, _ := l.end()
		note(fin, killed.Add(-certainAfter))
		s = serve(t, setup{file: s.file, data: data})
	}
	s.ready()
	testkit.EventuallyIn(t, 2*testkit.Patience, "the journal is stored", func() bool {
		a := s.ledger("gateway")
		return a.InFlight == 0
	})
	if a := s.ledger("gateway"); a.dropped() > a.Dropped["duplicate"] {
		t.Errorf("records were dropped: %+v", a)
	}
	checkOnce(t, s, certain, up)
	s.stop()
}

// checkOnce counts the calls in the store by session, in LogsQL and in the calls
// API.
func checkOnce(t *testing.T, s *server, certain map[string]bool, up *upstream) {
	t.Helper()
	answered := map[string]bool{}
	for _, tr := range up.Truth() {
		answered[tr.ID] = true
	}
	var bySession map[string]int
	count := func() (missing int) {
		bySession = map[string]int{}
		for _, r := range s.logsQL(`kind:call service:=crash | stats by (session) count() n`) {
			bySession[r["session"]], _ = strconv.Atoi(r["n"])
		}
		for session := range certain {
			if bySession[session] == 0 {
				missing++
			}
		}
		return missing
	}
	// What was stored last shows within seconds.
	testkit.Eventually(t, fmt.Sprintf("%d certain calls are there", len(certain)), func() bool { return count() == 0 })
	for session, n := range bySession {
		if n != 1 {
			t.Errorf("LogsQL: the call of session %s is there %d times", session, n)
		}
	}
	ids, sessions := map[string]int{}, map[string]int{}
	for _, c := range s.calls(url.Values{"service": {"crash"}}) {
		ids[c.ID]++
		sessions[c.Session]++
		if c.Status == "ok" && !answered[c.ResponseID] {
			t.Errorf("the call %s has the response id %q, which nobody sent", c.Session, c.ResponseID)
		}
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("calls API: the call %s is there %d times", id, n)
		}
	}
	for session := range certain {
		if sessions[session] != 1 {
			t.Errorf("calls API: the call of session %s is there %d times", session, sessions[session])
		}
	}
	t.Logf("%d calls were certain, %d are there", len(certain), len(sessions))
}
