package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Threshold is a number that may be written with a unit: 5% is 0.05, 2.5s is
// 2.5, 10m is 600, 1GiB is 1073741824.
type Threshold float64

// UnmarshalText reads a number with or without a unit.
func (t *Threshold) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(strings.ReplaceAll(string(text), "_", ""))
	f, err := parseThreshold(s)
	if err != nil {
		return err
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%q: must be finite", s)
	}
	*t = Threshold(f)
	return nil
}

func parseThreshold(s string) (float64, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f, nil
	}
	end := strings.LastIndexAny(s, "0123456789.") + 1
	if f, err := strconv.ParseFloat(s[:end], 64); err == nil {
		if scale := unitScale(s[end:]); scale > 0 {
			return f * scale, nil
		}
	}
	if d, err := model.ParseDuration(s); err == nil { // 1h30m
		return time.Duration(d).Seconds(), nil
	}
	return 0, fmt.Errorf("%q: not a number with a unit such as 5%%, 2.5s, 10m, 1GiB", s)
}

// unitScale is what a unit stands for; 0 where it is none.
func unitScale(unit string) float64 {
	switch unit {
	case "%":
		return 0.01
	case "ms":
		return 1e-3
	case "s":
		return 1
	case "m":
		return 60
	case "h":
		return 3600
	case "d":
		return 86400
	case "k", "KB":
		return 1e3
	case "M", "MB":
		return 1e6
	case "GB":
		return 1e9
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	default:
		return 0
	}
}

// unit is what a threshold counts: it decides how the value is written.
type unit int

const (
	unitNumber   unit = iota
	unitRatio         // 0 to 1, shown in percent
	unitSeconds       // a measured time
	unitDuration      // how long a condition holds: for
	unitBytes
	unitFactor // deviations
)

// param is a threshold of a pack with its default.
type param struct {
	name string
	def  float64
	unit unit
	doc  string
}

func (p *param) check(v float64) error {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || v < 0:
		return fmt.Errorf("%v: must be a number of at least 0", v)
	case p.unit == unitRatio && v > 1:
		return fmt.Errorf("%v: a share is at most 1: write 5%% or 0.05", v)
	case p.unit == unitDuration && v > (7*24*time.Hour).Seconds():
		return fmt.Errorf("%v: a duration is at most 7d", formatDuration(v))
	case p.unit == unitFactor && v > 100:
		return fmt.Errorf("%v: at most 100", v)
	}
	return nil
}

// text is the value for people.
func (p *param) text(v float64) string {
	switch p.unit {
	case unitRatio:
		return formatNumber(math.Round(v*1e6)/1e4) + "%"
	case unitSeconds:
		return formatNumber(v) + "s"
	case unitDuration:
		return formatDuration(v)
	case unitBytes:
		for _, u := range [...]string{"GiB", "MiB", "KiB"} {
			if s := unitScale(u); v >= s {
				return formatNumber(math.Round(v/s*100)/100) + " " + u
			}
		}
		return formatNumber(v) + " B"
	case unitNumber, unitFactor:
		return grouped(v)
	default:
		return formatNumber(v)
	}
}

// literal is the value in PromQL or as a duration.
func (p *param) literal(v float64) string {
	if p.unit == unitDuration {
		return formatDuration(v)
	}
	return formatNumber(v)
}

func formatNumber(v float64) string {
	if v >= 1e15 {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func formatDuration(seconds float64) string {
	return model.Duration(time.Duration(math.Round(seconds*1e3)) * time.Millisecond).String()
}

// grouped writes large whole numbers with commas.
func grouped(v float64) string {
	s := formatNumber(v)
	if v < 10_000 || strings.ContainsAny(s, ".e") {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
