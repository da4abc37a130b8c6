package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// OTLPConfig bounds what senders of OTLP metrics put into the store.
type OTLPConfig struct {
	MaxValues      int      `yaml:"max_values" doc:"Values that one attribute of one metric may have; further ones are counted as __other__."`
	MaxSets        int      `yaml:"max_sets" doc:"Combinations of attributes that one metric may have; in further ones every value is __other__ but for the type of token."`
	KeepAttributes []string `yaml:"keep_attributes,omitempty" doc:"Attributes of users, sessions and requests that become labels all the same, up to max_values."`
	DropAttributes []string `yaml:"drop_attributes,omitempty" doc:"Further attributes that never become labels."`
	SenderFamilies string   `yaml:"sender_families" doc:"What to do with families that Pitot derives from Calls itself: auto stores a sender's copy under the prefix sender_ where its Calls are seen too or its buckets differ, aside always does, keep never does."`
}

// The values of OTLPConfig.SenderFamilies.
const (
	familiesAuto  = "auto"
	familiesAside = "aside"
	familiesKeep  = "keep"
)

// DefaultOTLPConfig returns the configuration where the user set nothing.
func DefaultOTLPConfig() OTLPConfig {
	return OTLPConfig{MaxValues: 200, MaxSets: 2000, SenderFamilies: familiesAuto}
}

// Validate reports all that is wrong with the configuration.
func (c OTLPConfig) Validate() error {
	var errs []error
	if c.MaxValues < 1 || c.MaxValues > 10_000 {
		errs = append(errs, fmt.Errorf("max_values: %d: must be from 1 to 10000", c.MaxValues))
	}
	if c.MaxSets < 1 || c.MaxSets > 100_000 {
		errs = append(errs, fmt.Errorf("max_sets: %d: must be from 1 to 100000", c.MaxSets))
	}
	if !slices.Contains([]string{familiesAuto, familiesAside, familiesKeep}, c.SenderFamilies) {
		errs = append(errs, fmt.Errorf("sender_families: %q: use auto, aside or keep", c.SenderFamilies))
	}
	return errors.Join(errs...)
}

func (c OTLPConfig) withDefaults() OTLPConfig {
	d := DefaultOTLPConfig()
	if c.MaxValues <= 0 {
		c.MaxValues = d.MaxValues
	}
	if c.MaxSets <= 0 {
		c.MaxSets = d.MaxSets
	}
	if c.SenderFamilies == "" {
		c.SenderFamilies = d.SenderFamilies
	}
	return c
}

// senderPrefix is put before the name of a sender's copy of a family that Pitot
// has itself: a sum over the plain name counts each Call once.
const senderPrefix = "sender_"

// maxMetricNames bounds the names that senders may use; metrics with further
// ones are dropped and counted.
const maxMetricNames = 5000

// senders is what OTLP metrics pass on their way to the store. It bounds their
// labels, puts families aside that Pitot derives itself, feeds the llm_*
// families from senders without spans, and finds useless buckets.
type senders struct {
	cfg    OTLPConfig
	logger *slog.Logger
	known  func(service string) bool // whether Calls of the service are seen
	own    map[string]*Family        // by Prometheus name
	namer  otlptranslator.MetricNamer
	policy attributePolicy
	now    func() time.Time
	// derivations by the sender's metric.
	derivations map[string][]derivation

	mu       sync.Mutex // one request at a time: it changes what it reads
	collapse *collapser
	names    map[string]struct{}
	foreign  map[foreignKey]*foreignSeen
	sourceOf map[string]string // service and family → the source that feeds it
	capped   map[string]uint64 // by reason
	told     map[string]bool
}

func newSenders(cfg OTLPConfig, logger *slog.Logger, known func(string) bool) *senders {
	s := &senders{
		cfg: cfg.withDefaults(), logger: logger, known: known, now: time.Now,
		own:     make(map[string]*Family),
		namer:   otlptranslator.MetricNamer{WithMetricSuffixes: true},
		names:   make(map[string]struct{}),
		foreign: make(map[foreignKey]*foreignSeen), sourceOf: make(map[string]string),
		derivations: make(map[string][]derivation),
		capped:      make(map[string]uint64),
		told:        make(map[string]bool),
	}
	for _, f := range Families() {
		s.own[f.Name] = &f
	}
	for _, d := range derivations() {
		s.derivations[d.from] = append(s.derivations[d.from], d)
	}
	s.policy = newAttributePolicy(s.cfg)
	s.collapse = newCollapser(s.cfg, func() time.Time { return s.now() }, func(reason string) { s.capped[reason]++ })
	return s
}

// prepare changes md into what the store shall have. deltas names the metrics
// whose points were deltas before they were added up.
func (s *senders) prepare(md pmetric.Metrics, deltas map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collapse.begin()
	for _, rm := range md.ResourceMetrics().All() {
		res := newSenderResource(rm.Resource(), s.policy)
		if id := res.instance; id != "" {
			// Past the limit all instances of a service are one.
			if v := s.collapse.admit("resource\xff"+res.service, attrInstance, id, maxInstances); v != id {
				res.setInstance(v)
			}
		}
		rm.ScopeMetrics().RemoveIf(func(sm pmetric.ScopeMetrics) bool {
			sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return s.metric(res, sm, m, deltas) })
			return sm.Metrics().Len() == 0
		})
	}
	md.ResourceMetrics().RemoveIf(func(rm pmetric.ResourceMetrics) bool { return rm.ScopeMetrics().Len() == 0 })
	s.collapse.emit(md)
}

// maxInstances bounds the live instances of one service.
const maxInstances = 1000

// metric handles one metric and says whether nothing of it is left.
func (s *senders) metric(res *senderResource, sm pmetric.ScopeMetrics, m pmetric.Metric, deltas map[string]bool) (gone bool) {
	if !s.admitName(m.Name()) {
		return true
	}
	wasDelta := deltas[m.Name()]
	name, err := s.namer.Build(prometheusremotewrite.TranslatorMetricFromOtelMetric(m))
	if err != nil {
		return false // the store says what is wrong with it
	}
	s.inspect(res, sm.Scope().Name(), name, m)
	seen := s.known(res.service)
	s.derive(res, name, m, wasDelta, seen)
	if f := s.own[name]; f != nil {
		s.takeAside(f, m, seen)
	}
	product := isAgentCLI(m.Name())
	return s.collapse.metric(res, sm.Scope(), m, wasDelta, func(attrs pcommon.Map) bool { return s.policy.apply(attrs, product) })
}

func (s *senders) admitName(name string) bool {
	if _, ok := s.names[name]; ok {
		return true
	}
	if len(s.names) >= maxMetricNames {
		s.capped["names"]++
		return false
	}
	s.names[strings.Clone(name)] = struct{}{}
	return true
}

// takeAside renames a sender's copy of a family that Pitot has itself. Two
// things would be wrong otherwise: where the Calls are seen too, each would be
// counted twice; and where the buckets are others, a quantile over both is
// nonsense.
func (s *senders) takeAside(f *Family, m pmetric.Metric, seen bool) {
	switch {
	case s.cfg.SenderFamilies == familiesKeep:
		return
	case s.cfg.SenderFamilies == familiesAside, seen, !sameBuckets(f, m), s.takesOver(f.Name):
	default:
		return
	}
	if !s.told["aside"] {
		s.told["aside"] = true
		s.logger.Info("a sender's copy of a family that Pitot derives from Calls is stored under a prefix, so that sums count once",
			"family", f.Name, "stored_as", senderPrefix+f.Name)
	}
	m.SetName(senderPrefix + m.Name())
}

// takesOver says whether the numbers of a family are taken over into our own of
// the same name.
func (s *senders) takesOver(name string) bool {
	return slices.ContainsFunc(s.derivations[name], func(d derivation) bool { return d.to == name })
}

// sameBuckets says whether all points have the family's bounds. A histogram
// without bounds, or an exponential one, does not.
func sameBuckets(f *Family, m pmetric.Metric) bool {
	if f.Type != TypeHistogram {
		return m.Type() != pmetric.MetricTypeHistogram && m.Type() != pmetric.MetricTypeExponentialHistogram
	}
	if m.Type() != pmetric.MetricTypeHistogram {
		return false
	}
	for _, p := range m.Histogram().DataPoints().All() {
		if !slices.Equal(p.ExplicitBounds().AsRaw(), f.Buckets) {
			return false
		}
	}
	return true
}

// deltaNames are the names of the metrics in md that are deltas.
func deltaNames(md pmetric.Metrics) map[string]bool {
	var out map[string]bool
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if temporality(m) == pmetric.AggregationTemporalityDelta {
					if out == nil {
						out = make(map[string]bool)
					}
					out[m.Name()] = true
				}
			}
		}
	}
	return out
}

func temporality(m pmetric.Metric) pmetric.AggregationTemporality {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().AggregationTemporality()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().AggregationTemporality()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().AggregationTemporality()
	default:
		return pmetric.AggregationTemporalityUnspecified
	}
}

// The senders' own metrics.
const (
	cappedName        = "pitot_otlp_metrics_capped_total"
	cappedHelp        = "Points of OTLP metrics that a limit changed: attribute (a value became __other__), sets (all values did), instance, names and series (the point was dropped)."
	lowResolutionName = "pitot_low_resolution_histograms"
	lowResolutionHelp = "Histograms of durations that senders keep in buckets of a second and more: their quantiles say nothing. `pitot doctor senders` names them."
)

var (
	cappedDesc        = prometheus.NewDesc(cappedName, cappedHelp, []string{"reason"}, nil)
	lowResolutionDesc = prometheus.NewDesc(lowResolutionName, lowResolutionHelp, nil, nil)
)

// cappedReasons are the values of the label reason.
func cappedReasons() []string { return []string{"attribute", "sets", "instance", "names", "series"} }

// Describe implements prometheus.Collector.
func (s *senders) Describe(ch chan<- *prometheus.Desc) { ch <- cappedDesc; ch <- lowResolutionDesc }

// Collect implements prometheus.Collector.
func (s *senders) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range cappedReasons() {
		ch <- prometheus.MustNewConstMetric(cappedDesc, prometheus.CounterValue, float64(s.capped[r]), r)
	}
	ch <- prometheus.MustNewConstMetric(lowResolutionDesc, prometheus.GaugeValue, float64(s.liveForeign()))
}

// knowsService says whether Calls of a service are seen: since the start, or
// according to the store in the day before.
func (m *Metrics) knowsService(service string) bool {
	if service == "" {
		return false
	}
	return m.catalogue.services.has(service) || m.storedServices()[service] || m.remoteServices.has(service)
}

// servicesBefore reads the services whose Calls the store has from the last
// day: after a restart metrics may arrive before the first Call does.
func (m *Metrics) servicesBefore() map[string]bool {
	out := make(map[string]bool)
	now := time.Now()
	q, err := m.db.Querier(now.Add(-24*time.Hour).UnixMilli(), now.UnixMilli())
	if err != nil {
		return out
	}
	defer func() { _ = q.Close() }() // it was read
	values, _, err := q.LabelValues(context.Background(), labelService, nil,
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, families()[famRequests].Name),
		labels.MustNewMatcher(labels.MatchEqual, "job", selfJob))
	if err != nil {
		return out
	}
	for _, v := range values {
		out[v] = v != Other
	}
	return out
}
