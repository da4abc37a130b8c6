package dashboard

func objectives() Dashboard {
	return Dashboard{
		ID: "slo", UID: "pitot-slo",
		Title:       Text{"Service level objectives", "服务等级目标（SLO）"},
		Description: Text{"What was promised, what is left of the error budgets, and how fast they burn.", "承诺的目标、剩余的错误预算及其消耗速度。"},
		Roles:       []Role{OnCall, Product, Developer}, From: "now-24h", Refresh: "1m",
		Variables: withCalls(varSLO()),
		Rows: []Row{
			{Text{"Objectives", "目标"}, []Panel{objectiveTable(), firing(8)}},
			{Text{"Error budgets", "错误预算"}, objectiveBudgets()},
			{Text{"Burn rates", "燃烧率"}, objectiveBurn()},
			{Text{"Over the whole window", "整个窗口"}, objectiveWindow()},
		},
	}
}

// sloLabels are those that the series of an objective may have beside its name.
const sloLabels = "slo, service, provider, model"

func objectiveTable() Panel {
	min1 := func(name string) string { return aggregate("min", sloLabels, sloSeries(name)) }
	return panel(Panel{
		ID: "objectives", Kind: Table, Width: 16, Height: 9,
		Title:       Text{"Objectives", "目标"},
		Description: Text{"Nothing stands where an objective had no events.", "没有事件的目标不显示数值。"},
		Links:       []Link{linkSLOs()},
	},
		column(Text{"Objective", "目标值"}, Ratio, min1("slo:objective:ratio")),
		column(Text{"Window in days", "窗口（天）"}, Count, min1("slo:time_period:days")),
		column(Text{"Budget left", "预算剩余"}, Ratio, min1("slo:period_error_budget_remaining:ratio")),
		column(Text{"Burn rate over the window", "窗口燃烧率"}, Count, aggregate("max", sloLabels, sloSeries("slo:period_burn_rate:ratio"))),
		column(Text{"Burn rate now", "当前燃烧率"}, Count, aggregate("max", sloLabels, sloSeries("slo:current_burn_rate:ratio"))))
}

func objectiveBudgets() []Panel {
	return []Panel{
		panel(Panel{
			ID: "budget_remaining", Kind: Timeseries, Width: 16, Unit: Ratio,
			Base: Critical, Thresholds: []Threshold{{0, Warning}, {0.2, OK}},
			Title:       Text{"Error budget left", "错误预算剩余"},
			Description: Text{"1 is untouched, 0 is spent; negative where more failed than was allowed.", "1 为未动用，0 为耗尽；超出允许的失败时为负。"},
			Links:       []Link{linkSLOs(), linkFailed()},
		}, target(plain("{{slo}} {{service}} {{model}}"), aggregate("min", sloLabels, sloSeries("slo:period_error_budget_remaining:ratio")))),
		panel(Panel{
			ID: "budget_remaining_now", Kind: Bar, Width: 8, Unit: Ratio,
			Base: Critical, Thresholds: []Threshold{{0, Warning}, {0.2, OK}},
			Title:       Text{"Left now", "当前剩余"},
			Description: Text{"The same, now.", "同左，当前值。"},
			Links:       []Link{linkSLOs()},
		}, instant(plain("{{slo}} {{service}} {{model}}"), aggregate("min", sloLabels, sloSeries("slo:period_error_budget_remaining:ratio")))),
	}
}

func objectiveBurn() []Panel {
	burn := func(w string) string {
		return aggregate("max", sloLabels, sloSeries("slo:sli_error:ratio_rate"+w)) +
			" / on (slo) group_left () max by (slo) (" + sloSeries("slo:error_budget:ratio") + ")"
	}
	const name = "{{slo}} {{service}} {{model}}"
	return []Panel{
		panel(Panel{
			ID: "burn_rate", Kind: Timeseries, Width: 12, Unit: Count, Thresholds: levels(1, 14.4),
			Title:       Text{"Burn rate over 5 minutes and an hour", "5 分钟与 1 小时燃烧率"},
			Description: Text{"How many times faster than allowed. At 14.4 over an hour somebody is paged.", "相对允许速度的倍数。1 小时达到 14.4 时呼叫值班。"},
			Links:       []Link{linkFailed(), linkExplain("error_rate"), linkSLOs()},
		}, target(plain(name+" 5m"), aggregate("max", sloLabels, sloSeries("slo:current_burn_rate:ratio"))), target(plain(name+" 1h"), burn("1h"))),
		panel(Panel{
			ID: "burn_rate_slow", Kind: Timeseries, Width: 12, Unit: Count, Thresholds: levels(1, 6),
			Title:       Text{"Burn rate over 6 hours and 3 days", "6 小时与 3 天燃烧率"},
			Description: Text{"A slow burn empties the budget as well.", "缓慢燃烧同样会耗尽预算。"},
			Links:       []Link{linkFailed(), linkSLOs()},
		}, target(plain(name+" 6h"), burn("6h")), target(plain(name+" 3d"), burn("3d"))),
		panel(Panel{
			ID: "slo_events", Kind: Timeseries, Width: 24, Unit: PerSecond,
			Title:       Text{"Bad events and all events", "坏事件与全部事件"},
			Description: Text{"What the ratios are made of.", "比率的分子与分母。"},
			Links:       []Link{linkFailed()},
		},
			target(Text{name + " bad", name + " 坏"}, sum(sloLabels, sloSeries("slo:errors:rate"))),
			target(Text{name + " all", name + " 全部"}, sum(sloLabels, sloSeries("slo:events:rate")))),
	}
}

func objectiveWindow() []Panel {
	return []Panel{
		panel(Panel{
			ID: "availability", Kind: Timeseries, Width: 12, Unit: Ratio,
			Title:       Text{"Availability", "可用性"},
			Description: Text{"Share of good calls over the window of the objective.", "目标窗口内成功调用的比例。"},
			Links:       []Link{linkSLOs(), linkFailed()},
		}, target(plain("{{slo}} {{service}} {{model}}"), aggregate("min", sloLabels, sloSeries("slo:availability:ratio")))),
		panel(Panel{
			ID: "latency_p99", Kind: Timeseries, Width: 12, Unit: Seconds, Thresholds: []Threshold{{2, Warning}},
			Title:       Text{"Latency p99", "延迟 p99"},
			Description: Text{"Over the window of the objective.", "目标窗口内的 p99。"},
			Links:       []Link{linkSLOs(), linkSlowest()},
		}, target(plain("{{slo}} {{service}} {{model}}"), aggregate("max", sloLabels, sloSeries("slo:latency:p99")))),
	}
}

// firing are the alerts that fire; the panel also says that none does.
func firing(width int) Panel {
	return panel(Panel{
		ID: "alerts_firing", Kind: Table, Width: width, Height: 9, Unit: Count,
		Title:       Text{"Alerts that fire", "正在触发的告警"},
		Description: Text{"By severity; a single 0 where none does.", "按级别统计；没有告警时仅显示一行 0。"},
	}, instant(Text{"Alerts", "告警数"}, `count by (alertname, severity) (ALERTS{alertstate="firing"}) or vector(0)`))
}
