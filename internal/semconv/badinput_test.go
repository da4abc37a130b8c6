package semconv

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
)

func chatAttrs() attrs {
	return attrs{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
}

func hasNote(c *llm.Call, note string) bool { return slices.Contains(c.Notes, note) }

func TestBadInputClockSkew(t *testing.T) {
	for _, days := range []int{-5, 5} {
		c := oneCall(t, "s", "chat", chatAttrs(), func(sp ptrace.Span) {
			at := testNow.Add(time.Duration(days) * 24 * time.Hour)
			sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
			sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
		})
		if !hasNote(c, "clock_skew") {
			t.Errorf("%d days: notes = %v", days, c.Notes)
		}
		if c.Duration != time.Second {
			t.Errorf("%d days: duration = %v", days, c.Duration)
		}
	}
	late := oneCall(t, "s", "chat", chatAttrs(), func(sp ptrace.Span) {
		at := testNow.Add(-6 * time.Hour)
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	})
	if hasNote(late, "clock_skew") {
		t.Error("a span that is hours late has a clock that is right")
	}
}

func TestBadInputEndBeforeStart(t *testing.T) {
	c := oneCall(t, "s", "chat", chatAttrs(), func(sp ptrace.Span) { sp.SetEndTimestamp(sp.StartTimestamp() - 1) })
	if c.Duration != 0 || !hasNote(c, "bad_duration") {
		t.Errorf("duration = %v, notes = %v", c.Duration, c.Notes)
	}
	s := oneSpan(t, "s", "GET /", attrs{}, func(sp ptrace.Span) { sp.SetEndTimestamp(sp.StartTimestamp() - 1) })
	if s.Duration != 0 || fmt.Sprint(s.Attributes["pitot.notes"]) != "[bad_duration]" {
		t.Errorf("duration = %v, attributes = %v", s.Duration, s.Attributes)
	}
}

func TestBadInputNoTimes(t *testing.T) {
	c := oneCall(t, "s", "chat", chatAttrs(), func(sp ptrace.Span) {
		sp.SetStartTimestamp(0)
		sp.SetEndTimestamp(0)
	})
	if !hasNote(c, "no_end") || c.Duration != 0 {
		t.Errorf("duration = %v, notes = %v", c.Duration, c.Notes)
	}
	c = oneCall(t, "s", "chat", chatAttrs(), func(sp ptrace.Span) { sp.SetEndTimestamp(math.MaxUint64) })
	if c.Duration < 0 {
		t.Errorf("duration = %v", c.Duration)
	}
}

// The decoder of the protocol refuses ids of another length; what it makes of a
// missing one is zeros.
func TestBadInputIDs(t *testing.T) {
	td := ptrace.NewTraces()
	newSpan(t, td, "s", "no trace", chatAttrs()).SetTraceID(pcommon.TraceID{})
	newSpan(t, td, "s", "no span", chatAttrs()).SetSpanID(pcommon.SpanID{})
	newSpan(t, td, "s", "good", chatAttrs())
	res := testNormalizer().Traces(td)
	if len(res.Records) != 1 || res.Rejected != 2 {
		t.Fatalf("%d records, %d rejected, want 1 and 2", len(res.Records), res.Rejected)
	}
	if len(res.Reasons) != 1 || !strings.Contains(res.Reasons[0], "2 spans rejected: no valid trace id") {
		t.Errorf("reasons = %q", res.Reasons)
	}
	for _, id := range []string{"0af7651916cd43dd8448eb211c80319", "0af7651916cd43dd8448eb211c80319c00", "zz"} {
		_, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"` + id + `"}]}]}]}`))
		if err == nil {
			t.Errorf("trace id %q is accepted by the decoder: it must be checked here", id)
		}
	}
}

func TestBadInputWrongTypes(t *testing.T) {
	c := oneCall(t, "s", "chat", attrs{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": 7, "gen_ai.request.model": []any{"a", 1}, "gen_ai.response.model": map[string]any{"x": 1},
		"gen_ai.usage.input_tokens": "17", "gen_ai.usage.output_tokens": 8.0, "gen_ai.usage.cache_read.input_tokens": "many",
		"gen_ai.usage.cache_read_input_tokens": 4, "gen_ai.response.finish_reasons": "stop", "gen_ai.request.stream": "true",
		"gen_ai.response.time_to_first_chunk": "0.25", "gen_ai.request.temperature": "hot", "user.id": 42, "session.id": true,
		"gen_ai.input.messages": 5, "gen_ai.output.messages": true, "gen_ai.tool.definitions": "no json", "http.response.status_code": "200",
	})
	known(t, "input", c.Usage.InputTokens, 17)
	known(t, "output", c.Usage.OutputTokens, 8)
	known(t, "cache read", c.Usage.CacheReadTokens, 4)
	known(t, "ttft", c.TTFT, 250*time.Millisecond)
	if c.Provider != "7" || c.User != "42" || c.Session != "true" || !c.Stream || c.HTTPStatus != 200 {
		t.Errorf("provider %q, user %q, session %q, stream %v, status %d", c.Provider, c.User, c.Session, c.Stream, c.HTTPStatus)
	}
	if len(c.FinishReasons) != 1 || c.FinishReasons[0] != "stop" {
		t.Errorf("finish reasons = %v", c.FinishReasons)
	}
	if len(c.Input) != 1 || c.Input[0].Parts[0].Content != "5" {
		t.Errorf("input = %+v", c.Input)
	}
	if !json.Valid(c.Tools) {
		t.Errorf("tools = %s", c.Tools)
	}
	negative := oneCall(t, "s", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": -5, "gen_ai.usage.output_tokens": math.NaN()})
	unknown(t, "negative input", negative.Usage.InputTokens)
	unknown(t, "NaN output", negative.Usage.OutputTokens)
}

func TestBadInputInvalidUTF8(t *testing.T) {
	const bad = "a\xff\xfeb"
	c := oneCall(t, bad, bad, attrs{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": bad, "user.id": bad, "x" + bad: bad, "list": []any{bad}, "map": map[string]any{bad: bad},
		"gen_ai.input.messages": `[{"role":"user","parts":[{"type":"text","content":"` + bad + `"}]}]`, "gen_ai.prompt.0.content": bad,
		"traceloop.association.properties." + bad: bad, "gen_ai.tool.definitions": bad, "gen_ai.response.finish_reasons": []any{bad},
	}, func(sp ptrace.Span) {
		sp.Status().SetCode(ptrace.StatusCodeError)
		sp.Status().SetMessage(bad)
		e := sp.Events().AppendEmpty()
		e.SetName(bad)
		putAttrs(t, e.Attributes(), attrs{bad: bad})
	})
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(b) || strings.Contains(string(b), `\ufffd\ufffdb\ufffd`) {
		t.Errorf("not valid UTF-8: %q", b)
	}
	for _, s := range []string{c.RequestModel, c.User, c.SpanName, c.Scope, c.ErrorMessage, c.Input[0].Parts[0].Content} {
		if s != "a\uFFFDb" {
			t.Errorf("%q, want the bad bytes replaced", s)
		}
	}
}

func TestBadInputMixedArrays(t *testing.T) {
	c := oneCall(t, "s", "chat", attrs{
		"gen_ai.operation.name": "chat", "gen_ai.response.finish_reasons": []any{"stop", 1, true, nil, []any{"length"}}, "mixed": []any{1, "a", 2.5, nil, true, map[string]any{"k": []any{}}},
		"gen_ai.output.messages": []any{"text", 5, map[string]any{"role": "assistant", "content": "hi"}, nil, []any{map[string]any{"role": "user", "content": 7}}},
	})
	if len(c.FinishReasons) != 4 {
		t.Errorf("finish reasons = %q", c.FinishReasons)
	}
	if got := fmt.Sprint(c.Attributes["mixed"]); got != "[1 a 2.5 <nil> true map[k:[]]]" {
		t.Errorf("mixed = %s", got)
	}
	if len(c.Output) < 3 {
		t.Errorf("output = %+v", c.Output)
	}
}

func TestBadInputManyAttributes(t *testing.T) {
	a := chatAttrs()
	for i := range 5000 {
		a[fmt.Sprintf("zz.%05d", i)] = i
	}
	c := oneCall(t, "s", "chat", a)
	if len(c.Attributes) > maxAttributes {
		t.Errorf("%d attributes are kept", len(c.Attributes))
	}
	if !hasNote(c, "attributes_cut") {
		t.Errorf("notes = %v", c.Notes)
	}
}

func TestBadInputDeepAndWide(t *testing.T) {
	deep := any("bottom")
	for range 500 {
		deep = map[string]any{"d": deep, "l": []any{deep}}
		if m, ok := deep.(map[string]any); ok {
			delete(m, "l")
		}
	}
	wide := make([]any, 100_000)
	for i := range wide {
		wide[i] = i
	}
	c := oneCall(t, "s", "chat", attrs{"gen_ai.operation.name": "chat", "deep": deep, "wide": wide, "gen_ai.input.messages": deep})
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 1<<20 {
		t.Errorf("the record has %d bytes", len(b))
	}
	if !hasNote(c, "attributes_cut") {
		t.Errorf("notes = %v", c.Notes)
	}
}

func TestBadInputHugeIndexes(t *testing.T) {
	c := oneCall(t, "s", "chat", attrs{
		"gen_ai.operation.name": "chat", "llm.input_messages.999999999999999999.message.content": "x", "llm.input_messages.1000000.message.content": "last",
		"llm.input_messages.-1.message.content": "y", "llm.input_messages.abc.message.content": "z", "llm.input_messages.0.message.content": "first",
		"llm.input_messages.0.message.tool_calls.77777.tool_call.function.name": "f",
	})
	if len(c.Input) != 2 || c.Input[0].Parts[0].Content != "first" || c.Input[1].Parts[0].Content != "last" {
		t.Errorf("input = %+v", c.Input)
	}
}

func TestBadInputNilValues(t *testing.T) {
	td := ptrace.NewTraces()
	sp := newSpan(t, td, "s", "chat", chatAttrs())
	sp.Attributes().PutEmpty("nothing")
	sp.Attributes().PutEmpty("gen_ai.usage.input_tokens")
	sp.Attributes().PutEmpty("")
	sp.Events().AppendEmpty()
	sp.Links().AppendEmpty()
	td.ResourceSpans().At(0).Resource().Attributes().PutEmpty("empty")
	res := testNormalizer().Traces(td)
	c := res.Records[0].Call
	unknown(t, "input", c.Usage.InputTokens)
	if _, there := c.Attributes["nothing"]; there {
		t.Error("an attribute without a value is kept")
	}
}

// A span that is sent again is the same record to the letter: the pipeline
// derives its id from the trace and span ids and the start.
func TestBadInputDuplicateSpans(t *testing.T) {
	td := ptrace.NewTraces()
	newSpan(t, td, "s", "chat", chatAttrs())
	newSpan(t, td, "s", "chat", chatAttrs())
	res := testNormalizer().Traces(td)
	a, _ := json.Marshal(res.Records[0].Call)
	b, _ := json.Marshal(res.Records[1].Call)
	if string(a) != string(b) {
		t.Errorf("the same span twice differs:\n%s\n%s", a, b)
	}
}

func TestBadInputParentsAfterChildrenAndCycles(t *testing.T) {
	td := ptrace.NewTraces()
	child := newSpan(t, td, "s", "chat", chatAttrs())
	child.SetParentSpanID(spanID("00000000000000aa"))
	parent := newSpan(t, td, "s", "invoke_agent a", attrs{"gen_ai.operation.name": "invoke_agent"})
	parent.SetSpanID(spanID("00000000000000aa"))
	parent.SetParentSpanID(child.SpanID())
	self := newSpan(t, td, "s", "chat", chatAttrs())
	self.SetSpanID(spanID("00000000000000bb"))
	self.SetParentSpanID(self.SpanID())
	res := testNormalizer().Traces(td)
	if len(res.Records) != 3 || res.Rejected != 0 {
		t.Fatalf("%d records, %d rejected", len(res.Records), res.Rejected)
	}
	if res.Records[0].Call.ParentSpanID != res.Records[1].Span.SpanID || res.Records[1].Span.ParentSpanID != res.Records[0].Call.SpanID {
		t.Error("parents are not kept as they were sent")
	}
}

func TestBadInputCutJSON(t *testing.T) {
	const cutText = `[{"role":"user","parts":[{"type":"text","content":"What is the wea`
	c := oneCall(t, "s", "chat", attrs{"gen_ai.operation.name": "chat", "gen_ai.input.messages": cutText, "llm.invocation_parameters": `{"temperature":0.`})
	if len(c.Input) != 1 || c.Input[0].Parts[0].Content != cutText || c.Input[0].Role != "user" {
		t.Errorf("input = %+v, want the text as it came", c.Input)
	}
}
