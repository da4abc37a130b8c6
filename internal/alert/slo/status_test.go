package slo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestStatusOfABurningObjective(t *testing.T) {
	s := newSim(t, `
- {name: a, description: Answers., objective: 99, sli: availability, service: shop}
- {name: b, objective: 90, sli: availability, alerting: {no_page: true, min_errors: 2}}
- {name: c, objective: 99.9, sli: availability}
`)
	bad := traffic(10, 0.05)
	for name, v := range traffic(10, 0.05) {
		bad[strings.Replace(name, "{", `{service="shop",`, 1)] = v
	}
	s.run(90*time.Minute, always(bad), nil)
	all := s.set.Status(t.Context(), s, s.now)
	if len(all) != 3 {
		t.Fatalf("%d statuses, want 3", len(all))
	}
	a := all[0]
	if a.Name != "a" || a.Indicator != "availability" || a.Objective != 0.99 || a.Window != "30d" || a.Labels["service"] != "shop" {
		t.Errorf("status %+v", a)
	}
	near := func(what string, got *float64, want float64) {
		t.Helper()
		if got == nil || math.Abs(*got-want) > 0.01*math.Abs(want) {
			t.Errorf("%s is %v, want %v", what, deref(got), want)
		}
	}
	near("attainment", a.Attainment, 0.95)
	near("remaining", a.BudgetRemaining, 1-5)
	if a.State != StateExhausted || a.ExhaustedAt != nil {
		t.Errorf("state %s, exhausted at %v: want exhausted, no forecast", a.State, a.ExhaustedAt)
	}
	for _, b := range a.BurnRates {
		near("burn rate over "+b.Window, b.Rate, 5)
	}
	if n := len(a.BurnRates); n != 7 || a.BurnRates[0].Window != "5m" || a.BurnRates[6].Window != "3d" {
		t.Errorf("burn rates %+v, want 7 windows from 5m to 3d", a.BurnRates)
	}
	for i, met := range []bool{false, false, true, true} { // 5 is over 3 and 1
		if a.Alerts[i].Met != met {
			t.Errorf("condition %+v, want met %v", a.Alerts[i], met)
		}
	}
	for i, threshold := range []float64{0.144, 0.06, 0.03, 0.01} {
		if x := a.Alerts[i]; x.Threshold != threshold || x.Consumed == 0 || x.Off {
			t.Errorf("condition %+v, want a threshold of %v", x, threshold)
		}
	}
	if b := all[1].Alerts; a.MinErrors != defaultMinErrors || !b[0].Off || b[3].Off || all[1].MinErrors != 2 {
		t.Errorf("the alerts of b: %+v, min_errors %v and %v", b, a.MinErrors, all[1].MinErrors)
	}
	near("burn rate of b", all[1].BurnRates[0].Rate, 0.5)
	if all[1].State != StateOK || all[1].ExhaustedAt != nil {
		t.Errorf("b burns at half of what is allowed: state %s, exhausted at %v", all[1].State, all[1].ExhaustedAt)
	}
	if text, err := json.Marshal(all); err != nil || !strings.Contains(string(text), `"budget_remaining":-4`) {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

func TestForecastOfExhaustion(t *testing.T) {
	s := newSim(t, "- {name: a, objective: 99, sli: availability}\n")
	s.fast(4*day, always(traffic(10, 0.0005)))
	s.fast(6*time.Hour, always(traffic(10, 0.02)))
	s.run(10*time.Minute, always(traffic(10, 0.02)), nil)
	st := s.set.Status(t.Context(), s, s.now)[0]
	if st.ExhaustedAt == nil || st.BudgetRemaining == nil {
		t.Fatalf("no forecast: %+v", st)
	}
	want := time.Duration(*st.BudgetRemaining * float64(month) / 2) // at twice the rate
	if got := st.ExhaustedAt.Sub(s.now); math.Abs(float64(got-want)) > 0.02*float64(want) {
		t.Errorf("exhausted in %v, want %v", got, want)
	}
}

func TestStatusByLabel(t *testing.T) {
	s := newSim(t, "- {name: a, objective: 99, sli: availability, by: [model]}\n")
	r := rates{}
	for model, failing := range map[string]float64{"m1": 0, "m2": 0.5} {
		for name, v := range traffic(5, failing) {
			r[strings.Replace(name, "{", fmt.Sprintf("{model=%q,", model), 1)] = v
		}
	}
	s.run(time.Hour, always(r), nil)
	all := s.set.Status(t.Context(), s, s.now)
	if len(all) != 2 || all[0].Labels["model"] != "m1" || all[1].Labels["model"] != "m2" {
		t.Fatalf("statuses %+v, want one for each model", all)
	}
	if all[0].State != StateOK || all[1].State != StateExhausted {
		t.Errorf("states %s and %s", all[0].State, all[1].State)
	}
}

func TestStatusOfAFailingQuery(t *testing.T) {
	set := load(t, noDefaults+"- {name: a, objective: 99, sli: availability}\n- {name: b, objective: 99, sli: availability}\n")
	q := QuerierFunc(func(_ context.Context, expr string, _ time.Time) ([]Sample, error) {
		if strings.Contains(expr, `slo="a"`) {
			return nil, errors.New("store is closed")
		}
		return []Sample{{Labels: map[string]string{"__name__": recRatio + "30d", "slo": "b"}, Value: 0.001}}, nil
	})
	all := set.Status(t.Context(), q, start)
	if len(all) != 2 || all[0].State != StateError || !strings.Contains(all[0].Error, "store is closed") || all[1].State != StateOK {
		t.Errorf("statuses %+v, want an error of the first alone", all)
	}
}
