package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// SetupReport says how data can be sent and what has come.
type SetupReport struct {
	Time  time.Time `json:"time"`
	Since time.Time `json:"since"` // since when the data directory exists
	// Scanning says that older data is still being counted.
	Scanning bool `json:"scanning"`
	Any      bool `json:"any"` // whether anything has come
	// Addresses are those of the listeners, as clients use them.
	Addresses map[string]string `json:"addresses"`
	Ways      []SetupWay        `json:"ways"`
}

// SetupWay is a way in and what came by it.
type SetupWay struct {
	Way      string      `json:"way"`
	Received bool        `json:"received"`
	Count    int64       `json:"count"` // records; where only the time since the start is known, since then
	First    time.Time   `json:"first,omitzero"`
	Last     time.Time   `json:"last,omitzero"`
	Refused  int64       `json:"refused"` // requests, since the start
	Parts    []SetupPart `json:"parts"`
}

// SetupPart is a part of what came one way: an upstream, an instrumentation, a
// scrape job.
type SetupPart struct {
	Name  string    `json:"name"`
	Scope string    `json:"scope,omitempty"`
	Count int64     `json:"count"`
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Of scrape jobs: how many targets are up, and what is wrong with one that is not.
	Up    *int   `json:"up,omitempty"`
	Error string `json:"error,omitempty"`
}

// The ways in, in the order of the report.
const (
	WayGateway       = "gateway"
	WayTraces        = "otlp_traces"
	WayMetrics       = "otlp_metrics"
	WayLogs          = "otlp_logs"
	WaySDK           = "sdk"
	WayElasticsearch = "elasticsearch"
	WayFiles         = "log_files"
	WayScrape        = "prometheus_scrape"
	WayRemoteWrite   = "remote_write"
	WayFeedback      = "feedback"
)

// Ways are all ways in, in their order.
func Ways() []string {
	return []string{WayGateway, WayTraces, WayMetrics, WayLogs, WaySDK, WayElasticsearch, WayFiles, WayScrape, WayRemoteWrite, WayFeedback}
}

func (s *server) setup(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	rep := s.Setup(r.Context())
	rep.Time = s.Now().UTC()
	addresses := make(map[string]string, len(rep.Addresses))
	for name, addr := range rep.Addresses {
		addresses[name] = clientAddress(name, addr, r.Host)
	}
	rep.Addresses = addresses
	rep.Any = false
	ways := make([]SetupWay, len(rep.Ways))
	for i, w := range rep.Ways { // the report is kept: it is not changed
		w.Parts = orEmpty(w.Parts)
		rep.Any = rep.Any || w.Received
		ways[i] = w
	}
	rep.Ways = ways
	return rep, nil
}

// clientAddress is how a client reaches a listener: by the name that this
// request used, where the listener is bound to all addresses.
func clientAddress(name, addr, host string) string {
	h, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(h); h == "" || err == nil && ip.IsUnspecified() {
		if asked, _, err := net.SplitHostPort(host); err == nil {
			host = asked
		}
		h = strings.Trim(host, "[]")
		if h == "" {
			h = "localhost"
		}
	}
	addr = net.JoinHostPort(h, port)
	if name == "otlp_grpc" { // exporters want no scheme, or take it for TLS
		return addr
	}
	return "http://" + addr
}
