package server

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/gateway"
)

// buildAuth builds what recognises people and programs. Users of the web
// configuration file switch it on, as they do in Prometheus.
func (s *Server) buildAuth() (err error) {
	s.auth, err = auth.New(auth.Options{
		Config: s.authConfig(s.config, s.web.users()), Dir: s.opts.DataDir, Logger: s.component("auth"), WebUsers: s.web.users,
	})
	if err != nil {
		return err
	}
	for _, c := range s.auth.Collectors() {
		if err := s.metrics.Registerer().Register(c); err != nil {
			return fmt.Errorf("auth: %w", err)
		}
	}
	if s.auth.Enabled() && !s.auth.Passwords() && s.auth.OIDCName() == "" && len(s.auth.Keys().List()) == 0 {
		s.component("auth").Warn("nobody can log in yet: make a key with `pitot keys create --scope=admin`, or add users to auth.users")
	}
	return nil
}

func (s *Server) authConfig(c *config.Config, webUsers map[string]string) auth.Config {
	out := c.Auth
	out.Enabled = out.Enabled || len(webUsers) > 0
	return out
}

// protectedListener says whether what reaches a listener must show who it is, so
// that it may be bound to addresses that others can reach.
func (s *Server) protectedListener(name string) bool {
	if !s.authOn {
		return false
	}
	switch name {
	case listenGateway:
		// Clients bring the provider's keys themselves, unless Pitot adds its own: then
		// only those with a key of Pitot's may come.
		return s.config.Gateway.Keys == gateway.KeysRequired || s.config.Gateway.Keys != gateway.KeysOptional && !s.config.Gateway.AddsCredentials()
	case listenOTLPGRPC, listenOTLPHTTP, listenJaeger:
		return s.config.Auth.Ingest != auth.IngestOptional
	}
	return true
}

// guardIngest lets senders through that may send.
func (s *Server) guardIngest(next http.Handler) http.Handler {
	return api.GuardIngest(s.auth, next, refuseSender)
}

// refuseSender answers a sender in the form of its protocol.
func refuseSender(w http.ResponseWriter, r *http.Request, status int, message string) {
	if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		code := "16" // UNAUTHENTICATED
		switch status {
		case http.StatusForbidden:
			code = "7" // PERMISSION_DENIED
		case http.StatusTooManyRequests:
			code = "8" // RESOURCE_EXHAUSTED
		}
		h := w.Header()
		h.Del("WWW-Authenticate")
		h.Set("Content-Type", "application/grpc")
		h.Set("Grpc-Status", code)
		h.Set("Grpc-Message", message)
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": status, "message": message, "error": map[string]string{"reason": message, "type": "security_exception"}, "status": status})
}

// listenInside is the name of the listener of inside.
const listenInside = "inside"

// inside is the gateway for Pitot's own probes and judges: a listener on loopback
// without TLS, whose paths begin with a secret of this run. It is there only where
// the gateway's own listener would turn them away.
type inside struct {
	listener net.Listener
	token    string
}

func (s *Server) buildInside(ctx context.Context) error {
	if s.opts.Role == RoleQuery || !s.web.tls(listenGateway) && s.config.Gateway.Keys != gateway.KeysRequired {
		return nil // a query replica has no gateway
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listener for probes: %w", err)
	}
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	s.inside = inside{l, base64.RawURLEncoding.EncodeToString(b)}
	return nil
}

// gatewayURL is where Pitot's own probes and judges call models; it leads nowhere
// in a replica that has no gateway and asks nothing.
func (s *Server) gatewayURL() string {
	if s.inside.listener == nil {
		return "http://" + s.addrText(listenGateway)
	}
	return "http://" + s.inside.listener.Addr().String() + "/" + s.inside.token
}

// insideHandler serves the listener for probes and judges.
func (s *Server) insideHandler() http.Handler {
	prefix := "/" + s.inside.token
	strip := http.StripPrefix(prefix, gateway.Inside(s.gateway))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, prefix+"/") {
			http.NotFound(w, r)
			return
		}
		strip.ServeHTTP(w, r)
	})
}

// virtualKeys are the keys of the gateway's clients.
type virtualKeys struct{ a *auth.Auth }

// Lookup returns what applies to calls with a key; nil where it is none that may
// call.
func (v virtualKeys) Lookup(text string) *gateway.VirtualKey {
	p := v.a.Key(text)
	if !p.Can(auth.Gateway) {
		return nil
	}
	k := &gateway.VirtualKey{ID: p.KeyID, Tenant: p.Tenant}
	if g := p.Key.Gateway; g != nil {
		k.Service, k.Environment, k.User, k.Feature, k.Tags = g.Service, g.Environment, g.User, g.Feature, g.Tags
		k.Upstreams, k.Models, k.RequestsPerMinute, k.TokensPerMinute = g.Upstreams, g.Models, g.RequestsPerMinute, g.TokensPerMinute
	}
	return k
}

// IsKey says whether a text has the form of a key of Pitot's.
func (virtualKeys) IsKey(text string) bool { return auth.IsKey(text) }

// tenants are those beside the default one.
func (s *Server) tenants() []string {
	if !s.authOn {
		return nil
	}
	return s.config.Auth.AllTenants()[1:]
}
