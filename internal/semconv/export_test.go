package semconv

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/pitot-dev/pitot/internal/llm"
)

var exportTime = time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)

func exportedCall() *llm.Call {
	var tl llm.Timeline
	tl.Add(310*time.Millisecond, 4)
	tl.Add(315*time.Millisecond, 0)
	tl.Add(time.Second, 1000)
	tl.SetChunks(5) // two came when it was full
	return &llm.Call{
		ID: "01JD00000000000000000000AB", Time: exportTime, Source: llm.SourceOTLP, Service: "checkout", Environment: "prod", Upstream: "main",
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", ParentSpanID: "00f067aa0ba902b7",
		Provider: llm.ProviderOpenAI, Operation: llm.OpChat, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", ResponseID: "chatcmpl-1",
		ServiceTier: "flex", Region: "eu", Stream: true, Status: llm.StatusError, ErrorType: "rate_limit_exceeded", ErrorMessage: "too many", HTTPStatus: 429,
		FinishReasons: []string{"stop", "length"},
		Usage: llm.Usage{
			InputTokens: llm.Some[int64](112), OutputTokens: llm.Some[int64](34), CacheReadTokens: llm.Some[int64](100), CacheWriteTokens: llm.Some[int64](8),
			ReasoningTokens: llm.Some[int64](5), CacheWrite5mTokens: llm.Some[int64](3), CacheWrite1hTokens: llm.Some[int64](5),
			InputAudioTokens: llm.Some[int64](1), InputImageTokens: llm.Some[int64](2), InputVideoTokens: llm.Some[int64](3),
			OutputAudioTokens: llm.Some[int64](4), OutputImageTokens: llm.Some[int64](5), CacheReadAudioTokens: llm.Some[int64](0),
			Images: llm.Some[int64](1), AudioSeconds: llm.Some(1.5), Characters: llm.Some[int64](9), Searches: llm.Some[int64](2), Source: llm.UsageReported,
		},
		Cost:     llm.Cost{USD: llm.Some(0.00037), State: llm.CostReported},
		Duration: 1234567891, TTFT: llm.Some(310 * time.Millisecond),
		User: "u1", Session: "s1", Feature: "search", PromptName: "p", PromptVersion: "3", Agent: "planner", Workflow: "w",
		Tags: map[string]string{"team": "a", "empty.not": "x"},
		Params: map[string]any{
			"temperature": 1.0, "top_p": 0.5, "max_tokens": 256.0, "seed": 7.0, "n": 2.0, "stop": []any{"a", "b"}, "reasoning_effort": "low",
			"response_format": map[string]any{"type": "json_object"}, "dimensions": 3.0, "parallel_tool_calls": true,
		},
		Input: []llm.Message{
			llm.Text("system", "be brief"),
			{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "hi <b> \"there\" 日本"}, {Type: llm.PartURI, Modality: "image", MIMEType: "image/png", URI: "https://example.com/a.png"}}},
			{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "c1", Response: json.RawMessage(`{"a":"b"}`)}}},
		},
		Output: []llm.Message{{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
			{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartToolCall, ID: "c2", ToolName: "f", Arguments: `{"x":1}`},
		}}},
		Tools:    json.RawMessage(`[{"type":"function","function":{"name":"f"}}]`),
		SpanName: "chat gpt-4o", Scope: "opentelemetry.instrumentation.openai", ScopeVersion: "1.2.3", Weight: 10,
		GatewayOverhead: llm.Some(60 * time.Microsecond),
		Phases: llm.Phases{
			Connect: llm.Some(time.Duration(0)), Headers: llm.Some(3 * time.Millisecond), Queue: llm.Some(time.Second), Load: llm.Some(time.Minute),
			Prefill: llm.Some(2 * time.Millisecond), Decode: llm.Some(2 * time.Second), Server: llm.Some(4 * time.Second),
		},
		Timeline: tl, Notes: []string{"stream_cut", "client_gone"}, Truncated: []string{"output"},
		Resource: map[string]any{"host.name": "h", "process.pid": 5.0},
		Events:   []llm.SpanEvent{{Time: exportTime, Name: "retry", Attributes: map[string]any{"attempt": int64(2)}}},
		Links:    []llm.SpanLink{{TraceID: "1af7651916cd43dd8448eb211c80319c", SpanID: "c7ad6b7169203331"}},
	}
}

// overTheWire encodes and decodes traces as a receiver gets them.
func overTheWire(t *testing.T, recs ...llm.Record) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	AppendTraces(td, recs)
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	r := ptraceotlp.NewExportRequest()
	if err := r.UnmarshalProto(b); err != nil {
		t.Fatal(err)
	}
	return r.Traces()
}

func asJSON(t *testing.T, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestACallComesBackAsItWas sends a Call through OTLP to a Pitot.
func TestACallComesBackAsItWas(t *testing.T) {
	want := exportedCall()
	res := New(Options{Now: func() time.Time { return exportTime }}).Traces(overTheWire(t, llm.Record{Call: want}))
	if len(res.Records) != 1 || res.Records[0].Call == nil {
		t.Fatalf("%+v", res)
	}
	got := res.Records[0].Call
	// The receiver gives an id of its own. What it keeps of the attributes beside
	// the fields is its own matter, and the name of the dialect.
	got.ID, got.Attributes, got.Dialect = want.ID, nil, ""
	got.Weight = math.Round(got.Weight*1e6) / 1e6
	if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
		t.Errorf("(-sent +received)\n%s", diff)
	}
}

// TestBadTimelines come from limits on the length of attributes, or from nobody
// who knows better.
func TestBadTimelines(t *testing.T) {
	for _, text := range []string{"%%%", "AgEB", "Af8", strings.Repeat("AQEB", 40_000)} {
		td := overTheWire(t, llm.Record{Call: exportedCall()})
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("pitot.timeline", text)
		c := New(Options{Now: func() time.Time { return exportTime }}).Traces(td).Records[0].Call
		if !slices.Contains(c.Notes, "bad_timeline") || c.Timeline.Chunks() != 5 {
			t.Errorf("%.20q: notes %q, %d chunks", text, c.Notes, c.Timeline.Chunks())
		}
		if _, kept := c.Attributes["pitot.timeline"]; kept {
			t.Error("the timeline stays among the attributes")
		}
	}
}

// TestAComputedCostSaysThatItIs: a receiver that took the number
// for the provider's own would never correct it.
func TestAComputedCostSaysThatItIs(t *testing.T) {
	c := exportedCall()
	c.Cost = llm.Cost{USD: llm.Some(0.5), State: llm.CostEstimated, Rule: "r"}
	c.Usage.Source = llm.UsageEstimated
	m := overTheWire(t, llm.Record{Call: c}).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	for name, want := range map[string]string{"pitot.cost.state": "estimated", "pitot.cost.rule": "r", "pitot.usage.source": "estimated", "gen_ai.usage.cost": "0.5"} {
		if v, ok := m.Get(name); !ok || v.AsString() != want {
			t.Errorf("%s: %q, want %q", name, v.AsString(), want)
		}
	}
	c.Cost = llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"}
	m = overTheWire(t, llm.Record{Call: c}).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	if _, ok := m.Get("gen_ai.usage.cost"); ok {
		t.Error("an unknown cost is sent as a number")
	}
}

func TestSpansComeBackAsTheyWere(t *testing.T) {
	n := New(Options{Now: func() time.Time { return exportTime }})
	base := llm.Span{
		ID: "01JD00000000000000000000AC", Time: exportTime, Source: llm.SourceOTLP, TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331",
		ParentSpanID: "00f067aa0ba902b7", Name: "step", OTelKind: "internal", Service: "svc", Environment: "prod", Duration: 42, Status: llm.StatusOK,
		User: "u", Session: "s", Scope: "lib", ScopeVersion: "2", Resource: map[string]any{"host.name": "h"},
		Events: []llm.SpanEvent{{Time: exportTime, Name: "x", Attributes: map[string]any{"k": "v"}}},
	}
	for name, set := range map[string]func(*llm.Span){
		"agent":     func(s *llm.Span) { s.Kind, s.Agent = llm.KindAgent, "planner" },
		"workflow":  func(s *llm.Span) { s.Kind, s.Workflow = llm.KindWorkflow, "w" },
		"tool":      func(s *llm.Span) { s.Kind, s.Tool, s.Input, s.Output = llm.KindTool, "search", `{"q":"x"}`, "found" },
		"retrieval": func(s *llm.Span) { s.Kind = llm.KindRetrieval },
		"task":      func(s *llm.Span) { s.Kind, s.Input, s.Output = llm.KindTask, "in", "out" },
		"failed": func(s *llm.Span) {
			s.Kind, s.OTelKind, s.Status, s.ErrorType, s.ErrorMessage = llm.KindOther, "server", llm.StatusError, "timeout", "took too long"
		},
	} {
		want := base
		set(&want)
		res := n.Traces(overTheWire(t, llm.Record{Span: &want}))
		if len(res.Records) != 1 || res.Records[0].Span == nil {
			t.Errorf("%s: %+v", name, res)
			continue
		}
		got := res.Records[0].Span
		got.ID, got.Attributes, got.Dialect = want.ID, nil, ""
		if diff := cmp.Diff(asJSON(t, &want), asJSON(t, got)); diff != "" {
			t.Errorf("%s: (-sent +received)\n%s", name, diff)
		}
	}
}

func TestLogsComeBackAsTheyWere(t *testing.T) {
	want := &llm.Log{
		ID: "01JD00000000000000000000AD", Time: exportTime, Source: llm.SourceOTLP, Service: "svc", Environment: "prod", Level: "warn", Message: "it\nbroke",
		Event: "llm_request_retry", TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", Scope: "logger",
		Attributes: map[string]any{"attempt": int64(2), "ratio": 0.5, "list": []any{"a", "b"}}, Resource: map[string]any{"host.name": "h"},
	}
	ld := plog.NewLogs()
	AppendLogs(ld, []llm.Record{{Log: want}, {Call: exportedCall()}})
	b, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	r := plogotlp.NewExportRequest()
	if err := r.UnmarshalProto(b); err != nil {
		t.Fatal(err)
	}
	res := New(Options{Now: func() time.Time { return exportTime }}).Logs(r.Logs())
	if len(res.Records) != 1 || res.Records[0].Log == nil {
		t.Fatalf("%+v", res)
	}
	got := res.Records[0].Log
	if v := got.Attributes["log.record.uid"]; v != nil && v != want.ID {
		t.Errorf("uid %v", v)
	}
	delete(got.Attributes, "log.record.uid")
	got.ID = want.ID
	if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
		t.Errorf("(-sent +received)\n%s", diff)
	}
}

func TestRecordsShareResourceAndScope(t *testing.T) {
	a, b, c := exportedCall(), exportedCall(), exportedCall()
	b.Resource = map[string]any{"process.pid": 5.0, "host.name": "h"}
	c.Resource = map[string]any{"host.name": "other"}
	d := &llm.Span{ID: "x", Time: exportTime, Service: a.Service, Environment: a.Environment, Resource: a.Resource, Scope: a.Scope, ScopeVersion: a.ScopeVersion}
	td := overTheWire(t, llm.Record{Call: a}, llm.Record{Call: b}, llm.Record{Call: c}, llm.Record{Span: d}, llm.Record{Log: &llm.Log{}}, llm.Record{})
	var sizes []int
	for _, rs := range td.ResourceSpans().All() {
		sizes = append(sizes, rs.ScopeSpans().At(0).Spans().Len())
	}
	if !slices.Equal(sizes, []int{3, 1}) {
		t.Errorf("groups of %v", sizes)
	}
}

// TestWhatOTLPCannotHoldIsMended: a receiver refuses a whole request for one bad
// string or id.
func TestWhatOTLPCannotHoldIsMended(t *testing.T) {
	bad := "a\xffb"
	for _, ids := range [][2]string{{"", ""}, {"xyz", "123"}, {strings.Repeat("0", 32), strings.Repeat("0", 16)}, {strings.Repeat("a", 64), strings.Repeat("b", 32)}} {
		c := &llm.Call{
			ID: "same", Time: exportTime, TraceID: ids[0], SpanID: ids[1], ParentSpanID: ids[1], SpanName: bad, User: bad, ErrorMessage: bad, Status: llm.StatusError,
			Tags: map[string]string{bad: bad}, Params: map[string]any{bad: bad, "nil": nil}, Attributes: map[string]any{bad: []any{bad, map[string]any{bad: math.Inf(1)}}, "": "x"},
			Output: []llm.Message{{Role: bad, Parts: []llm.Part{{Type: llm.PartToolCall, Arguments: `{"cut":`}, {Type: llm.PartText, Content: bad}}}},
			Links:  []llm.SpanLink{{TraceID: "nowhere", SpanID: "x"}}, Weight: math.Inf(1), FinishReasons: []string{bad},
		}
		first, second := overTheWire(t, llm.Record{Call: c}), overTheWire(t, llm.Record{Call: c})
		s := first.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		again := second.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() || s.TraceID() != again.TraceID() || s.SpanID() != again.SpanID() || !s.ParentSpanID().IsEmpty() || s.Links().Len() != 0 {
			t.Errorf("ids %v: trace %s, span %s, parent %s", ids, s.TraceID(), s.SpanID(), s.ParentSpanID())
		}
		for _, text := range append(texts(pcommonMap(s.Attributes())), s.Name(), s.Status().Message()) {
			if !utf8.ValidString(text) {
				t.Errorf("%q is no UTF-8", text)
			}
		}
		v, _ := s.Attributes().Get("gen_ai.output.messages")
		if !json.Valid([]byte(v.Str())) {
			t.Errorf("messages are no JSON: %s", v.Str())
		}
	}
}

func pcommonMap(m pcommon.Map) any { return m.AsRaw() }

// texts are all strings in a value.
func texts(v any) (out []string) {
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, x := range v {
			out = append(out, texts(x)...)
		}
	case map[string]any:
		for k, x := range v {
			out = append(append(out, k), texts(x)...)
		}
	}
	return out
}

func TestWeightsAreTraceStates(t *testing.T) {
	for weight, want := range map[float64]string{0: "", 1: "", 2: "ot=th:8", 4: "ot=th:c", 10: "ot=th:e6666666666668", 1.0000000000000002: "ot=th:0000000000001", math.NaN(): "", math.Inf(1): ""} {
		if got := exportTraceState(weight); got != want {
			t.Errorf("%v: %q, want %q", weight, got, want)
		}
	}
}

func BenchmarkAppendTraces(b *testing.B) {
	recs := make([]llm.Record, 512)
	for i := range recs {
		recs[i] = llm.Record{Call: exportedCall()}
	}
	b.ReportAllocs()
	for b.Loop() {
		AppendTraces(ptrace.NewTraces(), recs)
	}
	b.ReportMetric(float64(b.N*len(recs))/b.Elapsed().Seconds(), "spans/s")
}
