package logs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestDefaultConfigIsValid(t *testing.T) {
	def := DefaultConfig()
	if err := def.Validate(); err != nil {
		t.Error(err)
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(def, Config{}.withDefaults()); diff != "" {
		t.Error(diff)
	}
	if !def.ElasticsearchEnabled() || !(Config{}).ElasticsearchEnabled() {
		t.Error("Elasticsearch senders are not answered by default")
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tc := range []struct{ yaml, want string }{
		{"max_line: 16GiB", "logs.max_line"},
		{"elasticsearch: {version: '8'}", "logs.elasticsearch.version"},
		{"elasticsearch: {max_requests: -1}", "logs.elasticsearch.max_requests"},
		{"files: [{}]", "logs.files[0]: paths: name at least one"},
		{"files: [{paths: ['']}]", "a pattern is empty"},
		{"files: [{paths: ['[']}]", "syntax error"},
		{"files: [{paths: [a], exclude: ['x[']}]", "syntax error"},
		{"files: [{paths: [a], format: xml}]", "use auto, json or text"},
		{"files: [{paths: [a], from: middle}]", "use start or end"},
		{"files: [{paths: [a]}, {paths: [b], multiline: {start: '('}}]", "logs.files[1]: multiline.start"},
	} {
		var c Config
		if err := yaml.Unmarshal([]byte(tc.yaml), &c); err != nil {
			t.Fatalf("%s: %v", tc.yaml, err)
		}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.yaml, err, tc.want)
		}
	}
	negative := Config{MaxLine: -1, Elasticsearch: ElasticsearchConfig{MaxBody: -1}}
	if err := negative.Validate(); err == nil || !strings.Contains(err.Error(), "logs.max_line") || !strings.Contains(err.Error(), "logs.elasticsearch.max_body") {
		t.Errorf("got %v", err)
	}
	var good Config
	err := yaml.Unmarshal([]byte(`
calls: false
elasticsearch: {enabled: false, version: 7.17.0}
files:
  - {paths: ["/var/log/llm/**/*.log"], exclude: ["*.bak"], format: json, service: s, environment: e, labels: {team: a}, from: end, multiline: {start: '^\d'}}
`), &good)
	if err != nil {
		t.Fatal(err)
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	if good.ElasticsearchEnabled() || *good.withDefaults().Calls {
		t.Error("what was turned off is on")
	}
}
