package semconv

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// exportText makes s valid UTF-8: receivers reject a whole request for one
// string that is not.
func exportText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func exportStr(m pcommon.Map, name, v string) {
	if v != "" {
		m.PutStr(name, exportText(v))
	}
}

func exportStrs(m pcommon.Map, name string, v []string) {
	if len(v) == 0 {
		return
	}
	list := m.PutEmptySlice(name)
	list.EnsureCapacity(len(v))
	for _, s := range v {
		list.AppendEmpty().SetStr(exportText(s))
	}
}

func exportSeconds(m pcommon.Map, name string, v llm.Opt[time.Duration]) {
	if d, ok := v.Get(); ok {
		m.PutDouble(name, d.Seconds())
	}
}

func exportMap(dst pcommon.Map, m map[string]any) {
	for k, v := range m {
		if k != "" && v != nil {
			exportValue(dst.PutEmpty(exportText(k)), v)
		}
	}
}

// exportValue writes a JSON-like value. The journal has one kind of number: a
// whole one becomes an integer again, as most attributes are.
func exportValue(dst pcommon.Value, v any) {
	switch v := v.(type) {
	case nil:
	case string:
		dst.SetStr(exportText(v))
	case bool:
		dst.SetBool(v)
	case int:
		dst.SetInt(int64(v))
	case int64:
		dst.SetInt(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			dst.SetInt(int64(v))
		} else {
			dst.SetDouble(v)
		}
	case []any:
		list := dst.SetEmptySlice()
		list.EnsureCapacity(len(v))
		for _, x := range v {
			exportValue(list.AppendEmpty(), x)
		}
	case []string:
		list := dst.SetEmptySlice()
		for _, x := range v {
			list.AppendEmpty().SetStr(exportText(x))
		}
	case map[string]any:
		exportMap(dst.SetEmptyMap(), v)
	default:
		if b, err := json.Marshal(v); err == nil {
			dst.SetStr(exportText(string(b)))
		}
	}
}

// exportRequest describes an attribute of the request.
type exportRequest struct {
	name   string
	double bool
}

// exportRequests are the settings that have a name in the conventions, by their
// names in the providers' requests.
var exportRequests = map[string]exportRequest{
	"temperature":       {"gen_ai.request.temperature", true},
	"top_p":             {"gen_ai.request.top_p", true},
	"top_k":             {"gen_ai.request.top_k", false},
	"max_tokens":        {"gen_ai.request.max_tokens", false},
	"frequency_penalty": {"gen_ai.request.frequency_penalty", true},
	"presence_penalty":  {"gen_ai.request.presence_penalty", true},
	"seed":              {"gen_ai.request.seed", false},
	"n":                 {"gen_ai.request.choice.count", false},
	"stop":              {"gen_ai.request.stop_sequences", false},
	"reasoning_effort":  {"gen_ai.request.reasoning.level", false},
}

func exportParams(m pcommon.Map, params map[string]any) {
	for k, v := range params {
		if v == nil {
			continue
		}
		p, known := exportRequests[k]
		if !known {
			p.name = exportParam + exportText(k)
		}
		// What is a setting of another name, or a fact rather than a setting, in the
		// conventions is given under both names.
		switch k {
		case "max_completion_tokens", "max_output_tokens":
			if _, there := params["max_tokens"]; !there {
				exportValue(m.PutEmpty("gen_ai.request.max_tokens"), v)
			}
		case "dimensions":
			exportValue(m.PutEmpty("gen_ai.embeddings.dimension.count"), v)
		}
		dst := m.PutEmpty(p.name)
		switch f, isFloat := v.(float64); {
		case p.double && isFloat:
			dst.SetDouble(f)
		case p.name == "gen_ai.request.stop_sequences":
			if s, one := v.(string); one {
				v = []any{s} // the convention has a list
			}
			exportValue(dst, v)
		default:
			exportValue(dst, v)
		}
	}
}

// exportedMessage is a Message as the conventions' JSON schema has it.
type exportedMessage struct {
	Role         string         `json:"role"`
	Name         string         `json:"name,omitempty"`
	Parts        []exportedPart `json:"parts"`
	FinishReason string         `json:"finish_reason,omitempty"`
}

type exportedPart struct {
	Type      string          `json:"type"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Content   string          `json:"content,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Response  json.RawMessage `json:"response,omitempty"`
	Modality  string          `json:"modality,omitempty"`
	MIMEType  string          `json:"mime_type,omitempty"`
	URI       string          `json:"uri,omitempty"`
	FileID    string          `json:"file_id,omitempty"`
	Size      int64           `json:"size,omitempty"`
	SHA256    string          `json:"sha256,omitempty"`
}

// exportMessages writes messages as JSON text. Inline media are not among them:
// redaction has put their size and hash in their place.
func exportMessages(m pcommon.Map, name string, messages []llm.Message) {
	if len(messages) == 0 {
		return
	}
	out := make([]exportedMessage, len(messages))
	for i, msg := range messages {
		parts := make([]exportedPart, len(msg.Parts))
		for j, p := range msg.Parts {
			parts[j] = exportedPart{
				Type: p.Type, ID: p.ID, Name: p.ToolName, Content: p.Content, Arguments: exportJSON([]byte(p.Arguments)), Response: exportJSON(p.Response),
				Modality: p.Modality, MIMEType: p.MIMEType, URI: p.URI, FileID: p.FileID, Size: p.Size, SHA256: p.SHA256,
			}
		}
		out[i] = exportedMessage{msg.Role, msg.Name, parts, msg.FinishReason}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(out) == nil {
		m.PutStr(name, strings.TrimSuffix(b.String(), "\n"))
	}
}

// exportJSON returns JSON as it is and anything else, such as arguments that
// were cut, as a string.
func exportJSON(b []byte) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	if json.Valid(b) {
		return b
	}
	s, err := json.Marshal(string(b))
	if err != nil {
		return nil
	}
	return s
}

func exportEvents(s ptrace.Span, events []llm.SpanEvent) {
	for _, e := range events {
		dst := s.Events().AppendEmpty()
		dst.SetName(exportText(e.Name))
		dst.SetTimestamp(pcommon.NewTimestampFromTime(e.Time))
		exportMap(dst.Attributes(), e.Attributes)
	}
}

func exportLinks(s ptrace.Span, links []llm.SpanLink) {
	for _, l := range links {
		traceID, ok := exportTraceID(l.TraceID)
		spanID, ok2 := exportSpanID(l.SpanID)
		if !ok || !ok2 {
			continue // a link to nowhere
		}
		dst := s.Links().AppendEmpty()
		dst.SetTraceID(traceID)
		dst.SetSpanID(spanID)
		exportMap(dst.Attributes(), l.Attributes)
	}
}

func exportStatus(s ptrace.Span, status llm.Status, errorType, message string) {
	switch status {
	case llm.StatusError:
		s.Status().SetCode(ptrace.StatusCodeError)
		if message == "" {
			message = errorType
		}
		s.Status().SetMessage(exportText(message))
	case llm.StatusOK:
		s.Status().SetCode(ptrace.StatusCodeOk)
	}
}

// exportIDs sets the ids of a span. OpenTelemetry has no span without them: a
// record that has none, or no valid ones, gets some that follow from its id.
func exportIDs(s ptrace.Span, id, traceID, spanID, parent string) {
	sum := sha256.Sum256([]byte(id))
	t, ok := exportTraceID(traceID)
	if !ok {
		copy(t[:], sum[:16])
	}
	p, ok := exportSpanID(spanID)
	if !ok {
		copy(p[:], sum[16:24])
	}
	s.SetTraceID(t)
	s.SetSpanID(p)
	if up, ok := exportSpanID(parent); ok {
		s.SetParentSpanID(up)
	}
}

func exportTraceID(s string) (id pcommon.TraceID, ok bool) {
	n, err := hex.Decode(id[:], []byte(s[:min(len(s), 32)]))
	return id, err == nil && n == len(id) && len(s) == 32 && !id.IsEmpty()
}

func exportSpanID(s string) (id pcommon.SpanID, ok bool) {
	n, err := hex.Decode(id[:], []byte(s[:min(len(s), 16)]))
	return id, err == nil && n == len(id) && len(s) == 16 && !id.IsEmpty()
}

// exportTraceState says, in OpenTelemetry's way (the rejection threshold), how
// many spans this one stands for.
func exportTraceState(weight float64) string {
	if weight <= 1 || math.IsInf(weight, 0) || math.IsNaN(weight) {
		return ""
	}
	const whole = 1 << 56
	t := uint64(math.Round((1 - 1/weight) * whole))
	digits := strconv.FormatUint(min(t, whole-1), 16)
	digits = strings.Repeat("0", 14-len(digits)) + digits
	if digits = strings.TrimRight(digits, "0"); digits == "" {
		return ""
	}
	return "ot=th:" + digits
}
