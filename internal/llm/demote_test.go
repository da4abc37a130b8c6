package llm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAsSpanKeepsWhatTheSenderSaid(t *testing.T) {
	c := &Call{
		ID: "01", TraceID: "aa", SpanID: "bb", ParentSpanID: "cc", Operation: OpChat, RequestModel: "m", Provider: ProviderOpenAI,
		Duration: time.Second, Status: StatusOK, User: "u", Session: "s", Agent: "a",
		Attributes: map[string]any{"gen_ai.request.model": "as sent"},
		Usage:      Usage{InputTokens: Some[int64](3)},
		Input:      []Message{Text("user", "hi")},
	}
	s := c.AsSpan()
	want := &Span{
		ID: "01", TraceID: "aa", SpanID: "bb", ParentSpanID: "cc", Name: "chat m", Kind: KindLLM, OTelKind: "client",
		Duration: time.Second, Status: StatusOK, User: "u", Session: "s", Agent: "a",
		Attributes: map[string]any{
			"gen_ai.request.model": "as sent", "gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": int64(3),
		},
		Input: `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	if len(c.Attributes) != 1 {
		t.Error("the Call's attributes changed")
	}
}

func TestPhasesJSON(t *testing.T) {
	p := Phases{Queue: Some(20 * time.Millisecond), Connect: Some(time.Duration(0))}
	b, err := json.Marshal(&Call{Phases: p})
	if err != nil {
		t.Fatal(err)
	}
	var back Call
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.Phases != p {
		t.Errorf("got %+v, want %+v", back.Phases, p)
	}
	if b, _ := json.Marshal(&Call{}); json.Valid(b) && len(b) > 0 && containsPhases(b) {
		t.Errorf("a call without phases shows them: %s", b)
	}
}

func containsPhases(b []byte) bool {
	var m map[string]any
	_ = json.Unmarshal(b, &m)
	_, ok := m["phases"]
	return ok
}
