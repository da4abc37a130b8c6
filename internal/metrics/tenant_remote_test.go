package metrics

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/pitot-dev/pitot/internal/llm"
)

// checkExpr says what is wrong with an expression that was restricted: a selector
// without the matcher, or anything else that differs from the original.
func checkExpr(original, restricted, tenant string) error {
	e, err := newParser().ParseExpr(restricted)
	if err != nil {
		return fmt.Errorf("the result %q is no expression: %w", restricted, err)
	}
	bad := error(nil)
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		last := -1
		for i, m := range s.LabelMatchers {
			if m.Name == llm.TenantLabel && m.Type == labels.MatchEqual && m.Value == tenant {
				last = i // one before may be the user's own
			}
		}
		if last < 0 {
			bad = fmt.Errorf("%s in %q has no matcher", s, restricted)
			return nil
		}
		s.LabelMatchers = slices.Delete(s.LabelMatchers, last, last+1)
		return nil
	})
	if bad != nil || original == "" {
		return bad
	}
	was, err := newParser().ParseExpr(original)
	if err != nil {
		return fmt.Errorf("%q was taken: %w", original, err)
	}
	if e.String() != was.String() {
		return fmt.Errorf("without the matcher it is %q, not %q", e, was)
	}
	return nil
}

// exprs are expressions of every form that a selector can have.
var exprs = []string{
	`up`, `{__name__="up"}`, `{__name__=~".+"}`, `up{tenant="beta"}`, `up{tenant=~".*"}`, `up{tenant!=""}`, `up{tenant=""}`, `{tenant="beta"}`, `{tenant!~"acme",job="x"}`,
	`up @ 100`, `up @ start()`, `up @ end() offset 5m`, `up offset -1h`, `rate(up[5m])`, `rate(up[5m] @ 100 offset 1m)`, `up[1h:10s]`, `max_over_time(rate(up[1m])[1h:30s] @ end())`, `up[1h:]`,
	`sum by (tenant) (up) / ignoring (tenant) group_left sum(down)`, `a and b or c unless d`, `label_replace(up, "tenant", "$1", "job", "(.*)")`, `label_join(up, "a", ",", "tenant")`, `absent(up{a="b"})`, `absent_over_time(up[5m])`,
	`histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))`, `topk(3, up) > bool 1`, `count_values("tenant", up)`, `scalar(up) + vector(time())`, `-up`, `(((up)))`, `1 + 2`, `"text"`, `time()`,
	`{"my.metric"}`, `{"my.metric", "other.label"="x"}`, `{"tenant"="beta", "up"}`, `{"a\"} or {b=\"c"="x"}`, `up{"ten ant"="x"}`, `{__name__="up\"} or down"}`, "{__name__=`up`}", `up{job="}"}`, `up{job="a\nb"}`, `{'up','x'='y'}`,
	`sum(up) by ("tenant")`, `info(up)`, `info(up, {tenant="beta"})`, `info(up, {__name__=~".+_info"})`, `limitk(2, up)`, `sort_by_label(up, "tenant")`, `up smoothed`, `rate(up[5m] anchored)`, `rate(up[5m * 2])`, `up offset (1h + 5m)`,
	`a + fill(0) b`, `up # a comment }`, "up{\n tenant = 'beta' , }", `on`, `by{}`, `offset{a="b"}`, `bool or and`, `start + end`, `nan`, `inf{}`,
}

func TestRestrictExpr(t *testing.T) {
	for _, tenant := range []string{"", "acme", "acme/web"} {
		ctx := llm.WithTenant(t.Context(), tenant)
		taken := 0
		for _, e := range exprs {
			got, err := restrictExpr(ctx, e)
			if _, perr := newParser().ParseExpr(e); perr != nil {
				if err == nil {
					t.Errorf("%s: what is no expression was passed on as %s", e, got)
				}
				continue
			}
			taken++
			if err == nil {
				err = checkExpr(e, got, tenant)
			}
			if err != nil {
				t.Errorf("%s: %v", e, err)
			}
		}
		if taken < 50 {
			t.Errorf("only %d of the expressions are any", taken)
		}
	}
	if got, err := restrictExpr(allTenants(t.Context()), `up`); err != nil || got != "up" {
		t.Errorf("of the operator's rules: %q %v", got, err)
	}
	for _, e := range []string{`up{a="b" or c="d"}`, `WITH (x = up) x`, `up{`, ``, `{}`, `{tenant=~".*"}`, `up[5m`, "\x00", `label_match(up, "a")`} {
		if got, err := restrictExpr(t.Context(), e); err == nil {
			t.Errorf("%q was passed on as %q", e, got)
		}
	}
}

func FuzzRestrictExpr(f *testing.F) {
	for _, e := range exprs {
		f.Add(e, "acme")
	}
	f.Add("up", "")
	f.Fuzz(func(t *testing.T, e, tenant string) {
		if tenant != "" && llm.CheckTenant(tenant) != nil {
			t.Skip()
		}
		got, err := restrictExpr(llm.WithTenant(context.Background(), tenant), e)
		if err != nil {
			return
		}
		if err := checkExpr(e, got, tenant); err != nil {
			t.Errorf("%q: %v", e, err)
		}
	})
}

func checkSelectors(got []string, tenant string) error {
	if len(got) == 0 {
		return fmt.Errorf("no selector is left: that is everything")
	}
	for _, s := range got {
		ms, err := newParser().ParseMetricSelector(s)
		if err != nil {
			return fmt.Errorf("%q is no selector: %w", s, err)
		}
		found := false
		for _, m := range ms {
			found = found || m.Name == llm.TenantLabel && m.Type == labels.MatchEqual && m.Value == tenant
		}
		if !found {
			return fmt.Errorf("%q has no matcher", s)
		}
	}
	return nil
}

func FuzzRestrictSelectors(f *testing.F) {
	for _, s := range []string{`up`, `{a="b"}`, `{"my.metric","x.y"="z"}`, `{tenant="beta"}`, `{a="}"}`, `up{a=~"b|c",}`, `{__name__!="x"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, tenant := range []string{"", "acme"} {
			got, err := restrictSelectors(llm.WithTenant(context.Background(), tenant), []string{s, "up"})
			if err == nil {
				err = checkSelectors(got, tenant)
			} else if _, perr := newParser().ParseMetricSelector(s); perr != nil {
				err = nil
			}
			if err != nil {
				t.Errorf("%q: %v", s, err)
			}
		}
	})
}

func TestRestrictSelectors(t *testing.T) {
	for _, in := range [][]string{nil, {}, {`up`}, {`up`, `{a="b"}`, `{"my.metric"}`}, {`{tenant="beta"}`}} {
		got, err := restrictSelectors(llm.WithTenant(t.Context(), "acme"), in)
		if err == nil {
			err = checkSelectors(got, "acme")
		}
		if err != nil || len(got) != max(1, len(in)) {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{``, `up{`, `up or down`, `rate(up[5m])`, `{a="b"} or {c="d"}`} {
		if got, err := restrictSelectors(t.Context(), []string{in}); err == nil {
			t.Errorf("%q was passed on as %q", in, got)
		}
	}
}

// FuzzRestrictRequest sends any parameters in both places, to any path: what comes
// out holds only expressions and selectors with the matcher.
func FuzzRestrictRequest(f *testing.F) {
	f.Add("/api/v1/query", "query=up", "query=down", true)
	f.Add("/api/v1/series", "match[]=up&match[]=down", "match%5B%5D=x", true)
	f.Add("/api/v1/label/..%2fquery/values", "query=up", "", false)
	f.Add("//api/v1/query", "query=up;query=down", "", false)
	f.Fuzz(func(t *testing.T, path, query, body string, post bool) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Skip()
		}
		u.RawQuery = query
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		req := &http.Request{Method: method, URL: u, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: io.NopCloser(strings.NewReader(body))}
		out, err := restrictRequest(req.WithContext(llm.WithTenant(context.Background(), "acme")))
		if err != nil {
			return
		}
		if err := checkRequest(out, "acme"); err != nil {
			t.Errorf("%s %s?%s %q: %v", method, path, query, body, err)
		}
	})
}

func checkRequest(out *http.Request, tenant string) error {
	if out.URL.RawPath != "" || out.TransferEncoding != nil || out.Header.Get("Content-Encoding") != "" {
		return fmt.Errorf("it has forms of its own: %q, %v, %v", out.URL.RawPath, out.TransferEncoding, out.Header)
	}
	b, err := io.ReadAll(out.Body)
	if err != nil {
		return err
	}
	if out.Method == http.MethodGet && len(b) > 0 || out.Method == http.MethodPost && out.URL.RawQuery != "" {
		return fmt.Errorf("parameters are in two places")
	}
	form, err := url.ParseQuery(out.URL.RawQuery + string(b))
	if err != nil {
		return err
	}
	if strings.HasPrefix(out.URL.Path, "/api/v1/query") {
		for _, e := range form["query"] {
			if err := checkExpr("", e, tenant); err != nil {
				return err
			}
		}
		if form.Has("match[]") {
			return fmt.Errorf("selectors went along: %v", form)
		}
		return nil
	}
	if form.Has("query") {
		return fmt.Errorf("an expression went along: %v", form)
	}
	return checkSelectors(form["match[]"], tenant)
}

func TestRemotePathsAreStrict(t *testing.T) {
	for path, want := range map[string]bool{
		"/api/v1/query": true, "/api/v1/query_range": true, "/api/v1/query_exemplars": true, "/api/v1/series": true, "/api/v1/labels": true, "/federate": true, "/api/v1/status/tsdb": true,
		"/api/v1/label/job/values": true, "/api/v1/label/U__my_2e_label/values": true, "/api/v1/label/my.label/values": true, "/api/v1/label/a%25b/values": true,
		"//api/v1/query": false, "/api//v1/query": false, "/api/v1/query/": false, "/api/v1/query%2f": false, "/api/v1%2fquery": true, "/api/v1/./query": false, "/api/v1/x/../query": false, "/api/v1/QUERY": false,
		"/api/v1/label/": false, "/api/v1/label/job": false, "/api/v1/label//values": false, "/api/v1/label/../values": false, "/api/v1/label/%2e%2e/values": false, "/api/v1/label/..%2fquery": false,
		"/api/v1/label/..%2fquery/values": false, "/api/v1/label/x/values/": false, "/api/v1/label/a/b/values": false, `/api/v1/label/..%5cquery/values`: false, "/federate/": false, "/federate/../api/v1/query": false,
		"/api/v1/read": false, "/api/v1/write": false, "/api/v1/admin/tsdb/delete_series": false, "/api/v1/query_ranges": false, "/select/0/prometheus/api/v1/query": false,
	} {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := remotePath(u)
		if ok != want {
			t.Errorf("%s: %q %v", path, got, ok)
		}
		if ok && (&url.URL{Path: got}).EscapedPath() != strings.Replace(path, "%2f", "/", 1) {
			t.Errorf("%s goes out as %s", path, (&url.URL{Path: got}).EscapedPath())
		}
	}
}

// TestTenantsOfAnOutsideStore walks a real store through the proxy, as each tenant,
// by every way to say a parameter twice, in another place or in another form.
func TestTenantsOfAnOutsideStore(t *testing.T) {
	out, srv, _ := outsideStore(t)
	o := remoteOptions(t.TempDir(), srv.URL, false)
	o.Tenants, o.Remote.WriteURLs = []string{"acme", "beta"}, nil
	m := openRemote(t, o)
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	app := out.store.Appender(t.Context())
	for tenant, secret := range map[string]string{"": "plainword", "acme": "acmeword", "beta": "betaword"} {
		l := labels.FromMap(map[string]string{"__name__": "canary", "word": secret, "my.label": secret, llm.TenantLabel: tenant})
		if tenant == "" {
			l = labels.FromStrings("__name__", "canary", "word", secret, "my.label", secret)
		}
		if _, err := app.Append(0, l, time.Now().UnixMilli(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	type ask struct{ method, path, body, contentType, coding string }
	form := "application/x-www-form-urlencoded"
	q := func(s string) string { return "query=" + url.QueryEscape(s) }
	asks := []ask{}
	for _, e := range []string{`canary`, `{tenant=~".+"}`, `canary{tenant="acme"}`, `canary{tenant!="beta"}`, `canary[1h:1m]`, `last_over_time(canary[5m] @ end())`, `{"canary"}`, `canary offset -1s`, `info(canary)`, `canary or {tenant="acme"}`} {
		asks = append(asks, ask{"GET", "/api/v1/query?" + q(e), "", "", ""}, ask{"POST", "/api/v1/query", q(e), form, ""}, ask{"GET", "/api/v1/query_exemplars?start=0&end=2000000000&" + q(e), "", "", ""},
			ask{"GET", fmt.Sprintf("/api/v1/query_range?start=%d&end=%d&step=10&%s", time.Now().Add(-time.Minute).Unix(), time.Now().Unix()+10, q(e)), "", "", ""},
			ask{"POST", "/api/v1/query?" + q(e), q("vector(1)"), form, ""}, ask{"POST", "/api/v1/query?" + q("vector(1)"), q(e), form, ""}, ask{"GET", "/api/v1/query?" + q("vector(1)") + "&" + q(e), "", "", ""},
			ask{"POST", "/api/v1/query", q("vector(1)") + "&" + q(e), form, ""}, ask{"POST", "/api/v1/query?" + q(e), "", "text/plain", ""}, ask{"POST", "/api/v1/query", q(e), "", ""}, ask{"POST", "/api/v1/query", q(e), form, "identity"},
			ask{"POST", "/api/v1/query", "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n" + e + "\r\n--b--\r\n", "multipart/form-data; boundary=b", ""}, ask{"POST", "/api/v1/query", q(e), form, "gzip"},
			ask{"GET", "/api/v1/query?" + q(e) + "&match[]=canary", "", "", ""}, ask{"GET", "/api/v1/query?Query=up;" + q(e), "", "", ""})
	}
	for _, sel := range []string{``, `canary`, `{tenant=~".+"}`, `{tenant="acme"}`, `{__name__=~".+"}`, `{"canary"}`} {
		ms := "match[]=" + url.QueryEscape(sel)
		if sel == "" {
			ms = ""
		}
		for _, path := range []string{"/api/v1/series", "/api/v1/labels", "/api/v1/label/word/values", "/api/v1/label/tenant/values", "/api/v1/label/my.label/values", "/api/v1/label/U__my_2e_label/values", "/federate"} {
			asks = append(asks, ask{"GET", path + "?" + ms, "", "", ""}, ask{"GET", path + "?match[]=up&" + ms, "", "", ""}, ask{"GET", path + "?query=canary&" + ms, "", "", ""})
			if strings.HasSuffix(path, "s") {
				asks = append(asks, ask{"POST", path, ms, form, ""}, ask{"POST", path + "?" + ms, "match[]=up", form, ""})
			}
		}
	}
	for _, path := range []string{"//api/v1/query", "/api/v1/query/", "/api/v1/label/..%2fquery", "/api/v1/label/..%2fquery/values", "/api/v1/label/%2e%2e/query", "/api/v1/label/x/values/../../../query", "/api/v1%2fquery", "/api/v1/read", "/api/v1/status/tsdb/", "/api/v1/label/word/values/"} {
		asks = append(asks, ask{"GET", path + "?query=canary&match[]=canary", "", "", ""}, ask{"POST", path, "query=canary&match[]=canary", form, ""})
	}
	for _, tenant := range []string{"", "acme", "beta"} {
		own := map[string]string{"": "plainword", "acme": "acmeword", "beta": "betaword"}[tenant]
		seen := 0
		for _, a := range asks {
			req := httptest.NewRequestWithContext(llm.WithTenant(t.Context(), tenant), a.method, a.path, strings.NewReader(a.body))
			if a.contentType != "" {
				req.Header.Set("Content-Type", a.contentType)
			}
			if a.coding != "" {
				req.Header.Set("Content-Encoding", a.coding)
			}
			req.Header.Set("X-Scope-Orgid", "acme")
			rec := httptest.NewRecorder()
			m.Handler().ServeHTTP(rec, req)
			for _, word := range []string{"plainword", "acmeword", "betaword"} {
				if found := strings.Contains(rec.Body.String(), word); found && word != own {
					t.Errorf("%q finds %s with %+v: %s", tenant, word, a, rec.Body)
				} else if found {
					seen++
				}
			}
		}
		if seen < 40 {
			t.Errorf("%q finds its own word in %d answers only", tenant, seen)
		}
		for _, e := range []string{`canary`, `{tenant=~".+"} or canary`} {
			r, err := m.Query(llm.WithTenant(t.Context(), tenant), e, time.Now())
			if err != nil || len(r.Series) != 1 || r.Series[0].Labels["word"] != own {
				t.Errorf("%q: %s: %+v %v", tenant, e, r, err)
			}
		}
	}
}

// TestTenantsByRemoteRead: what is read from an outside store by remote read has
// the matcher, too.
func TestTenantsByRemoteRead(t *testing.T) {
	out, srv, _ := outsideStore(t)
	o := remoteOptions(t.TempDir(), srv.URL, true)
	o.Tenants, o.Remote.WriteURLs = []string{"acme", "beta"}, nil
	m := openRemote(t, o)
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	app := out.store.Appender(t.Context())
	for _, tenant := range []string{"", "acme", "beta"} {
		if _, err := app.Append(0, labels.FromStrings("__name__", "canary", llm.TenantLabel, tenant, "word", "w"+tenant), time.Now().UnixMilli(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"", "acme", "beta"} {
		ctx := llm.WithTenant(t.Context(), tenant)
		for _, e := range []string{`canary`, `{__name__="canary",tenant=~".*"}`, `canary or {tenant="acme"}`} {
			r, err := m.Query(ctx, e, time.Now())
			if err != nil || len(r.Series) != 1 || r.Series[0].Labels["word"] != "w"+tenant {
				t.Errorf("%q: %s: %+v %v", tenant, e, r, err)
			}
		}
		for _, path := range []string{"/api/v1/query?query=canary", "/federate?match[]=canary", "/api/v1/series?match[]=canary", "/api/v1/query?query=" + url.QueryEscape(`{tenant=~".+"}`)} {
			rec := httptest.NewRecorder()
			m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody))
			for _, other := range []string{"", "acme", "beta"} {
				if other != tenant && strings.Contains(rec.Body.String(), `"w`+other+`"`) {
					t.Errorf("%q: %s: %s", tenant, path, rec.Body)
				}
			}
			if !strings.Contains(rec.Body.String(), `"w`+tenant+`"`) && (tenant != "" || !strings.Contains(path, "tenant")) {
				t.Errorf("%q does not find its own: %s: %d %s", tenant, path, rec.Code, rec.Body)
			}
		}
	}
}
