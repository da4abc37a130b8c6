package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/grafana/regexp"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/features"
	"github.com/prometheus/prometheus/util/notifications"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// The limits of remote read, those of Prometheus itself.
const (
	remoteReadSamples     = 50_000_000
	remoteReadConcurrency = 10
	remoteReadFrameBytes  = 1 << 20
	maxSearchResults      = 10_000
)

// newHandlers builds the Prometheus HTTP API. All that depends on the order of
// NewAPI's arguments, which change with each release, is here.
func (m *Metrics) newHandlers() (prometheusAPI, all http.Handler) {
	logger := m.component("api")
	view := apiView{m}
	api := apiv1.NewAPI(
		m.engine,
		m.requestQueryable(),
		m.requestAppendable(), m.requestAppendable(), // both kinds of appender: the receivers use one each
		m.exemplars(),
		func(context.Context) apiv1.ScrapePoolsRetriever { return view },
		func(context.Context) apiv1.TargetRetriever { return view },
		func(context.Context) apiv1.AlertmanagerRetriever { return view },
		func() config.Config { return *m.config.Load() },
		map[string]string{},
		apiv1.GlobalURLOptions{ListenAddress: m.externalURL.Host, Host: m.externalURL.Host, Scheme: m.externalURL.Scheme},
		func(f http.HandlerFunc) http.HandlerFunc { return f }, // always ready: Open returns when it is
		view,
		m.opts.Dir,
		false, // the admin API deletes data
		true, maxSearchResults,
		logger,
		func(context.Context) apiv1.RulesRetriever { return view },
		remoteReadSamples, remoteReadConcurrency, remoteReadFrameBytes,
		false,                    // not an agent
		regexp.MustCompile(`^$`), // no cross-origin access: the mux that mounts this decides
		view.runtimeInfo,
		m.buildInfo(),
		func() []notifications.Notification { return nil },
		func() (<-chan notifications.Notification, func(), bool) { return nil, func() {}, false },
		m.Gatherer(), m.registry,
		nil, // the default renderer of statistics
		true, remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType},
		true, false, false, // OTLP receiver; deltas are converted before it
		true, // start timestamps of remote write become zero samples
		lookbackDelta,
		false, // no type and unit labels
		false, // no metadata in the write-ahead log
		nil,   // the default status codes
		features.NewRegistry(),
		apiv1.OpenAPIOptions{ExternalURL: m.externalURL.String(), Version: m.opts.Version, MaxSearchLimit: maxSearchResults},
		newParser(),
	)
	r := route.New()
	api.Register(r.WithPrefix("/api/v1"))
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", r)
	mux.Handle("POST "+otlpPath, m.receiveOTLP(r))
	mux.Handle("GET /federate", &federation{
		db: m.federated(), parser: newParser(), logger: logger, now: time.Now,
		external: func() labels.Labels { return m.config.Load().GlobalConfig.ExternalLabels },
	})
	return r, mux
}

func (m *Metrics) buildInfo() *apiv1.PrometheusVersion {
	out := &apiv1.PrometheusVersion{Version: m.opts.Version, GoVersion: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/prometheus/prometheus" {
				// Clients choose features by this: it is the version of the API.
				out.Version = prometheusVersion(d.Version)
			}
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				out.Revision = s.Value
			}
		}
	}
	return out
}

// apiView shows the store to the API as a Prometheus server.
type apiView struct{ m *Metrics }

func (v apiView) ScrapePools() []string { return append(v.m.scrape.ScrapePools(), selfJob) }

func (v apiView) TargetsActive() map[string][]*scrape.Target {
	out := v.m.scrape.TargetsActive()
	out[selfJob] = append(out[selfJob], v.m.self.target)
	return out
}

func (v apiView) TargetsDropped() map[string][]*scrape.Target { return v.m.scrape.TargetsDropped() }

func (v apiView) TargetsDroppedCounts() map[string]int { return v.m.scrape.TargetsDroppedCounts() }

func (v apiView) ScrapePoolConfig(pool string) (*config.ScrapeConfig, error) {
	return v.m.scrape.ScrapePoolConfig(pool)
}

func (v apiView) Alertmanagers() []*url.URL { return v.m.notifier.Alertmanagers() }

func (v apiView) DroppedAlertmanagers() []*url.URL { return v.m.notifier.DroppedAlertmanagers() }

func (v apiView) RuleGroups() []*rules.Group { return v.m.rules.RuleGroups() }

func (v apiView) AlertingRules() []*rules.AlertingRule { return v.m.rules.AlertingRules() }

// errNoAdmin answers the admin API, which is off in any case.
var errNoAdmin = errors.New("the admin API is off")

func (apiView) CleanTombstones() error { return errNoAdmin }

func (apiView) Delete(context.Context, int64, int64, ...*labels.Matcher) error { return errNoAdmin }

func (apiView) Snapshot(string, bool) error { return errNoAdmin }

func (v apiView) Stats(label string, limit int) (*tsdb.Stats, error) {
	return v.m.db.Head().Stats(label, limit), nil
}

// WALReplayStatus is that of a log whose replay has ended: Open waits for it.
func (apiView) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

func (v apiView) BlockMetas() ([]tsdb.BlockMeta, error) { return v.m.db.BlockMetas(), nil }

func (v apiView) runtimeInfo() (apiv1.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		return apiv1.RuntimeInfo{}, err
	}
	retention := v.m.config.Load().StorageConfig.TSDBConfig.Retention
	out := apiv1.RuntimeInfo{
		StartTime: v.m.started, ServerTime: time.Now().UTC(), Hostname: host,
		ReloadConfigSuccess: v.m.reloadOK.Load(),
		LastConfigTime:      time.Unix(v.m.lastReloadOK.Load(), 0).UTC(),
		GoroutineCount:      runtime.NumGoroutine(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		GOMEMLIMIT: debug.SetMemoryLimit(-1), GOGC: os.Getenv("GOGC"), GODEBUG: os.Getenv("GODEBUG"),
		StorageRetention: retention.Time.String(),
	}
	if retention.Size > 0 {
		out.StorageRetention += " or " + retention.Size.String()
	}
	return out, nil
}
