package metrics

import "github.com/prometheus/client_golang/prometheus"

// ownFamily is one number of the store's own health.
type ownFamily struct {
	name, typ, help string
	value           func(*Metrics, selfStats) float64
}

func ownFamilies() []ownFamily {
	return []ownFamily{
		{
			"pitot_metrics_self_scrape_duration_seconds", "gauge", "Duration of the last storing of Pitot's own metrics.",
			func(_ *Metrics, s selfStats) float64 { return s.duration.Seconds() },
		},
		{
			"pitot_metrics_self_scrape_samples", "gauge", "Samples of the last storing of Pitot's own metrics.",
			func(_ *Metrics, s selfStats) float64 { return float64(s.samples) },
		},
		{
			"pitot_metrics_self_scrape_failures_total", "counter", "Failures to store Pitot's own metrics.",
			func(_ *Metrics, s selfStats) float64 { return float64(s.failures) },
		},
		{
			"pitot_metrics_samples_rejected_total", "counter", "Own samples that the store refused as out of order, too old or duplicate.",
			func(_ *Metrics, s selfStats) float64 { return float64(s.rejected) },
		},
		{
			"pitot_metrics_series", "gauge", "Series in the head of the store.",
			func(m *Metrics, _ selfStats) float64 { return float64(m.db.Head().NumSeries()) },
		},
		{
			"pitot_metrics_config_last_reload_successful", "gauge", "Whether the last reload of the prometheus section was successful.",
			func(m *Metrics, _ selfStats) float64 {
				if m.reloadOK.Load() {
					return 1
				}
				return 0
			},
		},
	}
}

// ownCollector shows the health of a store.
type ownCollector struct {
	m        *Metrics
	families []ownFamily
	descs    []*prometheus.Desc
}

func (m *Metrics) registerOwn() {
	c := &ownCollector{m: m, families: ownFamilies()}
	for _, f := range c.families {
		c.descs = append(c.descs, prometheus.NewDesc(f.name, f.help, nil, nil))
	}
	m.registry.MustRegister(c)
}

// Describe implements prometheus.Collector.
func (c *ownCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector. It runs within a self-scrape too,
// and then shows the numbers of the one before.
func (c *ownCollector) Collect(ch chan<- prometheus.Metric) {
	stats := c.m.self.snapshot()
	for i, f := range c.families {
		typ := prometheus.GaugeValue
		if f.typ == "counter" {
			typ = prometheus.CounterValue
		}
		ch <- prometheus.MustNewConstMetric(c.descs[i], typ, f.value(c.m, stats))
	}
}
