// Package genkit tries Genkit with Pitot's SDK inside. It is a module of its own
// because its dependencies do not go together with those of the others.
package genkit

import (
	"context"
	"testing"

	"github.com/firebase/genkit/go/ai"
	"github.com/firebase/genkit/go/genkit"
	"github.com/firebase/genkit/go/plugins/compat_oai"
	"github.com/openai/openai-go/option"

	"github.com/pitot-dev/pitot/internal/testkit/clients"
)

func TestGenkit(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "gpt-4o-mini", Provider: "openai", Retries: true, ShowsRetries: true, HidesUsage: true, OwnSpans: true,
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			plugin := &compat_oai.OpenAICompatible{Provider: "openai", Opts: []option.RequestOption{
				option.WithAPIKey("not-a-key"), option.WithBaseURL(e.Models.URL("openai")), option.WithHTTPClient(e.HTTP),
			}}
			g := genkit.Init(ctx, genkit.WithPlugins(plugin))
			model := plugin.DefineModel("openai", q.Model, ai.ModelOptions{Supports: &ai.ModelSupports{Multiturn: true, Tools: true}})
			opts := []ai.GenerateOption{ai.WithModel(model), ai.WithPrompt(q.Prompt)}
			if q.Tool != "" {
				tool := genkit.DefineTool(g, q.Tool, "the weather", func(*ai.ToolContext, struct {
					City string `json:"city"`
				},
				) (string, error) {
					return "sunny", nil
				})
				opts = append(opts, ai.WithTools(tool), ai.WithReturnToolRequests(true))
			}
			if q.Stream {
				opts = append(opts, ai.WithStreaming(func(context.Context, *ai.ModelResponseChunk) error { return nil }))
			}
			r, err := genkit.Generate(ctx, g, opts...)
			if err != nil {
				return a, err
			}
			for _, t := range r.ToolRequests() {
				a.Tool = t.Name
			}
			if a.Tool == "" {
				a.Text = r.Text()
			}
			return a, nil
		},
	})
}
