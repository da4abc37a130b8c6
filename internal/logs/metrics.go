package logs

import (
	"github.com/prometheus/client_golang/prometheus"
)

// The inputs, as the label `input` has them.
const (
	inputElasticsearch = "elasticsearch"
	inputFile          = "file"
)

// Reasons for which something was refused or left out.
const (
	reasonBadJSON     = "bad_json"       // a document that is no JSON object
	reasonBadAction   = "bad_action"     // a line of a bulk request that is no action
	reasonUnsupported = "unsupported"    // an action that logs do not have, such as delete
	reasonTooLong     = "too_long"       // a document over the limit
	reasonTooLarge    = "body_too_large" // a body over the limit
	reasonBadBody     = "bad_body"       // a body that cannot be read or decompressed
	reasonOverload    = "overload"       // told to come back
	reasonFailed      = "failed"         // the sink failed for good
)

// Metrics are the package's own. The zero value is not usable.
type Metrics struct {
	received   *prometheus.CounterVec
	rejected   *prometheus.CounterVec
	calls      *prometheus.CounterVec
	attributes prometheus.Counter
	cut        prometheus.Counter
	gaps       prometheus.Counter
	retries    prometheus.Counter
	skipped    prometheus.Counter
	lag        prometheus.Gauge
	open       prometheus.Gauge
}

// NewMetrics returns the metrics of one server.
func NewMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_logs_received_total", Help: "Log lines taken in and durable, by the way they came.",
		}, []string{"input"}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_logs_rejected_total", Help: "Documents of Elasticsearch senders that were not taken, by reason. Each sender was told.",
		}, []string{"reason"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_logs_calls_total", Help: "Log lines that were also taken as a call, by the kind of line.",
		}, []string{"kind"}),
		attributes: counter("pitot_logs_attributes_dropped_total", "Fields of log lines left out because the line had too many."),
		cut:        counter("pitot_logs_lines_cut_total", "Lines of files that were longer than logs.max_line and were cut."),
		gaps:       counter("pitot_logs_file_gaps_total", "Times that a file was truncated or replaced and the rest of its old content was not found."),
		retries:    counter("pitot_logs_file_retries_total", "Times that lines of files had to wait because the pipeline took no more."),
		skipped:    counter("pitot_logs_files_skipped_total", "Files not opened, because too many are open or they cannot be read."),
		lag:        gauge("pitot_logs_tail_lag_bytes", "Bytes of tailed files that are not taken in yet."),
		open:       gauge("pitot_logs_files_open", "Files that are tailed."),
	}
	for _, in := range []string{inputElasticsearch, inputFile} {
		m.received.WithLabelValues(in)
	}
	for _, r := range []string{
		reasonBadJSON, reasonBadAction, reasonUnsupported, reasonTooLong, reasonTooLarge, reasonBadBody, reasonOverload, reasonFailed,
	} {
		m.rejected.WithLabelValues(r)
	}
	for _, k := range []string{callEvent, callLiteLLM} {
		m.calls.WithLabelValues(k)
	}
	return m
}

// Collectors returns what to register.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.received, m.rejected, m.calls, m.attributes, m.cut, m.gaps, m.retries, m.skipped, m.lag, m.open,
	}
}

func (m *Metrics) reject(reason string, n int) {
	if n > 0 {
		m.rejected.WithLabelValues(reason).Add(float64(n))
	}
}
