// Package oidc tries the login through an OpenID provider against a real one. It
// is a module of its own: the provider's dependencies are none of Pitot's.
package oidc

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/pitot-dev/pitot/internal/auth"
)

// site is Pitot's part of a login, and the provider's.
type site struct {
	t        *testing.T
	auth     *auth.Auth
	pitot    *httptest.Server
	provider *httptest.Server
}

const (
	loginPath  = "/api/pitot/v1/auth/oidc/login"
	clientID   = "pitot"
	fakeSecret = "not-a-real-secret"
)

func start(t *testing.T, change ...func(*auth.Config)) *site {
	t.Helper()
	s := &site{t: t}
	s.pitot = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.pitot.Close)
	s.provider = httptest.NewUnstartedServer(nil)
	issuer := "http://" + s.provider.Listener.Addr().String()
	storage.RegisterClients(storage.WebClient(clientID, fakeSecret, s.pitot.URL+auth.CallbackPath))
	store := storage.NewStorage(storage.NewUserStore(issuer))
	s.provider.Config.Handler = exampleop.SetupServer(issuer, store, slog.New(slog.DiscardHandler), false)
	s.provider.Start()
	t.Cleanup(s.provider.Close)
	cfg := auth.Config{
		Enabled: true, URL: s.pitot.URL, Tenants: []string{"acme", "acme/web"},
		OIDC: auth.OIDC{
			Issuer: issuer, ClientID: clientID, ClientSecret: fakeSecret, RoleClaim: "email", Roles: map[string]string{"test-user@zitadel.ch": auth.RoleDeveloper},
			TenantClaim: "email", Tenants: map[string]string{"test-user@zitadel.ch": "acme"},
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if s.auth, err = auth.New(auth.Options{Config: cfg, Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.auth.Close() })
	return s
}

// serve is what package api does with the two paths.
func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case loginPath:
		to, err := s.auth.BeginOIDC(w, r, r.URL.Query().Get("return"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	case auth.CallbackPath:
		back, _, err := s.auth.EndOIDC(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, back, http.StatusFound)
	default:
		p, err := s.auth.Authenticate(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, strings.Join([]string{r.URL.RequestURI(), p.Name, strings.Join(p.Roles, "+"), strings.Join(p.Tenants, "+")}, " "))
	}
}

// browser keeps cookies and follows redirects, and remembers them.
type browser struct {
	*http.Client
	t    *testing.T
	went []string
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	b.Client = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		b.went = append(b.went, r.URL.String())
		if len(via) > 10 {
			return errors.New("too many redirects")
		}
		return nil
	}}
	return b
}

func (b *browser) read(resp *http.Response, err error) (int, string, *url.URL) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Request.URL
}

// login goes to Pitot's login, fills in the provider's form, and returns where it
// ends.
func (b *browser) login(s *site, back, user string) (int, string) {
	b.t.Helper()
	status, page, at := b.read(b.Get(s.pitot.URL + loginPath + "?return=" + url.QueryEscape(back)))
	if status != http.StatusOK || !strings.Contains(page, "password") {
		b.t.Fatalf("the provider shows %d %s", status, page)
	}
	status, body, _ := b.read(b.PostForm(s.provider.URL+"/login/username", url.Values{"id": {at.Query().Get("authRequestID")}, "username": {user}, "password": {"verysecure"}}))
	return status, body
}

func TestLogin(t *testing.T) {
	s := start(t)
	b := newBrowser(t)
	if status, body := b.login(s, "/calls?start=-1h", "test-user@127.0.0.1"); status != http.StatusOK || body != "/calls?start=-1h oidc:test-user@zitadel.ch developer acme+acme/web" {
		t.Errorf("%d %s", status, body)
	}
	first, err := url.Parse(b.went[0])
	if err != nil {
		t.Fatal(err)
	}
	q := first.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) < 43 || len(q.Get("state")) < 43 || len(q.Get("nonce")) < 43 || q.Get("response_type") != "code" || !slices.Contains(strings.Fields(q.Get("scope")), "openid") {
		t.Errorf("the provider was asked %s", first)
	}
	// The session is the browser's alone.
	if status, body, _ := newBrowser(t).read(http.Get(s.pitot.URL + "/calls")); status != http.StatusUnauthorized {
		t.Errorf("another browser: %d %s", status, body)
	}
}

func TestReturnStaysHere(t *testing.T) {
	s := start(t)
	for _, back := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"} {
		if status, body := newBrowser(t).login(s, back, "test-user@127.0.0.1"); status != http.StatusOK || !strings.HasPrefix(body, "/ ") {
			t.Errorf("%s: %d %s", back, status, body)
		}
	}
}

func TestUsersWithoutARoleAreRefused(t *testing.T) {
	s := start(t)
	if status, body := newBrowser(t).login(s, "/", "test-user2"); status != http.StatusForbidden || !strings.Contains(body, "ask for a role") {
		t.Errorf("%d %s", status, body)
	}
	all := start(t, func(c *auth.Config) {
		c.OIDC.DefaultRole, c.OIDC.TenantClaim, c.OIDC.Tenants = auth.RoleViewer, "", nil
	})
	if status, body := newBrowser(t).login(all, "/", "test-user2"); status != http.StatusOK || !strings.Contains(body, "viewer") {
		t.Errorf("with a default role: %d %s", status, body)
	}
	none := start(t, func(c *auth.Config) { c.OIDC.Tenants = map[string]string{"others": "acme"} })
	if status, body := newBrowser(t).login(none, "/", "test-user@127.0.0.1"); status != http.StatusForbidden {
		t.Errorf("without a tenant: %d %s", status, body)
	}
}

// TestForeignCallbacksAreRefused: a login ends in the browser that began it, once,
// with the state that it began with.
func TestForeignCallbacksAreRefused(t *testing.T) {
	s := start(t)
	victim, attacker := newBrowser(t), newBrowser(t)
	if status, _ := attacker.login(s, "/", "test-user@127.0.0.1"); status != http.StatusOK {
		t.Fatal(status)
	}
	i := slices.IndexFunc(attacker.went, func(u string) bool { return strings.Contains(u, auth.CallbackPath) })
	callback := attacker.went[i]
	for name, u := range map[string]string{
		"the attacker's own, in another browser": callback,
		"no state":                               s.pitot.URL + auth.CallbackPath + "?code=x",
		"an unknown state":                       s.pitot.URL + auth.CallbackPath + "?code=x&state=y",
	} {
		if status, body, _ := victim.read(victim.Get(u)); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body, _ := attacker.read(attacker.Get(callback)); status != http.StatusForbidden {
		t.Errorf("the same callback again: %d %s", status, body)
	}
	// A state of this browser with a code that the provider did not give for it.
	b := newBrowser(t)
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := b.Get(s.pitot.URL + loginPath)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	code, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	stolen := s.pitot.URL + auth.CallbackPath + "?" + url.Values{"state": {to.Query().Get("state")}, "code": {code.Query().Get("code")}}.Encode()
	if status, body, _ := b.read(b.Get(stolen)); status != http.StatusForbidden {
		t.Errorf("a code of another login: %d %s", status, body)
	}
	resp, err = b.Get(s.pitot.URL + loginPath)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	to, _ = resp.Location()
	refused := s.pitot.URL + auth.CallbackPath + "?" + url.Values{"state": {to.Query().Get("state")}, "error": {"access_denied"}}.Encode()
	if status, body, _ := b.read(b.Get(refused)); status != http.StatusForbidden || !strings.Contains(body, "access_denied") {
		t.Errorf("a refusal of the provider: %d %s", status, body)
	}
}

func TestAProviderThatIsDown(t *testing.T) {
	s := start(t)
	s.provider.Close()
	if status, body, _ := newBrowser(t).read(http.Get(s.pitot.URL + loginPath)); status != http.StatusBadGateway {
		t.Errorf("%d %s", status, body)
	}
}
