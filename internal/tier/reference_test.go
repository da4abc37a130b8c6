package tier

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestBackupsReferToColdDays(t *testing.T) {
	w := newWorld(t)
	m, _ := w.start(t)
	m.opts.Data = t.TempDir()
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := func(path string) ([]byte, error) {
		return os.ReadFile(filepath.Join(m.opts.Data, filepath.FromSlash(path)))
	}
	ref, err := file(ReferencePath)
	if err != nil {
		t.Fatal(err)
	}
	check := func(now time.Time) Checked {
		t.Helper()
		k := Checker{Now: func() time.Time { return now }}
		got, err := k.Check(t.Context(), ref, file)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := check(now); got.Days != 6 || got.Bytes == 0 || len(got.Faults)+len(got.Notes) > 0 {
		t.Errorf("whole: %+v", got)
	}
	day := now.AddDate(0, 0, -6).Format(dayLayout)
	rows := filepath.Join(w.cold, "days", day, "rows")
	damaged := []byte(rowsOf(day))
	damaged[3] ^= 1
	if err := os.WriteFile(rows, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := check(now); got.Days != 5 || len(got.Faults) != 1 || !strings.Contains(got.Faults[0], day) || !strings.Contains(got.Faults[0], "checksum differs") {
		t.Errorf("one byte changed: %+v", got)
	}
	if err := os.WriteFile(rows, []byte(rowsOf(day)), 0o600); err != nil {
		t.Fatal(err)
	}
	// Brought back for good, and moved anew: another manifest, whole.
	start := now.AddDate(0, 0, -6).Truncate(24 * time.Hour)
	days, release, err := m.Recall(t.Context(), start, start.Add(24*time.Hour))
	if err != nil || len(days) != 1 {
		t.Fatal(days, err)
	}
	release()
	if got := check(now); got.Days != 5 || len(got.Faults) != 1 || !strings.Contains(got.Faults[0], "not there") {
		t.Errorf("one day recalled: %+v", got)
	}
	if got := check(now.AddDate(1, 0, 0)); len(got.Faults) != 0 || len(got.Notes) != 1 {
		t.Errorf("a year later: %+v", got)
	}
	m.opts.Now = func() time.Time { return now.Add(time.Minute) }
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := string(ref)
	if ref, err = file(ReferencePath); err != nil || string(ref) == before {
		t.Errorf("the day that moved anew was not noted: %v", err)
	}
	if got := check(now); got.Days != 6 || len(got.Faults)+len(got.Notes) > 0 {
		t.Errorf("moved anew: %+v", got)
	}
	if _, err := (&Checker{}).Check(t.Context(), []byte(`{"version":99}`), file); err == nil {
		t.Error("a reference of a newer version was read")
	}
	if _, err := (&Checker{}).Check(t.Context(), []byte(`nonsense`), file); err == nil {
		t.Error("nonsense was read")
	}
}

// TestPrepareRunsBeforeDaysMove: where it fails the days stay.
func TestPrepareRunsBeforeDaysMove(t *testing.T) {
	w := newWorld(t)
	m, e := w.start(t)
	m.opts.Prepare = func(context.Context) error { return errKilled }
	if err := m.Round(t.Context()); err == nil {
		t.Error("the round went on")
	}
	if days, _ := e.Days(t.Context()); len(days) != 10 {
		t.Errorf("%d days are left of 10", len(days))
	}
	ran := 0
	m.opts.Prepare = func(context.Context) error { ran++; return nil }
	for range 2 {
		if err := m.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if days, _ := e.Days(t.Context()); ran != 1 || len(days) != 4 {
		t.Errorf("prepared %d times, %d days are left", ran, len(days))
	}
	for day, at := range m.Status().MovedAt {
		if !at.Equal(now) {
			t.Errorf("day %s moved at %v", day, at)
		}
	}
}
