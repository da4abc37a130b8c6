package rules

import (
	"fmt"
	"strings"
	"time"
)

// How often the anomaly rules run. Bands move slowly. With 5m a query always
// finds a record within its lookback of 5m, but for the moment in which the next
// one is made: alerts look further back.
const (
	signalInterval = "1m"
	bandInterval   = "5m"

	// hourSamples is how many hourly summaries an hour has.
	hourSamples = 12
)

// signal is something that has a usual course: each becomes a series of
// llm:signal:5m with its name as the label signal.
type signal struct {
	name  string
	expr  string // the value of the last 5 minutes
	floor string // the least margin, as a share of the level unless absolute
	// absolute says that the margin is added and not multiplied: a ratio that
	// is usually 0 has no relative one.
	absolute bool
	alerts   []anomaly
}

// anomaly is an alert on a signal that left its band.
type anomaly struct {
	name, direction string
	severity        string
	what, whatZH    string // the subject of the sentence
	show            string // the template function that writes a value
	look, lookZH    string
	calls           []string
	extra           string // a further condition
}

func signals(v values) []signal {
	requests := recSignal("rate")
	perCall := func(rate string) string {
		return "sum by (" + byCall + ") (" + rate + ")\n/ on (" + byCall + ")\n(" + requests + " > 0)"
	}
	// What another pack records is not computed again.
	p95 := func(pack, short string) string {
		if v.recorded(pack) {
			return "llm:" + short + ":p95_5m"
		}
		return quantile(short, "95")
	}
	return []signal{
		{
			name: "rate", floor: "rate_floor",
			expr: "sum by (" + byCall + ") (rate(llm_requests_total[5m]))" + steadyClock("on ("+byCall+") max by ("+byCall+") ", "llm_requests_total", "5m"),
			alerts: []anomaly{
				{
					name: "TrafficAnomaly", direction: "down", severity: warning, calls: []string{},
					what: "Requests per second", whatZH: "每秒请求数", show: "humanize",
					look:   "Look at whether the application in front is healthy, was deployed, or lost its way to Pitot.",
					lookZH: "请检查前端应用是否健康、是否刚发布、是否仍能连接 Pitot。",
					extra:  "\nand\n" + latestBound("lower", "rate") + " * 300 >= <min_requests_expected>",
				},
				{
					name: "TrafficAnomaly", direction: "up", severity: info, calls: []string{},
					what: "Requests per second", whatZH: "每秒请求数", show: "humanize",
					look:   "Look at which user, feature or key makes the additional requests: a loop, a batch job, a launch.",
					lookZH: "请查看新增请求来自哪个用户、功能或密钥：循环、批处理任务还是新上线。",
					extra:  "\nand\nllm:signal:5m * 300 >= <min_requests>",
				},
			},
		},
		{
			name: "latency", floor: "latency_floor", expr: p95("latency", shortDuration),
			alerts: []anomaly{{
				name: "LatencyAnomaly", direction: "up", severity: warning, calls: []string{},
				what: "p95 of the duration", whatZH: "调用耗时 p95", show: "humanizeDuration",
				look:   "Look at whether the time to first token, the time per token or the length of answers rose, and ask `pitot explain --metric=latency`.",
				lookZH: "请看是首个 token 时间、每 token 时间还是回答长度上升，可运行 `pitot explain --metric=latency`。",
			}},
		},
		{
			name: "first_token", floor: "first_token_floor", expr: p95("first_token", shortFirstToken),
			alerts: []anomaly{{
				name: "FirstTokenAnomaly", direction: "up", severity: warning, calls: []string{},
				what: "p95 of the time to first token", whatZH: "首个 token 时间 p95", show: "humanizeDuration",
				look:   "Look at the queue of the model server, at the length of prompts and at the prefix cache.",
				lookZH: "请查看模型服务器排队、提示词长度和前缀缓存。",
			}},
		},
		{
			name: "errors", floor: "errors_floor", absolute: true,
			expr: perCall(`rate(llm_requests_total{status="error"}[5m])`) + "\nor on (" + byCall + ")\n" + requests + " * 0",
			alerts: []anomaly{{
				name: "ErrorRateAnomaly", direction: "up", severity: warning, calls: []string{"status=error"},
				what: "Share of failed calls", whatZH: "失败调用占比", show: "humanizePercentage",
				look:   "Look at the error types and at what was changed when it began.",
				lookZH: "请查看错误类型以及开始时的变更。",
			}},
		},
		{
			name: "tokens", floor: "tokens_floor", expr: perCall(`rate(llm_tokens_total{type=~"input|output"}[5m])`),
			alerts: []anomaly{
				{
					name: "TokensAnomaly", direction: "up", severity: warning, calls: []string{},
					what: "Tokens per call", whatZH: "每次调用的 token 数", show: "humanize",
					look:   "Look at whether prompts grew (history, retrieved documents, a new prompt version) or answers did.",
					lookZH: "请看是提示词变长（历史、检索文档、新提示词版本）还是回答变长。",
				},
				{
					name: "TokensAnomaly", direction: "down", severity: info, calls: []string{},
					what: "Tokens per call", whatZH: "每次调用的 token 数", show: "humanize",
					look:   "Look at whether answers are empty or cut, or context is missing from prompts.",
					lookZH: "请查看回答是否为空或被截断，或提示词缺少上下文。",
				},
			},
		},
		{
			name: "cost", floor: "cost_floor", expr: perCall("rate(llm_cost_usd_total[5m])"),
			alerts: []anomaly{{
				name: "CostAnomaly", direction: "up", severity: warning, calls: []string{},
				what: "Cost per call in US dollars", whatZH: "每次调用的成本（美元）", show: "humanize",
				look:   "Look at the tokens per call, at the share of tokens read from the cache and at whether a dearer model answers.",
				lookZH: "请查看每次调用的 token 数、命中缓存的 token 占比，以及是否改用了更贵的模型。",
			}},
		},
	}
}

func recSignal(name string) string { return fmt.Sprintf("llm:signal:5m{signal=%q}", name) }

// latestBound is a bound of a signal, also while the next one is being made.
func latestBound(bound, signal string) string {
	return fmt.Sprintf("last_over_time(llm:signal:%s{signal=%q}[15m])", bound, signal)
}

// anomaliesPack compares the last 5 minutes with what is usual. The usual
// course of a signal is known from three places, and only what is outside of
// all three is an anomaly: the last hour, the same time of the days before
// (smoothed), the same time a week ago. Medians of an hour and quartiles keep
// incidents of the past out of what counts as usual.
func anomaliesPack() *pack {
	p := &pack{
		name: "anomalies", doc: "what leaves its usual course. Silent until there is enough history.",
		params: []param{
			{"width", 4, unitFactor, "Half width of the bands in usual deviations: larger is quieter."},
			{"min_requests", 30, unitNumber, "Calls in 5 minutes below which nothing but traffic is judged."},
			{"min_requests_expected", 15, unitNumber, "TrafficAnomaly, down: calls in 5 minutes that the lower bound must stand for."},
			{"history", 7200, unitDuration, "History that a signal must have."},
			{"hold", 300, unitDuration, "How long a signal must be outside its band."},
			{"traffic_hold", 600, unitDuration, "TrafficAnomaly: how long."},
		},
	}
	floors := []param{
		{"rate_floor", 1, unitNumber, "Least margin of the traffic: 1 lets it double or halve."},
		{"latency_floor", 0.5, unitNumber, "Least margin of the p95 of the duration: 0.5 is half as much again."},
		{"first_token_floor", 0.5, unitNumber, "Least margin of the p95 of the time to first token."},
		{"errors_floor", 0.03, unitRatio, "Least margin of the share of failed calls, absolute."},
		{"tokens_floor", 0.4, unitNumber, "Least margin of the tokens per call."},
		{"cost_floor", 0.4, unitNumber, "Least margin of the cost per call."},
	}
	p.params = append(p.params, floors...)
	p.groups = func(v values) []groupText {
		return []groupText{
			{Name: "anomalies", Interval: signalInterval, Rules: anomalyRules(v)},
			{Name: "anomaly_bands", Interval: bandInterval, Rules: bandRules(v)},
		}
	}
	return p
}

// anomalyRules record the signals and judge them.
func anomalyRules(v values) []ruleText {
	var records, alerts []ruleText
	for _, s := range signals(v) {
		expr := s.expr
		if s.name != "rate" {
			expr = "(\n" + expr + "\n)\nand on (" + byCall + ")\n" + recSignal("rate") + " * 300 >= <min_requests>"
		}
		records = append(records, ruleText{Record: "llm:signal:5m", Labels: map[string]string{"signal": s.name}, Expr: expr})
		for _, a := range s.alerts {
			alerts = append(alerts, a.rule(s))
		}
	}
	return append(records, alerts...)
}

func (a anomaly) rule(s signal) ruleText {
	op, bound, hold := " > ", "upper", "<hold>"
	trend, trendZH := "higher", "偏高"
	if a.direction == "down" {
		op, bound = " < ", "lower"
		trend, trendZH = "lower", "偏低"
	}
	if s.name == "rate" {
		hold = "<traffic_hold>"
	}
	usual := `{{ with query (printf "max(llm:signal:center{band=\"day\",signal=\"` + s.name +
		`\",service=%q,provider=%q,model=%q})" (or $labels.service "") (or $labels.provider "") (or $labels.model "")) }}`
	usualEN := usual + `; {{ . | first | value | ` + a.show + ` }} is usual{{ end }}`
	usualZH := usual + `，通常为 {{ . | first | value | ` + a.show + ` }}{{ end }}`
	value := "{{ $value | " + a.show + " }}"
	return alertDef{
		name: a.name, severity: a.severity, hold: hold, keep: "5m", labels: map[string]string{"direction": a.direction},
		expr:          recSignal(s.name) + op + latestBound(bound, s.name) + strings.ReplaceAll(a.extra, "llm:signal:5m", recSignal(s.name)),
		summary:       a.what + " of " + subject + " is " + trend + " than usual: " + value,
		summaryZH:     subjectZH + " 的" + a.whatZH + trendZH + "：" + value,
		description:   a.what + " is " + value + usualEN + ". It left the band of the last hour, of this time of the days before and of a week ago " + hold[:len(hold)-1] + "!> ago or earlier. " + a.look,
		descriptionZH: a.whatZH + "为 " + value + usualZH + "。它已连续 " + hold[:len(hold)-1] + "!> 超出最近一小时、前几天同一时段和一周前的范围。" + a.lookZH,
		calls:         a.calls, lookBack: 30 * time.Minute,
	}.rule()
}

// bandRules summarise the signals by the hour and draw the bands.
func bandRules(v values) []ruleText {
	samples := formatNumber(max(1, float64(int(v.number("history")/3600*hourSamples))))
	center := func(band, expr string) ruleText {
		return ruleText{Record: "llm:signal:center", Labels: map[string]string{"band": band}, Expr: expr}
	}
	rules := []ruleText{
		// The hour: middle, and scatter as a normal deviation would have it.
		{Record: "llm:signal:p50_1h", Expr: "quantile_over_time(0.5, llm:signal:5m[1h])"},
		{
			Record: "llm:signal:spread_1h",
			Expr:   "(quantile_over_time(0.75, llm:signal:5m[1h]) - quantile_over_time(0.25, llm:signal:5m[1h])) / 1.349",
		},
		// The day: level and deviation, once there is enough history.
		{
			Record: "llm:signal:mean_1d",
			Expr:   "avg_over_time(llm:signal:p50_1h[1d])\nand\ncount_over_time(llm:signal:p50_1h[1d]) >= " + samples,
		},
		{Record: "llm:signal:deviation_1d", Expr: "avg_over_time(llm:signal:spread_1h[1d])"},
		// This time of the day: half yesterday, half what was usual then.
		{
			Record: "llm:signal:season",
			Expr: "0.5 * (llm:signal:season offset 1d) + 0.5 * (llm:signal:p50_1h offset 23h30m)\nor\n" +
				"llm:signal:p50_1h offset 23h30m",
		},
		center("recent", "llm:signal:p50_1h"),
		center("day", "llm:signal:season\nor\nllm:signal:mean_1d"),
		center("week", "llm:signal:p50_1h offset 167h30m"),
	}
	for _, s := range signals(v) {
		rules = append(rules, s.bounds()...)
	}
	return rules
}

// bounds are the band of one signal.
func (s signal) bounds() []ruleText {
	sel := fmt.Sprintf("{signal=%q}", s.name)
	centers := "max without (band) (llm:signal:center" + sel + ")"
	if s.absolute {
		wide := "<width> * (llm:signal:deviation_1d" + sel + " and llm:signal:mean_1d" + sel + ")"
		return []ruleText{
			{Record: "llm:signal:margin", Expr: "(" + wide + " > <" + s.floor + ">)\nor\nllm:signal:mean_1d" + sel + " * 0 + <" + s.floor + ">"},
			{Record: "llm:signal:upper", Expr: centers + " + llm:signal:margin" + sel},
		}
	}
	noise := "llm:signal:deviation_1d" + sel + " / (llm:signal:mean_1d" + sel + " > 0)"
	out := []ruleText{
		{Record: "llm:signal:margin", Expr: "(<width> * " + noise + " > <" + s.floor + ">)\nor\nllm:signal:mean_1d" + sel + " * 0 + <" + s.floor + ">"},
		{Record: "llm:signal:upper", Expr: centers + " * (1 + llm:signal:margin" + sel + ")"},
	}
	for _, a := range s.alerts {
		if a.direction == "down" {
			out = append(out, ruleText{
				Record: "llm:signal:lower",
				Expr:   "min without (band) (llm:signal:center" + sel + ") / (1 + llm:signal:margin" + sel + ")",
			})
		}
	}
	return out
}
