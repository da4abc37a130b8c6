package pitot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"runtime"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// maxStack is how much of a panic's stack is kept, in characters.
const maxStack = 8 << 10

// AddEvent adds an event to the current span of ctx, be it the SDK's or another's
// of OpenTelemetry. Texts pass the content policy. Without a span, and while the
// SDK is off, it does nothing.
func AddEvent(ctx context.Context, name string, attrs ...attribute.KeyValue) {
	r := active.Load()
	if r == nil || ctx == nil {
		return
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent(eventName(r, name), trace.WithAttributes(r.content.attributeList(attrs)...))
	}
}

func eventName(r *core, name string) string {
	if name = r.content.label(clip(name, maxName)); name == "" {
		return "unnamed"
	}
	return name
}

// SetAttributes adds attributes to the current span of ctx, be it the SDK's or
// another's of OpenTelemetry. Texts pass the content policy. Without a span, and
// while the SDK is off, it does nothing.
func SetAttributes(ctx context.Context, attrs ...attribute.KeyValue) {
	r := active.Load()
	if r == nil || ctx == nil {
		return
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(r.content.attributeList(attrs)...)
	}
}

// attributeList is a copy of attrs under the policy. That it is a copy keeps the
// caller's list on its stack, on and off.
func (p *contentPolicy) attributeList(attrs []attribute.KeyValue) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(attrs))
	for _, kv := range attrs {
		if kv.Valid() {
			kv.Key = attribute.Key(clip(string(kv.Key), maxAttrKey))
			out = append(out, p.attribute(kv))
		}
	}
	return out
}

// SetInput records what went into the innermost wrapper that runs, under the
// content policy; the last one counts.
func SetInput(ctx context.Context, v any) {
	if w := workOf(ctx); w != nil {
		w.input(v)
	}
}

// SetOutput records what came out of the innermost wrapper that runs, in the
// place of what its function returns; the last one counts. It is for functions
// that stream, write to an http.ResponseWriter, or return more than is worth
// keeping.
func SetOutput(ctx context.Context, v any) {
	if w := workOf(ctx); w != nil {
		w.output(v)
	}
}

// RecordError marks the current span of ctx as failed with err, for errors that
// the function handles and does not return. A nil error does nothing.
func RecordError(ctx context.Context, err error) {
	r := active.Load()
	if r == nil || ctx == nil || err == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("error.type", errorType(err)))
	span.SetStatus(codes.Error, r.content.errorText(errorMessage(err)))
}

// CurrentSpan returns the span of ctx, be it the SDK's or another's of
// OpenTelemetry: never nil, and one that does nothing where there is none.
func CurrentSpan(ctx context.Context) trace.Span { return trace.SpanFromContext(ctx) }

// TraceID returns the id of the trace that ctx is part of, 32 hex digits: to show
// to a user beside an answer, and to give to Feedback later. It is empty where
// there is none, and while the SDK is off.
func TraceID(ctx context.Context) string {
	if active.Load() == nil || ctx == nil {
		return ""
	}
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// SpanID returns the id of the current span of ctx, 16 hex digits, as TraceID
// does that of the trace.
func SpanID(ctx context.Context) string {
	if active.Load() == nil || ctx == nil {
		return ""
	}
	if id := trace.SpanContextFromContext(ctx).SpanID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// workOf is the innermost wrapper of a context that runs, nil where there is none
// and while the SDK is off.
func workOf(ctx context.Context) *Work {
	if ctx == nil || active.Load() == nil {
		return nil
	}
	if a := associationOf(ctx); a != nil {
		return a.work
	}
	return nil
}

// errorType names an error for error.type: one of few values, so that it can be
// counted. Errors that have a code give it; others the name of their Go type.
func errorType(err error) (typ string) {
	defer func() {
		if recover() != nil { // an Error, Is or Unwrap of the program's own
			typ = "error"
		}
	}()
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, io.EOF):
		return "eof"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "unexpected_eof"
	}
	var coded interface{ ErrorType() string }
	if errors.As(err, &coded) {
		if t := clip(coded.ErrorType(), maxKindLength); t != "" {
			return t
		}
	}
	var net net.Error
	if errors.As(err, &net) && net.Timeout() {
		return "timeout"
	}
	return typeName(innermost(err))
}

// maxKindLength bounds error.type.
const maxKindLength = 128

// innermost is the first error of the chain whose type says something: not one
// that only adds words.
func innermost(err error) error {
	for range 64 {
		switch reflect.TypeOf(err).String() {
		case "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError", "*errors.withStack", "*errors.withMessage", "*errors.fundamental":
		default:
			return err
		}
		switch x := err.(type) { //nolint:errorlint // it walks the chain itself
		case interface{ Unwrap() error }:
			if next := x.Unwrap(); next != nil {
				err = next
				continue
			}
		case interface{ Unwrap() []error }:
			if list := x.Unwrap(); len(list) > 0 && list[0] != nil {
				err = list[0]
				continue
			}
		}
		return err
	}
	return err
}

// typeName is the name of an error's type, "error" for those of errors.New.
func typeName(err error) string {
	name := reflect.TypeOf(err).String()
	switch name {
	case "*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors", "*errors.joinError", "*errors.fundamental", "*errors.withMessage", "*errors.withStack":
		return "error"
	}
	return clip(strings.TrimPrefix(name, "*"), maxKindLength)
}

// errorMessage is the text of an error, also of one whose method panics.
func errorMessage(err error) (s string) {
	defer func() {
		if recover() != nil {
			s = "(the error's own method panicked)"
		}
	}()
	return err.Error()
}

// panicType is the error.type of a panic.
func panicType(v any) string {
	if _, ok := v.(runtime.Error); ok {
		return "panic: runtime error"
	}
	return "panic"
}

// panicMessage is the value of a panic as text. Values are not walked: only what
// says itself what it is is shown.
func panicMessage(v any) (s string) {
	defer func() {
		if recover() != nil {
			s = "(the value's own method panicked)"
		}
	}()
	switch v := v.(type) {
	case error:
		return v.Error()
	case string:
		return v
	case fmt.Stringer:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	default:
		return reflect.TypeOf(v).String()
	}
}

// stackOfPanic is the stack of the goroutine, from where it panicked.
func stackOfPanic() string {
	buf := make([]byte, 16<<10)
	buf = buf[:runtime.Stack(buf, false)]
	s := string(buf)
	// The frames above the panic are those that record it.
	if i := strings.Index(s, "\npanic("); i > 0 {
		if nl := strings.IndexByte(s, '\n'); nl > 0 && nl < i {
			s = s[:nl] + s[i:]
		}
	}
	return s
}
