package events

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestDetails reads the content and the judgements of a batch as those of each
// call alone.
func TestDetails(t *testing.T) {
	s := testStore(t)
	env := "details-" + ulid.Make().String()
	start := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	var recs []llm.Record
	var calls []*llm.Call
	for i := range 5 {
		r := usageCall(start.Add(time.Duration(i)*time.Minute), env, func(c *llm.Call) {
			c.Session = env
			c.Input = []llm.Message{llm.Text("user", strings.Repeat("question ", 1+i*i*10_000))} // the last ones are kept apart
			c.Output = []llm.Message{llm.Text("assistant", "answer\n"+strings.Repeat("x", i))}
		})
		recs, calls = append(recs, r), append(calls, &llm.Call{ID: r.Call.ID, Time: r.Call.Time, Session: env})
	}
	score := func(id, session string, v float64) *llm.Feedback {
		return &llm.Feedback{ID: ulid.Make().String(), Time: time.Now().UTC(), CallID: id, SessionID: session, Name: "helpful", Score: llm.Some(v), Evaluator: "user"}
	}
	insert(t, s, recs...)
	insert(t, s, llm.Record{Feedback: score(calls[1].ID, "", 1)}, llm.Record{Feedback: score("", env, 0)})
	got, err := s.WithContent(t.Context(), calls)
	if err != nil || len(got) != len(calls) {
		t.Fatalf("%d calls, want %d: %v", len(got), len(calls), err)
	}
	fs, err := s.Judgements(t.Context(), calls)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range got {
		one, err := s.Call(t.Context(), calls[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(one.Call.Input, c.Input) + cmp.Diff(one.Call.Output, c.Output); diff != "" || len(c.Input) != 1 {
			t.Errorf("call %d (-alone +batch):\n%s", i, diff)
		}
		if len(one.Feedback) != len(fs[i]) {
			t.Errorf("call %d has %d judgements, want %d", i, len(fs[i]), len(one.Feedback))
		}
	}
	if len(fs[1]) != 2 || len(fs[0]) != 1 {
		t.Errorf("judgements %v, want one of the session for each call and one of the second call", fs)
	}
	if got, err := s.WithContent(t.Context(), []*llm.Call{calls[0], {ID: "01JDZXV0000000000000000001", Time: start}}); err != nil || len(got) != 1 {
		t.Errorf("with a call that is gone: %d calls, %v", len(got), err)
	}
	if _, err := s.WithContent(t.Context(), make([]*llm.Call, MaxDetails+1)); err == nil {
		t.Error("a batch without bounds is read")
	}
}
