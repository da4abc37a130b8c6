package dashboard

func infrastructure() Dashboard {
	return Dashboard{
		ID: "infrastructure", UID: "pitot-infrastructure",
		Title:       Text{"LLM infrastructure", "大模型基础设施"},
		Description: Text{"GPUs, model servers with their queues and caches, processes, and Pitot itself.", "GPU、模型服务器的队列与缓存、进程，以及 Pitot 自身。"},
		Roles:       []Role{OnCall}, From: "now-1h", Refresh: "30s",
		Variables: []Variable{
			varDatasource(), varServer(), labelVariable("model", Text{"Model", "模型"}, serverSeries),
			varGPU(), varInstance(), varInterval(), varPitot(),
		},
		Rows: []Row{
			{Text{"GPUs", "GPU 状态"}, gpuPanels()},
			{Text{"Queues and caches of model servers", "模型服务器的队列与缓存"}, serverQueues()},
			{Text{"Latency of model servers", "模型服务器的延迟"}, serverLatency()},
			{Text{"Processes and targets", "进程与采集目标"}, processPanels()},
			{Text{"Pitot itself", "Pitot 自身"}, pitotPanels()},
		},
	}
}

func gpuPanels() []Panel {
	each := func(p Panel, expr string) Panel {
		p.Kind, p.Width = Timeseries, 6
		return panel(p, target(plain("{{host}} {{gpu_id}}"), expr))
	}
	const by = "host, gpu_id"
	return []Panel{
		each(Panel{
			ID: "gpu_utilization", Unit: Percent, Title: Text{"GPU utilization", "GPU 利用率"},
			Description: Text{"Share of time in which the GPU worked. 70 % is a good target.", "GPU 工作时间占比，目标约 70%。"},
		}, aggregate("max", by, gpu("llm_gpu_utilization_percent"))),
		each(Panel{
			ID: "gpu_memory", Unit: Ratio, Title: Text{"GPU memory", "GPU 显存"}, Thresholds: levels(0.95, 0.99),
			Description: Text{"Share in use. Model servers take theirs at start.", "显存占用比例。模型服务器启动时即预占。"},
		}, aggregate("max", by, gpu("llm_gpu_memory_used_bytes"))+" / "+aggregate("max", by, gpu("llm_gpu_memory_total_bytes"))),
		each(Panel{
			ID: "gpu_power", Unit: Watts, Title: Text{"GPU power", "GPU 功耗"},
			Description: Text{"Power that the GPU draws.", "GPU 当前功耗。"},
		}, aggregate("max", by, gpu("llm_gpu_power_watts"))),
		each(Panel{
			ID: "gpu_temperature", Unit: Celsius, Title: Text{"GPU temperature", "GPU 温度"}, Thresholds: levels(83, 90),
			Description: Text{"A hot GPU slows itself down.", "温度过高时 GPU 会降频。"},
		}, aggregate("max", by, gpu("llm_gpu_temperature_celsius"))),
	}
}

func serverQueues() []Panel {
	each := func(p Panel, targets ...Target) Panel {
		p.Kind, p.Width = Timeseries, 8
		return panel(p, targets...)
	}
	const by, name = "server, model, instance", "{{server}} {{model}} {{instance}}"
	return []Panel{
		each(Panel{
			ID: "server_requests", Unit: Count, Title: Text{"Running and waiting requests", "运行与等待中的请求"},
			Description: Text{"Waiting requests are the first sign of a server that is full.", "等待请求是服务器饱和的最早迹象。"},
		},
			target(Text{name + " running", name + " 运行"}, sum(by, server("llm_server_requests_running"))),
			target(Text{name + " waiting", name + " 等待"}, sum(by, server("llm_server_requests_waiting")))),
		each(Panel{
			ID: "server_queue_time", Unit: Seconds, Title: Text{"Time in the queue p95", "排队时间 p95"}, Thresholds: levels(1, 5),
			Description: Text{"Time that a request waited before work on it began.", "请求开始处理前的等待时间。"},
		}, target(plain("{{server}} {{model}}"), classic("0.95", "server, model", "llm_server_queue_time_seconds", serverMatch))),
		each(Panel{
			ID: "server_kv_cache", Unit: Ratio, Title: Text{"KV cache in use", "KV 缓存占用"}, Thresholds: levels(0.9, 0.98),
			Description: Text{"Near 1, requests wait or are preempted.", "接近 1 时请求会等待或被抢占。"},
		}, target(plain(name), aggregate("max", by, server("llm_server_kv_cache_usage_ratio")))),
		each(Panel{
			ID: "server_prefix_cache", Unit: Ratio, Title: Text{"Prefix cache hits", "前缀缓存命中率"},
			Description: Text{"Share of prompt tokens that need no prefill.", "无需预填充的提示 token 占比。"},
		}, target(plain(name), aggregate("avg", by, server("llm_server_prefix_cache_hit_ratio")))),
		each(Panel{
			ID: "server_preemptions", Unit: PerSecond, Title: Text{"Preemptions", "抢占"},
			Description: Text{"Requests that lost their place for want of KV cache: their work is done twice.", "因 KV 缓存不足而被抢占的请求，其计算需重做。"},
		}, target(plain("{{server}} {{model}}"), sum("server, model", rate(server("llm_server_preemptions_total"))))),
		each(Panel{
			ID: "server_tokens", Unit: TokensPerSec, Title: Text{"Tokens of model servers", "模型服务器 token 吞吐"},
			Description: Text{"Prompt tokens that were processed and tokens that were generated.", "处理的提示 token 与生成的 token。"},
		},
			target(Text{"{{server}} {{model}} prompt", "{{server}} {{model}} 提示"}, sum("server, model", rate(server("llm_server_prompt_tokens_total")))),
			target(Text{"{{server}} {{model}} generated", "{{server}} {{model}} 生成"}, sum("server, model", rate(server("llm_server_generation_tokens_total"))))),
	}
}

func serverLatency() []Panel {
	each := func(id string, title, description Text, names map[string]string) Panel {
		p := Panel{ID: id, Kind: Timeseries, Width: 8, Unit: Seconds, Title: title, Description: description}
		var targets []Target
		for _, part := range []string{"", "prefill", "decode"} {
			if name, ok := names[part]; ok {
				zh := map[string]string{"": "", "prefill": " 预填充", "decode": " 解码"}[part]
				en := part
				if part != "" {
					en = " " + part
				}
				targets = append(targets, target(Text{"{{server}} {{model}}" + en, "{{server}} {{model}}" + zh}, classic("0.95", "server, model", name, serverMatch)))
			}
		}
		return panel(p, targets...)
	}
	return []Panel{
		each("server_ttft", Text{"Server's time to first token p95", "服务器首 token 时间 p95"},
			Text{"Beside the clients' own, the difference is the way between them.", "与客户端所见之差即为两者间的链路耗时。"},
			map[string]string{"": "llm_server_time_to_first_token_seconds"}),
		each("server_tpot", Text{"Server's time per token p95", "服务器每 token 时间 p95"},
			Text{"It rises with the number of requests in the batch.", "随批内请求数上升。"},
			map[string]string{"": "llm_server_time_per_output_token_seconds"}),
		each("server_phases", Text{"Prefill and decode p95", "预填充与解码 p95"},
			Text{"Prefill grows with prompts, decode with answers.", "预填充随提示变长而增长，解码随回答变长而增长。"},
			map[string]string{"prefill": "llm_server_prefill_time_seconds", "decode": "llm_server_decode_time_seconds"}),
	}
}

func processPanels() []Panel {
	return []Panel{
		panel(Panel{
			ID: "memory", Kind: Timeseries, Width: 12, Unit: Bytes,
			Title:       Text{"Resident memory of processes", "进程常驻内存"},
			Description: Text{"Pitot, its event engine, and every target that says so.", "Pitot、其事件引擎以及所有上报该指标的目标。"},
		},
			target(plain("{{job}} {{instance}}"), "process_resident_memory_bytes"),
			target(Text{"event engine {{instance}}", "事件引擎 {{instance}}"}, own("pitot_engine_resident_memory_bytes"))),
		panel(Panel{
			ID: "targets", Kind: Table, Width: 12, Unit: Count,
			Title:       Text{"Scraped targets", "采集目标"},
			Description: Text{"1 if the last scrape of a target worked, 0 if not.", "最近一次采集成功为 1，失败为 0。"},
		}, instant(Text{"Up", "在线"}, "max by (job, instance) (up)")),
	}
}

func pitotPanels() []Panel {
	each := func(p Panel, targets ...Target) Panel {
		p.Kind, p.Width, p.Links = Timeseries, 8, append(p.Links, linkStatus())
		return panel(p, targets...)
	}
	stored := sum("source", rate(own("pitot_records_stored_total")))
	return []Panel{
		each(Panel{
			ID: "records", Unit: PerSecond, Title: Text{"Records received and stored", "接收与存储的记录"}, Links: []Link{linkLedger()},
			Description: Text{"Calls, spans, logs and feedback by the door that they came in by.", "按入口统计的调用、span、日志与反馈。"},
		},
			target(Text{"{{source}} received", "{{source}} 接收"}, sum("source", rate(own("pitot_records_received_total")))),
			target(Text{"{{source}} stored", "{{source}} 存储"}, stored)),
		each(Panel{
			ID: "records_dropped", Unit: PerSecond, Title: Text{"Records that were dropped", "丢弃的记录"}, Links: []Link{linkLedger()},
			Description: Text{"sampled and duplicate are meant; all else is a loss.", "sampled 与 duplicate 属正常；其余均为丢失。"},
		}, target(plain("{{source}} {{reason}}"),
			"("+sum("source, reason", rate(own("pitot_records_dropped_total")))+") or (0 * "+stored+")")),
		each(Panel{
			ID: "queue", Unit: Ratio, Title: Text{"Queue and journal", "队列与日志缓冲"}, Thresholds: levels(0.5, 0.9),
			Description: Text{"How full they are. At 1, records are dropped; calls go on.", "占用比例。达到 1 时丢弃记录，但调用不受影响。"},
		},
			target(Text{"queue", "队列"}, own("pitot_queue_bytes")+" / "+own("pitot_queue_max_bytes")),
			target(Text{"journal", "日志缓冲"}, own("pitot_journal_bytes")+" / "+own("pitot_journal_max_bytes"))),
		each(Panel{
			ID: "journal_age", Unit: Seconds, Title: Text{"Age of what waits to be stored", "待存储记录的等待时间"}, Thresholds: levels(10, 60),
			Description: Text{"How far the event store is behind.", "事件存储的滞后时间。"},
		}, target(plain("{{cursor}}"), aggregate("max", "cursor", own("pitot_journal_oldest_record_age_seconds")))),
		each(Panel{
			ID: "overhead", Unit: Seconds, Title: Text{"Overhead of the gateway", "网关开销"},
			Description: Text{"Time that the gateway itself added to a call.", "网关自身给调用增加的时间。"},
		},
			target(plain("p50"), classic("0.5", "", "pitot_gateway_overhead_seconds", pitotMatch)),
			target(plain("p99"), classic("0.99", "", "pitot_gateway_overhead_seconds", pitotMatch))),
		each(Panel{
			ID: "disk", Unit: Bytes, Title: Text{"Disk", "磁盘"},
			Description: Text{"What the events take, and what is free.", "事件占用与剩余空间。"},
		},
			target(Text{"events", "事件"}, own("pitot_engine_disk_bytes")),
			target(Text{"free", "剩余"}, own("pitot_engine_free_disk_bytes"))),
	}
}
