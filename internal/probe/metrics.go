package probe

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
)

// probeMetrics are what probes found. Their number of series is that of the
// configured probes.
type probeMetrics struct {
	success, correct, duration, ttft, tpot, status *prometheus.GaugeVec
	runs, cost                                     *prometheus.CounterVec
	vecs                                           []interface{ DeletePartialMatch(prometheus.Labels) int }
	known                                          map[string]bool
}

var probeLabels = []string{"probe", "upstream", "provider", "model"}

func newProbeMetrics(reg prometheus.Registerer) *probeMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, probeLabels)
	}
	m := &probeMetrics{
		success:  gauge("pitot_probe_success", "1 if the last run of the probe had an answer, 0 if not."),
		correct:  gauge("pitot_probe_correct", "1 if the last answer was the expected one, 0 if not."),
		duration: gauge("pitot_probe_duration_seconds", "Duration of the last run that had an answer."),
		ttft:     gauge("pitot_probe_time_to_first_token_seconds", "Time to the first token of the last answer."),
		tpot:     gauge("pitot_probe_time_per_output_token_seconds", "Time per output token after the first of the last answer."),
		status:   gauge("pitot_probe_http_status_code", "HTTP status of the last run; 0 where there was no answer."),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_probe_runs_total", Help: "Runs of a probe by result: ok, wrong, failed, paused.",
		}, append(slices.Clip(probeLabels), "result")),
		cost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_probe_cost_usd_total", Help: "What the calls of a probe cost in US dollars.",
		}, []string{"probe"}),
		known: map[string]bool{},
	}
	cs := []prometheus.Collector{m.success, m.correct, m.duration, m.ttft, m.tpot, m.status, m.runs, m.cost}
	for _, c := range cs {
		m.vecs = append(m.vecs, c.(interface{ DeletePartialMatch(prometheus.Labels) int }))
	}
	if reg != nil {
		reg.MustRegister(cs...)
	}
	return m
}

// keep drops the series of probes that are no more. The caller holds the lock
// of the Prober.
func (m *probeMetrics) keep(state map[string]*Status) {
	for name := range m.known {
		if state[name] == nil {
			for _, v := range m.vecs {
				v.DeletePartialMatch(prometheus.Labels{"probe": name})
			}
			delete(m.known, name)
		}
	}
	for name := range state {
		m.known[name] = true
	}
}

func (m *probeMetrics) observe(t *Target, provider string, r result) {
	l := []string{t.Name, t.Upstream, provider, t.Model}
	m.runs.WithLabelValues(t.Name, t.Upstream, provider, t.Model, r.state).Inc()
	if r.skipped {
		return // nothing was found: what was last found stays
	}
	m.success.WithLabelValues(l...).Set(flag(r.state == StateOK || r.state == StateWrong))
	m.correct.WithLabelValues(l...).Set(flag(r.state == StateOK))
	c := r.call
	if c == nil {
		m.status.WithLabelValues(l...).Set(0)
		return
	}
	m.status.WithLabelValues(l...).Set(float64(c.HTTPStatus))
	if r.state == StateFailed {
		return
	}
	m.duration.WithLabelValues(l...).Set(c.Duration.Seconds())
	set := func(g *prometheus.GaugeVec, v llm.Opt[float64]) {
		if f, ok := v.Get(); ok {
			g.WithLabelValues(l...).Set(f)
		}
	}
	set(m.ttft, seconds(c.TTFT))
	set(m.tpot, seconds(c.TPOT()))
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
