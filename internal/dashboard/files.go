package dashboard

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// File is a file of what a Grafana needs.
type File struct {
	Name    string // a slash-separated path
	Content []byte
}

// Files returns everything that a Grafana needs: the dashboards, and the
// provisioning of the data sources and of the folder with the dashboards.
func Files(o Options) ([]File, error) {
	var out []File
	for _, d := range Dashboards() {
		text, err := render(d, o)
		if err != nil {
			return nil, err
		}
		out = append(out, File{Name: path.Join("dashboards", d.ID+".json"), Content: text})
	}
	return append(out,
		File{Name: "provisioning/datasources/pitot.yml", Content: []byte(datasources(o.url()))},
		File{Name: "provisioning/dashboards/pitot.yml", Content: []byte(provider())},
	), nil
}

// Export writes Files below a directory and returns the names of what it wrote.
// Files of the same names are replaced; others are left alone.
func Export(dir string, o Options) ([]string, error) {
	files, err := Files(o)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(names[i]), 0o755); err != nil { //nolint:gosec // Grafana reads it as another user
			return nil, fmt.Errorf("export dashboards: %w", err)
		}
		if err := os.WriteFile(names[i], f.Content, 0o644); err != nil { //nolint:gosec // Grafana reads it as another user
			return nil, fmt.Errorf("export dashboards: %w", err)
		}
	}
	return names, nil
}

// sourceNames are the names of the data sources by their uid.
func sourceNames() map[string]string {
	return map[string]string{MetricsUID: "Pitot metrics", TracesUID: "Pitot traces", EventsUID: "Pitot events"}
}

// datasourceTemplate has a placeholder for Pitot's address. In Grafana's
// provisioning a dollar sign is doubled, or it would be a variable of the
// environment.
const datasourceTemplate = `# Made by internal/dashboard. Do not edit: go test ./internal/dashboard -run Files -update
# Pitot is looked for at URL. pitot dashboards export writes this file for another address.
apiVersion: 1
datasources:
  - name: Pitot metrics
    uid: pitot-metrics
    type: prometheus
    access: proxy
    url: URL
    jsonData:
      httpMethod: POST
      prometheusType: Prometheus
      # How often Pitot stores its own series: rates look back over four of these at least.
      timeInterval: 5s
      # The dots on charts lead to the traces of the calls.
      exemplarTraceIdDestinations:
        - name: trace_id
          datasourceUid: pitot-traces
  - name: Pitot traces
    uid: pitot-traces
    type: jaeger
    access: proxy
    url: URL/jaeger
    jsonData:
      nodeGraph:
        enabled: true
      # From a span to the chart of its model.
      tracesToMetrics:
        datasourceUid: pitot-metrics
        spanStartTimeShift: -5m
        spanEndTimeShift: 5m
        tags:
          - key: service.name
            value: service
          - key: gen_ai.request.model
            value: model
        queries:
          - name: Latency p95
            query: histogram_quantile(0.95, sum(rate(llm_request_duration_seconds{$$__tags}[1m])))
          - name: Requests
            query: sum by (status) (rate(llm_requests_total{$$__tags}[1m]))
  # Needs the plugin victoriametrics-logs-datasource. No dashboard does.
  - name: Pitot events
    uid: pitot-events
    type: victoriametrics-logs-datasource
    access: proxy
    url: URL
`

func datasources(url string) string {
	return strings.ReplaceAll(datasourceTemplate, "URL", url)
}

// provider is the folder with the dashboards. Its path is where the images of
// Grafana have their data.
func provider() string {
	return `# Made by internal/dashboard. Do not edit: go test ./internal/dashboard -run Files -update
apiVersion: 1
providers:
  - name: pitot
    folder: Pitot
    folderUid: pitot
    type: file
    disableDeletion: false
    allowUiUpdates: true
    updateIntervalSeconds: 30
    options:
      # Where the files of dashboards/ are.
      path: /var/lib/grafana/dashboards/pitot
`
}
