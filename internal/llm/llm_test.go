package llm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func fullCall() *Call {
	c := &Call{
		ID: "01JD00000000000000000000AB", Time: time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC),
		Source: SourceGateway, Service: "checkout", Upstream: "openai",
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331",
		Provider: ProviderOpenAI, Operation: OpChat, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06",
		Stream: true, Status: StatusOK, HTTPStatus: 200, FinishReasons: []string{"stop"},
		Usage:    Usage{InputTokens: Some[int64](12), OutputTokens: Some[int64](35), CacheReadTokens: Some[int64](0), Source: UsageReported},
		Cost:     Cost{USD: Some(0.00037), State: CostComputed},
		Duration: 1200 * time.Millisecond, TTFT: Some(310 * time.Millisecond), GatewayOverhead: Some(60 * time.Microsecond),
		User: "u1", Tags: map[string]string{"team": "a"}, Params: map[string]any{"temperature": 0.2},
		Input:  []Message{Text("user", "hi")},
		Output: []Message{{Role: "assistant", Parts: []Part{{Type: PartToolCall, ID: "c1", ToolName: "f", Arguments: `{"a":1}`}}}},
	}
	c.Timeline.Add(310*time.Millisecond, 5)
	c.Timeline.Add(350*time.Millisecond, 0)
	return c
}

func TestCallJSONRoundTrip(t *testing.T) {
	want := fullCall()
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Call
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	opt := cmp.AllowUnexported(Opt[int64]{}, Opt[float64]{}, Opt[time.Duration]{}, Timeline{})
	if d := cmp.Diff(want, &got, opt); d != "" {
		t.Errorf("round trip (-want +got):\n%s", d)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if got, want := m["duration_seconds"], 1.2; got != want {
		t.Errorf("duration_seconds = %v, want %v", got, want)
	}
	if got, want := m["tpot_seconds"], 0.89/34; got.(float64)-want > 1e-6 {
		t.Errorf("tpot_seconds = %v, want %v", got, want)
	}
	usage := m["usage"].(map[string]any)
	if v, ok := usage["cache_read_tokens"]; !ok || v != 0.0 {
		t.Errorf("a known 0 must be written, got %v", usage)
	}
	if _, ok := usage["reasoning_tokens"]; ok {
		t.Errorf("an unknown count must be absent, got %v", usage)
	}
}

func TestTPOTIsUnknownWithoutItsParts(t *testing.T) {
	c := Call{Duration: time.Second}
	if c.TPOT().Known() || c.TokensPerSecond().Known() {
		t.Error("a Call without usage has no speed")
	}
	c.Usage.OutputTokens = Some[int64](1)
	c.TTFT = Some(100 * time.Millisecond)
	if c.TPOT().Known() {
		t.Error("one token has no time per token after the first")
	}
}

func TestTimeline(t *testing.T) {
	var tl Timeline
	var at time.Duration
	want := []Tick{}
	for i := range 1000 {
		at += time.Duration(i%50)*time.Millisecond + 30*time.Microsecond
		tl.Add(at, i%7)
		want = append(want, Tick{At: (at + TimelineUnit/2).Truncate(TimelineUnit), Bytes: i % 7})
	}
	if perChunk := float64(len(tl.buf)) / 1000; perChunk > 3.1 {
		t.Errorf("%.2f bytes a chunk, want about 2 to 3", perChunk)
	}
	back, err := ParseTimeline(string(tl.AppendText(nil)))
	if err != nil {
		t.Fatal(err)
	}
	var got []Tick
	for tick := range back.Ticks() {
		got = append(got, tick)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("ticks (-want +got):\n%s", d)
	}
	if back.Chunks() != 1000 {
		t.Errorf("chunks = %d", back.Chunks())
	}
}

func TestTimelineIsBounded(t *testing.T) {
	var tl Timeline
	for i := range 1_000_000 {
		tl.Add(time.Duration(i)*time.Millisecond, 3)
	}
	if len(tl.buf) > MaxTimelineBytes {
		t.Errorf("timeline takes %d bytes", len(tl.buf))
	}
	if tl.Chunks() != 1_000_000 {
		t.Errorf("chunks = %d: chunks past the bound must still be counted", tl.Chunks())
	}
}

func FuzzParseTimeline(f *testing.F) {
	tl := fullCall().Timeline
	f.Add(string(tl.AppendText(nil)))
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		tl, err := ParseTimeline(s)
		if err != nil {
			return
		}
		n := 0
		for range tl.Ticks() {
			n++
		}
		if n != tl.Chunks() {
			t.Errorf("%d ticks, %d chunks", n, tl.Chunks())
		}
	})
}

func TestFinishReason(t *testing.T) {
	for in, want := range map[string]string{
		"end_turn": "stop", "STOP": "stop", "MAX_TOKENS": "length", "tool_use": "tool_call", "SAFETY": "content_filter", "pause_turn": "pause_turn",
	} {
		if got := FinishReason(in); got != want {
			t.Errorf("FinishReason(%q) = %q, want %q", in, got, want)
		}
	}
}
