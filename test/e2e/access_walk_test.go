//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// withHeaders adds credentials to every request.
type withHeaders struct {
	headers []string
	next    http.RoundTripper
}

func (h withHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for i := 0; i+1 < len(h.headers); i += 2 {
		r.Header.Set(h.headers[i], h.headers[i+1])
	}
	next := h.next
	if next == nil {
		next = http.DefaultTransport
	}
	return next.RoundTrip(r)
}

// toolArgs are what each tool is asked for, all that it can tell: no tool may
// lack an entry.
func toolArgs(p planted) map[string][]map[string]any {
	return map[string][]map[string]any{
		"query_metrics":       {{"query": `{__name__=~".+"}`}, {"query": `canarymetric{tenant="acme"}`}, {"query": "llm_requests_total"}},
		"query_metrics_range": {{"query": `{tenant=~".+"}`, "start": "-10m"}, {"query": "canarymetric", "start": "-10m"}},
		"list_metrics":        {{}, {"search": "metric"}, {"metric": "canarymetric"}, {"metric": "llm_requests_total"}},
		"search_calls":        {{}, {"service": "canarysvc"}, {"search": "canaryprompt"}, {"query": "user:=canaryuser"}},
		"get_call":            {{"id": p.callID, "content": true, "breakdown": true}, {"id": p.callID}},
		"search_traces":       {{}, {"service": "canarysvc"}},
		"get_trace":           {{"trace_id": p.traceID}, {"trace_id": p.traceID, "content": true}},
		"explain_change":      {{"metric": "error_rate"}},
		"get_summary":         {{}},
		"list_values":         {{"fields": "service,user,model,tags.team"}},
		"get_costs":           {{"by": "service"}, {"by": "user"}},
		"get_cost_forecast":   {{}},
		"list_models":         {{}},
		"list_budgets":        {{}},
		"list_slos":           {{}},
		"list_alerts":         {{}},
		"search_logs":         {{"query": "*"}, {"query": "canarylogline"}},
		"diagnose":            {{}},
	}
}

// walkTools asks every tool for agents and returns the answers by question.
func (s *server) walkTools(t *testing.T, p planted, cred []string) map[string]string {
	t.Helper()
	out := map[string]string{}
	c, err := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.api + "/mcp", HTTPClient: &http.Client{Transport: withHeaders{cred, client.Transport}},
	}, nil)
	if err != nil {
		out["connect"] = err.Error()
		return out
	}
	defer c.Close()
	list, err := c.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	args := toolArgs(p)
	for _, x := range list.Tools {
		if len(args[x.Name]) == 0 {
			t.Errorf("the walk does not know the tool %s", x.Name)
		}
		for _, a := range args[x.Name] {
			// An answer of text says what it is about; escapes would hide words.
			text, failed := tool(t, c, x.Name, a)
			asked, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			out[fmt.Sprintf("tool %s %s", x.Name, asked)] = fmt.Sprintf("%v %s", failed, text)
		}
	}
	return out
}

// moreOfTheWalk are requests that change something when they are let through, and
// those whose answers are files: as body, or as parameters.
func moreOfTheWalk(p planted) (gets []string, posts map[string]string) {
	for _, format := range []string{"jsonl", "csv", "parquet"} {
		for _, what := range []string{"calls", "traces"} {
			for _, content := range []string{"", "&content=false", "&content=true", "&content=1", "&content=TRUE&content=false"} {
				gets = append(gets, "/api/pitot/v1/"+what+"/export?start=-6h&format="+format+content)
			}
		}
	}
	gets = append(
		gets, "/api/pitot/v1/datasets/export?start=-6h", "/api/pitot/v1/datasets/export?start=-6h&format=jsonl&service=canarysvc", "/api/pitot/v1/costs/export?start=-6h&by=user&format=csv",
		"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1", "/debug/vars", "/debug/../debug/pprof/cmdline",
		"/api/pitot/v1/admin/data?tenant=acme", "/api/pitot/v1/admin/data?start=-6h", "/api/pitot/v1/keys", "/api/pitot/v1/audit?limit=1000",
	)
	return gets, map[string]string{
		"/api/pitot/v1/admin/data/clean":             `{"older_than":"0s"}`,
		"/api/pitot/v1/admin/data/clean?tenant=acme": `{"older_than":"0s","service":"canarysvc"}`,
		"/api/pitot/v1/admin/data/erase":             `{"user":"canaryuser"}`,
		"/api/pitot/v1/admin/data/erase?tenant=acme": `{"call_id":"` + p.callID + `"}`,
		"/api/pitot/v1/auth/tenant":                  `{"tenant":"acme"}`,
		"/mcp":                                       `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`,
	}
}

// forbiddenChanges are changes that nobody of another tenant may make. They are
// tried for real.
func forbiddenChanges(p planted) [][3]string {
	return [][3]string{
		{http.MethodDelete, "/api/pitot/v1/keys/" + p.keyID, ""},
		{http.MethodDelete, "/api/pitot/v1/auth/sessions?user=acme-developer", ""},
		{http.MethodDelete, "/api/pitot/v1/admin/snapshots/x", ""},
		{http.MethodPost, "/api/pitot/v1/admin/data/clean", `{"older_than":"0s","metrics":true,"dry_run":false}`},
		{http.MethodPost, "/api/pitot/v1/admin/data/clean?tenant=acme", `{"older_than":"0s","metrics":true,"dry_run":false}`},
		{http.MethodPost, "/api/pitot/v1/admin/data/erase?tenant=acme", `{"user":"canaryuser","dry_run":false}`},
		{http.MethodPost, "/api/pitot/v1/admin/snapshots", ""},
		{http.MethodPost, "/api/pitot/v1/keys", `{"name":"mine","scopes":["admin"],"tenant":"acme"}`},
		{http.MethodPost, "/-/reload", ""},
		{http.MethodPut, "/-/reload", ""},
		{http.MethodPost, "/api/v1/admin/tsdb/delete_series?match[]=canarymetric", ""},
		{http.MethodPost, "/alertmanager/api/v2/silences", `{}`},
		{http.MethodGet, "/debug/pprof/goroutine?debug=2", ""},
		{http.MethodGet, "/api/pitot/v1/admin/data?tenant=acme", ""},
		{http.MethodGet, "/api/pitot/v1/config", ""},
	}
}

// mayNotChange tries all of them.
func (s *server) mayNotChange(t *testing.T, name string, p planted, cred []string) {
	t.Helper()
	for _, x := range forbiddenChanges(p) {
		if name == "home-developer" && strings.HasPrefix(x[1], "/alertmanager/") {
			continue // silences are what developers of the default tenant may set
		}
		if status, b := s.as(x[0], x[1], x[2], cred); status != http.StatusForbidden && status != http.StatusUnauthorized && status != http.StatusNotFound {
			t.Errorf("%s: %s %s: %d %.300s", name, x[0], x[1], status, b)
		}
	}
}

// keyIDOf is the id of a key.
func keyIDOf(key string) string { return strings.Split(key, "_")[1] }
