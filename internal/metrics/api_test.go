package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func gaugeFamily(name string, v float64) []*dto.MetricFamily {
	return []*dto.MetricFamily{{
		Name: &name, Type: dto.MetricType_GAUGE.Enum(),
		Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &v}}},
	}}
}

// store commits families at a time.
func store(t testing.TB, m *Metrics, a *familyAppender, f []*dto.MetricFamily, at time.Time) {
	t.Helper()
	app := m.store.AppenderV2(t.Context())
	if _, err := a.append(app, f, at.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestAPI asks every page of the Prometheus HTTP API for something that only
// the right answer has.
func TestAPI(t *testing.T) {
	m := startStore(t, func(o *Options) {
		o.Rules = []RuleFile{{Name: "pack", Content: []byte("groups: [{name: pack, rules: [{record: 'job:x', expr: 'sum(up)'}, {alert: 'A', expr: 'up > 0'}]}]")}}
	})
	at := traffic(t, m)
	srv := serve(t, m.Handler())
	window := url.Values{"start": {unix(at.Add(-5 * time.Minute))}, "end": {unix(at)}}
	with := func(kv ...string) url.Values {
		v := url.Values{}
		maps.Copy(v, window)
		for i := 0; i < len(kv); i += 2 {
			v.Add(kv[i], kv[i+1])
		}
		return v
	}
	for _, k := range []struct {
		path   string
		params url.Values
		want   string
	}{
		{"/api/v1/query", url.Values{"query": {"llm_active_requests"}, "time": {unix(at)}}, `"model":"gpt-x"`},
		{"/api/v1/query_range", with("query", "llm_active_requests", "step", "15"), `"matrix"`},
		{"/api/v1/series", with("match[]", "llm_requests_total"), `"status":"error"`},
		{"/api/v1/labels", with(), `"gen_ai_request_model"`},
		{"/api/v1/label/model/values", with(), `"gpt-x"`},
		{"/api/v1/label/__name__/values", with(), `"llm_request_latency_seconds_bucket"`},
		{"/api/v1/metadata", url.Values{"metric": {"llm_requests_total"}}, `"counter"`},
		{"/api/v1/targets", nil, `"job":"pitot"`},
		{"/api/v1/targets/metadata", nil, `llm_requests_total`},
		{"/api/v1/scrape_pools", nil, `"pitot"`},
		{"/api/v1/rules", nil, `"file":"pitot:pack"`},
		{"/api/v1/alerts", nil, `"alerts"`},
		{"/api/v1/alertmanagers", nil, `"activeAlertmanagers"`},
		{"/api/v1/format_query", url.Values{"query": {"sum(up)by(job)"}}, `sum by (job) (up)`},
		{"/api/v1/parse_query", url.Values{"query": {"up"}}, `"vectorSelector"`},
		{"/api/v1/status/config", nil, `scrape_interval`},
		{"/api/v1/status/flags", nil, `success`},
		{"/api/v1/status/runtimeinfo", nil, `"storageRetention":"90d"`},
		{"/api/v1/status/buildinfo", nil, `"version"`},
		{"/api/v1/status/tsdb", nil, `"numSeries"`},
		{"/api/v1/status/walreplay", nil, `success`},
		{"/api/v1/status/self_metrics", nil, `llm_requests_total`},
		{"/api/v1/features", nil, `success`},
		{"/api/v1/notifications", nil, `success`},
	} {
		resp, err := http.Get(srv.URL + k.path + "?" + k.params.Encode())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(k.want)) {
			t.Errorf("GET %s: %s, want %s in %.300s (%v)", k.path, resp.Status, k.want, body, err)
		}
	}
	resp, err := http.Post(srv.URL+"/api/v1/admin/tsdb/delete_series?match[]=up", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusOK {
		t.Errorf("the admin API is on: %s", resp.Status)
	}
	for _, q := range []string{"sum(", ""} {
		resp, err := http.Get(srv.URL + "/api/v1/query?query=" + url.QueryEscape(q))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("query %q: %s, want 400", q, resp.Status)
		}
	}
}

func TestMetricsPage(t *testing.T) {
	m := openStore(t)
	m.catalogue.ObserveCall(streamCall("gpt-x", 1))
	srv := serve(t, m.MetricsHandler())
	for accept, want := range map[string][]string{
		"": {"llm_requests_total{", "pitot_metrics_series", "go_goroutines", "process_resident_memory_bytes", "llm_error_count_total{"},
		"application/openmetrics-text;version=1.0.0":                                                 {"# EOF", `# {trace_id="`},
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited": {"llm_requests_total"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !bytes.Contains(body, []byte(w)) {
				t.Errorf("Accept %q: %q is missing", accept, w)
			}
		}
		if bytes.Contains(body, []byte("llm_total_tokens{")) {
			t.Errorf("Accept %q: a name is shown that clashes with the suffix rules", accept)
		}
	}
}

func TestFederation(t *testing.T) {
	m := openStore(t, func(o *Options) { o.Config = []byte("global: {external_labels: {cluster: c1}}") })
	traffic(t, m)
	srv := serve(t, m.Handler())
	get := func(accept, match string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/federate?"+url.Values{"match[]": {match}}.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	code, text := get("", `{__name__=~"llm_.*"}`)
	if code != http.StatusOK || !strings.Contains(text, "# TYPE llm_requests_total untyped") ||
		!strings.Contains(text, `cluster="c1"`) || !strings.Contains(text, `job="pitot"`) {
		t.Errorf("%d: %.500s", code, text)
	}
	_, proto := get("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", `llm_request_duration_seconds`)
	var f dto.MetricFamily
	dec := expfmt.NewDecoder(strings.NewReader(proto), expfmt.NewFormat(expfmt.TypeProtoDelim))
	if err := dec.Decode(&f); err != nil || len(f.Metric) == 0 || f.Metric[0].Histogram.GetSampleCountFloat() == 0 || f.Metric[0].Histogram.Schema == nil {
		t.Errorf("a native histogram is federated as %v (%v)", &f, err)
	}
	for _, bad := range []string{"", "sum("} {
		if code, _ := get("", bad); code != http.StatusBadRequest {
			t.Errorf("match %q: %d, want 400", bad, code)
		}
	}
}

// scrapeTarget serves an exposition.
func scrapeTarget(t *testing.T, text []byte) string {
	t.Helper()
	srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(text) // the scraper says what it missed
	}))
	return strings.TrimPrefix(srv.URL, "http://")
}

func TestScrape(t *testing.T) {
	t.Parallel() // waits for the 5 s of service discovery
	own, err := os.ReadFile("testdata/server.prom")
	if err != nil {
		t.Fatal(err)
	}
	cfg := `
scrape_configs:
  - job_name: vllm
    scrape_interval: 100ms
    scrape_timeout: 100ms
    static_configs: [{targets: ['` + scrapeTarget(t, own) + `'], labels: {rack: r1}}]
`
	m := startStore(t, func(o *Options) { o.Config = []byte(cfg) })
	srv := serve(t, m.Handler())
	eventually(t, "the target is scraped", func() bool {
		return len(query(t, m, `vllm:num_requests_running{job="vllm",rack="r1",model_name="llama"} == 3`, time.Now())) == 1
	})
	if n := len(query(t, m, `histogram_quantile(0.5, vllm:time_to_first_token_seconds_bucket)`, time.Now())); n != 1 {
		t.Errorf("%d series of a quantile", n)
	}
	var targets struct {
		Data struct {
			ActiveTargets []struct {
				ScrapePool, Health string
				Labels             map[string]string
			}
		}
	}
	getJSON(t, srv.URL+"/api/v1/targets", nil, &targets)
	health := map[string]string{}
	for _, a := range targets.Data.ActiveTargets {
		health[a.Labels["job"]] = a.Health
	}
	if health["vllm"] != "up" || health["pitot"] != "up" {
		t.Errorf("targets are %v", health)
	}
	// A reload that takes the target away marks its series stale.
	if err := m.Reload([]byte("scrape_configs: [{job_name: vllm, scrape_interval: 100ms, scrape_timeout: 100ms}]")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the series of the removed target are stale", func() bool {
		return len(query(t, m, `vllm:num_requests_running`, time.Now())) == 0
	})
}

// TestScrapeRealServer scrapes what a real model server exposes.
func TestScrapeRealServer(t *testing.T) {
	text, err := os.ReadFile(shared(t, "prom-samples", "vllm", "vllm_metrics_chimeraforge.prom"))
	if err != nil {
		t.Fatal(err)
	}
	m := startStore(t, func(o *Options) {
		o.Config = []byte("scrape_configs: [{job_name: vllm, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{targets: ['" + scrapeTarget(t, text) + "']}]}]")
	})
	eventually(t, "the server is scraped", func() bool {
		return len(query(t, m, `{__name__=~"vllm:.*", job="vllm"}`, time.Now())) > 10
	})
}

// notified collects alerts.
type notified struct {
	mu     sync.Mutex
	alerts []Alert
}

func (n *notified) notify(_ context.Context, alerts []Alert) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alerts = append(n.alerts, alerts...)
}

func TestRules(t *testing.T) {
	dir := t.TempDir()
	file := []byte("groups: [{name: file, interval: 100ms, rules: [{record: 'from_file', expr: 'sum(up)'}]}]")
	if err := os.WriteFile(dir+"/r.yml", file, 0o600); err != nil {
		t.Fatal(err)
	}
	var got notified
	m := startStore(t, func(o *Options) {
		o.ConfigDir = dir
		o.Config = []byte("rule_files: ['r.yml']")
		o.Notify = got.notify
		o.NoBuiltinRules = true
		o.Rules = []RuleFile{{Name: "pack", Content: []byte(`
groups:
  - name: pack
    interval: 100ms
    rules:
      - alert: PitotUp
        expr: up{job="pitot"} == 1
        labels: {severity: info}
        annotations: {summary: 'value {{ $value }}'}
`)}}
	})
	eventually(t, "the rule of the file is recorded", func() bool { return len(query(t, m, "from_file", time.Now())) == 1 })
	eventually(t, "the alert is handed on", func() bool {
		got.mu.Lock()
		defer got.mu.Unlock()
		return len(got.alerts) > 0
	})
	a := got.alerts[0]
	if a.Labels["alertname"] != "PitotUp" || a.Labels["severity"] != "info" || a.Annotations["summary"] != "value 1" || a.Resolved ||
		!strings.HasPrefix(a.GeneratorURL, "http://127.0.0.1:4400/") || a.StartsAt.IsZero() {
		t.Errorf("the alert is %+v", a)
	}
	if err := m.SetRules([]RuleFile{{Name: "bad", Content: []byte("groups: [{name: g, rules: [{record: a, expr: 'sum('}]}]")}}); err == nil {
		t.Error("a bad rule is accepted")
	}
	if n := len(m.rules.RuleGroups()); n != 2 {
		t.Errorf("%d groups after a bad file, want the 2 of before", n)
	}
	if err := m.SetRules(nil); err != nil {
		t.Fatal(err)
	}
	if n := len(m.rules.RuleGroups()); n != 1 {
		t.Errorf("%d groups, want the one of the file", n)
	}
}

// TestAlertmanagersOfTheConfig: an `alerting:` section that was pasted in works.
func TestAlertmanagersOfTheConfig(t *testing.T) {
	t.Parallel() // waits for the 5 s of service discovery
	posted := make(chan []byte, 10)
	am := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err == nil && r.URL.Path == "/api/v2/alerts" {
			select {
			case posted <- b:
			default:
			}
		}
	}))
	m := startStore(t, func(o *Options) {
		o.Config = []byte("alerting: {alertmanagers: [{static_configs: [{targets: ['" + strings.TrimPrefix(am.URL, "http://") + "']}]}]}")
	})
	// An alert that fires earlier is sent again after a minute.
	eventually(t, "the Alertmanager is discovered", func() bool { return len(m.notifier.Alertmanagers()) == 1 })
	if err := m.SetRules([]RuleFile{{Name: "x", Content: []byte("groups: [{name: g, interval: 100ms, rules: [{alert: Sent, expr: 'vector(1)'}]}]")}}); err != nil {
		t.Fatal(err)
	}
	select {
	case b := <-posted:
		var alerts []struct{ Labels map[string]string }
		if err := json.Unmarshal(b, &alerts); err != nil || len(alerts) == 0 || alerts[0].Labels["alertname"] != "Sent" {
			t.Errorf("posted %s (%v)", b, err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no alert arrives")
	}
}
