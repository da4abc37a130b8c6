package slo

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

const (
	day = 24 * time.Hour
	// minWindow and maxWindow bound rolling windows. Under a week the windows of
	// the alerts would be too short to say anything; over 90 days is more than
	// the metrics are kept by default.
	minWindow, maxWindow = 7 * day, 90 * day
)

// Window is the time over which an objective holds.
type Window struct {
	// Length of a rolling window; 30 days, nominally, of a calendar month.
	Length time.Duration
	// Calendar says that it is the month of the calendar, in UTC.
	Calendar bool
}

// ParseWindow reads a rolling window such as 30d or 4w, or `month`.
func ParseWindow(s string) (Window, error) {
	if s == "month" {
		return Window{Length: month, Calendar: true}, nil
	}
	d, err := model.ParseDuration(s)
	if err != nil {
		return Window{}, fmt.Errorf("%q is not a window: write 30d, 28d, 7d or month", s)
	}
	w := Window{Length: time.Duration(d)}
	if w.Length < minWindow || w.Length > maxWindow || w.Length%time.Hour != 0 {
		return Window{}, fmt.Errorf("%s: a rolling window is 7d to 90d, in whole hours", s)
	}
	return w, nil
}

// String is the window as ParseWindow reads it.
func (w Window) String() string {
	if w.Calendar {
		return "month"
	}
	return promDuration(w.Length)
}

// zh is the window in Chinese.
func (w Window) zh() string {
	switch {
	case w.Calendar:
		return "自然月"
	case w.Length%day == 0:
		return fmt.Sprintf("%d 天", w.Length/day)
	}
	return fmt.Sprintf("%d 小时", w.Length/time.Hour)
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *Window) UnmarshalYAML(n *yaml.Node) error {
	p, err := ParseWindow(n.Value)
	if err != nil {
		return err
	}
	*w = p
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (w Window) MarshalYAML() (any, error) { return w.String(), nil }

// Level is how urgent an alert is.
type Level string

// The levels of burn-rate alerts.
const (
	Page   Level = "page"   // somebody must act now
	Ticket Level = "ticket" // somebody must act within days
)

// BurnAlert is one condition of a multi-window, multi-burn-rate alert: the burn
// rate is over Factor in the long window, and still is in the short one.
type BurnAlert struct {
	Level  Level
	Long   time.Duration
	Short  time.Duration
	Factor float64
	// Consumed is the share of the window's budget that is spent when a steady
	// burn at Factor is noticed.
	Consumed float64
}

// burnTable is the recommendation of the SRE workbook for 30 days, with the
// further ticket condition that its text adds.
var burnTable = [...]BurnAlert{
	{Level: Page, Long: time.Hour, Short: 5 * time.Minute, Consumed: 0.02},
	{Level: Page, Long: 6 * time.Hour, Short: 30 * time.Minute, Consumed: 0.05},
	{Level: Ticket, Long: day, Short: 2 * time.Hour, Consumed: 0.10},
	{Level: Ticket, Long: 3 * day, Short: 6 * time.Hour, Consumed: 0.10},
}

// BurnAlerts are the conditions for a window. They keep the shares of the budget
// that the table names: 2 and 5 % for a page, 10 % for a ticket. About a month
// (28 to 31 days) keeps the table's own windows, so that factors follow the
// window's length; others scale the windows and keep the factors.
func BurnAlerts(w Window) []BurnAlert {
	out := make([]BurnAlert, len(burnTable))
	for i, a := range burnTable {
		if w.Length < 28*day || w.Length > 31*day {
			scale := float64(w.Length) / float64(month)
			a.Long = wholeMinutes(float64(a.Long) * scale)
			// A rate over less than 5 minutes is noise.
			a.Short = max(5*time.Minute, wholeMinutes(float64(a.Short)*scale))
		}
		a.Factor = BurnFactor(a.Consumed, a.Long, w.Length)
		out[i] = a
	}
	return out
}

func wholeMinutes(d float64) time.Duration {
	return time.Duration(math.Round(d/float64(time.Minute))) * time.Minute
}

// promDuration writes d as PromQL does, in one unit if it can be: 36h, not 1d12h.
func promDuration(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= u.unit && d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
