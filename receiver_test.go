package pitot_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
)

// received is what Pitot's receiver makes of spans, by name.
func received(t *testing.T, spans tracetest.SpanStubs) map[string]llm.Record {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	for _, s := range spans {
		ss.Scope().SetName(s.InstrumentationScope.Name)
		dst := ss.Spans().AppendEmpty()
		dst.SetName(s.Name)
		dst.SetTraceID(pcommon.TraceID(s.SpanContext.TraceID()))
		dst.SetSpanID(pcommon.SpanID(s.SpanContext.SpanID()))
		dst.SetParentSpanID(pcommon.SpanID(s.Parent.SpanID()))
		dst.SetKind(ptrace.SpanKind(s.SpanKind))
		dst.SetStartTimestamp(pcommon.NewTimestampFromTime(s.StartTime))
		dst.SetEndTimestamp(pcommon.NewTimestampFromTime(s.EndTime))
		if s.Status.Code != 0 {
			dst.Status().SetCode(map[string]ptrace.StatusCode{"Error": ptrace.StatusCodeError, "Ok": ptrace.StatusCodeOk}[s.Status.Code.String()])
			dst.Status().SetMessage(s.Status.Description)
		}
		putAttrs(dst.Attributes(), s.Attributes)
		for _, e := range s.Events {
			ev := dst.Events().AppendEmpty()
			ev.SetName(e.Name)
			ev.SetTimestamp(pcommon.NewTimestampFromTime(e.Time))
			putAttrs(ev.Attributes(), e.Attributes)
		}
	}
	out := map[string]llm.Record{}
	for _, r := range semconv.New(semconv.Options{Now: time.Now}).Traces(td).Records {
		switch {
		case r.Span != nil:
			out[r.Span.Name] = r
		case r.Call != nil:
			out[r.Call.SpanName] = r
		}
	}
	return out
}

func putAttrs(m pcommon.Map, attrs []attribute.KeyValue) {
	for _, kv := range attrs {
		switch v := kv.Value.AsInterface().(type) {
		case string:
			m.PutStr(string(kv.Key), v)
		case bool:
			m.PutBool(string(kv.Key), v)
		case int64:
			m.PutInt(string(kv.Key), v)
		case float64:
			m.PutDouble(string(kv.Key), v)
		case []string:
			s := m.PutEmptySlice(string(kv.Key))
			for _, x := range v {
				s.AppendEmpty().SetStr(x)
			}
		default:
			panic(fmt.Sprintf("%s is a %T", kv.Key, v))
		}
	}
}

// TestReceiverMakesTheSameOfWrappers checks that what the wrappers emit is what
// Pitot's receiver reads.
func TestReceiverMakesTheSameOfWrappers(t *testing.T) {
	rec := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))
	shutdown, err := pitot.Setup(t.Context(), pitot.WithEnabled(true), pitot.WithoutGlobals(), pitot.WithTracerProvider(tp))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shutdown(context.WithoutCancel(t.Context())) }()
	ctx := pitot.With(t.Context(), pitot.User("u1"), pitot.Session("s1"))
	_, _ = pitot.Workflow(ctx, "support", func(ctx context.Context) (string, error) {
		return pitot.Agent(ctx, "planner", func(ctx context.Context) (string, error) {
			_, _ = pitot.Task(ctx, "think", func(ctx context.Context) ([]int, error) {
				pitot.AgentStep(ctx, pitot.StepMetrics{InputTokens: 1000, OutputTokens: 500})
				search := pitot.ToolFunc("search", func(context.Context, map[string]string) ([]int, error) { return []int{1}, nil }, pitot.Version("2"))
				return search(ctx, map[string]string{"q": "x"})
			}, pitot.Input("what to do"))
			_, _ = pitot.RetrieveFunc("docs", func(context.Context, string) (string, error) { return "found", nil }, pitot.DataSource("kb"))(ctx, "the query")
			_, _ = pitot.Tool(ctx, "breaks", func(context.Context) (int, error) { return 0, fmt.Errorf("op: %w", context.DeadlineExceeded) })
			cctx, call := pitot.StartCall(ctx, pitot.OpChat, "openai", "gpt-4o")
			call.Usage(pitot.Usage{InputTokens: 12, OutputTokens: 34})
			call.End()
			_ = cctx
			return "answer", nil
		}, pitot.Version("3"), pitot.ID("a1"), pitot.Input("question"))
	})
	got := received(t, tracetest.SpanStubsFromReadOnlySpans(rec.Ended()))
	type view struct {
		Kind                             llm.SpanKind
		OTelKind, Agent, Workflow, Tool  string
		User, Session, Input, Output     string
		Status                           llm.Status
		ErrorType, ErrorMessage, Dialect string
		Source                           llm.Source
		Aggregated                       bool
	}
	views := map[string]view{}
	calls := 0
	for name, r := range got {
		if r.Call != nil {
			calls++
			if in, _ := r.Call.Usage.InputTokens.Get(); in != 12 || r.Call.Agent != "planner" || r.Call.User != "u1" || r.Call.Session != "s1" || r.Call.Workflow != "support" {
				t.Errorf("call %+v", r.Call)
			}
			continue
		}
		s := r.Span
		views[name] = view{s.Kind, s.OTelKind, s.Agent, s.Workflow, s.Tool, s.User, s.Session, s.Input, s.Output, s.Status, s.ErrorType, s.ErrorMessage, s.Dialect, s.Source, s.Aggregate != nil}
	}
	if calls != 1 {
		t.Errorf("%d calls: only the model call counts", calls)
	}
	base := view{OTelKind: "internal", Agent: "planner", Workflow: "support", User: "u1", Session: "s1", Status: llm.StatusOK, Dialect: "pitot", Source: llm.SourceSDK}
	with := func(f func(*view)) view { v := base; f(&v); return v }
	want := map[string]view{
		"invoke_workflow support": with(func(v *view) { v.Kind, v.Agent, v.Output = llm.KindWorkflow, "", "answer" }),
		"invoke_agent planner":    with(func(v *view) { v.Kind, v.Input, v.Output = llm.KindAgent, "question", "answer" }),
		"think":                   with(func(v *view) { v.Kind, v.Input, v.Output = llm.KindTask, "what to do", "[1]" }),
		"execute_tool search":     with(func(v *view) { v.Kind, v.Tool, v.Input, v.Output = llm.KindTool, "search", `{"q":"x"}`, "[1]" }),
		"retrieval docs": with(func(v *view) {
			v.Kind, v.OTelKind, v.Input, v.Output = llm.KindRetrieval, "client", "the query", "found"
		}),
		"execute_tool breaks": with(func(v *view) {
			v.Kind, v.Tool, v.Status, v.ErrorType, v.ErrorMessage = llm.KindTool, "breaks", llm.StatusError, "timeout", "op: context deadline exceeded"
			v.Output = "0"
		}),
	}
	if diff := cmp.Diff(want, views); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v := got["invoke_agent planner"].Span.Attributes["gen_ai.agent.version"]; v != "3" {
		t.Errorf("agent's version %v", v)
	}
	if v := got["execute_tool search"].Span.Attributes["pitot.version"]; v != "2" {
		t.Errorf("tool's version %v", v)
	}
}
