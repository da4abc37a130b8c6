package semconv

import (
	"maps"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestLevels(t *testing.T) {
	f := func(n plog.SeverityNumber, text, want string) {
		t.Helper()
		if got := levelOf(n, text); got != want {
			t.Errorf("level of %d %q = %q, want %q", n, text, got, want)
		}
	}
	for n, want := range map[plog.SeverityNumber]string{1: "trace", 4: "trace", 5: "debug", 9: "info", 12: "info", 13: "warn", 17: "error", 21: "fatal", 24: "fatal"} {
		f(n, "anything", want)
	}
	f(0, "WARNING", "warn")
	f(0, "Critical", "fatal")
	f(0, "err", "error")
	f(0, "", "")
	f(0, "odd", "odd")
}

func TestLog(t *testing.T) {
	ld := plog.NewLogs()
	lr := newLog(t, ld, "shop", "app.orders", "", attrs{"k": "v", "event.name": "order.paid"})
	lr.Body().SetStr("paid")
	lr.SetSeverityNumber(13)
	lr.SetTraceID(traceID(testTrace))
	lr.SetSpanID(spanID(testSpan))
	res := testNormalizer().Logs(ld)
	l := res.Records[0].Log
	if l == nil || l.Message != "paid" || l.Level != "warn" || l.Event != "order.paid" || l.TraceID != testTrace || l.SpanID != testSpan ||
		l.Scope != "app.orders" || l.Service != "shop" || l.Attributes["k"] != "v" || !l.Time.Equal(testNow) {
		t.Errorf("log = %+v", l)
	}
}

func TestBadInputLogs(t *testing.T) {
	ld := plog.NewLogs()
	newLog(t, ld, "s", "x", "", attrs{}) // nothing in it
	lr := newLog(t, ld, "s", "x", "", attrs{})
	lr.Body().SetStr("no ids, \xff no time")
	lr.SetTimestamp(0)
	res := testNormalizer().Logs(ld)
	if res.Rejected != 1 || len(res.Reasons) != 1 || !strings.Contains(res.Reasons[0], "1 log records rejected: it is empty") {
		t.Errorf("rejected = %d, reasons = %q", res.Rejected, res.Reasons)
	}
	l := res.Records[0].Log
	if l.Message != "no ids, \uFFFD no time" || l.TraceID != "" || !l.Time.Equal(testNow) {
		t.Errorf("log = %+v", l)
	}
}

// TestTrapSpanAndEventOfOneRequest is the rule by which a call of Claude Code is
// counted once where it sends both: they agree on trace and response id.
func TestTrapSpanAndEventOfOneRequest(t *testing.T) {
	a := attrs{
		"session.id": "s", "model": "claude-opus-5", "input_tokens": 2, "output_tokens": 10, "cache_read_tokens": 100, "request_id": "req_1", "duration_ms": 1000,
	}
	span := attrs{"span.type": "llm_request", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-opus-5"}
	maps.Copy(span, a)
	call := oneCall(t, "com.anthropic.claude_code.tracing", "claude_code.llm_request", span)
	ld := plog.NewLogs()
	lr := newLog(t, ld, "claude-code", "com.anthropic.claude_code.events", "", a)
	lr.Attributes().PutStr("event.name", "api_request")
	lr.Body().SetStr("claude_code.api_request")
	lr.SetTraceID(traceID(testTrace))
	lr.SetSpanID(spanID(testSpan))
	event := testNormalizer().Logs(ld).Records[0].Call
	if event == nil {
		t.Fatal("the event is no call")
	}
	if call.ResponseID != "req_1" || event.ResponseID != call.ResponseID || event.TraceID != call.TraceID || event.Provider != call.Provider {
		t.Errorf("span %q %q %q, event %q %q %q", call.Provider, call.TraceID, call.ResponseID, event.Provider, event.TraceID, event.ResponseID)
	}
	for name, c := range map[string]*llm.Call{"span": call, "event": event} {
		known(t, name+": input", c.Usage.InputTokens, 102)
	}
	if event.ParentSpanID != testSpan || event.SpanID != "" {
		t.Errorf("event: span %q, parent %q", event.SpanID, event.ParentSpanID)
	}
	if want := testNow.Add(-time.Second); !event.Time.Equal(want) {
		t.Errorf("event's call began %v, want %v", event.Time, want)
	}
}

func TestAgentCallsHaveTheSameIDAgain(t *testing.T) {
	ids := map[string]bool{}
	for i := range 4 {
		ld := plog.NewLogs()
		lr := newLog(t, ld, "codex_cli_rs", "codex_otel", "", attrs{
			"event.name": "codex.sse_event", "event.kind": "response.completed", "conversation.id": "c", "model": "m", "input_token_count": "5", "output_token_count": "1",
		})
		if i >= 2 { // another moment
			lr.SetTimestamp(pcommon.NewTimestampFromTime(testNow.Add(time.Millisecond)))
		}
		c := testNormalizer().Logs(ld).Records[0].Call
		if c == nil || len(c.ID) != 26 {
			t.Fatalf("call = %+v", c)
		}
		ids[c.ID] = true
	}
	if len(ids) != 2 {
		t.Errorf("%d ids of two events that were sent twice, want 2", len(ids))
	}
}

func TestTrapDetailsEventOfASampledSpan(t *testing.T) {
	f := func(scope, service, span string, sampled, wantCall bool) {
		t.Helper()
		ld := plog.NewLogs()
		lr := newLog(t, ld, service, scope, eventDetails, attrs{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 5})
		lr.SetSpanID(spanID(span))
		lr.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(sampled))
		if got := testNormalizer().Logs(ld).Records[0].Call != nil; got != wantCall {
			t.Errorf("%s, span %q, sampled %v: call = %v, want %v", scope, span, sampled, got, wantCall)
		}
	}
	f("opentelemetry.util.genai", "api", testSpan, true, false)
	f("opentelemetry.util.genai", "api", testSpan, false, true)
	f("opentelemetry.util.genai", "api", "", false, true)
	f("openlit.instrumentation.openai", "api", "", false, false)
	f("gemini-cli", "gemini-cli", "", false, false)
}

func TestEvaluationOfPitotsSDK(t *testing.T) {
	ld := plog.NewLogs()
	lr := newLog(t, ld, "shop", "github.com/pitot-dev/pitot", "", attrs{
		"gen_ai.evaluation.name": "user_feedback", "gen_ai.evaluation.score.value": 1.0, "gen_ai.evaluation.score.label": "thumbs_up",
		"pitot.evaluation.evaluator": "user", "user.id": "u1", "gen_ai.response.id": "r1",
		"gen_ai.conversation.id": "s1", "pitot.evaluation.id": "k1",
	})
	lr.SetEventName("gen_ai.evaluation.result")
	got := testNormalizer().Logs(ld).Evaluations
	if len(got) != 1 || got[0].Evaluator != "user" || got[0].User != "u1" || got[0].ResponseID != "r1" || got[0].Label != "thumbs_up" || got[0].Score.Or(0) != 1 || got[0].Session != "s1" || got[0].Key != "k1" {
		t.Errorf("evaluations %+v", got)
	}
}
