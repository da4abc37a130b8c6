package events

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestScanCalls reads in both orders what the list has: calls spread out, many
// in one second, and many at one moment.
func TestScanCalls(t *testing.T) {
	s := testStore(t)
	env := "scan-" + ulid.Make().String()
	start := time.Now().UTC().Truncate(time.Second).Add(-26 * time.Hour)
	end := start.Add(25 * time.Hour)
	var recs []llm.Record
	add := func(at time.Time) {
		recs = append(recs, usageCall(at, env, func(*llm.Call) {}))
	}
	add(start)
	for i := range 40 {
		add(start.Add(time.Duration(i) * 37 * time.Minute))
	}
	for i := range scanRows + 100 { // one second
		add(start.Add(3*time.Hour + time.Duration(i)*100*time.Microsecond))
	}
	for range scanRows + 50 { // one moment
		add(start.Add(5 * time.Hour))
	}
	add(end.Add(-1))
	add(end) // outside
	insert(t, s, recs...)
	want := make([]string, 0, len(recs))
	slices.SortFunc(recs, func(a, b llm.Record) int {
		if c := a.Call.Time.Compare(b.Call.Time); c != 0 {
			return c
		}
		return strings.Compare(a.Call.ID, b.Call.ID)
	})
	for _, r := range recs[:len(recs)-1] {
		want = append(want, r.Call.ID)
	}
	f := CallFilter{Range: Range{start, end}, Environment: env}
	for _, oldest := range []bool{true, false} {
		n, each, err := s.ScanCalls(t.Context(), f, oldest)
		if err != nil || int(n) != len(want) {
			t.Fatalf("%d calls, want %d: %v", n, len(want), err)
		}
		var got []string
		largest := 0
		err = each(t.Context(), func(calls []*llm.Call) error {
			largest = max(largest, len(calls))
			for _, c := range calls {
				got = append(got, c.ID)
				if c.RequestModel != "claude" || len(c.Input) > 0 {
					t.Fatalf("%+v", c)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !oldest {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("oldest %v: %d calls in an order of their own, want %d", oldest, len(got), len(want))
		}
		if largest > scanRows+100 {
			t.Errorf("a batch of %d", largest)
		}
	}
	if n, _, err := s.ScanCalls(t.Context(), CallFilter{Range: f.Range, Environment: env, Query: "request_model:nothing"}, true); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	stop := errors.New("stop")
	_, each, err := s.ScanCalls(t.Context(), f, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := each(t.Context(), func([]*llm.Call) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	if _, _, err := s.ScanCalls(t.Context(), CallFilter{Query: "(("}, true); err == nil {
		t.Error("a bad filter is no error")
	}
}
