package semconv

import "slices"

// Sources that are no single attribute: they hold a place in the order of the
// table. Their names are what the reference shows.
const (
	pseudoFlatInput   = "llm.input_messages.N.*, gen_ai.prompt.N.*, llm.prompts.N.*, embedding.embeddings.N.embedding.text"
	pseudoFlatOutput  = "llm.output_messages.N.*, gen_ai.completion.N.*, llm.choices.N.*"
	pseudoEventInput  = "events gen_ai.{system,user,assistant,tool}.message, gen_ai.content.prompt, gen_ai.client.inference.operation.details"
	pseudoEventOutput = "events gen_ai.choice, gen_ai.content.completion, gen_ai.client.inference.operation.details"
	pseudoFlatTools   = "llm.tools.N.tool.json_schema, llm.request.functions.N.*"
)

// contentRows say what went in and what came out. All of it leaves the
// attributes.
func contentRows() []row {
	rows := []row{
		{field: fInput, name: "input", sources: slices.Concat(
			s(asAny, "langfuse", "langfuse.observation.input"),
			s(asAny, "1.37", "gen_ai.input.messages"),
			s(asAny, "sentry", "gen_ai.request.messages"),
			s(asAny, "vercel_ai", "ai.prompt.messages", "ai.prompt", "ai.values", "ai.value"),
			s(asAny, "flattened", pseudoFlatInput),
			s(asAny, "1.26", pseudoEventInput),
			s(asAny, "old", "gen_ai.prompt"),
			s(asAny, "pydantic_ai", "pydantic_ai.all_messages", "all_messages_events"),
			s(asAny, "genkit", "genkit:input"),
			s(asAny, "google_adk", "gcp.vertex.agent.llm_request"),
			s(asAny, "openllmetry", "traceloop.entity.input"),
			s(asAny, "mlflow", "mlflow.spanInputs"),
			s(asAny, "openinference", "input.value"),
			s(asAny, "langfuse", "langfuse.trace.input"),
			s(asAny, "claude_code", "user_prompt"),
		)},
		{field: fSystem, name: "system instructions", sources: slices.Concat(
			s(asAny, "1.37", "gen_ai.system_instructions"),
		)},
		{field: fOutput, name: "output", sources: slices.Concat(
			s(asAny, "langfuse", "langfuse.observation.output"),
			s(asAny, "1.37", "gen_ai.output.messages"),
			s(asAny, "vercel_ai", "ai.response.text", "ai.response.object", "ai.result.text", "ai.result.object"),
			s(asAny, "sentry", "gen_ai.response.text"),
			s(asAny, "flattened", pseudoFlatOutput),
			s(asAny, "1.26", pseudoEventOutput),
			s(asAny, "old", "gen_ai.completion"),
			s(asAny, "pydantic_ai", "final_result"),
			s(asAny, "genkit", "genkit:output"),
			s(asAny, "google_adk", "gcp.vertex.agent.llm_response"),
			s(asAny, "openllmetry", "traceloop.entity.output"),
			s(asAny, "mlflow", "mlflow.spanOutputs"),
			s(asAny, "openinference", "output.value"),
			s(asAny, "langfuse", "langfuse.trace.output"),
			s(asAny, "claude_code", "response.model_output"),
			s(asAny, "gemini_cli", "response_text"),
		)},
		{field: fOutputCalls, name: "tool calls of the output", sources: slices.Concat(
			s(asAny, "vercel_ai", "ai.response.toolCalls", "ai.result.toolCalls"),
			s(asAny, "sentry", "gen_ai.response.tool_calls"),
		)},
		{field: fTools, name: "tool definitions", sources: slices.Concat(
			s(asAny, "1.38", "gen_ai.tool.definitions"),
			s(asAny, "vercel_ai", "ai.prompt.tools"),
			s(asAny, "flattened", pseudoFlatTools),
			s(asAny, "mlflow", "mlflow.chat.tools"),
			s(asAny, "sentry", "gen_ai.request.available_tools"),
		)},
		{field: fToolArguments, name: "arguments of a tool", sources: slices.Concat(
			s(asAny, "1.38", "gen_ai.tool.call.arguments"),
			s(asAny, "vercel_ai", "ai.toolCall.args", "ai.toolCall.input"),
			s(asAny, "openinference", "tool.parameters"),
			s(asAny, "pydantic_ai", "tool_arguments"),
			s(asAny, "sentry", "gen_ai.tool.input"),
			s(asAny, "google_adk", "gcp.vertex.agent.tool_call_args"),
			s(asAny, "nexent", "agent.tool.input", "retriever.input"),
			s(asAny, "claude_code", "tool_input"),
		)},
		{field: fToolResult, name: "result of a tool", sources: slices.Concat(
			s(asAny, "1.38", "gen_ai.tool.call.result"),
			s(asAny, "vercel_ai", "ai.toolCall.result", "ai.toolCall.output"),
			s(asAny, "pydantic_ai", "tool_response"),
			s(asAny, "sentry", "gen_ai.tool.output"),
			s(asAny, "google_adk", "gcp.vertex.agent.tool_response"),
			s(asAny, "nexent", "agent.tool.output", "retriever.output"),
		)},
		{field: fQuery, name: "query of a retrieval", sources: slices.Concat(
			s(asAny, "main", "gen_ai.retrieval.query.text"),
			s(asAny, "openinference", "reranker.query"),
			s(asAny, "nexent", "retrieval.query"),
		)},
		{field: fVectors, name: "vectors (dropped)", sources: s(asAny, "vercel_ai", "ai.embedding", "ai.embeddings")},
	}
	for i := range rows {
		rows[i].content = true
	}
	return rows
}

// paramRows say with which settings.
func paramRows() []row {
	return []row{
		{field: fParams, name: "request settings (JSON)", sources: slices.Concat(
			s(asAny, "openinference", "llm.invocation_parameters", "embedding.invocation_parameters"),
			s(asAny, "langfuse", "langfuse.observation.model.parameters"),
		)},
		{field: fOperation, name: "operation or role", sources: slices.Concat(
			s(asText, "1.27", "gen_ai.operation.name"),
			s(asText, "langfuse", "langfuse.observation.type"),
			s(asText, "openinference", "openinference.span.kind"),
			s(asText, "openllmetry", "traceloop.span.kind", "llm.request.type"),
			s(asText, "vercel_ai", "ai.operationId", "operation.name"),
			s(asText, "genkit", "genkit:metadata:subtype", "genkit:type"),
			s(asText, "mlflow", "mlflow.spanType"),
			s(asText, "langsmith", "langsmith.span.kind"),
			s(asText, "claude_code", "span.type"),
			s(asText, "sentry", "sentry.op"),
			s(asText, "nexent", "llm.operation.name", "llm.operation"),
			s(asText, "pitot", "pitot.span_kind"),
		)},
	}
}

// prefixes are the families of attributes whose names end in something
// variable, and what the beginning of a name tells of its sender. The longest
// one that fits counts.
func prefixes() []prefix {
	return []prefix{
		{key: "llm.input_messages.", group: gInput, content: true, since: "openinference", doc: "input messages"},
		{key: "llm.output_messages.", group: gOutput, content: true, since: "openinference", doc: "output messages"},
		{key: "gen_ai.prompt.", group: gInput, content: true, since: "openllmetry", doc: "input messages (a number follows)"},
		{key: "gen_ai.completion.", group: gOutput, content: true, since: "openllmetry", doc: "output messages"},
		{key: "llm.prompts.", group: gInput, content: true, since: "openinference", doc: "input texts"},
		{key: "llm.choices.", group: gOutput, content: true, since: "openinference", doc: "output texts"},
		{key: "embedding.embeddings.", group: gTexts, content: true, since: "openinference", doc: "input texts; vectors are dropped"},
		{key: "llm.tools.", group: gTools, content: true, since: "openinference", doc: "tool definitions"},
		{key: "llm.request.functions.", group: gTools, content: true, since: "openllmetry", doc: "tool definitions"},
		{key: "retrieval.documents.", group: gDocuments, content: true, since: "openinference", doc: "documents found"},
		{key: "reranker.input_documents.", group: gDocuments, content: true, since: "openinference", doc: "documents to rank"},
		{key: "reranker.output_documents.", group: gDocuments, content: true, since: "openinference", doc: "documents as ranked"},

		{key: "gen_ai.request.", group: gParams, since: "otel_genai", doc: "request settings"},
		{key: "ai.settings.", group: gParams, since: "vercel_ai", doc: "request settings"},
		{key: "llm.param.", group: gParams, since: "nexent", doc: "request settings"},
		{key: "llm.", group: gParams, doc: "request settings, of known names"},
		{key: "pitot.param.", group: gParams, since: "pitot", doc: "request settings"},

		{key: "traceloop.association.properties.", group: gTags, since: "openllmetry", doc: "tags"},
		{key: "ai.telemetry.metadata.", group: gTags, since: "vercel_ai", doc: "tags"},
		{key: "langfuse.trace.metadata.", group: gTags, since: "langfuse", doc: "tags"},
		{key: "langfuse.observation.metadata.", group: gTags, since: "langfuse", doc: "tags"},
		{key: "langsmith.metadata.", group: gTags, since: "langsmith", doc: "tags"},
		{key: "pitot.tag.", group: gTags, since: "pitot", doc: "tags"},

		{key: "langfuse.", since: "langfuse"},
		{key: "openinference.", since: "openinference"},
		{key: "llm.token_count.", since: "openinference"},
		{key: "llm.model_name", since: "openinference"},
		{key: "traceloop.", since: "openllmetry"},
		{key: "llm.request.type", since: "openllmetry"},
		{key: "llm.usage.", since: "openllmetry"},
		{key: "gen_ai.is_streaming", since: "openllmetry"},
		{key: "gen_ai.openai.api_base", since: "openllmetry"},
		{key: "ai.operationId", since: "vercel_ai"},
		{key: "ai.model.", since: "vercel_ai"},
		{key: "ai.toolCall.", since: "vercel_ai"},
		{key: "pydantic_ai.", since: "pydantic_ai"},
		{key: "logfire.", since: "pydantic_ai"},
		{key: "gen_ai.aggregated_usage.", since: "pydantic_ai"},
		{key: "mlflow.", since: "mlflow"},
		{key: "langsmith.", since: "langsmith"},
		{key: "genkit:", since: "genkit"},
		{key: "sentry.", since: "sentry"},
		{key: "llm.ttft", since: "nexent"},
		{key: "llm.input_tokens", since: "nexent"},
		{key: "llm.generation_rate", since: "nexent"},
		{key: "codex.", since: "codex_cli"},
		{key: "gen_ai.", since: "otel_genai"},
	}
}
