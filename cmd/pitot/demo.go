package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/server"
	"github.com/pitot-dev/pitot/internal/testkit/fleet"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
	"github.com/pitot-dev/pitot/internal/testkit/traffic"
	"github.com/pitot-dev/pitot/internal/wire"
)

type demoCmd struct {
	serverFlags
	Data    string        `help:"Data directory; by default one that is removed at the end." type:"path" placeholder:"DIR"`
	Rate    float64       `help:"Mean of model calls a second; 0 for none." default:"3"`
	History time.Duration `help:"How much history to make up, in the background; 0 for none." default:"3h"`
	Seed    uint64        `help:"Seed of the traffic: the same one gives the same calls at the same distance from the start." default:"1"`
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
	// Everything is told by its distance from now, so that the same seed gives the
	// same load whenever it is started.
	anchor := time.Now()
	gen := traffic.New(traffic.Config{
		Seed: c.Seed, Rate: max(c.Rate, 0.001), Rich: true, Begin: anchor, Shift: traffic.DemoNow().Sub(anchor), Incidents: traffic.DemoIncidents(),
	})
	machines := fleet.Config{Seed: c.Seed, Start: anchor.Add(-c.History), Load: gen.Activity, Incident: gen.InIncident}
	places, stopSimulation, err := startSimulation(ctx, provider.Config{
		Seed: c.Seed, Models: traffic.ProviderModels(),
		Trouble: func(model string) (float64, []provider.ErrorRate) { return gen.Trouble(model, time.Now()) },
	}, fleet.New(machines))
	if err != nil {
		return err
	}
	defer stopSimulation()
	demo, err := demoSections(places, c.Rate, c.History)
	if err != nil {
		return err
	}

	log := c.logger(s.err)
	o := c.options(data, log)
	o.Overlay = func(cfg *config.Config) { overlay(cfg, demo, places) }
	o.History = c.History
	srv, err := server.New(ctx, o)
	if err != nil {
		return err
	}
	var background sync.WaitGroup
	if c.Rate > 0 {
		out := &outside{api: "http://" + srv.Addresses().API, client: trafficClient(), log: log}
		background.Go(func() { c.live(ctx, srv, gen, out, log) })
		if c.History > 0 {
			h := &demoHistory{srv: srv, gen: gen, out: out, machines: machines, probes: newProbePast(demo.Probes.Targets, gen, c.Seed), start: anchor.Add(-c.History), end: anchor}
			background.Go(func() { h.fill(ctx, log) })
		}
	}
	c.greet(s, srv.Addresses(), gen, places)
	stop := reloadOnHangup(srv)
	defer stop()
	err = srv.Run(ctx)
	cancel()
	background.Wait()
	return err
}

// live plays the load until ctx ends.
func (c *demoCmd) live(ctx context.Context, srv *server.Server, gen *traffic.Generator, out *outside, log *slog.Logger) {
	err := gen.Live(ctx, "http://"+srv.Addresses().Gateway, trafficClient(), func(recs []llm.Record) {
		var spans []llm.Record
		for _, r := range recs {
			switch {
			case r.Log != nil:
				out.line(ctx, r.Log)
			case r.Feedback != nil:
				out.judge(ctx, r.Feedback)
			default:
				spans = append(spans, r)
			}
		}
		out.flush(ctx)
		if len(spans) == 0 {
			return
		}
		if err := srv.Submit(ctx, spans); err != nil && ctx.Err() == nil {
			log.Warn("demo spans were not taken", "err", err)
		}
	})
	if err != nil {
		log.Error("the demo has no traffic", "err", err)
	}
}

// startSimulation serves what is around the server on loopback ports: the
// providers, the model servers, and what takes notifications.
func startSimulation(ctx context.Context, models provider.Config, servers *fleet.Fleet) (p demoPlaces, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range stops {
			f()
		}
	}
	for _, each := range [...]struct {
		handler http.Handler
		to      *string
		prefix  string
	}{
		{provider.New(models), &p.providers, "http://"},
		{servers, &p.fleet, ""},
		{newSink(), &p.sink, "http://"},
	} {
		addr, end, err := serveLoopback(ctx, each.handler)
		if err != nil {
			stop()
			return p, nil, err
		}
		*each.to = each.prefix + addr
		stops = append(stops, end)
	}
	return p, stop, nil
}

func serveLoopback(ctx context.Context, h http.Handler) (addr string, stop func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var both http.Protocols // some clients speak HTTP/2 without TLS
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	srv := &http.Server{Protocols: &both, Handler: h, ReadHeaderTimeout: 30 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends when stop closes it
	}()
	return l.Addr().String(), func() {
		_ = srv.Close()
		<-done
	}, nil
}

// simulated points every well-known upstream, but those that the configuration
// names itself, at the simulated providers.
func simulated(base string, configured []gateway.Upstream) []gateway.Upstream {
	known := gateway.WellKnown()
	for _, u := range traffic.Upstreams() {
		known = append(known, gateway.Upstream{Name: u.Name, Provider: u.Provider, Dialect: wire.OpenAI, Region: u.Region})
	}
	var out []gateway.Upstream
	for _, u := range known {
		if slices.ContainsFunc(configured, func(c gateway.Upstream) bool { return c.Name == u.Name }) {
			continue
		}
		u.BaseURL, u.Proxy = base, "none"
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

func (c *demoCmd) greet(s *streams, a server.Listen, gen *traffic.Generator, places demoPlaces) {
	p := newPaint(s.out)
	fmt.Fprintf(s.out, `
%s
  look          http://%s
  send calls    http://%s/openai/v1  (any OpenAI client; also /anthropic, /gemini, /ollama, …)
  live calls    pitot calls --follow --server=http://%s
  PromQL        pitot query 'sum by (model) (rate(llm_requests_total[5m]))' --server=http://%s
  Grafana       Prometheus data source http://%s, Jaeger http://%s/jaeger, VictoriaLogs http://%s
  alerts go to  %s  (shows what came)
`, p.bold("Pitot is up with simulated providers. Nothing leaves this machine."), a.API, a.Gateway, a.API, a.API, a.API, a.API, a.API, places.sink)
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
