package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// desk is Judgements over the shared store, with what they counted.
type desk struct {
	*Judgements
	t testing.TB
	s *Store

	mu      sync.Mutex
	counted []Feedback
}

func newDesk(t testing.TB, s *Store) *desk {
	t.Helper()
	d := &desk{t: t, s: s}
	var err error
	d.Judgements, err = NewJudgements(JudgementOptions{
		Store: s, Settle: time.Minute,
		Submit: func(_ context.Context, recs []llm.Record) error {
			insert(t, s, recs...)
			return nil
		},
		Counted: func(f *Feedback) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.counted = append(d.counted, *f)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) add(gs ...*Judgement) {
	d.t.Helper()
	if err := d.Insert(d.t.Context(), gs); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) list(q FeedbackQuery) []Feedback {
	d.t.Helper()
	page, err := d.s.Feedbacks(d.t.Context(), q)
	if err != nil {
		d.t.Fatal(err)
	}
	return page.Feedback
}

func judgedCall(t *testing.T, s *Store, seed uint64, service string, at time.Time) *llm.Call {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	c := validCall(t, randomCall(r, at, service))
	c.TraceID, c.SpanID = fmt.Sprintf("%032x", r.Uint64()|1), fmt.Sprintf("%016x", r.Uint64()|1)
	c.ResponseID, c.Session, c.Feature = fmt.Sprintf("resp-%x", r.Uint64()), fmt.Sprintf("session-%x", r.Uint64()), "search"
	c.PromptName, c.PromptVersion = "p", "7"
	insert(t, s, llm.Record{Call: c})
	return c
}

func TestFeedback(t *testing.T) {
	s := testStore(t)
	c := judgedCall(t, s, 5, "feedback", time.Now().Add(-time.Minute))
	d := newDesk(t, s)
	given := []*Judgement{
		{Feedback: Feedback{CallID: c.ID, Name: "helpful", Score: llm.Some(0.0), Comment: "bad\n\"answer\"", User: "u", Metadata: json.RawMessage(`{"a":1}`)}},
		{Feedback: Feedback{TraceID: c.TraceID, Label: "good"}},
		{Feedback: Feedback{ResponseID: c.ResponseID, Score: llm.Some(1.0)}},
		{Feedback: Feedback{SessionID: c.Session, Score: llm.Some(0.5), Evaluator: "judge"}},
	}
	d.add(given...)
	for name, f := range map[string]Feedback{
		"of nothing": {Score: llm.Some(0.5)}, "says nothing": {CallID: "x"}, "score": {CallID: "x", Score: llm.Some(1.5)},
		"metadata": {CallID: "x", Label: "l", Metadata: json.RawMessage(`[1]`)}, "old": {CallID: "x", Label: "l", Time: time.Unix(1, 0)},
	} {
		var qe *QueryError
		if err := d.Insert(t.Context(), []*Judgement{{Feedback: f}}); !errors.As(err, &qe) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	d.add(&Judgement{Feedback: Feedback{CallID: "another", TraceID: c.TraceID, Label: "not of this call"}})
	d.add(&Judgement{Feedback: Feedback{ResponseID: "another", SessionID: c.Session, Label: "nor this"}})
	got, err := s.Call(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	want, have := map[string]*Feedback{}, map[string]*Feedback{}
	for _, g := range given {
		want[g.ID] = &g.Feedback
	}
	for i := range got.Feedback {
		have[got.Feedback[i].ID] = &got.Feedback[i]
	}
	if diff := cmp.Diff(want, have, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, f := range have {
		if !f.Time.Equal(c.Time) || f.Received.Sub(c.Time) < 50*time.Second || f.Service != "feedback" || f.Provider != c.Provider || f.Model != c.Model() ||
			f.Operation != c.Operation || f.Feature != "search" || f.PromptName != "p" || f.PromptVersion != "7" {
			t.Errorf("does not have what its call says: %+v", f)
		}
	}
	if f := have[given[2].ID]; f.CallID != c.ID || f.TraceID != c.TraceID || f.SessionID != c.Session {
		t.Errorf("the judgement of a response does not name its call: %+v", f)
	}
	if len(d.counted) != 4 {
		t.Errorf("%d are counted, want those four whose call is known", len(d.counted))
	}
	for q, n := range map[*FeedbackQuery]int{
		{Service: "feedback"}: 4, {Service: "feedback", Evaluator: "judge"}: 1, {Service: "feedback", MaxScore: llm.Some(0.5)}: 2,
		{Service: "feedback", MinScore: llm.Some(0.6)}: 1, {Service: "feedback", Label: "good"}: 1, {Service: "feedback", Name: "helpful", User: "u"}: 1,
		{Service: "feedback", Model: "nope"}: 0, {Service: "feedback", Query: `comment:"answer"`}: 1, {CallID: c.ID}: 2, {SessionID: c.Session, Feature: "search"}: 3,
		{TraceID: c.TraceID, PromptName: "p", Provider: c.Provider, Operation: "chat"}: 3, {Service: "feedback", Range: Range{End: c.Time}}: 0,
	} {
		if got := d.list(*q); len(got) != n {
			t.Errorf("%+v: %d judgements, want %d", *q, len(got), n)
		}
	}
}

func TestFeedbackPages(t *testing.T) {
	s := testStore(t)
	d := newDesk(t, s)
	at := time.Now().Add(-time.Hour)
	const n = 25
	for i := range n {
		d.add(&Judgement{Feedback: Feedback{TraceID: "pages", Service: "feedback-pages", Label: fmt.Sprint("l", i), Time: at.Add(time.Duration(i/3) * time.Second)}, Key: fmt.Sprint("pages-", i)})
	}
	d.add(&Judgement{Feedback: Feedback{TraceID: "pages", Service: "feedback-pages", Label: "changed"}, Key: "pages-7"})
	seen := map[string]int{}
	q := FeedbackQuery{Service: "feedback-pages", Limit: 4, Range: Range{Start: at.Add(-time.Minute), End: time.Now()}}
	for {
		page, err := s.Feedbacks(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Feedback {
			seen[f.Label]++
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	if len(seen) != n || seen["l7"] != 0 || seen["changed"] != 1 {
		t.Errorf("%d labels: %v", len(seen), seen)
	}
	if got := d.list(FeedbackQuery{Service: "feedback-pages", Label: "l7"}); len(got) != 0 {
		t.Errorf("a version that was replaced is found by what it said: %+v", got)
	}
	var qe *QueryError
	if _, err := s.Feedbacks(t.Context(), FeedbackQuery{Service: "other", Cursor: cursor{Filter: "x"}.String()}); !errors.As(err, &qe) {
		t.Errorf("a foreign cursor: %v", err)
	}
}

func TestFeedbackByScore(t *testing.T) {
	s := testStore(t)
	d := newDesk(t, s)
	at := time.Now().Add(-time.Hour)
	add := func(i int, score llm.Opt[float64], key string) {
		d.add(&Judgement{Feedback: Feedback{TraceID: "byscore", Service: "feedback-score", Score: score, Label: fmt.Sprint("l", i), Time: at.Add(time.Duration(i) * time.Second)}, Key: key})
	}
	for i, score := range []float64{0.5, 0, 1, 0.05, 0.25, 0.5, 0.125, 0} {
		add(i, llm.Some(score), fmt.Sprint("score-", i))
	}
	add(8, llm.Opt[float64]{}, "score-none")
	add(2, llm.Some(0.9), "score-2") // replaces the 1
	for order, want := range map[string]string{
		OrderWorst: "l7 l1 l3 l6 l4 l5 l0 l2", OrderBest: "l2 l5 l0 l4 l6 l3 l7 l1", OrderNewest: "l8 l7 l6 l5 l4 l3 l2 l1 l0",
	} {
		q := FeedbackQuery{Service: "feedback-score", Limit: 3, Order: order, Range: Range{Start: at.Add(-time.Minute), End: time.Now()}}
		var got []string
		for {
			page, err := s.Feedbacks(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range page.Feedback {
				got = append(got, f.Label)
			}
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", order, got, want)
		}
	}
	page, err := s.Feedbacks(t.Context(), FeedbackQuery{Service: "feedback-score", Limit: 3, Order: OrderWorst})
	if err != nil {
		t.Fatal(err)
	}
	var qe *QueryError
	if _, err := s.Feedbacks(t.Context(), FeedbackQuery{Service: "feedback-score", Limit: 3, Order: OrderBest, Cursor: page.NextCursor}); !errors.As(err, &qe) {
		t.Errorf("a cursor of another order: %v", err)
	}
	if _, err := s.Feedbacks(t.Context(), FeedbackQuery{Order: "odd"}); !errors.As(err, &qe) {
		t.Errorf("an unknown order: %v", err)
	}
}

func TestFeedbackWithAKeyCountsOnce(t *testing.T) {
	s := testStore(t)
	c := judgedCall(t, s, 6, "feedback-key", time.Now().Add(-time.Hour))
	d := newDesk(t, s)
	up := func() *Judgement {
		return &Judgement{Feedback: Feedback{CallID: c.ID, Score: llm.Some(1.0), Label: "thumbs_up"}, Key: "button-1"}
	}
	first := up()
	d.add(first)
	for range 3 {
		again := up()
		d.add(again)
		if again.ID != first.ID || !again.Time.Equal(first.Time) || again.Model != first.Model || again.TraceID != first.TraceID {
			t.Errorf("%+v is not %+v", again, first)
		}
	}
	if got := d.list(FeedbackQuery{Service: "feedback-key"}); len(got) != 1 || len(d.counted) != 1 {
		t.Fatalf("%d stored, %d counted", len(got), len(d.counted))
	}
	// After a restart: what the store has.
	d = newDesk(t, s)
	d.add(up())
	if got := d.list(FeedbackQuery{Service: "feedback-key"}); len(got) != 1 || len(d.counted) != 0 {
		t.Fatalf("after a restart: %d stored, %d counted", len(got), len(d.counted))
	}
	// A change of mind replaces, and does not count again.
	d.add(&Judgement{Feedback: Feedback{CallID: c.ID, Score: llm.Some(0.0), Label: "thumbs_down"}, Key: "button-1"})
	got := d.list(FeedbackQuery{Service: "feedback-key"})
	if len(got) != 1 || got[0].Label != "thumbs_down" || got[0].ID != first.ID || !got[0].Time.Equal(first.Time) || len(d.counted) != 0 {
		t.Fatalf("after a change: %+v, %d counted", got, len(d.counted))
	}
	if detail, err := s.Call(t.Context(), c.ID); err != nil || len(detail.Feedback) != 1 || detail.Feedback[0].Label != "thumbs_down" {
		t.Errorf("the call has %+v, %v", detail, err)
	}
	// Another space is another judgement: nobody replaces what he did not say.
	foreign := up()
	foreign.Space = "public"
	byID := &Judgement{Feedback: Feedback{ID: first.ID, CallID: c.ID, Label: "mine"}, Space: "public"}
	d.add(foreign, byID)
	if got := d.list(FeedbackQuery{Service: "feedback-key"}); len(got) != 3 || len(d.counted) != 2 {
		t.Errorf("%d stored, %d counted, want 3 and 2", len(got), len(d.counted))
	}
	// An id of one's own is a key.
	own := newID(time.Now(), rand.New(rand.NewPCG(1, 1)))
	for range 2 {
		d.add(&Judgement{Feedback: Feedback{ID: own, CallID: c.ID, Label: "own"}})
	}
	if got := d.list(FeedbackQuery{Service: "feedback-key", Label: "own"}); len(got) != 1 || got[0].ID != own {
		t.Errorf("own id: %+v", got)
	}
}

func TestFeedbackWithAKeyConcurrently(t *testing.T) {
	s := testStore(t)
	d := newDesk(t, s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 4 {
				g := &Judgement{Feedback: Feedback{TraceID: "concurrent", Service: "feedback-many", Label: "x"}, Key: fmt.Sprint("many-", i)}
				if err := d.Insert(t.Context(), []*Judgement{g}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := d.list(FeedbackQuery{Service: "feedback-many"}); len(got) != 4 {
		t.Errorf("%d stored, want 4", len(got))
	}
}

// TestFeedbackThatTheJournalHolds is a restart before the store has the row.
func TestFeedbackThatTheJournalHolds(t *testing.T) {
	s := testStore(t)
	var row []byte
	d := newDesk(t, s)
	d.o.Submit = func(_ context.Context, recs []llm.Record) (err error) {
		row, err = AppendRow(nil, recs[0])
		return err
	}
	g := func() *Judgement {
		return &Judgement{Feedback: Feedback{TraceID: "journal", Service: "feedback-journal", Label: "x"}, Key: "journal"}
	}
	d.add(g())
	d = newDesk(t, s)
	d.Restored(row)
	d.Restored([]byte("nonsense"))
	d.add(g())
	if got := d.list(FeedbackQuery{Service: "feedback-journal"}); len(got) != 0 || len(d.counted) != 0 {
		t.Errorf("it is taken for a new one: %+v", got)
	}
}

func TestFeedbackBeforeItsCall(t *testing.T) {
	s := testStore(t)
	d := newDesk(t, s)
	began := time.Now().Add(-2 * time.Second).UTC().Truncate(time.Millisecond)
	c := &llm.Call{
		ID: newID(began, rand.New(rand.NewPCG(9, 9))), Time: began, TraceID: strings.Repeat("9", 32), SpanID: strings.Repeat("8", 16),
		Service: "feedback-early", RequestModel: "gpt-x", Provider: "openai", Operation: llm.OpChat, Status: llm.StatusOK,
	}
	at := time.Now().Add(-time.Second).UTC().Truncate(time.Millisecond)
	d.add(&Judgement{Feedback: Feedback{TraceID: c.TraceID, SpanID: c.SpanID, Name: "faithfulness", Score: llm.Some(0.4)}, Key: "early", At: at, Hasty: true})
	d.settle(t.Context(), time.Now())
	if len(d.counted) != 0 {
		t.Fatal("it is counted before its call is known")
	}
	d.ObserveCall(c)
	d.settle(t.Context(), time.Now())
	if len(d.counted) != 1 || d.counted[0].Model != "gpt-x" || d.counted[0].Service != "feedback-early" {
		t.Fatalf("counted: %+v", d.counted)
	}
	got := d.list(FeedbackQuery{TraceID: c.TraceID})
	if len(got) != 1 || got[0].CallID != c.ID || got[0].Model != "gpt-x" || !got[0].Time.Equal(at) {
		t.Fatalf("stored: %+v", got)
	}
	// The same once more, now that it is complete.
	d.add(&Judgement{Feedback: Feedback{TraceID: c.TraceID, SpanID: c.SpanID, Name: "faithfulness", Score: llm.Some(0.4)}, Key: "early", At: at, Hasty: true})
	if got := d.list(FeedbackQuery{TraceID: c.TraceID}); len(got) != 1 || len(d.counted) != 1 {
		t.Errorf("%d stored, %d counted", len(got), len(d.counted))
	}
	// A call that never comes: counted with what is known, when time is up.
	d.add(&Judgement{Feedback: Feedback{ResponseID: "never", Service: "feedback-early", Label: "lost"}, Hasty: true})
	d.settle(t.Context(), time.Now().Add(2*time.Minute))
	if len(d.counted) != 2 || d.counted[1].Label != "lost" || d.counted[1].Model != "" {
		t.Errorf("counted: %+v", d.counted)
	}
}

func TestFeedbackStoreDown(t *testing.T) {
	s, err := New(Endpoint{InsertURL: "http://127.0.0.1:1"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	submitted := 0
	j, err := NewJudgements(JudgementOptions{Store: s, Submit: func(context.Context, []llm.Record) error { submitted++; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	var down *UnavailableError
	if err := j.Insert(t.Context(), []*Judgement{{Feedback: Feedback{TraceID: "1", Label: "x"}, Key: "k"}}); !errors.As(err, &down) {
		t.Errorf("whether the key was used cannot be known, and the answer is %v", err)
	}
	if err := j.Insert(t.Context(), []*Judgement{{Feedback: Feedback{TraceID: "1", Label: "x"}}}); err != nil {
		t.Errorf("one without a key: %v", err)
	}
	if err := j.Insert(t.Context(), []*Judgement{{Feedback: Feedback{TraceID: "1", Label: "x"}, Key: "k", Hasty: true}}); err != nil {
		t.Errorf("of a sender of telemetry: %v", err)
	}
	if submitted != 2 {
		t.Errorf("%d submitted", submitted)
	}
}

func TestCallIndex(t *testing.T) {
	x := newCallIndex(100)
	at := time.Unix(1_750_000_000, 0)
	for i := range 250 {
		x.add(&llm.Call{
			ID: fmt.Sprint("c", i), TraceID: fmt.Sprint("t", i/3), SpanID: fmt.Sprint("s", i), ResponseID: fmt.Sprint("r", i), Session: fmt.Sprint("u", i%2),
			RequestModel: fmt.Sprint("m", i%2), Service: "svc", Time: at.Add(time.Duration(i)),
		})
	}
	f := func(f Feedback, want int, exact bool, first string) {
		t.Helper()
		refs, ex := x.find(&f)
		if len(refs) != want || ex != exact || want > 0 && refs[0].id != first {
			t.Errorf("%+v: %d calls, exact %v, %+v", f, len(refs), ex, refs)
		}
	}
	f(Feedback{CallID: "c249"}, 1, true, "c249")
	f(Feedback{CallID: "c150"}, 1, true, "c150")
	f(Feedback{CallID: "c149"}, 0, false, "")
	f(Feedback{ResponseID: "r200"}, 1, true, "c200")
	f(Feedback{TraceID: "t80"}, 3, false, "c242")
	f(Feedback{TraceID: "t80", SpanID: "s241"}, 1, true, "c241")
	f(Feedback{TraceID: "t80", SpanID: "parent"}, 3, false, "c242")
	f(Feedback{TraceID: "t49"}, 0, false, "")
	f(Feedback{SessionID: "u1"}, 50, false, "c249")
	f(Feedback{SessionID: "c249"}, 0, false, "")
	f(Feedback{}, 0, false, "")
	if len(x.last) > 100*5 {
		t.Errorf("%d keys of 100 calls", len(x.last))
	}
	trace := Feedback{TraceID: "t80"}
	refs, exact := x.find(&trace)
	fill(&trace, refs, exact)
	if trace.Service != "svc" || trace.Model != "" || trace.CallID != "" {
		t.Errorf("calls that differ: %+v", trace)
	}
}

func BenchmarkCallIndex(b *testing.B) {
	x := newCallIndex(recentCalls)
	c := &llm.Call{
		TraceID: strings.Repeat("a", 32), SpanID: strings.Repeat("b", 16), ResponseID: "chatcmpl-0123456789", Session: "s1", Service: "checkout",
		RequestModel: "gpt-4o", Provider: "openai", Operation: llm.OpChat,
	}
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = fmt.Sprintf("01JDZXV00000000000%08d", i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.ID = ids[i&(1<<16-1)]
		i++
		x.add(c)
	}
}
