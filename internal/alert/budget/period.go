package budget

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// period is the time over which a budget holds.
type period struct {
	kind string // hour, day, week, month; empty: rolling
	loc  *time.Location
	// length of a rolling window, and of the pieces that it moves by.
	length, granule time.Duration
}

// newPeriod reads a period and its time zone.
func newPeriod(text, zone string) (period, error) {
	p := period{kind: text, loc: time.UTC}
	if zone != "" {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return p, fmt.Errorf("time zone %q: write one such as Asia/Shanghai", zone)
		}
		p.loc = loc
	}
	switch text {
	case "":
		p.kind = "month"
	case "hour", "day", "week", "month":
	default:
		d, err := model.ParseDuration(text)
		p.length, p.kind = time.Duration(d), ""
		if err != nil || p.length < minRolling || p.length > maxRolling {
			return p, fmt.Errorf("%q: write hour, day, week, month, or a rolling window of 10m to 366d", text)
		}
		p.granule = p.length / 100
		if rest := p.granule % time.Minute; rest > 0 {
			p.granule += time.Minute - rest
		}
	}
	return p, nil
}

func (p *period) rolling() bool { return p.kind == "" }

// bounds are the period of the calendar that t is in. A period begins where the
// one before it ends, whatever clocks are set to.
func (p *period) bounds(t time.Time) (start, end time.Time) {
	t = t.In(p.loc)
	if p.kind == "hour" {
		// An hour that is there twice is two. Where the zone is half an hour off, so
		// are they; a zone that moves by half an hour does not move them.
		_, offset := time.Date(2024, 1, 1, 0, 0, 0, 0, p.loc).Zone()
		start = time.Unix(t.Unix()-mod(t.Unix()+int64(offset), 3600), 0).In(p.loc)
		return start, start.Add(time.Hour)
	}
	start, end = p.date(t, 0), p.date(t, 1)
	switch {
	case t.Before(start):
		return p.date(t, -1), start
	case !t.Before(end):
		return end, p.date(t, 2)
	}
	return start, end
}

// date is the beginning of the period n after that of t's date.
func (p *period) date(t time.Time, n int) time.Time {
	y, m, d := t.Date()
	switch p.kind {
	case "day":
		d += n
	case "week":
		d += 7*n - (int(t.Weekday())+6)%7
	default:
		m, d = m+time.Month(n), 1
	}
	begin := time.Date(y, m, d, 0, 0, 0, 0, p.loc)
	// Where a day has no midnight, Date may give a time of the day before, as far
	// from its end as the clocks were put forward.
	if h, minute, _ := begin.Clock(); h >= 12 {
		begin = begin.Add(24*time.Hour - time.Duration(h)*time.Hour - time.Duration(minute)*time.Minute)
	}
	return begin
}

// slotStart is the beginning of the slot that a call of time t counts in: its
// period, or the granule of a rolling window.
func (p *period) slotStart(t time.Time) int64 {
	if p.rolling() {
		return t.Unix() - mod(t.Unix(), int64(p.granule/time.Second))
	}
	start, _ := p.bounds(t)
	return start.Unix()
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// oldest is the first slot that is of use at a time: of a calendar the period
// before the present one, for calls that are late; of a rolling window the
// first that it still touches.
func (p *period) oldest(now time.Time) int64 {
	if p.rolling() {
		return p.slotStart(now.Add(-p.length))
	}
	start, _ := p.bounds(now)
	before, _ := p.bounds(start.Add(-time.Second))
	return before.Unix()
}

// window is what the present amount is of.
func (p *period) window(now time.Time) (start, end time.Time) {
	if p.rolling() {
		return now.Add(-p.length), now
	}
	return p.bounds(now)
}

// describe names the period for people.
func (p *period) describe() string {
	if p.rolling() {
		return "the last " + model.Duration(p.length).String()
	}
	return "this " + p.kind
}
