//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// vllmExposition is what a vLLM server shows, made up for this test.
const vllmExposition = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="house-70b"} 7
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{model_name="house-70b"} 0.25
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model_name="house-70b"} 123456
# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{model_name="house-70b",le="0.1"} 10
vllm:time_to_first_token_seconds_bucket{model_name="house-70b",le="1"} 30
vllm:time_to_first_token_seconds_bucket{model_name="house-70b",le="+Inf"} 40
vllm:time_to_first_token_seconds_sum{model_name="house-70b"} 31.5
vllm:time_to_first_token_seconds_count{model_name="house-70b"} 40
`

// receiver takes remote writes and keeps the last value of each series.
type receiver struct {
	mu     sync.Mutex
	values map[string]float64
	auth   string
	errs   []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b, err := io.ReadAll(req.Body)
	if err == nil {
		b, err = snappy.Decode(nil, b)
	}
	var wr prompb.WriteRequest
	if err == nil {
		err = wr.Unmarshal(b)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.errs = append(r.errs, err.Error())
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.auth = req.Header.Get("Authorization")
	for _, ts := range wr.Timeseries {
		labels := make([]string, 0, len(ts.Labels))
		for _, l := range ts.Labels {
			labels = append(labels, l.Name+"="+l.Value)
		}
		slices.Sort(labels)
		for _, sample := range ts.Samples {
			r.values[strings.Join(labels, ",")] = sample.Value
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// find returns the value of the one series that has all of the labels.
func (r *receiver) find(labels ...string) (float64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for series, v := range r.values {
		have := strings.Split(series, ",")
		if !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(have, l) }) {
			return v, true
		}
	}
	return 0, false
}

// TestPrometheusSection pastes a Prometheus configuration into Pitot's and sees
// each part of it work.
func TestPrometheusSection(t *testing.T) {
	t.Parallel()
	vllm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, vllmExposition)
	}))
	t.Cleanup(vllm.Close)
	sink := &receiver{values: map[string]float64{}}
	remote := httptest.NewServer(sink)
	t.Cleanup(remote.Close)
	up := simulate(t, provider.Config{Pace: provider.NoPace})

	dir := t.TempDir()
	token := "fake-" + strings.Repeat("t", 24)
	write(t, filepath.Join(dir, "token"), token)
	write(t, filepath.Join(dir, "rules.yml"), `groups:
  - name: house
    interval: 1s
    rules:
      - record: house:running
        expr: sum by (model_name) (vllm:num_requests_running)
      - alert: TooManyRunning
        expr: vllm:num_requests_running > 5
`)
	file := filepath.Join(dir, "pitot.yml")
	write(t, file, upstreamConfig(up.url)+fmt.Sprintf(`prometheus:
  global: {scrape_interval: 1s, evaluation_interval: 1s, external_labels: {site: here}}
  rule_files: [rules.yml]
  scrape_configs:
    - job_name: vllm
      static_configs:
        - targets: [%q]
          labels: {rack: r1}
  remote_write:
    - url: %s/push
      authorization: {credentials_file: token}
      queue_config: {batch_send_deadline: 1s}
`, strings.TrimPrefix(vllm.URL, "http://"), remote.URL))
	s := serve(t, setup{file: file}).ready()
	for range 3 {
		s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Fake-Status", "200")
	}

	s.waitPromQL(`up{job="vllm"}`, 1)
	s.waitPromQL(`vllm:num_requests_running{job="vllm",rack="r1"}`, 7)
	s.waitPromQL(`vllm:generation_tokens_total`, 123456)
	s.waitPromQL(`house:running{model_name="house-70b"}`, 7)
	s.waitPromQL(`count(ALERTS{alertname="TooManyRunning"})`, 1)
	s.waitPromQL(`sum(llm_requests_total)`, 3)

	var targets struct {
		Data struct {
			ActiveTargets []struct {
				Labels map[string]string
				Health string
			}
		}
	}
	s.getJSON("/api/v1/targets", nil, &targets)
	jobs := map[string]string{}
	for _, x := range targets.Data.ActiveTargets {
		jobs[x.Labels["job"]] = x.Health
	}
	if jobs["vllm"] != "up" || jobs["pitot"] != "up" {
		t.Errorf("targets: %v, want vllm and pitot up", jobs)
	}
	if _, body := s.get("/api/v1/rules", nil); !strings.Contains(body, "house:running") {
		t.Errorf("rules: %s", body)
	}

	for _, x := range []struct {
		want   float64
		labels []string
	}{
		{7, []string{"__name__=vllm:num_requests_running", "rack=r1", "site=here"}},
		{7, []string{"__name__=house:running", "site=here"}},
		{3, []string{"__name__=llm_requests_total", "model=gpt-4o-mini", "status=success", "site=here"}},
	} {
		testkit.Eventually(t, fmt.Sprintf("remote write brings %v", x.labels), func() bool {
			v, ok := sink.find(x.labels...)
			return ok && v == x.want
		})
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if sink.auth != "Bearer "+token || len(sink.errs) > 0 {
		t.Errorf("remote write: authorization %q, errors %q", sink.auth, sink.errs)
	}
}

// TestRemoteWriteReceiver writes samples to Pitot, and reads them back by PromQL
// and federation, also after a kill.
func TestRemoteWriteReceiver(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{}).ready()
	now := time.Now()
	send := func(value float64, at time.Time) int {
		wr := prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
			Labels:  []prompb.Label{{Name: "__name__", Value: "house_temperature"}, {Name: "room", Value: "server"}},
			Samples: []prompb.Sample{{Value: value, Timestamp: at.UnixMilli()}},
		}}}
		b, err := wr.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		status, body, err := s.try(http.MethodPost, s.api+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, b)),
			"Content-Type", "application/x-protobuf", "Content-Encoding", "snappy", "X-Prometheus-Remote-Write-Version", "0.1.0")
		if err != nil {
			t.Fatal(err)
		}
		if status/100 != 2 {
			t.Logf("remote write: %d %s", status, body)
		}
		return status
	}
	for i := range 3 {
		if status := send(20+float64(i), now.Add(time.Duration(i-3)*time.Second)); status/100 != 2 {
			t.Errorf("remote write answers %d", status)
		}
	}
	s.waitPromQL(`house_temperature{room="server"}`, 22)
	s.waitPromQL(`count_over_time(house_temperature[1m])`, 3)
	if status := send(1, now.Add(-48*time.Hour)); status != http.StatusBadRequest {
		t.Errorf("a sample that is far too old is answered by %d, want 400", status)
	}
	status, body := s.get("/federate", url.Values{"match[]": {`{__name__=~"house_.*"}`}})
	if status != http.StatusOK || !strings.Contains(body, `house_temperature{`) || !strings.Contains(body, " 22 ") {
		t.Errorf("federate: %d: %s", status, body)
	}
	s.Kill() // not even an orderly end: what was acknowledged is in the write-ahead log
	again := serve(t, setup{data: s.data})
	again.waitPromQL(`max_over_time(house_temperature[5m])`, 22)
	again.stop()
}
