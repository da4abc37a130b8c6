package auth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const password = "not-a-real-password"

// quickHash is a hash with the least cost.
func quickHash(t testing.TB, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testConfig(t testing.TB) Config {
	return Config{
		Enabled: true, Tenants: []string{"acme", "acme/web", "beta/api"},
		Users: []User{
			{Name: "vera", PasswordHash: quickHash(t, password), Roles: []string{RoleViewer}},
			{Name: "dev", PasswordHash: quickHash(t, password), Roles: []string{RoleDeveloper}, Tenant: "acme"},
			{Name: "web", PasswordHash: quickHash(t, password), Roles: []string{RoleViewer}, Tenant: "acme", Projects: []string{"web"}},
			{Name: "root", PasswordHash: quickHash(t, password), Roles: []string{RoleAdmin}},
		},
	}
}

func newAuth(t *testing.T, change ...func(*Config)) (*Auth, *clock) {
	t.Helper()
	c := testConfig(t)
	for _, f := range change {
		f(&c)
	}
	clk := &clock{t: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	a, err := New(Options{Config: c, Dir: t.TempDir(), Now: clk.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, clk
}

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func basicAuth(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func TestRolesAndScopesGiveWhatTheirTableSays(t *testing.T) {
	for role, want := range map[string]string{
		RoleViewer: "read", RoleFinance: "read+export", RoleDeveloper: "read+export+content+judge+act", RoleAdmin: "read+export+content+judge+ingest+gateway+act+admin", "other": "",
	} {
		if got := RolePerm(role).String(); got != want {
			t.Errorf("role %s: %s, want %s", role, got, want)
		}
	}
	for scope, want := range map[string]string{
		ScopeIngest: "ingest", ScopeFeedback: "judge", ScopeQuery: "read+export", ScopeContent: "read+export+content", ScopeGateway: "gateway", ScopeAdmin: all.String(), "other": "",
	} {
		if got := ScopePerm(scope).String(); got != want {
			t.Errorf("scope %s: %s, want %s", scope, got, want)
		}
	}
	var nobody *Principal
	if nobody.Can(Read) || nobody.Operator() || nobody.Session() {
		t.Error("nobody may something")
	}
}

func TestKeysComeAsSendersHaveThem(t *testing.T) {
	a, _ := newAuth(t)
	info, secret, err := a.Keys().Create(NewKey{Name: "k", Scopes: []string{ScopeIngest}, Tenant: "acme"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*http.Request{
		"bearer": request("Authorization", "Bearer "+secret), "any case": request("Authorization", "bEARER "+secret), "x-api-key": request("X-API-Key", secret),
		"basic password": request("Authorization", basicAuth("anything", secret)), "basic name": request("Authorization", basicAuth(secret, "")),
		"elasticsearch": request("Authorization", "ApiKey "+secret), "bare": request("Authorization", secret),
	} {
		p, err := a.Authenticate(r)
		if err != nil || p.KeyID != info.ID || p.Tenant != "acme" || p.Perm != Ingest || p.Kind != KindKey {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for name, r := range map[string]*http.Request{
		"changed":       request("X-API-Key", secret[:len(secret)-1]+"!"),
		"another id":    request("X-API-Key", keyPrefix+"aaaaaaaaaa"+secret[len(keyPrefix)+keyIDLength:]),
		"only the id":   request("X-API-Key", keyPrefix+info.ID),
		"other scheme":  request("Authorization", "Digest x"),
		"not a key":     request("Authorization", "Bearer sk-"+strings.Repeat("x", 40)),
		"broken basic":  request("Authorization", "Basic !!!"),
		"empty bearer":  request("Authorization", "Bearer "),
		"another's":     request("X-API-Key", secret, "Authorization", "Bearer wrong"),
		"foreign basic": request("Authorization", basicAuth("x", "y")),
	} {
		if p, err := a.Authenticate(r); err == nil {
			t.Errorf("%s was taken: %+v", name, p)
		}
	}
	if _, err := a.Authenticate(request()); !errors.Is(err, ErrNobody) {
		t.Errorf("no credentials: %v", err)
	}
}

func TestKeysEnd(t *testing.T) {
	a, clk := newAuth(t)
	_, short, err := a.Keys().Create(NewKey{Name: "k", Scopes: []string{ScopeQuery}, Expires: clk.now().Add(time.Hour)}, "")
	if err != nil {
		t.Fatal(err)
	}
	gone, gonesecret, err := a.Keys().Create(NewKey{Name: "k", Scopes: []string{ScopeQuery}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if a.Key(short) == nil || a.Key(gonesecret) == nil {
		t.Fatal("fresh keys are not taken")
	}
	if _, err := a.Keys().Revoke(gone.ID); err != nil {
		t.Fatal(err)
	}
	clk.pass(time.Hour)
	if a.Key(short) != nil {
		t.Error("an expired key is taken")
	}
	if a.Key(gonesecret) != nil {
		t.Error("a revoked key is taken")
	}
	states := map[string]int{}
	for _, k := range a.Keys().List() {
		states[k.State]++
		if k.Hash != "" {
			t.Error("a list shows a hash")
		}
	}
	if states["expired"] != 1 || states["revoked"] != 1 {
		t.Errorf("states: %v", states)
	}
	if _, err := a.Keys().Revoke("nosuchkey0"); !errors.Is(err, ErrNoKey) {
		t.Errorf("revoke of no key: %v", err)
	}
}

// TestAnotherProcessRevokes is `pitot keys revoke` beside a server.
func TestAnotherProcessRevokes(t *testing.T) {
	a, clk := newAuth(t)
	dir := filepath.Dir(a.Keys().path)
	k, secret, err := a.Keys().Create(NewKey{Name: "k", Scopes: []string{ScopeQuery}}, "")
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenStore(dir, clk.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Revoke(k.ID); err != nil {
		t.Fatal(err)
	}
	clk.pass(lookEvery)
	if a.Key(secret) != nil {
		t.Error("a key that another process revoked is taken")
	}
	// A file that is broken changes nothing: neither who may, nor who may not.
	_, more, err := other.Create(NewKey{Name: "m", Scopes: []string{ScopeQuery}}, "")
	if err != nil {
		t.Fatal(err)
	}
	clk.pass(lookEvery)
	if a.Key(more) == nil {
		t.Fatal("a key that another process made is not taken")
	}
	if err := os.WriteFile(a.Keys().path, []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	clk.pass(lookEvery)
	if a.Key(more) == nil || a.Key(secret) != nil || a.Keys().Broken() == nil {
		t.Errorf("with a broken file: %v", a.Keys().Broken())
	}
	if _, _, err := a.Keys().Create(NewKey{Name: "n", Scopes: []string{ScopeQuery}}, ""); err == nil {
		t.Error("a broken file was overwritten")
	}
}

func TestKeysOfTenantsThatAreGoneAreRefused(t *testing.T) {
	a, _ := newAuth(t)
	_, secret, err := a.Keys().Create(NewKey{Name: "k", Scopes: []string{ScopeQuery}, Tenant: "acme"}, "")
	if err != nil {
		t.Fatal(err)
	}
	c := testConfig(t)
	c.Tenants = []string{"beta"}
	c.Users = nil
	if err := a.Reload(c); err != nil {
		t.Fatal(err)
	}
	if a.Key(secret) != nil {
		t.Error("the key of a tenant that is gone is taken")
	}
}

func TestTheFileIsPrivateAndWhole(t *testing.T) {
	a, _ := newAuth(t)
	_, secret, err := a.Keys().Create(NewKey{Name: "k", Scopes: []string{ScopeAdmin}}, "")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(a.Keys().path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(a.Keys().path)
	if err != nil || strings.Contains(string(b), secret[len(keyPrefix)+keyIDLength+1:]) {
		t.Errorf("the file holds the secret: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(a.Keys().path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".auth-") || strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := OpenStore(dir, time.Now)
			if err != nil {
				t.Error(err)
				return
			}
			for range 10 {
				if _, _, err := s.Create(NewKey{Name: "k", Scopes: []string{ScopeQuery}}, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s, err := OpenStore(dir, time.Now)
	if err != nil || len(s.List()) != 40 {
		t.Errorf("%d keys, want 40: %v", len(s.List()), err)
	}
}

func TestPasswords(t *testing.T) {
	hash, err := HashPassword(password)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%s, %v", hash, err)
	}
	if again, _ := HashPassword(password); again == hash {
		t.Error("two hashes have one salt")
	}
	if !verify(hash, password) || verify(hash, password+"x") || verify(hash, "") || verify(hash, strings.Repeat("x", maxPassword+1)) {
		t.Error("argon2id")
	}
	if b := quickHash(t, password); !verify(b, password) || verify(b, "x") || CheckHash(b) != nil {
		t.Error("bcrypt")
	}
	if _, err := HashPassword("short"); err == nil {
		t.Error("a short password was hashed")
	}
	for name, h := range map[string]string{
		"plain text": "hunter2hunter2", "empty": "", "md5": "$1$x$y", "too much memory": strings.Replace(hash, "m=19456", "m=4000000000", 1),
		"no salt": "$argon2id$v=19$m=19456,t=2,p=1$$AAAA", "argon2i": strings.Replace(hash, "argon2id", "argon2i", 1), "old version": strings.Replace(hash, "v=19", "v=16", 1),
		"no threads": strings.Replace(hash, "p=1", "p=0", 1), "half": hash[:40], "costly bcrypt": "$2a$31$" + strings.Repeat("a", 53),
	} {
		if CheckHash(h) == nil {
			t.Errorf("%s is taken for a hash: %s", name, h)
		}
	}
}

func login(t *testing.T, a *Auth, name, password string) (*http.Cookie, *http.Response, error) {
	t.Helper()
	w := httptest.NewRecorder()
	_, err := a.Login(w, request(), name, password)
	for _, c := range w.Result().Cookies() {
		if c.Value != "" {
			return c, w.Result(), err
		}
	}
	return nil, w.Result(), err
}

func with(c *http.Cookie) *http.Request {
	r := request()
	r.AddCookie(c)
	return r
}

func TestSessions(t *testing.T) {
	a, clk := newAuth(t)
	c, _, err := login(t, a, "dev", password)
	if err != nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || c.Path != "/" || c.Name != cookiePlain {
		t.Fatalf("cookie %+v, %v", c, err)
	}
	p, err := a.Authenticate(with(c))
	if err != nil || p.Name != "dev" || p.Tenant != "acme" || !p.Session() {
		t.Fatalf("%+v, %v", p, err)
	}
	// A new login has a new token, and the old one is over.
	w := httptest.NewRecorder()
	if _, err := a.Login(w, with(c), "dev", password); err != nil {
		t.Fatal(err)
	}
	next := w.Result().Cookies()[0]
	if _, err := a.Authenticate(with(c)); !errors.Is(err, ErrNobody) || next.Value == c.Value {
		t.Errorf("the session before the login lives on: %v", err)
	}
	// It ends when it is not used, and at its end when it is.
	clk.pass(time.Hour)
	if _, err := a.Authenticate(with(next)); err != nil {
		t.Error(err)
	}
	clk.pass(2 * time.Hour)
	if _, err := a.Authenticate(with(next)); !errors.Is(err, ErrNobody) {
		t.Errorf("an idle session: %v", err)
	}
	long, _, _ := login(t, a, "dev", password)
	for range 11 {
		clk.pass(time.Hour)
		if _, err := a.Authenticate(with(long)); err != nil {
			t.Fatal(err)
		}
	}
	clk.pass(time.Hour)
	if _, err := a.Authenticate(with(long)); !errors.Is(err, ErrNobody) {
		t.Errorf("a session past its end: %v", err)
	}
	// A logout ends it at the server, not only in the browser.
	out, _, _ := login(t, a, "dev", password)
	w = httptest.NewRecorder()
	a.Logout(w, with(out))
	if _, err := a.Authenticate(with(out)); !errors.Is(err, ErrNobody) || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("after the logout: %v", err)
	}
	// So does an administrator, and a change of the configuration.
	one, _, _ := login(t, a, "dev", password)
	if n := a.EndSessions("dev"); n != 1 {
		t.Errorf("%d sessions ended", n)
	}
	if _, err := a.Authenticate(with(one)); err == nil {
		t.Error("a session that was ended lives on")
	}
	two, _, _ := login(t, a, "dev", password)
	cfg := testConfig(t)
	cfg.Users[1].Roles, cfg.Users[1].PasswordHash = []string{RoleViewer}, a.config().Users[1].PasswordHash
	if err := a.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if p, err := a.Authenticate(with(two)); err != nil || p.Can(Content) {
		t.Errorf("a role that was taken away: %+v, %v", p, err)
	}
	cfg.Users = slices.Clone(cfg.Users)
	cfg.Users[1].PasswordHash = quickHash(t, password)
	if err := a.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(with(two)); !errors.Is(err, ErrNobody) {
		t.Errorf("after a new password: %v", err)
	}
	three, _, err := login(t, a, "dev", password)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Users = cfg.Users[:1]
	if err := a.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(with(three)); !errors.Is(err, ErrNobody) {
		t.Errorf("a user who was removed: %v", err)
	}
}

// TestStill: what an answer that lasts asks again and again.
func TestStill(t *testing.T) {
	newKey := func(t *testing.T, a *Auth, n NewKey) (*Principal, string) {
		info, key, err := a.Keys().Create(n, "")
		if err != nil {
			t.Fatal(err)
		}
		return a.Key(key), info.ID
	}
	reload := func(t *testing.T, a *Auth, change func(*Config)) {
		c := *a.config()
		c.Users = slices.Clone(c.Users)
		change(&c)
		if err := a.Reload(c); err != nil {
			t.Fatal(err)
		}
	}
	byPassword := func(t *testing.T, a *Auth, _ *clock) *Principal {
		p, err := a.Authenticate(request("Authorization", basicAuth("dev", password)))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	bySession := func(t *testing.T, a *Auth, _ *clock) *Principal {
		c, _, err := login(t, a, "dev", password)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Authenticate(with(c))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		who func(*testing.T, *Auth, *clock) *Principal
		end func(*testing.T, *Auth, *clock, *Principal)
	}{
		"a key that is revoked": {func(t *testing.T, a *Auth, _ *clock) *Principal {
			p, _ := newKey(t, a, NewKey{Name: "k", Scopes: []string{ScopeContent}})
			return p
		}, func(t *testing.T, a *Auth, _ *clock, p *Principal) {
			if _, err := a.Keys().Revoke(p.KeyID); err != nil {
				t.Fatal(err)
			}
		}},
		"a key that expires": {func(t *testing.T, a *Auth, clk *clock) *Principal {
			p, _ := newKey(t, a, NewKey{Name: "k", Scopes: []string{ScopeQuery}, Expires: clk.now().Add(time.Minute)})
			return p
		}, func(_ *testing.T, _ *Auth, clk *clock, _ *Principal) { clk.pass(time.Minute) }},
		"a session that is ended": {bySession, func(_ *testing.T, a *Auth, _ *clock, _ *Principal) { a.EndSessions("dev") }},
		"a session that is idle":  {bySession, func(_ *testing.T, _ *Auth, clk *clock, _ *Principal) { clk.pass(3 * time.Hour) }},
		"a session, new password": {bySession, func(t *testing.T, a *Auth, _ *clock, _ *Principal) {
			reload(t, a, func(c *Config) { c.Users[1].PasswordHash = quickHash(t, "other") })
		}},
		"a password that is new": {byPassword, func(t *testing.T, a *Auth, _ *clock, _ *Principal) {
			reload(t, a, func(c *Config) { c.Users[1].PasswordHash = quickHash(t, "other") })
		}},
		"a user who is gone": {byPassword, func(t *testing.T, a *Auth, _ *clock, _ *Principal) {
			reload(t, a, func(c *Config) { c.Users = c.Users[:1] })
		}},
		"a role that was taken": {byPassword, func(t *testing.T, a *Auth, _ *clock, _ *Principal) {
			reload(t, a, func(c *Config) { c.Users[1].Roles = []string{RoleViewer} })
		}},
		"a tenant that was taken": {byPassword, func(t *testing.T, a *Auth, _ *clock, _ *Principal) {
			reload(t, a, func(c *Config) { c.Users[1].Tenant = "beta" })
		}},
	} {
		a, clk := newAuth(t)
		p := c.who(t, a, clk)
		for range 3 {
			clk.pass(10 * time.Second)
			if !a.Still(p) {
				t.Fatalf("%s: not any more, before", name)
			}
		}
		c.end(t, a, clk, p)
		if a.Still(p) {
			t.Errorf("%s: still", name)
		}
	}
	// More roles are no harm, and asking is no use of a session.
	a, clk := newAuth(t)
	p := bySession(t, a, clk)
	reload(t, a, func(c *Config) { c.Users[1].Roles = []string{RoleDeveloper, RoleAdmin} })
	clk.pass(119 * time.Minute)
	if !a.Still(p) {
		t.Error("with one more role")
	}
	clk.pass(2 * time.Minute)
	if a.Still(p) {
		t.Error("asking kept a session alive")
	}
}

// TestLongNamesTakeNoMemory: what is remembered of strangers' attempts is bounded.
func TestLongNamesTakeNoMemory(t *testing.T) {
	a, clk := newAuth(t)
	long := strings.Repeat("x", 60<<10)
	for i := range 10 {
		r := request("Authorization", basicAuth(long+string(rune('a'+i)), "wrong"))
		if _, err := a.Authenticate(r); !errors.Is(err, ErrBad) {
			t.Fatal(err)
		}
	}
	n := 0
	for k := range a.attempts.m {
		n += len(k)
	}
	if n > 10_000 || len(a.attempts.m) != 21 {
		t.Errorf("%d names have %d bytes", len(a.attempts.m), n)
	}
	// They are told apart, and counted, as others are.
	for range 5 {
		a.attempts.fail(clk.now(), time.Hour, long, "192.0.2.1")
	}
	if a.attempts.wait(clk.now(), 5, long, "192.0.2.1") == 0 || a.attempts.wait(clk.now(), 5, long+"y", "192.0.2.1") != 0 {
		t.Error("long names are counted wrongly")
	}
}

func TestCookiesAreSecureWithTLS(t *testing.T) {
	a, _ := newAuth(t, func(c *Config) { c.URL = "https://pitot.example.com" })
	c, _, err := login(t, a, "dev", password)
	if err != nil || !c.Secure || c.Name != cookieSecure {
		t.Errorf("cookie %+v, %v", c, err)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	var s sessions
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	first := s.start(identity{name: "u"}, "", now)
	for i := range maxUserSessions {
		s.start(identity{name: "u"}, "", now.Add(time.Duration(i+1)*time.Second))
	}
	if len(s.m) != maxUserSessions {
		t.Errorf("%d sessions", len(s.m))
	}
	if _, ok := s.get(first, now, time.Hour, time.Hour, true); ok {
		t.Error("the oldest session was kept")
	}
}

func TestGuessingHasToWait(t *testing.T) {
	a, clk := newAuth(t)
	try := func(from, name, pass string) error {
		r := request("Authorization", basicAuth(name, pass))
		r.RemoteAddr = from + ":1234"
		_, err := a.Authenticate(r)
		return err
	}
	for range 5 {
		if err := try("192.0.2.1", "dev", "wrong"); !errors.Is(err, ErrBad) {
			t.Fatal(err)
		}
	}
	var limited *LimitError
	if err := try("192.0.2.1", "dev", password); !errors.As(err, &limited) || limited.Wait <= 0 {
		t.Fatalf("the right password after five wrong ones: %v", err)
	}
	// From elsewhere the owner of the name gets in.
	if err := try("192.0.2.9", "dev", password); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	clk.pass(6 * time.Minute)
	if err := try("192.0.2.1", "dev", password); err != nil {
		t.Errorf("after the window: %v", err)
	}
	// One password with many names, from one network.
	for i := range 50 {
		_ = try("2001:db8::"+string(rune('a'+i%6)), "name"+string(rune('a'+i%26))+string(rune('a'+i/26)), "wrong")
	}
	if err := try("2001:db8::99", "root", password); !errors.As(err, &limited) {
		t.Errorf("from a network that guesses: %v", err)
	}
}

func TestUnknownNamesLookLikeWrongPasswords(t *testing.T) {
	a, _ := newAuth(t)
	for _, name := range []string{"dev", "nobody"} {
		if _, err := a.Authenticate(request("Authorization", basicAuth(name, "wrong"))); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 4 {
		_, _ = a.Authenticate(request("Authorization", basicAuth("nobody", "wrong")))
	}
	var limited *LimitError
	if _, err := a.Authenticate(request("Authorization", basicAuth("nobody", "wrong"))); !errors.As(err, &limited) {
		t.Errorf("an unknown name is not limited as others are: %v", err)
	}
}

func TestTenantsThatAUserMayChoose(t *testing.T) {
	a, _ := newAuth(t)
	for name, want := range map[string][]string{
		"vera": {""}, "dev": {"acme", "acme/web"}, "web": {"acme/web"}, "root": {"", "acme", "acme/web", "beta", "beta/api"},
	} {
		p, err := a.Authenticate(request("Authorization", basicAuth(name, password)))
		if err != nil || !slices.Equal(p.Tenants, want) || p.Tenant != want[0] {
			t.Errorf("%s: %+v, %v, want %v", name, p, err, want)
		}
	}
	if p, err := a.Authenticate(request("Authorization", basicAuth("dev", password), TenantHeader, "acme/web")); err != nil || p.Tenant != "acme/web" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, other := range []string{"", "beta", "beta/api", "acme/other", "ACME"} {
		if p, err := a.Authenticate(request("Authorization", basicAuth("dev", password), TenantHeader, other)); !errors.Is(err, ErrTenant) {
			t.Errorf("dev chooses %q: %+v, %v", other, p, err)
		}
	}
	c, _, _ := login(t, a, "dev", password)
	p, _ := a.Authenticate(with(c))
	if _, err := a.Choose(httptest.NewRecorder(), with(c), p, "beta"); !errors.Is(err, ErrTenant) {
		t.Errorf("a session chooses another's tenant: %v", err)
	}
	if _, err := a.Choose(httptest.NewRecorder(), with(c), p, "acme/web"); err != nil {
		t.Error(err)
	}
	if p, _ := a.Authenticate(with(c)); p.Tenant != "acme/web" {
		t.Errorf("the session shows %q", p.Tenant)
	}
}

func TestOffIsOpen(t *testing.T) {
	a, _ := newAuth(t, func(c *Config) { c.Enabled = false })
	p, err := a.Authenticate(request("Authorization", "Bearer whatever"))
	if err != nil || p.Kind != KindOpen || !p.Can(all) {
		t.Errorf("%+v, %v", p, err)
	}
	if a.Audit() != nil {
		t.Error("there is an audit log")
	}
	a.Audit().Write(Entry{Action: ActionChange}) // is dropped
}

func TestConfigIsChecked(t *testing.T) {
	hash := quickHash(t, password)
	for name, c := range map[string]Config{
		"tenant's name":       {Tenants: []string{"Acme Inc"}},
		"tenant of a user":    {Users: []User{{Name: "u", PasswordHash: hash, Roles: []string{RoleViewer}, Tenant: "acme"}}},
		"project of a user":   {Tenants: []string{"acme"}, Users: []User{{Name: "u", PasswordHash: hash, Roles: []string{RoleViewer}, Tenant: "acme", Projects: []string{"web"}}}},
		"plain password":      {Users: []User{{Name: "u", PasswordHash: password, Roles: []string{RoleViewer}}}},
		"no role":             {Users: []User{{Name: "u", PasswordHash: hash}}},
		"unknown role":        {Users: []User{{Name: "u", PasswordHash: hash, Roles: []string{"god"}}}},
		"colon":               {Users: []User{{Name: "u:x", PasswordHash: hash, Roles: []string{RoleViewer}}}},
		"twice":               {Users: []User{{Name: "u", PasswordHash: hash, Roles: []string{RoleViewer}}, {Name: "u", PasswordHash: hash, Roles: []string{RoleAdmin}}}},
		"ingest":              {Ingest: "sometimes"},
		"url with a path":     {URL: "https://x.example/y"},
		"provider, no url":    {OIDC: OIDC{Issuer: "https://idp.example", ClientID: "x", DefaultRole: RoleViewer}},
		"provider over http":  {URL: "https://x.example", OIDC: OIDC{Issuer: "http://idp.example", ClientID: "x", DefaultRole: RoleViewer}},
		"provider, no roles":  {URL: "https://x.example", OIDC: OIDC{Issuer: "https://idp.example", ClientID: "x"}},
		"provider's tenant":   {URL: "https://x.example", OIDC: OIDC{Issuer: "https://idp.example", ClientID: "x", DefaultRole: RoleViewer, TenantClaim: "t", Tenants: map[string]string{"a": "acme"}}},
		"audit log too small": {Audit: AuditConfig{MaxSize: 1000}},
	} {
		if c.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
	good := testConfig(t)
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/calls?x=1": "/calls?x=1", "/": "/", "": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example": "/", "javascript:alert(1)": "/",
		"/\t/evil.example": "/", "/%2f/evil": "/", "/calls\r\nSet-Cookie: x": "/", "calls": "/", "///x": "/",
	} {
		if got := LocalPath(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/a?b=//c", "/%2f%2fx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := LocalPath(s)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, "/\\") || strings.ContainsAny(got, "\r\n\t") {
			t.Errorf("%q leads to %q", s, got)
		}
	})
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"keys":[]}`))
	f.Add([]byte(`{"version":1,"keys":[null]}`))
	f.Add([]byte(`{"version":1,"keys":[{"id":"aaaaaaaaaa","hash":"` + strings.Repeat("0", 64) + `","scopes":["query"]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseFile(b)
		if err != nil {
			return
		}
		for id, k := range keys {
			if k == nil || k.ID != id || k.Perm() > all {
				t.Errorf("%s: %+v", id, k)
			}
		}
	})
}

func FuzzCheckHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$2a$04$x")
	f.Fuzz(func(_ *testing.T, s string) { _ = CheckHash(s) })
}

func BenchmarkAuthenticateKey(b *testing.B) {
	clk := &clock{t: time.Now()}
	a, err := New(Options{Config: testConfig(b), Dir: b.TempDir(), Now: clk.now})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	_, secret, err := a.Keys().Create(NewKey{Name: "k", Scopes: []string{ScopeIngest}}, "")
	if err != nil {
		b.Fatal(err)
	}
	r := request("Authorization", "Bearer "+secret)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}
