package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/mcp"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/price"
	"github.com/pitot-dev/pitot/internal/probe"
	"github.com/pitot-dev/pitot/internal/quality"
	"github.com/pitot-dev/pitot/internal/tier"
	webui "github.com/pitot-dev/pitot/web"
)

// Options are what a Server is built from.
type Options struct {
	// ConfigPath is read by New and again by every reload; empty means the
	// defaults.
	ConfigPath string
	// Overlay changes a configuration after it was read: the demo adds its
	// upstreams. nil changes nothing.
	Overlay func(*config.Config)
	DataDir string
	Listen  Listen
	// AllowPublic lets listeners bind to addresses that are not loopback.
	AllowPublic bool
	// AllowHosts are names besides localhost that loopback listeners answer to.
	AllowHosts []string
	// WebConfig is the web configuration file of all listeners; WebConfigs are those
	// of single ones, as listener=FILE.
	WebConfig  string
	WebConfigs []string
	// MaxConnections bounds the connections of each listener; 0 is no limit.
	MaxConnections int
	Version        string
	Logger         *slog.Logger
	// EngineArgs start the engine's child; default the command `engine`.
	EngineArgs []string
	// EngineEnv is added to its environment.
	EngineEnv []string
	// History is how far back Backfill may reach; 0 is not at all.
	History time.Duration
	// DrainTimeout is how long calls under way at the gateway may take when the
	// server stops; default DefaultDrainTimeout. Other requests have 30 s of it.
	DrainTimeout time.Duration
	// DrainDelay is how long the server goes on as before after it has said that
	// it is not ready any more: the time in which load balancers learn of it.
	DrainDelay time.Duration
	// Role is the part of the work that this process does; default RoleAll.
	Role Role
	// Replica tells this process from the others over the same stores; default the
	// host's name.
	Replica string
	// Shard is the part of what replicas divide among themselves, such as 0/3.
	Shard string
	// Debug serves profiles and traces of the program on listeners that others
	// can reach, too.
	Debug bool
	// Flight keeps a trace of the last seconds at all times.
	Flight bool

	slow slowLimits // of tests that cannot wait
}

// Server is all of Pitot.
type Server struct {
	opts    Options
	log     *slog.Logger
	started time.Time

	metrics  *metrics.Metrics
	engine   *engine.Supervisor // nil: the store is outside
	outside  outside
	events   *events.Store
	journal  *journal.Journal
	observer *swapObserver
	masks    *masks
	probes   *probe.Prober
	budgets  *budget.Engine
	// budgetHistory writes down which alerts of budgets fire.
	budgetHistory *alertHistory
	alerts        *manager.Manager
	rules         *rules.Rules
	slos          atomic.Pointer[slo.Set]
	pipeline      *pipeline.Pipeline
	// judgements take feedback in, quality makes some.
	auth       *auth.Auth
	authOn     bool // somebody must log in; as auth says it once it is there
	web        *webFiles
	inside     inside
	judgements *events.Judgements
	quality    *quality.Quality
	gateway    *gateway.Gateway
	intake     intake
	ui         *webui.UI
	tools      *mcp.Server
	apiHandler http.Handler // all of the API port
	prices     atomic.Pointer[price.Table]
	arrivals   *arrivals
	writes     *prometheus.CounterVec
	files      fileCheck

	scrapeTargets cache[[]scrapeTarget]
	history       backfillStatus
	running       atomic.Bool // rules are loaded
	draining      atomic.Bool // told to stop
	debug         *debugPages
	// turns bound how much is computed at once for senders that can wait.
	turns chan struct{}

	doors []*door

	reloadMu  sync.Mutex // serialises reloads
	stateMu   sync.Mutex // guards what follows
	config    *config.Config
	reloaded  time.Time
	reloadErr error

	snapshots snapshots
	tier      *tier.Manager // nil: no cold storage

	stopEngine context.CancelFunc
	closeOnce  sync.Once
}

// New reads and validates the configuration, binds the listeners, opens the
// stores and builds everything. Nothing serves until Run. After an error
// nothing is left running.
func New(ctx context.Context, o Options) (_ *Server, err error) {
	s := &Server{opts: o, log: o.Logger, started: time.Now().UTC(), turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	if s.opts.DrainTimeout == 0 {
		s.opts.DrainTimeout = DefaultDrainTimeout
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.config, err = s.load(); err != nil {
		return nil, err
	}
	if err := s.checkRole(); err != nil {
		return nil, err
	}
	if dir := s.config.Storage.Dir; dir != "" {
		s.opts.DataDir = dir
	}
	if s.web, err = newWebFiles(o.WebConfig, o.WebConfigs); err != nil {
		return nil, err
	}
	s.authOn = s.authConfig(s.config, s.web.users()).Enabled
	if err := s.bind(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.opts.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := checkFormat(s.opts.DataDir, o.Version); err != nil {
		return nil, err
	}
	if err := s.openStores(ctx); err != nil {
		return nil, err
	}
	s.dropSnapshots() // the stores are locked: they are nobody's
	if err := s.buildAuth(); err != nil {
		return nil, err
	}
	if err := s.buildInside(ctx); err != nil {
		return nil, err
	}
	if err := s.buildAlerts(); err != nil {
		return nil, err
	}
	if err := s.buildRules(); err != nil {
		return nil, err
	}
	if err := s.buildBudgets(); err != nil {
		return nil, err
	}
	if err := s.buildProbes(); err != nil {
		return nil, err
	}
	if err := s.buildQuality(); err != nil {
		return nil, err
	}
	if err := s.buildPipeline(); err != nil {
		return nil, err
	}
	s.gateway, err = gateway.New(gateway.Options{
		Config: s.config.Gateway, Keys: virtualKeys{s.auth}, Guard: budgetGuard{s.budgets}, Sink: gatewaySink{s.pipeline, s.metrics.Catalogue(), s.masks}, Logger: s.component("gateway"), Registerer: s.metrics.Registerer(),
	})
	if err != nil {
		return nil, err
	}
	s.serveHTTP(listenGateway, guardHost(s.gateway, s.addr(listenGateway), o.AllowHosts))
	if err := s.buildIntake(); err != nil {
		return nil, err
	}
	s.arrivals = newArrivals(s)
	if s.writes, err = newWrites(s.metrics.Registerer()); err != nil {
		return nil, err
	}
	if s.ui, err = webui.New(); err != nil {
		return nil, fmt.Errorf("web UI: %w", err)
	}
	if err := s.buildTools(); err != nil {
		return nil, err
	}
	if err := s.buildDebug(); err != nil {
		return nil, err
	}
	s.apiHandler = guardHost(s.withElasticsearch(s.forRole(api.New(s.apiOptions()))), s.addr(listenAPI), o.AllowHosts)
	s.serveHTTP(listenAPI, s.apiHandler)
	// Telemetry is only taken here, never given out: names need no guard.
	s.serveHTTP(listenOTLPHTTP, s.guardIngest(s.intake.receiver.HTTPHandler()))
	s.serveHTTP(listenOTLPGRPC, s.guardIngest(s.intake.receiver.HTTPHandler()))
	s.serveHTTP(listenJaeger, s.guardIngest(s.intake.receiver.JaegerHandler()))
	if s.inside.listener != nil {
		s.doors = append(s.doors, &door{name: listenInside, listener: s.inside.listener})
		s.serveHTTP(listenInside, s.insideHandler())
	}
	return s, nil
}

func (s *Server) component(name string) *slog.Logger { return s.log.With("component", name) }

// load reads the configuration and checks what only the parts can check.
func (s *Server) load() (*config.Config, error) {
	c := config.Default()
	if s.opts.ConfigPath != "" {
		var err error
		if c, err = LoadConfig(s.opts.ConfigPath); err != nil {
			return nil, err
		}
	}
	if s.opts.Overlay != nil {
		s.opts.Overlay(c)
	}
	return c, nil
}

// openStores opens metrics, engine, events and journal. The engine starts in the
// background: the gateway need not wait for it.
func (s *Server) openStores(ctx context.Context) error {
	st := &s.config.Storage
	remote, err := s.openOutside()
	if err != nil {
		return err
	}
	if err := s.purgeMetrics(ctx, filepath.Join(s.opts.DataDir, "metrics")); err != nil {
		return err
	}
	s.finishDrops()
	s.metrics, err = metrics.Open(ctx, metrics.Options{
		Dir: filepath.Join(s.opts.DataDir, "metrics"), Retention: time.Duration(st.Metrics.Retention), MaxDisk: int64(st.Metrics.MaxDisk),
		Logger: s.component("metrics"), Config: s.config.Prometheus.Text, ModelServers: s.config.ModelServers.Text, ConfigDir: s.config.Dir(), Version: s.opts.Version,
		ExternalURL: s.externalURL(), Catalogue: metrics.CatalogueOptions{Tenants: len(s.tenants()) > 0, Labels: dimensions(s.config)}, Tenants: s.tenants(),
		Notify: s.notify, OTLP: s.config.OTLP.Metrics, GPU: s.config.GPU, Infrastructure: s.config.Infrastructure,
		OutOfOrder: outOfOrder(s.opts.History), Remote: remote, Instance: s.instance(),
	})
	if err != nil {
		return err
	}
	if err := s.checkShard(); err != nil {
		return err
	}
	if s.outside.insert != nil {
		return s.openCluster()
	}
	// The engine outlives ctx: at the end it is stopped last, by hand.
	engineCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stopEngine = cancel
	retention, maxDisk := s.eventLimits()
	s.engine, err = engine.Start(engineCtx, engine.Options{
		Dir: filepath.Join(s.opts.DataDir, "events"), Retention: retention, MaxDisk: maxDisk, MinFreeDisk: int64(st.Events.MinFreeDisk),
		Args: s.opts.EngineArgs, Env: s.opts.EngineEnv, Logger: s.log, Registerer: s.metrics.Registerer(),
	})
	if err != nil {
		return err
	}
	s.events, err = events.New(events.Endpoint{InsertURL: s.engine.URL(), Client: s.engine.Client(), Epoch: s.engine.Epoch},
		events.Options{Retention: retention, Tenants: s.tenants(), Logger: s.log, Registerer: s.metrics.Registerer()})
	if err != nil {
		return err
	}
	if err := s.buildTier(); err != nil {
		return err
	}
	return s.openJournal()
}

func (s *Server) openJournal() (err error) {
	st := &s.config.Storage
	s.journal, err = journal.Open(journal.Options{
		Dir: filepath.Join(s.opts.DataDir, "journal"), MaxBytes: int64(st.Journal.MaxDisk), CommitInterval: time.Duration(st.Journal.CommitInterval),
		Logger: s.component("journal"), Registerer: s.metrics.Registerer(),
	})
	return err
}

// outOfOrder is how late samples may come: a backfill's are as old as the history.
func outOfOrder(history time.Duration) time.Duration {
	if history <= 0 {
		return 0
	}
	return history + time.Hour
}

// dimensions are the configured labels as the catalogue wants them.
func dimensions(c *config.Config) []metrics.Dimension {
	var out []metrics.Dimension
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		l := c.Labels[name]
		from := l.From
		if tag, ok := strings.CutPrefix(from, "tag."); ok {
			from = "tag:" + tag
		}
		out = append(out, metrics.Dimension{Label: name, From: from, Max: l.Max})
	}
	return out
}

func (s *Server) buildPipeline() error {
	prices, policy, err := steps(s.config)
	if err != nil {
		return err
	}
	s.prices.Store(prices)
	if s.masks, err = newMasks(policy); err != nil {
		return err
	}
	s.observer = newSwapObserver(maskedObserver{s.metrics.Catalogue(), s.masks})
	safeAge, settled := s.delivery()
	s.pipeline, err = pipeline.New(pipeline.Options{
		SafeAge: safeAge, Settled: settled,
		Config: s.config.Pipeline, Journal: s.journal, Store: eventStore{s.events}, Accepts: s.events.Accepts, Pricer: prices, Redactor: policy,
		Observer: observers{s.observer, s.probes, budgetObserver{s.budgets}, s.judgements, presentOnly{s.quality, s.observer}}, Restored: s.restored, Encoder: s.encoding().AppendRow, Tally: events.AppendTally, Turns: s.turns, Logger: s.component("pipeline"), Registerer: s.metrics.Registerer(),
	})
	return err
}

// eventStore is the event store as the pipeline wants it.
type eventStore struct{ *events.Store }

// Epoch names the run of the engine.
func (e eventStore) Epoch() string { return strconv.FormatUint(e.Store.Epoch(), 10) }

// rollupInterval is how often the hourly totals are brought up to date.
const rollupInterval = time.Minute

// Run serves until ctx ends, then drains.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	if err := s.metrics.Start(); err != nil {
		return err
	}
	s.running.Store(true)
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	var wg sync.WaitGroup
	if s.opts.Role != RoleCapture {
		wg.Go(func() { s.runRollups(background) })
	}
	wg.Go(func() { s.shareBudgets(background) })
	wg.Go(func() {
		if err := s.intake.forward.Run(background); err != nil && background.Err() == nil {
			s.component("forward").Error("forwarding stopped", "err", err)
		}
	})
	wg.Go(func() { s.runTier(background) })
	wg.Go(func() { s.resumeErasures(ctx) })
	wg.Go(func() { s.runAges(ctx) }) // inserts wait for it: it ends before the pipeline drains
	if s.opts.Role != RoleQuery {
		wg.Go(func() { s.intake.tail.Run(ctx) }) // it ends before the pipeline drains
	}
	if s.asksProbes() {
		wg.Go(func() { s.probes.Run(ctx) })
	}
	wg.Go(func() { s.arrivals.run(ctx) })
	wg.Go(func() { s.runBudgets(background) }) // until the last call is counted
	wg.Go(func() { s.runQuality(ctx) })
	wg.Go(func() {
		if err := s.rules.Run(ctx); err != nil && ctx.Err() == nil {
			s.component("rules").Error("rule files are not watched any more", "err", err)
		}
	})

	var g run.Group
	// The signal: whoever ends first ends all, and this one ends on ctx.
	stop := make(chan struct{})
	g.Add(func() error {
		select {
		case <-ctx.Done():
			s.announceEnd(stop)
		case <-stop:
		}
		return nil
	}, func(error) {
		s.draining.Store(true)
		close(stop)
	})
	s.addDoors(ctx, &g)
	s.log.Info("pitot is up", append(s.where(), "data", s.opts.DataDir, "version", s.opts.Version)...)
	err := g.Run()

	// Nothing comes in any more: what is on its way goes to disk.
	drainCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deliveryTimeout())
	defer cancel()
	err = errors.Join(err, s.intake.receiver.Drain(drainCtx), s.gateway.Close(drainCtx), s.pipeline.Drain(drainCtx))
	stopBackground()
	wg.Wait()
	return err
}

// where names the listeners and their addresses, for the log.
func (s *Server) where() []any {
	var out []any
	for _, d := range s.doors {
		if d.name == listenInside {
			continue
		}
		out = append(out, strings.ReplaceAll(d.name, "-", "_"), d.listener.Addr().String())
	}
	return out
}

// close ends what New started, in the reverse of the order in which data flows.
// It is safe after a failed New and after Run.
func (s *Server) close() {
	s.closeOnce.Do(func() {
		s.stopSnapshots()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for _, d := range s.doors {
			_ = d.listener.Close()
		}
		if s.debug != nil {
			s.debug.close()
		}
		if s.gateway != nil {
			_ = s.gateway.Close(ctx)
		}
		if s.pipeline != nil {
			s.report("pipeline", s.pipeline.Drain(ctx))
		}
		if s.intake.forward != nil {
			s.intake.forward.Close()
		}
		if s.journal != nil {
			s.report("journal", s.journal.Close())
		}
		if s.engine != nil {
			s.report("engine", s.engine.Stop(ctx))
			s.stopEngine()
		}
		if s.metrics != nil {
			s.report("metrics", s.metrics.Close())
		}
		s.outside.close()
		s.report("auth", s.auth.Close())
		if s.inside.listener != nil {
			_ = s.inside.listener.Close()
		}
		if s.alerts != nil { // after the rules, which tell it
			s.report("alerts", s.alerts.Close())
		}
	})
}

func (s *Server) report(component string, err error) {
	if err != nil {
		s.log.Error("closing failed", "component", component, "err", err)
	}
}

// Submit stores records that did not come through a listener: the demo's
// history, and the spans of its agents.
func (s *Server) Submit(ctx context.Context, recs []llm.Record) error {
	return s.pipeline.Submit(ctx, recs)
}

// Close ends a server that New returned and that will not Run.
func (s *Server) Close() { s.close() }
