package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/api"
	"github.com/prometheus/alertmanager/cluster"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

// ErrClosed is returned by a Manager that was closed.
var ErrClosed = errors.New("alert manager is closed")

// Prefix is the path that Handler is to be mounted at.
const Prefix = "/alertmanager"

const (
	gcInterval            = 30 * time.Minute
	groupMaintenance      = 30 * time.Second
	apiTimeout            = 30 * time.Second
	maxRequestBody        = 16 << 20
	dataDirMode           = 0o750
	receiverNameInMetrics = featurecontrol.FeatureReceiverNameInMetrics
)

// Manager routes alerts to people. Its methods may be called concurrently.
type Manager struct {
	opts     Options
	logger   *slog.Logger
	external *url.URL
	started  time.Time
	metrics  *metrics
	limits   robot.Limits

	alerts    *mem.Alerts
	silences  *silence.Silences
	silencer  *silence.Silencer
	nflog     *steadyLog
	marker    marker.GroupMarker
	peer      *cluster.Peer
	api       *api.API
	handler   http.Handler
	pipelines *notify.PipelineBuilder
	dispatch  *dispatch.DispatcherMetrics
	explainer *explainer
	snapshots *snapshots
	settle    context.CancelFunc

	dispatcher atomic.Pointer[dispatch.Dispatcher]

	states sync.Map // channelKey → *channelState

	reload sync.Mutex // held while a configuration is applied; before mu
	mu     sync.Mutex // guards run and closed
	run    *running
	closed bool
}

// compatOnce guards the Alertmanager's package-level choice of a matcher syntax.
var compatOnce sync.Once

// New starts a Manager. The error of a wrong configuration is a *ConfigError.
func New(o Options) (*Manager, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("alert manager: %w", err)
	}
	initMatchers()
	external, err := url.Parse(o.ExternalURL)
	if err != nil {
		return nil, fmt.Errorf("alert manager: external URL: %w", err)
	}
	m := &Manager{
		opts: o, logger: o.Logger.With("component", "alertmanager"), external: external, started: time.Now(),
		marker: marker.NewGroupMarker(), settle: func() {},
	}
	// Before anything is started: most failures are here.
	loaded, err := load(o.Config, m.logger)
	if err != nil {
		return nil, fmt.Errorf("alert manager: %w", err)
	}
	if err := os.MkdirAll(o.Dir, dataDirMode); err != nil {
		return nil, fmt.Errorf("alert manager: make data directory: %w", err)
	}
	m.metrics = newMetrics(o.Registerer)
	if err := m.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("alert manager: %w", err), m.stop())
	}
	if err := m.apply(loaded); err != nil {
		return nil, errors.Join(fmt.Errorf("alert manager: %w", err), m.stop())
	}
	return m, nil
}

// initMatchers chooses UTF-8 matchers with the older syntax as fallback, as the
// Alertmanager's binary does.
func initMatchers() {
	compatOnce.Do(func() {
		compat.InitFromFlags(slog.New(slog.DiscardHandler), featurecontrol.NoopFlags{})
	})
}

// build makes what lives as long as the Manager.
func (m *Manager) build() error {
	reg := m.opts.Registerer
	flags, err := featurecontrol.NewFlags(slog.New(slog.DiscardHandler), receiverNameInMetrics)
	if err != nil {
		return err
	}
	recorder := eventrecorder.NopRecorder()
	log, silences, err := m.openState(recorder)
	if err != nil {
		return err
	}
	m.silences, m.nflog = silences, newSteadyLog(log)
	m.snapshots = newSnapshots(m.logger, m.metrics.snapshots,
		state{name: "silences", path: filepath.Join(m.opts.Dir, silencesFile), source: silences},
		state{name: "nflog", path: filepath.Join(m.opts.Dir, nflogFile), source: log})
	if err := m.join(log, silences); err != nil {
		return err
	}
	m.snapshots.start()
	m.silencer = silence.NewSilencer(silences, m.logger, recorder)
	m.alerts, err = mem.NewAlerts(context.Background(), gcInterval, maxAlertsPerName, m.silencer, m.logger, recorder, reg, flags)
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	m.explainer = newExplainer(m.opts.Explain, m.opts.ExplainTimeout, m.metrics.explanations, m.logger)
	m.pipelines = notify.NewPipelineBuilder(reg, flags, recorder)
	m.dispatch = dispatch.NewDispatcherMetrics(false, reg, flags)
	var clusterPeer cluster.ClusterPeer // an interface that holds a nil *Peer is not nil
	if m.peer != nil {
		clusterPeer = m.peer
	}
	m.api, err = api.New(api.Options{
		Alerts: m.alerts, Silences: silences, GroupMutedFunc: m.marker.Muted, Peer: clusterPeer, Timeout: apiTimeout,
		Logger: m.logger, Registry: reg, RequestDuration: m.metrics.requestDuration,
		GroupFunc: func(ctx context.Context, routes func(*dispatch.Route) bool, alerts func(*alert.Alert, time.Time) bool) (dispatch.AlertGroups, map[model.Fingerprint][]string, error) {
			return m.dispatcher.Load().Groups(ctx, routes, alerts)
		},
	})
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	m.handler = m.durable(m.api.Register(route.New().WithPrefix(Prefix), Prefix))
	return nil
}

// Notify takes the alerts of a rule's evaluation. It does not wait for anybody
// to be notified.
func (m *Manager) Notify(ctx context.Context, alerts []Alert) {
	m.mu.Lock()
	run, closed := m.run, m.closed
	m.mu.Unlock()
	if closed {
		return
	}
	now := time.Now()
	out := make([]*alert.Alert, 0, len(alerts))
	for _, a := range alerts {
		c := convert(a, now, run.resolveTimeout)
		m.explainer.annotate(c)
		if err := c.Validate(); err != nil {
			m.metrics.invalid.Inc()
			continue
		}
		out = append(out, c)
	}
	// It fails for no reason of its own.
	if err := m.alerts.Put(ctx, out...); err != nil {
		m.logger.Error("alerts not taken", "error", err)
	}
}

// Reload applies a configuration, or leaves the old one in place and returns an
// error, which is a *ConfigError where the section is wrong.
func (m *Manager) Reload(c Config) error {
	loaded, err := load(c, m.logger)
	if err == nil {
		err = m.apply(loaded)
	}
	if err != nil {
		m.metrics.reloads.WithLabelValues("failed").Inc()
		return fmt.Errorf("alert manager: reload: %w", err)
	}
	m.metrics.reloads.WithLabelValues("ok").Inc()
	return nil
}

// Handler serves the Alertmanager's API v2 at Prefix, which it expects in the
// paths.
func (m *Manager) Handler() http.Handler { return m.handler }

// Close stops notifying and writes what is to survive. It may be called twice.
func (m *Manager) Close() error {
	m.reload.Lock()
	defer m.reload.Unlock()
	m.mu.Lock()
	closed := m.closed
	m.closed = true
	m.mu.Unlock()
	if closed {
		return nil
	}
	return m.stop()
}

func (m *Manager) stop() error {
	var errs []error
	m.mu.Lock()
	run := m.run
	m.mu.Unlock()
	if run != nil {
		run.stop()
	}
	if m.explainer != nil {
		m.explainer.close()
	}
	m.settle()
	if m.peer != nil {
		if err := m.peer.Leave(leaveTimeout); err != nil {
			errs = append(errs, fmt.Errorf("leave cluster: %w", err))
		}
	}
	if m.alerts != nil {
		m.alerts.Close()
	}
	if m.snapshots != nil {
		errs = append(errs, m.snapshots.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("alert manager: close: %w", err)
	}
	return nil
}
