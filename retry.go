package pitot

import (
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Clients that retry by themselves send each attempt as a request of its own.
// Two families say which attempt it is: those of Stainless (OpenAI, Anthropic:
// X-Stainless-Retry-Count) and Amazon's (Amz-Sdk-Request). With these a failed
// attempt that may be retried waits for its successor, so that the attempts
// are one span: the failed ones are events of it.

// retryClient is a client whose retries can be seen.
type retryClient uint8

const (
	retriesUnseen retryClient = iota
	retriesStainless
	retriesAWS
)

const (
	stainlessRetry = "X-Stainless-Retry-Count"
	awsInvocation  = "Amz-Sdk-Invocation-Id"
	awsAttempt     = "Amz-Sdk-Request"
)

func retryClientOf(h http.Header) retryClient {
	switch {
	case h[stainlessRetry] != nil:
		return retriesStainless
	case h[awsInvocation] != nil && h[awsAttempt] != nil:
		return retriesAWS
	}
	return retriesUnseen
}

// retryKey is what the attempts of one logical call have in common, and the
// number of the attempt that waits: the first is 0.
type retryKey struct {
	invocation string // Amazon's
	target     string // else: where, what, and under which span
	sum        uint64
	parent     trace.SpanID
	trace      trace.TraceID
	attempt    int
}

// needsSum says whether attempts are told by their bodies.
func needsSum(h http.Header) bool { return h[stainlessRetry] != nil }

// sumSeed is one for the process: sums are compared within it only.
var sumSeed = maphash.MakeSeed()

func sumOf(b []byte) uint64 { return maphash.Bytes(sumSeed, b) }

// retryKeyOf is the key under which this attempt would wait.
func (x *exchange) retryKeyOf(ctx context.Context, req *http.Request) retryKey {
	switch x.client {
	case retriesStainless:
		n, err := strconv.Atoi(req.Header.Get(stainlessRetry))
		if err != nil || n < 0 {
			x.client = retriesUnseen
			return retryKey{}
		}
		parent := trace.SpanContextFromContext(ctx)
		return retryKey{target: req.URL.Host + req.URL.Path, sum: x.sent.sum, parent: parent.SpanID(), trace: parent.TraceID(), attempt: n}
	case retriesAWS:
		n, _, ok := awsAttempts(req.Header)
		if !ok {
			x.client = retriesUnseen
			return retryKey{}
		}
		return retryKey{invocation: req.Header.Get(awsInvocation), attempt: n - 1}
	default:
		return retryKey{}
	}
}

// awsAttempts reads "attempt=1; max=3".
func awsAttempts(h http.Header) (attempt, limit int, ok bool) {
	for field := range strings.SplitSeq(h.Get(awsAttempt), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		n, err := strconv.Atoi(value)
		switch {
		case err != nil:
		case name == "attempt":
			attempt = n
		case name == "max":
			limit = n
		}
	}
	return attempt, limit, attempt > 0
}

// awaitsRetry says whether an attempt that has ended waits for the next one, or
// has become a part of it.
func (x *exchange) awaitsRetry(err error, read bool) bool {
	if x.client == retriesUnseen {
		return false
	}
	t := x.r.calls
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case x.wait.over:
		return x.wait.adopted
	case read && x.client == retriesStainless:
		// It reads the answer of its last attempt, and of no other.
		t.take(x)
		return false
	case x.wait.timer != nil:
		return true
	}
	return x.mayRetry(err) && t.parkLocked(x)
}

// mayRetry says whether the client will try again after this attempt: as far as
// its rules are known and the answer told it to.
func (x *exchange) mayRetry(err error) bool {
	if x.call.Status != llm.StatusError || x.ctx.Err() != nil {
		return false
	}
	if x.header != nil {
		return x.statusRetries() || x.client == retriesAWS && !x.lastOfAWS() && strings.Contains(x.call.ErrorType, "hrottl")
	}
	return err != nil && !errors.Is(err, context.Canceled) && x.call.ErrorType != "panic" && (x.client != retriesAWS || !x.lastOfAWS())
}

// statusRetries says whether the head of an answer makes the client try again.
func (x *exchange) statusRetries() bool {
	switch x.client {
	case retriesStainless:
		switch x.header.Get("X-Should-Retry") {
		case "true":
			return true
		case "false":
			return false
		}
		return x.status == http.StatusRequestTimeout || x.status == http.StatusConflict || x.status == http.StatusTooManyRequests || x.status >= 500
	case retriesAWS:
		return !x.lastOfAWS() && (x.status == http.StatusTooManyRequests || x.status == http.StatusRequestTimeout || x.status >= 500)
	default:
		return false
	}
}

func (x *exchange) lastOfAWS() bool {
	n, limit, _ := awsAttempts(x.request)
	return limit > 0 && n >= limit
}

// Bounds of waiting for a retry.
const (
	maxParked   = 1024
	retryMargin = 2 * time.Second
	maxDelay    = time.Minute
	// cancelGrace is how long an attempt waits on when its context has ended: that
	// may be the context of the attempt alone, which Anthropic's library ends just
	// before it sends the next one.
	cancelGrace = 250 * time.Millisecond
)

// patience is how long the next attempt may take to come: the delay that the
// server asked for, else what the clients' back-off can come to.
func (x *exchange) patience() time.Duration {
	if x.header != nil {
		if ms, err := strconv.ParseFloat(x.header.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
			return min(time.Duration(ms*float64(time.Millisecond)), maxDelay) + retryMargin
		}
		if v := x.header.Get("Retry-After"); v != "" {
			if s, err := strconv.ParseFloat(v, 64); err == nil && s >= 0 {
				return min(time.Duration(s*float64(time.Second)), maxDelay) + retryMargin
			}
			if at, err := http.ParseTime(v); err == nil {
				return min(max(time.Until(at), 0), maxDelay) + retryMargin
			}
		}
	}
	if x.client == retriesAWS {
		return min(time.Second<<min(x.retry.attempt, 5), 20*time.Second) + retryMargin
	}
	return min(time.Second/2<<min(x.retry.attempt, 4), 8*time.Second) + retryMargin
}

// waiting is what an attempt has that waits for the next one, guarded by the
// tracker.
type waiting struct {
	timer   *time.Timer
	stop    func() bool // of the watch on the context
	over    bool        // waits no longer, and not again
	adopted bool        // by the next attempt
}

// park lets a failed attempt wait for the next one.
func (t *callTracker) park(x *exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parkLocked(x)
}

// parkLocked is park; it says false where the attempt must end at once.
func (t *callTracker) parkLocked(x *exchange) bool {
	if t.closed || t.parked >= maxParked || x.wait.over {
		return false
	}
	t.parked++
	t.waiting[x.retry] = append(t.waiting[x.retry], x)
	x.wait.timer = time.AfterFunc(x.patience(), func() { t.expire(x) })
	x.wait.stop = context.AfterFunc(x.ctx, func() { t.hurry(x) })
	return true
}

// hurry lets an attempt whose context has ended wait no longer than the grace.
func (t *callTracker) hurry(x *exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !x.wait.over {
		x.wait.timer.Reset(cancelGrace)
	}
}

// take removes an attempt from those that wait; false where it is none.
func (t *callTracker) take(x *exchange) bool {
	list := t.waiting[x.retry]
	i := slices.Index(list, x)
	if i < 0 {
		return false
	}
	if len(list) == 1 {
		delete(t.waiting, x.retry)
	} else {
		t.waiting[x.retry] = slices.Delete(list, i, i+1)
	}
	t.parked--
	x.wait.over = true
	x.wait.timer.Stop()
	x.wait.stop()
	return true
}

// expire ends an attempt whose successor did not come, unless its answer is
// still being read.
func (t *callTracker) expire(x *exchange) {
	t.mu.Lock()
	mine := t.take(x)
	t.mu.Unlock()
	if mine && x.ended() {
		x.finish()
	}
}

func (x *exchange) ended() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.done
}

// adopt returns the attempt before this one, which waits no longer and has ended.
func (t *callTracker) adopt(x *exchange) *exchange {
	if x.client == retriesUnseen || x.retry.attempt == 0 {
		return nil
	}
	key := x.retry
	key.attempt--
	t.mu.Lock()
	var prev *exchange
	if list := t.waiting[key]; len(list) > 0 {
		prev = list[0]
		prev.wait.adopted = t.take(prev)
	}
	t.mu.Unlock()
	if prev != nil {
		prev.abandoned()
	}
	return prev
}

// abandoned ends an attempt whose answer the client left as it was.
func (x *exchange) abandoned() {
	x.takeSent(true)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done {
		return
	}
	x.done = true
	at := max(x.last, x.call.Phases.Headers.Or(0))
	x.decode(at, nil)
	x.call.Duration = at
	x.dec = nil
	x.r.calls.release(x.buf)
	x.buf = nil
}

// flush ends what waits for a retry that will not come any more, and lets
// nothing wait from now on.
func (t *callTracker) flush() {
	t.mu.Lock()
	t.closed = true
	var all []*exchange
	for _, list := range t.waiting {
		all = append(all, list...)
	}
	for _, x := range all {
		t.take(x)
	}
	t.mu.Unlock()
	for _, x := range all {
		if x.ended() {
			x.finish()
		}
	}
}

// continues makes this attempt the next one of a call that is under way: in its
// span, with its start. The attempt that failed becomes an event.
func (x *exchange) continues(prev *exchange, ctx context.Context) {
	x.span, x.start, x.resends = prev.span, prev.start, prev.resends+1
	x.ctx = trace.ContextWithSpan(ctx, prev.span)
	c, p := &x.call, &prev.call
	c.Time, c.TraceID, c.SpanID, c.ParentSpanID = p.Time, p.TraceID, p.SpanID, p.ParentSpanID
	x.r.meters.ended(prev.ctx, p)
	at := prev.start.Add(p.Duration)
	attrs := make([]attribute.KeyValue, 0, 5)
	attrs = append(attrs, attribute.Int("pitot.attempt.number", x.resends),
		attribute.Float64("pitot.attempt.duration_seconds", at.Sub(prev.began).Seconds()),
		attribute.Float64("pitot.attempt.delay_seconds", x.began.Sub(at).Seconds()))
	attrs = appendText(attrs, "error.type", p.ErrorType)
	if p.HTTPStatus != 0 {
		attrs = append(attrs, attribute.Int("http.response.status_code", p.HTTPStatus))
	}
	prev.span.AddEvent("pitot.attempt", trace.WithTimestamp(at), trace.WithAttributes(attrs...))
}
