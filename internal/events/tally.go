package events

import (
	"bytes"
	"errors"
	"fmt"
)

// kindTally is the kind of the row that stays of a Call that was sampled out.
// Totals count it beside the Calls; lists, traces and searches do not show it.
const kindTally = "tally"

// tallyStart replaces what stands between a Call's time and its fields.
const tallyStart = `"kind":"` + kindTally + `","_msg":"` + kindTally + `"`

// ErrNotCall says that a row is not one that AppendRow made of a Call.
var ErrNotCall = errors.New("events: the row is not a call's")

// AppendTally appends the tally of a Call: one row with the id, the time and
// the fields that totals add up or group by, without content, settings,
// attributes and trace. row is what AppendRow made of the Call. Where it is
// anything else, dst comes back as it was, with an error.
func AppendTally(dst, row []byte) ([]byte, error) {
	row = bytes.TrimSuffix(row, []byte("\n"))
	if i := bytes.LastIndexByte(row, '\n'); i >= 0 {
		row = row[i+1:] // the rows of long content come first
	}
	start := len(dst)
	dst, err := appendTally(dst, row)
	if err != nil {
		return dst[:start], fmt.Errorf("make a tally: %w", err)
	}
	return dst, nil
}

func appendTally(dst, row []byte) ([]byte, error) {
	if len(row) < 2 || row[0] != '{' || row[len(row)-1] != '}' {
		return dst, ErrNotCall
	}
	dst = append(dst, '{')
	isCall := false
	for i := 1; ; {
		nameEnd := stringEnd(row, i)
		if nameEnd < 0 || nameEnd+1 >= len(row) || row[nameEnd] != ':' {
			return dst, ErrNotCall
		}
		valueEnd := valueEnd(row, nameEnd+1)
		if valueEnd < 0 {
			return dst, ErrNotCall
		}
		name := row[i+1 : nameEnd-1]
		switch {
		case string(name) == "kind":
			if string(row[nameEnd+1:valueEnd]) != `"`+kindCall+`"` {
				return dst, ErrNotCall
			}
			isCall = true
			dst = append(dst, tallyStart...)
			dst = append(dst, ',')
		case inTally(name):
			dst = append(dst, row[i:valueEnd]...)
			dst = append(dst, ',')
		}
		if row[valueEnd] == '}' && valueEnd == len(row)-1 {
			break
		}
		if row[valueEnd] != ',' {
			return dst, ErrNotCall
		}
		i = valueEnd + 1
	}
	if !isCall {
		return dst, ErrNotCall
	}
	dst[len(dst)-1] = '}' // in place of the last comma
	return append(dst, '\n'), nil
}

// inTally reports whether totals need the field.
func inTally(name []byte) bool {
	switch string(name) {
	case "id", "_time", fieldTenant, "source", "service", "environment", "upstream",
		"provider", "operation", "request_model", "response_model", fieldModel, "service_tier", "region",
		"stream", "status", "error_type", "http_status", "finish_reasons",
		"cost.usd", "cost.state", "cost.reason",
		"duration_seconds", "ttft_seconds", "tpot_seconds", "tokens_per_second", fieldWeight,
		"user", "session", "feature", "prompt_name", "prompt_version", "agent", "workflow",
		"dialect", "scope", "scope_version", fieldHas:
		return true
	}
	return bytes.HasPrefix(name, []byte("usage.")) || bytes.HasPrefix(name, []byte("tags."))
}

// stringEnd is the place after the JSON string that begins at i, or -1.
func stringEnd(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		escapes := 0
		for b[i-1-escapes] == '\\' { // ends at the quote that opens the string at the latest
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// valueEnd is the place after the string, number or boolean that begins at i,
// or -1. Something always follows it.
func valueEnd(b []byte, i int) int {
	if b[i] == '"' {
		if i = stringEnd(b, i); i >= len(b) {
			return -1
		}
		return i
	}
	for end := i; end < len(b); end++ {
		if b[end] == ',' || b[end] == '}' {
			if end == i {
				return -1
			}
			return end
		}
	}
	return -1
}
