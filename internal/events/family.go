package events

import "slices"

// kindMark is the kind of marks.
const kindMark = "rollup_mark"

// family is one set of dimensions that Calls are rolled up by.
type family struct {
	name       string
	dimensions []string
	// sketches are the durations that it keeps sketches of. A sketch is long, so
	// that only a family without users has any.
	sketches []string
}

func (f *family) hourKind() string { return "rollup_" + f.name + "_hour" }
func (f *family) dayKind() string  { return "rollup_" + f.name + "_day" }

// sums are the fields of Calls that the family adds up.
func (f *family) sums() []string {
	out := slices.Clone(sumFields)
	for _, field := range f.sketches {
		if !slices.Contains(out, field) {
			out = append(out, field)
		}
	}
	return out
}

// latencyFields are the durations that sketches are kept of.
var latencyFields = []string{"duration_seconds", "ttft_seconds", "tpot_seconds"}

// sumFields are the fields of Calls that totals add up.
var sumFields = []string{
	"usage.input_tokens", "usage.output_tokens", "usage.cache_read_tokens", "usage.cache_write_tokens",
	"usage.reasoning_tokens", "cost.usd", "duration_seconds",
}

// rollupDimensions are all the dimensions that rollups know.
var rollupDimensions = []string{
	"service", "environment", "provider", "model", "response_model", "operation",
	"user", "feature", "status", "error_type", "cost.state",
}

// families are the rollups, smallest first.
var families = []*family{
	{name: "user", dimensions: []string{"user", "status", "cost.state"}},
	{name: "usage", dimensions: []string{
		"service", "environment", "provider", "model", "response_model", "operation", "feature", "status", "error_type", "cost.state",
	}, sketches: latencyFields},
	{name: "full", dimensions: rollupDimensions},
}

// familyFor returns the smallest family that knows all dimensions, or nil.
func familyFor(dimensions []string, sketches bool) *family {
	for _, f := range families {
		if sketches && len(f.sketches) == 0 {
			continue
		}
		if !slices.ContainsFunc(dimensions, func(d string) bool { return !slices.Contains(f.dimensions, d) }) {
			return f
		}
	}
	return nil
}

// rollupKinds are the kinds of all rollup rows but marks.
func rollupKinds() []string {
	var out []string
	for _, f := range families {
		out = append(out, f.hourKind(), f.dayKind())
	}
	return out
}
