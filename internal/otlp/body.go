package otlp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	// firstRead is the most that is set aside for a message before any of it has
	// come: a sender can announce 64 MiB and then send nothing.
	firstRead = 4 << 20
	// leastRead is what is set aside for a message of unknown size.
	leastRead = 64 << 10
	// usualRatio is how much smaller compression makes telemetry. It is a first
	// guess that saves growing the buffer; a wrong one costs copying.
	usualRatio = 6
	// keepBuffer is the largest buffer that is kept for the next message.
	keepBuffer = 4 << 20
	// maxWindow bounds what a zstd frame may make its decoder remember.
	maxWindow = 32 << 20
	// readPause is the longest that a sender may be silent within a message, and
	// readTotal the longest that it may take to send one.
	readPause = 20 * time.Second
	readTotal = 3 * time.Minute
	// drainMax is how much of a refused body is read all the same, so that a
	// sender that writes before it reads sees the answer, not a broken connection.
	drainMax = 4 << 20
)

// compressions are the encodings that a message may have, for the sender.
const compressions = "gzip, zstd, deflate, snappy"

// pools of what decompression needs again and again.
type pools struct {
	gzip, zstd, buffer sync.Pool
}

// buffer returns an empty buffer.
func (p *pools) getBuffer() []byte {
	if b, ok := p.buffer.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return nil
}

func (p *pools) putBuffer(b []byte) {
	if c := cap(b); c >= leastRead && c <= keepBuffer {
		p.buffer.Put(&b)
	}
}

var (
	errTooLarge    = errors.New("message too large")
	errCompression = errors.New("unknown compression")
)

// decompress returns a reader of the plain bytes of src and a function that must
// be called when it is done with.
func (p *pools) decompress(src io.Reader, encoding string) (io.Reader, func(), error) {
	nop := func() {}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return src, nop, nil
	case "gzip", "x-gzip":
		z, _ := p.gzip.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		if err := z.Reset(src); err != nil {
			p.gzip.Put(z)
			return nil, nil, err
		}
		return z, func() { p.gzip.Put(z) }, nil
	case "zstd":
		z, _ := p.zstd.Get().(*zstd.Decoder)
		if z == nil {
			var err error
			if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true)); err != nil {
				return nil, nil, err
			}
		}
		done := func() {
			// Without a source the decoder holds nothing of this request's.
			if z.Reset(nil) == nil {
				p.zstd.Put(z)
			}
		}
		if err := z.Reset(src); err != nil {
			done()
			return nil, nil, err
		}
		return z, done, nil
	case "deflate":
		// The name means zlib, but some senders send bare deflate under it.
		br := bufio.NewReader(src)
		if head, err := br.Peek(2); err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			z, err := zlib.NewReader(br)
			if err != nil {
				return nil, nil, err
			}
			return z, func() { _ = z.Close() }, nil // only ever nil after a whole read
		}
		z := flate.NewReader(br)
		return z, func() { _ = z.Close() }, nil
	case "snappy", "x-snappy-framed":
		br := bufio.NewReader(src)
		if head, _ := br.Peek(10); string(head) == "\xff\x06\x00\x00sNaPpY" {
			return snappy.NewReader(br), nop, nil
		}
		return &snappyBlock{src: br}, nop, nil
	}
	return nil, nil, errCompression
}

// snappyBlock reads a body that is one snappy block, not a stream of frames. The
// whole block must be in memory; size bounds what it says it will become.
type snappyBlock struct {
	src  io.Reader
	out  *bytes.Reader
	size int64
}

// Read implements io.Reader.
func (s *snappyBlock) Read(p []byte) (int, error) {
	if s.out == nil {
		block, err := io.ReadAll(io.LimitReader(s.src, s.size+1))
		if err != nil {
			return 0, err
		}
		n, err := snappy.DecodedLen(block)
		if err != nil {
			return 0, err
		}
		if int64(n) > s.size || int64(len(block)) > s.size {
			return 0, errTooLarge
		}
		plain, err := snappy.Decode(nil, block)
		if err != nil {
			return 0, err
		}
		s.out = bytes.NewReader(plain)
	}
	return s.out.Read(p)
}

// readMessage reads one message whole, decompressed, into a buffer from the
// pools. Memory is leased before it is used. length is the size on the wire, or
// -1; the message may have the size of the limit, before and after decompression.
func (r *Receiver) readMessage(ctx context.Context, l *lease, src io.Reader, encoding string, length int64) ([]byte, error) {
	limit := int64(r.cfg.MaxMessage)
	if length > limit {
		return nil, r.tooLarge("")
	}
	guess := length
	compressed := encoding != "" && !strings.EqualFold(encoding, "identity")
	if compressed {
		guess *= usualRatio
	}
	if guess <= 0 {
		guess = leastRead
	}
	first := int(min(guess, limit, firstRead)) + bytes.MinRead
	if err := l.grow(ctx, estimate(first)); err != nil {
		return nil, err
	}
	wire := &io.LimitedReader{R: src, N: limit + 1}
	plain, done, err := r.pools.decompress(wire, encoding)
	if err != nil {
		return nil, r.readFailure(ctx, err, encoding)
	}
	defer done()
	if s, ok := plain.(*snappyBlock); ok {
		// Block and plain text are in memory together, unlike anything else.
		if err := l.grow(ctx, 3*limit); err != nil {
			return nil, err
		}
		s.size = limit
	}
	buf, err := fill(ctx, l, plain, r.pools.getBuffer(), first, int(limit))
	if err == nil && wire.N <= 0 {
		err = errTooLarge
	}
	if err != nil {
		r.pools.putBuffer(buf)
		return nil, r.readFailure(ctx, err, encoding)
	}
	l.shrink(estimate(len(buf)))
	return buf, nil
}

// fill reads src to its end into buf, which it starts with a capacity of first.
func fill(ctx context.Context, l *lease, src io.Reader, buf []byte, first, limit int) ([]byte, error) {
	if cap(buf) < first {
		buf = make([]byte, 0, first)
	}
	for {
		if len(buf) == cap(buf) {
			more := min(2*cap(buf), limit+bytes.MinRead)
			if err := l.grow(ctx, estimate(more)); err != nil {
				return buf, err
			}
			buf = slices.Grow(buf, more-len(buf))
		}
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return buf, errTooLarge
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

func (r *Receiver) tooLarge(encoding string) *failure {
	what := "the message is"
	if encoding != "" {
		what = "the message, decompressed, is"
	}
	return fail(http.StatusRequestEntityTooLarge,
		fmt.Sprintf("%s larger than %s: send smaller batches, or raise otlp.max_message", what, r.cfg.MaxMessage))
}

// readFailure says why a message could not be read.
func (r *Receiver) readFailure(ctx context.Context, err error, encoding string) error {
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return r.tooLarge(encoding)
	case errors.Is(err, errCompression):
		return fail(http.StatusUnsupportedMediaType, fmt.Sprintf("compression %q is unknown here: use one of %s, or none", clip(encoding, 40), compressions))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(http.StatusRequestTimeout, "the message did not arrive in time: the sender stopped in the middle of it")
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if encoding == "" || strings.EqualFold(encoding, "identity") {
		return fail(http.StatusBadRequest, "the message ended early: "+err.Error())
	}
	return fail(http.StatusBadRequest, fmt.Sprintf("the body is not valid %s: %v; is it compressed as Content-Encoding or grpc-encoding says?", clip(encoding, 40), err))
}

// pacedBody bounds how long a sender may take to send a body.
type pacedBody struct {
	io.ReadCloser
	ctl *http.ResponseController
	end time.Time
}

func paced(w http.ResponseWriter, body io.ReadCloser) *pacedBody {
	return &pacedBody{ReadCloser: body, ctl: http.NewResponseController(w), end: time.Now().Add(readTotal)}
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	deadline := time.Now().Add(readPause)
	if deadline.After(b.end) {
		deadline = b.end
	}
	_ = b.ctl.SetReadDeadline(deadline) // a writer of a test may not have one
	return b.ReadCloser.Read(p)
}

// finish takes the deadline away again: net/http goes on reading in order to
// notice that the client went away, and a deadline would look like that.
func (b *pacedBody) finish() { _ = b.ctl.SetReadDeadline(time.Time{}) }

// drain reads what is left of a refused body, up to a bound.
func (b *pacedBody) drain() {
	_, _ = io.Copy(io.Discard, io.LimitReader(b, drainMax)) // what cannot be read need not be
}
