package wire

import (
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestOpenAIRoutes(t *testing.T) {
	for path, want := range map[string]Route{
		"/v1/chat/completions":                                          {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/v1/chat/completions/":                                         {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/chat/completions?x=1":                                         {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/openai/v1/chat/completions":                                   {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/api/paas/v4/chat/completions":                                 {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/compatible-mode/v1/chat/completions":                          {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/v1beta/openai/chat/completions":                               {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/v1/projects/p/locations/l/endpoints/openapi/chat/completions": {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/v1/agents/completions":                                        {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat},
		"/v1/fim/completions":                                           {Dialect: OpenAI, API: apiCompletions, Operation: llm.OpTextCompletion},
		"/beta/completions":                                             {Dialect: OpenAI, API: apiCompletions, Operation: llm.OpTextCompletion},
		"/openai/deployments/my%2Dgpt/chat/completions?api-version=2024-10-21": {Dialect: Azure, API: apiChatCompletions, Operation: llm.OpChat, Model: "my-gpt"},
		"/openai/deployments/e/embeddings":                                     {Dialect: Azure, API: apiEmbeddings, Operation: llm.OpEmbeddings, Model: "e"},
		"/v1/responses":                                                        {Dialect: OpenAI, API: apiResponses, Operation: llm.OpResponses},
		"/v1/responses/compact":                                                {Dialect: OpenAI, API: apiResponses, Operation: llm.OpResponses},
		"/v1/embeddings":                                                       {Dialect: OpenAI, API: apiEmbeddings, Operation: llm.OpEmbeddings},
		"/v1/images/generations":                                               {Dialect: OpenAI, API: apiImages, Operation: llm.OpImage},
		"/v1/images/edits":                                                     {Dialect: OpenAI, API: apiImages, Operation: llm.OpImage},
		"/v1/audio/speech":                                                     {Dialect: OpenAI, API: apiAudioSpeech, Operation: llm.OpSpeech},
		"/v1/audio/translations":                                               {Dialect: OpenAI, API: apiAudioTranscription, Operation: llm.OpTranscription},
		"/v1/moderations":                                                      {Dialect: OpenAI, API: apiModerations, Operation: llm.OpModeration},
		"/v1/rerank":                                                           {Dialect: OpenAI, API: apiRerank, Operation: llm.OpRerank},
		"/rerank":                                                              {Dialect: OpenAI, API: apiRerank, Operation: llm.OpRerank},
		"/v1/chat":                                                             {Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat}, // Writer
	} {
		got, ok := Match(OpenAI, "post", path)
		if !ok || got != want {
			t.Errorf("%s: %+v, %v", path, got, ok)
		}
	}
	for _, path := range []string{
		"", "/", "/v1", "/v1/models", "/v1/files", "/v1/batches", "/v1/assistants", "/v1/threads", "/v1/threads/t/messages", "/v1/threads/t/runs",
		"/v1/responses/r/cancel", "/v1/responses/input_tokens", "/v1/chat/completions/c1", "/v1/edits", "/speech", "/v1/uploads", "/v1/fine_tuning/jobs",
		"/tokenize", "/v1/vector_stores/v/search", "/model/", "/model/x", "/x:y", "//", "/v1/conversations",
	} {
		if rt, ok := Match(OpenAI, "POST", path); ok {
			t.Errorf("%q matched as %+v", path, rt)
		}
	}
	if _, ok := Match(OpenAI, "GET", "/v1/chat/completions"); ok {
		t.Error("listing stored completions is no call of a model")
	}
}

func FuzzMatch(f *testing.F) {
	for _, p := range []string{"/v1/chat/completions?x", "/model/a%2Fb/converse", "/m:generateContent", "/m%3agenerateContent", "/deployments//x/completions", "%", "/model//invoke"} {
		f.Add("openai", p)
	}
	f.Fuzz(func(t *testing.T, d, path string) {
		rt, ok := Match(Dialect(d), "POST", path)
		if ok != (rt.API != "" && rt.Operation != "" && rt.Dialect != "") && ok {
			t.Errorf("%q: %+v", path, rt)
		}
		if _, prefixed := Match(Dialect(d), "POST", "/prefix"+path); ok && !prefixed && path != "" && path[0] == '/' {
			t.Errorf("%q matches, but not behind a prefix", path)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Match(OpenAI, "POST", "/v1/chat/completions"); !ok {
			b.Fatal("no match")
		}
	}
}
