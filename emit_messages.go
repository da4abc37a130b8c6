package pitot

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// appendMessages appends messages as the JSON of gen_ai.input.messages and
// gen_ai.output.messages. Inline media are not among it: their type, size and
// hash are.
func appendMessages(dst []byte, messages []llm.Message) []byte {
	dst = append(dst, '[')
	for i := range messages {
		m := &messages[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"role":`...)
		dst = appendJSONString(dst, m.Role)
		dst = appendMember(dst, `,"name":`, m.Name)
		dst = append(dst, `,"parts":[`...)
		for j := range m.Parts {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendPart(dst, &m.Parts[j])
		}
		dst = append(dst, ']')
		// The newer convention has it on the span alone, but an answer that says
		// nothing has nothing else.
		dst = appendMember(dst, `,"finish_reason":`, m.FinishReason)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendPart(dst []byte, p *llm.Part) []byte {
	dst = append(dst, `{"type":`...)
	dst = appendJSONString(dst, p.Type)
	dst = appendMember(dst, `,"id":`, p.ID)
	dst = appendMember(dst, `,"name":`, p.ToolName)
	dst = appendMember(dst, `,"content":`, p.Content)
	if p.Arguments != "" {
		dst = append(dst, `,"arguments":`...)
		dst = appendRawJSON(dst, []byte(p.Arguments))
	}
	if len(p.Response) > 0 {
		dst = append(dst, `,"response":`...)
		dst = appendRawJSON(dst, p.Response)
	}
	dst = appendMember(dst, `,"modality":`, p.Modality)
	dst = appendMember(dst, `,"mime_type":`, p.MIMEType)
	dst = appendMember(dst, `,"uri":`, p.URI)
	dst = appendMember(dst, `,"file_id":`, p.FileID)
	if size := p.Size; size > 0 || len(p.Data) > 0 {
		if size == 0 {
			size = int64(len(p.Data)) / 4 * 3
		}
		dst = append(dst, `,"size":`...)
		dst = strconv.AppendInt(dst, size, 10)
	}
	dst = appendMember(dst, `,"sha256":`, p.SHA256)
	return append(dst, '}')
}

func appendMember(dst []byte, key, v string) []byte {
	if v == "" {
		return dst
	}
	return appendJSONString(append(dst, key...), v)
}

// appendRawJSON appends JSON as it is, and anything else, such as arguments that
// were cut, as a string.
func appendRawJSON(dst, b []byte) []byte {
	if json.Valid(b) && utf8.Valid(b) {
		return append(dst, b...)
	}
	return appendJSONString(dst, string(b))
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string, made valid UTF-8.
func appendJSONString(dst []byte, s string) []byte {
	s = validText(s)
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		from = i + 1
	}
	return append(append(dst, s[from:]...), '"')
}
