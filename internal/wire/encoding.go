package wire

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that a compressed body may demand.
const maxWindow = 8 << 20

// inflater undoes content encodings incrementally. The decompressors pull, the
// wire pushes: the decompressor runs as a coroutine that is resumed by every
// write and hands control back when it has used the bytes up. So everything
// that a write makes readable has been passed on when the write returns, in
// the writer's own goroutine.
type inflater struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	in    []byte
	eof   bool
	gone  bool // no more output is wanted
	ok    bool
}

// errStopped ends a decompressor that nobody feeds any more.
var errStopped = errors.New("wire: stopped")

// newInflater returns nil where there is no encoding, or one that is unknown.
func newInflater(values []string, out func([]byte)) *inflater {
	var encodings []string
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			switch e = strings.ToLower(strings.TrimSpace(e)); e {
			case "", "identity":
			case "gzip", "x-gzip", "deflate", "br", "zstd":
				encodings = append(encodings, e)
			default:
				return nil
			}
		}
	}
	if len(encodings) == 0 || len(encodings) > 4 {
		return nil
	}
	f := &inflater{ok: true}
	f.next, f.stop = iter.Pull(func(yield func(struct{}) bool) {
		f.yield = yield
		f.run(encodings, out)
	})
	return f
}

// run is the coroutine: it reads until the end of the body.
func (f *inflater) run(encodings []string, out func([]byte)) {
	var r io.Reader = f
	for _, encoding := range slices.Backward(encodings) {
		dr, closeReader, err := newReader(encoding, r)
		if err != nil {
			f.ok = f.ok && errors.Is(err, io.EOF)
			return
		}
		if closeReader != nil {
			defer closeReader() //nolint:gocritic // at most four, and all are needed until the end of the body
		}
		r = dr
	}
	buf := make([]byte, 16<<10)
	for !f.gone {
		n, err := r.Read(buf)
		if n > 0 {
			out(buf[:n])
		}
		if err != nil {
			f.ok = err == io.EOF
			return
		}
	}
}

// Read is how the decompressor gets its input.
func (f *inflater) Read(p []byte) (int, error) {
	for len(f.in) == 0 {
		if f.gone {
			return 0, errStopped
		}
		if f.eof {
			return 0, io.EOF
		}
		if !f.yield(struct{}{}) {
			return 0, errStopped
		}
	}
	n := copy(p, f.in)
	f.in = f.in[n:]
	return n, nil
}

func (f *inflater) write(p []byte) {
	if f.gone {
		return
	}
	f.in = p
	if _, more := f.next(); !more {
		f.gone = true
	}
	f.in = nil
}

// abandon stops at the next opportunity; the output so far stands.
func (f *inflater) abandon() { f.gone = true }

// close ends the input, passes on the rest and frees the decompressor. It
// reports whether the body was well-formed.
func (f *inflater) close() bool {
	if !f.gone {
		f.eof = true
		f.next()
	}
	f.gone = true
	f.stop()
	return f.ok
}

// newReader opens one decompressor, or passes plain bytes through where the
// header names an encoding that the body plainly does not have: recordings and
// careless proxies decompress and keep the header.
func newReader(encoding string, r io.Reader) (io.Reader, func(), error) {
	br := bufio.NewReaderSize(r, 4<<10)
	head, err := br.Peek(2)
	if err != nil && len(head) == 0 {
		return nil, nil, err
	}
	if looksPlain(head) {
		return br, nil, nil
	}
	switch encoding {
	case "gzip", "x-gzip":
		if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
			return br, nil, nil
		}
		zr, err := gzip.NewReader(br)
		return zr, nil, err
	case "deflate":
		if len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			zr, err := zlib.NewReader(br)
			return zr, nil, err
		}
		return flate.NewReader(br), nil, nil
	case "br":
		return brotli.NewReader(br), nil, nil
	}
	if len(head) < 2 || head[0] != 0x28 || head[1] != 0xb5 {
		return br, nil, nil
	}
	// Concurrency 1 decodes in the caller's goroutine, as the coroutine needs.
	zr, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, nil, err
	}
	return zr, zr.Close, nil
}

// looksPlain reports whether a body begins like JSON or server-sent events:
// two printable bytes, the first of which opens one of them.
func looksPlain(head []byte) bool {
	if len(head) < 2 || head[1] >= 0x7f || head[1] < 0x20 && head[1] != '\n' && head[1] != '\r' && head[1] != '\t' {
		return false
	}
	switch head[0] {
	case '{', '[', '"':
		return true
	case 'd':
		return head[1] == 'a'
	case 'e':
		return head[1] == 'v'
	case ':':
		return head[1] == ' '
	}
	return false
}
