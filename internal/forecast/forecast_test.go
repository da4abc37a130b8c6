package forecast

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skip("time zone not found: ", err)
	}
	return loc
}

// hoursOf makes the hours of a range, by what is spent in each.
func hoursOf(from, to time.Time, usd func(time.Time) float64) []Hour {
	var out []Hour
	for t := from.Truncate(time.Hour); t.Before(to); t = t.Add(time.Hour) {
		out = append(out, Hour{t, usd(t)})
	}
	return out
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestConstantIsExact is the property that constant spending is projected
// exactly, with an interval of no width, in zones and at times of many kinds.
func TestConstantIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"} {
		loc := zone(t, name)
		for range 60 {
			now := time.Date(2026, time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 0, loc)
			rate := r.Float64() * 10 // an hour
			days := MinMonthDays + r.IntN(40)
			first := startOfDay(now, loc).AddDate(0, 0, -days)
			h := New(hoursOf(first, now, func(time.Time) float64 { return rate }), first, now, loc)
			today := startOfDay(now, loc)
			got := h.Today(now, rate*now.Sub(today).Hours())
			near(t, name+" day", got.USD, rate*nextDay(today, loc).Sub(today).Hours())
			near(t, name+" low", got.Low, got.USD)
			near(t, name+" high", got.High, got.USD)
			month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, loc)
			end := month.AddDate(0, 1, 0)
			got = h.Month(now, rate*now.Sub(month).Hours())
			near(t, name+" month "+now.String(), got.USD, rate*end.Sub(month).Hours())
		}
	}
}

// TestWeekdays has a business that rests at weekends and at night.
func TestWeekdays(t *testing.T) {
	loc := zone(t, "Asia/Shanghai")
	spend := func(at time.Time) float64 {
		l := at.In(loc)
		if wd := l.Weekday(); wd == time.Saturday || wd == time.Sunday || l.Hour() < 9 || l.Hour() >= 18 {
			return 0
		}
		return 10
	}
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, loc) // a Friday at noon
	first := startOfDay(now, loc).AddDate(0, 0, -28)
	h := New(hoursOf(first, now, spend), first, now, loc)
	got := h.Today(now, 30)
	if got.Method != "weekday_hours" {
		t.Errorf("method %s", got.Method)
	}
	near(t, "friday", got.USD, 90)
	// November 2026 has 21 working days of 90 dollars.
	got = h.Month(now, 14*90+30)
	near(t, "month", got.USD, 21*90)
	if got.Method != "days_of_week" || got.High-got.Low > 1e-6 {
		t.Errorf("%+v", got)
	}
	// With two weeks the days of the week are not told apart yet.
	first = startOfDay(now, loc).AddDate(0, 0, -14)
	h = New(hoursOf(first, now, spend), first, now, loc)
	if got = h.Today(now, 30); got.Method != "hours" || got.USD >= 90 || got.High <= got.Low {
		t.Errorf("%+v", got)
	}
}

// TestGrowth has spending that doubled a week ago: the level follows.
func TestGrowth(t *testing.T) {
	now := time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)
	first := now.Truncate(24*time.Hour).AddDate(0, 0, -35)
	h := New(hoursOf(first, now, func(at time.Time) float64 {
		if at.Before(now.Truncate(24*time.Hour).AddDate(0, 0, -7)) {
			return 1
		}
		return 2
	}), first, now, time.UTC)
	near(t, "day", h.Today(now, 12).USD, 48)
}

// TestInterval counts how often the end of the day lies within the interval.
func TestInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	within, runs := 0, 400
	for range runs {
		now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		first := now.Truncate(24*time.Hour).AddDate(0, 0, -14)
		level := map[time.Time]float64{}
		spend := func(at time.Time) float64 {
			d := at.Truncate(24 * time.Hour)
			if _, ok := level[d]; !ok {
				level[d] = 10 + 2*r.NormFloat64()
			}
			return level[d]
		}
		all := hoursOf(first, now.Truncate(24*time.Hour).AddDate(0, 0, 1), spend)
		var spent, total float64
		for _, x := range all {
			if !x.Start.Before(now.Truncate(24 * time.Hour)) {
				total += x.USD
				if x.Start.Before(now) {
					spent += x.USD
				}
			}
		}
		got := New(all, first, now, time.UTC).Today(now, spent)
		if got.Low <= total && total <= got.High {
			within++
		}
	}
	if share := float64(within) / float64(runs); share < 0.7 || share > 0.9 {
		t.Errorf("%.0f %% of the outcomes lie within the interval of 80 %%", share*100)
	}
}

func TestTooLittle(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	one := func(time.Time) float64 { return 1 }
	for days, want := range map[int][2]bool{0: {true, true}, 2: {true, true}, 3: {false, true}, 6: {false, true}, 7: {false, false}} {
		first := now.Truncate(24*time.Hour).AddDate(0, 0, -days)
		h := New(hoursOf(first, now, one), first, now, time.UTC)
		d, m := h.Today(now, 1), h.Month(now, 1)
		if d.TooLittle != want[0] || m.TooLittle != want[1] || len(h.Days()) != days {
			t.Errorf("%d days: %+v %+v", days, d, m)
		}
		for _, p := range []Projection{d, m} {
			if p.TooLittle != (p.Reason != "") || p.TooLittle && p.USD != 0 {
				t.Errorf("%d days: %+v", days, p)
			}
		}
	}
	if h := New(nil, time.Time{}, now, time.UTC); !h.Today(now, 0).TooLittle {
		t.Error("no history at all is enough")
	}
	// A day of which only a part is known is none.
	h := New(nil, now.Add(-24*time.Hour), now, time.UTC)
	if len(h.Days()) != 0 {
		t.Errorf("%d days", len(h.Days()))
	}
}

func TestNeverBelowSpent(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	now := time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)
	first := now.Truncate(24*time.Hour).AddDate(0, 0, -30)
	h := New(hoursOf(first, now, func(time.Time) float64 { return math.Exp(3 * r.NormFloat64()) }), first, now, time.UTC)
	for _, p := range []Projection{h.Today(now, 5), h.Month(now, 5)} {
		if p.Low < 5 || p.USD < p.Low || p.High < p.USD {
			t.Errorf("%+v", p)
		}
	}
}

func TestSoFar(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	first := now.Truncate(24*time.Hour).AddDate(0, 0, -10)
	h := New(hoursOf(first, now, func(time.Time) float64 { return 1 }), first, now, time.UTC)
	yesterday := now.Truncate(24*time.Hour).AddDate(0, 0, -1)
	for _, c := range []struct {
		start, to time.Time
		want      float64
		ok        bool
	}{
		{yesterday, yesterday.Add(12*time.Hour + 30*time.Minute), 12.5, true},
		{yesterday, yesterday.Add(24 * time.Hour), 24, true},
		{first, yesterday.Add(24 * time.Hour), 240, true},
		{first, first, 0, true},
		{first.AddDate(0, 0, -1), yesterday, 0, false},
		{yesterday, now, 24, false},
	} {
		got, ok := h.SoFar(c.start, c.to)
		if ok != c.ok {
			t.Errorf("%v to %v: %v", c.start, c.to, ok)
		}
		near(t, c.to.String(), got, c.want)
	}
}

// TestClocksChange has the days of 23 and 25 hours.
func TestClocksChange(t *testing.T) {
	loc := zone(t, "Europe/Berlin")
	for _, day := range []time.Time{time.Date(2026, 3, 29, 1, 30, 0, 0, loc), time.Date(2026, 10, 25, 1, 30, 0, 0, loc)} {
		first := startOfDay(day, loc).AddDate(0, 0, -30)
		h := New(hoursOf(first, day, func(time.Time) float64 { return 1 }), first, day, loc)
		today := startOfDay(day, loc)
		near(t, day.String(), h.Today(day, day.Sub(today).Hours()).USD, nextDay(today, loc).Sub(today).Hours())
	}
}

func BenchmarkToday(b *testing.B) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	first := now.AddDate(0, 0, -60)
	hours := hoursOf(first, now, func(time.Time) float64 { return 1 })
	b.ReportAllocs()
	for b.Loop() {
		New(hours, first, now, time.UTC).Today(now, 1)
	}
}
