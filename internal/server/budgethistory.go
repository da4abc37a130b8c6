package server

import (
	"context"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/metrics"
)

const (
	// historyInterval is how often what fires is written down: as often as the
	// shipped rules are evaluated.
	historyInterval = 15 * time.Second
	// maxHistory bounds the alerts that are followed.
	maxHistory = 10_000
)

// alertHistory follows the alerts of budgets, which no rule evaluates, so that
// the series ALERTS have them like all others.
type alertHistory struct {
	record func(ctx context.Context, at time.Time, firing []metrics.FiringAlert) error

	mu     sync.Mutex
	firing []firingUntil
	wrote  bool // something fired the last time
}

type firingUntil struct {
	metrics.FiringAlert
	until time.Time
}

func newAlertHistory(m *metrics.Metrics) *alertHistory {
	return &alertHistory{record: m.NewAlertRecorder().Record}
}

// add follows alerts until they end.
func (h *alertHistory) add(alerts []manager.Alert) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range alerts {
		if len(h.firing) == maxHistory {
			h.firing = append(h.firing[:0], h.firing[maxHistory/2:]...)
		}
		h.firing = append(h.firing, firingUntil{metrics.FiringAlert{Labels: a.Labels, Since: a.StartsAt}, a.EndsAt})
	}
}

// write writes what fires at a time, and what has ended.
func (h *alertHistory) write(ctx context.Context, now time.Time) error {
	h.mu.Lock()
	var firing []metrics.FiringAlert
	left := h.firing[:0]
	for _, f := range h.firing {
		if now.Before(f.until) {
			firing, left = append(firing, f.FiringAlert), append(left, f)
		}
	}
	clear(h.firing[len(left):])
	h.firing = left
	was := h.wrote
	h.wrote = len(firing) > 0
	h.mu.Unlock()
	if !was && len(firing) == 0 {
		return nil
	}
	return h.record(ctx, now, firing)
}

// run writes until ctx ends.
func (h *alertHistory) run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(historyInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if err := h.write(ctx, now); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}
