package explain

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// percent is a share as people read it: 94 %, 1.2 %, 0.03 %.
func percent(share float64) string {
	p := 100 * share
	return round(p, 2) + " %"
}

// round is a number with at most so many significant digits, and all digits
// before the point.
func round(v float64, digits int) string {
	a := math.Abs(v)
	if a == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	decimals := max(digits-1-int(math.Floor(math.Log10(a))), 0)
	s := strconv.FormatFloat(v, 'f', min(decimals, 12), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// seconds is a time as people read it.
func seconds(v float64) string {
	switch a := math.Abs(v); {
	case a < 0.0995:
		return round(1000*v, 2) + " ms"
	case a < 0.995:
		return round(1000*v, 3) + " ms"
	}
	return round(v, 2) + " s"
}

// text is a value of the metric with its unit.
func (m *metricInfo) text(v float64) string {
	switch m.unit {
	case "ratio":
		return percent(v)
	case "seconds":
		return seconds(v)
	case "per second":
		if v < 0.1 {
			return round(v*60, 2) + "/min"
		}
		return round(v, 2) + "/s"
	case "score":
		return round(v, 2)
	}
	return round(v, 3) + " " + m.unit
}

// clock is a time of day, with its zone, and the day where it is another than
// that of ref.
func clock(t, ref time.Time, loc *time.Location) string {
	if loc == nil {
		loc = time.UTC
	}
	t, ref = t.In(loc), ref.In(loc)
	layout := "15:04 MST"
	if t.YearDay() != ref.YearDay() || t.Year() != ref.Year() {
		layout = "2006-01-02 15:04 MST"
	}
	return t.Format(layout)
}
