package pitot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Message is one turn of a conversation, for Call.Input.
type Message struct {
	Role    string // system, user, assistant or tool
	Content string
}

// Call is a model call that the program measures itself, because it does not go
// over HTTP or not through Transport: a model in the process, a queue, gRPC. See
// StartCall. All methods may be called on nil, from any goroutine, and after End,
// when they do nothing.
type Call struct {
	m       *manual
	cleanup runtime.Cleanup
}

// manual is the state behind a Call. It does not know the Call, so that one that
// is dropped without End is noticed.
type manual struct {
	r     *core
	ctx   context.Context
	span  trace.Span
	start time.Time

	mu   sync.Mutex
	done bool
	call llm.Call
	out  []byte // text that Token brought
	last time.Duration
}

// StartCall begins a model call and returns the context for work that belongs to
// it. End must be called; `defer call.End()` also records a panic, which goes on.
//
//	ctx, call := pitot.StartCall(ctx, pitot.OpChat, "my-engine", "llama-3-8b")
//	defer call.End()
//	call.Input(prompt)
//	for token := range engine.Generate(ctx, prompt) {
//		call.Token(token)
//	}
//	call.Usage(pitot.Usage{InputTokens: n, OutputTokens: m})
//
// Until it ends, requests made with the context through Transport are not
// counted: they are this call. While the SDK is off it returns ctx and nil, and
// allocates nothing.
func StartCall(ctx context.Context, op Operation, provider, model string, props ...Property) (context.Context, *Call) {
	r := current()
	if r == nil {
		return ctx, nil
	}
	return r.startCall(ctx, op, provider, model, props)
}

func (r *core) startCall(ctx context.Context, op Operation, provider, model string, props []Property) (out context.Context, call *Call) {
	if ctx == nil {
		ctx = context.Background()
	}
	defer func() {
		if p := recover(); p != nil {
			r.broken(p)
			out, call = ctx, nil
		}
	}()
	now := time.Now()
	m := &manual{r: r, start: now}
	m.call = llm.Call{
		Time: now.UTC(), Source: llm.SourceSDK, Service: r.cfg.service, Environment: r.cfg.environment, Provider: llm.CanonicalProvider(provider),
		Operation: llm.Operation(op), RequestModel: model, Status: llm.StatusOK, Usage: llm.Usage{Source: llm.UsageUnknown},
	}
	if op == "" {
		m.call.Operation = llm.OpChat
	}
	r.propertiesInto(&m.call, props)
	for i := range props {
		switch p := &props[i]; p.kind {
		case propInput:
			m.input(p.boxed())
		case propOutput:
			m.output(p.boxed())
		default:
		}
	}
	m.ctx, m.span = r.beginCall(ctx, &m.call)
	r.meters.started(m.ctx, &m.call)
	call = &Call{m: m}
	call.cleanup = runtime.AddCleanup(call, (*manual).forgotten, m)
	return context.WithValue(m.ctx, measuredKey{}, m), call
}

// over says whether the call has ended.
func (m *manual) over() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done
}

// with runs f on the Call unless it has ended.
func (c *Call) with(f func(m *manual)) {
	if c == nil || c.m == nil {
		return
	}
	m := c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			m.r.broken(p)
		}
	}()
	f(m)
}

// Input says what goes into the model: a string, a Message, a []Message, a
// []string (the texts to embed), or any other value, kept as JSON. It is written
// under the content policy. It may be called several times.
func (c *Call) Input(v any) { c.with(func(m *manual) { m.input(v) }) }

// Output says what the model answered, in the forms of Input, where it did not
// come through Token.
func (c *Call) Output(v any) { c.with(func(m *manual) { m.output(v) }) }

func (m *manual) input(v any)  { m.call.Input = append(m.call.Input, messagesOf("user", v)...) }
func (m *manual) output(v any) { m.call.Output = append(m.call.Output, messagesOf("assistant", v)...) }

// messagesOf makes messages of what a program has.
func messagesOf(role string, v any) []llm.Message {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []llm.Message{llm.Text(role, v)}
	case []byte:
		return []llm.Message{llm.Text(role, string(v))}
	case Message:
		return []llm.Message{llm.Text(roleOr(v.Role, role), v.Content)}
	case []Message:
		out := make([]llm.Message, len(v))
		for i, x := range v {
			out[i] = llm.Text(roleOr(x.Role, role), x.Content)
		}
		return out
	case []string:
		m := llm.Message{Role: role}
		for _, s := range v {
			m.Parts = append(m.Parts, llm.Part{Type: llm.PartText, Content: s})
		}
		return []llm.Message{m}
	case fmt.Stringer:
		return []llm.Message{llm.Text(role, v.String())}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return []llm.Message{llm.Text(role, fmt.Sprintf("%T: %v", v, err))}
	}
	return []llm.Message{llm.Text(role, string(b))}
}

func roleOr(role, other string) string {
	if role == "" {
		return other
	}
	return role
}

// Param records a setting of the request, such as "temperature".
func (c *Call) Param(name string, value any) {
	c.with(func(m *manual) {
		if name == "" || value == nil {
			return
		}
		if m.call.Params == nil {
			m.call.Params = make(map[string]any, 4)
		}
		m.call.Params[name] = value
	})
}

// Stream says that the answer streams. FirstToken and Token say so too.
func (c *Call) Stream() { c.with(func(m *manual) { m.call.Stream = true }) }

// FirstToken marks the moment of the first content. The first Token does so too.
func (c *Call) FirstToken() { c.with(func(m *manual) { m.first(time.Since(m.start)) }) }

func (m *manual) first(at time.Duration) {
	m.call.Stream = true
	if !m.call.TTFT.Known() {
		m.call.TTFT = llm.Some(at)
	}
}

// Token records a piece of a streamed answer at the moment of the call: its time,
// its length and, under the content policy, its text.
func (c *Call) Token(text string) {
	if c == nil || c.m == nil {
		return
	}
	m := c.m
	at := time.Since(m.start)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done {
		return
	}
	m.last = at
	m.first(at)
	m.call.Timeline.Add(at, len(text))
	if m.r.cfg.contentMode == ContentMetrics {
		return
	}
	if room := m.r.decoderOptions().MaxContent - len(m.out); len(text) > room {
		text = text[:max(room, 0)]
		m.call.MarkTruncated("output")
	}
	m.out = append(m.out, text...)
}

// Usage says what the call consumed. The last one counts.
func (c *Call) Usage(u Usage) {
	c.with(func(m *manual) {
		m.call.Usage = u.llm()
		switch m.call.Operation {
		case llm.OpEmbeddings, llm.OpRerank, llm.OpModeration:
			if m.call.Usage.InputTokens.Known() {
				m.call.Usage.OutputTokens = llm.Some(u.OutputTokens)
			}
		default:
		}
	})
}

// Finish says why the model stopped, one reason a choice: stop, length,
// tool_call, content_filter; providers' own words are mapped to these.
func (c *Call) Finish(reasons ...string) {
	c.with(func(m *manual) {
		m.call.FinishReasons = m.call.FinishReasons[:0:0]
		for _, r := range reasons {
			if r != "" {
				m.call.FinishReasons = append(m.call.FinishReasons, llm.FinishReason(r))
			}
		}
	})
}

// Response names the answer and the model that gave it; empty means not known.
func (c *Call) Response(id, model string) {
	c.with(func(m *manual) {
		if id != "" {
			m.call.ResponseID = id
		}
		if model != "" {
			m.call.ResponseModel = model
		}
	})
}

// Error marks the call as failed. The first error counts; nil and io.EOF are
// none. The type of the error is "timeout" or "client_closed_request" for the
// errors of contexts, what a method `ErrorType() string` says, or the type's
// name.
func (c *Call) Error(err error) {
	if err == nil || err == io.EOF { //nolint:errorlint // a bare EOF is the end of a stream
		return
	}
	c.with(func(m *manual) {
		if errors.Is(err, context.Canceled) {
			m.call.Note("client_gone")
		}
		m.call.SetError(errorTypeOf(err), err.Error())
	})
}

// errorTypeOf is a name of low cardinality for an error.
func errorTypeOf(err error) string {
	var typed interface{ ErrorType() string }
	switch {
	case errors.As(err, &typed) && typed.ErrorType() != "":
		return typed.ErrorType()
	case errors.Is(err, context.Canceled):
		return errorClientClosed
	case isTimeout(err):
		return errorTimeout
	}
	// What errors.New and fmt.Errorf return says nothing: what is wrapped may.
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch name := fmt.Sprintf("%T", e); name {
		case "*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError":
		default:
			return name
		}
	}
	return "error"
}

// TraceID is the id of the trace that the call is part of, 32 hex digits; empty
// while the SDK is off.
func (c *Call) TraceID() string {
	if c == nil || c.m == nil {
		return ""
	}
	return c.m.call.TraceID // set once, before the Call was returned
}

// End ends the call. Deferred directly, it records a panic as the call's error
// and lets it go on. Only the first End counts.
func (c *Call) End() {
	if c == nil || c.m == nil {
		return
	}
	if p := recover(); p != nil {
		c.m.panicked(p)
		c.cleanup.Stop()
		panic(p)
	}
	c.cleanup.Stop()
	c.m.end(time.Since(c.m.start))
}

func (m *manual) panicked(p any) {
	m.mu.Lock()
	if !m.done {
		m.call.SetError("panic", fmt.Sprint(p))
	}
	m.mu.Unlock()
	m.end(time.Since(m.start))
}

// forgotten ends a Call that nobody can end any more.
func (m *manual) forgotten() {
	m.mu.Lock()
	at := m.last
	m.call.Note("not_ended")
	m.mu.Unlock()
	m.end(at)
}

func (m *manual) end(at time.Duration) {
	m.mu.Lock()
	if m.done {
		m.mu.Unlock()
		return
	}
	m.done = true
	c := &m.call
	c.Duration = at
	if len(m.out) > 0 && len(c.Output) == 0 {
		c.Output = []llm.Message{llm.Text("assistant", validText(string(m.out)))}
		if len(c.FinishReasons) == 1 {
			c.Output[0].FinishReason = c.FinishReasons[0]
		}
	}
	m.mu.Unlock()
	m.r.endCall(m.ctx, m.span, c, m.start.Add(at))
}
