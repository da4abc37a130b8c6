//go:build unix

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// testPassword is that of all users of these tests.
const testPassword = "not-a-real-password"

// hashOf is a bcrypt hash of testPassword with the least cost, so that tests are
// quick.
const hashOf = "$2a$04$h0pr7mxksNYKfiaReLFdb.E15.2k6LzD4yq6uEvin.gWIxsS5OqnW"

// key makes an API key in a data directory.
func key(tb testing.TB, data, name string, args ...string) string {
	tb.Helper()
	out, errs, code := pitot(tb, nil, append([]string{"keys", "create", "--data", data, name}, args...)...)
	if code != 0 {
		tb.Fatalf("pitot keys create %s: %d: %s", name, code, errs)
	}
	return strings.TrimSpace(out)
}

// as sends a request to the API with credentials: headers in pairs.
func (s *server) as(method, path, body string, cred []string) (int, string) {
	s.tb.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	status, b, err := s.try(method, s.api+path, r, cred...)
	if err != nil {
		s.tb.Fatalf("%s %s: %v", method, path, err)
	}
	return status, string(b)
}

func bearer(key string) []string { return []string{"Authorization", "Bearer " + key} }

func basic(user string) []string {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.SetBasicAuth(user, testPassword)
	return []string{"Authorization", r.Header.Get("Authorization")}
}

// planted are what the tenant acme has. content is what people, models and
// programs said; names are whose, what and which.
type planted struct {
	content, names         []string
	callID, traceID, keyID string
	session                string
}

// chatUpstream answers chats by repeating the question, and fails those for the
// model fail.
func chatUpstream(tb testing.TB) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Model    string
			Messages []struct{ Content string }
		}
		b, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(b, &in)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Saw-Authorization", r.Header.Get("Authorization"))
		if len(in.Messages) == 0 {
			_, _ = io.WriteString(w, `{"object":"list","data":[]}`)
			return
		}
		text := in.Messages[0].Content
		if strings.Contains(text, "fails") {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": "canaryerrtext " + text, "type": "invalid_request_error", "code": "bad"}})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"id": "chatcmpl-" + text[:8], "object": "chat.completion", "model": in.Model,
			"choices": []any{map[string]any{"index": 0, "message": map[string]string{"role": "assistant", "content": "canaryanswer to " + text}, "finish_reason": "stop"}},
			"usage":   map[string]int{"prompt_tokens": 12345, "completion_tokens": 54321, "total_tokens": 66666},
		})
	}))
	tb.Cleanup(srv.Close)
	return srv.URL
}

func accessConfig(upstream string) string {
	var users strings.Builder
	for _, tenant := range []string{"", "acme", "beta"} {
		for _, role := range []string{"viewer", "finance", "developer", "admin"} {
			fmt.Fprintf(&users, "    - {name: %s-%s, password_hash: '%s', roles: [%s], tenant: %q}\n", or(tenant, "home"), role, hashOf, role, tenant)
		}
	}
	return fmt.Sprintf(`
auth:
  enabled: true
  tenants: [acme, acme/web, beta]
  users:
%sgateway:
  keys: required
  upstreams:
    - {name: up, base_url: %q, provider: openai, api_key: provider-key-of-the-operator}
`, users.String(), upstream)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// plant sends everything that a tenant can send, with canaries in it.
func plant(s *server, tenantKey, gatewayKey string) (p planted) {
	s.tb.Helper()
	p.content = []string{"canaryprompt", "canaryanswer", "canaryerrtext", "canaryspanattr", "canarylogline", "canarycomment"}
	p.names = []string{"canarysvc", "canaryuser", "canarytag", "canarymodel", "canaryspansvc", "canarylogsvc", "canarymetric", "canarylabel", "canarysession", "54321"}
	p.session = "canarysession"
	for _, q := range []string{"canaryprompt one", "canaryprompt fails"} {
		s.post("/up/v1/chat/completions", `{"model":"canarymodel","messages":[{"role":"user","content":"`+q+`"}]}`,
			"Authorization", "Bearer "+gatewayKey, "X-Pitot-Service", "canarysvc", "X-Pitot-User", "canaryuser", "X-Pitot-Session", "canarysession", "X-Pitot-Tag-Team", "canarytag")
	}
	td := ptrace.NewTraces()
	span(scope(td, "canaryspansvc"), 7001, 7002, 0, "canaryspan", chat("gen_ai.request.model", "canarymodel", "own.attribute", "canaryspanattr", "tenant", "beta"))
	tb, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	send := func(to, contentType string, body []byte, cred ...string) {
		s.tb.Helper()
		status, b, err := s.try(http.MethodPost, to, bytes.NewReader(body), append([]string{"Content-Type", contentType}, cred...)...)
		if err != nil || status != http.StatusOK {
			s.tb.Fatalf("%s: %d %s %v", to, status, b, err)
		}
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	send(s.otlp+"/v1/traces", "application/x-protobuf", tb, bearer(tenantKey)...)
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "canaryspansvc")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("canarymetric")
	dp := m.SetEmptyGauge().DataPoints().AppendEmpty()
	dp.SetDoubleValue(54321)
	dp.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	dp.Attributes().PutStr("where", "canarylabel")
	dp.Attributes().PutStr("tenant", "beta") // what a sender says of it does not count
	mb, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		s.tb.Fatal(err)
	}
	send(s.otlp+"/v1/metrics", "application/x-protobuf", mb, "X-API-Key", tenantKey)
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.SetBasicAuth("fluentd", tenantKey) // as log shippers have it
	send(s.api+"/_bulk", "application/x-ndjson", []byte(`{"index":{"_index":"logs"}}`+"\n"+`{"@timestamp":"`+time.Now().UTC().Format(time.RFC3339)+`","message":"canarylogline","service":"canarylogsvc"}`+"\n"),
		"Authorization", r.Header.Get("Authorization"))
	return p
}

// waitFor waits until a request has an answer that holds a text.
func (s *server) waitFor(path, text string, cred []string) string {
	s.tb.Helper()
	var body string
	testkit.Eventually(s.tb, path+" has "+text, func() bool {
		_, body = s.as(http.MethodGet, path, "", cred)
		return strings.Contains(body, text)
	})
	return body
}

// walk asks every endpoint for everything, and returns the answers by request.
func (s *server) walk(p planted, cred []string) map[string]string {
	s.tb.Helper()
	out := map[string]string{}
	ask := func(method, path, body string) {
		status, b := s.as(method, path, body, cred)
		out[fmt.Sprintf("%s %s", method, path)] = fmt.Sprintf("%d %s", status, b)
	}
	day := "start=-6h"
	for _, pattern := range api.Routes() {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = http.MethodGet, pattern
		}
		if method == http.MethodDelete || strings.Contains(path, "reload") || strings.Contains(path, "follow") || strings.Contains(path, "logout") {
			continue
		}
		ids := []string{p.callID}
		switch {
		case strings.Contains(path, "/traces/"):
			ids = []string{p.traceID, "00000000000000000000000000007001", "30303030303030303030303030373030"}
		case strings.Contains(path, "/sessions/"):
			ids = []string{p.session}
		case strings.Contains(path, "/keys/"):
			ids = []string{p.keyID}
		}
		for _, id := range ids {
			filled := strings.NewReplacer("{id}", id, "{service}", "canarysvc", "{name}", "x", "{receiver}", "x").Replace(path)
			ask(method, filled, "")
			if strings.HasPrefix(filled, "/api/pitot/v1/") {
				ask(method, filled+"?"+day, "")
			}
		}
	}
	for _, path := range []string{
		"/api/pitot/v1/calls?" + day + "&service=canarysvc", "/api/pitot/v1/calls?" + day + "&query=canaryprompt", "/api/pitot/v1/calls?" + day + "&search=canaryprompt",
		"/api/pitot/v1/facets?" + day + "&fields=service,user,model,tags.team", "/api/pitot/v1/timeline?" + day + "&by=service", "/api/pitot/v1/costs?" + day + "&by=user",
		"/api/pitot/v1/calls/export?" + day + "&format=jsonl", "/api/pitot/v1/calls/export?" + day + "&format=csv", "/api/pitot/v1/costs/export?" + day + "&by=service",
		"/api/pitot/v1/feedback?" + day, "/api/pitot/v1/explain?" + day + "&metric=error_rate", "/api/pitot/v1/compare?" + day + "&by=service",
		"/jaeger/api/services", "/jaeger/api/services/canarysvc/operations", "/jaeger/api/traces?service=canarysvc&lookback=6h", "/jaeger/api/traces?service=canaryspansvc&lookback=6h",
		"/jaeger/api/traces?service=canaryspansvc&lookback=6h&tags=" + url.QueryEscape(`{"own.attribute":"canaryspanattr"}`), "/jaeger/api/traces?traceID=" + p.traceID,
		"/select/logsql/query?query=*&start=6h", "/select/logsql/query?query=canarylogline&start=6h", "/select/logsql/field_values?query=*&field=service&start=6h", "/select/logsql/hits?query=*&start=6h&field=service",
		"/select/logsql/streams?query=*&start=6h", "/select/logsql/facets?query=*&start=6h", "/select/logsql/field_names?query=*&start=6h",
		"/select/logsql/query?query=*&start=6h&AccountID=1&ProjectID=1",
		"/select/logsql/query?start=6h&query=" + url.QueryEscape(`none | union ({kind="log"} canarylogline)`), "/select/logsql/query?start=6h&query=" + url.QueryEscape(`service:in(canarylogline | fields service)`),
		"/select/logsql/query?start=6h&query=" + url.QueryEscape(`* | join by (kind) (canarylogline | fields kind, _msg, service)`), "/select/logsql/query?start=6h&query=" + url.QueryEscape(`{service="canarylogsvc"} or {service=~".*"}`),
	} {
		ask(http.MethodGet, path, "")
	}
	for _, q := range []string{
		`{__name__=~".+"}`, `canarymetric`, `canarymetric{tenant="acme"}`, `canarymetric{tenant=~".*"}`, `{tenant=~".+"}`, `llm_requests_total{tenant!=""}`,
		`sum by (service, tenant, model) (llm_requests_total or {tenant="acme"})`, `count by (__name__)({__name__=~"canary.*"})`,
		`label_replace(canarymetric, "tenant", "", "", "")`, `max_over_time({tenant="acme"}[1h])`, `absent(canarymetric) * 0`, `llm_requests_total offset 1s`, `canarymetric[1h:10s]`,
	} {
		v := url.QueryEscape(q)
		now := fmt.Sprint(time.Now().Unix())
		for _, path := range []string{
			"/api/v1/query?query=" + v, "/api/v1/query_range?step=15&start=" + fmt.Sprint(time.Now().Add(-time.Hour).Unix()) + "&end=" + now + "&query=" + v,
			"/api/v1/query_exemplars?start=0&end=" + now + "&query=" + v,
		} {
			ask(http.MethodGet, path, "")
		}
	}
	for _, path := range []string{
		`/api/v1/series?match[]={__name__=~".%2B"}`, `/api/v1/series?match[]={tenant="acme"}`, "/api/v1/labels", `/api/v1/labels?match[]={tenant="acme"}`, "/api/v1/label/__name__/values", "/api/v1/label/service/values",
		"/api/v1/label/tenant/values", "/api/v1/label/where/values", `/api/v1/label/where/values?match[]={tenant="acme"}`, `/federate?match[]={__name__=~".%2B"}`, `/federate?match[]={tenant="acme"}`,
		"/api/v1/metadata", "/api/v1/rules", "/api/v1/alerts", "/api/v1/targets", "/api/v1/targets/metadata", "/api/v1/status/tsdb", "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo",
		"/api/v1/status/buildinfo", "/api/v1/read", "/metrics", "/alertmanager/api/v2/alerts", "/alertmanager/api/v2/status",
	} {
		ask(http.MethodGet, path, "")
	}
	gets, posts := moreOfTheWalk(p)
	for _, path := range gets {
		ask(http.MethodGet, path, "")
	}
	for path, body := range posts {
		ask(http.MethodPost, path, body)
	}
	ask(http.MethodPost, "/api/v1/query", "query="+url.QueryEscape(`{__name__=~"canary.*",tenant=~".*"}`))
	return out
}

// finds are the canaries in answers. What a request itself says may come back.
func finds(answers map[string]string, canaries []string) []string {
	var out []string
	for request, answer := range answers {
		asked, err := url.QueryUnescape(request)
		if err != nil {
			asked = request
		}
		for _, c := range canaries {
			if strings.Contains(answer, c) && !strings.Contains(asked, c) {
				i := strings.Index(answer, c)
				out = append(out, fmt.Sprintf("%s: %q: ...%s", request, c, answer[max(0, i-80):min(len(answer), i+80)]))
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestTenantsAreIsolated plants canaries in everything that one tenant can send,
// and walks every endpoint as everybody of another tenant, and of the default
// one: none may be found. As somebody of the tenant itself they are found.
func TestTenantsAreIsolated(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	acmeIngest := key(t, data, "acme-ingest", "--scope=ingest,feedback", "--for-tenant=acme")
	acmeGateway := key(t, data, "acme-gateway", "--scope=gateway", "--for-tenant=acme")
	betaKeys := [][]string{
		bearer(key(t, data, "beta-query", "--scope=query", "--for-tenant=beta")),
		bearer(key(t, data, "beta-content", "--scope=content,ingest,feedback", "--for-tenant=beta")),
		bearer(key(t, data, "beta-admin", "--scope=admin", "--for-tenant=beta")),
		bearer(key(t, data, "project", "--scope=admin", "--for-tenant=acme/web")),
		bearer(key(t, data, "beta-ingest", "--scope=ingest", "--for-tenant=beta")),
		bearer(key(t, data, "beta-feedback", "--scope=feedback", "--for-tenant=beta")),
		bearer(key(t, data, "beta-gateway", "--scope=gateway", "--for-tenant=beta")),
		bearer(key(t, data, "home-query", "--scope=query")),
		bearer(key(t, data, "home-content", "--scope=content,ingest,feedback,gateway")),
	}
	s := serve(t, setup{data: data, config: accessConfig(chatUpstream(t))}).ready()
	p := plant(s, acmeIngest, acmeGateway)
	p.keyID = keyIDOf(acmeIngest)
	dev := basic("acme-developer")
	var page struct{ Calls []call }
	testkit.Eventually(t, "the calls of acme", func() bool {
		_, b := s.as(http.MethodGet, "/api/pitot/v1/calls?start=-1h", "", dev)
		page.Calls = nil
		return json.Unmarshal([]byte(b), &page) == nil && len(page.Calls) >= 3
	})
	for _, c := range page.Calls {
		if c.Source == "gateway" && c.Status == "ok" {
			p.callID, p.traceID = c.ID, c.TraceID
		}
	}
	status, b := s.as(http.MethodPost, "/api/pitot/v1/feedback", `{"id":"01J00000000000000000000000","call_id":"`+p.callID+`","score":0.54321,"comment":"canarycomment","user":"canaryuser"}`, bearer(acmeIngest))
	var feedback struct{ ID string }
	if err := json.Unmarshal([]byte(b), &feedback); status != http.StatusOK || err != nil {
		t.Fatalf("feedback: %d %s", status, b)
	}
	feedback.ID = "01J00000000000000000000000"
	s.waitFor("/api/pitot/v1/feedback?start=-1h", "canarycomment", dev)
	s.waitFor("/api/v1/query?query=canarymetric", "canarylabel", dev)
	s.waitFor("/api/v1/query?query=llm_requests_total", "canarysvc", dev)
	s.waitFor("/select/logsql/query?query=canarylogline&start=1h", "canarylogline", dev)
	s.waitFor("/api/v1/query?query="+url.QueryEscape(`llm_response_quality_score_count{tenant="acme"}`), "acme", dev)

	own := s.walk(p, dev)
	ownTools := s.walkTools(t, p, dev)
	for _, c := range []string{"canaryprompt", "canaryanswer", "canarylogline", "canarysvc", "canaryuser", "canarylabel"} {
		if len(finds(ownTools, []string{c})) == 0 {
			t.Errorf("somebody of the tenant does not find %q by the tools", c)
		}
	}
	for _, c := range slices.Concat(p.content, p.names) {
		if len(finds(own, []string{c})) == 0 {
			t.Errorf("somebody of the tenant does not find %q: the walk would miss it", c)
		}
	}
	secrets := slices.Concat(p.content, p.names, []string{p.callID, p.traceID, "acme-ingest", "acme-gateway"})
	creds := map[string][]string{}
	for _, tenant := range []string{"beta", "home"} {
		for _, role := range []string{"viewer", "finance", "developer", "admin"} {
			creds[tenant+"-"+role] = basic(tenant + "-" + role)
		}
	}
	for i, k := range betaKeys {
		creds[fmt.Sprintf("key %d", i)] = k
	}
	creds["beta-admin who names the tenant"] = append(basic("beta-admin"), "X-Pitot-Tenant", "acme")
	creds["home-developer who names the tenant"] = append(basic("home-developer"), "X-Pitot-Tenant", "acme")
	creds["nobody"] = nil
	for name, cred := range creds {
		search := secrets
		if name == "home-admin" {
			// Who runs the server sees its keys and its audit log; the data of tenants when he
			// says so.
			search = slices.DeleteFunc(slices.Clone(secrets), func(c string) bool {
				return c == p.callID || c == p.traceID || c == "acme-ingest" || c == "acme-gateway" || c == "canaryuser" || c == "canarysvc" || c == "canarysession"
			})
		}
		answers := s.walk(p, cred)
		maps.Copy(answers, s.walkTools(t, p, cred))
		if name != "home-admin" {
			s.mayNotChange(t, name, p, cred)
		}
		for request, answer := range answers {
			if name == "home-admin" && strings.Contains(request, "/admin/data") {
				delete(answers, request) // it tells services and numbers of all tenants
			}
			if strings.HasPrefix(request, "GET /api/pitot/v1/audit") {
				// It holds what the walk itself asked for.
				if strings.HasPrefix(name, "beta") && strings.Contains(answer, `"tenant":"acme"`) {
					t.Errorf("%s reads the audit log of acme", name)
				}
				delete(answers, request)
			}
			if name == "home-admin" && strings.Contains(request, "/status/tsdb") {
				delete(answers, request) // the store as a whole, which is his
			}
		}
		for _, f := range finds(answers, search) {
			t.Errorf("%s finds %s", name, f)
		}
	}
	// Judging what is another's tells nothing of it, and the same id meets nothing.
	for _, body := range []string{
		`{"call_id":"` + p.callID + `","score":0.5}`, `{"session_id":"canarysession","score":0.5}`, `{"id":"` + feedback.ID + `","call_id":"` + p.callID + `","score":0.5}`,
	} {
		status, b := s.as(http.MethodPost, "/api/pitot/v1/feedback", body, betaKeys[1])
		if found := finds(map[string]string{body: b}, secrets); status != http.StatusOK || len(found) > 0 {
			t.Errorf("feedback %s: %d %v", body, status, found)
		}
	}
	if _, b := s.as(http.MethodGet, "/api/pitot/v1/feedback?start=-1h", "", dev); strings.Count(b, "canarycomment") != 1 || strings.Contains(b, `"score":0.5,`) {
		t.Errorf("the judgements of acme have changed: %s", b)
	}
	// Nothing that they tried has changed anything.
	if _, b := s.as(http.MethodGet, "/api/pitot/v1/keys", "", basic("acme-admin")); !strings.Contains(b, p.keyID) || strings.Contains(b, `"revoked"`) || strings.Contains(b, `"mine"`) {
		t.Errorf("the keys of acme have changed: %s", b)
	}
	// Who runs the server may look when he says at whom.
	if _, b := s.as(http.MethodGet, "/api/pitot/v1/calls?start=-1h", "", append(basic("home-admin"), "X-Pitot-Tenant", "acme")); !strings.Contains(b, "canarysvc") {
		t.Errorf("an administrator of the default tenant does not see acme: %s", b)
	}
	s.stop()
}

// TestContentIsWithheld walks every endpoint as those who may not see content.
func TestContentIsWithheld(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	ingest := key(t, data, "acme-ingest", "--scope=ingest,feedback", "--for-tenant=acme")
	gw := key(t, data, "acme-gateway", "--scope=gateway", "--for-tenant=acme")
	query := key(t, data, "acme-query", "--scope=query", "--for-tenant=acme")
	s := serve(t, setup{data: data, config: accessConfig(chatUpstream(t))}).ready()
	p := plant(s, ingest, gw)
	dev := basic("acme-developer")
	var page struct{ Calls []call }
	testkit.Eventually(t, "the calls of acme", func() bool {
		_, b := s.as(http.MethodGet, "/api/pitot/v1/calls?start=-1h", "", dev)
		page.Calls = nil
		return json.Unmarshal([]byte(b), &page) == nil && len(page.Calls) >= 3
	})
	for _, c := range page.Calls {
		if c.Source == "gateway" && c.Status == "ok" {
			p.callID, p.traceID = c.ID, c.TraceID
		}
	}
	s.as(http.MethodPost, "/api/pitot/v1/feedback", `{"call_id":"`+p.callID+`","score":0.5,"comment":"canarycomment"}`, bearer(ingest))
	s.waitFor("/api/pitot/v1/feedback?start=-1h", "canarycomment", dev)
	s.waitFor("/select/logsql/query?query=canarylogline&start=1h", "canarylogline", dev)
	for name, cred := range map[string][]string{"viewer": basic("acme-viewer"), "finance": basic("acme-finance"), "a key with the scope query": bearer(query)} {
		answers := s.walk(p, cred)
		maps.Copy(answers, s.walkTools(t, p, cred))
		for _, f := range finds(answers, p.content) {
			t.Errorf("%s finds %s", name, f)
		}
		for _, c := range []string{"canarysvc", "canaryuser", "canarymodel"} {
			if len(finds(answers, []string{c})) == 0 {
				t.Errorf("%s does not find %q, which is no content", name, c)
			}
		}
		for _, path := range []string{"/api/pitot/v1/calls?search=x", "/api/pitot/v1/calls?query=x", "/api/pitot/v1/facets?query=x", "/select/logsql/query?query=x", "/select/logsql/hits?query=x", "/jaeger/api/traces?service=x&tags=%7B%22a%22%3A%22b%22%7D"} {
			if status, b := s.as(http.MethodGet, path, "", cred); status != http.StatusForbidden {
				t.Errorf("%s: %s: %d %s", name, path, status, b)
			}
		}
	}
	// Who saw it stands in the audit log.
	_, b := s.as(http.MethodGet, "/api/pitot/v1/audit?action=content&limit=1000", "", basic("acme-admin"))
	if !strings.Contains(b, "acme-developer") || strings.Contains(b, "acme-viewer") {
		t.Errorf("audit log: %s", b)
	}
	s.stop()
}
