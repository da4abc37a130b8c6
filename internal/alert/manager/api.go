package manager

import (
	"bytes"
	"maps"
	"net/http"
	"strings"
)

// durable serves the API such that a silence which was answered with success is
// on disk, and bodies have a bound.
func (m *Manager) durable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimSuffix(r.URL.Path, "/") {
		case Prefix:
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("The Alertmanager's API v2 is at " + Prefix + "/api/v2. amtool: --alertmanager.url=<address of Pitot>" + Prefix + "\n"))
			return
		case Prefix + "/-/healthy", Prefix + "/-/ready":
			_, _ = w.Write([]byte("OK\n"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		if r.Method == http.MethodGet || !strings.HasPrefix(r.URL.Path, Prefix+"/api/v2/silence") {
			next.ServeHTTP(w, r)
			return
		}
		held := &heldResponse{header: make(http.Header), code: http.StatusOK}
		next.ServeHTTP(held, r)
		if held.code < http.StatusMultipleChoices {
			if err := m.snapshots.write(); err != nil {
				http.Error(w, "the silence is in effect, but could not be written to disk: "+err.Error(), http.StatusInternalServerError)
				return
			}
		}
		held.release(w)
	})
}

// heldResponse keeps an answer, which is small, back.
type heldResponse struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (h *heldResponse) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heldResponse) WriteHeader(code int) { h.code = code }

// Write implements http.ResponseWriter.
func (h *heldResponse) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *heldResponse) release(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	w.WriteHeader(h.code)
	_, _ = w.Write(h.body.Bytes()) // the client went away
}
