package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Listen holds the addresses to listen on.
type Listen struct {
	API     string // UI and APIs
	Gateway string
}

// checkAddress refuses an address that others could reach, unless that is
// wanted: prompts are sensitive, and this version has no login.
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
	return fmt.Errorf("%s: %q is not a loopback address, and there is no login: put an authenticating proxy in front and add --allow-public", flag, addr)
}

// listen binds an address; a port that is taken is an error that says what to do.
func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is taken by another program: stop it, or choose another port with --%s", flag, addr, flag)
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
	p.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: h, Protocols: &p,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       3 * time.Minute,
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
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
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
