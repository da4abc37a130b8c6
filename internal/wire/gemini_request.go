package wire

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// geminiParams are the settings of generationConfig. Google accepts both camel
// and snake case.
var geminiParams = []paramName{
	{"temperature", "temperature"},
	{"topP", "top_p"},
	{"top_p", "top_p"},
	{"topK", "top_k"},
	{"top_k", "top_k"},
	{"candidateCount", "n"},
	{"candidate_count", "n"},
	{"maxOutputTokens", "max_tokens"},
	{"max_output_tokens", "max_tokens"},
	{"stopSequences", "stop_sequences"},
	{"stop_sequences", "stop_sequences"},
	{"presencePenalty", "presence_penalty"},
	{"frequencyPenalty", "frequency_penalty"},
	{"seed", "seed"},
	{"responseMimeType", "response_mime_type"},
	{"response_mime_type", "response_mime_type"},
	{"responseSchema", "response_schema"},
	{"responseJsonSchema", "response_schema"},
	{"responseModalities", "response_modalities"},
	{"thinkingConfig", "thinking"},
	{"thinking_config", "thinking"},
	{"thinking_level", "thinking_level"},
	{"mediaResolution", "media_resolution"},
}

// decodeGeminiRequest reads a body of generateContent, of embeddings and
// predictions, or of an interaction.
func decodeGeminiRequest(rt Route, v *fastjson.Value, c *llm.Call) {
	if rt.Model == "" {
		if m := strings.TrimPrefix(str(v, "model"), "models/"); m != "" {
			c.RequestModel = m
		}
	}
	c.Stream = c.Stream || v.GetBool("stream")
	if cfg := either(v, "generationConfig", "generation_config"); cfg != nil {
		renameParams(c, cfg, geminiParams)
	}
	setParamAs(c, "cached_content", v.Get("cachedContent"))
	setParamAs(c, "tool_choice", either(v, "toolConfig", "tool_config"))
	setParamAs(c, "service_tier", either(v, "serviceTier", "service_tier"))
	setTools(c, v.Get("tools"))
	if labels := object(v, "labels"); labels != nil {
		setMetadata(c, labels)
	}
	if sys := either(v, "systemInstruction", "system_instruction"); sys != nil {
		addMessage(c, llm.Message{Role: "system", Parts: geminiContentParts(sys)})
	}
	stringOrObjects(v.Get("contents"), func(x *fastjson.Value) { addGeminiContent(c, x) })
	stringOrObjects(v.Get("content"), func(x *fastjson.Value) { addGeminiContent(c, x) })
	for _, r := range v.GetArray("requests") {
		addGeminiContent(c, r.Get("content"))
		setParamAs(c, "task_type", r.Get("taskType"))
	}
	setParamAs(c, "task_type", v.Get("taskType"))
	setParamAs(c, "dimensions", v.Get("outputDimensionality"))
	for _, in := range v.GetArray("instances") {
		addGeminiInstance(c, in)
	}
	if p := object(v, "parameters"); p != nil {
		renameParams(c, p, geminiParams)
		setParamAs(c, "n", p.Get("sampleCount"))
	}
	decodeInteractionInput(v.Get("input"), c)
}

// either returns the first of two spellings that is there.
func either(v *fastjson.Value, camel, snake string) *fastjson.Value {
	if x := v.Get(camel); x != nil {
		return x
	}
	return v.Get(snake)
}

// geminiContentParts are the parts of a content, which may be a mere string.
func geminiContentParts(v *fastjson.Value) []llm.Part {
	if v.Type() == fastjson.TypeString {
		return []llm.Part{textPart(str(v))}
	}
	if !v.Exists("parts") && v.Exists("text") {
		return partsOf(v, geminiPart)
	}
	return partsOf(v.Get("parts"), geminiPart)
}

func addGeminiContent(c *llm.Call, v *fastjson.Value) {
	if v == nil {
		return
	}
	parts := geminiContentParts(v)
	role := str(v, "role")
	switch role {
	case "model":
		role = "assistant"
	case "function":
		role = "tool"
	case "", "user":
		role = "user"
		responses := 0
		for _, p := range parts {
			if p.Type == llm.PartToolCallResponse {
				responses++
			}
		}
		if responses > 0 && responses == len(parts) {
			role = "tool"
		}
	}
	addMessage(c, llm.Message{Role: role, Parts: parts})
}

// geminiPart decodes one part of a content.
func geminiPart(p *fastjson.Value) (llm.Part, bool) {
	if t := p.Get("text"); t != nil {
		if p.GetBool("thought") {
			return llm.Part{Type: llm.PartReasoning, Content: str(t)}, true
		}
		return textPart(str(t)), true
	}
	if f := either(p, "functionCall", "function_call"); f != nil {
		return llm.Part{Type: llm.PartToolCall, ID: str(f, "id"), ToolName: str(f, "name"), Arguments: argumentsOf(f.Get("args"))}, true
	}
	if f := either(p, "functionResponse", "function_response"); f != nil {
		return llm.Part{Type: llm.PartToolCallResponse, ID: str(f, "id"), ToolName: str(f, "name"), Response: rawJSON(f.Get("response"))}, true
	}
	if b := either(p, "inlineData", "inline_data"); b != nil {
		return blobPart(str(either(b, "mimeType", "mime_type")), str(b, "data")), true
	}
	if f := either(p, "fileData", "file_data"); f != nil {
		mime := str(either(f, "mimeType", "mime_type"))
		return llm.Part{Type: llm.PartURI, MIMEType: mime, Modality: modalityOf(mime), URI: str(either(f, "fileUri", "file_uri"))}, true
	}
	if x := either(p, "executableCode", "executable_code"); x != nil {
		return llm.Part{Type: llm.PartToolCall, ToolName: "code_execution", Arguments: argumentsOf(x)}, true
	}
	if x := either(p, "codeExecutionResult", "code_execution_result"); x != nil {
		return llm.Part{Type: llm.PartToolCallResponse, ToolName: "code_execution", Response: rawJSON(x)}, true
	}
	if p.Exists("thoughtSignature") { // a signature alone says nothing to a reader
		return llm.Part{}, false
	}
	return otherPart(p), true
}

// addGeminiInstance decodes an instance of Vertex' predict.
func addGeminiInstance(c *llm.Call, in *fastjson.Value) {
	for _, key := range [...]string{"content", "prompt", "text"} {
		if s := str(in, key); s != "" {
			c.Input = append(c.Input, llm.Text("user", s))
			return
		}
	}
	addMessage(c, llm.Message{Role: "user", Parts: []llm.Part{otherPart(in)}})
}

// decodeInteractionInput reads an interaction's input: a string, blocks, or
// turns with a role.
func decodeInteractionInput(v *fastjson.Value, c *llm.Call) {
	var user []llm.Part
	stringOrObjects(v, func(x *fastjson.Value) {
		role := str(x, "role")
		if x.Type() == fastjson.TypeString || role == "" {
			user = append(user, partsOf(x, interactionInputPart)...)
			return
		}
		if role == "model" {
			role = "assistant"
		}
		addMessage(c, llm.Message{Role: role, Parts: partsOf(x.Get("content"), interactionInputPart)})
	})
	addMessage(c, llm.Message{Role: "user", Parts: user})
}

func interactionInputPart(b *fastjson.Value) (llm.Part, bool) {
	if typ := str(b, "type"); typ == "text" {
		return textPart(str(b, "text")), true
	}
	if p, ok := interactionTool(b); ok {
		p.Arguments = argumentsOf(b.Get("arguments"))
		return p, true
	}
	return interactionMedia(b), true
}
