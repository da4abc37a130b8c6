//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// TestEraseOfATenant erases the user u of the tenant acme, with the commands that
// an administrator of the default tenant has; the user u of the default tenant
// stays as he was. Then acme is taken out of the list, and what is left of it can
// still be seen and cleaned.
func TestEraseOfATenant(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	admin := key(t, data, "admin", "--scope=admin")
	gateways := map[string]string{"": key(t, data, "home", "--scope=gateway"), "acme": key(t, data, "acme", "--scope=gateway", "--for-tenant=acme")}
	others := [][]string{
		bearer(key(t, data, "acme-admin", "--scope=admin", "--for-tenant=acme")), append(basic("acme-admin"), "X-Pitot-Tenant", ""), basic("beta-admin"), basic("home-developer"), nil,
	}
	more := "labels: {user: {from: user}}\nbudgets:\n  - {name: each, each: user, unit: tokens, limit: 100000000}\n"
	config := accessConfig(chatUpstream(t)) + more
	s := serve(t, setup{data: data, config: config}).ready()
	const own = 6
	for tenant, gw := range gateways {
		for i := range 3 * own {
			user, word := "neighbour", "somebody else asks"
			if i%3 == 0 {
				user, word = "u-4711", or(tenant, "home")+"canary asks"
				if i%2 == 0 && tenant == "acme" {
					user = "u-acmecanary" // of this tenant alone
				}
			}
			status, b := s.post("/up/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"`+word+`"}]}`, "Authorization", "Bearer "+gw, "X-Pitot-Service", "shop", "X-Pitot-User", user)
			if status != http.StatusOK {
				t.Fatalf("%d %s", status, b)
			}
		}
	}
	calls := func(tenant, user string) int {
		t.Helper()
		cred := bearer(admin)
		if tenant != "" {
			cred = append(basic("home-admin"), "X-Pitot-Tenant", tenant)
		}
		_, b := s.as(http.MethodGet, "/api/pitot/v1/calls?start=-1h&limit=100&user="+user, "", cred)
		return strings.Count(b, `"request_model":"m"`) + strings.Count(b, `"request_model": "m"`)
	}
	testkit.Eventually(t, "all calls", func() bool {
		return calls("", "u-4711") == own && calls("acme", "u-4711") == own/2 && calls("acme", "u-acmecanary") == own/2 && calls("acme", "neighbour") == 2*own
	})
	testkit.Eventually(t, "words on disk", func() bool {
		words := []string{"acmecanary", "homecanary"}
		hits, _, err := residue.Find(data, words...)
		if err != nil {
			t.Fatal(err)
		}
		found, metrics := map[string]bool{}, false
		for _, h := range hits {
			found[h.Needle] = true
			metrics = metrics || h.Needle == "acmecanary" && strings.HasPrefix(h.File, "metrics")
		}
		return len(found) == len(words) && metrics
	})
	for _, cred := range others {
		for _, path := range []string{"/api/pitot/v1/admin/data/erase", "/api/pitot/v1/admin/data/erase?tenant=acme", "/api/pitot/v1/admin/data/clean?tenant=acme"} {
			if status, b := s.as(http.MethodPost, path, `{"user":"u-4711","dry_run":false}`, cred); status != http.StatusForbidden && status != http.StatusUnauthorized {
				t.Errorf("%v: %s: %d %s", cred, path, status, b)
			}
		}
	}
	run := func(args ...string) string {
		t.Helper()
		out, errs, code := pitot(t, nil, append([]string{"data"}, append(args, "--server", s.api, "--api-key", admin)...)...)
		if code != 0 {
			t.Fatalf("pitot data %v: %d: %s", args, code, errs)
		}
		return out
	}
	if out := run("stats", "--by=tenant"); !strings.Contains(out, "acme") || !strings.Contains(out, "(default)") {
		t.Errorf("stats: %s", out)
	}
	if out := run("erase", "--tenant=acme", "--user=u-4711"); !strings.Contains(out, fmt.Sprintf("would erase %d call of the tenant acme", own/2)) {
		t.Errorf("dry run: %s", out)
	}
	for _, user := range []string{"u-4711", "u-acmecanary"} {
		if out := run("erase", "--tenant=acme", "--user="+user, "--yes"); !strings.Contains(out, fmt.Sprintf("erased %d call of the tenant acme", own/2)) || user == "u-4711" && !strings.Contains(out, "its account stays") {
			t.Errorf("erase: %s", out)
		}
	}
	if got := calls("", "u-4711"); got != own {
		t.Errorf("the default tenant's user has %d calls left, want %d", got, own)
	}
	if a, b, n := calls("acme", "u-4711"), calls("acme", "u-acmecanary"), calls("acme", "neighbour"); a+b != 0 || n != 2*own {
		t.Errorf("acme's users have %d, %d and %d calls left", a, b, n)
	}
	if _, b := s.as(http.MethodGet, "/api/pitot/v1/audit?action=change", "", bearer(admin)); !strings.Contains(b, "tenant=acme") {
		t.Errorf("the audit log does not say whose data went: %s", b)
	}
	s.stop()

	// The series go at the next start; and acme is not declared any more.
	gone := strings.Replace(config, "tenants: [acme, acme/web, beta]", "tenants: [beta]", 1)
	for _, role := range []string{"viewer", "finance", "developer", "admin"} {
		line := fmt.Sprintf("    - {name: acme-%s, password_hash: '%s', roles: [%s], tenant: %q}\n", role, hashOf, role, "acme")
		gone = strings.Replace(gone, line, "", 1)
	}
	s = serve(t, setup{data: data, config: gone}).ready()
	hits, frames, err := residue.Find(data, "acmecanary")
	for _, h := range hits {
		if !strings.HasPrefix(h.File, "audit") { // it says what was asked for
			t.Errorf("left: %+v", h)
		}
	}
	if err != nil || frames == 0 {
		t.Errorf("%d blocks: %v", frames, err)
	}
	if _, b := s.as(http.MethodGet, "/api/v1/query?query="+url.QueryEscape(`count by (user) (last_over_time(llm_requests_total{user="u-4711"}[1h]))`), "", bearer(admin)); !strings.Contains(b, "u-4711") {
		t.Errorf("the series of the default tenant's user: %s", b)
	}
	if out := run("stats", "--by=tenant"); !strings.Contains(out, "unlisted") {
		t.Errorf("stats after acme was taken out: %s", out)
	}
	if out := run("clean", "--tenant=acme", "--older-than=0s", "--metrics", "--yes"); !strings.Contains(out, fmt.Sprintf("%d call", 2*own)) {
		t.Errorf("clean: %s", out)
	}
	if out := run("stats", "--by=tenant"); strings.Contains(out, "unlisted") {
		t.Errorf("stats after it was cleaned: %s", out)
	}
	if got := calls("", "u-4711"); got != own {
		t.Errorf("the default tenant's user has %d calls left at the end, want %d", got, own)
	}
	s.stop()
}
