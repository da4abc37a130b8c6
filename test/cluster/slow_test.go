//go:build unix

package cluster

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// slowNetwork passes connections on to an address, as slowly as it is told:
// what is sent waits, and comes in small pieces.
type slowNetwork struct {
	addr  string
	delay atomic.Int64 // of each piece, in nanoseconds
}

// slowPiece is how much is passed on at once where the network is slow.
const slowPiece = 4 << 10

func newSlowNetwork(tb testing.TB, to string) *slowNetwork {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	w := &slowNetwork{addr: l.Addr().String()}
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	keep := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		open[c] = true
	}
	drop := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		delete(open, c)
		_ = c.Close()
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			var d net.Dialer
			out, err := d.DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = in.Close() // as a node that is down refuses
				continue
			}
			keep(in)
			keep(out)
			wg.Go(func() { w.pass(out, in); drop(out); drop(in) })
			wg.Go(func() { w.pass(in, out); drop(out); drop(in) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return w
}

// pass copies until one side ends.
func (w *slowNetwork) pass(to io.Writer, from io.Reader) {
	whole := make([]byte, 64<<10)
	for {
		b := whole
		if w.delay.Load() > 0 {
			b = whole[:slowPiece]
		}
		n, err := from.Read(b)
		if n > 0 {
			if d := time.Duration(w.delay.Load()); d > 0 {
				<-time.After(d)
			}
			if _, werr := to.Write(b[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// TestSlowNode: a node whose network is slow, and then all of them, do not slow
// the gateway, and what was answered is stored once.
func TestSlowNode(t *testing.T) {
	t.Parallel()
	s := newStack(t, plan{captures: 2, queries: 1, store: "pitot", slow: true})
	for _, f := range []struct {
		name  string
		slow  int // nodes
		delay time.Duration
		long  time.Duration
	}{
		{"one node answers late", 1, 400 * time.Millisecond, 8 * time.Second},
		{"one node answers after the time that a request has", 1, 40 * time.Second, 20 * time.Second},
		{"all nodes answer late", 3, 400 * time.Millisecond, 8 * time.Second},
	} {
		t.Run(f.name, func(t *testing.T) {
			if testing.Short() && f.slow == 1 {
				t.Skip("it takes long")
			}
			s.tb = t
			run := hexID(4, t.Name())
			l := startLoad(t, run, s.gateways, 40, 300, nil)
			pause(t, 2*time.Second)
			for _, w := range s.networks[:f.slow] {
				w.delay.Store(int64(f.delay))
			}
			pause(t, f.long)
			for _, w := range s.networks {
				w.delay.Store(0)
			}
			pause(t, 2*time.Second)
			done := l.stop()
			l.noFailures()
			s.settled()
			s.onlyOnce(run, done)
			t.Logf("%d calls, each stored once", len(done))
		})
	}
}
