package pitot

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// otlpSignal is one of OpenTelemetry's three.
type otlpSignal uint8

const (
	signalTraces otlpSignal = iota
	signalMetrics
	signalLogs
	signalCount = 3
)

func (s otlpSignal) String() string { return [signalCount]string{"traces", "metrics", "logs"}[s] }

// variable is the signal in names of environment variables.
func (s otlpSignal) variable() string { return strings.ToUpper(s.String()) }

// grpcPath is the method of the signal's service.
func (s otlpSignal) grpcPath() string {
	service := [signalCount]string{"trace.v1.Trace", "metrics.v1.Metrics", "logs.v1.Logs"}[s]
	return "/opentelemetry.proto.collector." + service + "Service/Export"
}

// Bounds of an export.
const (
	minBackoff      = 200 * time.Millisecond
	maxBackoff      = 5 * time.Second
	closingAttempts = 2        // once the program wants to end
	maxResponse     = 64 << 10 // bytes read of an answer
	maxPooledBuffer = 8 << 20
)

// otlpClient sends the messages of one signal to its backend.
type otlpClient struct {
	signal  otlpSignal
	cfg     signalConfig
	http    *http.Client
	link    *backendLink
	shapes  *otlpShapes // for http/json and the console
	console io.Writer   // nil: none
	closing chan struct{}

	buffers sync.Pool // *sendBuffer
	zips    sync.Pool // *gzip.Writer
}

// sendBuffer is a message that may be in the hands of the HTTP transport still when
// its request is answered; it goes back to its pool with its last user.
type sendBuffer struct {
	b     []byte
	users atomic.Int32
}

func (c *otlpClient) buffer() *sendBuffer {
	buf, ok := c.buffers.Get().(*sendBuffer)
	if !ok {
		buf = &sendBuffer{b: make([]byte, 0, 16<<10)}
	}
	buf.b = buf.b[:0]
	buf.users.Store(1)
	return buf
}

func (c *otlpClient) release(buf *sendBuffer) {
	if buf.users.Add(-1) == 0 && cap(buf.b) <= maxPooledBuffer {
		c.buffers.Put(buf)
	}
}

// sendingBody is the body of one attempt.
type sendingBody struct {
	bytes.Reader
	once    sync.Once
	release func()
}

func (b *sendingBody) Close() error {
	b.once.Do(b.release)
	return nil
}

// body makes the body of a request from buf, which it keeps until it is closed.
func (c *otlpClient) body(req *http.Request, buf *sendBuffer) {
	get := func() io.ReadCloser {
		buf.users.Add(1)
		b := &sendingBody{release: func() { c.release(buf) }}
		b.Reset(buf.b)
		return b
	}
	req.Body = get()
	req.ContentLength = int64(len(buf.b))
	req.GetBody = func() (io.ReadCloser, error) { return get(), nil }
}

// send delivers the message that encode appends, in protobuf: within the timeout, trying
// again where the backend is away or asks for it. It warns about what fails; the error
// only says that the message was not delivered.
func (c *otlpClient) send(ctx context.Context, encode func([]byte) []byte) error {
	msg := c.buffer()
	defer c.release(msg)
	msg.b = encode(msg.b)
	if len(msg.b) == 0 {
		return nil
	}
	if c.console != nil {
		c.print(msg.b)
	}
	if c.http == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.timeout)
	defer cancel()
	body, err := c.pack(msg)
	if err != nil {
		c.link.refused(c.signal, err)
		return err
	}
	if body != msg {
		defer c.release(body)
	}
	err = c.retry(ctx, body)
	if r, ok := errors.AsType[*otlpRefusal](err); ok && !r.retry {
		c.link.refused(c.signal, err)
	} else if err != nil {
		c.link.away(c.signal, err)
	} else {
		c.link.delivered()
	}
	return err
}

// retry makes attempts until one succeeds, none can any more, or ctx ends.
func (c *otlpClient) retry(ctx context.Context, body *sendBuffer) error {
	backoff := minBackoff
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, body)
		if err == nil {
			return nil
		}
		wait := backoff/2 + rand.N(backoff) // jitter: programs do not come back all at once
		if r, ok := errors.AsType[*otlpRefusal](err); ok {
			if !r.retry {
				return err
			}
			wait = max(wait, r.after)
		}
		backoff = min(2*backoff, maxBackoff)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return err
		}
		if c.isClosing() && (attempt >= closingAttempts || c.link.isAway()) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-c.closingNow(): // the next attempt may be the last
			timer.Stop()
		}
	}
}

func (c *otlpClient) isClosing() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// closingNow is closed when the program begins to end; nil where it has begun:
// the waits that remain are kept then.
func (c *otlpClient) closingNow() <-chan struct{} {
	if c.isClosing() {
		return nil
	}
	return c.closing
}

func (c *otlpClient) attempt(ctx context.Context, body *sendBuffer) error {
	if c.cfg.protocol == GRPC {
		return c.attemptGRPC(ctx, body)
	}
	return c.attemptHTTP(ctx, body)
}

// pack turns a message into the body of the protocol: JSON, framed, compressed.
func (c *otlpClient) pack(msg *sendBuffer) (*sendBuffer, error) {
	json := c.cfg.protocol == HTTPJSON
	if !json && !c.cfg.gzip && c.cfg.protocol != GRPC {
		return msg, nil
	}
	out := c.buffer()
	plain := msg.b
	if json {
		text, err := appendOTLPJSON(out.b, c.shape(), plain)
		if err != nil {
			c.release(out)
			return nil, err
		}
		out.b = text
		if !c.cfg.gzip {
			return out, nil
		}
		zipped := c.buffer()
		zipped.b = c.zip(zipped.b, out.b)
		c.release(out)
		return zipped, nil
	}
	if c.cfg.protocol == GRPC {
		out.b = append(out.b, 0, 0, 0, 0, 0)
	}
	if c.cfg.gzip {
		out.b = c.zip(out.b, plain)
	} else {
		out.b = append(out.b, plain...)
	}
	if c.cfg.protocol == GRPC {
		putGRPCPrefix(out.b, c.cfg.gzip)
	}
	return out, nil
}

func (c *otlpClient) shape() *otlpShape {
	return [signalCount]*otlpShape{c.shapes.traces, c.shapes.metrics, c.shapes.logs}[c.signal]
}

func (c *otlpClient) zip(out, plain []byte) []byte {
	w := bytes.NewBuffer(out)
	z, ok := c.zips.Get().(*gzip.Writer)
	if ok {
		z.Reset(w)
	} else {
		z = gzip.NewWriter(w)
	}
	defer c.zips.Put(z)
	_, _ = z.Write(plain) // a bytes.Buffer takes everything
	_ = z.Close()
	return w.Bytes()
}

// print writes a message to the console, as a line of JSON.
func (c *otlpClient) print(msg []byte) {
	line, err := appendOTLPJSON(nil, c.shape(), msg)
	if err == nil {
		_, _ = c.console.Write(append(line, '\n'))
	}
}

// otlpRefusal is an answer that is not a success.
type otlpRefusal struct {
	status  string // as the backend said it
	message string
	retry   bool
	after   time.Duration // not before this; 0: as it comes
	hint    string        // what to do
}

func (r *otlpRefusal) Error() string {
	s := r.status
	if r.message != "" {
		s += ": " + r.message
	}
	if r.hint != "" {
		s += " (" + r.hint + ")"
	}
	return s
}

// maxMessage is how much of a backend's answer is shown.
const maxMessage = 300

func shortAnswer(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "…"
	}
	return s
}

// warnEvery is how often the same kind of warning is repeated at most.
const warnEvery = 5 * time.Minute

// backendLink is what is known of the way to one backend, which several signals may
// share. It says once that the backend is away, and once that it is back.
type backendLink struct {
	where string // for people
	log   *slog.Logger
	now   func() time.Time

	down atomic.Bool

	mu       sync.Mutex
	warned   bool // that it is away
	last     time.Time
	refuses  [signalCount]time.Time // when was last said that it refuses
	partial  [signalCount]time.Time
	overflow [signalCount]time.Time
}

func newBackendLink(where string, log *slog.Logger) *backendLink {
	return &backendLink{where: where, log: log, now: time.Now}
}

func (l *backendLink) isAway() bool { return l.down.Load() }

func (l *backendLink) delivered() {
	if !l.down.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down.Swap(false) && l.warned {
		l.warned = false
		l.log.Info("telemetry is delivered again", "endpoint", l.where)
	}
}

func (l *backendLink) away(s otlpSignal, err error) {
	if l.down.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down.Swap(true) || !l.due(&l.last) {
		return
	}
	l.warned = true
	l.log.Warn("telemetry cannot be delivered; the program is not affected, and what does not fit into the queue is dropped",
		"endpoint", l.where, "signal", s.String(), "error", plainError(err).Error())
}

func (l *backendLink) refused(s otlpSignal, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due(&l.refuses[s]) {
		l.log.Warn("telemetry is refused by the backend", "endpoint", l.where, "signal", s.String(), "error", err.Error())
	}
}

func (l *backendLink) partially(s otlpSignal, rejected int64, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due(&l.partial[s]) {
		l.log.Warn("telemetry is partly refused by the backend",
			"endpoint", l.where, "signal", s.String(), "rejected", rejected, "message", shortAnswer(message))
	}
}

// full says that a queue is full although the backend is there.
func (l *backendLink) full(s otlpSignal, dropped uint64, setting string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.down.Load() && l.due(&l.overflow[s]) {
		l.log.Warn("telemetry comes faster than it can be sent, and is dropped", "endpoint", l.where, "signal", s.String(), "dropped", dropped, "raise", setting)
	}
}

// due reports whether a warning may be given again.
func (l *backendLink) due(last *time.Time) bool {
	now := l.now()
	if !last.IsZero() && now.Sub(*last) < warnEvery {
		return false
	}
	*last = now
	return true
}

// plainError is err without the URL of the request, which the warning names.
func plainError(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return fmt.Errorf("timeout: %w", u.Err)
		}
		return u.Err
	}
	return err
}
