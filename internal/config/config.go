package config

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/forward"
	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/logs"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/otlp"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/price"
	"github.com/pitot-dev/pitot/internal/probe"
	"github.com/pitot-dev/pitot/internal/quality"
	"github.com/pitot-dev/pitot/internal/redact"
	"github.com/pitot-dev/pitot/internal/tier"
)

// Config is the whole configuration.
type Config struct {
	Gateway        gateway.Config               `yaml:"gateway" doc:"The gateway and the servers behind it."`
	Auth           auth.Config                  `yaml:"auth,omitempty" doc:"Who may do what: users, API keys, tenants, login through an OpenID provider. Off by default. See access.md."`
	Capture        redact.Config                `yaml:"capture" doc:"How much content is kept and what is masked in it. See privacy.md."`
	Prices         price.Config                 `yaml:"prices" doc:"Prices of your own, on top of the embedded table."`
	Pipeline       pipeline.Config              `yaml:"pipeline" doc:"The way from a record's arrival to the journal."`
	OTLP           OTLP                         `yaml:"otlp" doc:"Telemetry that other programs send: OTLP, Jaeger, Zipkin."`
	Logs           logs.Config                  `yaml:"logs" doc:"Logs: the Elasticsearch API for log shippers, and files to tail."`
	Forward        forward.Config               `yaml:"forward,omitempty" doc:"Destinations that calls, spans and logs are sent on to. Pitot sends nothing anywhere else."`
	Labels         map[string]Label             `yaml:"labels,omitempty" doc:"Further labels of the llm_* metrics, by name. High-cardinality dimensions are better queried in the events."`
	Storage        Storage                      `yaml:"storage" doc:"How much is kept, and for how long."`
	ModelServers   Raw                          `yaml:"model_servers,omitempty" doc:"Model servers, gateways and GPU exporters to scrape, by preset. See model-servers.md."`
	GPU            metrics.GPUConfig            `yaml:"gpu" doc:"The GPUs of this machine."`
	Infrastructure metrics.InfrastructurePrices `yaml:"infrastructure" doc:"Prices of machines, for the cost of a million tokens of one's own models."`
	Prometheus     Raw                          `yaml:"prometheus,omitempty" doc:"Prometheus' own configuration, verbatim: global, scrape_configs, rule_files, remote_write, ..."`
	Alertmanager   Raw                          `yaml:"alertmanager,omitempty" doc:"The Alertmanager's own configuration, verbatim: route, receivers, ..."`
	Alerts         Alerts                       `yaml:"alerts" doc:"What Pitot adds to alerting beyond the Alertmanager's own section."`
	Rules          rules.Config                 `yaml:"rules" doc:"Recording rules and alerts: the shipped packs, files, PrometheusRule resources. See rules.md."`
	SLOs           Raw                          `yaml:"slos,omitempty" doc:"Service level objectives, a list."`
	Probes         probe.Config                 `yaml:"probes" doc:"Questions with known answers that are asked of models on a schedule. See probes.md."`
	Quality        quality.Config               `yaml:"quality" doc:"Judgements of answers: rules, judges, and feedback from browsers. See quality.md."`
	Budgets        Raw                          `yaml:"budgets,omitempty" doc:"Budgets, a list."`

	file   string
	digest string
}

// Alerts is what concerns alerting beside the verbatim sections.
type Alerts struct {
	Cluster manager.ClusterConfig `yaml:"cluster" doc:"Replicas of Pitot that notify once between them. See alerting-channels.md."`
}

// OTLP is the reception of telemetry.
type OTLP struct {
	otlp.Config `yaml:",inline"`
	Metrics     metrics.OTLPConfig `yaml:"metrics" doc:"What senders of metrics may put into the store."`
}

// Label makes something that a Call carries a label of its metrics.
type Label struct {
	From string `yaml:"from" doc:"Where the value comes from: user, session, feature, environment, upstream, prompt, prompt_version or tag.NAME."`
	Max  int    `yaml:"max,omitempty" doc:"Values that the label may have; further ones are counted as __other__. Default 100."`
}

// Storage says how much is kept.
type Storage struct {
	Dir     string         `yaml:"dir,omitempty" doc:"Directory of all data, relative to the working directory. Default: what the command line says."`
	Events  EventStorage   `yaml:"events" doc:"Calls, spans and logs."`
	Metrics MetricStorage  `yaml:"metrics" doc:"Metrics."`
	Journal JournalStorage `yaml:"journal" doc:"The journal between arrival and the stores."`
}

// EventStorage bounds the event store.
type EventStorage struct {
	Retention   model.Duration   `yaml:"retention" doc:"How long calls, spans and logs are kept, in whole days."`
	MaxDisk     units.Base2Bytes `yaml:"max_disk,omitempty" doc:"Most disk that they use; the oldest days go first. 0: no limit but the retention."`
	MinFreeDisk units.Base2Bytes `yaml:"min_free_disk,omitempty" doc:"Free space below which nothing more is stored; the gateway goes on."`
	Cluster     EventCluster     `yaml:"cluster,omitempty" doc:"An outside cluster of VictoriaLogs or of pitot engine nodes in place of the embedded engine. See scaling.md."`
	Cold        tier.Config      `yaml:"cold" doc:"Where days go that are older than retention, and come back from for queries. See data.md."`
	Ages        EventAges        `yaml:"ages" doc:"Shorter lives of some kinds of records, and how much they may use. See data.md."`
}

// EventAges are shorter lives of kinds of records.
type EventAges struct {
	Calls    KindAge `yaml:"calls" doc:"Calls, with their content."`
	Spans    KindAge `yaml:"spans" doc:"Spans."`
	Logs     KindAge `yaml:"logs" doc:"Log lines."`
	Feedback KindAge `yaml:"feedback" doc:"Feedback and judgements."`
	Content  KindAge `yaml:"content" doc:"Content alone: prompts, answers, tool definitions, inputs and outputs of spans. The calls and spans stay. Works for what is stored while it is set."`
	Rollups  KindAge `yaml:"rollups" doc:"Hourly and daily totals."`
}

// KindAge bounds one kind of records. Zero is no bound of its own.
type KindAge struct {
	Retention model.Duration   `yaml:"retention,omitempty" doc:"How long they are kept; 0: as long as all others."`
	MaxDisk   units.Base2Bytes `yaml:"max_disk,omitempty" doc:"Most disk that their columns use, about; the oldest days go first. 0: no bound of their own."`
}

// MetricStorage bounds the metric store.
type MetricStorage struct {
	Retention model.Duration   `yaml:"retention" doc:"How long metrics are kept."`
	MaxDisk   units.Base2Bytes `yaml:"max_disk,omitempty" doc:"Most disk that they use; the oldest blocks go first. 0: no limit but the retention."`
	Remote    MetricRemote     `yaml:"remote,omitempty" doc:"An outside store of metrics in place of the embedded one, which then only buffers what goes there. See scaling.md."`
}

// JournalStorage bounds the journal.
type JournalStorage struct {
	MaxDisk        units.Base2Bytes `yaml:"max_disk" doc:"Most disk that records use which the stores have not confirmed yet; past it records are dropped and counted."`
	CommitInterval model.Duration   `yaml:"commit_interval" doc:"Least time between two syncs to disk; an accepted record waits no longer than this for its acknowledgement."`
}

const (
	day = model.Duration(24 * time.Hour)

	// defaultLabelMax is the cap of a configured label.
	defaultLabelMax = 100
)

// Default returns the configuration of an empty file.
func Default() *Config {
	ask := true
	return &Config{
		Gateway:  gateway.Config{AskUsage: &ask, MaxBody: 8 * units.MiB, MaxContent: units.MiB},
		Capture:  redact.Default(),
		Pipeline: pipeline.DefaultConfig(),
		OTLP:     OTLP{Config: otlp.DefaultConfig(), Metrics: metrics.DefaultOTLPConfig()},
		Logs:     logs.DefaultConfig(),
		Probes:   probe.DefaultConfig(),
		Quality:  quality.DefaultConfig(),
		Rules:    rules.DefaultConfig(),
		Alerts:   Alerts{Cluster: manager.DefaultClusterConfig()},
		GPU:      metrics.DefaultGPUConfig(), Infrastructure: metrics.DefaultInfrastructurePrices(),
		Storage: Storage{
			Events:  EventStorage{Retention: 30 * day, MaxDisk: 50 * units.GiB, MinFreeDisk: 256 * units.MiB, Cold: tier.DefaultConfig()},
			Metrics: MetricStorage{Retention: 90 * day},
			Journal: JournalStorage{MaxDisk: units.GiB, CommitInterval: model.Duration(50 * time.Millisecond)},
		},
	}
}

// File returns the name of the file that the configuration was read from;
// empty for the default.
func (c *Config) File() string { return c.file }

// Dir returns the directory that relative paths in the file start from.
func (c *Config) Dir() string {
	if c.file == "" {
		return "."
	}
	return filepath.Dir(c.file)
}

// Digest identifies what the configuration says, with the environment and the
// secrets that went into it. Two configurations with one digest are the same.
func (c *Config) Digest() string {
	if c.digest == "" {
		return digest(c)
	}
	return c.digest
}

// Loader reads configurations. The zero Loader is ready to use.
type Loader struct {
	// Env looks up an environment variable; nil is os.LookupEnv.
	Env func(name string) (string, bool)
	// ReadFile reads a file that the configuration names; nil is os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// Sections validate verbatim sections, by name. dir is where relative paths
	// start. An error may be a *SectionError to name its line.
	Sections map[string]func(section []byte, dir string) error
}

// Load reads and validates the configuration file at path.
func Load(path string) (*Config, error) { return Loader{}.Load(path) }

// Parse reads and validates a configuration; name is what errors call it.
func Parse(name string, data []byte) (*Config, error) { return Loader{}.Parse(name, data) }

// Load reads and validates the configuration file at path. What is wrong with
// its content is returned as Errors.
func (l Loader) Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w: check the path", err)
	}
	return l.Parse(path, data)
}

// maxFile bounds the configuration: a larger one is some other file.
const maxFile = 8 << 20

// Parse reads and validates a configuration; name is what errors call it, and
// its directory is where relative paths start.
func (l Loader) Parse(name string, data []byte) (*Config, error) {
	if l.Env == nil {
		l.Env = os.LookupEnv
	}
	if l.ReadFile == nil {
		l.ReadFile = os.ReadFile
	}
	d := newDecoder(name, data, l)
	if len(data) > maxFile {
		d.errorAt(nil, "", fmt.Sprintf("the file has %d bytes: a configuration has at most %d", len(data), maxFile))
		return nil, d.errors()
	}
	c := Default()
	c.file = name
	if root := d.parse(); root != nil {
		d.root(root, c)
	}
	d.secretFiles(c)
	d.validate(c)
	if err := d.errors(); err != nil {
		return nil, err
	}
	c.digest = digest(c)
	return c, nil
}
