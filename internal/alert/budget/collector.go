package budget

import "github.com/prometheus/client_golang/prometheus"

// maxSeries is how many accounts of a budget are shown as metrics: those that
// have spent most.
const maxSeries = 100

// collector shows an Engine as Prometheus metrics.
type collector struct {
	e                                              *Engine
	limit, spent, remaining, forecast              *prometheus.Desc
	unpriced, accounts, denied                     *prometheus.Desc
	overflow, tooLate, failedOpen, duplicates      *prometheus.Desc
	unreserved, saveErrors, notifyErrors, reserved *prometheus.Desc
}

// Collector returns the metrics of the budgets.
func (e *Engine) Collector() prometheus.Collector {
	account := []string{"budget", "account", "unit"}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("pitot_budget_"+name, help, labels, nil)
	}
	return &collector{
		e:            e,
		limit:        desc("limit", "Limit of a budget, for each of its accounts, in its unit.", "budget", "unit"),
		spent:        desc("spent", "Spent in the present period; the 100 accounts that spent most.", account...),
		remaining:    desc("remaining_ratio", "Share of the limit that is left, at least 0.", account...),
		forecast:     desc("forecast", "Spent at the end of the period if it goes on like this; absent where it is too early to say.", account...),
		reserved:     desc("reserved", "Reserved for calls on their way, of a budget with enforce: hard.", account...),
		unpriced:     desc("unpriced_calls", "Calls of the present period that are not in spent: their cost or usage is unknown.", "budget"),
		accounts:     desc("accounts", "Accounts of a budget.", "budget"),
		denied:       desc("denied_total", "Calls that a budget refused.", "budget"),
		overflow:     desc("overflow_calls_total", "Calls counted under __other__: past the accounts that a budget may have."),
		tooLate:      desc("late_calls_dropped_total", "Calls of a period that is no longer kept."),
		duplicates:   desc("duplicate_calls_total", "Calls that were counted before."),
		failedOpen:   desc("failed_open_total", "Calls admitted because the decision failed."),
		unreserved:   desc("unreserved_total", "Calls admitted without a reservation: too many were on their way."),
		saveErrors:   desc("save_errors_total", "Failures to save the state."),
		notifyErrors: desc("notify_errors_total", "Failures to deliver notifications, which are tried again."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.limit, c.spent, c.remaining, c.forecast, c.reserved, c.unpriced, c.accounts, c.denied,
		c.overflow, c.tooLate, c.duplicates, c.failedOpen, c.unreserved, c.saveErrors, c.notifyErrors,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		send(ch, d, prometheus.GaugeValue, v, labels)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		send(ch, d, prometheus.CounterValue, float64(v), labels)
	}
	for _, st := range c.e.status(maxSeries) {
		unit := string(st.Unit)
		gauge(c.limit, st.Limit, st.Name, unit)
		gauge(c.accounts, float64(st.Accounts), st.Name)
		gauge(c.unpriced, float64(st.Unpriced), st.Name)
		counter(c.denied, st.Denied, st.Name)
		for _, a := range st.Top {
			gauge(c.spent, a.Spent, st.Name, a.Account, unit)
			gauge(c.remaining, max(1-a.Ratio, 0), st.Name, a.Account, unit)
			if a.Forecast != nil {
				gauge(c.forecast, *a.Forecast, st.Name, a.Account, unit)
			}
			if st.Enforce == Hard {
				gauge(c.reserved, a.Reserved, st.Name, a.Account, unit)
			}
		}
	}
	n := &c.e.counters
	counter(c.overflow, n.overflow.Load())
	counter(c.tooLate, n.tooLate.Load())
	counter(c.duplicates, n.duplicates.Load())
	counter(c.failedOpen, n.failedOpen.Load())
	counter(c.unreserved, n.unreserved.Load())
	counter(c.saveErrors, n.saveErrors.Load())
	counter(c.notifyErrors, n.notifyErrors.Load())
}

// send leaves a metric out that cannot be made, rather than panic: account names
// come from outside.
func send(ch chan<- prometheus.Metric, d *prometheus.Desc, t prometheus.ValueType, v float64, labels []string) {
	if m, err := prometheus.NewConstMetric(d, t, v, labels...); err == nil {
		ch <- m
	}
}
