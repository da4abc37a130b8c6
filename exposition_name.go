package pitot

import (
	"slices"
	"strings"
)

// What follows is the translation of OpenTelemetry's names to Prometheus', with
// suffixes for units and types and underscores for what Prometheus' classic names
// cannot hold.

// promUnit is a unit as a Prometheus name spells it, empty where it says none.
func promUnit(unit string) (main, per string) {
	main, per, _ = strings.Cut(unit, "/")
	main, per = strings.TrimSpace(main), strings.TrimSpace(per)
	if strings.ContainsAny(main, "{}") {
		main = ""
	}
	if strings.ContainsAny(per, "{}") {
		per = ""
	}
	if v, ok := unitWord(main); ok {
		main = v
	}
	if v, ok := perWord(per); ok {
		per = v
	}
	main, per = cleanUnit(main), cleanUnit(per)
	if per != "" {
		per = "per_" + per
	}
	return main, per
}

// unitWord spells a unit of UCUM.
func unitWord(u string) (string, bool) {
	switch u {
	case "1":
		return "", true
	case "d":
		return "days", true
	case "h":
		return "hours", true
	case "min":
		return "minutes", true
	case "s":
		return "seconds", true
	case "ms":
		return "milliseconds", true
	case "us":
		return "microseconds", true
	case "ns":
		return "nanoseconds", true
	case "By":
		return "bytes", true
	case "KiBy":
		return "kibibytes", true
	case "MiBy":
		return "mebibytes", true
	case "GiBy":
		return "gibibytes", true
	case "TiBy":
		return "tibibytes", true
	case "KBy":
		return "kilobytes", true
	case "MBy":
		return "megabytes", true
	case "GBy":
		return "gigabytes", true
	case "TBy":
		return "terabytes", true
	case "m":
		return "meters", true
	case "V":
		return "volts", true
	case "A":
		return "amperes", true
	case "J":
		return "joules", true
	case "W":
		return "watts", true
	case "g":
		return "grams", true
	case "Cel":
		return "celsius", true
	case "Hz":
		return "hertz", true
	case "%":
		return "percent", true
	default:
		return "", false
	}
}

func perWord(u string) (string, bool) {
	switch u {
	case "s":
		return "second", true
	case "m":
		return "minute", true
	case "h":
		return "hour", true
	case "d":
		return "day", true
	case "w":
		return "week", true
	case "mo":
		return "month", true
	case "y":
		return "year", true
	default:
		return "", false
	}
}

// cleanUnit makes of a unit what a name can hold.
func cleanUnit(u string) string { return strings.Join(nameTokens(u), "_") }

func nameTokens(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !nameRune(r) })
}

func nameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ':'
}

// promKind is the type of a family in the exposition.
type promKind uint8

const (
	promGauge promKind = iota
	promCounter
	promHistogram
	promSummary
)

// String returns the type's name as both formats write it.
func (k promKind) String() string {
	return [...]string{"gauge", "counter", "histogram", "summary"}[k]
}

// promName is the name of a metric, for a counter with _total, and its unit as
// OpenMetrics has it; empty where the metric's name leaves nothing to name.
func promName(name, unit string, kind promKind) (full, spelt string) {
	tokens := nameTokens(name)
	main, per := promUnit(unit)
	add := func(t string) {
		if t == "" {
			return
		}
		if !slices.Contains(tokens, t) {
			tokens = append(tokens, t)
		}
	}
	add(main)
	add(per)
	spelt = strings.Trim(main+"_"+per, "_")
	last := func(word string) {
		tokens = append(slices.DeleteFunc(tokens, func(t string) bool { return t == word }), word)
	}
	if len(tokens) == 0 {
		return "", ""
	}
	switch {
	case kind == promCounter:
		last("total")
	case kind == promGauge && unit == "1":
		last("ratio")
		spelt = "ratio"
	}
	full = strings.Join(tokens, "_")
	if full[0] >= '0' && full[0] <= '9' {
		full = "_" + full
	}
	if base := strings.TrimSuffix(full, "_total"); spelt == "" || !strings.HasSuffix(base, "_"+spelt) {
		spelt = "" // OpenMetrics wants the unit at the end of the name
	}
	return full, spelt
}

// promLabel is the name of a label.
func promLabel(name string) string {
	var b strings.Builder
	gap := false // runs of underscores become one: a label cannot begin with two
	for _, r := range name {
		if !nameRune(r) || r == ':' {
			if gap {
				continue
			}
			gap = true
			b.WriteByte('_')
			continue
		}
		gap = false
		b.WriteRune(r)
	}
	s := b.String()
	switch {
	case strings.Trim(s, "_") == "":
		return "key" + s
	case s[0] >= '0' && s[0] <= '9':
		return "key_" + s
	}
	return s
}
