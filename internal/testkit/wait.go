package testkit

import (
	"net"
	"testing"
	"time"
)

// Patience is how long Eventually waits: far longer than anything takes, so
// that only a real failure reaches it.
const Patience = 30 * time.Second

// Eventually waits until cond is true, and fails the test after Patience. What
// explains what was waited for.
func Eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	EventuallyIn(tb, Patience, what, cond)
}

// EventuallyIn is Eventually with a limit of its own.
func EventuallyIn(tb testing.TB, limit time.Duration, what string, cond func() bool) {
	tb.Helper()
	if cond() {
		return
	}
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-deadline.C:
			tb.Fatalf("waited %v in vain: %s", limit, what)
		case <-tick.C:
			if cond() {
				return
			}
		}
	}
}

// Listen returns a listener on a free loopback port, closed when the test ends.
func Listen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

// FreeAddr returns a loopback address that was free a moment ago, for a child
// process to listen on. Another process may take it in between: prefer Listen.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		tb.Fatalf("listen: %v", err)
	}
	return addr
}
