package events

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestFilesAreTheOperators: where the engine keeps what is no business of a tenant.
func TestFilesAreTheOperators(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"part_path":"/somewhere"}`))
	}))
	defer srv.Close()
	s, err := New(Endpoint{InsertURL: srv.URL, InsertClient: srv.Client(), SelectURL: srv.URL, Client: srv.Client()}, Options{Retention: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	const form = "application/x-www-form-urlencoded"
	ask := func(tenant, query, contentType, body string) int {
		r := httptest.NewRequestWithContext(llm.WithTenant(t.Context(), tenant), http.MethodPost, "/select/logsql/query?query="+url.QueryEscape(query), strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		s.ProxyLogsQL().ServeHTTP(w, r)
		return w.Code
	}
	multipart := "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n* | block_stats\r\n--b--\r\n"
	for name, c := range map[string]struct{ query, contentType, body string }{
		"plain":        {"* | block_stats", form, ""},
		"capitals":     {"*|BLOCK_Stats | fields part_path", form, ""},
		"a comment":    {"* | # so\n # and so\n block_stats", form, ""},
		"a subquery":   {"a:in(* | block_stats | fields part_path)", form, ""},
		"in the body":  {"*", form, "query=" + url.QueryEscape("* | block_stats")},
		"another form": {"", "multipart/form-data; boundary=b", multipart},
	} {
		if code := ask("acme", c.query, c.contentType, c.body); code != http.StatusForbidden {
			t.Errorf("%s: %d", name, code)
		}
		if code := ask("", c.query, c.contentType, c.body); code != http.StatusOK {
			t.Errorf("%s, the default tenant: %d", name, code)
		}
	}
	for _, query := range []string{"*", "block_stats", `"a block_stats"`, "* | stats count() as block_stats"} {
		if code := ask("acme", query, form, ""); code != http.StatusOK {
			t.Errorf("%s: %d", query, code)
		}
	}
}

// TestEveryRequestHasItsTenant: what goes to an engine or a cluster, inserts,
// queries and what manages rows, is addressed to the tenant of its context, and a
// client's own headers and parameters change nothing of it.
func TestEveryRequestHasItsTenant(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.URL.Path] = r.Header.Get(headerAccount) + ":" + r.Header.Get(headerProject)
		mu.Unlock()
		switch r.URL.Path {
		case "/delete/run_task":
			_, _ = w.Write([]byte(`{"task_id":"1"}`))
		case "/delete/active_tasks":
			_, _ = w.Write([]byte(`[]`))
		case "/metrics":
			_, _ = w.Write([]byte("vl_active_merges{type=\"storage/small\"} 0\n"))
		}
	}))
	defer srv.Close()
	for name, cluster := range map[string]*Cluster{"one engine": nil, "a cluster": {Flush: func(context.Context) error { return nil }}} {
		s, err := New(Endpoint{InsertURL: srv.URL, InsertClient: srv.Client(), SelectURL: srv.URL, Client: srv.Client(), Cluster: cluster}, Options{Retention: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, tenant := range []string{"", "acme", "acme/web"} {
			want := ":"
			if tenant != "" {
				a, p := llm.TenantIDs(tenant)
				want = strconv.FormatUint(uint64(a), 10) + ":" + strconv.FormatUint(uint64(p), 10)
			}
			ctx := llm.WithTenant(t.Context(), tenant)
			clear(seen)
			row, err := AppendRow(nil, llm.Record{Log: &llm.Log{ID: "01J00000000000000000000000", Time: time.Now(), Tenant: tenant, Source: llm.SourceLogs, Message: "m"}})
			if err != nil {
				t.Fatal(err)
			}
			// Rows are their own tenant's, whatever the context says.
			if err := s.Insert(t.Context(), [][]byte{row}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.rows(ctx, request{op: "test", query: "*", r: s.everything()}); err != nil {
				t.Fatal(err)
			}
			if err := s.deleteRows(ctx, "*"); err != nil {
				t.Fatal(err)
			}
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/select/logsql/hits?query=*&AccountID=7&ProjectID=7", strings.NewReader("AccountID=7"))
			r.Header.Set(headerAccount, "7")
			r.Header.Set(headerProject, "7")
			s.ProxyLogsQL().ServeHTTP(w, r)
			for _, path := range []string{"/insert/jsonline", "/select/logsql/query", "/delete/run_task", "/select/logsql/hits"} {
				if seen[path] != want {
					t.Errorf("%s: %s of %q is addressed to %q, want %q", name, path, tenant, seen[path], want)
				}
			}
			// The list of tenants is asked for without one: the engine refuses it else.
			if _, err := s.tenantIDs(ctx, s.everything()); err == nil || seen["/select/tenant_ids"] != ":" {
				t.Errorf("%s: the list of tenants is asked for as %q: %v", name, seen["/select/tenant_ids"], err)
			}
		}
	}
}
