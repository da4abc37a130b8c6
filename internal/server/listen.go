package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
)

// Listen holds the addresses to listen on. Only API and Gateway must be there;
// an empty address of another is not listened on.
type Listen struct {
	API      string // UI and APIs
	Gateway  string
	OTLPGRPC string
	OTLPHTTP string
	Jaeger   string // Jaeger's own Thrift over HTTP
}

// The names of the listeners; their flags are `listen.` and the name.
const (
	listenAPI      = "api"
	listenGateway  = "gateway"
	listenOTLPGRPC = "otlp-grpc"
	listenOTLPHTTP = "otlp-http"
	listenJaeger   = "jaeger"
)

func (l *Listen) all() map[string]*string {
	return map[string]*string{
		listenAPI: &l.API, listenGateway: &l.Gateway,
		listenOTLPGRPC: &l.OTLPGRPC, listenOTLPHTTP: &l.OTLPHTTP, listenJaeger: &l.Jaeger,
	}
}

// door is a listener with what serves on it.
type door struct {
	name     string
	listener net.Listener
	serve    func(net.Listener) error
	drain    func(context.Context) error
}

// bind binds every listener that has an address.
func (s *Server) bind(ctx context.Context) error {
	addresses := s.opts.Listen.all()
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		addr, flag := *addresses[name], "listen."+name
		if s.opts.Role == RoleQuery && name != listenAPI {
			continue // it takes nothing in
		}
		if addr == "" {
			if name == listenAPI || name == listenGateway {
				return fmt.Errorf("%s: an address is required, such as 127.0.0.1:0", flag)
			}
			continue
		}
		if err := checkAddress(flag, addr, s.opts.AllowPublic || s.protectedListener(name)); err != nil {
			if s.authOn {
				err = fmt.Errorf("%w; auth is on, but this listener would let everybody in: docs/access.md says what it needs", err)
			}
			return err
		}
		l, err := listen(ctx, flag, addr)
		if err != nil {
			return err
		}
		if s.opts.MaxConnections > 0 {
			l = netutil.LimitListener(l, s.opts.MaxConnections)
		}
		s.doors = append(s.doors, &door{name: name, listener: l})
	}
	return nil
}

// addr is where the named listener listens; nil if it does not.
func (s *Server) addr(name string) net.Addr {
	for _, d := range s.doors {
		if d.name == name {
			return d.listener.Addr()
		}
	}
	return nil
}

// serveHTTP says that h serves on the named listener, if there is one.
func (s *Server) serveHTTP(name string, h http.Handler) {
	srv := newHTTPServer(s.web.wrap(name, h), s.log, name)
	srv.TLSConfig = s.web.tlsConfig(name)
	limits := s.opts.slow.or(slowLimits{headerTimeout, readTimeout, gatewayReadTimeout, idleTimeout})
	srv.ReadHeaderTimeout, srv.ReadTimeout, srv.IdleTimeout = limits.header, limits.request, limits.idle
	if name == listenGateway {
		srv.ReadTimeout = limits.gateway
	}
	s.serveOn(name, func(l net.Listener) error { return serve(srv, l) }, func(ctx context.Context) error { return drain(ctx, srv) })
}

func (s *Server) serveOn(name string, serve func(net.Listener) error, drain func(context.Context) error) {
	for _, d := range s.doors {
		if d.name == name {
			d.serve, d.drain = serve, drain
		}
	}
}

// Addresses are where the server listens.
func (s *Server) Addresses() Listen {
	var l Listen
	for name, to := range l.all() {
		if a := s.addr(name); a != nil {
			*to = a.String()
		}
	}
	return l
}

// slowLimits bound how long clients may take.
type slowLimits struct {
	header, request, gateway, idle time.Duration
}

func (l slowLimits) or(o slowLimits) slowLimits {
	return slowLimits{cmp.Or(l.header, o.header), cmp.Or(l.request, o.request), cmp.Or(l.gateway, o.gateway), cmp.Or(l.idle, o.idle)}
}

// readTimeout is how long a request may take to arrive, its body included: who
// sends a byte a minute must not hold a connection for ever. Through the gateway
// large files go on slow lines. An answer may take as long as it likes.
const (
	headerTimeout      = 30 * time.Second
	idleTimeout        = 3 * time.Minute
	readTimeout        = 5 * time.Minute
	gatewayReadTimeout = time.Hour
)

// checkAddress refuses an address that others could reach, unless that is
// wanted, or those who come must show who they are: prompts are sensitive.
func checkAddress(flag, addr string, public bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s: %q is not an address such as 127.0.0.1:4400", flag, addr)
	}
	if public || host == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s: %q is not a loopback address, and there is no login: set auth.enabled, or put an authenticating proxy in front and add --allow-public", flag, addr)
}

// listen binds an address; a port that is taken is an error that says what to do.
func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is taken by another program: stop it, or choose another address with --%s", flag, addr, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

// newHTTPServer speaks HTTP/1.1 and, without TLS, HTTP/2. There is no write
// timeout: a model may stream for minutes.
func newHTTPServer(h http.Handler, logger *slog.Logger, component string) *http.Server {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true) // with TLS
	p.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: h, Protocols: &p,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    256 << 10,
		ErrorLog:          slog.NewLogLogger(quietHandler{logger.With("component", component).Handler()}, slog.LevelDebug),
	}
}

// quietHandler lowers what net/http says of broken client connections: that is
// everyday traffic, not news.
type quietHandler struct{ slog.Handler }

func (q quietHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "panic serving") {
		r.Level = slog.LevelError
	}
	if !q.Enabled(ctx, r.Level) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// serve runs an HTTP server until it is shut down.
func serve(s *http.Server, l net.Listener) error {
	run := s.Serve
	if s.TLSConfig != nil {
		run = func(l net.Listener) error { return s.ServeTLS(l, "", "") }
	}
	if err := run(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain waits for the requests under way, and cuts them when ctx ends.
func drain(ctx context.Context, s *http.Server) error {
	err := s.Shutdown(ctx)
	if err != nil {
		_ = s.Close()
	}
	return err
}
