package semconv

import (
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// benchSpans are n chat spans as an OpenTelemetry GenAI instrumentation sends
// them: 25 attributes, with 2 KB of content or none.
func benchSpans(tb testing.TB, n int, content bool) ptrace.Traces {
	tb.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	putAttrs(tb, rs.Resource().Attributes(), attrs{
		"service.name": "checkout", "service.version": "1.4.2", "deployment.environment.name": "prod", "host.name": "web-3",
		"telemetry.sdk.language": "python", "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.version": "1.39.1", "process.pid": 4711,
	})
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai_v2")
	for i := range n {
		a := attrs{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
			"gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": fmt.Sprintf("chatcmpl-%024d", i),
			"gen_ai.response.finish_reasons": []any{"stop"}, "gen_ai.usage.input_tokens": 412 + i, "gen_ai.usage.output_tokens": 187,
			"gen_ai.usage.cache_read.input_tokens": 128, "gen_ai.usage.reasoning.output_tokens": 64,
			"gen_ai.request.temperature": 0.2, "gen_ai.request.max_tokens": 1024, "gen_ai.request.top_p": 0.95, "gen_ai.request.stream": true,
			"gen_ai.response.time_to_first_chunk": 0.412, "gen_ai.conversation.id": fmt.Sprintf("session-%d", i%40), "user.id": fmt.Sprintf("user-%d", i%90),
			"server.address": "api.openai.com", "server.port": 443, "gen_ai.output.type": "text", "openai.response.service_tier": "default",
			"gen_ai.agent.name": "support",
		}
		if content {
			a["gen_ai.system_instructions"] = `[{"type":"text","content":"You answer questions of customers about their orders, politely and briefly."}]`
			a["gen_ai.input.messages"] = `[{"role":"user","parts":[{"type":"text","content":"` + strings.Repeat("Where is my order? ", 50) + `"}]}]`
			a["gen_ai.output.messages"] = `[{"role":"assistant","parts":[{"type":"text","content":"` + strings.Repeat("It left our house on Monday.\\n", 30) + `"}],"finish_reason":"stop"}]`
		} else {
			a["http.response.status_code"], a["thread.id"], a["thread.name"] = 200, 17, "worker"
		}
		sp := ss.Spans().AppendEmpty()
		sp.SetTraceID(traceID(fmt.Sprintf("%032x", i+1)))
		sp.SetSpanID(spanID(fmt.Sprintf("%016x", i+1)))
		sp.SetName("chat gpt-4o-mini")
		sp.SetKind(ptrace.SpanKindClient)
		sp.SetStartTimestamp(1_763_719_199_000_000_000)
		sp.SetEndTimestamp(1_763_719_200_000_000_000)
		putAttrs(tb, sp.Attributes(), a)
	}
	return td
}

const benchBatch = 512

func BenchmarkTraces(b *testing.B) {
	for _, c := range []struct {
		name    string
		content bool
	}{{"content", true}, {"no_content", false}} {
		td := benchSpans(b, benchBatch, c.content)
		n := New(Options{})
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if res := n.Traces(td); len(res.Records) != benchBatch {
					b.Fatal("spans lost")
				}
			}
			perSpan(b)
		})
		body, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
				if err != nil {
					b.Fatal(err)
				}
				if res := n.Traces(td); len(res.Records) != benchBatch {
					b.Fatal("spans lost")
				}
			}
			perSpan(b)
		})
	}
}

func perSpan(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchBatch), "ns/span")
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "spans/s")
}
