package budget

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestNeverEnforcedByAccident(t *testing.T) {
	c := newClock(noon)
	for _, text := range []string{
		"- {name: b, limit: 0.001}\n",
		"- {name: b, limit: 0.001, enforce: off}\n",
		"- {name: b, limit: 0.001, enforce: false}\n",
		"- {name: b, limit: 0.001, enforce: soft}\n",
	} {
		e := newEngine(t, text, c)
		e.Record(call(id(1), noon, 1000))
		d := e.Allow(t.Context(), Request{CallID: "x", EstimatedUSD: 1e6})
		if d.Deny {
			t.Errorf("%s denies: %s", text, d.Message)
		}
		if soft := strings.Contains(text, "soft"); soft != (d.Warning != "") || soft != e.Enforcing() {
			t.Errorf("%s: warning %q, enforcing %v", text, d.Warning, e.Enforcing())
		}
	}
}

func TestHardBudgetDenies(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, enforce: hard, period: day, time_zone: Asia/Shanghai, each: user}\n", c)
	ask := func(id, user string, usd float64) Decision {
		return e.Allow(t.Context(), Request{CallID: id, User: user, EstimatedUSD: usd})
	}
	if d := ask("c1", "u1", 6); d.Deny {
		t.Fatalf("denied: %s", d.Message)
	}
	d := ask("c2", "u1", 5)
	if !d.Deny || d.Budget != "b" || d.Account != "u1" || !strings.Contains(d.Message, "more than is left") {
		t.Errorf("6 reserved and 5 asked: %+v, want a denial", d)
	}
	if want := time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC); !d.ResetAt.Equal(want) {
		t.Errorf("resets at %v, want midnight in Shanghai, %v", d.ResetAt, want)
	}
	if d := ask("c3", "u2", 5); d.Deny {
		t.Errorf("another user is denied: %s", d.Message)
	}
	e.Record(call("c1", noon, 2)) // it cost less
	if d := ask("c4", "u1", 8); d.Deny {
		t.Errorf("2 spent and 8 asked: %s", d.Message)
	}
	if d := ask("c5", "u1", 0); !d.Deny || !strings.Contains(d.Message, "calls on their way") {
		t.Errorf("all is reserved: %+v", d)
	}
	e.Release("c4")
	if d := ask("c6", "u1", 0); d.Deny {
		t.Errorf("after the release: %s", d.Message)
	}
	e.Record(call("c7", noon, 20))
	if d := ask("c8", "u1", 0); !d.Deny || !strings.Contains(d.Message, `budget "b" of user "u1": 22.00 USD of 10.00 USD are spent in this day, which ends 2026-06-16T00:00:00+08:00`) {
		t.Errorf("22 of 10 spent: %+v", d)
	}
	if n := status(t, e, "b").Denied; n != 3 {
		t.Errorf("%d denied, want 3", n)
	}
	c.set(d.ResetAt)
	if d := ask("c9", "u1", 10); d.Deny {
		t.Errorf("on a new day: %s", d.Message)
	}
	if d := e.Allow(t.Context(), Request{CallID: "c10", EstimatedUSD: 100}); d.Deny {
		t.Errorf("a call without a user is denied: %s", d.Message)
	}
}

func TestRollingBudgetResets(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, enforce: hard, period: 1h, unit: tokens}\n", c)
	e.Record(call(id(1), noon, 0))
	d := e.Allow(t.Context(), Request{CallID: "x", EstimatedTokens: 1})
	if want := noon.Add(time.Hour + time.Minute); !d.Deny || !d.ResetAt.Equal(want) {
		t.Errorf("%+v, want a denial until %v", d, want)
	}
	c.set(d.ResetAt.Add(-time.Second))
	if d := e.Allow(t.Context(), Request{CallID: "x"}); !d.Deny {
		t.Error("admitted a second before the reset")
	}
	c.set(d.ResetAt)
	if d := e.Allow(t.Context(), Request{CallID: "x"}); d.Deny {
		t.Errorf("denied at the reset: %s", d.Message)
	}
}

func TestAllowFailsOpen(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 1, enforce: hard}\n", c)
	e.Record(call(id(1), noon, 5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d := e.Allow(ctx, Request{CallID: "x"}); d.Deny {
		t.Error("a request that was given up is denied")
	}
	e.mu.Lock()
	(*e.enforced.Load())[0].accounts[""] = nil // as a mistake would leave it
	(*e.enforced.Load())[0].accounts = nil     // writing to it panics
	e.mu.Unlock()
	if d := e.Allow(t.Context(), Request{CallID: "y"}); d.Deny || e.counters.failedOpen.Load() != 1 {
		t.Errorf("%+v, failed open %d times: want the call admitted, and counted", d, e.counters.failedOpen.Load())
	}
}

func TestLostReservationsAreGivenUp(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, enforce: hard}\n", c)
	if d := e.Allow(t.Context(), Request{CallID: "lost", EstimatedUSD: 10}); d.Deny {
		t.Fatal(d.Message)
	}
	c.add(reservationTTL + time.Minute)
	e.tick(c.now())
	if d := e.Allow(t.Context(), Request{CallID: "next", EstimatedUSD: 10}); d.Deny {
		t.Errorf("the reservation of a call that never ended is kept: %s", d.Message)
	}
}

// TestOverspendIsBounded has many clients spend at once. What is spent passes
// the limit at most by what the calls on their way cost above their estimates.
func TestOverspendIsBounded(t *testing.T) {
	const workers, limit = 64, 50.0
	for _, tt := range []struct {
		name     string
		estimate func(actual float64) float64
		bound    float64 // above the limit
	}{
		{"estimates that are high enough", func(actual float64) float64 { return actual * 1.5 }, 0},
		{"exact estimates", func(actual float64) float64 { return actual }, 0},
		{"half of what it costs", func(actual float64) float64 { return actual / 2 }, workers * 0.5},
		{"no estimates", func(float64) float64 { return 0 }, workers * 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock(noon)
			e := newEngine(t, "- {name: b, limit: 50, enforce: hard}\n- {name: users, limit: 1000, each: user, enforce: hard}\n", c)
			var wg sync.WaitGroup
			var next, denied atomic.Int64
			for w := range workers {
				wg.Go(func() {
					rnd := rand.New(rand.NewPCG(uint64(w), 3))
					for range 200 {
						actual := rnd.Float64() // at most 1
						name := id(int(next.Add(1)))
						d := e.Allow(t.Context(), Request{CallID: name, User: "u1", EstimatedUSD: tt.estimate(actual)})
						if d.Deny {
							denied.Add(1)
							continue
						}
						e.Record(call(name, noon, actual))
					}
				})
			}
			wg.Wait()
			got := spent(t, e, "b")
			if got > limit+tt.bound+1e-6 {
				t.Errorf("%v spent, the bound is %v", got, limit+tt.bound)
			}
			if got < limit-2 || denied.Load() == 0 {
				t.Errorf("%v spent of %v, %d denied: too few were admitted", got, limit, denied.Load())
			}
			for _, st := range e.Status() {
				for _, a := range st.Top {
					if a.Reserved != 0 {
						t.Errorf("%s: %v are reserved though all calls have ended", st.Name, a.Reserved)
					}
				}
			}
			if n := len(e.reservations); n != 0 {
				t.Errorf("%d reservations are left", n)
			}
		})
	}
}

// TestTheBoundIsReached: calls that are on their way together and cost more than
// their estimate do pass the limit, by exactly that.
func TestTheBoundIsReached(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, enforce: hard}\n", c)
	admitted := 0
	for i := range 100 {
		if d := e.Allow(t.Context(), Request{CallID: id(i), EstimatedUSD: 1}); !d.Deny {
			admitted++
		}
	}
	if admitted != 10 {
		t.Fatalf("%d admitted, want 10", admitted)
	}
	for i := range admitted {
		e.Record(call(id(i), noon, 3))
	}
	if got, want := spent(t, e, "b"), 10.0+10*(3-1); got != want {
		t.Errorf("%v spent, want %v", got, want)
	}
}

func BenchmarkAllow(b *testing.B) {
	const others = "- {name: off, limit: 10}\n- {name: user, limit: 10, enforce: hard, scope: {user: somebody}}\n- {name: team, limit: 10, enforce: soft, scope: {tag.team: z}}\n"
	r := Request{User: "u1", Service: "shop", Model: "gpt-4o", Provider: "openai", Tags: map[string]string{"team": "a"}, EstimatedUSD: 0.01}
	for _, bb := range []struct{ name, text string }{
		{"nothing enforced", "- {name: off, limit: 10}\n"},
		{"nothing matches", others},
		{"one matches", others + "- {name: all, limit: 1e9, enforce: hard}\n"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			e, err := New(parse(b, bb.text), Options{})
			if err != nil {
				b.Fatal(err)
			}
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if d := e.Allow(ctx, r); d.Deny {
					b.Fatal(d.Message)
				}
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	e, err := New(parse(b, "- {name: all, limit: 1e9}\n- {name: users, limit: 1e9, each: user, period: 24h}\n- {name: team, limit: 1e9, scope: {tag.team: a}, period: day, time_zone: Europe/Berlin}\n"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	c := call("", time.Now(), 0.01)
	b.ReportAllocs()
	for b.Loop() {
		e.Record(c)
	}
}

func TestAllowIsCheapWhereNothingMatches(t *testing.T) {
	e := newEngine(t, "- {name: user, limit: 10, enforce: hard, scope: {user: somebody, tag.team: x}}\n", newClock(noon))
	r := Request{User: "u1", Tags: map[string]string{"team": "a"}}
	if n := testing.AllocsPerRun(1000, func() { e.Allow(t.Context(), r) }); n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}
