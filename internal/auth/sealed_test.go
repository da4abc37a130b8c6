package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// secretFile is a file with bytes that are no real secret.
func secretFile(t *testing.T, fill string, n int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(strings.Repeat(fill, n)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// replicas are two processes with one configuration and one clock.
func replicas(t *testing.T, change ...func(*Config)) (a, b *Auth, clk *clock) {
	t.Helper()
	file := secretFile(t, "x", 32)
	users := testConfig(t).Users // with the same hashes
	change = append(change, func(c *Config) { c.Session.SecretFile, c.Users = file, users })
	a, clk = newAuth(t, change...)
	b, _ = newAuth(t, change...)
	b.now = clk.now
	return a, b, clk
}

func TestSealedSessionsHoldOnEveryReplica(t *testing.T) {
	a, b, clk := replicas(t)
	c, _, err := login(t, a, "dev", password)
	if err != nil || !c.HttpOnly || len(c.Value) > maxSealed {
		t.Fatalf("%+v %v", c, err)
	}
	if strings.Contains(c.Value, "dev") || !strings.HasPrefix(c.Value, sealedPrefix) {
		t.Errorf("token %q", c.Value)
	}
	p, err := b.Authenticate(with(c))
	if err != nil || p.Name != "dev" || p.Tenant != "acme" || !p.Session() || !p.Can(Content) {
		t.Fatalf("at the other replica: %+v %v", p, err)
	}
	// A chosen tenant goes along.
	w := httptest.NewRecorder()
	if q, err := b.Choose(w, with(c), p, "acme/web"); err != nil || q.Tenant != "acme/web" {
		t.Fatalf("choose: %+v %v", q, err)
	}
	chosen := w.Result().Cookies()[0]
	if p, err := a.Authenticate(with(chosen)); err != nil || p.Tenant != "acme/web" {
		t.Errorf("the tenant that was chosen at the other replica: %+v %v", p, err)
	}
	if _, err := b.Choose(httptest.NewRecorder(), with(c), p, "beta"); !errors.Is(err, ErrTenant) {
		t.Errorf("another's tenant: %v", err)
	}
	// Roles are those of the configuration now.
	cfg := *b.config()
	cfg.Users = append([]User{}, cfg.Users...)
	cfg.Users[1].Roles = []string{RoleViewer}
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if p, err := b.Authenticate(with(c)); err != nil || p.Can(Content) {
		t.Errorf("a role that was taken away: %+v %v", p, err)
	}
	// A new password ends the sessions of the old one.
	cfg.Users[1].PasswordHash = quickHash(t, "another-password")
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(with(c)); !errors.Is(err, ErrNobody) {
		t.Errorf("after a new password: %v", err)
	}
	// A logout ends it where it was done, and the browser forgets it.
	out := httptest.NewRecorder()
	a.Logout(out, with(c))
	if _, err := a.Authenticate(with(c)); !errors.Is(err, ErrNobody) || out.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("after the logout: %v", err)
	}
	if _, err := a.Authenticate(with(chosen)); !errors.Is(err, ErrNobody) {
		t.Errorf("after the logout, the token with the tenant: %v", err)
	}
	clk.pass(time.Second)
	one, _, _ := login(t, a, "dev", password)
	if _, err := a.Authenticate(with(one)); err != nil {
		t.Fatal(err)
	}
	a.EndSessions("dev")
	if _, err := a.Authenticate(with(one)); !errors.Is(err, ErrNobody) {
		t.Errorf("after an administrator ended it: %v", err)
	}
	clk.pass(time.Second)
	two, _, _ := login(t, a, "dev", password)
	if _, err := a.Authenticate(with(two)); err != nil {
		t.Errorf("a login after that: %v", err)
	}
}

func TestSealedSessionsEnd(t *testing.T) {
	a, b, clk := replicas(t)
	c, _, _ := login(t, a, "dev", password)
	clk.pass(119 * time.Minute)
	if _, err := b.Authenticate(with(c)); err != nil {
		t.Fatal(err)
	}
	clk.pass(2 * time.Minute)
	if _, err := b.Authenticate(with(c)); !errors.Is(err, ErrNobody) {
		t.Errorf("an idle session: %v", err)
	}
	// One that is used is renewed, up to its end, and not with every request.
	c, _, _ = login(t, a, "dev", password)
	renewed := 0
	for i := range 24 {
		clk.pass(30 * time.Minute)
		x := []*Auth{a, b}[i%2]
		p, err := x.Authenticate(with(c))
		if i == 23 {
			if !errors.Is(err, ErrNobody) {
				t.Errorf("past its end: %v", err)
			}
			break
		}
		if err != nil {
			t.Fatalf("after %d half hours: %v", i+1, err)
		}
		for range 2 {
			w := httptest.NewRecorder()
			x.Renew(w, with(c), p)
			for _, next := range w.Result().Cookies() {
				renewed++
				if left := 12*time.Hour - time.Duration(i+1)*30*time.Minute; next.MaxAge != int(left.Seconds()) {
					t.Errorf("cookie for %d s, want %v", next.MaxAge, left)
				}
				c = next
			}
			p, _ = x.Authenticate(with(c))
		}
	}
	if renewed != 23 {
		t.Errorf("renewed %d times", renewed)
	}
}

func TestSealedSessionsAreNotForged(t *testing.T) {
	a, _, _ := replicas(t)
	other, _ := newAuth(t, func(c *Config) { c.Session.SecretFile = secretFile(t, "y", 32) })
	plain, _ := newAuth(t)
	c, _, _ := login(t, a, "vera", password)
	try := func(what string, x *Auth, token string) {
		t.Helper()
		r := with(&http.Cookie{Name: c.Name, Value: token})
		if p, err := x.Authenticate(r); !errors.Is(err, ErrNobody) {
			t.Errorf("%s: %+v %v", what, p, err)
		}
	}
	try("with another secret", other, c.Value)
	try("without a secret", plain, c.Value)
	try("cut", a, c.Value[:len(c.Value)-4])
	try("empty", a, sealedPrefix)
	try("huge", a, sealedPrefix+strings.Repeat("A", 1<<20))
	try("another version", a, "s2."+strings.TrimPrefix(c.Value, sealedPrefix))
	for i := len(sealedPrefix); i < len(c.Value)-1; i++ { // the last character has bits without meaning
		b := []byte(c.Value)
		if b[i] = 'A'; c.Value[i] == 'A' {
			b[i] = 'B'
		}
		try("changed", a, string(b))
	}
	// What was sealed for another purpose is no session.
	flow, err := a.seal.Load().seal(sealFlow, sealedSession{ID: "x", Name: "root", Created: a.now().UnixMilli(), Used: a.now().UnixMilli(), Roles: []string{RoleAdmin}, Tenants: []string{""}})
	if err != nil {
		t.Fatal(err)
	}
	try("of a login at a provider", a, flow)
	// A user of the provider cannot be one of the configuration.
	if who := a.config().identify(map[string]any{"email": "root", "groups": "x"}); who.name != "oidc:root" {
		t.Errorf("%+v", who)
	}
}

func TestSealedSessionsOfAProvider(t *testing.T) {
	a, b, _ := replicas(t)
	for _, x := range []*Auth{a, b} {
		c := *x.config()
		c.URL, c.OIDC = "http://pitot.example.com", OIDC{Issuer: "https://idp.example.com", ClientID: "pitot", DefaultRole: RoleViewer}
		if err := x.Reload(c); err != nil {
			t.Fatal(err)
		}
	}
	roles := identity{name: "oidc:u", roles: []string{RoleDeveloper}, tenants: []string{"acme"}}
	token, err := a.startSealed(a.seal.Load(), roles, "acme")
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Authenticate(with(&http.Cookie{Name: cookiePlain, Value: token}))
	if err != nil || p.Name != "oidc:u" || !p.Can(Content) || p.Can(Admin) || strings.Join(p.Tenants, " ") != "acme acme/web" {
		t.Errorf("%+v %v", p, err)
	}
	roles.tenants = []string{strings.Repeat("long", 1000)}
	if _, err := a.startSealed(a.seal.Load(), roles, ""); err == nil {
		t.Error("a session that fits into no cookie began")
	}
	// Where the provider is none any more, its users are not either.
	c := *b.config()
	c.OIDC = OIDC{}
	if err := b.Reload(c); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(with(&http.Cookie{Name: cookiePlain, Value: token})); !errors.Is(err, ErrNobody) {
		t.Errorf("a user of a provider that was removed: %v", err)
	}
}

func TestSecretFileIsChecked(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"short": strings.Repeat("x", 31) + "\n", "huge": strings.Repeat("x", maxSecret+1)} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSealer(file); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := readSealer(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there was taken")
	}
	// A reload with a broken file leaves all as it was.
	a, _, _ := replicas(t)
	c, _, _ := login(t, a, "dev", password)
	cfg := *a.config()
	cfg.Session.SecretFile = filepath.Join(dir, "short")
	if err := a.Reload(cfg); err == nil {
		t.Error("a reload took it")
	}
	if _, err := a.Authenticate(with(c)); err != nil {
		t.Error(err)
	}
}

func FuzzOpenSealed(f *testing.F) {
	s := &sealer{[]byte(strings.Repeat("x", 32))}
	token, err := s.seal(sealSession, sealedSession{ID: "i", Name: "n"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add(sealedPrefix + "AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		var x sealedSession
		if s.open(sealSession, text, &x) && x.Name != "n" {
			t.Errorf("%q is a session of %q", text, x.Name)
		}
	})
}

// gossip connects two replicas: what one tells the other hears.
func gossip(t *testing.T, a, b *Auth) {
	t.Helper()
	for from, to := range map[*Auth]*Auth{a: b, b: a} {
		from.Ended().SetBroadcast(func(m []byte) {
			if err := to.Ended().Merge(m); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEndedSessionsAreTold: a logout, and sessions that an administrator ends, count
// at the replicas that are told, and at those that come later.
func TestEndedSessionsAreTold(t *testing.T) {
	a, b, clk := replicas(t)
	gossip(t, a, b)
	out := func(x *Auth, c *http.Cookie) bool {
		_, err := x.Authenticate(with(c))
		return errors.Is(err, ErrNobody)
	}
	one, _, _ := login(t, a, "dev", password)
	other, _, _ := login(t, a, "dev", password)
	vera, _, _ := login(t, b, "vera", password)
	a.Logout(httptest.NewRecorder(), with(one))
	if !out(a, one) || !out(b, one) || out(b, other) || out(a, vera) {
		t.Error("a logout does not end one session at every replica")
	}
	b.EndSessions("dev")
	if !out(a, other) || !out(b, other) || out(a, vera) {
		t.Error("sessions that were ended at one replica go on at another")
	}
	clk.pass(time.Second)
	if again, _, _ := login(t, a, "dev", password); out(a, again) || out(b, again) {
		t.Error("the next login is over, too")
	}
	// One that starts later hears of all.
	late, err := New(Options{Config: *a.config(), Dir: t.TempDir(), Now: clk.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = late.Close() })
	all, err := b.Ended().MarshalBinary()
	if err != nil || strings.Contains(string(all), "dev") {
		t.Fatalf("%q %v", all, err)
	}
	if out(late, one) || late.Ended().Merge(all) != nil || !out(late, one) || !out(late, other) || out(late, vera) {
		t.Error("a replica that comes later does not hear what was ended")
	}
	// Who does not have the secret ends nothing, and a cookie is no such message.
	stranger, _ := newAuth(t, func(c *Config) { c.Session.SecretFile = secretFile(t, "y", 32) })
	stranger.EndSessions("vera")
	forged, err := stranger.Ended().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{string(forged), vera.Value, "x", sealedPrefix, `[{"u":"vera","t":99999999999999}]`} {
		if a.Ended().Merge([]byte(m)) == nil || out(a, vera) {
			t.Errorf("%.20q ended sessions", m)
		}
	}
	// Where sessions are in memory there is nothing to tell.
	plain, _ := newAuth(t)
	if m, err := plain.Ended().MarshalBinary(); err != nil || len(m) > 0 || plain.Ended().Merge(nil) != nil || plain.Ended().Merge(all) == nil {
		t.Errorf("%q %v", m, err)
	}
	for i := range maxOver + 100 {
		a.Ended().end(ended{User: strconv.Itoa(i), At: clk.now().UnixMilli() + int64(i)})
	}
	if n := len(a.over.users); n > maxOver {
		t.Errorf("%d are remembered", n)
	}
}
