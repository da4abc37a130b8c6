package gateway

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// gatewayMetrics are the gateway's own: what it does to requests, not what the
// models do.
type gatewayMetrics struct {
	requests       *prometheus.CounterVec
	upstreamErrors *prometheus.CounterVec
	refused        *prometheus.CounterVec
	keyRefreshes   *prometheus.CounterVec
	overhead       prometheus.Histogram
	chunkDelay     prometheus.Histogram

	byLabel sync.Map // requestLabels → prometheus.Counter; bounded by upstreams × kinds × statuses
}

type requestLabels struct {
	upstream, kind string
	status         int
}

func newGatewayMetrics(reg prometheus.Registerer) *gatewayMetrics {
	m := &gatewayMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_gateway_requests_total",
			Help: "Requests through the gateway by upstream, kind (call, pass or upgrade) and HTTP status.",
		}, []string{"upstream", "kind", "code"}),
		upstreamErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_gateway_upstream_errors_total",
			Help: "Requests that an upstream did not answer, or whose answer broke off, by reason.",
		}, []string{"upstream", "reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_gateway_refused_total",
			Help: "Calls that a budget refused before they were sent, by upstream.",
		}, []string{"upstream"}),
		keyRefreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_gateway_key_refreshes_total",
			Help: "Runs of the commands that print providers' keys, by upstream and result (ok or failed).",
		}, []string{"upstream", "result"}),
		overhead: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "pitot_gateway_overhead_seconds",
			Help:    "Time that the gateway itself added to a call.",
			Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .1},
		}),
		chunkDelay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "pitot_gateway_chunk_delay_seconds",
			Help:    "Time between the arrival of a piece of a stream and its being sent on.",
			Buckets: []float64{.000005, .00001, .000025, .00005, .0001, .00025, .0005, .001, .005, .05},
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.upstreamErrors, m.refused, m.keyRefreshes, m.overhead, m.chunkDelay)
	}
	return m
}

// request counts one request. The counter is cached: looking it up by label
// values costs more than the rest of the counting.
func (m *gatewayMetrics) request(upstream, kind string, status int) {
	if status < 100 || status > 599 {
		status = 0
	}
	k := requestLabels{upstream, kind, status}
	if c, ok := m.byLabel.Load(k); ok {
		c.(prometheus.Counter).Inc()
		return
	}
	c := m.requests.WithLabelValues(upstream, kind, strconv.Itoa(status))
	m.byLabel.Store(k, c)
	c.Inc()
}
