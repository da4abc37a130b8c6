package wire

import "strings"

// answerText is the text of the answer in the order of arrival.
func answerText(api string, docs []node) string {
	var b strings.Builder
	for _, d := range docs {
		switch api {
		case apiMessages, apiComplete:
			writeAnthropicText(&b, d)
		case apiGenerateContent:
			for _, c := range d.at("candidates").list() {
				for _, p := range c.at("content", "parts").list() {
					if p.at("thought").v != true {
						b.WriteString(p.at("text").str())
					}
				}
			}
			b.WriteString(d.at("serverContent", "outputTranscription", "text").str())
			if d.at("delta", "type").str() == "text" {
				b.WriteString(d.at("delta", "text").str())
			}
			for _, s := range d.at("steps").list() {
				for _, c := range s.at("content").list() {
					b.WriteString(c.at("text").str())
				}
			}
		case apiConverse:
			writeConverseText(&b, d)
		case apiInvoke:
			switch {
			case d.at("content").v != nil, d.at("delta").v != nil, d.at("completion").v != nil:
				writeAnthropicText(&b, d)
			case d.at("output").v != nil, d.at("contentBlockDelta").v != nil:
				writeConverseText(&b, d)
			case d.at("response").v != nil: // repeats the whole
			default:
				for _, path := range [][]string{
					{"text"},
					{"outputText"},
					{"generation"},
					{"results", "0", "outputText"},
					{"outputs", "0", "text"},
					{"generations", "0", "text"},
					{"completions", "0", "data", "text"},
					{"choices", "0", "message", "content"},
					{"choices", "0", "text"},
				} {
					b.WriteString(d.at(path...).str())
				}
			}
		case apiCohereChatV1, apiCohereGenerate:
			b.WriteString(d.at("text").str())
			b.WriteString(d.at("generations", "0", "text").str())
		case apiCohereChatV2:
			b.WriteString(d.at("delta", "message", "content", "text").str())
			for _, c := range d.at("message", "content").list() {
				b.WriteString(c.at("text").str())
			}
		case apiOllamaChat, apiOllamaGenerate:
			b.WriteString(d.at("message", "content").str())
			b.WriteString(d.at("response").str())
		}
	}
	return b.String()
}

func writeAnthropicText(b *strings.Builder, d node) {
	if d.at("delta", "type").str() == "text_delta" {
		b.WriteString(d.at("delta", "text").str())
	}
	for _, c := range d.at("content").list() {
		if c.at("type").str() == "text" {
			b.WriteString(c.at("text").str())
		}
	}
	b.WriteString(d.at("completion").str())
}

func writeConverseText(b *strings.Builder, d node) {
	b.WriteString(d.at("contentBlockDelta", "delta", "text").str())
	for _, c := range d.at("output", "message", "content").list() {
		b.WriteString(c.at("text").str())
	}
}
