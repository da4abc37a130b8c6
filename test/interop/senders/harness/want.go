package harness

import (
	"encoding/json"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// Want is what was really done in a run: the providers' log of the answers, and
// the scenario that says what for. Numbers that no answer carried are absent.
type Want struct {
	Sender   string `json:"sender"`
	Scenario string `json:"scenario"`
	Service  string `json:"service"`
	// Calls are the model calls in order.
	Calls []WantCall `json:"calls"`
	// Spans are what the application did around them, outermost first.
	Spans []Span `json:"spans,omitempty"`
	// Cannot names what the sender does not deliver in this scenario, and why.
	Cannot map[string]string `json:"cannot,omitempty"`
}

// WantCall is one model call as the provider saw it. Tokens are inclusive: input
// includes the cache, output includes reasoning.
type WantCall struct {
	Provider      string   `json:"provider"`
	Operation     string   `json:"operation"`
	RequestModel  string   `json:"request_model"`
	ResponseModel string   `json:"response_model,omitempty"`
	ResponseID    string   `json:"response_id,omitempty"`
	Stream        bool     `json:"stream"`
	Status        string   `json:"status"` // ok or error
	HTTPStatus    int      `json:"http_status"`
	ErrorType     string   `json:"error_type,omitempty"` // the provider's code or type
	FinishReasons []string `json:"finish_reasons,omitempty"`

	// UsageReported is whether the answer carried usage. What a sender says of an
	// answer that did not is its own count.
	UsageReported    bool   `json:"usage_reported"`
	InputTokens      *int64 `json:"input_tokens,omitempty"`
	OutputTokens     *int64 `json:"output_tokens,omitempty"`
	CacheReadTokens  *int64 `json:"cache_read_tokens,omitempty"`
	CacheWriteTokens *int64 `json:"cache_write_tokens,omitempty"`
	ReasoningTokens  *int64 `json:"reasoning_tokens,omitempty"`

	// CostUSD is what the provider charges for it, by its list price.
	CostUSD *float64 `json:"cost_usd,omitempty"`

	// InputText is what the user asked first.
	InputText string `json:"input_text,omitempty"`
	// OutputText is the text of the answer.
	OutputText string `json:"output_text,omitempty"`

	// TTFTSeconds is when the first content was written: for streams only. A client
	// sees it later, and the first chunk without content earlier.
	TTFTSeconds     float64 `json:"ttft_seconds,omitempty"`
	DurationSeconds float64 `json:"duration_seconds"`

	User     string   `json:"user,omitempty"`
	Session  string   `json:"session,omitempty"`
	Agent    string   `json:"agent,omitempty"`
	Workflow string   `json:"workflow,omitempty"`
	Tools    []string `json:"tools,omitempty"` // that the answer asks for
	Tree     []string `json:"tree,omitempty"`  // names of the spans around it, outermost first
}

// WantOf says what was really done in a run of scenario s.
func WantOf(s Scenario, truth []provider.Truth) Want {
	w := Want{Scenario: s.Name, Calls: []WantCall{}, Spans: s.Spans}
	for i, t := range truth {
		w.Calls = append(w.Calls, wantCall(s, s.answer(i), t))
	}
	return w
}

func wantCall(s Scenario, a Answer, t provider.Truth) WantCall {
	c := WantCall{
		Provider: llm.ProviderOpenAI, Operation: operationOf(t.Format), RequestModel: t.Model, ResponseModel: t.Answered, ResponseID: t.ID,
		Stream: t.Stream, Status: string(llm.StatusOK), HTTPStatus: t.Status, ErrorType: t.ErrorType,
		UsageReported: t.Reported, DurationSeconds: t.Duration.Seconds(), InputText: inputText(t.Body), OutputText: t.Text,
		Agent: a.Agent, Workflow: a.Workflow, Tree: a.Within,
	}
	if t.Format == "messages" {
		c.Provider = llm.ProviderAnthropic
	}
	if t.ErrorType != "" || t.Status >= 400 {
		c.Status = string(llm.StatusError)
	}
	if t.Finish != "" {
		c.FinishReasons = []string{llm.FinishReason(t.Finish)}
	}
	if t.Reported {
		c.InputTokens = &t.Input
		for _, n := range []struct {
			to   **int64
			from int64
		}{{&c.OutputTokens, t.Output}, {&c.CacheReadTokens, t.CacheRead}, {&c.CacheWriteTokens, t.CacheWrite}, {&c.ReasoningTokens, t.Reasoning}} {
			if n.from > 0 {
				*n.to = &n.from
			}
		}
	}
	if cost, ok := costOf(t); ok {
		c.CostUSD = &cost
	}
	if t.Stream {
		c.TTFTSeconds = t.TTFT.Seconds()
	}
	if t.Tool != "" {
		c.Tools = []string{t.Tool}
	}
	if s.Context {
		c.User, c.Session = User, Session
	}
	return c
}

// inputText finds the first text of a user in the body of a request to OpenAI or
// Anthropic.
func inputText(body []byte) string {
	var q struct {
		Messages []turn          `json:"messages"`
		Input    json.RawMessage `json:"input"`
	}
	if json.Unmarshal(body, &q) != nil {
		return ""
	}
	if len(q.Input) > 0 && json.Unmarshal(q.Input, &q.Messages) != nil {
		q.Messages = []turn{{Role: "user", Content: q.Input}} // a text, or several to embed
	}
	for _, m := range q.Messages {
		if m.Role == "user" {
			return textOf(m.Content)
		}
	}
	return ""
}

type turn struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// textOf reads content that is a text, a list of texts or a list of parts.
func textOf(content json.RawMessage) string {
	var text string
	var texts []string
	var parts []struct {
		Text string `json:"text"`
	}
	switch {
	case json.Unmarshal(content, &text) == nil:
		return text
	case json.Unmarshal(content, &texts) == nil && len(texts) > 0:
		return texts[0]
	case json.Unmarshal(content, &parts) == nil && len(parts) > 0:
		return parts[0].Text
	}
	return ""
}

// rate is a price in dollars for a million tokens.
type rate struct{ input, cacheRead, cacheWrite, output float64 }

// costOf is the price of an answer that carried usage.
func costOf(t provider.Truth) (float64, bool) {
	r, ok := map[string]rate{
		"gpt-4o-mini":              {0.15, 0.075, 0, 0.6},
		"gpt-5-mini":               {0.25, 0.025, 0, 2},
		"text-embedding-3-small":   {0.02, 0, 0, 0},
		"claude-sonnet-4-20250514": {3, 0.3, 3.75, 15},
	}[t.Model]
	if !ok || !t.Reported {
		return 0, false
	}
	micro := r.input*float64(t.Input-t.CacheRead-t.CacheWrite) + r.cacheRead*float64(t.CacheRead) + r.cacheWrite*float64(t.CacheWrite) + r.output*float64(t.Output)
	return micro / 1e6, true
}

func operationOf(format string) string {
	switch {
	case format == "responses":
		return string(llm.OpResponses)
	case strings.Contains(format, "embed"):
		return string(llm.OpEmbeddings)
	case format == "generate_content":
		return string(llm.OpGenerateContent)
	}
	return string(llm.OpChat)
}
