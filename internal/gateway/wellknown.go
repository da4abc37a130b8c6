package gateway

import (
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// WellKnown returns the upstreams that exist without any configuration. Base
// URLs are those of the providers' API references; what follows them is what
// the provider's own client appends. Nothing is sent to any of them until a
// client asks for its path.
func WellKnown() []Upstream {
	up := func(name, provider string, d wire.Dialect, base string) Upstream {
		return Upstream{Name: name, Provider: provider, Dialect: d, BaseURL: base}
	}
	inChina := func(u Upstream) Upstream {
		u.Region = "cn"
		return u
	}
	return []Upstream{
		up("openai", llm.ProviderOpenAI, wire.OpenAI, "https://api.openai.com"),
		up("anthropic", llm.ProviderAnthropic, wire.Anthropic, "https://api.anthropic.com"),
		up("gemini", llm.ProviderGemini, wire.Gemini, "https://generativelanguage.googleapis.com"),
		up("vertex", llm.ProviderVertex, wire.Gemini, "https://aiplatform.googleapis.com"),
		up("bedrock", llm.ProviderBedrock, wire.Bedrock, "https://bedrock-runtime.us-east-1.amazonaws.com"),
		up("cohere", llm.ProviderCohere, wire.Cohere, "https://api.cohere.com"),
		up("mistral", llm.ProviderMistral, wire.OpenAI, "https://api.mistral.ai"),
		up("groq", llm.ProviderGroq, wire.OpenAI, "https://api.groq.com"),
		up("xai", llm.ProviderXAI, wire.OpenAI, "https://api.x.ai"),
		up("perplexity", llm.ProviderPerplexity, wire.OpenAI, "https://api.perplexity.ai"),
		up("openrouter", llm.ProviderOpenRouter, wire.OpenAI, "https://openrouter.ai/api"),
		up("together", llm.ProviderTogether, wire.OpenAI, "https://api.together.xyz"),
		up("fireworks", llm.ProviderFireworks, wire.OpenAI, "https://api.fireworks.ai/inference"),
		up("cerebras", "cerebras", wire.OpenAI, "https://api.cerebras.ai"),
		up("nvidia", "nvidia", wire.OpenAI, "https://integrate.api.nvidia.com"),
		up("voyage", "voyage_ai", wire.OpenAI, "https://api.voyageai.com"),
		up("jina", "jina", wire.OpenAI, "https://api.jina.ai"),
		// Providers in China. Those with two price lists have two upstreams.
		up("deepseek", llm.ProviderDeepSeek, wire.OpenAI, "https://api.deepseek.com"),
		inChina(up("dashscope", llm.ProviderDashScope, wire.OpenAI, "https://dashscope.aliyuncs.com")),
		up("dashscope-intl", llm.ProviderDashScope, wire.OpenAI, "https://dashscope-intl.aliyuncs.com"),
		up("moonshot", llm.ProviderMoonshot, wire.OpenAI, "https://api.moonshot.cn"),
		inChina(up("zhipu", llm.ProviderZhipu, wire.OpenAI, "https://open.bigmodel.cn")),
		up("zai", llm.ProviderZhipu, wire.OpenAI, "https://api.z.ai"),
		up("minimax", "minimax", wire.OpenAI, "https://api.minimaxi.com"),
		up("volcengine", "volcengine", wire.OpenAI, "https://ark.cn-beijing.volces.com"),
		up("qianfan", "qianfan", wire.OpenAI, "https://qianfan.baidubce.com"),
		up("hunyuan", "hunyuan", wire.OpenAI, "https://api.hunyuan.cloud.tencent.com"),
		inChina(up("siliconflow", "siliconflow", wire.OpenAI, "https://api.siliconflow.cn")),
		up("stepfun", "stepfun", wire.OpenAI, "https://api.stepfun.com"),
		// Model servers at their default ports on this machine.
		up("ollama", llm.ProviderOllama, wire.Ollama, "http://127.0.0.1:11434"),
		up("vllm", llm.ProviderVLLM, wire.OpenAI, "http://127.0.0.1:8000"),
		up("sglang", "sglang", wire.OpenAI, "http://127.0.0.1:30000"),
		up("llamacpp", "llamacpp", wire.OpenAI, "http://127.0.0.1:8080"),
		up("lmstudio", "lmstudio", wire.OpenAI, "http://127.0.0.1:1234"),
	}
}
