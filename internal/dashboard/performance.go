package dashboard

// performance has the five panels of Nexent's dashboard of the same uid and
// title, so that links to it and habits keep working.
func performance() Dashboard {
	pair := func(p Panel, name string) Panel {
		p.Kind, p.Width = Timeseries, 12
		return panel(p, target(plain("p95"), classic("0.95", "", name, callMatch)), target(plain("p50"), classic("0.50", "", name, callMatch)))
	}
	exemplars := func(p Panel) Panel {
		for i := range p.Targets {
			p.Targets[i].Exemplars = true
		}
		return p
	}
	return Dashboard{
		ID: "performance", UID: "nexent-llm-perf",
		Title:       Text{"Nexent LLM Performance Dashboard", "Nexent 大模型性能看板"},
		Description: Text{"Duration, generation rate, time to first token, throughput and errors, live.", "请求耗时、生成速率、首 token 时间、吞吐与错误的实时视图。"},
		Roles:       []Role{Developer, OnCall}, From: "now-1h", Refresh: "5s",
		Variables: withCalls(),
		Rows: []Row{{Text{"LLM performance", "大模型性能"}, []Panel{
			exemplars(pair(Panel{
				ID: "request_duration", Title: Text{"LLM Request Duration", "LLM 请求耗时"}, Unit: Seconds, Thresholds: levels(5, 10),
				Description: Text{"Time from the start of a call to its last byte.", "从调用开始到最后一个字节的时间。"},
				Links:       []Link{linkSlowest()},
			}, "llm_request_duration_seconds")),
			pair(Panel{
				ID: "generation_rate", Title: Text{"Token Generation Rate", "Token 生成速率"}, Unit: TokensPerSec,
				Base: Critical, Thresholds: []Threshold{{5, Warning}, {10, OK}},
				Description: Text{"Output tokens over the whole duration of a call. Under 5 tokens per second people read faster.", "输出 token 数除以调用总耗时。低于每秒 5 个时慢于阅读速度。"},
				Links:       []Link{linkSlowest()},
			}, "llm_token_generation_rate"),
			exemplars(pair(Panel{
				ID: "time_to_first_token", Title: Text{"Time to First Token (TTFT)", "首 token 时间（TTFT）"}, Unit: Seconds, Thresholds: levels(2.5, 5),
				Description: Text{"Time from the start of a stream to its first content.", "从流式调用开始到首个内容的时间。"},
				Links:       []Link{linkSlowest(), linkExplain("ttft_p95")},
			}, "llm_time_to_first_token_seconds")),
			panel(Panel{
				ID: "token_throughput", Kind: Timeseries, Width: 12, Unit: TokensPerSec,
				Title:       Text{"Token Throughput", "Token 吞吐"},
				Description: Text{"Tokens in and out per second.", "每秒输入与输出 token 数。"},
				Links:       []Link{callsLink(Text{"The calls with most tokens", "token 最多的调用"}, "order=most_tokens")},
			},
				target(Text{"input", "输入"}, sum("", rate(calls("llm_tokens_total", `type="input"`)))),
				target(Text{"output", "输出"}, sum("", rate(calls("llm_tokens_total", `type="output"`))))),
			panel(Panel{
				ID: "error_rate", Kind: Timeseries, Width: 24, Unit: PerSecond,
				Title:       Text{"LLM Error Rate", "LLM 错误速率"},
				Description: Text{"Failed calls per second, by model.", "各模型每秒失败调用数。"},
				Links:       []Link{linkFailed(), linkSeries("model", "status=error")},
			}, target(plain("{{model}}"), sum("model", rate(calls("llm_requests_total", `status="error"`))))),
		}}},
	}
}
