package rules

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
)

// ticker counts the calls of a healthy service as a scrape would: the counters
// go on, whatever the clock says.
type ticker struct{ n float64 }

func (k *ticker) store(t *testing.T, e *evaluator, at time.Time) {
	t.Helper()
	k.n++
	app := e.appender(t.Context())
	call := []string{"service", "shop", "provider", "openai", "model", "gpt-4o", "method", "chat"}
	add := func(v float64, name string, kv ...string) {
		// Samples that are out of order past the window are refused, as in the
		// server's store.
		_, _ = app.Append(0, labels.FromStrings(append(append([]string{model.MetricNameLabel, name}, call...), kv...)...), at.UnixMilli(), v)
	}
	add(30*k.n, "llm_requests_total", "status", "success")
	add(0.1*k.n, "llm_requests_total", "status", "error")
	add(9000*k.n, "llm_tokens_total", "type", "input")
	add(3*k.n, "llm_cost_usd_total", "state", "computed")
	for _, h := range []string{"llm_request_duration_seconds", "llm_time_to_first_token_seconds"} {
		add(0, h+"_bucket", "le", "0.5")
		add(30*k.n, h+"_bucket", "le", "1")
		add(30*k.n, h+"_bucket", "le", "+Inf")
		add(30*k.n, h+"_count")
	}
	for _, le := range []string{"30", "40", "+Inf"} {
		v := 30 * k.n
		if le == "30" {
			v = 0
		}
		add(v, "llm_token_generation_rate_bucket", "le", le)
	}
	add(30*k.n, "llm_token_generation_rate_count")
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestClockStepsFireNothing moves the clock of a healthy service with three
// hours of history in both directions. What protects: no shipped expression
// looks at time() or at absence, every range is 5 minutes or longer, ratios have
// the same clock on both sides, and absolute rates leave out counters that seem
// to restart.
func TestClockStepsFireNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("many evaluations, in one goroutine")
	}
	for _, step := range []time.Duration{time.Hour, 24 * time.Hour, 40 * 24 * time.Hour, -2*time.Minute - 7*time.Second, -20*time.Minute - 23*time.Second, -3 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			fired := map[string]bool{}
			e, err := newEvaluator(packFiles(t, DefaultConfig()), evaluatorOptions{
				interval: time.Minute, outOfOrder: 30 * time.Minute,
				notify: func(_ context.Context, _ string, alerts ...*promrules.Alert) {
					for _, a := range alerts {
						fired[a.Labels.String()] = true
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.close(); err != nil {
					t.Error(err)
				}
			}()
			var k ticker
			at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
			run := func(length time.Duration) {
				for end := at.Add(length); at.Before(end); at = at.Add(time.Minute) {
					k.store(t, e, at)
					for _, g := range e.groups {
						g.Eval(t.Context(), at)
					}
				}
			}
			run(3 * time.Hour)
			at = at.Add(step)
			run(time.Hour)
			if v, err := e.query(t.Context(), "llm:signal:upper", at.Add(-time.Minute)); err != nil || (len(v) == 0 && step < 40*24*time.Hour) {
				t.Errorf("the bands are not judged any more: %v, %v", v, err)
			}
			if len(fired) > 0 {
				t.Errorf("fired: %v", fired)
			}
		})
	}
}

// TestPendingAlertsSurviveRestart evaluates the packs up to the middle of a
// `for`, restores the state in new groups over the same store, as the engine
// does after a restart, and finds the alert pending since its first time.
func TestPendingAlertsSurviveRestart(t *testing.T) {
	files := packFiles(t, onlyPacks("errors"))
	var firedAt time.Time
	var now time.Time
	o := evaluatorOptions{interval: time.Minute, notify: func(_ context.Context, _ string, alerts ...*promrules.Alert) {
		for _, a := range alerts {
			if a.Labels.Get("level") == minor && a.State == promrules.StateFiring && firedAt.IsZero() {
				firedAt = now
			}
		}
	}}
	e, err := newEvaluator(files, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	// The engine writes the state of alerts with its own clock's offset.
	start := time.Now().Add(-20 * time.Minute).Truncate(time.Minute)
	n := 0.0
	run := func(from, to time.Duration) {
		for d := from; d < to; d += time.Minute {
			now = start.Add(d)
			n++
			app := e.appender(t.Context())
			for status, v := range map[string]float64{"success": 97 * n, "error": 3 * n} {
				if _, err := app.Append(0, labels.FromStrings(model.MetricNameLabel, "llm_requests_total", "service", "shop", "status", status), now.UnixMilli(), v); err != nil {
					t.Fatal(err)
				}
			}
			if err := app.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := e.eval(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.trustState()
	run(0, 6*time.Minute)

	// Everything but the store is new.
	old := e.groups
	e.groups = nil
	if err := e.load(files, o); err != nil {
		t.Fatal(err)
	}
	if slices.Equal(old, e.groups) {
		t.Fatal("the groups are the old ones")
	}
	now = start.Add(6 * time.Minute)
	for _, g := range e.groups {
		g.Eval(t.Context(), now)
		g.RestoreForState(now)
	}
	// For 10 minutes, of which 5 were over: with what is left less than the grace
	// period of 10 minutes, the engine waits for the whole of that.
	run(7*time.Minute, 20*time.Minute)
	if firedAt.IsZero() {
		t.Fatal("it never fired")
	}
	if got := firedAt.Sub(start); got < 11*time.Minute || got > 17*time.Minute {
		t.Errorf("it fired after %s", got)
	}
	for _, a := range e.alertingRules() {
		for _, active := range a.ActiveAlerts() {
			if active.Labels.Get("level") == minor && active.ActiveAt.After(start.Add(7*time.Minute)) {
				t.Errorf("it counts from %s after the start: the time before the restart is lost", active.ActiveAt.Sub(start))
			}
		}
	}
}
