package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// clusterRig is a pipeline over a store that says nothing of its crashes.
func clusterRig(t *testing.T, settled *atomic.Bool) *rig {
	settled.Store(true)
	return newRig(t, func(r *rig) {
		r.opts.SafeAge = 20 * time.Second
		r.opts.Settled = settled.Load
	})
}

// comeBack is a crash and a start that nobody is told of.
func (s *fakeStore) comeBack() { s.crash(); s.setDown(false) }

// notSentError is an insert that surely reached nobody.
type notSentError struct{ error }

func (notSentError) NotSent() bool { return true }

func TestVerifyFindsWhatAClusterLost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var settled atomic.Bool
		r := clusterRig(t, &settled)
		for n := range 100 {
			if err := r.Submit(t.Context(), recs(n*4, n*4+4, llm.SourceOTLP)); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			if n%30 == 29 {
				r.store.comeBack() // rows of the last 4 s are gone, and the epoch is the same
			}
		}
		pass(3 * time.Minute)
		if d := cmp.Diff(ids(0, 400), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		if e := r.entry("otlp"); e.InFlight != 0 || e.Stored != 400 {
			t.Errorf("ledger: %+v", e)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestVerifyLeavesOpenWhatWasUnsure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var settled atomic.Bool
		r := clusterRig(t, &settled)
		n := 0
		// Every third insert is carried out and its answer lost; every third is not
		// carried out and nobody knows; the others are well.
		r.store.lie = func() error {
			if n++; n%3 == 0 {
				return errors.New("the answer was lost")
			}
			return nil
		}
		r.store.fail = func() error {
			switch rand.IntN(4) {
			case 0:
				return errors.New("the connection was cut")
			case 1:
				return notSentError{errors.New("no connection")}
			}
			return nil
		}
		for n := range 120 {
			if err := r.Submit(t.Context(), recs(n*2, n*2+2, llm.SourceOTLP)); err != nil {
				t.Fatal(err)
			}
			pass(500 * time.Millisecond)
		}
		r.store.mu.Lock()
		r.store.fail, r.store.lie = nil, nil
		r.store.mu.Unlock()
		pass(5 * time.Minute)
		if d := cmp.Diff(ids(0, 240), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		r.checkBalance()
		r.stop()
	})
}

// What hangs may carry out later what it was sent: nothing is delivered again
// before that is known.
func TestVerifyWaitsForWhatHangs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var settled atomic.Bool
		r := clusterRig(t, &settled)
		var late [][]byte
		r.store.fail = func() error { return errors.New("timeout") }
		// The rows reach the store only when it goes on.
		settled.Store(false)
		r.opts.Store = r.store
		if err := r.Submit(t.Context(), recs(0, 10, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Minute)
		if e := r.entry("otlp"); e.InFlight != 10 || e.Stored != 0 {
			t.Errorf("ledger while it hangs: %+v", e)
		}
		r.store.mu.Lock()
		r.store.fail = nil
		r.store.mu.Unlock()
		for _, id := range ids(0, 10) {
			late = append(late, []byte(id+"|late"))
		}
		if err := r.store.Insert(t.Context(), late); err != nil {
			t.Fatal(err)
		}
		settled.Store(true)
		pass(time.Minute)
		if d := cmp.Diff(ids(0, 10), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		if e := r.entry("otlp"); e.InFlight != 0 || e.Stored != 10 {
			t.Errorf("ledger: %+v", e)
		}
		r.stop()
	})
}

// A store that takes a record and never has it must not stop the others.
func TestVerifyGivesUpWhatNeverStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var settled atomic.Bool
		r := clusterRig(t, &settled)
		forget := func() {
			r.store.mu.Lock()
			defer r.store.mu.Unlock()
			delete(r.store.rows, ids(3, 4)[0])
		}
		r.store.lie = func() error {
			delete(r.store.rows, ids(3, 4)[0]) // the lock is held
			return nil
		}
		if err := r.Submit(t.Context(), recs(0, 10, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		forget()
		pass(10 * time.Minute)
		e := r.entry("otlp")
		if e.Stored != 9 || e.Dropped["rejected"] != 1 || e.InFlight != 0 {
			t.Errorf("ledger: %+v", e)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestVerifyDrainLooksEverythingUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var settled atomic.Bool
		r := clusterRig(t, &settled)
		if err := r.Submit(t.Context(), recs(0, 10, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Drain(ctx); err != nil {
			t.Error(err)
		}
		if e := r.entry("otlp"); e.InFlight != 0 || e.Stored != 10 {
			t.Errorf("ledger at the end: %+v", e)
		}
		r.stop()
	})
}
