package endpoints

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Client is how to reach a store: who one is, and TLS.
type Client struct {
	Username        string            `yaml:"username,omitempty" doc:"User name for Basic authentication."`
	Password        string            `yaml:"password,omitempty" secret:"true" doc:"Password for Basic authentication."`
	PasswordFile    string            `yaml:"password_file,omitempty" doc:"File to read the password from."`
	BearerToken     string            `yaml:"bearer_token,omitempty" secret:"true" doc:"Token sent as Authorization: Bearer."`
	BearerTokenFile string            `yaml:"bearer_token_file,omitempty" doc:"File to read the bearer token from."`
	Headers         map[string]string `yaml:"headers,omitempty" doc:"Headers set on every request, for example the tenant of the store."`
	TLS             TLS               `yaml:"tls,omitempty" doc:"TLS towards the store."`
}

// TLS is the client side of TLS.
type TLS struct {
	CAFile             string `yaml:"ca_file,omitempty" doc:"PEM file of certificate authorities to trust instead of the system's."`
	CertFile           string `yaml:"cert_file,omitempty" doc:"PEM file of the client certificate."`
	KeyFile            string `yaml:"key_file,omitempty" doc:"PEM file of the client certificate's key."`
	ServerName         string `yaml:"server_name,omitempty" doc:"Name to verify instead of the URL's host."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify,omitempty" doc:"Accept any certificate. Only for tests."`
}

// Validate reports all that is wrong with it.
func (c Client) Validate() error {
	var errs []error
	if c.Username != "" && c.BearerToken != "" {
		errs = append(errs, errors.New("bearer_token: username is set too: use one of them"))
	}
	if c.Username == "" && c.Password != "" {
		errs = append(errs, errors.New("password: username is missing"))
	}
	for name, value := range c.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			errs = append(errs, fmt.Errorf("headers.%s: not a valid header", name))
		}
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		errs = append(errs, errors.New("tls.cert_file: a client certificate takes both cert_file and key_file"))
	} else if _, err := c.TLS.config(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify} //nolint:gosec // the operator asks for it
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s has no certificate in PEM form", t.CAFile)
		}
	}
	if t.CertFile != "" && t.KeyFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// CheckURL says what is wrong with the URL of a store.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is not the URL of a store: write http://host:port or https://host:port", withoutPassword(s))
	case u.User != nil:
		return fmt.Errorf("%s: credentials do not belong into the URL: use username and password", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has a query: only the base URL is wanted", withoutPassword(s))
	}
	return nil
}

func withoutPassword(s string) string {
	if _, after, ok := strings.Cut(s, "@"); ok {
		return after
	}
	return s
}

// CheckURLs says what is wrong with a list of them.
func CheckURLs(urls []string) error {
	seen := map[string]bool{}
	for i, u := range urls {
		if err := CheckURL(u); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		if u = strings.TrimRight(u, "/"); seen[u] {
			return fmt.Errorf("[%d]: %s is there twice", i, u)
		}
		seen[strings.TrimRight(u, "/")] = true
	}
	return nil
}

// dialTimeout bounds how long a connection may take to come about.
const dialTimeout = 3 * time.Second

// transport makes the connections. Of those that carry writes nothing is sent
// any more after they are given up: what the kernel still held would arrive when
// a network heals, long after the rows went elsewhere.
func (c Client) transport(writes bool) (*http.Transport, error) {
	conf, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: d.DialContext, TLSClientConfig: conf, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, // less than stores wait, or a request meets a connection that is being closed
		WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
	}
	if writes {
		t.DialContext = lingerless(d)
	}
	return t, nil
}
