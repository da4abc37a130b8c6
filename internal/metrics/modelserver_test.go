package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/discovery"
)

// evalRules evaluates the shipped rules once, with the engine's own groups.
func evalRules(t testing.TB, m *Metrics, at time.Time) {
	t.Helper()
	for _, g := range m.rules.RuleGroups() {
		g.Eval(t.Context(), at)
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				t.Errorf("%s: %v", r.Name(), err)
			}
		}
	}
}

// document serves a text as a server's metrics and gives its host:port.
func document(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	// The quoted documents of dcgm-exporter's README have lines of three dots.
	text = bytes.ReplaceAll(text, []byte("\n..."), nil)
	return scrapeTarget(t, bytes.TrimPrefix(text, []byte("...\n")))
}

func TestPresetsOnDocuments(t *testing.T) {
	t.Parallel() // waits for the 5 s of service discovery
	samples := shared(t, "prom-samples")
	type target struct{ preset, name, dir, file string }
	targets := []target{
		{"vllm", "vllm-live", samples, "vllm/vllm_metrics_live.prom"},
		{"vllm", "vllm-short", samples, "vllm/vllm_metrics_chimeraforge.prom"},
		{"sglang", "sglang-docs", samples, "sglang/sglang_docs_production_metrics.prom"},
		{"sglang", "sglang-short", samples, "sglang/sglang_metrics_chimeraforge.prom"},
		{"llama.cpp", "llama", samples, "other/llamacpp_server.prom"},
		{"dcgm", "dcgm8", samples, "dcgm/dcgm_h200x8_synthetic.prom"},
		{"dcgm", "dcgm-bare", samples, "dcgm/dcgm_readme_bare.prom"},
		{"dcgm", "dcgm-k8s", samples, "dcgm/dcgm_readme_k8s.prom"},
		{"nvidia_gpu_exporter", "exporter", samples, "nvidia_gpu_exporter/demo__seeded.metrics"},
		{"tgi", "tgi", "testdata/servers", "tgi.prom"},
		{"ollama", "ollama", "testdata/servers", "ollama.prom"},
		{"triton", "triton", "testdata/servers", "triton.prom"},
		{"litellm", "litellm", "testdata/servers", "litellm.prom"},
		{"envoy-ai-gateway", "envoy", "testdata/servers", "envoy.prom"},
	}
	var section strings.Builder
	for _, d := range targets {
		fmt.Fprintf(&section, "- {preset: %s, name: %s, service: inference, labels: {rack: r7}, scrape_interval: 1s, targets: ['%s']}\n", d.preset, d.name, document(t, d.dir, d.file))
	}
	m := startStore(t, func(o *Options) { o.ModelServers = []byte(section.String()) })
	eventually(t, "all documents are scraped", func() bool {
		return len(query(t, m, `up{job!="pitot"} == 1`, time.Now())) == len(targets)
	})
	now := time.Now()
	evalRules(t, m, now)

	// The numbers stand in the documents.
	checkValues(t, m, now, map[string]float64{
		`llm_server_requests_running{server="vllm",model="m",rack="r7",service="inference"}`:                                   14,
		`llm_server_requests_waiting{job="vllm-short"}`:                                                                        3,
		`llm_server_requests_total{job="vllm-short",model="meta-llama/Llama-3.1-8B-Instruct"}`:                                 1840 + 160,
		`llm_server_prefix_cache_queries_total{job="vllm-short"}`:                                                              906000,
		`llm_server_prefix_cache_hits_total{job="vllm-short"}`:                                                                 371460,
		`llm_server_prefix_cache_hit_ratio{job="vllm-short"}`:                                                                  0.41,
		`llm_server_request_duration_seconds_sum{job="vllm-short"}`:                                                            6400,
		`llm_server_request_duration_seconds_bucket{job="vllm-short",le="+Inf"}`:                                               2000,
		`llm_server_kv_cache_usage_ratio{job="vllm-live"}`:                                                                     0.314, // the old name
		`llm_server_generation_tokens_total{job="vllm-live"}`:                                                                  18461,
		`llm_server_prompt_tokens_total{job="vllm-live"}`:                                                                      9302,
		`llm_server_requests_running{job="sglang-docs",server="sglang",model="meta-llama/Llama-3.1-8B-Instruct"}`:              162,
		`llm_server_requests_waiting{job="sglang-docs"}`:                                                                       2826,
		`llm_server_kv_cache_usage_ratio{job="sglang-docs"}`:                                                                   0.28,
		`llm_server_prefix_cache_hit_ratio{job="sglang-docs"}`:                                                                 0.007507552643049313,
		`llm_server_prefix_cache_hit_ratio{job="sglang-short"}`:                                                                0.385, // stated as 38.5
		`llm_server_time_to_first_token_seconds_count{job="sglang-docs"}`:                                                      11008,
		`llm_server_time_per_output_token_seconds_sum{job="sglang-docs"}`:                                                      866964.5791549598,
		`llm_server_prompt_tokens_total{job="sglang-docs"}`:                                                                    8128902,
		`llm_server_kv_cache_usage_ratio{job="llama",server="llama.cpp"}`:                                                      0.491063,
		`llm_server_generation_tokens_total{job="llama"}`:                                                                      3469,
		`llm_server_requests_running{job="llama"}`:                                                                             0,
		`llm_server_requests_running{job="tgi"}`:                                                                               16,
		`llm_server_requests_waiting{job="tgi"}`:                                                                               7,
		`llm_server_queue_time_seconds_sum{job="tgi"}`:                                                                         61.5,
		`llm_server_prompt_tokens_total{job="tgi"}`:                                                                            205000,
		`llm_server_time_per_output_token_seconds_bucket{job="tgi",le="0.05"}`:                                                 390,
		`llm_server_requests_total{job="ollama",model="llama3.2:3b"}`:                                                          42,
		`llm_server_generation_tokens_total{job="ollama"}`:                                                                     5200,
		`llm_server_request_duration_seconds_bucket{job="ollama",le="5.0"}`:                                                    25,
		`llm_server_requests_running{job="triton",model="tensorrt_llm"}`:                                                       9,
		`llm_server_kv_cache_usage_ratio{job="triton"}`:                                                                        0.375,
		`llm_server_queue_time_seconds_sum{job="triton"} / llm_server_queue_time_seconds_count`:                                12.5 / 250,
		`llm_server_requests_total{job="litellm",model="gpt-4o"}`:                                                              75,
		`llm_server_prompt_tokens_total{job="litellm"}`:                                                                        15000,
		`llm_server_request_duration_seconds_bucket{job="litellm",le="1.0"}`:                                                   30,
		`llm_server_prompt_tokens_total{job="envoy",server="envoy-ai-gateway",model="gpt-4o"}`:                                 4000, // cached_input is a part of it
		`llm_server_generation_tokens_total{job="envoy"}`:                                                                      900,
		`llm_server_time_to_first_token_seconds_bucket{job="envoy",le="0.5"}`:                                                  18,
		`llm_gpu_utilization_percent{gpu_id="3",uuid="GPU-00000000-0000-0000-0000-000000000003",name="NVIDIA H200"}`:           100,
		`llm_gpu_utilization_percent{gpu_id="1",source="nvidia_gpu_exporter",uuid="GPU-ef427e4f-1970-42f2-ab0c-ecf0e56a33b9"}`: 100,
		`llm_gpu_utilization_percent{source="triton"}`:                                                                         42,
		`count(llm_gpu_utilization_percent)`:                                                                                   8 + 2 + 1,
		`llm_gpu_memory_used_bytes{gpu_id="0",host="node-a"}`:                                                                  32630 * 1048576,
		`llm_gpu_memory_total_bytes{gpu_id="0",host="node-a"}`:                                                                 (111003 + 32630 + 623) * 1048576,
		`llm_gpu_power_watts{gpu_id="7",pod!=""}`:                                                                              610.569,
		`llm_gpu_temperature_celsius{gpu_id="4"}`:                                                                              57,
		`sum(llm_gpu_memory_total_bytes{source="nvidia_gpu_exporter"})`:                                                        2 * 150754820096,
	})
	// The gateway's copy of a family that Pitot derives itself does not stand
	// under its name.
	if got := query(t, m, `gen_ai_client_token_usage_sum`, now); len(got) != 0 {
		t.Errorf("scraped copies of Pitot's families: %v", got)
	}
}

// checkValues compares expressions, each of one series.
func checkValues(t testing.TB, m *Metrics, at time.Time, want map[string]float64) {
	t.Helper()
	for expr, v := range want {
		s := query(t, m, expr, at)
		if len(s) != 1 {
			t.Errorf("%s: %d series, want 1: %v", expr, len(s), s)
			continue
		}
		if got := s[0].Points[0].Value; math.Abs(got-v) > 1e-9*math.Abs(v) {
			t.Errorf("%s is %v, want %v", expr, got, v)
		}
	}
}

// TestGPUExporterDocuments: with the user's own scrape_configs, as the rules
// match by name and not by job.
func TestGPUExporterDocuments(t *testing.T) {
	t.Parallel() // waits for the 5 s of service discovery
	dir := shared(t, "prom-samples", "nvidia_gpu_exporter")
	files, err := filepath.Glob(filepath.Join(dir, "*.metrics"))
	if err != nil {
		t.Fatal(err)
	}
	var cfg strings.Builder
	cfg.WriteString("scrape_configs:\n")
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".metrics")
		fmt.Fprintf(&cfg, "  - {job_name: '%s', scrape_interval: 1s, static_configs: [{targets: ['%s'], labels: {file: '%s'}}]}\n", name, document(t, dir, filepath.Base(f)), name)
	}
	m := startStore(t, func(o *Options) { o.Config = []byte(cfg.String()) })
	eventually(t, "all documents are scraped", func() bool {
		return len(query(t, m, `up{job!="pitot"} == 1`, time.Now())) == len(files)
	})
	now := time.Now()
	evalRules(t, m, now)
	checkValues(t, m, now, map[string]float64{
		`count(llm_gpu_memory_used_bytes)`:                             float64(len(files) + 1),     // one document has two GPUs
		`count(llm_gpu_utilization_percent)`:                           float64(len(files) + 1 - 4), // with MIG there is none
		`count(llm_gpu_power_watts == 631.95)`:                         1,
		`max(llm_gpu_temperature_celsius)`:                             63,
		`llm_gpu_memory_used_bytes{name="NVIDIA H200"} == 17782800384`: 17782800384,
		`count(llm_gpu_utilization_percent == 8)`:                      2,
	})
}

// TestVLLMScrapes plays the recorded scrapes, one document a scrape.
func TestVLLMScrapes(t *testing.T) {
	t.Parallel() // waits for the 5 s of service discovery
	files := map[string]int{
		"RTX4090_Llama-3.1-8B": 184, "RTXPRO6000_Llama-3.1-8B": 67, "RTXPRO6000_Qwen3-30B-A3B-Instruct-2507": 65, "RTXPRO6000_Qwen3-32B": 160,
	}
	var section strings.Builder
	played := make(map[string]*atomic.Int64)
	for name, n := range files {
		docs := scrapes(t, shared(t, "prom-samples", "vllm-scrapes", name+".prom.zst"))
		if len(docs) != n {
			t.Fatalf("%s has %d scrapes, want %d", name, len(docs), n)
		}
		var next atomic.Int64
		played[name] = &next
		srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			i := min(next.Add(1)-1, int64(len(docs)-1))
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = w.Write(docs[i]) // the scraper says what it missed
		}))
		fmt.Fprintf(&section, "- {preset: vllm, name: '%s', scrape_interval: 50ms, targets: ['%s']}\n", name, strings.TrimPrefix(srv.URL, "http://"))
	}
	m := startStore(t, func(o *Options) { o.ModelServers = []byte(section.String()) })
	eventually(t, "all scrapes are played", func() bool {
		for name, n := range files {
			if played[name].Load() <= int64(n) {
				return false
			}
		}
		return true
	})
	// A scrape of 50 ms may time out on a busy machine, and its series are stale
	// until the next: wait for a moment at which all are there.
	var now time.Time
	eventually(t, "the last scrape of each has succeeded", func() bool {
		now = time.Now()
		s := query(t, m, `count(vllm:prompt_tokens_total{job=~"RTX.+"} and on (job) up == 1)`, now)
		return len(s) == 1 && s[0].Points[0].Value == float64(len(files))
	})
	evalRules(t, m, now)
	checkValues(t, m, now, map[string]float64{
		`llm_server_prompt_tokens_total{job="RTX4090_Llama-3.1-8B",model="meta-llama/Llama-3.1-8B"}`: 257239,
		`llm_server_generation_tokens_total{job="RTXPRO6000_Qwen3-32B",model="Qwen/Qwen3-32B"}`:      199486,
		`sum(llm_server_requests_total{server="vllm"})`:                                              1200,
		`llm_server_queue_time_seconds_sum{job="RTXPRO6000_Llama-3.1-8B"}`:                           2092.566585423425,
		`llm_server_time_to_first_token_seconds_count{job="RTXPRO6000_Qwen3-30B-A3B-Instruct-2507"}`: 300,
		`llm_server_time_per_output_token_seconds_count{job="RTXPRO6000_Llama-3.1-8B"}`:              195453,
		`llm_server_request_duration_seconds_sum{job="RTXPRO6000_Qwen3-32B"}`:                        27050.34943175316,
		`llm_server_requests_running{job="RTX4090_Llama-3.1-8B"}`:                                    0,
		`max_over_time(vllm:num_requests_waiting{job="RTXPRO6000_Qwen3-32B"}[1m]) > bool 100`:        1,
		`resets(vllm:generation_tokens_total{job="RTX4090_Llama-3.1-8B"}[1m])`:                       0,
	})
}

// scrapes splits a recording into its documents.
func scrapes(t testing.TB, path string) [][]byte {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	text, err := z.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for d := range bytes.SplitSeq(text, []byte("# SCRAPE ")) {
		if _, body, ok := bytes.Cut(d, []byte("\n")); ok && len(bytes.TrimSpace(body)) > 0 {
			out = append(out, body)
		}
	}
	return out
}

func TestModelServersAreMerged(t *testing.T) {
	cfg, err := loadSections(Sections{
		Prometheus:   []byte("global: {scrape_interval: 20s}\nscrape_configs: [{job_name: other}]\n"),
		ModelServers: []byte("- {preset: vllm, targets: [gpu1, 'gpu2:9000', '::1']}\n- {preset: vllm, targets: [gpu3], scrape_interval: 5s, path: /m, scheme: https}\n- {preset: litellm, targets: [proxy], service: a$1}\n"),
	}, ".", testOptions(t).Logger)
	if err != nil {
		t.Fatal(err)
	}
	all, err := cfg.GetScrapeConfigs()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, s := range all {
		got += fmt.Sprintf("%s %s %s://%s\n", s.JobName, s.ScrapeInterval, s.Scheme, s.MetricsPath)
		for _, sd := range s.ServiceDiscoveryConfigs {
			for _, g := range sd.(discovery.StaticConfig) {
				got += fmt.Sprintln(g.Targets)
			}
		}
	}
	for _, want := range []string{"vllm 20s http:///metrics", "vllm-2 5s https:///m", "litellm 20s http:///metrics/", "gpu1:8000", "gpu2:9000", "[::1]:8000", "proxy:4000", "other"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if got := all[3].RelabelConfigs[0].Replacement; got != "a$$1" {
		t.Errorf("the service is %q: a dollar sign must not expand", got)
	}
}

func TestModelServerErrors(t *testing.T) {
	for _, tc := range []struct{ prometheus, servers, want string }{
		{"", "- {preset: vlm, targets: [a]}", `preset: "vlm" is not known: use vllm, sglang`},
		{"", "- {preset: vllm}", "no targets: add `targets: [host:8000]`"},
		{"", "- {preset: vllm, target: [a]}", "field target not found"},
		{"", "- {preset: vllm, targets: ['http://a:1/metrics']}", "write host:port"},
		{"", "- {preset: vllm, targets: [a], path: m}", "must begin with /"},
		{"", "- {preset: vllm, targets: [a], scheme: ftp}", "use http or https"},
		{"", "- {preset: vllm, targets: [a], labels: {'a-b': c}}", "is not a label name"},
		{"scrape_configs: [{job_name: vllm}]", "- {preset: vllm, targets: [a]}", `the name "vllm" is taken by a job of prometheus.scrape_configs: set ` + "`name`"},
		{"scrape_configs: [{job_name: x}]", "- {preset: vllm, name: x, targets: [a]}", `name: "x" is taken by a job of prometheus.scrape_configs`},
		{"", "- {preset: vllm, name: x, targets: [a]}\n- {preset: sglang, name: x, targets: [a]}", `name: "x" is taken by entry 1`},
		{"", "- {preset: vllm, name: pitot, targets: [a]}", "Pitot's own metrics"},
		{"", "- {preset: vllm, http_sd_configs: [{url: 7}]}", "http"},
		{"", "- {preset: vllm, targets: [a], authorization_file: missing.txt}", ""},
		{"", "preset: vllm", "cannot unmarshal"},
	} {
		_, err := loadSections(Sections{Prometheus: []byte(tc.prometheus), ModelServers: []byte(tc.servers)}, t.TempDir(), testOptions(t).Logger)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", tc.servers, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: the error is %v, want %q", tc.servers, err, tc.want)
		}
	}
	err := ValidateModelServers([]byte("- {preset: vllm, targets: [a]}\n- {preset: vlm, targets: [a]}\n"), ".")
	if ce, ok := errors.AsType[*ConfigError](err); !ok || ce.Line != 2 {
		t.Errorf("the error is %#v, want one at line 2", err)
	}
}

func TestReloadModelServers(t *testing.T) {
	m := openStore(t)
	jobs := func() (out []string) {
		all, err := m.config.Load().GetScrapeConfigs()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			out = append(out, s.JobName)
		}
		return out
	}
	if err := m.ReloadAll(Sections{ModelServers: []byte("- {preset: vllm, targets: [a]}")}); err != nil {
		t.Fatal(err)
	}
	// The servers stay with a reload of the other section.
	if err := m.Reload([]byte("scrape_configs: [{job_name: x}]")); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(jobs()); got != "[x vllm]" {
		t.Errorf("jobs are %s", got)
	}
	if err := m.Reload([]byte("scrape_configs: [{job_name: vllm}]")); err == nil {
		t.Error("a name clash is accepted")
	}
	if got := fmt.Sprint(jobs()); got != "[x vllm]" {
		t.Errorf("jobs are %s after a bad reload", got)
	}
	// Both at once: the name goes from one to the other.
	if err := m.ReloadAll(Sections{Prometheus: []byte("scrape_configs: [{job_name: vllm}]")}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(jobs()); got != "[vllm]" {
		t.Errorf("jobs are %s", got)
	}
}

func FuzzParseModelServers(f *testing.F) {
	f.Add([]byte("- {preset: vllm, targets: [a], kubernetes_sd_configs: [{role: pod}]}"))
	f.Add([]byte("- preset: dcgm\n  http_sd_configs: [{url: 'http://a'}]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		servers, err := ParseModelServers(b)
		if err != nil {
			return
		}
		for _, s := range servers {
			if _, ok := presetByName(s.Preset); !ok {
				t.Errorf("accepted preset %q", s.Preset)
			}
		}
	})
}
