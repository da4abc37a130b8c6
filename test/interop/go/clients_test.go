// Package interop runs the official Go clients against Pitot's gateway in front
// of simulated providers, and asks Pitot's API what it recorded. GATEWAY and API
// are the addresses of a running `pitot demo`; test/interop/run sets them.
package interop

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"google.golang.org/genai"
)

type call struct {
	ID         string  `json:"id"`
	Stream     bool    `json:"stream"`
	Status     string  `json:"status"`
	HTTPStatus int     `json:"http_status"`
	ResponseID string  `json:"response_id"`
	TTFT       float64 `json:"ttft_seconds"`
	Usage      struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	} `json:"usage"`
}

func addresses(t *testing.T) (gateway, api string) {
	t.Helper()
	gateway, api = os.Getenv("GATEWAY"), os.Getenv("API")
	if gateway == "" || api == "" {
		t.Skip("GATEWAY and API are not set: run test/interop/run")
	}
	return gateway, api
}

func session() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func recorded(t *testing.T, api, session string, count int) []call {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(30 * time.Second)
	for range tick.C {
		resp, err := http.Get(api + "/api/pitot/v1/calls?order=oldest&session=" + session)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Calls []call }
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Calls) == count {
			return page.Calls
		}
		if len(page.Calls) > count || time.Now().After(deadline) {
			t.Fatalf("%d calls recorded, want %d", len(page.Calls), count)
		}
	}
	return nil
}

const fakeKey = "not-a-key"

func TestOpenAI(t *testing.T) {
	gateway, api := addresses(t)
	id := session()
	client := openai.NewClient(option.WithAPIKey(fakeKey), option.WithBaseURL(gateway+"/openai/v1"), option.WithMaxRetries(0),
		option.WithHeader("X-Pitot-Session", id), option.WithHeader("X-Fake-Status", "200"))
	params := openai.ChatCompletionNewParams{Model: "gpt-4o-mini", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello")}}
	answer, err := client.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	var text strings.Builder
	for stream.Next() {
		for _, c := range stream.Current().Choices {
			text.WriteString(c.Delta.Content)
		}
	}
	if err := stream.Err(); err != nil || text.Len() == 0 {
		t.Fatalf("stream: %q %v", text.String(), err)
	}
	calls := recorded(t, api, id, 2)
	if c := calls[0]; c.ResponseID != answer.ID || c.Usage.Input != answer.Usage.PromptTokens || c.Usage.Output != answer.Usage.CompletionTokens {
		t.Errorf("unary: %+v, want %+v", c, answer.Usage)
	}
	if c := calls[1]; !c.Stream || c.TTFT <= 0 || c.Usage.Output <= 0 {
		t.Errorf("stream: %+v", c)
	}
}

func TestAnthropic(t *testing.T) {
	gateway, api := addresses(t)
	id := session()
	client := anthropic.NewClient(anthropicoption.WithAPIKey(fakeKey), anthropicoption.WithBaseURL(gateway+"/anthropic"), anthropicoption.WithMaxRetries(0),
		anthropicoption.WithHeader("X-Pitot-Session", id), anthropicoption.WithHeader("X-Fake-Status", "200"))
	params := anthropic.MessageNewParams{
		Model: "claude-sonnet-4-20250514", MaxTokens: 256,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hello"))},
	}
	answer, err := client.Messages.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Messages.NewStreaming(t.Context(), params)
	var streamed anthropic.Message
	for stream.Next() {
		if err := streamed.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	input := func(u anthropic.Usage) int64 {
		return u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens
	}
	calls := recorded(t, api, id, 2)
	if c := calls[0]; c.ResponseID != answer.ID || c.Usage.Input != input(answer.Usage) || c.Usage.Output != answer.Usage.OutputTokens {
		t.Errorf("unary: %+v, want %+v", c, answer.Usage)
	}
	if c := calls[1]; !c.Stream || c.Usage.Input != input(streamed.Usage) || c.Usage.Output != streamed.Usage.OutputTokens {
		t.Errorf("stream: %+v, want %+v", c, streamed.Usage)
	}
}

func TestGemini(t *testing.T) {
	gateway, api := addresses(t)
	id := session()
	client, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: fakeKey, Backend: genai.BackendGeminiAPI,
		HTTPOptions: genai.HTTPOptions{BaseURL: gateway + "/gemini", Headers: http.Header{"X-Pitot-Session": {id}, "X-Fake-Status": {"200"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Models.GenerateContent(t.Context(), "gemini-2.5-flash", genai.Text("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var last *genai.GenerateContentResponseUsageMetadata
	for chunk, err := range client.Models.GenerateContentStream(t.Context(), "gemini-2.5-flash", genai.Text("hello"), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if chunk.UsageMetadata != nil {
			last = chunk.UsageMetadata
		}
	}
	output := func(u *genai.GenerateContentResponseUsageMetadata) int64 {
		return int64(u.CandidatesTokenCount) + int64(u.ThoughtsTokenCount)
	}
	calls := recorded(t, api, id, 2)
	if c := calls[0]; c.Usage.Input != int64(answer.UsageMetadata.PromptTokenCount) || c.Usage.Output != output(answer.UsageMetadata) {
		t.Errorf("unary: %+v, want %+v", c, answer.UsageMetadata)
	}
	if c := calls[1]; !c.Stream || last == nil || c.Usage.Output != output(last) {
		t.Errorf("stream: %+v, want %+v", c, last)
	}
}
