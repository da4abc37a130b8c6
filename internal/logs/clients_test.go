package logs

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The sequences of requests that senders make, as their sources and
// documentation say: a sender is content when each step has the answer that it
// looks for.

func TestFluentd(t *testing.T) {
	e := newES(t, Config{})
	ruby := []string{"User-Agent", "elasticsearch-ruby/8.15.0", "Content-Type", "application/vnd.elasticsearch+json; compatible-with=9", "Accept", "application/vnd.elasticsearch+json; compatible-with=9"}
	info := e.do("GET", "/", "", ruby...)
	version, _ := info.json["version"].(map[string]any)
	if info.status != 200 || !strings.HasPrefix(version["number"].(string), "8.") || info.json["tagline"] != "You Know, for Search" {
		t.Fatalf("info: %s", info.body)
	}
	if got := info.header.Get("Content-Type"); got != ruby[5] {
		t.Errorf("content type %q", got)
	}
	// With template_name: look for it, and put it.
	if a := e.do("GET", "/_index_template/llm", "", ruby...); a.status != 404 {
		t.Errorf("template: %d", a.status)
	}
	if a := e.do("PUT", "/_index_template/llm", `{"index_patterns":["llm-*"]}`, ruby...); a.status != 200 || a.json["acknowledged"] != true {
		t.Errorf("template: %s", a.body)
	}
	// The chunk, with what the record_transformer of queries.md added.
	chunk := `{"index":{"_index":"llm-logs","_type":"_doc"}}` + "\n" +
		`{"timestamp":"2026-11-21T10:00:00Z","level":"INFO","event":"llm_request_success","request_id":"r1","model":"gpt-4o","latency":0.8,"input_tokens":10,"output_tokens":20,"cluster_id":"c1","namespace":"llm","@timestamp":"2026-11-21T10:00:00.000000000+00:00"}` + "\n"
	a := e.do("POST", "/_bulk", chunk, append(ruby, "Authorization", "Basic dTpw")...)
	if a.status != 200 || a.json["errors"] != false {
		t.Fatalf("bulk: %d %s", a.status, a.body)
	}
	l, calls := e.sink.all()[0], e.sink.allCalls()
	if len(calls) != 1 || calls[0].RequestModel != "gpt-4o" || calls[0].Resource[ResourceCluster] != "c1" || l.Resource[ResourceNamespace] != "llm" || l.Attributes["index"] != "llm-logs" {
		t.Errorf("log %+v\ncalls %+v", l, calls)
	}
	if strings.Contains(mustJSON(t, l), "dTpw") {
		t.Error("credentials are kept")
	}
	// reload_connections: where to go from now on.
	nodes := e.do("GET", "/_nodes/http", "", append(ruby, "Host", "pitot:4400")...)
	for _, n := range nodes.json["nodes"].(map[string]any) {
		addr := n.(map[string]any)["http"].(map[string]any)["publish_address"].(string)
		if u, err := url.Parse("http://" + addr); err != nil || u.Port() == "" {
			t.Errorf("publish address %q", addr)
		}
	}
}

func TestFluentdDataStream(t *testing.T) {
	e := newES(t, Config{})
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/_ilm/policy/llm", "", 404},
		{"PUT", "/_ilm/policy/llm", `{"policy":{}}`, 200},
		{"GET", "/_index_template/llm", "", 404},
		{"PUT", "/_index_template/llm", `{}`, 200},
		{"GET", "/_data_stream/llm", "", 404},
		{"PUT", "/_data_stream/llm", "", 200},
		{"POST", "/llm/_bulk", "{\"create\":{}}\n{\"@timestamp\":\"2026-11-21T10:00:00Z\",\"message\":\"m\"}\n", 200},
	} {
		if a := e.do(step.method, step.path, step.body); a.status != step.status {
			t.Errorf("%s %s: %d %s", step.method, step.path, a.status, a.body)
		}
	}
	if len(e.sink.order) != 1 {
		t.Error("the document did not arrive")
	}
}

func TestFluentBit(t *testing.T) {
	e := newES(t, Config{})
	// Generate_ID makes creates with an id, so that what is retried is not doubled.
	chunk := `{"create":{"_index":"fluent-bit","_id":"5b3e1b6c-0000-0000-0000-000000000001"}}` + "\n" +
		`{"@timestamp":"2026-11-21T10:00:00.123Z","log":"{\"level\":\"warn\",\"msg\":\"slow\"}\n","stream":"stdout","kubernetes":{"pod_name":"api-1","namespace_name":"llm","container_name":"api"}}` + "\n"
	for range 2 {
		a := e.do("POST", "/_bulk/?pipeline=geo", chunk, "Content-Type", "application/x-ndjson", "User-Agent", "Fluent-Bit")
		if a.status != 200 || !strings.Contains(a.body, `"errors":false`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	logs := e.sink.all()
	if len(logs) != 1 || logs[0].Message != "slow" || logs[0].Level != "warn" || logs[0].Service != "api" || logs[0].Resource[ResourcePod] != "api-1" {
		t.Errorf("%s", mustJSON(t, logs))
	}
}

func TestLogstash(t *testing.T) {
	e := newES(t, Config{})
	if a := e.do("HEAD", "/", ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD /: %d %q", a.status, a.body)
	}
	if a := e.do("GET", "/", ""); a.status != 200 {
		t.Error(a.status)
	}
	lic := e.do("GET", "/_license", "")
	if l, _ := lic.json["license"].(map[string]any); l["status"] != "active" {
		t.Errorf("license: %s", lic.body)
	}
	for _, step := range []struct {
		method, path string
		status       int
	}{
		{"HEAD", "/_index_template/ecs-logstash", 404},
		{"PUT", "/_index_template/ecs-logstash", 200},
		{"GET", "/_ilm/policy/logstash-policy", 404},
		{"PUT", "/_ilm/policy/logstash-policy", 200},
		{"HEAD", "/logstash", 200}, // the alias to write to: nothing to make
		{"PUT", "/%3Clogstash-%7Bnow%2Fd%7D-000001%3E", 200},
		{"GET", "/_nodes/http", 200},
	} {
		if a := e.do(step.method, step.path, ""); a.status != step.status {
			t.Errorf("%s %s: %d %s", step.method, step.path, a.status, a.body)
		}
	}
	a := e.do("POST", "/_bulk?filter_path=errors,items.*.error,items.*.status", twoDocs)
	if a.body != `{"errors":false,"items":[{"index":{"status":201}},{"create":{"status":201}}]}` {
		t.Error(a.body)
	}
}

func TestFilebeat(t *testing.T) {
	e := newES(t, Config{})
	if v := e.do("GET", "/", "").json["version"].(map[string]any)["build_flavor"]; v != "default" {
		t.Errorf("flavour %v", v)
	}
	for _, step := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/_license?human=false", 200},
		{"GET", "/_xpack", 200},
		{"GET", "/_ilm/policy/filebeat", 404},
		{"PUT", "/_ilm/policy/filebeat", 200},
		{"GET", "/_index_template/filebeat-8.19.0", 404},
		{"PUT", "/_index_template/filebeat-8.19.0", 200},
		{"GET", "/_data_stream/filebeat-8.19.0", 404},
		{"PUT", "/_data_stream/filebeat-8.19.0", 200},
		{"GET", "/_ingest/pipeline/filebeat-8.19.0-nginx", 404},
		{"PUT", "/_ingest/pipeline/filebeat-8.19.0-nginx", 200},
		{"GET", "/_nodes/ingest?filter_path=nodes.*.ingest.processors", 200},
		{"GET", "/_cat/templates/filebeat-8.19.0", 200},
	} {
		if a := e.do(step.method, step.path, ""); a.status != step.status {
			t.Errorf("%s %s: %d %s", step.method, step.path, a.status, a.body)
		}
	}
	doc := `{"create":{"_index":"filebeat-8.19.0"}}` + "\n" +
		`{"@timestamp":"2026-11-21T10:00:00.123Z","message":"line","log":{"offset":0,"file":{"path":"/var/log/llm/a.log"}},"host":{"name":"h"},"agent":{"type":"filebeat","version":"8.19.0"},"service":{"name":"s"}}` + "\n"
	a := e.do("POST", "/_bulk?filter_path=errors,items.*.error,items.*.status", doc, "Content-Type", "application/x-ndjson")
	if a.body != `{"errors":false,"items":[{"create":{"status":201}}]}` {
		t.Error(a.body)
	}
	if l := e.sink.all()[0]; l.Message != "line" || l.Service != "s" || l.Attributes["log.file.path"] != "/var/log/llm/a.log" {
		t.Errorf("%+v", l)
	}
}

func TestRsyslog(t *testing.T) {
	e := newES(t, Config{})
	if a := e.do("HEAD", "/_cat/health", ""); a.status != 200 {
		t.Errorf("health: %d", a.status)
	}
	doc := `{"index":{"_index": "system","_type":"events"}}` + "\n" +
		`{"message":" hello","host":"h","severity":"warning","facility":"user","syslogtag":"app[1]:","programname":"app","@timestamp":"2026-11-21T10:00:00.123456+00:00"}` + "\n"
	if a := e.do("POST", "/_bulk?timeout=1m", doc, "Content-Type", "application/json; charset=utf-8"); a.status != 200 || a.json["errors"] != false {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Without bulk mode: one document a request, under the type.
	if a := e.do("POST", "/system/events?timeout=1m", `{"message":"two","severity":"err"}`, "Content-Type", "application/json; charset=utf-8"); a.status != 201 {
		t.Errorf("%d %s", a.status, a.body)
	}
	logs := e.sink.all()
	if len(logs) != 2 || logs[0].Level != "warn" || logs[0].Service != "app" || logs[1].Level != "error" {
		t.Errorf("%s", mustJSON(t, logs))
	}
}

func TestVector(t *testing.T) {
	e := newES(t, Config{})
	if a := e.do("GET", "/_cluster/health", ""); a.status != 200 || a.json["status"] != "green" {
		t.Error(a.body)
	}
	if a := e.do("POST", "/_bulk?timeout=60s", twoDocs, "Content-Type", "application/x-ndjson"); a.status != 200 {
		t.Error(a.body)
	}
}

// TestOfficialClient does what elastic/elastic-transport and the clients do:
// ask for the product, then look at the header of each answer.
func TestOfficialClient(t *testing.T) {
	e := newES(t, Config{})
	for _, v := range []string{"8", "9"} {
		media := "application/vnd.elasticsearch+json;compatible-with=" + v
		for _, path := range []string{"/", "/_cluster/health", "/_nodes"} {
			if a := e.do("GET", path, "", "Accept", media); a.status != 200 || a.header.Get("Content-Type") != media {
				t.Errorf("%s: %d %v", path, a.status, a.header)
			}
		}
		a := e.do("PUT", "/_bulk", twoDocs, "Accept", media, "Content-Type", "application/vnd.elasticsearch+x-ndjson;compatible-with="+v)
		if a.status != 200 {
			t.Error(a.body)
		}
	}
	if a := e.do("POST", "/i/_search", "{}"); a.status != 400 || !strings.Contains(a.body, "/select/logsql") {
		t.Errorf("search: %d %s", a.status, a.body)
	}
	if a := e.do("DELETE", "/_index_template/x", ""); a.status != 404 {
		t.Errorf("delete: %d", a.status)
	}
}

// TestErrorsHaveElasticsearchsForm checks that clients can read them.
func TestErrorsHaveElasticsearchsForm(t *testing.T) {
	e := newES(t, Config{})
	a := e.do("GET", "/_index_template/none", "")
	var got struct {
		Error struct {
			Type      string                  `json:"type"`
			Reason    string                  `json:"reason"`
			RootCause []struct{ Type string } `json:"root_cause"`
		} `json:"error"`
		Status int `json:"status"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{404, "resource_not_found_exception", 1}, []any{got.Status, got.Error.Type, len(got.Error.RootCause)}); diff != "" {
		t.Error(diff)
	}
}
