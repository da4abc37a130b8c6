package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what an Auth is built from.
type Options struct {
	Config Config
	Dir    string // data directory
	// WebUsers are further users with bcrypt hashes, who may do everything: those
	// of the web configuration file. nil: none.
	WebUsers func() map[string]string
	Logger   *slog.Logger
	Now      func() time.Time // default time.Now
}

// Auth recognises people and programs. It is safe for concurrent use.
type Auth struct {
	opts  Options
	log   *slog.Logger
	now   func() time.Time
	cfg   atomic.Pointer[Config]
	keys  *Store
	audit *Audit

	sessions sessions
	seal     atomic.Pointer[sealer] // nil: sessions are in memory
	over     Ended
	attempts attempts
	verified verified
	provider provider
	// hashing bounds how many passwords are hashed at once: each takes memory and
	// time on purpose.
	hashing chan struct{}
	// nobody is the hash that the passwords of unknown names are compared with, so
	// that an answer takes as long for them.
	nobody string

	logins *prometheus.CounterVec
}

// New reads the keys and opens the audit log.
func New(o Options) (*Auth, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Auth{opts: o, log: o.Logger, now: o.Now, hashing: make(chan struct{}, 2)}
	c := o.Config
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	a.cfg.Store(&c)
	seal, err := readSealer(c.Session.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	a.seal.Store(seal)
	a.over.auth = a
	if a.keys, err = OpenStore(o.Dir, o.Now); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	a.keys.Declare(c.Declared())
	if a.nobody, err = HashPassword(newToken()); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	_, _ = rand.Read(a.verified.secret[:]) // never fails
	a.logins = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pitot_logins_total", Help: "Attempts to log in with a password or through a provider, by how they ended.",
	}, []string{"result"})
	for _, r := range []string{"ok", "refused", "limited"} {
		a.logins.WithLabelValues(r)
	}
	if c.Enabled {
		if a.audit, err = OpenAudit(o.Dir, c.Audit, o.Logger, o.Now); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
	}
	return a, nil
}

// Collectors count logins and entries of the audit log.
func (a *Auth) Collectors() []prometheus.Collector {
	if a.audit == nil {
		return []prometheus.Collector{a.logins}
	}
	return []prometheus.Collector{a.logins, a.audit.Collector()}
}

// Reload takes over a configuration. Whether anybody must log in at all is
// decided at the start.
func (a *Auth) Reload(c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	seal, err := readSealer(c.Session.SecretFile)
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	a.seal.Store(seal)
	a.cfg.Store(&c)
	a.keys.Declare(c.Declared())
	a.provider.forget()
	if a.audit != nil {
		a.audit.Configure(c.Audit)
	}
	return nil
}

// Close closes the audit log.
func (a *Auth) Close() error {
	if a == nil {
		return nil
	}
	return a.audit.Close()
}

func (a *Auth) config() *Config { return a.cfg.Load() }

// Enabled says whether everybody must show who he is.
func (a *Auth) Enabled() bool { return a.config().Enabled }

// IngestOptional says whether senders without a key are taken.
func (a *Auth) IngestOptional() bool {
	c := a.config()
	return !c.Enabled || c.Ingest == IngestOptional
}

// Tenants are all tenants of the server, the default one first.
func (a *Auth) Tenants() []string { return a.config().AllTenants() }

// Knows says whether a tenant is one of the server's.
func (a *Auth) Knows(tenant string) bool { return a.config().knows(tenant) }

// Keys are the API keys.
func (a *Auth) Keys() *Store { return a.keys }

// Audit is the audit log; nil, which takes entries and drops them, where nobody
// must log in.
func (a *Auth) Audit() *Audit { return a.audit }

// Errors of Authenticate and Login.
var (
	// ErrNobody says that a request shows no credentials.
	ErrNobody = errors.New("no credentials were sent")
	// ErrBad says that they are wrong, expired or revoked: which, is not said.
	ErrBad = errors.New("the credentials are not valid")
	// ErrTenant says that the tenant that was asked for is not one of the user's.
	ErrTenant = errors.New("this tenant is not one of yours")
)

// LimitError says that there were too many failed attempts.
type LimitError struct{ Wait time.Duration }

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many failed attempts: try again in %v", e.Wait.Round(time.Second))
}

// credentials are what a request shows of itself.
type credentials struct {
	key            string
	name, password string
	basic          bool
	other          bool // something that is neither
}

// shown reads the credentials of a request's headers. Keys come as the tools of
// the field send them: as a Bearer token, in X-API-Key, or as the password of
// Basic authentication, where the name is of no meaning.
func shown(r *http.Request) credentials {
	h := r.Header.Get("Authorization")
	scheme, value, _ := strings.Cut(h, " ")
	value = strings.TrimSpace(value)
	switch {
	case h == "":
	case strings.EqualFold(scheme, "Bearer"), strings.EqualFold(scheme, "ApiKey"):
		return credentials{key: value}
	case strings.EqualFold(scheme, "Basic"):
		name, password, ok := r.BasicAuth()
		switch {
		case !ok:
			return credentials{other: true}
		case IsKey(password):
			return credentials{key: password}
		case IsKey(name):
			return credentials{key: name}
		}
		return credentials{name: name, password: password, basic: true}
	case IsKey(h): // without a scheme, as some senders have it
		return credentials{key: h}
	default:
		return credentials{other: true}
	}
	if k := r.Header.Get("X-Api-Key"); k != "" {
		return credentials{key: k}
	}
	return credentials{}
}

// Authenticate says who sends a request. Credentials in headers come before the
// cookie of a session.
func (a *Auth) Authenticate(r *http.Request) (*Principal, error) {
	if !a.Enabled() {
		return Open(), nil
	}
	p, err := a.recognise(r)
	if err != nil {
		return nil, err
	}
	if p = p.choose(r); p == nil {
		return nil, ErrTenant
	}
	return p, nil
}

func (a *Auth) recognise(r *http.Request) (*Principal, error) {
	c := shown(r)
	switch {
	case c.key != "":
		if p := a.keyPrincipal(a.keys.Lookup(c.key)); p != nil {
			return p, nil
		}
		return nil, ErrBad
	case c.basic:
		return a.password(r.Context(), c.name, c.password, Address(r))
	case c.other:
		return nil, ErrBad
	}
	token := a.token(r)
	if token == "" {
		return nil, ErrNobody
	}
	s, ok := a.session(token, true)
	if !ok {
		return nil, ErrNobody // an old cookie is no attempt
	}
	p := a.userPrincipal(s.who)
	if p == nil {
		a.endSession(token) // the user is gone
		return nil, ErrNobody
	}
	p.session = token
	if s.tenant != p.Tenant {
		if q := p.in(s.tenant); q != nil {
			p = q
		}
	}
	return p, nil
}

// session returns that of a token: a sealed one, or one in memory. use marks it as
// used.
func (a *Auth) session(token string, use bool) (session, bool) {
	if x, ok := a.openSealed(token); ok {
		return session{who: x.identity(), tenant: x.Tenant}, true
	}
	c := a.config()
	s, ok := a.sessions.get(token, a.now(), c.ttl(), c.idle(), use)
	if ok && s.who.password && s.who.mark != a.markOf(s.who.name) {
		a.sessions.end(token) // a new password ends the sessions of the old one
		return session{}, false
	}
	return s, ok
}

// markOf is the mark of a user's password; empty where there is no such user.
func (a *Auth) markOf(name string) string {
	hash, known := a.hashOf(name)
	if !known {
		return ""
	}
	return passwordMark(hash)
}

// Still says whether somebody who was recognised a while ago may still do what he
// might then: his key was not revoked and has not expired, his session goes on, his
// password is the same, and neither role nor tenant was taken from him. It is asked
// while an answer lasts, and is no use of a session.
func (a *Auth) Still(p *Principal) bool {
	var q *Principal
	switch {
	case p.Kind == KindOpen:
		return true
	case p.Key != nil:
		q = a.keyPrincipal(a.keys.same(p.Key))
	case p.session != "":
		if s, ok := a.session(p.session, false); ok {
			q = a.userPrincipal(s.who)
		}
	case p.mark == a.markOf(p.Name):
		q = a.userPrincipal(identity{name: p.Name, password: true})
	}
	return q.Can(p.Perm) && slices.Contains(q.Tenants, p.Tenant)
}

// endSession ends that of a token. A sealed one ends here and at the replicas that
// are told; the browser is told to forget it.
func (a *Auth) endSession(token string) {
	if x, ok := a.openSealed(token); ok {
		a.over.end(ended{ID: x.ID, At: time.UnixMilli(x.Created).Add(a.config().ttl()).UnixMilli()})
	}
	a.sessions.end(token)
}

// Key returns who has a key; nil where it is none that may be used.
func (a *Auth) Key(text string) *Principal { return a.keyPrincipal(a.keys.Lookup(text)) }

// keyPrincipal is who shows a key; nil where it is of a tenant that there is not
// any more.
func (a *Auth) keyPrincipal(k *Key) *Principal {
	if k == nil || !a.Knows(k.Tenant) {
		return nil
	}
	return &Principal{Kind: KindKey, Name: k.Name, KeyID: k.ID, Perm: k.Perm(), Tenant: k.Tenant, Tenants: []string{k.Tenant}, Key: k}
}

// userPrincipal is a user as he is now; nil where there is none any more.
func (a *Auth) userPrincipal(who identity) *Principal {
	c := a.config()
	if !who.password {
		if c.OIDC.Issuer == "" {
			return nil // its provider is none any more
		}
		var tenants []string
		for _, base := range who.tenants {
			for _, t := range c.tenantsOf(base, nil, rolesPerm(who.roles)) {
				if !slices.Contains(tenants, t) {
					tenants = append(tenants, t)
				}
			}
		}
		return c.principal(who.name, who.roles, tenants)
	}
	if i := slices.IndexFunc(c.Users, func(u User) bool { return u.Name == who.name }); i >= 0 {
		u := &c.Users[i]
		perm := rolesPerm(u.Roles)
		return c.principal(u.Name, u.Roles, c.tenantsOf(u.Tenant, u.Projects, perm))
	}
	if a.opts.WebUsers != nil && a.opts.WebUsers()[who.name] != "" {
		return c.principal(who.name, []string{RoleAdmin}, c.AllTenants())
	}
	return nil
}

func rolesPerm(roles []string) Perm {
	var p Perm
	for _, r := range roles {
		p |= RolePerm(r)
	}
	return p
}

func (c *Config) principal(name string, roles, tenants []string) *Principal {
	tenants = slices.DeleteFunc(slices.Clone(tenants), func(t string) bool { return !c.knows(t) })
	perm := rolesPerm(roles)
	if len(tenants) == 0 || perm == 0 {
		return nil
	}
	return &Principal{Kind: KindUser, Name: name, Roles: roles, Perm: perm, Tenant: tenants[0], Tenants: tenants}
}

// hashOf returns the hash of a user's password; false where there is no such
// user.
func (a *Auth) hashOf(name string) (string, bool) {
	c := a.config()
	if i := slices.IndexFunc(c.Users, func(u User) bool { return u.Name == name }); i >= 0 {
		return c.Users[i].PasswordHash, true
	}
	if a.opts.WebUsers != nil {
		if h := a.opts.WebUsers()[name]; h != "" {
			return h, true
		}
	}
	return a.nobody, false
}

// password recognises a user by name and password.
func (a *Auth) password(ctx context.Context, name, password, address string) (*Principal, error) {
	c := a.config()
	address = network(address)
	hash, known := a.hashOf(name)
	now := a.now()
	if known && a.verified.has(name, password, hash, now) {
		if p := a.userPrincipal(identity{name: name, password: true}); p != nil {
			p.mark = passwordMark(hash)
			return p, nil
		}
	}
	// An account's own limit could be used to lock its owner out: names that do not
	// exist and those that do are told apart by nothing.
	if wait := a.attempts.wait(now, c.attempts(), name, address); wait > 0 {
		a.logins.WithLabelValues("limited").Inc()
		return nil, &LimitError{wait}
	}
	a.attempts.fail(now, c.window(), name, address)
	select {
	case a.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ok := verify(hash, password)
	<-a.hashing
	if !ok || !known {
		a.logins.WithLabelValues("refused").Inc()
		a.audit.Write(Entry{Action: ActionRefused, Who: name, Kind: KindUser, From: address})
		return nil, ErrBad
	}
	p := a.userPrincipal(identity{name: name, password: true})
	if p == nil {
		return nil, ErrBad
	}
	p.mark = passwordMark(hash)
	a.attempts.succeed(name, address)
	a.verified.add(name, password, hash, now)
	return p, nil
}

// Login begins a session for a name and a password.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request, name, password string) (*Principal, error) {
	p, err := a.password(r.Context(), name, password, Address(r))
	if err != nil {
		return nil, err
	}
	if err := a.begin(w, r, identity{name: p.Name, password: true, mark: p.mark}, p); err != nil {
		return nil, err
	}
	return p, nil
}

// begin begins a session and ends the one that the browser had.
func (a *Auth) begin(w http.ResponseWriter, r *http.Request, who identity, p *Principal) error {
	token := ""
	if s := a.seal.Load(); s != nil {
		var err error
		if token, err = a.startSealed(s, who, p.Tenant); err != nil {
			return fmt.Errorf("begin a session: %w", err)
		}
	} else {
		token = a.sessions.start(who, p.Tenant, a.now())
	}
	a.endSession(a.token(r))
	p.session = token
	a.setCookie(w, r, token, int(a.config().ttl().Seconds()))
	a.logins.WithLabelValues("ok").Inc()
	a.audit.Write(Entry{Action: ActionLogin, Who: p.Name, Kind: KindUser, Tenant: p.Tenant, From: Address(r)})
	return nil
}

// Logout ends the session of a request, if it has one.
func (a *Auth) Logout(w http.ResponseWriter, r *http.Request) {
	if token := a.token(r); token != "" {
		if p, err := a.Authenticate(r); err == nil {
			a.audit.Write(Entry{Action: ActionLogout, Who: p.Name, Kind: p.Kind, Tenant: p.Tenant, From: Address(r)})
		}
		a.endSession(token)
	}
	a.setCookie(w, r, "", -1)
}

// EndSessions ends all sessions of a user and says how many there were in memory:
// of sealed ones nobody knows.
func (a *Auth) EndSessions(name string) int {
	a.over.end(ended{User: name, At: a.now().UnixMilli()})
	return a.sessions.endUser(name)
}

// Sealed says whether sessions are sealed, so that other replicas know them.
func (a *Auth) Sealed() bool { return a.seal.Load() != nil }

// Choose makes one of a user's tenants the one of the session.
func (a *Auth) Choose(w http.ResponseWriter, r *http.Request, p *Principal, tenant string) (*Principal, error) {
	q := p.in(tenant)
	if q == nil || !p.Session() {
		return nil, ErrTenant
	}
	if x, ok := a.openSealed(p.session); ok {
		x.Tenant, x.Used = tenant, a.now().UnixMilli()
		token, err := a.seal.Load().sealCookie(sealSession, x)
		if err != nil {
			return nil, fmt.Errorf("choose a tenant: %w", err)
		}
		a.setCookie(w, r, token, int(a.config().ttl().Seconds()))
		return q, nil
	}
	a.sessions.choose(p.session, tenant)
	return q, nil
}

// OIDCName is what the button of the provider says; empty where there is none.
func (a *Auth) OIDCName() string { return a.config().OIDC.label() }

// Passwords says whether anybody can log in with one.
func (a *Auth) Passwords() bool {
	return len(a.config().Users) > 0 || a.opts.WebUsers != nil && len(a.opts.WebUsers()) > 0
}

// verified remembers for a moment which passwords were right: programs that use
// Basic authentication send theirs with every request. It holds no password but
// keyed hashes of them.
type verified struct {
	secret [32]byte
	mu     sync.Mutex
	m      map[[sha256.Size]byte]time.Time
}

const (
	verifiedFor = time.Minute
	maxVerified = 1000
)

func (v *verified) key(name, password, hash string) (k [sha256.Size]byte) {
	m := hmac.New(sha256.New, v.secret[:])
	for _, s := range [...]string{name, password, hash} {
		fmt.Fprintf(m, "%d:%s", len(s), s)
	}
	m.Sum(k[:0])
	return k
}

func (v *verified) has(name, password, hash string, now time.Time) bool {
	k := v.key(name, password, hash)
	v.mu.Lock()
	defer v.mu.Unlock()
	until, ok := v.m[k]
	return ok && now.Before(until)
}

func (v *verified) add(name, password, hash string, now time.Time) {
	k := v.key(name, password, hash)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.m == nil || len(v.m) >= maxVerified {
		v.m = map[[sha256.Size]byte]time.Time{}
	}
	v.m[k] = now.Add(verifiedFor)
}
