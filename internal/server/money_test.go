package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// canaries is a configuration in which every value that is secret is a canary.
const canaries = `
gateway:
  upstreams:
    - {name: a, base_url: "https://user:CANARY01@example.com/v1", headers: {Authorization: CANARY03, X-Odd: CANARY04}, api_key: CANARY32}
auth:
  url: https://pitot.example.com
  users: [{name: u, password_hash: '$argon2id$v=19$m=8,t=1,p=1$CANARY33CANARY33$CANARY33CANARY33CANARY33', roles: [admin]}]
  keys: [{id: abcdefghjk, name: k, hash: 1111111111111111111111111111111111111111111111111111111111111111, scopes: [query]}]
  oidc: {issuer: "https://idp.example.com", client_id: i, client_secret: CANARY34, default_role: viewer}
capture: {hash_users: true, salt: CANARY05CANARY05}
forward:
  - {name: es, type: elasticsearch, url: "https://es.example.com", username: u, password: CANARY07, headers: {X-A: CANARY08}}
  - {name: es2, type: elasticsearch, url: "https://es.example.com", api_key: CANARY09}
  - {name: o, type: otlp, url: "https://es.example.com", bearer_token: CANARY10}
probes:
  targets: [{name: p, upstream: openai, model: m, headers: {Authorization: CANARY11}}]
quality:
  judges:
    - {name: j, upstream: openai, model: m, headers: {Authorization: CANARY12}}
  feedback: {keys: [CANARY13CANARY13], allowed_origins: ["https://shop.example"]}
storage:
  events:
    retention: 7d
    cluster: {insert_urls: ["https://n.example.com"], username: u, password: CANARY32, headers: {X-Tenant: CANARY33}}
  metrics:
    remote: {write_urls: ["https://m.example.com/w"], query_urls: ["https://m.example.com"], bearer_token: CANARY34, headers: {X-Tenant: CANARY35}}
prometheus:
  scrape_configs:
    - job_name: a
      basic_auth: {username: u, password: CANARY14}
      params: {token: [CANARY15, CANARY16]}
      static_configs: [{targets: [h:1]}]
    - job_name: b
      authorization: {type: Bearer, credentials: CANARY17}
      http_headers: {X-Api-Key: {secrets: [CANARY18]}}
      static_configs: [{targets: [h:1]}]
    - job_name: c
      oauth2: {client_id: i, client_secret: CANARY19, token_url: "https://t.example.com"}
      static_configs: [{targets: [h:1]}]
  remote_write:
    - url: https://u:CANARY20@r.example.com/write?access_token=CANARY21
      headers: {X-Api-Key: CANARY22}
alertmanager:
  global: {smtp_auth_password: CANARY23, slack_api_url: "https://hooks.example.com/CANARY24"}
  route: {receiver: r}
  receivers:
    - name: r
      webhook_configs: [{url: "https://hooks.example.com/CANARY25"}]
      dingtalk_configs: [{url: "https://oapi.example.com/robot/send?access_token=CANARY26", secret: CANARY27}]
      feishu_configs: [{url: "https://open.example.com/hook/CANARY28", secret: CANARY29}]
      telegram_configs: [{bot_token: CANARY30, chat_id: 1}]
      pagerduty_configs: [{routing_key: CANARY31}]
`

// TestConfigHidesSecrets: no value that is secret shows, by whatever field.
func TestConfigHidesSecrets(t *testing.T) {
	cfg, err := config.Parse("pitot.yml", []byte(canaries))
	if err != nil {
		t.Fatal(err)
	}
	// Either of them is set in a file.
	cfg.Storage.Events.Cold.SecretKey = "CANARY38"
	cfg.Storage.Events.Cluster.BearerToken, cfg.Storage.Metrics.Remote.Password = "CANARY36", "CANARY37"
	// A cluster keeps its own days: it goes with no cold storage in a file.
	cfg.Storage.Events.Cold.SecretKey = "CANARY38"
	rep := effective(cfg)
	b, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`CANARY\d\d|1111`).FindAllString(string(b), -1); found != nil {
		t.Errorf("%q show in:\n%s", found, rep.YAML)
	}
	if n := strings.Count(rep.YAML, "<secret>"); n < 20 {
		t.Errorf("only %d values are hidden:\n%s", n, rep.YAML)
	}
	// A field that is new and secret must be in the text above.
	for _, path := range secretFields(reflect.TypeFor[config.Config](), "") {
		if !filled(reflect.ValueOf(cfg).Elem(), path) {
			t.Errorf("%s is secret and has no canary", path)
		}
	}
}

// secretFields are the paths, by Go names, of fields with the tag secret.
func secretFields(rt reflect.Type, path string) []string {
	for rt.Kind() == reflect.Pointer || rt.Kind() == reflect.Slice || rt.Kind() == reflect.Map {
		rt = rt.Elem()
	}
	if rt.Kind() != reflect.Struct || !strings.Contains(rt.PkgPath(), "pitot") {
		return nil
	}
	var out []string
	for f := range rt.Fields() {
		if !f.IsExported() {
			continue
		}
		p := strings.TrimPrefix(path+"."+f.Name, ".")
		if f.Tag.Get("secret") == "true" || f.Name == "Headers" {
			out = append(out, p)
			continue
		}
		out = append(out, secretFields(f.Type, p)...)
	}
	return out
}

// filled reports whether any value at a path is not empty.
func filled(v reflect.Value, path string) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && filled(v.Elem(), path)
	case reflect.Slice:
		for i := range v.Len() {
			if path == "" || filled(v.Index(i), path) {
				return true
			}
		}
		return false
	case reflect.Map:
		if path == "" {
			return v.Len() > 0
		}
		for _, k := range v.MapKeys() {
			if filled(v.MapIndex(k), path) {
				return true
			}
		}
		return false
	default:
	}
	if path == "" {
		return !v.IsZero()
	}
	name, rest, _ := strings.Cut(path, ".")
	return filled(v.FieldByName(name), rest)
}

func TestEffectiveChanges(t *testing.T) {
	cfg, err := config.Parse("pitot.yml", []byte("storage: {events: {retention: 7d}}\ncapture: {content: metrics}\nlabels: {team: {from: tag.team}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	rep := effective(cfg)
	if rep.File != "pitot.yml" || rep.Digest != cfg.Digest() || !strings.Contains(rep.YAML, "retention: 1w") {
		t.Errorf("%+v", rep)
	}
	got := map[string]string{}
	for _, c := range rep.Changed {
		got[c.Key] = c.Default + " -> " + c.Value
	}
	for key, want := range map[string]string{"storage.events.retention": "30d -> 1w", "capture.content": "full -> metrics"} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}
	if len(got) != 3 || !strings.Contains(got["labels"], "from: tag:team") {
		t.Errorf("%q", got)
	}
	if plain := effective(config.Default()); len(plain.Changed) != 0 || plain.Changed == nil {
		t.Errorf("%+v", plain.Changed)
	}
}

func TestWaysOfArrivals(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	s := &Server{}
	s.scrapeTargets.value, s.scrapeTargets.at = []scrapeTarget{
		{Labels: struct{ Job string }{"vllm"}, Health: "up", LastScrape: at},
		{Labels: struct{ Job string }{"vllm"}, Health: "down", LastError: "refused"},
		{Labels: struct{ Job string }{"pitot"}, Health: "up"},
	}, time.Now()
	a := newArrivals(s)
	by := map[string]*api.SetupWay{}
	for _, w := range api.Ways() {
		by[w] = &api.SetupWay{Way: w}
	}
	for _, x := range []events.Arrival{
		{Kind: "call", Source: llm.SourceGateway, Upstream: "openai", Count: 3, First: at, Last: at.Add(time.Hour)},
		{Kind: "call", Source: llm.SourceOTLP, Dialect: "openllmetry", Scope: "lib", Count: 2, First: at, Last: at},
		{Kind: "span", Source: llm.SourceOTLP, Dialect: "openllmetry", Scope: "lib", Count: 5, First: at.Add(-time.Hour), Last: at},
		{Kind: "log", Source: llm.SourceOTLP, Count: 1, First: at, Last: at},
		{Kind: "call", Source: llm.SourceSDK, Count: 1, First: at, Last: at},
		{Kind: "feedback", Count: 4, First: at, Last: at},
		{Kind: "log", Source: llm.SourceLogs, Count: 9, First: at, Last: at},
	} {
		way, name, scope := wayOf(&x)
		if way == "" {
			if x.Source != llm.SourceLogs {
				t.Errorf("%+v came by no way", x)
			}
			continue
		}
		count(&by[way].Count, &by[way].First, &by[way].Last, &x)
		if x.Source == llm.SourceGateway && name != "openai" || x.Dialect != "" && (name != "openllmetry" || scope != "lib") {
			t.Errorf("%+v: %s %s", x, name, scope)
		}
	}
	if w := by[api.WayTraces]; w.Count != 7 || !w.First.Equal(at.Add(-time.Hour)) {
		t.Errorf("%+v", w)
	}
	if by[api.WayFeedback].Count != 4 || by[api.WaySDK].Count != 1 || by[api.WayLogs].Count != 1 || by[api.WayGateway].Count != 3 {
		t.Errorf("%+v", by)
	}
	s.scrapeWay(by[api.WayScrape])
	if w := by[api.WayScrape]; len(w.Parts) != 1 || w.Parts[0].Count != 2 || *w.Parts[0].Up != 1 || w.Parts[0].Error != "refused" || w.Count != 1 || !w.Last.Equal(at) {
		t.Errorf("%+v", w)
	}
	if len(a.seen) != 0 {
		t.Error("something was counted")
	}
}

func TestRemoteWriteIsCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	writes, err := newWrites(reg)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{writes: writes}
	status := http.StatusNoContent
	h := s.countedWrites(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	send := func(method, path string) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, http.NoBody))
	}
	send(http.MethodPost, writePath)
	send(http.MethodGet, writePath)
	send(http.MethodPost, "/api/v1/query")
	status = http.StatusBadRequest
	send(http.MethodPost, writePath)
	send(http.MethodPost, writePath)
	families, err := reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	if taken, refused := counterValue(families[0], "code", "2xx"), counterValue(families[0], "code", "4xx"); taken != 1 || refused != 2 {
		t.Errorf("%v taken, %v refused", taken, refused)
	}
	all := refusedRequests(map[string]*dto.MetricFamily{"pitot_remote_write_requests_total": families[0]})
	if len(all) != 1 || all[0].Count != 2 || all[0].Code != "4xx" || all[0].way != api.WayRemoteWrite {
		t.Errorf("%+v", all)
	}
}

func TestRefusedRequests(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pitot_otlp_requests_total", Help: "x"}, []string{"signal", "transport", "code"})
	reg.MustRegister(c)
	for _, x := range []struct {
		signal, transport, code string
		n                       float64
	}{
		{"traces", "http", "200", 10},
		{"traces", "grpc", "OK", 5},
		{"traces", "grpc", "Canceled", 5},
		{"traces", "http", "415", 2},
		{"logs", "http", "413", 1},
		{"traces", "grpc", "InvalidArgument", 7},
	} {
		c.WithLabelValues(x.signal, x.transport, x.code).Add(x.n)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range refusedRequests(map[string]*dto.MetricFamily{"pitot_otlp_requests_total": families[0]}) {
		got = append(got, fmt.Sprint(r.way, " ", r.Code, " ", r.Count))
	}
	if !slices.Equal(got, []string{"otlp_traces InvalidArgument 7", "otlp_traces 415 2", "otlp_logs 413 1"}) {
		t.Errorf("%q", got)
	}
}
