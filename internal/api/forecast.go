package api

import (
	"net/http"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/forecast"
	"github.com/pitot-dev/pitot/internal/llm"
)

// historyDays is how far back spending is looked at: the whole month before this
// one, whatever the day.
const historyDays = 62

// ForecastReport is what was spent so far and what will have been spent.
type ForecastReport struct {
	Time        time.Time        `json:"time"`
	TimeZone    string           `json:"time_zone"`
	HistoryDays int              `json:"history_days"` // whole days
	Periods     []PeriodForecast `json:"periods"`
	History     []DaySpent       `json:"history"` // oldest first
}

// PeriodForecast is the day or month of now.
type PeriodForecast struct {
	Period        string    `json:"period"` // day, month
	Start         time.Time `json:"start"`
	End           time.Time `json:"end"`
	SpentUSD      float64   `json:"spent_usd"`
	Calls         int64     `json:"calls"`
	UnpricedCalls int64     `json:"unpriced_calls"`
	// The period before, and it up to the same point.
	PreviousUSD      llm.Opt[float64] `json:"previous_usd,omitzero"`
	PreviousSoFarUSD llm.Opt[float64] `json:"previous_so_far_usd,omitzero"`
	TooLittle        bool             `json:"too_little"`
	Reason           string           `json:"reason,omitempty"`
	Method           string           `json:"method,omitempty"`
	ForecastUSD      llm.Opt[float64] `json:"forecast_usd,omitzero"`
	LowUSD           llm.Opt[float64] `json:"low_usd,omitzero"`
	HighUSD          llm.Opt[float64] `json:"high_usd,omitzero"`
	Level            llm.Opt[float64] `json:"level,omitzero"` // the share of outcomes between low and high
}

// DaySpent is what was spent on a day of the time zone.
type DaySpent struct {
	Start time.Time `json:"start"`
	USD   float64   `json:"usd"`
}

func (s *server) forecast(r *http.Request) (any, error) {
	now := s.Now()
	p := newParams(r, now)
	f := p.fields()
	f.Query, f.Search = p.get("query"), p.get("search")
	loc := p.zone("time_zone")
	if err := p.check(); err != nil {
		return nil, err
	}
	local := now.In(loc)
	y, m, d := local.Date()
	today, month := time.Date(y, m, d, 0, 0, 0, 0, loc), time.Date(y, m, 1, 0, 0, 0, 0, loc)
	day := PeriodForecast{Period: "day", Start: today.UTC(), End: time.Date(y, m, d+1, 0, 0, 0, 0, loc).UTC()}
	whole := PeriodForecast{Period: "month", Start: month.UTC(), End: time.Date(y, m+1, 1, 0, 0, 0, 0, loc).UTC()}
	for _, x := range []*PeriodForecast{&day, &whole} {
		if err := s.spent(r, f, x, now); err != nil {
			return nil, err
		}
	}
	h, err := s.history(r, f, time.Date(y, m, d-historyDays, 0, 0, 0, 0, loc), now, loc)
	if err != nil {
		return nil, err
	}
	day.project(h.Today(now, day.SpentUSD))
	whole.project(h.Month(now, whole.SpentUSD))
	day.previous(h, time.Date(y, m, d-1, 0, 0, 0, 0, loc), today, now)
	whole.previous(h, time.Date(y, m-1, 1, 0, 0, 0, 0, loc), month, now)
	days := h.Days()
	out := ForecastReport{Time: now.UTC(), TimeZone: loc.String(), HistoryDays: len(days), Periods: []PeriodForecast{day, whole}, History: []DaySpent{}}
	for _, x := range days {
		out.History = append(out.History, DaySpent{x.Start.UTC(), x.USD})
	}
	return out, nil
}

// zone reads the name of a time zone.
func (p *params) zone(name string) *time.Location {
	text := p.get(name)
	if text == "" {
		return time.UTC
	}
	loc, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		p.fail(badParameter(name, text, "a name such as Asia/Shanghai or Europe/Berlin"))
		return time.UTC
	}
	return loc
}

// spent fills in what was spent since the start of a period.
func (s *server) spent(r *http.Request, f events.CallFilter, x *PeriodForecast, now time.Time) error {
	f.Range = events.Range{Start: x.Start, End: now}
	if !x.Start.Before(now) {
		return nil // midnight
	}
	groups, err := s.Events.Costs(r.Context(), events.CostQuery{CallFilter: f})
	if err != nil {
		return err
	}
	for i := range groups {
		t := &groups[i].Totals
		x.SpentUSD += t.CostUSD
		x.Calls += t.Calls
		x.UnpricedCalls += t.ByState[llm.CostUnpriced].Calls
	}
	return nil
}

// history reads what was spent by the hour. It begins with the first Call.
func (s *server) history(r *http.Request, f events.CallFilter, start, now time.Time, loc *time.Location) (*forecast.History, error) {
	f.Range = events.Range{Start: start.UTC().Truncate(time.Hour), End: now}
	groups, err := s.Events.Costs(r.Context(), events.CostQuery{CallFilter: f, Step: time.Hour, Limit: events.MaxLimit})
	if err != nil {
		return nil, err
	}
	var first time.Time
	hours := make([]forecast.Hour, 0, len(groups))
	for i := range groups {
		g := &groups[i]
		if first.IsZero() || g.Time.Before(first) {
			first = g.Time
		}
		hours = append(hours, forecast.Hour{Start: g.Time, USD: g.Totals.CostUSD})
	}
	if first.Before(start) && !first.IsZero() {
		first = start
	}
	return forecast.New(hours, first, now, loc), nil
}

func (x *PeriodForecast) project(pr forecast.Projection) {
	x.TooLittle, x.Reason, x.Method = pr.TooLittle, pr.Reason, pr.Method
	if !pr.TooLittle {
		x.ForecastUSD, x.LowUSD, x.HighUSD, x.Level = llm.Some(pr.USD), llm.Some(pr.Low), llm.Some(pr.High), llm.Some(forecast.Level)
	}
}

// previous fills in the period before, which began at start and ended at end.
func (x *PeriodForecast) previous(h *forecast.History, start, end, now time.Time) {
	if usd, ok := h.SoFar(start, end); ok {
		x.PreviousUSD = llm.Some(usd)
	}
	point := start.Add(now.Sub(end))
	if point.After(end) { // the month before is shorter
		point = end
	}
	if usd, ok := h.SoFar(start, point); ok {
		x.PreviousSoFarUSD = llm.Some(usd)
	}
}
