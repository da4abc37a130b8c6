package quality

import (
	"encoding/json"
	"strings"
)

// formatParam is the parameter under which a snapshot keeps the format that was
// asked for.
const formatParam = "pitot.format"

// format is what an answer must look like.
type format struct {
	schema any // nil: any JSON
}

// maxFormatNodes bounds what is copied of a schema.
const maxFormatNodes = 8192

// expectedFormat finds what the request asked for: JSON, or JSON of a schema. It
// copies that, for the parameters belong to the pipeline.
func expectedFormat(params map[string]any) (format, bool) {
	if f, ok := params[formatParam].(format); ok {
		return f, true
	}
	if len(params) == 0 {
		return format{}, false
	}
	left := maxFormatNodes
	copied := func(v any) any { return copyValue(v, &left) }
	f, ok := format{}, false
	switch {
	case params["response_format"] != nil: // OpenAI, Cohere and those like them
		f, ok = formatOf(object(params["response_format"]), copied)
	case params["text"] != nil: // OpenAI's responses
		f, ok = formatOf(object(object(params["text"])["format"]), copied)
	case params["response_schema"] != nil: // Gemini
		f, ok = format{copied(params["response_schema"])}, true
	case params["response_mime_type"] == "application/json":
		ok = true
	case params["output_format"] != nil: // Anthropic; elsewhere the form of an image
		f, ok = formatOf(object(params["output_format"]), copied)
	case object(params["output_config"])["format"] != nil:
		f, ok = formatOf(object(object(params["output_config"])["format"]), copied)
	case params["guided_json"] != nil: // vLLM
		f, ok = format{copied(params["guided_json"])}, true
	case params["format"] != nil: // Ollama: "json" or a schema
		if s, isText := params["format"].(string); isText && s == "json" {
			ok = true
		} else if m := object(params["format"]); m != nil {
			f, ok = format{copied(m)}, true
		}
	}
	if left < 0 {
		f.schema = nil // too large to check: JSON it must be all the same
	}
	if s, isText := f.schema.(string); isText {
		f.schema = parseObject(s)
	}
	return f, ok
}

// formatOf reads {type, json_schema} in its spellings.
func formatOf(m map[string]any, copied func(any) any) (format, bool) {
	switch typ, _ := m["type"].(string); typ {
	case "json_object", "json":
		for _, name := range [...]string{"schema", "json_schema"} { // Cohere
			if s := m[name]; s != nil {
				return format{copied(s)}, true
			}
		}
		return format{}, true
	case "json_schema":
		for _, s := range [...]any{object(m["json_schema"])["schema"], m["schema"]} {
			if s != nil {
				return format{copied(s)}, true
			}
		}
		return format{}, true
	}
	return format{}, false
}

// object is a JSON object, also where a sender of telemetry has it as text.
func object(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return v
	case string:
		if m, ok := parseObject(v).(map[string]any); ok {
			return m
		}
	case json.RawMessage:
		if m, ok := parseObject(string(v)).(map[string]any); ok {
			return m
		}
	}
	return nil
}

func parseObject(s string) any {
	if s = strings.TrimSpace(s); len(s) > maxSchema || !strings.HasPrefix(s, "{") {
		return nil
	}
	var m map[string]any
	if json.Unmarshal([]byte(s), &m) != nil {
		return nil
	}
	return m
}

// copyValue copies a JSON value as far as left nodes go.
func copyValue(v any, left *int) any {
	if *left--; *left < 0 {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			if *left < 0 {
				break
			}
			m[strings.Clone(k)] = copyValue(e, left)
		}
		return m
	case []any:
		s := make([]any, 0, len(v))
		for _, e := range v {
			if *left < 0 {
				break
			}
			s = append(s, copyValue(e, left))
		}
		return s
	case string:
		return strings.Clone(v)
	case json.RawMessage:
		if len(v) > maxSchema {
			*left = -1
			return nil
		}
		var e any
		if json.Unmarshal(v, &e) != nil {
			return nil
		}
		return e
	}
	return v
}
