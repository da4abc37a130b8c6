package pitot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// attemptHTTP posts a message once.
func (c *otlpClient) attemptHTTP(ctx context.Context, body *sendBuffer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header = c.cfg.headers.Clone()
	req.Header.Set("Content-Type", "application/x-protobuf")
	if c.cfg.protocol == HTTPJSON {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	c.body(req, body)
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := readAnswer(resp)
	if resp.StatusCode/100 != 2 {
		return httpRefusal(c.signal, resp, answer, time.Now())
	}
	if err != nil {
		return nil // delivered; what the backend said besides is lost
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		c.partialJSON(answer)
	} else {
		c.partialProto(answer)
	}
	return nil
}

// readAnswer reads the answer to its end, so that the connection is free for the
// next request.
func readAnswer(resp *http.Response) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err == nil {
		_, _ = io.CopyN(io.Discard, resp.Body, maxResponse)
	}
	return b, err
}

// partialProto reads an Export…ServiceResponse: partial_success is its field 1,
// the number of rejected records and a message are that one's fields 1 and 2.
func (c *otlpClient) partialProto(b []byte) {
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return
		}
		b = rest
		if f.num != 1 || f.wire != wireBytes {
			continue
		}
		var rejected int64
		var message string
		for p := f.b; len(p) > 0; {
			pf, rest, err := nextField(p)
			if err != nil {
				return
			}
			p = rest
			switch {
			case pf.num == 1 && pf.wire == wireVarint:
				rejected = int64(pf.n)
			case pf.num == 2 && pf.wire == wireBytes:
				message = string(pf.b)
			}
		}
		if rejected != 0 || message != "" {
			c.link.partially(c.signal, rejected, message)
		}
	}
}

func (c *otlpClient) partialJSON(b []byte) {
	var r struct {
		PartialSuccess map[string]json.RawMessage `json:"partialSuccess"`
	}
	if json.Unmarshal(b, &r) != nil {
		return
	}
	var rejected int64
	var message string
	for k, v := range r.PartialSuccess {
		text := strings.Trim(string(v), `"`)
		if k == "errorMessage" {
			_ = json.Unmarshal(v, &message)
		} else if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			rejected = n
		}
	}
	if rejected != 0 || message != "" {
		c.link.partially(c.signal, rejected, message)
	}
}

// httpRefusal says what an answer that is no success means.
func httpRefusal(s otlpSignal, resp *http.Response, body []byte, now time.Time) error {
	r := &otlpRefusal{status: resp.Status, message: shortAnswer(answerText(resp, body))}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		r.retry = true
		r.after = retryAfter(resp.Header.Get("Retry-After"), now)
	case http.StatusUnauthorized, http.StatusForbidden:
		r.hint = "check OTEL_EXPORTER_OTLP_HEADERS"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		r.hint = fmt.Sprintf("check the path of OTEL_EXPORTER_OTLP_ENDPOINT; if the backend takes no %s, set OTEL_%s_EXPORTER=none", s, s.variable())
	case http.StatusRequestEntityTooLarge:
		r.hint = "lower OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
	case http.StatusUnsupportedMediaType:
		r.hint = "try another OTEL_EXPORTER_OTLP_PROTOCOL"
	}
	if resp.StatusCode/100 == 3 {
		r.hint = "redirects are not followed: set OTEL_EXPORTER_OTLP_ENDPOINT to where it leads"
	}
	return r
}

// answerText is what a backend says in words: plain, as google.rpc.Status in
// JSON or in protobuf (message is its field 2).
func answerText(resp *http.Response, body []byte) string {
	switch kind := resp.Header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "application/json"):
		var status struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(body, &status) == nil && status.Message != "" {
			return status.Message
		}
	case strings.HasPrefix(kind, "application/x-protobuf"):
		for b := body; len(b) > 0; {
			f, rest, err := nextField(b)
			if err != nil {
				return ""
			}
			if f.num == 2 && f.wire == wireBytes {
				return string(f.b)
			}
			b = rest
		}
		return ""
	case strings.HasPrefix(kind, "text/html"):
		return ""
	}
	return string(body)
}

// retryAfter reads seconds or a date.
func retryAfter(v string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
		return time.Duration(min(max(n, 0), 86400)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// transport makes the http.RoundTripper of a signal. It is our own and not
// http.DefaultTransport, which a program may have wrapped with ours.
func (c *signalConfig) transport() *http.Transport {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: c.tls, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
	}
	// A connection that died in silence is noticed, and not used for every export.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second}
	if c.protocol == GRPC {
		t.Protocols = new(http.Protocols)
		if strings.HasPrefix(c.url, "https:") {
			t.Protocols.SetHTTP2(true)
		} else {
			t.Protocols.SetUnencryptedHTTP2(true)
			t.Proxy = nil // HTTP/2 without TLS does not pass proxies
		}
	}
	return t
}

// noRedirect keeps a redirect from becoming a GET without a body.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

var errNotGRPC = errors.New("the backend does not answer in gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or use its gRPC port, 4317 by default")
