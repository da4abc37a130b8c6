package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// The engine's limits, those of Prometheus itself.
const (
	queryMaxSamples  = 50_000_000
	queryTimeout     = 2 * time.Minute
	queryConcurrency = 20
	lookbackDelta    = 5 * time.Minute
	// remoteFlushDeadline bounds how long Close waits for remote write.
	remoteFlushDeadline = 10 * time.Second
	// maxBlockDuration is the longest block; less where retention is short.
	maxBlockDuration = 31 * 24 * time.Hour
)

// Options configure a store.
type Options struct {
	// Dir is where the data lies; it is made if it is not there.
	Dir string
	// Retention is how long samples are kept unless the configuration says so;
	// 90 days by default.
	Retention time.Duration
	// MaxDisk bounds the size of the blocks on disk in bytes; 0 is no bound.
	MaxDisk int64
	// Logger is required.
	Logger *slog.Logger
	// Config is the verbatim `prometheus:` section; it may be empty.
	Config []byte
	// ModelServers is the verbatim `model_servers:` section; it may be empty.
	ModelServers []byte
	// ConfigDir is what relative paths in Config and ModelServers are relative to.
	ConfigDir string
	// Rules are rule files that are held in memory: rule packs, SLOs, budgets.
	Rules []RuleFile
	// ExternalURL is where users reach Pitot: alerts link to it.
	ExternalURL string
	// Instance is the label instance of Pitot's own series; "pitot" by default.
	// Replicas that write to one remote store need different ones.
	Instance string
	// ScrapeInterval is how often the own registry is stored; 5 s by default, so
	// that a dashboard is live. Targets of scrape_configs follow Config, whose
	// defaults are Prometheus' own.
	ScrapeInterval time.Duration
	// Tenants are those beside the default one, whose series are kept apart.
	Tenants []string
	// Catalogue configures the families that are derived from Calls.
	Catalogue CatalogueOptions
	// OTLP bounds what senders of OTLP metrics may put into the store; zero values
	// take the defaults.
	OTLP OTLPConfig
	// GPU says how the machine's own GPUs are read; the zero value does not.
	GPU GPUConfig
	// Infrastructure are the prices of machines; the zero value takes the defaults.
	Infrastructure InfrastructurePrices
	// OutOfOrder is how late a sample may come where Config does not say; a
	// day at least.
	OutOfOrder time.Duration
	// NoBuiltinRules leaves the shipped recording rules out.
	NoBuiltinRules bool
	// Notify gets the alerts that fire or resolve; nil drops them.
	Notify NotifyFunc
	// Remote is the outside store that has the metrics; nil: the embedded one does.
	Remote *Remote
	// Version is shown by the API's build information.
	Version string
}

// Metrics is the store of all time series with everything that fills and
// queries it.
type Metrics struct {
	opts        Options
	logger      *slog.Logger
	externalURL *url.URL
	started     time.Time

	catalogue *Catalogue
	registry  *prometheus.Registry

	db     *tsdb.DB
	remote *remote.Storage
	store  storage.Storage // both
	source source          // of answers to queries
	engine *promql.Engine
	self   *selfScraper

	scrape          *scrape.Manager
	discovery       *discovery.Manager
	notifyDiscovery *discovery.Manager
	notifier        *notifier.Manager
	rules           *rules.Manager
	ruleFiles       *ruleLoader

	deltas  *deltas
	senders *senders
	// tenantSenders are those of the other tenants; guarded by tenantMu.
	tenantSenders map[string]*senders
	tenantMu      sync.Mutex
	gpu           *gpuCollector
	sections      Sections // in force; guarded by mu
	// storedServices are those that had Calls before this start.
	storedServices func() map[string]bool
	// remoteServices are those that other replicas see.
	remoteServices serviceSet
	// handlers returns the Prometheus API alone and with all that stands before
	// it. They are built in the background: rendering the API's own description
	// takes 70 ms, which a start need not wait for.
	handlers func() (api, all http.Handler)

	// storedUntil is the time of the newest sample when the store was opened; zero
	// where there was none.
	storedUntil time.Time

	config       atomic.Pointer[config.Config]
	reloadOK     atomic.Bool
	lastReloadOK atomic.Int64 // Unix seconds

	mu          sync.Mutex // serialises Start, Reload, SetRules, Close
	state       lifecycle
	scrapesUsed bool
	watchGPUs   func()
	running     context.Context //nolint:containedctx // ended by Close
	cancel      context.CancelFunc
	background  sync.WaitGroup
}

type lifecycle int

const (
	opened lifecycle = iota
	running
	closed
)

// ErrClosed is returned by a store that was closed.
var ErrClosed = errors.New("metrics: the store is closed")

// Open opens the store, replays its write-ahead log and checks the whole
// configuration. Queries answer as soon as it returns; scraping, rules and
// remote write begin with Start. The caller must Close it.
func Open(ctx context.Context, o Options) (*Metrics, error) {
	if err := o.setDefaults(); err != nil {
		return nil, fmt.Errorf("metrics: open: %w", err)
	}
	m := &Metrics{opts: o, logger: o.Logger, started: time.Now().UTC(), registry: prometheus.NewRegistry()}
	var err error
	if m.externalURL, err = url.Parse(o.ExternalURL); err != nil {
		return nil, fmt.Errorf("metrics: open: external URL: %w", err)
	}
	if m.catalogue, err = NewCatalogue(o.Catalogue); err != nil {
		return nil, err
	}
	m.sections = Sections{Prometheus: o.Config, ModelServers: o.ModelServers}
	cfg, err := m.load(m.sections)
	if err != nil {
		return nil, fmt.Errorf("metrics: open: configuration: %w", err)
	}
	var builtin []RuleFile
	if !o.NoBuiltinRules {
		builtin = BuiltinRules(o.Infrastructure)
	}
	m.ruleFiles = newRuleLoader(builtin)
	if err := m.ruleFiles.set(o.Rules); err != nil {
		return nil, fmt.Errorf("metrics: open: rules: %w", err)
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.self = newSelfScraper(m)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("metrics: open: %w", err)
	}
	if err := m.openStorage(cfg); err != nil {
		return nil, fmt.Errorf("metrics: open: %w", err)
	}
	if err := m.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("metrics: open: %w", err), m.Close())
	}
	m.accept(cfg)
	return m, nil
}

func (o *Options) setDefaults() error {
	if o.Dir == "" {
		return errors.New("no directory: set storage.dir")
	}
	if o.Logger == nil {
		return errors.New("no logger")
	}
	if o.Retention <= 0 {
		o.Retention = 90 * 24 * time.Hour
	}
	if o.ScrapeInterval <= 0 {
		o.ScrapeInterval = 5 * time.Second
	}
	if o.Instance == "" {
		o.Instance = "pitot"
	}
	if o.Infrastructure.isZero() {
		o.Infrastructure = DefaultInfrastructurePrices()
	}
	if err := o.Infrastructure.Validate(); err != nil {
		return err
	}
	if o.GPU == (GPUConfig{}) {
		o.GPU.Enabled = gpuOff
		return nil
	}
	if err := o.GPU.Validate(); err != nil {
		return fmt.Errorf("gpu: %w", err)
	}
	return nil
}

// load parses the sections and fills in the defaults of the store.
func (m *Metrics) load(s Sections) (*config.Config, error) {
	cfg, err := loadSections(s, m.opts.ConfigDir, m.component("config"))
	if err != nil {
		return nil, err
	}
	storageDefaults(cfg, m.opts.Retention, m.opts.MaxDisk, m.opts.OutOfOrder)
	if m.opts.Remote != nil {
		if err := addRemote(cfg, m.opts.Remote); err != nil {
			return nil, err
		}
		if err := addShard(cfg, m.opts.Remote.Shard); err != nil {
			return nil, err
		}
	}
	return cfg, nil
}

// component is the logger of one part of Prometheus. Its chatter at level info
// goes to debug: a user of Pitot did not start a Prometheus.
func (m *Metrics) component(name string) *slog.Logger {
	return slog.New(demote{m.logger.Handler()}).With("component", "metrics."+name)
}

func (m *Metrics) openStorage(cfg *config.Config) error {
	t := cfg.StorageConfig.TSDBConfig
	retention := time.Duration(t.Retention.Time)
	o := tsdb.DefaultOptions()
	o.RetentionDuration = retention.Milliseconds()
	o.MaxBytes = int64(t.Retention.Size)
	o.MaxPercentage = t.Retention.Percentage
	o.MaxBlockDuration = max(min(maxBlockDuration, retention/10).Milliseconds(), o.MinBlockDuration)
	o.WALCompression = compression.Snappy
	o.OutOfOrderTimeWindow = t.OutOfOrderTimeWindow
	o.EnableExemplarStorage = true
	o.MaxExemplars = cfg.StorageConfig.ExemplarsConfig.MaxExemplars
	o.EnableSTAsZeroSample = true

	var err error
	if m.db, err = tsdb.Open(m.opts.Dir, m.component("tsdb"), m.registry, o, nil); err != nil {
		return fmt.Errorf("store in %s: %w", m.opts.Dir, err)
	}
	if _, newest, ok := m.Range(); ok {
		m.storedUntil = newest
	}
	m.remote = remote.NewStorage(m.component("remote"), m.registry, m.db.StartTime, m.opts.Dir, m.flushDeadline(), readyScrape{m}, false)
	m.db.SetWriteNotified(m.remote)
	m.store = storage.NewFanout(m.component("fanout"), m.db, m.remote)
	return m.db.ApplyConfig(cfg)
}

// build makes the parts that run on the store; none runs yet.
func (m *Metrics) build() error {
	tracker, err := promql.NewActiveQueryTracker(m.opts.Dir, queryConcurrency, m.component("queries"))
	if err != nil {
		return err
	}
	o := engineOptions()
	o.Logger, o.Reg, o.ActiveQueryTracker = m.component("engine"), m.registry, tracker
	o.NoStepSubqueryIntervalFn = func(int64) int64 {
		return time.Duration(m.config.Load().GlobalConfig.EvaluationInterval).Milliseconds()
	}
	m.engine = promql.NewEngine(o)
	if err := m.buildSource(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(context.Background())
	m.running, m.cancel = ctx, cancel
	sd, err := discovery.CreateAndRegisterSDMetrics(m.registry)
	if err != nil {
		return fmt.Errorf("service discovery: %w", err)
	}
	m.discovery = discovery.NewManager(ctx, m.component("discovery"), m.registry, sd, discovery.Name("scrape"))
	m.notifyDiscovery = discovery.NewManager(ctx, m.component("discovery"), m.registry, sd, discovery.Name("notify"))
	if m.discovery == nil || m.notifyDiscovery == nil {
		return errors.New("service discovery cannot be set up")
	}
	m.scrape, err = scrape.NewManager(&scrape.Options{DiscoveryReloadOnStartup: true}, m.component("scrape"), nil, nil, m.store, m.registry)
	if err != nil {
		return fmt.Errorf("scraping: %w", err)
	}
	m.buildRules(ctx)
	m.registerOwn()
	if m.deltas, err = newDeltas(); err != nil {
		return err
	}
	m.storedServices = sync.OnceValue(m.servicesBefore)
	m.senders = newSenders(m.opts.OTLP, m.logger, m.knowsService)
	m.registry.MustRegister(m.senders)
	m.gpu = newGPUCollector(m.opts.GPU, m.logger)
	if m.opts.GPU.Enabled != gpuOff {
		m.registry.MustRegister(m.gpu)
	}
	m.watchGPUs = func() { m.gpu.run(ctx) }
	if m.handlers, err = m.remoteHandlers(sync.OnceValues(m.newHandlers)); err != nil {
		return err
	}
	m.background.Go(func() { m.handlers() })
	return nil
}

// engineOptions are the options of the PromQL engine but for its surroundings.
func engineOptions() promql.EngineOpts {
	return promql.EngineOpts{
		MaxSamples:               queryMaxSamples,
		Timeout:                  queryTimeout,
		LookbackDelta:            lookbackDelta,
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnablePerStepStats:       true,
		EnableDelayedNameRemoval: true,
		UseStartTimestamps:       true,
		Parser:                   newParser(),
	}
}

// Start begins scraping, rule evaluation and remote write.
func (m *Metrics) Start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.state {
	case closed:
		return ErrClosed
	case running:
		return nil
	case opened:
	}
	if err := m.apply(m.config.Load()); err != nil {
		return fmt.Errorf("metrics: start: %w", err)
	}
	m.state = running
	ctx := m.running
	m.background.Go(func() { _ = m.discovery.Run() })       // returns that it was cancelled
	m.background.Go(func() { _ = m.notifyDiscovery.Run() }) // likewise
	m.background.Go(func() { _ = m.scrape.Run(m.discovery.SyncCh()) })
	m.background.Go(func() { m.notifier.Run(m.notifyDiscovery.SyncCh()) })
	m.background.Go(m.rules.Run)
	m.background.Go(m.self.run)
	m.background.Go(m.watchGPUs)
	if m.opts.Remote != nil {
		m.background.Go(func() { m.watchServices(ctx) })
		m.background.Go(func() { m.deliverMissed(ctx) })
	}
	return nil
}

// Close stops everything in the order in which data flows: sources, rules,
// notifications, storage. What the catalogue counted until now is stored.
func (m *Metrics) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.state
	if was == closed {
		return nil
	}
	m.state = closed
	if was == running {
		m.rules.Stop() // first, or absent() fires for targets that are stopped next
		m.scrape.Stop()
		m.self.stop()
		m.notifier.Stop()
		if m.opts.Remote != nil {
			m.deliverLast()
		}
	}
	if m.cancel != nil {
		m.cancel()
	}
	m.background.Wait()
	err := m.store.Close()
	if m.deltas != nil {
		err = errors.Join(err, m.deltas.close())
	}
	if m.engine != nil {
		err = errors.Join(err, m.engine.Close())
	}
	if err != nil {
		return fmt.Errorf("metrics: close: %w", err)
	}
	return nil
}

// Catalogue is where Calls are observed.
func (m *Metrics) Catalogue() *Catalogue { return m.catalogue }

// Registerer is where other packages register their pitot_* collectors. They
// appear on /metrics and in the store.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// Gatherer returns what /metrics shows.
func (m *Metrics) Gatherer() prometheus.Gatherer {
	return prometheus.Gatherers{m.registry, m.catalogue}
}

// Handler serves the Prometheus HTTP API under /api/v1/ and /federate. It does
// not authenticate: whoever mounts it does.
func (m *Metrics) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, all := m.handlers()
		all.ServeHTTP(w, r)
	})
}

// Range is the time of the oldest and the newest sample; false if there are
// none.
func (m *Metrics) Range() (oldest, newest time.Time, ok bool) {
	lo, hi := m.db.Head().MinTime(), m.db.Head().MaxTime()
	for _, b := range m.db.BlockMetas() {
		lo, hi = min(lo, b.MinTime), max(hi, b.MaxTime)
	}
	if lo == math.MaxInt64 || hi == math.MinInt64 {
		return time.Time{}, time.Time{}, false
	}
	return time.UnixMilli(lo), time.UnixMilli(hi), true
}

// readyScrape lets remote write ask the scrape manager for metadata.
type readyScrape struct{ m *Metrics }

func (r readyScrape) Get() (*scrape.Manager, error) {
	if r.m.scrape == nil {
		return nil, errors.New("scrape manager is not ready")
	}
	return r.m.scrape, nil
}

// targetLabels are the labels of Pitot's own series.
func (m *Metrics) targetLabels() labels.Labels {
	return labels.FromStrings("instance", m.opts.Instance, "job", selfJob)
}
