package events

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// proxyPaths are the engine's endpoints that LogsQL clients may use: those that
// only read events.
var proxyPaths = map[string]bool{
	"/select/logsql/query":               true,
	"/select/logsql/query_time_range":    true,
	"/select/logsql/tail":                true,
	"/select/logsql/hits":                true,
	"/select/logsql/facets":              true,
	"/select/logsql/stats_query":         true,
	"/select/logsql/stats_query_range":   true,
	"/select/logsql/stream_ids":          true,
	"/select/logsql/streams":             true,
	"/select/logsql/stream_field_names":  true,
	"/select/logsql/stream_field_values": true,
	"/select/logsql/field_names":         true,
	"/select/logsql/field_values":        true,
}

// proxyKinds keeps the store's own bookkeeping out of sight: a client that
// counts all rows must not count rollups.
const proxyKinds = `{kind in ("call","span","log","feedback")}`

// ProxyLogsQL serves /select/logsql/* for LogsQL clients such as Grafana's
// VictoriaLogs data source. It passes the engine's own answers on. It is the
// caller's to ask who the client is.
func (s *Store) ProxyLogsQL() http.Handler {
	target, err := url.Parse(s.ep.SelectURL)
	if err != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "the event engine's URL is not valid", http.StatusInternalServerError)
		})
	}
	proxy := &httputil.ReverseProxy{
		Transport:     s.ep.Client.Transport,
		FlushInterval: -1, // live tails
		ErrorLog:      slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			for name := range r.Out.Header {
				if !forwarded(name) {
					r.Out.Header.Del(name)
				}
			}
			setTenant(r.In.Context(), r.Out.Header)
			q := r.Out.URL.Query()
			q.Add("extra_stream_filters", kindsFor(r.In.Context()))
			q.Add("extra_stream_filters", s.freshStreams(false))
			s.ep.Cluster.partial(q, false)
			r.Out.URL.RawQuery = q.Encode()
		},
		ModifyResponse: func(r *http.Response) error {
			for name := range r.Header {
				// The engine lets every web page read its answers.
				if strings.HasPrefix(name, "Access-Control-") {
					r.Header.Del(name)
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			var tooLarge *http.MaxBytesError
			switch {
			case errors.As(err, &tooLarge):
				http.Error(w, "the query is too long", http.StatusRequestEntityTooLarge)
			case r.Context().Err() != nil: // the client has gone
			default:
				s.log.Debug("logsql query failed", "err", err)
				http.Error(w, "the event engine does not answer; Pitot restarts it by itself, try again soon", http.StatusServiceUnavailable)
			}
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !proxyPaths[r.URL.Path] {
			http.Error(w, "unknown endpoint: Pitot serves the reading endpoints of /select/logsql/", http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			w.Header().Set("Allow", "GET, POST")
			http.Error(w, "use GET or POST", http.StatusMethodNotAllowed)
			return
		}
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxQueryBody)
		}
		form, err := proxyForm(r)
		if err != nil {
			proxy.ErrorHandler(w, r, err)
			return
		}
		if llm.TenantOf(r.Context()) != llm.DefaultTenant && asksForFiles(r, form) {
			http.Error(w, "block_stats is about the files of the server, which are those of all tenants: only users of the default tenant may ask for it", http.StatusForbidden)
			return
		}
		if r.URL.Path != "/select/logsql/tail" { // which follows what comes
			var cold Partial
			s.thaw(WithCold(r.Context(), &cold), proxyRange(form, s.now()))
			if text := cold.String(); text != "" {
				w.Header().Set(PartialHeader, text)
			}
		}
		proxy.ServeHTTP(w, r.WithContext(withProxyForm(r.Context(), form)))
	})
}

// maxQueryBody bounds the form of one query.
const maxQueryBody = 4 << 20

// forwarded reports whether the engine gets to see a header: neither the
// client's credentials nor what would choose another tenant.
func forwarded(name string) bool {
	switch name {
	case "Accept", "Accept-Encoding", "Content-Type", "Content-Length", "User-Agent":
		return true
	}
	return false
}
