package manager

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are those that the Alertmanager's own do not have.
type metrics struct {
	requestDuration *prometheus.HistogramVec
	receivers       prometheus.Gauge
	integrations    prometheus.Gauge
	inhibitions     prometheus.Gauge
	clusterEnabled  prometheus.Gauge
	reloads         *prometheus.CounterVec

	up             *prometheus.GaugeVec
	attempts       *prometheus.CounterVec
	templateErrors *prometheus.CounterVec
	hung           *prometheus.GaugeVec

	invalid      prometheus.Counter
	explanations *prometheus.CounterVec
	snapshots    *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	channel := []string{"receiver", "integration", "index"}
	return &metrics{
		requestDuration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "alertmanager_http_request_duration_seconds", Help: "Latency of requests to the Alertmanager API.",
			Buckets: prometheus.DefBuckets,
		}, []string{"handler", "method", "code"}),
		receivers:      f.NewGauge(prometheus.GaugeOpts{Name: "alertmanager_receivers", Help: "Receivers that a route leads to."}),
		integrations:   f.NewGauge(prometheus.GaugeOpts{Name: "alertmanager_integrations", Help: "Channels of the receivers that a route leads to."}),
		inhibitions:    f.NewGauge(prometheus.GaugeOpts{Name: "alertmanager_inhibition_rules", Help: "Inhibition rules."}),
		clusterEnabled: f.NewGauge(prometheus.GaugeOpts{Name: "alertmanager_cluster_enabled", Help: "Whether replicas are joined to notify once."}),
		reloads: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_alert_config_reloads_total", Help: "Configurations of the alertmanager section that were applied or refused.",
		}, []string{"result"}),
		up: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pitot_alert_channel_up", Help: "Whether the last attempt to notify through the channel succeeded; absent before the first.",
		}, channel),
		attempts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_alert_channel_attempts_total", Help: "Attempts to notify through the channel by result: ok, retry (will be tried again), failed.",
		}, append(channel, "result")),
		templateErrors: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_alert_template_errors_total", Help: "Notifications whose template failed; they are sent with a plain text where the channel has one.",
		}, channel),
		hung: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pitot_alert_channel_hung_attempts", Help: "Attempts that did not end when their time was over.",
		}, channel),
		invalid: f.NewCounter(prometheus.CounterOpts{
			Name: "pitot_alert_invalid_total", Help: "Alerts of rules that were dropped, having no labels or invalid ones.",
		}),
		explanations: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_alert_explanations_total", Help: "Explanations of alerts by result: ok, empty, timeout, busy, panic.",
		}, []string{"result"}),
		snapshots: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_alert_snapshots_total", Help: "Writes of silences and notification log to disk by result.",
		}, []string{"state", "result"}),
	}
}
