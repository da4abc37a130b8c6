//go:build unix

package cluster

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestNodeFaults: whatever happens to a storage node, calls do not fail, and what
// was answered is stored once.
func TestNodeFaults(t *testing.T) {
	t.Parallel()
	s := newStack(t, plan{captures: 3, queries: 1, store: "pitot"})
	for _, f := range []struct {
		name  string
		node  int
		fault func(n *proc)
	}{
		{"killed and restarted", 0, func(n *proc) { n.Kill(); pause(t, 5*time.Second); n.restart() }},
		{"killed while writing, three times", 0, func(n *proc) {
			for range 3 {
				n.Kill()
				n.restart()
				pause(t, time.Second)
			}
		}},
		{"upstream's node killed", 1, func(n *proc) { n.Kill(); pause(t, 5*time.Second); n.restart() }},
		{"hung for long", 2, func(n *proc) { hang(t, n, 20*time.Second) }},
		{"hung for a moment, again and again", 0, func(n *proc) {
			for range 4 {
				hang(t, n, 1500*time.Millisecond)
				pause(t, time.Second)
			}
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			if testing.Short() && !strings.HasSuffix(f.name, "restarted") && f.name != "hung for long" {
				t.Skip("it takes long")
			}
			s.tb = t
			run := hexID(4, t.Name())
			l := startLoad(t, run, s.gateways, 40, 300, nil)
			pause(t, 2*time.Second)
			f.fault(s.nodes[f.node])
			pause(t, 2*time.Second)
			done := l.stop()
			l.noFailures()
			s.settled()
			s.onlyOnce(run, done)
			t.Logf("%d calls, each stored once", len(done))
		})
	}
}

// hang stops a process for a while: its connections stay open.
func hang(tb testing.TB, n *proc, d time.Duration) {
	tb.Helper()
	if err := n.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatal(err)
	}
	pause(tb, d)
	if err := n.Signal(syscall.SIGCONT); err != nil {
		tb.Fatal(err)
	}
}

// TestNodeCutOff takes the network from a node and gives it back.
func TestNodeCutOff(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes network namespaces")
	}
	s := newStack(t, plan{captures: 2, queries: 1, store: "pitot", netns: true})
	run := hexID(4, t.Name())
	l := startLoad(t, run, s.gateways, 40, 300, nil)
	pause(t, 2*time.Second)
	s.cut()
	pause(t, 20*time.Second)
	s.mend()
	pause(t, 2*time.Second)
	done := l.stop()
	l.noFailures()
	s.settled()
	s.onlyOnce(run, done)
	t.Logf("%d calls, each stored once", len(done))
}

// TestStoresGone: with all stores away the gateway goes on, and the journal
// delivers when they are back.
func TestStoresGone(t *testing.T) {
	t.Parallel()
	s := newStack(t, plan{captures: 1, queries: 1, store: "pitot"})
	run := hexID(4, t.Name())
	for _, p := range append(s.nodes, append(s.selects, s.metrics)...) {
		p.Kill()
	}
	l := startLoad(t, run, s.gateways, 40, 0, nil)
	pause(t, 6*time.Second)
	done := l.stop()
	l.noFailures()
	if status, _, err := get(t, s.captures[0].url()+"/-/ready"); err != nil || status != http.StatusOK {
		t.Errorf("a capture replica is ready without stores: %d %v", status, err)
	}
	// The replica itself is killed as well: the journal has it all, but for calls of
	// the last moments, which it takes off the request path.
	pause(t, time.Second)
	s.captures[0].Kill()
	for _, p := range append(s.nodes, append(s.selects, s.metrics)...) {
		p.restart()
	}
	s.captures[0].restart()
	s.settled()
	s.onlyOnce(run, done)
}

// TestCaptureKilled: what a replica has accepted survives its death, and a sender
// that repeats a request stores it once.
func TestCaptureKilled(t *testing.T) {
	t.Parallel()
	s := newStack(t, plan{captures: 3, queries: 1, store: "pitot"})
	run := hexID(4, t.Name())
	want := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now().Add(-10 * time.Minute)
	for r := range 3 {
		wg.Go(func() {
			for i := range 30 {
				body, sessions := traceJSON(run, (r*30+i)*10, 10, start)
				sendTraces(t, s.otlps[r], body)
				mu.Lock()
				for _, x := range sessions {
					want[x] = true
				}
				mu.Unlock()
				pause(t, 50*time.Millisecond)
			}
		})
	}
	for range 3 {
		pause(t, 700*time.Millisecond)
		s.captures[1].Kill()
		s.captures[1].restart()
	}
	wg.Wait()
	s.settled()
	s.onlyOnce(run, want)
	t.Logf("%d calls accepted, each stored once", len(want))
}

// TestRollingRestart restarts every replica in turn under load, then adds one and
// removes one. No call fails, and no record is lost: a replica that ends has
// delivered what it had.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	s := newStack(t, plan{captures: 3, queries: 1, store: "pitot"})
	run := hexID(4, t.Name())
	s.addCapture(3) // its addresses are known from the start, as a load balancer knows them
	s.captures[3].up()
	s.captures[3].end()
	lb := newBalancer(t, s)
	l := startLoad(t, run, s.gateways, 30, 3000, lb.ready)
	pause(t, 2*time.Second)
	restarts := 3
	if testing.Short() {
		restarts = 1
	}
	for i := range restarts {
		s.captures[i].end()
		s.captures[i].restart()
		pause(t, time.Second)
	}
	s.captures[3].restart() // added
	pause(t, 3*time.Second)
	s.captures[0].end() // removed
	pause(t, 2*time.Second)
	done := l.stop()
	l.noFailures()
	s.settled()
	s.onlyOnce(run, done)
	t.Logf("%d calls, none failed, each stored once", len(done))
}

// balancer asks the replicas whether they are ready, as load balancers do.
type balancer struct {
	mu sync.Mutex
	ok map[int]bool
}

func newBalancer(tb testing.TB, s *stack) *balancer {
	b := &balancer{ok: map[int]bool{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var urls []string
	for _, p := range s.captures {
		urls = append(urls, p.url())
	}
	check := func() {
		for i, u := range urls {
			status, _, err := get(tb, u+"/-/ready")
			b.mu.Lock()
			b.ok[i] = err == nil && status == http.StatusOK
			b.mu.Unlock()
		}
	}
	check()
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				check()
			}
		}
	})
	tb.Cleanup(func() { close(stop); wg.Wait() })
	testkit.Eventually(tb, "some replica is ready", func() bool { return b.ready(0) || b.ready(1) })
	return b
}

func (b *balancer) ready(i int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ok[i]
}
