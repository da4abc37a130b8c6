package logs

import "strings"

// parseTraceID reads a trace id as the field key has it: 32 hex digits, also as
// a UUID or behind a path as Google writes it; 16 hex digits are the lower half
// of an old 64-bit id. Datadog's ids are decimal unless they have 32 digits.
func parseTraceID(key, s string) (string, bool) {
	s = strings.TrimSpace(s)
	if i := strings.LastIndex(s, "/traces/"); i >= 0 {
		s = s[i+len("/traces/"):]
	}
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		s = strings.ReplaceAll(s, "-", "")
	}
	switch {
	case len(s) == 32 && hexID(s):
		return strings.ToLower(s), true
	case len(s) == 16 && hexID(s) && !strings.HasPrefix(key, "dd."):
		return "0000000000000000" + strings.ToLower(s), true
	}
	return "", false
}

// parseSpanID reads a span id: 16 hex digits.
func parseSpanID(key, s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) == 16 && hexID(s) && (!strings.HasPrefix(key, "dd.") || !digits(s)) {
		return strings.ToLower(s), true
	}
	return "", false
}

// parseTraceparent reads a W3C traceparent.
func parseTraceparent(s string) (trace, span string, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" {
		return "", "", false
	}
	trace, span = s[3:35], s[36:52]
	if !hexID(trace) || !hexID(span) {
		return "", "", false
	}
	return strings.ToLower(trace), strings.ToLower(span), true
}

// hexID reports whether s is hex and not all zeros, which means none.
func hexID(s string) bool {
	zero := true
	for i := range len(s) {
		c := s[i]
		if c != '0' {
			zero = false
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return !zero
}
