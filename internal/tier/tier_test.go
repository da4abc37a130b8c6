package tier

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/blob"
	"github.com/pitot-dev/pitot/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine keeps the rows of a day in files of its directory, as the engine
// does; it sees what is in partitions when it starts, and what is attached later.
type fakeEngine struct {
	dir string
	mu  sync.Mutex
	on  map[string]bool
	hot time.Time
}

// startEngine opens a directory as a process that starts does.
func startEngine(t *testing.T, dir string) *fakeEngine {
	t.Helper()
	e := &fakeEngine{dir: dir, on: map[string]bool{}}
	entries, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range entries {
		e.on[d.Name()] = true
	}
	return e
}

func (e *fakeEngine) Days(context.Context) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for d := range e.on {
		out = append(out, d)
	}
	return out, nil
}

func (e *fakeEngine) SnapshotDay(_ context.Context, day string) (string, error) {
	from := filepath.Join(e.dir, "partitions", day)
	to := filepath.Join(from, "snapshots", "1")
	if err := os.RemoveAll(to); err != nil {
		return "", err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(from, "rows"))
	if err != nil {
		return "", err
	}
	return to, os.WriteFile(filepath.Join(to, "rows"), b, 0o600)
}

func (e *fakeEngine) DetachDay(_ context.Context, day string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.on[day] {
		return errors.New("not attached")
	}
	delete(e.on, day)
	return nil
}

func (e *fakeEngine) AttachDay(_ context.Context, day string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := os.Stat(filepath.Join(e.dir, "partitions", day)); err != nil || e.on[day] {
		return fmt.Errorf("cannot attach: %w", err)
	}
	e.on[day] = true
	return nil
}

// WriteDay and AddToDay take the words of a day's file for its rows.
func (e *fakeEngine) WriteDay(_ context.Context, day string, w io.Writer) error {
	_, err := io.WriteString(w, e.rows(day))
	return err
}

func (e *fakeEngine) AddToDay(_ context.Context, day string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	have := strings.Fields(e.rows(day))
	if len(have) == 0 {
		return errors.New("not attached")
	}
	for w := range strings.FieldsSeq(string(b)) {
		if !slices.Contains(have, w) {
			have = append(have, w)
		}
	}
	return os.WriteFile(filepath.Join(e.dir, "partitions", day, "rows"), []byte(strings.Join(have, " ")), 0o600)
}

func (e *fakeEngine) SetHot(from time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hot = from
}

// rows are those that a query of a day finds.
func (e *fakeEngine) rows(day string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.on[day] {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(e.dir, "partitions", day, "rows"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

var now = time.Date(2026, 5, 10, 12, 0, 0, 0, time.UTC)

// world is a data directory and a cold place that outlive processes.
type world struct {
	dir, cold string
	step      func(string) error
	maxDisk   int64
	config    Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), cold: t.TempDir(), config: DefaultConfig()}
	w.config.Location = w.cold
	for d := range 10 {
		day := now.AddDate(0, 0, -d).Format(dayLayout)
		p := filepath.Join(w.dir, "partitions", day)
		if err := os.MkdirAll(p, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p, "rows"), []byte(rowsOf(day)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func rowsOf(day string) string { return "rows of " + day + strings.Repeat(" more", 100) }

// start starts a process: an engine and a Manager.
func (w *world) start(t *testing.T) (*Manager, *fakeEngine) {
	t.Helper()
	e := startEngine(t, w.dir)
	m, err := New(Options{
		Config: w.config, Dir: w.dir, Hot: 3 * 24 * time.Hour, MaxDisk: w.maxDisk, Engine: e, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return now }, Step: w.step,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, e
}

// places says where a day is: whole copies only.
func (w *world) places(t *testing.T, day string) (local, coldCopy bool) {
	t.Helper()
	if b, err := os.ReadFile(filepath.Join(w.dir, "partitions", day, "rows")); err == nil {
		if string(b) != rowsOf(day) {
			t.Errorf("day %s is damaged here", day)
		}
		local = true
	}
	c := cold{blob.Dir(w.cold)}
	if man, err := c.manifest(t.Context(), day); err == nil {
		if err := c.verify(t.Context(), man); err != nil {
			t.Errorf("a manifest without its content: %v", err)
		}
		coldCopy = true
	}
	return local, coldCopy
}

func all() (start, end time.Time) { return now.AddDate(0, 0, -20), now.AddDate(0, 0, 1) }

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

func TestOldDaysMoveAndComeBack(t *testing.T) {
	w := newWorld(t)
	m, e := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	for d := range 10 {
		day := now.AddDate(0, 0, -d).Format(dayLayout)
		local, coldCopy := w.places(t, day)
		if old := d > 3; local == old || coldCopy != old {
			t.Errorf("day %d ago: local %v, cold %v", d, local, coldCopy)
		}
	}
	if e.hot.Before(now.AddDate(0, 0, -4)) {
		t.Errorf("rows are taken from %v on", e.hot)
	}
	day := now.AddDate(0, 0, -6)
	if missing := ask(t, m, day.Add(-time.Hour), day.Add(time.Hour)); len(missing) > 0 {
		t.Errorf("missing %v", missing)
	}
	if got := e.rows(day.Format(dayLayout)); got != rowsOf(day.Format(dayLayout)) {
		t.Errorf("the day that came back has %q", got)
	}
	// More than a query may bring back: said, not done.
	m.opts.Config.MaxDays = 2
	start, end := all()
	if missing := ask(t, m, start, end); len(missing) != 5 {
		t.Errorf("missing %v", missing)
	}
	// Unused for long, it goes again; the cold copy stays.
	m.opts.Now = func() time.Time { return now.Add(2 * idle) }
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if local, coldCopy := w.places(t, day.Format(dayLayout)); local || !coldCopy {
		t.Errorf("an unused day: local %v, cold %v", local, coldCopy)
	}
}

// killed stops a Manager in its tracks.
var errKilled = errors.New("killed")

// TestCrashAtEveryStep ends the process before each step of the moves in turn,
// starts another one, and checks that each day is somewhere, found at most once
// and, in the end, as it was.
func TestCrashAtEveryStep(t *testing.T) {
	var steps []string
	record := newWorld(t)
	record.step = func(s string) error { steps = append(steps, s); return nil }
	use := func(m *Manager) {
		start, end := all()
		_ = m.Round(t.Context())
		ask(t, m, start, end)
	}
	m, _ := record.start(t)
	use(m)
	if len(steps) < 20 {
		t.Fatalf("steps: %v", steps)
	}
	for at := range steps {
		w := newWorld(t)
		n := 0
		dead := false
		w.step = func(string) error {
			if dead = dead || n == at; dead {
				return errKilled
			}
			n++
			return nil
		}
		m, _ := w.start(t)
		use(m)
		for d := range 10 {
			day := now.AddDate(0, 0, -d).Format(dayLayout)
			if local, coldCopy := w.places(t, day); !local && !coldCopy {
				t.Errorf("killed before step %d (%s): day %s is nowhere", at, steps[at], day)
			}
		}
		w.step = nil
		m, e := w.start(t)
		if err := m.Round(t.Context()); err != nil {
			t.Errorf("killed before step %d (%s): the next round: %v", at, steps[at], err)
		}
		start, end := all()
		if missing := ask(t, m, start, end); len(missing) > 0 {
			t.Errorf("killed before step %d (%s): missing %v", at, steps[at], missing)
		}
		for d := range 10 {
			day := now.AddDate(0, 0, -d).Format(dayLayout)
			if got := e.rows(day); got != rowsOf(day) {
				t.Errorf("killed before step %d (%s): day %s has %q", at, steps[at], day, got)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(w.dir, "*-2*")); len(left) > 0 {
			t.Errorf("killed before step %d (%s): left %v", at, steps[at], left)
		}
	}
}

// brokenStore fails in the middle of things.
type brokenStore struct {
	blob.Store
	puts    int // how many succeed
	corrupt bool
}

func (b *brokenStore) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if b.puts--; b.puts < 0 {
		return errKilled
	}
	if b.corrupt && !strings.HasSuffix(key, ".manifest") {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		text[0] ^= 1
		r = strings.NewReader(string(text))
	}
	return b.Store.Put(ctx, key, r, size)
}

func TestBadColdStorageLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.config.Wait = model.Duration(time.Millisecond)
	m, _ := w.start(t)
	start, end := all()
	if missing := ask(t, m, start, end); len(missing) == 0 {
		t.Error("nobody knows what is cold yet, and the answer passes for whole")
	}
	for name, store := range map[string]*brokenStore{
		"down": {}, "down later": {puts: 3}, "down before a manifest": {puts: 1}, "corrupting": {puts: 1000, corrupt: true},
	} {
		w := newWorld(t)
		m, e := w.start(t)
		store.Store = m.cold.store
		m.cold.store = store
		if err := m.Round(t.Context()); err == nil {
			t.Errorf("%s: the round succeeded", name)
		}
		m.cold.store = store.Store
		if err := m.Round(t.Context()); err != nil {
			t.Errorf("%s: the next round: %v", name, err)
		}
		ask(t, m, start, end)
		for d := range 10 {
			day := now.AddDate(0, 0, -d).Format(dayLayout)
			if got := e.rows(day); got != rowsOf(day) {
				t.Errorf("%s: day %s has %q", name, day, got)
			}
		}
	}
}

func TestDamagedColdCopyIsNotUsed(t *testing.T) {
	w := newWorld(t)
	m, e := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	day := now.AddDate(0, 0, -6)
	name := filepath.Join(w.cold, "days", day.Format(dayLayout), "rows")
	if err := os.WriteFile(name, []byte(strings.Repeat("x", len(rowsOf(day.Format(dayLayout))))), 0o600); err != nil {
		t.Fatal(err)
	}
	if missing := ask(t, m, day, day.Add(time.Hour)); !slices.Equal(missing, []string{day.Format(dayLayout)}) {
		t.Errorf("missing %v", missing)
	}
	if got := e.rows(day.Format(dayLayout)); got != "" {
		t.Errorf("damaged rows are found: %q", got)
	}
}

func TestDiskBoundMovesDaysEarly(t *testing.T) {
	w := newWorld(t)
	w.maxDisk = int64(3 * len(rowsOf("20260101")))
	m, e := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	days, _ := e.Days(t.Context())
	if len(days) != 3 {
		t.Errorf("%d days are left: %v", len(days), days)
	}
	if want := now.AddDate(0, 0, -2).Truncate(24 * time.Hour); !e.hot.Equal(want) {
		t.Errorf("rows are taken from %v on, want %v: a day that is cold takes none", e.hot, want)
	}
}

func TestCacheIsBounded(t *testing.T) {
	w := newWorld(t)
	w.config.Cache = units.Base2Bytes(2*len(rowsOf("20260101")) + 10)
	m, e := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	for d := 4; d < 10; d++ {
		day := now.AddDate(0, 0, -d).Truncate(24 * time.Hour)
		if missing := ask(t, m, day, day.Add(time.Hour)); len(missing) > 0 {
			t.Errorf("missing %v", missing)
		}
		if days, _ := e.Days(t.Context()); len(days) > 4+2 {
			t.Errorf("%d days are here", len(days))
		}
	}
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

func TestExpiredColdDaysGo(t *testing.T) {
	w := newWorld(t)
	w.config.Retention = model.Duration(4 * 24 * time.Hour)
	m, _ := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if local, coldCopy := w.places(t, now.AddDate(0, 0, -9).Format(dayLayout)); local || coldCopy {
		t.Errorf("local %v, cold %v", local, coldCopy)
	}
	if _, coldCopy := w.places(t, now.AddDate(0, 0, -6).Format(dayLayout)); !coldCopy {
		t.Error("a day within the retention is gone")
	}
}

func TestRecallMakesDaysHot(t *testing.T) {
	w := newWorld(t)
	m, e := w.start(t)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	start, end := all()
	days, err := m.Recall(t.Context(), start, end)
	if err != nil || len(days) != 6 {
		t.Fatal(days, err)
	}
	for _, day := range days {
		if local, coldCopy := w.places(t, day); !local || coldCopy || e.rows(day) != rowsOf(day) {
			t.Errorf("day %s: local %v, cold %v", day, local, coldCopy)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(w.cold, "days", "*", "*")); len(files) > 0 {
		t.Errorf("left in cold storage: %v", files)
	}
}

func TestNewerManifestIsRefused(t *testing.T) {
	b, err := encodeManifest(&manifest{Day: "20260101"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeManifest([]byte(strings.Replace(string(b), "pitot-cold 1", "pitot-cold 2", 1))); !errors.Is(err, errNewer) {
		t.Errorf("err = %v", err)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	b, err := encodeManifest(&manifest{Day: "20260101", Files: []file{{Path: "../x"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		for _, x := range m.Files {
			if !filepath.IsLocal(x.Path) {
				t.Errorf("path %q", x.Path)
			}
		}
	})
}
