package rules

import "time"

func throughputPack() *pack {
	return &pack{
		name: "throughput", doc: "fewer requests than there should be. Off by default: only you know how many there should be.", off: true,
		params: []param{
			{"requests_per_second", 100, unitNumber, "LowThroughput: requests per second, all together."},
			{"requests_per_second_for", 600, unitDuration, "LowThroughput: how long."},
		},
		groups: func(values) []groupText {
			return []groupText{{Name: "throughput", Rules: []ruleText{alertDef{
				name: "LowThroughput", severity: warning, hold: "<requests_per_second_for>", calls: []string{},
				expr:          "sum(rate(llm_requests_total[5m])) < <requests_per_second>",
				summary:       "Only {{ $value | humanize }} requests per second",
				summaryZH:     "每秒仅有 {{ $value | humanize }} 个请求",
				description:   "There have been fewer than <requests_per_second!> requests per second for <requests_per_second_for!>; there are {{ $value | humanize }} now. Look at whether the applications in front are healthy and still reach Pitot.",
				descriptionZH: "每秒请求数已连续 <requests_per_second_for!> 低于 <requests_per_second!>，当前为 {{ $value | humanize }}。请检查前端应用是否健康、是否仍能连接 Pitot。",
			}.rule()}}}
		},
	}
}

func tokenUsagePack() *pack {
	return &pack{
		name: "token_usage", doc: "the number of tokens that are consumed.",
		params: []param{
			{"tokens", 1_000_000, unitNumber, "HighTokenUsage: input and output tokens of a model of a service in 5 minutes."},
		},
		groups: func(values) []groupText {
			return []groupText{{Name: "token_usage", Rules: []ruleText{
				{Record: "llm:tokens:rate5m", Expr: "sum by (" + byCall + `, type) (rate(llm_tokens_total{type=~"input|output"}[5m]))`},
				alertDef{
					name: "HighTokenUsage", severity: warning, calls: []string{}, lookBack: 10 * time.Minute,
					expr:          "sum by (" + byCall + ") (llm:tokens:rate5m) * 300 > <tokens>" + steadyClock("on ("+byCall+") max by ("+byCall+") ", "llm_tokens_total", "5m"),
					summary:       subject + " used {{ $value | humanize }} tokens in 5 minutes",
					summaryZH:     subjectZH + " 在 5 分钟内使用了 {{ $value | humanize }} 个 token",
					description:   "More than <tokens!> input and output tokens were used within 5 minutes: {{ $value | humanize }}. Look at which user or feature makes the most calls, and at whether a client resends a long conversation in a loop.",
					descriptionZH: "5 分钟内的输入与输出 token 超过 <tokens!>：{{ $value | humanize }}。请查看哪个用户或功能的调用最多，以及是否有客户端在循环重发长对话。",
				}.rule(),
			}}}
		},
	}
}

func qualityPack() *pack {
	return &pack{
		name: "quality", doc: "what users and evaluators think of answers.",
		params: []param{
			{"score", 0.6, unitNumber, "LowQualityScore: mean score of the last hour, 0 to 1."},
			{"score_for", 900, unitDuration, "LowQualityScore: how long."},
			{"min_scores", 20, unitNumber, "LowQualityScore: scores in an hour below which it is silent."},
		},
		groups: func(values) []groupText {
			by := "(" + byCall + ", evaluator)"
			return []groupText{{Name: "quality", Rules: []ruleText{
				{Record: "llm:response_quality_score:count1h", Expr: "sum by " + by + " (increase(llm_response_quality_score_count[1h]))"},
				{
					Record: "llm:response_quality_score:mean1h",
					Expr:   "sum by " + by + " (increase(llm_response_quality_score_sum[1h]))\n/\n(llm:response_quality_score:count1h > 0)",
				},
				alertDef{
					name: "LowQualityScore", severity: warning, hold: "<score_for>", calls: []string{}, lookBack: time.Hour,
					expr:          "llm:response_quality_score:mean1h < <score>\nand\nllm:response_quality_score:count1h >= <min_scores>",
					summary:       "{{ $labels.evaluator }} gives the answers of " + subject + " a mean score of {{ printf \"%.2f\" $value }}",
					summaryZH:     "{{ $labels.evaluator }} 对" + subjectZH + " 回答的平均评分为 {{ printf \"%.2f\" $value }}",
					description:   "The mean score of the last hour has been below <score!> for <score_for!>; it is {{ printf \"%.2f\" $value }} now. Look at the calls with the lowest scores, and at whether the prompt, its version or the model changed.",
					descriptionZH: "最近一小时的平均评分已连续 <score_for!> 低于 <score!>，当前为 {{ printf \"%.2f\" $value }}。请查看评分最低的调用，以及提示词、提示词版本或模型是否有变化。",
				}.rule(),
			}}}
		},
	}
}
