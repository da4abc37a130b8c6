package rules

func gpuPack() *pack {
	return &pack{
		name: "gpu", doc: "GPUs that are paid for and idle.",
		params: []param{
			{"utilization_percent", 30, unitNumber, "LowGPUUtilization: mean utilisation of all GPUs, 0 to 100."},
			{"utilization_percent_for", 1800, unitDuration, "LowGPUUtilization: how long."},
		},
		groups: func(values) []groupText {
			return []groupText{{Name: "gpu", Rules: []ruleText{alertDef{
				name: "LowGPUUtilization", severity: info, hold: "<utilization_percent_for>",
				expr:          "avg(llm_gpu_utilization_percent) < <utilization_percent>",
				summary:       "The GPUs work at {{ printf \"%.0f\" $value }}%",
				summaryZH:     "GPU 平均利用率为 {{ printf \"%.0f\" $value }}%",
				description:   "The mean utilisation of the GPUs has been below <utilization_percent!>% for <utilization_percent_for!>; it is {{ printf \"%.1f\" $value }}% now, where 70% is a good target. Look at whether requests wait somewhere in front, at the size of batches, and at whether fewer GPUs would do.",
				descriptionZH: "GPU 平均利用率已连续 <utilization_percent_for!> 低于 <utilization_percent!>%，当前为 {{ printf \"%.1f\" $value }}%，目标为 70%。请查看请求是否在前端等待、批大小，以及是否可以减少 GPU。",
			}.rule()}}}
		},
	}
}

func modelServersPack() *pack {
	return &pack{
		name: "model_servers", doc: "queues and caches of one's own model servers.",
		params: []param{
			{"waiting", 10, unitNumber, "ModelServerQueue: waiting requests of a server."},
			{"waiting_for", 300, unitDuration, "ModelServerQueue: how long."},
			{"kv_cache", 0.95, unitRatio, "KVCacheFull: share of the KV cache in use."},
			{"kv_cache_for", 300, unitDuration, "KVCacheFull: how long."},
		},
		groups: func(values) []groupText {
			server := "{{ or $labels.instance $labels.server }}{{ with $labels.model }} ({{ . }}){{ end }}"
			return []groupText{{Name: "model_servers", Rules: []ruleText{
				alertDef{
					name: "ModelServerQueue", severity: warning, hold: "<waiting_for>",
					expr:          "llm_server_requests_waiting > <waiting>",
					summary:       "{{ $value | humanize }} requests wait at " + server,
					summaryZH:     server + " 有 {{ $value | humanize }} 个请求在排队",
					description:   "More than <waiting!> requests have waited for <waiting_for!>; {{ $value | humanize }} wait now. Look at the running requests and the KV cache of the server; add replicas or limit the callers.",
					descriptionZH: "排队请求已连续 <waiting_for!> 超过 <waiting!> 个，当前 {{ $value | humanize }} 个。请查看该服务器运行中的请求和 KV 缓存；增加副本或限制调用方。",
				}.rule(),
				alertDef{
					name: "KVCacheFull", severity: warning, hold: "<kv_cache_for>",
					expr:          "llm_server_kv_cache_usage_ratio > <kv_cache>",
					summary:       "The KV cache of " + server + " is {{ $value | humanizePercentage }} full",
					summaryZH:     server + " 的 KV 缓存已使用 {{ $value | humanizePercentage }}",
					description:   "More than <kv_cache!> of the KV cache has been in use for <kv_cache_for!>: {{ $value | humanizePercentage }}. Requests wait or are preempted and computed again. Look at the length of the contexts and at the number of running requests.",
					descriptionZH: "KV 缓存使用率已连续 <kv_cache_for!> 高于 <kv_cache!>：{{ $value | humanizePercentage }}。请求会等待或被抢占后重算。请查看上下文长度和运行中的请求数。",
				}.rule(),
			}}}
		},
	}
}

func memoryPack() *pack {
	return &pack{
		name: "memory", doc: "memory of Pitot and of every process that is scraped.",
		params: []param{
			{"resident", 1 << 30, unitBytes, "HighMemoryUsage: resident memory of a process."},
			{"resident_for", 300, unitDuration, "HighMemoryUsage: how long."},
		},
		groups: func(values) []groupText {
			return []groupText{{Name: "memory", Rules: []ruleText{alertDef{
				name: "HighMemoryUsage", severity: warning, hold: "<resident_for>",
				expr:          "process_resident_memory_bytes > <resident>",
				summary:       "{{ $labels.job }} at {{ $labels.instance }} uses {{ $value | humanize1024 }}B of memory",
				summaryZH:     "{{ $labels.job }}（{{ $labels.instance }}）占用内存 {{ $value | humanize1024 }}B",
				description:   "The resident memory has been above <resident!> for <resident_for!>; it is {{ $value | humanize1024 }}B now. Look at whether it still grows (a leak) or follows the load. For a process that is meant to be larger, raise the threshold.",
				descriptionZH: "常驻内存已连续 <resident_for!> 高于 <resident!>，当前为 {{ $value | humanize1024 }}B。请查看它是在持续增长（泄漏）还是随负载变化。若该进程本就较大，请调高阈值。",
			}.rule()}}}
		},
	}
}

func targetsPack() *pack {
	return &pack{
		name: "targets", doc: "scrape targets that do not answer.",
		params: []param{
			{"down_for", 300, unitDuration, "TargetDown: how long."},
		},
		groups: func(values) []groupText {
			return []groupText{{Name: "targets", Rules: []ruleText{alertDef{
				name: "TargetDown", severity: warning, hold: "<down_for>",
				expr:          "up == 0",
				summary:       "{{ $labels.instance }} of {{ $labels.job }} does not answer",
				summaryZH:     "{{ $labels.job }} 的 {{ $labels.instance }} 没有响应",
				description:   "Its metrics could not be read for <down_for!>: alerts and dashboards that need them are blind. Look at the targets' page for the error, and at whether the process runs and the port is right.",
				descriptionZH: "已连续 <down_for!> 无法读取其指标：依赖它的告警和面板已失效。请在 targets 页查看错误，并检查进程是否运行、端口是否正确。",
			}.rule()}}}
		},
	}
}

// pitotPack watches Pitot itself.
func pitotPack() *pack {
	return &pack{
		name: "pitot", doc: "Pitot's own health: what is lost, late or not stored.",
		params: []param{
			{"lag", 300, unitSeconds, "PitotStoreBehind: age of the oldest record that is not in the event store."},
			{"buffer", 0.8, unitRatio, "PitotBufferFilling: share of the journal or the queue in use."},
			{"restarts", 3, unitNumber, "PitotEngineRestarting: ends of the event engine in an hour."},
		},
		groups: func(values) []groupText {
			return []groupText{{Name: "pitot", Rules: []ruleText{
				alertDef{
					name: "PitotDroppingRecords", severity: warning, keep: "5m",
					expr: `sum by (source, reason) (increase(pitot_records_dropped_total{reason!~"sampled|duplicate|shutting_down"}[5m])) > 0` +
						steadyClock("on (source, reason) max by (source, reason) ", "pitot_records_dropped_total", "5m"),
					summary:       "Pitot lost {{ $value | humanize }} records of {{ $labels.source }} in 5 minutes: {{ $labels.reason }}",
					summaryZH:     "Pitot 在 5 分钟内丢失 {{ $labels.source }} 的 {{ $value | humanize }} 条记录：{{ $labels.reason }}",
					description:   "Calls went through, their records did not: metrics count them, the list of calls lacks them. queue_full and journal_full mean that the stores are slower than the traffic, journal_error that the disk cannot be written. Look at /api/pitot/v1/ledger and at the disk.",
					descriptionZH: "调用已正常转发，但记录丢失：指标已计数，调用列表中没有。queue_full 和 journal_full 表示存储跟不上流量，journal_error 表示磁盘无法写入。请查看 /api/pitot/v1/ledger 和磁盘。",
				}.rule(),
				alertDef{
					name: "PitotStoreBehind", severity: warning, hold: "2m",
					expr:          "pitot_journal_oldest_record_age_seconds > <lag>",
					summary:       "The events are {{ $value | humanizeDuration }} behind ({{ $labels.cursor }})",
					summaryZH:     "事件滞后 {{ $value | humanizeDuration }}（{{ $labels.cursor }}）",
					description:   "The oldest record in the journal has waited for {{ $value | humanizeDuration }}: new calls show late or not yet. Nothing is lost until the journal is full. Look at pitot_engine_up, at the free disk and at the load of the machine.",
					descriptionZH: "日志中最旧的记录已等待 {{ $value | humanizeDuration }}：新调用显示延迟。日志写满前不会丢失数据。请查看 pitot_engine_up、磁盘剩余空间和机器负载。",
				}.rule(),
				alertDef{
					name: "PitotEngineDown", severity: critical, hold: "1m",
					expr:          "pitot_engine_up == 0",
					summary:       "The event store of Pitot does not answer",
					summaryZH:     "Pitot 的事件存储没有响应",
					description:   "Calls flow and metrics are stored; calls, traces and logs cannot be queried until it is back, and wait in the journal. Look at Pitot's log for why the engine ended: a full disk and damaged data are the usual causes.",
					descriptionZH: "调用转发和指标不受影响；恢复前无法查询调用、链路和日志，数据在日志文件中等待。请查看 Pitot 日志中引擎退出的原因：常见原因是磁盘已满或数据损坏。",
				}.rule(),
				alertDef{
					name: "PitotEngineRestarting", severity: warning, keep: "5m",
					expr:          "increase(pitot_engine_restarts_total[1h]) >= <restarts>" + steadyClock("", "pitot_engine_restarts_total", "1h"),
					summary:       "The event store of Pitot ended {{ printf \"%.0f\" $value }} times in an hour",
					summaryZH:     "Pitot 的事件存储在一小时内退出 {{ printf \"%.0f\" $value }} 次",
					description:   "It is started again each time and takes what waits in the journal; queries fail in between. Look at Pitot's log for how it ended: too little memory, a full disk or damaged data.",
					descriptionZH: "每次都会自动重启并继续处理日志中等待的数据，期间查询会失败。请在 Pitot 日志中查看退出原因：内存不足、磁盘已满或数据损坏。",
				}.rule(),
				alertDef{
					name: "PitotDiskFull", severity: critical, hold: "1m",
					expr:          "pitot_engine_read_only == 1",
					summary:       "The event store of Pitot takes nothing more: the disk is nearly full",
					summaryZH:     "Pitot 的事件存储已停止写入：磁盘空间即将用尽",
					description:   "Calls flow; their records wait in the journal until it is full, and are dropped then. Free space, or lower storage.events.max_disk or the retention.",
					descriptionZH: "调用转发不受影响；记录在日志中等待，日志写满后会被丢弃。请释放磁盘空间，或调低 storage.events.max_disk 或保留时间。",
				}.rule(),
				alertDef{
					name: "PitotBufferFilling", severity: warning, hold: "2m",
					expr: `label_replace(pitot_journal_bytes / pitot_journal_max_bytes, "buffer", "journal", "", "") > <buffer>` +
						` or label_replace(pitot_queue_bytes / pitot_queue_max_bytes, "buffer", "queue", "", "") > <buffer>`,
					summary:       "The {{ $labels.buffer }} of Pitot is {{ $value | humanizePercentage }} full",
					summaryZH:     "Pitot 的 {{ $labels.buffer }} 已使用 {{ $value | humanizePercentage }}",
					description:   "The stores do not keep up. When it is full, records are dropped and counted; calls flow. Look at pitot_engine_up, at destinations of forward that do not answer, and at the speed of the disk.",
					descriptionZH: "存储跟不上流量。写满后记录会被丢弃并计数，调用转发不受影响。请查看 pitot_engine_up、没有响应的 forward 目标以及磁盘速度。",
				}.rule(),
				alertDef{
					name: "PitotNotificationsFailing", severity: warning, hold: "10m",
					expr:          "pitot_alert_channel_up == 0",
					summary:       "Notifications by {{ $labels.integration }} to {{ $labels.receiver }} fail",
					summaryZH:     "通过 {{ $labels.integration }} 发送到 {{ $labels.receiver }} 的通知失败",
					description:   "The last attempt failed, and none since then succeeded: people are not woken by this way. Look at /api/pitot/v1/alerts/channels for the answer of the other side, and try it with pitot alert test.",
					descriptionZH: "最近一次发送失败，此后没有成功：该渠道无法通知到人。请在 /api/pitot/v1/alerts/channels 查看对方的响应，并用 pitot alert test 测试。",
				}.rule(),
				alertDef{
					name: "PitotMetricsNotStored", severity: critical, hold: "1m", keep: "5m",
					expr:          "increase(pitot_metrics_self_scrape_failures_total[5m]) > 0" + steadyClock("", "pitot_metrics_self_scrape_failures_total", "5m"),
					summary:       "Pitot failed {{ $value | humanize }} times in 5 minutes to store its metrics",
					summaryZH:     "Pitot 在 5 分钟内有 {{ $value | humanize }} 次未能存储指标",
					description:   "Alerts and dashboards miss samples. Look at the free disk and at Pitot's log.",
					descriptionZH: "告警和面板会缺少样本。请查看磁盘剩余空间和 Pitot 日志。",
				}.rule(),
				alertDef{
					name: "PitotLabelOverflow", severity: info,
					expr:          "sum by (label) (increase(pitot_metrics_label_overflow_total[1h])) > 0" + steadyClock("on (label) max by (label) ", "pitot_metrics_label_overflow_total", "1h"),
					summary:       "The label {{ $labels.label }} has more values than its limit",
					summaryZH:     "标签 {{ $labels.label }} 的取值超过上限",
					description:   "{{ $value | humanize }} calls of the last hour were counted under __other__. Look at which values come: often an id is used as a name. High-cardinality dimensions belong into the events, not into labels.",
					descriptionZH: "最近一小时有 {{ $value | humanize }} 次调用计入 __other__。请查看有哪些取值：常见原因是把 ID 当作名称。高基数维度应放在事件中，而不是标签。",
				}.rule(),
			}}}
		},
	}
}
