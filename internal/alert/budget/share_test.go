package budget

import (
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestShareCountsWhatOthersRecorded: a call counts once, whether it was recorded
// here, read from the store, or both; in any order and however often.
func TestShareCountsWhatOthersRecorded(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	e, err := New(Config{Budgets: []Budget{{Name: "all", Limit: 10, Period: "day"}}}, Options{Now: func() time.Time { return now }, Remember: 4})
	if err != nil {
		t.Fatal(err)
	}
	call := func(id string, at time.Time) *llm.Call {
		return &llm.Call{ID: id, Time: at, Status: llm.StatusOK, Cost: llm.Cost{USD: llm.Some(1.0), State: llm.CostComputed}}
	}
	spent := func(want float64) {
		t.Helper()
		if got := e.Status()[0].Spent; got != want {
			t.Errorf("spent %v, want %v", got, want)
		}
	}
	at := now.Add(-time.Minute)
	e.Record(call("own", at))
	e.Share(call("own", at))
	spent(1)
	e.Share(call("other", at))
	e.Share(call("other", at))
	e.Record(call("other", at))
	spent(2)
	e.Share(call("", at)) // nothing tells it from others
	spent(2)
	for i, id := range []string{"a", "b", "c"} {
		e.Share(call(id, at.Add(time.Duration(i+1)*time.Second)))
	}
	spent(5)
	// "own" is forgotten by now: what is as old may have been counted.
	e.Share(call("own", at))
	spent(5)
}
