package rules

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	promrules "github.com/prometheus/prometheus/rules"
)

var anomalyDays = flag.Int("anomaly-days", 1, "days that the anomaly bands are watched for, after two to learn")

// firedAlert is an alert that began to fire.
type firedAlert struct {
	name, direction, signal, service string
	at                               time.Time
}

// watchAnomalies replays real traces for days and collects what fires after
// the time to learn.
func watchAnomalies(t *testing.T, days int, faults func(start time.Time, services []string) []fault) ([]firedAlert, []fault) {
	t.Helper()
	ctx := t.Context()
	times := vllmServed(t)
	services := []*tracedService{
		newTracedService("conv", azureTrace(t, "conv"), times, 0, 1),
		newTracedService("code", azureTrace(t, "code"), times, 5*time.Hour, 2),
		newTracedService("mooncake", mooncakeTrace(t), times, 11*time.Hour, 3),
	}
	files, err := Packs(onlyPacks("anomalies"))
	if err != nil {
		t.Fatal(err)
	}
	var fired []firedAlert
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday
	learnt := start.Add(48 * time.Hour)
	var now time.Time
	notify := func(_ context.Context, _ string, alerts ...*promrules.Alert) {
		for _, a := range alerts {
			if a.State == promrules.StateFiring && a.FiredAt.Equal(now) && now.After(learnt) {
				fired = append(fired, firedAlert{
					a.Labels.Get("alertname"), a.Labels.Get("direction"), a.Labels.Get("signal"), a.Labels.Get("service"), now,
				})
			}
		}
	}
	e, err := newEvaluator(files, evaluatorOptions{interval: time.Minute, notify: notify})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
	}()
	var injected []fault
	if faults != nil {
		injected = faults(learnt, []string{"conv", "code", "mooncake"})
	}
	end := learnt.Add(time.Duration(days) * 24 * time.Hour)
	for now = start; now.Before(end); now = now.Add(time.Minute) {
		if now.Minute() == 0 {
			e.db.ForceHeadMMap() // the store does it every minute of real time
		}
		for _, s := range services {
			s.minute(now, injected)
			if err := s.store(ctx, e, now); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range e.groups {
			if now.Unix()%int64(g.Interval().Seconds()) == 0 {
				g.Eval(ctx, now)
			}
		}
	}
	for _, g := range e.groups {
		for _, r := range g.Rules() {
			if r.LastError() != nil {
				t.Errorf("%s: %v", r.Name(), r.LastError())
			}
		}
	}
	return fired, injected
}

// onlyPacks has all other packs off.
func onlyPacks(names ...string) Config {
	c := DefaultConfig()
	c.Packs = map[string]PackConfig{}
	for _, p := range packs() {
		on := slices.Contains(names, p.name)
		c.Packs[p.name] = PackConfig{Enabled: &on}
	}
	return c
}

func histogramOf(fired []firedAlert) string {
	count := map[string]int{}
	for _, f := range fired {
		count[strings.TrimSpace(f.name+" "+f.direction)+" "+f.service]++
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%s: %d", k, count[k]))
	}
	return strings.Join(out, ", ")
}

func TestAnomaliesAreQuietOnRealTraces(t *testing.T) {
	t.Parallel()
	if testing.Short() || raceEnabled {
		t.Skip("replays days of traffic, in one goroutine")
	}
	fired, _ := watchAnomalies(t, *anomalyDays, nil)
	perDay := float64(len(fired)) / float64(*anomalyDays) / 3
	fmt.Printf("false alarms: %d in %d days of 3 services: %.2f a service and day (%s)\n", len(fired), *anomalyDays, perDay, histogramOf(fired))
	if perDay > 0.5 {
		t.Errorf("%.2f false alarms a service and day: at most 0.5", perDay)
	}
}

func TestAnomaliesAreLoudOnFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() || raceEnabled {
		t.Skip("replays days of traffic, in one goroutine")
	}
	kinds := slices.Sorted(maps.Keys(faultKinds()))
	fired, faults := watchAnomalies(t, *anomalyDays, func(start time.Time, services []string) []fault {
		var out []fault
		n := 0
		for at := start.Add(90 * time.Minute); at.Before(start.Add(time.Duration(*anomalyDays)*24*time.Hour - time.Hour)); at = at.Add(2*time.Hour + 40*time.Minute) {
			// The time of the day and the service drift against the kind.
			out = append(out, fault{kinds[n%len(kinds)], services[(n/len(kinds)+n)%len(services)], at, at.Add(25 * time.Minute)})
			n++
		}
		return out
	})
	found := map[string]int{}
	total := map[string]int{}
	var delays []time.Duration
	for _, f := range faults {
		total[f.kind]++
		for _, a := range fired {
			if a.service == f.service && a.signal == faultKinds()[f.kind] && a.at.After(f.start) && a.at.Before(f.end.Add(5*time.Minute)) {
				found[f.kind]++
				delays = append(delays, a.at.Sub(f.start))
				break
			}
		}
	}
	outside := slices.DeleteFunc(slices.Clone(fired), func(a firedAlert) bool {
		return slices.ContainsFunc(faults, func(f fault) bool {
			return a.service == f.service && a.at.After(f.start) && a.at.Before(f.end.Add(15*time.Minute))
		})
	})
	sum := 0
	for _, k := range kinds {
		fmt.Printf("%-16s found %d of %d\n", k, found[k], total[k])
		sum += found[k]
	}
	slices.Sort(delays)
	fmt.Printf("all: %d of %d; median delay %s; alarms outside of faults: %d (%s)\n", sum, len(faults), delays[len(delays)/2], len(outside), histogramOf(outside))
	if share := float64(sum) / float64(len(faults)); share < 0.95 {
		t.Errorf("%.1f%% of the faults were found: at least 95%%", 100*share)
	}
	if perDay := float64(len(outside)) / float64(*anomalyDays) / 3; perDay > 0.7 {
		t.Errorf("%.2f alarms outside of faults a service and day: at most 0.7", perDay)
	}
}
