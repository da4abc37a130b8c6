package budget

import (
	"testing"
	"time"
)

func TestPeriodsOfTheCalendar(t *testing.T) {
	f := func(kind, zone, at, start, end string) {
		t.Helper()
		p, err := newPeriod(kind, zone)
		if err != nil {
			t.Fatal(err)
		}
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		s, e := p.bounds(when)
		if s.Format(time.RFC3339) != start || e.Format(time.RFC3339) != end {
			t.Errorf("%s of %s in %s: %s to %s, want %s to %s", kind, at, zone, s.Format(time.RFC3339), e.Format(time.RFC3339), start, end)
		}
	}
	f("hour", "", "2026-06-15T12:34:56Z", "2026-06-15T12:00:00Z", "2026-06-15T13:00:00Z")
	f("hour", "Asia/Kolkata", "2026-06-15T12:34:56Z", "2026-06-15T18:00:00+05:30", "2026-06-15T19:00:00+05:30")
	f("day", "", "2026-06-15T23:59:59Z", "2026-06-15T00:00:00Z", "2026-06-16T00:00:00Z")
	f("day", "Asia/Shanghai", "2026-06-15T16:00:00Z", "2026-06-16T00:00:00+08:00", "2026-06-17T00:00:00+08:00")
	// 23 and 25 hours.
	f("day", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")
	f("day", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")
	// An hour that is there twice is two.
	f("hour", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00")
	f("hour", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00")
	// Weeks begin on Mondays.
	f("week", "", "2026-06-21T23:00:00Z", "2026-06-15T00:00:00Z", "2026-06-22T00:00:00Z")
	f("week", "", "2026-06-15T00:00:00Z", "2026-06-15T00:00:00Z", "2026-06-22T00:00:00Z")
	f("week", "", "2027-01-01T00:00:00Z", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z")
	// Months of every length.
	f("month", "", "2026-01-31T23:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
	f("month", "", "2028-02-29T10:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z")
	f("month", "", "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")
	f("month", "America/New_York", "2026-12-01T04:59:59Z", "2026-11-01T00:00:00-04:00", "2026-12-01T00:00:00-05:00")
	// No midnight on this day: clocks went from 00:00 to 01:00.
	f("day", "America/Sao_Paulo", "2017-10-15T12:00:00Z", "2017-10-15T01:00:00-02:00", "2017-10-16T00:00:00-02:00")
}

// TestPeriodsHaveNoGap walks through two years of zones with odd clocks: each
// moment is in one period, which begins where the one before it ended.
func TestPeriodsHaveNoGap(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Asia/Kathmandu"} {
		for _, kind := range []string{"hour", "day", "week", "month"} {
			p, err := newPeriod(kind, zone)
			if err != nil {
				t.Fatal(err)
			}
			var lastStart, lastEnd time.Time
			for at := time.Date(2010, 12, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2013; at = at.Add(20 * time.Minute) {
				start, end := p.bounds(at)
				if at.Before(start) || !at.Before(end) {
					t.Fatalf("%s in %s: %v is not in %v to %v", kind, zone, at, start, end)
				}
				if !lastEnd.IsZero() && !start.Equal(lastStart) && !start.Equal(lastEnd) {
					t.Fatalf("%s in %s: %v to %v follows %v to %v", kind, zone, start, end, lastStart, lastEnd)
				}
				lastStart, lastEnd = start, end
			}
		}
	}
}

func TestRollingGranule(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10m": time.Minute, "1h": time.Minute, "24h": 15 * time.Minute, "7d": 101 * time.Minute, "30d": 432 * time.Minute,
	} {
		p, err := newPeriod(text, "")
		if err != nil || p.granule != want {
			t.Errorf("%s moves by %v, %v, want %v", text, p.granule, err, want)
		}
	}
}

// TestRollingWindowIsExactToItsGranule compares with a count of all calls.
func TestRollingWindowIsExactToItsGranule(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 1000, period: 24h}\n", c)
	type event struct {
		at  time.Time
		usd float64
	}
	var all []event
	granule := 15 * time.Minute
	for i := range 3000 {
		c.add(time.Minute)
		usd := float64(i%7) / 8
		all = append(all, event{c.now(), usd})
		e.Record(call(id(i), c.now(), usd))
		if i%97 != 0 {
			continue
		}
		least, most := 0.0, 0.0
		for _, ev := range all {
			if ev.at.After(c.now().Add(-24 * time.Hour)) {
				least += ev.usd
			}
			if ev.at.After(c.now().Add(-24*time.Hour - granule - time.Second)) {
				most += ev.usd
			}
		}
		if got := spent(t, e, "b"); got < least-1e-6 || got > most+1e-6 {
			t.Fatalf("after %d calls %v are spent, want %v to %v", i, got, least, most)
		}
	}
}
