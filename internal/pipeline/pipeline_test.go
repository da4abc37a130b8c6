package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// inBubble runs f with fake time: seconds and hours cost nothing.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func pass(d time.Duration) {
	wait(context.Background(), d)
	synctest.Wait()
}

func TestRecordsReachTheStoreAndAreBooked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		for n := range 100 {
			if !r.Offer(rec(n, llm.SourceGateway)) {
				t.Fatalf("offer %d refused", n)
			}
		}
		if err := r.Submit(t.Context(), recs(100, 300, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		r.checkBalance()
		if e := r.entry("otlp"); e.Journaled != 200 || e.Stored != 0 {
			t.Errorf("right after submit: %+v", e)
		}
		pass(2 * time.Second)
		if d := cmp.Diff(ids(0, 300), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		if e := r.entry("gateway"); e.InFlight != 100 || e.Stored != 0 {
			t.Errorf("stored before SafeAge: %+v", e)
		}
		pass(10 * time.Second)
		want := []Entry{
			{Source: "gateway", Received: 100, Stored: 100, Dropped: map[string]uint64{}},
			{Source: "otlp", Received: 200, Stored: 200, Dropped: map[string]uint64{}},
		}
		if d := cmp.Diff(want, r.Ledger()); d != "" {
			t.Error(d)
		}
		if n, b := r.budget.used(); n != 0 || b != 0 {
			t.Errorf("%d records and %d bytes of the queue are never given back", n, b)
		}
		if lag := r.journal.Stats().Cursors[0].Lag; lag != 0 {
			t.Errorf("journal lag %d", lag)
		}
		if r.store.asked != 0 {
			t.Errorf("the store was asked for %d ids without need", r.store.asked)
		}
		r.stop()
	})
}

func TestStepsRunInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		calls, cancel := r.Subscribe(10)
		defer cancel()
		c := call(1, llm.SourceGateway)
		c.Provider = " OpenAI "
		r.Offer(llm.Record{Call: c})
		pass(time.Second)
		got := <-calls
		if got.Provider != llm.ProviderOpenAI || got.User != "masked" || got.Cost.USD.Or(0) != 0.5 {
			t.Errorf("subscriber got provider %q, user %q, cost %+v", got.Provider, got.User, got.Cost)
		}
		if d := cmp.Diff([]string{"u1"}, r.observer.users); d != "" {
			t.Errorf("the observer must see the user before redaction: %s", d)
		}
		r.stop()
		if _, ok := <-calls; ok {
			t.Error("the subscription outlives the pipeline")
		}
	})
}

func TestASlowSubscriberMissesCallsAndHoldsNobodyUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		calls, cancel := r.Subscribe(3)
		for n := range 10 {
			r.Offer(rec(n, llm.SourceGateway))
		}
		pass(time.Second)
		if len(calls) != 3 {
			t.Errorf("%d calls buffered", len(calls))
		}
		if v := testutil.ToFloat64(r.metrics.missed); v != 7 {
			t.Errorf("missed = %v", v)
		}
		cancel()
		cancel()
		r.stop()
	})
}

func TestTheSameRecordIsStoredAndCountedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		start := time.Now()
		seen := func(id string, source llm.Source, span, response string) llm.Record {
			c := call(0, source)
			c.Time = start
			c.ID, c.TraceID, c.SpanID, c.ResponseID = id, strings.Repeat("a", 32), span, response
			return llm.Record{Call: c}
		}
		submit := func(rs ...llm.Record) {
			t.Helper()
			if err := r.Submit(t.Context(), rs); err != nil {
				t.Fatal(err)
			}
		}
		submit(seen("g1", llm.SourceGateway, "", "resp-1"))
		submit(seen("g1", llm.SourceGateway, "", "resp-1")) // the same id
		submit(seen("", llm.SourceOTLP, "1111111111111111", "resp-1"),
			seen("", llm.SourceOTLP, "2222222222222222", "resp-2"),
			seen("", llm.SourceOTLP, "2222222222222222", "resp-2")) // twice in a batch
		submit(seen("", llm.SourceOTLP, "2222222222222222", "resp-2")) // sent again
		submit(seen("g2", llm.SourceGateway, "", "resp-1"))            // a cached answer: another call
		pass(10 * time.Second)
		if got := r.store.ids(t); len(got) != 4 { // one of them a span
			t.Errorf("stored: %v", got)
		}
		if e := r.entry("otlp"); e.Stored != 2 || e.Dropped[DropDuplicate] != 2 {
			t.Errorf("otlp: %+v", e)
		}
		if n := len(r.observer.calls); n != 3 {
			t.Errorf("%d calls counted", n)
		}
		if e := r.entry("gateway"); e.Stored != 2 || e.Dropped[DropDuplicate] != 1 {
			t.Errorf("gateway: %+v", e)
		}
		for id, n := range r.observer.calls {
			if n != 1 {
				t.Errorf("%s observed %d times", id, n)
			}
		}
		r.checkBalance()
		r.stop()
	})
}

func TestADuplicateOfAPendingRecordWaitsForIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		fault := &journalFault{}
		r := newRig(t, func(r *rig) { r.jopts.Wrap = fault.wrap })
		fault.set(errors.New("disk on fire"))
		var errs [2]error
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = r.Submit(context.Background(), recs(1, 2, llm.SourceOTLP)) })
		}
		wg.Wait()
		for i, err := range errs {
			if o, ok := errors.AsType[*OverloadError](err); !ok || o.RetryAfter() <= 0 {
				t.Errorf("sender %d was told %v though nothing is durable", i, err)
			}
		}
		fault.set(nil)
		pass(time.Second)
		if err := r.Submit(t.Context(), recs(1, 2, llm.SourceOTLP)); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if d := cmp.Diff(ids(1, 2), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		if n := r.observer.calls["id-000001"]; n != 1 {
			t.Errorf("observed %d times", n)
		}
		if e := r.entry("otlp"); e.Received != 3 || e.Stored != 1 || e.Dropped[DropRefused]+e.Dropped[DropDuplicate] != 2 {
			t.Errorf("ledger: %+v", e)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		block := make(chan struct{})
		r := newRig(t, func(r *rig) {
			r.opts.Workers = 1
			r.opts.Config.Queue.MaxRecords = 10
			enc := r.opts.Encoder
			r.opts.Encoder = func(dst []byte, rec llm.Record) ([]byte, error) {
				<-block
				return enc(dst, rec)
			}
		})
		ok := 0
		for n := range 30 {
			if r.Offer(rec(n, llm.SourceGateway)) {
				ok++
			}
		}
		if ok != 10 {
			t.Errorf("%d taken", ok)
		}
		if e := r.entry("gateway"); e.Dropped[DropQueueFull] != 20 || e.InFlight != 10 {
			t.Errorf("ledger: %+v", e)
		}
		err := r.Submit(t.Context(), recs(100, 101, llm.SourceOTLP))
		if o, isOverload := errors.AsType[*OverloadError](err); !isOverload || !errors.Is(err, ErrQueueFull) || o.RetryAfter() <= 0 {
			t.Errorf("submit: %v", err)
		}
		if e := r.entry("otlp"); e.Dropped[DropRefused] != 1 {
			t.Errorf("ledger: %+v", e)
		}
		close(block)
		pass(10 * time.Second)
		if e := r.entry("gateway"); e.Stored != 10 {
			t.Errorf("ledger: %+v", e)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestBytesBoundTheQueueToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		block := make(chan struct{})
		r := newRig(t, func(r *rig) {
			r.opts.Workers = 1
			r.opts.Config.Queue.MaxBytes = 1 << 20
			enc := r.opts.Encoder
			r.opts.Encoder = func(dst []byte, rec llm.Record) ([]byte, error) {
				<-block
				return enc(dst, rec)
			}
		})
		ok := 0
		for n := range 30 {
			c := call(n, llm.SourceGateway)
			c.Input = []llm.Message{llm.Text("user", strings.Repeat("x", 100<<10))}
			if r.Offer(llm.Record{Call: c}) {
				ok++
			}
		}
		if ok < 8 || ok > 10 {
			t.Errorf("%d of 100 KiB taken into 1 MiB", ok)
		}
		close(block)
		r.stop()
		r.checkBalance()
	})
}

func TestSubmitTakesBatchesLargerThanTheQueue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.opts.Config.Queue = QueueConfig{MaxRecords: 100, MaxBytes: 1 << 20} })
		big := recs(0, 2000, llm.SourceOTLP)
		big[7].Call.Input[0].Parts[0].Content = strings.Repeat("y", 3<<20)
		if err := r.Submit(t.Context(), big); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if d := cmp.Diff(ids(0, 2000), r.store.ids(t)); d != "" {
			t.Error(d)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestSamplingKeepsErrorsSlowCallsAndAllMetrics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) {
			r.opts.Config.Sampling = SamplingConfig{Rate: 0.1, Slow: 10 * time.Second, Wait: time.Second}
		})
		for n := range 1000 {
			c := call(n, llm.SourceGateway)
			switch {
			case n < 50:
				c.SetError("boom", "")
			case n < 100:
				c.Duration = 11 * time.Second
			}
			r.Offer(llm.Record{Call: c})
		}
		pass(10 * time.Second)
		stored := map[string]bool{}
		for _, id := range r.store.ids(t) {
			stored[id] = true
		}
		for _, id := range ids(0, 100) {
			if !stored[id] {
				t.Errorf("%s must always be kept", id)
			}
		}
		e := r.entry("gateway")
		if e.Stored < 130 || e.Stored > 260 || e.Dropped[DropSampled] != 1000-e.Stored {
			t.Errorf("ledger: %+v", e)
		}
		if len(r.observer.calls) != 1000 {
			t.Errorf("%d observed", len(r.observer.calls))
		}
		r.stop()
	})
}

func TestBadRecordsCostThemselvesOnly(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) {
			r.opts.MaxRow = 100 << 10
			r.opts.Accepts = func(at time.Time) bool { return time.Since(at) < time.Hour }
			enc := r.opts.Encoder
			r.opts.Encoder = func(dst []byte, rec llm.Record) ([]byte, error) {
				switch headerOf(rec).id {
				case "id-000001":
					return dst, errors.New("cannot encode")
				case "id-000002":
					panic("a bug")
				}
				return enc(dst, rec)
			}
		})
		rs := recs(0, 6, llm.SourceSDK)
		rs[3].Call.Time = time.Now().Add(-2 * time.Hour)
		rs[4].Call.Input[0].Parts[0].Content = strings.Repeat("z", 1<<20)
		rs[5].Call.Tags = map[string]string{}
		for i := range 60 {
			rs[5].Call.Tags[fmt.Sprint(i, strings.Repeat("k", 900))] = strings.Repeat("v", 1020)
		}
		if err := r.Submit(t.Context(), rs); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if d := cmp.Diff([]string{"id-000000", "id-000004"}, r.store.ids(t)); d != "" {
			t.Error(d)
		}
		want := map[string]uint64{DropEncodeError: 1, DropInternalError: 1, DropTooOld: 1, DropTooLarge: 1}
		if d := cmp.Diff(want, r.entry("sdk").Dropped); d != "" {
			t.Error(d)
		}
		if c := rs[4].Call; len(c.Truncated) == 0 || len(c.Input[0].Parts[0].Content) > 100<<10 || c.Input[0].Parts[0].TruncatedChars == 0 {
			t.Errorf("cut to %d bytes, truncated %v", len(c.Input[0].Parts[0].Content), c.Truncated)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestAfterDrainNothingIsTaken(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		for n := range 50 {
			r.Offer(rec(n, llm.SourceGateway))
		}
		if err := r.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(ids(0, 50), r.store.ids(t)); d != "" {
			t.Errorf("drain left records behind: %s", d)
		}
		if r.Offer(rec(99, llm.SourceGateway)) {
			t.Error("offer after drain")
		}
		if err := r.Submit(t.Context(), recs(98, 99, llm.SourceOTLP)); !errors.Is(err, ErrClosed) {
			t.Errorf("submit after drain: %v", err)
		}
		r.checkBalance()
		if err := r.Drain(t.Context()); err != nil {
			t.Errorf("second drain: %v", err)
		}
		r.journal.Close()
	})
}

func TestConcurrentOffersAndSubmits(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.opts.SafeAge = time.Nanosecond
		r.opts.Config.Queue.MaxRecords = 1000
	})
	var wg sync.WaitGroup
	var mu sync.Mutex
	want := map[string]bool{}
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				n := g*1000 + i
				rc := rec(n, llm.SourceGateway)
				id := rc.Call.ID
				ok := false
				if i%50 == 0 {
					rc.Call.Source = llm.SourceOTLP
					ok = r.Submit(t.Context(), []llm.Record{rc}) == nil
				} else {
					ok = r.Offer(rc)
				}
				if ok {
					mu.Lock()
					want[id] = true
					mu.Unlock()
				}
				r.checkBalance()
			}
		})
	}
	wg.Wait()
	if err := r.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.checkBalance()
	got := map[string]bool{}
	for _, id := range r.store.ids(t) {
		got[id] = true
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	r.journal.Close()
}

func TestMetricsAreTheLedger(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	r := newRig(t, func(r *rig) { r.opts.Registerer = reg })
	if err := r.Submit(t.Context(), recs(0, 3, llm.SourceOTLP)); err != nil {
		t.Fatal(err)
	}
	if err := r.Submit(t.Context(), recs(2, 3, llm.SourceOTLP)); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP pitot_records_dropped_total Records that were not stored, by reason.
# TYPE pitot_records_dropped_total counter
pitot_records_dropped_total{reason="duplicate",source="otlp"} 1
# HELP pitot_records_in_flight Records received that are neither surely stored nor dropped.
# TYPE pitot_records_in_flight gauge
pitot_records_in_flight{source="otlp"} 3
# HELP pitot_records_received_total Records received, those restored from the journal at start included.
# TYPE pitot_records_received_total counter
pitot_records_received_total{source="otlp"} 4
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "pitot_records_received_total", "pitot_records_dropped_total", "pitot_records_in_flight"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	r.stop()
	if families, err := reg.Gather(); err != nil || len(families) > 0 {
		t.Errorf("metrics stay registered after drain: %d, %v", len(families), err)
	}
}

func TestReloadChangesTheStepsOnly(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		c := DefaultConfig()
		c.Sampling.Rate, c.Sampling.RareModels, c.Sampling.Cost = 0, 0, 0
		if err := r.Reload(c, fakePricer{}, fakeRedactor{}); err != nil {
			t.Fatal(err)
		}
		r.Offer(rec(1, llm.SourceGateway))
		pass(20 * time.Second)
		if e := r.entry("gateway"); e.Dropped[DropSampled] != 1 {
			t.Errorf("ledger: %+v", e)
		}
		c.Queue.MaxRecords++
		if err := r.Reload(c, nil, fakeRedactor{}); err == nil || !strings.Contains(err.Error(), "restart") {
			t.Errorf("err = %v", err)
		}
		c.Sampling.Rate = 2
		if err := r.Reload(c, nil, fakeRedactor{}); err == nil || !strings.Contains(err.Error(), "sampling.rate") {
			t.Errorf("err = %v", err)
		}
		r.stop()
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	f := func(mod func(*Options), want string) {
		t.Helper()
		j, err := journal.Open(journal.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		o := Options{Config: DefaultConfig(), Journal: j, Store: newFakeStore(), Redactor: fakeRedactor{}, Encoder: testEncoder}
		mod(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
	}
	f(func(o *Options) { o.Redactor = nil }, "required")
	f(func(o *Options) { o.Config.Queue.MaxRecords = 0 }, "max_records")
	f(func(o *Options) { o.Config.Queue.MaxBytes = 5 }, "max_bytes")
}
