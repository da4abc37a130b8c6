package metrics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
)

// selfJob is the label job of Pitot's own series.
const selfJob = "pitot"

// selfScraper stores Pitot's own registry and catalogue at an interval, as a
// scrape would, without a listener.
type selfScraper struct {
	m        *Metrics
	interval time.Duration
	appender *familyAppender
	target   *scrape.Target
	meta     *selfMetadata

	done    chan struct{}
	stopped sync.Once
	mu      sync.Mutex // one scrape at a time
	stats   atomic.Pointer[selfStats]
}

// selfStats are the numbers of the last scrape and the totals.
type selfStats struct {
	duration time.Duration
	samples  int
	rejected uint64
	failures uint64
	failing  bool
}

func (s *selfScraper) snapshot() selfStats { return *s.stats.Load() }

func newSelfScraper(m *Metrics) *selfScraper {
	interval, timeout := model.Duration(m.opts.ScrapeInterval), model.Duration(m.opts.ScrapeInterval)
	cfg := &config.ScrapeConfig{
		JobName: selfJob, ScrapeInterval: interval, ScrapeTimeout: timeout, MetricsPath: "/metrics", Scheme: "http",
	}
	discovered := model.LabelSet{
		model.AddressLabel: model.LabelValue(m.opts.Instance), model.SchemeLabel: "http", model.MetricsPathLabel: "/metrics",
		model.ScrapeIntervalLabel: model.LabelValue(interval.String()), model.ScrapeTimeoutLabel: model.LabelValue(timeout.String()),
		model.JobLabel: selfJob,
	}
	b := labels.NewBuilder(m.targetLabels())
	for n, v := range discovered {
		b.Set(string(n), string(v))
	}
	s := &selfScraper{
		m: m, interval: m.opts.ScrapeInterval,
		appender: newFamilyAppender(m.targetLabels()),
		target:   scrape.NewTarget(b.Labels(), cfg, discovered, nil),
		meta:     &selfMetadata{byName: make(map[string]scrape.MetricMetadata)},
		done:     make(chan struct{}),
	}
	s.target.SetMetadataStore(s.meta)
	s.stats.Store(&selfStats{})
	return s
}

// run scrapes until stop, and once more then: what was counted since the last
// scrape is not lost at an orderly end.
func (s *selfScraper) run() {
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	s.scrape(time.Now())
	for {
		select {
		case now := <-tick.C:
			s.scrape(now)
		case <-s.done:
			s.scrape(time.Now())
			return
		}
	}
}

func (s *selfScraper) stop() { s.stopped.Do(func() { close(s.done) }) }

// scrape stores everything at time now.
func (s *selfScraper) scrape(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := time.Now()
	next := s.snapshot()
	res, err := s.store(now, start)
	next.duration = time.Since(start)
	next.samples = res.samples
	next.rejected += uint64(res.rejected)
	if err != nil {
		next.failures++
	}
	// A full disk fails every few seconds: only the change is news.
	if failed := err != nil; failed != next.failing {
		next.failing = failed
		if failed {
			s.m.logger.Warn("own metrics are not stored", "err", err)
		} else {
			s.m.logger.Info("own metrics are stored again")
		}
	}
	s.stats.Store(&next)
	s.target.Report(start, next.duration, err)
}

func (s *selfScraper) store(now, start time.Time) (appendResult, error) {
	// A collector that fails does not take the others' samples with it.
	families, gatherErr := s.m.registry.Gather()
	families = append(families, s.m.catalogue.gather(true)...)
	s.meta.set(families)
	families = append(families, s.report(start)...)

	app := s.m.store.AppenderV2(context.Background())
	res, err := s.appender.append(app, families, now.UnixMilli())
	if err != nil {
		s.appender.forget()
		_ = app.Rollback() // err says more
		return appendResult{}, fmt.Errorf("append: %w", err)
	}
	if err := app.Commit(); err != nil {
		s.appender.forget()
		return appendResult{}, fmt.Errorf("commit: %w", err)
	}
	return res, gatherErr
}

// report are the series that Prometheus adds to each scrape.
func (s *selfScraper) report(start time.Time) []*dto.MetricFamily {
	gauge := func(name string, v float64) *dto.MetricFamily {
		return &dto.MetricFamily{
			Name: &name, Type: dto.MetricType_GAUGE.Enum(),
			Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &v}}},
		}
	}
	return []*dto.MetricFamily{
		gauge("up", 1),
		gauge("scrape_duration_seconds", time.Since(start).Seconds()),
		gauge("scrape_samples_scraped", float64(s.snapshot().samples)),
	}
}

// selfMetadata answers what the API asks about types and help texts.
type selfMetadata struct {
	mu     sync.RWMutex
	byName map[string]scrape.MetricMetadata
	count  int
}

func (s *selfMetadata) set(families []*dto.MetricFamily) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == len(families) {
		return // families come, they seldom go
	}
	s.count = len(families)
	for _, f := range families {
		name := f.GetName()
		s.byName[name] = scrape.MetricMetadata{
			MetricFamily: name, Help: f.GetHelp(), Unit: f.GetUnit(),
			Type: model.MetricType(strings.ToLower(f.GetType().String())),
		}
	}
}

// ListMetadata implements scrape.MetricMetadataStore.
func (s *selfMetadata) ListMetadata() []scrape.MetricMetadata {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Values(s.byName))
}

// GetMetadata implements scrape.MetricMetadataStore.
func (s *selfMetadata) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok := s.byName[name]
	return m, ok
}

// SizeMetadata implements scrape.MetricMetadataStore.
func (s *selfMetadata) SizeMetadata() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for name, m := range s.byName {
		n += len(name) + len(m.Help) + len(m.Unit) + len(m.Type)
	}
	return n
}

// LengthMetadata implements scrape.MetricMetadataStore.
func (s *selfMetadata) LengthMetadata() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byName)
}
