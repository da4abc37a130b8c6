package budget

import (
	"cmp"
	"slices"
	"time"
)

// topAccounts is how many accounts a Status shows.
const topAccounts = 20

// Status is how a budget stands.
type Status struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Unit        Unit      `json:"unit"`
	Period      string    `json:"period"` // hour, day, week, month, or the length of a rolling window
	Rolling     bool      `json:"rolling,omitempty"`
	Start       time.Time `json:"start"` // of the present period
	End         time.Time `json:"end"`
	Limit       float64   `json:"limit"` // of each account
	Thresholds  []float64 `json:"thresholds,omitempty"`
	// Forecast says that it is also notified when the limit will be passed.
	Forecast bool `json:"forecast,omitempty"`
	// Scope says which Calls count, by dimension; absent: all. A value that begins
	// with ~ is a regular expression.
	Scope map[string]Values `json:"scope,omitempty"`
	// TimeZone is where days, weeks and months begin; absent: UTC.
	TimeZone string `json:"time_zone,omitempty"`
	// Labels are those of its notifications.
	Labels  map[string]string `json:"labels,omitempty"`
	Enforce Enforcement       `json:"enforce"`
	// Each is the dimension whose values have an account each.
	Each string `json:"each,omitempty"`
	// Accounts are how many there are; Top those that have spent most. A budget
	// without Each has one.
	Accounts int             `json:"accounts"`
	Top      []AccountStatus `json:"top,omitempty"`
	// Exceeded is how many accounts have reached the limit.
	Exceeded int    `json:"exceeded"`
	Denied   uint64 `json:"denied,omitempty"` // calls refused since the start of the program

	// Totals of all accounts.
	Spent    float64 `json:"spent"`
	Calls    int64   `json:"calls"`
	Unpriced int64   `json:"unpriced,omitempty"` // calls that are not in Spent: their cost or usage is unknown
	// Incomplete says that the budget still has to be filled from the store.
	Incomplete bool `json:"incomplete,omitempty"`
}

// AccountStatus is how one account stands.
type AccountStatus struct {
	Account   string   `json:"account,omitempty"`
	Spent     float64  `json:"spent"`
	Reserved  float64  `json:"reserved,omitempty"` // for calls on their way
	Remaining float64  `json:"remaining"`          // at least 0
	Ratio     float64  `json:"ratio"`              // spent over limit
	Forecast  *float64 `json:"forecast,omitempty"` // at the end of the period; absent where it is too early
	Calls     int64    `json:"calls"`
	Unpriced  int64    `json:"unpriced,omitempty"`
}

// Status returns how the budgets stand, in the order of the configuration.
func (e *Engine) Status() []Status { return e.status(topAccounts) }

func (e *Engine) status(top int) []Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	all := *e.active.Load()
	out := make([]Status, 0, len(all))
	for _, l := range all {
		out = append(out, l.status(now, top))
	}
	return out
}

func (l *ledger) status(now time.Time, top int) Status {
	start, end := l.period.window(now)
	st := Status{
		Name: l.Name, Description: l.Description, Unit: l.Unit, Period: l.Period, Rolling: l.period.rolling(), Start: start, End: end,
		Limit: l.Limit, Thresholds: l.Thresholds, Forecast: l.Forecast, Scope: l.Scope, TimeZone: l.TimeZone, Labels: l.Labels, Enforce: l.Enforce, Each: l.Each, Accounts: len(l.accounts), Denied: l.denied,
		Incomplete: !l.replayFrom.IsZero(),
	}
	var sum int64
	type line struct {
		a     *account
		total slot
	}
	lines := make([]line, 0, len(l.accounts))
	for _, a := range l.accounts {
		t := a.totals(&l.period, now)
		lines = append(lines, line{a, t})
		sum = add(sum, t.Amount)
		st.Calls += t.Calls
		st.Unpriced += t.Unpriced
		if t.Amount >= l.limit {
			st.Exceeded++
		}
	}
	if l.Each == "" && len(lines) == 0 {
		lines = append(lines, line{&account{}, slot{}})
		st.Accounts = 1
	}
	st.Spent = l.Unit.value(sum)
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.total.Amount, a.total.Amount), cmp.Compare(a.a.key, b.a.key))
	})
	for _, ln := range lines[:min(top, len(lines))] {
		spent := l.Unit.value(ln.total.Amount)
		st.Top = append(st.Top, AccountStatus{
			Account: ln.a.key, Spent: spent, Reserved: l.Unit.value(ln.a.reserved), Remaining: max(l.Limit-spent, 0), Ratio: spent / l.Limit,
			Forecast: l.forecast(ln.a, ln.total, now), Calls: ln.total.Calls, Unpriced: ln.total.Unpriced,
		})
	}
	return st
}
