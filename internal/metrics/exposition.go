package metrics

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// MetricsHandler serves /metrics: Pitot's own registry and the catalogue, in
// the text, OpenMetrics or protobuf format that the client asks for.
func (m *Metrics) MetricsHandler() http.Handler {
	opts := promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorLog:          slog.NewLogLogger(m.logger.Handler(), slog.LevelWarn),
		// What can be gathered is shown: one bad collector must not blind the rest.
		ErrorHandling: promhttp.ContinueOnError,
	}
	if !m.tenanted() {
		return promhttp.HandlerFor(m.Gatherer(), opts)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		promhttp.HandlerFor(tenantGatherer{m.Gatherer(), llm.TenantOf(r.Context())}, opts).ServeHTTP(w, r)
	})
}

// prometheusVersion is the version of Prometheus that a module version stands
// for: v0.315.0 is 3.15.0.
func prometheusVersion(module string) string {
	parts := strings.SplitN(strings.TrimPrefix(module, "v0."), ".", 2)
	n, err := strconv.Atoi(parts[0])
	if err != nil || len(parts) != 2 {
		return module
	}
	return strconv.Itoa(n/100) + "." + strconv.Itoa(n%100) + "." + parts[1]
}
