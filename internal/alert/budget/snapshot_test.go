package budget

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
)

const crashBudgets = `
- {name: month, limit: 100}
- {name: day, limit: 100, period: day, time_zone: Asia/Shanghai, each: user}
- {name: rolling, limit: 100, period: 6h}
- {name: tokens, limit: 100, unit: tokens, period: hour}
`

func values(calls []*llm.Call) iter.Seq2[*llm.Call, error] {
	return func(yield func(*llm.Call, error) bool) {
		for _, c := range calls {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// since are the calls that started at a time or later, as the store returns them.
func since(calls []*llm.Call, from time.Time) []*llm.Call {
	var out []*llm.Call
	for _, c := range calls {
		if !c.Time.Before(from) {
			out = append(out, c)
		}
	}
	return out
}

// TestCrashesLoseNothing dies at random moments, with or without a snapshot, and
// comes back with what the store has. In the end all is as if it had never died.
func TestCrashesLoseNothing(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		path := filepath.Join(t.TempDir(), "budgets")
		c := newClock(noon.Add(-20 * time.Hour))
		open := func() *Engine {
			t.Helper()
			e, err := New(parse(t, crashBudgets), Options{Path: path, Now: c.now})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		steady := newEngine(t, crashBudgets, c)
		e := open()
		var store []*llm.Call
		for i := range 2000 {
			c.add(time.Duration(rnd.IntN(60)) * time.Second)
			cl := call(id(i), c.now().Add(-time.Duration(rnd.IntN(1200))*time.Second), rnd.Float64())
			cl.User = fmt.Sprintf("u%d", rnd.IntN(5))
			store = append(store, cl)
			steady.Record(cl)
			e.Record(cl)
			switch rnd.IntN(100) {
			case 0:
				if err := e.Save(); err != nil {
					t.Fatal(err)
				}
			case 1: // a crash, and calls that end while the store is read
				e = open()
				if from, ok := e.ReplayFrom(); ok {
					old := since(store, from)
					cut := rnd.IntN(len(old) + 1)
					if err := e.Rebuild(t.Context(), func(yield func(*llm.Call, error) bool) {
						for j, o := range old {
							if j == cut {
								for k := range 3 {
									cl := call(fmt.Sprintf("during-%d-%d", i, k), c.now(), 0.5)
									store = append(store, cl)
									steady.Record(cl)
									e.Record(cl)
								}
								old = append(old, store[len(store)-3:]...)
							}
							if !yield(o, nil) {
								return
							}
						}
						for _, o := range store[max(len(store)-3, 0):] {
							yield(o, nil)
						}
					}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if d := cmp.Diff(steady.Status(), e.Status(), cmpopts.IgnoreFields(Status{}, "Incomplete")); d != "" {
			t.Fatalf("seed %d: after crashes (-steady +crashed):\n%s", seed, d)
		}
	}
}

func TestRebuildFillsNewBudgets(t *testing.T) {
	c := newClock(noon)
	var store []*llm.Call
	e := newEngine(t, "- {name: old, limit: 100}\n", c)
	for i := range 50 {
		c.add(time.Minute)
		cl := call(id(i), c.now(), 1)
		store = append(store, cl)
		e.Record(cl)
	}
	if err := e.Rebuild(t.Context(), values(nil)); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.ReplayFrom(); ok {
		t.Error("something is missing after a rebuild")
	}
	if err := e.Apply(parse(t, "- {name: old, limit: 100}\n- {name: new, limit: 100}\n")); err != nil {
		t.Fatal(err)
	}
	live := call(id(50), c.now(), 1)
	store = append(store, live)
	e.Record(live)
	from, ok := e.ReplayFrom()
	if !ok || from.After(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("replay from %v %v, want the beginning of the month or before", from, ok)
	}
	broken := func(yield func(*llm.Call, error) bool) {
		for _, cl := range store[:20] {
			if !yield(cl, nil) {
				return
			}
		}
		yield(nil, errors.New("the store is gone"))
	}
	if err := e.Rebuild(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "the store is gone") {
		t.Errorf("rebuild from a broken store: %v", err)
	}
	for range 2 {
		if err := e.Rebuild(t.Context(), values(store)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"old", "new"} {
		if got := spent(t, e, name); got != 51 {
			t.Errorf("%s: %v spent, want 51", name, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	many := make([]*llm.Call, 3000)
	for i := range many {
		many[i] = call(id(i+1000), noon, 1)
	}
	if err := e.Rebuild(ctx, values(many)); !errors.Is(err, context.Canceled) {
		t.Errorf("a rebuild that is given up: %v", err)
	}
}

// TestForgottenCallsDoNotCountTwice has more calls than are remembered.
func TestForgottenCallsDoNotCountTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budgets")
	c := newClock(noon)
	e, err := New(parse(t, "- {name: b, limit: 1e6}\n"), Options{Path: path, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Rebuild(t.Context(), values(nil)); err != nil {
		t.Fatal(err)
	}
	e.recent = newRecent(100)
	var store []*llm.Call
	for i := range 1000 {
		c.add(time.Second)
		cl := call(id(i), c.now(), 1)
		store = append(store, cl)
		e.Record(cl)
		if i == 990 {
			if err := e.Save(); err != nil {
				t.Fatal(err)
			}
		}
	}
	e, err = New(parse(t, "- {name: b, limit: 1e6}\n"), Options{Path: path, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Rebuild(t.Context(), values(store)); err != nil { // more than it asked for
		t.Fatal(err)
	}
	if got := spent(t, e, "b"); got != 1000 {
		t.Errorf("%v spent, want 1000", got)
	}
}

func TestDamagedSnapshotIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budgets")
	c := newClock(noon)
	e, err := New(parse(t, crashBudgets), Options{Path: path, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	e.Record(call(id(1), noon, 1))
	if err := e.Save(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"truncated": good[:len(good)/2], "empty": {}, "a bit": append(append([]byte{}, good[:len(good)-9]...), append([]byte{good[len(good)-9] ^ 1}, good[len(good)-8:]...)...),
		"version": []byte(strings.Replace(string(good), "pitot-budgets 1", "pitot-budgets 9", 1)), "other": []byte("hello\n"),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := New(parse(t, crashBudgets), Options{Path: path, Now: c.now})
		if err == nil || e == nil {
			t.Fatalf("%s: %v, %v: want an engine and an error", name, e, err)
		}
		if _, err := os.Stat(path + ".damaged"); err != nil {
			t.Errorf("%s: it is not kept: %v", name, err)
		}
		if err := e.Rebuild(t.Context(), values([]*llm.Call{call(id(1), noon, 1)})); err != nil || spent(t, e, "month") != 1 {
			t.Errorf("%s: %v spent after the rebuild, %v", name, spent(t, e, "month"), err)
		}
	}
}

func TestSaveFailureIsReported(t *testing.T) {
	e, err := New(parse(t, crashBudgets), Options{Path: filepath.Join(t.TempDir(), "gone", "budgets")})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it stays unsaved
		if err := e.Save(); err == nil {
			t.Error("no error")
		}
	}
}

// saveForever is the child of TestKilledWhileSaving.
func saveForever(path string) {
	e, err := New(Config{Budgets: []Budget{{Name: "b", Limit: 1e6, Each: "user"}}}, Options{Path: path})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := range math.MaxInt32 {
		for j := range 50 {
			cl := call(fmt.Sprintf("%d-%d-%d", os.Getpid(), i, j), time.Now(), 1)
			cl.User = fmt.Sprintf("u%d", j)
			e.Record(cl)
		}
		if err := e.Save(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("saved %v\n", e.Status()[0].Spent)
	}
}

// TestKilledWhileSaving kills a process that saves all the time: what it has said
// to be saved is there each time.
func TestKilledWhileSaving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budgets")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for round := range 8 {
		cmd := exec.Command(self, "-test.run=^$")
		cmd.Env = append(os.Environ(), "PITOT_TEST_BUDGET_SAVER="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var said float64
		lines := bufio.NewScanner(out)
		for n := rnd.IntN(20) + 1; n > 0 && lines.Scan(); n-- {
			if _, err := fmt.Sscanf(lines.Text(), "saved %g", &said); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // it was killed
		e, err := New(parse(t, "- {name: b, limit: 1e6, each: user}\n"), Options{Path: path})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := spent(t, e, "b"); got < said {
			t.Errorf("round %d: %v is there, %v was said to be saved", round, got, said)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	e, err := New(Config{Budgets: []Budget{{Name: "b", Limit: 10}}}, Options{Now: newClock(noon).now})
	if err != nil {
		f.Fatal(err)
	}
	e.Record(call(id(1), noon, 1))
	good, err := encodeSnapshot(e.snapshot())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("pitot-budgets 1 00000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeSnapshot(data)
		if err != nil {
			return
		}
		if _, err := encodeSnapshot(s); err != nil {
			t.Error(err)
		}
	})
}
