package wire

import (
	"bytes"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/llm"
)

// flusher is a compressor that can push out what it has.
type flusher interface {
	Write([]byte) (int, error)
	Flush() error
	Close() error
}

func compressor(t testing.TB, encoding string, w *bytes.Buffer) flusher {
	t.Helper()
	var f flusher
	var err error
	switch encoding {
	case "gzip":
		f = gzip.NewWriter(w)
	case "deflate":
		f = zlib.NewWriter(w)
	case "raw deflate":
		f, err = flate.NewWriter(w, 6)
	case "br":
		f = brotli.NewWriter(w)
	case "zstd":
		f, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	default:
		t.Fatalf("no encoding %q", encoding)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// compress flushes after every piece, as a server that streams does.
func compress(t testing.TB, encoding string, pieces ...string) (out []byte, ends []int) {
	t.Helper()
	var b bytes.Buffer
	w := compressor(t, encoding, &b)
	for _, p := range pieces {
		if _, err := w.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, b.Len())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), ends
}

var encodings = []string{"gzip", "deflate", "raw deflate", "br", "zstd"}

func headerOf(encoding string) string { return strings.TrimPrefix(encoding, "raw ") }

// Every flushed piece must come out of the write that completes it, or times
// to the first token would be wrong.
func TestInflateIsIncremental(t *testing.T) {
	pieces := []string{"data: one\n\n", "data: two\n\n", strings.Repeat("data: three\n\n", 500)}
	for _, e := range encodings {
		t.Run(e, func(t *testing.T) {
			in, ends := compress(t, e, pieces...)
			for _, size := range []int{1, 7, len(in)} {
				var got []byte
				f := newInflater([]string{headerOf(e)}, func(p []byte) { got = append(got, p...) })
				from := 0
				want := ""
				for i, end := range ends {
					for from < end {
						n := min(size, end-from)
						f.write(in[from : from+n])
						from += n
					}
					want += pieces[i]
					if string(got) != want {
						t.Fatalf("after piece %d: %d bytes came out, want %d", i, len(got), len(want))
					}
				}
				f.write(in[from:])
				if !f.close() || string(got) != want {
					t.Fatalf("at the end: %d bytes, want %d", len(got), len(want))
				}
			}
		})
	}
}

func TestDecoderWithEncodings(t *testing.T) {
	stream := sse(`{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"hello"}}]}`,
		`{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":5}}`, "[DONE]")
	rt := Route{Dialect: OpenAI, API: apiChatCompletions}
	plain := exchange{rt: rt, ctype: "text/event-stream", body: stream}.decode(0)
	if plain.Usage.OutputTokens.Or(0) != 5 {
		t.Fatalf("%+v", plain.Usage)
	}
	for _, e := range encodings {
		in, _ := compress(t, e, stream)
		got := exchange{rt: rt, ctype: "text/event-stream", header: http.Header{"Content-Encoding": {headerOf(e)}}, body: string(in)}.check(t)
		if d := cmp.Diff(plain, got, callOptions); d != "" {
			t.Errorf("%s (-plain +encoded):\n%s", e, d)
		}
		// Recordings and careless proxies decode and keep the header.
		got = exchange{rt: rt, ctype: "text/event-stream", header: http.Header{"Content-Encoding": {headerOf(e)}}, body: stream}.check(t)
		if d := cmp.Diff(plain, got, callOptions); d != "" {
			t.Errorf("%s that is none (-plain +got):\n%s", e, d)
		}
		// A body that breaks off inside the compressed stream.
		got = exchange{rt: rt, ctype: "text/event-stream", header: http.Header{"Content-Encoding": {headerOf(e)}}, body: string(in[:len(in)/2]), err: errReset}.decode(5)
		if got.Status != llm.StatusError || got.ErrorType != "connection_error" {
			t.Errorf("%s cut: %s %s", e, got.Status, got.ErrorType)
		}
	}
	once, _ := compress(t, "br", stream)
	twice, _ := compress(t, "gzip", string(once))
	got := exchange{rt: rt, ctype: "text/event-stream", header: http.Header{"Content-Encoding": {"br, gzip"}}, body: string(twice)}.check(t)
	if d := cmp.Diff(plain, got, callOptions); d != "" {
		t.Errorf("two encodings (-plain +got):\n%s", d)
	}
}

// A small body that inflates to gigabytes must not be followed.
func TestInflateBomb(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	write := func(p []byte) {
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte(`{"id":"`))
	zeros := bytes.Repeat([]byte("0"), 1<<20)
	for range 256 {
		write(zeros)
	}
	write([]byte(`"}`))
	w.Close()
	c := &llm.Call{}
	d := NewDecoder(Route{Dialect: OpenAI, API: apiChatCompletions}, 200, http.Header{"Content-Encoding": {"gzip"}}, c, Options{MaxBody: 1 << 20})
	for in := b.Bytes(); len(in) > 0; {
		n := min(1000, len(in))
		d.Write(in[:n], 0)
		in = in[n:]
	}
	if d.size > 10<<20 {
		t.Errorf("%d bytes were inflated", d.size)
	}
	if len(d.head)+cap(d.tail) > 2<<20 {
		t.Errorf("%d bytes are kept", len(d.head)+cap(d.tail))
	}
	d.Close(0, nil)
	if !cmp.Equal(c.Truncated, []string{"response_body"}) {
		t.Errorf("truncated = %v", c.Truncated)
	}
}

func TestInflateEndsItsCoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	in, _ := compress(t, "gzip", strings.Repeat("x", 1000))
	for _, e := range []error{nil, errReset, errors.New("x")} {
		d := NewDecoder(Route{API: apiChatCompletions}, 200, http.Header{"Content-Encoding": {"gzip"}}, &llm.Call{}, Options{})
		d.Write(in[:len(in)/2], 0)
		d.Close(time.Second, e)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func FuzzInflate(f *testing.F) {
	for i, e := range encodings {
		in, _ := compress(f, e, `{"a":"b"}`, "data: x\n\n")
		f.Add(in, uint8(i), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, which, size uint8) {
		run := func(n int) (out []byte, ok bool) {
			var g *inflater
			g = newInflater([]string{headerOf(encodings[int(which)%len(encodings)])}, func(p []byte) {
				out = append(out, p...)
				if len(out) > 1<<20 {
					g.abandon()
				}
			})
			for b := in; len(b) > 0; {
				k := min(n, len(b))
				g.write(b[:k])
				b = b[k:]
			}
			return out, g.close()
		}
		whole, ok := run(len(in) + 1)
		split, okSplit := run(int(size)%16 + 1)
		if len(whole) > 1<<20 || len(split) > 1<<20 {
			return
		}
		if ok != okSplit || ok && !bytes.Equal(whole, split) {
			t.Fatalf("the split matters: %d bytes %v, %d bytes %v", len(whole), ok, len(split), okSplit)
		}
	})
}
