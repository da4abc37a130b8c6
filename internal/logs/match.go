package logs

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// rootEndpoints are the first segments of Elasticsearch's paths without an index.
var rootEndpoints = []string{
	"_bulk", "_cluster", "_nodes", "_template", "_index_template", "_component_template", "_ilm", "_ingest",
	"_license", "_xpack", "_cat", "_alias", "_aliases", "_data_stream", "_security", "_refresh", "_flush",
	"_search", "_msearch", "_count", "_mapping", "_settings", "_stats", "_plugins", "_opendistro", "_resolve",
}

// indexEndpoints are the segments that follow an index.
var indexEndpoints = []string{
	"_bulk", "_doc", "_create", "_update", "_mapping", "_mappings", "_settings", "_alias", "_aliases", "_refresh",
	"_flush", "_forcemerge", "_rollover", "_search", "_count", "_stats", "_ilm", "_open", "_close",
}

// reserved are first segments that belong to Pitot's own or other APIs, and are
// never taken for the name of an index.
var reserved = []string{
	"", "-", "api", "jaeger", "select", "insert", "monitoring", "metrics", "health", "healthz", "alertmanager", "federate",
	"assets", "static", "ui", "debug", "v1", "v2", "v1beta", "otel", "otlp", "opentelemetry", "public", "ready", "favicon.ico", "robots.txt",
	"index.html", "loki", "write", "read", "graph", "config", "targets", "rules", "alerts", "status",
}

// Paths are the patterns that [Match] accepts, for documentation and logs.
func Paths() []string {
	out := make([]string, 0, len(rootEndpoints)+len(indexEndpoints)+3)
	for _, e := range rootEndpoints {
		out = append(out, "/"+e)
	}
	for _, e := range indexEndpoints {
		out = append(out, "/{index}/"+e)
	}
	return append(out, "/{index}/{type}/_bulk", "HEAD /{index}", "PUT /{index}", "POST /{index}/{type}")
}

// Match reports whether a request belongs to the Elasticsearch API. It never
// takes the paths of Pitot's own APIs, and leaves "/" to [WantsElasticsearch].
func Match(r *http.Request) bool {
	_, ok := route(r)
	return ok
}

// WantsElasticsearch reports whether a request for "/" wants Elasticsearch's
// greeting rather than a page: any GET or HEAD whose client is no browser.
func WantsElasticsearch(r *http.Request) bool {
	if r.URL.Path != "/" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return !browser(r)
}

func browser(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html") ||
		strings.HasPrefix(r.Header.Get("User-Agent"), "Mozilla/") || r.Header.Get("Sec-Fetch-Mode") != ""
}

// target is what a request's path says.
type target struct {
	endpoint string   // such as _bulk; empty is the index itself
	index    string   // empty where the path names none
	rest     []string // segments after the endpoint, unescaped
}

// route takes the path apart. A repeated or trailing slash means nothing:
// fluent-bit asks for /_bulk/, rsyslog may ask for //_bulk.
func route(r *http.Request) (target, bool) {
	var seg []string
	for s := range strings.SplitSeq(r.URL.EscapedPath(), "/") {
		if s == "" {
			continue
		}
		u, err := url.PathUnescape(s)
		if err != nil || len(seg) == 8 {
			return target{}, false
		}
		seg = append(seg, u)
	}
	if len(seg) == 0 {
		return target{}, false
	}
	if seg[0][0] == '_' {
		if !slices.Contains(rootEndpoints, seg[0]) {
			return target{}, false
		}
		return target{endpoint: seg[0], rest: seg[1:]}, true
	}
	if slices.Contains(reserved, strings.ToLower(seg[0])) {
		return target{}, false
	}
	t := target{index: seg[0]}
	switch {
	case len(seg) == 1:
		ok := r.Method == http.MethodPut || r.Method == http.MethodHead && !browser(r)
		return t, ok
	case slices.Contains(indexEndpoints, seg[1]):
		t.endpoint, t.rest = seg[1], seg[2:]
		return t, true
	case len(seg) == 3 && seg[2] == "_bulk": // with a type, as before Elasticsearch 7
		t.endpoint = "_bulk"
		return t, true
	case seg[1][0] != '_' && len(seg) <= 3 && jsonPost(r): // likewise
		t.endpoint, t.rest = "_doc", seg[2:]
		return t, true
	}
	return target{}, false
}

// jsonPost reports whether the request brings one JSON document, as rsyslog
// without bulk mode sends it.
func jsonPost(r *http.Request) bool {
	return (r.Method == http.MethodPost || r.Method == http.MethodPut) && strings.Contains(r.Header.Get("Content-Type"), "json")
}
