package wire

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

var anthropicParams = []paramName{
	{"max_tokens", "max_tokens"},
	{"max_tokens_to_sample", "max_tokens"},
	{"temperature", "temperature"},
	{"top_p", "top_p"},
	{"top_k", "top_k"},
	{"stop_sequences", "stop_sequences"},
	{"thinking", "thinking"},
	{"tool_choice", "tool_choice"},
	{"service_tier", "service_tier"},
	{"speed", "speed"},
	{"output_config", "output_config"},
	{"output_format", "output_format"},
	{"effort", "effort"},
	{"inference_geo", "inference_geo"},
}

// decodeAnthropicRequest reads a body of /v1/messages or /v1/complete, also
// as Vertex and Bedrock carry it: there the model stands in the path.
func decodeAnthropicRequest(rt Route, v *fastjson.Value, c *llm.Call) {
	if m := str(v, "model"); m != "" && (rt.Model == "" || c.RequestModel == "") {
		c.RequestModel = m
	}
	c.Stream = c.Stream || v.GetBool("stream")
	renameParams(c, v, anthropicParams)
	setTools(c, v.Get("tools"))
	user, session := anthropicUser(v.Get("metadata", "user_id"))
	setOnce(&c.User, user)
	setOnce(&c.Session, session)

	addMessage(c, llm.Message{Role: "system", Parts: partsOf(v.Get("system"), anthropicPart)})
	for _, m := range v.GetArray("messages") {
		addAnthropicMessage(c, str(m, "role"), partsOf(m.Get("content"), anthropicPart))
	}
	if p := str(v, "prompt"); p != "" {
		c.Input = append(c.Input, llm.Text("user", p))
	}
}

// addAnthropicMessage appends a message. Results of tools come in user
// messages: where nothing else does, the message is the tool's.
func addAnthropicMessage(c *llm.Call, role string, parts []llm.Part) {
	if role == "user" && len(parts) > 0 {
		tools := 0
		for _, p := range parts {
			if p.Type == llm.PartToolCallResponse {
				tools++
			}
		}
		if tools == len(parts) {
			role = "tool"
		}
	}
	addMessage(c, llm.Message{Role: role, Parts: parts})
}

// anthropicUser splits metadata.user_id. Anthropic's own agent puts the
// session into it, as user_…_session_ID or as a JSON object: kept whole it
// would make every session a user.
func anthropicUser(v *fastjson.Value) (user, session string) {
	user = str(v)
	if strings.HasPrefix(user, "{") {
		var p fastjson.Parser
		if o, err := p.Parse(user); err == nil {
			session = str(o, "session_id")
			for _, key := range [...]string{"account_uuid", "user_id", "device_id"} {
				if id := str(o, key); id != "" {
					return id, session
				}
			}
			return "", session
		}
	}
	if before, after, ok := strings.Cut(user, "_session_"); ok && before != "" {
		return before, after
	}
	return user, ""
}

// anthropicPart decodes one content block of a message, of a request or of a
// complete answer. Blocks of server tools end in _tool_use and _tool_result.
func anthropicPart(b *fastjson.Value) (llm.Part, bool) {
	typ := str(b, "type")
	switch typ {
	case "text":
		return textPart(str(b, "text")), true
	case "thinking":
		return llm.Part{Type: llm.PartReasoning, Content: str(b, "thinking")}, true
	case "redacted_thinking":
		// The data is encrypted: it says nothing to a reader.
		return llm.Part{Type: llm.PartOther, Response: []byte(`{"type":"redacted_thinking"}`)}, true
	case "image", "document", "audio", "video", "file":
		return anthropicMedia(typ, b), true
	case "container_upload":
		return llm.Part{Type: llm.PartFile, FileID: str(b, "file_id")}, true
	case "compaction":
		return llm.Part{Type: llm.PartOther, Content: str(b, "content"), Response: []byte(`{"type":"compaction"}`)}, true
	case "":
		if b.Exists("text") {
			return textPart(str(b, "text")), true
		}
		return otherPart(b), true
	}
	switch {
	case typ == "tool_use" || strings.HasSuffix(typ, "_tool_use"):
		return llm.Part{Type: llm.PartToolCall, ID: str(b, "id"), ToolName: str(b, "name"), Arguments: argumentsOf(b.Get("input"))}, true
	case typ == "tool_result" || strings.HasSuffix(typ, "_tool_result"):
		return llm.Part{Type: llm.PartToolCallResponse, ID: str(b, "tool_use_id"), Response: rawJSON(b.Get("content"))}, true
	}
	return otherPart(b), true
}

// anthropicMedia decodes an image or a document by its source.
func anthropicMedia(typ string, b *fastjson.Value) llm.Part {
	src := b.Get("source")
	mime := str(src, "media_type")
	modality := typ
	if typ == "file" || typ == "document" {
		modality = "document"
	}
	switch str(src, "type") {
	case "base64":
		return llm.Part{Type: llm.PartBlob, Modality: modality, MIMEType: mime, Data: str(src, "data")}
	case "url":
		return llm.Part{Type: llm.PartURI, Modality: modality, MIMEType: mime, URI: str(src, "url")}
	case "file":
		return llm.Part{Type: llm.PartFile, Modality: modality, MIMEType: mime, FileID: str(src, "file_id")}
	case "text":
		return textPart(str(src, "data"))
	}
	return otherPart(b)
}
