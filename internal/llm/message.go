package llm

import "encoding/json"

// Message is one turn of a conversation, in the shape of OpenTelemetry's
// gen_ai.input.messages and gen_ai.output.messages.
type Message struct {
	Role         string `json:"role"` // system, user, assistant, tool
	Name         string `json:"name,omitempty"`
	Parts        []Part `json:"parts"`
	FinishReason string `json:"finish_reason,omitempty"`
}

// The types of a Part.
const (
	PartText             = "text"
	PartReasoning        = "reasoning"
	PartToolCall         = "tool_call"
	PartToolCallResponse = "tool_call_response"
	PartBlob             = "blob" // inline media, replaced by its type, size and hash
	PartURI              = "uri"
	PartFile             = "file"
	PartRefusal          = "refusal"
	PartOther            = "other" // kept as raw JSON in Response
)

// Part is one piece of a Message.
type Part struct {
	Type    string `json:"type"`
	Content string `json:"content,omitempty"` // text, reasoning, refusal

	ID        string          `json:"id,omitempty"`        // tool call
	ToolName  string          `json:"name,omitempty"`      // tool call
	Arguments string          `json:"arguments,omitempty"` // tool call: JSON text as the model wrote it, possibly cut
	Response  json.RawMessage `json:"response,omitempty"`  // tool call response, other: any JSON

	Modality string `json:"modality,omitempty"` // image, audio, video, document
	MIMEType string `json:"mime_type,omitempty"`
	URI      string `json:"uri,omitempty"`
	FileID   string `json:"file_id,omitempty"`
	// Data is inline media as base64. It never reaches the journal: redaction
	// replaces it by Size and SHA256.
	Data   string `json:"data,omitempty"`
	Size   int64  `json:"size,omitempty"`   // bytes of the decoded media
	SHA256 string `json:"sha256,omitempty"` // hex

	// TruncatedChars is how many characters were cut from Content or Arguments.
	TruncatedChars int `json:"truncated_chars,omitempty"`
}

// Text returns a message of a single text part.
func Text(role, text string) Message {
	return Message{Role: role, Parts: []Part{{Type: PartText, Content: text}}}
}
