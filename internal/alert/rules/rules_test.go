package rules

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

const goodRules = `groups:
  - name: g
    rules:
      - alert: A
        expr: up == 0
        for: 5m
        keep_firing_for: 1m
`

const otherRules = `groups:
  - name: other
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
`

const brokenRules = `groups:
  - name: g
    rules:
      - alert: A
        expr: up ==
`

func names(files []File) []string {
	var out []string
	for _, f := range files {
		if f.Source != SourcePack {
			out = append(out, filepath.Base(f.Name))
		}
	}
	return out
}

func TestFilesGlobsAndDirectories(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "one.yaml"), goodRules)
	put(t, filepath.Join(dir, "set", "a.yaml"), otherRules)
	put(t, filepath.Join(dir, "set", "b.yml"), goodRules)
	put(t, filepath.Join(dir, "set", ".hidden.yaml"), brokenRules)
	put(t, filepath.Join(dir, "set", "readme.txt"), "hello")
	c := DefaultConfig()
	c.Files, c.Directories = []string{"one.yaml", "set/*.yaml"}, []string{"set"}
	r, err := New(Options{Config: c, Dir: dir, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"one.yaml", "a.yaml", "b.yml"}, names(r.Files())); d != "" {
		t.Error(d)
	}
	st := r.Status()
	if len(st.Problems) > 0 {
		t.Error(st.Problems)
	}
	for _, f := range st.Files {
		if f.Groups == 0 || f.Alerts+f.Records == 0 {
			t.Errorf("nothing is known of %+v", f)
		}
	}
	if len(st.Packs) != len(packs()) || len(st.Files) != len(packs())-1+3 {
		t.Errorf("%d packs, %d files", len(st.Packs), len(st.Files))
	}
}

// TestBrokenFilesNeverStopTheGoodOnes follows a file through its life.
func TestBrokenFilesNeverStopTheGoodOnes(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")
	put(t, a, goodRules)
	put(t, b, brokenRules)
	c := DefaultConfig()
	c.Directories = []string{"."}
	var got []string
	r, err := New(Options{Config: c, Dir: dir, Logger: quiet(), Apply: func(f []File) { got = names(f) }})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a.yaml"}, names(r.Files())); d != "" {
		t.Errorf("at the start: %s", d)
	}
	want := Problem{File: b, Line: 5, Reason: `group "g", rule 1, "A": could not parse expression: 1:6: parse error: unexpected end of input`}
	if d := cmp.Diff([]Problem{want}, r.Status().Problems); d != "" {
		t.Error(d)
	}

	put(t, b, otherRules) // repaired
	r.update()
	if d := cmp.Diff([]string{"a.yaml", "b.yaml"}, got); d != "" {
		t.Errorf("repaired: %s", d)
	}

	for name, text := range map[string]string{"rule": brokenRules, "syntax": "groups: [", "kind": "hello"} {
		put(t, b, text)
		r.update()
		if d := cmp.Diff([]string{"a.yaml", "b.yaml"}, names(r.Files())); d != "" {
			t.Errorf("broken again (%s): %s", name, d)
		}
		if p := r.Status().Problems; len(p) != 1 || !p[0].Kept || p[0].File != b {
			t.Errorf("broken again (%s): %v", name, p)
		}
		for _, f := range r.Files() {
			if f.Name == b && string(f.Content) != otherRules {
				t.Errorf("broken again (%s): in force is\n%s", name, f.Content)
			}
		}
	}

	if err := os.Remove(b); err != nil {
		t.Fatal(err)
	}
	r.update()
	if d := cmp.Diff([]string{"a.yaml"}, got); d != "" || len(r.Status().Problems) > 0 {
		t.Errorf("removed: %s %v", d, r.Status().Problems)
	}
}

func TestMissingFileIsNamed(t *testing.T) {
	c := DefaultConfig()
	c.Files, c.Directories = []string{"absent.yaml"}, []string{"nowhere"}
	dir := t.TempDir()
	r, err := New(Options{Config: c, Dir: dir, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Status().Problems
	if len(p) != 2 || !strings.Contains(p[0].Reason, "no such file") || !strings.Contains(p[1].Reason, "directory cannot be read") {
		t.Error(p)
	}
	if len(names(r.Files())) != 0 || len(r.Files()) == 0 {
		t.Error("the packs must go on without them")
	}
}

func TestRunNoticesChangesAndReloads(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := DefaultConfig()
		c.Directories, c.Poll = []string{"."}, model.Duration(10*time.Second)
		var mu sync.Mutex
		var calls [][]string
		r, err := New(Options{Config: c, Dir: dir, Logger: quiet(), Apply: func(f []File) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, names(f))
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		put(t, filepath.Join(dir, "a.yaml"), goodRules)
		<-time.After(11 * time.Second)
		synctest.Wait()
		<-time.After(time.Minute) // nothing changes
		synctest.Wait()
		if d := cmp.Diff([][]string{{"a.yaml"}}, calls); d != "" {
			t.Error(d)
		}
		c.Directories = nil
		if err := r.Reload(c); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d := cmp.Diff([][]string{{"a.yaml"}, nil}, calls); d != "" {
			t.Error(d)
		}
		c.Interval = -1
		if err := r.Reload(c); err == nil {
			t.Error("a bad configuration was taken")
		}
		cancel()
		wg.Wait()
	})
}

// TestStatusIsMadeOnce: it parses all packs, and is asked for with every look at
// the server.
func TestStatusIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "one.yaml"), goodRules)
	c := DefaultConfig()
	c.Files = []string{"*.yaml"}
	r, err := New(Options{Config: c, Dir: dir, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	first := r.Status()
	r.update() // nothing has changed
	if again := r.Status(); &again.Files[0] != &first.Files[0] || &again.Packs[0] != &first.Packs[0] {
		t.Error("it is made anew for each request")
	}
	changes := map[string]func(){
		"a file":     func() { put(t, filepath.Join(dir, "two.yaml"), otherRules); r.update() },
		"a mistake":  func() { put(t, filepath.Join(dir, "one.yaml"), brokenRules); r.update() },
		"a setting":  func() { c.Packs = map[string]PackConfig{"gpu": {Enabled: new(false)}}; _ = r.Reload(c) },
		"no mistake": func() { put(t, filepath.Join(dir, "one.yaml"), goodRules); r.update() },
	}
	for _, name := range []string{"a file", "a mistake", "a setting", "no mistake"} {
		was := r.Status()
		changes[name]()
		if now := r.Status(); cmp.Equal(was, now) {
			t.Errorf("%s does not show", name)
		}
	}
}

func BenchmarkStatus(b *testing.B) {
	r, err := New(Options{Dir: b.TempDir(), Logger: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(r.Status().Files) == 0 {
			b.Fatal("no files")
		}
	}
}
