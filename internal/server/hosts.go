package server

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guardHost refuses requests for a host that is not this machine, where the
// listener is on loopback. A page of any site can let its own name resolve to
// 127.0.0.1 and then counts as the same origin: without this check it could
// read prompts (DNS rebinding). allowed are further names, for a reverse proxy
// that passes its own on.
func guardHost(next http.Handler, listener net.Addr, allowed []string) http.Handler {
	if listener == nil {
		return next // nothing listens
	}
	if ap, err := netip.ParseAddrPort(listener.String()); err != nil || !ap.Addr().IsLoopback() {
		return next // bound wider on purpose: its names are not known here
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localHost(r.Host) && !slices.Contains(allowed, hostname(r.Host)) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusMisdirectedRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{ // an encoding error means that the client is gone
				"code": "unknown_host", "type": "invalid_request_error", "message": "this server does not answer for the host " + hostname(r.Host),
				"hint": "use 127.0.0.1 or localhost, or start the server with --allow-host=" + hostname(r.Host),
			}})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// localHost says whether a Host header means this machine and nobody else can
// make it mean something else.
func localHost(host string) bool {
	h := hostname(host)
	if h == "" || h == "localhost" || strings.HasSuffix(h, ".localhost") {
		return true // HTTP/1.0 sends none
	}
	ip, err := netip.ParseAddr(h)
	return err == nil && ip.IsLoopback()
}
