package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// h1Transport is an HTTP/1.1 client for one plain-text upstream, such as a
// model server in the same network. It exists for speed: http.Transport hands
// every request to two goroutines and back, which costs more than everything
// else on the way through the gateway; here the goroutine that serves the
// client writes the request and reads the answer itself.
//
// Requests whose body is not fully in memory go to http.Transport instead.
type h1Transport struct {
	addr          string
	dialer        net.Dialer
	headerTimeout time.Duration

	mu     sync.Mutex // guards idle, reaper and closed
	idle   []*h1Conn  // most recently used last
	reaper *time.Timer
	closed bool
}

type h1Conn struct {
	net.Conn
	br        *bufio.Reader
	head      []byte // scratch for the request's head
	idleSince time.Time
}

// replayBody is a request body that is in memory.
type replayBody struct {
	b   []byte
	off int
}

func (b *replayBody) Read(p []byte) (int, error) {
	if b.off >= len(b.b) {
		return 0, io.EOF
	}
	n := copy(p, b.b[b.off:])
	b.off += n
	return n, nil
}

func (b *replayBody) Close() error { return nil }

func newH1Transport(hostport string, connect, headerTimeout time.Duration) *h1Transport {
	if _, _, err := net.SplitHostPort(hostport); err != nil {
		hostport = net.JoinHostPort(trimBrackets(hostport), "80")
	}
	host, _, _ := net.SplitHostPort(hostport)
	return &h1Transport{
		addr: hostport, headerTimeout: headerTimeout,
		dialer: net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second, Control: denyMetadata(host)},
	}
}

func trimBrackets(host string) string {
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		return host[1 : len(host)-1]
	}
	return host
}

// get returns a live idle connection, or dials one and says how long that took.
func (t *h1Transport) get(ctx context.Context) (*h1Conn, time.Duration, error) {
	for {
		t.mu.Lock()
		n := len(t.idle)
		if n == 0 {
			t.mu.Unlock()
			break
		}
		c := t.idle[n-1]
		t.idle[n-1] = nil
		t.idle = t.idle[:n-1]
		t.mu.Unlock()
		// A request on a connection that the server has just closed would fail,
		// and a model call must not be sent twice: look before writing.
		if connAlive(c.Conn) {
			return c, 0, nil
		}
		_ = c.Close()
	}
	start := time.Now()
	nc, err := t.dialer.DialContext(ctx, "tcp", t.addr)
	took := time.Since(start)
	if err != nil {
		return nil, took, err
	}
	return &h1Conn{Conn: nc, br: bufio.NewReaderSize(nc, 8<<10)}, took, nil
}

func (t *h1Transport) put(c *h1Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.idle) >= maxIdlePerHost {
		_ = c.Close()
		return
	}
	c.idleSince = time.Now()
	t.idle = append(t.idle, c)
	if t.reaper == nil {
		t.reaper = time.AfterFunc(idleConnTimeout, t.reap)
	}
}

// reap closes connections that have been idle for too long.
func (t *h1Transport) reap() {
	t.mu.Lock()
	defer t.mu.Unlock()
	limit := time.Now().Add(-idleConnTimeout)
	t.idle = slices.DeleteFunc(t.idle, func(c *h1Conn) bool {
		old := !c.idleSince.After(limit)
		if old {
			_ = c.Close()
		}
		return old
	})
	t.reaper = nil
	if len(t.idle) > 0 && !t.closed {
		t.reaper = time.AfterFunc(idleConnTimeout/2, t.reap)
	}
}

// closeIdle closes the idle connections; those in use are closed when their
// answer ends.
func (t *h1Transport) closeIdle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, c := range t.idle {
		_ = c.Close()
	}
	t.idle = nil
	if t.reaper != nil {
		t.reaper.Stop()
	}
}

// past is a deadline that has passed: it wakes every read and write.
var past = time.Unix(1, 0)

// roundTrip writes the request, calls written, and reads the answer's head.
// connect is the time that a connection took: 0 for one that was open.
func (t *h1Transport) roundTrip(out *http.Request, written func()) (resp *http.Response, connect time.Duration, err error) {
	ctx := out.Context()
	c, connect, err := t.get(ctx)
	if err != nil {
		written()
		return nil, connect, err
	}
	// Errors of SetDeadline surface in the reads and writes that follow.
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })
	werr := c.writeRequest(out)
	written()
	if t.headerTimeout > 0 && ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(t.headerTimeout))
	}
	resp, err = c.readHead(out)
	if t.headerTimeout > 0 && err == nil && ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Time{})
	}
	if err != nil {
		stop()
		_ = c.Close()
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = fmt.Errorf("no answer within response_header: %s: %w", t.headerTimeout, err)
		case werr != nil:
			err = werr
		}
		return nil, connect, err
	}
	// A server may answer and close without reading all of the request: then the
	// answer counts, but the connection is spent.
	resp.Body = &h1Body{ReadCloser: resp.Body, t: t, c: c, stop: stop, keep: !resp.Close && werr == nil}
	return resp, connect, nil
}

// writeRequest writes head and body, in one system call where they are small.
func (c *h1Conn) writeRequest(out *http.Request) error {
	b := append(c.head[:0], out.Method...) //nolint:gocritic // c.head gets it back below, unless it grew large
	b = append(b, ' ')
	b = append(b, out.URL.RequestURI()...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, out.Host...)
	b = append(b, "\r\n"...)
	for k, vs := range out.Header {
		if k == "Content-Length" || k == "Host" {
			continue
		}
		for _, v := range vs {
			if k == "User-Agent" && v == "" {
				continue
			}
			b = append(b, k...)
			b = append(b, ": "...)
			b = append(b, v...)
			b = append(b, "\r\n"...)
		}
	}
	var body []byte
	if rb, ok := out.Body.(*replayBody); ok {
		body = rb.b
	}
	if len(body) > 0 || out.Method == http.MethodPost || out.Method == http.MethodPut || out.Method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	if len(body) <= 16<<10 {
		b = append(b, body...)
		body = nil
	}
	if cap(b) <= 64<<10 {
		c.head = b
	}
	if body == nil {
		_, err := c.Write(b)
		return err
	}
	bufs := net.Buffers{b, body}
	_, err := bufs.WriteTo(c.Conn)
	return err
}

// maxInformational bounds the 1xx answers before the real one.
const maxInformational = 8

func (c *h1Conn) readHead(out *http.Request) (*http.Response, error) {
	for range maxInformational {
		resp, err := http.ReadResponse(c.br, out)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, errors.New("too many informational answers")
}

// h1Body gives the connection back when the answer has been read to its end,
// and closes it when the reader stops before.
type h1Body struct {
	io.ReadCloser
	t    *h1Transport
	c    *h1Conn
	stop func() bool
	keep bool
	done bool
}

// hasData reports whether a part of an answer's body has arrived with its head,
// so that both can go on in one write.
func hasData(body io.Reader) bool {
	b, ok := body.(*h1Body)
	return ok && !b.done && b.c.br.Buffered() > 0
}

func (b *h1Body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && !b.done {
		b.done = true
		// stop() is false where the context has ended and the deadline is set.
		if b.stop() && b.keep && b.c.br.Buffered() == 0 {
			b.t.put(b.c)
		} else {
			_ = b.c.Close()
		}
	}
	return n, err
}

func (b *h1Body) Close() error {
	if b.done {
		return nil
	}
	b.done = true
	b.stop()
	return b.c.Close()
}
