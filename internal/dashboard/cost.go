package dashboard

func cost() Dashboard {
	return Dashboard{
		ID: "cost", UID: "pitot-cost",
		Title:       Text{"LLM cost", "大模型费用"},
		Description: Text{"What calls of models cost, who causes it, and what self-hosted models cost.", "模型调用的费用、归属，以及自建模型的成本。"},
		Roles:       []Role{Finance, Product}, From: "now-24h", Refresh: "1m",
		Variables: withCalls(),
		Rows: []Row{
			{Text{"In the range that is shown", "所选时间范围内"}, costStats()},
			{Text{"Where it goes", "费用去向"}, costSplit()},
			{Text{"What drives it", "费用成因"}, costDrivers()},
			{Text{"Budgets", "预算"}, costBudgets()},
			{Text{"Self-hosted models", "自建模型"}, costMachines()},
		},
	}
}

func costStats() []Panel {
	stat := func(p Panel, expr string) Panel {
		p.Kind, p.Width = Stat, 6
		return panel(p, instant(plain(""), expr))
	}
	return []Panel{
		stat(Panel{
			ID: "cost_total", Title: Text{"Cost", "费用"}, Unit: USD, Links: []Link{linkCosts("model")},
			Description: Text{"Of the calls that have a price.", "有价格的调用的费用合计。"},
		}, sum("", total(calls("llm_cost_usd_total")))),
		stat(Panel{
			ID: "cost_30d", Title: Text{"At this rate, in 30 days", "按此速率 30 天费用"}, Unit: USD,
			Description: Text{"The cost of the range, carried on over 30 days.", "按所选范围的费用推算 30 天。"},
		}, sum("", "rate("+calls("llm_cost_usd_total")+"[$__range])")+" * 86400 * 30"),
		stat(Panel{
			ID: "cost_per_call", Title: Text{"Cost per call", "每次调用费用"}, Unit: USD, Links: []Link{linkCostliest()},
			Description: Text{"Mean of the calls that have a price.", "有价格的调用的均值。"},
		}, over(sum("", total(calls("llm_token_cost_per_request_sum"))), sum("", total(calls("llm_token_cost_per_request_count"))))),
		stat(Panel{
			ID: "unpriced", Title: Text{"Calls without a price", "无价格的调用"}, Unit: Count, Thresholds: []Threshold{{1, Warning}},
			Description: Text{"They are missing from all sums here. Prices can be set in the configuration.", "未计入本页任何合计。可在配置中设置价格。"},
			Links:       []Link{callsWhere(Text{"These calls", "这些调用"}, "cost.state:unpriced")},
		}, "("+sum("", total(calls("llm_unpriced_requests_total")))+") or vector(0)"),
	}
}

func costSplit() []Panel {
	split := func(id, label string, title Text, width int) Panel {
		return panel(Panel{
			ID: id, Kind: Timeseries, Width: width, Stacked: true, Unit: USD, Title: title,
			Description: Text{"What an hour costs at the present rate.", "按当前速率折算的每小时费用。"},
			Links:       []Link{linkCosts(label), linkSeries(label, "order=costliest")},
		}, target(plain("{{"+label+"}}"), sum(label, rate(calls("llm_cost_usd_total")))+" * 3600"))
	}
	const by = "service, provider, model"
	costs := sum(by, total(calls("llm_cost_usd_total")))
	return []Panel{
		split("cost_hour_model", "model", Text{"Cost per hour by model", "各模型每小时费用"}, 12),
		split("cost_hour_service", "service", Text{"Cost per hour by service", "各服务每小时费用"}, 12),
		panel(Panel{
			ID: "cost_table", Kind: Table, Width: 16, Height: 9,
			Title:       Text{"Cost by service and model", "按服务与模型的费用"},
			Description: Text{"In the range that is shown. Users and features are in the API of costs.", "所选时间范围内。按用户与功能的费用见费用 API。"},
			Links:       []Link{linkCosts("user"), linkCosts("feature"), linkSeries("service", "order=costliest")},
		},
			column(Text{"Cost", "费用"}, USD, costs),
			column(Text{"Requests", "请求数"}, Count, sum(by, total(calls("llm_requests_total")))),
			column(Text{"Tokens", "Token 数"}, Tokens, sum(by, total(tokens()))),
			column(Text{"Cost per call", "每次调用费用"}, USD, over(costs, sum(by, total(calls("llm_token_cost_per_request_count")))))),
		panel(Panel{
			ID: "cost_by_provider", Kind: Bar, Width: 8, Height: 9, Unit: USD,
			Title:       Text{"Cost by provider", "各供应商费用"},
			Description: Text{"In the range that is shown: compare it with their invoices.", "所选时间范围内，可与供应商账单核对。"},
			Links:       []Link{linkCosts("provider")},
		}, instant(plain("{{provider}}"), sum("provider", total(calls("llm_cost_usd_total"))))),
	}
}

func costDrivers() []Panel {
	return []Panel{
		panel(Panel{
			ID: "cost_tokens", Kind: Timeseries, Width: 8, Unit: TokensPerSec,
			Title:       Text{"Tokens by type", "各类型 token"},
			Description: Text{"cache_read and cache_write are parts of input, reasoning is a part of output.", "cache_read 与 cache_write 包含在 input 中，reasoning 包含在 output 中。"},
			Links:       []Link{callsLink(Text{"The calls with most tokens", "token 最多的调用"}, "order=most_tokens")},
		}, target(plain("{{type}}"), sum("type", rate(calls("llm_tokens_total"))))),
		cachedShare("cost_cached", 8),
		panel(Panel{
			ID: "cost_distribution", Kind: Heatmap, Width: 8, Unit: USD,
			Title:       Text{"Cost of single calls", "单次调用费用分布"},
			Description: Text{"A few costly calls or many cheap ones?", "少数昂贵调用，还是大量便宜调用？"},
			Links:       []Link{linkCostliest()},
		}, target(plain("{{le}}"), sum("le", "increase("+calls("llm_token_cost_per_request_bucket")+"[$__rate_interval])"))),
		panel(Panel{
			ID: "cost_state", Kind: Bar, Width: 12, Unit: USD, Height: 6,
			Title:       Text{"How sure the cost is", "费用可信度"},
			Description: Text{"Reported by the provider, computed from reported usage, or estimated.", "供应商上报、由上报用量计算、或估算。"},
			Links:       []Link{linkCosts("cost.state")},
		}, instant(plain("{{state}}"), sum("state", total(calls("llm_cost_usd_total"))))),
		panel(Panel{
			ID: "cost_unpriced_reason", Kind: Bar, Width: 12, Unit: Count, Height: 6,
			Title:       Text{"Calls without a price", "无价格的调用"},
			Description: Text{"By model and reason. Prices can be set in the configuration.", "按模型与原因。可在配置中设置价格。"},
			Links:       []Link{linkSeries("model")},
		}, instant(plain("{{model}}: {{reason}}"), sum("model, reason", total(calls("llm_unpriced_requests_total"))))),
	}
}

func costBudgets() []Panel {
	// A budget of tokens stands beside one of dollars: the unit is a label.
	by := "budget, account, unit"
	return []Panel{
		panel(Panel{
			ID: "budget_table", Kind: Table, Width: 12, Height: 9, Unit: Count,
			Title:       Text{"Budgets", "预算"},
			Description: Text{"In the unit of each budget. The forecast is for the end of its period.", "单位为各预算自身的单位。预测值为周期结束时。"},
			Links:       []Link{linkBudgets()},
		},
			column(Text{"Limit", "额度"}, "", aggregate("max", by, `pitot_budget_limit{job="pitot"}`)),
			column(Text{"Spent", "已用"}, "", aggregate("max", by, `pitot_budget_spent{job="pitot"}`)),
			column(Text{"Forecast", "预测"}, "", aggregate("max", by, `pitot_budget_forecast{job="pitot"}`)),
			column(Text{"Left", "剩余"}, Ratio, aggregate("max", by, `pitot_budget_remaining_ratio{job="pitot"}`))),
		panel(Panel{
			ID: "budget_left", Kind: Timeseries, Width: 12, Height: 9, Unit: Ratio,
			Base: Critical, Thresholds: []Threshold{{0.05, Warning}, {0.2, OK}},
			Title:       Text{"Left of the budgets", "预算剩余"},
			Description: Text{"Share that is left of each period; negative where it is overspent.", "各周期剩余比例；超支时为负。"},
			Links:       []Link{linkBudgets()},
		}, target(plain("{{budget}} {{account}}"), aggregate("min", "budget, account", `pitot_budget_remaining_ratio{job="pitot"}`))),
	}
}

func costMachines() []Panel {
	return []Panel{
		panel(Panel{
			ID: "cost_per_million_machines", Kind: Timeseries, Width: 12, Unit: USD,
			Title:       Text{"Infrastructure cost per million tokens", "每百万 token 基础设施成本"},
			Description: Text{"Price of the cores and GPUs in use over the tokens of the last hour.", "在用 CPU 核与 GPU 的价格除以最近一小时的 token 数。"},
		}, target(Text{"per million tokens", "每百万 token"}, "llm_cost_per_million_tokens")),
		panel(Panel{
			ID: "cost_gpu_use", Kind: Timeseries, Width: 12, Unit: Percent,
			Title:       Text{"Use of the GPUs", "GPU 利用率"},
			Description: Text{"An idle GPU costs as much as a busy one.", "空闲 GPU 与繁忙 GPU 花费相同。"},
		}, target(Text{"mean", "平均"}, "avg(llm_gpu_utilization_percent)")),
	}
}
