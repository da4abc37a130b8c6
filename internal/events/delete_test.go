package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/llm"
)

// erasures is how many the stress test does: a few always, as many as the
// environment says to find what is rare.
func erasures(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("PITOT_TEST_ERASURES"))
	if err != nil {
		if testing.Short() {
			return 3
		}
		return 8
	}
	t.Logf("%d erasures", n)
	return n
}

// inserter stores calls of many users without a break, over two days, until its
// test ends or stop is called.
func inserter(t *testing.T, s *Store, service string) (stored *atomic.Int64, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stored = new(atomic.Int64)
	var wg sync.WaitGroup
	wg.Go(func() {
		r := rand.New(rand.NewPCG(21, 22))
		for i := 0; ctx.Err() == nil; i++ {
			var rows [][]byte
			for j := range 40 {
				c := randomCall(r, time.Now().Add(-time.Duration(j%2)*30*time.Hour-time.Duration(j)*time.Millisecond), service)
				c.User, c.Session, c.TraceID = "stays", "", ""
				row, err := AppendRow(nil, llm.Record{Call: c})
				if err != nil {
					t.Error(err)
					return
				}
				rows = append(rows, row)
			}
			if err := s.Insert(ctx, rows); err != nil {
				if ctx.Err() == nil {
					t.Error(err)
				}
				return
			}
			stored.Add(int64(len(rows)))
		}
	})
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(stop)
	return stored, stop
}

// TestErasuresBesideInserts erases users while others are stored. The engine ended
// itself when a deletion met one of its merges.
func TestErasuresBesideInserts(t *testing.T) {
	s, _ := ownEngine(t)
	epoch := s.Epoch()
	stored, stop := inserter(t, s, "stress")
	r := rand.New(rand.NewPCG(23, 24))
	n := erasures(t)
	for i := range n {
		user := fmt.Sprint("goes", i)
		var cs []*llm.Call
		for j := range 20 {
			c := randomCall(r, time.Now().Add(-time.Duration(j)*3*time.Hour), "stress")
			c.User, c.Session, c.TraceID = user, "", ""
			cs = append(cs, c)
		}
		insert(t, s, calls(cs)...)
		got, err := s.Erase(t.Context(), Erasure{User: user})
		if err != nil || got["call"] != 20 {
			t.Fatalf("erasure %d of %d: %v, %v", i+1, n, got, err)
		}
		if s.Epoch() != epoch {
			t.Fatalf("the engine restarted at erasure %d", i+1)
		}
	}
	stop()
	if got := countRows(t, s, `{kind="call",service="stress"}`); got < stored.Load() || got > stored.Load()+40 {
		t.Errorf("%d calls are there, %d were stored", got, stored.Load())
	}
	if got := countRows(t, s, `{kind="call",service="stress"} user:!="stays"`); got != 0 {
		t.Errorf("%d calls of erased users are left", got)
	}
	t.Logf("%d erasures beside %d inserts", n, stored.Load())
}

// TestEngineEndsInTheMidstOfAnErasure: the caller learns of it, and nothing that
// was in files is gone but what was to go, once it is done again.
func TestEngineEndsInTheMidstOfAnErasure(t *testing.T) {
	dir := t.TempDir()
	sup, err := engine.Start(t.Context(), engineOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sup.Stop(t.Context()) })
	s := newStore(t, sup, nil)
	r := rand.New(rand.NewPCG(25, 26))
	var cs []*llm.Call
	for i := range 6000 {
		c := randomCall(r, time.Now().Add(-time.Duration(i)*40*time.Second), "cut")
		c.Session, c.TraceID = "", ""
		c.User = []string{"goes", "stays"}[i%2]
		cs = append(cs, c)
	}
	insert(t, s, calls(cs)...)
	if err := s.waitQuiet(t.Context(), time.Minute); err != nil { // all is in files
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Erase(t.Context(), Erasure{User: "goes"})
		done <- err
	}()
	for deletions := []any(nil); len(deletions) == 0; {
		if err := s.manage(t.Context(), "test", "/delete/active_tasks", nil, &deletions); err != nil {
			t.Fatal(err)
		}
	}
	kill(t, sup.Status().PID)
	if err := <-done; !errors.Is(err, ErrEngineRestarted) {
		t.Errorf("the erasure that was cut ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	var left []any
	if err := s.manage(ctx, "test", "/delete/active_tasks", nil, &left); err != nil || len(left) != 0 {
		t.Errorf("the engine goes on by itself with %v, %v", left, err)
	}
	if _, err := s.Erase(ctx, Erasure{User: "goes"}); err != nil {
		t.Fatal(err)
	}
	if stays, goes := countRows(t, s, `{kind="call"} user:="stays"`), countRows(t, s, `{kind="call"} user:="goes"`); stays != 3000 || goes != 0 {
		t.Errorf("%d calls are left of 3000, and %d that were to go", stays, goes)
	}
}

// TestDeletionEndsWithItsContext: inserts do not wait for it any longer.
func TestDeletionEndsWithItsContext(t *testing.T) {
	s, _ := ownEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.deleteRows(ctx, "*"); !errors.Is(err, context.Canceled) {
		t.Errorf("deleteRows = %v", err)
	}
	r := rand.New(rand.NewPCG(27, 28))
	insert(t, s, calls([]*llm.Call{randomCall(r, time.Now(), "after")})...)
	if got := countRows(t, s, `{kind="call"}`); got != 1 {
		t.Errorf("%d rows", got)
	}
}

// TestErasureStaysInItsTenant: a user of the same name in another one stays.
func TestErasureStaysInItsTenant(t *testing.T) {
	s, _ := ownEngine(t)
	r := rand.New(rand.NewPCG(29, 30))
	var cs []*llm.Call
	for _, tenant := range []string{llm.DefaultTenant, "acme"} {
		c := randomCall(r, time.Now().Add(-time.Hour), "tenants")
		c.Tenant, c.User, c.Session, c.TraceID = tenant, "same", "", ""
		cs = append(cs, c)
	}
	insert(t, s, calls(cs)...)
	ctx := llm.WithTenant(t.Context(), "acme")
	if n, err := s.Erase(ctx, Erasure{User: "same"}); err != nil || n["call"] != 1 {
		t.Fatalf("Erase = %v, %v", n, err)
	}
	if n, err := s.Matching(ctx, Erasure{User: "same"}); err != nil || len(n) != 0 {
		t.Errorf("left in the tenant: %v, %v", n, err)
	}
	if n, err := s.Matching(t.Context(), Erasure{User: "same"}); err != nil || n["call"] != 1 {
		t.Errorf("left in the other: %v, %v", n, err)
	}
}
