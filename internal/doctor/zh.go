package doctor

import "strings"

// zh is a sentence of this package in Chinese; empty where it is code that both
// languages share. A test goes through everything that a report may say.
func zh(en string) string {
	if en == "" {
		return ""
	}
	if rest, ok := strings.CutSuffix(en, "; "+privacyNote); ok {
		return zh(rest) + "；" + zh(privacyNote)
	}
	if rest, ok := strings.CutPrefix(en, "in the library: "); ok {
		return "在库中：" + rest
	}
	for _, s := range sentences() {
		if s[0] == en {
			return s[1]
		}
	}
	return ""
}

// sentences are pairs of the same in English and in Chinese.
func sentences() [][2]string {
	return [][2]string{
		{privacyNote, "提示词是敏感数据：Pitot 的采集策略可以截断和脱敏，见 docs/privacy.md"},
		{usageNote, "Pitot 网关会自动请求用量（gateway.ask_usage）"},

		// What a field is, and what follows from its lack.
		{"the provider", "提供商"},
		{"calls cannot be priced by provider", "无法按提供商计价"},
		{"the requested model", "请求的模型"},
		{"calls cannot be priced or grouped by model", "无法按模型计价或分组"},
		{"the model that answered", "实际应答的模型"},
		{"an alias is priced by its own name", "别名会按别名本身计价"},
		{"the provider's response id", "提供商的响应 ID"},
		{"the same call seen by the gateway can only be recognised by its trace", "网关看到的同一次调用只能通过链路识别"},
		{"input tokens", "输入 token 数"},
		{"output tokens", "输出 token 数"},
		{"tokens and cost are estimated or unknown", "token 数和成本只能估算，或者未知"},
		{"cached input tokens", "缓存命中的输入 token 数"},
		{"cached input is priced in full", "缓存命中的输入按全价计费"},
		{"cache writes", "缓存写入 token 数"},
		{"cache writes are priced as ordinary input", "缓存写入按普通输入计价"},
		{"reasoning tokens", "推理 token 数"},
		{"the share of reasoning is unknown", "推理所占的比例未知"},
		{"the cost", "成本"},
		{"cost is computed from tokens and prices", "成本由 token 数和价格计算"},
		{"whether it streamed", "是否为流式"},
		{"streams are not told apart", "无法区分流式调用"},
		{"the time to first token", "首 token 时间"},
		{"streams have no time to first token and no time per output token", "流式调用没有首 token 时间和每 token 时间"},
		{"the time of each chunk", "每个分块的时间"},
		{"stalls cannot be seen", "看不到停顿"},
		{"finish reasons", "结束原因"},
		{"truncated and filtered answers cannot be found", "找不到被截断或被过滤的回答"},
		{"the type of errors", "错误类型"},
		{"errors cannot be told apart", "无法区分错误"},
		{"the user", "用户"},
		{"cost and use by user are unknown", "不知道各用户的成本和用量"},
		{"the session", "会话"},
		{"conversations cannot be followed", "无法跟踪对话"},
		{"the agent", "智能体"},
		{"use by agent is unknown", "不知道各智能体的用量"},
		{"the workflow", "工作流"},
		{"use by workflow is unknown", "不知道各工作流的用量"},
		{"the prompt's name", "提示词名称"},
		{"versions of prompts cannot be compared", "无法比较提示词的版本"},
		{"the prompt", "提示词"},
		{"prompts cannot be read or searched", "无法阅读或搜索提示词"},
		{"the answer", "回答"},
		{"answers cannot be read or searched", "无法阅读或搜索回答"},
		{"the request's settings", "请求参数"},
		{"temperature and limits are unknown", "不知道温度和长度限制"},
		{"tool definitions", "工具定义"},
		{"the tools that were offered are unknown", "不知道提供了哪些工具"},
		{"a trace id", "链路 ID"},
		{"calls cannot be joined to what surrounds them", "调用无法与其前后的操作关联"},
		{"a parent span", "父 span"},
		{"calls stand alone in their traces", "调用在链路中是孤立的"},

		// Why a field never comes.
		{"its conventions have no attribute for it", "它的约定没有这个属性"},
		{"its spans follow OpenInference, which has no attribute for it", "它的 span 遵循 OpenInference，其中没有这个属性"},
		{"its monitoring does not record it", "它的监控不记录这一项"},
		{"its telemetry has no request settings", "它的遥测没有请求参数"},
		{"its events have no answers", "它的事件没有回答"},
		{"its events have no request settings", "它的事件没有请求参数"},
		{"its events have no finish reason", "它的事件没有结束原因"},
		{"it is the server's view of the request, not the client's", "这是服务器看到的请求，不是客户端看到的"},

		// What to know before a setting is made.
		{"set it with a span processor, or as baggage that one copies to spans", "用 span 处理器设置，或放进 baggage 再复制到 span"},
		{"use the application's own id of the conversation", "用应用自己的对话 ID"},
		{"calls through Pitot's gateway always have it", "经过 Pitot 网关的调用总会有"},
		{"trace context to the gateway (traceparent) joins the two records as well", "把链路上下文（traceparent）传给网关，也能关联这两条记录"},
		{"calls from logs have one where the line has a trace_id", "来自日志的调用，在日志行带有 trace_id 时会有"},
		{"the body's own user field is used where there is no header", "没有这个请求头时使用请求体里的 user 字段"},
		{"an instrumented HTTP client sends it", "已埋点的 HTTP 客户端会发送"},
		{"it is on by default for OpenAI's dialect; other servers may have no usage in streams", "对 OpenAI 方言默认开启；其他服务器的流式应答可能没有用量"},
		{"EVENT_ONLY and SPAN_AND_EVENT work too, where logs are exported to Pitot", "如果日志也导出到 Pitot，EVENT_ONLY 和 SPAN_AND_EVENT 同样可用"},
		{"older conventions have no such attribute", "旧版约定没有这个属性"},
		{"instrumentations of 2026 have gen_ai.response.time_to_first_chunk; update older ones", "2026 年的埋点库有 gen_ai.response.time_to_first_chunk；旧版请升级"},
		{"in JavaScript: traceloop.withAssociationProperties", "JavaScript 中：traceloop.withAssociationProperties"},
		{"it is on by default, so somebody turned it off", "默认开启，说明有人关掉了"},
		{"both are off by default, so somebody turned one on", "两者默认都关闭，说明有人打开了其中一个"},
		{"the Python package of OpenAI marks each chunk, others do not; calls through Pitot's gateway always have it", "OpenAI 的 Python 包会标记每个分块，其他的不会；经过 Pitot 网关的调用总会有"},
		{"JavaScript: setSession of @arizeai/openinference-core", "JavaScript：@arizeai/openinference-core 的 setSession"},
		{"JavaScript: setUser of @arizeai/openinference-core", "JavaScript：@arizeai/openinference-core 的 setUser"},
		{"most of its instrumentations record none; calls through Pitot's gateway always have it", "它的大多数埋点不记录；经过 Pitot 网关的调用总会有"},
		{"instrumentations of 2026 have llm.finish_reason; update older ones", "2026 年的埋点库有 llm.finish_reason；旧版请升级"},
		{"JavaScript: propagateAttributes({ userId }, ...)", "JavaScript 中：propagateAttributes({ userId }, ...)"},
		{"JavaScript: propagateAttributes({ sessionId }, ...)", "JavaScript 中：propagateAttributes({ sessionId }, ...)"},
		{"a mask function given to the client may blank it", "给客户端设置的 mask 函数可能会把它清空"},
		{"the integrations of OpenAI and LangChain do it for streams", "OpenAI 和 LangChain 的集成会对流式调用这样做"},
		{"generations have no attribute for it", "generation 没有这个属性"},
		{"input there is without cached tokens; Pitot adds them", "那里的 input 不含缓存 token；Pitot 会加上"},
		{"it is on by default", "默认开启"},
		{"set it on each generateText and streamText; only then the model calls have spans", "要在每个 generateText 和 streamText 上设置；只有这样模型调用才有 span"},
		{"USE_OTEL_LITELLM_REQUEST_SPAN=true gives each call a span of its own", "USE_OTEL_LITELLM_REQUEST_SPAN=true 让每次调用有自己的 span"},
		{"the client must send that header", "客户端必须发送这个请求头"},
		{"it is in the gateway's own metrics (gen_ai.server.time_to_first_token), not in its spans", "它在该网关自己的指标里（gen_ai.server.time_to_first_token），不在 span 里"},
		{"the default, summary, cuts content; MONITORING_TRACE_MAX_CHARS sets the length", "默认的 summary 会截断内容；长度由 MONITORING_TRACE_MAX_CHARS 设置"},
		{"spans are a beta; without them only events arrive", "span 是 beta 功能；没有它只会收到事件"},
		{"OTEL_LOG_TOOL_DETAILS=1 and OTEL_LOG_TOOL_CONTENT=1 add what tools are given and return", "OTEL_LOG_TOOL_DETAILS=1 和 OTEL_LOG_TOOL_CONTENT=1 会加上工具的输入和返回"},
		{"in versions that have it", "需要支持它的版本"},
		{"events always have the session", "事件总会带会话"},
		{"calls come as events, so logs must be exported too", "调用以事件形式发来，所以也要导出日志"},
		{"it takes the same form as exporter, with the address of /v1/traces", "写法与 exporter 相同，地址为 /v1/traces"},
		{"calls come as log events", "调用以日志事件形式发来"},
		{"thread_id works as well", "thread_id 也可以"},
		{"LangChain's ChatOpenAI asks for usage only then where base_url is set", "设置了 base_url 时，LangChain 的 ChatOpenAI 只有这样才会请求用量"},
		{"include_prompts of each AI integration must be on too, which is the default", "每个 AI 集成的 include_prompts 也必须开启，默认是开启的"},
		{"so few are likely streams that ended early: clients that went away, time-outs", "这么少，多半是提前结束的流：客户端离开或超时"},
		{"with the sender's sampling off, pipeline.sampling can do it in Pitot: totals then stay exact, and errors and slow calls are always kept", "关掉发送端采样后，可以由 Pitot 的 pipeline.sampling 来采样：合计保持准确，错误和慢调用总会保留"},
		{"or turn one of the two off; another service name at the gateway (X-Pitot-Service) hides this warning but not the fact", "或者关掉其中一个；在网关换一个服务名（X-Pitot-Service）只会隐藏这条警告，事实不变"},
		{"llm_request_duration_seconds, which Pitot makes from the calls themselves, has good buckets", "Pitot 由调用本身生成的 llm_request_duration_seconds 有合适的分桶"},

		// Settings that are not code alone.
		{"span attribute user.id", "span 属性 user.id"},
		{"span attribute gen_ai.conversation.id (or session.id)", "span 属性 gen_ai.conversation.id（或 session.id）"},
		{"request header X-Pitot-User", "请求头 X-Pitot-User"},
		{"request header X-Pitot-Session", "请求头 X-Pitot-Session"},
		{"request headers X-Pitot-Prompt and X-Pitot-Prompt-Version", "请求头 X-Pitot-Prompt 和 X-Pitot-Prompt-Version"},
		{"W3C trace context (traceparent) in the request", "请求中的 W3C 链路上下文（traceparent）"},
		{"capture.content: full in Pitot's configuration", "Pitot 配置中的 capture.content: full"},
		{"gateway.ask_usage: true in Pitot's configuration", "Pitot 配置中的 gateway.ask_usage: true"},
		{"the @agent decorator around the function", "在函数上加 @agent 装饰器"},
		{"the @workflow decorator around the function", "在函数上加 @workflow 装饰器"},
		{"let the client propagate W3C trace context (traceparent) to the server", "让客户端把 W3C 链路上下文（traceparent）传给服务器"},
		{"let the HTTP client propagate W3C trace context (traceparent) to the gateway", "让 HTTP 客户端把 W3C 链路上下文（traceparent）传给网关"},
		{"instrument the provider's client library too, or send the calls through Pitot's gateway", "也给提供商的客户端库埋点，或让调用经过 Pitot 网关"},
		{"name attributes as OpenTelemetry's GenAI conventions do (gen_ai.*)", "按 OpenTelemetry 的 GenAI 约定命名属性（gen_ai.*）"},
		{"update the observation with input=...", "用 input=... 更新 observation"},
		{"update the observation with output=...", "用 output=... 更新 observation"},
	}
}
