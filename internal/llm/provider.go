package llm

import "strings"

// The names of providers that OpenTelemetry defines for gen_ai.provider.name,
// and those in common use beyond it.
const (
	ProviderOpenAI      = "openai"
	ProviderAzureOpenAI = "azure.ai.openai"
	ProviderAnthropic   = "anthropic"
	ProviderGemini      = "gcp.gemini"
	ProviderVertex      = "gcp.vertex_ai"
	ProviderBedrock     = "aws.bedrock"
	ProviderCohere      = "cohere"
	ProviderDeepSeek    = "deepseek"
	ProviderGroq        = "groq"
	ProviderMistral     = "mistral_ai"
	ProviderMoonshot    = "moonshot_ai"
	ProviderPerplexity  = "perplexity"
	ProviderXAI         = "x_ai"
	ProviderOllama      = "ollama"
	ProviderOpenRouter  = "openrouter"
	ProviderDashScope   = "dashscope"
	ProviderZhipu       = "zhipu"
	ProviderTogether    = "together_ai"
	ProviderFireworks   = "fireworks"
	ProviderVLLM        = "vllm"
)

// CanonicalProvider maps the spellings that instrumentations use to one name;
// a name that it does not know is returned in lower case.
func CanonicalProvider(name string) string {
	n := strings.ToLower(strings.TrimSpace(name))
	switch n {
	case "az.ai.openai", "azure", "azure.openai", "azure_openai", "azure-openai", "azureopenai":
		return ProviderAzureOpenAI
	case "vertex_ai", "vertexai", "vertex", "google-vertex", "google.vertex", "google_vertexai", "vertex_ai_beta":
		return ProviderVertex
	case "gemini", "google", "google.generative-ai", "gcp.gen_ai", "google_genai", "google-genai", "googleai", "google_generativeai", "generativeai":
		return ProviderGemini
	case "mistral", "mistralai":
		return ProviderMistral
	case "xai", "x-ai":
		return ProviderXAI
	case "aws", "bedrock", "amazon-bedrock", "amazon_bedrock", "aws_bedrock", "bedrock_converse":
		return ProviderBedrock
	case "ibm.watson.ai", "watsonx":
		return "ibm.watsonx.ai"
	case "moonshot", "moonshotai":
		return ProviderMoonshot
	case "alibaba", "qwen", "tongyi", "bailian":
		return ProviderDashScope
	case "zai", "z_ai", "z.ai", "bigmodel", "zhipuai":
		return ProviderZhipu
	case "together", "togetherai":
		return ProviderTogether
	case "fireworks_ai", "fireworks-ai", "fireworksai":
		return ProviderFireworks
	}
	return n
}

// FinishReason maps a provider's reason to OpenTelemetry's normal form: stop,
// length, content_filter, tool_call, compaction or error; others are returned
// in lower case.
func FinishReason(reason string) string {
	switch r := strings.ToLower(reason); r {
	case "end_turn", "stop_sequence", "stop", "complete", "completed", "finished", "eos", "eos_token", "finish":
		return "stop"
	case "max_tokens", "max_output_tokens", "length", "model_length", "max_length", "model_context_window_exceeded":
		return "length"
	case "tool_calls", "tool_call", "tool_use", "function_call", "tool-calls":
		return "tool_call"
	case "safety", "refusal", "content_filter", "content_filtered", "guardrail_intervened",
		"prohibited_content", "blocklist", "spii", "recitation", "error_toxic", "image_safety":
		return "content_filter"
	case "error", "failed", "malformed_function_call":
		return "error"
	default:
		return r
	}
}
