package pitot

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// Transport returns a RoundTripper that measures the model calls among the
// requests that go through base, nil meaning http.DefaultTransport. A call is
// recognised by host, path and shape, in the formats of OpenAI and the many
// that speak its language, Azure, Anthropic, Gemini and Vertex, Bedrock, Cohere
// and Ollama; a server that nobody knows is named by WithHost.
//
// What goes over the wire is what the program sent and what the server
// answered: bytes, errors and timing are not touched, except that the headers
// of the trace (traceparent) are added to a copy of the request. A streamed
// answer is measured while the program reads it; the span ends with the end of
// the body, or when it is closed before.
//
// While the SDK is off, and for all other requests, it is base. Setup may come
// after it. Wrapping a Transport in another does not count twice.
func Transport(base http.RoundTripper, opts ...TransportOption) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	t, ok := base.(*transport)
	if ok && len(opts) == 0 {
		return t
	}
	next := &transport{base: base}
	if ok {
		*next = *t
	}
	for _, o := range opts {
		if o != nil {
			o(next)
		}
	}
	return next
}

// TransportOption is a setting of one Transport.
type TransportOption func(*transport)

// AskUsage makes streams of OpenAI's chat and completions APIs, and of servers
// that speak their language, report token usage where the program did not ask
// for it: stream_options.include_usage is set in a copy of the request, and the
// chunk that answers it is taken out of the stream again. Without it such a
// stream has no token counts. It changes the request: leave it out for servers
// that refuse stream_options.
func AskUsage() TransportOption { return func(t *transport) { t.askUsage = true } }

type transport struct {
	base     http.RoundTripper
	askUsage bool
}

// RoundTrip sends the request through the base.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	r := current()
	if r == nil {
		return t.base.RoundTrip(req)
	}
	rt, e, ok := r.match(req)
	if !ok || measured(req.Context()) {
		return t.base.RoundTrip(req)
	}
	return t.measure(r, req, rt, e)
}

// CloseIdleConnections closes those of the base, for http.Client's method.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// measuredKey marks the context of a request that a Transport, or a Call that
// the program measures itself, counts already.
type measuredKey struct{}

func measured(ctx context.Context) bool {
	switch m := ctx.Value(measuredKey{}).(type) {
	case *exchange:
		return true
	case *manual:
		return !m.over()
	}
	return false
}

// exchange is one model call over HTTP under way, over all attempts that its
// client shows.
type exchange struct {
	r     *core
	ctx   context.Context // with the span; of the last attempt
	span  trace.Span
	route wire.Route
	host  endpoint
	call  llm.Call

	start   time.Time // of the first attempt
	began   time.Time // of this one
	server  string
	port    int64
	request http.Header // as the program set it
	resends int
	client  retryClient
	retry   retryKey
	wait    waiting // for the next attempt

	finished atomic.Bool

	sent sentBody

	mu     sync.Mutex
	done   bool
	status int
	header http.Header
	length int64
	dec    *wire.Decoder // of a stream, decodes as it passes
	buf    *[]byte       // copy of a unary answer, decoded at its end
	read   int64
	last   time.Duration // when the last bytes came
}

// errNoResponse is what a RoundTripper did that broke its contract.
var errNoResponse = errors.New("the base transport returned neither a response nor an error")

func (t *transport) measure(r *core, req *http.Request, rt wire.Route, e endpoint) (*http.Response, error) {
	base := t.base
	x, out := r.begin(req, rt, e, t.askUsage)
	if x == nil {
		return base.RoundTrip(req)
	}
	returned := false
	defer func() {
		// A panic of the base goes its way; the span ends with it.
		if !returned {
			x.fail("panic", "the base transport panicked")
		}
	}()
	resp, err := base.RoundTrip(out)
	returned = true
	if err == nil && resp == nil {
		x.noAnswer(errNoResponse)
		return nil, nil //nolint:nilnil // what the base said
	}
	if err != nil {
		x.noAnswer(err)
		return resp, err
	}
	if resp.Request == out {
		resp.Request = req
	}
	x.answered(resp)
	return resp, nil
}

// begin starts the exchange and makes the request that goes out. x is nil where
// that failed: then the request goes out as it is.
func (r *core) begin(req *http.Request, rt wire.Route, e endpoint, ask bool) (x *exchange, out *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			r.broken(p)
			x, out = nil, nil
		}
	}()
	now := time.Now()
	x = &exchange{
		r: r, route: rt, host: e, start: now, began: now, request: req.Header,
		call: llm.Call{
			Time: now.UTC(), Source: llm.SourceSDK, Service: r.cfg.service, Environment: r.cfg.environment, Provider: e.provider,
			Operation: rt.Operation, RequestModel: rt.Model, Stream: rt.Stream, Region: e.region, Status: llm.StatusOK,
		},
	}
	x.server, x.port = serverOf(req.URL.Scheme, req.URL.Host)
	ctx := req.Context()
	associationOf(ctx).apply(&x.call) // before the body: what the program says counts for more
	x.sent.ask = ask && req.Header.Get("Content-Encoding") == ""
	body := x.takeRequest(req)
	x.client = retryClientOf(req.Header)
	x.retry = x.retryKeyOf(ctx, req)
	if prev := r.calls.adopt(x); prev != nil {
		x.continues(prev, ctx)
	} else {
		x.ctx, x.span = r.startSpan(ctx, &x.call)
	}
	if x.sent.decoded() {
		r.meters.started(x.ctx, &x.call)
	}

	out = req.WithContext(context.WithValue(x.ctx, measuredKey{}, x))
	out.Body = body
	out.Header = req.Header.Clone()
	if out.Header == nil {
		out.Header = http.Header{}
	}
	r.propagate(x.ctx, out.Header, req.URL.Host)
	if x.sent.asking != nil {
		x.sendAsking(req, out)
	}
	return x, out
}

// noAnswer ends an attempt that failed before an answer came.
func (x *exchange) noAnswer(err error) {
	x.end(x.since(), err, false)
}

// fail ends an exchange with an error of our own naming.
func (x *exchange) fail(typ, message string) {
	x.mu.Lock()
	if !x.done {
		x.call.SetError(typ, message)
	}
	x.mu.Unlock()
	x.end(x.since(), errors.New(message), false)
}

func (x *exchange) since() time.Duration { return time.Since(x.start) }

// answered takes the head of the answer and puts a measuring body before it.
func (x *exchange) answered(resp *http.Response) {
	defer func() {
		if p := recover(); p != nil {
			x.r.broken(p)
		}
	}()
	x.takeSent(false)
	x.mu.Lock()
	x.status, x.header, x.length = resp.StatusCode, resp.Header, resp.ContentLength
	x.call.HTTPStatus = resp.StatusCode
	x.call.Phases.Headers = llm.Some(x.since())
	if isStream(resp) {
		x.dec = wire.NewDecoder(x.route, resp.StatusCode, resp.Header, &x.call, x.r.decoderOptions())
	} else {
		x.buf = x.r.calls.buffer()
	}
	x.mu.Unlock()
	if x.statusRetries() {
		x.r.calls.park(x) // some clients leave the answer as it is and try again
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		x.end(x.since(), nil, false)
		return
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.end(x.since(), nil, true) // what follows is no answer of HTTP
		return
	}
	b := newBody(resp.Body, x)
	if x.sent.asking != nil && resp.StatusCode == http.StatusOK && streamType(resp.Header) && resp.Header.Get("Content-Encoding") == "" {
		b.filter = &usageFilter{}
		resp.ContentLength = -1
		resp.Header.Del("Content-Length")
	}
	resp.Body = b
}

// isStream says whether an answer comes piece by piece. An answer without a
// length is treated as one.
func isStream(resp *http.Response) bool {
	return resp.ContentLength < 0 || streamType(resp.Header)
}

// streamType says whether the media type is that of a stream of events.
func streamType(h http.Header) bool {
	ct, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	switch strings.TrimSpace(ct) {
	case "text/event-stream", "application/x-ndjson", "application/jsonl", "application/vnd.amazon.eventstream", "application/stream+json":
		return true
	}
	return false
}

// Bounds of what is kept of one exchange for decoding.
const (
	maxBody        = 8 << 20
	summaryContent = 64 << 10
)

func (r *core) decoderOptions() wire.Options {
	o := wire.Options{MaxContent: wire.DefaultMaxContent, MaxBody: maxBody}
	switch r.cfg.contentMode {
	case ContentMetrics:
		o.SkipContent = true
	case ContentSummary:
		o.MaxContent = max(summaryContent, 4*r.cfg.maxChars)
	default:
	}
	return o
}

// The types of errors that are not the provider's.
const (
	errorClientClosed = "client_closed_request" // after nginx' 499
	errorTimeout      = "timeout"
)

// errClosed is why a body ended before its end.
var errClosed = errors.New("the program closed the answer before its end")

// took takes bytes of the answer, and the error with which they ended.
func (x *exchange) took(p []byte, err error) {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	if len(p) > 0 {
		x.last = x.since()
		x.read += int64(len(p))
		switch {
		case x.dec != nil:
			x.dec.Write(p, x.last)
		case x.buf != nil:
			keep := min(len(p), maxBody-len(*x.buf))
			*x.buf = append(*x.buf, p[:keep]...)
			if keep < len(p) {
				x.call.MarkTruncated("response_body")
			}
		}
	}
	x.mu.Unlock()
	if err != nil {
		x.bodyEnded(err)
	}
}

// end ends the attempt, once: err says why it ended early. read says that the
// program has seen all that there was.
func (x *exchange) end(at time.Duration, err error, read bool) {
	defer func() {
		if p := recover(); p != nil {
			x.r.broken(p)
		}
	}()
	x.takeSent(true)
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	x.done = true
	c := &x.call
	if x.header == nil {
		x.classify(err)
	} else {
		x.decode(at, err)
	}
	c.Duration = at
	x.dec = nil
	x.r.calls.release(x.buf)
	x.buf = nil
	x.mu.Unlock()
	if !x.awaitsRetry(err, read) {
		x.finish()
	}
}

// classify says what kept an answer from coming.
func (x *exchange) classify(err error) {
	c := &x.call
	c.Usage.Source = llm.UsageUnknown
	switch cause := x.ctx.Err(); {
	case errors.Is(err, context.Canceled), errors.Is(cause, context.Canceled) && !isTimeout(err):
		c.Note("client_gone")
		c.SetError(errorClientClosed, err.Error())
	case isTimeout(err):
		c.SetError(errorTimeout, err.Error())
	default:
		c.SetError("connection_error", err.Error())
	}
}

// decode completes the Call from the answer.
func (x *exchange) decode(at time.Duration, err error) {
	c := &x.call
	dec := x.dec
	if dec == nil {
		dec = wire.NewDecoder(x.route, x.status, x.header, c, x.r.decoderOptions())
		if x.buf != nil {
			dec.Write(*x.buf, at)
		}
	}
	switch {
	case err == nil || dec.Ended():
		dec.Close(at, err)
	case errors.Is(err, errClosed):
		x.closedEarly(dec, at)
	case errors.Is(err, context.Canceled), errors.Is(x.ctx.Err(), context.Canceled) && !isTimeout(err):
		c.Note("client_gone")
		c.SetError(errorClientClosed, "the program's context was canceled before the answer was complete")
		dec.Close(at, err)
	default:
		dec.Close(at, err)
	}
}

// closedEarly ends an answer whose body was closed before its end was read. A
// reader of JSON does so with a whole answer: it knows its end without asking.
func (x *exchange) closedEarly(dec *wire.Decoder, at time.Duration) {
	c := &x.call
	if c.Stream || streamType(x.header) {
		c.Note("client_gone")
		c.SetError(errorClientClosed, errClosed.Error())
		dec.Close(at, errClosed)
		return
	}
	if x.read == 0 {
		c.Note("response_not_read")
		dec.Close(at, nil)
		removeNote(c, "empty_response")
		return
	}
	before := len(c.Notes)
	dec.Close(at, nil)
	if len(c.Notes) > before && removeNote(c, "malformed_response") {
		c.Note("response_cut")
		c.Note("client_gone")
		c.SetError(errorClientClosed, errClosed.Error())
	}
}

func removeNote(c *llm.Call, note string) bool {
	for i, n := range c.Notes {
		if n == note {
			c.Notes = append(c.Notes[:i:i], c.Notes[i+1:]...)
			return true
		}
	}
	return false
}

// finish hands the Call over, once.
func (x *exchange) finish() {
	if !x.finished.CompareAndSwap(false, true) {
		return
	}
	if x.sent.late {
		x.span.SetName(callName(&x.call))
	}
	if x.resends > 0 {
		if x.call.Attributes == nil {
			x.call.Attributes = make(map[string]any, 1)
		}
		x.call.Attributes[resendCount] = int64(x.resends)
	}
	x.r.complete(x.ctx, x.span, &x.call, x.start.Add(x.call.Duration), x.server, x.port)
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
