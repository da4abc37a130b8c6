package slo

import (
	"math"
	"testing"
	"time"
)

// TestAvailabilityTable are the rows of the availability table of "Site
// Reliability Engineering" (appendix A): what an objective allows in 30 days.
func TestAvailabilityTable(t *testing.T) {
	for objective, want := range map[float64]time.Duration{
		0.9: 72 * time.Hour, 0.95: 36 * time.Hour, 0.99: 7*time.Hour + 12*time.Minute, 0.995: 3*time.Hour + 36*time.Minute,
		0.999: 43*time.Minute + 12*time.Second, 0.9995: 21*time.Minute + 36*time.Second,
		0.9999: 4*time.Minute + 19200*time.Millisecond, 0.99999: 25920 * time.Millisecond,
	} {
		if got := AllowedDowntime(objective, month).Round(time.Millisecond); got != want {
			t.Errorf("%v allows %v, want %v", objective, got, want)
		}
	}
}

// TestBurnRatesOfTheWorkbook are the tables of "The Site Reliability Workbook",
// chapter 5, for an objective of 99.9 % over 30 days.
func TestBurnRatesOfTheWorkbook(t *testing.T) {
	// Burn rates, error ratios and time to exhaustion.
	for _, tt := range []struct {
		burn, ratio float64
		exhausted   time.Duration
	}{
		{2, 0.002, 15 * day}, {10, 0.01, 3 * day}, {1000, 1, 43*time.Minute + 12*time.Second},
	} {
		if got := ErrorThreshold(tt.burn, 0.999); got != tt.ratio {
			t.Errorf("burn rate %v is an error ratio of %v, want %v", tt.burn, got, tt.ratio)
		}
		if got := BurnRate(tt.ratio, 0.999); math.Abs(got-tt.burn) > 1e-9 {
			t.Errorf("error ratio %v is a burn rate of %v, want %v", tt.ratio, got, tt.burn)
		}
		got, ok := TimeToExhaustion(1, tt.burn, month, true)
		if !ok || got.Round(time.Second) != tt.exhausted {
			t.Errorf("burn rate %v exhausts the budget in %v, want %v", tt.burn, got, tt.exhausted)
		}
	}
	if _, ok := TimeToExhaustion(1, 1, month, true); ok {
		t.Error("a burn rate of 1 exhausts a rolling budget")
	}
	if got, ok := TimeToExhaustion(1, 1, month, false); !ok || got != month {
		t.Errorf("a burn rate of 1 exhausts the budget of a month in %v, want %v", got, month)
	}
	// Recommended windows and burn rates by share of the budget.
	for _, tt := range []struct {
		consumed float64
		over     time.Duration
		burn     float64
	}{
		{0.02, time.Hour, 14.4}, {0.05, 6 * time.Hour, 6}, {0.10, day, 3}, {0.10, 3 * day, 1},
	} {
		if got := BurnFactor(tt.consumed, tt.over, month); got != tt.burn {
			t.Errorf("%v of the budget in %v is a burn rate of %v, want %v", tt.consumed, tt.over, got, tt.burn)
		}
		if got := BudgetConsumed(tt.burn, tt.over, month); math.Abs(got-tt.consumed) > 1e-12 {
			t.Errorf("burn rate %v for %v consumes %v, want %v", tt.burn, tt.over, got, tt.consumed)
		}
	}
	// The workbook: an alert at 10 times over an hour takes an hour at 10 times;
	// with 36 times, 5 % of the budget is spent when it fires after an hour.
	if got := BudgetConsumed(36, time.Hour, month); math.Abs(got-0.05) > 1e-12 {
		t.Errorf("burn rate 36 for an hour consumes %v, want 0.05", got)
	}
	if d, ok := DetectionTime(1000, 14.4, time.Hour); !ok || d.Round(100*time.Millisecond) != 51800*time.Millisecond {
		t.Errorf("an outage is detected after %v, want 51.8s", d)
	}
	if _, ok := DetectionTime(14, 14.4, time.Hour); ok {
		t.Error("a burn rate under the factor is detected")
	}
}

// slothFacts are the factors that Sloth v0.12.0 generates for its default
// windows (page quick and slow, ticket quick and slow), by `sloth generate
// --default-slo-period=30d|28d` of an objective of 99.9 %.
func slothFacts() map[string][]float64 {
	return map[string][]float64{
		"30d": {14.4, 6, 3, 1},
		"28d": {13.44, 5.6000000000000005, 2.8000000000000003, 0.9333333333333333},
	}
}

func TestBurnAlertsAreSloths(t *testing.T) {
	long := []time.Duration{time.Hour, 6 * time.Hour, day, 3 * day}
	short := []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}
	level := []Level{Page, Page, Ticket, Ticket}
	for window, factors := range slothFacts() {
		w, err := ParseWindow(window)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range BurnAlerts(w) {
			if a.Long != long[i] || a.Short != short[i] || a.Level != level[i] || math.Abs(a.Factor-factors[i]) > 1e-8 {
				t.Errorf("%s: condition %d is %+v, Sloth has %v/%v at %v", window, i, a, long[i], short[i], factors[i])
			}
		}
	}
}

// TestShortWindowsScale compares the windows of 7d with those that Pyrra v0.9.5
// generates: 1m/15m, 8m/1h30m, 30m/6h, 1h30m/1d. Pyrra's table is another one
// (factors 14, 7, 2, 1 and 4d at the end), so the lengths are alike, not equal.
func TestShortWindowsScale(t *testing.T) {
	pyrra := []struct{ short, long time.Duration }{
		{time.Minute, 15 * time.Minute},
		{8 * time.Minute, 90 * time.Minute},
		{30 * time.Minute, 6 * time.Hour},
		{90 * time.Minute, 24 * time.Hour},
	}
	week := Window{Length: 7 * day}
	for i, a := range BurnAlerts(week) {
		want := pyrra[i]
		if i < 3 && (float64(a.Long) < 0.9*float64(want.long) || a.Long > want.long) {
			t.Errorf("long window %d of a week is %v, Pyrra's is %v", i, a.Long, want.long)
		}
		if a.Short > want.short && a.Short != 5*time.Minute {
			t.Errorf("short window %d of a week is %v, Pyrra's is %v", i, a.Short, want.short)
		}
		if got := BudgetConsumed(a.Factor, a.Long, week.Length); math.Abs(got-burnTable[i].Consumed) > 1e-6 {
			t.Errorf("condition %d of a week fires at %v of the budget, want %v", i, got, burnTable[i].Consumed)
		}
		if a.Factor < 1 {
			t.Errorf("condition %d of a week fires at a burn rate of %v: nothing is wrong then", i, a.Factor)
		}
	}
	for d := minWindow; d <= maxWindow; d += 12 * time.Hour {
		for i, a := range BurnAlerts(Window{Length: d}) {
			if a.Short >= a.Long || math.Abs(BudgetConsumed(a.Factor, a.Long, d)-burnTable[i].Consumed) > 1e-6 {
				t.Errorf("%v: condition %d is %+v", d, i, a)
			}
		}
	}
}

func TestForecastOfOverspentAndIdle(t *testing.T) {
	if d, ok := TimeToExhaustion(-0.5, 3, month, true); !ok || d != 0 {
		t.Errorf("an overspent budget is exhausted in %v %v, want now", d, ok)
	}
	for _, burn := range []float64{0, -1, math.NaN()} {
		if d, ok := TimeToExhaustion(0.5, burn, month, false); ok {
			t.Errorf("burn rate %v exhausts it in %v", burn, d)
		}
	}
}
