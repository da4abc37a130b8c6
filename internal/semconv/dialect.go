package semconv

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// dialect is an instrumentation's set of names. Where a span shows several, the
// first in this order is its sender: the general ones come last, because the
// special ones send those names too.
type dialect uint8

const (
	dNone dialect = iota
	dPitot
	dLangfuse
	dVercel
	dPydantic
	dMLflow
	dLangsmith
	dGenkit
	dLiteLLM
	dEnvoy
	dNexent
	dOpenLIT
	dClaude
	dCodex
	dGemini
	dSentry
	dOpenInference
	dOpenLLMetry
	dVLLM
	dOTel
	numDialects
)

// dialectNames are the values of Call.Dialect and Span.Dialect.
func dialectNames() [numDialects]string {
	return [numDialects]string{
		dNone: "", dPitot: "pitot", dLangfuse: "langfuse", dVercel: "vercel_ai", dPydantic: "pydantic_ai", dMLflow: "mlflow",
		dLangsmith: "langsmith", dGenkit: "genkit", dLiteLLM: "litellm", dEnvoy: "envoy_ai_gateway", dNexent: "nexent", dOpenLIT: "openlit",
		dClaude: "claude_code", dCodex: "codex_cli", dGemini: "gemini_cli", dSentry: "sentry", dOpenInference: "openinference",
		dOpenLLMetry: "openllmetry", dVLLM: "vllm", dOTel: "otel_genai",
	}
}

// String is the name of the dialect.
func (d dialect) String() string { return dialectNames()[d] }

func dialectOf(name string) dialect {
	for d, n := range dialectNames() {
		if n == name {
			return dialect(d)
		}
	}
	return dNone
}

// sdkScope is the instrumentation scope of Pitot's own SDK.
const sdkScope = "github.com/pitot-dev/pitot"

// scopeDialects tell a sender by its instrumentation scope, the first match
// counts. A scope says more than attribute names do.
func scopeDialects() []struct {
	part string
	d    dialect
} {
	return []struct {
		part string
		d    dialect
	}{
		{sdkScope, dPitot},
		{"claude_code", dClaude},
		{"gemini-cli", dGemini},
		{"codex", dCodex},
		{"openlit", dOpenLIT},
		{"litellm", dLiteLLM},
		{"pydantic-ai", dPydantic},
		{"langfuse", dLangfuse},
		{"envoyproxy/ai-gateway", dEnvoy},
		{"ai-gateway", dEnvoy},
		{"openinference", dOpenInference},
		{"@arizeai/", dOpenInference},
		{"@traceloop/", dOpenLLMetry},
		{"traceloop", dOpenLLMetry},
		{"mlflow", dMLflow},
		{"langsmith", dLangsmith},
		{"genkit", dGenkit},
		{"sentry", dSentry},
		{"nexent", dNexent},
		{"vllm", dVLLM},
		{"openai_v2", dOTel},
		{"opentelemetry.util.genai", dOTel},
		{"opentelemetry.instrumentation.genai", dOTel},
		{"opentelemetry.instrumentation.google_genai", dOTel},
		{"opentelemetry.instrumentation.anthropic", dOpenLLMetry},
		{"opentelemetry.instrumentation.openai", dOpenLLMetry},
		{"opentelemetry.instrumentation.bedrock", dOpenLLMetry},
		{"opentelemetry.instrumentation.cohere", dOpenLLMetry},
		{"opentelemetry.instrumentation.groq", dOpenLLMetry},
		{"opentelemetry.instrumentation.langchain", dOpenLLMetry},
		{"opentelemetry.instrumentation.llamaindex", dOpenLLMetry},
		{"opentelemetry.instrumentation.mistralai", dOpenLLMetry},
		{"opentelemetry.instrumentation.ollama", dOpenLLMetry},
		{"opentelemetry.instrumentation.crewai", dOpenLLMetry},
		{"opentelemetry.instrumentation.google_generativeai", dOpenLLMetry},
		{"opentelemetry.instrumentation.watsonx", dOpenLLMetry},
		{"opentelemetry.instrumentation.haystack", dOpenLLMetry},
	}
}

// scopeDialect says who a scope belongs to.
func scopeDialect(scope string) dialect {
	switch scope {
	case "":
		return dNone
	case "ai", "gen_ai", "@ai-sdk/otel":
		return dVercel
	}
	lower := strings.ToLower(scope)
	for _, s := range scopeDialects() {
		if strings.Contains(lower, s.part) {
			return s.d
		}
	}
	return dNone
}

// resourceDialect says who a resource belongs to, where that is told by it.
func resourceDialect(service string, m pcommon.Map) dialect {
	switch service {
	case "claude-code":
		return dClaude
	case "codex_cli_rs", "codex-cli", "codex_exec", "codex-app-server", "codex_vscode":
		return dCodex
	case "gemini-cli":
		return dGemini
	case "ai-gateway-extproc", "ai-gateway":
		return dEnvoy
	}
	if strings.HasPrefix(service, "nexent") {
		return dNexent
	}
	if _, ok := m.Get("telemetry.provider"); ok { // Nexent's own
		return dNexent
	}
	return dNone
}
