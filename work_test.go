package pitot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// spanAttrMap are the attributes of a span by name.
func spanAttrMap(s tracetest.SpanStub) map[string]any {
	out := map[string]any{}
	for _, kv := range s.Attributes {
		out[string(kv.Key)] = kv.Value.AsInterface()
	}
	return out
}

func wantSpanAttrs(t *testing.T, s tracetest.SpanStub, want map[string]any) {
	t.Helper()
	got := spanAttrMap(s)
	for k, v := range want {
		if v == nil {
			if x, there := got[k]; there {
				t.Errorf("%s: %s = %v, want none", s.Name, k, x)
			}
			continue
		}
		if fmt.Sprint(got[k]) != fmt.Sprint(v) {
			t.Errorf("%s: %s = %v, want %v", s.Name, k, got[k], v)
		}
	}
}

func okWork(context.Context) (string, error) { return "done", nil }

func TestWrappersMakeATree(t *testing.T) {
	_, rec := testCore(t)
	type query struct {
		Text string `json:"text"`
	}
	find := RetrieveFunc("docs", func(context.Context, string) ([]string, error) { return []string{"a", "b"}, nil }, DataSource("kb"), TopK(2))
	search := ToolFunc("search", func(ctx context.Context, q query) (map[string]int, error) {
		_, err := find(ctx, q.Text)
		return map[string]int{"hits": 2}, err
	}, Description("searches the web"), CallID("call_1"))
	got, err := Workflow(t.Context(), "support", func(ctx context.Context) (string, error) {
		return Agent(ctx, "planner", func(ctx context.Context) (string, error) {
			_, err := Task(ctx, "think", func(ctx context.Context) (map[string]int, error) { return search(ctx, query{"go"}) })
			return "answer", err
		}, ID("a1"), Version("3"), Input("question"), User("u1"))
	}, Version("7"), Session("s1"))
	if got != "answer" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	var names []string
	spans := rec.Spans()
	for _, s := range spans {
		names = append(names, s.Name)
	}
	if got, want := strings.Join(names, "|"), "retrieval docs|execute_tool search|think|invoke_agent planner|invoke_workflow support"; got != want {
		t.Fatalf("spans %q, want %q", got, want)
	}
	for i, s := range spans[:len(spans)-1] {
		if s.Parent.SpanID() != spans[i+1].SpanContext.SpanID() {
			t.Errorf("%s is not under %s", s.Name, spans[i+1].Name)
		}
	}
	wantSpanAttrs(t, spans[0], map[string]any{
		"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "kb", "gen_ai.retrieval.top_k": 2, "gen_ai.retrieval.query.text": "go",
		"output.value": `["a","b"]`, "gen_ai.agent.name": "planner", "gen_ai.workflow.name": "support", "user.id": "u1",
	})
	if spans[0].SpanKind != trace.SpanKindClient || spans[1].SpanKind != trace.SpanKindInternal {
		t.Errorf("kinds %v, %v", spans[0].SpanKind, spans[1].SpanKind)
	}
	wantSpanAttrs(t, spans[1], map[string]any{
		"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.type": "function", "gen_ai.tool.call.id": "call_1",
		"gen_ai.tool.description": "searches the web", "gen_ai.tool.call.arguments": `{"text":"go"}`, "gen_ai.tool.call.result": `{"hits":2}`,
		"gen_ai.agent.name": "planner", "gen_ai.conversation.id": "s1", "session.id": "s1", "user.id": "u1",
	})
	wantSpanAttrs(t, spans[2], map[string]any{"pitot.span_kind": "task", "gen_ai.operation.name": nil, "output.value": `{"hits":2}`})
	wantSpanAttrs(t, spans[3], map[string]any{
		"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "gen_ai.agent.id": "a1", "gen_ai.agent.version": "3",
		"input.value": "question", "output.value": "answer", "user.id": "u1",
	})
	wantSpanAttrs(t, spans[4], map[string]any{
		"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "support", "pitot.version": "7", "gen_ai.agent.name": nil, "user.id": nil, "session.id": "s1",
	})
}

type codedError struct{}

func (codedError) Error() string     { return "no more of it" }
func (codedError) ErrorType() string { return "quota_exceeded" }

type fieldError struct{ name string }

func (e *fieldError) Error() string { return e.name }

type brokenError struct{}

func (brokenError) Error() string { panic("broken") }

func TestErrorsAreNamed(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("x"), "error"},
		{fmt.Errorf("op: %w", errors.New("x")), "error"},
		{fmt.Errorf("op: %w", &fieldError{"a"}), "pitot.fieldError"},
		{errors.Join(&fieldError{"a"}, errors.New("b")), "pitot.fieldError"},
		{fmt.Errorf("a %w b %w", &fieldError{"a"}, io.EOF), "eof"},
		{fmt.Errorf("op: %w", context.Canceled), "canceled"},
		{context.DeadlineExceeded, "timeout"},
		{fmt.Errorf("op: %w", codedError{}), "quota_exceeded"},
		{io.ErrUnexpectedEOF, "unexpected_eof"},
		{http.ErrHandlerTimeout, "error"},
		{brokenError{}, "pitot.brokenError"},
	} {
		_, rec := testCore(t)
		got, err := Tool(t.Context(), "t", func(context.Context) (int, error) { return 7, c.err })
		if got != 7 || err != c.err { //nolint:errorlint // the very same
			t.Errorf("%v: returned %v, %v", c.want, got, err)
		}
		s := rec.Span(t, "execute_tool t")
		wantSpanAttrs(t, s, map[string]any{"error.type": c.want})
		if s.Status.Code != codes.Error || s.Status.Description == "" {
			t.Errorf("%v: status %v", c.want, s.Status)
		}
	}
}

func TestMetricsModeKeepsNoContent(t *testing.T) {
	_, rec := testCore(t, WithContent(ContentMetrics, 0, 0))
	secret := "what nobody may see"
	f := ToolFunc("t", func(ctx context.Context, _ string) (string, error) {
		SetOutput(ctx, secret)
		SetAttributes(ctx, attribute.String("my.message", secret), attribute.String("my.mode", "fast"), attribute.Int("my.count", 1))
		AddEvent(ctx, "happened", attribute.String("query", secret))
		return secret, errors.New(secret)
	}, Description("tool"))
	_, _ = f(t.Context(), secret)
	func() {
		defer func() { _ = recover() }()
		_, _ = Agent(t.Context(), "a", func(context.Context) (string, error) { panic(secret) }, Input(secret))
	}()
	for _, err := range Stream(t.Context(), KindTask, "s", func(context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) { yield(secret, nil) }
	}) {
		_ = err
	}
	dump := fmt.Sprintf("%+v", rec.Spans())
	if strings.Contains(dump, secret) {
		t.Errorf("content left in metrics mode: %s", dump)
	}
	s := rec.Span(t, "execute_tool t")
	wantSpanAttrs(t, s, map[string]any{"error.type": "error", "my.mode": "fast", "my.count": 1, "gen_ai.tool.call.arguments": nil})
	if s.Status.Description != "" {
		t.Errorf("status says %q", s.Status.Description)
	}
}

func TestPanicIsRecordedAndGoesOn(t *testing.T) {
	_, rec := testCore(t)
	value := &fieldError{"the very value with sk-" + strings.Repeat("x1", 20)}
	func() {
		defer func() {
			if p := recover(); p != any(value) {
				t.Errorf("recovered %v", p)
			}
		}()
		_, _ = Tool(t.Context(), "boom", func(context.Context) (int, error) { panic(value) })
	}()
	s := rec.Span(t, "execute_tool boom")
	wantSpanAttrs(t, s, map[string]any{"error.type": "panic"})
	if len(s.Events) != 1 || s.Events[0].Name != "exception" {
		t.Fatalf("events %v", s.Events)
	}
	var stack, message string
	for _, kv := range s.Events[0].Attributes {
		switch kv.Key {
		case "exception.stacktrace":
			stack = kv.Value.AsString()
		case "exception.message":
			message = kv.Value.AsString()
		}
	}
	if !strings.Contains(stack, "TestPanicIsRecordedAndGoesOn") || strings.Contains(stack, "unwind") {
		t.Errorf("stack:\n%s", stack)
	}
	if message != "the very value with [REDACTED:secret]" || s.Status.Description != message {
		t.Errorf("message %q, status %v", message, s.Status)
	}
}

func TestPanicsOfEveryKind(t *testing.T) {
	_, rec := testCore(t)
	for _, f := range []func(){
		func() { panic(nil) },
		func() { var list []int; _ = list[len(list)] },
		func() { panic(brokenError{}) },
		func() { panic(struct{ secret string }{"x"}) },
		func() { panic(http.ErrAbortHandler) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic did not go on")
				}
			}()
			_, _ = Task(t.Context(), "p", func(context.Context) (int, error) { f(); return 0, nil })
		}()
	}
	if n := len(rec.Spans()); n != 5 {
		t.Errorf("%d spans", n)
	}
}

func TestGoexitEndsTheSpan(t *testing.T) {
	_, rec := testCore(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = Task(t.Context(), "exit", func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
	})
	wg.Wait()
	wantSpanAttrs(t, rec.Span(t, "exit"), map[string]any{"error.type": "goexit"})
}

func TestNilContext(t *testing.T) {
	check := func(t *testing.T) {
		for _, f := range []func(context.Context, string, func(context.Context) (string, error), ...Property) (string, error){
			Workflow[string], Agent[string], Task[string], Tool[string], Retrieve[string],
		} {
			got, err := f(nil, "x", func(ctx context.Context) (string, error) {
				if ctx == nil {
					t.Error("the function got a nil context")
				}
				return "done", nil
			})
			if got != "done" || err != nil {
				t.Error(got, err)
			}
		}
		var none context.Context
		AddEvent(none, "e")
		SetAttributes(none, attribute.Int("a", 1))
		SetOutput(none, 1)
		SetInput(none, 1)
		RecordError(none, io.EOF)
		SetRoute(none, "/")
		AgentStep(none, StepMetrics{})
		AgentVerification(none, Verification{})
		Inject(none, nil)
		if TraceID(none) != "" || SpanID(none) != "" || CurrentSpan(none) == nil {
			t.Error("a nil context has ids")
		}
		if p := PropertiesOf(none); p.User != "" {
			t.Error(p)
		}
		ctx, w := Start(none, KindTool, "x")
		if ctx == nil {
			t.Error("Start returned a nil context")
		}
		w.End(nil)
		if _, err := ToolFunc("x", func(ctx context.Context, _ int) (int, error) { return 1, ctx.Err() })(none, 1); err != nil {
			t.Error(err)
		}
		_ = With(none, User("u"))
		_ = Feedback(none, Rating{})
	}
	t.Run("off", check)
	t.Run("on", func(t *testing.T) {
		testCore(t)
		check(t)
	})
}

func TestBadNamesAndValues(t *testing.T) {
	_, rec := testCore(t)
	for _, name := range []string{"", "  ", "\xff\xfe", strings.Repeat("长", 10000), "a\x00b"} {
		_, _ = Tool(t.Context(), name, okWork, User(strings.Repeat("é", 1000)), Tag("", "x"), Tag(strings.Repeat("k", 1000), strings.Repeat("v", 1e6)),
			Attr("", "x"), Attr("a", "\xff"), Session("\xff"), Version(""), Input("\xff\xfe"))
	}
	ctx := t.Context()
	for i := range 1000 {
		ctx = With(ctx, Tag(fmt.Sprint("t", i), "v"), Attr(fmt.Sprint("a", i), i)) //nolint:fatcontext // that is the test
	}
	_, _ = Task(ctx, "many", okWork)
	for _, s := range rec.Spans() {
		if len(s.Name) > maxName+20 || s.Name == "execute_tool " {
			t.Errorf("name %q", s.Name)
		}
		for _, kv := range s.Attributes {
			if kv.Value.Type() == attribute.STRING && (len(kv.Value.AsString()) > 4096 || strings.ContainsRune(kv.Value.AsString(), 0xFFFFFFF)) {
				t.Errorf("%s has %d bytes", kv.Key, len(kv.Value.AsString()))
			}
			if strings.ToValidUTF8(kv.Value.String(), "") != kv.Value.String() || kv.Key == "" {
				t.Errorf("%q = %q is not UTF-8", kv.Key, kv.Value.String())
			}
		}
	}
	if n := len(rec.Span(t, "many").Attributes); n > maxTags+maxAttrs+8 {
		t.Errorf("%d attributes", n)
	}
	wantSpanAttrs(t, rec.Span(t, "execute_tool unnamed"), map[string]any{"gen_ai.tool.name": "unnamed"})
}

func TestWithIsImmutable(t *testing.T) {
	testCore(t)
	base := With(t.Context(), User("u"), Tag("a", "1"), Attr("x", 1))
	left := With(base, Tag("b", "2"), Attr("y", 2))
	right := With(base, Tag("c", "3"), User(""), Attr("z", 3))
	if p := PropertiesOf(base); p.User != "u" || len(p.Tags) != 1 {
		t.Errorf("base changed: %+v", p)
	}
	if p := PropertiesOf(left); p.User != "u" || len(p.Tags) != 2 || p.Tags["b"] != "2" {
		t.Errorf("left %+v", p)
	}
	if p := PropertiesOf(right); p.User != "" || len(p.Tags) != 2 || p.Tags["c"] != "3" {
		t.Errorf("right %+v", p)
	}
	PropertiesOf(base).Tags["a"] = "changed"
	if PropertiesOf(left).Tags["a"] != "1" {
		t.Error("a copy of the tags is shared")
	}
	if a := associationOf(left); len(a.attrs) != 2 || string(a.attrs[1].Key) != "y" {
		t.Errorf("attributes %v", a.attrs)
	}
	if p := PropertiesOf(With(base, Tag("a", ""))); len(p.Tags) != 0 {
		t.Errorf("an empty tag stays: %v", p.Tags)
	}
}

func TestStreamEndsWithTheIteration(t *testing.T) {
	_, rec := testCore(t)
	var inside context.Context
	tokens := func(ctx context.Context) iter.Seq2[string, error] {
		inside = ctx //nolint:fatcontext // the test looks at it
		return func(yield func(string, error) bool) {
			for _, s := range []string{"Hel", "lo", "!"} {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
	seq := Stream(t.Context(), KindAgent, "writer", tokens, Input("hi"))
	if len(rec.Spans()) != 0 || inside != nil {
		t.Fatal("it began before the loop")
	}
	n := 0
	for s, err := range seq {
		if n++; err != nil || len(rec.Spans()) != 0 {
			t.Fatalf("%q %v: ended at item %d", s, err, n)
		}
	}
	wantSpanAttrs(t, rec.Span(t, "invoke_agent writer"), map[string]any{
		"input.value": "hi", "output.value": "Hello!", "pitot.stream.items": 3, "pitot.stream.left_early": nil, "error.type": nil,
	})
	if PropertiesOf(inside).Agent != "writer" {
		t.Error("the function's context does not belong to the agent")
	}

	_, rec = testCore(t)
	for _, err := range Stream(t.Context(), KindTask, "left", tokens) {
		_ = err
		break
	}
	wantSpanAttrs(t, rec.Span(t, "left"), map[string]any{"pitot.stream.items": 1, "pitot.stream.left_early": true, "error.type": nil, "output.value": "Hel"})

	_, rec = testCore(t)
	type item struct{ N int }
	for _, err := range Stream(t.Context(), KindTool, "fails", func(context.Context) iter.Seq2[*item, error] {
		return func(yield func(*item, error) bool) {
			_ = yield(&item{1}, nil) && yield(nil, codedError{}) && yield(&item{2}, nil)
		}
	}) {
		_ = err
	}
	wantSpanAttrs(t, rec.Span(t, "execute_tool fails"), map[string]any{"error.type": "quota_exceeded", "gen_ai.tool.call.result": `[{"N":1},{"N":2}]`})

	_, rec = testCore(t)
	func() {
		defer func() {
			if recover() != "reader" {
				t.Error("the reader's panic did not go on")
			}
		}()
		for _, err := range Stream(t.Context(), KindTask, "panics", tokens) {
			_ = err
			panic("reader")
		}
	}()
	wantSpanAttrs(t, rec.Span(t, "panics"), map[string]any{"error.type": "panic"})
}

func TestSetOutputReplacesWhatIsReturned(t *testing.T) {
	_, rec := testCore(t)
	_, _ = Agent(t.Context(), "a", func(ctx context.Context) (string, error) {
		SetInput(ctx, "in")
		SetOutput(ctx, "first")
		_, _ = Task(ctx, "inner", func(ctx context.Context) (int, error) { SetOutput(ctx, "inner"); return 1, nil })
		SetOutput(ctx, map[string]any{"final": true})
		return "returned", nil
	})
	wantSpanAttrs(t, rec.Span(t, "invoke_agent a"), map[string]any{"input.value": "in", "output.value": `{"final":true}`})
	wantSpanAttrs(t, rec.Span(t, "inner"), map[string]any{"output.value": "inner"})
}

func TestStartAndEnd(t *testing.T) {
	_, rec := testCore(t)
	ctx, w := Start(t.Context(), KindWorkflow, "w", Tag("team", "a"), Output("from a property"))
	w.SetInput("in")
	w.SetAttributes(attribute.String("password", "hunter22"))
	if TraceID(ctx) == "" || SpanID(ctx) == "" {
		t.Error("no ids")
	}
	w.End(io.EOF)
	w.End(nil)
	w.SetOutput("too late")
	if n := len(rec.Spans()); n != 1 {
		t.Fatalf("%d spans", n)
	}
	wantSpanAttrs(t, rec.Span(t, "invoke_workflow w"), map[string]any{
		"pitot.tag.team": "a", "input.value": "in", "output.value": "from a property", "error.type": "eof", "password": "[REDACTED:secret]",
	})
}

func TestAgentSteps(t *testing.T) {
	_, rec := testCore(t)
	_, _ = Agent(t.Context(), "a", func(ctx context.Context) (int, error) {
		for i := range 3 {
			_, _ = Task(ctx, "step", func(ctx context.Context) (int, error) {
				AgentStep(ctx, StepMetrics{InputTokens: 10, OutputTokens: 5, EstimatedInput: int64(100 * i), CompressionRatio: 0.5, CompressionCalls: 1, Name: "loop"})
				return 0, nil
			})
		}
		AgentVerification(ctx, Verification{Status: "passed", Score: 0.9, Passed: true})
		return 0, nil
	})
	s := rec.Span(t, "invoke_agent a")
	wantSpanAttrs(t, s, map[string]any{
		"agent.steps.count": 3, "context.tokens.max_estimated_input": 200, "context.compression.avg_ratio": 0.5, "context.compression.calls.total": 3,
		"llm.token_count.prompt": nil,
	})
	if len(s.Events) != 1 || s.Events[0].Name != "agent.verification.result" {
		t.Errorf("events %v", s.Events)
	}
	step := rec.Span(t, "step")
	got := map[string]any{}
	for _, kv := range step.Events[0].Attributes {
		got[string(kv.Key)] = kv.Value.AsInterface()
	}
	for k, v := range map[string]any{"agent.step.number": int64(1), "llm.token_count.total": int64(15), "context.compression.ratio": 0.5, "agent.name": "a", "agent.step.name": "loop"} {
		if got[k] != v {
			t.Errorf("%s = %v, want %v", k, got[k], v)
		}
	}
	if step.Events[0].Name != "agent.step.metrics" {
		t.Error(step.Events[0].Name)
	}
}

func TestConcurrentUse(t *testing.T) {
	_, rec := testCore(t)
	ctx := With(t.Context(), User("u"), Tag("a", "1"))
	_, _ = Agent(ctx, "shared", func(ctx context.Context) (int, error) {
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for range 20 {
					c := With(ctx, Tag(fmt.Sprint(i), "x"))
					_, _ = Tool(c, "t", okWork, Input(i))
					SetOutput(ctx, i)
					SetAttributes(ctx, attribute.Int("i", i))
					AddEvent(ctx, "e")
					AgentStep(ctx, StepMetrics{InputTokens: 1})
				}
			})
		}
		wg.Wait()
		return 0, nil
	})
	if n := len(rec.Spans()); n != 321 {
		t.Errorf("%d spans", n)
	}
}

func TestUseAfterShutdown(t *testing.T) {
	tp := sdktrace.NewTracerProvider()
	shutdown, err := Setup(t.Context(), WithEnabled(true), WithoutGlobals(), WithTracerProvider(tp))
	if err != nil {
		t.Skipf("Setup: %v", err)
	}
	ctx, w := Start(t.Context(), KindAgent, "a")
	ctx = With(ctx, User("u"))
	if err := shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Log(err)
	}
	_ = tp.Shutdown(context.WithoutCancel(t.Context()))
	w.SetOutput("late")
	w.End(nil)
	SetOutput(ctx, "late")
	if got, err := Tool(ctx, "t", okWork); got != "done" || err != nil {
		t.Error(got, err)
	}
	if With(ctx, User("v")) != ctx {
		t.Error("With does something after the shutdown")
	}
	if err := Feedback(ctx, Rating{}); err != nil {
		t.Error(err)
	}
}

func TestOffDoesNothing(t *testing.T) {
	if active.Load() != nil {
		t.Fatal("the SDK is on")
	}
	ctx := t.Context()
	if With(ctx, User("u")) != ctx || Extract(ctx, nil) != ctx {
		t.Error("the context changed")
	}
	c, w := Start(ctx, KindAgent, "a", Input("x"))
	if c != ctx || w != nil {
		t.Error("Start did something")
	}
	w.SetInput(1)
	w.SetOutput(1)
	w.SetAttributes(attribute.Int("a", 1))
	w.End(nil)
	if err := Score(ctx, Evaluation{}); err != nil {
		t.Error(err)
	}
	n := 0
	for _, err := range Stream(ctx, KindTask, "s", func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(1, nil) }
	}) {
		_ = err
		n++
	}
	if n != 1 {
		t.Errorf("%d items", n)
	}
	defer func() {
		if recover() != "through" {
			t.Error("the panic did not go on")
		}
	}()
	_, _ = Tool(ctx, "t", func(context.Context) (int, error) { panic("through") })
}

func TestDecoratorMadeBeforeSetup(t *testing.T) {
	f := TaskFunc("early", func(_ context.Context, n int) (int, error) { return n + 1, nil }, Attr("k", 5), Tag("a", "b"))
	if got, _ := f(t.Context(), 1); got != 2 {
		t.Fatal(got)
	}
	_, rec := testCore(t)
	if got, _ := f(t.Context(), 1); got != 2 {
		t.Fatal(got)
	}
	wantSpanAttrs(t, rec.Span(t, "early"), map[string]any{"k": 5, "pitot.tag.a": "b", "input.value": "1", "output.value": "2"})
}

type secretly struct{ v string }

func (s secretly) MarshalJSON() ([]byte, error) { return json.Marshal("hidden") }

type cyclic struct {
	Name string
	Next *cyclic
}

type marshalPanics struct{}

func (marshalPanics) MarshalJSON() ([]byte, error) { panic("no") }

type endless struct{}

func (endless) MarshalText() ([]byte, error) { return []byte(strings.Repeat("e", 10<<20)), nil }

func TestValuesOfAllKinds(t *testing.T) {
	c, _ := testCore(t)
	loop := &cyclic{Name: "a"}
	loop.Next = loop
	huge := make([]cyclic, 1<<20)
	big := map[int]string{}
	for i := range 200000 {
		big[i] = "v"
	}
	type tagged struct {
		A      int    `json:"a,omitempty"`
		B      string `json:"-"`
		hidden string
		cyclic
		Time any `json:"t"`
	}
	for _, v := range []any{
		loop, huge, big, strings.Repeat("x", 64<<20), make([]byte, 32<<20), []byte("text"),
		marshalPanics{},
		[]any{marshalPanics{}, endless{}, 1},
		secretly{"x"},
		make(chan int), func() {}, complex(1, 2),
		tagged{B: "b", hidden: "h", Time: 1},
		&loop,
		map[string]any{"a": nil, "f": func() {}},
		json.RawMessage(`{"a":`), errors.New("e"),
		brokenError{},
		struct{}{},
		[3]int{1, 2, 3},
		uintptr(1), new(any), (*cyclic)(nil), error(nil), 1e300, float32(0.1),
		map[any]any{1: 2, "a": struct{ X int }{3}},
		[]byte(nil),
		[][]string{{"a"}, nil},
	} {
		s, kept := c.content.value(v)
		if kept && len(s) > 4*defaultMaxChars {
			t.Errorf("%T: %d bytes", v, len(s))
		}
		if kept && looksJSON(s) && !json.Valid([]byte(s)) && fmt.Sprintf("%T", v) != "json.RawMessage" {
			t.Errorf("%T: not JSON: %.200s", v, s)
		}
	}
	for _, c2 := range []struct {
		v    any
		want string
	}{
		{tagged{B: "b", hidden: "h", Time: []int{1}}, `{"Name":"","Next":null,"t":[1]}`},
		{secretly{"x"}, `"hidden"`},
		{map[string]any{"b": 1, "a": "x\n\"<>"}, `{"a":"x\n\"<>","b":1}`},
		{[]byte("text"), "text"},
		{map[string]string{"api_key": "abc", "note": "my key is sk-" + strings.Repeat("a1", 20)}, `{"api_key":"[REDACTED:secret]","note":"my key is [REDACTED:secret]"}`},
		{42, "42"},
		{0.1, "0.1"},
		{true, "true"},
	} {
		if got, _ := c.content.value(c2.v); got != c2.want {
			t.Errorf("%T: %s, want %s", c2.v, got, c2.want)
		}
	}
}
