package events

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Content (prompts and answers) is stored as JSON text in which line breaks and
// tabs inside strings stand as they are instead of as \n and \t. The engine
// splits text into words to search it; the n of an escaped line break would
// stick to the word that follows it. restoreJSON turns it into JSON again:
// since the text is compact, every raw line break is inside a string.

// maxInline is the most content that stays in the record's own row. More goes
// into rows of its own, which only a reader of the one record fetches: long
// rows make the engine's blocks small and lists slow.
const maxInline = 512 << 10

// contentPart is how much content one row of kind "content" holds. Escapes may
// make its line six times as long, which must stay under the engine's limit.
const contentPart = 384 << 10

// appendMessages appends messages in the stored form.
func appendMessages(dst []byte, messages []llm.Message) []byte {
	if len(messages) == 0 {
		return dst
	}
	dst = append(dst, '[')
	for i := range messages {
		m := &messages[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"role":`...)
		dst = appendContentString(dst, m.Role)
		dst = appendMember(dst, "name", m.Name)
		if m.Parts == nil {
			dst = append(dst, `,"parts":null`...)
		} else {
			dst = append(dst, `,"parts":[`...)
			for j := range m.Parts {
				if j > 0 {
					dst = append(dst, ',')
				}
				dst = appendPart(dst, &m.Parts[j])
			}
			dst = append(dst, ']')
		}
		dst = appendMember(dst, "finish_reason", m.FinishReason)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendPart(dst []byte, p *llm.Part) []byte {
	dst = append(dst, `{"type":`...)
	dst = appendContentString(dst, p.Type)
	dst = appendMember(dst, "content", p.Content)
	dst = appendMember(dst, "id", p.ID)
	dst = appendMember(dst, "name", p.ToolName)
	dst = appendMember(dst, "arguments", p.Arguments)
	if len(p.Response) > 0 {
		dst = append(dst, `,"response":`...)
		dst = appendRaw(dst, p.Response)
	}
	dst = appendMember(dst, "modality", p.Modality)
	dst = appendMember(dst, "mime_type", p.MIMEType)
	dst = appendMember(dst, "uri", p.URI)
	dst = appendMember(dst, "file_id", p.FileID)
	dst = appendMember(dst, "data", p.Data)
	if p.Size != 0 {
		dst = append(dst, `,"size":`...)
		dst = strconv.AppendInt(dst, p.Size, 10)
	}
	dst = appendMember(dst, "sha256", p.SHA256)
	if p.TruncatedChars != 0 {
		dst = append(dst, `,"truncated_chars":`...)
		dst = strconv.AppendInt(dst, int64(p.TruncatedChars), 10)
	}
	return append(dst, '}')
}

func appendMember(dst []byte, name, v string) []byte {
	if v == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return appendContentString(dst, v)
}

// appendContentString appends s as a string in the stored form.
func appendContentString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		i := strings.IndexAny(s, "\n\t\r")
		if i < 0 {
			break
		}
		dst = appendEscaped(dst, s[:i])
		dst = append(dst, s[i])
		s = s[i+1:]
	}
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendRaw appends JSON without space between its tokens. What is not JSON is
// kept as a string.
func appendRaw(dst []byte, raw json.RawMessage) []byte {
	if !json.Valid(raw) {
		return appendContentString(dst, string(raw))
	}
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\t') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return append(dst, raw...)
	}
	b := bytes.NewBuffer(dst)
	if json.Compact(b, raw) != nil {
		return appendContentString(dst, string(raw))
	}
	return b.Bytes()
}

// restoreJSON turns the stored form into JSON.
func restoreJSON(s string) []byte {
	if !strings.ContainsAny(s, "\n\t\r") {
		return []byte(s)
	}
	b := make([]byte, 0, len(s)+len(s)/32+16)
	for i := range len(s) {
		switch c := s[i]; c {
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, c)
		}
	}
	return b
}

// contentField is a part of a record that may be long.
type contentField struct {
	name string
	text []byte
}

// appendContent writes fields into w's row where they fit, and returns the
// names of those that go into rows of their own: those that must, or all.
func (w *rowWriter) appendContent(fields []contentField, all bool) (apart []string) {
	total := 0
	for _, f := range fields {
		total += len(f.text)
	}
	for _, f := range fields {
		if all {
			if len(f.text) > 0 {
				apart = append(apart, f.name)
			}
			continue
		}
		// The longest fields go first until the rest fits.
		if total > maxInline && len(f.text) > maxInline/len(fields) {
			apart = append(apart, f.name)
			total -= len(f.text)
			continue
		}
		w.bytes(f.name, f.text)
	}
	if len(apart) > 0 {
		w.strs(fieldApart, apart)
	}
	return apart
}

// splitContent calls emit for every part of text, none longer than size and
// none cut within a UTF-8 sequence.
func splitContent(text []byte, size int, emit func(n int, part []byte)) {
	for n := 0; len(text) > 0; n++ {
		cut := min(size, len(text))
		if cut < len(text) {
			for back := 0; back < 3 && cut > 1 && text[cut]&0xC0 == 0x80; back++ {
				cut--
			}
		}
		emit(n, text[:cut])
		text = text[cut:]
	}
}
