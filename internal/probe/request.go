package probe

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/pitot-dev/pitot/internal/wire"
)

// question is a request in the dialect of an upstream.
type question struct {
	path string
	body []byte
}

// question writes the request of a probe. Bedrock's requests are signed, which
// takes the keys that only its clients have.
func (t *Target) question(d wire.Dialect) (question, error) {
	user := []map[string]any{{"role": "user", "content": t.Prompt}}
	var path string
	var body map[string]any
	switch d {
	case wire.OpenAI, "":
		path = "/v1/chat/completions"
		body = map[string]any{"model": t.Model, "messages": user, "max_tokens": t.MaxTokens, "stream": *t.Stream}
		if *t.Stream {
			body["stream_options"] = map[string]any{"include_usage": true}
		}
	case wire.Azure:
		path = "/openai/deployments/" + url.PathEscape(t.Model) + "/chat/completions?api-version=2024-10-21"
		body = map[string]any{"messages": user, "max_tokens": t.MaxTokens, "stream": *t.Stream}
	case wire.Anthropic:
		path = "/v1/messages"
		body = map[string]any{"model": t.Model, "messages": user, "max_tokens": t.MaxTokens, "stream": *t.Stream}
	case wire.Cohere:
		path = "/v2/chat"
		body = map[string]any{"model": t.Model, "messages": user, "max_tokens": t.MaxTokens, "stream": *t.Stream}
	case wire.Ollama:
		path = "/api/chat"
		body = map[string]any{"model": t.Model, "messages": user, "stream": *t.Stream, "options": map[string]any{"num_predict": t.MaxTokens}}
	case wire.Gemini:
		path = "/v1beta/models/" + url.PathEscape(t.Model)
		if *t.Stream {
			path += ":streamGenerateContent?alt=sse"
		} else {
			path += ":generateContent"
		}
		body = map[string]any{
			"contents":         []map[string]any{{"role": "user", "parts": []map[string]any{{"text": t.Prompt}}}},
			"generationConfig": map[string]any{"maxOutputTokens": t.MaxTokens},
		}
	default:
		return question{}, fmt.Errorf("probes cannot ask an upstream of dialect %s: its requests are signed by the client; probe it through an OpenAI-compatible endpoint", d)
	}
	if t.Path != "" {
		path = t.Path
	}
	b, err := json.Marshal(body)
	return question{path, b}, err
}
