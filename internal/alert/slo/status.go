package slo

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Sample is one result of a query.
type Sample struct {
	Labels map[string]string // with __name__ where it has one
	Value  float64
}

// Querier evaluates PromQL at a time.
type Querier interface {
	Query(ctx context.Context, expr string, at time.Time) ([]Sample, error)
}

// QuerierFunc is a function that is a Querier.
type QuerierFunc func(ctx context.Context, expr string, at time.Time) ([]Sample, error)

// Query implements Querier.
func (f QuerierFunc) Query(ctx context.Context, expr string, at time.Time) ([]Sample, error) {
	return f(ctx, expr, at)
}

// State is how an objective is doing.
type State string

// The states, from good to bad to unknown.
const (
	StateOK        State = "ok"
	StateBurning   State = "burning"   // an alert's condition is met
	StateExhausted State = "exhausted" // no error budget is left
	StateNoData    State = "no_data"   // no events in the window, or not evaluated yet
	StateError     State = "error"     // it could not be found out
)

// Status is how one objective is doing. Numbers that are not known are nil.
type Status struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Indicator   string            `json:"indicator"` // availability, latency, ...
	Labels      map[string]string `json:"labels,omitempty"`
	Objective   float64           `json:"objective"` // a ratio
	Window      string            `json:"window"`
	State       State             `json:"state"`
	// Error says why it could not be found out.
	Error string `json:"error,omitempty"`

	Attainment      *float64 `json:"attainment,omitempty"` // share of good events in the window
	Events          *float64 `json:"events,omitempty"`     // in the window
	BadEvents       *float64 `json:"bad_events,omitempty"`
	BudgetRemaining *float64 `json:"budget_remaining,omitempty"` // share; negative where overspent
	// BurnRates are by window, short ones first.
	BurnRates []Burn `json:"burn_rates,omitempty"`
	// Alerts are the conditions of its alerts.
	Alerts []AlertStatus `json:"alerts,omitempty"`
	// MinErrors is how many bad events the long window of an alert must have, too.
	MinErrors float64 `json:"min_errors,omitempty"`
	// ExhaustedAt is when the budget is spent at the earliest if it goes on as in
	// the page's second long window (6h of 30d).
	ExhaustedAt *time.Time `json:"exhausted_at,omitempty"`
}

// Burn is a burn rate over a window; nil where it had no events.
type Burn struct {
	Window string   `json:"window"`
	Rate   *float64 `json:"rate,omitempty"`
}

// AlertStatus is one condition of a burn-rate alert.
type AlertStatus struct {
	Level  Level   `json:"level"`
	Long   string  `json:"long"`
	Short  string  `json:"short"`
	Factor float64 `json:"factor"`
	// Threshold is the share of bad events that is a burn rate of Factor.
	Threshold float64 `json:"threshold"`
	// Consumed is the share of the window's budget that is spent when a steady burn
	// at Factor is noticed.
	Consumed float64 `json:"consumed"`
	Met      bool    `json:"met"`
	// Off says that nobody is alerted: the objective has alerts of this level off.
	Off bool `json:"off,omitempty"`
}

// Status reads how the objectives are doing from what their rules recorded. An
// objective with `by` has one Status for each label set.
func (s *Set) Status(ctx context.Context, q Querier, at time.Time) []Status {
	out := make([]Status, 0, len(s.slos))
	for i := range s.slos {
		out = append(out, s.slos[i].status(ctx, q, at)...)
	}
	return out
}

// readings are the recorded values of one label set, by name.
type readings struct {
	labels map[string]string
	values map[string]float64
}

func (s *SLO) status(ctx context.Context, q Querier, at time.Time) []Status {
	sets := map[string]*readings{}
	// What is recorded once a tile is there for two of them: the sample of this
	// one may still be on its way.
	for _, expr := range []string{
		fmt.Sprintf(`{slo=%q,__name__=~"slo:(sli_error|events):.+"}`, s.Name),
		fmt.Sprintf(`last_over_time({slo=%q,__name__=~"%s|%s"}[%s])`, s.Name, s.periodName(), recRemaining, promDuration(2*tile)),
	} {
		if err := s.read(ctx, q, expr, at, sets); err != nil {
			return []Status{s.failed(err)}
		}
	}
	for name, tiles := range map[string]string{"errors": recErrorTile, "events": recEventTile} {
		expr := fmt.Sprintf("label_replace(sum_over_time(%s[%s]), \"__name__\", %q, \"\", \"\")", s.series(tiles), s.elapsed(at), name)
		if err := s.read(ctx, q, expr, at, sets); err != nil {
			return []Status{s.failed(err)}
		}
	}
	if len(sets) == 0 {
		sets[""] = &readings{labels: s.seriesLabels()}
	}
	out := make([]Status, 0, len(sets))
	for _, key := range slices.Sorted(maps.Keys(sets)) {
		out = append(out, s.statusOf(sets[key], at))
	}
	return out
}

// elapsed is the part of the window that is over at a time.
func (s *SLO) elapsed(at time.Time) string {
	if !s.Window.Calendar {
		return promDuration(s.Window.Length)
	}
	return promDuration(max((at.Sub(monthStart(at)) - tile/2).Truncate(time.Second), time.Second))
}

func monthStart(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func (s *SLO) read(ctx context.Context, q Querier, expr string, at time.Time, sets map[string]*readings) error {
	samples, err := q.Query(ctx, expr, at)
	if err != nil {
		return fmt.Errorf("slo: status of %s: %w", s.Name, err)
	}
	for _, smp := range samples {
		name := smp.Labels["__name__"]
		labels := maps.Clone(smp.Labels)
		delete(labels, "__name__")
		key := labelKey(labels)
		r := sets[key]
		if r == nil {
			r = &readings{labels: labels, values: map[string]float64{}}
			sets[key] = r
		}
		if !math.IsNaN(smp.Value) {
			r.values[name] = smp.Value
		}
	}
	return nil
}

func labelKey(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "\xff" + labels[name] + "\xff")
	}
	return b.String()
}

func (s *SLO) blank() Status {
	return Status{
		Name: s.Name, Description: s.Description, Indicator: s.SLI.Kind(), Labels: s.seriesLabels(),
		Objective: s.objective(), Window: s.Window.String(), State: StateNoData,
	}
}

func (s *SLO) failed(err error) Status {
	st := s.blank()
	st.State, st.Error = StateError, err.Error()
	return st
}

func (s *SLO) statusOf(r *readings, at time.Time) Status {
	st := s.blank()
	st.Labels = r.labels
	known := func(name string) *float64 {
		if v, ok := r.values[name]; ok {
			return &v
		}
		return nil
	}
	burn := func(w time.Duration) *float64 {
		if v := known(s.ratioName(w)); v != nil {
			return new(BurnRate(*v, s.objective()))
		}
		return nil
	}
	if s.SLI.ErrorRatio == "" { // a ratio counts no events
		st.MinErrors = s.minErrors()
	}
	alerts := BurnAlerts(s.Window)
	var windows []time.Duration
	for _, a := range alerts {
		windows = append(windows, a.Short, a.Long)
		long, short := burn(a.Long), burn(a.Short)
		met := long != nil && short != nil && *long > a.Factor && *short > a.Factor
		st.Alerts = append(st.Alerts, AlertStatus{
			Level: a.Level, Long: promDuration(a.Long), Short: promDuration(a.Short), Factor: a.Factor,
			Threshold: ErrorThreshold(a.Factor, s.objective()), Consumed: a.Consumed, Met: met, Off: s.Alerting.off(a.Level),
		})
	}
	slices.Sort(windows)
	for _, w := range slices.Compact(windows) {
		st.BurnRates = append(st.BurnRates, Burn{Window: promDuration(w), Rate: burn(w)})
	}
	if ratio := known(s.periodName()); ratio != nil {
		st.Attainment = new(1 - *ratio)
		st.BudgetRemaining = new(BudgetRemaining(*ratio, s.objective()))
	}
	if s.SLI.ErrorRatio == "" {
		st.Events, st.BadEvents = known("events"), known("errors")
	}
	s.judge(&st, burn(alerts[1].Long), at)
	return st
}

// judge sets the state and the forecast; burn is the rate that it goes by.
func (s *SLO) judge(st *Status, burn *float64, at time.Time) {
	if st.BudgetRemaining == nil {
		return
	}
	st.State = StateOK
	if slices.ContainsFunc(st.Alerts, func(a AlertStatus) bool { return a.Met }) {
		st.State = StateBurning
	}
	if *st.BudgetRemaining <= 0 {
		st.State = StateExhausted
	}
	if burn == nil {
		return
	}
	left, ok := TimeToExhaustion(*st.BudgetRemaining, *burn, s.Window.Length, !s.Window.Calendar)
	if !ok || left == 0 {
		return
	}
	if s.Window.Calendar && at.Add(left).After(monthStart(at).AddDate(0, 1, 0)) {
		return // a new month brings a new budget
	}
	st.ExhaustedAt = new(at.Add(left).UTC())
}
