package events

import (
	"context"
	"slices"
	"testing"
	"time"
)

// fakeCold counts questions and says that a day is missing.
type fakeCold struct {
	asked   int
	missing []string
}

func (f *fakeCold) Want(context.Context, time.Time, time.Time) []string {
	f.asked++
	return f.missing
}

func TestOnlyQuestionsOfUsersBringColdDaysBack(t *testing.T) {
	s := testStore(t)
	cold := &fakeCold{}
	s.SetCold(cold)
	q := CallQuery{CallFilter: CallFilter{Range: Range{time.Now().Add(-time.Hour), time.Now()}}, Limit: 1}
	if _, err := s.Calls(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	if cold.asked != 0 {
		t.Error("a query that nobody waits for brought days back")
	}
	var p Partial
	if _, err := s.Calls(WithCold(t.Context(), &p), q); err != nil {
		t.Fatal(err)
	}
	if cold.asked == 0 || len(p.Days()) != 0 {
		t.Errorf("asked %d times, missing %v", cold.asked, p.Days())
	}
	cold.missing, cold.asked = []string{"20260101"}, 0
	ctx := WithCold(t.Context(), &p)
	for range 3 {
		if _, err := s.Calls(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if cold.asked != 1 || !slices.Equal(p.Days(), cold.missing) {
		t.Errorf("asked %d times, missing %v: a request waits once", cold.asked, p.Days())
	}
}

func TestColdDaysTakeNoRows(t *testing.T) {
	s := testStore(t)
	from := time.Now().Add(-24 * time.Hour)
	s.SetHot(from)
	if s.Accepts(from.Add(-time.Second)) || !s.Accepts(from.Add(time.Second)) {
		t.Error("rows are not taken from the hot age on")
	}
}
