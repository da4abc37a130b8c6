package logs

import (
	"strconv"
	"strings"
)

// The levels of a Log.
const (
	levelTrace = "trace"
	levelDebug = "debug"
	levelInfo  = "info"
	levelWarn  = "warn"
	levelError = "error"
	levelFatal = "fatal"
)

// parseLevel reads a level as the field key has it. A word that it does not
// know is kept in lower case.
func parseLevel(key string, v any) (string, bool) {
	switch v := v.(type) {
	case string:
		s := strings.ToLower(strings.TrimSpace(v))
		if s == "" || len(s) > 32 {
			return "", false
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return numericLevel(key, n)
		}
		return levelWord(s), true
	case int64:
		return numericLevel(key, v)
	case float64:
		return numericLevel(key, int64(v))
	}
	return "", false
}

func levelWord(s string) string {
	switch s {
	case "trace", "verbose", "finest", "finer", "t", "trc", "silly":
		return levelTrace
	case "debug", "dbg", "d", "fine", "config":
		return levelDebug
	case "info", "information", "informational", "notice", "i", "inf", "default", "note", "log":
		return levelInfo
	case "warn", "warning", "w", "wrn":
		return levelWarn
	case "error", "err", "e", "eror", "severe":
		return levelError
	case "fatal", "crit", "critical", "alert", "emerg", "emergency", "panic", "f", "dpanic", "ftl", "c":
		return levelFatal
	}
	return s
}

// numericLevel reads the numbers of syslog (0 to 7), of Python (`levelno`), of
// OpenTelemetry (`severity_number`) and of pino and bunyan (10 to 60).
func numericLevel(key string, n int64) (string, bool) {
	switch key {
	case "levelno":
		return stepLevel(n, levelDebug, levelInfo, levelWarn, levelError, levelFatal)
	case "severity_number", "severitynumber":
		if n < 1 || n > 24 {
			return "", false
		}
		return [...]string{levelTrace, levelDebug, levelInfo, levelWarn, levelError, levelFatal}[(n-1)/4], true
	}
	if n >= 0 && n <= 7 {
		return [...]string{levelFatal, levelFatal, levelFatal, levelError, levelWarn, levelInfo, levelInfo, levelDebug}[n], true
	}
	return stepLevel(n, levelTrace, levelDebug, levelInfo, levelWarn, levelError, levelFatal)
}

// stepLevel reads levels in steps of ten, the first at 10.
func stepLevel(n int64, levels ...string) (string, bool) {
	if n < 8 || n > 100 {
		return "", false
	}
	i := (n+9)/10 - 1 // a level between two steps is the upper one's, as pino filters
	return levels[max(min(int(i), len(levels)-1), 0)], true
}
