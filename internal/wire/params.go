package wire

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// paramName maps a provider's spelling of a setting to the common one.
type paramName struct{ from, to string }

// renameParams takes the named settings under their common names.
func renameParams(c *llm.Call, v *fastjson.Value, names []paramName) {
	o, err := v.Object()
	if err != nil {
		return
	}
	for _, n := range names {
		setParamAs(c, n.to, o.Get(n.from))
	}
}

// setParamAs takes one setting, unless it is absent or too large to be one.
func setParamAs(c *llm.Call, name string, x *fastjson.Value) {
	if x == nil {
		return
	}
	switch x.Type() {
	case fastjson.TypeNull:
		return
	case fastjson.TypeObject, fastjson.TypeArray:
		if len(x.MarshalTo(nil)) > maxParamJSON {
			return
		}
	case fastjson.TypeString:
		if len(x.GetStringBytes()) > maxParamJSON {
			return
		}
	default:
	}
	setParam(c, name, goValue(x))
}

// setAttribute keeps what a provider says beyond the Call's fields.
func setAttribute(c *llm.Call, name string, value any) {
	if c.Attributes == nil {
		c.Attributes = make(map[string]any, 4)
	}
	c.Attributes[name] = value
}

// modalityOf is the modality of a media type.
func modalityOf(mime string) string {
	kind, _, _ := strings.Cut(mime, "/")
	switch kind {
	case "image", "audio", "video":
		return kind
	}
	return "document"
}

// blobPart is inline media, as base64.
func blobPart(mime, data string) llm.Part {
	return llm.Part{Type: llm.PartBlob, MIMEType: mime, Modality: modalityOf(mime), Data: data}
}

// textPart is a part of text.
func textPart(s string) llm.Part { return llm.Part{Type: llm.PartText, Content: s} }

// otherPart keeps what has no place of its own as raw JSON.
func otherPart(v *fastjson.Value) llm.Part {
	return llm.Part{Type: llm.PartOther, Response: rawJSON(v)}
}

// argumentsOf is the text of a tool call's arguments that stand as JSON; those
// that stand as a string are that string.
func argumentsOf(v *fastjson.Value) string {
	if v == nil || v.Type() == fastjson.TypeNull {
		return ""
	}
	if v.Type() == fastjson.TypeString {
		return string(v.GetStringBytes())
	}
	return string(v.MarshalTo(nil))
}

// generated is n for a part that the model wrote and 0 for one that a server
// added, as the result of a tool: only the former are content of a stream.
func generated(p llm.Part, n int) int {
	if p.Type == llm.PartToolCallResponse || p.Type == llm.PartOther {
		return 0
	}
	return n
}

// addMessage appends a message of the request that has at least one part.
func addMessage(c *llm.Call, m llm.Message) {
	if len(m.Parts) > 0 {
		c.Input = append(c.Input, m)
	}
}

// stringOrObjects calls visit for each element of v: a single string or object
// counts as an array of one. Requests are lenient in this way.
func stringOrObjects(v *fastjson.Value, visit func(*fastjson.Value)) {
	if v == nil {
		return
	}
	switch v.Type() {
	case fastjson.TypeArray:
		for _, x := range v.GetArray() {
			visit(x)
		}
	case fastjson.TypeString, fastjson.TypeObject:
		visit(v)
	default:
	}
}

// partsOf decodes content that is a string or an array of blocks.
func partsOf(v *fastjson.Value, decode func(*fastjson.Value) (llm.Part, bool)) []llm.Part {
	var parts []llm.Part
	stringOrObjects(v, func(x *fastjson.Value) {
		switch x.Type() {
		case fastjson.TypeString:
			parts = append(parts, textPart(str(x)))
		case fastjson.TypeObject:
			if p, ok := decode(x); ok {
				parts = append(parts, p)
			}
		default:
		}
	})
	return parts
}
