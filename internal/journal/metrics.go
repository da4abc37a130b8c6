package journal

import (
	"errors"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb/wlog"
)

// metrics are the journal's own; it collects the gauges from Stats.
type metrics struct {
	j *Journal

	fsync          prometheus.Histogram
	appended       prometheus.Counter
	failures       *prometheus.CounterVec
	corrupt        prometheus.Counter
	corruptCursors prometheus.Counter
	torn           prometheus.Counter
	lost           prometheus.Counter
	live           *wlog.LiveReaderMetrics

	bytes, maxBytes, segments, pending, failing *prometheus.Desc
	lag, lagBytes, age                          *prometheus.Desc
}

func newMetrics(j *Journal) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "pitot_journal_" + name, Help: help})
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("pitot_journal_"+name, help, labels, nil)
	}
	m := &metrics{
		j: j,
		fsync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "pitot_journal_fsync_duration_seconds", Help: "Time that a sync of the journal to disk took.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		appended: counter("records_appended_total", "Records made durable in the journal."),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_journal_append_failures_total", Help: "Records that the journal could not take, by reason.",
		}, []string{"reason"}),
		corrupt:        counter("corrupt_segments_total", "Journal segments found missing or damaged."),
		corruptCursors: counter("corrupt_cursors_total", "Journal cursors found damaged."),
		torn:           counter("torn_tails_total", "Torn ends of the journal that were cut back after a crash."),
		lost:           counter("records_lost_total", "Records that were durable and could not be read back."),
		live:           wlog.NewLiveReaderMetrics(nil),

		bytes:    desc("bytes", "Size of the journal's segments on disk."),
		maxBytes: desc("max_bytes", "Size at which the journal refuses records."),
		segments: desc("segments", "Segments of the journal on disk."),
		pending:  desc("pending_bytes", "Bytes that wait for the next sync."),
		failing:  desc("failing", "1 while the journal cannot write to its disk."),
		lag:      desc("cursor_lag_records", "Durable records that the consumer has not finished.", "cursor"),
		lagBytes: desc("cursor_lag_bytes", "About the size on disk of the records that the consumer has not finished.", "cursor"),
		age:      desc("oldest_record_age_seconds", "Age of the oldest record that the consumer has not finished; 0 when there is none.", "cursor"),
	}
	for _, reason := range []string{"full", "busy", "too_large", "closed", "no_space", "io"} {
		m.failures.WithLabelValues(reason)
	}
	return m
}

// failed counts records that were refused or could not be written.
func (m *metrics) failed(err error, records int) {
	m.failures.WithLabelValues(Reason(err)).Add(float64(records))
}

// Reason gives the error of an append as a label value: full, busy, too_large,
// closed, no_space or io.
func Reason(err error) string {
	switch {
	case errors.Is(err, ErrFull):
		return "full"
	case errors.Is(err, ErrBusy):
		return "busy"
	case errors.Is(err, ErrTooLarge):
		return "too_large"
	case errors.Is(err, ErrClosed):
		return "closed"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "no_space"
	default:
		return "io"
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.fsync, m.appended, m.failures, m.corrupt, m.corruptCursors, m.torn, m.lost, m}
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for i, c := range m.collectors() {
		if err := r.Register(c); err != nil {
			for _, done := range m.collectors()[:i] {
				r.Unregister(done)
			}
			return err
		}
	}
	return nil
}

func (m *metrics) unregister(r prometheus.Registerer) {
	if r == nil {
		return
	}
	for _, c := range m.collectors() {
		r.Unregister(c)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.bytes, m.maxBytes, m.segments, m.pending, m.failing, m.lag, m.lagBytes, m.age} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := m.j.Stats()
	failing := 0.0
	if s.Err != nil {
		failing = 1
	}
	gauge(m.bytes, float64(s.Bytes))
	gauge(m.maxBytes, float64(s.MaxBytes))
	gauge(m.segments, float64(s.Segments))
	gauge(m.pending, float64(s.Pending))
	gauge(m.failing, failing)
	for _, c := range s.Cursors {
		gauge(m.lag, float64(c.Lag), c.Name)
		gauge(m.lagBytes, float64(c.LagBytes), c.Name)
		gauge(m.age, c.OldestAge.Seconds(), c.Name)
	}
}

func unixTime(nano int64) time.Time { return time.Unix(0, nano).UTC() }
