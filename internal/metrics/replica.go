package metrics

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// replicaLabel is on the series of senders' OTLP metrics where several replicas
// fill one store. Each adds up what it was sent itself, so that the counters of
// two replicas are two series, which PromQL can add up, and not one that jumps.
const replicaLabel = "pitot_replica"

// markReplica labels all points.
func markReplica(md pmetric.Metrics, name string) {
	mark := func(a pcommon.Map) { a.PutStr(replicaLabel, name) }
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				EachPoint(m, mark)
			}
		}
	}
}

// EachPoint calls f with the attributes of each data point of a metric.
func EachPoint(m pmetric.Metric, f func(pcommon.Map)) {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			f(p.Attributes())
		}
	case pmetric.MetricTypeSum:
		for _, p := range m.Sum().DataPoints().All() {
			f(p.Attributes())
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			f(p.Attributes())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			f(p.Attributes())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			f(p.Attributes())
		}
	case pmetric.MetricTypeEmpty:
	}
}

// serviceSet is a set of services that is replaced as a whole.
type serviceSet struct {
	v atomic.Pointer[map[string]bool]
}

func (s *serviceSet) has(service string) bool {
	m := s.v.Load()
	return m != nil && (*m)[service]
}

// servicesEvery is how often the store is asked which services have Calls.
const servicesEvery = time.Minute

// watchServices keeps remoteServices up to date: the Calls of a service may come
// by another replica than its metrics.
func (m *Metrics) watchServices(ctx context.Context) {
	expr := fmt.Sprintf("group by (%s) (last_over_time(%s{job=%q}[1h]))", labelService, families()[famRequests].Name, selfJob)
	tick := time.NewTicker(servicesEvery)
	defer tick.Stop()
	for {
		if r, err := m.source.query(ctx, expr, time.Now()); err == nil {
			known := make(map[string]bool, len(r.Series))
			for _, s := range r.Series {
				if v := s.Labels[labelService]; v != "" && v != Other {
					known[v] = true
				}
			}
			m.remoteServices.v.Store(&known)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
