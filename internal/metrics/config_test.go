package metrics

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestValidateConfig(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.yml"), []byte("groups: [{name: g, rules: [{record: a, expr: 'sum('}]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		section string
		line    int
		want    string // of the error; "" is valid
	}{
		"empty": {"", 0, ""},
		"full": {`
global: {scrape_interval: 15s, external_labels: {cluster: a}}
scrape_configs:
  - job_name: a
    static_configs: [{targets: ['127.0.0.1:1']}]
  - job_name: b
    file_sd_configs: [{files: ['x/*.json']}]
  - job_name: c
    http_sd_configs: [{url: 'http://127.0.0.1:1/sd'}]
  - job_name: d
    dns_sd_configs: [{names: ['example.test'], type: A, port: 1}]
  - job_name: e
    kubernetes_sd_configs: [{role: pod}]
rule_files: ['rules/*.yml']
remote_write: [{url: 'http://127.0.0.1:1/write'}]
remote_read: [{url: 'http://127.0.0.1:1/read'}]
`, 0, ""},
		"unknown field":  {"global: {}\nscrape_confgs: []\n", 2, "scrape_confgs"},
		"syntax":         {"global: {}\nscrape_configs: [\n", 0, ""}, // replaced below
		"two jobs":       {"scrape_configs:\n  - job_name: a\n  - job_name: a\n", 3, "multiple scrape configs"},
		"duration":       {"global:\n  scrape_interval: 15 apples\n", 2, "15 apples"},
		"rule file":      {"rule_files:\n  - none.yml\n", 2, "create the file"},
		"bad rules":      {"rule_files:\n  - bad.yml\n", 2, "bad.yml"},
		"certificate":    {"scrape_configs:\n  - job_name: a\n    tls_config: {ca_file: none.pem}\n", 2, "none.pem"},
		"two remotes":    {"remote_write:\n  - url: http://127.0.0.1:1/\n    name: x\n  - url: http://127.0.0.1:2/\n    name: x\n", 5, "multiple remote write"},
		"remote without": {"remote_write:\n  - name: x\n", 0, "url"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "syntax" {
				k.want, k.line = "did not find", 2
			}
			err := ValidateConfig([]byte(k.section), dir)
			if k.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var ce *ConfigError
			if !errors.As(err, &ce) {
				t.Fatalf("%v is no ConfigError", err)
			}
			if ce.Line != k.line || !strings.Contains(err.Error(), k.want) {
				t.Errorf("line %d, want %d: %v", ce.Line, k.line, err)
			}
		})
	}
}

// TestReload: a good section is applied, a bad one changes nothing.
func TestReload(t *testing.T) {
	t.Parallel() // waits for the 5 s of service discovery
	target := func(job string) []byte {
		return []byte("global: {external_labels: {job_was: '" + job + "'}}\nscrape_configs: [{job_name: " + job + ", static_configs: [{targets: ['127.0.0.1:1']}]}]")
	}
	m := startStore(t, func(o *Options) { o.Config = target("one") })
	pools := func() string { return strings.Join(m.scrape.ScrapePools(), ",") }
	eventually(t, "the first job runs", func() bool { return pools() == "one" })
	if err := m.Reload(target("two")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second job runs", func() bool { return pools() == "two" })
	for _, bad := range []string{"scrape_configs: {", "rule_files: ['none.yml']", "scrape_configs: [{job_name: x, tls_config: {ca_file: none}}]"} {
		if err := m.Reload([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
		if m.reloadOK.Load() {
			t.Errorf("%s: the failure is not shown", bad)
		}
	}
	if got := m.config.Load().GlobalConfig.ExternalLabels.Get("job_was"); got != "two" || pools() != "two" {
		t.Errorf("after bad reloads the job is %s, the pools are %s", got, pools())
	}
	if err := m.Reload(nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no job runs", func() bool { return pools() == "" })
	if !m.reloadOK.Load() {
		t.Error("the success is not shown")
	}
}

func TestReloadBeforeStart(t *testing.T) {
	m := openStore(t)
	if err := m.Reload([]byte("global: {external_labels: {a: b}}")); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Errorf("a second start: %v", err)
	}
	if got := m.config.Load().GlobalConfig.ExternalLabels.Get("a"); got != "b" {
		t.Errorf("the label is %q", got)
	}
}

func TestStorageDefaults(t *testing.T) {
	m := openStore(t, func(o *Options) { o.MaxDisk = 5 << 30 })
	c := m.config.Load().StorageConfig
	if got := time.Duration(c.TSDBConfig.Retention.Time); got != 90*24*time.Hour {
		t.Errorf("retention is %v", got)
	}
	if got := c.TSDBConfig.Retention.Size; int64(got) != 5<<30 {
		t.Errorf("size is %v", got)
	}
	if c.TSDBConfig.OutOfOrderTimeWindow != defaultOutOfOrder.Milliseconds() || c.ExemplarsConfig.MaxExemplars == 0 {
		t.Errorf("window %d, exemplars %d", c.TSDBConfig.OutOfOrderTimeWindow, c.ExemplarsConfig.MaxExemplars)
	}
	own := openStore(t, func(o *Options) {
		o.Config = []byte("storage: {tsdb: {out_of_order_time_window: 2h, retention: {time: 3d}}, exemplars: {max_exemplars: 7}}")
	})
	c = own.config.Load().StorageConfig
	if c.TSDBConfig.OutOfOrderTimeWindow != (2*time.Hour).Milliseconds() || time.Duration(c.TSDBConfig.Retention.Time) != 72*time.Hour || c.ExemplarsConfig.MaxExemplars != 7 {
		t.Errorf("what the section says is not taken: %+v %+v", c.TSDBConfig, c.ExemplarsConfig)
	}
}

func TestPrometheusVersion(t *testing.T) {
	for in, want := range map[string]string{"v0.315.0": "3.15.0", "v0.301.2": "3.1.2", "(devel)": "(devel)"} {
		if got := prometheusVersion(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}
