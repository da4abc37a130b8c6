package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// agentRec is a container that states usage of its own.
func agentRec(span, parent string) llm.Record {
	r := spanRec(span, parent)
	r.Span.Kind = llm.KindAgent
	a := callAt("", "", "")
	a.TraceID, a.RequestModel = "", "of-"+span
	r.Span.Aggregate = a
	return r
}

// agents returns how often each container's usage became a Call, and checks it.
func (r *rig) agents(calls <-chan *llm.Call) map[string]int {
	out := map[string]int{}
	for {
		select {
		case c := <-calls:
			if name, ok := strings.CutPrefix(c.RequestModel, "of-"); ok {
				out[name]++
				if len(c.Notes) == 0 || c.Notes[len(c.Notes)-1] != "container_usage" || c.ParentSpanID != name || len(c.SpanID) != 16 {
					r.t.Errorf("%s: notes %v, parent %q, span %q", name, c.Notes, c.ParentSpanID, c.SpanID)
				}
			}
		default:
			return out
		}
	}
}

func TestAContainersUsageIsCountedWhenNobodyElseDoes(t *testing.T) {
	// Steps are batches, or pauses in seconds.
	f := func(name string, want map[string]int, steps ...any) {
		t.Helper()
		inBubble(t, func(t *testing.T) {
			r := newRig(t)
			calls, cancel := r.Subscribe(100)
			for _, s := range steps {
				switch s := s.(type) {
				case int:
					pass(time.Duration(s) * time.Second)
				case llm.Record:
					r.submit(clone(s))
				case []llm.Record:
					r.submit(s...)
				}
			}
			pass(20 * time.Second)
			if d := cmp.Diff(want, r.agents(calls)); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			r.counted()
			if n := r.containers.size(); n != 0 {
				t.Errorf("%s: %d still wait", name, n)
			}
			if lag := r.journal.Stats().Cursors[0].Lag; lag != 0 {
				t.Errorf("%s: the journal keeps %d records", name, lag)
			}
			r.checkBalance()
			cancel()
			r.stop()
		})
	}
	none, a := map[string]int{}, map[string]int{"a": 1}
	leaf := callRec("c", "a", llm.SourceOTLP)
	f("alone", a, agentRec("a", ""))
	f("with a call in its batch", none, []llm.Record{clone(agentRec("a", "")), clone(leaf)})
	f("with a call before", none, leaf, 1, agentRec("a", ""))
	f("with a call within the delay", none, agentRec("a", ""), 3, leaf)
	f("with a call far beneath", none, agentRec("a", ""), callRec("c", "x", llm.SourceGateway), 1, spanRec("y", "a"), spanRec("x", "y"))
	f("with a call after the delay", a, agentRec("a", ""), 8, leaf)
	f("sent again", a, agentRec("a", ""), 1, agentRec("a", ""), 10, agentRec("a", ""))
	f("beneath a call", none, callRec("p", "", llm.SourceOTLP), agentRec("a", "p"))
	f("nested", a, []llm.Record{agentRec("o", ""), spanRec("x", "o"), agentRec("a", "x")})
	// The first whose time has come is counted; the other is not.
	f("nested, the outer first", map[string]int{"o": 1}, agentRec("o", ""), 1, spanRec("x", "o"), agentRec("a", "x"))
	f("nested, the outer long after", a, agentRec("a", "o"), 10, agentRec("o", ""))
	f("nested, the inner long after", map[string]int{"o": 1}, agentRec("o", ""), 10, agentRec("a", "o"))
	f("beside each other", map[string]int{"a": 1, "b": 1}, []llm.Record{agentRec("a", "o"), agentRec("b", "o"), agentRec("o", "")})
	f("in a cycle", a, []llm.Record{agentRec("a", "b"), agentRec("b", "a")})
}

func TestAContainersCallIsBookedAsReceived(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.submit(agentRec("a", ""))
		pass(time.Second)
		if e := r.entry("otlp"); e.Received != 1 || len(r.store.ids(t)) != 1 {
			t.Errorf("before the delay: %+v", e)
		}
		pass(20 * time.Second)
		if e := r.entry("otlp"); e.Received != 2 || e.Stored != 2 {
			t.Errorf("after the delay: %+v", e)
		}
		if n := len(r.observer.calls); n != 1 {
			t.Errorf("%d observed", n)
		}
		if n, b := r.budget.used(); n != 0 || b != 0 {
			t.Errorf("%d records and %d bytes of the queue are never given back", n, b)
		}
		r.stop()
	})
}

func TestDrainCountsContainersThatWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.submit(agentRec("a", ""))
		if err := r.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(r.store.ids(t)); n != 2 {
			t.Errorf("%d stored", n)
		}
		r.checkBalance()
		r.journal.Close()
	})
}

func TestACrashLosesNoContainersUsage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		// What a process that was killed right after the acknowledgement leaves.
		dir := t.TempDir()
		leave := func(hs ...header) {
			j, err := journal.Open(journal.Options{Dir: dir, SegmentSize: 256 << 10, MaxBytes: 64 << 20})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hs {
				if err := j.Append(t.Context(), [][]byte{append(appendEnvelope(nil, h), h.id+"|{}"...)}); err != nil {
					t.Fatal(err)
				}
			}
			j.Close()
		}
		held := func(span string) header {
			s := agentRec(span, "").Span
			normalize(llm.Record{Span: s}, time.Now())
			h := headerOf(llm.Record{Span: s})
			h.held = journalForm(containerCall(s, s.Aggregate), fakeRedactor{}, time.Now())
			return h
		}
		leaf := callAt("c", "b", llm.SourceOTLP)
		normalize(llm.Record{Call: leaf}, time.Now())
		leave(held("a"), held("b"), headerOf(llm.Record{Call: leaf}))
		r := newRig(t, func(r *rig) { r.jopts.Dir = dir })
		calls, cancel := r.Subscribe(10)
		r.submit(agentRec("a", "")) // its sender did not hear the answer
		pass(time.Second)
		if n := len(r.store.ids(t)); n != 3 {
			t.Errorf("%d stored", n)
		}
		pass(20 * time.Second)
		if d := cmp.Diff(map[string]int{"a": 1}, r.agents(calls)); d != "" {
			t.Error(d)
		}
		if e := r.entry("otlp"); e.Restored != 3 || e.Received != 5 || e.Stored != 4 || e.Dropped[DropDuplicate] != 1 {
			t.Errorf("%+v", e)
		}
		cancel()
		r.stop()
	})
}

func TestTheJournalKeepsAContainerUntilItsUsageIsSafe(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.opts.Settle = time.Minute })
		r.submit(agentRec("a", ""))
		r.submit(recs(0, 10, llm.SourceSDK)...)
		pass(30 * time.Second)
		if lag := r.journal.Stats().Cursors[0].Lag; lag != 11 {
			t.Errorf("lag %d: a crash now would lose the usage", lag)
		}
		if n := len(r.store.ids(t)); n != 11 {
			t.Errorf("%d stored: waiting must not hold anything up", n)
		}
		pass(time.Minute)
		if lag := r.journal.Stats().Cursors[0].Lag; lag != 0 {
			t.Errorf("lag %d", lag)
		}
		r.stop()
	})
}

func TestUsageOfARefusedContainerWaitsForTheNextAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		fault := &journalFault{}
		r := newRig(t, func(r *rig) { r.jopts.Wrap = fault.wrap })
		fault.set(errors.New("disk on fire"))
		if err := r.Submit(t.Context(), []llm.Record{agentRec("a", "")}); err == nil {
			t.Fatal("taken though nothing is durable")
		}
		fault.set(nil)
		pass(20 * time.Second)
		if n := len(r.counted()); n != 0 || r.containers.size() != 0 {
			t.Errorf("%d counted, %d wait", n, r.containers.size())
		}
		r.submit(agentRec("a", ""))
		pass(20 * time.Second)
		if n := len(r.counted()); n != 1 {
			t.Errorf("%d counted", n)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestAContainerThatWaitsIsNotForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(r *rig) { r.opts.JoinWindow = minSpans })
		calls, cancel := r.Subscribe(10_000)
		r.submit(agentRec("a", ""))
		r.submit(callRec("c", "a", llm.SourceOTLP))
		var many []llm.Record
		for n := range 10 * minSpans {
			many = append(many, spanRec(fmt.Sprint("s", n), ""))
		}
		r.submit(many...)
		pass(20 * time.Second)
		if d := cmp.Diff(map[string]int{}, r.agents(calls)); d != "" {
			t.Error(d)
		}
		cancel()
		r.stop()
	})
}

func TestACountedContainerIsRememberedOverARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.setDown(true)
		r.submit(agentRec("a", ""))
		pass(10 * time.Second)
		r.stop()
		r.store.setDown(false)
		r.start()
		r.submit(callRec("c", "a", llm.SourceOTLP))
		pass(20 * time.Second)
		if got := r.storedSpans()["c"]; got != countedByAncestor {
			t.Errorf("a call beneath it is stored as %q", got)
		}
		if n := len(r.counted()); n != 1 {
			t.Errorf("%d counted", n)
		}
		r.stop()
	})
}

func TestContainersAreBounded(t *testing.T) {
	c := newContainers()
	at := time.Now()
	for n := range 3 * maxHeld {
		ok := c.hold(heldCall{span: fmt.Sprint(n), due: at.Add(time.Hour), size: 100})
		if ok {
			c.expect(fmt.Sprint(n))
		}
		if want := n < 2*maxHeld; ok != want {
			t.Fatalf("the %dth: %v", n, ok)
		}
	}
	early := 0
	for {
		due, _ := c.due(at, false)
		if len(due) == 0 {
			break
		}
		early += len(due)
		c.done(due...)
	}
	if early != maxHeld || c.size() != maxHeld {
		t.Errorf("%d wait no longer, %d still do", early, c.size())
	}
	big := newContainers()
	for n := range 5 {
		if ok, want := big.hold(heldCall{span: fmt.Sprint(n), size: maxHeldBytes / 2}), n < 4; ok != want {
			t.Errorf("half of what is allowed in bytes, %dth: %v", n, ok)
		}
	}
}

func TestTooManyContainersAreBooked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.containers.mu.Lock()
		r.containers.bytes += 2 * maxHeldBytes // as if
		r.containers.mu.Unlock()
		r.submit(agentRec("a", ""))
		pass(20 * time.Second)
		if e := r.entry("otlp"); e.Received != 2 || e.Stored != 1 || e.Dropped[DropQueueFull] != 1 {
			t.Errorf("%+v", e)
		}
		if v := testutil.ToFloat64(r.metrics.containers.WithLabelValues("counted")); v != 0 {
			t.Errorf("counted %v", v)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestLongContentOfAContainerIsNotHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		calls, cancel := r.Subscribe(10)
		long, short := agentRec("l", ""), agentRec("s", "")
		long.Span.Aggregate.Input = []llm.Message{llm.Text("user", strings.Repeat("x", 1<<20))}
		r.submit(long, short)
		pass(20 * time.Second)
		for range 2 {
			if c := <-calls; len(c.Input) != map[string]int{"of-l": 0, "of-s": 1}[c.RequestModel] {
				t.Errorf("%s has %d messages", c.RequestModel, len(c.Input))
			}
		}
		cancel()
		r.stop()
	})
}
