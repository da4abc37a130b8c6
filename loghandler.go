package pitot

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// defaultLogChars is how much of message content a log line keeps.
const defaultLogChars = 200

// LogOption is a setting of LogHandler.
type LogOption func(*logOptions)

type logOptions struct {
	chars    int
	keys     map[string]bool // lower case
	noExport bool
	noMask   bool
}

// WithLogContentChars sets how many characters of message content a log line
// keeps: 200 by default, 0 or less for none.
func WithLogContentChars(n int) LogOption {
	return func(o *logOptions) { o.chars = max(n, 0) }
}

// WithLogContentKeys names further attributes that hold message content, beside
// prompt, completion, content, messages, input, output and the like.
func WithLogContentKeys(keys ...string) LogOption {
	return func(o *logOptions) {
		for _, k := range keys {
			o.keys[strings.ToLower(k)] = true
		}
	}
}

// WithoutLogExport keeps log records from being sent to the backend: they get
// their ids and go to the wrapped handler alone.
func WithoutLogExport() LogOption { return func(o *logOptions) { o.noExport = true } }

// WithoutLogMask keeps texts that are no message content as they are: secrets and
// personal data in them are not masked.
func WithoutLogMask() LogOption { return func(o *logOptions) { o.noMask = true } }

// contentKeys are attributes that hold content of messages.
func contentKeys() map[string]bool {
	out := map[string]bool{}
	for _, k := range []string{
		"prompt", "prompts", "completion", "completions", "content", "contents", "message_content", "messages", "input", "inputs",
		"output", "outputs", "question", "answer", "query", "response", "response_text", "reasoning", "arguments", "tool_arguments", "tool_result",
		"documents", "system_prompt", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
	} {
		out[k] = true
	}
	return out
}

// LogHandler wraps the handler of a program's logger:
//
//	slog.SetDefault(slog.New(pitot.LogHandler(slog.NewJSONHandler(os.Stderr, nil))))
//
// Records written with a context get service, trace_id and span_id, and
// request_id and response_id where the context knows them, always at the top
// level, also of a logger with groups. Attributes that hold content of messages
// (prompt, completion, content, messages, …) are masked and cut to 200
// characters; secrets and personal data are masked in all texts. Every record
// that the wrapped handler takes is sent to the backend as well.
//
// While the SDK is off the handler is the wrapped one. It can be created before
// Setup.
func LogHandler(next slog.Handler, opts ...LogOption) slog.Handler {
	if next == nil {
		next = slog.DiscardHandler
	}
	o := &logOptions{chars: defaultLogChars, keys: contentKeys()}
	for _, f := range opts {
		if f != nil {
			f(o)
		}
	}
	return &logHandler{root: next, next: next, opts: o}
}

// logHandler keeps what With and WithGroup said, because it is needed twice:
// for the wrapped handler as it is while the SDK is off, and masked, with ids
// beside the first group and not in the last, while it is on.
type logHandler struct {
	root slog.Handler // without anything
	next slog.Handler // with ops
	ops  []logOp
	opts *logOptions
	on   atomic.Pointer[logState]
}

// logOp is a WithGroup, or a WithAttrs where group is empty.
type logOp struct {
	group string
	attrs []slog.Attr
}

// logState is the handler as it is while one core is active.
type logState struct {
	core *core
	// base has the attributes before the first group; attrs are these.
	base  slog.Handler
	attrs []slog.Attr
	// groups are the open ones with the attributes in each.
	groups []logOp
}

// Enabled says whether the wrapped handler takes records of the level.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs returns a handler whose records have the attributes.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return &logHandler{root: h.root, opts: h.opts, next: h.next.WithAttrs(attrs), ops: append(slices.Clip(h.ops), logOp{attrs: slices.Clone(attrs)})}
}

// WithGroup returns a handler whose records' attributes are in the group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{root: h.root, opts: h.opts, next: h.next.WithGroup(name), ops: append(slices.Clip(h.ops), logOp{group: name})}
}

// Handle passes the record on.
func (h *logHandler) Handle(ctx context.Context, rec slog.Record) error {
	r := current()
	if r == nil {
		return h.next.Handle(ctx, rec)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	s := h.state(r)
	attrs := make([]slog.Attr, 0, rec.NumAttrs()+5)
	rec.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, h.opts.mask(r, a))
		return true
	})
	message := h.opts.text(r, rec.Message)
	if !h.opts.noExport && !isOwnLog(ctx) {
		r.exportLog(ctx, &rec, message, s, attrs)
	}
	// What is in open groups goes there, the ids stay outside.
	for _, g := range slices.Backward(s.groups) {
		attrs = []slog.Attr{{Key: g.group, Value: slog.GroupValue(append(slices.Clip(g.attrs), attrs...)...)}}
	}
	attrs = r.appendLogIDs(ctx, attrs, s.attrs)
	out := slog.NewRecord(rec.Time, rec.Level, message, rec.PC)
	out.AddAttrs(attrs...)
	return s.base.Handle(ctx, out)
}

// state is what ops make of the handler under a core, made once.
func (h *logHandler) state(r *core) *logState {
	if s := h.on.Load(); s != nil && s.core == r {
		return s
	}
	s := &logState{core: r, base: h.root}
	for _, op := range h.ops {
		if op.group != "" {
			s.groups = append(s.groups, logOp{group: op.group})
			continue
		}
		masked := make([]slog.Attr, len(op.attrs))
		for i, a := range op.attrs {
			masked[i] = h.opts.mask(r, a)
		}
		if n := len(s.groups); n > 0 {
			s.groups[n-1].attrs = append(s.groups[n-1].attrs, masked...)
		} else {
			s.attrs = append(s.attrs, masked...)
		}
	}
	if len(s.attrs) > 0 {
		s.base = h.root.WithAttrs(s.attrs)
	}
	h.on.Store(s)
	return s
}

// appendLogIDs adds what connects the record with its trace and its call. What
// the program says itself under the same name stands.
func (r *core) appendLogIDs(ctx context.Context, attrs, before []slog.Attr) []slog.Attr {
	n := len(attrs)
	add := func(key, value string) {
		has := func(a slog.Attr) bool { return a.Key == key }
		if value == "" || slices.ContainsFunc(attrs[:n], has) || slices.ContainsFunc(before, has) {
			return
		}
		attrs = append(attrs, slog.String(key, value))
	}
	add("service", r.cfg.service)
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		add("trace_id", sc.TraceID().String())
		add("span_id", sc.SpanID().String())
	}
	request, response := logIDs(ctx)
	add("request_id", request)
	add("response_id", response)
	return attrs
}

// text masks a text that is no content of a message.
func (o *logOptions) text(r *core, s string) string {
	if o.noMask || s == "" {
		return s
	}
	return r.content.text(s, math.MaxInt32)
}

// mask applies the policy to an attribute.
func (o *logOptions) mask(r *core, a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	content := o.keys[a.Key] || o.keys[strings.ToLower(a.Key)]
	switch a.Value.Kind() {
	case slog.KindString:
		if content {
			a.Value = slog.StringValue(o.content(r, a.Value.String()))
		} else {
			a.Value = slog.StringValue(o.text(r, a.Value.String()))
		}
	case slog.KindGroup:
		in := a.Value.Group()
		out := make([]slog.Attr, len(in))
		for i, x := range in {
			if content && x.Value.Resolve().Kind() == slog.KindString {
				x.Value = slog.StringValue(o.content(r, x.Value.Resolve().String()))
			}
			out[i] = o.mask(r, x)
		}
		a.Value = slog.GroupValue(out...)
	case slog.KindAny:
		a.Value = o.any(r, a.Value, content)
	default: // numbers, times and bools hold no text
	}
	return a
}

func (o *logOptions) any(r *core, v slog.Value, content bool) slog.Value {
	if err, ok := v.Any().(error); ok && !content {
		if s := errorText(err); o.text(r, s) != s {
			return slog.StringValue(o.text(r, s))
		}
		return v
	}
	if !content {
		return v
	}
	return slog.StringValue(o.content(r, anyText(v.Any())))
}

// errorText is an error's text; a nil pointer behind the interface has none.
func errorText(err error) (s string) {
	defer func() {
		if recover() != nil {
			s = "<nil>"
		}
	}()
	return err.Error()
}

// anyText is a value as JSON, or as Go prints it where JSON cannot.
func anyText(v any) (s string) {
	defer func() {
		if p := recover(); p != nil {
			s = fmt.Sprintf("!PANIC: %v", p)
		}
	}()
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// content masks and cuts a text of a message.
func (o *logOptions) content(r *core, s string) string {
	if o.chars == 0 || s == "" || !r.content.keeps() {
		return ""
	}
	return r.content.text(s, o.chars)
}
