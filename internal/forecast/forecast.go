package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// MinDays is how many whole days of history the rest of a day takes.
	MinDays = 3
	// MinMonthDays is how many the rest of a month takes.
	MinMonthDays = 7
	// seasonalDays is from how many days on the days of the week are told apart:
	// each has come three times then.
	seasonalDays = 21
	// levelDays is how many of the last days set the level: what was spent before
	// says how spending is spread, not how much it is by now.
	levelDays = 7
	// Level is the share of outcomes that the interval is to hold, and quantile
	// the number of standard deviations on each side for it.
	Level    = 0.8
	quantile = 1.2815515655446004
)

// Hour is what was spent in an hour.
type Hour struct {
	Start time.Time
	USD   float64
}

// Day is what was spent in a day.
type Day struct {
	Start time.Time
	USD   float64
}

// History is the past by hours and days of a time zone.
type History struct {
	loc  *time.Location
	days []day // whole days, oldest first
}

type day struct {
	start   time.Time
	hours   [24]float64
	seconds [24]float64 // how long each hour was: clocks change
	total   float64
}

// New takes the hours of the past, in any order; those without spending may be
// absent. first is when the history begins: the first whole day after it counts,
// and the last one before the day of now.
func New(hours []Hour, first, now time.Time, loc *time.Location) *History {
	h := &History{loc: loc}
	if first.IsZero() || !first.Before(now) {
		return h
	}
	start := startOfDay(first, loc)
	if start.Before(first) {
		start = nextDay(start, loc)
	}
	index := map[time.Time]int{}
	for today := startOfDay(now, loc); start.Before(today); start = nextDay(start, loc) {
		d := day{start: start}
		end := nextDay(start, loc)
		for t := start; t.Before(end); t = t.Add(15 * time.Minute) {
			d.seconds[t.In(loc).Hour()] += (15 * time.Minute).Seconds()
		}
		index[start.UTC()] = len(h.days)
		h.days = append(h.days, d)
	}
	for _, x := range hours {
		i, ok := index[startOfDay(x.Start, loc).UTC()]
		if !ok {
			continue
		}
		d := &h.days[i]
		d.hours[x.Start.In(loc).Hour()] += x.USD
		d.total += x.USD
	}
	return h
}

// Days are the whole days of the history, oldest first.
func (h *History) Days() []Day {
	out := make([]Day, len(h.days))
	for i := range h.days {
		out[i] = Day{h.days[i].start, h.days[i].total}
	}
	return out
}

// Projection is what will have been spent at the end of a period.
type Projection struct {
	USD, Low, High float64
	Method         string // weekday_hours, hours, days_of_week, days
	TooLittle      bool
	Reason         string // where TooLittle
}

// Today projects the day of now, in which spent was spent so far.
func (h *History) Today(now time.Time, spent float64) Projection {
	if n := len(h.days); n < MinDays {
		return tooLittle(n, MinDays)
	}
	method := "hours"
	if len(h.days) >= seasonalDays {
		method = "weekday_hours"
	}
	s := h.shape()
	rest := s.rest(now, h.loc)
	var errs []float64
	for i := range h.days {
		d := &h.days[i]
		at := sameClock(d.start, now, h.loc)
		errs = append(errs, d.rest(at, h.loc)-s.rest(at, h.loc))
	}
	m := float64(min(levelDays, len(h.days)))
	return projection(spent, rest, deviation(errs)*math.Sqrt(1+1/m), method)
}

// Month projects the month of now, in which spent was spent so far.
func (h *History) Month(now time.Time, spent float64) Projection {
	if n := len(h.days); n < MinMonthDays {
		return tooLittle(n, MinMonthDays)
	}
	method := "days"
	if len(h.days) >= seasonalDays {
		method = "days_of_week"
	}
	s := h.shape()
	rest := s.rest(now, h.loc)
	days := 0.0
	local := now.In(h.loc)
	end := time.Date(local.Year(), local.Month()+1, 1, 0, 0, 0, 0, h.loc)
	today := startOfDay(now, h.loc)
	tomorrow := nextDay(today, h.loc)
	days += tomorrow.Sub(now).Hours() / tomorrow.Sub(today).Hours()
	for d := tomorrow; d.Before(end); d = nextDay(d, h.loc) {
		rest += s.rest(d, h.loc)
		days++
	}
	var errs []float64
	for i := range h.days {
		errs = append(errs, h.days[i].total-s.rest(h.days[i].start, h.loc))
	}
	// The days differ each by itself; and the level, which was learned from few of
	// them, is wrong by the same amount on all.
	m := float64(min(levelDays, len(h.days)))
	return projection(spent, rest, deviation(errs)*math.Sqrt(days+days*days/m), method)
}

func tooLittle(have, want int) Projection {
	return Projection{TooLittle: true, Reason: fmt.Sprintf("%d whole days of history, and it takes %d", have, want)}
}

func projection(spent, rest, sd float64, method string) Projection {
	rest = max(rest, 0)
	return Projection{USD: spent + rest, Low: spent + max(rest-quantile*sd, 0), High: spent + rest + quantile*sd, Method: method}
}

// shape is the rate of spending, in US dollars a second, by the day of the week
// and the hour.
type shape [7][24]float64

// shape learns the rates: how the days of the past were spread, at the level of
// the last ones.
func (h *History) shape() *shape {
	var s shape
	var sum, seconds [7][24]float64
	seasonal := len(h.days) >= seasonalDays
	for i := range h.days {
		d := &h.days[i]
		for w := range 7 {
			if seasonal && time.Weekday(w) != d.start.In(h.loc).Weekday() {
				continue
			}
			for hr := range 24 {
				sum[w][hr] += d.hours[hr]
				seconds[w][hr] += d.seconds[hr]
			}
		}
	}
	for w := range 7 {
		for hr := range 24 {
			if seconds[w][hr] > 0 {
				s[w][hr] = sum[w][hr] / seconds[w][hr]
			}
		}
	}
	var was, would float64
	for _, d := range h.days[len(h.days)-min(levelDays, len(h.days)):] {
		was += d.total
		would += s.rest(d.start, h.loc)
	}
	if would <= 0 {
		return &s
	}
	for w := range 7 {
		for hr := range 24 {
			s[w][hr] *= was / would
		}
	}
	return &s
}

// rest is what the shape spends from a time to the end of its day.
func (s *shape) rest(from time.Time, loc *time.Location) float64 {
	var usd float64
	end := nextDay(startOfDay(from, loc), loc)
	w := from.In(loc).Weekday()
	for t := from; t.Before(end); {
		next := nextHour(t, loc)
		usd += s[w][t.In(loc).Hour()] * next.Sub(t).Seconds()
		t = next
	}
	return usd
}

// rest is what was spent on the day from a time on.
func (d *day) rest(from time.Time, loc *time.Location) float64 {
	var usd float64
	hr := from.In(loc).Hour()
	for i := hr + 1; i < 24; i++ {
		usd += d.hours[i]
	}
	if d.seconds[hr] > 0 {
		usd += d.hours[hr] * min(nextHour(from, loc).Sub(from).Seconds()/d.seconds[hr], 1)
	}
	return usd
}

// SoFar is what was spent on the days from start up to the time to, where the
// history has all of them.
func (h *History) SoFar(start, to time.Time) (usd float64, ok bool) {
	i := slices.IndexFunc(h.days, func(d day) bool { return d.start.Equal(start) })
	if i < 0 {
		return 0, false
	}
	for ; i < len(h.days); i++ {
		d := &h.days[i]
		if !d.start.Before(to) {
			return usd, true
		}
		usd += d.total
		if end := nextDay(d.start, h.loc); to.Before(end) {
			return usd - d.rest(to, h.loc), true
		}
	}
	return usd, !to.After(nextDay(h.days[len(h.days)-1].start, h.loc))
}

// deviation is the root of the mean square of errors: what the shape missed.
func deviation(errs []float64) float64 {
	var sum float64
	for _, e := range errs {
		sum += e * e
	}
	if n := len(errs) - 1; n > 0 {
		return math.Sqrt(sum / float64(n))
	}
	return 0
}

// startOfDay is the midnight that t's day begins with; where clocks are put
// forward at midnight, the first moment after it.
func startOfDay(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, loc)
}

func nextDay(start time.Time, loc *time.Location) time.Time {
	y, m, d := start.In(loc).Date()
	next := time.Date(y, m, d+1, 0, 0, 0, 0, loc)
	if !next.After(start) { // there is no such midnight
		return start.Add(24 * time.Hour)
	}
	return next
}

// nextHour is the next full hour of the clock, which is not one of UTC
// everywhere.
func nextHour(t time.Time, loc *time.Location) time.Time {
	l := t.In(loc)
	past := time.Duration(l.Minute())*time.Minute + time.Duration(l.Second())*time.Second + time.Duration(l.Nanosecond())
	return t.Add(time.Hour - past)
}

// sameClock is the time of now's clock on another day.
func sameClock(start, now time.Time, loc *time.Location) time.Time {
	l, s := now.In(loc), start.In(loc)
	return time.Date(s.Year(), s.Month(), s.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), loc)
}
