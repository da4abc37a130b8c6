package doctor

import (
	"fmt"
	"maps"
	"strings"
)

// The settings here were looked up in the instrumentations' own documentation
// and sources; each name is spelled as it stands there.

// dialects is what is known of each instrumentation, by llm.Call's Dialect.
func dialects() map[string]knowledge {
	return map[string]knowledge{
		"otel_genai":       otelGenAI(),
		"openllmetry":      openLLMetry("OpenLLMetry"),
		"traceloop":        openLLMetry("Traceloop SDK"),
		"openinference":    openInference(),
		"openlit":          openLIT(),
		"langfuse":         langfuse(),
		"vercel_ai":        vercelAI(),
		"pydantic_ai":      pydanticAI(),
		"litellm":          liteLLM(),
		"envoy_ai_gateway": envoyAIGateway(),
		"nexent":           nexent(),
		"claude_code":      claudeCode(),
		"codex_cli":        codexCLI(),
		"gemini_cli":       geminiCLI(),
		"langsmith":        langSmith("LangSmith SDK"),
		"langchain":        langSmith("LangChain"),
		"genkit":           {name: "Genkit"},
		"mlflow":           mlflow(),
		"sentry":           sentry(),
		"vllm":             vllm(),
		"pitot":            {name: "Pitot SDK"},
	}
}

func both(r *remedy) map[string]*remedy { return map[string]*remedy{fInput: r, fOutput: r} }

// with adds remedies to m.
func with(m, more map[string]*remedy) map[string]*remedy {
	maps.Copy(m, more)
	return m
}

func otelGenAI() knowledge {
	capture := &remedy{
		"OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental and OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY",
		"EVENT_ONLY and SPAN_AND_EVENT work too, where logs are exported to Pitot; " + privacyNote,
	}
	latest := &remedy{"OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental", "older conventions have no such attribute"}
	return knowledge{name: "OpenTelemetry GenAI instrumentation", remedies: with(both(capture), map[string]*remedy{
		fTools: capture, fCacheRead: latest, fReasoning: latest,
		fTTFT: {"OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental", "instrumentations of 2026 have gen_ai.response.time_to_first_chunk; update older ones"},
	})}
}

func openLLMetry(name string) knowledge {
	assoc := func(key string) *remedy {
		return &remedy{`Traceloop.set_association_properties({"` + key + `": ...})`, "in JavaScript: traceloop.withAssociationProperties"}
	}
	return knowledge{
		name: name,
		remedies: with(both(&remedy{"TRACELOOP_TRACE_CONTENT=true", "it is on by default, so somebody turned it off; " + privacyNote}), map[string]*remedy{
			fTools: {"TRACELOOP_TRACE_CONTENT=true", ""},
			fUser:  assoc("user_id"), fSession: assoc("session_id"),
			fAgent:    {"the @agent decorator around the function", ""},
			fWorkflow: {"the @workflow decorator around the function", ""},
			fTTFT:     {"", "the Python package of OpenAI marks each chunk, others do not; calls through Pitot's gateway always have it"},
		}),
	}
}

func openInference() knowledge {
	hide := func(what string) *remedy {
		return &remedy{"OPENINFERENCE_HIDE_" + what + "=false (and OPENINFERENCE_HIDE_" + strings.TrimSuffix(what, "S") + "_MESSAGES=false)", "both are off by default, so somebody turned one on; " + privacyNote}
	}
	return knowledge{
		name: "OpenInference",
		cannot: map[string]string{
			fRespID: "its conventions have no attribute for it",
		},
		remedies: map[string]*remedy{
			fInput: hide("INPUTS"), fOutput: hide("OUTPUTS"), fTools: hide("INPUTS"),
			fParams:  {"OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS=false", ""},
			fSession: {"using_session(session_id=...) around the call", "JavaScript: setSession of @arizeai/openinference-core"},
			fUser:    {"using_user(user_id=...) around the call", "JavaScript: setUser of @arizeai/openinference-core"},
			fPrompt:  {"using_prompt_template(...) around the call", ""},
			fTTFT:    {"", "most of its instrumentations record none; calls through Pitot's gateway always have it"},
			fFinish:  {"", "instrumentations of 2026 have llm.finish_reason; update older ones"},
		},
	}
}

func openLIT() knowledge {
	content := &remedy{"openlit.init(capture_message_content=True) or OPENLIT_CAPTURE_MESSAGE_CONTENT=true", privacyNote}
	return knowledge{name: "OpenLIT", remedies: both(content)}
}

func langfuse() knowledge {
	return knowledge{
		name: "Langfuse SDK",
		remedies: map[string]*remedy{
			fUser:    {"propagate_attributes(user_id=...) around the call", "JavaScript: propagateAttributes({ userId }, ...)"},
			fSession: {"propagate_attributes(session_id=...) around the call", "JavaScript: propagateAttributes({ sessionId }, ...)"},
			fInput:   {"update the observation with input=...", "a mask function given to the client may blank it; " + privacyNote},
			fOutput:  {"update the observation with output=...", "a mask function given to the client may blank it; " + privacyNote},
			fTTFT:    {"update(completion_start_time=...) on the generation when the first token arrives", "the integrations of OpenAI and LangChain do it for streams"},
			fRespID:  {"", "generations have no attribute for it"},
			fInTokens: {
				"update(usage_details={...}) on the generation", "input there is without cached tokens; Pitot adds them",
			},
			fOutTokens: {"update(usage_details={...}) on the generation", ""},
			fReqModel:  {"update(model=...) on the generation", ""},
		},
	}
}

func vercelAI() knowledge {
	telemetry := func(what, note string) *remedy {
		return &remedy{"experimental_telemetry: { isEnabled: true, " + what + " }", note}
	}
	return knowledge{
		name: "Vercel AI SDK",
		remedies: map[string]*remedy{
			fInput:     telemetry("recordInputs: true", "it is on by default; "+privacyNote),
			fOutput:    telemetry("recordOutputs: true", "it is on by default; "+privacyNote),
			fUser:      telemetry("metadata: { userId }", ""),
			fSession:   telemetry("metadata: { sessionId }", ""),
			fWorkflow:  telemetry("functionId: '...'", ""),
			fixNoCalls: telemetry("functionId: '...'", "set it on each generateText and streamText; only then the model calls have spans"),
		},
	}
}

func pydanticAI() knowledge {
	content := &remedy{"InstrumentationSettings(include_content=True)", privacyNote}
	return knowledge{
		name: "Pydantic AI",
		remedies: with(both(content), map[string]*remedy{
			fTools:     content,
			fixNoCalls: {"Agent.instrument_all() or Agent(..., instrument=True)", ""},
		}),
	}
}

func liteLLM() knowledge {
	content := &remedy{"litellm.turn_off_message_logging=False (litellm_settings.turn_off_message_logging: false in the proxy)", privacyNote}
	return knowledge{
		name: "LiteLLM",
		remedies: with(both(content), map[string]*remedy{
			fixStreamUsage: {"general_settings.always_include_stream_usage: true in the proxy", "in the library: " + includeUsage},
			fixNoCalls:     {`litellm.callbacks = ["otel"]`, "USE_OTEL_LITELLM_REQUEST_SPAN=true gives each call a span of its own"},
			fUser:          {"user=... in the request", ""},
			fSession:       {`metadata={"session_id": ...} in the request`, ""},
		}),
		warn: func(s *Sender) []Finding {
			// Since 1.81 a call's attributes go onto the span of the proxy's request, or
			// of the caller, where those of a second call replace those of the first.
			if s.Calls == 0 || s.Fields[fParent].Have > 0 {
				return nil
			}
			return []Finding{{
				Severity: Cosmetic, Code: "litellm_shared_span",
				Message:   "the calls have no span of their own below the request: where one request makes several calls, only the last is seen",
				MessageZH: "这些调用在请求之下没有自己的 span：一次请求发起多次调用时，只能看到最后一次",
				Setting:   "USE_OTEL_LITELLM_REQUEST_SPAN=true",
			}}
		},
	}
}

func envoyAIGateway() knowledge {
	header := func(attr string) *remedy {
		return &remedy{"OTEL_AIGW_SPAN_REQUEST_HEADER_ATTRIBUTES=<header>:" + attr, "the client must send that header"}
	}
	return knowledge{
		name:   "Envoy AI Gateway",
		cannot: map[string]string{fRespID: "its spans follow OpenInference, which has no attribute for it"},
		remedies: map[string]*remedy{
			fUser: header("user.id"), fSession: header("session.id"),
			fInput:  {"OPENINFERENCE_HIDE_INPUTS=false", privacyNote},
			fOutput: {"OPENINFERENCE_HIDE_OUTPUTS=false", privacyNote},
			fTTFT:   {"", "it is in the gateway's own metrics (gen_ai.server.time_to_first_token), not in its spans"},
		},
	}
}

func nexent() knowledge {
	mode := &remedy{"MONITORING_TRACE_CONTENT_MODE=full", "the default, summary, cuts content; MONITORING_TRACE_MAX_CHARS sets the length; " + privacyNote}
	return knowledge{
		name:   "Nexent",
		cannot: map[string]string{fRespID: "its monitoring does not record it"},
		remedies: with(both(mode), map[string]*remedy{
			fixNoCalls: {"ENABLE_TELEMETRY=true", ""},
		}),
	}
}

func claudeCode() knowledge {
	traces := &remedy{"CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 and OTEL_TRACES_EXPORTER=otlp", "spans are a beta; without them only events arrive"}
	return knowledge{
		name:   "Claude Code",
		cannot: map[string]string{fParams: "its telemetry has no request settings"},
		remedies: map[string]*remedy{
			fInput:     {"OTEL_LOG_USER_PROMPTS=1", "OTEL_LOG_TOOL_DETAILS=1 and OTEL_LOG_TOOL_CONTENT=1 add what tools are given and return; " + privacyNote},
			fOutput:    {"OTEL_LOG_ASSISTANT_RESPONSES=1", "in versions that have it; " + privacyNote},
			fTTFT:      traces,
			fTrace:     traces,
			fSession:   {"OTEL_METRICS_INCLUDE_SESSION_ID=true", "events always have the session"},
			fixNoCalls: {"CLAUDE_CODE_ENABLE_TELEMETRY=1 and OTEL_LOGS_EXPORTER=otlp", "calls come as events, so logs must be exported too"},
		},
	}
}

func codexCLI() knowledge {
	return knowledge{
		name: "Codex CLI",
		cannot: map[string]string{
			fOutput: "its events have no answers",
			fParams: "its events have no request settings",
			fFinish: "its events have no finish reason",
		},
		remedies: map[string]*remedy{
			fInput:     {"log_user_prompt = true under [otel] in config.toml", privacyNote},
			fTrace:     {"trace_exporter under [otel] in config.toml", "it takes the same form as exporter, with the address of /v1/traces"},
			fixNoCalls: {`exporter = { otlp-http = { endpoint = "http://<pitot>:4318/v1/logs", protocol = "binary" } } under [otel] in config.toml`, "calls come as log events"},
		},
	}
}

func geminiCLI() knowledge {
	prompts := &remedy{"GEMINI_TELEMETRY_LOG_PROMPTS=true (telemetry.logPrompts in settings.json)", privacyNote}
	traces := &remedy{"GEMINI_TELEMETRY_TRACES_ENABLED=true (telemetry.traces in settings.json)", ""}
	return knowledge{
		name: "Gemini CLI",
		remedies: map[string]*remedy{
			fInput: prompts, fOutput: traces, fParams: traces, fTrace: traces,
			fixNoCalls: {"GEMINI_TELEMETRY_ENABLED=true and GEMINI_TELEMETRY_OTLP_ENDPOINT", "calls come as log events"},
		},
	}
}

func langSmith(name string) knowledge {
	return knowledge{
		name: name,
		remedies: map[string]*remedy{
			fInput:     {"LANGSMITH_HIDE_INPUTS=false", privacyNote},
			fOutput:    {"LANGSMITH_HIDE_OUTPUTS=false", privacyNote},
			fSession:   {`metadata={"session_id": ...} in the run's config`, "thread_id works as well"},
			fUser:      {`metadata={"user_id": ...} in the run's config`, ""},
			fixNoCalls: {"LANGSMITH_TRACING=true and LANGSMITH_OTEL_ENABLED=true", ""},
			fixStreamUsage: {
				"stream_usage=True for the chat model", "LangChain's ChatOpenAI asks for usage only then where base_url is set",
			},
		},
	}
}

func mlflow() knowledge {
	return knowledge{
		name: "MLflow Tracing",
		remedies: map[string]*remedy{
			fSession: {`mlflow.update_current_trace(metadata={"mlflow.trace.session": ...})`, ""},
			fUser:    {`mlflow.update_current_trace(metadata={"mlflow.trace.user": ...})`, ""},
		},
	}
}

func sentry() knowledge {
	content := &remedy{"send_default_pii=True in sentry_sdk.init", "include_prompts of each AI integration must be on too, which is the default; " + privacyNote}
	return knowledge{name: "Sentry SDK", remedies: both(content)}
}

// vllm is the model server's own tracing.
func vllm() knowledge {
	const server = "it is the server's view of the request, not the client's"
	return knowledge{
		name:   "vLLM",
		cannot: map[string]string{fInput: server, fOutput: server, fUser: server, fSession: server},
		warn: func(s *Sender) []Finding {
			if s.Calls == 0 {
				return nil
			}
			return []Finding{{
				Severity: Cosmetic, Code: "server_spans",
				Message:   fmt.Sprintf("%d calls are known from the model server alone: their callers are not instrumented, or do not pass on their trace", s.Calls),
				MessageZH: fmt.Sprintf("%d 次调用只能从模型服务器得知：其调用方没有埋点，或没有传递链路", s.Calls),
				Setting:   "let the client propagate W3C trace context (traceparent) to the server",
			}}
		},
	}
}
