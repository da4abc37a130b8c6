package dashboard

func models() Dashboard {
	return Dashboard{
		ID: "models", UID: "pitot-models",
		Title:       Text{"Model comparison", "模型对比"},
		Description: Text{"Models side by side: speed, reliability, cost and quality on your own traffic.", "在自身流量上对比各模型的速度、可靠性、费用与质量。"},
		Roles:       []Role{Developer, Product, Finance}, From: "now-6h", Refresh: "1m",
		Variables: withCalls(),
		Rows: []Row{
			{Text{"In the range that is shown", "所选时间范围内"}, []Panel{modelTable()}},
			{Text{"Speed", "速度"}, modelSpeed()},
			{Text{"Reliability and cost", "可靠性与费用"}, modelCost()},
			{Text{"Answers", "回答"}, modelAnswers()},
		},
	}
}

func modelTable() Panel {
	const by = "model"
	quantile := func(q, name string) string {
		return "histogram_quantile(" + q + ", " + sum(by, total(calls(name))) + ")"
	}
	costs := sum(by, total(calls("llm_cost_usd_total")))
	return panel(Panel{
		ID: "model_table", Kind: Table, Width: 24, Height: 10,
		Title:       Text{"Models", "模型"},
		Description: Text{"One line a model. Compare only what does the same work: a model with long answers is not slow for that.", "每个模型一行。只应比较承担相同任务的模型：回答较长不等于慢。"},
		Links:       []Link{linkSeries("model")},
	},
		column(Text{"Requests", "请求数"}, Count, sum(by, total(calls("llm_requests_total")))),
		column(Text{"Error rate", "错误率"}, Ratio, errorRatio(by, total)),
		column(Text{"Latency p50", "延迟 p50"}, Seconds, quantile("0.5", "llm_request_duration_seconds")),
		column(Text{"Latency p95", "延迟 p95"}, Seconds, quantile("0.95", "llm_request_duration_seconds")),
		column(Text{"TTFT p95", "TTFT p95"}, Seconds, quantile("0.95", "llm_time_to_first_token_seconds")),
		column(Text{"Time per token p95", "每 token 时间 p95"}, Seconds, quantile("0.95", "llm_time_per_output_token_seconds")),
		column(Text{"Cost", "费用"}, USD, costs),
		column(Text{"Cost per call", "每次调用费用"}, USD, over(costs, sum(by, total(calls("llm_token_cost_per_request_count"))))),
		column(Text{"Cost per million tokens", "每百万 token 费用"}, USD, over(costs, sum(by, total(tokens())))+" * 1e6"),
		column(Text{"Quality", "质量评分"}, Ratio, over(
			sum(by, total(calls("llm_response_quality_score_sum"))), sum(by, total(calls("llm_response_quality_score_count"))))),
	)
}

func modelSpeed() []Panel {
	native95 := func(id string, title, description Text, name string) Panel {
		return panel(Panel{
			ID: id, Kind: Timeseries, Width: 8, Unit: Seconds, Title: title, Description: description,
			Links: []Link{linkSlowest(), linkSeries("model", "order=slowest")},
		}, Target{Expr: native("0.95", "model", calls(name)), Legend: plain("{{model}}"), Exemplars: true})
	}
	return []Panel{
		native95("model_latency", Text{"Latency p95", "延迟 p95"},
			Text{"Time of a whole call.", "整个调用的耗时。"}, "llm_request_duration_seconds"),
		native95("model_ttft", Text{"Time to first token p95", "首 token 时间 p95"},
			Text{"The wait before a stream begins.", "流式输出开始前的等待。"}, "llm_time_to_first_token_seconds"),
		panel(Panel{
			ID: "model_speed", Kind: Timeseries, Width: 8, Unit: TokensPerSec,
			Title:       Text{"Speed of generation p50", "生成速度 p50"},
			Description: Text{"Output tokens per second after the first, as the reader sees it.", "首 token 之后每秒输出 token 数，即读者的感受。"},
			Links:       []Link{linkSlowest(), linkSeries("model", "order=slowest")},
		}, target(plain("{{model}}"), classic("0.5", "model", "llm_tokens_per_second", callMatch))),
	}
}

func modelCost() []Panel {
	return []Panel{
		panel(Panel{
			ID: "model_errors", Kind: Timeseries, Width: 8, Unit: Ratio, Thresholds: levels(0.01, 0.05),
			Title:       Text{"Error rate", "错误率"},
			Description: Text{"Share of calls that failed; 0 where none did.", "失败调用所占比例；没有失败时为 0。"},
			Links:       []Link{linkFailed(), linkSeries("model", "status=error")},
		}, target(plain("{{model}}"), errorRatio("model", rate))),
		panel(Panel{
			ID: "model_cost_per_call", Kind: Timeseries, Width: 8, Unit: USD,
			Title:       Text{"Cost per call", "每次调用费用"},
			Description: Text{"Mean cost of a call with a price.", "有价格的调用的平均费用。"},
			Links:       []Link{linkCostliest(), linkSeries("model", "order=costliest")},
		}, target(plain("{{model}}"), mean("model", "llm_token_cost_per_request", callMatch))),
		panel(Panel{
			ID: "model_cost_per_million", Kind: Bar, Width: 8, Unit: USD,
			Title:       Text{"Cost per million tokens", "每百万 token 费用"},
			Description: Text{"Input and output together, at the mixture that was used.", "输入与输出合计，按实际用量比例。"},
			Links:       []Link{linkCosts("model")},
		}, instant(plain("{{model}}"), over(sum("model", total(calls("llm_cost_usd_total"))), sum("model", total(tokens())))+" * 1e6")),
	}
}

func modelAnswers() []Panel {
	return []Panel{
		panel(Panel{
			ID: "model_output", Kind: Timeseries, Width: 8, Unit: Tokens,
			Title:       Text{"Output tokens per call", "每次调用的输出 token"},
			Description: Text{"How long the answers are, reasoning included.", "回答长度，包含推理。"},
			Links:       []Link{linkSeries("model", "order=most_tokens")},
		}, target(plain("{{model}}"), over(
			sum("model", rate(calls("llm_tokens_total", `type="output"`))),
			sum("model", rate(calls("llm_requests_total", `status="success"`)))))),
		cachedShare("model_cached", 8),
		panel(Panel{
			ID: "model_quality", Kind: Timeseries, Width: 8, Unit: Ratio,
			Title:       Text{"Quality score", "质量评分"},
			Description: Text{"Mean score of the answers, from users and evaluators, 0 to 1.", "用户与评估器对回答评分的均值，0 到 1。"},
			Links:       []Link{linkFeedback(), linkExplain("quality"), linkSeries("model")},
		}, target(plain("{{model}}"), mean("model", "llm_response_quality_score", callMatch))),
	}
}

// cachedShare is also a panel of the costs.
func cachedShare(id string, width int) Panel {
	return panel(Panel{
		ID: id, Kind: Timeseries, Width: width, Unit: Ratio,
		Title:       Text{"Input read from the cache", "输入缓存命中率"},
		Description: Text{"Share of input tokens that the provider took from its cache, at a lower price.", "供应商从缓存读取（价格更低）的输入 token 占比。"},
		Links:       []Link{linkSeries("model")},
	}, target(plain("{{model}}"), over(
		sum("model", rate(calls("llm_tokens_total", `type="cache_read"`))),
		sum("model", rate(calls("llm_tokens_total", `type="input"`))))))
}
