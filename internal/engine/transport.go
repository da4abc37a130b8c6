package engine

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// ErrDown is the error of a request while no child is ready.
var ErrDown = errors.New("event engine is not running; see the status page for why, Pitot restarts it by itself")

// baseURL stands for the current child; transport puts its address in.
const baseURL = "http://engine.pitot.internal"

// transport sends requests to the current child with its password.
type transport struct {
	base    *http.Transport
	current atomic.Pointer[peer]
}

type peer struct{ addr, authorization string }

func newTransport() *transport {
	return &transport{base: &http.Transport{
		Proxy:               nil, // the environment's proxy has no business here
		MaxIdleConnsPerHost: 16,
		MaxConnsPerHost:     64,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
	}}
}

func (t *transport) set(addr, password string) {
	t.current.Store(&peer{addr: addr, authorization: "Bearer " + password})
}

func (t *transport) unset() {
	t.current.Store(nil)
	t.base.CloseIdleConnections()
}

// CloseIdleConnections makes http.Client.CloseIdleConnections work.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	p := t.current.Load()
	if p == nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, ErrDown
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", p.addr, p.addr
	r.Header.Set("Authorization", p.authorization)
	return t.base.RoundTrip(r)
}
