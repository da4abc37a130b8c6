package wire

import (
	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

var converseParams = []paramName{
	{"maxTokens", "max_tokens"},
	{"max_new_tokens", "max_tokens"}, // Amazon's models through invoke
	{"temperature", "temperature"},
	{"topP", "top_p"},
	{"top_p", "top_p"},
	{"topK", "top_k"},
	{"top_k", "top_k"},
	{"stopSequences", "stop_sequences"},
}

// nativeParams are the settings of the models that have bodies of their own
// and are told apart by nothing else.
var nativeParams = []paramName{
	{"max_gen_len", "max_tokens"},
	{"max_tokens", "max_tokens"},
	{"maxTokens", "max_tokens"},
	{"max_tokens_to_sample", "max_tokens"},
	{"temperature", "temperature"},
	{"top_p", "top_p"},
	{"topP", "top_p"},
	{"top_k", "top_k"},
	{"topK", "top_k"},
	{"k", "top_k"},
	{"p", "top_p"},
	{"stop", "stop_sequences"},
	{"stop_sequences", "stop_sequences"},
	{"stopSequences", "stop_sequences"},
	{"seed", "seed"},
	{"dimensions", "dimensions"},
	{"normalize", "normalize"},
	{"taskType", "task_type"},
}

var titanParams = []paramName{
	{"maxTokenCount", "max_tokens"},
	{"temperature", "temperature"},
	{"topP", "top_p"},
	{"stopSequences", "stop_sequences"},
}

// decodeBedrockRequest reads a body of converse or of invoke. The latter is
// the model's own; its shape says whose, because an ARN does not.
func decodeBedrockRequest(rt Route, v *fastjson.Value, c *llm.Call) {
	if rt.API == apiConverse {
		decodeConverseRequest(v, c)
		return
	}
	switch {
	case v.Exists("anthropic_version"):
		decodeAnthropicRequest(rt, v, c)
	case v.Exists("inputText") || v.Exists("textGenerationConfig"):
		decodeTitanRequest(v, c)
	case v.Exists("inferenceConfig") || string(bstr(v, "schemaVersion")) == "messages-v1":
		decodeConverseRequest(v, c)
	case v.Exists("message") || v.Exists("texts") || v.Exists("chat_history"):
		decodeCohereRequest(rt, v, c)
	case v.Exists("messages"):
		decodeOpenAIRequest(rt, v, c)
		if rt.Model != "" {
			c.RequestModel = rt.Model
		}
	default:
		renameParams(c, v, nativeParams)
		decodeNativePrompt(v, c)
	}
}

func decodeConverseRequest(v *fastjson.Value, c *llm.Call) {
	if cfg := object(v, "inferenceConfig"); cfg != nil {
		renameParams(c, cfg, converseParams)
	}
	setParamAs(c, "additional_model_request_fields", v.Get("additionalModelRequestFields"))
	setParamAs(c, "tool_choice", v.Get("toolConfig", "toolChoice"))
	setParamAs(c, "performance_config", v.Get("performanceConfig"))
	setParamAs(c, "service_tier", v.Get("serviceTier", "type"))
	if id := str(v, "guardrailConfig", "guardrailIdentifier"); id != "" {
		setAttribute(c, "aws.bedrock.guardrail.id", id)
	}
	setTools(c, v.Get("toolConfig", "tools"))
	if m := object(v, "requestMetadata"); m != nil {
		setMetadata(c, m)
	}
	addMessage(c, llm.Message{Role: "system", Parts: partsOf(v.Get("system"), conversePart)})
	for _, m := range v.GetArray("messages") {
		addAnthropicMessage(c, str(m, "role"), partsOf(m.Get("content"), conversePart))
	}
}

func decodeTitanRequest(v *fastjson.Value, c *llm.Call) {
	if cfg := object(v, "textGenerationConfig"); cfg != nil {
		renameParams(c, cfg, titanParams)
	}
	renameParams(c, v, nativeParams)
	parts := partsOf(v.Get("inputText"), ollamaNoPart)
	if img := str(v, "inputImage"); img != "" {
		parts = append(parts, llm.Part{Type: llm.PartBlob, Modality: "image", Data: img})
	}
	addMessage(c, llm.Message{Role: "user", Parts: parts})
}

// decodeNativePrompt reads what is left: a prompt (Llama, Mistral, AI21,
// Stability), the parameters of an image, a query to rank by.
func decodeNativePrompt(v *fastjson.Value, c *llm.Call) {
	parts := partsOf(v.Get("prompt"), ollamaNoPart)
	if t := str(v, "textToImageParams", "text"); t != "" {
		parts = append(parts, textPart(t))
	}
	for _, t := range v.GetArray("text_prompts") {
		parts = append(parts, textPart(str(t, "text")))
	}
	if q := str(v, "query"); q != "" {
		parts = append(parts, textPart(q))
	}
	addMessage(c, llm.Message{Role: "user", Parts: parts})
}
