package otlp

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the receiver's own.
type metrics struct {
	requests *prometheus.CounterVec
	received *prometheus.CounterVec
	rejected *prometheus.CounterVec
	bytes    *prometheus.CounterVec
}

// Reasons for which something is rejected.
const (
	reasonUndecodable = "undecodable"
	reasonInvalid     = "invalid"
	reasonStore       = "store"
)

func newMetrics(b *budget, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_otlp_requests_total", Help: "Requests of telemetry senders, by how they were answered.",
		}, []string{"signal", "transport", "code"}),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_otlp_received_total", Help: "Spans, log records and data points that were decoded.",
		}, []string{"signal"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_otlp_rejected_total", Help: "Spans, log records and data points that were rejected for what they are; their senders were told.",
		}, []string{"signal", "reason"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_otlp_message_bytes_total", Help: "Bytes of messages, decompressed.",
		}, []string{"signal"}),
	}
	for s := signalTraces; s < numSignals; s++ {
		m.received.WithLabelValues(s.String())
		m.bytes.WithLabelValues(s.String())
		for _, reason := range []string{reasonUndecodable, reasonInvalid} {
			m.rejected.WithLabelValues(s.String(), reason)
		}
	}
	if reg == nil {
		return m, nil
	}
	gauge := func(name, help string, f func() int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		m.requests, m.received, m.rejected, m.bytes,
		gauge("pitot_otlp_in_flight_bytes", "About what the messages under way take in memory.", b.used.Load),
		gauge("pitot_otlp_max_in_flight_bytes", "What messages under way may take in memory; past it senders are told to come again.", func() int64 { return b.size }),
	} {
		errs = append(errs, reg.Register(c))
	}
	return m, errors.Join(errs...)
}
