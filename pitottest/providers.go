package pitottest

import (
	"net/http/httptest"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit/dist"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// Providers are simulated providers of models on a loopback address. They speak
// the wire formats of OpenAI (chat completions, completions, responses,
// embeddings, images, audio, moderations) and what is compatible with it,
// Anthropic, Gemini, Bedrock, Cohere and Ollama; the path of a request says
// which. They answer at once.
//
// A request says by headers how it is answered, among them
//
//	X-Fake-Status: 429            an error instead of an answer
//	X-Fake-Error: overloaded      the type of the error
//	X-Fake-Text: hello            the answer, percent-encoded where it is not ASCII
//	X-Fake-Usage: input=7,output=8,cache_read=1,reasoning=3      or none
//	X-Fake-Chunks: 5              chunks of a stream
//	X-Fake-Tool: search           a call of that tool
//	X-Fake-Finish: length         the reason for the end
//	X-Fake-Error-After: 3         an error inside the stream, after 3 chunks
//	X-Fake-Cut-After: 3           a cut connection
//	X-Fake-Delay: 300ms           before the first content
//	X-Fake-Chunk-Interval: 20ms   between chunks
//	X-Fake-Encoding: gzip
type Providers struct {
	server *httptest.Server
	fake   *provider.Server
}

// NewProviders starts simulated providers that end with the test.
func NewProviders(t testing.TB) *Providers {
	t.Helper()
	// Models answer at once; only a delay that a request asks for is waited for.
	models := provider.DefaultModels()
	for i := range models {
		models[i].TTFT, models[i].Gap = dist.Dist{}, dist.Dist{}
	}
	other := models[0]
	other.Name, other.ResponseModel = "", ""
	p := &Providers{fake: provider.New(provider.Config{Models: models, Fallback: &other})}
	p.server = httptest.NewServer(p.fake)
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// URL is the base URL of a provider, as its client wants it. All providers are
// at one address; the name only chooses the path that a client leaves out:
// openai, deepseek and others compatible with OpenAI have /v1.
func (p *Providers) URL(name string) string {
	switch name {
	case "anthropic", "gemini", "bedrock", "cohere", "ollama", "azure":
		return p.server.URL
	}
	return p.server.URL + "/v1"
}

// Answer is what the providers sent for one request.
type Answer struct {
	ResponseID   string
	Model        string // that was asked for
	Status       int
	Text         string // without reasoning
	Tool         string // that was called
	FinishReason string // as it was sent
	InputTokens  int64
	OutputTokens int64
	UsageSent    bool // false where the answer said no usage
	Chunks       int
}

// Answers are the answers since the start, the latest 4096, in their order.
func (p *Providers) Answers() []Answer {
	truth := p.fake.Truth()
	out := make([]Answer, len(truth))
	for i := range truth {
		t := &truth[i]
		out[i] = Answer{
			ResponseID: t.ID, Model: t.Model, Status: t.Status, Text: t.Text, Tool: t.Tool, FinishReason: t.Finish,
			InputTokens: t.Input, OutputTokens: t.Output, UsageSent: t.Reported, Chunks: t.Chunks,
		}
	}
	return out
}
