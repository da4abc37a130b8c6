package auth

import (
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// maxAttemptKeys bounds the names and addresses whose failures are remembered.
// Past it those whose failures count no more go, then any.
const maxAttemptKeys = 20_000

// maxAttemptName is the longest name that is remembered as it is.
const maxAttemptName = 128

// wideFactor is how many times more failures a name from everywhere, and an
// address with all names, have than a name from one address: many people may
// share an address, and nobody should be able to lock somebody out from afar
// with a handful of requests.
const wideFactor = 10

// attempts counts failed logins by name and by address. Each makes further
// attempts wait: many passwords tried with one name, and one with many names.
type attempts struct {
	mu sync.Mutex
	m  map[string]*failures
}

type failures struct {
	n     int
	until time.Time // when they count no more
}

// wait returns how long an attempt has to wait; 0 where it may be made.
func (a *attempts) wait(now time.Time, limit int, name, address string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out time.Duration
	for i, key := range attemptKeys(name, address) {
		most := limit
		if i > 0 {
			most *= wideFactor
		}
		if f := a.m[key]; f != nil && f.n >= most && f.until.After(now) {
			out = max(out, f.until.Sub(now))
		}
	}
	return out
}

// attemptKeys are what an attempt is counted by: the pair first.
func attemptKeys(name, address string) [3]string {
	if len(name) > maxAttemptName {
		// What is remembered for strangers is bounded in bytes, too.
		sum := sha256.Sum256([]byte(name))
		name = "\x00" + string(sum[:])
	}
	return [3]string{"p:" + address + "\x00" + name, "n:" + name, "a:" + address}
}

// fail counts a failed attempt. It is counted before the password is looked at,
// and taken back after a success, so that attempts at the same moment count too.
func (a *attempts) fail(now time.Time, window time.Duration, name, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.m == nil {
		a.m = map[string]*failures{}
	}
	for _, key := range attemptKeys(name, address) {
		f := a.m[key]
		if f == nil || !f.until.After(now) {
			a.room(now)
			f = &failures{}
			a.m[key] = f
		}
		f.n++
		f.until = now.Add(window)
	}
}

// room makes room for one more. a.mu is held.
func (a *attempts) room(now time.Time) {
	if len(a.m) < maxAttemptKeys {
		return
	}
	for k, f := range a.m {
		if !f.until.After(now) {
			delete(a.m, k)
		}
	}
	for k := range a.m {
		if len(a.m) < maxAttemptKeys {
			return
		}
		delete(a.m, k)
	}
}

// succeed takes back the attempt that succeeded, and forgets the failures of the
// name from this address.
func (a *attempts) succeed(name, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, key := range attemptKeys(name, address) {
		switch f := a.m[key]; {
		case i == 0:
			delete(a.m, key)
		case f != nil && f.n > 0:
			f.n--
		}
	}
}

// Address is where a request comes from, as far as the connection says it: what
// headers say anybody can say.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// network is the part of an address that one sender has: of IPv6 a /64.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is6() || ip.Is4In6() {
		return address
	}
	p, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
