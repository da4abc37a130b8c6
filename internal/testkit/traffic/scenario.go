package traffic

import (
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/dist"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// api is the wire format in which a model is called.
type api int

const (
	apiChat api = iota
	apiResponses
	apiMessages
	apiGemini
	apiOllama
	apiEmbeddings
	apiModeration
	apiRerank
)

// Model is a model that the load calls.
type Model struct {
	Name     string // as requested
	Answers  string // as the provider names it in the answer
	Provider string // gen_ai.provider.name
	Upstream string // the gateway's name for where it is
	Path     string // below the upstream; %s stands for the model's name

	api       api
	region    string  // of its upstream
	base      float64 // median seconds before the first token, without the prompt's share
	perToken  float64 // median seconds an output token
	reasoning float64 // median tokens of reasoning
	shows     bool    // its reasoning
	caches    bool
	marks     bool // caches by explicit marks and reports writes
}

// models are well-known ones, which have prices, and one that nobody has
// heard of, which has none. Speeds are of the order that their users see.
func models() map[string]*Model {
	list := []*Model{
		{Name: "gpt-4o-mini", Answers: "gpt-4o-mini-2024-07-18", Provider: llm.ProviderOpenAI, Upstream: "openai", Path: "/v1/chat/completions", api: apiChat, base: 0.35, perToken: 0.011, caches: true},
		{Name: "gpt-4o", Answers: "gpt-4o-2024-08-06", Provider: llm.ProviderOpenAI, Upstream: "openai", Path: "/v1/chat/completions", api: apiChat, base: 0.5, perToken: 0.014, caches: true},
		{Name: "gpt-5-mini", Answers: "gpt-5-mini-2025-08-07", Provider: llm.ProviderOpenAI, Upstream: "openai", Path: "/v1/responses", api: apiResponses, base: 0.6, perToken: 0.009, reasoning: 220, caches: true},
		{Name: "text-embedding-3-small", Answers: "text-embedding-3-small", Provider: llm.ProviderOpenAI, Upstream: "openai", Path: "/v1/embeddings", api: apiEmbeddings, base: 0.12},
		{Name: "omni-moderation-latest", Answers: "omni-moderation-latest", Provider: llm.ProviderOpenAI, Upstream: "openai", Path: "/v1/moderations", api: apiModeration, base: 0.15},
		{Name: "claude-sonnet-4-20250514", Answers: "claude-sonnet-4-20250514", Provider: llm.ProviderAnthropic, Upstream: "anthropic", Path: "/v1/messages", api: apiMessages, base: 0.9, perToken: 0.015, caches: true, marks: true},
		{Name: "claude-3-5-haiku-20241022", Answers: "claude-3-5-haiku-20241022", Provider: llm.ProviderAnthropic, Upstream: "anthropic", Path: "/v1/messages", api: apiMessages, base: 0.5, perToken: 0.012, caches: true, marks: true},
		{Name: "gemini-2.0-flash", Answers: "gemini-2.0-flash", Provider: llm.ProviderGemini, Upstream: "gemini", Path: "/v1beta/models/%s", api: apiGemini, base: 0.4, perToken: 0.006, caches: true},
		{Name: "gemini-2.5-flash", Answers: "gemini-2.5-flash", Provider: llm.ProviderGemini, Upstream: "gemini", Path: "/v1beta/models/%s", api: apiGemini, base: 0.5, perToken: 0.005, reasoning: 300, caches: true},
		{Name: "deepseek-chat", Answers: "deepseek-chat", Provider: llm.ProviderDeepSeek, Upstream: "deepseek", Path: "/v1/chat/completions", api: apiChat, base: 0.8, perToken: 0.025, caches: true},
		{Name: "qwen-plus", Answers: "qwen-plus", Provider: llm.ProviderDashScope, Upstream: "dashscope", Path: "/compatible-mode/v1/chat/completions", api: apiChat, region: "cn", base: 0.6, perToken: 0.016},
		{Name: "rerank-v3.5", Answers: "", Provider: llm.ProviderCohere, Upstream: "cohere", Path: "/v2/rerank", api: apiRerank, base: 0.18},
		{Name: "llama3.2", Answers: "llama3.2", Provider: llm.ProviderOllama, Upstream: "ollama", Path: "/api/chat", api: apiOllama, base: 0.15, perToken: 0.02},
		{Name: "qwen3-8b", Answers: "qwen3-8b", Provider: llm.ProviderVLLM, Upstream: "vllm", Path: "/v1/chat/completions", api: apiChat, base: 0.12, perToken: 0.014, caches: true},
		{Name: "deepseek-r1-distill-qwen-32b", Answers: "deepseek-r1-distill-qwen-32b", Provider: "sglang", Upstream: "sglang", Path: "/v1/chat/completions", api: apiChat, base: 0.35, perToken: 0.024, reasoning: 260, shows: true},
		{Name: "acme-internal-7b", Answers: "acme-internal-7b", Provider: llm.ProviderVLLM, Upstream: "vllm", Path: "/v1/chat/completions", api: apiChat, base: 0.2, perToken: 0.022},
	}
	m := make(map[string]*Model, len(list))
	for _, x := range list {
		m[x.Name] = x
	}
	return m
}

// shape is what a task of an application consists of.
type shape int

const (
	shapeCall  shape = iota // one call, sometimes inside an HTTP handler
	shapeRAG                // embed, search, rerank, answer
	shapeAgent              // plan, tools, answer
)

// app is an application of the company.
type app struct {
	service, team, feature, prompt string
	versions                       []string // the last is being rolled out
	shape                          shape
	share                          float64 // of all calls
	callsPerTask                   float64 // mean, to turn the share into tasks
	models                         []weighted
	stream                         float64
	code                           bool // lengths and arrivals of the code trace
	chinese                        float64
	turns                          float64 // mean tasks a session
	tools                          []string
	writing                        writing // what it is about, in a rich load
}

type weighted struct {
	weight float64
	model  string
}

// apps are the company's applications. Shares add up to 1.
func apps() []*app {
	return []*app{
		{
			service: "support-chat", team: "care", feature: "reply", prompt: "support-reply", versions: []string{"7", "8"},
			share: 0.36, callsPerTask: 1, stream: 0.92, chinese: 0.12, turns: 5,
			models: []weighted{{0.55, "gpt-4o-mini"}, {0.2, "gpt-4o"}, {0.25, "claude-3-5-haiku-20241022"}},
		},
		{
			service: "code-assistant", team: "devtools", feature: "complete", prompt: "code-complete", versions: []string{"21", "22"},
			share: 0.22, callsPerTask: 1, stream: 0.7, code: true, turns: 20,
			models: []weighted{{0.55, "deepseek-chat"}, {0.3, "claude-sonnet-4-20250514"}, {0.15, "gpt-5-mini"}},
		},
		{
			service: "knowledge-search", team: "platform", feature: "answer", prompt: "grounded-answer", versions: []string{"3", "4"},
			share: 0.18, callsPerTask: 2.4, shape: shapeRAG, stream: 0.95, chinese: 0.1, turns: 2,
			models: []weighted{{0.6, "gemini-2.0-flash"}, {0.4, "gemini-2.5-flash"}},
		},
		{
			service: "research-agent", team: "growth", feature: "research", prompt: "research-plan", versions: []string{"12", "13"},
			share: 0.12, callsPerTask: 3.2, shape: shapeAgent, stream: 0.5, turns: 1.5,
			models: []weighted{{0.6, "claude-sonnet-4-20250514"}, {0.4, "gpt-4o"}},
			tools:  []string{"search_web", "fetch_page", "run_sql", "calculate"},
		},
		{
			service: "translation", team: "i18n", feature: "translate", prompt: "translate", versions: []string{"2"},
			share: 0.07, callsPerTask: 1, stream: 0.3, chinese: 0.9, turns: 1,
			models: []weighted{{0.8, "qwen-plus"}, {0.2, "gpt-4o-mini"}},
		},
		{
			service: "batch-labeler", team: "data", feature: "label", prompt: "label-ticket", versions: []string{"5"},
			share: 0.03, callsPerTask: 1, code: true, turns: 1,
			models: []weighted{{0.6, "gpt-4o-mini"}, {0.3, "llama3.2"}, {0.1, "omni-moderation-latest"}},
		},
		{
			service: "internal-lab", team: "research", feature: "playground", prompt: "", versions: []string{""},
			share: 0.02, callsPerTask: 1, stream: 0.8, turns: 3,
			models: []weighted{{0.5, "acme-internal-7b"}, {0.5, "llama3.2"}},
		},
	}
}

// ProviderModels returns the same models for package provider, so that a
// client of its own sees the same behaviour as the load does.
func ProviderModels() []provider.Model {
	p := parameters()
	ttft, gap, length := dist.FromTable(&p.prefill), dist.FromTable(&p.tpot), dist.FromTable(&p.convOutput)
	var out []provider.Model
	for _, m := range models() {
		pm := provider.Model{
			Name: m.Name, ResponseModel: m.Answers, Provider: m.Provider,
			TTFT: ttft.Scale(m.base), Gap: gap.Scale(m.perToken * tokensPerChunk), Output: length,
			TokensPerChunk: tokensPerChunk, ToolRate: 1,
		}
		if m.caches {
			pm.Cache = cacheMin
		}
		if m.reasoning > 0 {
			pm.Reasoning = dist.LogNormal(m.reasoning, 0.7)
		}
		out = append(out, pm)
	}
	slices.SortFunc(out, func(a, b provider.Model) int { return strings.Compare(a.Name, b.Name) })
	return out
}
