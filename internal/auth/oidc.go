package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// CallbackPath is where a provider sends the browser back to.
const CallbackPath = "/api/pitot/v1/auth/oidc/callback"

const (
	// flowFor is how long a login at the provider may take, maxFlows how many are
	// under way at once: past it the oldest are forgotten.
	flowFor  = 10 * time.Minute
	maxFlows = 1000
	// providerTimeout bounds a request to the provider.
	providerTimeout = 10 * time.Second
)

// flow is a login at the provider that is under way.
type flow struct {
	nonce, verifier, back, browser string
	until                          time.Time
}

// provider is the connection to an OpenID provider, made when it is first needed:
// a provider that is down must not keep the server from starting.
type provider struct {
	mu       sync.Mutex
	made     *oidc.Provider
	client   *http.Client
	lastFail time.Time
	failure  error
	flows    map[string]flow
}

func (p *provider) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made, p.client, p.failure = nil, nil, nil
}

func (o *OIDC) label() string {
	if o.Issuer == "" {
		return ""
	}
	if u, err := url.Parse(o.Issuer); o.Name == "" && err == nil {
		return u.Hostname()
	}
	return o.Name
}

// ProviderError says that the provider could not be used, or gave something that
// cannot be accepted.
type ProviderError struct {
	Err error
	// Down says that it was the provider's fault, not the user's.
	Down bool
}

func (e *ProviderError) Error() string { return e.Err.Error() }
func (e *ProviderError) Unwrap() error { return e.Err }

// retryProvider is how long a provider that failed is left alone.
const retryProvider = 5 * time.Second

// discover returns the provider.
func (a *Auth) discover(ctx context.Context, o *OIDC) (*oidc.Provider, *http.Client, error) {
	p := &a.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made != nil {
		return p.made, p.client, nil
	}
	now := a.now()
	if p.failure != nil && now.Sub(p.lastFail) < retryProvider {
		return nil, nil, &ProviderError{p.failure, true}
	}
	client, err := o.client()
	if err != nil {
		return nil, nil, &ProviderError{err, true}
	}
	// The provider keeps this context for later requests for keys.
	made, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), o.Issuer)
	if err != nil {
		p.lastFail, p.failure = now, err
		return nil, nil, &ProviderError{err, true}
	}
	p.made, p.client, p.failure = made, client, nil
	return made, client, nil
}

func (o *OIDC) client() (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("ca_file: holds no PEM certificate")
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t, Timeout: providerTimeout}, nil
}

func (a *Auth) oauth(c *Config, p *oidc.Provider) *oauth2.Config {
	scopes := c.OIDC.Scopes
	if len(scopes) == 0 {
		scopes = []string{"profile", "email"}
	}
	return &oauth2.Config{
		ClientID: c.OIDC.ClientID, ClientSecret: c.OIDC.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: strings.TrimSuffix(c.URL, "/") + CallbackPath, Scopes: append([]string{oidc.ScopeOpenID}, scopes...),
	}
}

// flowCookie binds a login at the provider to the browser that began it: without
// it somebody could make another's browser end his own login.
func (a *Auth) flowCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure with TLS; loopback has none
		Name: a.cookieName(r) + "_login", Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: a.secure(r), SameSite: http.SameSiteLaxMode,
	})
}

// BeginOIDC returns the URL at the provider to send the browser to; back is where
// it wants to be in the end.
func (a *Auth) BeginOIDC(w http.ResponseWriter, r *http.Request, back string) (string, error) {
	c := a.config()
	if c.OIDC.Issuer == "" {
		return "", &ProviderError{Err: errors.New("no provider is configured: see auth.oidc")}
	}
	p, _, err := a.discover(r.Context(), &c.OIDC)
	if err != nil {
		a.log.Warn("the OpenID provider cannot be used", "err", err)
		return "", err
	}
	state := newToken()
	f := flow{nonce: newToken(), verifier: oauth2.GenerateVerifier(), back: LocalPath(back), browser: newToken(), until: a.now().Add(flowFor)}
	if s := a.seal.Load(); s != nil {
		if f.browser, err = s.sealCookie(sealFlow, sealedFlow{State: state, Nonce: f.nonce, Verifier: f.verifier, Back: f.back, Until: f.until}); err != nil {
			return "", &ProviderError{Err: errors.New("the page to come back to has too long an address: log in at the start page")}
		}
	} else {
		a.provider.begin(state, f, a.now())
	}
	a.flowCookie(w, r, f.browser, int(flowFor.Seconds()))
	return a.oauth(c, p).AuthCodeURL(state, oidc.Nonce(f.nonce), oauth2.S256ChallengeOption(f.verifier)), nil
}

func (p *provider) begin(state string, f flow, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flows == nil {
		p.flows = map[string]flow{}
	}
	for k, old := range p.flows {
		if !old.until.After(now) {
			delete(p.flows, k)
		}
	}
	if len(p.flows) >= maxFlows {
		oldest := ""
		for k, old := range p.flows {
			if oldest == "" || old.until.Before(p.flows[oldest].until) {
				oldest = k
			}
		}
		delete(p.flows, oldest)
	}
	p.flows[state] = f
}

// end returns a flow, once.
func (p *provider) end(state string, now time.Time) (flow, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.flows[state]
	delete(p.flows, state)
	return f, ok && f.until.After(now)
}

// EndOIDC ends a login with what the provider sent the browser back with. It
// returns where the browser wanted to be.
func (a *Auth) EndOIDC(w http.ResponseWriter, r *http.Request) (back string, p *Principal, err error) {
	defer func() {
		if err != nil {
			a.logins.WithLabelValues("refused").Inc()
			a.audit.Write(Entry{Action: ActionRefused, Kind: KindUser, From: Address(r), Detail: err.Error()})
		}
	}()
	q := r.URL.Query()
	f, ok := a.flowOf(r, q.Get("state"))
	a.flowCookie(w, r, "", -1)
	if !ok {
		return "", nil, &ProviderError{Err: errors.New("this login was not begun in this browser, or too long ago: log in again")}
	}
	if e := q.Get("error"); e != "" {
		return "", nil, &ProviderError{Err: fmt.Errorf("the provider refused the login: %s", shorten(e+" "+q.Get("error_description")))}
	}
	who, p, err := a.exchange(r.Context(), q.Get("code"), &f)
	if err != nil {
		return "", nil, err
	}
	if err := a.begin(w, r, who, p); err != nil {
		return "", nil, &ProviderError{Err: err}
	}
	return f.back, p, nil
}

// flowOf returns the login that a browser began; false where it did not begin one
// with this state, or too long ago.
func (a *Auth) flowOf(r *http.Request, state string) (flow, bool) {
	cookie, err := r.Cookie(a.cookieName(r) + "_login")
	if err != nil {
		return flow{}, false
	}
	var x sealedFlow
	if a.seal.Load().open(sealFlow, cookie.Value, &x) {
		ok := state != "" && subtle.ConstantTimeCompare([]byte(x.State), []byte(state)) == 1 && a.now().Before(x.Until)
		return flow{nonce: x.Nonce, verifier: x.Verifier, back: x.Back}, ok
	}
	f, ok := a.provider.end(state, a.now())
	return f, ok && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(f.browser)) == 1
}

// exchange turns the code into a user.
func (a *Auth) exchange(ctx context.Context, code string, f *flow) (identity, *Principal, error) {
	c := a.config()
	made, client, err := a.discover(ctx, &c.OIDC)
	if err != nil {
		return identity{}, nil, err
	}
	ctx = oidc.ClientContext(ctx, client)
	token, err := a.oauth(c, made).Exchange(ctx, code, oauth2.VerifierOption(f.verifier))
	if err != nil {
		return identity{}, nil, &ProviderError{Err: fmt.Errorf("the provider does not take its own code: %w", err)}
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return identity{}, nil, &ProviderError{Err: errors.New("the provider sent no id_token"), Down: true}
	}
	id, err := made.Verifier(&oidc.Config{ClientID: c.OIDC.ClientID, Now: a.now}).Verify(ctx, raw)
	if err != nil {
		return identity{}, nil, &ProviderError{Err: fmt.Errorf("the id_token cannot be accepted: %w", err)}
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.nonce)) != 1 {
		return identity{}, nil, &ProviderError{Err: errors.New("the id_token is of another login")}
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return identity{}, nil, &ProviderError{Err: fmt.Errorf("the id_token cannot be read: %w", err)}
	}
	// Groups and names are often in the answer of the userinfo endpoint alone.
	if info, err := made.UserInfo(ctx, oauth2.StaticTokenSource(token)); err == nil && info.Subject == id.Subject {
		more := map[string]any{}
		if info.Claims(&more) == nil {
			for k, v := range more {
				if _, said := claims[k]; !said {
					claims[k] = v
				}
			}
		}
	}
	who := c.identify(claims)
	p := a.userPrincipal(who)
	if p == nil {
		return identity{}, nil, &ProviderError{Err: fmt.Errorf("%s may do nothing here: ask for a role (claim %s)", cmp.Or(who.name, "this user"), cmp.Or(c.OIDC.RoleClaim, "groups"))}
	}
	return who, p, nil
}

// identify makes a user of claims. Its name has a prefix, so that nobody at the
// provider can choose the name of a user of the configuration.
func (c *Config) identify(claims map[string]any) identity {
	o := &c.OIDC
	text := func(name string) string {
		s, _ := claims[name].(string)
		return s
	}
	name := text(o.NameClaim)
	if o.NameClaim == "" {
		if v, said := claims["email_verified"].(bool); !said || v {
			name = text("email")
		}
		name = cmp.Or(name, text("preferred_username"))
	}
	name = cmp.Or(name, text("sub"))
	who := identity{name: "oidc:" + shorten(name)}
	for _, v := range list(claims[cmp.Or(o.RoleClaim, "groups")]) {
		if role := o.Roles[v]; role != "" && !slices.Contains(who.roles, role) {
			who.roles = append(who.roles, role)
		}
	}
	if len(who.roles) == 0 && o.DefaultRole != "" {
		who.roles = []string{o.DefaultRole}
	}
	if o.TenantClaim == "" {
		who.tenants = []string{""}
		return who
	}
	for _, v := range list(claims[o.TenantClaim]) {
		tenant, ok := o.Tenants[v]
		if !ok {
			continue
		}
		if tenant == defaultTenantName {
			tenant = ""
		}
		if !slices.Contains(who.tenants, tenant) {
			who.tenants = append(who.tenants, tenant)
		}
	}
	return who
}

// list reads a claim that is a text or a list of texts.
func list(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

func shorten(s string) string {
	const most = 128
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// LocalPath returns a path of this server that a browser may be sent to, and "/"
// for everything else: an address of another site in a link to the login page
// must lead nowhere.
func LocalPath(s string) string {
	if len(s) > 4096 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return s
}
