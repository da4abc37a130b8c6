package slo

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The families that indicators are read from, as internal/metrics fills them.
const (
	famRequests = "llm_requests_total"
	famErrors   = "llm_errors_total"
	famStreams  = "llm_streams_total"
	famDuration = "llm_request_duration_seconds"
	famTTFT     = "llm_time_to_first_token_seconds"
	famTPOT     = "llm_time_per_output_token_seconds"
	famCost     = "llm_token_cost_per_request"
	famQuality  = "llm_response_quality_score"
)

// buckets are the bounds of the histograms: a test compares them with the
// catalogue of internal/metrics.
func buckets(family string) []float64 {
	switch family {
	case famDuration:
		return []float64{0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 30, 60, 120, 300}
	case famTTFT:
		return []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30}
	case famTPOT:
		return []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5}
	case famCost:
		return []float64{0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}
	default:
		return []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}
	}
}

// Kind names what an indicator measures.
func (s *SLI) Kind() string {
	switch {
	case s.Availability != nil:
		return "availability"
	case s.Latency != nil:
		return "latency"
	case s.TTFT != nil:
		return "ttft"
	case s.TPOT != nil:
		return "tpot"
	case s.ErrorFreeStreams != nil:
		return "error_free_streams"
	case s.CostPerRequest != nil:
		return "cost_per_request"
	case s.Quality != nil:
		return "quality"
	case s.Events != nil:
		return "events"
	case s.ErrorRatio != "":
		return "error_ratio"
	default:
		return ""
	}
}

// kindZH is the kind in Chinese.
func (s *SLI) kindZH() string {
	switch s.Kind() {
	case "availability":
		return "可用性"
	case "latency":
		return "延迟"
	case "ttft":
		return "首 token 时间"
	case "tpot":
		return "单 token 时间"
	case "error_free_streams":
		return "无错误的流式输出"
	case "cost_per_request":
		return "每次调用的费用"
	case "quality":
		return "质量评分"
	case "events":
		return "自定义事件"
	default:
		return "错误率"
	}
}

// metric is what an explanation of the objective's alerts is about, in the words
// of the annotation pitot_metric: the recorded series that the alerts compare do
// not tell. Empty for PromQL of one's own.
func (s *SLO) metric() string {
	quantile := "_p95"
	switch o := s.objective(); {
	case o < 0.8:
		quantile = "_p50"
	case o > 0.97:
		quantile = "_p99"
	}
	sli := &s.SLI
	switch {
	case sli.Availability != nil, sli.ErrorFreeStreams != nil:
		return "error_rate"
	case sli.Latency != nil:
		return "latency" + quantile
	case sli.TTFT != nil:
		return "ttft" + quantile
	case sli.TPOT != nil:
		return "tpot" + quantile
	case sli.CostPerRequest != nil:
		return "cost_per_call"
	case sli.Quality != nil:
		return "quality"
	default:
		return ""
	}
}

// PromQL is what the user wrote where the indicator is PromQL of one's own, in
// one text; else empty.
func (s *SLI) PromQL() string {
	if s.Events != nil {
		return strings.TrimSpace(s.Events.Errors + "\n" + s.Events.Good + "\n" + s.Events.Total)
	}
	return s.ErrorRatio
}

func (s *SLI) count() int {
	n := 0
	for _, set := range []bool{
		s.Availability != nil, s.Latency != nil, s.TTFT != nil, s.TPOT != nil, s.ErrorFreeStreams != nil,
		s.CostPerRequest != nil, s.Quality != nil, s.Events != nil, s.ErrorRatio != "",
	} {
		if set {
			n++
		}
	}
	return n
}

func (s *SLI) validate(slo *SLO, add func(field, format string, args ...any)) {
	if n := s.count(); n != 1 {
		add("", "has %d indicators: write exactly one of availability, latency, ttft, tpot, error_free_streams, cost_per_request, quality, events, error_ratio", n)
		return
	}
	duration := func(field, family string, t *Threshold) {
		if t == nil {
			return
		}
		v := time.Duration(t.Threshold).Seconds()
		if v <= 0 {
			add(field+".threshold", "is missing: the longest duration of a good event, such as 2s")
		} else if !t.Native {
			onBucket(field+".threshold", family, v, seconds, ", or set native: true", add)
		}
	}
	duration(".latency", famDuration, s.Latency)
	duration(".ttft", famTTFT, s.TTFT)
	duration(".tpot", famTPOT, s.TPOT)
	if c := s.CostPerRequest; c != nil {
		if !(c.Threshold > 0) {
			add(".cost_per_request.threshold", "is missing: US dollars, such as 0.05")
		} else {
			onBucket(".cost_per_request.threshold", famCost, c.Threshold, plain, "", add)
		}
	}
	if q := s.Quality; q != nil {
		if !(q.Above >= 0 && q.Above < 1) {
			add(".quality.above", "%v: must be from 0 up to 0.9", q.Above)
		} else {
			onBucket(".quality.above", famQuality, q.Above, plain, "", add)
		}
	}
	own := s.Events != nil || s.ErrorRatio != ""
	if own && (len(slo.Service)+len(slo.Provider)+len(slo.Model)+len(slo.Method)+len(slo.By) > 0 || slo.Match != "") {
		add("", "service, provider, model, method, match and by do not change your own PromQL: write the matchers into it")
	}
	if e := s.Events; e != nil {
		if (e.Good == "") == (e.Errors == "") {
			add(".events", "write either good or errors, and total")
		}
		for _, x := range []struct{ field, text string }{{"good", e.Good}, {"errors", e.Errors}, {"total", e.Total}} {
			if x.text == "" && x.field != "total" {
				continue
			}
			if _, err := e.expr(x.text, "5m"); err != nil {
				add(".events."+x.field, "%v", err)
			}
		}
	}
	if s.ErrorRatio != "" {
		if _, err := windowExpr(s.ErrorRatio, "5m"); err != nil {
			add(".error_ratio", "%v", err)
		}
	}
}

// onBucket reports a threshold that is not the bound of a bucket, with the
// bounds beside it: between two bounds nothing is known of the events.
func onBucket(field, family string, v float64, show func(float64) string, or string, add func(field, format string, args ...any)) {
	b := buckets(family)
	if slices.ContainsFunc(b, func(x float64) bool { return same(x, v) }) {
		return
	}
	i, _ := slices.BinarySearch(b, v)
	var near []string
	if i > 0 {
		near = append(near, show(b[i-1]))
	}
	if i < len(b) {
		near = append(near, show(b[i]))
	}
	add(field, "%s is not the bound of a bucket of %s: choose %s%s", show(v), family, strings.Join(near, " or "), or)
}

func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

func seconds(v float64) string { return time.Duration(math.Round(v * float64(time.Second))).String() }

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// leMatcher matches the bound of a bucket in both spellings: "2.0", as
// OpenMetrics and Prometheus 3 write it, and "2".
func leMatcher(family string, v float64) string {
	for _, b := range buckets(family) {
		if same(b, v) {
			v = b
		}
	}
	text := strconv.FormatFloat(v, 'g', -1, 64)
	whole := regexp.QuoteMeta(text)
	if !strings.ContainsAny(text, ".e") {
		whole += `(\.0)?`
	}
	return fmt.Sprintf("le=~%q", whole)
}

// indicator is an SLI as PromQL over one window: events per second. The error
// series is there, as 0, wherever the total is.
type indicator struct {
	errors, total string
	// counted says that the numbers are events; otherwise only their ratio means
	// something.
	counted bool
	// bucketRate is of a latency: its buckets by le.
	bucketRate string
}

// indicator makes the PromQL of the SLO over the window w, such as 5m.
func (s *SLO) indicator(w string) (indicator, error) {
	matchers, err := s.matchers()
	if err != nil {
		return indicator{}, err
	}
	q := query{matchers: matchers, by: s.By, window: w}
	sli := &s.SLI
	switch {
	case sli.Availability != nil:
		total := q.rate(famRequests)
		if len(sli.Availability.Ignore) == 0 {
			return present(q.rate(famRequests, `status="error"`), total), nil
		}
		quoted := make([]string, len(sli.Availability.Ignore))
		for i, t := range sli.Availability.Ignore {
			quoted[i] = regexp.QuoteMeta(t)
		}
		return present(q.rate(famErrors, fmt.Sprintf("error_type!~%q", strings.Join(quoted, "|"))), total), nil
	case sli.Latency != nil:
		ind := q.under(famDuration, sli.Latency)
		q.by = append(slices.Clip(q.by), "le")
		ind.bucketRate = q.rate(famDuration + "_bucket")
		return ind, nil
	case sli.TTFT != nil:
		return q.under(famTTFT, sli.TTFT), nil
	case sli.TPOT != nil:
		return q.under(famTPOT, sli.TPOT), nil
	case sli.ErrorFreeStreams != nil:
		// A client who leaves says nothing about the stream.
		return present(q.rate(famStreams, `status=~"error|cut"`), q.rate(famStreams, `status!="client_gone"`)), nil
	case sli.CostPerRequest != nil:
		return remainder(q.rate(famCost+"_bucket", leMatcher(famCost, sli.CostPerRequest.Threshold)), q.rate(famCost+"_count")), nil
	case sli.Quality != nil:
		var by []string
		if sli.Quality.Evaluator != "" {
			by = []string{fmt.Sprintf("evaluator=%q", sli.Quality.Evaluator)}
		}
		bad := q.rate(famQuality+"_bucket", append(slices.Clip(by), leMatcher(famQuality, sli.Quality.Above))...)
		return present(bad, q.rate(famQuality+"_count", by...)), nil
	case sli.Events != nil:
		return sli.Events.indicator(w)
	default:
		ratio, err := windowExpr(sli.ErrorRatio, w)
		if err != nil {
			return indicator{}, err
		}
		// A ratio that is not a number had no events.
		return indicator{errors: "(" + ratio + ") >= 0", total: "((" + ratio + ") >= 0) * 0 + 1"}, nil
	}
}

func (e *Events) indicator(w string) (indicator, error) {
	total, err := e.expr(e.Total, w)
	if err != nil {
		return indicator{}, err
	}
	var ind indicator
	if e.Good != "" {
		good, gerr := e.expr(e.Good, w)
		ind, err = remainder(good, total), gerr
	} else {
		bad, berr := e.expr(e.Errors, w)
		ind, err = present(bad, total), berr
	}
	ind.counted = !e.gauge
	return ind, err
}

func (e *Events) expr(text, w string) (string, error) {
	if !e.gauge {
		return countExpr(text, w)
	}
	expr, err := windowExpr(text, w)
	return "(" + expr + ")", err
}

// present makes the errors 0 where there are none, and none where there is no
// total.
func present(errs, total string) indicator {
	return indicator{errors: fmt.Sprintf("%s or %s * 0", errs, total), total: total, counted: true}
}

// remainder takes what is not good for errors. Rates are extrapolated: a
// difference a little under 0 is 0.
func remainder(good, total string) indicator {
	return indicator{errors: fmt.Sprintf("clamp_min(%s - (%s or %s * 0), 0)", total, good, total), total: total, counted: true}
}

// query makes sums of rates.
type query struct {
	matchers string
	by       []string
	window   string
}

func (q query) rate(metric string, more ...string) string {
	m := more
	if q.matchers != "" {
		m = append([]string{q.matchers}, more...)
	}
	sel := metric
	if len(m) > 0 {
		sel += "{" + strings.Join(m, ",") + "}"
	}
	sum := "sum"
	if len(q.by) > 0 {
		sum = "sum by (" + strings.Join(q.by, ", ") + ") "
	}
	return fmt.Sprintf("%s(rate(%s[%s]))", sum, sel, q.window)
}

// under counts the observations of a histogram that are over a threshold as
// errors.
func (q query) under(family string, t *Threshold) indicator {
	v := time.Duration(t.Threshold).Seconds()
	if !t.Native {
		return remainder(q.rate(family+"_bucket", leMatcher(family, v)), q.rate(family+"_count"))
	}
	all := q.rate(family)
	total := "histogram_count(" + all + ")"
	// A fraction of nothing is not a number; there is a total of 0 then.
	return indicator{
		errors:  fmt.Sprintf("clamp_min((1 - histogram_fraction(-Inf, %s, %s)) * (%s > 0), 0) or %s * 0", plain(v), all, total, total),
		total:   total,
		counted: true,
	}
}
