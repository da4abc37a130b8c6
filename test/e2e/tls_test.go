//go:build unix

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// authority signs certificates.
type authority struct {
	tb   testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &authority{tb: tb, cert: cert, key: key, n: 1}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// issue makes a certificate for 127.0.0.1 and a client.
func (a *authority) issue(name string) (cert, key []byte) {
	a.tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.tb.Fatal(err)
	}
	a.n++
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.tb.Fatal(err)
	}
	kb, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: kb})
}

// tlsClient trusts the authority, and shows a certificate where one is given.
func (a *authority) tlsClient(certificate ...tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificate, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	a.tb.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t, Timeout: testkit.Patience}
}

// TestTLS serves every listener with TLS, telemetry with client certificates, and
// exchanges a certificate while the server runs.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key1 := ca.issue("first")
	put("cert.pem", cert)
	put("key.pem", key1)
	put("ca.pem", ca.pem())
	web := put("web.yml", []byte("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nhttp_server_config: {headers: {Strict-Transport-Security: max-age=63072000}}\nbasic_auth_users:\n  operator: "+hashOf+"\n"))
	mtls := put("mtls.yml", []byte("tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}\n"))
	admin := key(t, data, "root", "--scope=admin")
	s := serve(t, setup{data: data, config: fmt.Sprintf("gateway:\n  keys: required\n  upstreams: [{name: up, base_url: %q, api_key: operators}]\n", chatUpstream(t)), args: []string{"--web.config.file", web, "--web.config.listener", "otlp-http=" + mtls, "--web.config.listener", "otlp-grpc=" + mtls}})
	for _, u := range []*string{&s.api, &s.gateway, &s.otlp} {
		*u = strings.Replace(*u, "http://", "https://", 1)
	}
	plain := ca.tlsClient()
	testkit.Eventually(t, "the server is ready", func() bool {
		resp, err := plain.Get(s.api + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	ask := func(c *http.Client, method, target, body string, headers ...string) (*http.Response, string, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := c.Do(req)
		if err != nil {
			return nil, "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return resp, string(b), err
	}
	// basic_auth_users are honoured, as in Prometheus.
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.SetBasicAuth("operator", testPassword)
	basicOperator := r.Header.Get("Authorization")
	resp, body, err := ask(plain, "GET", s.api+"/api/pitot/v1/config", "", "Authorization", basicOperator)
	if err != nil || resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%v %v %s", resp, err, body)
	}
	if resp, body, err := ask(plain, "GET", s.api+"/api/pitot/v1/config", ""); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody: %v %v %s", resp, err, body)
	}
	// The cookie of a session is Secure.
	resp, body, err = ask(plain, "POST", s.api+"/api/pitot/v1/auth/login", `{"name":"operator","password":"`+testPassword+`"}`)
	if err != nil || resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 || !resp.Cookies()[0].Secure || !strings.HasPrefix(resp.Cookies()[0].Name, "__Host-") {
		t.Errorf("login: %v %v %s", resp, err, body)
	}
	// Plain HTTP gets no answer from the API.
	if resp, err := http.Get("http://" + strings.TrimPrefix(s.api, "https://") + "/api/pitot/v1/status"); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Error("plain HTTP is answered")
		}
	}
	// Telemetry needs the certificate of a client, and a key.
	if _, _, err := ask(plain, "POST", s.otlp+"/v1/traces", "{}", "X-API-Key", admin); err == nil {
		t.Error("telemetry is taken without a client certificate")
	}
	cc, ck := ca.issue("sender")
	pair, err := tls.X509KeyPair(cc, ck)
	if err != nil {
		t.Fatal(err)
	}
	sender := ca.tlsClient(pair)
	if resp, body, err := ask(sender, "POST", s.otlp+"/v1/traces", "{}", "X-API-Key", admin); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("telemetry: %v %v %s", resp, err, body)
	}
	if resp, _, err := ask(sender, "POST", s.otlp+"/v1/traces", "{}"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("telemetry without a key: %v %v", resp, err)
	}
	stranger := newAuthority(t)
	sc, sk := stranger.issue("stranger")
	if pair, err = tls.X509KeyPair(sc, sk); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ask(ca.tlsClient(pair), "POST", s.otlp+"/v1/traces", "{}", "X-API-Key", admin); err == nil {
		t.Error("a stranger's certificate is taken")
	}
	// The gateway.
	if resp, body, err := ask(plain, "POST", s.gateway+"/up/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"question"}]}`, "Authorization", "Bearer "+admin); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("X-Saw-Authorization") != "Bearer operators" {
		t.Errorf("gateway: %v %v %s", resp, err, body)
	}
	// The command line.
	if out, errs, code := pitot(t, nil, "calls", "--server", s.api, "--ca-file", filepath.Join(dir, "ca.pem"), "--api-key", admin); code != 0 {
		t.Errorf("pitot calls: %d %s %s", code, out, errs)
	}
	// A new certificate is taken without a restart; a broken one changes nothing.
	serial := func() int64 {
		resp, _, err := ask(plain, "GET", s.api+"/health", "")
		if err != nil {
			t.Fatal(err)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	before := serial()
	next, key2 := ca.issue("second")
	put("key.pem", key2)
	put("cert.pem", next)
	testkit.Eventually(t, "the new certificate", func() bool { return serial() != before })
	after := serial()
	put("cert.pem", []byte("broken"))
	testkit.Eventually(t, "the status says that the file is broken", func() bool {
		_, body, err := ask(plain, "GET", s.api+"/api/pitot/v1/status", "", "Authorization", basicOperator)
		return err == nil && strings.Contains(body, "PEM")
	})
	if serial() != after {
		t.Error("a broken certificate is in force")
	}
	s.stop()
}

// TestWideListenersNeedALogin: an address that others can reach is possible with a
// login, and with the flag that says so.
func TestWideListenersNeedALogin(t *testing.T) {
	t.Parallel()
	start := func(config string, args ...string) (string, int) {
		file := filepath.Join(t.TempDir(), "c.yml")
		write(t, file, config)
		_, errs, code := pitot(t, nil, append([]string{"serve", "--data", t.TempDir(), "--config", file, "--listen.otlp-grpc=", "--listen.otlp-http="}, args...)...)
		return errs, code
	}
	all := []string{"--listen.api=0.0.0.0:0", "--listen.gateway=127.0.0.1:0"}
	if errs, code := start("{}", all...); code == 0 || !strings.Contains(errs, "auth.enabled") {
		t.Errorf("without a login: %d %s", code, errs)
	}
	gatewayWide := []string{"--listen.api=127.0.0.1:0", "--listen.gateway=0.0.0.0:0"}
	if errs, code := start("auth: {enabled: true}\ngateway: {upstreams: [{name: openai, api_key: operators}]}\n", gatewayWide...); code == 0 || !strings.Contains(errs, "listen.gateway") {
		t.Errorf("a gateway with the operator's key for everybody: %d %s", code, errs)
	}
	s := serve(t, setup{config: "auth: {enabled: true}\n", args: []string{"--listen.api=0.0.0.0:0"}})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.api, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, err := s.try(http.MethodGet, "http://127.0.0.1:"+port+"/api/pitot/v1/calls", nil); err != nil || status != http.StatusUnauthorized {
		t.Errorf("%d %v", status, err)
	}
	s.stop()
}

// TestRebindingIsRefused is DNS rebinding: a page whose own name resolves to this
// machine is of the same origin, and is told apart by the name alone.
func TestRebindingIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{args: []string{"--allow-host", "pitot.example.com"}})
	for host, want := range map[string]int{"evil.example": http.StatusMisdirectedRequest, "127.0.0.1.evil.example": http.StatusMisdirectedRequest, "localhost": http.StatusOK, "pitot.example.com": http.StatusOK} {
		for _, u := range []string{s.api + "/health", s.gateway + "/"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s at %s: %d", host, u, resp.StatusCode)
			}
		}
	}
	s.stop()
}

// TestHeadersAreBounded: neither size nor count of headers takes memory.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{})
	for _, u := range []string{s.api, s.gateway, s.otlp} {
		status, _, err := s.try(http.MethodGet, u+"/", nil, "X-Large", strings.Repeat("x", 1<<20))
		if err == nil && status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: %d", u, status)
		}
	}
	s.stop()
}

// TestPathsLeadNowhere is path traversal: no path of a request leads to a file of
// the machine.
func TestPathsLeadNowhere(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{config: "auth: {enabled: true}\n"})
	for _, path := range []string{
		"/../../etc/passwd", "/..%2f..%2fetc/passwd", "/assets/../../etc/passwd", "/assets/..%2f..%2fgo.mod", "/assets/%2e%2e/%2e%2e/auth.json", "/auth.json", "/assets/....//auth.json", "/static/..\\..\\auth.json", "/api/pitot/v1/calls/..%2f..%2fauth.json", "/alertmanager/../auth.json",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.api, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(conn)
		_ = conn.Close()
		if err != nil || bytes.Contains(b, []byte("root:")) || bytes.Contains(b, []byte(`"version"`)) {
			t.Errorf("%s: %q %v", path, b, err)
		}
	}
	s.stop()
}

// TestConnectionsAreBounded: past the limit they wait, and get their turn.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{args: []string{"--web.max-connections=3"}})
	u, err := url.Parse(s.gateway)
	if err != nil {
		t.Fatal(err)
	}
	var open []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	late, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if _, err := io.WriteString(late, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = late.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, err := late.Read(make([]byte, 1)); err == nil {
		t.Errorf("a connection past the limit is answered: %d", n)
	}
	for _, c := range open {
		_ = c.Close()
	}
	_ = late.SetReadDeadline(time.Now().Add(testkit.Patience))
	b, err := io.ReadAll(late)
	if err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 200")) {
		t.Errorf("it does not get its turn: %q %v", b, err)
	}
	s.stop()
}
