package dashboard

func agents() Dashboard {
	return Dashboard{
		ID: "agents", UID: "pitot-agents",
		Title:       Text{"Agent traces", "智能体链路"},
		Description: Text{"Recent runs of agents with their calls of models and tools, and what they cost.", "最近的智能体运行，及其模型与工具调用、费用。"},
		Roles:       []Role{Developer}, From: "now-6h", Refresh: "30s",
		Variables: withCalls(varTraces(), varTraceService(), varProduct()),
		Rows: []Row{
			{Text{"Runs", "运行"}, agentTraces()},
			{Text{"Their calls of models", "模型调用"}, agentCalls()},
			{Text{"Coding agents", "编程智能体"}, codingAgents()},
		},
	}
}

func traces(id string, title, description Text, tags map[string]string) Panel {
	return Panel{
		ID: id, Kind: Traces, Title: title, Description: description, Width: 12, Height: 9,
		Trace: &TraceQuery{Service: "$trace_service", Tags: tags, Limit: 100}, Links: []Link{linkTrace()},
	}
}

func agentTraces() []Panel {
	const kind = "pitot.span.kind"
	return []Panel{
		traces("agent_runs", Text{"Recent agent runs", "最近的智能体运行"},
			Text{"Traces with a run of an agent.", "包含智能体运行的链路。"}, map[string]string{kind: "agent"}),
		traces("error_traces", Text{"Traces with errors", "出错的链路"},
			Text{"Traces in which a call, a tool or an agent failed.", "模型调用、工具或智能体失败的链路。"}, map[string]string{"error": "true"}),
		traces("tool_traces", Text{"Calls of tools", "工具调用"},
			Text{"Traces in which a tool was called.", "包含工具调用的链路。"}, map[string]string{kind: "tool"}),
		traces("model_traces", Text{"Calls of models", "模型调用"},
			Text{"Traces with a chat call.", "包含对话调用的链路。"}, map[string]string{"gen_ai.operation.name": "chat"}),
		{
			ID: "trace_search", Kind: TextPanel, Width: columns, Height: 6,
			Title:       Text{"What to search for", "可以搜索什么"},
			Description: Text{"Tags of traces, for searching and for the lists above.", "链路的标签，可用于搜索与上方列表。"},
			Content:     searchHelp(), GrafanaContent: exploreHelp(),
		},
	}
}

func agentCalls() []Panel {
	return []Panel{
		panel(Panel{
			ID: "agent_requests", Kind: Timeseries, Width: 8, Stacked: true, Unit: RequestsPerSec,
			Title:       Text{"Calls by service and operation", "各服务与操作的调用"},
			Description: Text{"A run of an agent makes several: a loop shows here first.", "一次智能体运行会产生多次调用，死循环首先在此显现。"},
			Links:       []Link{linkSeries("service")},
		}, target(plain("{{service}} {{method}}"), sum("service, method", rate(calls("llm_requests_total"))))),
		panel(Panel{
			ID: "agent_errors", Kind: Timeseries, Width: 8, Stacked: true, Unit: PerSecond,
			Title:       Text{"Errors by service", "各服务错误"},
			Description: Text{"Failed calls per second, by service and type of error.", "按服务与错误类型统计的每秒失败调用数。"},
			Links:       []Link{linkFailed(), linkSeries("service", "status=error")},
		}, target(plain("{{service}} {{error_type}}"), sum("service, error_type", rate(calls("llm_errors_total"))))),
		panel(Panel{
			ID: "agent_context", Kind: Timeseries, Width: 8, Unit: Tokens,
			Title:       Text{"Input tokens per call", "每次调用的输入 token"},
			Description: Text{"Contexts of agents grow from step to step.", "智能体的上下文会逐步增长。"},
			Links:       []Link{callsLink(Text{"The calls with most tokens", "token 最多的调用"}, "order=most_tokens"), linkSeries("service", "order=most_tokens")},
		}, target(plain("{{service}}"), over(
			sum("service", rate(calls("llm_tokens_total", `type="input"`))),
			sum("service", rate(calls("llm_requests_total", `status="success"`)))))),
	}
}

func codingAgents() []Panel {
	by := plain("{{product}}")
	return []Panel{
		panel(Panel{
			ID: "cli_tokens", Kind: Timeseries, Width: 8, Stacked: true, Unit: TokensPerSec,
			Title:       Text{"Tokens of coding agents", "编程智能体 token"},
			Description: Text{"What Claude Code, Codex and Gemini CLI report of themselves.", "Claude Code、Codex、Gemini CLI 自行上报的数据。"},
		}, target(plain("{{product}} {{type}}"), sum("product, type", rate(cli("llm_agent_cli_tokens_total", `type=~"input|output"`))))),
		panel(Panel{
			ID: "cli_cost", Kind: Bar, Width: 8, Unit: USD,
			Title:       Text{"Cost of coding agents", "编程智能体费用"},
			Description: Text{"In the range that is shown, as they state it.", "所选时间范围内其自行上报的费用。"},
		}, instant(by, sum("product", total(cli("llm_agent_cli_cost_usd_total"))))),
		panel(Panel{
			ID: "cli_tools", Kind: Bar, Width: 8, Unit: Count,
			Title:       Text{"Tools of coding agents", "编程智能体的工具调用"},
			Description: Text{"Calls of tools in the range that is shown.", "所选时间范围内的工具调用次数。"},
		}, instant(plain("{{product}} {{tool}}"), sum("product, tool", total(cli("llm_agent_cli_tool_calls_total"))))),
	}
}

// searchHelp is for Pitot's own pages.
func searchHelp() *Text {
	return &Text{
		EN: `[Traces](/traces) finds traces by filters, one or several:

| filter | finds |
|---|---|
| ` + "[`kind=agent`](/traces?kind=agent)" + `, ` + "[`tool`](/traces?kind=tool)" + `, ` + "[`workflow`](/traces?kind=workflow)" + `, ` + "[`retrieval`](/traces?kind=retrieval)" + ` | runs of agents, calls of tools, workflows, retrievals |
| ` + "`model=gpt-4o`" + ` | calls of a model |
| ` + "`operation=embeddings`" + ` | calls of an operation |
| ` + "[`status=error`](/traces?status=error)" + ` | what failed |
| ` + "`min_duration=5s`" + ` | traces that last at least so long |
| ` + "`query=attributes.gen_ai.tool.name:=search`" + ` | spans with an attribute, as a LogsQL filter |
`,
		ZH: `在[链路](/traces)页面中可按以下条件筛选（可组合）：

| 条件 | 结果 |
|---|---|
| ` + "[`kind=agent`](/traces?kind=agent)" + `、` + "[`tool`](/traces?kind=tool)" + `、` + "[`workflow`](/traces?kind=workflow)" + `、` + "[`retrieval`](/traces?kind=retrieval)" + ` | 智能体运行、工具调用、工作流、检索 |
| ` + "`model=gpt-4o`" + ` | 某模型的调用 |
| ` + "`operation=embeddings`" + ` | 某类操作的调用 |
| ` + "[`status=error`](/traces?status=error)" + ` | 失败的部分 |
| ` + "`min_duration=5s`" + ` | 至少持续这么久的链路 |
| ` + "`query=attributes.gen_ai.tool.name:=search`" + ` | 带有某属性的 span（LogsQL 筛选） |
`,
	}
}

// exploreHelp is for Grafana.
func exploreHelp() *Text {
	return &Text{
		EN: `Tags of Pitot's traces, one or several with blanks between them, in *Explore* with the data source *Pitot traces*:

| tags | finds |
|---|---|
| ` + "`pitot.span.kind=agent`" + `, ` + "`tool`" + `, ` + "`workflow`" + `, ` + "`retrieval`" + ` | runs of agents, calls of tools, workflows, retrievals |
| ` + "`gen_ai.request.model=gpt-4o`" + ` | calls of a model |
| ` + "`gen_ai.operation.name=embeddings`" + ` | calls of an operation |
| ` + "`error=true`" + ` | what failed |
`,
		ZH: `在 *Explore* 中选择数据源 *Pitot traces*，可使用以下标签（多个以空格分隔）：

| 标签 | 结果 |
|---|---|
| ` + "`pitot.span.kind=agent`" + `、` + "`tool`" + `、` + "`workflow`" + `、` + "`retrieval`" + ` | 智能体运行、工具调用、工作流、检索 |
| ` + "`gen_ai.request.model=gpt-4o`" + ` | 某模型的调用 |
| ` + "`gen_ai.operation.name=embeddings`" + ` | 某类操作的调用 |
| ` + "`error=true`" + ` | 失败的部分 |
`,
	}
}
