package semconv

import "slices"

// table is all that is known of attribute names: for each canonical field the
// attributes that it may come from, the best first. A convention's rename is a
// line here and nothing else.
func table() []row {
	return slices.Concat(identityRows(), outcomeRows(), usageRows(), timingRows(), contextRows(), paramRows(), contentRows(), samplingRows())
}

// identityRows say which model of which provider was asked for what.
func identityRows() []row {
	return []row{
		{field: fProvider, name: "provider", sources: slices.Concat(
			s(asText, "1.37", "gen_ai.provider.name"),
			s(asText, "old", "gen_ai.system"),
			s(asText, "openinference", "llm.provider", "llm.system"),
			s(asPrefix, "vercel_ai", "ai.model.provider"),
			s(asText, "mlflow", "mlflow.llm.provider"),
			s(asText, "langsmith", "langsmith.metadata.ls_provider"),
			s(asPrefix, "genkit", "genkit:name"),
		)},
		{field: fServerAddress, name: "server (provider by host)", sources: s(asHost, "1.28", "server.address", "net.peer.name")},
		{field: fAPIBase, name: "API base (provider by host)", sources: s(asHost, "openllmetry", "gen_ai.openai.api_base", "llm.openai.api_base", "openai.api_base")},
		{field: fRequestModel, name: "request model", sources: slices.Concat(
			s(asText, "1.27", "gen_ai.request.model"),
			s(asText, "old", "llm.request.model", "llm.request.model_name"),
			s(asText, "vercel_ai", "ai.model.id"),
			s(asText, "langfuse", "langfuse.observation.model.name"),
			s(asText, "openinference", "embedding.model_name", "reranker.model_name", "llm.model_name"),
			s(asText, "mlflow", "mlflow.llm.model"),
			s(asText, "langsmith", "langsmith.metadata.ls_model_name"),
			s(asText, "plain", "model"),
		)},
		{field: fResponseModel, name: "response model", sources: slices.Concat(
			s(asText, "1.27", "gen_ai.response.model"),
			s(asText, "old", "llm.response.model_name"),
			s(asText, "vercel_ai", "ai.response.model"),
			s(asText, "langfuse", "langfuse.observation.model.name"),
			s(asText, "openinference", "llm.model_name", "embedding.model_name", "reranker.model_name"),
			s(asText, "old", "llm.response.model"),
		)},
		{field: fResponseID, name: "response id", sources: slices.Concat(
			s(asText, "1.27", "gen_ai.response.id"),
			s(asText, "old", "llm.response.id"),
			s(asText, "vercel_ai", "ai.response.id"),
			s(asText, "claude_code", "request_id"),
		)},
		{field: fServiceTier, name: "service tier", sources: slices.Concat(
			s(asText, "1.37", "openai.response.service_tier"),
			s(asText, "old", "gen_ai.openai.response.service_tier"),
			s(asText, "pitot", "pitot.service_tier"),
		)},
		{field: fRegion, name: "region", sources: s(asText, "pitot", "pitot.region")},
		{field: fAPIType, name: "API (responses instead of chat)", sources: s(asText, "1.37", "openai.api.type")},
		{field: fUpstream, name: "upstream", sources: s(asText, "pitot", "pitot.upstream")},
		{field: fStream, name: "stream", sources: slices.Concat(
			s(asFlag, "1.41", "gen_ai.request.stream"),
			s(asFlag, "openllmetry", "gen_ai.is_streaming", "llm.is_streaming", "gen_ai.request.is_stream"),
			s(asFlag, "nexent", "is_streaming"),
		)},
	}
}

// outcomeRows say how it ended.
func outcomeRows() []row {
	return []row{
		{field: fHTTPStatus, name: "HTTP status", sources: slices.Concat(
			s(asCount, "1.28", "http.response.status_code"),
			s(asCount, "old", "http.status_code"),
			s(asCount, "plain", "status_code"),
		)},
		{field: fErrorType, name: "error type", sources: slices.Concat(
			s(asText, "1.28", "error.type"),
			s(asText, "old", "error_type", "exception.type"),
		)},
		{field: fErrorMessage, name: "error message", sources: slices.Concat(
			s(asText, "1.28", "error.message"),
			s(asText, "old", "error_message", "exception.message"),
			s(asText, "langfuse", "langfuse.observation.status_message"),
			s(asText, "gemini_cli", "error"),
		)},
		{field: fLevel, name: "level (ERROR: failed)", sources: s(asText, "langfuse", "langfuse.observation.level")},
		{field: fFinishReasons, name: "finish reasons", sources: slices.Concat(
			s(asList, "1.27", "gen_ai.response.finish_reasons"),
			s(asList, "openinference", "llm.finish_reason"),
			s(asList, "old", "gen_ai.response.finish_reason", "llm.response.finish_reason", "gen_ai.response.stop_reason", "llm.response.stop_reason"),
			s(asList, "vercel_ai", "ai.response.finishReason"),
			s(asList, "claude_code", "stop_reason"),
			s(asList, "gemini_cli", "finish_reasons"),
		)},
		{field: fNotes, name: "remarks on the record", sources: s(asList, "pitot", "pitot.notes")},
		{field: fTruncated, name: "what was cut", sources: s(asList, "pitot", "pitot.truncated")},
	}
}

// timingRows say when the first token came and where the time went.
func timingRows() []row {
	return []row{
		{field: fTTFT, name: "time to first token", sources: slices.Concat(
			s(asSeconds, "1.41", "gen_ai.response.time_to_first_chunk"),
			s(asSeconds, "1.41", "gen_ai.client.operation.time_to_first_chunk", "gen_ai.client.inference.time_to_first_chunk"),
			s(asSeconds, "sentry", "gen_ai.response.time_to_first_token"),
			s(asSeconds, "1.28", "gen_ai.server.time_to_first_token"),
			s(asSeconds, "vllm", "gen_ai.latency.time_to_first_token"),
			s(asMillis, "vercel_ai", "ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"),
			s(asSeconds, "nexent", "llm.time_to_first_token", "llm.ttft"),
			s(asMillis, "claude_code", "ttft_ms"),
		)},
		{field: fFirstTokenAt, name: "time of the first token", sources: s(asMoment, "langfuse", "langfuse.observation.completion_start_time")},
		// It leaves the attributes as content does: it may be long, and says nothing to a reader.
		{field: fTimeline, name: "timeline (arrival of each chunk)", content: true, sources: s(asText, "pitot", "pitot.timeline")},
		{field: fChunks, name: "chunks of the stream", sources: s(asCount, "pitot", "pitot.chunks")},
		{field: fGatewayOverhead, name: "gateway overhead", sources: s(asSeconds, "pitot", "pitot.gateway_overhead_seconds")},
		{field: fPhaseConnect, name: "connect time", sources: s(asSeconds, "pitot", "pitot.phases.connect_seconds")},
		{field: fPhaseHeaders, name: "time to headers", sources: s(asSeconds, "pitot", "pitot.phases.headers_seconds")},
		{field: fPhaseQueue, name: "queue time", sources: slices.Concat(
			s(asSeconds, "vllm", "gen_ai.latency.time_in_queue"),
			s(asSeconds, "pitot", "pitot.phases.queue_seconds"),
		)},
		{field: fPhaseLoad, name: "load time", sources: s(asSeconds, "pitot", "pitot.phases.load_seconds")},
		{field: fPhasePrefill, name: "prefill time", sources: slices.Concat(
			s(asSeconds, "vllm", "gen_ai.latency.time_in_model_prefill"),
			s(asSeconds, "pitot", "pitot.phases.prefill_seconds"),
		)},
		{field: fPhaseDecode, name: "decode time", sources: slices.Concat(
			s(asSeconds, "vllm", "gen_ai.latency.time_in_model_decode"),
			s(asSeconds, "pitot", "pitot.phases.decode_seconds"),
		)},
		{field: fPhaseServer, name: "server time", sources: slices.Concat(
			s(asSeconds, "vllm", "gen_ai.latency.e2e"),
			s(asSeconds, "pitot", "pitot.phases.server_seconds"),
		)},
	}
}

// contextRows say for whom and what for.
func contextRows() []row {
	return []row{
		{field: fUser, name: "user", sources: slices.Concat(
			s(asText, "langfuse", "langfuse.user.id", "langfuse.trace.user_id"),
			s(asText, "claude_code", "user.account_uuid"),
			s(asText, "codex_cli", "user.account_id"),
			s(asText, "1.28", "user.id", "enduser.id"),
			s(asText, "openllmetry", "gen_ai.user", "llm.user", "gen_ai.request.user"),
			s(asText, "openai", "gen_ai.openai.request.user"),
			s(asText, "vercel_ai", "ai.telemetry.metadata.userId", "ai.telemetry.metadata.user_id"),
			s(asText, "openllmetry", "traceloop.association.properties.user_id", "traceloop.association.properties.userId"),
			s(asText, "mlflow", "mlflow.trace.user"),
			s(asText, "litellm", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id"),
			s(asText, "langsmith", "langsmith.metadata.user_id"),
			s(asText, "nexent", "resolved_user_id"),
			s(asText, "gemini_cli", "user.email"),
		)},
		{field: fSession, name: "session", sources: slices.Concat(
			s(asText, "1.28", "gen_ai.conversation.id"),
			s(asText, "langfuse", "langfuse.session.id"),
			s(asText, "1.28", "session.id"),
			s(asText, "vercel_ai", "ai.telemetry.metadata.sessionId", "ai.telemetry.metadata.conversationId", "ai.telemetry.metadata.session_id"),
			s(asText, "openllmetry", "traceloop.association.properties.session_id", "traceloop.association.properties.chat_id",
				"traceloop.association.properties.thread_id", "traceloop.association.properties.conversation_id"),
			s(asText, "mlflow", "mlflow.trace.session"),
			s(asText, "langsmith", "langsmith.trace.session_id", "langsmith.metadata.session_id", "langsmith.metadata.thread_id"),
			s(asText, "nexent", "conversation.id", "conversation_id"),
		)},
		{field: fFeature, name: "feature", sources: slices.Concat(
			s(asText, "pitot", "pitot.feature"),
			s(asText, "vercel_ai", "ai.telemetry.functionId"),
			s(asText, "openllmetry", "traceloop.association.properties.feature"),
		)},
		{field: fAgent, name: "agent", sources: slices.Concat(
			s(asText, "1.31", "gen_ai.agent.name"),
			s(asText, "openinference", "agent.name", "agent_name"),
		)},
		{field: fWorkflow, name: "workflow", sources: slices.Concat(
			s(asText, "1.41", "gen_ai.workflow.name"),
			s(asText, "openllmetry", "traceloop.workflow.name"),
		)},
		{field: fEntity, name: "entity (decorated function)", sources: s(asText, "openllmetry", "traceloop.entity.name")},
		{field: fTool, name: "tool", sources: slices.Concat(
			s(asText, "1.31", "gen_ai.tool.name"),
			s(asText, "openinference", "tool.name"),
			s(asText, "vercel_ai", "ai.toolCall.name"),
			s(asText, "mcp", "mcp.tool.name"),
			s(asText, "nexent", "agent.tool.name", "retriever.name"),
			s(asText, "claude_code", "tool_name"),
		)},
		{field: fPromptName, name: "prompt name", sources: slices.Concat(
			s(asText, "main", "gen_ai.prompt.name"),
			s(asText, "langfuse", "langfuse.observation.prompt.name"),
			s(asText, "openllmetry", "traceloop.prompt.key"),
			s(asText, "vercel_ai", "ai.telemetry.metadata.promptName"),
		)},
		{field: fPromptVersion, name: "prompt version", sources: slices.Concat(
			s(asText, "main", "gen_ai.prompt.version"),
			s(asText, "langfuse", "langfuse.observation.prompt.version"),
			s(asText, "openllmetry", "traceloop.prompt.version"),
			s(asText, "openinference", "llm.prompt_template.version"),
		)},
		{field: fEnvironment, name: "environment", sources: slices.Concat(
			s(asText, "langfuse", "langfuse.environment"),
			s(asText, "1.27", "deployment.environment.name"),
			s(asText, "old", "deployment.environment"),
		)},
		{field: fTagList, name: "tags", sources: slices.Concat(
			s(asList, "langfuse", "langfuse.trace.tags"),
			s(asList, "openinference", "tag.tags"),
			s(asList, "langsmith", "langsmith.span.tags"),
		)},
		{field: fTagJSON, name: "metadata", sources: slices.Concat(
			s(asAny, "langfuse", "langfuse.trace.metadata", "langfuse.observation.metadata"),
			s(asAny, "openinference", "metadata"),
		)},
	}
}

// samplingRows say which share of the calls the sender recorded.
func samplingRows() []row {
	return []row{
		{field: fWeightRatio, name: "sampling probability", sources: s(asAmount, "plain", "sampling.probability", "pitot.sampling.probability")},
		{field: fWeightCount, name: "sample rate (one in N)", sources: s(asAmount, "honeycomb", "SampleRate", "sampleRate")},
		{field: fSamplerType, name: "Jaeger sampler", sources: s(asText, "jaeger", "sampler.type")},
		{field: fSamplerParam, name: "Jaeger sampler's parameter", sources: s(asAmount, "jaeger", "sampler.param")},
	}
}
