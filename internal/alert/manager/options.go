package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

// Alert is an alert that fires or has resolved.
type Alert struct {
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       time.Time // when it resolved, or until when it counts as firing
	Resolved     bool
	Value        float64
	Expr         string
	GeneratorURL string
}

// ExplainFunc says why alerts of one name fire, as annotations that are added to
// them: `explanation`, `explanation_links` (one "name: URL" a line) and others.
// The context ends after ExplainTimeout; the notification then leaves without.
type ExplainFunc func(ctx context.Context, alerts []Alert) map[string]string

// Config is what a reload may change.
type Config struct {
	// Section is the `alertmanager:` section as YAML: the Alertmanager's own
	// configuration, in which receivers may also have dingtalk_configs and
	// feishu_configs, and `global` a language. Empty for one receiver that logs.
	Section []byte
	// Dir is what relative paths in the section are relative to.
	Dir string
}

// Options make a Manager.
type Options struct {
	Config Config

	// Dir holds silences and notification log; it is made when missing.
	Dir string
	// ExternalURL is where people reach Pitot, for the links in notifications.
	ExternalURL string
	Cluster     ClusterConfig
	// Shared are further states, by name, that the replicas of the cluster tell each
	// other.
	Shared map[string]Shared

	Logger *slog.Logger
	// Registerer takes the Alertmanager's own metrics and those of the channels.
	Registerer prometheus.Registerer

	// Explain may be nil.
	Explain ExplainFunc
	// ExplainTimeout bounds Explain; 0 for 5 s.
	ExplainTimeout time.Duration
	// Retention of silences that ended and of the notification log; 0 for 120 h.
	Retention time.Duration
	// AttemptTimeout bounds one attempt to notify through one channel; 0 for 30 s.
	AttemptTimeout time.Duration
}

const (
	defaultRetention      = 120 * time.Hour
	defaultExplainTimeout = 5 * time.Second
	defaultAttemptTimeout = 30 * time.Second

	// maintenanceInterval is how often what expired is removed and, changed or
	// not, written.
	maintenanceInterval = 15 * time.Minute
	// maxSilences and maxSilenceBytes bound what the API can store.
	maxSilences     = 10_000
	maxSilenceBytes = 64 << 10
	// maxAlertsPerName bounds a rule that fires for each of too many series.
	maxAlertsPerName = 5_000
	// maxGroups bounds the groups that notify.
	maxGroups = 10_000
)

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if o.ExplainTimeout <= 0 {
		o.ExplainTimeout = defaultExplainTimeout
	}
	if o.Retention <= 0 {
		o.Retention = defaultRetention
	}
	if o.AttemptTimeout <= 0 {
		o.AttemptTimeout = defaultAttemptTimeout
	}
	if o.ExternalURL == "" {
		o.ExternalURL = "http://127.0.0.1:4400"
	}
}

func (o *Options) validate() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("dir: missing"))
	}
	if u, err := url.Parse(o.ExternalURL); err != nil || u.Host == "" {
		errs = append(errs, fmt.Errorf("external URL: %q: must be a URL with a host", o.ExternalURL))
	}
	if err := o.Cluster.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("cluster: %w", err))
	}
	return errors.Join(errs...)
}

// ClusterConfig joins several Pitots so that they notify once. It is read at
// the start only.
type ClusterConfig struct {
	Listen    string        `yaml:"listen" doc:"Address for the gossip between replicas (TCP and UDP), such as 0.0.0.0:9094; empty for no cluster."`
	Advertise string        `yaml:"advertise" doc:"Address that other replicas reach this one at, where it differs from listen."`
	Peers     []string      `yaml:"peers" doc:"Addresses of the other replicas; a DNS name may stand for all of them."`
	Name      string        `yaml:"name" doc:"Name of this replica; empty for a random one."`
	Label     string        `yaml:"label" doc:"Word that keeps clusters in one network apart."`
	TLSFile   string        `yaml:"tls_file" doc:"The Alertmanager's TLS configuration for the gossip."`
	PeerWait  time.Duration `yaml:"peer_wait" doc:"How long each replica waits for the one before it to notify."`
	Settle    time.Duration `yaml:"settle" doc:"How long to wait at the start, at most, for the gossip to settle before the first notification."`
}

// DefaultClusterConfig returns what is used where the user set nothing.
func DefaultClusterConfig() ClusterConfig {
	return ClusterConfig{PeerWait: 15 * time.Second, Settle: time.Minute}
}

// Enabled says whether there is a cluster.
func (c ClusterConfig) Enabled() bool { return c.Listen != "" }

// Validate reports all that is wrong with the configuration.
func (c ClusterConfig) Validate() error {
	var errs []error
	if !c.Enabled() {
		if len(c.Peers) > 0 {
			errs = append(errs, errors.New("peers: set listen too"))
		}
		return errors.Join(errs...)
	}
	for _, a := range []struct{ name, addr string }{{"listen", c.Listen}, {"advertise", c.Advertise}} {
		if a.addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(a.addr); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: must be host:port", a.name, a.addr))
		}
	}
	for i, p := range c.Peers {
		if _, _, err := net.SplitHostPort(p); err != nil {
			errs = append(errs, fmt.Errorf("peers[%d]: %q: must be host:port", i, p))
		}
	}
	if c.PeerWait < 0 {
		errs = append(errs, fmt.Errorf("peer_wait: %v: must not be negative", c.PeerWait))
	}
	if c.Settle < 0 {
		errs = append(errs, fmt.Errorf("settle: %v: must not be negative", c.Settle))
	}
	return errors.Join(errs...)
}

// Languages of the shipped templates.
const (
	English = robot.English
	Chinese = robot.Chinese
)
