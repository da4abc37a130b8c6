package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/server"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
	"github.com/pitot-dev/pitot/internal/testkit/traffic"
)

type demoCmd struct {
	serverFlags
	Data    string        `help:"Data directory; by default one that is removed at the end." type:"path" placeholder:"DIR"`
	Rate    float64       `help:"Mean of model calls a second; 0 for none." default:"3"`
	History time.Duration `help:"How much history to make up at the start; 0 for none." default:"3h"`
	Seed    uint64        `help:"Seed of the traffic." default:"1"`
}

// Run runs a server with simulated providers behind the real gateway.
func (c *demoCmd) Run(ctx context.Context, s *streams) error {
	data := c.Data
	if data == "" {
		dir, err := os.MkdirTemp("", "pitot-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		data = dir
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	base, stopProviders, err := startProviders(ctx, c.Seed)
	if err != nil {
		return err
	}
	defer stopProviders()

	log := c.logger(s.err)
	o := c.options(data, log)
	o.Overlay = func(cfg *config.Config) {
		cfg.Gateway.Upstreams = append(simulated(base, cfg.Gateway.Upstreams), cfg.Gateway.Upstreams...)
	}
	srv, err := server.New(ctx, o)
	if err != nil {
		return err
	}
	gen := traffic.New(traffic.Config{Seed: c.Seed, Rate: max(c.Rate, 0.001)})
	if c.History > 0 && c.Rate > 0 {
		now := time.Now()
		progress := newProgress(s.err, "making up "+c.History.String()+" of history")
		err := srv.Backfill(ctx, now.Add(-c.History), now, func(emit func(llm.Record) error) error {
			return gen.History(now.Add(-c.History), now, emit)
		}, progress.set)
		progress.end()
		if err != nil {
			srv.Close()
			return fmt.Errorf("demo history: %w", err)
		}
	}
	live := make(chan error, 1)
	go func() {
		if c.Rate <= 0 {
			live <- nil
			return
		}
		live <- gen.Live(ctx, "http://"+srv.Addresses().Gateway, trafficClient(), func(recs []llm.Record) {
			if err := srv.Submit(ctx, recs); err != nil && ctx.Err() == nil {
				log.Warn("demo spans were not taken", "err", err)
			}
		})
	}()
	c.greet(s, srv.Addresses(), gen)
	stop := reloadOnHangup(srv)
	defer stop()
	err = srv.Run(ctx)
	cancel()
	return errors.Join(err, <-live)
}

// startProviders serves the simulated providers on a loopback port.
func startProviders(ctx context.Context, seed uint64) (base string, stop func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var both http.Protocols // some clients speak HTTP/2 without TLS
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	srv := &http.Server{
		Protocols:         &both,
		Handler:           provider.New(provider.Config{Seed: seed, Models: traffic.ProviderModels()}),
		ReadHeaderTimeout: 30 * time.Second,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends when stop closes it
	}()
	return "http://" + l.Addr().String(), func() {
		_ = srv.Close()
		<-done
	}, nil
}

// simulated points every well-known upstream, but those that the configuration
// names itself, at the simulated providers.
func simulated(base string, configured []gateway.Upstream) []gateway.Upstream {
	var out []gateway.Upstream
next:
	for _, u := range gateway.WellKnown() {
		for _, c := range configured {
			if c.Name == u.Name {
				continue next
			}
		}
		u.BaseURL, u.Proxy, u.Region = base, "none", ""
		out = append(out, u)
	}
	return out
}

func trafficClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.MaxIdleConnsPerHost = 64
	return &http.Client{Transport: t}
}

func (c *demoCmd) greet(s *streams, a server.Listen, gen *traffic.Generator) {
	p := newPaint(s.out)
	fmt.Fprintf(s.out, `
%s
  look          http://%s
  send calls    http://%s/openai/v1  (any OpenAI client; also /anthropic, /gemini, /ollama, …)
  live calls    pitot calls --follow --server=http://%s
  PromQL        pitot query 'sum by (model) (rate(llm_requests_total[5m]))' --server=http://%s
  Grafana       Prometheus data source http://%s, Jaeger http://%s/jaeger, VictoriaLogs http://%s
`, p.bold("Pitot is up with simulated providers. Nothing leaves this machine."), a.API, a.Gateway, a.API, a.API, a.API, a.API, a.API)
	if c.Rate > 0 {
		now := time.Now()
		for i, o := range gen.Occurrences(now.Add(-c.History), now.Add(2*time.Hour)) {
			if i == 0 {
				fmt.Fprintln(s.out, "  incidents to find:")
			}
			if i == 6 {
				break
			}
			fmt.Fprintf(s.out, "    %s – %s  %s\n", o.Start.Local().Format("15:04"), o.End.Local().Format("15:04"), o.Incident.Signs)
		}
	}
	fmt.Fprintln(s.out)
}

// progress shows how far long work has come, on a terminal only.
type progress struct {
	w     paintWriter
	label string
	last  int
}

type paintWriter struct {
	p paint
	f func(format string, a ...any)
}

func newProgress(w interface{ Write([]byte) (int, error) }, label string) *progress {
	return &progress{w: paintWriter{newPaint(w), func(format string, a ...any) { fmt.Fprintf(w, format, a...) }}, label: label, last: -1}
}

func (p *progress) set(done float64) {
	n := int(done * 100)
	if !p.w.p.on || n == p.last {
		return
	}
	p.last = n
	p.w.f("\r%s %s %3d %%", p.label, strings.Repeat("█", n/5)+strings.Repeat("░", 20-n/5), n)
}

func (p *progress) end() {
	if p.w.p.on {
		p.w.f("\r\x1b[K")
	}
}
