// Command agent answers a question with an agent that may call a tool. The trace
// shows the agent, each model call, and each tool call with its input and
// output, nested as they happened.
//
//	export ANTHROPIC_API_KEY=... ENABLE_TELEMETRY=true
//	go run ./agent "What is the weather in Paris?"
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/pitot-dev/pitot"
)

func main() {
	if err := run(context.Background(), strings.Join(os.Args[1:], " ")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, question string) (err error) {
	shutdown, err := pitot.Setup(ctx, pitot.WithService("agent", "1.0.0"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()

	a := &agent{
		models: anthropic.NewClient(option.WithHTTPClient(pitot.HTTPClient())),
		// The input of the tool is recorded by itself.
		weather: pitot.ToolFunc("get_weather", weather),
	}
	answer, err := pitot.Agent(ctx, "assistant", func(ctx context.Context) (string, error) {
		return a.answer(ctx, question)
	}, pitot.Version("1"), pitot.Input(question), pitot.Session("example"))
	if err != nil {
		return err
	}
	fmt.Println(answer)
	return nil
}

type place struct {
	City string `json:"city"`
}

// weather is a tool. A real one would ask a service.
func weather(_ context.Context, p place) (string, error) {
	return "18 °C and sunny in " + p.City, nil
}

type agent struct {
	models  anthropic.Client
	weather func(context.Context, place) (string, error)
}

// maxSteps ends an agent that goes round in circles.
const maxSteps = 5

func (a *agent) answer(ctx context.Context, question string) (string, error) {
	messages := []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(question))}
	tool := anthropic.ToolParam{
		Name: "get_weather", Description: anthropic.String("The weather in a city."),
		InputSchema: anthropic.ToolInputSchemaParam{Properties: map[string]any{"city": map[string]any{"type": "string"}}},
	}
	for range maxSteps {
		m, err := a.models.Messages.New(ctx, anthropic.MessageNewParams{
			Model: "claude-sonnet-4-20250514", MaxTokens: 1024, Messages: messages, Tools: []anthropic.ToolUnionParam{{OfTool: &tool}},
		})
		if err != nil {
			return "", err
		}
		messages = append(messages, m.ToParam())
		var text strings.Builder
		var results []anthropic.ContentBlockParamUnion
		for _, block := range m.Content {
			switch b := block.AsAny().(type) {
			case anthropic.TextBlock:
				text.WriteString(b.Text)
			case anthropic.ToolUseBlock:
				results = append(results, a.use(ctx, b))
			}
		}
		if len(results) == 0 {
			return text.String(), nil
		}
		messages = append(messages, anthropic.NewUserMessage(results...))
	}
	return "", fmt.Errorf("no answer after %d steps", maxSteps)
}

// use calls the tool that the model asks for. An error is told to the model.
func (a *agent) use(ctx context.Context, b anthropic.ToolUseBlock) anthropic.ContentBlockParamUnion {
	var p place
	if err := json.Unmarshal(b.Input, &p); err != nil {
		return anthropic.NewToolResultBlock(b.ID, "the input is not valid: "+err.Error(), true)
	}
	out, err := a.weather(ctx, p)
	if err != nil {
		return anthropic.NewToolResultBlock(b.ID, err.Error(), true)
	}
	return anthropic.NewToolResultBlock(b.ID, out, false)
}
