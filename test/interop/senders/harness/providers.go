package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// Providers are simulated providers on a loopback port. Each run has a base URL of
// its own, so that the answers of a run can be dictated and told from others'
// without any help from the client.
type Providers struct {
	server *provider.Server
	http   *http.Server
	base   string
	done   chan struct{}

	mu   sync.Mutex
	runs map[string]*run
}

type run struct {
	scenario Scenario
	calls    int
}

// runPrefix starts the path of every call of a run.
const runPrefix = "/run/"

// StartProviders serves simulated providers until Close.
func StartProviders(ctx context.Context) (*Providers, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start simulated providers: %w", err)
	}
	p := &Providers{
		server: provider.New(provider.Config{Seed: 1, RequireKey: true, KeepRequests: true}),
		base:   "http://" + l.Addr().String(), runs: map[string]*run{}, done: make(chan struct{}),
	}
	p.http = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(p.done)
		_ = p.http.Serve(l) // ends when Close closes it
	}()
	return p, nil
}

// Close ends the providers.
func (p *Providers) Close() {
	_ = p.http.Close()
	<-p.done
}

// URL is where the providers answer, for a gateway's upstream.
func (p *Providers) URL() string { return p.base }

// Begin starts a run of a scenario. The id must be new and fit into a path.
func (p *Providers) Begin(id string, s Scenario) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs[id] = &run{scenario: s}
}

// BaseURLs are the base URLs of a run's OpenAI and Anthropic clients: at the
// providers themselves, or through the gateway at the given address.
func (p *Providers) BaseURLs(id, gateway string) (openai, anthropic string) {
	if gateway == "" {
		return p.base + runPrefix + id + "/openai/v1", p.base + runPrefix + id + "/anthropic"
	}
	return gateway + "/openai" + runPrefix + id + "/v1", gateway + "/anthropic" + runPrefix + id
}

// Truth returns what was answered in a run, in order.
func (p *Providers) Truth(id string) []provider.Truth {
	var out []provider.Truth
	for _, t := range p.server.Truth() {
		if strings.HasPrefix(t.Path, runPrefix+id+"/") && t.Format != "" {
			out = append(out, t)
		}
	}
	return out
}

func (p *Providers) serve(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, runPrefix)
	id, _, _ := strings.Cut(rest, "/")
	p.mu.Lock()
	var a Answer
	current := p.runs[id]
	if ok = ok && current != nil && r.Method == http.MethodPost; ok {
		a = current.scenario.answer(current.calls)
		current.calls++
	}
	p.mu.Unlock()
	if ok {
		a.headers(r.Header.Set)
	}
	p.server.ServeHTTP(w, r)
}
