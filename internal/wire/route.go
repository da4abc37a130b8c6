package wire

import (
	"net/url"
	pathpkg "path"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Match says what call of a model a request is. The path decides, with any
// prefix before it and any query behind it; the upstream's dialect d is only a
// hint where a path is ambiguous, because one host often serves several
// dialects. ok is false for what is not a call of a model: lists, files,
// batches, token counting, assistants.
func Match(d Dialect, method, path string) (rt Route, ok bool) {
	if !strings.EqualFold(method, "POST") {
		return Route{}, false
	}
	path, _, _ = strings.Cut(path, "?")
	path = strings.TrimRight(path, "/")
	rt, ok = matchPath(d, path)
	if ok && rt.Model != "" && !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return rt, true // whose escaped parts are those of its model
	}
	// Servers read other ways to write a path, too. What is a call of a model there
	// must be one here.
	if plain := pathpkg.Clean("/" + unescape(path)); plain != path {
		if other, same := matchPath(d, plain); same {
			return other, true
		}
	}
	return rt, ok
}

func matchPath(d Dialect, path string) (rt Route, ok bool) {
	if rt, ok = matchVerb(path); ok {
		return rt, true
	}
	if rt, ok = matchBedrock(path); ok {
		return rt, true
	}
	seg := splitLast(path)
	if rt, ok = matchNative(d, seg); ok {
		return rt, true
	}
	return matchOpenAI(d, path, seg)
}

// segments are the last segments of a path, last first; "" where there are fewer.
type segments [4]string

func splitLast(path string) segments {
	var s segments
	for i := range s {
		j := strings.LastIndexByte(path, '/')
		s[i] = path[j+1:]
		if j < 0 {
			break
		}
		path = path[:j]
	}
	return s
}

// matchVerb matches Google's .../models/MODEL:verb, which also carries other
// publishers' models on Vertex.
func matchVerb(path string) (Route, bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return Route{}, false
	}
	last := path[i+1:]
	model, verb, found := cutLast(last, ":")
	if !found {
		if model, verb, found = cutLast(last, "%3A"); !found {
			if model, verb, found = cutLast(last, "%3a"); !found {
				return Route{}, false
			}
		}
	}
	rt := Route{Dialect: Gemini, Model: unescape(model)}
	switch verb {
	case "generateContent", "generateText", "generateMessage":
		rt.API, rt.Operation = apiGenerateContent, llm.OpGenerateContent
	case "streamGenerateContent":
		rt.API, rt.Operation, rt.Stream = apiGenerateContent, llm.OpGenerateContent, true
	case "embedContent", "batchEmbedContents", "embedText", "batchEmbedText":
		rt.API, rt.Operation = apiEmbedContent, llm.OpEmbeddings
	case "predict":
		rt.API, rt.Operation = apiPredict, llm.OpEmbeddings
		if strings.Contains(strings.ToLower(model), "image") {
			rt.Operation = llm.OpImage
		}
	case "rawPredict", "streamRawPredict":
		rt.Stream = verb == "streamRawPredict"
		rt.Operation = llm.OpChat
		if strings.Contains(path, "/publishers/anthropic/") {
			rt.Dialect, rt.API = Anthropic, apiMessages
		} else {
			rt.Dialect, rt.API = OpenAI, apiChatCompletions
		}
	default:
		return Route{}, false
	}
	return rt, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// matchBedrock matches /model/ID/verb; an id may be an ARN with slashes.
func matchBedrock(path string) (Route, bool) {
	i := strings.LastIndexByte(path, '/')
	j := strings.Index(path, "/model/")
	if j < 0 || i < j+len("/model/") {
		return Route{}, false
	}
	rt := Route{Dialect: Bedrock, Operation: llm.OpChat, Model: unescape(path[j+len("/model/") : i])}
	switch path[i+1:] {
	case "converse":
		rt.API = apiConverse
	case "converse-stream":
		rt.API, rt.Stream = apiConverse, true
	case "invoke":
		rt.API = apiInvoke
	case "invoke-with-response-stream":
		rt.API, rt.Stream = apiInvoke, true
	default:
		return Route{}, false
	}
	if rt.API == apiInvoke {
		switch m := strings.ToLower(rt.Model); {
		case strings.Contains(m, "embed"):
			rt.Operation = llm.OpEmbeddings
		case strings.Contains(m, "rerank"):
			rt.Operation = llm.OpRerank
		case strings.Contains(m, "image") || strings.Contains(m, "stability.") || strings.Contains(m, "canvas"):
			rt.Operation = llm.OpImage
		}
	}
	return rt, true
}

// matchNative matches Anthropic's, Cohere's and Ollama's own paths.
func matchNative(d Dialect, s segments) (Route, bool) {
	switch s[0] {
	case "messages":
		if s[2] == "threads" {
			return Route{}, false
		}
		return Route{Dialect: Anthropic, API: apiMessages, Operation: llm.OpChat}, true
	case "complete":
		return Route{Dialect: Anthropic, API: apiComplete, Operation: llm.OpTextCompletion}, s[1] == "v1"
	case "chat":
		switch {
		case s[1] == "api":
			return Route{Dialect: Ollama, API: apiOllamaChat, Operation: llm.OpChat}, true
		case s[1] == "v2":
			return Route{Dialect: Cohere, API: apiCohereChatV2, Operation: llm.OpChat}, true
		case s[1] == "v1" && d != OpenAI && d != Azure:
			return Route{Dialect: Cohere, API: apiCohereChatV1, Operation: llm.OpChat}, true
		}
	case "generate":
		switch {
		case s[1] == "api":
			return Route{Dialect: Ollama, API: apiOllamaGenerate, Operation: llm.OpTextCompletion}, true
		case s[1] == "v1" && d == Cohere:
			return Route{Dialect: Cohere, API: apiCohereGenerate, Operation: llm.OpTextCompletion}, true
		}
	case "embed":
		switch s[1] {
		case "api":
			return Route{Dialect: Ollama, API: apiOllamaEmbed, Operation: llm.OpEmbeddings}, true
		case "v1", "v2":
			return Route{Dialect: Cohere, API: apiCohereEmbed, Operation: llm.OpEmbeddings}, true
		}
	case "interactions":
		rt := Route{Dialect: Gemini, API: apiGenerateContent, Operation: llm.OpGenerateContent}
		return rt, d == Gemini || strings.HasPrefix(s[1], "v1beta")
	case "embeddings":
		if s[1] == "api" {
			return Route{Dialect: Ollama, API: apiOllamaEmbed, Operation: llm.OpEmbeddings}, true
		}
	}
	return Route{}, false
}

// matchOpenAI matches OpenAI's paths and those of the servers that speak its
// language.
func matchOpenAI(d Dialect, path string, s segments) (Route, bool) {
	rt := Route{Dialect: OpenAI}
	if d == Azure {
		rt.Dialect = Azure
	}
	if _, rest, ok := strings.Cut(path, "/deployments/"); ok {
		name, _, _ := strings.Cut(rest, "/")
		rt.Dialect, rt.Model = Azure, unescape(name)
	}
	switch s[0] {
	case "completions":
		switch s[1] {
		case "chat", "agents":
			rt.API, rt.Operation = apiChatCompletions, llm.OpChat
		default:
			rt.API, rt.Operation = apiCompletions, llm.OpTextCompletion
		}
	case "chat":
		if s[1] != "v1" || d == Cohere {
			return Route{}, false
		}
		rt.API, rt.Operation = apiChatCompletions, llm.OpChat
	case "responses":
		rt.API, rt.Operation = apiResponses, llm.OpResponses
	case "compact":
		rt.API, rt.Operation = apiResponses, llm.OpResponses
		return rt, s[1] == "responses"
	case "embeddings", "multimodalembeddings", "contextualizedembeddings": // the latter are Voyage's
		rt.API, rt.Operation = apiEmbeddings, llm.OpEmbeddings
	case "generations", "edits", "variations":
		rt.API, rt.Operation = apiImages, llm.OpImage
		return rt, s[1] == "images"
	case "speech":
		rt.API, rt.Operation = apiAudioSpeech, llm.OpSpeech
		return rt, s[1] == "audio"
	case "transcriptions", "translations":
		rt.API, rt.Operation = apiAudioTranscription, llm.OpTranscription
		return rt, s[1] == "audio"
	case "moderations":
		rt.API, rt.Operation = apiModerations, llm.OpModeration
	case "rerank", "reranks":
		rt.API, rt.Operation = apiRerank, llm.OpRerank
		if d == Cohere {
			rt.Dialect = Cohere
		}
	default:
		return Route{}, false
	}
	return rt, true
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
