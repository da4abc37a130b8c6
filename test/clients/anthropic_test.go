package clients

import (
	"context"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/pitot-dev/pitot/internal/testkit/clients"
)

func TestAnthropic(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "claude-sonnet-4-20250514", Provider: "anthropic", Retries: true, ShowsRetries: true,
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			client := anthropic.NewClient(option.WithAPIKey(fakeKey), option.WithBaseURL(e.Models.URL("anthropic")), option.WithHTTPClient(e.HTTP))
			params := anthropic.MessageNewParams{
				Model: anthropic.Model(q.Model), MaxTokens: 256,
				Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(q.Prompt))},
			}
			if q.Tool != "" {
				params.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
					Name: q.Tool, InputSchema: anthropic.ToolInputSchemaParam{Properties: cities["properties"]},
				}}}
			}
			var m anthropic.Message
			if q.Stream {
				stream := client.Messages.NewStreaming(ctx, params)
				for stream.Next() {
					if err := m.Accumulate(stream.Current()); err != nil {
						return a, err
					}
				}
				err = stream.Err()
			} else {
				var r *anthropic.Message
				if r, err = client.Messages.New(ctx, params); err == nil {
					m = *r
				}
			}
			for _, b := range m.Content {
				switch b.Type {
				case "text":
					a.Text += b.Text
				case "tool_use":
					a.Tool = b.Name
				}
			}
			return a, err
		},
	})
}
