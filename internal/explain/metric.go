package explain

import (
	"slices"
	"strings"
)

// Metric is the number whose change is to be explained.
type Metric string

// The metrics.
const (
	ErrorRate       Metric = "error_rate"        // share of Calls that failed
	TruncationRate  Metric = "truncation_rate"   // share of answers that ended for length
	StallRate       Metric = "stall_rate"        // share of streams that stalled
	Requests        Metric = "requests"          // Calls a second
	Errors          Metric = "errors"            // failed Calls a second
	LatencyP50      Metric = "latency_p50"       // seconds
	LatencyP95      Metric = "latency_p95"       //
	LatencyP99      Metric = "latency_p99"       //
	LatencyMean     Metric = "latency_mean"      //
	TTFTP50         Metric = "ttft_p50"          //
	TTFTP95         Metric = "ttft_p95"          //
	TTFTP99         Metric = "ttft_p99"          //
	TTFTMean        Metric = "ttft_mean"         //
	TPOTP50         Metric = "tpot_p50"          // seconds a token
	TPOTP95         Metric = "tpot_p95"          //
	TPOTP99         Metric = "tpot_p99"          //
	TPOTMean        Metric = "tpot_mean"         //
	TokensPerSecond Metric = "tokens_per_second" // median speed of one answer
	InputTokens     Metric = "input_tokens"      // tokens a second
	OutputTokens    Metric = "output_tokens"     //
	TotalTokens     Metric = "tokens"            // input and output
	InputPerCall    Metric = "input_tokens_per_call"
	OutputPerCall   Metric = "output_tokens_per_call"
	Cost            Metric = "cost"          // US dollars an hour
	CostPerCall     Metric = "cost_per_call" // US dollars
	Quality         Metric = "quality"       // mean score, 0 to 1
)

// family is how a metric is made of Calls.
type family uint8

const (
	famRatio    family = iota // share of Calls with a property
	famMean                   // mean of a number
	famQuantile               // quantile of a number
	famVolume                 // sum over time
)

// metricInfo describes a metric.
type metricInfo struct {
	metric   Metric
	family   family
	num      Num     // what is averaged or summed; not for famRatio
	quantile float64 // for famQuantile
	// log says that the number varies by factors, as times and money do.
	log bool
	// badUp and badDown say which direction is a worsening.
	badDown bool
	per     float64 // seconds of the unit of time of a volume
	unit    string
	en, zh  string
}

func metrics() []metricInfo {
	quantiles := func(base string, num Num, en, zh string) []metricInfo {
		unit := "seconds"
		return []metricInfo{
			{Metric(base + "_p50"), famQuantile, num, 0.5, true, false, 0, unit, "p50 " + en, zh + " p50"},
			{Metric(base + "_p95"), famQuantile, num, 0.95, true, false, 0, unit, "p95 " + en, zh + " p95"},
			{Metric(base + "_p99"), famQuantile, num, 0.99, true, false, 0, unit, "p99 " + en, zh + " p99"},
			{Metric(base + "_mean"), famMean, num, 0, true, false, 0, unit, "mean " + en, "平均" + zh},
		}
	}
	m := []metricInfo{
		{ErrorRate, famRatio, 0, 0, false, false, 0, "ratio", "error rate", "错误率"},
		{TruncationRate, famRatio, 0, 0, false, false, 0, "ratio", "share of answers cut for length", "因长度被截断的比例"},
		{StallRate, famRatio, 0, 0, false, false, 0, "ratio", "share of stalled streams", "流式卡顿比例"},
		{Requests, famVolume, NumOne, 0, false, false, 1, "per second", "request rate", "请求速率"},
		{Errors, famVolume, NumErrors, 0, false, false, 1, "per second", "rate of errors", "错误速率"},
		{TokensPerSecond, famQuantile, NumTokensPerSecond, 0.5, true, true, 0, "tokens/s", "generation speed", "生成速度"},
		{InputTokens, famVolume, NumInputTokens, 0, false, false, 1, "tokens/s", "input tokens", "输入 token"},
		{OutputTokens, famVolume, NumOutputTokens, 0, false, false, 1, "tokens/s", "output tokens", "输出 token"},
		{TotalTokens, famVolume, NumTotalTokens, 0, false, false, 1, "tokens/s", "tokens", "token 总量"},
		{InputPerCall, famMean, NumInputTokens, 0, true, false, 0, "tokens", "input tokens a call", "每次调用的输入 token"},
		{OutputPerCall, famMean, NumOutputTokens, 0, true, false, 0, "tokens", "output tokens a call", "每次调用的输出 token"},
		{Cost, famVolume, NumCost, 0, false, false, 3600, "USD/h", "cost", "费用"},
		{CostPerCall, famMean, NumCost, 0, true, false, 0, "USD", "cost a call", "每次调用的费用"},
		{Quality, famMean, NumQuality, 0, false, true, 0, "score", "quality", "质量评分"},
	}
	m = append(m, quantiles("latency", NumDuration, "latency", "延迟")...)
	m = append(m, quantiles("ttft", NumTTFT, "time to first token", "首 token 时间")...)
	return append(m, quantiles("tpot", NumTPOT, "time per output token", "单 token 时间")...)
}

// metricTable is the one copy of metrics, which nobody writes to.
var metricTable = metrics()

func (m Metric) info() (*metricInfo, bool) {
	for i := range metricTable {
		if metricTable[i].metric == m {
			return &metricTable[i], true
		}
	}
	return nil, false
}

// MetricNames are the names of all metrics, in order.
func MetricNames() []string {
	names := make([]string, len(metricTable))
	for i := range metricTable {
		names[i] = string(metricTable[i].metric)
	}
	slices.Sort(names)
	return names
}

// ParseMetric returns the metric of a name. It takes the short forms, too:
// latency for latency_p95, errors for the rate of errors, tps.
func ParseMetric(name string) (Metric, bool) {
	n := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", "_")
	switch n {
	case "latency", "duration":
		return LatencyP95, true
	case "ttft":
		return TTFTP95, true
	case "tpot":
		return TPOTP95, true
	case "tps", "generation_rate":
		return TokensPerSecond, true
	case "rate", "traffic", "request_rate":
		return Requests, true
	case "total_tokens":
		return TotalTokens, true
	case "tokens_in":
		return InputTokens, true
	case "tokens_out":
		return OutputTokens, true
	}
	_, ok := Metric(n).info()
	return Metric(n), ok
}
