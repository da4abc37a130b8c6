package wire

import (
	"bytes"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// openAIParams are the settings of requests of OpenAI's family that a Call keeps.
var openAIParams = [...]string{
	"temperature", "top_p", "top_k", "min_p", "n", "best_of", "stop", "seed",
	"max_tokens", "max_completion_tokens", "max_output_tokens", "max_tool_calls",
	"presence_penalty", "frequency_penalty", "repetition_penalty",
	"logprobs", "top_logprobs", "echo", "suffix",
	"response_format", "text", "tool_choice", "parallel_tool_calls", "function_call",
	"reasoning", "reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "verbosity", "modalities",
	"service_tier", "store", "truncation", "previous_response_id", "background", "include",
	"dimensions", "encoding_format", "input_type", "task",
	"size", "quality", "style", "output_format", "output_compression", "voice", "speed", "language",
	"top_n", "return_documents", "search_mode", "web_search_options", "guided_json", "prompt_cache_key", "models", "route", "provider",
}

// decodeOpenAIRequest reads the JSON request of any API of OpenAI's family.
func decodeOpenAIRequest(rt Route, v *fastjson.Value, c *llm.Call) {
	if m := str(v, "model"); m != "" {
		c.RequestModel = m
	}
	c.Stream = c.Stream || v.GetBool("stream")
	setParams(c, v, openAIParams[:]...)
	setTools(c, v.Get("tools"))
	if len(c.Tools) == 0 {
		setTools(c, v.Get("functions"))
	}
	setOnce(&c.User, str(v, "user"))
	setOnce(&c.User, str(v, "safety_identifier"))
	setOnce(&c.Session, str(v, "session_id"))
	setOnce(&c.Session, str(v, "conversation"))
	setOnce(&c.Session, str(v, "conversation", "id"))
	setMetadata(c, v.Get("metadata"))

	switch rt.API {
	case apiResponses:
		responsesInput(v, c)
	case apiEmbeddings, apiModerations, apiAudioSpeech:
		addTexts(c, v.Get("input"))
		addTexts(c, v.Get("inputs"))
		if s := str(v, "instructions"); s != "" {
			c.Input = append([]llm.Message{llm.Text("system", s)}, c.Input...)
		}
	case apiRerank:
		addTexts(c, v.Get("query"))
		addTexts(c, v.Get("documents"))
	default:
		for _, m := range v.GetArray("messages") {
			addMessage(c, chatMessage(m))
		}
		addTexts(c, v.Get("prompt"))
	}
}

// addTexts adds a user message of one text, or of several.
func addTexts(c *llm.Call, v *fastjson.Value) {
	if v == nil {
		return
	}
	switch v.Type() {
	case fastjson.TypeString:
		c.Input = append(c.Input, llm.Text("user", string(v.GetStringBytes())))
	case fastjson.TypeObject: // a multimodal document
		if p, ok := requestPart(v); ok {
			c.Input = append(c.Input, llm.Message{Role: "user", Parts: []llm.Part{p}})
		}
	case fastjson.TypeArray:
		var parts []llm.Part
		for _, x := range v.GetArray() {
			switch x.Type() {
			case fastjson.TypeString:
				parts = append(parts, llm.Part{Type: llm.PartText, Content: string(x.GetStringBytes())})
			case fastjson.TypeObject:
				if p, ok := requestPart(x); ok {
					parts = append(parts, p)
				}
			case fastjson.TypeNumber, fastjson.TypeArray:
				// Tokens instead of text: they say nothing to a reader.
				c.Note("tokenised_input")
			default:
			}
		}
		if len(parts) > 0 {
			c.Input = append(c.Input, llm.Message{Role: "user", Parts: parts})
		}
	default:
	}
}

// role maps roles to those of OpenTelemetry.
func role(r string) string {
	switch r {
	case "developer":
		return "system"
	case "function":
		return "tool"
	case "":
		return "user"
	}
	return r
}

// chatMessage reads one message of a chat request.
func chatMessage(v *fastjson.Value) llm.Message {
	m := llm.Message{Role: role(str(v, "role")), Name: str(v, "name")}
	if r := firstString(v, "reasoning_content", "reasoning"); r != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartReasoning, Content: r})
	}
	if m.Role == "tool" {
		p := llm.Part{Type: llm.PartToolCallResponse, ID: str(v, "tool_call_id"), Response: rawJSON(v.Get("content"))}
		m.Parts = append(m.Parts, p)
		return m
	}
	m.Parts = appendContent(m.Parts, v.Get("content"))
	if s := str(v, "refusal"); s != "" {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartRefusal, Content: s})
	}
	for _, t := range v.GetArray("tool_calls") {
		f := object(t, "function")
		if f == nil {
			f = object(t, "custom")
		}
		args := f.Get("arguments")
		if args == nil {
			args = f.Get("input")
		}
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartToolCall, ID: str(t, "id"), ToolName: str(f, "name"), Arguments: textOrJSON(args)})
	}
	if f := object(v, "function_call"); f != nil {
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartToolCall, ToolName: str(f, "name"), Arguments: str(f, "arguments")})
	}
	return m
}

// textOrJSON is a string's text, or another value's JSON.
func textOrJSON(v *fastjson.Value) string {
	if v == nil || v.Type() == fastjson.TypeNull {
		return ""
	}
	if v.Type() == fastjson.TypeString {
		return string(v.GetStringBytes())
	}
	return string(v.MarshalTo(nil))
}

// appendContent reads content that is a string or a list of parts.
func appendContent(parts []llm.Part, v *fastjson.Value) []llm.Part {
	if v == nil {
		return parts
	}
	switch v.Type() {
	case fastjson.TypeString:
		if s := v.GetStringBytes(); len(s) > 0 {
			parts = append(parts, llm.Part{Type: llm.PartText, Content: string(s)})
		}
	case fastjson.TypeArray:
		for _, x := range v.GetArray() {
			if p, ok := requestPart(x); ok {
				parts = append(parts, p)
			}
		}
	case fastjson.TypeObject:
		if p, ok := requestPart(v); ok {
			parts = append(parts, p)
		}
	default:
	}
	return parts
}

// requestPart reads one part of content, of chat or responses.
func requestPart(v *fastjson.Value) (llm.Part, bool) {
	if v.Type() == fastjson.TypeString {
		return llm.Part{Type: llm.PartText, Content: string(v.GetStringBytes())}, true
	}
	switch typ := str(v, "type"); typ {
	case "text", "input_text", "output_text", "summary_text", "":
		if x := v.Get("text"); x != nil {
			return llm.Part{Type: llm.PartText, Content: string(x.GetStringBytes())}, true
		}
		if typ == "" { // Jina's multimodal documents: {"image": url}
			if x := v.GetStringBytes("image"); len(x) > 0 {
				return urlPart(x, "image"), true
			}
		}
	case "refusal":
		return llm.Part{Type: llm.PartRefusal, Content: str(v, "refusal")}, true
	case "thinking", "reasoning_text":
		return llm.Part{Type: llm.PartReasoning, Content: firstString(v, "text", "thinking") + str(v, "thinking", "0", "text")}, true
	case "image_url", "input_image", "image":
		return imagePart(v), true
	case "video_url":
		return urlPart(v.GetStringBytes("video_url", "url"), "video"), true
	case "audio_url":
		return urlPart(v.GetStringBytes("audio_url", "url"), "audio"), true
	case "input_audio":
		format := str(v, "input_audio", "format")
		return llm.Part{Type: llm.PartBlob, Modality: "audio", MIMEType: "audio/" + format, Data: str(v, "input_audio", "data")}, true
	case "file", "input_file":
		return filePart(v), true
	}
	raw := rawJSON(v)
	if len(raw) == 0 {
		return llm.Part{}, false
	}
	return llm.Part{Type: llm.PartOther, Response: raw}, true
}

// imagePart reads {"image_url": {"url"}}, {"image_url": "..."} and {"file_id"}.
func imagePart(v *fastjson.Value) llm.Part {
	if id := str(v, "file_id"); id != "" {
		return llm.Part{Type: llm.PartFile, Modality: "image", FileID: id}
	}
	if u := v.GetStringBytes("image_url"); len(u) > 0 {
		return urlPart(u, "image")
	}
	return urlPart(v.GetStringBytes("image_url", "url"), "image")
}

// filePart reads a file by id, by URL or inline.
func filePart(v *fastjson.Value) llm.Part {
	f := v
	if o := object(v, "file"); o != nil {
		f = o
	}
	if id := str(f, "file_id"); id != "" {
		return llm.Part{Type: llm.PartFile, Modality: "document", FileID: id}
	}
	if u := f.GetStringBytes("file_url"); len(u) > 0 {
		return urlPart(u, "document")
	}
	return urlPart(f.GetStringBytes("file_data"), "document")
}

// urlPart is media by reference or, for a data URL, inline.
func urlPart(u []byte, modality string) llm.Part {
	rest, isData := bytes.CutPrefix(u, []byte("data:"))
	if !isData {
		return llm.Part{Type: llm.PartURI, Modality: modality, URI: string(u)}
	}
	head, data, _ := bytes.Cut(rest, []byte(","))
	mime, _, _ := bytes.Cut(head, []byte(";"))
	return llm.Part{Type: llm.PartBlob, Modality: modality, MIMEType: string(mime), Data: string(data)}
}

// responsesInput reads instructions and input items of the responses API.
func responsesInput(v *fastjson.Value, c *llm.Call) {
	if x := v.Get("instructions"); x != nil {
		if parts := appendContent(nil, x); len(parts) > 0 {
			c.Input = append(c.Input, llm.Message{Role: "system", Parts: parts})
		}
	}
	in := v.Get("input")
	if in == nil {
		return
	}
	if in.Type() != fastjson.TypeArray {
		addTexts(c, in)
		return
	}
	for _, item := range in.GetArray() {
		addMessage(c, inputItem(item))
	}
}

// inputItem reads one item of a responses request.
func inputItem(v *fastjson.Value) llm.Message {
	switch str(v, "type") {
	case "", "message":
		return llm.Message{Role: role(str(v, "role")), Parts: appendContent(nil, v.Get("content"))}
	case "function_call", "custom_tool_call", "mcp_call":
		return llm.Message{Role: "assistant", Parts: []llm.Part{{
			Type: llm.PartToolCall, ID: firstString(v, "call_id", "id"), ToolName: str(v, "name"), Arguments: firstString(v, "arguments", "input"),
		}}}
	case "function_call_output", "custom_tool_call_output", "computer_call_output", "local_shell_call_output":
		return llm.Message{Role: "tool", Parts: []llm.Part{{
			Type: llm.PartToolCallResponse, ID: str(v, "call_id"), Response: rawJSON(v.Get("output")),
		}}}
	case "reasoning":
		m := llm.Message{Role: "assistant"}
		for _, s := range v.GetArray("summary") {
			m.Parts = append(m.Parts, llm.Part{Type: llm.PartReasoning, Content: str(s, "text")})
		}
		for _, s := range v.GetArray("content") {
			m.Parts = append(m.Parts, llm.Part{Type: llm.PartReasoning, Content: str(s, "text")})
		}
		return m
	}
	m := llm.Message{Role: "assistant"}
	if raw := rawJSON(v); raw != nil {
		m.Parts = []llm.Part{{Type: llm.PartOther, Response: raw}}
	}
	return m
}
