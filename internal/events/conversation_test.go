package events

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// dialogue makes a conversation whose Calls repeat all that was said before.
func dialogue(session string, start time.Time, turns int) []*llm.Call {
	r := newRand(5)
	all := []llm.Message{text("system", "Be brief.")}
	var out []*llm.Call
	for i := range turns {
		at := start.Add(time.Duration(i) * time.Minute)
		all = append(all, text("user", fmt.Sprint("question ", i)))
		c := &llm.Call{
			ID: newID(at, r), Time: at, Source: llm.SourceGateway, Service: "talk", Session: session, Status: llm.StatusOK, Operation: llm.OpChat,
			RequestModel: "gpt-4o", Input: slices.Clip(all), Output: []llm.Message{text("assistant", fmt.Sprint("answer ", i))},
		}
		all = append(all, c.Output...)
		out = append(out, c)
	}
	return out
}

func TestConversation(t *testing.T) {
	s, _ := rollupStore(t)
	start := time.Now().UTC().Add(-20 * time.Hour).Truncate(time.Second)
	const turns = 25
	all := dialogue("talk/1 %2F", start, turns)
	insert(t, s, calls(all)...)
	for _, limit := range []int{1, 4, 200} {
		q := ConversationQuery{Session: "talk/1 %2F", Limit: limit}
		var got []Turn
		pages(t, func(cursor string) ([]string, string, error) {
			q.Cursor = cursor
			c, err := s.Conversation(t.Context(), q)
			if err != nil {
				return nil, "", err
			}
			if c.Session.Calls != turns || !c.Session.First.Equal(start) || c.Session.Session != q.Session {
				t.Fatalf("the session is %+v", c.Session)
			}
			got = append(got, c.Turns...)
			return nil, c.NextCursor, nil
		})
		if len(got) != turns {
			t.Fatalf("%d turns by %d", len(got), limit)
		}
		for i, turn := range got {
			newFrom, continues := 1+2*i, ""
			if i == 0 {
				newFrom = 0
			} else {
				continues = all[i-1].ID
			}
			want := *all[i]
			want.Input = want.Input[newFrom:]
			if d := cmp.Diff(Turn{Call: &want, NewFrom: newFrom, InputMessages: 2 + 2*i, Continues: continues}, turn, equal); d != "" {
				t.Fatalf("turn %d by %d (-want +got):\n%s", i, limit, d)
			}
		}
	}
	c, err := s.Conversation(t.Context(), ConversationQuery{Session: "talk/1 %2F", Range: Range{start.Add(3 * time.Minute), start.Add(5 * time.Minute)}})
	if err != nil || len(c.Turns) != 2 || c.Session.Calls != 2 || c.Turns[0].Call.ID != all[3].ID {
		t.Errorf("a part of it: %+v, %v", c, err)
	}
	if _, err := s.Conversation(t.Context(), ConversationQuery{Session: "nobody's"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown session: %v", err)
	}
	if _, err := s.Conversation(t.Context(), ConversationQuery{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("no session: %v", err)
	}
	_, err = s.Conversation(t.Context(), ConversationQuery{Session: "x", Limit: MaxTurns + 1})
	mustFail(t, err, "limit")
	_, err = s.Conversation(t.Context(), ConversationQuery{Session: "x", Cursor: "odd"})
	mustFail(t, err, "cursor")
}

// TestConversationIsBounded has Calls whose content is too long for one page,
// and texts that are cut.
func TestConversationIsBounded(t *testing.T) {
	s, _ := rollupStore(t)
	start := time.Now().UTC().Add(-21 * time.Hour).Truncate(time.Second)
	all := dialogue("talk-long", start, 30)
	long := strings.Repeat("長い ", 300_000)
	for _, c := range all {
		c.Input = append(slices.Clip(c.Input), text("user", long))
		c.Output = []llm.Message{{Role: "assistant", Parts: []llm.Part{
			{Type: llm.PartToolCall, ToolName: "t", Arguments: strings.Repeat("a", MaxTurnText+5), TruncatedChars: 3},
			{Type: llm.PartToolCallResponse, Response: []byte(`"` + strings.Repeat("b", MaxTurnText) + `"`)},
			{Type: llm.PartText, Content: strings.Repeat("é", MaxTurnText)},
		}}}
	}
	insert(t, s, calls(all)...)
	q := ConversationQuery{Session: "talk-long", Limit: 200}
	n, most := 0, 0
	pages(t, func(cursor string) ([]string, string, error) {
		q.Cursor = cursor
		c, err := s.Conversation(t.Context(), q)
		if err != nil {
			return nil, "", err
		}
		n += len(c.Turns)
		most = max(most, len(c.Turns))
		for _, turn := range c.Turns {
			last := turn.Call.Input[len(turn.Call.Input)-1].Parts[0]
			if got := []rune(last.Content); len(got) != MaxTurnText || last.TruncatedChars != 900_000-MaxTurnText {
				t.Fatalf("a text of %d characters, %d cut", len(got), last.TruncatedChars)
			}
			out := turn.Call.Output[0].Parts
			if len(out[0].Arguments) != MaxTurnText || out[0].TruncatedChars != 8 {
				t.Errorf("arguments of %d bytes, %d cut", len(out[0].Arguments), out[0].TruncatedChars)
			}
			if len(out[1].Response) != MaxTurnText+2+1 || out[1].TruncatedChars != 2 { // a string with its first quote escaped
				t.Errorf("a response of %d bytes, %d cut", len(out[1].Response), out[1].TruncatedChars)
			}
			if out[2].TruncatedChars != 0 {
				t.Error("a text within the limit was cut")
			}
		}
		return nil, c.NextCursor, nil
	})
	if n != len(all) || most >= len(all)/2 {
		t.Errorf("%d turns, at most %d a page", n, most)
	}
}
