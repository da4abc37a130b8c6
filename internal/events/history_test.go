package events

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

func text(role, s string) llm.Message { return llm.Text(role, s) }

func talk(id string, output llm.Message, input ...llm.Message) *llm.Call {
	c := &llm.Call{ID: id, Input: input}
	if output.Role != "" {
		c.Output = []llm.Message{output}
	}
	return c
}

func TestHistory(t *testing.T) {
	sys, u1, a1, u2, a2, u3 := text("system", "Be brief."), text("user", "Hi"), text("assistant", "Hello!"), text("user", "More"), text("assistant", "Much more."), text("user", "End")
	none := llm.Message{}
	thinking := llm.Message{Role: "assistant", FinishReason: "stop", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "They greet."}, {Type: llm.PartText, Content: " Hello!\n"},
	}}
	asks := llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartText, Content: "Let me see."}, {Type: llm.PartToolCall, ID: "t1", ToolName: "look", Arguments: `{"b": 1, "a": [2]}`}}}
	asked := []llm.Message{
		text("assistant", "Let me see."),
		{Role: "assistant", Parts: []llm.Part{{Type: llm.PartToolCall, ID: "other", ToolName: "look", Arguments: `{"a":[2],"b":1}`}}},
	}
	result := llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "t1", Response: json.RawMessage(`{"x":1}`)}}}
	two := talk("a", none, u1)
	two.Output = []llm.Message{a1, text("assistant", "Good day!")}
	long := make([]llm.Message, 12)
	for i := range long {
		long[i] = text([]string{"user", "assistant"}[i%2], fmt.Sprint("message ", i))
	}
	type want struct {
		newFrom   int
		continues string
	}
	for name, c := range map[string]struct {
		calls []*llm.Call
		want  []want
	}{
		"a conversation": {
			[]*llm.Call{talk("a", a1, sys, u1), talk("b", a2, sys, u1, a1, u2), talk("c", none, sys, u1, a1, u2, a2, u3)},
			[]want{{0, ""}, {3, "a"}, {5, "b"}},
		},
		"reasoning and space are not repeated": {
			[]*llm.Call{talk("a", thinking, sys, u1), talk("b", none, sys, u1, a1, u2)}, []want{{0, ""}, {3, "a"}},
		},
		"an answer in several messages": {
			[]*llm.Call{talk("a", asks, u1), talk("b", none, append([]llm.Message{u1}, append(asked, result)...)...)}, []want{{0, ""}, {3, "a"}},
		},
		"an answer that was changed is new": {
			[]*llm.Call{talk("a", a1, u1), talk("b", none, u1, text("assistant", "Bye!"), u2)}, []want{{0, ""}, {1, "a"}},
		},
		"a try again has nothing new": {
			[]*llm.Call{talk("a", none, sys, u1), talk("b", a1, sys, u1)}, []want{{0, ""}, {2, "a"}},
		},
		"threads side by side": {
			[]*llm.Call{talk("a", a1, sys, u1), talk("x", a2, sys, u3), talk("b", none, sys, u1, a1, u2), talk("y", none, sys, u3, a2, u2)},
			[]want{{0, ""}, {1, ""}, {3, "a"}, {3, "x"}},
		},
		"a fork": {
			[]*llm.Call{talk("a", a1, sys, u1), talk("b", a2, sys, u1, a1, u2), talk("c", none, sys, u1, a1, u3)},
			[]want{{0, ""}, {3, "a"}, {3, "a"}},
		},
		"one of several answers": {
			[]*llm.Call{two, talk("b", none, u1, text("assistant", "Good day!"), u2)}, []want{{0, ""}, {2, "a"}},
		},
		"the last messages only": {
			[]*llm.Call{talk("a", long[5], append([]llm.Message{sys}, long[:5]...)...), talk("b", none, append([]llm.Message{sys}, long[2:7]...)...)},
			[]want{{0, ""}, {5, "a"}},
		},
		"a short word twice is no repetition": {
			[]*llm.Call{talk("a", none, sys, text("user", "yes")), talk("b", none, text("user", "yes"), u1)}, []want{{0, ""}, {0, ""}},
		},
		"without content": {
			[]*llm.Call{talk("a", none), talk("b", none), talk("c", a1), talk("d", none, u1)}, []want{{0, ""}, {0, ""}, {0, ""}, {0, ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			for i, call := range c.calls {
				newFrom, continues := h.add(call)
				if got := (want{newFrom, continues}); got != c.want[i] {
					t.Errorf("call %s: %v, want %v", call.ID, got, c.want[i])
				}
			}
		})
	}
}

// FuzzHistory looks for inputs that make the index leave the messages.
func FuzzHistory(f *testing.F) {
	f.Add([]byte("abcabcab"), 3)
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaa"), 5)
	f.Fuzz(func(t *testing.T, words []byte, size int) {
		size = min(max(size, 1), 50)
		h := newHistory()
		for i := 0; i+size <= min(len(words), 2000); i++ {
			c := talk(fmt.Sprint(i), text("assistant", "ok"))
			for _, w := range words[i : i+size] {
				c.Input = append(c.Input, text("user", string(rune('a'+w%4))))
			}
			if n, _ := h.add(c); n < 0 || n > len(c.Input) {
				t.Fatalf("call %d: new from %d of %d", i, n, len(c.Input))
			}
		}
	})
}

func BenchmarkHistory(b *testing.B) {
	var calls []*llm.Call
	var all []llm.Message
	for i := range 100 {
		all = append(all, text("user", fmt.Sprint("question ", i, " ", prose(newRand(i), 300))))
		answer := text("assistant", prose(newRand(i), 500))
		calls = append(calls, talk(fmt.Sprint(i), answer, slices.Clip(all)...))
		all = append(all, answer)
	}
	b.ReportAllocs()
	for b.Loop() {
		h := newHistory()
		for i, c := range calls {
			if n, _ := h.add(c); n != len(c.Input)-1 {
				b.Fatal(i, n)
			}
		}
	}
}
