package logs

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// errTooLarge means that a body is larger than the limit, uncompressed.
var errTooLarge = errors.New("body is too large")

// errEncoding means that a body has a content encoding that is not known.
type errEncoding struct{ name string }

func (e errEncoding) Error() string {
	return fmt.Sprintf("content encoding %q is not supported: use gzip, zstd, deflate or none", e.name)
}

// bodies opens the bodies of requests. Decompressors are reused.
type bodies struct {
	gzips, zstds sync.Pool
}

// open returns the uncompressed body, which fails with errTooLarge past limit.
// release must be called once the body is no longer read.
func (b *bodies) open(r *http.Request, limit int64) (body io.Reader, release func(), err error) {
	nothing := func() {}
	in := io.Reader(r.Body)
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch encoding {
	case "", "identity":
		if r.ContentLength > limit {
			return nil, nothing, errTooLarge
		}
		return &limited{in, limit}, nothing, nil
	case "gzip", "x-gzip":
		z, _ := b.gzips.Get().(*gzip.Reader)
		if z == nil {
			z = new(gzip.Reader)
		}
		if err := z.Reset(in); err != nil {
			b.gzips.Put(z)
			return nil, nothing, fmt.Errorf("gzip: %w", err)
		}
		return &limited{z, limit}, func() { b.gzips.Put(z) }, nil
	case "zstd":
		z, _ := b.zstds.Get().(*zstd.Decoder)
		if z == nil {
			z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
			if err != nil {
				return nil, nothing, fmt.Errorf("zstd: %w", err)
			}
		}
		if err := z.Reset(in); err != nil {
			b.zstds.Put(z)
			return nil, nothing, fmt.Errorf("zstd: %w", err)
		}
		return &limited{z, limit}, func() {
			if z.Reset(nil) == nil {
				b.zstds.Put(z)
			}
		}, nil
	case "deflate":
		z, err := zlib.NewReader(in)
		if err != nil {
			return nil, nothing, fmt.Errorf("deflate: %w", err)
		}
		return &limited{z, limit}, func() { z.Close() }, nil
	default:
		return nil, nothing, errEncoding{encoding}
	}
}

// limited reads at most n bytes; then it fails unless the source ends there.
type limited struct {
	r io.Reader
	n int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.n <= 0 {
		var one [1]byte
		if n, err := io.ReadFull(l.r, one[:]); n == 0 {
			return 0, err
		}
		return 0, errTooLarge
	}
	if int64(len(p)) > l.n {
		p = p[:l.n]
	}
	n, err := l.r.Read(p)
	l.n -= int64(n)
	return n, err
}

// lineReader reads lines of bounded length.
type lineReader struct {
	r   *bufio.Reader
	buf []byte
	max int
}

// next returns the next line without its end, which is valid until the next
// call. A line over the limit is read over and returned cut, with tooLong.
func (l *lineReader) next() (line []byte, tooLong bool, err error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if err == nil && len(l.buf) == 0 && len(part) <= l.max+1 { // the common case: no copy
			return trimEnd(part), false, nil
		}
		if room := l.max + 2 - len(l.buf); room > 0 {
			l.buf = append(l.buf, part[:min(len(part), room)]...)
		}
		tooLong = tooLong || len(bytes.TrimSuffix(l.buf, []byte("\n"))) > l.max
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(l.buf) > 0:
			return trimEnd(l.buf), tooLong, nil
		case err != nil:
			return nil, false, err
		}
		return trimEnd(l.buf), tooLong, nil
	}
}

func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}
