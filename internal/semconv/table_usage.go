package semconv

import "slices"

// usageRows say what a call consumed.
//
// gen_ai.usage.details.input_tokens and .output_tokens are left out on purpose:
// old pydantic-ai repeats the first-class counts there.
func usageRows() []row {
	return slices.Concat(totalRows(), partRows(), costRows())
}

func totalRows() []row {
	return []row{
		{field: fInputTokens, name: "input tokens", sources: slices.Concat(
			s(asCount, "1.28", "gen_ai.usage.input_tokens"),
			s(asCount, "old", "gen_ai.usage.prompt_tokens"),
			s(asCount, "openinference", "llm.token_count.prompt"),
			s(asCount, "vercel_ai", "ai.usage.inputTokens", "ai.usage.promptTokens"),
			s(asCount, "openllmetry", "llm.usage.prompt_tokens"),
			s(asCount, "nexent", "llm.input_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.aggregated_usage.input_tokens"),
			s(asCount, "plain", "input_tokens", "prompt_tokens"),
			s(asCount, "codex_cli", "input_token_count"), // and gemini_cli
		)},
		{field: fOutputTokens, name: "output tokens", sources: slices.Concat(
			s(asCount, "1.28", "gen_ai.usage.output_tokens"),
			s(asCount, "old", "gen_ai.usage.completion_tokens"),
			s(asCount, "openinference", "llm.token_count.completion"),
			s(asCount, "vercel_ai", "ai.usage.outputTokens", "ai.usage.completionTokens"),
			s(asCount, "openllmetry", "llm.usage.completion_tokens"),
			s(asCount, "nexent", "llm.output_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.aggregated_usage.output_tokens"),
			s(asCount, "plain", "output_tokens", "completion_tokens"),
			s(asCount, "codex_cli", "output_token_count"), // and gemini_cli
		)},
		{field: fTotalTokens, name: "total tokens", sources: slices.Concat(
			s(asCount, "openllmetry", "gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
			s(asCount, "openinference", "llm.token_count.total"),
			s(asCount, "vercel_ai", "ai.usage.totalTokens", "ai.usage.tokens"),
			s(asCount, "nexent", "llm.total_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.aggregated_usage.total_tokens"),
		)},
		{field: fUsageJSON, name: "usage (JSON)", sources: slices.Concat(
			s(asAny, "langfuse", "langfuse.observation.usage_details"),
			s(asAny, "mlflow", "mlflow.chat.tokenUsage"),
			s(asAny, "nexent", "llm.usage_details"),
			s(asAny, "litellm", "metadata.usage_object"),
			s(asAny, "genkit", "genkit:output"),
		)},
		{field: fUsageSource, name: "usage's source", sources: s(asText, "pitot", "pitot.usage.source")},
		{field: fProviderMetadata, name: "provider metadata (JSON)", sources: s(asAny, "vercel_ai", "ai.response.providerMetadata")},
	}
}

func partRows() []row {
	return []row{
		{field: fCacheRead, name: "cache read tokens", sources: slices.Concat(
			s(asCount, "1.40", "gen_ai.usage.cache_read.input_tokens"),
			s(asCount, "openllmetry", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_read_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cache_read_input_tokens",
				"gen_ai.aggregated_usage.cache_read.input_tokens"),
			s(asCount, "litellm", "gen_ai.usage.prompt_tokens_details.cached_tokens"),
			s(asCount, "openinference", "llm.token_count.prompt_details.cache_read"),
			s(asCount, "vercel_ai", "ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
			s(asCount, "sentry", "gen_ai.usage.input_tokens.cached"),
			s(asCount, "nexent", "llm.prompt_cache.cached_input_tokens"),
			s(asCount, "claude_code", "cache_read_tokens"),
			s(asCount, "codex_cli", "cached_token_count"),
			s(asCount, "gemini_cli", "cached_content_token_count"),
		)},
		{field: fCacheWrite, name: "cache write tokens", sources: slices.Concat(
			s(asCount, "main", "gen_ai.usage.cache_write.input_tokens"),
			s(asCount, "1.40", "gen_ai.usage.cache_creation.input_tokens"),
			s(asCount, "openllmetry", "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.usage.details.cache_write_tokens", "gen_ai.usage.details.cache_creation_input_tokens",
				"gen_ai.aggregated_usage.cache_creation.input_tokens"),
			s(asCount, "litellm", "gen_ai.usage.prompt_tokens_details.cache_creation_tokens"),
			s(asCount, "openinference", "llm.token_count.prompt_details.cache_write"),
			s(asCount, "vercel_ai", "ai.usage.inputTokenDetails.cacheWriteTokens"),
			s(asCount, "sentry", "gen_ai.usage.input_tokens.cache_write"),
			s(asCount, "claude_code", "cache_creation_tokens"),
		)},
		{field: fCacheWrite5m, name: "cache write tokens, 5 minutes", sources: s(asCount, "pitot", "pitot.usage.cache_write_5m_tokens")},
		{field: fCacheWrite1h, name: "cache write tokens, 1 hour", sources: s(asCount, "pitot", "pitot.usage.cache_write_1h_tokens")},
		{field: fReasoning, name: "reasoning tokens", sources: slices.Concat(
			s(asCount, "1.41", "gen_ai.usage.reasoning.output_tokens"),
			s(asCount, "openllmetry", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens"),
			s(asCount, "litellm", "gen_ai.usage.completion_tokens_details.reasoning_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.usage.details.reasoning_tokens"),
			s(asCount, "openinference", "llm.token_count.completion_details.reasoning"),
			s(asCount, "vercel_ai", "ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
			s(asCount, "sentry", "gen_ai.usage.output_tokens.reasoning"),
			s(asCount, "codex_cli", "codex.usage.reasoning_output_tokens", "reasoning_token_count"),
		)},
		{field: fInputAudio, name: "input audio tokens", sources: slices.Concat(
			s(asCount, "main", "gen_ai.usage.audio.input_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.usage.details.input_audio_tokens"),
			s(asCount, "openinference", "llm.token_count.prompt_details.audio"),
		)},
		{field: fInputImage, name: "input image tokens", sources: slices.Concat(
			s(asCount, "main", "gen_ai.usage.image.input_tokens"),
			s(asCount, "openinference", "llm.token_count.prompt_details.image"),
		)},
		{field: fInputVideo, name: "input video tokens", sources: s(asCount, "pitot", "pitot.usage.input_video_tokens")},
		{field: fOutputAudio, name: "output audio tokens", sources: slices.Concat(
			s(asCount, "main", "gen_ai.usage.audio.output_tokens"),
			s(asCount, "pydantic_ai", "gen_ai.usage.details.output_audio_tokens"),
			s(asCount, "openinference", "llm.token_count.completion_details.audio"),
		)},
		{field: fOutputImage, name: "output image tokens", sources: slices.Concat(
			s(asCount, "main", "gen_ai.usage.image.output_tokens"),
			s(asCount, "openinference", "llm.token_count.completion_details.image"),
		)},
		{field: fCacheReadAudio, name: "cache read audio tokens", sources: s(asCount, "main", "gen_ai.usage.audio.cache_read.input_tokens")},
		{field: fImages, name: "images", sources: s(asCount, "pitot", "pitot.usage.images")},
		{field: fAudioSeconds, name: "seconds of audio", sources: s(asAmount, "pitot", "pitot.usage.audio_seconds")},
		{field: fCharacters, name: "characters spoken", sources: s(asCount, "pitot", "pitot.usage.characters")},
		{field: fSearches, name: "searches", sources: s(asCount, "pitot", "pitot.usage.searches")},
	}
}

func costRows() []row {
	return []row{
		{field: fCostJSON, name: "cost (JSON)", sources: s(asAny, "langfuse", "langfuse.observation.cost_details")},
		{field: fCost, name: "cost (US dollars)", sources: slices.Concat(
			s(asAmount, "proposed", "gen_ai.usage.cost.amount"),
			s(asAmount, "openlit", "gen_ai.usage.cost"),
			s(asAmount, "litellm", "gen_ai.cost.total_cost"),
			s(asAmount, "openinference", "llm.cost.total"),
			s(asAmount, "pydantic_ai", "operation.cost"),
			s(asAmount, "sentry", "gen_ai.usage.total_cost"),
			s(asAmount, "claude_code", "cost_usd"),
		)},
		{field: fCostCurrency, name: "cost's currency", sources: s(asText, "proposed", "gen_ai.usage.cost.currency")},
		{field: fCostState, name: "cost's state", sources: s(asText, "pitot", "pitot.cost.state")},
	}
}
