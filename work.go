package pitot

import (
	"context"
	"iter"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Kind is what a piece of work is.
type Kind string

// The kinds of work.
const (
	KindWorkflow  = Kind(llm.KindWorkflow)
	KindAgent     = Kind(llm.KindAgent)
	KindTask      = Kind(llm.KindTask)
	KindTool      = Kind(llm.KindTool)
	KindRetrieval = Kind(llm.KindRetrieval)
)

// Workflow runs fn as the workflow of that name: the span `invoke_workflow
// {name}`, to which everything beneath belongs. The name should be one of few;
// what varies goes into properties.
//
// This is said once for Workflow, Agent, Task, Tool and Retrieve: what fn returns
// is returned unchanged, and recorded as output under the content policy. An
// error is recorded with its type; context.Canceled has the type "canceled",
// context.DeadlineExceeded "timeout". A panic is recorded, with its stack, and
// goes on with the same value; runtime.Goexit is recorded and goes on. fn gets a
// context made from ctx, which must be passed on for nested work to be seen as
// such; a nil ctx is taken as context.Background(). While the SDK is off, fn is
// called and nothing else happens.
func Workflow[T any](ctx context.Context, name string, fn func(context.Context) (T, error), props ...Property) (T, error) {
	if r := active.Load(); r != nil {
		return runWork(ctx, r, KindWorkflow, name, fn, props)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return fn(ctx)
}

// Agent runs fn as the agent of that name: the span `invoke_agent {name}`. Model
// calls, tools and retrievals beneath carry the agent's name, and its steps are
// counted for it. Properties of its own are ID, Version and Description. See
// Workflow for what holds for all wrappers.
func Agent[T any](ctx context.Context, name string, fn func(context.Context) (T, error), props ...Property) (T, error) {
	if r := active.Load(); r != nil {
		return runWork(ctx, r, KindAgent, name, fn, props)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return fn(ctx)
}

// Task runs fn as a step of a workflow or agent that is none of the other kinds:
// a span of that name with pitot.span_kind=task. See Workflow for what holds for
// all wrappers.
func Task[T any](ctx context.Context, name string, fn func(context.Context) (T, error), props ...Property) (T, error) {
	if r := active.Load(); r != nil {
		return runWork(ctx, r, KindTask, name, fn, props)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return fn(ctx)
}

// Tool runs fn as a call of the tool of that name: the span `execute_tool
// {name}`. Properties of its own are CallID, Description and Input, which becomes
// the tool's arguments; ToolFunc records them by itself. See Workflow for what
// holds for all wrappers.
func Tool[T any](ctx context.Context, name string, fn func(context.Context) (T, error), props ...Property) (T, error) {
	if r := active.Load(); r != nil {
		return runWork(ctx, r, KindTool, name, fn, props)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return fn(ctx)
}

// Retrieve runs fn as a search for documents: the span `retrieval {name}`.
// Properties of its own are DataSource, TopK and Input, which becomes the query.
// See Workflow for what holds for all wrappers.
func Retrieve[T any](ctx context.Context, name string, fn func(context.Context) (T, error), props ...Property) (T, error) {
	if r := active.Load(); r != nil {
		return runWork(ctx, r, KindRetrieval, name, fn, props)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	return fn(ctx)
}

// WorkflowFunc returns fn as a workflow whose input is recorded by itself. See
// Workflow. It may be called before Setup: whether the SDK is on is asked at
// each call.
func WorkflowFunc[In, Out any](name string, fn func(context.Context, In) (Out, error), props ...Property) func(context.Context, In) (Out, error) {
	return decorated(KindWorkflow, name, fn, props)
}

// AgentFunc returns fn as an agent whose input is recorded by itself. See Agent
// and WorkflowFunc.
func AgentFunc[In, Out any](name string, fn func(context.Context, In) (Out, error), props ...Property) func(context.Context, In) (Out, error) {
	return decorated(KindAgent, name, fn, props)
}

// TaskFunc returns fn as a task whose input is recorded by itself. See Task and
// WorkflowFunc.
func TaskFunc[In, Out any](name string, fn func(context.Context, In) (Out, error), props ...Property) func(context.Context, In) (Out, error) {
	return decorated(KindTask, name, fn, props)
}

// ToolFunc returns fn as a tool whose arguments are recorded by themselves. See
// Tool and WorkflowFunc.
func ToolFunc[In, Out any](name string, fn func(context.Context, In) (Out, error), props ...Property) func(context.Context, In) (Out, error) {
	return decorated(KindTool, name, fn, props)
}

// RetrieveFunc returns fn as a retrieval whose query is recorded by itself. See
// Retrieve and WorkflowFunc.
func RetrieveFunc[In, Out any](name string, fn func(context.Context, In) (Out, error), props ...Property) func(context.Context, In) (Out, error) {
	return decorated(KindRetrieval, name, fn, props)
}

func decorated[In, Out any](kind Kind, name string, fn func(context.Context, In) (Out, error), props []Property) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		r := active.Load()
		if r == nil {
			if ctx == nil {
				ctx = context.Background()
			}
			return fn(ctx, in)
		}
		return runDecorated(ctx, r, kind, name, fn, in, props)
	}
}

func runDecorated[In, Out any](ctx context.Context, r *core, kind Kind, name string, fn func(context.Context, In) (Out, error), in In, props []Property) (out Out, err error) {
	ctx, w := r.startWork(ctx, kind, name, props)
	if w.wantsInput() {
		w.input(in)
	}
	done := false
	defer w.unwind(&done)
	out, err = fn(ctx, in)
	done = true
	if w.wantsOutput() {
		w.output(out)
	}
	w.End(err)
	return out, err
}

func runWork[T any](ctx context.Context, r *core, kind Kind, name string, fn func(context.Context) (T, error), props []Property) (out T, err error) {
	ctx, w := r.startWork(ctx, kind, name, props)
	done := false
	defer w.unwind(&done)
	out, err = fn(ctx)
	done = true
	if w.wantsOutput() {
		w.output(out)
	}
	w.End(err)
	return out, err
}

// Stream runs an iterator as a piece of work whose span ends when the iteration
// ends: when the sequence is over, when the loop is left, when it panics. fn is
// called when the loop begins, with a context of which everything beneath is
// made. The first error that the sequence yields is recorded; the items are
// recorded as output, texts joined, under the content policy. Each loop over
// what Stream returns is a piece of work of its own.
//
//	for token, err := range pitot.Stream(ctx, pitot.KindAgent, "writer", write) { … }
func Stream[T any](ctx context.Context, kind Kind, name string, fn func(context.Context) iter.Seq2[T, error], props ...Property) iter.Seq2[T, error] {
	if ctx == nil {
		ctx = context.Background()
	}
	if active.Load() == nil {
		return fn(ctx)
	}
	own := append([]Property(nil), props...)
	return func(yield func(T, error) bool) {
		r := active.Load()
		if r == nil {
			fn(ctx)(yield)
			return
		}
		ctx, w := r.startWork(ctx, kind, name, own)
		done := false
		defer w.unwind(&done)
		items := streamItems{w: w}
		var failed error
		for v, err := range fn(ctx) {
			if err != nil && failed == nil {
				failed = err
			}
			if err == nil {
				if items.next(); w.wantsOutput() {
					items.add(v)
				}
			}
			if !yield(v, err) {
				items.left = true
				break
			}
		}
		done = true
		items.finish()
		w.End(failed)
	}
}

// streamItems is what a stream yielded, as far as it is kept.
type streamItems struct {
	w       *Work
	n       int
	first   time.Duration
	left    bool // by the reader
	text    []byte
	list    []any
	omitted int
}

func (s *streamItems) next() {
	if s.n++; s.n == 1 {
		s.first = time.Since(s.w.start)
	}
}

func (s *streamItems) add(v any) {
	p := s.w.core.content
	if t, ok := v.(string); ok && len(s.list) == 0 {
		if room := p.textLimit*4 + lookahead - len(s.text); len(t) > room {
			s.omitted += len(t) - max(room, 0)
			t = t[:max(room, 0)]
		}
		s.text = append(s.text, t...)
		return
	}
	if most := max(p.maxItems, 2*defaultMaxItems); len(s.list) >= most {
		s.omitted++
		return
	}
	// Written now: the reader may change it.
	if text, _, ok := p.content(v); ok {
		if looksJSON(text) {
			s.list = append(s.list, rawValue(text))
		} else {
			s.list = append(s.list, text)
		}
	}
}

// rawValue is JSON that is written as it is.
type rawValue string

// MarshalJSON returns the value itself.
func (v rawValue) MarshalJSON() ([]byte, error) { return []byte(v), nil }

func (s *streamItems) finish() {
	attrs := []attribute.KeyValue{attribute.Int("pitot.stream.items", s.n)}
	if s.n > 0 {
		attrs = append(attrs, attribute.Float64("pitot.stream.time_to_first_item", s.first.Seconds()))
	}
	if s.left {
		attrs = append(attrs, attribute.Bool("pitot.stream.left_early", true))
	}
	s.w.span.SetAttributes(attrs...)
	if !s.w.wantsOutput() {
		return
	}
	switch {
	case len(s.list) > 0:
		if len(s.text) > 0 {
			s.list = append([]any{string(s.text)}, s.list...)
		}
		if s.omitted > 0 {
			s.list = append(s.list, omittedItems(s.omitted))
		}
		s.w.output(s.list)
	case len(s.text) > 0:
		s.w.output(string(s.text))
	}
}

// Work is a piece of work in progress, begun by Start or by a wrapper. Its
// methods may be called from any goroutine, on a nil Work, and after End, where
// they do nothing.
type Work struct {
	core  *core
	span  trace.Span
	ctx   context.Context // holds the span
	kind  Kind
	name  string
	agent string
	start time.Time
	run   *agentRun // of the agent that this is, nil otherwise

	mu     sync.Mutex
	hasIn  bool
	hasOut bool
	ended  bool
}

// Start begins a piece of work that is not a function: it ends with End. The
// context returned must be passed on for nested work to be seen as such. While
// the SDK is off it returns ctx and nil, of which all methods do nothing.
//
//	ctx, work := pitot.Start(ctx, pitot.KindAgent, "planner")
//	defer func() { work.End(err) }()
func Start(ctx context.Context, kind Kind, name string, props ...Property) (context.Context, *Work) {
	if ctx == nil {
		ctx = context.Background()
	}
	r := active.Load()
	if r == nil {
		return ctx, nil
	}
	return r.startWork(ctx, kind, name, props)
}

// SetInput records what goes in, under the content policy; the last one counts.
func (w *Work) SetInput(v any) {
	if w != nil {
		w.input(v)
	}
}

// SetOutput records what came out, under the content policy, in the place of
// what a wrapped function returns; the last one counts.
func (w *Work) SetOutput(v any) {
	if w != nil {
		w.output(v)
	}
}

// SetAttributes adds attributes to the span; texts pass the content policy.
func (w *Work) SetAttributes(attrs ...attribute.KeyValue) {
	if w != nil && w.span.IsRecording() {
		w.span.SetAttributes(w.core.content.attributeList(attrs)...)
	}
}

// startWork begins the span of a piece of work.
func (r *core) startWork(ctx context.Context, kind Kind, name string, props []Property) (context.Context, *Work) {
	if ctx == nil {
		ctx = context.Background()
	}
	name = r.content.label(clip(name, maxName))
	if name == "" {
		name = "unnamed"
	}
	a, _ := associationOf(ctx).with(r, props, false)
	w := &Work{core: r, kind: kind, name: name, start: time.Now()}
	spanName, spanKind := name, trace.SpanKindInternal
	attrs := make([]attribute.KeyValue, 0, 16)
	switch kind {
	case KindWorkflow:
		a.workflow, spanName = name, "invoke_workflow "+name
		attrs = append(attrs, attribute.String(attrOperation, "invoke_workflow"))
	case KindAgent:
		a.agent, spanName = name, "invoke_agent "+name
		a.run = &agentRun{}
		w.run = a.run
		attrs = append(attrs, attribute.String(attrOperation, "invoke_agent"))
	case KindTool:
		spanName = "execute_tool " + name
		attrs = append(attrs, attribute.String(attrOperation, "execute_tool"), attribute.String("gen_ai.tool.name", name), attribute.String("gen_ai.tool.type", "function"))
	case KindRetrieval:
		spanName, spanKind = "retrieval "+name, trace.SpanKindClient
		attrs = append(attrs, attribute.String(attrOperation, "retrieval"))
	default:
		w.kind = KindTask
		attrs = append(attrs, attribute.String("pitot.span_kind", string(KindTask)))
	}
	a.work = w
	w.agent = a.agent
	attrs = a.attributes(attrs)
	attrs = r.ownAttributes(attrs, kind, props)
	ctx, w.span = r.tracer.Start(ctx, spanName, trace.WithSpanKind(spanKind), trace.WithAttributes(attrs...), trace.WithTimestamp(w.start))
	if kind == KindAgent {
		ctx = r.beginAgent(ctx) // counts what the run does itself
	}
	w.ctx = ctx
	for i := range props {
		switch props[i].kind {
		case propInput:
			w.input(props[i].boxed())
		case propOutput:
			w.output(props[i].boxed())
		default:
		}
	}
	return context.WithValue(ctx, associationKey{}, a), w
}

const attrOperation = "gen_ai.operation.name"

// ownAttributes appends what the properties say of the one piece of work.
func (r *core) ownAttributes(attrs []attribute.KeyValue, kind Kind, props []Property) []attribute.KeyValue {
	for i := range props {
		p := &props[i]
		name := ""
		switch p.kind {
		case propAttr:
			if kv, ok := p.attribute(); ok {
				attrs = append(attrs, r.content.attribute(kv))
			}
		case propTopK:
			attrs = append(attrs, attribute.Int64("gen_ai.retrieval.top_k", int64(p.num)))
		case propVersion:
			if name = "pitot.version"; kind == KindAgent {
				name = "gen_ai.agent.version"
			}
		case propID:
			if name = "pitot.entity.id"; kind == KindAgent {
				name = "gen_ai.agent.id"
			}
		case propDescription:
			switch kind {
			case KindAgent:
				name = "gen_ai.agent.description"
			case KindTool:
				name = "gen_ai.tool.description"
			default:
				name = "pitot.description"
			}
		case propDataSource:
			name = "gen_ai.data_source.id"
		case propCallID:
			name = "gen_ai.tool.call.id"
		default:
		}
		if text := p.text(); name != "" && text != "" {
			attrs = append(attrs, attribute.String(name, r.content.text(clip(text, 4*maxDimension), 0)))
		}
	}
	return attrs
}

// attributeNames are where input and output of each kind are written.
func attributeNames(kind Kind) (in, out string) {
	if kind == KindTool {
		return "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"
	}
	return "input.value", "output.value"
}

func (w *Work) wantsInput() bool { return w.wants(&w.hasIn) }

func (w *Work) wantsOutput() bool { return w.wants(&w.hasOut) }

// wants reports whether a value would be kept, so that none is made into text for
// nothing.
func (w *Work) wants(has *bool) bool {
	if !w.core.content.keeps() || !w.span.IsRecording() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return !*has && !w.ended
}

func (w *Work) input(v any) {
	in, _ := attributeNames(w.kind)
	text, isText := v.(string)
	if w.kind == KindRetrieval && isText && !looksJSON(text) {
		in = "gen_ai.retrieval.query.text"
	}
	w.record(v, in, "pitot.input.truncated_chars", &w.hasIn)
}

func (w *Work) output(v any) {
	_, out := attributeNames(w.kind)
	w.record(v, out, "pitot.output.truncated_chars", &w.hasOut)
}

func (w *Work) record(v any, name, mark string, has *bool) {
	if !w.core.content.keeps() || !w.span.IsRecording() {
		return
	}
	s, cut, ok := w.core.content.content(v)
	if !ok {
		return
	}
	w.mu.Lock()
	*has = true
	w.mu.Unlock()
	if cut > 0 {
		w.span.SetAttributes(attribute.String(name, s), attribute.Int(mark, cut))
	} else {
		w.span.SetAttributes(attribute.String(name, s))
	}
}

// End ends the work. A nil error is success; an error that the caller handled is
// none. Only the first End counts.
func (w *Work) End(err error) {
	if w == nil {
		return
	}
	if err == nil {
		w.end("", "")
		return
	}
	w.end(errorType(err), errorMessage(err))
}

// end ends the span. typ is empty where nothing failed.
func (w *Work) end(typ, message string) {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	w.ended = true
	w.mu.Unlock()
	now := time.Now()
	if typ != "" {
		w.span.SetAttributes(attribute.String("error.type", typ))
		w.span.SetStatus(codes.Error, w.core.content.errorText(message))
	}
	w.endSteps()
	w.core.observeStep(w.ctx, llm.SpanKind(w.kind), w.agent, w.name, now.Sub(w.start).Seconds(), typ)
	w.span.End(trace.WithTimestamp(now))
}

// unwind ends the work of a function that did not return: it panicked, which
// goes on with the same value, or called runtime.Goexit. It must be deferred
// itself.
func (w *Work) unwind(done *bool) {
	if *done {
		return
	}
	v := recover()
	if v == nil {
		w.end("goexit", "the function called runtime.Goexit")
		return
	}
	w.core.recordPanic(w.span, v)
	w.end(panicType(v), panicMessage(v))
	panic(v)
}

// recordPanic adds the exception event of a panic, with the stack that it came
// from: the caller is running because of it.
func (r *core) recordPanic(span trace.Span, v any) {
	if !span.IsRecording() {
		return
	}
	attrs := []attribute.KeyValue{attribute.String("exception.type", panicType(v)), attribute.Bool("exception.escaped", true)}
	if r.content.keeps() {
		attrs = append(attrs,
			attribute.String("exception.message", r.content.errorText(panicMessage(v))),
			attribute.String("exception.stacktrace", r.content.text(stackOfPanic(), maxStack)))
	}
	span.AddEvent("exception", trace.WithAttributes(attrs...))
}
