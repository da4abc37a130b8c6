package semconv

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestRoundTrip exports a Call and reads it again, as one Pitot behind another
// does.
func TestRoundTrip(t *testing.T) {
	want := &llm.Call{
		ID: "01JDBGZK9G0000000000000000", Time: testNow.Add(-time.Second), Source: llm.SourceGateway, Service: "shop", Environment: "prod", Upstream: "openai",
		TraceID: testTrace, SpanID: testSpan, ParentSpanID: "00f067aa0ba902b7", Provider: "openai", Operation: llm.OpChat,
		RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", ResponseID: "chatcmpl-1", ServiceTier: "default", Region: "eu", Stream: true, Status: llm.StatusOK,
		HTTPStatus: 200, FinishReasons: []string{"tool_call"}, Duration: time.Second, TTFT: llm.Some(200 * time.Millisecond), GatewayOverhead: llm.Some(time.Millisecond),
		Usage: llm.Usage{
			InputTokens: llm.Some[int64](100), OutputTokens: llm.Some[int64](20), CacheReadTokens: llm.Some[int64](80), CacheWriteTokens: llm.Some[int64](10),
			ReasoningTokens: llm.Some[int64](5), CacheWrite5mTokens: llm.Some[int64](10), InputAudioTokens: llm.Some[int64](3), Source: llm.UsageReported,
		},
		User: "u", Session: "s", Feature: "search", PromptName: "p", PromptVersion: "3", Agent: "a", Workflow: "w", Tags: map[string]string{"team": "x"},
		Params: map[string]any{"temperature": 0.5, "max_tokens": 256.0},
		Input:  []llm.Message{llm.Text("system", "Be brief."), llm.Text("user", "hi")},
		Output: []llm.Message{{Role: "assistant", Parts: []llm.Part{{Type: llm.PartText, Content: "x"}, {Type: llm.PartToolCall, ID: "1", ToolName: "t", Arguments: `{"a":1}`}}, FinishReason: "tool_call"}},
		Tools:  []byte(`[{"type":"function","function":{"name":"t"}}]`),
		Phases: llm.Phases{Queue: llm.Some(time.Millisecond), Prefill: llm.Some(2 * time.Millisecond)},
	}
	td := ptrace.NewTraces()
	AppendTraces(td, []llm.Record{{Call: want}})
	res := testNormalizer().Traces(td)
	if len(res.Records) != 1 || res.Records[0].Call == nil {
		t.Fatalf("not one call: %+v", res)
	}
	got := res.Records[0].Call
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(llm.Phases{}), cmp.AllowUnexported(llm.Timeline{}),
		cmp.Comparer(func(a, b llm.Opt[int64]) bool { return a == b }), cmp.Comparer(func(a, b llm.Opt[time.Duration]) bool { return a == b }),
		cmp.Comparer(func(a, b llm.Opt[float64]) bool { return a == b }),
		cmpopts.IgnoreFields(llm.Call{}, "ID", "Source", "SpanName", "Dialect", "Scope", "ScopeVersion", "Attributes", "Resource", "Events", "Notes")); d != "" {
		t.Errorf("the call read again differs (-want +got):\n%s", d)
	}
}

// TestConcurrent shares one Normalizer among goroutines.
func TestConcurrent(t *testing.T) {
	n := testNormalizer()
	td := benchSpans(t, 20, true)
	want := n.Traces(td)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				got := n.Traces(td)
				for i, r := range got.Records {
					if a, b := r.Call.Input[1].Parts[0].Content, want.Records[i].Call.Input[1].Parts[0].Content; a != b || !strings.Contains(a, "order") {
						t.Errorf("call %d: input %q, want %q", i, a, b)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
