package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// doorsOf are the listeners as the server has them, before handlers that say on
// bodies how the reading of a request's body ended.
func doorsOf(t *testing.T, o Options) (s *Server, bodies chan error) {
	t.Helper()
	for _, a := range o.Listen.all() {
		*a = "127.0.0.1:0"
	}
	s = &Server{opts: o, log: slog.New(slog.DiscardHandler), web: &webFiles{}}
	if err := s.bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	bodies = make(chan error, 100)
	var wg sync.WaitGroup
	for name := range o.Listen.all() {
		s.serveHTTP(name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			bodies <- err
			w.WriteHeader(http.StatusNoContent)
		}))
	}
	for _, d := range s.doors {
		wg.Go(func() { _ = d.serve(d.listener) })
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for _, d := range s.doors {
			_ = d.drain(ctx)
		}
		wg.Wait()
	})
	return s, bodies
}

func dial(t *testing.T, s *Server, name string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr(name).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// trickle sends text a byte at a time, and then the last byte again and again,
// until the server ends the connection. It reports whether it did.
func trickle(t *testing.T, c net.Conn, text []byte) bool {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, c) // what it answers before it hangs up
		ended <- err
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case err := <-ended:
			var late net.Error
			return !errors.As(err, &late) || !late.Timeout()
		case <-tick.C:
			at := min(i, len(text)-1)
			_, _ = c.Write(text[at : at+1]) // the reader sees that the connection has ended
		}
	}
}

// TestSlowClientsAreCutOff sends headers and bodies a byte at a time to every
// listener. Each byte comes in time, all of them never do.
func TestSlowClientsAreCutOff(t *testing.T) {
	const short, long = 150 * time.Millisecond, time.Hour
	for part, c := range map[string]struct {
		limits slowLimits
		text   string
	}{
		"header": {slowLimits{header: short, request: long, gateway: long, idle: long}, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaa"},
		"body":   {slowLimits{header: long, request: short, gateway: short, idle: long}, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nb"},
		"chunks": {slowLimits{header: long, request: short, gateway: short, idle: long}, "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\nb"},
		"idle":   {slowLimits{header: long, request: long, gateway: long, idle: short}, ""},
	} {
		s, bodies := doorsOf(t, Options{slow: c.limits})
		for name := range s.opts.Listen.all() {
			t.Run(part+" "+name, func(t *testing.T) {
				conn := dial(t, s, name)
				if part == "idle" {
					if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
						t.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, conn); err != nil {
						t.Errorf("an idle connection lives on: %v", err)
					}
					<-bodies //nolint:errcheck // only when, not how
					return
				}
				if !trickle(t, conn, []byte(c.text)) {
					t.Error("it lives on")
				}
				if part != "header" {
					if err := <-bodies; err == nil {
						t.Error("the handler believes that the body is whole")
					}
				}
			})
		}
	}
}

// TestSlowClientsOfHTTP2: the same where a connection has many requests, as those
// of gRPC.
func TestSlowClientsOfHTTP2(t *testing.T) {
	const short, long = 150 * time.Millisecond, time.Hour
	head := func(end bool) []byte {
		var block, out bytes.Buffer
		enc := hpack.NewEncoder(&block)
		for _, f := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "localhost"}, {"content-type", "application/grpc"}} {
			_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		out.WriteString(http2.ClientPreface)
		fr := http2.NewFramer(&out, nil)
		_ = fr.WriteSettings()
		_ = fr.WriteSettingsAck() // else the server would end it for that
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: end})
		return out.Bytes()
	}
	for _, name := range []string{listenOTLPGRPC, listenAPI, listenGateway, listenOTLPHTTP} {
		t.Run("body "+name, func(t *testing.T) {
			s, bodies := doorsOf(t, Options{slow: slowLimits{header: long, request: short, gateway: short, idle: long}})
			conn := dial(t, s, name)
			if _, err := conn.Write(head(true)); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			fr := http2.NewFramer(conn, nil)
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			deadline := time.After(20 * time.Second)
			for {
				select {
				case err := <-bodies:
					if err == nil {
						t.Error("the handler believes that the body is whole")
					}
					return
				case <-tick.C:
					_ = fr.WriteData(1, false, []byte{'b'})
				case <-deadline:
					t.Fatal("the request lives on")
				}
			}
		})
		t.Run("header "+name, func(t *testing.T) {
			s, _ := doorsOf(t, Options{slow: slowLimits{header: short, request: short, gateway: short, idle: short}})
			conn := dial(t, s, name)
			text := head(false) // its block never ends
			if _, err := conn.Write(text[:len(text)-3]); err != nil {
				t.Fatal(err)
			}
			if !trickle(t, conn, []byte{0}) {
				t.Error("it lives on")
			}
		})
	}
	t.Run("handshake", func(t *testing.T) {
		cfg := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }, MinVersion: tls.VersionTLS12}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := newHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler), "api")
		srv.TLSConfig, srv.ReadHeaderTimeout, srv.ReadTimeout = cfg, short, short
		done := make(chan error, 1)
		go func() { done <- serve(srv, l) }()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if !trickle(t, conn, []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03a")) {
			t.Error("a handshake that does not end lives on")
		}
		_ = srv.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestEveryListenerBoundsItsConnections: past the limit a connection is not
// answered until another one has ended.
func TestEveryListenerBoundsItsConnections(t *testing.T) {
	s, bodies := doorsOf(t, Options{MaxConnections: 2})
	for name := range s.opts.Listen.all() {
		t.Run(name, func(t *testing.T) {
			ask := func(c net.Conn) {
				t.Helper()
				if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
			}
			answer := make([]byte, 12)
			open := []net.Conn{dial(t, s, name), dial(t, s, name)}
			for _, c := range open {
				ask(c)
				if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 204" {
					t.Fatalf("%q %v", answer, err)
				}
				<-bodies //nolint:errcheck // only when, not how
			}
			late := dial(t, s, name)
			ask(late)
			// Those that are open go on, and the one that waits is not served meanwhile.
			for _, c := range open {
				ask(c)
				<-bodies //nolint:errcheck // only when, not how
			}
			_ = late.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if n, err := late.Read(answer); n > 0 || err == nil {
				t.Errorf("a connection past the limit was answered: %q %v", answer[:n], err)
			}
			_ = open[0].Close()
			_ = late.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.ReadFull(late, answer); err != nil || string(answer) != "HTTP/1.1 204" {
				t.Errorf("its turn does not come: %q %v", answer, err)
			}
			<-bodies //nolint:errcheck // only when, not how
		})
	}
}
