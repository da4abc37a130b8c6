package pipeline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// journalFault makes the journal's writes fail.
type journalFault struct {
	mu  sync.Mutex
	err error
}

func (f *journalFault) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *journalFault) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

type inner = journal.Log

type failingLog struct {
	inner
	f *journalFault
}

func (f *journalFault) wrap(l journal.Log) journal.Log { return &failingLog{l, f} }

func (l *failingLog) Log(recs ...[]byte) error {
	if err := l.f.get(); err != nil {
		return errors.Join(err, l.inner.Log(recs[:len(recs)/2]...))
	}
	return l.inner.Log(recs...)
}

func TestAStoreThatIsDownForHoursLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.crash()
		for n := range 500 {
			if err := r.Submit(t.Context(), recs(n*4, n*4+4, llm.SourceOTLP)); err != nil {
				t.Fatal(err)
			}
			pass(30 * time.Second)
		}
		r.checkBalance()
		if e := r.entry("otlp"); e.InFlight != 2000 || e.Stored != 0 {
			t.Errorf("ledger: %+v", e)
		}
		if age := r.journal.Stats().Cursors[0].OldestAge; age < 4*time.Hour {
			t.Errorf("oldest record is %v old", age)
		}
		r.store.start()
		pass(time.Minute)
		if d := cmp.Diff(ids(0, 2000), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		if e := r.entry("otlp"); e.InFlight != 0 || e.Stored != 2000 {
			t.Errorf("ledger: %+v", e)
		}
		r.stop()
	})
}

func TestAStoreThatLosesItsLastSecondsGetsThemAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		n := 0
		for range 40 {
			if err := r.Submit(t.Context(), recs(n, n+10, llm.SourceOTLP)); err != nil {
				t.Fatal(err)
			}
			n += 10
			pass(500 * time.Millisecond)
		}
		before := len(r.store.ids(t))
		r.store.crash()
		lost := before - len(r.store.ids(t))
		if lost == 0 {
			t.Fatal("the store lost nothing: the test tests nothing")
		}
		// The engine is dead for longer than SafeAge: the time must not count.
		pass(20 * time.Second)
		r.store.start()
		pass(20 * time.Second)
		if d := cmp.Diff(ids(0, n), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		if e := r.entry("otlp"); e.Stored != uint64(n) || e.Received != uint64(n) || e.InFlight != 0 {
			t.Errorf("ledger: %+v", e)
		}
		if v := testutil.ToFloat64(r.metrics.replays); v != 1 {
			t.Errorf("replays = %v", v)
		}
		if v := testutil.ToFloat64(r.metrics.present); v == 0 {
			t.Error("the replay inserted everything again")
		}
		r.checkBalance()
		r.stop()
	})
}

func TestAnIdleStoreThatRestartsIsReplayedToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.Submit(t.Context(), recs(0, 10, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		r.store.crash()
		r.store.start() // faster than anybody could notice
		pass(20 * time.Second)
		if d := cmp.Diff(ids(0, 10), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		r.stop()
	})
}

func TestAnInsertThatFailsAfterItSucceededIsNotRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		lies := 0
		r.store.lie = func() error {
			if lies++; lies%2 == 1 {
				return errors.New("timeout")
			}
			return nil
		}
		for n := range 20 {
			if err := r.Submit(t.Context(), recs(n*5, n*5+5, llm.SourceOTLP)); err != nil {
				t.Fatal(err)
			}
			pass(300 * time.Millisecond)
		}
		pass(20 * time.Second)
		if d := cmp.Diff(ids(0, 100), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestPoisonRowsAreFoundAndDropped(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.poison = func(id string) bool { return id == "id-000013" || id == "id-000100" || id == "id-000101" }
		if err := r.Submit(t.Context(), recs(0, 200, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Second)
		want := append(append(ids(0, 13), ids(14, 100)...), ids(102, 200)...)
		if d := cmp.Diff(want, r.store.ids(t)); d != "" {
			t.Error(d)
		}
		if e := r.entry("otlp"); e.Dropped[DropRejected] != 3 || e.Stored != 197 || e.InFlight != 0 {
			t.Errorf("ledger: %+v", e)
		}
		r.stop()
	})
}

func TestAFullJournalIsToldAndCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.jopts.MaxBytes = 4 * r.jopts.SegmentSize })
		r.store.setDown(true)
		n := 0
		var err error
		for ; n < 100_000; n += 50 {
			if err = r.Submit(t.Context(), recs(n, n+50, llm.SourceOTLP)); err != nil {
				break
			}
		}
		if _, ok := errors.AsType[*OverloadError](err); !ok || !errors.Is(err, journal.ErrFull) {
			t.Fatalf("after %d records: %v", n, err)
		}
		// The rest of the journal is the gateway's.
		offered := 0
		offer := func() {
			for range 100 {
				r.Offer(rec(500_000+offered, llm.SourceGateway))
				offered++
			}
			pass(time.Second)
		}
		offer()
		if e := r.entry("gateway"); e.Dropped[DropJournalFull] > 0 || e.Journaled != 100 {
			t.Errorf("gateway: %+v", e)
		}
		for offered < 100_000 && r.entry("gateway").Dropped[DropJournalFull] == 0 {
			offer()
		}
		if e := r.entry("gateway"); e.Dropped[DropJournalFull] == 0 || e.Dropped[DropJournalFull]+e.Journaled != uint64(offered) {
			t.Errorf("gateway: %+v", e)
		}
		if len(r.observer.calls) != n+offered {
			t.Errorf("%d observed: metrics must stay exact", len(r.observer.calls))
		}
		r.checkBalance()
		r.store.setDown(false)
		pass(time.Minute)
		if err := r.Submit(t.Context(), recs(n, n+50, llm.SourceOTLP)); err != nil {
			t.Fatalf("after the store is back: %v", err)
		}
		pass(time.Minute)
		if e := r.entry("otlp"); e.Stored != uint64(n+50) || e.Dropped[DropRefused] != 50 {
			t.Errorf("otlp: %+v", e)
		}
		if len(r.observer.calls) != n+50+offered {
			t.Errorf("%d observed after the retry", len(r.observer.calls))
		}
		for id, k := range r.observer.calls {
			if k != 1 {
				t.Errorf("%s observed %d times", id, k)
			}
		}
		r.checkBalance()
		r.stop()
	})
}

func TestAFullDiskStopsRecordingNotTheGateway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		fault := &journalFault{}
		r := newRig(t, func(r *rig) { r.jopts.Wrap = fault.wrap })
		r.Offer(rec(0, llm.SourceGateway))
		pass(time.Second)
		fault.set(syscall.ENOSPC)
		for n := 1; n < 50; n++ {
			if !r.Offer(rec(n, llm.SourceGateway)) {
				t.Fatal("the queue fills up though the journal answers")
			}
			pass(100 * time.Millisecond)
		}
		if e := r.entry("gateway"); e.Dropped[DropJournalError] != 49 {
			t.Errorf("ledger: %+v", e)
		}
		if err := r.Submit(t.Context(), recs(100, 110, llm.SourceOTLP)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("submit: %v", err)
		}
		fault.set(nil)
		pass(time.Second)
		if err := r.Submit(t.Context(), recs(100, 110, llm.SourceOTLP)); err != nil {
			t.Errorf("submit with room again: %v", err)
		}
		pass(20 * time.Second)
		if d := cmp.Diff(append(ids(0, 1), ids(100, 110)...), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestASlowStoreHoldsNobodyUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.slow = 10 * time.Second
		start := time.Now()
		for n := range 50 {
			if err := r.Submit(t.Context(), recs(n*10, n*10+10, llm.SourceOTLP)); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("50 submits took %v", d)
		}
		pass(5 * time.Minute)
		if d := cmp.Diff(ids(0, 500), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		r.stop()
	})
}

func TestARestartGoesOnWhereTheStoreWas(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.Submit(t.Context(), recs(0, 100, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second) // inserted, not surely on disk
		r.store.setDown(true)
		if err := r.Submit(t.Context(), recs(100, 150, llm.SourceSDK)); err != nil {
			t.Fatal(err)
		}
		r.stop()
		r.store.crash()
		r.store.start()
		r.start()
		if e := r.entry("otlp"); e.Restored != 100 || e.Received != 100 || e.InFlight != 100 {
			t.Errorf("otlp at start: %+v", e)
		}
		// A sender that did not hear our answer sends again.
		if err := r.Submit(t.Context(), recs(100, 150, llm.SourceSDK)); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Second)
		if d := cmp.Diff(ids(0, 150), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		want := []Entry{
			{Source: "otlp", Received: 100, Restored: 100, Stored: 100, Dropped: map[string]uint64{}},
			{Source: "sdk", Received: 100, Restored: 50, Stored: 50, Dropped: map[string]uint64{DropDuplicate: 50}},
		}
		if d := cmp.Diff(want, r.Ledger()); d != "" {
			t.Error(d)
		}
		r.stop()
	})
}

// TestTheLedgerBalancesUnderEveryFault drives random traffic through random
// faults and compares with a model: what was acknowledged is stored once, and
// the accounts say of every record what became of it.
func TestTheLedgerBalancesUnderEveryFault(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) { faultRun(t, seed) })
		})
	}
}

// makeFlaky lets one insert in ten fail before it was done, and one after.
func makeFlaky(s *fakeStore, rng *rand.Rand) {
	s.poison = func(id string) bool { return id[len(id)-2:] == "77" }
	s.fail = func() error {
		if rng.IntN(10) == 0 {
			return errDown
		}
		return nil
	}
	s.lie = func() error {
		if rng.IntN(10) == 0 {
			return errors.New("timeout")
		}
		return nil
	}
}

// faultModes are what the random traffic is made of.
const (
	faultPlain  = iota // calls that have nothing to do with each other
	faultSample        // the same, half of them sampled out
	faultJoin          // traces of nested calls and agents
	faultModes
)

// faultRecs are the records with the numbers from n up to end, the same each time.
func faultRecs(mode uint64, n, end int, source llm.Source) []llm.Record {
	rs := recs(n, end, source)
	if mode != faultJoin {
		return rs
	}
	for i := range rs {
		c := rs[i].Call
		num := n + i
		group := num / 5
		c.TraceID, c.SpanID = fmt.Sprint("trace-", group), fmt.Sprint("span-", num)
		switch {
		case num%5 == 0 && group%2 == 0:
			c.Time = testStart
			s := c.AsSpan()
			s.Aggregate = &llm.Call{Time: testStart, RequestModel: "of-agent", Status: llm.StatusOK}
			rs[i] = llm.Record{Span: s}
		case group%4 == 0: // beside the agent, which is alone
		default:
			c.ParentSpanID = fmt.Sprint("span-", num-1)
		}
	}
	return rs
}

func faultRun(t *testing.T, seed uint64) {
	mode := seed % faultModes
	rng := rand.New(rand.NewPCG(seed, 99))
	fault := &journalFault{}
	r := newRig(t, func(r *rig) {
		r.jopts.Wrap = fault.wrap
		r.jopts.MaxBytes = 4 * r.jopts.SegmentSize
		r.opts.Config.Queue.MaxRecords = 200
		if mode == faultSample {
			r.opts.Config.Sampling, r.opts.Tally = SamplingConfig{Rate: 0.5, Wait: 3 * time.Second}, testTally
		}
	})
	makeFlaky(r.store, rand.New(rand.NewPCG(seed, 5)))
	acked := map[string]bool{}
	next := 0
	var retry []int
	for range 150 {
		switch rng.IntN(12) {
		case 0:
			r.store.crash()
		case 1, 2:
			if r.store.Ready(t.Context()) != nil {
				r.store.start()
			}
		case 3:
			fault.set(syscall.ENOSPC)
		case 4, 5:
			fault.set(nil)
		case 6:
			if rng.IntN(3) == 0 {
				r.checkBalance()
				r.stop()
				if r.store.Ready(t.Context()) != nil {
					r.store.start()
				}
				r.start()
			}
		case 7, 8:
			for range rng.IntN(150) {
				r.Offer(faultRecs(mode, next, next+1, llm.SourceGateway)[0])
				next++
			}
		default:
			from, n := next, 1+rng.IntN(30)
			if len(retry) > 0 && rng.IntN(2) == 0 {
				from, n, retry = retry[0], retry[1], retry[2:]
			} else {
				next += n
			}
			if err := r.Submit(t.Context(), faultRecs(mode, from, from+n, llm.SourceOTLP)); err == nil {
				for _, id := range ids(from, from+n) {
					acked[id] = true
				}
			} else {
				retry = append(retry, from, n)
			}
		}
		r.checkBalance()
		pass(time.Duration(rng.IntN(3000)) * time.Millisecond)
	}
	fault.set(nil)
	if r.store.Ready(t.Context()) != nil {
		r.store.start()
	}
	pass(2 * time.Minute)
	r.checkBalance()
	stored := map[string]bool{}
	for _, id := range r.store.ids(t) {
		stored[id] = true
	}
	for id := range acked {
		if !stored[id] && !r.store.poison(id) {
			t.Errorf("acknowledged %s is missing", id)
		}
	}
	var out uint64
	for _, e := range r.Ledger() {
		out += e.Dropped[DropSampled]
	}
	if (out > 0) != (mode == faultSample) {
		t.Errorf("%d sampled out", out)
	}
	demoted, agents := 0, 0
	for id := range stored {
		if strings.Contains(r.store.row(id), countedByKey) {
			demoted++
		}
		if strings.Contains(r.store.row(id), "container_usage") {
			agents++
		}
	}
	if (demoted > 0) != (mode == faultJoin) || (agents > 0) != (mode == faultJoin) {
		t.Errorf("%d calls demoted, usage of %d agents counted", demoted, agents)
	}
	if len(acked) == 0 || len(stored) < len(acked)/2 {
		t.Errorf("%d acknowledged, %d stored: the test tests nothing", len(acked), len(stored))
	}
	for _, e := range r.Ledger() {
		if e.InFlight != 0 {
			t.Errorf("at rest, but in flight: %+v", e)
		}
	}
	r.stop()
}

func TestDrainLeavesTheRestInTheJournal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.setDown(true)
		if err := r.Submit(t.Context(), recs(0, 10, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		// Nobody has to set an end: a store that is down does not hold it up.
		began := time.Now()
		if err := r.Drain(t.Context()); err != nil || time.Since(began) > drainPatience+2*maxBackoff {
			t.Errorf("drain: %v after %v", err, time.Since(began))
		}
		r.checkBalance()
		r.journal.Close()
		r.store.setDown(false)
		r.start()
		pass(10 * time.Second)
		if d := cmp.Diff(ids(0, 10), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		r.stop()
	})
}
