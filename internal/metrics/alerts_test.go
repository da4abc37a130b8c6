package metrics

import (
	"testing"
	"time"
)

func TestAlertRecorder(t *testing.T) {
	m := startStore(t)
	r := m.NewAlertRecorder()
	now := time.Now().Truncate(time.Second).Add(-time.Minute)
	one := FiringAlert{Labels: map[string]string{"alertname": "BudgetThreshold", "budget": "team", "empty": ""}, Since: now}
	two := FiringAlert{Labels: map[string]string{"alertname": "BudgetForecast", "budget": "team"}, Since: now}
	for i, firing := range [][]FiringAlert{{one}, {one, two}, {two}, {}} {
		if err := r.Record(t.Context(), now.Add(time.Duration(i)*15*time.Second), firing); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []float64{1, 2, 1, 0} {
		res, err := m.Query(t.Context(), `count(ALERTS{alertstate="firing",budget="team",instance="",empty=""}) or vector(0)`, now.Add(time.Duration(i)*15*time.Second))
		if err != nil || len(res.Series) != 1 || res.Series[0].Points[0].Value != want {
			t.Errorf("round %d: %+v %v, want %v", i, res, err, want)
		}
	}
	res, err := m.Query(t.Context(), `ALERTS_FOR_STATE{alertname="BudgetThreshold"}`, now)
	if err != nil || len(res.Series) != 1 || res.Series[0].Points[0].Value != float64(now.Unix()) || res.Series[0].Labels["alertstate"] != "" {
		t.Errorf("%+v %v", res, err)
	}
}
