package clients

import (
	"context"
	"testing"

	"google.golang.org/genai"

	"github.com/pitot-dev/pitot/internal/testkit/clients"
)

func TestGemini(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "gemini-2.5-flash", Provider: "gcp.gemini", ToolFinish: "stop",
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			client, err := genai.NewClient(ctx, &genai.ClientConfig{
				APIKey: fakeKey, Backend: genai.BackendGeminiAPI, HTTPClient: e.HTTP, HTTPOptions: genai.HTTPOptions{BaseURL: e.Models.URL("gemini")},
			})
			if err != nil {
				return a, err
			}
			var cfg *genai.GenerateContentConfig
			if q.Tool != "" {
				cfg = &genai.GenerateContentConfig{Tools: []*genai.Tool{{FunctionDeclarations: []*genai.FunctionDeclaration{{
					Name: q.Tool, ParametersJsonSchema: cities,
				}}}}}
			}
			take := func(r *genai.GenerateContentResponse) {
				for _, c := range r.Candidates {
					if c.Content == nil {
						continue
					}
					for _, p := range c.Content.Parts {
						if p.FunctionCall != nil {
							a.Tool = p.FunctionCall.Name
						}
						if !p.Thought {
							a.Text += p.Text
						}
					}
				}
			}
			if q.Stream {
				for r, err := range client.Models.GenerateContentStream(ctx, q.Model, genai.Text(q.Prompt), cfg) {
					if err != nil {
						return a, err
					}
					take(r)
				}
				return a, nil
			}
			r, err := client.Models.GenerateContent(ctx, q.Model, genai.Text(q.Prompt), cfg)
			if err == nil {
				take(r)
			}
			return a, err
		},
	})
}
