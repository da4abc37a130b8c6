package forward

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the package's own.
type metrics struct {
	sent    *prometheus.CounterVec
	dropped *prometheus.CounterVec
	retries *prometheus.CounterVec
	lag     *prometheus.Desc
	age     *prometheus.Desc
	f       *Forwarder
}

func newMetrics(f *Forwarder) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pitot_forward_" + name, Help: help}, labels)
	}
	return &metrics{
		f:       f,
		sent:    vec("sent_total", "Records that the destination has acknowledged.", "destination", "kind"),
		dropped: vec("dropped_total", "Records that were not delivered, by reason.", "destination", "reason"),
		retries: vec("retries_total", "Requests that had to be sent again.", "destination"),
		lag:     prometheus.NewDesc("pitot_forward_lag_bytes", "About the size in the journal of what waits for the destination.", []string{"destination"}, nil),
		age:     prometheus.NewDesc("pitot_forward_oldest_record_age_seconds", "Age of the oldest record that waits for the destination.", []string{"destination"}, nil),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{m.sent, m.dropped, m.retries, m} {
		if err := r.Register(c); err != nil {
			m.unregister(r)
			return err
		}
	}
	return nil
}

func (m *metrics) unregister(r prometheus.Registerer) {
	if r == nil {
		return
	}
	for _, c := range []prometheus.Collector{m.sent, m.dropped, m.retries, m} {
		r.Unregister(c)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.lag
	ch <- m.age
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, s := range m.f.Status() {
		ch <- prometheus.MustNewConstMetric(m.lag, prometheus.GaugeValue, float64(s.LagBytes), s.Name)
		ch <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, s.OldestAge.Seconds(), s.Name)
	}
}

// account is what became of the records of one destination since the start. It
// outlives changes of the destination's configuration.
type account struct {
	name string
	m    *metrics

	mu        sync.Mutex
	sent      map[Kind]uint64
	dropped   map[string]uint64
	retries   uint64
	lastSent  time.Time
	lastErr   string
	lastErrAt time.Time
	failing   bool
}

func (m *metrics) account(name string, what []Kind) *account {
	for _, k := range what {
		m.sent.WithLabelValues(name, string(k))
	}
	for _, r := range reasons() {
		m.dropped.WithLabelValues(name, r)
	}
	m.retries.WithLabelValues(name)
	return &account{name: name, m: m, sent: map[Kind]uint64{}, dropped: map[string]uint64{}}
}

// forget takes a destination out of the metrics.
func (m *metrics) forget(name string) {
	l := prometheus.Labels{"destination": name}
	m.sent.DeletePartialMatch(l)
	m.dropped.DeletePartialMatch(l)
	m.retries.DeletePartialMatch(l)
}

func (a *account) drop(reason string, n uint64) {
	if n == 0 {
		return
	}
	a.m.dropped.WithLabelValues(a.name, reason).Add(float64(n))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dropped[reason] += n
}

// book counts the items that are settled.
func (a *account) book(items []*item) {
	var n map[Kind]uint64
	for _, it := range items {
		switch it.fate {
		case sent:
			if n == nil {
				n = map[Kind]uint64{}
			}
			n[it.kind]++
		case dropped:
			a.drop(it.reason, 1)
		case pending:
		}
	}
	if n == nil {
		return
	}
	for k, c := range n {
		a.m.sent.WithLabelValues(a.name, string(k)).Add(float64(c))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastSent = time.Now()
	for k, c := range n {
		a.sent[k] += c
	}
}

func (a *account) retry() {
	a.m.retries.WithLabelValues(a.name).Inc()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.retries++
}

// state notes whether requests fail, and reports whether that is news.
func (a *account) state(failing bool) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	changed = a.failing != failing
	a.failing = failing
	return changed
}

// problem keeps an error for the status.
func (a *account) problem(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastErr, a.lastErrAt = err.Error(), time.Now()
}

// fill copies the account into a Status.
func (a *account) fill(s *Status) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Sent, s.Dropped, s.Retries = maps.Clone(a.sent), maps.Clone(a.dropped), a.retries
	s.LastSent, s.LastError, s.LastErrorTime = a.lastSent, a.lastErr, a.lastErrAt
	if a.failing {
		s.State = StateRetrying
	}
}
