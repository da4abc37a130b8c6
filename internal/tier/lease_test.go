package tier

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/alecthomas/units"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// ask is a query that ends at once.
func ask(t *testing.T, m *Manager, start, end time.Time) (missing []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	missing = m.Want(ctx, start, end)
	cancel()
	testkit.Eventually(t, "the query lets go of its days", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.leases) == 0
	})
	return missing
}

// TestQueriesKeepTheirDays: a day neither moves nor leaves the cache while a
// query reads it.
func TestQueriesKeepTheirDays(t *testing.T) {
	w := newWorld(t)
	w.config.Cache = units.Base2Bytes(2*len(rowsOf("20260101")) + 10)
	m, e := w.start(t)
	if err := m.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	day := func(ago int) (start, end time.Time) {
		start = now.AddDate(0, 0, -ago).Truncate(24 * time.Hour)
		return start, start.Add(24*time.Hour - 1)
	}
	name := func(ago int) string { return now.AddDate(0, 0, -ago).Format(dayLayout) }
	first, end := context.WithCancel(t.Context())
	start, stop := day(6)
	if missing := m.Want(first, start, stop); len(missing) > 0 {
		t.Fatalf("missing %v", missing)
	}
	for range 2 { // it moves while the query runs, and stays here, too
		if err := m.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		if local, coldCopy := w.places(t, name(6)); !local || !coldCopy || e.rows(name(6)) == "" {
			t.Errorf("local %v, cold %v, rows %q", local, coldCopy, e.rows(name(6)))
		}
	}
	// Days that another query reads make no room: the answer says what it lacks.
	second, end2 := context.WithCancel(t.Context())
	start, _ = day(9)
	_, stop = day(7)
	if missing := m.Want(second, start, stop); !slices.Equal(missing, []string{name(8), name(7)}) {
		t.Errorf("missing %v", missing)
	}
	for _, ago := range []int{9, 6} {
		if e.rows(name(ago)) != rowsOf(name(ago)) {
			t.Errorf("day %d has gone while a query reads it", ago)
		}
	}
	end()
	end2()
	testkit.Eventually(t, "the queries let go of their days", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.leases) == 0
	})
	if missing := ask(t, m, start, start.Add(47*time.Hour)); len(missing) > 0 {
		t.Errorf("missing %v", missing)
	}
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if local, coldCopy := w.places(t, name(6)); local || !coldCopy {
		t.Errorf("after the query: local %v, cold %v", local, coldCopy)
	}
}

// TestQueriesComeBetweenMoves: who asks for a cold day does not wait for all the
// days that are on their way.
func TestQueriesComeBetweenMoves(t *testing.T) {
	w := newWorld(t)
	first, _ := w.start(t)
	if err := first.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	cold := now.AddDate(0, 0, -9).Format(dayLayout)
	var m *Manager
	var asked *thaw
	moves := 0
	w.step = func(step string) error {
		if step != "snapshot" {
			return nil
		}
		switch moves++; moves {
		case 1:
			asked = m.begin(t.Context(), cold)
		case 2:
			select {
			case <-asked.done:
			default:
				t.Error("the second day moves while a query waits")
			}
		}
		return nil
	}
	m, e := w.start(t)
	m.opts.Hot = 0 // three more days are due
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if moves < 2 || e.rows(cold) != rowsOf(cold) {
		t.Errorf("%d moves, the cold day has %q", moves, e.rows(cold))
	}
}
