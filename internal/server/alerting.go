package server

import (
	"path/filepath"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/probe"
)

// observers tells several observers of each Call, in order.
type observers []pipeline.Observer

// ObserveCall tells each of them.
func (o observers) ObserveCall(c *llm.Call) {
	for _, each := range o {
		each.ObserveCall(c)
	}
}

// buildProbes builds the prober, which asks through the gateway's own listener.
func (s *Server) buildProbes() (err error) {
	s.probes, err = probe.New(probe.Options{
		Config: s.config.Probes, Gateway: "http://" + s.addr(listenGateway).String(), Upstreams: s.probeUpstream,
		StateFile: filepath.Join(s.opts.DataDir, "probes.json"), Logger: s.component("probe"), Registerer: s.metrics.Registerer(),
	})
	return err
}

// probeUpstream finds an upstream of the gateway, as it is now.
func (s *Server) probeUpstream(name string) (probe.Upstream, bool) {
	for _, u := range s.gateway.Upstreams() {
		if u.Name == name {
			return probe.Upstream{Dialect: u.Dialect, Provider: u.Provider}, true
		}
	}
	return probe.Upstream{}, false
}
