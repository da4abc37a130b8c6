package clients

import (
	"context"
	"errors"
	"io"
	"testing"

	einoopenai "github.com/cloudwego/eino-ext/components/model/openai"
	"github.com/cloudwego/eino/schema"

	"github.com/pitot-dev/pitot/internal/testkit/clients"
)

func TestEino(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "gpt-4o-mini", Provider: "openai",
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			m, err := einoopenai.NewChatModel(ctx, &einoopenai.ChatModelConfig{APIKey: fakeKey, BaseURL: e.Models.URL("openai"), Model: q.Model, HTTPClient: e.HTTP})
			if err != nil {
				return a, err
			}
			if q.Tool != "" {
				err = m.BindTools([]*schema.ToolInfo{{Name: q.Tool, Desc: "the weather", ParamsOneOf: schema.NewParamsOneOfByParams(map[string]*schema.ParameterInfo{"city": {Type: schema.String}})}})
				if err != nil {
					return a, err
				}
			}
			take := func(msg *schema.Message) {
				a.Text += msg.Content
				for _, c := range msg.ToolCalls {
					a.Tool = c.Function.Name
				}
			}
			input := []*schema.Message{schema.UserMessage(q.Prompt)}
			if !q.Stream {
				msg, err := m.Generate(ctx, input)
				if err == nil {
					take(msg)
				}
				return a, err
			}
			stream, err := m.Stream(ctx, input)
			if err != nil {
				return a, err
			}
			defer stream.Close()
			for {
				msg, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return a, nil
				}
				if err != nil {
					return a, err
				}
				take(msg)
			}
		},
	})
}
