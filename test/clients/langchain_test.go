package clients

import (
	"context"
	"testing"

	"github.com/tmc/langchaingo/llms"
	lcanthropic "github.com/tmc/langchaingo/llms/anthropic"
	lcopenai "github.com/tmc/langchaingo/llms/openai"

	"github.com/pitot-dev/pitot/internal/testkit/clients"
)

func langchain(ctx context.Context, m llms.Model, q clients.Question) (a clients.Answer, err error) {
	var opts []llms.CallOption
	if q.Tool != "" {
		opts = append(opts, llms.WithTools([]llms.Tool{{Type: "function", Function: &llms.FunctionDefinition{Name: q.Tool, Description: "the weather", Parameters: cities}}}))
	}
	if q.Stream {
		opts = append(opts, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
	}
	r, err := m.GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, q.Prompt)}, opts...)
	if err != nil {
		return a, err
	}
	for _, c := range r.Choices {
		a.Text += c.Content
		for _, call := range c.ToolCalls {
			a.Tool = call.FunctionCall.Name
		}
	}
	return a, nil
}

func TestLangChainOpenAI(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "gpt-4o-mini", Provider: "openai",
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (clients.Answer, error) {
			m, err := lcopenai.New(lcopenai.WithToken(fakeKey), lcopenai.WithBaseURL(e.Models.URL("openai")), lcopenai.WithHTTPClient(e.HTTP), lcopenai.WithModel(q.Model))
			if err != nil {
				return clients.Answer{}, err
			}
			return langchain(ctx, m, q)
		},
	})
}

func TestLangChainAnthropic(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "claude-sonnet-4-20250514", Provider: "anthropic",
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (clients.Answer, error) {
			m, err := lcanthropic.New(lcanthropic.WithToken(fakeKey), lcanthropic.WithBaseURL(e.Models.URL("anthropic")+"/v1"), lcanthropic.WithHTTPClient(e.HTTP), lcanthropic.WithModel(q.Model))
			if err != nil {
				return clients.Answer{}, err
			}
			return langchain(ctx, m, q)
		},
	})
}
