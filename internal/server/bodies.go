package server

import (
	"bufio"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
)

const (
	// maxPrometheusBody bounds the body of a request to the Prometheus API, as it is
	// sent, and maxWriteUnpacked what a request of remote write says that it unpacks
	// to: the store's own code takes what comes.
	maxPrometheusBody = 64 << 20
	maxWriteUnpacked  = 256 << 20
)

// boundedBodies refuses requests to the Prometheus API that would take the
// machine's memory.
func boundedBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := http.MaxBytesReader(w, r.Body, maxPrometheusBody)
		if r.Method == http.MethodPost && (r.URL.Path == writePath || strings.HasPrefix(r.URL.Path, "/api/v1/read")) {
			// A block of snappy begins with the length that it unpacks to.
			br := bufio.NewReader(body)
			head, _ := br.Peek(binary.MaxVarintLen64)
			if n, k := binary.Uvarint(head); k < 0 || k == 0 && len(head) == binary.MaxVarintLen64 || n > maxWriteUnpacked {
				http.Error(w, "the request unpacks to more than 256 MiB: send smaller batches", http.StatusRequestEntityTooLarge)
				return
			}
			r.Body = struct {
				io.Reader
				io.Closer
			}{br, body}
		} else {
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}
