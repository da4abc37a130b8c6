package pitot

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

func TestMatch(t *testing.T) {
	const chat = `{"model":"m","messages":[]}`
	r, _ := testCore(t, WithHost("models.example.com", "anthropic"), WithHost("llm.example.com:9000", "openai/my-models"))
	for _, tc := range []struct {
		url      string
		body     string
		header   string
		provider string // "" for none
		op       llm.Operation
		region   string
	}{
		{"https://api.openai.com/v1/chat/completions", "", "", "openai", llm.OpChat, ""},
		{"https://api.openai.com:443/v1/responses", "", "", "openai", llm.OpResponses, ""},
		{"https://api.openai.com/v1/embeddings", "", "", "openai", llm.OpEmbeddings, ""},
		{"https://api.openai.com/v1/files", "", "", "", "", ""},
		{"https://api.openai.com/v1/batches", "", "", "", "", ""},
		{"https://me.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=1", "", "", "azure.ai.openai", llm.OpChat, ""},
		{"https://me.services.ai.azure.com/models/chat/completions", "", "", "azure.ai.inference", llm.OpChat, ""},
		{"https://apim.example.com/openai/deployments/gpt/chat/completions", "", "", "azure.ai.openai", llm.OpChat, ""},
		{"https://api.anthropic.com/v1/messages", "", "", "anthropic", llm.OpChat, ""},
		{"https://api.anthropic.com/v1/messages/count_tokens", "", "", "", "", ""},
		{"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent", "", "", "gcp.gemini", llm.OpGenerateContent, ""},
		{"https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/g:streamGenerateContent", "", "", "gcp.vertex_ai", llm.OpGenerateContent, "us-central1"},
		{"https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude/converse-stream", "", "", "aws.bedrock", llm.OpChat, "eu-west-1"},
		{"https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/model/m/invoke", "", "", "aws.bedrock", llm.OpChat, "us-east-1"},
		{"https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/model/m/invoke", "", "", "aws.bedrock", llm.OpChat, "us-gov-west-1"},
		{"https://sts.us-east-1.amazonaws.com/", "", "", "", "", ""},
		{"https://api.cohere.com/v2/chat", "", "", "cohere", llm.OpChat, ""},
		{"https://api.cohere.com/v2/rerank", "", "", "cohere", llm.OpRerank, ""},
		{"https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions", "", "", "dashscope", llm.OpChat, "cn"},
		// Servers of one's own.
		{"http://127.0.0.1:11434/api/chat", chat, "", "ollama", llm.OpChat, ""},
		{"http://localhost:8000/v1/chat/completions", "", "", "vllm", llm.OpChat, ""},
		{"http://10.0.0.7:8000/v1/chat/completions", "", "", "openai", llm.OpChat, ""},
		{"http://vllm.internal/v1/embeddings", `{"model":"m","input":"x"}`, "", "openai", llm.OpEmbeddings, ""},
		{"http://vllm.internal/v1/embeddings", `{"text":"x"}`, "", "", "", ""},
		{"http://proxy.internal/v1/messages", chat, "", "anthropic", llm.OpChat, ""},
		{"http://proxy.internal/v1/messages", "", "Anthropic-Version", "anthropic", llm.OpChat, ""},
		{"http://proxy.internal/v1/messages", `{"to":"x"}`, "", "", "", ""},
		{"http://proxy.internal/model/x/invoke", `{}`, "", "", "", ""},
		{"http://proxy.internal/model/x/invoke", `{}`, "Amz-Sdk-Invocation-Id", "aws.bedrock", llm.OpChat, ""},
		{"https://chat.example.com/api/chat", `{"message":"is there a model?"}`, "", "", "", ""},
		// The gateway.
		{"http://127.0.0.1:4401/openai/v1/chat/completions", "", "", "openai", llm.OpChat, ""},
		{"http://127.0.0.1:4401/deepseek/chat/completions", "", "", "deepseek", llm.OpChat, ""},
		{"http://gateway.internal/anthropic/v1/messages", chat, "", "anthropic", llm.OpChat, ""},
		{"http://gateway.internal/zhipu/api/paas/v4/chat/completions", "", "", "zhipu", llm.OpChat, "cn"},
		// Named by the program.
		{"https://models.example.com/v1/messages", "", "", "anthropic", llm.OpChat, ""},
		{"http://llm.example.com:9000/v1/embeddings", "", "", "my-models", llm.OpEmbeddings, ""},
		{"http://llm.example.com:9001/v1/embeddings", "", "", "", "", ""},
		{"http://[::1]:11434/api/generate", `{"model":"m","prompt":"x"}`, "", "ollama", llm.OpTextCompletion, ""},
	} {
		req := post(t, tc.url, tc.body)
		if tc.header != "" {
			req.Header[tc.header] = []string{"x"}
		}
		rt, e, ok := r.match(req)
		if ok != (tc.provider != "") {
			t.Errorf("%s %s: taken for a call: %v", tc.url, tc.body, ok)
			continue
		}
		if ok && (e.provider != tc.provider || rt.Operation != tc.op || e.region != tc.region) {
			t.Errorf("%s: provider %q, operation %q, region %q", tc.url, e.provider, rt.Operation, e.region)
		}
	}
}

// TestKnownHostsAreWellFormed checks the tables.
func TestKnownHostsAreWellFormed(t *testing.T) {
	for host, e := range knownHosts {
		if host != strings.ToLower(host) || strings.ContainsAny(host, "/: ") || e.provider == "" || e.dialect == "" || e.provider != llm.CanonicalProvider(e.provider) {
			t.Errorf("%s: %+v", host, e)
		}
	}
	for name, e := range gatewayNames {
		if e.provider == "" || e.dialect == "" || strings.Contains(name, "/") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	for _, d := range []wire.Dialect{wire.OpenAI, wire.Azure, wire.Anthropic, wire.Gemini, wire.Bedrock, wire.Cohere, wire.Ollama, ""} {
		if providerOf(d) == "" {
			t.Errorf("%s: no provider", d)
		}
	}
}

func TestMatchAllocatesNothingForOthers(t *testing.T) {
	r, _ := testCore(t)
	get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, chatURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	other := post(t, "https://api.example.com/v1/things", "{}")
	if n := testing.AllocsPerRun(100, func() {
		_, _, _ = r.match(get)
		_, _, _ = r.match(other)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
