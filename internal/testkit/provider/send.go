package provider

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// sink is where a stream's bytes go: the client, perhaps through a content
// encoding.
type sink struct {
	w     io.Writer
	flush http.Flusher
	enc   encoder
}

// encoder is a content encoding.
type encoder interface {
	io.WriteCloser
	Flush() error
}

func knownEncoding(name string) bool {
	switch name {
	case "gzip", "deflate", "br", "zstd":
		return true
	}
	return false
}

func newEncoder(name string, w io.Writer) encoder {
	switch name {
	case "gzip":
		return gzip.NewWriter(w)
	case "deflate":
		return zlib.NewWriter(w)
	case "br":
		return brotli.NewWriter(w)
	case "zstd":
		// The only errors are those of options, and there is one valid option.
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil
		}
		return z
	}
	return nil
}

// splitter writes in pieces of n bytes, each flushed.
type splitter struct {
	w     io.Writer
	flush http.Flusher
	n     int
}

func (s *splitter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := s.w.Write(p[done:min(done+s.n, len(p))])
		done += n
		if err != nil {
			return done, err
		}
		if s.flush != nil {
			s.flush.Flush()
		}
	}
	return done, nil
}

func (x *exchange) openSink() {
	k := &x.sink
	*k = sink{w: x.w}
	k.flush, _ = x.w.(http.Flusher)
	if n := x.ctl.Split.Or(0); n > 0 {
		k.w = &splitter{w: x.w, flush: k.flush, n: n}
	}
	if x.ctl.Encoding != "" {
		k.enc = newEncoder(x.ctl.Encoding, k.w)
	}
}

// send writes and flushes what is in x.out.
func (x *exchange) send() {
	if len(x.out.b) == 0 || x.err != nil {
		return
	}
	k := &x.sink
	x.t.Bytes += int64(len(x.out.b))
	if k.enc != nil {
		_, x.err = k.enc.Write(x.out.b)
		if x.err == nil {
			x.err = k.enc.Flush()
		}
	} else {
		_, x.err = k.w.Write(x.out.b)
	}
	x.out.reset()
	if k.flush != nil && x.err == nil {
		k.flush.Flush()
	}
}

// sendWhole sends x.out as the whole body, or half of it where the connection
// is to be cut.
func (x *exchange) sendWhole(status int) {
	body := x.out.b
	h := x.w.Header()
	x.t.Status = status
	x.t.Bytes = int64(len(body))
	if x.ctl.Encoding != "" {
		var buf bytes.Buffer
		e := newEncoder(x.ctl.Encoding, &buf)
		if _, err := e.Write(body); err == nil {
			err = e.Close()
			x.err = err
		}
		body = buf.Bytes()
		h["Content-Encoding"] = []string{x.ctl.Encoding}
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	cut, doCut := x.ctl.CutAfter.Get()
	if doCut {
		x.t.Cut, x.t.Reported, x.t.Text = true, false, ""
		body = body[:min(cut, len(body))]
		x.t.Bytes = int64(len(body))
	}
	x.commit()
	x.w.WriteHeader(status)
	x.openSink()
	if _, err := x.sink.w.Write(body); err != nil && !doCut {
		x.amendGone()
	}
	if doCut {
		x.abort()
	}
}

// abort ends the connection in the middle of the answer, in the way that
// net/http provides for it.
func (x *exchange) abort() {
	if f := x.sink.flush; f != nil {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

// commit adds the answer to the log of truth. It happens before the last byte
// is written: who has read the whole answer finds it there.
func (x *exchange) commit() {
	x.t.Duration = x.s.cfg.Now().Sub(x.t.Start)
	x.s.truth.add(&x.t)
}

// amendGone corrects the log: the last bytes did not get through.
func (x *exchange) amendGone() {
	l := &x.s.truth
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ring {
		if l.ring[i].Seq == x.t.Seq {
			l.ring[i].ClientGone = true
		}
	}
}

func (x *exchange) gone() {
	x.t.ClientGone = true
	x.commit()
}

// stream sends the answer chunk by chunk.
func (x *exchange) stream(f streamFormat) {
	p := &x.plan
	h := x.w.Header()
	h["Content-Type"] = []string{f.contentType(x)}
	h["Cache-Control"] = []string{"no-cache"}
	if x.ctl.Encoding != "" {
		h["Content-Encoding"] = []string{x.ctl.Encoding}
	}
	x.t.Stream, x.t.Status = true, http.StatusOK
	x.openSink()
	// The first bytes are not the first content: half of the wait comes before
	// them, half after.
	x.wait(p.ttft / 2)
	f.begin(x)
	x.send()
	x.wait(p.ttft - p.ttft/2)
	sent, shown := 0, 0
	for _, b := range [...]struct {
		kind kind
		text *pieces
	}{{kindReasoning, &p.thought}, {kindText, &p.text}, {kindTool, &p.tool}} {
		if b.text.empty() {
			continue
		}
		f.open(x, b.kind)
		for i := range b.text.chunks {
			if x.interrupt(f, sent, shown) {
				return
			}
			f.delta(x, b.kind, b.text.at(i))
			x.send()
			if sent++; sent == 1 {
				x.t.TTFT = x.s.cfg.Now().Sub(x.t.Start)
			}
			x.t.Chunks = sent
			if b.kind == kindText {
				shown++
			}
		}
		f.closeBlock(x, b.kind)
	}
	if x.interrupt(f, sent, shown) {
		return
	}
	x.t.Text, x.t.Finish = p.text.plain(shown), p.finish
	f.end(x)
	x.finishStream()
}

// interrupt paces the next chunk and plays the faults that come before it. It
// reports whether the answer ended here.
func (x *exchange) interrupt(f streamFormat, sent, shown int) bool {
	p := &x.plan
	if p.stallAfter == sent {
		x.wait(p.stall)
	}
	switch {
	case p.cutAfter == sent:
		x.t.Cut, x.t.Reported = true, false
		x.t.Text = p.text.plain(shown)
		x.out.reset()
		x.commit()
		x.abort()
	case p.errAfter == sent:
		x.t.MidStream, x.t.ErrorType, x.t.ErrorMessage = true, p.failure.typ, p.failure.message
		x.t.Reported, x.t.Text = false, p.text.plain(shown)
		f.fail(x, p.failure)
		x.finishStream()
		return true
	}
	if sent > 0 && sent < p.thought.chunks+p.text.chunks+p.tool.chunks {
		gap := p.interval
		if !p.paced && !x.model.Gap.IsZero() {
			gap = seconds(x.model.Gap.Sample(x.rng))
		}
		x.wait(gap)
	}
	if x.err != nil {
		x.t.Reported, x.t.Text = false, p.text.plain(shown)
		x.gone()
		return true
	}
	return false
}

// finishStream sends the last bytes and ends the content encoding.
func (x *exchange) finishStream() {
	x.t.Bytes += int64(len(x.out.b))
	x.commit()
	x.t.Bytes -= int64(len(x.out.b))
	x.send()
	if x.sink.enc != nil && x.err == nil {
		x.err = x.sink.enc.Close()
	}
	if x.err != nil {
		x.amendGone()
	}
}

// ms is a duration in whole milliseconds, as some formats report it.
func ms(d time.Duration) int64 { return d.Milliseconds() }
