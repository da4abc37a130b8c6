package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/llm"
)

// AuthReport says how to log in, and who asks.
type AuthReport struct {
	// Enabled is false where nobody must log in.
	Enabled bool `json:"enabled"`
	// Password says whether users can log in with one.
	Password bool `json:"password"`
	// OIDC is the name of the provider through which users can log in.
	OIDC string `json:"oidc,omitempty"`
	// User is who asks; absent where nobody was recognised.
	User *Account `json:"user,omitempty"`
}

// Account is somebody who was recognised.
type Account struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"` // user, key or open
	Roles       []string `json:"roles"`
	Permissions []string `json:"permissions"`
	Tenant      string   `json:"tenant"`
	Tenants     []string `json:"tenants"`
	Session     bool     `json:"session"`
}

func accountOf(p *auth.Principal) *Account {
	if p == nil {
		return nil
	}
	return &Account{Name: p.Name, Kind: p.Kind, Roles: orEmpty(p.Roles), Permissions: p.Perm.Names(), Tenant: p.Tenant, Tenants: orEmpty(p.Tenants), Session: p.Session()}
}

func (s *server) accountRoutes(m routed) {
	m.Handle("GET "+base+"/auth", s.answer(s.authReport))
	m.HandleFunc("POST "+base+"/auth/login", s.login)
	m.HandleFunc("POST "+base+"/auth/logout", s.logout)
	m.HandleFunc("POST "+base+"/auth/tenant", func(w http.ResponseWriter, r *http.Request) {
		s.answer(func(r *http.Request) (any, error) { return s.chooseTenant(w, r) }).ServeHTTP(w, r)
	})
	m.HandleFunc("GET "+base+"/auth/oidc/login", s.oidcLogin)
	m.HandleFunc("GET "+auth.CallbackPath, s.oidcCallback)
	m.Handle("DELETE "+base+"/auth/sessions", s.answer(s.endSessions))
	m.Handle("GET "+base+"/keys", s.answer(s.keys))
	m.Handle("POST "+base+"/keys", s.answer(s.createKey))
	m.Handle("DELETE "+base+"/keys/{id}", s.answer(s.revokeKey))
	m.Handle("GET "+base+"/audit", s.answer(s.audit))
}

func (s *server) authEnabled() bool { return s.Auth != nil && s.Auth.Enabled() }

func (s *server) report(p *auth.Principal) AuthReport {
	if !s.authEnabled() {
		return AuthReport{User: accountOf(auth.Open())}
	}
	return AuthReport{Enabled: true, Password: s.Auth.Passwords(), OIDC: s.Auth.OIDCName(), User: accountOf(p)}
}

func (s *server) authReport(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	return s.report(auth.From(r.Context())), nil
}

// maxAccountBody bounds the bodies of the endpoints here.
const maxAccountBody = 64 << 10

// readBody decodes a small JSON object.
func readBody(r *http.Request, v any, form string) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxAccountBody+1))
	if err != nil {
		return badBody("the body cannot be read: "+err.Error(), form)
	}
	if len(b) > maxAccountBody {
		return &Error{http.StatusRequestEntityTooLarge, CodeBadBody, "the body is over 64 KiB", form}
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badBody(jsonFault(err), form)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badBody("there is more than one JSON value", form)
	}
	return nil
}

// errNoAuth answers where there is nothing to log in to.
func errNoAuth() *Error {
	return &Error{http.StatusNotFound, CodeNotFound, "nobody must log in here", "set auth.enabled in the configuration: docs/access.md"}
}

const loginForm = `send {"name", "password"}`

// login begins a session. The body is JSON, which no form of another site can
// send.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if !s.authEnabled() {
		writeError(w, errNoAuth())
		return
	}
	err := newParams(r, s.Now()).check()
	if err == nil {
		err = readBody(r, &in, loginForm)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	p, err := s.Auth.Login(w, r, in.Name, in.Password)
	if err != nil {
		retryAfter(w, err)
		e := accessError(err)
		if errors.Is(err, auth.ErrBad) {
			e = &Error{http.StatusUnauthorized, CodeUnauthenticated, "the name or the password is wrong", "`pitot auth hash` makes the hash of a new password for auth.users"}
		}
		writeError(w, e)
		return
	}
	s.writeJSON(w, r, http.StatusOK, s.report(p))
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if !s.authEnabled() {
		writeError(w, errNoAuth())
		return
	}
	s.Auth.Logout(w, r)
	s.writeJSON(w, r, http.StatusOK, s.report(nil))
}

// chooseTenant makes one of a user's tenants the one that the session shows.
func (s *server) chooseTenant(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Tenant string `json:"tenant"`
	}
	if !s.authEnabled() {
		return nil, errNoAuth()
	}
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	if err := readBody(r, &in, `send {"tenant"}`); err != nil {
		return nil, err
	}
	p, err := s.Auth.Choose(w, r, auth.From(r.Context()), in.Tenant)
	if err != nil {
		return nil, &Error{http.StatusForbidden, CodeForbidden, err.Error(), "GET " + base + "/auth lists yours; without a session send the header " + auth.TenantHeader}
	}
	return s.report(p), nil
}

// endSessions ends all sessions of a user.
func (s *server) endSessions(r *http.Request) (any, error) {
	if !s.authEnabled() {
		return nil, errNoAuth()
	}
	p := newParams(r, s.Now())
	user := p.get("user")
	if user == "" {
		p.fail(badParameter("user", "", "the name of a user"))
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return map[string]int{"ended": s.Auth.EndSessions(user)}, nil
}

// oidcLogin sends the browser to the provider.
func (s *server) oidcLogin(w http.ResponseWriter, r *http.Request) {
	if !s.authEnabled() {
		writeError(w, errNoAuth())
		return
	}
	p := newParams(r, s.Now())
	back := p.get("return")
	if err := p.check(); err != nil {
		s.fail(w, r, err)
		return
	}
	to, err := s.Auth.BeginOIDC(w, r, back)
	if err != nil {
		s.loginFailed(w, r, err)
		return
	}
	http.Redirect(w, r, to, http.StatusFound)
}

// oidcCallback takes the browser back from the provider. The parameters are the
// provider's to choose.
func (s *server) oidcCallback(w http.ResponseWriter, r *http.Request) {
	if !s.authEnabled() {
		writeError(w, errNoAuth())
		return
	}
	back, _, err := s.Auth.EndOIDC(w, r)
	if err != nil {
		s.loginFailed(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusFound)
}

// loginFailed shows a browser the login page with the reason, a program the
// error.
func (s *server) loginFailed(w http.ResponseWriter, r *http.Request, err error) {
	if s.UI != nil && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/login?error="+url.QueryEscape(cut(err.Error())), http.StatusFound)
		return
	}
	status := http.StatusForbidden
	var p *auth.ProviderError
	if errors.As(err, &p) && p.Down {
		status = http.StatusBadGateway
	}
	writeError(w, &Error{status, CodeUnauthenticated, err.Error(), "log in again; docs/access.md describes the set-up"})
}

// KeysReport lists API keys.
type KeysReport struct {
	Keys   []auth.Info `json:"keys"`
	Scopes []string    `json:"scopes"` // those that a key can have
}

// keys lists the keys of the tenant; of all tenants for the default one.
func (s *server) keys(r *http.Request) (any, error) {
	if s.Auth == nil {
		return nil, errNoAuth()
	}
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(s.Auth.Keys().List(), func(k auth.Info) bool { return !s.mayManage(r, k.Tenant) })
	return KeysReport{Keys: orEmpty(list), Scopes: auth.Scopes()}, nil
}

// mayManage says whether who asks may manage the keys of a tenant: his own, those
// of its projects, and all for the default tenant.
func (s *server) mayManage(r *http.Request, tenant string) bool {
	if !s.authEnabled() {
		return true
	}
	own := auth.From(r.Context()).Tenant
	return own == llm.DefaultTenant || own == tenant || strings.HasPrefix(tenant, own+"/")
}

const keyForm = `send {"name", "scopes", "tenant", "expires" or "ttl", "gateway"}`

// NewKeyReport is a key that was made, with its secret, this one time.
type NewKeyReport struct {
	Key    auth.Info `json:"key"`
	Secret string    `json:"secret"`
}

func (s *server) createKey(r *http.Request) (any, error) {
	var in struct {
		auth.NewKey
		TTL string `json:"ttl"`
	}
	if s.Auth == nil {
		return nil, errNoAuth()
	}
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	if err := readBody(r, &in, keyForm); err != nil {
		return nil, err
	}
	if in.TTL != "" {
		d, ok := parseDuration(in.TTL)
		if !ok || d <= 0 || !in.Expires.IsZero() {
			return nil, badBody("ttl is not valid", "send a duration such as 90d, or expires")
		}
		in.Expires = s.Now().Add(d)
	}
	creator := ""
	if p := auth.From(r.Context()); p != nil {
		creator = p.Name
		if in.Tenant == "" {
			in.Tenant = p.Tenant
		}
		// Nobody hands on what he does not have himself.
		if p.Perm&keyPerm(in.Scopes) != keyPerm(in.Scopes) {
			return nil, &Error{http.StatusForbidden, CodeForbidden, "the key would have more permissions than you", "leave scopes out"}
		}
	}
	if !s.mayManage(r, in.Tenant) {
		return nil, &Error{http.StatusForbidden, CodeForbidden, fmt.Sprintf("the tenant %q is not yours", cut(in.Tenant)), "leave tenant out, or name one of yours"}
	}
	if !s.Auth.Knows(in.Tenant) {
		return nil, badBody(fmt.Sprintf("tenant: %q is not one of this server's", cut(in.Tenant)), "add it to auth.tenants in the configuration")
	}
	info, secret, err := s.Auth.Keys().Create(in.NewKey, creator)
	if err != nil {
		return nil, keyError(err)
	}
	s.auditKey(r, auth.ActionKeyMade, &info)
	return NewKeyReport{info, secret}, nil
}

func keyPerm(scopes []string) auth.Perm {
	var p auth.Perm
	for _, s := range scopes {
		p |= auth.ScopePerm(s)
	}
	return p
}

func keyError(err error) error {
	if wrong, ok := errors.AsType[*auth.RequestError](err); ok {
		return badBody(wrong.Message, keyForm)
	}
	return err
}

func (s *server) revokeKey(r *http.Request) (any, error) {
	if s.Auth == nil {
		return nil, errNoAuth()
	}
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	k, err := s.Auth.Keys().Get(id)
	if err != nil || !s.mayManage(r, k.Tenant) {
		return nil, notFound("key", id, "GET "+base+"/keys lists them")
	}
	if k.Declared {
		return nil, &Error{http.StatusConflict, CodeBusy, "the key " + id + " is declared in the configuration", "take it out of auth.keys and reload: pitot reads it on SIGHUP and POST /-/reload"}
	}
	if k, err = s.Auth.Keys().Revoke(id); err != nil {
		return nil, err
	}
	s.auditKey(r, auth.ActionKeyGone, &k)
	return k, nil
}

func (s *server) auditKey(r *http.Request, action string, k *auth.Info) {
	p := auth.From(r.Context())
	e := auth.Entry{Action: action, From: auth.Address(r), Tenant: k.Tenant, Detail: fmt.Sprintf("key %s (%s), scopes %s", k.ID, k.Name, strings.Join(k.Scopes, ","))}
	if p != nil {
		e.Who, e.Kind, e.KeyID = p.Name, p.Kind, p.KeyID
	}
	s.Auth.Audit().Write(e)
}

// maxAuditEntries bounds an answer of the audit log.
const maxAuditEntries = 1000

// audit reads the audit log, newest first.
func (s *server) audit(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := auth.AuditQuery{Action: p.get("action"), Who: p.get("who"), Limit: p.count("limit", 100, maxAuditEntries)}
	q.Start, q.End = p.time("start", time.Time{}), p.time("end", time.Time{})
	if err := p.check(); err != nil {
		return nil, err
	}
	if !s.authEnabled() {
		return nil, errNoAuth()
	}
	who := auth.From(r.Context())
	q.Tenant, q.AllTenants = who.Tenant, who.Operator()
	entries, err := s.Auth.Audit().Read(q)
	if err != nil {
		return nil, err
	}
	return map[string]any{"entries": orEmpty(entries)}, nil
}
