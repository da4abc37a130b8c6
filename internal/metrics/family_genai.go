package metrics

// The bucket bounds that OpenTelemetry's GenAI convention prescribes.
var (
	genAITokenBuckets = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
	genAITimeBuckets  = []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
)

func addGenAIFamilies(t *[familyCount]Family) {
	t[famGenAITokenUsage] = Family{
		Name: "gen_ai_client_token_usage", Type: TypeHistogram, Unit: "tokens", Labels: genAILabels(labelGenAITokenType), Buckets: genAITokenBuckets,
		Help: "Input and output tokens of one Call (OpenTelemetry gen_ai.client.token.usage). Absent where the usage is unknown.",
	}
	t[famGenAIDuration] = Family{
		Name: "gen_ai_client_operation_duration_seconds", Type: TypeHistogram, Unit: "seconds", Labels: genAILabels(labelErrorType), Buckets: genAITimeBuckets,
		Help: "Duration of one Call (OpenTelemetry gen_ai.client.operation.duration). error_type is empty where it succeeded.",
	}
	t[famGenAITimeToFirstChunk] = Family{
		Name: "gen_ai_client_operation_time_to_first_chunk_seconds", Type: TypeHistogram, Unit: "seconds", Labels: genAILabels(), Buckets: genAITimeBuckets,
		Help: "Time to the first chunk of a stream (OpenTelemetry gen_ai.client.operation.time_to_first_chunk).",
	}
	t[famGenAITimePerOutputChunk] = Family{
		Name: "gen_ai_client_operation_time_per_output_chunk_seconds", Type: TypeHistogram, Unit: "seconds", Labels: genAILabels(), Buckets: genAITimeBuckets,
		Help: "Time between two output chunks of a stream (OpenTelemetry gen_ai.client.operation.time_per_output_chunk). Chunks without content are not output.",
	}
}
