package pitot

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// callTracker holds what calls in flight share: attempts that wait for a retry,
// and buffers.
type callTracker struct {
	mu      sync.Mutex
	waiting map[retryKey][]*exchange
	parked  int
	closed  bool

	bufs  sync.Pool // of *[]byte
	attrs sync.Pool // of *[]attribute.KeyValue
}

func newCallTracker() *callTracker { return &callTracker{waiting: map[retryKey][]*exchange{}} }

// maxPooled is the capacity of the largest buffer that is kept for reuse.
const maxPooled = 256 << 10

func (t *callTracker) buffer() *[]byte {
	if b, ok := t.bufs.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 4<<10)
	return &b
}

func (t *callTracker) release(b *[]byte) {
	if b == nil || cap(*b) > maxPooled {
		return
	}
	*b = (*b)[:0]
	t.bufs.Put(b)
}

// clientKind is shared by all spans of Calls.
var clientKind = trace.WithSpanKind(trace.SpanKindClient)

// beginCall starts the span of a Call: what ctx says of whom it is for goes on
// the Call, the ids of the span as well.
func (r *core) beginCall(ctx context.Context, c *llm.Call) (context.Context, trace.Span) {
	associationOf(ctx).apply(c)
	return r.startSpan(ctx, c)
}

// startSpan is beginCall for a Call that has its association.
func (r *core) startSpan(ctx context.Context, c *llm.Call) (context.Context, trace.Span) {
	if c.Status == "" {
		c.Status = llm.StatusOK
	}
	if c.Time.IsZero() {
		c.Time = time.Now().UTC()
	}
	parent := trace.SpanContextFromContext(ctx)
	ctx, span := r.tracer.Start(ctx, callName(c), clientKind, trace.WithTimestamp(c.Time))
	if sc := span.SpanContext(); sc.IsValid() {
		c.TraceID, c.SpanID = sc.TraceID().String(), sc.SpanID().String()
		if parent.IsValid() {
			c.ParentSpanID = parent.SpanID().String()
		}
	}
	return ctx, span
}

// callName is the name of a Call's span, as the convention has it.
func callName(c *llm.Call) string {
	if c.RequestModel == "" {
		return string(c.Operation)
	}
	return string(c.Operation) + " " + c.RequestModel
}

// endCall completes a Call: thresholds, metrics, summary, hooks, content
// policy, attributes, span. c must not be touched after it. It never panics:
// what breaks in here is our own.
func (r *core) endCall(ctx context.Context, span trace.Span, c *llm.Call, end time.Time) {
	r.complete(ctx, span, c, end, "", 0)
}

// complete is endCall with the server that was called, which a Call does not hold.
func (r *core) complete(ctx context.Context, span trace.Span, c *llm.Call, end time.Time, server string, port int64) {
	defer func() {
		if p := recover(); p != nil {
			r.broken(p)
		}
	}()
	if c.Duration <= 0 {
		c.Duration = max(end.Sub(c.Time), 0)
	}
	s := r.slowness(c)
	r.meters.ended(ctx, c)
	r.observe(ctx, c, s)
	if span == nil {
		return
	}
	// The span ends whatever happens before.
	defer span.End(trace.WithTimestamp(end))
	if !span.IsRecording() {
		return
	}
	r.content.call(c)
	attrs := r.calls.attributes()
	*attrs = r.appendCall((*attrs)[:0], c)
	*attrs = appendSlow(*attrs, s)
	if server != "" {
		*attrs = append(*attrs, attribute.String("server.address", validText(server)), attribute.Int64("server.port", port))
	}
	span.SetAttributes(*attrs...)
	r.calls.releaseAttributes(attrs)
	if c.Status == llm.StatusError {
		span.SetStatus(codes.Error, validText(c.ErrorMessage))
	}
}

func (t *callTracker) attributes() *[]attribute.KeyValue {
	if a, ok := t.attrs.Get().(*[]attribute.KeyValue); ok {
		return a
	}
	a := make([]attribute.KeyValue, 0, 48)
	return &a
}

func (t *callTracker) releaseAttributes(a *[]attribute.KeyValue) {
	clear(*a) // keep nobody's text alive
	*a = (*a)[:0]
	t.attrs.Put(a)
}

// broken says that the SDK itself failed, once in a while.
func (r *core) broken(p any) {
	defer func() { _ = recover() }() // a logger that panics must not harm the program either
	if r.warn != nil {
		r.warn.Warn("pitot failed to record a model call; the call itself is not affected: please report this", "panic", p)
	}
}

// appendSlow marks a Call that passed a threshold. The sampler keeps it.
func appendSlow(dst []attribute.KeyValue, s slow) []attribute.KeyValue {
	switch {
	case s&slowRequest != 0 && s&slowTokenRate != 0:
		return append(dst, attribute.String("pitot.slow", "request,token_rate"))
	case s&slowRequest != 0:
		return append(dst, attribute.String("pitot.slow", "request"))
	case s&slowTokenRate != 0:
		return append(dst, attribute.String("pitot.slow", "token_rate"))
	}
	return dst
}

// serverOf splits a URL's host into what server.address and server.port say.
func serverOf(scheme, host string) (address string, port int64) {
	address = withoutPort(host)
	if p := strings.TrimPrefix(host[len(address):], ":"); p != "" {
		port, _ = strconv.ParseInt(p, 10, 32)
	}
	if port == 0 {
		port = 443
		if scheme == "http" {
			port = 80
		}
	}
	return strings.Trim(address, "[]"), port
}
