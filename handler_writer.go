package pitot

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// response is the http.ResponseWriter that a handler gets: it notes what is
// written and passes everything on. Its further abilities are added by wrap, to
// the same extent as those of the writer beneath: a handler that asks for
// http.Flusher gets it where, and only where, it would have got it without.
type response struct {
	http.ResponseWriter

	start    time.Time
	first    time.Duration // to the first byte of the body
	status   int           // 0 until the header is sent
	bytes    int64
	flushed  bool
	hijacked bool
	failed   bool // a write did: the client is gone
}

// Unwrap lets http.ResponseController reach the writer beneath.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status; those of 1xx come before the real one, except
// 101, after which there is none.
func (w *response) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) wrote(n int64, err error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.bytes == 0 && n > 0 {
		w.first = time.Since(w.start)
	}
	w.bytes += n
	w.failed = w.failed || err != nil
}

// Write counts what is written.
func (w *response) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.wrote(int64(n), err)
	return n, err
}

// WriteString counts what is written, without a copy where the writer beneath
// needs none.
func (w *response) WriteString(s string) (int, error) {
	n, err := io.WriteString(w.ResponseWriter, s)
	w.wrote(int64(n), err)
	return n, err
}

// streams reports whether the answer was a stream: flushed on the way, or said
// to be one.
func (w *response) streams() bool {
	if w.flushed {
		return true
	}
	ct := w.Header().Get("Content-Type")
	return strings.HasPrefix(ct, "text/event-stream") || strings.HasPrefix(ct, "application/x-ndjson")
}

// The further abilities of a writer, one a type, so that they can be combined.
type (
	withFlush       struct{ w *response }
	withHijack      struct{ w *response }
	withReadFrom    struct{ w *response }
	withPush        struct{ w *response }
	withCloseNotify struct{ w *response }
)

// Flush sends what is buffered.
func (f withFlush) Flush() { _ = f.FlushError() }

// FlushError is Flush as http.ResponseController calls it.
func (f withFlush) FlushError() error {
	f.w.flushed = true
	if f.w.status == 0 {
		f.w.status = http.StatusOK
	}
	if e, ok := f.w.ResponseWriter.(interface{ FlushError() error }); ok {
		err := e.FlushError()
		f.w.failed = f.w.failed || err != nil
		return err
	}
	f.w.ResponseWriter.(http.Flusher).Flush() //nolint:forcetypeassert // wrap asked for it
	return nil
}

// Hijack hands the connection to the handler. The span ends when the handler
// returns.
func (h withHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := h.w.ResponseWriter.(http.Hijacker).Hijack() //nolint:forcetypeassert // wrap asked for it
	h.w.hijacked = h.w.hijacked || err == nil
	return c, rw, err
}

// ReadFrom copies a body in the way of the writer beneath, with sendfile where
// that can be.
func (r withReadFrom) ReadFrom(src io.Reader) (int64, error) {
	n, err := r.w.ResponseWriter.(io.ReaderFrom).ReadFrom(src) //nolint:forcetypeassert // wrap asked for it
	r.w.wrote(n, nil)                                          // the error may be the source's
	return n, err
}

// Push starts an HTTP/2 push.
func (p withPush) Push(target string, opts *http.PushOptions) error {
	return p.w.ResponseWriter.(http.Pusher).Push(target, opts) //nolint:forcetypeassert // wrap asked for it
}

// CloseNotify is what gin asks for.
func (c withCloseNotify) CloseNotify() <-chan bool {
	return c.w.ResponseWriter.(http.CloseNotifier).CloseNotify() //nolint:forcetypeassert,staticcheck // wrap asked for it; deprecated, but gin uses it
}

// What the writer beneath can do.
const (
	canFlush = 1 << iota
	canHijack
	canReadFrom
	canPush
	canCloseNotify
)

// wrap is the writer with the abilities of the one beneath.
func (w *response) wrap() http.ResponseWriter {
	can := 0
	if _, ok := w.ResponseWriter.(http.Flusher); ok {
		can |= canFlush
	}
	if _, ok := w.ResponseWriter.(http.Hijacker); ok {
		can |= canHijack
	}
	if _, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		can |= canReadFrom
	}
	if _, ok := w.ResponseWriter.(http.Pusher); ok {
		can |= canPush
	}
	if _, ok := w.ResponseWriter.(http.CloseNotifier); ok { //nolint:staticcheck // deprecated, but gin uses it
		can |= canCloseNotify
	}
	return w.able(can)
}

// able lists all combinations: Go has no other way to add methods at run time.
func (w *response) able(can int) http.ResponseWriter {
	f, h, r, p, c := withFlush{w}, withHijack{w}, withReadFrom{w}, withPush{w}, withCloseNotify{w}
	switch can {
	case canFlush:
		return struct {
			*response
			withFlush
		}{w, f}
	case canHijack:
		return struct {
			*response
			withHijack
		}{w, h}
	case canFlush | canHijack:
		return struct {
			*response
			withFlush
			withHijack
		}{w, f, h}
	case canReadFrom:
		return struct {
			*response
			withReadFrom
		}{w, r}
	case canFlush | canReadFrom:
		return struct {
			*response
			withFlush
			withReadFrom
		}{w, f, r}
	case canHijack | canReadFrom:
		return struct {
			*response
			withHijack
			withReadFrom
		}{w, h, r}
	case canFlush | canHijack | canReadFrom:
		return struct {
			*response
			withFlush
			withHijack
			withReadFrom
		}{w, f, h, r}
	case canPush:
		return struct {
			*response
			withPush
		}{w, p}
	case canFlush | canPush:
		return struct {
			*response
			withFlush
			withPush
		}{w, f, p}
	case canHijack | canPush:
		return struct {
			*response
			withHijack
			withPush
		}{w, h, p}
	case canFlush | canHijack | canPush:
		return struct {
			*response
			withFlush
			withHijack
			withPush
		}{w, f, h, p}
	case canReadFrom | canPush:
		return struct {
			*response
			withReadFrom
			withPush
		}{w, r, p}
	case canFlush | canReadFrom | canPush:
		return struct {
			*response
			withFlush
			withReadFrom
			withPush
		}{w, f, r, p}
	case canHijack | canReadFrom | canPush:
		return struct {
			*response
			withHijack
			withReadFrom
			withPush
		}{w, h, r, p}
	case canFlush | canHijack | canReadFrom | canPush:
		return struct {
			*response
			withFlush
			withHijack
			withReadFrom
			withPush
		}{w, f, h, r, p}
	case canCloseNotify:
		return struct {
			*response
			withCloseNotify
		}{w, c}
	case canFlush | canCloseNotify:
		return struct {
			*response
			withFlush
			withCloseNotify
		}{w, f, c}
	case canHijack | canCloseNotify:
		return struct {
			*response
			withHijack
			withCloseNotify
		}{w, h, c}
	case canFlush | canHijack | canCloseNotify:
		return struct {
			*response
			withFlush
			withHijack
			withCloseNotify
		}{w, f, h, c}
	case canReadFrom | canCloseNotify:
		return struct {
			*response
			withReadFrom
			withCloseNotify
		}{w, r, c}
	case canFlush | canReadFrom | canCloseNotify:
		return struct {
			*response
			withFlush
			withReadFrom
			withCloseNotify
		}{w, f, r, c}
	case canHijack | canReadFrom | canCloseNotify:
		return struct {
			*response
			withHijack
			withReadFrom
			withCloseNotify
		}{w, h, r, c}
	case canFlush | canHijack | canReadFrom | canCloseNotify:
		return struct {
			*response
			withFlush
			withHijack
			withReadFrom
			withCloseNotify
		}{w, f, h, r, c}
	case canPush | canCloseNotify:
		return struct {
			*response
			withPush
			withCloseNotify
		}{w, p, c}
	case canFlush | canPush | canCloseNotify:
		return struct {
			*response
			withFlush
			withPush
			withCloseNotify
		}{w, f, p, c}
	case canHijack | canPush | canCloseNotify:
		return struct {
			*response
			withHijack
			withPush
			withCloseNotify
		}{w, h, p, c}
	case canFlush | canHijack | canPush | canCloseNotify:
		return struct {
			*response
			withFlush
			withHijack
			withPush
			withCloseNotify
		}{w, f, h, p, c}
	case canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			withReadFrom
			withPush
			withCloseNotify
		}{w, r, p, c}
	case canFlush | canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			withFlush
			withReadFrom
			withPush
			withCloseNotify
		}{w, f, r, p, c}
	case canHijack | canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			withHijack
			withReadFrom
			withPush
			withCloseNotify
		}{w, h, r, p, c}
	case canFlush | canHijack | canReadFrom | canPush | canCloseNotify:
		return struct {
			*response
			withFlush
			withHijack
			withReadFrom
			withPush
			withCloseNotify
		}{w, f, h, r, p, c}
	default:
		return w
	}
}
