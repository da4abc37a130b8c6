package otlp

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
)

// discard takes everything and keeps nothing.
type discard struct{}

func (discard) Submit(context.Context, []llm.Record) error     { return nil }
func (discard) Metrics(context.Context, pmetric.Metrics) error { return nil }

const benchSpans = 512 // what a batch span processor sends at once

// genaiSpans is a batch of typical model calls, with content bytes of messages each.
func genaiSpans(content int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	for k, v := range map[string]string{
		"service.name": "checkout", "service.version": "1.2.3", "deployment.environment.name": "prod", "host.name": "host-1",
		"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "python", "telemetry.sdk.version": "1.38.0",
	} {
		rs.Resource().Attributes().PutStr(k, v)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai_v2")
	words := strings.Repeat("the quick brown fox ", 1+content/20)
	for i := range benchSpans {
		s := ss.Spans().AppendEmpty()
		s.SetName("chat gpt-4o")
		s.SetKind(ptrace.SpanKindClient)
		s.SetTraceID(traceID(1, uint64(i/4+1)))
		s.SetSpanID(spanID(uint64(i + 1)))
		s.SetStartTimestamp(1_790_000_000_000_000_000)
		s.SetEndTimestamp(1_790_000_001_000_000_000)
		a := s.Attributes()
		a.PutStr("gen_ai.operation.name", "chat")
		a.PutStr("gen_ai.provider.name", "openai")
		a.PutStr("gen_ai.request.model", "gpt-4o")
		a.PutStr("gen_ai.response.model", "gpt-4o-2024-08-06")
		a.PutStr("gen_ai.response.id", fmt.Sprintf("chatcmpl-%d", i))
		a.PutInt("gen_ai.usage.input_tokens", 1200)
		a.PutInt("gen_ai.usage.output_tokens", 150)
		a.PutInt("gen_ai.usage.cache_read.input_tokens", 1024)
		a.PutDouble("gen_ai.request.temperature", 0.2)
		a.PutInt("gen_ai.request.max_tokens", 512)
		a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("stop")
		a.PutStr("server.address", "api.openai.com")
		a.PutInt("server.port", 443)
		a.PutStr("gen_ai.conversation.id", "session-1")
		a.PutStr("user.id", "user-1")
		if content > 0 {
			a.PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"`+words[:content*3/4]+`"}]}]`)
			a.PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"`+words[:content/4]+`"}],"finish_reason":"stop"}]`)
		}
	}
	return td
}

// BenchmarkHTTP is a whole request: read, decompressed, decoded, normalised and
// handed to a sink that does nothing.
func BenchmarkHTTP(b *testing.B) {
	for _, content := range []int{0, 2 << 10} {
		for _, enc := range []encoding{encodingProto, encodingJSON} {
			for _, compression := range []string{"", "gzip", "zstd"} {
				name := fmt.Sprintf("content=%d/%s/%s", content, map[encoding]string{encodingProto: "protobuf", encodingJSON: "json"}[enc], compression)
				body := compress(b, compression, encode(b, genaiSpans(content), enc))
				b.Run(strings.TrimSuffix(name, "/"), func(b *testing.B) {
					r, err := New(Options{Sink: discard{}, Normalizer: semconv.New(semconv.Options{})})
					if err != nil {
						b.Fatal(err)
					}
					handler := r.HTTPHandler()
					b.ReportAllocs()
					for b.Loop() {
						req := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body))
						req.Header.Set("Content-Type", contentType(enc))
						req.Header.Set("Content-Encoding", compression)
						w := httptest.NewRecorder()
						if handler.ServeHTTP(w, req); w.Code != http.StatusOK {
							b.Fatalf("%d %q", w.Code, w.Body)
						}
					}
					b.ReportMetric(float64(b.N)*benchSpans/b.Elapsed().Seconds(), "spans/s")
				})
			}
		}
	}
}

// BenchmarkMeasure is the check that is made of each message before it is decoded.
func BenchmarkMeasure(b *testing.B) {
	c := traceCodec(1 << 30)
	body := encode(b, genaiSpans(0), encodingProto)
	bodyJSON := encode(b, genaiSpans(0), encodingJSON)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.N)*benchSpans/b.Elapsed().Seconds(), "spans/s")
		})
	}
	run("measure/protobuf", func() {
		if _, err := c.measureProto(body); err != nil {
			b.Fatal(err)
		}
	})
	run("measure/json", func() {
		if _, err := c.measureJSON(bodyJSON); err != nil {
			b.Fatal(err)
		}
	})
	run("decode/protobuf", func() {
		if _, err := c.proto(body); err != nil {
			b.Fatal(err)
		}
	})
	run("decode/json", func() {
		if _, err := c.json(bodyJSON); err != nil {
			b.Fatal(err)
		}
	})
	broken := append(bytes.Clone(body), wrap(rawSpan("x", goodTrace[:3], goodSpan))...)
	run("salvage/protobuf", func() {
		if _, _, kept, _ := c.salvageProto(broken); kept != benchSpans {
			b.Fatal(kept)
		}
	})
}
