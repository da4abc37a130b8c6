package semconv

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxParts bounds the parts of one message.
const maxParts = 4096

// partsOf reads content that is text, one part or a list of parts.
func partsOf(v *fastjson.Value) []llm.Part {
	if v == nil {
		return nil
	}
	switch v.Type() {
	case fastjson.TypeString:
		if s := string(v.GetStringBytes()); s != "" {
			return []llm.Part{{Type: llm.PartText, Content: s}}
		}
	case fastjson.TypeArray:
		list := v.GetArray()
		parts := make([]llm.Part, 0, min(len(list), maxParts))
		for _, x := range list[:min(len(list), maxParts)] {
			if p, ok := partOf(x); ok {
				parts = append(parts, p)
			}
		}
		return parts
	case fastjson.TypeObject:
		if inner := v.Get("parts"); inner != nil {
			return partsOf(inner)
		}
		if p, ok := partOf(v); ok {
			return []llm.Part{p}
		}
	default:
	}
	return nil
}

// partOf reads one part in the shapes of OpenTelemetry, OpenAI, Anthropic,
// Gemini, Bedrock, the Vercel SDK, LangChain and Genkit.
func partOf(v *fastjson.Value) (llm.Part, bool) {
	switch v.Type() {
	case fastjson.TypeString:
		s := string(v.GetStringBytes())
		return llm.Part{Type: llm.PartText, Content: s}, s != ""
	case fastjson.TypeObject:
	case fastjson.TypeNull:
		return llm.Part{}, false
	default:
		return llm.Part{Type: llm.PartText, Content: jsonText(v)}, true
	}
	switch str(v, "type") {
	case "text", "input_text", "output_text", "summary_text":
		s := jsonText(v.Get("content"))
		if s == "" {
			s = jsonText(v.Get("text"))
		}
		return llm.Part{Type: llm.PartText, Content: s}, s != ""
	case "reasoning", "thinking", "reasoning_text", "redacted_thinking":
		return reasoningPart(v)
	case "tool_call", "tool-call", "tool_use", "function_call", "custom_tool_call", "mcp_call", "server_tool_use", "server_tool_call", "function", "toolCall":
		return toolCall(v), true
	case "tool_call_response", "tool-result", "tool_result", "function_call_output", "custom_tool_call_output", "computer_call_output",
		"local_shell_call_output", "server_tool_call_response":
		return toolResponse(v), true
	case "refusal":
		return llm.Part{Type: llm.PartRefusal, Content: firstString(v, "refusal", "content")}, true
	case "blob":
		// Size and hash are what Pitot's policy leaves of inline media.
		return llm.Part{
			Type: llm.PartBlob, Modality: str(v, "modality"), MIMEType: str(v, "mime_type"), Data: firstString(v, "content", "data"),
			Size: jsonCount(v, "size").Or(0), SHA256: str(v, "sha256"),
		}, true
	case "uri":
		return llm.Part{Type: llm.PartURI, Modality: str(v, "modality"), MIMEType: str(v, "mime_type"), URI: str(v, "uri")}, true
	case "file", "input_file", "document", "image", "image_url", "input_image", "image-url", "input_audio", "audio", "video_url", "media", "audio_url":
		return mediaPart(v)
	case "":
		return untypedPart(v)
	case llm.PartOther: // another Pitot's: the part as the provider had it
		if x := v.Get("response"); x != nil {
			return llm.Part{Type: llm.PartOther, Content: str(v, "content"), Response: rawJSON(x)}, true
		}
	}
	return llm.Part{Type: llm.PartOther, Response: rawJSON(v)}, true
}

func reasoningPart(v *fastjson.Value) (llm.Part, bool) {
	s := firstString(v, "content", "text", "thinking", "reasoning")
	if s == "" {
		var b strings.Builder
		for _, key := range [...]string{"summary", "content"} {
			for _, x := range v.GetArray(key) {
				b.Write(x.GetStringBytes("text"))
			}
		}
		s = b.String()
	}
	return llm.Part{Type: llm.PartReasoning, Content: s}, s != ""
}

// toolCall reads a tool call in any of its shapes.
func toolCall(v *fastjson.Value) llm.Part {
	p := llm.Part{Type: llm.PartToolCall, ID: firstString(v, "id", "toolCallId", "tool_call_id", "call_id", "toolUseId")}
	if id := str(v, "call_id"); id != "" {
		p.ID = id
	}
	from := v
	for _, key := range [...]string{"function", "custom"} {
		if f := v.Get(key); f != nil && f.Type() == fastjson.TypeObject {
			from = f
		}
	}
	p.ToolName = firstString(from, "name", "toolName", "tool_name")
	for _, key := range [...]string{"arguments", "args", "input"} {
		if x := from.Get(key); x != nil && x.Type() != fastjson.TypeNull {
			p.Arguments = jsonText(x)
			break
		}
	}
	return p
}

func toolResponse(v *fastjson.Value) llm.Part {
	p := llm.Part{
		Type: llm.PartToolCallResponse, ID: firstString(v, "id", "toolCallId", "tool_call_id", "tool_use_id", "call_id"),
		ToolName: firstString(v, "name", "toolName"),
	}
	if id := str(v, "call_id"); id != "" {
		p.ID = id
	}
	for _, key := range [...]string{"response", "result", "output", "content", "server_tool_call_response"} {
		if x := v.Get(key); x != nil && x.Type() != fastjson.TypeNull {
			p.Response = rawJSON(x)
			break
		}
	}
	return p
}

// mediaPart reads media: by URL, by id, or inline.
func mediaPart(v *fastjson.Value) (llm.Part, bool) {
	modality := "document"
	typ := str(v, "type")
	for _, m := range [...]string{"image", "audio", "video"} {
		if strings.Contains(typ, m) {
			modality = m
		}
	}
	from := v
	for _, key := range [...]string{"file", "source", "media"} {
		if f := v.Get(key); f != nil && f.Type() == fastjson.TypeObject {
			from = f
		}
	}
	mime := firstString(from, "mime_type", "mimeType", "media_type", "mediaType", "contentType")
	if kind, _, ok := strings.Cut(mime, "/"); ok && (kind == "image" || kind == "audio" || kind == "video") {
		modality = kind
	}
	if a := v.Get("input_audio"); a != nil {
		return llm.Part{Type: llm.PartBlob, Modality: "audio", MIMEType: "audio/" + str(a, "format"), Data: str(a, "data")}, true
	}
	if id := firstString(from, "file_id", "fileId"); id != "" {
		return llm.Part{Type: llm.PartFile, Modality: modality, MIMEType: mime, FileID: id}, true
	}
	for _, key := range [...]string{"image_url", "video_url", "audio_url"} {
		if u := string(v.GetStringBytes(key, "url")); u != "" {
			return urlPart(u, modality), true
		}
	}
	if u := firstString(from, "image_url", "url", "uri", "file_url", "file_data", "fileUri"); u != "" {
		p := urlPart(u, modality)
		if p.MIMEType == "" {
			p.MIMEType = mime
		}
		return p, true
	}
	if u := firstString(from, "data", "image", "content"); u != "" {
		if strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "data:") {
			return urlPart(u, modality), true
		}
		return llm.Part{Type: llm.PartBlob, Modality: modality, MIMEType: mime, Data: u}, true
	}
	return llm.Part{Type: llm.PartOther, Response: rawJSON(v)}, true
}

// untypedPart reads parts that are told by their members: Gemini's, Genkit's,
// Bedrock's.
func untypedPart(v *fastjson.Value) (llm.Part, bool) {
	if x := v.Get("text"); x != nil && x.Type() == fastjson.TypeString {
		s := jsonText(x)
		if v.GetBool("thought") {
			return llm.Part{Type: llm.PartReasoning, Content: s}, s != ""
		}
		return llm.Part{Type: llm.PartText, Content: s}, s != ""
	}
	for _, key := range [...]string{"functionCall", "function_call"} {
		if f := v.Get(key); f != nil && f.Type() == fastjson.TypeObject {
			return toolCall(f), true
		}
	}
	for _, key := range [...]string{"functionResponse", "function_response"} {
		if f := v.Get(key); f != nil && f.Type() == fastjson.TypeObject {
			return toolResponse(f), true
		}
	}
	if f := v.Get("toolRequest"); f != nil { // Genkit
		return llm.Part{Type: llm.PartToolCall, ID: str(f, "ref"), ToolName: str(f, "name"), Arguments: jsonText(f.Get("input"))}, true
	}
	if f := v.Get("toolResponse"); f != nil {
		return llm.Part{Type: llm.PartToolCallResponse, ID: str(f, "ref"), ToolName: str(f, "name"), Response: rawJSON(f.Get("output"))}, true
	}
	if f := v.Get("toolUse"); f != nil { // Bedrock
		return toolCall(f), true
	}
	if f := v.Get("toolResult"); f != nil {
		return llm.Part{Type: llm.PartToolCallResponse, ID: str(f, "toolUseId"), Response: rawJSON(f.Get("content"))}, true
	}
	if f := v.Get("inlineData"); f != nil {
		mime := str(f, "mimeType")
		kind, _, _ := strings.Cut(mime, "/")
		return llm.Part{Type: llm.PartBlob, Modality: kind, MIMEType: mime, Data: str(f, "data")}, true
	}
	if f := v.Get("media"); f != nil {
		return mediaPart(v)
	}
	if x := v.Get("content"); x != nil && x.Type() == fastjson.TypeString {
		s := jsonText(x)
		return llm.Part{Type: llm.PartText, Content: s}, s != ""
	}
	if v.Exists("toolName") || v.Exists("toolCallId") || v.Exists("function") {
		return toolCall(v), true
	}
	return llm.Part{Type: llm.PartOther, Response: rawJSON(v)}, true
}
