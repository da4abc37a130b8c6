package events

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// storeMetrics are the store's own metrics.
type storeMetrics struct {
	insertedRows prometheus.Counter
	rejectedRows *prometheus.CounterVec
	queries      *prometheus.HistogramVec
	rollups      prometheus.Counter
	rollupErrors prometheus.Counter
}

func newStoreMetrics() *storeMetrics {
	return &storeMetrics{
		insertedRows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pitot_events_inserted_total", Help: "Records that the event engine accepted.",
		}),
		rejectedRows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_events_rejected_inserts_total", Help: "Batches that were refused because a record in them can never be stored, by reason.",
		}, []string{"reason"}),
		queries: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pitot_events_query_duration_seconds", Help: "Time that queries of the event store took.",
			Buckets: []float64{0.005, 0.02, 0.05, 0.15, 0.5, 1, 5, 30},
		}, []string{"query"}),
		rollups: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pitot_events_rollups_total", Help: "Hours and days that were rolled up.",
		}),
		rollupErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pitot_events_rollup_errors_total", Help: "Runs of the rollup job that failed.",
		}),
	}
}

func (m *storeMetrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.insertedRows, m.rejectedRows, m.queries, m.rollups, m.rollupErrors} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("events: register metrics: %w", err)
		}
	}
	return nil
}

func (m *storeMetrics) inserted(n int) { m.insertedRows.Add(float64(n)) }

func (m *storeMetrics) queried(op string, d time.Duration) {
	m.queries.WithLabelValues(op).Observe(d.Seconds())
}
