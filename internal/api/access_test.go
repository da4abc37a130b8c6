package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/llm"
)

// TestEveryRouteHasAnEntry walks all registered routes: one without an entry in
// the table would be closed to everybody, and an entry without a route is a
// mistake of the table.
func TestEveryRouteHasAnEntry(t *testing.T) {
	a := newAPI(t, allRoutes)
	s := &server{Options: a.opts, mux: http.NewServeMux()}
	s.routes()
	table := accessTable()
	for _, p := range s.patterns {
		e, ok := table[p]
		if !ok {
			t.Errorf("%s has no entry in accessTable", p)
		}
		if !e.public && e.need == 0 && e.inner == nil {
			t.Errorf("%s needs nothing and is not public", p)
		}
	}
	for p := range table {
		if !slices.Contains(s.patterns, p) {
			t.Errorf("%s is in accessTable and no route", p)
		}
	}
}

// TestPublicRoutesAreThese: what needs nothing is named here once more, so that
// nobody adds to it without thinking twice.
func TestPublicRoutesAreThese(t *testing.T) {
	var got []string
	for p, a := range accessTable() {
		if a.public {
			got = append(got, p)
		}
	}
	slices.Sort(got)
	want := []string{
		"/", "GET /-/healthy", "GET /-/ready", "GET /-/ready/gateway", "GET /api/pitot/v1/auth", "GET /api/pitot/v1/auth/oidc/callback", "GET /api/pitot/v1/auth/oidc/login",
		"GET /api/pitot/v1/openapi.yaml", "GET /health", "POST /api/pitot/v1/auth/login", "POST /api/pitot/v1/auth/logout",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// allRoutes sets what a server may lack, so that it has all routes.
func allRoutes(o *Options) {
	o.Alertmanager, o.MCP, o.Debug, o.Data = named("alertmanager"), named("mcp"), named("debug"), &fakeData{}
}

const password = "not-a-real-password"

// guarded is an API where somebody must log in, with its keys.
func guarded(t *testing.T, change ...func(*Options)) (*api, *auth.Auth) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	var users []auth.User
	for _, r := range auth.Roles() {
		users = append(users, auth.User{Name: r, PasswordHash: string(hash), Roles: []string{r}}, auth.User{Name: "acme-" + r, PasswordHash: string(hash), Roles: []string{r}, Tenant: "acme"})
	}
	guard, err := auth.New(auth.Options{Config: auth.Config{Enabled: true, Tenants: []string{"acme"}, Users: users}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guard.Close() })
	a := newAPI(t, append(change, allRoutes, func(o *Options) { o.Auth, o.Now = guard, time.Now })...)
	return a, guard
}

func (a *api) as(user, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	return w
}

func TestNobodyGetsIn(t *testing.T) {
	a, _ := guarded(t)
	a.events.full()
	for p, e := range accessTable() {
		method, path, ok := strings.Cut(p, " ")
		if !ok {
			method, path = http.MethodGet, p
		}
		path = strings.NewReplacer("{id}", callID, "{name}", "x", "{receiver}", "r", "{service}", "s").Replace(path)
		for name, headers := range map[string][]string{"nothing": nil, "a wrong key": {"Authorization", "Bearer x"}, "a wrong cookie": {"Cookie", "pitot_session=x"}} {
			w := a.as("", method, path, "{}", headers...)
			if refused := w.Code == http.StatusUnauthorized; refused == e.public && !strings.Contains(path, "login") {
				t.Errorf("%s with %s: %d %s", p, name, w.Code, w.Body)
			}
		}
	}
}

func TestRolesMayWhatTheyMay(t *testing.T) {
	a, guard := guarded(t)
	a.events.full()
	_, ingest, err := guard.Keys().Create(auth.NewKey{Name: "k", Scopes: []string{auth.ScopeIngest}}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		allowed      string // of viewer finance developer admin, and of acme's
	}{
		{"GET", "/api/pitot/v1/calls", "viewer finance developer admin acme-viewer acme-finance acme-developer acme-admin"},
		{"GET", "/api/pitot/v1/calls?search=x", "developer admin acme-developer acme-admin"},
		{"GET", "/select/logsql/query?query=x", "developer admin acme-developer acme-admin"},
		{"GET", "/api/pitot/v1/calls/export?format=csv", "finance developer admin acme-finance acme-developer acme-admin"},
		{"GET", "/api/v1/query?query=up", "viewer finance developer admin acme-viewer acme-finance acme-developer acme-admin"},
		{"GET", "/api/v1/rules", "viewer finance developer admin"},
		{"GET", "/api/v1/status/config", "admin"},
		{"POST", "/api/v1/admin/tsdb/delete_series", "admin"},
		{"POST", "/api/v1/write", "admin acme-admin"},
		{"GET", "/alertmanager/api/v2/alerts", "viewer finance developer admin"},
		{"POST", "/alertmanager/api/v2/silences", "developer admin"},
		{"GET", "/api/pitot/v1/status", "viewer finance developer admin"},
		{"GET", "/api/pitot/v1/config", "admin"},
		{"POST", "/-/reload", "admin"},
		{"GET", "/api/pitot/v1/keys", "admin acme-admin"},
		{"GET", "/api/pitot/v1/audit", "admin acme-admin"},
		{"POST", "/api/pitot/v1/feedback", "developer admin acme-developer acme-admin"},
	} {
		for _, tenant := range []string{"", "acme-"} {
			for _, role := range auth.Roles() {
				user := tenant + role
				w := a.as(user, c.method, c.path, `{"call_id":"`+callID+`","score":1}`)
				want := slices.Contains(strings.Fields(c.allowed), user)
				if got := w.Code != http.StatusForbidden && w.Code != http.StatusUnauthorized; got != want {
					t.Errorf("%s %s as %s: %d %s", c.method, c.path, user, w.Code, w.Body)
				}
			}
		}
		// A key for sending reads nothing.
		if w := a.as("", c.method, c.path, "{}", "X-API-Key", ingest); (w.Code != http.StatusForbidden) != (c.path == "/api/v1/write") {
			t.Errorf("%s %s with a key for sending: %d", c.method, c.path, w.Code)
		}
	}
}

func TestErrorsHaveTheFormOfTheirAPI(t *testing.T) {
	a, _ := guarded(t)
	for path, want := range map[string]string{
		"/api/v1/query": `"errorType":"unauthenticated"`, "/jaeger/api/services": `"errors":[{"code":401`, "/api/pitot/v1/calls": `"error":{"code":"unauthenticated"`, "/select/logsql/query": "log in",
	} {
		if w := a.as("", "GET", path, ""); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if h := a.as("", "GET", "/api/pitot/v1/calls", "").Header()["Www-Authenticate"]; len(h) != 2 {
		t.Errorf("a program is told %q", h)
	}
	if h := a.as("", "GET", "/api/pitot/v1/calls", "", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin").Header()["Www-Authenticate"]; len(h) != 1 || strings.Contains(h[0], "Basic") {
		t.Errorf("a page is told %q: the browser would open a window", h)
	}
}

func loginCookie(t *testing.T, a *api, user string) string {
	t.Helper()
	w := a.as("", "POST", "/api/pitot/v1/auth/login", `{"name":"`+user+`","password":"`+password+`"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()[0]
	return c.Name + "=" + c.Value
}

// TestForgedRequestsChangeNothing is CSRF: a page of another site can make a
// browser send requests with the cookie of its session, and must reach nothing.
func TestForgedRequestsChangeNothing(t *testing.T) {
	a, guard := guarded(t)
	a.events.full()
	cookie := loginCookie(t, a, "admin")
	for name, headers := range map[string][]string{
		"cross-site":  {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"},
		"same-site":   {"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"},
		"navigation":  {"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"},
		"old browser": {"Origin", "https://evil.example"},
		"null origin": {"Origin", "null"},
	} {
		for _, c := range [][2]string{{"POST", "/api/pitot/v1/keys"}, {"POST", "/-/reload"}, {"POST", "/api/pitot/v1/feedback"}, {"DELETE", "/api/pitot/v1/keys/x"}, {"POST", "/api/pitot/v1/auth/logout"}, {"POST", "/api/pitot/v1/auth/login"}, {"POST", "/alertmanager/api/v2/silences"}} {
			w := a.as("", c[0], c[1], `{"name":"forged","scopes":["admin"]}`, append(headers, "Cookie", cookie)...)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), CodeForeignOrigin) {
				t.Errorf("%s: %s %s: %d %s", name, c[0], c[1], w.Code, w.Body)
			}
		}
		if w := a.as("", "GET", "/api/pitot/v1/calls", "", append(headers, "Cookie", cookie)...); w.Code == http.StatusOK && name != "navigation" {
			t.Errorf("%s reads calls", name)
		}
	}
	if n := len(guard.Keys().List()); n != 0 {
		t.Errorf("%d keys were made", n)
	}
	if w := a.as("", "POST", "/api/pitot/v1/keys", `{"name":"own","scopes":["query"]}`, "Cookie", cookie, "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusOK {
		t.Errorf("the page itself: %d %s", w.Code, w.Body)
	}
}

// TestPagesAreNotFramed is clickjacking.
func TestPagesAreNotFramed(t *testing.T) {
	a, _ := guarded(t)
	for _, path := range []string{"/", "/login", "/api/pitot/v1/auth", "/api/pitot/v1/calls"} {
		if h := a.as("", "GET", path, "", "Accept", "text/html").Header(); h.Get("X-Frame-Options") != "DENY" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestKeysOverTheAPI(t *testing.T) {
	a, guard := guarded(t)
	w := a.as("acme-admin", "POST", "/api/pitot/v1/keys", `{"name":"sender","scopes":["ingest"],"ttl":"90d"}`)
	var made NewKeyReport
	if err := json.Unmarshal(w.Body.Bytes(), &made); w.Code != http.StatusOK || err != nil || made.Secret == "" || made.Key.Tenant != "acme" {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	if p := guard.Key(made.Secret); p == nil || p.Tenant != "acme" {
		t.Errorf("%+v", p)
	}
	if w := a.as("acme-admin", "GET", "/api/pitot/v1/keys", ""); strings.Contains(w.Body.String(), made.Secret) || !strings.Contains(w.Body.String(), made.Key.ID) {
		t.Errorf("%s", w.Body)
	}
	_, other, err := guard.Keys().Create(auth.NewKey{Name: "others", Scopes: []string{auth.ScopeQuery}}, "")
	if err != nil {
		t.Fatal(err)
	}
	id := guard.Key(other).KeyID
	for name, c := range map[string]struct {
		user, method, path, body string
		want                     int
	}{
		"of another tenant":  {"acme-admin", "POST", "/api/pitot/v1/keys", `{"name":"x","scopes":["query"],"tenant":"beta"}`, 403},
		"no scopes":          {"acme-admin", "POST", "/api/pitot/v1/keys", `{"name":"x"}`, 400},
		"unknown scope":      {"acme-admin", "POST", "/api/pitot/v1/keys", `{"name":"x","scopes":["root"]}`, 400},
		"unknown tenant":     {"admin", "POST", "/api/pitot/v1/keys", `{"name":"x","scopes":["query"],"tenant":"nobody"}`, 400},
		"unknown field":      {"admin", "POST", "/api/pitot/v1/keys", `{"name":"x","scopes":["query"],"hash":"x"}`, 400},
		"expired":            {"admin", "POST", "/api/pitot/v1/keys", `{"name":"x","scopes":["query"],"expires":"2001-01-01T00:00:00Z"}`, 400},
		"revoke another's":   {"acme-admin", "DELETE", "/api/pitot/v1/keys/" + id, "", 404},
		"revoke one's own":   {"acme-admin", "DELETE", "/api/pitot/v1/keys/" + made.Key.ID, "", 200},
		"revoke as operator": {"admin", "DELETE", "/api/pitot/v1/keys/" + id, "", 200},
		"revoke nothing":     {"admin", "DELETE", "/api/pitot/v1/keys/nothing", "", 404},
	} {
		if w := a.as(c.user, c.method, c.path, c.body); w.Code != c.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	w = a.as("acme-admin", "GET", "/api/pitot/v1/audit", "")
	if s := w.Body.String(); !strings.Contains(s, auth.ActionKeyMade) || !strings.Contains(s, `"status":403`) || strings.Contains(s, "(others)") {
		t.Errorf("audit log of acme: %s", s)
	}
}

// TestSendersAreOfTheirTenant: the tenant is that of the key, and of nothing in
// the request.
func TestSendersAreOfTheirTenant(t *testing.T) {
	_, guard := guarded(t)
	_, key, err := guard.Keys().Create(auth.NewKey{Name: "k", Scopes: []string{auth.ScopeIngest}, Tenant: "acme"}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, query, err := guard.Keys().Create(auth.NewKey{Name: "k", Scopes: []string{auth.ScopeQuery}, Tenant: "acme"}, "")
	if err != nil {
		t.Fatal(err)
	}
	got := "nobody"
	h := GuardIngest(guard, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = llm.TenantOf(r.Context()) }), nil)
	ask := func(headers ...string) int {
		got = "nobody"
		r := httptest.NewRequest(http.MethodPost, "/v1/traces?tenant=beta", http.NoBody)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if code := ask("X-API-Key", key); code != http.StatusOK || got != "acme" {
		t.Errorf("%d %s", code, got)
	}
	for name, c := range map[string]struct {
		headers []string
		want    int
	}{
		"another tenant by header": {[]string{"X-API-Key", key, auth.TenantHeader, "beta"}, http.StatusForbidden},
		"a key for reading":        {[]string{"X-API-Key", query}, http.StatusForbidden},
		"nothing":                  {nil, http.StatusUnauthorized},
		"nonsense":                 {[]string{"Authorization", "Bearer x"}, http.StatusUnauthorized},
	} {
		if code := ask(c.headers...); code != c.want || got != "nobody" {
			t.Errorf("%s: %d %s", name, code, got)
		}
	}
}

func TestWithhold(t *testing.T) {
	got, err := withhold([]byte(`{"id":"x","input":[{"role":"user"}],"usage":{"input":5},"spans":[{"name":"n","attributes":{"a":1},"output":"o","stream":true}],"comment":"c","cost":{"usd":0.1}}`))
	if want := `{"cost":{"usd":0.1},"id":"x","spans":[{"name":"n","stream":true}],"usage":{"input":5}}` + "\n"; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	c := withholdCall(fullCall())
	if b, err := json.Marshal(c); err != nil || strings.Contains(string(b), "input\":[") || c.ErrorMessage != "" || c.Service == "" {
		t.Errorf("%s, %v", b, err)
	}
	if n := len(withholdRecords([]llm.Record{{Log: &llm.Log{Message: "m"}}, {Call: fullCall()}})); n != 1 {
		t.Errorf("%d records: a log is all content", n)
	}
}

func TestLoginIsLimited(t *testing.T) {
	a, _ := guarded(t)
	for range 5 {
		if w := a.as("", "POST", "/api/pitot/v1/auth/login", `{"name":"admin","password":"wrong"}`); w.Code != http.StatusUnauthorized {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w := a.as("", "POST", "/api/pitot/v1/auth/login", `{"name":"admin","password":"`+password+`"}`)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	for _, body := range []string{"", "[]", `{"name":1}`, `{"name":"a"}{}`, `{"x":1}`, strings.Repeat("x", maxAccountBody+1)} {
		if w := a.as("", "POST", "/api/pitot/v1/auth/login", body); w.Code != http.StatusBadRequest && w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%.20q: %d", body, w.Code)
		}
	}
}
