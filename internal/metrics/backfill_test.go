package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// TestBackfillLate fills the hours before a store that runs, the newest first,
// and counts over all of it.
func TestBackfillLate(t *testing.T) {
	m := openStore(t, func(o *Options) { o.OutOfOrder = 5 * time.Hour })
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	m.catalogue.ObserveCall(streamCall("gpt-x", 0))
	m.self.scrape(now.Add(time.Second))
	calls := 0
	for h := range 3 {
		end := now.Add(-time.Duration(h) * time.Hour)
		b, err := m.BackfillLate(end.Add(-time.Hour), end, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for at := range b.Times {
			// A model that is seldom called: one Call in each hour but the middle one.
			if minute := int(at.Sub(b.Start()).Minutes()); minute == 30 && h != 1 {
				c := streamCall("rare", h)
				c.Time = at.Add(-10 * time.Second)
				b.ObserveCall(c)
			}
			c := streamCall("gpt-x", calls)
			c.Time = at.Add(-20 * time.Second)
			b.ObserveCall(c)
			calls++
			if err := b.Commit(t.Context(), at); err != nil {
				t.Fatal(err)
			}
		}
		if b.Rejected() != 0 {
			t.Errorf("hour %d: %d samples were refused", h, b.Rejected())
		}
	}
	m.catalogue.ObserveCall(streamCall("gpt-x", 0))
	m.self.scrape(now.Add(6 * time.Second))
	live := now.Add(6 * time.Second)
	if n := m.self.snapshot().rejected; n != 0 {
		t.Errorf("%d live samples were refused", n)
	}
	if got := value1(t, m, `increase(llm_requests_total{model="gpt-x",status="success"}[190m])`, live); math.Abs(got-float64(calls+2)) > 0.03*float64(calls) {
		t.Errorf("the increase over all is %v, want %d", got, calls+2)
	}
	if got := value1(t, m, `increase(llm_requests_total{model="rare",status="success"}[190m])`, live); math.Abs(got-2) > 0.3 {
		t.Errorf("the increase of a rare series is %v, want 2", got)
	}
	if got := value1(t, m, `histogram_count(increase(llm_request_duration_seconds{model="gpt-x"}[190m]))`, live); math.Abs(got-float64(calls+2)) > 0.05*float64(calls) {
		t.Errorf("the increase of the native histogram is %v, want %d", got, calls+2)
	}
}

func TestBackfillLateBounds(t *testing.T) {
	o := testOptions(t)
	o.OutOfOrder = 5 * time.Hour
	m, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	m.catalogue.ObserveCall(streamCall("gpt-x", 1))
	m.self.scrape(now.Add(-time.Hour))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.BackfillLate(now.Add(-time.Hour), now, time.Minute); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
	again := openStore(t, func(n *Options) { *n = o })
	b, err := again.BackfillLate(now.Add(-3*time.Hour), now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if b.Start().Before(now.Add(-time.Hour)) {
		t.Errorf("what was stored before is filled again: from %v", b.Start())
	}
	if _, err := again.BackfillLate(now.Add(-3*time.Hour), now.Add(-2*time.Hour), time.Minute); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a time that is full: %v", err)
	}
	if _, err := again.BackfillLate(now, now, time.Minute); err == nil {
		t.Error("no time can be filled")
	}
	if err := again.BackfillRules(t.Context(), now.Add(-time.Hour), now, nil); err == nil {
		t.Error("the rules of a store that does not run were evaluated")
	}
}

// TestBackfillScrapedAndRules writes what a target said, and then what rules
// would have recorded of it: one that reads another, and an alert.
func TestBackfillScrapedAndRules(t *testing.T) {
	m := openStore(t, func(o *Options) {
		o.OutOfOrder = 5 * time.Hour
		o.NoBuiltinRules = true
		o.Rules = []RuleFile{{Name: "test", Content: []byte(`
groups:
  - name: a
    interval: 1m
    rules:
      - {record: second, expr: "first * 2"}
      - {alert: Deep, expr: "queue_length > 50", for: 3m, labels: {severity: page}}
  - name: b
    interval: 1m
    rules:
      - {record: first, expr: "sum by (instance) (queue_length)", labels: {by: rule}}
`)}}
	})
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	end := time.Now().Truncate(time.Minute).Add(-time.Minute)
	start := end.Add(-2 * time.Hour)
	b, err := m.BackfillLate(start, end, 15*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	deep := start.Add(30 * time.Minute) // for ten minutes
	for at := start; at.Before(end); at = at.Add(15 * time.Second) {
		v := 10.0
		if !at.Before(deep) && at.Before(deep.Add(10*time.Minute)) {
			v = 90
		}
		f := &dto.MetricFamily{Name: new("queue_length"), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: new(v)}}}}
		answer := Answer{Target: map[string]string{"job": "vllm", "instance": "gpu-a:8000"}, Families: []*dto.MetricFamily{f}}
		if err := b.Scraped(t.Context(), at, []Answer{answer}); err != nil {
			t.Fatal(err)
		}
	}
	paced := 0
	pace := func(context.Context) error { paced++; return nil }
	if err := m.BackfillRules(t.Context(), start, end, pace); err != nil {
		t.Fatal(err)
	}
	if paced != 3 {
		t.Errorf("%d pauses between 3 rules", paced)
	}
	at := deep.Add(5*time.Minute + 30*time.Second)
	for expr, want := range map[string]float64{
		`up{job="vllm",instance="gpu-a:8000"}`:                  1,
		`first{instance="gpu-a:8000",by="rule"}`:                90,
		`second{by="rule"}`:                                     180,
		`ALERTS{alertname="Deep",severity="page"}`:              1,
		`count(ALERTS{alertstate="firing",job="vllm"})`:         1,
		`(ALERTS_FOR_STATE{alertname="Deep"} > bool 0)`:         1,
		fmt.Sprintf(`second @ %d`, start.Add(time.Hour).Unix()): 20,
	} {
		if got := value1(t, m, expr, at); got != want {
			t.Errorf("%s is %v, want %v", expr, got, want)
		}
	}
	for what, when := range map[string]time.Time{"before": deep.Add(-time.Minute), "after": deep.Add(12 * time.Minute)} {
		if s := query(t, m, `ALERTS`, when); len(s) != 0 {
			t.Errorf("%s the trouble there are alerts: %v", what, s)
		}
	}
	if s := query(t, m, `ALERTS`, deep.Add(90*time.Second)); len(s) != 1 || s[0].Labels["alertstate"] != "pending" {
		t.Errorf("at first the alert is not pending: %v", s)
	}
	stop := errors.New("stop")
	if err := m.BackfillRules(t.Context(), start, end, func(context.Context) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of pace is lost: %v", err)
	}
}
