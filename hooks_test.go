package pitot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// stopped ends what a core started, within the bubble of a test.
func stopped(t *testing.T, r *core) {
	t.Helper()
	if err := r.meters.close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestOnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := testCore(t)
		defer stopped(t, r)
		var got []CallInfo
		var spans []trace.SpanContext
		remove := OnCall(func(ctx context.Context, c CallInfo) {
			got = append(got, c)
			spans = append(spans, trace.SpanContextFromContext(ctx))
			if ctx.Err() != nil {
				t.Errorf("the context is done: %v", ctx.Err())
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		ctx, span := r.tracer.Start(ctx, "chat")
		r.observe(ctx, streamed(), slowRequest)
		cancel()
		span.End()
		synctest.Wait()
		if len(got) != 1 || got[0].RequestModel != "gpt-x" || got[0].Usage.OutputTokens != 31 || !got[0].SlowRequest || spans[0].SpanID() != span.SpanContext().SpanID() {
			t.Errorf("told of %+v in %v", got, spans)
		}
		remove()
		r.observe(t.Context(), streamed(), 0)
		synctest.Wait()
		if len(got) != 1 {
			t.Error("a removed hook is called")
		}
	})
}

// TestHooksDelayNothing: a hook that hangs costs notices and not calls, and
// shutdown does not wait for it longer than it may.
func TestHooksDelayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := testCore(t)
		release := make(chan struct{})
		var told atomic.Int64
		OnCall(func(context.Context, CallInfo) { <-release; told.Add(1) })
		const calls = maxPending + 100
		for range calls {
			r.observe(t.Context(), streamed(), 0)
		}
		synctest.Wait()
		dropped := rec.Metrics(t)["pitot.sdk.hook_dropped"].Data.(metricdata.Sum[int64]).DataPoints[0].Value
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.meters.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close while a hook hangs: %v", err)
		}
		close(release)
		stopped(t, r)
		if dropped == 0 || told.Load()+dropped != calls {
			t.Errorf("%d told, %d dropped, %d calls", told.Load(), dropped, calls)
		}
		r.observe(t.Context(), streamed(), 0) // after the end: nothing happens
	})
}

func TestHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := testCore(t)
		defer stopped(t, r)
		n := 0
		OnCall(func(context.Context, CallInfo) { n++; panic("in a hook") })
		for range 3 {
			r.observe(t.Context(), streamed(), 0)
		}
		synctest.Wait()
		if n != 3 || strings.Count(rec.Warnings(), "in a hook") != 1 {
			t.Errorf("%d calls, warnings:\n%s", n, rec.Warnings())
		}
	})
}

func TestHooksOff(t *testing.T) {
	OnCall(func(context.Context, CallInfo) { t.Error("called while off") })()
	remove, err := OnThreshold(Rule{}, nil)
	remove()
	if err != nil {
		t.Errorf("off: %v", err)
	}
}

func TestTooManyHooks(t *testing.T) {
	r, rec := testCore(t)
	for range maxHooks + 1 {
		OnCall(func(context.Context, CallInfo) {})
	}
	if !strings.Contains(rec.Warnings(), "100 hooks") {
		t.Errorf("warnings: %s", rec.Warnings())
	}
	for i := range maxHooks + 1 {
		if _, err := OnThreshold(Rule{Measure: ErrorRate}, func(context.Context, Breach) {}); (err != nil) != (i == maxHooks) {
			t.Errorf("rule %d: %v", i, err)
		}
	}
	stopped(t, r)
	if remove, err := r.meters.hooks.onCall(func(context.Context, CallInfo) {}); err != nil {
		t.Errorf("after the end: %v", err)
	} else {
		remove()
	}
}

// TestThresholdFiresOnce: once a crossing, again only after it came back.
func TestThresholdFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := testCore(t)
		defer stopped(t, r)
		var got []Breach
		begun := time.Now()
		remove, err := OnThreshold(Rule{Name: "slow", Measure: LatencyP95, Threshold: 2, Window: time.Minute}, func(_ context.Context, b Breach) { got = append(got, b) })
		if err != nil {
			t.Fatal(err)
		}
		calls := func(d time.Duration, n int) {
			for range n {
				r.observe(t.Context(), callOf("m", "u", d), 0)
				later(2 * time.Second)
			}
			synctest.Wait()
		}
		calls(time.Second, 10)
		if len(got) != 0 {
			t.Fatalf("fired early: %v", got)
		}
		calls(3*time.Second, 60)
		if len(got) != 1 || got[0].Value < 2.9 || got[0].Value > 3.1 || got[0].Threshold != 2 || got[0].Rule.Name != "slow" || !got[0].At.After(begun.Add(20*time.Second-time.Nanosecond)) {
			t.Fatalf("fired %v", got)
		}
		if s := got[0].String(); !strings.HasPrefix(s, "slow: latency_p95 ") || !strings.HasSuffix(s, " > 2") {
			t.Errorf("as text: %q", s)
		}
		calls(1900*time.Millisecond, 60) // between 1.8, where it clears, and 2
		calls(3*time.Second, 60)
		if len(got) != 1 {
			t.Fatalf("fired within the hysteresis: %v", got)
		}
		calls(time.Second, 60)
		calls(3*time.Second, 60)
		if len(got) != 2 {
			t.Fatalf("fired %d times, want 2", len(got))
		}
		remove()
		calls(time.Second, 60)
		calls(3*time.Second, 60)
		if len(got) != 2 {
			t.Error("a removed rule fires")
		}
	})
}

// TestThresholdFor: passed without a break for as long as the rule says.
func TestThresholdFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := testCore(t, WithSummaryWindow(4*time.Minute))
		defer stopped(t, r)
		var got []Breach
		if _, err := OnThreshold(Rule{Name: "errors", Measure: ErrorRate, Threshold: 0.5, Window: 2 * time.Second, For: 30 * time.Second, Filters: []Filter{ByModel("m")}},
			func(_ context.Context, b Breach) { got = append(got, b) }); err != nil {
			t.Fatal(err)
		}
		run := func(seconds int, bad bool) {
			for range seconds {
				c := callOf("m", "u", time.Second)
				if bad {
					c.SetError("x", "")
				}
				r.observe(t.Context(), c, 0)
				r.observe(t.Context(), callOf("other", "u", time.Second), 0)
				later(time.Second)
			}
			synctest.Wait()
		}
		run(20, true)
		run(10, false)
		run(25, true)
		if len(got) != 0 {
			t.Fatalf("fired early: %v", got)
		}
		run(15, true)
		if len(got) != 1 || got[0].At.Sub(got[0].Since) < 30*time.Second {
			t.Fatalf("fired %v", got)
		}
	})
}

// TestMeasures: each measure over known calls.
func TestMeasures(t *testing.T) {
	w := newWindow(defaultSettings())
	for i := range 10 {
		c := callOf("m", "u", 2*time.Second)
		c.TTFT = llm.Some(time.Second)
		if i == 0 {
			c.SetError("x", "")
		}
		w.add(c, slow(i%2))
	}
	for m, want := range map[Measure]float64{
		LatencyAverage: 2, LatencyP50: 2, LatencyP95: 2, LatencyP99: 2, TTFTP50: 1, TTFTP95: 1, TTFTP99: 1, ErrorRate: 0.1, SuccessRate: 0.9, SlowRate: 0.5,
		RequestRate: 10.0 / 60, InputTokens: 100, OutputTokens: 200, CostUSD: 0.1, TokensPerSecond: 19,
	} {
		r := Rule{Measure: m, Window: time.Minute}
		if err := r.complete(w); err != nil {
			t.Errorf("%s: %v", m, err)
		}
		if got, ok := r.value(w); !ok || got < want*0.979 || got > want*1.021 {
			t.Errorf("%s is %v (%v), want %v", m, got, ok, want)
		}
		if _, ok := r.value(newWindow(defaultSettings())); ok {
			t.Errorf("%s is known without calls", m)
		}
	}
	bare := newWindow(defaultSettings())
	bare.add(&llm.Call{Status: llm.StatusOK}, 0)
	for _, m := range []Measure{LatencyP95, TTFTP95, InputTokens, OutputTokens, TokensPerSecond, CostUSD} {
		r := Rule{Measure: m, Window: time.Minute, MinRequests: 1}
		if v, ok := r.value(bare); ok {
			t.Errorf("%s is %v where it is unknown", m, v)
		}
	}
}

func TestRulesAreChecked(t *testing.T) {
	testCore(t)
	fn := func(context.Context, Breach) {}
	for want, rule := range map[string]Rule{
		"unknown measure": {Measure: "speed"},
		"window":          {Measure: ErrorRate, Window: 2 * time.Hour},
		"for -1s":         {Measure: ErrorRate, For: -time.Second},
		"wrong side":      {Measure: ErrorRate, Threshold: 1, Clear: 2},
		"is on the wrong": {Measure: SuccessRate, Threshold: 0.9, Clear: 0.5},
	} {
		if _, err := OnThreshold(rule, fn); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", rule, err, want)
		}
	}
	if _, err := OnThreshold(Rule{Measure: ErrorRate}, nil); err == nil {
		t.Error("a nil function is taken")
	}
	if err := errors.Join(WithPrices(nil)(defaultSettings()), WithCallLogs(nil)(defaultSettings())); err == nil {
		t.Error("nil options are taken")
	}
}

// TestHooksConcurrently: adding, removing, telling and closing at once.
func TestHooksConcurrently(t *testing.T) {
	r, _ := testCore(t)
	r.meters.hooks.ticking = true // this test evaluates
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for range 50 {
				remove := OnCall(func(context.Context, CallInfo) {})
				undo, err := OnThreshold(Rule{Name: fmt.Sprint(w), Measure: ErrorRate}, func(context.Context, Breach) {})
				if err != nil {
					t.Error(err)
				}
				r.observe(t.Context(), streamed(), 0)
				if w == 0 { // the state of rules belongs to one goroutine
					r.meters.hooks.evaluate(time.Now())
				}
				undo()
				remove()
			}
		})
	}
	wg.Wait()
	stopped(t, r)
	stopped(t, r) // twice is fine
}
