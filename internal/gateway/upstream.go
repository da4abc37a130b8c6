package gateway

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// upstream is a configured server with its connections.
type upstream struct {
	cfg       Upstream
	base      *url.URL
	basePath  string // escaped, without trailing slash
	transport *http.Transport
	cred      atomic.Pointer[credential] // never nil
	// open says that what the configuration adds is for everybody: keys are off.
	open bool
	// fast serves plain HTTP/1.1 upstreams without the goroutine hand-overs of
	// http.Transport; nil where TLS, a proxy or HTTP/2 is wanted.
	fast *h1Transport
}

const (
	idleConnTimeout = 90 * time.Second
	maxIdlePerHost  = 1024
)

func newUpstream(cfg Upstream) (*upstream, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("base_url: %w", err)
	}
	tlsConfig, err := cfg.TLS.clientConfig()
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	proxy := http.ProxyFromEnvironment
	switch cfg.Proxy {
	case "":
	case "none":
		proxy = nil
	default:
		p, err := url.Parse(cfg.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		proxy = http.ProxyURL(p)
	}
	connect := cmp.Or(time.Duration(cfg.Timeouts.Connect), defaultConnect)
	u := &upstream{
		cfg: cfg, base: base, open: true, basePath: strings.TrimSuffix(base.EscapedPath(), "/"),
		transport: &http.Transport{
			Proxy:                 proxy,
			DialContext:           (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second, Control: denyMetadata(base.Hostname())}).DialContext,
			TLSClientConfig:       tlsConfig,
			TLSHandshakeTimeout:   connect,
			ResponseHeaderTimeout: time.Duration(cfg.Timeouts.ResponseHeader),
			MaxIdleConnsPerHost:   maxIdlePerHost,
			IdleConnTimeout:       idleConnTimeout,
			// The client's Accept-Encoding goes through as it is; the transport
			// must neither add one nor decompress.
			DisableCompression: true,
			ForceAttemptHTTP2:  true,
			WriteBufferSize:    16 << 10,
			ReadBufferSize:     16 << 10,
		},
	}
	cred := credentialOf(cfg.Dialect, cfg.APIKey)
	u.cred.Store(&cred)
	if base.Scheme == "http" && !usesProxy(proxy, base) {
		u.fast = newH1Transport(base.Host, connect, time.Duration(cfg.Timeouts.ResponseHeader))
	}
	return u, nil
}

func usesProxy(proxy func(*http.Request) (*url.URL, error), base *url.URL) bool {
	if proxy == nil {
		return false
	}
	p, err := proxy(&http.Request{URL: base, Header: http.Header{}})
	return err != nil || p != nil
}

func (t *TLS) clientConfig() (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify} //nolint:gosec // The operator asked for it by name.
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("ca_file: holds no PEM certificate")
		}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// target is the URL for the rest of a request's path, byte for byte.
func (u *upstream) target(rest, rawQuery string, forceQuery bool) *url.URL {
	t := &url.URL{Scheme: u.base.Scheme, Host: u.base.Host, User: u.base.User, RawQuery: rawQuery, ForceQuery: forceQuery}
	escaped := u.basePath + rest
	if escaped == "" {
		escaped = "/"
	}
	t.Path = escaped
	if strings.IndexByte(escaped, '%') >= 0 {
		if p, err := url.PathUnescape(escaped); err == nil {
			t.Path, t.RawPath = p, escaped
		}
	}
	return t
}

// roundTrip sends the request and returns the answer's head. written is called
// once, when the request is on its way if the transport allows, so that work
// can be done while the upstream thinks. connect is how long the connection took,
// dial and TLS handshake: 0 for one that was open, unknown where there is none.
func (u *upstream) roundTrip(out *http.Request, written func()) (resp *http.Response, connect llm.Opt[time.Duration], err error) {
	if _, inMemory := out.Body.(*replayBody); u.fast != nil && (inMemory || out.Body == http.NoBody) {
		resp, took, err := u.fast.roundTrip(out, written)
		return resp, llm.Some(took), err
	}
	written()
	var t connectTimer
	resp, err = u.transport.RoundTrip(out.WithContext(httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{GetConn: t.get, GotConn: t.got})))
	return resp, t.connect(), err
}

// connectTimer measures how long a request waits for its connection. A request
// that was given up may still get one later.
type connectTimer struct {
	mu    sync.Mutex
	start time.Time
	took  llm.Opt[time.Duration]
}

func (t *connectTimer) get(string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start = time.Now()
}

func (t *connectTimer) got(i httptrace.GotConnInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i.Reused {
		t.took = llm.Some(time.Duration(0))
	} else {
		t.took = llm.Some(time.Since(t.start))
	}
}

func (t *connectTimer) connect() llm.Opt[time.Duration] {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.took
}

func (u *upstream) close() {
	u.transport.CloseIdleConnections()
	if u.fast != nil {
		u.fast.closeIdle()
	}
}
