package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/dashboard"
	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/forward"
)

func (s *Server) apiOptions() api.Options {
	return api.Options{
		Logger: s.component("api"), Events: s.events, Prometheus: s.countedWrites(boundedBodies(s.metrics.Handler())), Metrics: s.metrics.MetricsHandler(),
		Live: s.pipeline.Subscribe, Ledger: s.pipeline.Ledger, Status: s.status, Ready: s.ready, GatewayReady: s.gatewayReady, Debug: s.debugHandler(), Reload: s.Reload,
		Judge: s.judgements.Insert, FeedbackAccess: s.feedbackAccess, Histograms: s.foreignHistograms, Probes: s.probes.Status, Probe: s.probes.Probe, Evaluators: s.evaluators, FailuresOnly: s.quality.FailuresOnly,
		Alertmanager: s.alerts.Handler(), Channels: s.alerts.Status, TestReceiver: s.alerts.TestReceiver,
		Rules: s.rules.Status, SLOs: s.sloStatus, Budgets: s.budgets.Status, Dashboards: func() any { return dashboard.Dashboards() }, Explain: s.explain,
		Prices: s.prices.Load, Usages: s.events.Usages, ScanCalls: s.events.ScanCalls, Details: s.events, Config: s.configReport, Setup: s.arrivals.setup, Facts: s.facts, UI: s.ui, Data: dataAdmin{s}, MCP: s.tools.HTTPHandler(), Auth: s.auth,
	}
}

// foreignHistograms are those of senders whose buckets say too little.
func (s *Server) foreignHistograms() []doctor.Histogram {
	var out []doctor.Histogram
	for _, h := range s.metrics.ForeignHistograms() {
		out = append(out, doctor.Histogram{Name: h.Name, Service: h.Service, Scope: h.Scope, Reason: h.Reason, Advice: h.Advice})
	}
	return out
}

// forwardStatus says how it goes with each destination.
func (s *Server) forwardStatus() []api.Component {
	var out []api.Component
	for _, f := range s.intake.forward.Status() {
		var sent, dropped uint64
		for _, n := range f.Sent {
			sent += n
		}
		for _, n := range f.Dropped {
			dropped += n
		}
		c := api.Component{
			Name: "forward " + f.Name, State: api.StateOK,
			Detail: fmt.Sprintf("%d records sent, %d dropped, %.1f MB wait", sent, dropped, float64(f.LagBytes)/1e6),
		}
		if f.State != forward.StateOK {
			c.State, c.Hint = api.StateDegraded, "it is tried again; see whether "+f.URL+" answers and takes the credentials"
			c.Detail += ": " + f.LastError
		}
		out = append(out, c)
	}
	return out
}

// ready says whether calls can be recorded and queried now.
func (s *Server) ready() error {
	if err := s.gatewayReady(); err != nil {
		return err
	}
	if err := s.journal.Stats().Err; err != nil {
		return fmt.Errorf("the journal cannot be written: %w", err)
	}
	if s.engine == nil {
		return s.outsideReady()
	}
	if st := s.engine.Status(); st.State != engine.StateReady {
		return fmt.Errorf("the event engine is %s", st.State)
	}
	return nil
}

// status answers what each part is doing and, where it is not well, what to do.
func (s *Server) status(ctx context.Context) api.Status {
	s.stateMu.Lock()
	cfg, reloaded, reloadErr := s.config, s.reloaded, s.reloadErr
	s.stateMu.Unlock()
	listeners := map[string]string{}
	for _, d := range s.doors {
		if d.name == listenInside {
			continue // nobody else's business
		}
		listeners[d.name] = d.listener.Addr().String()
	}
	st := api.Status{
		Version: s.opts.Version, Started: s.started, DataDir: s.opts.DataDir, Ledger: s.pipeline.Ledger(),
		Listeners: listeners, ConfigDigest: cfg.Digest(), LastReload: reloaded,
		Components: []api.Component{s.engineStatus(ctx), s.journalStatus(), s.pipelineStatus(), s.exposure()},
	}
	st.Components = append(st.Components, s.ruleStatus())
	if s.metrics.IsRemote() {
		st.Components = append(st.Components, s.remoteStatus(ctx))
	}
	if c, ok := s.history.component(); ok {
		st.Components = append(st.Components, c)
	}
	st.Components = append(st.Components, s.channelStatus()...)
	st.Components = append(st.Components, s.forwardStatus()...)
	st.Components = append(st.Components, s.tierStatus()...)
	st.Components = append(st.Components, s.erasingStatus()...)
	if reloadErr != nil {
		st.LastReloadError = reloadErr.Error()
		st.Components = append(st.Components, api.Component{
			Name: "configuration", State: api.StateDegraded, Detail: reloadErr.Error(), Hint: "the last good configuration is in force: `pitot check` shows where the file is wrong",
		})
	}
	st.State = api.Worst(st.Components)
	return st
}

func (s *Server) engineStatus(ctx context.Context) api.Component {
	if s.engine == nil {
		return s.clusterStatus(ctx)
	}
	e := s.engine.Status()
	c := api.Component{Name: "event engine", State: api.StateOK}
	if e.State != engine.StateReady {
		c.State, c.Detail, c.Hint = api.StateDown, e.State+" "+e.LastExit, e.Hint
		if c.Hint == "" {
			c.Hint = "it restarts by itself; calls flow, and the journal keeps their records meanwhile"
		}
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stats, err := s.engine.Stats(ctx)
	if err != nil {
		c.State, c.Detail, c.Hint = api.StateDegraded, "it does not answer: "+err.Error(), "look again in a few seconds; the log says more"
		return c
	}
	c.Detail = fmt.Sprintf("%d rows, %.1f MB on disk, %d restarts", stats.Rows, float64(stats.DiskBytes)/1e6, e.Restarts)
	if stats.ReadOnly {
		c.State, c.Hint = api.StateDegraded, "the disk is nearly full: free space, or lower storage.events.max_disk; calls flow, and the journal keeps records while it has room"
	}
	return c
}

func (s *Server) journalStatus() api.Component {
	j := s.journal.Stats()
	c := api.Component{Name: "journal", State: api.StateOK, Detail: fmt.Sprintf("%.1f MB of %.0f MB", float64(j.Bytes)/1e6, float64(j.MaxBytes)/1e6)}
	if err := j.Err; err != nil {
		c.State, c.Detail, c.Hint = api.StateDegraded, err.Error(), "records are dropped and counted in the ledger; calls flow: free disk space or see why the event engine does not take them"
	}
	return c
}

func (s *Server) pipelineStatus() api.Component {
	c := api.Component{Name: "pipeline", State: api.StateOK}
	var lost, flight uint64
	for _, e := range s.pipeline.Ledger() {
		flight += e.InFlight
		for reason, n := range e.Dropped {
			switch reason {
			case "duplicate", "sampled", "refused": // as it should be
			default:
				lost += n
			}
		}
	}
	c.Detail = fmt.Sprintf("%d records in flight, %d lost since the start", flight, lost)
	if lost > 0 {
		c.State, c.Hint = api.StateDegraded, "the ledger says why: GET /api/pitot/v1/ledger"
	}
	return c
}

func (s *Server) exposure() api.Component {
	c := api.Component{Name: "access", State: api.StateOK, Detail: "listeners are on loopback"}
	var err error
	for _, d := range s.doors {
		err = errors.Join(err, checkAddress("listen."+d.name, d.listener.Addr().String(), s.protectedListener(d.name)))
	}
	if s.authOn {
		c.Detail = "everybody must log in or send a key"
		if broken := errors.Join(s.auth.Keys().Broken(), s.web.broken()); broken != nil {
			c.State, c.Detail, c.Hint = api.StateDegraded, broken.Error(), "what was read before stays in force: mend the file"
		}
	}
	if err != nil {
		c.State, c.Detail, c.Hint = api.StateDegraded, "listeners are reachable from other machines and there is no login", "put an authenticating proxy in front of them"
	}
	return c
}
