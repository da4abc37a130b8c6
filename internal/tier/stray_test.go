package tier

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// strayWorld has six cold days, of which two are here as well: one that was begun
// anew, and one as it was before its last rows, as from an older backup.
func strayWorld(t *testing.T) (w *world, anew, older string) {
	t.Helper()
	w = newWorld(t)
	anew, older = now.AddDate(0, 0, -6).Format(dayLayout), now.AddDate(0, 0, -7).Format(dayLayout)
	m, _ := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	for day, rows := range map[string]string{anew: "late", older: "rows of"} {
		p := filepath.Join(w.dir, "partitions", day)
		if err := os.MkdirAll(p, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p, "rows"), []byte(rows), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w, anew, older
}

// checkStray says whether both days have all their rows, and each once.
func checkStray(t *testing.T, w *world, e *fakeEngine, anew, older, when string) {
	t.Helper()
	for day, late := range map[string]string{anew: " late", older: ""} {
		want := strings.Fields(rowsOf(day) + late)
		got := strings.Fields(e.rows(day))
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%sday %s has %q", when, day, e.rows(day))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "*-2*")); len(left) > 0 {
		t.Errorf("%sleft %v", when, left)
	}
}

func TestStrayRowsJoinTheirDay(t *testing.T) {
	var steps []string
	w, anew, older := strayWorld(t)
	w.step = func(s string) error { steps = append(steps, s); return nil }
	m, e := w.start(t)
	start, end := all()
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if missing := ask(t, m, start, end); len(missing) > 0 {
		t.Errorf("missing %v", missing)
	}
	checkStray(t, w, e, anew, older, "")

	for at := range steps {
		w, anew, older := strayWorld(t)
		n, dead := 0, false
		w.step = func(string) error {
			if dead = dead || n == at; dead {
				return errKilled
			}
			n++
			return nil
		}
		m, _ := w.start(t)
		_ = m.Round(t.Context())
		w.step = nil
		m, e := w.start(t)
		when := "killed before step " + steps[at] + ": "
		if err := m.Round(t.Context()); err != nil {
			t.Error(when, err)
		}
		if missing := ask(t, m, start, end); len(missing) > 0 {
			t.Errorf("%smissing %v", when, missing)
		}
		checkStray(t, w, e, anew, older, when)
	}
}

// TestQuestionsSeeStrayDaysWhole: the first question may come before the round.
func TestQuestionsSeeStrayDaysWhole(t *testing.T) {
	w, anew, older := strayWorld(t)
	m, e := w.start(t)
	if err := m.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	start, end := all()
	if missing := ask(t, m, start, end); len(missing) > 0 {
		t.Errorf("missing %v", missing)
	}
	checkStray(t, w, e, anew, older, "")
}

// TestColdDaysTakeNothingFromTheStart: late rows may come before it is known what
// the cold place has, and must not begin a day anew.
func TestColdDaysTakeNothingFromTheStart(t *testing.T) {
	w := newWorld(t)
	w.maxDisk = int64(3 * len(rowsOf("20260101")))
	m, _ := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, e := w.start(t)
	if want := now.AddDate(0, 0, -2).Truncate(24 * 3600e9); !e.hot.Equal(want) {
		t.Errorf("rows are taken from %v on, want %v", e.hot, want)
	}
}

func TestDamagedStateIsReported(t *testing.T) {
	for name, b := range map[string]string{"damaged": "{", "newer": `{"version":2}`} {
		w := newWorld(t)
		if err := os.WriteFile(filepath.Join(w.dir, stateFile), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Options{Config: w.config, Dir: w.dir, Engine: startEngine(t, w.dir)})
		if err == nil || !strings.Contains(err.Error(), stateFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCutJoinKeepsItsRows: after a join that was cut, rows are in a file only. They
// stay when the day is begun anew once more, and a backup has them.
func TestCutJoinKeepsItsRows(t *testing.T) {
	w, anew, older := strayWorld(t)
	fetched := 0
	w.step = func(s string) error {
		if s == "fetch" {
			if fetched++; fetched == 2 { // that of the day that was begun anew
				return errKilled
			}
		}
		return nil
	}
	m, _ := w.start(t)
	if err := m.Round(t.Context()); err == nil {
		t.Fatal("the round was not cut")
	}
	copied := t.TempDir()
	if err := m.CopyStrays(copied); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(copied, "*"+straySuffix)); len(left) != 1 {
		t.Errorf("a snapshot has %v", left)
	}
	// A server without cold storage takes another late row.
	p := filepath.Join(w.dir, "partitions", anew)
	if _, err := os.Stat(p); err == nil {
		t.Fatal("the day is here")
	}
	if err := os.MkdirAll(p, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p, "rows"), []byte("later"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.step = nil
	m, e := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	start, end := all()
	if missing := ask(t, m, start, end); len(missing) > 0 {
		t.Errorf("missing %v", missing)
	}
	want := append(strings.Fields(rowsOf(anew)), "late", "later")
	got := strings.Fields(e.rows(anew))
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || e.rows(older) != rowsOf(older) {
		t.Errorf("day %s has %q, day %s %q", anew, got, older, e.rows(older))
	}
}

// TestErasureSeesWaitingRows: rows that a join which was cut has left in a file
// came back with the next round, after an erasure had removed them from the day.
func TestErasureSeesWaitingRows(t *testing.T) {
	for _, step := range []string{"fetch", "add", "added"} {
		w, _, _ := strayWorld(t)
		dead := false
		w.step = func(s string) error {
			if dead = dead || s == step; dead {
				return errKilled
			}
			return nil
		}
		m, _ := w.start(t)
		if err := m.Round(t.Context()); err == nil {
			t.Fatal("the round was not cut")
		}
		w.step = nil
		m, e := w.start(t)
		start, end := all()
		_, release, err := m.Recall(t.Context(), start, end)
		if err != nil {
			t.Fatal(step, err)
		}
		for d := range 10 { // what an erasure does
			day := now.AddDate(0, 0, -d).Format(dayLayout)
			if err := os.WriteFile(filepath.Join(w.dir, "partitions", day, "rows"), []byte("clean"), 0o600); err != nil {
				t.Fatal(step, err)
			}
		}
		release()
		if err := m.Round(t.Context()); err != nil {
			t.Fatal(step, err)
		}
		if missing := ask(t, m, start, end); len(missing) > 0 {
			t.Errorf("%s: missing %v", step, missing)
		}
		for d := range 10 {
			if day := now.AddDate(0, 0, -d).Format(dayLayout); e.rows(day) != "clean" {
				t.Errorf("cut before %s: day %s has %.50q again", step, day, e.rows(day))
			}
		}
	}
}
