package wire

import (
	"net/http"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// newHandler chooses the decoder of an API's answers.
func newHandler(rt Route, c *llm.Call, acc *content) handler {
	switch rt.API {
	case apiChatCompletions, apiCompletions:
		return newOpenAIChat(rt, c, acc)
	case apiResponses:
		return newOpenAIResponses(rt, c, acc)
	case apiEmbeddings:
		return newOpenAIEmbeddings(rt, c, acc)
	case apiImages:
		return newOpenAIImages(rt, c, acc)
	case apiAudioSpeech, apiAudioTranscription:
		return newOpenAIAudio(rt, c, acc)
	case apiModerations:
		return newOpenAIModeration(rt, c, acc)
	case apiRerank:
		return newRerank(rt, c, acc)
	case apiMessages, apiComplete:
		return newAnthropicMessages(rt, c, acc)
	case apiGenerateContent, apiEmbedContent, apiPredict:
		return newGemini(rt, c, acc)
	case apiConverse:
		return newBedrockConverse(rt, c, acc)
	case apiInvoke:
		return newBedrockInvoke(rt, c, acc)
	case apiCohereChatV1, apiCohereGenerate, apiCohereEmbed:
		return newCohereV1(rt, c, acc)
	case apiCohereChatV2:
		return newCohereV2(rt, c, acc)
	case apiOllamaChat, apiOllamaGenerate, apiOllamaEmbed:
		return newOllama(rt, c, acc)
	}
	return newOpenAIChat(rt, c, acc)
}

// decodeBody chooses the decoder of an API's JSON requests.
func decodeBody(rt Route, v *fastjson.Value, c *llm.Call) {
	switch rt.API {
	case apiMessages, apiComplete:
		decodeAnthropicRequest(rt, v, c)
	case apiGenerateContent, apiEmbedContent, apiPredict:
		decodeGeminiRequest(rt, v, c)
	case apiConverse, apiInvoke:
		decodeBedrockRequest(rt, v, c)
	case apiCohereChatV1, apiCohereChatV2, apiCohereGenerate, apiCohereEmbed:
		decodeCohereRequest(rt, v, c)
	case apiOllamaChat, apiOllamaGenerate, apiOllamaEmbed:
		decodeOllamaRequest(rt, v, c)
	default:
		decodeOpenAIRequest(rt, v, c)
	}
}

// parseError reads a provider's error from a body with an HTTP status of 400
// or more, or from a frame that is an error. typ may be anything that the
// provider said, also empty: the caller passes it through errorType.
func parseError(rt Route, status int, h http.Header, body []byte) (typ, msg string) {
	switch rt.Dialect {
	case Anthropic:
		return anthropicError(status, h, body)
	case Gemini:
		return geminiError(status, h, body)
	case Bedrock:
		return bedrockError(status, h, body)
	case Cohere:
		return cohereError(status, h, body)
	case Ollama:
		return ollamaError(status, h, body)
	default:
		return openAIError(status, h, body)
	}
}

// headersAfter completes a Call from response headers where its body was
// silent: Bedrock counts tokens in headers too, and many servers their time.
func headersAfter(rt Route, h http.Header, c *llm.Call) {
	headerPhases(h, &c.Phases)
	if rt.Dialect == Bedrock && rt.API == apiInvoke {
		bedrockHeaderUsage(h, &c.Usage)
	}
}
