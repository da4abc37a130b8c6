package rules

import "time"

// quantileRecord is a quantile of the last 5 minutes. It is absent, and not NaN,
// while there are no calls. The classic buckets are read and not the native
// histogram: they are there for whatever scrapes Pitot, and over 5 minutes they
// cost no more.
func quantileRecord(short, percent string) ruleText {
	return ruleText{Record: "llm:" + short + ":p" + percent + "_5m", Expr: quantile(short, percent)}
}

func quantile(short, percent string) string {
	return "histogram_quantile(0." + percent + ", sum by (" + byCall + ", le) (rate(llm_" + short + "_bucket[5m]))) >= 0"
}

// enoughObservations keeps what has so many observations in 5 minutes.
func enoughObservations(short, param string) string {
	return "\nand on (" + byCall + ")\nsum by (" + byCall + ") (rate(llm_" + short + "_count[5m])) * 300 >= <" + param + ">"
}

const (
	shortDuration   = "request_duration_seconds"
	shortFirstToken = "time_to_first_token_seconds"
	shortTokenRate  = "token_generation_rate"

	recLatencyP95    = "llm:" + shortDuration + ":p95_5m"
	recFirstTokenP95 = "llm:" + shortFirstToken + ":p95_5m"
)

func latencyPack() *pack {
	return &pack{
		name: "latency", doc: "slow calls.",
		params: []param{
			{"p95", 5, unitSeconds, "HighLatency, minor: p95 of the duration."},
			{"p95_for", 300, unitDuration, "HighLatency, minor: how long."},
			{"p95_major", 10, unitSeconds, "HighLatency, major: p95 of the duration."},
			{"p95_major_for", 300, unitDuration, "HighLatency, major: how long."},
			{"p99", 2, unitSeconds, "HighInferenceLatency: p99 of the duration."},
			{"p99_for", 300, unitDuration, "HighInferenceLatency: how long."},
			{"min_requests", 20, unitNumber, "Calls in 5 minutes below which the pack is silent."},
		},
		groups: func(values) []groupText {
			rules := []ruleText{quantileRecord(shortDuration, "95"), quantileRecord(shortDuration, "99")}
			enough := enoughObservations(shortDuration, "min_requests")
			high := func(level, p string) ruleText {
				return alertDef{
					name: "HighLatency", level: level, severity: warning, hold: "<" + p + "_for>",
					expr:          recLatencyP95 + " > <" + p + ">" + enough,
					calls:         []string{"min_duration=<" + p + ">s"},
					summary:       "The slowest 5% of the calls of " + subject + " take {{ $value | humanizeDuration }} and more",
					summaryZH:     subjectZH + " 最慢的 5% 调用耗时 {{ $value | humanizeDuration }} 以上",
					description:   "The p95 of the duration has been above <" + p + "!> for <" + p + "_for!>; it is {{ $value | humanizeDuration }} now. Look at whether the time to first token rose (queue, prefill, provider) or the time per token (decode), and whether answers became longer.",
					descriptionZH: "调用耗时的 p95 已连续 <" + p + "_for!> 高于 <" + p + "!>，当前为 {{ $value | humanizeDuration }}。请看是首个 token 时间上升（排队、预填充、供应商）还是每 token 时间上升（解码），以及回答是否变长。",
				}.rule()
			}
			return []groupText{{Name: "latency", Rules: append(rules, high(minor, "p95"), high(major, "p95_major"), alertDef{
				name: "HighInferenceLatency", severity: warning, hold: "<p99_for>", lookBack: 15 * time.Minute,
				expr:          "llm:" + shortDuration + ":p99_5m > <p99>" + enough,
				calls:         []string{"min_duration=<p99>s"},
				summary:       "The slowest 1% of the calls of " + subject + " take {{ $value | humanizeDuration }} and more",
				summaryZH:     subjectZH + " 最慢的 1% 调用耗时 {{ $value | humanizeDuration }} 以上",
				description:   "The p99 of the duration has been above <p99!> for <p99_for!>; it is {{ $value | humanizeDuration }} now. Look at the slowest calls: their input length, their output length and their upstream. For models that write long answers, set a higher threshold.",
				descriptionZH: "调用耗时的 p99 已连续 <p99_for!> 高于 <p99!>，当前为 {{ $value | humanizeDuration }}。请查看最慢的调用：输入长度、输出长度和上游。对于回答较长的模型，请调高阈值。",
			}.rule())}}
		},
	}
}

func firstTokenPack() *pack {
	return &pack{
		name: "first_token", doc: "the wait for the first token of streams.",
		params: []param{
			{"p95", 2.5, unitSeconds, "SlowFirstToken: p95 of the time to first token."},
			{"p95_for", 300, unitDuration, "SlowFirstToken: how long."},
			{"min_requests", 20, unitNumber, "Streams in 5 minutes below which the pack is silent."},
		},
		groups: func(values) []groupText {
			rules := []ruleText{quantileRecord(shortFirstToken, "95")}
			return []groupText{{Name: "first_token", Rules: append(rules, alertDef{
				name: "SlowFirstToken", severity: warning, hold: "<p95_for>",
				expr:          recFirstTokenP95 + " > <p95>" + enoughObservations(shortFirstToken, "min_requests"),
				calls:         []string{"min_duration=<p95>s"},
				summary:       "Users of " + subject + " wait {{ $value | humanizeDuration }} for the first token",
				summaryZH:     subjectZH + " 的用户等待首个 token {{ $value | humanizeDuration }}",
				description:   "The p95 of the time to first token has been above <p95!> for <p95_for!>; it is {{ $value | humanizeDuration }} now. Look at the queue of the model server, at the length of the prompts (prefill) and at the share of prompt tokens read from the cache.",
				descriptionZH: "首个 token 时间的 p95 已连续 <p95_for!> 高于 <p95!>，当前为 {{ $value | humanizeDuration }}。请查看模型服务器的排队、提示词长度（预填充）以及命中缓存的提示 token 占比。",
			}.rule())}}
		},
	}
}

func tokenRatePack() *pack {
	return &pack{
		name: "token_rate", doc: "the speed of generation.",
		params: []param{
			{"p50", 5, unitNumber, "SlowTokenGeneration, major: median of the generation rate, in tokens per second."},
			{"p50_for", 300, unitDuration, "SlowTokenGeneration, major: how long."},
			{"p50_minor", 10, unitNumber, "SlowTokenGeneration, minor: median of the generation rate, in tokens per second."},
			{"p50_minor_for", 300, unitDuration, "SlowTokenGeneration, minor: how long."},
			{"min_requests", 20, unitNumber, "Calls in 5 minutes below which the pack is silent."},
		},
		groups: func(values) []groupText {
			rules := []ruleText{quantileRecord(shortTokenRate, "50")}
			slow := func(level, p string) ruleText {
				return alertDef{
					name: "SlowTokenGeneration", level: level, severity: warning, hold: "<" + p + "_for>", calls: []string{},
					expr:          "llm:" + shortTokenRate + ":p50_5m < <" + p + ">" + enoughObservations(shortTokenRate, "min_requests"),
					summary:       subject + " generates {{ $value | humanize }} tokens per second",
					summaryZH:     subjectZH + " 每秒仅生成 {{ $value | humanize }} 个 token",
					description:   "Half of the calls have generated fewer than <" + p + "!> tokens per second, waiting included, for <" + p + "_for!>; the median is {{ $value | humanize }} now. Look at the load of the model server (running requests, KV cache, preemptions), at the GPU's utilisation, and at whether answers became very short.",
					descriptionZH: "一半的调用已连续 <" + p + "_for!> 每秒生成不足 <" + p + "!> 个 token（含等待），当前中位数为 {{ $value | humanize }}。请查看模型服务器的负载（运行中请求、KV 缓存、抢占）、GPU 利用率，以及回答是否变得很短。",
				}.rule()
			}
			return []groupText{{Name: "token_rate", Rules: append(rules, slow(major, "p50"), slow(minor, "p50_minor"))}}
		},
	}
}
