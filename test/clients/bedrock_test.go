package clients

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"

	"github.com/pitot-dev/pitot/internal/testkit/clients"
)

const claudeOnBedrock = "anthropic.claude-sonnet-4-20250514-v1:0"

func bedrock(e *clients.Env) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(e.Models.URL("bedrock")), HTTPClient: e.HTTP,
		Credentials: credentials.NewStaticCredentialsProvider("not", "a-key", ""),
	})
}

func TestBedrockConverse(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: claudeOnBedrock, Provider: "aws.bedrock", Retries: true, ShowsRetries: true,
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			client := bedrock(e)
			messages := []types.Message{{Role: types.ConversationRoleUser, Content: []types.ContentBlock{&types.ContentBlockMemberText{Value: q.Prompt}}}}
			var tools *types.ToolConfiguration
			if q.Tool != "" {
				tools = &types.ToolConfiguration{Tools: []types.Tool{&types.ToolMemberToolSpec{Value: types.ToolSpecification{
					Name: aws.String(q.Tool), InputSchema: &types.ToolInputSchemaMemberJson{Value: document.NewLazyDocument(cities)},
				}}}}
			}
			if q.Stream {
				out, err := client.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: aws.String(q.Model), Messages: messages, ToolConfig: tools})
				if err != nil {
					return a, err
				}
				stream := out.GetStream()
				defer stream.Close()
				for ev := range stream.Events() {
					if d, ok := ev.(*types.ConverseStreamOutputMemberContentBlockDelta); ok {
						if text, ok := d.Value.Delta.(*types.ContentBlockDeltaMemberText); ok {
							a.Text += text.Value
						}
					}
				}
				return a, stream.Err()
			}
			out, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(q.Model), Messages: messages, ToolConfig: tools})
			if err != nil {
				return a, err
			}
			for _, b := range out.Output.(*types.ConverseOutputMemberMessage).Value.Content {
				switch b := b.(type) {
				case *types.ContentBlockMemberText:
					a.Text += b.Value
				case *types.ContentBlockMemberToolUse:
					a.Tool = aws.ToString(b.Value.Name)
				}
			}
			return a, nil
		},
	})
}

// InvokeModel carries the model's own format: here Anthropic's.
func TestBedrockInvoke(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: claudeOnBedrock, Provider: "aws.bedrock", Retries: true, ShowsRetries: true, NoTools: true,
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			client := bedrock(e)
			body, err := json.Marshal(map[string]any{
				"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": []map[string]any{{"role": "user", "content": q.Prompt}},
			})
			if err != nil {
				return a, err
			}
			if q.Stream {
				out, err := client.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{ModelId: aws.String(q.Model), Body: body, ContentType: aws.String("application/json")})
				if err != nil {
					return a, err
				}
				stream := out.GetStream()
				defer stream.Close()
				for ev := range stream.Events() {
					if c, ok := ev.(*types.ResponseStreamMemberChunk); ok {
						var chunk struct{ Delta struct{ Text string } }
						if err := json.Unmarshal(c.Value.Bytes, &chunk); err != nil {
							return a, err
						}
						a.Text += chunk.Delta.Text
					}
				}
				return a, stream.Err()
			}
			out, err := client.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String(q.Model), Body: body, ContentType: aws.String("application/json")})
			if err != nil {
				return a, err
			}
			var m struct{ Content []struct{ Text string } }
			if err := json.Unmarshal(out.Body, &m); err != nil {
				return a, err
			}
			for _, c := range m.Content {
				a.Text += c.Text
			}
			return a, nil
		},
	})
}
