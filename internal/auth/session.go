package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

const (
	// maxSessions bounds the sessions, and maxUserSessions those of one user; the
	// one that was used longest ago ends for a new one.
	maxSessions     = 10_000
	maxUserSessions = 50
)

// identity is who logged in, as it is checked again with every request: the
// configuration may have changed what a user may do since then.
type identity struct {
	name     string
	password bool     // a user of the configuration; else one of the provider
	mark     string   // of the hash of the password that he logged in with
	roles    []string // of users of the provider
	tenants  []string // likewise; without their projects
}

type session struct {
	who           identity
	tenant        string // chosen
	created, used time.Time
}

// sessions are those of browsers, where no secret seals them. They are in memory: a
// restart ends them. They
// are kept by the hash of their token, so that a dump of memory gives none away
// that is longer than a moment old.
type sessions struct {
	mu sync.Mutex
	m  map[[sha256.Size]byte]*session
}

func hashToken(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// newToken is a secret of 256 random bits.
func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// start begins a session with a token of its own: one that was known before the
// login is never taken over.
func (s *sessions) start(who identity, tenant string, now time.Time) string {
	token := newToken()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = map[[sha256.Size]byte]*session{}
	}
	s.evict(who.name, now)
	s.m[hashToken(token)] = &session{who: who, tenant: tenant, created: now, used: now}
	return token
}

// evict makes room for one more. s.mu is held.
func (s *sessions) evict(user string, _ time.Time) {
	var oldest, oldestOwn [sha256.Size]byte
	var at, atOwn time.Time
	own := 0
	for k, x := range s.m {
		if at.IsZero() || x.used.Before(at) {
			oldest, at = k, x.used
		}
		if x.who.name == user {
			if own++; atOwn.IsZero() || x.used.Before(atOwn) {
				oldestOwn, atOwn = k, x.used
			}
		}
	}
	if own >= maxUserSessions {
		delete(s.m, oldestOwn)
	} else if len(s.m) >= maxSessions {
		delete(s.m, oldest)
	}
}

// get returns the session of a token if it has not ended; use marks it as used.
func (s *sessions) get(token string, now time.Time, ttl, idle time.Duration, use bool) (session, bool) {
	if token == "" || len(token) > 128 {
		return session{}, false
	}
	k := hashToken(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.m[k]
	if x == nil {
		return session{}, false
	}
	if now.Sub(x.created) >= ttl || now.Sub(x.used) >= idle {
		delete(s.m, k)
		return session{}, false
	}
	if use {
		x.used = now
	}
	return *x, true
}

// choose changes the tenant of a session.
func (s *sessions) choose(token, tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.m[hashToken(token)]; x != nil {
		x.tenant = tenant
	}
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, hashToken(token))
}

// endUser ends all sessions of a user and says how many there were.
func (s *sessions) endUser(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for k, x := range s.m {
		if x.who.name == name {
			delete(s.m, k)
			n++
		}
	}
	return n
}

// The names of the cookie. With TLS it has the prefix that keeps other hosts and
// unencrypted pages from setting it.
const (
	cookiePlain  = "pitot_session"
	cookieSecure = "__Host-pitot_session"
)

// secure says whether the browser reached us through TLS, here or at a proxy
// that the configuration names.
func (a *Auth) secure(r *http.Request) bool {
	return r.TLS != nil || len(a.config().URL) > 6 && a.config().URL[:6] == "https:"
}

func (a *Auth) cookieName(r *http.Request) string {
	if a.secure(r) {
		return cookieSecure
	}
	return cookiePlain
}

// setCookie gives the browser its token. Lax rather than Strict: a link to a call
// in a chat must open it, and the login at a provider comes back from another
// site. What changes something is checked for its origin besides.
func (a *Auth) setCookie(w http.ResponseWriter, r *http.Request, token string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure with TLS; loopback has none
		Name: a.cookieName(r), Value: token, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: a.secure(r), SameSite: http.SameSiteLaxMode,
	})
}

// token is that of the request's session; empty where it has none.
func (a *Auth) token(r *http.Request) string {
	c, err := r.Cookie(a.cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}
