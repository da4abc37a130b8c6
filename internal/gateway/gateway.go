package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// Sink takes what the gateway sees. Its methods are called on the path of
// requests or right after them: they must not block, and must be safe for
// concurrent use.
type Sink interface {
	// CallStarted and CallEnded frame the time in which a Call is active. The
	// label values of both are the same.
	CallStarted(service, provider, model, method string)
	CallEnded(service, provider, model, method string)
	// Record takes a finished Call; the gateway does not touch it afterwards.
	Record(c *llm.Call)
}

// Options are what a Gateway needs.
type Options struct {
	Config Config
	Sink   Sink
	// Guard may refuse Calls; nil refuses none.
	Guard Guard
	// Keys are the virtual keys; nil: there are none.
	Keys       Keys
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Gateway is the transparent proxy. It is an http.Handler, safe for concurrent
// use.
type Gateway struct {
	sink    Sink
	guard   Guard
	keys    Keys
	limits  keyLimits
	log     *slog.Logger
	metrics *gatewayMetrics
	// table is replaced as a whole by Reload; requests under way keep theirs.
	table atomic.Pointer[table]

	finishers *finishers

	bodies bodyPool  // request bodies and copies of answers
	chunks chunkPool // pieces that are being forwarded
}

// table is the routing of one configuration.
type table struct {
	cfg       Config
	upstreams map[string]*upstream
	names     []string // sorted

	refreshers []*keyRefresher
	stop       context.CancelFunc
	running    sync.WaitGroup
}

// New validates the configuration, builds every upstream and starts the
// finishers. Close ends them.
func New(o Options) (*Gateway, error) {
	g := &Gateway{sink: o.Sink, guard: o.Guard, keys: o.Keys, log: o.Logger, metrics: newGatewayMetrics(o.Registerer)}
	t, err := newTable(&o.Config)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	t.startKeys(nil, keyCommandTime, g.log, g.metrics)
	g.table.Store(t)
	g.finishers = newFinishers()
	return g, nil
}

// Reload replaces the routing. On error the old one stays. Requests under way
// finish on the connections that they have.
func (g *Gateway) Reload(cfg Config) error {
	t, err := newTable(&cfg)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	t.startKeys(g.table.Load(), keyCommandTime, g.log, g.metrics)
	g.table.Swap(t).close()
	return nil
}

// Close waits until every finished exchange is recorded, or ctx ends. Call it
// after the HTTP server has shut down.
func (g *Gateway) Close(ctx context.Context) error {
	err := g.finishers.close(ctx)
	g.table.Load().close()
	return err
}

func newTable(cfg *Config) (*table, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &table{cfg: *cfg, upstreams: map[string]*upstream{}}
	for _, c := range cfg.All() {
		u, err := newUpstream(c)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: %w", c.Name, err)
		}
		u.open = !t.keysOn()
		t.upstreams[c.Name] = u
		t.names = append(t.names, c.Name)
	}
	return t, nil
}

// Upstreams returns the upstreams in force, without their headers, for status
// pages.
func (g *Gateway) Upstreams() []Upstream {
	t := g.table.Load()
	out := make([]Upstream, 0, len(t.names))
	for _, n := range t.names {
		c := t.upstreams[n].cfg
		c.Headers, c.APIKey, c.APIKeyCommand = nil, "", nil
		out = append(out, c)
	}
	return out
}

// ServeHTTP forwards one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := g.table.Load()
	name, rest := splitUpstream(r.URL.EscapedPath())
	u, ok := t.upstreams[name]
	var key *VirtualKey
	if t.keysOn() {
		d, label := wire.OpenAI, "unknown"
		if ok {
			d, label = u.cfg.Dialect, u.cfg.Name
		}
		var refused string
		if key, refused = g.recognise(t, r); refused != "" {
			drainSome(r)
			g.refuse(w, label, d, http.StatusUnauthorized, errorTypeKey, refused, 0)
			return
		}
	}
	if !ok {
		g.noUpstream(w, t, name)
		return
	}
	g.forward(w, r, t, u, rest, key)
}

// splitUpstream splits /name/rest into the upstream's name and /rest.
func splitUpstream(path string) (name, rest string) {
	path = strings.TrimPrefix(path, "/")
	name, rest, found := strings.Cut(path, "/")
	if !found {
		return name, ""
	}
	return name, path[len(name):][:len(rest)+1]
}

// noUpstream answers a path that names no upstream: a listing at the root, an
// error that says what to do elsewhere.
func (g *Gateway) noUpstream(w http.ResponseWriter, t *table, name string) {
	w.Header().Set("Content-Type", "application/json")
	if name == "" {
		type entry struct {
			Name    string `json:"name"`
			BaseURL string `json:"base_url"`
			Dialect string `json:"dialect"`
		}
		list := make([]entry, 0, len(t.names))
		for _, n := range t.names {
			c := t.upstreams[n].cfg
			list = append(list, entry{n, c.BaseURL, string(c.Dialect)})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"gateway": "pitot", "usage": "set your client's base URL to http://<this address>/<upstream name>", "upstreams": list,
		})
		return
	}
	hint := "add it under gateway.upstreams, or use one of: " + strings.Join(t.names, ", ")
	if near := nearest(name, t.names); near != "" {
		hint = fmt.Sprintf("did you mean /%s/? The first segment of the path names the upstream; add others under gateway.upstreams", near)
	}
	if strings.HasPrefix(name, "v1") {
		hint = "the first segment of the path names the upstream: use http://<this address>/openai/v1 as base URL"
	}
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{
		"code": "unknown_upstream", "type": "invalid_request_error", "message": fmt.Sprintf("no upstream is called %q", name), "hint": hint,
	}})
}

// nearest finds a name that differs from s by little: one is the prefix of the
// other, or one letter is off.
func nearest(s string, names []string) string {
	i := slices.IndexFunc(names, func(n string) bool {
		return len(s) > 2 && (strings.HasPrefix(n, s) || strings.HasPrefix(s, n) || offByOne(s, n))
	})
	if i < 0 {
		return ""
	}
	return names[i]
}

func offByOne(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return a[min(i+1, len(a)):] == b[min(i+1, len(b)):] || (i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:])
	}
	return a[i:] == b[i+1:]
}

// bodyPool holds buffers for request bodies and copies of answers.
type bodyPool struct{ p sync.Pool }

// chunkPool holds the buffers through which answers are forwarded.
type chunkPool struct{ p sync.Pool }

const chunkSize = 16 << 10

func (c *chunkPool) get() *[]byte {
	if v, ok := c.p.Get().(*[]byte); ok {
		return v
	}
	s := make([]byte, chunkSize)
	return &s
}

func (c *chunkPool) put(s *[]byte) { c.p.Put(s) }

// maxPooled is the largest buffer that goes back to the pool, so that one huge
// prompt does not stay in memory for good.
const maxPooled = 1 << 20

func (b *bodyPool) get() *[]byte {
	if v, ok := b.p.Get().(*[]byte); ok {
		return v
	}
	s := make([]byte, 0, 4<<10)
	return &s
}

func (b *bodyPool) put(s *[]byte) {
	if s == nil || cap(*s) > maxPooled {
		return
	}
	*s = (*s)[:0]
	b.p.Put(s)
}

// readUpTo appends at most limit bytes of r to *dst. more says that r was not
// read to its end.
func readUpTo(dst *[]byte, r io.Reader, limit int) (more bool, err error) {
	b := *dst
	defer func() { *dst = b }()
	for len(b) < limit {
		if len(b) == cap(b) {
			b = slices.Grow(b, max(len(b), 4<<10))
		}
		n, err := r.Read(b[len(b):min(cap(b), limit)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
