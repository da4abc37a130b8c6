package quality

import (
	"errors"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/purse"
)

func TestReportCounts(t *testing.T) {
	s := newSink()
	c := DefaultConfig()
	c.Disable = []string{"repetition"}
	c.Patterns = []Pattern{{Name: "polite", MustMatch: "please"}}
	c.Judges = []Judge{{Name: "strict", Upstream: "up", Model: "m", Share: 1}, {Name: "own", Upstream: "up", Model: "m", Instructions: "Be hard.", Share: 0.5, MaxUSDPerDay: 0.25}}
	q, err := New(Options{Sink: s, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	q.running.Store(true) // without workers: what is drawn waits
	q.ObserveCall(judged("a", "please"))
	q.ObserveCall(judged("b", "no"))
	q.byRules(t.Context(), judged("a", "please"))
	q.byRules(t.Context(), judged("b", "no"))
	strict := q.state.Load().judges[0]
	q.note(strict, errors.New("no answer"))
	q.note(strict, nil)
	q.note(strict, purse.ErrPaused)
	q.count(&Judgement{Evaluator: "strict", Score: 0, Label: resultBad})
	own := &llm.Call{Service: ServiceName, Tags: map[string]string{TagName: "own"}, Cost: llm.Cost{USD: llm.Some(0.125)}, Status: llm.StatusOK}
	q.ObserveCall(own)
	q.drop(dropStore, 3)

	r := q.Report()
	if r.Share != 1 || r.Sampled != 2 || r.Waiting != 2 || r.Store != storeFailed || r.Dropped[dropStore] != 3 || r.CapUSD != defaultCap || r.SpentTodayUSD != 0.125 {
		t.Errorf("%+v", r)
	}
	rules := map[string]RuleStatus{}
	for _, x := range r.Rules {
		rules[x.Name] = x
	}
	if len(rules) != len(ruleNames) || rules["polite"] != (RuleStatus{"polite", true, 2, 1}) || rules["empty"] != (RuleStatus{"empty", false, 2, 0}) {
		t.Errorf("%+v", rules)
	}
	if _, off := rules["repetition"]; off {
		t.Error("a rule that is off is listed")
	}
	st := r.Judges[0]
	if st.Sampled != 2 || st.Judged != 1 || st.Failed != 1 || st.State != judgePaused || st.LastError != "no answer" || st.LastErrorAt.IsZero() ||
		st.Counts[judgeOK] != 1 || st.Counts[judgeFailed] != 1 || st.Rubric != rubricHelpfulness || st.Share != 1 {
		t.Errorf("%+v", st)
	}
	if own := r.Judges[1]; own.SpentTodayUSD != 0.125 || own.CapUSD != 0.25 || own.Rubric != "" || own.State != "waiting" {
		t.Errorf("%+v", own)
	}
	// A reload keeps what is known of a judge that stays.
	c.Judges = c.Judges[:1]
	c.Share = 0
	if err := q.Reload(c); err != nil {
		t.Fatal(err)
	}
	if r := q.Report(); len(r.Rules) != 0 || len(r.Judges) != 1 || r.Judges[0].Sampled != 2 || r.Judges[0].LastError != "no answer" {
		t.Errorf("after a reload: %+v", r)
	}
}

func TestFailuresOnly(t *testing.T) {
	c := DefaultConfig()
	c.Disable = []string{"refusal"}
	c.Patterns = []Pattern{{Name: "polite", MustMatch: "please"}}
	for store, want := range map[string]int{storeFailed: len(ruleNames) + 1, "": len(ruleNames) + 1, storeNone: len(ruleNames) + 1, storeAll: 0} {
		c.Store = store
		q, err := New(Options{Sink: newSink(), Config: c})
		if err != nil {
			t.Fatal(err)
		}
		if got := q.FailuresOnly(); len(got) != want {
			t.Errorf("%q: %v", store, got)
		}
	}
}
