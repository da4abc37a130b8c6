package fleet

import (
	dto "github.com/prometheus/client_model/go"
)

// exposition gathers families in the order in which they are added.
type exposition struct{ families []*dto.MetricFamily }

func (x *exposition) add(name, help string, kind dto.MetricType, metrics ...*dto.Metric) {
	x.families = append(x.families, &dto.MetricFamily{Name: new(name), Help: new(help), Type: kind.Enum(), Metric: metrics})
}

func (x *exposition) gauge(name, help string, v float64, labels []*dto.LabelPair) {
	x.add(name, help, dto.MetricType_GAUGE, &dto.Metric{Label: labels, Gauge: &dto.Gauge{Value: new(v)}})
}

func (x *exposition) counter(name, help string, v float64, labels []*dto.LabelPair) {
	x.add(name, help, dto.MetricType_COUNTER, &dto.Metric{Label: labels, Counter: &dto.Counter{Value: new(v)}})
}

func (x *exposition) histogram(name, help string, h *histogram, labels []*dto.LabelPair) {
	x.add(name, help, dto.MetricType_HISTOGRAM, &dto.Metric{Label: labels, Histogram: h.proto()})
}

// labels are pairs of name and value, in the order of names.
func labels(pairs ...string) []*dto.LabelPair {
	out := make([]*dto.LabelPair, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, &dto.LabelPair{Name: new(pairs[i]), Value: new(pairs[i+1])})
	}
	return out
}

// vllmFamilies are the metrics of vLLM's V1 engine.
func vllmFamilies(e *engine) []*dto.MetricFamily {
	var x exposition
	l := labels("engine", "0", "model_name", e.spec.model)
	x.gauge("vllm:num_requests_running", "Requests in the batch.", float64(len(e.running)), l)
	x.gauge("vllm:num_requests_waiting", "Requests in the queue.", float64(len(e.waiting)), l)
	x.gauge("vllm:kv_cache_usage_perc", "Share of the KV cache in use.", e.kv, l)
	x.counter("vllm:prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.", e.cacheQueries, l)
	x.counter("vllm:prefix_cache_hits_total", "Prompt tokens found in the prefix cache.", e.cacheHits, l)
	x.counter("vllm:num_preemptions_total", "Requests pushed out of the batch.", e.preemptions, l)
	x.counter("vllm:prompt_tokens_total", "Prompt tokens.", e.promptTokens, l)
	x.counter("vllm:generation_tokens_total", "Tokens generated.", e.outputTokens, l)
	ended := func(reason string, v float64) *dto.Metric {
		return &dto.Metric{Label: labels("engine", "0", "finished_reason", reason, "model_name", e.spec.model), Counter: &dto.Counter{Value: new(v)}}
	}
	x.add("vllm:request_success_total", "Requests that ended, by reason.", dto.MetricType_COUNTER, ended("abort", e.cut), ended("stop", e.stopped))
	x.histogram("vllm:time_to_first_token_seconds", "Time to the first token.", &e.ttft, l)
	x.histogram("vllm:inter_token_latency_seconds", "Time between two tokens.", &e.itl, l)
	x.histogram("vllm:e2e_request_latency_seconds", "Time of a whole request.", &e.e2e, l)
	x.histogram("vllm:request_queue_time_seconds", "Time in the queue.", &e.queue, l)
	x.histogram("vllm:request_prefill_time_seconds", "Time on the prompt.", &e.prefill, l)
	x.histogram("vllm:request_decode_time_seconds", "Time on the answer.", &e.decode, l)
	return x.families
}

// sglangFamilies are the metrics of SGLang.
func sglangFamilies(e *engine) []*dto.MetricFamily {
	var x exposition
	l := labels("engine_type", "unified", "model_name", e.spec.model, "pp_rank", "0", "tp_rank", "0")
	x.gauge("sglang:num_running_reqs", "Requests in the batch.", float64(len(e.running)), l)
	x.gauge("sglang:num_queue_reqs", "Requests in the queue.", float64(len(e.waiting)), l)
	x.gauge("sglang:token_usage", "Share of the KV cache in use.", e.kv, l)
	hit := 0.0
	if e.cacheQueries > 0 {
		hit = e.cacheHits / e.cacheQueries
	}
	x.gauge("sglang:cache_hit_rate", "Share of prompt tokens found in the prefix cache.", hit, l)
	x.gauge("sglang:gen_throughput", "Tokens generated a second.", float64(len(e.running))/e.perToken(), l)
	x.counter("sglang:cached_tokens_total", "Prompt tokens found in the prefix cache.", e.cacheHits, l)
	x.counter("sglang:prompt_tokens_total", "Prompt tokens.", e.promptTokens, l)
	x.counter("sglang:generation_tokens_total", "Tokens generated.", e.outputTokens, l)
	x.counter("sglang:num_requests_total", "Requests that ended.", e.stopped, l)
	x.histogram("sglang:queue_time_seconds", "Time in the queue.", &e.queue, l)
	x.histogram("sglang:time_to_first_token_seconds", "Time to the first token.", &e.ttft, l)
	x.histogram("sglang:inter_token_latency_seconds", "Time between two tokens.", &e.itl, l)
	x.histogram("sglang:e2e_request_latency_seconds", "Time of a whole request.", &e.e2e, l)
	return x.families
}

// dcgmFamilies are the metrics of dcgm-exporter.
func dcgmFamilies(gpus []*gpu) []*dto.MetricFamily {
	var x exposition
	for _, f := range [...]struct {
		name, help string
		kind       dto.MetricType
		value      func(*gpu) float64
	}{
		{"DCGM_FI_DEV_SM_CLOCK", "Clock of the multiprocessors in MHz.", dto.MetricType_GAUGE, func(g *gpu) float64 { return 1200 + 8*float64(int(g.utilization)) }},
		{"DCGM_FI_DEV_GPU_TEMP", "Temperature in degrees Celsius.", dto.MetricType_GAUGE, func(g *gpu) float64 { return float64(int(g.celsius)) }},
		{"DCGM_FI_DEV_POWER_USAGE", "Power in watts.", dto.MetricType_GAUGE, func(g *gpu) float64 { return g.watts }},
		{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Energy used in millijoules.", dto.MetricType_COUNTER, func(g *gpu) float64 { return g.energy }},
		{"DCGM_FI_DEV_GPU_UTIL", "Share of the time that the GPU worked, in percent.", dto.MetricType_GAUGE, func(g *gpu) float64 { return float64(int(g.utilization + 0.5)) }},
		{"DCGM_FI_DEV_MEM_COPY_UTIL", "Share of the time that its memory was read or written, in percent.", dto.MetricType_GAUGE, func(g *gpu) float64 { return float64(int(g.utilization * 0.6)) }},
		{"DCGM_FI_DEV_XID_ERRORS", "The last XID error.", dto.MetricType_GAUGE, func(*gpu) float64 { return 0 }},
		{"DCGM_FI_DEV_FB_FREE", "Free memory in MiB.", dto.MetricType_GAUGE, func(g *gpu) float64 { return float64(int(g.spec.memory - g.used)) }},
		{"DCGM_FI_DEV_FB_USED", "Memory in use in MiB.", dto.MetricType_GAUGE, func(g *gpu) float64 { return float64(int(g.used)) }},
	} {
		metrics := make([]*dto.Metric, len(gpus))
		for i, g := range gpus {
			s := &g.spec
			l := labels("DCGM_FI_DRIVER_VERSION", "570.86.15", "Hostname", s.host, "UUID", s.uuid, "device", "nvidia"+s.index, "gpu", s.index, "modelName", s.name)
			metrics[i] = &dto.Metric{Label: l}
			if v := f.value(g); f.kind == dto.MetricType_COUNTER {
				metrics[i].Counter = &dto.Counter{Value: new(v)}
			} else {
				metrics[i].Gauge = &dto.Gauge{Value: new(v)}
			}
		}
		x.add(f.name, f.help, f.kind, metrics...)
	}
	return x.families
}
