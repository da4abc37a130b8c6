package quality

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Why something was not judged or not kept.
const (
	dropQueue   = "queue_full"
	dropJudge   = "judge_queue_full"
	dropStore   = "store_limit"
	dropFailed  = "store_error"
	dropPanic   = "panic"
	resultGood  = "pass"
	resultBad   = "fail"
	judgeOK     = "ok"
	judgeFailed = "failed"
	judgePaused = "paused"
)

type qualityMetrics struct {
	evaluated, dropped, runs, cost *prometheus.CounterVec
	queued                         prometheus.GaugeFunc
}

func newMetrics(q *Quality, reg prometheus.Registerer) (*qualityMetrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &qualityMetrics{
		evaluated: counter("pitot_quality_judgements_total", "Judgements of rules and judges by result: pass, fail.", "evaluator", "result"),
		dropped:   counter("pitot_quality_dropped_total", "Answers that were not judged, and judgements that were not kept, by reason: queue_full, judge_queue_full, store_limit, store_error, panic.", "reason"),
		runs:      counter("pitot_quality_judge_runs_total", "Answers that were given to a judge, by result: ok, failed, paused (the budget is spent).", "judge", "result"),
		cost:      counter("pitot_quality_judge_cost_usd_total", "What the calls of a judge cost in US dollars.", "judge"),
		queued: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pitot_quality_queue_length", Help: "Answers that wait to be judged by rules."},
			func() float64 { return float64(len(q.queue)) }),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.evaluated, m.dropped, m.runs, m.cost, m.queued} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("quality: %w", err)
		}
	}
	return m, nil
}
