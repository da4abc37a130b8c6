package clients

import (
	"context"
	"net/url"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/pitot-dev/pitot/internal/testkit/clients"
)

func TestOllama(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "llama3.2", Provider: "ollama", ToolFinish: "stop",
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			base, err := url.Parse(e.Models.URL("ollama"))
			if err != nil {
				return a, err
			}
			req := &api.ChatRequest{Model: q.Model, Messages: []api.Message{{Role: "user", Content: q.Prompt}}, Stream: &q.Stream}
			if q.Tool != "" {
				req.Tools = api.Tools{{Type: "function", Function: api.ToolFunction{Name: q.Tool, Parameters: api.ToolFunctionParameters{Type: "object"}}}}
			}
			err = api.NewClient(base, e.HTTP).Chat(ctx, req, func(r api.ChatResponse) error {
				a.Text += r.Message.Content
				for _, c := range r.Message.ToolCalls {
					a.Tool = c.Function.Name
				}
				return nil
			})
			return a, err
		},
	})
}
