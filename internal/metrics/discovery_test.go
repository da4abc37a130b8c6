package metrics

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestServiceDiscovery finds model servers by files, HTTP and Kubernetes, each
// for real but for the API server, which is a small one of our own.
func TestServiceDiscovery(t *testing.T) {
	t.Parallel() // waits for the 5 s of service discovery
	text := []byte("# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"m\",engine=\"0\"} 3\n")
	byFile, byHTTP, inPod := scrapeTarget(t, text), scrapeTarget(t, text), scrapeTarget(t, text)

	dir := t.TempDir()
	list, err := json.Marshal([]map[string]any{{"targets": []string{byFile}, "labels": map[string]string{"zone": "file"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "servers.json"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	sd := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `[{"targets":[%q],"labels":{"zone":"http"}}]`, byHTTP)
	}))
	cluster := serve(t, fakeCluster(inPod))
	section := fmt.Sprintf(`
- preset: vllm
  name: by-file
  scrape_interval: 1s
  service: inference
  file_sd_configs: [{files: ['servers.json']}]
- preset: vllm
  name: by-http
  scrape_interval: 1s
  http_sd_configs: [{url: '%s'}]
- preset: vllm
  name: by-kubernetes
  scrape_interval: 1s
  kubernetes_sd_configs: [{role: pod, api_server: '%s'}]
  relabel_configs:
    - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
    - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
`, sd.URL, cluster.URL)
	m := startStore(t, func(o *Options) { o.ModelServers, o.ConfigDir = []byte(section), dir })
	eventually(t, "all servers are found", func() bool {
		return len(query(t, m, `vllm:num_requests_running`, time.Now())) == 3
	})
	now := time.Now()
	evalRules(t, m, now)
	checkValues(t, m, now, map[string]float64{
		`llm_server_requests_running{job="by-file",zone="file",service="inference",model="m"}`: 3,
		`llm_server_requests_running{job="by-http",zone="http"}`:                               3,
		`llm_server_requests_running{job="by-kubernetes",namespace="llm",pod="vllm-0"}`:        3,
	})
}

// fakeCluster is an API server with one pod.
func fakeCluster(target string) http.Handler {
	host, port, _ := strings.Cut(target, ":")
	const pod = `{"metadata":{"name":"vllm-0","namespace":"llm","uid":"u","resourceVersion":"5"},
"spec":{"nodeName":"n","containers":[{"name":"vllm","image":"i","ports":[{"name":"http","containerPort":%s,"protocol":"TCP"}]}]},
"status":{"phase":"Running","podIP":"%s","hostIP":"%s","conditions":[{"type":"Ready","status":"True"}]}}`
	item := fmt.Sprintf(pod, port, host, host)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasSuffix(r.URL.Path, "/pods") {
			http.NotFound(w, r)
			return
		}
		if r.URL.Query().Get("watch") == "" {
			fmt.Fprintf(w, `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[%s]}`, item)
			return
		}
		if r.URL.Query().Get("sendInitialEvents") == "true" {
			fmt.Fprintf(w, `{"type":"ADDED","object":%s}`+"\n", `{"kind":"Pod","apiVersion":"v1",`+item[1:])
			fmt.Fprint(w, `{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"5","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n")
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		<-r.Context().Done()
	})
}
