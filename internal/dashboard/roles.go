package dashboard

import "slices"

// choiceOf names panels of one dashboard.
type choiceOf struct {
	dashboard string
	panels    []string
}

// roles are one dashboard for each role, made of panels of the others.
func roles(general []Dashboard) []Dashboard {
	onCall := Dashboard{
		ID: "on-call", UID: "pitot-role-on-call", Roles: []Role{OnCall},
		Title:       Text{"On call", "值班"},
		Description: Text{"Is something broken, for whom, since when, and where to look next.", "是否有故障、影响谁、从何时开始、下一步看哪里。"},
		From:        "now-3h", Refresh: "30s",
		Variables: withCalls(varSLO(), varServer(), varInstance()),
		Rows: []Row{
			{Title: Text{"Is something broken?", "是否有故障？"}, Panels: choose(general, choiceOf{"overview", []string{"requests_now", "error_ratio_now", "latency_p95_now", "active_now", "tokens_now", "cost_range"}}, choiceOf{"slo", []string{"objectives", "alerts_firing"}})},
			{Title: Text{"For whom, since when?", "影响谁，从何时开始？"}, Panels: choose(general, choiceOf{"overview", []string{"error_ratio_by_model", "errors_by_type", "latency", "active_by_model", "requests_by_service"}}, choiceOf{"slo", []string{"burn_rate"}}, choiceOf{"experience", []string{"ttft"}})},
			{Title: Text{"Model servers", "模型服务器"}, Panels: choose(general, choiceOf{"infrastructure", []string{"server_requests", "server_queue_time", "server_kv_cache"}})},
			{Title: Text{"Pitot itself", "Pitot 自身"}, Panels: choose(general, choiceOf{"infrastructure", []string{"records_dropped", "queue", "journal_age"}})},
		},
	}
	developer := Dashboard{
		ID: "developer", UID: "pitot-role-developer", Roles: []Role{Developer},
		Title:       Text{"Application developer", "应用开发"},
		Description: Text{"How my application uses models: choose its service above.", "我的应用如何使用模型：请在上方选择服务。"},
		From:        "now-6h", Refresh: "30s",
		Variables: withCalls(varTraces(), varTraceService()),
		Rows: []Row{
			{Title: Text{"Does it work?", "是否正常？"}, Panels: choose(general, choiceOf{"overview", []string{"requests_by_model", "error_ratio_by_model", "errors_by_type"}}, choiceOf{"experience", []string{"stream_outcomes"}})},
			{Title: Text{"Is it quick?", "是否够快？"}, Panels: choose(general, choiceOf{"overview", []string{"latency"}}, choiceOf{"experience", []string{"ttft", "itl", "stalls", "reading_speed"}})},
			{Title: Text{"What does it use?", "用量如何？"}, Panels: choose(general, choiceOf{"agents", []string{"agent_context"}}, choiceOf{"models", []string{"model_output", "model_cached", "model_cost_per_call"}}, choiceOf{"experience", []string{"quality"}})},
			{Title: Text{"Single runs", "单次运行"}, Panels: choose(general, choiceOf{"agents", []string{"error_traces", "agent_runs"}})},
		},
	}
	return []Dashboard{onCall, developer, financeDashboard(general), productDashboard(general)}
}

func financeDashboard(general []Dashboard) Dashboard {
	return Dashboard{
		ID: "finance", UID: "pitot-role-finance", Roles: []Role{Finance},
		Title:       Text{"Finance", "财务"},
		Description: Text{"What it costs, who causes it, whether it stays within the budgets.", "花费多少、由谁产生、是否在预算之内。"},
		From:        "now-7d", Refresh: "5m",
		Variables: withCalls(),
		Rows: []Row{
			{Title: Text{"In the range that is shown", "所选时间范围内"}, Panels: choose(general, choiceOf{"cost", []string{"cost_total", "cost_30d", "cost_per_call", "unpriced"}})},
			{Title: Text{"Who causes it?", "由谁产生？"}, Panels: choose(general, choiceOf{"cost", []string{"cost_hour_service", "cost_hour_model", "cost_table", "cost_by_provider"}})},
			{Title: Text{"Budgets", "预算"}, Panels: choose(general, choiceOf{"cost", []string{"budget_table", "budget_left"}})},
			{Title: Text{"How sure is it?", "数据是否可靠？"}, Panels: choose(general, choiceOf{"cost", []string{"cost_state", "cost_unpriced_reason"}})},
			{Title: Text{"Self-hosted models", "自建模型"}, Panels: choose(general, choiceOf{"cost", []string{"cost_per_million_machines", "cost_gpu_use"}})},
		},
	}
}

func productDashboard(general []Dashboard) Dashboard {
	return Dashboard{
		ID: "product", UID: "pitot-role-product", Roles: []Role{Product},
		Title:       Text{"Product", "产品"},
		Description: Text{"How much the features are used, how they feel, whether the answers are good, and what they cost.", "功能的使用量、体验、回答质量与费用。"},
		From:        "now-7d", Refresh: "5m",
		Variables: withCalls(varSLO()),
		Rows: []Row{
			{Title: Text{"Use", "使用"}, Panels: choose(general, choiceOf{"overview", []string{"requests_by_model", "requests_by_service"}}, choiceOf{"models", []string{"model_output"}})},
			{Title: Text{"Are the answers good?", "回答好吗？"}, Panels: choose(general, choiceOf{"experience", []string{"feedback", "quality", "quality_by_service"}})},
			{Title: Text{"How does it feel?", "体验如何？"}, Panels: choose(general, choiceOf{"experience", []string{"ttft", "stream_broken"}}, choiceOf{"slo", []string{"availability"}}, choiceOf{"overview", []string{"error_ratio_by_model"}})},
			{Title: Text{"What does it cost?", "费用如何？"}, Panels: choose(general, choiceOf{"cost", []string{"cost_total", "cost_30d", "cost_per_call", "unpriced", "cost_hour_service"}}, choiceOf{"models", []string{"model_table"}})},
		},
	}
}

// choose returns panels of other dashboards in the order of the choice.
func choose(from []Dashboard, choices ...choiceOf) []Panel {
	var out []Panel
	for _, c := range choices {
		for _, id := range c.panels {
			for _, d := range from {
				if d.ID == c.dashboard {
					out = append(out, d.panel(id)...)
				}
			}
		}
	}
	return out
}

// panel returns the panel with the id. Where there is none it is one of no kind,
// which the tests find.
func (d *Dashboard) panel(id string) []Panel {
	for _, r := range d.Rows {
		if i := slices.IndexFunc(r.Panels, func(p Panel) bool { return p.ID == id }); i >= 0 {
			return r.Panels[i : i+1]
		}
	}
	return []Panel{{ID: id}}
}
