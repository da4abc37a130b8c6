package pitot

import (
	"bytes"
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// endpoint is what is known of a host.
type endpoint struct {
	dialect  wire.Dialect
	provider string
	region   string
}

func at(provider string, d wire.Dialect) endpoint {
	return endpoint{dialect: d, provider: provider}
}

func inChina(provider string) endpoint {
	return endpoint{dialect: wire.OpenAI, provider: provider, region: "cn"}
}

// knownHosts are the hosts of providers' APIs. It is never written to.
var knownHosts = map[string]endpoint{
	"api.openai.com":                    at(llm.ProviderOpenAI, wire.OpenAI),
	"us.api.openai.com":                 at(llm.ProviderOpenAI, wire.OpenAI),
	"eu.api.openai.com":                 at(llm.ProviderOpenAI, wire.OpenAI),
	"api.anthropic.com":                 at(llm.ProviderAnthropic, wire.Anthropic),
	"generativelanguage.googleapis.com": at(llm.ProviderGemini, wire.Gemini),
	"aiplatform.googleapis.com":         at(llm.ProviderVertex, wire.Gemini),
	"api.cohere.com":                    at(llm.ProviderCohere, wire.Cohere),
	"api.cohere.ai":                     at(llm.ProviderCohere, wire.Cohere),
	"api.mistral.ai":                    at(llm.ProviderMistral, wire.OpenAI),
	"codestral.mistral.ai":              at(llm.ProviderMistral, wire.OpenAI),
	"api.groq.com":                      at(llm.ProviderGroq, wire.OpenAI),
	"api.x.ai":                          at(llm.ProviderXAI, wire.OpenAI),
	"api.perplexity.ai":                 at(llm.ProviderPerplexity, wire.OpenAI),
	"openrouter.ai":                     at(llm.ProviderOpenRouter, wire.OpenAI),
	"api.together.xyz":                  at(llm.ProviderTogether, wire.OpenAI),
	"api.together.ai":                   at(llm.ProviderTogether, wire.OpenAI),
	"api.fireworks.ai":                  at(llm.ProviderFireworks, wire.OpenAI),
	"api.cerebras.ai":                   at("cerebras", wire.OpenAI),
	"integrate.api.nvidia.com":          at("nvidia", wire.OpenAI),
	"api.voyageai.com":                  at("voyage_ai", wire.OpenAI),
	"api.jina.ai":                       at("jina", wire.OpenAI),
	"api.deepinfra.com":                 at("deepinfra", wire.OpenAI),
	"router.huggingface.co":             at("huggingface", wire.OpenAI),
	"models.github.ai":                  at("github", wire.OpenAI),
	"api.deepseek.com":                  at(llm.ProviderDeepSeek, wire.OpenAI),
	"dashscope.aliyuncs.com":            inChina(llm.ProviderDashScope),
	"dashscope-intl.aliyuncs.com":       at(llm.ProviderDashScope, wire.OpenAI),
	"api.moonshot.cn":                   at(llm.ProviderMoonshot, wire.OpenAI),
	"api.moonshot.ai":                   at(llm.ProviderMoonshot, wire.OpenAI),
	"open.bigmodel.cn":                  inChina(llm.ProviderZhipu),
	"api.z.ai":                          at(llm.ProviderZhipu, wire.OpenAI),
	"api.minimaxi.com":                  at("minimax", wire.OpenAI),
	"api.minimax.io":                    at("minimax", wire.OpenAI),
	"ark.cn-beijing.volces.com":         at("volcengine", wire.OpenAI),
	"qianfan.baidubce.com":              at("qianfan", wire.OpenAI),
	"api.hunyuan.cloud.tencent.com":     at("hunyuan", wire.OpenAI),
	"api.siliconflow.cn":                inChina("siliconflow"),
	"api.siliconflow.com":               at("siliconflow", wire.OpenAI),
	"api.stepfun.com":                   at("stepfun", wire.OpenAI),
	"ollama.com":                        at(llm.ProviderOllama, wire.Ollama),
}

// gatewayNames are the names under which Pitot's gateway has its well-known
// upstreams: /{name}/... It is never written to.
var gatewayNames = map[string]endpoint{
	"openai": {dialect: wire.OpenAI, provider: llm.ProviderOpenAI}, "anthropic": {dialect: wire.Anthropic, provider: llm.ProviderAnthropic},
	"gemini": {dialect: wire.Gemini, provider: llm.ProviderGemini}, "vertex": {dialect: wire.Gemini, provider: llm.ProviderVertex},
	"bedrock": {dialect: wire.Bedrock, provider: llm.ProviderBedrock}, "cohere": {dialect: wire.Cohere, provider: llm.ProviderCohere},
	"mistral": {dialect: wire.OpenAI, provider: llm.ProviderMistral}, "groq": {dialect: wire.OpenAI, provider: llm.ProviderGroq},
	"xai": {dialect: wire.OpenAI, provider: llm.ProviderXAI}, "perplexity": {dialect: wire.OpenAI, provider: llm.ProviderPerplexity},
	"openrouter": {dialect: wire.OpenAI, provider: llm.ProviderOpenRouter}, "together": {dialect: wire.OpenAI, provider: llm.ProviderTogether},
	"fireworks": {dialect: wire.OpenAI, provider: llm.ProviderFireworks}, "cerebras": {dialect: wire.OpenAI, provider: "cerebras"},
	"nvidia": {dialect: wire.OpenAI, provider: "nvidia"}, "voyage": {dialect: wire.OpenAI, provider: "voyage_ai"},
	"jina": {dialect: wire.OpenAI, provider: "jina"}, "deepseek": {dialect: wire.OpenAI, provider: llm.ProviderDeepSeek},
	"dashscope":      {dialect: wire.OpenAI, provider: llm.ProviderDashScope, region: "cn"},
	"dashscope-intl": {dialect: wire.OpenAI, provider: llm.ProviderDashScope}, "moonshot": {dialect: wire.OpenAI, provider: llm.ProviderMoonshot},
	"zhipu": {dialect: wire.OpenAI, provider: llm.ProviderZhipu, region: "cn"}, "zai": {dialect: wire.OpenAI, provider: llm.ProviderZhipu},
	"minimax": {dialect: wire.OpenAI, provider: "minimax"}, "volcengine": {dialect: wire.OpenAI, provider: "volcengine"},
	"qianfan": {dialect: wire.OpenAI, provider: "qianfan"}, "hunyuan": {dialect: wire.OpenAI, provider: "hunyuan"},
	"siliconflow": {dialect: wire.OpenAI, provider: "siliconflow", region: "cn"}, "stepfun": {dialect: wire.OpenAI, provider: "stepfun"},
	"ollama": {dialect: wire.Ollama, provider: llm.ProviderOllama}, "vllm": {dialect: wire.OpenAI, provider: llm.ProviderVLLM},
	"sglang": {dialect: wire.OpenAI, provider: "sglang"}, "llamacpp": {dialect: wire.OpenAI, provider: "llamacpp"},
	"lmstudio": {dialect: wire.OpenAI, provider: "lmstudio"},
}

// match says whether a request is a call of a model, and of whose. It is the
// one look-up that other requests cost.
func (r *core) match(req *http.Request) (rt wire.Route, e endpoint, ok bool) {
	if req == nil || req.Method != http.MethodPost || req.URL == nil {
		return wire.Route{}, endpoint{}, false
	}
	e, known := r.endpointOf(req.URL.Host)
	path := req.URL.EscapedPath()
	if !known {
		if !lastWordKnown(path) {
			return wire.Route{}, endpoint{}, false
		}
		e = guessEndpoint(req.URL, path)
	}
	if rt, ok = wire.Match(e.dialect, req.Method, path); !ok {
		return wire.Route{}, endpoint{}, false
	}
	if !known && !certain(rt, path, req.Header) && !looksLikeCall(req) {
		return wire.Route{}, endpoint{}, false
	}
	if e.provider == "" || !known && rt.Dialect == wire.Azure {
		e.provider = providerOf(rt.Dialect)
	}
	return rt, e, true
}

// endpointOf looks a host[:port] up: what the program said first, then what is
// known of providers.
func (r *core) endpointOf(host string) (endpoint, bool) {
	if len(r.cfg.hosts) > 0 {
		d, ok := r.cfg.hosts[host]
		if !ok {
			d, ok = r.cfg.hosts[withoutPort(host)]
		}
		if ok {
			dialect, provider, _ := strings.Cut(d, "/")
			return endpoint{dialect: wire.Dialect(dialect), provider: provider}, true
		}
	}
	if e, ok := knownHosts[host]; ok {
		return e, true
	}
	return endpointByPattern(withoutPort(host))
}

// endpointByPattern knows the hosts that carry a name or a region.
func endpointByPattern(host string) (endpoint, bool) {
	switch {
	case strings.HasSuffix(host, ".com"), strings.HasSuffix(host, ".com.cn"), strings.HasSuffix(host, ".azure.us"), strings.HasSuffix(host, ".azure.cn"):
	default:
		e, ok := knownHosts[host] // with a port behind it
		return e, ok
	}
	switch {
	case strings.Contains(host, ".openai.azure."), strings.Contains(host, ".cognitiveservices.azure."):
		return at(llm.ProviderAzureOpenAI, wire.Azure), true
	case strings.HasSuffix(host, ".services.ai.azure.com"), strings.HasSuffix(host, ".models.ai.azure.com"), host == "models.inference.ai.azure.com":
		return at("azure.ai.inference", wire.OpenAI), true
	case strings.HasSuffix(host, "aiplatform.googleapis.com"):
		e := at(llm.ProviderVertex, wire.Gemini)
		e.region = strings.TrimRight(strings.TrimSuffix(host, "aiplatform.googleapis.com"), "-.")
		return e, true
	case strings.Contains(host, ".amazonaws.com"):
		return bedrockEndpoint(host)
	}
	e, ok := knownHosts[host]
	return e, ok
}

// bedrockEndpoint reads bedrock-runtime[-fips].REGION.amazonaws.com, also
// behind a VPC endpoint's name.
func bedrockEndpoint(host string) (endpoint, bool) {
	i := strings.Index(host, "bedrock-runtime")
	if i < 0 {
		return endpoint{}, false
	}
	e := at(llm.ProviderBedrock, wire.Bedrock)
	_, rest, _ := strings.Cut(host[i:], ".")
	e.region, _, _ = strings.Cut(rest, ".")
	return e, true
}

func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		return host[:i]
	}
	return host
}

// guessEndpoint is what is told by a path behind a host that nobody knows: the
// name of one of the gateway's upstreams, or the port of a model server here.
func guessEndpoint(u *url.URL, path string) endpoint {
	if name, _, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/"); ok {
		if e, ok := gatewayNames[name]; ok {
			return e
		}
	}
	host := withoutPort(u.Host)
	if host != "127.0.0.1" && host != "localhost" && host != "[::1]" {
		return endpoint{}
	}
	switch u.Host[len(host):] {
	case ":11434":
		return gatewayNames["ollama"]
	case ":8000":
		return gatewayNames["vllm"]
	case ":30000":
		return gatewayNames["sglang"]
	case ":1234":
		return gatewayNames["lmstudio"]
	}
	return endpoint{}
}

// lastWordKnown rules out most requests to other hosts by the end of their path.
func lastWordKnown(path string) bool {
	last := strings.TrimRight(path, "/")
	last = last[strings.LastIndexByte(last, '/')+1:]
	switch last {
	case "completions", "chat", "responses", "compact", "embeddings", "generations", "edits", "variations", "speech", "transcriptions",
		"translations", "moderations", "rerank", "reranks", "messages", "complete", "generate", "embed", "interactions",
		"converse", "converse-stream", "invoke", "invoke-with-response-stream":
		return true
	}
	return strings.Contains(last, ":") || strings.Contains(last, "%3A") || strings.Contains(last, "%3a")
}

// certain says whether a path alone is proof enough on a host that nobody
// knows. Others, such as /messages, belong to many services.
func certain(rt wire.Route, path string, h http.Header) bool {
	path = strings.TrimRight(path, "/")
	switch rt.Dialect {
	case wire.Gemini:
		return strings.Contains(path, "/models/") && (strings.Contains(path, "enerateContent") || strings.Contains(path, "mbedContent"))
	case wire.Anthropic:
		return h["Anthropic-Version"] != nil || strings.Contains(path, "/publishers/anthropic/models/")
	case wire.Bedrock:
		return strings.HasSuffix(path, "/converse") || strings.HasSuffix(path, "/converse-stream") || h["Amz-Sdk-Invocation-Id"] != nil
	case wire.OpenAI, wire.Azure:
		for _, end := range [...]string{
			"/chat/completions", "/audio/speech", "/audio/transcriptions", "/audio/translations", "/images/generations", "/images/edits",
		} {
			if strings.HasSuffix(path, end) {
				return true
			}
		}
	default:
	}
	return false
}

// peekLimit is how much of a body is looked at to tell what it is.
const peekLimit = 64 << 10

// looksLikeCall looks into the body of a request whose path leaves it open: a
// JSON object that names a model and says something to it.
func looksLikeCall(req *http.Request) bool {
	if req.GetBody == nil {
		return false
	}
	rc, err := req.GetBody()
	if err != nil || rc == nil {
		return false
	}
	defer rc.Close()
	head := make([]byte, min(peekLimit, max(req.ContentLength, 512)))
	n := readFull(rc, head)
	head = bytes.TrimLeft(head[:n], " \t\r\n")
	if len(head) == 0 || head[0] != '{' || !bytes.Contains(head, []byte(`"model"`)) {
		return false
	}
	for _, key := range [...]string{`"messages"`, `"prompt"`, `"input"`, `"query"`, `"texts"`, `"message"`} {
		if bytes.Contains(head, []byte(key)) {
			return true
		}
	}
	return false
}

// providerOf is the provider whose language a server speaks, for those that
// nothing else is known of.
func providerOf(d wire.Dialect) string {
	switch d {
	case wire.Azure:
		return llm.ProviderAzureOpenAI
	case wire.Gemini:
		return llm.ProviderGemini
	case wire.Bedrock:
		return llm.ProviderBedrock
	default:
		return cmp.Or(string(d), llm.ProviderOpenAI)
	}
}
