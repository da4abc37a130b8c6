package provider

import (
	"context"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/dist"
)

// Config describes a Server. The zero Config works.
type Config struct {
	// Seed fixes everything that is drawn.
	Seed uint64
	// Models are those with a behaviour of their own; nil means DefaultModels.
	// A model that is not among them behaves like Fallback.
	Models   []Model
	Fallback *Model
	// Strict answers 404 for a model that is not among Models.
	Strict bool
	// RequireKey answers 401 to a model call without credentials, or whose
	// credentials contain "invalid".
	RequireKey bool
	// Pace waits for d or until ctx is done; nil means real time. NoPace does
	// not wait at all.
	Pace func(ctx context.Context, d time.Duration) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Trouble is how a model is doing now, for requests that do not dictate their
	// status: how many times later than usual its first
	// content comes, and what it fails with; nil is
	// well always.
	Trouble func(model string) (slow float64, errors []ErrorRate)
	// TruthSize is how many answers are remembered; 0 means 4096.
	TruthSize int
	// KeepRequests keeps headers and body of each request in the log of truth.
	KeepRequests bool
}

// Model is the behaviour of one model. Times are in seconds, lengths in tokens.
type Model struct {
	Name string
	// Provider chooses the flavour of the OpenAI format, by the names of
	// package llm; empty means OpenAI itself.
	Provider string
	// ResponseModel is the dated name that answers; empty means Name.
	ResponseModel string

	TTFT   dist.Dist // until the first content
	Gap    dist.Dist // between two chunks of content
	Output dist.Dist // length of the answer, without reasoning
	// Reasoning is the length of the reasoning before the answer.
	Reasoning dist.Dist
	// TokensPerChunk is how many tokens a chunk of a stream brings; 0 means 1.
	TokensPerChunk int
	// ToolRate is the share of requests with tools, not yet with a tool's
	// result, that are answered by a tool call.
	ToolRate float64
	// Chinese is the share of answers in Chinese. A request in Chinese is
	// always answered in Chinese.
	Chinese float64
	// Cache is the smallest prompt, in tokens, whose prefix is cached; 0 means
	// no cache.
	Cache int
	// Errors are drawn in order, at most one a request.
	Errors    []ErrorRate
	RateLimit RateLimit
}

// ErrorRate is a way to fail and how often it happens.
type ErrorRate struct {
	Rate   float64 // share of requests
	Status int     // 0 for a fault of the stream itself
	Type   string  // the provider's code or type; empty means the usual one of Status
	// After sends the error inside a stream, after some content.
	After bool
	// Cut ends the connection in the middle of the answer.
	Cut bool
}

// RateLimit is a bucket of Requests that refills over Per. The zero RateLimit
// does not limit.
type RateLimit struct {
	Requests int
	Per      time.Duration
}

// NoPace is a Config.Pace that does not wait.
func NoPace(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// RealPace waits in real time. It is the default.
func RealPace(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DefaultModels returns well-known models with plausible behaviour and without
// errors. Package traffic has behaviour that was fit to real traces.
func DefaultModels() []Model {
	base := func(name, provider, answers string, ttft, gap float64) Model {
		return Model{
			Name: name, Provider: provider, ResponseModel: answers,
			TTFT: dist.LogNormal(ttft, 0.35), Gap: dist.LogNormal(gap, 0.4), Output: dist.LogNormal(120, 0.8),
			TokensPerChunk: 2, ToolRate: 1, Cache: 1024, Chinese: 0.1,
		}
	}
	reasoning := func(m Model) Model {
		m.Reasoning = dist.LogNormal(180, 0.7)
		return m
	}
	return []Model{
		base("gpt-4o-mini", llm.ProviderOpenAI, "gpt-4o-mini-2024-07-18", 0.35, 0.018),
		base("gpt-4o", llm.ProviderOpenAI, "gpt-4o-2024-08-06", 0.5, 0.025),
		base("gpt-4.1", llm.ProviderOpenAI, "gpt-4.1-2025-04-14", 0.5, 0.022),
		reasoning(base("gpt-5-mini", llm.ProviderOpenAI, "gpt-5-mini-2025-08-07", 0.9, 0.016)),
		reasoning(base("claude-sonnet-4-20250514", llm.ProviderAnthropic, "", 0.8, 0.03)),
		base("claude-3-5-haiku-20241022", llm.ProviderAnthropic, "", 0.5, 0.02),
		base("gemini-2.0-flash", llm.ProviderGemini, "", 0.4, 0.03),
		reasoning(base("gemini-2.5-flash", llm.ProviderGemini, "", 0.6, 0.03)),
		base("deepseek-chat", llm.ProviderDeepSeek, "", 0.9, 0.03),
		reasoning(base("deepseek-reasoner", llm.ProviderDeepSeek, "", 1.1, 0.03)),
		base("qwen-plus", llm.ProviderDashScope, "", 0.6, 0.022),
		base("llama-3.3-70b-versatile", llm.ProviderGroq, "", 0.12, 0.004),
		base("mistral-large-latest", llm.ProviderMistral, "", 0.5, 0.022),
		base("llama3.2", llm.ProviderOllama, "", 0.2, 0.03),
		base("command-r-plus-08-2024", llm.ProviderCohere, "", 0.4, 0.02),
		base("anthropic.claude-3-5-sonnet-20240620-v1:0", llm.ProviderBedrock, "", 0.9, 0.03),
		base("amazon.titan-text-express-v1", llm.ProviderBedrock, "", 0.9, 0.03),
		base("meta.llama3-70b-instruct-v1:0", llm.ProviderBedrock, "", 0.5, 0.03),
	}
}

func defaultFallback() *Model {
	return &Model{
		TTFT: dist.LogNormal(0.4, 0.35), Gap: dist.LogNormal(0.02, 0.4), Output: dist.LogNormal(120, 0.8),
		TokensPerChunk: 2, ToolRate: 1, Cache: 1024,
	}
}

// flavour is the provider whose habits an OpenAI-compatible answer follows:
// the model's, unless the path names another.
func flavour(m *Model, path string) string {
	for _, p := range [...]struct{ segment, provider string }{
		{"/groq/", llm.ProviderGroq},
		{"/deepseek/", llm.ProviderDeepSeek},
		{"/openrouter/", llm.ProviderOpenRouter},
		{"/mistral/", llm.ProviderMistral},
		{"/dashscope/", llm.ProviderDashScope},
		{"/openai/deployments/", llm.ProviderAzureOpenAI},
	} {
		if strings.Contains(path, p.segment) {
			return p.provider
		}
	}
	return m.Provider
}
