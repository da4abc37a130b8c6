package wire

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The routes of the dialects under test.
var (
	routeMessages = Route{Dialect: Anthropic, API: apiMessages, Operation: llm.OpChat}
	routeComplete = Route{Dialect: Anthropic, API: apiComplete, Operation: llm.OpTextCompletion}
	routeGemini   = Route{Dialect: Gemini, API: apiGenerateContent, Operation: llm.OpGenerateContent, Model: "gemini-2.5-flash"}
	routeConverse = Route{Dialect: Bedrock, API: apiConverse, Operation: llm.OpChat, Model: "us.anthropic.claude-x-v1:0"}
	routeInvoke   = Route{Dialect: Bedrock, API: apiInvoke, Operation: llm.OpChat, Model: "any.model-v1"}
	routeCohere1  = Route{Dialect: Cohere, API: apiCohereChatV1, Operation: llm.OpChat}
	routeCohere2  = Route{Dialect: Cohere, API: apiCohereChatV2, Operation: llm.OpChat}
	routeOllama   = Route{Dialect: Ollama, API: apiOllamaChat, Operation: llm.OpChat}
)

// exchange is one answer to decode.
type exchange struct {
	rt     Route
	status int // 0 means 200
	ctype  string
	header http.Header
	body   string
	err    error // why the body ended early
}

// decode feeds the answer in pieces of size n, 0 for one piece.
func (x exchange) decode(n int) *llm.Call {
	c := &llm.Call{Operation: x.rt.Operation}
	h := http.Header{}
	maps.Copy(h, x.header)
	if x.ctype != "" {
		h.Set("Content-Type", x.ctype)
	}
	d := NewDecoder(x.rt, max(x.status, 200), h, c, Options{})
	body := []byte(x.body)
	for len(body) > 0 {
		k := len(body)
		if n > 0 {
			k = min(n, k)
		}
		d.Write(body[:k], 100*time.Millisecond)
		body = body[k:]
	}
	d.Close(time.Second, x.err)
	return c
}

// check decodes the answer in one piece, requires that pieces of any small
// size give the same Call, and returns it.
func (x exchange) check(t *testing.T) *llm.Call {
	t.Helper()
	c := x.decode(0)
	for _, n := range []int{1, 2, 3, 5, 17, 64} {
		if d := cmp.Diff(c, x.decode(n), callOptions); d != "" {
			t.Fatalf("in pieces of %d (-whole +pieces):\n%s", n, d)
		}
	}
	return c
}

func wantUsage(t *testing.T, c *llm.Call, want llm.Usage) {
	t.Helper()
	if d := cmp.Diff(want, c.Usage, callOptions); d != "" {
		t.Errorf("usage (-want +got):\n%s", d)
	}
}

func wantOutput(t *testing.T, c *llm.Call, want ...llm.Message) {
	t.Helper()
	if d := cmp.Diff(want, c.Output, callOptions); d != "" {
		t.Errorf("output (-want +got):\n%s", d)
	}
}

func wantInput(t *testing.T, c *llm.Call, want ...llm.Message) {
	t.Helper()
	if d := cmp.Diff(want, c.Input, callOptions); d != "" {
		t.Errorf("input (-want +got):\n%s", d)
	}
}

// wantCall compares one line: status, error type, finish reasons, notes.
func wantCall(t *testing.T, c *llm.Call, want string) {
	t.Helper()
	got := strings.Join([]string{
		string(c.Status), c.ErrorType, strings.Join(c.FinishReasons, ","), strings.Join(c.Notes, ","),
	}, "|")
	if got != want {
		t.Errorf("status|error|finish|notes = %s, want %s (message %q)", got, want, c.ErrorMessage)
	}
}

// ticks is the content bytes of each chunk.
func ticks(c *llm.Call) string {
	var out []string
	for tick := range c.Timeline.Ticks() {
		out = append(out, strconv.Itoa(tick.Bytes))
	}
	return strings.Join(out, ",")
}

func some(n int64) llm.Opt[int64] { return llm.Some(n) }

// sse frames documents as server-sent events, named by their type as
// Anthropic's are.
func sse(docs ...string) string {
	var b strings.Builder
	for _, d := range docs {
		var v struct{ Type string }
		if json.Unmarshal([]byte(d), &v) == nil && v.Type != "" {
			b.WriteString("event: " + v.Type + "\n")
		}
		b.WriteString("data: " + d + "\n\n")
	}
	return b.String()
}

// awsMessage encodes one message of Amazon's event stream.
func awsMessage(headers map[string]string, payload string) string {
	var h []byte
	for _, k := range []string{":message-type", ":event-type", ":exception-type", ":content-type"} {
		v, ok := headers[k]
		if !ok {
			continue
		}
		h = append(h, byte(len(k)))
		h = append(h, k...)
		h = append(h, 7)
		h = binary.BigEndian.AppendUint16(h, uint16(len(v)))
		h = append(h, v...)
	}
	total := uint32(12 + len(h) + len(payload) + 4)
	b := binary.BigEndian.AppendUint32(nil, total)
	b = binary.BigEndian.AppendUint32(b, uint32(len(h)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, h...), payload...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

func awsEvent(name, payload string) string {
	return awsMessage(map[string]string{":message-type": "event", ":event-type": name, ":content-type": "application/json"}, payload)
}

func awsException(name, payload string) string {
	return awsMessage(map[string]string{":message-type": "exception", ":exception-type": name, ":content-type": "application/json"}, payload)
}

// awsChunk wraps a model's own event as invoke-with-response-stream does.
func awsChunk(payload string) string {
	return awsEvent("chunk", `{"bytes":"`+base64.StdEncoding.EncodeToString([]byte(payload))+`","p":"abcdef"}`)
}

const awsStream = "application/vnd.amazon.eventstream"

var errReset = errors.New("connection reset by peer")

// request decodes a request's body.
func request(rt Route, body string) *llm.Call {
	c := &llm.Call{}
	DecodeRequest(rt, http.Header{"Content-Type": {"application/json"}}, []byte(body), c)
	return c
}

func TestNativeRoutes(t *testing.T) {
	for _, tt := range []struct {
		d        Dialect
		path     string
		api      string
		op       llm.Operation
		model    string
		stream   bool
		noModels bool // not a call of a model
	}{
		{Anthropic, "/v1/messages?beta=true", apiMessages, llm.OpChat, "", false, false},
		{OpenAI, "/anthropic/v1/messages", apiMessages, llm.OpChat, "", false, false},
		{Anthropic, "/v1/messages/count_tokens", "", "", "", false, true},
		{Anthropic, "/v1/messages/batches", "", "", "", false, true},
		{Gemini, "/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@20250101:streamRawPredict", apiMessages, llm.OpChat, "claude-x@20250101", true, false},
		{Gemini, "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", apiGenerateContent, llm.OpGenerateContent, "gemini-2.5-flash", true, false},
		{Gemini, "/v1beta/models/gemini-2.5-flash:countTokens", "", "", "", false, true},
		{Gemini, "/v1beta/interactions", apiGenerateContent, llm.OpGenerateContent, "", false, false},
		{Gemini, "/v1beta/models/e:batchEmbedContents", apiEmbedContent, llm.OpEmbeddings, "e", false, false},
		{Bedrock, "/model/us.anthropic.claude-x-v1%3A0/converse-stream", apiConverse, llm.OpChat, "us.anthropic.claude-x-v1:0", true, false},
		{Bedrock, "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A000000000000%3Ainference-profile%2Fus.x/invoke", apiInvoke, llm.OpChat, "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.x", false, false},
		{Bedrock, "/model/amazon.titan-embed-text-v2%3A0/invoke", apiInvoke, llm.OpEmbeddings, "amazon.titan-embed-text-v2:0", false, false},
		{Bedrock, "/model/m/count-tokens", "", "", "", false, true},
		{Cohere, "/v2/chat", apiCohereChatV2, llm.OpChat, "", false, false},
		{Cohere, "/v1/chat", apiCohereChatV1, llm.OpChat, "", false, false},
		{Ollama, "/api/chat", apiOllamaChat, llm.OpChat, "", false, false},
		{Ollama, "/v1/chat/completions", apiChatCompletions, llm.OpChat, "", false, false},
		{Ollama, "/api/pull", "", "", "", false, true},
	} {
		rt, ok := Match(tt.d, "POST", tt.path)
		if ok == tt.noModels {
			t.Errorf("%s: matched = %v", tt.path, ok)
			continue
		}
		if ok && (rt.API != tt.api || rt.Operation != tt.op || rt.Model != tt.model || rt.Stream != tt.stream) {
			t.Errorf("%s: %+v", tt.path, rt)
		}
	}
}
