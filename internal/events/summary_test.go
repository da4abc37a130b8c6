package events

import (
	"testing"
	"time"
)

// TestRangePastRetention: a range of which nothing is kept any more has nothing
// in it, which is no fault of who asks.
func TestRangePastRetention(t *testing.T) {
	s := testStore(t)
	f := CallFilter{Range: Range{time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2001, 1, 2, 0, 0, 0, 0, time.UTC)}}
	if sum, err := s.Summary(t.Context(), f); err != nil || sum.Totals.Calls != 0 {
		t.Errorf("summary: %+v %v", sum, err)
	}
	if tl, err := s.Timeline(t.Context(), TimelineQuery{CallFilter: f, Step: time.Hour}); err != nil || len(tl.Series) > 1 {
		t.Errorf("timeline: %+v %v", tl, err)
	}
	if groups, err := s.Costs(t.Context(), CostQuery{CallFilter: f}); err != nil || len(groups) != 0 {
		t.Errorf("costs: %+v %v", groups, err)
	}
	if page, err := s.Calls(t.Context(), CallQuery{CallFilter: f}); err != nil || len(page.Calls) != 0 {
		t.Errorf("calls: %+v %v", page, err)
	}
	// What makes no sense is still told.
	f.End = f.Start
	if _, err := s.Costs(t.Context(), CostQuery{CallFilter: f}); err == nil {
		t.Error("a range without length is taken")
	}
}
