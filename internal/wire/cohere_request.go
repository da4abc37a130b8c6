package wire

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

var cohereParams = []paramName{
	{"max_tokens", "max_tokens"},
	{"temperature", "temperature"},
	{"p", "top_p"},
	{"k", "top_k"},
	{"seed", "seed"},
	{"frequency_penalty", "frequency_penalty"},
	{"presence_penalty", "presence_penalty"},
	{"stop_sequences", "stop_sequences"},
	{"num_generations", "n"},
	{"response_format", "response_format"},
	{"safety_mode", "safety_mode"},
	{"tool_choice", "tool_choice"},
	{"strict_tools", "strict_tools"},
	{"thinking", "thinking"},
	{"citation_options", "citation_options"},
	{"input_type", "input_type"},
	{"embedding_types", "embedding_types"},
	{"output_dimension", "output_dimension"},
	{"truncate", "truncate"},
}

// decodeCohereRequest reads a body of /v1/chat, /v2/chat, /v1/generate or
// /embed, also as Bedrock carries it.
func decodeCohereRequest(rt Route, v *fastjson.Value, c *llm.Call) {
	if m := str(v, "model"); m != "" && rt.Model == "" {
		c.RequestModel = m
	}
	c.Stream = c.Stream || v.GetBool("stream")
	renameParams(c, v, cohereParams)
	setTools(c, v.Get("tools"))
	if id := str(v, "conversation_id"); id != "" {
		setOnce(&c.Session, id)
	}
	if s := str(v, "preamble"); s != "" {
		c.Input = append(c.Input, llm.Text("system", s))
	}
	for _, m := range v.GetArray("chat_history") {
		addMessage(c, cohereHistory(m))
	}
	for _, m := range v.GetArray("messages") {
		addMessage(c, cohereMessage(m))
	}
	var user []llm.Part
	for _, key := range [...]string{"message", "prompt"} {
		if s := str(v, key); s != "" {
			user = append(user, textPart(s))
		}
	}
	user = append(user, partsOf(v.Get("texts"), coherePart)...)
	for _, in := range v.GetArray("inputs") {
		user = append(user, partsOf(in.Get("content"), coherePart)...)
	}
	for _, img := range v.GetArray("images") {
		user = append(user, dataURIPart(str(img), "image"))
	}
	addMessage(c, llm.Message{Role: "user", Parts: user})
	addMessage(c, llm.Message{Role: "tool", Parts: cohereToolResults(v.GetArray("tool_results"))})
}

// cohereHistory decodes a turn of v1's chat_history.
func cohereHistory(m *fastjson.Value) llm.Message {
	out := llm.Message{Role: cohereRole(str(m, "role"))}
	if s := str(m, "message"); s != "" {
		out.Parts = append(out.Parts, textPart(s))
	}
	for _, t := range m.GetArray("tool_calls") {
		out.Parts = append(out.Parts, cohereToolCallV1(t))
	}
	out.Parts = append(out.Parts, cohereToolResults(m.GetArray("tool_results"))...)
	return out
}

func cohereToolResults(results []*fastjson.Value) []llm.Part {
	var parts []llm.Part
	for _, r := range results {
		parts = append(parts, llm.Part{
			Type: llm.PartToolCallResponse, ToolName: str(r, "call", "name"), Response: rawJSON(r.Get("outputs")),
		})
	}
	return parts
}

func cohereRole(r string) string {
	switch strings.ToLower(r) {
	case "chatbot":
		return "assistant"
	case "system", "user", "tool", "assistant":
		return strings.ToLower(r)
	}
	return r
}

// cohereMessage decodes a message of v2.
func cohereMessage(m *fastjson.Value) llm.Message {
	out := llm.Message{Role: cohereRole(str(m, "role"))}
	if out.Role == "tool" {
		out.Parts = []llm.Part{{Type: llm.PartToolCallResponse, ID: str(m, "tool_call_id"), Response: rawJSON(m.Get("content"))}}
		return out
	}
	if s := str(m, "tool_plan"); s != "" {
		out.Parts = append(out.Parts, llm.Part{Type: llm.PartReasoning, Content: s})
	}
	out.Parts = append(out.Parts, partsOf(m.Get("content"), coherePart)...)
	for _, t := range m.GetArray("tool_calls") {
		out.Parts = append(out.Parts, cohereToolCall(t))
	}
	return out
}

// dataURIPart is a part for a URL that may hold the media itself.
func dataURIPart(uri, modality string) llm.Part {
	if rest, ok := strings.CutPrefix(uri, "data:"); ok {
		if head, data, ok := strings.Cut(rest, ","); ok {
			mime, _, _ := strings.Cut(head, ";")
			return llm.Part{Type: llm.PartBlob, Modality: modality, MIMEType: mime, Data: data}
		}
	}
	return llm.Part{Type: llm.PartURI, Modality: modality, URI: uri}
}
