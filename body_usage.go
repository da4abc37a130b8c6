package pitot

import (
	"bytes"
	"io"
	"net/http"

	"github.com/pitot-dev/pitot/internal/wire"
)

// sendAsking puts the body that asks for usage in place of the program's.
func (x *exchange) sendAsking(req, out *http.Request) {
	asking := x.sent.asking
	if req.Body != nil {
		_ = req.Body.Close() // nobody will read it
	}
	out.Body = io.NopCloser(bytes.NewReader(asking))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(asking)), nil }
	out.ContentLength = int64(len(asking))
	if out.Header["Content-Length"] != nil {
		out.Header.Del("Content-Length")
	}
	if out.Header["Accept-Encoding"] != nil {
		// The chunk can only be taken out of an answer that is not compressed; what
		// http.Transport decompresses by itself is.
		out.Header.Set("Accept-Encoding", "identity")
	}
}

// usageFilter takes the chunk that AskUsage caused out of what the program reads.
type usageFilter struct {
	wire wire.UsageFilter
	left []byte // what did not fit
	err  error  // after it
}

// read fills p with what the program would have got without being asked for.
func (f *usageFilter) read(b *body, p []byte) (int, error) {
	for {
		if len(f.left) > 0 {
			n := copy(p, f.left)
			f.left = f.left[n:]
			return n, nil
		}
		if f.err != nil {
			return 0, f.err
		}
		n, err := b.readRaw(p)
		if n < 0 || n > len(p) {
			return n, err
		}
		// What the filter returns is its own memory, or p's.
		f.left = append(f.left[:0], f.wire.Filter(p[:n])...)
		if err != nil {
			f.left, f.err = append(f.left, f.wire.Flush()...), err
		}
		if n == 0 && err == nil {
			return 0, nil
		}
	}
}
