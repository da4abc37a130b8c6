package logs

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// layouts are the forms of a timestamp besides RFC 3339, in the order in which
// they are tried. One without a zone is read as UTC.
var layouts = []string{
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 Z0700",
	"2006-01-02 15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999 MST",
	"2006-01-02 15:04:05.999999999",
	"2006/01/02 15:04:05.999999999",
	"20060102T150405Z0700",
	"02/Jan/2006:15:04:05 -0700",
	time.RFC1123Z,
	time.RFC1123,
	time.RFC850,
	time.ANSIC,
	time.UnixDate,
	"2006-01-02",
}

// yearless are syslog's forms, which leave out the year.
var yearless = []string{"Jan _2 15:04:05.999999999", "Jan _2 15:04:05"}

// parseTime reads a timestamp as people write it. now supplies the year where
// there is none.
func parseTime(v any, now time.Time) (time.Time, bool) {
	switch v := v.(type) {
	case string:
		return parseTimeText(strings.TrimSpace(v), now)
	case int64:
		return epoch(v)
	case float64:
		return epochFloat(v)
	}
	return time.Time{}, false
}

func parseTimeText(s string, now time.Time) (time.Time, bool) {
	if len(s) < 8 || len(s) > 64 {
		return time.Time{}, false
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), plausible(t)
	}
	if c := s[0]; c >= '0' && c <= '9' {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return epoch(n)
		}
		if whole, frac, ok := strings.Cut(s, "."); ok && len(whole) >= 9 && digits(whole) && digits(frac) {
			return epochDecimal(whole, frac)
		}
	}
	if i := strings.LastIndexByte(s, ','); i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		s = s[:i] + "." + s[i+1:] // Python's and Java's decimal comma
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			return t.UTC(), plausible(t)
		}
	}
	for _, l := range yearless {
		t, err := time.Parse(l, s)
		if err != nil {
			continue
		}
		t = time.Date(now.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		if t.After(now.Add(48 * time.Hour)) { // a line of December, read in January
			t = t.AddDate(-1, 0, 0)
		}
		return t, true
	}
	return time.Time{}, false
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// plausible reports whether a time can be that of a log line, and not what a
// parser makes of something else.
func plausible(t time.Time) bool { return t.Year() >= 1971 && t.Year() < 2262 }

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds
// since 1970: their ranges do not overlap between 1973 and 5138.
func epoch(n int64) (time.Time, bool) {
	var t time.Time
	switch {
	case n < 1e8:
		return t, false
	case n < 1e11:
		t = time.Unix(n, 0)
	case n < 1e14:
		t = time.UnixMilli(n)
	case n < 1e17:
		t = time.UnixMicro(n)
	default:
		t = time.Unix(0, n)
	}
	return t.UTC(), plausible(t)
}

func epochFloat(f float64) (time.Time, bool) {
	if math.IsNaN(f) || f < 1e8 || f > math.MaxInt64/2 {
		return time.Time{}, false
	}
	if f >= 1e11 { // a fraction of a millisecond or less is noise of the float
		whole, frac := math.Modf(f)
		t, ok := epoch(int64(whole))
		if f < 1e14 {
			t = t.Add(time.Duration(frac * float64(time.Millisecond)))
		}
		return t, ok
	}
	whole, frac := math.Modf(f)
	// A float of today's seconds is good to about a quarter of a microsecond.
	t := time.Unix(int64(whole), int64(math.Round(frac*1e6))*1000).UTC()
	return t, plausible(t)
}

// epochDecimal reads seconds with decimals exactly.
func epochDecimal(whole, frac string) (time.Time, bool) {
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if n >= 1e11 {
		return epoch(n)
	}
	if len(frac) > 9 {
		frac = frac[:9]
	}
	ns, err := strconv.ParseInt(frac+"000000000"[len(frac):], 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	t := time.Unix(n, ns).UTC()
	return t, plausible(t)
}
