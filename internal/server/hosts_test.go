package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGuardHost(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4400}
	f := func(addr net.Addr, host string, want int) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		guardHost(ok, addr, []string{"pitot.internal"}).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
	for _, host := range []string{"127.0.0.1:4400", "127.1.2.3", "localhost:4400", "LOCALHOST", "pitot.localhost", "[::1]:4400", "", "pitot.internal:443"} {
		f(loopback, host, http.StatusOK)
	}
	for _, host := range []string{"evil.test", "evil.test:4400", "127.0.0.1.evil.test", "localhost.evil.test", "10.0.0.1"} {
		f(loopback, host, http.StatusMisdirectedRequest)
	}
	f(&net.TCPAddr{IP: net.IPv4zero, Port: 4400}, "any.test", http.StatusOK)
}
