// Package clients tries official and common client libraries with Pitot's SDK
// inside, against simulated providers.
package clients

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/testkit/clients"
	"github.com/pitot-dev/pitot/pitottest"
)

const fakeKey = "not-a-key"

// cities is the schema of a tool's one parameter.
var cities = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}}

func openAI(e *clients.Env) openai.Client {
	return openai.NewClient(option.WithAPIKey(fakeKey), option.WithBaseURL(e.Models.URL("openai")), option.WithHTTPClient(e.HTTP))
}

func TestOpenAIChat(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "gpt-4o-mini", Provider: "openai", Retries: true, ShowsRetries: true, HidesUsage: true,
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			client := openAI(e)
			params := openai.ChatCompletionNewParams{Model: q.Model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(q.Prompt)}}
			if q.Tool != "" {
				params.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: q.Tool, Parameters: cities})}
			}
			if q.Stream {
				stream := client.Chat.Completions.NewStreaming(ctx, params)
				for stream.Next() {
					for _, c := range stream.Current().Choices {
						a.Text += c.Delta.Content
					}
				}
				return a, stream.Err()
			}
			r, err := client.Chat.Completions.New(ctx, params)
			if err != nil {
				return a, err
			}
			for _, c := range r.Choices[0].Message.ToolCalls {
				a.Tool = c.Function.Name
			}
			a.Text = r.Choices[0].Message.Content
			return a, nil
		},
	})
}

func TestOpenAIResponses(t *testing.T) {
	clients.Run(t, clients.Client{
		Model: "gpt-4o-mini", Provider: "openai", Retries: true, ShowsRetries: true,
		Ask: func(ctx context.Context, e *clients.Env, q clients.Question) (a clients.Answer, err error) {
			client := openAI(e)
			params := responses.ResponseNewParams{Model: q.Model, Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(q.Prompt)}}
			if q.Tool != "" {
				params.Tools = []responses.ToolUnionParam{{OfFunction: &responses.FunctionToolParam{Name: q.Tool, Parameters: cities, Strict: openai.Bool(true)}}}
			}
			if q.Stream {
				stream := client.Responses.NewStreaming(ctx, params)
				for stream.Next() {
					if ev, ok := stream.Current().AsAny().(responses.ResponseTextDeltaEvent); ok {
						a.Text += ev.Delta
					}
				}
				return a, stream.Err()
			}
			r, err := client.Responses.New(ctx, params)
			if err != nil {
				return a, err
			}
			for _, item := range r.Output {
				if item.Type == "function_call" {
					a.Tool = item.Name
				}
			}
			a.Text = r.OutputText()
			return a, nil
		},
	})
}

// What is not chat is one call each, with its own operation.
func TestOpenAIOtherCalls(t *testing.T) {
	models := pitottest.NewProviders(t)
	rec := pitottest.Start(t)
	client := openAI(&clients.Env{Models: models, HTTP: pitot.HTTPClient()})
	ctx := t.Context()
	emb, err := client.Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "text-embedding-3-small", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"a", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Images.Generate(ctx, openai.ImageGenerateParams{Model: "gpt-image-1", Prompt: "a fox"}); err != nil {
		t.Fatal(err)
	}
	speech, err := client.Audio.Speech.New(ctx, openai.AudioSpeechNewParams{Model: "tts-1", Input: "hello", Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")}})
	if err != nil {
		t.Fatal(err)
	}
	_ = speech.Body.Close()
	if _, err := client.Moderations.New(ctx, openai.ModerationNewParams{Model: "omni-moderation-latest", Input: openai.ModerationNewParamsInputUnion{OfString: openai.String("x")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Models.List(ctx); err != nil { // not a call of a model
		t.Log(err)
	}
	calls := rec.WaitCalls(4)
	var ops []string
	for _, c := range calls {
		ops = append(ops, string(c.Operation))
	}
	if got := strings.Join(ops, " "); got != "embeddings image_generation speech moderation" {
		t.Errorf("operations %s", got)
	}
	if calls[0].Usage.InputTokens != emb.Usage.PromptTokens {
		t.Errorf("embeddings: %+v, the client got %+v", calls[0].Usage, emb.Usage)
	}
}

// A caller that stops reading ends the call with what it has read.
func TestOpenAIStreamClosedEarly(t *testing.T) {
	models := pitottest.NewProviders(t)
	rec := pitottest.Start(t)
	base := &slowdown{base: &http.Transport{}}
	defer base.base.CloseIdleConnections()
	client := openAI(&clients.Env{Models: models, HTTP: &http.Client{Transport: pitot.Transport(base)}})
	stream := client.Chat.Completions.NewStreaming(t.Context(), openai.ChatCompletionNewParams{Model: "gpt-4o-mini", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}})
	for range 2 {
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	c := rec.WaitCalls(1)[0]
	b, _ := json.Marshal(c)
	if c.Chunks == 0 || c.UsageKnown || c.HTTPStatus != http.StatusOK {
		t.Errorf("%s", b)
	}
}

// slowdown asks the providers for a stream that has not ended when it is closed.
type slowdown struct{ base *http.Transport }

func (s *slowdown) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Fake-Status", "200")
	r.Header.Set("X-Fake-Chunks", "50")
	r.Header.Set("X-Fake-Chunk-Interval", "50ms")
	return s.base.RoundTrip(r)
}
