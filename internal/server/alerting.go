package server

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
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

// buildAlerts starts the Alertmanager. Rules run only after that, when the
// server does.
func (s *Server) buildAlerts() (err error) {
	cluster, conf := s.config.Alerts.Cluster, alertmanagerConfig(s.config)
	if s.opts.Role == RoleCapture { // query replicas notify
		cluster, conf = manager.DefaultClusterConfig(), manager.Config{Dir: s.config.Dir()}
	}
	s.alerts, err = manager.New(manager.Options{
		Config: conf, Dir: filepath.Join(s.opts.DataDir, "alerts"), ExternalURL: s.externalURL(), Cluster: cluster,
		Logger: s.log, Registerer: s.metrics.Registerer(), Explain: s.explainAlerts,
		Shared: map[string]manager.Shared{"ended": s.auth.Ended()},
	})
	return err
}

// buildRules reads rule files and objectives, and hands them to the engine.
func (s *Server) buildRules() (err error) {
	s.rules, err = rules.New(rules.Options{
		Config: s.config.Rules, Dir: s.config.Dir(), Logger: s.log, Apply: func([]rules.File) { s.applyRules() },
	})
	if err != nil {
		return err
	}
	set, err := loadSLOs(s.config)
	if err != nil {
		return err
	}
	s.slos.Store(set)
	return s.metrics.SetRules(s.ruleFiles())
}

// loadSLOs makes the objectives of a configuration that was validated.
func loadSLOs(c *config.Config) (*slo.Set, error) {
	declared, err := slo.Parse(c.SLOs.Text)
	if err != nil {
		return nil, fmt.Errorf("slos: %w", err)
	}
	set, err := slo.Load(declared, c.Dir())
	if err != nil {
		return nil, fmt.Errorf("slos: %w", err)
	}
	return set, nil
}

// ruleFiles are all rules beside those of the metrics themselves.
func (s *Server) ruleFiles() []metrics.RuleFile {
	var out []metrics.RuleFile
	for _, f := range s.rules.Files() {
		out = append(out, metrics.RuleFile{Name: f.Name, Content: f.Content})
	}
	for _, f := range s.slos.Load().RuleFiles() {
		out = append(out, metrics.RuleFile(f))
	}
	return out
}

// RuleFiles are the rules that a configuration puts in force, beside those of
// the metrics themselves: packs, files, objectives. Broken files are left out.
func RuleFiles(c *config.Config) ([]rules.File, error) {
	r, err := rules.New(rules.Options{Config: c.Rules, Dir: c.Dir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	set, err := loadSLOs(c)
	if err != nil {
		return nil, err
	}
	out := r.Files()
	for _, f := range set.RuleFiles() {
		out = append(out, rules.File{Name: f.Name, Content: f.Content, Source: rules.SourceExtra})
	}
	return out, nil
}

// applyRules puts changed rule files in force.
func (s *Server) applyRules() {
	if err := s.metrics.SetRules(s.ruleFiles()); err != nil {
		s.component("rules").Error("rules were not changed: the old ones stay in force", "err", err)
	}
}

// ruleStatus says what is wrong with rule files.
func (s *Server) ruleStatus() api.Component {
	st := s.rules.Status()
	c := api.Component{Name: "rules", State: api.StateOK}
	var broken []string
	for _, p := range st.Problems {
		if !p.Warning {
			broken = append(broken, p.String())
		}
	}
	c.Detail = fmt.Sprintf("%d files of rules, %d objectives", len(st.Files), len(s.slos.Load().SLOs()))
	if len(broken) > 0 {
		c.State, c.Detail, c.Hint = api.StateDegraded, strings.Join(broken, "; "), "`pitot rules check FILE` says what is wrong; the other files are in force"
	}
	return c
}

// sloStatus reads how the objectives are doing.
func (s *Server) sloStatus(ctx context.Context) []slo.Status {
	return s.slos.Load().Status(ctx, slo.QuerierFunc(s.querySamples), time.Now())
}

func (s *Server) querySamples(ctx context.Context, expr string, at time.Time) ([]slo.Sample, error) {
	r, err := s.metrics.Query(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	var out []slo.Sample
	for _, series := range r.Series {
		if n := len(series.Points); n > 0 {
			out = append(out, slo.Sample{Labels: series.Labels, Value: series.Points[n-1].Value})
		}
	}
	return out, nil
}

func alertmanagerConfig(c *config.Config) manager.Config {
	return manager.Config{Section: c.Alertmanager.Text, Dir: c.Dir()}
}

// externalURL is where people reach the API port.
func (s *Server) externalURL() string {
	if u := s.config.Auth.URL; u != "" {
		return strings.TrimSuffix(u, "/")
	}
	scheme := "http://"
	if s.web.tls(listenAPI) {
		scheme = "https://"
	}
	return scheme + s.addrText(listenAPI)
}

// notify hands the alerts of rules to the Alertmanager.
func (s *Server) notify(ctx context.Context, alerts []metrics.Alert) {
	out := make([]manager.Alert, len(alerts))
	for i, a := range alerts {
		out[i] = manager.Alert(a)
	}
	s.alerts.Notify(ctx, out)
}

// channelStatus says how it goes with the channels that failed last.
func (s *Server) channelStatus() []api.Component {
	st := s.alerts.Status()
	c := api.Component{Name: "notifications", State: api.StateOK}
	channels, broken := 0, []string{}
	for _, r := range st.Receivers {
		for _, i := range r.Integrations {
			channels++
			if !i.OK {
				broken = append(broken, fmt.Sprintf("%s of %s: %s", i.Name, r.Name, i.LastError))
			}
		}
	}
	c.Detail = fmt.Sprintf("%d channels of %d receivers", channels, len(st.Receivers))
	if len(broken) > 0 {
		c.State, c.Detail, c.Hint = api.StateDegraded, strings.Join(broken, "; "), "`pitot alert test RECEIVER` tries a receiver's channels"
	}
	if st.SnapshotError != "" {
		c.State, c.Detail, c.Hint = api.StateDegraded, st.SnapshotError, "silences would be lost at a restart: see whether the data directory can be written"
	}
	return []api.Component{c}
}

// buildProbes builds the prober, which asks through the gateway's own listener.
func (s *Server) buildProbes() (err error) {
	s.probes, err = probe.New(probe.Options{
		Config: s.config.Probes, Gateway: s.gatewayURL(), Upstreams: s.probeUpstream,
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
