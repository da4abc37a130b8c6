package forward

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	compressGzip = "gzip"
	compressNone = "none"
	proxyNone    = "none"

	connectTimeout = 10 * time.Second
	// maxAnswer bounds an answer that is read: about 300 bytes for each of
	// maxBatchRecords documents, and room for long reasons.
	maxAnswer = 16 << 20
	// maxExcerpt is how much of an answer an error shows.
	maxExcerpt = 300
	// maxRetryAfter bounds what a destination can ask for.
	maxRetryAfter = 10 * time.Minute
)

// httpSender sends bodies over HTTP. It belongs to one goroutine.
type httpSender struct {
	client  *http.Client
	base    string
	header  http.Header
	timeout time.Duration
	zip     *gzip.Writer // nil: no compression
	zipped  bytes.Buffer
}

func newHTTPSender(d *Destination, userAgent string) (*httpSender, error) {
	tlsConfig, err := tlsOf(d.TLS)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: connectTimeout,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     90 * time.Second,
	}
	switch d.Proxy {
	case "":
	case proxyNone:
		t.Proxy = nil
	default:
		u, err := url.Parse(d.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		t.Proxy = http.ProxyURL(u)
	}
	s := &httpSender{
		client: &http.Client{
			Transport: t,
			// Elsewhere is not where the operator wants the records.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		base: strings.TrimRight(d.URL, "/"), header: headersOf(d, userAgent), timeout: time.Duration(d.Timeout),
	}
	if d.Compression == compressGzip {
		// Level 1: logs shrink to a tenth as it is, and the next levels cost twice the time.
		if s.zip, err = gzip.NewWriterLevel(io.Discard, gzip.BestSpeed); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// headersOf returns the headers of every request.
func headersOf(d *Destination, userAgent string) http.Header {
	h := http.Header{}
	for k, v := range d.Headers {
		h.Set(k, v)
	}
	switch {
	case d.Username != "":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(d.Username+":"+d.Password)))
	case d.BearerToken != "":
		h.Set("Authorization", "Bearer "+d.BearerToken)
	case d.APIKey != "":
		h.Set("Authorization", "ApiKey "+d.APIKey)
	}
	h.Set("User-Agent", userAgent)
	return h
}

// tlsOf reads the certificates.
func tlsOf(c TLS) (*tls.Config, error) {
	t := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify} //nolint:gosec // only where the operator says so
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s has no certificate in PEM form", c.CAFile)
		}
	}
	if c.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file: %w", err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}

// post sends a body and returns the answer if its status is 200 to 299;
// anything else is an *httpError.
func (s *httpSender) post(ctx context.Context, path, contentType string, body []byte) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("no answer within %v", s.timeout))
	defer cancel()
	encoding := ""
	if s.zip != nil {
		s.zipped.Reset()
		s.zip.Reset(&s.zipped)
		if _, err := s.zip.Write(body); err != nil {
			return nil, nil, err
		}
		if err := s.zip.Close(); err != nil {
			return nil, nil, err
		}
		// The transport may still read the body of a request that was given up,
		// while the next one is written.
		body, encoding = bytes.Clone(s.zipped.Bytes()), "gzip"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header = s.header.Clone()
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, nil, requestError(ctx, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, nil, &httpError{status: resp.StatusCode, location: resp.Header.Get("Location"), body: answer, after: retryAfter(resp.Header, time.Now())}
	case err != nil:
		return nil, nil, requestError(ctx, err)
	case len(answer) > maxAnswer:
		return nil, nil, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return answer, resp.Header, nil
}

// requestError is err without the URL that net/http puts into it, which the log
// line and the status have beside it.
func requestError(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
		err = cause
	}
	return err
}

func (s *httpSender) close() { s.client.CloseIdleConnections() }

// httpError is an answer that is not 2xx.
type httpError struct {
	status   int
	location string
	body     []byte
	after    time.Duration
}

// Error implements error.
func (e *httpError) Error() string {
	msg := fmt.Sprintf("answer %d %s", e.status, http.StatusText(e.status))
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		msg += ": check the credentials and what they allow"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		msg += ": check the url and the type of the destination"
	}
	if e.location != "" {
		msg += ": it points to " + redacted(e.location) + ": put the right address in url"
	}
	if text := excerpt(e.body); text != "" {
		msg += ": " + text
	}
	return msg
}

// class says what an answer means for the records of its request.
func (e *httpError) class() (c class, refused bool) {
	switch e.status {
	case http.StatusRequestEntityTooLarge:
		return split, false
	case http.StatusInternalServerError, http.StatusNotImplemented:
		return few, false
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return again, false
	}
	return again, e.status >= 400 && e.status < 500
}

// failed is the answer to a request that failed as a whole.
func failed(items []*item, err error) answer {
	e, ok := errors.AsType[*httpError](err)
	if !ok {
		return answer{err: err, class: again}
	}
	c, refused := e.class()
	if refused {
		settle(items, dropped, reasonRejected)
		return answer{refusal: err}
	}
	return answer{err: err, class: c, after: e.after}
}

// excerpt is the start of an answer, on one line.
func excerpt(b []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(b[:min(len(b), maxExcerpt)]), "")), " ")
	if len(b) > maxExcerpt {
		s += "..."
	}
	return s
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 { // NaN is not
		return time.Duration(min(n, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
