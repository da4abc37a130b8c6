package metrics

import "slices"

// preset says how a kind of server is scraped and how its metrics map onto
// the llm_server_* vocabulary.
type preset struct {
	name string
	port int // where the product listens by default
	path string
	doc  string // what has to be switched on there
	// model is the label of the source that has the model's name.
	model string
	// drop are the labels of the source that are added up: engines and ranks of
	// one server.
	drop []string
	// by keeps these labels only, for products with labels of users and keys.
	by   []string
	maps []mapping
	// rename changes names at scraping: regex and replacement.
	rename [][2]string
}

// mapping makes one metric of the vocabulary. from are the names under which
// versions of the product have it, the newest first; the first that is there is
// taken.
type mapping struct {
	to   vocabulary
	from []string
	// factor converts units; 0 is 1.
	factor float64
	// suffix limits a histogram to _sum or _count, for products that only have
	// totals of time; empty is the whole histogram.
	suffix string
	// selector is added to from.
	selector string
}

// vocabulary is the name of a metric that all servers have in common.
type vocabulary string

const (
	srvRunning      vocabulary = "llm_server_requests_running"
	srvWaiting      vocabulary = "llm_server_requests_waiting"
	srvQueueTime    vocabulary = "llm_server_queue_time_seconds"
	srvKVCache      vocabulary = "llm_server_kv_cache_usage_ratio"
	srvPrefixQuery  vocabulary = "llm_server_prefix_cache_queries_total"
	srvPrefixHit    vocabulary = "llm_server_prefix_cache_hits_total"
	srvPrefixRatio  vocabulary = "llm_server_prefix_cache_hit_ratio"
	srvTTFT         vocabulary = "llm_server_time_to_first_token_seconds"
	srvTPOT         vocabulary = "llm_server_time_per_output_token_seconds"
	srvDuration     vocabulary = "llm_server_request_duration_seconds"
	srvPrefill      vocabulary = "llm_server_prefill_time_seconds"
	srvDecode       vocabulary = "llm_server_decode_time_seconds"
	srvPreemptions  vocabulary = "llm_server_preemptions_total"
	srvRequests     vocabulary = "llm_server_requests_total"
	srvPromptTokens vocabulary = "llm_server_prompt_tokens_total"
	srvOutputTokens vocabulary = "llm_server_generation_tokens_total"
)

// ServerFamily is a metric that the model servers have in common.
type ServerFamily struct {
	Name string
	Type Type
	Help string
}

// ServerFamilies returns the llm_server_* vocabulary.
func ServerFamilies() []ServerFamily {
	return []ServerFamily{
		{string(srvRunning), TypeGauge, "Requests that are being worked on."},
		{string(srvWaiting), TypeGauge, "Requests that wait in the server's queue."},
		{string(srvQueueTime), TypeHistogram, "Time that a request waited before work on it began."},
		{string(srvKVCache), TypeGauge, "Share of the KV cache that is in use, 0 to 1. Near 1, requests wait or are preempted."},
		{string(srvPrefixQuery), TypeCounter, "Prompt tokens that were looked up in the prefix cache."},
		{string(srvPrefixHit), TypeCounter, "Prompt tokens that were found in the prefix cache."},
		{string(srvPrefixRatio), TypeGauge, "Share of prompt tokens found in the prefix cache over the last 5 minutes, or as the server states it."},
		{string(srvTTFT), TypeHistogram, "Time from a request's arrival at the server to its first token."},
		{string(srvTPOT), TypeHistogram, "Time between two tokens of a request."},
		{string(srvDuration), TypeHistogram, "Time from a request's arrival at the server to its end."},
		{string(srvPrefill), TypeHistogram, "Time spent on the prompt of a request."},
		{string(srvDecode), TypeHistogram, "Time spent on generating after the first token."},
		{string(srvPreemptions), TypeCounter, "Requests that were pushed out of the running batch for want of KV cache."},
		{string(srvRequests), TypeCounter, "Requests that have ended."},
		{string(srvPromptTokens), TypeCounter, "Prompt tokens that were processed."},
		{string(srvOutputTokens), TypeCounter, "Tokens that were generated."},
	}
}

func (v vocabulary) family() ServerFamily {
	all := ServerFamilies()
	return all[slices.IndexFunc(all, func(f ServerFamily) bool { return f.Name == string(v) })]
}

// targetLabelNames are those of a target that are worth keeping where a
// product's own labels are too many to list.
func targetLabelNames() []string {
	return []string{"job", "instance", labelService, "environment", "cluster", "namespace", "pod", "node", labelModel}
}

// PresetNames lists the presets of `model_servers`.
func PresetNames() []string {
	var out []string
	for _, p := range presets() {
		out = append(out, p.name)
	}
	return out
}

func presetByName(name string) (*preset, bool) {
	for _, p := range presets() {
		if p.name == name {
			return &p, true
		}
	}
	return nil, false
}

// presets is the table. The rules match by the metrics' names and not by job,
// so that they hold for targets of scrape_configs too.
func presets() []preset {
	return []preset{
		vllmPreset(), sglangPreset(), tgiPreset(), llamacppPreset(), ollamaPreset(), tritonPreset(), litellmPreset(), envoyPreset(),
		{name: "dcgm", port: 9400, path: "/metrics", doc: "dcgm-exporter; feeds the llm_gpu_* families"},
		{name: "nvidia_gpu_exporter", port: 9835, path: "/metrics", doc: "feeds the llm_gpu_* families"},
	}
}

func vllmPreset() preset {
	return preset{
		name: "vllm", port: 8000, path: "/metrics", model: "model_name",
		drop: []string{"model_name", "engine", "finished_reason", "is_output"},
		doc:  "on by default",
		maps: []mapping{
			{to: srvRunning, from: []string{"vllm:num_requests_running"}},
			{to: srvWaiting, from: []string{"vllm:num_requests_waiting"}},
			{to: srvQueueTime, from: []string{"vllm:request_queue_time_seconds", "vllm:time_in_queue_requests"}},
			{to: srvKVCache, from: []string{"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"}},
			{to: srvPrefixQuery, from: []string{"vllm:prefix_cache_queries_total", "vllm:prefix_cache_queries", "vllm:gpu_prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries"}},
			{to: srvPrefixHit, from: []string{"vllm:prefix_cache_hits_total", "vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits"}},
			{to: srvTTFT, from: []string{"vllm:time_to_first_token_seconds"}},
			{to: srvTPOT, from: []string{"vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"}},
			{to: srvDuration, from: []string{"vllm:e2e_request_latency_seconds"}},
			{to: srvPrefill, from: []string{"vllm:request_prefill_time_seconds"}},
			{to: srvDecode, from: []string{"vllm:request_decode_time_seconds"}},
			{to: srvPreemptions, from: []string{"vllm:num_preemptions_total", "vllm:num_preemptions"}},
			{to: srvRequests, from: []string{"vllm:request_success_total"}},
			{to: srvPromptTokens, from: []string{"vllm:prompt_tokens_total"}},
			{to: srvOutputTokens, from: []string{"vllm:generation_tokens_total"}},
		},
	}
}

func sglangPreset() preset {
	return preset{
		name: "sglang", port: 30000, path: "/metrics", model: "model_name",
		drop: []string{"model_name", "engine_type", "tp_rank", "pp_rank", "dp_rank", "moe_ep_rank", "pid", "cache_source"},
		doc:  "start it with --enable-metrics",
		maps: []mapping{
			{to: srvRunning, from: []string{"sglang:num_running_reqs"}},
			{to: srvWaiting, from: []string{"sglang:num_queue_reqs"}},
			{to: srvQueueTime, from: []string{"sglang:queue_time_seconds"}},
			{to: srvKVCache, from: []string{"sglang:token_usage"}},
			{to: srvPrefixHit, from: []string{"sglang:cached_tokens_total"}},
			{to: srvPrefixRatio, from: []string{"sglang:cache_hit_rate"}},
			{to: srvTTFT, from: []string{"sglang:time_to_first_token_seconds"}},
			{to: srvTPOT, from: []string{"sglang:inter_token_latency_seconds", "sglang:time_per_output_token_seconds"}},
			{to: srvDuration, from: []string{"sglang:e2e_request_latency_seconds"}},
			{to: srvRequests, from: []string{"sglang:num_requests_total"}},
			{to: srvPromptTokens, from: []string{"sglang:prompt_tokens_total"}},
			{to: srvOutputTokens, from: []string{"sglang:generation_tokens_total"}},
		},
	}
}

func tgiPreset() preset {
	return preset{
		name: "tgi", port: 80, path: "/metrics", drop: []string{"method", "err"}, doc: "on by default",
		maps: []mapping{
			{to: srvRunning, from: []string{"tgi_batch_current_size"}},
			{to: srvWaiting, from: []string{"tgi_queue_size"}},
			{to: srvQueueTime, from: []string{"tgi_request_queue_duration"}},
			{to: srvTPOT, from: []string{"tgi_request_mean_time_per_token_duration"}},
			{to: srvDuration, from: []string{"tgi_request_duration"}},
			{to: srvRequests, from: []string{"tgi_request_count"}},
			{to: srvPromptTokens, from: []string{"tgi_request_input_length_sum"}},
			{to: srvOutputTokens, from: []string{"tgi_request_generated_tokens_sum"}},
		},
	}
}

func llamacppPreset() preset {
	return preset{
		name: "llama.cpp", port: 8080, path: "/metrics", doc: "start llama-server with --metrics",
		maps: []mapping{
			{to: srvRunning, from: []string{"llamacpp:requests_processing"}},
			{to: srvWaiting, from: []string{"llamacpp:requests_deferred"}},
			{to: srvKVCache, from: []string{"llamacpp:kv_cache_usage_ratio"}},
			{to: srvPromptTokens, from: []string{"llamacpp:prompt_tokens_total"}},
			{to: srvOutputTokens, from: []string{"llamacpp:tokens_predicted_total"}},
		},
	}
}

func ollamaPreset() preset {
	return preset{
		name: "ollama", port: 8000, path: "/metrics", drop: []string{"endpoint"},
		doc: "Ollama itself has no metrics: scrape an exporter that sits before it (ollama-exporter, ollama-metrics)",
		maps: []mapping{
			{to: srvTPOT, from: []string{"ollama_time_per_token_seconds"}},
			{to: srvDuration, from: []string{"ollama_request_duration_seconds", "ollama_response_seconds"}},
			{to: srvRequests, from: []string{"ollama_requests_total"}},
			{to: srvPromptTokens, from: []string{"ollama_prompt_tokens_total", "ollama_tokens_processed_total"}},
			{to: srvOutputTokens, from: []string{"ollama_generated_tokens_total", "ollama_tokens_generated_total"}},
		},
	}
}

func tritonPreset() preset {
	return preset{
		name: "triton", port: 8002, path: "/metrics", drop: []string{"version", "request_type", "kv_cache_block_type"},
		doc: "on by default; the TensorRT-LLM backend adds the KV cache",
		maps: []mapping{
			{to: srvRunning, from: []string{"nv_trt_llm_request_metrics"}, selector: `request_type="scheduled"`},
			{to: srvWaiting, from: []string{"nv_inference_pending_request_count"}},
			{to: srvKVCache, from: []string{"nv_trt_llm_kv_cache_block_metrics"}, selector: `kv_cache_block_type="fraction"`},
			{to: srvQueueTime, from: []string{"nv_inference_queue_duration_us"}, factor: 1e-6, suffix: "_sum"},
			{to: srvQueueTime, from: []string{"nv_inference_request_success"}, suffix: "_count"},
			{to: srvDuration, from: []string{"nv_inference_request_duration_us"}, factor: 1e-6, suffix: "_sum"},
			{to: srvDuration, from: []string{"nv_inference_request_success"}, suffix: "_count"},
			{to: srvRequests, from: []string{"nv_inference_request_success"}},
		},
	}
}

func litellmPreset() preset {
	return preset{
		name: "litellm", port: 4000, path: "/metrics/", by: targetLabelNames(),
		doc: "set litellm_settings.callbacks: [prometheus]",
		maps: []mapping{
			{to: srvRunning, from: []string{"litellm_in_flight_requests"}},
			{to: srvTTFT, from: []string{"litellm_llm_api_time_to_first_token_metric"}},
			{to: srvDuration, from: []string{"litellm_request_total_latency_metric"}},
			{to: srvRequests, from: []string{"litellm_proxy_total_requests_metric_total"}},
			{to: srvPromptTokens, from: []string{"litellm_input_tokens_metric_total"}},
			{to: srvOutputTokens, from: []string{"litellm_output_tokens_metric_total"}},
		},
	}
}

// envoyPreset: the names are OpenTelemetry's, which any application may send;
// what only this gateway has is the label of the original model.
func envoyPreset() preset {
	const own = `gen_ai_original_model!=""`
	tokens := []string{"sender_gen_ai_client_token_usage_sum", "gen_ai_client_token_usage_sum", "gen_ai_client_token_usage_token_sum"}
	return preset{
		name: "envoy-ai-gateway", port: 1064, path: "/metrics", model: "gen_ai_request_model", by: targetLabelNames(),
		doc: "the metrics of its external processor",
		maps: []mapping{
			{to: srvTTFT, from: []string{"gen_ai_server_time_to_first_token_seconds"}, selector: own},
			{to: srvTPOT, from: []string{"gen_ai_server_time_per_output_token_seconds"}, selector: own},
			{to: srvDuration, from: []string{"gen_ai_server_request_duration_seconds"}, selector: own},
			{to: srvPromptTokens, from: tokens, selector: own + `,gen_ai_token_type="input"`},
			{to: srvOutputTokens, from: tokens, selector: own + `,gen_ai_token_type="output"`},
		},
		// It names its families as Pitot does those that it derives: a sum over
		// both would count twice.
		rename: [][2]string{{`gen_ai_client_token_usage(?:_token)?_(bucket|sum|count)`, senderPrefix + `gen_ai_client_token_usage_$1`}},
	}
}
