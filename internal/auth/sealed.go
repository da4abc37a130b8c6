package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// With a secret that several replicas share, a session is in its cookie and not
// in memory: sealed by AES-256-GCM, so that nobody can read or change it, and
// every replica can open it. What cannot be there is that it was ended: that the
// replicas remember as long as the session could have lasted, and tell each other
// (ended.go).

const (
	// sealedPrefix tells sealed tokens from others, and versions of them.
	sealedPrefix = "s1."
	// maxSealed bounds a token: browsers drop larger cookies without a word.
	maxSealed = 3800
	// minSecret and maxSecret bound the file of the secret.
	minSecret = 32
	maxSecret = 4096
	// renewParts is in how many parts the idle time is cut: a session that is used
	// is sealed anew when it is one of them old.
	renewParts = 8
)

// What is sealed, so that none can be taken for another.
const (
	sealSession = "pitot session"
	sealFlow    = "pitot login at a provider"
	sealEnded   = "pitot sessions that ended"
)

// sealer seals and opens.
type sealer struct{ secret []byte }

// readSealer reads the secret of a file; nil where none is named.
func readSealer(name string) (*sealer, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("session: secret_file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, fmt.Errorf("session: secret_file: %w", err)
	}
	// Tools end text files with a line's end or do not: replicas must agree.
	b = bytes.TrimRight(b, "\r\n")
	if len(b) < minSecret || len(b) > maxSecret {
		return nil, fmt.Errorf("session: secret_file: %s has %d bytes: use %d to %d random ones, such as those of `openssl rand -hex 32`", name, len(b), minSecret, maxSecret)
	}
	return &sealer{b}, nil
}

// aead is the cipher for one purpose: each has a key of its own.
func (s *sealer) aead(purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.secret, nil, purpose, 32)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

func (s *sealer) seal(purpose string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	a, err := s.aead(purpose)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, a.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return sealedPrefix + base64.RawURLEncoding.EncodeToString(a.Seal(nonce, nonce, text, []byte(sealedPrefix))), nil
}

// sealCookie is seal for what a browser keeps.
func (s *sealer) sealCookie(purpose string, v any) (string, error) {
	out, err := s.seal(purpose, v)
	if err == nil && len(out) > maxSealed {
		return "", errors.New("the session does not fit into a cookie: this user has too many roles or tenants")
	}
	return out, err
}

// open decodes what seal has made; false where it was not made with this secret,
// or for another purpose.
func (s *sealer) open(purpose, token string, v any) bool {
	text, ok := strings.CutPrefix(token, sealedPrefix)
	if s == nil || !ok || len(token) > maxGossip {
		return false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	a, err := s.aead(purpose)
	if err != nil || len(b) < a.NonceSize() {
		return false
	}
	plain, err := a.Open(nil, b[:a.NonceSize()], b[a.NonceSize():], []byte(sealedPrefix))
	return err == nil && json.Unmarshal(plain, v) == nil
}

// sealedSession is a session as its cookie has it. Times are Unix milliseconds.
type sealedSession struct {
	ID      string `json:"i"`
	Name    string `json:"n"`
	Tenant  string `json:"t,omitempty"`
	Created int64  `json:"c"`
	Used    int64  `json:"u"`
	// Password is a mark of the hash that a static user's password had: a new
	// password ends the sessions of the old one.
	Password string `json:"p,omitempty"`
	// Roles and Tenants are those that the provider gave.
	Roles   []string `json:"r,omitempty"`
	Tenants []string `json:"o,omitempty"`
}

func (s *sealedSession) identity() identity {
	return identity{name: s.Name, password: s.Password != "", mark: s.Password, roles: s.Roles, tenants: s.Tenants}
}

// passwordMark is what a session has of the hash of a password.
func passwordMark(hash string) string {
	sum := sha256.Sum256([]byte("pitot session of\x00" + hash))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// startSealed makes the token of a new session.
func (a *Auth) startSealed(s *sealer, who identity, tenant string) (string, error) {
	now := a.now().UnixMilli()
	x := sealedSession{ID: newToken()[:22], Name: who.name, Tenant: tenant, Created: now, Used: now}
	if who.password {
		x.Password = who.mark
	} else {
		x.Roles, x.Tenants = who.roles, who.tenants
	}
	return s.sealCookie(sealSession, x)
}

// openSealed returns the session of a token; false where it has ended.
func (a *Auth) openSealed(token string) (sealedSession, bool) {
	var x sealedSession
	if len(token) > maxSealed || !a.seal.Load().open(sealSession, token, &x) {
		return x, false
	}
	c, now := a.config(), a.now()
	created, used := time.UnixMilli(x.Created), time.UnixMilli(x.Used)
	if now.Sub(created) >= c.ttl() || now.Sub(used) >= c.idle() || a.over.has(&x, now) {
		return x, false
	}
	if x.Password != "" {
		if hash, known := a.hashOf(x.Name); !known || x.Password != passwordMark(hash) {
			return x, false
		}
	}
	return x, true
}

// Renew gives a browser its session anew when it has been used for a while: the
// time of last use is in the cookie. It is called before the answer begins.
func (a *Auth) Renew(w http.ResponseWriter, r *http.Request, p *Principal) {
	s := a.seal.Load()
	if s == nil || !p.Session() {
		return
	}
	x, ok := a.openSealed(p.session)
	now := a.now()
	if !ok || now.Sub(time.UnixMilli(x.Used)) < a.config().idle()/renewParts {
		return
	}
	x.Used = now.UnixMilli()
	if token, err := s.sealCookie(sealSession, x); err == nil {
		left := time.UnixMilli(x.Created).Add(a.config().ttl()).Sub(now)
		a.setCookie(w, r, token, max(1, int(left.Seconds())))
	}
}

// sealedFlow is a login at the provider that is under way, as its cookie has it:
// the provider may send the browser back to another replica.
type sealedFlow struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Back     string    `json:"b"`
	Until    time.Time `json:"u"`
}
