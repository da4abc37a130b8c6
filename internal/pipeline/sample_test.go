package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// testTally makes "id|tally" of a row.
func testTally(dst, row []byte) ([]byte, error) {
	id, _, _ := bytes.Cut(row, []byte("|"))
	return append(append(dst, id...), "|tally"...), nil
}

// sampled sets a rate of 0: only what is kept for a reason stays.
func sampled(mod ...func(*SamplingConfig)) func(*rig) {
	return func(r *rig) {
		c := &r.opts.Config.Sampling
		*c = SamplingConfig{Rate: 0, Slow: 30 * time.Second, Wait: 10 * time.Second}
		for _, m := range mod {
			m(c)
		}
		r.opts.Tally = testTally
	}
}

// inTrace is a Call with an id of its own, in a trace of its own.
func inTrace(trace, id string) *llm.Call {
	c := call(0, llm.SourceOTLP)
	c.ID, c.TraceID, c.SpanID = id, trace, id
	return c
}

func spanInTrace(trace, id string) llm.Record {
	return llm.Record{Span: &llm.Span{
		ID: id, Time: time.Now(), Source: llm.SourceOTLP, Status: llm.StatusOK, TraceID: trace, SpanID: id, Name: "n",
	}}
}

// fates returns of each row whether it is whole or a tally.
func (r *rig) fates() map[string]string {
	r.t.Helper()
	out := map[string]string{}
	for _, id := range r.store.ids(r.t) {
		out[id] = "whole"
		if strings.HasSuffix(r.store.row(id), "|tally") {
			out[id] = "tally"
		}
	}
	return out
}

func TestATraceIsKeptWholeForOneReason(t *testing.T) {
	f := func(name string, keep bool, late llm.Record, mod ...func(*SamplingConfig)) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			r := newRig(t, sampled(mod...), func(r *rig) { r.opts.Pricer = nil; r.opts.Observer = nil })
			r.models.rare("m", time.Now(), 1) // the model of the others is not rare
			r.submit(spanInTrace("t", "before"), llm.Record{Call: inTrace("t", "call")})
			pass(8 * time.Second)
			if n := len(r.store.ids(t)); n != 0 {
				t.Errorf("%s: %d are stored before the decision", name, n)
			}
			if late.Call == nil && late.Span == nil {
				r.KeepTrace("t")
			} else {
				r.submit(late)
			}
			pass(20 * time.Second)
			r.submit(spanInTrace("t", "long after"), spanInTrace("u", "other"))
			pass(30 * time.Second)
			got := r.fates()
			delete(got, "late")
			want := map[string]string{"call": "tally"}
			if keep {
				want = map[string]string{"before": "whole", "call": "whole", "long after": "whole"}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			var stored, dropped uint64
			for _, e := range r.Ledger() {
				stored, dropped = stored+e.Stored, dropped+e.Dropped[DropSampled]
			}
			total := uint64(4)
			if late.Call != nil || late.Span != nil {
				total++
			}
			if stored+dropped != total || keep != (dropped == 1) {
				t.Errorf("%s: ledger %+v", name, r.Ledger())
			}
			r.checkBalance()
			r.stop()
		})
	}
	spanWith := func(mod func(*llm.Span)) llm.Record {
		r := spanInTrace("t", "late")
		r.Span.Time = testStart
		mod(r.Span)
		return r
	}
	callWith := func(mod func(*llm.Call)) llm.Record {
		c := inTrace("t", "late")
		c.Time = testStart
		mod(c)
		return llm.Record{Call: c}
	}
	cost := func(c *SamplingConfig) { c.Cost = 0.1 }
	usd := func(v float64) llm.Record {
		return callWith(func(c *llm.Call) { c.Cost = llm.Cost{USD: llm.Some(v), State: llm.CostReported} })
	}
	f("nothing special", false, spanWith(func(*llm.Span) {}))
	f("an error in a span", true, spanWith(func(s *llm.Span) { s.Status = llm.StatusError }))
	f("an error in a call", true, callWith(func(c *llm.Call) { c.SetError("boom", "") }))
	f("a slow span", true, spanWith(func(s *llm.Span) { s.Duration = time.Minute }))
	f("a slow call", true, callWith(func(c *llm.Call) { c.Duration = time.Minute }))
	f("a costly call", true, usd(0.2), cost)
	f("a cheap call", false, usd(0.05), cost)
	f("feedback", true, llm.Record{})
	f("a rare model", true, callWith(func(c *llm.Call) { c.RequestModel = "rare" }), func(c *SamplingConfig) { c.RareModels = 1 })
}

func TestRateOneDelaysNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.submit(recs(0, 10, llm.SourceOTLP)...)
		pass(time.Second)
		if n := len(r.store.ids(t)); n != 10 {
			t.Errorf("%d stored", n)
		}
		r.stop()
	})
}

func TestEveryCallIsInTheTotalsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, sampled(func(c *SamplingConfig) { c.Rate = 0.25 }), func(r *rig) { r.opts.Pricer = fakePricer{} })
		for n := range 100 {
			rs := recs(n*10, n*10+10, llm.SourceOTLP)
			for i := range rs {
				rs[i].Call.TraceID = fmt.Sprint("trace-", n)
			}
			r.submit(rs...)
			pass(100 * time.Millisecond)
		}
		r.Offer(llm.Record{Log: &llm.Log{ID: "log", Source: "logs", Time: time.Now(), TraceID: "trace-1"}})
		pass(30 * time.Second)
		got, whole := r.fates(), map[string]bool{}
		if len(got) != 1001 || got["log"] != "whole" {
			t.Errorf("%d rows, the log is %q", len(got), got["log"])
		}
		n := 0
		for i := range 1000 {
			fate := got[fmt.Sprintf("id-%06d", i)]
			trace := fmt.Sprint(i / 10)
			if first, ok := whole[trace]; ok && first != (fate == "whole") {
				t.Errorf("trace %s is torn apart", trace)
			}
			whole[trace] = fate == "whole"
			if fate == "whole" {
				n++
			}
		}
		if n < 100 || n > 450 {
			t.Errorf("%d of 1000 kept at 25 %%", n)
		}
		if e := r.entry("otlp"); e.Stored != uint64(n) || e.Dropped[DropSampled] != uint64(1000-n) {
			t.Errorf("ledger: %+v, whole %d", e, n)
		}
		if len(r.observer.calls) != 1000 {
			t.Errorf("%d observed", len(r.observer.calls))
		}
		r.stop()
		if n := len(r.writer.past.sampled); n != 0 {
			t.Errorf("%d decisions are remembered for ever", n)
		}
	})
}

func TestASampledRecordIsDecidedOnOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, sampled(), func(r *rig) { r.opts.Pricer, r.opts.Observer = nil, nil })
		r.store.flushAfter = 2 * time.Second
		for n := range 20 {
			id := fmt.Sprintf("c%02d", n)
			r.submit(llm.Record{Call: inTrace(id, id)}, spanInTrace(id, "s"+id))
			pass(time.Second)
			if n == 14 || n == 17 {
				r.store.crash()
				// What comes between the decision and the replay does not change it.
				for k := range 20 {
					r.KeepTrace(fmt.Sprintf("c%02d", k))
				}
				pass(7 * time.Second)
				r.store.start()
			}
		}
		pass(time.Minute)
		got := r.fates()
		tallies, whole := 0, 0
		for id, fate := range got {
			if fate == "tally" {
				tallies++
				if got["s"+id] != "" {
					t.Errorf("of trace %s the span is stored, the call is not", id)
				}
			} else if id[0] == 'c' {
				whole++
				if got["s"+id] != "whole" {
					t.Errorf("of trace %s the call is stored, the span is not", id)
				}
			}
		}
		if tallies == 0 || whole == 0 || tallies+whole != 20 {
			t.Errorf("%d tallies, %d whole", tallies, whole)
		}
		if e := r.entry("otlp"); e.Stored != uint64(2*whole) || e.Dropped[DropSampled] != uint64(2*tallies) || e.InFlight != 0 {
			t.Errorf("%d whole, %d tallies, ledger %+v", whole, tallies, e)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestKeptTracesAreRememberedOverARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, sampled(), func(r *rig) { r.opts.Pricer, r.opts.Observer = nil, nil })
		r.store.setDown(true)
		r.submit(spanInTrace("t", "first"), spanInTrace("u", "other"))
		bad := inTrace("t", "bad")
		bad.SetError("boom", "")
		r.submit(llm.Record{Call: bad})
		r.stop()
		r.store.setDown(false)
		r.start()
		r.submit(spanInTrace("t", "after"))
		pass(time.Minute)
		want := map[string]string{"first": "whole", "bad": "whole", "after": "whole"}
		if d := cmp.Diff(want, r.fates()); d != "" {
			t.Error(d)
		}
		r.stop()
	})
}

func TestDrainDecidesAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, sampled(func(c *SamplingConfig) { c.Wait = maxWait }), func(r *rig) { r.opts.Pricer, r.opts.Observer = nil, nil })
		r.submit(llm.Record{Call: inTrace("t", "a")}, spanInTrace("t", "b"))
		pass(time.Minute)
		start := time.Now()
		if err := r.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("drain took %v", d)
		}
		if d := cmp.Diff(map[string]string{"a": "tally"}, r.fates()); d != "" {
			t.Error(d)
		}
		r.journal.Close()
	})
}

func TestReloadEndsTheWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, sampled(func(c *SamplingConfig) { c.Wait = maxWait }), func(r *rig) { r.opts.Pricer, r.opts.Observer = nil, nil })
		r.submit(spanInTrace("t", "b"))
		pass(5 * time.Second)
		if err := r.Reload(DefaultConfig(), nil, fakeRedactor{}); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if d := cmp.Diff(map[string]string{"b": "whole"}, r.fates()); d != "" {
			t.Error(d)
		}
		r.stop()
	})
}

func TestWithoutATallyNothingIsLeftAndABrokenOneKeepsTheCall(t *testing.T) {
	f := func(tally func(dst, row []byte) ([]byte, error), want map[string]string) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			r := newRig(t, sampled(), func(r *rig) { r.opts.Pricer, r.opts.Observer, r.opts.Tally = nil, nil, tally })
			r.submit(llm.Record{Call: inTrace("t", "a")})
			pass(30 * time.Second)
			if d := cmp.Diff(want, r.fates()); d != "" {
				t.Error(d)
			}
			if e := r.entry("otlp"); e.Stored != uint64(len(want)) || e.Dropped[DropSampled] != uint64(1-len(want)) {
				t.Errorf("ledger: %+v", e)
			}
			r.checkBalance()
			r.stop()
		})
	}
	f(nil, map[string]string{})
	f(func(dst, _ []byte) ([]byte, error) { return dst, nil }, map[string]string{})
	f(func(dst, _ []byte) ([]byte, error) { return dst, errors.New("broken") }, map[string]string{"a": "whole"})
}

func TestSampleByTrace(t *testing.T) {
	c := SamplingConfig{Rate: 0.25}
	kept := 0
	for range 4000 {
		trace := randomID(time.Now())
		call := c.draws(header{kind: kindCall, id: "x", trace: trace})
		if call != c.draws(header{kind: kindSpan, id: "y", trace: trace}) {
			t.Fatal("a trace is torn apart")
		}
		if call {
			kept++
		}
	}
	if kept < 800 || kept > 1200 {
		t.Errorf("%d of 4000 kept at 25 %%", kept)
	}
	c.Rate = 0
	if !c.draws(header{kind: kindLog}) || !c.draws(header{kind: 'x'}) || c.draws(header{kind: kindSpan, id: "x"}) {
		t.Error("logs are kept, and what is not known")
	}
}

func TestTraceSetIsBounded(t *testing.T) {
	s := newTraceSet(100)
	for n := range uint64(1000) {
		s.add(n)
		s.add(n)
		if !s.has(n) {
			t.Fatalf("%d is forgotten", n)
		}
	}
	if len(s.m) != 100 || s.has(1) {
		t.Errorf("%d remembered", len(s.m))
	}
}

func TestRareModels(t *testing.T) {
	var m modelCounts
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for n := range 10 {
		if got := m.rare("m", at.Add(time.Duration(n)*time.Minute), 3); got != (n < 3) {
			t.Errorf("call %d: rare is %v", n, got)
		}
	}
	if !m.rare("other", at, 3) {
		t.Error("a new model is rare")
	}
	if m.rare("m", at.Add(50*time.Minute), 3) {
		t.Error("ten within the hour")
	}
	if !m.rare("m", at.Add(80*time.Minute), 3) {
		t.Error("one within the hour: the others are older")
	}
	if !m.rare("m", at.Add(48*time.Hour), 3) {
		t.Error("none for days")
	}
	m.rare("m", at, 3) // a clock that was set back
	for n := range 2 * maxModels {
		m.rare(fmt.Sprint("made-up-", n), at.Add(48*time.Hour), 3)
	}
	if len(m.m) > maxModels {
		t.Errorf("%d models are remembered", len(m.m))
	}
	if m.rare("one too many", at.Add(48*time.Hour), 3) {
		t.Error("made-up names must not make everything rare")
	}
	if !m.rare("one too many", at.Add(96*time.Hour), 3) {
		t.Error("room is made for new models")
	}
}

func TestSamplingConfigIsChecked(t *testing.T) {
	f := func(want string, mod func(*SamplingConfig)) {
		t.Helper()
		c := DefaultConfig()
		mod(&c.Sampling)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
	}
	f("sampling.rate", func(c *SamplingConfig) { c.Rate = math.NaN() })
	f("sampling.slow", func(c *SamplingConfig) { c.Slow = -1 })
	f("sampling.cost", func(c *SamplingConfig) { c.Cost = math.NaN() })
	f("sampling.rare_models", func(c *SamplingConfig) { c.RareModels = -1 })
	f("sampling.wait", func(c *SamplingConfig) { c.Wait = time.Hour })
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
