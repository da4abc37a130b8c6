package pitot

import (
	"compress/gzip"
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// MetricsHandler serves the program's metrics for scraping by Prometheus, in its
// text format or, where the scraper asks for it, in OpenMetrics with exemplars:
//
//	mux.Handle("GET /metrics", pitot.MetricsHandler())
//
// All instruments of the MeterProvider that Setup built are there, those of the
// program too. It can be created before Setup; while the SDK is off it answers
// 503. It answers 503 as well where the program brought its own MeterProvider
// (WithMeterProvider): nobody but the program can attach a reader to that, so the
// program's own Prometheus exporter serves the SDK's metrics there, under the
// same names.
func MetricsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r := current()
		if r == nil {
			http.Error(w, "telemetry is off: call pitot.Setup and set ENABLE_TELEMETRY=true", http.StatusServiceUnavailable)
			return
		}
		r.serveMetrics(w, req)
	})
}

func (r *core) serveMetrics(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	if r.reader == nil {
		http.Error(w, "the program uses a MeterProvider of its own, which cannot be read from here: scrape the Prometheus exporter that it has, or leave WithMeterProvider out", http.StatusServiceUnavailable)
		return
	}
	format := negotiate(req.Header.Values("Accept"))
	body, err := r.meters.scrape(req.Context(), r.reader, format)
	if err != nil {
		http.Error(w, "collect metrics: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", format.contentType())
	h.Add("Vary", "Accept, Accept-Encoding")
	if acceptsGzip(req.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		if req.Method == http.MethodHead {
			return
		}
		z := gzip.NewWriter(w)
		_, _ = z.Write(body) // the scraper went away: nobody is left to tell
		_ = z.Close()
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if req.Method != http.MethodHead {
		_, _ = w.Write(body) // as above
	}
}

// scraper renders one scrape at a time: what the reader collects is used again.
type scraper struct {
	mu   sync.Mutex
	rm   metricdata.ResourceMetrics
	size int
	told bool
}

// scrape collects and renders.
func (m *instruments) scrape(ctx context.Context, from sdkmetric.Reader, format promFormat) ([]byte, error) {
	s := &m.scraper
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := from.Collect(ctx, &s.rm); err != nil {
		return nil, err
	}
	families, clashes := promFamilies(&s.rm)
	if len(clashes) > 0 && !s.told {
		s.told = true
		m.r.warn.Warn("a metric is not shown to Prometheus: another has its name and a different type", "metric", clashes[0], "metrics", len(clashes))
	}
	w := promWriter{b: make([]byte, 0, s.size+1024), format: format}
	w.write(families)
	s.size = len(w.b)
	return w.b, nil
}

// negotiate chooses the format that an Accept header prefers; without a
// preference it is the text format, which everything reads.
func negotiate(accept []string) promFormat {
	best, bestQ := textFormat, 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		q := 1.0
		if v, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(v, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		format := textFormat
		switch media {
		case "application/openmetrics-text":
			if v := params["version"]; v != "" && v != "1.0.0" && v != "0.0.1" {
				continue
			}
			format = openMetrics
		case "text/plain":
			if v := params["version"]; v != "" && v != "0.0.4" {
				continue
			}
		case "text/*", "*/*":
		default:
			continue
		}
		if q > bestQ {
			best, bestQ = format, q
		}
	}
	return best
}

func acceptsGzip(accept []string) bool {
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q := strings.ReplaceAll(params, " ", "")
		v, err := strconv.ParseFloat(strings.TrimPrefix(q, "q="), 64)
		return q == "" || err != nil || v > 0
	}
	return false
}
