package dashboard

func overview() Dashboard {
	return Dashboard{
		ID: "overview", UID: "pitot-overview",
		Title:       Text{"LLM overview", "大模型总览"},
		Description: Text{"Requests, latency, errors, tokens and cost of all calls of models.", "所有模型调用的请求量、延迟、错误、token 与费用。"},
		Roles:       []Role{OnCall, Developer, Product}, From: "now-1h", Refresh: "30s",
		Variables: withCalls(),
		Rows: []Row{
			{Text{"Now", "当前"}, overviewStats()},
			{Text{"Traffic", "流量"}, overviewTraffic()},
			{Text{"Latency", "延迟"}, overviewLatency()},
			{Text{"Errors", "错误"}, overviewErrors()},
			{Text{"Tokens and cost", "Token 与费用"}, overviewTokens()},
		},
	}
}

func overviewStats() []Panel {
	stat := func(p Panel, expr string) Panel {
		p.Kind, p.Width = Stat, 4
		return panel(p, target(plain(""), expr))
	}
	return []Panel{
		stat(Panel{
			ID: "requests_now", Title: Text{"Requests", "请求速率"}, Unit: RequestsPerSec,
			Description: Text{"Calls that ended, per second.", "每秒完成的调用数。"},
		}, sum("", rate(calls("llm_requests_total")))),
		stat(Panel{
			ID: "error_ratio_now", Title: Text{"Error rate", "错误率"}, Unit: Ratio, Thresholds: levels(0.01, 0.05),
			Description: Text{"Share of calls that failed.", "失败调用所占比例。"}, Links: []Link{linkFailed()},
		}, errorRatio("", rate)),
		stat(Panel{
			ID: "latency_p95_now", Title: Text{"Latency p95", "延迟 p95"}, Unit: Seconds, Thresholds: levels(5, 10),
			Description: Text{"95 % of the calls took at most this.", "95% 的调用耗时不超过该值。"}, Links: []Link{linkSlowest()},
		}, native("0.95", "", calls("llm_request_duration_seconds"))),
		stat(Panel{
			ID: "active_now", Title: Text{"Active requests", "进行中的请求"}, Unit: Count,
			Description: Text{"Calls that have started and not ended.", "已开始而未结束的调用。"},
		}, sum("", calls("llm_active_requests"))),
		stat(Panel{
			ID: "tokens_now", Title: Text{"Tokens", "Token 速率"}, Unit: TokensPerSec,
			Description: Text{"Input and output tokens per second.", "每秒输入与输出 token 数。"},
		}, sum("", rate(tokens()))),
		panel(Panel{
			ID: "cost_range", Kind: Stat, Width: 4, Title: Text{"Cost", "费用"}, Unit: USD,
			Description: Text{"Cost of the calls in the range that is shown.", "所选时间范围内调用的费用。"}, Links: []Link{linkCostliest()},
		}, instant(plain(""), sum("", total(calls("llm_cost_usd_total"))))),
	}
}

func overviewTraffic() []Panel {
	return []Panel{
		panel(Panel{
			ID: "requests_by_model", Kind: Timeseries, Width: 12, Stacked: true, Unit: RequestsPerSec,
			Title:       Text{"Request rate by model", "各模型请求速率"},
			Description: Text{"Calls that ended, by the model that was asked for.", "按所请求模型统计的每秒完成调用数。"},
			Links:       []Link{linkExplain("requests"), linkSeries("model")},
		}, target(plain("{{model}}"), sum("model", rate(calls("llm_requests_total"))))),
		panel(Panel{
			ID: "requests_by_service", Kind: Timeseries, Width: 6, Stacked: true, Unit: RequestsPerSec,
			Title:       Text{"Request rate by service", "各服务请求速率"},
			Description: Text{"Calls that ended, by the application that made them.", "按发起调用的应用统计的每秒完成调用数。"},
			Links:       []Link{linkSeries("service")},
		}, target(plain("{{service}}"), sum("service", rate(calls("llm_requests_total"))))),
		panel(Panel{
			ID: "active_by_model", Kind: Timeseries, Width: 6, Stacked: true, Unit: Count,
			Title:       Text{"Active requests", "进行中的请求"},
			Description: Text{"A rise while the rate stays level is a queue.", "速率不变而该值上升，说明在排队。"},
			Links:       []Link{linkSeries("model")},
		}, target(plain("{{model}}"), sum("model", calls("llm_active_requests")))),
	}
}

func overviewLatency() []Panel {
	return []Panel{
		panel(Panel{
			ID: "latency", Kind: Timeseries, Width: 12, Unit: Seconds, Thresholds: levels(5, 10),
			Title:       Text{"Latency p50, p95, p99", "延迟 p50、p95、p99"},
			Description: Text{"Time from the start of a call to its last byte. The dots are single calls: they lead to their traces.", "从调用开始到最后一个字节的时间。圆点是单个调用，可跳转到其链路。"},
			Links:       []Link{linkSlowest(), linkExplain("latency_p95")},
		}, quantiles("llm_request_duration_seconds", "0.50", "0.95", "0.99")...),
		panel(Panel{
			ID: "latency_heatmap", Kind: Heatmap, Width: 12, Unit: Seconds,
			Title:       Text{"Latency distribution", "延迟分布"},
			Description: Text{"How many calls took how long. Two bands are two kinds of calls.", "各耗时区间的调用数。出现两条带说明有两类调用。"},
			Links:       []Link{linkSlowest()},
		}, target(plain("{{le}}"), sum("le", "increase("+calls("llm_request_duration_seconds_bucket")+"[$__rate_interval])"))),
		panel(Panel{
			ID: "latency_by_model", Kind: Timeseries, Width: 24, Unit: Seconds,
			Title:       Text{"Latency p95 by model", "各模型延迟 p95"},
			Description: Text{"95 % of the calls of a model took at most this.", "该模型 95% 的调用耗时不超过该值。"},
			Links:       []Link{linkSlowest(), linkSeries("model", "order=slowest")},
		}, Target{Expr: native("0.95", "model", calls("llm_request_duration_seconds")), Legend: plain("{{model}}"), Exemplars: true}),
	}
}

func overviewErrors() []Panel {
	return []Panel{
		panel(Panel{
			ID: "error_ratio_by_model", Kind: Timeseries, Width: 12, Unit: Ratio, Thresholds: levels(0.01, 0.05),
			Title:       Text{"Error rate by model", "各模型错误率"},
			Description: Text{"Share of calls that failed; 0 where none did.", "失败调用所占比例；没有失败时为 0。"},
			Links:       []Link{linkFailed(), linkExplain("error_rate"), linkSeries("model", "status=error")},
		}, target(plain("{{model}}"), errorRatio("model", rate))),
		panel(Panel{
			ID: "errors_by_type", Kind: Timeseries, Width: 12, Stacked: true, Unit: PerSecond,
			Title:       Text{"Errors by type", "各类型错误"},
			Description: Text{"Failed calls per second, by the provider's type of error.", "按供应商错误类型统计的每秒失败调用数。"},
			Links:       []Link{linkFailed(), linkSeries("error_type")},
		}, target(plain("{{provider}} {{error_type}}"), sum("provider, error_type", rate(calls("llm_errors_total"))))),
	}
}

func overviewTokens() []Panel {
	return []Panel{
		panel(Panel{
			ID: "tokens_by_type", Kind: Timeseries, Width: 12, Unit: TokensPerSec,
			Title:       Text{"Tokens per second by type", "各类型每秒 token 数"},
			Description: Text{"cache_read and cache_write are parts of input, reasoning is a part of output.", "cache_read 与 cache_write 包含在 input 中，reasoning 包含在 output 中。"},
			Links:       []Link{callsLink(Text{"The calls with most tokens", "token 最多的调用"}, "order=most_tokens")},
		}, target(plain("{{type}}"), sum("type", rate(calls("llm_tokens_total"))))),
		panel(Panel{
			ID: "cost_by_model", Kind: Timeseries, Width: 12, Stacked: true, Unit: USD,
			Title:       Text{"Cost per hour by model", "各模型每小时费用"},
			Description: Text{"What an hour costs at the present rate. Calls without a price are missing: see the dashboard of costs.", "按当前速率折算的每小时费用。没有价格的调用不计入，见费用看板。"},
			Links:       []Link{linkCostliest(), linkCosts("model"), linkSeries("model", "order=costliest")},
		}, target(plain("{{model}}"), sum("model", rate(calls("llm_cost_usd_total")))+" * 3600")),
	}
}
