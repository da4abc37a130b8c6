package budget

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func thresholds(alerts []Alert) []float64 {
	var out []float64
	for _, a := range alerts {
		out = append(out, a.Threshold)
	}
	return out
}

// due is what is due now, delivered.
func due(e *Engine) []Alert {
	out := e.tick(e.now())
	e.delivered(len(out))
	return out
}

func TestThresholdsNotifyOnceAPeriod(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, labels: {team: a}}\n", c)
	n := 0
	spend := func(usd float64) []float64 {
		n++
		e.Record(call(id(n), c.now(), usd))
		return thresholds(due(e))
	}
	for i, step := range []struct {
		usd  float64
		want []float64
	}{{4, nil}, {1, []float64{50}}, {1, nil}, {2.5, []float64{80}}, {0.5, nil}, {3, []float64{100}}, {50, nil}} {
		if got := spend(step.usd); !slices.Equal(got, step.want) {
			t.Errorf("step %d: %v notified, want %v", i, got, step.want)
		}
	}
	c.set(time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC))
	if got := spend(30); !slices.Equal(got, []float64{100}) {
		t.Errorf("in July all are passed at once: %v notified, want the highest alone", got)
	}
	if got := spend(1); got != nil {
		t.Errorf("%v notified again", got)
	}
}

func TestAlertSaysAll(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, description: D., limit: 10, each: user, labels: {team: a}, enforce: soft}\n", c)
	e.Record(call(id(1), noon, 9))
	all := due(e)
	if len(all) != 1 {
		t.Fatalf("%d notifications", len(all))
	}
	a := all[0]
	if a.Budget != "b" || a.Account != "u1" || a.Dimension != "user" || a.Threshold != 80 || a.Spent != 9 || a.Limit != 10 || a.Enforce != Soft ||
		!a.Start.Equal(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)) || !a.End.Equal(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", a)
	}
	// 14.5 of 30 days are over.
	if a.Forecast == nil || *a.Forecast < 18.6 || *a.Forecast > 18.7 {
		t.Errorf("forecast %v, want 9 * 30/14.5", a.Forecast)
	}
	if a.Labels["team"] != "a" || a.Labels["budget"] != "b" || a.Labels["account"] != "u1" || a.Severity() != "warning" {
		t.Errorf("labels %v, severity %s", a.Labels, a.Severity())
	}
	if s := a.Summary(); s != "budget b of user u1 is over 80 %: 9.00 USD of 10.00 USD are spent" {
		t.Errorf("summary %q", s)
	}
}

func TestForecastNotifiesOnce(t *testing.T) {
	c := newClock(time.Date(2026, 6, 1, 1, 0, 0, 0, time.UTC))
	e := newEngine(t, "- {name: b, limit: 300, thresholds: [], forecast: true}\n", c)
	e.Record(call(id(1), c.now(), 5)) // 5 in an hour: too early to say
	if got := due(e); len(got) != 0 {
		t.Errorf("%+v notified after an hour", got)
	}
	c.set(time.Date(2026, 6, 5, 0, 0, 0, 0, time.UTC)) // 4 of 30 days
	e.Record(call(id(2), c.now(), 40))
	got := due(e)
	if len(got) != 1 || got[0].Threshold != 0 || *got[0].Forecast != 45*30/4.0 {
		t.Fatalf("%+v, want the forecast of 337.5", got)
	}
	if s := got[0].Summary(); !strings.Contains(s, "will be exceeded") || !strings.Contains(s, "337.50 USD") {
		t.Errorf("summary %q", s)
	}
	e.Record(call(id(3), c.now(), 1))
	if got := due(e); len(got) != 0 {
		t.Errorf("%+v notified again", got)
	}
}

func TestRollingThresholdRearms(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, period: 1h, thresholds: [100]}\n", c)
	e.Record(call(id(1), noon, 12))
	if got := thresholds(due(e)); !slices.Equal(got, []float64{100}) {
		t.Fatalf("%v notified", got)
	}
	c.add(30 * time.Minute)
	e.Record(call(id(2), c.now(), 12))
	if got := due(e); len(got) != 0 {
		t.Errorf("%v notified while it never fell", got)
	}
	c.add(2 * time.Hour)
	e.review(c.now())
	if got := due(e); len(got) != 0 {
		t.Errorf("%v notified of nothing", got)
	}
	e.Record(call(id(3), c.now(), 11))
	if got := thresholds(due(e)); !slices.Equal(got, []float64{100}) {
		t.Errorf("%v notified, want 100 again", got)
	}
}

// TestFallingNotifiesNothing: the thresholds under one that was passed were
// passed with it.
func TestFallingNotifiesNothing(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, period: 1h, thresholds: [80, 100]}\n", c)
	e.Record(call(id(1), noon, 3.5))
	c.add(30 * time.Minute)
	e.Record(call(id(2), c.now(), 8.5))
	if got := thresholds(due(e)); !slices.Equal(got, []float64{100}) {
		t.Fatalf("%v notified", got)
	}
	c.add(35 * time.Minute)
	e.review(c.now())
	if got := thresholds(due(e)); len(got) != 0 || spent(t, e, "b") != 8.5 {
		t.Errorf("%v notified as it fell to %v", got, spent(t, e, "b"))
	}
}

func TestNotificationsSurviveRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "budgets")
	c := newClock(noon)
	open := func() *Engine {
		t.Helper()
		e, err := New(parse(t, "- {name: b, limit: 10}\n"), Options{Path: path, Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	e.Record(call(id(1), noon, 5))
	if got := e.tick(noon); len(got) != 1 {
		t.Fatalf("%d due", len(got))
	}
	if err := e.Save(); err != nil { // and it dies before the delivery
		t.Fatal(err)
	}
	e = open()
	if got := thresholds(due(e)); !slices.Equal(got, []float64{50}) {
		t.Errorf("%v after the restart, want what was not delivered", got)
	}
	if err := e.Save(); err != nil {
		t.Fatal(err)
	}
	e = open()
	e.Record(call(id(2), noon, 1))
	if got := due(e); len(got) != 0 {
		t.Errorf("%+v notified again after a restart", got)
	}
}

// TestRunDelivers: within a second; again where the delivery fails; and it saves.
func TestRunDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "budgets")
		fail := true
		var got []Alert
		var at []time.Time
		e, err := New(parse(t, "- {name: b, limit: 10, period: month}\n"), Options{Path: path, Notify: func(_ context.Context, a []Alert) error {
			at = append(at, time.Now())
			if fail {
				fail = false
				return errors.New("the Alertmanager is not there yet")
			}
			got = append(got, a...)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		began := time.Now()
		e.Record(call(id(1), began, 9))
		<-time.After(3 * time.Second)
		synctest.Wait()
		if len(got) != 1 || got[0].Threshold != 80 {
			t.Fatalf("%+v delivered, want one of 80 %%", got)
		}
		if d := at[0].Sub(began); d > time.Second {
			t.Errorf("delivered after %v", d)
		}
		if n := e.counters.notifyErrors.Load(); n != 1 {
			t.Errorf("%d failures, want 1", n)
		}
		// The bubble's clock begins on the first of January; a month later the
		// budget is fresh and notifies anew.
		<-time.After(time.Until(time.Date(2000, 2, 1, 0, 0, 1, 0, time.UTC)))
		e.Record(call(id(2), time.Now(), 9))
		<-time.After(2 * time.Second)
		synctest.Wait()
		if len(got) != 2 || got[1].Spent != 9 || !got[1].Start.Equal(time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v delivered in February", got)
		}
		e.Record(call(id(3), time.Now(), 0.25))
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		again, err := New(parse(t, "- {name: b, limit: 10, period: month}\n"), Options{Path: path})
		if err != nil || spent(t, again, "b") != 9.25 {
			t.Errorf("after the end %v is saved, %v: want 9.25", spent(t, again, "b"), err)
		}
	})
}
