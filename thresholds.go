package pitot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ruleInterval is how often rules are evaluated.
const ruleInterval = time.Second

// Measure is what a Rule watches, over its window.
type Measure string

// The measures. Durations are in seconds, costs in US dollars, rates from 0 to 1.
const (
	LatencyAverage Measure = "latency_average"
	LatencyP50     Measure = "latency_p50"
	LatencyP95     Measure = "latency_p95"
	LatencyP99     Measure = "latency_p99"
	TTFTP50        Measure = "ttft_p50"
	TTFTP95        Measure = "ttft_p95"
	TTFTP99        Measure = "ttft_p99"
	ErrorRate      Measure = "error_rate"
	RequestRate    Measure = "request_rate" // calls per second
	SlowRate       Measure = "slow_rate"    // share of calls that passed a slow threshold
	InputTokens    Measure = "input_tokens"
	OutputTokens   Measure = "output_tokens"
	CostUSD        Measure = "cost_usd"

	// These two are breached from below.
	SuccessRate     Measure = "success_rate"
	TokensPerSecond Measure = "tokens_per_second"
)

// below says whether a measure is breached by being too small.
func (m Measure) below() bool { return m == SuccessRate || m == TokensPerSecond }

func (m Measure) valid() bool {
	return slices.Contains([]Measure{
		LatencyAverage, LatencyP50, LatencyP95, LatencyP99, TTFTP50, TTFTP95, TTFTP99,
		ErrorRate, RequestRate, SlowRate, InputTokens, OutputTokens, CostUSD, SuccessRate, TokensPerSecond,
	}, m)
}

// Rule is a threshold over the calls of the last minutes.
type Rule struct {
	// Name says which rule it was, in a Breach.
	Name string
	// Measure is what is compared with Threshold: breached where it is greater, or
	// less for SuccessRate and TokensPerSecond.
	Measure   Measure
	Threshold float64
	// Window is over what time is measured: 5 minutes where it is 0, at most what
	// Summary remembers.
	Window time.Duration
	// For is how long the threshold must have been passed without a break.
	For time.Duration
	// Clear is the value at which the rule is ready to fire again: by default the
	// threshold less a tenth, or more a tenth for measures breached from below.
	// Between the two the rule stays as it is.
	Clear float64
	// MinRequests is the least number of calls in the window for which the rule
	// says something: 1 where it is 0.
	MinRequests int64
	// Filters choose the calls.
	Filters []Filter
}

// Breach tells that a Rule's threshold was passed.
type Breach struct {
	Rule      Rule
	Value     float64   // of the measure
	Threshold float64   // of the rule
	Since     time.Time // when the threshold was passed
	At        time.Time // when the rule fired: Since, or later by Rule.For
}

// String returns the breach as one line.
func (b Breach) String() string {
	sign := ">"
	if b.Rule.Measure.below() {
		sign = "<"
	}
	return fmt.Sprintf("%s: %s %.4g %s %.4g", b.Rule.Name, b.Rule.Measure, b.Value, sign, b.Threshold)
}

// OnThreshold has fn called when the rule's threshold is passed: once a crossing,
// and again only after the measure came back past Rule.Clear. Rules are
// evaluated each second over what Summary remembers. fn runs on a goroutine of
// the SDK and delays no call; a panic in it is recovered and reported once. It
// returns a function that takes the rule away again, and an error where the rule
// makes no sense.
//
// Setup must have been called before; while the SDK is off nothing happens.
func OnThreshold(rule Rule, fn func(ctx context.Context, b Breach)) (remove func(), err error) {
	remove = func() {}
	r := current()
	if r == nil {
		return remove, nil
	}
	if fn == nil {
		return remove, errors.New("pitot: OnThreshold: the function is nil")
	}
	if err := rule.complete(r.window); err != nil {
		return remove, fmt.Errorf("pitot: OnThreshold: rule %q: %w", rule.Name, err)
	}
	return r.meters.hooks.onThreshold(rule, fn)
}

// complete fills in defaults and reports what makes no sense.
func (r *Rule) complete(w *window) error {
	remembered := time.Duration(len(w.slots)-1) * w.slot
	if r.Window == 0 {
		r.Window = min(5*time.Minute, remembered)
	}
	if r.Clear == 0 {
		margin := math.Abs(r.Threshold) / 10
		if r.Measure.below() {
			margin = -margin
		}
		r.Clear = r.Threshold - margin
	}
	r.MinRequests = max(r.MinRequests, 1)
	switch below := r.Measure.below(); {
	case !r.Measure.valid():
		return fmt.Errorf("unknown measure %q", r.Measure)
	case math.IsNaN(r.Threshold) || math.IsInf(r.Threshold, 0):
		return fmt.Errorf("threshold %v is not a number", r.Threshold)
	case r.Window < time.Second || r.Window > remembered:
		return fmt.Errorf("window %v: use 1s to %v, or remember more with WithSummaryWindow", r.Window, remembered)
	case r.For < 0:
		return fmt.Errorf("for %v: must not be negative", r.For)
	case !below && r.Clear > r.Threshold, below && r.Clear < r.Threshold:
		return fmt.Errorf("clear %v is on the wrong side of the threshold %v", r.Clear, r.Threshold)
	}
	return nil
}

func (h *hooks) onThreshold(rule Rule, fn func(context.Context, Breach)) (remove func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return func() {}, nil
	}
	if len(h.rules) >= maxHooks {
		return func() {}, errTooMany
	}
	rule.Filters = slices.Clone(rule.Filters)
	s := &ruleState{rule: rule, fn: fn}
	h.rules = append(slices.Clone(h.rules), s)
	h.run()
	if !h.ticking {
		h.ticking = true
		h.workers.Go(h.watch)
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.rules = slices.DeleteFunc(slices.Clone(h.rules), func(x *ruleState) bool { return x == s })
	}, nil
}

// ruleState is a rule as it stands. Only the goroutine that evaluates uses it.
type ruleState struct {
	rule  Rule
	fn    func(context.Context, Breach)
	since time.Time // when the threshold was passed, zero where it is not
	fired bool
}

// evaluate returns a breach to tell of.
func (s *ruleState) evaluate(w *window, now time.Time) *Breach {
	value, ok := s.rule.value(w)
	above := func(v, than float64) bool {
		if s.rule.Measure.below() {
			return v < than
		}
		return v > than
	}
	switch {
	case !ok, !above(value, s.rule.Clear):
		// Without calls there is nothing wrong that anybody saw.
		s.since, s.fired = time.Time{}, false
		return nil
	case !above(value, s.rule.Threshold):
		if !s.fired {
			s.since = time.Time{}
		}
		return nil
	case s.fired:
		return nil
	}
	if s.since.IsZero() {
		s.since = now
	}
	if now.Sub(s.since) < s.rule.For {
		return nil
	}
	s.fired = true
	return &Breach{Rule: s.rule, Value: value, Threshold: s.rule.Threshold, Since: s.since, At: now}
}

// value measures; ok is false where too little is known.
func (r *Rule) value(w *window) (v float64, ok bool) {
	t := w.sum(r.Window, matchAll(r.Filters))
	if t.requests < r.MinRequests {
		return 0, false
	}
	n := float64(t.requests)
	switch r.Measure {
	case LatencyAverage:
		return t.latency.sum / float64(max(t.latency.n, 1)), t.latency.n > 0
	case LatencyP50:
		return t.latency.quantile(0.5), t.latency.n > 0
	case LatencyP95:
		return t.latency.quantile(0.95), t.latency.n > 0
	case LatencyP99:
		return t.latency.quantile(0.99), t.latency.n > 0
	case TTFTP50:
		return t.ttft.quantile(0.5), t.ttft.n > 0
	case TTFTP95:
		return t.ttft.quantile(0.95), t.ttft.n > 0
	case TTFTP99:
		return t.ttft.quantile(0.99), t.ttft.n > 0
	case ErrorRate:
		return float64(t.errors) / n, true
	case SuccessRate:
		return 1 - float64(t.errors)/n, true
	case SlowRate:
		return float64(t.slow) / n, true
	case RequestRate:
		return n / r.Window.Seconds(), true
	case InputTokens:
		return float64(t.input), t.inputKnown > 0
	case OutputTokens:
		return float64(t.output), t.outputKnown > 0
	case TokensPerSecond:
		return float64(t.generated) / t.generating, t.generating > 0
	case CostUSD:
		return t.cost[costReported] + t.cost[costComputed] + t.cost[costEstimated], t.priced[costReported]+t.priced[costComputed]+t.priced[costEstimated] > 0
	default:
		return 0, false
	}
}
