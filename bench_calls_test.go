//go:build unix

package pitot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// What follows measures what the SDK adds, over a base that answers from memory.
// The figures of one run belong together:
//
//	go test -run '^$' -bench 'Unary|NonModel|Chunk|Span' -benchmem .

// memoryBase answers with bytes; what it costs itself is in every figure.
type memoryBase struct {
	body   []byte
	header http.Header
	length int64
}

type memoryBody struct{ bytes.Reader }

func (b *memoryBody) Close() error { return nil }

func (m *memoryBase) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	b := &memoryBody{}
	b.Reset(m.body)
	return &http.Response{StatusCode: http.StatusOK, Header: m.header, Body: b, ContentLength: m.length, Request: req, ProtoMajor: 1, ProtoMinor: 1}, nil
}

func unaryBase() *memoryBase {
	return &memoryBase{body: []byte(chatAnswer), header: http.Header{"Content-Type": {"application/json"}}, length: int64(len(chatAnswer))}
}

// cpuTime is what the process has used, by all its threads: on a machine that is
// shared the clock on the wall says little.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU adds CPU time an operation to the figures of a benchmark.
func reportCPU(b *testing.B) (done func()) {
	b.Helper()
	from := cpuTime()
	return func() { b.ReportMetric(float64((cpuTime()-from).Nanoseconds())/float64(b.N), "cpu-ns/op") }
}

// withoutMetrics takes the instruments away, to tell their part.
func withoutMetrics(b *testing.B) {
	b.Helper()
	r := current()
	r.meter = metricnoop.NewMeterProvider().Meter(scope)
	m, err := newInstruments(r)
	if err != nil {
		b.Fatal(err)
	}
	r.meters = m
}

// benchCore is a core whose spans end in a processor that drops them: what
// exporting costs is the exporter's.
func benchCore(b *testing.B, opts ...Option) {
	b.Helper()
	r, _ := testCore(b, opts...)
	tp := sdktrace.NewTracerProvider()
	tp.RegisterSpanProcessor(dropSpans{})
	r.tracer = tp.Tracer(scope)
}

type dropSpans struct{ sdktrace.SpanProcessor }

func (dropSpans) OnStart(_ context.Context, _ sdktrace.ReadWriteSpan) {}
func (dropSpans) OnEnd(sdktrace.ReadOnlySpan)                         {}

func benchRoundTrip(b *testing.B, rt http.RoundTripper, method, url, body string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer x")
	buf := make([]byte, 4096)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		if body != "" {
			req.Body = io.NopCloser(strings.NewReader(body))
			req.ContentLength = int64(len(body))
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := resp.Body.Read(buf); err != nil {
				break
			}
		}
		_ = resp.Body.Close()
	}
}

func BenchmarkUnary(b *testing.B) {
	b.Run("bare", func(b *testing.B) { benchRoundTrip(b, unaryBase(), http.MethodPost, chatURL, chatRequest) })
	b.Run("otelhttp", func(b *testing.B) {
		tp := sdktrace.NewTracerProvider()
		tp.RegisterSpanProcessor(dropSpans{})
		benchRoundTrip(b, otelhttp.NewTransport(unaryBase(), otelhttp.WithTracerProvider(tp)), http.MethodPost, chatURL, chatRequest)
	})
	b.Run("pitot off", func(b *testing.B) {
		before := active.Swap(nil)
		defer active.Store(before)
		benchRoundTrip(b, Transport(unaryBase()), http.MethodPost, chatURL, chatRequest)
	})
	for _, mode := range []ContentMode{ContentMetrics, ContentSummary, ContentFull} {
		b.Run("pitot on, content "+string(mode), func(b *testing.B) {
			benchCore(b, WithContent(mode, 0, 0))
			benchRoundTrip(b, Transport(unaryBase()), http.MethodPost, chatURL, chatRequest)
		})
	}
	b.Run("pitot on, content summary, without metrics", func(b *testing.B) {
		benchCore(b)
		withoutMetrics(b)
		benchRoundTrip(b, Transport(unaryBase()), http.MethodPost, chatURL, chatRequest)
	})
}

func BenchmarkNonModelRequest(b *testing.B) {
	const get, other = "https://api.example.com/v1/things/12", "https://api.example.com/v1/things"
	b.Run("GET, bare", func(b *testing.B) { benchRoundTrip(b, unaryBase(), http.MethodGet, get, "") })
	b.Run("GET, off", func(b *testing.B) {
		before := active.Swap(nil)
		defer active.Store(before)
		benchRoundTrip(b, Transport(unaryBase()), http.MethodGet, get, "")
	})
	b.Run("GET, on", func(b *testing.B) {
		benchCore(b)
		benchRoundTrip(b, Transport(unaryBase()), http.MethodGet, get, "")
	})
	b.Run("POST, bare", func(b *testing.B) { benchRoundTrip(b, unaryBase(), http.MethodPost, other, "") })
	b.Run("POST, on", func(b *testing.B) {
		benchCore(b)
		benchRoundTrip(b, Transport(unaryBase()), http.MethodPost, other, "")
	})
}

// BenchmarkOff is the round trip alone, with a base that does nothing.
func BenchmarkOff(b *testing.B) {
	resp := &http.Response{StatusCode: http.StatusOK}
	base := roundTripFunc(func(*http.Request) (*http.Response, error) { return resp, nil })
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, chatURL, nil)
	if err != nil {
		b.Fatal(err)
	}
	run := func(rt http.RoundTripper) func(b *testing.B) {
		return func(b *testing.B) {
			before := active.Swap(nil)
			defer active.Store(before)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rt.RoundTrip(req); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("bare", run(base))
	b.Run("pitot", run(Transport(base)))
	b.Run("StartCall", func(b *testing.B) {
		before := active.Swap(nil)
		defer active.Store(before)
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			_, call := StartCall(ctx, OpChat, "openai", "gpt-4o")
			call.Token("x")
			call.End()
		}
	})
}

// streamOf is a stream of n chunks of content.
func streamOf(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1763800000,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" tok%d\"},\"finish_reason\":null}]}\n\n", i)
	}
	b.WriteString("data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":" + strconv.Itoa(n) + "}}\n\ndata: [DONE]\n\n")
	return b.Bytes()
}

// chunked gives one event a Read, as the network does.
type chunked struct {
	b    []byte
	next int
}

var eventEnd = []byte("\n\n")

func (c *chunked) Read(p []byte) (int, error) {
	if c.next >= len(c.b) {
		return 0, io.EOF
	}
	n := bytes.Index(c.b[c.next:], eventEnd) + 2
	n = copy(p, c.b[c.next:c.next+n])
	c.next += n
	return n, nil
}

func (c *chunked) Close() error { return nil }

func measuredBase(rt http.RoundTripper) http.RoundTripper { return Transport(rt) }

// BenchmarkStreamChunk is the cost of one chunk; the start and the end of the
// stream are spread over its 1,000.
func BenchmarkStreamChunk(b *testing.B) {
	const chunks = 1000
	data := streamOf(chunks)
	run := func(b *testing.B, rt func(http.RoundTripper) http.RoundTripper) {
		b.Helper()
		base := roundTripFunc(func(req *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: &chunked{b: data}, ContentLength: -1, Request: req,
			}, nil
		})
		req := post(b, chatURL, chatRequest)
		buf := make([]byte, 4096)
		b.ReportAllocs()
		defer reportCPU(b)()
		left := 0
		var resp *http.Response
		for b.Loop() {
			if left == 0 {
				if resp != nil {
					for {
						if _, err := resp.Body.Read(buf); err != nil {
							break
						}
					}
					_ = resp.Body.Close()
				}
				var err error
				if resp, err = rt(base).RoundTrip(req); err != nil {
					b.Fatal(err)
				}
				left = chunks
			}
			if _, err := resp.Body.Read(buf); err != nil {
				b.Fatal(err)
			}
			left--
		}
		if resp != nil {
			_ = resp.Body.Close()
		}
	}
	b.Run("bare", func(b *testing.B) { run(b, func(rt http.RoundTripper) http.RoundTripper { return rt }) })
	b.Run("otelhttp", func(b *testing.B) {
		tp := sdktrace.NewTracerProvider()
		tp.RegisterSpanProcessor(dropSpans{})
		run(b, func(rt http.RoundTripper) http.RoundTripper {
			return otelhttp.NewTransport(rt, otelhttp.WithTracerProvider(tp))
		})
	})
	for _, mode := range []ContentMode{ContentMetrics, ContentSummary} {
		// As Setup does it where the program has no MeterProvider of its own.
		b.Run("pitot, content "+string(mode), func(b *testing.B) {
			benchCore(b, WithContent(mode, 0, 0))
			current().meters.gaps = newGapHistograms(false)
			run(b, measuredBase)
		})
	}
	b.Run("pitot, content summary, the program's MeterProvider", func(b *testing.B) {
		benchCore(b)
		run(b, measuredBase)
	})
	b.Run("pitot, content summary, without metrics", func(b *testing.B) {
		benchCore(b)
		withoutMetrics(b)
		run(b, measuredBase)
	})
}

// BenchmarkStreamMemory is what an open stream holds, in bytes, after 500 chunks
// without their content.
func BenchmarkStreamMemory(b *testing.B) {
	benchCore(b, WithContent(ContentMetrics, 0, 0))
	data := streamOf(1000)
	rt := Transport(roundTripFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: &chunked{b: data}, ContentLength: -1, Request: req,
		}, nil
	}))
	buf := make([]byte, 4096)
	const streams = 500
	for b.Loop() {
		open := make([]*http.Response, 0, streams)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range streams {
			resp, err := rt.RoundTrip(post(b, chatURL, chatRequest))
			if err != nil {
				b.Fatal(err)
			}
			for range 500 {
				_, _ = resp.Body.Read(buf)
			}
			open = append(open, resp)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/streams, "B/stream")
		for _, resp := range open {
			_ = resp.Body.Close()
		}
	}
}

// BenchmarkSpanAlone is what OpenTelemetry's SDK takes of a unary call: a span
// with the same attributes and nothing else.
func BenchmarkSpanAlone(b *testing.B) {
	r, rec := testCore(b, WithContent(ContentSummary, 0, 0))
	send(b, Transport(unaryBase()), post(b, chatURL, chatRequest))
	attrs := rec.only(b).Attributes
	tp := sdktrace.NewTracerProvider()
	tp.RegisterSpanProcessor(dropSpans{})
	tracer := tp.Tracer(scope)
	ctx := b.Context()
	_ = r
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		_, span := tracer.Start(ctx, "chat gpt-4o-mini", trace.WithSpanKind(trace.SpanKindClient))
		span.SetAttributes(attrs...)
		span.End()
	}
}

// BenchmarkMessages writes a conversation as an attribute.
func BenchmarkMessages(b *testing.B) {
	msgs := []llm.Message{llm.Text("system", strings.Repeat("be brief ", 100)), llm.Text("user", strings.Repeat("what \"is\" it?\n", 100))}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = appendMessages(dst[:0], msgs)
	}
	b.SetBytes(int64(len(dst)))
}
