package auth

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func declare(t *testing.T, n NewKey, now time.Time) (DeclaredKey, string) {
	t.Helper()
	d, secret, err := n.Declare(now)
	if err != nil {
		t.Fatal(err)
	}
	return d, secret
}

func TestDeclaredKeys(t *testing.T) {
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	d, secret := declare(t, NewKey{
		Name: "checkout", Scopes: []string{ScopeGateway}, Tenant: "acme", Expires: start.Add(time.Hour),
		Gateway: &KeyGateway{Service: "checkout", Models: []string{"gpt-4o*"}, RequestsPerMinute: 5},
	}, start)
	plain, other := declare(t, NewKey{Name: "collector", Scopes: []string{ScopeIngest}}, start)
	a, clk := newAuth(t, func(c *Config) { c.Keys = []DeclaredKey{d, plain} })
	b, _ := newAuth(t, func(c *Config) { c.Keys = []DeclaredKey{d, plain} })
	for _, x := range []*Auth{a, b} { // on every replica
		p := x.Key(secret)
		if p == nil || p.Tenant != "acme" || !p.Can(Gateway) || p.Can(Read) || p.Key.Gateway.Service != "checkout" || p.Key.Gateway.RequestsPerMinute != 5 {
			t.Fatalf("%+v", p)
		}
		if p := x.Key(other); p == nil || !p.Can(Ingest) || p.Tenant != "" {
			t.Fatalf("%+v", p)
		}
		if p := x.Key(secret[:len(secret)-1] + "a"); p != nil && !strings.HasSuffix(secret, "a") {
			t.Error("another secret was taken")
		}
	}
	list := a.Keys().List()
	i := slices.IndexFunc(list, func(k Info) bool { return k.ID == d.ID })
	if len(list) != 2 || i < 0 || !list[i].Declared || list[i].State != "active" || list[i].Hash != "" || !list[i].Created.Equal(start) {
		t.Errorf("list: %+v", list)
	}
	var wrong *RequestError
	if _, err := a.Keys().Revoke(d.ID); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "auth.keys") {
		t.Errorf("revoke: %v", err)
	}
	if a.Key(secret) == nil {
		t.Error("the key went though it could not be revoked")
	}
	clk.pass(2 * time.Hour)
	if a.Key(secret) != nil {
		t.Error("an expired key is taken")
	}
	// What is taken out of the configuration ends with the next reload.
	cfg := testConfig(t)
	cfg.Keys = []DeclaredKey{d}
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if b.Key(other) != nil || len(b.Keys().List()) != 1 {
		t.Error("a key that was taken out lives on")
	}
	// A key of the file is not shadowed, nor made good again when it was revoked.
	info, text, err := b.Keys().Create(NewKey{Name: "own", Scopes: []string{ScopeQuery}}, "me")
	if err != nil || b.Key(text) == nil {
		t.Fatal(err)
	}
	copied := plain
	copied.ID = info.ID
	cfg.Keys = []DeclaredKey{copied}
	if err := b.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Keys().Revoke(info.ID); err != nil || b.Key(text) != nil || len(b.Keys().List()) != 1 {
		t.Errorf("revoke: %v", err)
	}
}

func TestDeclaredKeysAreChecked(t *testing.T) {
	good, _ := declare(t, NewKey{Name: "k", Scopes: []string{ScopeQuery}}, time.Now())
	for want, change := range map[string]func(*DeclaredKey){
		"id":       func(d *DeclaredKey) { d.ID = "short" },
		"hash":     func(d *DeclaredKey) { d.Hash = strings.Repeat("x", 64) },
		"name":     func(d *DeclaredKey) { d.Name = "" },
		"scopes":   func(d *DeclaredKey) { d.Scopes = nil },
		"no scope": func(d *DeclaredKey) { d.Scopes = []string{"everything"} },
		"tenant":   func(d *DeclaredKey) { d.Tenant = "nobody" },
		"expires":  func(d *DeclaredKey) { d.Expires = "tomorrow" },
		"created":  func(d *DeclaredKey) { d.Created = "today" },
		"gateway":  func(d *DeclaredKey) { d.Gateway.Service = "s" },
	} {
		c := testConfig(t)
		d := good
		change(&d)
		c.Keys = []DeclaredKey{d}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	c := testConfig(t)
	if c.Keys = []DeclaredKey{good}; c.Validate() != nil {
		t.Error(c.Validate())
	}
	if c.Keys = []DeclaredKey{good, good}; c.Validate() == nil {
		t.Error("an id twice was taken")
	}
}
