package explain

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The bounds of the window of an alert.
const (
	alertBefore    = 5 * time.Minute // before the range of its expression
	alertLeast     = 10 * time.Minute
	alertMostRange = time.Hour
	alertMostAfter = time.Hour
)

// MetricAnnotation is the annotation or label by which a rule names its metric.
const MetricAnnotation = "pitot_metric"

// FromAlert makes a Request of an alert: the metric by its label or annotation
// pitot_metric, else by its expression, else, where the expression is not known or
// is of recorded series, by its name; the Calls by those of
// its labels that are dimensions; the window from before it began until now. Its
// error is a *RequestError that says that none of them names a metric.
func FromAlert(labels, annotations map[string]string, expr string, startsAt, now time.Time) (Request, error) {
	m, ok := alertMetric(labels, annotations, expr)
	if !ok {
		return Request{}, &RequestError{"alert", fmt.Sprintf("the alert %q names no metric that can be explained; give its rule the annotation %s with one of %s",
			cut(labels["alertname"], 80), MetricAnnotation, strings.Join(MetricNames(), ", "))}
	}
	r := Request{Metric: m, Direction: alertDirection(m, expr)}
	for _, l := range alertLabels() {
		if v := labels[l.label]; v != "" && v != "__other__" {
			r.Window.Terms = append(r.Window.Terms, Term{l.dim.String(), OpIs, []string{v}})
		}
	}
	before := max(longestRange(expr)+alertBefore, alertLeast)
	end := now
	if most := startsAt.Add(alertMostAfter); end.After(most) {
		end = most
	}
	start := startsAt.Add(-before)
	if !end.After(start) {
		end = startsAt
	}
	r.Window.Ranges = []Range{{start, end}}
	return r, nil
}

type alertLabel struct {
	label string
	dim   Dim
}

// alertLabels are the labels of Pitot's metrics that are dimensions.
func alertLabels() []alertLabel {
	return []alertLabel{
		{"service", DimService},
		{"environment", DimEnvironment},
		{"provider", DimProvider},
		{"upstream", DimUpstream},
		{"model", DimModel},
		{"method", DimOperation},
		{"operation", DimOperation},
		{"user", DimUser},
		{"feature", DimFeature},
		{"prompt_name", DimPrompt},
		{"agent", DimAgent},
		{"workflow", DimWorkflow},
		{"region", DimRegion},
	}
}

// alertMetric finds the metric of an alert.
func alertMetric(labels, annotations map[string]string, expr string) (Metric, bool) {
	for _, m := range []map[string]string{annotations, labels} {
		if name := m[MetricAnnotation]; name != "" {
			if metric, ok := ParseMetric(name); ok {
				return metric, true
			}
		}
	}
	if m, ok := ExprMetric(expr); ok {
		return m, true
	}
	if expr != "" && !opaque.MatchString(expr) {
		return "", false // it measures something else, whatever it is called
	}
	return nameMetric(labels["alertname"])
}

// opaque finds what may be about Calls without saying so: recorded series, and
// families of LLMs that are not listed.
var opaque = regexp.MustCompile(`[A-Za-z0-9_]:[A-Za-z_]|\b(llm|gen_ai)_`)

// signalOf finds the signal of an anomaly, as the rules of the pack name it.
var signalOf = regexp.MustCompile(`llm:signal:[a-z0-9_]+\{[^}]*signal="([a-z_]+)"`)

// signalMetric is what a signal of the anomalies measures.
func signalMetric(name string) (Metric, bool) {
	m, ok := map[string]Metric{
		"rate": Requests, "latency": LatencyP95, "first_token": TTFTP95, "errors": ErrorRate, "tokens": TotalTokens, "cost": Cost,
	}[name]
	return m, ok
}

// ExprMetric finds the metric in an expression, by the families that it names.
func ExprMetric(expr string) (Metric, bool) {
	e := strings.ToLower(expr)
	if m := signalOf.FindStringSubmatch(e); m != nil {
		return signalMetric(m[1])
	}
	has := func(names ...string) bool {
		for _, n := range names {
			if strings.Contains(e, n) {
				return true
			}
		}
		return false
	}
	switch {
	case e == "":
		return "", false
	case has("response_quality_score", "llm_feedback", "slo:quality"):
		return Quality, true
	case has("time_to_first", "slo:ttft", "ttft"):
		return timeMetric("ttft", e), true
	case has("time_per_output", "inter_token", "slo:tpot", "tpot"):
		return timeMetric("tpot", e), true
	case has("tokens_per_second", "token_generation_rate"):
		return TokensPerSecond, true
	case has("token_cost_per_request", "slo:cost"):
		return CostPerCall, true
	case has("cost_usd", "cost_per_million"):
		return Cost, true
	case has("llm_errors_total", "operation_errors", "error_count", `status="error"`, `status='error'`, `status!="success"`, "slo:availability", "sli_error", "error_ratio", "error_rate", "errors:"):
		return ErrorRate, true
	case has("request_duration", "request_latency", "operation_duration", "slo:latency", "latency"):
		return timeMetric("latency", e), true
	case has("token"):
		switch {
		case has(`type="input"`, "input_token"):
			return InputTokens, true
		case has(`type="output"`, "output_token"):
			return OutputTokens, true
		}
		return TotalTokens, true
	case has("llm_requests", "active_requests", "requests:"):
		return Requests, true
	}
	return "", false
}

var quantileOf = regexp.MustCompile(`histogram_quantile\(\s*(0?\.[0-9]+)|[:_](p[0-9]{2})(?:[^0-9a-z]|$)`)

// timeMetric chooses the quantile that the expression is about.
func timeMetric(base, expr string) Metric {
	q := 0.95
	switch m := quantileOf.FindStringSubmatch(expr); {
	case m == nil && strings.Contains(expr, "_sum") && strings.Contains(expr, "_count"):
		return Metric(base + "_mean")
	case m == nil:
	case m[1] != "":
		if v, err := strconv.ParseFloat(m[1], 64); err == nil {
			q = v
		}
	default:
		if v, err := strconv.Atoi(m[2][1:]); err == nil {
			q = float64(v) / 100
		}
	}
	switch {
	case q < 0.8:
		return Metric(base + "_p50")
	case q > 0.97:
		return Metric(base + "_p99")
	}
	return Metric(base + "_p95")
}

// nameMetric guesses the metric by the name of the alert.
func nameMetric(name string) (Metric, bool) {
	n := strings.ToLower(name)
	for _, g := range []struct {
		part   string
		metric Metric
	}{
		{"quality", Quality},
		{"feedback", Quality},
		{"firsttoken", TTFTP95},
		{"ttft", TTFTP95},
		{"tpot", TPOTP95},
		{"intertoken", TPOTP95},
		{"tokengeneration", TokensPerSecond},
		{"generationrate", TokensPerSecond},
		{"stall", StallRate},
		{"truncat", TruncationRate},
		{"costpercall", CostPerCall},
		{"cost", Cost},
		{"spend", Cost},
		{"budget", Cost},
		{"error", ErrorRate},
		{"availability", ErrorRate},
		{"failure", ErrorRate},
		{"latency", LatencyP95},
		{"duration", LatencyP95},
		{"slow", LatencyP95},
		{"tokenusage", TotalTokens},
		{"tokens", TotalTokens},
		{"throughput", Requests},
		{"traffic", Requests},
		{"requestrate", Requests},
	} {
		if strings.Contains(n, g.part) {
			return g.metric, true
		}
	}
	return "", false
}

var below = regexp.MustCompile(`<=?\s*(bool\s*)?[0-9.(a-z_:]`)

// alertDirection is the direction that the alert is about.
func alertDirection(m Metric, expr string) int {
	info, _ := m.info()
	if info != nil && info.badDown || info != nil && info.family == famVolume && below.MatchString(expr) {
		return -1
	}
	return 1
}

var rangeOf = regexp.MustCompile(`(?:\[|ratio_rate)([0-9]+)(ms|s|m|h|d|w)`)

// longestRange is the longest range of an expression that is no history: up to
// an hour.
func longestRange(expr string) time.Duration {
	var longest time.Duration
	for _, m := range rangeOf.FindAllStringSubmatch(expr, 32) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 1e6 {
			continue
		}
		unit := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		if d := time.Duration(n) * unit; d <= alertMostRange && d > longest {
			longest = d
		}
	}
	return longest
}
