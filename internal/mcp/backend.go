package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Backend answers GET requests of Pitot's HTTP API.
type Backend interface {
	// Get returns the body of a 200, to be closed. The error of another answer
	// says what is wrong and what to do.
	Get(ctx context.Context, path string, q url.Values) (io.ReadCloser, error)
}

// maxAPIAnswer bounds what is read of one answer of the API.
const maxAPIAnswer = 32 << 20

// errTooLarge is returned for an answer of the API that nobody could use.
var errTooLarge = errors.New("the answer is too large: narrow the time range or the filter")

// inProcess asks the handler of the API port, as the client who asked the tool:
// the request has its credentials, address and context.
type inProcess struct{ handler func() http.Handler }

// InProcess returns a Backend that asks an http.Handler, which is looked up at
// each request. Requests carry the headers of the client's own, so that the
// handler knows who asks.
func InProcess(handler func() http.Handler) Backend { return inProcess{handler} }

// clientKey is the context key of the *http.Request that a client sent.
type clientKey struct{}

// Get implements Backend.
func (b inProcess) Get(ctx context.Context, path string, q url.Values) (io.ReadCloser, error) {
	u := &url.URL{Path: path, RawQuery: q.Encode()}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask the API: %w", err)
	}
	r.RequestURI = u.String()
	if client, ok := ctx.Value(clientKey{}).(*http.Request); ok {
		r.Host, r.RemoteAddr, r.TLS = client.Host, client.RemoteAddr, client.TLS
		r.Header = identity(client.Header)
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	if err := serve(b.handler(), w, r); err != nil {
		return nil, err
	}
	if w.overflow {
		return nil, errTooLarge
	}
	if w.status != http.StatusOK {
		return nil, answerError(w.status, w.body.Bytes())
	}
	return io.NopCloser(&w.body), nil
}

// serve runs a handler; one that gives up (http.ErrAbortHandler) is an error.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.New("the server failed on this request: see its log")
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// identity is the part of a client's headers that says who it is, and by which
// way it came. What describes the body and the protocol is not the API's.
func identity(h http.Header) http.Header {
	out := http.Header{}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "Content-"), strings.HasPrefix(name, "Accept"), strings.HasPrefix(name, "Mcp-"), strings.HasPrefix(name, "If-"):
		case name == "Connection", name == "Range", name == "Transfer-Encoding", name == "Upgrade":
		default:
			out[name] = values
		}
	}
	return out
}

// recorder is an http.ResponseWriter that keeps a bounded answer.
type recorder struct {
	header   http.Header
	status   int
	body     bytes.Buffer
	overflow bool
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if status >= 200 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.body.Len()+len(b) > maxAPIAnswer {
		w.overflow = true
		return 0, errTooLarge
	}
	return w.body.Write(b)
}

// Flush serves handlers that stream.
func (w *recorder) Flush() {}

// answerError makes an error of an answer of the API: its own shape, that of the
// Prometheus API, or any text.
func answerError(status int, body []byte) error {
	var e struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && len(e.Error) > 0 {
		var own struct{ Message, Hint string }
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
	text := strings.TrimSpace(string(body[:min(len(body), 1000)]))
	return fmt.Errorf("the API answered %d: %s", status, strings.ToValidUTF8(text, "�"))
}
