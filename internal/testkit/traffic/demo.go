package traffic

import (
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// DemoNow is the moment at which DemoIncidents are made to be looked at: some
// were a short while ago, one begins three minutes later. A load that is shifted
// to it (Config.Shift) has them at the same distance from its start always.
func DemoNow() time.Time { return time.Date(2026, 1, 14, 15, 10, 0, 0, time.UTC) }

// Trouble is how a model is doing at a time, for package provider: calls that are
// not of the load feel the incidents, too.
func (g *Generator) Trouble(model string, t time.Time) (slow float64, errors []provider.ErrorRate) {
	m, ok := g.models[model]
	if !ok {
		return 0, nil
	}
	for i := range g.cfg.Incidents {
		in := &g.cfg.Incidents[i]
		if _, on := in.at(g.clock(t)); !on || !in.hits(m) {
			continue
		}
		slow = in.Slow
		if in.Queue > 0 {
			slow = 40
		}
		if in.ErrorShare > 0 {
			errors = append(errors, provider.ErrorRate{Rate: in.ErrorShare, Status: in.Status})
		}
	}
	return slow, errors
}

// DemoIncidents are those of a rich load.
func DemoIncidents() []Incident {
	return []Incident{
		{
			Name: "server-errors", Cause: "DeepSeek is partly down: a third of its calls get 500.",
			Signs: "Errors server_error of deepseek-chat; the code assistant burns its error budget.",
			Every: 4 * time.Hour, Offset: 174 * time.Minute, Length: 8 * time.Minute,
			Provider: "deepseek", ErrorShare: 0.35, Status: 500,
		},
		{
			Name: "saturated-gpu", Cause: "Five times the usual load comes to the company's own model servers.",
			Signs: "Time to first token of qwen3-8b goes to ten seconds; queue, KV cache and preemptions of gpu-a rise.",
			Every: 90 * time.Minute, Offset: 72 * time.Minute, Length: 8 * time.Minute,
			Provider: llm.ProviderVLLM, Model: "qwen3-8b", Queue: 0.8,
		},
		{
			Name: "rate-limit", Cause: "A batch job elsewhere uses up the rate limit of gpt-4o: over half of its calls get 429.",
			Signs: "Errors rate_limit_exceeded of gpt-4o; other models of OpenAI are healthy.",
			Every: 45 * time.Minute, Offset: 13 * time.Minute, Length: 6 * time.Minute,
			Provider: "openai", Model: "gpt-4o", ErrorShare: 0.55, Status: 429,
		},
		{
			Name: "prompt-regression", Cause: "Version v3 of the prompt support-reply makes answers long and vague.",
			Signs: "Helpfulness and thumbs of support-reply v3 fall; v2 stays as it was.",
			Every: 3 * time.Hour, Offset: 132 * time.Minute, Length: 50 * time.Minute,
			Prompt: "support-reply", Version: "v3",
		},
		{
			Name: "slow-provider", Cause: "Anthropic answers four times slower than usual.",
			Signs: "Time to first token and duration of claude models rise; their error rate does not.",
			Every: 3 * time.Hour, Offset: 115 * time.Minute, Length: 12 * time.Minute,
			Provider: "anthropic", Slow: 4,
		},
		{
			Name: "runaway-user", Cause: "User u-loop has a client that resends a long prompt without end.",
			Signs: "Tokens and cost of one user and of gpt-4o-mini jump; latency and errors do not.",
			Every: 6 * time.Hour, Offset: 85 * time.Minute, Length: 10 * time.Minute,
			User: "u-loop", UserRate: 2,
		},
	}
}
