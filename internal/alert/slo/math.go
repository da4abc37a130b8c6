package slo

import (
	"math"
	"time"
)

// month is the window that the burn-rate table of the SRE workbook is made for.
const month = 30 * 24 * time.Hour

// ErrorBudget is the share of events that may fail under an objective, which is
// a ratio: 0.001 for 0.999. It is rounded to 12 digits, so that it prints as it
// was meant.
func ErrorBudget(objective float64) float64 { return math.Round((1-objective)*1e12) / 1e12 }

// AllowedDowntime is how long everything may fail in a window before its error
// budget is spent, where traffic is even.
func AllowedDowntime(objective float64, window time.Duration) time.Duration {
	return time.Duration(math.Round(ErrorBudget(objective) * float64(window)))
}

// BurnRate is how many times faster than allowed the error budget is being
// spent. At 1 it is spent exactly at the end of the window.
func BurnRate(errorRatio, objective float64) float64 { return errorRatio / ErrorBudget(objective) }

// BudgetRemaining is the share of the error budget that is left, at most 1;
// negative where more was spent than there was.
func BudgetRemaining(errorRatio, objective float64) float64 {
	return 1 - BurnRate(errorRatio, objective)
}

// BudgetConsumed is the share of the budget of a window that a burn rate spends
// in the time over.
func BudgetConsumed(burn float64, over, window time.Duration) float64 {
	return burn * float64(over) / float64(window)
}

// BurnFactor is the burn rate that spends a share of the budget of a window in
// the time over: what an alert on that share compares with.
func BurnFactor(consumed float64, over, window time.Duration) float64 {
	f := consumed * float64(window) / float64(over)
	return math.Round(f*1e9) / 1e9
}

// ErrorThreshold is the error ratio of a burn rate.
func ErrorThreshold(burn, objective float64) float64 {
	return math.Round(burn*ErrorBudget(objective)*1e12) / 1e12
}

// DetectionTime is how long a burn rate lasts until an alert with this factor
// over this long window fires; false where it never does.
func DetectionTime(burn, factor float64, long time.Duration) (time.Duration, bool) {
	if burn < factor || burn <= 0 {
		return 0, false
	}
	return time.Duration(float64(long) * factor / burn), true
}

// TimeToExhaustion is when a budget of which a share remains is spent at the
// earliest, if it goes on burning at this rate and nothing that was spent comes
// back; false where it never is.
//
// In a rolling window what was spent does come back as it becomes older than
// the window. So a burn rate of at most 1 never exhausts a rolling budget that
// is not yet overspent; it can exhaust one of a calendar window.
func TimeToExhaustion(remaining, burn float64, window time.Duration, rolling bool) (time.Duration, bool) {
	switch {
	case remaining <= 0:
		return 0, true
	case !(burn > 0), rolling && burn <= 1: // also NaN
		return 0, false
	}
	d := remaining * float64(window) / burn
	if !(d < math.MaxInt64) {
		return 0, false
	}
	return time.Duration(d), true
}
