package price

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

// wantRule checks which rule prices a model: provider/id, or - for none.
func wantRule(t *testing.T, table *Table) func(provider, request, response, want string) {
	return func(provider, request, response, want string) {
		t.Helper()
		m := table.lookup(subject{provider, request, response})
		got := "-"
		if m.rule != nil {
			got = m.rule.provider + "/" + m.rule.id
			if m.geography != "" {
				got += " in " + m.geography
			}
		}
		if got != want {
			t.Errorf("(%s, %s, %s) → %s, want %s", provider, request, response, got, want)
		}
	}
}

func TestSnapshotsAndFineTunes(t *testing.T) {
	f := wantRule(t, mustTable(t, Config{}))
	// Snapshots, and those with a price of their own.
	f("openai", "gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o")
	f("openai", "gpt-4o", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13")
	f("openai", "gpt-4o", "", "openai/gpt-4o")
	f("openai", "GPT-4o-mini-2024-07-18", "", "openai/gpt-4o-mini")
	f("openai", "gpt-5-mini-2025-08-07", "", "openai/gpt-5-mini")
	f("openai", "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "openai/gpt-4.1-nano")
	f("anthropic", "claude-3-5-haiku-latest", "claude-3-5-haiku-20241022", "anthropic/claude-3-5-haiku-latest")
	f("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5")
	f("anthropic", "claude-opus-4.1", "", "anthropic/claude-opus-4-1")
	// Another model is not a snapshot.
	f("openai", "gpt-4o-mini-imaginary", "", "-")
	f("openai", "gpt-99", "", "-")
	f("anthropic", "claude", "", "-")
	// Fine-tunes have their own price or none.
	f("openai", "ft:gpt-4o-mini-2024-07-18:org:name:id", "", "openai/ft:gpt-4o-mini")
	f("openai", "ft:gpt-4.1-2025-04-14:org::id", "", "openai/ft:gpt-4.1-2025-04-14")
	f("openai", "ft:gpt-5-2025-08-07:org::id", "", "-")
	f("openai", "computer-use-preview", "computer-use-preview-2025-04-14", "openai/computer-use")
	f("openai", "gpt-3.5-turbo-instruct:20230824-v2", "", "openai/gpt-3.5-turbo-instruct")
}

func TestModelsInClouds(t *testing.T) {
	f := wantRule(t, mustTable(t, Config{}))
	// Gemini and Vertex.
	f("gcp.gemini", "models/gemini-2.0-flash", "gemini-2.0-flash-001", "gcp.gemini/gemini-2.0-flash")
	f("google", "gemini-2.5-pro", "", "gcp.gemini/gemini-2.5-pro")
	f("gcp.vertex_ai", "publishers/google/models/gemini-2.5-flash", "", "gcp.gemini/gemini-2.5-flash")
	f("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "", "gcp.vertex_ai/claude-sonnet-4-5")
	f("vertex_ai", "projects/p/locations/l/publishers/anthropic/models/claude-opus-4-1@20250805", "", "gcp.vertex_ai/claude-opus-4-1")
	// Bedrock.
	f("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929", "aws.bedrock/anthropic.claude-sonnet-4-5 in us")
	f("aws.bedrock", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "", "aws.bedrock/anthropic.claude-haiku-4-5 in global")
	f("bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "", "aws.bedrock/anthropic.claude-3-haiku")
	f("aws.bedrock", "amazon.nova-lite-v1:0:300k", "", "aws.bedrock/amazon.nova-lite")
	f("aws.bedrock", "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.amazon.nova-pro-v1:0", "", "aws.bedrock/amazon.nova-pro in us")
	f("aws.bedrock", "meta.llama3-1-70b-instruct-v1:0", "", "aws.bedrock/meta.llama3-1-70b-instruct")
	// Azure: the deployment says nothing, the model that answered does.
	f("azure.ai.openai", "my-deployment", "gpt-4o-2024-08-06", "openai/gpt-4o")
	f("azure", "prod-chat", "gpt-5-mini-2025-08-07", "openai/gpt-5-mini")
	f("azure.ai.openai", "my-deployment", "", "-")
	f("aws.bedrock", "cohere.command-text-v14", "", "aws.bedrock/cohere.command-text")
	f("aws.bedrock", "anthropic.claude-v2", "claude-2.0", "aws.bedrock/anthropic.claude-v2:1")
}

func TestMakersPriceStandsIn(t *testing.T) {
	f := wantRule(t, mustTable(t, Config{}))
	// Routers resell at the maker's price where they have none of their own.
	f("openrouter", "anthropic/claude-sonnet-4.5", "", "anthropic/claude-sonnet-4-5")
	f("openrouter", "openai/gpt-4o-2024-08-06", "", "openai/gpt-4o")
	f("openrouter", "openai/gpt-4o:nitro", "", "openai/gpt-4o")
	f("openrouter", "openrouter/auto", "anthropic/claude-haiku-4.5", "anthropic/claude-haiku-4-5")
	f("openrouter", "meta-llama/llama-3.3-70b-instruct:free", "", "openrouter/openrouter-free")
	f("litellm", "gpt-4o", "", "openai/gpt-4o")
	f("litellm", "deepseek/deepseek-chat", "", "deepseek/deepseek-chat")
	// What only its maker sells has its maker's price whoever serves it ...
	f("our-proxy", "gpt-4o", "", "openai/gpt-4o")
	f("our-proxy", "anthropic/claude-opus-4-1", "", "anthropic/claude-opus-4-1")
	f("openai", "claude-opus-4-1", "", "anthropic/claude-opus-4-1")
	f("", "gemini-2.5-pro", "", "gcp.gemini/gemini-2.5-pro")
	// ... what anybody may serve has not ...
	f("our-proxy", "Qwen/Qwen2.5-7B-Instruct", "", "-")
	f("our-proxy", "deepseek/deepseek-v3.2", "", "-")
	f("openai", "openai/gpt-oss-120b", "", "-")
	f("openai", "llama-3.3-70b", "", "-")
	// ... and what runs at home has the price that its owner sets.
	f("ollama", "llama3.2:3b", "", "-")
	f("ollama", "gpt-4o", "", "-")
	f("vllm", "Qwen/Qwen2.5-7B-Instruct", "", "-")
	f("vllm", "deepseek-chat", "", "-")
}

func TestHostsAndMakersInChina(t *testing.T) {
	f := wantRule(t, mustTable(t, Config{}))
	// Hosts of open models, and makers in China.
	f("groq", "llama-3.3-70b-versatile", "", "groq/llama-3.3-70b-versatile")
	f("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo")
	f("fireworks_ai", "accounts/fireworks/models/deepseek-v3p1", "", "fireworks/deepseek-v3p1")
	f("deepseek", "deepseek-reasoner", "", "deepseek/deepseek-reasoner")
	f("dashscope", "qwen-plus-latest", "", "dashscope/qwen-plus")
	f("qwen", "qwen3-max", "", "dashscope/qwen3-max")
	f("dashscope_cn", "qwen-max", "", "dashscope_cn/qwen-max")
	f("moonshot", "kimi-k2-0905-preview", "", "moonshot_ai/kimi-k2-0905-preview")
	f("zhipu", "glm-4.6", "", "zhipu/glm-4.6")
	f("zai", "GLM-4.5-Air", "", "zhipu/glm-4.5-air")
	f("minimax", "MiniMax-M2", "", "minimax/MiniMax-M2")
	f("volcengine", "doubao-seed-1-6-250615", "", "volcengine/doubao-seed-1-6")
	f("doubao", "doubao-1.5-pro-32k-250115", "", "volcengine/doubao-1-5-pro-32k")
	f("baidu", "ernie-4.5-turbo-128k", "", "baidu/ernie-4.5-turbo-128k")
	f("hunyuan", "hunyuan-turbos-latest", "", "tencent/hunyuan-turbos")
	f("stepfun", "step-2-16k", "", "stepfun/step-2-16k")
	f("baichuan", "Baichuan4-Turbo", "", "baichuan/Baichuan4-Turbo")
	f("01.ai", "yi-lightning", "", "01_ai/yi-lightning")
	f("siliconflow", "deepseek-ai/DeepSeek-V3", "", "siliconflow/deepseek-ai/DeepSeek-V3")
	f("xai", "grok-4-0709", "", "x_ai/grok-4-0709")
	f("mistral", "mistral-large-latest", "", "mistral_ai/mistral-large-latest")
	f("cohere", "command-a-03-2025", "", "cohere/command-a-03-2025")
	f("voyageai", "voyage-3.5-lite", "", "voyage/voyage-3.5-lite")
	f("perplexity", "sonar-pro", "", "perplexity/sonar-pro")
	f("cerebras", "gpt-oss-120b", "", "cerebras/gpt-oss-120b")
}

func TestHomeAndAbroad(t *testing.T) {
	table := mustTable(t, Config{})
	f := func(provider, upstream, region, want string) {
		t.Helper()
		c := &llm.Call{
			Provider: provider, Upstream: upstream, Region: region, RequestModel: "qwen-max", Operation: llm.OpChat, Time: noon,
			Usage: llm.Usage{InputTokens: some(1), OutputTokens: some(1), Source: llm.UsageReported},
		}
		if got := table.Price(c).Rule; got != want {
			t.Errorf("%s %s %s: %s, want %s", provider, upstream, region, got, want)
		}
	}
	f("dashscope", "dashscope", "", "dashscope/qwen-max")
	f("dashscope", "dashscope-cn", "", "dashscope_cn/qwen-max")
	f("dashscope", "dashscope_cn", "", "dashscope_cn/qwen-max")
	f("dashscope", "anything", "cn-beijing", "dashscope_cn/qwen-max")
	f("dashscope", "dashscope-canary", "", "dashscope/qwen-max")
	f("", "dashscope", "", "dashscope/qwen-max")
}

func TestOverridesAndAliases(t *testing.T) {
	in := func(v float64) Prices { return Prices{Input: new(v), Output: new(v)} }
	table := mustTable(t, Config{
		Overrides: []Override{
			{Provider: "openai", Model: "gpt-4o", Prices: in(1)},
			{Model: "gpt-4o-mini", Prices: in(2)},
			{Provider: "ollama", Match: "llama*", Prices: in(3)},
			{Provider: "ollama", Match: "llama3*70b", Prices: in(4)},
			{Provider: "vllm", Match: "*", Prices: in(5)},
			{Provider: "azure", Model: "prod", Prices: in(6)},
			{Provider: "vLLM", Model: "Qwen/Qwen2.5-7B-Instruct", Prices: in(7)},
		},
		Aliases: map[string]string{
			"my-deployment": "gpt-4o-mini",
			"house":         "anthropic/claude-opus-4-1",
			"nothing":       "no-such-model",
			"local":         "deepseek/deepseek-chat",
			"team.model":    "prod",
		},
	})
	f := func(provider, request, response, want string) {
		t.Helper()
		m := table.lookup(subject{provider, request, response})
		got := "-"
		if m.rule != nil {
			got = m.rule.dated[0].name
		}
		if got != want {
			t.Errorf("(%s, %s, %s) → %s, want %s", provider, request, response, got, want)
		}
	}
	f("openai", "gpt-4o", "gpt-4o-2024-08-06", "override:openai/gpt-4o")
	f("azure", "x", "gpt-4o-2024-08-06", "openai/gpt-4o")
	f("anything", "gpt-4o-mini", "", "override:gpt-4o-mini")
	f("ollama", "llama2", "", "override:ollama/llama*")
	f("ollama", "llama3.1:70b", "", "override:ollama/llama3*70b")
	f("ollama", "mistral", "", "-")
	f("vllm", "whatever", "", "override:vllm/*")
	f("vllm", "qwen/qwen2.5-7b-instruct", "", "override:vllm/Qwen/Qwen2.5-7B-Instruct")
	f("azure.ai.openai", "prod", "gpt-4o-2024-08-06", "override:azure.ai.openai/prod") // an override of either name goes first
	f("azure", "my-deployment", "", "override:gpt-4o-mini")
	f("vllm", "house", "", "anthropic/claude-opus-4-1")
	f("ollama", "local", "", "deepseek/deepseek-chat")
	f("ollama", "nothing", "", "-")
	f("azure", "team-model", "", "override:azure.ai.openai/prod")
}

func TestForms(t *testing.T) {
	f := func(model, want string) {
		t.Helper()
		if got := strings.Join(forms(clean(model)), " "); got != want {
			t.Errorf("forms(%q) = %q, want %q", model, got, want)
		}
	}
	f("gpt-4o-2024-08-06", "gpt-4o-2024-08-06 gpt-4o")
	f("gpt-4o", "gpt-4o")
	f("gpt-4-0613", "gpt-4-0613") // month and day alone may be another model
	f("mistral-large-2407", "mistral-large-2407")
	f("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet-v2@20241022 claude-3-5-sonnet-v2 claude-3-5-sonnet")
	f("anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic-claude-3-5-sonnet-20241022-v2:0 anthropic-claude-3-5-sonnet-20241022-v2 anthropic-claude-3-5-sonnet-20241022 anthropic-claude-3-5-sonnet")
	f("models/gemini-2.5-flash-preview-05-20", "gemini-2-5-flash-preview-05-20 gemini-2-5-flash-preview")
	f("gemini-2.5-flash-preview-09-2025", "gemini-2-5-flash-preview-09-2025 gemini-2-5-flash-preview")
	f("doubao-seed-1-6-250615", "doubao-seed-1-6-250615 doubao-seed-1-6")
	f("llama3.1:8b", "llama3-1:8b")
	f("x:free", "x:free")
	f("ft:gpt-4o-2024-08-06:o:n:i", "ft:gpt-4o-2024-08-06:o:n:i ft:gpt-4o-2024-08-06 ft:gpt-4o")
	f("text-embedding-3-large", "text-embedding-3-large")
	f("ends-20241399", "ends-20241399")
	f("-latest", "-latest")
	f(strings.Repeat("x", maxName+1), "")
}

func TestGlob(t *testing.T) {
	f := func(pattern, s string, want bool) {
		t.Helper()
		if got := glob(pattern, s); got != want {
			t.Errorf("glob(%q, %q) = %v", pattern, s, got)
		}
	}
	f("a", "a", true)
	f("a", "ab", false)
	f("a*", "a", true)
	f("a*", "abc", true)
	f("*c", "abc", true)
	f("*b*", "abc", true)
	f("a*c*e", "abcde", true)
	f("a*c*e", "ace", true)
	f("a*c*e", "aec", false)
	f("ab*ba", "aba", false)
	f("*", "", true)
	f("", "", true)
	f("", "a", false)
}

func TestCacheIsBoundedAndConcurrent(t *testing.T) {
	table := mustTable(t, Config{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 3 * maxCached {
				if m := table.lookup(subject{"openai", fmt.Sprintf("made-up-%d-%d", g, i), ""}); m.rule != nil {
					t.Errorf("a made-up model matched %s", m.rule.id)
				}
				if m := table.lookup(subject{"openai", "gpt-4o", ""}); m.rule == nil {
					t.Error("gpt-4o did not match")
				}
			}
		})
	}
	wg.Wait()
	if n := len(table.cache.young) + len(table.cache.old); n > 2*maxCached {
		t.Errorf("the cache has %d entries", n)
	}
	before := len(table.cache.young)
	table.lookup(subject{"openai", strings.Repeat("x", 10*maxName), ""})
	if len(table.cache.young) != before {
		t.Error("an overlong name was kept")
	}
}
