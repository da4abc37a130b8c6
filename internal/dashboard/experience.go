package dashboard

// stall is a gap between two pieces of a stream that people notice, in seconds.
const stall = "1"

func experience() Dashboard {
	return Dashboard{
		ID: "experience", UID: "pitot-experience",
		Title:       Text{"User experience", "用户体验"},
		Description: Text{"What the people before the screen see: the wait, the flow, the end, and what they say of it.", "屏幕前的用户所感受到的：等待、流畅度、完整性与评价。"},
		Roles:       []Role{Product, Developer, OnCall}, From: "now-6h", Refresh: "1m",
		Variables: withCalls(),
		Rows: []Row{
			{Text{"The wait", "等待"}, experienceWait()},
			{Text{"The flow", "流畅度"}, experienceFlow()},
			{Text{"The end", "完整性"}, experienceEnd()},
			{Text{"What they say", "用户评价"}, experienceFeedback()},
		},
	}
}

func experienceWait() []Panel {
	return []Panel{
		panel(Panel{
			ID: "ttft", Kind: Timeseries, Width: 12, Unit: Seconds, Thresholds: levels(2.5, 5),
			Title:       Text{"Time to first token", "首 token 时间"},
			Description: Text{"From the start of a stream to its first content. The dots are single calls: they lead to their traces.", "从流式调用开始到首个内容。圆点是单个调用，可跳转到其链路。"},
			Links:       []Link{linkSlowest(), linkExplain("ttft_p95")},
		}, quantiles("llm_time_to_first_token_seconds", "0.50", "0.95", "0.99")...),
		panel(Panel{
			ID: "ttft_heatmap", Kind: Heatmap, Width: 12, Unit: Seconds,
			Title:       Text{"Distribution of the wait", "等待时间分布"},
			Description: Text{"How many streams began after how long.", "各等待区间的流式调用数。"},
			Links:       []Link{linkSlowest()},
		}, target(plain("{{le}}"), sum("le", "increase("+calls("llm_time_to_first_token_seconds_bucket")+"[$__rate_interval])"))),
	}
}

func experienceFlow() []Panel {
	gaps := sum("model", rate(calls("llm_inter_token_latency_seconds")))
	return []Panel{
		panel(Panel{
			ID: "itl", Kind: Timeseries, Width: 8, Unit: Seconds,
			Title:       Text{"Time between pieces", "片段间隔时间"},
			Description: Text{"Time between two pieces of content of a stream: its tail shows stalls.", "流式内容两个片段之间的时间，其尾部反映卡顿。"},
			Links:       []Link{linkSlowest()},
		}, quantiles("llm_inter_token_latency_seconds", "0.50", "0.95", "0.99")...),
		panel(Panel{
			ID: "stalls", Kind: Timeseries, Width: 8, Unit: Ratio,
			Title:       Text{"Stalls", "卡顿"},
			Description: Text{"Share of gaps within a stream that were longer than a second.", "流式输出中超过一秒的间隔所占比例。"},
			Links:       []Link{linkSlowest(), linkExplain("stall_rate"), linkSeries("model", "order=slowest")},
		}, target(plain("{{model}}"), "histogram_fraction("+stall+", +Inf, "+gaps+")")),
		panel(Panel{
			ID: "reading_speed", Kind: Timeseries, Width: 8, Unit: TokensPerSec,
			Base: Critical, Thresholds: []Threshold{{5, Warning}, {10, OK}},
			Title:       Text{"Speed that the reader sees", "读者感受的速度"},
			Description: Text{"p5 and p50 of output tokens per second after the first. People read about 5 a second.", "首 token 之后每秒输出 token 数的 p5 与 p50。人的阅读速度约为每秒 5 个。"},
			Links:       []Link{linkSlowest()},
		},
			target(plain("p50"), classic("0.5", "", "llm_tokens_per_second", callMatch)),
			target(plain("p5"), classic("0.05", "", "llm_tokens_per_second", callMatch))),
	}
}

func experienceEnd() []Panel {
	streams := sum("", rate(calls("llm_streams_total")))
	return []Panel{
		panel(Panel{
			ID: "stream_outcomes", Kind: Timeseries, Width: 12, Stacked: true, Unit: PerSecond,
			Title:       Text{"How streams end", "流式调用的结局"},
			Description: Text{"success; error; cut: without its last event; client_gone: the reader left.", "success 成功；error 出错；cut 未收到结束事件；client_gone 用户离开。"},
			Links:       []Link{callsWhere(Text{"Streams that broke off", "中断的流"}, "notes:stream_cut"), linkFailed()},
		}, target(plain("{{status}}"), sum("status", rate(calls("llm_streams_total"))))),
		panel(Panel{
			ID: "stream_broken", Kind: Timeseries, Width: 12, Unit: Ratio, Thresholds: levels(0.01, 0.05),
			Title:       Text{"Streams that did not come to their end", "未完成的流"},
			Description: Text{"Share of streams. Readers who leave are often tired of waiting.", "占流式调用的比例。用户离开往往是因为等得太久。"},
			Links:       []Link{linkExplain("ttft_p95")},
		},
			target(Text{"broken", "中断"}, over("("+sum("", rate(calls("llm_streams_total", `status=~"error|cut"`)))+" or 0 * "+streams+")", streams)),
			target(Text{"reader left", "用户离开"}, over("("+sum("", rate(calls("llm_streams_total", `status="client_gone"`)))+" or 0 * "+streams+")", streams))),
	}
}

func experienceFeedback() []Panel {
	return []Panel{
		panel(Panel{
			ID: "feedback", Kind: Timeseries, Width: 8, Stacked: true, Unit: PerSecond,
			Title:       Text{"Feedback", "反馈"},
			Description: Text{"Judgements per second, by label.", "各标签每秒反馈数。"},
			Links:       []Link{linkFeedback()},
		}, target(plain("{{evaluator}} {{label}}"), sum("evaluator, label", rate(calls("llm_feedback_total"))))),
		panel(Panel{
			ID: "quality", Kind: Timeseries, Width: 8, Unit: Ratio,
			Title:       Text{"Score by evaluator", "各评估器评分"},
			Description: Text{"Mean score of the answers, 0 to 1.", "回答评分均值，0 到 1。"},
			Links:       []Link{linkFeedback(), linkExplain("quality")},
		}, target(plain("{{evaluator}}"), mean("evaluator", "llm_response_quality_score", callMatch))),
		panel(Panel{
			ID: "quality_by_service", Kind: Bar, Width: 8, Unit: Ratio,
			Base: Critical, Thresholds: []Threshold{{0.5, Warning}, {0.7, OK}},
			Title:       Text{"Score by service", "各服务评分"},
			Description: Text{"Mean score in the range that is shown.", "所选时间范围内的平均评分。"},
			Links:       []Link{linkFeedback()},
		}, instant(plain("{{service}}"), over(
			sum("service", total(calls("llm_response_quality_score_sum"))), sum("service", total(calls("llm_response_quality_score_count")))))),
	}
}
