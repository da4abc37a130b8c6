package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// tlsUpstream is a server whose certificate only its own authority vouches for.
func tlsUpstream(t *testing.T) (srv *httptest.Server, caFile string) {
	t.Helper()
	srv = httptest.NewUnstartedServer(answerWith("application/json", chatAnswer))
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return srv, caFile
}

func TestUpstreamCertificateIsVerified(t *testing.T) {
	srv, caFile := tlsUpstream(t)
	f := startAt(t, srv.URL)
	if resp, _ := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("an unknown authority was trusted: %d", resp.StatusCode)
	}
	f.next(t)
	f = startAt(t, srv.URL, func(c *Config) { c.Upstreams[0].TLS.CAFile = caFile })
	if resp, body := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusOK {
		t.Errorf("with ca_file: %d %s", resp.StatusCode, body)
	}
	f.next(t)
	f = startAt(t, srv.URL, func(c *Config) { c.Upstreams[0].TLS = TLS{CAFile: caFile, ServerName: "wrong.test"} })
	if resp, _ := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("a certificate for another name was trusted: %d", resp.StatusCode)
	}
	f.next(t)
}

func TestClientCertificateIsShown(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if len(r.TLS.PeerCertificates) == 0 {
			http.Error(w, "no certificate", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, chatAnswer)
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	// The server's own key pair serves as the client's.
	dir := t.TempDir()
	cert := filepath.Join(dir, "cert.pem")
	key := filepath.Join(dir, "key.pem")
	pkcs8, err := x509.MarshalPKCS8PrivateKey(srv.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: srv.Certificate().Raw},
		key:  {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := startAt(t, srv.URL, func(c *Config) { c.Upstreams[0].TLS = TLS{InsecureSkipVerify: true, CertFile: cert, KeyFile: key} })
	if resp, body := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	f.next(t)
}

func TestProxyIsUsed(t *testing.T) {
	var through atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through.Add(1)
		if r.URL.Host != "model.test" {
			http.Error(w, "proxy was asked for "+r.URL.String(), http.StatusBadRequest)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, chatAnswer)
	}))
	t.Cleanup(proxy.Close)
	f := startAt(t, "http://model.test", func(c *Config) { c.Upstreams[0].Proxy = proxy.URL })
	if resp, body := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusOK || through.Load() != 1 {
		t.Errorf("%d %s, %d through the proxy", resp.StatusCode, body, through.Load())
	}
	f.next(t)
}

func TestConfiguredHeadersReplaceTheClients(t *testing.T) {
	got := make(chan http.Header, 1)
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		answerWith("application/json", chatAnswer).ServeHTTP(w, r)
	}), func(c *Config) {
		c.Upstreams[0].Headers = map[string]string{"authorization": "Bearer from-the-operator"}
	})
	do(t, http.MethodPost, f.url+chatPath, chatBody, "Authorization", "Bearer from-the-client")
	if h := <-got; len(h["Authorization"]) != 1 || h.Get("Authorization") != "Bearer from-the-operator" {
		t.Errorf("authorization %v", h["Authorization"])
	}
	f.next(t)
	for _, u := range f.g.Upstreams() {
		if len(u.Headers) != 0 {
			t.Error("headers may hold keys and must not be shown")
		}
	}
}

// TestIdleConnectionThatTheServerClosed: the next call must not fail on it.
func TestIdleConnectionThatTheServerClosed(t *testing.T) {
	srv := httptest.NewServer(answerWith("application/json", chatAnswer))
	t.Cleanup(srv.Close)
	f := startAt(t, srv.URL)
	fast := f.g.table.Load().upstreams["up"].fast
	for range 5 {
		if resp, _ := do(t, http.MethodPost, f.url+chatPath, chatBody); resp.StatusCode != http.StatusOK {
			t.Fatalf("%d", resp.StatusCode)
		}
		f.next(t)
		srv.CloseClientConnections()
		fast.mu.Lock()
		if len(fast.idle) != 1 {
			t.Errorf("%d idle connections", len(fast.idle))
		}
		for _, c := range fast.idle { // until the close has arrived
			for connAlive(c.Conn) {
				select {
				case <-t.Context().Done():
					t.Fatal("the close did not arrive")
				case <-time.After(time.Millisecond):
				}
			}
		}
		fast.mu.Unlock()
	}
}

func TestConnectionsAreReusedAndReaped(t *testing.T) {
	f := start(t, answerWith("application/json", chatAnswer))
	fast := f.g.table.Load().upstreams["up"].fast
	for range 10 {
		do(t, http.MethodPost, f.url+chatPath, chatBody)
		f.next(t)
	}
	fast.mu.Lock()
	conns := len(fast.idle)
	for _, c := range fast.idle {
		c.idleSince = c.idleSince.Add(-2 * idleConnTimeout)
	}
	fast.mu.Unlock()
	if conns != 1 {
		t.Errorf("%d connections for ten calls in turn", conns)
	}
	fast.reap()
	fast.mu.Lock()
	defer fast.mu.Unlock()
	if len(fast.idle) != 0 {
		t.Error("an old connection was kept")
	}
}

func TestInformationalAndEmptyAnswers(t *testing.T) {
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Link", "</x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusNoContent)
	}))
	resp, body := do(t, http.MethodPost, f.url+chatPath, chatBody)
	if resp.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if c := f.next(t); c.HTTPStatus != http.StatusNoContent || c.Usage.Source == llm.UsageReported {
		t.Errorf("call %+v", c)
	}
}

// TestConnectAndHeadersAreMeasured looks at a connection that is made and at one
// that is used again, plain, with TLS, and with HTTP/2.
func TestConnectAndHeadersAreMeasured(t *testing.T) {
	for name, c := range map[string]struct{ tls, http2 bool }{"plain": {}, "tls": {tls: true}, "http2": {tls: true, http2: true}} {
		t.Run(name, func(t *testing.T) {
			up := httptest.NewUnstartedServer(answerWith("application/json", chatAnswer))
			up.EnableHTTP2 = c.http2
			if c.tls {
				up.StartTLS()
			} else {
				up.Start()
			}
			t.Cleanup(up.Close)
			f := startAt(t, up.URL, func(cfg *Config) { cfg.Upstreams[0].TLS.InsecureSkipVerify = true })
			for i := range 3 {
				do(t, http.MethodPost, f.url+chatPath, chatBody)
				call := f.next(t)
				connect, known := call.Phases.Connect.Get()
				if !known || (connect > 0) != (i == 0) {
					t.Errorf("call %d: connect %v, known %v", i, connect, known)
				}
				headers, known := call.Phases.Headers.Get()
				if !known || headers <= connect || headers > call.Duration {
					t.Errorf("call %d: header after %v of %v, connect %v", i, headers, call.Duration, connect)
				}
			}
		})
	}
}

func TestAnUpstreamThatIsNotThereHasNoHeader(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	f := startAt(t, "http://"+l.Addr().String())
	do(t, http.MethodPost, f.url+chatPath, chatBody)
	if p := f.next(t).Phases; p.Headers.Known() || !p.Connect.Known() {
		t.Errorf("phases = %+v", p)
	}
}
