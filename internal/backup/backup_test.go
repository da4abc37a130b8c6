package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/blob"
)

// tree writes files; their paths map to their content.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		name := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// newRepository returns a repository whose clock goes on by a minute a question.
func newRepository(t *testing.T, store blob.Store) *Repository {
	t.Helper()
	r, err := Open(t.Context(), store, true)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.now = func() time.Time { now = now.Add(time.Minute); return now }
	return r
}

func create(t *testing.T, r *Repository, dir string) *Manifest {
	t.Helper()
	m, err := r.Create(t.Context(), Source{Dir: dir, Name: "/data", Pitot: "test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var sample = map[string]string{
	"events/partitions/20260101/datadb/0001/values.bin": strings.Repeat("v", 5000),
	"events/partitions/20260101/datadb/parts.json":      `["0001"]`,
	"metrics/01ARZ3NDEKTSV4RRFFQ69G5FAV/chunks/000001":  "chunks",
	"journal/00000000": "j",
	"budgets.json":     "b",
	"empty":            "",
}

func TestBackupAndRestore(t *testing.T) {
	src, repo := t.TempDir(), t.TempDir()
	tree(t, src, sample)
	r := newRepository(t, blob.Dir(repo))
	first := create(t, r, src)
	if first.Added != len(sample) {
		t.Errorf("the first backup added %d files, want %d", first.Added, len(sample))
	}
	// One file new, one changed, one gone.
	tree(t, src, map[string]string{"journal/00000001": "new", "budgets.json": "changed"})
	if err := os.Remove(filepath.Join(src, "journal", "00000000")); err != nil {
		t.Fatal(err)
	}
	second := create(t, r, src)
	if second.Added != 2 || second.AddedBytes != int64(len("new")+len("changed")) {
		t.Errorf("the second backup added %d files, %d bytes; want 2 files", second.Added, second.AddedBytes)
	}
	for id, want := range map[string]map[string]string{first.ID: sample, second.ID: readTree(t, src)} {
		m, err := r.Manifest(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if faults, err := r.Verify(t.Context(), m, nil); err != nil || len(faults) > 0 {
			t.Errorf("Verify(%s) = %v, %v", id, faults, err)
		}
		dir := filepath.Join(t.TempDir(), "restored")
		if err := r.Restore(t.Context(), m, dir, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readTree(t, dir)); diff != "" {
			t.Errorf("%s: restored files (-want +got):\n%s", id, diff)
		}
	}
	if m, err := r.Manifest(t.Context(), ""); err != nil || m.ID != second.ID {
		t.Errorf("the newest is %v, %v", m, err)
	}
}

// counting counts reads of files that Put was given.
type counting struct {
	blob.Store
	puts []string
	fail string // Put of a key with this in it fails
}

func (c *counting) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	if c.fail != "" && strings.Contains(key, c.fail) {
		return errors.New("no room")
	}
	c.puts = append(c.puts, key)
	return c.Store.Put(ctx, key, r, size)
}

func TestBackupThatIsCutCountsForNothing(t *testing.T) {
	src := t.TempDir()
	tree(t, src, sample)
	store := &counting{Store: blob.Dir(t.TempDir())}
	r := newRepository(t, store)
	store.fail = "backups/"
	if _, err := r.Create(t.Context(), Source{Dir: src}, nil); err == nil {
		t.Fatal("it succeeded without a manifest")
	}
	if ids, err := r.IDs(t.Context()); err != nil || len(ids) > 0 {
		t.Fatalf("backups: %v, %v", ids, err)
	}
	store.fail, store.puts = "", nil
	m := create(t, r, src)
	if m.Added != 0 {
		t.Errorf("the content was sent again: %v", store.puts)
	}
}

func TestImmutableFilesAreNotReadAgain(t *testing.T) {
	src := t.TempDir()
	tree(t, src, sample)
	r := newRepository(t, blob.Dir(t.TempDir()))
	create(t, r, src)
	// Same size and time, other content: read again it would be noticed.
	part := filepath.Join(src, "events/partitions/20260101/datadb/0001/values.bin")
	st, err := os.Stat(part)
	if err != nil {
		t.Fatal(err)
	}
	tree(t, src, map[string]string{"events/partitions/20260101/datadb/0001/values.bin": strings.Repeat("w", 5000)})
	if err := os.Chtimes(part, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if m := create(t, r, src); m.Added != 0 {
		t.Errorf("%d files were sent", m.Added)
	}
	// A file that may change is read, whatever its time says.
	budgets := filepath.Join(src, "budgets.json")
	st, err = os.Stat(budgets)
	if err != nil {
		t.Fatal(err)
	}
	tree(t, src, map[string]string{"budgets.json": "c"})
	if err := os.Chtimes(budgets, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	if m := create(t, r, src); m.Added != 1 {
		t.Errorf("%d files were sent, want the changed one", m.Added)
	}
}

func TestDamageIsFound(t *testing.T) {
	src, repo := t.TempDir(), t.TempDir()
	tree(t, src, sample)
	r := newRepository(t, blob.Dir(repo))
	m := create(t, r, src)
	var object string
	for i := range m.Files {
		if m.Files[i].Path == "budgets.json" {
			object = filepath.Join(repo, filepath.FromSlash(m.Files[i].object()))
		}
	}
	for name, damage := range map[string]func() error{
		"flipped": func() error { return os.WriteFile(object, []byte("x"), 0o600) },
		"longer":  func() error { return os.WriteFile(object, []byte("bb"), 0o600) },
		"cut":     func() error { return os.WriteFile(object, nil, 0o600) },
		"gone":    func() error { return os.Remove(object) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			faults, err := r.Verify(t.Context(), m, nil)
			if err != nil || len(faults) != 1 || !strings.HasPrefix(faults[0], "budgets.json: ") {
				t.Errorf("Verify = %q, %v", faults, err)
			}
			dir := filepath.Join(t.TempDir(), "restored")
			if err := r.Restore(t.Context(), m, dir, nil); err == nil {
				t.Error("it was restored")
			}
			for _, d := range []string{dir, dir + ".restoring"} {
				if _, err := os.Stat(d); !os.IsNotExist(err) {
					t.Errorf("%s was left: %v", d, err)
				}
			}
			if err := os.WriteFile(object, []byte("b"), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	// The next backup heals what has the wrong size or is gone.
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	if m := create(t, r, src); m.Added != 1 {
		t.Errorf("%d files were sent, want the lost one", m.Added)
	}
}

func TestRestoreNeedsAnEmptyDirectory(t *testing.T) {
	src := t.TempDir()
	tree(t, src, sample)
	r := newRepository(t, blob.Dir(t.TempDir()))
	m := create(t, r, src)
	full := t.TempDir()
	tree(t, full, map[string]string{"precious": "p"})
	if err := r.Restore(t.Context(), m, full, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("Restore: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"precious": "p"}, readTree(t, full)); diff != "" {
		t.Error(diff)
	}
	if err := r.Restore(t.Context(), m, t.TempDir(), nil); err != nil {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestNewerFormatsAreRefused(t *testing.T) {
	src, repo := t.TempDir(), t.TempDir()
	tree(t, src, sample)
	r := newRepository(t, blob.Dir(repo))
	m := create(t, r, src)
	name := filepath.Join(repo, filepath.FromSlash(manifestKey(m.ID)))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(b, []byte("pitot-backup 1 "), []byte("pitot-backup 2 "), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Manifest(t.Context(), m.ID); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer manifest: %v", err)
	}
	tree(t, repo, map[string]string{marker: `{"format":"pitot-backup","version":2}`})
	if _, err := Open(t.Context(), blob.Dir(repo), false); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer repository: %v", err)
	}
}

func TestOpenRefusesOtherPlaces(t *testing.T) {
	if _, err := Open(t.Context(), blob.Dir(t.TempDir()), false); err == nil {
		t.Error("an empty directory was opened as a repository")
	}
	dir := t.TempDir()
	tree(t, dir, map[string]string{"thesis.tex": "x"})
	if _, err := Open(t.Context(), blob.Dir(dir), true); err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("a directory with other things: %v", err)
	}
}

func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	src, repo := t.TempDir(), t.TempDir()
	tree(t, src, sample)
	r := newRepository(t, blob.Dir(repo))
	first := create(t, r, src)
	tree(t, src, map[string]string{"budgets.json": "second"})
	second := create(t, r, src)
	p, err := r.Prune(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Pruned{Backups: []string{first.ID}, Objects: 1, Bytes: 1}, p); diff != "" {
		t.Errorf("Prune (-want +got):\n%s", diff)
	}
	if faults, err := r.Verify(t.Context(), second, nil); err != nil || len(faults) > 0 {
		t.Errorf("after it: %v, %v", faults, err)
	}
	if _, err := r.Prune(t.Context(), 0); err == nil {
		t.Error("all backups were pruned")
	}
	if err := r.write(t.Context(), "running/x", nil); err != nil {
		t.Fatal(err)
	}
	r.now = time.Now
	if _, err := r.Prune(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "being made") {
		t.Errorf("while a backup is made: %v", err)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	good, err := encodeManifest(&Manifest{ID: "x", Files: []File{{Path: "a", SHA256: strings.Repeat("0a", 32)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, path := range []string{"../a", "/a", `a\b`, "a/../../b"} {
		b, err := encodeManifest(&Manifest{ID: "x", Files: []File{{Path: path, SHA256: strings.Repeat("0a", 32)}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		for i := range m.Files {
			if !filepath.IsLocal(m.Files[i].Path) {
				t.Errorf("path %q leaves the directory", m.Files[i].Path)
			}
			m.Files[i].object()
		}
	})
}

// hookStore calls a function before it deletes.
type hookStore struct {
	blob.Store
	before func(key string)
}

func (h hookStore) Delete(ctx context.Context, key string) error {
	h.before(key)
	return h.Store.Delete(ctx, key)
}

// TestBackupBesidePrune: a backup that began while another process pruned found
// content there that was gone when it ended.
func TestBackupBesidePrune(t *testing.T) {
	src, place := t.TempDir(), blob.Dir(t.TempDir())
	tree(t, src, map[string]string{"a": "stays", "b": "comes again"})
	other := newRepository(t, place)
	create(t, other, src)
	if err := os.Remove(filepath.Join(src, "b")); err != nil {
		t.Fatal(err)
	}
	create(t, other, src)
	tree(t, src, map[string]string{"b": "comes again"})
	r := newRepository(t, place)
	r.now = other.now
	var beside *Manifest
	var begun error
	once := false
	r.store = hookStore{place, func(string) {
		if !once {
			once = true
			beside, begun = other.Create(t.Context(), Source{Dir: src}, nil)
		}
	}}
	if _, err := r.Prune(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if begun == nil {
		faults, err := other.Verify(t.Context(), beside, nil)
		t.Fatalf("a backup was made beside a prune: %v, %v", faults, err)
	}
	if !strings.Contains(begun.Error(), "prune is under way") {
		t.Errorf("a backup beside a prune: %v", begun)
	}
	last := create(t, other, src)
	for _, id := range []string{"", last.ID} {
		m, err := other.Manifest(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if faults, err := other.Verify(t.Context(), m, nil); err != nil || len(faults) > 0 {
			t.Errorf("the backup is not whole: %v, %v", faults, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(string(place), "running", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestLongBackupKeepsPruneAway: the mark of a backup was heeded for a day, however
// long it took.
func TestLongBackupKeepsPruneAway(t *testing.T) {
	src, place := t.TempDir(), blob.Dir(t.TempDir())
	tree(t, src, map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"})
	r := newRepository(t, place)
	now := time.Now()
	r.now = func() time.Time { now = now.Add(6 * time.Hour); return now }
	marks := 0
	r.store = putStore{place, func(key string) {
		if strings.HasPrefix(key, runningPrefix) {
			marks++
		}
	}}
	create(t, r, src)
	if marks < 5 {
		t.Errorf("the mark was written %d times in more than a day", marks)
	}
	r.now = func() time.Time { now = now.Add(runningFor); return now }
	if _, err := r.Create(t.Context(), Source{Dir: src}, nil); err == nil {
		t.Error("a backup went on whose mark had expired")
	}
}

// putStore calls a function before it stores.
type putStore struct {
	blob.Store
	before func(key string)
}

func (p putStore) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	p.before(key)
	return p.Store.Put(ctx, key, r, size)
}
