package pitot

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"sync"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// body is the answer's body in the program's hands. It holds nothing but the
// way to the exchange, so that one that is dropped unclosed is noticed.
type body struct {
	rc      io.ReadCloser
	x       *exchange
	cleanup runtime.Cleanup
	filter  *usageFilter // nil where nothing was asked for
}

func newBody(rc io.ReadCloser, x *exchange) *body {
	b := &body{rc: rc, x: x}
	b.cleanup = runtime.AddCleanup(b, (*exchange).leaked, x)
	return b
}

// Read reads from the answer and measures what came.
func (b *body) Read(p []byte) (int, error) {
	if b.filter != nil && len(p) > 0 {
		return b.filter.read(b, p)
	}
	return b.readRaw(p)
}

func (b *body) readRaw(p []byte) (int, error) {
	n, err := b.rc.Read(p)
	if (n > 0 || err != nil) && n >= 0 && n <= len(p) {
		b.x.took(p[:n], err)
		if err != nil {
			b.cleanup.Stop()
		}
	}
	return n, err
}

// Close closes the answer.
func (b *body) Close() error {
	err := b.rc.Close()
	b.cleanup.Stop()
	b.x.closed()
	return err
}

// bodyEnded ends the exchange with the error that reading ended with.
func (x *exchange) bodyEnded(err error) {
	if err == io.EOF { //nolint:errorlint // a wrapped EOF is no end of a body
		x.end(x.since(), nil, true)
		return
	}
	x.end(x.since(), err, true)
}

// closed ends the exchange where the body was closed before its end.
func (x *exchange) closed() {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	at, err, read := x.since(), errClosed, x.read > 0
	if x.complete() {
		at, err = x.last, nil
	}
	x.mu.Unlock()
	x.end(at, err, read)
}

// complete says whether all of the answer has been read though its end was not.
func (x *exchange) complete() bool {
	return x.dec != nil && x.dec.Ended() || x.read > 0 && x.read == x.length
}

// leaked ends the exchange of a body that nobody can read or close any more.
func (x *exchange) leaked() {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	at, err := x.last, errClosed
	switch {
	case x.complete():
		err = nil
	case x.read == 0:
		at = x.call.Phases.Headers.Or(x.last)
	}
	if cause := x.ctx.Err(); cause != nil && err != nil {
		err = cause
	}
	x.call.Note("body_leaked")
	x.mu.Unlock()
	x.end(at, err, true)
}

// Requests up to decodeAtOnce bytes are decoded before they are sent; larger
// ones while they are.
const decodeAtOnce = 256 << 10

// sentBody is what is known of the body of the request.
type sentBody struct {
	mu    sync.Mutex
	state sentState
	buf   *[]byte
	more  bool          // longer than what is kept
	whole bool          // all of a body that is read once has been
	ready chan struct{} // closed when the decoding on the side is over
	side  *llm.Call     // what that decoded
	sum   uint64        // hash of the body, for clients whose retries are told by it
	ask   bool          // for usage, where the request does not
	// asking is the body that asks for usage, nil where none needs to.
	asking []byte
	late   bool // decoded after the span began, which has no model in its name
}

type sentState uint8

const (
	sentNothing sentState = iota
	sentTee               // read as the base reads it
	sentAside             // decoded on the side
	sentDecoded
)

func (s *sentBody) decoded() bool { return s.state == sentDecoded }

// takeRequest decodes the request, or arranges for that, and returns the body to
// send.
func (x *exchange) takeRequest(req *http.Request) io.ReadCloser {
	s := &x.sent
	if req.Body == nil || req.Body == http.NoBody {
		wire.DecodeRequest(x.route, req.Header, nil, &x.call)
		s.state = sentDecoded
		return req.Body
	}
	s.buf = x.r.calls.buffer()
	if req.GetBody == nil {
		s.state = sentTee
		return &tee{rc: req.Body, s: s, left: req.ContentLength}
	}
	copied, err := req.GetBody()
	if err != nil || copied == nil {
		x.call.Note("request_not_read")
		x.requestDecoded(&x.call)
		return req.Body
	}
	if req.ContentLength <= decodeAtOnce {
		x.readRequest(copied)
		x.requestDecoded(&x.call)
		return req.Body
	}
	s.state, s.ready = sentAside, make(chan struct{})
	side := x.call
	s.side = &side
	go func() {
		defer close(s.ready)
		defer func() {
			if p := recover(); p != nil {
				x.r.broken(p)
			}
		}()
		x.readRequest(copied)
		x.requestDecoded(s.side)
	}()
	return req.Body
}

// readRequest reads a copy of the request's body, up to the limit.
func (x *exchange) readRequest(rc io.ReadCloser) {
	defer rc.Close()
	s := &x.sent
	if w, ok := rc.(io.WriterTo); ok {
		_, _ = w.WriteTo((*sentWriter)(s)) // an error is the limit's, or makes the body a short one
	} else {
		_, _ = io.Copy((*sentWriter)(s), io.LimitReader(rc, maxBody+1))
	}
}

// requestDecoded decodes what is kept of the request.
func (x *exchange) requestDecoded(c *llm.Call) {
	s := &x.sent
	if s.more {
		c.MarkTruncated("request_body")
	}
	if needsSum(x.request) {
		s.sum = sumOf(*s.buf)
	}
	wire.DecodeRequest(x.route, x.request, *s.buf, c)
	if s.ask && s.state == sentNothing && !s.more {
		if out, asked := wire.AskUsage(x.route, *s.buf); asked {
			s.asking = out
		}
	}
	x.r.calls.release(s.buf)
	s.buf = nil
	if s.state != sentAside {
		s.state = sentDecoded
	}
}

// takeSent takes what the request says, where that was not known at once. A
// request that is still being sent when its answer comes is left for the end.
func (x *exchange) takeSent(last bool) {
	s := &x.sent
	if s.ready != nil {
		<-s.ready
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case s.state == sentAside:
		c, side := &x.call, s.side
		side.TraceID, side.SpanID, side.ParentSpanID = c.TraceID, c.SpanID, c.ParentSpanID
		side.Time = c.Time
		x.call, s.side, s.state = *side, nil, sentDecoded
	case s.state == sentTee && (s.whole || last):
		x.requestDecoded(&x.call)
	default:
		return
	}
	s.late = true
	x.r.meters.started(x.ctx, &x.call)
}

// sentWriter keeps what a body writes into it.
type sentWriter sentBody

var errEnough = errors.New("enough of the request was read")

// Write keeps p within the limit.
func (w *sentWriter) Write(p []byte) (int, error) {
	if !(*sentBody)(w).keep(p) {
		return 0, errEnough
	}
	return len(p), nil
}

func (s *sentBody) keep(p []byte) bool {
	n := min(len(p), maxBody-len(*s.buf))
	*s.buf = append(*s.buf, p[:n]...)
	if n < len(p) {
		s.more = true
	}
	return n == len(p)
}

// tee is the body of a request that cannot be read twice: what the base reads of
// it is kept, within the limit.
type tee struct {
	rc   io.ReadCloser
	s    *sentBody
	left int64 // of the length that the request states, negative where it does not
}

// Read reads from the program's body.
func (t *tee) Read(p []byte) (int, error) {
	n, err := t.rc.Read(p)
	if n >= 0 && n <= len(p) {
		t.s.mu.Lock()
		if t.s.state == sentTee {
			t.s.keep(p[:n])
			whole := t.left >= 0 && t.left <= int64(n)
			t.left -= int64(n)
			t.s.whole = t.s.whole || whole || err == io.EOF
		}
		t.s.mu.Unlock()
	}
	return n, err
}

// Close closes the program's body.
func (t *tee) Close() error { return t.rc.Close() }

// readFull reads up to len(p) bytes, whatever ends it.
func readFull(r io.Reader, p []byte) int {
	n, _ := io.ReadFull(r, p)
	return n
}
