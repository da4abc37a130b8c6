package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// engineRow does to a line what the engine does: values become text, lists
// become JSON text, empty values vanish.
func engineRow(t *testing.T, line []byte) row {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	out := row{}
	for k, v := range m {
		var text string
		switch v := v.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		case bool:
			text = map[bool]string{true: "true", false: "false"}[v]
		default:
			t.Fatalf("field %s is nested: %s", k, line)
		}
		if text != "" {
			out[k] = text
		}
	}
	return out
}

// roundTrip encodes a record and decodes its own row, content joined.
func roundTrip(t *testing.T, r llm.Record) llm.Record {
	t.Helper()
	b, err := AppendRow([]byte("before"), r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("before")), []byte("\n")), []byte("\n"))
	own := engineRow(t, lines[len(lines)-1])
	content := map[string]string{}
	for _, l := range lines[:len(lines)-1] {
		if len(l) > engineLine {
			t.Errorf("a content row has %d bytes", len(l))
		}
		m := engineRow(t, l)
		if m["kind"] != kindContent || m["call_id"] != own["id"] {
			t.Errorf("stray row %v", m["id"])
		}
		content[m["field"]] += m["text"]
	}
	maps.Copy(own, content)
	got, err := decodeRecord(own)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// engineLine is the longest line that the engine is set up to read.
const engineLine = 3 << 20

func fullCall() *llm.Call {
	c := &llm.Call{
		ID: "01JD00000000000000000000AB", Time: time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC),
		Source: llm.SourceGateway, Service: "checkout", Environment: "prod", Upstream: "openai",
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", ParentSpanID: "00f067aa0ba902b7",
		Provider: llm.ProviderOpenAI, Operation: llm.OpChat, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06",
		ResponseID: "chatcmpl-1", ServiceTier: "flex", Region: "eu",
		Stream: true, Status: llm.StatusError, ErrorType: "x", ErrorMessage: "broke\nhere", HTTPStatus: 500,
		FinishReasons: []string{"stop", `odd"one`},
		Usage: llm.Usage{
			InputTokens: llm.Some[int64](12), OutputTokens: llm.Some[int64](35), CacheReadTokens: llm.Some[int64](0),
			AudioSeconds: llm.Some(1.5), Source: llm.UsageReported,
		},
		Cost:     llm.Cost{USD: llm.Some(0.00000037), State: llm.CostComputed, Rule: "r", Reason: "because"},
		Duration: 1234567891, TTFT: llm.Some(310 * time.Millisecond), GatewayOverhead: llm.Some(60 * time.Microsecond),
		User: "u1", Session: "s", Feature: "f", PromptName: "p", PromptVersion: "1.10",
		Tags: map[string]string{"team": "a", "empty": "", strings.Repeat("k", 200): "long"},
		Params: map[string]any{
			"temperature": 0.2, "max_tokens": 256.0, "n": 1e21, "stop": []any{"a", "\n"}, "format": map[string]any{"a": map[string]any{"b": 1.0}},
			"yes": true, "nothing": nil, "text": "true", "digits": "007", "number": "12", "list": "[1]", "brace": "{not json", "empty": "", "decimal": "1.10",
		},
		Input: []llm.Message{
			llm.Text("system", "be\nbrief"),
			{Role: "user", Name: "n", Parts: []llm.Part{
				{Type: llm.PartText, Content: "hi \"there\" \\ 日本 \u2028"},
				{Type: llm.PartBlob, Modality: "image", MIMEType: "image/png", Size: 12, SHA256: "ab", TruncatedChars: 3},
				{Type: llm.PartURI, URI: "https://x/y"},
				{Type: llm.PartFile, FileID: "f1"},
			}},
			{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "c1", Response: json.RawMessage("{\"a\":\"b\\nc\"}")}}},
		},
		Output: []llm.Message{{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{
			{Type: llm.PartToolCall, ID: "c1", ToolName: "f", Arguments: "{\"a\":\n1}"},
		}}},
		Tools:     json.RawMessage(`[{"type":"function"}]`),
		Truncated: []string{"input"}, Notes: []string{"client_gone"},
		Attributes: map[string]any{"http.route": "/x", "odd\"key": "v", "big": int64(1)<<60 + 1, "f": 0.1, "neg": -3.0},
		SpanName:   "openai.chat", Agent: "planner", Workflow: "w", Dialect: "openllmetry", Scope: "lib", ScopeVersion: "1.10", Weight: 12.5,
		Phases:   llm.Phases{Connect: llm.Some(time.Duration(0)), Headers: llm.Some(3 * time.Millisecond), Queue: llm.Some(time.Second), Load: llm.Some(time.Minute), Prefill: llm.Some(time.Duration(1)), Decode: llm.Some(2 * time.Second), Server: llm.Some(4 * time.Second)},
		Resource: map[string]any{"host.name": "h", "pid": 5.0},
		Events:   []llm.SpanEvent{{Time: time.Date(2026, 11, 21, 10, 0, 0, 5, time.UTC), Name: "gen_ai.choice", Attributes: map[string]any{"k": "v"}}},
		Links:    []llm.SpanLink{{TraceID: "t2", SpanID: "s2"}},
	}
	for i := range 50 {
		c.Timeline.Add(310*time.Millisecond+time.Duration(i)*20*time.Millisecond, i)
	}
	return c
}

func fullSpan() *llm.Span {
	return &llm.Span{
		ID: "01JD00000000000000000000AC", Time: time.Date(2026, 11, 21, 10, 0, 0, 1, time.UTC), Source: llm.SourceOTLP,
		TraceID: "t", SpanID: "s", ParentSpanID: "p", Name: "GET /x", Kind: llm.KindTool, OTelKind: "internal",
		Service: "svc", Environment: "prod", Duration: 42, Status: llm.StatusOK, ErrorType: "e", ErrorMessage: "m",
		Agent: "a", Tool: "t", User: "u", Session: "ss", Workflow: "w", Dialect: "langfuse", Scope: "lib", ScopeVersion: "2", Input: "in\nput", Output: "out",
		Attributes: map[string]any{"a": "b", "n": 5.0, "list": []any{1.0, "x"}}, Resource: map[string]any{"host.name": "h"},
		Events: []llm.SpanEvent{{Time: time.Date(2026, 11, 21, 10, 0, 0, 5, time.UTC), Name: "exception", Attributes: map[string]any{"k": "v"}}},
		Links:  []llm.SpanLink{{TraceID: "t2", SpanID: "s2"}},
	}
}

func fullLog() *llm.Log {
	return &llm.Log{
		ID: "01JD00000000000000000000AD", Time: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), Source: llm.SourceOTLP,
		Service: "svc", Environment: "e", Level: "error", Message: "it\nbroke", Event: "llm_request_error", TraceID: "t", SpanID: "s", Scope: "logger",
		Attributes: map[string]any{
			"model": "gpt", "latency": 1.5, "id": "mine", "kind": "theirs", "_time": "x", "resource.x": "y", "attributes.z": 1.0,
			"kubernetes.pod": "p", "": "no name", "message": "another", "ok": true,
		},
		Resource: map[string]any{"host.name": "h"},
	}
}

func TestRowsRoundTrip(t *testing.T) {
	unset := fullSpan()
	unset.Status = ""
	empty := &llm.Log{ID: "x", Time: time.Unix(1, 0).UTC()}
	for name, r := range map[string]llm.Record{
		"call": {Call: fullCall()}, "span": {Span: fullSpan()}, "log": {Log: fullLog()},
		"bare call": {Call: &llm.Call{ID: "x", Time: time.Unix(0, 1).UTC()}}, "unset status": {Span: unset}, "empty log": {Log: empty},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(r, roundTrip(t, r), exactly); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestRowSemantics(t *testing.T) {
	b, err := AppendRow(nil, llm.Record{Call: fullCall()})
	if err != nil {
		t.Fatal(err)
	}
	m := engineRow(t, b)
	for name, want := range map[string]string{
		"model": "gpt-4o", "name": "openai.chat", "usage.input_tokens": "12", "usage.cache_read_tokens": "0",
		"params.temperature": "0.2", "params.stop": `["a","\n"]`, "_time": "2026-11-21T10:00:00.123456789Z", "kind": "call",
		"_msg": "gpt-4o: x: broke\nhere", "status": "error", "tags.team": "a", "cost.usd": "0.00000037",
	} {
		if m[name] != want {
			t.Errorf("%s = %q, want %q", name, m[name], want)
		}
	}
	if _, ok := m["usage.reasoning_tokens"]; ok {
		t.Error("an unknown count is stored")
	}
	if !strings.Contains(m["input"], "be\nbrief") {
		t.Errorf("line breaks of content are escaped, words after them cannot be found: %s", m["input"])
	}
	for name := range m {
		if len(name) > maxFieldName {
			t.Errorf("field name of %d bytes", len(name))
		}
	}
	id, at, ok := RowID(b)
	if !ok || id != fullCall().ID || !at.Equal(fullCall().Time) {
		t.Errorf("RowID = %q, %v, %v", id, at, ok)
	}
}

func TestInvalidUTF8BecomesReplacement(t *testing.T) {
	c := &llm.Call{
		ID: "x", Time: time.Unix(1, 0).UTC(), User: "a\xffb", Input: []llm.Message{llm.Text("user", "\xc3(\n\xe2\x82")},
		Attributes: map[string]any{"k\xff": "v"},
	}
	got := roundTrip(t, llm.Record{Call: c}).Call
	if got.User != "a\uFFFDb" || got.Input[0].Parts[0].Content != "\uFFFD(\n\uFFFD\uFFFD" || got.Attributes["k\uFFFD"] != "v" {
		t.Errorf("got %q, %q, %v", got.User, got.Input[0].Parts[0].Content, got.Attributes)
	}
}

func TestLongContentGoesApart(t *testing.T) {
	c := fullCall()
	text := strings.Repeat("日本語 and a line\n\x01\"", 100_000) // 2.4 MB
	c.Input[0].Parts[0].Content = text
	b, err := AppendRow(nil, llm.Record{Call: c})
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); n < 7 {
		t.Errorf("%d rows", n)
	}
	if id, _, ok := RowID(b); !ok || id != c.ID {
		t.Errorf("RowID = %q: the record's own row must be the last", id)
	}
	if d := cmp.Diff(llm.Record{Call: c}, roundTrip(t, llm.Record{Call: c}), exactly); d != "" {
		t.Error("long content differs", len(d))
	}
	s := fullSpan()
	s.Input, s.Output = text, text
	if d := cmp.Diff(llm.Record{Span: s}, roundTrip(t, llm.Record{Span: s}), exactly); d != "" {
		t.Error("long span differs", len(d))
	}
	l := fullLog()
	delete(l.Attributes, "message")
	l.Message = text
	if d := cmp.Diff(llm.Record{Log: l}, roundTrip(t, llm.Record{Log: l}), exactly); d != "" {
		t.Error("long log differs", len(d))
	}
}

func TestManyAttributesAreKept(t *testing.T) {
	s := fullSpan()
	for i := range 3000 {
		s.Attributes["key"+strings.Repeat("x", i%150)+string(rune('a'+i%26))+itoa(i)] = float64(i)
	}
	r := llm.Record{Span: s}
	if d := cmp.Diff(r, roundTrip(t, r), exactly); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	b, err := AppendRow(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(engineRow(t, b)); n > 900 {
		t.Errorf("%d fields", n)
	}
}

func TestTooLargeAttributesAreCutOrRefused(t *testing.T) {
	c := fullCall()
	c.Attributes["huge"] = strings.Repeat("x", 3<<20)
	got := roundTrip(t, llm.Record{Call: c}).Call
	if got.Attributes != nil || !strings.Contains(strings.Join(got.Truncated, " "), "attributes") {
		t.Errorf("truncated = %v", got.Truncated)
	}
	c.User = strings.Repeat("u", 3<<20)
	b, err := AppendRow([]byte("before"), llm.Record{Call: c})
	if !errors.Is(err, ErrTooLarge) || string(b) != "before" {
		t.Errorf("err = %v, %d bytes", err, len(b))
	}
	if _, err := AppendRow(nil, llm.Record{}); err == nil {
		t.Error("an empty record is stored")
	}
}

func TestRowIDRejectsOtherLines(t *testing.T) {
	for _, s := range []string{"", "{}", `{"id":"x"}`, `{"id":"x","_time":"no"}`, `{"id":"x","_time":"2026`} {
		if _, _, ok := RowID([]byte(s)); ok {
			t.Errorf("RowID(%q) is ok", s)
		}
	}
}

func TestIsNumberAgreesWithJSON(t *testing.T) {
	for _, s := range []string{"0", "-0", "01", "1.", "1.5", ".5", "1e5", "1E+5", "1e", "-", "--1", "1e-07", "12a", "0x1", "1_0", "00", "-01", "1.5e3"} {
		var n json.Number
		want := json.Unmarshal([]byte(s), &n) == nil
		if got := isNumber(s); got != want {
			t.Errorf("isNumber(%q) = %v", s, got)
		}
	}
}

func FuzzAppendEscaped(f *testing.F) {
	for _, s := range oddStrings {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil || got != jsonValid(s) {
			t.Errorf("%q became %q, %v", s, got, err)
		}
		if err := json.Unmarshal(restoreJSON(string(appendContentString(nil, s))), &got); err != nil || got != jsonValid(s) {
			t.Errorf("content %q became %q, %v", s, got, err)
		}
	})
}

// jsonValid is what encoding/json makes of a string, byte by byte.
func jsonValid(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	var v string
	_ = json.Unmarshal(b, &v)
	return v
}

func FuzzParseRow(f *testing.F) {
	f.Add([]byte(`{"a":"b","c\n":"d\u00e9"}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseRow(b)
		var want map[string]string
		if err != nil || !utf8.Valid(b) || json.Unmarshal(b, &want) != nil {
			return
		}
		if d := cmp.Diff(row(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", b, d)
		}
	})
}

func BenchmarkAppendRow(b *testing.B) {
	small := &llm.Call{
		ID: "01JD00000000000000000000AB", Time: time.Now(), Source: llm.SourceGateway, Service: "checkout", Environment: "prod",
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", Provider: "openai", Operation: llm.OpChat,
		RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", ResponseID: "chatcmpl-1", Stream: true, Status: llm.StatusOK, HTTPStatus: 200,
		FinishReasons: []string{"stop"}, Usage: llm.Usage{InputTokens: llm.Some[int64](12), OutputTokens: llm.Some[int64](35), Source: llm.UsageReported},
		Cost: llm.Cost{USD: llm.Some(0.00037), State: llm.CostComputed}, Duration: 1234567890, TTFT: llm.Some(310 * time.Millisecond), User: "u1",
	}
	text := *small
	text.Input = []llm.Message{llm.Text("user", strings.Repeat("some words of a prompt,\n", 50))}
	text.Output = []llm.Message{llm.Text("assistant", strings.Repeat("and what was answered to it. ", 40))}
	for name, c := range map[string]*llm.Call{"small": small, "text": &text, "full": fullCall()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				var err error
				if buf, err = AppendRow(buf[:0], llm.Record{Call: c}); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}

func TestSecondsRoundTrip(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 999, 1234567891, time.Hour + 1, 20*24*time.Hour + 7, math.MaxInt32} {
		if got := seconds(d.Seconds()); got != d {
			t.Errorf("%d became %d", d, got)
		}
	}
}
