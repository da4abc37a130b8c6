package pitot

import "net/http"

// HTTPClient returns a new client whose model calls are measured: http.Client
// with Transport(nil). It has no timeout, as http.DefaultClient has none; set
// one, or use contexts with deadlines.
func HTTPClient(opts ...TransportOption) *http.Client {
	return &http.Client{Transport: Transport(nil, opts...)}
}
