package explain

import (
	"errors"
	"fmt"
	"time"
)

// Request asks what changed.
type Request struct {
	Metric Metric
	// Window are the Calls in question. A range with only a start and an end is
	// what an alert has; any selection will do.
	Window Selection
	// Baseline are the Calls to compare with. Where it is empty, the terms and the
	// query are the window's and the ranges those of DefaultBaseline.
	Baseline Selection
	// Direction is 1 where only a rise is of interest, -1 for a fall, 0 for both.
	Direction int
	// MaxCauses is the most causes that are told; default 5.
	MaxCauses int
	// MaxDepth is the most conditions of a cause: 1 to 3; default 3.
	MaxDepth int
	Limits   Limits
	// Location is whose time of day the sentences tell; nil means UTC.
	Location *time.Location
}

// Limits bound the memory and the time of one question.
type Limits struct {
	// WindowCalls and BaselineCalls are the most Calls of each side that are
	// looked at; more are sampled. Defaults: 100,000 and 150,000, which the event
	// store sends in about a second.
	WindowCalls   int
	BaselineCalls int
	// Values is the most values of one dimension; further ones are one, which is
	// no candidate. Default and most: 65,000.
	Values int
	// Tags is the most tags that are dimensions. Default 8, most 16.
	Tags int
}

// The defaults of Limits and Request.
const (
	DefaultWindowCalls   = 100_000
	DefaultBaselineCalls = 150_000
	DefaultValues        = 65_000
	DefaultTags          = 8
	DefaultMaxCauses     = 5
	DefaultMaxDepth      = 3
	maxCalls             = 5_000_000
	maxTags              = 16
)

// RequestError says that a Request is wrong.
type RequestError struct {
	Param   string // the part at fault: metric, window, baseline, limits, ...
	Message string // what is wrong and what is allowed
}

// Error implements error.
func (e *RequestError) Error() string { return "explain: " + e.Param + ": " + e.Message }

// prepare checks the request and fills in what was left out.
func (r Request) prepare() (Request, *metricInfo, error) {
	info, ok := r.Metric.info()
	if !ok {
		return r, nil, &RequestError{"metric", fmt.Sprintf("%q is unknown; allowed are %v", cut(string(r.Metric), 40), MetricNames())}
	}
	if err := r.Window.Validate(); err != nil {
		return r, nil, &RequestError{"window", err.Error()}
	}
	if len(r.Window.Ranges) == 0 {
		return r, nil, &RequestError{"window", "a range of time is missing"}
	}
	if len(r.Baseline.Ranges) == 0 {
		if len(r.Baseline.Terms) == 0 && r.Baseline.Query == "" {
			r.Baseline = Selection{Terms: r.Window.Terms, Query: r.Window.Query, Ranges: DefaultBaseline(info.family == famVolume, span(r.Window.Ranges))}
		} else {
			// These Calls against those, at the same time.
			r.Baseline.Ranges = r.Window.Ranges
		}
	}
	if err := r.Baseline.Validate(); err != nil {
		return r, nil, &RequestError{"baseline", err.Error()}
	}
	if r.Direction < -1 || r.Direction > 1 {
		return r, nil, &RequestError{"direction", "allowed are 1 (up), -1 (down) and 0 (both)"}
	}
	def := func(v *int, d, most int, name string) error {
		if *v == 0 {
			*v = d
		}
		if *v < 1 || *v > most {
			return &RequestError{name, fmt.Sprintf("%d: allowed are 1 to %d", *v, most)}
		}
		return nil
	}
	return r, info, errors.Join(
		def(&r.MaxCauses, DefaultMaxCauses, 20, "max_causes"),
		def(&r.MaxDepth, DefaultMaxDepth, 3, "max_depth"),
		def(&r.Limits.WindowCalls, DefaultWindowCalls, maxCalls, "limits.window_calls"),
		def(&r.Limits.BaselineCalls, DefaultBaselineCalls, maxCalls, "limits.baseline_calls"),
		def(&r.Limits.Values, DefaultValues, DefaultValues, "limits.values"),
		def(&r.Limits.Tags, DefaultTags, maxTags, "limits.tags"),
	)
}

// span is the range from the first start to the last end.
func span(rs []Range) Range {
	out := rs[0]
	for _, r := range rs[1:] {
		if r.Start.Before(out.Start) {
			out.Start = r.Start
		}
		if r.End.After(out.End) {
			out.End = r.End
		}
	}
	return out
}

// DefaultBaseline is what a window is compared with where nothing else is asked
// for: the time before it, six times as long, from an hour to a day; and for
// volumes, which follow the hours of the day, the same time on each of the three
// days before, too.
func DefaultBaseline(volume bool, window Range) []Range {
	length := window.Length()
	before := min(max(6*length, time.Hour), 24*time.Hour)
	if volume {
		before = min(max(2*length, time.Hour), 24*time.Hour)
	}
	out := []Range{{window.Start.Add(-before), window.Start}}
	if volume && length < 20*time.Hour {
		for d := 1; d <= 3; d++ {
			ago := time.Duration(d) * 24 * time.Hour
			if r := (Range{window.Start.Add(-ago), window.End.Add(-ago)}); r.End.Before(out[0].Start) {
				out = append(out, r)
			}
		}
	}
	return out
}
