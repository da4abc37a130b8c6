package pipeline

import (
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the pipeline's own, the ledger's included.
type metrics struct {
	collectors []prometheus.Collector

	missed   prometheus.Counter
	inserts  *prometheus.CounterVec
	duration prometheus.Histogram
	replays  prometheus.Counter
	present  prometheus.Counter
	vanished prometheus.Counter

	demoted    *prometheus.CounterVec
	containers *prometheus.CounterVec

	panicOnce, encodeOnce sync.Once
}

func newMetrics(p *Pipeline) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string, f func() int64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
	}
	m := &metrics{
		missed: counter("pitot_live_calls_missed_total", "Calls that live subscribers were too slow for."),
		inserts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_store_inserts_total", Help: "Attempts to insert a batch into the event store, by result.",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "pitot_store_insert_duration_seconds", Help: "Time that the event store took to acknowledge a batch.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		replays:  counter("pitot_store_replays_total", "Times that the journal was read again because the event store had restarted."),
		vanished: counter("pitot_store_vanished_records_total", "Records that the event store had taken and did not have any more when they were looked up: they are delivered again."),
		present:  counter("pitot_store_replay_present_total", "Records left out of a replay because the event store has them."),
	}
	for _, r := range []string{"ok", "error", "rejected", "unsure"} {
		m.inserts.WithLabelValues(r)
	}
	m.demoted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pitot_join_demoted_calls_total", Help: "Model calls that are stored as spans because another record counts them, by who does.",
	}, []string{"by"})
	m.containers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pitot_join_containers_total", Help: "Agents, workflows and chains whose own usage waited, by what became of it.",
	}, []string{"result"})
	for _, by := range []string{countedByDescendant, countedByAncestor, countedByResponse, countedByEnclosed} {
		m.demoted.WithLabelValues(by)
	}
	for _, r := range []string{"counted", "covered"} {
		m.containers.WithLabelValues(r)
	}
	m.collectors = []prometheus.Collector{
		m.missed, m.inserts, m.duration, m.replays, m.present, m.vanished, newLedgerCollector(&p.ledger), m.demoted, m.containers,
		gauge("pitot_join_spans", "Spans whose relatives are remembered.", p.tree.size),
		gauge("pitot_join_containers_held", "Agents, workflows and chains whose own usage waits for calls beneath them.", p.containers.size),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "pitot_join_late_links_total", Help: "Spans that linked two counted calls after both had been counted: each may be one call counted twice.",
		}, func() float64 { return float64(p.tree.lateLinks()) }),
		gauge("pitot_queue_records", "Records between receipt and journal.", func() int64 { n, _ := p.budget.used(); return n }),
		gauge("pitot_queue_bytes", "About what the records between receipt and journal take in memory.", func() int64 { _, n := p.budget.used(); return n }),
		gauge("pitot_queue_max_records", "Records between receipt and journal at which offered ones are dropped.", func() int64 { return p.budget.maxRecords }),
		gauge("pitot_queue_max_bytes", "Bytes between receipt and journal at which offered records are dropped.", func() int64 { return p.budget.maxBytes }),
	}
	return m
}

// panicked reports the first panic of a step; the ledger counts all.
func (m *metrics) panicked(log *slog.Logger, v any) {
	m.panicOnce.Do(func() {
		log.Error("a pipeline step panicked: the record is dropped; please report this", "err", panicError(v), "stack", string(debug.Stack()))
	})
}

// encodeFailed reports the first record that could not be encoded.
func (m *metrics) encodeFailed(log *slog.Logger, err error) {
	m.encodeOnce.Do(func() { log.Error("a record could not be encoded and is dropped", "err", err) })
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for i, c := range m.collectors {
		if err := r.Register(c); err != nil {
			for _, done := range m.collectors[:i] {
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
	for _, c := range m.collectors {
		r.Unregister(c)
	}
}
