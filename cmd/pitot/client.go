package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// remote is the server that a command asks.
type remote struct {
	Server string `help:"Address of the Pitot server." env:"PITOT_SERVER" default:"http://127.0.0.1:4400" placeholder:"URL"`
	APIKey string `name:"api-key" help:"API key for a server where everybody must log in." env:"PITOT_API_KEY" placeholder:"KEY"`
	Tenant string `help:"Tenant to look at, where the key or user may see several." env:"PITOT_TENANT" placeholder:"NAME"`
	CAFile string `name:"ca-file" help:"PEM file of certificate authorities to trust for the server." env:"PITOT_CA_FILE" type:"path" placeholder:"FILE"`
}

// get sends a GET and returns the answer if it is a 200.
func (r *remote) get(ctx context.Context, path string, q url.Values) (*http.Response, error) {
	return r.send(ctx, http.MethodGet, path, q, nil)
}

// send sends a request, with v as its JSON body unless it is nil, and returns
// the answer if it is a 200.
func (r *remote) send(ctx context.Context, method, path string, q url.Values, v any) (*http.Response, error) {
	u := strings.TrimSuffix(r.Server, "/") + path
	if !strings.Contains(r.Server, "://") {
		u = "http://" + u
	}
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	var body io.Reader = http.NoBody
	if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return nil, usageError{fmt.Errorf("--server: %w", err)}
	}
	if v != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+r.APIKey)
	}
	if r.Tenant != "" {
		req.Header.Set("X-Pitot-Tenant", r.Tenant)
	}
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("no server answers at %s: start one with `pitot serve` or `pitot demo`, or name another with --server", r.Server)
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, answerError(resp)
	}
	return resp, nil
}

// answerError reads the error of Pitot's own API, of the Prometheus API, or any
// text.
func answerError(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	var e struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && len(e.Error) > 0 {
		var own struct{ Code, Message, Hint string }
		if json.Unmarshal(e.Error, &own) == nil && own.Message != "" {
			if own.Hint != "" {
				return fmt.Errorf("%s (%s)", own.Message, own.Hint)
			}
			return errors.New(own.Message)
		}
		var text string
		if json.Unmarshal(e.Error, &text) == nil {
			return errors.New(text)
		}
	}
	return fmt.Errorf("the server answered %s: %s", resp.Status, strings.TrimSpace(string(body)))
}

// getJSON decodes the answer into v.
func (r *remote) getJSON(ctx context.Context, path string, q url.Values, v any) error {
	resp, err := r.get(ctx, path, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// postJSON posts v, or nothing, and decodes the answer into out.
func (r *remote) postJSON(ctx context.Context, path string, v, out any) error {
	return r.postQuery(ctx, path, nil, v, out)
}

// postQuery is postJSON with parameters.
func (r *remote) postQuery(ctx context.Context, path string, q url.Values, v, out any) error {
	resp, err := r.send(ctx, http.MethodPost, path, q, v)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// set adds a parameter where it has a value.
func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// client trusts the certificate authorities that were named.
func (r *remote) client() (*http.Client, error) {
	if r.CAFile == "" {
		return http.DefaultClient, nil
	}
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("--ca-file: holds no PEM certificate")
	}
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("--ca-file: this program has a transport of its own")
	}
	t = t.Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: t}, nil
}
