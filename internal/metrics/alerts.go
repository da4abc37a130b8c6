package metrics

import (
	"context"
	"fmt"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
)

// The series of Prometheus' own rules.
const (
	alertsFamily      = "ALERTS"
	alertsSinceFamily = "ALERTS_FOR_STATE"
)

// FiringAlert is an alert that fires for another reason than a rule.
type FiringAlert struct {
	Labels map[string]string // alertname among them
	Since  time.Time
}

// AlertRecorder writes the history of alerts that no rule evaluates, in the
// series in which rules write theirs. It is used by one goroutine at a time.
type AlertRecorder struct {
	m *Metrics
	a *familyAppender
}

// NewAlertRecorder returns a recorder that has written nothing.
func (m *Metrics) NewAlertRecorder() *AlertRecorder {
	return &AlertRecorder{m: m, a: newFamilyAppender(labels.EmptyLabels())}
}

// Record writes what fires at a time. What fired the time before and does not now
// ends there.
func (r *AlertRecorder) Record(ctx context.Context, at time.Time, firing []FiringAlert) error {
	families := alertFamilies(firing)
	app := r.m.store.AppenderV2(ctx)
	if _, err := r.a.append(app, families, at.UnixMilli()); err != nil {
		r.a.forget()
		_ = app.Rollback() // err says more
		return fmt.Errorf("metrics: record alerts: %w", err)
	}
	if err := app.Commit(); err != nil {
		r.a.forget()
		return fmt.Errorf("metrics: record alerts: %w", err)
	}
	return nil
}

func alertFamilies(firing []FiringAlert) []*dto.MetricFamily {
	alerts := &dto.MetricFamily{Name: new(alertsFamily), Type: dto.MetricType_GAUGE.Enum()}
	since := &dto.MetricFamily{Name: new(alertsSinceFamily), Type: dto.MetricType_GAUGE.Enum()}
	for _, f := range firing {
		var pairs []*dto.LabelPair
		for name, v := range f.Labels {
			if v != "" {
				pairs = append(pairs, &dto.LabelPair{Name: new(name), Value: new(v)})
			}
		}
		since.Metric = append(since.Metric, &dto.Metric{Label: sortedPairs(pairs), Gauge: &dto.Gauge{Value: new(float64(f.Since.Unix()))}})
		pairs = append(slices.Clone(pairs), &dto.LabelPair{Name: new("alertstate"), Value: new("firing")})
		alerts.Metric = append(alerts.Metric, &dto.Metric{Label: sortedPairs(pairs), Gauge: &dto.Gauge{Value: new(1.0)}})
	}
	return []*dto.MetricFamily{alerts, since}
}

func sortedPairs(pairs []*dto.LabelPair) []*dto.LabelPair {
	slices.SortFunc(pairs, func(a, b *dto.LabelPair) int {
		switch {
		case a.GetName() < b.GetName():
			return -1
		case a.GetName() > b.GetName():
			return 1
		}
		return 0
	})
	return pairs
}
