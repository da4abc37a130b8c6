package server

import (
	"context"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/metrics"
)

func TestBudgetAlertsAreWrittenWhileTheyFire(t *testing.T) {
	var got [][]metrics.FiringAlert
	h := &alertHistory{record: func(_ context.Context, _ time.Time, firing []metrics.FiringAlert) error {
		got = append(got, firing)
		return nil
	}}
	now := time.Now()
	at := func(d time.Duration) {
		if err := h.write(t.Context(), now.Add(d)); err != nil {
			t.Fatal(err)
		}
	}
	at(0) // nothing has ever fired: nothing is written
	h.add([]manager.Alert{{Labels: map[string]string{"alertname": "BudgetThreshold"}, StartsAt: now, EndsAt: now.Add(time.Minute)}})
	at(15 * time.Second)
	h.add([]manager.Alert{{Labels: map[string]string{"alertname": "BudgetForecast"}, StartsAt: now, EndsAt: now.Add(time.Hour)}})
	at(30 * time.Second)
	at(60 * time.Second)
	at(time.Hour) // the end is written once
	at(2 * time.Hour)
	var counts []int
	for _, g := range got {
		counts = append(counts, len(g))
	}
	if len(counts) != 4 || counts[0] != 1 || counts[1] != 2 || counts[2] != 1 || counts[3] != 0 {
		t.Errorf("%v", counts)
	}
	if f := got[0][0]; f.Labels["alertname"] != "BudgetThreshold" || !f.Since.Equal(now) {
		t.Errorf("%+v", f)
	}
	for range maxHistory + 5 {
		h.add([]manager.Alert{{EndsAt: now.Add(9 * time.Hour)}})
	}
	if n := len(h.firing); n > maxHistory {
		t.Errorf("%d are followed", n)
	}
}
