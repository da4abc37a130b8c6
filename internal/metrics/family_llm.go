package metrics

// The bucket bounds of the llm_* histograms.
var (
	// durationBuckets covers the union of what dashboards in the field ask for:
	// thresholds of 0.5, 1, 2, 5, 10 and 30 s fall on a bound, so that alerts on
	// them are exact.
	durationBuckets = []float64{0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 30, 60, 120, 300}
	// ttftBuckets are the convention's for the server's time to first token and
	// two more: reasoning models think for longer than 10 s.
	ttftBuckets = []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30}
	// perTokenBuckets are the convention's for the time per output token.
	perTokenBuckets = []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5}
	// rateBuckets has bounds on 5 and 10 tokens/s, the two levels at which
	// generation is called slow.
	rateBuckets = []float64{1, 2.5, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000}
	// costBuckets spans an embedding of a sentence to a long agent context.
	costBuckets = []float64{0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}
	// scoreBuckets are tenths.
	scoreBuckets = []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}
)

func addCallFamilies(t *[familyCount]Family) {
	t[famRequests] = Family{
		Name: "llm_requests_total", Type: TypeCounter, Labels: callLabels("status"),
		Help: "Calls of models that have ended, by outcome: status is success or error.",
	}
	t[famErrors] = Family{
		Name: "llm_errors_total", Type: TypeCounter, Labels: callLabels(labelErrorType),
		Help: "Calls that failed, by the provider's type of error.",
	}
	t[famStreams] = Family{
		Name: "llm_streams_total", Type: TypeCounter, Labels: callLabels("status"),
		Help: "Streamed Calls that have ended, by outcome: success, error, cut (it ended without its last event and without an error) or client_gone.",
	}
	t[famActive] = Family{
		Name: "llm_active_requests", Type: TypeGauge, Labels: callLabels(),
		Help: "Calls that have started and not ended.",
	}
	t[famDuration] = Family{
		Name: "llm_request_duration_seconds", Type: TypeHistogram, Unit: "seconds", Labels: callLabels(), Buckets: durationBuckets, Native: true,
		Help: "Time from the start of a Call to its last byte, failed Calls included.",
	}
	t[famTTFT] = Family{
		Name: "llm_time_to_first_token_seconds", Type: TypeHistogram, Unit: "seconds", Labels: callLabels(), Buckets: ttftBuckets, Native: true,
		Help: "Time from the start of a streamed Call to its first chunk with text, reasoning or a tool call.",
	}
	t[famTPOT] = Family{
		Name: "llm_time_per_output_token_seconds", Type: TypeHistogram, Unit: "seconds", Labels: callLabels(), Buckets: perTokenBuckets, Native: true,
		Help: "Time per output token after the first: (duration - time to first token) / (output tokens - 1). Successful streams only.",
	}
	t[famITL] = Family{
		Name: "llm_inter_token_latency_seconds", Type: TypeHistogram, Unit: "seconds", Labels: callLabels(), Buckets: perTokenBuckets, Native: true,
		Help: "Time between two chunks with content of one stream: one observation a chunk after the first. Its tail shows stalls.",
	}
	t[famTokensPerSecond] = Family{
		Name: "llm_tokens_per_second", Type: TypeHistogram, Labels: callLabels(), Buckets: rateBuckets,
		Help: "Speed of generation as the reader sees it: output tokens over the time after the first token for streams, over the whole duration otherwise.",
	}
	t[famGenerationRate] = Family{
		Name: "llm_token_generation_rate", Type: TypeHistogram, Labels: callLabels(), Buckets: rateBuckets,
		Help: "Output tokens over the whole duration of the Call, the wait for the first token included, in tokens per second.",
	}
	t[famTokens] = Family{
		Name: "llm_tokens_total", Type: TypeCounter, Unit: "tokens", Labels: callLabels("type"),
		Help: "Tokens consumed. Only type=input and type=output add up: cache_read and cache_write are parts of input, reasoning is a part of output.",
	}
	t[famCost] = Family{
		Name: "llm_cost_usd_total", Type: TypeCounter, Unit: "US dollars", Labels: callLabels("state"),
		Help: "Cost of Calls, by how far it can be trusted: reported by the provider, computed from reported usage, or estimated. Calls without a price are in llm_unpriced_requests_total.",
	}
	t[famCostPerRequest] = Family{
		Name: "llm_token_cost_per_request", Type: TypeHistogram, Unit: "US dollars", Labels: callLabels(), Buckets: costBuckets,
		Help: "Cost of one Call.",
	}
	t[famUnpriced] = Family{
		Name: "llm_unpriced_requests_total", Type: TypeCounter, Labels: callLabels("reason"),
		Help: "Calls whose cost is unknown, by reason: they are missing from llm_cost_usd_total.",
	}
	t[famQuality] = Family{
		Name: "llm_response_quality_score", Type: TypeHistogram, Labels: callLabels(labelEvaluator), Buckets: scoreBuckets,
		Help: "Scores of answers on a scale of 0 to 1, by the user or evaluator that gave them.",
	}
	t[famFeedback] = Family{
		Name: "llm_feedback_total", Type: TypeCounter, Labels: callLabels(labelEvaluator, labelFeedback),
		Help: "Judgements of answers, by who gave them and by their label where they have one.",
	}
}
